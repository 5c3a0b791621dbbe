"""What an argument may be: arrays, labels, weights, buffers, axis, reduction. What several functions check is checked
here, in the same words."""
import operator
import warnings

import numpy as np
from numpy.exceptions import AxisError

cimport numpy as cnp
from cpython.buffer cimport PyObject_CheckBuffer
from cpython.object cimport PyObject
from libc.math cimport INFINITY, NAN, fabs
from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memcpy, memset

from closs._core cimport (
    CLOSS_BAD_CLASS_WEIGHT, CLOSS_BAD_LABEL, CLOSS_BAD_POS_WEIGHT, CLOSS_BAD_SAMPLE_WEIGHT, CLOSS_BF16, CLOSS_F16,
    CLOSS_F32, CLOSS_F64, CLOSS_OK, closs_dtype, closs_report,
)

cnp.import_array()


cdef extern from "numpy/arrayobject.h":
    enum:
        NPY_HALF
        NPY_USERDEF

    cnp.ndarray PyArray_NewLikeArray(cnp.ndarray prototype, cnp.NPY_ORDER order, void *dtype, int subok)


# ---- Parameters -----------------------------------------------------------------------------------------------------

cdef int reduction_of(object given) except -1:
    if isinstance(given, str):
        if given == "mean":
            return MEAN
        if given == "sum":
            return SUM
        if given == "none":
            return NONE
    raise ValueError(f"reduction must be 'none', 'mean' or 'sum', got {given!r}")


cdef int axis_of(object given, int ndim) except -1:
    if type(given) is int and given == -1 and ndim > 0:
        return ndim - 1
    try:
        axis = operator.index(given)
    except Exception:
        raise TypeError(f"axis must be an integer, got {type(given).__name__}") from None
    if not -ndim <= axis < ndim:
        raise AxisError(axis, ndim)
    return axis + ndim if axis < 0 else axis


cdef double number_of(object given, str name) except? -1:
    """A real number; bools are none."""
    if type(given) is float:
        return <double> given
    # float() would read text, count time, and drop an imaginary part with a warning.
    others = (bool, np.bool_, str, bytes, bytearray, memoryview, complex, np.complexfloating, np.timedelta64)
    if isinstance(given, others) or isinstance(given, np.ndarray) and given.dtype.kind in "SUbcmM":
        raise TypeError(f"{name} must be a number, got {type(given).__name__}")
    try:
        return float(given)
    except MemoryError:
        raise
    except OverflowError:
        raise ValueError(f"{name} is an integer that no float64 can hold") from None
    except Exception as error:  # of any sort: torch has a RuntimeError, say
        raise TypeError(f"{name} must be a number, got {type(given).__name__}") from error


cdef double bounded(object given, str name, str wanted, double low, double high, bint with_low,
                    bint with_high) except? -1:
    """A number between two others, which belong to the range or not."""
    cdef double number = number_of(given, name)
    cdef environment callers = enter()  # else a subnormal number may count as 0
    cdef bint inside = low < number < high or with_low and number == low or with_high and number == high
    leave(callers)
    if not inside:
        raise ValueError(f"{name} must be {wanted}, got {given!r}")
    return number


cdef double base_of(object given) except? -1:
    """The base of a logarithm; 0 for nats."""
    if given is None:
        return 0
    cdef double base = bounded(given, "base", "a positive number other than 1", 0, INFINITY, False, False)
    if base == 1:
        raise ValueError(f"base must be a positive number other than 1, got {given!r}")
    return base


# ---- Inputs ---------------------------------------------------------------------------------------------------------

cdef bint is_native(cnp.ndarray array) noexcept:
    """Aligned, of this machine's byte order, and with strides that are whole elements."""
    cdef int d
    if not (cnp.PyArray_ISALIGNED(array) and cnp.PyArray_ISNOTSWAPPED(array)):
        return False
    for d in range(cnp.PyArray_NDIM(array)):
        # numpy leaves any number as the stride of an axis of one element.
        if cnp.PyArray_DIMS(array)[d] > 1 and cnp.PyArray_STRIDES(array)[d] % cnp.PyArray_ITEMSIZE(array) != 0:
            return False
    return True


cdef cnp.ndarray as_array(object given, str name):
    """The argument as a plain ndarray, without a copy where numpy can see its memory."""
    if cnp.PyArray_CheckExact(given):
        return given
    try:
        if hasattr(given, "__dlpack__") and not isinstance(given, np.ndarray) and not hasattr(given, "__array__"):
            return np.from_dlpack(given)
        array = np.asanyarray(given)
    except MemoryError:
        raise
    except ValueError as error:
        raise ValueError(f"{name} cannot be read as an array: {error}") from error
    except Exception as error:  # whatever an object's __array__ or __dlpack__ raises: torch has a RuntimeError, say
        raise TypeError(f"{name} cannot be read as an array: {error}") from error
    # numpy forgets the masks of rows; numbers, of which there may be millions, have none.
    if isinstance(array, np.ma.MaskedArray) or has_masks(given, array.ndim - 1):
        raise TypeError(f"{name}: masked arrays are not supported: use .filled() or weights")
    # A matrix would stay two-dimensional for ever; as an ndarray it is one of two dimensions.
    return np.asarray(array)


cdef bint has_masks(object given, int depth) except -1:
    """Whether lists, so deep, hold masked arrays."""
    if depth > 0 and isinstance(given, (list, tuple)):
        for row in given:
            if has_masks(row, depth - 1):
                return True
    return isinstance(given, np.ma.MaskedArray)


cdef char kind_of(cnp.ndarray array) noexcept:
    return (<cnp.dtype> cnp.PyArray_DESCR(array)).kind


cdef str name_of_dtype(cnp.ndarray array):
    return array.dtype.name if array.dtype.kind not in "OSUVMm" else {
        "O": "object", "S": "bytes", "U": "str", "V": array.dtype.name, "M": "datetime64", "m": "timedelta64",
    }[array.dtype.kind]


cdef int bfloat16_number = -1  # numpy's number of the ml_dtypes dtype, once an array of it was seen


cdef bint is_bfloat16(cnp.ndarray array):
    global bfloat16_number
    if cnp.PyArray_TYPE(array) == bfloat16_number:
        return True
    if cnp.PyArray_TYPE(array) < NPY_USERDEF or array.dtype.name != "bfloat16":
        return False
    bfloat16_number = cnp.PyArray_TYPE(array)
    return True


cdef closs_dtype dtype_of(cnp.ndarray array) noexcept:
    """Of an array that as_data has seen."""
    cdef int type_number = cnp.PyArray_TYPE(array)
    if type_number == cnp.NPY_DOUBLE:
        return CLOSS_F64
    if type_number == cnp.NPY_FLOAT:
        return CLOSS_F32
    return CLOSS_F16 if type_number == NPY_HALF else CLOSS_BF16


cdef int values_type(cnp.ndarray data) noexcept:
    """numpy's number of the dtype of values: that of the arithmetic."""
    return cnp.NPY_DOUBLE if cnp.PyArray_TYPE(data) == cnp.NPY_DOUBLE else cnp.NPY_FLOAT


cdef cnp.ndarray as_data(object given, str name):
    """Of a floating dtype, native and aligned: the argument itself if it is that, else converted by numpy."""
    cdef cnp.ndarray array = as_array(given, name)
    cdef bint floating = is_floating(array)
    if not floating and array.dtype.kind not in "iub":
        raise TypeError(
            f"{name}: unsupported dtype {name_of_dtype(array)}; float64, float32, float16, bfloat16, integers and bool "
            "are supported"
        )
    if not floating:
        return array.astype(np.float64, order="K")
    return array if is_native(array) else array.astype(array.dtype.newbyteorder("="), order="K")


cdef cnp.ndarray as_logits(object given, str name):
    cdef cnp.ndarray array = as_data(given, name)
    need_axes(array, name)
    return array


cdef bint is_weak(object given):
    """A Python number, which takes the dtype of what it meets."""
    kind = type(given)
    return kind is float or kind is int or kind is bool


cdef double weak(object given, str name) except? -1:
    try:
        return float(given)
    except OverflowError:
        raise ValueError(f"{name} is an integer that no float64 can hold") from None


cdef cnp.ndarray as_scalar(object given, str name, object dtype):
    """A Python number in the dtype of what it meets, where it may overflow, in silence as all results do."""
    cdef double number = weak(given, name)
    if number == 0 or 6.2e-5 <= fabs(number) <= 65504:  # a normal float16
        return np.asarray(number).astype(dtype)
    with np.errstate(all="ignore"):
        return np.asarray(number).astype(dtype)


cdef tuple as_pair(object first, str first_name, object second, str second_name, bint may_be_scalar):
    """Two arrays of one shape (or the second a scalar) and one dtype: numpy.result_type; of both half types float32."""
    cdef cnp.ndarray a, b
    if is_weak(second) and not is_weak(first):
        a = as_data(first, first_name)
        b = as_scalar(second, second_name, a.dtype)
    elif is_weak(first) and not is_weak(second):
        b = as_data(second, second_name)
        a = as_scalar(first, first_name, b.dtype)
    else:
        a = as_data(first, first_name)
        b = as_data(second, second_name)
    need_one_shape(a, first_name, b, second_name, may_be_scalar)
    if cnp.PyArray_TYPE(a) == cnp.PyArray_TYPE(b):
        return a, b
    common = np.float64 if np.float64 in (a.dtype, b.dtype) else np.float32
    return a.astype(common, order="K", copy=False), b.astype(common, order="K", copy=False)


cdef tuple shape_without(cnp.ndarray data, int axis):
    cdef int d
    return tuple([cnp.PyArray_DIMS(data)[d] for d in range(cnp.PyArray_NDIM(data)) if d != axis])


cdef bint has_shape_without(cnp.ndarray array, cnp.ndarray data, int axis) noexcept:
    """Whether the shape of `array` is that of `data` without `axis` (-1: the whole of it)."""
    cdef int d, e = 0
    if cnp.PyArray_NDIM(array) != cnp.PyArray_NDIM(data) - (axis >= 0):
        return False
    for d in range(cnp.PyArray_NDIM(data)):
        if d == axis:
            continue
        if cnp.PyArray_DIMS(array)[e] != cnp.PyArray_DIMS(data)[d]:
            return False
        e += 1
    return True


cdef str shape_hint(cnp.ndarray array, cnp.ndarray data, int axis):
    cdef int d
    for d in range(cnp.PyArray_NDIM(data)):
        if d != axis and has_shape_without(array, data, d):
            return f"; did you mean axis={d}?"
    return ""


cdef tuple shape_of(cnp.ndarray array):
    cdef int d
    return tuple([cnp.PyArray_DIMS(array)[d] for d in range(cnp.PyArray_NDIM(array))])


cdef int need_axes(cnp.ndarray array, str name) except -1:
    if cnp.PyArray_NDIM(array) == 0:
        raise ValueError(f"{name} must have at least 1 dimension, got shape ()")
    return 0


cdef int need_classes(cnp.ndarray data, int axis) except -1:
    """The softmax of nothing is no distribution."""
    if cnp.PyArray_DIMS(data)[axis] == 0 and 0 not in shape_without(data, axis):
        raise ValueError(f"logits must have at least one class, got shape {shape_of(data)} with classes on axis {axis}")
    return 0


cdef object wrong_shape(cnp.ndarray array, str name, tuple wanted):
    return ValueError(f"{name} has shape {shape_of(array)}, expected {wanted}")


cdef int need_one_shape(cnp.ndarray first, str first_name, cnp.ndarray second, str second_name,
                        bint may_be_scalar) except -1:
    if not has_shape_without(second, first, -1) and not (may_be_scalar and cnp.PyArray_NDIM(second) == 0):
        scalar = " (target may be a scalar)" if may_be_scalar else ""
        raise ValueError(
            f"{first_name} and {second_name} must have one shape{scalar}: shapes {shape_of(first)} and "
            f"{shape_of(second)} differ"
        )
    return 0


cdef bint is_floating(object target):
    """Whether it is an array of a floating dtype that is supported: of class probabilities, not labels, say."""
    if not cnp.PyArray_CheckExact(target):
        return False
    cdef int type_number = cnp.PyArray_TYPE(<cnp.ndarray> target)
    return (
        type_number == cnp.NPY_FLOAT or type_number == cnp.NPY_DOUBLE or type_number == NPY_HALF
        or is_bfloat16(<cnp.ndarray> target)
    )


cdef cnp.ndarray as_probabilities(cnp.ndarray target, cnp.ndarray data):
    """Class probabilities in the shape of the logits; None if `target` is not that, but labels or a fault of them."""
    if not is_floating(target) or cnp.PyArray_NDIM(target) < cnp.PyArray_NDIM(data):
        return None
    cdef cnp.ndarray array = as_data(target, "target")
    swapped = "; logits come first" if cnp.PyArray_NDIM(array) == cnp.PyArray_NDIM(data) + 1 else ""
    if not has_shape_without(array, data, -1):
        raise ValueError(
            f"target has shape {shape_of(array)}, expected {shape_of(data)}: class probabilities have the shape of "
            f"logits{swapped}"
        )
    return array


cdef bint are_integers(cnp.ndarray array, object given) noexcept:
    """Or [], which has no dtype of its own; `given` is what became the array."""
    return kind_of(array) in b"iu" or isinstance(given, (list, tuple)) and cnp.PyArray_SIZE(array) == 0


cdef cnp.ndarray as_labels(cnp.ndarray array, object given, str name, cnp.ndarray data, str data_name, int axis,
                           object ignore_index, int64_t *ignored, bint *ignores):
    """Labels as native int32 or int64, and ignore_index as one of them (`ignores`: whether any label can match it)."""
    if not are_integers(array, given):
        raise TypeError(
            f"{name}: labels must be integers, got {name_of_dtype(array)}; class probabilities are floating and have "
            f"the shape of {data_name}"
        )
    if kind_of(array) not in b"iu":
        array = array.astype(np.int64)
    if not has_shape_without(array, data, axis):
        one_hot = "; class probabilities are floating, one-hot ones, too" if has_shape_without(array, data, -1) else ""
        raise ValueError(
            f"{name} has shape {shape_of(array)}, expected {shape_without(data, axis)}: labels have the shape of "
            f"{data_name} {shape_of(data)} without the class axis {axis}{shape_hint(array, data, axis)}{one_hot}"
        )
    ignores[0] = False
    wanted = None
    if ignore_index is not None:
        try:
            wanted = operator.index(None if isinstance(ignore_index, (bool, np.bool_)) else ignore_index)
        except Exception:
            raise TypeError(f"ignore_index must be an integer or None, got {type(ignore_index).__name__}") from None
    cdef char kind = kind_of(array)
    cdef int size = cnp.PyArray_ITEMSIZE(array)
    if kind == c"u" and size == 8:
        # Labels beyond int64 become its maximum, which is never below the number of classes; ignored ones become -1.
        converted = np.minimum(array, np.uint64(2**63 - 1)).astype(np.int64)
        if wanted is not None:
            converted = np.where(array == wanted, -1, converted) if 0 <= wanted < 2**64 else converted
            ignored[0] = -1
            ignores[0] = True
        return np.asarray(converted)
    if wanted is not None and -2**63 <= wanted < 2**63:
        ignored[0] = wanted
        ignores[0] = True
    if (size == 4 and kind == c"i" or size == 8) and is_native(array):
        return array
    return array.astype(np.int64 if size >= 4 and kind == c"u" or size == 8 else np.int32)


cdef cnp.ndarray as_weight(object given, str name):
    cdef cnp.ndarray array = as_array(weak(given, name) if type(given) is int else given, name)
    cdef int type_number = cnp.PyArray_TYPE(array)
    if (type_number == cnp.NPY_FLOAT or type_number == cnp.NPY_DOUBLE) and is_native(array):
        return array
    if (array.dtype.kind not in "iubf" or cnp.PyArray_ITEMSIZE(array) > 8) and not is_bfloat16(array):
        raise TypeError(
            f"{name}: unsupported dtype {name_of_dtype(array)}; real numbers of at most 64 bits are supported"
        )
    return array.astype(np.float64)


cdef cnp.ndarray as_class_weight(object given, int64_t classes):
    if given is None:
        return None
    cdef cnp.ndarray array = as_weight(given, "class_weight")
    if cnp.PyArray_NDIM(array) != 1 or cnp.PyArray_DIMS(array)[0] != classes:
        raise ValueError(f"class_weight has shape {shape_of(array)}, expected ({classes},): one weight for each class")
    return array


cdef cnp.ndarray as_sample_weight(object given, cnp.ndarray data, int axis):
    """Of the shape of the values, or of no dimension."""
    if given is None:
        return None
    cdef cnp.ndarray array = as_weight(given, "sample_weight")
    if cnp.PyArray_NDIM(array) != 0 and not has_shape_without(array, data, axis):
        wanted = shape_without(data, axis)
        advice = f"; numpy.broadcast_to(sample_weight, {wanted}) repeats it without a copy"
        try:
            np.broadcast_to(array, wanted)
        except ValueError:
            advice = ""
        raise ValueError(
            f"sample_weight has shape {shape_of(array)}, expected {f'{wanted} or ' if wanted else ''}a scalar"
            f"{shape_hint(array, data, axis) if axis >= 0 else ''}{advice}"
        )
    check_unread(array, data, "sample_weight", "finite", -INFINITY, "row")
    return array


cdef int check_unread(cnp.ndarray weight, cnp.ndarray data, str name, str wanted, double least, str axis) except -1:
    """A parameter is checked also where there is no element that libcloss would check it for."""
    if cnp.PyArray_SIZE(data) == 0 and not (np.isfinite(weight) & (weight >= least)).all():
        raise_weight(weight, name, wanted, least, axis)
    return 0


cdef cnp.ndarray as_pos_weight(object given, cnp.ndarray data):
    """A scalar or one weight for each index of the last axis."""
    if given is None:
        return None
    cdef cnp.ndarray array = as_weight(given, "pos_weight")
    shape = shape_of(data)
    last = shape[len(shape) - 1:] if shape else ()
    if cnp.PyArray_NDIM(array) != 0 and shape_of(array) != last:
        raise ValueError(
            f"pos_weight has shape {shape_of(array)}, expected a scalar or {last}: one for each index of the last "
            "axis"
        )
    check_unread(array, data, "pos_weight", "finite and >= 0", 0, "index")
    return array


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


cdef bint is_half(cnp.ndarray data) noexcept:
    return cnp.PyArray_ITEMSIZE(data) == 2


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


cdef int check_overlap(cnp.ndarray buffer, str name, object other, str other_name, bint may_be_same) except -1:
    """A buffer shares no element with another array; with the one that it may replace, either all or none."""
    cdef cnp.ndarray array
    if other is None:
        return 0
    if cnp.PyArray_Check(other):
        array = other
    elif PyObject_CheckBuffer(other) or hasattr(other, "__array__") or hasattr(other, "__dlpack__"):
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


# ---- Faults ---------------------------------------------------------------------------------------------------------

cdef enum:
    PIECE = 4096  # elements that are looked at together


cdef tuple first_place(cnp.ndarray array, object are_bad, tuple limits):
    """Where the first bad element is, in C order, by pieces, because there may be many; None if what was found has
    changed since."""
    flat = (<object> array).flat
    for begin in range(0, cnp.PyArray_SIZE(array), PIECE):
        places = np.flatnonzero(are_bad(flat[begin:begin + PIECE], *limits))
        if len(places) > 0:
            return tuple([int(index) for index in np.unravel_index(begin + places[0], shape_of(array))])
    return None


def _are_no_labels(labels, classes, ignored):
    bad = (labels < 0) | (labels >= classes)
    return bad if ignored is None else bad & (labels != ignored)


def _are_no_weights(weights, least):
    return ~(np.isfinite(weights) & (weights >= least))


cdef str where(tuple place, str axis):
    """Scalars have no place."""
    return "" if not place else f" at {axis} {place[0]}" if len(place) == 1 else f" at position {place}"


cdef int raise_label(const closs_report *report, cnp.ndarray labels, int64_t classes, object ignore_index) except -1:
    ignored = None if ignore_index is None or ignore_index is False else operator.index(ignore_index)
    place = first_place(labels, _are_no_labels, (classes, ignored))
    label = report.label if place is None else int(labels[place])
    hint = "; pass ignore_index=-100 to leave such samples out" if label == -100 and ignore_index is None else ""
    raise IndexError(f"label {label}{where(place, 'row')} is out of bounds for {classes} classes{hint}")


cdef int raise_weight(cnp.ndarray weight, str name, str wanted, double least, str axis) except -1:
    place = first_place(weight, _are_no_weights, (least,))
    got = "" if place is None else f", got {weight[place]}{where(place, axis)}"
    raise ValueError(f"{name} must be {wanted}{got}")


cdef int raise_report(const closs_report *report, cnp.ndarray labels, int64_t classes, object ignore_index,
                      cnp.ndarray class_weight, cnp.ndarray sample_weight, cnp.ndarray pos_weight) except -1:
    """Raises the exception of a report that is not OK. Labels are those that were given; a function that has no
    ignore_index passes False."""
    if report.status == CLOSS_BAD_LABEL:
        raise_label(report, labels, classes, ignore_index)
    if report.status == CLOSS_BAD_CLASS_WEIGHT:
        raise_weight(class_weight, "class_weight", "finite and >= 0", 0, "class")
    if report.status == CLOSS_BAD_SAMPLE_WEIGHT:
        raise_weight(sample_weight, "sample_weight", "finite", -INFINITY, "row")
    if report.status == CLOSS_BAD_POS_WEIGHT:
        raise_weight(pos_weight, "pos_weight", "finite and >= 0", 0, "index")
    if report.status != CLOSS_OK:
        raise ValueError("arrays are too large: offsets of their elements must be below 2**60")
    return 0


cdef int warn_of_mean(const closs_report *report, cnp.ndarray labels, cnp.ndarray class_weight,
                      cnp.ndarray sample_weight, bint smoothed) except -1:
    """Of one without weight; one that cannot divide by the sum of its weights raises. `smoothed`: samples count whose
    label's class has no weight."""
    cdef uint64_t bits
    memcpy(&bits, &report.weight_sum, sizeof(bits))  # to the caller's arithmetic a subnormal sum may be 0
    if bits << 1 != 0:
        by_class = class_weight is not None and not is_floating(labels)
        by_sample = sample_weight is not None
        name = " times ".join(by_sample * ["sample_weight"] + by_class * ["class_weight"])
        raise ValueError(f"{name} must have a finite sum whose reciprocal is finite, got a sum of {report.weight_sum}")
    # Cython functions have no Python frame: level 1 is the line of the caller.
    if report.counted == 0 and not (smoothed and class_weight is not None):
        warnings.warn("mean of empty input: no sample counts", RuntimeWarning, stacklevel=1)
    else:
        warnings.warn("mean of empty input: the weights sum to zero", RuntimeWarning, stacklevel=1)
    return 0


# ---- Results --------------------------------------------------------------------------------------------------------

cdef double scale_of(const closs_report *report, int how) noexcept nogil:
    """What derivatives are multiplied by; NaN if a mean has no weight."""
    if how != MEAN:
        return 1.0
    return NAN if report.weight_sum == 0 else 1.0 / report.weight_sum


cdef bint needs_python(const closs_report *report, int how) noexcept nogil:
    """Whether a call has to raise, or to warn of a mean without weight, before anything is written."""
    return report.status != CLOSS_OK or how == MEAN and not divides(report.weight_sum)


cdef bint divides(double weight_sum) noexcept nogil:
    """Whether a mean can be divided by it: neither it nor its reciprocal is infinite or NaN."""
    return fabs(weight_sum) < INFINITY and fabs(1.0 / weight_sum) < INFINITY


cdef double reduced(const closs_report *report, int how, double total) noexcept nogil:
    if how != MEAN:
        return total
    return NAN if report.weight_sum == 0 else total / report.weight_sum


cdef object results(int how, double total, cnp.ndarray values, object out, cnp.ndarray gradient, cnp.ndarray hessian):
    if how == NONE:
        loss = values if values is out or cnp.PyArray_NDIM(values) > 0 else values[()]
    else:
        loss = total
    if gradient is None:
        return loss if hessian is None else (loss, hessian)
    return (loss, gradient) if hessian is None else (loss, gradient, hessian)
