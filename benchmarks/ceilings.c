/* ceilings.c: the plain loops that bound what a kernel can do, compiled with the flags of the kernels. setup.py compiles
 * this once for each level, with CLOSS_ISA, into a table; and once without, into the choice of a table by name.
 *
 *     read      all of one array, by exclusive or
 *     copy      one array into another, times a constant, which no compiler turns into a call of memcpy
 *     triad     a sum of one array and a multiple of another into a third
 *     nt_...    the same by non-temporal stores, where the machine has them; the array need be aligned to 16 bytes
 *     exp32/64  the exponential of vmath.h, summed: an upper bound of what any softmax needs
 *
 * `a` holds the arrays one after the other, of `length` floats each, a multiple of 64. exp64 sees length / 2 doubles.
 */
#include "ceilings.h"

#ifdef CLOSS_ISA

#include "bits.h"
#define CLOSS_JOIN_(a, b) a##b
#define CLOSS_JOIN(a, b) CLOSS_JOIN_(a, b)

#define CLOSS_REAL 64
#include "real.h"
#include "vmath.h"
#undef CLOSS_REAL
#define CLOSS_REAL 32
#include "real.h"
#include "vmath.h"

#if defined(__SSE2__)
#include <immintrin.h>
#define STREAM 1
#else
#define STREAM 0
#endif

enum { WIDTH = 64 };

/* What is computed must be used. */
static float sink(float x)
{
#if defined(__GNUC__)
    __asm__ volatile("" : : "r"(&x) : "memory");
#endif
    return x;
}

static void read_all(float *a, long length)
{
    const uint64_t *words = (const uint64_t *)(const void *)a;
    uint64_t lanes[WIDTH] = {0}, all = 0;
    for (long i = 0; i < length / 2; i += WIDTH / 2)
#pragma omp simd
        for (int lane = 0; lane < WIDTH / 2; lane++) lanes[lane] ^= words[i + lane];
    for (int lane = 0; lane < WIDTH / 2; lane++) all ^= lanes[lane];
    sink((float)all);
}

static void copy(float *a, long length)
{
    float *restrict to = a + length;
    for (long i = 0; i < length; i += WIDTH)
#pragma omp simd
        for (int lane = 0; lane < WIDTH; lane++) to[i + lane] = 0.5f * a[i + lane];
    sink(to[0]);
}

static void triad(float *a, long length)
{
    const float *b = a + length;
    float *restrict to = a + 2 * length;
    for (long i = 0; i < length; i += WIDTH)
#pragma omp simd
        for (int lane = 0; lane < WIDTH; lane++) to[i + lane] = a[i + lane] + 0.5f * b[i + lane];
    sink(to[0]);
}

#if STREAM
static void nt_copy(float *a, long length)
{
    float *to = a + length;
    for (long i = 0; i < length; i += 4) _mm_stream_ps(to + i, _mm_mul_ps(_mm_set1_ps(0.5f), _mm_load_ps(a + i)));
    _mm_sfence();
}

static void nt_triad(float *a, long length)
{
    const float *b = a + length;
    float *to = a + 2 * length;
    for (long i = 0; i < length; i += 4)
        _mm_stream_ps(to + i, _mm_add_ps(_mm_load_ps(a + i), _mm_mul_ps(_mm_set1_ps(0.5f), _mm_load_ps(b + i))));
    _mm_sfence();
}
#else
#define nt_copy 0
#define nt_triad 0
#endif

static void exp32(float *a, long length)
{
    float sums[WIDTH] = {0};
    for (long i = 0; i < length; i += WIDTH)
#pragma omp simd
        for (int lane = 0; lane < WIDTH; lane++) sums[lane] += CLOSS_JOIN(exp_scaled_f32_, CLOSS_ISA)(a[i + lane] - 2);
    for (int lane = 1; lane < WIDTH; lane++) sums[0] += sums[lane];
    sink(sums[0]);
}

static void exp64(float *a, long length)
{
    const double *x = (const double *)(const void *)a;
    double sums[WIDTH / 2] = {0};
    for (long i = 0; i < length / 2; i += WIDTH / 2)
#pragma omp simd
        for (int lane = 0; lane < WIDTH / 2; lane++)
            sums[lane] += CLOSS_JOIN(exp_scaled_f64_, CLOSS_ISA)(x[i + lane] - 2);
    for (int lane = 1; lane < WIDTH / 2; lane++) sums[0] += sums[lane];
    sink((float)sums[0]);
}

const ceilings CLOSS_JOIN(ceilings_, CLOSS_ISA) = {{read_all, copy, nt_copy, triad, nt_triad, exp32, exp64}};

#else

#include <string.h>

extern const ceilings ceilings_baseline, ceilings_avx2, ceilings_avx512, ceilings_neon;

ceiling *ceiling_of(const char *kind, const char *isa)
{
    static const char *const kinds[CEILINGS] = {"read", "copy", "nt_copy", "triad", "nt_triad", "exp32", "exp64"};
    const ceilings *table = &ceilings_baseline;
#ifdef CLOSS_HAVE_AVX2
    if (!strcmp(isa, "avx2")) table = &ceilings_avx2;
#endif
#ifdef CLOSS_HAVE_AVX512
    if (!strcmp(isa, "avx512")) table = &ceilings_avx512;
#endif
#ifdef CLOSS_HAVE_NEON
    if (!strcmp(isa, "neon")) table = &ceilings_neon;
#endif
    (void)isa;
    for (int k = 0; k < CEILINGS; k++)
        if (!strcmp(kind, kinds[k])) return table->loop[k];
    return 0;
}

#endif
