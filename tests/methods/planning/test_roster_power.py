"""Simulated power of unequal schools, against our own analysis and against the formula."""

import numpy as np
import pandas as pd
import pytest

import evidence as ev
from evidence.stats import power

POWER = ev.planning.roster_power


def test_a_simulated_trial_is_analysed_as_a_real_one(rng):
    pupils = rng.integers(3, 40, 14)
    school = np.repeat(np.arange(14), pupils)
    stratum, score = np.arange(14) % 2, rng.normal(size=14)
    arm = np.array([0, 0, 1, 1] * 3 + [0, 1])
    result = 0.3 * arm[school] + rng.normal(size=14)[school] + rng.normal(size=len(school))
    data = pd.DataFrame({"result": result, "arm": np.array(["control", "treatment"])[arm][school]})
    data["school"], data["stratum"], data["score"] = school, stratum[school], score[school]
    real = ev.trials.itt(
        data,
        outcome="result",
        treatment="arm",
        reference="control",
        cluster="school",
        strata="stratum",
        covariates=["score"],
    )
    means = data.groupby("school")["result"].mean().to_numpy()
    fixed = np.column_stack([stratum == 0, stratum == 1, score]).astype(float)
    found = power.simulated(arm[None].astype(float), means[None], pupils.astype(float), fixed)
    assert np.ravel(found) == pytest.approx([real.estimate, real.std_error, real.df], rel=1e-9)


@pytest.mark.parametrize(
    ("schools", "pupils", "es"), [(20, 15, 0.6), (60, 30, 0.25), (10, 25, 0.9)]
)
def test_power_of_equal_schools_is_that_of_the_formula(schools, pupils, es):
    roster = pd.DataFrame({"pupils": [pupils] * schools})
    found = POWER(roster, pupils="pupils", rho2=0.15, r2_1=0.3, es=es, draws=20_000)
    formula = ev.planning.power(design="CRA2", n=pupils, J=schools, rho2=0.15, r2_1=0.3, es=es)
    assert found == pytest.approx(formula, abs=0.01)
    assert found.std_error == pytest.approx(formula.std_error, rel=0.02)
    assert found.df == pytest.approx(formula.df)


def test_unequal_schools_have_less_power_and_nothing_is_found_too_often():
    equal, unequal = ([40] * 30, [10] * 24 + [160] * 6)
    found = [POWER(pd.DataFrame({"n": n}), pupils="n", rho2=0.15, es=0.4) for n in (equal, unequal)]
    assert found[1] < found[0] - 0.1
    mild = pd.DataFrame({"n": [20] * 15 + [60] * 15})
    none = POWER(mild, pupils="n", rho2=0.15, es=0, draws=20_000)
    assert 0.04 < none < 0.06


def test_roster_power_tells_all_faults_at_once():
    roster = pd.DataFrame({"pupils": [30, 0, 20], "region": [*"aab"]})
    with pytest.raises(ev.EvidenceError) as caught:
        POWER(roster, pupils="pupils", rho2=2, es="x", draws=0)
    assert list(caught.value.faults) == [
        "column 'pupils', row 3: each school needs one pupil at least",
        "rho2 is 2; a number from 0 to 1 is needed",
        "es is 'x'; a number from 0 to 9 is needed",
        "draws is 0; a whole number from 1 on is needed",
    ]
    roster["pupils"] = 20
    with pytest.raises(
        ev.EvidenceError, match=r"^roster: 3 schools are too few for 2 columns held"
    ):
        POWER(roster, pupils="pupils", rho2=0.2, strata="region")
