"""Where results go: buffers, which overlap nothing, and how all arrays of a call lie in memory."""
import numpy as np

cimport numpy as cnp
from cpython.buffer cimport PyObject_CheckBuffer
from cpython.object cimport PyObject
from libc.stdint cimport int64_t
from libc.string cimport memset

from closs._arguments cimport (
    NONE, as_array, has_shape_without, is_half, is_native, name_of_dtype, shape_without, values_type, wrong_shape,
)

cnp.import_array()


cdef extern from "numpy/arrayobject.h":
    cnp.ndarray PyArray_NewLikeArray(cnp.ndarray prototype, cnp.NPY_ORDER order, void *dtype, int subok)


# ---- Buffers --------------------------------------------------------------------------------------------------------

cdef bint repeats_elements(cnp.ndarray array):
    """Whether two positions of the array are one element in memory."""
    cdef int d
    steps = sorted([
        (abs(cnp.PyArray_STRIDES(array)[d]), cnp.PyArray_DIMS(array)[d])
        for d in range(cnp.PyArray_NDIM(array)) if cnp.PyArray_DIMS(array)[d] > 1
    ])
    if cnp.PyArray_SIZE(array) == 0:
        return False
    reach = cnp.PyArray_ITEMSIZE(array)  # bytes covered by the axes so far
    for step, extent in steps:
        if step < reach:
            break
        reach = step * (extent - 1) + reach
    else:
        return False
    if cnp.PyArray_SIZE(array) * cnp.PyArray_ITEMSIZE(array) > cnp.PyArray_ITEMSIZE(array) + sum([
        step * (extent - 1) for step, extent in steps
    ]):
        return True  # more positions than there is memory for
    # Axes that interleave may still not meet: count the addresses. Only hand-made strides come here.
    offsets = np.zeros(1, dtype=np.int64)
    for step, extent in steps:
        offsets = (offsets[:, None] + step * np.arange(extent)).ravel()
    offsets.sort()
    return bool((np.diff(offsets) < cnp.PyArray_ITEMSIZE(array)).any())


cdef str dtype_name(int type_number):
    return np.dtype(cnp.PyArray_DescrFromType(type_number)).name


cdef cnp.ndarray as_buffer(object given, str name, cnp.ndarray data, int axis, int type_number, bint may_be_float):
    """The caller's array for results in the shape of `data`, without `axis` unless that is -1."""
    if not cnp.PyArray_Check(given):
        if name == "out":
            raise TypeError(f"out must be an array or None, got {type(given).__name__}")
        raise TypeError(f"{name} must be True, False, None or an array, got {type(given).__name__}")
    if not cnp.PyArray_CheckExact(given) and isinstance(given, np.ma.MaskedArray):
        raise TypeError(f"{name}: masked arrays are not supported")
    cdef cnp.ndarray array = given
    if cnp.PyArray_TYPE(array) != type_number and not (may_be_float and cnp.PyArray_TYPE(array) == cnp.NPY_FLOAT):
        raise TypeError(
            f"{name} has dtype {name_of_dtype(array)}, expected {dtype_name(type_number)}"
            f"{' or float32' if may_be_float else ''}"
        )
    if not cnp.PyArray_ISNOTSWAPPED(array):
        raise TypeError(f"{name} has a swapped byte order, expected the native one of dtype {array.dtype.name}")
    if not has_shape_without(array, data, axis):
        raise wrong_shape(array, name, shape_without(data, axis))
    if not cnp.PyArray_ISWRITEABLE(array):
        raise ValueError(f"{name} is read-only, expected a writeable array")
    if not is_native(array):
        raise ValueError(f"{name} is not aligned, expected an aligned array")
    if not cnp.PyArray_ISONESEGMENT(array) and repeats_elements(array):
        raise ValueError(
            f"{name} has elements that share memory (strides {(<object> array).strides}), expected each to have its own"
        )
    return array


cdef cnp.ndarray gradient_buffer(object given, str name, cnp.ndarray data):
    """None if not wanted, a fresh array in the memory order of the data, or the caller's buffer."""
    if given is None or given is False:
        return None
    if given is True:
        return PyArray_NewLikeArray(data, cnp.NPY_KEEPORDER, NULL, 0)
    if not cnp.PyArray_Check(given) and isinstance(given, np.bool_):
        return gradient_buffer(bool(given), name, data)
    return as_buffer(given, name, data, -1, cnp.PyArray_TYPE(data), is_half(data))


cdef cnp.ndarray flat_buffer(cnp.ndarray result):
    """Where a result is computed for axis=None: itself in one dimension, or what has to be copied to it."""
    if result is None:
        return None
    # A subclass has a reshape of its own, and a matrix would keep two dimensions.
    plain = np.asarray(result)
    return plain.reshape(-1) if cnp.PyArray_IS_C_CONTIGUOUS(result) else np.empty(plain.size, plain.dtype)


cdef cnp.ndarray values_buffer(object given, int reduction, cnp.ndarray data, int axis):
    if reduction != NONE:
        if given is not None:
            raise ValueError("out needs reduction='none': with 'mean' and 'sum' the value is a float, not an array")
        return None
    if given is None:
        kind = np.float64 if values_type(data) == cnp.NPY_DOUBLE else np.float32
        return np.empty(shape_without(data, axis), dtype=kind)
    return as_buffer(given, "out", data, axis, values_type(data), False)


cdef cnp.ndarray result_buffer(object given, cnp.ndarray data, object x, str name):
    """A fresh array like the data, or the caller's `out`, which may be the very array `x`."""
    if given is None:
        return PyArray_NewLikeArray(data, cnp.NPY_KEEPORDER, NULL, 0)
    cdef cnp.ndarray buffer = as_buffer(given, "out", data, -1, cnp.PyArray_TYPE(data), False)
    check_overlap(buffer, "out", x, name, True)
    check_overlap(buffer, "out", data, name, True)
    return buffer


cdef bint same_array(cnp.ndarray a, cnp.ndarray b) noexcept:
    cdef int d
    if cnp.PyArray_DATA(a) != cnp.PyArray_DATA(b) or cnp.PyArray_NDIM(a) != cnp.PyArray_NDIM(b):
        return False
    if cnp.PyArray_TYPE(a) != cnp.PyArray_TYPE(b):
        return False
    for d in range(cnp.PyArray_NDIM(a)):
        if cnp.PyArray_DIMS(a)[d] != cnp.PyArray_DIMS(b)[d]:
            return False
        if cnp.PyArray_DIMS(a)[d] > 1 and cnp.PyArray_STRIDES(a)[d] != cnp.PyArray_STRIDES(b)[d]:
            return False
    return True


cdef void extent_of(cnp.ndarray array, char **low, char **high) noexcept:
    """The bytes from the lowest to behind the highest element; nothing if there is none."""
    cdef int d
    cdef cnp.npy_intp reach
    low[0] = high[0] = <char *> cnp.PyArray_DATA(array)
    for d in range(cnp.PyArray_NDIM(array)):
        if cnp.PyArray_DIMS(array)[d] == 0:
            high[0] = low[0]
            return
        reach = cnp.PyArray_STRIDES(array)[d] * (cnp.PyArray_DIMS(array)[d] - 1)
        if reach < 0:
            low[0] += reach
        else:
            high[0] += reach
    high[0] += cnp.PyArray_ITEMSIZE(array)


cdef bint may_overlap(cnp.ndarray a, cnp.ndarray b) noexcept:
    cdef char *a_low
    cdef char *a_high
    cdef char *b_low
    cdef char *b_high
    extent_of(a, &a_low, &a_high)
    extent_of(b, &b_low, &b_high)
    return a_low < b_high and b_low < a_high


# By which objects that are no arrays show memory of their own, besides the buffer protocol.
INTERFACES = ("__array__", "__array_interface__", "__array_struct__", "__dlpack__")


cdef int check_overlap(cnp.ndarray buffer, str name, object other, str other_name, bint may_be_same) except -1:
    """A buffer shares no element with another array; with the one that it may replace, either all or none."""
    cdef cnp.ndarray array
    if other is None:
        return 0
    if cnp.PyArray_Check(other):
        array = other
    elif PyObject_CheckBuffer(other) or any(hasattr(other, interface) for interface in INTERFACES):
        array = as_array(other, other_name)
    else:
        return 0
    if not may_overlap(buffer, array) or may_be_same and same_array(buffer, array):
        return 0
    try:
        shared = np.shares_memory(np.asarray(buffer), np.asarray(array), max_work=1_000_000)
    except np.exceptions.TooHardError:
        shared = True
    if shared:
        raise ValueError(f"{name} overlaps {other_name}{' without being the same array' if may_be_same else ''}")
    return 0


cdef int check_buffer(cnp.ndarray buffer, str name, object given, tuple inputs, bint may_be_first) except -1:
    """A buffer of the caller's overlaps no input: (as given, as converted, name); it may be the first of them."""
    if buffer is None or buffer is not given:
        return 0
    # As given and as converted: a conversion that copied nothing hides the memory of what was given.
    for raw, converted, other in inputs:
        if raw is not converted:
            check_overlap(buffer, name, raw, other, may_be_first)
        check_overlap(buffer, name, converted, other, may_be_first)
        may_be_first = False
    return 0


cdef int check_buffers(tuple inputs, object grad, cnp.ndarray gradient, object hess, cnp.ndarray hessian, object out,
                       cnp.ndarray values) except -1:
    """No buffer of the caller's overlaps an input or another one; a gradient may be the first input."""
    outputs = ((hess, hessian, "hess"), (out, values, "out"))
    check_buffer(gradient, "grad", grad, (*inputs, *outputs), True)
    check_buffer(hessian, "hess", hess, (*inputs, outputs[1]), False)
    check_buffer(values, "out", out, inputs, False)
    return 0


# ---- Layout ---------------------------------------------------------------------------------------------------------

cdef inline int64_t elements(cnp.ndarray array, int axis) noexcept:
    return cnp.PyArray_STRIDES(array)[axis] // cnp.PyArray_ITEMSIZE(array)


cdef int fill_axes(sample_axes *axes, int axis, cnp.ndarray data, cnp.ndarray target, cnp.ndarray grad,
                   cnp.ndarray hess, cnp.ndarray labels, cnp.ndarray weight, cnp.ndarray values) except -1:
    """The first four have the class axis `axis` (-1: there is none), the others the sample axes alone, or None."""
    cdef PyObject *array[ROLES]
    cdef int d, e, k, r, n = 0
    cdef int64_t extent, step
    cdef bint merge
    # One for all: every stride is 0.
    if weight is not None and cnp.PyArray_NDIM(weight) == 0:
        weight = None
    if target is not None and cnp.PyArray_NDIM(target) == 0:
        target = None
    array[DATA] = <PyObject *> data
    array[TARGET] = <PyObject *> target
    array[GRAD] = <PyObject *> grad
    array[HESS] = <PyObject *> hess
    array[LABELS] = <PyObject *> labels
    array[WEIGHT] = <PyObject *> weight
    array[VALUES] = <PyObject *> values
    for r in range(ROLES):
        if <object> array[r] is None:
            array[r] = NULL
            memset(axes.stride[r], 0, (cnp.PyArray_NDIM(data) + 1) * sizeof(int64_t))
        elif axis >= cnp.PyArray_NDIM(data) or not has_shape_without(
            <cnp.ndarray> array[r], data, axis if r >= LABELS else -1
        ):
            raise RuntimeError("an array got another shape while the arguments were read")
    axes.count = 1
    for d in range(cnp.PyArray_NDIM(data)):
        if d == axis:
            continue
        extent = cnp.PyArray_DIMS(data)[d]
        axes.count *= extent
        if extent == 1:
            continue
        e = d - (axis >= 0 and d > axis)
        step = elements(data, d)
        k = n
        # Sorted by falling stride, equal ones in the order they came: the last axis is the fastest in memory.
        while k > 0 and abs(axes.stride[DATA][k - 1]) < abs(step):
            axes.shape[k] = axes.shape[k - 1]
            for r in range(ROLES):
                axes.stride[r][k] = axes.stride[r][k - 1]
            k -= 1
        axes.shape[k] = extent
        for r in range(ROLES):
            axes.stride[r][k] = elements(<cnp.ndarray> array[r], d if r < LABELS else e) if array[r] != NULL else 0
        n += 1
    # Merge an axis with the one inside it where one stride serves both in every array.
    k = 0
    for d in range(1, n):
        extent = axes.shape[d]
        merge = True
        for r in range(ROLES):
            merge = merge and axes.stride[r][k] == axes.stride[r][d] * extent
        if merge:
            axes.shape[k] *= extent
        else:
            k += 1
            axes.shape[k] = extent
        for r in range(ROLES):
            axes.stride[r][k] = axes.stride[r][d]
    axes.ndim = k + 1 if n > 0 else 0
    for r in range(LABELS):
        step = 0
        if axis >= 0 and array[r] != NULL:
            step = elements(<cnp.ndarray> array[r], axis) if cnp.PyArray_DIMS(data)[axis] > 1 else 1
        axes.stride[r][axes.ndim] = step
    return 0


# ---- Results --------------------------------------------------------------------------------------------------------

cdef object results(int how, double total, cnp.ndarray values, object out, cnp.ndarray gradient, cnp.ndarray hessian):
    if how == NONE:
        loss = values if values is out or cnp.PyArray_NDIM(values) > 0 else values[()]
    else:
        loss = total
    if gradient is None:
        return loss if hessian is None else (loss, hessian)
    return (loss, gradient) if hessian is None else (loss, gradient, hessian)
