"""What cannot be analysed: one line with column, rule and mend, never a value of a cell."""

import decimal
import math

import numpy as np
import pandas as pd
import pytest

from evidence import effects, trials
from evidence.errors import EvidenceError
from evidence.methods.core import frames
from evidence.methods.trials import attrition

GIVEN = {"outcome": "post", "treatment": "arm", "cluster": "school"}


@pytest.fixture
def trial(rng):
    school = np.repeat(np.arange(12), 10)
    pre = rng.normal(0, 1, 120)
    return pd.DataFrame(
        {
            "post": pre + rng.normal(0, 1, 120),
            "arm": school % 2,
            "pre": pre,
            "school": school,
            "block": school // 4,
            "sex": np.where(rng.random(120) < 0.5, "F", "M"),
        }
    )


def refused(message, call, *args, **given):
    with pytest.raises(EvidenceError) as error:
        call(*args, **given)
    assert str(error.value) == message


def test_numbers_stored_as_objects_are_numbers(trial):
    plain = trials.itt(trial, covariates=["pre"], **GIVEN)
    whole = trial.assign(age=(10 * trial["pre"]).round().astype(int))
    expected = trials.itt(whole, covariates=["age"], **GIVEN)
    for kind in (object, decimal.Decimal):
        stored = whole["age"].map(int if kind is object else kind).astype(object)
        found = trials.itt(whole.assign(age=stored), covariates=["age"], **GIVEN)
        assert found.estimate == pytest.approx(expected.estimate, rel=1e-12)
        assert found.df == pytest.approx(expected.df, rel=1e-9)
    floats = trials.itt(trial.assign(pre=trial["pre"].astype(object)), covariates=["pre"], **GIVEN)
    assert floats.ci_lower == plain.ci_lower
    assert not frames.is_text(pd.Series([True, None, False], dtype=object))
    assert not frames.is_text(pd.Series(["1", "2.5", " "]))
    assert frames.is_text(pd.Series(["007", "2"]))
    assert frames.is_text(pd.Series(["a", 2]))


def test_dates_durations_and_complex_numbers_are_refused(trial):
    for name, values, what in (
        ("born", pd.Timestamp("2014-09-01"), "dates"),
        ("born", pd.Timestamp("2014-09-01").date(), "dates"),
        ("spent", pd.Timedelta("2h"), "durations"),
        ("wave", 1 + 2j, "complex numbers"),
    ):
        message = f"column {name!r} holds {what}; numbers are needed"
        odd = trial.assign(**{name: [values] * len(trial)})
        refused(message, trials.itt, odd, covariates=[name], **GIVEN)
        refused(message, trials.itt, odd, **(GIVEN | {"outcome": name}))


def test_a_label_is_one_label_whatever_its_type_and_spaces(trial):
    sound = trials.itt(trial, **GIVEN)
    mixed = trial["school"].astype(object)
    mixed[::3] = mixed[::3].astype(str)
    mixed[1::3] = mixed[1::3].astype(str) + " "
    found = trials.itt(trial.assign(school=mixed), **GIVEN)
    assert (found.n_clusters, found.std_error) == (12, pytest.approx(sound.std_error, rel=1e-12))
    blank = trial.assign(school="S" + trial["school"].astype(str))
    blank.loc[[3, 50], "school"] = ["", "  "]
    found = trials.itt(blank, **GIVEN)
    assert found.n_clusters == 12
    assert found.caveats == ("2 of 120 pupils have no record of school and are left out",)
    codes, labels = frames.factor(pd.DataFrame({"x": ["b", "", None, "a", "b "]}), "x")
    assert (codes.tolist(), labels) == ([1, -1, -1, 0, 1], ["a", "b"])
    refused(
        "column 'school': some cells hold lists or the like; one label a row is needed",
        trials.itt,
        trial.assign(school=[[1]] * 120),
        **GIVEN,
    )


def test_names_of_columns_are_text_and_needed(trial):
    message = "column 3: names of columns are text here; make them so with data.rename(columns=str)"
    numbered = trial.set_axis(range(6), axis=1)
    given = {"outcome": 3, "treatment": 1}
    refused(message, trials.itt, numbered, **given)
    for place in ("cluster", "strata", "covariates", "baseline"):
        refused(message, trials.itt, trial, **(GIVEN | {place: 3}))
    refused(
        "outcome= is needed: name a column of data",
        trials.itt,
        trial,
        **(GIVEN | {"outcome": None}),
    )
    refused(
        "treatment= is needed: name a column of data",
        trials.itt,
        trial,
        **(GIVEN | {"treatment": None}),
    )


def test_a_name_that_is_no_arm_brings_no_value_of_the_column(trial):
    few = np.arange(len(trial)) < 9  # so many are called Bob: fewer than ten are not told
    names = trial.assign(arm=np.where(few, "Bob", "Ann"))
    refused(
        "reference='An' is not an arm of column 'arm', which has 2 to choose from",
        trials.itt,
        names,
        reference="An",
        **GIVEN,
    )


def test_most_clusters_with_one_arm_and_some_with_two_are_told_by_every_method(trial):
    wrong = trial.copy()
    wrong.loc[[5, 25], "arm"] = 1 - wrong.loc[[5, 25], "arm"]
    said = (
        "2 of 12 clusters of school have pupils of more than one arm: if whole clusters were "
        "allocated at random, give each pupil the arm of the cluster they were in at the time"
    )
    for method in (trials.itt, trials.effect_size, trials.multilevel):
        assert said in method(wrong, **GIVEN).caveats
    sites = trial.assign(arm=np.arange(120) % 2)
    assert trials.itt(sites, **GIVEN).caveats == ()
    one = trial[(trial["arm"] == 0) | (trial["school"] == 1)].copy()
    one.loc[0, "arm"] = 1  # a pupil in the reference arm
    refused(
        "column 'school': the treated arm has only one cluster; at least two per arm are needed to "
        "tell the treatment from the cluster",
        trials.itt,
        one,
        **GIVEN,
    )


def test_resampled_effects_have_a_posterior_and_a_detectable_effect(rng):
    school = np.repeat(np.arange(40), 10)
    data = pd.DataFrame({"arm": school % 2, "school": school})
    data["post"] = rng.normal(0, 1, 400) + 0.3 * data["arm"]
    found = trials.bootstrap(data, draws=999, **GIVEN)
    plain = trials.effect_size(data, **GIVEN)
    mean = effects.posterior(found).mean
    assert mean == pytest.approx(effects.posterior(plain).mean, rel=0.1)
    assert "nan" not in effects.posterior(found).sentence()
    assert effects.detectable(found) == pytest.approx(effects.detectable(plain), rel=0.1)
    few = trials.randomisation_test(data[data["school"] < 4], **GIVEN)
    endless = type(few)(
        **{name: getattr(few, name) for name in type(few).__dataclass_fields__} | {"unit": "sd"}
    )
    refused("posterior: the estimate has no interval with two ends", effects.posterior, endless)
    assert math.isinf(effects.detectable(endless))


def test_summary_figures_that_are_none_are_refused():
    refused(
        "column 'treated', row 2: not a number (2 such rows); only finite numbers and empty cells "
        "are allowed",
        effects.hedges_g,
        ["a", "b"],
        [1, 2],
    )
    level = "level is {}; a proportion between 0 and 1 is needed"
    refused(level.format(95), effects.hedges_g, [1, 2], [2, 4], level=95)
    refused(level.format("'0.95'"), effects.hedges_g, [1, 2], [2, 4], level="0.95")
    size = {"n_control": 40, "cluster_size": 10}
    refused(
        "n_treated is 0; a whole number from 1 on is needed",
        effects.wwc_effect_size,
        0.3,
        n_treated=0,
        **size,
    )
    refused("effect_size is inf; a finite number is needed", effects.months, math.inf)
    refused(
        "cost is '80'; pounds a pupil a year, zero or more, are needed",
        effects.cost_rating,
        "80",
    )
    refused(
        "mdes is -0.2; standard deviations, zero or more, are needed",
        effects.strength,
        "randomised",
        mdes=-0.2,
    )


def test_several_outcomes_need_one_and_a_seed(trial):
    named = {"treatment": "arm", "cluster": "school"}
    refused(
        "outcomes= is empty: name one column or more",
        trials.romano_wolf,
        trial,
        outcomes=[],
        **named,
    )
    refused(
        "seed is -1; a whole number from 0 on is needed",
        trials.romano_wolf,
        trial,
        outcomes=["post"],
        seed=-1,
        **named,
    )


def test_missingness_takes_strata_and_a_baseline_that_somebody_has(trial):
    holes = trial.assign(post=trial["post"].where(np.arange(120) % 7 > 0))
    found = trials.missingness(holes, strata="block", **GIVEN)
    lost = holes.assign(lost=100.0 * holes["post"].isna())
    plain = trials.itt(lost, strata="block", **(GIVEN | {"outcome": "lost"}))
    assert found.model.loc[0, "estimate"] == pytest.approx(plain.estimate)
    assert found.model.loc[0, "std_error"] == pytest.approx(plain.std_error)
    refused(
        "column 'pre' has no value at all; leave it out",
        trials.missingness,
        holes.assign(pre=np.nan),
        baseline="pre",
        **GIVEN,
    )


def test_flow_names_the_reference_first(trial):
    named = trial.assign(arm=np.where(trial["arm"], "Catch-up", "Usual"))
    given = GIVEN | {"reference": "Usual", "arm": "Catch-up"}
    table = trials.flow(named, **given).to_frame()
    assert table["arm"].tolist() == ["Usual", "Catch-up"] * 2
    assert table["n_pupils"].tolist() == [60] * 4


def test_attrition_knows_an_arm_with_a_space_and_refuses_a_strange_one(trial):
    left = trial.iloc[:100].assign(arm=lambda d: d["arm"].astype(str) + " ")
    assert attrition.attrition(trial, left, treatment="arm").overall == pytest.approx(1 / 6)
    refused(
        "column 'arm': 100 rows of analysed have no arm that assigned has; write each arm the same "
        "way in both",
        attrition.attrition,
        trial,
        left.assign(arm="treated"),
        treatment="arm",
    )


@pytest.mark.parametrize(("name", "role"), [("post", "outcome"), ("arm", "treatment")])
def test_subgroups_are_columns_of_their_own(trial, name, role):
    refused(
        f"subgroup={name!r} is the {role}; name columns known before allocation",
        trials.subgroups,
        trial,
        subgroup=name,
        **GIVEN,
    )
    refused(
        "column 'sex' has no value at all; leave it out of subgroup=",
        trials.subgroups,
        trial.assign(sex=None),
        subgroup="sex",
        **GIVEN,
    )


def test_arms_that_many_share_are_listed(trial):
    named = trial.assign(arm=np.where(trial["arm"], "Reading Buddies", "Usual"))
    refused(
        "arm='Reading Buddys' is not an arm of column 'arm'; there is Reading Buddies; did you "
        "mean 'Reading Buddies'?",
        trials.itt,
        named,
        **(GIVEN | {"arm": "Reading Buddys", "reference": "Usual"}),
    )
    refused(
        "column 'arm' has 2 arms and none is known to be the control: say which with reference=; "
        "there are Reading Buddies, Usual",
        trials.itt,
        named,
        **GIVEN,
    )


def test_yes_and_no_are_to_be_written_as_numbers(trial):
    said = trial.assign(post=np.where(trial["post"] > 0, "Yes", "No"))
    refused("column 'post' holds yes and no; use 1 and 0", trials.itt, said, **GIVEN)


@pytest.mark.parametrize("words", [("Yes", "No"), ("Y", "N"), ("TRUE", "FALSE")])
def test_yes_and_no_as_arms_need_the_one_that_means_no(trial, words):
    said = trial.assign(arm=np.where(trial["arm"] == 1, *words))
    refused(
        "column 'arm' holds yes and no; use 1 and 0, or say with reference= which is no",
        trials.itt,
        said,
        **GIVEN,
    )
    known = trials.itt(said, reference=words[1], **GIVEN)
    assert known.estimate == trials.itt(trial, **GIVEN).estimate
