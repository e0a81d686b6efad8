"""Which group each row of a table is, and which rows add up to another."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, combinations
from typing import Any

import pandas as pd

from evidence.release.control.column_roles import TOTALS

PLACE = ("programme", "cohort")

Place = tuple[str, str]  # programme and cohort
Label = tuple[str, str]  # a column and what it says
Group = frozenset[Label]
Number = tuple[Place, str, Group]  # its place, what it counts, its labels
Block = tuple[list[Place], list[Group], list[int]]  # rows of one count: place, labels, number
Row = tuple[Place, Group, list[Sequence[int]]]  # place, labels, numbers that may add up


def group_labels(
    name: str, labels: pd.DataFrame, margins: Mapping[str, Any]
) -> tuple[list[Place], list[Group]]:
    """Return each row's programme and cohort, and its labels without those that mean everybody."""
    parts = [*name.split("/"), "", ""][1:3] if name.count("/") > 1 else ["", ""]
    place = [
        labels[c] if c in labels else [part] * len(labels)
        for c, part in zip(PLACE, parts, strict=True)
    ]
    kept = []
    for column in labels.columns.difference(PLACE, sort=False):
        everyone = {str(margins[column]).casefold()} if column in margins else TOTALS
        if len(found := everyone & {text.casefold() for text in labels[column]}) > 1:
            everyone = found - {"both"}  # of the parents, where "all" are all
        kept.append([
            None if text.casefold() in everyone else (column, text) for text in labels[column]
        ])  # fmt: skip
    rows = [frozenset(filter(None, row)) for row in zip(*kept, strict=True)] if kept else (
        [frozenset()] * len(labels)
    )  # fmt: skip
    places = list(zip(*place, strict=True))
    seen: dict[tuple[Place, Group], int] = {}
    again = [seen.setdefault(at, i) != i for i, at in enumerate(zip(places, rows, strict=True))]
    if labels.duplicated().any() or (any(again) and not kept):  # no label differs between rows
        again = [True] * len(rows)
    return places, [
        row | {("row", f"{name} {i}")} if more else row  # "total" where "all" has been
        for i, (row, more) in enumerate(zip(rows, again, strict=True))
    ]


def stack(
    places: Sequence[Place],
    labels: Sequence[Group],
    columns: Mapping[str, Iterable[int]],
    heads: Mapping[str, tuple[str, Group]],
) -> dict[str, Block]:
    """Put the columns that count the same thing under one another."""
    found: dict[str, Block] = {}
    for column, (what, label) in heads.items():
        block = found.setdefault(what, ([], [], []))
        block[0].extend(places)
        block[1].extend(row | label for row in labels)
        block[2].extend(int(i) for i in columns[column])
    return found


def used(places: list[Place], labels: list[Group]) -> dict[Place, frozenset[str]]:
    """Return the label columns in use, for each place of a table."""
    found: dict[Place, set[str]] = {}
    for place, row in zip(places, labels, strict=True):
        found.setdefault(place, set()).update(column for column, _ in row)
    return {place: frozenset(columns) for place, columns in found.items()}


def margins_of(
    places: list[Place], labels: list[Group], ids: list[int]
) -> Iterator[tuple[tuple[Place, Group, tuple[str, ...]], list[int]]]:
    """Group the cells that differ in one label column, or in several without a total of one.

    Columns that say the same, such as the name of a bin and its ends, are also taken together.
    """
    columns = sorted({column for row in labels for column, _ in row})
    whole = [c for c in columns if all(any(c == name for name, _ in row) for row in labels)]
    alike = _alike(labels, columns)
    units: list[tuple[str, ...]] = [(c,) for c in whole]
    if len(whole) > 4:
        units = [group for group in alike if group[0] in whole]
    subsets = [*((c,) for c in columns), *alike]
    if len(units) <= 4:
        several = (some for k in range(2, len(units) + 1) for some in combinations(units, k))
        subsets += [tuple(sorted(chain(*some))) for some in several]
    for over in dict.fromkeys(subsets):
        groups: dict[tuple[Place, Group, tuple[str, ...]], list[int]] = {}
        for place, row, i in zip(places, labels, ids, strict=True):
            rest = frozenset(label for label in row if label[0] not in over)
            if i >= 0 and len(row) - len(rest) == len(over):
                groups.setdefault((place, rest, over), []).append(int(i))
        yield from groups.items()


def _alike(labels: list[Group], columns: list[str]) -> list[tuple[str, ...]]:
    """Group the columns in which each label goes with one label of the other, both ways."""
    groups: list[list[str]] = []
    rows = [dict(row) for row in labels] if len(columns) > 1 else []
    for column in columns:
        for group in groups:
            pairs = {(row.get(group[0]), row.get(column)) for row in rows}
            if len(pairs) == len({left for left, _ in pairs}) == len({right for _, right in pairs}):
                group.append(column)
                break
        else:
            groups.append([column])
    return [tuple(group) for group in groups]
