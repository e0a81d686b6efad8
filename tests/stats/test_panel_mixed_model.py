"""Variance components of a panel reach the optimum of the restricted likelihood."""

import numpy as np
import pytest
from methods.impact.simulated import criterion, parts_of, simulate
from scipy.optimize import minimize


@pytest.mark.slow
def test_components_make_the_restricted_likelihood_largest(rng):
    panel = simulate(rng, schools=40)
    parts = parts_of(panel)
    best = {k: getattr(parts, k) for k in ("lasting", "passing", "chance", "fade")}
    least = criterion(panel, **best)
    for name, value in best.items():
        for factor in (0.9, 0.99, 1.01, 1.1):
            moved = best | {name: value * factor if value > 1e-3 else 0.1}
            assert criterion(panel, **moved) > least - 1e-6


@pytest.mark.slow
@pytest.mark.parametrize("step", [1 / 2, 1 / 3])
def test_components_of_times_less_than_1_apart_reach_the_optimum(rng, step):
    year = 2015 + np.arange(9) * step
    fading = 0.3 ** np.abs(year[:, None] - year)
    result = rng.multivariate_normal(np.zeros(9), 16 * fading, 40) + 4 * rng.normal(size=(40, 1))
    made = simulate(rng, schools=40, years=9)
    made["pct"] = (result + 2 * rng.normal(size=result.shape)).ravel()
    panel = made.assign(year=np.tile(year, 40))

    def minus_two_log(at):
        *sizes, fade = at
        lasting, passing, chance = np.exp(sizes)
        return criterion(panel, lasting=lasting, passing=passing, chance=chance, fade=fade)

    parts = parts_of(panel)
    found = [*np.log([parts.lasting, parts.passing, parts.chance]), parts.fade]
    best = minimize(minus_two_log, [1.0, 2.0, 0.0, 0.4], bounds=[(-6, 6)] * 3 + [(0.01, 0.95)])
    assert minus_two_log(found) < best.fun + 1e-3
