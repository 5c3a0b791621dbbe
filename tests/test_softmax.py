"""softmax, log_softmax and logsumexp: against the definition in extended precision, special rows, memory, errors."""

from math import inf, nan
from typing import NamedTuple

import cases
import mpmath
import numpy as np
import pytest
import reference

import closs

LONG = np.longdouble
LIKE_INPUT = [closs.softmax, closs.log_softmax]
FUNCTIONS = [*LIKE_INPUT, closs.logsumexp]


def both_layouts(x):
    """Classes fastest, and samples fastest."""
    return x, np.asfortranarray(x)


def exact_row(row):
    """logsumexp and log_softmax of one row from the definition, in enough digits for what is tiny beside one."""
    with mpmath.workdps(400):
        numbers = [mpmath.mpf(float(number)) for number in row]
        total = mpmath.fsum([mpmath.exp(number) for number in numbers])
        log = mpmath.log(total)
        to_long = reference.long_from_mpmath
        logs = np.array([to_long(number - log) for number in numbers], LONG)
        return to_long(log), np.array([to_long(mpmath.exp(number) / total) for number in numbers], LONG), logs


def check(x):
    """Every function within its published bound, in both layouts."""
    eps, tiny = LONG(np.finfo(x.dtype).eps), LONG(np.finfo(x.dtype).smallest_subnormal)
    exact = [exact_row(row) for row in x]
    totals = np.array([row[0] for row in exact])
    probabilities, logs = np.array([row[1] for row in exact]), np.array([row[2] for row in exact])
    gap = x.max(axis=1, keepdims=True).astype(LONG) - x.astype(LONG)
    half_ulp = np.spacing(np.where(np.isfinite(gap), gap, 0).astype(x.dtype)).astype(LONG) / 2
    plain = eps * (8 + np.sqrt(x.shape[1]) / 16)
    # What rounding each difference from the maximum does to their sum.
    wobble = (probabilities * half_ulp).sum(axis=1, keepdims=True)
    with np.errstate(invalid="ignore"):
        log_bound = np.abs(logs) * plain + half_ulp + tiny
    for given in both_layouts(x):
        value = closs.logsumexp(given)
        size = np.maximum(np.abs(x).max(axis=1).astype(LONG), np.abs(totals))
        reference.assert_within(value, totals, 2 * eps * size + wobble[:, 0], "logsumexp")
        got = closs.softmax(given)
        reference.assert_within(got, probabilities, probabilities * (plain + half_ulp + wobble) + tiny, "softmax")
        reference.assert_within(closs.log_softmax(given), logs, log_bound + wobble, "log_softmax")


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("classes", [1, 2, 3, 10, 16, 17, 33, 100, 127, 128, 129, 160, 192, 193, 288, 513, 700])
def test_ordinary_rows(classes, dtype, rng):
    check((4 * rng.standard_normal((17, classes) if classes < 200 else (3, classes))).astype(dtype))


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("classes", [2, 5, 130, 600])
def test_confident_rows(classes, dtype, rng):
    """The logarithm of a probability next to one keeps its digits down to underflow."""
    gaps = [10, 18, 45, 80, 100] if dtype == "f4" else [10, 40, 200, 700, 740]
    x = rng.standard_normal((len(gaps), classes))
    x[np.arange(len(gaps)), rng.integers(0, classes, len(gaps))] += gaps
    x = x.astype(dtype)
    check(x)
    exact = np.array([exact_row(row)[2] for row in x])
    top = x.argmax(axis=1)[:, None]
    relative = np.take_along_axis(closs.log_softmax(x), top, 1) / np.take_along_axis(exact, top, 1) - 1
    normal = np.abs(np.take_along_axis(exact, top, 1)) > np.finfo(dtype).smallest_normal
    assert np.abs(relative[normal]).max() < (2e-5 if dtype == "f4" else 2e-13)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("classes", [3, 130, 2000])
def test_the_maximum_moves(classes, dtype):
    """Ramps and ties: the largest term changes from block to block, or is met again."""
    ramp = np.linspace(0, 60, classes).astype(dtype)
    check(np.stack([ramp, ramp[::-1], np.zeros_like(ramp), np.round(ramp / 20)]))


class Row(NamedTuple):
    x: list
    logsumexp: float
    softmax: list
    log_softmax: list


ROWS = [
    Row([-inf, -inf], -inf, [nan, nan], [nan, nan]),
    Row([1, inf], inf, [nan, nan], [nan, nan]),
    Row([inf, inf, 0], inf, [nan] * 3, [nan] * 3),
    Row([inf, -inf], inf, [nan, nan], [nan, nan]),
    Row([nan, inf], nan, [nan, nan], [nan, nan]),
    Row([inf, nan], nan, [nan, nan], [nan, nan]),
    Row([-inf, nan], nan, [nan, nan], [nan, nan]),
    Row([1, nan], nan, [nan, nan], [nan, nan]),
    Row([1, -inf], 1, [1, 0], [0, -inf]),
    Row([3e38, 3e38], 3e38, [0.5, 0.5], [-0.6931472, -0.6931472]),
    Row([3e38, -3e38], 3e38, [1, 0], None),
    Row([0, -18], 1.5229979e-8, [1, 1.5229979e-8], [-1.5229979e-8, -18]),
    Row([0, -90], 8.194013e-40, [1, 8.194013e-40], [-8.194013e-40, -90]),
    Row([0], 0, [1], [0]),
    Row([inf], inf, [nan], [nan]),
    Row([-inf], -inf, [nan], [nan]),
]


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("padding", [0, 150, 1500])
@pytest.mark.parametrize("row", ROWS, ids=lambda row: str(row.x))
def test_special_rows(row, padding, dtype, rng):
    """Alone and with classes of probability zero; the ordinary rows beside it keep their bits."""
    width = len(row.x) + padding
    x = rng.standard_normal((20, width)).astype(dtype)
    before = [function(x) for function in FUNCTIONS]
    x[7] = -inf
    places = np.linspace(0, width - 1, len(row.x)).astype(int)
    x[7, places] = row.x
    others = np.arange(20) != 7
    for given in both_layouts(x):
        for function, ordinary in zip(FUNCTIONS, before, strict=True):
            wanted = getattr(row, function.__name__)
            if wanted is None:
                continue
            got = function(given)
            if given.flags.c_contiguous:
                reference.assert_same_bits(got[others], ordinary[others])
            here = got[7] if function is closs.logsumexp else got[7, places]
            np.testing.assert_allclose(here, wanted, rtol=1e-6 if dtype == "f8" else 2e-6)
            assert not (np.signbit(here) & (here == 0)).any()


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_empty(dtype):
    np.testing.assert_array_equal(closs.logsumexp(np.empty((3, 0), dtype)), [-inf] * 3)
    assert closs.logsumexp(np.empty((0, 3), dtype)).shape == (0,)
    assert closs.logsumexp(np.empty((0, 3), dtype), axis=None) == -inf
    for function in LIKE_INPUT:
        for shape in ((3, 0), (0, 3), (0,), (4, 5, 0)):
            for axis in (-1, 0, len(shape) // 2, None):
                result = function(np.empty(shape, dtype), axis=axis)
                assert result.shape == shape
                assert result.dtype == dtype


@pytest.mark.parametrize("function", LIKE_INPUT)
@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("shape", [(40, 3), (33, 129), (5, 1300), (3, 4, 20), (2, 300, 33)])
def test_axes_orders_and_buffers(shape, dtype, function, rng):
    """Every axis and order of memory gives what moving the axis gives; `out` and in place give the same bits."""
    x = rng.standard_normal(shape).astype(dtype)
    for axis in range(len(shape)):
        expected = np.moveaxis(function(np.moveaxis(x, axis, -1).copy()), -1, axis)
        for given in (x, np.asfortranarray(x), x[::-1], x[..., ::-1], np.repeat(x, 2, 0)[::2]):
            flipped = given is not x and given.strides != x.strides and given.base is x
            fresh = function(given, axis=axis - len(shape))
            if not flipped:
                np.testing.assert_allclose(fresh, expected, rtol=20 * np.finfo(dtype).eps, atol=1e-6)
            out = np.repeat(np.empty_like(given), 2, 0)[::2]
            assert function(given, axis=axis, out=out) is out
            reference.assert_same_bits(out, fresh)
            copy = given.copy(order="K")
            assert function(copy, axis=axis, out=copy) is copy
            reference.assert_same_bits(copy, function(given.copy(order="K"), axis=axis))


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_axis_none(dtype, rng):
    x = rng.standard_normal((6, 7, 8)).astype(dtype)
    for given in (x, np.asfortranarray(x), x[::2], x.transpose(1, 0, 2)):
        flat = given.ravel()
        assert closs.logsumexp(given, axis=None) == closs.logsumexp(flat)
        assert closs.logsumexp(given, axis=None, keepdims=True).shape == (1, 1, 1)
        for function in LIKE_INPUT:
            expected = function(flat).reshape(given.shape)
            reference.assert_same_bits(function(given, axis=None), expected)
            for out in (np.empty_like(given), np.empty(given.shape, dtype), np.empty(given.shape, dtype, order="F")):
                assert function(given, axis=None, out=out) is out
                reference.assert_same_bits(out, expected)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_logsumexp_shapes(dtype, rng):
    x = rng.standard_normal((4, 5, 6)).astype(dtype)
    for axis in (0, 1, 2, -1):
        plain = closs.logsumexp(x, axis=axis)
        assert plain.shape == tuple(np.delete(x.shape, axis))
        assert plain.dtype == dtype
        kept = closs.logsumexp(x, axis=axis, keepdims=True)
        reference.assert_same_bits(kept, np.expand_dims(plain, axis))
        out = np.empty(plain.shape[::-1], dtype).T
        assert closs.logsumexp(x, axis=axis, out=out) is out
        reference.assert_same_bits(out, plain)
        out = np.empty_like(kept)
        assert closs.logsumexp(x, axis=axis, keepdims=True, out=out) is out
        reference.assert_same_bits(out, kept)
    one = closs.logsumexp(x[0, 0])
    assert type(one) is x.dtype.type
    scalar = np.empty((), dtype)
    assert closs.logsumexp(x[0, 0], out=scalar) is scalar
    assert scalar == one


def test_other_inputs():
    for function in FUNCTIONS:
        expected = function(np.array([[1.0, 2.0], [0.0, 1.0]]))
        assert expected.dtype == "f8"
        for given in ([[1, 2], [0, 1]], np.array([[1, 2], [0, 1]], "i2"), np.array([[1, 2], [0, 1]], ">f8")):
            np.testing.assert_array_equal(function(given), expected)
        np.testing.assert_array_equal(function([True, False]), function([1.0, 0.0]))


def test_threads_and_inputs(rng):
    for shape, axis in (((60_000, 10), 1), ((700, 1000), 1), ((3, 30, 9000), 1)):
        x = rng.standard_normal(shape).astype("f4")
        copy = x.copy()
        for function in FUNCTIONS:
            results = []
            for count in (1, 2, 3, 7):
                with closs.threads(count):
                    results.append(function(x, axis=axis))
            for result in results[1:]:
                reference.assert_same_bits(result, results[0])
        np.testing.assert_array_equal(x, copy)


X = np.arange(12.0).reshape(4, 3)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_errors_of_all(function):
    for x, words in (
        (X.astype("c8"), "x: unsupported dtype complex64"),
        (np.ma.masked_array(X), "x: masked arrays are not supported"), (["a"], "x: unsupported dtype str"),
    ):  # fmt: skip
        with pytest.raises(TypeError, match=words):
            function(x)
    with pytest.raises(ValueError, match=r"x must have at least 1 dimension, got shape \(\)"):
        function(1.0)
    with pytest.raises(np.exceptions.AxisError, match="axis 2 is out of bounds"):
        function(X, axis=2)
    with pytest.raises(TypeError, match="axis must be an integer, got float"):
        function(X, axis=0.0)
    with pytest.raises(TypeError, match="out must be an array or None, got list"):
        function(X, out=[0])
    with pytest.raises(TypeError, match="positional argument"):
        function(X, 1)
    with pytest.raises(TypeError, match="unexpected keyword argument 'dtype'"):
        function(X, dtype="f4")


@pytest.mark.parametrize("function", LIKE_INPUT)
def test_errors_of_out(function):
    x = X.copy()
    for out, exception, words in (
        (np.zeros((4, 3), "f4"), TypeError, "out has dtype float32, expected float64"),
        (np.zeros((3, 4)), ValueError, r"out has shape \(3, 4\), expected \(4, 3\)"),
        (np.broadcast_to(np.zeros(3), (4, 3)), ValueError, "out is read-only"),
        (x.reshape(3, 4).T, ValueError, "out overlaps x without being the same array"),
        (x[::-1], ValueError, "out overlaps x without being the same array"),
    ):
        with pytest.raises(exception, match=words):
            function(x, out=out)
        np.testing.assert_array_equal(x, X)


def test_errors_of_logsumexp():
    x = X.copy()
    for out, keepdims, exception, words in (
        (np.zeros(3), False, ValueError, r"out has shape \(3,\), expected \(4,\)"),
        (np.zeros(4), True, ValueError, r"out has shape \(4,\), expected \(4, 1\)"),
        (np.zeros((4, 1), "f4"), True, TypeError, "out has dtype float32, expected float64"),
        (x[:, 0], False, ValueError, "out overlaps x"),
    ):
        with pytest.raises(exception, match=words):
            closs.logsumexp(x, out=out, keepdims=keepdims)
    with pytest.raises(TypeError, match="keepdims must be True or False, got int"):
        closs.logsumexp(x, keepdims=1)
    np.testing.assert_array_equal(x, X)


def test_cross_entropy_is_their_difference(rng):
    """-log_softmax at the label, in every class count."""
    for classes in cases.CLASSES:
        x = rng.standard_normal((20, classes))
        labels = rng.integers(0, classes, 20)
        loss = closs.softmax_cross_entropy(x, labels, reduction="none")
        logs = np.take_along_axis(closs.log_softmax(x), labels[:, None], 1)[:, 0]
        np.testing.assert_allclose(loss, -logs, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("axis", [0, 1])
def test_gaps_beyond_float32(axis):
    """Finite logits whose gap, or its product with a target, is no float32: the loss still is one."""
    x = np.zeros((40, 300), "f4")
    x[:, 3], x[:, 200], x[::2, 201] = 3e38, -3e38, -1e33
    teacher = np.zeros((40, 300), "f4")
    teacher[:, 200] = -10
    given, teachers = np.moveaxis(x, 1, axis).copy(), np.moveaxis(teacher, 1, axis).copy()
    gaps = 3e38 - np.float64(x)
    smoothed = closs.softmax_cross_entropy(given, np.full(40, 3), axis=axis, label_smoothing=0.003, reduction="none")
    np.testing.assert_allclose(smoothed, 0.003 / 300 * gaps.sum(1), rtol=1e-5)
    shared = closs.softmax_cross_entropy(given, np.full(given.shape, 0.001, "f4"), axis=axis, reduction="none")
    np.testing.assert_allclose(shared, 0.001 * gaps.sum(1), rtol=1e-5)
    shares = np.exp(np.float64(teacher)) / np.exp(np.float64(teacher)).sum(1, keepdims=True)
    distilled = closs.distillation_loss(given, teachers, axis=axis, reduction="none")
    np.testing.assert_allclose(distilled, (shares * gaps).sum(1), rtol=1e-5)


@pytest.mark.parametrize("axis", [0, 1])
def test_targets_whose_sum_is_no_float32(axis):
    x = np.zeros((40, 300), "f4")
    x[:, 3], x[:, 19] = 80, 80 + np.log(3)
    targets = np.zeros((40, 300), "f4")
    targets[:, 3], targets[:, 19] = 3e38, 3e38  # in the same lane
    given, wanted = np.moveaxis(x, 1, axis).copy(), np.moveaxis(targets, 1, axis).copy()
    _, gradient = closs.softmax_cross_entropy(given, wanted, axis=axis, reduction="sum", grad=True)
    expected = np.zeros((40, 300))
    expected[:, 3], expected[:, 19] = (0.25 * 6 - 3) * 1e38, (0.75 * 6 - 3) * 1e38
    np.testing.assert_allclose(np.moveaxis(gradient, axis, 1), expected, rtol=1e-5, atol=1e8)


@pytest.mark.parametrize("in_place", [False, True])
@pytest.mark.parametrize("smoothing", [1e-9, 0.1, 1.0])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("classes", [193, 512, 513, 1700, 20011])
def test_smoothed_rows(rng, classes, dtype, smoothing, in_place):
    """More classes than are lanes: kernels of rows smooth labels themselves. Uncertain and confident rows, labels at
    the maximum and far from it, logits as far apart as there are, and a class that cannot be."""
    wide = np.float64 if dtype == np.float64 else np.float32
    logits = (4 * rng.standard_normal((7, classes))).astype(dtype)
    labels = rng.integers(0, classes, 7)
    logits[1, labels[1]] = 30
    logits[2, (labels[2] + 1) % classes] = 30
    logits[3] = 0
    logits[4], logits[4, 0] = -np.finfo(dtype).max, np.finfo(dtype).max
    logits[5, (labels[5] + 1) % classes] = -np.inf
    given = logits.astype(np.longdouble)
    gaps = given.max(axis=1, keepdims=True) - given
    others = np.exp(-gaps)
    others[np.arange(7), given.argmax(axis=1)] = 0
    log_sum = np.log1p(others.sum(axis=1, keepdims=True))
    targets = np.full(given.shape, np.longdouble(smoothing) / classes)
    targets[np.arange(7), labels] += 1 - np.longdouble(smoothing)
    losses, p = (targets * (gaps + log_sum)).sum(axis=1), np.exp(-gaps - log_sum)

    expected, _, hess = closs.softmax_cross_entropy(
        logits, labels, label_smoothing=smoothing, reduction="none", grad=True, hess=True
    )
    grad = logits if in_place else np.empty(logits.shape, wide)
    values, grad = closs.softmax_cross_entropy(logits, labels, label_smoothing=smoothing, reduction="none", grad=grad)
    eps = np.finfo(wide).eps
    assert np.array_equal(values, expected)
    assert values[5] == inf
    values, losses = np.delete(values, 5), np.delete(losses, 5)
    assert np.all((values == losses) | (abs(values - losses) <= 12 * eps * losses) | (losses > np.finfo(wide).max))
    rounding = np.finfo(grad.dtype).eps + 40 * eps
    assert np.all(abs(grad - (p - targets)) <= rounding * (p + targets) + 2 * np.finfo(grad.dtype).smallest_subnormal)
    rounding = np.finfo(hess.dtype).eps + 40 * eps
    assert np.all(abs(hess - p * (1 - p)) <= rounding * p + 2 * np.finfo(hess.dtype).smallest_subnormal)
