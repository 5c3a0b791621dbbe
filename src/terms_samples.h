/* terms_samples.h: what the kernels of softmax_terms.h and measures.h keep of samples, in double for all dtypes: where
 * they lie, the sums of their lanes and how these grow, and the values that are made of them. */
enum { LANES_OF_TERMS = BATCH, TERM_WIDE = 64, TERMS_WIDENED = 16, CUT_LANES = 32 };
#define CHUNK_OF(tile) ((tile) / LANES_OF_TERMS) /* classes whose sums are relative to one maximum */
enum {             /* what is summed beside the exponentials; from MEASURE_ONE on there are none, but probabilities */
       TERMS_NONE, /* nothing: the Hessian of labels needs no more */
       TERMS_TARGETS,
       TERMS_ENTROPY,
       TERMS_DISTILLATION,
       MEASURE_ONE,
       MEASURE_PAIRS
};

INLINE int terms_kind(const closs_softmax_args *args)
{
    if (args->result == CLOSS_SOFTMAX_ENTROPY) return TERMS_ENTROPY;
    if (args->result == CLOSS_DISTILLATION) return TERMS_DISTILLATION;
    return args->targets.data || args->label_smoothing != 0 ? TERMS_TARGETS : TERMS_NONE;
}

/* Where the samples of a tile lie. */
typedef struct {
    int64_t logits[TERM_WIDE], targets[TERM_WIDE], grad[TERM_WIDE], hess[TERM_WIDE]; /* offsets in elements */
    int64_t values[TERM_WIDE], label[TERM_WIDE];
    double weight[TERM_WIDE];
    int64_t count;       /* samples */
    int64_t width;       /* lanes that are samples: count, rounded up */
    int64_t first_class; /* with which arrays and scratch begin */
    int along;           /* lanes are classes of the one sample */
} terms_place;

/* Takes the next `count` samples; lanes without one repeat the first, and count for nothing. */
static OUT_OF_LINE void terms_take(const closs_softmax_args *args, sample_cursor *cursor, int64_t count, int along,
                                   terms_place *place)
{
    place->count = count;
    place->first_class = 0;
    place->width = along ? 1 : (count + LANES_OF_TERMS - 1) / LANES_OF_TERMS * LANES_OF_TERMS;
    place->along = along;
    place->targets[0] = place->grad[0] = place->hess[0] = place->values[0] = 0; /* of arrays that are not there */
    for (int64_t done = 0; done < count;) {
        const sample_run run = next_run(args, cursor, count - done);
        offsets_of(run.first.logits, run.step.logits, run.count, place->logits + done);
        if (args->targets.data) offsets_of(run.first.targets, run.step.targets, run.count, place->targets + done);
        if (args->grad.data) offsets_of(run.first.grad, run.step.grad, run.count, place->grad + done);
        if (args->hess.data) offsets_of(run.first.hess, run.step.hess, run.count, place->hess + done);
        if (args->values.data) offsets_of(run.first.values, run.step.values, run.count, place->values + done);
        labels_and_weights(args, &run, place->label + done, place->weight + done);
        done += run.count;
    }
    for (int64_t l = count; l < place->width; l++) {
        place->logits[l] = place->logits[0];
        place->targets[l] = place->targets[0];
        place->label[l] = -1;
        place->weight[l] = 0;
    }
}

/* One sample, whose arrays begin with class args->first_class. */
static void terms_one(const closs_softmax_args *args, int64_t sample, terms_place *place)
{
    sample_cursor cursor = cursor_at(args, sample, sample + 1);
    terms_take(args, &cursor, 1, 1, place);
    place->first_class = args->first_class;
    place->logits[0] -= args->first_class * class_stride_of(args, args->logits.strides);
    place->targets[0] -= args->first_class * class_stride_of(args, args->targets.strides);
    place->grad[0] -= args->first_class * class_stride_of(args, args->grad.strides);
    place->hess[0] -= args->first_class * class_stride_of(args, args->hess.strides);
}

/* How many samples to take next, and how many of their classes at a time (*chunk), in a tile of `tile` elements. At
 * most TERM_WIDE samples: always that many of neighbours that need no tile; else as many as fit with all of their
 * classes, and at least 16. Sums of measures are the same in chunks of any multiple of TERMS_WIDENED, so that of
 * neighbours a tile holds whole lines. */
INLINE int64_t terms_count(const closs_softmax_args *args, const sample_cursor *cursor, int kind, closs_dtype native,
                           int64_t tile, int64_t *chunk)
{
    enum { L = LANES_OF_TERMS };
    const sample_run *run = &cursor->run;
    const int given =
        kind == TERMS_DISTILLATION || kind == MEASURE_PAIRS || (kind == TERMS_TARGETS && args->targets.data);
    const int built = kind == TERMS_TARGETS && (args->label_smoothing != 0 || args->class_weight.data);
    const int beside = run->count >= L && run->step.logits == 1 && (!given || run->step.targets == 1) &&
                       (!args->grad.data || run->step.grad == 1) && (!args->hess.data || run->step.hess == 1);
    const int in_place = beside && args->dtype == native && !built && (!given || args->target_dtype == native) &&
                         (!args->grad.data || grad_dtype(args) == native) &&
                         (!args->hess.data || hess_dtype(args) == native);
    int64_t most = tile / (args->classes > 0 ? args->classes : 1) / L * L, wide = in_place ? TERM_WIDE : L;
    most = most > TERM_WIDE ? TERM_WIDE : most < L ? L : most;
    /* Measures, which keep nothing, read less of neighbours at a time: with all of it 1000 x 1000 floats took
     * 1.1 times as long. */
    *chunk = kind >= MEASURE_ONE ? CHUNK_OF(tile) / 3 * 2 : CHUNK_OF(tile);
    if (beside && kind >= MEASURE_ONE && most == L && !in_place) {
        wide = tile / TERMS_WIDENED < TERM_WIDE ? tile / TERMS_WIDENED : TERM_WIDE;
        *chunk = TERMS_WIDENED;
    }
    const int keeps = kind < MEASURE_ONE && (args->grad.data || args->hess.data) && args->classes * L <= tile;
    if (beside && most < wide && !keeps) most = run->count < wide ? run->count / L * L : wide;
    return cursor->left < most ? cursor->left : most;
}

/* Sums of each lane, relative to the maxima so far and 2^EXP_BIAS (`unit`) times too large. */
typedef struct {
    ALIGNED double max[LANES_OF_TERMS], sum[LANES_OF_TERMS], ties[LANES_OF_TERMS]; /* of exp; of terms that are 1 */
    ALIGNED double target_max[LANES_OF_TERMS], target_sum[LANES_OF_TERMS], target_ties[LANES_OF_TERMS];
    ALIGNED double moment[LANES_OF_TERMS], terms[LANES_OF_TERMS], weight[LANES_OF_TERMS];
} terms_sums;

static void terms_clear(terms_sums *sums)
{
    const terms_sums nothing = {.max = {0}};
    *sums = nothing;
    for (int l = 0; l < LANES_OF_TERMS; l++) sums->max[l] = sums->target_max[l] = -INFINITY;
}

/* Makes the sums relative to larger maxima: sums_at of softmax_state.h, lane by lane. */
static void terms_grow(const closs_softmax_args *args, double unit, const double *max, const double *target_max,
                       terms_sums *sums)
{
    const int distillation = args->result == CLOSS_DISTILLATION;
    const double temperature = distillation ? args->temperature : 1;
#pragma omp simd
    for (int l = 0; l < LANES_OF_TERMS; l++) {
        const double old = sums->max[l], target_old = sums->target_max[l];
        const double gap = old == max[l] ? 0 : (old - max[l]) / temperature;
        const double target_gap = target_old == target_max[l] ? 0 : (target_old - target_max[l]) / temperature;
        const double base = base_of(max[l]), old_base = base_of(old);
        const double target_base = base_of(target_max[l]), target_old_base = base_of(target_old);
        const double whole = sums->sum[l] + sums->ties[l] * unit;
        const double target_whole = sums->target_sum[l] + sums->target_ties[l] * unit;
        const double shrunk = times_exp(whole, gap), target_shrunk = times_exp(target_whole, target_gap);
        if (distillation)
            moment_grow(&sums->moment[l], &sums->terms[l], base * MOMENT_UNIT - old_base * MOMENT_UNIT,
                        target_base * MOMENT_UNIT - target_old_base * MOMENT_UNIT, target_whole, target_gap,
                        temperature);
        else
            sums->moment[l] = times_exp(sums->moment[l] + (base - old_base) * whole, gap);
        sums->sum[l] = gap == 0 ? sums->sum[l] : shrunk;
        sums->ties[l] = gap == 0 ? sums->ties[l] : 0;
        sums->target_sum[l] = target_gap == 0 ? sums->target_sum[l] : target_shrunk;
        sums->target_ties[l] = target_gap == 0 ? sums->target_ties[l] : 0;
        const double half = base / 2 - old_base / 2; /* the whole may overflow where its product does not */
        sums->terms[l] += ((sums->weight[l] == 0) | (half == 0)) ? 0 : sums->weight[l] * half * 2;
        sums->max[l] = max[l];
        sums->target_max[l] = target_max[l];
    }
}

/* All lanes combined by a fixed tree. Every level is an array of its own: copied ones are waited for. */
#define TREE_OF_TERMS(type, lane, combine, result)                                                                     \
    type of_8[8], of_4[4], of_2[2];                                                                                    \
    _Static_assert(LANES_OF_TERMS == 16, "");                                                                          \
    for (int l = 0; l < 8; l++) of_8[l] = combine((lane)[l], (lane)[l + 8]);                                           \
    for (int l = 0; l < 4; l++) of_4[l] = combine(of_8[l], of_8[l + 4]);                                               \
    for (int l = 0; l < 2; l++) of_2[l] = combine(of_4[l], of_4[l + 2]);                                               \
    result = combine(of_2[0], of_2[1])

#define SUM_OF_TERMS(a, b) ((a) + (b))
#define LARGER_OF_TERMS(a, b) ((b) > (a) ? (b) : (a))

INLINE void terms_fold(double *lane)
{
    TREE_OF_TERMS(double, lane, SUM_OF_TERMS, lane[0]);
}

/* The lanes of one sample as one, in lane 0, of what `kind` uses. */
static void terms_fold_all(int kind, terms_sums *sums)
{
    terms_fold(sums->sum), terms_fold(sums->ties);
    if (kind == TERMS_TARGETS || kind == TERMS_DISTILLATION) terms_fold(sums->terms);
    if (kind == TERMS_TARGETS) terms_fold(sums->weight);
    if (kind == TERMS_ENTROPY || kind == TERMS_DISTILLATION) terms_fold(sums->moment);
    if (kind == TERMS_DISTILLATION) terms_fold(sums->target_sum), terms_fold(sums->target_ties);
}

/* The state of the one sample, from folded lanes. */
static void terms_state(const closs_softmax_args *args, const terms_sums *sums, double unit, closs_softmax_state *state)
{
    state_clear(state, args, unit);
    state->max = sums->max[0];
    state->rest = sums->sum[0] + (sums->ties[0] - 1) * unit;
    state->target_max = sums->target_max[0];
    state->target_rest = sums->target_sum[0] + (sums->target_ties[0] - 1) * unit;
    state->moment = sums->moment[0];
    state->terms = sums->terms[0];
    state->weight = sums->weight[0];
}

/* What values and outputs are made from, for each of 16 samples, or in all lanes for the one sample. */
typedef struct {
    ALIGNED double max[LANES_OF_TERMS];
    ALIGNED double rest[LANES_OF_TERMS], share[LANES_OF_TERMS]; /* S' and 1 / S, unit times too large and too small */
    ALIGNED double target_max[LANES_OF_TERMS], target_rest[LANES_OF_TERMS], target_share[LANES_OF_TERMS];
    ALIGNED double mean[LANES_OF_TERMS];   /* M of the entropy; the sum of q (a - b) */
    ALIGNED double terms[LANES_OF_TERMS];  /* the sum of v (m - z); see MOMENT_LARGE */
    ALIGNED double weight[LANES_OF_TERMS]; /* W; 0 where a sample is absent */
    ALIGNED double sample[LANES_OF_TERMS]; /* the sample's own weight */
    double unit;
} terms_totals;

/* Makes totals of sums: `rest`, `target_rest`, `mean` (a moment) and `weight` (that of the targets) are given. */
INLINE void terms_finish(const closs_softmax_args *args, double unit, terms_totals *total)
{
    enum { L = LANES_OF_TERMS };
    const int kind = terms_kind(args);
    total->unit = unit;
#pragma omp simd
    for (int l = 0; l < L; l++) {
        total->rest[l] = fabs(total->max[l]) < INFINITY ? total->rest[l] : (double)NAN;
        total->share[l] = 1 / (total->rest[l] + unit);
    }
    if (kind == TERMS_DISTILLATION) {
#pragma omp simd
        for (int l = 0; l < L; l++) {
            total->target_rest[l] = fabs(total->target_max[l]) < INFINITY ? total->target_rest[l] : (double)NAN;
            total->target_share[l] = 1 / (total->target_rest[l] + unit);
            const double far = total->terms[l] * total->target_share[l] / MOMENT_UNIT;
            total->mean[l] = total->mean[l] * total->target_share[l] + (total->terms[l] == 0 ? 0 : far);
        }
    } else {
        for (int l = 0; l < L; l++) total->mean[l] *= total->share[l];
    }
#pragma omp simd
    for (int l = 0; l < L; l++) {
        const double weight = kind == TERMS_TARGETS ? total->weight[l] : 1;
        total->weight[l] = total->sample[l] == 0 ? 0 : weight;
    }
}

/* Of 16 samples with these weights. */
static void terms_total(const closs_softmax_args *args, const terms_sums *sums, const double *weight, double unit,
                        terms_totals *total)
{
#pragma omp simd
    for (int l = 0; l < LANES_OF_TERMS; l++) {
        total->max[l] = sums->max[l];
        total->rest[l] = sums->sum[l] + (sums->ties[l] - 1) * unit;
        total->target_max[l] = sums->target_max[l];
        total->target_rest[l] = sums->target_sum[l] + (sums->target_ties[l] - 1) * unit;
        total->mean[l] = sums->moment[l];
        total->terms[l] = sums->terms[l];
        total->weight[l] = sums->weight[l];
        total->sample[l] = weight[l];
    }
    terms_finish(args, unit, total);
}

/* Lane i, yet to be finished, of one sample. */
INLINE void terms_lane_of_row(const closs_softmax_state *row, double weight, int64_t i, terms_totals *total)
{
    total->max[i] = row->max;
    total->rest[i] = row->rest;
    total->target_max[i] = row->target_max;
    total->target_rest[i] = row->target_rest;
    total->mean[i] = row->moment;
    total->terms[i] = row->terms;
    total->weight[i] = row->weight;
    total->sample[i] = weight;
}

/* Of one sample, in all lanes. */
static void terms_total_of_row(const closs_softmax_args *args, const closs_softmax_state *row, double weight,
                               terms_totals *total)
{
    for (int l = 0; l < LANES_OF_TERMS; l++) terms_lane_of_row(row, weight, l, total);
    terms_finish(args, row->unit, total);
}

/* Lane `lane` of `to` becomes lane `at` of `from`. */
INLINE void terms_put(const terms_totals *from, int64_t at, int64_t lane, terms_totals *to)
{
    to->max[lane] = from->max[at];
    to->rest[lane] = from->rest[at];
    to->share[lane] = from->share[at];
    to->target_max[lane] = from->target_max[at];
    to->target_rest[lane] = from->target_rest[at];
    to->target_share[lane] = from->target_share[at];
    to->mean[lane] = from->mean[at];
    to->terms[lane] = from->terms[at];
    to->weight[lane] = from->weight[at];
    to->sample[lane] = from->sample[at];
    to->unit = from->unit;
}

/* Adds lane `at` of `from` to lane `lane` of `to`, which has the same maxima. */
INLINE void terms_add(const terms_sums *from, int64_t at, int64_t lane, terms_sums *to)
{
    to->sum[lane] += from->sum[at];
    to->ties[lane] += from->ties[at];
    to->target_sum[lane] += from->target_sum[at];
    to->target_ties[lane] += from->target_ties[at];
    to->moment[lane] += from->moment[at];
    to->terms[lane] += from->terms[at];
    to->weight[lane] += from->weight[at];
}

/* ln(base), base not 1. */
INLINE double log_of_base(double base)
{
    if (base == 0) return 1;
    if (base < 0x1p-1000) return -(log1p_positive(0x1p-100 / base) + 69.314718055994530942); /* 100 ln 2: no overflow */
    if (base > 0x1p1000) return log1p_positive(base * 0x1p-100) + 69.314718055994530942;
    return base > 1 ? log1p_positive(base - 1) : -log1p_positive((1 - base) / base);
}

/* An entropy to base 2: where S is a power of two nothing may be left of the logarithm but its exponent. With
 * 1 + rest = 2^k (1 + f), 0 <= f < 1, f is exact. */
INLINE double entropy_in_bits(double rest, double mean)
{
    double power = from_bits(to_bits(1 + rest) >> MANTISSA_BITS << MANTISSA_BITS);
    power = rest < power - 1 ? power * 0.5 : power; /* the sum was rounded up to it */
    const bits_t k = (to_bits(power) >> MANTISSA_BITS) - EXPONENT_BIAS;
    const double inverse = from_bits((EXPONENT_BIAS - k) << MANTISSA_BITS), f = rest * inverse + (inverse - 1);
    const double exponent = from_bits(to_bits(TWO_TO_MANTISSA) + k) - TWO_TO_MANTISSA; /* k as a number */
    return exponent + (log1p_positive(f) + mean) / LN2;
}

/* The weighted values of all lanes. */
static void terms_values(const closs_softmax_args *args, const terms_totals *total, double *restrict values)
{
    enum { L = LANES_OF_TERMS };
    const int kind = terms_kind(args);
    const double smaller = 1 / total->unit;
    ALIGNED double log[L];
#pragma omp simd
    for (int l = 0; l < L; l++) log[l] = log1p_positive(total->rest[l] * smaller);
    if (kind == TERMS_DISTILLATION) {
#pragma omp simd
        for (int l = 0; l < L; l++) log[l] -= log1p_positive(total->target_rest[l] * smaller);
    }
    if (args->base == 2) {
#pragma omp simd
        for (int l = 0; l < L; l++) values[l] = entropy_in_bits(total->rest[l] * smaller, total->mean[l]);
    } else if (kind == TERMS_TARGETS) {
        for (int l = 0; l < L; l++) values[l] = total->terms[l] + total->weight[l] * log[l];
    } else {
        for (int l = 0; l < L; l++) values[l] = log[l] + total->mean[l];
    }
    if (args->base != 0 && args->base != 2) {
        const double divisor = log_of_base(args->base);
        for (int l = 0; l < L; l++) values[l] /= divisor;
    }
    if (args->dtype != CLOSS_F64)
        for (int l = 0; l < L; l++) values[l] = (double)(float)values[l];
#pragma omp simd
    for (int l = 0; l < L; l++) {
        const double value = weighted_value(total->sample[l], values[l]);
        values[l] = total->weight[l] == 0 ? 0 : value;
    }
}
