"""`python -m closs bench`: the functions of closs and of whatever peers are installed, in turn in one process.

Every case is checked once, each peer against closs, and then timed in rounds: all contenders one after the other, in
an order that changes, each long enough to be measured; medians are compared. A ratio is the peer's time over that of
closs. What the machine allows is measured in the same run.
"""

import argparse
import importlib.metadata
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import groupby
from pathlib import Path
from typing import Any

import closs
import closs._core as _core
from closs._tools import ceilings, files, peers, tables, targets
from closs._tools.results import Report, Result, compare, make_results
from closs._tools.timing import timings
from closs._tools.workloads import Case, Inputs, cases, random_cases

QUICK_ROUNDS, QUICK_SECONDS, SECONDS = 3, 2e-4, 2e-3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--only",
        action="append",
        metavar="TEXT",
        help="cases whose name, between spaces, contains TEXT; may be repeated",
    )
    parser.add_argument("--targets", action="store_true", help="only the cases that have a target of their own")
    parser.add_argument("--random", type=int, metavar="N", help="N cases of random shapes in place of those listed")
    parser.add_argument("--seed", type=int, default=0, help="of the random cases (default: %(default)s)")
    parser.add_argument("--peers", metavar="A,B", help=f"of {', '.join(peers.PACKAGES)} (default: all installed)")
    parser.add_argument("--rounds", type=int, default=7, help="timings of each contender (default: %(default)s)")
    parser.add_argument("--threads", type=int, help="threads of closs and of every peer that has more than one")
    parser.add_argument("--isa", choices=_core.available_isa(), help="the instruction set of closs")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_ROUNDS} short rounds and no ceilings")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there, too")
    parser.add_argument("--plot", type=Path, metavar="FILE", help=f"draw them there ({', '.join(files.PICTURES)})")


class Progress:
    """One line on standard error, if that is a terminal: how many are done, the time to come, what is at work."""

    def __init__(self, total: int) -> None:
        self.total, self.done, self.start = total, 0, time.monotonic()
        self.shown = sys.stderr.isatty()

    def show(self, text: str) -> None:
        if not self.shown:
            return
        filled = 20 * self.done // self.total
        left = (time.monotonic() - self.start) / self.done * (self.total - self.done) if self.done else 0
        clock = f"{left // 60:3.0f}:{left % 60:02.0f} left" if self.done else " " * 11
        bar = f"[{'#' * filled:<20}] {self.done}/{self.total} {clock}  {text}"
        print(f"\r{bar[:118]:118}", end="", file=sys.stderr, flush=True)

    def clear(self) -> None:
        if self.shown:
            print(f"\r{'':118}\r", end="", file=sys.stderr, flush=True)


def race_case(
    case: Case,
    inputs: Inputs,
    names: list[str],
    threads: int,
    rounds: int,
    seconds: float,
    limits: ceilings.Ceilings | None,
) -> list[Result]:
    contenders = peers.prepare("closs", case, inputs, threads)
    expected = peers.as_arrays(next(iter(contenders.values()))())
    wrong: dict[str, str] = {}
    failed: dict[str, str] = {}
    for name in names:
        calls: dict[str, Callable[[], Any]] = {}
        try:
            calls = peers.prepare(name, case, inputs, threads)
            for call in calls.values():
                fault = compare(case, expected, call())
                if fault:
                    wrong[name] = fault
        except (NotImplementedError, RuntimeError, TypeError, ValueError) as error:  # a dtype it lacks, say
            failed[name] = str(error).partition("\n")[0]
            continue
        contenders |= calls
    times = timings(contenders, rounds, seconds)
    return make_results(case, times, wrong, failed, limits)


def facts(names: list[str], threads: int, rounds: int) -> dict[str, Any]:
    cpu = platform.machine()
    for line in Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else ():
        if line.startswith("model name"):
            cpu = line.partition(":")[2].strip()
            break
    packages = dict.fromkeys(package for name in names for package in peers.PACKAGES[name])
    versions = {
        package: importlib.metadata.version("scikit-learn" if package == "sklearn" else package) for package in packages
    }
    return {
        "closs": closs.__version__, "isa": _core.current_isa(), "threads": threads, "rounds": rounds, "cpu": cpu,
        "cpus": os.cpu_count(), "compiler": _core.config()["compiler"], "python": platform.python_version(),
        "system": platform.system(), "peers": names, "versions": versions,
    }  # fmt: skip


def fault_of(options: argparse.Namespace, chosen: list[Case], names: list[str]) -> str | None:
    unknown = [name for name in names if name not in peers.installed_peers()]
    for fault, text in (
        (unknown, f"not installed or not known: {', '.join(unknown)}"),
        (options.random is not None and options.random < 1, f"--random must be at least 1, got {options.random}"),
        (not chosen, f"no case contains {' or '.join(options.only or [])}"),
        (options.rounds < 1, f"--rounds must be at least 1, got {options.rounds}"),
    ):
        if fault:
            return text
    try:
        closs.threads(1 if options.threads is None else options.threads)
    except ValueError as error:
        return str(error).replace("n must", "--threads must", 1)
    faults = [options.json and files.fault_of(options.json, "--json"),
              options.plot and files.fault_of(options.plot, "--plot", files.PICTURES)]  # fmt: skip
    return next(filter(None, faults), None)


def at_level(options: argparse.Namespace) -> int:
    """The same command in a new process: the instruction set is chosen when closs is imported."""
    arguments = []
    for name, value in vars(options).items():
        if value is True:
            arguments.append(f"--{name}")
        elif value not in (None, False) and name not in ("command", "isa"):
            arguments += [f"--{name}={one}" for one in (value if isinstance(value, list) else [value])]
    command = [sys.executable, "-m", "closs", "bench", *arguments]
    return subprocess.run(command, env={**os.environ, "CLOSS_ISA": options.isa}).returncode


def run(options: argparse.Namespace) -> int:
    names = peers.installed_peers() if options.peers is None else [name for name in options.peers.split(",") if name]
    chosen = [
        case
        for case in (cases() if options.random is None else random_cases(options.random, options.seed))
        if (not options.only or any(text in f" {case.name} " for text in options.only))
        and (not options.targets or case.name in targets.TARGETS)
    ]
    fault = fault_of(options, chosen, names)
    if fault:
        print(f"closs bench: {fault}", file=sys.stderr)
        return 2
    if options.plot:
        import matplotlib  # noqa: F401 - before minutes of timing
    if options.isa not in (None, _core.current_isa()):
        return at_level(options)
    rounds, seconds = (QUICK_ROUNDS, QUICK_SECONDS) if options.quick else (options.rounds, SECONDS)
    threads = options.threads or closs.get_num_threads()
    progress = Progress(len(chosen))
    with closs.threads(threads):
        report = Report(facts(names, threads, rounds), None)
        tables.print_facts(report)
        if not options.quick:
            report.ceilings = ceilings.measure(threads, _core.current_isa(), progress.show)
            progress.clear()
            print("\n".join(report.ceilings.lines()))
        for _, outputs in groupby(chosen, key=lambda case: (case.workload.name, case.dtype, case.shape)):
            inputs = None
            for case in outputs:
                progress.show(case.name)
                inputs = inputs or case.inputs()
                report.results += race_case(case, inputs, names, threads, rounds, seconds, report.ceilings)
                progress.done += 1
    progress.clear()
    tables.print_results(report)
    tables.print_targets(report)
    tables.print_summary(report)
    if options.json:
        options.json.write_text(json.dumps(report.as_json(), indent=1) + "\n")
    if options.plot:
        from closs._tools import pictures

        pictures.draw(report, options.plot)
        print(f"figures drawn in {options.plot.resolve()}")
    return 0
