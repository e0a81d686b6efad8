"""Effects by time since the start, and the test of the times before it."""

import numpy as np
import pandas as pd
import pytest

import evidence as ev
from evidence import impact

from .simulated import GIVEN


def numbers(found):
    return found.estimate, found.std_error, found.df, found.ci_lower, found.ci_upper


def test_event_study_gives_each_time_its_effect(panel):
    found = impact.event_study(panel, weights="n", **GIVEN)
    table = found.to_frame()
    assert list(table["time"]) == [-3, -2, -1, 0, 1]
    assert table.loc[2, ["estimate", "ci_lower", "ci_upper"]].tolist() == [0.0, 0.0, 0.0]
    assert table["std_error"].isna().tolist() == [False, False, True, False, False]
    late = panel[panel["year"].isin([2017, 2018])]
    pair = impact.did(late, **GIVEN)
    plain = impact.event_study(late, reference=-1, **GIVEN).to_frame()
    np.testing.assert_allclose(
        plain.loc[1, ["estimate", "std_error", "df"]].astype(float), numbers(pair)[:3], rtol=1e-9
    )


def test_event_study_counts_from_the_start_though_its_result_is_missing(panel):
    start = (panel["urn"] == "1003") & (panel["year"] == 2018)
    found = impact.event_study(panel.assign(pct=panel["pct"].mask(start)), **GIVEN)
    assert list(found.to_frame()["time"]) == [-3, -2, -1, 0, 1]
    assert list(found.to_frame()["n_obs"]) == [12, 12, 10, 11, 12]


@pytest.mark.parametrize("method", ["event_study", "did2s", "sunab"])
def test_last_year_before_a_gap_is_what_others_are_compared_with(panel, method):
    """No tables for 2017: the schools that start in 2018 are compared with 2016."""
    gap = panel[panel["year"] != 2017]
    if method == "event_study":
        found = impact.event_study(gap, **GIVEN)
        again = impact.event_study(gap, reference=-2, **GIVEN)
        pd.testing.assert_frame_equal(found.to_frame(), again.to_frame())
    else:
        found = impact.staggered(gap, method=method, **GIVEN)
    table = found.to_frame().set_index("time")
    assert found.reference == -2
    assert list(table.index) == [-3, -2, 0, 1]
    assert table.loc[-2, ["estimate", "ci_lower", "ci_upper"]].tolist() == [0.0, 0.0, 0.0]


def test_event_study_joint_test_of_one_time_is_its_t_test(panel):
    found = impact.event_study(panel[panel["year"] > 2015], **GIVEN)
    first = found.to_frame().iloc[0]
    assert first["time"] == -2
    assert (found.pre_df_num, found.pre_df_denom) == (1, pytest.approx(first["df"]))
    assert found.pre_p_value == pytest.approx(first["p_value"])


def test_event_study_without_times_before_gives_no_joint_test(panel):
    found = impact.event_study(panel[panel["year"] > 2016], **GIVEN)
    assert np.isnan(found.pre_p_value)
    assert found.sentence() == (
        "pct, lamp against no lamp: too few times or clusters to test for differences before the "
        "start."
    )


def test_event_study_finds_a_trend_before_the_start(panel):
    drift = panel["urn"].lt("1012") * (panel["year"] - 2018) * 6
    found = impact.event_study(panel.assign(pct=panel["pct"] + drift), **GIVEN)
    assert found.pre_p_value < 0.001
    assert "trends differed before the start" in found.sentence()


def test_warnings_name_trends_that_differed_before_the_start(rng):
    rows = [(unit, year) for unit in range(60) for year in (2015, 2016, 2017, 2018)]
    frame = pd.DataFrame(rows, columns=["urn", "year"])
    frame["score"] = rng.normal(60, 5, len(frame))
    mine = frame["urn"] < 20
    frame["p"] = (mine & (frame["year"] == 2018)).astype(int)
    model = {"outcome": "score", "treatment": "p", "unit": "urn", "time": "year"}
    assert ev.impact.event_study(frame, **model).warnings() == ()
    frame.loc[mine, "score"] += 6 * (frame["year"] - 2015)
    (warning,) = ev.impact.event_study(frame, **model).warnings()
    assert warning.startswith(
        "schools that took part already differed in trend before the start (p"
    )
