/* checks.h: what the argument structs of the two families may hold, and what check reads: labels and weights. */
#include <math.h>

#include "dispatch.h"

/* ---- Arguments --------------------------------------------------------------------------------------------------- */

/* The number of elements of these axes, or -1 if an extent is negative, or if with the classes the offsets in an array
 * of doubles overflow. */
static int64_t count_elements(int32_t ndim, const int64_t *shape, int64_t classes)
{
    uint64_t elements = 1;
    int empty = 0;
    for (int32_t axis = 0; axis < ndim; axis++) {
        const int64_t extent = shape[axis];
        if (extent < 0) return -1;
        if (extent == 0)
            empty = 1;
        else if (elements > (uint64_t)INT64_MAX / (uint64_t)extent)
            return -1;
        else
            elements *= (uint64_t)extent;
    }
    if (empty) return 0;
    if (classes > 0 && elements > (uint64_t)INT64_MAX / (uint64_t)classes / sizeof(double)) return -1;
    return (int64_t)elements;
}

static int64_t count_samples(const closs_softmax_args *args)
{
    return count_elements(args->ndim, args->shape, args->classes);
}

static int is_dtype(closs_dtype dtype)
{
    return dtype >= CLOSS_F32 && dtype <= CLOSS_BF16;
}

static int is_weight_dtype(closs_dtype dtype)
{
    return dtype == CLOSS_F32 || dtype == CLOSS_F64;
}

static int is_label_dtype(closs_label_dtype dtype, const closs_softmax_args *args)
{
    return dtype == CLOSS_I32 || dtype == CLOSS_I64 || (dtype == CLOSS_U8 && args->predicted.data);
}

/* Whether every offset into an array, in bytes, is a ptrdiff_t. classes < 0: without a class axis. */
static int spans_fit(int32_t ndim, const int64_t *shape, int64_t classes, const int64_t *strides)
{
    const uint64_t limit = PTRDIFF_MAX / sizeof(double);
    uint64_t span = 0;
    if (!strides) return 1; /* packed: counted with the samples */
    for (int32_t axis = 0; axis < ndim + (classes >= 0); axis++) {
        const int64_t extent = axis < ndim ? shape[axis] : classes;
        if (extent <= 1) continue;
        const uint64_t step = stride_size(strides[axis]);
        if (step > limit / (uint64_t)(extent - 1)) return 0;
        span += step * (uint64_t)(extent - 1);
        if (span > limit) return 0;
    }
    return 1;
}

static int all_spans_fit(const closs_softmax_args *args, int64_t samples)
{
    const int64_t *by_class[] = {args->logits.strides, args->targets.strides, args->grad.strides, args->hess.strides};
    const int64_t *by_sample[] = {args->labels.strides, args->sample_weight.strides, args->values.strides,
                                  args->predicted.strides};
    for (int k = 0; samples > 0 && k < 4; k++)
        if (!spans_fit(args->ndim, args->shape, args->classes, by_class[k])) return 0;
    for (int k = 0; samples > 0 && k < 4; k++)
        if (!spans_fit(args->ndim, args->shape, -1, by_sample[k])) return 0;
    return spans_fit(0, NULL, args->classes, args->class_weight.strides);
}

static int is_measure(const closs_softmax_args *args)
{
    return args->result >= CLOSS_ENTROPY && args->result <= CLOSS_JS_DIVERGENCE;
}

/* Positive, finite. */
static int is_factor(double x)
{
    return x > 0 && x < INFINITY;
}

static int softmax_well_formed(const closs_softmax_args *args)
{
    if (!args || args->size != sizeof *args || args->ndim < 0 || args->classes < 0) return 0;
    if (args->ndim > 0 && !args->shape) return 0;
    if (!is_dtype(args->dtype) || !is_dtype(args->target_dtype)) return 0;
    if (!is_weight_dtype(args->class_weight_dtype) || !is_weight_dtype(args->sample_weight_dtype)) return 0;
    if (args->predicted.data && args->result != CLOSS_ZERO_ONE) return 0;
    if (!is_label_dtype(args->label_dtype, args) || !is_label_dtype(args->predicted_dtype, args)) return 0;
    if (!(args->label_smoothing >= 0 && args->label_smoothing <= 1) || !is_factor(args->temperature)) return 0;
    if (args->base != 0 && (!is_factor(args->base) || args->base == 1)) return 0;
    const int is_pair = is_measure(args) && args->result != CLOSS_ENTROPY;
    if (args->base != 0 && args->result != CLOSS_SOFTMAX_ENTROPY && !is_measure(args)) return 0;
    if (args->temperature != 1 && args->result != CLOSS_DISTILLATION) return 0;
    if (args->wrt_targets && !is_pair) return 0;
    if (args->scratch_bytes < 0 || (args->scratch_bytes > 0 && !args->scratch)) return 0;
    const int64_t samples = count_samples(args);
    if (samples < 0 || !all_spans_fit(args, samples)) return 0;
    const void *labels = args->labels.data, *targets = args->targets.data;
    const int has_logits = samples == 0 || args->classes == 0 || args->logits.data;
    const int unweighted = !args->sample_weight.data;
    const int only_logits =
        !labels && !args->class_weight.data && !args->has_ignore_index && args->label_smoothing == 0;
    switch (args->result) {
    case CLOSS_CROSS_ENTROPY:
        if (!has_logits || (labels && targets) || (targets && args->has_ignore_index)) return 0;
        return samples == 0 || labels || (targets && args->classes > 0);
    case CLOSS_LOGSUMEXP:
        return has_logits && only_logits && !targets && unweighted && !args->grad.data && !args->hess.data;
    case CLOSS_SOFTMAX:
    case CLOSS_LOG_SOFTMAX:
        return has_logits && only_logits && !targets && unweighted && !args->values.data && !args->hess.data;
    case CLOSS_SOFTMAX_ENTROPY:
        return has_logits && only_logits && !targets && !args->hess.data && (samples == 0 || args->classes > 0);
    case CLOSS_DISTILLATION:
        return has_logits && only_logits && !args->hess.data && (samples == 0 || (targets && args->classes > 0));
    case CLOSS_ENTROPY: return has_logits && only_logits && !targets && !args->hess.data;
    case CLOSS_PROBABILITY_CROSS_ENTROPY:
        if (labels && (targets || args->wrt_targets)) return 0;
        if (args->class_weight.data || args->label_smoothing != 0 || args->hess.data) return 0;
        return has_logits && (samples == 0 || labels || targets || args->classes == 0) &&
               (labels || !args->has_ignore_index);
    case CLOSS_KL_DIVERGENCE:
    case CLOSS_JS_DIVERGENCE:
        return has_logits && only_logits && !args->hess.data && (samples == 0 || targets || args->classes == 0);
    case CLOSS_ZERO_ONE:
        if (targets || args->class_weight.data || args->label_smoothing != 0) return 0;
        if (args->grad.data || args->hess.data || (samples > 0 && !labels)) return 0;
        if (!args->predicted.data) return has_logits;
        return !args->logits.data && !args->has_ignore_index && args->classes == 0;
    }
    return 0;
}

static int parameter_fits(const closs_elementwise_args *args)
{
    const double parameter = args->parameter;
    switch (args->loss) {
    case CLOSS_L1:
    case CLOSS_MSE:
    case CLOSS_LOG_COSH:
    case CLOSS_SIGMOID_CROSS_ENTROPY: return 1;
    case CLOSS_HUBER:
    case CLOSS_PSEUDO_HUBER: return parameter > 0;
    case CLOSS_SMOOTH_L1: return parameter >= 0 && parameter < INFINITY;
    case CLOSS_QUANTILE: return parameter >= 0 && parameter <= 1;
    }
    return 0;
}

static int elementwise_well_formed(const closs_elementwise_args *args)
{
    if (!args || args->size != sizeof *args || args->ndim < 0 || !parameter_fits(args)) return 0;
    if (args->ndim > 0 && !args->shape) return 0;
    if (!is_dtype(args->dtype)) return 0;
    if (!is_weight_dtype(args->pos_weight_dtype) || !is_weight_dtype(args->sample_weight_dtype)) return 0;
    if (args->pos_weight.data && args->loss != CLOSS_SIGMOID_CROSS_ENTROPY) return 0;
    const int64_t elements = count_elements(args->ndim, args->shape, 1);
    if (elements < 0 || (elements > 0 && !(args->pred.data && args->target.data))) return 0;
    const int64_t *strides[] = {args->pred.strides,          args->target.strides, args->pos_weight.strides,
                                args->sample_weight.strides, args->values.strides, args->grad.strides,
                                args->hess.strides};
    for (int k = 0; elements > 0 && k < 7; k++)
        if (!spans_fit(args->ndim, args->shape, -1, strides[k])) return 0;
    return 1;
}

/* ---- Labels and weights ------------------------------------------------------------------------------------------ */

/* What check reads of each sample. */
typedef struct {
    int32_t ndim;
    const int64_t *shape;
    closs_const_array labels, class_weight, sample_weight;
    closs_label_dtype label_dtype;
    closs_dtype class_weight_dtype, sample_weight_dtype;
    int64_t classes, ignore_index;
    int32_t has_ignore_index;
} checked_samples;

static checked_samples samples_of_softmax(const closs_softmax_args *args)
{
    checked_samples samples = {
        .ndim = args->ndim,
        .shape = args->shape,
        .class_weight = args->class_weight,
        .class_weight_dtype = args->class_weight_dtype,
        .sample_weight = args->sample_weight,
        .sample_weight_dtype = args->sample_weight_dtype,
        .label_dtype = args->label_dtype,
        .classes = args->classes,
        .has_ignore_index = args->has_ignore_index,
        .ignore_index = args->ignore_index,
    };
    if (!args->predicted.data) samples.labels = args->labels;   /* beside predicted ones they may be any integers */
    if (!samples.labels.data) samples.class_weight.data = NULL; /* those of targets are no part of the denominator */
    return samples;
}

static checked_samples samples_of_elementwise(const closs_elementwise_args *args)
{
    return (checked_samples){
        .ndim = args->ndim,
        .shape = args->shape,
        .sample_weight = args->sample_weight,
        .sample_weight_dtype = args->sample_weight_dtype,
    };
}

static int64_t label_at(const checked_samples *args, int64_t offset)
{
    return args->label_dtype == CLOSS_I32 ? ((const int32_t *)args->labels.data)[offset]
                                          : ((const int64_t *)args->labels.data)[offset];
}

/* Contiguous labels: one pass that only looks for a fault, and counts those that are not to be ignored. The sign of
 * label | (last - label) is set where a label is outside [0, last], that of x | -x where x is not 0; that is vector
 * code for any processor, as a comparison of 64 bits is not. */
#define LOOK_AT_LABELS(type, sign, ignores)                                                                            \
    {                                                                                                                  \
        const type *label = (const type *)args->labels.data + offset, top = (type)most, ignored = (type)ignore;        \
        type outside = 0;                                                                                              \
        uint64_t kept = 0;                                                                                             \
        for (int64_t i = 0; i < count; i++) {                                                                          \
            const type apart = label[i] ^ ignored, keeps = (ignores) ? (apart | (0 - apart)) >> (sign) : 1;            \
            outside |= (0 - keeps) & (label[i] | (top - label[i]));                                                    \
            kept += keeps;                                                                                             \
        }                                                                                                              \
        *present = (int64_t)kept;                                                                                      \
        return outside >> (sign) == 0;                                                                                 \
    }
static int labels_in_range(const checked_samples *args, int64_t offset, int64_t count, int64_t *present)
{
    const int64_t ignore = args->ignore_index, last = args->classes - 1;
    const int is_i32 = args->label_dtype == CLOSS_I32;
    const int64_t most = is_i32 && last > INT32_MAX ? INT32_MAX : last;
    const int ignores = args->has_ignore_index && (!is_i32 || (ignore >= INT32_MIN && ignore <= INT32_MAX));
    if (is_i32 && ignores) LOOK_AT_LABELS(uint32_t, 31, 1)
    if (is_i32) LOOK_AT_LABELS(uint32_t, 31, 0)
    if (ignores) LOOK_AT_LABELS(uint64_t, 63, 1)
    LOOK_AT_LABELS(uint64_t, 63, 0)
}
#undef LOOK_AT_LABELS

/* The sum of weights by the number of the sample alone: stretches of WEIGHT_STRETCH, added pairwise. However the axes
 * of other arrays cut the samples into runs, the bits are the same. */
typedef struct {
    closs_sum total;
    closs_weights stretch;
} weight_total;

static void weight_close(weight_total *sum)
{
    double *total = sum->stretch.sum, *lost = sum->stretch.lost;
    for (int half = WEIGHT_LANES / 2; half > 0; half /= 2)
        for (int l = 0; l < half; l++) {
            lost[l] += lost[l + half];
            weight_add(total[l + half], &total[l], &lost[l]);
        }
    closs_sum_add(&sum->total, fabs(total[0]) < INFINITY ? total[0] + lost[0] : total[0]);
    for (int l = 0; l < WEIGHT_LANES; l++) total[l] = lost[l] = 0;
}

/* Where labels, and weights, of a run of samples along the innermost axis lie. */
typedef struct {
    int64_t first, count; /* samples, by number */
    int64_t label, label_stride, weight, weight_stride;
} checked_run;

enum { CHECKED_AT_ONCE = 256 };

static int is_finite(double weight)
{
    return weight - weight == 0;
}

/* The first of n samples, from the i-th of a run, whose own weight is not finite; n if there is none. */
static int64_t first_odd_weight(const checked_samples *args, const checked_run *run, int64_t i, int64_t n)
{
    int64_t k = 0;
    while (k < n && is_finite(weight_at(&args->sample_weight, args->sample_weight_dtype,
                                        run->weight + (i + k) * run->weight_stride)))
        k++;
    return k;
}

/* The weights of n samples from the i-th of a run, whose labels were looked at; 0 of those that are to be ignored.
 * Returns 0 where another thread has written one that is out of range since. */
static int weights_of_labels(const checked_samples *args, const checked_run *run, int64_t i, int64_t n,
                             double *restrict weights)
{
    int64_t label[CHECKED_AT_ONCE];
    int lost = 0;
    for (int64_t k = 0; k < n; k++) label[k] = label_at(args, run->label + i + k);
    for (int64_t k = 0; k < n; k++) {
        const int absent = args->has_ignore_index && label[k] == args->ignore_index;
        const int valid = (uint64_t)label[k] < (uint64_t)args->classes;
        weights[k] = absent ? 0 : 1;
        label[k] = absent ? -1 : label[k];
        lost |= !absent & !valid;
    }
    if (lost) return 0;
    if (args->class_weight.data && args->classes > 0)
        weigh_labels(&args->class_weight, args->class_weight_dtype, label, n, weights);
    for (int64_t k = 0; args->sample_weight.data && k < n; k++) /* one that is not finite makes even 0 NaN */
        weights[k] *=
            weight_at(&args->sample_weight, args->sample_weight_dtype, run->weight + (i + k) * run->weight_stride);
    return 1;
}

/* The same, one by one, of labels that may be out of range. */
static closs_status read_weights(const checked_samples *args, const checked_run *run, int64_t i, int64_t n,
                                 double *weights, closs_report *report)
{
    const int64_t class_stride = args->class_weight.strides ? args->class_weight.strides[0] : 1;
    for (int64_t k = 0; k < n; k++) {
        weights[k] = 1;
        if (args->sample_weight.data)
            weights[k] =
                weight_at(&args->sample_weight, args->sample_weight_dtype, run->weight + (i + k) * run->weight_stride);
        report->index = run->first + i + k;
        if (!is_finite(weights[k])) return CLOSS_BAD_SAMPLE_WEIGHT;
        const int64_t label = label_at(args, run->label + (i + k) * run->label_stride);
        if (args->has_ignore_index && label == args->ignore_index) {
            weights[k] = 0;
        } else if ((uint64_t)label >= (uint64_t)args->classes) {
            report->label = label;
            return CLOSS_BAD_LABEL;
        } else if (args->class_weight.data) {
            weights[k] *= weight_at(&args->class_weight, args->class_weight_dtype, label * class_stride);
        }
    }
    report->index = -1;
    return CLOSS_OK;
}

static closs_status check_run(const checked_samples *args, const checked_run *run, weight_total *sum,
                              closs_report *report)
{
    const int weighted = args->class_weight.data || args->sample_weight.data, labelled = args->labels.data != NULL;
    int64_t present = run->count;
    const int looked = labelled && run->label_stride == 1 && labels_in_range(args, run->label, run->count, &present);
    if (looked && !weighted) {
        report->counted += present;
        return CLOSS_OK;
    }
    /* Whether labels have no say, and weights can be read where they lie. */
    const int apart = !args->class_weight.data && (!labelled || (looked && present == run->count));
    const int direct = apart && run->weight_stride == 1;
    for (int64_t i = 0, n; i < run->count; i += n) {
        const int64_t number = run->first + i, left = WEIGHT_STRETCH - number % WEIGHT_STRETCH;
        const int64_t most = direct || left < CHECKED_AT_ONCE ? left : CHECKED_AT_ONCE;
        n = run->count - i < most ? run->count - i : most;
        if (number % WEIGHT_STRETCH == 0 && number > 0) weight_close(sum);
        double copy[CHECKED_AT_ONCE];
        const void *weights = copy;
        if (direct && args->sample_weight_dtype == CLOSS_F32)
            weights = (const float *)args->sample_weight.data + run->weight + i;
        else if (direct)
            weights = (const double *)args->sample_weight.data + run->weight + i;
        else if (apart)
            for (int64_t k = 0; k < n; k++)
                copy[k] = weight_at(&args->sample_weight, args->sample_weight_dtype,
                                    run->weight + (i + k) * run->weight_stride);
        else if (!looked || !weights_of_labels(args, run, i, n, copy)) {
            const closs_status status = read_weights(args, run, i, n, copy, report);
            if (status != CLOSS_OK) return status;
        }
        const closs_dtype dtype = direct ? args->sample_weight_dtype : CLOSS_F64;
        const int odd = closs_chosen_kernels()->weights(weights, dtype, number, n, &sum->stretch);
        const int64_t k = odd && args->sample_weight.data ? first_odd_weight(args, run, i, n) : n;
        if (k == n) continue;
        report->index = number + k;
        return CLOSS_BAD_SAMPLE_WEIGHT;
    }
    return CLOSS_OK;
}

/* Whether the axis before those of `extent` elements, `step` apart, continues them. */
static int continues(const closs_const_array *array, int32_t axis, int64_t extent, int64_t step)
{
    return !array->data || !array->strides || array->strides[axis] == step * extent;
}

static closs_status check_samples(const checked_samples *args, int64_t samples, closs_report *report)
{
    if (!args->labels.data && !args->sample_weight.data) {
        report->counted = samples;
        report->weight_sum = (double)samples;
        return CLOSS_OK;
    }
    weight_total sum = {{{0}, 0}, {{0}, {0}, 0}};
    const int64_t *label_strides = args->labels.strides, *weight_strides = args->sample_weight.strides;
    /* A run is the innermost axis, and those before it that continue it. */
    int32_t inner = args->ndim - 1;
    while (inner > 0 && args->shape[inner] == 1) inner--;
    checked_run run = {0, inner < 0 ? 1 : args->shape[inner],
                       0, label_strides && inner >= 0 ? label_strides[inner] : 1,
                       0, weight_strides && inner >= 0 ? weight_strides[inner] : 1};
    while (inner > 0 &&
           (args->shape[inner - 1] == 1 || (continues(&args->labels, inner - 1, run.count, run.label_stride) &&
                                            continues(&args->sample_weight, inner - 1, run.count, run.weight_stride))))
        run.count *= args->shape[--inner];
    for (; run.first < samples; run.first += run.count) {
        int64_t rest = run.first / run.count, packed = run.count;
        run.label = run.weight = 0;
        for (int32_t axis = inner - 1; axis >= 0; axis--) {
            const int64_t index = rest % args->shape[axis];
            rest /= args->shape[axis];
            run.label += index * (label_strides ? label_strides[axis] : packed);
            run.weight += index * (weight_strides ? weight_strides[axis] : packed);
            packed *= args->shape[axis];
        }
        const closs_status status = check_run(args, &run, &sum, report);
        if (status != CLOSS_OK) return status;
    }
    const int weighted = args->class_weight.data || args->sample_weight.data;
    weight_close(&sum);
    report->counted += sum.stretch.counted;
    report->weight_sum = weighted ? closs_sum_total(&sum.total) : (double)report->counted;
    return CLOSS_OK;
}

/* The first of `count` weights that is negative or not finite; `count` if there is none. */
static int64_t first_bad_weight(const closs_const_array *weights, closs_dtype dtype, int64_t offset, int64_t step,
                                int64_t count)
{
#define LOOK_AT_WEIGHTS(type)                                                                                          \
    {                                                                                                                  \
        const type *weight = (const type *)weights->data + offset;                                                     \
        int bad = 0;                                                                                                   \
        for (int64_t k = 0; k < count; k++) bad |= !((weight[k] >= 0) & (weight[k] < (type)INFINITY));                 \
        if (!bad) return count;                                                                                        \
    }
    if (step == 1 && dtype == CLOSS_F32)
        LOOK_AT_WEIGHTS(float)
    else if (step == 1)
        LOOK_AT_WEIGHTS(double)
#undef LOOK_AT_WEIGHTS
    for (int64_t i = 0; i < count; i++) {
        const double weight = weight_at(weights, dtype, offset + i * step);
        if (!(weight >= 0 && weight < INFINITY)) return i;
    }
    return count;
}

static closs_status check_class_weights(const closs_softmax_args *args, closs_report *report)
{
    const int64_t stride = args->class_weight.strides ? args->class_weight.strides[0] : 1;
    if (!args->class_weight.data) return CLOSS_OK;
    const int64_t bad = first_bad_weight(&args->class_weight, args->class_weight_dtype, 0, stride, args->classes);
    if (bad == args->classes) return CLOSS_OK;
    report->index = bad;
    return CLOSS_BAD_CLASS_WEIGHT;
}

/* Each weight once, however often a stride of 0 repeats it: such axes stay at their first element. */
static closs_status check_pos_weights(const closs_elementwise_args *args, int64_t elements, closs_report *report)
{
    const int64_t *strides = args->pos_weight.strides;
    const int32_t inner = args->ndim - 1;
    const int64_t step = strides && inner >= 0 ? strides[inner] : 1;
    const int64_t extent = inner < 0 ? 1 : args->shape[inner], count = step == 0 ? 1 : extent;
    for (int64_t row = 0; args->pos_weight.data && elements > 0;) {
        int64_t offset = 0, first = 0, packed = extent, rest = row++;
        for (int32_t axis = inner - 1; axis >= 0; axis--) {
            const int64_t stride = strides ? strides[axis] : packed;
            if (stride != 0) {
                offset += rest % args->shape[axis] * stride;
                first += rest % args->shape[axis] * packed;
                rest /= args->shape[axis];
            }
            packed *= args->shape[axis];
        }
        if (rest > 0) break; /* past the last row */
        const int64_t bad = first_bad_weight(&args->pos_weight, args->pos_weight_dtype, offset, step, count);
        if (bad == count) continue;
        report->index = first + bad;
        return CLOSS_BAD_POS_WEIGHT;
    }
    return CLOSS_OK;
}
