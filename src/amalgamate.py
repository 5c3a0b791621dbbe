"""Makes libcloss in two files, closs.c and closs.h, to be dropped into a program:  python src/amalgamate.py FOLDER

No flag is needed for an instruction set. The file includes itself once for each one, with the compiler told of it by
pragmas, and with the names of the kernels' functions, types and constants ending in that of the set.
"""

import re
import sys
from pathlib import Path

SOURCE = Path(__file__).parent
SYSTEM_HEADERS = ("math", "stdatomic", "stdint", "string")
NAME = "closs.c"  # as __FILE__, a path from where the compiler was called, it would be looked for beside itself
LEVELS = ("baseline", "avx2", "avx512", "neon")

HEAD = """\
/* closs.c: libcloss {version} in one file, made from its sources by amalgamate.py. The manual is closs.h.
 *
 *     cc -O3 -fno-math-errno -c closs.c
 *
 * C11; gcc or clang for the instruction sets beyond the baseline. Programs need -lm on processors other than x86-64 and
 * aarch64, and without -fno-math-errno, by which square roots are no calls. No flag changes a bit of the results but
 * -ffast-math, which is refused, and its parts.
 *
{license}
 */
#ifndef CLOSS_ISA

#ifdef __FAST_MATH__
#error "closs computes with NaN and infinities: compile closs.c without -ffast-math"
#endif

/* Multiply-adds are fused where the source says so, and nowhere else; without trapping operations gcc makes vector code
 * of the exponential. */
#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#elif defined(__GNUC__)
#pragma GCC optimize("fp-contract=off", "no-trapping-math", "no-tree-loop-distribute-patterns")
#endif

#if defined(__clang__)
#pragma clang diagnostic ignored "-Wpass-failed" /* some loops at some levels are scalar: that is known */
#define CLOSS_SIMD _Pragma("clang loop vectorize(assume_safety)")
#elif defined(__GNUC__)
#define CLOSS_SIMD _Pragma("GCC ivdep")
#else
#define CLOSS_SIMD
#endif

{includes}
#if defined(__GNUC__) && defined(__x86_64__)
#include <immintrin.h>
#define CLOSS_HAVE_AVX2 1
#define CLOSS_HAVE_AVX512 1
#elif defined(__GNUC__) && defined(__aarch64__)
#define CLOSS_HAVE_NEON 1
#endif
"""

# How a compiler is told of a level for the functions that follow.
TARGETS = {
    "avx2": ("avx2,fma,f16c", ""),
    "avx512": ("avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl", "512"),
}


def push(level: str) -> str:
    if level not in TARGETS:
        return ""
    features, width = TARGETS[level]
    gcc = f'"{features}"' + (f', "prefer-vector-width={width}"' if width else "")
    clang = [f'target("{features}")'] + ([f"min_vector_width({width})"] if width else [])
    pushes = "".join(
        f"#pragma clang attribute push(__attribute__(({attribute})), apply_to = function)\n" for attribute in clang
    )
    return f"#ifdef __clang__\n{pushes}#else\n#pragma GCC push_options\n#pragma GCC target({gcc})\n#endif\n"


def pop(level: str) -> str:
    if level not in TARGETS:
        return ""
    pops = "#pragma clang attribute pop\n" * (2 if TARGETS[level][1] else 1)
    return f"#ifdef __clang__\n{pops}#else\n#pragma GCC pop_options\n#endif\n"


def text_of(name: str, included: set[str]) -> str:
    """A source with its own headers in place of their #include lines; and nothing for those in `included`."""
    text = (SOURCE / name).read_text(encoding="utf-8")

    def expand(line: re.Match) -> str:
        header = line[1]
        if header in included:
            return ""
        return "" if header == "closs.h" else text_of(header, included)

    return re.sub(r'^#include "([^"]+)"\n', expand, text, flags=re.MULTILINE)


def without_comments(text: str) -> str:
    return re.sub(r"/\*.*?\*/", " ", text, flags=re.DOTALL)


def names_at_file_scope(text: str) -> set[str]:
    """What kernels define for themselves: functions, types and constants; not what KERNEL names already."""
    code = re.sub(r"^#(?:.*\\\n)*.*$", "", without_comments(text), flags=re.MULTILINE)
    names = set()
    for body in re.findall(r"\benum\s*\{([^}]*)\}", code):
        names |= set(re.findall(r"(\w+)\s*(?:=[^,]*)?(?:,|$)", body.strip()))
    flat, depth = [], 0
    for piece in re.split(r"([{}])", code):
        depth -= piece == "}"
        flat.append(piece if depth == 0 else "")
        depth += piece == "{"
    flat = "".join(flat)
    names |= set(re.findall(r"^(?:INLINE|static)\b[^;{}=]*?\b(\w+)\(", flat, re.MULTILINE))
    names |= set(re.findall(r"^static const [\w ]*?\b(\w+)\s*(?:\[[^=]*)?=", flat, re.MULTILINE))
    names |= set(re.findall(r"^typedef\b[^;]*?\b(\w+)(?:\s*__attribute__.*)?;", flat, re.MULTILINE))
    return names - set(re.findall(r"^#define (\w+) KERNEL\(", text, re.MULTILINE))


def members(text: str) -> set[str]:
    """The names of struct members."""
    found = set()
    for body in re.findall(r"\bstruct \{([^}]*)\}", without_comments(text)):
        found |= set(re.findall(r"(\w+)(?:\[[^;]*)?[;,]", body))
    return found


def amalgamate() -> str:
    included = {"bits.h", "dispatch.h"}
    head = "".join(text_of(name, included) for name in ("bits.h", "dispatch.h", "cpu.c", "closs.c"))
    kernels = text_of("kernels.h", included)
    names = names_at_file_scope(kernels)
    shared = names & members((SOURCE / "closs.h").read_text(encoding="utf-8") + (SOURCE / "dispatch.h").read_text())
    if shared:
        raise SystemExit(f"amalgamate.py: kernels and structs share names: {', '.join(sorted(shared))}")

    system = re.compile(rf"^#include <({'|'.join(SYSTEM_HEADERS)})\.h>\n", re.MULTILINE)
    head = system.sub("", head)
    kernels = re.sub(r"^#if CLOSS_F16C\n#include <immintrin\.h>\n#endif\n", "", kernels, flags=re.MULTILINE)
    kernels = re.sub(r"^#pragma omp simd.*$", "CLOSS_SIMD", kernels, flags=re.MULTILINE)
    kernels = kernels.replace('_Pragma("omp simd")', "CLOSS_SIMD")
    guards = re.findall(r"^#ifndef (\w+)\n#define \1$", kernels, re.MULTILINE)

    header = (SOURCE / "closs.h").read_text(encoding="utf-8")
    version = ".".join(re.findall(r"#define CLOSS_VERSION_\w+ (\d+)", header))
    license_text = (SOURCE.parent / "LICENSE").read_text(encoding="utf-8").rstrip()
    parts = [
        HEAD.format(
            version=version,
            license="\n".join(f" * {line}".rstrip() for line in license_text.splitlines()),
            includes='#include "closs.h"\n\n' + "".join(f"#include <{name}.h>\n" for name in SYSTEM_HEADERS),
        ),
        head,
        "\n/* ---- One level after the other ---- */\n\n",
        *(f"#define {name} CLOSS_JOIN({name}_, CLOSS_ISA)\n" for name in sorted(names)),
    ]
    for level in LEVELS:
        settings = (SOURCE / f"isa_{level}.c").read_text(encoding="utf-8")
        defines = re.findall(r"^#define (\w+) .*\n", settings, re.MULTILINE)
        parts += [
            "" if level == "baseline" else f"\n#ifdef CLOSS_HAVE_{level.upper()}\n",
            push(level),
            *re.findall(r"^#define .*\n", settings, re.MULTILINE),
            f'#include "{NAME}"\n',
            *(f"#undef {name}\n" for name in (*defines, *guards)),
            pop(level),
            "" if level == "baseline" else "#endif\n",
        ]
    parts += ["\n#else /* the kernels of one level */\n\n", kernels, "\n#endif\n"]
    return re.sub(r"\n{3,}", "\n\n", "".join(parts))


def main() -> int:
    if len(sys.argv) != 2:
        print(__doc__.splitlines()[0], file=sys.stderr)
        return 2
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "closs.c").write_text(amalgamate(), encoding="utf-8")
    (folder / "closs.h").write_text((SOURCE / "closs.h").read_text(encoding="utf-8"), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
