"""`python -m closs demo`: a classifier of handwritten digits, trained in plain numpy and closs.

One hidden layer, mini-batches, momentum; the gradient of the loss is written over the logits. Then the cost of the loss
step, value and gradient, in closs, in careful numpy, and in torch if that is installed.
"""

import argparse
import sys
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

import closs
from closs._tools import peers
from closs._tools.peers import Array, Contender
from closs._tools.timing import in_units, race

PICTURES = (".png", ".svg", ".pdf")
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


def draw(history: History, path: Path) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.8), layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
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
    for axes in (left, right):
        axes.grid(alpha=0.3)
    figure.savefig(path, dpi=120)


def print_costs(logits: Array, labels: Array) -> None:
    contenders: dict[str, Contender] = {"closs": peers.Closs(logits, labels, -1)}
    for name in (name for name in peers.installed_peers() if name in ("numpy", "torch")):
        contenders[name] = peers.PEERS[name](logits, labels, -1)
    times = race({name: contender.value_and_gradient for name, contender in contenders.items()}, rounds=9)
    print(f"loss step, value and gradient of {len(logits)} x {logits.shape[1]} float32 (medians, in turn):")
    for name, seconds in times.items():
        ratio = "" if name == "closs" else f"   {seconds / times['closs']:.1f} x the time of closs"
        print(f"  {name:8}{in_units(seconds):>10}{ratio}")


def run(options: argparse.Namespace) -> int:
    from sklearn.datasets import load_digits

    fault = None
    if options.epochs < 1:
        fault = f"--epochs must be at least 1, got {options.epochs}"
    elif not options.out.resolve().parent.is_dir():
        fault = f"there is no folder {options.out.resolve().parent} for the picture"
    elif options.out.suffix not in PICTURES:
        fault = f"--out must end in one of {', '.join(PICTURES)}, got {options.out}"
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
    draw(history, options.out)
    print(f"handwritten digits: {len(train_rows)} to train on, {len(test_rows)} to test on, {options.epochs} epochs")
    print(f"test accuracy {100 * history.test_accuracy[-1]:.1f} %, cross-entropy {history.test_loss[-1]:.4f} nats")
    print_costs(network.logits(x[train_rows][:BATCH]), labels[train_rows][:BATCH])
    print(f"curves saved to {options.out.resolve()}")
    return 0
