"""The private loss module of scikit-learn: classes last, at least three of them, targets as floats.

It fills arrays of values and of gradients that the caller keeps. With a Hessian it gives no values; it is spared them.
"""

import importlib
from typing import Any

import numpy as np

from closs._tools.peers import Calls, Unscaled
from closs._tools.workloads import GRADIENT, HALF, HESSIAN, VALUE, Case, Inputs

SERIAL = 32768  # elements; it would wake its threads for any number, and is spared that
ASKED = ("", "weighted", "sample_weighted")
KERNELS: dict[str, tuple[str, dict[str, float], float]] = {  # class, arguments, closs / sklearn
    "softmax_cross_entropy": ("CyHalfMultinomialLoss", {}, 1),
    "sigmoid_cross_entropy": ("CyHalfBinomialLoss", {}, 1),
    "l1_loss": ("CyAbsoluteError", {}, 1),
    "mse_loss": ("CyHalfSquaredError", {}, 2),
    "huber_loss": ("CyHuberLoss", {"delta": 1.0}, 1),
    "smooth_l1_loss": ("CyHuberLoss", {"delta": 1.0}, 1),
    "quantile_loss": ("CyPinballLoss", {"quantile": 0.3}, 1),
}


def prepare(case: Case, inputs: Inputs, threads: int) -> Calls:
    x, target = inputs.x, inputs.target
    weights = inputs.keywords.get("sample_weight")
    rows = case.workload.first == "elements" or (x.ndim == 2 and case.axis == -1 and x.shape[1] > 2)
    plain, _, asked = case.workload.name.partition(":")
    if plain not in KERNELS or asked not in ASKED or case.dtype in HALF or not rows:
        return {}
    if x.size < SERIAL:
        threads = 1
    name, arguments, factor = KERNELS[plain]
    kernel = getattr(importlib.import_module("sklearn._loss._loss"), name)(**arguments)
    y = np.asarray(target).astype(x.dtype)
    losses, gradient, hessian = np.empty(len(x), x.dtype), np.empty_like(x), np.empty_like(x)

    def divided() -> float:  # what sums are multiplied with
        return factor / (case.samples if weights is None else float(weights.sum(dtype=np.float64)))

    def value() -> Any:
        kernel.loss(y, x, weights, losses, threads)
        return divided() * float(losses.sum(dtype=np.float64))

    def both() -> Any:
        kernel.loss_gradient(y, x, weights, losses, gradient, threads)
        scale = divided()
        return scale * float(losses.sum(dtype=np.float64)), Unscaled(gradient, scale)

    def curved() -> Any:
        kernel.gradient_hessian(y, x, weights, gradient, hessian, threads)
        scale = divided()
        return np.nan, Unscaled(gradient, scale), Unscaled(hessian, scale)

    if case.output == HESSIAN and plain in ("l1_loss", "quantile_loss"):
        return {}  # its curvature of these is 1, for the sake of trees
    return {VALUE: {"": value}, GRADIENT: {"reused": both}, HESSIAN: {"reused": curved}}[case.output]
