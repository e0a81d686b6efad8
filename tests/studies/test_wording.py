"""Whole messages and sentences as a newcomer meets them: the setting to change is named."""

import math

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT

import evidence as ev
from evidence.data.rules import Rules
from evidence.errors import EvidenceError
from evidence.methods.core import frames
from evidence.methods.core.results import Estimate
from evidence.methods.impact.regression_to_mean import Rebound
from evidence.release.control.rounding import round_words
from evidence.show import words
from evidence.show.why import DESIGNS
from evidence.studies import pictures

OUTCOMES = [{"name": "post", "title": "Reading test", "smallest_worthwhile": 0.1}]
PLAN = {"treatment": "arm", "control": "Usual", "cluster": "school", "outcomes": OUTCOMES}


@pytest.fixture
def pupils(rng):
    n, school = 240, np.repeat(np.arange(20), 12)
    arm = np.where(school % 2, "Reading Buddies", "Usual")
    post = rng.normal(0, 1, n) + 0.2 * (school % 2)
    return pd.DataFrame({"arm": arm, "school": school, "post": post})


def refused(table, **changes):
    with pytest.raises(EvidenceError) as error:
        ev.Trial.read(table, PLAN | changes).estimate()
    return str(error.value)


MISTAKES = {
    "a wrong column": (
        {"school": "urn", "strata": "schol", "baseline": "pre"},
        "plan: 3 faults: (1) baseline: the table has no column 'pre'; allowed: arm, school, post; "
        "(2) strata: the table has no column 'schol'; did you mean 'school'?; (3) school: the "
        "table has no column 'urn'; allowed: arm, school, post",
    ),
    "a wrong control": (
        {"control": "Control"},
        "control='Control' is not an arm of column 'arm'; there are Reading Buddies, Usual",
    ),
    "a wrong arm": (
        {"arm": "Reading Buddys"},
        "arm='Reading Buddys' is not an arm of column 'arm'; there is Reading Buddies; did you "
        "mean 'Reading Buddies'?",
    ),
    "no control": (
        {"control": ""},
        "column 'arm' has 2 arms and none is known to be the control: say which with control=; "
        "there are Reading Buddies, Usual",
    ),
    "no cluster": (
        {"cluster": ""},
        "plan: cluster is empty, but every group of pupils in column 'school' has one arm, so that "
        "whole groups were allocated: set cluster to 'school'",
    ),
    "the wrong allocation": (
        {"allocation": "simple"},
        "column 'school': every cluster is in one arm, so clusters were allocated and not pupils: "
        "set allocation='cluster'",
    ),
    "no strata": ({"allocation": "paired"}, "allocation='paired' needs strata="),
    "outcomes as names": (
        {"outcomes": ["post"]},
        "plan: outcomes, entry 1 is 'post'; a mapping is needed, such as {'name': 'maths'}",
    ),
    "a unit that is none": (
        {"outcomes": [OUTCOMES[0] | {"unit": "months"}]},
        "plan: outcomes, entry 1, unit is 'months'; allowed are sd, pp, points, score; did you "
        "mean 'points'?",
    ),
    "an sd that is none": (
        {"outcomes": [OUTCOMES[0] | {"sd": -1.0}]},
        "plan: outcomes, entry 1, sd is -1.0; 0 or more is needed",
    ),
    "an endless sd": (
        {"outcomes": [OUTCOMES[0] | {"sd": math.inf}]},
        "plan: outcomes, entry 1, sd is inf; a finite number is needed",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_newcomers_mistake_names_the_setting_to_change(pupils, mistake):
    changes, message = MISTAKES[mistake]
    assert refused(pupils, **changes) == message


@pytest.mark.parametrize(
    ("carry", "said"), [(1, "1 pupil carries"), (2, "2 pupils carry")], ids=["one", "two"]
)
def test_pupils_in_another_arm_are_counted(pupils, carry, said):
    pupils.loc[range(1, 1 + carry), "arm"] = "Reading Buddies"
    assert refused(pupils, allocation="cluster") == (
        f"column 'school': 1 of 20 clusters has pupils in more than one arm ({said} another arm "
        "than the first of the cluster, the first in row 3), but whole clusters were allocated: "
        "correct the arms, or set allocation='multisite'"
    )


def test_arms_of_a_wrong_column_show_nobodys_value(pupils):
    names = ["Ann", *["Bob"] * 239]
    said = refused(pupils.assign(arm=names))
    assert said == "control='Usual' is not an arm of column 'arm', which has 2 to choose from"


def test_an_outcome_needs_no_more_than_its_name_title_and_what_is_worthwhile(pupils):
    found = ev.Trial.read(pupils, PLAN).estimate()  # neither primary nor attainment is asked for
    assert found.outcome == "Reading test"


def test_yes_and_no_are_to_be_numbers(pupils):
    said = refused(pupils.assign(post=["Yes", "No"] * 120))
    assert said == ("column 'post' holds yes and no; use 1 and 0")


def test_missing_columns_are_said_at_once(pupils):
    with pytest.raises(EvidenceError) as error:
        ev.trials.itt(pupils, outcome="pst", treatment="arm", cluster="urn", strata="zone")
    assert (
        str(error.value) == "data has no columns 'pst' and 'urn' and 'zone'; did you mean 'post'?"
    )
    with pytest.raises(EvidenceError) as error:
        frames.require(pupils, ["zone"])
    assert str(error.value) == "data has no column 'zone'; there are arm, school, post"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "1 of 4,095 pupils has no record of school and is left out",
            "fewer than 10 of 4,095 pupils have no record of school and are left out",
        ),
        (
            "23 of 4,095 pupils have no record of school and are left out",
            "25 of 4,095 pupils have no record of school and are left out",
        ),
        ("1 row was lost", "fewer than 10 rows were lost"),
        ("with 1 pupil a class is small", "with fewer than 10 pupils a class is small"),
        ("1 of 7 schools has one arm", "1 of 7 schools has one arm"),
    ],
)
def test_what_is_said_of_rounded_counts_agrees_in_number(before, after):
    assert round_words(before, Rules()) == after


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (-math.inf, math.inf, "no limits can be given"),
        (-math.inf, 0.5, "up to +0.5 points, no lower limit"),
        (0.5, math.inf, "+0.5 points or more, no upper limit"),
        (-0.5, 0.5, "−0.5 to +0.5 points"),
    ],
)
def test_an_interval_without_an_end_says_so(low, high, said):
    assert words.interval(low, high, unit="points") == said


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (-0.2, 0.3, "−3 to +4 months"),
        (0.06, 0.06, "+1 month"),
        (-math.inf, math.inf, "no limits can be given"),
        (-math.inf, 0.3, "up to +4 months, no lower limit"),
    ],
)
def test_months_agree_in_number_and_may_have_no_end(low, high, said):
    assert words.months_range(low, high, unit="months") == said


@pytest.mark.parametrize(
    ("title", "said"),
    [
        ("Reading test", "reading test scores"),
        ("Progress in maths", "progress in maths"),
        ("Maths", "results in maths"),
        ("GCSE maths", "results in GCSE maths"),
    ],
)
def test_what_may_have_changed_of_an_outcome(title, said):
    assert words.results_in(title) == said


def test_programmes_are_told_by_their_titles():
    found = pd.DataFrame(
        {"programmes": ["leap", "leap + year-6-booster"], "n_programmes": [1, 2],
         "n_schools": [3, 4]}
    )  # fmt: skip
    picture = pictures.overlap(found, titles={"leap": "LEAP"})
    assert picture.table["programmes"].tolist() == ["LEAP", "LEAP + Year 6 booster"]
    assert picture.title == "4 of 7 schools are in other programmes too"


# What newcomers stumbled over, and what is said in its place.
GONE = {
    "did harm": "did worse than similar pupils",
    "programmes helped": "better, … worse, … not yet known",
    "range that the data allow": "the likely range",
    "were not judged": "other risks have not been assessed",
    "larger than worthwhile": "the true effect is probably smaller",
    "nought": "zero",
    "nothing assumed of": "the answer does not depend on the missing pupils",
    "was to be expected anyway": "was expected without the programme",
    "one padlock lost": "marked down one square",
    "by lot ": "at random",
    "the lot gave": "they were assigned",
    "word you were given": "password",
    "than groups to draw": "too few schools to bootstrap",
    "declare design": "set allocation=",
    "held fixed: ": "we allowed for",
    "same earlier results": "compared with schools that had similar results",
    "has only one of the two arms": "had only one of the two arms, and adds nothing",
    "did it change ": "what changed?",
    "threats to validity were": "other risks have not been assessed",
    "so this one is probably": "the study was small",
    "reference='control'": "control=",
    "−inf to": "no limits can be given",
}


@pytest.mark.parametrize("words", GONE)
def test_words_that_newcomers_stumbled_over_are_gone(words):
    places = [*(ROOT / "src").rglob("*.py"), *(ROOT / "src").rglob("*.html")]
    places += [*(ROOT / "src").rglob("*.js"), *(ROOT / "notebooks").glob("*.ipynb")]
    places += (ROOT / "dashboards").glob("*.ipynb")
    assert len(places) > 150
    found = [path for path in places if words in path.read_text(encoding="utf-8").lower()]
    assert found == []


def test_a_small_trial_is_marked_down_one_square_and_says_why():
    found = ev.trials.security("randomised", mdes=0.22)
    assert found.reasons == (
        "marked down one square: too few schools to detect an effect below 0.22 SD",
        "how many pupils were lost is not known and not counted",
        "other risks have not been assessed, so the true rating may be lower",
    )


def test_many_other_programmes_are_counted_and_few_are_named(rng):
    school, year = np.repeat(np.arange(60), 4), np.tile(np.arange(2016, 2020), 60)
    others = {f"p{k}": ((school % 17 == k + 1) & (year > 2017)).astype(int) for k in range(12)}
    panel = pd.DataFrame({"urn": school, "year": year} | others)
    panel["lamp"] = ((school % 2 == 0) & (year > 2017)).astype(int)
    panel["pct"] = rng.normal(60, 5, len(panel))
    given = {"outcome": "pct", "treatment": "lamp", "unit": "urn", "time": "year"}
    assert ev.impact.did(panel, **given, overlap=list(others)).caveats == (
        "we allowed for 12 other programmes",
    )


@pytest.mark.parametrize(
    ("gain", "expected", "said"),
    [
        (6.4, 1.3, "Maths: 1.3 of the 6.4-point gain was expected without the programme"),
        (-2, 1.3, "Maths: +1.3 of a change of −2.0 was expected without the programme"),
    ],
)
def test_what_was_expected_anyway(gain, expected, said):
    found = Rebound(
        outcome="maths", treatment="lamp", before=-8.0, gain=gain, expected=expected,
        reliability=0.7, n_treated=20,
    )  # fmt: skip
    answer = Estimate.tested(
        5.1, 1.5, 30, 0.95, estimand="att", outcome="maths", treatment="lamp", method="m",
        unit="score", n_obs=100, n_clusters=40, n_treated=20, n_control=20, caveats=(),
    )  # fmt: skip
    drawn = pictures.claim(
        found, answer, title="Maths", unit="points", verdict="", n_pupils=900, n_schools=20
    )
    assert drawn.title == said


def test_missing_pupils_who_change_nothing(pupils):
    pupils["arm"] = pupils["school"] % 2
    pupils["post"] += 5 * pupils["arm"]
    pupils.loc[[0, 12, 30], "post"] = np.nan
    found = ev.trials.delta_sensitivity(
        pupils, outcome="post", treatment="arm", cluster="school", imputations=5
    )
    drawn = pictures.sensitivity(found)
    assert drawn.title == "The answer does not depend on the missing pupils"


def test_how_schools_were_compared_where_none_was_assigned_at_random():
    assert DESIGNS["matched"] == (
        "Schools were not assigned at random. Each is compared with schools that had similar "
        "results, pupils and programmes, so that a low year that would have passed by itself is "
        "not counted as gain; other reasons for a change may remain."
    )


def test_a_stratum_of_one_arm_adds_nothing(pupils):
    pupils["arm"] = pupils["school"] % 2
    pupils["block"] = np.where(pupils["school"] < 2, "a", "b")
    pupils.loc[pupils["school"] == 19, "block"] = "c"
    found = ev.trials.itt(pupils, outcome="post", treatment="arm", cluster="school", strata="block")
    assert found.caveats == (
        "1 of 3 groups by block had only one of the two arms, and adds nothing to the comparison",
    )


def test_few_schools_are_not_bootstrapped(pupils):
    few = pupils.assign(arm=pupils["school"] % 2)[pupils["school"] < 4]
    with pytest.raises(EvidenceError) as error:
        ev.trials.bootstrap(few, outcome="post", treatment="arm", cluster="school")
    assert str(error.value) == (
        "school: too few in an arm to bootstrap, where the interval would be too narrow. Use "
        "trials.effect_size or trials.randomisation_test"
    )
