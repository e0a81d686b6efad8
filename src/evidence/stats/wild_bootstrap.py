"""The wild cluster bootstrap: residuals of the null model change sign by whole clusters."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from evidence.errors import EvidenceError
from evidence.stats import covariance
from evidence.stats.design import Design
from evidence.stats.permutation import portions

TIE = 1e-9  # statistics as near as this to one another, relatively, are equal
_CHUNK = 4_000_000  # signs held at once
_STEPS = 60  # halvings of the search for an end of the interval
_WEBB = np.sqrt([1.5, 1.0, 0.5]) * np.array([[-1.0], [1.0]])
SIGNS = ("rademacher", "webb")


def moved(
    design: Design, values: np.ndarray, units: np.ndarray, signs: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return effect and scores of draws in which the values of whole units are multiplied.

    Parameters
    ----------
    design : Design
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
    d, own = design.directions[:, 0], design.weights * values
    n_units = signs.shape[1]

    def by_unit(x: np.ndarray) -> np.ndarray:
        return np.bincount(units, x, n_units)

    place, shape = (units, design.strata), (n_units, len(design.totals))
    root = np.sqrt(design.totals)[design.strata]
    alone = by_unit(d * values)
    left = np.column_stack([by_unit(d * q) for q in design.basis.T])
    right = np.column_stack([by_unit(own * q) for q in design.basis.T])
    strata = (
        sparse.csr_array((own / root, place), shape) @ sparse.csr_array((d / root, place), shape).T
    )
    scores = signs * alone - (signs @ right) @ left.T - signs @ strata
    return signs @ alone, scores


def studentised(
    design: Design, outcome: np.ndarray, units: np.ndarray, n_units: int, draws: int, seed: int
) -> tuple[float, np.ndarray]:
    """Return t (CR0 by `units`), and t with the signs of whole units' null residuals drawn anew.

    The same seed draws the same signs, so that outcomes with the same units are drawn jointly.
    """
    estimate, residuals = design.fit(outcome)
    null = residuals + design.basis[:, -1] * (estimate[0] / design.coefficients[0, -1])
    scores = np.bincount(units, design.directions[:, 0] * residuals)
    rng = np.random.default_rng(seed)
    step, drawn = max(1, _CHUNK // n_units), []
    for first in range(0, draws, step):
        signs = 2.0 * rng.integers(0, 2, (min(step, draws - first), n_units)) - 1
        effect, moved_scores = moved(design, null, units, signs)
        drawn.append(effect / np.sqrt(np.maximum((moved_scores**2).sum(axis=1), 1e-300)))
    return float(estimate[0] / np.sqrt((scores**2).sum())), np.concatenate(drawn)


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
        cls,
        design: Design,
        outcome: np.ndarray,
        units: np.ndarray,
        kind: str,
        draws: int,
        seed: int,
    ) -> Wild:
        """Draw for the one coefficient of `design`, by units 0, 1, ….

        Raises
        ------
        EvidenceError
            One unit alone decides the coefficient, so that its residuals are zero in every draw:
            MacKinnon and Webb (2018), The Econometrics Journal 21(2), section 3.
        """
        if covariance.decided(design, units).any():
            raise EvidenceError(covariance.ALONE.format("cluster"))
        estimate, residuals = design.fit(outcome)
        scale = design.coefficients[0, -1]
        own = design.basis[:, -1] / scale  # the treatment, the other columns taken out
        null = residuals + own * estimate[0]
        score = np.bincount(units, design.directions[:, 0] * residuals)
        number = int(units.max()) + 1
        exact = kind == "rademacher" and 2 ** (number - 1) <= draws
        drawn = _every(number) if exact else _signs(number, kind, draws, seed)
        effect, variance = [], []
        for signs in drawn:
            (n0, s0), (n1, s1) = (moved(design, v, units, signs) for v in (null, own))
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
        reached = ((self.estimate - effect) / self.error) ** 2 * (1 - TIE)
        extreme = int((square >= reached * variance).sum())
        return (1 + extreme) / (1 + len(square))

    def interval(self, level: float) -> tuple[float, float]:
        """Return the ends of the interval of effects around the estimate that are not rejected."""
        return self._end(-1.0, level), self._end(1.0, level)

    def _end(self, side: float, level: float) -> float:
        inside, outside = 0.0, self.error
        for _ in range(_STEPS):
            if self.p_value(self.estimate + side * outside) <= 1 - level + TIE:
                break
            inside, outside = outside, 2 * outside
        else:
            return side * math.inf
        for _ in range(_STEPS):
            middle = (inside + outside) / 2
            if self.p_value(self.estimate + side * middle) <= 1 - level + TIE:
                outside = middle
            else:
                inside = middle
        return self.estimate + side * inside


def _every(number: int) -> Iterator[np.ndarray]:
    """Give all combinations of ±1 with first 1 (mirror images have one |t|) but that observed."""
    rest = np.array(list(itertools.product((1.0, -1.0), repeat=number - 1)))[1:]
    yield np.column_stack([np.ones(len(rest)), rest])


def _signs(number: int, kind: str, draws: int, seed: int) -> Iterator[np.ndarray]:
    rng = np.random.default_rng(seed)
    values = np.array([-1.0, 1.0]) if kind == "rademacher" else _WEBB.ravel()
    for part in portions(draws, number):
        yield values[rng.integers(0, len(values), (part, number))]
