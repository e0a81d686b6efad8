"""Dated floor, coasting and progress rules, and how much of each answer is noise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import ndtri

from evidence.errors import EvidenceError
from evidence.methods.core import frames
from evidence.methods.core.results import TableResult
from evidence.methods.monitoring import published
from evidence.methods.monitoring.rules import (
    ks2_coasting,
    ks2_floor,
    progress8_bands,
    progress8_floor,
)
from evidence.methods.monitoring.rules.rule import Rule

RULES: dict[str, Rule] = {
    "ks2_floor": ks2_floor.RULE,
    "ks2_coasting": ks2_coasting.RULE,
    "progress8_bands": progress8_bands.RULE,
    "progress8_floor": progress8_floor.RULE,
}


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Threshold(TableResult):
    """What a rule says of each school.

    Parameters
    ----------
    table : DataFrame
        `unit`, `time`, `n`, `result` (empty where a number is missing) and `same`: the share of
        other cohorts, drawn around the school's own results, of which the rule says the same.
    rule : Rule
    caveats : tuple of str
    """

    table: pd.DataFrame
    rule: Rule
    caveats: tuple[str, ...] = ()

    def sentence(self) -> str:
        """Say how many schools have each result, and how sure that is."""
        counts = self.table["result"].value_counts()
        parts = [f"{counts.get(name, 0):,} {name}" for name in self.rule.results]
        last = self.table.loc[self.table["result"] == self.rule.results[-1], "same"]
        sure = ""
        if len(last):
            sure = (
                f"; of those {self.rule.results[-1]}, another cohort of the same school would be "
                f"so too with a chance of {100 * last.mean():.0f}% on average"
            )
        dates = f"{self.rule.first} to {self.rule.last}"
        many = frames.counted(counts.sum(), "result")
        return f"{self.rule.title} ({dates}): of {many} {', '.join(parts)}{sure}."


def threshold(
    data: pd.DataFrame,
    *,
    rule: str,
    unit: str,
    time: str,
    n: str,
    std_dev: float | Mapping[str, float],
    columns: Mapping[str, str] | None = None,
    draws: int = 2_000,
    seed: int = 1,
) -> Threshold:
    """Apply a dated rule of accountability to schools, and say how much of the answer is noise.

    Parameters
    ----------
    data : DataFrame
        One row a school and year.
    rule : {"ks2_floor", "ks2_coasting", "progress8_bands", "progress8_floor"}
    unit, time, n : str
        Columns of the school, the year and the number of pupils.
    std_dev : float or mapping of str to float
        Standard deviation of one pupil's score nationally that year: it differs each year and is
        published with the results (1.41628 was that of a Progress 8).
    columns : mapping of str to str, optional
        Which column holds what the rule calls "expected" (percentage), "reading", "maths",
        "writing" or "progress8"; by default columns of those names.
    draws, seed : int

    Returns
    -------
    Threshold
        For a rule over several years, one row a school that has all of them.

    Raises
    ------
    EvidenceError
        The rule is unknown or was not in force in a year, a column is missing or no number, a
        percentage is not from 0 to 100.
    """
    frames.one_of("rule", rule, [*RULES])
    law, places = RULES[rule], columns or {}
    needs = (*law.shares, *law.scores)
    if strange := [name for name in places if name not in needs]:
        raise EvidenceError(
            f"columns: {strange[0]!r} is not used by {rule}; it needs {', '.join(needs)}"
        )
    names = {name: places.get(name, name) for name in needs}
    frames.whole("draws", draws, 1)
    frames.whole("seed", seed, 0)
    frames.require(data, (unit, time, n, *names.values()))
    order, written, told = published.times(data, time)
    _in_force(law, rule, order, written, time)
    size, more = published.numbers(data, n)
    size, notes = np.where(size > 0, size, np.nan), [*told, *more]
    values = {}
    for name, column in names.items():
        values[name], more = published.numbers(data, column)
        notes.extend(more)
    for name in law.shares:
        wrong = (values[name] < 0) | (values[name] > 100)
        if wrong.any():
            raise EvidenceError(
                f"column {names[name]!r}, {frames.row(wrong.argmax())}: a percentage is from 0 "
                "to 100"
            )
    spread = _spreads(std_dev, law)
    known = ~np.isnan(np.array([size, *values.values()])).any(axis=0)
    error = {name: spread[name] / np.sqrt(size) for name in law.scores}
    half = {name: ndtri(0.975) * x for name, x in error.items()}
    order_of = [frames.factor(data, name)[0] for name in (time, unit)]
    place = np.argsort(np.lexsort(order_of))  # draws fall on the same schools
    with np.errstate(invalid="ignore"):
        found = law.decide(values, half)
        drawn = law.decide(_other_cohorts(values, error, size, law, draws, seed, place), half)
    table = pd.DataFrame({"unit": frames.labels(data, unit).astype("str"), "time": written})
    table = table.assign(
        n=size, order=order, found=np.where(known, found, -1), row=range(len(data))
    )
    if law.years > 1:
        table, found, drawn = _running(table, found, drawn, law)
    else:
        found = table["found"].to_numpy()
    same = np.where(found >= 0, (drawn == found).mean(0), np.nan)
    results = np.array([*law.results, ""], object)
    table = table.assign(result=results[found], same=same)
    lost = int((~known).sum())
    if lost:
        who = frames.counted(lost, "row lacks", "rows lack")
        notes.append(f"{who} a number that the rule needs")
    return Threshold(
        table=table[["unit", "time", "n", "result", "same"]].reset_index(drop=True),
        rule=law,
        caveats=tuple(notes),
    )


def _in_force(law: Rule, rule: str, order: np.ndarray, written: list[str], time: str) -> None:
    outside = (order < law.first) | (order > law.last)
    if outside.any():
        raise EvidenceError(
            f"column {time!r}, {frames.row(outside.argmax())}: {rule} applied to results of "
            f"{law.first} to {law.last} only, not to {written[int(outside.argmax())]}"
        )


def _spreads(std_dev: float | Mapping[str, float], law: Rule) -> dict[str, float]:
    given = std_dev if isinstance(std_dev, Mapping) else dict.fromkeys(law.scores, std_dev)
    for name in law.scores:
        if not isinstance(given.get(name), (int, float)) or not given[name] > 0:
            raise EvidenceError(f"std_dev: a number above 0 is needed for {name!r}")
    return {name: float(given[name]) for name in law.scores}


def _other_cohorts(
    values: Mapping[str, np.ndarray],
    error: Mapping[str, np.ndarray],
    size: np.ndarray,
    law: Rule,
    draws: int,
    seed: int,
    place: np.ndarray,
) -> dict[str, np.ndarray]:
    """Return results of as many pupils drawn around each school's own, shape (draws, rows)."""
    rng, shape = np.random.default_rng(seed), (draws, len(size))
    n = np.nan_to_num(size, nan=1).round().astype(int)
    drawn = {}
    for name in law.shares:
        share = np.nan_to_num(values[name]) / 100
        share = (share * n + 0.5) / (n + 1)  # 0 of 8 is not certain to be 0 again
        by_place = np.empty(shape)
        order = np.argsort(place)
        by_place[:, order] = rng.binomial(n[order], share[order], shape)
        drawn[name] = 100 * by_place / n
    for name in law.scores:
        drawn[name] = values[name] + error[name] * rng.standard_normal(shape)[:, place]
    return drawn


def _running(
    table: pd.DataFrame, found: np.ndarray, drawn: np.ndarray, law: Rule
) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Return one row a school that has all years, and whether all are in the last result."""
    last = len(law.results) - 1
    rows, results, others = [], [], []
    for _, group in table[table["found"] >= 0].groupby("unit", sort=True):
        group = group.sort_values("order").tail(law.years)
        years = group["order"].to_numpy()
        if len(years) < law.years or (np.diff(years) != 1).any():
            continue
        places = group["row"].to_numpy()
        rows.append(places[-1])
        results.append(last if (found[places] == last).all() else 0)
        others.append(np.where((drawn[:, places] == last).all(1), last, 0))
    if not rows:
        raise EvidenceError(
            f"{law.title} needs {law.years} years running of each school; none has them"
        )
    return table.iloc[rows], np.array(results), np.array(others).T
