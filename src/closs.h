/* closs.h: losses of machine learning on CPU arrays.
 *
 * libcloss computes value and gradient of a loss in one call over one array. It has no threads, allocates nothing,
 * takes at most 48 KB of stack in any call, does no input or output, reads no environment variables and keeps one piece
 * of state: which instruction set it uses. Every function is re-entrant; threads may call it freely on arrays that none
 * of them writes.
 *
 * How a loss is computed
 * ----------------------
 * An argument struct says what to compute: fill it from its _INIT macro, which sets the size field and every default.
 *
 *   check    reads all parameters, labels and weights, and reports the first fault and the sum of the weights. It
 *            writes nothing but the report. Nothing is written to the caller's arrays unless check has passed.
 *   run      trusts, computes the samples [begin, end), and adds weight x loss to a partial sum. Cut the samples at
 *            multiples of the block length, give each block to any thread, and combine the partial sums in block order
 *            with closs_sum: the result then has the same bits for any number of threads.
 *   one-shot does check, all blocks and the combination, on the calling thread, with those same bits.
 *
 * The result of a sample does not depend on how many others there are, but for up to six samples of more than 128
 * classes whose axis is not the fastest in memory: another kernel computes these, with other last bits.
 *
 * A worked example: the mean loss of 32 rows of 1000 logits, with its gradient.
 *
 *     float logits[32 * 1000], gradient[32 * 1000];
 *     int64_t labels[32], rows = 32;
 *     closs_softmax_args args = CLOSS_SOFTMAX_INIT;
 *     args.dtype = CLOSS_F32;
 *     args.ndim = 1;
 *     args.shape = &rows;
 *     args.classes = 1000;
 *     args.logits.data = logits;
 *     args.labels.data = labels;
 *     args.grad.data = gradient;
 *     double mean;
 *     closs_report report;
 *     if (closs_softmax(&args, CLOSS_MEAN, &mean, &report) != CLOSS_OK)
 *         fprintf(stderr, "sample %lld: %s\n", (long long)report.index, closs_status_string(report.status));
 *
 * Threads
 * -------
 * run, sum_part and write_part write only to the samples and classes they are given, so that calls for different ones
 * may run at once with one argument struct, which nothing writes to (with scratch: with a copy each). Inputs must not
 * change between check and the last run; a label that does makes NaN of its sample, and is never used as an index.
 * closs_set_isa comes before all that.
 *
 * After an error
 * --------------
 * check writes *report alone, and the one-shot calls write to no output, nor to *value, on any status but CLOSS_OK:
 * what was in them is still there. There is no error after check has passed, but for what the one-shot calls ask of the
 * weights of a mean. What comes of numbers, NaN and infinity included, is a value and no error; see the special values
 * of each family. Options that a result or a loss does not have must be as the _INIT macro leaves them; but parameter,
 * fresh, first_class and the wide_ fields are not looked at where they mean nothing.
 *
 * Units
 * -----
 * Values are in nats, or to the base asked for; losses of regression in the unit of the loss. Shapes and strides count
 * elements, not bytes. A stride may repeat elements of an input, not of an output.
 *
 * Precision
 * ---------
 * dtype of the logits   arithmetic of a row   sums of weights and samples   gradient, values
 * CLOSS_F32             float, sums double    double                        float
 * CLOSS_F64             double                double                        double
 * CLOSS_F16, CLOSS_BF16 float, sums double    double                        as the logits (or float); values float
 *
 * Sums over classes are kept in double: of float numbers at most 16 are added up before they are added to one. What is
 * done once a sample is done in double. A value is rounded to the dtype of values before it is weighted and summed.
 *
 * Floating-point environment: every call computes in the default one (round to nearest, no flushing of subnormals,
 * exceptions masked) and restores the caller's before it returns.
 */
#ifndef CLOSS_H
#define CLOSS_H

#include <stddef.h>
#include <stdint.h>

#define CLOSS_VERSION_MAJOR 0
#define CLOSS_VERSION_MINOR 1
#define CLOSS_VERSION_PATCH 0

/* Define CLOSS_SHARED to use a shared libcloss (CMake and pkg-config do); CLOSS_BUILDING is for its own build. */
#if defined(_WIN32) && defined(CLOSS_SHARED) && defined(CLOSS_BUILDING)
#define CLOSS_API __declspec(dllexport)
#elif defined(_WIN32) && defined(CLOSS_SHARED)
#define CLOSS_API __declspec(dllimport)
#elif defined(__GNUC__) && defined(CLOSS_SHARED)
#define CLOSS_API __attribute__((visibility("default")))
#else
#define CLOSS_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* "major.minor.patch" of the library that is linked. If its argument structs are of another size than those of this
 * header, check and the one-shot calls return CLOSS_BAD_ARGUMENT. */
CLOSS_API const char *closs_version(void);

/* ---- Status --------------------------------------------------------------------------------------------------- */

typedef enum {
    CLOSS_OK = 0,
    CLOSS_BAD_ARGUMENT = 1,      /* a missing or unknown one, out of its range or too large; of a wrong size field */
    CLOSS_BAD_LABEL = 2,         /* a label outside [0, classes) that is not ignore_index; report.index, report.label */
    CLOSS_BAD_CLASS_WEIGHT = 3,  /* negative, infinite or NaN; report.index is the class */
    CLOSS_BAD_SAMPLE_WEIGHT = 4, /* infinite or NaN; report.index: the sample, or -1 for a mean's sum of weights */
    CLOSS_NOT_AVAILABLE = 5,     /* closs_set_isa: unknown, not compiled in, or not on this CPU */
    CLOSS_BAD_POS_WEIGHT = 6     /* negative, infinite or NaN; report.index is the element */
} closs_status;

/* One sentence for a status; never NULL. */
CLOSS_API const char *closs_status_string(closs_status status);

/* What check found. On a fault, index is the first offender in the order of the samples (or -1). */
typedef struct {
    closs_status status;
    int64_t index;
    int64_t label;     /* the offending label, with CLOSS_BAD_LABEL */
    double weight_sum; /* the denominator of the mean: sum of sample weight x class weight of the label */
    int64_t counted;   /* samples whose weight is not zero */
} closs_report;

/* ---- Arrays --------------------------------------------------------------------------------------------------- */

/* CLOSS_F16 is IEEE binary16, CLOSS_BF16 the upper half of a float32; both are uint16_t in memory. */
typedef enum { CLOSS_F32 = 0, CLOSS_F64 = 1, CLOSS_F16 = 2, CLOSS_BF16 = 3 } closs_dtype;
typedef enum { CLOSS_I32 = 0, CLOSS_I64 = 1, CLOSS_U8 = 2 } closs_label_dtype; /* CLOSS_U8: only beside `predicted` */
typedef enum { CLOSS_MEAN = 0, CLOSS_SUM = 1 } closs_reduction;

/* An array: its first element and the stride of each axis in elements (any sign; 0 repeats). strides == NULL means
 * packed in C order: last axis fastest. Which axes it has is said where it is used. data == NULL: not given. */
typedef struct {
    void *data;
    const int64_t *strides;
} closs_array;

typedef struct {
    const void *data;
    const int64_t *strides;
} closs_const_array;

/* ---- The softmax family --------------------------------------------------------------------------------------- */

/* What is computed from the logits z of a sample. In nats, unless `base` says otherwise. p = softmax(z), v_j = class
 * weight x target probability, W = sum of v_j; for a label y without smoothing v_y = W = class weight, all others 0.
 * f stands for scale x weight.
 *
 *                          values                              grad                  hess (diagonal)
 * CLOSS_CROSS_ENTROPY      weight x sum of v_j (log S - z_j)   f (W p - v)           f W p (1 - p)
 * CLOSS_LOGSUMEXP          log S = log of sum of exp(z_j)      -                     -
 * CLOSS_SOFTMAX            -                                   p                     -
 * CLOSS_LOG_SOFTMAX        -                                   z - log S             -
 * CLOSS_SOFTMAX_ENTROPY    weight x H(p)                       f x -p (log p + H)    -
 * CLOSS_DISTILLATION       weight x D(q || r)                  f (r - q) / T         -
 *
 * (distillation: q = softmax(targets / T), r = softmax(z / T), T the temperature). An output that a result does not
 * have is refused.
 *
 * Measures of probabilities as they are, not normalised: q = logits, p = targets (of an entropy p = logits):
 *
 *                          values                              grad / (scale x weight), in q   in p (wrt_targets)
 * CLOSS_ENTROPY            weight x -sum of p log p            (in p) -log p - 1
 * CLOSS_PROBABILITY_CROSS_ENTROPY
 *                          weight x -sum of p log q            -p / q                         -log q
 * CLOSS_KL_DIVERGENCE      weight x sum of p log(p / q)        -p / q                         log(p / q) + 1
 * CLOSS_JS_DIVERGENCE      weight x (KL(p, m) + KL(q, m)) / 2  log(q / m) / 2                 log(p / m) / 2
 *
 * with m = (p + q) / 2. 0 log 0 = 0 log(0 / 0) = 0; p > 0 = q is +inf (JS: finite); numbers below 0 and NaN give NaN;
 * where p = q = 0 all derivatives are 0. The second takes labels in place of targets, too: -log q[label].
 *
 * The zero-one loss has no derivative and no parts:
 *
 * CLOSS_ZERO_ONE           weight x (0 where the predicted class is the label, else 1), exact
 *
 * Logits are any scores here: the class of the largest is predicted, of equal ones the first. A row with a NaN, or of
 * -inf only, predicts nothing and is wrong. Or, without logits and ignore_index and with 0 classes, `predicted` holds
 * labels: these and the labels may be any integers, and dtype says only what values are.
 *
 * CLOSS_CROSS_ENTROPY takes either labels or targets (class probabilities, not normalised here); label_smoothing e
 * replaces a target t by (1 - e) t + e / classes. Class weights and smoothing are its own. Labels are taken by
 * cross-entropy, by the zero-one loss and by CLOSS_PROBABILITY_CROSS_ENTROPY. CLOSS_LOGSUMEXP, CLOSS_SOFTMAX and
 * CLOSS_LOG_SOFTMAX take no weights, and their sums mean nothing.
 *
 * The denominator of a mean: sum of sample weight x class weight of the label; with targets instead of labels the sum
 * of sample weights, whatever the class weights are.
 *
 * Samples are numbered in C order of shape[0..ndim); ndim may be 0 (one sample). logits, targets, grad and hess have
 * these axes and then the class axis: strides of ndim + 1 elements. labels, predicted, sample_weight and values have
 * the sample axes only.
 *
 * Accuracy of cross-entropy, integer labels, every confidence down to underflow: relative error of loss and gradient at
 * most 8 eps (plus sqrt(classes)/16 eps), plus half an ulp of x_j - max per exponential. With targets or smoothing: at
 * most 8 eps of the sum of |terms| (loss), and 8 eps (p_j W + v_j) (gradient).
 *
 * Special values: a class of positive target at a -inf logit gives +inf, with a finite gradient; a target of exactly 0
 * removes its term. A row with +inf or NaN, or of -inf only, is NaN, loss and gradient, and no other row is. A sample
 * of weight 0 (ignored, by its weights, or W = 0) gives value 0 and a gradient of zeros, whatever its logits hold.
 * logsumexp of -inf only, or of no class, is -inf; with +inf and no NaN it is +inf.
 *
 * grad may be the very array that it is the derivative in: the logits, or with wrt_targets the targets (same address,
 * strides and dtype); no other overlap is allowed. */
typedef enum {
    CLOSS_CROSS_ENTROPY = 0,
    CLOSS_LOGSUMEXP = 1,
    CLOSS_SOFTMAX = 2,
    CLOSS_LOG_SOFTMAX = 3,
    CLOSS_SOFTMAX_ENTROPY = 4,
    CLOSS_DISTILLATION = 5,
    CLOSS_ENTROPY = 6,
    CLOSS_PROBABILITY_CROSS_ENTROPY = 7,
    CLOSS_KL_DIVERGENCE = 8,
    CLOSS_JS_DIVERGENCE = 9,
    CLOSS_ZERO_ONE = 10
} closs_softmax_result;

typedef struct {
    size_t size; /* sizeof(closs_softmax_args), set by CLOSS_SOFTMAX_INIT */
    closs_softmax_result result;
    closs_dtype dtype;
    closs_label_dtype label_dtype;
    int64_t classes;
    int32_t ndim;
    const int64_t *shape;
    closs_const_array logits;
    closs_const_array labels;
    int32_t has_ignore_index;
    int64_t ignore_index;
    closs_dtype target_dtype;
    closs_const_array targets;       /* class probabilities in place of labels; for distillation logits */
    double label_smoothing;          /* in [0, 1] */
    double temperature;              /* finite, > 0; for float arithmetic of the size of a normal float */
    double base;                     /* of logarithms, of entropies and measures: finite, > 0, not 1; 0: e, for nats */
    closs_dtype class_weight_dtype;  /* CLOSS_F32 or CLOSS_F64 */
    closs_const_array class_weight;  /* optional: one axis, classes; finite and >= 0; products with targets and
                                        smoothed labels have the type of the arithmetic */
    closs_dtype sample_weight_dtype; /* CLOSS_F32 or CLOSS_F64 */
    closs_const_array sample_weight; /* optional: finite */
    closs_array values;              /* optional output: weight x value of each sample; float or double */
    closs_array grad;                /* optional output, of the dtype of the logits */
    closs_array hess;                /* optional output, of the dtype of the logits */
    int32_t wide_grad;               /* for half types: grad is float */
    int32_t wide_hess;               /* for half types: hess is float */
    double scale;                    /* multiplies derivatives; run uses it, the one-shot call sets it */
    int32_t wrt_targets;             /* measures of two arrays: grad is the derivative in targets */
    int64_t first_class; /* sum_part, write_part: the class of the first element of logits, targets, grad, hess */
    closs_label_dtype predicted_dtype;
    closs_const_array predicted; /* zero-one loss: labels in place of logits */
    int32_t fresh;               /* grad is new memory: however large, it is then not written past the caches */
    void *scratch;               /* optional: see closs_softmax_scratch */
    int64_t scratch_bytes;
} closs_softmax_args;

/* clang-format off */
#define CLOSS_SOFTMAX_INIT \
    { sizeof(closs_softmax_args), CLOSS_CROSS_ENTROPY, CLOSS_F32, CLOSS_I64, 0, 0, NULL, {NULL, NULL}, {NULL, NULL}, \
      0, 0, CLOSS_F32, {NULL, NULL}, 0.0, 1.0, 0.0, CLOSS_F64, {NULL, NULL}, CLOSS_F64, {NULL, NULL}, {NULL, NULL}, \
      {NULL, NULL}, {NULL, NULL}, 0, 0, 1.0, 0, 0, CLOSS_I64, {NULL, NULL}, 0, NULL, 0 }
/* clang-format on */

CLOSS_API closs_status closs_softmax_check(const closs_softmax_args *args, closs_report *report);

/* Samples in a block, from shape, classes, dtype and the order of the axes in memory alone. */
CLOSS_API int64_t closs_softmax_block(const closs_softmax_args *args);

/* [begin, end) within the number of samples. *sum is added to; it may not be NULL. */
CLOSS_API void closs_softmax_run(const closs_softmax_args *args, int64_t begin, int64_t end, double *sum);

/* Bytes of scratch that let run keep the exponentials of a row where they cannot be kept in grad: half types, classes
 * apart, arrays beyond the caches, and in place those of probabilities, entropies and distillation. 0: none is of use,
 * as with more than 524288 classes. Without it, or with less, results are the same, and gradients of half types take up
 * to 1.6 times as long. Aligned as malloc's; no two calls at once may have the same, so that threads need a copy of
 * args each. */
CLOSS_API int64_t closs_softmax_scratch(const closs_softmax_args *args);

/* *value is the mean or sum. A mean of zero total weight is NaN; so is then the gradient of samples that count. Where
 * another total, class weights included, is not finite or has no finite reciprocal, a mean is CLOSS_BAD_SAMPLE_WEIGHT
 * with index -1. On any status but CLOSS_OK nothing but *report is written. report may be NULL. */
CLOSS_API closs_status closs_softmax(const closs_softmax_args *args, closs_reduction reduction, double *value,
                                     closs_report *report);

/* Long rows on many threads, and classes spread over machines. A row may be cut along its classes:
 *
 *   sum_part    makes a part, of at most CLOSS_PART classes;
 *   merge       takes the states of parts into one, from left to right;
 *   value       gives the weighted value of the sample, and stores it in values;
 *   write_part  writes the part's stretch of grad and hess, from what sum_part left and the state of the whole row.
 *
 * sum_part may already write to grad, or to scratch, which is one row's from its first sum_part to its last
 * write_part, what only write_part makes right; without grad in args it does not, and write_part then takes NULL for a
 * part that was not kept.
 *
 * Cut at multiples of CLOSS_PART, this gives the bits that run gives for rows of more than 288 classes whose class axis
 * is the fastest in memory. Where each machine holds its own classes, args.classes is the number of all classes (and
 * the length of class_weight), and args.first_class says which ones logits, targets, grad and hess begin with.
 *
 * A state is plain numbers: it may be copied, stored, and sent to a machine of the same byte order. */
enum { CLOSS_PART = 16384, CLOSS_PART_BLOCKS = 32 };

typedef struct {
    closs_softmax_result result;
    int32_t has_nan;    /* known for CLOSS_LOGSUMEXP, of which +inf alone makes no NaN */
    double temperature; /* divides differences of logits: 1 but for distillation */
    double unit;        /* sums are multiples of it: a power of two that keeps the exponentials from underflow */
    double max;         /* of the logits */
    double others;      /* sum of exp(z - max) without ... */
    double left_out;    /* ... the label's term */
    double at_label;    /* the label's logit */
    double rest;        /* sum of exp(z - max) without one term of the maximum */
    double target_max;  /* distillation: max and rest of the target logits */
    double target_rest;
    double moment; /* measures: the sum; entropy: of exp(z - max) (max - z); distillation: of target x difference */
    double terms;  /* sum of v (max - z); of smoothed labels v is that of the other classes; distillation: what is too
                      large for moment, times 2^-128 */
    double weight; /* sum of v, likewise */
} closs_softmax_state;

typedef struct {
    closs_softmax_state state;
    int32_t stored; /* the part's exponentials are in grad or in scratch */
    double block_max[CLOSS_PART_BLOCKS];
} closs_softmax_part;

/* The parts of a row, or 1 where the bits of run need the row whole. */
CLOSS_API int64_t closs_softmax_parts(const closs_softmax_args *args);

CLOSS_API void closs_softmax_sum_part(const closs_softmax_args *args, int64_t sample, int64_t begin, int64_t end,
                                      closs_softmax_part *part);
CLOSS_API void closs_softmax_merge(closs_softmax_state *into, const closs_softmax_state *next);
CLOSS_API double closs_softmax_value(const closs_softmax_args *args, int64_t sample, const closs_softmax_state *row);
CLOSS_API void closs_softmax_write_part(const closs_softmax_args *args, int64_t sample, int64_t begin, int64_t end,
                                        const closs_softmax_part *part, const closs_softmax_state *row);

/* ---- Elementwise losses ----------------------------------------------------------------------------------------- */

/* With d = pred - target; value, slope and curvature (its first and second derivative in pred) of an element:
 *
 *                      value                                       slope              curvature      parameter
 * CLOSS_L1             |d|                                         sign d, 0 at 0     0
 * CLOSS_MSE            d^2                                         2 d                2
 * CLOSS_HUBER          d^2/2 where |d| <= delta,                   d,                 1,             delta > 0,
 *                      else delta (|d| - delta/2)                  delta sign d       0              may be infinite
 * CLOSS_SMOOTH_L1      d^2/(2 beta) where |d| <= beta,             d / beta,          1 / beta,      beta >= 0, finite;
 *                      else |d| - beta/2                           sign d             0              0: as CLOSS_L1
 * CLOSS_PSEUDO_HUBER   delta^2 (r - 1), r = sqrt(1 + (d/delta)^2)  d / r              1 / r^3        delta > 0
 * CLOSS_LOG_COSH       log cosh d                                  tanh d             1 / cosh^2 d
 * CLOSS_QUANTILE       max(-q d, (1 - q) d)                        1-q, -q; 0 at 0    0              q in [0, 1]
 * CLOSS_SIGMOID_CROSS_ENTROPY, z = pred a logit, t = target, u = positive weight (or 1), s = 1 / (1 + exp(-z)):
 *                      -u t log s - (1 - t) log(1 - s)             (1-t) s - u t (1-s)  (1 - t + u t) s (1 - s)
 *
 * values hold weight x value, grad and hess scale x weight x slope and curvature. All arrays have the axes of shape; a
 * stride of 0 repeats an element of an input. NaN stays NaN in all three; an element of weight 0 is 0 in all three.
 *
 * Error: at most 2 ulp of the value for the rounded d; log-cosh, pseudo-Huber and the sigmoid's 4 (where exp(-|z|) is
 * subnormal, also half of its last place times u). Where the arithmetic is float, a delta, beta or quantile is rounded
 * to float, or, outside of the range of normal floats, taken in double; a positive weight is rounded to float.
 *
 * grad may be the very array of pred; no other overlap is allowed. check, block, run and one-shot: as for the softmax
 * family. */
typedef enum {
    CLOSS_L1 = 0,
    CLOSS_MSE = 1,
    CLOSS_HUBER = 2,
    CLOSS_SMOOTH_L1 = 3,
    CLOSS_PSEUDO_HUBER = 4,
    CLOSS_LOG_COSH = 5,
    CLOSS_QUANTILE = 6,
    CLOSS_SIGMOID_CROSS_ENTROPY = 7
} closs_elementwise_loss;

typedef struct {
    size_t size; /* sizeof(closs_elementwise_args), set by CLOSS_ELEMENTWISE_INIT */
    closs_elementwise_loss loss;
    closs_dtype dtype; /* of pred, and of what is not wide */
    double parameter;
    int32_t ndim;
    const int64_t *shape;
    closs_const_array pred;
    closs_const_array target;
    closs_dtype pos_weight_dtype;    /* CLOSS_F32 or CLOSS_F64 */
    closs_const_array pos_weight;    /* optional, of the sigmoid's loss alone: finite and >= 0 */
    closs_dtype sample_weight_dtype; /* CLOSS_F32 or CLOSS_F64 */
    closs_const_array sample_weight; /* optional: finite */
    closs_array values;              /* optional output; float or double */
    closs_array grad;                /* optional output */
    closs_array hess;                /* optional output */
    int32_t wide_grad;               /* for half types: grad is float */
    int32_t wide_hess;
    double scale;        /* multiplies derivatives; run uses it, the one-shot call sets it */
    int32_t fresh;       /* grad and hess are new memory, as above */
    int32_t wide_target; /* for half types: target is float */
} closs_elementwise_args;

/* clang-format off */
#define CLOSS_ELEMENTWISE_INIT \
    { sizeof(closs_elementwise_args), CLOSS_L1, CLOSS_F32, 1.0, 0, NULL, {NULL, NULL}, {NULL, NULL}, CLOSS_F64, \
      {NULL, NULL}, CLOSS_F64, {NULL, NULL}, {NULL, NULL}, {NULL, NULL}, {NULL, NULL}, 0, 0, 1.0, 0, 0 }
/* clang-format on */

CLOSS_API closs_status closs_elementwise_check(const closs_elementwise_args *args, closs_report *report);
CLOSS_API int64_t closs_elementwise_block(const closs_elementwise_args *args);
CLOSS_API void closs_elementwise_run(const closs_elementwise_args *args, int64_t begin, int64_t end, double *sum);
CLOSS_API closs_status closs_elementwise(const closs_elementwise_args *args, closs_reduction reduction, double *value,
                                         closs_report *report);

/* ---- Sums of partial sums --------------------------------------------------------------------------------------- */

/* Pairwise summation of a stream in its order: error grows with the logarithm of the count. Start from zeros. */
typedef struct {
    double level[64];
    uint64_t count;
} closs_sum;

CLOSS_API void closs_sum_add(closs_sum *sum, double partial);
CLOSS_API double closs_sum_total(const closs_sum *sum);

/* ---- Instruction sets -------------------------------------------------------------------------------------------- */

/* Names: "baseline", "avx2" (AVX2, FMA, F16C), "avx512" (F, BW, DQ, VL), "neon". The best one that was compiled in and
 * that CPU and operating system have is chosen at the first call; on Intel's Skylake-SP to Cooper Lake, which 512-bit
 * code slows down, "avx2". closs_set_isa("avx512") takes it all the same. */
CLOSS_API const char *closs_isa(void);

/* Comma-separated, best last. */
CLOSS_API const char *closs_isa_compiled(void);
CLOSS_API int closs_isa_available(const char *name); /* compiled in and present: 1, else 0 */

/* Pins a level; call it before the first run. CLOSS_NOT_AVAILABLE leaves all as it was. */
CLOSS_API closs_status closs_set_isa(const char *name);

#ifdef __cplusplus
}
#endif

#endif
