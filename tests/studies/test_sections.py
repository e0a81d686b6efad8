"""A report speaks the register's words, begins with the answer and has no empty section."""

import numpy as np
import pandas as pd
import pytest

from evidence import effects, pictures, trials
from evidence import report as sections
from evidence.errors import EvidenceError

LABELS = {"arm": "Arm", "ctl": "As usual", "new": "Reading aloud", "fsm": "Free meals"}
LABELS |= {"fsm: 1": "yes", "fsm: 0": "no", "post": "Reading", "urn": "School"}


@pytest.fixture
def pupils(rng):
    school = np.repeat(np.arange(20), 12)
    fsm = np.where(rng.random(240) < 0.1, np.nan, rng.integers(0, 2, 240))
    return pd.DataFrame(
        {
            "post": rng.normal(0, 1, 240) + 0.9 * (school % 2),
            "arm": np.where(school % 2, "new", "ctl"),
            "fsm": fsm,
            "urn": school,
            "School": "another column, not used",
        }
    )


def test_in_words_names_columns_arms_and_values_and_keeps_the_numbers(pupils):
    made = sections.in_words(
        pupils, LABELS, treatment="arm", keep=["post", "fsm", "urn", "", "fsm"]
    )
    assert list(made) == ["Arm", "Reading", "Free meals", "School"]
    assert set(made["Arm"]) == {"As usual", "Reading aloud"}
    assert (made["Free meals"] == "yes").equals(pupils["fsm"] == 1)
    assert made["Free meals"].isna().equals(pupils["fsm"].isna())
    assert made["Reading"].equals(pupils["post"].rename("Reading"))
    plan = {"treatment": "arm", "reference": "ctl", "covariates": ["fsm"], "cluster": "urn"}
    raw = trials.itt(pupils, outcome="post", **plan)
    said = trials.itt(made, outcome="Reading", **sections.say(plan, LABELS))
    assert said.estimate == pytest.approx(raw.estimate, rel=1e-12)
    assert said.std_error == pytest.approx(raw.std_error, rel=1e-12)
    assert said.sentence().startswith("Reading, Reading aloud against As usual: +")
    assert said.caveats[0].endswith("pupils have no record of Free meals and are left out")


def test_in_words_refuses_two_things_of_one_name(pupils):
    for labels, keep, message in (
        ({"urn": "School"}, ["urn", "School"], "two columns would be called 'School'"),
        ({"ctl": "Same", "new": "Same"}, [], "two arms would be called 'Same'"),
    ):
        with pytest.raises(EvidenceError) as error:
            sections.in_words(pupils, labels, treatment="arm", keep=keep)
        assert str(error.value) == f"labels: {message}; call each its own"


def test_say_leaves_what_is_no_name_as_it_is():
    assert sections.say({"a": "post", "b": ["fsm", "x"], "c": None}, LABELS) == {
        "a": "Reading", "b": ["Free meals", "x"], "c": None,
    }  # fmt: skip


def test_section_without_parts_is_none_and_with_some_shows_them_escaped():
    assert sections.section("For whom?", None, None, about="Never shown alone.") is None
    shown = sections.section("A <b>", None, "one is", pd.DataFrame({"x": [1.5]}), about="Why")
    assert shown._repr_html_() == (
        "<h2>A &lt;b&gt;</h2><p>Why</p><p>One is.</p>"
        + str(sections.table(pd.DataFrame({"x": [1.5]})))
    )


@pytest.fixture
def answered(pupils):
    plan = {"treatment": "arm", "reference": "ctl", "cluster": "urn", "covariates": ["fsm"]}
    raw, size = (f(pupils, outcome="post", **plan) for f in (trials.itt, trials.effect_size))
    strength = effects.strength("randomised", mdes=0.35, attrition=0.0)
    entry = {"name": "post", "title": "Reading", "unit": "sd", "smallest_worthwhile": 0.1}
    row = effects.row(raw, size, programme="p", cohort="c", outcome=entry, strength=strength)
    return row.iloc[0], strength, effects.posterior(size, table="trial")


def test_answer_says_programme_finding_strength_and_what_to_bear_in_mind(answered):
    row, strength, belief = answered
    page = sections.answer(
        row, strength, title="A <programme>", cohort="2019", outcome="Reading", belief=belief,
        simulated=True,
    )._repr_html_()  # fmt: skip
    places = [
        page.index(text)
        for text in (
            "Simulated data.",
            "A &lt;programme&gt; · 2019",
            "<h2 style=",
            "Reading: better than similar pupils",
            "<b>better than similar pupils</b>",
            "months’ more progress than similar pupils",
            "■■■□□</span> <b>3 of 5, moderate</b>. Marked down two squares: ",
            "the chance of any benefit is",
            "pupils have no record of fsm and are left out.</li>",
        )
    ]
    assert places == sorted(places)
    # Why squares were lost is said once, not again among the caveats.
    assert page.lower().count("marked down") == 1
    plain = sections.answer(row, strength, title="A")._repr_html_()
    assert "Simulated" not in plain


def test_flow_puts_the_arms_compared_first_and_says_who_was_lost_for_what(pupils):
    three = pupils.assign(arm=np.where(pupils["urn"] > 15, "Another", pupils["arm"]))
    three.loc[:4, "post"] = np.nan
    given = {"treatment": "arm", "outcome": "post", "covariates": ["fsm"], "cluster": "urn"}
    flow = trials.flow(three, reference="ctl", arm="new", **given)
    assert list(flow.table["arm"][:3]) == ["ctl", "new", "Another"]
    assert list(flow.table["lost_for"].unique()) == ["", "post", "fsm"]
    compared = three[three["arm"] != "Another"]
    assert flow.totals()["assigned"] == len(compared)
    assert flow.totals()["analysed"] == len(compared.dropna(subset=["post", "fsm"]))
    picture = pictures.flow(flow)
    share = 100 * flow.totals()["analysed"] / len(compared)
    said = int(picture.title.split("%")[0])
    assert picture.title == f"{said}% of the pupils compared are in the analysis"
    assert abs(said - share) < 3  # of counts rounded to 5
    assert "Another (not compared)" in set(picture.table["arm"])
    everybody = trials.flow(pupils, treatment="arm", outcome="post")
    assert pictures.flow(everybody).title == "All pupils are in the analysis"
    nearly = pd.concat([pupils] * 5)
    nearly["post"] = nearly["post"].where(np.arange(len(nearly)) > 0)
    title = pictures.flow(trials.flow(nearly, treatment="arm", outcome="post")).title
    assert title == "Nearly all pupils are in the analysis"


def test_attrition_of_nobody_is_one_sentence(pupils):
    found = trials.attrition(pupils, pupils, treatment="arm", reference="ctl")
    assert found._repr_html_() == "<p>None of 240 pupils was lost.</p>"
    some = trials.attrition(pupils, pupils[24:], treatment="arm", reference="ctl")._repr_html_()
    assert "10.0%" in some
    assert "<table>" in some


def test_missingness_without_anybody_missing_has_no_table(pupils):
    given = {"treatment": "arm", "reference": "ctl", "covariates": ["sex"]}
    pupils["sex"] = np.resize(["girls", "boys", "not said", None], len(pupils))
    found = trials.missingness(pupils, outcome="post", **given)
    assert found._repr_html_() == "<p>All 240 pupils have a record of post.</p>"
    pupils.loc[:20, "post"] = np.nan
    found = trials.missingness(pupils, outcome="post", **given)
    assert found.caveats == ("60 of 240 pupils have no record of sex; its mean is used",)
    assert "Percentage points more missing" in found._repr_html_()


def test_worthwhile_in_another_unit_is_carried_over_by_the_intervals():
    row = {"ci_lower": -4.0, "ci_upper": 6.0, "es_lower": -0.1, "es_upper": 0.15}
    entry = {"unit": "pp", "smallest_worthwhile": 2.9}
    assert pictures.worthwhile(row, entry) == 0.07  # 2.9 × .25/10 = .0725, to two decimals
    assert pictures.worthwhile(row, {"unit": "sd", "smallest_worthwhile": 0.1}) == 0.1
    assert np.isnan(pictures.worthwhile(row | {"ci_upper": np.nan}, entry))
