/* softmax_samples.h: what kernels share: where a sample lies, its label and weight, and the sum of the values of a
 * block.
 *
 * Samples are numbered in C order over any number of axes. A run is a stretch of samples along the innermost axis, so
 * that within it every array moves by one constant stride. */

/* Rows and tiles are finished (logarithm, division) in batches of this many samples, and the values of a block are
 * summed in as many lanes, by the sample's number in the block: the order of additions is then the same for every
 * kernel and for every way to cut samples into runs. */
enum { BATCH = 16 };

typedef struct {
    int64_t logits, targets, grad, hess, labels, weight, values; /* offsets in elements */
} sample_place;

INLINE sample_place place_after(sample_place from, int64_t steps, sample_place step)
{
    from.logits += steps * step.logits;
    from.targets += steps * step.targets;
    from.grad += steps * step.grad;
    from.hess += steps * step.hess;
    from.labels += steps * step.labels;
    from.weight += steps * step.weight;
    from.values += steps * step.values;
    return from;
}

typedef struct {
    sample_place first, step;
    int64_t count;
} sample_run;

INLINE int64_t stride_of(const int64_t *strides, int32_t axis, int64_t packed)
{
    return strides ? strides[axis] : packed;
}

/* The distance between classes. A single class has none: its stride may be any number, even one that overflows when
 * added to. 1 instead. */
INLINE int64_t class_stride_of(const closs_softmax_args *args, const int64_t *strides)
{
    return strides && args->classes > 1 ? strides[args->ndim] : 1;
}

/* Walks over samples. */
typedef struct {
    sample_run run;            /* what is left of the run that it stands in */
    sample_place start, apart; /* where that run began, and from there to where the next one does */
    int64_t more;              /* runs that follow so far apart: of the last axis but one */
    int64_t next, left;        /* the number of the next sample; samples */
} sample_cursor;

/* To the run of the next sample, from there to its end. By divisions: of short runs they take half the time. */
static OUT_OF_LINE void cursor_find(const closs_softmax_args *args, sample_cursor *cursor)
{
    const int32_t last = args->ndim - 1;
    const sample_place nowhere = {0, 0, 0, 0, 0, 0, 0};
    int64_t packed = 1, sample = cursor->next, inner = 0;
    sample_place first = nowhere;
    cursor->run.step = cursor->apart = nowhere;
    cursor->run.count = cursor->left;
    cursor->more = 0;
    for (int32_t axis = last; axis >= 0; axis--) {
        const int64_t extent = args->shape[axis];
        /* The usual single axis needs no division. */
        const int64_t index = axis == 0 ? sample : sample % extent;
        sample = axis == 0 ? 0 : sample / extent;
        const sample_place step = {
            stride_of(args->logits.strides, axis, packed * args->classes),
            stride_of(args->targets.strides, axis, packed * args->classes),
            stride_of(args->grad.strides, axis, packed * args->classes),
            stride_of(args->hess.strides, axis, packed * args->classes),
            stride_of(args->labels.strides, axis, packed),
            stride_of(args->sample_weight.strides, axis, packed),
            stride_of(args->values.strides, axis, packed),
        };
        if (axis == last) {
            inner = index;
            cursor->run.step = step;
            if (cursor->run.count > extent - index) cursor->run.count = extent - index;
        } else {
            first = place_after(first, index, step);
        }
        if (axis == last - 1) cursor->apart = step, cursor->more = extent - 1 - index;
        packed *= extent;
    }
    cursor->start = first;
    cursor->run.first = place_after(first, inner, cursor->run.step);
}

INLINE sample_cursor cursor_at(const closs_softmax_args *args, int64_t begin, int64_t end)
{
    sample_cursor cursor;
    cursor.next = begin;
    cursor.left = end - begin;
    cursor_find(args, &cursor);
    return cursor;
}

/* The next samples, at most `most`, all of one run. */
INLINE sample_run next_run(const closs_softmax_args *args, sample_cursor *cursor, int64_t most)
{
    sample_run taken = cursor->run;
    if (taken.count > most) taken.count = most;
    cursor->next += taken.count;
    cursor->left -= taken.count;
    cursor->run.count -= taken.count;
    if (cursor->left == 0) return taken; /* where a next one would lie may not fit */
    if (cursor->run.count > 0) {
        cursor->run.first = place_after(cursor->run.first, taken.count, taken.step);
    } else if (cursor->more > 0) {
        const int64_t length = args->shape[args->ndim - 1];
        cursor->more--;
        cursor->start = cursor->run.first = place_after(cursor->start, 1, cursor->apart);
        cursor->run.count = cursor->left < length ? cursor->left : length;
    } else {
        cursor_find(args, cursor);
    }
    return taken;
}

/* Offsets of `count` samples, as sums: cheaper than products. */
INLINE void offsets_of(int64_t first, int64_t step, int64_t count, int64_t *restrict offset)
{
    uint64_t at = (uint64_t)first; /* as a number that wraps: the last one is not used, and may not fit */
    for (int64_t i = 0; i < count; i++, at += (uint64_t)step) offset[i] = (int64_t)at;
}

/* How many samples to take together, at most `most`. Of long runs of neighbours whole batches, which can be read where
 * they lie; what is left of one fills a batch with the first of the next, whose others are whole batches again. */
INLINE int64_t samples_to_take(const closs_softmax_args *args, const sample_cursor *cursor, int64_t most)
{
    const int long_runs = cursor->run.step.logits == 1 && args->shape[args->ndim - 1] >= 4 * BATCH;
    const int64_t whole = cursor->run.count / BATCH * BATCH;
    if (long_runs && most > BATCH) most = whole == 0 ? BATCH : whole < most ? whole : most;
    return cursor->left < most ? cursor->left : most;
}

/* Which results need the sum without its largest term, the pivot: log1p then keeps what is tiny beside it. */
INLINE int leaves_out_pivot(const closs_softmax_args *args)
{
    return args->result == CLOSS_LOGSUMEXP || args->result == CLOSS_LOG_SOFTMAX;
}

/* Class weights belong to the label where it alone has a term; elsewhere to every class. */
INLINE int weighted_by_label(const closs_softmax_args *args)
{
    return args->class_weight.data && args->labels.data && args->label_smoothing == 0;
}

/* n weights, times what was there if `times`. */
INLINE void load_weights(const closs_const_array *array, closs_dtype dtype, int64_t offset, int64_t step, int64_t n,
                         const int times, double *restrict weight)
{
#define LOAD(type, step)                                                                                               \
    {                                                                                                                  \
        const type *given = (const type *)array->data + offset;                                                        \
        for (int64_t i = 0; i < n; i++) weight[i] = times ? weight[i] * (double)given[i * (step)] : given[i * (step)]; \
    }
    if (dtype == CLOSS_F32 && step == 1)
        LOAD(float, 1)
    else if (dtype == CLOSS_F32)
        LOAD(float, step)
    else if (step == 1)
        LOAD(double, 1)
    else
        LOAD(double, step)
#undef LOAD
}

/* The labels of a run, in [0, classes) or -1, and its weights. A label is read once. Ignored: weight 0. One that is out
 * of range, which only another thread can have written since check, never becomes an index: weight NaN. */
INLINE void labels_and_weights_here(const closs_softmax_args *args, const sample_run *run, int64_t *restrict label,
                                    double *restrict weight)
{
    const int64_t step = run->step.labels;
#define READ_LABELS(type)                                                                                              \
    {                                                                                                                  \
        const type *given = (const type *)args->labels.data + run->first.labels;                                       \
        for (int64_t i = 0; i < run->count; i++) label[i] = given[i * step];                                           \
    }
    if (!args->labels.data) {
        for (int64_t i = 0; i < run->count; i++) label[i] = -1, weight[i] = 1;
    } else {
        if (args->label_dtype == CLOSS_I32)
            READ_LABELS(int32_t)
        else
            READ_LABELS(int64_t)
        for (int64_t i = 0; i < run->count; i++) {
            const int absent = args->has_ignore_index && label[i] == args->ignore_index;
            const int valid = (uint64_t)label[i] < (uint64_t)args->classes;
            weight[i] = absent ? 0.0 : valid ? 1.0 : (double)NAN;
            label[i] = absent || !valid ? -1 : label[i];
        }
    }
#undef READ_LABELS
    if (weighted_by_label(args) && args->classes > 0)
        weigh_labels(&args->class_weight, args->class_weight_dtype, label, run->count, weight);
    if (args->sample_weight.data)
        load_weights(&args->sample_weight, args->sample_weight_dtype, run->first.weight, run->step.weight, run->count,
                     1, weight);
}

/* The same for kernels that gain nothing by having it inline, as few classes do (x1.01 to x1.05): a twentieth of the
 * library. */
static OUT_OF_LINE void labels_and_weights(const closs_softmax_args *args, const sample_run *run,
                                           int64_t *restrict label, double *restrict weight)
{
    labels_and_weights_here(args, run, label, weight);
}

INLINE closs_dtype grad_dtype(const closs_softmax_args *args)
{
    return wide_dtype(args->dtype, args->wide_grad);
}

INLINE closs_dtype hess_dtype(const closs_softmax_args *args)
{
    return wide_dtype(args->dtype, args->wide_hess);
}

/* softmax and log_softmax are arrays, without values, weights and derivatives. */
INLINE int has_values(const closs_softmax_args *args)
{
    return args->result != CLOSS_SOFTMAX && args->result != CLOSS_LOG_SOFTMAX;
}

/* What derivatives are multiplied by, besides weights. */
INLINE double derivative_scale(const closs_softmax_args *args)
{
    return has_values(args) ? args->scale : 1;
}

/* The target of a class that is not the label; none at all where the arithmetic has no number so small. */
INLINE double shared_target(const closs_softmax_args *args)
{
    const double shared = args->label_smoothing / (double)args->classes;
    return args->dtype != CLOSS_F64 && (float)shared == 0 ? 0 : shared;
}

/* What smoothing makes of the gap between the maximum and the label. */
INLINE double smoothed_gap(const closs_softmax_args *args, double max, double at_label, double terms)
{
    const double kept = 1 - args->label_smoothing, half = max / 2 - at_label / 2; /* the whole may overflow */
    return 2 * (kept == 0 ? 0 : kept * half) + terms + (max - max);
}

/* Whether an array of all classes takes as many bytes as `least`, or more. */
INLINE int is_large(const closs_softmax_args *args, closs_dtype dtype, int64_t least)
{
    double bytes = (double)args->classes * (double)bytes_of(dtype);
    for (int32_t axis = 0; axis < args->ndim; axis++) bytes *= (double)args->shape[axis];
    return bytes >= (double)least;
}

/* Whether gradients are fetched far ahead. Only large arrays are, past what another thread may be writing, which would
 * wait for its lines: without that limit 24 x 1000 floats with smoothing took 1.4 times as long on two threads, and
 * 100 x 800 with the class axis first, where each has every neighbour, 1.6 times. */
INLINE int fetches_far(const closs_softmax_args *args)
{
    enum { LARGE_PACKED = 1 << 20, LARGE_BESIDE = 4 << 20 };
    const int packed = class_stride_of(args, args->grad.strides) == 1;
    return is_large(args, grad_dtype(args), packed ? LARGE_PACKED : LARGE_BESIDE);
}

/* A weighted value: 0 where the sample is absent, whatever its value is, and never -0. */
INLINE double weighted_value(double weight, double value)
{
    const double product = weight * value + 0.0;
    return weight == 0 ? 0 : product;
}

/* One value of a sample, in the dtype of values. */
INLINE void store_value(const closs_softmax_args *args, int64_t offset, double value)
{
    if (args->dtype == CLOSS_F64)
        ((double *)args->values.data)[offset] = value;
    else
        ((float *)args->values.data)[offset] = (float)value;
}

/* Whether the first `lanes` samples are neighbours. Without a way out, because that is vector code. */
INLINE int are_neighbours(const int64_t *offset, int64_t lanes)
{
    int64_t gaps = 0;
    for (int64_t l = 0; l < lanes; l++) gaps |= (offset[0] + l) ^ offset[l];
    return gaps == 0;
}

/* Those of samples that are neighbours by whole vectors: one by one, or scattered, they took as long as their sums. */
static OUT_OF_LINE void store_values(const closs_softmax_args *args, const int64_t *restrict offset, int64_t count,
                                     const double *restrict value)
{
    if (!are_neighbours(offset, count)) {
        for (int64_t i = 0; i < count; i++) store_value(args, offset[i], value[i]);
    } else if (args->dtype == CLOSS_F64) {
        double *to = (double *)args->values.data + offset[0];
        for (int64_t i = 0; i < count; i++) to[i] = value[i];
    } else {
        float *to = (float *)args->values.data + offset[0];
        for (int64_t i = 0; i < count; i++) to[i] = (float)value[i];
    }
}

typedef struct {
    ALIGNED double lane[BATCH];
    int64_t next;
} value_sum;

INLINE void value_sum_add(value_sum *restrict sum, const double *restrict values, int64_t count)
{
    const int64_t out = (BATCH - sum->next % BATCH) % BATCH, head = out < count ? out : count;
    for (int64_t i = 0; i < head; i++) sum->lane[(sum->next + i) % BATCH] += values[i];
    sum->next += count;
    values += head, count -= head;
    int64_t i = 0;
    for (; i + BATCH <= count; i += BATCH) {
#pragma omp simd
        for (int l = 0; l < BATCH; l++) sum->lane[l] += values[i + l];
    }
    for (; i < count; i++) sum->lane[i % BATCH] += values[i];
}

INLINE double value_sum_total(value_sum *sum)
{
    for (int half = BATCH / 2; half > 0; half /= 2)
        for (int l = 0; l < half; l++) sum->lane[l] += sum->lane[l + half];
    return sum->lane[0];
}
