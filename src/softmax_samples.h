/* softmax_samples.h: what the two softmax kernels share: where a sample lies, its label and weight, and the sum of the
 * values of a block.
 *
 * Samples are numbered in C order over any number of axes. A run is a stretch of samples along the innermost axis, so
 * that within it every array moves by one constant stride. */

/* Rows and tiles are finished (logarithm, division) in batches of this many samples, and the values of a block are
 * summed in as many lanes, by the sample's number in the block: the order of additions is then the same for every kernel
 * and for every way to cut samples into runs. */
enum { BATCH = 16 };

typedef struct {
    int64_t logits, grad, labels, weight, values; /* offsets in elements */
} sample_place;

typedef struct {
    sample_place first, step;
    int64_t count;
} sample_run;

static inline int64_t stride_of(const int64_t *strides, int32_t axis, int64_t packed)
{
    return strides ? strides[axis] : packed;
}

static inline int64_t class_stride_of(const int64_t *strides, int32_t ndim)
{
    return strides ? strides[ndim] : 1;
}

/* The run from `sample` to the end of the innermost axis, at most `limit` samples. */
static sample_run run_at(const closs_softmax_args *args, int64_t sample, int64_t limit)
{
    sample_run run = {{0, 0, 0, 0, 0}, {0, 0, 0, 0, 0}, limit};
    int64_t packed = 1;
    for (int32_t axis = args->ndim - 1; axis >= 0; axis--) {
        const int64_t extent = args->shape[axis];
        /* The usual single axis needs no division. */
        const int64_t index = axis == 0 ? sample : sample % extent;
        sample = axis == 0 ? 0 : sample / extent;
        const sample_place step = {
            stride_of(args->logits.strides, axis, packed * args->classes),
            stride_of(args->grad.strides, axis, packed * args->classes),
            stride_of(args->labels.strides, axis, packed),
            stride_of(args->sample_weight.strides, axis, packed),
            stride_of(args->values.strides, axis, packed),
        };
        run.first.logits += index * step.logits;
        run.first.grad += index * step.grad;
        run.first.labels += index * step.labels;
        run.first.weight += index * step.weight;
        run.first.values += index * step.values;
        if (axis == args->ndim - 1) {
            run.step = step;
            if (run.count > extent - index) run.count = extent - index;
        }
        packed *= extent;
    }
    return run;
}

static inline sample_place place_in_run(const sample_run *run, int64_t i)
{
    const sample_place place = {
        run->first.logits + i * run->step.logits, run->first.grad + i * run->step.grad,
        run->first.labels + i * run->step.labels, run->first.weight + i * run->step.weight,
        run->first.values + i * run->step.values,
    };
    return place;
}

static inline double weight_at(const closs_const_array *array, closs_dtype dtype, int64_t offset)
{
    return dtype == CLOSS_F32 ? (double)((const float *)array->data)[offset] : ((const double *)array->data)[offset];
}

/* The weight of a sample, and its label in [0, classes) or -1. The label is read once. Ignored: weight 0. A label that is
 * out of range, which only another thread can have written since check, never becomes an index: weight NaN. */
static inline double sample_weight_and_label(const closs_softmax_args *args, const sample_place *place, int64_t *label)
{
    const int64_t given = args->label_dtype == CLOSS_I32 ? ((const int32_t *)args->labels.data)[place->labels]
                                                         : ((const int64_t *)args->labels.data)[place->labels];
    *label = -1;
    if (args->has_ignore_index && given == args->ignore_index) return 0.0;
    if ((uint64_t)given >= (uint64_t)args->classes) return (double)NAN;
    *label = given;
    double weight = 1.0;
    if (args->class_weight.data)
        weight = weight_at(&args->class_weight, args->class_weight_dtype,
                           given * class_stride_of(args->class_weight.strides, 0));
    if (args->sample_weight.data)
        weight *= weight_at(&args->sample_weight, args->sample_weight_dtype, place->weight);
    return weight;
}

typedef struct {
    double lane[BATCH];
    int64_t next;
} value_sum;

static inline void value_sum_add(value_sum *sum, const double *values, int64_t count)
{
    if (sum->next % BATCH == 0 && count == BATCH) {
        for (int l = 0; l < BATCH; l++) sum->lane[l] += values[l];
    } else {
        for (int64_t i = 0; i < count; i++) sum->lane[(sum->next + i) % BATCH] += values[i];
    }
    sum->next += count;
}

static inline double value_sum_total(value_sum *sum)
{
    for (int half = BATCH / 2; half > 0; half /= 2)
        for (int l = 0; l < half; l++) sum->lane[l] += sum->lane[l + half];
    return sum->lane[0];
}
