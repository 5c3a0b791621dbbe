"""Counts the instructions of some calls at the AVX2 level, and compares them with those of instructions.json.

    python benchmarks/instructions.py --check     exit 1 if a count has grown by more than the tolerance
    python benchmarks/instructions.py --update    store the counts

A count does not depend on how busy the machine is, and so guards speed where no timing can be trusted. It needs
valgrind (which has no AVX-512) and the C compiler that built the package: another gives other counts, and is named.
"""

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
STORE = HERE / "instructions.json"
ISA = "avx2"
TOLERANCE = 0.03  # of another minor version of the compiler, or of libm


def build(folder: Path, compiler: str, package: Path) -> Path:
    program = folder / "instructions"
    command = [compiler, "-std=c11", "-O2", f"-I{package / 'include'}", str(HERE / "instructions.c"),
               str(package / "lib" / "libcloss.a"), "-lm", "-o", str(program)]  # fmt: skip
    subprocess.run(command, check=True)
    return program


def count(program: Path, name: str) -> int:
    command = ["valgrind", "--tool=callgrind", "--toggle-collect=counted", "--callgrind-out-file=/dev/null",
               str(program), ISA, name]  # fmt: skip
    result = subprocess.run(command, capture_output=True, text=True)
    found = re.search(r"Collected : (\d+)", result.stderr)
    if result.returncode or not found:
        raise SystemExit(f"instructions: {name} failed:\n{result.stderr}")
    return int(found[1])


def first_line(command: list[str]) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.partition("\n")[0]


def compare(stored: dict[str, int], counts: dict[str, int], tolerance: float) -> int:
    """A table, and how many counts are over the tolerance or were not stored."""
    faults = 0
    print(f"{'call':52}{'stored':>12}{'now':>12}{'change':>9}")
    for name in dict.fromkeys([*stored, *counts]):
        old, new = stored.get(name), counts.get(name)
        if old is None or new is None:
            faults += 1
            print(f"{name:52}{'-' if old is None else old:>12}{'-' if new is None else new:>12}  MISSING")
            continue
        change = new / old - 1
        verdict = "  MORE" if change > tolerance else "  less: store it by --update" if change < -tolerance else ""
        faults += change > tolerance
        print(f"{name:52}{old:12,}{new:12,}{change:+9.1%}{verdict}")
    return faults


def main() -> int:
    parser = argparse.ArgumentParser(description="Counts the instructions of some calls at the AVX2 level.")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--check", action="store_true", help=f"compare with {STORE.name}")
    what.add_argument("--update", action="store_true", help=f"write {STORE.name}")
    parser.add_argument("--compiler", default="cc", help="of the program that calls (default: %(default)s)")
    parser.add_argument("--package", type=Path, default=HERE.parent / "closs", help="the built package")
    options = parser.parse_args()
    missing = [tool for tool in ("valgrind", options.compiler) if shutil.which(tool) is None]
    if missing or not (options.package / "lib" / "libcloss.a").exists():
        print(f"instructions: there is no {missing[0] if missing else f'libcloss.a in {options.package}'}")
        return 2
    compiler = first_line([options.compiler, "--version"])
    with tempfile.TemporaryDirectory() as folder:
        program = build(Path(folder), options.compiler, options.package)
        names = subprocess.run([str(program)], capture_output=True, text=True, check=True).stdout.split()
        counts = {name: count(program, name) for name in names}
    if options.update:
        STORE.write_text(json.dumps({"compiler": compiler, "isa": ISA, "instructions": counts}, indent=1) + "\n")
        print(f"{len(counts)} counts stored in {STORE}")
        return 0
    stored = json.loads(STORE.read_text())
    faults = compare(stored["instructions"], counts, TOLERANCE)
    if compiler != stored["compiler"]:
        print(f"stored with {stored['compiler']}, counted with {compiler}")
    print(f"{faults or 'none'} of {len(counts)} calls: more than {TOLERANCE:.0%} over what is stored")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
