"""The oracle: softmax cross-entropy from its definition, in far more digits than the answers under test.

Nothing here is a stable rewrite. Small problems evaluate ``-log(exp(x_y) / sum_j exp(x_j))`` literally in mpmath, with
as many digits as the spread of the row needs. Long rows use ``1 / p_y = sum_j exp(x_j - x_y)`` in the 80-bit long
double: still the definition, divided through by the label's own exponential. The maximum, which every kernel subtracts,
appears only in the yardstick: the published error bound is stated in gaps to it.
"""

import math
from typing import NamedTuple

import mpmath
import numpy as np

LONG = np.longdouble
# Where long double is plain double (MSVC, Apple silicon) every row goes through mpmath.
LONG_DOUBLE_IS_EXTENDED = bool(np.finfo(LONG).eps < 1e-18)
LARGEST_EXPONENT = 11000.0
FLOAT64_EPS = float(np.finfo(np.float64).eps)
CHUNK = 16384


class Answer(NamedTuple):
    """The exact value and gradient, and how far an answer may be from each."""

    value: np.ndarray
    gradient: np.ndarray
    value_bound: np.ndarray
    gradient_bound: np.ndarray


def long_from_mpmath(number):
    """The long double nearest to an mpmath number (to a unit or so), over the whole range of long double."""
    if mpmath.isnan(number) or mpmath.isinf(number):
        return LONG(float(number))
    mantissa, exponent = mpmath.frexp(number)
    if exponent < -16400:
        return LONG(0)
    high = float(mantissa)
    return np.ldexp(LONG(high) + LONG(float(mantissa - high)), int(exponent))


def row_by_mpmath(row, label):
    """Loss and gradient of one row, by the naive formula. The row has no NaN and no +inf, and something finite."""
    finite = row[np.isfinite(row)].astype(LONG)
    # A confident row has a loss of exp(-gap): that many digits cancel in 1 - p. Beyond a gap of 1000 the answer is
    # under the smallest float64, and zero is the right answer.
    spread = min(float(finite.max() - finite.min()), 1000.0)
    with mpmath.workdps(61 + int(spread / math.log(10))):
        exponentials = [mpmath.exp(mpmath.mpf(float(logit))) for logit in row]
        total = mpmath.fsum(exponentials)
        probabilities = [exponential / total for exponential in exponentials]
        loss = -mpmath.log(probabilities[label])
        probabilities[label] -= 1
        gradient = [long_from_mpmath(number) for number in probabilities]
        return long_from_mpmath(loss), np.array(gradient, LONG)


def rows_by_long_double(rows, labels):
    """Losses and gradients of many rows whose label is finite and at most LARGEST_EXPONENT below the maximum."""
    index = np.arange(len(rows))
    rows = rows.astype(LONG)
    with np.errstate(under="ignore"):
        ratios = np.exp(rows - rows[index, labels][:, None])
    ratios[index, labels] = 0
    others = ratios.sum(axis=1)
    gradients = ratios / (1 + others)[:, None]
    gradients[index, labels] = -others / (1 + others)
    return np.log1p(others), gradients


def rows_from_definition(rows, labels, mpmath_elements=4096):
    """Unweighted loss and gradient of every row. `labels` are valid. Rows without a limit are NaN as a whole."""
    count, classes = rows.shape
    losses = np.full(count, np.nan, LONG)
    gradients = np.full((count, classes), np.nan, LONG)
    usable = ~np.isnan(rows).any(axis=1) & ~np.isposinf(rows).any(axis=1) & np.isfinite(rows).any(axis=1)
    label_logits = rows[np.arange(count), labels].astype(LONG)
    with np.errstate(invalid="ignore"):
        in_range = usable & (rows.max(axis=1, initial=-np.inf).astype(LONG) - label_logits < LARGEST_EXPONENT)
    if not LONG_DOUBLE_IS_EXTENDED or usable.sum() * classes <= mpmath_elements:
        in_range[:] = False
    if in_range.any():
        losses[in_range], gradients[in_range] = rows_by_long_double(rows[in_range], labels[in_range])
    for index in np.flatnonzero(usable & ~in_range):
        losses[index], gradients[index] = row_by_mpmath(rows[index], labels[index])
    return losses, gradients


def row_bounds(rows, labels, losses, gradients):
    """How far an exact-enough kernel may be from the true loss and gradient of each (unweighted) row.

    8 eps, plus sqrt(C) / 16 eps for a plain sum over many classes, all relative; plus half an ulp of the gap to the
    maximum for each exponential (its argument was rounded); plus one rounding of each term that underflows.
    """
    real = np.finfo(rows.dtype)
    smallest = LONG(real.smallest_subnormal)
    count, classes = rows.shape
    index = np.arange(count)
    relative = LONG(real.eps) * (8 + math.sqrt(classes) / 16)
    # Rows longer than a chunk meet a second exponential, when the chunks' sums are brought to one maximum.
    exponentials = 1 if classes <= CHUNK else 2
    with np.errstate(all="ignore"):
        gaps = rows.max(axis=1, initial=-np.inf).astype(LONG)[:, None] - rows
        half_ulps = exponentials * np.spacing(gaps.astype(rows.dtype)).astype(LONG) / 2
        half_ulps[~np.isfinite(half_ulps)] = 0
        half_ulps[gaps == 0] = 0
        underflowing = np.isfinite(gaps) & (np.exp(-gaps) < real.tiny)
        probabilities = np.abs(gradients)
        others = probabilities[index, labels].copy()
        probabilities[index, labels] = 1 - others
        wobble = probabilities * half_ulps
        at_label = half_ulps[index, labels]
        others_wobble = wobble.sum(axis=1) - wobble[index, labels]
        slack = 2 * smallest * (1 + underflowing.sum(axis=1))
        loss_bounds = losses * relative + others_wobble + others * at_label + slack
        gradient_bounds = probabilities * (relative + half_ulps + wobble.sum(axis=1)[:, None]) + 2 * smallest
        gradient_bounds[index, labels] = others * relative + (1 - others) * (others_wobble + others * at_label) + slack
    loss_bounds[~np.isfinite(losses)] = 0
    gradient_bounds[~np.isfinite(gradients)] = 0
    return loss_bounds, gradient_bounds


def cross_entropy(
    logits,
    target,
    *,
    axis=-1,
    class_weight=None,
    sample_weight=None,
    ignore_index=None,
    reduction="mean",
    mpmath_elements=4096,
):
    """The exact `Answer` of closs.softmax_cross_entropy for these arguments (which must be valid)."""
    logits = np.asarray(logits)
    if logits.dtype.kind in "iub":
        logits = logits.astype(np.float64)
    logits = logits.astype(logits.dtype.newbyteorder("="))
    sample_shape = np.moveaxis(logits, axis, -1).shape[:-1]
    classes = logits.shape[axis]
    rows = np.moveaxis(logits, axis, -1).reshape(math.prod(sample_shape), classes)
    label_list = [int(label) for label in np.asarray(target).reshape(-1)]
    count = len(rows)

    weights = np.ones(count, LONG)
    if sample_weight is not None:
        weights = weights * np.broadcast_to(np.asarray(sample_weight, np.float64), sample_shape).reshape(-1)
    for index, label in enumerate(label_list):
        if label == ignore_index:
            weights[index] = 0
        elif class_weight is not None:
            weights[index] *= LONG(float(np.asarray(class_weight)[label]))

    # Rows of weight zero are absent: what their logits hold must not matter, so the oracle does not look at them.
    present = weights != 0
    labels = np.array([label for label, here in zip(label_list, present, strict=True) if here], np.intp)
    losses, gradients = np.zeros(count, LONG), np.zeros((count, classes), LONG)
    loss_bounds, gradient_bounds = np.zeros(count, LONG), np.zeros((count, classes), LONG)
    if present.any():
        losses[present], gradients[present] = rows_from_definition(rows[present], labels, mpmath_elements)
        loss_bounds[present], gradient_bounds[present] = row_bounds(
            rows[present], labels, losses[present], gradients[present]
        )

    smallest = LONG(np.finfo(logits.dtype).smallest_subnormal)
    weighted = np.zeros(count, LONG)
    weighted[present] = losses[present] * weights[present]
    weighted_bounds = loss_bounds * np.abs(weights)
    weighted_bounds[present] += 2 * smallest
    total_weight = weights.sum()
    scale = LONG(1)
    if reduction == "none":
        value, value_bound = weighted.reshape(sample_shape), weighted_bounds.reshape(sample_shape)
    else:
        with np.errstate(invalid="ignore", divide="ignore"):
            value = weighted.sum()
            # The contract for sums over samples is 1e-12 for 1e8 terms; short sums are held to their own length.
            summation = min(count * FLOAT64_EPS, 1e-12)
            value_bound = weighted_bounds.sum() + np.abs(weighted[np.isfinite(weighted)]).sum() * summation
            if reduction == "mean":
                # By rule a mean of nothing is NaN, and so is one whose weights cancel.
                scale = 1 / total_weight if total_weight != 0 else LONG(np.nan)
                value, value_bound = value * scale, value_bound * abs(scale)
                if total_weight != 0:
                    value_bound += abs(value) * summation * np.abs(weights).sum() / abs(total_weight)
        if not np.isfinite(value):
            value_bound = LONG(0)
    with np.errstate(invalid="ignore"):
        scaled = np.where(present, weights * scale, 0)
        gradient = np.where(present[:, None], gradients * scaled[:, None], 0)
        gradient_bound = gradient_bounds * np.abs(scaled)[:, None] + np.where(present, 2 * smallest, 0)[:, None]
    gradient_bound[~np.isfinite(gradient)] = 0

    def like_logits(flat):
        return np.moveaxis(flat.reshape((*sample_shape, classes)), -1, axis)

    return Answer(value, like_logits(gradient), value_bound, like_logits(gradient_bound))


def error_in_bounds(got, expected, bound):
    """The error of each element as a multiple of its bound: at most 1 is right. inf where special values differ."""
    got = np.asarray(got)
    largest = np.finfo(got.dtype).max
    expected = np.asarray(expected, LONG)
    # An answer beyond the type is an infinity: that is its nearest number.
    expected = np.where(np.abs(expected) > largest, np.copysign(LONG(np.inf), expected), expected)
    with np.errstate(invalid="ignore", divide="ignore"):
        distance = np.abs(got.astype(LONG) - expected)
        ratio = np.where(distance == 0, LONG(0), distance / np.asarray(bound, LONG))
    same_special = (np.isnan(got) & np.isnan(expected)) | (np.isinf(expected) & (got == expected))
    special = ~np.isfinite(got) | ~np.isfinite(expected)
    return np.where(special, np.where(same_special, LONG(0), LONG(np.inf)), ratio)


def assert_within(got, expected, bound, what):
    """Assert every element within its bound, naming the worst one."""
    assert np.shape(got) == np.shape(expected), f"{what}: shape {np.shape(got)}, expected {np.shape(expected)}"
    ratio = error_in_bounds(got, expected, bound)
    if ratio.size and ratio.max() > 1:
        worst = np.unravel_index(np.argmax(ratio), ratio.shape)
        raise AssertionError(
            f"{what}: {np.count_nonzero(ratio > 1)} of {ratio.size} beyond the bound; the worst at {worst} is "
            f"{np.asarray(got)[worst]!r}, exactly {np.asarray(expected)[worst]!r}, error / bound = {ratio[worst]:.4g}"
        )


def assert_matches(loss, gradient, answer, what=""):
    """Assert a loss and, if it is not None, a gradient against an `Answer`."""
    assert_within(loss, answer.value, answer.value_bound, f"loss {what}")
    if gradient is not None:
        assert_within(gradient, answer.gradient, answer.gradient_bound, f"gradient {what}")


def assert_same_bits(got, expected, what=""):
    """Assert the same dtype, shape and bits, signs of zeros included. Every NaN counts as one: its payload is free."""
    got, expected = np.asarray(got), np.asarray(expected)
    assert got.dtype == expected.dtype, f"{what}: dtype {got.dtype}, expected {expected.dtype}"
    assert got.shape == expected.shape, f"{what}: shape {got.shape}, expected {expected.shape}"
    unsigned = np.dtype(f"u{got.dtype.itemsize}")
    both_nan = np.isnan(got) & np.isnan(expected)
    differ = (np.ascontiguousarray(got).view(unsigned) != np.ascontiguousarray(expected).view(unsigned)).reshape(
        got.shape
    ) & ~both_nan
    if differ.any():
        first = tuple(int(i) for i in np.argwhere(differ)[0])
        raise AssertionError(
            f"{what}: {np.count_nonzero(differ)} of {differ.size} elements differ in bits, "
            f"the first at {first}: {got[first]!r} and {expected[first]!r}"
        )
