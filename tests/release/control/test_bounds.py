"""Ranges of hidden numbers: numbers that are equal count once, and nothing is asked for twice."""

from itertools import product

import numpy as np
import pandas as pd
import pytest
from attacker import staged
from scipy import sparse
from scipy.optimize import linprog

from evidence.release.control import bounds, suppression
from evidence.release.control.bounds import System
from evidence.release.control.cell_selection import close
from evidence.release.control.disclosure import protect
from evidence.release.control.suppression import complete


def equal_numbers(rng):
    """Return a system of counts, some of which are equal by chains of sums of two."""
    count = rng.integers(0, 20, 4)
    groups = rng.integers(0, 4, 9)  # what each number is: copies of four counts, and their sum
    values = np.concatenate([count, count[groups], [count.sum()]]).astype(float)
    rows = np.zeros((9 + 3, len(values)))
    for at, group in enumerate(groups):
        before = [k for k in range(at) if groups[k] == group]
        rows[at, 4 + at], rows[at, 4 + before[-1] if before else group] = 1, -1
    for row in rows[9:]:  # the same sum of other copies
        row[-1] = 1
        for group in range(4):
            row[rng.choice([group, *(4 + np.flatnonzero(groups == group))])] -= 1
    shown = rng.random(len(values)) < 0.4
    lower = np.where(shown, np.maximum(values - 2, 0), 0)
    upper = np.where(shown, values + 2, np.inf)
    n = len(values)
    return System(
        sparse.csr_array(rows), lower, upper, np.zeros(n), np.where(shown, 0, 5.0),
        np.full(n, np.inf), np.full(n, 5.0),
    )  # fmt: skip


@pytest.mark.parametrize("variables", [1, 50, 6_000])
def test_ranges_of_numbers_that_are_equal_are_those_of_each_by_itself(rng, variables, monkeypatch):
    monkeypatch.setattr(bounds, "_EXACT", variables)  # of one programme
    for _ in range(5):
        system = equal_numbers(rng)
        hidden = np.flatnonzero(system.need)
        system.exact_ranges(hidden)
        ends = [*zip(system.lower, np.minimum(system.upper, system.cap), strict=True)]
        for i in hidden:
            aim = np.eye(len(ends))[i]
            least, most = (
                sign * linprog(sign * aim, A_eq=system.sums.toarray(),
                               b_eq=np.zeros(system.sums.shape[0]), bounds=ends).fun
                for sign in (1, -1)
            )  # fmt: skip
            assert (system.low[i], system.high[i]) == pytest.approx((least, most), abs=1e-6)


def test_numbers_that_are_equal_and_cannot_be_fit_no_sum():
    system = System(
        sparse.csr_array(np.array([[-1.0, 1, 0], [0, -1, 1]])), np.array([10.0, 0, 20]),
        np.array([10.0, np.inf, 20]), np.zeros(3), np.array([0.0, 5, 0]), np.full(3, np.inf),
        np.full(3, 5.0),
    )  # fmt: skip
    with pytest.raises(ArithmeticError, match=r"^no numbers fit the sums$"):
        close(system, iter(()))


def test_total_that_is_one_of_its_parts_leaves_nothing_to_the_others():
    sums = sparse.coo_array(([1.0, -1, -1], ([0, 0, 0], [0, 0, 1])), shape=(1, 2)).tocsr()
    system = System(sums, np.zeros(2), np.full(2, np.inf), np.zeros(2), np.array([0.0, 5]),
                    np.full(2, np.inf), np.full(2, 5.0))  # fmt: skip
    assert system.too_narrow().tolist() == [1]


def test_all_that_nothing_helps_is_found_at_once():
    """Four hidden counts beside their totals, none of which may be hidden, and one that may."""
    rows = np.kron(np.eye(5), [[-1.0, 1, 1]])
    total, known, hidden = np.arange(0, 15, 3), np.arange(1, 15, 3), np.arange(2, 15, 3)
    lower, upper, price = np.zeros(15), np.full(15, np.inf), np.full(15, np.inf)
    lower[total], lower[known] = 30, 26
    upper[total], upper[known] = 31, 27
    need = np.isin(np.arange(15), hidden) * 5.0
    price[total[4]] = 1
    system = System(sparse.csr_array(rows), lower, upper, np.zeros(15), need, price,
                    np.full(15, 5.0))  # fmt: skip
    assert system.beyond_help().tolist() == hidden[:4].tolist()
    closed = close(system, iter(()))
    assert closed.hidden.tolist() == [total[4]]
    assert closed.beyond.tolist() == closed.open_.tolist() == hidden[:4].tolist()
    assert sorted(closed.wide) == [total[4], hidden[4]]
    assert not system.need.any()


def cohorts(many):
    """Return tables of small cohorts with equal arms, as the trials of one programme have them."""
    rng, safes = np.random.default_rng(5), {}
    for cohort in range(many):
        arms = [rng.multinomial(60, [0.35, 0.3, 0.15, 0.1, 0.07, 0.03]) for _ in range(2)]
        sets = dict(zip(product(("yes", "no"), ("a", "b", "c")), np.transpose(arms), strict=True))
        rows = [(f, g, *n) for (f, g), n in sets.items()]
        whole = pd.DataFrame(rows, columns=["fsm", "group", "control", "intervention"])
        for names in (["fsm"], ["group"], ["fsm", "group"]):
            frame = whole.groupby(names, as_index=False)[["control", "intervention"]].sum()
            safes[f"figures/trial/{cohort}/{' '.join(names)}"] = protect(
                frame, counts=("control", "intervention")
            )
    return safes


@pytest.mark.slow
def test_what_is_wide_enough_for_one_reader_is_not_asked_for_again(monkeypatch):
    asked, solve = [], suppression.close

    def noted(system, turns):
        asked.append(int((system.need > 0).sum()))
        return solve(system, turns)

    monkeypatch.setattr(suppression, "close", noted)
    complete(cohorts(5))
    assert asked[0] > 20
    assert sum(asked) < 3 * asked[0]
    assert asked[-1] == 0


@pytest.mark.slow
def test_only_that_nobody_is_in_a_group_is_beyond_help_in_a_release_by_itself(monkeypatch):
    told, solve = [], suppression._solve

    def noted(graph, *args):
        hidden, exposed = solve(graph, *args)
        told.extend(graph.exact[i] for i in exposed)
        return hidden, exposed

    monkeypatch.setattr(suppression, "_solve", noted)
    complete(cohorts(3))
    for seed in range(4):
        staged(seed, kinds=("levels", "arms"))
    assert set(told) <= {0.0}
