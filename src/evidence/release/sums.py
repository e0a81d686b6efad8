"""What the tables of releases say together: which numbers are one, and which add up."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from itertools import combinations

import numpy as np
import pandas as pd

from evidence.release.disclosure import Safe
from evidence.release.labels import PLACE, margins_of, stack, tell_apart, used
from evidence.release.reading import alike, column_sums, described, interval, shares
from evidence.release.roles import TOTALS, Roles
from evidence.release.rules import Rules

# How sure a sum is: by labels and true counts; by labels, of hidden counts; by true counts, which
# may agree by chance; only not ruled out.
SURE, LIKELY, MATCHED, GUESSED = 3, 2, 1, 0


class Book:
    """Every number of the releases, what is known of it, and the sums."""

    def __init__(self) -> None:
        self.lower: list[float] = []
        self.upper: list[float] = []
        self.exact: list[float] = []  # NaN for what only an earlier release had
        self.width: list[float] = []
        self.least: list[float] = []  # known where it is hidden: 1 where a nought is shown
        self.secret: list[bool] = []  # hidden in this release by some table
        self.before: list[bool] = []  # hidden by a release before
        self.current: list[bool] = []  # shown in this release by some table
        self.past: list[bool] = []  # shown by a release before
        self.scope: list[tuple[str, str]] = []
        self.title: list[str] = []
        self.shown: dict[int, float] = {}  # as rounded, for the texts
        self.index: dict[tuple, list[int]] = {}
        self.twins: dict[int, set[int]] = {}  # shown or hidden together
        self.places: dict[str, dict[str, np.ndarray]] = {}
        self.scopes: dict[str, set] = {}
        self.tables: list[tuple] = []
        self.alike: dict[tuple, list[tuple[int, int, frozenset]]] = {}
        self.sums: dict[tuple[int, ...], int] = {}  # total and parts, to how sure it is
        self.known_as: dict[str, dict[str, str]] = {}  # label: its column to what is counted

    # Numbers --------------------------------------------------------------------------------

    def learn(self, tables: Iterable[tuple[pd.DataFrame, pd.DataFrame]]) -> None:
        """Note what the labels of each table count: elsewhere they may head columns.

        Of several counts it is the largest, of which the others are parts; where they are no parts
        of it, `_across` puts it right. A table with one count is sure, and goes first.
        """
        tables = [
            (labels.drop(columns=[*PLACE], errors="ignore"), counts) for labels, counts in tables
        ]
        tables.sort(key=lambda pair: len(pair[1].columns))
        texts = {text for labels, _ in tables for c in labels for text in labels[c].unique()}
        for labels, counts in tables:
            if counts.columns.empty or len(texts & set(counts.columns)) > 1:
                continue
            what = counts.sum().idxmax()
            for column in labels:
                for text in labels[column].unique():
                    self.known_as.setdefault(text, {}).setdefault(column, what)

    def _heads(self, columns: Collection[str]) -> dict[str, tuple[str, frozenset]]:
        """Return what each column counts, and the label that it is the column of."""
        found = {column: (column, frozenset()) for column in columns}
        known = {c: [*self.known_as.get(c, {}).items()] for c in columns}
        headed = {c: found[0] for c, found in known.items() if len(found) == 1}
        if len(columns) > 1 and len({what for _, what in headed.values()}) == 1:
            for column, (dimension, what) in headed.items():
                found[column] = (what, frozenset({(dimension, column)}))
            for column in columns:
                if column.casefold() in TOTALS:
                    found[column] = (what, frozenset())
        return found

    def enter(self, name: str, safe: Safe) -> None:
        """Take up a table of this release."""
        cells, table = safe._cells, safe._table
        places, labels = tell_apart(name, cells.labels, cells.roles.margins)
        self.places[name], self.scopes[name] = {}, set(places)
        # A mean of 4.4118 is that of 34 pupils, not of 33 or 35: its count is as good as told.
        parts = {part for part, _ in cells.roles.percentages.values()}
        betrayed = table[list(cells.roles.statistics)].notna().any(axis=1)
        for column, (what, label) in self._heads(cells.exact.columns).items():
            amount = column in cells.roles.totals
            never_nought = not (cells.rules.zeros_disclosive or amount or column in parts)
            ids = np.full(len(table), -1)
            values = (cells.exact[column], cells.hidden[column], table[column], betrayed)
            for row, (exact, hidden, rounded, told) in enumerate(zip(*values, strict=True)):
                if exact != exact:
                    continue
                at = (places[row], what, labels[row] | label)
                twin = [i for i in self.index.get(at, ()) if self.exact[i] == exact]
                width = max(cells.rules.threshold, cells.rules.dominance_p * exact * amount)
                width *= cells.rules.zeros_disclosive or exact != 0  # a nought may be told
                ids[row] = i = twin[0] if twin else self._new(at, exact, width)
                self.least[i] = max(self.least[i], never_nought and exact != 0)
                self.secret[i] |= hidden
                if not hidden and rounded == rounded:
                    bounds = interval(rounded, cells.rules, amount=amount)
                    self._know(i, *((exact, exact) if told and not amount else bounds))
                    self.current[i], self.shown[i] = True, rounded
            self.places[name][column] = ids
        heads = self._heads(cells.exact.columns)
        blocks = stack(places, labels, self.places[name], heads)
        self.tables.append((blocks, self.places[name], places, labels, column_sums(cells), True))
        for part, whole in cells.roles.percentages.values():
            for at, (i, j) in enumerate(
                zip(*(self.places[name][c] for c in (whole, part)), strict=True)
            ):
                if i >= 0 and j >= 0:
                    self._remainder(i, [j], cells.rules.full_disclosive, labels[at])

    def remember(self, name: str, frame: pd.DataFrame, rules: Rules, now: Safe | None) -> None:
        """Take up a table as an earlier release showed it."""
        now = now if alike(frame, now) else None
        roles = now._cells.roles if now else Roles()
        texts, counts = described(frame, now)
        places, labels = tell_apart(name, texts, roles.margins)
        columns = {}
        parts = dict.fromkeys([*shares(frame, counts), *roles.percentages.values()])
        for column, (what, label) in self._heads(counts).items():
            ids = np.full(len(frame), -1)
            amount = column in roles.totals
            never_nought = not (rules.zeros_disclosive or amount or column in dict(parts))
            cells = zip(frame[column], frame[f"{column}_symbol"], strict=True)
            for row, (value, symbol) in enumerate(cells):
                at = (places[row], what, labels[row] | label)
                known = list(self.index.get(at, ()))
                if value == value:
                    low, high = interval(value, rules, amount=amount)
                    fits = [i for i in known if self._fits(i, low, high)]
                    ids[row] = i = fits[0] if fits else self._new(at, np.nan, rules.threshold)
                    self._know(i, low, high)
                    self.past[i] = True
                elif symbol == "c":
                    known.sort(key=lambda i: not self.secret[i])
                    ids[row] = i = known[0] if known else self._new(at, np.nan, rules.threshold)
                    self.before[i] = True
                    self.least[i] = max(self.least[i], never_nought and self.exact[i] != 0)
            columns[column] = ids
        for part, whole in parts:
            hidden = frame[f"{part}_symbol"] == "c"
            for at in np.flatnonzero(hidden & (columns[part] >= 0) & (columns[whole] >= 0)):
                self._remainder(columns[whole][at], [columns[part][at]], True, labels[at])
        blocks = stack(places, labels, columns, self._heads(counts))
        self.tables.append(
            (blocks, columns, places, labels, column_sums(now._cells) if now else [], False)
        )

    def compare(self) -> None:
        """Pair numbers that are equal in tables of one place which share no label column."""
        for number, (blocks, *_) in enumerate(self.tables):
            for places, labels, ids in blocks.values():
                dims = used(places, labels)
                for place, i in zip(places, ids, strict=True):
                    if i >= 0 and self.current[i]:
                        at = (place, self.exact[i])
                        self.alike.setdefault(at, []).append((int(i), number, dims[place]))
        for found in self.alike.values():
            for (i, here, left), (j, there, right) in combinations(found[:20], 2):
                if here != there and left and right and not left & right and i != j:
                    self.twins.setdefault(i, set()).add(j)
                    self.twins.setdefault(j, set()).add(i)

    def _new(self, at: tuple, exact: float, width: float) -> int:
        i = len(self.lower)
        for values, value in (
            (self.lower, 0.0), (self.upper, np.inf), (self.exact, exact), (self.width, width),
            (self.least, 0.0), (self.secret, False), (self.before, False), (self.current, False),
            (self.past, False), (self.scope, at[0]),
            (self.title, "/".join([*filter(None, at[0]), at[1], *(v for _, v in sorted(at[2]))])),
        ):  # fmt: skip
            values.append(value)
        self.index.setdefault(at, []).append(i)
        return i

    def _know(self, i: int, low: float, high: float) -> None:
        self.lower[i], self.upper[i] = max(self.lower[i], low), min(self.upper[i], high)

    def _fits(self, i: int, low: float, high: float) -> bool:
        exact = self.exact[i]
        if exact == exact:
            return low <= exact <= high
        return max(low, self.lower[i]) <= min(high, self.upper[i])

    # Sums -----------------------------------------------------------------------------------

    def add_up(self) -> None:
        """Write down every sum, within and across tables."""
        self._renamed()
        unseen: dict[tuple, dict[tuple, None]] = {}  # sums that no table shows, to their parts
        for number, (blocks, columns, places, labels, added, now) in enumerate(self.tables):
            dims: dict[tuple, frozenset] = {}
            for what, block in blocks.items():
                dims = used(*block[:2])
                for (place, rest, over), parts in margins_of(*block):
                    totals = self.index.get((place, what, rest), ())
                    for total in totals:
                        self._sum(total, parts, inside=total in block[2])
                    if not totals:
                        unseen.setdefault((place, what, rest), {})[tuple(sorted(parts))] = None
                    if now and not totals and len(over) == 1 and len(parts) > 1:
                        self._match(number, place, parts, dims[place])
            for total, parts in added:
                for row in self._rows(columns, total, parts):
                    self._sum(row[0], row[1:], inside=True)
            added = added or (not now and self._totals(columns))
            if len(columns) > 1 and not added:
                rows = zip(places, labels, zip(*columns.values(), strict=True), strict=True)
                whole = [row for row in rows if min(row[2]) >= 0]
                self._across(whole, columns)
                for place, _, parts in whole if now else ():
                    self._match(number, place, parts, dims[place])
        for at, ways in unseen.items():  # two tables without totals add up to the same all the same
            known = [total for parts in ways if (total := sum(self.exact[i] for i in parts)) >= 0]
            for exact in dict.fromkeys(known or [np.nan]) if len(ways) > 1 else ():
                total = self._new(at, exact, 0)
                for parts in ways:
                    if self._adds_up(total, parts):
                        self._sum(total, parts, inside=False)

    def _rows(
        self, columns: dict[str, np.ndarray], total: str, parts: Iterable[str]
    ) -> list[tuple[int, ...]]:
        """Return a total and its parts in every row that has them all."""
        if not {total, *parts} <= set(columns):
            return []
        rows = zip(*(columns[c] for c in (total, *parts)), strict=True)
        return [row for row in rows if min(row) >= 0]

    def _totals(self, columns: dict[str, np.ndarray]) -> bool:
        """Write down which column of an earlier table may be the sum of all others.

        One called a total is; else the largest for which some row shows it. Return whether it is.
        """
        found = []
        for total in columns if len(columns) > 2 else ():
            rows = self._rows(columns, total, [c for c in columns if c != total])
            how = LIKELY if total.casefold() in TOTALS else GUESSED
            told = np.isfinite([[self.upper[i] for i in row] for row in rows]).all(axis=-1)
            if (how or told.any()) and all(self._adds_up(row[0], row[1:]) for row in rows):
                found.append((how, sum(self.lower[row[0]] for row in rows), rows))
        how, _, rows = max(found, key=lambda one: one[:2], default=(GUESSED, 0, []))
        for row in rows:
            self._sum(row[0], row[1:], inside=True, how=(SURE, how))
        return how == LIKELY

    def _renamed(self) -> None:
        """Take counts of two names for one where they agree on every group that both count.

        Names that stand side by side in a table count different things.
        """
        beside = {pair for blocks, *_ in self.tables for pair in combinations(sorted(blocks), 2)}
        written = {what for blocks, *_ in self.tables for what in blocks}
        named: dict[tuple, dict[str, dict[frozenset, list[int]]]] = {}
        for (place, what, labels), ids in self.index.items():
            shown = [i for i in ids if self.exact[i] == self.exact[i] or self.past[i]]
            if shown and what in written:
                named.setdefault(place, {}).setdefault(what, {})[labels] = shown
        for counts in named.values():
            for names in combinations(sorted(counts), 2):
                one, other = (counts[name] for name in names)
                pairs = [
                    [(i, j) for i in one[labels] for j in other[labels] if self._adds_up(i, [j])]
                    for labels in one.keys() & other.keys()
                ]
                if all(pairs) and names not in beside:
                    for i, j in (pair for found in pairs for pair in found):
                        known = self.exact[i] + self.exact[j]
                        self.sums[(i, j)] = MATCHED if known == known else GUESSED

    def _across(self, rows: list[tuple], columns: Collection[str]) -> None:
        """Find a count elsewhere that is the sum of a table's columns in all rows they share."""
        for what in sorted({what for blocks, *_ in self.tables for what in blocks}):
            found = [
                (total, parts)
                for place, labels, parts in rows
                for total in self.index.get((place, what, labels), ())
                if total not in parts
            ]
            if len(found) > 1 and all(self._adds_up(*sum_) for sum_ in found):
                for total, parts in found:
                    self._sum(total, parts, inside=False, how=(MATCHED, GUESSED))

    def _adds_up(self, total: int, parts: Iterable[int]) -> bool:
        over = self.exact[total] - sum(self.exact[i] for i in parts)
        if over == over:
            return abs(over) < 1e-6
        least, most = (sum(ends[i] for i in parts) for ends in (self.lower, self.upper))
        return least <= self.upper[total] and self.lower[total] <= most

    def _match(self, number: int, place: tuple, parts: list[int], dims: frozenset) -> None:
        total = sum(self.exact[i] for i in parts)
        for i, there, others in self.alike.get((place, total), ()):
            if there != number and dims and others and not dims & others:
                self._sum(i, parts, inside=False, how=(MATCHED, GUESSED))

    def _sum(self, total: int, parts: Iterable[int], *, inside: bool, how=(SURE, LIKELY)) -> None:
        parts = tuple(sorted(parts))
        if total in parts or not parts:
            return
        over = self.exact[total] - sum(self.exact[i] for i in parts)
        if self._adds_up(total, parts):  # an earlier release's numbers: where they may be true
            at = (total, *parts)
            self.sums[at] = max(how[over != over], self.sums.get(at, GUESSED))
        elif over > 0:
            self._remainder(total, parts, False, frozenset())
        elif inside and over < 0:  # groups that overlap: each is a part of the whole by itself
            for part in parts:
                if self.exact[part] <= self.exact[total]:
                    self._remainder(total, [part], False, frozenset())

    def _remainder(self, total: int, parts: Iterable[int], nought: bool, labels: frozenset) -> None:
        """Write down what is left of a total as a number of its own that nobody shows."""
        over = self.exact[total] - sum(self.exact[i] for i in parts)
        at = (self.scope[total], f"{self.title[total]} less {len(list(parts))}", labels)
        i = self._new(at, over, self.width[total])
        nobody = nought and over == 0 and self.exact[total] > 0
        self.secret[i] = nobody or 0 < over < self.width[total]
        self.before[i] = over != over  # an earlier release's: it may be small
        self.sums[(total, *parts, i)] = SURE if over == over else LIKELY
