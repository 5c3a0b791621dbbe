"""closs itself, called by its public functions."""

import numpy as np

import closs
from closs._tools.peers import Calls
from closs._tools.workloads import ARRAY, HESSIAN, VALUE, Case, Inputs


def prepare(case: Case, inputs: Inputs, threads: int) -> Calls:
    function = getattr(closs, case.workload.function)
    x, target, keywords = inputs.x, inputs.target, dict(inputs.keywords)
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
