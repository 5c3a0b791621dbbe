"""`python -m closs config`: what compilers, pkg-config and CMake are told to find libcloss in this package."""

import argparse
import os
import shlex
from collections.abc import Callable

import closs

LIBM = "" if os.name == "nt" else " -lm"  # which libcloss needs on processors other than x86-64 and aarch64

ANSWERS: dict[str, tuple[str, Callable[[], str]]] = {  # in the order in which they are printed
    "version": ("the version", lambda: closs.__version__),
    "cflags": ("the compiler's flags", lambda: shlex.quote(f"-I{closs.get_include()}")),
    "libs": ("the linker's flags", lambda: f"{shlex.quote(f'-L{closs.get_library_dir()}')} -lcloss{LIBM}"),
    "includedir": ("the folder of closs.h", closs.get_include),
    "libdir": ("the folder of the static library", closs.get_library_dir),
    "pkgconfigdir": (
        "the folder of closs.pc, for PKG_CONFIG_PATH",
        lambda: os.path.join(closs.get_library_dir(), "pkgconfig"),
    ),
    "cmakedir": ("the folder for CMake's closs_DIR", lambda: os.path.join(closs.get_library_dir(), "cmake", "closs")),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    for name, (purpose, _) in ANSWERS.items():
        parser.add_argument(f"--{name}", action="store_true", help=purpose)


def run(options: argparse.Namespace) -> int:
    wanted = [name for name in ANSWERS if getattr(options, name)]
    if wanted:
        print(" ".join(ANSWERS[name][1]() for name in wanted))
    else:
        for name, (_, answer) in ANSWERS.items():
            print(f"{name:<12} {answer()}")
    return 0
