"""The coefficients of src/vmath.h derived anew: relative minimax polynomials by Remez exchange, in 50 digits."""

import re
from pathlib import Path

import mpmath
import pytest
from mpmath import mp, mpf

VMATH = Path(__file__).parent.parent / "src" / "vmath.h"
pytestmark = pytest.mark.skipif(not VMATH.exists(), reason="the sources of libcloss are not beside the tests")


def polynomial(coefficients, x):
    value = mpf(0)
    for coefficient in reversed(coefficients):
        value = value * x + coefficient
    return value


def remez(target, weight, low, high, degree, rounds=10):
    """The polynomial that makes the largest weight(x) |p(x) - target(x)| smallest, and that largest error."""
    count = degree + 2
    nodes = sorted(
        (low + high) / 2 + (high - low) / 2 * mpmath.cos(mp.pi * (2 * k + 1) / (2 * count)) for k in range(count)
    )
    grid = [low + (high - low) * k / 600 for k in range(601)]
    for _ in range(rounds):
        system, right = mpmath.matrix(count, count), mpmath.matrix(count, 1)
        for i, x in enumerate(nodes):
            for j in range(degree + 1):
                system[i, j] = x**j
            system[i, degree + 1] = (-1) ** i / weight(x)
            right[i] = target(x)
        coefficients = list(mpmath.lu_solve(system, right))[: degree + 1]
        errors = [weight(x) * (polynomial(coefficients, x) - target(x)) for x in grid]
        extremes = []
        for k, error in enumerate(errors):
            if not extremes or (error > 0) != (errors[extremes[-1]] > 0):
                extremes.append(k)
            elif abs(error) > abs(errors[extremes[-1]]):
                extremes[-1] = k
        if len(extremes) < count:
            break
        while len(extremes) > count:
            extremes.pop(0 if abs(errors[extremes[0]]) < abs(errors[extremes[-1]]) else -1)
        nodes = [grid[k] for k in extremes]
    return coefficients, max(abs(error) for error in errors)


def error_of(coefficients, target, weight, low, high):
    points = [low + (high - low) * k / 600 for k in range(601)]
    return max(abs(weight(x) * (polynomial(coefficients, x) - target(x))) for x in points)


def exp_tail(r):
    """(exp(r) - 1 - r) / r^2"""
    return (mpmath.exp(r) - 1 - r) / r**2 if abs(r) > mpf(10) ** -12 else mpf(1) / 2 + r / 6


def exp_weight(r):
    """Turns an error of the tail into one relative to exp(r)."""
    return max(r * r, mpf(10) ** -8) / mpmath.exp(r)


def log_tail(z):
    """(log((1 + s) / (1 - s)) - 2 s) / s^3 with z = s^2"""
    if z < mpf(10) ** -14:
        return mpf(2) / 3 + mpf(2) / 5 * z
    s = mpmath.sqrt(z)
    return (mpmath.log((1 + s) / (1 - s)) - 2 * s) / (s * z)


def log_weight(z):
    s = mpmath.sqrt(max(z, mpf(10) ** -8))
    return s**3 / mpmath.log((1 + s) / (1 - s))


def js_series(z):
    """(d atanh(d) + log(1 - d^2) / 2) / d^2 with z = d^2"""
    if z < mpf(10) ** -12:
        return mpf(1) / 2 + z / 12
    d = mpmath.sqrt(z)
    return (d * mpmath.atanh(d) + mpmath.log(1 - z) / 2) / z


def js_weight(z):
    return 1 / js_series(z)


def coefficients_in_source():
    """Lowest degree first, for float and double in turn: the tails of exp, log1p and log_ratio, the series of JS."""
    number = r"([0-9.]+(?:e-[0-9]+)?)f?"
    text = VMATH.read_text(encoding="utf-8")
    lists = []
    steps = rf"real (q|rest|series) = {number};\n((?:\s+\1 = FMA\(\1, \w+, {number}\);\n)+)"
    listed = r"#define ATANH_SERIES[\s\\]+\{2,([^}]+)\}"
    for found in re.finditer(rf"{steps}|{listed}", text):
        if found[1]:
            rest = re.findall(rf"FMA\(\w+, \w+, {number}\)", found[3])
            lists.append([mpf(digits) for digits in [found[2], *rest]][::-1])
        else:
            lists.append([mpf(digits) for digits in re.findall(number, found[5])])
    return lists


def width(s):
    """The largest square of s that rounding of a reduced argument leaves, a little beyond the one that is meant."""
    return (s * mpf("1.0005")) ** 2


with mp.workdps(50):
    SQRT_HALF = (mpmath.sqrt(2) - 1) / (mpmath.sqrt(2) + 1)
    HALF_LOG2 = mpmath.log(2) / 2 * mpf("1.0005")
    POLYNOMIALS = {  # which of the source, target, weight, low, high, degree, limit
        "exp float": (0, exp_tail, exp_weight, -HALF_LOG2, HALF_LOG2, 4, 4e-9),
        "exp double": (1, exp_tail, exp_weight, -HALF_LOG2, HALF_LOG2, 9, 4e-18),
        "log1p float": (2, log_tail, log_weight, 0, width(SQRT_HALF), 2, 2e-9),
        "log1p double": (3, log_tail, log_weight, 0, width(SQRT_HALF), 6, 2e-18),
        "log_ratio float": (4, log_tail, log_weight, 0, width(mpf(1) / 5), 2, 4e-9),
        "log_ratio double": (5, log_tail, log_weight, 0, width(mpf(1) / 5), 6, 2e-17),
        "JS float": (6, js_series, js_weight, 0, mpf(1) / 9, 4, 2e-9),
        "JS double": (7, js_series, js_weight, 0, mpf(1) / 9, 9, 5e-18),
    }


@pytest.mark.parametrize(
    ("which", "target", "weight", "low", "high", "degree", "limit"), POLYNOMIALS.values(), ids=POLYNOMIALS
)
def test_coefficients(which, target, weight, low, high, degree, limit):
    """Those in the source are the best ones, to the digits written, with an error far below half an ulp."""
    with mp.workdps(50):
        best, error = remez(target, weight, mpf(low), high, degree)
        source = coefficients_in_source()[which]
        assert len(source) == degree + 1
        for got, wanted in zip(source, best, strict=True):
            assert abs(got - wanted) <= abs(wanted) * mpf("1e-3")
        assert error < limit
        assert error_of(source, target, weight, mpf(low), high) <= error * mpf("1.02")
