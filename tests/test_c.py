"""libcloss without Python: the C tests, by the host's compilers and under emulation, and all ways to build it."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from programs import output

import closs

SCRIPT = Path(__file__).parent.parent / "src" / "tests" / "run.sh"
pytestmark = [
    pytest.mark.skipif(not SCRIPT.exists(), reason="the sources of libcloss are not beside the tests"),
    pytest.mark.skipif(sys.platform == "win32", reason="the guard pages of the C tests need mmap"),
]


def run(*arguments, **environment):
    result = subprocess.run(
        ["sh", str(SCRIPT), *arguments], capture_output=True, text=True, env={**os.environ, **environment}
    )
    assert result.returncode == 0, result.stdout + result.stderr
    for name in ("door", "refused", "parts", "bits", "zero_one", "guard", "fuzz"):
        assert f"{name}: " in result.stdout
    return result.stdout


@pytest.mark.parametrize("compiler", ["gcc", "clang", "clang-14", "clang-19"])
def test_host(compiler):
    if shutil.which(compiler) is None:
        pytest.skip(f"{compiler} is not installed")
    run(compiler)


@pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is not installed")
def test_past_the_caches():
    """Every gradient that may be is written there, however small."""
    run("gcc", "-DCLOSS_STREAM_BYTES=1", STEP="7")


def test_aarch64_under_emulation():
    compiler, emulator = "aarch64-linux-gnu-gcc", "qemu-aarch64"
    if shutil.which(compiler) is None or shutil.which(emulator) is None:
        pytest.skip(f"{compiler} and {emulator} are not both installed: NEON is not run here")
    assert "baseline, neon)" in run(compiler, "-static", EMULATOR=emulator, STEP="13")


SOURCE = SCRIPT.parent.parent
EMBED = SOURCE.parent / "examples" / "embed.c"
PROGRAM = """
cmake_minimum_required(VERSION 3.20)
project(user C)
find_package(closs 0.1 REQUIRED)
add_executable(user "${EMBED}")
target_link_libraries(user PRIVATE closs::closs)
"""


@pytest.mark.skipif(shutil.which("cmake") is None, reason="cmake is not installed")
@pytest.mark.parametrize("shared", ["OFF", "ON"])
def test_cmake_and_pkg_config(shared, tmp_path):
    """Built, installed, and used by a program that finds it either way."""
    build, installed = tmp_path / "build", tmp_path / "installed"
    output("cmake", "-S", SOURCE, "-B", build, f"-DBUILD_SHARED_LIBS={shared}", "-DCLOSS_TESTS=OFF",
           f"-DCMAKE_INSTALL_PREFIX={installed}", "-DCMAKE_INSTALL_LIBDIR=lib")  # fmt: skip
    output("cmake", "--build", build, "--parallel")
    output("cmake", "--install", build)
    if shared == "ON":
        symbols = re.findall(r" T (\w+)", output("nm", "-D", "--defined-only", installed / "lib" / "libcloss.so"))
        header = (installed / "include" / "closs.h").read_text()
        assert sorted(symbols) == sorted(set(re.findall(r"^CLOSS_API [\w *]*\b(closs_\w+)\(", header, re.MULTILINE)))
        assert "[libcloss.so.0.1]" in output("readelf", "-d", installed / "lib" / "libcloss.so")

    (tmp_path / "CMakeLists.txt").write_text(PROGRAM)
    output("cmake", "-S", tmp_path, "-B", tmp_path / "user", f"-DCMAKE_PREFIX_PATH={installed}", f"-DEMBED={EMBED}")
    output("cmake", "--build", tmp_path / "user")
    assert "the same bits" in output(tmp_path / "user" / "user")

    if shutil.which("pkg-config"):
        environment = {**os.environ, "PKG_CONFIG_PATH": str(installed / "lib" / "pkgconfig")}
        flags = output("pkg-config", "--cflags", "--libs", "closs", env=environment).split()
        output("cc", EMBED, "-o", tmp_path / "plain", *flags)
        environment["LD_LIBRARY_PATH"] = str(installed / "lib")
        assert "the same bits" in output(tmp_path / "plain", env=environment)


@pytest.mark.skipif(shutil.which("cc") is None, reason="cc is not installed")
def test_the_compiler_lines_of_the_readme(tmp_path):
    _, lines, _ = re.findall(r"^```sh\n(.*?)^```", (SOURCE / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    if "x86_64" not in output("cc", "-dumpmachine"):
        pytest.skip("the lines are those for x86-64")
    (tmp_path / "src").symlink_to(SOURCE)
    output("sh", "-e", "-c", lines, cwd=tmp_path)
    output("cc", EMBED, f"-I{SOURCE}", "libcloss.a", "-o", "embed", cwd=tmp_path)
    assert "the same bits" in output(tmp_path / "embed")


def test_the_worked_example_of_the_manual(tmp_path):
    if shutil.which("cc") is None:
        pytest.skip("cc is not installed")
    header = (SOURCE / "closs.h").read_text(encoding="utf-8")
    example = re.search(r"A worked example:.*?\n \*\n((?: \*     .*\n)+)", header)[1]
    lines = "\n".join(line[2:] for line in example.splitlines())
    # Logits that are all alike, and static for the sake of their initial zeros.
    lines = re.sub(r"^( *)(float|int64_t) ", r"\1static \2 ", lines, flags=re.MULTILINE)
    (tmp_path / "example.c").write_text(
        f'#include "closs.h"\n#include <stdio.h>\nint main(void)\n{{\n{lines}\n'
        '    printf("%.6f %.6f %.9f\\n", mean, gradient[0] * 32, gradient[1] * 32);\n    return 0;\n}\n'
    )
    flags = ["-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror"]
    output("cc", *flags, f"-I{SOURCE}", tmp_path / "example.c", f"-L{closs.get_library_dir()}", "-lcloss",
           "-o", tmp_path / "example")  # fmt: skip
    assert output(tmp_path / "example") == "6.907755 -0.999000 0.001000000\n"


USER = """
#include "closs.h"
int main() { return closs_isa_available("baseline") && closs_version()[0] == '0' ? 0 : 1; }
"""


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_two_files(compiler, tmp_path):
    """closs.c and closs.h alone in a folder: the bits of the package's archive at every level, only its names."""
    if shutil.which(compiler) is None:
        pytest.skip(f"{compiler} is not installed")
    output(sys.executable, SOURCE / "amalgamate.py", tmp_path / "dropped")
    assert sorted(path.name for path in (tmp_path / "dropped").iterdir()) == ["closs.c", "closs.h"]
    # -O1 is a seventh of the time of -O3.
    output(compiler, "-O1", "-fno-math-errno", "-Wall", "-Wextra", "-Werror", "-c", "dropped/closs.c", cwd=tmp_path)
    library = (tmp_path / "closs.o").rename(tmp_path / "dropped" / "closs.o")
    symbols = re.findall(r"^[0-9a-f]+ [A-Z] (\w+)$", output("nm", "-g", library), re.MULTILINE)
    assert [name for name in symbols if not name.startswith("closs_")] == []

    printed = []
    for folder, linked in ((library.parent, [library]), (SOURCE, [f"-L{closs.get_library_dir()}", "-lcloss"])):
        program = tmp_path / f"bits{len(printed)}"
        output(compiler, "-O1", f"-I{folder}", SCRIPT.parent / "bits.c", *linked, "-o", program)
        printed.append(set(re.findall("^bits of .*", output(program), re.MULTILINE)))
    assert printed[0]
    assert printed[0] >= printed[1]

    output(compiler, f"-I{library.parent}", EMBED, library, "-o", tmp_path / "embed")
    assert "the same bits" in output(tmp_path / "embed")
    if shutil.which("c++"):
        (tmp_path / "user.cpp").write_text(USER)
        output("c++", f"-I{library.parent}", tmp_path / "user.cpp", library, "-o", tmp_path / "user")
        output(tmp_path / "user")


@pytest.mark.skipif(shutil.which("cc") is None, reason="cc is not installed")
def test_two_files_refuse_fast_math(tmp_path):
    output(sys.executable, SOURCE / "amalgamate.py", tmp_path)
    refused = subprocess.run(
        ["cc", "-ffast-math", "-fsyntax-only", "closs.c"], cwd=tmp_path, capture_output=True, text=True
    )
    assert refused.returncode != 0
    assert "without -ffast-math" in refused.stderr
