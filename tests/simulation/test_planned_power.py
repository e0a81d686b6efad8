"""Power by formula of a random design of each kind; benchmarks/planning.py simulates 1,000."""

import importlib.util

import pytest
from conftest import ROOT

from evidence.stats import power as formulas

spec = importlib.util.spec_from_file_location("planning", ROOT / "benchmarks" / "planning.py")
simulation = importlib.util.module_from_spec(spec)
spec.loader.exec_module(simulation)


QUICK = ("IRA", "BIRA2_random", "CRA2")


@pytest.mark.parametrize(
    "design",
    [
        pytest.param(name, marks=() if name in QUICK else pytest.mark.slow)
        for name in simulation.SIMULATED
    ],
)
def test_power_of_the_formula_is_that_of_simulated_trials(design, rng):
    simulated, formula = simulation.compared(design, 40_000, rng)
    assert simulated == pytest.approx(formula, abs=0.01)  # four standard errors at most


def test_every_main_effect_design_is_simulated():
    assert (
        len(simulation.SIMULATED)
        == 14 + len(simulation.NESTED)
        == 2 + sum(not name.endswith("_pn") for name in formulas.DESIGNS)
    )
