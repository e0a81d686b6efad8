"""Judgements given twice."""

import pandas as pd
import pytest

import evidence as ev

from ..refusal import assert_refused

M = ev.monitoring


def test_judgements_are_read_however_they_are_written():
    data = pd.DataFrame(
        {
            "before": ["OS", "Good", " requires  improvement", "4", "Gd", None],
            "after": ["Good", "gd", "Good", "Special Measures", "Outstanding", "RI"],
        }
    )
    found = M.transitions(data, before="before", after="after")
    assert (found.up, found.same, found.down) == (2, 2, 1)
    assert found.caveats == ("1 row without both judgements left out",)
    numbers = pd.DataFrame({"before": [1, 2, 3], "after": [2, 2, 2]})
    assert M.transitions(numbers, before="before", after="after").up == 1


def test_a_letter_that_is_no_judgement_is_refused():
    data = pd.DataFrame({"before": ["Good", "Good"], "after": ["Good", "may be OS"]})
    message = (
        "column 'after', row 3: 'may be OS' is no judgement of this scale; allowed: outstanding, "
        "good, requires improvement, inadequate"
    )
    assert_refused(message, M.transitions, data, before="before", after="after")


@pytest.mark.parametrize("card", ["expected standard", "Strong standard", "Urgent improvement"])
def test_a_report_card_cannot_be_set_against_a_judgement(card):
    data = pd.DataFrame({"before": ["Good", "Outstanding"], "after": [card, card]})
    message = (
        "columns 'before' and 'after': Ofsted's report cards (from November 2025) have another "
        "scale and other areas than the judgements before; a school cannot be said to have moved "
        "up or down between them: compare within one scale"
    )
    for call, names in ((M.transitions, ("before", "after")), (M.agreement, ("first", "second"))):
        columns = dict(zip(names, ("before", "after"), strict=True))
        assert_refused(message, call, data, **columns)
    mixed = pd.DataFrame({"before": ["Good", card], "after": [card, card]})
    assert_refused(message, M.transitions, mixed, before="before", after="after")
    cards = pd.DataFrame({"before": [card, "Exceptional"], "after": ["Exceptional", card]})
    found = M.transitions(cards, before="before", after="after")
    assert (found.up, found.down) == (1, 1)


def test_categories_of_ones_own_need_an_order():
    data = pd.DataFrame({"a": ["green", "amber", "red"], "b": ["green", "green", "amber"]})
    assert_refused(
        "columns 'a' and 'b': say with order= which judgement is best, and which come next",
        M.transitions,
        data,
        before="a",
        after="b",
    )
    order = ["Green", "Yellow", "Amber", "Red"]
    found = M.transitions(data, before="a", after="b", order=order)
    assert (found.up, found.same) == (2, 1)
    assert M.agreement(data, first="a", second="b", order=order).n == 3


def test_everybody_in_one_category_agrees_about_nothing():
    data = pd.DataFrame({"a": [2, 2], "b": [2, 2]})
    assert_refused(
        "columns 'a' and 'b': all are in one category; κ is undefined",
        M.agreement,
        data,
        first="a",
        second="b",
    )


def test_a_category_that_nobody_has_still_counts_as_a_step():
    data = pd.DataFrame({"a": [1, 1, 4, 4], "b": [1, 2, 4, 4]})
    found = M.agreement(data, first="a", second="b")
    whole = M.agreement(data, first="a", second="b", order=["1", "2", "3", "4"])
    assert found.kappa == whole.kappa


@pytest.mark.parametrize("symbol", ["c", "z", "x", ":", "-", "SUPP"])
def test_a_suppressed_judgement_is_none(symbol):
    data = pd.DataFrame({"a": ["Good", symbol, "RI"], "b": ["Good", "Good", "Good"]})
    found = M.transitions(data, before="a", after="b")
    assert (found.n, found.up) == (2, 1)
    assert found.caveats == ("1 row without both judgements left out",)
    numbers = pd.DataFrame({"a": [1, symbol, 3], "b": [1, 2, 2]})
    assert M.agreement(numbers, first="a", second="b").n == 2
