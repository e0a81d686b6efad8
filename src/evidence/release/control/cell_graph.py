"""Every number in the tables of releases: which cells are one number, what is known of each."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from evidence.data.rules import Rules
from evidence.release.control.cell_labels import (
    PLACE,
    Block,
    Group,
    Number,
    Place,
    group_labels,
    stack,
    used,
)
from evidence.release.control.column_roles import TOTALS, Roles
from evidence.release.control.disclosure import Safe
from evidence.release.control.published_tables import alike, described, interval, shares

# How sure a sum is: by labels and true counts; by labels, of hidden counts; by true counts, which
# may agree by chance; only not ruled out.
SURE, LIKELY, MATCHED, GUESSED = 3, 2, 1, 0

# Rows of each count, numbers of each column, each row's place and labels, margins, of this release?
Table = tuple[
    dict[str, Block],
    Mapping[str, np.ndarray],
    Sequence[Place],
    Sequence[Group],
    Mapping[str, Any],
    bool,
]


class CellGraph:
    """Every number of the releases, what is known of it, and the sums."""

    def __init__(self) -> None:
        self.lower: list[float] = []
        self.upper: list[float] = []
        self.exact: list[float] = []  # NaN for what only an earlier release had
        self.width: list[float] = []
        self.least: list[float] = []  # known where it is hidden: 1 where a zero is shown
        self.harmless: list[bool] = []  # the rules allow its being zero to be known
        self.secret: list[bool] = []  # hidden in this release by some table
        self.before: list[bool] = []  # hidden by a release before
        self.current: list[bool] = []  # shown in this release by some table
        self.past: list[bool] = []  # shown by a release before
        self.beside: list[int] = []  # rows of statistics that go where it is hidden
        self.scope: list[Place] = []
        self.title: list[str] = []
        self.shown: dict[int, float] = {}  # as rounded, for the texts
        self.index: dict[Number, list[int]] = {}
        self.unseen: set[int] = set()  # sums that no table shows
        self.apart: set[Number] = set()  # not the number that an earlier release showed as such
        self.twins: dict[int, set[int]] = {}  # shown or hidden together
        self.places: dict[str, dict[str, np.ndarray]] = {}
        self.scopes: dict[str, set[Place]] = {}
        self.tables: list[Table] = []
        self.alike: dict[tuple[Place, float], list[tuple[int, int, frozenset[str]]]] = {}
        self.sums: dict[tuple[int, ...], int] = {}  # total and parts, to how sure it is
        self.left: dict[tuple[int, ...], int] = {}  # total and parts, to what is left
        self.everybody = False  # whether a part that is everybody is a secret
        self.finding: dict[tuple[int, ...], int] = {}  # sums that were found together
        self.findings = 0
        self.of_two_hubs: list[tuple[Place, Place]] = []  # may be of the same pupils, and hide some
        self.hierarchies: list[list[list[tuple[int, ...]]]] = []  # of a label column: each way
        self.shares: dict[
            tuple[str, str], set[Place]
        ] = {}  # of a percentage's counts: in which places
        self.everyone: set[str] = set()  # names of counts of everybody
        self.known_as: dict[str, dict[str, str]] = {}  # label: its column to what is counted

    # Numbers --------------------------------------------------------------------------------

    def learn_labels(self, tables: Iterable[tuple[pd.DataFrame, pd.DataFrame]]) -> None:
        """Note what the labels of each table count: elsewhere they may head columns.

        What is the only count of some table, or the whole of others, is no label: of several such
        it is the largest. A table that has none waits until it is known what its columns' heads are
        labels of; where nothing says so, it counts what the others do. Where that is wrong,
        `_elsewhere` puts it right.
        """
        waiting = [
            (labels.drop(columns=[*PLACE], errors="ignore"), counts)
            for labels, counts in tables
            if len(counts.columns)
        ]
        waiting.sort(key=lambda pair: len(pair[1].columns))
        texts = {text for labels, _ in waiting for c in labels for text in labels[c].unique()}
        sure = [c for c in self._sure([counts for _, counts in waiting]) if c not in texts]
        self.everyone = {*sure}
        while waiting:
            known = [self._counted(counts, sure) for _, counts in waiting]
            if not any(known):
                known[0] = sure[0] if sure else "n"
            for what, (labels, _) in zip(known, waiting, strict=True):
                if not what:
                    continue
                for column in labels:
                    for text in labels[column].unique():
                        self.known_as.setdefault(text, {}).setdefault(column, what)
            waiting = [pair for pair, what in zip(waiting, known, strict=True) if not what]

    def _sure(self, tables: Collection[pd.DataFrame]) -> list[str]:
        """Return names that are no labels: of single counts, of wholes; else of what is largest."""
        found = [one.columns[0] for one in tables if len(one.columns) == 1]
        found += [whole for _, whole in self.shares]
        largest = [(one, one.sum().idxmax()) for one in tables] if not found else []
        return found or [c for one, c in largest if not one.gt(one[c], axis=0).any(axis=None)]

    def _counted(self, counts: pd.DataFrame, sure: Collection[str]) -> str | None:
        """Return what a table counts; nothing where labels head its columns and are not known."""
        if names := [c for c in counts if c in sure]:
            largest: str = counts[names].sum().idxmax()
            return largest
        return next((what for what, at in self._heads(counts.columns).values() if at), None)

    def _heads(self, columns: Collection[str]) -> dict[str, tuple[str, Group]]:
        """Return what each column counts, and the label that it is the column of."""
        found: dict[str, tuple[str, Group]] = {c: (c, frozenset()) for c in columns}
        known = {c: [*self.known_as.get(c, {}).items()] for c in columns}
        headed = {c: found[0] for c, found in known.items() if len(found) == 1}
        if len(columns) > 1 and len({what for _, what in headed.values()}) == 1:
            for column, (dimension, what) in headed.items():
                found[column] = (what, frozenset({(dimension, column)}))
            counted = {what for names in self.known_as.values() for what in names.values()}
            for column in columns:
                if column.casefold() in TOTALS:
                    found[column] = (what, frozenset())
                elif not known[column] and column not in counted:  # a label of this table only
                    found[column] = (what, frozenset({(dimension, column)}))
        return found

    def add_shares(self, name: str, labels: pd.DataFrame, pairs: Iterable[tuple[str, str]]) -> None:
        """Know of which counts a table has percentages, and in which places."""
        places, _ = group_labels(name, labels, {})
        for pair in pairs:
            self.shares.setdefault(pair, set()).update(places)

    def add_current(self, name: str, safe: Safe) -> None:
        """Take up a table of this release."""
        cells, table = safe._cells, safe._table
        places, labels = group_labels(name, cells.labels, cells.roles.margins)
        self.places[name], self.scopes[name] = {}, set(places)
        # A mean of 4.4118 is that of 34 pupils, not of 33 or 35: its count is as good as shown.
        parts = {part for part, _ in cells.roles.percentages.values()}
        beside = table[list(cells.roles.statistics)].notna().any(axis=1)
        for column, (what, label) in self._heads(cells.exact.columns).items():
            amount = column in cells.roles.totals
            never_zero = not (cells.rules.zeros_disclosive or amount or column in parts)
            ids = np.full(len(table), -1)
            seen = table[column] if column in table else cells.exact[column].where(beside)
            values = (cells.exact[column], cells.hidden[column], seen, beside)
            for row, (exact, hidden, rounded, betrayed) in enumerate(zip(*values, strict=True)):
                if exact != exact:
                    continue
                at = (places[row], what, labels[row] | label)
                twin = [i for i in self.index.get(at, ()) if self.exact[i] == exact]
                width = max(cells.rules.threshold, cells.rules.dominance_p * exact * amount)
                width *= cells.rules.zeros_disclosive or exact != 0  # a zero may be shown
                ids[row] = i = twin[0] if twin else self.new(at, exact, width)
                self.least[i] = max(self.least[i], never_zero and exact != 0)
                self.harmless[i] |= not cells.rules.zeros_disclosive
                self.secret[i] |= hidden
                if not hidden and rounded == rounded:
                    bounds = interval(rounded, cells.rules, amount=amount)
                    self._know(i, *((exact, exact) if betrayed and not amount else bounds))
                    self.current[i], self.shown[i] = True, rounded
                    self.beside[i] += betrayed
            self.places[name][column] = ids
        heads = self._heads(cells.exact.columns)
        blocks = stack(places, labels, self.places[name], heads)
        self.tables.append((blocks, self.places[name], places, labels, cells.roles.margins, True))
        own = {pair: np.ones(len(table), dtype=bool) for pair in cells.roles.percentages.values()}
        zero = cells.rules.full_disclosive
        self.everybody |= zero and cells.rules.zeros_disclosive
        self._add_lacking(blocks, self.places[name], places, labels, own, zero=zero)

    def hidden_earlier(self, name: str, frame: pd.DataFrame, now: Safe | None) -> Iterator[Number]:
        """Give place, name and labels of each number that an earlier table hid."""
        same = alike(frame, now)
        roles = same._cells.roles if same else Roles()
        texts, counts = described(frame, now)
        places, labels = group_labels(name, texts, roles.margins)
        for column, (what, label) in self._heads(counts.columns).items():
            for row in np.flatnonzero(frame[f"{column}_symbol"] == "c"):
                yield places[row], what, labels[row] | label

    def add_earlier(self, name: str, frame: pd.DataFrame, rules: Rules, now: Safe | None) -> None:
        """Take up a table as an earlier release showed it."""
        now = alike(frame, now)
        roles = now._cells.roles if now else Roles()
        texts, counts = described(frame, now)
        places, labels = group_labels(name, texts, roles.margins)
        columns = {}
        parts = dict.fromkeys([*shares(frame, counts), *roles.percentages.values()])
        for column, (what, label) in self._heads(counts.columns).items():
            ids = np.full(len(frame), -1)
            amount = column in roles.totals
            never_zero = not (rules.zeros_disclosive or amount or column in {c for c, _ in parts})
            cells = zip(frame[column], frame[f"{column}_symbol"], strict=True)
            for row, (value, symbol) in enumerate(cells):
                at = (places[row], what, labels[row] | label)
                known = list(self.index.get(at, ()))
                if value == value:
                    low, high = interval(value, rules, amount=amount)
                    same = at not in self.apart
                    fits = [i for i in known if same and self._fits(i, low, high)]
                    ids[row] = i = fits[0] if fits else self.new(at, np.nan, rules.threshold)
                    self._know(i, low, high)
                    self.past[i] = True
                    for j in known if not fits else ():
                        self.hide_changed(i, j)
                        self.secret[j] |= not same and self.current[j]
                elif symbol == "c":
                    known.sort(key=lambda i: not self.secret[i])
                    ids[row] = i = known[0] if known else self.new(at, np.nan, rules.threshold)
                    self.before[i] = True
                    self.harmless[i] |= not rules.zeros_disclosive
                    self.least[i] = max(self.least[i], never_zero and self.exact[i] != 0)
            columns[column] = ids
            hidden = ids[(frame[f"{column}_symbol"] == "c").to_numpy() & (ids >= 0)].tolist()
            if any(self.exact[i] != self.exact[i] for i in hidden):  # a group that is gone since
                for i in hidden:
                    self.secret[i] |= self.current[i]
        if now and roles.behind:
            self._hide_changed_rates(name, frame, zip(places, labels, strict=True), now)
        blocks = stack(places, labels, columns, self._heads(counts.columns))
        own = {(part, whole): frame[f"{part}_symbol"] == "c" for part, whole in parts}
        self._add_lacking(blocks, columns, places, labels, own, zero=True)
        self.tables.append((blocks, columns, places, labels, roles.margins, False))

    def _add_lacking(
        self,
        blocks: dict[str, Block],
        columns: Mapping[str, np.ndarray],
        places: Sequence[Place],
        labels: Sequence[Group],
        own: Mapping[tuple[str, str], Iterable[bool]],
        *,
        zero: bool,
    ) -> None:
        """Add who lacks what a percentage is of; of the table's own, in which rows it is a secret.

        They add up over labels as their whole does, and where only another place shows a share.
        """
        theirs = {
            pair for pair, there in self.shares.items()
            if {*pair} <= {*columns} and not there <= {*places}
        }  # fmt: skip
        for part, whole in sorted(own.keys() | theirs):
            lack = f"{whole} less {part}"
            block = blocks.setdefault(lack, ([], [], []))
            secret = own.get((part, whole), np.zeros(len(labels), dtype=bool))
            rows = zip(places, labels, columns[whole], columns[part], secret, strict=True)
            for place, row, i, j, kept in rows:
                if i >= 0 and j >= 0:
                    k = self._remainder(int(i), [int(j)], zero, row, lack)
                    self.secret[k] &= bool(kept)
                    self.before[k] &= bool(kept)
                    block[0].append(place)
                    block[1].append(row)
                    block[2].append(k)

    def hide_changed(self, i: int, j: int) -> None:
        """Hide a count of this release of which another one shows that few left or joined."""
        i, j = (j, i) if self.exact[i] == self.exact[i] else (i, j)
        over = max(self.lower[i] - self.exact[j], self.exact[j] - self.upper[i])
        self.secret[j] |= over < self.width[j]

    def _hide_changed_rates(
        self, name: str, frame: pd.DataFrame, rows: Iterable[tuple[Place, Group]], now: Safe
    ) -> None:
        """Hide rates that are not those of an earlier release by what few pupils make.

        Their counts do not leave, and who left or joined is the difference between two of them.
        """
        cells, table = now._cells, now._table
        count, value = cells.roles.counts[0], cells.roles.statistics[0]
        shown = dict(zip(rows, zip(frame[count], frame[value], strict=True), strict=True))
        few = cells.rules.threshold + cells.rules.base
        groups = zip(*group_labels(name, cells.labels, cells.roles.margins), strict=True)
        for row, group in enumerate(groups):
            n, before = shown.get(group, (np.nan, np.nan))
            changed = abs(before / (table[value][row] or 1e-9) - 1) * cells.exact[count][row]
            if 0 < changed < few and not abs(n - cells.exact[count][row]) >= few:
                for ids in self.places[name].values():
                    self.secret[ids[row]] |= ids[row] >= 0

    def pair_equal_numbers(self) -> None:
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

    def new(self, at: Number, exact: float, width: float) -> int:
        """Take up a number of a place, a name and labels that nobody knows yet."""
        i = len(self.lower)
        for values, value in (
            (self.lower, 0.0), (self.upper, np.inf), (self.exact, exact), (self.width, width),
            (self.least, 0.0),
        ):  # fmt: skip
            values.append(value)
        for flags in (self.harmless, self.secret, self.before, self.current, self.past):
            flags.append(False)
        self.beside.append(0)
        self.scope.append(at[0])
        self.title.append("/".join([*filter(None, at[0]), at[1], *(v for _, v in sorted(at[2]))]))
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

    def adds_up(self, total: int, parts: Iterable[int]) -> bool:
        """Return whether numbers add up to another, or may, where one of them is not known."""
        over = self.exact[total] - sum(self.exact[i] for i in parts)
        if over == over:
            return abs(over) < 1e-6
        least, most = (sum(ends[i] for i in parts) for ends in (self.lower, self.upper))
        return least <= self.upper[total] and self.lower[total] <= most

    def are_known(self, numbers: Iterable[int]) -> bool:
        """Return whether numbers are known, if only as rounded."""
        return all(self.exact[i] == self.exact[i] or np.isfinite(self.upper[i]) for i in numbers)

    def add_sum(
        self,
        total: int,
        parts: Iterable[int],
        *,
        inside: bool = False,
        how: tuple[int, int] = (SURE, LIKELY),
    ) -> None:
        """Add that numbers add up to another, or what they leave of it.

        Parameters
        ----------
        total, parts
            Numbers.
        inside : bool
            Whether they are in one table.
        how : tuple of int
            How sure it is where all true numbers are known, and where some are not.
        """
        parts = tuple(sorted(parts))
        if total in parts or not parts:
            return
        over = self.exact[total] - sum(self.exact[i] for i in parts)
        if self.adds_up(total, parts):  # an earlier release's numbers: where they may be true
            at = (total, *parts)
            self.sums[at] = max(how[over != over], self.sums.get(at, GUESSED))
            self.finding.setdefault(at, self.findings)
        elif over > 0:
            self._remainder(total, parts, False, frozenset())
        elif inside and over < 0:  # groups that overlap: each is a part of the whole by itself
            for part in parts:
                if self.exact[part] <= self.exact[total]:
                    self._remainder(total, [part], False, frozenset())

    def leave_nobody(self, total: int, parts: Iterable[int]) -> None:
        """Take it that others than the parts are of a total, and that they are none.

        Parameters
        ----------
        total, parts
            Numbers of which the total is the whole, or the largest, of all parts.
        """
        at = (total, *sorted(parts))
        if not self.everybody or self.exact[total] <= 0:
            return
        if self.sums.pop(at, None) is not None:
            self._remainder(total, at[1:], True, frozenset())
        elif at in self.left:
            self.secret[self.left[at]] = True

    def add_upper_bound(self, total: int, parts: Iterable[int]) -> None:
        """Add that a total is no less than parts of it, of which some are not known."""
        parts = tuple(sorted(parts))
        over = self.exact[total] - sum(self.exact[i] for i in parts)
        if self.sums.get((total, *parts), GUESSED) >= LIKELY or over == over:
            return
        if sum(self.lower[i] for i in parts) <= self.upper[total]:
            rest = self.new((self.scope[total], f"{self.title[total]} less", frozenset()), over, 0)
            self.sums[(total, *parts, rest)] = LIKELY

    def _remainder(
        self, total: int, parts: Sequence[int], zero: bool, labels: Group, name: str = ""
    ) -> int:
        """Add what is left of a total as a number of its own that nobody shows."""
        over = self.exact[total] - sum(self.exact[i] for i in parts)
        at = (self.scope[total], name or f"{self.title[total]} less {len(parts)}", labels)
        i = self.new(at, over, self.width[total])
        nobody = zero and over == 0 and self.exact[total] > 0
        self.secret[i] = nobody or 0 < over < self.width[total]
        self.before[i] = over != over  # an earlier release's: it may be small
        self.harmless[i] = self.harmless[total]
        self.sums[(total, *parts, i)] = SURE if over == over else LIKELY
        self.left[(total, *parts)] = i
        return i
