"""What closs is to reach: the one table of targets, and the table that sets beside them what a run reached.

A ratio is the best peer's time over that of closs, gradients in a reused array, in one run. Every other case is to be
ahead, or level: at least `BEHIND`.
"""

from dataclasses import dataclass

from closs._tools.results import Result
from closs._tools.timing import in_units

BEHIND = 0.95


@dataclass(frozen=True)
class Target:
    ratio: float
    seconds: float | None = None  # at most
    of_limit: float | None = None  # at least this share of what memory allows


CE, KL, G = "softmax_cross_entropy", "kl_divergence", "value+gradient"
TARGETS = {
    f"{CE} float32 64x10 value": Target(6, seconds=1e-6),
    "huber_loss float32 1000 value": Target(5, seconds=0.6e-6),
    f"{CE} float32 8192x10 value": Target(6),
    f"{CE} float32 8192x10 {G}": Target(6),
    f"{CE} float32 8192x2 value": Target(6),
    f"{CE} float32 8192x2 {G}": Target(8),
    f"{CE} float32 8192x100 value": Target(2.5),
    f"{CE} float32 8192x100 {G}": Target(5),
    f"{CE} float32 4096x1000 value": Target(3.5),
    f"{CE} float32 4096x1000 {G}": Target(5),
    f"{CE} float32 512x32000 value": Target(3.5),
    f"{CE} float32 512x32000 {G}": Target(6),
    f"{CE} float32 128x128256 value": Target(6),
    f"{CE} float32 128x128256 {G}": Target(6),
    f"{CE} float64 4096x1000 value": Target(3),
    f"{CE} float64 4096x1000 {G}": Target(10),
    f"{CE} float64 512x32000 value": Target(7),
    f"{CE} float64 512x32000 {G}": Target(12),
    f"{CE} float16 512x32000 value": Target(2.5),
    f"{CE} float16 512x32000 {G}": Target(3),
    f"{CE} bfloat16 512x32000 value": Target(2.5),
    f"{CE} bfloat16 512x32000 {G}": Target(3),
    f"{CE} float32 32x81x8732 axis=1 value": Target(8),
    f"{CE} float32 32x81x8732 axis=1 {G}": Target(12),
    f"{KL} float32 4096x1000 value": Target(3),
    f"{KL} float32 512x32000 value": Target(1.8),
    f"{KL} float64 4096x1000 value": Target(4),
    f"{KL} float64 512x32000 value": Target(2.7),
    "entropy float32 4096x1000 value": Target(20),
    "entropy float64 4096x1000 value": Target(9),
    "huber_loss float32 10000000 value": Target(1.8, of_limit=0.85),
    f"huber_loss float32 10000000 {G}": Target(2.5, of_limit=0.9),
}


def rows(results: list[Result]) -> list[tuple[str, str, str, str]]:
    """Case, target, reached, and "yes" or "NO", for each target that the run has figures for."""
    by_name = {result.case: result for result in results}
    table = []
    for case, target in TARGETS.items():
        result = by_name.get(case)
        if result is None:
            continue
        wanted, reached, met = [], [], []
        if result.ratio is not None:
            wanted.append(f">= {target.ratio:g} x")
            reached.append(f"{result.ratio:.2f} x {result.best_peer}")
            met.append(result.ratio >= target.ratio)
        if target.seconds is not None:
            wanted.append(f"<= {in_units(target.seconds)}")
            reached.append(in_units(result.seconds["closs"]))
            met.append(result.seconds["closs"] <= target.seconds)
        if target.of_limit is not None and result.of_limit is not None:
            wanted.append(f">= {target.of_limit:.2f} of {result.limit}")
            reached.append(f"{result.of_limit:.2f}")
            met.append(result.of_limit >= target.of_limit)
        if wanted:
            table.append((case, ", ".join(wanted), ", ".join(reached), "yes" if all(met) else "NO"))
    return table
