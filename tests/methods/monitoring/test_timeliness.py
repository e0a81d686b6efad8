"""Time until a plan is issued."""

import math

import numpy as np
import pandas as pd
import pytest

import evidence as ev

from ..refusal import assert_refused

M = ev.monitoring


def test_open_cases_count():
    """By hand: 1/5 done at 10; 2 of the 3 left after the open one at 15 are open or later."""
    data = pd.DataFrame({"weeks": [10, 15, 20, 30, 40], "done": [1, 0, 1, 1, 0]})
    found = M.timeliness(data, duration="weeks", event="done", at=[20, 50])
    np.testing.assert_allclose(found.table["survival"], [4 / 5, 4 / 5 * 2 / 3, 4 / 5 * 1 / 3])
    assert found.within["done"].iloc[0] == pytest.approx(1 - 8 / 15)
    assert math.isnan(found.within["done"].iloc[1])
    assert found.within["waiting"].tolist() == [1, 0]
    assert found.summary[["n", "open"]].iloc[0].tolist() == [5, 2]
    assert found.sentence().startswith("weeks: 47% are (")


def test_leaving_out_open_cases_would_flatter():
    data = pd.DataFrame({"weeks": [10] * 60 + [30] * 40, "done": [1] * 60 + [0] * 40})
    found = M.timeliness(data, duration="weeks", event="done")
    assert found.within["done"].iloc[0] == pytest.approx(0.6)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (
            {"weeks": [3, -1], "done": [1, 1]},
            "column 'weeks', row 3: a duration cannot be negative; is an end before its start?",
        ),
        (
            {"weeks": [3, 1], "done": [1, 2]},
            "column 'done': 1 (done) and 0 (still open) are needed",
        ),
        (
            {"weeks": [3, 1], "done": [0, 0]},
            "column 'done': no case is done, so no time can be told",
        ),
    ],
)
def test_impossible_cases_are_refused(data, message):
    assert_refused(message, M.timeliness, pd.DataFrame(data), duration="weeks", event="done")


def test_a_suppressed_duration_is_left_out_and_said():
    data = pd.DataFrame({"weeks": ["3", "c", "5"], "done": [1, 1, 0]})
    found = M.timeliness(data, duration="weeks", event="done")
    assert found.summary["n"].iloc[0] == 2
    assert found.caveats == (
        "weeks: no number in 1 row: 1 confidential (c)",
        "1 case without a duration, event or group left out",
    )


def test_groups_that_differ_are_told_apart(rng):
    weeks = np.concatenate([rng.exponential(12, 150), rng.exponential(24, 150)])
    data = pd.DataFrame({"weeks": weeks, "done": 1, "area": ["north"] * 150 + ["south"] * 150})
    found = M.timeliness(data, duration="weeks", event="done", by="area")
    assert found.p_value < 0.001
    assert found.summary["group"].tolist() == ["north", "south"]
