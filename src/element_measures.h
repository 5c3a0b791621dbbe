/* element_measures.h: term and derivative of one element of each measure of probabilities; q is of the array
 * args->logits, p of args->targets (of an entropy args->logits alone). A distribution's value is the sum of
 *
 *   entropy         -p log p,                  derivative -log p - 1
 *   cross-entropy   -p log q,                  in q: -p / q,   in p: -log q
 *   KL              p log(p / q),              in q: -p / q,   in p: log(p / q) + 1
 *   JS              (p log(p / m) + q log(q / m)) / 2, m = (p + q) / 2,    in p: log(p / m) / 2
 *
 * with log_ratio of vmath.h: p near q keeps its relative accuracy, and p = q gives exactly 0. JS, with d = |p - q| / (p
 * + q): the series m (d^2 / 2 + d^4 / 12 + ...) = m (d atanh d + log(1 - d^2) / 2) where d <= 1/3, which is not
 * negative term by term, else the two logarithms; both are symmetric to the bit. (J. Lin 1991 defines it.)
 *
 * Special values: 0 log 0 = 0 log(0 / 0) = 0; p > 0 = q is +inf; numbers below 0 and NaN make NaN; where p = q = 0
 * every derivative is 0; -0 is 0 (p / (q + 0)). Numbers that need no care (`careful` is 0) are ordinary and zeros.
 */
#define measure KERNEL(measure)
#define measure_entropy KERNEL(measure_entropy)
#define measure_pair KERNEL(measure_pair)
#define measure_cross_entropy KERNEL(measure_cross_entropy)
#define measure_kl KERNEL(measure_kl)
#define measure_js KERNEL(measure_js)
#define measure_quotient KERNEL(measure_quotient)
#define measure_slope KERNEL(measure_slope)
#define measure_element KERNEL(measure_element)

typedef struct {
    real term, slope; /* what an element adds, and its derivative */
} measure;

INLINE measure measure_entropy(real p, log_scale scale, const int careful)
{
    const real finite = log_ratio(p, 1, scale, careful), log = p == (real)INFINITY ? p : finite;
    if (!careful) return (measure){-p * finite, p == 0 ? (real)INFINITY : -(finite + scale.one)};
    const real term = -p * log, slope = -(log + scale.one);
    const real other = p == 0 ? 0 : (real)NAN, edge = p == 0 ? (real)INFINITY : (real)NAN;
    return (measure){p > 0 ? term : other, p > 0 ? slope : edge};
}

/* What cross-entropy and KL have in common: elements that are not both positive. */
INLINE measure measure_pair(real p, real q, real term, real in_p, real in_q, real at_zero, int wrt_p)
{
    const int both = (p > 0) & (q > 0), fit = (p >= 0) & (q >= 0), nothing = (p == 0) & (q == 0);
    const real invalid = fit ? 0 : (real)NAN;
    const real edge = (p > 0) & fit ? (real)INFINITY : invalid; /* p > 0 = q: +inf; p = 0: 0 */
    const real in_p_edge = q == 0 ? (real)INFINITY : at_zero;
    const real edge_slope = wrt_p ? in_p_edge : in_q;
    const real other_slope = nothing ? 0 : edge_slope + invalid;
    return (measure){both ? term : edge, both ? (wrt_p ? in_p : in_q) : other_slope};
}

INLINE measure measure_cross_entropy(real p, real q, int wrt_p, log_scale scale, const int careful)
{
    const real finite = log_ratio(q, 1, scale, careful), log = q == (real)INFINITY ? q : finite;
    const real quotient = 0 - p / (q + 0) * scale.one;
    if (!careful) {
        const real slope = wrt_p ? 0 - finite : quotient;
        return (measure){-p * finite, (wrt_p ? q : p) == 0 ? 0 : slope};
    }
    return measure_pair(p, q, -p * log, 0 - log, quotient, 0 - log, wrt_p);
}

INLINE measure measure_kl(real p, real q, int wrt_p, log_scale scale, const int careful)
{
    const real finite = log_ratio(p, q, scale, careful);
    const real quotient = 0 - p / (q + 0) * scale.one;
    if (!careful) {
        const real at_zero = q == 0 ? 0 : -(real)INFINITY, in_p = p == 0 ? at_zero : finite + scale.one;
        const real in_q = p == 0 ? 0 : quotient;
        return (measure){p * finite, wrt_p ? in_p : in_q};
    }
    const real limit = p == (real)INFINITY ? (real)NAN : -(real)INFINITY;
    const real upper = p == (real)INFINITY ? p : finite, log = q == (real)INFINITY ? limit : upper;
    return measure_pair(p, q, p * log, log + scale.one, quotient, -(real)INFINITY, wrt_p);
}

INLINE measure measure_js(real p, real q, int wrt_p, log_scale nats, const int careful)
{
    const real lift =
        careful && p + q < 4 * (real)REAL_TINY ? (real)EXP_SCALE : 1; /* halves of subnormals lose a bit */
    p *= lift, q *= lift;
    const real high = p > q ? p : q, low = p > q ? q : p;
    /* Neither p + q nor what the derivative is made of may overflow. */
    const real down = careful && high > (real)(0.25 / REAL_TINY) ? (real)0.25 : 1, up = 1 / down;
    const real sum = p * down + q * down; /* NaN: in sum */
    const real d = sum == 0 ? 0 : (high * down - low * down) / sum, square = d * d, middle = (real)0.5 * sum * up;
    const int near = d <= (real)(1.0 / 3);
    const real high_log = log_ratio(high, middle, nats, careful), low_log = log_ratio(low, middle, nats, careful);
    const real far = high * high_log + low * low_log;
    const real lifted = near ? middle * square * js_series(square) : (real)0.5 * far, term = lifted / lift;
    /* The derivative in `x`, of the other number y: log(2x / (x + y)) / 2. */
    const real x = wrt_p ? p : q, y = wrt_p ? q : p;
    const real apart = x * down - y * down, close = twice_atanh(apart / (2 * sum + apart), nats);
    const real steep = x == 0 ? -(real)INFINITY : x < y ? low_log : high_log;
    const int fit = (p >= 0) & (q >= 0), nothing = sum == 0;
    const real slope = nothing ? 0 : (real)0.5 * (near ? close : steep);
    if (!careful) return (measure){term, slope};
    return (measure){fit ? term : (real)NAN, fit ? slope : (real)NAN};
}

/* -p / q x factor of positive finite numbers, where p / q or the factor is beyond what `real` holds with all digits. */
static real measure_quotient(real p, real q, double factor)
{
    int p_power, q_power, factor_power;
    const double fraction = frexp((double)p, &p_power) / frexp((double)q, &q_power) * frexp(factor, &factor_power);
    return (real)(0 - ldexp(fraction, p_power - q_power + factor_power));
}

/* A derivative anew where it needs more than `real`: the element is `odd`, or its factor is extreme and so not yet in
 * `slope`. */
static real measure_slope(real slope, real p, real q, double factor, int odd, int quotient, double base)
{
    const int extreme = is_extreme(factor);
    if (factor == 0 || !(odd | extreme)) return slope;
    if (quotient && p > 0 && q > 0 && p <= (real)REAL_MAX && q <= (real)REAL_MAX && fabs(factor) < INFINITY)
        return measure_quotient(p, q, base == 2 ? factor / LN2 : factor);
    return extreme ? (real)((double)slope * factor) : slope;
}

INLINE measure measure_element(const int kind, real p, real q, const int wrt_p, log_scale log, const int careful)
{
    switch (kind) {
    case CLOSS_ENTROPY: return measure_entropy(q, log, careful);
    case CLOSS_PROBABILITY_CROSS_ENTROPY: return measure_cross_entropy(p, q, wrt_p, log, careful);
    case CLOSS_KL_DIVERGENCE: return measure_kl(p, q, wrt_p, log, careful);
    default: return measure_js(p, q, wrt_p, log, careful);
    }
}
