"""Subgroups and several outcomes: models equal those made by hand, p-values count the questions."""

import numpy as np
import pandas as pd
import pytest

from evidence import effects, trials
from evidence.errors import EvidenceError
from evidence.methods.trials.trial_data import read
from evidence.stats import multiplicity, wild_bootstrap

GIVEN = {"outcome": "post", "treatment": "arm", "baseline": "pre", "cluster": "school"}


@pytest.fixture
def trial(rng):
    """Return 30 schools of 20 pupils; the effect is larger for pupils on free school meals."""
    school = np.repeat(np.arange(30), 20)
    n = len(school)
    arm = school % 2
    fsm = (rng.random(n) < 0.3).astype(int)
    pre = rng.normal(0, 1, n) - 0.4 * fsm
    post = 0.6 * pre + arm * (0.2 + 0.8 * fsm) + rng.normal(0, 0.2, 30)[school]
    return pd.DataFrame(
        {
            "post": post + rng.normal(0, 0.7, n),
            "reading": post + rng.normal(0, 1, n),
            "attendance": rng.normal(0, 1, n),
            "arm": arm,
            "fsm": fsm,
            "sex": np.where(rng.random(n) < 0.5, "F", "M"),
            "pre": pre,
            "school": school,
            "block": school // 6,
        }
    )


def test_subgroups_give_the_separate_models(trial):
    found = trials.subgroups(trial, subgroup="fsm", prespecified="fsm", strata="block", **GIVEN)
    table = found.to_frame().set_index("group")
    for level in (0, 1):
        alone = trials.effect_size(trial[trial["fsm"] == level], strata="block", **GIVEN)
        assert table.loc[str(level), "estimate"] == pytest.approx(alone.estimate)
        assert table.loc[str(level), "ci_lower"] == pytest.approx(alone.ci_lower)
        assert found.estimates["fsm", str(level)].p_value == pytest.approx(alone.p_value)
    assert set(table["status"]) == {"pre-specified"}


def test_subgroups_difference_is_the_interaction(trial):
    """Centred by hand: with fsm coded from the subgroup, arm's coefficient is the subgroup's."""
    found = trials.subgroups(trial, subgroup="fsm", **GIVEN)
    difference = found.to_frame().query("kind == 'difference'").iloc[0]
    by_hand = [
        trials.itt(
            trial.assign(here=trial["fsm"] == level, both=(trial["fsm"] == level) * trial["arm"]),
            covariates=["here", "both"],
            **GIVEN,
        ).estimate
        for level in (1, 0)
    ]
    whole = trials.effect_size(trial, **GIVEN), trials.itt(trial, **GIVEN)
    scale = whole[0].estimate / whole[1].estimate
    # With "both" in the model arm's coefficient is the effect where `here` is 0.
    assert difference["estimate"] == pytest.approx(scale * (by_hand[0] - by_hand[1]) * -1)
    assert difference["group"] == "1 against 0"
    test = found.tests.iloc[0]
    assert test["p_value"] == pytest.approx(difference["p_value"])
    assert test["statistic"] == pytest.approx(
        (difference["estimate"] / difference["std_error"]) ** 2
    )


def test_subgroups_by_prior_attainment_are_thirds_and_a_trend(trial):
    found = trials.subgroups(trial, subgroup="pre", **GIVEN)
    table = found.to_frame()
    assert list(table["group"]) == [
        "lowest third",
        "middle third",
        "highest third",
        "middle third against lowest third",
        "highest third against lowest third",
        "one SD more of pre",
    ]
    assert list(table["n_pupils"][:3]) == [200, 200, 200]
    z = (trial["pre"] - trial["pre"].mean()) / trial["pre"].std(ddof=0)
    columns = np.column_stack([np.ones(600), trial["arm"], z, trial["arm"] * z])
    slope = np.linalg.lstsq(columns, trial["post"].to_numpy(), rcond=None)[0][-1]
    whole = trials.effect_size(trial, **GIVEN), trials.itt(trial, **GIVEN)
    scale = whole[0].estimate / whole[1].estimate
    assert table["estimate"].iloc[-1] == pytest.approx(scale * slope)
    assert list(found.tests["kind"]) == ["difference", "trend"]


def test_subgroups_say_whether_effects_differ(trial):
    found = trials.subgroups(trial, subgroup=["fsm", "sex"], prespecified=["fsm"], **GIVEN)
    tests = found.tests.set_index("subgroup")
    np.testing.assert_allclose(tests["p_adjusted"], effects.adjust(tests["p_value"]))
    assert "The effect differs by fsm (p < .001, adjusted p < .001; pre-specified)." in (
        found.sentence()
    )
    assert "does not clearly differ by sex" in found.sentence()
    assert found.sentence().endswith("exploratory).")


def test_subgroups_with_few_pupils_are_not_estimated(trial):
    rare = trial.assign(eal=0)
    rare.loc[rare.index[(rare["arm"] == 1)][:9], "eal"] = 1
    rare.loc[rare.index[(rare["arm"] == 0)][:30], "eal"] = 1
    found = trials.subgroups(rare, subgroup="eal", **GIVEN)
    row = found.to_frame().query("group == '1'").iloc[0]
    assert row["note"] == "too little data: fewer than 10 pupils in an arm"
    assert np.isnan(row["estimate"])
    assert (row["n_treated"], row["n_control"]) == (9, 30)
    assert found.sentence() == "eal: too little data to compare (exploratory)."
    assert ("eal", "1") not in found.estimates


def test_subgroups_in_one_school_are_not_estimated(trial):
    found = trials.subgroups(
        trial.assign(unit=np.where(trial["school"].isin([0, 2, 3]), "yes", "no")),
        subgroup="unit",
        **GIVEN,
    )
    assert found.to_frame().set_index("group").loc["yes", "note"] == (
        "too little data: column 'school': the treated arm has only one cluster; at least two per "
        "arm are needed to tell the treatment from the cluster"
    )


def test_subgroups_with_three_arms_hold_the_third_apart(trial):
    three = trial.assign(arm=np.array(["usual", "a", "b"])[trial["school"] % 3])
    given = GIVEN | {"reference": "usual", "arm": "a"}
    found = trials.subgroups(three, subgroup="fsm", **given).to_frame()
    two = trials.subgroups(three[three["arm"] != "b"], subgroup="fsm", **given).to_frame()
    assert found["n_treated"].iloc[0] == two["n_treated"].iloc[0]
    # The third arm shares the covariates' slopes only: nearly the same difference.
    assert found["estimate"].iloc[-1] == pytest.approx(two["estimate"].iloc[-1], abs=0.1)


def test_subgroups_with_wrong_input_are_refused(trial):
    for message, given in (
        ("prespecified='sx' is not among subgroup=fsm", {"prespecified": "sx"}),
        ("data has no column 'fms'; did you mean 'fsm'?", {"subgroup": "fms"}),
        (
            "column 'name' has 600 different values; a text subgroup may have 10: give broader "
            "groups",
            {"subgroup": "name"},
        ),
    ):
        data = trial.assign(name=[f"n{i}" for i in range(600)])
        with pytest.raises(EvidenceError) as error:
            trials.subgroups(data, **(GIVEN | {"subgroup": "fsm"} | given))
        assert str(error.value) == message


def test_adjust_equals_the_published_examples():
    """R's p.adjust(c(.01, .02, .03, .04, NA, .005), "BH" and "holm")."""
    p = [0.01, 0.02, 0.03, 0.04, np.nan, 0.005]
    np.testing.assert_allclose(
        effects.adjust(p), [0.025, 0.1 / 3, 0.0375, 0.04, np.nan, 0.025], rtol=1e-12
    )
    np.testing.assert_allclose(
        effects.adjust(p, "holm"), [0.04, 0.06, 0.06, 0.06, np.nan, 0.025], rtol=1e-12
    )
    with pytest.raises(EvidenceError) as error:
        effects.adjust(p, "bonferroni")
    assert str(error.value) == "method is 'bonferroni'; allowed are bh, holm"


def test_stepdown_by_hand():
    """Three outcomes, four draws, |t| = 3, 2, 1: maxima over {1,2,3}, {2,3}, {3}."""
    draws = np.array([[3.5, 0.1, 0.2], [0.3, -2.5, 0.4], [0.1, 0.2, 0.3], [1.0, 0.5, -1.5]])
    found = multiplicity.stepdown(np.array([-3.0, 2.0, 1.0]), draws)
    np.testing.assert_allclose(found, [2 / 5, 2 / 5, 2 / 5])
    np.testing.assert_allclose(
        multiplicity.stepdown(np.array([2.0, 9.0, 1.0]), draws), [2 / 5, 1 / 5, 2 / 5]
    )


def test_wild_draws_equal_refitting(trial):
    """Each draw against a least-squares fit of the outcome with its residuals' signs changed."""
    made = read(trial.assign(weight=1 + trial["fsm"]), strata="block", weights="weight", **GIVEN)
    t, drawn = wild_bootstrap.studentised(made.design, made.outcome, made.cluster, 30, 20, seed=3)
    signs = 2.0 * np.random.default_rng(3).integers(0, 2, (20, 30)) - 1
    dummies = (made.strata[:, None] == np.arange(5)).astype(float)
    full = np.column_stack([dummies, made.others, made.treated])
    w = made.weights[:, None]

    def fit(columns, y):
        inverse = np.linalg.inv((w * columns).T @ columns)
        beta = inverse @ (w * columns).T @ y
        directions = (w * columns) @ inverse[:, -1]
        scores = np.bincount(made.cluster, directions * (y - columns @ beta))
        return columns @ beta, beta[-1] / np.sqrt((scores**2).sum())

    assert t == pytest.approx(fit(full, made.outcome)[1])
    null, _ = fit(full[:, :-1], made.outcome)
    by_hand = [fit(full, null + s[made.cluster] * (made.outcome - null))[1] for s in signs]
    np.testing.assert_allclose(drawn, by_hand, rtol=1e-9)
    assert made.design.n_obs == len(trial)


def test_romano_wolf_lies_between_plain_and_holm(trial):
    found = trials.romano_wolf(
        trial.assign(again=trial["post"] + 1e-6 * trial["reading"]),
        outcomes=["post", "again", "attendance"],
        treatment="arm",
        cluster="school",
        baseline="pre",
        draws=1999,
    )
    assert list(found["outcome"]) == ["post", "again", "attendance"]
    assert (found["p_romano_wolf"] <= found["p_holm"] + 0.02).all()
    # Two outcomes that are one: asking twice costs nothing, where Holm doubles.
    alone = trials.romano_wolf(
        trial, outcomes=["post"], treatment="arm", cluster="school", baseline="pre", draws=1999
    )
    assert found["p_romano_wolf"].iloc[0] == pytest.approx(alone["p_romano_wolf"].iloc[0], abs=0.01)
    with pytest.raises(EvidenceError) as error:
        trials.romano_wolf(trial, outcomes=["post"], treatment="arm", draws=10)
    assert str(error.value) == "draws is 10; a whole number from 99 on is needed"


@pytest.mark.slow
def test_romano_wolf_holds_the_family_wise_error(rng):
    """400 trials of 20 schools, four correlated outcomes without effect: any p < .05 in 5%."""
    wrong = naive = 0
    for seed in range(400):
        school = np.repeat(np.arange(20), rng.integers(8, 25, 20))
        arm = rng.permutation(np.arange(20) % 2)[school]
        common = rng.normal(0, 0.4, 20)[school] + rng.normal(0, 0.7, len(school))
        data = pd.DataFrame({"school": school, "arm": arm})
        for name in "abcd":
            data[name] = common + rng.normal(0, 0.7, len(school)) + rng.normal(0, 0.3, 20)[school]
        found = trials.romano_wolf(
            data,
            outcomes=list("abcd"),
            treatment="arm",
            cluster="school",
            draws=499,
            seed=seed,
        )
        wrong += (found["p_romano_wolf"] < 0.05).any()
        naive += (found["p_value"] < 0.05).any()
    assert wrong / 400 <= 0.083  # 5% and three Monte-Carlo errors
    assert naive > wrong
