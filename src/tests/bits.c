/* bits.c: a hash of every output of every function, dtype and layout for each instruction set. Levels with fused
 * multiply-add give the same bits; the printed hashes compare compilers, machines and ways to build. With an argument,
 * for emulators, of small arrays alone. */
#include <stdlib.h>

#include "check.h"
#include "closs.h"

enum { SAMPLES = 19, MOST = SAMPLES * 20000 };

static const size_t size_of[] = {4, 8, 2, 2};
static union {
    float f32[MOST];
    double f64[MOST];
    uint16_t half[MOST];
} first, second, grad, hess, values;
static int64_t labels[SAMPLES], predicted[SAMPLES];
static double sample_weight[MOST], class_weight[20000];
static uint64_t hash;

/* FNV-1a, eight bytes at a time. Machines differ in the sign of a NaN that they make: to the hash all are one. */
static void add(const void *data, closs_dtype dtype, int64_t elements)
{
    const size_t size = size_of[dtype], bytes = (size_t)elements * size;
    static unsigned char canonical[MOST * 8];
    memcpy(canonical, data, bytes);
    for (size_t i = 0; i < bytes; i += size) {
        float f32 = 0;
        double f64 = 0;
        uint16_t half = 0;
        if (size == 2) memcpy(&half, canonical + i, size);
        if (size == 4) memcpy(&f32, canonical + i, size);
        if (size == 8) memcpy(&f64, canonical + i, size);
        if (f32 != f32 || f64 != f64 || (half & 0x7fff) > (dtype == CLOSS_F16 ? 0x7c00 : 0x7f80))
            memset(canonical + i, 0xff, size);
    }
    for (size_t i = 0; i < bytes; i += 8) {
        uint64_t word = 0;
        memcpy(&word, canonical + i, bytes - i < 8 ? bytes - i : 8);
        hash = (hash ^ word) * UINT64_C(1099511628211);
    }
}

/* Numbers between -8 and 8, or probabilities, that every dtype holds exactly. */
static void fill(void *array, closs_dtype dtype, int64_t elements, unsigned seed, int positive)
{
    for (int64_t i = 0; i < elements; i++) {
        seed = seed * 1664525u + 1013904223u;
        const int step = (int)(seed >> 25) - 64; /* of 1/8, or 1/64 */
        const float x = positive ? (float)(step + 64) / 64 : (float)step / 8;
        uint32_t bits;
        memcpy(&bits, &x, sizeof bits);
        const uint32_t f16 = (bits >> 16 & 0x8000) | ((bits & 0x7fffffff) - (112u << 23)) >> 13;
        switch (dtype) {
        case CLOSS_F32: ((float *)array)[i] = x; break;
        case CLOSS_F64: ((double *)array)[i] = (double)x; break;
        case CLOSS_F16: ((uint16_t *)array)[i] = (uint16_t)(x == 0 ? 0 : f16); break;
        case CLOSS_BF16: ((uint16_t *)array)[i] = (uint16_t)(bits >> 16); break;
        }
    }
}

static void outputs(closs_status status, double value, closs_dtype dtype, int64_t elements, int64_t samples)
{
    CHECK(status == CLOSS_OK);
    add(&value, CLOSS_F64, 1);
    add(&grad, dtype, elements);
    add(&hess, dtype, elements);
    add(&values, dtype == CLOSS_F64 ? CLOSS_F64 : CLOSS_F32, samples);
}

static void softmax_family(closs_dtype dtype, int64_t classes, int samples_fastest, int labelled)
{
    const int64_t samples = SAMPLES, strides[] = {1, SAMPLES};
    for (int result = CLOSS_CROSS_ENTROPY; result <= LAST_RESULT; result++) {
        const int takes_labels =
            result == CLOSS_CROSS_ENTROPY || result == CLOSS_PROBABILITY_CROSS_ENTROPY || result == CLOSS_ZERO_ONE;
        const int takes_pair =
            result == CLOSS_DISTILLATION || result == CLOSS_KL_DIVERGENCE || result == CLOSS_JS_DIVERGENCE;
        const int plain = result >= CLOSS_LOGSUMEXP && result <= CLOSS_LOG_SOFTMAX;
        const int of_labels = result == CLOSS_ZERO_ONE && !labelled; /* both, predicted ones in place of scores */
        if (labelled && !takes_labels) continue;
        closs_softmax_args args = CLOSS_SOFTMAX_INIT;
        args.result = (closs_softmax_result)result;
        args.dtype = args.target_dtype = dtype;
        args.ndim = 1;
        args.shape = &samples;
        args.classes = of_labels ? 0 : classes;
        if (of_labels)
            args.predicted.data = predicted;
        else
            args.logits.data = &first;
        if (result != CLOSS_LOGSUMEXP && result != CLOSS_ZERO_ONE) args.grad.data = &grad;
        if (result != CLOSS_SOFTMAX && result != CLOSS_LOG_SOFTMAX) args.values.data = &values;
        if (labelled || of_labels)
            args.labels.data = labels;
        else if (takes_labels || takes_pair)
            args.targets.data = &second;
        if (!plain) args.sample_weight.data = sample_weight;
        if (result == CLOSS_CROSS_ENTROPY) {
            args.class_weight.data = class_weight;
            args.hess.data = &hess;
        }
        if (result == CLOSS_DISTILLATION) args.temperature = 1.5;
        if (samples_fastest)
            args.logits.strides = args.targets.strides = args.grad.strides = args.hess.strides = strides;
        double value = 0;
        fill(&first, dtype, samples * classes, 1, result >= CLOSS_ENTROPY && result != CLOSS_ZERO_ONE);
        fill(&second, dtype, samples * classes, 2, result != CLOSS_DISTILLATION);
        for (int smooth = 0; smooth <= (result == CLOSS_CROSS_ENTROPY); smooth++) {
            if (smooth) args.label_smoothing = 0.125;
            const closs_status status = closs_softmax(&args, CLOSS_MEAN, &value, NULL);
            outputs(status, value, dtype, samples * classes, samples);
        }
    }
}

static void elementwise(closs_dtype dtype, int weighted, int64_t elements)
{
    fill(&first, dtype, elements, 3, 0);
    fill(&second, dtype, elements, 4, 1);
    for (int loss = CLOSS_L1; loss <= LAST_LOSS; loss++) {
        closs_elementwise_args args = CLOSS_ELEMENTWISE_INIT;
        args.loss = (closs_elementwise_loss)loss;
        args.dtype = dtype;
        args.parameter = 0.75;
        args.ndim = 1;
        args.shape = &elements;
        args.pred.data = &first;
        args.target.data = &second;
        args.grad.data = &grad;
        if (weighted) {
            args.sample_weight.data = sample_weight;
            args.hess.data = &hess;
            args.values.data = &values;
        }
        double value = 0;
        const closs_status status = closs_elementwise(&args, CLOSS_SUM, &value, NULL);
        outputs(status, value, dtype, elements, elements);
    }
}

static uint64_t everything(int thinned)
{
    static const int64_t sizes[] = {1, 2, 10, 128, 129, 700, 20000};
    hash = UINT64_C(14695981039346656037);
    memset(&grad, 0, sizeof grad);
    memset(&hess, 0, sizeof hess);
    memset(&values, 0, sizeof values);
    for (int dtype = CLOSS_F32; dtype <= CLOSS_BF16; dtype++) {
        for (int k = 0; k < (thinned ? 5 : 7); k++) {
            for (int i = 0; i < SAMPLES; i++) {
                labels[i] = i * 7919 % sizes[k];
                predicted[i] = i % 3 ? labels[i] : -1;
            }
            for (int way = 0; way < 4; way++) softmax_family((closs_dtype)dtype, sizes[k], way / 2, way % 2);
        }
        for (int weighted = 0; weighted < 2; weighted++)
            elementwise((closs_dtype)dtype, weighted, thinned ? 2049 : 40001);
    }
    return hash;
}

int main(int count, char **arguments)
{
    (void)arguments;
    uint64_t fused = 0;
    for (int i = 0; i < MOST; i++) sample_weight[i] = i % 5 / 4.0;
    for (int j = 0; j < 20000; j++) class_weight[j] = (j % 7 + 1) / 8.0;
    for (int k = 0; k < LEVELS; k++) {
        if (!use_level(k)) continue;
        const uint64_t found = everything(count > 1);
        printf("bits of %s: %016llx\n", closs_isa(), (unsigned long long)found);
        if (k == 0) continue;
        CHECK(fused == 0 || fused == found);
        fused = found;
    }
    return report("bits");
}
