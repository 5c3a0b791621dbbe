"""What measures and the zero-one loss have of their own: labels, layouts, bases, worked examples."""

import math

import ml_dtypes
import numpy as np
import pytest

import closs

P, Q = np.array([0.7, 0.2, 0.1]), np.array([0.2, 0.6, 0.2])
PAIRS = [closs.cross_entropy, closs.kl_divergence, closs.js_divergence]


def test_worked_examples():
    """The numbers and identities that docs/losses.md shows, and Huber's loss on both sides of delta."""
    assert closs.entropy([1.0, 0.0, 0.0]) == 0
    assert closs.entropy([0.6, 0.3, 0.1]) == pytest.approx(0.8979457248567798, rel=1e-15)
    assert closs.kl_divergence(P, Q, base=10) == pytest.approx(0.2553204, abs=5e-8)
    assert closs.kl_divergence(Q, P, base=10) == pytest.approx(0.2376651, abs=5e-8)
    one_hot, predicted = np.array([1.0, 0.0, 0.0]), np.array([0.7, 0.1, 0.2])
    loss = -math.log(0.7)
    assert closs.kl_divergence(one_hot, predicted) == pytest.approx(loss, rel=1e-15)
    assert closs.cross_entropy(one_hot, predicted) == pytest.approx(loss, rel=1e-15)
    assert closs.cross_entropy(0, predicted) == pytest.approx(loss, rel=1e-15)
    assert closs.softmax_cross_entropy(np.log(predicted), 0) == pytest.approx(loss, rel=1e-15)
    assert closs.kl_divergence(P, Q) == pytest.approx(closs.cross_entropy(P, Q) - closs.entropy(P), rel=1e-14)
    d = np.linspace(-3, 3, 601)
    np.testing.assert_array_equal(
        closs.smooth_l1_loss(d, 0.0, reduction="none"), closs.huber_loss(d, 0.0, reduction="none")
    )
    for delta in (0.5, 1.0, 2.0):
        at = np.array([-delta, delta, np.nextafter(delta, 9), np.nextafter(delta, 0)])
        expected = np.where(np.abs(at) <= delta, at * at / 2, delta * (np.abs(at) - delta / 2))
        np.testing.assert_allclose(closs.huber_loss(at, 0.0, delta=delta, reduction="none"), expected, rtol=1e-15)


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
def test_labels(dtype, rng):
    q = rng.random((40, 7)).astype(dtype)
    labels = rng.integers(0, 7, 40)
    one_hot = np.eye(7, dtype=dtype)[labels]
    for axis in (0, 1):
        given, hot = np.moveaxis(q, 1, axis), np.moveaxis(one_hot, 1, axis)
        for kind in ("i1", "u8", ">i4"):
            value, gradient = closs.cross_entropy(labels.astype(kind), given, axis=axis, grad=True)
            expected, other = closs.cross_entropy(hot, given, axis=axis, grad=True)
            np.testing.assert_array_equal(value, expected)
            np.testing.assert_array_equal(gradient, other)
    with pytest.raises(IndexError, match="label 7 at row 0 is out of bounds for 7 classes"):
        closs.cross_entropy(np.full(40, 7), q)
    with pytest.raises(ValueError, match="wrt='p' needs probabilities"):
        closs.cross_entropy(labels, q, wrt="p")
    with pytest.raises(ValueError, match=r"p and q must have one shape: shapes \(40, 6\) and \(40, 7\) differ"):
        closs.cross_entropy(np.ones((40, 6)), q)
    with pytest.raises(TypeError, match=r"q holds integers.*softmax_cross_entropy"):
        closs.cross_entropy(q, labels)
    with pytest.raises(TypeError, match=r"q holds integers.*softmax_cross_entropy"):
        closs.cross_entropy(q, memoryview(labels))
    with pytest.raises(ValueError, match=r"q has shape .*softmax_cross_entropy"):
        closs.cross_entropy(q, rng.random(40))
    with pytest.raises(ValueError, match=r"p has shape \(2,\), expected .*: labels have the shape of q \(40, 7\)"):
        closs.cross_entropy([0, 1], q)
    with pytest.raises(ValueError, match="p cannot be read as an array: setting an array element with a sequence"):
        closs.cross_entropy([[0.5], [0.5, 0.5]], q)
    with pytest.raises(TypeError, match="p: masked arrays are not supported"):
        closs.cross_entropy(np.ma.masked_array(labels), q)
    assert closs.cross_entropy([], np.empty((0, 3))).shape == (0,)  # [] has no dtype of its own


@pytest.mark.parametrize("function", [closs.entropy, *PAIRS])
def test_no_axis(function):
    with pytest.raises(ValueError, match=r"p must have at least 1 dimension, got shape \(\)"):
        function(*[0.5] * (1 if function is closs.entropy else 2))


@pytest.mark.parametrize("function", PAIRS)
@pytest.mark.parametrize("shape", [(3, 200), (60, 5), (2, 40_000)])
def test_axes_layouts_and_weights(function, shape, rng):
    p, q = rng.random(shape), rng.random(shape)
    weights = rng.random(shape[0])
    plain, gradient = function(p, q, grad=True, wrt="p")
    for a, b in (
        (np.asfortranarray(p), np.asfortranarray(q)),
        (p[::-1, ::-1][::-1, ::-1], q),
        (p, np.asfortranarray(q)),
    ):
        value, other = function(a, b, grad=True, wrt="p")
        np.testing.assert_allclose(value, plain, rtol=1e-12)
        np.testing.assert_allclose(other, gradient, rtol=1e-12)
    value, other = function(p.T, q.T, axis=0, grad=True, wrt="p")
    np.testing.assert_allclose(value, plain, rtol=1e-12)
    np.testing.assert_allclose(other.T, gradient, rtol=1e-12)
    mean, other = function(p, q, reduction="mean", sample_weight=weights, grad=True, wrt="p")
    assert type(mean) is float
    assert mean == pytest.approx((plain * weights).sum() / weights.sum(), rel=1e-13)
    np.testing.assert_allclose(other, gradient * (weights / weights.sum())[:, None], rtol=1e-12)
    with pytest.raises(ValueError, match=r"sample_weight has shape .*, expected a scalar$"):
        function(p, q, axis=None, sample_weight=weights)
    whole = function(p, q, axis=None)
    assert whole == pytest.approx(plain.sum(), rel=1e-12)
    buffer = p.copy()
    assert function(buffer, q, grad=buffer, wrt="p")[1] is buffer
    np.testing.assert_array_equal(buffer, gradient)
    out = np.empty(shape[0])
    assert function(p, q, out=out) is out
    np.testing.assert_array_equal(out, plain)
    with pytest.raises(ValueError, match="grad overlaps p"):
        function(p, q, grad=p)
    for base in (2, 10, 0.5):
        np.testing.assert_allclose(function(p, q, base=base), plain / math.log(base), rtol=1e-13)


@pytest.mark.parametrize("function", [closs.entropy, *PAIRS])
def test_central_differences(function, rng):
    arrays = [rng.random(6) + 0.1 for _ in range(1 if function is closs.entropy else 2)]
    for place, wrt in enumerate(("p", "q")[: len(arrays)]):
        options = {"wrt": wrt} if len(arrays) == 2 else {}
        gradient = function(*arrays, grad=True, base=2, **options)[1]
        for j in range(6):
            moved = [[array.copy() for array in arrays] for _ in range(2)]
            moved[0][place][j] += 1e-6
            moved[1][place][j] -= 1e-6
            slope = (function(*moved[0], base=2) - function(*moved[1], base=2)) / 2e-6
            assert gradient[j] == pytest.approx(slope, rel=1e-6, abs=1e-8)


def test_exact_bits():
    for power in range(15):
        p = np.full(2**power, 0.5**power)
        for kind in ("f4", "f8"):
            assert closs.entropy(p.astype(kind), base=2) == power
    assert closs.kl_divergence([1.0, 0.0], [0.125, 0.875], base=2) == 3
    assert closs.js_divergence([1.0, 0.0], [0.0, 1.0], base=2) == 1


def test_empty():
    assert closs.entropy([]) == 0
    assert closs.kl_divergence(np.empty((2, 0)), np.empty((2, 0))).tolist() == [0, 0]
    assert closs.entropy(np.empty((0, 3))).shape == (0,)
    with pytest.warns(RuntimeWarning, match="mean of empty"):
        assert math.isnan(closs.entropy(np.empty((0, 3)), reduction="mean"))


class TestZeroOne:
    def test_labels(self):
        assert closs.zero_one_loss([1, -2, 3, 4], [1, -2, 0, 4]) == 0.25
        assert closs.zero_one_loss([True, False], [1, 1]) == 0.5
        assert closs.zero_one_loss(np.array([2**64 - 1], "u8"), np.array([-1], "i8")) == 1
        assert closs.zero_one_loss(np.array([200], "u1"), np.array([200], "i8")) == 0
        assert closs.zero_one_loss([1, 2, 3], [1, 0, 0], reduction="sum") == 2.0
        np.testing.assert_array_equal(closs.zero_one_loss([1, 2], [1, 0], reduction="none"), [0.0, 1.0])
        assert closs.zero_one_loss([1, 2, 3], [1, 0, 0], sample_weight=[2, 1, 1]) == 0.5
        assert closs.zero_one_loss(3, 3) == 0.0
        out = np.empty(2)
        assert closs.zero_one_loss([1, 2], [1, 0], reduction="none", out=out) is out

    def test_scores(self):
        inf, nan = np.inf, np.nan
        scores = np.array([[1, 1, 0], [0, nan, 2], [-inf, -inf, -inf], [0, 1, inf], [0, 3, 2]], "f4")
        wrong = closs.zero_one_loss(scores, [0, 2, 0, 2, 2], reduction="none")
        np.testing.assert_array_equal(wrong, [0, 1, 1, 0, 1])
        assert wrong.dtype == np.float32
        assert closs.zero_one_loss(scores.T, [0, 2, 0, 2, 2], axis=0) == 0.6
        assert closs.zero_one_loss([[1, 3], [2, 0]], [True, True]) == 0.5
        assert closs.zero_one_loss(scores.astype("f2"), [0, 2, 0, 2, 2], reduction="none").dtype == np.float32
        # Integer scores of one sample, and of an axis of one.
        assert closs.zero_one_loss(np.array([[1, 5]]), [1]) == 0
        assert closs.zero_one_loss(np.eye(3, dtype=int)[:, None], np.array([[0], [1], [0]]), reduction="sum") == 1

    @pytest.mark.parametrize(
        ("pred", "target", "words"),
        [
            (np.zeros((2, 3)), np.array([[0], [1]]), r"pred has shape \(2, 3\), expected target's \(2, 1\)"),
            (np.zeros((2, 3)), 1, r"pred has shape \(2, 3\), expected target's \(\)"),
            (np.zeros((2, 3, 4)), np.array([0, 1]), r"pred has shape \(2, 3, 4\), expected target's \(2,\)"),
            (np.zeros((2, 1), int), np.array([0, 1]), r"pred has shape \(2, 1\), expected target's \(2,\)"),
        ],
    )
    def test_shapes_that_do_not_fit(self, pred, target, words):
        with pytest.raises(ValueError, match=words):
            closs.zero_one_loss(pred, target)

    @pytest.mark.parametrize("dtype", ["f2", ml_dtypes.bfloat16, "f4", "f8"])
    @pytest.mark.parametrize("classes", [1, 2, 3, 4, 7, 8, 10, 33, 130, 288, 600])
    def test_scores_against_numpy(self, rng, classes, dtype):
        """Every class axis and memory order, ties and NaN, with weights: numpy's argmax, and a NaN is an error."""
        scores = rng.integers(0, 4 if classes < 20 else 40, (5, 61, classes)).astype("f8")
        scores[rng.random(scores.shape) < 0.1 / classes] = np.nan
        labels = np.where(rng.random((5, 61)) < 0.7, scores.argmax(-1), rng.integers(0, classes, (5, 61)))
        weights = rng.integers(-1, 4, (5, 61)) / 2
        wrong = (scores.argmax(-1) != labels) | np.isnan(scores).any(-1)
        for axis in range(3):
            for order in "CF":
                x = np.asarray(np.moveaxis(scores, -1, axis).astype(dtype), order=order)
                for given in (x, x[::-1, ::-1, ::-1].copy(order)[::-1, ::-1, ::-1], np.repeat(x, 2, -1)[..., ::2]):
                    found = closs.zero_one_loss(given, labels, axis=axis, reduction="none")
                    np.testing.assert_array_equal(found, wrong)
                    assert closs.zero_one_loss(given, labels, axis=axis) == wrong.mean()
                    total = closs.zero_one_loss(given, labels, axis=axis, sample_weight=weights, reduction="sum")
                    assert total == weights[wrong].sum()
        assert closs.zero_one_loss(scores[0, 0].astype(dtype), labels[0, 0]) == wrong[0, 0]

    @pytest.mark.parametrize("first", ["?", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", ">i4"])
    @pytest.mark.parametrize("second", ["?", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", ">i4"])
    def test_labels_of_any_dtypes(self, rng, first, second):
        """Compared as numbers of mathematics, however they lie in memory."""

        def labels(dtype):
            info = None if dtype == "?" else np.iinfo(dtype)
            picks = [0, 1] if info is None else [0, 1, info.min, info.max]
            return np.array([picks[k] for k in rng.integers(0, len(picks), 700)], dtype)

        a, b = labels(first), labels(second)
        same = rng.random(700) < 0.5
        a[same], b[same] = 1, 1
        wrong = np.array([int(x) != int(y) for x, y in zip(a, b, strict=True)])
        weights = rng.integers(0, 4, 700) / 2
        assert closs.zero_one_loss(a, b, reduction="sum") == wrong.sum()
        assert closs.zero_one_loss(a[::-1], b[::-1]) == wrong.mean()
        assert closs.zero_one_loss(a[::3], b[::3]) == wrong[::3].mean()
        assert closs.zero_one_loss(a, b, sample_weight=weights) == weights[wrong].sum() / weights.sum()
        found = closs.zero_one_loss(a.reshape(7, 100).T, np.asfortranarray(b.reshape(7, 100).T), reduction="none")
        np.testing.assert_array_equal(found, wrong.reshape(7, 100).T)

    def test_threads_and_neighbours(self, rng):
        """Weights that no order of additions leaves alone: the same bits by one thread and two."""
        weights = rng.random(300_000)
        labels, scores = rng.integers(0, 5, weights.size), rng.random((weights.size, 5))
        calls = [
            lambda: closs.zero_one_loss(scores, labels, sample_weight=weights),
            lambda: closs.zero_one_loss(labels, labels[::-1].copy(), sample_weight=weights),
        ]
        results = []
        for count in (1, 2):
            with closs.threads(count):
                results.append([call() for call in calls])
        assert results[0] == results[1]
        wrong = scores.argmax(1) != labels, labels != labels[::-1]
        for found, mask in zip(results[0], wrong, strict=True):
            assert found == pytest.approx(np.sum(weights[mask]) / np.sum(weights), rel=1e-14)

    def test_a_label_of_minus_100_gets_no_advice(self):
        with pytest.raises(IndexError, match=r"label -100 at row 0 is out of bounds for 2 classes$"):
            closs.zero_one_loss([[0.1, 0.9]], [-100])

    @pytest.mark.parametrize(
        ("pred", "target", "options", "error", "words"),
        [
            ([0, 1], [[0.1, 0.9], [0.2, 0.8]], {}, ValueError, "takes the prediction first, unlike scikit-learn"),
            ([0.5, 1.0], [0, 1], {}, TypeError, "pred: labels must be integers or bools, got float64"),
            ([0, 1], [0.5, 1.0], {}, TypeError, "target: labels must be integers or bools, got float64"),
            (["a"], ["a"], {}, TypeError, "target: labels must be integers or bools, got str$"),
            (np.ma.masked_array([1]), [1], {}, TypeError, "pred: masked arrays are not supported"),
            ([1], np.ma.masked_array([1]), {}, TypeError, "target: masked arrays are not supported"),
            ([[0.1, 0.9]], [0, 1], {}, ValueError, r"target has shape .* labels have the shape of pred \(1, 2\)"),
            ([[0.1], [0.9]], [False, True], {}, IndexError, "label 1 at row 1 is out of bounds for 1 classes"),
            ([0, 1, 2], [0, 1], {}, ValueError, r"pred has shape \(3,\), expected target's \(2,\)"),
            ([[0], [1]], [0, 1], {}, ValueError, "did you mean|has shape"),
            ([[0.1, 0.9]], [2], {}, IndexError, "label 2 at row 0 is out of bounds for 2 classes"),
            ([[0.1, 0.9]], [-1], {}, IndexError, "label -1 at row 0"),
            ([0, 1], [0, 1], {"sample_weight": [1, np.nan]}, ValueError, "sample_weight .* finite, got nan at row 1"),
            ([0, 1], [0, 1], {"sample_weight": [1]}, ValueError, "sample_weight has shape"),
            ([0, 1], [0, 1], {"reduction": "avg"}, ValueError, "reduction must be"),
            ([0, 1], [0, 1], {"out": np.zeros(2)}, ValueError, "out needs reduction='none'"),
            ([0, 1], [0, 1], {"out": np.zeros(3), "reduction": "none"}, ValueError, r"out has shape \(3,\)"),
        ],
    )
    def test_faults(self, pred, target, options, error, words):
        with pytest.raises(error, match=words):
            closs.zero_one_loss(pred, target, **options)

    def test_nothing(self):
        with pytest.warns(RuntimeWarning, match="mean of empty"):
            assert math.isnan(closs.zero_one_loss([], []))
        assert closs.zero_one_loss([], [], reduction="sum") == 0.0
        with pytest.warns(RuntimeWarning, match="mean of empty"):
            assert math.isnan(closs.zero_one_loss(np.empty((0, 3)), []))
        with pytest.warns(RuntimeWarning, match="mean of empty"):
            assert math.isnan(closs.zero_one_loss([1], [1], sample_weight=0))


@pytest.mark.parametrize(
    ("function", "labelled"),
    [(closs.cross_entropy, False), (closs.cross_entropy, True), (closs.kl_divergence, False)],
)
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_quotients_beyond_the_type(dtype, function, labelled):
    """-p / q that is subnormal or infinite, times a weight that makes it ordinary: no digit is lost on the way."""
    info, eps = np.finfo(dtype), np.finfo(dtype).eps
    tiny, large = info.smallest_subnormal, info.max
    p = np.array([1, 1e-3, 1, 0.25, 1, 0.5], dtype)
    q = np.array([large, large / 4, 64 * tiny, 8 * tiny, 0.5, 1], dtype)
    for weight in (float(large) * 1e-4, 1e-9, 1.0, -3e4):
        for n in (1, 40):
            qs = np.tile(np.roll(q, 1)[None], (n, 1))
            ps = np.zeros(n, int) if labelled else np.tile(np.roll(p, 1)[None], (n, 1))
            gradient = function(ps, qs, base=1.001, sample_weight=np.full(n, weight), grad=True)[1]
            numerator = np.eye(6)[ps] if labelled else ps
            with np.errstate(over="ignore"):
                exact = (
                    -np.longdouble(numerator) / np.longdouble(qs) * np.longdouble(weight) / np.log(np.longdouble(1.001))
                )
                rounded = exact.astype(dtype)
            bound = 8 * eps * np.abs(exact) + 2 * tiny
            with np.errstate(invalid="ignore"):
                right = (np.abs(gradient - exact) <= bound) | (gradient == rounded)
            assert right.all(), (gradient[~right], exact[~right])


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_js_near_the_largest_number(dtype):
    """Neither p + q nor the denominator of the derivative overflows, whatever lies beside them."""
    largest = np.longdouble(np.finfo(dtype).max)
    p = np.array([0.88, 0.35, 0.29, 0.6, 0.99, 0.9, 1.0], dtype) * np.finfo(dtype).max
    q = np.array([0.04, 0.29, 0.14, 0.6, 1e-15, 0.9 * (1 + 8 * np.finfo(dtype).eps), 0.5], dtype) * np.finfo(dtype).max
    a, b = np.longdouble(p) / largest, np.longdouble(q) / largest
    d = np.abs(a - b) / (a + b)
    exact = (a + b) / 2 * np.where(d < 1e-3, d * d / 2, ((1 + d) * np.log1p(d) + (1 - d) * np.log1p(-d)) / 2)
    slope = np.where(d < 1e-3, (b - a) / (a + b) / 2, np.log(2 * b / (a + b)) / 2)
    eps = float(np.finfo(dtype).eps)
    for extra in (1.0, -0.0):  # -0 makes all that is computed with it be computed with care
        for n in (1, 20):
            left, right = (np.append(x, np.array(extra, dtype))[None].repeat(n, 0) for x in (p, q))
            value, in_q = closs.js_divergence(left, right, grad=True)
            swapped, in_p = closs.js_divergence(right, left, grad=True, wrt="p")
            np.testing.assert_array_equal(value, swapped)
            np.testing.assert_array_equal(in_q, in_p)
            np.testing.assert_allclose(np.longdouble(value) / largest, exact.sum(), rtol=20 * eps)
            np.testing.assert_allclose(in_q[:, :-1], np.float64(slope)[None].repeat(n, 0), rtol=30 * eps)
