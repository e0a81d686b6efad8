"""The effect on compliers: against linearmodels, properties, weak offers."""

import math

import numpy as np
import pandas as pd
import pytest
from linearmodels.iv import IV2SLS
from scipy.special import stdtrit

from evidence import trials
from evidence.errors import EvidenceError
from evidence.methods.core.results import Estimate

GIVEN = {
    "outcome": "post",
    "treatment": "arm",
    "baseline": "pre",
    "cluster": "school",
    "strata": "block",
}


@pytest.fixture
def trial(rng):
    school = np.repeat(np.arange(30), rng.integers(8, 20, 30))
    n, arm = len(school), school % 2
    keen = rng.normal(size=n)
    sessions = np.where(arm == 1, np.clip(np.round(6 + 2 * keen), 0, 12), rng.random(n) < 0.1)
    pre = rng.normal(size=n)
    post = 0.2 * sessions + 0.5 * pre + 0.6 * keen + rng.normal(0, 0.4, 30)[school]
    return pd.DataFrame(
        {
            "post": post + rng.normal(size=n),
            "pre": pre,
            "arm": arm,
            "school": [f"School {code}" for code in school],
            "block": school // 10,
            "sessions": sessions.astype(float),
            "weight": rng.uniform(0.5, 2, n),
        }
    )


@pytest.mark.parametrize(("cov_type", "debiased"), [("CR0", False), ("CR1S", True)])
@pytest.mark.parametrize("weights", [None, "weight"])
def test_cace_equals_linearmodels_with_strata_written_out(trial, cov_type, debiased, weights):
    found = trials.cace(trial, dosage="sessions", cov_type=cov_type, weights=weights, **GIVEN)
    others = pd.get_dummies(trial["block"], prefix="block", dtype=float).assign(pre=trial["pre"])
    weighted = None if weights is None else trial["weight"]
    fitted = IV2SLS(
        trial["post"], others, trial[["sessions"]], trial[["arm"]], weights=weighted
    ).fit(cov_type="clustered", clusters=pd.factorize(trial["school"])[0], debiased=debiased)
    first = fitted.first_stage
    np.testing.assert_allclose(
        (found.estimate, found.std_error, found.first_stage, found.first_stage_f),
        (
            fitted.params["sessions"],
            fitted.std_errors["sessions"],
            first.individual["sessions"].params["arm"],
            first.diagnostics.loc["sessions", "f.stat"],
        ),
        rtol=1e-9,
    )


def test_cace_of_full_compliance_is_itt_and_its_interval(trial):
    itt = trials.itt(trial, **GIVEN)
    found = trials.cace(trial.assign(took=trial["arm"]), dosage="took", **GIVEN)
    np.testing.assert_allclose(
        (found.estimate, found.std_error, found.df, found.ar_lower, found.ar_upper),
        (itt.estimate, itt.std_error, itt.df, itt.ci_lower, itt.ci_upper),
        rtol=1e-9,
    )
    assert (found.first_stage, found.first_stage_f) == (pytest.approx(1.0), math.inf)
    assert found.estimand == "cace"
    assert found.treatment == "took, where offered arm against no arm"


def test_anderson_rubin_interval_ends_where_its_test_does(trial):
    found = trials.cace(trial, dosage="sessions", **GIVEN)
    for end in (found.ar_lower, found.ar_upper):
        shifted = trial.assign(post=trial["post"] - end * trial["sessions"])
        test = trials.itt(shifted, **GIVEN)
        assert abs(test.statistic) == pytest.approx(float(stdtrit(test.df, 0.975)), rel=1e-6)
    assert found.ar_lower < found.estimate < found.ar_upper


def test_threshold_counts_those_who_reached_it_and_says_what_it_assumes(trial):
    found = trials.cace(trial, dosage="sessions", threshold=6, **GIVEN)
    reached = trial.assign(reached=(trial["sessions"] >= 6).astype(int))
    other = trials.cace(reached, dosage="reached", **GIVEN)
    assert (found.estimate, found.std_error) == (other.estimate, other.std_error)
    assert found.treatment == "at least 6 of sessions, where offered arm against no arm"
    assert found.caveats == ("those below 6 of sessions are taken to have gained nothing",)
    treated = reached[reached["arm"] == 1]
    assert found.dosage_treated == pytest.approx(treated["reached"].mean())


def test_weak_offer_is_said_with_the_interval_that_holds(trial, rng):
    weak = trial.assign(dose=rng.normal(size=len(trial)) + 0.05 * trial["arm"])
    found = trials.cace(weak, dosage="dose", **GIVEN)
    assert found.first_stage_f < 10
    assert "the offer changed dose too little to rely on (first-stage F" in found.caveats[-1]
    assert found.caveats[-1].endswith("read the Anderson–Rubin interval instead, −∞ to +∞")
    assert (found.ar_lower, found.ar_upper) == (-math.inf, math.inf)


def test_cace_in_sd_is_scaled_as_the_effect_size(trial):
    raw = trials.cace(trial, dosage="sessions", **GIVEN)
    found = trials.cace(trial, dosage="sessions", unit="sd", **GIVEN)
    scale = trials.effect_size(trial, **GIVEN).estimate / trials.itt(trial, **GIVEN).estimate
    np.testing.assert_allclose(
        (found.estimate, found.std_error, found.ci_lower, found.ar_upper),
        [scale * x for x in (raw.estimate, raw.std_error, raw.ci_lower, raw.ar_upper)],
        rtol=1e-10,
    )
    assert found.unit == "sd"


@pytest.mark.slow
def test_cace_interval_covers_the_effect_on_compliers(rng):
    covered = 0
    for _ in range(150):
        school = np.repeat(np.arange(24), 12)
        arm, keen = school % 2, rng.normal(size=288)
        took = ((arm == 1) & (keen + rng.normal(size=288) > -0.5)).astype(int)
        post = 0.5 * took + keen + rng.normal(0, 0.3, 24)[school] + rng.normal(size=288)
        data = pd.DataFrame({"post": post, "arm": arm, "school": school, "took": took})
        found = trials.cace(data, outcome="post", treatment="arm", dosage="took", cluster="school")
        covered += found.ci_lower <= 0.5 <= found.ci_upper
    assert 0.90 <= covered / 150 <= 0.99


def test_dosage_that_tells_nothing_is_refused(trial):
    def refused(data, **named):
        with pytest.raises(EvidenceError) as error:
            trials.cace(data, **(GIVEN | named))
        return str(error.value)

    assert refused(trial.assign(none=0), dosage="none") == (
        "column 'none' is the same for all: nobody complied more"
    )
    assert refused(trial, dosage="sessions", threshold=99) == (
        "column 'sessions' against the threshold 99 is the same for all: nobody complied more"
    )
    assert refused(trial, dosage="pre") == (
        "column 'pre' is given as dosage and as something else as well"
    )
    assert refused(trial, dosage="session") == (
        "data has no column 'session'; did you mean 'sessions'?"
    )
    assert refused(trial, dosage="sessions", unit="months") == (
        "unit is 'months'; allowed are score, sd"
    )


def test_missing_dosage_is_left_out_and_counted(trial):
    gaps = trial.copy()
    gaps.loc[[3, 40], "sessions"] = np.nan
    found = trials.cace(gaps, dosage="sessions", **GIVEN)
    assert found.n_obs == len(trial) - 2
    assert found.caveats == (
        f"2 of {len(trial)} pupils have no record of sessions and are left out",
    )


def test_cace_says_its_first_stage_dosage_by_arm_and_the_interval_that_always_holds(trial):
    found = trials.cace(trial, dosage="sessions", unit="sd", **GIVEN)
    assert found.sentence() == (
        Estimate.sentence(found)
        + f" Received on average: {found.dosage_treated:.2f} where offered, "
        f"{found.dosage_control:.2f} elsewhere; the offer added {found.first_stage:.2f} "
        f"(first-stage F {found.first_stage_f:,.0f}). Interval that holds however weak the offer "
        f"(Anderson–Rubin): {found.ar_lower:+.2f} to {found.ar_upper:+.2f}."
    )
    assert f"first-stage F {found.first_stage_f:,.0f}" in found._repr_html_()
    everybody = trials.cace(trial.assign(took=trial["arm"]), dosage="took", **GIVEN)
    assert "(first-stage F without limit)" in everybody.sentence()
    # An effect for one per cent of attendance has its digits further down.
    tenths = trial.assign(share=trial["sessions"] * 10)
    small = trials.cace(tenths, dosage="share", unit="sd", **GIVEN)
    assert small.ci_upper < 0.1
    assert f"{small.estimate:+.3f} SD" in small.sentence()
    assert f"(Anderson–Rubin): {small.ar_lower:+.3f} to {small.ar_upper:+.3f}." in small.sentence()
