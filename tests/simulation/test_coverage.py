"""Coverage of the default intervals in a few cells; benchmarks/coverage.py runs them all."""

import importlib.util
import sys

import numpy as np
import pytest
from conftest import ROOT

TRIALS = 400


@pytest.fixture(scope="module")
def simulation():
    name = "benchmark_coverage"
    spec = importlib.util.spec_from_file_location(name, ROOT / "benchmarks" / "coverage.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[name]


@pytest.mark.slow
@pytest.mark.parametrize(("schools", "icc", "baseline"), [(10, 0.13, 0), (20, 0.2, 1)])
def test_default_intervals_cover_and_naive_ones_do_not(simulation, schools, icc, baseline):
    cell = simulation.Cell(schools, icc, baseline)
    found = simulation.cover((cell, 0, TRIALS)).groupby("method")["covers"].mean() * 100
    # four binomial standard errors of 400 trials at 95%: 4.4 points outside the band 93.5 to 97
    slack = 4 * 100 * np.sqrt(0.95 * 0.05 / TRIALS)
    low, high = simulation.BAND
    for method in ("itt", "bootstrap", "randomisation", "multilevel"):
        assert low - slack < found[method] <= high + slack, method
    assert found["classical"] < 80
    assert found["within"] < 85  # of every fifth trial
