"""Tables that tests of several methods share."""

import numpy as np
import pandas as pd
import pytest


@pytest.fixture
def schools(rng):
    """Return 12 treated and 60 comparison schools that differ."""
    n = 72
    treated = np.arange(n) < 12
    return pd.DataFrame(
        {
            "lamp": treated.astype(int),
            "before": rng.normal(60, 10, n) - 6 * treated,
            "fsm": rng.normal(20, 8, n),
            "rural": (rng.random(n) < np.where(treated, 0.6, 0.3)).astype(int),
            "kind": rng.choice(["infant", "junior", "primary"], n),
            "pupils": rng.integers(8, 60, n),
        }
    )
