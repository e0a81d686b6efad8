"""Gap index and slope index."""

import numpy as np
import pandas as pd
import pytest

import evidence as ev

from ..refusal import assert_refused

M = ev.monitoring
SCORES = [98, 101, 104, 96, 110, 107, 101, 99, 112, 105]
POOR = [1, 1, 0, 1, 0, 0, 0, 1, 0, 0]


def test_gap_index_of_ten_pupils():
    data = pd.DataFrame({"score": SCORES, "poor": POOR})
    found = M.gap_index(data, score="score", disadvantaged="poor")
    assert round(found.table["estimate"].iloc[0], 4) == 9.5833
    assert found.caveats == ("same formula as DfE's gap index, ranks among these pupils only",)
    halves = data.assign(reading=data["score"] + 3, maths=data["score"] - 3)
    mean = M.gap_index(halves, score=("reading", "maths"), disadvantaged="poor")
    assert mean.table["estimate"].iloc[0] == found.table["estimate"].iloc[0]


def test_no_gap_is_zero_and_a_whole_one_is_ten():
    same = pd.DataFrame({"s": [1, 2, 3, 1, 2, 3], "d": [0, 0, 0, 1, 1, 1]})
    assert M.gap_index(same, score="s", disadvantaged="d").table["estimate"].iloc[0] == 0
    apart = pd.DataFrame({"s": [4, 5, 6, 1, 2, 3], "d": [0, 0, 0, 1, 1, 1]})
    assert M.gap_index(apart, score="s", disadvantaged="d").table["estimate"].iloc[0] == 10
    said = M.gap_index(apart, score="s", disadvantaged="d").sentence()
    assert said.endswith("no interval can be given: nobody's place leaves room for chance).")


def test_a_gap_that_closes_is_said_to(rng):
    rows = []
    for year, gap in ((2016, 8), (2017, 6), (2018, 4), (2019, 1)):
        poor = rng.random(1500) < 0.3
        scores = rng.normal(104 - gap * poor, 9).round()
        rows.append(pd.DataFrame({"year": year, "s": scores, "d": poor}))
    found = M.gap_index(pd.concat(rows), score="s", disadvantaged="d", time="year")
    assert found.table["time"].tolist() == ["2016", "2017", "2018", "2019"]
    assert found.trend_upper < 0
    assert found.sentence().endswith("closing.")


@pytest.mark.slow
def test_gap_intervals_hold_the_true_gap(rng):
    """Two normals 0.5 SD apart: 10 × (2Φ(0.5/√2) − 1)."""
    held = []
    for _ in range(400):
        data = pd.DataFrame(
            {"s": [*rng.normal(0.5, 1, 90), *rng.normal(0, 1, 40)], "d": [0] * 90 + [1] * 40}
        )
        row = M.gap_index(data, score="s", disadvantaged="d").table.iloc[0]
        held.append(row["ci_lower"] <= 2.76326 <= row["ci_upper"])
    assert np.mean(held) == pytest.approx(0.95, abs=0.03)


@pytest.mark.parametrize(
    ("poor", "message"),
    [
        ([2] * 10, "column 'poor': 1 (disadvantaged) and 0 are needed"),
        (
            [0] * 10,
            "fewer than two disadvantaged pupils have a score; two of each group are needed",
        ),
        ([1] * 10, "fewer than two other pupils have a score; two of each group are needed"),
    ],
)
def test_groups_that_are_none_are_refused(poor, message):
    data = pd.DataFrame({"score": SCORES, "poor": poor})
    assert_refused(message, M.gap_index, data, score="score", disadvantaged="poor")


def test_slope_index_refuses_what_is_no_share():
    data = pd.DataFrame({"g": [1, 2, 3], "p": [10, 10, 10], "c": [5, 4, 3], "v": [50, 40, 30]})
    assert_refused(
        "column 'v', row 2: a share is from 0 to 1",
        M.slope_index,
        data,
        value="v",
        population="p",
        group="g",
        count="c",
    )
    found = M.slope_index(
        data.assign(v=data["v"] / 100), value="v", population="p", group="g", count="c"
    )
    assert found.table["slope_index"].iloc[0] == pytest.approx(-0.3)
    assert found.table["slope_lower"].iloc[0] < -0.3 < found.table["slope_upper"].iloc[0]
