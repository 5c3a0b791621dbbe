"""Values that are known: the special rows, weights, ignored labels, reductions, dtypes of labels and results."""

import math
from fractions import Fraction

import cases
import numpy as np
import pytest
import reference

import closs


def assert_row(loss, gradient, row):
    if math.isnan(row.loss) or math.isinf(row.loss):
        np.testing.assert_array_equal(loss, row.loss)
    else:
        assert loss == pytest.approx(row.loss, rel=1e-4, abs=0)
        assert not np.signbit(loss)
    np.testing.assert_allclose(gradient, row.gradient, rtol=1e-3, atol=0)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("row", cases.ROWS, ids=lambda row: row.why)
class TestSpecialRows:
    def test_alone(self, row, dtype):
        loss, gradient = closs.softmax_cross_entropy(np.array(row.logits, dtype), row.label, grad=True)
        assert type(loss) is float
        assert_row(loss, gradient, row)

    def test_no_other_row_is_touched(self, row, dtype):
        """Ordinary rows on both sides keep their bits, in tiles and where samples are fastest."""
        ordinary = np.linspace(-1, 1, 40 * len(row.logits)).reshape(40, -1).astype(dtype)
        labels = np.zeros(40, int)
        mixed, mixed_labels = ordinary.copy(), labels.copy()
        mixed[17], mixed_labels[17] = row.logits, row.label
        for axis in (0, 1):
            before = closs.softmax_cross_entropy(
                np.ascontiguousarray(np.moveaxis(ordinary, 1, axis)), labels, axis=axis, grad=True, reduction="none"
            )
            loss, gradient = closs.softmax_cross_entropy(
                np.ascontiguousarray(np.moveaxis(mixed, 1, axis)), mixed_labels, axis=axis, grad=True, reduction="none"
            )
            others = np.arange(40) != 17
            reference.assert_same_bits(loss[others], before[0][others])
            gradient, gradient_before = np.moveaxis(gradient, axis, 1), np.moveaxis(before[1], axis, 1)
            reference.assert_same_bits(gradient[others], gradient_before[others])
            assert_row(loss[17], gradient[17], row)

    @pytest.mark.parametrize("classes", [129, 512, 513, 1100, 5000])
    def test_in_a_long_row(self, row, dtype, classes):
        """The same row with -inf round it: those classes do not exist. At either end, and across blocks."""
        for places in ([0, 1, 2], [classes - 3, classes - 2, classes - 1], [0, classes // 2, classes - 1]):
            places = places[: len(row.logits)]
            logits = np.full((2, classes), -np.inf, dtype)
            logits[:, places] = row.logits
            labels = [places[row.label]] * 2
            loss, gradient = closs.softmax_cross_entropy(logits, labels, grad=True, reduction="none")
            assert_row(loss[1], gradient[1, places], row)
            rest = np.delete(gradient[1], places)
            assert np.isnan(rest).all() if math.isnan(row.loss) else (rest == 0).all()

    def test_weight_zero_hides_it(self, row, dtype):
        """A row that does not count is +0 and its gradient +0, whatever it holds."""
        for classes in (len(row.logits), 200):
            logits = np.zeros((3, classes), dtype)
            logits[1, : len(row.logits)] = row.logits
            labels = np.array([0, row.label, 0])
            class_weight = np.ones(classes)
            class_weight[row.label] = 0
            other = (row.label + 1) % classes
            options = [
                {"sample_weight": [1, 0, 1]},
                {"ignore_index": 77777},
                {"class_weight": class_weight},
            ]
            for option in options:
                if "class_weight" in option:
                    labels = np.array([other, row.label, other])
                    if classes == 1:
                        continue
                given = np.where([False, True, False], 77777, labels) if "ignore_index" in option else labels
                for axis in (0, 1):
                    loss, gradient = closs.softmax_cross_entropy(
                        np.moveaxis(logits, 1, axis).copy(), given, axis=axis, grad=True, reduction="none", **option
                    )
                    gradient = np.moveaxis(gradient, axis, 1)
                    reference.assert_same_bits(loss[1], np.zeros((), dtype))
                    reference.assert_same_bits(gradient[1], np.zeros(classes, dtype))
                    assert np.isfinite(gradient).all()


@pytest.mark.parametrize("dtype", cases.INTEGER_DTYPES)
def test_label_dtypes(dtype, rng):
    logits = rng.standard_normal((50, 7))
    labels = rng.integers(0, 7, 50)
    expected = closs.softmax_cross_entropy(logits, labels, grad=True)
    got = closs.softmax_cross_entropy(logits, labels.astype(dtype), grad=True)
    assert got[0] == expected[0]
    reference.assert_same_bits(got[1], expected[1])


@pytest.mark.parametrize(
    ("dtype", "label", "ignore_index"),
    [("i1", -100, -100), ("u1", 255, 255), ("u4", 2**32 - 1, 2**32 - 1), ("u8", 2**64 - 1, 2**64 - 1),
     ("u8", 2**63 - 1, 2**63 - 1), ("i8", -(2**63), -(2**63)), ("i4", 1, 1), ("u8", 1, 1), (">i2", -1, -1)],
)  # fmt: skip
def test_ignore_index_of_every_dtype(dtype, label, ignore_index, rng):
    logits = rng.standard_normal((4, 3))
    target = np.array([0, label, 2, label], dtype)
    loss, gradient = closs.softmax_cross_entropy(logits, target, ignore_index=ignore_index, grad=True)
    assert loss == pytest.approx(closs.softmax_cross_entropy(logits[[0, 2]], [0, 2]), rel=1e-14)
    assert (gradient[[1, 3]] == 0).all()


def test_ignore_index_compares_numbers_not_bits():
    """156 is -100 modulo 256, and 2^64 - 100 is it modulo 2^64: neither is -100."""
    assert closs.softmax_cross_entropy(np.zeros((1, 200)), np.array([156], "u1"), ignore_index=-100) > 5
    with pytest.raises(IndexError, match="18446744073709551516"):
        closs.softmax_cross_entropy(np.zeros((1, 3)), np.array([2**64 - 100], "u8"), ignore_index=-100)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("shape", [(5, 4), (3, 4, 6), (2, 3, 4, 5), (40, 300)])
def test_reductions_and_denominators(dtype, shape, rng):
    """Sums are of weighted values; the mean divides by the sum of sample weight x class weight of the label."""
    for axis in range(len(shape)):
        logits = (3 * rng.standard_normal(shape)).astype(dtype)
        classes, samples = shape[axis], shape[:axis] + shape[axis + 1 :]
        labels = rng.integers(0, classes, samples)
        labels[rng.random(samples) < 0.2] = -1
        for options in (
            {},
            {"class_weight": rng.random(classes)},
            {"sample_weight": rng.random(samples).astype("f4")},
            {"class_weight": rng.random(classes).astype("f4"), "sample_weight": rng.random(samples)},
            {"sample_weight": 2.5},
        ):
            for reduction in ("mean", "sum", "none"):
                keywords = dict(options, axis=axis, ignore_index=-1, reduction=reduction)
                loss, gradient = closs.softmax_cross_entropy(logits, labels, grad=True, **keywords)
                answer = reference.cross_entropy(logits, labels, **keywords)
                reference.assert_matches(loss, gradient, answer, f"{shape} {axis} {options} {reduction}")
                assert gradient.dtype == logits.dtype
                if reduction == "none":
                    assert loss.dtype == logits.dtype
                else:
                    assert type(loss) is float


def test_negative_sample_weights_are_linear():
    logits = np.array([[1.0, 2.0], [3.0, -1.0]])
    each = closs.softmax_cross_entropy(logits, [0, 1], reduction="none")
    loss = closs.softmax_cross_entropy(logits, [0, 1], sample_weight=[3, -1])
    assert loss == pytest.approx((3 * each[0] - each[1]) / 2, rel=1e-15)


def test_sum_of_value_dtype():
    """mean and sum add what "none" returns, in float64: neither overflow nor swamping."""
    logits = np.zeros((3, 2), "f4")
    logits[0, 0] = 3e38
    assert closs.softmax_cross_entropy(logits[:1].repeat(4, 0), [1] * 4) == pytest.approx(3e38, rel=1e-6)
    assert closs.softmax_cross_entropy(np.array([[3e38, -3e38]], "f4"), [1]) == math.inf
    big = np.zeros((200_001, 2), "f4")
    big[0, 0] = 1e30
    labels = np.zeros(len(big), "i1")
    labels[0] = 1
    assert closs.softmax_cross_entropy(big, labels, reduction="sum") == pytest.approx(
        float(np.float32(1e30)), rel=1e-15
    )


def test_a_long_mean_is_exact():
    """A million equal losses: the mean is the loss, to 1e-12."""
    logits = np.broadcast_to(np.array([0.3, -0.2], "f4"), (10**6, 2))
    labels = np.broadcast_to(np.int32(0), 10**6)
    one = closs.softmax_cross_entropy(logits[0], 0)
    assert closs.softmax_cross_entropy(logits, labels) == pytest.approx(one, rel=1e-12)


def test_mean_of_nothing():
    """NaN, one warning, and a gradient of zeros for what is left out."""
    logits = np.array([[1.0, np.nan, 2.0], [0, 1, 2]])
    for options in ({"ignore_index": 1}, {"sample_weight": [0, 0]}, {"class_weight": [1, 0, 1]}):
        with pytest.warns(RuntimeWarning, match="mean of empty") as warned:
            loss, gradient = closs.softmax_cross_entropy(logits, [1, 1], grad=True, **options)
        assert len(warned) == 1
        assert warned[0].filename == __file__
        assert math.isnan(loss)
        reference.assert_same_bits(gradient, np.zeros((2, 3)))
        for reduction, expected in (("sum", 0.0), ("none", [0.0, 0.0])):
            np.testing.assert_array_equal(
                closs.softmax_cross_entropy(logits, [1, 1], reduction=reduction, **options), expected
            )
    with pytest.warns(RuntimeWarning, match="weights sum to zero"):
        loss, gradient = closs.softmax_cross_entropy(np.zeros((3, 2)), [1, 1, 0], grad=True, sample_weight=[1, -1, 0])
    assert math.isnan(loss)
    np.testing.assert_array_equal(gradient, [[np.nan] * 2, [np.nan] * 2, [0, 0]])


@pytest.mark.parametrize(
    ("words", "options"),
    [
        ("sample_weight .* got a sum of inf", {"sample_weight": 1e308}),
        ("sample_weight .* got a sum of -inf", {"sample_weight": [-1e308, -1e308]}),
        ("sample_weight .* got a sum of 2.0*4?e-309", {"sample_weight": 1e-309}),
        ("class_weight .* got a sum of inf", {"class_weight": [1e308, 1e308]}),
        ("class_weight .* got a sum of 1e-310", {"class_weight": [1e-310, 0]}),
        ("sample_weight times class_weight .* got a sum of inf", {"sample_weight": 1e200, "class_weight": [1e200, 1]}),
    ],
)
def test_sums_of_weights_that_divide_nothing(words, options):
    """They would make the mean 0, or its gradient infinite; sums and single values need no such sum."""
    logits, labels, one_hot = np.array([[1.0, 2.0], [2.0, 1.0]]), [1, 0], np.eye(2)[::-1]
    words = words.replace(".*", "must have a finite sum whose reciprocal is finite,")
    calls = [(closs.softmax_cross_entropy, logits, labels)]
    if "class_weight" not in options:
        calls += [
            (closs.softmax_cross_entropy, logits, one_hot),
            (closs.softmax_entropy, logits),
            (closs.kl_divergence, one_hot, one_hot),
            (closs.zero_one_loss, logits, labels),
            (closs.mse_loss, logits[0], logits[1]),
        ]
    for function, *arguments in calls:
        gradient = {} if function is closs.zero_one_loss else {"grad": np.full(np.shape(arguments[0]), 7.0)}
        with pytest.raises(ValueError, match=f"^{words}"):
            function(*arguments, reduction="mean", **gradient, **options)
        assert all((buffer == 7).all() for buffer in gradient.values())
        for reduction in ("sum", "none"):
            assert not np.isnan(function(*arguments, reduction=reduction, **options)).any()


@pytest.mark.parametrize("weight", [0.1, np.pi, 1e-300, 3e38])
def test_sums_of_weights_are_as_exact_as_a_gradient(weight):
    n = 100_003
    logits, labels = np.zeros((n, 2)), np.zeros(n, np.int32)
    for options in ({"sample_weight": weight}, {"sample_weight": np.full(n, weight)}, {"class_weight": [weight, 1.0]}):
        value, gradient = closs.softmax_cross_entropy(logits, labels, grad=True, **options)
        np.testing.assert_allclose(gradient, np.array([[-0.5, 0.5]]) / n + np.zeros((n, 1)), rtol=8 * 2**-52, atol=0)
        np.testing.assert_allclose(value, np.log(2), rtol=1e-12)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_sums_of_weights_do_not_depend_on_where_they_lie(dtype, rng):
    """The mean's denominator, of which every gradient tells, has the same bits and is exact to the last ones."""
    shape = 6, 7, 150
    weight = (rng.random(shape) * 10.0 ** rng.uniform(-6, 6, shape)).astype(dtype)
    exact = float(sum(map(Fraction, weight.ravel().tolist())))
    labels = rng.integers(0, 3, shape)
    gaps = np.zeros((*shape, 3))
    wide = np.zeros((6, 14, 300), dtype)
    wide[:, ::2, ::2] = weight
    first, other = closs.mse_loss(np.ones(shape), 0, sample_weight=weight, grad=True)[1], None
    np.testing.assert_allclose(first, 2 * (weight.astype("f8") / exact), rtol=1e-15)
    for given in (weight, np.asfortranarray(weight), wide[:, ::2, ::2], weight[::-1, :, ::-1].copy()[::-1, :, ::-1]):
        np.testing.assert_array_equal(closs.mse_loss(np.ones(shape), 0, sample_weight=given, grad=True)[1], first)
        gradient = closs.softmax_cross_entropy(gaps, labels, sample_weight=given, grad=True)[1]
        np.testing.assert_array_equal(gradient, gradient if other is None else other)
        other = gradient
    row = np.broadcast_to(weight[0, 0, 0], shape)
    same = [closs.mse_loss(np.ones(shape), 0, sample_weight=given, grad=True)[1] for given in (row, row.copy())]
    np.testing.assert_array_equal(*same)
    ignored = np.where(rng.random(shape) < 0.3, -9, labels)
    absent = np.where(ignored == -9, 0, weight)
    both = [
        closs.softmax_cross_entropy(gaps, ignored, ignore_index=-9, sample_weight=weight, grad=True)[1],
        closs.softmax_cross_entropy(gaps, labels, sample_weight=absent, grad=True)[1],
    ]
    np.testing.assert_array_equal(*both)


@pytest.mark.parametrize("dtype", [np.int32, np.int64])
@pytest.mark.parametrize("ignore_index", [-(2**40), -100, 0, 2, 5, 2**31 - 1, 2**40])
def test_what_is_ignored_counts_for_nothing(dtype, ignore_index, rng):
    """By value, in any part of a long array; a label beyond the classes is a fault, unless it is the one to ignore."""
    labels = rng.integers(0, 5, 5000).astype(dtype)
    fits = np.iinfo(dtype).min <= ignore_index <= np.iinfo(dtype).max
    for place in (0, 1, 17, 2500, 4999):
        if fits:
            labels[place] = ignore_index
    kept = labels != ignore_index
    logits = rng.standard_normal((5000, 5))
    value = closs.softmax_cross_entropy(logits, labels, ignore_index=ignore_index)
    wanted = closs.softmax_cross_entropy(logits[kept], labels[kept])
    np.testing.assert_allclose(value, wanted, rtol=1e-13)
    for fault in (-1, 5, np.iinfo(dtype).min, np.iinfo(dtype).max):
        if fault == ignore_index:
            continue
        labels[4321] = fault
        with pytest.raises(IndexError, match=f"label {fault} at row 4321"):
            closs.softmax_cross_entropy(logits, labels, ignore_index=ignore_index)


@pytest.mark.parametrize("classes", [2, 7, 20, 100, 300])
@pytest.mark.parametrize("axis", [0, 1])
def test_an_absent_sample_has_a_gradient_of_positive_zeros(classes, axis, rng):
    """Whatever the sign of what makes it absent."""
    logits = rng.standard_normal((40, classes))
    labels = np.where(rng.random(40) < 0.5, -100, rng.integers(0, classes, 40))
    weight = rng.choice([-1.5, -0.0, 0.0, 2.0], 40)
    given = logits if axis else np.ascontiguousarray(logits.T)
    gradient = closs.softmax_cross_entropy(
        given, labels, axis=axis, ignore_index=-100, sample_weight=weight, reduction="sum", grad=True
    )[1]
    absent = (gradient if axis else gradient.T)[(labels == -100) | (weight == 0)]
    np.testing.assert_array_equal(absent, 0)
    assert not np.signbit(absent).any()


def test_the_gradient_of_a_certain_rows_entropy_is_not_negative_zero():
    for row in ([0.0, -800.0], [0.0, -np.inf], [0.0, 0.0, 0.0]):
        _, gradient = closs.softmax_entropy([row], grad=True)
        assert not np.signbit(gradient).any()
        assert (gradient == 0).all()


def test_class_weights_that_do_not_count():
    """Beside class probabilities a mean divides by the sample weights alone."""
    options = {"class_weight": [1e308, 1e308], "sample_weight": 1e-310}
    with pytest.raises(ValueError, match=r"^sample_weight must have a finite sum"):
        closs.softmax_cross_entropy(np.ones((2, 2)), np.eye(2), **options)
    options["sample_weight"] = 1e-308
    assert closs.softmax_cross_entropy(np.ones((2, 2)), np.eye(2), **options) == pytest.approx(1e308 * math.log(2))


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_empty_axes(dtype):
    for shape, axis in (((0, 3), 1), ((3, 0), 0), ((2, 0, 3), 2), ((0, 0), 1)):
        logits = np.empty(shape, dtype)
        samples = np.delete(shape, axis)
        labels = np.empty(samples, int)
        with pytest.warns(RuntimeWarning, match="mean of empty"):
            loss, gradient = closs.softmax_cross_entropy(logits, labels, axis=axis, grad=True)
        assert math.isnan(loss)
        assert gradient.shape == shape
        assert closs.softmax_cross_entropy(logits, labels, axis=axis, reduction="sum") == 0.0
        assert closs.softmax_cross_entropy(logits, labels, axis=axis, reduction="none").shape == tuple(samples)
    assert closs.softmax_cross_entropy(np.empty((0, 3)), [], reduction="sum") == 0.0


def test_no_classes():
    logits = np.empty((2, 0))
    with pytest.raises(IndexError, match="label 0 at row 0 is out of bounds for 0 classes"):
        closs.softmax_cross_entropy(logits, [0, 0])
    loss, gradient = closs.softmax_cross_entropy(logits, [9, 9], ignore_index=9, reduction="none", grad=True)
    np.testing.assert_array_equal(loss, [0, 0])
    assert gradient.shape == (2, 0)


def test_one_row():
    """(C,) logits with a scalar label: one sample; "none" gives a scalar, and fills a 0-d buffer."""
    logits = np.array([0.5, 1.0, -2.0], "f4")
    mean = closs.softmax_cross_entropy(logits, 1)
    none = closs.softmax_cross_entropy(logits, np.int8(1), reduction="none")
    assert type(mean) is float
    assert type(none) is np.float32
    assert mean == none
    out = np.empty((), "f4")
    assert closs.softmax_cross_entropy(logits, np.array(1), reduction="none", out=out) is out
    assert out == none


def test_integers_become_float64():
    for dtype in ("i1", "u1", "i8", "u8", "?"):
        logits = np.array([[0, 1, 1], [1, 0, 0]], dtype)
        loss, gradient = closs.softmax_cross_entropy(logits, [0, 1], grad=True)
        expected = closs.softmax_cross_entropy(logits.astype("f8"), [0, 1], grad=True)
        assert loss == expected[0]
        reference.assert_same_bits(gradient, expected[1])


def test_extreme_weights_do_not_overflow_on_the_way():
    """weight x scale is formed first: huge and tiny weights cancel in a mean."""
    logits = np.array([[1.0, 2.0, -200.0], [0.0, 0.5, -np.inf]])
    for classes in (3, 300):
        for dtype in ("f4", "f8"):
            x = np.full((2, classes), -np.inf, dtype)
            x[:, :3] = logits
            plain = closs.softmax_cross_entropy(x, [0, 1], grad=True)
            for weight in (1e39, 1e-50, 1e300, 1e-300):
                loss, gradient = closs.softmax_cross_entropy(x, [0, 1], sample_weight=weight, grad=True)
                assert loss == pytest.approx(plain[0], rel=1e-6)
                np.testing.assert_allclose(gradient, plain[1], rtol=4 * np.finfo(dtype).eps)
            if classes == 300:  # and where the maximum comes in a later block than the rest
                far = np.full((1, 1500), -np.inf, dtype)
                far[0, [0, 1, 1400]] = 0, 1, 30
                plain = closs.softmax_cross_entropy(far, [1], reduction="sum", grad=True)[1]
                for weight in (1e300, 1e-290) if dtype == "f8" else (1e30,):
                    got = closs.softmax_cross_entropy(far, [1], reduction="sum", grad=True, sample_weight=weight)[1]
                    np.testing.assert_allclose(got / weight, plain, rtol=8 * np.finfo(dtype).eps)
                plain = closs.softmax_cross_entropy(x, [0, 1], grad=True)
            loss, gradient = closs.softmax_cross_entropy(x, [0, 1], sample_weight=1e39, reduction="sum", grad=True)
            assert not np.isnan(gradient).any()
            assert (gradient[:, 3:] == 0).all()
