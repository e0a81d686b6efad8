"""Find which numbers of several programmes, cohorts and releases count the same pupils.

A name is no identity: a cohort is renamed, programmes share a control group, another hub has some
of the same schools. Numbers with the same labels are of the same pupils where all that is known of
a label, or of the whole place, agrees.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import combinations, permutations, product

from evidence.release.control.cell_graph import GUESSED, LIKELY, MATCHED, CellGraph
from evidence.release.control.cell_labels import Group, Label, Place

HUB = ":"  # stands between another hub and its programme, and in no name of a programme
_ARMS = 4  # groups of a column up to which one equal count makes groups of other names the same
_CROWD = 20  # equal counts of which every pair is tried

Count = tuple[str, Group]  # what is counted, and the labels
Numbers = Mapping[Place, Mapping[Count, int]]
Agreement = tuple[bool, int] | None  # whether two numbers agree, and how much it says


def add_equal(graph: CellGraph) -> None:
    """Add that numbers of several places are equal: of two releases it is a guess.

    What one place shows of a group of the same pupils, the others have as well.
    """
    whats = {what for blocks, *_ in graph.tables for what in blocks}
    unnamed = {i for (_, what, _), ids in graph.index.items() if not what for i in ids}
    numbers: dict[Place, dict[Count, int]] = {}
    for (place, what, row), ids in graph.index.items():
        if what in whats:
            numbers.setdefault(place, {})[(what, row)] = ids[0]
    for one, other in combinations(numbers, 2):
        both = [at for at in numbers[one] if at in numbers[other]]  # in order, which a set has not
        hubs = one[0].split(HUB)[:-1] != other[0].split(HUB)[:-1]
        pairs = {at: (numbers[one][at], numbers[other][at]) for at in both}
        known = [at for at in both if any(graph.exact[i] == graph.exact[i] for i in pairs[at])]
        agree = {at: _agree(graph, *pairs[at]) for at in (both if hubs else known)}
        graph.findings += 1
        if not hubs and _renamed(graph, numbers, one, other, agree):
            _share(graph, numbers, (one, None), (other, None))
            for at, same in agree.items():
                if not same or same[0]:
                    graph.add_sum(pairs[at][0], [pairs[at][1]])
                else:
                    graph.hide_changed(*pairs[at])
            continue
        guessed: dict[str, list[tuple[int, int]]] = {}  # nobody knows what columns add up to
        labels = _same_pupils(agree, hubs)
        if hubs and None in labels and _may_tell(graph, numbers, one, other):
            graph.of_two_hubs.append((one, other))
        for label in labels:
            how = (MATCHED, LIKELY if hubs else GUESSED)
            for at in agree:
                if label is None or label in at[1]:
                    if hubs and not unnamed.isdisjoint(pairs[at]):
                        guessed.setdefault(at[0], []).append(pairs[at])
                    else:
                        graph.add_sum(pairs[at][0], pairs[at][1:], how=how)
            if label or hubs:
                _share(graph, numbers, (one, label), (other, label))
        for several in guessed.values():
            graph.findings += 1
            for i, j in several:
                graph.add_sum(i, [j], how=(MATCHED, GUESSED))
    _add_groups(graph, numbers)


def _may_tell(graph: CellGraph, numbers: Numbers, one: Place, other: Place) -> bool:
    """Return whether two hubs have one programme and cohort, and one hides what the other may not.

    They are of the same pupils until something contradicts it.
    """
    hidden = [{at for at, i in numbers[place].items() if graph.before[i]} for place in (one, other)]
    named = [(place[0].split(HUB)[-1], place[1]) for place in (one, other)]
    repeated = any(
        numbers[less].keys() <= numbers[more].keys() and some == every & numbers[less].keys()
        for (less, some), (more, every) in permutations(zip((one, other), hidden, strict=True))
    )
    return any(hidden) and not repeated and named[0] == named[1]


def _renamed(
    graph: CellGraph, numbers: Numbers, one: Place, other: Place, agree: Mapping[Count, Agreement]
) -> bool:
    """Return whether one place is gone and the other is new and has most of its counts.

    In another programme two of them at least.
    """
    gone, new = (
        [place for place in (one, other) if not any(map(test, numbers[place].values()))]
        for test in (lambda i: graph.exact[i] >= 0, lambda i: graph.past[i] or graph.before[i])
    )
    fits = [same[0] for same in agree.values() if same]
    most = 4 * sum(fits) >= 3 * len(fits) and (one[0] == other[0] or sum(fits) > 1)
    return bool(most and gone and new and gone != new)


def _share(graph: CellGraph, numbers: Numbers, *groups: tuple[Place, Label | None]) -> None:
    """Let a group of each of two places, or all, have the numbers that the other has of it."""
    for (place, label), (there, other) in permutations(groups):
        for (what, row), i in numbers[there].items():
            at = (place, what, row - {other} | {label} if label else row)
            if at not in graph.index and (not label or (other in row and graph.exact[i] >= 0)):
                graph.index[at] = [i]
                for total in graph.index.get((place, what, row - {other}), ()) if label else ():
                    graph.add_sum(total, [i], how=(MATCHED, GUESSED))  # the group is a part of all


def _agree(graph: CellGraph, i: int, j: int) -> Agreement:
    """Return whether two numbers agree, and how much it says; nothing where it is not known."""
    fits = graph.adds_up(i, [j])
    # A sum that no table shows may lack groups that the other has.
    if not graph.are_known((i, j)) or not (fits or graph.unseen.isdisjoint((i, j))):
        return None
    known = graph.exact[i] == graph.exact[i] > 0 and graph.exact[j] == graph.exact[j]
    return fits, 1 + known


def _same_pupils(agree: Mapping[Count, Agreement], hubs: bool) -> list[Label | None]:
    """Return the labels of which all that is known agrees; None where everything does.

    Of two hubs' releases of one cohort it is enough that nothing contradicts it: each may hide what
    the other shows.
    """
    good = []
    for label in (None, *sorted({label for _, row in agree for label in row})):
        known = [one for at, one in agree.items() if one and (label is None or label in at[1])]
        least = 0 if hubs and label is None else 2
        if all(fits for fits, _ in known) and sum(weight for _, weight in known) >= least:
            good.append(label)
    return good


def _add_groups(graph: CellGraph, numbers: Numbers) -> None:
    """Add that groups of other names are equal whose counts are, in two places of one release.

    And that a group may be a part of other programmes.
    """
    groups: dict[tuple[Place, Label], dict[Count, int]] = {}
    texts: dict[tuple[Place, str], set[str]] = {}
    for place, known in numbers.items():
        for (what, row), i in known.items():
            for label in sorted(row) if graph.exact[i] > 0 else ():
                groups.setdefault((place, label), {})[(what, row - {label})] = i
                texts.setdefault((place, label[0]), set()).add(label[1])
    alike: dict[tuple[str, Group, float], list[tuple[Place, Label]]] = {}
    for group, known in groups.items():
        for at, i in known.items():
            alike.setdefault((*at, graph.exact[i]), []).append(group)
    pairs = Counter(
        pair
        for found in alike.values()
        for pair in combinations(found[:_CROWD], 2)
        if pair[0][0] != pair[1][0] and pair[0][1] != pair[1][1]
    )
    for (one, other), equal in pairs.items():
        both = [
            at for at in groups[one]
            if at in groups[other] and _agree(graph, groups[one][at], groups[other][at])
        ]  # fmt: skip
        few = one[1][0] == other[1][0] and all(
            len(texts[place, label[0]]) <= _ARMS for place, label in (one, other)
        )
        if equal == len(both) > 1 - few:
            for at in both:
                graph.add_sum(groups[one][at], [groups[other][at]], how=(MATCHED, GUESSED))
            _share(graph, numbers, one, other)
    graph.findings += 1
    for (place, label), known in groups.items():
        if len(texts[place, label[0]]) <= _ARMS:
            foreign = [at for at in numbers if at[0] != place[0] and (at, label[0]) not in texts]
            _add_parts(graph, numbers, known, place, foreign)


def _add_parts(
    graph: CellGraph,
    numbers: Numbers,
    group: Mapping[Count, int],
    place: Place,
    foreign: Sequence[Place],
) -> None:
    """Add that a group may be a part of other programmes that never tell such groups apart."""
    wholes: dict[Place, list[tuple[int, int]]] = {}
    for there in foreign:
        pairs = [(numbers[there][at], i) for at, i in group.items() if at in numbers[there]]
        if not any(graph.exact[whole] < graph.exact[i] for whole, i in pairs):
            wholes[there] = pairs
    for there, pairs in wholes.items():
        for whole, i in pairs:
            _guess_part(graph, there, whole, i)
        for here in (place, *wholes):
            _add_shares(graph, group, numbers[here], there, numbers[there])


def _add_shares(
    graph: CellGraph,
    group: Mapping[Count, int],
    one: Mapping[Count, int],
    place: Place,
    other: Mapping[Count, int],
) -> None:
    """Add that of a group as many at most have something as of one whole that holds it.

    So another whole that holds it has at least the rest of it.
    """
    for ((what, row), i), (part, whole) in product(group.items(), sorted(graph.shares)):
        for have, lack in permutations((part, f"{whole} less {part}")):
            if what == whole and (have, row) in one and (lack, row) in other:
                parts = sorted({one[have, row], other[lack, row]})
                exact = sum(graph.exact[j] for j in parts)
                if len(parts) == 2 and exact >= graph.exact[i]:
                    both = graph.new((place, "", frozenset()), exact, 0)
                    graph.sums[(both, *parts)] = GUESSED
                    graph.finding[(both, *parts)] = graph.findings
                    _guess_part(graph, place, both, i)


def _guess_part(graph: CellGraph, place: Place, whole: int, part: int) -> None:
    """Add that a number may be a part of another one."""
    rest = graph.new((place, "", frozenset()), graph.exact[whole] - graph.exact[part], 0)
    graph.sums[(whole, part, rest)] = GUESSED
    graph.finding[(whole, part, rest)] = graph.findings
