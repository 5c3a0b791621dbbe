"""libcloss as the installed package brings it: programs in C, C++ and Cython, calls by address, and the examples."""

import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import numpy as np
import pytest
from programs import output

import closs

EXAMPLES = Path(__file__).parent.parent / "examples"
HEADER = Path(closs.get_include(), "closs.h")
WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Wconversion", "-Werror"]

needs_examples = pytest.mark.skipif(not EXAMPLES.exists(), reason="the examples are not beside the tests")
needs_cc = pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler")


def config(*questions):
    return output(sys.executable, "-m", "closs", "config", *questions).strip()


def compiled(source, folder, *flags, compiler="cc"):
    program = Path(folder) / "program"
    output(compiler, "-O2", *WARNINGS, source, *shlex.split(config("--cflags", "--libs")), *flags, "-o", program)
    return program


def test_config():
    package = Path(closs.__file__).parent
    libm = "" if os.name == "nt" else " -lm"
    assert config("--cflags", "--libs") == f"-I{package / 'include'} -L{package / 'lib'} -lcloss{libm}"
    assert config("--version") == closs.__version__
    assert Path(config("--pkgconfigdir"), "closs.pc").is_file()
    assert Path(config("--cmakedir"), "closs-config.cmake").is_file()
    assert config("--includedir") == closs.get_include()
    assert config("--libdir") == closs.get_library_dir()
    everything = config()
    assert all(name in everything for name in ("version", "cflags", "libs", "pkgconfigdir", "cmakedir"))


def declared_functions():
    return set(re.findall(r"^CLOSS_API [\w *]*\b(closs_\w+)\(", HEADER.read_text(), re.MULTILINE))


def test_every_function_of_the_header_can_be_called_by_address():
    assert declared_functions() <= set(closs._core.__pyx_capi__)


def test_every_name_of_the_header_can_be_cimported():
    names = set(re.findall(r"\b(?:closs|CLOSS)_\w+", Path(closs.__file__).with_name("__init__.pxd").read_text()))
    text = re.sub(r"/\*.*?\*/", "", HEADER.read_text(), flags=re.DOTALL)
    types = set(re.findall(r"^(?:typedef enum \{.*)?\} (closs_\w+);", text, re.MULTILINE))
    constants = set(
        re.findall(r"\b(CLOSS_\w+)(?: = \d+)?,?\s*(?=[,}\n])", "".join(re.findall(r"enum \{[^}]*\}", text)))
    )
    assert len(types) == 14, sorted(types)
    missing = (types | constants | declared_functions()) - names
    assert not missing, missing


@needs_cc
@needs_examples
class TestC:
    def test_own_loop(self, tmp_path):
        program = compiled(EXAMPLES / "embed.c", tmp_path, "-std=c99", "-fopenmp")
        assert "the same bits as the one-shot call" in output(program)

    def test_stream(self, tmp_path):
        """In shards, and yet the bits of the package."""
        rng = np.random.default_rng(7)
        logits = (4 * rng.standard_normal((20, 40000))).astype(np.float16)
        labels = rng.integers(0, 40000, 20)
        labels[3] = -100
        logits.tofile(tmp_path / "logits")
        labels.tofile(tmp_path / "labels")
        program = compiled(EXAMPLES / "stream.c", tmp_path, "-std=c99", "-lm")
        mean = closs.softmax_cross_entropy(logits, labels, ignore_index=-100)
        assert f"20 rows, 19 counted, mean {mean:.17g} nats" in output(
            program, tmp_path / "logits", tmp_path / "labels", "40000"
        )
        for classes, complaint in (
            ("40001", "ends too early"),
            ("39999", "ends too early"),
            ("5", "outside"),
            ("0", "a class"),
        ):
            failed = subprocess.run(
                [program, tmp_path / "logits", tmp_path / "labels", classes], capture_output=True, text=True
            )
            assert failed.returncode == 1
            assert complaint in failed.stderr

    def test_cmake(self, tmp_path):
        if shutil.which("cmake") is None:
            pytest.skip("cmake is not installed")
        (tmp_path / "CMakeLists.txt").write_text(
            "cmake_minimum_required(VERSION 3.20)\nproject(user C)\n"
            "find_package(closs 0.1 REQUIRED)\nfind_package(closs 0.1 REQUIRED)\n"
            f'add_executable(user "{EXAMPLES / "embed.c"}")\ntarget_link_libraries(user PRIVATE closs::closs)\n'
        )
        build = tmp_path / "build"
        output("cmake", "-S", tmp_path, "-B", build, f"-Dcloss_DIR={config('--cmakedir')}")
        output("cmake", "--build", build)
        assert "the same bits" in output(build / "user")
        for wanted in ("0.2", "1.0", "0.1.1"):
            (tmp_path / "CMakeLists.txt").write_text(
                f"cmake_minimum_required(VERSION 3.20)\nproject(user C)\nfind_package(closs {wanted} REQUIRED)\n"
            )
            command = ["cmake", "-S", tmp_path, "-B", tmp_path / wanted, f"-Dcloss_DIR={config('--cmakedir')}"]
            refused = subprocess.run(command, capture_output=True, text=True)
            assert refused.returncode != 0
            assert "version: 0.1.0" in refused.stderr

    def test_pkg_config(self, tmp_path):
        if shutil.which("pkg-config") is None:
            pytest.skip("pkg-config is not installed")
        environment = {**os.environ, "PKG_CONFIG_PATH": config("--pkgconfigdir")}
        assert output("pkg-config", "--modversion", "closs", env=environment).strip() == closs.__version__
        flags = output("pkg-config", "--cflags", "--libs", "closs", env=environment).split()
        output("cc", EXAMPLES / "embed.c", *flags, "-o", tmp_path / "program")
        assert "the same bits" in output(tmp_path / "program")


def test_entry_point_for_pkgconf():
    """PyPI's pkgconf asks this group for folders of .pc files."""
    found = [entry for entry in entry_points(group="pkg_config") if entry.name == "closs"]
    if not found:
        pytest.skip("this closs was built in place and not installed")
    assert Path(next(iter(found[0].load().__path__)), "closs.pc").is_file()


CPP = r"""
#include <closs.h>
#include <cstdio>
#include <vector>

int main()
{
    std::vector<double> pred{1.0, -3.0, 0.25}, target{1.5, 0.0, 0.25}, grad(3);
    const int64_t n = 3;
    closs_elementwise_args args = CLOSS_ELEMENTWISE_INIT;
    args.loss = CLOSS_HUBER;
    args.dtype = CLOSS_F64;
    args.ndim = 1;
    args.shape = &n;
    args.pred.data = pred.data();
    args.target.data = target.data();
    args.grad.data = grad.data();
    double value = 0;
    closs_report report;
    if (closs_elementwise(&args, CLOSS_SUM, &value, &report) != CLOSS_OK) return 1;
    std::printf("%g %g %g %g\n", value, grad[0], grad[1], grad[2]);
}
"""


@pytest.mark.skipif(shutil.which("c++") is None, reason="there is no C++ compiler")
@pytest.mark.parametrize("standard", ["c++11", "c++20"])
def test_cpp(standard, tmp_path):
    source = tmp_path / "user.cpp"
    source.write_text(CPP)
    program = compiled(source, tmp_path, f"-std={standard}", compiler="c++")
    assert output(program) == "2.625 -0.5 -1 0\n"  # 0.5^2 / 2 + (3 - 1/2)


@needs_cc
@needs_examples
def test_cython_without_a_link_step(tmp_path):
    pytest.importorskip("Cython")
    pytest.importorskip("setuptools")
    shutil.copy(EXAMPLES / "train.pyx", tmp_path)
    # The package need not be the one that an isolated subprocess would import: an in-place build has no metadata.
    paths = os.pathsep.join([str(Path(closs.__file__).parent.parent), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "CFLAGS": config("--cflags"), "PYTHONPATH": paths}
    output(sys.executable, "-m", "Cython.Build.Cythonize", "-3", "-i", "train.pyx", cwd=tmp_path, env=environment)
    (built,) = (path for path in tmp_path.iterdir() if path.suffix in (".so", ".pyd"))
    spec = importlib.util.spec_from_file_location("train", built)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 100)
    x = rng.standard_normal((100, 4))
    x[np.arange(100), labels] += 2
    weights = np.zeros((4, 3))
    last = module.train(x, labels, weights, np.empty((100, 3)), 50, 0.5)

    again = np.zeros((4, 3))
    losses = []
    for _ in range(50):
        loss, grad = closs.softmax_cross_entropy(x @ again, labels, grad=True)
        losses.append(loss)
        again -= 0.5 * x.T @ grad
    np.testing.assert_allclose(weights, again, rtol=1e-12)
    np.testing.assert_allclose(last, losses[-1], rtol=1e-12)
    assert losses[0] == pytest.approx(np.log(3))
    assert last < losses[0] / 2
    with pytest.raises(ValueError, match="sample 7: label 3 is out of range"):
        module.train(x, np.where(np.arange(100) == 7, 3, labels), weights, np.empty((100, 3)), 1, 0.5)


@pytest.fixture(scope="module")
def by_address():
    spec = importlib.util.spec_from_file_location("by_address", EXAMPLES / "by_address.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@needs_examples
class TestByAddress:
    def test_ctypes(self, by_address):
        sample = np.random.default_rng(1).standard_normal(1001) * 3
        value, grad = by_address.by_ctypes(sample)
        expected, gradient = closs.huber_loss(sample, 0.0, reduction="sum", grad=True)
        assert value == expected
        np.testing.assert_array_equal(grad, gradient)

    def test_numba(self, by_address):
        pytest.importorskip("numba")
        sample = np.append(np.random.default_rng(0).normal(3.0, 1.0, 1000), [1e6])
        location = by_address.by_numba(sample)
        assert abs(closs.huber_loss(sample, location, grad=True)[1].sum()) < 1e-9  # a root of the slope
        assert abs(location - 3) < 0.2
