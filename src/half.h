/* half.h: the half types, as uint16_t in memory, and float: exact one way, rounded to nearest even the other.
 *
 * One element in plain C that vectorises, and stretches of elements, which F16C and AVX-512 convert HALVES at a time.
 * Both give the same bits (NaN stays NaN; its payload is free).
 */
#if CLOSS_F16C
#include <immintrin.h>
#endif

INLINE float from_f16(uint16_t half)
{
    const uint32_t magnitude = half & 0x7fffu;
    /* The exponent's bias differs by 112. Subnormals are multiples of 2^-24, and are made of integers, because
     * arithmetic with subnormal floats takes processors a hundred times as long. */
    const uint32_t subnormal = float_to_bits((float)(int32_t)magnitude * 0x1p-24f);
    const uint32_t special = magnitude >= 0x7c00 ? 0x7f800000u : 0;
    const uint32_t bits = magnitude < 0x400 ? subnormal : (magnitude << 13) + (112u << 23);
    return bits_to_float(bits | special | (uint32_t)(half & 0x8000u) << 16);
}

INLINE uint16_t to_f16(float value)
{
    const uint32_t bits = float_to_bits(value) & 0x7fffffffu, sign = float_to_bits(value) >> 16 & 0x8000u;
    /* 0.5 has the unit in the last place of a subnormal half: adding it rounds there. */
    const uint32_t subnormal = float_to_bits(bits_to_float(bits) + 0.5f) - 0x3f000000u;
    const uint32_t normal = (bits - (112u << 23) + 0xfffu + (bits >> 13 & 1)) >> 13;
    const uint32_t special = bits > 0x7f800000u ? 0x7e00u : 0x7c00u;
    return (uint16_t)(sign | (bits < 0x38800000u ? subnormal : bits < 0x47800000u ? normal : special));
}

INLINE float from_bf16(uint16_t half)
{
    return bits_to_float((uint32_t)half << 16);
}

INLINE uint16_t to_bf16(float value)
{
    const uint32_t bits = float_to_bits(value);
    const uint32_t rounded = (bits + 0x7fffu + (bits >> 16 & 1)) >> 16;
    return (uint16_t)(value == value ? rounded : bits >> 16 | 0x40u);
}

#if CLOSS_F16C
INLINE float widen_one(uint16_t half)
{
    return _mm_cvtss_f32(_mm_cvtph_ps(_mm_cvtsi32_si128(half)));
}

INLINE uint16_t narrow_one(float value)
{
    return (uint16_t)_mm_cvtsi128_si32(_mm_cvtps_ph(_mm_set_ss(value), _MM_FROUND_TO_NEAREST_INT));
}

#if defined(__AVX512F__)
enum { HALVES = 16 };
INLINE void widen_some(const uint16_t *from, float *to)
{
    _mm512_storeu_ps(to, _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)(const void *)from)));
}

INLINE void narrow_some(const float *from, uint16_t *to)
{
    const __m256i some = _mm512_cvtps_ph(_mm512_loadu_ps(from), _MM_FROUND_TO_NEAREST_INT);
    _mm256_storeu_si256((__m256i *)(void *)to, some);
}
#else
enum { HALVES = 8 };
INLINE void widen_some(const uint16_t *from, float *to)
{
    _mm256_storeu_ps(to, _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(const void *)from)));
}

INLINE void narrow_some(const float *from, uint16_t *to)
{
    const __m128i some = _mm256_cvtps_ph(_mm256_loadu_ps(from), _MM_FROUND_TO_NEAREST_INT);
    _mm_storeu_si128((__m128i *)(void *)to, some);
}
#endif
#else
INLINE float widen_one(uint16_t half)
{
    return from_f16(half);
}

INLINE uint16_t narrow_one(float value)
{
    return to_f16(value);
}
#endif

INLINE void widen_f16(const uint16_t *restrict from, int64_t n, float *restrict to)
{
#if CLOSS_F16C
    if (n >= HALVES) {
        for (int64_t i = 0; i < n - HALVES; i += HALVES) widen_some(from + i, to + i);
        widen_some(from + n - HALVES, to + n - HALVES); /* these may overlap those before them */
        return;
    }
#endif
    for (int64_t i = 0; i < n; i++) to[i] = widen_one(from[i]);
}

INLINE void narrow_f16(const float *restrict from, int64_t n, uint16_t *restrict to)
{
#if CLOSS_F16C
    if (n >= HALVES) {
        for (int64_t i = 0; i < n - HALVES; i += HALVES) narrow_some(from + i, to + i);
        narrow_some(from + n - HALVES, to + n - HALVES);
        return;
    }
#endif
    for (int64_t i = 0; i < n; i++) to[i] = narrow_one(from[i]);
}

/* The same of bfloat16: what the loop of whole vectors would leave over is done by groups, which may overlap. */
enum { GROUP = 16 };
INLINE void widen_bf16(const uint16_t *restrict from, int64_t n, float *restrict to)
{
    const int64_t left = n >= GROUP ? n % (2 * GROUP) : 0;
#pragma omp simd
    for (int64_t i = 0; i < n - left; i++) to[i] = from_bf16(from[i]);
    for (int64_t i = n - left; left > 0 && i < n; i += GROUP) {
        const int64_t at = n - i < GROUP ? n - GROUP : i;
#pragma omp simd
        for (int k = 0; k < GROUP; k++) to[at + k] = from_bf16(from[at + k]);
    }
}

INLINE void narrow_bf16(const float *restrict from, int64_t n, uint16_t *restrict to)
{
    const int64_t left = n >= GROUP ? n % (2 * GROUP) : 0;
#pragma omp simd
    for (int64_t i = 0; i < n - left; i++) to[i] = to_bf16(from[i]);
    for (int64_t i = n - left; left > 0 && i < n; i += GROUP) {
        const int64_t at = n - i < GROUP ? n - GROUP : i;
#pragma omp simd
        for (int k = 0; k < GROUP; k++) to[at + k] = to_bf16(from[at + k]);
    }
}
