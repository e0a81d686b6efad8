"""Find which numbers add up: by labels, by columns of a table, or in other tables by name."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from itertools import combinations, permutations, product

import numpy as np

from evidence.release.control.cell_graph import GUESSED, LIKELY, MATCHED, SURE, CellGraph
from evidence.release.control.cell_labels import (
    Group,
    Label,
    Number,
    Place,
    Row,
    margins_of,
    used,
)
from evidence.release.control.column_roles import TOTALS
from evidence.release.control.levels import add_levels

_FEW = 6  # columns of which every choice is tried


def add_unseen(graph: CellGraph) -> None:
    """Add the sums over one label, and what is left of one, that no table shows.

    Only of several places: they may count the same as a group of another one. Of several programmes
    the sums over columns or several labels too.
    """
    if len(set(graph.scope)) < 2:
        return
    if several := len({programme for programme, _ in graph.scope}) > 1:
        _add_columns(graph)
    sums: dict[tuple[Place, str, Group], list[list[int]]] = {}
    for blocks, *_ in graph.tables:
        for what, block in blocks.items():
            for (place, rest, over), parts in margins_of(*block):
                if len(over) > 1 and not several:
                    continue
                exact = sum(graph.exact[i] for i in parts)
                totals = graph.index.get((place, what, rest), ())
                if not totals:
                    sums.setdefault((place, what, rest), []).append(parts)
                for total in totals if len(over) == 1 else ():
                    if graph.exact[total] > exact and total not in graph.unseen:
                        left = (place, what, rest | {(over[0], "")})
                        i = graph.new(left, graph.exact[total] - exact, 0)
                        graph.sums[(total, *sorted(parts), i)] = SURE
    for at, ways in sums.items():
        size = [np.nan_to_num(sum(graph.exact[i] for i in parts)) for parts in ways]
        _new(graph, at, ways[int(np.argmax(size))])  # a table that lacks groups has less
    if several:
        _name_columns(graph)


def _add_columns(graph: CellGraph) -> None:
    """Add what the columns of a table add up to, as a table of a count without a name.

    A column that is named as a total, or is the whole of the others, is what they add up to.
    """
    several = [one for one in graph.tables if 1 < len(one[0]) == len(one[1])]
    wholes = {whole for _, whole in graph.shares}
    for _, columns, places, labels, _, now in several:
        chosen = [c for c in columns if c.casefold() in TOTALS or c in wholes]
        chosen += [c for c in columns if _is_sum_of_others(graph, columns, c)]
        parts = zip(*(columns[c].tolist() for c in chosen[:1] or columns), strict=True)
        rows = [row for row in zip(places, labels, parts, strict=True) if min(row[2]) >= 0]
        sums = [_new(graph, (place, "", row), ids) for place, row, ids in rows]
        for i, (*_, ids) in zip(sums, rows, strict=True):
            graph.sums[(i, *sorted(ids))] = SURE
        there, groups = [place for place, *_ in rows], [row for _, row, _ in rows]
        graph.tables.append(({"": (there, groups, sums)}, {}, there, groups, {}, now))


def _is_sum_of_others(graph: CellGraph, columns: Mapping[str, np.ndarray], total: str) -> bool:
    """Return whether a column is the sum of all others, as far as all are known."""
    rows = _rows(columns, (total, *(other for other in columns if other != total)))
    agree = all(graph.adds_up(row[0], row[1:]) for row in rows)
    return agree and any(graph.are_known(row) for row in rows)


def _name_columns(graph: CellGraph) -> None:
    """Let what columns add up to be a count of each name that may be one of everybody.

    One that some row shows beside a larger count is none.
    """
    names = {what for blocks, *_ in graph.tables for what in blocks} - {""}
    names -= {
        one
        for _, columns, *_ in graph.tables
        for one, other in permutations(columns, 2)
        if any(
            graph.exact[i] < graph.exact[j] or graph.upper[i] < graph.lower[j]
            for i, j in _rows(columns, (one, other))
        )
    }
    unnamed = [(place, row, ids) for (place, what, row), ids in graph.index.items() if not what]
    for what, (place, row, ids) in product(sorted(names), unnamed):
        graph.index.setdefault((place, what, row), ids[:1])


def _new(graph: CellGraph, at: Number, parts: Collection[int]) -> int:
    """Add what numbers add up to, which no table shows."""
    i = graph.new(at, sum(graph.exact[j] for j in parts), 0)
    ends = graph.lower, graph.upper
    graph.lower[i], graph.upper[i] = (sum(end[j] for j in parts) for end in ends)
    graph.unseen.add(i)
    return i


class Sums:
    """Finds the sums of a graph, within and across tables, and adds them to it."""

    def __init__(self, graph: CellGraph) -> None:
        self.graph = graph
        self.beside: dict[str, set[str]] = {}  # names in one table differ in meaning
        for blocks, columns, *_ in graph.tables:  # nor is one what its table's columns add up to
            names = {*blocks, ""} if 1 < len(blocks) == len(columns) else {*blocks}
            for what in names:
                self.beside.setdefault(what, set()).update(names)
        self.named: dict[Place, dict[str, list[Row]]] = {}
        # Of a number in a place: another one may call it otherwise.
        self.labels: dict[tuple[Place, int], Group] = {}
        self.groups: dict[
            tuple[Place, Group, str], set[Label]
        ] = {}  # of one total, by one label, whatever they count
        self.leaving: set[Hashable] = set()  # groups or columns of which some total is more
        self.whole: dict[Hashable, list[tuple[int, Sequence[int]]]] = {}  # and those that are all
        for (place, what, labels), ids in graph.index.items():
            if what in self.beside:
                rows = self.named.setdefault(place, {}).setdefault(what, [])
                rows.append((place, labels, [(i,) for i in ids]))
                self.labels |= {(place, i): labels for i in ids}
                for label in labels:
                    self.groups.setdefault((place, labels - {label}, label[0]), set()).add(label)

    def find(self) -> None:
        """Find them all."""
        graph = self.graph
        for names in self.named.values():
            for what, rows in names.items():
                self._elsewhere(rows, {n for n in names if n > what} - self.beside[what])
        unseen: dict[
            Number, dict[tuple[int, ...], None]
        ] = {}  # sums that no table shows, to their parts
        for number, (blocks, columns, places, labels, declared, now) in enumerate(graph.tables):
            graph.findings += 1
            dims: dict[Place, frozenset[str]] = {}
            lacking: dict[tuple[Place, str, tuple[str, ...]], list[Row]] = {}
            margins: dict[tuple[Place, Group, tuple[str, ...]], list[Sequence[int]]] = {}
            for what, block in blocks.items():
                dims = used(*block[:2])
                for (place, rest, over), parts in margins_of(*block):
                    margins.setdefault((place, rest, over), []).append(parts)
                    totals = graph.index.get((place, what, rest), ())
                    whole = self._whole(place, rest, over, parts)
                    how = (SURE, LIKELY) if whole else (MATCHED, GUESSED)
                    for total in totals:
                        graph.add_sum(total, parts, inside=total in block[2], how=how)
                        graph.add_upper_bound(total, parts)
                        for some in (parts, *([i] for i in parts)) if total in block[2] else ():
                            labels_of = frozenset(self.labels[place, i] - rest for i in some)
                            self._left(total, some, (number, place, over, labels_of))
                    if not graph.unseen.issuperset(totals):
                        continue
                    unseen.setdefault((place, what, rest), {})[tuple(sorted(parts))] = None
                    lacking.setdefault((place, what, over), []).append((place, rest, [parts]))
                    if now and len(over) == 1 and len(parts) > 1:
                        self._match(number, place, parts, dims[place])
            for (place, what, _), rows in lacking.items():
                self._elsewhere(rows, self.named[place].keys() - self.beside[what])
            if len(blocks) > 1 and not self._within(number, columns, declared, now):
                across: dict[tuple[Place, tuple[str, ...]], list[Row]] = {}
                ids = zip(*columns.values(), strict=True)
                for place, rest, row in zip(places, labels, ids, strict=True):
                    if min(row) < 0:
                        continue
                    across.setdefault((place, ()), []).append((place, rest, [row]))
                    if now:
                        self._match(number, place, row, dims[place])
                for place, rest, over in margins:  # of some labels of all columns
                    parts = [i for found in margins[place, rest, over] for i in found]
                    if len(margins[place, rest, over]) == len(columns):
                        across.setdefault((place, over), []).append((place, rest, [parts]))
                for (place, _), found in across.items():
                    self._elsewhere(found, self.named[place])
        for at, ways in unseen.items():  # two tables without totals add up to the same all the same
            sums = [sum(graph.exact[i] for i in way) for way in ways]
            known = [exact for exact in sums if exact >= 0]
            for exact in dict.fromkeys(known or [np.nan]) if len(ways) > 1 else ():
                seen = [i for i in graph.index.get(at, ()) if graph.exact[i] == exact]
                total = seen[0] if seen else graph.new(at, exact, 0)
                for way in ways:
                    if graph.adds_up(total, way):
                        graph.add_sum(total, way, how=(SURE, GUESSED))
        for key, wholes in self.whole.items():
            for total, all_of_it in wholes if key in self.leaving else ():
                graph.leave_nobody(total, all_of_it)
        add_levels(graph, self.named)

    def _left(self, total: int, parts: Sequence[int], key: Hashable) -> None:
        """Note a total of which the same parts as of others leave nobody, or that they leave some.

        Of one table: who has what another one counts may be others.
        """
        over = self.graph.exact[total] - sum(self.graph.exact[i] for i in parts)
        if over > 0:
            self.leaving.add(key)
        elif over == 0:
            self.whole.setdefault(key, []).append((total, parts))

    def _whole(
        self, place: Place, rest: Group, over: tuple[str, ...], parts: Collection[int]
    ) -> bool:
        """Return whether parts are all groups of a total that any table knows, and several."""
        if len(over) > 1:  # of each label that is summed over, all groups are there
            there = set[Label]().union(*(self.labels[place, i] for i in parts))
            return all(self.groups.get((place, rest, name), set()) <= there for name in over)
        known = {rest | {label} for label in self.groups.get((place, rest, over[0]), ())}
        return 1 < len(known) <= len({self.labels[place, i] for i in parts} & known)

    def _within(
        self,
        number: int,
        columns: Mapping[str, np.ndarray],
        declared: Mapping[str, str | Sequence[str]],
        now: bool,
    ) -> bool:
        """Add the sums between columns; return whether one column is the sum of all others.

        They are declared, or found: all others, then, of few columns, any. Of the same columns or
        some of them none other is a total: where some are zero another would do, and both would
        disclose that. What is left of a column named as a total is a remainder.
        """
        given = [(c, parts) for c, parts in declared.items() if not isinstance(parts, str)]
        for total, parts in given:
            if {total, *parts} <= {*columns}:
                for row in _rows(columns, (total, *parts)):
                    self.graph.add_sum(row[0], row[1:], inside=True)
        if given or len(columns) < 3:
            return bool(given)
        size = {c: sum(self.graph.lower[i] for i in ids if i >= 0) for c, ids in columns.items()}
        known, everyone = self.graph.known_as, self.graph.everyone  # labels head no total
        wholes = {whole for _, whole in self.graph.shares}
        order = sorted(
            columns,
            key=lambda c: (
                c.casefold() not in TOTALS,
                c not in wholes,
                c not in everyone,
                -size[c],
                c in known,
            ),
        )
        most = len(columns) - 1
        found: list[set[str]] = []
        added = False
        for many in range(most, 1 if most < _FEW else most - 1, -1):
            for total in order:
                for parts in combinations([c for c in columns if c != total], many):
                    rows = _rows(columns, (total, *parts))
                    whole = many == most
                    named = whole and total.casefold() in TOTALS
                    if any({total, *parts} <= other for other in found):
                        continue
                    agreeing = self._rows_that_agree(rows, rest=named)
                    # Of an earlier table each row may hide a number, so that none shows the sum.
                    if not rows or agreeing < (now or not whole):
                        continue
                    found.append({total, *parts})
                    self.graph.findings += 1
                    likely = whole and (named or agreeing > (total not in wholes))
                    how = SURE if whole else MATCHED, LIKELY if likely else GUESSED
                    for row in rows:
                        self.graph.add_sum(row[0], row[1:], inside=True, how=how)
                        self._left(row[0], row[1:], (number, total, parts))
                    added |= whole and (now or likely)
        return added

    def _rows_that_agree(self, rows: Sequence[tuple[int, ...]], *, rest: bool) -> int:
        """Return in how many rows the first is the sum of the others; −1 where one contradicts.

        With `rest` something may be left.
        """
        graph, agreeing = self.graph, 0
        for total, *parts in rows:
            if graph.adds_up(total, parts):
                agreeing += graph.are_known((total, *parts))
            elif not (rest and graph.exact[total] > sum(graph.exact[i] for i in parts)):
                return -1
        return agreeing

    def _elsewhere(self, rows: Sequence[Row], names: Iterable[str]) -> None:
        """Find counts of another name that numbers add up to wherever both are, by chance or not.

        Of one number it is another name. Some row must show it.
        """
        graph = self.graph
        for what in sorted(names):
            found: list[tuple[int, Sequence[int]]] = []
            for place, labels, ways in rows:
                totals = graph.index.get((place, what, labels), ())
                pairs = [(t, parts) for t in totals for parts in ways if t not in parts]
                fits = [pair for pair in pairs if graph.adds_up(*pair)]
                # A sum that no table shows may be of something else.
                if not fits and any(graph.unseen.isdisjoint((t, *parts)) for t, parts in pairs):
                    break
                found += fits
            else:
                if any(graph.are_known((total, *parts)) for total, parts in found):
                    graph.findings += 1
                    for total, parts in found:
                        graph.add_sum(total, parts, how=(MATCHED, GUESSED))

    def _match(self, number: int, place: Place, parts: Sequence[int], dims: frozenset[str]) -> None:
        """Find a number of a table with other labels that is equal to a sum, by chance or not."""
        total = sum(self.graph.exact[i] for i in parts)
        for i, there, others in self.graph.alike.get((place, total), ()):
            if there != number and dims and others and not dims & others:
                self.graph.add_sum(i, parts, how=(MATCHED, GUESSED))


def _rows(columns: Mapping[str, np.ndarray], names: Iterable[str]) -> list[tuple[int, ...]]:
    """Return the numbers of some columns, of each row that has them all."""
    return [row for row in zip(*(columns[c].tolist() for c in names), strict=True) if min(row) >= 0]
