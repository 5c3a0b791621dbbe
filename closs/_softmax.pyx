"""The softmax family: from arguments to one call of the parallel loop."""
import numpy as np

from libc.math cimport NAN
from libc.stdint cimport int64_t

cimport numpy as cnp

from closs._arguments cimport (
    MEAN, NONE, as_class_weight, as_data, as_labels, as_sample_weight, axis_of, check_overlap, dtype_of, fill_axes,
    gradient_buffer, raise_report, reduction_of, result_buffer, sample_axes, values_buffer, warn_empty_mean,
)
from closs._core cimport (
    CLOSS_I32, CLOSS_I64, CLOSS_LOG_SOFTMAX, CLOSS_LOGSUMEXP, CLOSS_OK, CLOSS_SOFTMAX, closs_report,
    closs_softmax_args, closs_softmax_defaults, closs_softmax_result, softmax_check, softmax_run, threads_for,
)

cnp.import_array()


cdef int check_inputs(cnp.ndarray buffer, str name, object target, cnp.ndarray labels, object class_weight,
                      cnp.ndarray by_class, object sample_weight, cnp.ndarray by_sample) except -1:
    check_overlap(buffer, name, target, "target", False)
    check_overlap(buffer, name, labels, "target", False)
    check_overlap(buffer, name, class_weight, "class_weight", False)
    check_overlap(buffer, name, by_class, "class_weight", False)
    check_overlap(buffer, name, sample_weight, "sample_weight", False)
    check_overlap(buffer, name, by_sample, "sample_weight", False)
    return 0


def softmax_cross_entropy(logits, target, *, axis=-1, class_weight=None, sample_weight=None, ignore_index=None,
                          reduction="mean", grad=False, out=None):
    """
    Cross-entropy of the softmax of logits, in nats.

    For a sample with logits :math:`z`, label :math:`y` and weight :math:`w`,

    .. math:: w \\left(\\log \\sum_j e^{z_j} - z_y\\right), \\qquad
              \\frac{\\partial}{\\partial z_j} = w \\, (\\mathrm{softmax}(z)_j - [j = y]).

    Parameters
    ----------
    logits : array_like of float32 or float64
        Unnormalised log-probabilities; classes along `axis`, all other axes are samples. Integers and bools become
        float64. Aligned native floating arrays are never copied, whatever their strides.
    target : array_like of integers
        The label of each sample, in [0, C); the shape of `logits` without `axis`. Any integer dtype.
    axis : int, default -1
        The class axis.
    class_weight : array_like of shape (C,), optional
        Weight of a sample by its label; finite and >= 0.
    sample_weight : array_like of the shape of `target`, or scalar, optional
        Weight of each sample; finite. Multiplies the class weight.
    ignore_index : int, optional
        Samples with this label are left out: value 0, gradient 0. By default no label is special.
    reduction : {"mean", "sum", "none"}, default "mean"
        "mean" divides the sum by the sum of the weights (of the sample and of its label).
    grad : bool or array, default False
        True returns the gradient of what is returned, too, in the dtype and memory order of the logits. An array of
        their shape and dtype is filled and returned in place of a fresh one; it may be `logits` itself.
    out : array, optional
        With "none": an array of the shape of `target` and the dtype of the logits, to be filled and returned.

    Returns
    -------
    loss : float or array
        A Python float, summed in float64; with "none" an array in the dtype of the logits (a scalar for one sample).
    gradient : array
        Only with `grad`.

    Raises
    ------
    IndexError
        If a label is outside [0, C) and not `ignore_index`; the text names the first one and where it is.
    TypeError
        If a dtype is not supported, labels are no integers, or a buffer has another dtype than the logits.
    ValueError
        If shapes do not fit, a weight or `reduction` is out of range, or a buffer is read-only or overlaps.

    Warns
    -----
    RuntimeWarning
        If a mean has no weight: it is NaN then, and the gradient of samples that are left out is 0.

    Notes
    -----
    After an exception every buffer is as it was.

    Loss and gradient have a relative error of at most 8 eps (plus sqrt(C)/16 eps), plus half an ulp of z_j - max(z) for
    each exponential, at every confidence down to underflow: the sum leaves the label's own term out, so that a loss of
    1e-30 is as exact as one of 1. The bits do not depend on the number of threads.

    Special values: -inf is a class of probability zero; a label there costs +inf, with a finite gradient. +inf, NaN, or
    -inf throughout make that sample NaN, and no other. A sample of weight zero is left out whatever its logits are.

    References
    ----------
    P. Blanchard, D. J. Higham, N. J. Higham, "Accurately computing the log-sum-exp and softmax functions", IMA Journal
    of Numerical Analysis 41 (2021), 2311-2330.

    Examples
    --------
    >>> import numpy as np
    >>> import closs
    >>> logits = np.array([[2.0, 0.5, -1.0], [0.0, 100.0, 0.0]])
    >>> closs.softmax_cross_entropy(logits, [0, 1], reduction="none")
    array([2.41311297e-01, 7.44015195e-44])
    >>> loss, gradient = closs.softmax_cross_entropy(logits, [0, 1], grad=True)
    >>> round(loss, 6)
    0.120656
    >>> gradient.round(3)
    array([[-0.107,  0.088,  0.02 ],
           [ 0.   , -0.   ,  0.   ]])
    """
    cdef int how = reduction_of(reduction)
    cdef cnp.ndarray data = as_data(logits, "logits")
    cdef int class_axis = axis_of(axis, cnp.PyArray_NDIM(data))
    cdef int64_t classes = cnp.PyArray_DIMS(data)[class_axis]
    cdef int64_t ignored = 0
    cdef bint ignores = False
    cdef cnp.ndarray labels = as_labels(target, data, class_axis, ignore_index, &ignored, &ignores)
    cdef cnp.ndarray by_class = as_class_weight(class_weight, classes)
    cdef cnp.ndarray by_sample = as_sample_weight(sample_weight, data, class_axis)
    cdef cnp.ndarray gradient = gradient_buffer(grad, "grad", data, "logits")
    cdef cnp.ndarray values = values_buffer(out, how, data, class_axis)
    if gradient is not None and gradient is grad:
        # As given and as converted: a conversion that copied nothing hides the memory of what was given.
        check_overlap(gradient, "grad", logits, "logits", True)
        check_overlap(gradient, "grad", data, "logits", True)
        check_overlap(gradient, "grad", values, "out", False)
        check_inputs(gradient, "grad", target, labels, class_weight, by_class, sample_weight, by_sample)
    if values is not None and values is out:
        check_overlap(values, "out", logits, "logits", False)
        check_overlap(values, "out", data, "logits", False)
        check_inputs(values, "out", target, labels, class_weight, by_class, sample_weight, by_sample)

    cdef sample_axes axes
    fill_axes(&axes, data, class_axis, gradient, labels, by_sample, values)
    cdef closs_softmax_args args = closs_softmax_defaults()
    args.dtype = dtype_of(data)
    args.classes = classes
    args.ndim = axes.ndim
    args.shape = axes.shape
    args.logits.data = cnp.PyArray_DATA(data)
    args.logits.strides = axes.data
    args.labels.data = cnp.PyArray_DATA(labels)
    args.labels.strides = axes.labels
    args.label_dtype = CLOSS_I32 if cnp.PyArray_ITEMSIZE(labels) == 4 else CLOSS_I64
    args.has_ignore_index = ignores
    args.ignore_index = ignored
    if by_class is not None:
        axes.class_weight[0] = cnp.PyArray_STRIDES(by_class)[0] // cnp.PyArray_ITEMSIZE(by_class)
        args.class_weight_dtype = dtype_of(by_class)
        args.class_weight.data = cnp.PyArray_DATA(by_class)
        args.class_weight.strides = axes.class_weight
    if by_sample is not None:
        args.sample_weight_dtype = dtype_of(by_sample)
        args.sample_weight.data = cnp.PyArray_DATA(by_sample)
        args.sample_weight.strides = axes.weight
    if values is not None:
        args.values.data = cnp.PyArray_DATA(values)
        args.values.strides = axes.values
    if gradient is not None:
        args.grad.data = cnp.PyArray_DATA(gradient)
        args.grad.strides = axes.grad

    cdef closs_report report
    with nogil:
        softmax_check(&args, &report)
    if report.status != CLOSS_OK:
        raise_report(&report, target, classes, ignore_index)
    if how == MEAN:
        if report.weight_sum == 0:
            warn_empty_mean(&report)
            args.scale = NAN
        else:
            args.scale = 1.0 / report.weight_sum
    cdef int threads = threads_for(axes.count * classes)
    cdef double total
    with nogil:
        total = softmax_run(&args, axes.count, threads)

    if how == MEAN:
        total = NAN if report.weight_sum == 0 else total / report.weight_sum
    if how == NONE:
        loss = values if values is out or cnp.PyArray_NDIM(values) > 0 else values[()]
    else:
        loss = total
    return loss if gradient is None else (loss, gradient)


cdef int compute(closs_softmax_result kind, cnp.ndarray data, int axis, cnp.ndarray result,
                 cnp.ndarray values) except -1:
    """One result of the family that takes no labels, into `result` (like the data) or `values` (without the axis)."""
    cdef sample_axes axes
    fill_axes(&axes, data, axis, result, None, None, values)
    cdef closs_softmax_args args = closs_softmax_defaults()
    args.result = kind
    args.dtype = dtype_of(data)
    args.classes = cnp.PyArray_DIMS(data)[axis]
    args.ndim = axes.ndim
    args.shape = axes.shape
    args.logits.data = cnp.PyArray_DATA(data)
    args.logits.strides = axes.data
    if values is not None:
        args.values.data = cnp.PyArray_DATA(values)
        args.values.strides = axes.values
    if result is not None:
        args.grad.data = cnp.PyArray_DATA(result)
        args.grad.strides = axes.grad
    cdef int threads = threads_for(axes.count * args.classes)
    with nogil:
        softmax_run(&args, axes.count, threads)
    return 0


cdef object like_data(closs_softmax_result kind, object x, object axis, object out):
    """softmax or log_softmax of x."""
    cdef cnp.ndarray data = as_data(x, "x")
    cdef cnp.ndarray result = result_buffer(out, data, x, "x")
    cdef cnp.ndarray flat
    if axis is not None:
        compute(kind, data, axis_of(axis, cnp.PyArray_NDIM(data)), result, None)
    elif cnp.PyArray_IS_C_CONTIGUOUS(result):
        compute(kind, data.reshape(-1), 0, result.reshape(-1), None)
    else:
        flat = np.empty(data.size, dtype=data.dtype)
        compute(kind, data.reshape(-1), 0, flat, None)
        np.copyto(result, flat.reshape((<object> data).shape))
    return result


def softmax(x, *, axis=-1, out=None):
    """
    Exponentials that sum to one: ``exp(x) / sum(exp(x))``.

    Parameters
    ----------
    x : array_like of float32 or float64
        Integers and bools become float64. Aligned native floating arrays are never copied, whatever their strides.
    axis : int or None, default -1
        The axis that sums to one; None takes all elements as one distribution.
    out : array, optional
        Of the shape and dtype of `x`, to be filled and returned; it may be `x` itself.

    Returns
    -------
    array
        Of the shape, dtype and memory order of `x`.

    Raises
    ------
    TypeError
        If a dtype is not supported, or `out` has another one than `x`.
    ValueError
        If `x` has no axis, or `out` has another shape, is read-only, or overlaps `x` without being the same array.
    numpy.exceptions.AxisError
        If `axis` is out of range.

    Notes
    -----
    Each exponential is within 2 ulp of that of the rounded difference from the maximum; what underflows becomes
    subnormal and then 0. -inf has probability 0. +inf, NaN, or -inf throughout make that distribution NaN, and no
    other.

    References
    ----------
    P. Blanchard, D. J. Higham, N. J. Higham, "Accurately computing the log-sum-exp and softmax functions", IMA Journal
    of Numerical Analysis 41 (2021), 2311-2330.

    Examples
    --------
    >>> import closs
    >>> closs.softmax([0.0, 0.0, 0.0, 0.0])
    array([0.25, 0.25, 0.25, 0.25])
    """
    return like_data(CLOSS_SOFTMAX, x, axis, out)


def log_softmax(x, *, axis=-1, out=None):
    """
    The logarithm of `softmax`, in nats: ``x - log(sum(exp(x)))``.

    Parameters
    ----------
    x : array_like of float32 or float64
        Integers and bools become float64. Aligned native floating arrays are never copied, whatever their strides.
    axis : int or None, default -1
        The axis whose exponentials sum to one; None takes all elements as one distribution.
    out : array, optional
        Of the shape and dtype of `x`, to be filled and returned; it may be `x` itself.

    Returns
    -------
    array
        Of the shape, dtype and memory order of `x`.

    Raises
    ------
    TypeError
        If a dtype is not supported, or `out` has another one than `x`.
    ValueError
        If `x` has no axis, or `out` has another shape, is read-only, or overlaps `x` without being the same array.
    numpy.exceptions.AxisError
        If `axis` is out of range.

    Notes
    -----
    The sum leaves its largest term out, so that the logarithm of a probability next to one keeps its relative
    accuracy: at most 8 eps (plus sqrt(C)/16 eps) and half an ulp of x - max(x). -inf stays -inf. +inf,
    NaN, or -inf throughout make that distribution NaN, and no other.

    References
    ----------
    P. Blanchard, D. J. Higham, N. J. Higham, "Accurately computing the log-sum-exp and softmax functions", IMA Journal
    of Numerical Analysis 41 (2021), 2311-2330.

    Examples
    --------
    >>> import closs
    >>> closs.log_softmax([100.0, 0.0])
    array([-3.72007598e-44, -1.00000000e+02])
    """
    return like_data(CLOSS_LOG_SOFTMAX, x, axis, out)


def logsumexp(x, *, axis=-1, keepdims=False, out=None):
    """
    The logarithm of the sum of exponentials, ``log(sum(exp(x)))``, without overflow.

    Parameters
    ----------
    x : array_like of float32 or float64
        Integers and bools become float64. Aligned native floating arrays are never copied, whatever their strides.
    axis : int or None, default -1
        The axis to sum over; None sums over all elements.
    keepdims : bool, default False
        Whether the axis stays, with length one.
    out : array, optional
        Of the shape of the result and the dtype of `x`, to be filled and returned.

    Returns
    -------
    array or scalar
        In the dtype of `x`, without `axis`; a scalar if no axis is left.

    Raises
    ------
    TypeError
        If a dtype is not supported, `out` has another one than `x`, or `keepdims` is no bool.
    ValueError
        If `x` has no axis, or `out` has another shape, is read-only, or overlaps `x`.
    numpy.exceptions.AxisError
        If `axis` is out of range.

    Notes
    -----
    Within 2 ulp of the larger of max(abs(x)) and the result; the sum leaves its largest term out, so that
    ``logsumexp([0, -18])`` keeps its digits in float32. -inf throughout, or no element, gives -inf; +inf without NaN
    gives +inf; NaN gives NaN.

    References
    ----------
    P. Blanchard, D. J. Higham, N. J. Higham, "Accurately computing the log-sum-exp and softmax functions", IMA Journal
    of Numerical Analysis 41 (2021), 2311-2330.

    Examples
    --------
    >>> import closs
    >>> float(closs.logsumexp([1000.0, 1000.0]).round(6))
    1000.693147
    """
    if not isinstance(keepdims, (bool, np.bool_)):
        raise TypeError(f"keepdims must be True or False, got {type(keepdims).__name__}")
    cdef cnp.ndarray data = as_data(x, "x")
    cdef object shape = (<object> data).shape
    cdef int class_axis = 0
    if axis is None:
        kept = (1,) * len(shape)
        data = data.reshape(-1)
    else:
        class_axis = axis_of(axis, cnp.PyArray_NDIM(data))
        kept = (*shape[:class_axis], 1, *shape[class_axis + 1:])
    cdef object given = out
    if keepdims and isinstance(out, np.ndarray):
        if out.shape != kept:
            raise ValueError(f"out has shape {out.shape}, expected {kept}")
        given = out.reshape(() if axis is None else shape[:class_axis] + shape[class_axis + 1:])  # always a view
    cdef cnp.ndarray values = values_buffer(given, NONE, data, class_axis)
    if out is not None:
        check_overlap(values, "out", x, "x", False)
        check_overlap(values, "out", data, "x", False)
    compute(CLOSS_LOGSUMEXP, data, class_axis, None, values)
    if out is not None:
        return out
    if keepdims:
        return values.reshape(kept)
    return values if cnp.PyArray_NDIM(values) > 0 else values[()]
