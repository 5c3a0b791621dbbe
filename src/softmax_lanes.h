/* softmax_lanes.h: the softmax family with lanes along the samples, for few classes (up to CHUNK of them, classes
 * fastest) and for any number where the class axis is not the fastest in memory: what softmax_chunks.h sums is read
 * here, and the results are written.
 *
 * Logits are read where they lie where the samples are neighbours; elsewhere they are copied, transposed, to a tile.
 * Exponentials of up to CHUNK classes are kept for the gradient, in the tile or where that will be; with more of them,
 * and of neighbours where caches could not hold them, they are computed again, relative to the final maximum: the same
 * numbers.
 */
#define lanes_write KERNEL(lanes_write)
#define lanes_write_all KERNEL(lanes_write_all)
#define lanes_output KERNEL(lanes_output)
#define tile_ahead KERNEL(tile_ahead)
#define lanes_load KERNEL(lanes_load)
#define lanes_store KERNEL(lanes_store)
#define softmax_tile KERNEL(softmax_tile)
#define lanes_softmax KERNEL(lanes_softmax)
#define softmax_of_few KERNEL(softmax_of_few)
#define softmax_lanes KERNEL(softmax_lanes)

#ifndef CLOSS_LANE_SIZES
#define CLOSS_LANE_SIZES
enum {
    ONE_PASS = 6,      /* classes of a softmax that takes one pass: of 2 x1.4, of 8 x1.0 */
    BLEND = 16,        /* classes among which the label's gradient is put by comparing */
    CROWDED = 4,       /* classes that no set of a cache is too small for */
    AHEAD_CLASSES = 4, /* of what is fetched for the output */
    MOST_AHEAD = 49152 /* bytes of neighbours: nothing is fetched while more are worked on, to push them out of caches,
                        * above all where classes are a power of two apart (1000 x 16384, class axis first: x1.8) */
};
enum { GRADIENT, SOFTMAX, LOG_SOFTMAX }; /* what is written */
#endif

#undef TILE
#undef FEW_TILE
#undef GRAD_TILE
#define TILE (24576 / (int)sizeof(real)) /* elements of a tile, as many as a stack has room for */
#define FEW_TILE (CHUNK * BATCH)
#define GRAD_TILE (128 * BATCH)

/* What is made of a chunk, of `width` lanes from `lane`, and stored: (x - max) - value for log_softmax; else
 * exponentials, which x holds already (`of_exps`) or which are computed from logits, times a factor. `blend`: the
 * label's gradient is put by comparing. Returns whether a factor is extreme: then it was 1. */
INLINE int lanes_write(const lanes_state *state, const lanes_chunk *chunk, int64_t lane, const int64_t width,
                       const int what, const int of_exps, const int blend, double scale)
{
    const real *x = chunk->x + lane, *label = chunk->label + lane;
    real *target = chunk->store + lane;
    const int64_t n = chunk->n, stride = chunk->stride, target_stride = chunk->store_stride;
    const memory_ahead next = from_lane(chunk->next, lane), ahead = from_lane(chunk->target, lane);
    const real lowest = exp_lowest();
    int special = 0;
    ALIGNED real max[WIDE], by[WIDE], at_label[WIDE]; /* by: the factor, or the value */
    for (int64_t v = 0; v < width; v += BATCH) {
        const int64_t from = lane + v;
#pragma omp simd
        for (int l = 0; l < BATCH; l++) {
            if (!of_exps) max[v + l] = state->max[from + l];
            if (what != GRADIENT) by[v + l] = state->value[from + l];
        }
        if (what != GRADIENT) continue;
#pragma omp simd reduction(| : special)
        for (int l = 0; l < BATCH; l++) {
            const double both = state->share[from + l] * (state->weight[from + l] * scale);
            const int extreme = is_extreme(both) & ((both != 0) | (state->weight[from + l] != 0));
            by[v + l] = (real)(extreme ? 1.0 : both + 0.0); /* absent: never -0 */
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
            if (!of_exps) {
                fetch(from_lane(next, v), j, BATCH * sizeof(real));
                fetch(from_lane(ahead, v), j, BATCH * sizeof(real));
            }
#pragma omp simd
            for (int l = 0; l < BATCH; l++) {
                if (what == LOG_SOFTMAX) {
                    to[l] = (from[l] - max[v + l]) - by[v + l];
                } else {
                    const real e = of_exps ? from[l] : exp_above(from[l] - max[v + l], lowest);
                    const real other = e * by[v + l];
                    to[l] = blend && label[v + l] == class_number[j] ? at_label[v + l] : other;
                }
            }
        }
    for (int l = 0; what == GRADIENT && !blend && state->labelled && l < width; l++) {
        int64_t place = state->label[lane + l] - chunk->first;
        KEEP_SCALAR(place);
        if (place >= 0 && place < n) target[place * target_stride + l] = at_label[l];
    }
    return special;
}

/* The same of all lanes: a few at a time where x is its own target, because they stay in the first cache; else class by
 * class. */
INLINE int lanes_write_all(const lanes_state *state, const lanes_chunk *chunk, const int what, const int of_exps,
                           const int blend, double scale)
{
    int special = 0;
    if (chunk->x != chunk->store) return lanes_write(state, chunk, 0, state->width, what, of_exps, blend, scale);
    for (int64_t v = 0; v < state->width; v += BATCH)
        special |= lanes_write(state, chunk, v, BATCH, what, of_exps, blend, scale);
    return special;
}

/* Results of any sort. */
static OUT_OF_LINE void lanes_output(const lanes_state *state, const lanes_chunk *chunk, closs_softmax_result result,
                                     int of_exps, double scale)
{
    int special = 0;
    if (result == CLOSS_LOG_SOFTMAX)
        lanes_write_all(state, chunk, LOG_SOFTMAX, 0, 0, scale);
    else if (result == CLOSS_SOFTMAX && of_exps)
        lanes_write_all(state, chunk, SOFTMAX, 1, 0, scale);
    else if (result == CLOSS_SOFTMAX)
        lanes_write_all(state, chunk, SOFTMAX, 0, 0, scale);
    else if (!of_exps)
        special = lanes_write_all(state, chunk, GRADIENT, 0, 0, scale);
    else if (state->labelled && chunk->n <= BLEND)
        special = lanes_write_all(state, chunk, GRADIENT, 1, 1, scale);
    else
        special = lanes_write_all(state, chunk, GRADIENT, 1, 0, scale);
    for (int64_t l = 0; special && l < state->count; l++) {
        const double share = state->share[l], weight = state->weight[l] * scale;
        const int64_t label = state->label[l] - chunk->first;
        if (!is_extreme(share * weight)) continue;
        for (int64_t j = 0; j < chunk->n; j++) {
            real *entry = &chunk->store[j * chunk->store_stride + l];
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

/* Classes [first, first + n) of all samples to a tile, and results from there. */
INLINE void lanes_load(const lanes_state *state, const closs_softmax_args *args, int64_t stride, int64_t first,
                       int64_t n, real *tile)
{
    const void *data = args->logits.data;
    if (state->neighbours)
        neighbours_load(data, args->dtype, state->logits[0], stride, state->width, first, n, tile);
    else
        tile_load(data, args->dtype, state->logits, stride, state->count, state->width, first, n, tile);
}

INLINE void lanes_store(const lanes_state *state, const closs_softmax_args *args, int64_t stride, int64_t first,
                        int64_t n, const real *tile)
{
    const int64_t width = state->width, count = state->count;
    if (state->neighbours)
        neighbours_store(tile, width, count, first, n, args->grad.data, grad_dtype(args), state->grad[0], stride);
    else
        tile_store(tile, width, count, first, n, args->grad.data, grad_dtype(args), state->grad, stride);
}

/* Samples anywhere in memory, by way of a tile; neighbours of this type where they lie. */
static OUT_OF_LINE void softmax_tile(lanes_state *state, const closs_softmax_args *args)
{
    const int beside = state->neighbours && args->dtype == REAL_DTYPE;
    const int64_t classes = args->classes, width = state->width;
    const int pivot = leaves_out_pivot(args), has_grad = args->grad.data != NULL;
    const int64_t stride = class_stride_of(args, args->logits.strides);
    const int64_t grad_stride = class_stride_of(args, args->grad.strides);
    /* Classes a multiple of 2 KB apart share so few sets of a cache that exponentials kept there push each other out:
     * of few they are kept in the tile. */
    const int crowded = beside && classes > CROWDED && grad_stride * (int64_t)sizeof(real) % 2048 == 0;
    const int keep = has_grad && !pivot && classes <= (crowded ? WIDEN : CHUNK);
    const real *logits = beside ? (const real *)args->logits.data + state->logits[0] : NULL;
    real *grad = beside && has_grad ? (real *)args->grad.data + state->grad[0] : NULL;
    ALIGNED real tile[TILE];
    real *exps = beside && keep && !crowded ? grad : tile;
    const int64_t exps_stride = exps == tile ? width : grad_stride;
    const memory_ahead nowhere = {(uintptr_t)tile, 0, 0, 0};
    lanes_chunk chunk; /* no initializer: zeros for its labels would take 4 % of the time of two classes */
    chunk.stride = beside ? stride : width;
    chunk.store = keep ? exps : NULL;
    chunk.store_stride = exps_stride;
    for (int64_t first = 0; first == 0 || first < classes; first += CHUNK) {
        const int64_t n = classes - first < CHUNK ? classes - first : CHUNK;
        const int more = first + n < classes;
        const int ahead = !beside || keep || n * width * (int64_t)sizeof(real) <= MOST_AHEAD;
        chunk.next = chunk.target = nowhere;
        if (ahead)
            chunk.next = tile_ahead(state, args, args->logits.data, args->dtype, state->logits, stride,
                                    more ? first + n : 0, !more);
        if (ahead && has_grad)
            chunk.target =
                tile_ahead(state, args, args->grad.data, grad_dtype(args), state->grad, grad_stride, first, 0);
        if (!state->far) chunk.target.later = 0;
        if (exps == grad) /* exponentials go there now, too soon for a fetch */
            chunk.target = from_lane(chunk.target, BATCH);
        if (!beside && n > 0) lanes_load(state, args, stride, first, n, tile);
        chunk.x = beside ? logits + first * stride : tile;
        chunk.first = first, chunk.n = n;
        lanes_take(state, args, &chunk);
    }
    if (args->result != CLOSS_SOFTMAX) lanes_values(state);
    for (int64_t first = 0; has_grad && first < classes; first += CHUNK) {
        const int again = beside && !keep;
        chunk.first = first;
        chunk.n = classes - first < CHUNK ? classes - first : CHUNK;
        chunk.x = again ? logits + first * stride : exps;
        chunk.stride = again ? stride : exps_stride;
        chunk.store = beside ? grad + first * grad_stride : tile;
        chunk.store_stride = beside ? grad_stride : width;
        chunk.next =
            tile_ahead(state, args, args->logits.data, args->dtype, state->logits, stride, first + AHEAD_CLASSES, 0);
        chunk.target = tile_ahead(state, args, args->grad.data, grad_dtype(args), state->grad, grad_stride,
                                  first + AHEAD_CLASSES, 0);
        if (beside) chunk.next.later = chunk.target.later = 0; /* it would leave the second cache before it is needed */
        if (classes > CHUNK && !beside) lanes_load(state, args, stride, first, chunk.n, tile);
        lanes_output(state, &chunk, args->result, keep, args->scale);
        if (!beside) lanes_store(state, args, grad_stride, first, chunk.n, tile);
    }
}

/* softmax of so few classes that STEP lanes go from logits to results before the next ones: in registers, mostly. */
static OUT_OF_LINE void lanes_softmax(lanes_state *state, const lanes_chunk *chunk)
{
    const int64_t n = chunk->n, stride = chunk->stride, to_stride = chunk->store_stride;
    for (int64_t v = 0; v < state->width; v += STEP) {
        const real *x = chunk->x + v;
        real *to = chunk->store + v;
        ALIGNED double total[STEP];
        ALIGNED real max[STEP], by[STEP];
        for (int l = 0; l < STEP; l++) max[l] = -INFINITY, total[l] = 0;
        for (int64_t j = 0; j < n; j++) {
#pragma omp simd
            for (int l = 0; l < STEP; l++) max[l] = x[j * stride + l] > max[l] ? x[j * stride + l] : max[l];
        }
#pragma omp simd
        for (int l = 0; l < STEP; l++) /* a copy would be made by pieces, which are waited for */
            state->max[v + l] = max[l] > -INFINITY ? max[l] : -INFINITY;
        lanes_sum(state, chunk, v, 1, ADD_ALL, 1, total, NULL);
#pragma omp simd
        for (int l = 0; l < STEP; l++) by[l] = (real)(1.0 / total[l]);
        for (int64_t j = 0; j < n; j++) {
#pragma omp simd
            for (int l = 0; l < STEP; l++) to[j * to_stride + l] *= by[l];
        }
    }
}

/* The same of samples anywhere in memory: as softmax_tile. */
static OUT_OF_LINE void softmax_of_few(lanes_state *state, const closs_softmax_args *args)
{
    const int beside = state->neighbours && args->dtype == REAL_DTYPE;
    const int64_t stride = class_stride_of(args, args->logits.strides);
    const int64_t grad_stride = class_stride_of(args, args->grad.strides);
    ALIGNED real tile[ONE_PASS * WIDE];
    lanes_chunk chunk;
    chunk.first = 0, chunk.n = args->classes;
    chunk.x = beside ? (const real *)args->logits.data + state->logits[0] : tile;
    chunk.stride = beside ? stride : state->width;
    chunk.store = beside ? (real *)args->grad.data + state->grad[0] : tile;
    chunk.store_stride = beside ? grad_stride : state->width;
    chunk.next = tile_ahead(state, args, args->logits.data, args->dtype, state->logits, stride, 0, 1);
    chunk.target = tile_ahead(state, args, args->grad.data, grad_dtype(args), state->grad, grad_stride, 0, 0);
    if (!state->far) chunk.target.later = 0;
    if (beside) chunk.target = from_lane(chunk.target, BATCH);
    if (!beside) lanes_load(state, args, stride, 0, chunk.n, tile);
    lanes_softmax(state, &chunk);
    if (!beside) lanes_store(state, args, grad_stride, 0, chunk.n, tile);
}

static void softmax_lanes(const closs_softmax_args *args, int64_t begin, int64_t end, double *sum)
{
    const int64_t stride = class_stride_of(args, args->logits.strides);
    lanes_state state;
    value_sum values = {{0}, 0};
    sample_cursor cursor = cursor_at(args, begin, end);
    state.far = fetches_far(args);
    /* Samples of which a tile holds all classes, or a chunk of them: of transposed ones fewer, for room in L1, where
     * gradients take as much again. */
    const int64_t room = stride != 1 ? TILE : args->grad.data ? GRAD_TILE : FEW_TILE;
    const int64_t chunk = args->classes > CHUNK ? CHUNK : args->classes + (args->classes == 0);
    const int64_t whole = room / chunk / BATCH * BATCH, fit = whole > WIDE ? WIDE : whole < BATCH ? BATCH : whole;
    while (cursor.left > 0) {
        const sample_run *run = &cursor.run;
        const int neighbours =
            run->count >= BATCH && run->step.logits == 1 && (!args->grad.data || run->step.grad == 1);
        const int64_t most = args->dtype == REAL_DTYPE ? WIDE : fit, near = run->count < most ? run->count : most;
        const int few = args->classes <= CHUNK && are_few(args, cursor.left);
        lanes_begin(&state, args, &cursor,
                    few          ? cursor.left
                    : neighbours ? near / BATCH * BATCH
                                 : samples_to_take(args, &cursor, fit),
                    neighbours);
        if (few)
            softmax_few(&state, args);
        else if (args->result == CLOSS_SOFTMAX && args->grad.data && args->classes <= ONE_PASS)
            softmax_of_few(&state, args);
        else
            softmax_tile(&state, args);
        int infinite = 0;
        for (int64_t l = 0; args->result == CLOSS_LOGSUMEXP && l < state.count; l++)
            infinite |= state.max[l] == INFINITY;
        for (int64_t l = 0; infinite && l < state.count; l++) {
            if (state.max[l] != INFINITY) continue;
            const row_view row = {(void *)(uintptr_t)args->logits.data, args->dtype,
                                  neighbours ? state.logits[0] + l : state.logits[l], stride};
            state.value[l] = row_has_nan(&row, 0, args->classes) ? (real)NAN : INFINITY;
        }
        for (int64_t v = 0; v < state.count && has_values(args); v += BATCH) {
            const int64_t n = state.count - v < BATCH ? state.count - v : BATCH;
            ALIGNED double value[BATCH];
#pragma omp simd
            for (int l = 0; l < BATCH; l++) value[l] = weighted_value(state.weight[v + l], (double)state.value[v + l]);
            if (args->values.data) store_values(args, state.values + v, n, value);
            value_sum_add(&values, value, n);
        }
    }
    *sum += value_sum_total(&values);
}
/* Names that the table of kernels.h uses as they are. */
#undef softmax_lanes
