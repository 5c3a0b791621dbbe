"""`python -m closs`: the demo, the benchmark, facts about the build, and wrong options."""

import json
import re
import sys

import numpy as np
import pytest

import closs
from closs import _core
from closs.__main__ import main


def test_info_prints_the_configuration(capsys):
    assert main(["info"]) == 0
    printed = capsys.readouterr().out
    closs.show_config()
    assert capsys.readouterr().out == printed
    facts = _core.config()
    assert printed.startswith(f"closs {closs.__version__}\n")
    for fact in (facts["isa"], ", ".join(facts["isa_compiled"]), facts["compiler"]):
        assert fact in printed
    assert facts["isa"] in facts["isa_available"]
    assert set(facts["isa_available"]) <= set(facts["isa_compiled"])
    assert "baseline" in facts["isa_available"]
    assert ("serially" in printed) == (not facts["openmp"])


def test_demo(tmp_path, capsys):
    """The main job on real data: 96 % of the digits it has not seen, and a picture, without display or terminal."""
    pytest.importorskip("sklearn", reason="the demo needs the extra demo")
    picture = tmp_path / "curves.png"
    assert main(["demo", "--out", str(picture)]) == 0
    printed = capsys.readouterr().out
    assert float(re.search(r"test accuracy ([0-9.]+) %", printed)[1]) >= 96
    assert re.search(r"cross-entropy 0\.\d+ nats", printed)
    assert re.search(r"closs +[0-9.]+ [num]?s\n +numpy +[0-9.]+ [num]?s +[0-9.]+ x the time of closs", printed)
    assert str(picture) in printed
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_demo_with_other_options(tmp_path, capsys):
    pytest.importorskip("sklearn", reason="the demo needs the extra demo")
    picture = tmp_path / "curves.svg"
    assert main(["demo", "--epochs", "2", "--seed", "5", "--out", str(picture)]) == 0
    assert "2 epochs" in capsys.readouterr().out
    assert b"<svg" in picture.read_bytes()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["demo", "--epochs", "0"], "--epochs must be at least 1, got 0"),
        (["demo", "--out", "curves.docx"], "--out must end in one of .png, .svg, .pdf, got curves.docx"),
        (["bench", "--rounds", "0"], "--rounds must be at least 1, got 0"),
        (["bench", "--threads", "0"], "--threads must be at least 1, got 0"),
        (["bench", "--json", "no/such/folder.json"], "there is no folder for no/such/folder.json"),
        (["bench", "--only", "nothing like this"], "no case contains nothing like this"),
        (["bench", "--peers", "abacus"], "not installed or not known: abacus"),
    ],
)
def test_wrong_values(arguments, words, capsys):
    if arguments[0] == "demo":
        pytest.importorskip("sklearn", reason="the demo needs the extra demo")
    assert main(arguments) == 2
    assert words in capsys.readouterr().err


def test_a_folder_that_is_not_there(tmp_path, capsys):
    """The picture's place is tried before a minute of training."""
    pytest.importorskip("sklearn", reason="the demo needs the extra demo")
    assert main(["demo", "--out", str(tmp_path / "no" / "curves.png")]) == 2
    assert "there is no folder" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["dance"], ["demo", "--epochs", "many"]])
def test_usage(arguments, capsys):
    with pytest.raises(SystemExit) as left:
        main(arguments)
    assert left.value.code == 2
    assert "usage: closs" in capsys.readouterr().err


def test_bench(tmp_path, capsys):
    """Small cases against numpy and scipy: a table, a summary, and the same figures as JSON."""
    report = tmp_path / "bench.json"
    only = [f"--only={text}" for text in ("cross_entropy float32 64x10", "softmax float64 64x10", "huber float32 1000 ",
                                          "cross_entropy float16 64x10", "distillation float64 64x10")]  # fmt: skip
    assert main(["bench", "--quick", *only, "--peers", "numpy,scipy", "--json", str(report)]) == 0
    printed = capsys.readouterr().out
    assert "best peer / closs: geometric mean" in printed
    results = json.loads(report.read_text())["results"]
    assert {result["dtype"] for result in results} == {"float16", "float32", "float64"}
    raced = {"cross_entropy": {"numpy", "scipy"}, "softmax": {"numpy", "scipy"}, "log_softmax": {"numpy", "scipy"},
             "huber": {"numpy"}, "distillation": set()}  # fmt: skip
    assert {result["function"] for result in results} == set(raced)
    for result in results:
        seconds = result["seconds"]
        others = set() if result["dtype"] == "float16" else raced[result["function"]]
        assert set(seconds) == {"closs", *others}
        if others:
            assert result["ratio"] == pytest.approx(min(seconds[name] for name in others) / seconds["closs"])
        assert result["case"] in printed


@pytest.mark.parametrize("suffix", ["svg", "png"])
def test_curves(suffix, tmp_path, capsys):
    pytest.importorskip("matplotlib", reason="pictures need the extra curves")
    out = tmp_path / f"curves.{suffix}"
    assert (
        main(["curves", "--out", str(out), "--losses", "l1", "huber", "smooth_l1", "quantile", "--delta", "0.5", "1"])
        == 0
    )
    assert f"curves saved to {out}" in capsys.readouterr().out
    picture = out.read_bytes()
    assert picture.startswith(b"\x89PNG" if suffix == "png" else b"<?xml")
    assert len(picture) > 10_000
    for arguments, words in ((["--out", "a.txt"], "must end in one of"),
                             (["--delta", "0"], "--delta must be finite and > 0"),
                             (["--out", str(tmp_path / "no" / "a.svg")], "there is no folder")):  # fmt: skip
        assert main(["curves", *arguments]) == 2
        assert words in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["curves", "--losses", "l7"])


def test_a_robust_regression():
    """Huber's fit is better on clean data than that of squared errors, whatever the split."""
    pytest.importorskip("sklearn", reason="the demo needs the extra demo")
    from closs._tools.demo import regress

    for seed in range(3):
        errors = regress(np.random.default_rng(seed)).errors
        assert errors["Huber, delta 30"] < 0.8 * errors["squared error"]
        assert errors["Huber, delta 30"] < 1.1 * errors["absolute error"]


def test_missing_extra(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    assert main(["demo"]) == 1
    assert 'python -m pip install "closs[demo]"' in capsys.readouterr().err
