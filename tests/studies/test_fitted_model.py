"""Models fitted elsewhere become estimates with the numbers of their own program."""

import math
import warnings

import linearmodels
import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
import statsmodels.formula.api as smf

import evidence as ev


@pytest.fixture
def data(rng):
    """Return 12 schools with 30 pupils each, half of them treated from the sixth year on."""
    n = 360
    frame = pd.DataFrame(
        {"school": np.repeat(np.arange(12), 30), "year": np.tile(np.arange(30), 12)}
    )
    frame["arm"] = (frame["school"] < 6) * 1.0
    frame["treated"] = frame["arm"] * (frame["year"] >= 6)
    frame["before"] = rng.normal(0, 1, n)
    frame["took"] = frame["arm"] * (rng.random(n) < 0.7)
    frame["weight"], frame["one"] = rng.uniform(1, 3, n), 1.0
    luck = rng.normal(0, 1, 12)[frame["school"]] + rng.normal(0, 2, n)
    frame["score"] = 50 + 3 * frame["arm"] + frame["before"] + luck
    frame["passed"] = (frame["score"] > 51) * 1.0
    return frame


def _check(estimate, values, ends, level):
    """Compare value, error, p-value and interval with those of the program."""
    mine = [estimate.estimate, estimate.std_error, estimate.p_value]
    assert mine == pytest.approx([float(x) for x in values], rel=1e-8)
    assert [estimate.ci_lower, estimate.ci_upper] == pytest.approx([float(x) for x in ends])
    assert estimate.level == level


def _linear(data):
    panel = data.set_index(["school", "year"])
    exog = data[["one", "arm", "before"]]
    clusters = {"cov_type": "clustered", "clusters": data["school"]}
    absorb = data[["year"]].astype("category")
    by = {"cov_type": "clustered", "cluster_entity": True}
    changing = panel[["treated", "before"]]
    classes = linearmodels.IV2SLS, linearmodels.AbsorbingLS, linearmodels.PanelOLS
    two_stages, absorbing, fixed = classes
    both = {"entity_effects": True, "time_effects": True}
    twice = {"cov_type": "clustered", "cluster_entity": True, "cluster_time": True}
    plain = two_stages(data["score"], exog, None, None).fit()
    return {
        "plain": (plain, "arm", math.inf, 360, "robust"),
        "iv": (
            two_stages(data["score"], data[["one"]], data["took"], data["arm"]).fit(
                **clusters, debiased=True
            ),
            "took", 358, 12, "clustered",
        ),
        "absorbed": (
            absorbing(data["score"], data[["arm", "before"]], absorb=absorb).fit(**clusters),
            "arm", math.inf, 12, "clustered",
        ),
        "panel": (
            fixed(panel["score"], changing, **both).fit(**by), "treated", 317, 12, "clustered",
        ),
        "panel, classical": (
            fixed(panel["score"], changing, **both).fit(), "treated", 317, 360, "classical",
        ),
        "panel, twice": (
            fixed(panel["score"], changing, **both).fit(**twice), "treated", 317, 12, "clustered",
        ),
        "random": (
            linearmodels.RandomEffects(panel["score"], panel[["one", "arm"]]).fit(),
            "arm", 358, 12, "classical",
        ),
        "between": (
            linearmodels.BetweenOLS(panel["score"], panel[["one", "arm"]]).fit(),
            "arm", 10, 12, "classical",
        ),
    }  # fmt: skip


@pytest.mark.parametrize("level", [0.95, pytest.param(0.9, marks=pytest.mark.slow)])
def test_linearmodels(data, level):
    for name, (fit, term, df, clusters, errors) in _linear(data).items():
        found = ev.estimate(fit, term=term, level=level)
        values = (fit.params[term], fit.std_errors[term], fit.pvalues[term])
        _check(found, values, fit.conf_int(level).loc[term], level)
        assert (found.df, found.n_clusters, found.n_obs) == (df, clusters, int(fit.nobs)), name
        model = type(fit.model).__name__
        assert found.method == f"{model} of linearmodels, {errors} errors"
        assert found.outcome == "score"
        assert found.treatment == f"{term} against no {term}"
        assert (found.estimand, found.unit) == ("att", "score")


def _stats(data):
    groups = {"groups": data["school"]}
    ols = smf.ols("score ~ arm + before", data)
    weighted = smf.wls("score ~ arm + before", data, weights=data["weight"])
    clustered = {"cov_type": "cluster", "cov_kwds": groups}
    logit = smf.logit("passed ~ arm", data)
    mixed = smf.mixedlm("score ~ arm", data, groups=data["school"]).fit()
    binomial, exchangeable = sm.families.Binomial(), sm.cov_struct.Exchangeable()
    glm = smf.glm("passed ~ arm", data, family=binomial).fit()
    return [
        (ols.fit(), 357, 360, "classical", "score"),
        (ols.fit().get_robustcov_results("HC1"), 357, 360, "HC1", "score"),
        (weighted.fit(cov_type="HC3"), math.inf, 360, "HC3", "score"),
        (ols.fit(**clustered), math.inf, 12, "clustered", "score"),
        (ols.fit(**clustered, use_t=True), 11, 12, "clustered", "score"),
        (mixed, math.inf, 12, "model-based", "score"),
        (logit.fit(disp=0), math.inf, 360, "classical", "log_odds"),
        (logit.fit(disp=0, **clustered), math.inf, 12, "clustered", "log_odds"),
        (glm, math.inf, 360, "classical", "log_odds"),
        (smf.glm("score ~ arm", data).fit(), math.inf, 360, "classical", "score"),
        (
            smf.gee("score ~ arm", "school", data, cov_struct=exchangeable).fit(),
            math.inf, 12, "clustered", "score",
        ),
    ]  # fmt: skip


@pytest.mark.parametrize("level", [0.95, 0.8])
def test_statsmodels(data, level):
    for fit, df, clusters, errors, unit in _stats(data):
        found = ev.estimate(fit, term="arm", level=level)
        place = fit.model.exog_names.index("arm")
        values = (np.asarray(x)[place] for x in (fit.params, fit.bse, fit.pvalues))
        _check(found, values, np.asarray(fit.conf_int(alpha=1 - level))[place], level)
        assert (found.df, found.n_clusters, found.unit) == (df, clusters, unit)
        assert found.method == f"{type(fit.model).__name__} of statsmodels, {errors} errors"
        assert found.n_obs == 360


def test_pyfixest(data):
    pyfixest = pytest.importorskip("pyfixest", reason="pyfixest is not among our packages")
    for formula, vcov, df, clusters, errors in [
        ("score ~ arm + before", "iid", 357, 360, "classical"),
        ("score ~ arm + before", "HC1", 357, 360, "HC1"),
        ("score ~ arm | year", {"CRV1": "school"}, 11, 12, "clustered (CRV1)"),
        ("score ~ arm", {"CRV3": "school"}, 11, 12, "clustered (CRV3)"),
        ("score ~ 1 | took ~ arm", {"CRV1": "school"}, 11, 12, "clustered (CRV1)"),
    ]:
        fit, term = pyfixest.feols(formula, data, vcov=vcov), "took" if "took" in formula else "arm"
        found = ev.estimate(fit, term=term, level=0.9)
        values = fit.coef()[term], fit.se()[term], fit.pvalue()[term]
        _check(found, values, fit.confint(alpha=0.1).loc[term], 0.9)
        assert (found.df, found.n_clusters, found.outcome) == (df, clusters, "score")
        assert found.method == f"{type(fit).__name__} of pyfixest, {errors} errors"
    logit = pyfixest.feglm("passed ~ arm", data, family="logit")
    assert ev.estimate(logit, term="arm").unit == "log_odds"
    for wrong, said in [
        (pyfixest.fepois("passed ~ arm", data), "Fepois of pyfixest: one model whose"),
        (pyfixest.feols("score + before ~ arm", data), "fit is a FixestMulti; one fitted model"),
    ]:
        with pytest.raises(ev.EvidenceError, match=said):
            ev.estimate(wrong, term="arm")


def test_verdict_months_figure_and_row_work_as_for_any_other(data):
    fit = smf.ols("score ~ arm + before", data).fit(
        cov_type="cluster", cov_kwds={"groups": data["school"]}, use_t=True
    )
    found = ev.estimate(
        fit, term="arm", outcome="reading", treatment="small against regular", unit="sd",
        estimand="itt", n_treated=180, n_control=180,
    )  # fmt: skip
    row = ev.effects.row(found, programme="p", cohort="c", smallest_worthwhile=0.2).iloc[0]
    assert row["method"] == "OLS of statsmodels, clustered errors"
    assert row["verdict"] == "better than similar"
    assert row["months"] == ev.effects.months(found.estimate, "trial")
    assert (row["n_pupils"], row["n_schools"], row["df"]) == (360, 12, 11)
    assert found.plot() is not None
    assert found.sentence().startswith("reading, small against regular: +")


def test_a_group_of_a_trial_cannot_be_too_small_to_show_or_unknown(data):
    fit = smf.ols("score ~ arm", data).fit()
    for estimand in ("itt", "cace"):
        for known in ({}, {"n_treated": 180}, {"n_control": 180}):
            with pytest.raises(
                ev.EvidenceError, match="n_treated= and n_control= are needed where"
            ):
                ev.estimate(fit, term="arm", estimand=estimand, **known)
    small = ev.estimate(fit, term="arm", estimand="itt", n_treated=9, n_control=180)
    row = ev.effects.row(small, programme="p", cohort="c", smallest_worthwhile=0.2).iloc[0]
    assert math.isnan(row["estimate"])
    assert row["sentence"] == "score: not shown, to protect few pupils."
    with pytest.raises(ev.EvidenceError, match="n_treated is 0; a whole number from 1 on"):
        ev.estimate(fit, term="arm", estimand="itt", n_treated=0, n_control=180)
    with pytest.raises(ev.EvidenceError, match="make 400 rows; the model has 360"):
        ev.estimate(fit, term="arm", estimand="itt", n_treated=200, n_control=200)
    unknown = ev.estimate(fit, term="arm")
    assert (unknown.n_treated, unknown.n_control) == (0, 0)


def test_a_logit_is_told_in_log_odds_or_as_the_cox_index(data):
    fit = smf.logit("passed ~ arm", data).fit(disp=0)
    odds, size = (ev.estimate(fit, term="arm", unit=unit) for unit in (None, "sd"))
    known = ev.trials.odds_ratio(data, outcome="passed", treatment="arm")
    assert odds.estimate == pytest.approx(known.estimate, rel=1e-6)
    assert size.estimate == pytest.approx(known.cox_index().estimate, rel=1e-6)
    assert size.ci_upper / size.std_error == pytest.approx(odds.ci_upper / odds.std_error)
    assert size.method == "Cox index of Logit of statsmodels, classical errors"
    with pytest.raises(ev.EvidenceError, match="unit is 'pp'; allowed are log_odds, sd"):
        ev.estimate(fit, term="arm", unit="pp")
    linear = smf.ols("score ~ arm", data).fit()
    with pytest.raises(ev.EvidenceError, match="unit is 'log_odds'; allowed are score, sd, pp"):
        ev.estimate(linear, term="arm", unit="log_odds")


def test_what_is_no_single_fitted_model_is_refused_in_words(data, rng):
    ols = smf.ols("score ~ arm + before", data)
    poisson = smf.poisson("passed ~ arm", data).fit(disp=0)
    system = linearmodels.SUR.from_formula({"a": "score ~ 1 + arm", "b": "before ~ 1 + arm"}, data)
    several = data.assign(kind=rng.integers(0, 3, len(data)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        stopped = smf.logit("passed ~ arm", data).fit(disp=0, maxiter=1)
        double = data.assign(again=2 * data["before"])
        twice = smf.ols("score ~ arm + before + again", double).fit()
    for fit, said in [
        (ols, "OLS of statsmodels is not fitted yet: give what its fit() returns"),
        (3.5, "fit is a float; one fitted model of linearmodels, statsmodels, pyfixest is needed"),
        ([ols.fit()], "fit is a list; one fitted model"),
        (poisson, "Poisson of statsmodels: one model whose coefficients are differences of the"),
        (smf.probit("passed ~ arm", data).fit(disp=0), "Probit of statsmodels: one model whose"),
        (smf.quantreg("score ~ arm", data).fit(), "QuantReg of statsmodels: one model whose"),
        (smf.mnlogit("kind ~ arm", several).fit(disp=0), "MNLogit of statsmodels: one model"),
        (system.fit(), "SUR of linearmodels: one model whose coefficients"),
        (linearmodels.PooledOLS, "fit is a type; one fitted model"),
        (ols.fit_regularized(alpha=0.1), "no standard errors: fit it without a penalty"),
        (stopped, "Logit of statsmodels did not converge"),
        (twice, "columns that others explain"),
    ]:
        with pytest.raises(ev.EvidenceError) as caught:
            ev.estimate(fit, term="arm")
        assert said in str(caught.value)
    with pytest.raises(ev.EvidenceError, match="no term 'arms'; did you mean 'arm'"):
        ev.estimate(ols.fit(), term="arms")
    mixed = smf.mixedlm("score ~ arm", data, groups=data["school"]).fit()
    with pytest.raises(ev.EvidenceError, match="no term 'Group Var'"):
        ev.estimate(mixed, term="Group Var")
    doubled = sm.OLS(data["score"], np.column_stack([data["one"], data["arm"]]))
    doubled.exog_names[:] = ["arm", "arm"]
    with pytest.raises(ev.EvidenceError, match="has several terms 'arm'"):
        ev.estimate(doubled.fit(), term="arm")
    quiet = np.errstate(divide="ignore", invalid="ignore")
    with quiet, pytest.raises(ev.EvidenceError, match="has no standard error"):
        ev.estimate(sm.OLS([1.0, 2.0], sm.add_constant([0.0, 1.0])).fit(), term="x1")
    with pytest.raises(ev.EvidenceError, match="estimand is 'late'; allowed are itt, cace, att"):
        ev.estimate(ols.fit(), term="arm", estimand="late")


def test_few_clusters_and_few_degrees_of_freedom_are_said(data):
    mixed = smf.mixedlm("score ~ arm", data, groups=data["school"]).fit()
    assert ev.estimate(mixed, term="arm").caveats == (
        "12 clusters are few for errors that trust the normal distribution",
    )
    small = data.groupby("school", as_index=False).mean().iloc[4:8]
    few = ev.estimate(smf.ols("score ~ arm", small).fit(), term="arm")
    assert few.caveats == ("fewer than 4 degrees of freedom: read the interval with great caution",)
    panel = data.set_index(["school", "year"])
    fit = linearmodels.PanelOLS(panel["score"], panel[["one", "arm"]])
    fit = fit.fit(cov_type="clustered", cluster_entity=True)
    assert ev.estimate(fit, term="arm", n_clusters=11).n_clusters == 11
    fit._deferred_cov = None  # as a later linearmodels may hold it
    with pytest.raises(ev.EvidenceError, match="is not known: give n_clusters="):
        ev.estimate(fit, term="arm")
