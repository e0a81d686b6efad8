"""Hedges' g: the noncentral interval wherever scores lie; numbers of R's pt(t, df, ncp)."""

import numpy as np
import pytest

from evidence import effects
from evidence.errors import EvidenceError


@pytest.mark.parametrize(
    ("treated", "control", "expected"),
    # t <- d/root; J·root·uniroot(\(x) pt(t, df, x) − p) in R 4.5, by hand
    [
        ([1, 2], [3, 5], (-1.261566, -2.800819, 0.3784507)),
        ([12.0, 15, 11, 14], [9.0, 10, 8, 12], (1.596951, 0.06330966, 3.048702)),
    ],
)
def test_hedges_g_of_few_equals_r(treated, control, expected):
    found = effects.hedges_g(treated, control)
    np.testing.assert_allclose(
        (found.estimate, found.ci_lower, found.ci_upper), expected, rtol=2e-6
    )


@pytest.mark.parametrize(
    ("size", "effect"),
    [
        pytest.param(n, x, marks=() if n in (2, 2000) and x in (0.2, -30.0) else pytest.mark.slow)
        for n in (2, 3, 5, 20, 50, 100, 2000)
        for x in (0.0, 0.2, 1.0, 3.0, -30.0)
    ],
)
def test_hedges_g_has_an_interval_around_it_for_every_sample(size, effect):
    for seed in range(30):
        rng = np.random.default_rng([seed, size])
        try:
            found = effects.hedges_g(rng.normal(effect, 1, size), rng.normal(0, 1, size))
        except EvidenceError:
            pytest.fail("an ordinary sample is refused")
        assert found.ci_lower < found.estimate < found.ci_upper
