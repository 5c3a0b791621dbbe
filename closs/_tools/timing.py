"""Timing of contenders in turn: what the demo and the benchmark share."""

import gc
import math
import time
from collections.abc import Callable
from statistics import median, quantiles


def calls_per_timing(function: Callable[[], object], seconds: float) -> int:
    """How many calls take about `seconds`; also the warm-up. Each number is tried twice: one may be interrupted."""
    calls = 1
    while True:
        elapsed = math.inf
        for _ in range(2):
            start = time.perf_counter()
            for _ in range(calls):
                function()
            elapsed = min(elapsed, time.perf_counter() - start)
        if elapsed >= seconds / 2:
            return max(1, round(calls * seconds / elapsed))
        calls *= 2


def timings(contenders: dict[str, Callable[[], object]], rounds: int, seconds: float = 2e-3) -> dict[str, list[float]]:
    """Seconds of a call for each contender, timed in turn, the order rotated every round.

    Untimed calls go before each timing, as many and for four times as long as one should last: a contender meets its
    own caches, and threads that run, on processors that are as fast after the one before it as they get; after 50 ms
    of other work the first calls have taken twice as long. Python's garbage collector is off meanwhile.
    """
    calls = {name: calls_per_timing(function, seconds) for name, function in contenders.items()}
    times: dict[str, list[float]] = {name: [] for name in contenders}
    names = list(contenders)
    collecting = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        for number in range(rounds):
            turn = number % len(names)
            for name in names[turn:] + names[:turn]:
                function, count = contenders[name], calls[name]
                warm, done = time.perf_counter() + 4 * seconds, 0
                while done < count or time.perf_counter() < warm:
                    function()
                    done += 1
                start = time.perf_counter()
                for _ in range(count):
                    function()
                times[name].append((time.perf_counter() - start) / count)
    finally:
        if collecting:
            gc.enable()
    return times


def race(contenders: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """The median seconds of a call for each contender."""
    return {name: median(values) for name, values in timings(contenders, rounds).items()}


def spread(values: list[float]) -> float:
    """How far the middle half reaches, as a share of the median: what a busy machine makes large."""
    if len(values) < 2:
        return 0.0
    low, middle, high = quantiles(values, n=4, method="inclusive")
    return (high - low) / middle


def in_units(seconds: float) -> str:
    """Three digits and a unit."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-9:.3g} ns"
