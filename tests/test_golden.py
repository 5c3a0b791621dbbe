"""The bits of results: as stored, for any number of threads, alignment, padding of rows and kind of buffer."""

import json

import make_golden
import numpy as np
import pytest

import closs

GOLDEN = json.loads(make_golden.FILE.read_text())[make_golden.LEVEL]
RUNS = list(make_golden.problems())


def unpadded(array):
    return np.asarray(array)


def shifted(array):
    """At an address that is aligned to an element and to nothing more."""
    array = np.asarray(array)
    room = np.empty(array.size + 64, array.dtype)
    start = next(k for k in range(64) if (room.ctypes.data + k * array.itemsize) % 64 == array.itemsize)
    view = room[start : start + array.size].reshape(array.shape)
    view[...] = array
    return view


def padded(array):
    """Every row followed by room that belongs to no one."""
    array = np.asarray(array)
    if array.ndim == 0:
        return array
    room = np.empty((*array.shape[:-1], array.shape[-1] + 5), array.dtype)
    view = room[..., : array.shape[-1]]
    view[...] = array
    return view


@pytest.mark.parametrize(("dtype", "shape", "axis"), RUNS)
def test_stored(dtype, shape, axis):
    for name, call in make_golden.calls(shape, axis, dtype).items():
        stored = GOLDEN[make_golden.key(name, dtype, shape)]
        for threads in (1, 2, 3, 7):
            with closs.threads(threads):
                assert make_golden.digest(call(unpadded)) == stored, f"{name}, {threads} threads"
        for layout in (shifted, padded):
            assert make_golden.digest(call(layout)) == stored, f"{name}, {layout.__name__}"


@pytest.mark.parametrize(("dtype", "shape", "axis"), RUNS)
def test_buffers(dtype, shape, axis):
    """In place, in a padded buffer, in a transposed one, and without the other outputs: the same bits."""
    x, p, labels, *_ = make_golden.inputs(shape, axis, dtype)
    for function, target, options in (
        (closs.softmax_cross_entropy, labels, {"axis": axis}),
        (closs.softmax_cross_entropy, p, {"axis": axis}),
        (closs.softmax_cross_entropy, labels, {"axis": axis, "label_smoothing": 0.5}),
        (closs.distillation_loss, p, {"axis": axis}),
        (closs.sigmoid_cross_entropy, p, {}),
        (closs.huber_loss, p, {}),
        (closs.log_cosh_loss, p, {}),
        (closs.kl_divergence, p, {"axis": axis, "reduction": "mean"}),
    ):
        if function is closs.kl_divergence:
            x = np.abs(x)
            options = {**options, "wrt": "p"}
        expected, gradient = function(x, target, grad=True, **options)
        assert function(x, target, **options) == expected
        for buffer in (x.copy(), padded(x), shifted(x)):
            given = buffer if buffer.flags.c_contiguous else x
            loss, same = function(given, target, grad=buffer, **options)
            assert loss == expected
            assert same is buffer
            np.testing.assert_array_equal(buffer, gradient)
        wide = np.empty(x.shape[::-1], np.float32 if dtype in ("float16", "bfloat16") else dtype).T
        loss, same = function(x, target, grad=wide, **options)
        assert loss == expected
        assert same is wide
        np.testing.assert_array_equal(wide.astype(dtype), gradient)
        if function in (closs.distillation_loss, closs.kl_divergence):
            continue
        hessian = function(x, target, hess=True, **options)[1]
        np.testing.assert_array_equal(function(x, target, grad=True, hess=True, **options)[2], hessian)


def test_nothing_is_stored_in_vain():
    names = {make_golden.key(name, dtype, shape) for dtype, shape, axis in RUNS
             for name in make_golden.calls(shape, axis, dtype)}  # fmt: skip
    stored = {name for name in GOLDEN if make_golden.ml_dtypes or " bfloat16 " not in name}
    assert stored == names
