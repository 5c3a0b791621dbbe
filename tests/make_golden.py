"""Golden bits: hashes of results for a fixed set of inputs. Running this writes tests/golden.json anew:

    python tests/make_golden.py [function...]

Run it once at a level with fused multiply-add (avx2, avx512 and neon agree) and once with CLOSS_ISA=baseline, only when
bits are meant to change, and say in CHANGELOG.md why they did.
"""

import hashlib
import json
import sys
from pathlib import Path

import numpy as np

import closs
from closs import _core

try:
    import ml_dtypes  # makes bfloat16 known to numpy
except ImportError:
    ml_dtypes = None

FILE = Path(__file__).with_name("golden.json")
LEVEL = "baseline" if _core.current_isa() == "baseline" else "fma"


def numbers(count, seed):
    """Multiples of 1/256 in [-8, 8): exact in float16, and the same on every machine and numpy."""
    state = np.arange(count, dtype=np.uint64) + np.uint64(seed * 0x9E3779B97F4A7C15 % 2**64)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        state = (state ^ (state >> np.uint64(shift))) * np.uint64(factor)
    state ^= state >> np.uint64(31)
    return (state >> np.uint64(52)).astype(np.float64) / 256 - 8


def inputs(shape, axis, dtype):
    """Logits, probabilities, labels, class weights and sample weights; the first two in the dtype, which holds them."""
    seed, size, classes = 1, int(np.prod(shape)), shape[axis]
    samples = tuple(np.delete(shape, axis))
    steps = 16 if dtype == "bfloat16" else 256
    logits, others = (np.floor(numbers(size, seed + k).reshape(shape) * steps) / steps for k in range(2))
    probabilities = np.abs(others) / 8
    labels = (np.abs(numbers(int(np.prod(samples)), seed + 2)) * 256).astype(np.int64).reshape(samples) % classes
    return (
        logits.astype(dtype),
        probabilities.astype(dtype),
        labels,
        np.abs(numbers(classes, seed + 3)),
        np.abs(numbers(labels.size, 9)).reshape(samples),
    )


SHAPES = [
    ((300, 3), 1),
    ((70, 100), 1),
    ((900, 300), 1),
    ((9, 1300), 1),
    ((1, 300000), 1),
    ((2, 40000), 1),
    ((3, 130, 40), 1),
]


def calls(shape, axis, dtype):
    """Name and call of each function; a call takes what turns each input into the one to use, and gives all outputs."""
    x, p, labels, by_class, by_sample = inputs(shape, axis, dtype)
    target = x[::-1] if x.ndim == 2 else x[:, ::-1]
    derivatives = {"grad": True, "hess": True}
    options = {"axis": axis, "reduction": "none"}
    weighted = {"class_weight": by_class, "sample_weight": by_sample}
    table = {
        "softmax": lambda f: closs.softmax(f(x), axis=axis),
        "log_softmax": lambda f: closs.log_softmax(f(x), axis=axis),
        "logsumexp": lambda f: closs.logsumexp(f(x), axis=axis),
        "cross_entropy": lambda f: closs.softmax_cross_entropy(f(x), f(labels), **options, **derivatives),
        "cross_entropy, weighted mean": lambda f: closs.softmax_cross_entropy(
            f(x), f(labels), axis=axis, grad=True, **weighted
        ),
        "cross_entropy, probabilities": lambda f: closs.softmax_cross_entropy(f(x), f(p), **options, **derivatives),
        "cross_entropy, smoothed mean": lambda f: closs.softmax_cross_entropy(
            f(x), f(labels), axis=axis, label_smoothing=0.125, **derivatives, **weighted
        ),
        "softmax_entropy": lambda f: closs.softmax_entropy(f(x), axis=axis, grad=True),
        "distillation": lambda f: closs.distillation_loss(f(x), f(target), temperature=2, **options, grad=True),
        "sigmoid": lambda f: closs.sigmoid_cross_entropy(f(x), f(p), **derivatives),
        "sigmoid, weighted": lambda f: closs.sigmoid_cross_entropy(
            f(x), f(p), pos_weight=3.0, sample_weight=f(p), reduction="none", **derivatives
        ),
    }
    table["zero_one"] = lambda f: closs.zero_one_loss(f(x), f(labels), axis=axis, sample_weight=f(by_sample))
    q = p[::-1] if p.ndim == 2 else p[:, ::-1]
    for name in ("cross_entropy", "kl_divergence", "js_divergence"):
        function = getattr(closs, name)
        for wrt in ("p", "q"):
            table[f"{name} of probabilities, {wrt}"] = lambda f, function=function, wrt=wrt: function(
                f(p), f(q), axis=axis, wrt=wrt, grad=True
            )
    table["cross_entropy of probabilities, labels"] = lambda f: closs.cross_entropy(
        f(labels), f(q), axis=axis, sample_weight=f(by_sample), grad=True
    )
    table["zero_one of each"] = lambda f: closs.zero_one_loss(f(x), f(labels), axis=axis, reduction="none")
    table["zero_one of labels"] = lambda f: closs.zero_one_loss(f(labels), f(labels[::-1]))
    table["entropy"] = lambda f: closs.entropy(f(p), axis=axis, grad=True)
    table["entropy in bits"] = lambda f: closs.entropy(
        f(p), axis=axis, base=2, sample_weight=f(by_sample), reduction="mean"
    )
    for name in ("l1", "mse", "huber", "smooth_l1", "pseudo_huber", "log_cosh", "quantile"):
        function = getattr(closs, f"{name}_loss")
        table[name] = lambda f, function=function: function(f(x), f(target), **derivatives)
    return table


def digest(result):
    """A hash of shape, dtype and bits, the memory order left out."""
    hasher = hashlib.sha256()
    for part in result if isinstance(result, tuple) else (result,):
        array = np.ascontiguousarray(part)
        hasher.update(f"{array.shape} {array.dtype}".encode())
        hasher.update((array + array.dtype.type(0)).tobytes())  # -0 as 0
    return hasher.hexdigest()[:16]


def problems():
    for dtype in ("float32", "float64", "float16", *(["bfloat16"] if ml_dtypes else [])):
        for shape, axis in SHAPES:
            yield dtype, shape, axis


def key(name, dtype, shape):
    return f"{name} {dtype} {'x'.join(map(str, shape))}"


if __name__ == "__main__":
    golden = json.loads(FILE.read_text()) if FILE.exists() else {}
    hashes = golden.setdefault(LEVEL, {})
    for dtype, shape, axis in problems():
        for name, function in calls(shape, axis, dtype).items():
            if not sys.argv[1:] or name in sys.argv[1:]:
                hashes[key(name, dtype, shape)] = digest(function(np.asarray))
    FILE.write_text(
        json.dumps({level: dict(sorted(golden[level].items())) for level in sorted(golden)}, indent=0) + "\n"
    )
    print(f"{len(hashes)} hashes of level {LEVEL} in {FILE.name}")
