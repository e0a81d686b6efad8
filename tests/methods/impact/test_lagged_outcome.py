"""The effect given earlier results: against dense algebra, other code, and what is true."""

import numpy as np
import pandas as pd
import pytest

import evidence as ev
from evidence.errors import EvidenceError
from evidence.stats import mixed_model, panel_mixed_model

from .simulated import GIVEN, dense, parts_of, simulate


def test_given_past_is_generalised_least_squares_with_cr2_errors(rng):
    panel = simulate(rng, schools=24).drop(index=[3, 50, 51]).reset_index(drop=True)
    asked = {"weights": "n", "covariates": ["fsm"], **GIVEN}
    found = ev.impact.given_past(panel, cov_type="CR2", **asked)
    parts = parts_of(panel)
    v, x, y = dense(panel, parts)
    inverse = np.linalg.inv(v)
    bread = np.linalg.inv(x.T @ inverse @ x)
    effect = bread @ x.T @ inverse @ y
    assert found.estimate == pytest.approx(effect[-1], rel=1e-8)
    assert found.variance_between == pytest.approx(parts.lasting)
    # CR2 with V as the working covariance, on V^(-1/2)(X, y): Pustejovsky and Tipton (2018), eq. 6
    values, vectors = np.linalg.eigh(v)
    root = vectors / np.sqrt(values) @ vectors.T
    x, y = root @ x, root @ y
    hat = np.eye(len(y)) - x @ bread @ x.T
    left, meat, pieces = y - x @ effect, 0.0, []
    for unit in pd.unique(panel["urn"]):
        rows = np.flatnonzero(panel["urn"] == unit)
        size, turn = np.linalg.eigh(hat[np.ix_(rows, rows)])
        weight = turn * np.where(size > 1e-10, size, np.inf) ** -0.5 @ turn.T
        score = (bread @ x[rows].T @ weight)[-1]
        meat += (score @ left[rows]) ** 2
        pieces.append(hat[rows].T @ score)
    assert found.std_error == pytest.approx(meat**0.5, rel=1e-8)
    p = np.array(pieces) @ np.array(pieces).T
    assert found.df == pytest.approx(np.trace(p) ** 2 / (p * p).sum(), rel=1e-8)
    own = ev.impact.given_past(panel, cov_type="classical", **asked)
    # rel: the scale of V is where a search over the other components stopped
    assert own.std_error == pytest.approx(bread[-1, -1] ** 0.5, rel=1e-6)
    assert own.df == len(y) - x.shape[1]


@pytest.mark.parametrize(
    ("gain", "larger", "method"),
    [
        (lambda y: (100 - y) / 2, "classical", "errors of the model"),
        (lambda y: 3 * (y - 65), "CR2", "CR2 by urn (Satterthwaite df)"),
    ],
)
def test_given_past_takes_the_larger_error_with_its_own_df(rng, gain, larger, method):
    panel = simulate(rng)
    panel["pct"] += panel["lamp"] * gain(panel["pct"])
    found = ev.impact.given_past(panel, weights="n", **GIVEN)
    other = ev.impact.given_past(panel, weights="n", cov_type=larger, **GIVEN)
    assert found.to_frame().equals(other.to_frame())
    assert found.method == f"given earlier results (random effects of urn), {method}"
    for kind in ("classical", "CR2"):
        asked = ev.impact.given_past(panel, weights="n", cov_type=kind, **GIVEN)
        assert found.std_error >= asked.std_error


def test_given_past_of_one_treated_unit_is_as_unsure_as_the_model(rng):
    panel = simulate(rng, chosen=1)
    found = ev.impact.given_past(panel, weights="n", **GIVEN)
    alone = panel[(panel["lamp"] == 1)]["n"].item()
    # what passes and chance make of one result; CR2 says a tenth of it, for want of a second school
    assert found.std_error > (16 + 45**2 / alone) ** 0.5
    assert found.caveats == ("only 1 treated cluster: read the interval with great caution",)


def test_without_weights_and_with_few_years_it_is_the_random_intercept_model(rng):
    panel = simulate(rng, years=3)
    found = ev.impact.given_past(panel, covariates=["fsm"], **GIVEN)
    _, x, y = dense(panel, panel_mixed_model.Components(1, 1, 1, 0, None, None), weights=False)
    other = mixed_model.random_intercept(y, x[:, 1:], pd.factorize(panel["urn"])[0])
    assert found.estimate == pytest.approx(other.coefficients[-1], rel=1e-5)
    assert found.variance_between == pytest.approx(other.variance_between, rel=1e-3)
    assert found.variance_within == pytest.approx(other.variance_within, rel=1e-3)


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d.sample(frac=1, random_state=2),
        lambda d: d.set_index(np.zeros(len(d), int)),
        lambda d: d.assign(urn=d["urn"].astype("category"), n=3 * d["n"]),
        lambda d: d.assign(pct=d["pct"].astype("Float64"), lamp=d["lamp"].astype("boolean")),
        lambda d: d.assign(pct=d["pct"] + 1000, year=d["year"] + 7),
    ],
)
def test_given_past_whatever_types_order_and_origin_gives_the_same(rng, change):
    panel = simulate(rng)
    asked = {"weights": "n", "covariates": ["fsm"], **GIVEN}
    plain, other = (ev.impact.given_past(d, **asked) for d in (panel, change(panel)))
    for name in ("estimate", "std_error", "df", "ci_lower", "ci_upper", "icc"):
        assert getattr(other, name) == pytest.approx(getattr(plain, name), rel=1e-4)


def test_given_past_scales_with_outcome_and_dose(rng):
    panel = simulate(rng)
    one = ev.impact.given_past(panel, weights="n", **GIVEN)
    two = ev.impact.given_past(
        panel.assign(pct=10 * panel["pct"], lamp=2 * panel["lamp"]), weights="n", **GIVEN
    )
    assert two.estimate == pytest.approx(5 * one.estimate, rel=1e-4)
    assert two.std_error == pytest.approx(5 * one.std_error, rel=1e-4)


def test_given_past_names_method_and_caveats(rng):
    panel = simulate(rng)
    panel["leap"] = (panel["urn"].isin(["s001", "s040"]) & (panel["year"] >= 2018)).astype(int)
    found = ev.impact.given_past(panel, weights="n", overlap=["leap"], cov_type="CR2", **GIVEN)
    assert found.method == (
        "given earlier results (random effects of urn), CR2 by urn (Satterthwaite df)"
    )
    assert found.caveats == ("we allowed for leap",)
    assert (found.estimand, found.n_obs, found.n_clusters) == ("att", 300, 60)
    assert (found.n_treated, found.n_control) == (75, 225)


def test_given_past_refuses_what_did_refuses(rng):
    panel = simulate(rng)
    for data, message in (
        (panel.assign(lamp=0), "column 'lamp' is 0 in every row: nobody is treated"),
        (panel.assign(pct=1.0), "column 'pct' is constant: there is nothing to explain"),
        (
            panel.assign(leap=panel["lamp"]),
            "column 'lamp': does not vary once all else in the model is held fixed, so it has no "
            "effect to estimate; leave out the covariates, strata or programmes that decide it, or "
            "add rows to compare with",
        ),
    ):
        with pytest.raises(EvidenceError) as error:
            ev.impact.given_past(data, overlap=["leap"] if "leap" in data else [], **GIVEN)
        assert str(error.value) == message


def test_of_two_columns_of_lists_the_unit_is_named_whatever_they_are_called(rng):
    panel = simulate(rng)
    lists = [[name] for name in panel["urn"]]
    for i in range(10):  # names whose order in a set would differ
        named = panel.assign(**{f"school {i}": lists, f"trust {i}": lists})
        with pytest.raises(EvidenceError, match=f"column 'school {i}': some cells hold lists"):
            ev.impact.given_past(
                named, **{**GIVEN, "unit": f"school {i}"}, cluster=f"trust {i}", weights="n"
            )


@pytest.mark.slow
def test_schools_chosen_for_low_results_cover_zero_and_did_does_not(rng):
    held = {"given_past": 0, "did": 0}
    for _ in range(150):
        panel = simulate(rng, schools=80, years=4, chosen=16)
        for name in held:
            found = getattr(ev.impact, name)(panel, weights="n", **GIVEN)
            held[name] += found.ci_lower <= 0 <= found.ci_upper
    # Binomial(150, .95) lies within 133 to 149 with probability .998.
    assert 133 <= held["given_past"] <= 149
    assert held["did"] < 133


@pytest.mark.slow
def test_intervals_hold_what_changed_for_those_treated_where_the_worst_gain_most(rng):
    held = {"larger": 0, "CR2": 0}
    for _ in range(150):
        panel = simulate(rng, schools=80, years=4)
        gain = panel["lamp"] * (100 - panel["pct"]) / 2
        panel["pct"] += gain
        true = gain[panel["lamp"] == 1].mean()
        for kind in held:
            found = ev.impact.given_past(panel, cov_type=kind, **GIVEN)
            held[kind] += found.ci_lower <= true <= found.ci_upper
    # Binomial(150, .95) lies within 133 to 149 with probability .998.
    assert 133 <= held["larger"] <= 149
    assert held["CR2"] < 133
