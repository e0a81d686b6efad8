"""A plan is checked whole: every fault at once, each naming the notebook's parameter."""

import numpy as np
import pandas as pd
import pytest

import evidence as ev
from evidence.errors import EvidenceError
from evidence.studies.plan import TrialPlan

OUTCOME = {"name": "post", "smallest_worthwhile": 0.1}
PLAN = {"treatment": "arm", "outcomes": [OUTCOME]}


def refused(plan, data=None):
    with pytest.raises(EvidenceError) as error:
        ev.Trial.read(pd.DataFrame() if data is None else data, plan)
    return str(error.value)


def test_every_fault_is_said_at_once_with_what_was_given_and_what_is_allowed():
    outcome = {"name": "post", "unit": "sdd", "smallest_worthwhile": -1.0, "titel": "x"}
    faults = refused(
        {"outcomes": [outcome], "covariates": "fsm", "draws": "many", "basline": "pre"}
    )
    assert faults.startswith("plan: 7 faults: (1) ")
    for fault in (
        "outcomes, entry 1, unit is 'sdd'; allowed are sd, pp, points, score; did you mean 'sd'?",
        "outcomes, entry 1, smallest_worthwhile is -1.0; a number above 0 is needed",
        "outcomes, entry 1, titel is no parameter; did you mean 'title'?",
        "treatment is missing; it is needed",
        "covariates is 'fsm'; a list is needed, such as ['maths', 'reading']",
        "draws is 'many'; a whole number is needed",
        "basline is no parameter; did you mean 'baseline'?",
    ):
        assert fault in faults


def test_one_fault_is_one_line():
    assert refused(PLAN | {"control": 3}) == (
        "plan: control is 3; a text is needed, such as 'maths'"
    )
    assert refused({"treatment": "arm", "outcomes": []}) == (
        "plan: outcomes is []; at least one is needed"
    )


def test_unknown_threat_and_its_level_name_the_nearest():
    faults = refused(PLAN | {"threats": {"contamnation": "low", "fidelity": "medium"}})
    assert "threats, contamnation is 'contamnation'; allowed are confounding," in faults
    assert "did you mean 'contamination'?" in faults
    assert "threats, fidelity is 'medium'; allowed are low, moderate," in faults


def test_names_of_a_notebook_that_are_no_parameters_are_passed_over_but_not_slips():
    cell = {name: field.get_default(call_default_factory=True)
            for name, field in TrialPlan.model_fields.items()}  # fmt: skip
    names = cell | PLAN | {"__name__": "__main__", "ev": ev, "x": 3, "_": None, "In": []}
    assert TrialPlan.checked(names).treatment == "arm"
    del names["baseline"]
    with pytest.raises(EvidenceError) as error:
        TrialPlan.checked(names | {"base_line": "pre"})
    assert str(error.value) == "plan: base_line is no parameter; did you mean 'baseline'?"


def test_columns_that_are_not_there_are_named_with_the_parameter_that_asks_for_them():
    data = pd.DataFrame({"arm": [0, 1], "post": [1.0, 2.0], "pretest": [1.0, 2.0]})
    plan = PLAN | {"baseline": "pretst", "strata": "school", "covariates": ["pretest", "fsm"]}
    assert refused(plan, data) == (
        "plan: 3 faults: (1) baseline: the table has no column 'pretst'; did you mean 'pretest'?; "
        "(2) covariates: the table has no column 'fsm'; allowed: arm, post, pretest; "
        "(3) strata: the table has no column 'school'; allowed: arm, post, pretest"
    )


def test_none_stands_for_the_default_and_the_first_outcome_is_primary_where_none_is_named():
    plan = TrialPlan.checked(PLAN | {"baseline": None})
    assert plan.baseline == ""
    assert plan.outcomes[0].primary
    two = [OUTCOME, {"name": "maths", "smallest_worthwhile": 0.1, "primary": True}]
    assert [o.name for o in TrialPlan.checked(PLAN | {"outcomes": two}).outcomes] == [
        "maths",
        "post",
    ]


def test_faults_of_methods_name_the_notebooks_parameters(rng):
    data = pd.DataFrame({"arm": np.repeat(["a", "b", "c"], 20), "post": rng.normal(size=60)})
    message = refused(PLAN, data)
    assert "control=" in message
    assert "reference=" not in message


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1.0])
def test_a_spread_that_is_none_is_refused(value):
    fault = refused(PLAN | {"outcomes": [OUTCOME | {"sd": value}]})
    rule = "0 or more is needed" if value < 0 else "a finite number is needed"
    assert fault == f"plan: outcomes, entry 1, sd is {value}; {rule}"


def test_settings_that_cannot_be_meant_are_told_by_their_names(tmp_path):
    assert refused(PLAN | {"allocation": "clusters"}) == (
        "plan: allocation is 'clusters'; allowed are simple, cluster, multisite, paired; "
        "did you mean 'cluster'?"
    )
    assert refused(PLAN | {"control": "Usual", "arm": "Usual"}) == (
        "plan: control and arm are both 'Usual'; name two arms"
    )
    with pytest.raises(EvidenceError, match=r"^plan: pupils is empty; name the file of a row"):
        ev.Trial.read(str(tmp_path), PLAN)
    one = pd.DataFrame({"arm": ["a"] * 3, "post": [1.0, 2.0, 3.0]})
    assert "column 'arm' has 1 value; a treatment has 2 to 10 arms" in refused(PLAN, one)
