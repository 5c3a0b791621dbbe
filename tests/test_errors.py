"""Bad input: the exception, the words of its message, and every buffer as it was."""

import tracemalloc
import warnings

import numpy as np
import pytest

import closs

N, C = 4, 3
LOGITS = np.arange(12.0).reshape(N, C)
LABELS = np.array([0, 1, 2, 0])
PATTERN = -123.25


def call(logits=LOGITS, target=LABELS, **options):
    return closs.softmax_cross_entropy(logits, target, **options)


def read_only(array):
    array.flags.writeable = False
    return array


def unaligned(shape):
    raw = np.zeros(int(np.prod(shape)) * 8 + 1, "u1")
    return raw[1:].view("f8").reshape(shape)


class Fails:
    def __init__(self, error):
        self.error = error

    def __array__(self, dtype=None, copy=None):
        raise self.error


# Arguments, exception, and a pattern that its text contains.
CASES = [
    # Arrays
    ({"grad": np.zeros((N, C), "f2")}, TypeError, "grad has dtype float16, expected float64"),
    ({"logits": LOGITS.astype("f2"), "grad": np.zeros((N, C))}, TypeError, "grad has dtype float64, expected float16 or float32"),
    ({"logits": LOGITS.astype("f2"), "out": np.zeros(N, "f2"), "reduction": "none"}, TypeError, "out has dtype float16, expected float32"),
    ({"logits": LOGITS.astype("c16")}, TypeError, "logits: unsupported dtype complex128"),
    ({"logits": LOGITS.astype("g")}, TypeError, "logits: unsupported dtype (longdouble|float128|float96)"),
    ({"logits": LOGITS.astype("O")}, TypeError, "logits: unsupported dtype object"),
    ({"logits": LOGITS.astype("U")}, TypeError, "logits: unsupported dtype str"),
    ({"logits": LOGITS.astype("S")}, TypeError, "logits: unsupported dtype bytes"),
    ({"logits": LOGITS.astype("M8[s]")}, TypeError, "logits: unsupported dtype datetime64"),
    ({"logits": LOGITS.astype("m8[s]")}, TypeError, "logits: unsupported dtype timedelta64"),
    ({"logits": np.ma.masked_array(LOGITS)}, TypeError, r"logits: masked arrays are not supported: use .filled\(\)"),
    ({"logits": [[1, 2], [3]]}, ValueError, "logits cannot be read as an array"),
    ({"logits": Fails(ValueError("no data"))}, ValueError, "logits cannot be read as an array: no data"),
    ({"target": Fails(RuntimeError("not here"))}, TypeError, "target cannot be read as an array: not here"),
    ({"sample_weight": Fails(BufferError("far"))}, TypeError, "sample_weight cannot be read as an array: far"),
    ({"logits": None}, TypeError, "logits: unsupported dtype object"),
    ({"logits": 1.0}, ValueError, r"logits must have at least 1 dimension, got shape \(\)"),
    ({"logits": 1}, ValueError, r"logits must have at least 1 dimension, got shape \(\)"),
    # Axis
    ({"axis": 2}, np.exceptions.AxisError, "axis 2 is out of bounds for array of dimension 2"),
    ({"axis": -3}, np.exceptions.AxisError, "axis -3 is out of bounds"),
    ({"axis": 1.0}, TypeError, "axis must be an integer, got float"),
    ({"axis": None}, TypeError, "axis must be an integer, got NoneType"),
    ({"axis": True}, TypeError, "axis must be an integer, got bool"),
    # Labels
    ({"target": LABELS.astype("f8")}, TypeError, "target: labels must be integers, got float64"),
    ({"target": LABELS > 0}, TypeError, "target: labels must be integers, got bool"),
    ({"target": np.array(["a"] * N)}, TypeError, "target: labels must be integers, got str"),
    ({"target": LABELS[:3]}, ValueError, r"target has shape \(3,\), expected \(4,\).*did you mean axis=0\?"),
    ({"target": LABELS[:2]}, ValueError, r"target has shape \(2,\), expected \(4,\): labels have the shape of logits \(4, 3\)"),
    ({"target": LABELS[:, None]}, ValueError, r"target has shape \(4, 1\), expected \(4,\)"),
    ({"target": 1}, ValueError, r"target has shape \(\), expected \(4,\)"),
    ({"target": [0, 1, -1, 0]}, IndexError, "label -1 at row 2 is out of bounds for 3 classes"),
    ({"target": [0, 1, 3, 9]}, IndexError, "label 3 at row 2 is out of bounds for 3 classes"),
    ({"target": [0, 1, 2**40, 0]}, IndexError, "label 1099511627776 at row 2"),
    ({"target": np.array([0, 1, 2**64 - 1, 0], "u8")}, IndexError, "label 18446744073709551615 at row 2"),
    ({"target": np.array([0, -100, 2, 0])}, IndexError, "label -100 at row 1 .*pass ignore_index=-100"),
    ({"target": [0, 5, 2, 7], "ignore_index": 5}, IndexError, "label 7 at row 3 is out of bounds for 3 classes$"),
    ({"logits": LOGITS.reshape(2, 2, 3), "target": [[0, 1], [3, 0]]}, IndexError, r"label 3 at position \(1, 0\)"),
    ({"logits": LOGITS[0], "target": 3}, IndexError, "^label 3 is out of bounds for 3 classes"),
    ({"target": [0, 4, -1], "axis": 0}, IndexError, "label 4 at row 1 is out of bounds for 4 classes"),
    ({"ignore_index": 1.0}, TypeError, "ignore_index must be an integer or None, got float"),
    ({"ignore_index": True}, TypeError, "ignore_index must be an integer or None, got bool"),
    ({"ignore_index": "1"}, TypeError, "ignore_index must be an integer or None, got str"),
    # Weights
    ({"class_weight": [1, 2]}, ValueError, r"class_weight has shape \(2,\), expected \(3,\)"),
    ({"class_weight": [[1, 2, 3]]}, ValueError, r"class_weight has shape \(1, 3\), expected \(3,\)"),
    ({"class_weight": 1.0}, ValueError, r"class_weight has shape \(\), expected \(3,\)"),
    ({"class_weight": [1, -1, 1]}, ValueError, "class_weight must be finite and >= 0, got -1.0 at class 1"),
    ({"class_weight": [1, 1, np.nan]}, ValueError, "class_weight must be finite and >= 0, got nan at class 2"),
    ({"class_weight": [np.inf, 1, 1]}, ValueError, "class_weight must be finite and >= 0, got inf at class 0"),
    ({"class_weight": ["a", "b", "c"]}, TypeError, "class_weight: unsupported dtype str"),
    ({"class_weight": np.ones(3, "c8")}, TypeError, "class_weight: unsupported dtype complex64"),
    ({"sample_weight": [1, 2, 3]}, ValueError, r"sample_weight has shape \(3,\), expected \(4,\) or a scalar"),
    ({"sample_weight": np.ones((N, 1))}, ValueError, r"sample_weight has shape \(4, 1\), expected \(4,\)"),
    ({"sample_weight": [1, np.nan, 1, np.inf]}, ValueError, "sample_weight must be finite, got nan at row 1$"),
    ({"sample_weight": np.array([1, 1, 1, -np.inf], "f4")}, ValueError, "sample_weight must be finite, got -inf at row 3$"),
    ({"sample_weight": np.inf}, ValueError, "sample_weight must be finite, got inf$"),
    ({"logits": LOGITS.reshape(2, 2, 3), "target": LABELS.reshape(2, 2), "sample_weight": [[1, 1], [np.nan, 1]]},
     ValueError, r"sample_weight must be finite, got nan at position \(1, 0\)$"),
    ({"sample_weight": np.ma.masked_array(np.ones(N))}, TypeError, "sample_weight: masked arrays are not supported"),
    ({"sample_weight": np.ones(N, "g")}, TypeError, "sample_weight: unsupported dtype (longdouble|float128|float96)"),
    # Reduction and outputs
    ({"reduction": "avg"}, ValueError, "reduction must be 'none', 'mean' or 'sum', got 'avg'"),
    ({"reduction": None}, ValueError, "reduction must be 'none', 'mean' or 'sum', got None"),
    ({"reduction": b"sum"}, ValueError, "reduction must be 'none', 'mean' or 'sum', got b'sum'"),
    ({"grad": 1}, TypeError, "grad must be True, False, None or an array, got int"),
    ({"grad": "yes"}, TypeError, "grad must be True, False, None or an array, got str"),
    ({"grad": [[0.0] * C] * N}, TypeError, "grad must be True, False, None or an array, got list"),
    ({"grad": np.zeros((N, C), "f4")}, TypeError, "grad has dtype float32, expected float64"),
    ({"grad": np.zeros((N, C), ">f8")}, TypeError, "grad has a swapped byte order, expected the native one of dtype float64"),
    ({"grad": np.zeros((C, N))}, ValueError, r"grad has shape \(3, 4\), expected \(4, 3\)"),
    ({"grad": np.zeros(N * C)}, ValueError, r"grad has shape \(12,\), expected \(4, 3\)"),
    ({"grad": read_only(np.zeros((N, C)))}, ValueError, "grad is read-only, expected a writeable array"),
    ({"grad": unaligned((N, C))}, ValueError, "grad is not aligned, expected an aligned array"),
    ({"grad": np.ma.masked_array(np.zeros((N, C)))}, TypeError, "grad: masked arrays are not supported"),
    ({"out": np.zeros(N)}, ValueError, "out needs reduction='none'"),
    ({"out": np.zeros(N), "reduction": "sum"}, ValueError, "out needs reduction='none'"),
    ({"out": [0.0] * N, "reduction": "none"}, TypeError, "out must be an array or None, got list"),
    ({"out": True, "reduction": "none"}, TypeError, "out must be an array or None, got bool"),
    ({"out": np.zeros(N, "f4"), "reduction": "none"}, TypeError, "out has dtype float32, expected float64"),
    ({"out": np.zeros(3), "reduction": "none"}, ValueError, r"out has shape \(3,\), expected \(4,\)"),
    ({"out": np.zeros((N, 1)), "reduction": "none"}, ValueError, r"out has shape \(4, 1\), expected \(4,\)"),
    ({"out": read_only(np.zeros(N)), "reduction": "none"}, ValueError, "out is read-only"),
    ({"out": unaligned(N), "reduction": "none"}, ValueError, "out is not aligned"),
    ({"out": np.broadcast_to(np.zeros(1), N), "reduction": "none"}, ValueError, "out is read-only"),
    # What is not there must not be taken silently
    ({"hess": 1}, TypeError, "hess must be True, False, None or an array, got int"),
    ({"hess": np.zeros((N, C), "f4")}, TypeError, "hess has dtype float32, expected float64"),
    ({"weights": 1}, TypeError, "unexpected keyword argument 'weights'"),
]  # fmt: skip


def fill(options):
    """The buffers of a call, its own if it has none, filled with a pattern where they can be."""
    buffers = [options[name] for name in ("grad", "out") if isinstance(options.get(name), np.ndarray)]
    if "grad" not in options:
        logits = options.get("logits", LOGITS)
        if isinstance(logits, np.ndarray) and logits.dtype == np.float64:
            options["grad"] = np.empty(logits.shape)
            buffers.append(options["grad"])
    for buffer in buffers:
        if buffer.flags.writeable:
            buffer[...] = PATTERN
    return [(buffer, np.array(buffer)) for buffer in buffers]


@pytest.mark.parametrize("number", range(len(CASES)))
def test_case(number):
    options, exception, words = CASES[number]
    options = dict(options)
    before = fill(options)
    logits, target = LOGITS.copy(), LABELS.copy()
    with pytest.raises(exception, match=words) as raised:
        call(**{"logits": logits, "target": target, **options})
    assert type(raised.value) is exception
    for buffer, copy in before:
        np.testing.assert_array_equal(np.asarray(buffer), np.asarray(copy))
    np.testing.assert_array_equal(logits, LOGITS)
    np.testing.assert_array_equal(target, LABELS)


def test_positional_options():
    with pytest.raises(TypeError, match="2 positional arguments"):
        closs.softmax_cross_entropy(LOGITS, LABELS, 1)
    with pytest.raises(TypeError, match="positional argument"):
        closs.softmax_cross_entropy(LOGITS)


def test_a_late_bad_label_writes_nothing():
    """The last of many labels is bad: every block before it is untouched, too."""
    rng = np.random.default_rng(0)
    for classes in (5, 400):
        logits = rng.standard_normal((20_000, classes)).astype("f4")
        labels = rng.integers(0, classes, len(logits))
        labels[-1] = classes
        copy = logits.copy()
        out = np.full(len(logits), PATTERN, "f4")
        with pytest.raises(IndexError, match=f"label {classes} at row 19999 is out of bounds for {classes} classes"):
            closs.softmax_cross_entropy(logits, labels, grad=logits, reduction="none", out=out)
        np.testing.assert_array_equal(logits, copy)
        assert (out == PATTERN).all()


def test_the_first_offender_is_named():
    """In C order of the labels, whatever the order of memory."""
    labels = np.zeros((6, 5), int)
    labels[4, 1] = 9
    labels[2, 3] = -8
    logits = np.zeros((6, 5, 2))
    for given, target in (
        (logits, labels),
        (np.asfortranarray(logits), np.asfortranarray(labels)),
        (logits, labels.T.copy().T),
    ):
        with pytest.raises(IndexError, match=r"label -8 at position \(2, 3\)"):
            closs.softmax_cross_entropy(given, target)
    with pytest.raises(IndexError, match=r"label 9 at position \(1, 4\)"):
        closs.softmax_cross_entropy(np.moveaxis(logits, 0, 1), labels.T)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("place", [0, 1, 14, 15, 16, 17, 255, 256, 1022, 1023, 1024, 1025, 2100, 2999])
def test_the_first_odd_weight_is_named(place, dtype, rng):
    """However weights lie, and whatever labels say of them; a sum that overflows is no odd weight."""
    odd = rng.choice([np.nan, np.inf, -np.inf])
    weight = rng.random(3000).astype(dtype)
    weight[place] = weight[-1] = odd
    spread = np.zeros((3000, 3), dtype)
    spread[:, 1] = weight
    labels = rng.integers(0, 5, 3000)
    ignored = np.where(rng.random(3000) < 0.5, -1, labels)
    for given in (weight, spread[:, 1], weight[::-1].copy()[::-1]):
        message = f"sample_weight must be finite, got {odd} at row {place}$"
        with pytest.raises(ValueError, match=message):
            closs.mse_loss(np.zeros(3000), 1, sample_weight=given)
        for target, options in ((labels, {}), (ignored, {"ignore_index": -1}), (labels, {"class_weight": np.ones(5)})):
            with pytest.raises(ValueError, match=message):
                closs.softmax_cross_entropy(np.zeros((3000, 5)), target, sample_weight=given, **options)
    row, column = divmod(place, 30)
    cube = np.asfortranarray(weight.reshape(100, 30))
    with pytest.raises(ValueError, match=rf"got {odd} at position \({row}, {column}\)$"):
        closs.mse_loss(np.zeros((100, 30)), 1, sample_weight=cube)


@pytest.mark.parametrize("labels", [np.array([True, False]), np.array([1.0, 0.0])])
def test_labels_of_cross_entropy(labels):
    with pytest.raises(TypeError, match=r"p: labels must be integers, got (bool|float64)"):
        closs.cross_entropy(labels, np.array([[0.5, 0.5], [0.1, 0.9]]))


@pytest.mark.parametrize("number", [np.array([2]), np.array(2.0), 2.0, True, "2"])
def test_integers(number):
    """Some have __index__ and refuse it."""
    words = rf"must be an integer.*, got {type(number).__name__}"
    with pytest.raises(TypeError, match="ignore_index " + words):
        call(ignore_index=number)
    with pytest.raises(TypeError, match="n " + words):
        closs.threads(number)
    with pytest.raises(TypeError, match="n " + words):
        closs.set_num_threads(number)


def test_advice_that_helps():
    """Of one-hot integers, exchanged arguments, and weights that numpy.broadcast_to can repeat."""
    with pytest.raises(ValueError, match="class probabilities are floating, one-hot ones, too"):
        call(target=np.eye(C, dtype=int)[[0] * N])
    with pytest.raises(ValueError, match="class probabilities have the shape of logits; logits come first"):
        closs.softmax_cross_entropy([0, 1], np.zeros((2, 3)))
    with pytest.raises(ValueError, match=r"numpy.broadcast_to\(sample_weight, \(4, 5\)\)"):
        closs.l1_loss(np.zeros((4, 5)), 0.0, sample_weight=np.ones((4, 1)))
    for data, weight in ((np.zeros((2, 3)), np.ones(2)), (np.zeros((2, 3)), np.ones((3, 1)))):
        with pytest.raises(ValueError, match="sample_weight has shape") as error:
            closs.l1_loss(data, 0.0, sample_weight=weight)
        assert "broadcast_to" not in str(error.value)


def test_a_mean_of_smoothed_samples_without_weight():
    """Each counts, though the class of its label weighs nothing."""
    with pytest.warns(RuntimeWarning, match="the weights sum to zero"):
        assert np.isnan(call([[3.0, 1, 2]], [0], class_weight=[0, 1, 1], label_smoothing=0.1))


def test_warnings_as_errors_leave_buffers():
    """The warning for a mean of nothing comes before the first write."""
    gradient = np.full((N, C), PATTERN)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(RuntimeWarning, match="mean of empty"):
            call(grad=gradient, sample_weight=0)
    assert (gradient == PATTERN).all()


def test_overlaps():
    room = np.zeros(200)
    logits = room[:12].reshape(N, C)
    with pytest.raises(ValueError, match="hess overlaps logits"):
        call(logits, hess=logits)
    with pytest.raises(ValueError, match="grad overlaps hess"):
        call(logits, grad=room[50:62].reshape(N, C), hess=room[61:73].reshape(N, C))
    with pytest.raises(ValueError, match="grad overlaps logits without being the same array"):
        call(logits, grad=room[1:13].reshape(N, C))
    with pytest.raises(ValueError, match="grad overlaps logits without being the same array"):
        call(logits, grad=room[:12].reshape(C, N).T)
    with pytest.raises(ValueError, match="grad overlaps logits without being the same array"):
        call(room[:12].reshape(N, C)[::-1], grad=logits)
    with pytest.raises(ValueError, match="grad overlaps logits without being the same array"):
        call(np.broadcast_to(room[:3], (N, C)), grad=logits)
    with pytest.raises(ValueError, match="out overlaps logits"):
        call(logits, out=room[:4], reduction="none")
    with pytest.raises(ValueError, match="grad overlaps out"):
        call(grad=room[:12].reshape(N, C), out=room[8:12], reduction="none")
    for name, shape in (("sample_weight", N), ("class_weight", C)):
        with pytest.raises(ValueError, match=f"grad overlaps {name}"):
            call(grad=room[:12].reshape(N, C), **{name: room[10 : 10 + shape]})
    with pytest.raises(ValueError, match="out overlaps sample_weight"):
        call(out=room[:N], sample_weight=room[:N], reduction="none")
    labels = np.zeros(N, int)
    with pytest.raises(ValueError, match="out overlaps target"):
        call(target=labels, out=labels.view("f8"), reduction="none")
    with pytest.raises(ValueError, match="grad overlaps target"):
        call(np.zeros((N, 1)), labels, grad=labels.view("f8").reshape(N, 1))
    with pytest.raises(ValueError, match="grad overlaps target"):
        call(np.zeros((N, 1)), memoryview(labels), grad=labels.view("f8").reshape(N, 1))
    assert (room == 0).all()


def test_neighbours_do_not_overlap():
    """Interleaved arrays share no element, and so are legal."""
    room = np.zeros((N, 2 * C))
    room[:, ::2] = LOGITS
    loss, gradient = call(room[:, ::2], grad=room[:, 1::2])
    expected = call(grad=True)
    assert loss == expected[0]
    np.testing.assert_array_equal(gradient, expected[1])
    np.testing.assert_array_equal(room[:, ::2], LOGITS)


def test_buffers_that_reach_an_element_twice():
    room = np.zeros(40)
    views = np.lib.stride_tricks.as_strided
    for strides in ((0, 8), (8, 8), (16, 8), (8, -8)):
        start = room[8:]
        with pytest.raises(ValueError, match="grad has elements that share memory"):
            call(grad=views(start, (N, C), strides))
    with pytest.raises(ValueError, match="out has elements that share memory"):
        call(out=views(room, (N,), (0,)), reduction="none")
    # Strange but injective strides are fine.
    gradient = views(room, (N, C), (8, 40))
    np.testing.assert_array_equal(call(grad=gradient)[1], call(grad=True)[1])


def test_strides_of_part_elements():
    """float32 fields of a packed record are five bytes apart: inputs are converted, buffers refused."""
    records = np.zeros((N, C), [("x", "f4"), ("pad", "u1")])
    records["x"] = LOGITS
    assert call(records["x"]) == call(LOGITS.astype("f4"))
    with pytest.raises(ValueError, match="grad is not aligned"):
        call(LOGITS.astype("f4"), grad=records["x"])


def test_false_and_none_mean_no_gradient():
    value = call()
    for nothing in (False, None, np.False_):
        assert call(grad=nothing) == value
    assert call(grad=np.True_)[0] == value


def test_matrices_are_buffers_of_two_dimensions():
    """A matrix keeps both of them in reshape: what axis=None writes to is no view of its own."""
    around = np.full(2000, PATTERN)
    buffer = around[500:512].reshape(4, 3).view(np.matrix)
    x = np.arange(12.0).reshape(4, 3)
    p = x / 66
    calls = [
        (lambda out: closs.softmax(x, axis=None, out=out), closs.softmax(x, axis=None)),
        (lambda out: closs.log_softmax(x, axis=None, out=out), closs.log_softmax(x, axis=None)),
        (lambda out: closs.softmax_entropy(x, axis=None, grad=out)[1], closs.softmax_entropy(x, axis=None, grad=True)[1]),
        (lambda out: closs.entropy(p, axis=None, grad=out)[1], closs.entropy(p, axis=None, grad=True)[1]),
        (lambda out: closs.kl_divergence(p, p[::-1], axis=None, grad=out)[1],
         closs.kl_divergence(p, p[::-1], axis=None, grad=True)[1]),
        (lambda out: closs.softmax_cross_entropy(x, LABELS, grad=out)[1],
         closs.softmax_cross_entropy(x, LABELS, grad=True)[1]),
    ]  # fmt: skip
    for call, expected in calls:
        around[:] = PATTERN
        assert call(buffer) is buffer
        np.testing.assert_array_equal(np.asarray(buffer), expected)
        assert (np.delete(around, np.s_[500:512]) == PATTERN).all()
    out = np.zeros((4, 1)).view(np.matrix)
    assert closs.logsumexp(x, keepdims=True, out=out) is out
    np.testing.assert_array_equal(np.asarray(out), closs.logsumexp(x, keepdims=True))


def test_masks_inside_other_inputs():
    masked = np.ma.array([1.0, 2.0], mask=[False, True])

    class Holder:
        def __array__(self, dtype=None, copy=None):
            return masked

    for given in (masked, [masked, masked], (masked,), Holder()):
        with pytest.raises(TypeError, match="x: masked arrays are not supported"):
            closs.softmax(given)
    with pytest.raises(TypeError, match="out: masked arrays are not supported"):
        closs.logsumexp(LOGITS, keepdims=True, out=np.ma.zeros((N, 1)))


def test_weights_of_no_element_are_checked():
    none = np.zeros((0, 3))
    with pytest.raises(ValueError, match=r"pos_weight must be finite and >= 0, got -1.0 at index 1"):
        closs.sigmoid_cross_entropy(none, none, pos_weight=[1, -1, 1])
    with pytest.raises(ValueError, match=r"sample_weight must be finite, got nan"):
        closs.mse_loss(none, none, sample_weight=np.nan)
    with pytest.raises(ValueError, match=r"sample_weight must be finite, got inf"):
        closs.softmax_cross_entropy(none, np.zeros(0, int), sample_weight=np.inf)
    assert closs.sigmoid_cross_entropy(none, none, pos_weight=[1, 2, 3], sample_weight=2.0, reduction="sum") == 0


@pytest.mark.parametrize("number", [b"2", bytearray(b"2"), memoryview(b"2"), np.array("2"), 2j, np.complex128(2), True])
def test_what_is_no_number(number):
    for call in (lambda: closs.entropy([0.5, 0.5], base=number), lambda: closs.huber_loss([1.0], 0.0, delta=number)):
        with pytest.raises(TypeError, match="must be a number, got"):
            call()


def test_a_buffer_of_far_too_many_positions_is_refused_at_once():
    x = np.zeros(1_000_000)
    windows = np.lib.stride_tricks.sliding_window_view(x, 300_000, writeable=True)
    with pytest.raises(ValueError, match="out has elements that share memory"):
        closs.softmax(np.broadcast_to(0.0, windows.shape), out=windows)


def test_an_axis_of_one_element_may_have_any_stride():
    raw = np.zeros((1, 25), "u1")[:, :24].view("f8")
    assert raw.strides[0] % 8 != 0
    assert closs.softmax(np.ones((1, 3)), out=raw) is raw
    np.testing.assert_array_equal(raw, closs.softmax(np.ones((1, 3))))


def test_arguments_that_change_shape_while_they_are_read():
    x, labels = np.zeros((4, 3000)), np.zeros(4, int)

    class Smoothing:
        def __init__(self, array, shape):
            self.array, self.shape = array, shape

        def __float__(self):
            self.array.shape = self.shape
            return 0.1

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # numpy will forbid it
        for array, shape in ((x, (3000, 4)), (labels, (2, 2))):
            with pytest.raises(RuntimeError, match="another shape"):
                closs.softmax_cross_entropy(x, labels, label_smoothing=Smoothing(array, shape))
            x.shape, labels.shape = (4, 3000), (4,)


class Refusing:
    """What raises an exception of its own where it is read."""

    def __float__(self):
        raise RuntimeError("no number")

    __index__ = __float__


def test_exceptions_of_arguments():
    """Of any sort: they become ours, which name the argument."""
    for fault, words in (
        (lambda: closs.huber_loss([1.0], 0.0, delta=Refusing()), "delta must be a number, got Refusing"),
        (lambda: closs.entropy([1.0], base=np.timedelta64(2, "s")), "base must be a number, got timedelta64"),
        (lambda: closs.softmax([1.0], axis=Refusing()), "axis must be an integer, got Refusing"),
        (lambda: call(ignore_index=Refusing()), "ignore_index must be an integer or None, got Refusing"),
        (lambda: closs.threads(Refusing()), "n must be an integer, got Refusing"),
    ):
        with pytest.raises(TypeError, match=words):
            fault()


def test_masks_in_lists():
    row = np.ma.array([1.0, 100.0], mask=[False, True])
    for given in (row, [row], [[row, row]], [[[1.0, 2.0]], (row,)], [[[row]], [[row]]]):
        with pytest.raises(TypeError, match="x: masked arrays are not supported"):
            closs.logsumexp(given)


def test_overlaps_with_what_is_no_array():
    """It is converted, but its memory is where it was."""
    raw = np.arange(8, dtype=np.float32)

    def only(interface):  # what numpy finds nothing else at
        return type("Shown", (), {interface: property(lambda self: getattr(raw[:4], interface))})()

    shown = only("__array_interface__"), only("__array_struct__")
    for given in (memoryview(raw)[:4], raw[:4], raw[:4].view(np.recarray), *shown):
        with pytest.raises(ValueError, match="out overlaps pred"):
            closs.mse_loss(given, np.zeros(4), out=raw.view(np.float64), reduction="none")
        with pytest.raises(ValueError, match="out overlaps x"):
            closs.logsumexp(memoryview(raw.view(np.int32))[:4], out=raw[:2].view(np.float64).reshape(()))
    np.testing.assert_array_equal(raw, np.arange(8))


def test_overlaps_of_subclasses():
    class Plain(np.ndarray):
        def __array_function__(self, function, types, arguments, options):
            return NotImplemented

    x = np.zeros(9).view(Plain)
    with pytest.raises(ValueError, match="out overlaps x"):
        closs.softmax(x[:8], out=x[1:])


def test_faults_of_huge_arrays_take_no_room():
    many = np.broadcast_to(np.int64(7), 2**40)
    with pytest.raises(IndexError, match="label 7 at row 0 is out of bounds for 3 classes"):
        closs.softmax_cross_entropy(np.broadcast_to(0.0, (2**40, 3)), many)
    weights = np.zeros((500, 20, 30))
    weights[400, 5, 6] = np.nan
    pred = np.zeros(weights.shape)
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=r"sample_weight must be finite, got nan at position \(400, 5, 6\)"):
            closs.mse_loss(pred, 0.0, sample_weight=weights)
        assert tracemalloc.get_traced_memory()[1] < 300_000
    finally:
        tracemalloc.stop()


def test_arrays_that_are_too_large():
    for fault in (
        lambda: closs.mse_loss(np.broadcast_to(np.float32(0), 2**60), 0.0),
        lambda: closs.entropy(np.broadcast_to(np.float16(0), (2**60, 2)), reduction="sum"),
    ):
        with pytest.raises(ValueError, match="arrays are too large"):
            fault()


def test_much_of_nothing():
    """Empty arrays may have any extents and strides, and take no time."""
    apart = np.lib.stride_tricks.as_strided(np.zeros(1), (0, 1000), (8, 2**61))
    assert closs.entropy(apart).shape == (0,)
    assert closs.mse_loss(apart, apart, reduction="none").shape == (0, 1000)
    assert closs.softmax(np.zeros((0, 2**50)), axis=0).shape == (0, 2**50)
    assert closs.entropy(np.zeros((2**50, 0)), reduction="sum") == 0


def test_a_weight_that_is_a_large_integer():
    assert closs.mse_loss([1.0], 0.0, sample_weight=2**64, reduction="sum") == 2.0**64
