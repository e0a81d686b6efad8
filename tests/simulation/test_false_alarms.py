"""No false alarms, in short; benchmarks/false_alarms.py runs them all."""

import sys

import pytest
from conftest import ROOT

sys.path.insert(0, str(ROOT / "benchmarks"))
import false_alarms


def test_stable_small_schools_are_flagged_as_often_as_their_charts_say():
    """5 standard errors of 20,000 series are half a point."""
    found = false_alarms.alarms(20_000, 12)
    assert found["found"].to_numpy() == pytest.approx(found["stated"].to_numpy(), abs=0.005)
    assert (found["found"] > 0).all()


def test_every_planted_shift_is_found():
    found = false_alarms.delays(5)
    assert found["found"].iloc[-1] == 1
    assert found["stated"].iloc[-1] > 0.995
    assert found["stated"].iloc[6] > 0.9  # seven on one side of the centre


def test_rank_intervals_hold_the_true_rank():
    assert false_alarms.ranks(12) == pytest.approx(0.95, abs=0.02)
