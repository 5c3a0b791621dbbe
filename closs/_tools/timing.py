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


def turns(names: list[str], number: int) -> list[str]:
    """The order of round `number`. Over twice as many rounds as there are names each comes after every other one
    equally often: what a contender leaves behind, threads or caches, does not always meet the same one.

    The order is that of E. J. Williams, Experimental designs balanced for the estimation of residual effects of
    treatments, Australian Journal of Scientific Research A 2 (1949).
    """
    count = len(names)
    zigzag = [place // 2 if place % 2 == 0 else count - 1 - place // 2 for place in range(count)]
    order = [names[(place + number) % count] for place in zigzag]
    return order[::-1] if count % 2 and number % 2 else order


def timings(contenders: dict[str, Callable[[], object]], rounds: int, seconds: float = 2e-3) -> dict[str, list[float]]:
    """Seconds of a call for each contender, timed in turn, the order another one every round.

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
            for name in turns(names, number):
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
