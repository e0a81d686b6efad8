"""A trial's study: one reading, the functions' numbers, variants that share, sections."""

import numpy as np
import pandas as pd
import pyreadstat
import pytest

import evidence as ev
from evidence.errors import EvidenceError
from evidence.methods.core import frames, stored_columns
from evidence.release.control.disclosure import protect_picture
from evidence.release.control.suppression import complete
from evidence.release.store.candidates import protect_effects
from evidence.studies.trial_report import few_lost


@pytest.fixture
def pupils(rng):
    n = 400
    school = rng.integers(0, 20, n)
    arm = (school % 2).astype(int)
    pre = rng.normal(0, 1, n)
    post = 0.3 * arm + 0.6 * pre + rng.normal(0, 0.8, n)
    fsm = rng.choice(["yes", "no"], n)
    return pd.DataFrame(
        {"arm": arm, "school": school, "pre": pre, "post": post, "fsm": fsm, "took": arm * 1.0}
    )


PLAN = {
    "treatment": "arm",
    "control": "0",
    "baseline": "pre",
    "covariates": ["fsm"],
    "cluster": "school",
    "school": "school",
    "draws": 199,
    "imputations": 2,
    "labels": {"pre": "Test before"},
    "outcomes": [{"name": "post", "title": "Reading", "smallest_worthwhile": 0.1}],
}
MODEL = {
    "treatment": "arm",
    "reference": "0",
    "baseline": "pre",
    "covariates": ["fsm"],
    "cluster": "school",
}


def test_numbers_are_those_of_the_functions(pupils):
    study = ev.Trial.read(pupils, PLAN)
    plain = ev.trials.itt(pupils, outcome="post", **MODEL)
    assert study.estimate().estimate == plain.estimate
    assert study.estimate().std_error == plain.std_error
    assert study.estimate().outcome == "Reading"
    size = ev.trials.effect_size(pupils, outcome="post", **MODEL)
    assert study.effects["effect_size"].item() == size.estimate
    multilevel = ev.trials.multilevel(pupils, outcome="post", **MODEL)
    assert study.estimate(method="multilevel").estimate == multilevel.estimate
    test = ev.trials.randomisation_test(pupils, outcome="post", draws=99, **MODEL)
    assert study.randomisation_test(draws=99).p_value == test.p_value


def test_schools_are_counted_where_classes_are_the_clusters(pupils):
    pupils["class"] = pupils["school"] * 10 + pupils.index % 4
    pupils["arm"] = pupils["class"] % 2  # classes were drawn within schools
    alone = (pupils["school"] < 3) & (pupils["fsm"] == "yes")
    pupils.loc[alone, "fsm"] = np.nan  # these three schools have no eligible pupil left
    plan = PLAN | {"cluster": "class", "strata": "school", "covariates": [], "subgroups": ["fsm"]}
    plan["labels"] = {"fsm": "Free school meals"}
    rows = ev.Trial.read(pupils, plan).effects.set_index("subgroup")
    assert rows["n_schools"].to_dict() == {"all": 20, "Free school meals: yes": 17}
    assert rows.loc["all", "n_pupils"] == 400


def test_every_column_is_encoded_once(pupils, monkeypatch):
    asked = []
    for room, name in ((frames, "_numbers"), (stored_columns, "factor")):
        inner = getattr(room, name)
        monkeypatch.setattr(
            room,
            name,
            lambda v, c, inner=inner, name=name: asked.append((name, c, len(v))) or inner(v, c),
        )
    study = ev.Trial.read(pupils, PLAN)
    study.answer(), study.section("who took part"), study.section("what changed")
    whole = [one for one in asked if one[2] == len(pupils) and one[1] in ("Reading", "Test before")]
    assert whole
    assert len(whole) == len(set(whole))


def test_answers_are_computed_once(pupils):
    study = ev.Trial.read(pupils, PLAN)
    assert study.effects is study.effects
    assert study.parts("who took part") is study.parts("who took part")


def test_with_gives_a_variant_that_shares_the_table_and_leaves_the_study_alone(pupils):
    study = ev.Trial.read(pupils, PLAN)
    bare = study.with_(baseline=None)
    assert bare.table is study.table
    expected = ev.trials.itt(pupils, outcome="post", **MODEL | {"baseline": None})
    assert bare.estimate().estimate == expected.estimate
    assert study.plan.baseline == "pre"
    other = study.with_(subgroups=["took"])  # a column that was not read: the table is encoded anew
    assert "took" in other.table
    with pytest.raises(EvidenceError, match="baseline: the table has no column 'prre'"):
        study.with_(baseline="prre")


def test_section_of_an_unknown_question_names_the_nearest_and_an_empty_one_is_none(pupils):
    study = ev.Trial.read(pupils, PLAN)
    with pytest.raises(EvidenceError, match=r"^section is 'who tok part'; did you mean"):
        study.section("who tok part")
    assert study.section("for whom") is None
    groups = study.with_(subgroups=["fsm"]).section("for whom")._repr_html_()
    assert "fsm" in groups


def test_unknown_method_and_outcome_name_the_nearest(pupils):
    study = ev.Trial.read(pupils, PLAN)
    with pytest.raises(EvidenceError, match=r"^method is 'multi_level'; did you mean 'multilevel'"):
        study.estimate("multi_level")
    with pytest.raises(EvidenceError, match=r"^outcome is 'pst'; did you mean 'post'"):
        study.estimate(outcome="pst")


@pytest.mark.slow
def test_findings_are_what_propose_takes_and_every_picture_has_its_question(pupils):
    findings = ev.Trial.read(pupils, PLAN).findings()
    assert findings["pictures"][0].name == "effect"
    assert all(picture.question for picture in findings["pictures"])
    assert "not-measured" not in [picture.name for picture in findings["pictures"]]
    proposal = ev.propose("", **findings)
    assert proposal.refused == ()


@pytest.mark.slow
def test_what_was_received_is_told_by_arm_and_leaves_rounded(pupils):
    assert ev.Trial.read(pupils, PLAN).delivered is None
    sessions = np.where(pupils["arm"], np.arange(len(pupils)) % 5 * 3.0, 0.0)
    sessions[np.arange(len(pupils)) % 11 == 0] = np.nan
    study = ev.Trial.read(pupils.assign(sessions=sessions), PLAN | {"dosage": "sessions"})
    table = study.delivered.table
    for arm in (0, 1):  # the control first
        here = ~np.isnan(sessions) & (pupils["arm"] == arm)
        assert table.loc[arm, "n_pupils"] == here.sum()
        assert table.loc[arm, "n_part"] == (sessions[here] > 0).sum()
    (released,) = (
        one.picture for one in ev.propose("", **study.findings()).pictures
        if one.picture.name == "received"
    )  # fmt: skip
    assert released.title.startswith("Received any of the programme: ")
    assert released.table["n_pupils"].tolist() == [5 * round(table.loc[1, "n_pupils"] / 5)]
    sessions[40:] = 0  # few received any, in either arm: nothing of it leaves
    few = ev.Trial.read(pupils.assign(sessions=sessions), PLAN | {"dosage": "sessions"}).delivered
    assert few.picture is None
    assert few.table["n_part"].sum() > 0


@pytest.mark.slow
def test_report_reads_in_the_order_of_the_questions(pupils):
    page = ev.Trial.read(pupils, PLAN).report()._repr_html_()
    order = ["Reading: ", "Who took part?", "What changed?", "Does the answer hold?",
             "How was it worked out?"]  # fmt: skip
    places = [page.index(text) for text in order]
    assert places == sorted(places)
    assert "For whom?" not in page


def test_control_of_a_yes_or_no_treatment_need_not_be_named(pupils):
    plan = {name: value for name, value in PLAN.items() if name != "control"}
    bare, named = ev.Trial.read(pupils, plan), ev.Trial.read(pupils, PLAN)
    assert bare.estimate().estimate == named.estimate().estimate
    assert bare.estimate().treatment == named.estimate().treatment == "arm against no arm"
    with pytest.raises(EvidenceError, match=r"say which with control="):
        ev.Trial.read(pupils.assign(arm=np.where(pupils["arm"], "x", "y")), plan)


def test_fault_of_one_method_names_the_plans_parameter(pupils):
    study = ev.Trial.read(pupils, PLAN)
    with pytest.raises(EvidenceError, match=r"control='c' is not an arm"):
        study.estimate(reference="c")


def test_groups_of_one_arm_without_a_cluster_are_refused_and_the_setting_is_named(pupils):
    blank = {name: value for name, value in PLAN.items() if name != "cluster"}
    hidden = {name: value for name, value in blank.items() if name != "school"}
    for plan in (blank, blank | {"allocation": "simple"}, hidden):
        with pytest.raises(EvidenceError) as error:
            ev.Trial.read(pupils, plan)
        assert str(error.value) == (
            "plan: cluster is empty, but every group of pupils in column 'school' has one arm, so "
            "that whole groups were allocated: set cluster to 'school'"
        )
    with pytest.raises(EvidenceError, match="set cluster to 'school'"):
        ev.Trial.read(pupils, PLAN).with_(cluster="")
    drawn = pupils.assign(arm=np.arange(len(pupils)) % 2)
    assert ev.Trial.read(drawn, blank).estimate().n_clusters == len(pupils)


def test_a_wrong_column_and_a_wrong_arm_name_the_setting_and_what_there_is(pupils):
    for change, message in (
        (
            {"baseline": "pree"},
            "plan: baseline: the table has no column 'pree'; did you mean 'pre'?",
        ),
        ({"control": "usual"}, "control='usual' is not an arm of column 'arm'; there are 0, 1"),
    ):
        with pytest.raises(EvidenceError) as error:
            ev.Trial.read(pupils, PLAN | change)
        assert str(error.value) == message


def test_yes_no_outcome_that_few_have_leaves_no_picture_of_its_statistics(pupils):
    few = pupils.assign(post=(np.arange(len(pupils)) % 40 == 0) * 1.0)
    outcome = {"name": "post", "title": "Excluded", "unit": "pp", "smallest_worthwhile": 1.0}
    plan = PLAN | {"outcomes": [outcome], "baseline": "", "covariates": []}
    found = ev.Trial.read(few, plan).findings()
    assert found["effects"]["estimate"].notna().all()
    assert found["pictures"]
    assert not [picture.name for picture in found["pictures"] if picture.statistics]


def test_words_that_an_spss_file_has_of_codes_are_understood_and_said(tmp_path, rng):
    n = 80
    frame = pd.DataFrame({"arm": np.arange(n) % 2, "fsm": rng.integers(0, 2, n)}).astype(float)
    frame["post"] = rng.normal(100, 15, n).round() + 5 * frame["arm"]
    words = {"arm": {0.0: "Usual", 1.0: "New"}, "fsm": {0.0: "No meals", 1.0: "Free meals"}}
    pyreadstat.write_sav(frame, tmp_path / "t.sav", variable_value_labels=words)
    frame.to_csv(tmp_path / "t.csv", index=False)
    plan = {
        "treatment": "arm",
        "subgroups": ["fsm"],
        "outcomes": [{"name": "post", "smallest_worthwhile": 0.1}],
    }
    coded = ev.Trial.read(tmp_path / "t.csv", plan | {"control": "0", "arm": "1"}).estimate()
    for arms in ({"control": "Usual", "arm": "New"}, {"control": "0", "arm": "1"}):
        study = ev.Trial.read(tmp_path / "t.sav", plan | arms)
        assert study.estimate().estimate == coded.estimate
        assert study.estimate().treatment == "New against Usual"
        assert set(study.table["fsm"]) == {"No meals", "Free meals"}


def lacking(pupils, lost):
    """Return pupils of whom so many lack what is named, in each arm."""
    for column, each in lost.items():
        for arm, many in enumerate(each):
            free = pupils.index[(pupils["arm"] == arm) & pupils.notna().all(axis=1)]
            pupils.loc[free[:many], column] = None
    return pupils


def leaving(study, *names):
    """Return the pictures so named that may leave, protected."""
    found = study.findings()
    drawn = {one.name: protect_picture(one) for one in found["pictures"] if one.counts}
    done, _ = complete(
        {f"figures/p/1/{name}": safe for name, safe in drawn.items()}
        | {"effects/p/1": protect_effects(found["effects"])}
    )
    return [done.get(f"figures/p/1/{name}") for name in names], done["effects/p/1"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "lost",
    [
        pytest.param({"post": (0, 3)}, id="few of one arm"),
        pytest.param({"post": (15, 20), "pre": (0, 1)}, id="few after many"),
        pytest.param({"fsm": (4, 5)}, id="few in balance"),
        pytest.param({"took": (6, 40)}, id="few without a dosage"),
        pytest.param({"again": (0, 9)}, id="few of another outcome"),
    ],
)
def test_where_few_were_lost_what_leaves_counts_those_analysed(pupils, lost):
    """Two counts of an arm, however rounded, would tell how few are in the one alone."""
    table = lacking(pupils.assign(again=(np.arange(len(pupils)) % 3 == 0) * 1.0), lost)
    again = {"name": "again", "title": "Again", "unit": "pp", "smallest_worthwhile": 1.0}
    plan = PLAN | {"outcomes": [*PLAN["outcomes"], again], "dosage": "took"}
    study = ev.Trial.read(table, plan)
    assert few_lost(study)
    names = ("flow", "balance", "specifications", "received", "data-missing", "data-shares")
    (flow, balance, checks, *others), effects = leaving(study, *names)
    assert others == [None] * 3
    arms = study.analysed(study.main)["Arm" if "Arm" in study.table else "arm"].value_counts()
    assert set(flow.table["stage"]) == {"analysed"}
    assert sorted(flow._cells.exact["n_pupils"]) == sorted(arms)
    counted = balance._cells.exact.drop_duplicates().to_numpy()
    assert sorted(counted.ravel()) == sorted(arms)
    least = checks._cells.exact["n_at_least"]
    assert (least == least[0]).all()
    assert "%" not in flow.drawn.title
    assert all(safe.hidden == {} for safe in (flow, balance, checks, effects))


@pytest.mark.slow
@pytest.mark.parametrize("lost", [{}, {"post": (15, 20), "pre": (0, 12)}])
def test_where_many_or_nobody_were_lost_the_whole_flow_leaves(pupils, lost):
    study = ev.Trial.read(lacking(pupils, lost), PLAN)
    (flow, balance, checks), effects = leaving(study, "flow", "balance", "specifications")
    assert not few_lost(study)
    assert len(flow.table) == 6
    assert flow._cells.exact["n_pupils"][:2].sum() == len(pupils)
    assert all(safe.hidden == {} for safe in (flow, balance, checks, effects))
