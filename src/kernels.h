/* kernels.h: everything that is compiled once per instruction set. An isa_*.c file defines CLOSS_ISA (the name),
 * CLOSS_FMA and CLOSS_F16C (1 if the level has fused multiply-add, and F16C) and includes this; all it leaves behind is
 * its table. */
#include "bits.h"
#include "dispatch.h"

#define CLOSS_JOIN_(a, b) a##b
#define CLOSS_JOIN(a, b) CLOSS_JOIN_(a, b)

#include "half.h"
#include "stream.h"
#include "ahead.h"
#include "softmax_samples.h"
#include "zero_one_labels.h"
#include "weights.h"

#define CLOSS_REAL 64
#include "real.h"
#include "storage.h"
#include "vmath.h"

/* What is in double for both types, while real is. */
#include "softmax_state.h"
#include "terms_samples.h"

#include "kernels_of_real.h"
#undef CLOSS_REAL

#define CLOSS_REAL 32
#include "real.h"
#include "storage.h"
#include "vmath.h"

#include "kernels_of_real.h"
#undef CLOSS_REAL

/* In the order of closs_dtype; half types are computed in float. */
#define EACH(name)                                                                                                     \
    CLOSS_JOIN(name##_f32_, CLOSS_ISA), CLOSS_JOIN(name##_f64_, CLOSS_ISA), CLOSS_JOIN(name##_f32_, CLOSS_ISA),        \
        CLOSS_JOIN(name##_f32_, CLOSS_ISA)

const closs_kernels CLOSS_JOIN(closs_kernels_, CLOSS_ISA) = {
    .softmax_rows = {EACH(softmax_rows)},
    .softmax_lanes = {EACH(softmax_lanes)},
    .softmax_part = {EACH(softmax_part)},
    .softmax_scratch = {EACH(softmax_scratch)},
    .softmax_value = {EACH(softmax_value)},
    .softmax_write = {EACH(softmax_write)},
    .merge_states = softmax_merge,
    .softmax_terms = {EACH(softmax_terms)},
    .terms_part = {EACH(terms_part)},
    .terms_scratch = {EACH(terms_scratch)},
    .terms_value = {EACH(terms_value)},
    .terms_write = {EACH(terms_write)},
    .measures = {EACH(measures)},
    .measures_part = {EACH(measures_part)},
    .measures_value = {EACH(measures_value)},
    .measures_write = {EACH(measures_write)},
    .elementwise = {EACH(elementwise)},
    .zero_one = {EACH(zero_one)},
    .zero_one_labels = zero_one_pairs,
    .weights = add_weights,
};
