"""The functions of closs as other libraries compute them. Cross-entropy: one class a library, with the same methods.

`value()` gives the mean loss; `value_and_gradient()` gives both; both work on what the constructor prepared, as a
user of that library would hold it. A gradient buffer is reused where the library can.
"""

import importlib
import importlib.util
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

import closs

Array = NDArray[Any]


class Contender(Protocol):
    packages: tuple[str, ...]

    def value(self) -> float: ...
    def value_and_gradient(self) -> tuple[float, Array]: ...


class Closs:
    packages: tuple[str, ...] = ()

    def __init__(self, logits: Array, labels: Array, axis: int) -> None:
        self.logits, self.labels, self.axis = logits, labels, axis
        self.gradient = np.empty_like(logits)

    def value(self) -> float:
        return closs.softmax_cross_entropy(self.logits, self.labels, axis=self.axis)

    def value_and_gradient(self) -> tuple[float, Array]:
        return closs.softmax_cross_entropy(self.logits, self.labels, axis=self.axis, grad=self.gradient)


class Numpy:
    """What careful numpy code does: the maximum subtracted, one buffer, everything in place."""

    packages: tuple[str, ...] = ()

    def __init__(self, logits: Array, labels: Array, axis: int) -> None:
        self.logits, self.axis = logits, axis
        self.places = np.expand_dims(labels, axis)
        self.buffer = np.empty_like(logits)

    def exponentials(self) -> tuple[float, Array]:
        buffer, axis = self.buffer, self.axis
        np.subtract(self.logits, self.logits.max(axis=axis, keepdims=True), out=buffer)
        at_label = np.take_along_axis(buffer, self.places, axis)
        np.exp(buffer, out=buffer)
        total = buffer.sum(axis=axis, keepdims=True)
        return float(np.mean(np.log(total) - at_label, dtype=np.float64)), total

    def value(self) -> float:
        return self.exponentials()[0]

    def value_and_gradient(self) -> tuple[float, Array]:
        loss, total = self.exponentials()
        count = self.places.size
        np.divide(self.buffer, total * count, out=self.buffer)
        at_label = np.take_along_axis(self.buffer, self.places, self.axis)
        np.put_along_axis(self.buffer, self.places, at_label - self.buffer.dtype.type(1 / count), self.axis)
        return loss, self.buffer


class Scipy(Numpy):
    packages: tuple[str, ...] = ("scipy",)

    def value(self) -> float:
        from scipy.special import logsumexp

        at_label = np.take_along_axis(self.logits, self.places, self.axis)
        return float(np.mean(logsumexp(self.logits, axis=self.axis, keepdims=True) - at_label, dtype=np.float64))

    def value_and_gradient(self) -> tuple[float, Array]:
        from scipy.special import log_softmax

        logs = log_softmax(self.logits, axis=self.axis)
        loss = -float(np.mean(np.take_along_axis(logs, self.places, self.axis), dtype=np.float64))
        gradient = np.exp(logs, out=logs)
        at_label = np.take_along_axis(gradient, self.places, self.axis)
        np.put_along_axis(gradient, self.places, at_label - 1, self.axis)
        gradient /= self.places.size
        return loss, gradient


class Torch:
    packages: tuple[str, ...] = ("torch",)

    def __init__(self, logits: Array, labels: Array, axis: int) -> None:
        import torch

        self.torch = torch
        self.loss = torch.nn.functional.cross_entropy
        torch.set_num_threads(closs.get_num_threads())
        last = axis in (-1, logits.ndim - 1)
        self.shape = (-1, logits.shape[-1]) if last else logits.shape
        self.logits = torch.from_numpy(logits).view(self.shape)
        self.labels = torch.from_numpy(labels).reshape(-1) if last else torch.from_numpy(labels)
        self.leaf = self.logits.clone().requires_grad_(True)
        self.result_shape = logits.shape

    def value(self) -> float:
        with self.torch.no_grad():
            return float(self.loss(self.logits, self.labels))

    def value_and_gradient(self) -> tuple[float, Array]:
        self.leaf.grad = None
        loss = self.loss(self.leaf, self.labels)
        loss.backward()
        return loss.item(), self.leaf.grad.numpy().reshape(self.result_shape)


class Optax:
    packages: tuple[str, ...] = ("jax", "optax")

    def __init__(self, logits: Array, labels: Array, axis: int) -> None:
        import jax
        import optax

        jax.config.update("jax_enable_x64", logits.dtype == np.float64)

        def mean(values: Any, places: Any) -> Any:
            return optax.softmax_cross_entropy_with_integer_labels(values, places, axis=axis).mean()

        self.logits, self.labels = jax.device_put(logits), jax.device_put(labels)
        self.mean, self.both = jax.jit(mean), jax.jit(jax.value_and_grad(mean))

    def value(self) -> float:
        return float(self.mean(self.logits, self.labels))

    def value_and_gradient(self) -> tuple[float, Array]:
        loss, gradient = self.both(self.logits, self.labels)
        return float(loss), np.asarray(gradient)


class Sklearn:
    """The private loss module of scikit-learn: classes last, at least three of them, labels as floats."""

    packages: tuple[str, ...] = ("sklearn",)

    def __init__(self, logits: Array, labels: Array, axis: int) -> None:
        from sklearn._loss._loss import CyHalfMultinomialLoss

        if axis not in (-1, logits.ndim - 1) or logits.ndim != 2 or logits.shape[1] < 3:
            raise NotImplementedError("only two-dimensional logits of at least three classes")
        self.kernel = CyHalfMultinomialLoss()
        self.logits, self.labels = logits, labels.astype(logits.dtype)
        self.losses = np.empty(len(logits), dtype=logits.dtype)
        self.gradient = np.empty_like(logits)
        self.threads = closs.get_num_threads()

    def value(self) -> float:
        self.kernel.loss(self.labels, self.logits, None, self.losses, self.threads)
        return float(self.losses.mean(dtype=np.float64))

    def value_and_gradient(self) -> tuple[float, Array]:
        self.kernel.loss_gradient(self.labels, self.logits, None, self.losses, self.gradient, self.threads)
        self.gradient /= len(self.logits)
        return float(self.losses.mean(dtype=np.float64)), self.gradient


PEERS: dict[str, type[Numpy] | type[Torch] | type[Optax] | type[Sklearn]] = {
    "numpy": Numpy,
    "scipy": Scipy,
    "torch": Torch,
    "optax": Optax,
    "sklearn": Sklearn,
}


def numpy_transform(function: str, x: Array, axis: int) -> Array:
    """The maximum subtracted, one temporary array, everything in place."""
    top = x.max(axis=axis, keepdims=True)
    shifted = x - top
    if function == "softmax":
        np.exp(shifted, out=shifted)
        shifted /= shifted.sum(axis=axis, keepdims=True)
        return shifted
    log = np.log(np.exp(shifted).sum(axis=axis, keepdims=True))
    if function == "logsumexp":
        return np.squeeze(top + log, axis)
    shifted -= log
    return shifted


def transform(name: str, function: str, x: Array, axis: int, into: bool) -> Callable[[], Array]:
    """softmax, log_softmax or logsumexp of x by a library, as its user would write it; `into`: closs fills an array."""
    if name == "closs":
        call = getattr(closs, function)
        buffer = np.empty_like(x) if into else None
        return lambda: np.asarray(call(x, axis=axis, out=buffer))
    if name == "numpy":
        return lambda: numpy_transform(function, x, axis)
    if name == "scipy":
        special = importlib.import_module("scipy.special")
        return lambda: np.asarray(getattr(special, function)(x, axis=axis))
    if name == "torch":
        torch = importlib.import_module("torch")
        torch.set_num_threads(closs.get_num_threads())
        tensor = torch.from_numpy(x)
        return lambda: np.asarray(getattr(torch, function)(tensor, dim=axis))
    jax = importlib.import_module("jax")
    jax.config.update("jax_enable_x64", x.dtype == np.float64)
    array = jax.device_put(x)
    compiled = jax.jit(lambda values: getattr(jax.nn, function)(values, axis=axis))
    return lambda: np.asarray(compiled(array))


def dtype_of(name: str) -> Any:
    """A numpy dtype by name; bfloat16 is that of ml_dtypes."""
    return importlib.import_module("ml_dtypes").bfloat16 if name == "bfloat16" else np.dtype(name)


def has_dtype(name: str) -> bool:
    return name != "bfloat16" or importlib.util.find_spec("ml_dtypes") is not None


def closs_loss(function: str, x: Array, target: Array, with_gradient: bool) -> Callable[[], Any]:
    """A mean loss; the gradient goes to one array again and again."""
    grad = np.empty_like(x) if with_gradient else None
    names = {"softmax_entropy": "softmax_entropy", "sigmoid": "sigmoid_cross_entropy"}
    names |= {name: f"{name}_loss" for name in ("distillation", "l1", "mse", "huber", "smooth_l1")}
    loss = getattr(closs, names.get(function, "softmax_cross_entropy"))
    if function in ("entropy", "kl_divergence", "js_divergence"):
        measure = getattr(closs, function)
        pair = (x,) if function == "entropy" else (target, x)
        return lambda: measure(*pair, reduction="mean", grad=grad)
    if function == "softmax_entropy":
        return lambda: loss(x, reduction="mean", grad=grad)
    if function == "label_smoothing":
        return lambda: loss(x, target, label_smoothing=0.1, grad=grad)
    return lambda: loss(x, target, grad=grad)


def torch_loss(function: str, x: Array, target: Array, with_gradient: bool) -> Callable[[], Any]:
    torch = importlib.import_module("torch")
    torch.set_num_threads(closs.get_num_threads())
    functional = torch.nn.functional

    def tensor(array: Array) -> Any:
        if array.dtype.name == "bfloat16":
            return torch.from_numpy(array.view(np.int16)).view(torch.bfloat16)
        return torch.from_numpy(array)

    goal, leaf = tensor(target), tensor(x.copy()).requires_grad_(with_gradient)

    def value() -> Any:
        if function == "label_smoothing":
            return functional.cross_entropy(leaf, goal, label_smoothing=0.1)
        if function == "distillation":
            logs = functional.log_softmax(leaf, -1)
            return functional.kl_div(logs, functional.log_softmax(goal, -1), reduction="batchmean", log_target=True)
        if function == "softmax_entropy":
            return torch.distributions.Categorical(logits=leaf, validate_args=False).entropy().mean()
        if function == "entropy":
            return torch.special.entr(leaf).sum(-1).mean()
        if function == "kl_divergence":
            return functional.kl_div(leaf.log(), goal, reduction="batchmean")
        if function == "js_divergence":
            log_middle = (0.5 * (leaf + goal)).log()
            both = [functional.kl_div(log_middle, one, reduction="batchmean") for one in (leaf, goal)]
            return 0.5 * (both[0] + both[1])
        if function == "sigmoid":
            return functional.binary_cross_entropy_with_logits(leaf, goal)
        names = {"l1": "l1_loss", "mse": "mse_loss", "huber": "huber_loss", "smooth_l1": "smooth_l1_loss"}
        return getattr(functional, names.get(function, "cross_entropy"))(leaf, goal)

    def both() -> Any:
        leaf.grad = None
        loss = value()
        loss.backward()
        gradient = leaf.grad
        return loss.item(), gradient.float().numpy() if gradient.dtype == torch.bfloat16 else gradient.numpy()

    return both if with_gradient else lambda: value().item()


def scipy_measure(function: str, x: Array, target: Array) -> Callable[[], Any]:
    """A mean measure by scipy's elementwise functions; it has no gradients."""
    special = importlib.import_module("scipy.special")

    def value() -> Any:
        if function == "entropy":
            return special.entr(x).sum(axis=-1).mean(dtype=np.float64)
        if function == "kl_divergence":
            return special.rel_entr(target, x).sum(axis=-1).mean(dtype=np.float64)
        middle = 0.5 * (x + target)
        terms = special.rel_entr(x, middle) + special.rel_entr(target, middle)
        return 0.5 * terms.sum(axis=-1).mean(dtype=np.float64)

    return value


def numpy_loss(function: str, x: Array, target: Array, with_gradient: bool) -> Callable[[], Any]:
    """Regression as it is written in numpy."""

    def value() -> Any:
        d = x - target
        if function == "l1":
            loss, slope = np.abs(d), np.sign(d) if with_gradient else d
        elif function == "mse":
            loss, slope = d * d, 2 * d if with_gradient else d
        else:  # delta = beta = 1: one and the same
            slope = np.clip(d, -1, 1)
            loss = slope * (d - 0.5 * slope)
        mean = float(loss.mean(dtype=np.float64))
        return (mean, slope / d.size) if with_gradient else mean

    return value


def installed_peers() -> list[str]:
    """The names of the peers whose packages are here."""
    return [
        name
        for name, peer in PEERS.items()
        if all(importlib.util.find_spec(package) is not None for package in peer.packages)
    ]
