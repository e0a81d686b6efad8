"""Squares, threats and WWC's rating."""

import itertools

import numpy as np
import pandas as pd
import pytest

from evidence import trials
from evidence.errors import EvidenceError
from evidence.studies.strength import DESIGNS, THREATS, downgrade, strength

LOW = dict.fromkeys(THREATS, "low")


def refused(call, *given, **named):
    with pytest.raises(EvidenceError) as error:
        call(*given, **named)
    return str(error.value)


def roster(counts):
    return pd.DataFrame({"arm": np.repeat([1, 0], counts)})


def lost(analysed, assigned):
    return trials.attrition(roster(assigned), roster(analysed), treatment="arm")


def apart(gap):
    x = np.tile([-1.0, 1.0], 200)
    data = pd.DataFrame({"arm": np.repeat([1, 0], 200), "pre": x + gap * np.repeat([1, 0], 200)})
    return trials.balance(data, treatment="arm", covariates=["pre"])


@pytest.mark.parametrize(
    ("mdes", "padlocks"),
    [(0.20, 5), (0.204, 5), (0.21, 4), (0.29, 4), (0.30, 3), (0.40, 2), (0.50, 1), (0.60, 0)],
)
def test_strength_follows_the_column_of_detectable_effects(mdes, padlocks):
    assert strength("randomised", mdes=mdes, attrition=0.0).padlocks == padlocks


@pytest.mark.parametrize(
    ("attrition", "padlocks"),
    [(0.0, 5), (0.10, 5), (0.11, 4), (0.20, 4), (0.30, 3), (0.40, 2), (0.50, 1), (0.51, 0)],
)
def test_strength_follows_the_column_of_attrition(attrition, padlocks):
    assert strength("randomised", mdes=0.1, attrition=attrition).padlocks == padlocks


def test_strength_is_the_lowest_column_and_tells_each_loss():
    found = strength("matched", mdes=0.22, attrition=0.12, threats=LOW)
    assert found.padlocks == 3
    assert found.reasons == (
        "marked down two squares: schools were not allocated at random",
        "this alone would have marked it down one square: too few schools to detect an effect "
        "below 0.22 SD",
        "this alone would have marked it down one square: 12% of pupils were lost",
    )
    assert strength("randomised", mdes=0.2, attrition=0.1, threats=LOW).reasons == ()


def test_strength_says_what_is_not_known():
    found = strength("randomised")
    assert found.padlocks == 5
    assert found.reasons == (
        "the smallest effect it could have detected is not known and not counted",
        "how many pupils were lost is not known and not counted",
        "other risks have not been assessed, so the true rating may be lower",
    )
    some = strength("randomised", mdes=0.1, attrition=0.0, threats={"fidelity": "low"})
    assert some.reasons == (
        "risks not assessed and taken as low: confounding, concurrent interventions, "
        "contamination, missing data, measurement, selective reporting",
    )


# docs/decisions/0004-threats.md: levels judged beside low ones, and the padlocks they cost.
RULE = [
    ((), 0),
    (("moderate",), 0),
    (("moderate up",), 0),
    (("moderate", "moderate"), 0),
    (("moderate up", "moderate down"), 0),
    (("moderate up", "moderate"), 0),
    (("moderate up", "moderate up"), 1),
    (("moderate",) * 3, 1),
    (("moderate",) * 4, 1),
    (("moderate up", "moderate up", "moderate down"), 1),
    (("moderate up",) * 3, 2),
    (("moderate",) * 5, 2),
    (("high",), 1),
    (("high up",), 1),
    (("high", "moderate"), 2),
    (("high", "moderate", "moderate"), 2),
    (("high", "high"), 2),
]


@pytest.mark.parametrize(("levels", "cost"), RULE)
def test_downgrade_follows_the_documented_rule_whichever_the_threats(levels, cost):
    for names in itertools.islice(itertools.permutations(THREATS, len(levels)), 50):
        assert downgrade(LOW | dict(zip(names, levels, strict=True))) == cost


def test_threats_only_take_away_at_most_two_and_never_below_nought():
    for levels in itertools.product(("low", "moderate up", "high"), repeat=len(THREATS)):
        assert 0 <= downgrade(dict(zip(THREATS, levels, strict=True))) <= 2
    both = {"fidelity": "high", "measurement": "high"}
    assert strength("self_selected", threats=both).padlocks == 0
    found = strength("randomised", mdes=0.1, attrition=0.0, threats=LOW | both)
    assert found.padlocks == 3
    assert found.reasons == (
        "marked down two more squares for other risks: fidelity (high), measurement (high)",
    )


def test_unknown_names_are_refused_with_the_nearest():
    assert refused(strength, "rct").startswith("design is 'rct'; allowed are randomised, ")
    assert refused(strength, "randomised", attrition=12) == (
        "attrition is 12; a proportion from 0 to 1 is needed"
    )
    assert refused(strength, "randomised", threats={"fidelty": "low"}) == (
        "threats: 'fidelty' is not one; did you mean 'fidelity'?"
    )
    assert refused(strength, "randomised", threats={"fidelity": "some"}) == (
        "threats: 'fidelity' is 'some'; allowed are low, moderate, moderate up, moderate down, "
        "high, high up, high down"
    )
    assert refused(strength, "randomised", boundary="kind") == (
        "boundary is 'kind'; allowed are cautious, optimistic"
    )


def test_every_design_has_a_reason_for_what_it_loses():
    for design, points in DESIGNS.items():
        reasons = strength(design, mdes=0.1, attrition=0.0, threats=LOW).reasons
        assert bool(reasons) == (points < 5)
        assert all(len(reason) > len("marked down five squares: ") for reason in reasons)


def test_wwc_rating_follows_attrition_and_balance():
    low, high = lost((100, 100), (104, 104)), lost((30, 40), (40, 48))
    for attrition, gap, adjusted, rating in (
        (low, None, (), "meets without reservations"),
        (low, 0.5, (), "meets without reservations"),
        (high, 0.02, (), "meets with reservations"),
        (high, 0.15, ("pre",), "meets with reservations"),
        (high, 0.15, (), "does not meet"),
        (high, 0.5, ("pre",), "does not meet"),
        (high, None, ("pre",), "does not meet"),
    ):
        balance = None if gap is None else apart(gap)
        found = strength("randomised", attrition=attrition, balance=balance, adjusted=adjusted)
        assert found.wwc == rating
    kind = strength("randomised", attrition=lost((30, 40), (40, 48)), boundary="optimistic")
    assert (kind.wwc, kind.wwc_reason) == (
        "meets without reservations",
        "allocated at random, low attrition by the optimistic boundary",
    )


def test_wwc_rating_of_other_designs():
    assert strength("matched", balance=apart(0.02)).wwc == "meets with reservations"
    found = strength("matched", balance=apart(0.15))
    assert found.wwc == "does not meet"
    assert found.wwc_reason.startswith(
        "schools were not allocated at random, and the groups were 0.15 SD"
    )
    assert found.wwc_reason.endswith("apart in pre at the start, not adjusted for")
    assert strength("monitoring").wwc == "does not meet"
    assert strength("discontinuity").wwc == "not rated"
    assert strength("randomised", attrition=0.1).wwc == "not rated"


def test_security_shows_itself():
    found = trials.security(
        "randomised", mdes=0.15, attrition=lost((99, 99), (100, 100)), threats=LOW
    )
    assert found.sentence() == (
        "Strength of the evidence: 5 of 5 squares. By the standards of the What Works "
        "Clearinghouse: meets without reservations (allocated at random, low attrition "
        "by the cautious boundary)."
    )
    weak = trials.security("randomised", mdes=0.35, attrition=lost((99, 99), (100, 100)))
    assert weak.sentence() == (
        "Strength of the evidence: 3 of 5 squares. Marked down two squares: too few schools to "
        "detect an effect below 0.35 SD. Other risks have not been assessed, so the true rating "
        "may be lower. By the standards of the What Works Clearinghouse: meets without "
        "reservations (allocated at random, low attrition by the cautious boundary)."
    )
    assert list(found.to_frame()) == ["squares", "reasons", "wwc", "wwc_reason"]
    assert "meets without reservations" in found._repr_html_()
