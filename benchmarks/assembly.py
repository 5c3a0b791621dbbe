"""Checks that compilers vectorised the kernels: failing to is silent, and costs a factor of five.

    python benchmarks/assembly.py [libcloss.a] [--objdump PROGRAM]

For every instruction set in the archive (by default that of the built package) and every kernel that adds exponentials,
logarithms or elements (KERNELS), counts the packed maxima, additions and fused multiply-adds, in the widest registers
of the level and the kernel's own type, in all functions that the kernel reaches. Exits with 1 if a kernel has none of
one of them; the elementwise losses look for no maximum. The baseline of x86-64 has no fused multiply-add:
multiplications are counted.
"""

import argparse
import re
import subprocess
import sys
from collections import Counter, defaultdict
from pathlib import Path

KERNELS = ("softmax_rows", "softmax_lanes", "softmax_part", "softmax_terms", "measures", "elementwise")
REGISTERS = {"baseline": "xmm", "avx2": "ymm", "avx512": "zmm"}
SUFFIX = {"f32": "s", "f64": "d"}
# Mnemonics of x86 (s or d at the end for the type) and of AArch64 (the type is that of its registers).
X86 = {"max": r"v?maxp", "add": r"v?addp", "fma": r"vfn?m(?:add|sub)(?:132|213|231)p"}
BASELINE_FMA = r"v?mulp"
NEON = {"max": r"fmax(?:nm)?|fcmgt|fcmge", "add": r"fadd", "fma": r"fml[as]"}


def what(level: str, mnemonic: str, operands: str) -> tuple[str, str] | None:
    """Kind and type of a packed instruction of full width, if it is one that counts."""
    if level == "neon":
        shape = re.search(r"\.(4s|2d)\b", operands)
        for kind, pattern in NEON.items():
            if shape and re.fullmatch(pattern, mnemonic):
                return kind, shape[1][-1]
        return None
    if f"%{REGISTERS[level]}" not in operands:
        return None
    for kind, pattern in X86.items():
        if kind == "fma" and level == "baseline":
            pattern = BASELINE_FMA
        found = re.fullmatch(f"(?:{pattern})([sd])", mnemonic)
        if found:
            return kind, found[1]
    return None


class Functions:
    """Of one object: instructions that count, and calls."""

    def __init__(self) -> None:
        self.counts: dict[str, Counter[tuple[str, str]]] = defaultdict(Counter)
        self.calls: dict[str, set[str]] = defaultdict(set)

    def reached_from(self, name: str) -> set[str]:
        reached, ahead = set(), [name]
        while ahead:
            function = ahead.pop()
            if function not in reached:
                reached.add(function)
                ahead += self.calls[function]
        return reached


def disassemble(archive: Path, objdump: str) -> dict[str, Functions]:
    """By instruction set: the members isa_<level>.o of the archive."""
    command = [objdump, "--disassemble", "--reloc", "--no-show-raw-insn", str(archive)]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    levels: dict[str, Functions] = {}
    level, function = None, ""
    for line in text.splitlines():
        if member := re.match(r"(\S+):\s+file format", line):
            found = re.search(r"isa_(\w+)\.o", member[1])
            level = found[1] if found else None
            if level:
                levels[level] = Functions()
        elif level is None:
            continue
        elif head := re.match(r"[0-9a-f]+ <(.+)>:$", line):
            function = head[1]
        elif relocation := re.match(r"\s+[0-9a-f]+: R_\S+\s+([\w.]+)", line):
            levels[level].calls[function].add(relocation[1])
        elif instruction := re.match(r"\s+[0-9a-f]+:\s+(\S+)\s*(.*)", line):
            counted = what(level, instruction[1], instruction[2])
            if counted:
                levels[level].counts[function][counted] += 1
            target = re.search(r"<([\w.]+?)(?:\+0x[0-9a-f]+)?>", instruction[2])
            if target:
                levels[level].calls[function].add(target[1])
    return levels


def main() -> int:
    here = Path(__file__).resolve().parent
    parser = argparse.ArgumentParser(description="Checks that the kernels were vectorised.")
    parser.add_argument("archive", nargs="?", type=Path, default=here.parent / "closs" / "lib" / "libcloss.a")
    parser.add_argument("--objdump", default="objdump", help="of a cross compiler, for another architecture's archive")
    options = parser.parse_args()
    if not options.archive.exists():
        print(f"assembly: there is no {options.archive}; build it by `python setup.py build_ext --inplace`")
        return 2
    levels = disassemble(options.archive, options.objdump)
    missing = 0 if levels else 1
    print(f"{'level':10}{'kernel':22}{'max':>6}{'add':>6}{'fma':>6}")
    for level, functions in levels.items():
        for kernel in KERNELS:
            names = [f"{kernel}_{real}_{level}" for real in SUFFIX]
            names = [name for name in names if name in functions.counts or name in functions.calls]
            if not names:
                print(f"{level:10}{kernel:22}  MISSING: no such function")
                missing += 1
            for name in names:
                total: Counter[tuple[str, str]] = Counter()
                for function in functions.reached_from(name):
                    total += functions.counts[function]
                real = name.split("_")[-2]
                counts = {kind: total[kind, SUFFIX[real]] for kind in X86}
                absent = [kind for kind, n in counts.items() if n == 0 and (kind, kernel) != ("max", "elementwise")]
                missing += len(absent)
                print(f"{level:10}{name.removesuffix('_' + level):22}" + "".join(f"{n:6}" for n in counts.values())
                      + (f"  MISSING: {', '.join(absent)}" if absent else ""))  # fmt: skip
    print("all are vectorised" if not missing else f"{missing} missing")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
