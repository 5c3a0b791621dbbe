/* zero_one.h: the zero-one loss of scores: 0 where the class of the largest, of equal ones the first, is the label; else 1.
 *
 * No maximum is looked for. The label is predicted if its score v is above -inf, no score before it is v or more, and none
 * behind it more than v; a NaN makes one of these false.
 *
 * Passes: at most one; a row along the classes is left at the end of the stretch where it turned out wrong. Where samples are
 * neighbours in memory they are the lanes. Half types are widened by the stretch. Values and sum: see zero_one_labels.h.
 */
#define zero_one_row KERNEL(zero_one_row)
#define zero_one_rows KERNEL(zero_one_rows)
#define zero_one_lanes KERNEL(zero_one_lanes)
#define zero_one KERNEL(zero_one)

#ifndef CLOSS_ZERO_ONE_SIZES
#define CLOSS_ZERO_ONE_SIZES
/* Fewer classes than a vector has lanes: samples are the lanes there, too. Classes between two looks at what was found. */
enum { FEW = 4, STRETCH = 512 };

/* Whether z at a place before the label's (or not) beats its score v: in one piece of arithmetic, for && and || become jumps. */
#define BEATS(z, v, is_before) ((((z) <= (v)) == 0) | (((z) == (v)) & (is_before)))
#endif

/* Whether one of n >= width scores is above v, or is v and one of the first `before`. The last stretch overlaps the one
 * before it, for to find something twice changes nothing. */
INLINE int zero_one_row(const real *z, int64_t n, int64_t before, real v, const int width)
{
    ALIGNED bits_t beaten[LANES] = {0};
    for (int64_t j = 0; j < n; j += width) {
        if (j + width > n) j = n - width;
        const real rest = (real)(before - j);
        if (width == LANES) { /* of rows that are left, the next one, too: up to 25 % */
            PREFETCH(z + j + AHEAD);
            PREFETCH(z + j + AHEAD + LANES / 2);
        }
        if (width == LANES && before <= 0) { /* behind the label ties do not matter: 20 % of long rows */
#pragma omp simd
            for (int l = 0; l < width; l++) beaten[l] |= (bits_t)((z[j + l] <= v) == 0);
            continue;
        }
#pragma omp simd
        for (int l = 0; l < width; l++) beaten[l] |= (bits_t)BEATS(z[j + l], v, (real)l < rest);
    }
    bits_t any = 0;
    for (int l = 0; l < width; l++) any |= beaten[l];
    return any != 0;
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
            /* A short rest takes some of the stretch before it again. */
            const int64_t from = args->classes - first < FEW ? args->classes - FEW : first;
            const int64_t n = args->classes - from < STRETCH ? args->classes - from : STRETCH;
            const int64_t before = label[i] - from < n ? label[i] - from : n;
            if (!direct) load_reals(args->logits.data, args->dtype, offset + from * stride, stride, n, copy);
            const real *z = direct ? (const real *)args->logits.data + offset + from : copy;
            wrong[i] = n < 8       ? zero_one_row(z, n, before, v[i], FEW)
                       : n < LANES ? zero_one_row(z, n, before, v[i], 8)
                                   : zero_one_row(z, n, before, v[i], LANES);
        }
    }
}

/* The same, all samples of a class after the other. */
static void zero_one_lanes(const closs_softmax_args *args, const sample_run *run, int64_t stride, const int64_t *label,
                           const real *v, int *wrong)
{
    ALIGNED real copy[AT_A_TIME], before[AT_A_TIME];
    ALIGNED bits_t beaten[AT_A_TIME] = {0};
    const int direct = args->dtype == REAL_DTYPE && run->step.logits == 1;
    for (int64_t first = 0; first < args->classes; first += STRETCH) {
        const int64_t n = args->classes - first < STRETCH ? args->classes - first : STRETCH;
        for (int64_t i = 0; i < run->count; i++) /* as numbers: SSE2 compares no 64-bit integers */
            before[i] = (real)(label[i] - first < n ? label[i] - first : n);
        for (int64_t j = 0; j < n; j++) {
            const int64_t offset = run->first.logits + (first + j) * stride;
            const real *z = direct ? (const real *)args->logits.data + offset : copy;
            if (!direct) load_reals(args->logits.data, args->dtype, offset, run->step.logits, run->count, copy);
#pragma omp simd
            for (int64_t i = 0; i < run->count; i++) beaten[i] |= (bits_t)BEATS(z[i], v[i], (real)j < before[i]);
        }
    }
    for (int64_t i = 0; i < run->count; i++) wrong[i] |= beaten[i] != 0;
}

static void zero_one(const closs_softmax_args *args, int64_t begin, int64_t end, double *sum)
{
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
        const int lanes = args->classes < FEW || (run.step.logits == 1 && stride != 1);
        (lanes ? zero_one_lanes : zero_one_rows)(args, &run, stride, label, v, wrong);
        zero_one_values(args, &run, wrong, weight, &values);
    }
    *sum += value_sum_total(&values);
}
#undef zero_one_row
#undef zero_one_rows
#undef zero_one_lanes
#undef zero_one
