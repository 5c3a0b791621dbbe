"""Large results may be written past the caches: the same bits as in smaller calls, and nothing beside them."""

import functools

import numpy as np
import pytest

import closs

BYTES = 66 << 20  # twice CLOSS_STREAM_BYTES of src/stream.h, and more: from there float32 rows of 1001 are, too;
# half types are in rows of 1001 and of 70001 (plan_of_rows in src/softmax_rows.h)


def kept(shape, dtype, shift, gap):
    """An array at an odd place in memory, `gap` columns wider than wanted, and the view of it that is wanted."""
    size = shape[0] * (shape[1] + gap)
    memory = np.full(size + 64, 7, dtype)
    start = -(memory.ctypes.data // memory.itemsize) % (64 // memory.itemsize) + shift
    around = memory[start : start + size].reshape(shape[0], shape[1] + gap)
    return memory, around[:, : shape[1]]


def in_parts(function, rows, at_a_time, *arrays):
    """What `function` writes of some rows at a time, to new arrays: never past the caches."""
    return np.concatenate([function(*(array[i : i + at_a_time] for array in arrays))
                           for i in range(0, rows, at_a_time)])  # fmt: skip


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(("shift", "gap"), [(0, 0), (1, 0), (5, 3)])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("classes", [1001, 4099, 20011, 70001])
def test_rows(rng, dtype, classes, shift, gap, threads):
    rows = BYTES // (classes * np.dtype(dtype).itemsize) + 1
    logits = rng.standard_normal((rows, classes)).astype(dtype)
    labels = rng.integers(0, classes, rows)
    memory, grad = kept(logits.shape, dtype, shift, gap)
    with closs.threads(threads):
        closs.softmax_cross_entropy(logits, labels, reduction="sum", grad=grad)
        expected = in_parts(
            lambda z, y: closs.softmax_cross_entropy(z, y, reduction="sum", grad=True)[1], rows, 500, logits, labels
        )
        assert np.array_equal(grad, expected)
        grad[...] = 7
        assert np.all(memory == 7)
        closs.log_softmax(logits, out=grad)
        assert np.array_equal(grad, in_parts(closs.log_softmax, rows, 500, logits))
    grad[...] = 7
    assert np.all(memory == 7)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("shift", [0, 1, 7])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_elements(rng, dtype, shift, threads):
    count = BYTES // np.dtype(dtype).itemsize + 13
    pred, target = rng.standard_normal((2, count)).astype(dtype)
    grad_memory, grad = kept((1, count), dtype, shift, 0)
    hess_memory, hess = kept((1, count), dtype, 3 * shift, 0)
    weights = rng.random(count)

    def derivative(which, p, t, w=None):
        return closs.huber_loss(p, t, sample_weight=w, reduction="sum", grad=True, hess=True)[which]

    for arrays in ((pred, target), (pred, target, weights.astype(np.float32)), (pred, target, weights)):
        with closs.threads(threads):
            weight = arrays[2] if len(arrays) == 3 else None
            closs.huber_loss(pred, target, sample_weight=weight, reduction="sum", grad=grad[0], hess=hess[0])
            for result, which in ((grad[0], 1), (hess[0], 2)):
                expected = in_parts(functools.partial(derivative, which), count, 1 << 18, *arrays)
                assert np.array_equal(result, expected)
    for memory, result in ((grad_memory, grad), (hess_memory, hess)):
        result[...] = 7
        assert np.all(memory == 7)
