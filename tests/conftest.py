"""Fixtures: random numbers whose seed a failure prints."""

import numpy as np
import pytest

from closs import _core

SEED = 20150204


@pytest.fixture(scope="session", autouse=True)
def share_small_calls():
    """So that small arrays, too, are computed by threads where a test asks for several."""
    _core._share_from(30_000)


@pytest.fixture
def rng(request):
    """A generator of its own for every test, so that each fails alone as it fails in the suite."""
    name = request.node.nodeid.encode()
    seed = [SEED, *name]
    print(f"rng seed: {SEED} and the name of the test")
    return np.random.default_rng(seed)
