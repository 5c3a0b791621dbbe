"""Options crossed at random (hypothesis), each answer against the oracle in extended precision."""

import warnings

import numpy as np
import reference
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import closs

SETTINGS = settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
LABEL_DTYPES = ["i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", ">i4"]


@st.composite
def calls(draw, special):
    """Logits of up to three sample axes in any order of memory, with any combination of options."""
    dtype = draw(st.sampled_from(["f4", "f8"]))
    samples = draw(st.lists(st.integers(1, 5), max_size=3))
    classes = draw(st.sampled_from([1, 2, 3, 5, 17]))
    axis = draw(st.integers(0, len(samples)))
    shape = [*samples[:axis], classes, *samples[axis:]]
    size = draw(st.sampled_from([1.0, 30.0, 700.0]))
    numbers = st.floats(-size, size, width=32)
    if special:
        numbers |= st.sampled_from([np.inf, -np.inf, np.nan, 0.0, -0.0, 3e38, -3e38, 1e-40])
    logits = draw(hnp.arrays(dtype, shape, elements=numbers, fill=st.nothing()))
    order = draw(st.permutations(range(len(shape))))
    logits = logits.transpose(order).copy().transpose(np.argsort(order))
    for d in range(len(shape)):
        if draw(st.booleans()):
            logits = np.flip(np.flip(logits, d).copy(order="K"), d)
    label_dtype = draw(st.sampled_from(LABEL_DTYPES))
    ignored = draw(st.sampled_from([None, 0, classes, 100]))
    labels = draw(hnp.arrays("i8", samples, elements=st.integers(0, classes - 1), fill=st.nothing()))
    if ignored is not None:
        labels = np.where(draw(hnp.arrays("?", samples)), ignored, labels)
    options = {"axis": axis - draw(st.sampled_from([0, len(shape)])), "ignore_index": ignored}
    weights = st.sampled_from([0.0, 0.5, 1.0, 3.0, 1e-3])
    if draw(st.booleans()):
        options["class_weight"] = draw(hnp.arrays(draw(st.sampled_from(["f4", "f8"])), classes, elements=weights))
    if draw(st.booleans()):
        options["sample_weight"] = draw(hnp.arrays(draw(st.sampled_from(["f4", "f8"])), samples, elements=weights))
    options["reduction"] = draw(st.sampled_from(["mean", "sum", "none"]))
    return logits, labels.astype(label_dtype), options


def check(call):
    logits, labels, options = call
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="mean of empty")
        loss, gradient = closs.softmax_cross_entropy(logits, labels, grad=True, **options)
    answer = reference.cross_entropy(logits, labels, **options)
    reference.assert_matches(loss, gradient, answer, str(options))


@SETTINGS
@given(calls(special=False))
def test_finite(call):
    check(call)


@SETTINGS
@given(calls(special=True))
def test_special(call):
    check(call)
