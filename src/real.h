/* real.h: the parameter sheet of the kernels. Define CLOSS_REAL (32 or 64) and include; again for the other.
 *
 * real, bits_t, order_t  the floating type, and the unsigned and signed integer of its width
 * REAL_DTYPE             its name in closs.h
 * REAL_MAX, REAL_TINY    its largest number, and the smallest normal one: a factor below that loses digits
 * MANTISSA_BITS, ...     its bits: also EXPONENT_BIAS, TWO_TO_MANTISSA = 2^MANTISSA_BITS, to_bits, from_bits
 * ABSOLUTE, SQRT, SIGNED fabs, sqrt (an instruction, with -fno-math-errno) and copysign
 * FUSED, FMA             multiply-adds, see below
 * LANES                  lanes along classes: accumulators of a row, a property of the algorithm and not of the machine
 * STEP                   lanes that a loop over samples takes at a time: what registers hold; no result depends on it
 * SIDE                   lanes in 16 bytes: tiles are transposed by blocks of SIDE rows and columns
 * EXP_..., LN2_..., ATANH_TERMS    constants of vmath.h; EXP_UNIT = 2^-EXP_BIAS, EXP_SCALE = 2^EXP_BIAS
 * POWER_...              POWER_AS_REAL(k << MANTISSA_BITS) x POWER_UNIT = k: a conversion where that is vector code
 * KERNEL(name)           name_f32_<isa> or name_f64_<isa>
 *
 * FMA(a, b, c) is a fused multiply-add where the level has one (CLOSS_FMA). Elsewhere it is a x b + c, rounded twice,
 * because a fused one would be a call of libm. The compiler may not contract anything by itself (-ffp-contract=off).
 */
#undef real
#undef bits_t
#undef order_t
#undef REAL_DTYPE
#undef REAL_MAX
#undef REAL_TINY
#undef MANTISSA_BITS
#undef EXPONENT_BIAS
#undef TWO_TO_MANTISSA
#undef to_bits
#undef from_bits
#undef ABSOLUTE
#undef SQRT
#undef SIGNED
#undef FUSED
#undef FMA
#undef LANES
#undef STEP
#undef SIDE
#undef EXP_BIAS
#undef EXP_UNIT
#undef EXP_SCALE
#undef EXP_MAGIC
#undef EXP_LOWEST
#undef LN2_HIGH
#undef LN2_LOW
#undef ATANH_TERMS
#undef POWER_UNIT
#undef POWER_AS_REAL
#undef KERNEL_

#if CLOSS_REAL == 32
#define real float
#define bits_t uint32_t
#define order_t int32_t
#define REAL_DTYPE CLOSS_F32
#define REAL_MAX 3.402823466e38
#define REAL_TINY 0x1p-126
#define MANTISSA_BITS 23
#define EXPONENT_BIAS 127
#define TWO_TO_MANTISSA 0x1p23f
#define to_bits float_to_bits
#define from_bits bits_to_float
#define ABSOLUTE(x) fabsf(x)
#define SQRT(x) sqrtf(x)
#define SIGNED(x, sign) copysignf(x, sign)
#define FUSED(a, b, c) __builtin_fmaf(a, b, c)
#define LANES 32
#define STEP (CLOSS_FMA ? 16 : 8)
#define SIDE 4
#define EXP_BIAS 24
#define EXP_UNIT 0x1p-24f
#define EXP_SCALE 0x1p24
#define EXP_MAGIC (0x1.8p23f + 127 + EXP_BIAS)
#define EXP_LOWEST (-104.66523f) /* -(127 + EXP_BIAS) ln 2: here the biased exponent is 0, and so the scale */
#define LN2_HIGH 0.693359375f    /* 9 bits: n x LN2_HIGH is exact */
#define LN2_LOW (-2.12194440054690583e-4f)
#define ATANH_TERMS 4
#define POWER_UNIT 0x1p-23f
#define POWER_AS_REAL(power) ((real)(order_t)(power))
#define KERNEL_(name, isa) name##_f32_##isa
#else
#define real double
#define bits_t uint64_t
#define order_t int64_t
#define REAL_DTYPE CLOSS_F64
#define REAL_MAX 1.7976931348623157e308
#define REAL_TINY 0x1p-1022
#define MANTISSA_BITS 52
#define EXPONENT_BIAS 1023
#define TWO_TO_MANTISSA 0x1p52
#define to_bits double_to_bits
#define from_bits bits_to_double
#define ABSOLUTE(x) fabs(x)
#define SQRT(x) sqrt(x)
#define SIGNED(x, sign) copysign(x, sign)
#define FUSED(a, b, c) __builtin_fma(a, b, c)
#define LANES 16
#define STEP (CLOSS_FMA ? 8 : 4)
#define SIDE 2
#define EXP_BIAS 54
#define EXP_UNIT 0x1p-54
#define EXP_SCALE 0x1p54
#define EXP_MAGIC (0x1.8p52 + 1023 + EXP_BIAS)
#define EXP_LOWEST (-746.51952)             /* -(1023 + EXP_BIAS) ln 2 */
#define LN2_HIGH 6.93147180369123816490e-01 /* 32 bits: n x LN2_HIGH is exact */
#define LN2_LOW 1.90821492927058770002e-10
#define ATANH_TERMS 8
#if defined(__AVX512DQ__) || defined(__aarch64__)
#define POWER_UNIT 0x1p-52
#define POWER_AS_REAL(power) ((real)(order_t)(power))
#else
#define POWER_UNIT 1
#define POWER_AS_REAL(power)                                                                                           \
    (from_bits((((power) + ((bits_t)1 << 63)) >> MANTISSA_BITS) + to_bits(TWO_TO_MANTISSA)) - (TWO_TO_MANTISSA + 2048))
#endif
#define KERNEL_(name, isa) name##_f64_##isa
#endif

#if CLOSS_FMA
#define FMA(a, b, c) FUSED(a, b, c)
#else
#define FMA(a, b, c) ((a) * (b) + (c))
#endif

/* Of both types. */
#define LN2 0.69314718055994530942
#define PER_LN2 1.44269504088896340736 /* 1 / ln 2 */

#define KERNEL_EXPAND(name, isa) KERNEL_(name, isa)
#define KERNEL(name) KERNEL_EXPAND(name, CLOSS_ISA)
#define exp_scaled KERNEL(exp_scaled)
#define exp_above KERNEL(exp_above)
#define exp_within KERNEL(exp_within)
#define exp_clamped KERNEL(exp_clamped)
#define exp_lowest KERNEL(exp_lowest)
#define log1p_positive KERNEL(log1p_positive)
#define log_ratio KERNEL(log_ratio)
#define log_scale KERNEL(log_scale)
#define log_scale_of KERNEL(log_scale_of)
#define twice_atanh KERNEL(twice_atanh)
#define js_series KERNEL(js_series)
