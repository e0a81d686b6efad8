"""Panels that tests of several methods share."""

import numpy as np
import pandas as pd
import pytest

import evidence as ev

from .simulated import MODEL, simulate


@pytest.fixture
def panel(rng):
    """Return 40 schools in 2015 to 2019; 12 start in 2018; effect 4 points; some rows missing."""
    frame = pd.DataFrame(
        {
            "urn": np.repeat([f"10{k:02d}" for k in range(40)], 5),
            "year": np.tile(np.arange(2015, 2020), 40),
        }
    )
    school = np.repeat(np.arange(40), 5)
    frame["lamp"] = ((school < 12) & (frame["year"] >= 2018)).astype(int)
    frame["leap"] = ((school % 5 == 0) & (frame["year"] >= 2017)).astype(int)
    frame["n"] = rng.integers(10, 60, 40)[school] + rng.integers(-3, 4, 200)
    frame["federation"] = school // 2
    frame["pct"] = 60 + rng.normal(0, 8, 40)[school] + rng.normal(0, 4, 200) + 4 * frame["lamp"]
    return frame.drop(index=[2, 57, 111]).reset_index(drop=True)


@pytest.fixture(scope="session")
def low_panel():
    """Return 80 schools, of which the 16 lowest start in the last of 5 years; effect 9 points."""
    frame = simulate(
        np.random.default_rng(11), schools=80, years=5, effect=9.0, chosen=16, noise=20.0
    )
    frame["leap"] = (frame["urn"].isin([f"s{i:03d}" for i in range(0, 80, 7)])).astype(int)
    frame["leap"] *= (frame["year"] >= 2018).astype(int)
    return frame.assign(other=frame["pct"] - 9.0 * frame["lamp"])


@pytest.fixture(scope="session")
def checks(low_panel):
    """Return the checks of that panel."""
    return ev.impact.sensitivity(low_panel, placebo="other", unit_words="pp", draws=199, **MODEL)
