/* kernels.h: everything that is compiled once per instruction set. An isa_*.c file defines CLOSS_ISA (the name) and
 * CLOSS_FMA (1 if the level has fused multiply-add) and includes this; all it leaves behind is its table. */
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "dispatch.h"

#define CLOSS_JOIN_(a, b) a##b
#define CLOSS_JOIN(a, b) CLOSS_JOIN_(a, b)

/* gcc from version 12, and clang. */
#if defined(__has_builtin)
#if __has_builtin(__builtin_shufflevector)
#define CLOSS_HAS_SHUFFLE 1
#endif
#endif
#ifndef CLOSS_HAS_SHUFFLE
#define CLOSS_HAS_SHUFFLE 0
#endif

#if defined(__GNUC__)
#define PREFETCH(address) __builtin_prefetch(address)
#else
#define PREFETCH(address) ((void)(address))
#endif

static inline float bits_to_float(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline uint32_t float_to_bits(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static inline double bits_to_double(uint64_t bits)
{
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline uint64_t double_to_bits(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

#include "softmax_samples.h"

#define CLOSS_REAL 64
#include "real.h"
#include "vmath.h"

/* exp(t) for t <= 0 in double, for the few exponentials of a row that rescale sums of others. */
static inline double exp_double(double t)
{
    return exp_scaled(t) * 0x1p-54;
}

#include "softmax_rows.h"

#include "softmax_lanes.h"
#undef CLOSS_REAL

#define CLOSS_REAL 32
#include "real.h"
#include "vmath.h"

#include "softmax_rows.h"

#include "softmax_lanes.h"
#undef CLOSS_REAL

const closs_kernels CLOSS_JOIN(closs_kernels_, CLOSS_ISA) = {
    .softmax_rows = {CLOSS_JOIN(softmax_rows_f32_, CLOSS_ISA), CLOSS_JOIN(softmax_rows_f64_, CLOSS_ISA)},
    .softmax_lanes = {CLOSS_JOIN(softmax_lanes_f32_, CLOSS_ISA), CLOSS_JOIN(softmax_lanes_f64_, CLOSS_ISA)},
};
