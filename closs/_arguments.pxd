# What an argument may be.
cimport numpy as cnp
from libc.stdint cimport int64_t

from closs._core cimport closs_const_array, closs_dtype, closs_report, closs_softmax_args

# Arithmetic is done between the two, as in libcloss.
cdef extern from "environment.h" nogil:
    ctypedef struct environment:
        pass
    environment enter()
    void leave(environment callers)

cdef enum:
    MEAN = 0
    SUM = 1
    NONE = 2
    MAX_AXES = 64  # numpy's own limit

# The arrays of a call. Those before LABELS have the class axis.
cdef enum:
    DATA = 0
    TARGET = 1
    GRAD = 2
    HESS = 3
    LABELS = 4
    POS_WEIGHT = 4  # of elementwise losses, which have no labels
    WEIGHT = 5
    VALUES = 6
    ROLES = 7

# The samples of a call in the order of memory, as libcloss wants them: sample axes sorted by the stride of the data,
# those of one element dropped, neighbours merged where all arrays allow it. Strides in elements; of arrays with the
# class axis, that comes last.
cdef struct sample_axes:
    int ndim
    int64_t count
    int64_t shape[MAX_AXES]
    int64_t stride[ROLES][MAX_AXES + 1]
    int64_t class_weight_stride[1]  # here, for libcloss keeps its address

cdef int reduction_of(object given) except -1
cdef int axis_of(object given, int ndim) except -1
cdef double bounded(object given, str name, str wanted, double low, double high, bint with_low,
                    bint with_high) except? -1
cdef double base_of(object given) except? -1
cdef cnp.ndarray as_array(object given, str name)
cdef char kind_of(cnp.ndarray array) noexcept
cdef str name_of_dtype(cnp.ndarray array)
cdef closs_dtype dtype_of(cnp.ndarray array) noexcept
cdef bint is_half(cnp.ndarray data) noexcept
cdef tuple shape_without(cnp.ndarray data, int axis)
cdef cnp.ndarray as_logits(object given, str name)
cdef cnp.ndarray as_data(object given, str name)
cdef bint is_native(cnp.ndarray array) noexcept
cdef bint is_weak(object given)
cdef double weak(object given, str name) except? -1
cdef bint has_shape_without(cnp.ndarray array, cnp.ndarray data, int axis) noexcept
cdef tuple shape_of(cnp.ndarray array)
cdef int need_axes(cnp.ndarray array, str name) except -1
cdef int need_classes(cnp.ndarray data, int axis) except -1
cdef object wrong_shape(cnp.ndarray array, str name, tuple wanted)
cdef int need_one_shape(cnp.ndarray first, str first_name, cnp.ndarray second, str second_name,
                        bint may_be_scalar) except -1
cdef tuple as_pair(object first, str first_name, object second, str second_name, bint may_be_scalar)
cdef cnp.ndarray as_pos_weight(object given, cnp.ndarray data)
cdef cnp.ndarray as_probabilities(cnp.ndarray target, cnp.ndarray data)
cdef bint are_integers(cnp.ndarray array, object given) noexcept
cdef cnp.ndarray as_labels(cnp.ndarray array, object given, str name, cnp.ndarray data, str data_name, int axis,
                           object ignore_index, int64_t *ignored, bint *ignores)
cdef cnp.ndarray as_class_weight(object given, int64_t classes)
cdef cnp.ndarray as_sample_weight(object given, cnp.ndarray data, int axis)
cdef cnp.ndarray gradient_buffer(object given, str name, cnp.ndarray data)
cdef cnp.ndarray values_buffer(object given, int reduction, cnp.ndarray data, int axis)
cdef cnp.ndarray result_buffer(object given, cnp.ndarray data, object x, str name)
cdef int check_overlap(cnp.ndarray buffer, str name, object other, str other_name, bint may_be_same) except -1
cdef int fill_axes(sample_axes *axes, int axis, cnp.ndarray data, cnp.ndarray target, cnp.ndarray grad,
                   cnp.ndarray hess, cnp.ndarray labels, cnp.ndarray weight, cnp.ndarray values) except -1
cdef int raise_report(const closs_report *report, cnp.ndarray labels, int64_t classes, object ignore_index,
                      cnp.ndarray class_weight, cnp.ndarray sample_weight, cnp.ndarray pos_weight) except -1
cdef int check_buffers(tuple inputs, object grad, cnp.ndarray gradient, object hess, cnp.ndarray hessian, object out,
                       cnp.ndarray values) except -1
cdef cnp.ndarray flat_buffer(cnp.ndarray gradient)
cdef double scale_of(const closs_report *report, int how) noexcept nogil
cdef bint needs_python(const closs_report *report, int how) noexcept nogil
cdef double reduced(const closs_report *report, int how, double total) noexcept nogil
cdef int warn_of_mean(const closs_report *report, cnp.ndarray labels, cnp.ndarray class_weight,
                      cnp.ndarray sample_weight, bint smoothed) except -1
cdef object results(int how, double total, cnp.ndarray values, object out, cnp.ndarray gradient, cnp.ndarray hessian)
