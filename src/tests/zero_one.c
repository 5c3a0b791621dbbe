/* zero_one.c: the zero-one loss at every level against its definition, with ties, infinities and NaN; what it
 * refuses. */
#include <math.h>
#include <string.h>

#include "check.h"
#include "closs.h"

enum { SCORES = 9, MOST = 1 << 18 };

static const float score[SCORES] = {-1, -0.0f, 0, 1, 1.5f, 2, -INFINITY, INFINITY, NAN};
static const uint16_t f16[SCORES] = {0xbc00, 0x8000, 0, 0x3c00, 0x3e00, 0x4000, 0xfc00, 0x7c00, 0x7e00};
static const uint16_t bf16[SCORES] = {0xbf80, 0x8000, 0, 0x3f80, 0x3fc0, 0x4000, 0xff80, 0x7f80, 0x7fc0};

static unsigned seed = 1;
static int64_t below(int64_t limit)
{
    seed = seed * 1664525u + 1013904223u;
    return (int64_t)(seed >> 8) % limit;
}

static char scores[MOST * sizeof(double)];
static int which[MOST]; /* score of [sample][class] */
static int64_t labels[512];
static double weights[512], values64[512];
static float values32[512];

static void put(closs_dtype dtype, int64_t at, int k)
{
    switch (dtype) {
    case CLOSS_F32: ((float *)(void *)scores)[at] = score[k]; break;
    case CLOSS_F64: ((double *)(void *)scores)[at] = (double)score[k]; break;
    case CLOSS_F16: ((uint16_t *)(void *)scores)[at] = f16[k]; break;
    case CLOSS_BF16: ((uint16_t *)(void *)scores)[at] = bf16[k]; break;
    }
}

static double value_at(closs_dtype dtype, int64_t i)
{
    return dtype == CLOSS_F64 ? values64[i] : (double)values32[i];
}

/* The first of the largest, or -1. */
static int64_t predicted(const int *row, int64_t classes)
{
    int64_t largest = -1;
    for (int64_t j = 0; j < classes; j++) {
        if (isnan(score[row[j]])) return -1;
        if (score[row[j]] > (largest < 0 ? -INFINITY : score[row[largest]])) largest = j;
    }
    return largest;
}

/* layout 0: classes fastest; 1: samples fastest; 2: neither, classes backwards. */
static void test_scores(int64_t n, int64_t classes, closs_dtype dtype, int layout, int weighted)
{
    int64_t strides[2] = {classes, 1}, origin = 0;
    if (layout == 1) {
        strides[0] = 1;
        strides[1] = n;
    }
    if (layout == 2) {
        strides[0] = 2 * classes + 3;
        strides[1] = -2;
        origin = 2 * (classes - 1);
    }
    double expected = 0, whole = 0;
    for (int64_t i = 0; i < n; i++) {
        int *row = which + i * classes;
        /* Few kinds of scores make ties, the rare ones leave most rows whole. */
        for (int64_t j = 0; j < classes; j++) row[j] = (int)(below(4 * classes) ? below(i % 2 ? 3 : 6) : below(SCORES));
        if (i % 7 == 3)
            for (int64_t j = 0; j < classes; j++) row[j] = 6; /* -inf only */
        const int64_t best = predicted(row, classes);
        labels[i] = best < 0 || i % 3 == 0 ? below(classes) : best;
        if (best >= 0 && i % 5 == 1) {
            labels[i] = below(classes);
            row[labels[i]] = row[best]; /* before or behind its equal */
        }
        weights[i] = weighted ? (double)(below(7) - 2) / 2 : 1;
        for (int64_t j = 0; j < classes; j++) put(dtype, origin + i * strides[0] + j * strides[1], row[j]);
    }
    closs_softmax_args args = CLOSS_SOFTMAX_INIT;
    args.result = CLOSS_ZERO_ONE;
    args.dtype = dtype;
    args.ndim = 1;
    args.shape = &n;
    args.classes = classes;
    const size_t size = dtype == CLOSS_F64 ? 8 : dtype == CLOSS_F32 ? 4 : 2;
    args.logits.data = scores + (size_t)origin * size;
    args.logits.strides = strides;
    args.labels.data = labels;
    args.values.data = dtype == CLOSS_F64 ? (void *)values64 : values32;
    if (weighted) args.sample_weight.data = weights;
    if (weighted) {
        args.has_ignore_index = 1;
        args.ignore_index = -7;
        labels[n / 2] = -7;
        weights[n / 2] = 0;
    }
    double sum, mean, parts = 0;
    closs_report found;
    CHECK(closs_softmax_parts(&args) == 1);
    CHECK(closs_softmax(&args, CLOSS_SUM, &sum, &found) == CLOSS_OK);
    CHECK(closs_softmax(&args, CLOSS_MEAN, &mean, NULL) == CLOSS_OK);
    int right = 1;
    for (int64_t i = 0; i < n; i++) {
        const int wrong = predicted(which + i * classes, classes) != labels[i];
        right &= value_at(dtype, i) == (wrong ? weights[i] : 0);
        expected += wrong ? weights[i] : 0;
        whole += weights[i];
    }
    CHECK(right && sum == expected && found.weight_sum == whole && (whole == 0 || mean == expected / whole));
    memset(values64, 0x5a, sizeof values64);
    memset(values32, 0x5a, sizeof values32);
    closs_softmax_run(&args, n / 3, n, &parts);
    closs_softmax_run(&args, 0, n / 3, &parts);
    CHECK(parts == expected);
    args.values.data = NULL;
    CHECK(closs_softmax(&args, CLOSS_SUM, &sum, NULL) == CLOSS_OK && sum == expected);
}

static int64_t label_at(const void *data, closs_label_dtype dtype, int64_t i)
{
    return dtype == CLOSS_U8    ? ((const uint8_t *)data)[i]
           : dtype == CLOSS_I32 ? ((const int32_t *)data)[i]
                                : ((const int64_t *)data)[i];
}

static void test_labels(int64_t n, closs_label_dtype x_type, closs_label_dtype y_type, int64_t stride, int weighted)
{
    static int64_t x[2100], y[2100]; /* bytes of any integers, of which many are equal */
    for (int64_t i = 0; i < 2100; i++) {
        x[i] = below(3) - 1;
        y[i] = below(4) ? x[i] : below(3) - 1;
    }
    const int64_t origin = stride < 0 ? n - 1 : 0;
    static const size_t size[] = {4, 8, 1};
    closs_softmax_args args = CLOSS_SOFTMAX_INIT;
    args.result = CLOSS_ZERO_ONE;
    args.dtype = CLOSS_F64;
    args.ndim = 1;
    args.shape = &n;
    args.predicted_dtype = x_type;
    args.predicted.data = (const char *)x + (size_t)(origin < 0 ? 0 : origin) * size[x_type];
    args.predicted.strides = &stride;
    args.label_dtype = y_type;
    args.labels.data = y;
    double sum, expected = 0;
    for (int64_t i = 0; i < n; i++) {
        weights[i % 512] = (double)(i % 5) / 4;
        const int wrong = label_at(args.predicted.data, x_type, i * stride) != label_at(y, y_type, i);
        expected += wrong ? weighted ? weights[i] : 1 : 0;
    }
    if (weighted) {
        args.sample_weight.data = weights;
        args.values.data = values64;
    }
    CHECK(closs_softmax(&args, CLOSS_SUM, &sum, NULL) == CLOSS_OK && sum == expected);
    for (int64_t i = 0; weighted && i < n; i++) sum -= values64[i];
    CHECK(!weighted || sum == 0);
}

static void refused(const closs_softmax_args *args, closs_status status)
{
    double value = 77;
    values32[0] = 77;
    CHECK(closs_softmax(args, CLOSS_SUM, &value, NULL) == status && value == 77 && values32[0] == 77);
}

#define REFUSED(change, status)                                                                                        \
    do {                                                                                                               \
        args = ordinary;                                                                                               \
        change;                                                                                                        \
        refused(&args, status);                                                                                        \
    } while (0)

static void test_refused(void)
{
    const int64_t n = 3, y[] = {0, 1, 2}, bad[] = {0, 3, 1};
    const double none[] = {0, (double)NAN, 1};
    float x[9] = {0, 1, 0, 1, 0, 0, 0, 0, 1}, g[9];
    closs_softmax_args ordinary = CLOSS_SOFTMAX_INIT, args;
    ordinary.result = CLOSS_ZERO_ONE;
    ordinary.ndim = 1;
    ordinary.shape = &n;
    ordinary.classes = 3;
    ordinary.logits.data = x;
    ordinary.labels.data = y;
    ordinary.values.data = values32;
    double value;
    CHECK(closs_softmax(&ordinary, CLOSS_SUM, &value, NULL) == CLOSS_OK && value == 2);
    REFUSED(args.labels.data = bad, CLOSS_BAD_LABEL);
    REFUSED(args.sample_weight.data = none, CLOSS_BAD_SAMPLE_WEIGHT);
    REFUSED(args.labels.data = NULL, CLOSS_BAD_ARGUMENT);
    REFUSED(args.logits.data = NULL, CLOSS_BAD_ARGUMENT);
    REFUSED(args.targets.data = x, CLOSS_BAD_ARGUMENT);
    REFUSED(args.class_weight.data = none, CLOSS_BAD_ARGUMENT);
    REFUSED(args.label_smoothing = 0.5, CLOSS_BAD_ARGUMENT);
    REFUSED(args.grad.data = g, CLOSS_BAD_ARGUMENT);
    REFUSED(args.hess.data = g, CLOSS_BAD_ARGUMENT);
    REFUSED(args.label_dtype = CLOSS_U8, CLOSS_BAD_ARGUMENT);
    REFUSED(args.predicted.data = y, CLOSS_BAD_ARGUMENT);
    args = ordinary;
    args.labels.data = bad; /* another thread's work after check */
    closs_softmax_run(&args, 0, 3, &value);
    CHECK(isnan(value) && values32[0] == 1 && isnan(values32[1]) && values32[2] == 1);

    ordinary.classes = 0;
    ordinary.logits.data = NULL;
    ordinary.predicted.data = bad; /* any integers */
    CHECK(closs_softmax(&ordinary, CLOSS_MEAN, &value, NULL) == CLOSS_OK && value == 2.0 / 3);
    REFUSED(args.classes = 3, CLOSS_BAD_ARGUMENT);
    REFUSED(args.has_ignore_index = 1, CLOSS_BAD_ARGUMENT);
    REFUSED(args.labels.data = NULL, CLOSS_BAD_ARGUMENT);
    REFUSED(args.predicted_dtype = (closs_label_dtype)3, CLOSS_BAD_ARGUMENT);
    REFUSED(args.result = CLOSS_CROSS_ENTROPY, CLOSS_BAD_ARGUMENT);
}

int main(void)
{
    static const int64_t classes[] = {1,  2,  3,  4,   5,   7,   8,   9,   15,  16,  17,
                                      31, 32, 33, 100, 511, 512, 513, 515, 517, 1030};
    static const int64_t counts[] = {0, 1, 127, 128, 129, 500};
    for (int k = 0; k < LEVELS; k++) {
        if (!use_level(k)) continue;
        test_refused();
        for (int c = 0; c < 21; c++)
            for (int dtype = CLOSS_F32; dtype <= CLOSS_BF16; dtype++)
                for (int layout = 0; layout < 3; layout++)
                    for (int weighted = 0; weighted < 2; weighted++)
                        test_scores(classes[c] < 20 ? 300 : 37, classes[c], (closs_dtype)dtype, layout, weighted);
        for (int c = 0; c < 6; c++)
            for (int x = CLOSS_I32; x <= CLOSS_U8; x++)
                for (int y = CLOSS_I32; y <= CLOSS_U8; y++)
                    for (int64_t stride = -1; stride < 3; stride++)
                        for (int weighted = 0; weighted < 2; weighted++)
                            test_labels(counts[c], (closs_label_dtype)x, (closs_label_dtype)y, stride, weighted);
    }
    return report("zero_one");
}
