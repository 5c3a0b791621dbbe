"""Special values as data: what softmax cross-entropy gives for every awkward row, with the reason.

Values are rounded to four digits where they are not exact: test_values.py compares ordinary numbers against the oracle
and these tables only to that; infinities, NaN and zeros exactly.
"""

from math import inf, nan
from typing import NamedTuple


class Row(NamedTuple):
    logits: list
    label: int
    loss: float
    gradient: list
    why: str


NAN3 = [nan, nan, nan]

ROWS = [
    Row([1, -inf, 2], 0, 1.3133, [-0.7311, 0, 0.7311], "-inf is a class of probability zero"),
    Row([1, -inf, 2], 1, inf, [0.2689, -1, 0.7311], "a label of probability zero: +inf with a finite gradient"),
    Row([-inf, 2, -inf], 1, 0, [0, 0, 0], "a certain row costs +0, not -0"),
    Row([-inf, -inf, -inf], 0, nan, NAN3, "no limit exists for a row of -inf"),
    Row([1, inf, 2], 0, nan, NAN3, "+inf is an overflow, never a mask"),
    Row([1, inf, 2], 1, nan, NAN3, "+inf at the label, too"),
    Row([inf, inf, 2], 0, nan, NAN3, "two of them"),
    Row([inf, inf, 2], 2, nan, NAN3, "two of them beside the label"),
    Row([inf, -inf, 0], 1, nan, NAN3, "both infinities"),
    Row([1, nan, 2], 0, nan, NAN3, "NaN beside the label"),
    Row([1, nan, 2], 1, nan, NAN3, "NaN at the label"),
    Row([nan, inf, -inf], 2, nan, NAN3, "NaN with infinities"),
    Row([-inf, nan, -inf], 0, nan, NAN3, "NaN among -inf, where the maximum is -inf"),
    Row([1e30, 0, -1e30], 0, 0, [0, 0, 0], "a huge gap: certain"),
    Row([1e30, 0, -1e30], 2, 2e30, [1, 0, -1], "a huge gap: certain and wrong"),
    Row([3e38, 0, -3e38], 0, 0, [0, 0, 0], "a gap beyond float32"),
    Row([3e38, 3e38, -3e38], 0, 0.6931, [-0.5, 0.5, 0], "ties at the edge of the range: m - x_y before log S"),
    Row([-3e38, -3e38, -inf], 1, 0.6931, [0.5, -0.5, 0], "ties at the other edge"),
    Row([0.0, -0.0, 0.0], 1, 1.0986, [0.3333, -0.6667, 0.3333], "signed zeros are equal"),
    Row([5], 0, 0, [0], "one class"),
    Row([inf], 0, nan, [nan], "one class, +inf"),
    Row([-inf], 0, nan, [nan], "one class, -inf"),
    Row([nan], 0, nan, [nan], "one class, NaN"),
]

# Sizes round every lane, tile, block and chunk of the kernels.
CLASSES = [1, 2, 3, 10, 15, 16, 17, 31, 32, 33, 63, 64, 65, 100, 127, 128, 129, 130, 160, 161, 511, 512, 513, 544, 1000]
LONG_CLASSES = [4095, 4096, 4097, 16383, 16384, 16385, 40000]
SAMPLES = [0, 1, 2, 15, 16, 17, 31, 33, 127, 128, 129, 255, 257]
INTEGER_DTYPES = ["i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", ">i2", ">i4", ">i8", ">u4", ">u8"]
