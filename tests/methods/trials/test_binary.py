"""Yes/no outcomes: against statsmodels and by hand."""

import math

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from evidence import trials
from evidence.errors import EvidenceError


@pytest.fixture
def trial(rng):
    school = np.repeat(np.arange(24), rng.integers(8, 20, 24))
    n, arm = len(school), school % 2
    pre = rng.normal(size=n)
    odds = 0.6 * arm + 0.8 * pre + rng.normal(0, 0.4, 24)[school]
    return pd.DataFrame(
        {
            "passed": rng.random(n) < 1 / (1 + np.exp(-odds)),
            "pre": pre,
            "arm": np.where(arm == 1, "Read Aloud", "Usual"),
            "school": [f"School {code}" for code in school],
            "block": school // 8,
        }
    )


GIVEN = {"outcome": "passed", "treatment": "arm", "reference": "Usual", "cluster": "school"}


def test_odds_ratio_equals_statsmodels_logit(trial):
    found = trials.odds_ratio(trial, baseline="pre", cov_type="CR0", **GIVEN)
    columns = sm.add_constant(
        pd.DataFrame({"arm": (trial["arm"] == "Read Aloud") * 1.0, "pre": trial["pre"]})
    )
    fitted = sm.Logit(trial["passed"].astype(float), columns).fit(
        disp=0,
        cov_type="cluster",
        cov_kwds={"groups": pd.factorize(trial["school"])[0], "use_correction": False},
    )
    np.testing.assert_allclose(
        (found.estimate, found.std_error), (fitted.params["arm"], fitted.bse["arm"]), rtol=1e-8
    )
    assert found.odds_ratio == math.exp(found.estimate)
    assert (found.unit, found.estimand) == ("log_odds", "itt")


def test_odds_ratio_without_covariates_is_that_of_the_table(trial):
    found = trials.odds_ratio(trial, **GIVEN)
    table = pd.crosstab(trial["arm"], trial["passed"]).to_numpy(float)
    crossed = table[0, 1] * table[1, 0] / (table[0, 0] * table[1, 1])
    assert found.odds_ratio == pytest.approx(crossed, rel=1e-9)
    assert found.or_lower < crossed < found.or_upper
    plain = trials.odds_ratio(trial, **(GIVEN | {"cluster": None}))
    # HC2 of a saturated logit: each arm's variance over n − 1 in place of n.
    shares = table / table.sum(axis=1, keepdims=True)
    hand = (1 / (shares.prod(axis=1) * (table.sum(axis=1) - 1))).sum()
    assert plain.std_error == pytest.approx(math.sqrt(hand), rel=1e-9)


def test_odds_ratio_turns_round_with_the_arms_and_the_outcome(trial):
    found = trials.odds_ratio(trial, baseline="pre", strata="block", **GIVEN)
    turned = trials.odds_ratio(
        trial, baseline="pre", strata="block", **(GIVEN | {"reference": "Read Aloud"})
    )
    other = trials.odds_ratio(
        trial.assign(passed=~trial["passed"]), baseline="pre", strata="block", **GIVEN
    )
    for estimate in (turned, other):
        assert estimate.estimate == pytest.approx(-found.estimate, rel=1e-7)
        assert estimate.std_error == pytest.approx(found.std_error, rel=1e-6)


def test_cox_index_is_log_odds_ratio_over_165(trial):
    found = trials.odds_ratio(trial, **GIVEN)
    index = found.cox_index()
    omega = 1 - 3 / (4 * len(trial) - 9)
    assert index.estimate == pytest.approx(omega * math.log(found.odds_ratio) / 1.65)
    assert index.ci_upper == pytest.approx(omega * math.log(found.or_upper) / 1.65)
    assert (index.unit, index.df) == ("sd", found.df)


def test_risk_difference_is_the_difference_in_percentage_points(trial):
    found = trials.risk_difference(trial, **GIVEN)
    share = trial.groupby("arm")["passed"].mean()
    assert found.estimate == pytest.approx(100 * (share["Read Aloud"] - share["Usual"]))
    assert found.unit == "pp"
    assert "percentage points" in found.sentence()


def test_odds_ratio_sentence_gives_ratio_and_shares(trial):
    said = trials.odds_ratio(trial, **GIVEN).sentence()
    assert said.startswith("passed, Read Aloud against Usual: odds ratio ")
    assert said.endswith("pupils; logit, CR2 by school (Satterthwaite df)).")


def refused(call, data, **named):
    with pytest.raises(EvidenceError) as error:
        call(data, **(GIVEN | named))
    return str(error.value)


def test_outcome_that_is_not_yes_or_no_is_refused(trial):
    for call in (trials.odds_ratio, trials.risk_difference):
        assert refused(call, trial.assign(passed=trial["pre"])) == (
            "column 'passed': a yes/no outcome may hold only 0 and 1 (or True and False)"
        )


def test_separation_is_refused_with_what_to_use_instead(trial):
    everybody = trial.assign(passed=trial["passed"] | (trial["arm"] == "Read Aloud"))
    assert refused(trials.odds_ratio, everybody) == (
        "column 'passed': everybody in the treated arm has it, so that there is no odds ratio; use "
        "trials.risk_difference"
    )
    decided = trial.assign(passed=trial["pre"] > 0)
    assert refused(trials.odds_ratio, decided, baseline="pre") == (
        "column 'passed': covariates or strata decide it for some pupils, so that there is no odds "
        "ratio; leave some out, or use trials.risk_difference"
    )


def test_odds_ratio_has_the_binomial_as_working_model():
    rng = np.random.default_rng(5)
    school = np.repeat(np.arange(10), [4, 30, 12, 7, 22, 9, 16, 5, 28, 11])
    arm, pre = school % 2, np.round(rng.normal(size=len(school)), 2)
    apart = rng.normal(0, 0.5, 10)[school]
    chance = 1 / (1 + np.exp(-(-1 + 0.5 * arm + 0.8 * pre + apart)))
    data = pd.DataFrame({"passed": (rng.random(len(school)) < chance) * 1, "arm": arm})
    data = data.assign(pre=pre, school=school)
    # clubSandwich 0.5.8: coef_test(glm(passed ~ arm + pre, binomial), vcovCR(…, school, type))
    for kind, expected in {
        "CR2": (0.503943997198, 0.737061725493, 5.434209675939),
        "CR0": (0.503943997198, 0.604809153166, 6.320162742999),
    }.items():
        found = trials.odds_ratio(
            data, outcome="passed", treatment="arm", baseline="pre", cluster="school", cov_type=kind
        )
        np.testing.assert_allclose(
            (found.estimate, found.std_error, found.df), expected, rtol=1e-10
        )
