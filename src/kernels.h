/* kernels.h: everything that is compiled once per instruction set. An isa_*.c file defines CLOSS_ISA (the name),
 * CLOSS_FMA and CLOSS_F16C (1 if the level has fused multiply-add, and F16C) and includes this; all it leaves behind is its
 * table. */
#include "bits.h"
#include "dispatch.h"

#define CLOSS_JOIN_(a, b) a##b
#define CLOSS_JOIN(a, b) CLOSS_JOIN_(a, b)

#include "half.h"
#include "softmax_samples.h"
#include "zero_one_labels.h"

#define CLOSS_REAL 64
#include "real.h"
#include "storage.h"
#include "vmath.h"

#include "softmax_state.h"
#include "softmax_rows.h"
#include "softmax_lanes.h"
#include "softmax_terms.h"
#include "measures.h"
#include "elementwise.h"
#include "zero_one.h"
#undef CLOSS_REAL

#define CLOSS_REAL 32
#include "real.h"
#include "storage.h"
#include "vmath.h"

#include "softmax_rows.h"
#include "softmax_lanes.h"
#include "elementwise.h"
#include "zero_one.h"
#undef CLOSS_REAL

#define OF(real, name) CLOSS_JOIN(name##_##real##_, CLOSS_ISA)
#define EACH(name) OF(f32, name), OF(f64, name), OF(f32, name), OF(f32, name)

const closs_kernels CLOSS_JOIN(closs_kernels_, CLOSS_ISA) = {
    .softmax_rows = {EACH(softmax_rows)},
    .softmax_lanes = {EACH(softmax_lanes)},
    .softmax_part = {EACH(softmax_part)},
    .softmax_value = {EACH(softmax_value)},
    .softmax_write = {EACH(softmax_write)},
    .merge_states = softmax_merge,
    .softmax_terms = OF(f64, softmax_terms),
    .terms_part = OF(f64, terms_part),
    .terms_value = OF(f64, terms_value),
    .terms_write = OF(f64, terms_write),
    .measures = OF(f64, measures),
    .measures_part = OF(f64, measures_part),
    .measures_value = OF(f64, measures_value),
    .measures_write = OF(f64, measures_write),
    .elementwise = {EACH(elementwise)},
    .zero_one = {EACH(zero_one)},
    .zero_one_labels = zero_one_pairs,
};
