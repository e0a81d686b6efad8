"""The parts that dashboards share: choices are checked, faults are said in plain words."""

import pandas as pd
import pytest
from run_folders import BETTER, PROGRAMMES, WORSE, effect, programmes

from evidence.board import board, hub, programme, widgets
from evidence.data.schema import INDICATORS, empty
from evidence.release.site.answers import answers


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
    assert widgets.choice("year", "Year", options, {"year": "a"}).value == "a"
    assert widgets.choice("year", "Year", options, {"year": "<script>"}).value == ""


@pytest.mark.parametrize("index", [3, -1, "1", None, {"a": 1}, 1e9, [1]])
def test_choice_forged_is_ignored(index):
    box = widgets.choice("year", "Year", widgets.distinct("All", ["a", "b"]), {"year": ""})
    box.set_state({"index": index, "_options_labels": ["x"] * 9, "description": "x"})
    assert (box.value, box.label, box.description) == ("", "All", "Year")
    box.set_state({"index": 2})
    assert box.value == "b"


def test_note_forged_is_ignored():
    shown = widgets.note("<p>a</p>")
    shown.set_state({"value": "<p>b</p>"})
    assert shown.value == "<p>a</p>"


def test_reset_keeps_the_choice_that_is_still_there_and_hides_an_empty_box():
    box = widgets.choice("year", "Year", [("a", "a"), ("b", "b")], {"year": "b"})
    widgets.reset(box, [("b", "b"), ("c", "c")])
    assert box.value == "b"
    widgets.reset(box, [("c", "c"), ("d", "d")], "d")
    assert box.value == "d"
    widgets.reset(box, [])
    assert box.layout.display == "none"


def test_watch_says_a_fault_in_a_plain_sentence():
    box = widgets.choice("year", "Year", [("a", "a"), ("b", "b")], {"year": ""})
    shown = widgets.note()

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


def test_first_paint_has_choices_that_ask_for_the_page_anew():
    box = widgets.choice("who", "Who <b>", [("a<b", "a"), ("c", '"c')], {"who": '"c'})
    text = widgets.first(widgets.bar(widgets.note("<p>x</p>"), box))
    assert "<p>x</p>" in text
    assert '<form id="choices" class="bar">' in text
    assert (
        '<select id="choice-who" form="choices" name="who"><option value="a">a&lt;b</option>'
        in text
    )
    assert '<option value="&#34;c" selected>c</option></select>' in text
    assert '<label for="choice-who">Who &lt;b&gt;</label>' in text
    assert "<noscript><button>Show</button></noscript>" in text


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


def found(*verdicts):
    effects = [effect(name, "2018", 0.1, 0.2, 1.0, word, 3, 900, 20) for name, word in verdicts]
    titles = {"leap": "2017/18", "lamp": "2018/19"}
    cohorts = {n: [{"name": "2018", "title": titles.get(n, "")}] for n in PROGRAMMES}
    return answers({"programmes": programmes(cohorts)}, pd.DataFrame(effects), empty(INDICATORS))


def test_matching_without_a_choice_is_everything_and_a_year_is_that_of_a_cohort():
    rows = found(("leap", BETTER), ("lamp", WORSE))
    assert board.matching(rows, {"phase": "", "year": "", "decision": ""}) == rows
    (left,) = board.matching(rows, {"year": "2017/18"})
    assert left["programme"] == "leap"
    assert board.matching(rows, {"decision": "none"}) == rows  # nothing is put together
    assert board.matching(rows, {"decision": "stop"}) == []
    assert "No result matches these choices." in board.results([], 2)


def test_heading_follows_the_choice():
    rows = found(("leap", BETTER), ("lamp", WORSE))
    assert board.heading(rows) == "Of 2 programmes: 1 better than similar pupils, 1 worse"
    left = board.matching(rows, {"year": "2018/19"})
    assert board.heading(left) == "The programme did worse than similar pupils"
    assert board.heading([]) == "No programme matches these choices"


def test_hub_shows_a_programme_once_with_a_column_a_hub():
    one = {"verdict": BETTER, "found": "better", "size": "+2", "span": "+1 to +3",
           "strength": "3 of 5"}  # fmt: skip
    rows = [
        {"title": "LEAP", "differs": "found differently",
         "hubs": {hub.OWN: one, "Rathfern": one | {"verdict": WORSE}}},
        {"title": "LAMP", "differs": "one hub only", "hubs": {"Rathfern": one}},
    ]  # fmt: skip
    drawn = hub.side_by_side(rows, 4, [hub.OWN, "Rathfern"], {}).split("<details")[0]
    assert drawn.count(hub.OWN) == drawn.count("Rathfern") == drawn.count("LEAP") == 1
    assert drawn.count("not tried") == 1
    assert "2 of 4 programmes shown" in drawn
    assert hub.finding(rows, [hub.OWN, "Rathfern"]) == (
        "2 programmes tried in 2 hubs: 1 found differently, 1 in one hub only"
    )
    assert hub.finding(rows[:1], [hub.OWN]) == (
        "1 programme tried in this hub, and no other hub’s results are here yet"
    )


def test_hub_alone_says_so_and_does_not_show_the_board_again(county):
    text = hub.hub(county / "current")._repr_mimebundle_()["text/html"]
    assert "There is nothing to compare yet" in text
    assert "one hub only" not in text
    assert "Where do these numbers come from?" in text


def test_years_of_a_programme_scroll_by_themselves(county, address):
    """On a telephone the page would slide with a table that is wider than it."""
    address("programme=star")
    text = programme.programme(county / "current")._repr_mimebundle_()["text/html"]
    before, _, table = text.partition('aria-label="Every year"')
    assert before.endswith('role="group" ')
    assert table.partition("</div>")[0].count("<tr>") > 2
