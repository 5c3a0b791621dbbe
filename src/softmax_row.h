/* softmax_row.h: the softmax family with lanes along the classes: one long row. Cross-entropy:
 *
 *     loss = (m - z_y) + log1p(S' - 1 + e_y)   or, where z_y = m:   log1p(S'),      m = max z,
 *     e_j = exp(z_j - m),   S' = sum over j != y of e_j,
 *     gradient_j = e_j / (S' + e_y),   gradient_y = -S' / (S' + e_y).
 *
 * with smoothing a of C classes, of which each then has the target s = a / C, and the label 1 - a + s:
 *
 *     loss = (1 - a) (m - z_y) + s sum of (m - z_j) + the logarithm above,   gradient_j = e_j / S - s,
 *     gradient_y = e_y / S - (1 - a + s),   where e_y / S > 1/2   (a - s) - S' / S.
 *
 * logsumexp = m + log1p(S'), log_softmax_j = (z_j - m) - log1p(S'), where S' leaves out the first z_j = m (the pivot);
 * softmax_j = e_j / S.
 *
 * S' never contains the label's own term and nothing is subtracted from 1, so loss and gradient keep their relative
 * accuracy at every confidence (Blanchard, Higham, Higham 2021 analyse the shifted sum; leaving the maximum's term out
 * is what makes log1p exact).
 *
 * Passes: one over memory. Up to SHORT_ROWS classes the maximum of the row, then its exponentials while it is in L1.
 * (In blocks, as longer ones, rows of 513 to 1024 classes took 1.15 to 1.25 times as long.) More come in parts of
 * CLOSS_PART classes, whose states are merged from left to right, so that threads may share a row; within a part in
 * blocks of 512 classes: the maximum of a block, then its exponentials relative to the running maximum; sums are
 * rescaled only when that has grown. The gradient stores the exponentials and rescales them in cache (512 x 32000
 * floats: 6.8 ms, computing them again 11.9); where it can't, because of strides or half types, or should not
 * (stream.h), up to HELD of them are stored elsewhere, those of longer rows in the caller's scratch (half types x1.25
 * to x1.6), or without that computed again. All give the same bits. Half types are widened block by block, short rows
 * before.
 *
 * Accumulators: a block in LANES sums of `real`, each of 16 (f64: 32) terms, then in LANES sums of double, added by a
 * fixed tree at the end of a part. Error of S': about 4 eps plus what rounding z_j - m makes of each term.
 *
 * Special values: a NaN passes the maximum (no comparison with it is true) and meets the sum; +inf gives inf - inf =
 * NaN in its own term; a row of -inf only gives m - z_y = NaN. All reach loss and every gradient entry through S' +
 * e_y.
 *
 * Lanes are fixed arrays under `omp simd`: the order of additions is the algorithm's, not the vector width's, and the
 * bits are the same on AVX2 and AVX-512, from gcc and clang. ns per element of an exponential sum of 4096 floats, one
 * core of a Zen 4, gcc 12.2 / clang 14 (benchmarks/lane_styles.c):
 *                                        AVX2            AVX-512
 *     fixed arrays of 32 lanes           0.25 / 0.34     0.20 / 0.19
 *     vector types (no FMA of their own) 3.86 / 0.38     3.84 / 0.30
 *     omp simd reduction(+), bits vary   0.24 / 0.29     0.20 / 0.18
 */
#define row_state KERNEL(row_state)
#define row_view KERNEL(row_view)
#define row_max KERNEL(row_max)
#define row_exp_groups KERNEL(row_exp_groups)
#define row_exp_group KERNEL(row_exp_group)
#define row_exps KERNEL(row_exps)
#define row_widen KERNEL(row_widen)
#define row_sums KERNEL(row_sums)
#define row_blocks KERNEL(row_blocks)
#define row_block KERNEL(row_block)
#define row_gather KERNEL(row_gather)
#define row_ahead KERNEL(row_ahead)
#define row_terms KERNEL(row_terms)
#define row_end KERNEL(row_end)
#define row_part KERNEL(row_part)
#define is_extreme KERNEL(is_extreme)
#define row_scale KERNEL(row_scale)
#define row_scale_less KERNEL(row_scale_less)
#define row_place KERNEL(row_place)
#define row_put KERNEL(row_put)
#define label_gradient KERNEL(label_gradient)
#define row_gradient KERNEL(row_gradient)
#define row_exp_pivots KERNEL(row_exp_pivots)
#define row_log_softmax KERNEL(row_log_softmax)
#define row_has_nan KERNEL(row_has_nan)
#define row_zero KERNEL(row_zero)
#define row_write KERNEL(row_write)
#define row_value KERNEL(row_value)
#define row_direct KERNEL(row_direct)

#ifndef CLOSS_ROW_SIZES
#define CLOSS_ROW_SIZES
enum {
    BLOCK = CLOSS_PART / CLOSS_PART_BLOCKS,
    SHORT_ROWS = 4 * BLOCK, /* classes of a row that stays in L1 until it is summed, relative to its own maximum */
    AHEAD = 1024            /* classes fetched ahead */
};

INLINE int is_short_row(const closs_softmax_args *args)
{
    return args->classes <= SHORT_ROWS;
}
#endif

typedef struct {
    real max;
    double others;              /* sum of 2^EXP_BIAS exp(z_j - max) */
    double left_out;            /* the term that is not among them: the label's, or one of the maximum (the pivot) */
    ALIGNED double open[LANES]; /* the others, until the end of the part */
    int64_t seen;               /* with smoothing: classes, and the sum of z_j - max, times GAP_UNIT: */
    double moved;               /* what growing maxima made of it, and */
    ALIGNED double gaps[LANES]; /* the rest */
} row_state;

/* A row of logits, or of results, anywhere in memory. */
typedef struct {
    void *data;
    closs_dtype dtype;
    int64_t offset, stride;
} row_view;

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

#define SUM(a, b) ((a) + (b))

/* Sums of gaps between logits are kept so much smaller that they do not overflow. */
#undef GAP_UNIT
#define GAP_UNIT (CLOSS_REAL == 32 ? (real)0x1p-7 : (real)0x1p-96)

/* A group is LANES classes. The last group of a block overlaps the one before it when the block is no multiple of
 * LANES: lanes below `skip` were counted already. Their memory belongs to the row. */
INLINE real row_max(const real *x, int64_t n)
{
    ALIGNED real lane[LANES];
    const int64_t whole = n - n % LANES;
    const int skip = (int)(LANES - n % LANES);
    int64_t g = 0;
    for (int l = 0; l < LANES; l++) lane[l] = -INFINITY;
    for (; g + LANES < whole; g += 2 * LANES) { /* by two, because each waits for the one before it */
#pragma omp simd
        for (int l = 0; l < LANES; l++) {
            const real larger = x[g + l] > x[g + LANES + l] ? x[g + l] : x[g + LANES + l];
            lane[l] = larger > lane[l] ? larger : lane[l];
        }
    }
    for (; g < whole; g += LANES) {
#pragma omp simd
        for (int l = 0; l < LANES; l++) lane[l] = x[g + l] > lane[l] ? x[g + l] : lane[l];
    }
    if (whole < n) {
        const real *tail = x + n - LANES;
#pragma omp simd
        for (int l = 0; l < LANES; l++) {
            const real z = tail[l], value = l >= skip ? z : -INFINITY;
            lane[l] = value > lane[l] ? value : lane[l];
        }
    }
#define LARGER(a, b) ((b) > (a) ? (b) : (a))
    FOLD(lane, LARGER);
    return lane[0];
}

/* Whole groups. The term of class `hit` (with `has_hit`) is not added. Gaps from the base, times GAP_UNIT, are summed,
 * too, unless NULL. Fetched is also what lies `far` bytes behind what is stored. */
INLINE void row_exp_groups(const real *x, int64_t n, const int has_hit, int64_t hit, real base, memory_ahead ahead,
                           real *restrict partial, real *restrict gaps, real *store, uintptr_t far)
{
    const real lowest = exp_lowest(), low = base * GAP_UNIT;
    for (int64_t g = 0; g < n; g += LANES, ahead.data += (uintptr_t)ahead.step) {
        const order_t lane = (order_t)(hit - g);
        fetch(ahead, 0, sizeof(real) * LANES);
        if (store) fetch_lines_later((uintptr_t)(store + g) + far, sizeof(real) * LANES);
#pragma omp simd
        for (int l = 0; l < LANES; l++) {
            const real e = exp_above(x[g + l] - base, lowest);
            partial[l] += has_hit && l == lane ? 0 : e;
            if (gaps) gaps[l] += FMA(x[g + l], GAP_UNIT, 0 - low);
            if (store) store[g + l] = e;
        }
    }
}

/* One group with lanes to skip, or with the label's lane `hit` (or -1), whose term is not added. */
INLINE void row_exp_group(const real *x, int skip, int64_t hit, real base, real *restrict partial, real *restrict gaps,
                          real *store)
{
    ALIGNED real e[LANES];
    const real lowest = exp_lowest();
#pragma omp simd
    for (int l = 0; l < LANES; l++) {
        const real z = x[l], counted = l >= skip ? z : -INFINITY;
        e[l] = exp_above(counted - base, lowest);
        partial[l] += l == (int)hit ? 0 : e[l];
    }
    if (gaps)
        for (int l = skip; l < LANES; l++) gaps[l] += FMA(x[l], GAP_UNIT, 0 - base * GAP_UNIT);
    if (store)
        for (int l = skip; l < LANES; l++) store[l] = e[l];
}

/* A block whose maximum is `base`: terms of that, which are 1, are left out and counted. */
INLINE double row_exp_pivots(const real *x, int64_t n, real base, memory_ahead ahead, real *restrict partial)
{
    ALIGNED real ties[LANES] = {0};
    const real lowest = exp_lowest();
    const int64_t whole = n - n % LANES;
    for (int64_t g = 0; g < whole; g += LANES, ahead.data += (uintptr_t)ahead.step) {
        fetch(ahead, 0, sizeof(real) * LANES);
#pragma omp simd
        for (int l = 0; l < LANES; l++) {
            const real z = x[g + l], e = exp_above(z - base, lowest);
            const real other = z == base ? 0 : e, one = z == base ? 1 : 0;
            partial[l] += other;
            ties[l] += one;
        }
    }
    if (whole < n) {
        const int skip = (int)(LANES - n % LANES);
#pragma omp simd
        for (int l = 0; l < LANES; l++) {
            const real given = x[n - LANES + l], z = l >= skip ? given : -INFINITY, e = exp_above(z - base, lowest);
            const real other = z == base ? 0 : e, one = z == base ? 1 : 0;
            partial[l] += other;
            ties[l] += one;
        }
    }
    FOLD(ties, SUM);
    return (double)ties[0];
}

/* The exponentials of a block, to `store` unless NULL (`far` and gaps as above). Returned is that of class `hit` (or
 * -1), which is left out of the sums. */
INLINE real row_exps(const real *x, int64_t n, int64_t hit, real base, memory_ahead ahead, real *restrict partial,
                     real *restrict gaps, real *store, uintptr_t far)
{
    const int64_t whole = n - n % LANES, tail = n - LANES;
    const real label = hit >= 0 ? exp_scaled(x[hit] - base) : 0; /* before `store` takes its place */
    /* No loop ends where the label is: it is another class in every row, and hardware foretells the ends of loops. */
    if (gaps && store)
        row_exp_groups(x, whole, 1, hit, base, ahead, partial, gaps, store, far);
    else if (gaps)
        row_exp_groups(x, whole, 1, hit, base, ahead, partial, gaps, NULL, 0);
    else if (store && hit >= 0)
        row_exp_groups(x, whole, 1, hit, base, ahead, partial, NULL, store, far);
    else if (store)
        row_exp_groups(x, whole, 0, hit, base, ahead, partial, NULL, store, far);
    else if (hit >= 0)
        row_exp_groups(x, whole, 1, hit, base, ahead, partial, NULL, NULL, 0);
    else
        row_exp_groups(x, whole, 0, hit, base, ahead, partial, NULL, NULL, 0);
    if (whole < n)
        row_exp_group(x + tail, (int)(whole - tail), hit >= whole ? hit - tail : -1, base, partial, gaps,
                      store ? store + tail : NULL);
    return label;
}

/* Adds the sums of a block to those of the row, which the first one starts. */
INLINE void row_widen(const real *partial, int starts, double *restrict sum)
{
    if (starts) {
#pragma omp simd
        for (int l = 0; l < LANES; l++) sum[l] = (double)partial[l];
    } else {
#pragma omp simd
        for (int l = 0; l < LANES; l++) sum[l] += (double)partial[l];
    }
}

/* What is summed of a short row, as in row_state. */
typedef struct {
    double others, left_out, gaps;
} row_sums;

/* The sums of the n classes of a short row, which have no gaps, and whose maximum is `max`. `label` is one of them or
 * -1; `smoothed`, `store` and `far` are as above. With `pivot` terms of the maximum are counted, and one of them is
 * what is left out. */
INLINE row_sums row_blocks(const real *x, int64_t n, real max, int64_t label, int pivot, int smoothed,
                           memory_ahead ahead, real *store, uintptr_t far)
{
    const int pivots = pivot && max > -INFINITY;
    const real base = max == -INFINITY ? 0 : max;
    row_sums sums = {0, 0, 0};
    ALIGNED double sum[LANES], gap_sum[LANES];
    double ties = 0;
    for (int64_t first = 0; first < n; first += BLOCK, ahead.data += (uintptr_t)(BLOCK / LANES * ahead.step)) {
        ALIGNED real partial[LANES] = {0}, gap[LANES];
        const int64_t some = n - first < BLOCK ? n - first : BLOCK, place = label - first;
        const int64_t hit = place >= 0 && place < some ? place : -1;
        for (int l = 0; smoothed && l < LANES; l++) gap[l] = 0;
        if (pivots)
            ties += row_exp_pivots(x + first, some, max, ahead, partial);
        else
            sums.left_out += (double)row_exps(x + first, some, hit, base, ahead, partial, smoothed ? gap : NULL,
                                              store ? store + first : NULL, far);
        row_widen(partial, first == 0, sum);
        if (smoothed) row_widen(gap, first == 0, gap_sum);
    }
    if (pivots) {
        sum[0] += (ties - 1) * EXP_SCALE;
        sums.left_out = max < INFINITY ? EXP_SCALE : (double)NAN;
    }
    FOLD(sum, SUM);
    sums.others = sum[0];
    if (!smoothed) return sums;
    FOLD(gap_sum, SUM);
    sums.gaps = gap_sum[0];
    return sums;
}

/* n <= BLOCK classes, `hit` the index among them of the label, or -1. With `pivot` there is no label: terms of a new
 * maximum are counted, and one of them is what is left out. Exponentials to `store` unless NULL (`far` as above);
 * `smoothed`: gaps are summed, too. */
static void row_block(row_state *state, const real *x, int64_t n, real max, int64_t hit, int pivot, int smoothed,
                      memory_ahead ahead, real *store, uintptr_t far)
{
    if (max > state->max) {
        const double gap = (double)state->max - (double)max, small = (double)GAP_UNIT;
        state->moved += (double)state->seen * (base_of((double)state->max) * small - (double)max * small);
        if (state->max > -INFINITY) { /* else all are 0 */
            state->others = times_exp(state->others, gap);
            state->left_out = times_exp(state->left_out, gap);
#pragma omp simd
            for (int l = 0; l < LANES; l++) state->open[l] = times_exp(state->open[l], gap);
        }
        state->max = max;
        if (pivot) { /* the last one joins the others */
            ALIGNED real partial[LANES] = {0};
            state->open[0] += state->left_out + (row_exp_pivots(x, n, max, ahead, partial) - 1) * EXP_SCALE;
            state->left_out = max < INFINITY ? EXP_SCALE : (double)NAN;
            row_widen(partial, 0, state->open);
            return;
        }
    }
    /* -inf - -inf is NaN: while only -inf was seen any finite base gives the zeros that are meant. */
    const real base = state->max == -INFINITY ? 0 : state->max;
    ALIGNED real partial[LANES] = {0}, gaps[LANES];
    for (int l = 0; smoothed && l < LANES; l++) gaps[l] = 0;
    state->left_out += (double)row_exps(x, n, hit, base, ahead, partial, smoothed ? gaps : NULL, store, far);
    row_widen(partial, 0, state->open);
    if (!smoothed) return;
    state->seen += n;
    row_widen(gaps, 0, state->gaps);
}

/* The row itself if classes are contiguous in the type of the kernel, else NULL. */
INLINE real *row_direct(const row_view *row)
{
    return row->stride == 1 && row->dtype == REAL_DTYPE ? (real *)row->data + row->offset : NULL;
}

/* n classes from `first`: in place where possible, else copied to `buffer` (LANES + BLOCK long, for a short last group
 * reaches back). */
INLINE const real *row_gather(const row_view *row, int64_t first, int64_t n, real *buffer)
{
    const real *direct = row_direct(row);
    if (direct && n >= LANES) return direct + first;
    load_reals(row->data, row->dtype, row->offset + first * row->stride, row->stride, n, buffer + LANES);
    return buffer + LANES;
}

/* The memory that is needed soon after classes from `first`: hardware stops at every change from one pass over a block
 * to the next. */
INLINE memory_ahead row_ahead(const row_view *row, int64_t first)
{
    const int64_t size = bytes_of(row->dtype);
    const memory_ahead ahead = {address_of(row->data, (row->offset + (first + AHEAD) * row->stride) * size), 0,
                                LANES * row->stride * size, LATER_BYTES};
    return ahead;
}

static int row_has_nan(const row_view *row, int64_t begin, int64_t end)
{
    int found = 0;
    for (int64_t j = begin; j < end; j++) {
        const real x = load_real(row->data, row->dtype, row->offset + j * row->stride);
        found |= x != x;
    }
    return found;
}

/* The terms shared x (max - z_j) of classes whose z_j - max, times GAP_UNIT, add up to `gaps`. */
INLINE double row_terms(const closs_softmax_args *args, double gaps)
{
    const double shared = shared_target(args);
    return shared == 0 ? 0 : shared / (double)GAP_UNIT * (0 - gaps);
}

/* The state of classes [begin, end), from their sums. */
static void row_end(closs_softmax_part *part, const closs_softmax_args *args, const row_view *row, int64_t begin,
                    int64_t end, double max, const row_sums *sums)
{
    closs_softmax_state *state = &part->state;
    state_clear(state, args, EXP_SCALE);
    state->max = max;
    state->others = sums->others;
    state->left_out = sums->left_out;
    /* Of use where the pivot was left out: then it is exact. */
    state->rest = sums->others + (sums->left_out - state->unit);
    if (args->label_smoothing != 0) {
        state->terms = row_terms(args, sums->gaps);
        state->weight = shared_target(args) * (double)(end - begin);
    }
    if (!leaves_out_pivot(args)) return;
    state->has_nan = max == INFINITY ? row_has_nan(row, begin, end) : state->rest != state->rest;
}

/* The state of classes [begin, end), at most CLOSS_PART of them. Exponentials go to `store` (+ class) unless NULL. What
 * will be `written` (unless NULL) only when the row is summed is fetched meanwhile. */
static void row_part(closs_softmax_part *part, const closs_softmax_args *args, const row_view *row,
                     const row_view *written, int64_t begin, int64_t end, int64_t label, real *store)
{
    const int pivot = leaves_out_pivot(args), smoothed = args->label_smoothing != 0;
    const uintptr_t far = fetches_far(args) ? LATER_BYTES : 0;
    ALIGNED real buffer[2][LANES + BLOCK];
    for (int l = 0; l < LANES; l++) buffer[0][l] = buffer[1][l] = 0;
    row_state state;
    state.max = -INFINITY;
    state.others = state.left_out = 0;
    state.seen = 0;
    state.moved = 0;
    for (int l = 0; l < LANES; l++) state.open[l] = state.gaps[l] = 0;
    int64_t n = end - begin < BLOCK ? end - begin : BLOCK;
    const real *x = row_gather(row, begin, n, buffer[0]);
    real max = row_max(x, n);
    for (int64_t first = begin, b = 0; first < end; b++) {
        const int64_t hit = label >= first && label < first + n ? label - first : -1;
        for (int64_t j = 0; written && j < n; j += 64 / bytes_of(written->dtype))
            PREFETCH((const void *)address_of(written->data, (written->offset + first + j) * bytes_of(written->dtype)));
        /* The maximum of the next block is found before it is waited for. */
        const int64_t left = end - first - n, more = left < BLOCK ? left : BLOCK;
        const real *next = more > 0 ? row_gather(row, first + n, more, buffer[(b + 1) % 2]) : x;
        const real next_max = more > 0 ? row_max(next, more) : max;
        row_block(&state, x, n, max, hit, pivot, smoothed, row_ahead(row, first), store ? store + first : NULL, far);
        part->block_max[b] = (double)state.max;
        first += n, n = more, x = next, max = next_max;
    }
    FOLD(state.open, SUM);
    FOLD(state.gaps, SUM);
    const row_sums sums = {state.others + state.open[0], state.left_out, state.gaps[0] + state.moved};
    row_end(part, args, row, begin, end, (double)state.max, &sums);
    part->stored = store != NULL;
}

/* Whether a product of share and weight would overflow or lose digits as a `real`, as with weights near the ends of its
 * range; also zeros and NaN. */
INLINE int is_extreme(double factor)
{
    return !((fabs(factor) >= REAL_TINY) & (fabs(factor) <= REAL_MAX));
}

/* target[j] = source[j] share weight: source holds exponentials. The product of both factors is taken first if it
 * can. */
INLINE void row_scale(const real *source, real *target, int64_t n, double share, double weight)
{
    const double factor = share * weight;
    if (!is_extreme(factor)) {
        const real both = (real)factor;
#pragma omp simd
        for (int64_t j = 0; j < n; j++) target[j] = source[j] * both;
    } else {
        for (int64_t j = 0; j < n; j++) target[j] = (real)((double)source[j] * share * weight);
    }
}

/* The same less what all classes have as a target. */
static OUT_OF_LINE void row_scale_less(const real *source, real *target, int64_t n, double share, double weight,
                                       double less)
{
    const double factor = share * weight;
    if (!is_extreme(factor) && !is_extreme(less)) {
        const real both = (real)factor, shared = (real)less;
#pragma omp simd
        for (int64_t j = 0; j < n; j++) target[j] = source[j] * both - shared;
    } else {
        for (int64_t j = 0; j < n; j++) target[j] = (real)((double)source[j] * share * weight - less);
    }
}

/* The gradient of the label, from the sum of the other classes, its own term and the inverse of both. With smoothing
 * what is near 1 is left to cancel exactly. */
INLINE real label_gradient(const closs_softmax_args *args, double others, double left_out, double share, double weight)
{
    if (args->label_smoothing == 0) return (real)(0.0 - others * share * weight);
    const double smoothing = args->label_smoothing, shared = shared_target(args), p = left_out * share;
    return (real)((p > 0.5 ? (smoothing - shared) - others * share : p - ((1 - smoothing) + shared)) * weight);
}

/* Where n results from `first` are made: in their place, or in `results` until row_put brings them there. */
INLINE real *row_place(const row_view *row, const stream_writer *stream, int64_t first, real *results)
{
    real *direct = stream ? NULL : row_direct(row);
    return direct ? direct + first : results;
}

/* n <= BLOCK of them. */
static OUT_OF_LINE void row_put(const real *made, const row_view *row, stream_writer *stream, int64_t first, int64_t n)
{
    const size_t size = (size_t)bytes_of(row->dtype), bytes = (size_t)n * size;
    char *target = (char *)row->data + (row->offset + first * row->stride) * (int64_t)size;
    ALIGNED uint16_t halves[BLOCK];
    const int rounded = stream && row->dtype != REAL_DTYPE;
    if ((const char *)made == target) return;
    if (!stream || rounded)
        store_reals(made, n, rounded ? halves : row->data, row->dtype, rounded ? 0 : row->offset + first * row->stride,
                    rounded ? 1 : row->stride);
    if (stream) stream_bytes(stream, target, rounded ? (const void *)halves : made, bytes);
}

/* Classes [begin, end) of gradient = weight x (softmax - onehot), from the state of the part that they are, or NULL if
 * that was not kept, and of the row. `exps` holds the exponentials (+ class) of a part that stored them. */
static void row_gradient(const closs_softmax_args *args, const closs_softmax_part *part,
                         const closs_softmax_state *total, const real *exps, const row_view *row, const row_view *grad,
                         stream_writer *stream, int64_t begin, int64_t end, int64_t label, double weight)
{
    ALIGNED real buffer[LANES + BLOCK], results[BLOCK];
    const double share = 1.0 / (total->others + total->left_out);
    const double less = args->label_smoothing != 0 ? shared_target(args) * weight : 0;
    const real lowest = exp_lowest();
    real max = -INFINITY;
    for (int64_t first = begin, b = 0; first < end; first += BLOCK, b++) {
        const int64_t n = end - first < BLOCK ? end - first : BLOCK;
        const int stored = part && part->stored;
        const real *x = stored ? NULL : row_gather(row, first, n, buffer);
        const real here = part ? (real)part->block_max[b] : is_short_row(args) ? (real)total->max : row_max(x, n);
        max = here > max ? here : max;
        const double gap = (double)max - total->max;
        const double rescaled = gap == 0 ? weight : times_exp(weight, gap), factor = share * rescaled;
        const int later = stored || less != 0 || is_extreme(factor);
        const real base = max == -INFINITY ? 0 : max, both = (real)(later ? 1.0 : factor);
        real *to = row_place(grad, stream, first, results);
        if (!stored) {
#pragma omp simd
            for (int64_t j = 0; j < n; j++) to[j] = exp_above(x[j] - base, lowest) * both;
        }
        const real *source = stored ? exps + first : to;
        if (less != 0)
            row_scale_less(source, to, n, share, rescaled, less);
        else if (later)
            row_scale(source, to, n, share, rescaled);
        if (label >= first && label < first + n)
            to[label - first] = label_gradient(args, total->others, total->left_out, share, weight);
        row_put(to, grad, stream, first, n);
    }
}

/* Classes [begin, end) of (z - max) - log. */
static void row_log_softmax(const row_view *row, const row_view *result, stream_writer *stream, int64_t begin,
                            int64_t end, real max, real log)
{
    ALIGNED real buffer[LANES + BLOCK], logs[BLOCK];
    for (int64_t first = begin; first < end; first += BLOCK) {
        const int64_t n = end - first < BLOCK ? end - first : BLOCK;
        const real *x = row_gather(row, first, n, buffer);
        real *to = row_place(result, stream, first, logs);
#pragma omp simd
        for (int64_t j = 0; j < n; j++) to[j] = (x[j] - max) - log;
        row_put(to, result, stream, first, n);
    }
}

static void row_zero(const row_view *grad, stream_writer *stream, int64_t begin, int64_t end)
{
    ALIGNED static const real zeros[BLOCK] = {0};
    for (int64_t first = begin; first < end; first += BLOCK)
        row_put(zeros, grad, stream, first, end - first < BLOCK ? end - first : BLOCK);
}

/* What `write` does with one stretch of the results. */
static void row_write(const closs_softmax_args *args, const closs_softmax_part *part, const closs_softmax_state *total,
                      const real *exps, const row_view *row, const row_view *grad, stream_writer *stream, int64_t begin,
                      int64_t end, int64_t label, double weight)
{
    if (weight == 0)
        row_zero(grad, stream, begin, end);
    else if (args->result == CLOSS_LOG_SOFTMAX)
        row_log_softmax(row, grad, stream, begin, end, (real)total->max,
                        log1p_positive((real)(total->rest / total->unit)));
    else
        row_gradient(args, part, total, exps, row, grad, stream, begin, end, label, weight * derivative_scale(args));
}

/* What the value of a row is made of: it is log1p(*rest) + *gap. */
INLINE void row_value(const closs_softmax_args *args, const closs_softmax_state *total, real at_label, real *rest,
                      real *gap)
{
    *gap = (real)total->max;
    if (args->result == CLOSS_LOGSUMEXP) {
        *rest = (real)(total->rest < 0 ? 0 : total->rest / total->unit); /* without any finite term: -unit */
        if (*gap == INFINITY) *rest = total->has_nan ? (real)NAN : 0;
    } else { /* at the maximum the label's term is exactly 1 */
        *rest = (real)(total->others / total->unit + (total->left_out / total->unit - 1));
        *gap -= at_label;
        if (args->label_smoothing != 0) *gap = (real)smoothed_gap(args, total->max, (double)at_label, total->terms);
    }
}
