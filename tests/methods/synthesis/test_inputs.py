"""Units of effects: one at a time, and never months for standard deviations."""

import pytest

from evidence import synthesis
from evidence.errors import EvidenceError

ERRORS = [0.1, 0.1, 0.1]


@pytest.mark.parametrize("function", [synthesis.pool, synthesis.posterior])
@pytest.mark.parametrize(
    ("estimates", "unit", "said"),
    [
        ([0.1, 0.2, 3.0], ["sd", "sd", "pp"], "unit: sd, pp; effects of one unit can be pooled: "
         "give all in standard deviations, or pool each unit by itself"),
        ([2, 3, 1], "months", "unit is 'months'; allowed are sd, pp, points, score: months are "
         "steps of unequal size"),
        ([2, 3, 1], "sd", "estimates, entry 2: no effect in standard deviations; months or points "
         "cannot stand for them"),
        ([0.1, 4.5, 0.2], "sd", "estimates, entry 2: no effect in standard deviations; months or "
         "points cannot stand for them"),
    ],
)  # fmt: skip
def test_units_that_cannot_be_pooled_are_one_line(function, estimates, unit, said):
    with pytest.raises(EvidenceError) as error:
        function(estimates, ERRORS, unit=unit)
    assert str(error.value) == said


def test_effects_of_one_unit_are_as_without_it():
    known = synthesis.pool([0.1, 0.0, 0.3], ERRORS, unit="sd")
    assert known.estimate == synthesis.pool([0.1, 0.0, 0.3], ERRORS).estimate
    assert synthesis.pool([0, 0, 0], ERRORS, unit="sd").estimate == 0


def test_months_have_no_price():
    with pytest.raises(EvidenceError) as error:
        synthesis.value_for_money(3, 1, running=1000, pupils=10)
    assert str(error.value) == (
        "estimate is 3; standard deviations are needed, of which 12 months of progress are 1: it "
        "is no number of months"
    )
