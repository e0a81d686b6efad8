"""Who took part in what, and when: cohorts, exposure, means of schools, gaps."""

import numpy as np
import pandas as pd
import pytest

import evidence as ev
from evidence import impact
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


@pytest.fixture
def spells():
    return pd.DataFrame(
        {
            "urn": ["1000", "1000", "1001", "1002", "1000"],
            "programme": ["lamp", "leap", "lamp", "leap", "lamp"],
            "start": [2016, 2017, 2017, 2016, 2019],
            "end": [2017, None, 2018, 2016, 2019],
        }
    )


def test_participation_counts_each_school_in_one_combination(spells):
    table = impact.participation(spells)
    assert table.to_dict("list") == {
        "programmes": ["lamp", "leap", "lamp + leap"],
        "n_programmes": [1, 1, 2],
        "n_schools": [1, 1, 1],
    }
    mine = impact.participation(spells, among="leap")
    assert mine["programmes"].tolist() == ["leap", "leap + lamp"]
    with pytest.raises(EvidenceError, match=r"^no school takes part in 'lens'$"):
        impact.participation(spells, among="lens")


def test_exposure_marks_the_years_of_each_spell(spells):
    panel = pd.DataFrame({"urn": ["1000"] * 4 + ["1009"], "year": [2016, 2017, 2018, 2019, 2017]})
    found = impact.exposure(panel, spells)
    assert found["lamp 2016"].tolist() == [1, 1, 0, 0, 0]
    assert found["lamp 2019"].tolist() == [0, 0, 0, 1, 0]
    assert found["leap 2017"].tolist() == [0, 1, 1, 1, 0]
    assert list(panel.columns) == ["urn", "year"]


def test_exposure_with_unusable_spells_is_refused(spells):
    panel = pd.DataFrame({"urn": ["1000"], "year": [2016]})
    with pytest.raises(EvidenceError) as error:
        impact.exposure(panel, spells.assign(start=[2016, None, 1, 1, 1]))
    assert str(error.value) == "column 'start', row 3: a spell has no start"
    with pytest.raises(EvidenceError) as error:
        impact.exposure(panel.assign(**{"leap 2017": 1}), spells)
    assert str(error.value) == "programme 'leap 2017' is also the name of a column of the panel"


def test_gaps_are_differences_whose_precision_is_that_of_two_means():
    keys = {"urn": ["a", "a", "b"], "year": [2018, 2019, 2018]}
    group = pd.DataFrame({**keys, "n_pupils": [4, 6, 5], "met": [40.0, 50.0, 60.0]})
    others = pd.DataFrame({"urn": ["a", "b"], "year": [2018, 2018], "n_pupils": [12, 20],
                           "met": [70.0, 65.0]})  # fmt: skip
    made = ev.impact.gaps(group, others, outcomes=["met"])
    assert made.to_dict("list") == {
        "urn": ["a", "b"], "year": [2018, 2018], "n_pupils": [4, 5],
        "precision": [3.0, 4.0], "met": [-30.0, -5.0],
    }  # fmt: skip
    with pytest.raises(EvidenceError, match="met"):
        ev.impact.gaps(group, others.drop(columns="met"), outcomes=["met"])


def test_seven_figures_are_told_apart_whatever_they_are_stored_as():
    laestab = [8352001, 8352002, 8352003]
    spells = pd.DataFrame({"urn": ["8352001", "8352002"], "programme": "lamp", "start": 2018})
    spells = spells.assign(end=np.nan)
    panel = pd.DataFrame({"urn": [*laestab, None], "year": 2019})
    found = impact.exposure(panel, spells)
    assert found["lamp 2018"].tolist() == [1, 1, 0, 0]
    side = pd.DataFrame({"urn": laestab, "year": 2019, "n_pupils": 9, "y": [1.0, 2.0, 3.0]})
    other = side.assign(urn=[*map(str, laestab[:2]), "none"], y=0.0)
    assert impact.gaps(side, other, outcomes=["y"])["y"].tolist() == [1.0, 2.0]


def test_long_ids_keep_every_figure_beside_a_gap():
    ids = [900719925474099301, 900719925474099302, None]
    pupils = pd.DataFrame({"urn": pd.array(ids, dtype="Int64"), "year": 2019, "y": [1.0, 2.0, 3.0]})
    found = impact.school_means(pupils, outcomes=["y"])
    assert found["urn"].tolist() == ids[:2]
    assert found["y"].tolist() == [1.0, 2.0]


def test_times_of_many_figures_have_columns_of_their_own():
    panel = pd.DataFrame({"urn": [1, 1, 1, 2, 2, 2], "year": [2018091, 2018092, 2019091] * 2})
    panel = panel.assign(part=[0, 0, 1, 0, 0, 0], y=[1.0, 2, 3, 4, 5, 6])
    names = {"outcome": "y", "treatment": "part", "unit": "urn", "time": "year"}
    assert [*impact.before_start(panel, **names)] == ["treated", "y, 2018091", "y, 2018092"]


def test_cohort_whose_schools_are_called_otherwise_in_the_panel_is_one_line(rng):
    with pytest.raises(EvidenceError) as caught:
        ev.impact.cohort(panel(rng), SPELLS.assign(urn=list("xyz")), programme="p", start=2018)
    assert str(caught.value) == (
        "no row of the panel is of the 1 unit that began 'p' in 2018: column 'urn' of both must "
        "name them alike"
    )
