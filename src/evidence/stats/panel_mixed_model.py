"""Variance components of a panel: random effect, AR(1), sampling error; least squares with them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from evidence.errors import EvidenceError
from evidence.stats.covariance import EXACT
from evidence.stats.design import Design, design, sums

_LOGS, _FADE = (-12.0, 12.0), (0.0, 0.95)
_FEW = 4  # times: with fewer, what fades cannot be told from what lasts


@dataclass(frozen=True, eq=False)
class Components:
    """Variance components of a panel, and its rows on a scale where they are independent.

    Parameters
    ----------
    lasting, passing, chance : float
        Variance of the random effect of a unit, of what passes (AR(1)), and of the sampling error
        of a row of mean weight, in squared units of the outcome.
    fade : float
        Correlation of what is passing between times 1 apart.
    roots : ndarray of shape (m, t, t)
        Symmetric V^(−1/2) of each unit; times without a result have ones on the diagonal.
    places : ndarray of shape (m, t)
        Row of each unit and time, −1 where there is none.
    """

    lasting: float
    passing: float
    chance: float
    fade: float
    roots: np.ndarray
    places: np.ndarray

    @property
    def share(self) -> float:
        """Share of what lasts in the variance between units at one time."""
        return self.lasting / (self.lasting + self.passing + self.chance)

    def whiten(self, columns: np.ndarray) -> np.ndarray:
        """Return V^(−1/2) times `columns`, shape (n, k)."""
        there = self.places >= 0
        spread = self.roots @ (columns[self.places] * there[..., None])
        out = np.empty_like(columns)
        out[self.places[there]] = spread[there]
        return out


def fit(
    outcome: np.ndarray,
    columns: np.ndarray,
    unit: np.ndarray,
    time: np.ndarray,
    weights: np.ndarray | None,
) -> Components:
    """Estimate the components by restricted maximum likelihood.

    Parameters
    ----------
    outcome : ndarray of shape (n,)
    columns : ndarray of shape (n, k)
        Fixed columns, of full rank, the means of the times among them.
    unit : ndarray of int, shape (n,)
        Codes from 0.
    time : ndarray of shape (n,)
        Numbers; two rows never share unit and time.
    weights : ndarray of shape (n,), optional
        How many were measured: chance has variance inverse to it.

    Raises
    ------
    EvidenceError
        Units and columns explain the outcome exactly.

    Notes
    -----
    Var(y_it) = σ_a² + σ_u² + φ w̄ / w_it, Cov(y_it, y_is) = σ_a² + σ_u² ρ^|t − s|. With the scale
    profiled out, −2 log L_R = (n − k) log r² + Σ log |V_i| + log |X'V⁻¹X|: Laird and Ware (1982),
    Biometrics 38(4), with the autocorrelation of Diggle (1988), Biometrics 44(4), eq. 2. ρ is 0
    where there are fewer than four times.
    """
    when, moment = np.unique(time, return_inverse=True)
    places = np.full((unit.max() + 1, len(when)), -1)
    places[unit, moment] = np.arange(len(unit))
    there = places >= 0
    n, k = columns.shape
    centred, orthonormal = outcome - outcome.mean(), np.linalg.qr(columns)[0]
    within = np.column_stack([columns, outcome])
    within -= (sums(unit, within) / np.bincount(unit)[:, None])[unit]
    left = within[:, k] - within[:, :k] @ np.linalg.lstsq(within[:, :k], within[:, k])[0]
    if np.linalg.norm(left) <= 1e-10 * np.linalg.norm(centred):
        raise EvidenceError(EXACT.format("the outcome"))
    basis = np.column_stack([orthonormal, centred])
    spread = basis[places] * there[..., None]
    # In ρ^step no power is below 1, so slopes at 0 are finite; rounded, equal steps are equal.
    step = np.diff(when).min(initial=1.0)
    apart = np.round(np.abs(when[:, None] - when) / step, 9)
    both = there[:, :, None] & there[:, None, :]
    steps = np.arange(len(when))
    chance = np.ones(len(unit)) if weights is None else weights.mean() / weights
    floor = np.where(there, chance[places], 1.0)
    # Units measured at the same times, with the same chance, have one covariance.
    _, first, which = np.unique(
        np.column_stack([there, floor]), axis=0, return_index=True, return_inverse=True
    )
    alike, floor, both = np.bincount(which), floor[first], both[first]

    def shares(at: np.ndarray) -> list[np.ndarray]:
        """Return the covariances between times of what lasts and of what passes, shape (t, t)."""
        lasting = np.full_like(apart, np.exp(at[0]))
        if len(at) == 1:
            return [lasting]
        return [lasting, np.exp(at[1]) * (at[2] ** apart if len(at) > 2 else np.eye(len(when)))]

    def covariances(at: np.ndarray) -> np.ndarray:
        covariance = np.where(both, sum(shares(at)), 0.0)
        covariance[:, steps, steps] += floor
        return covariance

    def weighted(inverse: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return V⁻¹[X y] and the Cholesky root of [X y]'V⁻¹[X y]; its last entry is r."""
        whitened = (inverse[which] @ spread).reshape(-1, k + 1)
        return whitened, np.linalg.cholesky(spread.reshape(-1, k + 1).T @ whitened)

    def deviance(at: np.ndarray) -> tuple[float, list[float]]:
        """Return −2 log L_R and its gradient, tr(∂V (V⁻¹ − ZFZ')) with Z = V⁻¹[X y]L'⁻¹."""
        covariance = covariances(at)
        inverse = np.linalg.inv(covariance)
        columns, half = weighted(inverse)
        sizes, factors = np.log(np.diag(half)), np.append(np.ones(k), n - k)
        scores = (columns @ np.linalg.inv(half).T).reshape(spread.shape)
        spent = np.tensordot(factors * scores, scores, ((0, 2), (0, 2)))
        slope = np.tensordot(alike, inverse * both, 1) - spent
        changes = shares(at)
        if len(at) > 2:
            changes.append(np.exp(at[1]) * apart * at[2] ** np.maximum(apart - 1, 0.0))
        value = 2 * factors @ sizes + alike @ np.linalg.slogdet(covariance)[1]
        return value, [np.vdot(change, slope) for change in changes]

    # Without weights chance cannot be told from what passes at once: it is the scale itself.
    start, bounds = [0.0], [_LOGS]
    if weights is not None or len(when) >= _FEW:
        start, bounds = [*start, -1.0], [*bounds, _LOGS]
    if len(when) >= _FEW:
        start, bounds = [*start, 0.2**step], [*bounds, np.power(_FADE, step)]
    best = minimize(deviance, start, jac=True, method="L-BFGS-B", bounds=bounds).x
    covariance = covariances(best)
    scale = weighted(np.linalg.inv(covariance))[1][k, k] ** 2 / (n - k)
    values, vectors = np.linalg.eigh(scale * covariance)
    return Components(
        lasting=float(scale * np.exp(best[0])),
        passing=float(scale * np.exp(best[1])) if len(best) > 1 else 0.0,
        chance=float(scale),
        fade=float(best[2] ** (1 / step)) if len(best) > 2 else 0.0,
        roots=((vectors / np.sqrt(values)[:, None, :]) @ vectors.swapaxes(1, 2))[which],
        places=places,
    )


@dataclass(frozen=True, eq=False)
class Regression:
    """Generalised least squares of a panel.

    Parameters
    ----------
    design : Design
        Of the whitened columns.
    estimate : ndarray of shape (1,)
    residuals : ndarray of shape (n,)
        On the scale where rows are independent.
    expected : ndarray of shape (n,)
        Without the treatment, of an average unit with these columns.
    components : Components
    """

    design: Design
    estimate: np.ndarray
    residuals: np.ndarray
    expected: np.ndarray
    components: Components


def regression(
    outcome: np.ndarray,
    dose: np.ndarray,
    others: np.ndarray,
    unit: np.ndarray,
    time: np.ndarray,
    weights: np.ndarray | None,
    name: str,
) -> Regression:
    """Regress on the treatment and the means of the times, with the variances of :func:`fit`.

    Parameters
    ----------
    outcome, unit, time, weights
        As in :func:`fit`. The logarithm of a unit's mean weight is held fixed too.
    dose : ndarray of shape (n,)
        The treatment.
    others : ndarray of shape (n, k)
        Held fixed; columns that others explain are left out.
    name : str
        How messages call the treatment.

    Raises
    ------
    EvidenceError
        The treatment is explained by the other columns.
    """
    fixed = [(time[:, None] == np.unique(time)).astype(float)]
    if weights is not None:
        mean = np.bincount(unit, weights) / np.bincount(unit)
        fixed.append(np.log(mean)[unit][:, None])
    others, interest = np.column_stack([*fixed, others]), dose[:, None]
    dropped = design(interest, others, name=name, absorb=False).dropped
    columns = np.column_stack([np.delete(others, dropped, axis=1), interest])
    components = fit(outcome, columns, unit, time, weights)
    white = components.whiten(np.column_stack([others, interest, outcome]))
    whitened = design(white[:, -2:-1], white[:, :-2], name=name, absorb=False)
    estimate, residuals = whitened.fit(white[:, -1])
    untreated = white[:, -1] - white[:, -2] * estimate[0]
    solved = np.linalg.lstsq(white[:, :-2], untreated, rcond=None)[0]
    return Regression(whitened, estimate, residuals, others @ solved, components)
