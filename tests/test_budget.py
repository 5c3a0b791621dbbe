"""Error budgets: each function, dtype and output against its definition in mpmath, within the bound its docstring states.

Rows are chosen to hurt: bit patterns, ties, confident rows, common offsets, subnormals, huge gaps, one class.
"""

import ml_dtypes
import mpmath
import numpy as np
import pytest

import closs

DTYPES = {"f8": np.float64, "f4": np.float32, "f2": np.float16, "bf16": ml_dtypes.bfloat16}


@pytest.fixture(autouse=True)
def digits():
    """So many that exp(-1500) counts beside 1, and for these tests alone."""
    with mpmath.workdps(900):
        yield


def info(dtype):
    return ml_dtypes.finfo(dtype) if np.dtype(dtype).kind == "V" else np.finfo(dtype)


def rows(dtype, rng):
    """Rows of 1, 2, 7 and 20 classes."""
    limits = info(dtype)
    wide = min(float(limits.max) / 4, 700.0)
    for classes in (1, 2, 7, 20):
        ordinary = 3 * rng.standard_normal(classes)
        confident = ordinary.copy()
        confident[0] += min(wide / 8, 60)
        bits = rng.integers(0, 2**16, classes).astype("u2").view("f2").astype(float)
        yield from (
            ordinary, confident, ordinary + min(wide / 2, 1e4), np.zeros(classes), np.round(ordinary),
            ordinary * float(limits.smallest_normal), wide * rng.uniform(-1, 1, classes),
            np.where(np.isfinite(bits), np.clip(bits, -wide, wide), 0),
        )  # fmt: skip


def exact(array):
    return [mpmath.mpf(float(number)) for number in np.asarray(array)]


def softmax(row, temperature=1):
    exponentials = [mpmath.exp(number / temperature) for number in row]
    total = mpmath.fsum(exponentials)
    return [number / total for number in exponentials]


def assert_close(got, wanted, bound, what):
    """`bound` in multiples of eps of the dtype of `got`; underflow may add two units of its smallest number. What is beyond
    the dtype is infinite, or where the bound reaches that far its largest number."""
    got = np.asarray(got)
    limits = info(got.dtype)
    for number, right, allowed in zip(got.ravel(), wanted, bound, strict=True):
        told = f"{what}: {float(number)!r}, exactly {mpmath.nstr(right, 20)}"
        slack = allowed * float(limits.eps) + 2 * float(limits.smallest_subnormal)
        if abs(right) > float(limits.max) and np.isinf(float(number)):
            assert (number > 0) == (right > 0), told
            continue
        assert abs(mpmath.mpf(float(number)) - right) <= slack, told


def half_ulps(row, dtype, temperature=1):
    """What rounding z - max costs each exponential, relative, in eps: half an ulp of the gap in the arithmetic's dtype."""
    real = np.float64 if np.dtype(dtype) == np.float64 else np.float32
    gaps = (row.astype(np.float64).max() - row.astype(np.float64)) / temperature
    return [mpmath.mpf(float(np.spacing(real(gap)) / 2 / np.finfo(real).eps)) if gap else mpmath.mpf(0) for gap in gaps]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("smoothing", [0.0, 0.25])
def test_cross_entropy_with_probabilities(dtype, smoothing, rng):
    kind = DTYPES[dtype]
    for row in rows(kind, rng):
        x, t = row.astype(kind), rng.random(len(row)).astype(kind)
        t[rng.random(len(row)) < 0.3] = 0
        value, gradient, hessian = closs.softmax_cross_entropy(
            x, t, label_smoothing=smoothing, reduction="none", grad=True, hess=True
        )
        z, e = exact(x), mpmath.mpf(smoothing)
        v = [(1 - e) * number + e / len(z) for number in exact(t)]
        p, weight = softmax(z), mpmath.fsum(v)
        if weight == 0:
            continue
        logs = [mpmath.log(number) for number in p]
        wobble = max(half_ulps(x, kind))
        terms = mpmath.fsum(abs(a * b) for a, b in zip(v, logs, strict=True))
        assert_close(
            value, [-mpmath.fsum(a * b for a, b in zip(v, logs, strict=True))], [8 * terms + wobble * weight], "value"
        )
        assert_close(gradient, [weight * a - b for a, b in zip(p, v, strict=True)],
                     [(8 + 2 * wobble) * weight * a + 8 * b for a, b in zip(p, v, strict=True)], "gradient")  # fmt: skip
        curved = [weight * a * (1 - a) for a in p]
        assert_close(hessian, curved, [(8 + 3 * wobble) * a for a in curved], "Hessian")


@pytest.mark.parametrize("dtype", DTYPES)
def test_softmax_entropy(dtype, rng):
    kind = DTYPES[dtype]
    for row in rows(kind, rng):
        x = row.astype(kind)
        value, gradient = closs.softmax_entropy(x, grad=True)
        p = softmax(exact(x))
        logs = [mpmath.log(number) for number in p]
        entropy = -mpmath.fsum(a * b for a, b in zip(p, logs, strict=True))
        top = max(exact(x))
        gaps = [top - number for number in exact(x)]
        mean = mpmath.fsum(a * b for a, b in zip(p, gaps, strict=True))
        wobble = max(half_ulps(x, kind))
        assert_close(value, [entropy], [(8 + 2 * wobble) * entropy], "value")
        assert_close(gradient, [-a * (b + entropy) for a, b in zip(p, logs, strict=True)],
                     [(8 + 2 * wobble) * a * (b + mean) for a, b in zip(p, gaps, strict=True)], "gradient")  # fmt: skip
        for base in (2, 10, 0.5):
            bits = closs.softmax_entropy(x, base=base)
            assert_close(
                bits, [entropy / mpmath.log(base)], [(10 + 2 * wobble) * entropy / abs(mpmath.log(base))], "base"
            )


def test_bits_of_powers_of_two():
    for power in range(17):
        for dtype in ("f4", "f8"):
            assert closs.softmax_entropy(np.zeros(2**power, dtype), base=2) == power


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("temperature", [1.0, 3.0, 0.25])
def test_distillation(dtype, temperature, rng):
    kind = DTYPES[dtype]
    for row in rows(kind, rng):
        x = row.astype(kind)
        u = (row + rng.standard_normal(len(row))).astype(kind)
        if temperature < 1 and np.abs(row).max() > 200:
            continue  # 900 digits would not hold the smaller exponentials
        value, gradient = closs.distillation_loss(x, u, temperature=temperature, reduction="none", grad=True)
        r, q = softmax(exact(x), temperature), softmax(exact(u), temperature)
        terms = [(a * mpmath.log(a), a * mpmath.log(b)) for a, b in zip(q, r, strict=True)]
        wobble = max(half_ulps(x, kind, temperature)) + max(half_ulps(u, kind, temperature))
        size = mpmath.fsum(abs(a) + abs(b) for a, b in terms)
        assert_close(value, [mpmath.fsum(a - b for a, b in terms)], [8 * size + wobble], "value")
        assert_close(gradient, [(a - b) / temperature for a, b in zip(r, q, strict=True)],
                     [(8 + 2 * wobble) * (a + b) / temperature for a, b in zip(r, q, strict=True)], "gradient")  # fmt: skip


def distributions(dtype, rng):
    """Pairs that are far, near, sparse, tiny and not normalised."""
    tiny = float(info(dtype).smallest_normal)
    for classes in (1, 2, 7, 20):
        p, q = rng.random(classes), rng.random(classes)
        near = p * (1 + 4 * float(info(dtype).eps) * rng.standard_normal(classes))
        sparse = np.where(rng.random(classes) < 0.5, p, 0)
        yield from (
            (p, q),
            (p, near),
            (sparse, q),
            (p * tiny, q * tiny),
            (p * tiny, q),
            (p, q * tiny),
            (8 * p, q),
            (p, p),
        )


@pytest.mark.parametrize("dtype", DTYPES)
def test_measures(dtype, rng):
    kind = DTYPES[dtype]
    for p, q in distributions(kind, rng):
        p, q = p.astype(kind), np.where(q == 0, 1, q).astype(kind)
        if (q == 0).any():
            continue
        a, b = exact(p), exact(q)
        pairs = [(x, y) for x, y in zip(a, b, strict=True) if x > 0]
        surprise, gradient = closs.entropy(p, grad=True)
        terms = [-x * mpmath.log(x) for x, _ in pairs]
        assert_close(surprise, [mpmath.fsum(terms)], [8 * mpmath.fsum(map(abs, terms))], "entropy")
        slopes = [-mpmath.log(x) - 1 for x, _ in pairs]
        assert_close(gradient[p > 0], slopes, [8 * (abs(slope) + 2) for slope in slopes], "entropy's gradient")
        for name, term, in_p, in_q in (
            ("cross_entropy", lambda x, y: -x * mpmath.log(y), lambda x, y: -mpmath.log(y), lambda x, y: -x / y),
            ("kl_divergence", lambda x, y: x * mpmath.log(x / y), lambda x, y: mpmath.log(x / y) + 1, lambda x, y: -x / y),
            ("js_divergence", lambda x, y: (x * mpmath.log(2 * x / (x + y)) + y * mpmath.log(2 * y / (x + y))) / 2,
             lambda x, y: mpmath.log(2 * x / (x + y)) / 2, lambda x, y: mpmath.log(2 * y / (x + y)) / 2),
        ):  # fmt: skip
            terms = [term(x, y) for x, y in pairs]
            if name == "js_divergence":
                terms += [y * mpmath.log(2) / 2 for x, y in zip(a, b, strict=True) if x == 0]
            function = getattr(closs, name)
            for wrt, slope in (("p", in_p), ("q", in_q)):
                value, gradient = function(p, q, grad=True, wrt=wrt)
                assert_close(value, [mpmath.fsum(terms)], [8 * mpmath.fsum(map(abs, terms))], name)
                slopes = [slope(x, y) for x, y in pairs]
                one = 2 if name == "kl_divergence" and wrt == "p" else 0
                assert_close(
                    gradient[p > 0], slopes, [8 * (abs(number) + one) for number in slopes], f"{name} in {wrt}"
                )
    assert closs.kl_divergence(p, p) == 0


def test_nearly_equal_distributions(rng):
    """JS to 1e-12, never negative, symmetric to the bit; scipy gives NaN, numkong 0."""
    for epsilon in (1e-3, 1e-6, 1e-9, 1e-12):
        p = rng.dirichlet(np.ones(30), 50)
        q = p * (1 + epsilon * rng.standard_normal(p.shape))
        value = closs.js_divergence(p, q)
        assert (value >= 0).all()
        np.testing.assert_array_equal(value, closs.js_divergence(q, p))
        for got, a, b in zip(value[:5], p[:5], q[:5], strict=True):
            x, y = exact(a), exact(b)
            right = (
                mpmath.fsum(
                    u * mpmath.log(2 * u / (u + v)) + v * mpmath.log(2 * v / (u + v)) for u, v in zip(x, y, strict=True)
                )
                / 2
            )
            assert abs(mpmath.mpf(float(got)) / right - 1) < 1e-12
        assert (closs.kl_divergence(p, p) == 0).all()


def elements(dtype, rng):
    limits = info(dtype)
    d = rng.standard_normal(300) * 10.0 ** rng.uniform(np.log10(float(limits.smallest_normal)) / 3, 2, 300)
    edges = [0, 0.5, 1, 1.3, np.nextafter(1.0, 2), np.nextafter(1.0, 0), 20, 88, 104, float(limits.smallest_subnormal)]
    return np.concatenate([d, edges, [-edge for edge in edges]]).astype(dtype)


def sigmoid(z):
    return 1 / (1 + mpmath.exp(-z))


def huber(d, delta):
    return d * d / 2 if abs(d) <= delta else delta * (abs(d) - delta / 2)


DELTA = mpmath.mpf(1.25)
REGRESSION = {  # value, slope, curvature, ulps of each
    "l1_loss": ({}, abs, mpmath.sign, lambda d: 0 * d, (1, 1, 1)),
    "mse_loss": ({}, lambda d: d * d, lambda d: 2 * d, lambda d: mpmath.mpf(2), (1, 1, 1)),
    "huber_loss": ({"delta": 1.25}, lambda d: huber(d, DELTA), lambda d: d if abs(d) <= DELTA else mpmath.sign(d) * DELTA,
                   lambda d: mpmath.mpf(abs(d) <= DELTA), (2, 1, 1)),
    "smooth_l1_loss": ({"beta": 1.25}, lambda d: huber(d, DELTA) / DELTA,
                       lambda d: d / DELTA if abs(d) <= DELTA else mpmath.sign(d),
                       lambda d: 1 / DELTA if abs(d) <= DELTA else mpmath.mpf(0), (2, 2, 2)),
    "pseudo_huber_loss": ({"delta": 1.25}, lambda d: DELTA**2 * (mpmath.sqrt(1 + (d / DELTA) ** 2) - 1),
                          lambda d: d / mpmath.sqrt(1 + (d / DELTA) ** 2),
                          lambda d: (1 + (d / DELTA) ** 2) ** mpmath.mpf(-1.5), (4, 4, 8)),
    "log_cosh_loss": ({}, lambda d: mpmath.log(mpmath.cosh(d)), mpmath.tanh, lambda d: mpmath.sech(d) ** 2, (4, 4, 8)),
    "quantile_loss": ({"quantile": 0.25}, lambda d: max(-d / 4, 3 * d / 4), lambda d: mpmath.sign(d) * (3 if d > 0 else 1) / 4,
                      lambda d: 0 * d, (2, 1, 1)),
}  # fmt: skip


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", REGRESSION)
def test_regression(name, dtype, rng):
    options, value, slope, curvature, ulps = REGRESSION[name]
    d = elements(DTYPES[dtype], rng)
    results = getattr(closs, name)(d, np.zeros_like(d), reduction="none", grad=True, hess=True, **options)
    for number, function, got, what in zip(
        ulps, (value, slope, curvature), results, ("value", "slope", "curvature"), strict=True
    ):
        wanted = [function(x) for x in exact(d)]
        assert_close(got, wanted, [number * abs(x) for x in wanted], f"{name} {what}")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("target", [0.0, 1.0, 0.25])
def test_sigmoid(dtype, target, rng):
    z = elements(DTYPES[dtype], rng)
    results = closs.sigmoid_cross_entropy(
        z, np.full_like(z, target), pos_weight=2.5, reduction="none", grad=True, hess=True
    )
    a, b = mpmath.mpf(2.5 * target), mpmath.mpf(1 - target)
    for got, terms, ulps in (
        (results[0], [(-a * mpmath.log(sigmoid(x)), b * mpmath.log(1 + mpmath.exp(x))) for x in exact(z)], 4),
        (results[1], [(-a * sigmoid(-x), b * sigmoid(x)) for x in exact(z)], 5),
        (results[2], [((a + b) * sigmoid(x) * sigmoid(-x), mpmath.mpf(0)) for x in exact(z)], 8),
    ):
        assert_close(got, [u + v for u, v in terms], [ulps * (abs(u) + abs(v)) for u, v in terms], f"{target}")
