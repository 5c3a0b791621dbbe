"""Gradients: central differences of the value, and identities that hold whatever the numbers are."""

import numpy as np
import pytest
import reference

import closs

CLASS_COUNTS = [1, 2, 7, 128, 129, 192, 193, 600]


def problem(rng, classes, samples=6, dtype="f8"):
    return (2 * rng.standard_normal((samples, classes))).astype(dtype), rng.integers(0, classes, samples)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("classes", [2, 7, 130])
def test_central_differences(classes, axis, reduction, rng):
    """The gradient is the derivative of the number that was returned, options included."""
    logits, labels = problem(rng, classes)
    labels[2] = -1
    options = {
        "axis": axis, "ignore_index": -1, "reduction": reduction,
        "class_weight": rng.random(classes), "sample_weight": rng.random(len(labels)),
    }  # fmt: skip
    logits = np.ascontiguousarray(np.moveaxis(logits, 1, axis))
    _, gradient = closs.softmax_cross_entropy(logits, labels, grad=True, **options)
    step = 1e-5
    for place in [(0, 0), (-1, -1), *rng.integers(0, 2, (8, 2)).tolist(), (2, 0), (0, 2 % classes)]:
        place = tuple(np.array(place) % logits.shape)
        losses = []
        for sign in (1, -1):
            moved = logits.copy()
            moved[place] += sign * step
            losses.append(closs.softmax_cross_entropy(moved, labels, **options))
        assert gradient[place] == pytest.approx((losses[0] - losses[1]) / (2 * step), rel=1e-5, abs=1e-9)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("classes", CLASS_COUNTS)
def test_rows_sum_to_zero(classes, dtype, rng):
    logits, labels = problem(rng, classes, 40, dtype)
    for layout in (logits, np.asfortranarray(logits)):
        _, gradient = closs.softmax_cross_entropy(layout, labels, grad=True, reduction="sum")
        sums = gradient.astype(np.longdouble).sum(axis=1)
        assert np.abs(sums).max() <= 4 * np.finfo(dtype).eps * max(1, np.sqrt(classes) / 8)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("classes", CLASS_COUNTS)
def test_a_shift_changes_nothing(classes, dtype, rng):
    """Logits on a grid on which adding the shift is exact: the very same bits."""
    logits = rng.integers(-64, 64, (20, classes)).astype(dtype) / 8
    labels = rng.integers(0, classes, 20)
    for layout in (logits, np.asfortranarray(logits)):
        expected = closs.softmax_cross_entropy(layout, labels, grad=True, reduction="none")
        for shift in (1.0, -17.5, 4096.0):
            got = closs.softmax_cross_entropy(layout + dtype_of(layout, shift), labels, grad=True, reduction="none")
            reference.assert_same_bits(got[0], expected[0])
            reference.assert_same_bits(got[1], expected[1])


def dtype_of(array, number):
    return array.dtype.type(number)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("classes", [3, 200])
def test_weight_zero_is_removal(classes, dtype, reduction, rng):
    logits, labels = problem(rng, classes, 70, dtype)
    keep = rng.random(70) < 0.6
    expected = closs.softmax_cross_entropy(logits[keep], labels[keep], grad=True, reduction=reduction)
    given = np.where(keep, labels, -7)
    for target, options in ((labels, {"sample_weight": keep}), (given, {"ignore_index": -7})):
        loss, gradient = closs.softmax_cross_entropy(logits, target, grad=True, reduction=reduction, **options)
        assert loss == pytest.approx(expected[0], rel=1e-14)
        reference.assert_same_bits(gradient[keep], expected[1])
        assert (gradient[~keep] == 0).all()
        assert not np.signbit(gradient[~keep]).any()


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("classes", [3, 100, 200])
def test_extreme_neighbours(classes, dtype, rng):
    """Weights that need another order of products, and rows without a limit, leave the bits of other rows alone."""
    logits, labels = problem(rng, classes, 40, dtype)
    weights = np.ones(40)
    expected = closs.softmax_cross_entropy(logits, labels, grad=True, reduction="none", sample_weight=weights)
    odd = np.zeros(40, bool)
    odd[[3, 9, 17, 30]] = True
    weights[odd] = 1e-44, 1e44, 0, 1
    logits[30] = np.nan
    loss, gradient = closs.softmax_cross_entropy(logits, labels, grad=True, reduction="none", sample_weight=weights)
    reference.assert_same_bits(loss[~odd], expected[0][~odd])
    reference.assert_same_bits(gradient[~odd], expected[1][~odd])


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("classes", CLASS_COUNTS)
def test_permuting_samples_permutes_results(classes, dtype, rng):
    """A row's result never depends on its neighbours, nor on its place."""
    logits, labels = problem(rng, classes, 61, dtype)
    order = rng.permutation(61)
    loss, gradient = closs.softmax_cross_entropy(logits, labels, grad=True, reduction="none")
    loss_moved, gradient_moved = closs.softmax_cross_entropy(logits[order], labels[order], grad=True, reduction="none")
    reference.assert_same_bits(loss_moved, loss[order])
    reference.assert_same_bits(gradient_moved, gradient[order])


def test_outputs_do_not_change_each_other(rng):
    """The same bits of the loss with and without a gradient, in every kernel."""
    for dtype in ("f4", "f8"):
        for classes in (1, 2, 10, 128, 129, 513, 5000):
            logits, labels = problem(rng, classes, 37, dtype)
            for layout in (logits, np.asfortranarray(logits), logits[::-1, ::-1]):
                for reduction in ("mean", "none"):
                    alone = closs.softmax_cross_entropy(layout, labels, reduction=reduction)
                    loss, _ = closs.softmax_cross_entropy(layout, labels, reduction=reduction, grad=True)
                    reference.assert_same_bits(loss, alone)
