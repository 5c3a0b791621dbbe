/* softmax_lanes.h: the softmax family with lanes along the samples, for few classes (up to CHUNK of them, classes
 * fastest) and for any number where the class axis is not the fastest in memory. Formulas: see softmax_rows.h.
 *
 * Logits are read as x[class x stride + lane]. Where the samples are neighbours that is the array itself; elsewhere
 * they are copied, transposed, to a tile. Up to WIDE samples are worked on at a time, so that what is done once a
 * sample (labels, logarithm, division) is vector code too, and no step waits for the one before it.
 *
 * Passes: classes come in chunks of CHUNK: the maximum of each lane over the chunk, then its exponentials while the
 * chunk is in cache; sums are rescaled where the maximum grew. Up to CHUNK classes the exponentials are kept for the
 * gradient, in the tile or where that will be; with more of them, and of neighbours where caches could not hold them,
 * they are computed again, relative to the final maximum: the same numbers.
 *
 * Accumulators: 32 classes in two sums of `real` a lane, then in double: chunks, and subtotals of 32 chunks. A lane is
 * a sample, so its order of additions does not depend on how many lanes a loop takes at a time (STEP).
 *
 * Error and special values: as softmax_rows.h.
 */
#define lanes_state KERNEL(lanes_state)
#define class_number KERNEL(class_number)
#define lanes_begin KERNEL(lanes_begin)
#define lanes_max KERNEL(lanes_max)
#define lanes_max_of_four KERNEL(lanes_max_of_four)
#define lanes_sum KERNEL(lanes_sum)
#define lanes_chunk KERNEL(lanes_chunk)
#define lanes_finish KERNEL(lanes_finish)
#define lanes_write KERNEL(lanes_write)
#define lanes_output KERNEL(lanes_output)
#define tile_ahead KERNEL(tile_ahead)
#define softmax_tile KERNEL(softmax_tile)
#define softmax_lanes KERNEL(softmax_lanes)

#ifndef CLOSS_LANE_SIZES
#define CLOSS_LANE_SIZES
enum {
    WIDEN = 32,        /* classes summed in `real` */
    SUBTOTAL = 32,     /* chunks */
    LOOK = 4,          /* classes among which a label's is looked for */
    AHEAD_CLASSES = 4, /* of what is fetched for the output */
    MOST_AHEAD = 49152 /* bytes of neighbours: nothing is fetched while more are worked on, to push them out of caches,
                        * above all where classes are a power of two apart (1000 x 16384, class axis first: x1.8) */
};
enum { LANES_OF_EXPS, LANES_OF_LOGITS, LANES_OF_LOGS };
#define FOUR(i) i, i + 1, i + 2, i + 3
#define SIXTEEN(i) FOUR(i), FOUR(i + 4), FOUR(i + 8), FOUR(i + 12)
#define SIXTY_FOUR(i) SIXTEEN(i), SIXTEEN(i + 16), SIXTEEN(i + 32), SIXTEEN(i + 48)
#endif

#undef TILE
#undef FEW_TILE
#undef GRAD_TILE
#undef CLASS_NUMBERS
#if CLOSS_REAL == 32
#define CLASS_NUMBERS SIXTY_FOUR(0), SIXTY_FOUR(64), SIXTY_FOUR(128)
#else
#define CLASS_NUMBERS SIXTY_FOUR(0), SIXTY_FOUR(64)
#endif
#undef WIDE
#define WIDE (512 / (int)sizeof(real))   /* samples: of neighbours 512 bytes a class keep DRAM pages and the TLB busy */
#define TILE (24576 / (int)sizeof(real)) /* elements of a tile, as many as a stack has room for */
#define FEW_TILE (CHUNK * BATCH)
#define GRAD_TILE (128 * BATCH)

/* Aligned, because gcc peels loops to the first aligned element otherwise, and leaves most of a short one scalar. */
typedef struct {
    ALIGNED int64_t logits[WIDE]; /* offsets in elements */
    ALIGNED int64_t grad[WIDE];
    ALIGNED int64_t values[WIDE];
    ALIGNED int64_t label[WIDE]; /* or -1 */
    ALIGNED double weight[WIDE];
    ALIGNED real at_label[WIDE];
    ALIGNED real max[WIDE];
    ALIGNED double others[WIDE]; /* sums without the label's term, times 2^EXP_BIAS: whole subtotals */
    ALIGNED double open[WIDE];   /* the subtotal of the last chunks */
    ALIGNED double ties[WIDE];   /* terms of the maximum, where these are counted and not summed */
    ALIGNED double share[WIDE];  /* 1 / (sum with the label's term) */
    ALIGNED real value[WIDE];
    int64_t count; /* samples */
    int64_t width; /* lanes: count, rounded up to a multiple of BATCH */
    int labelled;  /* whether samples have labels */
} lanes_state;

/* Takes the next `count` samples. Lanes without a sample repeat the first one, and count for nothing. */
static void lanes_begin(lanes_state *state, const closs_softmax_args *args, sample_cursor *cursor, int64_t count)
{
    state->labelled = args->labels.data != NULL;
    state->count = count;
    state->width = (count + BATCH - 1) / BATCH * BATCH;
    for (int64_t done = 0; done < count;) {
        const sample_run run = next_run(args, cursor, count - done);
        for (int64_t i = 0; i < run.count; i++) {
            state->logits[done + i] = run.first.logits + i * run.step.logits;
            state->grad[done + i] = run.first.grad + i * run.step.grad;
            state->values[done + i] = run.first.values + i * run.step.values;
        }
        labels_and_weights(args, &run, state->label + done, state->weight + done);
        done += run.count;
    }
    for (int64_t l = count; l < state->width; l++) {
        state->logits[l] = state->logits[0];
        state->label[l] = -1;
        state->weight[l] = 0;
    }
    for (int64_t l = 0; l < state->width; l++) {
        state->at_label[l] = state->max[l] = -INFINITY;
        state->others[l] = state->open[l] = state->ties[l] = 0;
    }
}

/* The larger of four vectors of STEP lanes and of n fours, `step` elements from one to the next and `beside` within.
 * One vector alone would wait for the one before it. */
INLINE void lanes_max_of_four(const real *x, int64_t step, int64_t n, int64_t beside, real max[4][STEP])
{
#define LARGER(k) x[j * step + (k) * beside + l] > max[k][l] ? x[j * step + (k) * beside + l] : max[k][l]
    for (int64_t j = 0; j < n; j++) {
#pragma omp simd
        for (int l = 0; l < STEP; l++) {
            max[0][l] = LARGER(0);
            max[1][l] = LARGER(1);
            max[2][l] = LARGER(2);
            max[3][l] = LARGER(3);
        }
    }
#undef LARGER
}

/* max[l] = max(max[l], x[j][l]) over n classes of `width` lanes: of lanes four vectors together, and of the last ones
 * four classes. (memcpy is done by pieces smaller than a vector, which are waited for.) */
INLINE void lanes_max(const real *x, int64_t stride, int64_t n, int64_t width, real *max)
{
    ALIGNED real four[4][STEP];
    int64_t v = 0;
    for (; v + 4 * STEP <= width; v += 4 * STEP) {
        for (int k = 0; k < 4; k++)
            for (int l = 0; l < STEP; l++) four[k][l] = max[v + k * STEP + l];
        lanes_max_of_four(x + v, stride, n, STEP, four);
        for (int k = 0; k < 4; k++)
            for (int l = 0; l < STEP; l++) max[v + k * STEP + l] = four[k][l];
    }
    for (; v < width; v += STEP) {
        for (int k = 0; k < 4; k++)
            for (int l = 0; l < STEP; l++) four[k][l] = max[v + l];
        lanes_max_of_four(x + v, 4 * stride, n / 4, stride, four);
        for (int64_t j = n / 4 * 4; j < n; j++)
            for (int l = 0; l < STEP; l++)
                four[0][l] = x[j * stride + v + l] > four[0][l] ? x[j * stride + v + l] : four[0][l];
#pragma omp simd
        for (int l = 0; l < STEP; l++) {
            const real low = four[1][l] > four[0][l] ? four[1][l] : four[0][l];
            const real high = four[3][l] > four[2][l] ? four[3][l] : four[2][l];
            max[v + l] = high > low ? high : low;
        }
    }
}

/* Of a chunk, as numbers to compare with: to convert them costs more than to load them. */
static const real class_number[CHUNK] = {CLASS_NUMBERS};

/* Adds the exponentials of n classes of STEP lanes to total, without those of the labels, which count from the first of
 * these classes; or with `pivot` without those of the maximum, `base`, which are counted. All go to `store` unless it
 * is NULL. */
INLINE void lanes_sum(const real *x, int64_t stride, int64_t n, const int pivot, const real *label, const real *base,
                      double *restrict total, double *restrict ties, real *store, int64_t store_stride,
                      memory_ahead next, memory_ahead target)
{
#define ADD_CLASS(j, sum)                                                                                              \
    _Pragma("omp simd") for (int l = 0; l < STEP; l++)                                                                 \
    {                                                                                                                  \
        const real e = exp_above(x[(j) * stride + l] - base[l], lowest);                                               \
        const int left_out = pivot ? x[(j) * stride + l] == base[l] : label[l] == class_number[j];                     \
        const real other = left_out ? 0 : e, one = left_out ? 1 : 0;                                                   \
        if (store) store[(j) * store_stride + l] = e;                                                                  \
        sum[l] += other;                                                                                               \
        if (pivot) count[l] += one;                                                                                    \
    }
    const real lowest = exp_lowest();
    for (int64_t first = 0; first < n; first += WIDEN) {
        const int64_t end = n - first < WIDEN ? n : first + WIDEN;
        ALIGNED real even[STEP] = {0}, odd[STEP] = {0}, count[STEP] = {0};
        int64_t j = first;
        for (; j + 1 < end; j += 2) {
            fetch(next, j, STEP * sizeof(real));
            fetch(next, j + 1, STEP * sizeof(real));
            if (store || pivot) {
                fetch(target, j, STEP * sizeof(real));
                fetch(target, j + 1, STEP * sizeof(real));
            }
            ADD_CLASS(j, even)
            ADD_CLASS(j + 1, odd)
        }
        if (j < end) ADD_CLASS(j, even)
#pragma omp simd
        for (int l = 0; l < STEP; l++) total[l] += (double)even[l] + (double)odd[l];
        for (int l = 0; pivot && l < STEP; l++) ties[l] += (double)count[l];
    }
#undef ADD_CLASS
}

/* Sums of the chunk of n classes that begins with class `first`. */
INLINE void lanes_chunk(lanes_state *state, int pivot, const real *x, int64_t stride, int64_t first, int64_t n,
                        int64_t classes, memory_ahead next, memory_ahead target, real *store, int64_t store_stride)
{
    const int last = first / CHUNK % SUBTOTAL == SUBTOTAL - 1 || first + n == classes;
    const double unit = (double)((bits_t)1 << EXP_BIAS);
    const int64_t width = state->width;
    ALIGNED real before[WIDE], label[WIDE];
    if (first > 0) memcpy(before, state->max, (size_t)width * sizeof(real));
    lanes_max(x, stride, n, width, state->max);
    for (int64_t v = 0; v < width; v += BATCH) {
#pragma omp simd
        for (int l = 0; l < BATCH; l++) { /* as numbers: SSE2 compares no 64-bit integers */
            const int64_t place = state->label[v + l] - first;
            label[v + l] = (real)(place < 0 || place >= n ? -1 : place);
        }
    }
    for (int64_t v = 0; v < width && n <= LOOK && state->labelled; v += BATCH) {
        ALIGNED real found[BATCH];
        for (int l = 0; l < BATCH; l++) found[l] = state->at_label[v + l];
        for (int64_t j = 0; j < n; j++) {
#pragma omp simd
            for (int l = 0; l < BATCH; l++)
                found[l] = label[v + l] == class_number[j] ? x[j * stride + v + l] : found[l];
        }
        for (int l = 0; l < BATCH; l++) state->at_label[v + l] = found[l];
    }
    for (int64_t l = 0; l < state->count && n > LOOK && state->labelled; l++) {
        const uint64_t place = (uint64_t)state->label[l] - (uint64_t)first;
        if (place < (uint64_t)n) state->at_label[l] = x[(int64_t)place * stride + l];
    }
    if (first > 0) {
        for (int64_t l = 0; l < width; l++) {
            if (before[l] == state->max[l]) continue;
            const double gap = (double)before[l] - (double)state->max[l];
            state->open[l] += state->ties[l] * unit; /* they join the others */
            state->ties[l] = 0;
            state->others[l] = times_exp(state->others[l], gap);
            state->open[l] = times_exp(state->open[l], gap);
        }
    }
    for (int64_t v = 0; v < width; v += STEP) {
        ALIGNED real base[STEP]; /* finite where only -inf was seen: -inf - -inf is NaN, and zeros are meant */
#pragma omp simd
        for (int l = 0; l < STEP; l++) base[l] = state->max[v + l] == -INFINITY ? 0 : state->max[v + l];
        double *total = state->open + v, *ties = state->ties + v;
#define SUM(pivot, store, store_stride)                                                                                \
    lanes_sum(x + v, stride, n, pivot, label + v, base, total, ties, store, store_stride, from_lane(next, v),          \
              from_lane(target, v))
        if (pivot)
            SUM(1, NULL, 0);
        else if (store)
            SUM(0, store + v, store_stride);
        else
            SUM(0, NULL, 0);
#undef SUM
    }
    if (!last) return;
#pragma omp simd
    for (int64_t l = 0; l < width; l++) {
        state->others[l] += state->open[l];
        state->open[l] = 0;
    }
}

/* Values, not yet weighted (of log_softmax the logarithm to subtract), and for a gradient shares, from finished
 * sums. */
INLINE void lanes_finish(lanes_state *state, closs_softmax_result result, int shares)
{
    const int pivot = result == CLOSS_LOGSUMEXP || result == CLOSS_LOG_SOFTMAX;
    for (int64_t l = 0; pivot && l < state->width; l++) { /* one of the maxima is the label */
        state->at_label[l] = state->max[l];
        state->others[l] += state->ties[l] > 1 ? (state->ties[l] - 1) / (double)EXP_UNIT : 0;
    }
    for (int64_t v = 0; v < state->width; v += BATCH) {
        ALIGNED real label[BATCH], rest[BATCH];
#pragma omp simd
        for (int l = 0; l < BATCH; l++) label[l] = exp_scaled(state->at_label[v + l] - state->max[v + l]);
#pragma omp simd
        for (int l = 0; l < BATCH; l++) /* at the maximum the label's term is exactly 1 */
            rest[l] = (real)(state->others[v + l] * EXP_UNIT + ((double)label[l] * EXP_UNIT - 1));
        if (result == CLOSS_LOGSUMEXP) {
            for (int l = 0; l < BATCH; l++)
                state->value[v + l] = state->max[v + l] + log1p_positive((real)(state->others[v + l] * EXP_UNIT));
            continue;
        }
        if (shares) {
#pragma omp simd
            for (int l = 0; l < BATCH; l++) state->share[v + l] = 1.0 / (state->others[v + l] + (double)label[l]);
        }
        if (result == CLOSS_SOFTMAX) continue;
#pragma omp simd
        for (int l = 0; l < BATCH; l++)
            state->value[v + l] = log1p_positive(rest[l]) + (state->max[v + l] - state->at_label[v + l]);
    }
}

/* What is written of n classes, from class `first`, of `width` lanes from `lane`: (x - max) - value for log_softmax;
 * else exponentials times a factor, which x holds already or which are computed from logits. Where x holds logits,
 * `next` and `ahead` are fetched. Returns whether a factor is extreme: then it was 1. */
INLINE int lanes_write(const lanes_state *state, int64_t lane, const int64_t width, const int what, double scale,
                       int64_t first, const real *x, int64_t stride, real *target, int64_t target_stride, int64_t n,
                       memory_ahead next, memory_ahead ahead)
{
    const real lowest = exp_lowest();
    int special = 0;
    ALIGNED real max[WIDE], value[WIDE], factor[WIDE], at_label[WIDE];
    for (int64_t v = 0; v < width; v += BATCH) {
        const int64_t from = lane + v;
        if (what != LANES_OF_EXPS) {
#pragma omp simd
            for (int l = 0; l < BATCH; l++) max[v + l] = state->max[from + l], value[v + l] = state->value[from + l];
        }
        if (what == LANES_OF_LOGS) continue;
#pragma omp simd reduction(| : special)
        for (int l = 0; l < BATCH; l++) {
            const double both = state->share[from + l] * (state->weight[from + l] * scale);
            const int extreme = is_extreme(both);
            factor[v + l] = (real)(extreme ? 1.0 : both);
            special |= extreme;
        }
        if (!state->labelled) continue;
#pragma omp simd
        for (int l = 0; l < BATCH; l++)
            at_label[v + l] =
                (real)(0.0 - state->others[from + l] * state->share[from + l] * (state->weight[from + l] * scale));
    }
    for (int64_t j = 0; j < n; j++)
        for (int64_t v = 0; v < width; v += BATCH) {
            const real *from = x + j * stride + v;
            real *to = target + j * target_stride + v;
            if (what != LANES_OF_EXPS) {
                fetch(from_lane(next, v), j, BATCH * sizeof(real));
                fetch(from_lane(ahead, v), j, BATCH * sizeof(real));
            }
#pragma omp simd
            for (int l = 0; l < BATCH; l++) {
                if (what == LANES_OF_LOGS)
                    to[l] = (from[l] - max[v + l]) - value[v + l];
                else if (what == LANES_OF_EXPS)
                    to[l] = from[l] * factor[v + l];
                else
                    to[l] = exp_above(from[l] - max[v + l], lowest) * factor[v + l];
            }
        }
    for (int l = 0; what != LANES_OF_LOGS && state->labelled && l < width; l++) {
        int64_t place = state->label[lane + l] - first;
        KEEP_SCALAR(place);
        if (place >= 0 && place < n) target[place * target_stride + l] = at_label[l];
    }
    return special;
}

/* The same of all lanes: a few at a time where x is its own target, because they stay in the first cache; else class by
 * class. */
INLINE void lanes_output(const lanes_state *state, const int what, double scale, int64_t first, const real *x,
                         int64_t stride, real *target, int64_t target_stride, int64_t n, memory_ahead next,
                         memory_ahead ahead)
{
    int special = 0;
    if (x != target)
        special =
            lanes_write(state, 0, state->width, what, scale, first, x, stride, target, target_stride, n, next, ahead);
    for (int64_t v = 0; x == target && v < state->width; v += BATCH)
        special |= lanes_write(state, v, BATCH, what, scale, first, x + v, stride, target + v, target_stride, n,
                               from_lane(next, v), from_lane(ahead, v));
    for (int64_t l = 0; special && l < state->width; l++) {
        const double share = state->share[l], weight = state->weight[l] * scale;
        const int64_t label = state->label[l] - first;
        if (!is_extreme(share * weight)) continue;
        for (int64_t j = 0; j < n; j++) {
            real *entry = &target[j * target_stride + l];
            /* A sample of weight 0 is absent, whatever its logits made of it. */
            *entry = state->weight[l] == 0 ? 0 : j == label ? *entry : (real)((double)*entry * share * weight);
        }
    }
}

/* Classes from `first` of the samples of a tile, or of those behind them, in an array; where samples have no gaps or
 * are neighbours. */
INLINE memory_ahead tile_ahead(const lanes_state *state, const closs_softmax_args *args, const void *data,
                               closs_dtype dtype, const int64_t *offset, int64_t stride, int64_t first, int behind)
{
    const int64_t size = bytes_of(dtype), behind_them = state->width * (stride == 1 ? args->classes : 1);
    const uintptr_t begin = address_of(data, (offset[0] + first * stride + (behind ? behind_them : 0)) * size);
    const memory_ahead packed = {begin, args->classes * size, STEP * size, LATER_BYTES};
    const memory_ahead beside = {line_of(begin, state->width * size), size, stride * size,
                                 later_beside(stride * size, args->classes)};
    return stride == 1 ? packed : beside;
}

/* Samples anywhere in memory, by way of a tile; or with `beside` whole batches of neighbours of this type, where they
 * lie. */
static void softmax_tile(lanes_state *state, const closs_softmax_args *args, int beside)
{
    const int64_t classes = args->classes, width = state->width;
    const int pivot = leaves_out_pivot(args), has_grad = args->grad.data != NULL;
    const int64_t stride = class_stride_of(args->logits.strides, args->ndim);
    const int64_t grad_stride = class_stride_of(args->grad.strides, args->ndim);
    /* Classes a multiple of 2 KB apart share so few sets of a cache that exponentials kept there push each other
     * out. */
    const int crowded = beside && grad_stride * (int64_t)sizeof(real) % 2048 == 0;
    const int keep = has_grad && !pivot && classes <= CHUNK && !crowded;
    const real *logits = beside ? (const real *)args->logits.data + state->logits[0] : NULL;
    real *grad = beside && has_grad ? (real *)args->grad.data + state->grad[0] : NULL;
    ALIGNED real tile[TILE];
    real *exps = beside && keep ? grad : tile;
    const int64_t exps_stride = exps == tile ? width : grad_stride;
    for (int64_t first = 0; first < classes; first += CHUNK) {
        const int64_t n = classes - first < CHUNK ? classes - first : CHUNK;
        const int more = first + n < classes;
        const memory_ahead nowhere = {(uintptr_t)tile, 0, 0, 0};
        const int ahead = !beside || keep || n * width * (int64_t)sizeof(real) <= MOST_AHEAD;
        memory_ahead next = nowhere, target = nowhere;
        if (ahead)
            next = tile_ahead(state, args, args->logits.data, args->dtype, state->logits, stride, more ? first + n : 0,
                              !more);
        if (ahead && has_grad)
            target = tile_ahead(state, args, args->grad.data, grad_dtype(args), state->grad, grad_stride, first, 0);
        if (exps == grad) target = from_lane(target, BATCH); /* exponentials go there now, too soon for a fetch */
        if (!beside)
            tile_load(args->logits.data, args->dtype, state->logits, stride, state->count, width, first, n, tile);
        lanes_chunk(state, pivot, beside ? logits + first * stride : tile, beside ? stride : width, first, n, classes,
                    next, target, keep ? exps : NULL, exps_stride);
    }
    lanes_finish(state, args->result, has_grad);
    for (int64_t first = 0; has_grad && first < classes; first += CHUNK) {
        const int64_t n = classes - first < CHUNK ? classes - first : CHUNK;
        const int again = beside && !keep;
        const real *from = again ? logits + first * stride : exps;
        const int64_t from_stride = again ? stride : exps_stride, to_stride = beside ? grad_stride : width;
        real *to = beside ? grad + first * grad_stride : tile;
        memory_ahead next =
            tile_ahead(state, args, args->logits.data, args->dtype, state->logits, stride, first + AHEAD_CLASSES, 0);
        memory_ahead target = tile_ahead(state, args, args->grad.data, grad_dtype(args), state->grad, grad_stride,
                                         first + AHEAD_CLASSES, 0);
        if (beside) next.later = target.later = 0; /* it would have left the second cache before it is needed */
        if (classes > CHUNK && !beside)
            tile_load(args->logits.data, args->dtype, state->logits, stride, state->count, width, first, n, tile);
#define OUTPUT(what) lanes_output(state, what, args->scale, first, from, from_stride, to, to_stride, n, next, target)
        if (args->result == CLOSS_LOG_SOFTMAX)
            OUTPUT(LANES_OF_LOGS);
        else if (keep)
            OUTPUT(LANES_OF_EXPS);
        else
            OUTPUT(LANES_OF_LOGITS);
#undef OUTPUT
        if (!beside)
            tile_store(tile, width, state->count, first, n, args->grad.data, grad_dtype(args), state->grad,
                       grad_stride);
    }
}

static void softmax_lanes(const closs_softmax_args *args, int64_t begin, int64_t end, double *sum)
{
    const int64_t stride = class_stride_of(args->logits.strides, args->ndim);
    const int plain = args->result == CLOSS_SOFTMAX || args->result == CLOSS_LOG_SOFTMAX; /* there are no values */
    lanes_state state;
    value_sum values = {{0}, 0};
    sample_cursor cursor = cursor_at(args, begin, end);
    /* Samples of which a tile holds all classes, or a chunk of them: of transposed ones fewer, for room in L1, where
     * gradients take as much again. */
    const int64_t room = stride != 1 ? TILE : args->grad.data ? GRAD_TILE : FEW_TILE;
    const int64_t chunk = args->classes > CHUNK ? CHUNK : args->classes + (args->classes == 0);
    const int64_t whole = room / chunk / BATCH * BATCH, fit = whole > WIDE ? WIDE : whole < BATCH ? BATCH : whole;
    while (cursor.left > 0) {
        const sample_run *run = &cursor.run;
        const int beside = run->count >= BATCH && args->dtype == REAL_DTYPE && run->step.logits == 1 &&
                           (!args->grad.data || (run->step.grad == 1 && grad_dtype(args) == REAL_DTYPE));
        const int64_t near = run->count < WIDE ? run->count / BATCH * BATCH : WIDE;
        lanes_begin(&state, args, &cursor, beside ? near : samples_to_take(args, &cursor, fit));
        softmax_tile(&state, args, beside);
        for (int64_t l = 0; args->result == CLOSS_LOGSUMEXP && l < state.count; l++) {
            if (state.max[l] != INFINITY) continue;
            const row_view row = {(void *)(uintptr_t)args->logits.data, args->dtype, state.logits[l], stride};
            state.value[l] = row_has_nan(&row, 0, args->classes) ? (real)NAN : INFINITY;
        }
        for (int64_t v = 0; v < state.count && !plain; v += BATCH) {
            const int64_t n = state.count - v < BATCH ? state.count - v : BATCH;
            ALIGNED double value[BATCH];
#pragma omp simd
            for (int l = 0; l < BATCH; l++)
                value[l] = state.weight[v + l] == 0 ? 0.0 : state.weight[v + l] * (double)state.value[v + l];
            if (args->values.data)
                for (int64_t l = 0; l < n; l++) store_value(args, state.values[v + l], value[l]);
            value_sum_add(&values, value, n);
        }
    }
    *sum += value_sum_total(&values);
}
/* Names that the table of kernels.h uses as they are. */
#undef softmax_lanes
