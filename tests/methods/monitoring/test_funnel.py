"""Funnels: how often chance alone is a signal, and over-dispersion."""

import numpy as np
import pandas as pd
import pytest

import evidence as ev
from evidence.stats.monitoring import funnels

from ..refusal import assert_refused

M = ev.monitoring


def units(count, n, **columns):
    return pd.DataFrame({"urn": range(1, len(n) + 1), "x": count, "n": n, **columns})


@pytest.mark.slow
def test_small_schools_are_flagged_no_more_often_than_stated(rng):
    n = rng.integers(5, 60, 20_000)
    data = units(rng.binomial(n, 0.65), n)
    for limits, most in (("exact", 0.05), ("score", 0.06)):
        table = M.funnel(data, unit="urn", count="x", n="n", centre=0.65, limits=limits).table
        beyond = (table["signal"] != "as the others").mean()
        assert 0.02 < beyond < most
    assert (table["signal"].isin(["high", "low"])).mean() < 0.006


def test_exact_limits_are_where_the_exact_interval_has_the_centre():
    n = np.array([6, 30, 400])
    low, high = funnels.exact_limits(0.65, n, 0.95)
    from evidence.stats.monitoring.intervals import clopper_pearson

    upper = clopper_pearson(low * n, n)[1]
    np.testing.assert_allclose(upper, 0.65, atol=1e-8)
    np.testing.assert_allclose(clopper_pearson(high * n, n)[0][1:], 0.65, atol=1e-8)
    assert high[0] == 1  # six of six are not beyond the limit: .65⁶ > .025


def test_units_that_differ_are_said_to_and_wider_limits_flag_fewer(rng):
    n = rng.integers(100, 900, 300)
    share = rng.normal(0.6, 0.08, 300)
    data = units(rng.binomial(n, share), n)
    call = {"unit": "urn", "count": "x", "n": "n"}
    plain = M.funnel(data, **call)
    assert plain.phi > 5
    assert any("differ by more than chance" in note for note in plain.caveats)
    flagged = (plain.table["signal"] != "as the others").mean()
    assert flagged > 0.3
    for spread in ("multiplicative", "additive"):
        wide = M.funnel(data, overdispersion=spread, **call)
        share = (wide.table["signal"] != "as the others").mean()  # P(|z| > 1.96√.68) = .106
        assert share == pytest.approx(0.106, abs=0.04)
        assert not any("differ by more" in note for note in wide.caveats)
    assert wide.tau == pytest.approx(0.08, abs=0.02)


def test_means_are_set_against_the_national_spread():
    data = pd.DataFrame({"urn": [1, 2, 3], "n": [24, 45, 4000], "p8": [0.45, 0.45, 0.0]})
    table = M.funnel(
        data, unit="urn", n="n", value="p8", std_dev=1.41628, kind="mean", centre=0.0
    ).table
    assert table["signal"].tolist() == ["as the others", "maybe high", "as the others"]


def test_rates_may_be_more_than_one_each():
    data = units([30, 5, 80, 0], [10, 10, 10, 10])
    table = M.funnel(data, unit="urn", count="x", n="n", kind="rate").table
    assert table["signal"].tolist() == ["as the others", "low", "high", "low"]


@pytest.mark.parametrize(
    ("data", "options", "message"),
    [
        (units([1, 2], [3, 4]), {}, "2 units with a value; a funnel needs three or more"),
        (units([0, 0, 0], [3, 4, 5]), {}, "column 'x': nothing varies around a centre of 0"),
        (
            units([1, 2, 2], [3, 4, 5]),
            {"kind": "mean"},
            "a funnel of means needs value= and std_dev=, and no count=",
        ),
    ],
)
def test_what_is_no_funnel_is_refused(data, options, message):
    assert_refused(message, M.funnel, data, unit="urn", count="x", n="n", **options)


@pytest.mark.parametrize("scale", [1e-150, 1e-80, 1.0, 1e80, 1e150])
def test_variance_between_units_is_of_any_scale(rng, scale):
    z, error = rng.normal(size=40) * 3, rng.uniform(1, 2, 40)
    at_one = funnels.between_variance(z, error)
    assert at_one > 0
    assert funnels.between_variance(z, error * scale) == pytest.approx(at_one * scale**2)
