"""numkong: two divergences of vectors, or of matrices row by row; values alone, on one thread."""

from typing import Any

import numpy as np

from closs._tools.peers import Calls
from closs._tools.workloads import VALUE, Case, Inputs


def prepare(case: Case, inputs: Inputs, threads: int) -> Calls:
    import numkong

    x, target = inputs.x, inputs.target
    if case.output != VALUE or x.ndim != 2 or case.dtype == "bfloat16":
        return {}

    def kl_divergence() -> Any:
        return float(np.asarray(numkong.kld(target, x)).mean(dtype=np.float64))

    def js_divergence() -> Any:
        distances = np.asarray(numkong.jsd(target, x))
        return float(np.vdot(distances, distances)) / len(distances)  # it gives the square roots

    calls = {"kl_divergence": kl_divergence, "js_divergence": js_divergence}
    return {"": calls[case.workload.name]} if case.workload.name in calls else {}
