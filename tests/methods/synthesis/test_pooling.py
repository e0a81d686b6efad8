"""Pooling: worked numbers, few results, words, and what is refused in one line."""

import math

import numpy as np
import pandas as pd
import pytest

from evidence import synthesis
from evidence.errors import EvidenceError

SIX = ([0.10, 0.35, -0.10, 0.45, 0.02, 0.28], np.sqrt([0.010, 0.012, 0.009, 0.015, 0.008, 0.011]))


def test_hartung_knapp_is_not_significant_where_z_is():
    """metafor: REML τ² .03281, μ .17447; z .0075 to .3414, HK −.0455 to .3944, PI −.340 to .689."""
    honest, naive = synthesis.pool(*SIX), synthesis.pool(*SIX, inference="z")
    assert (honest.tau2, honest.estimate) == pytest.approx((0.03281, 0.17447), abs=1e-5)
    assert (naive.ci_lower, naive.ci_upper) == pytest.approx((0.0075, 0.3414), abs=5e-5)
    assert (honest.ci_lower, honest.ci_upper) == pytest.approx((-0.0455, 0.3944), abs=5e-5)
    found = (honest.prediction_lower, honest.prediction_upper, honest.prediction_df)
    assert found == pytest.approx((-0.340, 0.689, 5), abs=1e-3)
    assert honest.i2 == pytest.approx(75.79, abs=0.01)
    assert honest.sentence() == (
        "6 results together: +0.17 (95% interval −0.05 to +0.39); the effect of a further one "
        "would lie in −0.34 to +0.69."
    )


def test_few_results_have_no_headline():
    few = synthesis.pool(SIX[0][:4], SIX[1][:4])
    assert few.sentence() == (
        "4 results from −0.10 to +0.45: too few for a common answer; look at each."
    )
    assert few.caveats == ("only 4 results: too few for a common answer",)


def test_equal_effects_differ_by_nothing():
    same = synthesis.pool([0.2] * 6, [0.1] * 6, inference="z")
    assert (same.tau2, same.i2, same.q) == pytest.approx((0, 0, 0), abs=1e-12)
    assert same.std_error == pytest.approx(0.1 / math.sqrt(6))


def test_groups_are_compared_by_a_moderator_in_words():
    phase = ["primary", "secondary"] * 3
    found = synthesis.pool(*SIX, moderators={"phase": phase})
    assert found.coefficients["term"].tolist() == ["mean effect", "phase: secondary"]
    few = pd.Series(SIX[0]).groupby(phase).mean()
    assert np.sign(found.coefficients["estimate"][1]) == np.sign(few["secondary"] - few["primary"])


def test_clusters_of_one_effect_each_are_the_two_levels():
    one = synthesis.pool(*SIX, cluster=list("abcdef"), inference="z")
    assert one.std_error == pytest.approx(synthesis.pool(*SIX, inference="z").std_error, rel=1e-5)


def test_order_and_scale_change_nothing(rng):
    order = rng.permutation(6)
    turned = synthesis.pool(np.array(SIX[0])[order], SIX[1][order])
    wide = synthesis.pool(100 * np.array(SIX[0]), 100 * SIX[1])
    once = synthesis.pool(*SIX)
    assert turned.estimate == pytest.approx(once.estimate, rel=1e-9)
    assert wide.ci_lower == pytest.approx(100 * once.ci_lower, rel=1e-9)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"estimates": [0.1], "std_errors": [0.1]}, "estimates: 1 result; 2 or more are needed"),
        (
            {"std_errors": [0.1, 0, 0.1, 0.1, 0.1, 0.1]},
            "std_errors, entry 2: above 0 is needed; without an error a result cannot be pooled",
        ),
        ({"std_errors": [0.1, -0.1] * 3}, "std_errors, entry 2: above 0 is needed"),
        ({"estimates": [0.1, math.nan] * 3}, "estimates, entry 2: a finite number is needed"),
        ({"estimates": ["+3 months"] * 6}, "estimates, entry 1: a finite number is needed"),
        ({"std_errors": [0.1]}, "std_errors: 1 values for 6 estimates"),
        ({"method": "DSL"}, "method is 'DSL'; allowed are REML, PM, DL, FE, ML, EB, SJ, HE, HS"),
        ({"inference": "knha"}, "inference is 'knha'; allowed are hartung-knapp, z, t"),
        ({"cluster": ["a"] * 6}, "cluster: one only; two or more are needed, or leave it out"),
        ({"cluster": list("abc") * 2, "method": "DL"}, "with cluster= it is 'REML'"),
        ({"moderators": {"same": [1] * 6}}, "moderators: 1 columns cannot be told apart"),
        ({"moderators": {"x": [1, None] * 3}}, "moderators, 'x', entry 2: is missing"),
        ({"level": 95}, "level"),
    ],
)
def test_what_cannot_be_pooled_is_one_line(given, said):
    columns = dict(zip(("estimates", "std_errors"), SIX, strict=True))
    with pytest.raises(EvidenceError) as error:
        synthesis.pool(**(columns | given))
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_posterior_with_one_result_is_the_prior_times_it():
    """With τ known to be almost 0: the product of two normals."""
    found = synthesis.posterior([0.3], [0.1], tau_scale=1e-6, prior_sd=0.1)
    assert (found.estimate, found.std_error) == pytest.approx((0.15, 0.1 / math.sqrt(2)), rel=1e-6)
    half = synthesis.posterior([0.3], [0.1], tau_scale=1e-6, prior_sd=0.1)
    assert half.probability_above(0.15) == pytest.approx(0.5, abs=1e-9)


def test_three_level_posterior_believes_one_programme_less_than_many():
    y, error = np.array([0.3] * 8), np.full(8, 0.1)
    many = synthesis.posterior(y, error, cluster=list(range(8)))
    one = synthesis.posterior(y, error, cluster=[0] * 4 + [1] * 4)
    assert one.std_error > 1.3 * many.std_error
