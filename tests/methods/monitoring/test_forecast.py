"""Forecasts and whether they hold."""

import numpy as np
import pandas as pd
import pytest

import evidence as ev

from ..refusal import assert_refused

M = ev.monitoring


def panel(rng, k=150, years=8):
    values = rng.normal(60, 8, (k, 1)) + rng.normal(0, 2, (k, years)).cumsum(1)
    long = pd.DataFrame(values, columns=range(2012, 2012 + years)).rename_axis("la")
    return long.reset_index().melt("la", var_name="year", value_name="v")


@pytest.mark.slow
def test_intervals_hold_as_often_as_they_say(rng):
    held = []
    for _ in range(20):
        data = panel(rng)
        known, came = data[data["year"] < 2019], data[data["year"] == 2019]
        found = M.forecast(known, value="v", time="year", unit="la")
        held.append(found.score(came, value="v", unit="la")["held"])
    assert np.concatenate(held).mean() == pytest.approx(0.8, abs=0.02)


def test_one_series_has_wider_limits_further_ahead(rng):
    data = panel(rng, k=1)
    near, far = (
        M.forecast(data, value="v", time="year", horizon=horizon).table.iloc[0]
        for horizon in (1, 4)
    )
    assert near["forecast"] == data["v"].iloc[-1]
    assert far["upper"] - far["lower"] == pytest.approx(2 * (near["upper"] - near["lower"]))


@pytest.mark.slow
def test_one_series_holds_as_often_as_it_says(rng):
    held = []
    for _ in range(500):
        values = rng.normal(0, 2, 9).cumsum()
        data = pd.DataFrame({"year": range(2010, 2018), "v": values[:8]})
        row = M.forecast(data, value="v", time="year").table.iloc[0]
        held.append(row["lower"] <= values[8] <= row["upper"])
    assert np.mean(held) == pytest.approx(0.8, abs=0.04)


def test_real_series_hold_about_as_often_as_they_say(shared):
    data = pd.read_csv(
        shared / "data/send/ehcp_2025_timeliness_20_week.csv", dtype={"old_la_code": "str"}
    )
    data = data[
        (data["geographic_level"] == "Local authority")
        & (data["breakdown"] == "All EHC plans issued")
    ]
    call = {"value": "pc_plans_issued_within_20_weeks", "unit": "new_la_code"}
    known, came = data[data["time_period"] < 2024], data[data["time_period"] == 2024]
    found = M.forecast(known, time="time_period", limits=(0, 100), **call)
    scored = found.score(came, **call)
    assert len(scored) > 120
    assert scored["held"].mean() == pytest.approx(0.8, abs=0.1)
    assert found.table["lower"].min() >= 0


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (
            {"year": [2017, 2018], "v": [1, 2]},
            "no series of 'v' has 4 values and one at the last time (2018); with horizon=1 at "
            "least 4 times are needed",
        ),
        (
            {"year": ["2017", "2018", "2018 (rev)"], "v": [1, 2, 2]},
            "column 'year', row 4: this time stands in an earlier row too; one row a time and unit "
            "is needed",
        ),
        (
            {"year": ["2018-01-31", "2018-02-28", "2018-06-30", "2018-07-31"], "v": [1, 2, 2, 3]},
            "column 'year': times are not equally spaced",
        ),
        (
            {"year": [2014, 2015, 2017, 2018], "v": ["1", "c", "2", "3"]},
            "no series of 'v' has 4 values and one at the last time (2018); with horizon=1 at "
            "least 4 times are needed",
        ),
    ],
)
def test_what_cannot_be_forecast_is_said(data, message):
    assert_refused(message, M.forecast, pd.DataFrame(data), value="v", time="year")


def test_a_year_that_is_missing_is_no_step_of_one(rng):
    data = panel(rng, k=30)
    gap = data[data["year"] != 2015]
    found = M.forecast(gap, value="v", time="year", unit="la")
    whole = M.forecast(data, value="v", time="year", unit="la")
    width = [(x.table["upper"] - x.table["lower"]).mean() for x in (found, whole)]
    assert width[0] == pytest.approx(width[1], rel=0.15)


def test_months_are_equally_spaced():
    months = pd.date_range("2018-01-31", periods=12, freq="ME")
    found = M.forecast(pd.DataFrame({"t": months, "v": range(12)}), value="v", time="t")
    assert found.table["last_time"].iloc[0] == "2018-12-31"


@pytest.mark.slow
def test_held_back_years_of_the_long_file_fall_within_eight_in_ten_intervals(shared):
    """Every year of every indicator before which five are known: 2021 to 2025.

    Years hold fewer while the pandemic breaks and mends what no past year did (2022: 71%).
    """
    data = pd.read_parquet(shared / "data/local-authority/bds_long_0.parquet")
    data = data[(data["Region"] != "NA") & data["Years"].str.fullmatch(r"20\d\d")]
    data = data.assign(year=data["Years"].astype(int))
    held: dict[int, list[float]] = {}
    for _, group in data.groupby("Short Desc"):
        group = group[pd.to_numeric(group["Values"], errors="coerce").notna()]
        for year in range(2017, 2026):
            past, now = group[group["year"] < year], group[group["year"] == year]
            times = set(past["year"])
            if len(times) < 5 or year - 1 not in times or len(now) < 100:
                continue
            call = {"value": "Values", "unit": "LA Number"}
            found = M.forecast(past, time="year", **call)
            held.setdefault(year, []).append(found.score(now, **call)["held"].mean())
    every = [share for some in held.values() for share in some]
    assert sorted(held) == [2021, 2022, 2023, 2024, 2025]
    assert len(every) > 600
    assert np.mean(every) == pytest.approx(0.8, abs=0.02)
    assert np.mean(held[2024] + held[2025]) == pytest.approx(0.8, abs=0.03)


def test_what_all_series_did_together_may_be_undone(rng):
    """All rise by 20 in the last year: the interval reaches as far down as it might go back."""
    data = panel(rng, k=40)
    last = data["year"] == data["year"].max()
    held = []
    for shift in (0.0, 20.0):
        moved = data.assign(v=data["v"] + shift * last)
        table = M.forecast(moved, value="v", time="year", unit="la").table
        held.append((table["forecast"] - table["lower"]).mean())
    assert held[1] > held[0] + 2


@pytest.mark.parametrize(
    ("times", "said"),
    [
        (["2015/16", "2016/17", "2017/18", "2018/19"], "61.0 expected in 2019/20 ("),
        ([2016, 2017, 2018, 2019], "61.0 expected in 2020 ("),
        ([2013, 2015, 2017, 2019], "61.0 expected 1 step after 2019 ("),
        (["2018 Q3", "2018 Q4", "2019 Q1", "2019 Q2"], "61.0 expected 1 step after 2019 Q2 ("),
    ],
)
def test_what_is_forecast_is_named(times, said):
    data = pd.DataFrame({"t": times, "v": [60.0, 62, 59, 61]})
    assert said in M.forecast(data, value="v", time="t").sentence()
