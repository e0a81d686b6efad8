"""Pooling of effects: random effects, small-sample intervals, prediction, moderators, clusters."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from scipy.special import chdtrc, fdtrc, ndtri, stdtr, stdtrit

from evidence.errors import EvidenceError
from evidence.methods.core import frames
from evidence.methods.core.results import page
from evidence.methods.synthesis.inputs import Effects, checked
from evidence.show import words
from evidence.stats import covariance, meta_analysis
from evidence.stats.meta_analysis import METHODS, Weighted

INFERENCE = ("hartung-knapp", "z", "t")
FEW = 5  # below as many results their mean is no headline


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Pooled:
    """Several effects as one, and how much they differ.

    Parameters
    ----------
    estimate, std_error, statistic, df, p_value, ci_lower, ci_upper, level : float
        Of the mean effect; with moderators, of the first coefficient. `df` is infinite for "z".
    prediction_lower, prediction_upper, prediction_df : float
        Interval in which the true effect of a further trial would lie; NaN for "FE".
    tau2, tau2_lower, tau2_upper : float
        Variance of the true effects, with its Q-profile interval. With clusters, the sum of
        `tau2_between` and `tau2_within`, without an interval.
    tau2_between, tau2_within : float
        Between clusters, and between the effects of a cluster; NaN without clusters.
    i2, i2_lower, i2_upper, h2 : float
        Share of the variance that is no chance, in per cent; total variance over sampling variance.
    q, q_df, q_p_value : float
        Cochran's test that all effects are one.
    n_studies, n_clusters : int
    method, inference : str
    coefficients : DataFrame
        `term`, `estimate`, `std_error`, `df`, `p_value`, `ci_lower`, `ci_upper`: a row a column of
        the model.
    moderator_statistic, moderator_df, moderator_p_value, r2 : float
        Test of all moderators together, and the share of τ² that they explain, in per cent; NaN
        without.
    caveats : tuple of str
    """

    estimate: float
    std_error: float
    statistic: float
    df: float
    p_value: float
    ci_lower: float
    ci_upper: float
    level: float
    prediction_lower: float
    prediction_upper: float
    prediction_df: float
    tau2: float
    tau2_lower: float
    tau2_upper: float
    tau2_between: float
    tau2_within: float
    i2: float
    i2_lower: float
    i2_upper: float
    h2: float
    q: float
    q_df: float
    q_p_value: float
    n_studies: int
    n_clusters: int
    method: str
    inference: str
    coefficients: pd.DataFrame
    moderator_statistic: float
    moderator_df: float
    moderator_p_value: float
    r2: float
    caveats: tuple[str, ...]
    _effects: Effects = field(repr=False)

    def to_frame(self) -> pd.DataFrame:
        """Return the effects and their weights in the mean: what a forest plot shows.

        Returns
        -------
        DataFrame
            `label`, `estimate`, `std_error`, `ci_lower`, `ci_upper`, `weight` (per cent).
        """
        given, half = self._effects, float(ndtri((1 + self.level) / 2))
        weight = 1 / (given.std_errors**2 + self.tau2)
        return pd.DataFrame(
            {
                "label": given.labels,
                "estimate": given.estimates,
                "std_error": given.std_errors,
                "ci_lower": given.estimates - half * given.std_errors,
                "ci_upper": given.estimates + half * given.std_errors,
                "weight": 100 * weight / weight.sum(),
            }
        )

    def _refit(self, kept: np.ndarray, given: Effects | None = None) -> Pooled:
        few = (given or self._effects).subset(kept)
        return _pool(few, self.method, self.inference, self.level)

    def leave_one_out(self) -> pd.DataFrame:
        """Pool again without each effect in turn.

        Returns
        -------
        DataFrame
            `label` of what is left out, `estimate`, `std_error`, `ci_lower`, `ci_upper`, `p_value`,
            `tau2`, `i2`, `q`.
        """
        everyone = np.arange(self.n_studies)
        return self._each(lambda i: everyone != i)

    def cumulative(self) -> pd.DataFrame:
        """Pool again with the first effect, the first two, and so on, in the order given.

        Intervals of a mean that is looked at each time are too narrow: see
        :func:`evidence.methods.synthesis.sequence.confidence_sequence`.

        Returns
        -------
        DataFrame
            As :meth:`leave_one_out`, `label` the effect that was added.
        """
        return self._each(lambda i: np.arange(self.n_studies) <= i)

    def _each(self, kept: Callable[[int], np.ndarray]) -> pd.DataFrame:
        names = ("estimate", "std_error", "ci_lower", "ci_upper", "p_value", "tau2", "i2", "q")
        rows = []
        for i, label in enumerate(self._effects.labels):
            some = self._refit(np.flatnonzero(kept(i)))
            rows.append({"label": label} | {name: getattr(some, name) for name in names})
        return pd.DataFrame(rows)

    def influence(self) -> pd.DataFrame:
        """Return what each effect does to the answer.

        Returns
        -------
        DataFrame
            `label`, `estimate` and `tau2` without it, `cook` (squared distance of the coefficients
            in units of their covariance), `residual` (from the answer without it, standardised).
        """
        given, rows = self._effects, []
        beta = self.coefficients["estimate"].to_numpy()
        whole = Weighted.of(given.estimates, given.std_errors**2, given.model, self.tau2)
        scale = self.std_error**2 / whole.bread[0, 0]
        for i, label in enumerate(given.labels):
            some = self._refit(np.flatnonzero(np.arange(self.n_studies) != i))
            left = some.coefficients["estimate"].to_numpy()
            apart, row = beta - left, given.model[i]
            few = some._effects
            bread = Weighted.of(few.estimates, few.std_errors**2, few.model, some.tau2).bread
            error = given.std_errors[i] ** 2 + some.tau2 + row @ bread @ row
            rows.append(
                {
                    "label": label,
                    "estimate": some.estimate,
                    "tau2": some.tau2,
                    "cook": float(apart @ np.linalg.solve(whole.bread * scale, apart)),
                    "residual": float((given.estimates[i] - row @ left) / math.sqrt(error)),
                }
            )
        return pd.DataFrame(rows)

    def small_study(self) -> Pooled:
        """Ask whether effects with larger errors are larger: Egger's test as a meta-regression.

        Returns
        -------
        Pooled
            With the standard error as moderator; `moderator_p_value` is the test.
        """
        given = self._effects
        model = np.column_stack([given.model, given.std_errors])
        wider = Effects(
            estimates=given.estimates,
            std_errors=given.std_errors,
            labels=given.labels,
            model=model,
            terms=(*given.terms, "std_error"),
            cluster=given.cluster,
        )
        return self._refit(np.arange(self.n_studies), wider)

    def sentence(self) -> str:
        """Say the mean and how far a further trial may be from it; with few results, each."""
        given = self._effects.estimates
        n = words.counted(self.n_studies, "result")
        if self.n_studies < FEW:
            low, high = (words.number(x, 2, sign=True) for x in (given.min(), given.max()))
            return f"{n} from {low} to {high}: too few for a common answer; look at each."
        low = words.interval(self.ci_lower, self.ci_upper, 2)
        text = f"{n} together: {words.number(self.estimate, 2, sign=True)} "
        text += f"({100 * self.level:g}% interval {low})"
        if self.prediction_lower == self.prediction_lower:
            further = words.interval(self.prediction_lower, self.prediction_upper, 2)
            text += f"; the effect of a further one would lie in {further}"
        return f"{text}."

    def _repr_html_(self) -> str:
        return page(self.sentence(), self.to_frame(), self.caveats)


def pool(
    estimates: Sequence[float] | np.ndarray | pd.Series,
    std_errors: Sequence[float] | np.ndarray | pd.Series,
    *,
    method: str = "REML",
    inference: str = "hartung-knapp",
    cluster: Sequence[object] | np.ndarray | pd.Series | None = None,
    moderators: Mapping[str, Sequence[object]] | pd.DataFrame | None = None,
    labels: Sequence[str] | None = None,
    unit: str | Sequence[str] = "",
    level: float = 0.95,
) -> Pooled:
    """Pool effects of the same kind, allowing that the true effects differ.

    Parameters
    ----------
    estimates, std_errors : array-like of shape (k,)
        In one unit: standard deviations, or percentage points; never months.
    method : {"REML", "PM", "DL", "FE", "ML", "EB", "SJ", "HE", "HS"}
        Estimator of τ². "FE" takes all true effects as one.
    inference : {"hartung-knapp", "z", "t"}
        With `cluster`, "hartung-knapp" means cluster-robust errors (CR2) with Satterthwaite df.
    cluster : array-like, optional
        What several effects come from: a programme, a hub. The model then has three levels, by
        REML.
    moderators : mapping or DataFrame, optional
        What may explain the differences: numbers, or words, which become one column each but the
        first in order.
    labels : sequence of str, optional
        Names of the effects.
    unit : {"sd", "pp", "points", "score"} or a sequence of them, optional
        Of the effects, an entry each or one for all: checked, that nothing else is pooled for it.
    level : float

    Returns
    -------
    Pooled

    Raises
    ------
    EvidenceError
        Fewer than two effects, a standard error that is not above 0, a missing value, lengths that
        differ, moderators that cannot be told apart, several units, or months.

    Notes
    -----
    μ̂ = (X'WX)⁻¹X'Wy with w = 1/(v + τ²). Hartung–Knapp: SE² = Σw(y − Xβ̂)²/(k − p) (X'WX)⁻¹ and
    t with k − p df. The prediction interval is μ̂ ± t √(τ² + SE²) with the same df (Higgins et al.
    2009 have k − 2).

    References
    ----------
    Viechtbauer, W. (2010), Journal of Statistical Software 36(3). Hartung, J. and Knapp, G.
    (2001), Statistics in Medicine 20, eq. 5. Higgins, J., Thompson, S. and Spiegelhalter, D.
    (2009), JRSS A 172, section 4. Konstantopoulos, S. (2011), Research Synthesis Methods 2(1).
    """
    frames.one_of("method", method, METHODS)
    frames.one_of("inference", inference, INFERENCE)
    covariance.check_level(level)
    if cluster is not None and method != "REML":
        raise EvidenceError(f"method is {method!r}; with cluster= it is 'REML'")
    given = checked(estimates, std_errors, cluster, moderators, labels, unit=unit)
    return _pool(given, method, inference, level)


def _pool(given: Effects, method: str, inference: str, level: float) -> Pooled:
    y, v, x = given.estimates, given.std_errors**2, given.model
    (k, p), between, within = x.shape, math.nan, math.nan
    fixed = Weighted.of(y, v, x)
    if given.cluster is not None and given.cluster.max() > 0:
        found = meta_analysis.nested(y, v, x, given.cluster)
        between, within = found.between, found.within
        tau2, beta, spread = between + within, found.coefficients, (math.nan, math.nan)
        cross = found.robust if inference == "hartung-knapp" else found.bread
        df = found.df if inference == "hartung-knapp" else np.full(p, math.inf)
    else:
        tau2 = meta_analysis.heterogeneity(y, v, x, method)
        spread = (0.0, 0.0) if method == "FE" else (math.nan, math.nan)
        if method != "FE" and k > p:
            spread = meta_analysis.q_profile(y, v, x, level)
        fit = Weighted.of(y, v, x, tau2)
        beta, cross = fit.coefficients, fit.bread
        df = np.full(p, math.inf if inference == "z" else float(k - p))
        if inference == "hartung-knapp" and k > p:
            cross = cross * fit.q / (k - p)
    if inference == "t":
        df = np.full(p, float(k - p))
    error = np.sqrt(np.diag(cross))
    statistic = np.divide(beta, error, out=np.full(p, math.nan), where=error > 0)
    half = np.where(np.isinf(df), ndtri((1 + level) / 2), stdtrit(df, (1 + level) / 2))
    p_value = 2 * np.where(np.isinf(df), stdtr(1e12, -abs(statistic)), stdtr(df, -abs(statistic)))
    columns = {
        "estimate": beta, "std_error": error, "df": df,
        "p_value": p_value, "ci_lower": beta - half * error, "ci_upper": beta + half * error,
    }  # fmt: skip
    typical = meta_analysis.typical_variance(v, x) if k > p else math.nan
    low, middle, high = (100 * t / (t + typical) for t in (spread[0], tau2, spread[1]))
    h2 = tau2 / typical + 1
    if method == "FE" and k > p:
        middle, h2 = max(0.0, 100 * (fixed.q - (k - p)) / fixed.q), fixed.q / (k - p)
        low = high = math.nan
    further = half[0] * math.sqrt(tau2 + error[0] ** 2) if method != "FE" else math.nan
    return Pooled(
        **{name: float(column[0]) for name, column in columns.items()},
        statistic=float(statistic[0]),
        level=level,
        prediction_lower=float(beta[0] - further),
        prediction_upper=float(beta[0] + further),
        prediction_df=float(df[0]) if method != "FE" else math.nan,
        tau2=tau2,
        tau2_lower=spread[0],
        tau2_upper=spread[1],
        tau2_between=between,
        tau2_within=within,
        i2=middle,
        i2_lower=low,
        i2_upper=high,
        h2=h2,
        q=fixed.q,
        q_df=float(k - p),
        q_p_value=float(chdtrc(k - p, fixed.q)) if k > p else math.nan,
        n_studies=k,
        n_clusters=k if given.cluster is None else int(given.cluster.max()) + 1,
        method=method,
        inference=inference,
        coefficients=pd.DataFrame({"term": given.terms} | columns),
        caveats=_caveats(k, df[0]),
        _effects=given,
        **_moderators(beta, cross, df, given, method, tau2),
    )


def _caveats(k: int, df: float) -> tuple[str, ...]:
    notes: tuple[str, ...] = ()
    if k < FEW:
        notes = (f"only {words.counted(k, 'result')}: too few for a common answer",)
    if df < 4 and k >= FEW:
        notes = ("fewer than 4 degrees of freedom: read the interval with great caution",)
    return notes


def _moderators(
    beta: np.ndarray,
    cross: np.ndarray,
    df: np.ndarray,
    given: Effects,
    method: str,
    tau2: float,
) -> dict[str, float]:
    """Return the joint test of the moderators, and the share of τ² that they explain."""
    m = len(beta) - 1
    if not m:
        return dict.fromkeys(
            ("moderator_statistic", "moderator_df", "moderator_p_value", "r2"), math.nan
        )
    statistic = float(beta[1:] @ np.linalg.solve(cross[1:, 1:], beta[1:]))
    free = float(df[1:].min())
    if math.isinf(free):
        p_value = float(chdtrc(m, statistic))
    else:
        statistic /= m
        p_value = float(fdtrc(m, free, statistic))
    bare = meta_analysis.heterogeneity(
        given.estimates, given.std_errors**2, np.ones((len(given.estimates), 1)), method
    )
    return {
        "moderator_statistic": statistic,
        "moderator_df": free,
        "moderator_p_value": p_value,
        "r2": max(0.0, 100 * (bare - tau2) / bare) if bare > 0 else math.nan,
    }
