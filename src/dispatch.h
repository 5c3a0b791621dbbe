/* dispatch.h: the one list of kernels. A table of them exists for every instruction set that was compiled in
 * (isa_*.c); cpu.c chooses one table, closs.c picks from it. And what closs.c and kernels share. */
#ifndef CLOSS_DISPATCH_H
#define CLOSS_DISPATCH_H

#include "bits.h"
#include "closs.h"

/* Computes samples [begin, end) of a checked call and adds the values to *sum. */
typedef void closs_softmax_kernel(const closs_softmax_args *args, int64_t begin, int64_t end, double *sum);

/* Parts of one row, see closs.h. */
typedef void closs_part_kernel(const closs_softmax_args *args, int64_t sample, int64_t begin, int64_t end,
                               closs_softmax_part *part);
typedef int64_t closs_scratch_kernel(const closs_softmax_args *args);
typedef void closs_merge_kernel(closs_softmax_state *into, const closs_softmax_state *next);
typedef double closs_value_kernel(const closs_softmax_args *args, int64_t sample, const closs_softmax_state *row);
typedef void closs_write_kernel(const closs_softmax_args *args, int64_t sample, int64_t begin, int64_t end,
                                const closs_softmax_part *part, const closs_softmax_state *row);

typedef void closs_elementwise_kernel(const closs_elementwise_args *args, int64_t begin, int64_t end, double *sum);

/* Weights of a stretch of samples: their sum in lanes, what rounding took from it, and how many are not 0. */
enum { WEIGHT_LANES = 16, WEIGHT_STRETCH = 1024 };
typedef struct {
    double sum[WEIGHT_LANES], lost[WEIGHT_LANES];
    int64_t counted;
} closs_weights;

/* Knuth's two-sum (The Art of Computer Programming 2, 4.2.2): what rounding takes is kept. */
INLINE void weight_add(double weight, double *sum, double *lost)
{
    const double after = *sum + weight, added = after - *sum;
    *lost += (*sum - (after - added)) + (weight - added);
    *sum = after;
}

typedef int closs_weights_kernel(const void *weights, closs_dtype dtype, int64_t number, int64_t count,
                                 closs_weights *total);

enum { CLOSS_DTYPES = 4 };

typedef struct {
    closs_softmax_kernel *softmax_rows[CLOSS_DTYPES];  /* lanes along classes: long rows */
    closs_softmax_kernel *softmax_lanes[CLOSS_DTYPES]; /* lanes along samples: few classes, or classes not fastest */
    closs_part_kernel *softmax_part[CLOSS_DTYPES];
    closs_scratch_kernel *softmax_scratch[CLOSS_DTYPES];
    closs_value_kernel *softmax_value[CLOSS_DTYPES];
    closs_write_kernel *softmax_write[CLOSS_DTYPES];
    closs_merge_kernel *merge_states;
    closs_softmax_kernel *softmax_terms[CLOSS_DTYPES];
    closs_part_kernel *terms_part[CLOSS_DTYPES];
    closs_scratch_kernel *terms_scratch[CLOSS_DTYPES];
    closs_value_kernel *terms_value[CLOSS_DTYPES];
    closs_write_kernel *terms_write[CLOSS_DTYPES];
    closs_softmax_kernel *measures[CLOSS_DTYPES];
    closs_part_kernel *measures_part[CLOSS_DTYPES];
    closs_value_kernel *measures_value[CLOSS_DTYPES];
    closs_write_kernel *measures_write[CLOSS_DTYPES];
    closs_elementwise_kernel *elementwise[CLOSS_DTYPES];
    closs_softmax_kernel *zero_one[CLOSS_DTYPES];
    closs_softmax_kernel *zero_one_labels;
    closs_weights_kernel *weights;
} closs_kernels;

extern const closs_kernels closs_kernels_baseline;
extern const closs_kernels closs_kernels_avx2;
extern const closs_kernels closs_kernels_avx512;
extern const closs_kernels closs_kernels_neon;

INLINE uint64_t stride_size(int64_t stride)
{
    return stride < 0 ? -(uint64_t)stride : (uint64_t)stride;
}

/* Whether the class axis is the fastest in memory. Axes of one element and repeated ones (stride 0) have no say. */
INLINE int classes_fastest(const closs_softmax_args *args)
{
    if (!args->logits.strides) return 1;
    const uint64_t class_stride = stride_size(args->logits.strides[args->ndim]);
    for (int32_t axis = 0; axis < args->ndim; axis++) {
        const uint64_t stride = stride_size(args->logits.strides[axis]);
        if (args->shape[axis] > 1 && stride > 0 && stride < class_stride) return 0;
    }
    return 1;
}

/* Whether samples are the lanes: of up to `few` classes, and where the class axis is not the fastest in memory; but
 * there not where so few samples have more classes that most lanes would be empty. Not by the number of samples
 * elsewhere, because both ways differ in the last bits: a sample's results do not depend on how many others there are.
 */
enum { CLOSS_FEW_F64 = 128, CLOSS_FEW_F32 = 192 };
INLINE int samples_are_lanes(const closs_softmax_args *args, int64_t few)
{
    enum { FEW = 6 };    /* rows, though copied, are x1 to x9; six of half types without gradient x0.7 */
    int64_t samples = 1; /* they are counted: no product overflows */
    for (int32_t axis = 0; axis < args->ndim; axis++) samples *= args->shape[axis];
    return args->classes <= few || (!classes_fastest(args) && samples > FEW);
}

/* Of the kernels that have rows and lanes apart. */
INLINE int has_lanes(const closs_softmax_args *args)
{
    return samples_are_lanes(args, args->dtype == CLOSS_F64 ? CLOSS_FEW_F64 : CLOSS_FEW_F32);
}

/* Whether the targets of all classes but the label's are one number, so that kernels of rows smooth labels. */
INLINE int smooths_alike(const closs_softmax_args *args)
{
    return args->label_smoothing != 0 && !args->targets.data && !args->class_weight.data;
}

/* The table in use; chosen at the first call. */
const closs_kernels *closs_chosen_kernels(void);

INLINE double weight_at(const closs_const_array *array, closs_dtype dtype, int64_t offset)
{
    return dtype == CLOSS_F32 ? (double)((const float *)array->data)[offset] : ((const double *)array->data)[offset];
}

/* Times the class weights of n labels, of at least one class. What has a negative label is 0 or NaN and remains so. */
INLINE void weigh_labels(const closs_const_array *array, closs_dtype dtype, const int64_t *restrict label, int64_t n,
                         double *restrict weight)
{
    const int64_t stride = array->strides ? array->strides[0] : 1;
#define WEIGH(type)                                                                                                    \
    for (int64_t i = 0; i < n; i++)                                                                                    \
        weight[i] *= (double)((const type *)array->data)[(label[i] >= 0) * label[i] * stride];
    if (dtype == CLOSS_F32)
        WEIGH(float)
    else
        WEIGH(double)
#undef WEIGH
}

#endif
