"""Oster's ratio and the E-value."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import brentq

import evidence as ev

from .simulated import MODEL


def test_e_value_is_that_of_methods_5():
    # METHODS 5: d = .2 is a risk ratio of about 1.2, whose E-value is 1.69
    assert ev.impact.e_value(0.2) == pytest.approx(1.69, abs=0.005)
    assert ev.impact.e_value(-0.2) == ev.impact.e_value(0.2)
    assert ev.impact.e_value(math.log(3.9) / 0.91) == pytest.approx(7.26, abs=0.005)
    assert ev.impact.e_value(0.0) == 1.0


def test_oster_approximation_is_the_ratio_of_corollary_1(low_panel, checks):
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
    assert ev.impact.oster(low_panel, **names, approximate=True) == pytest.approx(expected)
    exact = ev.impact.oster(low_panel, **names)
    assert checks.oster == pytest.approx(exact)
    said = f"{abs(exact):.1f} times as strong as that of earlier results and context"
    assert any(said in note for note in checks.notes)
    assert any(f"(Oster's δ; {abs(expected):.1f} by its approximation)" in n for n in checks.notes)


@pytest.mark.slow
@pytest.mark.parametrize("known", [0.5, 1.0, 2.0, -1.5])
def test_oster_finds_the_delta_of_a_world_without_effect(known):
    # W1 is known, W2 is not, they are orthogonal; y = W1 + W2 + noise, R²max is that of both, and
    # selection on W2 is `known` times that on W1: Oster (2019), the definition of δ
    rng, n = np.random.default_rng(3), 40_000
    w1, w2, noise, luck = np.linalg.qr(rng.normal(size=(n, 4)))[0].T * np.sqrt(n)
    w1, w2, noise, luck = (x - x.mean() for x in (w1, w2, noise, luck))

    def world(size):
        chosen = (0.5 * w1 + 0.5 * known * size * w2 + luck > 0.5).astype(float)
        y = w1 + size * w2 + 1.2 * noise
        shares = []
        for columns in ([chosen, w1], [chosen, w1, w2]):
            x = np.column_stack([np.ones(n), *columns])
            shares.append(1 - np.var(y - x @ np.linalg.lstsq(x, y)[0]) / np.var(y))
        return chosen, y, 1.3 * shares[0] - shares[1]

    size = brentq(lambda size: world(size)[2], 0.05, 2)
    chosen, y, _ = world(size)
    truth = np.cov(size * w2, chosen)[0, 1] / size**2 / np.cov(w1, chosen)[0, 1]
    before = pd.DataFrame({"urn": range(n), "year": 2018, "pct": rng.normal(size=n), "lamp": 0})
    after = before.assign(year=2019, pct=y, lamp=chosen.astype(int))
    panel = pd.concat([before.assign(w=w1), after.assign(w=w1)])
    names = {"outcome": "pct", "treatment": "lamp", "unit": "urn", "time": "year"}
    found = ev.impact.oster(panel, covariates=["w"], **names)
    assert found == pytest.approx(truth, rel=0.1)  # the approximation misses by a third
