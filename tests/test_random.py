"""Random shapes, axes, layouts, dtypes, weights and reductions of every family, against the formula in plain numpy.

To a few digits only: test_budget.py asks for all of them. What is exact here are the bits, which no layout of a buffer
and no number of threads may change.
"""

import numpy as np
import pytest

import closs

DIGITS = {"f8": 1e-11, "f4": 3e-5, "f2": 4e-3}
ELEMENTWISE = [
    "l1_loss", "mse_loss", "huber_loss", "smooth_l1_loss", "pseudo_huber_loss", "log_cosh_loss", "quantile_loss",
    "sigmoid_cross_entropy",
]  # fmt: skip


def laid_out(array, rng):
    """The same numbers somewhere else in memory: transposed, reversed, or with room between them."""
    kind = rng.integers(0, 4)
    if kind == 0:
        wide = np.zeros([2 * extent + 1 for extent in array.shape], array.dtype)
        view = wide[tuple(slice(1, None, 2) for _ in array.shape)]
        view[...] = array
        return view
    if kind == 1:
        turn = tuple(slice(None, None, -1) for _ in array.shape)
        return array[turn].copy()[turn]
    order = rng.permutation(array.ndim)
    return np.ascontiguousarray(array.transpose(order)).transpose(np.argsort(order))


def log_softmax(x, axis):
    shifted = x - x.max(axis=axis, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=axis, keepdims=True))


def element_problem(name, x, sample_weight, rng):
    """What `problem` gives, of an elementwise loss: its samples are the elements."""
    target = laid_out(rng.random(x.shape).astype(x.dtype), rng)
    t = target.astype("f8")
    d = x.astype("f8") - t
    a, sign, root = abs(d), np.sign(d), np.sqrt(1 + d * d / 4)
    positive = rng.random(x.shape[-1])
    s = 1 / (1 + np.exp(-x.astype("f8")))
    u, v = positive * t, 1 - t
    options, *exact = {
        "l1_loss": ({}, a, sign, 0 * d),
        "mse_loss": ({}, d * d, 2 * d, 0 * d + 2),
        "huber_loss": ({"delta": 1.5}, np.where(a <= 1.5, d * d / 2, 1.5 * a - 1.125), np.clip(d, -1.5, 1.5), a <= 1.5),
        "smooth_l1_loss": ({"beta": 0.5}, np.where(a <= 0.5, d * d, a - 0.25), np.clip(2 * d, -1, 1), 2 * (a <= 0.5)),
        "pseudo_huber_loss": ({"delta": 2}, 4 * (root - 1), d / root, root**-3),
        "log_cosh_loss": ({}, np.log(np.cosh(d)), np.tanh(d), np.cosh(d) ** -2),
        "quantile_loss": ({"quantile": 0.25}, np.maximum(-d / 4, 3 * d / 4), sign / 4 + (d > 0) / 2, 0 * d),
        "sigmoid_cross_entropy": (
            {"pos_weight": positive}, -u * np.log(s) - v * np.log(1 - s), v * s - u * (1 - s), (u + v) * s * (1 - s)
        ),
    }[name]  # fmt: skip
    options["sample_weight"] = sample_weight
    return lambda **k: getattr(closs, name)(x, target, **options, **k), exact, np.ones(x.shape)


def problem(family, x, axis, sample_weight, rng):
    """The call; value, gradient and Hessian of each sample without weights; its share in the denominator."""
    if family in ELEMENTWISE:
        return element_problem(family, x, sample_weight, rng)
    wide, classes = x.astype("f8"), x.shape[axis]
    samples = tuple(np.delete(x.shape, axis))
    other = laid_out(rng.random(x.shape).astype(x.dtype), rng)
    t = other.astype("f8")
    options = {"axis": axis, "sample_weight": sample_weight}
    logs = log_softmax(wide, axis)
    p = np.exp(logs)
    if family == "zero_one":
        best = x.argmax(axis=axis)
        target = np.where(rng.random(samples) < 0.5, best, rng.integers(0, classes, samples))
        exact = (1.0 * (target != best),)
        return lambda **k: closs.zero_one_loss(x, target, **options, **k), exact, np.ones(samples)
    if family in ("labels", "probabilities"):
        by_class = rng.random(classes)
        weights = by_class.reshape([-1 if d == axis else 1 for d in range(x.ndim)])
        smoothing = float(rng.choice([0, 0.2]))
        target, divisor = other, np.ones(samples)
        if family == "labels":
            target = rng.integers(0, classes, samples)
            t, divisor = np.moveaxis(np.eye(classes)[target], -1, axis), by_class[target]
        v = weights * (t * (1 - smoothing) + smoothing / classes)
        whole = v.sum(axis=axis, keepdims=True)
        options |= {"class_weight": by_class, "label_smoothing": smoothing}
        exact = (-(v * logs).sum(axis=axis), p * whole - v, whole * p * (1 - p))
        return lambda **k: closs.softmax_cross_entropy(x, target, **options, **k), exact, divisor
    if family == "entropy":
        value = -(p * logs).sum(axis=axis)
        exact = (value, -p * (logs + np.expand_dims(value, axis)))
        return lambda **k: closs.softmax_entropy(x, **options, **k), exact, np.ones(samples)
    if family == "distillation":
        mine, goal = log_softmax(wide / 2, axis), log_softmax(t / 2, axis)
        exact = ((np.exp(goal) * (goal - mine)).sum(axis=axis), (np.exp(mine) - np.exp(goal)) / 2)
        return lambda **k: closs.distillation_loss(x, other, temperature=2, **options, **k), exact, np.ones(samples)
    q = np.abs(x) + x.dtype.type(0.01)
    exact = ((t * np.log(np.where(t > 0, t, 1) / q.astype("f8"))).sum(axis=axis), -t / q.astype("f8"))
    return lambda **k: closs.kl_divergence(other, q, **options, **k), exact, np.ones(samples)


def arrays(dtype, rng):
    """Arrays with an axis of classes."""
    for _ in range(60):
        shape = tuple(int(extent) for extent in rng.choice([1, 2, 3, 5, 17, 40], rng.integers(1, 5)))
        axis = int(rng.integers(0, len(shape)))
        if rng.random() < 0.2:
            shape = tuple(int(rng.choice([130, 600])) if d == axis else min(n, 5) for d, n in enumerate(shape))
        yield laid_out((3 * rng.standard_normal(shape)).astype(dtype), rng), axis


def assert_near(got, right, dtype):
    got = np.asarray(got).astype("f8")
    slack = DIGITS[dtype] * (2 * np.abs(right).max(initial=0) + 1e-3)
    np.testing.assert_allclose(got, right, rtol=20 * DIGITS[dtype], atol=slack)


@pytest.mark.parametrize("dtype", DIGITS)
def test_without_reduction(dtype, rng):
    """logsumexp, softmax and log_softmax, which have neither weights nor derivatives."""
    for x, axis in arrays(dtype, rng):
        logs = log_softmax(x.astype("f8"), axis)
        for function, right in (
            (closs.log_softmax, logs),
            (closs.softmax, np.exp(logs)),
            (closs.logsumexp, np.log(np.exp(x.astype("f8")).sum(axis=axis))),
        ):
            got = function(x, axis=axis)
            assert_near(got, right, dtype)
            with closs.threads(3):
                again = function(x, axis=axis, out=laid_out(np.empty_like(got), rng) if np.ndim(got) else None)
            np.testing.assert_array_equal(again, got)


@pytest.mark.parametrize(
    "family", ["labels", "probabilities", "entropy", "distillation", "divergence", "zero_one", *ELEMENTWISE]
)
@pytest.mark.parametrize("dtype", DIGITS)
def test_against_the_formula(family, dtype, rng):
    for x, axis in arrays(dtype, rng):
        shape = x.shape
        by_element = family in ELEMENTWISE
        samples = shape if by_element else tuple(np.delete(shape, axis))
        sample_weight = None if rng.random() < 0.3 else rng.random(samples)
        reduction = str(rng.choice(["mean", "sum", "none"]))
        call, exact, divisor = problem(family, x, axis, sample_weight, rng)
        weight = np.ones(samples) if sample_weight is None else sample_weight
        scale = 1 / (weight * divisor).sum() if reduction == "mean" else 1.0
        along = weight if by_element else np.expand_dims(weight, axis)
        expected = [exact[0] * weight, *(part * along * scale for part in exact[1:])]
        if reduction != "none":
            expected[0] = expected[0].sum() * scale
        derivatives = dict(zip(("grad", "hess"), (True,) * (len(exact) - 1), strict=False))
        results = call(reduction=reduction, **derivatives)
        results = results if derivatives else (results,)
        for got, right in zip(results, expected, strict=True):
            assert_near(got, right, dtype)
        buffers = {name: laid_out(np.empty(shape, dtype), rng) for name in derivatives}
        with closs.threads(3):
            again = call(reduction=reduction, **buffers)
        again = again if derivatives else (again,)
        for first, second in zip(results, again, strict=True):
            np.testing.assert_array_equal(first, second)
