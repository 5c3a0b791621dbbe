"""What the machine allows: bytes per second of plain loops at every size of working set, and exponentials per second.

The loops are those of benchmarks/ceilings.c, compiled with the flags of the kernels, at the level in use, on as many
threads as closs gets.
"""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from closs._tools import _ceilings
from closs._tools.workloads import ARRAY, VALUE, Case

SIZES = tuple(2**power for power in range(15, 29))  # bytes of all arrays of all threads together
ARRAYS = {"read": 1, "copy": 2, "nt_copy": 2, "triad": 3, "nt_triad": 3}
SECONDS, ROUNDS = 5e-3, 5


@dataclass
class Ceilings:
    isa: str
    threads: int
    sizes: list[int]
    bytes_per_second: dict[str, list[float]]
    exponentials_per_second: dict[str, float]

    def bandwidth(self, kind: str, size: int) -> float:
        """Between the sizes measured, on a logarithmic scale; the better of plain and non-temporal stores."""
        kinds = [name for name in (kind, f"nt_{kind}") if name in self.bytes_per_second]
        return max(float(np.interp(np.log(size), np.log(self.sizes), self.bytes_per_second[name])) for name in kinds)

    def least_seconds(self, case: Case) -> tuple[str, float]:
        """What bounds a case, and its time if nothing else cost any."""
        kind = "read" if case.output == VALUE else "copy" if case.streams[0] == 1 or case.output == ARRAY else "triad"
        memory = case.bytes / self.bandwidth(kind, case.bytes)
        dtype = "float64" if case.dtype == "float64" else "float32"
        arithmetic = case.exponentials / self.exponentials_per_second[dtype]
        return ("exp", arithmetic) if arithmetic > memory else (kind, memory)

    def lines(self) -> list[str]:
        """For people: in the first-level cache, beyond it, and out of all caches."""
        pairs = list(enumerate(self.sizes))
        shown = [pairs[0], pairs[5], pairs[-1]]
        table = [f"ceilings, {self.isa}, threads: {self.threads}"]
        table.append("  GB/s       " + "".join(f"{size >> 10:>12,} KB" for _, size in shown))
        for kind, speeds in self.bytes_per_second.items():
            table.append(f"  {kind:11}" + "".join(f"{speeds[index] / 1e9:15.1f}" for index, _ in shown))
        exponentials = (f"{value / 1e9:.2f} ({name})" for name, value in self.exponentials_per_second.items())
        table.append(f"  exp, 1e9/s {', '.join(exponentials)}")
        return table


def measure(threads: int, isa: str, progress: Callable[[str], None]) -> Ceilings:
    with ThreadPoolExecutor(threads) as pool:
        buffer = np.ones(max(SIZES) // 4 + 64 * threads, dtype=np.float32)

        def best(kind: str, size: int) -> float:
            """Passes over `size` bytes per second: each thread its share, many passes in one call, the best of some."""
            length = max(64, size // 4 // ARRAYS.get(kind, 1) // threads // 64 * 64)
            starts = [buffer.ctypes.data + 4 * thread * length * ARRAYS.get(kind, 1) for thread in range(threads)]
            starts = [(start + 63) // 64 * 64 for start in starts]

            def seconds(passes: int) -> float:
                begin = time.perf_counter()
                list(pool.map(lambda start: _ceilings.run(kind, isa, start, length, passes), starts))
                return time.perf_counter() - begin

            passes = 1
            while (taken := min(seconds(passes) for _ in range(3))) < SECONDS / 2:  # an interruption ends no search
                passes *= 2
            passes = max(1, round(passes * SECONDS / taken))
            per_second = passes / min(seconds(passes) for _ in range(ROUNDS))
            return per_second * length * threads

        speeds: dict[str, list[float]] = {}
        for kind in ARRAYS:
            if kind.startswith("nt_") and not _ceilings.has_nontemporal_stores(isa):
                continue
            progress(f"ceilings: {kind}")
            speeds[kind] = [4 * ARRAYS[kind] * best(kind, size) for size in SIZES]
        progress("ceilings: exp")
        exponentials = {"float32": best("exp32", 2**14 * threads), "float64": best("exp64", 2**14 * threads) / 2}
    return Ceilings(isa, threads, list(SIZES), speeds, exponentials)
