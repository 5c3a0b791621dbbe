/* refused.c: bad input of every kind for every function: status and place are reported, and nothing is written. */
#include <math.h>

#include "check.h"
#include "closs.h"

enum { ROWS = 24, CLASSES = 5, N = ROWS * CLASSES };

/* Inputs, made anew by softmax() and elementwise(); of ones, which suit every loss, labels and weights aside. */
static float first[N], second[N];
static int64_t labels[ROWS], shape[3];
static double class_weight[CLASSES], weight[N], pos_weight[N];

/* All that a call could write to; before it all bytes are 0x5a. */
static struct {
    float grad[N], hess[N], values[N];
    double value;
} out;

static int untouched(void)
{
    const unsigned char *bytes = (const unsigned char *)&out;
    for (size_t i = 0; i < sizeof out; i++)
        if (bytes[i] != 0x5a) return 0;
    return 1;
}

static void fresh(void)
{
    memset(&out, 0x5a, sizeof out);
    shape[0] = ROWS;
    shape[1] = shape[2] = 1;
    for (int i = 0; i < N; i++) {
        first[i] = second[i] = 1;
        weight[i] = 1 + i % 3;
        pos_weight[i] = 0.5 * (i % 4);
    }
    for (int i = 0; i < ROWS; i++) labels[i] = i % CLASSES;
    for (int j = 0; j < CLASSES; j++) class_weight[j] = 0.5 + j;
}

/* A call in order, with every input and output that the result has; what may take labels takes them. */
static closs_softmax_args softmax(int result)
{
    closs_softmax_args args = CLOSS_SOFTMAX_INIT;
    fresh();
    args.result = (closs_softmax_result)result;
    args.ndim = 1;
    args.shape = shape;
    args.classes = CLASSES;
    args.logits.data = first;
    if (result != CLOSS_LOGSUMEXP && result != CLOSS_ZERO_ONE) args.grad.data = out.grad;
    if (result == CLOSS_CROSS_ENTROPY) {
        args.class_weight.data = class_weight;
        args.hess.data = out.hess;
    }
    if (result == CLOSS_CROSS_ENTROPY || result == CLOSS_PROBABILITY_CROSS_ENTROPY || result == CLOSS_ZERO_ONE)
        args.labels.data = labels;
    else if (result == CLOSS_DISTILLATION || result > CLOSS_ENTROPY)
        args.targets.data = second;
    if (result != CLOSS_SOFTMAX && result != CLOSS_LOG_SOFTMAX) {
        args.values.data = out.values;
        if (result != CLOSS_LOGSUMEXP) args.sample_weight.data = weight;
    }
    return args;
}

static closs_elementwise_args elementwise(int loss)
{
    closs_elementwise_args args = CLOSS_ELEMENTWISE_INIT;
    fresh();
    args.loss = (closs_elementwise_loss)loss;
    args.ndim = 1;
    args.shape = shape;
    args.pred.data = first;
    args.target.data = second;
    args.sample_weight.data = weight;
    if (loss == CLOSS_SIGMOID_CROSS_ENTROPY) args.pos_weight.data = pos_weight;
    args.grad.data = out.grad;
    args.hess.data = out.hess;
    args.values.data = out.values;
    return args;
}

/* Check and the one-shot call refuse, say where, and write nothing. */
static void softmax_refused(const closs_softmax_args *args, closs_status status, int64_t index)
{
    closs_report found;
    CHECK(closs_softmax_check(args, &found) == status && found.status == status && found.index == index);
    CHECK(closs_softmax(args, CLOSS_SUM, &out.value, &found) == status && found.status == status);
    CHECK(found.index == index);
    CHECK(closs_softmax(args, CLOSS_MEAN, &out.value, NULL) == status);
    CHECK(untouched());
}

static void elementwise_refused(const closs_elementwise_args *args, closs_status status, int64_t index)
{
    closs_report found;
    CHECK(closs_elementwise_check(args, &found) == status && found.status == status && found.index == index);
    CHECK(closs_elementwise(args, CLOSS_SUM, &out.value, &found) == status && found.status == status);
    CHECK(found.index == index);
    CHECK(closs_elementwise(args, CLOSS_MEAN, &out.value, NULL) == status);
    CHECK(untouched());
}

#define REFUSED(family, function, change)                                                                              \
    do {                                                                                                               \
        closs_##family##_args args = family(function);                                                                 \
        change;                                                                                                        \
        family##_refused(&args, CLOSS_BAD_ARGUMENT, -1);                                                               \
    } while (0)
#define SOFTMAX(change) REFUSED(softmax, result, change)
#define ELEMENTWISE(change) REFUSED(elementwise, loss, change)

static const double not_finite[] = {(double)NAN, (double)INFINITY, -(double)INFINITY};
static const int64_t wide[] = {INT64_C(1) << 61, 1}, lowest[] = {INT64_MIN, 1};

static void test_softmax(int result)
{
    closs_softmax_args right = softmax(result);
    closs_report found;
    CHECK(closs_softmax_check(&right, &found) == CLOSS_OK && untouched());
    CHECK(closs_softmax_check(&right, NULL) == CLOSS_BAD_ARGUMENT);
    CHECK(closs_softmax_check(NULL, &found) == CLOSS_BAD_ARGUMENT && found.status == CLOSS_BAD_ARGUMENT);
    CHECK(closs_softmax(NULL, CLOSS_SUM, &out.value, &found) == CLOSS_BAD_ARGUMENT);
    CHECK(closs_softmax(&right, CLOSS_SUM, NULL, &found) == CLOSS_BAD_ARGUMENT);
    CHECK(closs_softmax(&right, (closs_reduction)7, &out.value, &found) == CLOSS_BAD_ARGUMENT);
    CHECK(found.status == CLOSS_BAD_ARGUMENT && untouched());

    SOFTMAX(args.size = 0);
    SOFTMAX(args.size--);
    SOFTMAX(args.size++);
    SOFTMAX(args.ndim = -1);
    SOFTMAX(args.shape = NULL);
    SOFTMAX(args.classes = -1);
    SOFTMAX(args.scratch_bytes = 64);
    SOFTMAX(args.scratch = out.values; args.scratch_bytes = -1);
    SOFTMAX(shape[0] = -1);
    SOFTMAX(args.ndim = 3; shape[1] = 0; shape[2] = -5);
    SOFTMAX(args.ndim = 3; shape[0] = shape[1] = INT64_C(1) << 32);
    SOFTMAX(shape[0] = INT64_C(1) << 40; args.classes = INT64_C(1) << 40);
    SOFTMAX(shape[0] = INT64_MAX);
    SOFTMAX(args.classes = INT64_MAX);
    SOFTMAX(args.logits.strides = wide);
    SOFTMAX(args.logits.strides = lowest);
    SOFTMAX(args.targets.strides = lowest);
    SOFTMAX(args.grad.strides = wide);
    SOFTMAX(args.hess.strides = wide);
    SOFTMAX(args.labels.strides = wide);
    SOFTMAX(args.sample_weight.strides = wide);
    SOFTMAX(args.values.strides = lowest);
    SOFTMAX(args.class_weight.strides = wide);
    SOFTMAX(args.dtype = (closs_dtype)4);
    SOFTMAX(args.dtype = (closs_dtype)-1);
    SOFTMAX(args.target_dtype = (closs_dtype)4);
    SOFTMAX(args.label_dtype = CLOSS_U8); /* only beside predicted */
    SOFTMAX(args.label_dtype = (closs_label_dtype)(CLOSS_U8 + 1));
    SOFTMAX(args.label_dtype = (closs_label_dtype)-1);
    SOFTMAX(args.predicted_dtype = CLOSS_U8); /* the same */
    SOFTMAX(args.predicted_dtype = (closs_label_dtype)(CLOSS_U8 + 1));
    SOFTMAX(args.predicted.data = labels); /* beside logits */
    SOFTMAX(args.predicted.strides = wide);
    SOFTMAX(args.class_weight_dtype = CLOSS_F16);
    SOFTMAX(args.sample_weight_dtype = CLOSS_BF16);
    SOFTMAX(args.result = (closs_softmax_result)-1);
    SOFTMAX(args.result = (closs_softmax_result)(LAST_RESULT + 1));
    SOFTMAX(args.logits.data = NULL);
    for (int k = 0; k < 3; k++) {
        SOFTMAX(args.label_smoothing = not_finite[k]);
        SOFTMAX(args.temperature = not_finite[k]);
        SOFTMAX(args.base = not_finite[k]);
    }
    SOFTMAX(args.label_smoothing = -0.1);
    SOFTMAX(args.label_smoothing = nextafter(1, 2));
    SOFTMAX(args.temperature = 0);
    SOFTMAX(args.temperature = -1);
    SOFTMAX(args.base = 1);
    SOFTMAX(args.base = -2);

    /* What a result has not. */
    const int plain = result >= CLOSS_LOGSUMEXP && result <= CLOSS_LOG_SOFTMAX;
    const int labelled = right.labels.data != NULL, pair = right.targets.data != NULL;
    if (plain) SOFTMAX(args.sample_weight.data = weight);
    if (result == CLOSS_LOGSUMEXP || result == CLOSS_ZERO_ONE) SOFTMAX(args.grad.data = out.grad);
    if (result == CLOSS_SOFTMAX || result == CLOSS_LOG_SOFTMAX) SOFTMAX(args.values.data = out.values);
    if (labelled) SOFTMAX(args.labels.data = NULL);
    if (labelled) SOFTMAX(args.targets.data = second);
    if (labelled) SOFTMAX(args.labels.data = NULL; args.targets.data = second; args.has_ignore_index = 1);
    if (pair) SOFTMAX(args.targets.data = NULL);
    if (!pair && !labelled) SOFTMAX(args.targets.data = second);
    if (!labelled) SOFTMAX(args.labels.data = labels);
    if (!labelled) SOFTMAX(args.has_ignore_index = 1);
    if (result <= CLOSS_ENTROPY || labelled) SOFTMAX(args.wrt_targets = 1);
    if (result != CLOSS_DISTILLATION) SOFTMAX(args.temperature = 2);
    const int measure = result >= CLOSS_ENTROPY && result <= CLOSS_JS_DIVERGENCE;
    if (result != CLOSS_SOFTMAX_ENTROPY && !measure) SOFTMAX(args.base = 2);
    if (result == CLOSS_SOFTMAX_ENTROPY || result == CLOSS_DISTILLATION) SOFTMAX(args.classes = 0);
    if (result != CLOSS_CROSS_ENTROPY) {
        SOFTMAX(args.label_smoothing = 0.5);
        SOFTMAX(args.class_weight.data = class_weight);
        SOFTMAX(args.hess.data = out.hess);
        return;
    }
    SOFTMAX(args.labels.data = NULL; args.targets.data = second; args.classes = 0; args.class_weight.data = NULL);
    for (int k = 0; k < 4; k++)
        for (int at = 0; at < CLASSES; at += CLASSES - 1) {
            closs_softmax_args args = softmax(result);
            class_weight[at] = k < 3 ? not_finite[k] : -1;
            softmax_refused(&args, CLOSS_BAD_CLASS_WEIGHT, at);
            float narrow[CLASSES] = {1, 1, 1, 1, 1};
            narrow[at] = (float)class_weight[at];
            args.class_weight.data = narrow;
            args.class_weight_dtype = CLOSS_F32;
            softmax_refused(&args, CLOSS_BAD_CLASS_WEIGHT, at);
        }
}

/* The first offender in the order of the samples, whatever the strides. */
static void test_labels(int result)
{
    const int64_t bad[] = {-1, CLASSES, INT64_MIN, INT64_MAX, INT64_C(1) << 32};
    const int64_t label_strides[] = {1, 12, 4};
    for (int b = 0; b < 5; b++)
        for (int way = 0; way < 8; way++) {
            closs_softmax_args args = softmax(result);
            closs_report found;
            if (way % 2) args.class_weight.data = args.sample_weight.data = NULL;
            const int at = way / 2 % 2 ? ROWS - 1 : 0;
            labels[at] = labels[ROWS - 1] = bad[b];
            int32_t narrow[ROWS];
            const int fits = bad[b] == (int32_t)bad[b];
            if (way / 4 && fits) {
                for (int i = 0; i < ROWS; i++) narrow[i] = (int32_t)labels[i];
                args.labels.data = narrow;
                args.label_dtype = CLOSS_I32;
            }
            softmax_refused(&args, CLOSS_BAD_LABEL, at);
            closs_softmax_check(&args, &found);
            CHECK(found.label == bad[b]);
            args.has_ignore_index = 1;
            args.ignore_index = bad[b];
            CHECK(closs_softmax_check(&args, &found) == CLOSS_OK && found.counted == ROWS - (at ? 1 : 2));
        }
    closs_softmax_args args = softmax(result);
    args.ndim = 3;
    shape[0] = 4;
    shape[1] = 2;
    shape[2] = 3;
    args.labels.strides = label_strides;
    labels[2 * 1 + 1 * 12 + 0 * 4] = 99; /* (2, 1, 0): sample 15 */
    labels[1 * 1 + 1 * 12 + 2 * 4] = 99; /* (1, 1, 2): sample 11 */
    softmax_refused(&args, CLOSS_BAD_LABEL, 11);
    /* No label fits no classes; no samples need none. */
    args = softmax(result);
    args.classes = 0;
    args.class_weight.data = NULL;
    softmax_refused(&args, CLOSS_BAD_LABEL, 0);
    shape[0] = 0;
    args.logits.data = args.labels.data = NULL;
    double value = 1;
    CHECK(closs_softmax(&args, CLOSS_SUM, &value, NULL) == CLOSS_OK && value == 0);
    CHECK(closs_softmax(&args, CLOSS_MEAN, &value, NULL) == CLOSS_OK && isnan(value));
}

static void test_sample_weights(void)
{
    static const int at[] = {0, 7, ROWS - 1};
    for (int k = 0; k < 9; k++) {
        float narrow[ROWS];
        for (int result = CLOSS_CROSS_ENTROPY; result <= LAST_RESULT; result++) {
            closs_softmax_args args = softmax(result);
            if (!args.sample_weight.data) continue;
            weight[at[k % 3]] = not_finite[k / 3];
            softmax_refused(&args, CLOSS_BAD_SAMPLE_WEIGHT, at[k % 3]);
            for (int i = 0; i < ROWS; i++) narrow[i] = (float)weight[i];
            args.sample_weight.data = narrow;
            args.sample_weight_dtype = CLOSS_F32;
            softmax_refused(&args, CLOSS_BAD_SAMPLE_WEIGHT, at[k % 3]);
        }
        for (int loss = CLOSS_L1; loss <= LAST_LOSS; loss++) {
            const closs_elementwise_args args = elementwise(loss);
            weight[at[k % 3]] = not_finite[k / 3];
            elementwise_refused(&args, CLOSS_BAD_SAMPLE_WEIGHT, at[k % 3]);
        }
    }
    closs_softmax_args args = softmax(CLOSS_CROSS_ENTROPY);
    weight[7] = (double)NAN;
    labels[3] = -1; /* what comes first is named */
    softmax_refused(&args, CLOSS_BAD_LABEL, 3);
    args = softmax(CLOSS_CROSS_ENTROPY);
    closs_report found;
    double sum = 0;
    weight[4] = 0;
    for (int i = 0; i < ROWS; i++) sum += weight[i] * class_weight[labels[i]];
    CHECK(closs_softmax_check(&args, &found) == CLOSS_OK && found.weight_sum == sum && found.counted == ROWS - 1);
}

/* Weights that are finite, and a sum that a mean cannot divide by, infinite or too small: of sample weights, for
 * cross-entropy of class weights alone or times sample weights of one. */
static void test_sums_of_weights(void)
{
    const double far[] = {1e308, -1e308, 1e-311, -1e-311};
    closs_report found;
    for (int k = 0; k < 4; k++) {
        for (int result = CLOSS_CROSS_ENTROPY; result <= LAST_RESULT; result++) {
            closs_softmax_args args = softmax(result);
            if (!args.sample_weight.data) continue;
            if (result == CLOSS_CROSS_ENTROPY && k % 2 == 0) args.sample_weight.data = NULL;
            for (int i = 0; i < CLASSES; i++) class_weight[i] = fabs(far[k]);
            for (int i = 0; i < ROWS; i++) weight[i] = result == CLOSS_CROSS_ENTROPY ? 1 : far[k];
            CHECK(closs_softmax_check(&args, &found) == CLOSS_OK);
            CHECK(closs_softmax(&args, CLOSS_MEAN, &out.value, &found) == CLOSS_BAD_SAMPLE_WEIGHT && untouched());
            CHECK(found.status == CLOSS_BAD_SAMPLE_WEIGHT && found.index == -1);
            CHECK(closs_softmax(&args, CLOSS_SUM, &out.value, &found) == CLOSS_OK && !untouched());
        }
        for (int loss = CLOSS_L1; loss <= LAST_LOSS; loss++) {
            const closs_elementwise_args args = elementwise(loss);
            for (int i = 0; i < ROWS; i++) weight[i] = far[k];
            CHECK(closs_elementwise_check(&args, &found) == CLOSS_OK);
            CHECK(closs_elementwise(&args, CLOSS_MEAN, &out.value, &found) == CLOSS_BAD_SAMPLE_WEIGHT && untouched());
            CHECK(found.status == CLOSS_BAD_SAMPLE_WEIGHT && found.index == -1);
            CHECK(closs_elementwise(&args, CLOSS_SUM, &out.value, &found) == CLOSS_OK && !untouched());
        }
    }
}

static void test_elementwise(int loss)
{
    closs_elementwise_args right = elementwise(loss);
    closs_report found;
    CHECK(closs_elementwise_check(&right, &found) == CLOSS_OK && untouched());
    CHECK(closs_elementwise_check(&right, NULL) == CLOSS_BAD_ARGUMENT);
    CHECK(closs_elementwise_check(NULL, &found) == CLOSS_BAD_ARGUMENT && found.status == CLOSS_BAD_ARGUMENT);
    CHECK(closs_elementwise(NULL, CLOSS_SUM, &out.value, &found) == CLOSS_BAD_ARGUMENT);
    CHECK(closs_elementwise(&right, CLOSS_SUM, NULL, &found) == CLOSS_BAD_ARGUMENT);
    CHECK(closs_elementwise(&right, (closs_reduction)-1, &out.value, &found) == CLOSS_BAD_ARGUMENT);
    CHECK(found.status == CLOSS_BAD_ARGUMENT && untouched());

    ELEMENTWISE(args.size = 0);
    ELEMENTWISE(args.size--);
    ELEMENTWISE(args.size++);
    ELEMENTWISE(args.loss = (closs_elementwise_loss)(LAST_LOSS + 1));
    ELEMENTWISE(args.loss = (closs_elementwise_loss)-1);
    ELEMENTWISE(args.dtype = (closs_dtype)4);
    ELEMENTWISE(args.pos_weight_dtype = CLOSS_F16);
    ELEMENTWISE(args.sample_weight_dtype = CLOSS_F16);
    ELEMENTWISE(args.ndim = -1);
    ELEMENTWISE(args.shape = NULL);
    ELEMENTWISE(shape[0] = -1);
    ELEMENTWISE(shape[0] = INT64_MAX);
    ELEMENTWISE(args.ndim = 2; shape[0] = shape[1] = INT64_C(1) << 40);
    ELEMENTWISE(args.pred.data = NULL);
    ELEMENTWISE(args.target.data = NULL);
    ELEMENTWISE(args.pred.strides = wide);
    ELEMENTWISE(args.target.strides = lowest);
    ELEMENTWISE(args.pos_weight.strides = wide);
    ELEMENTWISE(args.sample_weight.strides = wide);
    ELEMENTWISE(args.values.strides = lowest);
    ELEMENTWISE(args.grad.strides = wide);
    ELEMENTWISE(args.hess.strides = wide);
    const int positive = loss == CLOSS_HUBER || loss == CLOSS_PSEUDO_HUBER;
    if (positive) ELEMENTWISE(args.parameter = 0);
    if (positive || loss == CLOSS_SMOOTH_L1 || loss == CLOSS_QUANTILE) {
        ELEMENTWISE(args.parameter = -0.5);
        ELEMENTWISE(args.parameter = (double)NAN);
        ELEMENTWISE(args.parameter = -(double)INFINITY);
    }
    if (loss == CLOSS_SMOOTH_L1 || loss == CLOSS_QUANTILE) ELEMENTWISE(args.parameter = (double)INFINITY);
    if (loss == CLOSS_QUANTILE) ELEMENTWISE(args.parameter = nextafter(1, 2));
    if (loss != CLOSS_SIGMOID_CROSS_ENTROPY) ELEMENTWISE(args.pos_weight.data = pos_weight);
}

/* Repeated along any axes, backwards, and not repeated. */
static void test_pos_weights(void)
{
    const struct {
        int64_t strides[3], origin, index; /* where element 5 of the weights comes first */
    } way[] = {{{15, 5, 1}, 0, 5},     {{0, 5, 1}, 0, 5},          {{1, 0, 0}, 0, 5 * 15}, {{0, 0, 1}, 1, 4},
               {{-15, -5, -1}, 14, 9}, {{3, 0, 1}, 0, 1 * 15 + 2}, {{0, 0, 0}, 5, 0}};
    for (int w = 0; w < 7; w++)
        for (int k = 0; k < 4; k++) {
            closs_elementwise_args args = elementwise(CLOSS_SIGMOID_CROSS_ENTROPY);
            args.ndim = 3;
            shape[0] = w == 4 ? 1 : 8;
            shape[1] = 3;
            shape[2] = 5;
            args.pos_weight.data = pos_weight + way[w].origin;
            args.pos_weight.strides = w > 0 ? way[w].strides : NULL;
            CHECK(closs_elementwise_check(&args, &(closs_report){CLOSS_OK, 0, 0, 0, 0}) == CLOSS_OK);
            pos_weight[5] = k < 3 ? not_finite[k] : -1;
            elementwise_refused(&args, CLOSS_BAD_POS_WEIGHT, way[w].index);
            shape[0] = 0;
            double value = 1;
            CHECK(closs_elementwise(&args, CLOSS_SUM, &value, NULL) == CLOSS_OK && value == 0);
        }
    closs_elementwise_args args = elementwise(CLOSS_SIGMOID_CROSS_ENTROPY);
    const float negative = -1;
    args.ndim = 0;
    args.pos_weight.data = &negative;
    args.pos_weight_dtype = CLOSS_F32;
    elementwise_refused(&args, CLOSS_BAD_POS_WEIGHT, 0);
}

int main(void)
{
    for (int result = CLOSS_CROSS_ENTROPY; result <= LAST_RESULT; result++) test_softmax(result);
    test_labels(CLOSS_CROSS_ENTROPY);
    test_labels(CLOSS_PROBABILITY_CROSS_ENTROPY);
    test_labels(CLOSS_ZERO_ONE);
    test_sample_weights();
    test_sums_of_weights();
    for (int loss = CLOSS_L1; loss <= LAST_LOSS; loss++) test_elementwise(loss);
    test_pos_weights();
    return report("refused");
}
