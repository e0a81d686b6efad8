import numpy as np
import pandas as pd
import pytest

import evidence as ev
from evidence.errors import EvidenceError

SPELLS = pd.DataFrame(
    {"urn": ["a", "b", "c"], "programme": ["p", "p", "q"], "start": [2018, 2019, 2018],
     "end": pd.array([2019, None, 2019], "Int64")}
)  # fmt: skip


def panel(rng, years=(2016, 2017, 2018, 2019)):
    rows = [(s, y) for s in "abcdefgh" for y in years]
    frame = pd.DataFrame(rows, columns=["urn", "year"])
    return frame.assign(score=rng.normal(60, 5, len(frame)), n_pupils=20)


def test_cohort_marks_its_schools_and_keeps_those_that_began_at_other_times(rng):
    made = ev.impact.cohort(panel(rng), SPELLS, programme="p", start=2018)
    assert set(made["urn"]) == set("abcdefgh")
    assert set(made.loc[made["taking_part"], "urn"]) == {"a"}


def test_exposure_has_a_column_for_those_who_began_together(rng):
    made = ev.impact.exposure(panel(rng), SPELLS)
    taking = {
        name: set(made.loc[made[name] == 1, "urn"]) for name in ("p 2018", "p 2019", "q 2018")
    }
    assert taking == {"p 2018": {"a"}, "p 2019": {"b"}, "q 2018": {"c"}}
    assert made.loc[made["urn"] == "b", "p 2019"].tolist() == [0, 0, 0, 1]


def test_cohort_school_without_a_row_still_says_when_it_began(rng):
    whole = panel(rng)
    short = whole[~((whole["urn"] == "a") & (whole["year"] == 2018))]
    made = ev.impact.exposure(ev.impact.cohort(short, SPELLS, programme="p", start=2018), SPELLS)
    row = made[(made["urn"] == "a") & (made["year"] == 2018)].iloc[0]
    assert row["p 2018"] == 1
    assert np.isnan(row["score"])
    study = ev.impact.event_study(
        made, outcome="score", treatment="p 2018", unit="urn", time="year", weights="n_pupils"
    )
    assert study.to_frame()["time"].tolist() == [-2, -1, 1]


def test_cohort_nobody_began_then_is_one_line(rng):
    with pytest.raises(EvidenceError) as error:
        ev.impact.cohort(panel(rng), SPELLS, programme="p", start=2017)
    assert str(error.value) == (
        "no unit of the panel began 'p' in 2017; starts in the participation file: 2018, 2019"
    )


def test_school_means_counts_pupils_and_turns_yes_and_no_into_percentages():
    pupils = pd.DataFrame(
        {
            "urn": ["a", "a", "a", "b"],
            "year": 2018,
            "met": [1, 0, None, 1],
            "score": [9, 10, 11, 12],
        }
    )
    made = ev.impact.school_means(pupils, outcomes=["met", "score"])
    assert made.to_dict("list") == {
        "urn": ["a", "b"], "year": [2018, 2018], "n_pupils": [3, 1], "met": [50.0, 100.0],
        "score": [10.0, 12.0],
    }  # fmt: skip


def test_effect_size_of_percentage_points_is_the_cox_index_to_first_order(rng):
    frame = ev.impact.exposure(panel(rng), SPELLS.query("programme == 'p'"))
    found = ev.impact.did(frame, outcome="score", treatment="p 2018", unit="urn", time="year")
    size = ev.impact.effect_size(found, percent=60.0)
    odds = [np.log(p / (1 - p)) for p in (0.6, 0.6 + found.estimate * 1e-6)]
    assert size.estimate * 1e-4 == pytest.approx((odds[1] - odds[0]) / 1.65, rel=1e-3)
    assert size.p_value == found.p_value
    assert ev.impact.effect_size(found, sd=10.0).estimate == pytest.approx(found.estimate / 10)
    assert ev.impact.effect_size(found) is None
    with pytest.raises(EvidenceError, match=r"^percent is 100.0; it must lie between 0 and 100$"):
        ev.impact.effect_size(found, percent=100.0)


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
