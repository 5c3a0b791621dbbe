/* vmath.h: exp, log1p and log(p / q) for one lane, without branches, so that a loop over lanes becomes vector code.
 *
 * All are written for `real` (float or double, see real.h). Polynomials are relative minimax fits by Remez exchange;
 * tests/test_constants.py derives every coefficient anew.
 *
 * exp_scaled(t) = 2^EXP_BIAS exp(t) for t <= 0. With n = round(t / ln 2) and r = t - n ln 2:
 *     exp(t) = 2^n (1 + r + r^2 Q(r)),    |r| <= ln(2)/2.
 * Rounding t / ln 2 by adding a large constant leaves n, already biased, in the low bits of the sum, and a shift makes
 * it an exponent. The scale of 2^EXP_BIAS keeps everything normal that is subnormal as exp(t), so that sums of
 * exponentials stay exact down to underflow and no second rounding happens; callers divide it out with their own
 * factor. Error: at most 1.1 ulp of exp(t). t below EXP_LOWEST, -inf included, gives exactly 0; NaN gives NaN. Loops
 * that do little else call exp_above(t, lowest) with lowest = exp_lowest(), called before them: one instruction where a
 * constant is two.
 *
 * log1p_positive(z), 0 <= z < 2^126 (2^1022); NaN and +inf pass through. With 1 + z = 2^k (1 + f) and
 * sqrt(1/2) <= 1 + f < sqrt(2):
 *     log1p(z) = k ln 2 + log(1 + f),   f = z 2^-k + (2^-k - 1) rounded once, since both terms are exact,
 *     log(1 + f) = f - (f^2/2 - s (f^2/2 + s^2 R(s^2))),   s = f / (2 + f).
 * (The last form is that of K. C. Ng's log1p in FDLIBM, 1993.) For k = 0, f = z: full relative accuracy near 0.
 * Error: at most 1.5 ulp.
 *
 * log_ratio(p, q) of positive finite numbers, without dividing them. Their bits, as integers, differ by the difference
 * of their exponents and, below, of their mantissas. k, rounded from that, leaves a = p 2^-k between 2/3 q and 3/2 q:
 *     log(p / q) = k ln 2 + 2 atanh(s),   s = (a - q) / (a + q),   2 atanh(s) = s (2 + s^2 R(s^2)).
 * a - q is exact, so where p is near q the logarithm keeps its relative accuracy, and p = q gives exactly 0. `careful`
 * takes p below 2^-125 (2^-1021) and q outside [2^-125, 2^124] ([2^-1021, 2^1020]) as well; for others it changes no
 * bit. p = 0, and then q = 0, give a finite number. Error: at most 2.5 ulp of the logarithm.
 *
 * js_series(d^2) = (d atanh d + log(1 - d^2) / 2) / d^2 = 1/2 + d^2 / 12 + d^4 / 30 + ..., 0 <= d <= 1/3; to 1 ulp.
 */
INLINE real exp_within(real clamped)
{
    real shifted = FMA(clamped, (real)PER_LN2, EXP_MAGIC);
    real n = shifted - EXP_MAGIC;
    real r = FMA(n, -LN2_HIGH, clamped);
    r = FMA(n, -LN2_LOW, r);
#if CLOSS_REAL == 32
    real q = 1.3814540176801306354e-3f;
    q = FMA(q, r, 8.3687451089425906506e-3f);
    q = FMA(q, r, 0.041668390783547913136f);
    q = FMA(q, r, 0.16666520399042530069f);
    q = FMA(q, r, 0.49999993432129290236f);
#else
    real q = 2.5000018853083341953e-8;
    q = FMA(q, r, 2.7630306255647857359e-7);
    q = FMA(q, r, 2.7557586803847070697e-6);
    q = FMA(q, r, 0.000024801492949617070769);
    q = FMA(q, r, 0.00019841269505773806997);
    q = FMA(q, r, 0.0013888888943759984011);
    q = FMA(q, r, 0.008333333333494977261);
    q = FMA(q, r, 0.041666666666529728134);
    q = FMA(q, r, 0.16666666666666411508);
    q = FMA(q, r, 0.50000000000000106688);
#endif
    q = FMA(q, r, (real)1.0); /* 1 + r (1 + r Q) */
    q = FMA(q, r, (real)1.0);
    return q * from_bits(to_bits(shifted) << MANTISSA_BITS);
}

INLINE real exp_clamped(real t, real lowest)
{
    return lowest > t ? lowest : t; /* in this order NaN passes */
}

INLINE real exp_above(real t, real lowest)
{
    return exp_within(exp_clamped(t, lowest));
}

INLINE real exp_scaled(real t)
{
    return exp_above(t, EXP_LOWEST);
}

INLINE real exp_lowest(void)
{
    real lowest = EXP_LOWEST;
#if CLOSS_FMA /* SSE2 has no registers to spare */
    HIDE(lowest);
#endif
    return lowest;
}

INLINE real log1p_positive(real z)
{
    real u = z + 1;
    bits_t k = (bits_t)(to_bits(u) - to_bits((real)0.70710678118654752440)) >> MANTISSA_BITS; /* z >= 0: k >= 0 */
    real inverse = from_bits((bits_t)(EXPONENT_BIAS - k) << MANTISSA_BITS);                   /* 2^-k */
    real f = z * inverse + (inverse - 1);
    real s = f / (2 + f);
    real square = s * s;
#if CLOSS_REAL == 32
    real rest = 0.2987228125160121709f;
    rest = FMA(rest, square, 0.39977528116467746676f);
    rest = FMA(rest, square, 0.66666776419725353733f);
#else
    real rest = 0.14797032719085902429;
    rest = FMA(rest, square, 0.15313951613307108245);
    rest = FMA(rest, square, 0.18183567814176257872);
    rest = FMA(rest, square, 0.22222198513697290296);
    rest = FMA(rest, square, 0.28571428742889332838);
    rest = FMA(rest, square, 0.39999999999412791441);
    rest = FMA(rest, square, 0.66666666666667346382);
#endif
    real half = f * f * (real)0.5;
    real tail = half - s * (half + square * rest);
    real kr = from_bits(to_bits(TWO_TO_MANTISSA) + k) - TWO_TO_MANTISSA; /* k as a number */
    real log = FMA(kr, LN2_HIGH, f - (tail - kr * LN2_LOW));
    return u < INFINITY ? log : z + z; /* +inf and NaN */
}

/* Of a logarithm to base e, or to base 2, where powers of two are exact: what a step of the exponent's lowest bit in
 * `bits_t` adds, and the coefficients of 2 + s^2 R(s^2), `one` times as large as to base e. */
#undef ATANH_SERIES
#if CLOSS_REAL == 32
#define ATANH_SERIES {2, 0.66666947170577806232f, 0.39957822469659293572f, 0.30360935492837901302f}
#else
#define ATANH_SERIES                                                                                                   \
    {2,                                                                                                                \
     0.66666666666672723063,                                                                                           \
     0.39999999996153165468,                                                                                           \
     0.285714293970850499,                                                                                             \
     0.22222138336820575455,                                                                                           \
     0.1818636343973960638,                                                                                            \
     0.1525003048298386576,                                                                                            \
     0.15369491902726026952}
#endif
typedef struct {
    real one, step, least, series[ATANH_TERMS];
} log_scale;

INLINE log_scale log_scale_of(double base)
{
    const real one = base == 2 ? (real)PER_LN2 : 1;
    real least = REAL_TINY;
#if CLOSS_FMA
    HIDE(least);
#endif
    log_scale scale = {one, (base == 2 ? 1 : (real)LN2) * POWER_UNIT, least, ATANH_SERIES};
    for (int i = 0; i < ATANH_TERMS; i++) scale.series[i] *= one;
    return scale;
}

INLINE real twice_atanh(real s, log_scale scale)
{
    const real square = s * s, *c = scale.series;
#if CLOSS_REAL == 32
    real sum = FMA(c[3], square, c[2]);
#else
    real sum = FMA(c[7], square, c[6]);
    sum = FMA(sum, square, c[5]);
    sum = FMA(sum, square, c[4]);
    sum = FMA(sum, square, c[3]);
    sum = FMA(sum, square, c[2]);
#endif
    sum = FMA(sum, square, c[1]);
    return s * FMA(sum, square, c[0]);
}

INLINE real log_ratio(real p, real q, log_scale scale, const int careful)
{
    const bits_t fraction = ((bits_t)1 << MANTISSA_BITS) - 1, half = (bits_t)1 << (MANTISSA_BITS - 1);
    real lifted = 0;
    if (careful) {
        /* So that a is normal, and a + q does not overflow. */
        const real small = (real)(2 * REAL_TINY), large = (real)(0.25 / REAL_TINY);
        const real p_lift = p < (real)REAL_TINY ? (real)EXP_SCALE : 1;
        const real q_lift = q < small ? (real)EXP_SCALE : q > large ? EXP_UNIT : 1;
        const real q_lifted = q < small ? (real)EXP_BIAS : q > large ? -(real)EXP_BIAS : 0;
        lifted = q_lifted - (p < (real)REAL_TINY ? (real)EXP_BIAS : 0);
        p *= p_lift;
        q *= q_lift;
    }
    const real least = scale.least, b = least > q ? least : q;
    const bits_t between = to_bits(p) - to_bits(b) + half, power = between & ~fraction;
    const real a = from_bits(to_bits(p) - power);
    real k = POWER_AS_REAL(power);
    if (careful) k += lifted / POWER_UNIT;
    return FMA(k, scale.step, twice_atanh((a - b) / (a + b), scale));
}

INLINE real js_series(real square)
{
#if CLOSS_REAL == 32
    real series = 0.013537711219092802336f;
    series = FMA(series, square, 0.017609675149465625715f);
    series = FMA(series, square, 0.033343408935396003634f);
    series = FMA(series, square, 0.083333190928868145062f);
    series = FMA(series, square, 0.50000000032101328114f);
#else
    real series = 0.0042413203876865805447;
    series = FMA(series, square, 0.0028516840766897910678);
    series = FMA(series, square, 0.0042236656487802988707);
    series = FMA(series, square, 0.0054898710348777129455);
    series = FMA(series, square, 0.0075759887790889169135);
    series = FMA(series, square, 0.011111104123578039992);
    series = FMA(series, square, 0.017857142978078908759);
    series = FMA(series, square, 0.033333333332272394917);
    series = FMA(series, square, 0.083333333333336939344);
    series = FMA(series, square, 0.49999999999999999798);
#endif
    return series;
}
