"""Rounding of counts of pupils inside sentences."""

import pytest

from evidence.data.rules import Rules
from evidence.release.control.rounding import round_words


@pytest.mark.parametrize(
    ("given", "left"),
    [
        (
            "1,263 treated pupils; 3 pupils moved",
            "1,265 treated pupils; fewer than 10 pupils moved",
        ),
        ("454 of 6,326 pupils have no score", "455 of 6,325 pupils have no score"),
        ("3 of 1,399 rows (0.2%) are left out", "fewer than 10 of 1,400 rows (0%) are left out"),
        ("7 boys and seven girls", "fewer than 10 boys and fewer than 10 girls"),
        (
            "Twelve looked-after children, one pupil",
            "10 looked-after children, fewer than 10 pupils",
        ),
        (
            "108 of 212 who answered: 51%; 63% of 334 asked answered; 7 answers",
            "110 of 210 who answered: 51%; 63% of 335 asked answered; fewer than 10 answers",
        ),
        (
            "487 cases were open, 1 case for more than 20 weeks (3,969 cases, 461 cases open)",
            "485 cases were open, fewer than 10 cases for more than 20 weeks (3,970 cases, "
            "460 cases open)",
        ),
        ("7 looked after children", "fewer than 10 looked after children"),
        ("Seven White British boys left", "Fewer than 10 White British boys left"),
        ("3 Year 6 pupils", "fewer than 10 Year 6 pupils"),
        ("23 Gypsy, Roma and Traveller pupils", "25 Gypsy, Roma and Traveller pupils"),
        ("7 free school meals pupils", "fewer than 10 free school meals pupils"),
        ("7 Pupils, SEVEN PUPILS", "fewer than 10 Pupils, fewer than 10 PUPILS"),
        (
            "7 leavers, 3 refugees, 4 young carers, 6 participants",
            "fewer than 10 leavers, fewer than 10 refugees, fewer than 10 young carers, fewer "
            "than 10 participants",
        ),
        ("thirteen pupils, a dozen boys", "15 pupils, 10 boys"),
        ("twenty-one pupils, Forty two girls", "20 pupils, 40 girls"),
        ("a single pupil was lost", "fewer than 10 pupils were lost"),
        ("seven of the 43 pupils", "fewer than 10 of the 45 pupils"),
        (
            "7 of the pupils, four of our own girls",
            "fewer than 10 of the pupils, fewer than 10 of our own girls",
        ),
        (
            "4 out of 43 pupils; 4 from 43 pupils",
            "fewer than 10 out of 45 pupils; fewer than 10 from 45 pupils",
        ),
        ("7/43 pupils, 7 (of 43) boys", "fewer than 10/45 pupils, fewer than 10 (of 45) boys"),
        ("4 in 43 pupils", "fewer than 10 in 45 pupils"),
        ("Pupils: 7; boys (4)", "Pupils: fewer than 10; boys (fewer than 10)"),
        ("n = 7 pupils, N=43, (n = 8)", "n = fewer than 10 pupils, N=45, (n = fewer than 10)"),
        (
            "43 pupils were tested. Four of them had plans; 3 were girls, and 31 were boys.",
            "45 pupils were tested. Fewer than 10 of them had plans; fewer than 10 were "
            "girls, and 30 were boys.",
        ),
        (
            "43 pupils, 7 with SEN; 3 in care",
            "45 pupils, fewer than 10 with SEN; fewer than 10 in care",
        ),
        (
            "last year 7 pupils moved, in year 6 pupils did not",
            "last year fewer than 10 pupils moved, in year 6 pupils did not",
        ),
        ("1 looked after child was lost", "fewer than 10 looked after children were lost"),
        (
            "7 pupil premium pupils, 2 special school pupils",
            "fewer than 10 pupil premium pupils, fewer than 10 special school pupils",
        ),
        (
            "5-7 pupils, 3 to 4 pupils",
            "fewer than 10-fewer than 10 pupils, fewer than 10 to fewer than 10 pupils",
        ),
        (
            "7 pupils in 4 schools, seven boys in three classes",
            "fewer than 10 pupils in 4 schools, fewer than 10 boys in three classes",
        ),
        ("Seven pupils in South had plans", "Fewer than 10 pupils in South had plans"),
    ],
)
def test_round_words_rounds_pupils_only(given, left):
    assert round_words(given, Rules()) == left


@pytest.mark.parametrize(
    "text",
    [
        "265 pupils in 22 schools",
        "Year 6 pupils, Key Stage 2 pupils",
        "one child in five; one row a pupil",
        "One school of three schools",
        "2017/18 pupils made 3 months more",
        "334 schools asked answered; 12 questions asked",
        "Pupils with 5 or more GCSEs; Progress 8, pupils",
        "Years 5 and 6 pupils, 7-year-old pupils",
        "8 to 12% of pupils, pupils (1 = yes)",
        "£7 of pupil premium, +3 for pupils, on 2026-11-29 pupils",
        "one in five pupils, 2 in 10 pupils",
        "in 2019 pupils did better; level 4 pupils",
        "two thirds of pupils, 3 groups of pupils",
        "40 pupils in 7 schools; 4 of them primary",
        "pupils (2 schools, 95% interval), n = 3 schools",
        "Pupils made 3 months more progress",
    ],
)
def test_what_counts_no_pupils_stays(text):
    assert round_words(text, Rules()) == text


def test_rounded_words_are_rounded_already():
    for text in ("7 of the 43 pupils; n = 7", "Seven boys. 3 of them had plans", "31 SEN girls"):
        once = round_words(text, Rules())
        assert round_words(once, Rules()) == once
