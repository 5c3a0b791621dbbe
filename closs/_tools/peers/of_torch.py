"""torch: functional losses and autograd, on tensors that share memory with the arrays."""

from collections.abc import Callable
from typing import Any

import numpy as np

from closs._tools.peers import Calls
from closs._tools.workloads import ARRAY, HESSIAN, VALUE, Array, Case, Inputs


def prepare(case: Case, inputs: Inputs, threads: int) -> Calls:
    import torch

    torch.set_num_threads(threads)
    if case.output == HESSIAN:
        return {}
    leaf = tensor(inputs.x)
    axis = case.axis
    if case.output == ARRAY:
        function, out = getattr(torch, case.workload.name), torch.empty_like(leaf)
        return {"fresh": lambda: function(leaf, dim=axis), "reused": lambda: function(leaf, dim=axis, out=out)}
    if case.workload.name == "logsumexp":
        return {"": lambda: torch.logsumexp(leaf, axis)}
    mean = value_of(case, inputs)
    if case.output == VALUE:
        return {"": lambda: mean(leaf).item()}
    leaf = leaf.clone().requires_grad_(True)

    def both() -> Any:
        leaf.grad = None
        loss = mean(leaf)
        loss.backward()
        return loss.item(), leaf.grad

    return {"fresh": both}


def tensor(array: Array) -> Any:
    import torch

    if array.dtype.name == "bfloat16":
        return torch.from_numpy(array.view(np.int16)).view(torch.bfloat16)
    return torch.from_numpy(array)


def value_of(case: Case, inputs: Inputs) -> Callable[[Any], Any]:
    """The mean loss, as a function of the tensor that gets the gradient."""
    import torch
    from torch.nn import functional

    t = None if inputs.target is None else tensor(inputs.target)
    axis, samples, arguments = case.axis, case.samples, dict(inputs.keywords)
    by_sample, by_class = arguments.pop("sample_weight", None), arguments.pop("class_weight", None)
    weights = None if by_sample is None else tensor(by_sample)
    if by_class is not None:
        arguments["weight"] = tensor(by_class).to(tensor(inputs.x).dtype)

    def cross_entropy(x: Any) -> Any:  # classes are axis 1 of all that is raced
        if weights is None:
            return functional.cross_entropy(x, t, **arguments)
        return (functional.cross_entropy(x, t, reduction="none") * weights).sum() / weights.sum()

    def mean_squared_error(x: Any) -> Any:
        return functional.mse_loss(x, t) if weights is None else ((x - t) ** 2 * weights).sum() / weights.sum()

    def sigmoid_cross_entropy(x: Any) -> Any:
        if weights is None:
            return functional.binary_cross_entropy_with_logits(x, t)
        return functional.binary_cross_entropy_with_logits(x, t, weights, reduction="sum") / weights.sum()

    def distillation(x: Any) -> Any:
        logs, goal = functional.log_softmax(x, axis), functional.log_softmax(t, axis)
        return functional.kl_div(logs, goal, reduction="sum", log_target=True) / samples

    def softmax_entropy(x: Any) -> Any:
        logs = functional.log_softmax(x, axis)
        return -(logs.exp() * logs).sum(axis).mean()

    def js_divergence(x: Any) -> Any:
        middle = (0.5 * (x + t)).log()
        both = functional.kl_div(middle, x, reduction="sum") + functional.kl_div(middle, t, reduction="sum")
        return 0.5 * both / samples

    def pseudo_huber(x: Any) -> Any:
        return ((1 + (x - t) ** 2).sqrt() - 1).mean()

    def log_cosh(x: Any) -> Any:
        d = x - t
        return (d + functional.softplus(-2 * d) - np.log(2)).mean()

    def quantile(x: Any) -> Any:
        d, share = x - t, arguments["quantile"]
        return torch.maximum(-share * d, (1 - share) * d).mean()

    values: dict[str, Callable[[Any], Any]] = {
        "softmax_cross_entropy": cross_entropy,
        "distillation_loss": distillation,
        "softmax_entropy": softmax_entropy,
        "entropy": lambda x: torch.special.entr(x).sum(axis).mean(),
        "cross_entropy": lambda x: -torch.xlogy(t, x).sum(axis).mean(),
        "kl_divergence": lambda x: functional.kl_div(x.log(), t, reduction="sum") / samples,
        "js_divergence": js_divergence,
        "zero_one_loss": lambda x: (x.argmax(axis) != t).double().mean(),
        "sigmoid_cross_entropy": sigmoid_cross_entropy,
        "l1_loss": lambda x: functional.l1_loss(x, t),
        "mse_loss": mean_squared_error,
        "huber_loss": lambda x: functional.huber_loss(x, t),
        "smooth_l1_loss": lambda x: functional.smooth_l1_loss(x, t),
        "pseudo_huber_loss": pseudo_huber,
        "log_cosh_loss": log_cosh,
        "quantile_loss": quantile,
    }
    return values[case.workload.function]
