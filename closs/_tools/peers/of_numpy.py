"""What careful numpy code does: the maximum subtracted, few temporary arrays, everything in place."""

from collections.abc import Callable
from typing import Any

import numpy as np

from closs._tools.peers import Calls, Unscaled
from closs._tools.workloads import ARRAY, GRADIENT, HALF, VALUE, Array, Case


def prepare(case: Case, x: Array, target: Any, threads: int) -> Calls:
    if case.dtype in HALF or case.output not in (VALUE, GRADIENT, ARRAY):
        return {}
    name, with_gradient = case.workload.name, case.output == GRADIENT
    if name.startswith("softmax_cross_entropy"):
        race = CrossEntropy(case, x, target)
        return {"reused": race.value_and_gradient} if with_gradient else {"": race.value}
    if name in TRANSFORMS:
        transform = TRANSFORMS[name]
        return {"" if case.output == VALUE else "fresh": lambda: transform(x, case.axis)}
    if name == "zero_one_loss":
        return {"": lambda: float(np.mean(x.argmax(axis=case.axis) != target))}
    if name in MEASURES:
        measure = MEASURES[name]
        return {} if with_gradient else {"": lambda: measure(x, target, case.axis) / case.samples}
    if name in SLOPES:
        loss = SLOPES[name]
        return {"fresh" if with_gradient else "": lambda: loss(x, target, with_gradient)}
    return {}


class CrossEntropy:
    """Labels, smoothed or not, and class probabilities; one buffer, kept between calls."""

    def __init__(self, case: Case, logits: Array, target: Any) -> None:
        self.logits, self.axis, self.samples = logits, case.axis, case.samples
        self.smoothing = case.workload.arguments.get("label_smoothing", 0.0)
        self.target = None if case.workload.second == "labels" else target
        self.places = np.expand_dims(target, case.axis) if self.target is None else None
        self.buffer = np.empty_like(logits)

    def exponentials(self) -> tuple[float, Array]:
        buffer, axis = self.buffer, self.axis
        np.subtract(self.logits, self.logits.max(axis=axis, keepdims=True), out=buffer)
        if self.places is None:
            assert self.target is not None
            onto = (self.target * buffer).sum(axis=axis, keepdims=True)
        else:
            onto = np.take_along_axis(buffer, self.places, axis)
            if self.smoothing:
                onto = (1 - self.smoothing) * onto + self.smoothing * buffer.mean(axis=axis, keepdims=True)
        np.exp(buffer, out=buffer)
        total = buffer.sum(axis=axis, keepdims=True)
        return float(np.mean(np.log(total) - onto, dtype=np.float64)), total

    def value(self) -> float:
        return self.exponentials()[0]

    def value_and_gradient(self) -> tuple[float, Array]:
        loss, total = self.exponentials()
        buffer, number = self.buffer, self.buffer.dtype.type
        np.divide(buffer, total * number(self.samples), out=buffer)
        if self.places is None:
            assert self.target is not None
            buffer -= self.target / number(self.samples)
            return loss, buffer
        if self.smoothing:
            buffer -= number(self.smoothing / (buffer.shape[self.axis] * self.samples))
        at_label = np.take_along_axis(buffer, self.places, self.axis)
        np.put_along_axis(buffer, self.places, at_label - number((1 - self.smoothing) / self.samples), self.axis)
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


def elementwise(formula: Callable[[Array, Any, bool], tuple[Array, Any]]) -> Callable[[Array, Any, bool], Any]:
    """From values and slopes to a mean, and the gradient as that of the sum."""

    def call(x: Array, target: Any, with_gradient: bool) -> Any:
        losses, slope = formula(x, target, with_gradient)
        mean = float(losses.mean(dtype=np.float64))
        return (mean, Unscaled(slope, 1 / x.size)) if with_gradient else mean

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
