/* vmath.h: exp and log1p for one lane, without branches, so that a loop over lanes becomes vector code.
 *
 * Both are written for `real` (float or double, see real.h). Polynomials are relative minimax fits by Remez exchange;
 * tests/test_constants.py derives every coefficient anew.
 *
 * exp_scaled(t) = 2^EXP_BIAS exp(t) for t <= 0. With n = round(t / ln 2) and r = t - n ln 2:
 *     exp(t) = 2^n (1 + r + r^2 Q(r)),    |r| <= ln(2)/2.
 * Rounding t / ln 2 by adding a large constant leaves n, already biased, in the low bits of the sum, and a shift makes it
 * an exponent. The scale of 2^EXP_BIAS keeps everything normal that is subnormal as exp(t), so that sums of exponentials
 * stay exact down to underflow and no second rounding happens; callers divide it out together with their own factor.
 * Error: at most 1.1 ulp of exp(t). t below EXP_LOWEST, -inf included, gives exactly 0; NaN gives NaN.
 *
 * log1p_positive(z), z >= 0 (NaN and +inf pass through). With 1 + z = 2^k (1 + f), sqrt(1/2) <= 1 + f < sqrt(2):
 *     log1p(z) = k ln 2 + log(1 + f),   f = z 2^-k + (2^-k - 1) rounded once, since both terms are exact,
 *     log(1 + f) = f - (f^2/2 - s (f^2/2 + s^2 R(s^2))),   s = f / (2 + f).
 * (The last form is that of K. C. Ng's log1p in FDLIBM, 1993.) For k = 0, f = z: full relative accuracy near 0.
 * Error: at most 1.5 ulp.
 */
INLINE real exp_scaled(real t)
{
    real clamped = EXP_LOWEST > t ? EXP_LOWEST : t; /* in this order NaN passes */
    real shifted = FMA(clamped, (real)1.44269504088896340736, EXP_MAGIC);
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
