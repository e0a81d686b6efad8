"""R's clubSandwich 0.5.8 (numbers in ../shared/reference, with the call that made them)."""

import json

import numpy as np
import pandas as pd
import pytest

from evidence import impact, trials

KINDS = ("CR0", "CR1", "CR1S", "CR2", "CR3")


def load(shared, name):
    return json.loads((shared / "reference" / f"{name}.json").read_text())


@pytest.fixture(scope="module")
def crt(shared):
    return pd.read_csv(shared / "data/trials/crtData.csv")


@pytest.fixture(scope="module")
def kindergarten(shared):
    star = pd.read_csv(shared / "data/trials/star.csv.gz", low_memory=False)
    return star[star["gr"] == "K"]


def assert_same(found, expected, ols):
    np.testing.assert_allclose(
        (found.estimate, found.std_error, found.statistic, found.df, found.p_value),
        (
            ols["estimate"],
            expected["se"],
            expected["t"],
            expected["df_satterthwaite"],
            expected["p"],
        ),
        rtol=1e-9,
    )
    np.testing.assert_allclose(
        (found.ci_lower, found.ci_upper), (expected["lb"], expected["ub"]), rtol=1e-9
    )


@pytest.mark.parametrize("kind", KINDS)
def test_itt_on_crtdata_equals_clubsandwich(shared, crt, kind):
    expected = load(shared, "crve_crtData")
    found = trials.itt(
        crt,
        outcome="Posttest",
        treatment="Intervention",
        baseline="Prettest",
        cluster="School",
        cov_type=kind,
    )
    assert_same(found, expected[kind]["Intervention"], expected["ols"]["Intervention"])
    assert (found.n_obs, found.n_clusters) == (265, 22)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("arm", ["small", pytest.param("reg+A", marks=pytest.mark.slow)])
def test_itt_on_star_equals_clubsandwich(shared, kindergarten, kind, arm):
    expected = load(shared, "crve_star_k_math")
    found = trials.itt(
        kindergarten,
        outcome="math",
        treatment="cltype",
        reference="reg",
        arm=arm,
        cluster="sch",
        cov_type=kind,
    )
    assert_same(found, expected[kind][f"cltype{arm}"], expected["ols"][f"cltype{arm}"])
    compared = kindergarten[kindergarten["cltype"].isin(["reg", arm])].dropna(subset=["math"])
    assert (found.n_obs, found.n_clusters) == (len(compared), compared["sch"].nunique())
    lost, n = {"small": (300, 4094), "reg+A": (316, 4425)}[arm]  # those of the two arms compared
    assert found.caveats == (f"{lost} of {n:,} pupils have no record of math and are left out",)


def test_itt_without_clusters_equals_lm_and_hc2(shared, crt):
    expected = load(shared, "crve_crtData")
    given = {"outcome": "Posttest", "treatment": "Intervention", "baseline": "Prettest"}
    classical = trials.itt(crt, cov_type="classical", **given)
    np.testing.assert_allclose(
        classical.std_error, expected["ols"]["Intervention"]["se_classical"], rtol=1e-9
    )
    assert classical.df == 262
    np.testing.assert_allclose(
        trials.itt(crt, **given).std_error, expected["HC"]["HC2"]["Intervention"], rtol=1e-9
    )


@pytest.mark.parametrize("kind", ["CR0", "CR1", "CR1S", "CR2"])
def test_did_on_egsingle_equals_clubsandwich(shared, kind):
    expected = load(shared, "did_egsingle_panel")["clubSandwich"][kind]
    panel = pd.read_csv(shared / "data/trials/panel_egsingle_school_year.csv")
    found = impact.did(
        panel, outcome="math", treatment="did", unit="schoolid", time="year", cov_type=kind
    )
    np.testing.assert_allclose(
        (found.estimate, found.std_error, found.statistic, found.df, found.p_value),
        [expected[key] for key in ("beta", "SE", "tstat", "df_Satt", "p_Satt")],
        rtol=1e-9,
    )
