"""Expectations against plain loops, weights against other solvers, and what is refused."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import interpolate, optimize

from evidence import matching, trials
from evidence.data import sample_county
from evidence.errors import EvidenceError
from evidence.studies import pictures

MODEL = {
    "outcome": "score",
    "cluster": "urn",
    "fit_on": "similar",
    "baseline": "ks1",
    "context": ("sen", "fsm"),
    "time": "year",
}


@pytest.fixture
def pupils(rng):
    """Return 20 schools in two years; the first 5 are no comparison; some values are missing."""
    n = 900
    frame = pd.DataFrame(
        {
            "urn": rng.integers(100, 120, n),
            "year": rng.integers(2018, 2020, n),
            "ks1": np.round(rng.normal(15, 4, n) * 2) / 2,
            "sen": rng.choice(["N", "K", "E"], n, p=[0.75, 0.2, 0.05]),
            "fsm": rng.integers(0, 2, n),
        }
    )
    frame["score"] = 80 + 1.4 * frame["ks1"] - 3 * frame["fsm"] + rng.normal(0, 5, n)
    frame["similar"] = frame["urn"] >= 105
    frame.loc[::17, "ks1"] = np.nan
    frame.loc[5::31, "score"] = np.nan
    return frame


@pytest.fixture
def schools(rng):
    """Return 12 treated and 60 comparison schools that differ."""
    n = 72
    treated = np.arange(n) < 12
    return pd.DataFrame(
        {
            "lamp": treated.astype(int),
            "before": rng.normal(60, 10, n) - 6 * treated,
            "fsm": rng.normal(20, 8, n),
            "rural": (rng.random(n) < np.where(treated, 0.6, 0.3)).astype(int),
            "kind": rng.choice(["infant", "junior", "primary"], n),
            "pupils": rng.integers(8, 60, n),
        }
    )


def assert_refused(message, call, *tables, **given):
    with pytest.raises(EvidenceError) as error:
        call(*tables, **given)
    assert str(error.value) == message


def natural(x, knots):
    """Return a natural spline by cardinal functions: another basis of the same space."""
    spline = interpolate.CubicSpline(knots, np.eye(len(knots)), bc_type="natural")
    inside = np.clip(x, knots[0], knots[-1])
    return spline(inside) + (x - inside)[:, None] * spline(inside, 1)


# what similar pupils achieve -------------------------------------------------------------------


def test_expected_by_regression_is_least_squares_without_the_own_school(pupils):
    found = matching.expected(pupils, **MODEL, intake=("ks1",))
    gap = pupils["ks1"].isna()
    fit = pupils["similar"] & pupils["score"].notna()
    knots = pupils.loc[fit, "ks1"].quantile([0.05, 0.275, 0.5, 0.725, 0.95]).to_numpy()
    centred = (pupils["ks1"] - pupils.loc[fit, "ks1"].mean()).fillna(0)
    groups = [pupils["urn"], pupils["year"]]
    x = np.column_stack(
        [
            np.where(gap.to_numpy()[:, None], 0, natural(pupils["ks1"].to_numpy(), knots)),
            pd.get_dummies(pupils[["sen", "fsm", "year"]].astype(str)).to_numpy(float),
            centred.groupby(groups).transform("mean"),
            gap,
            gap.groupby(groups).transform("mean"),
        ]
    )
    for urn in pupils["urn"].unique():
        own = pupils["urn"] == urn
        rows = fit & ~own
        by_hand = np.linalg.lstsq(x[rows], pupils.loc[rows, "score"], rcond=None)[0]
        np.testing.assert_allclose(found.loc[own, "expected"], x[own] @ by_hand, rtol=1e-9)
        assert (found.loc[own, "n_similar"] == rows.sum()).all()
    assert (found["basis"] == "regression").all()


@pytest.mark.parametrize(
    ("smallest", "bases"),
    [(17, {"ks1 × sen × fsm", "ks1 × sen", "ks1"}), (90, {"ks1", "ks1 in 2 bands", "all"})],
)
def test_expected_by_cells_is_the_mean_of_the_finest_large_cell(pupils, smallest, bases):
    found = matching.expected(pupils, **MODEL, method="cells", bands=4, smallest=smallest)
    fit = pupils["similar"] & pupils["score"].notna()
    edges = pupils.loc[fit, "ks1"].quantile([0.25, 0.5, 0.75])
    band = pupils["ks1"].map(lambda x: -1 if x != x else int((x >= edges).sum()))
    cells = pupils.assign(ks1=band, **{"ks1 in 2 bands": band // 2})
    levels = [["ks1", "sen", "fsm"], ["ks1", "sen"], ["ks1"], ["ks1 in 2 bands"], []]
    for place in range(0, len(pupils), 29):
        row = cells.iloc[place]
        for level in levels:
            same = fit & (cells["urn"] != row["urn"]) & (cells["year"] == row["year"])
            for name in level:
                same &= cells[name] == row[name]
            if same.sum() >= smallest:
                break
        answer = found.iloc[place]
        assert answer["expected"] == pytest.approx(pupils.loc[same, "score"].mean(), rel=1e-12)
        assert answer["n_similar"] == same.sum()
        assert answer["basis"] == (" × ".join(level) or "all")
    assert set(found["basis"]) == bases


@pytest.mark.parametrize("method", ["regression", "cells"])
def test_expected_never_uses_a_school_s_own_results_nor_those_of_others_than_comparison(
    pupils, method
):
    first = matching.expected(pupils, **MODEL, method=method)
    own = pupils["urn"] == 110
    raised = pupils.assign(score=pupils["score"] + 500 * own + 900 * ~pupils["similar"])
    second = matching.expected(raised, **MODEL, method=method)
    np.testing.assert_allclose(first.loc[own, "expected"], second.loc[own, "expected"], rtol=1e-11)
    others = pupils["similar"] & ~own
    assert (second.loc[others, "expected"] > first.loc[others, "expected"] + 1).mean() > 0.9
    assert (first["comparison"] == (pupils["similar"] & pupils["score"].notna())).all()


@pytest.mark.parametrize("method", ["regression", "cells"])
@pytest.mark.parametrize(
    "change",
    [
        lambda d: d.sample(frac=1, random_state=3),
        lambda d: d.assign(urn=d["urn"].astype(str).astype("category")),
        lambda d: d.assign(ks1=d["ks1"].astype("Float64"), similar=d["similar"].astype("boolean")),
        lambda d: d.set_index(pd.Index(np.zeros(len(d), int))),
    ],
)
def test_expected_whatever_the_types_and_order_gives_the_same(pupils, method, change):
    changed = change(pupils.assign(row=np.arange(len(pupils))))
    before = changed.copy(deep=True)
    found = matching.expected(changed, **MODEL, method=method)
    plain = matching.expected(pupils, **MODEL, method=method).iloc[changed["row"]]
    np.testing.assert_allclose(found["expected"], plain["expected"], rtol=1e-10)
    assert found.index.equals(changed.index)
    pd.testing.assert_frame_equal(changed, before)


def test_expected_keeps_everybody_and_deviates_only_from_known_results(pupils):
    found = matching.expected(pupils, **MODEL)
    assert found["expected"].notna().all()
    np.testing.assert_allclose(found["deviation"], pupils["score"] - found["expected"])
    assert found["deviation"].isna().sum() == pupils["score"].isna().sum()


def test_expected_of_a_level_that_no_other_school_has_says_what_it_did_without(pupils):
    odd = pupils.assign(sen=pupils["sen"].mask((pupils["urn"] == 110) & (pupils["fsm"] == 1), "X"))
    found = matching.expected(odd, **MODEL)
    alone = odd["sen"] == "X"
    assert (found.loc[alone, "basis"] == "regression without sen: X").all()
    assert (found.loc[~alone, "basis"] == "regression").all()
    as_usual = matching.expected(odd.assign(sen=odd["sen"].replace("X", "N")), **MODEL)
    np.testing.assert_allclose(
        found.loc[alone, "expected"], as_usual.loc[alone, "expected"], rtol=1e-10
    )


def test_expected_takes_months_as_labels_and_ages_as_numbers(pupils, rng):
    month = rng.integers(1, 13, len(pupils))
    given = MODEL | {"context": ("month",)}
    numbers = matching.expected(pupils.assign(month=month), **given)
    words = matching.expected(pupils.assign(month=[f"m{m}" for m in month]), **given)
    np.testing.assert_allclose(numbers["expected"], words["expected"], rtol=1e-10)
    older = matching.expected(pupils.assign(month=month + rng.random(len(pupils))), **given)
    assert not np.allclose(older["expected"], words["expected"])


def test_expected_with_wrong_input_says_what_where_and_how_to_mend(pupils):
    def refused(message, data=pupils, **change):
        assert_refused(message, matching.expected, data, **(MODEL | change))

    refused(
        "column 'urn', row 3: empty (1 such rows); every one of the pupils needs it: complete them "
        "or leave those rows out",
        pupils.assign(urn=pupils["urn"].astype(float).mask(pupils.index == 2)),
    )
    refused(
        "fit_on, row 1: neither True nor False (900 such rows); say of every row whether it is a "
        "comparison",
        fit_on=np.full(900, 2),
    )
    refused(
        "column 'flag', row 2: neither True nor False (1 such rows); say of every row whether it "
        "is a comparison",
        pupils.assign(flag=pupils["similar"].astype("boolean").mask(pupils.index == 1)),
        fit_on="flag",
    )
    refused("fit_on has 2 values for 900 rows: give one a row", fit_on=[True, False])
    refused(
        "fit_on has another index than data: make it from this table",
        fit_on=pupils["similar"].iloc[::-1],
    )
    refused(
        "1 comparison schools with score; at least two are needed, so that each can be compared "
        "with another: widen fit_on",
        fit_on=pupils["urn"] == 110,
    )
    refused("column 'score' is the outcome: it cannot explain itself", context=["score"])
    refused("method is 'tree'; allowed are regression, cells", method="tree")
    refused("smallest is 0; a whole number from 1 on is needed", smallest=0)
    refused(
        "intake= is for method='regression'; cells have context= only",
        method="cells",
        intake=["ks1"],
    )
    refused(
        "row 1: fewer than smallest=5000 comparison pupils of other schools at its time (900 such "
        "rows): lower smallest, widen fit_on, or leave that time out",
        method="cells",
        smallest=5000,
    )
    refused(
        "column 'score' is constant among comparison pupils: there is nothing to explain",
        pupils.assign(score=1.0),
    )
    refused("column 'ks1': no comparison row has a value", pupils.assign(ks1=np.nan))
    refused(
        "column 'name' has 900 different labels; a context may have 50. Give numbers or broader "
        "groups",
        pupils.assign(name=[f"p{i}" for i in range(900)]),
        context=["name"],
    )
    few = pupils[pupils["urn"].isin([110, 111])].groupby("urn").head(6)
    assert_refused(
        "12 comparison rows are too few for a regression of 10 columns that leaves out each school "
        "in turn: give more rows or fewer columns",
        matching.expected,
        few.assign(score=np.arange(12.0), ks1=np.arange(12.0), year=2018, sen=list("NKE") * 4,
                   similar=True, age=np.arange(12) / 7),
        **MODEL | {"context": ("sen", "fsm", "age"), "intake": ("ks1",)},
    )  # fmt: skip


# schools and years -------------------------------------------------------------------------------


def test_deviations_are_means_with_the_pooled_variance_within():
    pupils = pd.DataFrame({"urn": list("bbaaac"), "year": [1, 1, 1, 1, 2, 2]})
    found = pd.DataFrame(
        {
            "actual": [4.0, 8, 7, 9, 1, np.nan],
            "expected": [5.0, 5, 7, 7, 3, 4],
            "deviation": [-1.0, 3, 0, 2, -2, np.nan],
            "comparison": [True, True, True, True, False, False],
        }
    )
    table = matching.deviations(pupils, found, cluster="urn", time="year")
    # squares about the means of the two comparison groups: (4 + 4) + (1 + 1) over 4 − 2
    expected = pd.DataFrame(
        {
            "urn": ["a", "a", "b", "c"],
            "year": [1, 2, 1, 2],
            "n_pupils": [2, 1, 2, 0],
            "actual": [8, 1, 6, np.nan],
            "expected": [7, 3, 5, np.nan],
            "deviation": [1, -2, 1, np.nan],
            "variance": [2.5, 5, 2.5, np.nan],
            "comparison": [True, False, True, False],
        }
    )
    pd.testing.assert_frame_equal(table, expected, check_dtype=False)
    whole = matching.deviations(pupils, found, cluster="urn")
    assert list(whole["urn"]) == ["a", "b", "c"]
    assert list(whole["n_pupils"]) == [3, 2, 0]
    yes_no = found.assign(actual=[0, 1, 1, 1, 0, np.nan])
    table = matching.deviations(pupils, yes_no, cluster="urn", time="year")
    assert table.loc[0, ["actual", "deviation", "variance"]].tolist() == [100, 100, 25_000]
    assert_refused(
        "found has other rows than pupils: give the table that expected() returned for them",
        matching.deviations, pupils, found.iloc[::-1], cluster="urn",
    )  # fmt: skip


@pytest.fixture
def panel(rng):
    """Return 30 schools in 2015 to 2019; the first 6 start in 2018; one result is missing."""
    school = np.repeat(np.arange(30), 5)
    frame = pd.DataFrame({"urn": school, "year": np.tile(np.arange(2015, 2020), 30)})
    frame["pct"] = 60 + rng.normal(0, 8, 30)[school] + rng.normal(0, 5, 150)
    frame["fsm"] = rng.normal(20, 6, 150)
    frame["n"] = rng.integers(10, 60, 150)
    frame["start"] = np.where(school < 6, 2018, np.nan)
    frame["similar"] = school >= 6
    frame.loc[77, "pct"] = np.nan
    return frame


LAGGED = {
    "outcome": "pct",
    "unit": "urn",
    "time": "year",
    "fit_on": "similar",
    "start": "start",
    "context": ["fsm"],
}


def test_expected_schools_is_least_squares_on_results_before_the_start(panel):
    found = matching.expected_schools(panel, **LAGGED, weights="n")
    wide = panel.pivot_table(index="urn", columns="year", values="pct")

    def by_hand(urn, year, lags):
        table = panel.assign(
            **{f"lag{k}": [wide.loc[u].get(y - k, np.nan)
                           for u, y in zip(panel["urn"], panel["year"], strict=True)]
               for k in lags}
        )  # fmt: skip
        names = [f"lag{k}" for k in lags]
        learn = table[table["similar"] & table["pct"].notna()].dropna(subset=names)
        own = table[(table["urn"] == urn) & (table["year"] == year)]
        learn = learn[learn["urn"] != urn]
        years = [(t["year"].to_numpy()[:, None] == np.arange(2015, 2020)) for t in (learn, own)]
        x, at = (
            np.column_stack([y, t[["fsm", *names]]])
            for y, t in zip(years, (learn, own), strict=True)
        )
        root = np.sqrt(learn["n"].to_numpy())
        beta = np.linalg.lstsq(root[:, None] * x, root * learn["pct"], rcond=None)[0]
        return float((at @ beta)[0])

    for urn, year, lags, basis in (
        (3, 2017, (1, 2), "results 1, 2 before"),
        (3, 2018, (1, 2), "results 1, 2 before"),
        (3, 2019, (2, 3), "results 2, 3 before"),
        (9, 2019, (1, 2), "results 1, 2 before"),
        (9, 2016, (1,), "results 1 before"),
        (9, 2015, (), "no earlier result"),
        (15, 2018, (2,), "results 2 before"),
    ):
        row = found[(panel["urn"] == urn) & (panel["year"] == year)].iloc[0]
        assert row["basis"] == basis
        assert row["expected"] == pytest.approx(by_hand(urn, year, lags), rel=1e-9)


def test_expected_schools_never_uses_results_since_the_start(panel):
    treated = (panel["urn"] < 6) & (panel["year"] >= 2018)
    first = matching.expected_schools(panel, **LAGGED)
    second = matching.expected_schools(panel.assign(pct=panel["pct"] + 40 * treated), **LAGGED)
    np.testing.assert_allclose(first["expected"], second["expected"], rtol=1e-12)
    earlier = (panel["urn"] == 2) & (panel["year"] == 2017)
    third = matching.expected_schools(panel.assign(pct=panel["pct"] + 40 * earlier), **LAGGED)
    moved = ~np.isclose(third["expected"], first["expected"])
    assert panel.loc[moved, ["urn", "year"]].values.tolist() == [[2, 2018], [2, 2019]]


def test_expected_schools_variance_falls_with_pupils(panel):
    found = matching.expected_schools(panel, **LAGGED, weights="n")
    product = (found["variance"] * panel["n"]).groupby(found["basis"], observed=True)
    assert (product.std().dropna() < 1e-9).all()
    holes = panel.assign(n=panel["n"].mask(panel.index == 60))
    without = matching.expected_schools(holes, **LAGGED, weights="n")
    assert not without["comparison"][60]
    assert np.isnan(without["variance"][60])


def test_expected_schools_with_wrong_input_says_how_to_mend(panel):
    assert_refused(
        "columns 'urn' and 'year': there must be one row a unit and time",
        matching.expected_schools, pd.concat([panel, panel.iloc[:1]]), **LAGGED,
    )  # fmt: skip
    assert_refused(
        "column 'year': times must be whole steps apart, such as years",
        matching.expected_schools, panel.assign(year=panel["year"] + 0.5), **LAGGED,
    )  # fmt: skip
    assert_refused(
        "column 'n': weights must not be negative",
        matching.expected_schools, panel.assign(n=-1), **LAGGED, weights="n",
    )  # fmt: skip
    assert_refused(
        "lags is 0; a whole number from 1 on is needed",
        matching.expected_schools, panel, **LAGGED, lags=0,
    )  # fmt: skip


# who stands in ---------------------------------------------------------------------------------


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
        "column 'before', row 5: empty (1 such rows); a covariate to balance has no gaps: complete "
        "it, leave those rows out, or take a column that says where it is missing",
        schools.assign(before=schools["before"].mask(schools.index == 4)),
    )
    refused(
        "column 'pupils', row 14: base weights must be positive; leave out rows that shall not "
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
    one, nought = (np.flatnonzero(schools["lamp"] == arm) for arm in (1, 0))
    pooled = (logit[one].var(ddof=1) * 11 + logit[nought].var(ddof=1) * 59) / 70
    weight = np.zeros(72)
    for row in one:
        far = np.abs(logit[nought] - logit[row])
        if far.min() <= 0.2 * np.sqrt(pooled):
            weight[row] += 1
            weight[nought[far.argmin()]] += 1
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


def test_coarsened_weights_cells_as_the_treated():
    data = pd.DataFrame(
        {"t": [1, 1, 1, 0, 0, 0, 0], "kind": list("aabaaac"), "x": [1, 1, 1, 1, 1, 1, 1]}
    )
    found = matching.coarsened(data, treatment="t", covariates=["kind", "x"])
    np.testing.assert_allclose(found["weight"], [1, 1, 0, 2 / 3, 2 / 3, 2 / 3, 0])
    assert_refused(
        "no cell of kind: b, kind: c holds treated and comparison rows: take fewer bands or "
        "covariates",
        matching.coarsened, data.assign(kind=list("aaabbcc")), treatment="t", covariates=["kind"],
    )  # fmt: skip


def test_effective_size():
    assert matching.effective_size([1, 1, 0, 2]) == pytest.approx(16 / 6)
    assert matching.effective_size([3, 3, 3]) == pytest.approx(3)
    message = "weights must be finite numbers, none negative and not all 0"
    for wrong in ([1, -1], [0, 0], [1, np.nan]):
        assert_refused(message, matching.effective_size, wrong)


# how alike -------------------------------------------------------------------------------------


def test_balance_before_is_that_of_trials_and_after_is_nought(schools):
    names = ["before", "rural", "kind"]
    given = {"treatment": "lamp", "covariates": names}
    weight = matching.balance_weights(schools, **given)["weight"]
    found = matching.balance(schools, **given, weights=weight)
    before = trials.balance(schools, **given)
    table = found.to_frame()
    np.testing.assert_allclose(table["before"], before.table["effect_size"])
    np.testing.assert_allclose(table["effect_size"], 0, atol=1e-8)
    assert (table["band"] == "ok").all()
    equal = matching.balance(schools, **given, weights=np.ones(72)).to_frame()
    pd.testing.assert_frame_equal(equal[before.table.columns], before.table)
    worst = before.table["effect_size"].abs().max()
    size = matching.effective_size(weight[schools["lamp"] == 0])
    assert found.sentence().startswith("lamp against no lamp, weighted: the largest difference at ")
    assert found.sentence().endswith(
        f"small enough to leave alone. Before weighting the largest was {worst:.2f} SD. The 60 "
        f"comparison rows count as {size:.1f}."
    )


def test_balance_counts_who_has_no_match_and_who_lies_outside(schools):
    data = schools.assign(fsm=schools["fsm"].where(schools.index != 0, 95.0))
    given = {"treatment": "lamp", "covariates": ["fsm"]}
    weight = matching.nearest(data, caliper=0.5, **given)["weight"]
    found = matching.balance(data.assign(w=weight), **given, weights="w")
    assert found.to_frame()["outside"].tolist() == [1]
    assert found.n_unmatched == 1
    assert found.sentence().endswith(" 1 of 12 treated rows have no match and are left out.")
    kept = data[(data["lamp"] == 1) & (weight > 0)]
    assert found.to_frame()["mean_treated"][0] == pytest.approx(kept["fsm"].mean())
    assert_refused(
        "weights, row 1: missing or negative (72 such rows); a weight is 0 or more",
        matching.balance, data, **given, weights=-weight - 1,
    )  # fmt: skip
    assert_refused(
        "weights: no treated row has a positive one",
        matching.balance, data, **given, weights=1 - data["lamp"],
    )  # fmt: skip


def test_love_plot_shows_before_hollow_and_after_solid(schools):
    given = {"treatment": "lamp", "covariates": ["before", "fsm"]}
    weight = matching.balance_weights(schools, **given)["weight"]
    found = matching.balance(schools, **given, weights=weight)
    picture = pictures.balance(found, {"before": "Maths before"})
    worst = found.table["before"].abs().max()
    assert picture.title == (
        f"Weighted, the groups are alike; unweighted, they differ by up to {worst:.2f} SD"
    )
    assert picture.alt.endswith(f"The largest is 0.00 SD. Before weighting it was {worst:.2f} SD.")
    assert picture.table["covariate"].tolist() == ["Maths before", "fsm"]
    hollow, solid = picture.plot().get_lines()[1:]
    assert (hollow.get_label(), solid.get_label()) == ("as they were", "weighted")
    assert (hollow.get_markerfacecolor(), solid.get_markerfacecolor()) == ("white", "#12436D")
    np.testing.assert_allclose(hollow.get_xdata(), found.table["before"].round(2))


def test_love_plot_of_few_rows_shows_nothing():
    data = pd.DataFrame({"t": [1, 1, 0, 0, 0], "x": [11.0, 12, 0, 1.5, 4]})
    found = matching.balance(data, treatment="t", covariates=["x"], weights=np.ones(5))
    picture = pictures.balance(found)
    assert picture.table.empty
    assert picture.title == "The groups differed before the start"
    assert picture.alt.endswith("No column can be shown. 1 categories of few pupils are left out.")


# the sample county -----------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("method", ["regression", "cells"])
def test_deviations_of_schools_that_nobody_treated_average_nought(method):
    """Of 20 placebo programmes of 60 schools without effect, the mean deviation is about 0."""
    county = sample_county.primary(np.random.default_rng(2026))
    pupils = county.pupils.assign(maths=county.without["maths"])
    rng, z = np.random.default_rng(7), []
    model = {"outcome": "maths", "cluster": "at", "time": "year", "baseline": "ks1",
             "context": ("sen", "fsm", "eal", "birth_month"), "method": method}  # fmt: skip
    for _ in range(20):
        placebo = pupils["at"].isin(rng.permutation(280)[:60])
        found = matching.expected(pupils, fit_on=~placebo, **model)
        table = matching.deviations(pupils, found, cluster="at")
        mine = table.loc[~table["comparison"], "deviation"].dropna()
        z.append(mine.mean() / (mine.std() / np.sqrt(len(mine))))
    assert abs(np.mean(z)) < 3 / np.sqrt(20)
    assert np.mean(np.abs(z) > 2) < 0.15
