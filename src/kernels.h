/* kernels.h: everything that is compiled once per instruction set. An isa_*.c file defines CLOSS_ISA (the name) and
 * CLOSS_FMA (1 if the level has fused multiply-add) and includes this; all it leaves behind is its table. */
#include "bits.h"
#include "dispatch.h"

#define CLOSS_JOIN_(a, b) a##b
#define CLOSS_JOIN(a, b) CLOSS_JOIN_(a, b)

#include "softmax_samples.h"

#define CLOSS_REAL 64
#include "real.h"
#include "vmath.h"

/* x exp(t) for t <= 0 in double, for the few exponentials of a row that rescale sums of others. exp(t) alone could be
 * subnormal, with few digits, where the product is not. */
static inline double times_exp(double x, double t)
{
    const double e = exp_scaled(t);
    return fabs(x) >= 1 ? x * 0x1p-54 * e : x * e * 0x1p-54;
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
