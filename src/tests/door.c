/* door.c: instruction sets, sums, the floating-point environment, a label that changes. Bad input: refused.c. */
#include <math.h>
#include <string.h>

#include "check.h"
#include "closs.h"

#if defined(__x86_64__)
#include <xmmintrin.h>
typedef unsigned environment;
/* Flush to zero, denormals are zero, round up; all exceptions masked or none. */
static const environment odd[] = {0xdfc0, 0x1f80 & ~0x1e80u};
static environment get(void)
{
    return _mm_getcsr();
}
static void set(environment wanted)
{
    _mm_setcsr(wanted);
}
#elif defined(__aarch64__)
typedef uint64_t environment;
static const environment odd[] = {1u << 24 | 1u << 22}; /* flush to zero, round up */
static environment get(void)
{
    environment now;
    __asm__ volatile("mrs %0, fpcr" : "=r"(now));
    return now;
}
static void set(environment wanted)
{
    __asm__ volatile("msr fpcr, %0" : : "r"(wanted));
}
#else
typedef int environment;
static const environment odd[] = {0};
static environment get(void)
{
    return 0;
}
static void set(environment wanted)
{
    (void)wanted;
}
#endif

enum { ROWS = 24, CLASSES = 5 };

static float logits[ROWS * CLASSES], gradient[ROWS * CLASSES], values[ROWS];
static int64_t labels[ROWS], shape[] = {ROWS, 1, 1};
static double class_weight[CLASSES], sample_weight[ROWS];
static const float pattern = -123.25f;

static closs_softmax_args ordinary(void)
{
    closs_softmax_args args = CLOSS_SOFTMAX_INIT;
    args.ndim = 1;
    args.shape = shape;
    args.classes = CLASSES;
    args.logits.data = logits;
    args.labels.data = labels;
    args.class_weight.data = class_weight;
    args.sample_weight.data = sample_weight;
    args.grad.data = gradient;
    args.values.data = values;
    shape[0] = ROWS;
    shape[1] = shape[2] = 1;
    for (int i = 0; i < ROWS * CLASSES; i++) {
        logits[i] = (float)(i * 37 % 19) - 9;
        gradient[i] = pattern;
    }
    for (int i = 0; i < ROWS; i++) {
        labels[i] = i % CLASSES;
        sample_weight[i] = 1 + i % 3;
        values[i] = pattern;
    }
    for (int j = 0; j < CLASSES; j++) class_weight[j] = 0.5 + j;
    return args;
}

static void test_sums(void)
{
    closs_sum sum = {{0}, 0};
    long double exact = 0;
    CHECK(closs_sum_total(&sum) == 0);
    for (int k = 1; k <= 100000; k++) {
        closs_sum_add(&sum, 1.0 / k);
        exact += 1.0L / k;
        if (k < 1000 || k == 100000) CHECK(fabs(closs_sum_total(&sum) - (double)exact) < 1e-14 * (double)exact);
    }
}

/* Another thread writes a bad label between check and run: NaN in that row, and no read or write beyond the arrays. */
static void test_changed_label(void)
{
    for (int64_t classes = 1; classes < 600; classes += 149) {
        static float x[4 * 600], g[4 * 600], v[4];
        const int64_t rows = 4;
        int64_t y[] = {0, INT64_MAX, -1, 0};
        closs_softmax_args args = ordinary();
        args.shape = &rows;
        args.classes = classes;
        args.logits.data = x;
        args.labels.data = y;
        args.grad.data = g;
        args.values.data = v;
        args.class_weight.data = args.sample_weight.data = NULL;
        double sum = 0;
        closs_softmax_run(&args, 0, 4, &sum);
        CHECK(isnan(v[1]) && isnan(v[2]) && isnan(g[classes]) && isnan(sum));
        CHECK(!isnan(v[0]) && !isnan(v[3]) && !isnan(g[0]) && !isnan(g[3 * classes]));
    }
}

static void test_environment(void)
{
    closs_softmax_args args = ordinary();
    args.classes = CLASSES;
    logits[0] = 1e-40f; /* subnormal */
    logits[1] = 90;
    logits[7] = INFINITY; /* makes operations invalid */
    double expected, value;
    float wanted[ROWS * CLASSES];
    CHECK(closs_softmax(&args, CLOSS_SUM, &expected, NULL) == CLOSS_OK && isnan(expected));
    memcpy(wanted, gradient, sizeof wanted);
    const environment callers = get();
    for (size_t k = 0; k < sizeof odd / sizeof odd[0]; k++) {
        memset(gradient, 0, sizeof gradient);
        set(odd[k]);
        const closs_status status = closs_softmax(&args, CLOSS_SUM, &value, NULL);
        const environment after = get();
        set(callers);
        CHECK(status == CLOSS_OK && after == odd[k] && isnan(value));
        int same = 1;
        for (int i = 0; i < ROWS * CLASSES; i++)
            same &= gradient[i] == wanted[i] || (isnan(gradient[i]) && isnan(wanted[i]));
        CHECK(same);
    }
}

/* The caller's environment has no say in the one-shot call's own arithmetic, nor in what check sees. */
static void test_environment_of_sums_and_checks(void)
{
    const int64_t elements = 9000;
    static double pred[9000], target[9000], hess[9000];
    const double tiny = 0x1p-1074, below[] = {-tiny};
    const int64_t repeated = 0;
    closs_elementwise_args args = CLOSS_ELEMENTWISE_INIT;
    for (int64_t i = 0; i < elements; i++) {
        pred[i] = 1.0 / (double)(i + 1);
        target[i] = 0.1;
    }
    args.loss = CLOSS_SIGMOID_CROSS_ENTROPY;
    args.dtype = CLOSS_F64;
    args.ndim = 1;
    args.shape = &elements;
    args.pred.data = pred;
    args.target.data = target;
    args.hess.data = hess;
    closs_elementwise_args refused = args, narrow = args;
    refused.pos_weight.data = below;
    refused.pos_weight.strides = &repeated;
    narrow.loss = CLOSS_HUBER;
    narrow.parameter = tiny;
    closs_softmax_args warm = ordinary();
    warm.temperature = tiny;
    warm.result = CLOSS_DISTILLATION;
    warm.labels.data = NULL;
    warm.class_weight.data = NULL;
    warm.targets.data = logits;
    double expected, first;
    CHECK(closs_elementwise(&args, CLOSS_MEAN, &expected, NULL) == CLOSS_OK);
    first = hess[0];
    const environment callers = get();
    for (size_t k = 0; k < sizeof odd / sizeof odd[0]; k++) {
        double value = 0;
        closs_sum sum = {{0}, 0};
        closs_report report;
        set(odd[k]);
        const closs_status status = closs_elementwise(&args, CLOSS_MEAN, &value, NULL);
        const closs_status pos_weights = closs_elementwise_check(&refused, &report);
        const closs_status delta = closs_elementwise_check(&narrow, &report);
        const closs_status temperature = closs_softmax_check(&warm, &report);
        closs_sum_add(&sum, tiny);
        closs_sum_add(&sum, 1);
        const double total = closs_sum_total(&sum);
        const environment after = get();
        set(callers);
        CHECK(status == CLOSS_OK && value == expected && hess[0] == first && after == odd[k]);
        CHECK(pos_weights == CLOSS_BAD_POS_WEIGHT && delta == CLOSS_OK && temperature == CLOSS_OK && total == 1);
    }
}

static void test_levels(void)
{
    char before[16];
    strncpy(before, closs_isa(), sizeof before - 1);
    before[15] = 0;
    CHECK(closs_set_isa("sse9") == CLOSS_NOT_AVAILABLE && strcmp(closs_isa(), before) == 0);
    CHECK(closs_set_isa(NULL) == CLOSS_NOT_AVAILABLE && closs_set_isa("") == CLOSS_NOT_AVAILABLE);
    CHECK(!closs_isa_available("sse9") && !closs_isa_available(NULL) && closs_isa_available("baseline"));
    CHECK(closs_set_isa("baseline") == CLOSS_OK && strcmp(closs_isa(), "baseline") == 0);
    CHECK(closs_set_isa(before) == CLOSS_OK && strcmp(closs_isa(), before) == 0);
    CHECK(strstr(closs_isa_compiled(), "baseline") != NULL);
    for (int a = CLOSS_OK; a <= CLOSS_BAD_POS_WEIGHT; a++) {
        CHECK(strlen(closs_status_string((closs_status)a)) > 0);
        for (int b = 0; b < a; b++)
            CHECK(strcmp(closs_status_string((closs_status)a), closs_status_string((closs_status)b)) != 0);
    }
    CHECK(strcmp(closs_status_string((closs_status)99), "unknown status") == 0);
}

int main(void)
{
    test_levels();
    test_sums();
    for (int k = 0; k < LEVELS; k++) {
        if (!use_level(k)) continue;
        test_changed_label();
        test_environment();
        test_environment_of_sums_and_checks();
    }
    return report("door");
}
