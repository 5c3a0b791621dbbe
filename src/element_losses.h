/* element_losses.h: value, slope and curvature (the first and second derivative in the prediction) of one element, an
 * inline function for each loss: of d = prediction - target for regression, of logit and target for the sigmoid
 * cross-entropy.
 *
 * Error: at most 2 ulp of the value for the rounded d (log-cosh, pseudo-Huber and the sigmoid's 4).
 *
 * Special values: every loss keeps NaN, in slope and curvature too.
 */
#define element KERNEL(element)
#define element_l1 KERNEL(element_l1)
#define element_mse KERNEL(element_mse)
#define element_huber KERNEL(element_huber)
#define element_smooth_l1 KERNEL(element_smooth_l1)
#define element_pseudo_huber KERNEL(element_pseudo_huber)
#define element_log_cosh KERNEL(element_log_cosh)
#define element_quantile KERNEL(element_quantile)
#define element_sigmoid KERNEL(element_sigmoid)

typedef struct {
    real value, slope, curvature;
} element;

/* Beside d a loss gets its parameter (delta, beta, quantile), and what is computed from it once. */
INLINE element element_l1(real d)
{
    const real nothing = d == d ? 0 : d;
    return (element){ABSOLUTE(d), d > 0 ? 1 : d < 0 ? -1 : nothing, nothing};
}

INLINE element element_mse(real d)
{
    return (element){d * d, 2 * d, d == d ? 2 : d};
}

INLINE element element_huber(real d, real delta)
{
    const real a = ABSOLUTE(d);
    const int linear = a > delta; /* NaN is not */
    const real curvature = d == d ? 1 : d;
    return (element){linear ? delta * (a - (real)0.5 * delta) : (real)0.5 * d * d, linear ? SIGNED(delta, d) : d,
                     linear ? 0 : curvature};
}

/* beta > 0, ratio = d / beta, which comes first because d^2 may overflow where the loss does not. */
INLINE element element_smooth_l1(real d, real ratio, real beta, real inverse)
{
    const real a = ABSOLUTE(d);
    const int linear = a > beta;
    const real curvature = d == d ? inverse : d;
    return (element){linear ? a - (real)0.5 * beta : (real)0.5 * d * ratio, linear ? SIGNED(1, d) : ratio,
                     linear ? 0 : curvature};
}

/* near and far, |d| and delta times the power of two that brings the larger to [2, 4): no square overflows, and nothing
 * cancels in delta (sqrt(d^2 + delta^2) - delta) = delta d^2 / (sqrt(d^2 + delta^2) + delta). Far below delta, where
 * the quotient could underflow, it is d^2 / 2 to the last bit. */
INLINE element element_pseudo_huber(real d, real delta)
{
    const bits_t one = (bits_t)1 << MANTISSA_BITS, exponents = (bits_t)(2 * EXPONENT_BIAS + 1) << MANTISSA_BITS;
    const real a = ABSOLUTE(d), larger = delta > a ? delta : a; /* NaN is the larger */
    const bits_t power = to_bits(larger) & exponents;
    const real down = from_bits(exponents - (power < one ? one : power)), near = a * down, far = delta * down;
    const real root = SQRT(FMA(near, near, far * far)), inverse = 1 / root, steep = far * inverse;
    const int square = a < delta * (real)(REAL_DTYPE == CLOSS_F32 ? 0x1p-13 : 0x1p-28), finite = a < (real)INFINITY;
    const real value = square ? (real)0.5 * a * a : delta * (a * (near / (root + far)));
    const real slope = square ? a : delta * (near * inverse), at_end = d == d ? delta : d;
    return (element){finite ? value : a, SIGNED(finite ? slope : at_end, d),
                     finite   ? steep * steep * steep
                     : d == d ? 0
                              : d};
}

/* |d| <= 1: log1p(c) with c = cosh d - 1, and sinh d / cosh d, by their Taylor series (to d^18, 1e-17). Beyond that
 * |d| + log1p(E) - log 2, (1 - E) / (1 + E) and 4 E / (1 + E)^2 with E = exp(-2 |d|). */
INLINE element element_log_cosh(real d)
{
    const real a = ABSOLUTE(d), square = a <= 1 ? a * a : 1;
    real c = FMA(square, (real)(1 / 306.0), (real)1.0);
    c = FMA(square * (real)(1 / 240.0), c, (real)1.0);
    c = FMA(square * (real)(1 / 182.0), c, (real)1.0);
    c = FMA(square * (real)(1 / 132.0), c, (real)1.0);
    c = FMA(square * (real)(1 / 90.0), c, (real)1.0);
    c = FMA(square * (real)(1 / 56.0), c, (real)1.0);
    c = FMA(square * (real)(1 / 30.0), c, (real)1.0);
    c = FMA(square * (real)(1 / 12.0), c, (real)1.0);
    c = (real)0.5 * square * c;
    real s = FMA(square, (real)(1 / 272.0), (real)1.0);
    s = FMA(square * (real)(1 / 210.0), s, (real)1.0);
    s = FMA(square * (real)(1 / 156.0), s, (real)1.0);
    s = FMA(square * (real)(1 / 110.0), s, (real)1.0);
    s = FMA(square * (real)(1 / 72.0), s, (real)1.0);
    s = FMA(square * (real)(1 / 42.0), s, (real)1.0);
    s = FMA(square * (real)(1 / 20.0), s, (real)1.0);
    s = FMA(square * (real)(1 / 6.0), s, (real)1.0);
    const real e = exp_scaled(-2 * a) * EXP_UNIT, far = 1 / (1 + e);
    const int near = a <= 1;
    const real log = log1p_positive(near ? c : e);
    const real tangent = near ? a * s / (1 + c) : (1 - e) * far;
    const real curvature = near ? 1 / ((1 + c) * (1 + c)) : 4 * e * far * far;
    return (element){near ? log : a + (log - (real)LN2), d == d ? SIGNED(tangent, d) : d, d == d ? curvature : d};
}

/* over = 1 - quantile, the slope above the target. 0 inf is 0 here: that side is free. */
INLINE element element_quantile(real d, real quantile, real over)
{
    const real nothing = d == d ? 0 : d;
    const real slope = d > 0 ? over : d < 0 ? -quantile : nothing;
    const real value = slope * d;
    return (element){slope == 0 ? 0 : value, slope, nothing};
}

/* a log(1 + exp(-z)) + b log(1 + exp(z)) with a = positive x target, b = 1 - target; a factor of 0 leaves its term
 * out. */
INLINE element element_sigmoid(real z, real target, real positive)
{
    const real a = positive * target, b = 1 - target, size = ABSOLUTE(z);
    const real e = exp_scaled(-size) * EXP_UNIT, log = log1p_positive(e), share = 1 / (1 + e);
    const real is_one = z < 0 ? e * share : share, is_zero = z < 0 ? share : e * share;
    const real as_one = a * ((z < 0 ? size : 0) + log), as_zero = b * ((z > 0 ? size : 0) + log);
    const real value = (a == 0 ? 0 : as_one) + (b == 0 ? 0 : as_zero);
    return (element){z == z ? value : z, b * is_one - a * is_zero, (a + b) * (e * share * share)};
}
