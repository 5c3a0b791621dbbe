from typing import Any, Literal, SupportsFloat, TypeAlias, TypeVar, overload

from numpy.typing import ArrayLike, NDArray

_Reduction: TypeAlias = Literal["mean", "sum"]
_Values: TypeAlias = NDArray[Any]
_Off: TypeAlias = Literal[False] | None
_Buffer = TypeVar("_Buffer", bound=NDArray[Any])

@overload
def l1_loss(
    pred: ArrayLike,
    target: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    reduction: _Reduction = "mean",
    grad: _Off = False,
    hess: _Off = False,
    out: None = None,
) -> float: ...
@overload
def l1_loss(
    pred: ArrayLike,
    target: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    reduction: _Reduction = "mean",
    grad: Literal[True],
    hess: _Off = False,
    out: None = None,
) -> tuple[float, _Values]: ...
@overload
def l1_loss(
    pred: ArrayLike,
    target: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    reduction: _Reduction = "mean",
    grad: _Buffer,
    hess: _Off = False,
    out: None = None,
) -> tuple[float, _Buffer]: ...
@overload
def l1_loss(
    pred: ArrayLike,
    target: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    reduction: _Reduction = "mean",
    grad: _Off = False,
    hess: Literal[True] | _Values,
    out: None = None,
) -> tuple[float, _Values]: ...
@overload
def l1_loss(
    pred: ArrayLike,
    target: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    reduction: _Reduction = "mean",
    grad: Literal[True] | _Values,
    hess: Literal[True] | _Values,
    out: None = None,
) -> tuple[float, _Values, _Values]: ...
@overload
def l1_loss(
    pred: ArrayLike,
    target: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    reduction: Literal["none"],
    grad: _Off = False,
    hess: _Off = False,
    out: _Values | None = None,
) -> Any: ...
@overload
def l1_loss(
    pred: ArrayLike,
    target: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    reduction: Literal["none"],
    grad: Literal[True],
    hess: _Off = False,
    out: _Values | None = None,
) -> tuple[Any, _Values]: ...
@overload
def l1_loss(
    pred: ArrayLike,
    target: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    reduction: Literal["none"],
    grad: _Buffer,
    hess: _Off = False,
    out: _Values | None = None,
) -> tuple[Any, _Buffer]: ...
@overload
def l1_loss(
    pred: ArrayLike,
    target: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    reduction: Literal["none"],
    grad: _Off = False,
    hess: Literal[True] | _Values,
    out: _Values | None = None,
) -> tuple[Any, _Values]: ...
@overload
def l1_loss(
    pred: ArrayLike,
    target: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    reduction: Literal["none"],
    grad: Literal[True] | _Values,
    hess: Literal[True] | _Values,
    out: _Values | None = None,
) -> tuple[Any, _Values, _Values]: ...
@overload
def mse_loss(
    pred: ArrayLike,
    target: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    reduction: _Reduction = "mean",
    grad: _Off = False,
    hess: _Off = False,
    out: None = None,
) -> float: ...
@overload
def mse_loss(
    pred: ArrayLike,
    target: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    reduction: _Reduction = "mean",
    grad: Literal[True],
    hess: _Off = False,
    out: None = None,
) -> tuple[float, _Values]: ...
@overload
def mse_loss(
    pred: ArrayLike,
    target: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    reduction: _Reduction = "mean",
    grad: _Buffer,
    hess: _Off = False,
    out: None = None,
) -> tuple[float, _Buffer]: ...
@overload
def mse_loss(
    pred: ArrayLike,
    target: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    reduction: _Reduction = "mean",
    grad: _Off = False,
    hess: Literal[True] | _Values,
    out: None = None,
) -> tuple[float, _Values]: ...
@overload
def mse_loss(
    pred: ArrayLike,
    target: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    reduction: _Reduction = "mean",
    grad: Literal[True] | _Values,
    hess: Literal[True] | _Values,
    out: None = None,
) -> tuple[float, _Values, _Values]: ...
@overload
def mse_loss(
    pred: ArrayLike,
    target: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    reduction: Literal["none"],
    grad: _Off = False,
    hess: _Off = False,
    out: _Values | None = None,
) -> Any: ...
@overload
def mse_loss(
    pred: ArrayLike,
    target: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    reduction: Literal["none"],
    grad: Literal[True],
    hess: _Off = False,
    out: _Values | None = None,
) -> tuple[Any, _Values]: ...
@overload
def mse_loss(
    pred: ArrayLike,
    target: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    reduction: Literal["none"],
    grad: _Buffer,
    hess: _Off = False,
    out: _Values | None = None,
) -> tuple[Any, _Buffer]: ...
@overload
def mse_loss(
    pred: ArrayLike,
    target: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    reduction: Literal["none"],
    grad: _Off = False,
    hess: Literal[True] | _Values,
    out: _Values | None = None,
) -> tuple[Any, _Values]: ...
@overload
def mse_loss(
    pred: ArrayLike,
    target: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    reduction: Literal["none"],
    grad: Literal[True] | _Values,
    hess: Literal[True] | _Values,
    out: _Values | None = None,
) -> tuple[Any, _Values, _Values]: ...
@overload
def huber_loss(
    pred: ArrayLike,
    target: ArrayLike,
    *,
    delta: SupportsFloat = 1.0,
    sample_weight: ArrayLike | None = None,
    reduction: _Reduction = "mean",
    grad: _Off = False,
    hess: _Off = False,
    out: None = None,
) -> float: ...
@overload
def huber_loss(
    pred: ArrayLike,
    target: ArrayLike,
    *,
    delta: SupportsFloat = 1.0,
    sample_weight: ArrayLike | None = None,
    reduction: _Reduction = "mean",
    grad: Literal[True],
    hess: _Off = False,
    out: None = None,
) -> tuple[float, _Values]: ...
@overload
def huber_loss(
    pred: ArrayLike,
    target: ArrayLike,
    *,
    delta: SupportsFloat = 1.0,
    sample_weight: ArrayLike | None = None,
    reduction: _Reduction = "mean",
    grad: _Buffer,
    hess: _Off = False,
    out: None = None,
) -> tuple[float, _Buffer]: ...
@overload
def huber_loss(
    pred: ArrayLike,
    target: ArrayLike,
    *,
    delta: SupportsFloat = 1.0,
    sample_weight: ArrayLike | None = None,
    reduction: _Reduction = "mean",
    grad: _Off = False,
    hess: Literal[True] | _Values,
    out: None = None,
) -> tuple[float, _Values]: ...
@overload
def huber_loss(
    pred: ArrayLike,
    target: ArrayLike,
    *,
    delta: SupportsFloat = 1.0,
    sample_weight: ArrayLike | None = None,
    reduction: _Reduction = "mean",
    grad: Literal[True] | _Values,
    hess: Literal[True] | _Values,
    out: None = None,
) -> tuple[float, _Values, _Values]: ...
@overload
def huber_loss(
    pred: ArrayLike,
    target: ArrayLike,
    *,
    delta: SupportsFloat = 1.0,
    sample_weight: ArrayLike | None = None,
    reduction: Literal["none"],
    grad: _Off = False,
    hess: _Off = False,
    out: _Values | None = None,
) -> Any: ...
@overload
def huber_loss(
    pred: ArrayLike,
    target: ArrayLike,
    *,
    delta: SupportsFloat = 1.0,
    sample_weight: ArrayLike | None = None,
    reduction: Literal["none"],
    grad: Literal[True],
    hess: _Off = False,
    out: _Values | None = None,
) -> tuple[Any, _Values]: ...
@overload
def huber_loss(
    pred: ArrayLike,
    target: ArrayLike,
    *,
    delta: SupportsFloat = 1.0,
    sample_weight: ArrayLike | None = None,
    reduction: Literal["none"],
    grad: _Buffer,
    hess: _Off = False,
    out: _Values | None = None,
) -> tuple[Any, _Buffer]: ...
@overload
def huber_loss(
    pred: ArrayLike,
    target: ArrayLike,
    *,
    delta: SupportsFloat = 1.0,
    sample_weight: ArrayLike | None = None,
    reduction: Literal["none"],
    grad: _Off = False,
    hess: Literal[True] | _Values,
    out: _Values | None = None,
) -> tuple[Any, _Values]: ...
@overload
def huber_loss(
    pred: ArrayLike,
    target: ArrayLike,
    *,
    delta: SupportsFloat = 1.0,
    sample_weight: ArrayLike | None = None,
    reduction: Literal["none"],
    grad: Literal[True] | _Values,
    hess: Literal[True] | _Values,
    out: _Values | None = None,
) -> tuple[Any, _Values, _Values]: ...
@overload
def smooth_l1_loss(
    pred: ArrayLike,
    target: ArrayLike,
    *,
    beta: SupportsFloat = 1.0,
    sample_weight: ArrayLike | None = None,
    reduction: _Reduction = "mean",
    grad: _Off = False,
    hess: _Off = False,
    out: None = None,
) -> float: ...
@overload
def smooth_l1_loss(
    pred: ArrayLike,
    target: ArrayLike,
    *,
    beta: SupportsFloat = 1.0,
    sample_weight: ArrayLike | None = None,
    reduction: _Reduction = "mean",
    grad: Literal[True],
    hess: _Off = False,
    out: None = None,
) -> tuple[float, _Values]: ...
@overload
def smooth_l1_loss(
    pred: ArrayLike,
    target: ArrayLike,
    *,
    beta: SupportsFloat = 1.0,
    sample_weight: ArrayLike | None = None,
    reduction: _Reduction = "mean",
    grad: _Buffer,
    hess: _Off = False,
    out: None = None,
) -> tuple[float, _Buffer]: ...
@overload
def smooth_l1_loss(
    pred: ArrayLike,
    target: ArrayLike,
    *,
    beta: SupportsFloat = 1.0,
    sample_weight: ArrayLike | None = None,
    reduction: _Reduction = "mean",
    grad: _Off = False,
    hess: Literal[True] | _Values,
    out: None = None,
) -> tuple[float, _Values]: ...
@overload
def smooth_l1_loss(
    pred: ArrayLike,
    target: ArrayLike,
    *,
    beta: SupportsFloat = 1.0,
    sample_weight: ArrayLike | None = None,
    reduction: _Reduction = "mean",
    grad: Literal[True] | _Values,
    hess: Literal[True] | _Values,
    out: None = None,
) -> tuple[float, _Values, _Values]: ...
@overload
def smooth_l1_loss(
    pred: ArrayLike,
    target: ArrayLike,
    *,
    beta: SupportsFloat = 1.0,
    sample_weight: ArrayLike | None = None,
    reduction: Literal["none"],
    grad: _Off = False,
    hess: _Off = False,
    out: _Values | None = None,
) -> Any: ...
@overload
def smooth_l1_loss(
    pred: ArrayLike,
    target: ArrayLike,
    *,
    beta: SupportsFloat = 1.0,
    sample_weight: ArrayLike | None = None,
    reduction: Literal["none"],
    grad: Literal[True],
    hess: _Off = False,
    out: _Values | None = None,
) -> tuple[Any, _Values]: ...
@overload
def smooth_l1_loss(
    pred: ArrayLike,
    target: ArrayLike,
    *,
    beta: SupportsFloat = 1.0,
    sample_weight: ArrayLike | None = None,
    reduction: Literal["none"],
    grad: _Buffer,
    hess: _Off = False,
    out: _Values | None = None,
) -> tuple[Any, _Buffer]: ...
@overload
def smooth_l1_loss(
    pred: ArrayLike,
    target: ArrayLike,
    *,
    beta: SupportsFloat = 1.0,
    sample_weight: ArrayLike | None = None,
    reduction: Literal["none"],
    grad: _Off = False,
    hess: Literal[True] | _Values,
    out: _Values | None = None,
) -> tuple[Any, _Values]: ...
@overload
def smooth_l1_loss(
    pred: ArrayLike,
    target: ArrayLike,
    *,
    beta: SupportsFloat = 1.0,
    sample_weight: ArrayLike | None = None,
    reduction: Literal["none"],
    grad: Literal[True] | _Values,
    hess: Literal[True] | _Values,
    out: _Values | None = None,
) -> tuple[Any, _Values, _Values]: ...
@overload
def pseudo_huber_loss(
    pred: ArrayLike,
    target: ArrayLike,
    *,
    delta: SupportsFloat = 1.0,
    sample_weight: ArrayLike | None = None,
    reduction: _Reduction = "mean",
    grad: _Off = False,
    hess: _Off = False,
    out: None = None,
) -> float: ...
@overload
def pseudo_huber_loss(
    pred: ArrayLike,
    target: ArrayLike,
    *,
    delta: SupportsFloat = 1.0,
    sample_weight: ArrayLike | None = None,
    reduction: _Reduction = "mean",
    grad: Literal[True],
    hess: _Off = False,
    out: None = None,
) -> tuple[float, _Values]: ...
@overload
def pseudo_huber_loss(
    pred: ArrayLike,
    target: ArrayLike,
    *,
    delta: SupportsFloat = 1.0,
    sample_weight: ArrayLike | None = None,
    reduction: _Reduction = "mean",
    grad: _Buffer,
    hess: _Off = False,
    out: None = None,
) -> tuple[float, _Buffer]: ...
@overload
def pseudo_huber_loss(
    pred: ArrayLike,
    target: ArrayLike,
    *,
    delta: SupportsFloat = 1.0,
    sample_weight: ArrayLike | None = None,
    reduction: _Reduction = "mean",
    grad: _Off = False,
    hess: Literal[True] | _Values,
    out: None = None,
) -> tuple[float, _Values]: ...
@overload
def pseudo_huber_loss(
    pred: ArrayLike,
    target: ArrayLike,
    *,
    delta: SupportsFloat = 1.0,
    sample_weight: ArrayLike | None = None,
    reduction: _Reduction = "mean",
    grad: Literal[True] | _Values,
    hess: Literal[True] | _Values,
    out: None = None,
) -> tuple[float, _Values, _Values]: ...
@overload
def pseudo_huber_loss(
    pred: ArrayLike,
    target: ArrayLike,
    *,
    delta: SupportsFloat = 1.0,
    sample_weight: ArrayLike | None = None,
    reduction: Literal["none"],
    grad: _Off = False,
    hess: _Off = False,
    out: _Values | None = None,
) -> Any: ...
@overload
def pseudo_huber_loss(
    pred: ArrayLike,
    target: ArrayLike,
    *,
    delta: SupportsFloat = 1.0,
    sample_weight: ArrayLike | None = None,
    reduction: Literal["none"],
    grad: Literal[True],
    hess: _Off = False,
    out: _Values | None = None,
) -> tuple[Any, _Values]: ...
@overload
def pseudo_huber_loss(
    pred: ArrayLike,
    target: ArrayLike,
    *,
    delta: SupportsFloat = 1.0,
    sample_weight: ArrayLike | None = None,
    reduction: Literal["none"],
    grad: _Buffer,
    hess: _Off = False,
    out: _Values | None = None,
) -> tuple[Any, _Buffer]: ...
@overload
def pseudo_huber_loss(
    pred: ArrayLike,
    target: ArrayLike,
    *,
    delta: SupportsFloat = 1.0,
    sample_weight: ArrayLike | None = None,
    reduction: Literal["none"],
    grad: _Off = False,
    hess: Literal[True] | _Values,
    out: _Values | None = None,
) -> tuple[Any, _Values]: ...
@overload
def pseudo_huber_loss(
    pred: ArrayLike,
    target: ArrayLike,
    *,
    delta: SupportsFloat = 1.0,
    sample_weight: ArrayLike | None = None,
    reduction: Literal["none"],
    grad: Literal[True] | _Values,
    hess: Literal[True] | _Values,
    out: _Values | None = None,
) -> tuple[Any, _Values, _Values]: ...
@overload
def log_cosh_loss(
    pred: ArrayLike,
    target: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    reduction: _Reduction = "mean",
    grad: _Off = False,
    hess: _Off = False,
    out: None = None,
) -> float: ...
@overload
def log_cosh_loss(
    pred: ArrayLike,
    target: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    reduction: _Reduction = "mean",
    grad: Literal[True],
    hess: _Off = False,
    out: None = None,
) -> tuple[float, _Values]: ...
@overload
def log_cosh_loss(
    pred: ArrayLike,
    target: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    reduction: _Reduction = "mean",
    grad: _Buffer,
    hess: _Off = False,
    out: None = None,
) -> tuple[float, _Buffer]: ...
@overload
def log_cosh_loss(
    pred: ArrayLike,
    target: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    reduction: _Reduction = "mean",
    grad: _Off = False,
    hess: Literal[True] | _Values,
    out: None = None,
) -> tuple[float, _Values]: ...
@overload
def log_cosh_loss(
    pred: ArrayLike,
    target: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    reduction: _Reduction = "mean",
    grad: Literal[True] | _Values,
    hess: Literal[True] | _Values,
    out: None = None,
) -> tuple[float, _Values, _Values]: ...
@overload
def log_cosh_loss(
    pred: ArrayLike,
    target: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    reduction: Literal["none"],
    grad: _Off = False,
    hess: _Off = False,
    out: _Values | None = None,
) -> Any: ...
@overload
def log_cosh_loss(
    pred: ArrayLike,
    target: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    reduction: Literal["none"],
    grad: Literal[True],
    hess: _Off = False,
    out: _Values | None = None,
) -> tuple[Any, _Values]: ...
@overload
def log_cosh_loss(
    pred: ArrayLike,
    target: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    reduction: Literal["none"],
    grad: _Buffer,
    hess: _Off = False,
    out: _Values | None = None,
) -> tuple[Any, _Buffer]: ...
@overload
def log_cosh_loss(
    pred: ArrayLike,
    target: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    reduction: Literal["none"],
    grad: _Off = False,
    hess: Literal[True] | _Values,
    out: _Values | None = None,
) -> tuple[Any, _Values]: ...
@overload
def log_cosh_loss(
    pred: ArrayLike,
    target: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    reduction: Literal["none"],
    grad: Literal[True] | _Values,
    hess: Literal[True] | _Values,
    out: _Values | None = None,
) -> tuple[Any, _Values, _Values]: ...
@overload
def quantile_loss(
    pred: ArrayLike,
    target: ArrayLike,
    *,
    quantile: SupportsFloat = 0.5,
    sample_weight: ArrayLike | None = None,
    reduction: _Reduction = "mean",
    grad: _Off = False,
    hess: _Off = False,
    out: None = None,
) -> float: ...
@overload
def quantile_loss(
    pred: ArrayLike,
    target: ArrayLike,
    *,
    quantile: SupportsFloat = 0.5,
    sample_weight: ArrayLike | None = None,
    reduction: _Reduction = "mean",
    grad: Literal[True],
    hess: _Off = False,
    out: None = None,
) -> tuple[float, _Values]: ...
@overload
def quantile_loss(
    pred: ArrayLike,
    target: ArrayLike,
    *,
    quantile: SupportsFloat = 0.5,
    sample_weight: ArrayLike | None = None,
    reduction: _Reduction = "mean",
    grad: _Buffer,
    hess: _Off = False,
    out: None = None,
) -> tuple[float, _Buffer]: ...
@overload
def quantile_loss(
    pred: ArrayLike,
    target: ArrayLike,
    *,
    quantile: SupportsFloat = 0.5,
    sample_weight: ArrayLike | None = None,
    reduction: _Reduction = "mean",
    grad: _Off = False,
    hess: Literal[True] | _Values,
    out: None = None,
) -> tuple[float, _Values]: ...
@overload
def quantile_loss(
    pred: ArrayLike,
    target: ArrayLike,
    *,
    quantile: SupportsFloat = 0.5,
    sample_weight: ArrayLike | None = None,
    reduction: _Reduction = "mean",
    grad: Literal[True] | _Values,
    hess: Literal[True] | _Values,
    out: None = None,
) -> tuple[float, _Values, _Values]: ...
@overload
def quantile_loss(
    pred: ArrayLike,
    target: ArrayLike,
    *,
    quantile: SupportsFloat = 0.5,
    sample_weight: ArrayLike | None = None,
    reduction: Literal["none"],
    grad: _Off = False,
    hess: _Off = False,
    out: _Values | None = None,
) -> Any: ...
@overload
def quantile_loss(
    pred: ArrayLike,
    target: ArrayLike,
    *,
    quantile: SupportsFloat = 0.5,
    sample_weight: ArrayLike | None = None,
    reduction: Literal["none"],
    grad: Literal[True],
    hess: _Off = False,
    out: _Values | None = None,
) -> tuple[Any, _Values]: ...
@overload
def quantile_loss(
    pred: ArrayLike,
    target: ArrayLike,
    *,
    quantile: SupportsFloat = 0.5,
    sample_weight: ArrayLike | None = None,
    reduction: Literal["none"],
    grad: _Buffer,
    hess: _Off = False,
    out: _Values | None = None,
) -> tuple[Any, _Buffer]: ...
@overload
def quantile_loss(
    pred: ArrayLike,
    target: ArrayLike,
    *,
    quantile: SupportsFloat = 0.5,
    sample_weight: ArrayLike | None = None,
    reduction: Literal["none"],
    grad: _Off = False,
    hess: Literal[True] | _Values,
    out: _Values | None = None,
) -> tuple[Any, _Values]: ...
@overload
def quantile_loss(
    pred: ArrayLike,
    target: ArrayLike,
    *,
    quantile: SupportsFloat = 0.5,
    sample_weight: ArrayLike | None = None,
    reduction: Literal["none"],
    grad: Literal[True] | _Values,
    hess: Literal[True] | _Values,
    out: _Values | None = None,
) -> tuple[Any, _Values, _Values]: ...
@overload
def sigmoid_cross_entropy(
    logits: ArrayLike,
    target: ArrayLike,
    *,
    pos_weight: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    reduction: _Reduction = "mean",
    grad: _Off = False,
    hess: _Off = False,
    out: None = None,
) -> float: ...
@overload
def sigmoid_cross_entropy(
    logits: ArrayLike,
    target: ArrayLike,
    *,
    pos_weight: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    reduction: _Reduction = "mean",
    grad: Literal[True],
    hess: _Off = False,
    out: None = None,
) -> tuple[float, _Values]: ...
@overload
def sigmoid_cross_entropy(
    logits: ArrayLike,
    target: ArrayLike,
    *,
    pos_weight: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    reduction: _Reduction = "mean",
    grad: _Buffer,
    hess: _Off = False,
    out: None = None,
) -> tuple[float, _Buffer]: ...
@overload
def sigmoid_cross_entropy(
    logits: ArrayLike,
    target: ArrayLike,
    *,
    pos_weight: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    reduction: _Reduction = "mean",
    grad: _Off = False,
    hess: Literal[True] | _Values,
    out: None = None,
) -> tuple[float, _Values]: ...
@overload
def sigmoid_cross_entropy(
    logits: ArrayLike,
    target: ArrayLike,
    *,
    pos_weight: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    reduction: _Reduction = "mean",
    grad: Literal[True] | _Values,
    hess: Literal[True] | _Values,
    out: None = None,
) -> tuple[float, _Values, _Values]: ...
@overload
def sigmoid_cross_entropy(
    logits: ArrayLike,
    target: ArrayLike,
    *,
    pos_weight: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    reduction: Literal["none"],
    grad: _Off = False,
    hess: _Off = False,
    out: _Values | None = None,
) -> Any: ...
@overload
def sigmoid_cross_entropy(
    logits: ArrayLike,
    target: ArrayLike,
    *,
    pos_weight: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    reduction: Literal["none"],
    grad: Literal[True],
    hess: _Off = False,
    out: _Values | None = None,
) -> tuple[Any, _Values]: ...
@overload
def sigmoid_cross_entropy(
    logits: ArrayLike,
    target: ArrayLike,
    *,
    pos_weight: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    reduction: Literal["none"],
    grad: _Buffer,
    hess: _Off = False,
    out: _Values | None = None,
) -> tuple[Any, _Buffer]: ...
@overload
def sigmoid_cross_entropy(
    logits: ArrayLike,
    target: ArrayLike,
    *,
    pos_weight: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    reduction: Literal["none"],
    grad: _Off = False,
    hess: Literal[True] | _Values,
    out: _Values | None = None,
) -> tuple[Any, _Values]: ...
@overload
def sigmoid_cross_entropy(
    logits: ArrayLike,
    target: ArrayLike,
    *,
    pos_weight: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    reduction: Literal["none"],
    grad: Literal[True] | _Values,
    hess: Literal[True] | _Values,
    out: _Values | None = None,
) -> tuple[Any, _Values, _Values]: ...
