# What an argument may be.
cimport numpy as cnp
from libc.stdint cimport int64_t

from closs._core cimport closs_dtype, closs_report

# Arithmetic is done between the two, as in libcloss.
cdef extern from "environment.h" nogil:
    ctypedef struct environment:
        pass
    environment enter()
    void leave(environment callers)
    double inside(double number)

cdef enum:
    MEAN = 0
    SUM = 1
    NONE = 2

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
cdef int values_type(cnp.ndarray data) noexcept
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
cdef int raise_report(const closs_report *report, cnp.ndarray labels, int64_t classes, object ignore_index,
                      cnp.ndarray class_weight, cnp.ndarray sample_weight, cnp.ndarray pos_weight) except -1
cdef double scale_of(const closs_report *report, int how) noexcept nogil
cdef bint needs_python(const closs_report *report, int how) noexcept nogil
cdef double reduced(const closs_report *report, int how, double total) noexcept nogil
cdef int warn_of_mean(const closs_report *report, cnp.ndarray labels, cnp.ndarray class_weight,
                      cnp.ndarray sample_weight, bint smoothed) except -1
