"""The wild cluster bootstrap: residuals of the null model change sign by whole clusters."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy import sparse

from evidence.errors import EvidenceError
from evidence.methods.core import frames
from evidence.methods.core.results import Estimate
from evidence.methods.impact.panel_data import read_panel
from evidence.methods.impact.two_way import caveats, two_way
from evidence.methods.trials.itt import answer, regression
from evidence.methods.trials.trial_data import read
from evidence.stats import covariance
from evidence.stats.design import Design
from evidence.stats.permutation import portions

_TIE = 1e-9  # statistics as near as this to one another, relatively, are equal
_STEPS = 60  # halvings of the search for an end of the interval
_WEBB = np.sqrt([1.5, 1.0, 0.5]) * np.array([[-1.0], [1.0]])
SIGNS = ("rademacher", "webb")


def moved(
    made: Design, values: np.ndarray, units: np.ndarray, signs: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return effect and scores of draws in which the values of whole units are multiplied.

    Parameters
    ----------
    made : Design
        With one coefficient of interest.
    values : ndarray of shape (n,)
        Residuals of the null model.
    units : ndarray of int, shape (n,)
    signs : ndarray of shape (draws, units)

    Returns
    -------
    effect : ndarray of shape (draws,)
    scores : ndarray of shape (draws, units)
        The sum of their squares is the CR0 variance of the effect.

    Notes
    -----
    With d = WX(X'WX)⁻¹c and values u, the effect is Σ_i w_i d_i'u_i and the score of unit i is
    w_i d_i'u_i − D_i'Σ_j w_j C_j, where D_i = Q_i'd_i and C_j = Q_j'W_j u_j for the orthonormal
    columns Q of the whole regression, absorbed dummies included.
    """
    d, own = made.directions[:, 0], made.weights * values
    n_units = signs.shape[1]

    def by_unit(x: np.ndarray) -> np.ndarray:
        return np.bincount(units, x, n_units)

    place, shape = (units, made.strata), (n_units, len(made.totals))
    root = np.sqrt(made.totals)[made.strata]
    alone = by_unit(d * values)
    left = np.column_stack([by_unit(d * q) for q in made.basis.T])
    right = np.column_stack([by_unit(own * q) for q in made.basis.T])
    strata = (
        sparse.csr_array((own / root, place), shape) @ sparse.csr_array((d / root, place), shape).T
    )
    scores = signs * alone - (signs @ right) @ left.T - signs @ strata
    return signs @ alone, scores


@dataclass(frozen=True, eq=False)
class Wild:
    """Draws of a coefficient under any effect τ, as polynomials in τ.

    Under τ a draw's effect is n₀ − τn₁ and its CR0 variance q₀ − 2τq₁ + τ²q₂. `exact` says that the
    draws are all there are; what was observed is one of them, and counted apart.
    """

    estimate: float
    error: float
    effect: np.ndarray
    variance: np.ndarray
    exact: bool

    @classmethod
    def of(
        cls, made: Design, outcome: np.ndarray, units: np.ndarray, kind: str, draws: int, seed: int
    ) -> Wild:
        """Draw for the one coefficient of `made`, by units 0, 1, …."""
        estimate, residuals = made.fit(outcome)
        scale = made.coefficients[0, -1]
        own = made.basis[:, -1] / scale  # the treatment, the other columns taken out
        null = residuals + own * estimate[0]
        score = np.bincount(units, made.directions[:, 0] * residuals)
        number = int(units.max()) + 1
        exact = kind == "rademacher" and 2 ** (number - 1) <= draws
        drawn = _every(number) if exact else _signs(number, kind, draws, seed)
        effect, variance = [], []
        for signs in drawn:
            (n0, s0), (n1, s1) = (moved(made, v, units, signs) for v in (null, own))
            effect.append(np.array([n0, n1]))
            variance.append(np.array([(s0**2).sum(1), (s0 * s1).sum(1), (s1**2).sum(1)]))
        return cls(
            estimate=float(estimate[0]),
            error=float(np.sqrt((score**2).sum())),
            effect=np.concatenate(effect, axis=1),
            variance=np.concatenate(variance, axis=1),
            exact=exact,
        )

    def p_value(self, effect: float) -> float:
        """Return the two-sided p-value of an effect of this size."""
        square = (self.effect[0] - effect * self.effect[1]) ** 2
        variance = self.variance[0] - 2 * effect * self.variance[1] + effect**2 * self.variance[2]
        reached = ((self.estimate - effect) / self.error) ** 2 * (1 - _TIE)
        extreme = int((square >= reached * variance).sum())
        return (1 + extreme) / (1 + len(square))

    def interval(self, level: float) -> tuple[float, float]:
        """Return the ends of the interval of effects around the estimate that are not rejected."""
        return self._end(-1.0, level), self._end(1.0, level)

    def _end(self, side: float, level: float) -> float:
        inside, outside = 0.0, self.error
        for _ in range(_STEPS):
            if self.p_value(self.estimate + side * outside) <= 1 - level + _TIE:
                break
            inside, outside = outside, 2 * outside
        else:
            return side * math.inf
        for _ in range(_STEPS):
            middle = (inside + outside) / 2
            if self.p_value(self.estimate + side * middle) <= 1 - level + _TIE:
                outside = middle
            else:
                inside = middle
        return self.estimate + side * inside


def wild_trial(
    data: pd.DataFrame,
    *,
    outcome: str,
    treatment: str,
    cluster: str,
    baseline: str | None = None,
    covariates: Sequence[str] = (),
    strata: str | Sequence[str] | None = None,
    weights: str | None = None,
    signs: str = "rademacher",
    draws: int = 9999,
    seed: int = 0,
    level: float = 0.95,
    reference: object = None,
    arm: object = None,
) -> Estimate:
    """Test the difference between the arms by the wild cluster bootstrap (WCR11).

    The arguments of :func:`evidence.methods.trials.itt`, of which `cluster` is needed, and

    Parameters
    ----------
    signs : {"rademacher", "webb"}
        ±1, or six values (Webb 2023), better with fewer than about 10 clusters.
    draws, seed : int
        Of the draws. Where ±1 allow no more than 2 × `draws` combinations, all are taken once.

    Returns
    -------
    Estimate
        That of `itt`, in units of the outcome, with CR1 `std_error`; `p_value` and the interval,
        by test inversion, are the bootstrap's; `df` is NaN.

    Raises
    ------
    EvidenceError
        As `itt`; `signs` is unknown; `draws` is below 99.

    Notes
    -----
    Residuals of the model with the effect fixed at τ change sign by whole clusters, the model is
    fitted again and t is taken with CR1 errors: p(τ) = (1 + #{|t*| ≥ |t|})/(1 + draws), or the
    share among all combinations. The interval is {τ : p(τ) > 1 − level}. With fewer than about 5
    treated clusters it hardly ever rejects: use the randomisation test there.

    References
    ----------
    Cameron, A. C., Gelbach, J. B. and Miller, D. L. (2008), Review of Economics and Statistics
    90(3), appendix B. MacKinnon, J. G., Nielsen, M. Ø. and Webb, M. D. (2023), Journal of
    Econometrics 232(2), section 5 (WCR11). Webb, M. D. (2023), Canadian J. of Economics 56(3).
    """
    given = {"outcome": outcome, "treatment": treatment, "baseline": baseline, "cluster": cluster}
    given |= {"covariates": covariates, "strata": strata, "weights": weights}
    _check(signs, draws, level)
    trial = read(data, **given, reference=reference, arm=arm)
    made = regression(trial)
    found = Wild.of(made, trial.outcome, trial.cluster, signs, draws, seed)
    few = min(len(np.unique(trial.cluster[side])) for side in (trial.treated, trial.control))
    within = f" within {trial.columns['strata']}" if strata is not None else ""
    method = f"OLS{within}, {_method(found, cluster, signs)}"
    plain = answer(
        trial, made, method, (found.estimate, _error(found, trial.cluster), math.nan), level
    )
    return _result(plain, found, few)


def wild_bootstrap(
    panel: pd.DataFrame,
    *,
    outcome: str,
    treatment: str,
    unit: str,
    time: str,
    cluster: str | None = None,
    weights: str | None = None,
    covariates: Sequence[str] = (),
    overlap: Sequence[str] = (),
    signs: str = "rademacher",
    draws: int = 9999,
    seed: int = 0,
    level: float = 0.95,
) -> Estimate:
    """Test the effect of :func:`evidence.methods.impact.did` by the wild cluster bootstrap.

    The arguments of `did`, and `signs`, `draws`, `seed`, the returned fields, errors, notes and
    sources of :func:`evidence.methods.trials.wild_bootstrap`.
    """
    _check(signs, draws, level)
    given = {"cluster": cluster, "weights": weights, "covariates": covariates, "overlap": overlap}
    given |= {"outcome": outcome, "treatment": treatment, "unit": unit, "time": time}
    rows = read_panel(panel, **given)
    made = two_way(rows, rows.dose[:, None], f"column {treatment!r}")
    found = Wild.of(made, rows.outcome, rows.cluster, signs, draws, seed)
    ever = np.isfinite(rows.start)[rows.unit]
    few = len(np.unique(rows.cluster[rows.dose != 0]))
    plain = Estimate(
        estimand="att",
        outcome=outcome,
        treatment=f"{treatment} against no {treatment}",
        method=f"{rows.method}, {_method(found, cluster or unit, signs)}",
        unit="score",
        estimate=found.estimate,
        std_error=_error(found, rows.cluster),
        statistic=found.estimate / _error(found, rows.cluster),
        df=math.nan,
        p_value=math.nan,
        ci_lower=math.nan,
        ci_upper=math.nan,
        level=level,
        n_obs=made.n_obs,
        n_clusters=int(rows.cluster.max()) + 1,
        n_treated=int(ever.sum()),
        n_control=int((~ever).sum()),
        caveats=tuple(caveats(rows, made, math.inf)),
    )
    return _result(plain, found, few)


def _check(signs: str, draws: int, level: float) -> None:
    frames.one_of("signs", signs, SIGNS)
    covariance.check_level(level)
    frames.whole("draws", draws, 99)


def _method(found: Wild, cluster: str, signs: str) -> str:
    number = found.effect.shape[1]
    how = f"all {2 + 2 * number:,} combinations of ±1" if found.exact else f"{number:,} draws"
    return (
        f"wild cluster bootstrap by {cluster} (WCR11, {signs}, {how}); interval by test inversion"
    )


def _error(found: Wild, cluster: np.ndarray) -> float:
    m = int(cluster.max()) + 1
    return found.error * math.sqrt(m / (m - 1))


def _result(plain: Estimate, found: Wild, few: int) -> Estimate:
    if not found.error > _TIE * abs(found.estimate):
        raise EvidenceError(
            f"column {plain.outcome!r} is explained exactly by treatment and covariates: no error "
            "can be estimated"
        )
    lower, upper = found.interval(plain.level)
    notes = list(plain.caveats)
    if few < 5:
        notes.append(
            f"one side has only {few} clusters: this test then hardly ever finds anything; see the "
            "randomisation test"
        )
    if np.isinf([lower, upper]).any():
        notes.append("too few different draws for an interval of this level to end")
    found_p = found.p_value(0.0)
    return replace(plain, p_value=found_p, ci_lower=lower, ci_upper=upper, caveats=tuple(notes))


def _every(number: int) -> Iterator[np.ndarray]:
    """Give all combinations of ±1 with first 1 (mirror images have one |t|) but that observed."""
    rest = np.array(list(itertools.product((1.0, -1.0), repeat=number - 1)))[1:]
    yield np.column_stack([np.ones(len(rest)), rest])


def _signs(number: int, kind: str, draws: int, seed: int) -> Iterator[np.ndarray]:
    rng = np.random.default_rng(seed)
    values = np.array([-1.0, 1.0]) if kind == "rademacher" else _WEBB.ravel()
    for part in portions(draws, number):
        yield values[rng.integers(0, len(values), (part, number))]
