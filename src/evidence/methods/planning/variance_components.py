"""What a plan must know of its outcome: shares of variance between schools, and explained."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import chi2

from evidence.errors import EvidenceError
from evidence.methods.core import frames, options
from evidence.methods.core.results import TableResult
from evidence.show.words import counted
from evidence.stats import reml
from evidence.stats.covariance import check_level

_GRID = np.concatenate([[0.0], np.geomspace(1e-3, 0.5, 150), np.linspace(0.5, 1, 50)[1:-1]])
_LARGE = 2.0  # a design effect that is worth a warning


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class VarianceComponents(TableResult):
    """Shares of variance, each with its interval.

    Parameters
    ----------
    table : DataFrame
        A row each of ``rho2``, ``r2_1`` and ``r2_2``: symbol, estimate, ci_lower, ci_upper.
    n_obs, n_clusters : int
    design_effect : float
        How many times more pupils are needed than if they were drawn one by one.
    caveats : tuple of str
    """

    table: pd.DataFrame
    n_obs: int
    n_clusters: int
    design_effect: float
    caveats: tuple[str, ...] = ()

    def symbols(self) -> dict[str, float]:
        """Return the shares as :func:`evidence.planning.mdes` takes them, none below zero."""
        return dict(zip(self.table["symbol"], self.table["estimate"].clip(0, 1), strict=True))

    def sentence(self) -> str:
        """Say what the schools leave of the sample."""
        rho, lower, upper = self.table.loc[0, ["estimate", "ci_lower", "ci_upper"]]
        said = (
            f"{rho:.0%} of the variance lies between schools (interval {lower:.0%} to {upper:.0%})"
        )
        if self.design_effect < _LARGE:
            return f"{said}."
        worth = self.n_obs / self.design_effect
        return (
            f"{said}: pupils of a school are alike, so that for a comparison of schools "
            f"{self.n_obs:,} pupils are worth no more than {worth:,.0f} drawn one by one (design "
            f"effect {self.design_effect:.1f}). More schools help, more pupils a school hardly do."
        )


def variance_components(
    data: pd.DataFrame,
    *,
    outcome: str,
    cluster: str,
    covariates: Sequence[str] = (),
    level: float = 0.95,
    draws: int = 199,
    seed: int = 0,
) -> VarianceComponents:
    """Estimate from past data what a plan needs: ``rho2``, ``r2_1`` and ``r2_2``.

    Parameters
    ----------
    data : DataFrame
        One row a pupil.
    outcome, cluster : str
        Columns: of the result, and of the school.
    covariates : sequence of str
        Columns that the analysis will hold fixed, such as an earlier result.
    level : float
        Of the intervals.
    draws, seed : int
        Times the schools are drawn anew for the intervals of the explained shares.

    Raises
    ------
    EvidenceError
        A column is missing or has two roles, the covariates decide each other, or fewer than three
        schools, or no two pupils of one school, are left.

    Notes
    -----
    Restricted maximum likelihood without and with the covariates; R² is the share by which a
    variance falls (Bloom et al. 2007, Educational Evaluation and Policy Analysis 29(1), eq. 4 and
    5). Interval of ρ: profile of the restricted likelihood. Of R²: percentiles over schools drawn
    with replacement. Design effect of sizes with mean m and coefficient of variation c: 1 + ((1 +
    c²)m − 1)ρ (Eldridge et al. 2006, International Journal of Epidemiology 35(5)).
    """
    names = frames.listed(covariates)
    frames.require(data, (outcome, cluster, *names))
    frames.distinct(("outcome", "cluster"), outcome=outcome, cluster=cluster, covariates=names)
    check_level(level)
    options.whole("draws", draws, 99)
    options.whole("seed", seed, 0)
    y, (codes, _) = frames.measured(data, outcome), frames.factor(data, cluster)
    columns, _, known = frames.covariates(data, names)
    have = {outcome: ~np.isnan(y), cluster: codes >= 0}
    have |= {"the covariates": known} if names else {}
    keep, notes = frames.complete(have, np.ones(len(y), bool), "pupils")
    y, columns = y[keep], columns[keep]
    _, codes = np.unique(codes[keep], return_inverse=True)
    size = np.bincount(codes)
    if len(size) < 3 or size.max() < 2:
        raise EvidenceError(
            f"column {cluster!r}: {counted(len(size), 'school')} with a result; at least three, "
            "with two pupils in one, are needed to tell schools from pupils"
        )
    if np.ptp(y) == 0:
        raise EvidenceError(f"column {outcome!r} is constant: nothing is left to be shared out")
    centred = columns - columns.mean(axis=0)
    rank = np.linalg.matrix_rank(centred / np.maximum(centred.std(axis=0), 1e-12)) if names else 0
    if rank < columns.shape[1]:
        raise EvidenceError(
            f"covariates {', '.join(names)}: one is decided by the others; leave it out"
        )
    if reml.add_up(y, columns, codes).share_within() < 1e-12:
        raise EvidenceError(
            f"column {outcome!r} does not vary within schools beyond the covariates: no variance "
            "of pupils is left"
        )
    rho, explained = _shares(y, columns, codes, exact=True)
    rng = np.random.default_rng(seed)
    rows = np.split(np.argsort(codes, kind="stable"), size.cumsum()[:-1])
    drawn = []
    for _ in range(draws if names else 0):
        which = rng.integers(len(size), size=len(size))
        taken = np.concatenate([rows[school] for school in which])
        again = np.repeat(np.arange(len(size)), size[which])
        with suppress(np.linalg.LinAlgError):  # a covariate that is constant in these schools
            drawn.append(_shares(y[taken], columns[taken], again, exact=False)[1])
    tails = [(1 - level) / 2, (1 + level) / 2]
    ends = [_interval(reml.add_up(y, columns[:, :0], codes), level)]
    ends += [*np.nanquantile(drawn, tails, axis=0).T] if names else [(0.0, 0.0)] * 2
    table = pd.DataFrame({"symbol": ["rho2", "r2_1", "r2_2"], "estimate": [rho, *explained]})
    table[["ci_lower", "ci_upper"]] = np.array(ends)
    mean = size.mean()
    if (table["estimate"] < 0).any():
        notes += ("covariates explain nothing of one level here; a plan counts it as zero",)
    return VarianceComponents(
        table=table,
        n_obs=len(y),
        n_clusters=len(size),
        design_effect=float(1 + ((1 + (size.std() / mean) ** 2) * mean - 1) * rho),
        caveats=notes,
    )


def _shares(
    y: np.ndarray, columns: np.ndarray, codes: np.ndarray, *, exact: bool
) -> tuple[float, np.ndarray]:
    """Return ρ, and what the columns explain within and between schools (0 of nothing)."""
    parts = (columns[:, :0], columns)
    without, given = (_variances(reml.add_up(y, part, codes), exact=exact) for part in parts)
    with np.errstate(divide="ignore", invalid="ignore"):
        left = np.where(without > 1e-9 * without.sum(), given / without, 1.0)
    return float(without[1] / without.sum()), 1 - left


def _variances(sums: reml.Sums, *, exact: bool) -> np.ndarray:
    """Return the variances within and between schools: exactly, or the best of a fine grid."""
    if exact:
        ratio = reml.ratio_of(reml.minimum(sums, reml=True))[0]
        square = reml.solve(sums, ratio[:, None], reml=True)[3]
    else:
        deviance, squares = _deviances(sums, _GRID)
        best = deviance.argmin()
        ratio, square = _GRID[best] / (1 - _GRID[best]), squares[best]
    return np.append(square, square * ratio) / (sums.n - sums.k)


def _deviances(sums: reml.Sums, rho: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the restricted deviance, and the sum of squares, at each ρ."""
    *_, square, terms = reml.solve(sums, (rho / (1 - rho))[:, None, None], reml=True)
    return (sums.n - sums.k) * np.log(square) + terms, square


def _interval(sums: reml.Sums, level: float) -> tuple[float, float]:
    """Return the ρ whose restricted deviance is near enough to the least."""
    rho = np.concatenate([[0.0], np.geomspace(1e-6, 0.5, 4000), np.linspace(0.5, 1, 2002)[1:-1]])
    deviance, _ = _deviances(sums, rho)
    inside = rho[deviance - deviance.min() <= chi2.ppf(level, 1)]
    return float(inside[0]), float(inside[-1])
