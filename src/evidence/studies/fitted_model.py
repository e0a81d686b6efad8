"""A model fitted by linearmodels, statsmodels or pyfixest as an `Estimate`: `ev.estimate`."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from evidence.data.schema import ESTIMANDS
from evidence.errors import EvidenceError, nearest
from evidence.methods.core import frames
from evidence.methods.core.results import Estimate
from evidence.stats import covariance
from evidence.stats.effect_sizes import COX, small_sample_factor

# Models whose coefficients are differences of the outcome, and those of which they are log odds;
# generalised linear models are judged by their link.
_DIFFERENCES = {
    "linearmodels": "IV2SLS IVLIML IVGMM IVGMMCUE IVJIVE AbsorbingLS PanelOLS PooledOLS BetweenOLS "
    "FirstDifferenceOLS RandomEffects FamaMacBeth",
    "statsmodels": "OLS WLS GLS GLSAR MixedLM",
    "pyfixest": "Feols Feiv FeolsCompressed Fegaussian",
}
_LOG_ODDS = {"linearmodels": "", "statsmodels": "Logit", "pyfixest": "Felogit"}
_LINKS = {"Identity": _DIFFERENCES, "Logit": _LOG_ODDS}
_CLASSICAL = ("nonrobust", "unadjusted", "iid", "homoskedastic", "homo")
_FEW = 40  # clusters: with fewer, errors that trust the normal distribution are too small


def estimate(
    fit: Any,
    *,
    term: str,
    outcome: str | None = None,
    treatment: str | None = None,
    estimand: str = "att",
    unit: str | None = None,
    level: float = 0.95,
    n_treated: int | None = None,
    n_control: int | None = None,
    n_clusters: int | None = None,
) -> Estimate:
    """Take one coefficient of a model fitted elsewhere as an estimate.

    Parameters
    ----------
    fit : fitted model
        What ``fit()`` of linearmodels or statsmodels returned, or `feols` and its like of pyfixest:
        a linear model, a multilevel one, or a logit.
    term : str
        The coefficient asked about, as the program names it.
    outcome, treatment : str, optional
        The outcome's name and the contrast in words; the program's own where absent.
    estimand : {"att", "itt", "cace"}
        What the coefficient estimates: the program cannot know.
    unit : {"score", "sd", "pp", "points", "log_odds"}, optional
        Unit of the outcome as it was given to the model (0 and 1 are no percentage points: multiply
        by 100 first); "score", or "log_odds" for a logit, which "sd" turns into the Cox index.
    level : float
        Of the interval.
    n_treated, n_control : int, optional
        Rows of the arm asked about and of the reference. Needed for trials, as no figure is shown
        of fewer than 10; elsewhere 0 means that they are not known.
    n_clusters : int, optional
        Clusters compared, where the program does not say.

    Returns
    -------
    Estimate
        Errors and degrees of freedom are the program's own.

    Raises
    ------
    EvidenceError
        The model is of another kind, is not fitted, did not converge or has redundant columns;
        there is no such term or it has no error; a trial's numbers are missing.

    Notes
    -----
    Degrees of freedom are those with which the program makes its own interval, infinite where that
    is a normal one. Cox index: ω × log odds ratio / 1.65, ω = 1 − 3/(4N − 9).
    """
    frames.one_of("estimand", estimand, ESTIMANDS)
    covariance.check_level(level)
    program, model, log_odds = _recognise(fit)
    table, residual_df, n_obs, dependent, kind, groups = _READERS[program](fit, level)
    names = [str(name) for name in table.index]
    if names.count(term) != 1:
        which = f"has several terms {term!r}" if term in names else f"has no term {term!r}"
        raise EvidenceError(f"the model {which}; {nearest(str(term), names)}")
    value, error, *ends = map(float, table.iloc[names.index(term)])
    if not (math.isfinite(value) and 0 < error < math.inf):
        raise EvidenceError(f"term {term!r} has no standard error, so that nothing is known of it")
    allowed = ("log_odds", "sd") if log_odds else ("score", "sd", "pp", "points")
    unit = unit or allowed[0]
    frames.one_of("unit", unit, allowed)
    scale = small_sample_factor(n_obs - 2) / COX if log_odds and unit == "sd" else 1.0
    df = _degrees_of_freedom((ends[1] - ends[0]) / (2 * error), residual_df, level)
    rows = _rows(int(n_obs), estimand, {"n_treated": n_treated, "n_control": n_control})
    errors, clusters = _errors(kind), n_clusters or groups
    if clusters is None and errors.startswith("clustered"):
        raise EvidenceError("how many clusters the model has is not known: give n_clusters=")
    clusters = min(clusters or rows, rows)
    frames.whole("n_clusters", clusters, 1)
    caveats = []
    if clusters < min(rows, _FEW) and df == math.inf:
        caveats.append(f"{clusters} clusters are few for errors that trust the normal distribution")
    if df < 4:
        caveats.append("fewer than 4 degrees of freedom: read the interval with great caution")
    statistic, p_value, lower, upper = map(float, covariance.t_test(value, error, df, level))
    index = "Cox index of " if scale != 1 else ""
    return Estimate(
        estimand=estimand,
        outcome=outcome or str(dependent),
        treatment=treatment or f"{term} against no {term}",
        method=f"{index}{model} of {program}, {errors} errors",
        unit=unit,
        estimate=scale * value,
        std_error=scale * error,
        statistic=statistic,
        df=df,
        p_value=p_value,
        ci_lower=scale * lower,
        ci_upper=scale * upper,
        level=float(level),
        n_obs=rows,
        n_clusters=clusters,
        n_treated=n_treated or 0,
        n_control=n_control or 0,
        caveats=tuple(caveats),
    )


def _recognise(fit: Any) -> tuple[str, str, bool]:
    """Return program, class of the model, and whether its coefficients are log odds."""
    homes = [kind.__module__.partition(".")[0] for kind in type(fit).__mro__]
    program = next((home for home in homes if home in _DIFFERENCES), "")
    source = getattr(fit, "model", fit)
    name = type(source).__name__.lstrip("_")
    if not program or name == "FixestMulti":
        raise EvidenceError(
            f"fit is a {type(fit).__name__}; one fitted model of {', '.join(_DIFFERENCES)} is "
            "needed"
        )
    if hasattr(fit, "fit") and not hasattr(fit, "params") and program != "pyfixest":
        raise EvidenceError(f"{name} of {program} is not fitted yet: give what its fit() returns")
    link = type(getattr(getattr(source, "family", None), "link", None)).__name__.capitalize()
    known = _LINKS.get(link) if name in ("GLM", "GEE") else None
    log_odds = known is _LOG_ODDS or name in _LOG_ODDS[program].split()
    if not (log_odds or known or name in _DIFFERENCES[program].split()):
        raise EvidenceError(
            f"{name} of {program}: one model whose coefficients are differences of the outcome or "
            f"log odds is needed, such as {', '.join(_DIFFERENCES[program].split()[:6])}"
        )
    outcomes = (getattr(fit, "converged", True), getattr(fit, "convergence", True))
    if False in (*outcomes, (getattr(fit, "mle_retvals", None) or {}).get("converged", True)):
        raise EvidenceError(f"{name} of {program} did not converge: its numbers mean nothing")
    return program, name, log_odds


def _linearmodels(fit: Any, level: float) -> tuple:
    # Results of panels say only in private what their errors are.
    kind = str(getattr(fit, "cov_type", None) or getattr(fit, "_cov_type", ""))
    maker = getattr(getattr(fit, "_deferred_cov", None), "__self__", None)
    config = getattr(fit, "cov_config", None) or {}
    groups = _count(config.get("clusters", getattr(maker, "_clusters", None)))
    if type(fit.model).__name__ == "RandomEffects" and groups is None:
        groups = int(fit.entity_info["total"])
    named = getattr(fit.model.dependent, "vars", None) or fit.model.dependent.cols
    table = pd.concat([fit.params, fit.std_errors, fit.conf_int(level)], axis=1)
    return table, fit.df_resid, fit.nobs, named[0], kind, groups


def _statsmodels(fit: Any, level: float) -> tuple:
    if not hasattr(fit, "bse"):
        raise EvidenceError("the model has no standard errors: fit it without a penalty")
    design = np.asarray(fit.model.exog)
    if np.linalg.matrix_rank(design) < design.shape[1]:
        raise EvidenceError(
            "the model has columns that others explain, so that its coefficients are not unique: "
            "leave those out"
        )
    kind = getattr(fit, "cov_type", "")
    groups = _count((getattr(fit, "cov_kwds", None) or {}).get("groups"))
    if type(fit.model).__name__ == "MixedLM":
        groups = int(fit.model.n_groups)
    elif type(fit.model).__name__ == "GEE":
        groups, kind = len(fit.model.group_labels), "cluster" if kind == "robust" else kind
    columns = np.column_stack([fit.params, fit.bse, fit.conf_int(alpha=1 - level)])
    # after its coefficients a multilevel model has variances
    table = pd.DataFrame(columns[: design.shape[1]], index=fit.model.exog_names)
    df = getattr(fit, "df_resid_inference", None) or fit.df_resid
    n_obs = getattr(fit, "nobs", len(design))
    return table, df, n_obs, fit.model.endog_names, kind or "model-based", groups


def _pyfixest(fit: Any, level: float) -> tuple:
    table = pd.concat([fit.coef(), fit.se(), fit.confint(alpha=1 - level)], axis=1)
    groups = int(min(fit._G)) if fit._vcov_type == "CRV" else None
    return table, fit._df_t, fit._N, fit._depvar, fit._vcov_type_detail, groups


# Each returns a row a term (estimate, error, ends of the interval), degrees of freedom, rows, name
# of the outcome, kind of errors, and how many clusters there are, the fewest of several kinds.
_READERS = {"linearmodels": _linearmodels, "statsmodels": _statsmodels, "pyfixest": _pyfixest}


def _count(groups: Any) -> int | None:
    if groups is None:
        return None
    columns = np.asarray(groups).reshape(len(groups), -1).T
    return min(len(pd.unique(pd.Series(column))) for column in columns)


def _errors(kind: str) -> str:
    """Name a covariance in the words of this library."""
    if kind.lower().startswith(("cluster", "crv")):
        return f"clustered ({kind})" if kind.startswith("CRV") else "clustered"
    return "classical" if kind.lower() in _CLASSICAL else kind.replace("Robust", "robust")


def _degrees_of_freedom(width: float, residual: float, level: float) -> float:
    """Return with which degrees of freedom an interval has half a `width` of standard errors."""
    for df in (float(residual), math.inf):
        if df > 0 and math.isclose(width, float(stdtrit(df, 0.5 + level / 2)), rel_tol=1e-6):
            return df
    raise EvidenceError(
        "the model's interval is neither a t with its residual degrees of freedom nor a normal one"
    )


def _rows(n_obs: int, estimand: str, counts: dict[str, int | None]) -> int:
    """Return the rows compared: those of the two arms in a trial, else all."""
    given = {name: count for name, count in counts.items() if count is not None}
    if estimand != "att" and len(given) < len(counts):
        raise EvidenceError(
            f"n_treated= and n_control= are needed where estimand is {estimand!r}: how many rows "
            "of the arm asked about and of the reference were analysed; no figure is shown of "
            "fewer than 10"
        )
    for name, count in given.items():
        frames.whole(name, count, 1)
    if sum(given.values()) > n_obs:
        raise EvidenceError(
            f"n_treated and n_control make {sum(given.values()):,} rows; the model has {n_obs:,}"
        )
    return n_obs if estimand == "att" else sum(given.values())
