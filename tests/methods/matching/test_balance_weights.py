"""Entropy balancing against other solvers, and what is refused."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize

from evidence import matching
from evidence.errors import EvidenceError

from ..refusal import assert_refused


def test_balance_weights_of_a_worked_example():
    # treated have mean 10/7; weights 2^x of the values 0, 1, 2 have it, in all 7 as the treated
    data = pd.DataFrame({"t": [1] * 7 + [0] * 3, "x": [0, 1, 1, 2, 2, 2, 2, 0, 1, 2]})
    found = matching.balance_weights(data, treatment="t", covariates=["x"])
    np.testing.assert_allclose(found["weight"], [1] * 7 + [1, 2, 4], rtol=1e-12)
    assert found["treated"].tolist() == [True] * 7 + [False] * 3


@pytest.mark.slow
@pytest.mark.parametrize("weights", [None, "pupils"])
def test_balance_weights_solve_the_primal_problem(schools, weights):
    data = pd.concat([schools[schools["lamp"] == 1], schools[schools["lamp"] == 0].head(25)])
    names = ["before", "fsm"]
    found = matching.balance_weights(data, treatment="lamp", covariates=names, weights=weights)
    base = np.ones(len(data)) if weights is None else data[weights].to_numpy(float)
    one = (data["lamp"] == 1).to_numpy()
    target = np.average(data.loc[one, names], axis=0, weights=base[one])
    x, q = (data.loc[~one, names] - target) / 10, base[~one] / base[~one].sum()
    primal = optimize.minimize(
        lambda w: w @ np.log(w / q),
        q,
        jac=lambda w: np.log(w / q) + 1,
        bounds=[(1e-9, 1)] * len(q),
        constraints=[
            {"type": "eq", "fun": lambda w: np.r_[w @ x, w.sum() - 1],
             "jac": lambda w: np.vstack([x.T, np.ones(len(q))])}
        ],
        method="SLSQP",
        options={"ftol": 1e-14, "maxiter": 500},
    )  # fmt: skip
    weight = found["weight"].to_numpy()
    np.testing.assert_allclose(weight[~one] / weight[~one].sum(), primal.x, atol=1e-6)
    np.testing.assert_allclose(weight[one], base[one])


@pytest.mark.slow
@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 10**6),
    scale=st.floats(1e-3, 1e3),
    shift=st.floats(-1e3, 1e3),
    base=st.booleans(),
    moments=st.sampled_from([1, 2]),
)
def test_balance_weights_meet_the_moments_whatever_unit_and_order(
    seed, scale, shift, base, moments
):
    rng = np.random.default_rng(seed)
    n, k = int(rng.integers(60, 150)), int(rng.integers(1, 4))
    data = pd.DataFrame(rng.normal(size=(n, k)), columns=[f"x{j}" for j in range(k)])
    data["t"] = (rng.random(n) < 1 / (1 + np.exp(1 - 0.4 * data["x0"]))).astype(int)
    data["w"] = rng.integers(1, 9, n)
    given = {"treatment": "t", "covariates": [f"x{j}" for j in range(k)], "moments": moments}
    given["weights"] = "w" if base else None
    found = matching.balance_weights(data, **given)["weight"].to_numpy()
    one, x = (data["t"] == 1).to_numpy(), data[given["covariates"]].to_numpy()
    for power in range(1, moments + 1):
        sides = [np.average(x[m] ** power, axis=0, weights=found[m]) for m in (one, ~one)]
        np.testing.assert_allclose(*sides, atol=1e-8)
    assert (found > 0).all()
    assert found[~one].sum() == pytest.approx(found[one].sum())
    other = data.assign(x0=shift + scale * data["x0"]).sample(frac=1, random_state=seed)
    again = matching.balance_weights(other, **given)["weight"]
    np.testing.assert_allclose(again.sort_index(), found, rtol=1e-6, atol=1e-9)


def test_balance_weights_beyond_reach_name_what_stands_in_the_way(schools):
    given = {"treatment": "lamp", "covariates": ["before", "fsm", "rural"]}
    high = schools.assign(fsm=schools["fsm"] + 90 * schools["lamp"])
    short = high.loc[high["lamp"] == 1, "fsm"].mean() - high.loc[high["lamp"] == 0, "fsm"].max()
    short /= high["fsm"].std(ddof=0)
    assert_refused(
        "column 'lamp': no weighting of the 60 comparison rows has the means of the treated; what "
        f"stands in the way: fsm ({short:.2g} SD short); leave such covariates or the treated rows "
        "without support out, or widen the comparison group",
        matching.balance_weights, high, **given,
    )  # fmt: skip
    assert_refused(
        "column 'lamp': no weighting of the 60 comparison rows has the means of the treated; what "
        "stands in the way: twin (2.7 SD short); leave such covariates or the treated rows without "
        "support out, or widen the comparison group",
        matching.balance_weights, schools.assign(twin=schools["lamp"]), treatment="lamp",
        covariates=["before", "twin"],
    )  # fmt: skip


def test_balance_weights_within_every_range_but_outside_the_hull_are_refused():
    line = pd.DataFrame({"t": [0] * 5 + [1, 1], "x": [0, 1, 2, 3, 4, 1, 3], "y": 0.0})
    line["y"] = [0, 1, 2, 3, 4, 3, 2]
    with pytest.raises(EvidenceError, match=r"^column 't': no weighting of the 5 comparison rows"):
        matching.balance_weights(line, treatment="t", covariates=["x", "y"])
    line.loc[5:, "y"] = [1, 3]
    found = matching.balance_weights(line, treatment="t", covariates=["x", "y"])
    assert found["weight"][:5] @ line["x"][:5] == pytest.approx(4)


def test_balance_weights_at_the_edge_leave_out_who_cannot_help(schools):
    data = schools.assign(rural=schools["rural"].where(schools["lamp"] == 0, 1))
    found = matching.balance_weights(data, treatment="lamp", covariates=["rural", "before"])
    town = (data["lamp"] == 0) & (data["rural"] == 0)
    assert found.loc[town, "weight"].max() < 1e-8
    assert found.loc[town, "support"].eq(False).all()


def test_balance_weights_on_a_corner_between_twins_are_refused():
    corner = pd.DataFrame({"t": [1, 0, 0, 0, 0, 0], "x": [3.0, 0, 1, 2, 3 - 1e-8, 3]})
    assert_refused(
        "column 't': the means of the treated lie at the very edge of what 5 comparison rows "
        "allow, so that a few would carry all the weight; hardest: x; leave such covariates out, "
        "or widen the comparison group",
        matching.balance_weights, corner, treatment="t", covariates=["x"],
    )  # fmt: skip


def test_balance_weights_with_wrong_input_says_what_where_and_how_to_mend(schools):
    def refused(message, data=schools, covariates=("before",), **change):
        assert_refused(
            message, matching.balance_weights, data, treatment="lamp", covariates=covariates,
            **change,
        )  # fmt: skip

    refused(
        "column 'before', row 6: empty (1 such row); a covariate to balance has no gaps: complete "
        "it, leave those rows out, or take a column that says where it is missing",
        schools.assign(before=schools["before"].mask(schools.index == 4)),
    )
    refused(
        "column 'pupils', row 15: base weights must be positive; leave out rows that shall not "
        "count",
        schools.assign(pupils=schools["pupils"].where(schools.index != 13, 0)),
        weights="pupils",
    )
    refused("moments is 3; allowed are 1, 2", moments=3)
    refused(
        "covariates: name at least one column, and not that of the treatment", covariates=["lamp"]
    )
    refused("data has no column 'befor'; did you mean 'before'?", covariates=["befor"])


def test_balance_weights_hold_further_arms_apart(schools):
    arm = np.where(schools["lamp"] == 1, "lamp", "none").astype(object)
    arm[-5:] = "leap"
    data = schools.assign(arm=arm)
    data.loc[71, "before"] = np.nan  # nobody asks about the covariates of a further arm
    given = {"treatment": "arm", "covariates": ["before", "kind"], "reference": "none"}
    found = matching.balance_weights(data, arm="lamp", **given)
    two = data.iloc[:-5]
    plain = matching.balance_weights(two, **given)
    np.testing.assert_allclose(found["weight"], [*plain["weight"], 0, 0, 0, 0, 0], rtol=1e-9)
