"""closs itself, called by its public functions."""

from typing import Any

import numpy as np

import closs
from closs._tools.peers import Calls
from closs._tools.workloads import ARRAY, HESSIAN, VALUE, Array, Case


def prepare(case: Case, x: Array, target: Any, threads: int) -> Calls:
    function = getattr(closs, case.workload.function)
    keywords: dict[str, Any] = dict(case.workload.arguments)
    if case.workload.first != "elements" and case.axis != -1:
        keywords["axis"] = case.axis
    arguments = [x] if target is None else [x, target]
    if case.workload.first == "probabilities":
        arguments.reverse()  # measures: (p, q), and the gradient is for q

    if case.output == VALUE:
        return {"": lambda: function(*arguments, **keywords)}
    if case.output == ARRAY:
        out = np.empty_like(x)
        return {
            "reused": lambda: function(*arguments, out=out, **keywords),
            "fresh": lambda: function(*arguments, **keywords),
        }
    fresh = keywords | {"grad": True}
    reused = keywords | {"grad": np.empty_like(x)}
    if case.output == HESSIAN:
        fresh, reused = fresh | {"hess": True}, reused | {"hess": np.empty_like(x)}
    return {"reused": lambda: function(*arguments, **reused), "fresh": lambda: function(*arguments, **fresh)}
