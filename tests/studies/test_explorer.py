import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import evidence as ev
from evidence.errors import EvidenceError
from evidence.studies import explorer
from evidence.studies.explorer import Explorer, Look

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def study():
    return made()


def made():
    """Return a trial of 30 schools that nobody has asked anything yet."""
    rng = np.random.default_rng(5)
    school = np.repeat(np.arange(30), 20)
    pre = rng.normal(100, 15, 600)
    table = pd.DataFrame(
        {
            "arm": np.where(school % 2, "new", "usual"),
            "school": school,
            "pre": pre,
            "post": 0.6 * pre + 3 * (school % 2) + rng.normal(0, 12, 600),
            "fsm": rng.choice(["yes", "no"], 600),
        }
    )
    outcome = {"name": "post", "title": "Maths", "smallest_worthwhile": 0.1}
    return ev.Trial.read(
        table,
        {
            "treatment": "arm", "control": "usual", "baseline": "pre", "cluster": "school",
            "allocation": "cluster", "subgroups": ["fsm"], "outcomes": [outcome],
            "labels": {"fsm": "Free school meals"},
        },
    )  # fmt: skip


def test_every_look_is_paid_for_and_the_plan_is_not(study):
    tried = Explorer(study)
    assert tried.look(Look()).looks == 0
    first = tried.look(Look(method="multilevel"))
    second = tried.look(Look(baseline=False))
    again = tried.look(Look(method="multilevel"))
    assert [result.looks for result in (first, second, again)] == [1, 2, 2]
    assert second.table["level"].tolist() == [0.95, 0.975, 0.975]
    planned = study.estimate()
    row = second.table.iloc[0]
    assert (row["name"], row["estimate"], row["ci_lower"]) == (
        "as planned", planned.estimate, planned.ci_lower,
    )  # fmt: skip
    wide = study.with_(baseline=None).estimate(level=0.975)
    assert second.table.iloc[2]["ci_lower"] == wide.ci_lower
    assert second.sentence().endswith(
        ". 2 looks beside the plan: their intervals are widened for that."
    )


def test_the_code_of_a_look_makes_it_again(study):
    tried = Explorer(study)
    looks = [Look(), Look(method="effect_size"), Look(baseline=False, sample=("fsm", "yes")),
             Look(outcome="post", method="wild_bootstrap")]  # fmt: skip
    for chosen in looks:
        made = eval(chosen.code, {"study": study})
        shown = tried.look(chosen).table.iloc[-1]
        assert made.estimate == pytest.approx(shown["estimate"], rel=1e-12)


def test_what_the_data_do_not_allow_is_not_counted(study):
    tried = Explorer(study)
    with pytest.raises(EvidenceError, match=r"^plan: dosage is empty; method 'cace' needs its"):
        tried.look(Look(method="cace"))
    assert tried.look(Look()).looks == 0


def test_pupils_of_one_group_are_looked_at_alone(study):
    assert Explorer(study).groups() == [("fsm", "no"), ("fsm", "yes")]
    assert Explorer(study).words(Look(sample=("fsm", "yes"))) == "Free school meals: yes"
    alone = study.among("fsm", "yes")
    assert len(alone.source) == (study.source["fsm"] == "yes").sum()
    with pytest.raises(EvidenceError, match=r"where: no row has fsm = 'maybe'"):
        study.among("fsm", "maybe")


def test_the_panel_shows_what_is_chosen_its_code_and_refusals(study):
    *menus, baseline, shown, code = study.explore().children
    assert [menu.index for menu in menus] == [0] * len(menus)  # none is blank
    method = menus[1]
    assert "as planned" in shown.value
    method.value = "multilevel"
    assert "multilevel model" in shown.value
    assert code.value == "study.estimate('multilevel')"
    baseline.value = False
    assert code.value == "study.with_(baseline=None).estimate('multilevel')"
    assert "2 looks beside the plan" in shown.value
    assert "cace" not in [way for _, way in method.options]  # nobody wrote who took part
    method.value = "risk_difference"
    assert "<svg" not in shown.value


def test_a_method_of_draws_joins_the_others_when_it_is_ready(study, monkeypatch):
    monkeypatch.setattr(explorer, "_PATIENCE", 0.0)
    menus = study.explore().children
    method, shown = menus[1], menus[-2]
    method.value = "bootstrap"
    said = shown.value
    method.value = "multilevel"  # nobody has to wait for it
    assert "multilevel model" in shown.value
    until = time.monotonic() + 60
    while "Being worked out" in shown.value or "bootstrap" not in shown.value:
        assert time.monotonic() < until
        time.sleep(0.01)
    assert "2 looks beside the plan" in shown.value
    assert "as planned" in said  # what was there stays
    assert "bootstrap" in said


def test_what_takes_long_and_is_refused_says_why(study, monkeypatch):
    monkeypatch.setattr(explorer, "_PATIENCE", 60.0)
    alone = study.with_(cluster="", allocation="simple")
    *menus, _, shown, _ = alone.explore().children
    menus[1].value = "wild_bootstrap"
    assert "cluster" in shown.value
    assert "<svg" not in shown.value


METHODS = ("itt", "effect_size", "multilevel", "randomisation_test", "bootstrap", "wild_bootstrap",
           "impute")  # fmt: skip


@pytest.mark.parametrize("method", METHODS)
def test_an_interval_of_another_level_is_that_of_a_study_asked_for_the_first_time(study, method):
    options = {"imputations": 2} if method == "impute" else {}
    study.estimate(method, **options)
    wide = study.estimate(method, level=0.99, **options)
    new = made().estimate(method, level=0.99, **options)
    assert wide.level == new.level == 0.99
    assert (wide.estimate, wide.ci_lower, wide.ci_upper, wide.p_value, wide.caveats) == (
        new.estimate, new.ci_lower, new.ci_upper, new.p_value, new.caveats,
    )  # fmt: skip
    narrow = study.estimate(method, **options)
    assert narrow.ci_upper - narrow.ci_lower < wide.ci_upper - wide.ci_lower


@pytest.mark.slow
def test_a_change_is_answered_within_a_fifth_of_a_second(tmp_path, monkeypatch):
    """The short form of `benchmarks/explore.py`."""
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    import explore

    for study in explore.studies(tmp_path).values():
        assert explore.changes(study, 30)["answered"].median() < 0.2


def test_compare_sets_estimates_on_a_scale_a_unit(study):
    found = ev.compare([study.estimate(), study.estimate("effect_size")], ["raw", "in SD"])
    assert found.table["unit"].tolist() == ["score", "sd"]
    assert found._repr_html_().count("<table") == 2
    assert found.sentence().startswith("+")
    for wrong, said in (([], "a list of estimates"), ([1], "a list of estimates")):
        with pytest.raises(EvidenceError, match=said):
            ev.compare(wrong)
    with pytest.raises(EvidenceError, match="1 name for 2 estimates"):
        ev.compare([study.estimate()] * 2, ["a"])
