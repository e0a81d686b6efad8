"""What a survey can say."""

import numpy as np
import pandas as pd
import pytest

import evidence as ev

from ..refusal import assert_refused, refused

M = ev.monitoring


def test_a_partnership_survey_with_many_silent():
    """Lincolnshire 2014: 62% of 40 partnerships answered, 96% of them say yes."""
    found = M.survey(24, 25, 40)
    assert (round(found.ci_lower, 2), round(found.ci_upper, 2)) == (0.80, 0.99)
    assert (found.worst, found.best) == (0.6, 0.975)
    assert found.sentence() == (
        "24 of 25 who answered: 96% (95% interval 80.5 to 99.3%); 62.5% of 40 asked answered, so "
        "of all asked it is between 60% and 97.5%."
    )
    assert M.survey(24, 25).sentence().endswith("how many were asked is not known.")


@pytest.mark.parametrize(
    ("percent", "n", "digits", "counts"),
    [
        (96, 25, 0, (24,)),
        (90, 25, 0, ()),
        (62, 40, 0, (25,)),
        (33.3, 3, 1, (1,)),
        (0, 7, 0, (0,)),
        (100, 7, 0, (7,)),
        (50, 300, 0, (149, 150, 151)),
        (62.5, 40, 1, (25,)),
        (63, 40, 0, (25,)),
    ],
)
def test_grim_finds_the_counts_that_print_so(percent, n, digits, counts):
    found = M.grim(percent, n, digits=digits)
    assert found.counts == counts
    assert found.possible == bool(counts)


def test_grim_agrees_with_rounding_every_count():
    for n in (7, 25, 40, 63):
        prints = {int(np.floor(100 * count / n + 0.5)) for count in range(n + 1)}
        prints |= {round(100 * count / n) for count in range(n + 1)}
        assert {p for p in range(101) if M.grim(p, n).possible} == prints


def test_answers_stand_for_their_group():
    data = pd.DataFrame(
        {"phase": ["primary"] * 6 + ["secondary"] * 4, "yes": [1, 1, 0, *[None] * 3, 0, 0, 1, 0]}
    )
    found = M.weighted_share(data, answer="yes", traits="phase")
    assert found.unweighted == pytest.approx(3 / 7)
    assert found.estimate == pytest.approx(0.6 * 2 / 3 + 0.4 * 1 / 4)
    assert found.effective_n < found.n
    assert_refused(
        "nobody answered in 1 group of phase (the first has row 8); use broader groups",
        M.weighted_share,
        data.assign(yes=[1, 1, 0, *[None] * 7]),
        answer="yes",
        traits="phase",
    )


@pytest.mark.parametrize(("percent", "digits"), [(0.9, 0), (62.5, 0), (62.55, 1)])
def test_a_percentage_with_more_decimals_than_were_printed_is_refused(percent, digits):
    line = refused(M.grim, percent, 25, digits=digits)
    assert line.startswith(f"percent is {percent}; with digits={digits} a percentage as printed")
