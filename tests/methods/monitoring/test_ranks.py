"""Ranks, bands and rank intervals."""

import numpy as np
import pandas as pd
import pytest

import evidence as ev
from evidence.stats.monitoring import ranks

from ..refusal import assert_refused

M = ev.monitoring


def areas(values, **columns):
    names = [f"area {place}" for place in range(len(values))]
    return pd.DataFrame({"la": names, "v": values, **columns})


def test_ties_share_the_better_rank_and_fall_to_the_lower_value_side():
    """Quartiles of type 7 are 3, 5 and 7: a value at a cut is in the band below it."""
    values = [1, 2, 3, 4, 5, 6, 7, 8, 9]
    high = M.rank_and_band(areas(values), area="la", value="v", polarity="high").table
    low = M.rank_and_band(areas(values), area="la", value="v", polarity="low").table
    assert "".join(high["band"]) == "DDDCCBBAA"
    assert "".join(low["band"]) == "AAABBCCDD"
    tied = M.rank_and_band(areas([5, 9, 9, 1, 9, 2]), area="la", value="v", polarity="high").table
    assert tied["rank"].tolist() == [4, 1, 1, 6, 1, 5]


def test_areas_without_a_value_have_no_rank():
    found = M.rank_and_band(
        areas(["5", "c", "7", "6 ", "-", "1"]), area="la", value="v", polarity="low"
    )
    assert found.table["rank"].isna().sum() == 2
    assert found.table["n_ranked"].iloc[0] == 4
    assert found.table["band"].tolist()[1] == ""
    assert found.caveats == (
        "v: no number in 2 rows: 1 confidential (c), 1 not available (-)",
        "v: 4 of 6 areas have a value",
    )
    assert found.sentence("area 1") == "v, area 1: no value, so no rank."
    assert found.sentence("area 5") == "v, area 5: 1, rank 1 of 4, band A."


@pytest.mark.parametrize(
    ("data", "changes", "message"),
    [
        (areas([1, 2, 3, 4]), {"polarity": "-"}, "polarity is '-'; allowed are high, low"),
        (areas([1, 2, 3]), {}, "column 'v': 3 areas with a value; ranks and quartiles need four"),
        (
            areas([1, 2, 3, 4]).assign(la=["a", "b", "b", "c"]),
            {},
            "column 'la', row 4: this area stands in an earlier row too; one row each is needed: "
            "select one indicator, period and group",
        ),
    ],
)
def test_wrong_tables_are_refused(data, changes, message):
    arguments = {"area": "la", "value": "v", "polarity": "high"} | changes
    assert_refused(message, M.rank_and_band, data, **arguments)


def test_a_rank_interval_needs_a_share_on_its_scale():
    data = areas([50, 60, 70, 120], n=[10, 10, 10, 10])
    assert_refused(
        "column 'v', row 5: a share is from 0 to 100; say percent=False or give std_error=",
        M.rank_interval,
        data,
        area="la",
        value="v",
        polarity="high",
        n="n",
    )
    assert_refused(
        "rank_interval needs one of n= and std_error=",
        M.rank_interval,
        data,
        area="la",
        value="v",
        polarity="high",
    )


def test_a_sure_rank_has_a_narrow_interval_and_a_guess_a_wide_one():
    values = np.arange(40, 60)
    for error, widest, narrowest in ((0.01, 0, 0), (20, 19, 15)):
        table = M.rank_interval(
            areas(values, se=error), area="la", value="v", polarity="high", std_error="se"
        ).table
        width = table["rank_upper"] - table["rank_lower"]
        assert narrowest <= width.min() <= width.max() <= widest
    assert table["shrunken"].std() < values.std()


def test_rank_intervals_are_the_same_each_time():
    data = areas([50, 61, 62, 70, 71], n=[50, 40, 900, 60, 30])
    first, again = (
        M.rank_interval(data, area="la", value="v", polarity="low", n="n").to_frame()
        for _ in range(2)
    )
    pd.testing.assert_frame_equal(first, again)


@pytest.mark.parametrize(
    ("k", "sizes"),
    [
        (150, (400, 4000)),
        pytest.param(150, (20, 60), marks=pytest.mark.slow),
        pytest.param(40, (100, 400), marks=pytest.mark.slow),
    ],
)
def test_rank_intervals_cover_the_true_rank(rng, k, sizes):
    """Authorities and small schools; 94 to 96 in a hundred, give or take this short run."""
    held = []
    for _ in range(2400 // k):
        truth = rng.normal(0.62, 0.07, k).clip(0.05, 0.97)
        n = rng.integers(*sizes, k)
        data = areas(100 * rng.binomial(n, truth) / n, n=n)
        table = M.rank_interval(
            data, area="la", value="v", polarity="high", n="n", draws=1000
        ).table
        rank = ranks.rank(truth, True)
        held.append(table["rank_lower"].le(rank) & table["rank_upper"].ge(rank))
    assert np.concatenate(held).mean() == pytest.approx(0.95, abs=0.015)
