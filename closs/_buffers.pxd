# Where results go, and how the arrays of a call lie.
cimport numpy as cnp
from libc.stdint cimport int64_t

cdef enum:
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

cdef cnp.ndarray gradient_buffer(object given, str name, cnp.ndarray data)
cdef cnp.ndarray values_buffer(object given, int reduction, cnp.ndarray data, int axis)
cdef cnp.ndarray result_buffer(object given, cnp.ndarray data, object x, str name)
cdef int check_overlap(cnp.ndarray buffer, str name, object other, str other_name, bint may_be_same) except -1
cdef int fill_axes(sample_axes *axes, int axis, cnp.ndarray data, cnp.ndarray target, cnp.ndarray grad,
                   cnp.ndarray hess, cnp.ndarray labels, cnp.ndarray weight, cnp.ndarray values) except -1
cdef int check_buffers(tuple inputs, object grad, cnp.ndarray gradient, object hess, cnp.ndarray hessian, object out,
                       cnp.ndarray values) except -1
cdef cnp.ndarray flat_buffer(cnp.ndarray result)
cdef object results(int how, double total, cnp.ndarray values, object out, cnp.ndarray gradient, cnp.ndarray hessian)
