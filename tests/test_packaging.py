"""Facts of packaging that stand in more than one file: they agree."""

import re
import tomllib
from pathlib import Path

import pytest

import closs

ROOT = Path(__file__).parent.parent
WORKFLOWS = ROOT / ".github" / "workflows"
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
needs_workflows = pytest.mark.skipif(not WORKFLOWS.exists(), reason="the workflows are not beside the tests")


def number(version):
    return tuple(map(int, version.split(".")))


def supported():
    """CPython versions of the classifiers, oldest first."""
    found = [re.fullmatch(r"Programming Language :: Python :: (3\.\d+)", line) for line in
             PYPROJECT["project"]["classifiers"]]  # fmt: skip
    return sorted((match[1] for match in found if match), key=number)


def test_the_oldest_python():
    assert PYPROJECT["project"]["requires-python"] == f">={supported()[0]}"
    assert PYPROJECT["tool"]["ruff"]["target-version"] == "py" + supported()[0].replace(".", "")


def test_wheels_are_built_for_every_python():
    built = PYPROJECT["tool"]["cibuildwheel"]["build"].split()
    assert [name for name in built if not name.endswith("t-*")] == [
        f"cp{version.replace('.', '')}-*" for version in supported()
    ]
    assert "cp314t-*" in built


@needs_workflows
def test_the_workflow_tests_every_python():
    matrices = re.findall(r"python: \[(.+)\]", (WORKFLOWS / "test.yml").read_text(encoding="utf-8"))
    assert matrices
    for matrix in matrices:
        assert sorted({name.strip('" t') for name in matrix.split(",")}, key=number) == supported()
        assert '"3.14t"' in matrix


@needs_workflows
def test_actions_are_pinned():
    """By the hash of a commit, which nobody can move, with its version beside it for readers and dependabot."""
    uses = [line for path in WORKFLOWS.glob("*.yml") for line in path.read_text(encoding="utf-8").splitlines()
            if "uses:" in line]  # fmt: skip
    assert uses
    for line in uses:
        assert re.fullmatch(r" +- uses: [\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line), line


def test_what_a_wheel_is_tested_with():
    """The files that .ci/suite copies beside the tests are those that cibuildwheel does."""
    suite = ROOT / ".ci" / "suite"
    if not suite.exists():
        pytest.skip(".ci is not beside the tests")
    (copied,) = re.findall(r'cp -r "\$top"/\{(.+?)\}', suite.read_text(encoding="utf-8"))
    named = {path.name for pattern in copied.split(",") for path in ROOT.glob(pattern)}
    assert named == set(PYPROJECT["tool"]["cibuildwheel"]["test-sources"])


def test_the_oldest_numpy():
    """The C API that the extensions are compiled for is that of the oldest numpy allowed."""
    (oldest,) = re.findall(r"numpy>=(\d+\.\d+)", str(PYPROJECT["project"]["dependencies"]))
    setup = ROOT / "setup.py"
    if not setup.exists():
        pytest.skip("setup.py is not beside the tests")
    targets = re.findall(r'"NPY_TARGET_VERSION", "NPY_(\d+)_(\d+)_API_VERSION"', setup.read_text(encoding="utf-8"))
    assert [".".join(target) for target in targets] == [oldest]


@pytest.mark.skipif(not (ROOT / "CHANGELOG.md").exists(), reason="the changelog is not beside the tests")
def test_the_changelog_knows_this_version():
    heads = re.findall(
        r"^## \[(.+?)\](?: - (\S+))?$", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    releases = [(version, date) for version, date in heads if version != "Unreleased"]
    assert releases[0][0] == closs.__version__
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\d", date) for _, date in releases)
