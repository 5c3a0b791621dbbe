from typing import Any, Literal, SupportsFloat, SupportsIndex, TypeAlias, TypeVar, overload

from numpy.typing import ArrayLike, NDArray

_Reduction: TypeAlias = Literal["mean", "sum"]
_Values: TypeAlias = NDArray[Any]
_Off: TypeAlias = Literal[False] | None
_Buffer = TypeVar("_Buffer", bound=NDArray[Any])

@overload
def entropy(
    p: ArrayLike,
    *,
    axis: SupportsIndex | None = -1,
    base: SupportsFloat | None = None,
    sample_weight: ArrayLike | None = None,
    reduction: _Reduction,
    grad: _Off = False,
    out: None = None,
) -> float: ...
@overload
def entropy(
    p: ArrayLike,
    *,
    axis: SupportsIndex | None = -1,
    base: SupportsFloat | None = None,
    sample_weight: ArrayLike | None = None,
    reduction: _Reduction,
    grad: Literal[True],
    out: None = None,
) -> tuple[float, _Values]: ...
@overload
def entropy(
    p: ArrayLike,
    *,
    axis: SupportsIndex | None = -1,
    base: SupportsFloat | None = None,
    sample_weight: ArrayLike | None = None,
    reduction: _Reduction,
    grad: _Buffer,
    out: None = None,
) -> tuple[float, _Buffer]: ...
@overload
def entropy(
    p: ArrayLike,
    *,
    axis: SupportsIndex | None = -1,
    base: SupportsFloat | None = None,
    sample_weight: ArrayLike | None = None,
    reduction: Literal["none"] = "none",
    grad: _Off = False,
    out: _Values | None = None,
) -> Any: ...
@overload
def entropy(
    p: ArrayLike,
    *,
    axis: SupportsIndex | None = -1,
    base: SupportsFloat | None = None,
    sample_weight: ArrayLike | None = None,
    reduction: Literal["none"] = "none",
    grad: Literal[True],
    out: _Values | None = None,
) -> tuple[Any, _Values]: ...
@overload
def entropy(
    p: ArrayLike,
    *,
    axis: SupportsIndex | None = -1,
    base: SupportsFloat | None = None,
    sample_weight: ArrayLike | None = None,
    reduction: Literal["none"] = "none",
    grad: _Buffer,
    out: _Values | None = None,
) -> tuple[Any, _Buffer]: ...
@overload
def cross_entropy(
    p: ArrayLike,
    q: ArrayLike,
    *,
    axis: SupportsIndex | None = -1,
    base: SupportsFloat | None = None,
    sample_weight: ArrayLike | None = None,
    reduction: _Reduction,
    grad: _Off = False,
    wrt: Literal["p", "q"] = "q",
    out: None = None,
) -> float: ...
@overload
def cross_entropy(
    p: ArrayLike,
    q: ArrayLike,
    *,
    axis: SupportsIndex | None = -1,
    base: SupportsFloat | None = None,
    sample_weight: ArrayLike | None = None,
    reduction: _Reduction,
    grad: Literal[True],
    wrt: Literal["p", "q"] = "q",
    out: None = None,
) -> tuple[float, _Values]: ...
@overload
def cross_entropy(
    p: ArrayLike,
    q: ArrayLike,
    *,
    axis: SupportsIndex | None = -1,
    base: SupportsFloat | None = None,
    sample_weight: ArrayLike | None = None,
    reduction: _Reduction,
    grad: _Buffer,
    wrt: Literal["p", "q"] = "q",
    out: None = None,
) -> tuple[float, _Buffer]: ...
@overload
def cross_entropy(
    p: ArrayLike,
    q: ArrayLike,
    *,
    axis: SupportsIndex | None = -1,
    base: SupportsFloat | None = None,
    sample_weight: ArrayLike | None = None,
    reduction: Literal["none"] = "none",
    grad: _Off = False,
    wrt: Literal["p", "q"] = "q",
    out: _Values | None = None,
) -> Any: ...
@overload
def cross_entropy(
    p: ArrayLike,
    q: ArrayLike,
    *,
    axis: SupportsIndex | None = -1,
    base: SupportsFloat | None = None,
    sample_weight: ArrayLike | None = None,
    reduction: Literal["none"] = "none",
    grad: Literal[True],
    wrt: Literal["p", "q"] = "q",
    out: _Values | None = None,
) -> tuple[Any, _Values]: ...
@overload
def cross_entropy(
    p: ArrayLike,
    q: ArrayLike,
    *,
    axis: SupportsIndex | None = -1,
    base: SupportsFloat | None = None,
    sample_weight: ArrayLike | None = None,
    reduction: Literal["none"] = "none",
    grad: _Buffer,
    wrt: Literal["p", "q"] = "q",
    out: _Values | None = None,
) -> tuple[Any, _Buffer]: ...
@overload
def kl_divergence(
    p: ArrayLike,
    q: ArrayLike,
    *,
    axis: SupportsIndex | None = -1,
    base: SupportsFloat | None = None,
    sample_weight: ArrayLike | None = None,
    reduction: _Reduction,
    grad: _Off = False,
    wrt: Literal["p", "q"] = "q",
    out: None = None,
) -> float: ...
@overload
def kl_divergence(
    p: ArrayLike,
    q: ArrayLike,
    *,
    axis: SupportsIndex | None = -1,
    base: SupportsFloat | None = None,
    sample_weight: ArrayLike | None = None,
    reduction: _Reduction,
    grad: Literal[True],
    wrt: Literal["p", "q"] = "q",
    out: None = None,
) -> tuple[float, _Values]: ...
@overload
def kl_divergence(
    p: ArrayLike,
    q: ArrayLike,
    *,
    axis: SupportsIndex | None = -1,
    base: SupportsFloat | None = None,
    sample_weight: ArrayLike | None = None,
    reduction: _Reduction,
    grad: _Buffer,
    wrt: Literal["p", "q"] = "q",
    out: None = None,
) -> tuple[float, _Buffer]: ...
@overload
def kl_divergence(
    p: ArrayLike,
    q: ArrayLike,
    *,
    axis: SupportsIndex | None = -1,
    base: SupportsFloat | None = None,
    sample_weight: ArrayLike | None = None,
    reduction: Literal["none"] = "none",
    grad: _Off = False,
    wrt: Literal["p", "q"] = "q",
    out: _Values | None = None,
) -> Any: ...
@overload
def kl_divergence(
    p: ArrayLike,
    q: ArrayLike,
    *,
    axis: SupportsIndex | None = -1,
    base: SupportsFloat | None = None,
    sample_weight: ArrayLike | None = None,
    reduction: Literal["none"] = "none",
    grad: Literal[True],
    wrt: Literal["p", "q"] = "q",
    out: _Values | None = None,
) -> tuple[Any, _Values]: ...
@overload
def kl_divergence(
    p: ArrayLike,
    q: ArrayLike,
    *,
    axis: SupportsIndex | None = -1,
    base: SupportsFloat | None = None,
    sample_weight: ArrayLike | None = None,
    reduction: Literal["none"] = "none",
    grad: _Buffer,
    wrt: Literal["p", "q"] = "q",
    out: _Values | None = None,
) -> tuple[Any, _Buffer]: ...
@overload
def js_divergence(
    p: ArrayLike,
    q: ArrayLike,
    *,
    axis: SupportsIndex | None = -1,
    base: SupportsFloat | None = None,
    sample_weight: ArrayLike | None = None,
    reduction: _Reduction,
    grad: _Off = False,
    wrt: Literal["p", "q"] = "q",
    out: None = None,
) -> float: ...
@overload
def js_divergence(
    p: ArrayLike,
    q: ArrayLike,
    *,
    axis: SupportsIndex | None = -1,
    base: SupportsFloat | None = None,
    sample_weight: ArrayLike | None = None,
    reduction: _Reduction,
    grad: Literal[True],
    wrt: Literal["p", "q"] = "q",
    out: None = None,
) -> tuple[float, _Values]: ...
@overload
def js_divergence(
    p: ArrayLike,
    q: ArrayLike,
    *,
    axis: SupportsIndex | None = -1,
    base: SupportsFloat | None = None,
    sample_weight: ArrayLike | None = None,
    reduction: _Reduction,
    grad: _Buffer,
    wrt: Literal["p", "q"] = "q",
    out: None = None,
) -> tuple[float, _Buffer]: ...
@overload
def js_divergence(
    p: ArrayLike,
    q: ArrayLike,
    *,
    axis: SupportsIndex | None = -1,
    base: SupportsFloat | None = None,
    sample_weight: ArrayLike | None = None,
    reduction: Literal["none"] = "none",
    grad: _Off = False,
    wrt: Literal["p", "q"] = "q",
    out: _Values | None = None,
) -> Any: ...
@overload
def js_divergence(
    p: ArrayLike,
    q: ArrayLike,
    *,
    axis: SupportsIndex | None = -1,
    base: SupportsFloat | None = None,
    sample_weight: ArrayLike | None = None,
    reduction: Literal["none"] = "none",
    grad: Literal[True],
    wrt: Literal["p", "q"] = "q",
    out: _Values | None = None,
) -> tuple[Any, _Values]: ...
@overload
def js_divergence(
    p: ArrayLike,
    q: ArrayLike,
    *,
    axis: SupportsIndex | None = -1,
    base: SupportsFloat | None = None,
    sample_weight: ArrayLike | None = None,
    reduction: Literal["none"] = "none",
    grad: _Buffer,
    wrt: Literal["p", "q"] = "q",
    out: _Values | None = None,
) -> tuple[Any, _Buffer]: ...
@overload
def zero_one_loss(
    pred: ArrayLike,
    target: ArrayLike,
    *,
    axis: SupportsIndex = -1,
    sample_weight: ArrayLike | None = None,
    reduction: _Reduction = "mean",
    out: None = None,
) -> float: ...
@overload
def zero_one_loss(
    pred: ArrayLike,
    target: ArrayLike,
    *,
    axis: SupportsIndex = -1,
    sample_weight: ArrayLike | None = None,
    reduction: Literal["none"],
    out: _Values | None = None,
) -> Any: ...
