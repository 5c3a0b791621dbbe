"""What a race found: one record for each case and kind of buffer, and what follows from it."""

from dataclasses import asdict, dataclass, field
from statistics import geometric_mean, median
from typing import Any

import numpy as np

from closs._tools.ceilings import Ceilings
from closs._tools.peers import as_arrays
from closs._tools.timing import spread
from closs._tools.workloads import Array, Case

# Of the largest value: what separates another rounding from another question. Peers sum in their own dtype.
TOLERANCES = {"float64": 1e-8, "float32": 1e-2, "float16": 3e-2, "bfloat16": 6e-2}
BUSY = 0.1  # a spread that an idle machine does not have
SMALLEST = {"float64": 0.0, "float32": 0.0, "float16": 2.4e-7, "bfloat16": 0.0}  # four of its smallest: means of many


@dataclass
class Result:
    case: str
    workload: str
    dtype: str
    shape: tuple[int, ...]
    axis: int
    output: str
    buffers: str  # "reused", "fresh", or "" if there is no large result
    seconds: dict[str, float]  # of closs and each peer, the better way of each
    bytes: int
    wrong: dict[str, str]  # peers that gave other results
    failed: dict[str, str]  # peers that gave none
    spread: float  # of the timings of closs
    best_peer: str | None = None
    ratio: float | None = None
    limit: str | None = None  # what bounds the time: read, copy, triad or exp
    of_limit: float | None = None  # the least time by the ceilings over that of closs

    @property
    def gigabytes_per_second(self) -> float:
        return self.bytes / self.seconds["closs"] / 1e9


def compare(case: Case, expected: list[Array], result: Any) -> str | None:
    """What is wrong with a peer's result, if anything is; a NaN stands for what it does not give."""
    for name, right, got in zip(case.output.split("+"), expected, as_arrays(result), strict=True):
        if got.shape != right.shape:
            return f"{name} has shape {got.shape}, not {right.shape}"
        if got.ndim == 0 and np.isnan(got):
            continue
        size = float(np.abs(right).max())
        with np.errstate(invalid="ignore"):  # infinities: no peer agrees by chance
            difference = float(np.abs(got - right).max())
        if not difference <= TOLERANCES[case.dtype] * size + SMALLEST[case.dtype]:
            return f"{name} differs by {difference:.1e} of {size:.1e}"
    return None


def make_results(
    case: Case,
    timed: dict[str, list[float]],
    wrong: dict[str, str],
    failed: dict[str, str],
    ceilings: Ceilings | None,
) -> list[Result]:
    """One result for each way in which closs was called. A fresh gradient is compared with fresh ones only."""
    results = []
    seconds = {name: median(times) for name, times in timed.items()}
    for contender in (name for name in seconds if name.split()[0] == "closs"):
        buffers = contender.partition(" ")[2]
        times: dict[str, float] = {"closs": seconds[contender]}
        for other, time in seconds.items():
            peer, _, where = other.partition(" ")
            if peer != "closs" and not (buffers == "fresh" and where == "reused"):
                times[peer] = min(time, times.get(peer, time))
        name = case.name + (" fresh" if buffers == "fresh" else "")
        result = Result(name, case.workload.name, case.dtype, case.shape, case.axis, case.output, buffers, times,
                        case.bytes, wrong, failed, spread(timed[contender]))  # fmt: skip
        right = [peer for peer in times if peer != "closs" and peer not in wrong]
        if right:
            result.best_peer = min(right, key=times.__getitem__)
            result.ratio = times[result.best_peer] / times["closs"]
        if ceilings is not None:
            result.limit, least = ceilings.least_seconds(case)
            result.of_limit = least / times["closs"]
        results.append(result)
    return results


@dataclass
class Report:
    """A run: where, with what, and its results. As JSON it is what pages and pictures are made of."""

    facts: dict[str, Any]
    ceilings: Ceilings | None
    results: list[Result] = field(default_factory=list)

    def raced(self) -> list[Result]:
        """Results with a peer, those behind first."""
        return sorted((result for result in self.results if result.ratio is not None), key=lambda r: r.ratio or 0.0)

    def steadiness(self) -> str:
        """Whether the machine had anything else to do."""
        spreads = sorted(result.spread for result in self.results)
        busy = " - busy: believe no figure of this run" if median(spreads) > BUSY else ""
        return (
            f"timings of closs spread by {median(spreads):.0%} (median of all cases), at worst {spreads[-1]:.0%}{busy}"
        )

    def summary(self) -> str:
        ratios = [result.ratio for result in self.raced() if result.ratio is not None]
        worst = self.raced()[0]
        return (
            f"best peer / closs: geometric mean {geometric_mean(ratios):.2f}, median {median(ratios):.2f}, "
            f"worst {ratios[0]:.2f} ({worst.case}), {len(ratios)} cases"
        )

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Report":
        ceilings = None if data["ceilings"] is None else Ceilings(**data["ceilings"])
        return cls(data["facts"], ceilings, [Result(**result) for result in data["results"]])
