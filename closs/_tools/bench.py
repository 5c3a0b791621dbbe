"""`python -m closs bench`: the functions of closs and of whatever peers are installed, in turn in one process.

Every case is checked once, each peer against closs, and then timed in rounds: all contenders one after the other, the
order rotated, each long enough to be measured; medians are compared. A ratio is the peer's time over that of closs.
"""

import argparse
import json
import platform
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from math import prod
from pathlib import Path
from statistics import geometric_mean, median

import numpy as np

import closs
from closs._tools import peers
from closs._tools.peers import Array, Contender
from closs._tools.timing import in_units, race

SHAPES = [
    ((64, 10), -1),
    ((8192, 2), -1),
    ((8192, 10), -1),
    ((8192, 100), -1),
    ((4096, 1000), -1),
    ((512, 32000), -1),
    ((128, 128256), -1),
    ((32, 81, 8732), 1),
]
# logsumexp is a value; the others fill a fresh array ("value") or, in closs, a given one ("out").
TRANSFORMS = {"softmax": ("value", "out"), "log_softmax": ("value", "out"), "logsumexp": ("value",)}
TRANSFORM_SHAPES = [((64, 10), -1), ((8192, 10), -1), ((4096, 1000), -1), ((512, 32000), -1), ((32, 81, 8732), 1)]
# Other losses: of logits (with targets of the same shape, or labels) and of elements.
LOGIT_LOSSES = ("label_smoothing", "probabilities", "distillation", "softmax_entropy")
LOGIT_SHAPES: list[tuple[tuple[int, ...], int]] = [
    ((64, 10), -1),
    ((8192, 10), -1),
    ((4096, 1000), -1),
    ((512, 32000), -1),
]
MEASURES = ("entropy", "kl_divergence", "js_divergence")
ELEMENT_LOSSES = ("l1", "mse", "huber", "smooth_l1", "sigmoid")
ELEMENT_SHAPES: list[tuple[tuple[int, ...], int]] = [((1000,), -1), ((100_000,), -1), ((10_000_000,), -1)]
HALF_SHAPES = LOGIT_SHAPES
BEHIND = 0.95


@dataclass
class Result:
    case: str
    function: str
    dtype: str
    shape: tuple[int, ...]
    axis: int
    output: str
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def best_peer(self) -> str | None:
        return min((name for name in self.seconds if name != "closs"), key=self.seconds.__getitem__, default=None)

    @property
    def ratio(self) -> float | None:
        return None if self.best_peer is None else self.seconds[self.best_peer] / self.seconds["closs"]

    @property
    def gigabytes_per_second(self) -> float:
        value_only = self.function == "logsumexp" or (self.function == "cross_entropy" and self.output == "value")
        passes = 1 if value_only else 2  # logits read; gradient or result written
        return passes * prod(self.shape) * np.dtype(self.dtype).itemsize / self.seconds["closs"] / 1e9


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--only", action="append", metavar="TEXT", help="cases that contain TEXT; may be repeated")
    parser.add_argument("--peers", metavar="A,B", help=f"of {', '.join(peers.PEERS)} (default: all installed)")
    parser.add_argument("--rounds", type=int, default=7, help="timings of each contender (default: %(default)s)")
    parser.add_argument("--threads", type=int, help="threads for closs and the peers that let us choose")
    parser.add_argument("--quick", action="store_true", help="three rounds and no ceilings")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there, too")


def cases() -> Iterator[Result]:
    outputs_of: dict[str, tuple[str, ...]] = {"cross_entropy": ("value", "value+gradient"), **TRANSFORMS}
    for function, outputs in outputs_of.items():
        shapes = TRANSFORM_SHAPES if function in TRANSFORMS else SHAPES
        for dtype in ("float32", "float64"):
            for shape, axis in shapes:
                size = "x".join(map(str, shape)) + ("" if axis == -1 else f" axis={axis}")
                for output in outputs:
                    yield Result(f"{function} {dtype} {size} {output}", function, dtype, shape, axis, output)
    others: tuple[tuple[tuple[str, ...], list[tuple[tuple[int, ...], int]], tuple[str, ...]], ...] = (
        (("cross_entropy",), HALF_SHAPES, ("float16", "bfloat16")),
        (LOGIT_LOSSES, LOGIT_SHAPES, ("float32", "float64")),
        (MEASURES, LOGIT_SHAPES, ("float32", "float64")),
        (ELEMENT_LOSSES, ELEMENT_SHAPES, ("float32", "float64")),
    )
    for functions, shapes, dtypes in others:
        for function in functions:
            for dtype in filter(peers.has_dtype, dtypes):
                for shape, axis in shapes:
                    for output in ("value", "value+gradient"):
                        size = "x".join(map(str, shape))
                        yield Result(f"{function} {dtype} {size} {output}", function, dtype, shape, axis, output)


def ceilings(threads: int) -> dict[str, float]:
    """Bytes per second of reading (a maximum) and copying arrays of 256 MB, by numpy on as many threads; best of 5."""
    source, target = np.ones(2**26, dtype=np.float32), np.zeros(2**26, dtype=np.float32)
    parts = list(zip(np.array_split(source, threads), np.array_split(target, threads), strict=True))
    with ThreadPoolExecutor(threads) as pool:

        def best(function: Callable[[tuple[Array, Array]], object], size: int) -> float:
            times = [race({"": lambda: list(pool.map(function, parts))}, rounds=1)[""] for _ in range(5)]
            return size / min(times)

        return {
            "read": best(lambda part: part[0].max(), source.nbytes),
            "copy": best(lambda part: np.copyto(part[1], part[0]), 2 * source.nbytes),
        }


def contenders_of(result: Result, names: list[str]) -> dict[str, Callable[[], object]]:
    """What is timed, by name; checked before."""
    rng = np.random.default_rng(7)
    logits = (3 * rng.standard_normal(result.shape)).astype(peers.dtype_of(result.dtype))
    if result.function in MEASURES:
        logits = closs.softmax(logits)
    if result.function in (*LOGIT_LOSSES, *MEASURES, *ELEMENT_LOSSES) or result.dtype in ("float16", "bfloat16"):
        return losses_of(result, names, logits, rng)
    if result.function in TRANSFORMS:
        transforms = {name: peers.transform(name, result.function, logits, result.axis, result.output == "out")
                      for name in ["closs", *names] if name != "sklearn"}  # fmt: skip
        check_transforms(transforms, result.dtype)
        return dict(transforms)
    samples = tuple(extent for d, extent in enumerate(result.shape) if d != result.axis % len(result.shape))
    labels = rng.integers(0, result.shape[result.axis], samples)
    contenders: dict[str, Contender] = {"closs": peers.Closs(logits, labels, result.axis)}
    for name in names:
        try:
            contenders[name] = peers.PEERS[name](logits, labels, result.axis)
        except NotImplementedError:
            continue
    check(contenders, result.dtype)
    method = "value" if result.output == "value" else "value_and_gradient"
    return {name: getattr(peer, method) for name, peer in contenders.items()}


def as_arrays(result: object) -> list[Array]:
    return [np.asarray(part, dtype=np.float64) for part in (result if isinstance(result, tuple) else (result,))]


def losses_of(result: Result, names: list[str], x: Array, rng: np.random.Generator) -> dict[str, Callable[[], object]]:
    """Mean losses by closs, and by torch and numpy if they have them: calls that give value, or value and gradient."""
    target: Array = rng.random(result.shape).astype(x.dtype)
    if result.function in ("cross_entropy", "label_smoothing"):
        target = rng.integers(0, result.shape[-1], result.shape[:-1])
    elif result.function == "distillation" or result.function in MEASURES:
        target = x[::-1].copy()
    with_gradient = result.output != "value"
    calls: dict[str, Callable[[], object]] = {"closs": peers.closs_loss(result.function, x, target, with_gradient)}
    if "torch" in names:
        calls["torch"] = peers.torch_loss(result.function, x, target, with_gradient)
    if "numpy" in names and result.function in ELEMENT_LOSSES and result.function != "sigmoid":
        calls["numpy"] = peers.numpy_loss(result.function, x, target, with_gradient)
    if "scipy" in names and result.function in MEASURES and not with_gradient:
        calls["scipy"] = peers.scipy_measure(result.function, x, target)
    half = x.dtype.itemsize == 2
    for name, call in calls.items():
        for got, expected in zip(as_arrays(call()), as_arrays(calls["closs"]()), strict=True):
            tolerance = (3e-2 if half else 1e-3) * float(np.abs(expected).max())
            np.testing.assert_allclose(got, expected, rtol=0, atol=tolerance, err_msg=name)
    return calls


def check_transforms(transforms: dict[str, Callable[[], Array]], dtype: str) -> None:
    expected = transforms["closs"]().copy()
    for name, transform in transforms.items():
        np.testing.assert_allclose(
            transform(), expected, rtol=1e-3 if dtype == "float32" else 1e-9, atol=1e-5, err_msg=name
        )


def check(contenders: dict[str, Contender], dtype: str) -> None:
    """Raises if a peer answers another question than closs."""
    loss, gradient = contenders["closs"].value_and_gradient()
    tolerance = 2e-3 if dtype == "float32" else 1e-9  # float32 peers lose digits where losses are small
    for name, contender in contenders.items():
        value = contender.value()
        other_loss, other = contender.value_and_gradient()
        same = abs(other_loss - loss) <= tolerance * loss and abs(value - loss) <= tolerance * loss
        if not same or np.abs(other - gradient).max() > tolerance * np.abs(gradient).max():
            raise AssertionError(f"{name} and closs disagree: {other_loss} and {loss}")


def measure(results: list[Result], names: list[str], rounds: int) -> None:
    for number, result in enumerate(results):
        if sys.stderr.isatty():
            print(f"\r{number + 1}/{len(results)} {result.case:60}", end="", file=sys.stderr, flush=True)
        result.seconds = race(contenders_of(result, names), rounds)
    if sys.stderr.isatty():
        print(f"\r{'':80}\r", end="", file=sys.stderr)


def print_table(results: list[Result]) -> None:
    width = max(len(result.case) for result in results)
    print(f"{'case':{width}}  {'closs':>9}  {'GB/s':>5}  {'best peer':>17}  peers: their time / that of closs")
    for result in results:
        seconds = result.seconds
        best = "-" if result.best_peer is None else f"{result.ratio:.2f} x {result.best_peer}"
        ratios = "  ".join(f"{name} {seconds[name] / seconds['closs']:.2f}" for name in seconds if name != "closs")
        speed = f"{in_units(seconds['closs']):>9}  {result.gigabytes_per_second:5.1f}"
        print(f"{result.case:{width}}  {speed}  {best:>17}  {ratios}")


def print_summary(results: list[Result]) -> None:
    raced = sorted((result.ratio, result.case, result.best_peer) for result in results if result.ratio is not None)
    if not raced:
        print("no peer is installed")
        return
    for ratio, case, peer in raced:
        if ratio < BEHIND:
            print(f"BEHIND: {case}: {ratio:.2f} of {peer}")
    worst, where, _ = raced[0]
    if worst >= BEHIND:
        print("closs is behind in no case")
    ratios = [ratio for ratio, _, _ in raced]
    print(f"best peer / closs: geometric mean {geometric_mean(ratios):.2f}, median {median(ratios):.2f}, "
          f"worst {worst:.2f} ({where})")  # fmt: skip


def run(options: argparse.Namespace) -> int:
    installed = peers.installed_peers()
    names = installed if options.peers is None else options.peers.split(",")
    unknown = [name for name in names if name not in installed]
    results = [result for result in cases() if not options.only or any(text in result.case for text in options.only)]
    for fault, text in (
        (unknown, f"not installed or not known: {', '.join(unknown)}"),
        (not results, f"no case contains {' or '.join(options.only or [])}"),
        (options.rounds < 1, f"--rounds must be at least 1, got {options.rounds}"),
        (options.json and not options.json.resolve().parent.is_dir(), f"there is no folder for {options.json}"),
        (options.threads is not None and options.threads < 1, f"--threads must be at least 1, got {options.threads}"),
    ):
        if fault:
            print(f"closs bench: {text}", file=sys.stderr)
            return 2
    if options.threads:
        closs.set_num_threads(options.threads)
    threads = closs.get_num_threads()
    closs.show_config()
    print(f"  machine           {platform.machine()}, Python {platform.python_version()}, numpy {np.__version__}")
    limits = {} if options.quick else ceilings(threads)
    if limits:
        print("  memory ceilings   " + ", ".join(f"{name} {speed / 1e9:.1f} GB/s" for name, speed in limits.items()))
    print()
    measure(results, names, 3 if options.quick else options.rounds)
    print_table(results)
    print()
    print_summary(results)
    if options.json:
        report = {
            "version": closs.__version__, "threads": threads, "ceilings": limits,
            "results": [asdict(result) | {"best_peer": result.best_peer, "ratio": result.ratio} for result in results],
        }  # fmt: skip
        options.json.write_text(json.dumps(report, indent=1))
    return 0
