"""Small calls of several builds of closs, each in a process of its own, timed in turn: what the stable ABI costs.

    python benchmarks/builds.py FOLDER FOLDER...

Each folder holds a built package `closs`. Printed: the least time of a call in every round, on one thread.
"""

import argparse
import json
import subprocess
import sys

ROUNDS, CALLS = 3000, 100
CASES = {
    "huber_loss, 1000 float32": "closs.huber_loss(x, t)",
    "huber_loss, 1000 float32, gradient": "closs.huber_loss(x, t, grad=g)",
    "softmax_cross_entropy, 64 x 10 float32": "closs.softmax_cross_entropy(z, y)",
    "softmax_cross_entropy, 1 x 2 float32": "closs.softmax_cross_entropy(one, label)",
}
WORKER = f"""
import json, sys, timeit
import numpy as np
import closs
assert closs.__file__.startswith(sys.argv[1])
rng = np.random.default_rng(0)
x = rng.standard_normal(1000, dtype=np.float32)
t, g = np.zeros_like(x), np.empty_like(x)
z = rng.standard_normal((64, 10), dtype=np.float32)
y = rng.integers(0, 10, 64)
one, label = z[:1, :2].copy(), np.zeros(1, np.int64)
closs.set_num_threads(1)
timers = [timeit.Timer(call, globals=globals()) for call in {list(CASES.values())!r}]
for line in sys.stdin:
    print(json.dumps([timer.timeit({CALLS}) / {CALLS} for timer in timers]), flush=True)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="+")
    folders = parser.parse_args().folder
    workers = [
        subprocess.Popen([sys.executable, "-c", WORKER, folder], cwd=folder, text=True,
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for folder in folders
    ]  # fmt: skip
    best = [[float("inf")] * len(CASES) for _ in folders]
    for number in range(ROUNDS):
        for k in range(len(folders)):
            worker = (k + number) % len(folders)
            workers[worker].stdin.write("\n")
            workers[worker].stdin.flush()
            times = json.loads(workers[worker].stdout.readline())
            best[worker] = [min(pair) for pair in zip(best[worker], times, strict=True)]
    for worker in workers:
        worker.communicate()
    for case, name in enumerate(CASES):
        print(f"{name:40}", *(f"{times[case] * 1e9:7.0f} ns" for times in best))


if __name__ == "__main__":
    main()
