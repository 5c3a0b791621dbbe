"""What is raced: every public function, in every dtype, from the cost of a call to arrays out of cache."""

import importlib
import importlib.util
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import prod
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import closs

Array = NDArray[Any]

DTYPES = ("float32", "float64", "float16", "bfloat16")
HALF = ("float16", "bfloat16")

LOGITS: tuple[tuple[tuple[int, ...], int], ...] = (
    ((64, 10), -1),
    ((8192, 10), -1),
    ((4096, 1000), -1),
    ((512, 32000), -1),
    ((8, 81, 8732), 1),
)
MORE_LOGITS: tuple[tuple[tuple[int, ...], int], ...] = (
    *LOGITS[:1],
    ((8192, 2), -1),
    *LOGITS[1:2],
    ((8192, 100), -1),
    *LOGITS[2:4],
    ((128, 128256), -1),
    ((32, 81, 8732), 1),
)
ELEMENTS: tuple[tuple[tuple[int, ...], int], ...] = (((1000,), -1), ((100_000,), -1), ((10_000_000,), -1))

VALUE, GRADIENT, HESSIAN = "value", "value+gradient", "value+gradient+hessian"
ARRAY = "array"  # softmax and log_softmax give one
IGNORED = -100  # the label of a fifth of the samples, where it is one


@dataclass(frozen=True)
class Workload:
    """A public function and what is asked of it; `name` has a colon and a word if that is not the plain call."""

    name: str
    first: str  # what the differentiated argument holds: logits, probabilities, elements
    second: str | None  # the other one: labels, logits, probabilities, elements
    outputs: tuple[str, ...] = (VALUE, GRADIENT)
    shapes: tuple[tuple[tuple[int, ...], int], ...] = LOGITS
    arguments: dict[str, Any] = field(default_factory=dict)
    exponentials: int = 0  # of each element, without which the result cannot be had
    weights: str | None = None  # the argument that is an array of them: sample_weight, class_weight

    @property
    def function(self) -> str:
        return self.name.partition(":")[0]


ALL = (VALUE, GRADIENT, HESSIAN)
MEAN = {"reduction": "mean"}
WORKLOADS = (
    Workload("softmax_cross_entropy", "logits", "labels", ALL, MORE_LOGITS, exponentials=1),
    Workload(
        "softmax_cross_entropy:smoothed", "logits", "labels", ALL, arguments={"label_smoothing": 0.1}, exponentials=1
    ),
    Workload("softmax_cross_entropy:probabilities", "logits", "probabilities", ALL, exponentials=1),
    Workload("softmax_cross_entropy:ignored", "logits", "labels", arguments={"ignore_index": IGNORED}, exponentials=1),
    *(
        Workload(f"softmax_cross_entropy:{word}", "logits", second, exponentials=1, weights=weights)
        for word, second, weights in (
            ("class_weighted", "labels", "class_weight"),
            ("sample_weighted", "labels", "sample_weight"),
            ("weighted_probabilities", "probabilities", "class_weight"),
        )
    ),
    Workload("distillation_loss", "logits", "logits", exponentials=2),
    Workload("softmax_entropy", "logits", None, arguments=MEAN, exponentials=1),
    Workload("softmax", "logits", None, (ARRAY,), exponentials=1),
    Workload("log_softmax", "logits", None, (ARRAY,), exponentials=1),
    Workload("logsumexp", "logits", None, (VALUE,), exponentials=1),
    Workload("entropy", "probabilities", None, arguments=MEAN),
    Workload("cross_entropy", "probabilities", "probabilities", arguments=MEAN),
    Workload("kl_divergence", "probabilities", "probabilities", arguments=MEAN),
    Workload("js_divergence", "probabilities", "probabilities", arguments=MEAN),
    Workload("zero_one_loss", "logits", "labels", (VALUE,)),
    Workload("sigmoid_cross_entropy", "elements", "fractions", ALL, ELEMENTS, exponentials=1),
    Workload(
        "sigmoid_cross_entropy:weighted",
        "elements",
        "fractions",
        shapes=ELEMENTS,
        exponentials=1,
        weights="sample_weight",
    ),
    *(
        Workload(name, "elements", "elements", ALL, ELEMENTS)
        for name in ("l1_loss", "mse_loss", "huber_loss", "smooth_l1_loss", "pseudo_huber_loss")
    ),
    Workload("mse_loss:weighted", "elements", "elements", ALL, ELEMENTS, weights="sample_weight"),
    Workload("log_cosh_loss", "elements", "elements", ALL, ELEMENTS, exponentials=1),
    Workload("quantile_loss", "elements", "elements", ALL, ELEMENTS, {"quantile": 0.3}),
)


@dataclass(frozen=True)
class Case:
    workload: Workload
    dtype: str
    shape: tuple[int, ...]
    axis: int
    output: str

    @property
    def name(self) -> str:
        size = "x".join(map(str, self.shape)) + ("" if self.axis == -1 else f" axis={self.axis}")
        return f"{self.workload.name} {self.dtype} {size} {self.output}"

    @property
    def samples(self) -> int:
        return prod(self.shape) // (self.shape[self.axis] if self.workload.first != "elements" else 1)

    @property
    def streams(self) -> tuple[int, int]:
        """Arrays of the full shape that are read, and written."""
        written = {VALUE: 0, ARRAY: 1, GRADIENT: 1, HESSIAN: 2}[self.output]
        return 1 + (self.workload.second not in (None, "labels")), written

    @property
    def bytes(self) -> int:
        """What must be read and written at least, each array once."""
        labels = 8 * self.samples if self.workload.second == "labels" else 0
        weights = prod(self.weights_shape) * weight_dtype(self.dtype).itemsize if self.workload.weights else 0
        return sum(self.streams) * prod(self.shape) * dtype_of(self.dtype).itemsize + labels + weights

    @property
    def weights_shape(self) -> tuple[int, ...]:
        if self.workload.weights == "class_weight":
            return (self.shape[self.axis],)
        return self.shape if self.workload.first == "elements" else samples_shape(self.shape, self.axis)

    @property
    def exponentials(self) -> int:
        return self.workload.exponentials * prod(self.shape)

    def inputs(self) -> "Inputs":
        workload = self.workload
        x, target = make_inputs(workload.first, workload.second, self.dtype, self.shape, self.axis)
        keywords = dict(workload.arguments)
        rng = np.random.default_rng(8)
        if "ignore_index" in keywords:
            assert target is not None
            ignored = rng.random(target.shape) < 0.2
            ignored.flat[0] = False  # a mean of none is NaN
            target[ignored] = keywords["ignore_index"]
        if workload.weights:
            keywords[workload.weights] = rng.uniform(0.5, 1.5, self.weights_shape).astype(weight_dtype(self.dtype))
        return Inputs(x, target, keywords)


class Inputs(NamedTuple):
    x: Array  # the differentiated argument
    target: Any  # the other one, an array or None
    keywords: dict[str, Any]  # without axis, grad, hess and out


def dtype_of(name: str) -> Any:
    """A numpy dtype by name; bfloat16 is that of ml_dtypes."""
    return np.dtype(importlib.import_module("ml_dtypes").bfloat16 if name == "bfloat16" else name)


def weight_dtype(name: str) -> Any:
    """Of weights beside arrays of a dtype: float32 beside half types."""
    return np.dtype("float32" if name in HALF else name)


def has_dtype(name: str) -> bool:
    return name != "bfloat16" or importlib.util.find_spec("ml_dtypes") is not None


def samples_shape(shape: tuple[int, ...], axis: int) -> tuple[int, ...]:
    return tuple(extent for d, extent in enumerate(shape) if d != axis % len(shape))


def make_inputs(
    first: str, second: str | None, dtype: str, shape: tuple[int, ...], axis: int
) -> tuple[Array, Array | None]:
    rng = np.random.default_rng(7)

    def make(kind: str | None) -> Array | None:
        if kind is None:
            return None
        if kind == "labels":
            return rng.integers(0, shape[axis], samples_shape(shape, axis))
        values = rng.random(shape, dtype=np.float32)
        if kind != "fractions":
            values = 3 * rng.standard_normal(shape, dtype=np.float32)
        if kind == "probabilities":  # of a spread that leaves none of them 0 in float16
            values = closs.softmax((values / 3).astype("float64" if dtype == "float64" else "float32"), axis=axis)
        return values.astype(dtype_of(dtype))

    x = make(first)
    y = make(second)
    assert x is not None
    if first == "elements" and y is not None:
        y[x == y] += 1  # at a kink the slope is a convention
    return x, y


def cases() -> Iterator[Case]:
    for workload in WORKLOADS:
        for dtype in filter(has_dtype, DTYPES):
            for shape, axis in workload.shapes:
                for output in workload.outputs:
                    yield Case(workload, dtype, shape, axis, output)


def random_cases(count: int, seed: int) -> Iterator[Case]:
    """Cases that nobody chose: of any workload and dtype, with 100 to 4 million elements and 2 to 50,000 classes, both
    as likely small as large; one in seven with samples behind the class axis."""
    rng = random.Random(seed)

    def up_to(most: int, least: int = 1) -> int:
        return round(least * (max(most, least) / least) ** rng.random())

    for _ in range(count):
        workload, dtype = rng.choice(WORKLOADS), rng.choice(list(filter(has_dtype, DTYPES)))
        elements = up_to(4_000_000, 100)
        shape: tuple[int, ...] = (elements,)
        if workload.first != "elements":
            classes = up_to(min(50_000, elements), 2)
            shape = (elements // classes, classes)
            if rng.random() < 1 / 7:
                outer = up_to(shape[0])
                shape = (outer, classes, shape[0] // outer)
        yield Case(workload, dtype, shape, 1 if len(shape) == 3 else -1, rng.choice(workload.outputs))
