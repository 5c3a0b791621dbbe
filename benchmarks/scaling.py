"""Time against samples, classes and bytes over six decades: a table, the slope of each line, and a picture.

    python benchmarks/scaling.py [--threads N] [--most 1e7] [--out scaling.svg]

A slope is that of log(time - time of the shortest call) over log(size): 1 is linear. One thread unless told otherwise,
since the threshold of threads is a step. Value and gradient in a kept array, medians of five.
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

import closs
from closs._tools.timing import in_units, race

ROUNDS = 5


def by_samples(n: int) -> tuple[Callable[[], object], int]:
    """n samples of 10 classes."""
    logits = np.random.default_rng(0).standard_normal((n, 10), dtype=np.float32)
    labels, grad = np.arange(n) % 10, np.empty_like(logits)
    return lambda: closs.softmax_cross_entropy(logits, labels, grad=grad), logits.nbytes


def by_classes(n: int) -> tuple[Callable[[], object], int]:
    """4 samples of n classes."""
    logits = np.random.default_rng(0).standard_normal((4, n), dtype=np.float32)
    labels, grad = np.arange(4) % n, np.empty_like(logits)
    return lambda: closs.softmax_cross_entropy(logits, labels, grad=grad), logits.nbytes


def by_classes_of_measure(n: int) -> tuple[Callable[[], object], int]:
    """KL divergence of 1 pair of n classes."""
    p, q = (closs.softmax(np.random.default_rng(seed).standard_normal((1, n), dtype=np.float32)) for seed in (0, 1))
    return lambda: closs.kl_divergence(p, q), p.nbytes


def by_elements(n: int) -> tuple[Callable[[], object], int]:
    """Huber loss of n elements."""
    pred, target = np.random.default_rng(0).standard_normal((2, n), dtype=np.float32)
    grad = np.empty_like(pred)
    return lambda: closs.huber_loss(pred, target, grad=grad), pred.nbytes


LINES = {
    "softmax cross-entropy, N samples of 10 classes": by_samples,
    "softmax cross-entropy, 4 samples of C classes": by_classes,
    "KL divergence, a pair of C classes": by_classes_of_measure,
    "Huber loss, n elements": by_elements,
}


def slope(sizes: list[int], seconds: list[float]) -> float:
    """Where the work is more than the cost of a call, which is the time of the shortest."""
    rest = [(np.log(size), np.log(time - seconds[0])) for size, time in zip(sizes, seconds, strict=True)
            if time > 3 * seconds[0]]  # fmt: skip
    return float(np.polyfit(*np.transpose(rest), 1)[0])


def draw(lines: dict[str, tuple[list[int], list[float], list[float]]], path: Path) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4.5), layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    for name, (sizes, seconds, volumes) in lines.items():
        left.loglog(sizes, seconds, marker=".", label=f"{name}: slope {slope(sizes, seconds):.3f}")
        right.loglog(volumes, [volume / time / 1e9 for volume, time in zip(volumes, seconds, strict=True)], marker=".")
    left.set(xlabel="N, C or n", ylabel="seconds a call")
    right.set(xlabel="bytes of the first argument", ylabel="GB/s of the first argument")
    for panel in (left, right):
        panel.grid(alpha=0.3)
    left.legend(fontsize="x-small")
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)


def main() -> int:
    parser = argparse.ArgumentParser(description="Time against samples, classes and bytes.")
    parser.add_argument("--threads", type=int, default=1, help="(default: %(default)s)")
    parser.add_argument("--most", type=float, default=1e7, help="the largest N, C and n (default: %(default)g)")
    parser.add_argument("--out", type=Path, help="a picture: .svg, .png, .pdf")
    options = parser.parse_args()
    sizes = [10**power for power in range(int(np.log10(options.most)) + 1)]
    if len(sizes) < 4 or options.threads < 1:
        parser.error("--most must be at least 1000, and --threads at least 1")
    lines = {}
    for name, make in LINES.items():
        print(f"{name}, threads: {options.threads}")
        seconds, volumes = [], []
        for size in sizes:
            call, volume = make(size)
            with closs.threads(options.threads):
                seconds.append(race({"": call}, ROUNDS)[""])
            volumes.append(float(volume))
            print(f"{size:14,}{in_units(seconds[-1]):>12}{seconds[-1] / volume * 4e9:12.3f} ns an element")
        lines[name] = sizes, seconds, volumes
        print(f"  slope {slope(sizes, seconds):.3f}")
    if options.out:
        draw(lines, options.out)
        print(f"drawn in {options.out.resolve()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
