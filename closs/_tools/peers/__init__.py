"""How others compute what closs computes, as a user of each library would write it: a module for each.

`prepare(case, inputs, threads)` of a module gives calls without arguments, by a word that says where the result
goes: "reused", an array that is kept; "fresh", a new one every time; "", for results without large arrays. It holds its
inputs as a user of that library would; it is empty where the library has no such function. A call gives the mean value,
the array, or the tuple (value, gradient[, hessian]), in whatever form the library has them.
"""

import importlib
import importlib.util
from collections.abc import Callable
from typing import Any

import numpy as np

from closs._tools.workloads import Array, Case, Inputs

Calls = dict[str, Callable[[], Any]]

PACKAGES: dict[str, tuple[str, ...]] = {
    "numpy": ("numpy",),
    "scipy": ("scipy",),
    "sklearn": ("sklearn",),
    "torch": ("torch",),
    "jax": ("jax", "optax"),
    "numkong": ("numkong",),
}


class Unscaled:
    """A gradient of the sum where that of the mean was asked: the peer is spared the pass that divides."""

    def __init__(self, array: Array, factor: float) -> None:
        self.array, self.factor = array, factor


def installed_peers() -> list[str]:
    """The names of the peers whose packages are here."""
    return [name for name, needs in PACKAGES.items() if all(map(importlib.util.find_spec, needs))]


def prepare(name: str, case: Case, inputs: Inputs, threads: int) -> Calls:
    """The calls of closs or a peer, by contender: "closs reused", "torch fresh", "numpy"."""
    calls = importlib.import_module(f"closs._tools.peers.of_{name}").prepare(case, inputs, threads)
    return {f"{name} {where}".strip(): call for where, call in calls.items()}


def as_arrays(result: Any) -> list[Array]:
    """What a call gave, as float64."""
    parts = []
    for given in result if isinstance(result, tuple) else (result,):
        part, factor = (given.array, given.factor) if isinstance(given, Unscaled) else (given, 1.0)
        if hasattr(part, "detach"):
            part = part.detach().double().numpy()
        parts.append(np.asarray(part).astype(np.float64) * factor)
    return parts
