/* softmax_state.h: the state of a row, or of a part of one, and how states are merged. In double, for all dtypes. */

/* x exp(t) for t <= 0, for the few exponentials of a row that rescale sums of others. exp(t) alone could be subnormal,
 * with few digits, where the product is not. */
INLINE double times_exp(double x, double t)
{
    const double e = exp_scaled(t), product = fabs(x) >= 1 ? x * EXP_UNIT * e : x * e * EXP_UNIT;
    return ((e == 0) & (fabs(x) == INFINITY)) ? 0 : product; /* a sum that a huge gap made overflow */
}

INLINE void state_clear(closs_softmax_state *state, const closs_softmax_args *args, double unit)
{
    state->result = args->result;
    state->has_nan = 0;
    state->temperature = args->result == CLOSS_DISTILLATION ? args->temperature : 1;
    state->unit = unit;
    state->max = state->target_max = -INFINITY;
    state->rest = state->target_rest = -unit; /* not even the one term of the maximum that is left out */
    state->others = state->left_out = state->at_label = state->moment = state->terms = state->weight = 0;
}

/* What sums are relative to: -inf - -inf is NaN, and while only -inf was seen any finite base gives the zeros that are
 * meant. */
INLINE double base_of(double max)
{
    return max == -INFINITY ? 0 : max;
}

/* The moment of a distillation can be too large for a double where the loss is not: the sum of exponentials, 2^EXP_BIAS
 * times too large, times gaps as large as doubles are. What is beyond MOMENT_LARGE is summed apart, in the state's
 * `terms`, times MOMENT_UNIT. */
#define MOMENT_LARGE 0x1p900
#define MOMENT_UNIT 0x1p-128

/* Where maxima grow: both parts, relative to the old ones, become relative to the new. `moved` and `target_moved`: how
 * far these are from the old ones, times MOMENT_UNIT and the temperature; `whole` is the old sum of the target's
 * exponentials. Infinite where the logits give a class no share that the targets have: it stays so. Where neither has
 * moved nothing changes, not even what is summed apart: other samples' maxima may have. */
INLINE void moment_grow(double *moment, double *terms, double moved, double target_moved, double whole,
                        double target_gap, double temperature)
{
    const double apart = (moved - target_moved) / temperature;
    const double shift = (moved / MOMENT_UNIT / temperature - target_moved / MOMENT_UNIT / temperature) * whole;
    const int is_large = !(fabs(shift) < MOMENT_LARGE);
    const double near = *moment + (is_large ? 0 : shift);
    const double far = *terms + ((is_large & (whole != 0)) ? apart * whole : 0);
    const double near_then = target_gap == 0 ? near : times_exp(near, target_gap);
    const double far_then = ((target_gap == 0) | (far == INFINITY)) ? far : times_exp(far, target_gap);
    const int fits = fabs(far_then) < MOMENT_LARGE * MOMENT_UNIT, stays = (moved == 0) & (target_moved == 0);
    const double grown = near_then + (fits ? far_then / MOMENT_UNIT : 0);
    *moment = stays ? *moment : grown;
    *terms = stays ? *terms : fits ? 0 : far_then;
}

/* The sums of a state, relative to maxima that are as large as its own or larger. */
typedef struct {
    double others, left_out, whole, target_whole, moment, terms;
} state_sums;

INLINE state_sums sums_at(const closs_softmax_state *state, double max, double target_max)
{
    const double gap = state->max == max ? 0 : (state->max - max) / state->temperature;
    const double target_gap =
        state->target_max == target_max ? 0 : (state->target_max - target_max) / state->temperature;
    const double target_base = base_of(target_max), target_old = base_of(state->target_max);
    const double base = base_of(max), old = base_of(state->max);
    state_sums sums = {state->others, state->left_out, state->rest + state->unit, state->target_rest + state->unit,
                       state->moment, state->terms};
    if (gap != 0) sums.others = times_exp(sums.others, gap), sums.left_out = times_exp(sums.left_out, gap);
    if (state->result == CLOSS_DISTILLATION) {
        moment_grow(&sums.moment, &sums.terms, base * MOMENT_UNIT - old * MOMENT_UNIT,
                    target_base * MOMENT_UNIT - target_old * MOMENT_UNIT, sums.target_whole, target_gap,
                    state->temperature);
    } else {
        const double shifted = sums.moment + (base - old) * sums.whole;
        sums.moment = gap == 0 ? shifted : times_exp(shifted, gap);
    }
    if (gap != 0) sums.whole = times_exp(sums.whole, gap);
    if (target_gap != 0) sums.target_whole = times_exp(sums.target_whole, target_gap);
    const double half = base / 2 - old / 2; /* the whole may overflow where its product does not */
    if (state->weight != 0 && half != 0) sums.terms += state->weight * half * 2;
    return sums;
}

/* Takes in the state of what comes next in the row. Fields that are not in use come to no harm. */
static void softmax_merge(closs_softmax_state *into, const closs_softmax_state *next)
{
    const double max = next->max > into->max ? next->max : into->max;
    const double target_max = next->target_max > into->target_max ? next->target_max : into->target_max;
    const state_sums a = sums_at(into, max, target_max), b = sums_at(next, max, target_max);
    into->others = a.others + b.others;
    into->left_out = a.left_out + b.left_out;
    into->at_label += next->at_label;
    into->has_nan |= next->has_nan;
    /* The one that holds the maximum leaves a term out; the other's whole sum joins it. */
    into->rest = into->max == max ? into->rest + b.whole : next->rest + a.whole;
    into->target_rest =
        into->target_max == target_max ? into->target_rest + b.target_whole : next->target_rest + a.target_whole;
    into->moment = a.moment + b.moment;
    into->terms = a.terms + b.terms;
    into->weight += next->weight;
    into->max = max;
    into->target_max = target_max;
}
