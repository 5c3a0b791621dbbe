/* zero_one_labels.h: the zero-one loss of predicted labels: 0 where they equal the labels, else 1. Both may be any
 * integers.
 *
 * Passes: one over each array. Without weights and values unequal pairs are counted, directly in contiguous arrays of
 * one type. Exact: a value is 0 or the weight; values are summed in double, in 16 lanes by the number of the sample in
 * its block.
 */
enum { AT_A_TIME = 128 }; /* samples */

/* A label that became invalid after check is wrong, with weight NaN. */
static void zero_one_values(const closs_softmax_args *args, int64_t count, const int64_t *place, const int *wrong,
                            const double *weight, value_sum *values)
{
    ALIGNED double value[AT_A_TIME];
    for (int64_t i = 0; i < count; i++) value[i] = wrong[i] ? weight[i] : 0;
    if (args->values.data) store_values(args, place, count, value);
    value_sum_add(values, value, count);
}

/* n labels as int64: themselves, or a copy. */
static const int64_t *zero_one_wide(const void *labels, closs_label_dtype dtype, int64_t offset, int64_t step,
                                    int64_t n, int64_t *copy)
{
    if (dtype == CLOSS_I64 && step == 1) return (const int64_t *)labels + offset;
    if (dtype == CLOSS_I64)
        for (int64_t i = 0; i < n; i++) copy[i] = ((const int64_t *)labels)[offset + i * step];
    else if (dtype == CLOSS_I32)
        for (int64_t i = 0; i < n; i++) copy[i] = ((const int32_t *)labels)[offset + i * step];
    else
        for (int64_t i = 0; i < n; i++) copy[i] = ((const uint8_t *)labels)[offset + i * step];
    return copy;
}

/* The unequal ones of n contiguous pairs of one type. */
#define COUNT_UNEQUAL(type, sum_type)                                                                                  \
    {                                                                                                                  \
        const type *a = (const type *)x + at_x, *b = (const type *)y + at_y;                                           \
        sum_type unequal = 0;                                                                                          \
        for (int64_t i = 0; i < n; i++) unequal += a[i] != b[i];                                                       \
        return (int64_t)unequal;                                                                                       \
    }
static int64_t zero_one_count(closs_label_dtype dtype, const void *x, int64_t at_x, const void *y, int64_t at_y,
                              int64_t n)
{
    if (dtype == CLOSS_I32) COUNT_UNEQUAL(int32_t, uint32_t)
    if (dtype == CLOSS_I64) COUNT_UNEQUAL(int64_t, uint64_t)
    COUNT_UNEQUAL(uint8_t, uint32_t)
}
#undef COUNT_UNEQUAL

/* Predicted labels and labels: any integers, so that there are no classes. */
static void zero_one_pairs(const closs_softmax_args *args, int64_t begin, int64_t end, double *sum)
{
    closs_softmax_args walk = *args; /* predicted labels where the logits were, the labels with the targets */
    walk.classes = 1;
    walk.logits = args->predicted;
    walk.targets = args->labels;
    walk.labels.data = NULL;
    const closs_label_dtype x_type = args->predicted_dtype, y_type = args->label_dtype;
    const int counted = !args->sample_weight.data && !args->values.data;
    value_sum values = {{0}, 0};
    int64_t count = 0;
    for (sample_cursor cursor = cursor_at(&walk, begin, end); cursor.left > 0;) {
        const sample_place *step = &cursor.run.step;
        const int direct = counted && x_type == y_type && step->logits == 1 && step->targets == 1;
        const sample_run run = next_run(&walk, &cursor, direct ? INT64_C(1) << 30 : AT_A_TIME);
        const int64_t at_x = run.first.logits, at_y = run.first.targets;
        if (direct) {
            count += zero_one_count(x_type, walk.logits.data, at_x, walk.targets.data, at_y, run.count);
            continue;
        }
        int64_t x_copy[AT_A_TIME], y_copy[AT_A_TIME];
        const int64_t *x = zero_one_wide(walk.logits.data, x_type, at_x, run.step.logits, run.count, x_copy);
        const int64_t *y = zero_one_wide(walk.targets.data, y_type, at_y, run.step.targets, run.count, y_copy);
        if (counted) {
            count += zero_one_count(CLOSS_I64, x, 0, y, 0, run.count);
            continue;
        }
        int64_t unused[AT_A_TIME], place[AT_A_TIME];
        double weight[AT_A_TIME];
        int wrong[AT_A_TIME];
        for (int64_t i = 0; i < run.count; i++) {
            wrong[i] = x[i] != y[i];
            place[i] = run.first.values + i * run.step.values;
        }
        labels_and_weights(&walk, &run, unused, weight);
        zero_one_values(args, run.count, place, wrong, weight, &values);
    }
    *sum += (double)count + value_sum_total(&values);
}
