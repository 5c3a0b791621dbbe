/* weights.h: the sum of a stretch of sample weights, for the check, which reads each of them.
 *
 * Passes: one, and of floats one before. Accumulators: WEIGHT_LANES doubles by the number of the sample, and what
 * rounding took from each: the sum's error is that of every gradient of a mean. Floats of similar size have sums that
 * are not rounded, and half the work: the bits are the same.
 */
INLINE double nth_weight(const void *weights, const int are_floats, int64_t i)
{
    return are_floats ? (double)((const float *)weights)[i] : ((const double *)weights)[i];
}

INLINE int add_weights_of(const void *weights, const int are_floats, int64_t number, int64_t count,
                          closs_weights *total)
{
    enum { L = WEIGHT_LANES };
#define ADD_ONE(i)                                                                                                     \
    {                                                                                                                  \
        const double weight = nth_weight(weights, are_floats, i);                                                      \
        weight_add(weight, &total->sum[(number + (i)) % L], &total->lost[(number + (i)) % L]);                         \
        total->counted += weight != 0;                                                                                 \
    }
    ALIGNED double sum[L], lost[L], least[L];
    int64_t zero = 0, strange = 0;
    int64_t i = 0;
    for (; i < count && (number + i) % L != 0; i++) ADD_ONE(i);
    for (int l = 0; l < L; l++) sum[l] = total->sum[l], lost[l] = total->lost[l], least[l] = 1;
    const int64_t first = i;
    for (; i + L <= count; i += L) {
#pragma omp simd
        for (int l = 0; l < L; l++) {
            const double weight = nth_weight(weights, are_floats, i + l), size = fabs(weight);
            weight_add(weight, &sum[l], &lost[l]);
            least[l] = size < least[l] ? size : least[l];
        }
    }
    for (int l = 0; l < L; l++) total->sum[l] = sum[l], total->lost[l] = lost[l];
#pragma omp simd reduction(| : zero)
    for (int l = 0; l < L; l++) zero |= least[l] == 0;
    total->counted += i - first;
    for (int64_t k = first; k < i && zero; k++) total->counted -= nth_weight(weights, are_floats, k) == 0;
    for (; i < count; i++) ADD_ONE(i);
#pragma omp simd reduction(| : strange)
    for (int l = 0; l < L; l++) strange |= !(total->lost[l] - total->lost[l] == 0);
    return strange != 0;
#undef ADD_ONE
}

/* Whether sums of floats of one lane of a stretch are doubles, in any order, and how many floats are 0. Those of n
 * floats below 2^(k+1), multiples of 2^m, are if k + 1 - m + log2 n <= 53; here n = 64 and m >= the least k - 23. */
static int sums_are_exact(const float *weight, int64_t count, int64_t *zeros)
{
    const uint32_t absent = UINT32_MAX; /* the size of 0, less 1 */
    uint32_t least = absent, most = 0;
    *zeros = 0;
    for (int64_t i = 0; i < count; i++) {
        const uint32_t size = (float_to_bits(weight[i]) & 0x7fffffff) - 1;
        least = size < least ? size : least;
        most = size > most ? size : most;
    }
    if (most == absent) {
        most = 0;
        for (int64_t i = 0; i < count; i++) {
            const uint32_t bits = float_to_bits(weight[i]) & 0x7fffffff;
            *zeros += bits == 0;
            most = bits > most ? bits : most;
        }
    }
    const int lowest = (int)((least + 1) >> 23), highest = (int)((most + 1) >> 23);
    return highest < 255 && highest - (lowest > 0 ? lowest : 1) <= 53 - 24 - 6;
}

/* Floats at the beginning of a stretch, of which that is so. */
static void add_exact(const float *weight, int64_t count, closs_weights *total)
{
    enum { L = WEIGHT_LANES };
    ALIGNED double sum[L] = {0};
    int64_t i = 0;
    for (; i + L <= count; i += L) {
#pragma omp simd
        for (int l = 0; l < L; l++) sum[l] += (double)weight[i + l];
    }
    for (; i < count; i++) sum[i % L] += (double)weight[i];
    for (int l = 0; l < L; l++) total->sum[l] = sum[l];
}

/* Adds `count` weights, floats or doubles, of samples from `number`; returns whether one may be infinite or NaN, which
 * leaves NaN in `lost`, as a sum that overflows does. */
static int add_weights(const void *weights, closs_dtype dtype, int64_t number, int64_t count, closs_weights *total)
{
    int64_t zeros;
    if (dtype == CLOSS_F32 && number % WEIGHT_STRETCH == 0 && sums_are_exact(weights, count, &zeros)) {
        add_exact(weights, count, total);
        total->counted += count - zeros;
        return 0;
    }
    return dtype == CLOSS_F32 ? add_weights_of(weights, 1, number, count, total)
                              : add_weights_of(weights, 0, number, count, total);
}
