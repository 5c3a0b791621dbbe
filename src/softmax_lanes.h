/* softmax_lanes.h: the softmax family with lanes along the samples, for few classes (up to CHUNK of them, classes
 * fastest) and for any number where the class axis is not the fastest in memory. Formulas: see softmax_rows.h.
 *
 * Logits are read as x[class x stride + lane]. Where the samples are contiguous that is the array itself; elsewhere they
 * are copied, transposed, to a tile. Up to WIDE samples are worked on at a time, so that what is done once a sample
 * (labels, logarithm, division) is vector code too, and no step waits for the one before it.
 *
 * Passes: classes come in chunks of CHUNK: the maximum of each lane over the chunk, then its exponentials while the chunk is
 * in cache; sums are rescaled where the maximum grew. Up to CHUNK classes the exponentials are kept for the gradient; with more
 * of them they are computed again, relative to the final maximum.
 *
 * Accumulators: 32 classes in two sums of `real` a lane, then in double: chunks, and subtotals of 32 chunks. A lane is a
 * sample, so its order of additions does not depend on how many lanes a loop takes at a time (STEP).
 *
 * Error and special values: as softmax_rows.h.
 */
#define lanes_state KERNEL(lanes_state)
#define lanes_begin KERNEL(lanes_begin)
#define lanes_max KERNEL(lanes_max)
#define lanes_sum KERNEL(lanes_sum)
#define lanes_chunk KERNEL(lanes_chunk)
#define lanes_finish KERNEL(lanes_finish)
#define lanes_log_softmax KERNEL(lanes_log_softmax)
#define lanes_gradient KERNEL(lanes_gradient)
#define tile_next KERNEL(tile_next)
#define tile_target KERNEL(tile_target)
#define softmax_tile KERNEL(softmax_tile)
#define softmax_wide KERNEL(softmax_wide)
#define softmax_lanes KERNEL(softmax_lanes)

#ifndef CLOSS_LANE_SIZES
#define CLOSS_LANE_SIZES
enum {
    WIDEN = 32,   /* classes summed in `real` */
    SUBTOTAL = 32 /* chunks */
};
#endif

#undef TILE
#undef WIDE
#define TILE (REAL_DTYPE == CLOSS_F32 ? 3072 : 2048) /* elements of a tile, as many as a stack has room for */
#define WIDE (512 / (int)sizeof(real)) /* samples: in place, 512 bytes a class keep DRAM pages and the TLB busy */

/* Aligned, for gcc peels loops to the first aligned element otherwise, and leaves most of a short one scalar. */
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
} lanes_state;

/* Takes the next `count` samples. Lanes without a sample repeat the first one, and count for nothing. */
static void lanes_begin(lanes_state *state, const closs_softmax_args *args, sample_cursor *cursor, int64_t count)
{
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

/* max[l] = max(max[l], x[j][l]) over n classes of STEP lanes. */
INLINE void lanes_max(const real *x, int64_t stride, int64_t n, real *restrict max)
{
    ALIGNED real lane[STEP];
    for (int l = 0; l < STEP; l++) lane[l] = max[l];
    for (int64_t j = 0; j < n; j++) {
#pragma omp simd
        for (int l = 0; l < STEP; l++) lane[l] = x[j * stride + l] > lane[l] ? x[j * stride + l] : lane[l];
    }
    for (int l = 0; l < STEP; l++) max[l] = lane[l];
}

/* Adds the exponentials of n classes of STEP lanes to total, without those of the labels, which count from the first of
 * these classes; or with `pivot` without those of the maximum, `base`, which are counted. All go to `store` unless it is NULL. */
INLINE void lanes_sum(const real *x, int64_t stride, int64_t n, const int pivot, const real *label, const real *base,
                      double *restrict total, double *restrict ties, real *store, int64_t store_stride,
                      memory_ahead next, memory_ahead target)
{
#define ADD_CLASS(j, sum)                                                                                              \
    _Pragma("omp simd") for (int l = 0; l < STEP; l++)                                                                 \
    {                                                                                                                  \
        const real e = exp_above(x[(j) * stride + l] - base[l], lowest);                                               \
        const int left_out = pivot ? x[(j) * stride + l] == base[l] : label[l] == (real)(j);                           \
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
            fetch_step(next, j, STEP * sizeof(real));
            fetch_step(next, j + 1, STEP * sizeof(real));
            if (store || pivot) {
                fetch_step(target, j, STEP * sizeof(real));
                fetch_step(target, j + 1, STEP * sizeof(real));
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
    ALIGNED real before[WIDE];
    if (first > 0) memcpy(before, state->max, (size_t)state->width * sizeof(real));
    for (int64_t l = 0; l < state->count; l++) { /* before `store` takes its place */
        const uint64_t place = (uint64_t)state->label[l] - (uint64_t)first;
        if (place < (uint64_t)n) state->at_label[l] = x[(int64_t)place * stride + l];
    }
    for (int64_t v = 0; v < state->width; v += STEP) lanes_max(x + v, stride, n, state->max + v);
    if (first > 0) {
        for (int64_t l = 0; l < state->width; l++) {
            if (before[l] == state->max[l]) continue;
            const double gap = (double)before[l] - (double)state->max[l];
            state->open[l] += state->ties[l] * unit; /* they join the others */
            state->ties[l] = 0;
            state->others[l] = times_exp(state->others[l], gap);
            state->open[l] = times_exp(state->open[l], gap);
        }
    }
    for (int64_t v = 0; v < state->width; v += STEP) {
        ALIGNED real base[STEP];
        ALIGNED real label[STEP]; /* as numbers: SSE2 compares no 64-bit integers */
#pragma omp simd
        for (int l = 0; l < STEP; l++) {
            /* -inf - -inf is NaN: while only -inf was seen any finite base gives the zeros that are meant. */
            base[l] = state->max[v + l] == -INFINITY ? 0 : state->max[v + l];
            const int64_t place = state->label[v + l] - first;
            label[l] = (real)(place < 0 || place >= n ? -1 : place);
        }
        double *total = state->open + v, *ties = state->ties + v;
        if (pivot)
            lanes_sum(x + v, stride, n, 1, label, base, total, ties, NULL, 0, from_lane(next, v), from_lane(target, v));
        else if (store)
            lanes_sum(x + v, stride, n, 0, label, base, total, ties, store + v, store_stride, from_lane(next, v),
                      from_lane(target, v));
        else
            lanes_sum(x + v, stride, n, 0, label, base, total, ties, NULL, 0, from_lane(next, v), target);
    }
    if (!last) return;
#pragma omp simd
    for (int64_t l = 0; l < state->width; l++) {
        state->others[l] += state->open[l];
        state->open[l] = 0;
    }
}

/* Values, not yet weighted (of log_softmax the logarithm to subtract), and for a gradient shares, from finished sums. */
INLINE void lanes_finish(lanes_state *state, closs_softmax_result result, int shares)
{
    const int pivot = result == CLOSS_LOGSUMEXP || result == CLOSS_LOG_SOFTMAX;
    const double unit = 1.0 / ((bits_t)1 << EXP_BIAS);
    for (int64_t l = 0; pivot && l < state->width; l++) { /* one of the maxima is the label */
        state->at_label[l] = state->max[l];
        state->others[l] += state->ties[l] > 1 ? (state->ties[l] - 1) / unit : 0;
    }
    for (int64_t v = 0; v < state->width; v += BATCH) {
        ALIGNED real label[BATCH], rest[BATCH];
#pragma omp simd
        for (int l = 0; l < BATCH; l++) label[l] = exp_scaled(state->at_label[v + l] - state->max[v + l]);
#pragma omp simd
        for (int l = 0; l < BATCH; l++) /* at the maximum the label's term is exactly 1 */
            rest[l] = (real)(state->others[v + l] * unit + ((double)label[l] * unit - 1));
        if (result == CLOSS_LOGSUMEXP) {
            for (int l = 0; l < BATCH; l++)
                state->value[v + l] = state->max[v + l] + log1p_positive((real)(state->others[v + l] * unit));
            continue;
        }
        if (shares) {
#pragma omp simd
            for (int l = 0; l < BATCH; l++) state->share[v + l] = 1.0 / (state->others[v + l] + (double)label[l]);
        }
#pragma omp simd
        for (int l = 0; l < BATCH; l++)
            state->value[v + l] = log1p_positive(rest[l]) + (state->max[v + l] - state->at_label[v + l]);
    }
}

/* (z - max) - value for n classes of all lanes; `next` and `ahead` are fetched. */
INLINE void lanes_log_softmax(const lanes_state *state, const real *x, int64_t stride, real *target,
                              int64_t target_stride, int64_t n, memory_ahead next, memory_ahead ahead)
{
    for (int64_t v = 0; v < state->width; v += BATCH)
        for (int64_t j = 0; j < n; j++) {
            const real *from = x + j * stride + v;
            real *to = target + j * target_stride + v;
            fetch_step(from_lane(next, v), j, BATCH * sizeof(real));
            fetch_step(from_lane(ahead, v), j, BATCH * sizeof(real));
#pragma omp simd
            for (int l = 0; l < BATCH; l++) to[l] = (from[l] - state->max[v + l]) - state->value[v + l];
        }
}

/* Gradients of n classes, from class `first`, of all lanes: x holds exponentials (`exps`), or logits, and then `next` and `ahead`
 * are fetched. */
INLINE void lanes_gradient(const lanes_state *state, double scale, int64_t first, const real *x, int64_t stride,
                           real *target, int64_t target_stride, int64_t n, int exps, memory_ahead next,
                           memory_ahead ahead)
{
    int special = 0;
    const real lowest = exp_lowest();
    for (int64_t v = 0; v < state->width; v += BATCH) {
        const real *from = x + v, *max = state->max + v;
        real *to = target + v;
        ALIGNED real factor[BATCH];
#pragma omp simd reduction(| : special)
        for (int l = 0; l < BATCH; l++) {
            const double both = state->share[v + l] * (state->weight[v + l] * scale);
            const int extreme = is_extreme(both);
            factor[l] = (real)(extreme ? 1.0 : both);
            special |= extreme;
        }
        if (exps) {
            for (int64_t j = 0; j < n; j++) {
#pragma omp simd
                for (int l = 0; l < BATCH; l++) to[j * target_stride + l] = from[j * stride + l] * factor[l];
            }
        } else {
            for (int64_t j = 0; j < n; j++) {
                fetch_step(from_lane(next, v), j, BATCH * sizeof(real));
                fetch_step(from_lane(ahead, v), j, BATCH * sizeof(real));
#pragma omp simd
                for (int l = 0; l < BATCH; l++)
                    to[j * target_stride + l] = exp_above(from[j * stride + l] - max[l], lowest) * factor[l];
            }
        }
        ALIGNED real at_label[BATCH];
#pragma omp simd
        for (int l = 0; l < BATCH; l++)
            at_label[l] = (real)(0.0 - state->others[v + l] * state->share[v + l] * (state->weight[v + l] * scale));
        for (int l = 0; l < BATCH; l++) {
            const int64_t place = state->label[v + l] - first;
            if (place >= 0 && place < n) to[place * target_stride + l] = at_label[l];
        }
    }
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

/* The samples behind those of a tile, and where the gradient of these will be written from class `first`, if they lie without gaps or
 * are neighbours. Without a gradient that is the former. */
INLINE memory_ahead tile_next(const lanes_state *state, const closs_softmax_args *args)
{
    const int64_t size = bytes_of(args->dtype), stride = class_stride_of(args->logits.strides, args->ndim);
    const int64_t samples = state->width * (stride == 1 ? args->classes : 1);
    const uintptr_t data = address_of(args->logits.data, (state->logits[0] + samples) * size);
    const memory_ahead packed = {data, args->classes * size, STEP * size};
    const memory_ahead beside = {line_of(data, state->width * size), size, stride * size};
    return stride == 1 ? packed : beside;
}

INLINE memory_ahead tile_target(const lanes_state *state, const closs_softmax_args *args, int64_t first)
{
    const int64_t size = bytes_of(grad_dtype(args)), stride = class_stride_of(args->grad.strides, args->ndim);
    const uintptr_t data = address_of(args->grad.data, (state->grad[0] + first * stride) * size);
    const memory_ahead packed = {data, args->classes * size, STEP * size};
    const memory_ahead beside = {line_of(data, state->width * size), size, stride * size};
    return !args->grad.data ? tile_next(state, args) : stride == 1 ? packed : beside;
}

/* Samples anywhere in memory, by way of a transposed copy. */
static void softmax_tile(lanes_state *state, const closs_softmax_args *args)
{
    const int64_t classes = args->classes, width = state->width;
    const int pivot = leaves_out_pivot(args);
    const int keep = args->grad.data && !pivot && classes <= CHUNK;
    const int64_t stride = class_stride_of(args->logits.strides, args->ndim);
    ALIGNED real tile[TILE];
    for (int64_t first = 0; first < classes; first += CHUNK) {
        const int64_t n = classes - first < CHUNK ? classes - first : CHUNK;
        tile_load(args->logits.data, args->dtype, state->logits, stride, width, first, n, tile);
        lanes_chunk(state, pivot, tile, width, first, n, classes, tile_next(state, args),
                    tile_target(state, args, first), keep ? tile : NULL, width);
    }
    lanes_finish(state, args->result, args->grad.data != NULL);
    if (!args->grad.data) return;
    for (int64_t first = 0; first < classes; first += CHUNK) {
        const int64_t n = classes - first < CHUNK ? classes - first : CHUNK;
        const memory_ahead target = tile_target(state, args, first);
        if (classes > CHUNK) tile_load(args->logits.data, args->dtype, state->logits, stride, width, first, n, tile);
        if (args->result == CLOSS_LOG_SOFTMAX)
            lanes_log_softmax(state, tile, width, tile, width, n, target, target);
        else
            lanes_gradient(state, args->scale, first, tile, width, tile, width, n, keep, target, target);
        tile_store(tile, width, state->count, first, n, args->grad.data, grad_dtype(args), state->grad,
                   class_stride_of(args->grad.strides, args->ndim));
    }
}

/* Whole batches of samples, contiguous in logits and gradient, where they lie. */
static void softmax_wide(lanes_state *state, const closs_softmax_args *args)
{
    const real *logits = (const real *)args->logits.data + state->logits[0];
    real *grad = args->grad.data ? (real *)args->grad.data + state->grad[0] : NULL;
    const int64_t classes = args->classes;
    const int64_t stride = class_stride_of(args->logits.strides, args->ndim);
    const int64_t grad_stride = class_stride_of(args->grad.strides, args->ndim);
    const int pivot = leaves_out_pivot(args);
    const int keep = grad && !pivot && classes <= CHUNK;
    const int64_t size = sizeof(real);
    const memory_ahead beside = {address_of(logits, BATCH * size), size, stride * size};
    const memory_ahead target = {address_of(grad, BATCH * size), size, grad_stride * size}; /* of the next lanes */
    for (int64_t first = 0; first < classes; first += CHUNK) {
        const int64_t n = classes - first < CHUNK ? classes - first : CHUNK;
        const int64_t ahead = offset_ahead(first, first + n, classes, WIDE, stride, size);
        const memory_ahead next = {address_of(logits, ahead * size), size, stride * size};
        lanes_chunk(state, pivot, logits + first * stride, stride, first, n, classes, next, keep ? target : next,
                    keep ? grad : NULL, grad_stride);
    }
    lanes_finish(state, args->result, grad != NULL);
    if (!grad) return;
    if (args->result == CLOSS_LOG_SOFTMAX)
        lanes_log_softmax(state, logits, stride, grad, grad_stride, classes, beside, target);
    else if (keep)
        lanes_gradient(state, args->scale, 0, grad, grad_stride, grad, grad_stride, classes, 1, beside, target);
    else
        lanes_gradient(state, args->scale, 0, logits, stride, grad, grad_stride, classes, 0, beside, target);
}

static void softmax_lanes(const closs_softmax_args *args, int64_t begin, int64_t end, double *sum)
{
    const int64_t stride = class_stride_of(args->logits.strides, args->ndim);
    lanes_state state;
    value_sum values = {{0}, 0};
    sample_cursor cursor = cursor_at(args, begin, end);
    /* Samples of which a tile holds all classes, or a chunk of them: fewer where gradients are transposed, for room in L1. */
    const int64_t room = args->grad.data && stride == 1 ? CHUNK * BATCH : TILE;
    const int64_t most = args->classes > CHUNK ? BATCH : room / (args->classes + (args->classes == 0));
    const int64_t fit = most > WIDE ? WIDE : most / BATCH * BATCH;
    while (cursor.left > 0) {
        const sample_run *run = &cursor.run;
        const int in_place = run->count >= BATCH && args->dtype == REAL_DTYPE && run->step.logits == 1 &&
                             (!args->grad.data || run->step.grad == 1);
        if (in_place) {
            lanes_begin(&state, args, &cursor, run->count < WIDE ? run->count - run->count % BATCH : WIDE);
            softmax_wide(&state, args);
        } else {
            lanes_begin(&state, args, &cursor, cursor.left < fit ? cursor.left : fit);
            softmax_tile(&state, args);
        }
        for (int64_t l = 0; args->result == CLOSS_LOGSUMEXP && l < state.count; l++) {
            if (state.max[l] != INFINITY) continue;
            const row_view row = {(void *)(uintptr_t)args->logits.data, args->dtype, state.logits[l], stride};
            state.value[l] = row_has_nan(&row, 0, args->classes) ? (real)NAN : INFINITY;
        }
        for (int64_t v = 0; v < state.count; v += BATCH) {
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
#undef lanes_state
#undef lanes_begin
#undef lanes_max
#undef lanes_sum
#undef lanes_chunk
#undef lanes_finish
#undef lanes_log_softmax
#undef lanes_gradient
#undef tile_next
#undef tile_target
#undef softmax_tile
#undef softmax_wide
#undef softmax_lanes
#undef row_has_nan
