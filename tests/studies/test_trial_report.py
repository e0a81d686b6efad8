"""A trial's report towards that of the EEF: its tables, and the same as PDF and Word."""

import io
from datetime import date

import pytest
from docx import Document as Word

import evidence as ev
from evidence.show import document
from evidence.show.document import Heading, Items, Picture
from evidence.show.words import capital
from evidence.studies.verdict import detectable

from .planning.test_promise import generated


@pytest.fixture(scope="module")
def study():
    """Return a trial of whole schools with its protocol."""
    seed = next(s for s in range(99) if generated(s)[0]["design"]["kind"] == "CRA2"
                and generated(s)[0]["analysis"]["covariates"]
                and len(generated(s)[0]["design"]["arms"]) == 2)  # fmt: skip
    said, plan, data = generated(seed)
    said["costs"] = {"pupils": 100, "items": [{"what": "Books", "yearly": 25_000.0}]}
    plan = plan | {"draws": 99, "imputations": 2, "simulated": True}
    return ev.Trial.read(data, plan, protocol=said)


def tables(study, question, column):
    """Return the tables of a section that have a column."""
    return [part for part in study.parts(question) if column in getattr(part, "columns", ())]


def test_the_smallest_effect_is_told_at_every_stage(study):
    (table,) = tables(study, "who took part", "stage")
    protocol, size = study.promised.protocol, study.sizes["post"]
    assert table["stage"].tolist() == ["protocol", "randomisation", "analysis"]
    assert table["units"].tolist() == [protocol.units] * 2 + [size.n_clusters]
    told = table["smallest effect found"].tolist()
    assert told == [f"{protocol.mdes():.2f} SD"] * 2 + [f"{detectable(size):.2f} SD"]


def test_differences_are_told_unadjusted_and_adjusted_with_their_variances(study):
    (table,) = tables(study, "what changed", "unadjusted difference")
    row, size = table.iloc[0], study.sizes["post"]
    plain = study.with_(baseline=None, covariates=[]).estimates["post"]
    for about, one in (("unadjusted", plain), ("adjusted", study.estimates["post"])):
        assert row[f"{about} difference"].replace("−", "-").startswith(f"{one.estimate:+.2f} (")
    assert float(row["variance_within"]) == pytest.approx(size.variance_within, abs=5e-4)
    assert float(row["icc"].replace("−", "-")) == pytest.approx(size.icc, abs=5e-4)


def test_costs_are_told_as_they_were_entered(study):
    assert (
        "What it cost: £250.00 a pupil a year on average over three years, for 100 pupils a year: "
        "moderate cost by EEF's rating." in study.parts("method")
    )


def test_the_report_ends_with_its_limits_and_its_sources(study):
    *_, limits, _, sources = study.parts("method")
    told = [line for (line,) in limits.items]
    strength = study.strengths["post"]
    assert told[: len(strength.reasons)] == [f"{capital(each)}." for each in strength.reasons]
    assert told[-1].startswith("The data do not show whether those who gave and marked the tests")
    assert not any("deviation from the protocol:" in line for line in told)
    cited = [line.split(",")[0] for (line,) in sources.items]
    assert {"Campbell", "Dong", "Hedges", "Pustejovsky", "Schulz"} <= {*cited}
    assert "Angrist" not in cited  # nobody's dosage is in the plan
    assert cited == sorted(cited)


@pytest.mark.slow
def test_the_report_is_printed_from_the_same_source(study):
    made = study.report().document(date(2027, 9, 1), "A. Researcher")
    heads = [block for block in made.blocks if isinstance(block, Heading)]
    titles = [block.text for block in heads if block.level == 1]
    assert titles[1:] == [section.title for section in study.report().sections]
    assert [block.text for block in heads[-2:]] == ["Limitations", "References"]
    assert [type(block) for block in made.blocks[-4:]] == [Heading, Items, Heading, Items]
    shown = [part for name in study.questions for part in study.parts(name)]
    drawn = [block.caption for block in made.blocks if isinstance(block, Picture)]
    assert drawn[1:] == [part.title for part in shown if hasattr(part, "png")]
    assert all(picture.wide <= 160 for picture in made.blocks if isinstance(picture, Picture))
    office = Word(io.BytesIO(document.word(made)))
    printed = [p for p in office.paragraphs if p._p.xpath(".//w:drawing")]
    assert [p.text.rstrip("\n") for p in printed] == drawn  # caption and picture are one paragraph
    assert max(shape.height.mm for shape in office.inline_shapes) < 117
    assert made.band == "Simulated data."
    assert made.facts[:2] == [("Date", "1 September 2027"), ("By", "A. Researcher")]
    again = study.report().document(date(2027, 9, 1), "A. Researcher")
    assert document.pdf(made) == document.pdf(again)
    assert document.word(made) == document.word(again)
