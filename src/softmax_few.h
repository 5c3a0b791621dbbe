/* softmax_few.h: few samples of few classes. As lanes they would leave most of a vector empty; so each is cut into
 * lanes of WIDEN classes, which are as many as softmax_chunks.h sums in `real`: all results have the same bits as among
 * many samples.
 *
 * Passes: samples are copied to rows of whole lanes, with -inf behind their classes, and transposed; the exponentials
 * of a gradient come back the same way. Formulas, error and special values: see softmax_row.h.
 */
#define few_rows KERNEL(few_rows)
#define few_sums KERNEL(few_sums)
#define few_write KERNEL(few_write)
#define softmax_few KERNEL(softmax_few)

#ifndef CLOSS_FEW_SIZES
#define CLOSS_FEW_SIZES
enum { FEW_SAMPLES = BATCH / 2 };

/* Lanes that a sample is cut into. */
INLINE int64_t few_lanes(const closs_softmax_args *args)
{
    return (args->classes + WIDEN - 1) / WIDEN;
}

/* Whether `count` samples are so few, and more lanes if they are cut. */
INLINE int are_few(const closs_softmax_args *args, int64_t count)
{
    return few_lanes(args) > 1 && count <= FEW_SAMPLES;
}
#endif

#undef FEW_LANES
#define FEW_LANES (FEW_SAMPLES * CHUNK / WIDEN)

/* Where the samples lie meanwhile: lane l has classes [l % lanes x WIDEN, ...) of sample l / lanes. */
typedef struct {
    ALIGNED real rows[FEW_LANES * WIDEN], tile[FEW_LANES * WIDEN];
    ALIGNED double total[FEW_LANES], ties[FEW_LANES];
    int64_t lanes, row; /* of each sample: its lanes, and its elements with those behind its classes */
    lanes_state cut;    /* of which only the lanes' places, maxima and number are used */
} few_rows;

/* The sums of the samples and what is made of them, and with `stores` the exponentials in the tile. */
INLINE void few_sums(few_rows *few, lanes_state *state, const closs_softmax_args *args, const int stores)
{
    const int64_t lanes = few->lanes, width = few->cut.width;
    const int pivot = leaves_out_pivot(args);
    const memory_ahead nowhere = {(uintptr_t)few->tile, 0, 0, 0};
    ALIGNED double others[BATCH] = {0}, ties[BATCH] = {0};
    lanes_chunk chunk;
    chunk.x = few->tile, chunk.stride = width;
    chunk.first = 0, chunk.n = WIDEN;
    chunk.store = stores ? few->tile : NULL, chunk.store_stride = width;
    chunk.next = chunk.target = nowhere;
    for (int64_t l = 0; l < width; l++) {
        few->cut.max[l] = -INFINITY;
        chunk.label[l] = -1;
    }
    lanes_max(few->tile, width, WIDEN, width, few->cut.max);
    for (int64_t s = 0; s < state->count; s++) {
        real *max = few->cut.max + s * lanes;
        for (int64_t k = 0; k < lanes; k++) state->max[s] = max[k] > state->max[s] ? max[k] : state->max[s];
        for (int64_t k = 0; k < lanes; k++) max[k] = state->max[s];
        if (!state->labelled || state->label[s] < 0) continue;
        state->at_label[s] = few->rows[s * few->row + state->label[s]];
        chunk.label[s * lanes + state->label[s] / WIDEN] = class_number[state->label[s] % WIDEN];
    }
    for (int64_t l = 0; l < width; l++) few->total[l] = few->ties[l] = 0;
    for (int64_t v = 0; v < width; v += STEP) {
        if (pivot)
            lanes_sum(&few->cut, &chunk, v, 1, LEAVE_MAX, 0, few->total + v, few->ties + v);
        else if (stores)
            lanes_sum(&few->cut, &chunk, v, 1, LEAVE_LABEL, 1, few->total + v, few->ties + v);
        else
            lanes_sum(&few->cut, &chunk, v, 1, LEAVE_LABEL, 0, few->total + v, few->ties + v);
    }
    for (int64_t s = 0; s < state->count; s++)
        for (int64_t l = s * lanes; l < (s + 1) * lanes; l++) others[s] += few->total[l], ties[s] += few->ties[l];
    lanes_end(state, args, others, ties);
    if (args->result != CLOSS_SOFTMAX) lanes_values(state);
}

/* The results of sample s, from its exponentials, or logits for log_softmax. */
INLINE void few_write(few_rows *few, const lanes_state *state, const closs_softmax_args *args, int64_t s)
{
    const double weight = has_values(args) ? state->weight[s] * args->scale : 1;
    real *row = few->rows + s * few->row;
    if (args->result == CLOSS_LOG_SOFTMAX) {
        for (int64_t j = 0; j < args->classes; j++) row[j] = (row[j] - state->max[s]) - state->value[s];
    } else if (args->result == CLOSS_SOFTMAX) {
        for (int64_t j = 0; j < args->classes; j++) row[j] *= state->value[s];
    } else if (state->weight[s] == 0) {
        for (int64_t j = 0; j < args->classes; j++) row[j] = 0;
    } else {
        row_scale(row, row, args->classes, state->share[s], weight);
        if (state->label[s] >= 0) row[state->label[s]] = (real)(0.0 - state->others[s] * state->share[s] * weight);
    }
    store_reals(row, args->classes, args->grad.data, grad_dtype(args), state->grad[s],
                class_stride_of(args, args->grad.strides));
}

/* The samples of `state`, which are few. */
static OUT_OF_LINE void softmax_few(lanes_state *state, const closs_softmax_args *args)
{
    const int64_t stride = class_stride_of(args, args->logits.strides), classes = args->classes;
    const int stores = args->grad.data && !leaves_out_pivot(args);
    few_rows few;
    few.lanes = few_lanes(args);
    few.row = few.lanes * WIDEN;
    few.cut.count = few.cut.width = (state->count * few.lanes + BATCH - 1) / BATCH * BATCH;
    for (int64_t s = 0; s < state->count; s++) {
        load_reals(args->logits.data, args->dtype, state->logits[s], stride, classes, few.rows + s * few.row);
        for (int64_t j = classes; j < few.row; j++) few.rows[s * few.row + j] = -INFINITY;
    }
    for (int64_t j = state->count * few.row; j < few.cut.width * WIDEN; j++) few.rows[j] = -INFINITY;
    offsets_of(0, WIDEN, few.cut.width, few.cut.logits);
    tile_load(few.rows, REAL_DTYPE, few.cut.logits, 1, few.cut.width, few.cut.width, 0, WIDEN, few.tile);
    if (stores)
        few_sums(&few, state, args, 1);
    else
        few_sums(&few, state, args, 0);
    if (stores) tile_store(few.tile, few.cut.width, few.cut.width, 0, WIDEN, few.rows, REAL_DTYPE, few.cut.logits, 1);
    for (int64_t s = 0; args->grad.data && s < state->count; s++) few_write(&few, state, args, s);
}
