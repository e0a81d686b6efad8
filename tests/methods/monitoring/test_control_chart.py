"""Control charts: signals, rebases, bad input, and how often nothing is something."""

import numpy as np
import pandas as pd
import pytest

import evidence as ev
from evidence.stats.monitoring import control_charts

from ..refusal import assert_refused

M = ev.monitoring


def weeks(values, **columns):
    return pd.DataFrame({"week": np.arange(1, len(values) + 1), "y": values, **columns})


def test_seven_on_one_side_after_a_step():
    values = [11, 10] * 8 + [12, 12.2] * 4
    chart = M.control_chart(
        weeks(values), value="y", time="week", fix_after=16, improvement="increase", target=9
    )
    table = chart.to_frame()
    assert set(table["signal"][:16]) == {"common cause"}
    assert set(table["signal"][16:]) == {"improvement"}
    assert chart.variation == "improvement"
    assert chart.to_frame().columns.tolist() == [
        "time",
        "value",
        "part",
        "centre",
        "lower",
        "upper",
        "target",
        "rule",
        "signal",
    ]
    fewer = M.control_chart(
        weeks(values), value="y", time="week", rebase=17, improvement="decrease", target=9
    )
    assert fewer.table["part"].tolist() == [1] * 16 + [2] * 8
    assert set(fewer.table["signal"]) == {"common cause"}
    assert fewer.assurance == "fails"
    assert fewer.caveats == (
        "limits of 1 part of the series rest on fewer than 12 points (the fewest 8) and are unsure",
    )


def test_the_last_part_alone_decides_the_assurance():
    values = [10, 11] * 8 + [20, 21] * 8
    chart = M.control_chart(
        weeks(values), value="y", time="week", rebase=[17], improvement="increase", target=15
    )
    assert chart.assurance == "passes"
    assert chart.variation == "common cause"


def test_a_target_may_move():
    values = [10, 11] * 8
    goals = np.linspace(5, 20, 16)
    chart = M.control_chart(
        weeks(values, goal=goals), value="y", time="week", improvement="increase", target="goal"
    )
    np.testing.assert_allclose(chart.table["target"], goals)
    assert chart.assurance == "fails"


def test_a_trend_is_seven_points_that_rise():
    values = [10, 9, 10.5, 9.5, 10, 9, 10.4, 9.6, 10, 9.2, 9.5, 9.8, 10.1, 10.4, 10.7, 11]
    chart = M.control_chart(weeks(values), value="y", time="week", improvement="decrease")
    table = chart.to_frame()
    assert (table["rule"] == "trend").sum() == 7
    assert set(table.loc[table["rule"] == "trend", "signal"]) == {"concern"}
    assert (
        M.control_chart(weeks(values), value="y", time="week", trend=8).table["rule"] == ""
    ).all()


def test_rows_may_come_in_any_order_and_stored_as_text(rng):
    data = weeks(rng.normal(50, 2, 20).round(1))
    plain = M.control_chart(data, value="y", time="week")
    mixed = data.sample(frac=1, random_state=1).astype("str")
    again = M.control_chart(mixed, value="y", time="week")
    np.testing.assert_allclose(again.table["value"], plain.table["value"])
    np.testing.assert_allclose(again.table["upper"], plain.table["upper"])


def test_suppressed_points_are_left_out_and_said():
    data = weeks(["10", "c", "11 ", "z", "10"])
    chart = M.control_chart(data, value="y", time="week")
    assert chart.table["time"].tolist() == ["1", "3", "5"]
    assert chart.caveats[0] == ("y: no number in 2 rows: 1 confidential (c), 1 not applicable (z)")


def test_a_period_without_anybody_is_left_out():
    data = weeks([3, 0, 4], n=[5, 0, 6])
    chart = M.control_chart(data, value="y", time="week", n="n")
    assert chart.table["n"].tolist() == [5, 6]
    assert chart.caveats[0] == "n: 1 row with nobody in it left out"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"value": "z"}, "data has no column 'z'; there are week, y, m"),
        ({"chart": "p"}, "chart='p' needs n=, the column of denominators"),
        ({"n": "m", "chart": "xmr"}, "chart='xmr' takes no n="),
        ({"improvement": "up"}, "improvement is 'up'; allowed are increase, decrease, neutral"),
        ({"rebase": 99}, "rebase: '99' is not in column 'week'; times are written like '4' there"),
        ({"target": "goal"}, "data has no column 'goal'; there are week, y, m"),
        ({"target": True}, "target is True; a number or the name of a column is needed"),
        ({"fix_after": 1}, "fix_after is 1; a whole number from 2 on is needed"),
    ],
)
def test_wrong_arguments_are_refused(changes, message):
    arguments = {"value": "y", "time": "week"} | changes
    assert_refused(message, M.control_chart, weeks([1.0, 2, 3, 4], m=9), **arguments)


def test_a_time_twice_is_refused():
    data = pd.DataFrame({"year": ["2017", "2018", "2018 (rev)"], "y": [1, 2, 3]})
    assert_refused(
        "column 'year', row 4: this time stands in an earlier row too; one row a time is needed: "
        "select one area, indicator and group",
        M.control_chart,
        data,
        value="y",
        time="year",
    )


def test_a_run_chart_has_a_median_and_no_limits():
    values = [5, 1, 9, 2, 8, 3, 7, 4, 6, 5.5]
    chart = M.control_chart(weeks(values), value="y", time="week", chart="run")
    assert chart.table["centre"].iloc[0] == 5.25
    assert chart.table["lower"].isna().all()
    shifted = M.control_chart(
        weeks([1, 2, 1, 2, 1, 2, 8, 9, 8, 9, 8, 9]),
        value="y",
        time="week",
        chart="run",
        improvement="increase",
    )
    assert shifted.variation == "improvement"


def test_limits_of_shares_stay_within_nought_and_one():
    data = weeks([9, 10, 10, 9], n=[10, 10, 10, 10])
    table = M.control_chart(data, value="y", time="week", n="n", laney=False).table
    assert table["upper"].max() == 1
    rates = M.control_chart(
        weeks([0, 1, 0, 2], n=[5.0, 5, 5, 5]), value="y", time="week", n="n", chart="u", laney=False
    ).table
    assert rates["lower"].min() == 0
    assert rates["centre"].iloc[0] == 3 / 20


def test_stable_small_schools_are_flagged_at_the_stated_rate(rng):
    """Ten thousand of the 100,000 series; the rate is said by one of them."""
    n = rng.integers(15, 35, 12)
    counts = rng.binomial(n, 0.65, (10_000, 12))
    centre, width, _ = control_charts.attribute(counts, n, "binomial")
    limits = np.maximum(centre - width, 0), np.minimum(centre + width, 1)
    _, way = control_charts.signals(counts / n, centre, *limits)
    chart = M.control_chart(weeks(counts[2], n=n), value="y", n="n", time="week", laney=False)
    stated = chart.false_alarms().set_index("asked")["share"]
    assert (way != 0).any(1).mean() == pytest.approx(stated["any point"], abs=0.008)
    assert (way[:, -1] != 0).mean() == pytest.approx(stated["the last point"], abs=0.003)


@pytest.mark.slow
def test_a_hundred_thousand_stable_series_are_flagged_at_the_stated_rate(rng):
    values = rng.normal(65, 9, (100_000, 12))
    centre, width = control_charts.xmr(values)
    _, way = control_charts.signals(values, centre, centre - width, centre + width)
    chart = M.control_chart(weeks(values[0]), value="y", time="week")
    stated = chart.false_alarms(draws=200_000).set_index("asked")["share"]
    assert (way != 0).any(1).mean() == pytest.approx(stated["any point"], abs=0.002)
    assert (way[:, -1] != 0).mean() == pytest.approx(stated["the last point"], abs=0.002)


@pytest.mark.slow
def test_a_shift_of_two_sd_is_found_with_the_stated_delay(rng):
    values = rng.normal(0, 1, (2_000, 48))
    values[:, 24:] += 2
    chart = M.control_chart(weeks(values[0]), value="y", time="week", fix_after=24)
    stated = chart.delay(2.0).set_index("points")["found"]
    centre, width = control_charts.xmr(values, (), 24)
    for seen in (3, 7, 12):
        upto = (x[:, : 24 + seen] for x in (values, centre, centre - width, centre + width))
        found = (control_charts.signals(*upto)[1][:, 24:] > 0).any(1).mean()
        assert found == pytest.approx(stated[seen], abs=0.03)
    assert stated[7] > 0.9
    assert stated[24] > 0.99


def test_a_short_series_is_not_said_to_vary_as_always():
    data = pd.DataFrame({"t": range(2000, 2012), "v": [5.0, 6, 4, 5, 7, 5, 6, 4, 6, 5, 4, 6]})
    whole, short = (M.control_chart(d, value="v", time="t") for d in (data, data[:11]))
    assert "it varies as it always has." in whole.sentence()
    assert "it shows no signal." in short.sentence()
    assert short.caveats == ("limits rest on 11 points, fewer than 12, and are unsure",)
