"""Which of several is likely best: the probability of every rank, never a table of points."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import ndtr

from evidence.errors import EvidenceError
from evidence.methods.core.results import TableResult
from evidence.methods.synthesis.pooled_posterior import PooledPosterior
from evidence.show import words

_GRID = np.linspace(-8, 8, 161)  # effects looked at, in standard deviations of each belief


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Ranks(TableResult):
    """Probabilities of ranks.

    Parameters
    ----------
    table : DataFrame
        A row a name and rank (1 the largest effect): `name`, `rank`, `probability`.
    """

    table: pd.DataFrame

    @property
    def best(self) -> pd.Series:
        """The probability of having the largest effect, by name, the most probable first."""
        first = self.table[self.table["rank"] == 1].set_index("name")["probability"]
        return first.sort_values(ascending=False, kind="stable")

    def sentence(self) -> str:
        """Say which is most probably the best, and how probable that is."""
        best = self.best
        name, chance = best.index[0], best.iloc[0]
        text = f"{name} is the most likely to have the largest effect ({words.chance(chance)})"
        if chance >= 0.8:
            return f"{text}."
        others = [f"{other} ({100 * p:.0f}%)" for other, p in best.iloc[1:3].items() if p >= 0.1]
        return f"{text}; that is not sure{': ' * bool(others)}{', '.join(others)}."


def ranks(beliefs: Mapping[str, PooledPosterior | tuple[float, float]]) -> Ranks:
    """Return how probable each rank is, of effects that were measured independently.

    Parameters
    ----------
    beliefs : mapping
        Name to what :func:`evidence.methods.synthesis.pooled_posterior.posterior` returns, or to a
        mean and a standard deviation.

    Raises
    ------
    EvidenceError
        Fewer than two names, or a standard deviation that is not above 0.

    Notes
    -----
    Over a grid of effects x: the probability that i is at x, times that of exactly r − 1 of the
    others lying above it, which is a sum of independent yes-or-no variables (Poisson binomial).
    """
    if len(beliefs) < 2:
        raise EvidenceError(f"beliefs: {words.counted(len(beliefs), 'name')}; ranks need two")
    for name, one in beliefs.items():
        if not isinstance(one, PooledPosterior) and not one[1] > 0:
            raise EvidenceError(f"beliefs, {name!r}: a standard deviation above 0 is needed")
    spans = [
        (one.estimate, one.std_error) if isinstance(one, PooledPosterior) else one
        for one in beliefs.values()
    ]
    grid = np.unique([mean + sd * _GRID for mean, sd in spans])
    above = np.array([_above(one, grid) for one in beliefs.values()])
    mass, over = -np.diff(above, axis=1), (above[:, :-1] + above[:, 1:]) / 2
    rows = []
    for i, name in enumerate(beliefs):
        count = np.zeros_like(mass)  # how many of the others lie above, by cell
        count[0] = 1.0
        for j in [*range(i), *range(i + 1, len(spans))]:
            count[1:] = count[1:] * (1 - over[j]) + count[:-1] * over[j]
            count[0] *= 1 - over[j]
        shares = count @ mass[i]
        shares /= shares.sum()
        rows += [(name, rank, float(share)) for rank, share in enumerate(shares, start=1)]
    return Ranks(table=pd.DataFrame(rows, columns=["name", "rank", "probability"]))


def _above(one: PooledPosterior | tuple[float, float], grid: np.ndarray) -> np.ndarray:
    if isinstance(one, PooledPosterior):
        return np.asarray(one.probability_above(grid))
    return np.asarray(ndtr((one[0] - grid) / one[1]))
