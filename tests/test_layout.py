"""Memory: strides, order, alignment, byte order, containers, buffers. Inputs are never changed and seldom copied."""

import array
import warnings

import numpy as np
import pytest
import reference

import closs


def compute(logits, labels, **options):
    return closs.softmax_cross_entropy(logits, labels, grad=True, reduction="none", **options)


def strided(data, axis_steps):
    """The same numbers in a larger array, reached by the given steps."""
    shape = [extent * abs(step) for extent, step in zip(data.shape, axis_steps, strict=True)]
    room = np.full(shape, np.nan, data.dtype)
    view = room[tuple(slice(None, None, step) for step in axis_steps)]
    view[...] = data
    return room, view


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("classes", [1, 3, 10, 128, 129, 192, 193, 700])
@pytest.mark.parametrize("steps", [(1, 2), (2, 1), (-1, 1), (1, -1), (-3, -2), (2, 3)])
def test_strides(classes, steps, dtype, rng):
    """Strided logits, labels, weights and buffers: the bits of the contiguous call, and nothing written between."""
    data = (3 * rng.standard_normal((35, classes))).astype(dtype)
    labels = rng.integers(0, classes, 35)
    weights = rng.random(35)
    expected = compute(data, labels, sample_weight=weights)
    _, logits = strided(data, steps)
    label_view = np.repeat(labels, 2)[::2]
    _, weight_view = strided(weights, steps[:1])
    grad_room, grad = strided(np.zeros_like(data), steps)
    out_room, out = strided(np.zeros(35, dtype), steps[:1])
    grad_room[np.isnan(grad_room)] = 77
    out_room[np.isnan(out_room)] = 77
    before = logits.copy()
    loss, gradient = closs.softmax_cross_entropy(
        logits, label_view, sample_weight=weight_view, reduction="none", grad=grad, out=out
    )
    assert loss is out
    assert gradient is grad
    reference.assert_same_bits(loss, expected[0])
    reference.assert_same_bits(gradient, expected[1])
    np.testing.assert_array_equal(logits, before)
    assert np.count_nonzero(grad_room == 77) == grad_room.size - data.size
    assert np.count_nonzero(out_room == 77) == out_room.size - 35


@pytest.mark.parametrize("classes", [20, 150, 200, 400, 512, 700, 4000, 7000])
@pytest.mark.parametrize("steps", [(1, 1), (1, 2), (-2, -1)])
@pytest.mark.parametrize("in_place", [False, True])
def test_rows_of_halves(classes, steps, in_place, rng):
    """Copied or not, in batches or alone, with exponentials kept or not: what float32 gives, rounded once."""
    data = (3 * rng.standard_normal((21, classes))).astype("f2")
    labels = rng.integers(0, classes, 21)
    ignored = labels[5]
    _, logits = strided(data, steps)
    wide = data.astype("f4")
    expected = compute(wide, labels, ignore_index=ignored)
    softmax, log_softmax = closs.softmax(wide), closs.log_softmax(wide)
    np.testing.assert_array_equal(closs.softmax(logits), softmax.astype("f2"))
    np.testing.assert_array_equal(closs.log_softmax(logits), log_softmax.astype("f2"))
    loss, gradient = closs.softmax_cross_entropy(
        logits, labels, ignore_index=ignored, reduction="none", grad=logits if in_place else True
    )
    np.testing.assert_array_equal(loss, expected[0])
    np.testing.assert_array_equal(gradient, expected[1].astype("f2"))


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("samples", [1, 2, 4, 6])
@pytest.mark.parametrize("classes", [64, 300, 5000, 40000])
def test_few_samples_with_classes_first(classes, samples, dtype, rng):
    """They are rows as if the class axis were the last: the same bits, for any number of threads."""
    data = (3 * rng.standard_normal((classes, samples))).astype(dtype)
    labels = rng.integers(0, classes, samples)
    targets = rng.dirichlet(np.ones(classes), samples).T.astype(dtype)
    rows, target_rows = np.ascontiguousarray(data.T), np.ascontiguousarray(targets.T)
    for threads in (1, 3):
        with closs.threads(threads):
            results = compute(data, labels, axis=0), compute(data, targets, axis=0, label_smoothing=0.1)
            divergence = closs.kl_divergence(targets, closs.softmax(data, axis=0), axis=0, grad=True, reduction="none")
        expected = compute(rows, labels), compute(rows, target_rows, label_smoothing=0.1)
        moved = closs.kl_divergence(target_rows, closs.softmax(rows), grad=True, reduction="none")
        for (loss, gradient), (row_loss, row_gradient) in zip((*results, divergence), (*expected, moved), strict=True):
            reference.assert_same_bits(loss, row_loss)
            reference.assert_same_bits(gradient, np.ascontiguousarray(row_gradient.T))


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0), (1, 0, 2), (0, 2, 1), (2, 0, 1)])
@pytest.mark.parametrize("axis", [0, 1, 2, -1])
def test_every_order_of_axes(axis, order, dtype, rng):
    """Three axes in every order of memory: results against the oracle, a fresh gradient in the order of the logits."""
    logits = rng.standard_normal((5, 6, 7)).transpose(order).astype(dtype, order="K")
    samples = np.delete(logits.shape, axis)
    labels = rng.integers(0, logits.shape[axis], samples)
    loss, gradient = compute(logits, labels, axis=axis)
    answer = reference.cross_entropy(logits, labels, axis=axis, reduction="none")
    reference.assert_matches(loss, gradient, answer, f"{axis} {order}")
    assert gradient.strides == logits.strides


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("shape", [(40, 3), (40, 128), (40, 129), (9, 1300), (3, 5000), (2, 9, 33), (6, 5, 40)])
def test_in_place_equals_fresh(shape, dtype, rng):
    """grad=logits: the bits of a fresh gradient, whatever the order of the axes."""
    for axis in range(len(shape)):
        logits = (5 * rng.standard_normal(shape)).astype(dtype)
        labels = rng.integers(0, shape[axis], np.delete(shape, axis))
        for view in (logits, np.asfortranarray(logits), logits[::-1], logits[..., ::-1], np.repeat(logits, 2, 0)[::2]):
            expected = closs.softmax_cross_entropy(view, labels, axis=axis, grad=True)
            given = np.repeat(view, 2, 0)[::2] if view.base is not None else view.copy(order="K")
            loss, gradient = closs.softmax_cross_entropy(given, labels, axis=axis, grad=given)
            assert gradient is given
            assert loss == expected[0]
            reference.assert_same_bits(gradient, expected[1])


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_padded_rows_and_offsets(dtype, rng):
    """Padding between rows and any alignment: the same bits."""
    for classes in (2, 10, 100, 130, 1000):
        data = rng.standard_normal((50, classes)).astype(dtype)
        labels = rng.integers(0, classes, 50)
        expected = compute(data, labels)
        for pad, offset in ((1, 0), (3, 1), (16, 5)):
            room = np.full((50, classes + pad + offset), np.nan, dtype)
            room[:, offset : offset + classes] = data
            loss, gradient = compute(room[:, offset : offset + classes], labels)
            reference.assert_same_bits(loss, expected[0])
            reference.assert_same_bits(gradient, expected[1])


def test_a_buffer_of_another_order(rng):
    """A gradient buffer may have any strides of its own: same bits, for either order of the logits."""
    for classes in (4, 300):
        logits = rng.standard_normal((33, classes))
        labels = rng.integers(0, classes, 33)
        for given in (logits, np.asfortranarray(logits)):
            expected = closs.softmax_cross_entropy(given, labels, grad=True)
            for order in "CF":
                buffer = np.empty(logits.shape, order=order)
                loss, gradient = closs.softmax_cross_entropy(given, labels, grad=buffer)
                assert loss == expected[0]
                reference.assert_same_bits(gradient, expected[1])


def test_zero_strides(rng):
    """Inputs may repeat elements."""
    row, labels, weight = rng.standard_normal(5), rng.integers(0, 5, 20), np.broadcast_to(0.5, 20)
    expected = closs.softmax_cross_entropy(np.tile(row, (20, 1)), labels, sample_weight=np.full(20, 0.5), grad=True)
    repeated = np.broadcast_to(row, (20, 5))
    loss, gradient = closs.softmax_cross_entropy(repeated, labels, sample_weight=weight, grad=True)
    assert loss == pytest.approx(expected[0], rel=1e-15)
    np.testing.assert_allclose(gradient, expected[1], rtol=1e-14)
    constant = np.broadcast_to(np.float32(3), (4, 6))
    value = closs.softmax_cross_entropy(constant, np.broadcast_to(np.int32(2), 4))
    assert value == pytest.approx(np.log(6), rel=1e-7)


def test_many_axes(rng):
    """numpy allows 64 axes."""
    shape = (1,) * 30 + (2, 3) + (1,) * 31 + (4,)
    logits = rng.standard_normal(shape)
    labels = rng.integers(0, 4, shape[:-1])
    flat = closs.softmax_cross_entropy(logits.reshape(6, 4), labels.ravel(), grad=True)
    loss, gradient = closs.softmax_cross_entropy(logits, labels, grad=True)
    assert loss == flat[0]
    reference.assert_same_bits(gradient.reshape(6, 4), flat[1])


class OnlyInterface:
    def __init__(self, data):
        self.data = data
        self.__array_interface__ = data.__array_interface__


class OnlyArray:
    def __init__(self, data):
        self.data = data

    def __array__(self, dtype=None, copy=None):
        return self.data


class OnlyDlpack:
    def __init__(self, data):
        self.data = data

    def __dlpack__(self, **keywords):
        return self.data.__dlpack__(**keywords)

    def __dlpack_device__(self):
        return self.data.__dlpack_device__()


def as_matrix(data):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PendingDeprecationWarning)
        return np.asmatrix(data)


@pytest.mark.parametrize(
    "container",
    [
        np.ndarray.tolist, tuple, as_matrix, memoryview, OnlyInterface, OnlyArray, OnlyDlpack, np.asfortranarray,
        lambda data: data.astype(data.dtype.newbyteorder()), lambda data: data.astype("O").tolist(),
    ],
)  # fmt: skip
def test_containers(container, rng):
    logits, labels = rng.standard_normal((6, 4)), rng.integers(0, 4, 6)
    expected = closs.softmax_cross_entropy(logits, labels, grad=True)
    loss, gradient = closs.softmax_cross_entropy(container(logits), labels, grad=True)
    assert type(gradient) is np.ndarray
    assert loss == pytest.approx(expected[0], rel=1e-14)
    np.testing.assert_allclose(gradient, expected[1], rtol=1e-14)


@pytest.mark.parametrize(
    "container",
    [np.ndarray.tolist, tuple, lambda y: array.array("q", y), memoryview, OnlyInterface, OnlyArray, OnlyDlpack],
)
def test_label_containers(container, rng):
    """Of every function that takes labels, which names a bad one as it does in an array."""
    scores, labels = rng.random((6, 4)), rng.integers(0, 4, 6)
    bad = np.array([0, 1, 2, 3, 4, 0])
    for call in (
        closs.softmax_cross_entropy,
        closs.zero_one_loss,
        lambda scores, labels: closs.cross_entropy(labels, scores, reduction="mean"),
    ):
        assert call(scores, container(labels)) == call(OnlyDlpack(scores), labels) == call(scores, labels)
        with pytest.raises(IndexError, match="label 4 at row 4 is out of bounds for 4 classes"):
            call(scores, container(bad))
    assert closs.zero_one_loss(container(labels), container(bad)) == (labels != bad).mean()


def test_a_range_of_labels(rng):
    scores = rng.random((3, 3))
    np.testing.assert_array_equal(closs.cross_entropy(range(3), scores), closs.cross_entropy([0, 1, 2], scores))
    assert closs.softmax_cross_entropy(scores, range(3)) == closs.softmax_cross_entropy(scores, [0, 1, 2])
    assert closs.zero_one_loss(range(3), range(3)) == 0


def test_unaligned_and_swapped(rng):
    logits, labels = rng.standard_normal((20, 3)), rng.integers(0, 3, 20)
    expected = closs.softmax_cross_entropy(logits, labels, grad=True)
    raw = np.empty(logits.nbytes + 1, "u1")
    unaligned = raw[1:].view("f8").reshape(20, 3)
    unaligned[...] = logits
    record = np.zeros(20, [("pad", "u1"), ("x", "f8", 3), ("y", "i4")])
    record["x"], record["y"] = logits, labels
    for given, target in (
        (unaligned, labels),
        (record["x"], record["y"]),
        (logits.astype(">f8"), labels.astype(">i8")),
    ):
        loss, gradient = closs.softmax_cross_entropy(given, target, grad=True)
        assert loss == expected[0]
        reference.assert_same_bits(gradient, expected[1])
        assert gradient.dtype.isnative


def test_read_only_and_memmap(tmp_path, rng):
    logits, labels = rng.standard_normal((100, 30)).astype("f4"), rng.integers(0, 30, 100).astype("i4")
    expected = closs.softmax_cross_entropy(logits, labels, grad=True)
    logits.tofile(tmp_path / "logits")
    labels.tofile(tmp_path / "labels")
    mapped = np.memmap(tmp_path / "logits", "f4", "r", shape=(100, 30))
    target = np.memmap(tmp_path / "labels", "i4", "r", shape=100)
    gradient = np.memmap(tmp_path / "gradient", "f4", "w+", shape=(100, 30))
    loss, returned = closs.softmax_cross_entropy(mapped, target, grad=gradient)
    assert returned is gradient
    assert loss == expected[0]
    reference.assert_same_bits(gradient, expected[1])
    logits.flags.writeable = labels.flags.writeable = False
    assert closs.softmax_cross_entropy(logits, labels) == expected[0]


def assert_repeats(large, small):
    """All of a large array is copies of a small one, to the bit."""
    copies = np.ascontiguousarray(large).view(np.uint8).reshape(-1, small.nbytes)
    np.testing.assert_array_equal(copies, np.broadcast_to(small.view(np.uint8).ravel(), copies.shape))


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
@pytest.mark.parametrize("classes", [1, 3, 21, 100, 150, 200, 700])
def test_classes_a_power_of_two_apart(classes, dtype, rng):
    """They share few sets of a cache, and are computed otherwise: the bits of classes anywhere, also in place."""
    logits, labels = (3 * rng.standard_normal((classes, 1024))).astype(dtype), rng.integers(0, classes, 1024)
    logits[:, 5], logits[classes // 2, 6], logits[0, 700] = -np.inf, np.nan, np.inf
    labels[-30:] = -100
    spread = np.zeros((classes, 1031), dtype)[:, 3:-4]
    spread[...] = logits
    options = {"axis": 0, "reduction": "none", "ignore_index": -100, "sample_weight": rng.random(1024)}
    with np.errstate(all="ignore"):
        values, grad = closs.softmax_cross_entropy(
            spread, labels, grad=np.empty((classes, 1031), dtype)[:, 3:-4], **options
        )
        same = closs.softmax_cross_entropy(logits, labels, grad=np.empty((classes, 1024), dtype), **options)
        np.testing.assert_array_equal(same[0], values)
        np.testing.assert_array_equal(same[1], grad)
        expected = closs.log_softmax(spread, axis=0)
        np.testing.assert_array_equal(closs.log_softmax(logits, axis=0, out=np.empty_like(logits)), expected)
        values_in_place, written = closs.softmax_cross_entropy(logits, labels, grad=logits, **options)
    assert written is logits
    np.testing.assert_array_equal(values_in_place, values)
    np.testing.assert_array_equal(logits, grad)


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
@pytest.mark.parametrize("classes", [7, 300, 1000, 5000, 40000])
def test_large_results(classes, dtype, rng):
    """Results of more than 32 MB may be written past the caches: the bits of small ones, and buffers begin anywhere."""
    few = (3 * rng.standard_normal((7, classes))).astype(dtype)
    labels = rng.integers(0, classes, 7)
    copies = (33 << 20) // few.nbytes + 1
    logits, many_labels = np.tile(few, (copies, 1)), np.tile(labels, copies)
    grad = np.empty(logits.size + 3, dtype)[3:].reshape(logits.shape)
    closs.softmax_cross_entropy(logits, many_labels, reduction="sum", grad=grad)
    assert_repeats(grad, closs.softmax_cross_entropy(few, labels, reduction="sum", grad=True)[1])
    assert_repeats(closs.softmax(logits, out=grad), closs.softmax(few))
    assert_repeats(closs.log_softmax(logits, out=grad), closs.log_softmax(few))
    assert_repeats(closs.log_softmax(logits), closs.log_softmax(few))  # new memory is written otherwise
    closs.softmax_cross_entropy(logits, many_labels, reduction="sum", grad=logits)
    assert_repeats(logits, closs.softmax_cross_entropy(few, labels, reduction="sum", grad=True)[1])


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
@pytest.mark.parametrize("loss", ["huber_loss", "sigmoid_cross_entropy"])
def test_large_results_of_elements(loss, dtype, rng):
    """The same for gradient, Hessian and values of elementwise losses."""
    function = getattr(closs, loss)
    few, target = (rng.standard_normal((2, 1001)) * 2).astype(dtype)
    copies = (33 << 20) // few.nbytes + 1
    pred, many = np.tile(few, copies), np.tile(target, copies)
    grad, hess = (np.empty(pred.size + 1, dtype)[1:] for _ in range(2))
    values = function(pred, many, reduction="none", grad=grad, hess=hess)[0]
    expected = function(few, target, reduction="none", grad=True, hess=True)
    for large, small in zip((values, grad, hess), expected, strict=True):
        assert_repeats(large, small)
    function(pred, many, reduction="none", grad=pred, hess=hess)
    assert_repeats(pred, expected[1])
    assert_repeats(hess, expected[2])


def test_inputs_are_not_modified(rng):
    for classes in (7, 300):
        logits, labels = rng.standard_normal((50, classes)), rng.integers(0, classes, 50)
        class_weight, sample_weight = rng.random(classes), rng.random(50)
        copies = [given.copy() for given in (logits, labels, class_weight, sample_weight)]
        closs.softmax_cross_entropy(
            logits, labels, class_weight=class_weight, sample_weight=sample_weight, grad=True, ignore_index=3
        )
        for given, copy in zip((logits, labels, class_weight, sample_weight), copies, strict=True):
            np.testing.assert_array_equal(given, copy)


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
@pytest.mark.parametrize("shape", [(301, 1), (300, 2), (200, 3), (41, 5, 2), (60, 17), (20, 100), (9, 256), (3, 700)])
@pytest.mark.parametrize("weighted", [False, True])
def test_short_runs_of_elements(shape, weighted, dtype, rng):
    """Views whose elements lie together by few, and a broadcast target: the bits of the contiguous call."""
    wide = (*shape[:-1], shape[-1] + 1)

    def view(data):
        room = np.full(wide, 77, data.dtype)
        room[..., :-1] = data
        return room, room[..., :-1]

    data = rng.standard_normal(shape).astype(dtype)
    target = np.broadcast_to(rng.standard_normal(shape[-1:]).astype(dtype), shape)
    weights = rng.random(shape) if weighted else None
    options = {"reduction": "none", "sample_weight": weights}
    loss, slope, curvature = closs.huber_loss(data, target.copy(), grad=True, hess=True, **options)
    total = closs.huber_loss(data, target.copy(), reduction="sum", sample_weight=weights)
    if weighted:
        options["sample_weight"] = view(weights)[1]
    rooms = [view(np.zeros_like(array)) for array in (slope, curvature, loss)]
    (_, grad), (_, hess), (_, out) = rooms
    for threads in (1, 3):
        with closs.threads(threads):
            closs.huber_loss(view(data)[1], target, grad=grad, hess=hess, out=out, **options)
            again = closs.huber_loss(view(data)[1], target, reduction="sum", sample_weight=options["sample_weight"])
        reference.assert_same_bits(np.ascontiguousarray(out), loss)
        reference.assert_same_bits(np.ascontiguousarray(grad), slope)
        reference.assert_same_bits(np.ascontiguousarray(hess), curvature)
        assert all((room[..., -1] == 77).all() for room, _ in rooms)
        assert again == total


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
@pytest.mark.parametrize("classes", [3, 40, 97, 129, 193, 300, 1023, 1537, 3072, 3073])
def test_what_is_kept_for_derivatives_changes_no_bit(dtype, classes, rng):
    """Where logits and targets are copied, exponentials take their place; where not, they have one of their own."""
    logits, teacher = (4 * rng.standard_normal((2, 21, classes))).astype(dtype)
    p, weights = closs.softmax(3 * teacher), rng.random(classes)
    labels = rng.integers(0, classes, 21)
    for masked in (rng.random(logits.shape) < 0.05, np.arange(classes) == 1):
        logits[:12, :][np.broadcast_to(masked, logits.shape)[:12]] = -np.inf
        teacher[:9, :][np.broadcast_to(masked, logits.shape)[:9]] = -np.inf
        teacher[9:12][
            np.broadcast_to(masked, logits.shape)[9:12]
        ] = -2e4  # no share that is left, and yet infinitely far
    logits[17], teacher[18] = np.finfo(dtype).min, np.finfo(dtype).max
    logits[17, -1], logits[18, 0], teacher[18, 1] = np.finfo(dtype).max, np.nan, np.finfo(dtype).min
    calls = {
        "probabilities": lambda x, q, t, **more: closs.softmax_cross_entropy(x, q, **more),
        "smoothed": lambda x, q, t, **more: closs.softmax_cross_entropy(
            x, labels, label_smoothing=0.1, class_weight=weights, **more
        ),
        "softmax_entropy": lambda x, q, t, **more: closs.softmax_entropy(x, **more),
        "distillation": lambda x, q, t, **more: closs.distillation_loss(x, t, temperature=3, **more),
    }
    layouts = {
        "packed": np.copy,
        "padded": lambda array: np.pad(array, ((0, 0), (0, 3)))[:, :-3],
        "apart": lambda array: strided(array, (1, 2))[1],
        "backwards": lambda array: strided(array, (-1, -1))[1],
    }
    for name, function in calls.items():
        expected = function(logits, p, teacher, reduction="none")
        _, slopes = function(logits, p, teacher, reduction="none", grad=True)
        for layout, lay_out in layouts.items():
            x, q, t = (lay_out(array) for array in (logits, p, teacher))
            for gradient in (np.empty_like(logits), lay_out(np.zeros_like(logits)), x):
                more = {"hess": True} if name in ("probabilities", "smoothed") else {}
                plain = function(x, q, t, reduction="none")
                values = function(x, q, t, reduction="none", grad=gradient, **more)[0]
                message = f"{name} {layout}"
                np.testing.assert_array_equal(plain, expected, err_msg=message)
                np.testing.assert_array_equal(values, expected, err_msg=message)
                np.testing.assert_array_equal(gradient, slopes, err_msg=message)


# Up to which, and with the class axis last, no number of samples changes a bit.
FEW_CLASSES = {"f2": 192, "f4": 192, "f8": 128}


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
@pytest.mark.parametrize("classes", [1, 2, 12, 33, 64, 65, 100, 128, 129, 192, 193, 224, 288, 600])
def test_a_sample_does_not_depend_on_how_many_there_are(dtype, classes, rng):
    """To the bit: alone, among few, and among many."""
    logits, teacher = (4 * rng.standard_normal((2, 40, classes))).astype(dtype)
    p, q = closs.softmax(3 * logits), closs.softmax(teacher)
    labels, weights = rng.integers(0, classes, 40), rng.random(classes)
    logits[9:20][rng.random((11, classes)) < 0.1] = -np.inf
    logits[30:32], p[12, 0], q[13, -1] = 3e4, np.nan, 0
    smoothed = {"label_smoothing": 0.1, "class_weight": weights, "ignore_index": int(labels[8])}
    calls = {
        "labels": lambda a, k, axis: closs.softmax_cross_entropy(
            a(logits, k), labels[k], axis=axis, reduction="none", grad=True, hess=True
        ),
        "probabilities": lambda a, k, axis: closs.softmax_cross_entropy(
            a(logits, k), a(p, k), axis=axis, reduction="none", grad=True
        ),
        "smoothed": lambda a, k, axis: closs.softmax_cross_entropy(
            a(logits, k), labels[k], axis=axis, reduction="none", grad=True, hess=True, **smoothed
        ),
        "softmax": lambda a, k, axis: (closs.softmax(a(logits, k), axis=axis),),
        "log_softmax": lambda a, k, axis: (closs.log_softmax(a(logits, k), axis=axis),),
        "logsumexp": lambda a, k, axis: (closs.logsumexp(a(logits, k), axis=axis),),
        "softmax_entropy": lambda a, k, axis: closs.softmax_entropy(a(logits, k), axis=axis, grad=True),
        "distillation": lambda a, k, axis: closs.distillation_loss(
            a(logits, k), a(teacher, k), axis=axis, reduction="none", grad=True
        ),
        "entropy": lambda a, k, axis: closs.entropy(a(p, k), axis=axis, grad=True),
        "kl": lambda a, k, axis: closs.kl_divergence(a(p, k), a(q, k), axis=axis, grad=True),
        "js": lambda a, k, axis: closs.js_divergence(a(p, k), a(q, k), axis=axis, grad=True),
    }
    layouts = {-1: lambda array, k: array[k].copy(), 0: lambda array, k: array[k].T.copy()}
    for axis, lay_out in layouts.items():
        if axis == 0 and classes > FEW_CLASSES[dtype]:
            continue  # up to six samples are computed as rows then, more as lanes
        for name, function in calls.items():
            whole = function(lay_out, slice(None), axis)
            for some in (slice(0, 1), slice(3, 5), slice(7, 12), slice(10, 18), slice(0, 17), slice(2, 37)):
                for all_of, part in zip(whole, function(lay_out, some, axis), strict=True):
                    expected = all_of.T[some].T if axis == 0 and all_of.ndim == 2 else all_of[some]
                    np.testing.assert_array_equal(part, expected, err_msg=f"{name} {some} axis {axis}")
