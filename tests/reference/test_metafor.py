"""Pooling equals metafor 3.8, clubSandwich and a Bayesian quadrature, on two public sets."""

import json
import shutil
import subprocess

import numpy as np
import pandas as pd
import pytest

from evidence import synthesis

# Methods whose iterations metafor ends early have its tolerance, the others none.
TOLERANCE = {"REML": 1e-6, "ML": 1e-6, "EB": 1e-5, "PM": 2e-4}
NAMES = {
    "estimate": "estimate", "se": "std_error", "ci_lb": "ci_lower", "ci_ub": "ci_upper",
    "p": "p_value", "tau2": "tau2", "I2": "i2", "H2": "h2", "Q": "q", "QE": "q", "Qp": "q_p_value",
    "QEp": "q_p_value", "pi_lb": "prediction_lower", "pi_ub": "prediction_upper",
}  # fmt: skip
INFERENCE = {"z": "z", "knha": "hartung-knapp"}


@pytest.fixture(scope="module")
def schools(shared):
    """56 effects of schools in 11 districts (Konstantopoulos 2011)."""
    found = json.loads((shared / "reference/meta_konstantopoulos2011.json").read_text())
    data = found["data"]
    return found, np.array(data["yi"]), np.sqrt(data["vi"]), data


def assert_equal(pooled, expected, method):
    for theirs, ours in NAMES.items():
        if isinstance(expected.get(theirs), float):
            tolerance = TOLERANCE.get(method, 1e-9)
            assert getattr(pooled, ours) == pytest.approx(
                expected[theirs], rel=tolerance, abs=tolerance / 10
            ), (method, theirs)


@pytest.mark.parametrize("inference", INFERENCE)
@pytest.mark.parametrize("method", ["REML", "PM", "DL", "FE", "ML", "EB", "SJ", "HE", "HS"])
def test_nine_estimators_equal_metafor(schools, method, inference):
    found, y, error, _ = schools
    pooled = synthesis.pool(y, error, method=method, inference=INFERENCE[inference])
    assert_equal(pooled, found["two_level"][f"{method} {inference}"], method)


def test_intervals_of_heterogeneity_equal_metafor(schools):
    found, y, error, _ = schools
    pooled, expected = synthesis.pool(y, error), found["two_level"]["confint"]
    ours = [
        (pooled.tau2, pooled.tau2_lower, pooled.tau2_upper),
        (pooled.i2, pooled.i2_lower, pooled.i2_upper),
    ]
    np.testing.assert_allclose(ours, [expected["tau2"], expected["I2"]], rtol=4e-4)


@pytest.mark.slow
def test_leave_one_out_cumulative_influence_and_egger_equal_metafor(schools):
    found, y, error, _ = schools
    expected = found["two_level"]
    pooled = synthesis.pool(y, error, inference="z")
    left, grown, cook = pooled.leave_one_out(), pooled.cumulative(), pooled.influence()["cook"]
    np.testing.assert_allclose(left["estimate"], expected["leave1out"]["estimate"], atol=1e-7)
    np.testing.assert_allclose(left["tau2"], expected["leave1out"]["tau2"], atol=1e-6)
    np.testing.assert_allclose(grown["estimate"], expected["cumulative"]["estimate"], atol=5e-6)
    np.testing.assert_allclose(grown["std_error"], expected["cumulative"]["se"], atol=1e-5)
    np.testing.assert_allclose(cook, expected["influence_cook"], atol=1e-6)
    egger = pooled.small_study().coefficients.iloc[1]
    assert egger["estimate"] / egger["std_error"] == pytest.approx(expected["egger"]["z"], 1e-5)
    assert egger["p_value"] == pytest.approx(expected["egger"]["p"], rel=1e-5)


def test_moderator_equals_metafor(schools):
    found, y, error, data = schools
    year = np.array(data["year"]) - np.mean(data["year"])
    pooled, expected = synthesis.pool(y, error, moderators={"year": year}), found["moderator"]
    for theirs, ours in (("beta", "estimate"), ("se", "std_error"), ("p", "p_value")):
        np.testing.assert_allclose(pooled.coefficients[ours], expected[theirs], rtol=1e-6)
    assert pooled.tau2 == pytest.approx(expected["tau2"], rel=1e-6)
    assert pooled.moderator_statistic == pytest.approx(expected["QM"], rel=1e-5)
    assert pooled.moderator_p_value == pytest.approx(expected["QMp"], rel=1e-6)
    assert pooled.r2 == expected["R2"]


def test_three_levels_equal_metafor_and_clubsandwich(schools):
    found, y, error, data = schools
    expected = found["three_level"]
    model = synthesis.pool(y, error, cluster=data["district"], inference="z")
    assert model.estimate == pytest.approx(expected["estimate"], rel=1e-7)
    assert model.std_error == pytest.approx(expected["se"], rel=1e-7)
    found = (model.tau2_between, model.tau2_within)
    np.testing.assert_allclose(found, expected["sigma2"], rtol=1e-6)
    robust, theirs = synthesis.pool(y, error, cluster=data["district"]), expected["robust"]
    assert robust.std_error == pytest.approx(theirs["se"], rel=1e-7)
    assert robust.df == pytest.approx(theirs["df"], rel=1e-7)
    assert robust.p_value == pytest.approx(theirs["p"], rel=1e-7)


def test_posterior_equals_quadrature(shared):
    found = json.loads((shared / "reference/bayes_pooling.json").read_text())
    y, error, expected = found["data"]["y"], np.sqrt(found["data"]["v"]), found["six"]
    ours = synthesis.posterior(y, error, tau_scale=found["scale"], prior_sd=found["sd"])
    assert ours.estimate == pytest.approx(expected["mu_mean"], abs=1e-9)
    assert ours.ci_lower == pytest.approx(expected["mu_q025"], abs=1e-9)
    assert ours.ci_upper == pytest.approx(expected["mu_q975"], abs=1e-9)
    assert ours.tau == pytest.approx(expected["tau_mean"], abs=1e-8)
    for of, name in (("mean", "p_above"), ("next", "p_new_above")):
        for threshold, probability in expected[name].items():
            above = ours.probability_above(float(threshold), of=of)
            assert above == pytest.approx(probability, abs=1e-9)


ORACLE = """
suppressMessages({library(metafor); library(clubSandwich); library(jsonlite)})
d <- read.csv(commandArgs(TRUE)[1])
tight <- list(threshold = 1e-12, maxiter = 10000)
methods <- c("REML", "PM", "DL", "FE", "ML", "EB", "SJ", "HE", "HS")
one <- function(d) {
  fits <- lapply(methods, function(m) {
    f <- rma(y, e^2, data = d, method = m, test = "knha", level = 95,
             control = if (m == "PM") list(tol = 1e-12, maxiter = 10000) else tight)
    list(estimate = f$b[1], se = f$se, ci_lb = f$ci.lb, ci_ub = f$ci.ub, p = f$pval,
         tau2 = f$tau2, I2 = f$I2, H2 = f$H2, Q = f$QE, Qp = f$QEp)
  })
  names(fits) <- methods
  reml <- rma(y, e^2, data = d, method = "REML", test = "knha", control = tight)
  range <- confint(reml, control = list(tol = 1e-12))$random
  ahead <- predict(reml)
  mod <- rma(y, e^2, mods = ~ x, data = d, method = "REML", test = "knha", control = tight)
  three <- NULL  # metafor refuses where an optimiser says that it has not converged
  for (control in list(list(rel.tol = 1e-12), list(rel.tol = 1e-10), list()))
    if (is.null(three)) three <- tryCatch(
      rma.mv(y, e^2, random = ~ 1 | cluster / row, data = d, sparse = FALSE, control = control),
      error = function(e) NULL)
  robust <- coef_test(three, vcov = "CR2", cluster = d$cluster)
  list(fits = fits, tau2 = range["tau^2", 2:3], I2 = range["I^2(%)", 2:3],
       ahead = c(ahead$pi.lb, ahead$pi.ub),
       moderator = c(mod$b, mod$se, mod$pval, mod$tau2, mod$QM, mod$QMp),
       three = c(three$b, three$se, three$sigma2), loglik = as.numeric(logLik(three)),
       robust = c(robust$SE, robust$df_Satt))
}
cat(toJSON(lapply(split(d, d$set), one), digits = NA, auto_unbox = TRUE))
"""


@pytest.fixture(scope="module")
def random_sets(tmp_path_factory):
    """20 sets of 100 effects in 25 clusters, and what metafor says of each today."""
    if not shutil.which("Rscript"):
        pytest.skip("needs R with metafor, clubSandwich and jsonlite")
    known = subprocess.run(
        ["Rscript", "-e", "stopifnot(requireNamespace('metafor'), requireNamespace('jsonlite'), "
         "requireNamespace('clubSandwich'))"], capture_output=True, check=False,
    )  # fmt: skip
    if known.returncode:
        pytest.skip("needs R's metafor, clubSandwich and jsonlite")
    rng, tables = np.random.default_rng(20), []
    for number in range(20):
        cluster, e = rng.integers(0, 25, 100), rng.uniform(0.05, 0.3, 100)
        between, within = rng.uniform(0, 0.2, 2)
        x = rng.normal(size=100)
        y = rng.normal(0, between, 25)[cluster] + 0.05 * x + rng.normal(0.1, np.hypot(within, e))
        tables.append(
            pd.DataFrame({"set": number, "row": range(100), "cluster": cluster, "x": x, "y": y,
                          "e": e})
        )  # fmt: skip
    path = tmp_path_factory.mktemp("metafor") / "sets.csv"
    pd.concat(tables).to_csv(path, index=False, float_format="%.17g")
    (path.parent / "oracle.R").write_text(ORACLE)
    done = subprocess.run(
        ["Rscript", path.parent / "oracle.R", path], capture_output=True, text=True, check=True
    )
    return pd.read_csv(path), json.loads(done.stdout)


@pytest.mark.slow
def test_twenty_random_sets_equal_metafor(random_sets):
    table, found = random_sets
    for number, d in table.groupby("set"):
        y, e, expected = d["y"].to_numpy(), d["e"].to_numpy(), found[str(number)]
        for method, fit in expected["fits"].items():
            pooled = synthesis.pool(y, e, method=method)
            for theirs, ours in NAMES.items():
                if theirs in fit and not (method == "FE" and theirs == "H2"):
                    assert getattr(pooled, ours) == pytest.approx(
                        fit[theirs], rel=1e-5, abs=1e-7
                    ), (number, method, theirs)
        pooled = synthesis.pool(y, e)
        spans = {"tau2": (pooled.tau2_lower, pooled.tau2_upper),
                 "I2": (pooled.i2_lower, pooled.i2_upper),
                 "ahead": (pooled.prediction_lower, pooled.prediction_upper)}  # fmt: skip
        for name, span in spans.items():
            np.testing.assert_allclose(span, expected[name], rtol=1e-5, atol=1e-6)
        mod = synthesis.pool(y, e, moderators={"x": d["x"]})
        ours = [*mod.coefficients["estimate"], *mod.coefficients["std_error"],
                *mod.coefficients["p_value"], mod.tau2, mod.moderator_statistic,
                mod.moderator_p_value]  # fmt: skip
        np.testing.assert_allclose(ours, expected["moderator"], rtol=1e-5, atol=1e-7)
        three = synthesis.pool(y, e, cluster=d["cluster"], inference="z")
        ours = [three.estimate, three.std_error, three.tau2_between, three.tau2_within]
        np.testing.assert_allclose(ours, expected["three"], rtol=1e-5, atol=1e-6)
        robust = synthesis.pool(y, e, cluster=d["cluster"])
        np.testing.assert_allclose([robust.std_error, robust.df], expected["robust"], rtol=1e-5)
