"""The board's rows: what is said above them, what is in them, and that all of it is escaped."""

import math
import re

import pandas as pd
import pytest
from markupsafe import escape
from run_folders import BETTER, NONE, PROGRAMMES, UNSURE, WORSE, effect, programmes

from evidence.data.schema import INDICATORS, empty
from evidence.release.site.answers import answers
from evidence.show import programme_rows
from evidence.show.portfolio import portfolio, short_titles

HARM = '<img src=x onerror="alert(1)">'


def one(verdict, programme="leap", cohort="2018", points=3, **other):
    return effect(programme, cohort, 0.1, 0.2, 1.0, verdict, points, 1200, 40, **other)


def rows_of(effects, **changes):
    cohorts = {name: [{"name": c, "title": c} for c in ("2018", "2019")] for name in PROGRAMMES}
    cards = [card | changes for card in programmes(cohorts)]
    return answers({"programmes": cards}, pd.DataFrame(effects), empty(INDICATORS))


@pytest.mark.parametrize(
    ("verdicts", "title"),
    [
        ({}, "No programme has a result to show yet"),
        ({"leap": BETTER}, "The programme did better than similar pupils"),
        ({"leap": UNSURE}, "It is not yet known what the programme changed"),
        ({"leap": WORSE}, "The programme did worse than similar pupils"),
        ({"leap": NONE}, "The programme made no worthwhile difference"),
        ({"leap": BETTER, "lamp": BETTER}, "Of 2 programmes: 2 better than similar pupils"),
        (
            {"leap": BETTER, "lamp": UNSURE},
            "Of 2 programmes: 1 better than similar pupils, 1 not yet known",
        ),
        ({"leap": BETTER, "lamp": WORSE}, "Of 2 programmes: 1 better than similar pupils, 1 worse"),
        (
            {"leap": NONE, "lamp": WORSE},
            "Of 2 programmes: 1 worse than similar pupils, 1 no worthwhile difference",
        ),
        (
            {"leap": NONE, "lamp": UNSURE},
            "Of 2 programmes: 1 no worthwhile difference, 1 not yet known",
        ),
    ],
)
def test_finding_counts_programmes(verdicts, title):
    rows = rows_of([one(word, name) for name, word in verdicts.items()]) if verdicts else []
    assert programme_rows.finding(rows) == title


def test_finding_of_many_programmes_counts_each_verdict_in_one_line():
    verdicts = [BETTER] * 5 + [WORSE] + [NONE] * 2 + [UNSURE] * 9
    assert programme_rows.finding([{"verdict": verdict} for verdict in verdicts]) == (
        "Of 17 programmes: 5 better than similar pupils, 1 worse, 2 no worthwhile difference, "
        "9 not yet known"
    )


def test_two_cohorts_are_one_row_and_counted_once():
    rows = rows_of([one(BETTER), one(WORSE, cohort="2019"), one(BETTER, "lamp")])
    assert programme_rows.finding(rows) == (
        "Of 2 programmes: 1 better than similar pupils, 1 not put together"
    )


def test_what_a_board_asks_first_is_answered_from_the_rows():
    nan = float("nan")
    row = {"decision": "", "price": nan, "price_words": "no months", "theirs": (nan, nan),
           "spend": nan, "verdict": BETTER}  # fmt: skip
    assert programme_rows.asked([row | {"short": "LEAP"}]) == []
    rows = [
        row | {"short": "Quizzes", "decision": "continue", "price": 5.0,
               "price_words": "£5", "theirs": (0.1, 0.3)},
        row | {"short": "Assistants", "decision": "stop",
               "theirs": (-0.4, -0.1), "spend": 1200, "price_words": programme_rows.NO_GAIN},
        row | {"short": "Small Schools, spring", "decision": "stop",
               "verdict": UNSURE,
               "price": 479.0, "price_words": "£479", "theirs": (-0.4, 0.1)},
        row | {"short": "LEAP", "verdict": UNSURE, "decision": "test properly"},
    ]  # fmt: skip
    exact = (
        "Prices rest on the exact effect that further schools may expect, not on the rounded "
        "months."
    )
    assert programme_rows.asked(rows) == [
        (
            "What should we stop?",
            "Assistants; Small Schools, spring. £1,200 a year goes into these. 1 of them has too "
            "little data to say what changed, but enough to say: very probably not worth the "
            "cost. 1 other with too little data may be worth the cost, so test first.",
        ),
        (
            "What does a month of progress cost?",
            "£5 a pupil (Quizzes) to £479 (Small Schools, spring); 1 programme shows no gain to "
            f"price; of 1 programme no price is known. {exact}",
        ),
        (
            "Do disadvantaged pupils gain?",
            "Better than similar disadvantaged pupils with Quizzes. Worse with Assistants. "
            "Not yet known of 1 programme. 1 programme does not say.",
        ),
    ]
    assert programme_rows.asked(rows[:1]) == [
        ("What should we stop?", "None of them."),
        ("What does a month of progress cost?", f"£5 a pupil (Quizzes). {exact}"),
        (
            "Do disadvantaged pupils gain?",
            "Better than similar disadvantaged pupils with Quizzes.",
        ),
    ]
    assert programme_rows.asked([rows[2]])[-1][1] == "Not yet known of 1 programme."


def test_filters_offer_what_is_there():
    rows = rows_of([one(BETTER), one(WORSE, "lamp", "2019")])
    assert [(name, [value for value, _ in offered])
            for name, _, _, offered in programme_rows.filters(rows)] == [
        ("phase", [*dict.fromkeys(row["phase"] for row in rows)]), ("year", ["2018", "2019"]),
        ("decision", []),
    ]  # fmt: skip
    rows[0] |= {"decision": "stop"}
    assert programme_rows.filters(rows)[-1][-1] == [("stop", "Stop"), ("none", "Not decided")]


def test_the_picture_says_a_size_with_its_own_unit():
    rows = rows_of([one(BETTER), one(WORSE, "lamp")])
    rows[1] |= {"size": "−0.12 SD", "span": "−0.2 to 0.0"}  # no attainment
    said = portfolio(rows).partition('aria-label="')[2].partition('"')[0]
    assert f"{rows[0]['short']}: £{rows[0]['cost']:,.0f}, +2 (" in said
    assert "−0.12 SD (−0.2 to 0.0)." in said


def test_the_picture_marks_what_runs_on_beyond_its_edge_and_nothing_else():
    rows = rows_of([one(BETTER), one(WORSE, "lamp")])
    rows[0] |= {"effect": 0.2, "lower": 0.1, "upper": 0.9}
    rows[1] |= {"effect": -0.1, "lower": -0.15, "upper": 0.0}
    drawn = portfolio(rows)
    assert drawn.count('class="beyond"') == 1
    rows[1] |= {"lower": -0.9}
    both = portfolio(rows)
    assert both.count('class="beyond"') == 2
    assert "-8h10z" in both  # the second points downwards
    assert "-8h10z" not in drawn
    rows[0] |= {"upper": 0.25}
    rows[1] |= {"lower": -0.15}
    assert "beyond" not in portfolio(rows)


def test_no_name_in_the_picture_lies_over_the_line_at_zero():
    rows = rows_of([one(UNSURE), one(UNSURE, "lamp")])
    rows[0] |= {"effect": 0.0, "lower": -0.1, "upper": 0.1}
    rows[1] |= {"effect": 0.01, "lower": -0.1, "upper": 0.1, "cost": 3 * rows[0]["cost"]}
    drawn = portfolio(rows)
    zero = float(re.search(r'<path d="M46 ([\d.]+)H820', drawn)[1])
    places = re.findall(r'<text x="[\d.]+" y="([\d.]+)" fill="#[^"]+" stroke', drawn)
    assert len(places) == 2
    for base in map(float, places):
        assert not base - 11 < zero < base + 3


def test_months_are_said_to_be_unequal_steps_where_they_are_drawn_and_in_words():
    rows = rows_of([one(BETTER), one(WORSE, "lamp")])
    drawn = portfolio(rows)
    assert "steps of unequal size" in drawn.partition('aria-label="')[2].partition('"')[0]
    assert "(EEF: unequal steps)</text>" in drawn
    table = programme_rows.board(rows)
    assert "steps of unequal size" in table.partition("<caption")[2].partition("</caption>")[0]
    assert "<small>likely range; EEF: unequal steps</small>" in table.partition("</thead>")[0]


@pytest.mark.parametrize(
    ("titles", "names"),
    [
        (["LEAP: reading", "LAMP"], [("LEAP", "reading"), ("LAMP", "")]),
        (
            ["Trial: quizzes", "Trial: texts", "LEAP"],
            [("Quizzes", "Trial"), ("Texts", "Trial"), ("LEAP", "")],
        ),
        (  # no two of one name
            ["North: texts", "North: quizzes", "South: texts", "South: maths"],
            [("North: texts", ""), ("Quizzes", "North"), ("South: texts", ""), ("Maths", "South")],
        ),
    ],
)
def test_short_names_tell_programmes_apart(titles, names):
    assert short_titles([{"title": title} for title in titles]) == names


def test_one_name_a_programme_in_table_picture_and_answers():
    cohorts = {name: [{"name": "2018", "title": "2018"}] for name in PROGRAMMES}
    cards = [card | {"title": f"Hub trial: {card['name']}"} for card in programmes(cohorts)]
    effects = pd.DataFrame([one(BETTER), one(WORSE, "lamp")])
    rows = answers({"programmes": cards}, effects, empty(INDICATORS))
    assert sorted(row["short"] for row in rows) == ["Lamp", "Leap"]
    assert all(row["about"].startswith("Hub trial · ") for row in rows)
    table, picture = programme_rows.board(rows), portfolio(rows)
    for name in ("Leap", "Lamp"):
        assert f'<th scope="row">{name}<small>' in table
        assert f">{name}</text>" in picture


def test_board_every_text_is_escaped():
    rows = rows_of([one(BETTER)], title=HARM, phase=HARM, ask_next=HARM, claim=HARM)
    html = programme_rows.board(rows, link=lambda row: HARM, cohort=lambda row: HARM)
    assert "<img" not in html
    assert escape(HARM) in html


def test_board_unsure_is_hollow_and_dashed_and_sure_is_not():
    unsure, sure = (programme_rows.board(rows_of([one(verdict)])) for verdict in (UNSURE, BETTER))
    assert 'stroke-dasharray="5 3.5"' in unsure
    assert 'fill="#FFFFFF"' in unsure
    assert "stroke-dasharray" not in sure
    assert 'fill="#FFFFFF"' not in sure


def test_board_months_are_whole_with_range_and_true_minus():
    html = programme_rows.board(rows_of([one(UNSURE)]))
    assert '<b class="big">+2</b><small>−2 to +4</small>' in html
    assert "3 of 5, moderate" in html


def test_board_without_months_says_its_unit():
    html = programme_rows.board(
        rows_of([effect("booster", "2019", 0.4, 2.1, None, NONE, 2, 1874, 42)])
    )
    assert '<b class="big">+0.4 pp</b><small>−1.7 to +2.5</small>' in html
    assert "in percentage points" in html


def test_cohorts_without_any_effect_are_drawn_on_the_line():
    nothing = dict.fromkeys(("estimate", "effect_size", "es_lower", "es_upper"), 0.0)
    html = programme_rows.board(rows_of([one(NONE, cohort=c) | nothing for c in ("2018", "2019")]))
    assert html.count('cy="15.0"') == 2


def test_board_hidden_result_says_so():
    nothing = dict.fromkeys(("estimate", "ci_lower", "ci_upper", "months", "strength"), math.nan)
    nothing |= dict.fromkeys(("effect_size", "es_lower", "es_upper"), math.nan)
    html = programme_rows.board(rows_of([one(UNSURE) | nothing]))
    assert "protects few pupils" in html
    assert "not rated" in html


def test_board_what_the_register_leaves_out_is_never_nan():
    rows = rows_of([one(BETTER), one(BETTER, "lamp")], ask_next=None, cost=None, phase=None)
    html = programme_rows.board(rows)
    assert ">nan" not in html
    assert "cost not stated" in html


def test_the_next_question_is_asked_once_a_programme_however_many_cohorts():
    asked = "Does it hold in small schools?"
    rows = rows_of([one(BETTER), one(UNSURE, cohort="2019")], ask_next=asked)
    shown = programme_rows.board(rows, open=True)
    assert shown.count(asked) == 1
    assert programme_rows.sheet(rows)["Next question"].tolist() == [asked]
