"""Shares, rates and changes."""

import math

import pytest

import evidence as ev

from ..refusal import assert_refused

M = ev.monitoring


@pytest.mark.parametrize(
    ("call", "arguments", "message"),
    [
        (
            M.proportion,
            (31, 30),
            "count is 31, above n = 30; a count is at most what it is out of "
            "(for printed percentages say percent=True)",
        ),
        (M.proportion, (0, 0), "n is 0; a number above 0 is needed"),
        (M.proportion, (-1, 5), "count is -1; a number from 0 on is needed"),
        (M.proportion, ("c", 5), "count is 'c'; one number is needed"),
        (M.proportion, (math.nan, 5), "count is nan; a number from 0 on is needed"),
        (
            M.change,
            (5, 10, 12, 10),
            "after is 12, above n_after = 10; a count is at most what it "
            "is out of (for printed percentages say percent=True)",
        ),
        (M.rate, (3, 0), "population is 0; a number above 0 is needed"),
        (M.survey, (26, 25), "yes is 26, above answered = 25; each is a part of the next"),
        (M.survey, (24, 25, 20), "answered is 25, above asked = 20; each is a part of the next"),
    ],
)
def test_impossible_figures_are_refused_in_one_line(call, arguments, message):
    assert_refused(message, call, *arguments)


def test_nobody_and_everybody_have_an_interval():
    none, all_ = M.proportion(0, 20), M.proportion(20, 20)
    assert none.ci_lower == 0
    assert none.ci_upper == pytest.approx(1 - all_.ci_lower)
    assert none.ci_upper == pytest.approx(0.161125, abs=1e-6)  # z²/(n + z²)
    assert M.rate(0, 1000).ci_lower == 0


def test_a_count_that_is_no_whole_number_is_said():
    assert M.proportion(18.6, 30).caveats == (
        "a count is no whole number; for printed percentages say percent=True",
    )
    assert M.proportion(62, 30, percent=True).count == 19


def test_a_small_dip_within_the_margin_is_no_worthwhile_change():
    large = M.change(7000, 10_000, 6950, 10_000, margin=0.03)
    small = M.change(70, 100, 69, 100, margin=0.03)
    assert large.verdict == "no worthwhile change"
    assert small.verdict == "too little data"
    assert M.change(7000, 10_000, 6950, 10_000).verdict == "too little data"
    assert M.change(700, 1000, 500, 1000).verdict == "fell"


def test_a_change_is_set_against_the_national_one():
    alone = M.change(62, 3300, 69, 3300, percent=True)
    fixed = M.change(62, 3300, 69, 3300, percent=True, national=(61, 64))
    counted = M.change(62, 3300, 69, 3300, percent=True, national=(61, 600_000, 64, 600_000))
    assert fixed.estimate == pytest.approx(alone.estimate - 0.03)
    assert fixed.ci_upper - fixed.ci_lower == pytest.approx(alone.ci_upper - alone.ci_lower)
    assert counted.estimate == pytest.approx(fixed.estimate)
    assert counted.ci_lower < fixed.ci_lower
    assert_refused(
        "national: a share above 1; give shares from 0 to 1",
        M.change,
        62,
        100,
        69,
        100,
        national=(61, 64),
    )


def test_sentences_say_figure_interval_and_denominator():
    assert M.proportion(24, 25).sentence() == (
        "24 of 25: 96.0% (95% interval 80.5 to 99.3%; Wilson)."
    )
    assert M.rate(5, 100, per=100).sentence() == (
        "5 of 100: 5.0 per 100 (95% interval 1.6 to 11.7 per 100; exact Poisson)."
    )
    found = M.change(62, 30, 69, 30, percent=True)
    assert found.sentence() == (
        "63.3% of 30 to 70.0% of 30: +6.7 percentage points (95% interval −16.5 to +28.9; "
        "Newcombe): too little data to say whether it rose or fell."
    )
    assert found.to_frame()["caveats"][0] == "counts are the nearest to the printed percentages"
    assert "−16.5" in found._repr_html_()
