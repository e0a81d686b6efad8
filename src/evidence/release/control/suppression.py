"""Complementary suppression over all tables of a release, and against earlier releases.

A hidden count must not be worked out from what is shown. `complete` lists what anybody may put
together, and `cell_selection.close` hides the fewest further cells that keep each hidden count's
range at least as wide as the threshold:

- *The same number in several places.* Cells of one programme and cohort with the same column and
  the same labels are one number; a label that means everybody ("all") counts as no label. Tables
  that have no label column in common (participant flow, balance, effects) are compared by value:
  equal counts are taken for the same number.
- *Sums.* Over each label column, rows that agree in the other labels add up to the cell without
  that label, in whichever table it is; a column adds up to the one named in ``margins`` or
  found to be the sum of all others; a part and its remainder add up to the whole of a percentage.
  Where the parts leave somebody over, that remainder is a hidden number too.
- *Rounding.* A published count is known to lie in the interval that rounds to it and not below the
  threshold; a hidden one is known to be 0 or more. A count beside a statistic, which may betray it,
  is taken as known exactly.
- *Earlier releases.* What they showed stays known, and what they hid stays hidden: a number keeps
  its identity as long as its value fits what was shown. A cell shown before is never a candidate.

Sums are believed only where the true counts agree with them. Where an earlier release hid a count,
they are believed as long as some counts fit them all. Nobody can say which of them a reader
believes: one who knows that two counts are equal by chance knows less. So counts are hidden against
whoever believes all, and then against those who believe fewer.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, cycle

import numpy as np
import pandas as pd
from scipy import sparse

from evidence.data.rules import Rules
from evidence.release.control.bounds import SLACK, System
from evidence.release.control.cell_graph import GUESSED, LIKELY, MATCHED, SURE, CellGraph
from evidence.release.control.cell_selection import Closed, close
from evidence.release.control.disclosure import Safe
from evidence.release.control.levels import part_from_gone
from evidence.release.control.margins import Sums, add_unseen
from evidence.release.control.populations import add_equal
from evidence.release.control.published_tables import described, shares

_FIRM = ({SURE, LIKELY, MATCHED}, {SURE, LIKELY}, {SURE, MATCHED}, {SURE})


def complete(
    safes: Mapping[str, Safe],
    *,
    earlier: Iterable[tuple[Rules, Mapping[str, pd.DataFrame]]] = (),
    effort: int = 500,
) -> tuple[dict[str, Safe], tuple[str, ...]]:
    """Hide what is needed so that no hidden count of a release can be worked out.

    Parameters
    ----------
    safes : mapping
        Every table of the release: ``"<kind>/<programme>/<cohort>[/<name>]"``, or any name for a
        table whose columns say its programme and cohort, to what `protect` made.
    earlier : iterable of (Rules, mapping), optional
        Earlier releases: the rules of each and its tables as they were published. A column with a
        companion ``<column>_symbol`` is a count.
    effort : int
        How many searches for the fewest cells are made; see `cell_selection.close`. It is no time:
        the same tables are the same release on any machine, however busy.

    Returns
    -------
    safes : dict
        The same names; tables in which nothing more had to be hidden are the same objects.
    notes : tuple of str
        Counts that earlier releases already disclosed, or that chance may tell beside them; nothing
        can be done in this one.
    """
    graph, earlier = CellGraph(), list(earlier)
    for name, safe in safes.items():
        graph.add_shares(name, safe._cells.labels, safe._cells.roles.percentages.values())
    for name, frame in chain(*(tables.items() for _, tables in earlier)):
        labels, counts = described(frame, safes.get(name))
        graph.add_shares(name, labels, shares(frame, counts))
    graph.learn_labels(
        [
            *((safe._cells.labels, safe._cells.exact) for safe in safes.values()),
            *(described(f, safes.get(n)) for _, tables in earlier for n, f in tables.items()),
        ]
    )
    for name, safe in safes.items():
        graph.add_current(name, safe)
    graph.pair_equal_numbers()
    frames = ((name, frame) for _, tables in earlier for name, frame in tables.items())
    part_from_gone(graph, (graph.hidden_earlier(n, frame, safes.get(n)) for n, frame in frames))
    for rules, tables in earlier:
        for name, frame in tables.items():
            graph.add_earlier(name, frame, rules, safes.get(name))
    if not graph.lower:  # nobody is counted
        return dict(safes), ()
    add_unseen(graph)
    add_equal(graph)
    Sums(graph).find()
    turns = iter(range(effort))
    seen: list[tuple[frozenset[tuple[int, ...]], Closed]] = []
    hidden: set[int] = set()
    exposed: set[int] = set()
    guessed: set[int] = set()
    readers, quiet = [*_readers(graph)], 0
    # What one reader's sums hide, another's must not tell.
    for turn, sums in enumerate(cycle(readers)):
        if quiet == len(readers):
            break
        before = len(hidden)
        hidden, known = _solve(graph, sums, hidden, turns, seen)
        quiet = quiet + 1 if len(hidden) == before else 1
        if not turn:
            readers += _without_a_chance(graph, sums, seen[0][1].open_)
        # No guess is held against an earlier release, and no chance against this one; where there
        # is none, but a hub that may still be refused, what a guess tells counts.
        least = SURE if not earlier else LIKELY if safes else GUESSED
        if all(graph.sums.get(at, GUESSED) >= least for at in sums):
            exposed |= known
        else:  # that nobody is in a group is all that chance tells in a release by itself
            guessed |= {i for i in known if graph.exact[i] > 0}
    found = dict(safes)
    for name, safe in safes.items():
        columns = {c: np.isin(ids, [*hidden]) for c, ids in graph.places[name].items()}
        if any(flags.any() for flags in columns.values()):
            near = [i for i in hidden if graph.scope[i] in graph.scopes[name]]
            gone = frozenset(graph.shown[i] for i in near if i in graph.shown)
            found[name] = safe.hiding(columns, gone)
    notes = [
        f"{graph.title[i]}: an earlier release discloses it too closely" for i in sorted(exposed)
    ]
    for one, other in graph.of_two_hubs if not safes else ():
        notes.append(f"{'/'.join(one)}: may be the pupils of {'/'.join(other)}, some are hidden")
    titles = sorted({graph.title[i] for i in guessed - exposed})
    if titles:
        notes.append(
            f"{titles[0]}{f' and {len(titles) - 1} more' * (len(titles) > 1)}: whoever takes equal "
            "counts for the same pupils works it out; nothing more that could be hidden helps"
        )
    return found, tuple(dict.fromkeys(notes))


def _readers(graph: CellGraph) -> Iterator[list[tuple[int, ...]]]:
    """Give the sums that readers may believe: the firm ones, then hierarchies, then guesses.

    Of the firm ones those that hang together with a hierarchy or a guess are enough: the rest is as
    it was without them. Guesses that touch nothing of one another are believed in one go.
    """
    firm = _that_fit(graph, [at for at, how in graph.sums.items() if how > GUESSED])
    for levels in _FIRM:
        yield [at for at in firm if graph.sums[at] in levels]
    part = _parts(graph, firm)
    beside: dict[int, list[tuple[int, ...]]] = {}
    for at in firm:
        beside.setdefault(part[at[0]], []).append(at)

    def believed(some: Sequence[tuple[int, ...]]) -> list[tuple[int, ...]]:
        near = dict.fromkeys(part[i] for at in some for i in at)
        sums = chain(*(beside.get(one, ()) for one in near), some)
        return _that_fit(graph, list(dict.fromkeys(sums)))

    for turn in range(max(map(len, graph.hierarchies), default=0)):
        chosen = [ways[turn if turn < len(ways) else 0] for ways in graph.hierarchies]
        yield believed([*chain(*chosen)])
    guesses: dict[int, list[tuple[int, ...]]] = {}
    for at, how in graph.sums.items():
        if how == GUESSED:
            guesses.setdefault(graph.finding[at], []).append(at)
    if guesses:
        yield believed([*chain(*guesses.values())])
    apart: list[tuple[set[int], list[tuple[int, ...]]]] = []
    for some in guesses.values():
        touched = {part[i] for at in some for i in at}
        free = next((one for one in apart if one[0].isdisjoint(touched)), None)
        if free is None:
            apart.append((touched, [*some]))
        else:
            free[0].update(touched)
            free[1].extend(some)
    for _, some in apart:
        yield believed(some)


def _without_a_chance(
    graph: CellGraph, firm: Sequence[tuple[int, ...]], told: Iterable[int]
) -> Iterator[list[tuple[int, ...]]]:
    """Give the firm sums without one that agrees by chance and alone tells a number.

    Whoever believes that one knows it anyway; who does not must not know it by the others.
    """
    part = _parts(graph, firm)
    for number in told:
        near = [at for at in firm if part[at[0]] == part[number]]
        by = np.array([graph.finding[at] if graph.sums[at] == MATCHED else -1 for at in near])
        whole = _system(graph, near, ())
        whole.hide(np.flatnonzero(np.isfinite(whole.price)))
        cells, some = np.unique(whole.sums.indices), np.diff(whole.sums.indptr) > 0
        at = np.searchsorted(cells, [number])
        for chance in np.unique(by[by >= 0]):
            system = whole.part(cells)
            system.sums = system.sums[by[some] != chance]
            system.exact_ranges(at)
            if (system.high - system.low >= system.width - SLACK)[at].all():
                yield [one for one, other in zip(near, by, strict=True) if other != chance]


def _parts(graph: CellGraph, sums: Sequence[tuple[int, ...]]) -> list[int]:
    """Return, of each number, which of those that hang together by sums it belongs to."""
    matrix = _matrix(sums, len(graph.lower))
    links = sparse.block_array([[None, matrix.T], [matrix, None]])
    found: list[int] = sparse.csgraph.connected_components(links, directed=False)[1].tolist()
    return found


def _that_fit(graph: CellGraph, sums: list[tuple[int, ...]]) -> list[tuple[int, ...]]:
    """Return the sums without those that cannot hold together, the least sure first."""
    unknown = {i for at in sums for i in at if graph.exact[i] != graph.exact[i]}
    if not unknown:
        return sums  # the true counts fit them
    part = _parts(graph, sums)
    open_ = {part[i] for i in unknown}
    doubtful = [at for at in sums if part[at[0]] in open_]
    if not _conflicts(graph, doubtful, true=True):
        return sums
    wrong = {*_conflicts(graph, doubtful)}
    return [at for at in sums if at not in wrong]


def _conflicts(
    graph: CellGraph, sums: list[tuple[int, ...]], *, true: bool = False
) -> list[tuple[int, ...]]:
    """Return the sums that must give way for some numbers, or the `true` ones, to fit the others.

    Numbers that were hidden by an earlier release and are not counted now may be what they like.
    """
    system = _system(graph, sums, ())
    cells = np.unique(system.sums.indices)
    part = system.part(cells)
    if true:
        exact = np.array(graph.exact, float)[cells]
        known = np.isfinite(exact)
        if ((exact < part.lower - SLACK) | (exact > part.upper + SLACK))[known].any():
            return sums
        part.lower[known] = part.upper[known] = exact[known]
    how = np.array([graph.sums.get(at, GUESSED) for at in sums])
    return [sums[at] for at in part.conflicting_sums(10.0**how, how == SURE)]


def _system(graph: CellGraph, sums: Sequence[tuple[int, ...]], hidden: Iterable[int]) -> System:
    """Return the numbers as somebody knows them who believes the sums, some numbers hidden."""
    n = len(graph.lower)
    flags = (graph.secret, graph.before, graph.current, graph.past)
    secret, before, current, past = (np.array(flag, dtype=bool) for flag in flags)
    known = past | (current & ~secret)
    exact, width, least = (np.array(v, float) for v in (graph.exact, graph.width, graph.least))
    # The fewest cells and results; of equally many the smaller counts.
    lost = [sum(map(graph.beside.__getitem__, {i, *graph.twins.get(i, ())})) for i in range(n)]
    price = 1 + np.array(lost) + 0.2 * exact.argsort().argsort() / max(n, 1)
    system = System(
        _matrix(sums, n),
        np.where(known, graph.lower, least),
        np.where(known, graph.upper, np.inf),
        least,
        np.where((secret | before) & ~known, width, 0.0),
        np.where(current & known & ~past & (exact != 0), price, np.inf),  # a zero shown stays
        width,
    )
    system.hide(np.array(sorted(hidden), dtype=int))
    return system


def _solve(
    graph: CellGraph,
    sums: Sequence[tuple[int, ...]],
    gone: set[int],
    turns: Iterator[int],
    seen: list[tuple[frozenset[tuple[int, ...]], Closed]],
) -> tuple[set[int], set[int]]:
    """Return the numbers to hide, those that are gone among them, and those that stay exposed.

    What was wide enough for whoever believes these sums and more is so again, and what could not be
    helped where fewer are believed cannot be here: `seen` has them, and is added to.
    """
    system, believed = _system(graph, sums, gone), frozenset(sums)
    for other, closed in seen:
        if believed <= other:
            system.need[closed.wide] = 0
        if believed >= other:
            system.need[closed.beyond] = 0
    secret = [i for i, flag in enumerate(graph.secret) if flag]
    hidden = gone | {i for i in secret if graph.current[i] and not graph.past[i]}
    exposed = {i for i in secret if graph.past[i]}
    while True:
        closed = close(system, turns)
        seen.append((believed, closed))
        harmless = np.array(graph.harmless)[closed.open_] & (system.high[closed.open_] <= SLACK)
        system.exact_ranges(closed.open_[harmless])  # they may be known to be zero
        harmless &= system.high[closed.open_] <= SLACK
        exposed |= {*closed.open_[~harmless].tolist()}
        hidden |= {*closed.hidden.tolist()}
        paired = {j for i in hidden for j in graph.twins.get(i, ()) if np.isfinite(system.price[j])}
        if not paired:
            break
        system.hide(np.array(sorted(paired)))
        hidden |= paired
    # What is hidden for another's sake is not small itself.
    return hidden, {i for i in exposed if not graph.exact[i] >= graph.width[i]}


def _matrix(sums: Sequence[tuple[int, ...]], n: int) -> sparse.csr_array:
    rows = np.repeat(np.arange(len(sums)), [len(numbers) for numbers in sums])
    cells = np.array([i for numbers in sums for i in numbers], dtype=int)
    signs = np.array([-1.0 if at else 1.0 for numbers in sums for at in range(len(numbers))])
    return sparse.coo_array((signs, (rows, cells)), shape=(len(sums), n)).tocsr()
