"""Expectations of pupils against plain loops, and the deviations of schools."""

import numpy as np
import pandas as pd
import pytest
from scipy import interpolate

import evidence as ev
from evidence import matching
from evidence.data.sample.county import primary
from evidence.errors import EvidenceError

from ..refusal import assert_refused

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


def natural(x, knots):
    """Return a natural spline by cardinal functions: another basis of the same space."""
    spline = interpolate.CubicSpline(knots, np.eye(len(knots)), bc_type="natural")
    inside = np.clip(x, knots[0], knots[-1])
    return spline(inside) + (x - inside)[:, None] * spline(inside, 1)


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
        "column 'urn', row 4: empty (1 such row); every one of the pupils needs it: complete them "
        "or leave those rows out",
        pupils.assign(urn=pupils["urn"].astype(float).mask(pupils.index == 2)),
    )
    refused(
        "fit_on, row 2: neither True nor False (900 such rows); say of every row whether it is a "
        "comparison",
        fit_on=np.full(900, 2),
    )
    refused(
        "column 'flag', row 3: neither True nor False (1 such row); say of every row whether it "
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
        "row 2: fewer than smallest=5000 comparison pupils of other schools at its time (900 such "
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


@pytest.mark.slow
@pytest.mark.parametrize("method", ["regression", "cells"])
def test_deviations_of_schools_that_nobody_treated_average_zero(method):
    """Of 20 placebo programmes of 60 schools without effect, the mean deviation is about 0."""
    county = primary(np.random.default_rng(2026))
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


def test_school_results_stand_beside_those_of_similar_pupils(rng):
    n = 600
    pupils = pd.DataFrame(
        {
            "urn": rng.integers(0, 20, n).astype(str),
            "year": rng.integers(2018, 2020, n),
            "pre": rng.normal(0, 1, n),
            "fsm": rng.integers(0, 2, n),
            "same": 1,
        }
    )
    pupils["met"] = (pupils["pre"] + rng.normal(0, 1, n) > 0).astype(int)
    made = ev.matching.school_results(
        pupils, outcomes=["met"], cluster="urn", time="year", fit_on=pupils["urn"] != "3",
        baseline="pre", context=["fsm", "same"],
    )  # fmt: skip
    means = ev.impact.school_means(pupils, outcomes=["met"])
    both = made.merge(means, on=["urn", "year"], suffixes=("", "_plain"))
    assert len(both) == len(means)
    np.testing.assert_allclose(both["met"], both["met_plain"])
    assert np.corrcoef(both["met"], both["met, expected"])[0, 1] > 0.3
    assert both["n_pupils"].sum() == n


@pytest.mark.parametrize("name", ["n_pupils", "actual", "expected", "deviation"])
@pytest.mark.parametrize("role", ["cluster", "time", "outcomes"])
def test_school_results_refuse_a_column_named_as_one_of_their_own(rng, role, name):
    pupils = pd.DataFrame({
        "urn": np.arange(200) % 10, "year": 2019, "met": rng.normal(0, 1, 200), "of": True,
    })  # fmt: skip
    plan = {"cluster": "urn", "time": "year", "outcomes": "met"}
    with pytest.raises(EvidenceError) as error:
        ev.matching.school_results(
            pupils.rename(columns={plan[role]: name}), fit_on="of", **plan | {role: name}
        )
    assert str(error.value) == (
        f"column {name!r}: the result has a column of that name; rename it in the pupils"
    )
