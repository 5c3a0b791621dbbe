# libcloss for Cython, here and outside: `from closs cimport ...` needs closs.get_include() and no link step, for _core
# holds the only copy in the process. closs.h is the manual.
from libc.stdint cimport int32_t, int64_t, uint64_t


cdef extern from "closs.h" nogil:
    ctypedef enum closs_status:
        CLOSS_OK
        CLOSS_BAD_ARGUMENT
        CLOSS_BAD_LABEL
        CLOSS_BAD_CLASS_WEIGHT
        CLOSS_BAD_SAMPLE_WEIGHT
        CLOSS_BAD_POS_WEIGHT
        CLOSS_NOT_AVAILABLE

    ctypedef struct closs_report:
        closs_status status
        int64_t index
        int64_t label
        double weight_sum
        int64_t counted

    ctypedef enum closs_dtype:
        CLOSS_F32
        CLOSS_F64
        CLOSS_F16
        CLOSS_BF16

    ctypedef enum closs_label_dtype:
        CLOSS_I32
        CLOSS_I64
        CLOSS_U8

    ctypedef enum closs_reduction:
        CLOSS_MEAN
        CLOSS_SUM

    ctypedef struct closs_array:
        void *data
        const int64_t *strides

    ctypedef struct closs_const_array:
        const void *data
        const int64_t *strides

    ctypedef enum closs_softmax_result:
        CLOSS_CROSS_ENTROPY
        CLOSS_LOGSUMEXP
        CLOSS_SOFTMAX
        CLOSS_LOG_SOFTMAX
        CLOSS_SOFTMAX_ENTROPY
        CLOSS_DISTILLATION
        CLOSS_ENTROPY
        CLOSS_PROBABILITY_CROSS_ENTROPY
        CLOSS_KL_DIVERGENCE
        CLOSS_JS_DIVERGENCE
        CLOSS_ZERO_ONE

    ctypedef struct closs_softmax_args:
        size_t size
        closs_softmax_result result
        closs_dtype dtype
        closs_label_dtype label_dtype
        int64_t classes
        int32_t ndim
        const int64_t *shape
        closs_const_array logits
        closs_const_array labels
        int32_t has_ignore_index
        int64_t ignore_index
        closs_dtype target_dtype
        closs_const_array targets
        double label_smoothing
        double temperature
        double base
        closs_dtype class_weight_dtype
        closs_const_array class_weight
        closs_dtype sample_weight_dtype
        closs_const_array sample_weight
        closs_array values
        closs_array grad
        closs_array hess
        int32_t wide_grad
        int32_t wide_hess
        double scale
        int32_t wrt_targets
        int64_t first_class
        closs_label_dtype predicted_dtype
        closs_const_array predicted
        int32_t fresh
        void *scratch
        int64_t scratch_bytes

    enum:
        CLOSS_PART
        CLOSS_PART_BLOCKS

    ctypedef struct closs_softmax_state:
        closs_softmax_result result
        int32_t has_nan
        double temperature
        double unit
        double max
        double others
        double left_out
        double at_label
        double rest
        double target_max
        double target_rest
        double moment
        double terms
        double weight

    ctypedef struct closs_softmax_part:
        closs_softmax_state state
        int32_t stored
        double block_max[CLOSS_PART_BLOCKS]

    ctypedef enum closs_elementwise_loss:
        CLOSS_L1
        CLOSS_MSE
        CLOSS_HUBER
        CLOSS_SMOOTH_L1
        CLOSS_PSEUDO_HUBER
        CLOSS_LOG_COSH
        CLOSS_QUANTILE
        CLOSS_SIGMOID_CROSS_ENTROPY

    ctypedef struct closs_elementwise_args:
        size_t size
        closs_elementwise_loss loss
        closs_dtype dtype
        double parameter
        int32_t ndim
        const int64_t *shape
        closs_const_array pred
        closs_const_array target
        closs_dtype pos_weight_dtype
        closs_const_array pos_weight
        closs_dtype sample_weight_dtype
        closs_const_array sample_weight
        closs_array values
        closs_array grad
        closs_array hess
        int32_t wide_grad
        int32_t wide_hess
        double scale
        int32_t fresh
        int32_t wide_target

    ctypedef struct closs_sum:
        double level[64]
        uint64_t count


cdef extern from *:
    """
    static inline closs_softmax_args closs_softmax_defaults(void)
    {
        const closs_softmax_args args = CLOSS_SOFTMAX_INIT;
        return args;
    }
    static inline closs_elementwise_args closs_elementwise_defaults(void)
    {
        const closs_elementwise_args args = CLOSS_ELEMENTWISE_INIT;
        return args;
    }
    """
    closs_softmax_args closs_softmax_defaults() nogil  # CLOSS_SOFTMAX_INIT
    closs_elementwise_args closs_elementwise_defaults() nogil


cdef const char *closs_version() noexcept nogil
cdef const char *closs_status_string(closs_status status) noexcept nogil
cdef closs_status closs_softmax_check(const closs_softmax_args *args, closs_report *report) noexcept nogil
cdef int64_t closs_softmax_block(const closs_softmax_args *args) noexcept nogil
cdef void closs_softmax_run(const closs_softmax_args *args, int64_t begin, int64_t end, double *sum) noexcept nogil
cdef closs_status closs_softmax(const closs_softmax_args *args, closs_reduction reduction, double *value,
                                closs_report *report) noexcept nogil
cdef int64_t closs_softmax_parts(const closs_softmax_args *args) noexcept nogil
cdef int64_t closs_softmax_scratch(const closs_softmax_args *args) noexcept nogil
cdef void closs_softmax_sum_part(const closs_softmax_args *args, int64_t sample, int64_t begin, int64_t end,
                                 closs_softmax_part *part) noexcept nogil
cdef void closs_softmax_merge(closs_softmax_state *into, const closs_softmax_state *next) noexcept nogil
cdef double closs_softmax_value(const closs_softmax_args *args, int64_t sample,
                                const closs_softmax_state *row) noexcept nogil
cdef void closs_softmax_write_part(const closs_softmax_args *args, int64_t sample, int64_t begin, int64_t end,
                                   const closs_softmax_part *part, const closs_softmax_state *row) noexcept nogil
cdef closs_status closs_elementwise_check(const closs_elementwise_args *args, closs_report *report) noexcept nogil
cdef int64_t closs_elementwise_block(const closs_elementwise_args *args) noexcept nogil
cdef void closs_elementwise_run(const closs_elementwise_args *args, int64_t begin, int64_t end,
                                double *sum) noexcept nogil
cdef closs_status closs_elementwise(const closs_elementwise_args *args, closs_reduction reduction, double *value,
                                    closs_report *report) noexcept nogil
cdef void closs_sum_add(closs_sum *sum, double partial) noexcept nogil
cdef double closs_sum_total(const closs_sum *sum) noexcept nogil
cdef const char *closs_isa() noexcept nogil
cdef const char *closs_isa_compiled() noexcept nogil
cdef int closs_isa_available(const char *name) noexcept nogil
cdef closs_status closs_set_isa(const char *name) noexcept nogil

# What closs.h has not: all samples, by threads.
cdef double softmax_run(const closs_softmax_args *args, int64_t samples, int threads) noexcept nogil
cdef void elementwise_check(const closs_elementwise_args *args, int64_t samples, int threads,
                            closs_report *report) noexcept nogil
cdef double elementwise_run(const closs_elementwise_args *args, int64_t samples, int threads) noexcept nogil

# The threads for that much work, in elements of a softmax. Notes that a call came; needs the GIL.
cdef int threads_for(int64_t work) except -1
