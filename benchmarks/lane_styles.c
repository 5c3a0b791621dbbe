/* lane_styles.c: how to write lanes, measured. The sum of exponentials of 4096 floats, which stay in L1, in three styles:
 *
 *   lanes    fixed arrays of 32 lanes under `omp simd`, a fixed tree at the end: what src/softmax_row.h does
 *   vectors  the compiler's own vector type of 64 bytes, twice
 *   plain    `omp simd reduction(+)`: the order of additions is left to the compiler
 *
 *   cc -std=gnu11 -O3 -fno-math-errno -fno-trapping-math -ffp-contract=off -fopenmp-simd -mavx2 -mfma -Isrc \
 *      benchmarks/lane_styles.c -o lane_styles && ./lane_styles
 *
 * prints nanoseconds per element (best of 200 rounds in turn) and the bits of each sum. */
#define CLOSS_ISA style
#define CLOSS_FMA 1
#include <stdio.h>
#include <time.h>

#include "bits.h"

#define CLOSS_REAL 32
#include "real.h"
#include "vmath.h"

enum { N = 4096 };

static float sum_lanes(const float *x)
{
    float lane[32] = {0};
    for (int g = 0; g < N; g += 32) {
#pragma omp simd
        for (int l = 0; l < 32; l++) lane[l] += exp_scaled(x[g + l]);
    }
    for (int half = 16; half > 0; half /= 2)
        for (int l = 0; l < half; l++) lane[l] += lane[l + half];
    return lane[0];
}

typedef float floats __attribute__((vector_size(64)));
typedef int32_t ints __attribute__((vector_size(64)));

/* Vector types have no fused multiply-add: it is written lane by lane. */
static inline void add_exp(const float *x, floats *sum)
{
    floats t;
    memcpy(&t, x, sizeof t);
    const floats zero = {0};
    const ints low = t < EXP_LOWEST + zero;
    const floats clamped = (floats)((low & (ints)(EXP_LOWEST + zero)) | (~low & (ints)t));
    floats shifted, r, q = 1.3814540176801306354e-3f + zero;
    static const float coefficient[] = {8.3687451089425906506e-3f,
                                        0.041668390783547913136f,
                                        0.16666520399042530069f,
                                        0.49999993432129290236f,
                                        1.0f,
                                        1.0f};
    for (int l = 0; l < 16; l++) shifted[l] = FMA(clamped[l], 1.44269504088896340736f, (float)EXP_MAGIC);
    const floats n = shifted - (float)EXP_MAGIC;
    for (int l = 0; l < 16; l++) r[l] = FMA(n[l], -LN2_HIGH, clamped[l]);
    for (int l = 0; l < 16; l++) r[l] = FMA(n[l], -LN2_LOW, r[l]);
    for (int k = 0; k < 6; k++)
        for (int l = 0; l < 16; l++) q[l] = FMA(q[l], r[l], coefficient[k]);
    *sum += q * (floats)((ints)shifted << 23);
}

static float sum_vectors(const float *x)
{
    floats a = {0}, b = {0};
    for (int g = 0; g < N; g += 32) {
        add_exp(x + g, &a);
        add_exp(x + g + 16, &b);
    }
    a += b;
    for (int half = 8; half > 0; half /= 2)
        for (int l = 0; l < half; l++) a[l] += a[l + half];
    return a[0];
}

static float sum_plain(const float *x)
{
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int j = 0; j < N; j++) sum += exp_scaled(x[j]);
    return sum;
}

int main(void)
{
    static float x[N];
    const struct {
        const char *name;
        float (*sum)(const float *);
    } style[] = {{"lanes", sum_lanes}, {"vectors", sum_vectors}, {"plain", sum_plain}};
    double best[3] = {1e9, 1e9, 1e9};
    float result[3];
    for (int j = 0; j < N; j++) x[j] = -(float)(j * 2654435761u % 1000003) / 50000;
    for (int round = 0; round < 200; round++)
        for (int s = 0; s < 3; s++) {
            struct timespec start, end;
            clock_gettime(CLOCK_MONOTONIC, &start);
            for (int k = 0; k < 20; k++) result[s] = style[s].sum(x);
            clock_gettime(CLOCK_MONOTONIC, &end);
            const double ns = (double)(end.tv_sec - start.tv_sec) * 1e9 + (double)(end.tv_nsec - start.tv_nsec);
            if (ns / 20 / N < best[s]) best[s] = ns / 20 / N;
        }
    for (int s = 0; s < 3; s++) printf("%-8s %.3f ns  bits %08x\n", style[s].name, best[s], float_to_bits(result[s]));
    return 0;
}
