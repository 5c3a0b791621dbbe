"""Measures of probabilities, and the zero-one loss."""
import numpy as np

cimport numpy as cnp
from libc.stdint cimport int64_t

from closs._arguments cimport (
    NONE, are_integers, as_array, as_data, as_labels, as_logits, as_pair, as_sample_weight, axis_of, base_of,
    has_shape_without, is_native, kind_of, name_of_dtype, need_axes, reduction_of, shape_of,
)
from closs._buffers cimport check_buffers, flat_buffer, gradient_buffer, results, sample_axes, values_buffer
from closs._core cimport (
    CLOSS_ENTROPY, CLOSS_F64, CLOSS_I32, CLOSS_I64, CLOSS_JS_DIVERGENCE, CLOSS_KL_DIVERGENCE,
    CLOSS_PROBABILITY_CROSS_ENTROPY, CLOSS_U8, CLOSS_ZERO_ONE, closs_const_array, closs_label_dtype,
    closs_softmax_args, closs_softmax_defaults, closs_softmax_result,
)
from closs._softmax cimport checked_run, fill_args

cnp.import_array()


cdef object measure(closs_softmax_result kind, object p_given, cnp.ndarray p, object q_given, cnp.ndarray q,
                    cnp.ndarray labels, object axis, object base, object sample_weight, object reduction, object grad,
                    bint wrt_p, object out):
    """Of q (for an entropy p stands there, and p is None); labels in place of p, given as an array, or None."""
    cdef int how = reduction_of(reduction)
    cdef cnp.ndarray of = p if wrt_p else q
    cdef cnp.ndarray gradient = gradient_buffer(grad, "grad", of)
    cdef cnp.ndarray written = gradient
    cdef cnp.ndarray data = q
    cdef cnp.ndarray target = p
    cdef int class_axis = 0
    if axis is None:
        data = q.reshape(-1)
        target = None if p is None else p.reshape(-1)
        written = flat_buffer(gradient)
    else:
        class_axis = axis_of(axis, cnp.PyArray_NDIM(data))
    cdef double logarithm = base_of(base)
    cdef cnp.ndarray by_sample = as_sample_weight(sample_weight, data, class_axis)
    cdef cnp.ndarray values = values_buffer(out, how, data, class_axis)
    if gradient is not None and gradient is grad or out is not None:
        p_input = (p_given, p if labels is None else labels, "p")
        q_input = (q_given, q, "p" if p is None and labels is None else "q")
        inputs = (p_input, q_input) if wrt_p else (q_input, p_input)
        inputs = (*inputs, (sample_weight, by_sample, "sample_weight"))
        check_buffers(inputs, grad, gradient, None, None, out, values)

    cdef sample_axes axes
    cdef closs_softmax_args args = closs_softmax_defaults()
    args.result = kind
    args.base = logarithm
    args.wrt_targets = wrt_p
    fill_args(&args, &axes, class_axis, data, target, written, None, labels, by_sample, values)
    given_labels = None if labels is None else p_given
    cdef double total = checked_run(&args, axes.count, how, given_labels, False, None, by_sample)
    if axis is None and gradient is not None and not cnp.PyArray_IS_C_CONTIGUOUS(gradient):
        np.copyto(gradient, written.reshape((<object> of).shape))
    return results(how, total, values, out, gradient, None)


cdef bint is_wrt_p(object wrt) except -1:
    if isinstance(wrt, str) and wrt in ("p", "q"):
        return wrt == "p"
    raise ValueError(f"wrt must be 'p' or 'q', got {wrt!r}")


cdef tuple as_distributions(object p, object q):
    """Two arrays of one shape, with at least one axis."""
    a, b = as_pair(p, "p", q, "q", False)
    need_axes(a, "p")
    return a, b


def entropy(p, *, axis=-1, base=None, sample_weight=None, reduction="none", grad=False, out=None):
    """
    Shannon's entropy of distributions.

    .. math:: H(p) = -\\sum_j p_j \\log p_j, \\qquad \\frac{\\partial H}{\\partial p_j} = -\\log p_j - 1.

    Parameters
    ----------
    p : array_like of float64, float32, float16 or bfloat16
        Probabilities. Integers and bools become float64. Aligned native floating arrays are never copied.
    axis : int or None, default -1
        The axis of a distribution, all other axes are samples; None takes all elements as one distribution,
        and copies what is not C-contiguous.
    base : float, optional
        Of the logarithm: finite, > 0 and not 1. By default nats; 2 gives bits, exact for powers of two.
    sample_weight : array_like of the shape of the arrays without `axis`, or scalar, optional
        Weight of each distribution; finite.
    reduction : {"none", "mean", "sum"}, default "none"
        "mean" divides by the sum of sample weights: the number of distributions, not of elements.
    grad : bool or array, default False
        True returns the gradient, too. An array of the shape and (common) dtype of `p`, for half types
        also float32, is filled and returned; it may be that argument itself.
    out : array, optional
        With "none": an array of the shape without `axis`, to be filled and returned; float64 for float64, else float32.

    Returns
    -------
    value : array or float
        Of float64 for float64, else of float32 (a scalar for one distribution); a Python float, summed in float64, with
        "mean" or "sum".
    gradient : array
        Only with `grad`.

    Raises
    ------
    TypeError
        If a dtype is not supported, `base` is no number, or a buffer has the wrong dtype.
    ValueError
        If shapes do not fit, `base`, a weight, their sum in a mean or `reduction` is out of range, or a buffer
        is read-only or overlaps.
    numpy.exceptions.AxisError
        If `axis` is out of range.

    Warns
    -----
    RuntimeWarning
        If a mean has no weight: it is NaN then.

    Notes
    -----
    Nothing is normalised, and nothing clipped: limits are exact. 0 log 0 = 0, with a gradient of +inf there.
    Numbers below 0 and NaN make that distribution NaN.
    A distribution of weight 0 is left out: 0 throughout. Terms are computed in float64 for float64, else in float32,
    and added in float64 after at most 16; the error is at most 8 eps of the sum of the absolute terms.

    References
    ----------
    C. E. Shannon, "A mathematical theory of communication", Bell System Technical Journal 27 (1948), 379-423.

    Examples
    --------
    >>> import closs
    >>> float(closs.entropy([0.5, 0.25, 0.25, 0.0], base=2))
    1.5
    """
    cdef cnp.ndarray data = as_logits(p, "p")
    return measure(CLOSS_ENTROPY, None, None, p, data, None, axis, base, sample_weight, reduction, grad, False, out)


def cross_entropy(p, q, *, axis=-1, base=None, sample_weight=None, reduction="none", grad=False, wrt="q", out=None):
    """
    Cross-entropy of distributions: the expected cost of coding p with the code for q.

    .. math:: H(p, q) = -\\sum_j p_j \\log q_j, \\qquad \\frac{\\partial}{\\partial q_j} = -\\frac{p_j}{q_j}, \\qquad
              \\frac{\\partial}{\\partial p_j} = -\\log q_j.

    Parameters
    ----------
    p : array_like
        Probabilities in the shape of `q`, or integer labels in the shape of `q` without `axis`: then -log q[label].
    q : array_like of float64, float32, float16 or bfloat16
        Probabilities. If the dtypes of probabilities differ, both become numpy.result_type of them.
    axis : int or None, default -1
        The axis of a distribution, all other axes are samples; None takes all elements as one distribution,
        and copies what is not C-contiguous.
    base : float, optional
        Of the logarithm: finite, > 0 and not 1. By default nats; 2 gives bits, exact for powers of two.
    sample_weight : array_like of the shape of the arrays without `axis`, or scalar, optional
        Weight of each distribution; finite.
    reduction : {"none", "mean", "sum"}, default "none"
        "mean" divides by the sum of sample weights: the number of distributions, not of elements.
    grad : bool or array, default False
        True returns the gradient, too. An array of the shape and (common) dtype of the argument `wrt`, for half types
        also float32, is filled and returned; it may be that argument itself.
    wrt : {"q", "p"}, default "q"
        The argument that the gradient is for.
    out : array, optional
        With "none": an array of the shape without `axis`, to be filled and returned; float64 for float64, else float32.

    Returns
    -------
    value : array or float
        Of float64 for float64, else of float32 (a scalar for one distribution); a Python float, summed in float64, with
        "mean" or "sum".
    gradient : array
        Only with `grad`.

    Raises
    ------
    TypeError
        If a dtype is not supported, `base` is no number, or a buffer has the wrong dtype.
    ValueError
        If shapes do not fit, `base`, `wrt`, a weight, their sum in a mean or `reduction` is out of range, or a
        buffer is read-only or overlaps.
    IndexError
        If a label is out of range.
    numpy.exceptions.AxisError
        If `axis` is out of range.

    Warns
    -----
    RuntimeWarning
        If a mean has no weight: it is NaN then.

    Notes
    -----
    Nothing is normalised, and nothing clipped: limits are exact. p = 0 removes its term,
    p > 0 = q costs +inf; where both are 0 the gradient is 0. Numbers below 0 and NaN make that distribution NaN.
    For logits and labels use `softmax_cross_entropy`.
    A distribution of weight 0 is left out: 0 throughout. Terms are computed in float64 for float64, else in float32,
    and added in float64 after at most 16; the error is at most 8 eps of the sum of the absolute terms.

    References
    ----------
    C. E. Shannon, "A mathematical theory of communication", Bell System Technical Journal 27 (1948), 379-423.

    Examples
    --------
    >>> import closs
    >>> float(closs.cross_entropy([1.0, 0.0], [0.25, 0.75], base=2))
    2.0
    >>> closs.cross_entropy([0, 1], [[0.25, 0.75], [0.25, 0.75]], base=2).round(4)
    array([2.   , 0.415])
    """
    cdef bint wrt_p = is_wrt_p(wrt)
    cdef cnp.ndarray first = as_array(p, "p")
    cdef cnp.ndarray second = as_array(q, "q")
    if kind_of(second) in b"iub":
        raise TypeError(
            "q holds integers, expected probabilities; for logits and integer labels use "
            "softmax_cross_entropy(logits, target)"
        )
    if first.ndim > second.ndim:
        raise ValueError(
            f"q has shape {shape_of(second)}, expected p's {shape_of(first)}; for logits and labels use "
            "softmax_cross_entropy(logits, target)"
        )
    cdef int64_t ignored = 0
    cdef bint ignores = False
    cdef cnp.ndarray labels = None
    if axis is not None and first.ndim == second.ndim - 1 and (
        are_integers(first, p) or has_shape_without(first, second, axis_of(axis, second.ndim))
    ):
        if wrt_p:
            raise ValueError("wrt='p' needs probabilities: labels have no gradient")
        b = as_data(second, "q")
        labels = as_labels(first, p, "p", b, "q", axis_of(axis, second.ndim), None, &ignored, &ignores)
        a = None
    else:
        a, b = as_distributions(first, second)
    return measure(CLOSS_PROBABILITY_CROSS_ENTROPY, first, a, second, b, labels, axis, base, sample_weight, reduction,
                   grad, wrt_p, out)


def kl_divergence(p, q, *, axis=-1, base=None, sample_weight=None, reduction="none", grad=False, wrt="q", out=None):
    """
    Kullback-Leibler divergence (relative entropy) of p from q.

    .. math:: D(p \\| q) = \\sum_j p_j \\log \\frac{p_j}{q_j}, \\qquad
              \\frac{\\partial}{\\partial q_j} = -\\frac{p_j}{q_j}, \\qquad
              \\frac{\\partial}{\\partial p_j} = \\log \\frac{p_j}{q_j} + 1.

    Parameters
    ----------
    p : array_like of float64, float32, float16 or bfloat16
        Probabilities. Integers and bools become float64.
    q : array_like of float64, float32, float16 or bfloat16
        Probabilities, in the shape of `p`. If the dtypes differ, both become numpy.result_type of them. Aligned native
        floating arrays of one dtype are never copied.
    axis : int or None, default -1
        The axis of a distribution, all other axes are samples; None takes all elements as one distribution,
        and copies what is not C-contiguous.
    base : float, optional
        Of the logarithm: finite, > 0 and not 1. By default nats; 2 gives bits, exact for powers of two.
    sample_weight : array_like of the shape of the arrays without `axis`, or scalar, optional
        Weight of each distribution; finite.
    reduction : {"none", "mean", "sum"}, default "none"
        "mean" divides by the sum of sample weights: the number of distributions, not of elements.
    grad : bool or array, default False
        True returns the gradient, too. An array of the shape and (common) dtype of the argument `wrt`, for half types
        also float32, is filled and returned; it may be that argument itself.
    wrt : {"q", "p"}, default "q"
        The argument that the gradient is for.
    out : array, optional
        With "none": an array of the shape without `axis`, to be filled and returned; float64 for float64, else float32.

    Returns
    -------
    value : array or float
        Of float64 for float64, else of float32 (a scalar for one distribution); a Python float, summed in float64, with
        "mean" or "sum".
    gradient : array
        Only with `grad`.

    Raises
    ------
    TypeError
        If a dtype is not supported, `base` is no number, or a buffer has the wrong dtype.
    ValueError
        If shapes do not fit, `base`, `wrt`, a weight, their sum in a mean or `reduction` is out of range, or a
        buffer is read-only or overlaps.
    numpy.exceptions.AxisError
        If `axis` is out of range.

    Warns
    -----
    RuntimeWarning
        If a mean has no weight: it is NaN then.

    Notes
    -----
    Nothing is normalised, and nothing clipped: limits are exact. p = 0 adds nothing,
    p > 0 = q gives +inf; where both are 0 the gradient is 0. Numbers below 0 and NaN make that distribution NaN. p
    equal to q bit for bit gives exactly 0; where p is near q the logarithm keeps its relative accuracy. The sum of
    given numbers may be negative where those of p sum to less than those of q: it is not clamped.
    A distribution of weight 0 is left out: 0 throughout. Terms are computed in float64 for float64, else in float32,
    and added in float64 after at most 16; the error is at most 8 eps of the sum of the absolute terms.

    References
    ----------
    S. Kullback, R. A. Leibler, "On information and sufficiency", Annals of Mathematical Statistics 22 (1951), 79-86.

    Examples
    --------
    >>> import closs
    >>> float(closs.kl_divergence([0.5, 0.5], [0.25, 0.75], base=2).round(6))
    0.207519
    >>> closs.kl_divergence([1.0, 0.0], [1.0, 0.0], grad=True)
    (np.float64(0.0), array([-1.,  0.]))
    """
    a, b = as_distributions(p, q)
    return measure(CLOSS_KL_DIVERGENCE, p, a, q, b, None, axis, base, sample_weight, reduction, grad, is_wrt_p(wrt),
                   out)


def js_divergence(p, q, *, axis=-1, base=None, sample_weight=None, reduction="none", grad=False, wrt="q", out=None):
    """
    Jensen-Shannon divergence (not its square root).

    .. math:: \\tfrac12 D(p \\| m) + \\tfrac12 D(q \\| m), \\quad m = \\tfrac12 (p + q), \\qquad
              \\frac{\\partial}{\\partial q_j} = \\tfrac12 \\log \\frac{q_j}{m_j}.

    Parameters
    ----------
    p : array_like of float64, float32, float16 or bfloat16
        Probabilities. Integers and bools become float64.
    q : array_like of float64, float32, float16 or bfloat16
        Probabilities, in the shape of `p`. If the dtypes differ, both become numpy.result_type of them. Aligned native
        floating arrays of one dtype are never copied.
    axis : int or None, default -1
        The axis of a distribution, all other axes are samples; None takes all elements as one distribution,
        and copies what is not C-contiguous.
    base : float, optional
        Of the logarithm: finite, > 0 and not 1. By default nats; 2 gives bits, exact for powers of two.
    sample_weight : array_like of the shape of the arrays without `axis`, or scalar, optional
        Weight of each distribution; finite.
    reduction : {"none", "mean", "sum"}, default "none"
        "mean" divides by the sum of sample weights: the number of distributions, not of elements.
    grad : bool or array, default False
        True returns the gradient, too. An array of the shape and (common) dtype of the argument `wrt`, for half types
        also float32, is filled and returned; it may be that argument itself.
    wrt : {"q", "p"}, default "q"
        The argument that the gradient is for.
    out : array, optional
        With "none": an array of the shape without `axis`, to be filled and returned; float64 for float64, else float32.

    Returns
    -------
    value : array or float
        Of float64 for float64, else of float32 (a scalar for one distribution); a Python float, summed in float64, with
        "mean" or "sum".
    gradient : array
        Only with `grad`.

    Raises
    ------
    TypeError
        If a dtype is not supported, `base` is no number, or a buffer has the wrong dtype.
    ValueError
        If shapes do not fit, `base`, `wrt`, a weight, their sum in a mean or `reduction` is out of range, or a
        buffer is read-only or overlaps.
    numpy.exceptions.AxisError
        If `axis` is out of range.

    Warns
    -----
    RuntimeWarning
        If a mean has no weight: it is NaN then.

    Notes
    -----
    Nothing is normalised, and nothing clipped: limits are exact. It is symmetric to the bit, never
    negative, at most log 2 for distributions, and keeps its relative accuracy where p is near q. Where both are 0 it
    adds nothing and the gradient is 0. Numbers below 0 and NaN make that distribution NaN.
    A distribution of weight 0 is left out: 0 throughout. Terms are computed in float64 for float64, else in float32,
    and added in float64 after at most 16; the error is at most 8 eps of the sum of the absolute terms.

    References
    ----------
    J. Lin, "Divergence measures based on the Shannon entropy", IEEE Transactions on Information Theory 37 (1991),
    145-151.

    Examples
    --------
    >>> import closs
    >>> float(closs.js_divergence([1.0, 0.0], [0.0, 1.0], base=2))
    1.0
    """
    a, b = as_distributions(p, q)
    return measure(CLOSS_JS_DIVERGENCE, p, a, q, b, None, axis, base, sample_weight, reduction, grad, is_wrt_p(wrt),
                   out)


cdef cnp.ndarray as_any_labels(cnp.ndarray array, object given, str name):
    """Integers or bools."""
    if kind_of(array) in b"iub":
        return array
    if not are_integers(array, given):
        raise TypeError(f"{name}: labels must be integers or bools, got {name_of_dtype(array)}")
    return array.astype(np.int64)


cdef int dtype_of_labels(cnp.ndarray labels, bint as_bytes) except -2:
    """As libcloss names it, -1 if it has none; `as_bytes`: only whether they are equal will matter."""
    cdef int size = cnp.PyArray_ITEMSIZE(labels)
    cdef char kind = kind_of(labels)
    if size == 1 and (as_bytes or kind != c"i"):
        return CLOSS_U8
    if not (size == 4 or size == 8) or not (as_bytes or kind == c"i") or not is_native(labels):
        return -1
    return CLOSS_I32 if size == 4 else CLOSS_I64


def zero_one_loss(pred, target, *, axis=-1, sample_weight=None, reduction="mean", out=None):
    """
    The share of wrong predictions: 0 where the predicted class is the target, else 1.

    Parameters
    ----------
    pred : array_like
        Labels, in the shape of `target`: any integers, negative ones too, or bools. Or scores, floating with one axis
        more: the class of the largest one is predicted, of equal ones the first.
    target : array_like of integers or bools
        The true label of each sample; beside scores they lie in [0, C).
    axis : int, default -1
        The class axis of scores.
    sample_weight : array_like of the shape of `target`, or scalar, optional
        Weight of each sample; finite.
    reduction : {"mean", "sum", "none"}, default "mean"
        "mean" divides by the sum of the weights.
    out : array, optional
        With "none": an array of the shape of `target`, to be filled and returned; float32 for scores of float32 and
        half types, else float64.

    Returns
    -------
    loss : float or array
        A Python float; with "none" an array (a scalar for one sample).

    Raises
    ------
    TypeError
        If labels are no integers or bools, or a dtype is not supported.
    ValueError
        If shapes do not fit (as when target and scores change places), a weight, their sum in a mean or
        `reduction` is out of range, or `out` is read-only or overlaps.
    IndexError
        If a target beside scores is outside [0, C).
    numpy.exceptions.AxisError
        If `axis` is out of range.

    Warns
    -----
    RuntimeWarning
        If a mean has no weight: it is NaN then.

    Notes
    -----
    It has no gradient: it is constant almost everywhere. Integers of any dtypes are compared as numbers: uint64 2**64 -
    1 is not int64 -1. Scores with a NaN, or of -inf only, predict nothing, and count as wrong.

    References
    ----------
    V. N. Vapnik, "Statistical learning theory", Wiley 1998.

    Examples
    --------
    >>> import closs
    >>> closs.zero_one_loss([1, 2, 3, 4], [1, 2, 0, 4])
    0.25
    >>> closs.zero_one_loss([[0.2, 0.8], [0.6, 0.4]], [1, 1], reduction="none")
    array([0., 1.])
    """
    cdef int how = reduction_of(reduction)
    cdef cnp.ndarray predicted = as_array(pred, "pred")
    cdef cnp.ndarray truth = as_array(target, "target")
    if truth.ndim == predicted.ndim + 1 and kind_of(truth) not in b"iub":
        raise ValueError(
            f"target has shape {shape_of(truth)} and pred {shape_of(predicted)}: zero_one_loss(pred, target) takes the "
            "prediction first, unlike scikit-learn"
        )
    cdef cnp.ndarray labels = as_any_labels(truth, target, "target")
    cdef cnp.ndarray given = predicted
    cdef cnp.ndarray shaped = None  # of the shape of the values, but for a class axis, and of their dtype
    cdef int class_axis = -1
    cdef int given_type = -1
    cdef int label_type = -1
    cdef bint same
    cdef int64_t ignored = 0
    cdef bint ignores = False
    if given.ndim == labels.ndim + 1:
        class_axis = axis_of(axis, given.ndim)
        if kind_of(given) in b"iub" and shape_of(given)[class_axis] == 1:
            class_axis = -1  # a column of labels, which is a mistake, and not scores of one class
    if class_axis >= 0:
        given = shaped = as_logits(given, "pred")
        if kind_of(labels) == c"b":
            labels = labels.astype(np.int32)
        labels = as_labels(labels, None, "target", given, "pred", class_axis, None, &ignored, &ignores)
    else:
        if shape_of(given) != shape_of(labels):
            raise ValueError(
                f"pred has shape {shape_of(given)}, expected target's {shape_of(labels)}, or scores with one axis more"
            )
        given = as_any_labels(given, pred, "pred")
        same = cnp.PyArray_TYPE(given) == cnp.PyArray_TYPE(labels)
        given_type, label_type = dtype_of_labels(given, same), dtype_of_labels(labels, same)
        if given_type < 0 or label_type < 0:
            # numpy compares numbers of any two integer types.
            given = np.asarray(np.not_equal(given, labels))
            labels = np.broadcast_to(np.False_, shape_of(given))
            given_type = label_type = CLOSS_U8
        shaped = np.broadcast_to(np.float64(0), shape_of(given)) if how == NONE else given
    cdef cnp.ndarray by_sample = as_sample_weight(sample_weight, shaped, class_axis)
    cdef cnp.ndarray values = values_buffer(out, how, shaped, class_axis)
    inputs = (predicted, given, "pred"), (truth, labels, "target"), (sample_weight, by_sample, "sample_weight")
    check_buffers(inputs, None, None, None, None, out, values)

    cdef sample_axes axes
    cdef closs_softmax_args args = closs_softmax_defaults()
    cdef closs_const_array none = args.logits
    args.result = CLOSS_ZERO_ONE
    fill_args(&args, &axes, class_axis, given, None, None, None, labels, by_sample, values)
    if class_axis < 0:
        args.dtype = CLOSS_F64
        args.predicted_dtype = <closs_label_dtype> given_type
        args.label_dtype = <closs_label_dtype> label_type
        args.predicted = args.logits
        args.logits = none
    cdef double total = checked_run(&args, axes.count, how, truth, False, None, by_sample)
    return results(how, total, values, out, None, None)
