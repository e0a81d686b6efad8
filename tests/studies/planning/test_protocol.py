"""The contract of protocol.toml: what it refuses, its blank form, what follows from it."""

import tomllib
from datetime import date

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT

from evidence.errors import EvidenceError
from evidence.studies.planning import protocol as protocols
from evidence.studies.planning.proposal import propose
from evidence.studies.planning.protocol import blank, read

from .protocols import protocol


def faults(**changes):
    """Return the faults of a changed protocol."""
    with pytest.raises(EvidenceError) as caught:
        read(protocol(**changes))
    return [*caught.value.faults]


def test_what_is_written_is_read_again():
    values = protocol()
    assert read(tomllib.loads(blank(values))) == read(values)


def test_a_blank_protocol_names_what_must_be_filled_in():
    text, _ = propose("IRA")
    with pytest.raises(EvidenceError) as caught:
        read(tomllib.loads(text))
    assert [*caught.value.faults] == [
        "protocol: title is ''; it is needed",
        "protocol: question is ''; it is needed",
        "protocol: outcomes, entry 1, name is ''; it is needed",
        "protocol: outcomes, entry 1, smallest_worthwhile is missing; it is needed",
    ]


@pytest.mark.parametrize("kind", sorted(protocols.DESIGNS))
def test_a_filled_blank_of_every_design_is_read(kind):
    text, _ = propose(kind)
    for key, value in (("title", '"A"'), ("question", '"Q?"'), ("name", '"post"')):
        text = text.replace(f'\n{key} = ""', f"\n{key} = {value}")
    text = text.replace("# smallest_worthwhile =", "smallest_worthwhile = 0.2 ")
    assert read(tomllib.loads(text)).design.kind == kind


def test_every_key_of_the_blank_says_what_it_is():
    lines = propose()[0].partition("# Assumptions")[0].splitlines()
    keys = [line for line in lines if " =" in line]
    assert len(keys) > 80
    assert [line for line in keys if "  # " not in line] == []


def test_all_faults_are_told_at_once_each_naming_its_key():
    found = faults(
        title="",
        dated="soon",
        design={"kind": "CRA", "arm": 1},
        allocation={"method": "coin"},
        columns={"fsm": {"code": {}}},
    )
    assert found == [
        "protocol: title is ''; it is needed",
        "protocol: dated is 'soon'; a day is needed, such as 2026-09-01",
        *found[2:3],
        "protocol: design, arm is no parameter; did you mean 'arms'?",
        "protocol: allocation, method is 'coin'; allowed are blocks, pairs, minimisation, "
        "rerandomisation",
        "protocol: columns, fsm, code is no parameter; did you mean 'codes'?",
    ]
    assert found[2].startswith("protocol: design, kind is 'CRA'; allowed are IRA, BIRA2_constant")


def test_contradictions_are_told_at_once():
    outcomes = protocol()["outcomes"]
    twice = [outcomes[1] | {"name": "read_pre", "lowest": 5.0, "highest": 1.0}] * 2
    found = faults(
        outcomes=twice,
        design={"arms": {"together": 1}, "control": "usual"},
        allocation={"method": "pairs", "sizes": {"togethr": 3}},
        analysis={"cluster": "", "dosage": "area"},
        columns={"fms": {}},
        sample={"rho2": 1.5, "rho3": 0.1},
    )
    assert found == [
        "protocol: design, arms: at least two are needed",
        "protocol: design, control: is 'usual'; allowed: together",
        "protocol: outcomes: 0 are primary; exactly one is needed",
        "protocol: outcomes: 'read_pre' is there twice",
        "protocol: dosage: column 'area' is strata as well; name another",
        "protocol: outcome: column 'read_pre' is baseline as well; name another",
        "protocol: outcomes, entry 1: highest is below lowest",
        "protocol: outcomes, entry 2: highest is below lowest",
        "protocol: analysis, cluster: is needed, as CRA2 allocates whole groups",
        "protocol: allocation, covariates: is needed for pairs",
        "protocol: allocation, sizes: 'togethr' is no arm; did you mean 'together'?",
        "protocol: columns, fms: no analysis uses it; did you mean 'fsm'?",
        "protocol: sample: rho2 is 1.5; a number from 0 to 1 is needed",
        "protocol: sample: CRA2: there is no rho3=; did you mean 'rho2'?",
    ]


def test_a_slip_in_one_part_does_not_hide_what_another_part_contradicts():
    outcome = {"name": "", "smallest_worthwhile": "much"}
    found = faults(
        title=3,
        design={"arms": {"together": 1, "usual": 1}, "usal": "Lessons."},
        allocation={"strat": ["area"]},
        outcomes=[protocol()["outcomes"][0], outcome, outcome],
        timeline=[{"what": "Allocation"}],
        sample={"rho2": 1.5, "J": 1e10, "disadvantaged": 25},
    )
    assert found == [
        "protocol: title is 3; a text is needed, such as 'maths'",
        "protocol: design, usal is no parameter; did you mean 'usual'?",
        "protocol: allocation, strat is no parameter; did you mean 'strata'?",
        *(f"protocol: outcomes, entry {n}, {fault}" for n in (2, 3) for fault in (
            "name is ''; it is needed", "smallest_worthwhile is 'much'; a number is needed")),
        "protocol: timeline, entry 1, when is missing; it is needed",
        "protocol: sample: J is 10000000000; a number from 1 to 1,000,000,000 is needed",
        "protocol: sample: rho2 is 1.5; a number from 0 to 1 is needed",
        "protocol: sample: disadvantaged is 25.0; a number between 0 and 1 is needed",
    ]  # fmt: skip
    arms = {"together": 0, "usual": 1}
    assert faults(design={"arms": arms}, sample={"rho2": 1.5}) == [
        "protocol: design, arms, together is 0; 1 or more is needed"
    ]  # the power rests on the arms: it is judged once they are right


@pytest.mark.parametrize(
    ("sample", "said"),
    [
        *(({"disadvantaged": share}, f"disadvantaged is {share!r}; a number between 0 and 1 is "
           "needed") for share in (0.0, 25.0, "some")),
        ({"design": "IRA"}, "design is no assumption; say it as kind in [design]"),
    ],
)  # fmt: skip
def test_what_is_no_assumption_is_refused_before_documents_are_made(sample, said):
    assert faults(sample=sample) == [f"protocol: sample: {said}"]


def test_the_ratio_of_the_arms_is_that_of_the_power():
    even, uneven = read(protocol()), read(protocol(design={"arms": {"together": 3, "usual": 1}}))
    assert uneven.mdes().values["p"] == 0.75
    assert uneven.mdes() == even.mdes(p=0.75)
    assert even.mdes(subgroup=0.25) > even.mdes()


def test_the_effect_is_between_two_of_several_arms():
    three = read(protocol(design={"arms": {"together": 1, "usual": 1, "books": 1}}))
    assert three.units == 24
    assert three.mdes() != read(protocol()).mdes()
    assert three.mdes() == read(protocol()).mdes(J=16)
    sizes = {"together": 6, "usual": 12, "books": 6}
    fixed = read(protocol(design={"arms": dict.fromkeys(sizes, 1), "control": "usual"},
                          allocation={"sizes": sizes}))  # fmt: skip
    assert fixed.mdes() == read(protocol()).mdes(J=18, p=1 / 3)


def test_costs_are_the_average_of_three_years():
    assert read(protocol()).costs.each == (6000 / 3 + 2000) / 500
    assert read(protocol(costs={"pupils": 0})).costs.each is None


@pytest.mark.slow
def test_past_pupils_give_roles_and_assumptions(tmp_path, rng):
    school = np.repeat(np.arange(30), 20)
    pre = rng.normal(size=600)
    post = 0.7 * pre + rng.normal(size=30)[school] * 0.4 + rng.normal(size=600) * 0.6
    file = tmp_path / "past.csv"
    pd.DataFrame({"school": school, "pre": pre, "post": post}).to_csv(file, index=False)
    text, said = propose("CRA2", str(file))
    values = tomllib.loads(text)
    assert values["analysis"]["baseline"] == "pre"
    assert values["outcomes"][0]["name"] == "post"
    assert values["sample"]["rho2"] == pytest.approx(0.16, abs=0.12)
    assert values["sample"]["sources"] == "past pupils: 600 in 30 schools"
    assert said[0] == f"{file}: post is taken for the outcome"


def test_a_programme_of_the_register_is_taken_over():
    values = tomllib.loads(propose("CRA2", "star", ROOT / "data/programmes.toml")[0])
    assert values["title"] == "Small classes: Project STAR"
    assert values["analysis"]["cluster"] == "school"
    assert values["dated"] == date.today()
    with pytest.raises(EvidenceError, match="no file and no programme 'strr'; did you mean 'star'"):
        propose("CRA2", "strr", ROOT / "data/programmes.toml")
