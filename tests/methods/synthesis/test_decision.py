"""The price of a month, and the words of decisions with the loss of following them."""

import importlib.util
import math

import pytest
from conftest import ROOT

from evidence import synthesis
from evidence.errors import EvidenceError

_SPEC = importlib.util.spec_from_file_location("benchmark", ROOT / "benchmarks/synthesis.py")
benchmark = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(benchmark)


def test_fieller_by_hand():
    """£60,000 once and £20,000 a year over three for 400 pupils: £100; 0.2 SD ± 1.96 × 0.05."""
    found = synthesis.value_for_money(0.2, 0.05, set_up=60_000, running=20_000, pupils=400)
    assert (found.cost, found.total) == (100, 120_000)
    month = 0.94 / 11
    prices = (found.per_month, found.ci_lower, found.ci_upper)
    ends = (0.2, 0.2 + 1.959964 * 0.05, 0.2 - 1.959964 * 0.05)
    assert prices == pytest.approx([100 * month / end for end in ends], rel=1e-6)
    # Fieller's own inequality holds at both ends
    for price in prices[1:]:
        rho = price / month
        assert (100 - rho * 0.2) ** 2 == pytest.approx((1.959964 * rho * 0.05) ** 2, rel=1e-5)
    assert found.sentence() == (
        "£100 a year for each pupil, £120,000 in all; a month of progress cost £43 (£29 to £84)."
    )


def test_a_price_without_an_end_says_so():
    open_end = synthesis.value_for_money(0.1, 0.08, running=10_000, pupils=100, worth=50)
    assert math.isinf(open_end.ci_upper)
    assert open_end.sentence() == (
        "£100 a year for each pupil, £30,000 in all; a month of progress cost £85 (£33 to no upper "
        "limit, since the effect may be nothing). At £50 a month it pays from an effect of +0.17 "
        "SD on."
    )
    loss = synthesis.value_for_money(-0.1, 0.08, running=10_000, pupils=100)
    assert loss.sentence() == (
        "£100 a year for each pupil, £30,000 in all; no price of a month can be given: the effect "
        "may be nothing, or a loss."
    )


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"pupils": 0}, "pupils is 0; a number above 0 is needed"),
        ({"running": -1}, "running is -1; pounds, 0 or more, are needed"),
        ({"std_error": 0.0}, "std_error is 0.0; a number above 0 is needed"),
    ],
)
def test_costs_that_are_none(given, said):
    whole = {"estimate": 0.1, "std_error": 0.1, "running": 1.0, "pupils": 1} | given
    with pytest.raises(EvidenceError) as error:
        synthesis.value_for_money(whole.pop("estimate"), whole.pop("std_error"), **whole)
    assert str(error.value) == said


@pytest.mark.parametrize(
    ("effect", "error", "word"),
    [
        (0.3, 0.05, "continue"),
        (0.06, 0.02, "change"),
        (-0.1, 0.05, "stop"),
        (0.02, 0.03, "stop"),
        (0.1, 0.2, "test properly"),
    ],
)
def test_words_follow_the_probabilities(effect, error, word):
    belief = synthesis.posterior([effect] * 6, [error * 6**0.5] * 6, tau_scale=0.01)
    found = synthesis.decide(belief, worthwhile=0.1)
    assert found.word == word
    assert found.sentence().startswith(word.capitalize())
    assert "the chance that the effect is worth its cost is" in found.sentence()
    assert found.loss_continue >= 0
    assert found.loss_stop >= 0
    assert 0 <= found.value_of_trial <= min(found.loss_continue, found.loss_stop) + 1e-12


def test_a_sharper_trial_is_worth_more():
    belief = synthesis.posterior([0.1] * 4, [0.2] * 4)
    few, many = (synthesis.decide(belief, worthwhile=0.1, trial_error=e) for e in (0.2, 0.05))
    assert many.value_of_trial > few.value_of_trial > 0


def test_a_trial_of_40_schools_has_an_error_by_hand():
    """Half explained, ICC 0.15, 30 pupils a school: 4 × 0.5 × (0.15 + 0.85/30) / 40."""
    assert synthesis.trial_error(40) == pytest.approx(math.sqrt(4 * 0.5 * (0.15 + 0.85 / 30) / 40))
    with pytest.raises(EvidenceError) as error:
        synthesis.trial_error(1)
    assert str(error.value) == "n_schools is 1; a number from 2 to inf is needed"


def test_a_cost_a_pupil_is_enough_where_it_is_not_known_how_many():
    found = synthesis.value_for_money(0.2, 0.05, running=100)
    assert math.isnan(found.total)
    assert (
        found.sentence() == "£100 a year for each pupil; a month of progress cost £43 (£29 to £84)."
    )


@pytest.mark.parametrize("counties", [12, pytest.param(150, marks=pytest.mark.slow)])
def test_following_the_words_loses_less_than_headlines_or_significance(counties):
    """In short; benchmarks/synthesis.py has 1,000 counties."""
    words, headline, significant = benchmark.decide((0, counties)).mean(axis=0)
    assert words < 0.8 * min(headline, significant)
