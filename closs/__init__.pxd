# `from closs cimport closs_softmax`: all that closs.h declares, with no link step.
from closs._core cimport (
    CLOSS_BAD_ARGUMENT, CLOSS_BAD_CLASS_WEIGHT, CLOSS_BAD_LABEL, CLOSS_BAD_POS_WEIGHT, CLOSS_BAD_SAMPLE_WEIGHT,
    CLOSS_BF16, CLOSS_CROSS_ENTROPY, CLOSS_DISTILLATION, CLOSS_ENTROPY, CLOSS_F16, CLOSS_F32, CLOSS_F64, CLOSS_HUBER,
    CLOSS_I32, CLOSS_I64, CLOSS_JS_DIVERGENCE, CLOSS_KL_DIVERGENCE, CLOSS_L1, CLOSS_LOGSUMEXP, CLOSS_LOG_COSH,
    CLOSS_LOG_SOFTMAX, CLOSS_MEAN, CLOSS_MSE, CLOSS_NOT_AVAILABLE, CLOSS_OK, CLOSS_PART, CLOSS_PART_BLOCKS,
    CLOSS_PROBABILITY_CROSS_ENTROPY, CLOSS_PSEUDO_HUBER, CLOSS_QUANTILE, CLOSS_SIGMOID_CROSS_ENTROPY, CLOSS_SMOOTH_L1,
    CLOSS_SOFTMAX, CLOSS_SOFTMAX_ENTROPY, CLOSS_SUM, CLOSS_U8, CLOSS_ZERO_ONE, closs_array, closs_const_array,
    closs_dtype, closs_elementwise, closs_elementwise_args, closs_elementwise_block, closs_elementwise_check,
    closs_elementwise_defaults, closs_elementwise_loss, closs_elementwise_run, closs_isa, closs_isa_available,
    closs_isa_compiled, closs_label_dtype, closs_reduction, closs_report, closs_set_isa, closs_softmax,
    closs_softmax_args, closs_softmax_block, closs_softmax_check, closs_softmax_defaults, closs_softmax_merge,
    closs_softmax_part, closs_softmax_parts, closs_softmax_result, closs_softmax_run, closs_softmax_scratch,
    closs_softmax_state, closs_softmax_sum_part, closs_softmax_value, closs_softmax_write_part, closs_status,
    closs_status_string, closs_sum, closs_sum_add, closs_sum_total, closs_version,
)
