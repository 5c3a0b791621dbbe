"""What tests share as data: what each function gives for special values, and what it refuses, with the reasons (ROWS of
softmax cross-entropy with labels, SPECIAL of all functions); sizes, dtypes of integers, names.

Values that are not exact are rounded, and compared to four digits or fewer; infinities, NaN and zeros exactly.
test_accuracy.py and test_budget.py ask for the other digits.
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
CLASSES = [
    1,
    2,
    3,
    10,
    15,
    16,
    17,
    31,
    32,
    33,
    63,
    64,
    65,
    100,
    127,
    128,
    129,
    130,
    160,
    161,
    192,
    193,
    288,
    289,
    511,
    512,
    513,
    544,
    1000,
]
LONG_CLASSES = [4095, 4096, 4097, 16383, 16384, 16385, 100_000]
INTEGER_DTYPES = ["i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", ">i2", ">i4", ">i8", ">u4", ">u8"]
# Public names that compute no loss.
NO_LOSSES = {"get_include", "get_library_dir", "get_num_threads", "set_num_threads", "show_config", "threads"}


class Case(NamedTuple):
    """One decision: the results of a function for one sample (of arrays along the class axis) or one element.

    `expected` are value, gradient and Hessian as far as the function has them; None is not looked at. `words` instead:
    the exception and a regular expression of its text.
    """

    function: str
    inputs: tuple
    options: dict
    expected: tuple
    why: str
    error: type | None = None
    words: str = ""


def case(function, *inputs, why, value=None, grad=None, hess=None, error=None, words="", **options):
    return Case(function, inputs, options, (value, grad, hess), why, error, words)


CE = "softmax_cross_entropy"
DL = "distillation_loss"
SE = "softmax_entropy"
SIG = "sigmoid_cross_entropy"
ONE_HOT = {0: [1, 0, 0], 1: [0, 1, 0], 2: [0, 0, 1]}
P3 = [0.25, 0.5, 0.25]
Z3 = [0, 0, 0]
NONE3 = [0, 0, 0]

# A one-hot row of probabilities gives what its label gives.
SPECIAL = [
    case(CE, row.logits, ONE_HOT[row.label][: len(row.logits)], value=row.loss, grad=row.gradient, why=f"one-hot: {row.why}")
    for row in ROWS
] + [
    # Cross-entropy of targets, smoothing, weights
    case(CE, Z3, P3, value=1.0986, grad=[0.08333, -0.16667, 0.08333], hess=[0.22222] * 3, why="probabilities"),
    case(CE, Z3, [0.5, 1, 0.5], value=2.1972, grad=[0.16667, -0.33333, 0.16667], hess=[0.44444] * 3,
         why="targets that sum to 2: linear"),
    case(CE, Z3, NONE3, value=0, grad=NONE3, hess=NONE3, why="targets all 0: absent, +0"),
    case(CE, [1, nan, 2], NONE3, value=0, grad=NONE3, hess=NONE3, why="targets all 0 hide NaN"),
    case(CE, Z3, [-0.25, 1, 0.25], value=1.0986, grad=[0.58333, -0.66667, 0.08333], why="a negative target is linear"),
    case(CE, Z3, [nan, 0.5, 0.5], value=nan, grad=NAN3, hess=NAN3, why="NaN target"),
    case(CE, Z3, [inf, 0, 0], value=inf, grad=[nan, inf, inf], why="infinite target: IEEE of the formula"),
    case(CE, [1, -inf, 2], [0.5, 0, 0.5], value=0.8133, grad=[-0.2311, 0, 0.2311], why="a target of 0 removes the term of -inf"),
    case(CE, [1, -inf, 2], [0.5, 0.25, 0.25], value=inf, grad=[-0.2311, -0.25, 0.4811], why="a target on -inf costs inf"),
    case(CE, [1, nan, 2], [0.5, 0, 0.5], value=nan, grad=NAN3, hess=NAN3, why="NaN under a target of 0 still propagates"),
    case(CE, [1, -inf, 2], 0, label_smoothing=0.25, value=inf, grad=[-0.56439, -0.08333, 0.64773], why="smoothing puts a share on -inf"),
    case(CE, [1, -inf, 2], 0, label_smoothing=0.25, class_weight=[1, 0, 1], value=1.1205,
         grad=[-0.5868, 0, 0.5868], why="a class weight of 0 takes that share away"),
    case(CE, [0] * 4, 1, label_smoothing=1, value=1.3863, grad=[0] * 4, why="smoothing 1: the uniform distribution"),
    case(CE, Z3, 0, label_smoothing=0.25, class_weight=[0, 1, 1], value=0.1831, grad=[0.05556, -0.02778, -0.02778],
         why="with smoothing a class weight of 0 at the label does not make the row absent"),
    case(CE, [5], 0, label_smoothing=0.25, value=0, grad=[0], hess=[0], why="one class, smoothed"),
    case(CE, Z3, P3, class_weight=[1, 2, 4], value=2.4719, grad=[0.5, -0.25, -0.25], why="class weights multiply targets"),
    case(CE, Z3, 1, value=1.0986, grad=[0.33333, -0.66667, 0.33333], hess=[0.22222] * 3, why="Hessian p (1 - p)"),
    case(CE, [40, 0, 0], 0, value=8.4967e-18, grad=[-8.4967e-18, 4.2484e-18, 4.2484e-18],
         hess=[8.4967e-18, 4.2484e-18, 4.2484e-18], why="a certain row: 1 - p from the complement"),
    case(CE, [1, -inf, 2], 0, value=1.3133, grad=[-0.7311, 0, 0.7311], hess=[0.1966, 0, 0.1966], why="Hessian 0 at -inf"),
    case(CE, [1, inf, 2], 0, value=nan, grad=NAN3, hess=NAN3, why="Hessian of +inf"),
    case(CE, Z3, 0, class_weight=[0, 1, 1], value=0, grad=NONE3, hess=NONE3, why="class weight 0 at the label: absent"),
    case(CE, [nan, 1, 1], 0, sample_weight=0, value=0, grad=NONE3, hess=NONE3, why="sample weight 0 hides NaN"),
    case(CE, [inf, 1, 1], 7, ignore_index=7, value=0, grad=NONE3, hess=NONE3, why="an ignored row hides +inf"),
    case(CE, [3e38, 0, -3e38], [1, 0, 0], value=0, grad=NONE3, why="torch and optax: NaN for finite logits"),
    # logsumexp, softmax and log_softmax
    case("logsumexp", [-inf, -inf], value=-inf, why="all -inf"),
    case("logsumexp", [1, inf], value=inf, why="+inf"),
    case("logsumexp", [nan, inf], value=nan, why="NaN beside +inf"),
    case("logsumexp", [0, -18], value=1.523e-8, why="next to 0: torch and jax give 0"),
    case("logsumexp", [1000, 1000], value=1000.6931, why="no overflow"),
    case("softmax", [-inf, -inf], value=[nan, nan], why="all -inf"),
    case("softmax", [1, inf], value=[nan, nan], why="+inf: the whole row"),
    case("softmax", [1, nan, 1], value=NAN3, why="NaN"),
    case("softmax", [-inf, 0, 0], value=[0, 0.5, 0.5], why="a masked class"),
    case("softmax", [3e38, 3e38], value=[0.5, 0.5], why="at the edge of the range"),
    case("log_softmax", [-inf, -inf], value=[nan, nan], why="all -inf"),
    case("log_softmax", [1, inf], value=[nan, nan], why="+inf: the whole row"),
    case("log_softmax", [0, -18], value=[-1.523e-8, -18], why="next to 0: all peers give 0"),
    case("log_softmax", [-inf, 0, 0], value=[-inf, -0.6931, -0.6931], why="a masked class"),
    # Entropy of softmax
    case(SE, [0, -inf], value=0, grad=[0, 0], why="one class left"),
    case(SE, [0, 0, -inf], value=0.6931, grad=NONE3, why="two classes left: naive formulas give NaN"),
    case(SE, [0, -800], value=0, grad=[0, 0], why="underflow"),
    case(SE, [1e30, -1e30], value=0, grad=[0, 0], why="a huge gap"),
    case(SE, [3e38, 3e38, 0], value=0.6931, grad=NONE3, why="torch: -0 and a gradient of .5"),
    case(SE, [3e38, -3e38], value=0, grad=[0, 0], why="a gap beyond float32"),
    case(SE, [-inf, -inf], value=nan, grad=[nan, nan], why="no distribution"),
    case(SE, [inf, inf], value=nan, grad=[nan, nan], why="+inf twice"),
    case(SE, [inf, 0], value=nan, grad=[nan, nan], why="+inf"),
    case(SE, [nan, 0], value=nan, grad=[nan, nan], why="NaN"),
    case(SE, [16, 0], value=1.9131e-06, grad=[-1.8005e-06, 1.8005e-06], why="confident: peers lose 1e-2"),
    case(SE, [40, 0], value=1.7418e-16, grad=[-1.6993e-16, 1.6993e-16], why="confident: peers give gradient 0"),
    case(SE, [0, 0, 0, 0, -inf], base=2, value=2, grad=[0] * 5, why="bits, exactly"),
    case(SE, [nan, 0], sample_weight=0, value=0, grad=[0, 0], why="weight 0 hides NaN"),
    # Distillation
    case(DL, [1, 2, 4], [1, 2, 4], value=0, grad=NONE3, why="equal: exactly 0"),
    case(DL, [0, 1, 0], Z3, value=0.1195, grad=[-0.12139, 0.24278, -0.12139], why="against the uniform distribution"),
    case(DL, [0, -inf], [0, -inf], value=0, grad=[0, 0], why="masked on both sides"),
    case(DL, [0, 0], [0, -inf], value=0.6931, grad=[-0.5, 0.5], why="masked in the target: no share"),
    case(DL, [0, -inf], [0, 0], value=inf, grad=[0.5, -0.5], why="masked in the logits alone: inf, finite gradient"),
    case(DL, [inf, 0], [0, 0], value=nan, grad=[nan, nan], why="+inf"),
    case(DL, [0, 0], [inf, 0], value=nan, grad=[nan, nan], why="+inf in the target"),
    case(DL, [-inf, -inf], [0, 0], value=nan, grad=[nan, nan], why="all -inf"),
    case(DL, [0, 0], [-inf, -inf], value=nan, grad=[nan, nan], why="all -inf in the target"),
    case(DL, [0, 0], [nan, 0], value=nan, grad=[nan, nan], why="NaN in the target"),
    case(DL, [nan, 0], [0, 0], sample_weight=0, value=0, grad=[0, 0], why="weight 0 hides NaN"),
    # Sigmoid cross-entropy, one element
    case(SIG, inf, 1, value=0, grad=0, hess=0, why="certain and right"),
    case(SIG, inf, 0, value=inf, grad=1, hess=0, why="certain and wrong"),
    case(SIG, inf, 0.25, value=inf, grad=0.75, hess=0, why="certain, a target between"),
    case(SIG, -inf, 0, value=0, grad=0, hess=0, why="mirrored"),
    case(SIG, -inf, 1, value=inf, grad=-1, hess=0, why="mirrored, wrong"),
    case(SIG, -inf, 0.25, value=inf, grad=-0.25, hess=0, why="mirrored, between"),
    case(SIG, inf, 1, pos_weight=3, value=0, grad=0, hess=0, why="with a positive weight"),
    case(SIG, -inf, 1, pos_weight=3, value=inf, grad=-3, hess=0, why="with a positive weight, wrong"),
    case(SIG, 0, 1, pos_weight=3, value=2.0794, grad=-1.5, hess=0.75, why="positive weight"),
    case(SIG, nan, 1, value=nan, grad=nan, hess=nan, why="NaN"),
    case(SIG, nan, 1, pos_weight=0, value=nan, grad=nan, hess=nan, why="NaN with every factor 0"),
    case(SIG, 0, 2, value=0.6931, grad=-1.5, hess=0.25, why="targets beyond [0, 1]: linear"),
    case(SIG, 10000, 0, value=10000, grad=1, hess=0, why="no overflow"),
    case(SIG, -10000, 0, value=0, grad=0, hess=0, why="no overflow, right"),
    case(SIG, 1e300, 0, value=1e300, grad=1, hess=0, why="huge"),
    case(SIG, nan, 0, sample_weight=0, value=0, grad=0, hess=0, why="weight 0 hides NaN"),
    # Entropy
    case("entropy", [1, 0], value=0, grad=[-1, inf], why="certain"),
    case("entropy", [0, 0], value=0, grad=[inf, inf], why="all zero"),
    case("entropy", [0.5, 0.25], value=0.6931, grad=[-0.30685, 0.38629], why="not normalised"),
    case("entropy", [-1, 0.5], value=nan, grad=[nan, -0.30685], why="a negative number"),
    case("entropy", [nan, 0.5], value=nan, grad=[nan, -0.30685], why="NaN"),
    case("entropy", [inf, 0.5], value=-inf, grad=[-inf, -0.30685], why="+inf"),
    case("entropy", [1e-310, 1], value=7.138e-308, grad=[712.8, -1], why="subnormal"),
    case("entropy", [], value=0, grad=[], why="of nothing"),
    case("entropy", [0.125] * 8, base=2, value=3, grad=[1.5573] * 8, why="bits, exactly"),
    case("entropy", [0.5, 0.5], base=0.5, value=-1, grad=[0.4427] * 2, why="a base below 1"),
    case("entropy", [nan, 1], sample_weight=0, value=0, grad=[0, 0], why="weight 0 hides NaN"),
    # KL, cross-entropy, JS: zeros in p, in q and in both, in value and both gradients
    *(case(name, p, q, wrt=wrt, value=value, grad=grad, why=f"{why}, in {wrt}")
      for name, p, q, value, in_p, in_q, why in [
          ("kl_divergence", [1, 0], [0.5, 0.5], 0.6931, [1.6931, -inf], [-2, 0], "0 in p"),
          ("kl_divergence", [0.5, 0.5], [1, 0], inf, [0.30685, inf], [-0.5, -inf], "0 in q"),
          ("kl_divergence", [1, 0], [1, 0], 0, [1, 0], [-1, 0], "0 in both"),
          ("kl_divergence", [1, 0], [0, 1], inf, [inf, -inf], [-inf, 0], "disjoint"),
          ("kl_divergence", [0, 0], [0, 0], 0, [0, 0], [0, 0], "nothing"),
          ("kl_divergence", [-0.5, 1], [0.5, 0.5], nan, [nan, 1.6931], [nan, -2], "p < 0"),
          ("kl_divergence", [0, 1], [-0.5, 1], nan, [nan, 1], [nan, -1], "q < 0 under p = 0"),
          ("kl_divergence", [0, 1], [nan, 1], nan, [nan, 1], [nan, -1], "NaN under p = 0"),
          ("kl_divergence", [inf, 1], [1, 1], inf, [inf, 1], [-inf, -1], "p = inf"),
          ("kl_divergence", [1, 1], [inf, 1], -inf, [-inf, 1], [0, -1], "q = inf"),
          ("kl_divergence", [inf, 1], [inf, 1], nan, [nan, 1], [nan, -1], "both inf"),
          ("kl_divergence", [0.5, 0.5], [5e-324, 1], 371.53, [744.75, 0.30685], [-inf, -0.5], "p / q overflows"),
          ("kl_divergence", [1e-310, 1], [1e-310, 1], 0, [1, 1], [-1, -1], "subnormal and equal"),
          ("kl_divergence", [2, 2], [1, 3], 0.57536, [1.6931, 0.59453], [-2, -0.66667], "not normalised"),
          ("cross_entropy", [1, 0], [0.5, 0.5], 0.6931, [0.6931, 0.6931], [-2, 0], "0 in p"),
          ("cross_entropy", [0.5, 0.5], [1, 0], inf, [0, inf], [-0.5, -inf], "0 in q"),
          ("cross_entropy", [1, 0], [1, 0], 0, [0, 0], [-1, 0], "0 in both"),
          ("cross_entropy", [1, 0], [0, 1], inf, [inf, 0], [-inf, 0], "disjoint"),
          ("cross_entropy", [0, 1], [nan, 1], nan, [nan, 0], [nan, -1], "NaN under p = 0"),
          ("js_divergence", [1, 0], [0, 1], 0.6931, [0.34657, -inf], [-inf, 0.34657], "disjoint"),
          ("js_divergence", [1, 0], [0.5, 0.5], 0.21576, [0.14384, -inf], [-0.20273, 0.34657], "0 in p"),
          ("js_divergence", [1, 0], [1, 0], 0, [0, 0], [0, 0], "equal"),
          ("js_divergence", [0, 0], [0, 0], 0, [0, 0], [0, 0], "nothing"),
          ("js_divergence", [nan, 0], [0.5, 0.5], nan, [nan, -inf], [nan, 0.34657], "NaN"),
          ("js_divergence", [-1, 1], [0.5, 0.5], nan, [nan, 0.14384], [nan, -0.20273], "p < 0"),
          ("js_divergence", [0.5, 0.5], [5e-324, 1], 0.21576, [0.34657, -0.20273], [-371.53, 0.14384], "q / p underflows"),
      ] for wrt, grad in (("p", in_p), ("q", in_q))),
    # Regression, one element
    *(case(name, pred, target, value=value, grad=grad, hess=hess, why=why, **options)
      for name, options, pred, target, value, grad, hess, why in [
          ("l1_loss", {}, 1, 1, 0, 0, 0, "d = 0: the subgradient of least norm"),
          ("l1_loss", {}, -0.0, 0.0, 0, 0, 0, "d = -0"),
          ("l1_loss", {}, nan, 0, nan, nan, nan, "NaN: peers give a slope"),
          ("l1_loss", {}, inf, 0, inf, 1, 0, "d = inf"),
          ("l1_loss", {}, inf, inf, nan, nan, nan, "inf - inf"),
          ("l1_loss", {}, 3e38, -3e38, 6e38, 1, 0, "beyond float32"),
          ("mse_loss", {}, 3, 1, 4, 4, 2, "d^2, not halved"),
          ("mse_loss", {}, -inf, 0, inf, -inf, 2, "d = -inf"),
          ("mse_loss", {}, nan, 0, nan, nan, nan, "NaN"),
          ("huber_loss", {"delta": 2}, 2, 0, 2, 2, 1, "|d| = delta is quadratic"),
          ("huber_loss", {"delta": 2}, -3, 0, 4, -2, 0, "linear"),
          ("huber_loss", {}, nan, 0, nan, nan, nan, "NaN"),
          ("huber_loss", {}, inf, 0, inf, 1, 0, "d = inf"),
          ("huber_loss", {}, inf, inf, nan, nan, nan, "inf - inf"),
          ("huber_loss", {"delta": inf}, -inf, 0, inf, -inf, 1, "delta = inf at d = -inf"),
          ("huber_loss", {"delta": inf}, 3, 0, 4.5, 3, 1, "delta = inf"),
          ("huber_loss", {"delta": 1e7}, 0.5, 0, 0.125, 0.5, 1, "a large delta keeps the gradient: optax gives 0"),
          ("huber_loss", {"delta": 1e-50}, inf, 0, inf, 1e-50, 0, "delta below float32 at d = inf"),
          ("huber_loss", {"delta": 1e-50}, 0, 0, 0, 0, 1, "delta below float32 at d = 0"),
          ("huber_loss", {"delta": 2e-45}, 1e38, 0, 2e-7, 2e-45, 0, "delta of which float32 holds no digit"),
          ("huber_loss", {"delta": 1e300}, inf, 0, inf, None, 0, "delta beyond float32 at d = inf"),
          ("huber_loss", {"delta": 1e300}, 3, 0, 4.5, 3, 1, "delta beyond float32"),
          ("smooth_l1_loss", {"beta": 2}, 2, 0, 1, 1, 0.5, "|d| = beta is quadratic"),
          ("smooth_l1_loss", {"beta": 2}, -3, 0, 2, -1, 0, "linear"),
          ("smooth_l1_loss", {"beta": 0}, -3, 0, 3, -1, 0, "beta = 0 is L1"),
          ("smooth_l1_loss", {"beta": 0}, 0, 0, 0, 0, 0, "beta = 0 at d = 0"),
          ("smooth_l1_loss", {"beta": 0}, nan, 0, nan, nan, nan, "beta = 0, NaN"),
          ("smooth_l1_loss", {"beta": 1e40}, 1e30, 0, 5e19, 1e-10, 1e-40, "beta beyond float32"),
          ("smooth_l1_loss", {"beta": 1e300}, inf, 0, inf, 1, 0, "beta beyond float32 at d = inf"),
          ("pseudo_huber_loss", {"delta": 2}, inf, 0, inf, 2, 0, "d = inf"),
          ("pseudo_huber_loss", {"delta": 2}, -inf, 0, inf, -2, 0, "d = -inf"),
          ("pseudo_huber_loss", {"delta": 2}, 1e30, 0, 2e30, 2, None, "no overflow of d^2"),
          ("pseudo_huber_loss", {"delta": inf}, 3, 0, 4.5, 3, 1, "delta = inf"),
          ("pseudo_huber_loss", {"delta": inf}, inf, 0, inf, inf, 1, "delta = inf at d = inf"),
          ("pseudo_huber_loss", {"delta": 1e-50}, inf, 0, inf, 1e-50, 0, "delta below float32 at d = inf"),
          ("pseudo_huber_loss", {"delta": 1e-50}, 0, 0, 0, 0, 1, "delta below float32 at d = 0"),
          ("pseudo_huber_loss", {"delta": 1e300}, 3, 0, 4.5, 3, 1, "delta beyond float32"),
          ("pseudo_huber_loss", {}, nan, 0, nan, nan, nan, "NaN"),
          ("log_cosh_loss", {}, inf, 0, inf, 1, 0, "d = inf"),
          ("log_cosh_loss", {}, -1000, 0, 999.3069, -1, 0, "far away"),
          ("log_cosh_loss", {}, 1e-10, 0, 5e-21, 1e-10, 1, "d^2 / 2 near 0"),
          ("log_cosh_loss", {}, nan, 0, nan, nan, nan, "NaN"),
          ("quantile_loss", {"quantile": 0.25}, 2, 0, 1.5, 0.75, 0, "above"),
          ("quantile_loss", {"quantile": 0.25}, -2, 0, 0.5, -0.25, 0, "below"),
          ("quantile_loss", {"quantile": 0.25}, 0, 0, 0, 0, 0, "d = 0"),
          ("quantile_loss", {"quantile": 0}, -inf, 0, 0, 0, 0, "0 inf on the free side"),
          ("quantile_loss", {"quantile": 1}, inf, 0, 0, 0, 0, "0 inf on the other free side"),
          ("quantile_loss", {"quantile": 1}, -inf, 0, inf, -1, 0, "inf on the side that costs"),
          ("quantile_loss", {}, nan, 0, nan, nan, nan, "NaN"),
          ("mse_loss", {"sample_weight": 0}, inf, 0, 0, 0, 0, "weight 0 hides inf: torch gives NaN"),
      ]),
    # Zero-one loss of scores
    *(case("zero_one_loss", scores, label, value=value, why=why, **options)
      for scores, label, value, why, options in [
          ([1, 1, 0], 0, 0, "a tie: the first is predicted", {}),
          ([1, 1, 0], 1, 1, "a tie: no other is", {}),
          ([0, nan, 2], 2, 1, "NaN beside the largest: nothing is predicted", {}),
          ([0, nan, 2], 1, 1, "NaN at the label, where numpy predicts it", {}),
          ([-inf, -inf], 0, 1, "all -inf: nothing is predicted", {}),
          ([0, 1, inf], 2, 0, "+inf is the largest", {}),
          ([nan, 0], 0, 0, "weight 0 hides NaN", {"sample_weight": 0}),
      ]),
    case("zero_one_loss", Z3, 3, error=IndexError, words="label 3 is out of bounds for 3 classes", why="label"),
    # Exceptions of parameters and shapes
    case("entropy", [0.5, 0.5], base=1, error=ValueError, words="base must be a positive number other than 1", why="base 1"),
    case("kl_divergence", [0.5, 0.5], [1, 0, 0], error=ValueError, words=r"shapes \(2,\) and \(3,\) differ", why="shapes"),
    case("kl_divergence", [0.5, 0.5], [1, 0], wrt="r", error=ValueError, words="wrt must be 'p' or 'q', got 'r'", why="wrt"),
    case("huber_loss", 0, 0, delta=0.0, error=ValueError, words="delta must be > 0, got 0.0", why="delta 0"),
    case("huber_loss", 0, 0, delta=-1, error=ValueError, words="delta must be > 0, got -1", why="delta < 0"),
    case("huber_loss", 0, 0, delta=nan, error=ValueError, words="delta must be > 0, got nan", why="delta NaN"),
    case("huber_loss", 0, 0, delta="1", error=TypeError, words="delta must be a number, got str", why="delta text"),
    case("pseudo_huber_loss", 0, 0, delta=0, error=ValueError, words="delta must be > 0, got 0", why="delta 0"),
    case("smooth_l1_loss", 0, 0, beta=-1, error=ValueError, words="beta must be finite and >= 0, got -1", why="beta < 0"),
    case("smooth_l1_loss", 0, 0, beta=inf, error=ValueError, words="beta must be finite and >= 0, got inf", why="beta inf"),
    case("smooth_l1_loss", 0, 0, beta=nan, error=ValueError, words="beta must be finite and >= 0, got nan", why="beta NaN"),
    case("quantile_loss", 0, 0, quantile=1.5, error=ValueError, words=r"quantile must be in \[0, 1\], got 1.5", why="> 1"),
    case("mse_loss", [1, 2, 3], [1, 2], error=ValueError, words=r"pred and target must have one shape \(target may be a scalar\): shapes \(3,\) and \(2,\) differ", why="shapes"),
    case(CE, Z3, P3, ignore_index=0, error=ValueError, words="ignore_index needs integer labels", why="nothing to ignore"),
    case(CE, Z3, 0, label_smoothing=-0.1, error=ValueError, words=r"label_smoothing must be in \[0, 1\], got -0.1", why="< 0"),
    case(CE, Z3, 0, label_smoothing=1.1, error=ValueError, words=r"label_smoothing must be in \[0, 1\], got 1.1", why="> 1"),
    case(CE, Z3, 0, label_smoothing=nan, error=ValueError, words=r"label_smoothing must be in \[0, 1\], got nan", why="NaN"),
    case(CE, Z3, 0, label_smoothing="a", error=TypeError, words="label_smoothing must be a number, got str", why="text"),
    case(CE, Z3, 0, label_smoothing=True, error=TypeError, words="label_smoothing must be a number, got bool", why="bool"),
    case(CE, Z3, [0.5, 0.5], error=ValueError, words=r"target has shape .*, expected .*: class probabilities", why="shapes"),
    case(CE, [], [], error=ValueError, words="logits must have at least one class, got shape", why="softmax of nothing"),
    case(SE, [], error=ValueError, words="logits must have at least one class, got shape", why="softmax of nothing"),
    case(DL, [], [], error=ValueError, words="logits must have at least one class, got shape", why="softmax of nothing"),
    case(SE, Z3, base=1, error=ValueError, words="base must be a positive number other than 1, got 1", why="base 1"),
    case(SE, Z3, base=0, error=ValueError, words="base must be a positive number other than 1, got 0", why="base 0"),
    case(SE, Z3, base=-2.0, error=ValueError, words="base must be a positive number other than 1, got -2.0", why="base < 0"),
    case(SE, Z3, base=nan, error=ValueError, words="base must be a positive number other than 1, got nan", why="base NaN"),
    case(SE, Z3, base=inf, error=ValueError, words="base must be a positive number other than 1, got inf", why="base inf"),
    case(SE, Z3, base="e", error=TypeError, words="base must be a number, got str", why="base text"),
    case(DL, Z3, Z3, temperature=0, error=ValueError, words="temperature must be finite and > 0, got 0", why="temperature 0"),
    case(DL, Z3, Z3, temperature=nan, error=ValueError, words="temperature must be finite and > 0, got nan", why="NaN"),
    case(DL, Z3, Z3, temperature=inf, error=ValueError, words="temperature must be finite and > 0, got inf", why="inf"),
    case(DL, Z3, [0, 0], error=ValueError, words="logits and target_logits must have one shape: shapes", why="shapes"),
    case(DL, 0, 0, error=ValueError, words=r"logits must have at least 1 dimension, got shape \(\)", why="no axis"),
    case(SIG, [0, 0], [0], error=ValueError, words=r"logits and target must have one shape \(target may be a scalar\): shapes", why="shapes"),
    case(DL, Z3, Z3, sample_weight=nan, error=ValueError, words="sample_weight must be finite, got nan$", why="weight"),
    case(SIG, 0, 0, pos_weight=-1, error=ValueError, words="pos_weight must be finite and >= 0, got -1.0$", why="pos_weight < 0"),
    case(SIG, 0, 0, pos_weight=inf, error=ValueError, words="pos_weight must be finite and >= 0, got inf$", why="pos_weight inf"),
    case(SIG, [[0, 0]], 0, pos_weight=[1, nan], error=ValueError, words="pos_weight .*, got nan at index 1$", why="pos_weight NaN"),
    case(SIG, 0, 0, pos_weight=[[1]], error=ValueError, words="pos_weight has shape .*, expected a scalar or", why="pos_weight 2-D"),
    case(SIG, 0, 0, sample_weight=inf, error=ValueError, words="sample_weight must be finite, got inf$", why="weight"),
    case(SIG, [0, 0], 0, sample_weight=[0, nan], error=ValueError, words="sample_weight must be finite, got nan at row 1$", why="weight"),
]  # fmt: skip
