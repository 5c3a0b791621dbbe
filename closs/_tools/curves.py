"""`python -m closs curves`: value, gradient and curvature of the regression losses, and the measures of two classes.

Everything drawn is computed by closs. Colours are those of Okabe and Ito, which colour-blind readers tell apart; every
curve has a line style of its own as well.
"""

import argparse
import math
import sys
from collections.abc import Callable, Iterator
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np

import closs
from closs._tools import files
from closs._tools.workloads import Array

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
STYLES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (7, 2)))
WITH_DELTA = {"huber": "delta", "smooth_l1": "beta", "pseudo_huber": "delta"}
LOSSES = ("l1", "mse", "huber", "smooth_l1", "pseudo_huber", "log_cosh", "quantile")
LABELS = {"l1": "L1", "mse": "L2 (mse)", "huber": "Huber", "smooth_l1": "smooth L1", "pseudo_huber": "pseudo-Huber",
          "log_cosh": "log-cosh", "quantile": "quantile 0.5"}  # fmt: skip
DEFAULT = ("l1", "mse", "huber", "smooth_l1")
P = 0.3  # the first of two classes, in the pictures of measures


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", type=Path, default=Path("closs-curves.svg"), help="the picture (default: %(default)s)")
    parser.add_argument("--losses", nargs="+", choices=LOSSES, default=list(DEFAULT), metavar="LOSS",
                        help=f"of {', '.join(LOSSES)} (default: {' '.join(DEFAULT)})")  # fmt: skip
    parser.add_argument("--delta", nargs="+", type=float, default=[0.5, 1.0, 2.0], metavar="D",
                        help="thresholds of Huber and its relatives (default: 0.5 1 2)")  # fmt: skip


def variants(losses: list[str], deltas: list[float]) -> Iterator[tuple[str, Callable[..., Any], dict[str, float]]]:
    """Label, function and options of each curve."""
    for name in losses:
        function = getattr(closs, f"{name}_loss")
        label = LABELS[name]
        if name not in WITH_DELTA:
            yield label, function, {}
            continue
        for delta in deltas:
            # One and the same curve is drawn once.
            if name == "smooth_l1" and delta == 1 and "huber" in losses:
                continue
            if name == "huber" and delta == 1 and "smooth_l1" in losses:
                yield "Huber, delta 1 = smooth L1, beta 1", function, {"delta": 1.0}
                continue
            yield f"{label}, {WITH_DELTA[name]} {delta:g}", function, {WITH_DELTA[name]: delta}


def draw_losses(panels: list[Any], losses: list[str], deltas: list[float]) -> None:
    d = np.linspace(-3, 3, 1201)
    styles = cycle(zip(cycle(COLOURS), cycle(STYLES), strict=False))
    for label, function, options in variants(losses, deltas):
        colour, style = next(styles)
        results = function(d, 0.0, reduction="none", grad=True, hess=True, **options)
        for panel, result in zip(panels, results, strict=True):
            panel.plot(d, np.where(np.abs(result) > 1e3, np.nan, result), color=colour, linestyle=style, label=label)
    for panel, title, limits in zip(panels, ("value", "gradient", "curvature"),
                                    ((-0.1, 4.5), (-3.2, 3.2), (-0.1, 2.3)), strict=True):  # fmt: skip
        panel.set(title=title, xlabel="prediction - target", ylim=limits)


def draw_measures(panels: list[Any]) -> None:
    q = np.linspace(0, 1, 1001)
    second = np.stack([q, 1 - q], axis=-1)
    first = np.broadcast_to(np.array([P, 1 - P]), second.shape)
    curves: list[tuple[str, Array, Array]] = [("entropy H(q)", *along(closs.entropy(second, grad=True)))]
    for name, label in (
        ("cross_entropy", "cross-entropy H(p, q)"),
        ("kl_divergence", "KL(p || q)"),
        ("js_divergence", "JS(p, q)"),
    ):
        curves.append((label, *along(getattr(closs, name)(first, second, grad=True))))
    for (label, value, slope), colour, style in zip(curves, COLOURS, STYLES, strict=False):
        panels[0].plot(q, value, color=colour, linestyle=style, label=label)
        panels[1].plot(q, slope, color=colour, linestyle=style, label=label)
    panels[0].set(
        title=f"two classes, p = ({P:g}, {1 - P:g})", xlabel="q, the probability of the first", ylim=(-0.05, 2.5)
    )
    panels[1].set(title="derivative along q", xlabel="q, the probability of the first", ylim=(-6, 6))
    for panel in panels[:2]:
        panel.axvline(P, color="0.6", linewidth=1)
        panel.text(P, panel.get_ylim()[1], " q = p", color="0.4", va="top")
    bits = closs.entropy(second, base=2)
    panels[2].plot(q, bits, color=COLOURS[0], label="entropy")
    panels[2].plot(q, 2 * np.minimum(q, 1 - q), color=COLOURS[1], linestyle="--", label="2 x error of the best guess")
    panels[2].set(title="entropy in bits", xlabel="q, the probability of the first", ylim=(-0.02, 1.1))
    panels[2].legend(fontsize="small")


def along(result: tuple[Array, Array]) -> tuple[Array, Array]:
    """The value, and its derivative as q grows and 1 - q shrinks; where that is infinite, nothing is drawn."""
    value, gradient = result
    with np.errstate(invalid="ignore"):
        slope = gradient[:, 0] - gradient[:, 1]
    return np.where(np.isfinite(value), value, np.nan), np.where(np.isfinite(slope), slope, np.nan)


def run(options: argparse.Namespace) -> int:
    fault = files.fault_of(options.out, "--out", files.PICTURES)
    if not all(0 < delta < math.inf for delta in options.delta):
        fault = f"--delta must be finite and > 0, got {' '.join(map(str, options.delta))}"
    if fault:
        print(f"closs curves: {fault}", file=sys.stderr)
        return 2
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(15, 8), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(2, 3)
    draw_losses(list(panels[0]), options.losses, options.delta)
    draw_measures(list(panels[1]))
    for panel in panels.flat:
        panel.grid(alpha=0.3)
    figure.legend(*panels[0, 0].get_legend_handles_labels(), loc="outside right upper", title="regression losses")
    figure.legend(*panels[1, 0].get_legend_handles_labels(), loc="outside right lower", title="measures")
    figure.savefig(options.out, dpi=110)
    print(f"curves saved to {options.out.resolve()}")
    return 0
