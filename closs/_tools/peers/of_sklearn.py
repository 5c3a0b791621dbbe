"""The private loss module of scikit-learn: classes last, at least three of them, targets as floats.

It fills arrays of values and of gradients that the caller keeps. With a Hessian it gives no values; it is spared them.
"""

import importlib
from typing import Any

import numpy as np

from closs._tools.peers import Calls, Unscaled
from closs._tools.workloads import GRADIENT, HALF, HESSIAN, VALUE, Array, Case

SERIAL = 32768  # elements; it would wake its threads for any number, and is spared that
KERNELS: dict[str, tuple[str, dict[str, float], float]] = {  # class, arguments, closs / sklearn
    "softmax_cross_entropy": ("CyHalfMultinomialLoss", {}, 1),
    "sigmoid_cross_entropy": ("CyHalfBinomialLoss", {}, 1),
    "l1_loss": ("CyAbsoluteError", {}, 1),
    "mse_loss": ("CyHalfSquaredError", {}, 2),
    "huber_loss": ("CyHuberLoss", {"delta": 1.0}, 1),
    "smooth_l1_loss": ("CyHuberLoss", {"delta": 1.0}, 1),
    "quantile_loss": ("CyPinballLoss", {"quantile": 0.3}, 1),
}


def prepare(case: Case, x: Array, target: Any, threads: int) -> Calls:
    rows = case.workload.first == "elements" or (x.ndim == 2 and case.axis == -1 and x.shape[1] > 2)
    if case.workload.name not in KERNELS or case.dtype in HALF or not rows:
        return {}
    if x.size < SERIAL:
        threads = 1
    name, arguments, factor = KERNELS[case.workload.name]
    kernel = getattr(importlib.import_module("sklearn._loss._loss"), name)(**arguments)
    y = np.asarray(target).astype(x.dtype)
    losses, gradient, hessian = np.empty(len(x), x.dtype), np.empty_like(x), np.empty_like(x)
    scale = factor / case.samples

    def value() -> Any:
        kernel.loss(y, x, None, losses, threads)
        return factor * float(losses.mean(dtype=np.float64))

    def both() -> Any:
        kernel.loss_gradient(y, x, None, losses, gradient, threads)
        return factor * float(losses.mean(dtype=np.float64)), Unscaled(gradient, scale)

    def curved() -> Any:
        kernel.gradient_hessian(y, x, None, gradient, hessian, threads)
        return np.nan, Unscaled(gradient, scale), Unscaled(hessian, scale)

    if case.output == HESSIAN and case.workload.name in ("l1_loss", "quantile_loss"):
        return {}  # its curvature of these is 1, for the sake of trees
    return {VALUE: {"": value}, GRADIENT: {"reused": both}, HESSIAN: {"reused": curved}}[case.output]
