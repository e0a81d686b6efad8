"""The Bayesian reading: by hand, limits, words."""

import math

import numpy as np
import pytest
from scipy.special import ndtr

from evidence import effects
from evidence.errors import EvidenceError


@pytest.fixture
def size(rng):
    return effects.hedges_g(rng.normal(0.3, 1, 80), rng.normal(0, 1, 80))


def test_posterior_weighs_prior_and_study_by_precision(size):
    found = effects.posterior(size, prior_mean=0.1, prior_sd=0.2)
    error = size.std_error * 1.9750920 / 1.9599640  # t with 158 df over z
    weight = 1 / error**2 + 1 / 0.04
    mean = (size.estimate / error**2 + 0.1 / 0.04) / weight
    assert found.mean == pytest.approx(mean, rel=1e-6)
    assert found.std_dev == pytest.approx(weight**-0.5, rel=1e-6)
    np.testing.assert_allclose(
        found.table["probability"],
        [ndtr((mean - x) * math.sqrt(weight)) for x in (0, 0.015, 0.095)],
        rtol=1e-6,
    )


def test_posterior_of_a_flat_prior_is_the_study_alone(size):
    found = effects.posterior(size, prior_sd=math.inf)
    np.testing.assert_allclose(found.table["probability"], found.table["probability_flat"])
    assert found.mean == pytest.approx(size.estimate)


def test_posterior_of_a_sure_prior_is_the_prior(size):
    found = effects.posterior(size, prior_mean=0.05, prior_sd=1e-6)
    assert found.mean == pytest.approx(0.05, abs=1e-6)
    assert list(found.table["probability"].round(6)) == [1.0, 1.0, 0.0]


def test_posterior_thresholds_are_where_months_begin(size):
    for table in ("toolkit", "trial"):
        least = effects.posterior(size, table=table).table["effect_size"]
        assert [effects.months(x + 1e-6, table) for x in least[1:]] == [1, 2]
        assert [effects.months(x - 1e-6, table) for x in least[1:]] == [0, 1]


def test_posterior_sentence_states_chances_and_prior(size):
    found = effects.posterior(size)
    chances = [f"{100 * p:.0f}%" for p in found.table["probability"]]
    assert found.sentence() == (
        f"score, treated against control: the chance of any benefit is {chances[0]}, of 1 month or "
        f"more {chances[1]}, of 2 months or more {chances[2]}, if effects of such programmes "
        "average +0.06 SD and mostly lie between −0.24 and +0.36."
    )


def test_posterior_that_cannot_be_is_refused(size):
    def refused(estimate, **named):
        with pytest.raises(EvidenceError) as error:
            effects.posterior(estimate, **named)
        return str(error.value)

    import dataclasses

    assert refused(dataclasses.replace(size, unit="pp")) == (
        "posterior: the estimate is in 'pp'; give one in 'sd', as trials.effect_size does"
    )
    assert refused(size, prior_sd=0) == (
        "prior_mean is 0.06 and prior_sd 0; a number, and one above 0, are needed"
    )
    assert refused(size, table="old") == "table is 'old'; allowed are toolkit, trial"
