"""Hedges' g by R's metafor 3.8 and effectsize 0.8.3; worked cases of METHODS.md."""

import json

import numpy as np
import pandas as pd
import pytest

from evidence import effects, trials


@pytest.mark.parametrize("case", ["small", "mstData_posttest"])
def test_hedges_g_equals_metafor_and_effectsize(shared, case):
    expected = json.loads((shared / "reference/hedges_g.json").read_text())[case]
    if case == "small":
        treated, control = expected["y1"], expected["y0"]
    else:
        data = pd.read_csv(shared / "data/trials/mstData.csv")
        treated, control = (data.loc[data["Intervention"] == arm, "Posttest"] for arm in (1, 0))
    normal = effects.hedges_g(treated, control, interval="normal")
    np.testing.assert_allclose(
        (normal.estimate, normal.std_error**2, normal.ci_lower, normal.ci_upper),
        [expected["metafor_SMD"][key] for key in ("yi", "vi", "ci_lb", "ci_ub")],
        rtol=1e-9,
    )
    exact = effects.hedges_g(treated, control)
    bounds = expected["effectsize_hedges_g_noncentral_t"]
    # effectsize searches its noncentral t to about 1e-7.
    np.testing.assert_allclose(
        (exact.ci_lower, exact.ci_upper), (bounds["CI_low"], bounds["CI_high"]), atol=1e-6
    )
    approximate = effects.hedges_g(treated, control, exact=False)
    np.testing.assert_allclose(approximate.estimate, expected["g_approx"], rtol=1e-12)


def test_attrition_of_wwc_worked_case_is_high_cautious_low_optimistic():
    assigned = pd.DataFrame({"arm": ["new"] * 40 + ["usual"] * 48})
    analysed = pd.DataFrame({"arm": ["new"] * 30 + ["usual"] * 40})
    found = trials.attrition(assigned, analysed, treatment="arm", reference="usual")
    assert round(100 * found.overall, 2) == 20.45
    assert round(100 * found.differential, 2) == 8.33
    assert (found.boundary_cautious, found.boundary_optimistic) == pytest.approx((0.054, 0.102))
    assert (found.cautious, found.optimistic) == ("high", "low")


@pytest.mark.parametrize(
    ("analysed", "assigned", "rating"),
    [((20, 31), (40, 49), ("high", "high")), ((10, 100), (20, 200), ("low", "low"))],
)
def test_attrition_of_wwc_worked_cases_is_rated(analysed, assigned, rating):
    def roster(counts):
        return pd.DataFrame({"arm": np.repeat([1, 0], counts)})

    found = trials.attrition(roster(assigned), roster(analysed), treatment="arm")
    assert (found.cautious, found.optimistic) == rating
