from typing import Any, Literal, TypeAlias, TypeVar, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

_Reduction: TypeAlias = Literal["mean", "sum"]
_Values: TypeAlias = NDArray[np.floating[Any]]
_Buffer = TypeVar("_Buffer", bound=NDArray[np.floating[Any]])

@overload
def softmax_cross_entropy(
    logits: ArrayLike,
    target: ArrayLike,
    *,
    axis: int = -1,
    class_weight: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    ignore_index: int | None = None,
    reduction: _Reduction = "mean",
    grad: Literal[False] | None = False,
    out: None = None,
) -> float: ...
@overload
def softmax_cross_entropy(
    logits: ArrayLike,
    target: ArrayLike,
    *,
    axis: int = -1,
    class_weight: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    ignore_index: int | None = None,
    reduction: _Reduction = "mean",
    grad: Literal[True],
    out: None = None,
) -> tuple[float, _Values]: ...
@overload
def softmax_cross_entropy(
    logits: ArrayLike,
    target: ArrayLike,
    *,
    axis: int = -1,
    class_weight: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    ignore_index: int | None = None,
    reduction: _Reduction = "mean",
    grad: _Buffer,
    out: None = None,
) -> tuple[float, _Buffer]: ...
@overload
def softmax_cross_entropy(
    logits: ArrayLike,
    target: ArrayLike,
    *,
    axis: int = -1,
    class_weight: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    ignore_index: int | None = None,
    reduction: Literal["none"],
    grad: Literal[False] | None = False,
    out: _Values | None = None,
) -> Any: ...
@overload
def softmax_cross_entropy(
    logits: ArrayLike,
    target: ArrayLike,
    *,
    axis: int = -1,
    class_weight: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    ignore_index: int | None = None,
    reduction: Literal["none"],
    grad: Literal[True] | _Values,
    out: _Values | None = None,
) -> tuple[Any, _Values]: ...
def softmax(x: ArrayLike, *, axis: int | None = -1, out: _Values | None = None) -> _Values: ...
def log_softmax(x: ArrayLike, *, axis: int | None = -1, out: _Values | None = None) -> _Values: ...
def logsumexp(x: ArrayLike, *, axis: int | None = -1, keepdims: bool = False, out: _Values | None = None) -> Any: ...
