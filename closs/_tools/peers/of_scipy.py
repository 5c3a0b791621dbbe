"""scipy.special: softmax and its like, the terms of the measures, and a few losses; values, and one gradient."""

from typing import Any

import numpy as np

from closs._tools.peers import Calls, Unscaled
from closs._tools.workloads import ARRAY, GRADIENT, HALF, VALUE, Array, Case, Inputs


def prepare(case: Case, inputs: Inputs, threads: int) -> Calls:
    from scipy import special

    if case.dtype in HALF:
        return {}
    x, t = inputs.x, inputs.target
    name, axis = case.workload.name, case.axis
    if case.output == ARRAY:
        return {"fresh": lambda: getattr(special, name)(x, axis=axis)}
    if name == "logsumexp":
        return {"": lambda: special.logsumexp(x, axis=axis)}
    if name == "softmax_cross_entropy":
        return cross_entropy(case, x, np.expand_dims(np.asarray(t), axis))
    if case.output != VALUE:
        return {}

    def sums(terms: Any) -> float:
        return float(terms.sum(axis=axis).mean(dtype=np.float64))

    def js_divergence() -> float:
        middle = 0.5 * (x + t)
        return 0.5 * sums(special.rel_entr(x, middle) + special.rel_entr(t, middle))

    def sigmoid() -> float:
        return -float((t * special.log_expit(x) + (1 - t) * special.log_expit(-x)).mean(dtype=np.float64))

    values = {
        "entropy": lambda: sums(special.entr(x)),
        "cross_entropy": lambda: -sums(special.xlogy(t, x)),
        "kl_divergence": lambda: sums(special.rel_entr(t, x)),
        "js_divergence": js_divergence,
        "huber_loss": lambda: float(special.huber(1, x - t).mean(dtype=np.float64)),
        "smooth_l1_loss": lambda: float(special.huber(1, x - t).mean(dtype=np.float64)),
        "pseudo_huber_loss": lambda: float(special.pseudo_huber(1, x - t).mean(dtype=np.float64)),
        "sigmoid_cross_entropy": sigmoid,
    }
    return {"": values[name]} if name in values else {}


def cross_entropy(case: Case, x: Array, places: Array) -> Calls:
    from scipy import special

    axis = case.axis

    def value() -> float:
        at_label = np.take_along_axis(x, places, axis)
        return float(np.mean(special.logsumexp(x, axis=axis, keepdims=True) - at_label, dtype=np.float64))

    def both() -> Any:
        logs = special.log_softmax(x, axis=axis)
        loss = -float(np.mean(np.take_along_axis(logs, places, axis), dtype=np.float64))
        gradient = np.exp(logs, out=logs)
        np.put_along_axis(gradient, places, np.take_along_axis(gradient, places, axis) - 1, axis)
        return loss, Unscaled(gradient, 1 / case.samples)

    return {VALUE: {"": value}, GRADIENT: {"fresh": both}}.get(case.output, {})
