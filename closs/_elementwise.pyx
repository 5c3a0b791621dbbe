"""Losses of single elements, regression and the sigmoid's: from arguments to one call of the parallel loop."""
import numpy as np

from libc.math cimport INFINITY, NAN

cimport numpy as cnp

from closs._arguments cimport (
    as_data, as_pair, as_pos_weight, as_sample_weight, bounded, dtype_of, enter, environment, is_half, is_weak,
    leave, need_one_shape, needs_python, raise_report, reduced, reduction_of, scale_of, shape_of, warn_of_mean,
    weak,
)
from closs._buffers cimport (
    DATA, GRAD, HESS, POS_WEIGHT, TARGET, VALUES, WEIGHT, check_buffers, fill_axes, gradient_buffer, results,
    sample_axes, values_buffer,
)
from closs._core cimport (
    CLOSS_F32, CLOSS_F64, CLOSS_HUBER, CLOSS_L1, CLOSS_LOG_COSH, CLOSS_MSE, CLOSS_PSEUDO_HUBER, CLOSS_QUANTILE,
    CLOSS_SIGMOID_CROSS_ENTROPY, CLOSS_SMOOTH_L1, closs_elementwise_args, closs_elementwise_defaults,
    closs_elementwise_loss, closs_report, elementwise_check, elementwise_run, threads_for,
)

cnp.import_array()


cdef object compute(closs_elementwise_loss loss, double parameter, object pred, cnp.ndarray data, str data_name,
                    object target, cnp.ndarray other, object pos_weight, object sample_weight, object reduction,
                    object grad, object hess, object out):
    """A loss of `data` and `other`, which `pred` and `target` became."""
    cdef int how = reduction_of(reduction)
    cdef cnp.ndarray positive = as_pos_weight(pos_weight, data)
    cdef cnp.ndarray by_sample = as_sample_weight(sample_weight, data, -1)
    cdef cnp.ndarray gradient = gradient_buffer(grad, "grad", data)
    cdef cnp.ndarray hessian = gradient_buffer(hess, "hess", data)
    cdef cnp.ndarray values = values_buffer(out, how, data, -1)
    if gradient is not None and gradient is grad or hessian is not None and hessian is hess or out is not None:
        inputs = (
            (pred, data, data_name), (target, other, "target"), (pos_weight, positive, "pos_weight"),
            (sample_weight, by_sample, "sample_weight"),
        )
        check_buffers(inputs, grad, gradient, hess, hessian, out, values)

    cdef sample_axes axes
    cdef closs_elementwise_args args = closs_elementwise_defaults()
    repeated = None if positive is None else np.broadcast_to(positive, shape_of(data))
    fill_axes(&axes, -1, data, other, gradient, hessian, repeated, by_sample, values)
    args.loss = loss
    args.parameter = parameter
    args.dtype = dtype_of(data)
    args.ndim = axes.ndim
    args.shape = axes.shape
    args.pred.data = cnp.PyArray_DATA(data)
    args.pred.strides = axes.stride[DATA]
    args.target.data = cnp.PyArray_DATA(other)
    args.target.strides = axes.stride[TARGET]
    if positive is not None:
        args.pos_weight_dtype = dtype_of(positive)
        args.pos_weight.data = cnp.PyArray_DATA(positive)
        args.pos_weight.strides = axes.stride[POS_WEIGHT]
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
    args.wide_target = is_half(data) and not is_half(other)
    args.fresh = gradient is not None and gradient is not grad or hessian is not None and hessian is not hess

    cdef closs_report report
    cdef double total = 0
    # An element of a softmax costs as much as moving 24 bytes; a logarithm or a square root, with what belongs to it,
    # twice that. To convert a number of a half type costs as much as two bytes more.
    cdef int moved = 2 + (gradient is not None) + (hessian is not None)
    if loss == CLOSS_SIGMOID_CROSS_ENTROPY or loss == CLOSS_LOG_COSH or loss == CLOSS_PSEUDO_HUBER:
        moved += 12
    cdef int size = 4 if args.dtype == CLOSS_F32 else 8 if args.dtype == CLOSS_F64 else 6
    cdef int threads = threads_for(axes.count * size * moved // 24)
    cdef environment callers
    cdef bint faulty
    with nogil:
        callers = enter()
        elementwise_check(&args, axes.count, threads, &report)
        args.scale = scale_of(&report, how)
        faulty = needs_python(&report, how)
        if not faulty:
            total = reduced(&report, how, elementwise_run(&args, axes.count, threads))
        leave(callers)
    if faulty:
        raise_report(&report, None, 1, None, None, by_sample, positive)
        warn_of_mean(&report, None, None, by_sample, False)
        with nogil:
            elementwise_run(&args, axes.count, threads)
        total = NAN
    return results(how, total, values, out, gradient, hessian)


cdef object regression(closs_elementwise_loss loss, double parameter, object pred, object target, object sample_weight,
                       object reduction, object grad, object hess, object out):
    data, other = as_pair(pred, "pred", target, "target", True)
    return compute(loss, parameter, pred, data, "pred", target, other, None, sample_weight, reduction, grad, hess, out)


def l1_loss(pred, target, *, sample_weight=None, reduction="mean", grad=False, hess=False, out=None):
    """
    Absolute error.

    With :math:`d = \\mathrm{pred} - \\mathrm{target}`,

    .. math:: |d|, \\qquad \\text{gradient } \\mathrm{sign}(d), \\qquad \\text{Hessian } 0.

    Parameters
    ----------
    pred : array_like of float64, float32, float16 or bfloat16
        Predictions of any shape. Integers and bools become float64, half types are computed in float32. Aligned native
        floating arrays are never copied, whatever their strides.
    target : array_like or scalar
        In the shape of `pred`, or one number for all; nothing else is broadcast. If the dtypes differ, both become
        numpy.result_type of them (integers and bools count as float64, float16 with bfloat16 becomes float32); Python
        numbers take the dtype of `pred`.
    sample_weight : array_like of the shape of `pred`, or scalar, optional
        Weight of each element; finite.
    reduction : {"mean", "sum", "none"}, default "mean"
        "mean" divides the sum by the sum of the weights.
    grad : bool or array, default False
        True returns the gradient in `pred` of what is returned, too. An array of the shape and (common) dtype of
        `pred`, for half types also float32, is filled and returned; it may be `pred` itself.
    hess : bool or array, default False
        The same for the diagonal of the Hessian, in an array of its own.
    out : array, optional
        With "none": an array of the shape of `pred`, to be filled and returned; float64 for float64, else float32.

    Returns
    -------
    loss : float or array
        A Python float, summed in float64; with "none" an array of float64 for float64 input, else of float32 (a scalar
        for scalars).
    gradient : array
        Only with `grad`.
    hessian : array
        Only with `hess`.

    Raises
    ------
    TypeError
        If a dtype is not supported, or a buffer has the wrong one.
    ValueError
        If shapes differ, a weight, their sum in a mean or `reduction` is out of range, or a buffer is read-only
        or overlaps.

    Warns
    -----
    RuntimeWarning
        If a mean has no weight: it is NaN then.

    Notes
    -----
    The gradient is 0 at d = 0, the subgradient of least norm. NaN stays NaN in value, gradient and Hessian. Values are
    exact for the rounded d.

    An element of weight 0 is left out: 0 throughout. The bits do not depend on the number of threads.

    Examples
    --------
    >>> import closs
    >>> closs.l1_loss([1.0, 2.0, 4.0], [1.0, 1.0, 1.0], grad=True)
    (1.3333333333333333, array([0.        , 0.33333333, 0.33333333]))
    """
    return regression(CLOSS_L1, 0, pred, target, sample_weight, reduction, grad, hess, out)


def mse_loss(pred, target, *, sample_weight=None, reduction="mean", grad=False, hess=False, out=None):
    """
    Squared error (not halved).

    With :math:`d = \\mathrm{pred} - \\mathrm{target}`,

    .. math:: d^2, \\qquad \\text{gradient } 2 d, \\qquad \\text{Hessian } 2.

    Parameters
    ----------
    pred : array_like of float64, float32, float16 or bfloat16
        Predictions of any shape. Integers and bools become float64, half types are computed in float32. Aligned native
        floating arrays are never copied, whatever their strides.
    target : array_like or scalar
        In the shape of `pred`, or one number for all; nothing else is broadcast. If the dtypes differ, both become
        numpy.result_type of them (integers and bools count as float64, float16 with bfloat16 becomes float32); Python
        numbers take the dtype of `pred`.
    sample_weight : array_like of the shape of `pred`, or scalar, optional
        Weight of each element; finite.
    reduction : {"mean", "sum", "none"}, default "mean"
        "mean" divides the sum by the sum of the weights.
    grad : bool or array, default False
        True returns the gradient in `pred` of what is returned, too. An array of the shape and (common) dtype of
        `pred`, for half types also float32, is filled and returned; it may be `pred` itself.
    hess : bool or array, default False
        The same for the diagonal of the Hessian, in an array of its own.
    out : array, optional
        With "none": an array of the shape of `pred`, to be filled and returned; float64 for float64, else float32.

    Returns
    -------
    loss : float or array
        A Python float, summed in float64; with "none" an array of float64 for float64 input, else of float32 (a scalar
        for scalars).
    gradient : array
        Only with `grad`.
    hessian : array
        Only with `hess`.

    Raises
    ------
    TypeError
        If a dtype is not supported, or a buffer has the wrong one.
    ValueError
        If shapes differ, a weight, their sum in a mean or `reduction` is out of range, or a buffer is read-only
        or overlaps.

    Warns
    -----
    RuntimeWarning
        If a mean has no weight: it is NaN then.

    Notes
    -----
    NaN stays NaN in value, gradient and Hessian. Error: half an ulp of the value for the rounded d; d^2 overflows where
    it is beyond the dtype, while sums of many are float64.

    An element of weight 0 is left out: 0 throughout. The bits do not depend on the number of threads.

    Examples
    --------
    >>> import closs
    >>> closs.mse_loss([1.0, 2.0, 4.0], 1.0, grad=True)
    (3.3333333333333335, array([0.        , 0.66666667, 2.        ]))
    """
    return regression(CLOSS_MSE, 0, pred, target, sample_weight, reduction, grad, hess, out)


def huber_loss(pred, target, *, delta=1.0, sample_weight=None, reduction="mean", grad=False, hess=False, out=None):
    """
    Huber's loss: quadratic near 0, linear beyond `delta`.

    With :math:`d = \\mathrm{pred} - \\mathrm{target}`,

    .. math:: \\begin{cases} d^2 / 2 & |d| \\le \\delta \\\\ \\delta (|d| - \\delta / 2) & |d| > \\delta \\end{cases}
              \\qquad \\text{gradient } \\max(-\\delta, \\min(d, \\delta)), \\qquad \\text{Hessian } [|d| \\le \\delta].

    Parameters
    ----------
    pred : array_like of float64, float32, float16 or bfloat16
        Predictions of any shape. Integers and bools become float64, half types are computed in float32. Aligned native
        floating arrays are never copied, whatever their strides.
    target : array_like or scalar
        In the shape of `pred`, or one number for all; nothing else is broadcast. If the dtypes differ, both become
        numpy.result_type of them (integers and bools count as float64, float16 with bfloat16 becomes float32); Python
        numbers take the dtype of `pred`.
    delta : float, default 1.0
        Where the loss becomes linear; > 0. inf gives d^2 / 2.
    sample_weight : array_like of the shape of `pred`, or scalar, optional
        Weight of each element; finite.
    reduction : {"mean", "sum", "none"}, default "mean"
        "mean" divides the sum by the sum of the weights.
    grad : bool or array, default False
        True returns the gradient in `pred` of what is returned, too. An array of the shape and (common) dtype of
        `pred`, for half types also float32, is filled and returned; it may be `pred` itself.
    hess : bool or array, default False
        The same for the diagonal of the Hessian, in an array of its own.
    out : array, optional
        With "none": an array of the shape of `pred`, to be filled and returned; float64 for float64, else float32.

    Returns
    -------
    loss : float or array
        A Python float, summed in float64; with "none" an array of float64 for float64 input, else of float32 (a scalar
        for scalars).
    gradient : array
        Only with `grad`.
    hessian : array
        Only with `hess`.

    Raises
    ------
    TypeError
        If a dtype is not supported, or a buffer has the wrong one, or `delta` is no number.
    ValueError
        If shapes differ, `delta`, a weight, their sum in a mean or `reduction` is out of range, or a buffer is
        read-only or overlaps.

    Warns
    -----
    RuntimeWarning
        If a mean has no weight: it is NaN then.

    Notes
    -----
    NaN stays NaN in value, gradient and Hessian. Error: at most 2 ulp of the value for the rounded d.

    An element of weight 0 is left out: 0 throughout. The bits do not depend on the number of threads.

    References
    ----------
    P. J. Huber, "Robust estimation of a location parameter", Annals of Mathematical Statistics 35 (1964), 73-101.

    Examples
    --------
    >>> import closs
    >>> closs.huber_loss([0.5, 3.0], [0.0, 0.0], reduction="none")
    array([0.125, 2.5  ])
    """
    cdef double threshold = bounded(delta, "delta", "> 0", 0, INFINITY, False, True)
    return regression(CLOSS_HUBER, threshold, pred, target, sample_weight, reduction, grad, hess, out)


def smooth_l1_loss(pred, target, *, beta=1.0, sample_weight=None, reduction="mean", grad=False, hess=False, out=None):
    """
    Smooth L1: Huber's loss divided by its threshold.

    With :math:`d = \\mathrm{pred} - \\mathrm{target}`,

    .. math:: \\begin{cases} d^2 / (2 \\beta) & |d| \\le \\beta \\\\ |d| - \\beta / 2 & |d| > \\beta \\end{cases}
              \\qquad \\text{gradient } \\max(-1, \\min(d / \\beta, 1)), \\qquad
              \\text{Hessian } [|d| \\le \\beta] / \\beta.

    Parameters
    ----------
    pred : array_like of float64, float32, float16 or bfloat16
        Predictions of any shape. Integers and bools become float64, half types are computed in float32. Aligned native
        floating arrays are never copied, whatever their strides.
    target : array_like or scalar
        In the shape of `pred`, or one number for all; nothing else is broadcast. If the dtypes differ, both become
        numpy.result_type of them (integers and bools count as float64, float16 with bfloat16 becomes float32); Python
        numbers take the dtype of `pred`.
    beta : float, default 1.0
        Where the loss becomes linear; finite and >= 0. 0 gives `l1_loss`, Hessian 0.
    sample_weight : array_like of the shape of `pred`, or scalar, optional
        Weight of each element; finite.
    reduction : {"mean", "sum", "none"}, default "mean"
        "mean" divides the sum by the sum of the weights.
    grad : bool or array, default False
        True returns the gradient in `pred` of what is returned, too. An array of the shape and (common) dtype of
        `pred`, for half types also float32, is filled and returned; it may be `pred` itself.
    hess : bool or array, default False
        The same for the diagonal of the Hessian, in an array of its own.
    out : array, optional
        With "none": an array of the shape of `pred`, to be filled and returned; float64 for float64, else float32.

    Returns
    -------
    loss : float or array
        A Python float, summed in float64; with "none" an array of float64 for float64 input, else of float32 (a scalar
        for scalars).
    gradient : array
        Only with `grad`.
    hessian : array
        Only with `hess`.

    Raises
    ------
    TypeError
        If a dtype is not supported, or a buffer has the wrong one, or `beta` is no number.
    ValueError
        If shapes differ, `beta`, a weight, their sum in a mean or `reduction` is out of range, or a buffer is
        read-only or overlaps.

    Warns
    -----
    RuntimeWarning
        If a mean has no weight: it is NaN then.

    Notes
    -----
    At ``beta=1`` it equals `huber_loss` at ``delta=1``, bit for bit. NaN stays NaN in value, gradient and Hessian.
    Error: at most 2 ulp of the value for the rounded d.

    An element of weight 0 is left out: 0 throughout. The bits do not depend on the number of threads.

    References
    ----------
    R. Girshick, "Fast R-CNN", ICCV 2015.

    Examples
    --------
    >>> import closs
    >>> closs.smooth_l1_loss([0.5, 3.0], [0.0, 0.0], beta=2.0, reduction="none")
    array([0.0625, 2.    ])
    """
    cdef double threshold = bounded(beta, "beta", "finite and >= 0", 0, INFINITY, True, False)
    return regression(CLOSS_SMOOTH_L1, threshold, pred, target, sample_weight, reduction, grad, hess, out)


def pseudo_huber_loss(pred, target, *, delta=1.0, sample_weight=None, reduction="mean",
                      grad=False, hess=False, out=None):
    """
    Pseudo-Huber loss: a smooth relative of `huber_loss`.

    With :math:`d = \\mathrm{pred} - \\mathrm{target}`,

    .. math:: \\delta^2 (r - 1), \\quad r = \\sqrt{1 + (d / \\delta)^2}, \\qquad
              \\text{gradient } d / r, \\qquad \\text{Hessian } 1 / r^3.

    Parameters
    ----------
    pred : array_like of float64, float32, float16 or bfloat16
        Predictions of any shape. Integers and bools become float64, half types are computed in float32. Aligned native
        floating arrays are never copied, whatever their strides.
    target : array_like or scalar
        In the shape of `pred`, or one number for all; nothing else is broadcast. If the dtypes differ, both become
        numpy.result_type of them (integers and bools count as float64, float16 with bfloat16 becomes float32); Python
        numbers take the dtype of `pred`.
    delta : float, default 1.0
        Where the loss turns from quadratic to linear; > 0. inf gives d^2 / 2.
    sample_weight : array_like of the shape of `pred`, or scalar, optional
        Weight of each element; finite.
    reduction : {"mean", "sum", "none"}, default "mean"
        "mean" divides the sum by the sum of the weights.
    grad : bool or array, default False
        True returns the gradient in `pred` of what is returned, too. An array of the shape and (common) dtype of
        `pred`, for half types also float32, is filled and returned; it may be `pred` itself.
    hess : bool or array, default False
        The same for the diagonal of the Hessian, in an array of its own.
    out : array, optional
        With "none": an array of the shape of `pred`, to be filled and returned; float64 for float64, else float32.

    Returns
    -------
    loss : float or array
        A Python float, summed in float64; with "none" an array of float64 for float64 input, else of float32 (a scalar
        for scalars).
    gradient : array
        Only with `grad`.
    hessian : array
        Only with `hess`.

    Raises
    ------
    TypeError
        If a dtype is not supported, or a buffer has the wrong one, or `delta` is no number.
    ValueError
        If shapes differ, `delta`, a weight, their sum in a mean or `reduction` is out of range, or a buffer is
        read-only or overlaps.

    Warns
    -----
    RuntimeWarning
        If a mean has no weight: it is NaN then.

    Notes
    -----
    Nothing is squared that could overflow, and nothing cancels near 0. NaN stays NaN in value, gradient and Hessian.
    Error: at most 4 ulp of the value for the rounded d.

    An element of weight 0 is left out: 0 throughout. The bits do not depend on the number of threads.

    References
    ----------
    P. Charbonnier, L. Blanc-Feraud, G. Aubert, M. Barlaud, "Deterministic edge-preserving regularization in computed
    imaging", IEEE Transactions on Image Processing 6 (1997), 298-311.

    Examples
    --------
    >>> import closs
    >>> closs.pseudo_huber_loss([0.0, 0.75], [0.0, 0.0], reduction="none")
    array([0.  , 0.25])
    """
    cdef double threshold = bounded(delta, "delta", "> 0", 0, INFINITY, False, True)
    return regression(CLOSS_PSEUDO_HUBER, threshold, pred, target, sample_weight, reduction, grad, hess, out)


def log_cosh_loss(pred, target, *, sample_weight=None, reduction="mean", grad=False, hess=False, out=None):
    """
    Logarithm of the hyperbolic cosine of the error.

    With :math:`d = \\mathrm{pred} - \\mathrm{target}`,

    .. math:: \\log \\cosh d = |d| + \\log(1 + e^{-2|d|}) - \\log 2, \\qquad \\text{gradient } \\tanh d, \\qquad
              \\text{Hessian } 1 / \\cosh^2 d.

    Parameters
    ----------
    pred : array_like of float64, float32, float16 or bfloat16
        Predictions of any shape. Integers and bools become float64, half types are computed in float32. Aligned native
        floating arrays are never copied, whatever their strides.
    target : array_like or scalar
        In the shape of `pred`, or one number for all; nothing else is broadcast. If the dtypes differ, both become
        numpy.result_type of them (integers and bools count as float64, float16 with bfloat16 becomes float32); Python
        numbers take the dtype of `pred`.
    sample_weight : array_like of the shape of `pred`, or scalar, optional
        Weight of each element; finite.
    reduction : {"mean", "sum", "none"}, default "mean"
        "mean" divides the sum by the sum of the weights.
    grad : bool or array, default False
        True returns the gradient in `pred` of what is returned, too. An array of the shape and (common) dtype of
        `pred`, for half types also float32, is filled and returned; it may be `pred` itself.
    hess : bool or array, default False
        The same for the diagonal of the Hessian, in an array of its own.
    out : array, optional
        With "none": an array of the shape of `pred`, to be filled and returned; float64 for float64, else float32.

    Returns
    -------
    loss : float or array
        A Python float, summed in float64; with "none" an array of float64 for float64 input, else of float32 (a scalar
        for scalars).
    gradient : array
        Only with `grad`.
    hessian : array
        Only with `hess`.

    Raises
    ------
    TypeError
        If a dtype is not supported, or a buffer has the wrong one.
    ValueError
        If shapes differ, a weight, their sum in a mean or `reduction` is out of range, or a buffer is read-only
        or overlaps.

    Warns
    -----
    RuntimeWarning
        If a mean has no weight: it is NaN then.

    Notes
    -----
    Up to abs(d) = 1 it is computed as log1p(cosh(d) - 1), so that d^2 / 2 keeps its relative accuracy near 0. NaN stays
    NaN in value, gradient and Hessian. Error: at most 4 ulp of the value for the rounded d.

    An element of weight 0 is left out: 0 throughout. The bits do not depend on the number of threads.

    Examples
    --------
    >>> import closs
    >>> closs.log_cosh_loss([0.0, 1e-10, 1000.0], [0.0, 0.0, 0.0], reduction="none")
    array([0.00000000e+00, 5.00000000e-21, 9.99306853e+02])
    """
    return regression(CLOSS_LOG_COSH, 0, pred, target, sample_weight, reduction, grad, hess, out)


def quantile_loss(pred, target, *, quantile=0.5, sample_weight=None, reduction="mean",
                  grad=False, hess=False, out=None):
    """
    Quantile (pinball) loss: its minimiser is a quantile of the targets.

    With :math:`d = \\mathrm{pred} - \\mathrm{target}`,

    .. math:: \\max(-q d, (1 - q) d), \\qquad \\text{gradient } (1 - q) [d > 0] - q [d < 0], \\qquad \\text{Hessian } 0.

    Parameters
    ----------
    pred : array_like of float64, float32, float16 or bfloat16
        Predictions of any shape. Integers and bools become float64, half types are computed in float32. Aligned native
        floating arrays are never copied, whatever their strides.
    target : array_like or scalar
        In the shape of `pred`, or one number for all; nothing else is broadcast. If the dtypes differ, both become
        numpy.result_type of them (integers and bools count as float64, float16 with bfloat16 becomes float32); Python
        numbers take the dtype of `pred`.
    quantile : float, default 0.5
        The quantile q, in [0, 1]; 0.5 gives half of `l1_loss`.
    sample_weight : array_like of the shape of `pred`, or scalar, optional
        Weight of each element; finite.
    reduction : {"mean", "sum", "none"}, default "mean"
        "mean" divides the sum by the sum of the weights.
    grad : bool or array, default False
        True returns the gradient in `pred` of what is returned, too. An array of the shape and (common) dtype of
        `pred`, for half types also float32, is filled and returned; it may be `pred` itself.
    hess : bool or array, default False
        The same for the diagonal of the Hessian, in an array of its own.
    out : array, optional
        With "none": an array of the shape of `pred`, to be filled and returned; float64 for float64, else float32.

    Returns
    -------
    loss : float or array
        A Python float, summed in float64; with "none" an array of float64 for float64 input, else of float32 (a scalar
        for scalars).
    gradient : array
        Only with `grad`.
    hessian : array
        Only with `hess`.

    Raises
    ------
    TypeError
        If a dtype is not supported, or a buffer has the wrong one, or `quantile` is no number.
    ValueError
        If shapes differ, `quantile`, a weight, their sum in a mean or `reduction` is out of range, or a buffer
        is read-only or overlaps.

    Warns
    -----
    RuntimeWarning
        If a mean has no weight: it is NaN then.

    Notes
    -----
    The gradient is 0 at d = 0, and an infinite d on a side of slope 0 costs 0. NaN stays NaN in value, gradient and
    Hessian. Error: at most 2 ulp of the value for the rounded d.

    An element of weight 0 is left out: 0 throughout. The bits do not depend on the number of threads.

    References
    ----------
    R. Koenker, G. Bassett, "Regression quantiles", Econometrica 46 (1978), 33-50.

    Examples
    --------
    >>> import closs
    >>> closs.quantile_loss([1.0, 3.0], [2.0, 2.0], quantile=0.75, reduction="none")
    array([0.75, 0.25])
    """
    cdef double share = bounded(quantile, "quantile", "in [0, 1]", 0, 1, True, True)
    return regression(CLOSS_QUANTILE, share, pred, target, sample_weight, reduction, grad, hess, out)


def sigmoid_cross_entropy(logits, target, *, pos_weight=None, sample_weight=None, reduction="mean", grad=False,
                          hess=False, out=None):
    """
    Binary cross-entropy of the sigmoid of logits, in nats; for several labels an element, too.

    For a logit :math:`z`, target :math:`t`, positive weight :math:`u` and :math:`\\sigma = 1 / (1 + e^{-z})`,

    .. math:: -u t \\log \\sigma - (1 - t) \\log(1 - \\sigma), \\qquad
              \\text{gradient } (1 - t) \\sigma - u t (1 - \\sigma), \\qquad
              \\text{Hessian } (1 - t + u t) \\sigma (1 - \\sigma).

    Parameters
    ----------
    logits : array_like of float64, float32, float16 or bfloat16
        Of any shape. Integers and bools become float64, half types are computed in float32. Aligned native floating
        arrays are never copied, whatever their strides.
    target : array_like or scalar
        The probability of the positive class, in the shape of `logits`, or one number for all; nothing else is
        broadcast. Of any dtype that logits may have, and converted to what is computed in: theirs, of half types
        float32. Not checked to be in [0, 1]: the loss is linear in it.
    pos_weight : array_like, optional
        Weight of the positive class: a scalar, or one for each index of the last axis; finite and >= 0, rounded to
        the dtype that is computed in.
    sample_weight : array_like of the shape of `logits`, or scalar, optional
        Weight of each element; finite.
    reduction : {"mean", "sum", "none"}, default "mean"
        "mean" divides the sum by the sum of the sample weights.
    grad : bool or array, default False
        True returns the gradient of what is returned, too. An array of the shape and dtype of the logits, for half
        types also float32, is filled and returned; it may be `logits` itself.
    hess : bool or array, default False
        The same for the diagonal of the Hessian, in an array of its own.
    out : array, optional
        With "none": an array of the shape of `logits`, to be filled and returned; float64 for float64, else float32.

    Returns
    -------
    loss : float or array
        A Python float, summed in float64; with "none" an array of float64 for float64 logits, else of float32 (a scalar
        for scalars).
    gradient : array
        Only with `grad`.
    hessian : array
        Only with `hess`.

    Raises
    ------
    TypeError
        If a dtype is not supported, or a buffer has the wrong one.
    ValueError
        If shapes differ, a weight, their sum in a mean or `reduction` is out of range, or a buffer is read-only
        or overlaps.

    Warns
    -----
    RuntimeWarning
        If a mean has no weight: it is NaN then.

    Notes
    -----
    Both logarithms are log(1 + exp(-abs(z))) plus 0 or abs(z), so nothing overflows or cancels: an error of at most 4
    ulp of the value for targets of 0 and 1, else of the sum of its two terms (where exp(-abs(z)) is subnormal, also
    half of its last place times the positive weight). A term whose factor is 0 is left out: an
    infinite logit costs 0 where the target agrees, else inf, with a finite gradient. NaN stays NaN. An element of
    weight 0 is left out: 0 throughout. The bits do not depend on the number of threads.

    References
    ----------
    D. R. Cox, "The regression analysis of binary sequences", Journal of the Royal Statistical Society B 20 (1958),
    215-242.

    Examples
    --------
    >>> import closs
    >>> closs.sigmoid_cross_entropy([0.0, 100.0, -100.0], [1.0, 1.0, 0.0], reduction="none")
    array([6.93147181e-01, 3.72007598e-44, 3.72007598e-44])
    """
    cdef cnp.ndarray data, other
    if is_weak(logits) and not is_weak(target):
        other = as_data(target, "target")
        data = np.asarray(weak(logits, "logits")).astype(other.dtype)
    else:
        data = as_data(logits, "logits")
        other = as_data(weak(target, "target") if is_weak(target) else target, "target")
        if cnp.PyArray_TYPE(other) != cnp.PyArray_TYPE(data):
            # A half type would round 0.999 to 1, and a gradient to the wrong sign.
            other = other.astype(np.float32 if is_half(data) else data.dtype)
    need_one_shape(data, "logits", other, "target", True)
    return compute(
        CLOSS_SIGMOID_CROSS_ENTROPY, 0, logits, data, "logits", target, other, pos_weight, sample_weight, reduction,
        grad, hess, out,
    )
