"""Writes the figures of docs/performance.md, and its picture, from races.

    python -m closs bench --json avx512.json
    python -m closs bench --isa avx2 --targets --json avx2.json
    python -m closs bench --random 400 --json random.json
    python benchmarks/report.py avx512.json avx2.json --random random.json

The page has pairs of markers, <!-- begin NAME --> and <!-- end NAME -->; what stands between them is replaced. The
first race is the one whose picture is drawn, and whose fresh arrays are listed. Without --random that part stays.
"""

import argparse
import json
import sys
from collections import defaultdict
from pathlib import Path
from statistics import geometric_mean

from closs._tools import targets
from closs._tools.results import Report, Result
from closs._tools.timing import in_units

DOCS = Path(__file__).resolve().parent.parent / "docs"
LEVEL = 1.05  # up to here a ratio says that closs is no faster


def table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def against(result: Result) -> str:
    return "-" if result.ratio is None else f"{result.ratio:.2f} ({result.best_peer})"


def machine(reports: list[Report]) -> str:
    facts = reports[0].facts
    versions = ", ".join(f"{name} {version}" for name, version in facts["versions"].items())
    lines = [
        f"{facts['cpu']}, {facts['cpus']} CPUs, {facts['system']}, {facts['compiler']}, Python {facts['python']}, "
        f"closs {facts['closs']}, threads: {facts['threads']}, medians of {facts['rounds']} rounds. Peers: {versions}."
    ]
    lines += [f"- {report.facts['isa']}: {report.summary()}; {report.steadiness()}." for report in reports]
    return "\n".join([lines[0], "", *lines[1:]])


def met(result: Result, answer: str) -> str:
    """Whether a target is met; if it can't be, because the peer is too fast for what the machine allows, what can."""
    if answer == "yes" or result.ratio is None or not result.of_limit:
        return answer
    most = result.ratio / result.of_limit
    return answer if most >= targets.TARGETS[result.case].ratio else f"{answer}, {result.limit} allows {most:.1f} x"


def reached(reports: list[Report]) -> str:
    """Every target beside what each race reached."""
    tables = [{row[0]: row for row in targets.rows(report.results)} for report in reports]
    timed = [{result.case: result for result in report.results} for report in reports]
    head = ["case", "target"]
    for report in reports:
        head += [f"{report.facts['isa']}: time", "reached", "met"]
    rows = []
    for case in tables[0]:
        cells = [f"`{case}`", tables[0][case][1]]
        for found, results in zip(tables, timed, strict=True):
            here = found.get(case)
            if here is None:
                cells += ["-"] * 3
            else:
                cells += [in_units(results[case].seconds["closs"]), here[2], met(results[case], here[3])]
        rows.append(cells)
    sums = [f"{report.facts['isa']} {sum(row[3] == 'yes' for row in found.values())} of {len(found)}"
            for report, found in zip(reports, tables, strict=True)]  # fmt: skip
    return f"{table(head, rows)}\n\nMet: {', '.join(sums)}."


def functions(reports: list[Report]) -> str:
    """One row a workload: the mean of its ratios, and the worst."""
    head = ["function"]
    columns = []
    for report in reports:
        head += [f"{report.facts['isa']}: cases", "geometric mean", "worst"]
        ratios = defaultdict(list)
        for result in report.raced():
            ratios[result.workload].append(result)
        columns.append(ratios)
    rows = []
    for workload in dict.fromkeys(result.workload for result in reports[0].results):
        cells = [f"`{workload}`"]
        for ratios in columns:
            found = ratios.get(workload, [])
            cells += ["-"] * 3 if not found else [
                str(len(found)), f"{geometric_mean(result.ratio or 0 for result in found):.2f}",
                f"{found[0].ratio:.2f} ({found[0].best_peer}, `{found[0].case.removeprefix(workload).strip()}`)",
            ]  # fmt: skip
        rows.append(cells)
    return table(head, rows)


def behind(reports: list[Report]) -> str:
    """Cases in which a peer is faster, or level."""
    rows = [
        [f"`{result.case}`", report.facts["isa"], in_units(result.seconds["closs"]), against(result)]
        for report in reports for result in report.raced() if (result.ratio or 0) < LEVEL
    ]  # fmt: skip
    if not rows:
        return f"In no case is a peer faster, or within {LEVEL - 1:.0%}."
    return table(["case", "level", "closs", "best peer / closs"], rows)


def unchosen(reports: list[Report]) -> str:
    """What a race of random shapes gave, and where it was lost."""
    return "\n\n".join([*(f"{report.facts['isa']}: {report.summary()}." for report in reports), behind(reports)])


def fresh(reports: list[Report]) -> str:
    """What a new array costs, for float32 and the largest shape of each function."""
    results = {result.case: result for result in reports[0].results}
    largest: dict[tuple[str, str], tuple[Result, Result]] = {}
    for case, result in results.items():
        new = results.get(f"{case} fresh")
        if new is not None and result.dtype == "float32":
            before = largest.get((result.workload, result.output))
            if before is None or result.bytes > before[0].bytes:
                largest[result.workload, result.output] = result, new
    rows = [
        [f"`{kept.case}`", in_units(kept.seconds["closs"]), in_units(new.seconds["closs"]),
         f"{new.seconds['closs'] / kept.seconds['closs']:.1f}", against(new)]
        for kept, new in largest.values()
    ]  # fmt: skip
    return table(["case", "kept array", "fresh array", "fresh / kept", "best peer that allocates, too / closs"], rows)


SECTIONS = {"machine": machine, "targets": reached, "functions": functions, "behind": behind, "fresh": fresh}


def main() -> int:
    parser = argparse.ArgumentParser(description="Writes the figures of docs/performance.md from races.")
    parser.add_argument("races", nargs="+", type=Path, help="JSON of `python -m closs bench`, the main one first")
    parser.add_argument("--page", type=Path, default=DOCS / "performance.md")
    parser.add_argument("--plot", type=Path, default=DOCS / "performance.svg")
    parser.add_argument("--random", type=Path, help="JSON of a race of random shapes")
    options = parser.parse_args()
    reports = [Report.from_json(json.loads(file.read_text())) for file in options.races]
    empty = [str(file) for file, report in zip(options.races, reports, strict=True) if not report.raced()]
    if empty:
        print(f"report: no peer was raced in {', '.join(empty)}", file=sys.stderr)
        return 1
    text = options.page.read_text(encoding="utf-8")
    sections = {name: section(reports) for name, section in SECTIONS.items()}
    if options.random:
        sections["random"] = unchosen([Report.from_json(json.loads(options.random.read_text()))])
    for name, section in sections.items():
        begin, end = f"<!-- begin {name} -->", f"<!-- end {name} -->"
        if text.count(begin) != 1 or text.count(end) != 1:
            print(f"report: {options.page} must have one {begin} and one {end}", file=sys.stderr)
            return 1
        before, rest = text.split(begin)
        text = "\n".join([before + begin, section, end + rest.split(end)[1]])
    from closs._tools import pictures

    pictures.draw(reports[0], options.plot)
    options.page.write_text(text, encoding="utf-8")
    print(f"{options.page} and {options.plot} written")
    return 0


if __name__ == "__main__":
    sys.exit(main())
