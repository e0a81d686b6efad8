"""Which strategies worked: strategies as moderators over schools, beside what people believed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import ndtr

from evidence.errors import EvidenceError, nearest
from evidence.methods.core.results import TableResult
from evidence.methods.synthesis.inputs import Column
from evidence.methods.synthesis.pooling import Pooled, pool
from evidence.methods.synthesis.ranking import ranks
from evidence.show import words
from evidence.stats.meta_analysis import Weighted


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Strategies(TableResult):
    """What schools with a strategy achieved beyond those without it.

    Parameters
    ----------
    table : DataFrame
        A row a strategy, in the order given: `strategy`, `n_schools` that used it, `estimate`,
        `ci_lower`, `ci_upper`, `p_value`, `p_best` (the probability that its effect is the
        largest) and, where people said what they believe, `believed`.
    agreement : float
        Mean probability that a pair of strategies is in the order that was believed: 0.5 is what
        guessing gives; NaN without beliefs.
    """

    table: pd.DataFrame
    agreement: float

    def sentence(self) -> str:
        """Say which strategy is most likely the best, and whether beliefs agree."""
        best = self.table.loc[self.table["p_best"].idxmax()]
        span = words.interval(best["ci_lower"], best["ci_upper"], 2)
        text = (
            f"{best['strategy']} most likely did most "
            f"({words.number(best['estimate'], 2, sign=True)}, {span}; best with a probability of "
            f"{words.chance(best['p_best'])}), among schools that chose for themselves"
        )
        if self.agreement != self.agreement:
            return f"{text}."
        first = self.table.loc[self.table["believed"].idxmax(), "strategy"]
        return (
            f"{text}. {first} was believed to; a pair of strategies is in the order believed with "
            f"a probability of {words.chance(self.agreement)} (guessing: 50%)."
        )


def strategies(
    estimates: Sequence[float] | np.ndarray | pd.Series,
    std_errors: Sequence[float] | np.ndarray | pd.Series,
    used: Mapping[str, Column] | pd.DataFrame,
    *,
    believed: Mapping[str, float] | None = None,
    level: float = 0.95,
) -> Strategies:
    """Compare schools that used a strategy with those that did not, all strategies at once.

    Parameters
    ----------
    estimates, std_errors : array-like of shape (k,)
        Effect of the programme in each school.
    used : mapping or DataFrame
        Strategy to 1 and 0, or a share from 0 to 1, an entry a school.
    believed : mapping, optional
        Strategy to what people thought of it, a larger number for a better one: the share of
        board members who put it first, say.
    level : float

    Returns
    -------
    Strategies

    Raises
    ------
    EvidenceError
        As :func:`evidence.methods.synthesis.pooling.pool`; a strategy that is used by all schools
        or none, no share, or not among those believed in.

    Notes
    -----
    Meta-regression by REML with Hartung–Knapp. Schools chose their strategies, so that these are
    comparisons, not effects. The order of two is as sure as Φ((b_i − b_j)/SE) of their difference.
    """
    table = pd.DataFrame(dict(used)).astype(float)
    for name, share in table.items():
        if not share.between(0, 1).all() or share.nunique() < 2:
            raise EvidenceError(
                f"used, {name!r}: 1 and 0 (or shares) are needed, and schools that differ in it"
            )
    found = pool(estimates, std_errors, moderators=table, level=level)
    rows = found.coefficients.iloc[1:].rename(columns={"term": "strategy"}).reset_index(drop=True)
    rows.insert(1, "n_schools", (table > 0).sum().to_numpy())
    spans = zip(rows["estimate"], rows["std_error"], strict=True)
    beliefs = dict(zip(rows["strategy"], spans, strict=True))
    rows["p_best"] = ranks(beliefs).best[rows["strategy"]].to_numpy() if len(rows) > 1 else 1.0
    agreement = float("nan")
    if believed is not None:
        for name in rows["strategy"]:
            if name not in believed:
                raise EvidenceError(f"believed: no {name!r}; {nearest(name, believed)}")
        rows["believed"] = [float(believed[name]) for name in rows["strategy"]]
        agreement = _agreement(rows, found)
    return Strategies(table=rows.drop(columns=["std_error", "df"]), agreement=agreement)


def _agreement(rows: pd.DataFrame, found: Pooled) -> float:
    """Return the mean probability that pairs are in the order believed."""
    given = found._effects
    fit = Weighted.of(given.estimates, given.std_errors**2, given.model, found.tau2)
    cross = fit.bread[1:, 1:] * (found.std_error**2 / fit.bread[0, 0])
    effect, thought = rows["estimate"].to_numpy(), rows["believed"].to_numpy()
    i, j = np.triu_indices(len(rows), 1)
    ordered = np.sign(thought[i] - thought[j])
    error = np.sqrt(cross[i, i] + cross[j, j] - 2 * cross[i, j])
    kept = ordered != 0
    if not kept.any():
        return float("nan")
    return float(ndtr(ordered * (effect[i] - effect[j]) / error)[kept].mean())
