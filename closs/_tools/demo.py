"""`python -m closs demo`: a classifier and a robust regression, trained in plain numpy and closs.

Handwritten digits: one hidden layer, mini-batches, momentum; the gradient of the loss is written over the logits. Then
linear regression of diabetes by squared error, absolute error and Huber, a tenth of the training targets corrupted.
Last the cost of the loss step, value and gradient, in closs, in careful numpy, and in torch if that is installed.
"""

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

import closs
from closs._tools import files, peers
from closs._tools.timing import in_units, race
from closs._tools.workloads import GRADIENT, WORKLOADS, Array, Case, Inputs

HIDDEN, BATCH, RATE, MOMENTUM = 64, 32, 0.05, 0.9


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", type=Path, default=Path("closs-demo.png"), help="the picture (default: %(default)s)")
    parser.add_argument("--epochs", type=int, default=40, help="passes over the training set (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the split and the weights (default: %(default)s)")


@dataclass
class History:
    train_loss: list[float] = field(default_factory=list)
    test_loss: list[float] = field(default_factory=list)
    test_accuracy: list[float] = field(default_factory=list)


class Network:
    """logits = relu(x a + b) c + d, trained by stochastic gradient descent with momentum."""

    def __init__(self, inputs: int, classes: int, rng: np.random.Generator) -> None:
        self.weights = [
            (rng.standard_normal((inputs, HIDDEN)) * np.sqrt(2 / inputs)).astype(np.float32),
            np.zeros(HIDDEN, dtype=np.float32),
            (rng.standard_normal((HIDDEN, classes)) * np.sqrt(1 / HIDDEN)).astype(np.float32),
            np.zeros(classes, dtype=np.float32),
        ]
        self.velocities = [np.zeros_like(weight) for weight in self.weights]

    def hidden(self, x: Array) -> Array:
        return np.maximum(x @ self.weights[0] + self.weights[1], 0)

    def logits(self, x: Array) -> Array:
        return self.hidden(x) @ self.weights[2] + self.weights[3]

    def step(self, x: Array, labels: Array) -> float:
        hidden = self.hidden(x)
        logits = hidden @ self.weights[2] + self.weights[3]
        loss, slope = closs.softmax_cross_entropy(logits, labels, grad=logits)  # logits now hold the gradient
        hidden_slope = (slope @ self.weights[2].T) * (hidden > 0)
        gradients = [x.T @ hidden_slope, hidden_slope.sum(0), hidden.T @ slope, slope.sum(0)]
        for weight, velocity, gradient in zip(self.weights, self.velocities, gradients, strict=True):
            velocity *= MOMENTUM
            velocity -= RATE * gradient
            weight += velocity
        return loss


def train(
    network: Network,
    train_set: tuple[Array, Array],
    test_set: tuple[Array, Array],
    epochs: int,
    rng: np.random.Generator,
) -> History:
    from tqdm import tqdm

    history = History()
    for _ in tqdm(range(epochs), desc="training", unit="epoch", disable=not sys.stderr.isatty()):
        order = rng.permutation(len(train_set[0]))
        batches = np.split(order, range(BATCH, len(order), BATCH))
        losses = [network.step(train_set[0][rows], train_set[1][rows]) for rows in batches]
        logits = network.logits(test_set[0])
        history.train_loss.append(float(np.mean(losses)))
        history.test_loss.append(closs.softmax_cross_entropy(logits, test_set[1]))
        history.test_accuracy.append(float(np.mean(logits.argmax(axis=1) == test_set[1])))
    return history


# What the regressions are drawn and printed with, in the order of robustness.
FITS = {"squared error": ("#D55E00", "--"), "absolute error": ("#009E73", "-."), "Huber, delta 30": ("#0072B2", "-")}
CORRUPTED, STEPS = 0.1, 3000


@dataclass
class Regression:
    corrupted: int
    tested: int
    errors: dict[str, float]  # mean absolute error on the clean test part
    residuals: dict[str, Array]


def regress(rng: np.random.Generator) -> Regression:
    """Linear fits of scikit-learn's diabetes data, by gradient descent with momentum and a falling rate."""
    from sklearn.datasets import load_diabetes

    x, y = load_diabetes(return_X_y=True)
    x = np.column_stack([x / x.std(axis=0), np.ones(len(x))])
    order = rng.permutation(len(x))
    train, test = order[: len(x) * 3 // 4], order[len(x) * 3 // 4 :]
    targets = y[train].copy()
    spoiled = rng.choice(len(train), int(CORRUPTED * len(train)), replace=False)
    targets[spoiled] = 1000 + 200 * rng.standard_normal(len(spoiled))
    losses: dict[str, Callable[[Array], tuple[float, Array]]] = {
        "squared error": lambda p: closs.mse_loss(p, targets, grad=p),
        "absolute error": lambda p: closs.l1_loss(p, targets, grad=p),
        "Huber, delta 30": lambda p: closs.huber_loss(p, targets, delta=30.0, grad=p),
    }
    rates = {"squared error": 0.02, "absolute error": 20.0, "Huber, delta 30": 0.5}
    result = Regression(len(spoiled), len(test), {}, {})
    for name, loss in losses.items():
        weights, velocity = np.zeros(x.shape[1]), np.zeros(x.shape[1])
        weights[-1] = np.median(targets)
        for step in range(STEPS):
            _, slope = loss(x[train] @ weights)  # over the predictions
            velocity = MOMENTUM * velocity - rates[name] * (1 - step / STEPS) * (x[train].T @ slope)
            weights = weights + velocity
        result.residuals[name] = x[test] @ weights - y[test]
        result.errors[name] = closs.l1_loss(result.residuals[name], 0.0)
    return result


def draw(history: History, regression: Regression, path: Path) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13, 3.8), layout="constrained")
    FigureCanvasAgg(figure)
    left, right, third = figure.subplots(1, 3)
    epochs = np.arange(1, len(history.train_loss) + 1)
    # Blue and vermilion of Okabe and Ito's palette, which colour-blind readers tell apart; the dashes are for print.
    left.plot(epochs, history.train_loss, color="#0072B2", label="training batches")
    left.plot(epochs, history.test_loss, color="#D55E00", linestyle="--", label="test set")
    left.set(xlabel="epoch", ylabel="cross-entropy (nats)", title="Loss", yscale="log")
    left.legend()
    right.plot(epochs, 100 * np.asarray(history.test_accuracy), color="#D55E00", linestyle="--")
    right.axhline(96, color="0.6", linewidth=1)
    right.text(epochs[-1], 96, "96 %", color="0.4", ha="right", va="bottom")
    right.set(xlabel="epoch", ylabel="test accuracy (%)", title="Accuracy")
    for name, residuals in regression.residuals.items():
        colour, style = FITS[name]
        share = 100 * np.arange(1, len(residuals) + 1) / len(residuals)
        third.plot(np.sort(np.abs(residuals)), share, color=colour, linestyle=style,
                   label=f"{name}: mean {regression.errors[name]:.0f}")  # fmt: skip
    third.set(xlabel="absolute error on clean test data", ylabel="share of patients (%)",
              title=f"Regression, {100 * CORRUPTED:.0f} % of targets corrupted")  # fmt: skip
    third.legend(loc="lower right")
    for axes in (left, right, third):
        axes.grid(alpha=0.3)
    figure.savefig(path, dpi=120)


def print_costs(logits: Array, labels: Array) -> None:
    case = Case(WORKLOADS[0], "float32", logits.shape, -1, GRADIENT)
    inputs, calls = Inputs(logits, labels, {}), {}
    for name in ("closs", *(name for name in peers.installed_peers() if name in ("numpy", "torch"))):
        (calls[name], *_) = peers.prepare(name, case, inputs, closs.get_num_threads()).values()
    times = race(calls, rounds=9)
    print(f"loss step, value and gradient of {len(logits)} x {logits.shape[1]} float32 (medians, in turn):")
    for name, seconds in times.items():
        ratio = "" if name == "closs" else f"   {seconds / times['closs']:.1f} x the time of closs"
        print(f"  {name:8}{in_units(seconds):>10}{ratio}")


def run(options: argparse.Namespace) -> int:
    from sklearn.datasets import load_digits

    fault = files.fault_of(options.out, "--out", files.PICTURES)
    if options.epochs < 1:
        fault = f"--epochs must be at least 1, got {options.epochs}"
    if options.seed < 0:
        fault = f"--seed must be at least 0, got {options.seed}"
    if fault:
        print(f"closs demo: {fault}", file=sys.stderr)
        return 2
    rng = np.random.default_rng(options.seed)
    digits = load_digits()
    x, labels = (digits.data / 16).astype(np.float32), digits.target
    order = rng.permutation(len(x))
    train_rows, test_rows = order[: len(x) * 3 // 4], order[len(x) * 3 // 4 :]
    network = Network(x.shape[1], 10, rng)
    test_set = x[test_rows], labels[test_rows]
    history = train(network, (x[train_rows], labels[train_rows]), test_set, options.epochs, rng)
    regression = regress(rng)
    draw(history, regression, options.out)
    print(f"handwritten digits: {len(train_rows)} to train on, {len(test_rows)} to test on, {options.epochs} epochs")
    print(f"test accuracy {100 * history.test_accuracy[-1]:.1f} %, cross-entropy {history.test_loss[-1]:.4f} nats")
    logits = network.logits(test_set[0])
    probabilities = closs.softmax(logits)
    wrong = closs.zero_one_loss(logits, test_set[1], reduction="none") == 1
    entropy = closs.softmax_entropy(logits, base=2)
    shares = np.bincount(test_set[1], minlength=10) / len(test_rows)
    print(f"entropy of its predictions {entropy.mean():.3f} bits; {entropy[~wrong].mean():.3f} where it is right"
          + (f", {entropy[wrong].mean():.3f} where it is wrong" if wrong.any() else ""))  # fmt: skip
    divergence = closs.kl_divergence(shares, probabilities.mean(axis=0).astype(np.float64), base=2)
    print(f"KL of the digits' shares from its mean prediction {divergence:.5f} bits")
    print(f"diabetes, {regression.corrupted} targets corrupted; mean absolute error on {regression.tested} clean ones:")
    for name, error in regression.errors.items():
        print(f"  {name:16}{error:7.1f}")
    print_costs(network.logits(x[train_rows][:BATCH]), labels[train_rows][:BATCH])
    print(f"curves saved to {options.out.resolve()}")
    return 0
