"""Trials as they come: arms of every kind, missing rows, wrong input."""

import numpy as np
import pandas as pd
import pytest

from evidence import trials
from evidence.errors import EvidenceError

GIVEN = {"outcome": "post", "treatment": "arm", "baseline": "pre", "cluster": "school"}


@pytest.fixture
def trial(rng):
    """Return 20 schools of 8 to 14 pupils, half of them treated, effect 3."""
    size = rng.integers(8, 15, 20)
    school = np.repeat(np.arange(20), size)
    arm = (school % 2).astype(int)
    pre = rng.normal(50, 10, len(school))
    post = 0.7 * pre + 3 * arm + rng.normal(0, 3, 20)[school] + rng.normal(0, 8, len(school))
    return pd.DataFrame(
        {
            "post": post,
            "arm": arm,
            "pre": pre,
            "school": school,
            "block": school // 4,
            "sex": np.where(rng.random(len(school)) < 0.5, "F", "M"),
            "weight": rng.uniform(0.5, 2, len(school)),
        }
    )


def numbers(estimate):
    return (
        estimate.estimate,
        estimate.std_error,
        estimate.df,
        estimate.p_value,
        estimate.ci_lower,
        estimate.ci_upper,
    )


def assert_refused(message, data, **given):
    with pytest.raises(EvidenceError) as error:
        trials.itt(data, **(GIVEN | given))
    assert str(error.value) == message


def test_itt_with_covariates_strata_and_weights_equals_dummies(trial):
    wide = trial.assign(
        female=(trial["sex"] == "F") * 1.0,
        **{f"b{k}": (trial["block"] == k) * 1.0 for k in range(1, 5)},
    )
    absorbed = trials.itt(wide, strata="block", covariates=["sex"], weights="weight", **GIVEN)
    full = trials.itt(
        wide, covariates=["female", "b1", "b2", "b3", "b4"], weights="weight", **GIVEN
    )
    np.testing.assert_allclose(numbers(absorbed), numbers(full), rtol=1e-9)
    assert (
        absorbed.method == "OLS within block weighted by weight, CR2 by school (Satterthwaite df)"
    )


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d.sample(frac=1, random_state=1),
        lambda d: d.set_index(np.zeros(len(d), int)),
        lambda d: d.assign(school="School " + d["school"].astype("str")),
        lambda d: d.assign(school=d["school"].astype("category")),
        lambda d: d.assign(school=d["school"] * 7 - 1000),
        lambda d: d.assign(school=[s if s % 2 else str(s) for s in d["school"]]),
        lambda d: d.assign(post=d["post"].astype("Float64"), pre=d["pre"].astype("Float64")),
        lambda d: d.assign(post=d["post"].map(repr)),
        lambda d: d.assign(arm=d["arm"].astype(bool)),
        lambda d: d.assign(arm=d["arm"].astype("boolean")),
        lambda d: d.assign(arm=d["arm"].astype(float)),
        lambda d: d.assign(arm=d["arm"].astype("str")),
        lambda d: d.assign(arm=d["arm"].astype("Int64")),
        lambda d: d.assign(pre=d["pre"] + 1e6),
    ],
)
def test_itt_whatever_the_types_and_order_gives_the_same(trial, change):
    changed = change(trial)
    before = changed.copy(deep=True)
    found = trials.itt(changed, **GIVEN)
    np.testing.assert_allclose(numbers(found), numbers(trials.itt(trial, **GIVEN)), rtol=1e-8)
    assert found.treatment == "arm against no arm"
    pd.testing.assert_frame_equal(changed, before)


def test_itt_with_named_arms_states_the_contrast(trial):
    named = trial.assign(arm=trial["arm"].map({0: "Usual practice", 1: "Read Aloud"}))
    found = trials.itt(named, reference="Usual practice", **GIVEN)
    np.testing.assert_allclose(numbers(found), numbers(trials.itt(trial, **GIVEN)), rtol=1e-12)
    assert found.treatment == "Read Aloud against Usual practice"
    turned = trials.itt(named, reference="Read Aloud", **GIVEN)
    assert turned.estimate == pytest.approx(-found.estimate)
    controlled = trial.assign(arm=trial["arm"].map({0: "Control", 1: "Mobilise"}))
    assert trials.itt(controlled, **GIVEN).treatment == "Mobilise against Control"


def test_itt_with_three_arms_holds_the_third_apart(trial):
    three = trial.assign(arm=np.where(trial["school"] < 6, 2, trial["arm"]))
    found = trials.itt(three, arm=1, **GIVEN)
    by_hand = trials.itt(
        three.assign(arm=(three["arm"] == 1) * 1, other=(three["arm"] == 2) * 1),
        covariates=["other"],
        **GIVEN,
    )
    np.testing.assert_allclose(numbers(found), numbers(by_hand), rtol=1e-10)
    assert found.n_treated == (three["arm"] == 1).sum()
    assert found.n_control == (three["arm"] == 0).sum()
    compared = three[three["arm"] < 2]
    assert (found.n_obs, found.n_clusters) == (len(compared), compared["school"].nunique())
    holes = three.assign(post=three["post"].mask(three.index % 50 == 0))
    lost = holes.loc[holes["arm"] < 2, "post"].isna().sum()
    assert trials.itt(holes, arm=1, **GIVEN).caveats == (
        f"{lost} of {len(compared)} pupils have no record of post and are left out",
    )


def test_itt_with_missing_values_counts_what_is_left_out(trial):
    holes = trial.copy()
    holes.loc[:4, "post"] = np.nan
    holes.loc[3:6, "pre"] = np.nan
    holes["school"] = holes["school"].astype("Float64")
    holes.loc[50, "school"] = pd.NA
    n = len(trial)
    found = trials.itt(holes, **GIVEN)
    assert found.caveats == (
        f"5 of {n} pupils have no record of post and are left out",
        f"2 of {n} pupils have no record of pre and are left out",
        f"1 of {n} pupils has no record of school and is left out",
    )
    np.testing.assert_allclose(
        numbers(found), numbers(trials.itt(trial.drop([*range(7), 50]), **GIVEN)), rtol=1e-9
    )


def test_itt_with_redundant_covariate_says_it_is_left_out(trial):
    found = trials.itt(trial.assign(twice=2 * trial["pre"] + 1), covariates=["twice"], **GIVEN)
    assert found.caveats == ("twice is explained by the others and left out",)
    np.testing.assert_allclose(numbers(found), numbers(trials.itt(trial, **GIVEN)), rtol=1e-9)


def test_itt_with_one_armed_strata_says_so(trial):
    strata = trial["block"].where(trial["school"] != 19, 9)
    found = trials.itt(trial.assign(block=strata), strata="block", **GIVEN)
    assert found.caveats == (
        "1 of 6 groups by block had only one of the two arms, and adds nothing to the comparison",
    )


def test_itt_with_few_clusters_warns(trial):
    found = trials.itt(trial[trial["school"] < 4], **GIVEN)
    assert found.caveats[-1] == (
        "fewer than 4 degrees of freedom: read the interval with great caution"
    )


def test_itt_without_cluster_uses_hc2(trial):
    found = trials.itt(trial, outcome="post", treatment="arm")
    assert found.method == "OLS, HC2 (Satterthwaite df)"
    assert found.n_clusters == found.n_obs == len(trial)


def test_itt_with_wrong_input_says_what_where_and_how_to_mend(trial):
    n = len(trial)
    text = trial.assign(post=trial["post"].round(1).astype("str"))
    text.loc[[4, 9], "post"] = "absent"
    assert_refused(
        "column 'post', row 6: not a number (2 such rows); only finite numbers and empty cells "
        "are allowed",
        text,
    )
    assert_refused("data has no column 'poost'; did you mean 'post'?", trial, outcome="poost")
    assert_refused(
        "data has no column 'zzzz'; there are post, arm, pre, school, block, sex, weight",
        trial,
        cluster="zzzz",
    )
    assert_refused("data: a DataFrame is needed, not list", [1, 2])
    assert_refused("data has no rows", trial.iloc[:0])
    assert_refused("column 'post' is constant: there is nothing to explain", trial.assign(post=1.0))
    assert_refused(
        "column 'post' is explained exactly by what is in the model: no error can be estimated",
        trial.assign(post=2 * trial["pre"] + trial["arm"]),
    )
    holes = trial.assign(arm=trial["arm"].astype("Int64"))
    holes.loc[[2, 7], "arm"] = pd.NA
    assert_refused(
        "column 'arm': 2 rows have no arm (the first is row 4); everybody who was assigned needs "
        "one: complete them or leave those rows out",
        holes,
    )
    named = trial.assign(arm=trial["arm"].map({0: "Usual", 1: "Mobilise"}))
    assert_refused(
        "column 'arm' has 2 arms and none is known to be the control: say which with reference=; "
        "there are Mobilise, Usual",
        named,
    )
    assert_refused(
        "reference='Usal' is not an arm of column 'arm'; there are Mobilise, Usual; did you mean "
        "'Usual'?",
        named,
        reference="Usal",
    )
    assert_refused(
        "column 'arm' has 3 arms: say with arm= which one is compared with the reference; there "
        "are 1, 2",
        trial.assign(arm=trial["school"] % 3),
    )
    assert_refused(
        f"column 'arm' has {n} different values; a treatment has 2 to 10 arms",
        trial.assign(arm=trial["pre"]),
    )
    assert_refused("column 'arm' has 1 value; a treatment has 2 to 10 arms", trial.assign(arm=1))
    assert_refused(
        "column 'school': the treated arm has only one cluster; at least two per arm are needed "
        "to tell the treatment from the cluster",
        trial[(trial["arm"] == 0) | (trial["school"] == 1)],
    )
    assert_refused(
        "column 'school' has one cluster; at least two per arm are needed", trial.assign(school=1)
    )
    assert_refused(
        "column 'arm': does not vary once all else in the model is held fixed, so it has no "
        "effect to estimate; leave out the covariates, strata or programmes that decide it, or "
        "add rows to compare with",
        trial,
        strata="school",
    )
    assert_refused(
        "column 'weight': weights must not be negative",
        trial.assign(weight=-1.0),
        weights="weight",
    )
    assert_refused(
        "cov_type is 'cr2'; allowed are CR0, CR1, CR1S, CR2, CR3, HC2, classical",
        trial,
        cov_type="cr2",
    )
    assert_refused(
        "cov_type 'CR1' needs cluster=; without it use 'HC2'", trial, cluster=None, cov_type="CR1"
    )
    assert_refused("level is 95; a proportion between 0 and 1 is needed", trial, level=95)
    assert_refused(
        f"column 'name' has {n} different values; a text covariate may have 50. Give numbers, "
        "broader groups, or name it as cluster or strata",
        trial.assign(name=[f"pupil {i}" for i in range(n)]),
        covariates=["name"],
    )
    assert_refused(
        "column 'arm': the treated arm has 0 pupils with all of post, pre, school; at least 2 are "
        "needed",
        trial.assign(post=trial["post"].where(trial["arm"] == 0)),
    )


def test_multilevel_agrees_with_ols_and_gives_variances(trial):
    found = trials.multilevel(trial, **GIVEN)
    plain = trials.itt(trial, **GIVEN)
    assert abs(found.estimate - plain.estimate) < plain.std_error
    assert found.icc == pytest.approx(
        found.variance_between / (found.variance_between + found.variance_within)
    )
    assert found.method == "random intercept by school, REML (Satterthwaite df)"


def test_multilevel_without_variance_between_clusters_says_so(trial):
    mean = trial.groupby("school")["post"].transform("mean")
    flat = trial.assign(post=trial["post"] - mean + 2 * trial["arm"])
    found = trials.multilevel(flat, outcome="post", treatment="arm", cluster="school")
    assert found.variance_between == 0
    assert found.df == 18
    assert found.caveats == ("no variance between clusters was found",)


def test_effect_size_is_j_times_difference_over_total_sd(trial):
    raw = trials.itt(trial, **GIVEN)
    found = trials.effect_size(trial, **GIVEN)
    total = np.sqrt(found.variance_between + found.variance_within)
    factor = (1 - 3 / (4 * (len(trial) - 2) - 1)) / total
    np.testing.assert_allclose(
        (found.estimate, found.std_error, found.ci_lower, found.ci_upper),
        [factor * x for x in (raw.estimate, raw.std_error, raw.ci_lower, raw.ci_upper)],
        rtol=1e-12,
    )
    assert (found.p_value, found.df, found.unit) == (raw.p_value, raw.df, "sd")


def test_effect_size_is_free_of_the_unit_of_the_outcome(trial):
    found = trials.effect_size(trial, **GIVEN)
    scaled = trials.effect_size(trial.assign(post=100 * trial["post"] - 7), **GIVEN)
    assert scaled.estimate == pytest.approx(found.estimate, rel=1e-6)


def test_effect_size_of_multilevel_model_with_weights_is_refused(trial):
    with pytest.raises(EvidenceError) as error:
        trials.effect_size(trial.assign(w=1.0), model="multilevel", weights="w", **GIVEN)
    assert str(error.value) == "model='multilevel' needs cluster= and takes no weights"


def test_balance_gives_hedges_g_and_cox_index(trial):
    table = trials.balance(trial, treatment="arm", covariates=["pre", "sex"]).to_frame()
    assert list(table["covariate"]) == ["pre", "sex: M"]
    treated, control = (trial[trial["arm"] == arm] for arm in (1, 0))
    n = len(trial)
    pooled = np.sqrt(
        ((len(treated) - 1) * treated["pre"].var() + (len(control) - 1) * control["pre"].var())
        / (n - 2)
    )
    omega = 1 - 3 / (4 * n - 9)
    odds = [
        share / (1 - share)
        for share in ((treated["sex"] == "M").mean(), (control["sex"] == "M").mean())
    ]
    np.testing.assert_allclose(
        table["effect_size"],
        [
            omega * (treated["pre"].mean() - control["pre"].mean()) / pooled,
            omega * np.log(odds[0] / odds[1]) / 1.65,
        ],
    )
    for size, band in zip(table["effect_size"].abs(), table["band"], strict=True):
        assert band == ("ok" if size <= 0.05 else "adjust" if size <= 0.25 else "fails")


def test_flow_counts_pupils_and_schools_by_stage(trial):
    holes = trial.copy()
    holes.loc[holes["school"] == 3, "post"] = np.nan
    holes.loc[0, "pre"] = np.nan
    table = trials.flow(
        holes, treatment="arm", outcome="post", baseline="pre", cluster="school"
    ).to_frame()
    assert list(table["stage"]) == ["assigned"] * 2 + ["outcome known"] * 2 + ["analysed"] * 2
    lost = (holes["school"] == 3).sum()
    control, treated = (trial["arm"] == 0).sum(), (trial["arm"] == 1).sum()
    assert list(table["n_pupils"]) == [
        control, treated, control, treated - lost, control - 1, treated - lost,
    ]  # fmt: skip
    assert list(table["n_schools"]) == [10, 10, 10, 9, 10, 9]


def test_attrition_with_more_analysed_than_assigned_is_refused(trial):
    with pytest.raises(EvidenceError) as error:
        trials.attrition(trial.iloc[:-1], trial, treatment="arm")
    assert str(error.value) == "attrition: more pupils of an arm are analysed than were assigned"


@pytest.mark.slow
def test_itt_default_interval_covers_at_its_level(rng):
    """2,000 trials of 10 schools of unequal size, ICC .2: 95% intervals cover 93.5 to 97%."""
    covered = 0
    for _ in range(2000):
        size = rng.integers(5, 60, 10)
        school = np.repeat(np.arange(10), size)
        arm = rng.permutation(np.arange(10) % 2)[school]
        post = rng.normal(0, 0.5, 10)[school] + rng.normal(0, 1, len(school)) + 0.2 * arm
        data = pd.DataFrame({"post": post, "arm": arm, "school": school})
        found = trials.itt(data, outcome="post", treatment="arm", cluster="school")
        covered += found.ci_lower <= 0.2 <= found.ci_upper
    assert 0.935 <= covered / 2000 <= 0.97
