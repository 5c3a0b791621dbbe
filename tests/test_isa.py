"""Instruction sets: the suite once for each that this CPU has, and how one is pinned."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import reference
from programs import run_python

import closs
from closs import _core

HERE = Path(__file__).parent
NOT_KERNELS = {  # and why they run once
    "test_c": "runs every level itself",
    "test_constants": "reads sources",
    "test_docs": "examples say what functions do, at any level",
    "test_embedding": "programs of their own, and how these are built",
    "test_isa": "this file",
    "test_memory": "copies are made before a kernel is chosen",
    "test_packaging": "reads files",
    "test_runtimes": "runtimes of threads in one process",
    "test_tools": "the demo and the race",
}
FILES = [path for path in sorted(HERE.glob("test_*.py")) if path.stem not in NOT_KERNELS]
OTHERS = [name for name in _core.available_isa() if name != _core.current_isa()]


@pytest.mark.skipif("CLOSS_ISA" in os.environ, reason="this run is pinned to one instruction set already")
@pytest.mark.parametrize("isa", OTHERS)
def test_the_suite_at_every_level(isa):
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *map(str, FILES)],
        capture_output=True, text=True, cwd=HERE.parent,
        env={**os.environ, "CLOSS_ISA": isa, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    assert result.returncode == 0, result.stdout[-4000:]


@pytest.mark.parametrize("isa", _core.compiled_isa())
def test_pinning(isa):
    code = """
        try:
            from closs import _core
            print(_core.current_isa())
        except ImportError as error:
            print(error)
    """
    printed = run_python(code, CLOSS_ISA=isa).strip()
    if isa in _core.available_isa():
        assert printed == isa
    else:
        assert printed == f"CLOSS_ISA={isa} is not available here; available: {', '.join(_core.available_isa())}"


def test_an_unknown_level():
    code = """
        try:
            import closs
        except ImportError as error:
            print(error)
    """
    expected = f"CLOSS_ISA=sse9 is not available here; available: {', '.join(_core.available_isa())}"
    assert run_python(code, CLOSS_ISA="sse9").strip() == expected
    if os.name != "nt":  # whose environment has no bytes
        assert run_python(code, CLOSS_ISA="sse9\udcff").strip() == expected.replace("sse9", r"sse9\xff")


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_levels_with_fma_give_the_same_bits(dtype, tmp_path):
    """The order of additions is the algorithm's: avx2, avx512 and neon agree to the bit in every kernel."""
    levels = [name for name in _core.available_isa() if name != "baseline"]
    if len(levels) < 2:
        pytest.skip("this CPU has no two instruction sets with fused multiply-add")
    code = f"""
        import numpy as np, closs
        rng = np.random.default_rng(1)
        results = []
        for classes in (1, 2, 10, 100, 128, 129, 192, 193, 700, 5000, 20000):
            logits = (4 * rng.standard_normal((33, classes))).astype("{dtype}")
            labels = rng.integers(0, classes, 33)
            for layout in (logits, np.asfortranarray(logits)):
                loss, gradient = closs.softmax_cross_entropy(layout, labels, grad=True, reduction="none")
                results += [loss, gradient.ravel()]
        np.save(r"{tmp_path}/" + closs._core.current_isa(), np.concatenate(results))
    """
    for level in levels:
        run_python(code, CLOSS_ISA=level)
    first, *others = (np.load(tmp_path / f"{level}.npy") for level in levels)
    for other in others:
        reference.assert_same_bits(other, first)


def test_a_missing_extension_says_what_to_do(tmp_path):
    """A checkout that was not built."""
    package = tmp_path / "closs"
    package.mkdir()
    (package / "__init__.py").write_text(Path(closs.__file__).read_text(encoding="utf-8"), encoding="utf-8")
    code = f"import sys; sys.path.insert(0, r'{tmp_path}'); import closs"
    # Without site-packages, where an editable install would find the extension after all.
    result = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True)
    assert result.returncode == 1
    assert "ImportError: closs is not built here: run `python -m pip install .` in a checkout of it" in result.stderr
