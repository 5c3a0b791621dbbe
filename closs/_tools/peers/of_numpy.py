"""What careful numpy code does: the maximum subtracted, few temporary arrays, everything in place."""

from collections.abc import Callable
from typing import Any

import numpy as np

from closs._tools.peers import Calls, Unscaled
from closs._tools.workloads import ARRAY, GRADIENT, HALF, VALUE, Array, Case, Inputs


def prepare(case: Case, inputs: Inputs, threads: int) -> Calls:
    if case.dtype in HALF or case.output not in (VALUE, GRADIENT, ARRAY):
        return {}
    x, target = inputs.x, inputs.target
    name, with_gradient = case.workload.name, case.output == GRADIENT
    if name.startswith("softmax_cross_entropy") and name != "softmax_cross_entropy:weighted_probabilities":
        race = CrossEntropy(case, inputs)
        return {"reused" if with_gradient else "": lambda: race.value_and_gradient(with_gradient)}
    if name in TRANSFORMS:
        transform = TRANSFORMS[name]
        return {"" if case.output == VALUE else "fresh": lambda: transform(x, case.axis)}
    if name == "zero_one_loss":
        return {"": lambda: float(np.mean(x.argmax(axis=case.axis) != target))}
    if name in MEASURES:
        measure = MEASURES[name]
        return {} if with_gradient else {"": lambda: measure(x, target, case.axis) / case.samples}
    if case.workload.function in SLOPES:
        loss, weights = SLOPES[case.workload.function], inputs.keywords.get("sample_weight")
        return {"fresh" if with_gradient else "": lambda: loss(x, target, weights, with_gradient)}
    return {}


class CrossEntropy:
    """Labels, smoothed, weighted, or ignored in part, or class probabilities; one buffer, kept between calls."""

    def __init__(self, case: Case, inputs: Inputs) -> None:
        self.logits, self.target, self.keywords = inputs.x, inputs.target, inputs.keywords
        self.axis, self.samples = case.axis, case.samples
        self.labelled = case.workload.second == "labels"
        self.smoothing = inputs.keywords.get("label_smoothing", 0.0)
        self.buffer = np.empty_like(self.logits)

    def places_and_weights(self) -> tuple[Any, Any]:
        """Labels with a class axis, and the weights of the samples, whose sum is 1."""
        weights, places, number = self.keywords.get("sample_weight"), self.target, self.buffer.dtype.type
        if "ignore_index" in self.keywords:
            kept = self.target != self.keywords["ignore_index"]
            weights, places = kept.astype(self.buffer.dtype), np.where(kept, self.target, 0)
        elif "class_weight" in self.keywords:
            weights = self.keywords["class_weight"][self.target]
        places = np.expand_dims(places, self.axis) if self.labelled else None
        if weights is None:
            return places, number(1 / self.samples)
        return places, np.expand_dims(weights / weights.sum(), self.axis)

    def value_and_gradient(self, with_gradient: bool = True) -> Any:
        buffer, axis, target = self.buffer, self.axis, self.target
        places, weights = self.places_and_weights()
        np.subtract(self.logits, self.logits.max(axis=axis, keepdims=True), out=buffer)
        if self.labelled:
            onto = np.take_along_axis(buffer, places, axis)
            if self.smoothing:
                onto = (1 - self.smoothing) * onto + self.smoothing * buffer.mean(axis=axis, keepdims=True)
        else:
            onto = (target * buffer).sum(axis=axis, keepdims=True)
        np.exp(buffer, out=buffer)
        total = buffer.sum(axis=axis, keepdims=True)
        loss = float(np.sum((np.log(total) - onto) * weights, dtype=np.float64))
        if not with_gradient:
            return loss
        np.multiply(buffer, weights / total, out=buffer)
        if not self.labelled:
            buffer -= target * weights
            return loss, buffer
        if self.smoothing:
            buffer -= weights * buffer.dtype.type(self.smoothing / buffer.shape[axis])
        at_label = np.take_along_axis(buffer, places, axis)
        np.put_along_axis(buffer, places, at_label - buffer.dtype.type(1 - self.smoothing) * weights, axis)
        return loss, buffer


def softmax(x: Array, axis: int) -> Array:
    shifted = x - x.max(axis=axis, keepdims=True)
    np.exp(shifted, out=shifted)
    shifted /= shifted.sum(axis=axis, keepdims=True)
    return shifted


def log_softmax(x: Array, axis: int) -> Array:
    shifted = x - x.max(axis=axis, keepdims=True)
    shifted -= np.log(np.exp(shifted).sum(axis=axis, keepdims=True))
    return shifted


def logsumexp(x: Array, axis: int) -> Array:
    top = x.max(axis=axis, keepdims=True)
    return np.squeeze(top + np.log(np.exp(x - top).sum(axis=axis, keepdims=True)), axis)


def softmax_entropy(x: Array, target: Any, axis: int) -> float:
    logs = log_softmax(x, axis)
    return -float((np.exp(logs) * logs).sum(axis=axis).sum(dtype=np.float64))


def distillation(x: Array, target: Any, axis: int) -> float:
    logs = log_softmax(target, axis)
    return float((np.exp(logs) * (logs - log_softmax(x, axis))).sum(axis=axis).sum(dtype=np.float64))


def entropy(p: Array, target: Any, axis: int) -> float:
    return -float((p * np.log(p)).sum(axis=axis).sum(dtype=np.float64))


def cross_entropy(q: Array, p: Any, axis: int) -> float:
    return -float((p * np.log(q)).sum(axis=axis).sum(dtype=np.float64))


def kl_divergence(q: Array, p: Any, axis: int) -> float:
    return float((p * np.log(p / q)).sum(axis=axis).sum(dtype=np.float64))


def js_divergence(q: Array, p: Any, axis: int) -> float:
    middle = 0.5 * (p + q)
    return 0.5 * (kl_divergence(middle, p, axis) + kl_divergence(middle, q, axis))


TRANSFORMS: dict[str, Callable[[Array, int], Array]] = {
    "softmax": softmax,
    "log_softmax": log_softmax,
    "logsumexp": logsumexp,
}
# Sums over all samples; without zeros, so that no care is spent on them.
MEASURES: dict[str, Callable[[Array, Any, int], float]] = {
    "softmax_entropy": softmax_entropy,
    "distillation_loss": distillation,
    "entropy": entropy,
    "cross_entropy": cross_entropy,
    "kl_divergence": kl_divergence,
    "js_divergence": js_divergence,
}


def elementwise(formula: Callable[[Array, Any, bool], tuple[Array, Any]]) -> Callable[[Array, Any, Any, bool], Any]:
    """From values and slopes to a mean, weighted or not, and the gradient as that of the sum."""

    def call(x: Array, target: Any, weights: Any, with_gradient: bool) -> Any:
        losses, slope = formula(x, target, with_gradient)
        total = float(x.size)
        if weights is not None:
            losses *= weights
            total = float(weights.sum(dtype=np.float64))
            if with_gradient:
                slope *= weights
        mean = float(losses.sum(dtype=np.float64)) / total
        return (mean, Unscaled(slope, 1 / total)) if with_gradient else mean

    return call


def huber(x: Array, target: Any, with_gradient: bool) -> tuple[Array, Any]:
    d = x - target
    slope = np.clip(d, -1, 1)
    return slope * (d - 0.5 * slope), slope


def l1(x: Array, target: Any, with_gradient: bool) -> tuple[Array, Any]:
    d = x - target
    return np.abs(d), np.sign(d) if with_gradient else None


def mse(x: Array, target: Any, with_gradient: bool) -> tuple[Array, Any]:
    d = x - target
    return d * d, 2 * d if with_gradient else None


def pseudo_huber(x: Array, target: Any, with_gradient: bool) -> tuple[Array, Any]:
    d = x - target
    root = np.sqrt(1 + d * d)
    return root - 1, d / root if with_gradient else None


def log_cosh(x: Array, target: Any, with_gradient: bool) -> tuple[Array, Any]:
    d = x - target
    return np.logaddexp(d, -d) - d.dtype.type(np.log(2)), np.tanh(d) if with_gradient else None


def quantile(x: Array, target: Any, with_gradient: bool) -> tuple[Array, Any]:
    d, share = x - target, x.dtype.type(0.3)
    return np.maximum(-share * d, (1 - share) * d), np.where(d > 0, 1 - share, -share) if with_gradient else None


def sigmoid(x: Array, target: Any, with_gradient: bool) -> tuple[Array, Any]:
    small = np.exp(-np.abs(x))
    losses = np.maximum(x, 0) - x * target + np.log1p(small)
    return losses, np.where(x >= 0, 1, small) / (1 + small) - target if with_gradient else None


SLOPES = {
    "l1_loss": elementwise(l1),
    "mse_loss": elementwise(mse),
    "huber_loss": elementwise(huber),
    "smooth_l1_loss": elementwise(huber),  # at beta = delta = 1
    "pseudo_huber_loss": elementwise(pseudo_huber),
    "log_cosh_loss": elementwise(log_cosh),
    "quantile_loss": elementwise(quantile),
    "sigmoid_cross_entropy": elementwise(sigmoid),
}
