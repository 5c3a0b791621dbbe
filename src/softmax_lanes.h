/* softmax_lanes.h: softmax cross-entropy with lanes along the samples, for few classes (up to CHUNK of them, classes
 * fastest) and for any number where the class axis is not the fastest in memory. Formulas: see softmax_rows.h.
 *
 * A tile is BATCH samples whose logits are copied, transposed, to buffer[class][lane]. Where the samples themselves are
 * contiguous nothing is copied: up to WIDE samples are worked on where they lie.
 *
 * Passes: classes come in chunks of CHUNK: the maximum of each lane over the chunk, then its exponentials while the chunk is
 * in cache; sums are rescaled where the maximum grew. Up to CHUNK classes a tile keeps its exponentials for the gradient;
 * otherwise the gradient computes them again, relative to the final maximum. Both give the same bits.
 *
 * Accumulators: 32 classes in two sums of `real` a lane, then in double: chunks, and subtotals of 32 chunks. Error and special values: as softmax_rows.h.
 */
#define lanes_state KERNEL(lanes_state)
#define lanes_max KERNEL(lanes_max)
#define lanes_sum KERNEL(lanes_sum)
#define lanes_chunk KERNEL(lanes_chunk)
#define lanes_finish KERNEL(lanes_finish)
#define lanes_gradient KERNEL(lanes_gradient)
#define tile_load KERNEL(tile_load)
#define tile_store KERNEL(tile_store)
#define label_gradient KERNEL(label_gradient)
#define lanes_begin KERNEL(lanes_begin)
#define softmax_tile KERNEL(softmax_tile)
#define softmax_wide KERNEL(softmax_wide)
#define softmax_lanes KERNEL(softmax_lanes)

#ifndef CLOSS_LANE_SIZES
#define CLOSS_LANE_SIZES
enum {
    CHUNK = 128, /* classes; a tile of them is 8 KB of floats */
    WIDE = 128,  /* samples worked on in place: 512 bytes a class keeps DRAM pages and the TLB busy */
    WIDEN = 32   /* classes summed in `real` */
};
#endif

typedef struct {
    int64_t width;      /* a multiple of BATCH */
    int64_t label[WIDE]; /* or -1 */
    double weight[WIDE];
    real at_label[WIDE];
    real max[WIDE];
    double others[WIDE]; /* sums without the label's term, times 2^EXP_BIAS: whole subtotals */
    double open[WIDE];   /* the subtotal of the last chunks */
    /* set by lanes_finish */
    real value[WIDE];
    double share[WIDE]; /* 1 / (sum with the label's term) */
} lanes_state;

/* max[l] = max(max[l], x[j][l]) over n classes, in memory order. */
static inline void lanes_max(const real *x, int64_t stride, int64_t n, int64_t width, real *restrict max)
{
    for (int64_t j = 0; j < n; j++) {
        const real *row = x + j * stride;
        for (int64_t v = 0; v < width; v += BATCH) {
#pragma omp simd
            for (int l = 0; l < BATCH; l++) max[v + l] = row[v + l] > max[v + l] ? row[v + l] : max[v + l];
        }
    }
}

/* Adds the exponentials of n classes of BATCH lanes to total; those of the labels, which count from the first of these
 * classes, are left out. All go to `store` unless NULL. */
static inline void lanes_sum(const real *x, int64_t stride, int64_t n, const int_t *label, const real *base,
                             double *restrict total, real *store)
{
    for (int64_t first = 0; first < n; first += WIDEN) {
        const int64_t end = n - first < WIDEN ? n : first + WIDEN;
        real even[BATCH] = {0}, odd[BATCH] = {0};
        int64_t j = first;
        for (; j + 1 < end; j += 2) {
#pragma omp simd
            for (int l = 0; l < BATCH; l++) {
                const real e = exp_scaled(x[j * stride + l] - base[l]);
                if (store) store[j * BATCH + l] = e;
                even[l] += label[l] == (int_t)j ? 0 : e;
            }
#pragma omp simd
            for (int l = 0; l < BATCH; l++) {
                const real e = exp_scaled(x[(j + 1) * stride + l] - base[l]);
                if (store) store[(j + 1) * BATCH + l] = e;
                odd[l] += label[l] == (int_t)(j + 1) ? 0 : e;
            }
        }
        if (j < end) {
#pragma omp simd
            for (int l = 0; l < BATCH; l++) {
                const real e = exp_scaled(x[j * stride + l] - base[l]);
                if (store) store[j * BATCH + l] = e;
                even[l] += label[l] == (int_t)j ? 0 : e;
            }
        }
        for (int l = 0; l < BATCH; l++) total[l] += (double)even[l] + (double)odd[l];
    }
}

/* The chunk of n classes that begins with class `first`. */
static inline void lanes_chunk(lanes_state *state, const real *x, int64_t stride, int64_t first, int64_t n,
                               int64_t classes, real *store)
{
    real before[WIDE];
    const int64_t width = state->width;
    memcpy(before, state->max, (size_t)width * sizeof(real));
    lanes_max(x, stride, n, width, state->max);
    for (int64_t v = 0; v < width; v += BATCH) {
        real base[BATCH];
        int_t label[BATCH];
        for (int l = 0; l < BATCH; l++) {
            /* -inf - -inf is NaN: while only -inf was seen any finite base gives the zeros that are meant. */
            base[l] = state->max[v + l] == -INFINITY ? 0 : state->max[v + l];
            const int64_t from_first = state->label[v + l] - first;
            label[l] = state->label[v + l] >= first && from_first < n ? (int_t)from_first : -1;
        }
        if (first > 0) {
            for (int l = 0; l < BATCH; l++) {
                const double gap = (double)before[v + l] - (double)state->max[v + l];
                const double factor = before[v + l] == state->max[v + l] ? 1.0 : exp_double(gap);
                state->others[v + l] *= factor;
                state->open[v + l] *= factor;
            }
        }
        double total[BATCH] = {0};
        if (store)
            lanes_sum(x + v, stride, n, label, base, total, store);
        else
            lanes_sum(x + v, stride, n, label, base, total, NULL);
        const int last = first / CHUNK % SUBTOTAL == SUBTOTAL - 1 || first + n == classes;
        for (int l = 0; l < BATCH; l++) {
            state->open[v + l] += total[l];
            if (last) {
                state->others[v + l] += state->open[v + l];
                state->open[v + l] = 0;
            }
        }
    }
}

/* Values, not yet weighted, and shares, from the finished sums. */
static inline void lanes_finish(lanes_state *state)
{
    const double unit = 1.0 / ((bits_t)1 << EXP_BIAS);
    for (int64_t v = 0; v < state->width; v += BATCH) {
        for (int l = 0; l < BATCH; l++) {
            const real max = state->max[v + l], at_label = state->at_label[v + l];
            const double others = state->others[v + l], label = (double)exp_scaled(at_label - max);
            const double rest = others * unit;
            state->value[v + l] = log1p_positive((real)(at_label == max ? rest : rest - 1 + label * unit)) + (max - at_label);
            state->share[v + l] = 1.0 / (others + label);
        }
    }
}

/* Gradients of n classes of BATCH lanes from `v`: x holds exponentials (`exps`) or logits. The label's entry is not
 * special here: softmax_tile and softmax_wide set it. */
static inline void lanes_gradient(const lanes_state *state, int64_t v, double scale, const real *x, int64_t stride,
                                  real *target, int64_t target_stride, int64_t n, int exps)
{
    real factor[BATCH];
    double weight[BATCH];
    bits_t counts[BATCH]; /* all ones, or zero for samples of weight 0, whose NaN may not get through */
    int extreme = 0;
    for (int l = 0; l < BATCH; l++) {
        weight[l] = state->weight[v + l] * scale;
        counts[l] = state->weight[v + l] == 0 ? 0 : ~(bits_t)0;
        const double both = state->share[v + l] * weight[l];
        factor[l] = (real)both;
        extreme |= (fabs(both) < REAL_TINY || fabs(both) > REAL_MAX) & (weight[l] != 0);
    }
    const real *max = state->max + v;
    if (extreme) { /* as in row_scale: one product would overflow or lose digits */
        for (int64_t j = 0; j < n; j++)
            for (int l = 0; l < BATCH; l++) {
                const real e = exps ? x[j * stride + l] : exp_scaled(x[j * stride + l] - max[l]);
                target[j * target_stride + l] =
                    counts[l] ? (real)((double)e * state->share[v + l] * weight[l]) : 0;
            }
    } else if (exps) {
        for (int64_t j = 0; j < n; j++) {
#pragma omp simd
            for (int l = 0; l < BATCH; l++)
                target[j * target_stride + l] = from_bits(to_bits(x[j * stride + l] * factor[l]) & counts[l]);
        }
    } else {
        for (int64_t j = 0; j < n; j++) {
#pragma omp simd
            for (int l = 0; l < BATCH; l++)
                target[j * target_stride + l] =
                    from_bits(to_bits(exp_scaled(x[j * stride + l] - max[l]) * factor[l]) & counts[l]);
        }
    }
}

static inline real label_gradient(const lanes_state *state, int64_t l, double scale)
{
    return (real)(0.0 - state->others[l] * state->share[l] * (state->weight[l] * scale));
}

/* buffer[j][l] = logits of lane l, class first + j. Lanes without a sample repeat the first. */
static inline void tile_load(const real *logits, const int64_t *offset, int64_t stride, int64_t first, int64_t n,
                             real *restrict buffer)
{
    for (int l = 0; l < BATCH; l++) {
        const real *row = logits + offset[l] + first * stride;
        if (stride == 1)
            for (int64_t j = 0; j < n; j++) buffer[j * BATCH + l] = row[j];
        else
            for (int64_t j = 0; j < n; j++) buffer[j * BATCH + l] = row[j * stride];
    }
}

static inline void tile_store(real *grad, const int64_t *offset, int64_t count, int64_t stride, int64_t first, int64_t n,
                              const real *restrict buffer)
{
    for (int64_t l = 0; l < count; l++) {
        real *row = grad + offset[l] + first * stride;
        if (stride == 1)
            for (int64_t j = 0; j < n; j++) row[j] = buffer[j * BATCH + l];
        else
            for (int64_t j = 0; j < n; j++) row[j * stride] = buffer[j * BATCH + l];
    }
}

static inline void lanes_begin(lanes_state *state, int64_t width)
{
    state->width = width;
    for (int64_t l = 0; l < width; l++) {
        state->label[l] = -1;
        state->weight[l] = 0;
        state->at_label[l] = 0;
        state->max[l] = -INFINITY;
        state->others[l] = state->open[l] = 0;
    }
}

/* Up to BATCH samples anywhere in memory, by way of a transposed copy. */
static void softmax_tile(lanes_state *state, const closs_softmax_args *args, const sample_place *place, int64_t count)
{
    const real *logits = args->logits.data;
    real *grad = args->grad.data;
    const int64_t classes = args->classes;
    const int64_t stride = class_stride_of(args->logits.strides, args->ndim);
    const int64_t grad_stride = class_stride_of(args->grad.strides, args->ndim);
    const int keep = grad && classes <= CHUNK;
    real buffer[CHUNK * BATCH];
    int64_t offset[BATCH], grad_offset[BATCH];
    for (int64_t l = 0; l < BATCH; l++) {
        offset[l] = place[l < count ? l : 0].logits;
        grad_offset[l] = place[l < count ? l : 0].grad;
    }
    for (int64_t first = 0; first < classes; first += CHUNK) {
        const int64_t n = classes - first < CHUNK ? classes - first : CHUNK;
        tile_load(logits, offset, stride, first, n, buffer);
        lanes_chunk(state, buffer, BATCH, first, n, classes, keep ? buffer : NULL);
    }
    lanes_finish(state);
    if (!grad) return;
    for (int64_t first = 0; first < classes; first += CHUNK) {
        const int64_t n = classes - first < CHUNK ? classes - first : CHUNK;
        if (!keep) tile_load(logits, offset, stride, first, n, buffer);
        lanes_gradient(state, 0, args->scale, buffer, BATCH, buffer, BATCH, n, keep);
        tile_store(grad, grad_offset, count, grad_stride, first, n, buffer);
    }
}

/* state->width samples, contiguous in logits and gradient, where they lie. */
static void softmax_wide(lanes_state *state, const closs_softmax_args *args, const sample_place *place)
{
    const real *logits = (const real *)args->logits.data + place[0].logits;
    const int64_t classes = args->classes;
    const int64_t stride = class_stride_of(args->logits.strides, args->ndim);
    for (int64_t first = 0; first < classes; first += CHUNK) {
        const int64_t n = classes - first < CHUNK ? classes - first : CHUNK;
        lanes_chunk(state, logits + first * stride, stride, first, n, classes, NULL);
    }
    lanes_finish(state);
    if (!args->grad.data) return;
    real *grad = (real *)args->grad.data + place[0].grad;
    const int64_t grad_stride = class_stride_of(args->grad.strides, args->ndim);
    for (int64_t v = 0; v < state->width; v += BATCH)
        lanes_gradient(state, v, args->scale, logits + v, stride, grad + v, grad_stride, classes, 0);
}

static void softmax_lanes(const closs_softmax_args *args, int64_t begin, int64_t end, double *sum)
{
    const int64_t stride = class_stride_of(args->logits.strides, args->ndim);
    const int64_t grad_stride = class_stride_of(args->grad.strides, args->ndim);
    lanes_state state;
    sample_place place[WIDE];
    value_sum values = {{0}, 0};
    sample_run run = {{0, 0, 0, 0, 0}, {0, 0, 0, 0, 0}, 0};
    int64_t in_run = 0;
    for (int64_t next = begin; next < end;) {
        if (in_run == run.count) {
            run = run_at(args, next, end - next);
            in_run = 0;
        }
        const int64_t left = run.count - in_run;
        const int in_place = left >= BATCH && run.step.logits == 1 && (!args->grad.data || run.step.grad == 1);
        const int64_t width = !in_place || left < 2 * BATCH ? BATCH : left < WIDE ? left - left % BATCH : WIDE;
        int64_t count = 0;
        lanes_begin(&state, width);
        for (; count < width && next + count < end; count++) {
            if (in_run == run.count) {
                run = run_at(args, next + count, end - next - count);
                in_run = 0;
            }
            place[count] = place_in_run(&run, in_run++);
            state.weight[count] = sample_weight_and_label(args, &place[count], &state.label[count]);
            if (state.label[count] >= 0)
                state.at_label[count] =
                    ((const real *)args->logits.data)[place[count].logits + state.label[count] * stride];
        }
        if (in_place)
            softmax_wide(&state, args, place);
        else
            softmax_tile(&state, args, place, count);
        for (int64_t v = 0; v < count; v += BATCH) {
            const int64_t n = count - v < BATCH ? count - v : BATCH;
            double value[BATCH];
            for (int l = 0; l < BATCH; l++)
                value[l] = state.weight[v + l] == 0 ? 0.0 : state.weight[v + l] * (double)state.value[v + l];
            if (args->values.data)
                for (int64_t l = 0; l < n; l++) ((real *)args->values.data)[place[v + l].values] = (real)value[l];
            value_sum_add(&values, value, n);
        }
        if (args->grad.data)
            for (int64_t l = 0; l < count; l++)
                if (state.label[l] >= 0 && state.weight[l] != 0)
                    ((real *)args->grad.data)[place[l].grad + state.label[l] * grad_stride] =
                        label_gradient(&state, l, args->scale);
        next += count;
    }
    *sum += value_sum_total(&values);
}
#undef lanes_state
#undef lanes_max
#undef lanes_sum
#undef lanes_chunk
#undef lanes_finish
#undef lanes_gradient
#undef tile_load
#undef tile_store
#undef label_gradient
#undef lanes_begin
#undef softmax_tile
#undef softmax_wide
#undef softmax_lanes
