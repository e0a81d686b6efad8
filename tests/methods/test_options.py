"""Options and extremes of every public function: an answer that is one, or a line of refusal."""

import contextlib
import inspect
import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.special import gammaincinv

import evidence as ev
from evidence.errors import EvidenceError
from evidence.methods.impact.lagged_outcome import leave_one_out

from . import test_disguises as disguises
from .monitoring import test_disguises as monitoring
from .refusal import refused

W, E = ev.monitoring, ev.effects
ODD = (None, math.nan, math.inf, -1, "a", 1e308, True)
BY_COLUMN = {**disguises.CALLS, **{f"monitoring.{name}": c for name, c in monitoring.CALLS.items()}}
TABLES = {"trials": disguises.pupils, "impact": disguises.schools, "matching": disguises.schools}


def plans():
    """Yield each function that takes one table, its table and what else it is given."""
    for full, call in BY_COLUMN.items():
        room, name = full.split(".")
        held = dict(zip(call.__code__.co_freevars, call.__closure__ or (), strict=True))
        if "given" not in held:
            continue
        table = held["table"].cell_contents if "table" in held else TABLES[room]
        if name in ("expected", "school_results"):
            table = disguises.pupils
        yield full, getattr(getattr(ev, room), name), table(), held["given"].cell_contents


NAMED = {
    "seed", "cutoff", "bandwidth", "caliper", "threshold", "max_km", "max_difference", "centre",
    "level", "horizon", "number", "imputations",
}  # fmt: skip
OPTIONS = [
    (full, call, table, given, option)
    for full, call, table, given in plans()
    for option, kind in inspect.signature(call).parameters.items()
    if option in NAMED and not full.endswith(("sensitivity", "robustness"))
]


@pytest.mark.parametrize(
    ("call", "table", "given", "option"),
    [each[1:] for each in OPTIONS],
    ids=[f"{each[0]}-{each[4]}" for each in OPTIONS],
)
def test_a_number_that_is_none_is_refused_in_a_line(call, table, given, option):
    for value in ODD:
        if value is None and inspect.signature(call).parameters[option].default is None:
            continue
        few = {"draws": 99} if "draws" in inspect.signature(call).parameters else {}
        with contextlib.suppress(EvidenceError):
            call(table, **{**given, **few, option: value})


@pytest.mark.parametrize("full", [each[0] for each in plans()])
def test_a_needed_column_that_is_none_is_refused_in_a_line(full):
    call, table, given = next(each[1:] for each in plans() if each[0] == full)
    for name, parameter in inspect.signature(call).parameters.items():
        if parameter.default is parameter.empty and isinstance(given.get(name), str):
            with pytest.raises(EvidenceError) as error:
                call(table, **{**given, name: None})
            assert "\n" not in str(error.value)


def test_the_argument_that_is_needed_is_named():
    pupils, trial = disguises.pupils(), {**disguises.TRIAL, "cluster": None}
    for call in (ev.trials.wild_bootstrap, ev.trials.multilevel):
        assert refused(call, pupils, **trial) == "cluster= is needed: name a column of data"
    plan = {**disguises.PANEL, "unit": None}
    assert refused(ev.impact.did, disguises.schools(), **plan) == (
        "unit= is needed: name a column of data"
    )


@pytest.mark.parametrize(
    ("call", "given", "message"),
    [
        (ev.impact.e_value, {"effect_size": math.nan}, "a number from -100 to 100"),
        (E.small_sample_factor, {"df": 0.25}, "a number from 1 on"),
        (E.wwc_cluster_correction, {"n_pupils": 4, "cluster_size": 2, "icc": 1}, "icc of 1"),
        (
            E.wwc_effect_size,
            {"difference": math.inf, "n_treated": 9, "n_control": 9, "cluster_size": 2},
            "a number from -100 to 100",
        ),
    ],
)
def test_a_figure_out_of_range_is_refused(call, given, message):
    assert message in refused(call, **given)


def test_power_and_spread_out_of_range_are_refused():
    size = ev.trials.effect_size(disguises.pupils(), **disguises.TRIAL)
    for power in (True, math.nan, 0.01, 1, "a"):
        assert refused(E.detectable, size, power) == (
            f"power is {power!r}; a number between 0.05 and 1 is needed"
        )
    exact = replace(size, std_error=0.0, ci_lower=0.1, ci_upper=0.1, df=math.nan)
    assert refused(E.posterior, exact) == ("posterior: the estimate has no interval with two ends")
    effect = ev.impact.did(disguises.schools(), **disguises.PANEL)
    assert "sd is inf" in refused(ev.impact.effect_size, effect, sd=math.inf)


def test_an_extreme_effect_has_an_interval_as_wide_as_its_sd_is_unsure():
    found = E.hedges_g([0, 0, 0], [1, 1, 1.0000001])
    wide = [found.estimate * math.sqrt(2 * gammaincinv(2, p) / 4) for p in (0.975, 0.025)]
    assert (found.ci_lower, found.ci_upper) == pytest.approx(wide, rel=1e-6)
    middling = E.hedges_g(np.arange(1000.0), 10**6 + np.arange(1000.0))
    assert (middling.ci_lower, middling.ci_upper) == pytest.approx((-3568.35, -3353.75), abs=0.02)


def test_weights_as_large_as_numbers_can_be_are_worth_their_rows():
    assert ev.matching.effective_size([1e308, 1e308]) == 2


def test_oster_has_no_answer_where_nothing_is_left_to_explain():
    panel = disguises.schools()
    model = {**disguises.PANEL, "covariates": ["x"]}
    for outcome in (
        panel["urn"] * 1.0,
        panel["year"] * 1.0,
        panel["urn"] % 7 + panel["year"] - 2000,
    ):
        assert math.isnan(ev.impact.oster(panel.assign(pct=outcome), **model))


@pytest.mark.slow
def test_leaving_out_the_only_treated_school_leaves_no_estimate():
    panel = disguises.schools()
    one = panel.assign(lamp=((panel["urn"] == 990) & (panel["year"] > 2016)) * 1)
    assert np.isnan(leave_one_out(one, **disguises.PANEL)).all()
    found = ev.impact.sensitivity(one, **disguises.PANEL, draws=99)
    assert "Without one of the schools there is no estimate: the answer rests on it alone." in (
        found.sentence()
    )
    low, high = leave_one_out(panel, **disguises.PANEL)
    assert low < high


def test_figures_without_chance_have_no_interval():
    years = pd.DataFrame({"year": range(2000, 2020), "v": 5.0, "n": 20, "urn": range(20)})
    assert refused(W.forecast, years, value="v", time="year") == (
        "column 'v' never changed, so that its past does not say how far a forecast may be out"
    )
    exact = years.assign(v=np.arange(20.0), se=0.0)
    assert (
        refused(W.slope_index, exact, value="v", population="n", group="urn", std_error="se")
        == "column 'se', row 2: every group needs a number here, above 0"
    )
    assert (
        refused(
            W.rank_interval, exact, area="urn", value="v", std_error="se", polarity="low", draws=100
        )
        == "0 areas with a value and what its error comes from; four are needed"
    )
    same = pd.DataFrame({"first": [1, 2, 3] * 4, "second": [1, 2, 3] * 4})
    assert W.agreement(same, first="first", second="second").sentence() == (
        "Weighted κ 1.00 (no interval can be given: every pair agrees alike; linear weights); the "
        "same judgement for 100% of 12."
    )


def test_an_offer_that_lowers_the_dosage_is_said():
    table = disguises.pupils().assign(took=lambda t: 1 - t["arm"])
    found = ev.trials.cace(table, **disguises.TRIAL, dosage="took")
    assert (
        "those offered received less of took than the others, not more: check which arm was "
        "offered it, and that more of took is a higher number"
    ) in found.caveats


def test_a_subgroup_that_is_the_arm_in_disguise_is_too_little_data():
    table = disguises.pupils().assign(sex=lambda t: np.where(t["arm"] == 1, "x", "y"))
    found = ev.trials.subgroups(table, **disguises.TRIAL, subgroup=["sex"])
    assert found.sentence() == "sex: too little data to compare (exploratory)."


YES_OR_NO = [
    (full, call, table, given, option)
    for full, call, table, given in plans()
    for option, kind in inspect.signature(call).parameters.items()
    if isinstance(kind.default, bool)
]


@pytest.mark.parametrize("value", [pd.NA, None, math.nan, "no", 2, [], np.array([1, 2])], ids=str)
def test_an_option_that_is_neither_true_nor_false_is_refused(value):
    for _, call, table, given, option in YES_OR_NO:
        few = {"draws": 99} if "draws" in inspect.signature(call).parameters else {}
        said = refused(call, table, **{**given, **few, option: value})
        assert said.startswith(f"{option} is ")
        assert said.endswith("; True or False is needed")


SIZE = ev.trials.effect_size(disguises.pupils(), **disguises.TRIAL)
OF_NUMBERS = {
    E.hedges_g: {"treated": [1, 2, 3], "control": [2, 3, 5]},
    E.pooled_variance: {"treated": [1, 2, 3], "control": [2, 3, 5]},
    E.wwc_cluster_correction: {"n_pupils": 100, "cluster_size": 10},
    E.wwc_effect_size: {"difference": 0.2, "n_treated": 9, "n_control": 9, "cluster_size": 3},
    E.detectable: {"estimate": SIZE},
    E.small_sample_factor: {"df": 10},
    E.adjust: {"p_values": [0.01, 0.2]},
    E.row: {"estimate": SIZE, "programme": "a", "cohort": "b", "smallest_worthwhile": 0.1},
    E.posterior: {"estimate": SIZE},
    E.strength: {"design": "randomised", "mdes": 0.1, "attrition": 0.1},
    E.cost_rating: {"pounds": 30},
    E.months: {"effect_size": 0.2},
    E.verdict: {"ci_lower": 0.1, "ci_upper": 0.2, "smallest_worthwhile": 0.1},
    ev.impact.e_value: {"effect_size": 0.2},
    ev.matching.effective_size: {"weights": [1, 2, 3]},
    W.proportion: {"count": 3, "n": 10},
    W.rate: {"count": 3, "population": 10},
    W.change: {"before": 3, "n_before": 10, "after": 5, "n_after": 10},
}
PUPIL = 123456789.0


@pytest.mark.parametrize("call", OF_NUMBERS, ids=lambda call: call.__name__)
def test_an_argument_of_another_kind_is_refused_in_a_line_without_its_values(call):
    odd = (*ODD, pd.NA, 0, "", [], {}, [1, 2], 10**400, 1j, object(), pd.Series([PUPIL] * 3),
           pd.DataFrame({"a": [PUPIL, 2]}), np.array([PUPIL, 2]))  # fmt: skip
    call(**OF_NUMBERS[call])
    for name in inspect.signature(call).parameters:
        for value in odd:
            said = ""
            try:
                call(**{**OF_NUMBERS[call], name: value})
            except EvidenceError as error:
                said = str(error)
            assert "\n" not in said
            assert "123456789" not in said


def test_a_misspelt_argument_and_one_left_out_are_named():
    data, given = disguises.pupils(), disguises.TRIAL
    assert refused(ev.trials.itt, data, **given, covariate=["sex"]) == (
        "itt: no covariate=; did you mean 'covariates'?"
    )
    assert refused(ev.trials.itt, data) == "itt: missing a required argument: 'outcome'"
    assert refused(E.verdict, "a", None, 0.1) == (
        "2 faults: (1) ci_lower is 'a'; a number is needed; "
        "(2) ci_upper is None; a number is needed"
    )
