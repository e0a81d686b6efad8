"""Degenerate tables: every public function answers with a whole result or refuses in one line."""

import functools
import os
import re
import warnings

import numpy as np
import pandas as pd
import pytest

from evidence.errors import EvidenceError
from evidence.methods.core.results import Estimate

from .test_disguises import CALLS

CASES = int(os.environ.get("EVIDENCE_FUZZ", "250"))  # 2,000 before a release
IDS = ("school", "urn", "pupil", "fed")


def few_rows(table, rng):
    return table.sample(int(rng.integers(1, 12)), random_state=int(rng.integers(1e6)))


def few_clusters(table, rng):
    name = "school" if "school" in table else "urn"
    units = table[name].unique()
    return table[table[name].isin(rng.permutation(units)[: int(rng.integers(1, 5))])]


def of(table, rng, *, ids=False):
    names = [name for name in table if ids or name not in IDS]
    return names[int(rng.integers(len(names)))]


def constant(table, rng):
    name = of(table, rng)
    return table.assign(**{name: table[name].dropna().iloc[0]})


def emptied(table, rng):
    return table.assign(**{of(table, rng, ids=True): np.nan})


def mostly_empty(table, rng):
    name = of(table, rng)
    return table.assign(**{name: table[name].where(rng.random(len(table)) < 0.1)})


def one_treated(table, rng):
    if "arm" in table:
        return table.assign(arm=(table["school"] == table["school"].iloc[0]) * 1)
    return table.assign(lamp=((table["urn"] == table["urn"].iloc[0]) & (table["year"] > 2016)) * 1)


def one_treated_row(table, rng):
    name = "arm" if "arm" in table else "lamp"
    return table.assign(**{name: (np.arange(len(table)) == int(rng.integers(len(table)))) * 1})


def exact(table, rng):
    if "arm" in table:
        return table.assign(post=3.0 * table["arm"] + table["block"], second=table["pre"])
    return table.assign(pct=3.0 * table["lamp"] + table["year"] - 2000 + table["urn"] % 7)


def exact_but_for_some(table, rng):
    made = exact(table, rng)
    name = "post" if "post" in made else "pct"
    noise = np.where(rng.random(len(made)) < 0.1, rng.normal(0, 5, len(made)), 0.0)
    return made.assign(**{name: made[name] + noise})


def same_column(table, rng):
    one, other = of(table, rng), of(table, rng)
    return table.assign(**{one: table[other]})


def huge(table, rng):
    name = of(table, rng)
    if not pd.api.types.is_numeric_dtype(table[name]):
        return table
    return table.assign(**{name: table[name].astype(float) * 10.0 ** rng.choice([-12, 9, 150])})


def outlier(table, rng):
    name = of(table, rng)
    if not pd.api.types.is_numeric_dtype(table[name]):
        return table
    values = table[name].astype(float).to_numpy(copy=True)
    values[int(rng.integers(len(values)))] = 1e15
    return table.assign(**{name: values})


def repeated(table, rng):
    return pd.concat([table, few_rows(table, rng)])


def words(table, rng):
    return table.assign(**{of(table, rng): "absent"})


def lists(table, rng):
    return table.assign(**{of(table, rng): [[1]] * len(table)})


def endless(table, rng):
    return table.assign(**{of(table, rng): np.inf})


def none(table, rng):
    return table.iloc[:0]


def lacking(table, rng):
    return table.drop(columns=of(table, rng, ids=True))


def shuffled_arms(table, rng):
    name = "arm" if "arm" in table else "lamp"
    return table.assign(**{name: rng.permutation(table[name])})


def late(table, rng):
    return table[table["year"] >= 2018] if "lamp" in table else table[table["block"] == 0]


WAYS = [
    few_rows, few_clusters, constant, emptied, mostly_empty, one_treated, one_treated_row, exact,
    exact_but_for_some, same_column, huge, outlier, repeated, words, lists, endless, none, lacking,
    shuffled_arms, late,
]  # fmt: skip
NUMBERS = ("std_error", "statistic", "df", "p_value", "ci_lower", "ci_upper")
RESAMPLED = ("bootstrap", "randomisation test")  # without a standard error or df of their own


def degenerate(rng):
    """Return what makes a table degenerate, in one to three ways."""
    chosen = [WAYS[i] for i in rng.integers(len(WAYS), size=int(rng.integers(1, 4)))]

    def change(table):
        for way in chosen:
            if len(table):
                try:
                    table = way(table, rng)
                except (KeyError, IndexError, ValueError, TypeError):
                    continue  # an earlier way took away what this one needs
        return table

    return " then ".join(way.__name__ for way in chosen), change


def half_told(found):
    """Return what is wrong with a result: numbers that are none, an error of nothing."""
    said = found.sentence() if hasattr(found, "sentence") else ""
    wrong = re.findall(r"\bnan\b|−?\binf\b|\bNaN\b", said)
    table = getattr(found, "table", found)
    if isinstance(table, pd.DataFrame) and "std_error" in table and (table["std_error"] == 0).any():
        wrong.append("a row without error")
    if isinstance(found, Estimate) and not any(word in found.method for word in RESAMPLED):
        numbers = {name: getattr(found, name) for name in NUMBERS}
        wrong += [f"{name} {x}" for name, x in numbers.items() if x != x]
        if not found.std_error > 0:
            wrong.append("no error")
    return wrong


@functools.cache
def faults(cases):
    """Return what is not as it should be, a line a case."""
    found = []
    for case in range(cases):
        rng = np.random.default_rng([2026, case])
        name = [*CALLS][case % len(CALLS)]
        how, change = degenerate(rng)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                wrong = half_told(CALLS[name](change))
            except EvidenceError as error:
                wrong = ["more than a line"] if "\n" in str(error) else []
            except Exception as error:
                wrong = [f"{type(error).__name__}: {str(error)[:80]}"]
        if wrong:
            found.append(f"{case} {name}, {how}: {'; '.join(wrong)}")
    return found


@pytest.mark.slow
def test_degenerate_tables_are_answered_whole_or_refused_in_a_line():
    assert faults(CASES) == []


@pytest.mark.parametrize("way", WAYS)
def test_every_way_changes_a_table(way):
    from .test_disguises import pupils

    rng = np.random.default_rng(0)
    assert any(not way(pupils(), rng).equals(pupils()) for _ in range(5))
