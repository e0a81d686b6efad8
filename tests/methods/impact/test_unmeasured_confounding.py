"""Oster's ratio and the E-value."""

import math

import numpy as np
import pytest

import evidence as ev

from .simulated import MODEL


def test_e_value_is_that_of_methods_5():
    # METHODS 5: d = .2 is a risk ratio of about 1.2, whose E-value is 1.69
    assert ev.impact.e_value(0.2) == pytest.approx(1.69, abs=0.005)
    assert ev.impact.e_value(-0.2) == ev.impact.e_value(0.2)
    assert ev.impact.e_value(math.log(3.9) / 0.91) == pytest.approx(7.26, abs=0.005)
    assert ev.impact.e_value(0.0) == 1.0


def test_oster_is_the_ratio_of_equation_3(low_panel, checks):
    names = {k: v for k, v in MODEL.items() if k != "overlap"}
    before = ev.impact.before_start(low_panel, **names)
    y = low_panel[low_panel["year"] == 2019].set_index("urn")["pct"].reindex(before.index)
    treated = before["treated"] == 1
    plain = y[treated].mean() - y[~treated].mean()
    r_plain = 1 - y.groupby(treated).transform(lambda v: v - v.mean()).var() / y.var()
    x = np.column_stack([np.ones(len(y)), before])
    beta = np.linalg.pinv(x) @ y
    r_full = 1 - (y - x @ beta).var() / y.var()
    top = min(1, 1.3 * r_full) - r_full
    expected = beta[1] * (r_full - r_plain) / ((plain - beta[1]) * top)
    assert ev.impact.oster(low_panel, **names) == pytest.approx(expected)
    assert checks.oster == pytest.approx(expected)
