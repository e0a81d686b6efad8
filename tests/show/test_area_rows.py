"""Rows of an area's page: what they say, how they are sorted, what is escaped."""

import math

import pytest

from evidence.show import area_rows

NAN = math.nan


def row(**changes):
    series = [
        {"time": str(2012 + n), "value": 60.0 + n / 10, "centre": 60.5, "lower": 58.0,
         "upper": 63.0, "signal": "common cause"}
        for n in range(12)
    ]  # fmt: skip
    return {
        "title": "Phonics", "href": "a.html#p", "unit": "%", "polarity": "high", "time": "2023",
        "value": 61.1, "lower": 59.0, "upper": 63.0, "target": NAN, "variation": "common cause",
        "rule": "", "assurance": "", "readings": 12, "rank": 40.0, "rank_lower": 20.0,
        "rank_upper": 60.0, "n_ranked": 150.0, "national": 60.0, "beside": "England",
        "series": series,
    } | changes  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "group"),
    [
        ({}, "On course"),
        ({"variation": "concern"}, "Needs a decision"),
        ({"assurance": "fails"}, "Needs a decision"),
        ({"assurance": "fails", "variation": "improvement"}, "Watch"),
        ({"assurance": "hit and miss"}, "Watch"),
        ({"rank_lower": 120.0}, "Watch"),
        ({"rank_lower": 100.0}, "On course"),
        ({"rank_lower": NAN, "n_ranked": NAN}, "On course"),
        ({"assurance": "passes", "variation": "concern"}, "Needs a decision"),
        ({"variation": "too few"}, "Too little to judge"),
        ({"variation": ""}, "Too little to judge"),
        ({"variation": "too few", "rank_lower": 120.0}, "Watch"),
        ({"variation": "too few", "assurance": "fails"}, "Needs a decision"),
    ],
)
def test_rows_are_grouped_by_what_needs_attention(changes, group):
    assert area_rows.group(row(**changes)) == group


def test_within_a_group_the_worst_ranked_comes_first():
    rows = [row(title="a", rank=10.0), row(title="b", rank=90.0), row(title="c", rank=NAN)]
    assert [one["title"] for one in area_rows.grouped(rows)["On course"]] == ["b", "a", "c"]


@pytest.mark.parametrize(
    ("bad", "good", "title"),
    [
        (0, 5, "None of five measures needs a decision"),
        (1, 4, "One of five measures needs a decision: bad 0"),
        (2, 3, "Two of five measures need a decision: bad 0 and bad 1"),
        (3, 20, "Three of 23 measures need a decision"),
        (12, 0, "12 of 12 measures need a decision"),
        (1, 0, "One measure needs a decision: bad 0"),
        (0, 1, "No measure needs a decision"),
    ],
)
def test_the_title_says_the_finding(bad, good, title):
    rows = [row(title=f"bad {n}", variation="concern") for n in range(bad)]
    rows += [row(title=f"good {n}") for n in range(good)]
    assert area_rows.finding(rows) == title


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({}, "Level with England, within chance."),
        ({"national": 50.0}, "11.1 points better than England."),
        ({"national": 50.0, "polarity": "low"}, "11.1 points worse than England."),
        ({"national": 50.0, "polarity": ""}, "11.1 points above England."),
        ({"national": 70.0, "unit": ""}, "8.9 worse than England."),
        ({"national": NAN}, "Varies as it always has."),
        (
            {"readings": 1, "variation": "too few"},
            "1 reading. Level with England, within chance.",
        ),
        ({"readings": 5, "variation": "too few", "national": NAN}, "5 readings."),
        (
            {"rule": "trend", "variation": "concern", "beside_variation": "concern"},
            "Seven readings in a row go one way. England changed too. Level with England, within "
            "chance.",
        ),
    ],
)
def test_what_to_know_is_a_sentence_or_two(changes, text):
    assert area_rows.know(row(**changes)) == text


def test_figures_have_the_places_of_their_series():
    assert area_rows.cells(row())["value"] == "61.1%"
    assert area_rows.cells(row())["range"] == "59.0 to 63.0%"
    whole = row(value=61.0, series=[{**one, "value": 60.0} for one in row()["series"]], target=65.0)
    assert (area_rows.cells(whole)["value"], area_rows.cells(whole)["target"]) == ("61%", "65%")
    assert area_rows.figure(-0.04, "", 2) == "−0.04"
    assert area_rows.figure(12_345.6, "") == "12,346"


def test_a_table_says_in_words_what_icons_and_drawings_show_and_escapes_names():
    rows = [
        row(title="<b>Plans</b>", variation="concern", target=90.0, assurance="fails"),
        row(variation="too few", readings=3, rank=NAN),
    ]
    html = str(area_rows.table(rows))
    assert "<b>Plans" not in html
    assert "&lt;b&gt;Plans" in html
    for words in (
        "Getting worse",
        "Misses it every time",
        "Too few readings",
        "40 (20–60)",
        "Needs a decision",
        'aria-label="12 readings, from 60.0% in 2012 to 61.1% in',
    ):
        assert words in html  # fmt: skip
    assert 'stroke-dasharray="4 3"' in html  # too little data is dashed


def test_one_reading_is_no_line():
    assert area_rows.spark(row(series=row()["series"][:1])) == ""
