"""Every indicator of every area at once: the same as one at a time."""

import numpy as np
import pandas as pd
import pytest

import evidence as ev

from ..refusal import assert_refused, refused

M = ev.monitoring
TARGET = 66.0


@pytest.fixture
def data(rng):
    """Return two indicators of twelve areas and England: shares, and scores with a gap."""
    years, names = range(2010, 2022), [f"Area {n:02d}" for n in range(12)]
    rows = []
    for place, name in enumerate([*names, "England"]):
        level, size = 60 + place, 400.0 * (place + 1)
        for year in years:
            count = np.round(size * (level + rng.normal(0, 1.5)) / 100)
            rows.append(("Phonics", name, year, 100 * count / size, size, "High", "%", TARGET))
            score = 10 + place / 4 + rng.normal(0, 0.5) + (3 * (place == 3 and year == 2021))
            known = str(score) if (place, year) != (5, 2012) else "c"
            rows.append(("Score", name, year, known, np.nan, "Low", "", np.nan))
    columns = ["indicator", "area", "time", "value", "n", "polarity", "unit", "target"]
    return pd.DataFrame(rows, columns=columns)


@pytest.fixture
def found(data):
    return M.areas(data, n="n", unit="unit", target="target")


@pytest.mark.parametrize("name", ["Phonics", "Score"])
def test_charts_are_those_of_one_series_at_a_time(data, found, name):
    better = {"Phonics": "increase", "Score": "decrease"}[name]
    for area in ("Area 00", "Area 03", "Area 05", "England"):
        own = data[(data["area"] == area) & (data["indicator"] == name)]
        target = TARGET if name == "Phonics" else None
        chart = M.control_chart(own, value="value", time="time", improvement=better, target=target)
        row = found.table[(found.table["area"] == area) & (found.table["indicator"] == name)]
        row = row.iloc[0]
        assert row["variation"] == chart.variation
        assert row["assurance"] == chart.assurance
        series = found.series[(found.series["area"] == area) & (found.series["indicator"] == name)]
        for column in ("value", "centre", "lower", "upper"):
            np.testing.assert_allclose(series[column], chart.table[column], rtol=1e-12)
        assert series["signal"].tolist() == chart.table["signal"].tolist()
    assert found.table.query("area == 'Area 03' and indicator == 'Score'")["variation"].item() == (
        "concern"
    )


def test_shares_have_exact_ranges_ranks_and_funnels(data, found):
    now = data[(data["indicator"] == "Phonics") & (data["time"] == 2021)]
    local = now[now["area"] != "England"].reset_index(drop=True)
    alone = M.rank_interval(
        local, area="area", value="value", n="n", polarity="high", draws=1_000, seed=1
    ).table.set_index("area")
    mine = found.table[found.table["indicator"] == "Phonics"].set_index("area")
    for column in ("rank", "rank_lower", "rank_upper"):
        assert (mine.loc[alone.index, column] == alone[column]).all()
    row = mine.loc["Area 03"]
    low, high = (
        ev.monitoring.proportion(round(row["value"] / 100 * 1600), 1600)
        .to_frame()
        .iloc[0][["ci_lower", "ci_upper"]]
    )
    np.testing.assert_allclose([row["lower"], row["upper"]], [100 * low, 100 * high], rtol=1e-9)
    assert set(found.funnels) == {"Phonics"}
    assert mine.loc["England", "rank"] != mine.loc["England", "rank"]
    assert len(set(mine["national"])) == 1


def test_what_all_areas_share_is_no_chance(data):
    """A jump of all areas widens no area's range; a jump of the same size of one does."""
    scores = data[data["indicator"] == "Score"].reset_index(drop=True)
    calm = M.areas(scores).table.set_index("area")
    numbers = pd.to_numeric(scores["value"], errors="coerce")
    moved = numbers + 20 * (scores["time"] >= 2016)
    shared = M.areas(scores.assign(value=moved)).table.set_index("area")
    width = (shared["upper"] - shared["lower"]) / (calm["upper"] - calm["lower"])
    np.testing.assert_allclose(width, 1.0, rtol=1e-9)


def test_few_readings_are_not_judged_and_said_to_be(data):
    short = data[data["time"] > 2016]
    found = M.areas(short, n="n", unit="unit", target="target")
    assert set(found.table["variation"]) == {"too few"}
    assert set(found.table["assurance"]) == {""}
    assert found.caveats == (
        "limits of 26 of 26 series rest on fewer than 12 readings and are unsure",
    )


def test_wrong_tables_are_refused(data):
    twice = pd.concat([data, data.iloc[:1]], ignore_index=True)
    message = "indicator 'Phonics': Area 00 has two readings in 2010; one row each is needed"
    assert_refused(message, M.areas, twice)
    message = (
        "among the rows of indicator 'Phonics': column 'time', row 2: not a time; years (2018, "
    )
    with pytest.raises(ev.EvidenceError) as error:
        M.areas(data.astype({"time": "str"}).assign(time=["soon", *data["time"][1:].astype("str")]))
    assert str(error.value).startswith(message)
    with pytest.raises(ev.EvidenceError, match="column 'value', row 3"):
        M.areas(data.astype({"value": "object"}).assign(value=["1", "many", *data["value"][2:]]))


def test_what_cannot_be_judged_is_left_out_and_named_and_no_range_is_below_zero(data):
    """A whole file is not lost to one of its indicators."""
    value = pd.to_numeric(data["value"], errors="coerce")
    near_zero = value - value.groupby(data["indicator"]).transform("min")
    rates = data.assign(unit="rate", value=near_zero, n=np.nan)
    never = data[:9].assign(indicator="Never", value=np.nan, time="0")
    rare = data[data["indicator"] == "Phonics"].assign(indicator="Rare")
    place = rare.groupby("area", sort=False).ngroup()
    rare = rare[place % rare["time"].nunique() == rare["time"] - rare["time"].min()]
    found = M.areas(pd.concat([rates, never, rare]), unit="unit", n="n")
    assert set(found.table["indicator"]) == set(data["indicator"])
    assert found.caveats[0] == "Never: no figure at any time"
    assert "Rare: left out: at no time have half of its areas a figure" in found.caveats
    assert (found.table["lower"] >= 0).all()
    once = M.areas(data[data["time"] == data["time"].max()])
    assert once.table.loc[once.table["polarity"] != "", "rank"].notna().any()
    assert once.table["rank_lower"].isna().all()
    with pytest.raises(ev.EvidenceError, match=r"^no indicator can be shown: Never: no figure"):
        M.areas(never)


def test_a_polarity_is_a_direction_or_none(data):
    line = refused(M.areas, data.assign(polarity="up"))
    assert "'up' is no direction; allowed are high, low, and neutral" in line


def test_shares_among_percentages_are_said(data):
    first = data.index[0]
    values = data["value"].astype(object)
    values[first] = float(values[first]) / 100
    odd = data.assign(value=values)
    found = M.areas(odd, unit="unit")
    assert any("1 value from 0 to 1 beside percentages" in note for note in found.caveats)
