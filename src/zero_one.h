/* zero_one.h: the zero-one loss: 0 where the predicted class is the label, else 1.
 *
 * Of scores the class of the largest is predicted, of equal ones the first. No maximum is looked for: the label is it if its
 * score v is above -inf, no score before it is v or more, and none behind it more than v. A NaN makes one of these false.
 *
 * Passes: at most one over the scores; a row along the classes is left in the block where it turned out wrong. Where the
 * samples are neighbours in memory they are the lanes. Half types are widened block by block. Two arrays of labels: one.
 *
 * Exact: values are 0 or the weight; their sum is in double, in 16 lanes by the number of the sample in its block.
 */
#define zero_one_row KERNEL(zero_one_row)
#define zero_one_rows KERNEL(zero_one_rows)
#define zero_one_lanes KERNEL(zero_one_lanes)
#define zero_one KERNEL(zero_one)

#ifndef CLOSS_ZERO_ONE_SIZES
#define CLOSS_ZERO_ONE_SIZES
enum { AT_A_TIME = 128 /* samples */, STRETCH = 512 /* classes */ };

/* A label that became invalid after check has weight NaN, right or wrong. */
static void zero_one_values(const closs_softmax_args *args, const sample_run *run, const int *wrong,
                            const double *weight, value_sum *values)
{
    ALIGNED double value[AT_A_TIME];
    for (int64_t i = 0; i < run->count; i++) value[i] = wrong[i] || weight[i] != weight[i] ? weight[i] : 0;
    if (args->values.data)
        for (int64_t i = 0; i < run->count; i++)
            store_value(args, run->first.values + i * run->step.values, value[i]);
    value_sum_add(values, value, run->count);
}

INLINE int64_t zero_one_label(const void *labels, closs_label_dtype dtype, int64_t offset)
{
    return dtype == CLOSS_I32 ? ((const int32_t *)labels)[offset] : ((const int64_t *)labels)[offset];
}

/* The unequal ones of n contiguous pairs. */
#define COUNT_UNEQUAL(type_a, type_b, sum_type)                                                                        \
    {                                                                                                                  \
        const type_a *x = (const type_a *)a + at_a;                                                                    \
        const type_b *y = (const type_b *)b + at_b;                                                                    \
        sum_type unequal = 0;                                                                                          \
        _Pragma("omp simd reduction(+ : unequal)") for (int64_t i = 0; i < n; i++) unequal += x[i] != y[i];            \
        return (int64_t)unequal;                                                                                       \
    }
static int64_t zero_one_count(const void *a, closs_label_dtype a_type, int64_t at_a, const void *b,
                              closs_label_dtype b_type, int64_t at_b, int64_t n)
{
    if (a_type == CLOSS_I32 && b_type == CLOSS_I32) COUNT_UNEQUAL(int32_t, int32_t, uint32_t)
    if (a_type == CLOSS_I32) COUNT_UNEQUAL(int32_t, int64_t, uint64_t)
    if (b_type == CLOSS_I32) COUNT_UNEQUAL(int64_t, int32_t, uint64_t)
    COUNT_UNEQUAL(int64_t, int64_t, uint64_t)
}
#undef COUNT_UNEQUAL

/* Predicted labels and labels: any integers, so that there are no classes. */
static void zero_one_labels(const closs_softmax_args *args, int64_t begin, int64_t end, double *sum)
{
    closs_softmax_args walk = *args; /* predicted labels where the logits were, the labels with the targets */
    walk.classes = 1;
    walk.logits = args->predicted;
    walk.targets = args->labels;
    walk.labels.data = NULL;
    const int plain = !args->sample_weight.data && !args->values.data;
    value_sum values = {{0}, 0};
    int64_t count = 0;
    for (sample_cursor cursor = cursor_at(&walk, begin, end); cursor.left > 0;) {
        const int contiguous = plain && cursor.run.step.logits == 1 && cursor.run.step.targets == 1;
        const sample_run run = next_run(&walk, &cursor, contiguous ? INT64_C(1) << 30 : AT_A_TIME);
        if (contiguous) {
            count += zero_one_count(args->predicted.data, args->predicted_dtype, run.first.logits, args->labels.data,
                                    args->label_dtype, run.first.targets, run.count);
            continue;
        }
        int64_t label[AT_A_TIME];
        double weight[AT_A_TIME];
        int wrong[AT_A_TIME];
        labels_and_weights(&walk, &run, label, weight);
        for (int64_t i = 0; i < run.count; i++)
            wrong[i] = zero_one_label(args->predicted.data, args->predicted_dtype,
                                      run.first.logits + i * run.step.logits) !=
                       zero_one_label(args->labels.data, args->label_dtype, run.first.targets + i * run.step.targets);
        zero_one_values(args, &run, wrong, weight, &values);
    }
    *sum += (double)count + value_sum_total(&values);
}
#endif

/* Whether any of n scores is above v, or one of the first `before` is v. */
INLINE int zero_one_row(const real *z, int64_t n, int64_t before, real v)
{
    bits_t beaten = 0;
#pragma omp simd reduction(| : beaten)
    for (int64_t j = 0; j < before; j++) beaten |= !(z[j] < v);
#pragma omp simd reduction(| : beaten)
    for (int64_t j = before; j < n; j++) beaten |= !(z[j] <= v);
    return beaten != 0;
}

/* Samples whose label's score is v, one row after the other; wrong[i] comes as 1 where v alone decides. */
static void zero_one_rows(const closs_softmax_args *args, const sample_run *run, int64_t stride, const int64_t *label,
                          const real *v, int *wrong)
{
    ALIGNED real copy[STRETCH];
    const int direct = args->dtype == REAL_DTYPE && stride == 1;
    for (int64_t i = 0; i < run->count; i++) {
        const int64_t offset = run->first.logits + i * run->step.logits;
        for (int64_t first = 0; first < args->classes && !wrong[i]; first += STRETCH) {
            const int64_t n = args->classes - first < STRETCH ? args->classes - first : STRETCH;
            const int64_t place = label[i] - first, before = place < 0 ? 0 : place < n ? place : n;
            if (!direct) load_reals(args->logits.data, args->dtype, offset + first * stride, stride, n, copy);
            wrong[i] = zero_one_row(direct ? (const real *)args->logits.data + offset + first : copy, n, before, v[i]);
        }
    }
}

/* The same, all samples of a class after the other. */
static void zero_one_lanes(const closs_softmax_args *args, const sample_run *run, int64_t stride, const int64_t *label,
                           const real *v, int *wrong)
{
    ALIGNED real copy[AT_A_TIME], place[AT_A_TIME];
    ALIGNED bits_t beaten[AT_A_TIME] = {0};
    for (int64_t first = 0; first < args->classes; first += STRETCH) {
        const int64_t n = args->classes - first < STRETCH ? args->classes - first : STRETCH;
        for (int64_t i = 0; i < run->count; i++) { /* as numbers: SSE2 compares no 64-bit integers */
            const int64_t at = label[i] - first;
            place[i] = (real)(at < 0 ? 0 : at < n ? at : n);
        }
        for (int64_t j = 0; j < n; j++) {
            const int64_t offset = run->first.logits + (first + j) * stride;
            const int direct = args->dtype == REAL_DTYPE;
            const real *z = direct ? (const real *)args->logits.data + offset : copy;
            if (!direct) load_reals(args->logits.data, args->dtype, offset, 1, run->count, copy);
#pragma omp simd
            for (int64_t i = 0; i < run->count; i++)
                beaten[i] |= (z[i] <= v[i]) == 0 || (z[i] == v[i] && (real)j < place[i]);
        }
    }
    for (int64_t i = 0; i < run->count; i++) wrong[i] |= beaten[i] != 0;
}

static void zero_one(const closs_softmax_args *args, int64_t begin, int64_t end, double *sum)
{
    if (args->predicted.data) {
        zero_one_labels(args, begin, end, sum);
        return;
    }
    const int64_t stride = class_stride_of(args->logits.strides, args->ndim);
    value_sum values = {{0}, 0};
    for (sample_cursor cursor = cursor_at(args, begin, end); cursor.left > 0;) {
        ALIGNED int64_t label[AT_A_TIME];
        ALIGNED double weight[AT_A_TIME];
        ALIGNED real v[AT_A_TIME];
        int wrong[AT_A_TIME];
        const sample_run run = next_run(args, &cursor, AT_A_TIME);
        labels_and_weights(args, &run, label, weight);
        for (int64_t i = 0; i < run.count; i++) {
            const int64_t offset = run.first.logits + i * run.step.logits;
            v[i] = label[i] < 0 ? -INFINITY : load_real(args->logits.data, args->dtype, offset + label[i] * stride);
            wrong[i] = !(v[i] > -INFINITY);
        }
        (run.step.logits == 1 && stride != 1 ? zero_one_lanes : zero_one_rows)(args, &run, stride, label, v, wrong);
        zero_one_values(args, &run, wrong, weight, &values);
    }
    *sum += value_sum_total(&values);
}
#undef zero_one_row
#undef zero_one_rows
#undef zero_one_lanes
#undef zero_one
