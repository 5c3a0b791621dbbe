"""One process with closs and packages that bring OpenMP runtimes of their own, each computing on several threads."""

import textwrap
from importlib.util import find_spec

import pytest
from programs import run_python

# What makes each start its threads.
OTHERS = {
    "torch": """
        torch.set_num_threads(2)
        assert torch.ones(2000, 500).log_softmax(1).shape == (2000, 500)
    """,
    "sklearn": """
        from sklearn.cluster import KMeans
        from sklearn.ensemble import HistGradientBoostingClassifier
        HistGradientBoostingClassifier(max_iter=2).fit(x, labels)
        KMeans(3, n_init=1).fit(x)
    """,
    "xgboost": """
        booster = xgboost.train({"nthread": 2, "objective": "multi:softprob", "num_class": 5},
                                xgboost.DMatrix(x, labels), num_boost_round=2)
        assert booster.predict(xgboost.DMatrix(x)).shape == (3000, 5)
    """,
    "lightgbm": """
        lightgbm.train({"num_threads": 2, "objective": "multiclass", "num_class": 5, "verbosity": -1},
                       lightgbm.Dataset(x, labels), num_boost_round=2)
    """,
}
INSTALLED = [name for name in OTHERS if find_spec(name)]
DATA = """
import warnings
import numpy as np
warnings.simplefilter("ignore")
rng = np.random.default_rng(0)
x = rng.standard_normal((3000, 8))
labels = rng.integers(0, 5, 3000)
"""
CLOSS = """
logits = np.sin(np.arange(1000 * 1000, dtype=np.float32)).reshape(1000, 1000)
with closs.threads(2):
    loss, grad = closs.softmax_cross_entropy(logits, np.arange(1000), grad=True)
print(loss.hex(), float(np.abs(grad, dtype=float).sum()).hex())
"""


def printed(*parts):
    """What a fresh interpreter that sees the same packages prints; one that hangs is ended and fails."""
    code = "\n".join(textwrap.dedent(part) for part in parts)
    return run_python(code, timeout=300, OMP_NUM_THREADS="2")


@pytest.fixture(scope="module")
def alone():
    return printed("import numpy as np, closs", CLOSS)


def imports(names):
    return "\n".join(f"import {name}" for name in names)


def together(names, order):
    """Each computes before closs and after it, whoever was imported first."""
    work = [OTHERS[name] for name in names]
    loaded = [imports(names), "import closs"]
    return printed(*(loaded if order == "before" else loaded[::-1]), DATA, CLOSS, *work, CLOSS, *work[::-1], CLOSS)


@pytest.mark.parametrize("order", ["before", "after"])
@pytest.mark.parametrize("name", OTHERS)
def test_one_other_runtime(name, order, alone):
    if name not in INSTALLED:
        pytest.skip(f"{name} is not installed")
    assert together([name], order) == 3 * alone


@pytest.mark.parametrize("order", ["before", "after"])
def test_all_runtimes(order, alone):
    if len(INSTALLED) < 2:
        pytest.skip("fewer than two of torch, scikit-learn, xgboost and lightgbm are installed")
    assert together(INSTALLED, order) == 3 * alone
