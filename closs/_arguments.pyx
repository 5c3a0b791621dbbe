"""What an argument may be: parameters, arrays, labels, weights; the exceptions and warnings of what libcloss finds in
them. What several functions check is checked here, in the same words."""
import operator
import warnings

import numpy as np
from numpy.exceptions import AxisError

cimport numpy as cnp
from libc.math cimport INFINITY, NAN, fabs
from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memcpy

from closs._core cimport (
    CLOSS_BAD_CLASS_WEIGHT, CLOSS_BAD_LABEL, CLOSS_BAD_POS_WEIGHT, CLOSS_BAD_SAMPLE_WEIGHT, CLOSS_BF16, CLOSS_F16,
    CLOSS_F32, CLOSS_F64, CLOSS_OK, closs_dtype, closs_report,
)

cnp.import_array()


cdef extern from "numpy/arrayobject.h":
    enum:
        NPY_HALF
        NPY_USERDEF


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
        axis = operator.index(None if isinstance(given, bool) else given)
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
    cdef double above = inside(low), below = inside(high), it = inside(number)
    cdef double belongs = inside(above < it < below or with_low and it == above or with_high and it == below)
    leave(callers)
    if belongs == 0:
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
    names = {"O": "object", "S": "bytes", "U": "str", "M": "datetime64", "m": "timedelta64"}
    return names.get(array.dtype.kind, array.dtype.name)


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


cdef bint is_half(cnp.ndarray data) noexcept:
    return cnp.PyArray_ITEMSIZE(data) == 2


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
    """Whether it is an array of a supported floating dtype: class probabilities, say, and not labels."""
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


# ---- Means ----------------------------------------------------------------------------------------------------------

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
