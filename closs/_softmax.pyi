from typing import Any, Literal, SupportsFloat, SupportsIndex, TypeAlias, TypeVar, overload

from numpy.typing import ArrayLike, NDArray

_Reduction: TypeAlias = Literal["mean", "sum"]
_Values: TypeAlias = NDArray[Any]
_Off: TypeAlias = Literal[False] | None
_Buffer = TypeVar("_Buffer", bound=NDArray[Any])

@overload
def softmax_cross_entropy(
    logits: ArrayLike,
    target: ArrayLike,
    *,
    axis: SupportsIndex = -1,
    class_weight: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    ignore_index: SupportsIndex | None = None,
    label_smoothing: SupportsFloat = 0.0,
    reduction: _Reduction = "mean",
    grad: _Off = False,
    hess: _Off = False,
    out: None = None,
) -> float: ...
@overload
def softmax_cross_entropy(
    logits: ArrayLike,
    target: ArrayLike,
    *,
    axis: SupportsIndex = -1,
    class_weight: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    ignore_index: SupportsIndex | None = None,
    label_smoothing: SupportsFloat = 0.0,
    reduction: _Reduction = "mean",
    grad: Literal[True],
    hess: _Off = False,
    out: None = None,
) -> tuple[float, _Values]: ...
@overload
def softmax_cross_entropy(
    logits: ArrayLike,
    target: ArrayLike,
    *,
    axis: SupportsIndex = -1,
    class_weight: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    ignore_index: SupportsIndex | None = None,
    label_smoothing: SupportsFloat = 0.0,
    reduction: _Reduction = "mean",
    grad: _Buffer,
    hess: _Off = False,
    out: None = None,
) -> tuple[float, _Buffer]: ...
@overload
def softmax_cross_entropy(
    logits: ArrayLike,
    target: ArrayLike,
    *,
    axis: SupportsIndex = -1,
    class_weight: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    ignore_index: SupportsIndex | None = None,
    label_smoothing: SupportsFloat = 0.0,
    reduction: _Reduction = "mean",
    grad: _Off = False,
    hess: Literal[True] | _Values,
    out: None = None,
) -> tuple[float, _Values]: ...
@overload
def softmax_cross_entropy(
    logits: ArrayLike,
    target: ArrayLike,
    *,
    axis: SupportsIndex = -1,
    class_weight: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    ignore_index: SupportsIndex | None = None,
    label_smoothing: SupportsFloat = 0.0,
    reduction: _Reduction = "mean",
    grad: Literal[True] | _Values,
    hess: Literal[True] | _Values,
    out: None = None,
) -> tuple[float, _Values, _Values]: ...
@overload
def softmax_cross_entropy(
    logits: ArrayLike,
    target: ArrayLike,
    *,
    axis: SupportsIndex = -1,
    class_weight: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    ignore_index: SupportsIndex | None = None,
    label_smoothing: SupportsFloat = 0.0,
    reduction: Literal["none"],
    grad: _Off = False,
    hess: _Off = False,
    out: _Values | None = None,
) -> Any: ...
@overload
def softmax_cross_entropy(
    logits: ArrayLike,
    target: ArrayLike,
    *,
    axis: SupportsIndex = -1,
    class_weight: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    ignore_index: SupportsIndex | None = None,
    label_smoothing: SupportsFloat = 0.0,
    reduction: Literal["none"],
    grad: Literal[True],
    hess: _Off = False,
    out: _Values | None = None,
) -> tuple[Any, _Values]: ...
@overload
def softmax_cross_entropy(
    logits: ArrayLike,
    target: ArrayLike,
    *,
    axis: SupportsIndex = -1,
    class_weight: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    ignore_index: SupportsIndex | None = None,
    label_smoothing: SupportsFloat = 0.0,
    reduction: Literal["none"],
    grad: _Buffer,
    hess: _Off = False,
    out: _Values | None = None,
) -> tuple[Any, _Buffer]: ...
@overload
def softmax_cross_entropy(
    logits: ArrayLike,
    target: ArrayLike,
    *,
    axis: SupportsIndex = -1,
    class_weight: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    ignore_index: SupportsIndex | None = None,
    label_smoothing: SupportsFloat = 0.0,
    reduction: Literal["none"],
    grad: _Off = False,
    hess: Literal[True] | _Values,
    out: _Values | None = None,
) -> tuple[Any, _Values]: ...
@overload
def softmax_cross_entropy(
    logits: ArrayLike,
    target: ArrayLike,
    *,
    axis: SupportsIndex = -1,
    class_weight: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    ignore_index: SupportsIndex | None = None,
    label_smoothing: SupportsFloat = 0.0,
    reduction: Literal["none"],
    grad: Literal[True] | _Values,
    hess: Literal[True] | _Values,
    out: _Values | None = None,
) -> tuple[Any, _Values, _Values]: ...
@overload
def distillation_loss(
    logits: ArrayLike,
    target_logits: ArrayLike,
    *,
    axis: SupportsIndex = -1,
    temperature: SupportsFloat = 1.0,
    sample_weight: ArrayLike | None = None,
    reduction: _Reduction = "mean",
    grad: _Off = False,
    out: None = None,
) -> float: ...
@overload
def distillation_loss(
    logits: ArrayLike,
    target_logits: ArrayLike,
    *,
    axis: SupportsIndex = -1,
    temperature: SupportsFloat = 1.0,
    sample_weight: ArrayLike | None = None,
    reduction: _Reduction = "mean",
    grad: Literal[True],
    out: None = None,
) -> tuple[float, _Values]: ...
@overload
def distillation_loss(
    logits: ArrayLike,
    target_logits: ArrayLike,
    *,
    axis: SupportsIndex = -1,
    temperature: SupportsFloat = 1.0,
    sample_weight: ArrayLike | None = None,
    reduction: _Reduction = "mean",
    grad: _Buffer,
    out: None = None,
) -> tuple[float, _Buffer]: ...
@overload
def distillation_loss(
    logits: ArrayLike,
    target_logits: ArrayLike,
    *,
    axis: SupportsIndex = -1,
    temperature: SupportsFloat = 1.0,
    sample_weight: ArrayLike | None = None,
    reduction: Literal["none"],
    grad: _Off = False,
    out: _Values | None = None,
) -> Any: ...
@overload
def distillation_loss(
    logits: ArrayLike,
    target_logits: ArrayLike,
    *,
    axis: SupportsIndex = -1,
    temperature: SupportsFloat = 1.0,
    sample_weight: ArrayLike | None = None,
    reduction: Literal["none"],
    grad: Literal[True],
    out: _Values | None = None,
) -> tuple[Any, _Values]: ...
@overload
def distillation_loss(
    logits: ArrayLike,
    target_logits: ArrayLike,
    *,
    axis: SupportsIndex = -1,
    temperature: SupportsFloat = 1.0,
    sample_weight: ArrayLike | None = None,
    reduction: Literal["none"],
    grad: _Buffer,
    out: _Values | None = None,
) -> tuple[Any, _Buffer]: ...
@overload
def softmax_entropy(
    logits: ArrayLike,
    *,
    axis: SupportsIndex | None = -1,
    base: SupportsFloat | None = None,
    sample_weight: ArrayLike | None = None,
    reduction: _Reduction,
    grad: _Off = False,
    out: None = None,
) -> float: ...
@overload
def softmax_entropy(
    logits: ArrayLike,
    *,
    axis: SupportsIndex | None = -1,
    base: SupportsFloat | None = None,
    sample_weight: ArrayLike | None = None,
    reduction: _Reduction,
    grad: Literal[True],
    out: None = None,
) -> tuple[float, _Values]: ...
@overload
def softmax_entropy(
    logits: ArrayLike,
    *,
    axis: SupportsIndex | None = -1,
    base: SupportsFloat | None = None,
    sample_weight: ArrayLike | None = None,
    reduction: _Reduction,
    grad: _Buffer,
    out: None = None,
) -> tuple[float, _Buffer]: ...
@overload
def softmax_entropy(
    logits: ArrayLike,
    *,
    axis: SupportsIndex | None = -1,
    base: SupportsFloat | None = None,
    sample_weight: ArrayLike | None = None,
    reduction: Literal["none"] = "none",
    grad: _Off = False,
    out: _Values | None = None,
) -> Any: ...
@overload
def softmax_entropy(
    logits: ArrayLike,
    *,
    axis: SupportsIndex | None = -1,
    base: SupportsFloat | None = None,
    sample_weight: ArrayLike | None = None,
    reduction: Literal["none"] = "none",
    grad: Literal[True],
    out: _Values | None = None,
) -> tuple[Any, _Values]: ...
@overload
def softmax_entropy(
    logits: ArrayLike,
    *,
    axis: SupportsIndex | None = -1,
    base: SupportsFloat | None = None,
    sample_weight: ArrayLike | None = None,
    reduction: Literal["none"] = "none",
    grad: _Buffer,
    out: _Values | None = None,
) -> tuple[Any, _Buffer]: ...
def softmax(x: ArrayLike, *, axis: SupportsIndex | None = -1, out: _Values | None = None) -> _Values: ...
def log_softmax(x: ArrayLike, *, axis: SupportsIndex | None = -1, out: _Values | None = None) -> _Values: ...
def logsumexp(
    x: ArrayLike, *, axis: SupportsIndex | None = -1, keepdims: bool = False, out: _Values | None = None
) -> Any: ...
