/* softmax_terms.h: what of the softmax family is a sum of terms over the classes, in double for every dtype. With
 * m = max z, e_j = exp(z_j - m), S = sum of e_j and S' = S without one term of the maximum, so that log S = log1p(S'):
 *
 *   cross-entropy with class probabilities or smoothing, v_j the target x class weight, W = sum of v_j:
 *       loss = sum of v_j (m - z_j) + W log1p(S'),   gradient_j = W p_j - v_j,   where p_j > 1/2 (W - v_j) - W S' / S;
 *   Hessian, also that of labels without smoothing: W p_j (1 - p_j), where 1 - p_j = (S - e_j) / S, at the maximum S' / S;
 *   entropy, with M = (sum of e_j (m - z_j)) / S: H = log1p(S') + M, gradient_j = p_j ((m - z_j) - M);
 *   distillation, q = softmax(u / T), r = softmax(z / T), a = (u - max u) / T, b = (z - m) / T:
 *       D = sum of q_j (a_j - b_j) + log1p(S'_z) - log1p(S'_u),   gradient_j = (r_j - q_j) / T.
 *
 * Terms whose v_j, e_j or q_j is exactly 0 are left out. The maximum's term is counted, not summed, so S' holds all digits.
 *
 * Layout: tiles of LANES_OF_TERMS lanes. Lanes are classes for long rows whose class axis is the fastest in memory, else
 * samples. Passes: one to sum, in tiles whose states are merged, and one more over tiles for gradient and Hessian.
 *
 * Accumulators: a tile in sums of a lane (64 terms), lanes by a fixed tree, tiles one after the other. Error: 8 eps of the sum of
 * |terms|, plus what rounding z_j - m makes of each exponential; results are rounded once to the dtype of the output.
 *
 * Special values: NaN meets the sum; where the maximum is +inf, or -inf, S' is made NaN.
 */
#define softmax_terms KERNEL(softmax_terms)
#define terms_part KERNEL(terms_part)
#define terms_value KERNEL(terms_value)
#define terms_write KERNEL(terms_write)
enum { LANES_OF_TERMS = BATCH, TERM_TILE = 1024 };

typedef struct {
    int64_t logits[LANES_OF_TERMS], targets[LANES_OF_TERMS], grad[LANES_OF_TERMS], hess[LANES_OF_TERMS];
    int64_t values[LANES_OF_TERMS], label[LANES_OF_TERMS];
    double weight[LANES_OF_TERMS];
    int64_t count; /* samples */
    int along;     /* lanes are classes of the first sample */
} terms_place;

/* z, and beside it the targets v or the target logits; later gradient and Hessian. */
typedef struct {
    ALIGNED double z[TERM_TILE];
    ALIGNED double v[TERM_TILE];
} terms_tile;

enum { TERMS_NONE, TERMS_TARGETS, TERMS_ENTROPY, TERMS_DISTILLATION };

INLINE int terms_kind(const closs_softmax_args *args)
{
    if (args->result == CLOSS_SOFTMAX_ENTROPY) return TERMS_ENTROPY;
    if (args->result == CLOSS_DISTILLATION) return TERMS_DISTILLATION;
    return args->targets.data || args->label_smoothing != 0 ? TERMS_TARGETS : TERMS_NONE;
}

/* Classes of a tile. */
INLINE int64_t tile_classes(const terms_place *place)
{
    return place->along ? TERM_TILE : TERM_TILE / LANES_OF_TERMS;
}

INLINE int64_t tile_groups(const terms_place *place, int64_t n)
{
    return place->along ? (n + LANES_OF_TERMS - 1) / LANES_OF_TERMS : n;
}

INLINE int neighbours(const int64_t *offset, int64_t lanes)
{
    for (int64_t l = 1; l < lanes; l++)
        if (offset[l] != offset[0] + l) return 0;
    return 1;
}

/* n classes from `first` of an array; where lanes are classes the last group is filled up with `padding`. */
static void terms_load(const terms_place *place, const void *data, closs_dtype dtype, const int64_t *offset,
                       int64_t stride, int64_t first, int64_t n, double padding, double *restrict tile)
{
    if (place->along) {
        load_reals(data, dtype, offset[0] + first * stride, stride, n, tile);
        for (int64_t i = n; i % LANES_OF_TERMS != 0; i++) tile[i] = padding;
    } else if (stride != 1 && neighbours(offset, LANES_OF_TERMS)) {
        for (int64_t j = 0; j < n; j++)
            load_reals(data, dtype, offset[0] + (first + j) * stride, 1, LANES_OF_TERMS, tile + j * LANES_OF_TERMS);
    } else {
        double row[TERM_TILE / LANES_OF_TERMS];
        for (int64_t l = 0; l < LANES_OF_TERMS; l++) {
            load_reals(data, dtype, offset[l] + first * stride, stride, n, row);
            for (int64_t j = 0; j < n; j++) tile[j * LANES_OF_TERMS + l] = row[j];
        }
    }
}

static void terms_store(const terms_place *place, const double *tile, int64_t first, int64_t n, void *data,
                        closs_dtype dtype, const int64_t *offset, int64_t stride)
{
    if (place->along) {
        store_reals(tile, n, data, dtype, offset[0] + first * stride, stride);
    } else if (stride != 1 && neighbours(offset, place->count)) {
        for (int64_t j = 0; j < n; j++)
            store_reals(tile + j * LANES_OF_TERMS, place->count, data, dtype, offset[0] + (first + j) * stride, 1);
    } else {
        double row[TERM_TILE / LANES_OF_TERMS];
        for (int64_t l = 0; l < place->count; l++) {
            for (int64_t j = 0; j < n; j++) row[j] = tile[j * LANES_OF_TERMS + l];
            store_reals(row, n, data, dtype, offset[l] + first * stride, stride);
        }
    }
}

/* The targets v of n classes from `first`. */
static void terms_targets(const closs_softmax_args *args, const terms_place *place, int64_t first, int64_t n,
                          double *restrict v)
{
    const double kept = 1 - args->label_smoothing, shared = args->label_smoothing / (double)args->classes;
    const int64_t elements = tile_groups(place, n) * LANES_OF_TERMS;
    const int64_t stride = class_stride_of(args->targets.strides, args->ndim);
    if (args->targets.data) {
        terms_load(place, args->targets.data, args->target_dtype, place->targets, stride, first, n, 0, v);
        if (args->label_smoothing != 0)
            for (int64_t i = 0; i < elements; i++) v[i] = kept * v[i] + shared;
    } else {
        for (int64_t i = 0; i < elements; i++) v[i] = shared;
        for (int64_t l = 0; l < (place->along ? 1 : LANES_OF_TERMS); l++) {
            const int64_t at = place->label[l] - first;
            if (place->label[l] >= 0 && at >= 0 && at < n) v[place->along ? at : at * LANES_OF_TERMS + l] += kept;
        }
    }
    if (place->along)
        for (int64_t i = n; i < elements; i++) v[i] = 0;
    if (!args->class_weight.data) return;
    const int64_t step = class_stride_of(args->class_weight.strides, 0);
    for (int64_t j = 0; j < n; j++) {
        const double weight = weight_at(&args->class_weight, args->class_weight_dtype, (first + j) * step);
        if (place->along)
            v[j] *= weight;
        else
            for (int64_t l = 0; l < LANES_OF_TERMS; l++) v[j * LANES_OF_TERMS + l] *= weight;
    }
}

static void terms_read(const closs_softmax_args *args, const terms_place *place, int kind, int64_t first, int64_t n,
                       terms_tile *tile)
{
    const int64_t stride = class_stride_of(args->logits.strides, args->ndim);
    terms_load(place, args->logits.data, args->dtype, place->logits, stride, first, n, -INFINITY, tile->z);
    if (kind == TERMS_TARGETS) terms_targets(args, place, first, n, tile->v);
    if (kind == TERMS_DISTILLATION)
        terms_load(place, args->targets.data, args->target_dtype, place->targets,
                   class_stride_of(args->targets.strides, args->ndim), first, n, -INFINITY, tile->v);
}

/* max[l] = the maximum of a lane, of all lanes where they are classes. */
INLINE void terms_max(const double *x, int64_t groups, int along, double *restrict max)
{
    for (int l = 0; l < LANES_OF_TERMS; l++) max[l] = -INFINITY;
    for (int64_t g = 0; g < groups; g++) {
#pragma omp simd
        for (int l = 0; l < LANES_OF_TERMS; l++) {
            const double value = x[g * LANES_OF_TERMS + l];
            max[l] = value > max[l] ? value : max[l];
        }
    }
    if (!along) return;
    for (int l = 1; l < LANES_OF_TERMS; l++) max[0] = max[l] > max[0] ? max[l] : max[0];
    for (int l = 1; l < LANES_OF_TERMS; l++) max[l] = max[0];
}

INLINE void terms_fold(double *lane)
{
    for (int half = LANES_OF_TERMS / 2; half > 0; half /= 2)
        for (int l = 0; l < half; l++) lane[l] += lane[l + half];
}

/* The states of a tile: one for each lane, or one where lanes are classes. */
INLINE void terms_sum(const closs_softmax_args *args, const terms_place *place, const int kind, int64_t groups,
                      const terms_tile *tile, closs_softmax_state *state)
{
    enum { L = LANES_OF_TERMS };
    ALIGNED double max[L], base[L], target_max[L], target_base[L];
    ALIGNED double sum[L] = {0}, ties[L] = {0}, target_sum[L] = {0}, target_ties[L] = {0};
    ALIGNED double moment[L] = {0}, terms[L] = {0}, weight[L] = {0};
    const double unit = 0x1p54, temperature = args->temperature;
    terms_max(tile->z, groups, place->along, max);
    for (int l = 0; l < L; l++) base[l] = base_of(max[l]);
    if (kind == TERMS_DISTILLATION) {
        terms_max(tile->v, groups, place->along, target_max);
        for (int l = 0; l < L; l++) target_base[l] = base_of(target_max[l]);
    }
    for (int64_t g = 0; g < groups; g++) {
        const double *z = tile->z + g * L, *v = tile->v + g * L;
#pragma omp simd
        for (int l = 0; l < L; l++) {
            const double t = kind == TERMS_DISTILLATION ? (z[l] - base[l]) / temperature : z[l] - base[l];
            const double e = exp_scaled(t);
            const double one = z[l] == max[l] ? 1.0 : 0;
            sum[l] += e - one * unit; /* exactly 0 at the maximum */
            ties[l] += one;
            if (kind == TERMS_ENTROPY) {
                const double term = e * -t;
                moment[l] += e == 0 ? 0 : term;
            }
            if (kind == TERMS_TARGETS) {
                const double target = v[l], term = target * -t;
                terms[l] += ((target == 0) | (t == 0)) ? 0 : term; /* an infinite target at the maximum, too */
                weight[l] += target;
            }
            if (kind == TERMS_DISTILLATION) {
                const double u = (v[l] - target_base[l]) / temperature;
                const double q = exp_scaled(u);
                const double share = q * (u - t), term = z[l] == -INFINITY ? INFINITY : share;
                const double top = v[l] == target_max[l] ? 1.0 : 0;
                target_sum[l] += q - top * unit;
                target_ties[l] += top;
                moment[l] += v[l] == -INFINITY ? 0 : term;
            }
        }
    }
    if (place->along) {
        terms_fold(sum), terms_fold(ties), terms_fold(target_sum), terms_fold(target_ties);
        terms_fold(moment), terms_fold(terms), terms_fold(weight);
    }
    for (int l = 0; l < (place->along ? 1 : L); l++) {
        state_clear(&state[l], args, unit);
        state[l].max = max[l];
        state[l].rest = sum[l] + (ties[l] - 1) * unit;
        state[l].moment = moment[l];
        state[l].terms = terms[l];
        state[l].weight = weight[l];
        if (kind != TERMS_DISTILLATION) continue;
        state[l].target_max = target_max[l];
        state[l].target_rest = target_sum[l] + (target_ties[l] - 1) * unit;
    }
}

static void terms_sum_kind(const closs_softmax_args *args, const terms_place *place, int kind, int64_t groups,
                           const terms_tile *tile, closs_softmax_state *state)
{
    switch (kind) {
    case TERMS_NONE: terms_sum(args, place, TERMS_NONE, groups, tile, state); break;
    case TERMS_TARGETS: terms_sum(args, place, TERMS_TARGETS, groups, tile, state); break;
    case TERMS_ENTROPY: terms_sum(args, place, TERMS_ENTROPY, groups, tile, state); break;
    default: terms_sum(args, place, TERMS_DISTILLATION, groups, tile, state);
    }
}

/* The states of classes [begin, end), of every lane that is a sample, or of the one sample. */
static void terms_states(const closs_softmax_args *args, const terms_place *place, int64_t begin, int64_t end,
                         terms_tile *tile, closs_softmax_state *state)
{
    closs_softmax_state fresh[LANES_OF_TERMS];
    const int kind = terms_kind(args);
    const int64_t step = tile_classes(place);
    for (int64_t first = begin; first < end; first += step) {
        const int64_t n = end - first < step ? end - first : step;
        terms_read(args, place, kind, first, n, tile);
        terms_sum_kind(args, place, kind, tile_groups(place, n), tile, first == begin ? state : fresh);
        for (int l = 0; first > begin && l < (place->along ? 1 : LANES_OF_TERMS); l++)
            softmax_merge(&state[l], &fresh[l]);
    }
}

/* What outputs are made from, for each lane; all lanes the same where they are classes. */
typedef struct {
    ALIGNED double max[LANES_OF_TERMS];
    ALIGNED double rest[LANES_OF_TERMS], share[LANES_OF_TERMS]; /* S' and 1 / S, times 2^54 and 2^-54 */
    ALIGNED double target_max[LANES_OF_TERMS], target_rest[LANES_OF_TERMS], target_share[LANES_OF_TERMS];
    ALIGNED double mean[LANES_OF_TERMS];   /* M of the entropy; the sum of q (a - b) */
    ALIGNED double weight[LANES_OF_TERMS]; /* W; 0 where a sample is absent */
    ALIGNED double sample[LANES_OF_TERMS]; /* the sample's own weight */
    ALIGNED double value[LANES_OF_TERMS];  /* not yet weighted */
} terms_totals;

static void terms_finish(const closs_softmax_args *args, const terms_place *place, const closs_softmax_state *state,
                         terms_totals *total)
{
    const int kind = terms_kind(args);
    const double unit = 0x1p54;
    ALIGNED double terms[LANES_OF_TERMS], target_log[LANES_OF_TERMS];
    for (int l = 0; l < LANES_OF_TERMS; l++) {
        const closs_softmax_state *s = &state[place->along ? 0 : l];
        const double whole = place->along ? place->weight[0] : place->weight[l];
        total->max[l] = s->max;
        total->rest[l] = fabs(s->max) < INFINITY ? s->rest * (unit / s->unit) : (double)NAN;
        total->share[l] = 1 / (total->rest[l] + unit);
        total->target_max[l] = s->target_max;
        total->target_rest[l] =
            kind != TERMS_DISTILLATION || fabs(s->target_max) < INFINITY ? s->target_rest : (double)NAN;
        total->target_share[l] = 1 / (total->target_rest[l] + unit);
        total->mean[l] = s->moment * (kind == TERMS_DISTILLATION ? total->target_share[l] : total->share[l]);
        total->weight[l] = kind == TERMS_TARGETS ? s->weight : 1;
        total->sample[l] = whole;
        if (whole == 0) total->weight[l] = 0;
        terms[l] = s->terms;
    }
#pragma omp simd
    for (int l = 0; l < LANES_OF_TERMS; l++) total->value[l] = log1p_positive(total->rest[l] * 0x1p-54);
    if (kind == TERMS_TARGETS) {
        for (int l = 0; l < LANES_OF_TERMS; l++) total->value[l] = terms[l] + total->weight[l] * total->value[l];
    } else if (kind == TERMS_ENTROPY) {
        for (int l = 0; l < LANES_OF_TERMS; l++) total->value[l] += total->mean[l];
    } else if (kind == TERMS_DISTILLATION) {
        for (int l = 0; l < LANES_OF_TERMS; l++) target_log[l] = log1p_positive(total->target_rest[l] * 0x1p-54);
        for (int l = 0; l < LANES_OF_TERMS; l++) total->value[l] = (total->value[l] - target_log[l]) + total->mean[l];
    }
}

/* ln(base), base not 1. */
INLINE double log_of_base(double base)
{
    return base == 0 ? 1 : base > 1 ? log1p_positive(base - 1) : -log1p_positive(1 / base - 1);
}

/* An entropy to base 2: where S is a power of two nothing may be left of the logarithm but its exponent. */
static double entropy_in_bits(double rest, double mean)
{
    double exponent = 0, f = rest; /* 1 + rest = 2^exponent (1 + f) */
    while (f >= 1) f = f * 0.5 + -0.5, exponent += 1;
    return exponent + (log1p_positive(f) + mean) / 0.69314718055994530942;
}

/* The weighted value of lane l, before it is rounded. */
static double terms_lane_value(const closs_softmax_args *args, const terms_totals *total, int l)
{
    if (total->weight[l] == 0) return 0;
    double value = total->value[l];
    if (args->base == 2)
        value = entropy_in_bits(total->rest[l] * 0x1p-54, total->mean[l]);
    else if (args->base != 0)
        value /= log_of_base(args->base);
    if (args->dtype != CLOSS_F64) value = (double)(float)value;
    return total->sample[l] * value + 0.0; /* + 0.0: a sum of nothing is +0 */
}

INLINE void terms_outputs(const closs_softmax_args *args, const terms_totals *total, const int kind, double factor,
                          int64_t groups, terms_tile *tile)
{
    enum { L = LANES_OF_TERMS };
    const double unit = 0x1p54, temperature = args->temperature;
    ALIGNED double base[L], scale[L], likely[L], target_likely[L];
    for (int l = 0; l < L; l++) {
        base[l] = base_of(total->max[l]);
        scale[l] = total->sample[l] * args->scale / factor;
        /* Where p > 1/2 what is near 1 is left to cancel exactly. */
        likely[l] = total->rest[l] < unit && fabs(total->weight[l]) < INFINITY ? total->max[l] : (double)NAN;
        target_likely[l] = total->target_rest[l] < unit ? total->target_max[l] : (double)NAN;
    }
    for (int64_t g = 0; g < groups; g++) {
        double *z = tile->z + g * L, *v = tile->v + g * L;
#pragma omp simd
        for (int l = 0; l < L; l++) {
            const double t = kind == TERMS_DISTILLATION ? (z[l] - base[l]) / temperature : z[l] - base[l];
            const int top = z[l] == total->max[l];
            const double e = exp_scaled(t), share = total->share[l], W = total->weight[l];
            /* e is 2^54 times too large, and so never subnormal: what may underflow is multiplied last. */
            const double p = e * (W * share);
            double gradient = 0, hessian = 0;
            if (kind == TERMS_TARGETS) {
                const double plain = p - v[l];
                const double exact = (W - v[l]) - W * (total->rest[l] * share);
                gradient = z[l] == likely[l] ? exact : plain;
            }
            if (kind == TERMS_TARGETS || kind == TERMS_NONE) {
                const double others = top ? total->rest[l] : total->rest[l] + unit - e;
                hessian = e * others * (W * share * share);
            }
            if (kind == TERMS_ENTROPY) {
                const double entry = e * (-t - total->mean[l]) * share;
                gradient = e == 0 ? share * 0 : entry; /* NaN all the same where S is */
            }
            if (kind == TERMS_DISTILLATION) {
                const double u = (v[l] - base_of(total->target_max[l])) / temperature;
                const double q = exp_scaled(u) * total->target_share[l];
                const double exact = total->target_rest[l] * total->target_share[l] - total->rest[l] * share;
                gradient = ((z[l] == likely[l]) & (v[l] == target_likely[l])) ? exact : p - q;
            }
            /* A sample of weight 0 is absent, whatever its logits made of it. */
            z[l] = W == 0 ? 0 : gradient * scale[l];
            v[l] = W == 0 ? 0 : hessian * scale[l];
        }
    }
}

/* Gradient and Hessian of classes [begin, end); `loaded`: the tile holds them already. */
static void terms_write_classes(const closs_softmax_args *args, const terms_place *place, const terms_totals *total,
                                int64_t begin, int64_t end, terms_tile *tile, int loaded)
{
    const int kind = terms_kind(args);
    const int64_t step = tile_classes(place);
    const double factor = kind == TERMS_DISTILLATION ? args->temperature : log_of_base(args->base);
    for (int64_t first = begin; first < end; first += step) {
        const int64_t n = end - first < step ? end - first : step, groups = tile_groups(place, n);
        if (!loaded) terms_read(args, place, kind, first, n, tile);
        switch (kind) {
        case TERMS_NONE: terms_outputs(args, total, TERMS_NONE, factor, groups, tile); break;
        case TERMS_TARGETS: terms_outputs(args, total, TERMS_TARGETS, factor, groups, tile); break;
        case TERMS_ENTROPY: terms_outputs(args, total, TERMS_ENTROPY, factor, groups, tile); break;
        default: terms_outputs(args, total, TERMS_DISTILLATION, factor, groups, tile);
        }
        /* The gradient of labels without smoothing is that of the fast kernels. */
        if (args->grad.data && kind != TERMS_NONE)
            terms_store(place, tile->z, first, n, args->grad.data, grad_dtype(args), place->grad,
                        class_stride_of(args->grad.strides, args->ndim));
        if (args->hess.data)
            terms_store(place, tile->v, first, n, args->hess.data, hess_dtype(args), place->hess,
                        class_stride_of(args->hess.strides, args->ndim));
    }
}

/* Takes the next `count` samples; lanes without one repeat the first, and count for nothing. */
static void terms_take(const closs_softmax_args *args, sample_cursor *cursor, int64_t count, int along,
                       terms_place *place)
{
    place->count = count;
    place->along = along;
    for (int64_t done = 0; done < count;) {
        const sample_run run = next_run(args, cursor, count - done);
        for (int64_t i = 0; i < run.count; i++) {
            place->logits[done + i] = run.first.logits + i * run.step.logits;
            place->targets[done + i] = run.first.targets + i * run.step.targets;
            place->grad[done + i] = run.first.grad + i * run.step.grad;
            place->hess[done + i] = run.first.hess + i * run.step.hess;
            place->values[done + i] = run.first.values + i * run.step.values;
        }
        labels_and_weights(args, &run, place->label + done, place->weight + done);
        done += run.count;
    }
    for (int64_t l = count; l < LANES_OF_TERMS; l++) {
        place->logits[l] = place->logits[0];
        place->targets[l] = place->targets[0];
        place->label[l] = -1;
        place->weight[l] = 0;
    }
}

static void softmax_terms(const closs_softmax_args *args, int64_t begin, int64_t end, double *sum)
{
    const int64_t classes = args->classes;
    const int along = !closs_lanes_of_samples(args), outputs = args->grad.data || args->hess.data;
    terms_place place;
    terms_tile tile;
    terms_totals total;
    closs_softmax_state state[LANES_OF_TERMS], part;
    value_sum values = {{0}, 0};
    sample_cursor cursor = cursor_at(args, begin, end);
    while (cursor.left > 0) {
        const int64_t most = along ? 1 : LANES_OF_TERMS, count = cursor.left < most ? cursor.left : most;
        terms_take(args, &cursor, count, along, &place);
        for (int64_t first = 0; first < classes; first += along ? CLOSS_PART : classes) {
            const int64_t stop = along && classes - first > CLOSS_PART ? first + CLOSS_PART : classes;
            terms_states(args, &place, first, stop, &tile, first == 0 ? state : &part);
            if (first > 0) softmax_merge(state, &part);
        }
        if (classes == 0)
            for (int l = 0; l < LANES_OF_TERMS; l++) state_clear(&state[l], args, 0x1p54);
        terms_finish(args, &place, state, &total);
        ALIGNED double value[LANES_OF_TERMS];
        for (int l = 0; l < count; l++) value[l] = terms_lane_value(args, &total, l);
        if (args->values.data && terms_kind(args) != TERMS_NONE)
            for (int l = 0; l < count; l++) store_value(args, place.values[l], value[l]);
        value_sum_add(&values, value, count);
        if (outputs) terms_write_classes(args, &place, &total, 0, classes, &tile, classes <= tile_classes(&place));
    }
    *sum += value_sum_total(&values);
}

static void terms_one(const closs_softmax_args *args, int64_t sample, terms_place *place)
{
    sample_cursor cursor = cursor_at(args, sample, sample + 1);
    terms_take(args, &cursor, 1, 1, place);
    place->logits[0] -= args->first_class * class_stride_of(args->logits.strides, args->ndim);
    place->targets[0] -= args->first_class * class_stride_of(args->targets.strides, args->ndim);
    place->grad[0] -= args->first_class * class_stride_of(args->grad.strides, args->ndim);
    place->hess[0] -= args->first_class * class_stride_of(args->hess.strides, args->ndim);
}

static void terms_part(const closs_softmax_args *args, int64_t sample, int64_t begin, int64_t end,
                       closs_softmax_part *part)
{
    terms_place place;
    terms_tile tile;
    terms_one(args, sample, &place);
    part->stored = 0;
    state_clear(&part->state, args, 0x1p54);
    terms_states(args, &place, begin, end, &tile, &part->state);
}

static double terms_value(const closs_softmax_args *args, int64_t sample, const closs_softmax_state *row)
{
    terms_place place;
    terms_totals total;
    terms_one(args, sample, &place);
    terms_finish(args, &place, row, &total);
    const double value = terms_lane_value(args, &total, 0);
    if (args->values.data) store_value(args, place.values[0], value);
    return value;
}

static void terms_write(const closs_softmax_args *args, int64_t sample, int64_t begin, int64_t end,
                        const closs_softmax_part *part, const closs_softmax_state *row)
{
    (void)part;
    terms_place place;
    terms_tile tile;
    terms_totals total;
    terms_one(args, sample, &place);
    terms_finish(args, &place, row, &total);
    terms_write_classes(args, &place, &total, begin, end, &tile, 0);
}

#undef softmax_terms
#undef terms_part
#undef terms_value
#undef terms_write
