"""Threads: the same bits for any number, fork, Python threads, a released GIL, the functions that set the number."""

import asyncio
import os
import threading
import time

import numpy as np
import pytest
import reference
import threadpoolctl
from programs import run_python

import closs
from closs import _core

HAS_OPENMP = _core.config()["openmp"]
# Large enough for several blocks in parallel; few classes, long rows, rows that threads share, samples fastest,
# little work, in smaller blocks, short runs of samples, and few of them behind the class axis.
SHAPES = [
    ((60_000, 10), 1), ((700, 1000), 1), ((40, 20_000), 1), ((4, 120_000), 1), ((1, 600_000), 1), ((3, 30, 9000), 1),
    ((100, 3000), 0), ((600, 100), 0), ((300, 100), 1), ((8, 1000, 49), 1), ((2, 9000, 53), 1), ((1000, 600), 0),
    ((30_000, 6), 0),
]  # fmt: skip


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize(("shape", "axis"), SHAPES)
def test_bits_do_not_depend_on_threads(shape, axis, dtype, rng):
    logits = rng.standard_normal(shape).astype(dtype)
    samples = tuple(np.delete(shape, axis))
    labels = rng.integers(0, shape[axis], samples)
    weights = rng.random(samples)
    results = []
    for count in (1, 2, 3, 7):
        with threadpoolctl.threadpool_limits(8), closs.threads(count):
            results.append(closs.softmax_cross_entropy(logits, labels, axis=axis, sample_weight=weights, grad=True))
    for loss, gradient in results[1:]:
        assert loss == results[0][0]
        reference.assert_same_bits(gradient, results[0][1])


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("count", [16_384, 16_385, 100_000, 300_001])
def test_weights_of_elements_are_checked_by_threads(count, dtype, rng):
    """Their sum has the same bits; of faults the first is named, and that of the sample weights before others."""
    pred = rng.standard_normal(count)
    weights = np.ldexp(rng.standard_normal(count), rng.integers(-40, 40, count)).astype(dtype)
    results, faults = [], []
    for threads in (1, 2, 3):
        with threadpoolctl.threadpool_limits(8), closs.threads(threads):
            results.append(closs.sigmoid_cross_entropy(pred, 0.5, sample_weight=weights, pos_weight=2, grad=True))
            for places in ((count - 1,), (count - 1, count // 2), (0, count // 3), ()):
                odd = weights.copy()
                odd[list(places)] = np.inf
                with pytest.raises(ValueError, match="must be finite") as fault:
                    closs.sigmoid_cross_entropy(pred, 0.5, sample_weight=odd, pos_weight=-1)
                faults.append(str(fault.value))
    for loss, gradient in results[1:]:
        assert loss == results[0][0]
        reference.assert_same_bits(gradient, results[0][1])
    places = [text.rpartition(" ")[2] for text in faults[:4]]
    assert places == [str(count - 1), str(count // 2), "0", "-1.0"]
    assert faults[:4] == faults[4:8] == faults[8:]


def test_calls_that_wait_for_threads_stay_on_one_for_a_while():
    """Once waits take more than threads gain, as long as the last wait, at most 3 ms, and longer if that goes on."""
    code = """
        from closs import _core
        now = 100.0

        def alone(pause, gained, waited):
            global now
            now += pause
            return round(_core._account(now, gained, waited), 6)

        may_have_woken = alone(0, 0, 0.009)
        waits = [alone(0.03, 0, 0.006) for _ in range(7)]
        paid = [alone(0.001, 0.0005, 0) for _ in range(30)]
        turns = [alone(0.001, 0.0005, 0.002 if i % 5 == 0 else 0) for i in range(100)]
        lost = [alone(0.001, 0.0005, 0.004 if i % 5 == 0 else 0) for i in range(100)]
        alone(3, 0, 0)
        short = [alone(0.0001, 0.00001, 0.00005) for _ in range(1000)]
        alone(3, 0, 0)
        after_a_pause = alone(0.001, 0, 0.009)
        print(may_have_woken, *waits, paid[-1], max(turns), max(lost), max(short), after_a_pause)
    """
    waits = "0.003 0.006 0.012 0.024 0.048 0.096 0.192"
    assert run_python(code) == f"0.0 {waits} 0.0 0.0 0.25 0.0 0.0\n"


def test_more_threads_than_blocks_or_cores():
    code = """
        import numpy as np, closs
        logits, labels = np.ones((50, 20000)), np.zeros(50, int)
        print(closs.get_num_threads())
        print(closs.softmax_cross_entropy(logits, labels).hex())
    """
    many = run_python(code, OMP_NUM_THREADS="33", CLOSS_NUM_THREADS="33").split()
    one = run_python(code, OMP_NUM_THREADS="1").split()
    assert many[0] == ("33" if HAS_OPENMP else "1")
    assert one[0] == "1"
    assert many[1] == one[1]


def test_many_python_threads(rng):
    """The kernels are re-entrant: sixteen threads at once, each with its own arrays and one shared input."""
    logits, labels = rng.standard_normal((3000, 100)), rng.integers(0, 100, 3000)
    expected = closs.softmax_cross_entropy(logits, labels, grad=True)
    faults = []

    def work():
        for _ in range(10):
            loss, gradient = closs.softmax_cross_entropy(logits, labels, grad=True)
            if loss != expected[0] or not np.array_equal(gradient, expected[1]):
                faults.append(loss)

    workers = [threading.Thread(target=work) for _ in range(16)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not faults


def test_the_gil_is_released():
    """While one long call runs, this thread goes on counting."""
    logits, labels = np.zeros((8, 4_000_000), "f4"), np.zeros(8, int)
    with closs.threads(1):
        running, counted = threading.Event(), []

        def compute():
            running.set()
            with closs.threads(1):
                closs.softmax_cross_entropy(logits, labels)
            counted.append(time.perf_counter())

        worker = threading.Thread(target=compute)
        worker.start()
        running.wait()
        while worker.is_alive():
            counted.append(time.perf_counter())
            time.sleep(0)
    assert len(counted) > 10  # if it were held, one or two before the call and one after it


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_fork_after_parallel_work():
    """The child computes the same bits, serially, and says so."""
    output = run_python("""
        import os, warnings
        import numpy as np, closs
        from closs import _core
        warnings.simplefilter("ignore")
        logits, labels = np.ones((4000, 500)) * np.arange(500), np.zeros(4000, int)
        closs.set_num_threads(2)
        before = closs.softmax_cross_entropy(logits, labels)
        wanted = closs.get_num_threads()
        child = os.fork()
        if child == 0:
            same = closs.softmax_cross_entropy(logits, labels) == before
            serial = closs.get_num_threads() == 1 and _core.config()["forked"]
            os._exit(0 if same and serial else 3)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        print(closs.get_num_threads() == wanted)
    """)
    assert output.split() == ["0", "True"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_fork_after_parallel_work_of_others():
    """torch may share the libgomp of closs, which alone knows of its threads."""
    pytest.importorskip("torch", reason="torch stands for any other user of OpenMP")
    output = run_python("""
        import os, signal, warnings
        import torch
        import numpy as np, closs
        warnings.simplefilter("ignore")
        (torch.ones(3_000_000) * 2).sum()
        child = os.fork()
        if child == 0:
            signal.alarm(20)
            closs.softmax_cross_entropy(np.ones((4000, 500)), np.zeros(4000, int))
            os._exit(0 if closs.get_num_threads() == 1 else 3)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    """)
    assert output.split() == ["0"]


def test_multiprocessing_pools():
    output = run_python("""
        import multiprocessing, warnings
        import numpy as np, closs
        warnings.simplefilter("ignore")

        def work(n):
            return closs.softmax_cross_entropy(np.ones((n, 400)), np.zeros(n, int))

        if __name__ == "__main__":
            work(3000)
            if "fork" in multiprocessing.get_all_start_methods():
                with multiprocessing.get_context("fork").Pool(2) as pool:
                    assert len(set(pool.map(work, [3000] * 6))) == 1
            print("done")
    """)
    assert output.split() == ["done"]


class TestNumberOfThreads:
    def test_context_comes_before_process_default(self):
        before = closs.get_num_threads()
        with threadpoolctl.threadpool_limits(8):
            closs.set_num_threads(5)
            try:
                assert closs.get_num_threads() == (5 if HAS_OPENMP else 1)
                with closs.threads(3):
                    assert closs.get_num_threads() == (3 if HAS_OPENMP else 1)
                    with closs.threads(2):
                        assert closs.get_num_threads() == (2 if HAS_OPENMP else 1)
                    assert closs.get_num_threads() == (3 if HAS_OPENMP else 1)
                assert closs.get_num_threads() == (5 if HAS_OPENMP else 1)
            finally:
                closs.set_num_threads(before)

    def test_context_ends_with_an_exception(self):
        before = closs.get_num_threads()
        with pytest.raises(KeyError), closs.threads(1):
            raise KeyError
        assert closs.get_num_threads() == before

    def test_context_is_of_one_thread(self):
        seen = []
        with closs.threads(1):
            worker = threading.Thread(target=lambda: seen.append(closs.get_num_threads()))
            worker.start()
            worker.join()
        assert seen == [closs.get_num_threads()]

    def test_context_of_tasks(self):
        """Tasks of one thread leave theirs in any order."""
        seen = []

        async def task(n, delay):
            await asyncio.sleep(delay)
            with closs.threads(n):
                await asyncio.sleep(0.02)
                seen.append(closs.get_num_threads() == min(n, most))

        async def both():
            await asyncio.gather(task(1, 0), task(2, 0.01))

        before = closs.get_num_threads()
        with closs.threads(2):
            most = closs.get_num_threads()
        asyncio.run(both())
        assert seen == [True, True]
        assert closs.get_num_threads() == before

    def test_context_again_and_as_a_decorator(self):
        before = closs.get_num_threads()
        one = closs.threads(1)
        for _ in range(2):
            with one, closs.threads(2), one:
                assert closs.get_num_threads() == 1
            assert closs.get_num_threads() == before
        assert one(closs.get_num_threads)() == 1
        assert closs.get_num_threads() == before

    @pytest.mark.skipif(not HAS_OPENMP, reason="this build has no OpenMP to limit")
    def test_threadpoolctl_limits(self):
        with closs.threads(4), threadpoolctl.threadpool_limits(1):
            assert closs.get_num_threads() == 1

    @pytest.mark.parametrize("function", [closs.set_num_threads, closs.threads])
    def test_errors(self, function):
        for n in (0, -1, 65537, 2**70):
            with pytest.raises(ValueError, match=f"n must be between 1 and 65536, got {n}"):
                function(n)
        for n in (1.0, "2", None, True):
            with pytest.raises(TypeError, match=f"n must be an integer, got {type(n).__name__}"):
                function(n)

    def test_environment(self):
        code = "import closs; print(closs.get_num_threads())"
        assert run_python(code, CLOSS_NUM_THREADS="1").strip() == "1"
        assert run_python(code, CLOSS_NUM_THREADS=" ").strip() == run_python(code).strip()
        code = """
            import closs
            try:
                closs.get_num_threads()
            except ValueError as error:
                print(error)
        """
        for given in ("two", "0", "-3", "1.5", "65537"):
            expected = f"CLOSS_NUM_THREADS must be an integer between 1 and 65536, got '{given}'"
            assert run_python(code, CLOSS_NUM_THREADS=given).strip() == expected

    @pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system has no affinity calls")
    def test_affinity(self):
        code = """
            import os
            os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])
            import closs
            print(closs.get_num_threads())
        """
        assert run_python(code).strip() == "1"


@pytest.mark.parametrize("parts", [40, 1030])
def test_rows_of_very_many_classes(parts):
    """More parts than are kept: alone beyond 32, shared beyond 1024. Fresh, in place, with each output: the same."""
    logits = np.arange(parts * 16384 + 5, dtype=np.float32) % 1001 / 128
    logits[-2] = 30  # the maximum comes last
    expected = None
    for count in (1, 2):
        with closs.threads(count):
            loss, gradient = closs.softmax_cross_entropy(logits, 7, grad=True)
            buffer = logits.copy()
            again, _ = closs.softmax_cross_entropy(buffer, 7, grad=buffer)
            _, _, hessian = closs.softmax_cross_entropy(logits, 7, grad=True, hess=True)
            smooth = closs.softmax_cross_entropy(logits, 7, label_smoothing=0.5)
        assert again == loss
        np.testing.assert_array_equal(buffer, gradient)
        expected = expected or (loss, gradient, hessian, smooth)
        assert (loss, smooth) == (expected[0], expected[3])
        np.testing.assert_array_equal(gradient, expected[1])
        np.testing.assert_array_equal(hessian, expected[2])
    probabilities = np.exp(logits.astype(np.float64) - 30)
    probabilities /= probabilities.sum()
    assert expected[0] == pytest.approx(-np.log(probabilities[7]), rel=1e-5)
    np.testing.assert_allclose(expected[2], probabilities * (1 - probabilities), rtol=1e-4)


@pytest.mark.parametrize("options", ["class_weight=w", "sample_weight=l + 1.0, ignore_index=-1, class_weight=w", ""])
def test_labels_that_another_thread_writes_are_no_index(options):
    """While a call runs: an error, or any numbers, but nothing far away is read or written."""
    code = f"""
        import threading
        import numpy as np
        import closs
        z, l, w = np.zeros((100_000, 4), np.float32), np.zeros(100_000, np.int64), np.ones(4)

        def call():
            for _ in range(150):
                try:
                    closs.softmax_cross_entropy(z, l, grad=z, {options})
                except (IndexError, ValueError):
                    pass

        worker = threading.Thread(target=call)
        worker.start()
        while worker.is_alive():
            l[-1] = 1 << 40
            l[-1] = 0
    """
    run_python(code)
