"""What the documents say is what happens: doctests, README blocks, public names."""

import doctest
import inspect
import re
from pathlib import Path

import cases
import numpy as np
import pytest

import closs
from closs._tools.workloads import WORKLOADS

ROOT = Path(__file__).parent.parent
PUBLIC = [getattr(closs, name) for name in closs.__all__ if not name.startswith("__")]


@pytest.mark.parametrize("function", PUBLIC, ids=lambda function: function.__name__)
def test_doctests(function):
    tests = doctest.DocTestFinder(recurse=False).find(function, function.__name__, globs={})
    assert any(test.examples for test in tests), "no example"
    for test in tests:
        assert doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(test).failed == 0


@pytest.mark.parametrize("function", PUBLIC, ids=lambda function: function.__name__)
def test_docstrings_have_their_sections(function):
    text = inspect.getdoc(function)
    assert "Examples\n--------" in text
    for parameter in inspect.signature(function).parameters:
        assert re.search(rf"^{parameter} : ", text, re.MULTILINE), f"{parameter} is not described"
    if function is closs.softmax_cross_entropy:
        for section in ("Parameters", "Returns", "Raises", "Warns", "Notes", "References"):
            assert f"{section}\n{'-' * len(section)}\n" in text


def test_public_names():
    visible = {name for name in vars(closs) if not name.startswith("_")} | {"__version__"}
    assert set(closs.__all__) == visible


def test_version():
    assert re.fullmatch(r"\d+\.\d+\.\d+", closs.__version__)
    header = ROOT / "src" / "closs.h"
    if header.exists():
        parts = re.findall(r"#define CLOSS_VERSION_(?:MAJOR|MINOR|PATCH) (\d+)", header.read_text())
        assert closs.__version__ == ".".join(parts)


README = ROOT / "README.md"


@pytest.mark.skipif(not (ROOT / "docs").exists(), reason="the documents are not beside the tests")
@pytest.mark.parametrize("page", sorted((ROOT / "docs").glob("*.md")), ids=lambda page: page.name)
def test_pages(page, capsys):
    """Every block runs, and prints what its comments say."""
    names = {}
    blocks = re.findall(r"^```python\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert blocks
    for block in blocks:
        exec(compile(block, page.name, "exec"), names)
        assert capsys.readouterr().out.split("\n")[:-1] == re.findall(r"print\(.*\)  # (.+)$", block, re.MULTILINE)


def test_every_place_of_a_loss_is_filled():
    """The list of CONTRIBUTING, "Add a loss": stub, documents, decisions, bounds, golden bits, race."""

    def read(*paths):
        return "".join(path.read_text(encoding="utf-8") for path in paths)

    def quoted(names):
        return " ".join(f'"{name}"' for name in names)

    tests = Path(__file__).parent
    bounds = [tests / name for name in ("test_budget.py", "test_accuracy.py", "test_softmax.py")]
    places = {  # and what has no business there
        "the stubs": (
            read(*Path(closs.__file__).parent.glob("*.pyi")),
            {"get_include", "get_library_dir", "show_config"},  # annotated where they are
        ),
        "the tests of bounds": (read(*bounds), {*cases.NO_LOSSES, "zero_one_loss"}),  # which has no error to bound
        "tests/make_golden.py": (read(tests / "make_golden.py"), cases.NO_LOSSES),
        "SPECIAL in tests/cases.py": (quoted(case.function for case in cases.SPECIAL), cases.NO_LOSSES),
        "WORKLOADS of the race": (quoted(workload.function for workload in WORKLOADS), cases.NO_LOSSES),
    }
    if README.exists():
        places["README.md"] = read(README), set()
        places["CHANGELOG.md"] = read(ROOT / "CHANGELOG.md"), set()
    for place, (text, exempt) in places.items():
        for name in {function.__name__ for function in PUBLIC} - exempt:
            # As code: some names are words, too, of which a sentence may speak.
            as_code = rf'closs\.{name}\b|`{name}`|"{name}"|"{name.removesuffix("_loss")}"|\bdef {name}\('
            assert re.search(as_code, text), f"{name} is missing in {place}"


@pytest.mark.skipif(not README.exists(), reason="the README is not beside the tests")
class TestReadme:
    def blocks(self, language):
        return re.findall(rf"^```{language}\n(.*?)^```", README.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)

    def test_python_blocks(self, capsys):
        """Each runs, in one namespace, and prints what its comments say it prints."""
        blocks = self.blocks("python")
        assert blocks
        names = {}
        for block in blocks:
            exec(compile(block, "README.md", "exec"), names)
            promised = re.findall(r"print\(.*\)  # (.+)$", block, re.MULTILINE)
            assert capsys.readouterr().out.split("\n")[:-1] == promised
        assert isinstance(names["loss"], float)
        assert np.isfinite(names["loss"])

    def test_commands(self):
        """Two commands come first, to see closs and to test it, and nothing else is asked of a new user."""
        commands = [line for block in self.blocks("sh") for line in block.splitlines() if line]
        assert commands[:2] == [
            'python -m pip install -e ".[demo]" && python -m closs demo',
            'python -m pip install -e ".[test]" && python -m pytest',
        ]
        for command in commands[2:]:
            assert re.fullmatch(r"python -m closs (info|bench|demo|curves)( .*)?|pip install .*|cc .*", command)

    def test_links(self):
        for target in re.findall(r"\]\(([^)#]+)\)", README.read_text(encoding="utf-8")):
            if not target.startswith("http"):
                assert (ROOT / target).exists(), target
