"""The softmax family: from arguments to one call of the parallel loop."""
import numpy as np

from libc.math cimport INFINITY, NAN
from libc.stdint cimport int64_t

cimport numpy as cnp

from closs._arguments cimport (
    NONE, as_array, as_class_weight, as_labels, as_logits, as_pair, as_probabilities, as_sample_weight, axis_of,
    base_of, bounded, dtype_of, enter, environment, is_half, leave, need_axes, need_classes, needs_python,
    raise_report, reduced, reduction_of, scale_of, warn_of_mean, wrong_shape,
)
from closs._buffers cimport (
    DATA, GRAD, HESS, LABELS, TARGET, VALUES, WEIGHT, check_buffers, check_overlap, fill_axes, flat_buffer,
    gradient_buffer, result_buffer, results, sample_axes, values_buffer,
)
from closs._core cimport (
    CLOSS_DISTILLATION, CLOSS_F32, CLOSS_F64, CLOSS_I32, CLOSS_I64, CLOSS_LOG_SOFTMAX, CLOSS_LOGSUMEXP,
    CLOSS_SOFTMAX, CLOSS_SOFTMAX_ENTROPY, CLOSS_ZERO_ONE, closs_report, closs_softmax_args, closs_softmax_check,
    closs_softmax_defaults, closs_softmax_result, softmax_run, threads_for,
)

cnp.import_array()


cdef int fill_args(closs_softmax_args *args, sample_axes *axes, int axis, cnp.ndarray data, cnp.ndarray target,
                   cnp.ndarray gradient, cnp.ndarray hessian, cnp.ndarray labels, cnp.ndarray by_sample,
                   cnp.ndarray values) except -1:
    """All arrays; axes has to live as long as args."""
    fill_axes(axes, axis, data, target, gradient, hessian, labels, by_sample, values)
    args.dtype = dtype_of(data)
    args.classes = cnp.PyArray_DIMS(data)[axis] if axis >= 0 else 0
    args.ndim = axes.ndim
    args.shape = axes.shape
    args.logits.data = cnp.PyArray_DATA(data)
    args.logits.strides = axes.stride[DATA]
    if target is not None:
        args.target_dtype = dtype_of(target)
        args.targets.data = cnp.PyArray_DATA(target)
        args.targets.strides = axes.stride[TARGET]
    if labels is not None:
        args.label_dtype = CLOSS_I32 if cnp.PyArray_ITEMSIZE(labels) == 4 else CLOSS_I64
        args.labels.data = cnp.PyArray_DATA(labels)
        args.labels.strides = axes.stride[LABELS]
    if by_sample is not None:
        args.sample_weight_dtype = dtype_of(by_sample)
        args.sample_weight.data = cnp.PyArray_DATA(by_sample)
        args.sample_weight.strides = axes.stride[WEIGHT]
    if values is not None:
        args.values.data = cnp.PyArray_DATA(values)
        args.values.strides = axes.stride[VALUES]
    if gradient is not None:
        args.grad.data = cnp.PyArray_DATA(gradient)
        args.grad.strides = axes.stride[GRAD]
        args.wide_grad = is_half(data) and not is_half(gradient)
    if hessian is not None:
        args.hess.data = cnp.PyArray_DATA(hessian)
        args.hess.strides = axes.stride[HESS]
        args.wide_hess = is_half(data) and not is_half(hessian)
    return 0


cdef int64_t work_of(closs_softmax_args *args, int64_t samples, bint has_terms) noexcept:
    """For threads_for: a sample by itself costs as much as half a dozen classes or, on AVX2 and with terms, a dozen;
    terms of its own double a class. A double costs as much as two floats, a number of a half type as one and a half;
    without exponentials a third."""
    cdef int halves = 2 if args.dtype == CLOSS_F32 else 4 if args.dtype == CLOSS_F64 else 3
    cdef int64_t work = samples * (12 + args.classes * (2 if has_terms else 1)) * halves // 2
    return work // 3 if args.result == CLOSS_ZERO_ONE else work


cdef double checked_run(closs_softmax_args *args, int64_t samples, int how, cnp.ndarray labels, object ignore_index,
                        cnp.ndarray by_class, cnp.ndarray by_sample) except? -1:
    """Checks labels and weights, raises or warns, computes, and returns the reduced value."""
    cdef closs_report report
    cdef double total = 0
    cdef bint has_terms = args.labels.data == NULL or args.label_smoothing != 0 or args.hess.data != NULL
    cdef int threads = threads_for(work_of(args, samples, has_terms))
    cdef environment callers
    cdef bint faulty
    with nogil:
        callers = enter()
        closs_softmax_check(args, &report)
        args.scale = scale_of(&report, how)
        faulty = needs_python(&report, how)
        if not faulty:
            total = reduced(&report, how, softmax_run(args, samples, threads))
        leave(callers)
    if faulty:
        raise_report(&report, labels, args.classes, ignore_index, by_class, by_sample, None)
        warn_of_mean(&report, labels, by_class, by_sample, args.label_smoothing != 0)
        with nogil:
            softmax_run(args, samples, threads)
        return NAN
    return total


def softmax_cross_entropy(logits, target, *, axis=-1, class_weight=None, sample_weight=None, ignore_index=None,
                          label_smoothing=0.0, reduction="mean", grad=False, hess=False, out=None):
    """
    Cross-entropy of the softmax of logits, in nats.

    For a sample with logits :math:`z`, :math:`p = \\mathrm{softmax}(z)` and weight :math:`s`, and :math:`v_j` the class
    weight times the target probability of class :math:`j` (for a label, all of it is in one class),

    .. math:: L = -s \\sum_j v_j \\log p_j, \\qquad
              \\frac{\\partial L}{\\partial z_j} = s (W p_j - v_j), \\qquad
              \\frac{\\partial^2 L}{\\partial z_j^2} = s W p_j (1 - p_j), \\qquad W = \\sum_j v_j.

    Parameters
    ----------
    logits : array_like of float64, float32, float16 or bfloat16
        Unnormalised log-probabilities; classes along `axis`, all other axes are samples. Integers and bools become
        float64, half types are computed in float32. Aligned native floating arrays are never copied, whatever their
        strides.
    target : array_like
        Integers: the label of each sample, in [0, C); the shape of `logits` without `axis`, any integer dtype.
        Floating: class probabilities in the shape of `logits`, of any floating dtype. They are taken as they are: not
        checked, not normalised.
    axis : int, default -1
        The class axis.
    class_weight : array_like of shape (C,), optional
        Weight of each class; finite and >= 0. It multiplies the target of its class, so that of a sample by its label.
        Products with smoothed labels and with probabilities have the dtype that is computed in.
    sample_weight : array_like of the shape of `logits` without `axis`, or scalar, optional
        Weight of each sample; finite. Multiplies the class weight.
    ignore_index : int, optional
        Samples with this label are left out: value 0, gradient 0. By default no label is special. Only with labels.
    label_smoothing : float, default 0.0
        In [0, 1]. A target `t` becomes ``(1 - label_smoothing) * t + label_smoothing / C``.
    reduction : {"mean", "sum", "none"}, default "mean"
        "mean" divides the sum by the sum of sample weight times class weight of the label; with class probabilities by
        the sum of sample weights, whatever the class weights are (as torch does).
    grad : bool or array, default False
        True returns the gradient of what is returned, too, in the dtype and memory order of the logits. An array of
        their shape and dtype (for half types also float32) is filled and returned in place of a fresh one; it may be
        `logits` itself.
    hess : bool or array, default False
        The same for the diagonal of the Hessian, in an array of its own.
    out : array, optional
        With "none": an array of the shape of `logits` without `axis`, to be filled and returned; float64 for float64
        logits, else float32.

    Returns
    -------
    loss : float or array
        A Python float, summed in float64; with "none" an array of float64 for float64 logits, else of float32 (a scalar
        for one sample).
    gradient : array
        Only with `grad`.
    hessian : array
        Only with `hess`.

    Raises
    ------
    IndexError
        If a label is outside [0, C) and not `ignore_index`; the text names the first one and where it is.
    TypeError
        If a dtype is not supported, labels are no integers, or a buffer has another dtype than the logits.
    ValueError
        If shapes do not fit, a weight, their sum in a mean, `label_smoothing` or `reduction` is out of range,
        `ignore_index` comes with class probabilities, there is no class for them, or a buffer is read-only or
        overlaps.
    numpy.exceptions.AxisError
        If `axis` is out of range.

    Warns
    -----
    RuntimeWarning
        If a mean has no weight: it is NaN then, and the gradient of samples that are left out is 0.

    Notes
    -----
    After an exception every buffer is as it was.

    Loss and gradient have a relative error of at most 8 eps (plus sqrt(C)/16 eps), plus half an ulp of z_j - max(z) for
    each exponential, at every confidence down to underflow: the sum leaves the label's own term out, so that a loss of
    1e-30 is as exact as one of 1. With class probabilities or smoothing the error is at most 8 eps of the sum of
    abs(v_j log p_j), and 8 eps of W p_j + abs(v_j); the two parts of a smoothed v_j count apart, if one is negative.
    The bits do not depend on the number of threads.

    Special values: -inf is a class of probability zero; a target > 0 there costs +inf, with a finite gradient, and one
    of exactly 0 nothing. +inf, NaN, or -inf throughout make that sample NaN, and no other. A sample of weight zero, or
    whose v_j add up to zero in float64, is left out whatever its logits are.

    In float16 a gradient divided by a large number of samples becomes subnormal: take a float32 buffer, or "sum".
    The Hessian is what XGBoost uses up to a factor of 2, and LightGBM up to C / (C - 1).

    References
    ----------
    P. Blanchard, D. J. Higham, N. J. Higham, "Accurately computing the log-sum-exp and softmax functions", IMA Journal
    of Numerical Analysis 41 (2021), 2311-2330. Label smoothing: C. Szegedy et al., "Rethinking the Inception
    architecture for computer vision", CVPR 2016.

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

    Class probabilities and smoothing:

    >>> round(closs.softmax_cross_entropy(logits, [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]], label_smoothing=0.1), 6)
    3.528989
    """
    cdef int how = reduction_of(reduction)
    cdef cnp.ndarray data = as_logits(logits, "logits")
    cdef int class_axis = axis_of(axis, cnp.PyArray_NDIM(data))
    cdef int64_t classes = cnp.PyArray_DIMS(data)[class_axis]
    cdef int64_t ignored = 0
    cdef bint ignores = False
    cdef cnp.ndarray given = as_array(target, "target")
    cdef cnp.ndarray probabilities = as_probabilities(given, data)
    cdef cnp.ndarray labels = None
    if probabilities is None:
        labels = as_labels(given, target, "target", data, "logits", class_axis, ignore_index, &ignored, &ignores)
    elif ignore_index is not None:
        raise ValueError("ignore_index needs integer labels; target holds class probabilities")
    cdef double smoothing = bounded(label_smoothing, "label_smoothing", "in [0, 1]", 0, 1, True, True)
    cdef cnp.ndarray by_class = as_class_weight(class_weight, classes)
    cdef cnp.ndarray by_sample = as_sample_weight(sample_weight, data, class_axis)
    cdef cnp.ndarray gradient = gradient_buffer(grad, "grad", data)
    cdef cnp.ndarray hessian = gradient_buffer(hess, "hess", data)
    cdef cnp.ndarray values = values_buffer(out, how, data, class_axis)
    if gradient is not None and gradient is grad or hessian is not None and hessian is hess or out is not None:
        inputs = (
            (logits, data, "logits"), (given, labels if probabilities is None else probabilities, "target"),
            (class_weight, by_class, "class_weight"), (sample_weight, by_sample, "sample_weight"),
        )
        check_buffers(inputs, grad, gradient, hess, hessian, out, values)
    if probabilities is not None:
        need_classes(data, class_axis)

    cdef sample_axes axes
    cdef closs_softmax_args args = closs_softmax_defaults()
    fill_args(&args, &axes, class_axis, data, probabilities, gradient, hessian, labels, by_sample, values)
    args.has_ignore_index = ignores
    args.ignore_index = ignored
    args.label_smoothing = smoothing
    args.fresh = gradient is not grad
    if by_class is not None:
        axes.class_weight_stride[0] = cnp.PyArray_STRIDES(by_class)[0] // cnp.PyArray_ITEMSIZE(by_class)
        if cnp.PyArray_DIMS(by_class)[0] != args.classes:
            raise RuntimeError("an array got another shape while the arguments were read")
        args.class_weight_dtype = dtype_of(by_class)
        args.class_weight.data = cnp.PyArray_DATA(by_class)
        args.class_weight.strides = axes.class_weight_stride
    cdef double total = checked_run(&args, axes.count, how, given, ignore_index, by_class, by_sample)
    return results(how, total, values, out, gradient, hessian)


def distillation_loss(logits, target_logits, *, axis=-1, temperature=1.0, sample_weight=None, reduction="mean",
                      grad=False, out=None):
    """
    Divergence of a model's softmax from that of a teacher's logits, in nats.

    For logits :math:`z`, target logits :math:`u`, temperature :math:`T` and weight :math:`s`, with
    :math:`q = \\mathrm{softmax}(u / T)` and :math:`r = \\mathrm{softmax}(z / T)`,

    .. math:: s \\, D(q \\| r) = s \\sum_j q_j \\log \\frac{q_j}{r_j}, \\qquad
              \\frac{\\partial}{\\partial z_j} = \\frac{s}{T} (r_j - q_j).

    Parameters
    ----------
    logits : array_like of float64, float32, float16 or bfloat16
        Those of the model; classes along `axis`, all other axes are samples. Integers and bools become float64.
    target_logits : array_like
        Those of the teacher, in the shape of `logits`. If the dtypes differ, both become numpy.result_type of them
        (float16 with bfloat16: float32).
    axis : int, default -1
        The class axis.
    temperature : float, default 1.0
        Divides all logits; finite and > 0. Beyond the normal range of float32 (1.2e-38 to 3.4e38) it counts as its end,
        unless the logits are float64.
    sample_weight : array_like of the shape of `logits` without `axis`, or scalar, optional
        Weight of each sample; finite.
    reduction : {"mean", "sum", "none"}, default "mean"
        "mean" divides by the sum of sample weights: the number of samples, not of elements.
    grad : bool or array, default False
        True returns the gradient for `logits`, too. An array of their shape and (common) dtype, for half types also
        float32, is filled and returned; it may be `logits` itself.
    out : array, optional
        With "none": an array of the shape of `logits` without `axis`, to be filled and returned; float64 for float64
        logits, else float32.

    Returns
    -------
    loss : float or array
        A Python float, summed in float64; with "none" an array of float64 for float64 logits, else of float32 (a scalar
        for one sample).
    gradient : array
        Only with `grad`.

    Raises
    ------
    TypeError
        If a dtype is not supported, `temperature` is no number, or a buffer has the wrong dtype.
    ValueError
        If shapes differ, `temperature`, a weight, their sum in a mean or `reduction` is out of range, there is
        no class, or a buffer is read-only or overlaps.
    numpy.exceptions.AxisError
        If `axis` is out of range.

    Warns
    -----
    RuntimeWarning
        If a mean has no weight: it is NaN then.

    Notes
    -----
    Not multiplied by T squared: Hinton, Vinyals and Dean propose that factor where this loss is added to one without a
    temperature; it is yours to apply, to loss and gradient alike.

    Equal logits give exactly 0. The error is at most 8 eps of the sum of abs(q_j log q_j) and abs(q_j log r_j), plus
    one and a half ulp of (z_j - max(z)) / T and of the same of u for each exponential (half an ulp where T is a power
    of two). Terms are computed in float64 for float64, else in float32, and added in float64 after at most 16.

    A class whose target logit is -inf has no share; one whose logit alone is -inf makes the loss +inf, with a finite
    gradient. +inf, NaN, or -inf throughout make that sample NaN, and no other. A sample of weight zero is left out.

    References
    ----------
    G. Hinton, O. Vinyals, J. Dean, "Distilling the knowledge in a neural network", arXiv:1503.02531 (2015).

    Examples
    --------
    >>> import closs
    >>> round(closs.distillation_loss([[1.0, 2.0, 3.0]], [[3.0, 2.0, 1.0]], temperature=2.0), 6)
    0.320157
    """
    cdef int how = reduction_of(reduction)
    cdef cnp.ndarray data, teacher
    data, teacher = as_pair(logits, "logits", target_logits, "target_logits", False)
    need_axes(data, "logits")
    cdef int class_axis = axis_of(axis, cnp.PyArray_NDIM(data))
    cdef double heat = bounded(temperature, "temperature", "finite and > 0", 0, INFINITY, False, False)
    cdef cnp.ndarray by_sample = as_sample_weight(sample_weight, data, class_axis)
    cdef cnp.ndarray gradient = gradient_buffer(grad, "grad", data)
    cdef cnp.ndarray values = values_buffer(out, how, data, class_axis)
    if gradient is not None and gradient is grad or out is not None:
        inputs = (
            (logits, data, "logits"), (target_logits, teacher, "target_logits"),
            (sample_weight, by_sample, "sample_weight"),
        )
        check_buffers(inputs, grad, gradient, None, None, out, values)
    need_classes(data, class_axis)

    cdef sample_axes axes
    cdef closs_softmax_args args = closs_softmax_defaults()
    args.result = CLOSS_DISTILLATION
    args.temperature = heat
    fill_args(&args, &axes, class_axis, data, teacher, gradient, None, None, by_sample, values)
    cdef double total = checked_run(&args, axes.count, how, None, None, None, by_sample)
    return results(how, total, values, out, gradient, None)


def softmax_entropy(logits, *, axis=-1, base=None, sample_weight=None, reduction="none", grad=False, out=None):
    """
    Entropy of the softmax of logits.

    For logits :math:`z`, :math:`p = \\mathrm{softmax}(z)` and weight :math:`s`,

    .. math:: H = -s \\sum_j p_j \\log p_j, \\qquad
              \\frac{\\partial H}{\\partial z_j} = -s \\, p_j \\Bigl(\\log p_j - \\sum_k p_k \\log p_k\\Bigr).

    Parameters
    ----------
    logits : array_like of float64, float32, float16 or bfloat16
        Classes along `axis`, all other axes are samples. Integers and bools become float64.
    axis : int or None, default -1
        The class axis; None takes all elements as one distribution, and copies what is not C-contiguous.
    base : float, optional
        Of the logarithm: finite, > 0 and not 1. By default the entropy is in nats; 2 gives bits.
    sample_weight : array_like of the shape of `logits` without `axis`, or scalar, optional
        Weight of each distribution; finite.
    reduction : {"none", "mean", "sum"}, default "none"
        "mean" divides by the sum of sample weights.
    grad : bool or array, default False
        True returns the gradient for `logits`, too. An array of their shape and dtype (for half types also float32) is
        filled and returned; it may be `logits` itself.
    out : array, optional
        With "none": an array of the shape of `logits` without `axis`, to be filled and returned; float64 for float64
        logits, else float32.

    Returns
    -------
    entropy : array or float
        Of float64 for float64 logits, else of float32 (a scalar for one distribution); a Python float, summed in
        float64, with "mean" or "sum".
    gradient : array
        Only with `grad`.

    Raises
    ------
    TypeError
        If a dtype is not supported, `base` is no number, or a buffer has the wrong dtype.
    ValueError
        If `base`, a weight, their sum in a mean or `reduction` is out of range, shapes do not fit, there is no
        class, or a buffer is read-only or overlaps.
    numpy.exceptions.AxisError
        If `axis` is out of range.

    Warns
    -----
    RuntimeWarning
        If a mean has no weight: it is NaN then.

    Notes
    -----
    With m = max(z) and S the sum of exp(z - m), H = log(S) + sum((m - z) exp(z - m)) / S: all terms are >= 0, and the
    sum leaves its largest term out, so that the entropy of a certain distribution keeps its relative accuracy, at most
    8 eps. -inf is a class of probability zero. +inf, NaN, or -inf throughout make that distribution NaN, and no other.

    References
    ----------
    C. E. Shannon, "A mathematical theory of communication", Bell System Technical Journal 27 (1948), 379-423.

    Examples
    --------
    >>> import closs
    >>> float(closs.softmax_entropy([0.0, 0.0, 0.0, 0.0, float("-inf")], base=2))
    2.0
    """
    cdef int how = reduction_of(reduction)
    cdef cnp.ndarray given = as_logits(logits, "logits")
    cdef cnp.ndarray data = given
    cdef cnp.ndarray gradient = gradient_buffer(grad, "grad", given)
    cdef cnp.ndarray written = gradient
    cdef int class_axis = 0
    if axis is None:
        data = given.reshape(-1)
        written = flat_buffer(gradient)
    else:
        class_axis = axis_of(axis, cnp.PyArray_NDIM(data))
    cdef double logarithm = base_of(base)
    cdef cnp.ndarray by_sample = as_sample_weight(sample_weight, data, class_axis)
    cdef cnp.ndarray values = values_buffer(out, how, data, class_axis)
    if gradient is not None and gradient is grad or out is not None:
        inputs = ((logits, given, "logits"), (sample_weight, by_sample, "sample_weight"))
        check_buffers(inputs, grad, gradient, None, None, out, values)
    need_classes(data, class_axis)

    cdef sample_axes axes
    cdef closs_softmax_args args = closs_softmax_defaults()
    args.result = CLOSS_SOFTMAX_ENTROPY
    args.base = logarithm
    fill_args(&args, &axes, class_axis, data, None, written, None, None, by_sample, values)
    cdef double total = checked_run(&args, axes.count, how, None, None, None, by_sample)
    if axis is None and gradient is not None and not cnp.PyArray_IS_C_CONTIGUOUS(gradient):
        np.copyto(gradient, written.reshape((<object> given).shape))
    return results(how, total, values, out, gradient, None)


cdef int compute(closs_softmax_result kind, cnp.ndarray data, int axis, cnp.ndarray result, bint fresh,
                 cnp.ndarray values) except -1:
    """One result of the family that takes no labels, into `result` (like the data) or `values` (without the axis)."""
    cdef sample_axes axes
    cdef closs_softmax_args args = closs_softmax_defaults()
    args.result = kind
    args.fresh = fresh
    fill_args(&args, &axes, axis, data, None, result, None, None, None, values)
    cdef int threads = threads_for(work_of(&args, axes.count, False))
    with nogil:
        softmax_run(&args, axes.count, threads)
    return 0


cdef object like_data(closs_softmax_result kind, object x, object axis, object out):
    """softmax or log_softmax of x."""
    cdef cnp.ndarray data = as_logits(x, "x")
    cdef cnp.ndarray result = result_buffer(out, data, x, "x")
    cdef cnp.ndarray flat
    if axis is not None:
        compute(kind, data, axis_of(axis, cnp.PyArray_NDIM(data)), result, result is not out, None)
        return result
    flat = flat_buffer(result)
    compute(kind, data.reshape(-1), 0, flat, result is not out, None)
    if not cnp.PyArray_IS_C_CONTIGUOUS(result):
        np.copyto(result, flat.reshape((<object> data).shape))
    return result


def softmax(x, *, axis=-1, out=None):
    """
    Exponentials that sum to one: ``exp(x) / sum(exp(x))``.

    Parameters
    ----------
    x : array_like of float64, float32, float16 or bfloat16
        Integers and bools become float64, half types are computed in float32. Aligned native floating arrays are never
        copied, whatever their strides.
    axis : int or None, default -1
        The axis that sums to one; None takes all elements as one distribution, and copies what is not C-contiguous.
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
    x : array_like of float64, float32, float16 or bfloat16
        Integers and bools become float64, half types are computed in float32. Aligned native floating arrays are never
        copied, whatever their strides.
    axis : int or None, default -1
        The axis whose exponentials sum to one; None takes all elements as one distribution, and copies what is not
        C-contiguous.
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
    x : array_like of float64, float32, float16 or bfloat16
        Integers and bools become float64, half types are computed in float32. Aligned native floating arrays are never
        copied, whatever their strides.
    axis : int or None, default -1
        The axis to sum over; None sums over all elements, and copies what is not C-contiguous.
    keepdims : bool, default False
        Whether the axis stays, with length one.
    out : array, optional
        Of the shape and dtype of the result, to be filled and returned.

    Returns
    -------
    array or scalar
        Without `axis`, a scalar if no axis is left; float64 for float64 `x`, else float32.

    Raises
    ------
    TypeError
        If a dtype is not supported, that of `out` is wrong, or `keepdims` is no bool.
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
    cdef cnp.ndarray data = as_logits(x, "x")
    cdef object shape = (<object> data).shape
    cdef int class_axis = 0
    if axis is None:
        kept = (1,) * len(shape)
        data = data.reshape(-1)
    else:
        class_axis = axis_of(axis, cnp.PyArray_NDIM(data))
        kept = (*shape[:class_axis], 1, *shape[class_axis + 1:])
    cdef object given = out
    if keepdims and isinstance(out, np.ndarray) and not isinstance(out, np.ma.MaskedArray):
        if out.shape != kept:
            raise wrong_shape(out, "out", kept)
        # Always a view; a matrix would keep two dimensions.
        given = np.asarray(out).reshape(() if axis is None else shape[:class_axis] + shape[class_axis + 1:])
    cdef cnp.ndarray values = values_buffer(given, NONE, data, class_axis)
    if out is not None:
        check_overlap(values, "out", x, "x", False)
        check_overlap(values, "out", data, "x", False)
    compute(CLOSS_LOGSUMEXP, data, class_axis, None, False, values)
    if out is not None:
        return out
    if keepdims:
        return values.reshape(kept)
    return values if cnp.PyArray_NDIM(values) > 0 else values[()]
