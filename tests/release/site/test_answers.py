"""One answer a programme, what is counted of them, and what changed since the release before."""

import itertools
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from run_folders import BETTER, NONE, UNSURE, WORSE, make, together

from evidence.release.paper import paper as papers
from evidence.release.site import answers, site
from evidence.release.store import publish, reader
from evidence.show import programme_rows
from evidence.show.document import Table
from evidence.show.portfolio import portfolio

ANSWERS = {
    "star": ("continue", BETTER, 0.2, 0.08, 350.0),
    "lamp": ("test properly", BETTER, 0.1, 0.09, 71.0),
    "leap": ("change", UNSURE, 0.06, 0.13, 0),
    "ta-training": ("stop", WORSE, -0.15, 0.12, 0),
}


@pytest.fixture(scope="module")
def released(tmp_path_factory):
    """Return two releases, the second with results put together."""
    root = tmp_path_factory.mktemp("answers")
    runs, cards = make(root / "runs")
    cards = [card | {"pupils": 500} for card in cards]
    publish.release(runs, cards, root / "published", reviewer="Bea Reviewer")
    run, card = together(root / "runs", ANSWERS)
    report = publish.release([*runs, run], [*cards, card], root / "published", reviewer="Bea")
    assert report.refused == ()
    return root / "published/0001", root / "published/0002"


@pytest.fixture(scope="module")
def rows(released):
    return {row["programme"]: row for row in answers.of_release(released[1])}


def test_a_programme_is_one_row_with_the_answer_of_its_cohorts_together(rows):
    assert len(rows) == 7
    star = rows["star"]
    assert (star["size"], star["span"], star["decision"]) == ("+3", "+2 to +4", "continue")
    assert [one["cohort"] for one in star["cohorts"]] == ["K", "1"]
    assert star["years"] == ["1985/86", "1986/87"]
    assert star["disadvantaged"] == "+2 (+1 to +3)"
    assert (star["points"], star["strength"]) == (4, "4 to 5 of 5")
    assert (star["price_words"], star["price_range"]) == ("£350", "£175 to £700")


def test_the_answer_of_one_cohort_is_its_own(rows):
    lamp = rows["lamp"]
    assert (lamp["size"], lamp["span"]) == ("+2", "+1 to +3")
    assert (lamp["price_words"], lamp["price_range"]) == ("£71", "£36 to £142")
    cost, month, effect, price = map(float, re.findall(r"(?<=£)\d+|0\.\d+", lamp["price_working"]))
    assert price == 71
    assert cost * month / effect == pytest.approx(price, rel=0.005)  # a reader who divides
    assert effect == pytest.approx(lamp["price_effect"], rel=0.005)
    assert lamp["spend"] == 212 * 500


def test_what_is_not_known_is_said_in_words(released, rows):
    assert rows["booster"]["how"] == "in percentage points"
    assert rows["booster"]["price_words"] == "no months"
    assert rows["feedback"]["price_words"] == "not worked out"
    assert rows["leap"]["price_words"] == "no price: no gain"
    assert rows["booster"]["decision"] == ""
    before = {row["programme"]: row for row in answers.of_release(released[0])}
    assert before["star"]["verdict"] == ""
    assert before["star"]["span"] == "2 results, not put together"
    drawn = programme_rows.board([before["star"]])
    assert "2 results, not put together" in drawn
    assert "not put together" in programme_rows.finding([before["star"], before["lamp"]])


def test_facts_say_what_was_delivered_and_who_took_part_where_a_release_tells_it(released):
    record = reader.release(released[1])
    tables = reader.effects(released[1]), reader.indicators(released[1])
    told = {
        "lamp": {
            "Was it delivered?": ["Received any of the programme: 0% in usual, 91% in LAMP"],
            "Who took part?": ["84% of the pupils are in the analysis"],
        }
    }
    found = {row["programme"]: row["facts"] for row in answers.answers(record, *tables, told)}
    assert found["lamp"] == [
        ("Was it delivered?", "Received any of the programme: 0% in usual, 91% in LAMP."),
        ("Who took part?", "84% of the pupils are in the analysis."),
    ]
    assert found["star"] == [
        ("Was it delivered?", "No release says how much of it schools or pupils received.")
    ]


def test_two_programmes_of_one_title_get_no_ones_answer(released):
    record = reader.release(released[1])
    record["programmes"] = [
        card | ({"title": "LAMP"} if card["name"] == "star" else {})
        for card in record["programmes"]
    ]
    tables = reader.effects(released[1]), reader.indicators(released[1])
    found = {row["programme"]: row for row in answers.answers(record, *tables)}
    assert found["star"]["decision"] == found["lamp"]["decision"] == ""
    assert found["star"]["verdict"] == ""


def test_what_changed_since_the_release_before(released):
    assert answers.since(released[0]) is None
    lines = answers.since(released[1])
    assert "LAMP: now “test properly”, before “not decided”." in lines
    assert (
        "Project STAR: now “better than similar pupils”, before “not put together”; "
        "now “continue”, before “not decided”." in lines
    )
    assert len(lines) <= 8


def test_pages_say_the_same_as_the_rows(released, rows):
    index = (released[1] / "index.html").read_text(encoding="utf-8")
    order = [index.index(f'data-group="{key}"') for key in ("continue", "test properly", "stop")]
    assert order == sorted(order)
    for row in rows.values():
        assert row["short"] in index
        assert row["span"] in index
    assert f"<h1>{programme_rows.finding([*rows.values()])}</h1>" in index
    assert "Since the last release" in index
    assert 'class="portfolio"' in index


def test_envelope_of_fifty_programmes_is_small(released, rows):
    def size(some):
        return len(programme_rows.board(some).encode()) + len(portfolio(some).encode())

    longest = max(rows.values(), key=lambda row: size([row, row]))
    text = site.envelope(released[1])
    assert len(text.encode()) - size([*rows.values()]) + size([longest] * 50) < 300_000


def test_paper_decides_as_the_board_does(released, rows):
    made = papers.paper(released[1].parent)
    table = next(block for block in made.blocks if isinstance(block, Table))
    assert {cells[0]: cells[1].lower() for cells in table.rows} == {
        row["title"]: row["decision"] or "not decided" for row in rows.values()
    }


def test_portfolio_needs_two_programmes_and_labels_each_once(rows):
    drawn = portfolio([*rows.values()])
    for name in ("LAMP", "LEAP", "TA training"):
        assert re.search(rf"<text[^>]*>{name}</text>", drawn)
    assert portfolio([rows["lamp"]]) == ""
    boxes = re.findall(r'<text x="([\d.-]+)" y="([\d.-]+)" fill="#[^"]+" stroke', drawn)
    places = [(float(x), float(y)) for x, y in boxes]
    apart = [abs(a[1] - b[1]) >= 10 or abs(a[0] - b[0]) > 40
             for a, b in itertools.combinations(places, 2)]  # fmt: skip
    assert all(apart)


ROW = st.fixed_dictionaries(
    {
        "verdict": st.sampled_from([BETTER, WORSE, NONE, UNSURE, ""]),
        "decision": st.sampled_from([*programme_rows.DECISIONS]),
        "spend": st.one_of(st.just(float("nan")), st.floats(0, 1e9)),
    }
)


@given(st.lists(ROW, min_size=2, max_size=60))
@settings(max_examples=60, deadline=None)
def test_headline_never_says_anything_but_the_count_of_the_rows(some):
    said = programme_rows.finding(some)
    assert said.startswith(f"Of {len(some)} programmes: ")
    counts = [int(number) for number in re.findall(r"\b(\d+) ", said.partition(": ")[2])]
    verdicts = [row["verdict"] for row in some]
    assert counts == [n for key in programme_rows.FOUND if (n := verdicts.count(key))]
    todo = [row["decision"] for row in some]
    line = programme_rows.decided(some).partition(".")[0]
    if set(todo) != {""}:
        found = [int(number) for number in re.findall(r" (\d+)\b", line)]
        assert found == [n for key in programme_rows.DECISIONS if (n := todo.count(key))]


@pytest.mark.parametrize(
    ("value", "said"),
    [(0, "£0"), (85.4, "£85"), (9949, "£9,949"), (9950, "£10k"), (278_400, "£278k"),
     (999_499, "£999k"), (999_500, "£1.00m"), (1_024_000, "£1.02m"), (12_340_000, "£12.3m")],
)  # fmt: skip
def test_pounds_are_written_in_three_figures(value, said):
    assert programme_rows.pounds(value) == said
