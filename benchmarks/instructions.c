/* instructions.c: one call of libcloss by its name, for instructions.py to count under valgrind. Without a name, the list.
 *
 * The counted part is `counted` alone: arrays are made before, and closs has chosen its kernels.
 */
#include <closs.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 1 << 17 };

typedef struct {
    const char *name;
    int elementwise;
    int kind; /* closs_softmax_result or closs_elementwise_loss */
    closs_dtype dtype;
    int64_t rows, classes;
    int gradient, smoothed, classes_first;
} problem;

static const problem problems[] = {
    {"cross_entropy_f32_64x10", 0, CLOSS_CROSS_ENTROPY, CLOSS_F32, 64, 10, 0, 0, 0},
    {"cross_entropy_f32_1024x10_gradient", 0, CLOSS_CROSS_ENTROPY, CLOSS_F32, 1024, 10, 1, 0, 0},
    {"cross_entropy_f32_1024x100_gradient", 0, CLOSS_CROSS_ENTROPY, CLOSS_F32, 1024, 100, 1, 0, 0},
    {"cross_entropy_f32_100x1000", 0, CLOSS_CROSS_ENTROPY, CLOSS_F32, 100, 1000, 0, 0, 0},
    {"cross_entropy_f32_100x1000_gradient", 0, CLOSS_CROSS_ENTROPY, CLOSS_F32, 100, 1000, 1, 0, 0},
    {"cross_entropy_f64_100x1000_gradient", 0, CLOSS_CROSS_ENTROPY, CLOSS_F64, 100, 1000, 1, 0, 0},
    {"cross_entropy_f16_100x1000_gradient", 0, CLOSS_CROSS_ENTROPY, CLOSS_F16, 100, 1000, 1, 0, 0},
    {"cross_entropy_bf16_100x1000_gradient", 0, CLOSS_CROSS_ENTROPY, CLOSS_BF16, 100, 1000, 1, 0, 0},
    {"cross_entropy_f32_4x32000_gradient", 0, CLOSS_CROSS_ENTROPY, CLOSS_F32, 4, 32000, 1, 0, 0},
    {"cross_entropy_f32_1024x81_classes_first_gradient", 0, CLOSS_CROSS_ENTROPY, CLOSS_F32, 1024, 81, 1, 0, 1},
    {"cross_entropy_f32_100x1000_smoothed_gradient", 0, CLOSS_CROSS_ENTROPY, CLOSS_F32, 100, 1000, 1, 1, 0},
    {"softmax_f32_100x1000", 0, CLOSS_SOFTMAX, CLOSS_F32, 100, 1000, 1, 0, 0},
    {"log_softmax_f32_100x1000", 0, CLOSS_LOG_SOFTMAX, CLOSS_F32, 100, 1000, 1, 0, 0},
    {"softmax_entropy_f32_1024x100_gradient", 0, CLOSS_SOFTMAX_ENTROPY, CLOSS_F32, 1024, 100, 1, 0, 0},
    {"distillation_f32_100x1000_gradient", 0, CLOSS_DISTILLATION, CLOSS_F32, 100, 1000, 1, 0, 0},
    {"entropy_f32_100x1000", 0, CLOSS_ENTROPY, CLOSS_F32, 100, 1000, 0, 0, 0},
    {"kl_divergence_f32_100x1000", 0, CLOSS_KL_DIVERGENCE, CLOSS_F32, 100, 1000, 0, 0, 0},
    {"kl_divergence_f64_100x1000_gradient", 0, CLOSS_KL_DIVERGENCE, CLOSS_F64, 100, 1000, 1, 0, 0},
    {"js_divergence_f32_100x1000", 0, CLOSS_JS_DIVERGENCE, CLOSS_F32, 100, 1000, 0, 0, 0},
    {"huber_f32_1000", 1, CLOSS_HUBER, CLOSS_F32, 1000, 1, 0, 0, 0},
    {"huber_f32_100000_gradient", 1, CLOSS_HUBER, CLOSS_F32, 100000, 1, 1, 0, 0},
    {"log_cosh_f64_100000_gradient", 1, CLOSS_LOG_COSH, CLOSS_F64, 100000, 1, 1, 0, 0},
    {"sigmoid_cross_entropy_f32_100000_gradient", 1, CLOSS_SIGMOID_CROSS_ENTROPY, CLOSS_F32, 100000, 1, 1, 0, 0},
};

static float x32[MOST], y32[MOST];
static double x64[MOST], y64[MOST];
static uint16_t x16[MOST], y16[MOST];
static double output[MOST];
static int64_t labels[MOST];

/* Multiples of 1/32 in [1/32, 2]: exact in every type. */
static void fill(closs_dtype dtype)
{
    uint32_t state = 1;
    for (int i = 0; i < 2 * MOST; i++) {
        state = state * 1664525u + 1013904223u;
        const float value = (float)((state >> 26) + 1) / 32;
        uint32_t bits;
        memcpy(&bits, &value, sizeof bits);
        const uint16_t half = (uint16_t)(dtype == CLOSS_BF16 ? bits >> 16 : (bits >> 13) - ((127 - 15) << 10));
        (i < MOST ? x32 : y32)[i % MOST] = value;
        (i < MOST ? x64 : y64)[i % MOST] = value;
        (i < MOST ? x16 : y16)[i % MOST] = half;
    }
}

static const void *of(closs_dtype dtype, const void *f32, const void *f64, const void *f16)
{
    return dtype == CLOSS_F32 ? f32 : dtype == CLOSS_F64 ? f64 : f16;
}

#if defined(__GNUC__)
__attribute__((noinline))
#endif
double counted(const closs_softmax_args *softmax, const closs_elementwise_args *elements, int64_t samples)
{
    double sum = 0;
    if (softmax) {
        closs_softmax_run(softmax, 0, samples, &sum);
    } else {
        closs_elementwise_run(elements, 0, samples, &sum);
    }
    return sum;
}

static int call(const problem *p)
{
    const void *x = of(p->dtype, x32, x64, x16), *y = of(p->dtype, y32, y64, y16);
    const int64_t by_columns[2] = {1, p->rows};
    closs_softmax_args softmax = CLOSS_SOFTMAX_INIT;
    closs_elementwise_args elements = CLOSS_ELEMENTWISE_INIT;
    closs_status status;
    closs_report report;
    fill(p->dtype);
    if (p->elementwise) {
        elements.loss = (closs_elementwise_loss)p->kind;
        elements.dtype = p->dtype;
        elements.ndim = 1;
        elements.shape = &p->rows;
        elements.pred.data = x;
        elements.target.data = y;
        if (p->gradient) elements.grad.data = output;
        status = closs_elementwise_check(&elements, &report);
    } else {
        softmax.result = (closs_softmax_result)p->kind;
        softmax.dtype = softmax.target_dtype = p->dtype;
        softmax.ndim = 1;
        softmax.shape = &p->rows;
        softmax.classes = p->classes;
        softmax.logits.data = x;
        if (p->classes_first) softmax.logits.strides = softmax.grad.strides = by_columns;
        if (p->kind == CLOSS_CROSS_ENTROPY) {
            for (int64_t row = 0; row < p->rows; row++) labels[row] = row * 31 % p->classes;
            softmax.labels.data = labels;
            softmax.label_smoothing = p->smoothed ? 0.1 : 0;
        } else if (p->kind == CLOSS_DISTILLATION || p->kind > CLOSS_ENTROPY) {
            softmax.targets.data = y;
        }
        if (p->gradient) softmax.grad.data = output;
        status = closs_softmax_check(&softmax, &report);
    }
    if (status != CLOSS_OK) {
        fprintf(stderr, "%s: %s\n", p->name, closs_status_string(status));
        return 1;
    }
    const double sum = counted(p->elementwise ? NULL : &softmax, &elements, p->rows);
    if (isnan(sum)) fprintf(stderr, "%s: the sum is NaN\n", p->name);
    return isnan(sum);
}

int main(int count, char **arguments)
{
    for (size_t i = 0; i < sizeof problems / sizeof *problems; i++) {
        if (count < 3) {
            puts(problems[i].name);
        } else if (!strcmp(arguments[2], problems[i].name)) {
            if (closs_set_isa(arguments[1]) != CLOSS_OK) return 2;
            return call(&problems[i]);
        }
    }
    return count < 3 ? 0 : 2;
}
