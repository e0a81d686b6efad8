"""Nearest neighbours, against plain search."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from evidence import matching

from ..refusal import assert_refused


def test_nearest_finds_the_nearest():
    data = pd.DataFrame({"t": [1, 1, 0, 0, 0, 0], "x": [0.0, 10, 1, 2.5, 30, 12]})
    given = {"treatment": "t", "covariates": ["x"]}
    assert matching.nearest(data, **given)["weight"].tolist() == [1, 1, 1, 0, 0, 1]
    two = matching.nearest(data, ratio=2, **given)["weight"].tolist()
    assert two == [1, 1, 0.5, 1, 0, 0.5]
    close = data.assign(x=[0.0, 0.5, 1, 2.5, 30, 12])
    assert matching.nearest(close, **given)["weight"].tolist() == [1, 1, 2, 0, 0, 0]
    once = matching.nearest(close, replacement=False, **given)["weight"].tolist()
    assert once == [1, 1, 1, 1, 0, 0]
    within = np.sqrt(
        (2 * 5.0**2 + ((data["x"][2:] - data["x"][2:].mean()) ** 2).sum()) / 4
    )  # the standard deviation within arms
    far = matching.nearest(data, caliper=1.5 / within, **given)["weight"].tolist()
    assert far == [1, 0, 1, 0, 0, 0]
    none = matching.nearest(data, caliper=1.5 / within, replacement=False, **given)
    assert none["weight"].tolist() == far


def test_nearest_by_mahalanobis_does_not_depend_on_units(schools):
    given = {"treatment": "lamp", "covariates": ["before", "fsm"]}
    mixed = schools.assign(before=3 * schools["before"] + schools["fsm"], fsm=schools["fsm"] / 9)
    one, two = (matching.nearest(data, ratio=3, **given) for data in (schools, mixed))
    pd.testing.assert_frame_equal(one[["weight"]], two[["weight"]])


def test_nearest_by_propensity_matches_within_the_caliper(schools):
    names = ["before", "fsm", "rural"]
    found = matching.nearest(schools, treatment="lamp", covariates=names, metric="propensity")
    x = sm.add_constant(schools[names])
    logit = sm.Logit(schools["lamp"], x).fit(disp=False).predict(x, which="linear").to_numpy()
    treated, control = (np.flatnonzero(schools["lamp"] == arm) for arm in (1, 0))
    pooled = (logit[treated].var(ddof=1) * 11 + logit[control].var(ddof=1) * 59) / 70
    weight = np.zeros(72)
    for row in treated:
        far = np.abs(logit[control] - logit[row])
        if far.min() <= 0.2 * np.sqrt(pooled):
            weight[row] += 1
            weight[control[far.argmin()]] += 1
    np.testing.assert_array_equal(found["weight"], weight)


def test_nearest_with_wrong_input_says_how_to_mend(schools):
    given = {"treatment": "lamp", "covariates": ["before"]}
    for message, change in (
        ("metric is 'cosine'; allowed are mahalanobis, propensity", {"metric": "cosine"}),
        ("ratio is 0; a whole number from 1 on is needed", {"ratio": 0}),
        ("caliper is -1; a positive number is needed", {"caliper": -1}),
        ("column 'lamp': 60 comparison rows, but 72 are needed: lower ratio, or allow replacement",
         {"ratio": 6, "replacement": False}),
        ("no treated row has a comparison row within caliper=1e-09: widen it, or take fewer "
         "covariates", {"caliper": 1e-9}),
    ):  # fmt: skip
        assert_refused(message, matching.nearest, schools, **given, **change)
    apart = schools.assign(before=schools["before"] + 500 * schools["lamp"])
    assert_refused(
        "column 'lamp': the covariates tell treated and comparison rows apart entirely, so there "
        "is no chance to be treated to compare; take fewer, or metric='mahalanobis'",
        matching.nearest, apart, **given, metric="propensity",
    )  # fmt: skip
    assert_refused(
        "covariates: none varies within the arms, so there is no distance",
        matching.nearest, schools.assign(before=schools["lamp"]), **given,
    )  # fmt: skip


@pytest.mark.parametrize("metric", ["mahalanobis", "propensity"])
@pytest.mark.parametrize("replacement", [True, False])
def test_nearest_order_of_rows_decides_no_tie(rng, metric, replacement):
    data = pd.DataFrame({
        "treated": np.arange(160) % 4 == 0,
        "pre": rng.integers(0, 6, 160),
        "fsm": rng.integers(0, 2, 160),
    }).astype(int)  # fmt: skip
    plan = {"treatment": "treated", "covariates": ["pre", "fsm"], "metric": metric}
    plan |= {"ratio": 2, "replacement": replacement}
    found = matching.nearest(data, **plan)["weight"]
    for seed in range(5):
        other = matching.nearest(data.sample(frac=1, random_state=seed), **plan)["weight"]
        assert np.array_equal(other.reindex(found.index), found)
    control = data["treated"] == 0
    assert found[control].sum() == pytest.approx(found[~control].sum())
    alike = found[control].groupby([data["pre"], data["fsm"]])
    assert (alike.min() == alike.max()).all()
