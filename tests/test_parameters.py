"""Losses with a width (delta, beta) that is far from 1, beyond what the dtype holds too: as defined, and never NaN."""

import math

import ml_dtypes
import mpmath
import numpy as np
import pytest

import closs

NAMES = {"huber_loss": "delta", "smooth_l1_loss": "beta", "pseudo_huber_loss": "delta"}
DTYPES = {"f8": np.float64, "f4": np.float32, "f2": np.float16, "bf16": ml_dtypes.bfloat16}
WIDTHS = [10.0**k for k in range(-300, 301, 30)] + [
    5e-324, 1e-46, 2e-45, 2.0**-149, 1e-40, 2.0**-126, 2.0**-60, 2e5, 2.0**60, 2.0**127, 3.4028235e38, 1e39, 1.79e308,
    math.inf,
]  # fmt: skip


@pytest.fixture(autouse=True)
def digits():
    with mpmath.workdps(50):
        yield


def defined(name, d, width):
    """Value, slope and curvature."""
    d, w = mpmath.mpf(float(d)), mpmath.mpf(width)
    a, sign = abs(d), mpmath.sign(d)
    if math.isinf(w):
        return d * d / 2, d, mpmath.mpf(1)
    if name == "pseudo_huber_loss":
        if mpmath.isinf(a):
            return a, sign * w, mpmath.mpf(0)
        root = mpmath.sqrt(1 + (d / w) ** 2)
        return d * d / (root + 1), d / root, root**-3
    unit = w if name == "smooth_l1_loss" else 1
    if a <= w:
        return d * d / 2 / unit, d / unit, mpmath.mpf(1) / unit
    return (a - w / 2) * w / unit, sign * w / unit, mpmath.mpf(0)


def assert_rounded(got, exact, dtype, eps, what):
    """To a dtype, by way of its arithmetic; what the type does not hold is infinite."""
    info = ml_dtypes.finfo(dtype)
    got, largest = float(got), float(info.max)
    if math.isinf(got) or mpmath.isinf(exact):
        assert math.isinf(got), what
        assert got * exact > 0, what
        assert abs(exact) >= largest * (1 - 8 * float(info.eps)), what
        return
    bound = abs(exact) * max(8 * eps, float(info.eps)) + 4 * float(info.smallest_subnormal)
    assert abs(got - exact) <= bound, what


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", NAMES)
def test_any_width(name, dtype):
    kind = DTYPES[dtype]
    arithmetic = np.float64 if dtype == "f8" else np.float32
    eps, info = float(np.finfo(arithmetic).eps), ml_dtypes.finfo(kind)
    sizes = [0.0, float(info.smallest_subnormal), float(info.tiny), 1e-3, 0.75, 1.0, 300.0, float(info.max), math.inf]
    sizes += [10.0**k for k in range(-152, 0, 19) if 10.0**k > float(info.tiny)]
    d = np.array([*sizes, *(-size for size in sizes)]).astype(kind)
    for width in WIDTHS:
        if name == "smooth_l1_loss" and math.isinf(width):
            continue
        held = float(np.finfo(arithmetic).tiny) <= width <= float(np.finfo(arithmetic).max)
        options = {NAMES[name]: width, "reduction": "none", "grad": True, "hess": True}
        for weight in (None, np.ones(d.size)):
            results = getattr(closs, name)(d, np.zeros_like(d), sample_weight=weight, **options)
            for i in range(d.size):
                exact = defined(name, d[i], float(arithmetic(width)) if held else width)
                for got, number, what in zip(results, exact, ("value", "slope", "curvature"), strict=True):
                    assert_rounded(got[i], number, got.dtype, eps, f"{what} at d = {d[i]}, width {width}: {got[i]}")
