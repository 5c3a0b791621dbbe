"""The C tests of src/tests: by the host's compiler, and for aarch64 (NEON) under emulation where the tools are."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

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
    for name in ("embed", "door", "parts", "guard"):
        assert f"{name}: " in result.stdout
    return result.stdout


@pytest.mark.parametrize("compiler", ["gcc", "clang", "clang-14", "clang-19"])
def test_host(compiler):
    if shutil.which(compiler) is None:
        pytest.skip(f"{compiler} is not installed")
    run(compiler)


def test_aarch64_under_emulation():
    compiler, emulator = "aarch64-linux-gnu-gcc", "qemu-aarch64"
    if shutil.which(compiler) is None or shutil.which(emulator) is None:
        pytest.skip(f"{compiler} and {emulator} are not both installed: NEON is not run here")
    assert ", neon: " in run(compiler, "-static", EMULATOR=emulator, STEP="13")
