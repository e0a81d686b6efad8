import math
from datetime import date

import pytest

from evidence.show import words

ROW = {
    "outcome": "Mathematics",
    "estimand": "itt",
    "unit": "sd",
    "estimate": 0.12,
    "ci_lower": -0.05,
    "ci_upper": 0.29,
    "level": 0.95,
    "df": 18.0,
    "effect_size": 0.12,
    "es_lower": -0.05,
    "es_upper": 0.29,
    "months": 2.0,
    "n_schools": 20.0,
    "verdict": "too little data",
}


@pytest.mark.parametrize(
    ("group", "theirs"),
    [
        ("fsm: 1", True), ("Free school meals: yes", True), ("disadvantaged", True),
        ("fsm: 0", False), ("FSM: N", False), ("fsm: False", False), ("fsm: none", False),
        ("Free school meals: No FSM", False), ("pupil premium: never", False),
        ("Disadvantaged: other pupils", False), ("not disadvantaged", False), ("sex: F", False),
        ("gap between disadvantaged pupils and others", False),
    ],
)  # fmt: skip
def test_other_pupils_are_not_taken_for_the_disadvantaged(group, theirs):
    assert words.disadvantaged(group) is theirs


@pytest.mark.parametrize("when", ["2026-03-02", "2026-03-02T09:30:00+00:00", date(2026, 3, 2)])
def test_a_day_is_written_in_words(when):
    assert words.day(when) == "2 March 2026"


# METHODS 1: the toolkit's table, both ends of each row.
@pytest.mark.parametrize(
    ("effect_size", "expected"),
    [
        (0.0, 0), (0.01, 0), (0.014, 0), (0.015, 1), (0.02, 1), (0.09, 1), (0.095, 2), (0.10, 2),
        (0.18, 2), (0.19, 3), (0.26, 3), (0.27, 4), (0.35, 4), (0.36, 5), (0.44, 5), (0.45, 6),
        (0.52, 6), (0.53, 7), (0.61, 7), (0.62, 8), (0.69, 8), (0.70, 9), (0.78, 9), (0.79, 10),
        (0.87, 10), (0.88, 11), (0.95, 11), (0.96, 12), (1.0, 12), (2.5, 12),
    ],
)  # fmt: skip
def test_months_toolkit_reads_the_published_table_both_ways(effect_size, expected):
    assert words.months(effect_size) == expected
    assert words.months(-effect_size) == -expected


def test_months_trial_table_calls_up_to_four_hundredths_nought():
    assert [words.months(x, "trial") for x in (0.04, 0.05, 0.09, 0.10)] == [0, 1, 1, 2]


def test_months_of_missing_is_missing():
    assert math.isnan(words.months(math.nan))


def test_months_unknown_table_names_those_allowed():
    with pytest.raises(ValueError, match=r"^table is 'new'; allowed are toolkit, trial$"):
        words.months(0.1, "new")


def test_number_uses_true_minus_and_never_signs_nought():
    assert words.number(-1.25, 1) == "−1.2"
    assert words.number(-0.04, 1, sign=True) == "0.0"
    assert words.number(2, 0, sign=True) == "+2"


def test_school_year_crosses_the_century():
    assert [words.school_year(y) for y in (2018, 2000)] == ["2017/18", "1999/00"]


def test_detectable_is_the_mdes_of_the_study_that_was_run():
    # (t[.975, 18] + t[.8, 18]) x SE with SE = .17 / t[.975, 18] = .08092
    assert words.detectable(ROW) == pytest.approx((2.10092 + 0.86205) * 0.0809169, abs=1e-5)


def test_effect_sentence_too_little_data_says_what_could_have_been_found():
    assert words.effect_sentence(ROW) == (
        "We do not know whether pupils offered the programme made more or less progress than "
        "similar pupils (mathematics; likely range, a 95% interval: −1 to +4 months). With 20 "
        "schools this study could only have detected 3 months or more: too little data."
    )


@pytest.mark.parametrize("change", [{}, {"estimate": math.nan}, {"months": math.nan}])
def test_effect_sentence_of_a_part_of_the_pupils_names_it(change):
    part = words.effect_sentence(ROW | change | {"subgroup": "Free school meals: yes"})
    whole = words.effect_sentence(ROW | change | {"subgroup": "all"})
    assert part == whole.replace("athematics", "athematics, Free school meals: yes", 1)
    assert part != whole


def test_effect_sentence_one_month_less_and_acronym():
    row = ROW | {
        "months": -1.0, "es_lower": -0.09, "es_upper": -0.02, "verdict": "worse than similar"
    }  # fmt: skip
    assert words.effect_sentence(row, outcome="GCSE maths") == (
        "Pupils offered the programme made about 1 month’s less progress than similar pupils "
        "(GCSE maths; 95% interval −1 to just below 0)."
    )


def test_effect_sentence_percentage_points_without_months():
    row = ROW | {
        "estimand": "att", "unit": "pp", "estimate": 3.1, "ci_lower": -0.4, "ci_upper": 6.6,
        "months": math.nan, "outcome": "Maths, expected standard",
    }  # fmt: skip
    assert words.effect_sentence(row) == (
        "We do not know whether pupils in schools taking part did better or worse than pupils in "
        "schools that did not (maths, expected standard; likely range, a 95% interval: −0.4 to "
        "+6.6 percentage points). With 20 schools this study could only have detected an effect "
        "of 0.24 SD or more: too little data."
    )
    assert words.effect_sentence(row | {"ci_lower": 0.4, "verdict": "better than similar"}) == (
        "Pupils in schools taking part did 3.1 percentage points better than pupils in schools "
        "that did not (maths, expected standard; 95% interval +0.4 to +6.6)."
    )


def test_relabel_changes_whole_names_only():
    assert words.relabel("sx: M, sxx, ses", {"sx": "Sex", "ses": "Free meals"}) == (
        "Sex: M, sxx, Free meals"
    )
    assert words.relabel("math_2", {}) == "math_2"


def test_effect_sentence_suppressed_shows_no_figure():
    row = ROW | {"estimate": math.nan, "ci_lower": math.nan}
    assert words.effect_sentence(row) == "Mathematics: not shown, to protect few pupils."


def test_months_range_says_on_which_side_of_nought_it_lies():
    assert words.months_range(0.005, 0.12) == "just above 0 to +2"
    assert words.months_range(-0.12, -0.001) == "−2 to just below 0"
    assert words.months_range(-0.001, 0.12) == "0 to +2"


def test_sentence_of_a_trial_uses_one_table_for_size_range_and_least_effect():
    row = ROW | {"months": 0.0, "es_lower": -0.03, "es_upper": 0.07}
    assert "95% interval: 0 to +1 months)" in words.effect_sentence(row)
    assert "95% interval: −1 to +1 months)" in words.effect_sentence(row | {"estimand": "att"})
    # SE .0119, times 2.96: .035 SD could have been detected, which a trial report calls nought.
    tight = row | {"es_lower": -0.025, "es_upper": 0.025}
    assert words.detectable(tight) == pytest.approx(0.035, abs=5e-4)
    assert "detected an effect of 0.04 SD or more" in words.effect_sentence(tight)
    assert "detected 1 month or more" in words.effect_sentence(tight | {"estimand": "att"})


def test_headline_is_the_outcome_and_the_finding():
    assert words.headline(ROW, outcome="Maths test") == "Maths test: too little data to tell"
    row = ROW | {"verdict": "worse than similar"}
    assert words.headline(row) == "Mathematics: worse than similar pupils"


def test_capital_changes_the_first_letter_only():
    assert [words.capital(text) for text in ("a B", "", "4 of")] == ["A B", "", "4 of"]


def test_file_names_are_short_and_of_different_words_different():
    assert words.file_name("Reading, writing") == "reading-writing"
    title = "Reading, writing and maths, expected standard, pupils on SEN Support"
    names = [words.file_name(f"{title} {when}") for when in ("before", "since")]
    assert len(set(names)) == 2
    assert max(map(len, names)) <= 60
    assert words.file_name("…", "value") == "value"
