"""Tables of results: one precision a column, words for headings, nothing shown for nothing."""

import re

import numpy as np
import pandas as pd

from evidence.show.html_table import table


def cells(frame, **options):
    html = table(frame, **options)
    return re.findall(r"<t[hd][^>]*>([^<]*)</t[hd]>", html)


def test_interval_stands_in_one_cell_as_exact_as_the_estimate():
    frame = pd.DataFrame({"estimate": [-0.0412], "ci_lower": [-0.2], "ci_upper": [0.118]})
    assert cells(frame) == ["Estimate", "Interval", "−0.04", "−0.20 to 0.12"]


def test_numbers_have_no_exponent_and_a_true_minus():
    frame = pd.DataFrame({"std_error": [1.4e-05, -8.219e-4], "n_obs": [3793, 12]})
    assert cells(frame) == ["Standard error", "Pupils", "0.000", "3,793", "−0.001", "12"]
    assert cells(pd.DataFrame({"df": [181.26]})) == ["Degrees of freedom", "181.3"]
    assert cells(pd.DataFrame({"x": [-np.inf, np.inf]})) == ["X", "−∞", "∞"]


def test_p_values_are_written_as_in_sentences_and_chances_in_per_cent():
    frame = pd.DataFrame({"p_value": [1.4e-05, 0.0479], "probability": [0.999, 0.25]})
    assert cells(frame) == ["p", "Chance", "&lt; .001", "over 99%", ".048", "25%"]


def test_columns_and_tables_without_a_value_are_left_out():
    frame = pd.DataFrame({"label": ["one"], "note": [""], "p_value": [np.nan]})
    assert cells(frame) == ["Label", "one"]
    assert cells(frame, skip=["note", "nowhere"]) == ["Label", "one"]
    assert table(frame[:0]) == ""


def test_text_is_escaped_and_yes_or_no_is_a_word():
    frame = pd.DataFrame({"arm": ["<b>"], "primary": [True]})
    assert cells(frame) == ["Arm", "Primary", "&lt;b&gt;", "yes"]


def test_a_verdict_and_counts_of_schools_are_written_as_people_read_them():
    frame = pd.DataFrame(
        {"verdict": ["better than similar"], "n_schools_treated": [19], "n_part": [7]}
    )
    shown = table(frame)
    for words in ("better than similar pupils", "Schools in the programme", ">Number<"):
        assert words in shown


def test_a_share_and_its_interval_are_both_in_per_cent_and_ranks_stand_in_one_cell():
    frame = pd.DataFrame({"share": [0.18], "ci_lower": [0.151], "ci_upper": [0.22]})
    assert cells(frame) == ["Share", "Interval", "18%", "15 to 22%"]
    frame = pd.DataFrame({"rank": [79.0], "rank_lower": [71.0], "rank_upper": [86.0]})
    assert cells(frame) == ["Rank", "Rank interval", "79", "71 to 86"]


def test_yes_and_no_with_gaps_are_words_too():
    frame = pd.DataFrame({"held": [np.nan, np.True_, False]}, dtype=object)
    assert cells(frame) == ["Held", "", "yes", "no"]


def test_years_are_written_as_years_and_counts_as_counts():
    html = table(
        pd.DataFrame({"time": [2015, 2016], "n_pupils": [2015, 3000], "start": [2017, 2017]})
    )
    assert ">2015<" in html
    assert ">2017<" in html
    assert html.count(">2,015<") == 1  # pupils
    weeks = table(pd.DataFrame({"time": [1500.0, 2300.0]}))
    assert ">2,300<" in weeks
