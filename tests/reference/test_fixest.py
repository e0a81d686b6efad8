"""R's fixest 0.14.2, pyfixest 0.60 and diff-diff 3.13 on fixest's `base_stagg`."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from evidence import impact
from evidence.stats import covariance, design

GIVEN = {"outcome": "y", "treatment": "started", "unit": "id", "time": "year"}


@pytest.fixture(scope="module")
def panel(shared):
    frame = pd.read_csv(shared / "data/trials/base_stagg.csv")
    return frame.assign(started=(frame["year"] >= frame["year_treated"]).astype(int))


@pytest.fixture(scope="module")
def fixest(shared):
    return json.loads((shared / "reference/did_sunab_base_stagg.json").read_text())


@pytest.fixture(scope="module")
def sunab(panel):
    return impact.staggered(panel, method="sunab", covariates=["x1"], **GIVEN)


def events(fixest):
    rows = [row for row in fixest["event"] if row["term"].startswith("year::")]
    return {int(row["term"].split("::")[1]): row for row in rows}


@pytest.mark.slow
def test_sunab_equals_fixest(sunab, fixest):
    table = sunab.to_frame().set_index("time").drop(index=-1)
    expected = events(fixest)
    assert list(table.index) == sorted(expected)
    np.testing.assert_allclose(
        table["estimate"], [expected[k]["Estimate"] for k in table.index], rtol=1e-9
    )
    assert sunab.att.estimate == pytest.approx(fixest["att"][1]["Estimate"], rel=1e-9)
    np.testing.assert_allclose(np.diag(sunab.covariance), table["std_error"] ** 2)


@pytest.mark.slow
def test_sunab_errors_are_those_of_fixest_but_for_cr2(panel, sunab, fixest):
    """fixest: CR1 × (n − 1)/(n − K), where K leaves out the unit effects nested in clusters."""
    since = (panel["year"] - panel["year_treated"]).where(panel["year_treated"] < 10000)
    known = since.notna() & (since != -1)
    pair = (panel["year_treated"] * 100 + since).where(known)
    pairs = np.sort(pair.dropna().unique())
    dummies = (pair.to_numpy()[:, None] == pairs).astype(float)
    others = np.column_stack([pd.get_dummies(panel["year"], drop_first=True), panel["x1"]])
    units = pd.factorize(panel["id"])[0]
    made = design.design(dummies, others, units)
    _, residuals = made.fit(panel["y"].to_numpy())
    size, at = dummies.sum(axis=0), pairs - 100 * np.round(pairs / 100)
    mix = np.where(np.unique(at)[:, None] == at, size, 0)
    mix = replace(made, coefficients=mix / mix.sum(axis=1, keepdims=True) @ made.coefficients)
    factor = (made.n_obs - 1) / (made.n_obs - made.rank + units.max())
    expected = events(fixest)
    np.testing.assert_allclose(
        np.sqrt(factor) * covariance.robust(mix, residuals, units, "CR1", joint=False).std_error,
        [expected[k]["Std. Error"] for k in sorted(expected)],
        rtol=1e-8,
    )
    np.testing.assert_allclose(
        sunab.to_frame()["std_error"].dropna(),
        covariance.robust(mix, residuals, units, "CR2", joint=False).std_error,
        rtol=1e-9,
    )


def test_did2s_equals_pyfixest_where_it_runs(panel):
    """pyfixest.did2s(first_stage="~x1|id+year", second_stage="~treat"), units from 3 on.

    With the units that start in year 2 it stops: it drops their single untreated rows. It puts no
    G/(G − 1) on the variance, and takes out fixed effects to a tolerance of 1e-6.
    """
    late = panel[panel["year_treated"] != 2]
    found = impact.staggered(late, covariates=["x1"], **GIVEN).att
    factor = np.sqrt(90 / 89)
    np.testing.assert_allclose(
        (found.estimate, found.std_error), (-1.960344, 0.473637 * factor), rtol=2e-6
    )
    found = impact.staggered(late, **GIVEN).att
    np.testing.assert_allclose(
        (found.estimate, found.std_error),
        (-1.6916027511195662, 0.6347373399898876 * factor),
        rtol=5e-6,
    )


def test_did2s_equals_diff_diff(panel):
    """diff_diff.TwoStageDiD(cluster="id").fit(…, aggregate="event_study"), variance by G alone."""
    found = impact.staggered(panel, **GIVEN)
    after = found.to_frame().set_index("time").loc[[0, 1, 2, 3]]
    factor = np.sqrt(95 / 94)
    assert found.att.estimate == pytest.approx(-0.7455638316221507, rel=1e-9)
    assert found.att.std_error == pytest.approx(0.6070414703200075 * factor, rel=1e-9)
    np.testing.assert_allclose(
        after["estimate"],
        [-4.945261107975606, -3.010998281300304, -2.0512135013602597, 0.005604256506953495],
        rtol=1e-7,
    )
    np.testing.assert_allclose(
        after["std_error"],
        factor
        * np.array(
            [0.5453114445270457, 0.5362091299319646, 0.5263823140288241, 0.5237655894652913]
        ),
        rtol=1e-9,
    )


@pytest.mark.slow
def test_two_way_bias_shows_what_diff_diff_finds(panel):
    """diff_diff.BaconDecomposition: two-way fixed effects −3.4676, where imputation has −0.7456."""
    found = impact.two_way_bias(panel, **GIVEN)
    assert found.to_frame()["estimate"].iloc[0] == pytest.approx(-3.4676, abs=5e-5)
    assert found.sentence() == (
        "y, started against no started: two-way fixed effects −3.47; two-stage (did2s) −0.75; "
        "interaction-weighted (Sun–Abraham) −0.76. Two-way fixed effects count 9% of the 225 "
        "treated rows backwards (weights of −0.02 in all), because units already treated serve as "
        "comparison."
    )
