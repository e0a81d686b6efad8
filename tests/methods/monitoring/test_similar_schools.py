"""Similar schools, within limits."""

import numpy as np
import pandas as pd
import pytest

import evidence as ev

from ..refusal import assert_refused

M = ev.monitoring


@pytest.fixture
def schools(rng):
    n = 200
    return pd.DataFrame(
        {
            "urn": 100_000 + np.arange(n),
            "pupils": rng.normal(220, 60, n).round(),
            "fsm": rng.normal(18, 7, n).round(1),
            "phase": np.where(np.arange(n) % 4 == 0, "secondary", "primary"),
            "east": rng.uniform(0, 200_000, n),
            "north": rng.uniform(0, 200_000, n),
        }
    )


def ask(data, **options):
    options = {"school": 100_007, "unit": "urn", "traits": ("pupils", "fsm")} | options
    return M.similar_schools(data, **options)


def test_schools_keep_within_the_limits_and_say_why(schools):
    found = ask(schools, same="phase", easting="east", northing="north", max_km=60)
    table = found.table
    assert "100007" not in set(table["school"])
    assert table["km"].max() <= 60
    assert table["difference"].is_monotonic_increasing
    primary = schools.loc[schools["phase"] == "primary", "urn"].astype("str")
    assert set(table["school"]) <= set(primary)
    own = schools.loc[7]
    first = table.iloc[0]
    assert first["reason"].startswith(f"pupils {first['pupils']:.4g} (here {own['pupils']:.4g}); ")
    assert "same phase" in first["reason"]
    assert "km away" in first["reason"]
    assert any("not like yours" in note for note in found.caveats)


def test_fewer_rather_than_unlike(schools):
    found = ask(schools, max_difference=0.3)
    assert 0 < len(found.table) < 10
    spread = schools[["pupils", "fsm"]].std(ddof=0)
    gaps = (found.table[["pupils", "fsm"]] - schools.loc[7, ["pupils", "fsm"]]) / spread
    assert gaps.abs().max().max() <= 0.3
    assert found.caveats[1].startswith("only ")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"school": 5}, "school '5' is not in column 'urn'; there are 200 others"),
        ({"max_km": 20}, "a limit of distance needs both easting= and northing="),
        (
            {"max_difference": 0.0},
            "no school is like '100007' within these limits; allow more distance (max_km), more "
            "difference (max_difference), or fewer columns in same",
        ),
        (
            {"traits": ()},
            "traits: name one column or more in which schools should be alike",
        ),
    ],
)
def test_what_cannot_be_found_is_said(schools, options, message):
    assert_refused(message, ask, schools, **options)
