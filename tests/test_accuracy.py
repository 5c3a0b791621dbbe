"""The published bound, against the oracle: every class count round an edge, every confidence, common offsets, ties."""

import math

import cases
import numpy as np
import pytest
import reference

import closs

DTYPES = ["f4", "f8"]
LAYOUTS = ["classes fastest", "samples fastest"]


def check(logits, labels, layout, **options):
    given = logits if layout == "classes fastest" else np.asfortranarray(logits)
    loss, gradient = closs.softmax_cross_entropy(given, labels, grad=True, reduction="none", **options)
    answer = reference.cross_entropy(logits, labels, reduction="none", **options)
    reference.assert_matches(loss, gradient, answer, f"{logits.shape} {layout}")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("classes", cases.CLASSES)
def test_every_class_count(classes, layout, dtype, rng):
    logits = (4 * rng.standard_normal((18, classes))).astype(dtype)
    labels = rng.integers(0, classes, 18)
    labels[:2] = 0, classes - 1
    check(logits, labels, layout)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("classes", cases.LONG_CLASSES)
def test_long_rows(classes, layout, dtype, rng):
    logits = (4 * rng.standard_normal((2, classes))).astype(dtype)
    check(logits, rng.integers(0, classes, 2), layout)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(("dtype", "gaps"), [("f4", [10, 15, 16.5, 18, 23, 36, 45, 69, 87, 100, 103.9]),
                                             ("f8", [10, 23, 36, 37, 45, 69, 100, 300, 600, 700, 744])])  # fmt: skip
@pytest.mark.parametrize("classes", [2, 3, 10, 100, 129, 192, 700])
def test_confident_rows(dtype, gaps, layout, classes, rng):
    """The label leads, or trails, by a gap: loss, p_y - 1 and all other entries keep their digits down to underflow."""
    for offset in (0.0, 50.0, 1e4):
        logits = (rng.standard_normal((2 * len(gaps), classes)) + offset).astype(dtype)
        labels = rng.integers(0, classes, len(logits))
        rows = np.arange(len(logits))
        logits[rows, labels] += np.array(gaps + [-gap for gap in gaps], dtype)
        check(logits, labels, layout)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("classes", [3, 40, 600, 5000])
def test_gap_in_another_block(dtype, layout, classes):
    """The maximum comes last, after sums that must be rescaled by almost nothing; and first."""
    eps_range = 80 if dtype == "f4" else 700
    ramp = np.linspace(0, eps_range, classes).astype(dtype)
    check(np.stack([ramp, ramp[::-1], ramp]), np.array([0, 0, classes - 1]), layout)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("classes", [2, 33, 128, 1000, 20000])
def test_ties_and_equal_terms(dtype, layout, classes):
    """Equal terms make equal rounding errors, which add up instead of cancelling."""
    logits = np.zeros((4, classes), dtype)
    logits[1] = -1
    logits[1, 0] = 0
    logits[2] = 0.7
    logits[2, -1] = 1
    logits[3] = -17.3
    logits[3, classes // 2] = 0
    for labels in ([0] * 4, [classes - 1] * 4, [classes // 2] * 4):
        check(logits, np.array(labels), layout)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_bit_patterns(dtype, layout, rng):
    """Raw bits, more of them near zero: subnormals, both zeros, huge and tiny numbers beside each other."""
    unsigned = f"u{np.dtype(dtype).itemsize}"
    for classes in (2, 7, 130):
        bits = rng.integers(0, np.iinfo(unsigned).max, (40, classes), dtype=unsigned, endpoint=True)
        logits = bits.view(dtype)
        logits = np.where(np.isnan(logits), dtype == "f4", logits).astype(dtype)
        small = rng.random(logits.shape) < 0.3
        logits[small] = (rng.standard_normal(small.sum()) * 10.0 ** rng.integers(-45, 2, small.sum())).astype(dtype)
        check(logits, rng.integers(0, classes, 40), layout)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("zeros", [0.0, 0.3])
@pytest.mark.parametrize("octaves", [1, 16, 23, 24, 28, 32, 36, 50])
def test_sums_of_sample_weights(octaves, zeros, dtype, rng):
    """What two large ones that cancel leave of others: exact sums of floats of similar size, and those that keep what
    is rounded. Signs, zeros, subnormal floats."""
    for count in (40, 1023, 1024, 1025, 5000):
        for top in (octaves - 140, 0, 120) if dtype == "f4" else (0,):
            weights = np.ldexp(rng.uniform(1, 2, count), top - octaves) * rng.choice([1, 1, -1], count)
            weights[rng.random(count) < zeros] = 0
            weights = weights.astype(dtype)
            weights[[0, 32]] = np.ldexp([1.9, -1.9], top)  # of one lane
            exact = math.fsum(weights)
            gradient = closs.l1_loss(np.ones(count), 0, sample_weight=weights, grad=True)[1]
            assert abs(weights[0] / gradient[0] - exact) <= 3 * np.spacing(abs(exact))
