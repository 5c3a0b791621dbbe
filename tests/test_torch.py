"""Parity with torch on ordinary rows, where torch is right, and the cases where it is not."""

import math

import numpy as np
import pytest

import closs

torch = pytest.importorskip("torch", reason="torch is not installed: parity with it is not tested here")


def by_torch(logits, labels, **options):
    leaf = torch.tensor(logits, requires_grad=True)
    loss = torch.nn.functional.cross_entropy(leaf, torch.from_numpy(labels), **options)
    loss.sum().backward()
    return loss.detach().numpy(), leaf.grad.numpy()


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("shape", [(50, 7), (50, 300), (4, 5, 6), (2, 10, 3, 9)])
def test_ordinary_rows(shape, reduction, dtype, rng):
    logits = rng.standard_normal(shape).astype(dtype)
    labels = rng.integers(0, shape[1], (shape[0], *shape[2:]))
    labels[0] = -100
    tolerance = 2e-6 if dtype == "f4" else 1e-13
    for weight in (None, rng.random(shape[1]).astype(dtype)):
        options = {"ignore_index": -100, "reduction": reduction}
        expected = by_torch(logits, labels, weight=None if weight is None else torch.from_numpy(weight), **options)
        loss, gradient = closs.softmax_cross_entropy(logits, labels, axis=1, class_weight=weight, grad=True, **options)
        np.testing.assert_allclose(loss, expected[0], rtol=tolerance, atol=tolerance)
        np.testing.assert_allclose(gradient, expected[1], rtol=tolerance, atol=tolerance / 10)


def test_tensors_are_arrays(rng):
    """CPU tensors are read where they lie; those that torch won't share are named."""
    logits, labels = rng.standard_normal((20, 5)).astype("f4"), rng.integers(0, 5, 20)
    expected = closs.softmax_cross_entropy(logits, labels)
    assert closs.softmax_cross_entropy(torch.from_numpy(logits), torch.from_numpy(labels)) == expected
    with pytest.raises(TypeError, match=r"logits cannot be read as an array: .*requires grad"):
        closs.softmax_cross_entropy(torch.from_numpy(logits).requires_grad_(True), labels)
    with pytest.raises(TypeError, match="grad must be True, False, None or an array, got Tensor"):
        closs.softmax_cross_entropy(logits, labels, grad=torch.zeros(20, 5))
    q = closs.softmax(logits)
    for p in (q, labels):
        np.testing.assert_array_equal(
            closs.cross_entropy(torch.from_numpy(p), torch.from_numpy(q)), closs.cross_entropy(p, q)
        )
    assert closs.zero_one_loss(torch.from_numpy(q), torch.from_numpy(labels)) == closs.zero_one_loss(q, labels)
    with pytest.raises(TypeError, match=r"pred cannot be read as an array: .*requires grad"):
        closs.zero_one_loss(torch.from_numpy(q).requires_grad_(True), labels)


def test_where_torch_loses_its_digits():
    logits = np.array([[40.0, 0.0, 0.0]], "f4")
    torch_loss, _ = by_torch(logits, np.array([0]), reduction="none")
    loss, gradient = closs.softmax_cross_entropy(logits, [0], grad=True)
    assert torch_loss[0] == 0
    assert loss == pytest.approx(2 * math.exp(-40), rel=1e-6)
    assert gradient[0, 0] == pytest.approx(-2 * math.exp(-40), rel=1e-6)


def test_where_torch_spreads_nan():
    logits = np.array([[1.0, np.nan], [0.0, 0.0]], "f4")
    _, torch_gradient = by_torch(logits, np.array([-100, 0]), ignore_index=-100)
    _, gradient = closs.softmax_cross_entropy(logits, [-100, 0], ignore_index=-100, grad=True)
    assert np.isnan(torch_gradient[0]).any()
    np.testing.assert_array_equal(gradient, [[0, 0], [-0.5, 0.5]])
