"""Every sensible analysis in one engine: what holds, what is left out and why, in words."""

from dataclasses import dataclass
from typing import ClassVar

import pytest

from evidence.errors import EvidenceError
from evidence.methods.core.results import Estimate
from evidence.methods.core.specifications import Specifications, attempt


def estimate(value, error=0.1, df=40.0):
    return Estimate.tested(
        value, error, df, 0.95, estimand="itt", outcome="maths", treatment="a against b",
        method="by hand", unit="sd", n_obs=100, n_clusters=20, n_treated=50, n_control=50,
    )  # fmt: skip


def impossible():
    raise EvidenceError("the data do not allow it")


ANALYSES = {
    "As planned (primary)": ("answer", lambda: estimate(0.5)),
    "Wider": ("answer", lambda: estimate(0.4, error=0.5)),
    "Not possible": ("answer", impossible),
    "Endless": ("answer", lambda: estimate(0.4, error=float("inf"))),
    "Same side": ("answer", lambda: estimate(0.3)),
    "Earlier years": ("placebo", lambda: estimate(0.05)),
}


def test_table_has_what_was_possible_and_says_what_was_not():
    found = Specifications.run(ANALYSES, skipped=("Drifts: too few years",))
    table = found.to_frame()
    assert list(table.columns) == list(Specifications.COLUMNS)
    assert list(table["label"]) == ["As planned (primary)", "Wider", "Same side", "Earlier years"]
    assert list(table["holds"]) == [True, False, True, True]
    assert list(table["primary"]) == [True, False, False, False]
    assert list(found.of_kind("placebo")["label"]) == ["Earlier years"]
    assert set(table["n_pupils"]) == {100}
    assert (found.outcome, found.treatment) == ("maths", "a against b")
    assert found.skipped == (
        "Not possible: the data do not allow it",
        "Endless: the interval has no end",
        "Drifts: too few years",
    )
    assert "<li>Not possible: the data do not allow it.</li>" in found._repr_html_()


def test_sentence_counts_answers_and_names_those_that_differ():
    found = Specifications.run(ANALYSES)
    assert found.sentence() == (
        "The answer holds in 2 of 3 analyses; estimates lie between +0.30 and +0.50 SD. "
        "Not so: Wider. Where there can be no effect, none is found."
    )
    false = Specifications.run(ANALYSES | {"Writing": ("placebo", lambda: estimate(0.5))})
    assert false.sentence().endswith("Where there can be no effect, one is found: Writing.")
    alone = Specifications.run({"Plan": ("answer", lambda: estimate(0.5))}, unit="pp")
    assert alone.sentence() == (
        "The answer holds in 1 of 1 analyses; estimates lie between +0.50 and +0.50 percentage "
        "points."
    )


def test_fault_of_the_primary_analysis_is_raised():
    with pytest.raises(EvidenceError, match="the data do not allow it"):
        Specifications.run({"Plan": ("answer", impossible)} | ANALYSES)


def test_subclass_chooses_columns_digits_and_further_sentences():
    @dataclass(frozen=True, slots=True, eq=False, kw_only=True)
    class Short(Specifications):
        COLUMNS: ClassVar = ("label", "estimate", "holds")
        DIGITS: ClassVar = 1

        def _further_sentences(self):
            return ("Nothing else.",)

    found = Short.run({"Plan": ("answer", lambda: estimate(0.54))})
    assert list(found.table.columns) == ["label", "estimate", "holds"]
    assert found.sentence() == (
        "The answer holds in 1 of 1 analyses; estimates lie between +0.5 and +0.5 SD. Nothing else."
    )


def test_attempt_gives_the_result_or_the_reason():
    assert attempt(lambda: 3) == (3, "")
    assert attempt(impossible) == (None, "the data do not allow it")


def test_an_open_question_is_no_answer_that_holds():
    unsure = {label: ("answer", lambda size=size: estimate(size)) for label, size in
              (("Plan", 0.0), ("Other", 0.1))}  # fmt: skip
    found = Specifications.run(unsure)
    assert found.open
    assert found.headline() == (
        "The question stays open in 2 of 2 analyses: zero is in the interval"
    )
