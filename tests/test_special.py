"""Every decision of cases.SPECIAL: in every dtype, alone and among ordinary rows, on either axis, in every layout."""

import inspect
import warnings

import cases
import ml_dtypes
import numpy as np
import pytest
import reference

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
