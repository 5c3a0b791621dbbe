"""Every decision of cases.SPECIAL: in every dtype, alone and among ordinary rows, on either axis, in every layout."""

import inspect
import sys
import warnings

import cases
import ml_dtypes
import mpmath
import numpy as np
import pytest
import reference
from programs import run_python

import closs

DTYPES = {"f8": np.float64, "f4": np.float32, "f2": np.float16, "bf16": ml_dtypes.bfloat16}


def holds(numbers, dtype):
    """Whether a dtype has these numbers, up to rounding: none becomes infinite, or zero."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        exact = np.asarray(numbers, np.float64)
        rounded = exact.astype(dtype).astype(np.float64)
        return np.array_equal(np.isinf(exact), np.isinf(rounded)) and np.array_equal(exact == 0, rounded == 0)


def is_label(given):
    return isinstance(given, int)


def inputs_of(case, dtype):
    """Arrays of a dtype, but for labels."""
    labels = case.function in ("softmax_cross_entropy", "zero_one_loss")
    return [given if labels and is_label(given) else np.asarray(given, float).astype(dtype) for given in case.inputs]


RUNS = [
    pytest.param(case, dtype, id=f"{case.function}-{case.why}-{dtype}")
    for case in cases.SPECIAL
    for dtype in DTYPES
    if case.error is None and all(is_label(given) or holds(given, DTYPES[dtype]) for given in case.inputs)
    and holds([part for part in case.expected[:1] if part is not None] or [0], DTYPES[dtype])
]  # fmt: skip
FAULTS = [pytest.param(case, id=f"{case.function}-{case.why}") for case in cases.SPECIAL if case.error is not None]


def outputs(function):
    parameters = inspect.signature(function).parameters
    return [name for name in ("grad", "hess") if name in parameters]


def call(function, inputs, options):
    """Value, and what derivatives it has, as a list."""
    wanted = dict.fromkeys(outputs(function), True)
    if "reduction" in inspect.signature(function).parameters:
        options = {"reduction": "none", **options}
    result = function(*inputs, **options, **wanted)
    return list(result) if wanted else [result]


def check(got, expected, dtype, what):
    if expected is None:
        return
    got = np.asarray(got).astype(np.float64)
    expected = np.asarray(expected, np.float64)
    kind = DTYPES[dtype]
    info = ml_dtypes.finfo(kind) if dtype == "bf16" else np.finfo(kind)
    tolerance = max(2e-4, 4 * float(info.eps)) if what == "value" else max(2e-3, 4 * float(info.eps))
    # What a half type cannot hold it rounds to a multiple of its smallest number.
    np.testing.assert_allclose(got, expected, rtol=tolerance, atol=2 * float(info.smallest_subnormal), err_msg=what)
    if what == "value":
        assert not np.signbit(got[(expected == 0) & (got == 0)]).any()


def elementwise(function):
    return "axis" not in inspect.signature(function).parameters


@pytest.mark.parametrize(("case", "dtype"), RUNS)
def test_value_gradient_and_hessian(case, dtype):
    function, kind = getattr(closs, case.function), DTYPES[dtype]
    rows = inputs_of(case, kind)
    alone = call(function, rows, case.options)
    for name, got, expected in zip(("value", *outputs(function)), alone, case.expected[: len(alone)], strict=False):
        check(got, expected, dtype, name)
    # Among ordinary neighbours, which keep the bits that they have alone.
    count, place = 37, 18
    for axis in (0, 1):
        for layout in ("C", "F", "reversed", "spread"):
            batch = []
            for row in rows:
                if is_label(row):
                    batch.append(np.where(np.arange(count) == place, row, 0))
                    continue
                ordinary = np.ones((count, *row.shape)) * 0.5
                ordinary = ordinary.astype(kind)
                ordinary[place] = row
                if row.ndim:
                    ordinary = np.moveaxis(ordinary, 1, axis)
                batch.append(laid_out(ordinary, layout))
            options = dict(case.options)
            if not elementwise(function):
                options["axis"] = axis
            if "sample_weight" in options:
                options["sample_weight"] = np.where(np.arange(count) == place, options["sample_weight"], 1.0)
            results = call(function, batch, options)
            for name, got, single in zip(("value", *outputs(function)), results, alone, strict=True):
                if np.ndim(got) == 2:
                    got = np.moveaxis(np.asarray(got), axis, 1)
                what = f"{name} {axis} {layout}"
                reference.assert_same_bits(np.float64(got[place]), np.float64(single), what)
                others = np.delete(np.asarray(got).astype(np.float64), place, axis=0)
                assert np.isfinite(others).all()


def laid_out(array, layout):
    if layout == "reversed":
        return array[tuple(slice(None, None, -1) for _ in array.shape)].copy()[
            tuple(slice(None, None, -1) for _ in array.shape)
        ]
    if layout == "spread":
        wide = np.zeros(tuple(2 * extent for extent in array.shape), array.dtype)
        view = wide[tuple(slice(None, None, 2) for _ in array.shape)]
        view[...] = array
        return view
    return np.asarray(array, order=layout)


def can_be_summed(case):
    reduces = "reduction" in inspect.signature(getattr(closs, case.function)).parameters
    return case.error is None and reduces and case.options.get("sample_weight") != 0


@pytest.mark.parametrize(
    "case", list(filter(can_be_summed, cases.SPECIAL)), ids=lambda case: f"{case.function}-{case.why}"
)
def test_reductions(case):
    function = getattr(closs, case.function)
    rows = inputs_of(case, float)
    value = call(function, rows, case.options)[0]
    total = function(*rows, **case.options, reduction="sum")
    assert type(total) is float
    np.testing.assert_array_equal(total, float(value))


@pytest.mark.parametrize("case", FAULTS)
def test_exceptions(case):
    function = getattr(closs, case.function)
    inputs = inputs_of(case, float)
    buffers = {name: np.full(np.shape(inputs[0]), 7.0) for name in outputs(function)}
    with pytest.raises(case.error, match=case.words):
        function(*inputs, **case.options, **buffers)
    for buffer in buffers.values():
        assert (buffer == 7).all()


@pytest.mark.parametrize("dtype", ["f2", "bf16"])
def test_a_large_half_batch_has_the_right_mean(dtype):
    """70,000 rows: sums of float16 would be inf, and torch's mean is NaN."""
    logits = np.tile(np.array([[0.0, 1.0, 2.0]], DTYPES[dtype]), (70_000, 1))
    labels = np.zeros(70_000, np.int8)
    gradient = np.empty(logits.shape, np.float32)
    loss, _ = closs.softmax_cross_entropy(logits, labels, grad=gradient)
    expected, one = closs.softmax_cross_entropy(logits[0].astype("f4"), 0, grad=True)
    assert loss == pytest.approx(expected, rel=1e-12)
    np.testing.assert_allclose(gradient[-1], one / 70_000, rtol=1e-6)
    total = closs.softmax_cross_entropy(logits, labels, reduction="sum")
    assert total == pytest.approx(70_000 * expected, rel=1e-12)


def test_half_values_are_float32():
    for kind in (np.float16, ml_dtypes.bfloat16):
        d = np.array([300.0, 1.0], kind)
        values, gradient = closs.mse_loss(d, 0.0, reduction="none", grad=True)
        assert values.dtype == np.float32
        assert gradient.dtype == kind
        assert values[0] == 90000
        assert closs.softmax(d).dtype == kind
        assert closs.logsumexp(d).dtype == np.float32
    mixed = closs.distillation_loss(np.ones(3, np.float16), np.ones(3, ml_dtypes.bfloat16), grad=True)[1]
    assert mixed.dtype == np.float32


def test_dtypes_of_pairs():
    """numpy.result_type, with weak Python numbers; integers count as float64."""
    f4, f8, i8 = np.ones(3, "f4"), np.ones(3), np.ones(3, int)
    for pred, target, expected in ((f4, f8, "f8"), (f4, 1.0, "f4"), (f4, 1, "f4"), (f4, i8, "f8"), (i8, f4, "f8"),
                                   (f4, np.float64(1), "f8"), (i8, 1, "f8")):  # fmt: skip
        assert closs.l1_loss(pred, target, grad=True)[1].dtype == expected
        assert closs.l1_loss(pred, target, reduction="none").dtype == expected
    assert closs.sigmoid_cross_entropy(f4, i8, grad=True)[1].dtype == "f4"
    with pytest.raises(ValueError, match=r"shapes \(3,\) and \(3, 1\) differ"):
        closs.mse_loss(np.ones(3), np.ones((3, 1)))
    with pytest.raises(ValueError, match=r"shapes \(\) and \(3,\) differ"):
        closs.mse_loss(1.0, np.ones(3))
    assert closs.mse_loss(3.0, 1.0) == 4.0
    with pytest.raises(ValueError, match="target is an integer that no float64 can hold"):
        closs.mse_loss(f8, 10**400)
    with pytest.raises(ValueError, match="delta is an integer that no float64 can hold"):
        closs.huber_loss(f8, f8, delta=10**400)
    with np.errstate(all="raise"):  # a result that overflows is no error, nor is a number that does on the way
        assert closs.l1_loss(np.zeros(3, np.float16), 1e6) == np.inf
        assert closs.l1_loss(f4, 1e-50) == 1


@pytest.mark.parametrize("dtype", ["f4", "f2", "bf16"])
@pytest.mark.parametrize("classes", [3, 20, 400])
def test_targets_that_nearly_cancel(dtype, classes, rng):
    """Only a sum of exactly 0 makes a sample absent: 1, tiny and -1 do not."""
    logits = rng.standard_normal((40, classes)).astype(DTYPES[dtype])
    targets = np.zeros((40, classes), np.float32)
    targets[:, 0], targets[:, 1], targets[:, -1] = 1, 1e-10, -1
    targets[0, 1] = 0
    values, gradient = closs.softmax_cross_entropy(
        logits, targets, reduction="none", grad=np.empty((40, classes), np.float32)
    )
    wide = logits.astype(np.float64), targets.astype(np.float64)
    expected, slopes = closs.softmax_cross_entropy(*wide, reduction="none", grad=True)
    np.testing.assert_allclose(values, expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(gradient, slopes, rtol=1e-5, atol=1e-12)
    assert values[0] == 0
    assert (values[1:] != 0).all()


def test_sums_of_measures_overflow_only_where_the_answer_does():
    p, q = np.zeros(48, np.float32), np.ones(48, np.float32)
    p[[0, 16]], q[[0, 16]] = 1e37, 1e37 * np.exp(-20)
    p[32], q[32] = 1.25e38, 3.39e38
    expected = closs.kl_divergence(p.astype(np.float64), q.astype(np.float64))
    assert np.isfinite(np.float32(expected))
    for wrt in ("p", "q"):
        for grad in (False, True, p.copy() if wrt == "p" else q.copy()):
            data = (grad, q) if wrt == "p" and isinstance(grad, np.ndarray) else (p, grad)
            data = data if isinstance(grad, np.ndarray) else (p, q)
            value = closs.kl_divergence(*data, wrt=wrt, grad=grad)
            assert (value[0] if grad is not False else value) == pytest.approx(expected, rel=1e-6)


def test_a_quantile_that_no_float_holds():
    d = np.array([-1e30, 1e30], np.float32)
    for quantile in (1e-45, 1e-46, 1e-300):
        values = closs.quantile_loss(d, 0.0, quantile=quantile, reduction="none")
        np.testing.assert_allclose(values, [np.float32(1e30 * quantile), 1e30], rtol=3e-7)


@pytest.mark.parametrize("dtype", ["f2", "bf16"])
def test_targets_finer_than_half_logits(dtype, rng):
    """0.999 is no number of a half type, but may be the target of one; so may 1e-9."""
    logits = (4 * rng.standard_normal((50, 7))).astype(DTYPES[dtype])
    target = rng.choice(np.float32([0.999, 0.0001, 1e-9, 0.3]).astype(np.float64), (50, 7))
    wide = np.empty((50, 7), np.float32)
    expected, slopes = closs.sigmoid_cross_entropy(logits.astype(np.float64), target, reduction="none", grad=True)
    for given in (target, target.astype(np.float32), np.asfortranarray(target)):
        values, gradient = closs.sigmoid_cross_entropy(logits, given, reduction="none", grad=wide)
        np.testing.assert_allclose(values, expected, rtol=1e-6)
        np.testing.assert_allclose(gradient, slopes, rtol=1e-5, atol=1e-7)
    one = closs.sigmoid_cross_entropy(logits, 0.75, reduction="none")
    np.testing.assert_allclose(one, closs.sigmoid_cross_entropy(logits.astype("f8"), 0.75, reduction="none"), rtol=1e-6)
    assert closs.sigmoid_cross_entropy(logits, target, grad=True)[1].dtype == DTYPES[dtype]


def divergence(logits, targets, temperature):
    """Of two softmaxes, from the definition; a class that underflows in 2000 digits has no share."""
    with mpmath.workdps(2000):
        z, u = ([mpmath.mpf(float(x)) / mpmath.mpf(temperature) for x in row] for row in (logits, targets))
        r, q = ([mpmath.exp(x - max(row)) if x - max(row) > -4000 else None for x in row] for row in (z, u))
        total, share = (mpmath.fsum(e for e in row if e is not None) for row in (r, q))
        return float(mpmath.fsum(
            e / share * ((b - max(u) - mpmath.log(share)) - (a - max(z) - mpmath.log(total)))
            for e, a, b in zip(q, z, u, strict=True) if e is not None
        ))  # fmt: skip


LOWEST = float(np.finfo(float).min)


@pytest.mark.parametrize("samples", [1, 5, 40])
@pytest.mark.parametrize("classes", [3, 36, 600])
@pytest.mark.parametrize(
    ("masked", "first", "last", "target_last", "temperature"),
    [
        pytest.param(LOWEST, LOWEST, 0, 0, 0.5, id="equal and masked"),
        pytest.param(LOWEST, LOWEST, 1, 0, 0.5, id="masked"),
        pytest.param(-1e308, -1e308, 1e308, 1e308, 1.0, id="equal, twice as far apart as a double can be"),
        pytest.param(LOWEST, 0, 0, 800, 1.0, id="a share that a later target takes away"),
        pytest.param(0, 0, 1e300, 0, 1.0, id="a large divergence"),
        pytest.param(-1e300, 0, 2, 5, 3.0, id="a large divergence of small shares"),
    ],
)
def test_distillation_of_masked_logits(masked, first, last, target_last, temperature, classes, samples):
    """Finite logits as far apart as doubles can be, the maximum in the last block of classes, and in the first."""
    z, u = np.full(classes, masked, float), np.full(classes, first, float)
    z[0] = first
    z[-2:], u[-2:] = (0, last), (0, target_last)
    expected = divergence(z, u, temperature)
    assert np.isfinite(expected)
    for order in (slice(None), slice(None, None, -1)):
        for axis in (-1, 0):
            logits, targets = (np.repeat(x[order][None], samples, 0) for x in (z, u))
            data = (logits, targets) if axis == -1 else (logits.T.copy(), targets.T.copy())
            values = closs.distillation_loss(*data, axis=axis, temperature=temperature, reduction="none")
            np.testing.assert_allclose(values, expected, rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize("seed", [4, 10, 26, 29, 31])
def test_a_neighbour_whose_maximum_grows_changes_no_bit(seed):
    """Also of a moment that a double does not hold, and that is summed apart: these seeds once did."""
    rng, far, classes = np.random.default_rng(seed), 1.7e308, 65
    logits, targets = (rng.choice([-1, 1], size=(2, classes)) * far * 0.5 for _ in range(2))
    targets[0], logits[0] = (far * (2 * rng.random(classes) - 1) for _ in range(2))
    logits[0, :2], targets[0, 0] = (far, -far), far
    values = []
    for last in (0, -1):  # the neighbour's maximum: in the first chunk of classes, and in a later one
        logits[1] = 0
        logits[1, last] = 1
        values.append(closs.distillation_loss(logits, targets, temperature=far / 7, reduction="none")[0])
    assert values[0] == values[1]


def test_an_entropy_that_no_float_holds():
    """Its gradient at the largest class is as exact as at the other."""
    x = np.array([[102.0, -1.0]], np.float32)
    for options in ({"sample_weight": [1e30]}, {"base": 1 + 1e-9}):
        gradient = closs.softmax_entropy(x, grad=True, **options)[1]
        expected = closs.softmax_entropy(x.astype(float), grad=True, **options)[1]
        np.testing.assert_allclose(gradient, expected, rtol=1e-6)


@pytest.mark.parametrize("classes", [2, 300, 40_000])
def test_no_negative_zero(classes):
    """Of a certain row, and of a difference of 0, whatever the sign of the weight."""
    logits = np.full((3, classes), -np.inf)
    logits[:, 1] = 2
    for data, axis in ((logits, -1), (logits.T.copy(), 0)):
        for count in (1, 2):
            with closs.threads(count):
                values = closs.softmax_cross_entropy(data, [1] * 3, axis=axis, sample_weight=-1.0, reduction="none")
            assert not np.signbit(values).any()
    assert not np.signbit(closs.mse_loss(np.ones(5), 1.0, sample_weight=-1.0, reduction="none")).any()


@pytest.mark.parametrize("base", [1e300, 6.36e307, 1e308, np.finfo(float).max, 5e-324])
def test_bases_at_the_ends_of_double(base):
    assert closs.entropy([0.5, 0.5], base=base) == pytest.approx(np.log(2) / np.log(base), rel=1e-14)
    assert closs.softmax_entropy([0.0, 0.0], base=base) == pytest.approx(np.log(2) / np.log(base), rel=1e-14)


def test_the_rounding_mode_of_the_caller_does_not_matter():
    code = """
        import ctypes, numpy as np, closs
        x, y = np.linspace(-3, 3, 21).reshape(7, 3), np.array([0, 1, 2, 0, 1, 2, 0])
        weight = np.linspace(0.1, 1.3, 7)
        def losses():
            return [closs.softmax_cross_entropy(x, y, sample_weight=weight, grad=True),
                    closs.huber_loss(x, 0.1, delta=0.7, grad=True), closs.entropy(abs(x), base=3, reduction="mean")]
        libm = ctypes.CDLL(None)
        plain, modes = losses(), {0x400, 0x800, 0xC00, 0x400000, 0x800000, 0xC00000}  # of x86, and of ARM
        for mode in modes:
            libm.fesetround(mode)
            other = losses()
            libm.fesetround(0)
            for a, b in zip(plain, other):
                assert str(a) == str(b), (mode, a, b)
        libm.feenableexcept(4)  # division by zero kills the process, where that is possible
        assert np.isnan(closs.mse_loss(np.zeros(0), np.zeros(0)))
        print("same")
    """
    if not sys.platform.startswith("linux"):
        pytest.skip("the rounding modes are those of Linux on x86-64 and aarch64")
    assert run_python(code, PYTHONWARNINGS="ignore") == "same\n"


def test_subnormal_results_where_the_caller_flushes_them():
    torch = pytest.importorskip("torch", reason="torch, which sets the flush here, is not installed")
    x, y, weight = np.array([[720.0, 0.0]]), np.array([0]), np.array([6e-309])

    def losses():
        return (
            closs.softmax_cross_entropy(x, y), closs.mse_loss(np.array([1e-160]), 0.0),
            closs.softmax_cross_entropy(x, y, sample_weight=weight, grad=True)[1][0, 1],
            closs.huber_loss(np.array([1.0]), 0.0, delta=1e-310),
        )  # fmt: skip

    plain = losses()
    assert torch.set_flush_denormal(True)
    try:
        flushed = losses()
    finally:
        torch.set_flush_denormal(False)
    assert [value.hex() for value in flushed] == [value.hex() for value in plain]
    assert min(plain) > 0
