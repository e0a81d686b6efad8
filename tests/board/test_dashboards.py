"""The parts that dashboards share: choices are checked, faults are said in plain words."""

import pandas as pd
import pytest
from run_folders import BETTER, PROGRAMMES, effect, programmes

from evidence.board import board, hub, programme, widgets
from evidence.show import tables


@pytest.fixture
def address(monkeypatch):
    return lambda query: monkeypatch.setenv("QUERY_STRING", query)


def test_asked_without_a_query_is_empty(monkeypatch):
    monkeypatch.delenv("QUERY_STRING", raising=False)
    assert widgets.asked("year", "phase") == {"year": "", "phase": ""}


@pytest.mark.parametrize(
    ("query", "year"),
    [
        ("year=2018%2F19", "2018/19"),
        ("year=a&year=b", "a"),
        ("year=", ""),
        ("other=1", ""),
        ("&".join(f"a{i}=1" for i in range(100)), ""),
        ("x=" + "y" * 600 + "&year=2018", ""),
    ],
)
def test_asked_takes_the_first_of_a_name(address, query, year):
    address(query)
    assert widgets.asked("year") == {"year": year}


def test_choice_begins_only_at_one_of_its_options():
    options = widgets.distinct("All", ["b", "a", "b"])
    assert options == [("All", ""), ("b", "b"), ("a", "a")]
    assert widgets.choice("Year", options, "a").value == "a"
    assert widgets.choice("Year", options, "<script>").value == ""


@pytest.mark.parametrize("index", [3, -1, "1", None, {"a": 1}, 1e9, [1]])
def test_choice_forged_is_ignored(index):
    box = widgets.choice("Year", widgets.distinct("All", ["a", "b"]))
    box.set_state({"index": index, "_options_labels": ["x"] * 9, "description": "x"})
    assert (box.value, box.label, box.description) == ("", "All", "Year")
    box.set_state({"index": 2})
    assert box.value == "b"


def test_note_forged_is_ignored():
    shown = widgets.note("<p>a</p>")
    shown.set_state({"value": "<p>b</p>"})
    assert shown.value == "<p>a</p>"


def test_reset_keeps_the_choice_that_is_still_there_and_hides_an_empty_box():
    box = widgets.choice("Year", [("a", "a"), ("b", "b")], "b")
    widgets.reset(box, [("b", "b"), ("c", "c")])
    assert box.value == "b"
    widgets.reset(box, [("c", "c"), ("d", "d")], "d")
    assert box.value == "d"
    widgets.reset(box, [])
    assert box.layout.display == "none"


def test_watch_says_a_fault_in_a_plain_sentence():
    box, shown = widgets.choice("Year", [("a", "a"), ("b", "b")]), widgets.note()

    def fail():
        raise ValueError("pupil 93.9 of /home/data")

    widgets.watch([box], fail, shown)
    box.set_state({"index": 1})
    assert shown.value == widgets.FAULT


@pytest.mark.parametrize("build", [board.board, programme.programme, hub.hub])
def test_page_without_a_release_is_a_plain_sentence(build, tmp_path):
    text = build(tmp_path)._repr_mimebundle_()["text/html"]
    assert "<h1>There is no release to show yet</h1>" in text
    assert str(tmp_path) not in text


def test_first_paint_shows_choices_that_cannot_be_used_yet():
    box = widgets.choice("Who <b>", [("a<b", "a"), ("c", "c")])
    text = widgets.first(widgets.bar(widgets.note("<p>x</p>"), box))
    assert "<p>x</p>" in text
    assert "<select disabled><option>a&lt;b</option></select>" in text
    assert "Who &lt;b&gt;" in text


def test_questions_hold_every_figure_once():
    names = ["effect", "by-year-a", "by-year-b", "overlap", "flow", "new-kind"]
    found = programme.questions([{"name": name} for name in names])
    assert [one["name"] for some in found.values() for one in some] == names
    assert list(found)[-1] == programme.OTHER


def test_questions_stand_in_the_order_of_a_report_whatever_the_files_are_called():
    asked = {"effect": "does it hold", "flow": "", "by-year": "what changed", "x": "who took part"}
    found = programme.questions([{"name": n, "question": q} for n, q in asked.items()])
    assert {words: [one["name"] for one in some] for words, some in found.items()} == {
        "What changed?": ["by-year"], "Who took part?": ["x"], "Does the answer hold?": ["effect"],
        "More": ["flow"],
    }  # fmt: skip
    assert list(found) == ["Who took part?", "What changed?", "Does the answer hold?", "More"]


def test_matching_without_a_choice_is_everything():
    rows = pd.DataFrame({"a": ["x", "y"], "b": ["1", "2"]})
    assert len(board.matching(rows, {"a": "", "b": ""})) == 2
    assert board.matching(rows, {"a": "y", "b": ""})["b"].tolist() == ["2"]
    assert "No result matches these choices." in board.results(rows[:0], 2)


def test_heading_follows_the_choice():
    rows = pd.DataFrame(
        {"programme": ["a", "b"], "verdict": ["better than similar"] * 2, "strength": [4, 1]}
    )
    assert board.heading(rows, {}) == "Of 2 programmes: 2 better than similar pupils"
    assert (
        board.heading(rows[:1], {"year": "2018/19"})
        == "The programme did better than similar pupils"
    )
    assert board.heading(rows, {"verdict": "better than similar"}) == (
        "2 with the verdict “better than similar pupils”"
    )
    assert board.heading(rows[:0], {"year": "1"}) == "No result matches these choices"


def test_what_was_asked_stands_in_the_order_of_the_years():
    titles = ["Grade 1, 1986/87", "Kindergarten, 1985/86"]
    rows = pd.DataFrame(
        {"year": ["1986/87", "1985/86"], "cohort_title": titles, "title": titles, "about": "",
         "outcome_title": "maths"}
    )  # fmt: skip
    text = board.asked_for(rows)
    assert text.index("Kindergarten") < text.index("Grade 1")


def test_hub_names_each_hub_once_and_links_its_own_results():
    cohorts = {name: [{"name": "2018", "title": "2017/18"}] for name in PROGRAMMES}
    found = [effect(name, "2018", 0.1, 0.2, 1.0, BETTER, 3, 900, 20) for name in ("leap", "lamp")]
    rows = tables.summary(pd.DataFrame(found), programmes(cohorts))
    both = pd.concat([rows.assign(hub=hub.OWN), rows.assign(hub="Rathfern")], ignore_index=True)
    drawn = hub.side_by_side(both, 4, {}).split("<details")[0]
    assert drawn.count(hub.OWN) == drawn.count("Rathfern") == 1
    own, other = drawn.split("<h2>Rathfern</h2>")
    assert own.count('<a href="programme?programme=') == 2
    assert "<a href" not in other
