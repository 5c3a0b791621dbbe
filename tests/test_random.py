"""Random shapes, axes, layouts, dtypes, weights and reductions of every family, against the formula in plain numpy.

To a few digits only: test_budget.py asks for all of them. What is exact here are the bits, which no layout of a buffer
and no number of threads may change.
"""

import numpy as np
import pytest

import closs

DIGITS = {"f8": 1e-11, "f4": 3e-5, "f2": 4e-3}


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


def problem(family, x, axis, sample_weight, rng):
    """The call; value, gradient and Hessian of each sample without weights; its share in the denominator."""
    wide, classes = x.astype("f8"), x.shape[axis]
    samples = tuple(np.delete(x.shape, axis))
    other = laid_out(rng.random(x.shape).astype(x.dtype), rng)
    t = other.astype("f8")
    options = {"axis": axis, "sample_weight": sample_weight}
    logs = log_softmax(wide, axis)
    p = np.exp(logs)
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


@pytest.mark.parametrize("family", ["labels", "probabilities", "entropy", "distillation", "divergence"])
@pytest.mark.parametrize("dtype", DIGITS)
def test_against_the_formula(family, dtype, rng):
    for _ in range(60):
        shape = tuple(int(extent) for extent in rng.choice([1, 2, 3, 5, 17, 40], rng.integers(1, 5)))
        axis = int(rng.integers(0, len(shape)))
        if rng.random() < 0.2:
            shape = tuple(int(rng.choice([130, 600])) if d == axis else min(n, 5) for d, n in enumerate(shape))
        x = laid_out((3 * rng.standard_normal(shape)).astype(dtype), rng)
        samples = tuple(np.delete(shape, axis))
        sample_weight = None if rng.random() < 0.3 else rng.random(samples)
        reduction = str(rng.choice(["mean", "sum", "none"]))
        call, exact, divisor = problem(family, x, axis, sample_weight, rng)
        weight = np.ones(samples) if sample_weight is None else sample_weight
        scale = 1 / (weight * divisor).sum() if reduction == "mean" else 1.0
        expected = [exact[0] * weight, *(part * np.expand_dims(weight, axis) * scale for part in exact[1:])]
        if reduction != "none":
            expected[0] = expected[0].sum() * scale
        derivatives = dict(zip(("grad", "hess"), (True,) * (len(exact) - 1), strict=False))
        results = call(reduction=reduction, **derivatives)
        for got, right in zip(results, expected, strict=True):
            got = np.asarray(got).astype("f8")
            slack = DIGITS[dtype] * (2 * np.abs(right).max(initial=0) + 1e-3)
            np.testing.assert_allclose(got, right, rtol=20 * DIGITS[dtype], atol=slack)
        buffers = {name: laid_out(np.empty(shape, dtype), rng) for name in derivatives}
        with closs.threads(3):
            again = call(reduction=reduction, **buffers)
        for first, second in zip(results, again, strict=True):
            np.testing.assert_array_equal(first, second)
