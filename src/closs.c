/* closs.c: the door. It checks arguments, chooses the kernel by dtype and layout, and keeps the floating-point
 * environment. It knows nothing of instruction sets. */
#include "closs.h"

#include <math.h>

#include "dispatch.h"

#define STRING_(x) #x
#define STRING(x) STRING_(x)

const char *closs_version(void)
{
    return STRING(CLOSS_VERSION_MAJOR) "." STRING(CLOSS_VERSION_MINOR) "." STRING(CLOSS_VERSION_PATCH);
}

const char *closs_status_string(closs_status status)
{
    switch (status) {
    case CLOSS_OK: return "ok";
    case CLOSS_BAD_ARGUMENT:
        return "an argument is missing, unknown, out of its range, too large, or of a wrong size field";
    case CLOSS_BAD_LABEL: return "a label is outside [0, classes)";
    case CLOSS_BAD_CLASS_WEIGHT: return "a class weight is negative or not finite";
    case CLOSS_BAD_SAMPLE_WEIGHT: return "a sample weight is not finite, or their sum or its reciprocal";
    case CLOSS_NOT_AVAILABLE: return "the instruction set is unknown, not compiled in, or not on this CPU";
    case CLOSS_BAD_POS_WEIGHT: return "a positive weight is negative or not finite";
    }
    return "unknown status";
}

/* ---- Floating-point environment ---------------------------------------------------------------------------------- */

/* Other libraries set flush-to-zero per thread; results would depend on the thread that a block meets. */
#if defined(__x86_64__) || defined(_M_X64)
#include <xmmintrin.h>
typedef unsigned environment;
static environment enter(void)
{
    const environment callers = _mm_getcsr();
    if ((callers & ~0x3fu) != 0x1f80) _mm_setcsr(0x1f80); /* all masked, nearest, no FTZ, no DAZ */
    return callers;
}
static void leave(environment callers)
{
    /* Exception flags that kernels raise are restored too: the caller sees none of them. */
    _mm_setcsr(callers);
}
#elif defined(__aarch64__) && !defined(_MSC_VER)
typedef uint64_t environment;
static environment enter(void)
{
    environment callers;
    __asm__ volatile("mrs %0, fpcr" : "=r"(callers));
    if (callers != 0) __asm__ volatile("msr fpcr, %0" : : "r"((environment)0));
    return callers;
}
static void leave(environment callers)
{
    if (callers != 0) __asm__ volatile("msr fpcr, %0" : : "r"(callers));
}
#else
#include <fenv.h>
typedef fenv_t environment;
static environment enter(void)
{
    environment callers;
    fegetenv(&callers);
    fesetenv(FE_DFL_ENV);
    return callers;
}
static void leave(environment callers)
{
    fesetenv(&callers);
}
#endif

/* ---- Sums --------------------------------------------------------------------------------------------------------- */

/* A binary counter: level k holds the sum of 2^k partial sums while bit k of count is set. */
void closs_sum_add(closs_sum *sum, double partial)
{
    int k = 0;
    for (uint64_t bits = sum->count; bits & 1; bits >>= 1) partial = sum->level[k++] + partial;
    sum->level[k] = partial;
    sum->count++;
}

double closs_sum_total(const closs_sum *sum)
{
    double total = 0;
    int k = 0;
    for (uint64_t bits = sum->count; bits; bits >>= 1, k++)
        if (bits & 1) total = sum->level[k] + total;
    return total;
}

/* ---- The softmax family ---------------------------------------------------------------------------------------- */

/* The number of samples, or -1 if an extent is negative or anything overflows. */
static int64_t count_samples(const closs_softmax_args *args)
{
    uint64_t samples = 1;
    int empty = 0;
    for (int32_t axis = 0; axis < args->ndim; axis++) {
        const int64_t extent = args->shape[axis];
        if (extent < 0) return -1;
        if (extent == 0)
            empty = 1;
        else if (samples > (uint64_t)INT64_MAX / (uint64_t)extent)
            return -1;
        else
            samples *= (uint64_t)extent;
    }
    if (empty) return 0;
    if (args->classes > 0 && samples > (uint64_t)INT64_MAX / (uint64_t)args->classes / sizeof(double)) return -1;
    return (int64_t)samples;
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

static uint64_t magnitude(int64_t stride)
{
    return stride < 0 ? -(uint64_t)stride : (uint64_t)stride;
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
        const uint64_t step = magnitude(strides[axis]);
        if (step > limit / (uint64_t)(extent - 1)) return 0;
        span += step * (uint64_t)(extent - 1);
        if (span > limit) return 0;
    }
    return 1;
}

static int all_spans_fit(const closs_softmax_args *args)
{
    const int64_t *by_class[] = {args->logits.strides, args->targets.strides, args->grad.strides, args->hess.strides};
    const int64_t *by_sample[] = {args->labels.strides, args->sample_weight.strides, args->values.strides,
                                  args->predicted.strides};
    for (int k = 0; k < 4; k++)
        if (!spans_fit(args->ndim, args->shape, args->classes, by_class[k])) return 0;
    for (int k = 0; k < 4; k++)
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

static int well_formed(const closs_softmax_args *args)
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
    const int64_t samples = count_samples(args);
    if (samples < 0 || !all_spans_fit(args)) return 0;
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

/* Whether the class axis is the fastest in memory. Axes of one element and repeated ones (stride 0) have no say. */
static int classes_fastest(const closs_softmax_args *args)
{
    if (!args->logits.strides) return 1;
    const uint64_t class_stride = magnitude(args->logits.strides[args->ndim]);
    for (int32_t axis = 0; axis < args->ndim; axis++) {
        const uint64_t stride = magnitude(args->logits.strides[axis]);
        if (args->shape[axis] > 1 && stride > 0 && stride < class_stride) return 0;
    }
    return 1;
}

int closs_lanes_of_samples(const closs_softmax_args *args, int64_t few, int64_t row)
{
    int64_t samples = 1; /* they are counted: no product overflows */
    if (!classes_fastest(args)) return 1;
    for (int32_t axis = 0; axis < args->ndim; axis++) samples *= args->shape[axis];
    return args->classes <= few && samples > args->classes / row;
}

/* Of the kernels that have rows and lanes apart. */
static int has_lanes(const closs_softmax_args *args)
{
    const int64_t few = args->dtype == CLOSS_F64 ? CLOSS_FEW_F64 : CLOSS_FEW_F32;
    return closs_lanes_of_samples(args, few, CLOSS_ROW);
}

int64_t closs_softmax_block(const closs_softmax_args *args)
{
    /* Blocks of 3 us or more, where a sample by itself costs as much as a dozen classes, keep the cost of a call and of a thread's
     * turn far below that of the work; powers of two are shared evenly by what most batches are. At most 8192 blocks bound the memory
     * for their sums. Multiples of 16 keep tiles whole. */
    const int64_t samples = count_samples(args);
    int64_t block = args->classes < 16384 ? 16384 / (args->classes + 12) : 1;
    while ((block & (block - 1)) != 0) block &= block - 1;
    const int64_t least = samples / 8192 + 1;
    if (block < least) block = least;
    /* Lanes want as many neighbours as a tile has room for, and threads more blocks than one. */
    if (has_lanes(args) && block < 256) block = args->classes < 1024 ? 256 : 128;
    if (block >= 16) block = (block + 15) / 16 * 16;
    return block < 1 ? 1 : block;
}

static int64_t label_at(const closs_softmax_args *args, int64_t offset)
{
    return args->label_dtype == CLOSS_I32 ? ((const int32_t *)args->labels.data)[offset]
                                          : ((const int64_t *)args->labels.data)[offset];
}

static double weight_at(const closs_const_array *array, closs_dtype dtype, int64_t offset)
{
    return dtype == CLOSS_F32 ? (double)((const float *)array->data)[offset] : ((const double *)array->data)[offset];
}

static closs_status check_class_weights(const closs_softmax_args *args, closs_report *report)
{
    const int64_t stride = args->class_weight.strides ? args->class_weight.strides[0] : 1;
    for (int64_t c = 0; c < args->classes; c++) {
        const double weight = weight_at(&args->class_weight, args->class_weight_dtype, c * stride);
        if (weight >= 0 && weight < INFINITY) continue;
        report->index = c;
        return CLOSS_BAD_CLASS_WEIGHT;
    }
    return CLOSS_OK;
}

/* Contiguous labels without any option: one pass that only looks for a fault. The sign of label | (last - label) is set where a
 * label is outside [0, last]; that is vector code for any processor, as a comparison of 64 bits is not. */
static int labels_in_range(const closs_softmax_args *args, int64_t offset, int64_t count)
{
    const int64_t last = args->classes - 1;
    if (args->label_dtype == CLOSS_I32) {
        const uint32_t *label = (const uint32_t *)args->labels.data + offset;
        const uint32_t last32 = last > INT32_MAX ? (uint32_t)INT32_MAX : (uint32_t)last;
        uint32_t outside = 0;
        for (int64_t i = 0; i < count; i++) outside |= label[i] | (last32 - label[i]);
        return outside <= (uint32_t)INT32_MAX;
    }
    const uint64_t *label = (const uint64_t *)args->labels.data + offset;
    uint64_t outside = 0;
    for (int64_t i = 0; i < count; i++) outside |= label[i] | ((uint64_t)last - label[i]);
    return outside <= (uint64_t)INT64_MAX;
}

/* The sum of weights by the number of the sample alone: stretches of 1024, added pairwise. However the axes of other arrays
 * cut the samples into runs, the bits are the same. */
typedef struct {
    closs_sum total;
    double open;
} weight_total;

/* One run of samples along the innermost axis, samples numbered from `first`. */
static closs_status check_run(const closs_softmax_args *args, int64_t first, int64_t count, int64_t label_offset,
                              int64_t label_stride, int64_t weight_offset, int64_t weight_stride, closs_report *report,
                              weight_total *sum)
{
    const int by_class = args->class_weight.data && args->labels.data, weighted = by_class || args->sample_weight.data;
    if (!weighted && !args->has_ignore_index && label_stride == 1 && labels_in_range(args, label_offset, count)) {
        report->counted += count;
        return CLOSS_OK;
    }
    const int64_t class_stride = args->class_weight.strides ? args->class_weight.strides[0] : 1;
    for (int64_t i = 0; i < count; i++) {
        double weight = 1;
        if ((first + i) % 1024 == 0) {
            closs_sum_add(&sum->total, sum->open);
            sum->open = 0;
        }
        if (args->sample_weight.data) {
            weight = weight_at(&args->sample_weight, args->sample_weight_dtype, weight_offset + i * weight_stride);
            if (!(weight - weight == 0)) { /* infinite or NaN */
                report->index = first + i;
                return CLOSS_BAD_SAMPLE_WEIGHT;
            }
        }
        if (args->labels.data) {
            const int64_t label = label_at(args, label_offset + i * label_stride);
            if (args->has_ignore_index && label == args->ignore_index) continue;
            if ((uint64_t)label >= (uint64_t)args->classes) {
                report->index = first + i;
                report->label = label;
                return CLOSS_BAD_LABEL;
            }
            if (by_class) weight *= weight_at(&args->class_weight, args->class_weight_dtype, label * class_stride);
        }
        report->counted += weight != 0;
        sum->open += weight;
    }
    return CLOSS_OK;
}

static closs_status check_samples(const closs_softmax_args *args, int64_t samples, closs_report *report)
{
    if (!args->labels.data && !args->sample_weight.data) {
        report->weight_sum = (double)(report->counted = samples);
        return CLOSS_OK;
    }
    weight_total sum = {{{0}, 0}, 0};
    const int32_t inner = args->ndim - 1;
    const int64_t extent = args->ndim > 0 ? args->shape[inner] : 1;
    const int64_t *label_strides = args->labels.strides, *weight_strides = args->sample_weight.strides;
    for (int64_t first = 0; first < samples; first += extent) {
        int64_t label_offset = 0, weight_offset = 0, rest = first, packed = 1;
        for (int32_t axis = inner; axis >= 0; axis--) {
            const int64_t index = axis == 0 ? rest : rest % args->shape[axis];
            rest = axis == 0 ? 0 : rest / args->shape[axis];
            label_offset += index * (label_strides ? label_strides[axis] : packed);
            weight_offset += index * (weight_strides ? weight_strides[axis] : packed);
            packed *= args->shape[axis];
        }
        const closs_status status =
            check_run(args, first, extent, label_offset, label_strides && inner >= 0 ? label_strides[inner] : 1,
                      weight_offset, weight_strides && inner >= 0 ? weight_strides[inner] : 1, report, &sum);
        if (status != CLOSS_OK) return status;
    }
    const int weighted = (args->class_weight.data && args->labels.data) || args->sample_weight.data;
    closs_sum_add(&sum.total, sum.open);
    report->weight_sum = weighted ? closs_sum_total(&sum.total) : (double)report->counted;
    return CLOSS_OK;
}

closs_status closs_softmax_check(const closs_softmax_args *args, closs_report *report)
{
    if (!report) return CLOSS_BAD_ARGUMENT;
    *report = (closs_report){CLOSS_OK, -1, 0, 0.0, 0};
    if (!well_formed(args)) return report->status = CLOSS_BAD_ARGUMENT;
    const environment callers = enter();
    closs_status status = CLOSS_OK;
    if (args->class_weight.data) status = check_class_weights(args, report);
    closs_softmax_args samples = *args;
    if (args->predicted.data) samples.labels.data = NULL; /* beside labels they may be any integers */
    if (status == CLOSS_OK) status = check_samples(&samples, count_samples(args), report);
    leave(callers);
    return report->status = status;
}

/* Whether the value is a sum of terms over the classes, as the kernels of softmax_terms.h compute it. */
static int has_terms(const closs_softmax_args *args)
{
    return args->result == CLOSS_SOFTMAX_ENTROPY || args->result == CLOSS_DISTILLATION ||
           (args->result == CLOSS_CROSS_ENTROPY && (args->targets.data || args->label_smoothing != 0));
}

void closs_softmax_run(const closs_softmax_args *args, int64_t begin, int64_t end, double *sum)
{
    if (begin >= end) return;
    const closs_kernels *kernels = closs_chosen_kernels();
    const environment callers = enter();
    if (is_measure(args)) {
        kernels->measures[args->dtype](args, begin, end, sum);
    } else if (has_terms(args)) {
        kernels->softmax_terms[args->dtype](args, begin, end, sum);
    } else if (args->result == CLOSS_ZERO_ONE) {
        (args->predicted.data ? kernels->zero_one_labels : kernels->zero_one[args->dtype])(args, begin, end, sum);
    } else {
        double unused = 0;
        if (args->hess.data)
            kernels->softmax_terms[args->dtype](args, begin, end, &unused); /* before grad overwrites the logits */
        (has_lanes(args) ? kernels->softmax_lanes : kernels->softmax_rows)[args->dtype](args, begin, end, sum);
    }
    leave(callers);
}

int64_t closs_softmax_parts(const closs_softmax_args *args)
{
    if (has_lanes(args) || (is_measure(args) && args->labels.data)) return 1;
    if (args->result == CLOSS_ZERO_ONE) return 1;
    return args->classes / CLOSS_PART + (args->classes % CLOSS_PART != 0);
}

void closs_softmax_sum_part(const closs_softmax_args *args, int64_t sample, int64_t begin, int64_t end,
                            closs_softmax_part *part)
{
    const closs_kernels *kernels = closs_chosen_kernels();
    const environment callers = enter();
    if (is_measure(args)) {
        kernels->measures_part[args->dtype](args, sample, begin, end, part);
    } else if (has_terms(args)) {
        kernels->terms_part[args->dtype](args, sample, begin, end, part);
    } else if (args->hess.data) {
        kernels->terms_part[args->dtype](args, sample, begin, end, part);
        const double rest = part->state.rest, unit = part->state.unit;
        kernels->softmax_part[args->dtype](args, sample, begin, end, part);
        part->state.rest = rest * (part->state.unit / unit); /* the Hessian's own sum, without the maximum's term */
    } else {
        kernels->softmax_part[args->dtype](args, sample, begin, end, part);
    }
    leave(callers);
}

void closs_softmax_merge(closs_softmax_state *into, const closs_softmax_state *next)
{
    const environment callers = enter();
    closs_chosen_kernels()->merge_states(into, next);
    leave(callers);
}

double closs_softmax_value(const closs_softmax_args *args, int64_t sample, const closs_softmax_state *row)
{
    const closs_kernels *kernels = closs_chosen_kernels();
    const environment callers = enter();
    const double value = is_measure(args)  ? kernels->measures_value[args->dtype](args, sample, row)
                         : has_terms(args) ? kernels->terms_value[args->dtype](args, sample, row)
                                           : kernels->softmax_value[args->dtype](args, sample, row);
    leave(callers);
    return value;
}

void closs_softmax_write_part(const closs_softmax_args *args, int64_t sample, int64_t begin, int64_t end,
                              const closs_softmax_part *part, const closs_softmax_state *row)
{
    const closs_kernels *kernels = closs_chosen_kernels();
    const environment callers = enter();
    if (is_measure(args)) {
        kernels->measures_write[args->dtype](args, sample, begin, end, part, row);
    } else if (has_terms(args)) {
        kernels->terms_write[args->dtype](args, sample, begin, end, part, row);
    } else {
        if (args->hess.data) kernels->terms_write[args->dtype](args, sample, begin, end, part, row);
        kernels->softmax_write[args->dtype](args, sample, begin, end, part, row);
    }
    leave(callers);
}

/* The factor of derivatives of a one-shot call, where a mean can be divided by the sum of the weights or has none. */
static closs_status set_scale(closs_reduction reduction, closs_report *report, double *scale)
{
    const double weight_sum = report->weight_sum;
    *scale = 1;
    if (reduction == CLOSS_SUM) return CLOSS_OK;
    *scale = weight_sum == 0 ? (double)NAN : 1 / weight_sum;
    const int divides = weight_sum == 0 || (fabs(weight_sum) < INFINITY && fabs(*scale) < INFINITY);
    return report->status = divides ? CLOSS_OK : CLOSS_BAD_SAMPLE_WEIGHT;
}

closs_status closs_softmax(const closs_softmax_args *args, closs_reduction reduction, double *value,
                           closs_report *report)
{
    closs_report unread;
    if (!report) report = &unread;
    const closs_status status = closs_softmax_check(args, report);
    if (status != CLOSS_OK) return status;
    if (!value || (reduction != CLOSS_MEAN && reduction != CLOSS_SUM)) return report->status = CLOSS_BAD_ARGUMENT;
    closs_softmax_args scaled = *args;
    if (set_scale(reduction, report, &scaled.scale) != CLOSS_OK) return report->status;
    if (args->result == CLOSS_SOFTMAX || args->result == CLOSS_LOG_SOFTMAX) scaled.scale = 1;
    closs_sum total = {{0}, 0};
    const int64_t samples = count_samples(args), block = closs_softmax_block(args);
    for (int64_t begin = 0; begin < samples; begin += block) {
        double partial = 0;
        closs_softmax_run(&scaled, begin, samples - begin < block ? samples : begin + block, &partial);
        closs_sum_add(&total, partial);
    }
    *value = closs_sum_total(&total);
    if (reduction == CLOSS_MEAN) *value = report->weight_sum == 0 ? (double)NAN : *value / report->weight_sum;
    return CLOSS_OK;
}

/* ---- Elementwise losses ------------------------------------------------------------------------------------------ */

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

/* The sample axes of the call as one of the softmax family, whose checks they share. */
static closs_softmax_args as_samples(const closs_elementwise_args *args)
{
    closs_softmax_args samples = CLOSS_SOFTMAX_INIT;
    samples.result = CLOSS_SOFTMAX_ENTROPY;
    samples.dtype = args->dtype;
    samples.classes = 1;
    samples.ndim = args->ndim;
    samples.shape = args->shape;
    samples.logits.data = args->pred.data;
    samples.values = args->values;
    samples.sample_weight_dtype = args->sample_weight_dtype;
    samples.sample_weight = args->sample_weight;
    return samples;
}

static int elements_well_formed(const closs_elementwise_args *args)
{
    if (!args || args->size != sizeof *args || !parameter_fits(args)) return 0;
    if (!is_weight_dtype(args->pos_weight_dtype)) return 0;
    if (args->pos_weight.data && args->loss != CLOSS_SIGMOID_CROSS_ENTROPY) return 0;
    const closs_softmax_args samples = as_samples(args);
    if (!well_formed(&samples) || (count_samples(&samples) > 0 && !args->target.data)) return 0;
    const int64_t *strides[] = {args->pred.strides, args->target.strides, args->pos_weight.strides, args->grad.strides,
                                args->hess.strides};
    for (int k = 0; k < 5; k++)
        if (!spans_fit(args->ndim, args->shape, -1, strides[k])) return 0;
    return 1;
}

/* Each weight once, however often a stride of 0 repeats it: such axes stay at their first element. */
static closs_status check_pos_weights(const closs_elementwise_args *args, int64_t elements, closs_report *report)
{
    const int64_t *strides = args->pos_weight.strides;
    const int32_t inner = args->ndim - 1;
    const int64_t step = strides && inner >= 0 ? strides[inner] : 1;
    const int64_t extent = inner < 0 ? 1 : args->shape[inner], count = step == 0 ? 1 : extent;
    for (int64_t row = 0; elements > 0;) {
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
        for (int64_t i = 0; i < count; i++) {
            const double weight = weight_at(&args->pos_weight, args->pos_weight_dtype, offset + i * step);
            if (weight >= 0 && weight < INFINITY) continue;
            report->index = first + i;
            return report->status = CLOSS_BAD_POS_WEIGHT;
        }
    }
    return CLOSS_OK;
}

closs_status closs_elementwise_check(const closs_elementwise_args *args, closs_report *report)
{
    if (!report) return CLOSS_BAD_ARGUMENT;
    *report = (closs_report){CLOSS_BAD_ARGUMENT, -1, 0, 0.0, 0};
    if (!elements_well_formed(args)) return CLOSS_BAD_ARGUMENT;
    const closs_softmax_args samples = as_samples(args);
    const closs_status status = closs_softmax_check(&samples, report);
    if (status != CLOSS_OK || !args->pos_weight.data) return status;
    return check_pos_weights(args, count_samples(&samples), report);
}

int64_t closs_elementwise_block(const closs_elementwise_args *args)
{
    /* Small enough for L2 and for threads to share, a multiple of the kernel's own; at most 8192 of them. */
    const closs_softmax_args samples = as_samples(args);
    const int64_t least = count_samples(&samples) / 8192 + 1, block = least > 8192 ? least : 8192;
    return (block + 255) / 256 * 256;
}

void closs_elementwise_run(const closs_elementwise_args *args, int64_t begin, int64_t end, double *sum)
{
    if (begin >= end) return;
    const closs_kernels *kernels = closs_chosen_kernels();
    const environment callers = enter();
    kernels->elementwise[args->dtype](args, begin, end, sum);
    leave(callers);
}

closs_status closs_elementwise(const closs_elementwise_args *args, closs_reduction reduction, double *value,
                               closs_report *report)
{
    closs_report unread;
    if (!report) report = &unread;
    const closs_status status = closs_elementwise_check(args, report);
    if (status != CLOSS_OK) return status;
    if (!value || (reduction != CLOSS_MEAN && reduction != CLOSS_SUM)) return report->status = CLOSS_BAD_ARGUMENT;
    closs_elementwise_args scaled = *args;
    if (set_scale(reduction, report, &scaled.scale) != CLOSS_OK) return report->status;
    closs_sum total = {{0}, 0};
    const closs_softmax_args shape = as_samples(args);
    const int64_t samples = count_samples(&shape), block = closs_elementwise_block(args);
    for (int64_t begin = 0; begin < samples; begin += block) {
        double partial = 0;
        closs_elementwise_run(&scaled, begin, samples - begin < block ? samples : begin + block, &partial);
        closs_sum_add(&total, partial);
    }
    *value = closs_sum_total(&total);
    if (reduction == CLOSS_MEAN) *value = report->weight_sum == 0 ? (double)NAN : *value / report->weight_sum;
    return CLOSS_OK;
}
