import numpy as np
import pandas as pd
import pytest
from trial_files import FILES, make

from evidence.errors import EvidenceError
from evidence.studies.trial_proposal import propose


def answers(truth):
    asked = ("treatment", "control", "arm", "outcome", "baseline", "school")
    return {key: truth[key] or "none" for key in asked}


@pytest.mark.slow
@pytest.mark.parametrize(("layout", "seed"), FILES, ids=lambda value: str(value)[:40])
def test_a_proposal_is_right_or_a_question_is_asked(layout, seed):
    table, truth = make(layout, seed)
    found = propose(table)
    outcomes = found.plan.get("outcomes", [{"name": ""}])
    got = found.plan | {"outcome": outcomes[0]["name"]}
    asked = {question.about for question in found.questions}
    wrong = {key for key, value in truth.items() if got.get(key) != value}
    assert wrong <= asked
    for question in found.questions:
        assert truth[question.about] in question.candidates
    assert len(found.questions) <= 5
    whole = propose(table, {key: value for key, value in answers(truth).items() if key in asked})
    assert whole.questions == []
    assert {key: whole.plan[key] for key in ("allocation", "cluster", "baseline")} == {
        key: truth[key] for key in ("allocation", "cluster", "baseline")
    }


def test_what_can_be_two_things_is_asked():
    table = make(FILES[0][0], 1)[0]
    two = table.assign(group=["a", "b"] * (len(table) // 2))
    asked = {question.about: question.candidates for question in propose(two).questions}
    assert "treatment" not in asked  # of the two, only arm holds usual practice
    again = two.assign(arm=two["arm"].replace({"usual": "x", "new": "y"}))
    asked = {question.about: question.candidates for question in propose(again).questions}
    assert asked["treatment"] == ("arm", "group")
    several = table.assign(post_reading=table["post"] + 1)
    assert propose(several).questions[0].about == "outcome"
    three = table.assign(arm=["usual", "new", "other"] * (len(table) // 3))
    assert [q.about for q in propose(three).questions] == ["arm"]
    nobody = table.assign(arm=table["arm"].replace({"usual": "blue", "new": "red"}))
    assert [q.about for q in propose(nobody).questions] == ["control"]


@pytest.mark.slow
@pytest.mark.parametrize("layout", [FILES[0][0], FILES[1][0]], ids=str)
def test_arms_that_are_those_of_a_year_group_are_asked_about(layout):
    table, truth = make(layout, 1)
    arm = truth["treatment"]
    first = table[arm] == table[arm].iloc[0]
    place = np.arange(len(table))
    for name, values in {
        "year_group": np.where(first, 4, 5),
        "Cohort": np.where(first, "2018/19", "2019/20"),
        "region": np.where(first, np.where(place % 2, "North", "East"), "South"),
        "gender_of_pupil": np.where(first, "F", "M"),
    }.items():
        found = propose(table.assign(**{name: values}))
        (question,) = (one for one in found.questions if one.about == "apart")
        assert question.candidates == (name,)
        again = propose(table.assign(**{name: values}), {"apart": name})
        assert not [one for one in again.questions if one.about == "apart"]
        assert f"beware: each {name!r} is in one arm alone, and may be what differs" in again.said
    for name, values in {
        "treated": first.astype(int),  # the arm in other words
        "status": np.where(first, "usual practice", table[arm]),
        "year_group": np.where(place % 3, 4, 5),
        "head": table[truth["school"]] if truth["school"] else place,
        "notes": "x",
    }.items():
        found = propose(table.assign(**{name: values}), {"treatment": arm})
        assert "apart" not in {one.about for one in found.questions}, name


def test_pairs_and_classes_are_blocks_and_clusters():
    table = make(FILES[1][0], 1)[0]
    number = table["School"].str.extract(r"(\d+)")[0].astype(int)
    found = propose(table.assign(pair=number // 2)).plan
    assert (found["allocation"], found["cluster"], found["strata"]) == ("paired", "School", "pair")
    mixed = make(FILES[0][0], 1)[0].sort_values(["school", "arm"])
    named = mixed.assign(class_id=mixed["school"] + mixed["arm"])
    found = propose(named).plan
    assert (found["allocation"], found["cluster"], found["strata"]) == (
        "multisite", "class_id", "school",
    )  # fmt: skip


def test_a_yes_or_no_outcome_is_told_in_percentage_points():
    table = make(FILES[0][0], 1)[0]
    outcome = propose(table.assign(post=(table["post"] > 100) * 1)).plan["outcomes"][0]
    assert (outcome["unit"], outcome["smallest_worthwhile"]) == ("pp", 3.0)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"outcome": "pots"}, "--outcome: the file has no column 'pots'; did you mean 'post'?"),
        ({"control": "usul"}, "--control: 'usul' is no arm; did you mean 'usual'?"),
        ({"control": "new", "arm": "new"}, "--control and --arm are both 'new'; name two arms"),
    ],
)
def test_an_answer_that_cannot_be_meant_is_refused(given, said):
    with pytest.raises(EvidenceError) as error:
        propose(make(FILES[0][0], 1)[0], given)
    assert str(error.value) == said


def test_a_file_without_a_trial_asks_and_does_not_fail():
    found = propose(pd.DataFrame({"a": ["x"] * 4, "b": [1, 2, 3, 4]}))
    assert found.questions[0].about == "treatment"


@pytest.mark.parametrize("column", ["pupil", "age_of_one"])
def test_values_of_a_column_that_is_no_treatment_are_not_told(column):
    table = make(FILES[0][0], 1)[0].assign(age_of_one="x")
    table.loc[3, "age_of_one"] = "secret"
    with pytest.raises(EvidenceError) as error:
        propose(table, {"treatment": column})
    assert str(error.value).startswith(f"--treatment: column {column!r} has ")
    assert "P0" not in str(error.value)
    assert "secret" not in str(error.value)


@pytest.fixture
def schools():
    """Return a trial of 20 schools of 20, in one arm each, laid out plainly."""
    at = np.arange(400)
    return pd.DataFrame(
        {"school": [f"S{i // 20}" for i in at], "pupil": [f"P{i}" for i in at],
         "arm": np.where(at // 20 % 2, "new", "usual"), "pre": at % 37, "post": at % 41}
    )  # fmt: skip


def test_a_blank_arm_does_not_make_a_trial_of_schools_one_of_pupils(schools):
    schools.loc[[3, 99, 200], "arm"] = None
    plan = propose(schools).plan
    assert (plan["cluster"], plan["allocation"]) == ("school", "cluster")


def test_schools_that_no_name_gives_away_are_asked_for(schools):
    found = propose(schools.rename(columns={"school": "Where"}))
    assert {q.about: q.candidates for q in found.questions} == {"school": ("Where",)}
    plan = propose(schools.rename(columns={"school": "Where"}), {"school": "Where"}).plan
    assert plan["cluster"] == "Where"


def test_groups_of_any_name_that_have_one_arm_each_were_allocated(schools):
    at = np.arange(400)
    arm = np.where(at // 10 % 2, "new", "usual")
    banded = schools.assign(arm=arm, band=[f"B{i // 10}" for i in at])
    assert propose(banded).plan["cluster"] == "band"
    # tutors are only those of the treated: they were not allocated
    tutors = schools.assign(arm=np.where(at % 2, "new", "usual"))
    tutors["helper"] = [f"T{i // 20}" if i % 2 else None for i in at]
    assert propose(tutors).plan["cluster"] == ""
    assert propose(tutors.fillna({"helper": "nobody"})).plan["cluster"] == ""


def test_a_school_in_both_arms_among_whole_ones_is_asked_about(schools):
    schools.loc[5, "arm"] = "new"
    found = propose(schools)
    assert {q.about: q.candidates for q in found.questions} == {"allocated": ("schools", "pupils")}
    assert propose(schools, {"allocated": "schools"}).plan["allocation"] == "cluster"
    assert propose(schools, {"allocated": "pupils"}).plan["allocation"] == "multisite"


def test_pupils_with_several_rows_are_refused(schools):
    with pytest.raises(EvidenceError, match="column 'pupil': 800 rows are of a pupil that has"):
        propose(pd.concat([schools, schools], ignore_index=True))
    numbered = schools.assign(pupil=np.arange(400) % 20, **{"Pupil Premium": np.arange(400) % 2})
    found = propose(numbered)
    assert (found.questions, found.left_out) == ([], ["pupil"])
    assert "column 'pupil' numbers each school's pupils anew: left out" in found.said
    assert propose(numbered.drop(columns="pupil")).questions == []


def test_a_third_measurement_is_asked_about(schools):
    three = schools.rename(columns={"pre": "time1", "post": "time2"}).assign(time3=schools["post"])
    assert [q.candidates for q in propose(three).questions] == [("time2", "time3")]
