"""What a call takes beyond its arrays: under 1 MB for aligned native floating arrays, whatever their size and strides.

The peak of the process's address space is exact, where resident memory is a matter of sampling. It cannot be reset; so
the space is filled up to its former peak before a call, and what goes beyond is the call's.
"""

import sys
from pathlib import Path

import pytest
from programs import run_python

linux = pytest.mark.skipif(
    not Path("/proc/self/status").exists() or sys.platform != "linux", reason="needs Linux's /proc"
)

MEASURE = """
    import ctypes, mmap, re
    import numpy as np
    import closs

    if hasattr(ctypes.CDLL(None), "mallopt"):  # glibc
        ctypes.CDLL(None).mallopt(-3, 1 << 16)  # M_MMAP_THRESHOLD: larger blocks never come from memory freed before
    closs.set_num_threads(2)
    closs._core._share_from(30_000)  # on a busy machine, too, threads are there before anything is measured

    def kilobytes(name):
        return int(re.search(rf"{name}:\\s+(\\d+) kB", open("/proc/self/status").read())[1])

    def taken(call):
        missing = kilobytes("VmPeak") - kilobytes("VmSize")
        filler = mmap.mmap(-1, max(1, missing) * 1024)
        before = kilobytes("VmPeak")
        call()
        return kilobytes("VmPeak") - before

    small = np.ones((2000, 500), dtype=np.float32)
    for array in (small, small.T):  # threads get their stacks, modules are loaded
        closs.softmax_cross_entropy(array, np.zeros(len(array), dtype=int), grad=True)
    closs.huber_loss(small, 0.0)
    copied = taken(lambda: closs.huber_loss(np.ones(10**6, dtype=np.float32), 0.0))
    assert copied >= 3900, f"4 MB were taken, {copied} KB were seen"
"""


@linux
@pytest.mark.parametrize(
    ("shape", "dtype", "call"),
    [
        ((8192, 32768), "f4", "closs.softmax_cross_entropy(x, labels)"),
        ((2**26, 4), "f4", "closs.softmax_cross_entropy(x, labels)"),
        ((4, 2**26), "f4", "closs.softmax_cross_entropy(x, labels, axis=0)"),
        ((1, 2**28), "f4", "closs.softmax_cross_entropy(x, labels)"),
        ((1024, 256, 1024), "f4", "closs.softmax_cross_entropy(x[:, ::2], labels, axis=1)"),
        ((8192, 65536), "f2", "closs.softmax_cross_entropy(x[::2, 1::2], labels[::2])"),
        ((4096, 32768), "f8", "closs.kl_divergence(x, x, reduction='mean')"),
        ((2**28,), "f4", "closs.huber_loss(x, x)"),
        ((2**28,), "f4", "closs.huber_loss(x, x, sample_weight=x, reduction='sum')"),
        ((2**27,), "f8", "closs.l1_loss(x[::3], 0.5)"),
    ],
)
def test_a_gigabyte_is_not_copied(shape, dtype, call, tmp_path):
    """Of a sparse file, which takes no room on the disk."""
    axis = 0 if "axis=0" in call else 1
    code = (
        MEASURE
        + f"""
    x = np.memmap(r"{tmp_path / "sparse"}", dtype="{dtype}", mode="w+", shape={shape})
    assert x.nbytes == 2**30
    closs.logsumexp(x.ravel()[:9])  # Python learns what a memmap is
    labels = np.zeros({shape[:axis] + shape[axis + 1 :]}, dtype=np.int64)
    print(taken(lambda: {call}))
    """
    )
    try:
        assert int(run_python(code)) < 1024
    finally:
        (tmp_path / "sparse").unlink()


@linux
@pytest.mark.parametrize(
    "call",
    [
        "closs.softmax_cross_entropy(x, labels, grad=x)",
        "closs.softmax_cross_entropy(x.T, labels, axis=0, grad=x.T)",
        "closs.softmax_cross_entropy(x, labels, label_smoothing=0.1, grad=x, hess=y)",
        "closs.softmax(x, out=x)",
        "closs.kl_divergence(y, x, reduction='mean', grad=x)",
        "closs.softmax_cross_entropy(h, np.zeros(200, int), grad=h)",
        "closs.softmax(h[:2], out=h[:2])",
        "closs.pseudo_huber_loss(x, y, grad=x)",
    ],
)
def test_results_go_where_they_belong(call):
    code = (
        MEASURE
        + f"""
    x, y = np.ones((2, 40_000, 500), dtype=np.float32)
    h = np.ones((200, 100_000), dtype=np.float16)
    labels = np.zeros(len(x), dtype=np.int64)
    print(taken(lambda: {call}))
    """
    )
    assert int(run_python(code)) < 1024
