# What the families share: from arrays to the arguments of libcloss, and its checked run.
cimport numpy as cnp
from libc.stdint cimport int64_t

from closs._buffers cimport sample_axes
from closs._core cimport closs_softmax_args

cdef int fill_args(closs_softmax_args *args, sample_axes *axes, int axis, cnp.ndarray data, cnp.ndarray target,
                   cnp.ndarray gradient, cnp.ndarray hessian, cnp.ndarray labels, cnp.ndarray by_sample,
                   cnp.ndarray values) except -1
cdef double checked_run(closs_softmax_args *args, int64_t samples, int how, cnp.ndarray labels, object ignore_index,
                        cnp.ndarray by_class, cnp.ndarray by_sample) except? -1
