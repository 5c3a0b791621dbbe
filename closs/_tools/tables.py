"""A race in plain text: facts, every case with those behind first, targets, and what it comes to."""

from closs._tools import targets
from closs._tools.results import Report, Result
from closs._tools.timing import in_units


def print_columns(rows: list[tuple[str, ...]], right: tuple[int, ...] = ()) -> None:
    """The first row is the head; columns in `right` are aligned to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        cells = (f"{cell:>{width}}" if column in right else f"{cell:{width}}"
                 for column, (cell, width) in enumerate(zip(row, widths, strict=True)))  # fmt: skip
        print("  ".join(cells).rstrip())


def print_facts(report: Report) -> None:
    facts = report.facts
    versions = ", ".join(f"{name} {version}" for name, version in facts["versions"].items())
    print(f"closs {facts['closs']}, {facts['isa']}, threads: {facts['threads']}, rounds: {facts['rounds']}")
    print(f"{facts['cpu']}, {facts['cpus']} CPUs, {facts['system']}, Python {facts['python']}, {facts['compiler']}")
    print(f"peers: {versions or 'none'}")


def print_results(report: Report) -> None:
    def order(result: Result) -> float:
        behind = result.ratio is not None and result.ratio < targets.BEHIND
        return result.ratio if behind and result.ratio is not None else float("inf")

    rows: list[tuple[str, ...]] = [("case", "closs", "GB/s", "of limit", "best peer", "time of each / that of closs")]
    for result in sorted(report.results, key=order):  # stable: the others stay as they ran
        seconds = result.seconds
        ratios = [
            f"{name} {seconds[name] / seconds['closs']:.2f}{' (wrong)' if name in result.wrong else ''}"
            for name in seconds if name != "closs"
        ]  # fmt: skip
        rows.append((
            result.case, in_units(seconds["closs"]), f"{result.gigabytes_per_second:.1f}",
            "-" if result.of_limit is None else f"{result.of_limit:.2f} {result.limit}",
            "-" if result.ratio is None else f"{result.ratio:.2f} {result.best_peer}", "  ".join(ratios),
        ))  # fmt: skip
    print()
    print_columns(rows, right=(1, 2))


def print_targets(report: Report) -> None:
    rows = targets.rows(report.results)
    if rows:
        print()
        print_columns([("case", "target", "reached", "met"), *rows])
        print(f"targets met: {sum(row[-1] == 'yes' for row in rows)} of {len(rows)}")


def print_summary(report: Report) -> None:
    print()
    for result in report.results:
        if result.buffers == "fresh":
            continue  # its peers are those of the line before
        for peer, fault in result.wrong.items():
            print(f"MISMATCH: {result.case}: {peer}: {fault}")
        for peer, fault in result.failed.items():
            print(f"not computed: {result.case}: {peer}: {fault}")
    raced = report.raced()
    print(report.steadiness())
    if not raced:
        print("no peer was raced")
        return
    behind = [result for result in raced if (result.ratio or 0) < targets.BEHIND]
    for result in behind:
        print(f"BEHIND: {result.case}: {result.ratio:.2f} of {result.best_peer}")
    if not behind:
        print("closs is behind in no case")
    print(report.summary())
