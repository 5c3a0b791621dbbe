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


@pytest.mark.parametrize("rise", [0, 40, -40, 3000])
@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
@pytest.mark.parametrize("classes", [1537, 3073, 20000, 140000])
def test_long_rows(classes, dtype, rise, rng):
    """By the definitions. Exponentials are kept in the gradient or in scratch, relative to the largest logit so far;
    logits rise or fall by `rise` along the row. A row is one thread's, or both threads'.
    """
    real = np.float64 if dtype == "f8" else np.float32
    slope = np.linspace(0, rise, classes)
    logits, teacher = (3 * rng.standard_normal((2, 3, classes)) + slope).astype(dtype)
    targets = closs.softmax(3 * rng.standard_normal((3, classes))).astype(dtype)
    z, u, q = (array.astype(np.longdouble) for array in (logits, teacher, targets))

    def softmax(x):
        with np.errstate(under="ignore"):
            e = np.exp(x - x.max(axis=1, keepdims=True))
            return e / e.sum(axis=1, keepdims=True)

    with np.errstate(under="ignore"):
        p, p_soft, u_soft = softmax(z), softmax(z / 3), softmax(u / 3)
        log = np.log(p, out=np.zeros_like(p), where=p > 0)
        entropy = -(p * log).sum(axis=1, keepdims=True)
        total = q.sum(axis=1, keepdims=True)
        expected = {
            "probabilities": (p * total - q, p * total + q),
            "softmax_entropy": (-p * (log + entropy), p * (entropy - log)),
            "distillation": ((p_soft - u_soft) / 3, (p_soft + u_soft) / 3),
        }
    calls = {
        "probabilities": lambda x, to: closs.softmax_cross_entropy(x, targets, reduction="none", grad=to),
        "softmax_entropy": lambda x, to: closs.softmax_entropy(x, grad=to),
        "distillation": lambda x, to: closs.distillation_loss(x, teacher, temperature=3, reduction="none", grad=to),
    }
    # 8 eps of the terms, and what rounding a gap makes of its exponential.
    gap = np.maximum(z.max(axis=1, keepdims=True) - z, u.max(axis=1, keepdims=True) - u)
    for name, call in calls.items():
        exact, size = expected[name]
        bound = np.finfo(real).eps * (8 + gap) * size + np.finfo(real).tiny
        if dtype == "f2":
            bound = bound + np.abs(exact) * np.finfo(dtype).eps / 2 + np.finfo(dtype).smallest_subnormal
        first = None
        for threads in (1, 2):
            apart = np.full((3, 2 * classes), 7, dtype)
            with closs.threads(threads):
                for x, to in ((logits, np.empty_like(logits)), (np.copy(logits), None), (logits, apart[:, ::2])):
                    got = x if to is None else to
                    values = call(x, got)[0]
                    first = first or (values, np.copy(got))
                    reference.assert_same_bits(values, first[0], name)
                    reference.assert_same_bits(np.ascontiguousarray(got), first[1], name)
            assert (apart[:, 1::2] == 7).all()
        reference.assert_within(first[1], exact, bound, name)


def test_probabilities_below_the_smallest_number_keep_their_digits():
    """A weight brings them back: also where the largest logit comes last in a long row, and by then all was small."""
    for classes in (1536, 1537):  # in one tile, and in two
        logits = np.full((1, classes), -1e6)
        targets = np.zeros((1, classes))
        targets[0, -1] = 1
        logits[0, 0] = 0
        for gap in (700, 710, 725, 740, 745):
            logits[0, -1] = gap
            _, gradient = closs.softmax_cross_entropy(
                logits, targets, sample_weight=np.array([1e60]), reduction="none", grad=True
            )
            exact = np.exp(np.longdouble(-gap)) * np.longdouble(1e60)
            assert abs(gradient[0, 0] - exact) <= 16 * np.finfo("f8").eps * exact, (classes, gap)
