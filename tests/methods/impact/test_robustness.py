"""Other analyses of the same effect, and placebos: each is what it says, and the words fit."""

import math

import numpy as np
import pandas as pd
import pytest

import evidence as ev
from evidence.errors import EvidenceError

from .test_lagged_outcome import GIVEN, dense, parts_of, simulate

MODEL = {**GIVEN, "weights": "n", "covariates": ["fsm"], "overlap": ["leap"]}


@pytest.fixture(scope="module")
def panel():
    made = simulate(
        np.random.default_rng(11), schools=80, years=5, effect=9.0, chosen=16, noise=20.0
    )
    made["leap"] = (made["urn"].isin([f"s{i:03d}" for i in range(0, 80, 7)])).astype(int)
    made["leap"] *= (made["year"] >= 2018).astype(int)
    return made.assign(other=made["pct"] - 9.0 * made["lamp"])


@pytest.fixture(scope="module")
def checks(panel):
    return ev.impact.sensitivity(panel, placebo="other", unit_words="pp", draws=199, **MODEL)


def of(checks, label):
    return checks.table.set_index("label").loc[label]


def test_rows_are_what_their_labels_say(panel, checks):
    assert checks.table["primary"].tolist() == [True] + [False] * (len(checks.table) - 1)
    busy = panel.loc[panel["leap"] == 1, "urn"]
    plain = {k: v for k, v in MODEL.items() if k != "overlap"}
    for label, found in {
        "Given earlier results (primary)": ev.impact.given_past(panel, **MODEL),
        "Difference in differences": ev.impact.did(panel, **MODEL),
        "Given earlier results, without context": ev.impact.given_past(
            panel, **{**MODEL, "covariates": ()}
        ),
        "Other programmes not held fixed": ev.impact.given_past(panel, **plain),
        "Schools in no other programme": ev.impact.given_past(
            panel[~panel["urn"].isin(busy)], **plain
        ),
        "Difference in differences without the last year before": ev.impact.did(
            panel[panel["year"] != 2018], **MODEL
        ),
        "An outcome it cannot change": ev.impact.given_past(panel, **{**MODEL, "outcome": "other"}),
    }.items():
        row = of(checks, label)
        assert row["estimate"] == pytest.approx(found.estimate), label
        assert row["ci_upper"] == pytest.approx(found.ci_upper), label
    assert checks.skipped == ()


def test_balanced_row_weights_schools_until_means_agree(panel, checks):
    names = {k: v for k, v in MODEL.items() if k != "overlap"}
    before = ev.impact.before_start(panel, **names)
    assert before.columns.tolist() == [
        "treated", *(f"pct, {y}" for y in (2015, 2016, 2017, 2018)), "fsm", "log n",
    ]  # fmt: skip
    found = ev.matching.balance_weights(
        before, treatment="treated", covariates=[*before.columns[1:]]
    )
    weight = pd.Series(found["weight"].to_numpy(), before.index)
    data = panel.assign(w=panel["urn"].map(weight).fillna(0) * panel["n"])
    by_hand = ev.impact.did(data[data["w"] > 0], **{**MODEL, "weights": "w"})
    row = of(checks, "Difference in differences, balanced")
    assert row["estimate"] == pytest.approx(by_hand.estimate)


def test_before_start_takes_the_weights_as_context_too(panel):
    names = {k: v for k, v in MODEL.items() if k != "overlap"} | {"covariates": ["fsm", "n"]}
    before = ev.impact.before_start(panel, **names)
    np.testing.assert_allclose(np.log(before["n"]), before["log n"])


def test_text_is_context_as_its_shares(panel):
    kind = np.where(panel["fsm"] > 0.25, "needy", "calm")
    asked = {**MODEL, "draws": 99, "covariates": ["kind"]}
    text = ev.impact.sensitivity(panel.assign(kind=kind), **asked)
    number = ev.impact.sensitivity(panel.assign(kind=(kind == "needy") * 1.0), **asked)
    pd.testing.assert_frame_equal(text.table, number.table)
    assert text.oster == pytest.approx(number.oster)
    earlier = ev.impact.before_start(panel.assign(kind=kind), **GIVEN, covariates=["kind"])
    assert earlier.columns[-1] == "kind: needy"
    assert 0 < earlier["kind: needy"].mean() < 1
    with pytest.raises(EvidenceError, match="column 'name' has 400 different values"):
        ev.impact.sensitivity(
            panel.assign(name=[f"p{i}" for i in range(400)]), **{**asked, "covariates": ["name"]}
        )


def test_an_answer_holds_on_the_same_side_and_a_placebo_across_zero(checks):
    answers = checks.table[checks.table["kind"] == "answer"]
    first = answers.iloc[0]
    assert first["ci_lower"] > 0
    assert (answers["holds"] == (answers["ci_lower"] > 0)).all()
    placebo = checks.table[checks.table["kind"] == "placebo"]
    across = (placebo["ci_lower"] <= 0) & (placebo["ci_upper"] >= 0)
    assert (placebo["holds"] == across).all()


def test_leave_one_out_is_the_range_of_refits_with_the_same_components(panel):
    plain = {k: v for k, v in MODEL.items() if k != "overlap"}
    whole, parts = panel.drop(columns=["leap", "other"]), parts_of(panel)
    v, x, y = dense(whole, parts)
    found = []
    for unit in whole.loc[whole["lamp"] == 1, "urn"].unique():
        rows = (whole["urn"] != unit).to_numpy()
        inverse = np.linalg.inv(v[np.ix_(rows, rows)])
        left = x[rows].T @ inverse
        found.append(np.linalg.solve(left @ x[rows], left @ y[rows])[-1])
    checks = ev.impact.sensitivity(panel, draws=199, **plain)
    assert checks.leave_out_low == pytest.approx(min(found), rel=1e-6)
    assert checks.leave_out_high == pytest.approx(max(found), rel=1e-6)


def test_sentence_and_caveats_say_the_numbers(checks):
    held = int(checks.table.loc[checks.table["kind"] == "answer", "holds"].sum())
    total = int((checks.table["kind"] == "answer").sum())
    assert checks.headline() == f"The answer holds in {held} of {total} analyses"
    assert checks.caveats()[0] == f"the answer holds in {held} of {total} analyses"
    low = ev.words.number(checks.leave_out_low, 1, sign=True)
    assert f"Leaving out one school at a time, it lies between {low} and" in checks.sentence()
    assert any("Oster" in note for note in checks.notes)


def test_a_placebo_that_finds_something_is_a_caveat(panel):
    found = ev.impact.sensitivity(panel, placebo="pct", draws=199, **MODEL)
    assert "where there can be no effect one is found: an outcome it cannot change" in (
        found.caveats()
    )


def test_what_data_do_not_allow_is_named(panel):
    late = panel[panel["year"] >= 2018]
    found = ev.impact.sensitivity(late, draws=199, **MODEL)
    assert any(note.startswith("Drifts before the start: ") for note in found.skipped)
    assert "placebo" not in set(found.table["kind"])


def test_e_value_is_that_of_methods_5():
    # METHODS 5: d = .2 is a risk ratio of about 1.2, whose E-value is 1.69
    assert ev.impact.e_value(0.2) == pytest.approx(1.69, abs=0.005)
    assert ev.impact.e_value(-0.2) == ev.impact.e_value(0.2)
    assert ev.impact.e_value(math.log(3.9) / 0.91) == pytest.approx(7.26, abs=0.005)
    assert ev.impact.e_value(0.0) == 1.0


def test_oster_is_the_ratio_of_equation_3(panel, checks):
    names = {k: v for k, v in MODEL.items() if k != "overlap"}
    before = ev.impact.before_start(panel, **names)
    y = panel[panel["year"] == 2019].set_index("urn")["pct"].reindex(before.index)
    treated = before["treated"] == 1
    plain = y[treated].mean() - y[~treated].mean()
    r_plain = 1 - y.groupby(treated).transform(lambda v: v - v.mean()).var() / y.var()
    x = np.column_stack([np.ones(len(y)), before])
    beta = np.linalg.pinv(x) @ y
    r_full = 1 - (y - x @ beta).var() / y.var()
    top = min(1, 1.3 * r_full) - r_full
    expected = beta[1] * (r_full - r_plain) / ((plain - beta[1]) * top)
    assert ev.impact.oster(panel, **names) == pytest.approx(expected)
    assert checks.oster == pytest.approx(expected)


def test_gaps_are_differences_whose_precision_is_that_of_two_means():
    keys = {"urn": ["a", "a", "b"], "year": [2018, 2019, 2018]}
    group = pd.DataFrame({**keys, "n_pupils": [4, 6, 5], "met": [40.0, 50.0, 60.0]})
    others = pd.DataFrame({"urn": ["a", "b"], "year": [2018, 2018], "n_pupils": [12, 20],
                           "met": [70.0, 65.0]})  # fmt: skip
    made = ev.impact.gaps(group, others, outcomes=["met"])
    assert made.to_dict("list") == {
        "urn": ["a", "b"], "year": [2018, 2018], "n_pupils": [4, 5],
        "precision": [3.0, 4.0], "met": [-30.0, -5.0],
    }  # fmt: skip
    with pytest.raises(EvidenceError, match="met"):
        ev.impact.gaps(group, others.drop(columns="met"), outcomes=["met"])


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


def test_pictures_of_claim_and_checks_say_the_finding(panel, checks):
    model = {**MODEL, "overlap": ["leap"]}
    found, answer = ev.impact.rebound(panel, **model), ev.impact.given_past(panel, **model)
    claim = ev.pictures.claim(
        found,
        answer,
        title="Maths",
        unit="pp",
        verdict="better than similar",
        n_pupils=400.0,
        n_schools=16.0,
    )
    gain, anyway = (ev.words.number(x, 1, sign=True) for x in (found.gain, found.expected))
    assert claim.title == f"Maths: of {gain}, {anyway} was to be expected anyway"
    assert claim.table["estimate"].tolist() == [found.gain, found.expected, answer.estimate]
    shown = ev.pictures.checks(checks, n_pupils=400.0, worthwhile=3.0)
    answers = shown.table[~shown.table["label"].str.startswith("Placebo")]
    same = (answers["verdict"] == "better than similar").sum()
    assert shown.title == f"Better than similar in {same} of {len(answers)} analyses"
    assert shown.table["verdict"].iloc[0] == "better than similar"
    assert shown.table["label"].iloc[-1] == "Placebo: an outcome it cannot change"
    for picture in (claim, shown):
        assert picture.svg().startswith("<svg")
