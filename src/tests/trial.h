/* trial.h: one call of the library, of any function, on arrays made to order, judged by reference.h: every output
 * within its bound, nothing written between the elements of an output, nor anywhere if the call is refused. */
#ifndef CLOSS_TESTS_TRIAL_H
#define CLOSS_TESTS_TRIAL_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reference.h"

enum {
    FIRST,
    SECOND,
    LABELS,
    CLASS_WEIGHT,
    SAMPLE_WEIGHT,
    POS_WEIGHT,
    VALUES,
    GRAD,
    HESS,
    ARRAYS,
    SCRATCH = ARRAYS,
    PLACES
};
enum { PACKED, SAMPLES_FASTEST, SPREAD, REPEATED, LAYOUTS }; /* REPEATED: inputs only, the samples by a stride of 0 */
enum { OWN = 1, IN_PLACE = 2 };
enum { MOST_NUMBERS = 1 << 20, IGNORED = -100, FEW_LABELS = 3 /* of which many pairs are equal */ };

typedef struct {
    int elementwise, function; /* a closs_elementwise_loss or a closs_softmax_result */
    int dtype, target_dtype, label_dtype, weight_dtype;
    int64_t outer, inner, classes;
    int layout[ARRAYS], has[ARRAYS]; /* has[GRAD] is OWN or IN_PLACE: of FIRST, or with wrt_targets of SECOND */
    int ignore, wide_grad, wide_hess, wrt_targets, mean;
    int predicted, predicted_dtype; /* of the zero-one loss: FIRST holds labels, of which there are no classes */
    double smoothing, temperature, base, parameter;
    /* Where an array lies, by its bytes; the numbers that fill it, in their dtype; a label of so many classes. */
    void *(*place)(int array, size_t bytes);
    double (*number)(int array, closs_dtype dtype);
    int64_t (*label)(int64_t classes);
    void (*before)(void), (*after)(void); /* around the call, or NULL */
} trial;

/* ---- Elements ---- */

static size_t size_of(closs_dtype dtype)
{
    return dtype == CLOSS_F64 ? 8 : dtype == CLOSS_F32 ? 4 : 2;
}

static double decode(uint16_t half, int mantissa, int bias)
{
    const int exponent = half >> mantissa & ((1 << (15 - mantissa)) - 1), fraction = half & ((1 << mantissa) - 1);
    const double sign = half & 0x8000 ? -1 : 1;
    if (exponent == (1 << (15 - mantissa)) - 1) return fraction ? (double)NAN : sign * (double)INFINITY;
    if (exponent == 0) return sign * ldexp(fraction, 1 - bias - mantissa);
    return sign * ldexp(fraction + (1 << mantissa), exponent - bias - mantissa);
}

/* Rounded toward zero: what it gives is what the test then uses. */
static uint16_t encode(double x, int mantissa, int bias)
{
    const unsigned sign = signbit(x) ? 0x8000u : 0, infinity = ((1u << (15 - mantissa)) - 1) << mantissa;
    int exponent = 0;
    if (isnan(x)) return (uint16_t)(sign | infinity | 1u << (mantissa - 1));
    if (isinf(x)) return (uint16_t)(sign | infinity);
    const double fraction = frexp(fabs(x), &exponent); /* in [1/2, 1) */
    if (exponent > bias + 1) return (uint16_t)(sign | (infinity - 1));
    if (x == 0 || exponent < 2 - bias) return (uint16_t)(sign | (unsigned)ldexp(fabs(x), bias - 1 + mantissa));
    const unsigned digits = (unsigned)ldexp(fraction, mantissa + 1) - (1u << mantissa);
    return (uint16_t)(sign | (unsigned)(exponent - 1 + bias) << mantissa | digits);
}

static double get(const void *data, closs_dtype dtype, int64_t at)
{
    switch (dtype) {
    case CLOSS_F32: return (double)((const float *)data)[at];
    case CLOSS_F64: return ((const double *)data)[at];
    case CLOSS_F16: return decode(((const uint16_t *)data)[at], 10, 15);
    default: return decode(((const uint16_t *)data)[at], 7, 127);
    }
}

static void put(void *data, closs_dtype dtype, int64_t at, double value)
{
    switch (dtype) {
    case CLOSS_F32:
        if (fabs(value) > (double)FLT_MAX && fabs(value) < INFINITY) value = copysign((double)FLT_MAX, value);
        ((float *)data)[at] = (float)value;
        break;
    case CLOSS_F64: ((double *)data)[at] = value; break;
    case CLOSS_F16: ((uint16_t *)data)[at] = encode(value, 10, 15); break;
    case CLOSS_BF16: ((uint16_t *)data)[at] = encode(value, 7, 127); break;
    }
}

/* ---- Arrays ---- */

typedef struct {
    char *data; /* of the first element in memory */
    closs_dtype dtype;
    size_t element, bytes;
    int64_t strides[3], origin;
    const int64_t *given; /* strides, or NULL for packed */
} array;

static array array_of(const trial *t, int which, closs_dtype dtype, size_t element, int classes_too)
{
    array a = {NULL, dtype, element, 0, {0, 0, 0}, 0, NULL};
    const int64_t c = classes_too ? t->classes : 1, elements = t->outer * t->inner * c;
    int64_t span = elements;
    switch (t->layout[which]) {
    case SAMPLES_FASTEST: a.strides[0] = 1, a.strides[1] = t->outer, a.strides[2] = t->outer * t->inner; break;
    case SPREAD: /* classes backwards, every second element; padded samples and rows */
        a.strides[2] = -2;
        a.strides[1] = classes_too ? 2 * c + 3 : -3;
        a.strides[0] = t->inner * (2 * c + 3) + 1;
        a.origin = classes_too ? 2 * (c - 1) : 3 * (t->inner - 1);
        span = (t->outer - 1) * a.strides[0] + (t->inner - 1) * llabs(a.strides[1]) + 2 * (c - 1) + 1;
        break;
    case REPEATED: a.strides[2] = 1, span = c; break;
    default:
        a.strides[2] = 1;
        a.strides[1] = c;
        a.strides[0] = c * t->inner;
    }
    if (elements == 0) span = a.origin = 0;
    a.bytes = (size_t)span * element;
    a.data = t->place(which, a.bytes);
    return a;
}

static int64_t at(const array *a, int64_t o, int64_t i, int64_t j)
{
    return a->origin + o * a->strides[0] + i * a->strides[1] + j * a->strides[2];
}

static void *first_of(array *a, int layout)
{
    a->given = layout == PACKED ? NULL : a->strides;
    return a->data ? a->data + (size_t)a->origin * a->element : NULL;
}

static closs_array output(array *a, int layout)
{
    return (closs_array){first_of(a, layout), a->given};
}

static closs_const_array input(array *a, int layout)
{
    return (closs_const_array){first_of(a, layout), a->given};
}

/* Whether all bytes that are no element of an output are as they were; if `none`, all bytes at all. */
static int is_clean(const trial *t, const array *a, int classes_too, int none)
{
    static unsigned char marks[MOST_NUMBERS * 16]; /* every second element of a double */
    if (a->bytes > sizeof marks) {
        fprintf(stderr, "trial.h: an output of %zu bytes is more than `marks` holds\n", a->bytes);
        abort();
    }
    memset(marks, 0, a->bytes);
    const int64_t c = classes_too ? t->classes : 1;
    for (int64_t o = 0; !none && o < t->outer; o++)
        for (int64_t i = 0; i < t->inner; i++)
            for (int64_t j = 0; j < c; j++) memset(marks + (size_t)at(a, o, i, j) * a->element, 1, a->element);
    for (size_t k = 0; k < a->bytes; k++)
        if (!marks[k] && (unsigned char)a->data[k] != 0x5a) return 0;
    return 1;
}

/* ---- The call ---- */

static double numbers[2][MOST_NUMBERS], weights[MOST_NUMBERS], positives[MOST_NUMBERS], class_weights[MOST_CLASSES];
static int64_t given_labels[MOST_NUMBERS], given_predicted[MOST_NUMBERS];
static const char *complaint;
static double complaint_got;
static wide complaint_wanted, complaint_bound;
static int64_t complaint_sample, complaint_class;

static int wrong(const char *what, int64_t s, int64_t j, double got, expected want)
{
    complaint = what;
    complaint_sample = s;
    complaint_class = j;
    complaint_got = got;
    complaint_wanted = want.value;
    complaint_bound = want.bound;
    return 0;
}

static void fill(const trial *t, array *a, int which, int classes_too, double *copy)
{
    const int64_t c = classes_too ? t->classes : 1;
    int64_t k = 0;
    for (int64_t o = 0; o < t->outer; o++)
        for (int64_t i = 0; i < t->inner; i++)
            for (int64_t j = 0; j < c; j++, k++) {
                if (t->layout[which] != REPEATED || (o == 0 && i == 0))
                    put(a->data, a->dtype, at(a, o, i, j), t->number(which, a->dtype));
                copy[k] = get(a->data, a->dtype, at(a, o, i, j));
            }
}

static size_t size_of_label(closs_label_dtype dtype)
{
    return dtype == CLOSS_U8 ? 1 : dtype == CLOSS_I32 ? 4 : 8;
}

/* For sample k. By chance hardly a label is the predicted class: of the zero-one loss, every second one is made it. */
static int64_t label_of(const trial *t, int64_t k, int64_t classes)
{
    const int64_t label = t->label(classes);
    const int scored = t->function == CLOSS_ZERO_ONE && !t->predicted;
    if (!scored || label < 0 || label >= classes || label % 2 != 0) return label;
    const int64_t best = predicted_class(numbers[0] + k * classes, classes);
    return best < 0 ? label : best;
}

static void fill_labels(const trial *t, array *a, int which, closs_label_dtype dtype, int64_t classes, int64_t *copy)
{
    for (int64_t o = 0, k = 0; o < t->outer; o++)
        for (int64_t i = 0; i < t->inner; i++, k++) {
            const int64_t label = t->layout[which] == REPEATED && k > 0 ? copy[0] : label_of(t, k, classes);
            char *place = a->data + (size_t)at(a, o, i, 0) * a->element;
            switch (dtype) {
            case CLOSS_I32: copy[k] = *(int32_t *)(void *)place = (int32_t)label; break;
            case CLOSS_I64: copy[k] = *(int64_t *)(void *)place = label; break;
            case CLOSS_U8: copy[k] = *(uint8_t *)place = (uint8_t)label; break;
            }
        }
}

/* 1 if the total of `values` and its mean are what they should be. */
static int total_is_right(const trial *t, double got, wide total, wide bound, wide size, wide weight_sum,
                          wide all_weights, int any)
{
    if (any) return 1;
    if (t->mean) {
        if (weight_sum == 0) return isnan(got);
        if (fabsl(weight_sum) < 1e-9L * all_weights) return 1; /* cancelled */
        total /= weight_sum;
        bound /= fabsl(weight_sum);
        size /= fabsl(weight_sum);
        bound += 1024 * (wide)DBL_EPSILON * size * all_weights / fabsl(weight_sum);
    }
    /* No block has more than 8192 values, in 16 lanes: 512 additions to one of them, of half an ulp each. A few more
     * take lanes and blocks together. */
    bound += (256 + 8) * (wide)DBL_EPSILON * size + 0x1p-1070L;
    if (isnan(total)) return isnan(got);
    if (isinf(total)) return got == total;
    if (isinf(got)) return size > (wide)FLT_MAX / 4;
    return fabsl(got - total) <= bound || wrong("total", -1, -1, got, (expected){total, bound, 0});
}

/* How samples or elements are weighted, and the weights' sum. */
typedef struct {
    wide sum, lost, size;
} weighting;

/* The library keeps 1e-30 beside weights of 1 and -1; so must this: `lost` is what rounding takes from the sum. */
static void add_weight(weighting *w, wide weight)
{
    const wide after = w->sum + weight, added = after - w->sum;
    w->lost += (w->sum - (after - added)) + (weight - added);
    w->sum = after;
    w->size += fabsl(weight);
}

static wide scale_of(const trial *t, const weighting *w)
{
    return !t->mean ? 1 : w->sum == 0 ? (wide)NAN : 1 / w->sum;
}

/* How far the denominator of a mean may be off, relatively. */
static wide scale_error(const trial *t, const weighting *w)
{
    return t->mean && w->sum != 0 ? 1024 * (wide)DBL_EPSILON * w->size / fabsl(w->sum) : 0;
}

/* 1 if the call gave what it should; else `complaint` says what is wrong. */
static int run_softmax(const trial *t)
{
    static expected g[MOST_CLASSES], h[MOST_CLASSES];
    const closs_dtype dtype = (closs_dtype)t->dtype, wide_type = dtype == CLOSS_F64 ? CLOSS_F64 : CLOSS_F32;
    const closs_dtype target_dtype = (closs_dtype)t->target_dtype, weight_dtype = (closs_dtype)t->weight_dtype;
    const closs_dtype grad_dtype = t->wide_grad ? wide_type : dtype, hess_dtype = t->wide_hess ? wide_type : dtype;
    const closs_label_dtype label_dtype = (closs_label_dtype)t->label_dtype;
    const closs_label_dtype predicted_dtype = (closs_label_dtype)t->predicted_dtype;
    const int64_t shape[2] = {t->outer, t->inner}, samples = t->outer * t->inner, c = t->classes;
    const int varied = t->wrt_targets ? SECOND : FIRST; /* what grad is the derivative in */
    const int in_place = t->has[GRAD] == IN_PLACE && t->layout[varied] != REPEATED && grad_dtype == dtype &&
                         (varied == FIRST || target_dtype == dtype);
    const int in_first = in_place && varied == FIRST, in_second = in_place && varied == SECOND;
    const int has_values = t->has[VALUES], has_grad = t->has[GRAD] != 0, has_hess = t->has[HESS];
    array first = t->predicted ? array_of(t, FIRST, dtype, size_of_label(predicted_dtype), 0)
                               : array_of(t, in_first ? GRAD : FIRST, dtype, size_of(dtype), 1);
    array second = {0}, labels = {0}, by_class = {0}, by_sample = {0}, values = {0}, grad = {0}, hess = {0};
    closs_softmax_args args = CLOSS_SOFTMAX_INIT;
    weighting w = {0, 0, 0};
    complaint = NULL;
    if (t->predicted) {
        fill_labels(t, &first, FIRST, predicted_dtype, FEW_LABELS, given_predicted);
        args.predicted = input(&first, t->layout[FIRST]);
    } else {
        fill(t, &first, in_first ? GRAD : FIRST, 1, numbers[0]);
        args.logits = input(&first, t->layout[in_first ? GRAD : FIRST]);
    }
    if (t->has[SECOND]) {
        second = array_of(t, in_second ? GRAD : SECOND, target_dtype, size_of(target_dtype), 1);
        fill(t, &second, in_second ? GRAD : SECOND, 1, numbers[1]);
        args.targets = input(&second, t->layout[in_second ? GRAD : SECOND]);
    }
    if (t->has[LABELS]) {
        labels = array_of(t, LABELS, dtype, size_of_label(label_dtype), 0);
        fill_labels(t, &labels, LABELS, label_dtype, t->predicted ? FEW_LABELS : c, given_labels);
        args.labels = input(&labels, t->layout[LABELS]);
    }
    if (t->has[CLASS_WEIGHT]) {
        by_class =
            (array){t->place(CLASS_WEIGHT, (size_t)c * size_of(weight_dtype)), weight_dtype, 0, 0, {0, 0, 1}, 0, NULL};
        for (int64_t j = 0; j < c; j++) {
            put(by_class.data, weight_dtype, j, t->number(CLASS_WEIGHT, weight_dtype));
            class_weights[j] = get(by_class.data, weight_dtype, j);
        }
        args.class_weight.data = by_class.data;
    }
    for (int64_t k = 0; k < samples; k++) weights[k] = 1;
    if (t->has[SAMPLE_WEIGHT]) {
        by_sample = array_of(t, SAMPLE_WEIGHT, weight_dtype, size_of(weight_dtype), 0);
        fill(t, &by_sample, SAMPLE_WEIGHT, 0, weights);
        args.sample_weight = input(&by_sample, t->layout[SAMPLE_WEIGHT]);
    }
    if (has_values) {
        values = array_of(t, VALUES, wide_type, size_of(wide_type), 0);
        memset(values.data, 0x5a, values.bytes);
        args.values = output(&values, t->layout[VALUES]);
    }
    if (has_grad) {
        grad = in_first ? first : in_second ? second : array_of(t, GRAD, grad_dtype, size_of(grad_dtype), 1);
        if (!in_place) memset(grad.data, 0x5a, grad.bytes);
        args.grad = output(&grad, t->layout[GRAD]);
    }
    if (has_hess) {
        hess = array_of(t, HESS, hess_dtype, size_of(hess_dtype), 1);
        memset(hess.data, 0x5a, hess.bytes);
        args.hess = output(&hess, t->layout[HESS]);
    }
    args.result = (closs_softmax_result)t->function;
    args.dtype = dtype;
    args.target_dtype = target_dtype;
    args.label_dtype = label_dtype;
    args.predicted_dtype = predicted_dtype;
    args.class_weight_dtype = args.sample_weight_dtype = weight_dtype;
    args.classes = c;
    args.ndim = 2;
    args.shape = shape;
    args.has_ignore_index = t->ignore;
    args.ignore_index = IGNORED;
    args.label_smoothing = t->smoothing;
    args.temperature = t->temperature;
    args.base = t->base;
    args.wide_grad = t->wide_grad;
    args.wide_hess = t->wide_hess;
    args.wrt_targets = t->wrt_targets;
    args.fresh = t->mean;
    const int64_t of_use = closs_softmax_scratch(&args), quarters = (t->outer + t->inner + c + t->dtype) % 5;
    if (of_use > 0 && quarters > 0) {
        args.scratch_bytes = of_use / c * (c * quarters / 4);
        args.scratch = t->place(SCRATCH, (size_t)args.scratch_bytes);
    }

    /* What must be refused, of what a trial can be. */
    closs_status status = CLOSS_OK;
    for (int64_t k = 0; k < samples && t->has[LABELS] && !t->predicted; k++)
        if (!(t->ignore && given_labels[k] == IGNORED) && (given_labels[k] < 0 || given_labels[k] >= c))
            status = CLOSS_BAD_LABEL;
    const int needs_class = args.result == CLOSS_SOFTMAX_ENTROPY || args.result == CLOSS_DISTILLATION ||
                            (args.result == CLOSS_CROSS_ENTROPY && t->has[SECOND]);
    const int is_based =
        args.result == CLOSS_SOFTMAX_ENTROPY || (args.result >= CLOSS_ENTROPY && args.result <= CLOSS_JS_DIVERGENCE);
    if (!(t->smoothing >= 0 && t->smoothing <= 1) || !(t->temperature > 0 && t->temperature < INFINITY) ||
        (t->base != 0 && (!(t->base > 0 && t->base < INFINITY) || t->base == 1)) || (t->base != 0 && !is_based) ||
        (t->temperature != 1 && args.result != CLOSS_DISTILLATION) || (needs_class && samples > 0 && c == 0))
        status = CLOSS_BAD_ARGUMENT;

    double got = 12.5;
    if (t->before) t->before();
    const closs_status found = closs_softmax(&args, t->mean ? CLOSS_MEAN : CLOSS_SUM, &got, NULL);
    if (t->after) t->after();
    if (found != status) return wrong("status", found, status, 0, exactly(0));
    if (status != CLOSS_OK) {
        if (has_values && !is_clean(t, &values, 0, 1)) return wrong("values of a refused call", 0, 0, 0, exactly(0));
        if (has_grad && !in_place && !is_clean(t, &grad, 1, 1)) return wrong("grad, refused", 0, 0, 0, exactly(0));
        if (has_hess && !is_clean(t, &hess, 1, 1)) return wrong("hess of a refused call", 0, 0, 0, exactly(0));
        return got == 12.5 || wrong("value of a refused call", 0, 0, got, exactly(12.5));
    }
    if (has_values && !is_clean(t, &values, 0, 0)) return wrong("between values", 0, 0, 0, exactly(0));
    if (has_grad && !in_place && !is_clean(t, &grad, 1, 0)) return wrong("between grad", 0, 0, 0, exactly(0));
    if (has_hess && !is_clean(t, &hess, 1, 0)) return wrong("between hess", 0, 0, 0, exactly(0));

    for (int64_t k = 0; k < samples; k++) {
        wide weight = weights[k];
        if (t->has[LABELS] && given_labels[k] == IGNORED && t->ignore)
            weight = 0;
        else if (t->has[LABELS] && t->has[CLASS_WEIGHT])
            weight *= class_weights[given_labels[k]];
        add_weight(&w, weight);
    }
    w.sum += w.lost;
    const int plain = args.result == CLOSS_SOFTMAX || args.result == CLOSS_LOG_SOFTMAX;
    const int ill = t->mean && w.sum != 0 && fabsl(w.sum) < 1e-3L * w.size; /* sums of weights that cancel */
    wide total = 0, bound = 0, size = 0;
    int any = ill;
    for (int64_t o = 0, k = 0; o < t->outer; o++)
        for (int64_t i = 0; i < t->inner; i++, k++) {
            const int ignored = t->has[LABELS] && t->ignore && given_labels[k] == IGNORED;
            const sample s = {&args,
                              numbers[0] + k * c,
                              t->has[SECOND] ? numbers[1] + k * c : NULL,
                              t->has[CLASS_WEIGHT] ? class_weights : NULL,
                              t->predicted ? &given_predicted[k] : NULL,
                              t->has[LABELS] && !ignored ? given_labels[k] : -1,
                              weights[k],
                              plain ? 1 : scale_of(t, &w)};
            const wide own = weights[k] * (t->has[CLASS_WEIGHT] ? 1e3L : 1) * (isnan(s.scale) ? 1 : s.scale);
            const wide factor = own / log_of(t->base) / t->temperature;
            expected value = exactly(0);
            reference_softmax(&s, &value, g, h);
            if (has_values) {
                const double v = get(values.data, wide_type, at(&values, o, i, 0));
                if (!agrees(v, value, wide_type, 1e3L * fabsl(weights[k] / log_of(t->base))))
                    return wrong("values", k, 0, v, value);
            }
            for (int64_t j = 0; j < c && !ill; j++) {
                const double dg = has_grad ? get(grad.data, grad_dtype, at(&grad, o, i, j)) : 0;
                const double dh = has_hess ? get(hess.data, hess_dtype, at(&hess, o, i, j)) : 0;
                g[j].bound += fabsl(g[j].value) * scale_error(t, &w);
                h[j].bound += fabsl(h[j].value) * scale_error(t, &w);
                if (has_grad && !agrees(dg, g[j], grad_dtype, factor)) return wrong("grad", k, j, dg, g[j]);
                if (has_hess && !agrees(dh, h[j], hess_dtype, factor)) return wrong("hess", k, j, dh, h[j]);
            }
            any |= value.any || fabsl(value.value) >= limits_of(wide_type).largest / 1024;
            total += value.value;
            size += fabsl(value.value);
            bound += value.bound + limits_of(wide_type).eps * fabsl(value.value) + 1e4L * limits_of(wide_type).smallest;
        }
    if (plain) return 1; /* sums mean nothing */
    if (args.result == CLOSS_LOGSUMEXP) w.sum = w.size = (wide)samples;
    return total_is_right(t, got, total, bound, size, w.sum, w.size, any) ||
           wrong("total", -1, -1, got, (expected){total, bound, 0});
}

static int run_elementwise(const trial *t)
{
    const closs_dtype dtype = (closs_dtype)t->dtype, wide_type = dtype == CLOSS_F64 ? CLOSS_F64 : CLOSS_F32;
    const closs_dtype weight_dtype = (closs_dtype)t->weight_dtype;
    const closs_dtype grad_dtype = t->wide_grad ? wide_type : dtype, hess_dtype = t->wide_hess ? wide_type : dtype;
    const int64_t shape[2] = {t->outer, t->inner}, elements = t->outer * t->inner;
    const int in_place = t->has[GRAD] == IN_PLACE && grad_dtype == dtype && t->layout[FIRST] != REPEATED;
    const int has_values = t->has[VALUES], has_grad = t->has[GRAD] != 0, has_hess = t->has[HESS];
    const int has_positive = t->has[POS_WEIGHT] && t->function == CLOSS_SIGMOID_CROSS_ENTROPY;
    array first = array_of(t, in_place ? GRAD : FIRST, dtype, size_of(dtype), 0);
    array by_sample = {0}, positive = {0}, values = {0}, grad = {0}, hess = {0};
    closs_elementwise_args args = CLOSS_ELEMENTWISE_INIT;
    args.wide_target = t->target_dtype == CLOSS_F32;
    const closs_dtype target_dtype = args.wide_target ? wide_type : dtype;
    array second = array_of(t, SECOND, target_dtype, size_of(target_dtype), 0);
    weighting w = {0, 0, 0};
    complaint = NULL;
    fill(t, &first, in_place ? GRAD : FIRST, 0, numbers[0]);
    fill(t, &second, SECOND, 0, numbers[1]);
    for (int64_t k = 0; k < elements; k++) weights[k] = positives[k] = 1;
    if (t->has[SAMPLE_WEIGHT]) {
        by_sample = array_of(t, SAMPLE_WEIGHT, weight_dtype, size_of(weight_dtype), 0);
        fill(t, &by_sample, SAMPLE_WEIGHT, 0, weights);
        args.sample_weight = input(&by_sample, t->layout[SAMPLE_WEIGHT]);
    }
    if (has_positive) {
        positive = array_of(t, POS_WEIGHT, weight_dtype, size_of(weight_dtype), 0);
        fill(t, &positive, POS_WEIGHT, 0, positives);
        args.pos_weight = input(&positive, t->layout[POS_WEIGHT]);
    }
    if (has_values) {
        values = array_of(t, VALUES, wide_type, size_of(wide_type), 0);
        memset(values.data, 0x5a, values.bytes);
        args.values = output(&values, t->layout[VALUES]);
    }
    if (has_grad) {
        grad = in_place ? first : array_of(t, GRAD, grad_dtype, size_of(grad_dtype), 0);
        if (!in_place) memset(grad.data, 0x5a, grad.bytes);
        args.grad = output(&grad, t->layout[GRAD]);
    }
    if (has_hess) {
        hess = array_of(t, HESS, hess_dtype, size_of(hess_dtype), 0);
        memset(hess.data, 0x5a, hess.bytes);
        args.hess = output(&hess, t->layout[HESS]);
    }
    args.loss = (closs_elementwise_loss)t->function;
    args.dtype = dtype;
    args.parameter = t->parameter;
    args.ndim = 2;
    args.shape = shape;
    args.pred = input(&first, in_place ? t->layout[GRAD] : t->layout[FIRST]);
    args.target = input(&second, t->layout[SECOND]);
    args.pos_weight_dtype = args.sample_weight_dtype = weight_dtype;
    args.wide_grad = t->wide_grad;
    args.wide_hess = t->wide_hess;
    args.fresh = t->mean;

    const double x = t->parameter;
    int fits = 1;
    if (args.loss == CLOSS_HUBER || args.loss == CLOSS_PSEUDO_HUBER) fits = x > 0;
    if (args.loss == CLOSS_SMOOTH_L1) fits = x >= 0 && x < INFINITY;
    if (args.loss == CLOSS_QUANTILE) fits = x >= 0 && x <= 1;
    double got = 12.5;
    if (t->before) t->before();
    const closs_status found = closs_elementwise(&args, t->mean ? CLOSS_MEAN : CLOSS_SUM, &got, NULL);
    if (t->after) t->after();
    if (found != (fits ? CLOSS_OK : CLOSS_BAD_ARGUMENT)) return wrong("status", found, fits, 0, exactly(0));
    if (has_values && !is_clean(t, &values, 0, !fits)) return wrong("between values", 0, 0, 0, exactly(0));
    if (has_grad && !in_place && !is_clean(t, &grad, 0, !fits)) return wrong("between grad", 0, 0, 0, exactly(0));
    if (has_hess && !is_clean(t, &hess, 0, !fits)) return wrong("between hess", 0, 0, 0, exactly(0));
    if (!fits) return got == 12.5 || wrong("value of a refused call", 0, 0, got, exactly(12.5));

    for (int64_t k = 0; k < elements; k++) add_weight(&w, weights[k]);
    w.sum += w.lost;
    const int ill = t->mean && w.sum != 0 && fabsl(w.sum) < 1e-3L * w.size;
    wide total = 0, bound = 0, size = 0;
    int any = ill;
    for (int64_t o = 0, k = 0; o < t->outer; o++)
        for (int64_t i = 0; i < t->inner; i++, k++) {
            expected out[3];
            reference_elementwise(&args, numbers[0][k], numbers[1][k], positives[k], out);
            const wide weight = weights[k], scale = weight * scale_of(t, &w);
            for (int q = 0; q < 3; q++) {
                out[q].any |= !isinf(out[q].value) && fabsl(out[q].value) >= limits_of(wide_type).largest;
                const wide factor = q == 0 ? weight : scale;
                out[q].value = weight == 0 ? 0 : out[q].value * factor;
                /* Weighted and scaled in two more steps. */
                out[q].bound = weight == 0
                                   ? 0
                                   : out[q].bound * fabsl(factor) +
                                         (2 * limits_of(wide_type).eps + scale_error(t, &w)) * fabsl(out[q].value);
                if (weight == 0) out[q].any = 0;
            }
            const double v = has_values ? get(values.data, wide_type, at(&values, o, i, 0)) : 0;
            const double dg = has_grad ? get(grad.data, grad_dtype, at(&grad, o, i, 0)) : 0;
            const double dh = has_hess ? get(hess.data, hess_dtype, at(&hess, o, i, 0)) : 0;
            const wide factor = isnan(scale) ? 1 : scale;
            if (has_values && !agrees(v, out[0], wide_type, weight)) return wrong("values", k, 0, v, out[0]);
            if (has_grad && !ill && !agrees(dg, out[1], grad_dtype, factor)) return wrong("grad", k, 0, dg, out[1]);
            if (has_hess && !ill && !agrees(dh, out[2], hess_dtype, factor)) return wrong("hess", k, 0, dh, out[2]);
            any |= out[0].any || fabsl(out[0].value) >= limits_of(wide_type).largest / 1024;
            total += out[0].value;
            size += fabsl(out[0].value);
            bound += out[0].bound + limits_of(wide_type).eps * fabsl(out[0].value) +
                     8 * limits_of(wide_type).smallest * (1 + fabsl(weight));
        }
    return total_is_right(t, got, total, bound, size, w.sum, w.size, any) ||
           wrong("total", -1, -1, got, (expected){total, bound, 0});
}

static int run_trial(const trial *t)
{
    return t->elementwise ? run_elementwise(t) : run_softmax(t);
}

static void print_trial(const trial *t)
{
    fprintf(stderr,
            "%s %d: dtype %d targets %d labels %d weights %d; %lld x %lld samples, %lld classes; layouts", //
            t->elementwise ? "elementwise" : "softmax", t->function, t->dtype, t->target_dtype, t->label_dtype,
            t->weight_dtype, (long long)t->outer, (long long)t->inner, (long long)t->classes);
    for (int k = 0; k < ARRAYS; k++)
        fprintf(stderr, " %d%s", t->layout[k], t->has[k] == IN_PLACE ? "!" : t->has[k] ? "+" : "-");
    fprintf(stderr, "; ignore %d wide %d %d in p %d mean %d; smoothing %a temperature %a base %a parameter %a (%s)\n",
            t->ignore, t->wide_grad, t->wide_hess, t->wrt_targets, t->mean, t->smoothing, t->temperature, t->base,
            t->parameter, closs_isa());
    if (t->predicted) fprintf(stderr, "    of predicted labels: dtype %d\n", t->predicted_dtype);
    if (complaint_sample >= 0 && t->elementwise)
        fprintf(stderr, "    of %a, %a, weights %a %a\n", numbers[0][complaint_sample], numbers[1][complaint_sample],
                weights[complaint_sample], positives[complaint_sample]);
    if (complaint_sample >= 0 && !t->elementwise && t->classes > 0)
        fprintf(stderr, "    of %a, %a, weight %a\n", numbers[0][complaint_sample * t->classes + complaint_class],
                numbers[1][complaint_sample * t->classes + complaint_class], weights[complaint_sample]);
    fprintf(stderr, "    %s, sample %lld class %lld: %.17g, not %.20Lg +- %.3Lg\n", complaint ? complaint : "?",
            (long long)complaint_sample, (long long)complaint_class, complaint_got, complaint_wanted, complaint_bound);
}

#endif
