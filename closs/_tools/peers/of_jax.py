"""jax and optax, compiled: one program for the value, one for value and gradient. Arrays are jax's own."""

import os
from collections.abc import Callable
from typing import Any

import numpy as np

from closs._tools.peers import Calls
from closs._tools.workloads import ARRAY, HALF, HESSIAN, VALUE, Case, Inputs


def prepare(case: Case, inputs: Inputs, threads: int) -> Calls:
    os.environ["NPROC"] = str(threads)  # read when jax makes its pool of threads
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # it complains when folding constants takes a second
    import jax
    import jax.numpy as jnp

    if case.output == HESSIAN or (case.dtype in HALF and case.workload.first == "probabilities"):
        return {}  # it sums in the dtype of its arguments
    jax.config.update("jax_enable_x64", case.dtype == "float64")
    values = jax.device_put(inputs.x)
    axis = case.axis
    if case.output == ARRAY or case.workload.name == "logsumexp":
        function = getattr(jax.nn, case.workload.name)
        array = jax.jit(lambda x: function(x, axis=axis))
        return {"fresh" if case.output == ARRAY else "": lambda: array(values).block_until_ready()}
    losses, exact = losses_of(case), np.float64 if case.dtype == "float64" else np.float32
    by_class, ignored = case.workload.weights == "class_weight", inputs.keywords.get("ignore_index")
    weights = inputs.keywords.get(case.workload.weights or "")
    others = [None if array is None else jax.device_put(array) for array in (inputs.target, weights)]

    def mean(x: Any, t: Any, w: Any) -> Any:
        if ignored is not None:
            w = t != ignored
            t = w * t
        elif by_class and case.workload.second == "probabilities":
            t, w = jnp.moveaxis(jnp.moveaxis(t, axis, -1) * w, -1, axis), None  # a sample counts as one
        elif by_class:
            w = w[t]
        if w is None:
            return losses(x, t).mean(dtype=exact)
        return (losses(x, t) * w).sum(dtype=exact) / w.sum(dtype=exact)

    if case.output == VALUE:
        value = jax.jit(mean)
        return {"": lambda: float(value(values, *others))}
    both = jax.jit(jax.value_and_grad(mean))

    def call() -> Any:
        loss, gradient = both(values, *others)
        return float(loss), gradient.block_until_ready()

    return {"fresh": call}


def losses_of(case: Case) -> Callable[..., Any]:
    """One value a sample, as a function of the differentiated argument and the other."""
    import jax
    import jax.numpy as jnp
    import optax

    axis, arguments = case.axis, case.workload.arguments
    name = case.workload.function
    if name == "softmax_cross_entropy":
        name = "smoothed" if "label_smoothing" in arguments else str(case.workload.second)

    def smoothed(x: Any, t: Any) -> Any:
        smoothing, classes = arguments["label_smoothing"], x.shape[axis]
        soft = (1 - smoothing) * jax.nn.one_hot(t, classes, axis=axis, dtype=x.dtype) + smoothing / classes
        return optax.softmax_cross_entropy(x, soft, axis=axis)  # optax.smooth_labels knows the last axis only

    def distillation(x: Any, t: Any) -> Any:
        logs, goal = jax.nn.log_softmax(x, axis), jax.nn.log_softmax(t, axis)
        return optax.losses.kl_divergence_with_log_targets(logs, goal, axis=axis)

    def softmax_entropy(x: Any, t: Any) -> Any:
        logs = jax.nn.log_softmax(x, axis)
        return -(jnp.exp(logs) * logs).sum(axis)

    def js_divergence(q: Any, p: Any) -> Any:
        middle = 0.5 * (p + q)
        return 0.5 * (jax.scipy.special.rel_entr(p, middle) + jax.scipy.special.rel_entr(q, middle)).sum(axis)

    def quantile(x: Any, t: Any) -> Any:
        d, share = x - t, arguments["quantile"]
        return jnp.maximum(-share * d, (1 - share) * d)

    functions: dict[str, Callable[..., Any]] = {
        "labels": lambda x, t: optax.softmax_cross_entropy_with_integer_labels(x, t, axis=axis),
        "smoothed": smoothed,
        "probabilities": lambda x, t: optax.softmax_cross_entropy(x, t, axis=axis),
        "distillation_loss": distillation,
        "softmax_entropy": softmax_entropy,
        "entropy": lambda p, t: jax.scipy.special.entr(p).sum(axis),
        "cross_entropy": lambda q, p: -jax.scipy.special.xlogy(p, q).sum(axis),
        "kl_divergence": lambda q, p: optax.losses.kl_divergence(jnp.log(q), p, axis=axis),
        "js_divergence": js_divergence,
        "zero_one_loss": lambda x, t: x.argmax(axis) != t,
        "sigmoid_cross_entropy": optax.sigmoid_binary_cross_entropy,
        "l1_loss": lambda x, t: jnp.abs(x - t),
        "mse_loss": optax.squared_error,
        "huber_loss": optax.huber_loss,
        "smooth_l1_loss": optax.huber_loss,  # at beta = delta = 1
        "pseudo_huber_loss": lambda x, t: jnp.sqrt(1 + (x - t) ** 2) - 1,
        "log_cosh_loss": optax.log_cosh,
        "quantile_loss": quantile,
    }
    return functions[name]
