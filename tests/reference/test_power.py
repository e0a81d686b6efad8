"""Formulas of power against R 4.2.2, written there by hand (`power.R` made the file)."""

import json
from pathlib import Path

import pytest

from evidence import planning

CASES = json.loads(Path(__file__).with_name("power.json").read_text(encoding="utf-8"))


def cases(ask, number):
    """Return the cases of a kind, of which there are so many."""
    found = [case for case in CASES if case["ask"] == ask]
    assert len(found) == number
    return found


def close(expected):
    """Return what agrees in the sixth place."""
    return pytest.approx(expected, abs=1e-6, rel=1e-6)


@pytest.mark.slow
def test_smallest_effect_and_chance_of_180_trials_of_15_designs():
    for case in cases("mdes", 180):
        trial, test = {"design": case["design"], **case["given"]}, case["test"]
        found = planning.mdes(**trial, **test)
        assert found == close(case["mdes"]), case
        assert (found.std_error, found.df) == close((case["se"], case["df"])), case
        test.pop("power")
        assert planning.power(**trial, **test, es=case["es"]) == close(case["chance"]), case


def test_chance_of_two_groups_is_that_of_power_t_test():
    for case in cases("power", 30):
        found = planning.power(design="IRA", **case["given"], **case["test"], es=case["es"])
        assert found == close(case["chance"]), case


def test_number_of_units_is_the_first_that_is_enough():
    for case in cases("size", 36):
        found = planning.sample_size(design=case["design"], **case["given"], es=case["es"])
        assert found == case["number"], case


def test_losses_subgroups_and_reliability_take_off_what_they_should():
    for case in cases("lost", 12):
        kept = {"attrition": case["lost"], "subgroup": case["subgroup"], "rel1": case["rel1"]}
        assert planning.mdes(design="CRA2", **case["given"], **kept) == close(case["mdes"]), case


def test_yes_and_no_has_the_variance_of_each_arm():
    for case in cases("rate", 6):
        found = planning.mdes(design="IRA", **case["given"], control_rate=case["rate"])
        assert found == close(case["mdes"]), case
        # power.prop.test takes the normal for the t, and one variance of both arms where there is
        # no effect: another definition, near enough to find a slip
        assert found == pytest.approx(case["usual"], rel=0.05)
