"""A race as a picture: the ratio of every case, and its bytes per second under the ceilings of the machine."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from closs._tools import targets
from closs._tools.results import Report, Result

COLOURS = {"float32": "#0072B2", "float64": "#D55E00", "float16": "#009E73", "bfloat16": "#CC79A7"}
MARKERS = {"": "o", "reused": "s", "fresh": "D"}
LABELS = {"": "value alone", "reused": "result in a kept array", "fresh": "in a fresh array"}
LINES = {"read": "-", "copy": "--", "nt_copy": (0, (6, 2, 1, 2)), "triad": ":", "nt_triad": "-."}


def draw(report: Report, path: Path) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    workloads = list(dict.fromkeys(result.workload for result in report.results))
    figure = Figure(figsize=(15, 3 + 0.28 * max(len(workloads), 10)), layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    draw_ratios(left, report.raced(), workloads)
    draw_speeds(right, report)
    dtypes = [Line2D([], [], color=colour, linewidth=4, label=dtype) for dtype, colour in COLOURS.items()]
    kinds = [
        Line2D([], [], color="0.3", marker=MARKERS[buffers], linestyle="", label=LABELS[buffers]) for buffers in MARKERS
    ]
    handles = [*dtypes, *kinds, *right.get_legend_handles_labels()[0]]
    figure.legend(handles=handles, loc="outside lower center", ncols=6, fontsize="small")
    facts = report.facts
    figure.suptitle(f"closs {facts['closs']}, {facts['isa']}, threads: {facts['threads']}, {facts['cpu']}")
    figure.savefig(path, metadata={"Date": None} if path.suffix in (".svg", ".pdf") else None)


def groups(results: Iterable[Result]) -> dict[tuple[str, str], list[Result]]:
    """By dtype and kind of buffer: what shares a colour and a marker."""
    found: dict[tuple[str, str], list[Result]] = {}
    for result in results:
        found.setdefault((result.dtype, result.buffers), []).append(result)
    return found


def scatter(panel: Any, dtype: str, buffers: str, x: list[float], y: list[float]) -> None:
    panel.scatter(x, y, s=16, color=COLOURS[dtype], marker=MARKERS[buffers], alpha=0.6, linewidths=0)


def draw_ratios(panel: Any, raced: list[Result], workloads: list[str]) -> None:
    shift = dict(zip(COLOURS, (-0.27, -0.09, 0.09, 0.27), strict=True))
    for (dtype, buffers), results in groups(raced).items():
        heights = [workloads.index(result.workload) + shift[dtype] for result in results]
        scatter(panel, dtype, buffers, [result.ratio or 0.0 for result in results], heights)
    panel.axvline(1, color="0.3", linewidth=1)
    panel.axvspan(0, targets.BEHIND, color="0.9", zorder=0)
    panel.set(xscale="log", xlabel="time of the best peer / that of closs (grey: closs is behind)",
              yticks=range(len(workloads)), yticklabels=workloads, ylim=(len(workloads) - 0.5, -0.5))  # fmt: skip
    panel.grid(alpha=0.3)


def draw_speeds(panel: Any, report: Report) -> None:
    if report.ceilings is not None:
        for kind, speeds in report.ceilings.bytes_per_second.items():
            panel.plot(report.ceilings.sizes, [speed / 1e9 for speed in speeds], color="0.3", linestyle=LINES[kind],
                       linewidth=1, label=f"ceiling: {kind.replace('nt_', 'non-temporal ')}")  # fmt: skip
    for (dtype, buffers), results in groups(report.results).items():
        speed = [result.gigabytes_per_second for result in results]
        scatter(panel, dtype, buffers, [float(result.bytes) for result in results], speed)
    panel.set(xscale="log", yscale="log", xlabel="bytes that a case must read and write", ylabel="GB/s of closs")
    panel.grid(alpha=0.3)
