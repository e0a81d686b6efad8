"""Other analyses of the same effect, and placebos: each is what it says, and the words fit."""

import numpy as np
import pandas as pd
import pytest

import evidence as ev
from evidence.errors import EvidenceError

from .simulated import GIVEN, MODEL, dense, parts_of


def of(checks, label):
    return checks.table.set_index("label").loc[label]


def test_rows_are_what_their_labels_say(low_panel, checks):
    assert checks.table["primary"].tolist() == [True] + [False] * (len(checks.table) - 1)
    busy = low_panel.loc[low_panel["leap"] == 1, "urn"]
    plain = {k: v for k, v in MODEL.items() if k != "overlap"}
    for label, found in {
        "Given earlier results (primary)": ev.impact.given_past(low_panel, **MODEL),
        "Difference in differences": ev.impact.did(low_panel, **MODEL),
        "Given earlier results, without context": ev.impact.given_past(
            low_panel, **{**MODEL, "covariates": ()}
        ),
        "Other programmes not held fixed": ev.impact.given_past(low_panel, **plain),
        "Schools in no other programme": ev.impact.given_past(
            low_panel[~low_panel["urn"].isin(busy)], **plain
        ),
        "Difference in differences without the last year before": ev.impact.did(
            low_panel[low_panel["year"] != 2018], **MODEL
        ),
        "An outcome it cannot change": ev.impact.given_past(
            low_panel, **{**MODEL, "outcome": "other"}
        ),
    }.items():
        row = of(checks, label)
        assert row["estimate"] == pytest.approx(found.estimate), label
        assert row["ci_upper"] == pytest.approx(found.ci_upper), label
    # Two schools are alike in all results: each decides half of the effect alone.
    assert checks.skipped == (
        "Difference in differences, same cells of results: one cluster alone decides the effect, "
        "so that no error can be estimated: more or smaller ones are needed, or leave out the "
        "covariates or strata that single it out",
    )


def test_balanced_row_weights_schools_until_means_agree(low_panel, checks):
    names = {k: v for k, v in MODEL.items() if k != "overlap"}
    before = ev.impact.before_start(low_panel, **names)
    assert before.columns.tolist() == [
        "treated", *(f"pct, {y}" for y in (2015, 2016, 2017, 2018)), "fsm", "log n",
    ]  # fmt: skip
    found = ev.matching.balance_weights(
        before, treatment="treated", covariates=[*before.columns[1:]]
    )
    weight = pd.Series(found["weight"].to_numpy(), before.index)
    data = low_panel.assign(w=low_panel["urn"].map(weight).fillna(0) * low_panel["n"])
    by_hand = ev.impact.did(data[data["w"] > 0], **{**MODEL, "weights": "w"})
    row = of(checks, "Difference in differences, balanced")
    assert row["estimate"] == pytest.approx(by_hand.estimate)


@pytest.mark.slow
def test_text_is_context_as_its_shares(low_panel):
    kind = np.where(low_panel["fsm"] > 0.25, "needy", "calm")
    asked = {**MODEL, "draws": 99, "covariates": ["kind"]}
    text = ev.impact.sensitivity(low_panel.assign(kind=kind), **asked)
    number = ev.impact.sensitivity(low_panel.assign(kind=(kind == "needy") * 1.0), **asked)
    pd.testing.assert_frame_equal(text.table, number.table)
    assert text.oster == pytest.approx(number.oster)
    earlier = ev.impact.before_start(low_panel.assign(kind=kind), **GIVEN, covariates=["kind"])
    assert earlier.columns[-1] == "kind: needy"
    assert 0 < earlier["kind: needy"].mean() < 1
    with pytest.raises(EvidenceError, match="column 'name' has 400 different values"):
        ev.impact.sensitivity(
            low_panel.assign(name=[f"p{i}" for i in range(400)]),
            **{**asked, "covariates": ["name"]},
        )


def test_an_answer_holds_on_the_same_side_and_a_placebo_across_zero(checks):
    answers = checks.table[checks.table["kind"] == "answer"]
    first = answers.iloc[0]
    assert first["ci_lower"] > 0
    assert (answers["holds"] == (answers["ci_lower"] > 0)).all()
    placebo = checks.table[checks.table["kind"] == "placebo"]
    across = (placebo["ci_lower"] <= 0) & (placebo["ci_upper"] >= 0)
    assert (placebo["holds"] == across).all()


@pytest.mark.slow
def test_leave_one_out_is_the_range_of_refits_with_the_same_components(low_panel):
    plain = {k: v for k, v in MODEL.items() if k != "overlap"}
    whole, parts = low_panel.drop(columns=["leap", "other"]), parts_of(low_panel)
    v, x, y = dense(whole, parts)
    found = []
    for unit in whole.loc[whole["lamp"] == 1, "urn"].unique():
        rows = (whole["urn"] != unit).to_numpy()
        inverse = np.linalg.inv(v[np.ix_(rows, rows)])
        left = x[rows].T @ inverse
        found.append(np.linalg.solve(left @ x[rows], left @ y[rows])[-1])
    checks = ev.impact.sensitivity(low_panel, draws=199, **plain)
    assert checks.leave_out_low == pytest.approx(min(found), rel=1e-6)
    assert checks.leave_out_high == pytest.approx(max(found), rel=1e-6)


def test_sentence_and_caveats_say_the_numbers(checks):
    held = int(checks.table.loc[checks.table["kind"] == "answer", "holds"].sum())
    total = int((checks.table["kind"] == "answer").sum())
    assert checks.headline() == f"The answer holds in {held} of {total} analyses"
    answers = checks.table.loc[checks.table["kind"] == "answer", "estimate"]
    ends = " and ".join(ev.words.number(x, 1, sign=True) for x in (answers.min(), answers.max()))
    assert checks.caveats()[0] == (
        f"the answer holds in {held} of {total} analyses, with estimates between {ends}"
    )
    low = ev.words.number(checks.leave_out_low, 1, sign=True)
    assert f"Leaving out one school at a time, it lies between {low} and" in checks.sentence()
    assert any("Oster" in note for note in checks.notes)


def test_a_placebo_that_finds_something_is_a_caveat(low_panel):
    found = ev.impact.sensitivity(low_panel, placebo="pct", draws=199, **MODEL)
    assert "where there can be no effect one is found: an outcome it cannot change" in (
        found.caveats()
    )


def test_what_data_do_not_allow_is_named(low_panel):
    late = low_panel[low_panel["year"] >= 2018]
    found = ev.impact.sensitivity(late, draws=199, **MODEL)
    assert any(note.startswith("Drifts before the start: ") for note in found.skipped)
    assert "placebo" not in set(found.table["kind"])


@pytest.mark.slow
def test_pictures_of_claim_and_checks_say_the_finding(low_panel, checks):
    model = {**MODEL, "overlap": ["leap"]}
    found, answer = ev.impact.rebound(low_panel, **model), ev.impact.given_past(low_panel, **model)
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
    assert claim.title == (
        f"Maths: {anyway.lstrip('+')} of the {gain.lstrip('+')}-percentage-point gain was expected "
        "without the programme"
    )
    assert claim.table["estimate"].tolist() == [found.gain, found.expected, answer.estimate]
    shown = ev.pictures.checks(checks, n_pupils=400.0, worthwhile=3.0)
    answers = shown.table[~shown.table["label"].str.startswith("Placebo")]
    same = (answers["verdict"] == "better than similar").sum()
    assert shown.title == f"Better than similar pupils in {same} of {len(answers)} analyses"
    assert shown.table["verdict"].iloc[0] == "better than similar"
    assert shown.table["label"].iloc[-1] == "Placebo: an outcome it cannot change"
    for picture in (claim, shown):
        assert picture.svg().startswith("<svg")
