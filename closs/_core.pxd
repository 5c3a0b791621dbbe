# The door of libcloss as Cython sees it, and the parallel loop over blocks. Families cimport this and so need not be
# linked with libcloss: _core holds the only copy in the process.
from libc.stdint cimport int32_t, int64_t


cdef extern from "closs.h" nogil:
    ctypedef enum closs_status:
        CLOSS_OK
        CLOSS_BAD_ARGUMENT
        CLOSS_BAD_LABEL
        CLOSS_BAD_CLASS_WEIGHT
        CLOSS_BAD_SAMPLE_WEIGHT
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
    closs_softmax_args closs_softmax_defaults() nogil
    closs_elementwise_args closs_elementwise_defaults() nogil


# Each returns with the GIL not needed; check writes only the report.
cdef closs_status softmax_check(const closs_softmax_args *args, closs_report *report) noexcept nogil
cdef double softmax_run(const closs_softmax_args *args, int64_t samples, int threads) noexcept nogil
cdef closs_status elementwise_check(const closs_elementwise_args *args, closs_report *report) noexcept nogil
cdef double elementwise_run(const closs_elementwise_args *args, int64_t samples, int threads) noexcept nogil

# The threads that work on this many elements should get; needs the GIL.
cdef int threads_for(int64_t elements) except -1
