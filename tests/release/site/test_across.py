"""What differs across hubs: verdicts, or ranges that do not meet."""

import math

import pytest
from run_folders import BETTER, NONE, UNSURE

from evidence.release.site.across import ALIKE, ALONE, DIFFER, SAME, across


def answer(effect, verdict=BETTER, name="lamp", pupils=900):
    """Return what `answers` gives of a programme, as far as hubs are compared by it."""
    ends = {"effect": effect, "lower": effect - 0.1, "upper": effect + 0.1}
    return ends | {
        "programme": name, "title": name.upper(), "phase": "Primary", "verdict": verdict,
        "size": f"{effect}", "span": "", "strength": "3 of 5", "pupils": pupils,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("one", "other", "differs"),
    [
        (answer(0.2), answer(0.3), ALIKE),
        (answer(0.2), answer(0.41), DIFFER),  # ranges do not meet
        (answer(0.41), answer(0.2), DIFFER),
        (answer(0.2), answer(0.2, NONE), DIFFER),
        (answer(0.2), answer(0.2), SAME),
        (answer(0.2), answer(0.2, pupils=901), ALIKE),
        (answer(math.nan, UNSURE), answer(0.4, UNSURE), ALIKE),  # in another unit
    ],
)
def test_hubs_differ_where_verdicts_or_ranges_do(one, other, differs):
    ((row),) = across({"here": [one], "there": [other]})
    assert row["differs"] == differs
    assert [*row["hubs"]] == ["here", "there"]


def test_what_differs_is_first_and_what_one_hub_has_is_last():
    here = [answer(0.2, name="a"), answer(0.2, name="b"), answer(0.2, name="c")]
    there = [answer(0.3, name="b"), answer(0.9, name="c")]
    rows = across({"here": here, "there": there})
    assert [(row["programme"], row["differs"]) for row in rows] == [
        ("c", DIFFER), ("b", ALIKE), ("a", ALONE)
    ]  # fmt: skip
