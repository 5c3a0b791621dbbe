/* softmax_rows.h: the softmax family with lanes along the classes, for long rows. Cross-entropy:
 *
 *     loss = (m - z_y) + log1p(S' - 1 + e_y)   or, where z_y = m:   log1p(S'),      m = max z,
 *     e_j = exp(z_j - m),   S' = sum over j != y of e_j,   gradient_j = e_j / (S' + e_y),   gradient_y = -S' / (S' + e_y).
 *
 * logsumexp = m + log1p(S'), log_softmax_j = (z_j - m) - log1p(S'), where S' leaves out the first z_j = m (the pivot);
 * softmax_j = e_j / S.
 *
 * S' never contains the label's own term and nothing is subtracted from 1, so loss and gradient keep their relative
 * accuracy at every confidence (Blanchard, Higham, Higham 2021 analyse the shifted sum; leaving the maximum's term out is
 * what makes log1p exact).
 *
 * Passes: one over memory, in blocks of 512 classes: the maximum of a block, then its exponentials while it is in L1,
 * relative to the running maximum; sums are rescaled only when that has grown. The gradient stores the exponentials and
 * rescales them in cache (512 x 32000 floats: 6.8 ms, computing them again 11.9); where it can't, because of strides or of
 * its length, they are computed again. Both give the same bits.
 *
 * Accumulators: a block in LANES sums of `real`, each of 16 (f64: 32) terms, then in LANES sums of double, added by a fixed
 * tree every 32 blocks. Error of S': about 4 eps plus what rounding z_j - m makes of each term.
 *
 * Special values: a NaN passes the maximum (no comparison with it is true) and meets the sum; +inf gives inf - inf = NaN
 * in its own term; a row of -inf only gives m - z_y = NaN. All reach loss and every gradient entry through S' + e_y.
 *
 * Lanes are fixed arrays under `omp simd`: the order of additions is the algorithm's, not the vector width's, and the bits
 * are the same on AVX2 and AVX-512, from gcc and clang. ns per element of an exponential sum of 4096 floats, one core of a
 * Zen 4, gcc 12.2 / clang 14 (benchmarks/lane_styles.c):
 *                                        AVX2            AVX-512
 *     fixed arrays of 32 lanes           0.25 / 0.34     0.20 / 0.19
 *     vector types (no FMA of their own) 3.86 / 0.38     3.84 / 0.30
 *     omp simd reduction(+), bits vary   0.24 / 0.29     0.20 / 0.18
 */
#define row_state KERNEL(row_state)
#define row_max KERNEL(row_max)
#define row_exp_groups KERNEL(row_exp_groups)
#define row_exp_group KERNEL(row_exp_group)
#define row_block KERNEL(row_block)
#define row_gather KERNEL(row_gather)
#define row_sum KERNEL(row_sum)
#define is_extreme KERNEL(is_extreme)
#define row_scale KERNEL(row_scale)
#define row_gradient KERNEL(row_gradient)
#define row_find KERNEL(row_find)
#define row_log_softmax KERNEL(row_log_softmax)
#define row_has_nan KERNEL(row_has_nan)
#define row_zero KERNEL(row_zero)
#define softmax_rows KERNEL(softmax_rows)

#ifndef CLOSS_ROW_SIZES
#define CLOSS_ROW_SIZES
enum {
    BLOCK = 512,
    AHEAD = 1024, /* classes fetched ahead: hardware stops at every change from one pass over a block to the next */
    BLOCKS_KEPT = 1024, /* rows of more blocks take gradients relative to the final maximum */
    SUBTOTAL = 32
};
#endif

typedef struct {
    real max;
    double others;               /* sum of 2^EXP_BIAS exp(z_j - max) without the label's term: whole subtotals */
    double label;                /* the label's term */
    ALIGNED double open[LANES];  /* the subtotal of the last blocks */
    real block_max[BLOCKS_KEPT]; /* the running maximum each block was computed with */
} row_state;

/* lane[0] = all LANES lanes combined by a fixed tree. */
#define FOLD_LEVEL(lane, half, combine)                                                                                \
    if (LANES > (half)) {                                                                                              \
        _Pragma("omp simd") for (int l = 0; l < (half); l++)(lane)[l] = combine((lane)[l], (lane)[l + (half)]);        \
    }
#define FOLD(lane, combine)                                                                                            \
    FOLD_LEVEL(lane, 16, combine)                                                                                      \
    FOLD_LEVEL(lane, 8, combine)                                                                                       \
    FOLD_LEVEL(lane, 4, combine)                                                                                       \
    FOLD_LEVEL(lane, 2, combine)                                                                                       \
    FOLD_LEVEL(lane, 1, combine)

/* A group is LANES classes. The last group of a block overlaps the one before it when the block is no multiple of LANES:
 * lanes below `skip` were counted already. Their memory belongs to the row. */
static inline real row_max(const real *x, int64_t n)
{
    ALIGNED real lane[LANES];
    const int64_t whole = n - n % LANES;
    const int skip = (int)(LANES - n % LANES);
    for (int l = 0; l < LANES; l++) lane[l] = -INFINITY;
    for (int64_t g = 0; g < whole; g += LANES) {
#pragma omp simd
        for (int l = 0; l < LANES; l++) lane[l] = x[g + l] > lane[l] ? x[g + l] : lane[l];
    }
    if (whole < n) {
        const real *tail = x + n - LANES;
#pragma omp simd
        for (int l = 0; l < LANES; l++) {
            const real value = l >= skip ? tail[l] : -INFINITY;
            lane[l] = value > lane[l] ? value : lane[l];
        }
    }
#define LARGER(a, b) ((b) > (a) ? (b) : (a))
    FOLD(lane, LARGER);
    return lane[0];
}

static inline void row_exp_groups(const real *x, int64_t n, real base, real *restrict partial, real *store)
{
    for (int64_t g = 0; g < n; g += LANES) {
        PREFETCH(x + g + AHEAD);
        PREFETCH(x + g + AHEAD + LANES / 2);
#pragma omp simd
        for (int l = 0; l < LANES; l++) {
            const real e = exp_scaled(x[g + l] - base);
            partial[l] += e;
            if (store) store[g + l] = e;
        }
    }
}

/* One group with lanes to skip, or with the label's lane `hit` (or -1), whose term is returned and not added. */
static inline real row_exp_group(const real *x, int skip, int64_t hit, real base, real *restrict partial, real *store)
{
    ALIGNED real e[LANES];
#pragma omp simd
    for (int l = 0; l < LANES; l++) {
        e[l] = exp_scaled((l >= skip ? x[l] : -INFINITY) - base);
        partial[l] += l == (int)hit ? 0 : e[l];
    }
    if (store)
        for (int l = skip; l < LANES; l++) store[l] = e[l];
    return hit >= 0 ? e[hit] : 0;
}

static inline int64_t row_find(const real *x, int64_t n, real wanted)
{
    int32_t first = BLOCK;
#pragma omp simd reduction(min : first)
    for (int32_t j = 0; j < (int32_t)n; j++) {
        const int32_t place = x[j] == wanted ? j : BLOCK;
        first = place < first ? place : first;
    }
    return first;
}

/* n <= BLOCK classes, `hit` the index among them of the term to leave out, or -1; with `pivot` that is found here.
 * Exponentials to `store` unless NULL. */
static void row_block(row_state *state, const real *x, int64_t n, int64_t hit, int pivot, real *store)
{
    const real max = row_max(x, n);
    if (max > state->max) {
        const double gap = (double)state->max - (double)max;
        state->others = times_exp(state->others, gap);
        state->label = times_exp(state->label, gap);
        state->max = max;
#pragma omp simd
        for (int l = 0; l < LANES; l++) state->open[l] = times_exp(state->open[l], gap);
        if (pivot) { /* the last one joins the others */
            state->open[0] += state->label;
            state->label = 0;
            hit = row_find(x, n, max);
        }
    }
    /* -inf - -inf is NaN: while only -inf was seen any finite base gives the zeros that are meant. */
    const real base = state->max == -INFINITY ? 0 : state->max;
    const int64_t whole = n - n % LANES;
    const int64_t hit_group = hit >= 0 && hit < whole ? hit - hit % LANES : whole;
    ALIGNED real partial[LANES] = {0};
    real label = 0;
    if (store)
        row_exp_groups(x, hit_group, base, partial, store);
    else
        row_exp_groups(x, hit_group, base, partial, NULL);
    if (hit_group < whole) {
        const int64_t next = hit_group + LANES;
        label = row_exp_group(x + hit_group, 0, hit - hit_group, base, partial, store ? store + hit_group : NULL);
        if (store)
            row_exp_groups(x + next, whole - next, base, partial, store + next);
        else
            row_exp_groups(x + next, whole - next, base, partial, NULL);
    }
    if (whole < n) {
        const int64_t tail = n - LANES;
        const real last = row_exp_group(x + tail, (int)(whole - tail), hit >= whole ? hit - tail : -1, base, partial,
                                        store ? store + tail : NULL);
        if (hit >= whole) label = last;
    }
#pragma omp simd
    for (int l = 0; l < LANES; l++) state->open[l] += (double)partial[l];
    state->label += (double)label;
}

/* The block of a row that starts at class `first`: in place if its classes are contiguous, else copied to `buffer`
 * (LANES + BLOCK long, for a short last group reaches back). */
static inline const real *row_gather(const real *row, int64_t stride, int64_t first, int64_t n, real *buffer)
{
    if (stride == 1) return row + first;
    for (int64_t j = 0; j < n; j++) buffer[LANES + j] = row[(first + j) * stride];
    return buffer + LANES;
}

static void row_sum(row_state *state, const real *row, int64_t stride, int64_t classes, int64_t label, int pivot,
                    real *store)
{
    ALIGNED real buffer[LANES + BLOCK];
    if (stride != 1)
        for (int l = 0; l < LANES; l++) buffer[l] = 0;
    state->max = -INFINITY;
    state->others = state->label = 0;
    for (int l = 0; l < LANES; l++) state->open[l] = 0;
    for (int64_t first = 0, b = 0; first < classes; first += BLOCK, b++) {
        const int64_t n = classes - first < BLOCK ? classes - first : BLOCK;
        const int64_t hit = label >= first && label < first + n ? label - first : -1;
        row_block(state, row_gather(row, stride, first, n, buffer), n, hit, pivot, store ? store + first : NULL);
        if (b < BLOCKS_KEPT) state->block_max[b] = state->max;
        if (b % SUBTOTAL == SUBTOTAL - 1 || first + n == classes) {
#define SUM(a, b) ((a) + (b))
            FOLD(state->open, SUM);
            state->others += state->open[0];
            for (int l = 0; l < LANES; l++) state->open[l] = 0;
        }
    }
}

/* Whether a product of share and weight would overflow or lose digits as a `real`, as with weights near the ends of its
 * range; also zeros and NaN. */
static inline int is_extreme(double factor)
{
    return !((fabs(factor) >= REAL_TINY) & (fabs(factor) <= REAL_MAX));
}

/* target[j] = source[j] share weight: source holds exponentials. The product of both factors is taken first if it can. */
static inline void row_scale(const real *source, real *target, int64_t stride, int64_t n, double share, double weight)
{
    const double factor = share * weight;
    if (!is_extreme(factor)) {
        const real both = (real)factor;
        if (stride == 1) {
#pragma omp simd
            for (int64_t j = 0; j < n; j++) target[j] = source[j] * both;
        } else {
            for (int64_t j = 0; j < n; j++) target[j * stride] = source[j] * both;
        }
    } else {
        for (int64_t j = 0; j < n; j++) target[j * stride] = (real)((double)source[j] * share * weight);
    }
}

/* gradient = weight x (softmax - onehot). `stored`: the exponentials are there already. */
static void row_gradient(const row_state *state, const real *row, int64_t stride, real *grad, int64_t grad_stride,
                         int64_t classes, int64_t label, double weight, int stored)
{
    ALIGNED real buffer[LANES + BLOCK], exps[BLOCK];
    const double share = 1.0 / (state->others + state->label);
    const int kept = classes <= (int64_t)BLOCK * BLOCKS_KEPT;
    for (int64_t first = 0, b = 0; first < classes; first += BLOCK, b++) {
        const int64_t n = classes - first < BLOCK ? classes - first : BLOCK;
        const real max = kept ? state->block_max[b] : state->max;
        const real base = max == -INFINITY ? 0 : max;
        const double gap = (double)max - (double)state->max;
        const double rescaled = gap == 0 ? weight : times_exp(weight, gap);
        real *target = grad + first * grad_stride;
        if (stored) {
            row_scale(target, target, 1, n, share, rescaled);
            continue;
        }
        const real *x = row_gather(row, stride, first, n, buffer);
#pragma omp simd
        for (int64_t j = 0; j < n; j++) exps[j] = exp_scaled(x[j] - base);
        row_scale(exps, target, grad_stride, n, share, rescaled);
    }
    if (label >= 0) grad[label * grad_stride] = (real)(0.0 - state->others * share * weight);
}

/* result = (z - max) - log(S / e^max) */
static void row_log_softmax(const real *row, int64_t stride, real *result, int64_t result_stride, int64_t classes,
                            real max, real log)
{
    if (stride == 1 && result_stride == 1) {
#pragma omp simd
        for (int64_t j = 0; j < classes; j++) result[j] = (row[j] - max) - log;
    } else {
        for (int64_t j = 0; j < classes; j++) result[j * result_stride] = (row[j * stride] - max) - log;
    }
}

static int row_has_nan(const real *row, int64_t stride, int64_t classes)
{
    int found = 0;
    for (int64_t j = 0; j < classes; j++) found |= row[j * stride] != row[j * stride];
    return found;
}

static void row_zero(real *grad, int64_t stride, int64_t classes)
{
    for (int64_t j = 0; j < classes; j++) grad[j * stride] = 0;
}

static void softmax_rows(const closs_softmax_args *args, int64_t begin, int64_t end, double *sum)
{
    const int64_t classes = args->classes;
    const int64_t stride = class_stride_of(args->logits.strides, args->ndim);
    const int64_t grad_stride = class_stride_of(args->grad.strides, args->ndim);
    const int pivot = leaves_out_pivot(args);
    const int store = args->grad.data && !pivot && stride == 1 && grad_stride == 1 && classes <= BLOCK * BLOCKS_KEPT;
    const double unit = 1.0 / ((bits_t)1 << EXP_BIAS);
    row_state state;
    value_sum values = {{0}, 0};
    sample_cursor cursor = cursor_at(args, begin, end);
    while (cursor.left > 0) {
        const int64_t count = cursor.left < BATCH ? cursor.left : BATCH;
        ALIGNED real rest[BATCH] = {0}, gap[BATCH] = {0};
        ALIGNED double weight[BATCH] = {0};
        int64_t label[BATCH], value_offset[BATCH];
        for (int64_t done = 0; done < count;) {
            const sample_run run = next_run(args, &cursor, count - done);
            labels_and_weights(args, &run, label + done, weight + done);
            for (int64_t i = 0; i < run.count; i++, done++) {
                const real *row = (const real *)args->logits.data + run.first.logits + i * run.step.logits;
                real *grad = args->grad.data ? (real *)args->grad.data + run.first.grad + i * run.step.grad : NULL;
                value_offset[done] = run.first.values + i * run.step.values;
                if (weight[done] == 0) {
                    if (grad) row_zero(grad, grad_stride, classes);
                    continue;
                }
                const real at_label = label[done] >= 0 ? row[label[done] * stride] : 0; /* before it is overwritten */
                row_sum(&state, row, stride, classes, label[done], pivot, store ? grad : NULL);
                if (args->result == CLOSS_LOGSUMEXP) {
                    rest[done] = (real)(state.others * unit);
                    gap[done] = state.max;
                    if (state.max == INFINITY) rest[done] = row_has_nan(row, stride, classes) ? (real)NAN : 0;
                    continue;
                }
                if (args->result == CLOSS_LOG_SOFTMAX) {
                    const real log = log1p_positive((real)(state.others * unit + (state.label * unit - 1)));
                    row_log_softmax(row, stride, grad, grad_stride, classes, state.max, log);
                    continue;
                }
                if (grad)
                    row_gradient(&state, row, stride, grad, grad_stride, classes, label[done],
                                 weight[done] * args->scale, store);
                /* At the maximum the label's term is exactly 1. */
                rest[done] = (real)(state.others * unit + (state.label * unit - 1));
                gap[done] = state.max - at_label;
            }
        }
        ALIGNED double value[BATCH];
        for (int l = 0; l < BATCH; l++) rest[l] = log1p_positive(rest[l]) + gap[l];
        for (int l = 0; l < BATCH; l++) value[l] = weight[l] == 0 ? 0.0 : weight[l] * (double)rest[l];
        if (args->values.data)
            for (int64_t i = 0; i < count; i++) ((real *)args->values.data)[value_offset[i]] = (real)value[i];
        value_sum_add(&values, value, count);
    }
    *sum += value_sum_total(&values);
}
#undef LARGER
#undef SUM
#undef FOLD
#undef FOLD_LEVEL
#undef row_state
#undef row_max
#undef row_exp_groups
#undef row_exp_group
#undef row_block
#undef row_gather
#undef row_sum
#undef row_scale
#undef row_gradient
#undef row_find
#undef row_log_softmax
#undef row_zero
#undef softmax_rows
