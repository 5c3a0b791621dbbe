/* parts.c: rows cut along their classes, as threads and as machines that hold some classes each would, give the bits of
 * run; elementwise losses are what the header says. At every level. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "closs.h"

enum { ROWS = 2, CLASSES = 2 * CLOSS_PART + 77 }; /* classes at most */

static float logits32[ROWS * CLASSES], targets32[ROWS * CLASSES], grad32[2][ROWS * CLASSES], hess32[2][ROWS * CLASSES];
static double logits64[ROWS * CLASSES], targets64[ROWS * CLASSES], grad64[2][ROWS * CLASSES], hess64[2][ROWS * CLASSES];
static float values32[2][ROWS];
static double values64[2][ROWS];
static const int64_t rows = ROWS;
static int64_t classes = CLASSES, labels[ROWS];

/* What a call computes, with outputs in set `k`. Cross-entropy is of labels, or `soft`: 1 of targets, 2 of smoothed
 * labels. */
static closs_softmax_args call(closs_softmax_result result, closs_dtype dtype, int soft, int derivatives, int k)
{
    closs_softmax_args args = CLOSS_SOFTMAX_INIT;
    const int f32 = dtype == CLOSS_F32;
    args.result = result;
    args.dtype = args.target_dtype = dtype;
    args.classes = classes;
    args.ndim = 1;
    args.shape = &rows;
    args.logits.data = f32 ? (const void *)logits32 : logits64;
    const int pair = result == CLOSS_DISTILLATION || result > CLOSS_ENTROPY;
    if (pair || soft == 1) args.targets.data = f32 ? (const void *)targets32 : targets64;
    if (result == CLOSS_CROSS_ENTROPY && soft != 1) args.labels.data = labels;
    if (soft == 2) args.label_smoothing = 0.125;
    if (result == CLOSS_DISTILLATION) args.temperature = 2;
    if (result != CLOSS_LOGSUMEXP && derivatives) args.grad.data = f32 ? (void *)grad32[k] : grad64[k];
    if (result == CLOSS_CROSS_ENTROPY && derivatives) args.hess.data = f32 ? (void *)hess32[k] : hess64[k];
    if (result != CLOSS_SOFTMAX && result != CLOSS_LOG_SOFTMAX)
        args.values.data = f32 ? (void *)values32[k] : values64[k];
    return args;
}

static int64_t part_end(int64_t begin)
{
    return classes - begin < CLOSS_PART ? classes : begin + CLOSS_PART;
}

/* Parts as threads take them: any order, one array. */
static void by_parts(const closs_softmax_args *args)
{
    closs_softmax_part *parts = calloc((size_t)closs_softmax_parts(args), sizeof *parts);
    for (int64_t sample = 0; sample < rows; sample++) {
        for (int64_t begin = (classes - 1) / CLOSS_PART * CLOSS_PART; begin >= 0; begin -= CLOSS_PART)
            closs_softmax_sum_part(args, sample, begin, part_end(begin), &parts[begin / CLOSS_PART]);
        closs_softmax_state row = parts[0].state;
        for (int64_t p = 1; p < closs_softmax_parts(args); p++) closs_softmax_merge(&row, &parts[p].state);
        for (int64_t begin = 0; begin < classes; begin += CLOSS_PART)
            closs_softmax_write_part(args, sample, begin, part_end(begin), &parts[begin / CLOSS_PART], &row);
        closs_softmax_value(args, sample, &row);
    }
    free(parts);
}

/* Parts as machines hold them: each only its own classes, of one row, in an array of its own. */
static void by_machines(closs_softmax_args args)
{
    const int f32 = args.dtype == CLOSS_F32;
    const size_t size = f32 ? sizeof(float) : sizeof(double);
    const int64_t one = 1;
    closs_softmax_args whole = args;
    args.ndim = 0;
    args.shape = &one;
    for (int64_t sample = 0; sample < rows; sample++) {
        closs_softmax_state row;
        closs_softmax_part part;
        void *held[3][3];
        if (whole.labels.data) args.labels.data = &labels[sample];
        args.values.data = NULL;
        for (int pass = 0; pass < 2; pass++)
            for (int64_t begin = 0; begin < classes; begin += CLOSS_PART) {
                const int64_t p = begin / CLOSS_PART, n = part_end(begin) - begin;
                const size_t bytes = (size_t)n * size, at = (size_t)(sample * classes + begin) * size;
                if (pass == 0) {
                    for (int a = 0; a < 3; a++) held[p][a] = malloc(bytes);
                    memcpy(held[p][0], (const char *)whole.logits.data + at, bytes);
                    if (whole.targets.data) memcpy(held[p][1], (const char *)whole.targets.data + at, bytes);
                }
                args.first_class = begin;
                args.logits.data = held[p][0];
                args.targets.data = whole.targets.data ? held[p][1] : NULL;
                args.grad.data = pass && whole.grad.data ? held[p][2] : NULL;
                args.hess.data = NULL;
                if (pass == 0) {
                    closs_softmax_sum_part(&args, 0, begin, begin + n, &part);
                    if (p == 0) row = part.state;
                    if (p > 0) closs_softmax_merge(&row, &part.state);
                } else if (args.grad.data) {
                    closs_softmax_write_part(&args, 0, begin, begin + n, NULL, &row);
                    memcpy((char *)whole.grad.data + at, held[p][2], bytes);
                }
            }
        for (int64_t p = 0; p < closs_softmax_parts(&whole); p++)
            for (int a = 0; a < 3; a++) free(held[p][a]);
        closs_softmax_value(&whole, sample, &row);
    }
}

static void compare(const closs_softmax_args *args, int with_hess)
{
    const int f32 = args->dtype == CLOSS_F32;
    if (args->values.data)
        CHECK(f32 ? !memcmp(values32[0], values32[1], sizeof values32[0])
                  : !memcmp(values64[0], values64[1], sizeof values64[0]));
    if (args->grad.data)
        CHECK(f32 ? !memcmp(grad32[0], grad32[1], sizeof grad32[0]) : !memcmp(grad64[0], grad64[1], sizeof grad64[0]));
    if (args->hess.data && with_hess)
        CHECK(f32 ? !memcmp(hess32[0], hess32[1], sizeof hess32[0]) : !memcmp(hess64[0], hess64[1], sizeof hess64[0]));
}

/* Of rows in parts, and of shorter ones, which are summed relative to their own maximum, or block by block. */
static void test_parts(int64_t n)
{
    classes = n;
    labels[0] = n / 2 + 5;
    labels[1] = 3;
    /* Logits and, from 0 up, probabilities: the measures see the numbers below 0 as faults of their elements. */
    for (int i = 0; i < ROWS * n; i++) {
        logits64[i] = logits32[i] = (float)((i * 7919LL) % 4001) / 100 - 20;
        targets64[i] = targets32[i] = (float)((i * 104729LL) % 101) / 100;
    }
    /* The maximum comes in the last part, or block; that of the other row twice. */
    logits64[n - 3] = logits32[n - 3] = 25;
    for (int64_t j = 2; j < n; j += n - 4) logits64[n + j] = logits32[n + j] = 25;
    for (int result = CLOSS_CROSS_ENTROPY; result <= CLOSS_JS_DIVERGENCE; result++)
        for (int dtype = CLOSS_F32; dtype <= CLOSS_F64; dtype++)
            for (int soft = 0; soft <= 2 * (result == CLOSS_CROSS_ENTROPY); soft++)
                for (int derivatives = 0; derivatives < 2; derivatives++) {
                    double sum = 0;
                    memset(grad32, 0, sizeof grad32);
                    memset(grad64, 0, sizeof grad64);
                    const closs_softmax_args expected =
                        call((closs_softmax_result)result, (closs_dtype)dtype, soft, derivatives, 0);
                    const closs_softmax_args args =
                        call((closs_softmax_result)result, (closs_dtype)dtype, soft, derivatives, 1);
                    closs_report found;
                    CHECK(closs_softmax_check(&args, &found) == CLOSS_OK);
                    CHECK(closs_softmax_parts(&args) == (n - 1) / CLOSS_PART + 1);
                    closs_softmax_run(&expected, 0, rows, &sum);
                    by_parts(&args);
                    compare(&args, 1);
                    by_machines(args);
                    compare(&args, 0);
                }
}

/* scale multiplies derivatives; softmax and log_softmax are none. Few classes, a short row, and one in parts; the class
 * axis last and first. */
static void test_scale(void)
{
    const int64_t lengths[] = {5, 1000, 2 * CLOSS_PART};
    for (int c = 0; c < 3; c++)
        for (int first = 0; first < 2; first++)
            for (int of_log = 0; of_log < 2; of_log++) {
                const int64_t n = lengths[c], samples = first ? 6 : 2, strides[] = {first ? 1 : n, first ? samples : 1};
                closs_softmax_args args = call(of_log ? CLOSS_LOG_SOFTMAX : CLOSS_SOFTMAX, CLOSS_F64, 0, 1, 0);
                double *logits = calloc((size_t)(n * samples), sizeof *logits), unused = 0, sum = 0;
                double *result = calloc((size_t)(n * samples), sizeof *result);
                args.classes = n;
                args.shape = &samples;
                args.logits.data = logits;
                args.grad.data = result;
                args.logits.strides = args.grad.strides = strides;
                args.scale = 3;
                closs_softmax_run(&args, 0, samples, &unused);
                for (int64_t j = 0; j < n; j++) sum += result[j * strides[1]];
                CHECK(fabs(sum - (of_log ? -(double)n * log((double)n) : 1)) <= 1e-12 * (of_log ? 1e7 : 1));
                free(logits);
                free(result);
            }
}

/* One class, whose stride nothing may be added to. */
static void test_one_class(void)
{
    static const float logits[3] = {4, -2, 0.5f};
    static const int64_t count = 3, strides[2] = {1, INT64_MAX};
    float results[3] = {9, 9, 9};
    closs_softmax_args args = CLOSS_SOFTMAX_INIT;
    args.result = CLOSS_SOFTMAX;
    args.dtype = CLOSS_F32;
    args.classes = args.ndim = 1;
    args.shape = &count;
    args.logits.data = logits;
    args.grad.data = results;
    args.logits.strides = args.grad.strides = strides;
    closs_report found;
    CHECK(closs_softmax_check(&args, &found) == CLOSS_OK);
    CHECK(closs_softmax_parts(&args) == 1);
    for (int64_t sample = 0; sample < count; sample++) {
        closs_softmax_part part;
        closs_softmax_sum_part(&args, sample, 0, 1, &part);
        closs_softmax_write_part(&args, sample, 0, 1, &part, &part.state);
        CHECK(results[sample] == 1);
        results[sample] = 9;
    }
    double sum = 0;
    closs_softmax_run(&args, 0, count, &sum);
    for (int64_t sample = 0; sample < count; sample++) CHECK(results[sample] == 1);
}

/* Scratch, none, some or all that is of use, changes no bit, nor does it by parts; what lies around it stays, whatever
 * first_class, which is for parts, says. `soft`: with targets. */
static void test_scratch(closs_softmax_result result, int soft, closs_dtype dtype, int64_t step)
{
    enum { AROUND = 4096 };
    const int f32 = dtype == CLOSS_F32, f64 = dtype == CLOSS_F64;
    const size_t size = f64 ? 8 : f32 ? 4 : 2, bytes = (size_t)(ROWS * CLASSES * step) * size;
    const int64_t strides[2] = {CLASSES * step, step};
    closs_softmax_args args = call(result, CLOSS_F32, 0, 0, 0);
    char *logits = malloc(bytes), *grad[2] = {malloc(bytes), malloc(bytes)};
    for (int64_t i = 0; i < ROWS * CLASSES * step; i++) {
        if (f64) ((double *)(void *)logits)[i] = (double)((i * 7919) % 4001) / 100 - 20;
        if (f32) ((float *)(void *)logits)[i] = (float)((i * 7919) % 4001) / 100 - 20;
        if (!f32 && !f64) ((uint16_t *)(void *)logits)[i] = (uint16_t)((i * 7919) % 0x4000 | (i % 3 == 0) << 15);
    }
    memset(grad[0], 0, bytes);
    args.dtype = dtype;
    args.values.data = NULL;
    args.logits.data = logits;
    args.grad.data = grad[0];
    args.logits.strides = args.grad.strides = strides;
    if (soft) {
        args.labels.data = NULL;
        args.targets = args.logits;
        args.target_dtype = dtype;
    }
    double expected = 0;
    closs_softmax_run(&args, 0, rows, &expected);
    const int64_t of_use = closs_softmax_scratch(&args);
    CHECK(of_use == (int64_t)CLASSES * (f64 ? 8 : 4) || (of_use == 0 && step == 1 && (f32 || f64)));
    args.grad.data = grad[1];
    for (int64_t given = 0; given <= of_use; given += of_use / 4 + (of_use == 0)) {
        double sum = 0;
        char *room = malloc((size_t)given + 2 * AROUND);
        memset(room, 0x5A, (size_t)given + 2 * AROUND);
        args.scratch_bytes = given;
        args.scratch = room + AROUND;
        memset(grad[1], 0, bytes);
        args.first_class = 77;
        closs_softmax_run(&args, 0, rows, &sum);
        args.first_class = 0;
        CHECK(sum == expected && !memcmp(grad[0], grad[1], bytes));
        memset(grad[1], 0, bytes);
        by_parts(&args);
        CHECK(!memcmp(grad[0], grad[1], bytes));
        for (int64_t i = 0; i < AROUND; i++) CHECK(room[i] == 0x5A && room[AROUND + given + i] == 0x5A);
        free(room);
    }
    free(logits);
    free(grad[0]);
    free(grad[1]);
}

/* Machines may hold their classes in any layout: states are alike. */
static void test_layouts_of_parts(double smoothing)
{
    enum { SAMPLES = 8, HALF = 200 };
    static float by_rows[SAMPLES * 2 * HALF], by_classes[SAMPLES * HALF];
    static const int64_t samples = SAMPLES, classes_first[2] = {1, SAMPLES}, classes_last[2] = {2 * HALF, 1};
    static int64_t of_sample[SAMPLES];
    float values[SAMPLES];
    for (int s = 0; s < SAMPLES; s++) {
        of_sample[s] = (s * 53) % (2 * HALF);
        for (int j = 0; j < 2 * HALF; j++) {
            const float z = (float)((s * 977 + j * 7919) % 401) / 40 - 5;
            by_rows[s * 2 * HALF + j] = z;
            if (j >= HALF) by_classes[(j - HALF) * SAMPLES + s] = z;
        }
    }
    closs_softmax_args args = CLOSS_SOFTMAX_INIT;
    args.classes = 2 * HALF;
    args.ndim = 1;
    args.shape = &samples;
    args.labels.data = of_sample;
    args.label_smoothing = smoothing;
    args.logits.data = by_rows;
    args.logits.strides = classes_last;
    closs_softmax_args lower = args, upper = args;
    upper.logits.data = by_classes;
    upper.logits.strides = classes_first;
    upper.first_class = HALF;
    args.values.data = values;
    double sum = 0;
    closs_softmax_run(&args, 0, samples, &sum);
    for (int64_t s = 0; s < SAMPLES; s++) {
        closs_softmax_part one, two;
        closs_softmax_sum_part(&lower, s, 0, HALF, &one);
        closs_softmax_sum_part(&upper, s, HALF, 2 * HALF, &two);
        closs_softmax_merge(&one.state, &two.state);
        const double from_lower = closs_softmax_value(&lower, s, &one.state);
        CHECK(fabs(from_lower - (double)values[s]) <= 1e-6 * (double)values[s]);
        CHECK(from_lower == closs_softmax_value(&upper, s, &one.state));
    }
}

static void test_elementwise(void)
{
    enum { N = 1000 };
    static double pred[N], target[N], grad[N];
    const int64_t n = N;
    const double scale = 0.001;
    double expected = 0, value;
    for (int i = 0; i < N; i++) {
        pred[i] = (double)(i % 41) / 8 - 2.5;
        target[i] = (double)(i % 7) / 4;
        const double d = fabs(pred[i] - target[i]);
        expected += d <= 1.5 ? d * d / 2 : 1.5 * (d - 0.75);
    }
    closs_elementwise_args args = CLOSS_ELEMENTWISE_INIT;
    args.loss = CLOSS_HUBER;
    args.dtype = CLOSS_F64;
    args.parameter = 1.5;
    args.ndim = 1;
    args.shape = &n;
    args.pred.data = pred;
    args.target.data = target;
    args.grad.data = grad;
    closs_report found;
    CHECK(closs_elementwise(&args, CLOSS_MEAN, &value, &found) == CLOSS_OK);
    CHECK(fabs(value - expected * scale) <= 4e-15 * expected * scale && found.weight_sum == 1 / scale);
    for (int i = 0; i < N; i++) CHECK(grad[i] == fmax(-1.5, fmin(pred[i] - target[i], 1.5)) * scale);
}

/* Of samples behind the class axis and before it, and of none. */
static void test_blocks(void)
{
    const int64_t lengths[] = {0, 1, 6, 7, 49, 53, 300, 600, 1000, 5000, INT64_C(3) << 20};
    const int64_t counts[] = {1, 2, 100, 1000, 1500, 20000};
    for (int c = 0; c < 6; c++)
        for (int i = 0; i < 11; i++)
            for (int j = 0; j < 11; j++)
                for (int behind = 0; behind < 2; behind++) {
                    const int64_t C = counts[c], shape[2] = {lengths[i], lengths[j]}, samples = shape[0] * shape[1];
                    const int64_t strides[3] = {C * shape[1], behind ? 1 : C, behind ? shape[1] : 1};
                    closs_softmax_args args = CLOSS_SOFTMAX_INIT;
                    args.result = CLOSS_LOGSUMEXP;
                    args.ndim = 2;
                    args.shape = shape;
                    args.classes = C;
                    args.logits.data = logits32;
                    args.logits.strides = strides;
                    const int64_t block = closs_softmax_block(&args);
                    CHECK(block >= 1 && samples / block <= 16384);
                }
}

int main(void)
{
    test_blocks();
    for (int k = 0; k < LEVELS; k++) {
        if (!use_level(k)) continue;
        const int64_t lengths[] = {300, 512, 513, 1000, 2048, 2049, CLASSES};
        for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) test_parts(lengths[i]);
        test_scale();
        test_one_class();
        for (int tenths = 0; tenths <= 10; tenths += 5) test_layouts_of_parts(tenths / 10.0);
        for (int dtype = CLOSS_F32; dtype <= CLOSS_BF16; dtype++)
            for (int64_t step = 1; step <= 2; step++) {
                test_scratch(CLOSS_CROSS_ENTROPY, 0, (closs_dtype)dtype, step);
                test_scratch(CLOSS_SOFTMAX, 0, (closs_dtype)dtype, step);
                test_scratch(CLOSS_CROSS_ENTROPY, 1, (closs_dtype)dtype, step);
                test_scratch(CLOSS_SOFTMAX_ENTROPY, 0, (closs_dtype)dtype, step);
                test_scratch(CLOSS_DISTILLATION, 1, (closs_dtype)dtype, step);
            }
        test_elementwise();
    }
    return report("parts");
}
