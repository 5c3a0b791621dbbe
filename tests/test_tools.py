"""`python -m closs`: the demo, the benchmark, facts about the build, and wrong options."""

import itertools
import json
import math
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from cases import NO_LOSSES

import closs
from closs import _core
from closs.__main__ import main
from closs._tools import _ceilings, timing
from closs._tools.ceilings import Ceilings
from closs._tools.peers import installed_peers, of_numpy
from closs._tools.results import Report
from closs._tools.targets import TARGETS
from closs._tools.workloads import WORKLOADS, cases, random_cases

ROOT = Path(__file__).parent.parent
REPORT = ROOT / "benchmarks" / "report.py"


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
        (["demo", "--out", "curves.docx"], "--out must end in one of .svg, .png, .pdf, got curves.docx"),
        (["bench", "--rounds", "0"], "--rounds must be at least 1, got 0"),
        (["demo", "--seed", "-1"], "--seed must be at least 0, got -1"),
        (["bench", "--threads", "0"], "--threads must be between 1 and 65536, got 0"),
        (["bench", "--threads", "70000"], "--threads must be between 1 and 65536, got 70000"),
        (["bench", "--json", "."], "--json is a folder, expected a file: ."),
        (["curves", "--out", "no/such/folder.svg"], "there is no folder for no/such/folder.svg"),
        (["bench", "--json", "no/such/folder.json"], "there is no folder for no/such/folder.json"),
        (["bench", "--only", "nothing like this"], "no case contains nothing like this"),
        (["bench", "--peers", "abacus"], "not installed or not known: abacus"),
        (["bench", "--plot", "race.docx"], "--plot must end in one of .svg, .png, .pdf, got race.docx"),
        (["bench", "--plot", "no/such/folder.svg"], "there is no folder for no/such/folder.svg"),
    ],
)
def test_wrong_values(arguments, words, capsys):
    if arguments[0] == "demo":
        pytest.importorskip("sklearn", reason="the demo needs the extra demo")
    assert main(arguments) == 2
    assert words in capsys.readouterr().err


def test_a_wrong_number_of_threads():
    """What tells of the environment does not die of it."""
    result = subprocess.run([sys.executable, "-m", "closs", "info"], capture_output=True, text=True,
                            env={**os.environ, "CLOSS_NUM_THREADS": "many"})  # fmt: skip
    assert result.returncode == 2
    assert result.stderr.startswith("closs info: CLOSS_NUM_THREADS must be an integer between 1 and 65536, got 'many'")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no broken pipes")
@pytest.mark.parametrize("command", ["info", "config"])
def test_a_reader_who_wants_no_more(command):
    ours, theirs = os.pipe()
    os.close(ours)
    program = [sys.executable, "-m", "closs", command]
    ended = subprocess.run(program, stdout=theirs, stderr=subprocess.PIPE, text=True, check=False)
    os.close(theirs)
    assert (ended.returncode, ended.stderr) == (1, "")


def test_a_file_that_cannot_be_written_after_all(monkeypatch, capsys):
    def run(options):
        raise OSError(28, "No space left on device", "curves.svg")

    monkeypatch.setattr("closs._tools.info.run", run)
    assert main(["info"]) == 1
    assert capsys.readouterr().err == "closs info: [Errno 28] No space left on device: 'curves.svg'\n"


def test_a_folder_that_is_not_there(tmp_path, capsys):
    """The picture's place is tried before a minute of training."""
    pytest.importorskip("sklearn", reason="the demo needs the extra demo")
    assert main(["demo", "--out", str(tmp_path / "no" / "curves.png")]) == 2
    assert "there is no folder" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["dance"], ["demo", "--epochs", "many"], ["bench", "--isa", "sse9"]])
def test_usage(arguments, capsys):
    with pytest.raises(SystemExit) as left:
        main(arguments)
    assert left.value.code == 2
    assert "usage: closs" in capsys.readouterr().err


SMALL = [f"--only={text}" for text in (
    "cross_entropy float32 64x10", "softmax float64 64x10", "huber_loss float32 1000 ",
    "cross_entropy float16 64x10 value ", "distillation_loss float64 64x10 value ",
)]  # fmt: skip


def test_bench(tmp_path, capsys):
    """Small cases against numpy and scipy: a table, targets, a summary, and the same figures as JSON."""
    pytest.importorskip("scipy", reason="the race needs the extra bench")
    file = tmp_path / "bench.json"
    assert main(["bench", "--quick", *SMALL, "--peers", "numpy,scipy", "--json", str(file)]) == 0
    printed = capsys.readouterr().out
    assert "best peer / closs: geometric mean" in printed
    assert re.search(r"timings of closs spread by \d+% \(median of all cases\), at worst \d+%", printed)
    assert "MISMATCH" not in printed
    assert re.search(r"huber_loss float32 1000 value +>= 5 x, <= 600 ns +[0-9.]+ x (numpy|scipy), .* (yes|NO)", printed)
    report = Report.from_json(json.loads(file.read_text()))
    assert json.loads(json.dumps(report.as_json())) == json.loads(file.read_text())
    assert report.ceilings is None
    assert (report.facts["isa"], report.facts["rounds"]) == (_core.current_isa(), 3)
    assert {result.dtype for result in report.results} == {"float16", "float32", "float64"}
    results = {result.case: result for result in report.results}
    for name, result in results.items():
        assert name in printed
        others = {peer: time for peer, time in result.seconds.items() if peer != "closs"}
        if result.dtype == "float16" or result.output.endswith("hessian"):
            assert not others
        if others:
            assert result.seconds[result.best_peer] == min(others.values())
            assert result.ratio == pytest.approx(min(others.values()) / result.seconds["closs"])
    assert set(results["softmax_cross_entropy float32 64x10 value"].seconds) == {"closs", "numpy", "scipy"}
    # numpy's gradient is kept between calls and scipy's is not: a fresh one is compared with fresh ones
    assert set(results["softmax_cross_entropy float32 64x10 value+gradient"].seconds) == {"closs", "numpy", "scipy"}
    assert set(results["softmax_cross_entropy float32 64x10 value+gradient fresh"].seconds) == {"closs", "scipy"}


def test_bench_of_every_function(tmp_path, capsys):
    """Each is raced in each dtype, and every peer that is here gives the same results where its precision allows."""
    file = tmp_path / "bench.json"
    peers = ",".join(name for name in ("numpy", "scipy", "sklearn") if name in installed_peers())
    only = ["--only=float64 64x10 ", "--only=float64 1000 "]
    assert main(["bench", "--quick", *only, "--peers", peers, "--json", str(file)]) == 0
    assert "MISMATCH" not in capsys.readouterr().out
    raced = {result["workload"].partition(":")[0] for result in json.loads(file.read_text())["results"]}
    losses = {name for name in closs.__all__ if callable(getattr(closs, name))}
    assert raced == losses - NO_LOSSES
    assert {case.dtype for case in cases()} >= {"float16", "float32", "float64"}


def test_bench_of_random_cases(tmp_path, capsys):
    """The same for the same seed; each function, few and many elements, samples before and behind the classes."""
    chosen = list(random_cases(2000, 3))
    assert chosen == list(random_cases(2000, 3)) != list(random_cases(2000, 4))
    assert {case.workload.name for case in chosen} == {workload.name for workload in WORKLOADS}
    assert {case.axis for case in chosen} == {-1, 1}
    assert all(case.output in case.workload.outputs and min(case.shape) >= 1 for case in chosen)
    sizes = sorted(math.prod(case.shape) for case in chosen)
    assert sizes[0] < 200
    assert 10_000 < sizes[1000] < 40_000
    assert 2_000_000 < sizes[-1] <= 4_000_000
    file = tmp_path / "bench.json"
    command = ["bench", "--quick", "--random", "4", "--seed", "1", "--peers", "numpy", "--json", str(file)]
    assert main(command) == 0
    assert "MISMATCH" not in capsys.readouterr().out
    raced = [result["case"] for result in json.loads(file.read_text())["results"]]
    assert list(dict.fromkeys(name.removesuffix(" fresh") for name in raced)) == [c.name for c in random_cases(4, 1)]
    assert main(["bench", "--random", "0"]) == 2
    assert capsys.readouterr().err == "closs bench: --random must be at least 1, got 0\n"


def test_bench_reports_a_wrong_peer(monkeypatch, capsys):
    """A peer that answers another question is named, and no ratio is taken from it."""
    monkeypatch.setitem(of_numpy.SLOPES, "huber_loss", of_numpy.elementwise(of_numpy.l1))
    assert main(["bench", "--quick", "--only", " huber_loss float32 1000 value ", "--peers", "numpy"]) == 0
    printed = capsys.readouterr().out
    assert "MISMATCH: huber_loss float32 1000 value: numpy: value differs by" in printed
    assert "no peer was raced" in printed


def test_bench_draws(tmp_path):
    """With ceilings, which bound no case by less than nothing, and as a picture, at another level."""
    pytest.importorskip("matplotlib", reason="pictures need the extra curves")
    file, picture = tmp_path / "bench.json", tmp_path / "race.svg"
    isa = _core.available_isa()[0]
    result = subprocess.run(
        [sys.executable, "-m", "closs", "bench", "--only", "mse_loss float32 1000 ", "--rounds", "1", "--threads", "1",
         "--isa", isa, "--peers", "numpy", "--json", str(file), "--plot", str(picture)],
        capture_output=True, text=True, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""  # no progress bar but on a terminal
    report = Report.from_json(json.loads(file.read_text()))
    assert (report.facts["isa"], report.facts["threads"]) == (isa, 1)
    assert report.ceilings.isa == isa
    assert {"read", "copy", "triad"} <= set(report.ceilings.bytes_per_second)
    for result in report.results:
        assert result.limit in ("read", "triad", "copy")
        assert result.of_limit > 0
    assert b"<svg" in picture.read_bytes()


@pytest.mark.parametrize(("seconds", "untimed"), [(0, 2), (1, 4)])
def test_contenders_take_turns(seconds, untimed, monkeypatch):
    """Untimed calls go before each timing: as many, and four times as long."""
    order = []
    monkeypatch.setattr(timing, "calls_per_timing", lambda function, seconds: 2)
    monkeypatch.setattr(timing.time, "perf_counter", lambda: len(order))  # calls take a second
    contenders = {name: lambda name=name: order.append(name) for name in "abc"}
    times = timing.timings(contenders, rounds=4, seconds=seconds)
    assert times == dict.fromkeys("abc", [1.0] * 4)
    assert "".join(order) == "".join(name * (untimed + 2) for name in "acbcabcbabca")


@pytest.mark.parametrize("count", range(1, 9))
def test_everybody_comes_after_everybody(count):
    """As often after one as after another, and as often first."""
    names = [chr(ord("a") + place) for place in range(count)]
    rounds = [timing.turns(names, number) for number in range(2 * count)]
    assert all(sorted(order) == names for order in rounds)
    assert all(sum(order[0] == name for order in rounds) == 2 for name in names)
    pairs = [pair for order in rounds for pair in itertools.pairwise(order)]
    assert all(pairs.count((one, other)) == 2 for one in names for other in names if one != other)


def test_spread():
    assert timing.spread([1.0]) == timing.spread([2.0, 2.0, 2.0]) == 0
    assert timing.spread([1.0, 2.0, 3.0, 4.0, 5.0]) == pytest.approx(2 / 3)


@pytest.mark.parametrize("isa", _core.available_isa())
def test_ceilings_do_what_they_say(isa):
    """The loops by which the machine is measured, on three arrays of 128 floats that lie one after the other."""
    kinds = ["copy", "triad"]
    if _ceilings.has_nontemporal_stores(isa):
        kinds += ["nt_copy", "nt_triad"]
    space = np.empty(3 * 128 + 16, dtype=np.float32)
    start = -space.ctypes.data % 64 // 4
    first, second, third = space[start : start + 3 * 128].reshape(3, 128)
    for kind in kinds:
        first[:], second[:], third[:] = np.arange(128), 2.0, 0.0
        _ceilings.run(kind, isa, first.ctypes.data, 128, 1)
        if kind.endswith("copy"):
            np.testing.assert_array_equal(second, 0.5 * first)
        else:
            np.testing.assert_array_equal(third, first + 1)
    before = space.copy()
    for kind in ("read", "exp32", "exp64"):
        first[:] = before[start : start + 128] = 0.0
        _ceilings.run(kind, isa, first.ctypes.data, 128, 3)
        np.testing.assert_array_equal(space[start : start + 3 * 128], before[start : start + 3 * 128])
    with pytest.raises(ValueError, match="there is no dance here"):
        _ceilings.run("dance", isa, first.ctypes.data, 128, 1)


def test_what_bounds_a_case():
    """The slower of memory, by the better kind of store, and exponentials; between sizes on a logarithmic scale."""
    speeds = {"read": [4e9, 2e9], "copy": [1e9, 1e9], "nt_copy": [0.5e9, 2e9], "triad": [1e9, 1e9]}
    ceilings = Ceilings("avx2", 1, [10**3, 10**9], speeds, {"float32": 1e9, "float64": 1e8})
    assert ceilings.bandwidth("read", 10**6) == pytest.approx(3e9)
    assert ceilings.bandwidth("copy", 10**9) == 2e9
    assert ceilings.bandwidth("copy", 10**3) == 1e9
    bounds = {case.name: ceilings.least_seconds(case) for case in cases()}
    assert bounds["huber_loss float32 1000 value+gradient"] == ("triad", pytest.approx(12e-6))
    assert bounds["softmax float64 64x10 array"] == (
        "copy",
        pytest.approx(640 * 16 / ceilings.bandwidth("copy", 10240)),
    )
    assert bounds["logsumexp float64 4096x1000 value"] == ("exp", pytest.approx(4096000 / 1e8))


def test_targets_are_cases():
    assert set(TARGETS) <= {case.name for case in cases()}


@pytest.mark.skipif(not REPORT.exists(), reason="benchmarks are not beside the tests")
def test_the_report_fills_the_page(tmp_path):
    """Tables between the markers, twice the same; a page without markers is left alone."""
    pytest.importorskip("matplotlib", reason="pictures need the extra curves")
    race, page, plot = (tmp_path / name for name in ("race.json", "page.md", "race.svg"))
    only = ["--only= huber_loss float32 1000 ", "--only= softmax_cross_entropy float32 64x10 "]
    assert main(["bench", "--quick", *only, "--peers", "numpy,scipy", "--json", str(race)]) == 0
    page.write_text((ROOT / "docs" / "performance.md").read_text(encoding="utf-8"), encoding="utf-8")
    command = [sys.executable, str(REPORT), str(race), str(race), "--random", str(race)]
    command += ["--page", str(page), "--plot", str(plot)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run(command, check=True, env=environment)
    text = page.read_text(encoding="utf-8")
    for row in (
        r"\| `huber_loss float32 1000 value` \| >= 5 x, <= 600 ns \| ",
        r"Met: (\w+ \d of 2(, |\.)){2}",
        r"\| `softmax_cross_entropy` \| 3 \| [0-9.]+ \| ",
        r"<!-- begin random -->\n\w+: best peer / closs: geometric mean ",
        r"\| `softmax_cross_entropy float32 64x10 value\+gradient` \| .* \(scipy\) \|",
    ):
        assert re.search(row, text)
    subprocess.run(command, check=True, env=environment)
    assert page.read_text(encoding="utf-8") == text
    assert b"<svg" in plot.read_bytes()
    page.write_text("no markers")
    result = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert (result.returncode, page.read_text()) == (1, "no markers")
    assert "must have one <!-- begin machine -->" in result.stderr


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
