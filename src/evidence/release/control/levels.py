"""Find the sums down one label column: schools, federations and a county that are all areas.

Only the counts say which groups make up another one: a total is equal to the sum of its parts
wherever all of them are counted. Sums that leave no group in two totals are a hierarchy. Where
several hold, some by chance, counts are hidden against whoever believes any of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import islice

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp

from evidence.release.control.cell_graph import GUESSED, MATCHED, CellGraph
from evidence.release.control.cell_labels import Group, Number, Place, Row

_MANY = 30  # groups up to which every sum is tried; of more, those of neighbouring rows
_ALWAYS = 12  # groups up to which what is not found is not there
_TOO_MANY = 1_000  # sums, most of which would be by chance
_NODES = 100  # of the search for one hierarchy
_GUESSES = 40  # hierarchies that are tried beside the one believed
_YEAR = re.compile(r"(19|20)\d\d")

Sum = tuple[int, tuple[int, ...]]  # a total and its parts, as rows


def add_levels(graph: CellGraph, named: Mapping[Place, Mapping[str, list[Row]]]) -> None:
    """Add the sums down every label column of every place, in `named` by name of the count."""
    for place, names in named.items():
        columns: dict[str, dict[tuple[str, Group], dict[str, int]]] = {}
        for what, rows in names.items():
            for _, labels, ways in rows:
                known = [i for (i,) in ways if graph.exact[i] == graph.exact[i]]
                for column, text in sorted(labels) if known else ():
                    context = what, frozenset(labels - {(column, text)})
                    columns.setdefault(column, {}).setdefault(context, {})[text] = known[0]
        for column, contexts in columns.items():
            if column != "row":
                _add_column(graph, place, contexts)


def _add_column(
    graph: CellGraph, place: Place, contexts: dict[tuple[str, Group], dict[str, int]]
) -> None:
    """Add the sums down one column: those that hold in all contexts with the same groups."""
    alike: dict[tuple[str | bool, ...], list[tuple[tuple[str, Group], list[int]]]] = {}
    for context, groups in contexts.items():
        whole = [i for i in graph.index.get((place, *context), ()) if graph.exact[i] >= 0]
        ids = [*groups.values(), *whole[:1]]
        alike.setdefault((*groups, bool(whole)), []).append((context, ids))
    for found in alike.values():
        values = np.array([[graph.exact[i] for i in ids] for _, ids in found]).T
        if len(values) < 3:
            continue
        if (ways_of := hierarchies(values)) is None:  # every one may be told by the others
            every = [i for _, ids in found for i in ids]
            for i in every if any(graph.secret[i] for i in every) else ():
                graph.secret[i] = True
            continue
        ways: list[list[tuple[int, ...]]] = []
        for hierarchy in ways_of:
            ways.append([])
            for at, (context, ids) in enumerate(found):
                known: dict[int, int] = dict(enumerate(ids))
                for total, parts in hierarchy:
                    if total not in known:  # no table shows it
                        exact = float(values[list(parts), at].sum())
                        known[total] = graph.new((place, *context), exact, 0)
                    ways[-1].append((known[total], *sorted(ids[part] for part in parts)))
        if len(ways) == 1:
            graph.findings += 1
            for one in ways[0]:
                graph.add_sum(one[0], one[1:], how=(MATCHED, GUESSED))
        elif ways:
            graph.hierarchies.append(ways)


def part_from_gone(graph: CellGraph, hidden: Iterable[Iterable[Number]]) -> None:
    """Keep this release's numbers apart from an earlier one's where a hidden group is gone since.

    That a larger group counts as before would tell how few it was. Larger is who lacks its label
    in a column, or is a total there, or as many as one, since only the counts say which of them is
    the sum; any other where there are none, or too many groups to find them all, unless all are
    times.
    """
    groups: dict[tuple[Place, str, Group, str], dict[str, int]] = {}
    for (place, what, row), ids in graph.index.items():
        for column, text in row:
            at = (place, what, row - {(column, text)}, column)
            groups.setdefault(at, {})[text] = ids[0]
    gone = {at for numbers in hidden for at in numbers if at not in graph.index}
    for key in {(*at[:2], at[2] - {label}, label[0]) for at in gone for label in at[2]}:
        if known := groups.get(key):
            ids = [*known.values()]
            ways = hierarchies(np.array([[graph.exact[i]] for i in ids])) or ()
            explained = {part for way in ways[:1] for _, parts in way for part in parts}
            if len(ids) > _ALWAYS and len(explained) < len(ids) - 1:
                ways = ()  # what adds up may be chance, and a total may not be found
            totals = {graph.exact[ids[total]] for way in ways for total, _ in way if total >= 0}
            larger = [text for text, i in known.items() if graph.exact[i] in totals]
            times = all(map(_YEAR.search, known))
            graph.apart |= {key[:3]} | {
                (*key[:2], key[2] | {(key[3], text)}) for text in larger or [*known] * (not times)
            }


def hierarchies(values: np.ndarray) -> list[list[Sum]] | None:
    """Return hierarchies of groups, the one that explains most of them first.

    Parameters
    ----------
    values : ndarray, shape (groups, counts)
        What each group counts. A group of nobody may belong to any total.

    Returns
    -------
    list of list of (int, tuple of int), or None
        Nothing where groups are of several levels and too many to say which is a part of which.
        Total and parts of each sum; a total below zero is that of so many sets of groups, which
        add up to the same, and is no group itself.
    """
    counts = np.ascontiguousarray(values)  # equal counts are asked of again, by reader and table
    return _hierarchies(counts.shape, counts.dtype.str, counts.tobytes())


@lru_cache(maxsize=4096)
def _hierarchies(shape: tuple[int, int], kind: str, held: bytes) -> list[list[Sum]] | None:
    values = np.frombuffer(held, kind).reshape(shape)
    whole = len(values) - 1 - int(values.sum(axis=1)[::-1].argmax())  # "all" is the last one
    if (2 * values[whole] == values.sum(axis=0)).all():  # nobody is counted twice
        return [[(whole, tuple(i for i in range(len(values)) if i != whole))]]
    some = np.flatnonzero(values.any(axis=1))
    empty = tuple(np.flatnonzero(~values.any(axis=1)).tolist())
    sums = [
        (int(some[total]) if total >= 0 else total, tuple(some[list(parts)].tolist()))
        for total, parts in _sums(values[some])
    ]
    found = [_largest(sums, len(values))] if sums else []
    levels = values.sum(axis=0) / np.maximum(values[whole], 1)
    explained = {part for hierarchy in found for _, parts in hierarchy for part in parts}
    several = all(level in (3, 4, 5) for level in levels)
    if several and len(some) > _ALWAYS and len(explained) < len(some) - 1:
        return None
    if not found:
        return []
    totals = {total for total, _ in found[0]}
    known = _follow(sums, found[0], len(values))
    others = [one for one, follows in zip(sums, known, strict=True) if not follows]
    for each in sorted(others, key=lambda one: one[0] not in totals):
        if len(found) > _GUESSES or any(each in one for one in found):
            continue
        other = _largest(sums, len(values), each)
        if not any(_follow(other, one, len(values)).all() for one in found):
            found.append(other)
    placed: dict[Sum, list[Sum]] = {}  # nobody may be a part of any total
    for hierarchy in found if empty else ():
        for total, parts in hierarchy:
            turned = [(parts[0], (total,))] if len(parts) == 1 else []
            rest = [one for one in hierarchy if one != (total, parts)]
            for at, those in [(total, parts), *turned]:
                placed.setdefault((at, those), [*rest, (at, (*those, *empty))])
    return [*found, *placed.values()]


def _follow(sums: list[Sum], others: list[Sum], groups: int) -> np.ndarray:
    """Return which sums are known to whoever knows the others."""
    rows = _matrix(sums, groups)
    _, size, basis = np.linalg.svd(_matrix(others, groups), full_matrices=False)
    basis = basis[size > 1e-9]
    follows: np.ndarray = np.linalg.norm(rows - rows @ basis.T @ basis, axis=1) < 1e-6
    return follows


def _sums(values: np.ndarray) -> list[Sum]:
    """Return every sum of groups that is equal to another one, or to a whole share of all."""
    weights = np.random.default_rng(0).integers(1, 2**30, values.shape[1])
    keys = values.astype("int64") @ weights
    for find in (_any, _neighbours)[len(keys) > _MANY :]:
        found = [*islice(_equal(values, keys, find), _TOO_MANY)]
        if len(found) < _TOO_MANY:  # else most of them are by chance
            break
    explained = {part for _, parts in found for part in parts}
    for many in range(2, 6) if len(explained) < len(keys) - 1 else ():
        share = [] if keys.sum() % many else find(keys, keys.sum() // many)
        sets = [(-many, parts) for parts in islice(share, _TOO_MANY) if len(parts) > 1]
        if sets and sum(len(parts) for _, parts in _largest(sets, len(keys))) == len(keys):
            found += sets
    return found


def _equal(
    values: np.ndarray,
    keys: np.ndarray,
    find: Callable[[np.ndarray, int], Iterator[tuple[int, ...]]],
) -> Iterator[Sum]:
    """Give each sum of groups that is equal to another one; of two equal ones the first is it."""
    for total, key in enumerate(keys):
        for parts in find(keys, key):
            several = total not in parts and len(parts) + (total < parts[0]) > 1
            if several and (values[list(parts)].sum(axis=0) == values[total]).all():
                yield total, parts


def _any(keys: np.ndarray, wanted: int) -> Iterator[tuple[int, ...]]:
    """Give each set of groups whose keys add up; each half of them is tried by itself."""
    half = len(keys) // 2
    left, right = (_subsets(part) for part in (keys[:half], keys[half:]))
    order = np.argsort(right, kind="stable")
    first, last = (
        np.searchsorted(right[order], wanted - left, side=side) for side in ("left", "right")
    )
    for at in np.flatnonzero(last > first):
        for other in order[first[at] : last[at]]:
            bits = int(at) | int(other) << half
            yield tuple(i for i in range(len(keys)) if bits >> i & 1)


def _subsets(keys: np.ndarray) -> np.ndarray:
    sums = np.zeros(1, dtype="int64")
    for key in keys:
        sums = np.concatenate([sums, sums + key])
    return sums


def _neighbours(keys: np.ndarray, wanted: int) -> Iterator[tuple[int, ...]]:
    """Give each run of several neighbouring groups whose keys add up."""
    sums = np.concatenate([[0], keys.cumsum()])
    last = np.searchsorted(sums, sums + wanted)
    for first, end in enumerate(last):
        if first + 1 < end < len(sums) and sums[end] - sums[first] == wanted:
            yield tuple(range(first, end))


def _largest(sums: list[Sum], groups: int, given: Sum | None = None) -> list[Sum]:
    """Return sums, no group in two of them, that explain most groups; of those, most sums."""
    holds = np.zeros((groups, len(sums)))
    for at, (_, parts) in enumerate(sums):
        holds[list(parts), at] = 1
    least = np.array([float(one == given) for one in sums])
    chosen = milp(
        -holds.sum(axis=0) - 0.01,
        constraints=LinearConstraint(holds, -np.inf, 1),
        bounds=Bounds(least, 1),
        integrality=np.ones(len(sums)),
        options={"node_limit": _NODES},
    ).x
    if chosen is None:
        return [given] if given else []
    return [one for one, x in zip(sums, chosen, strict=True) if x > 0.5]


def _matrix(sums: list[Sum], groups: int) -> np.ndarray:
    rows = np.zeros((len(sums), groups + 5))  # the last columns are totals that no table shows
    for row, (total, parts) in zip(rows, sums, strict=True):
        row[list(parts)], row[total] = 1, -1
    return rows
