"""Rounding of counts of pupils inside sentences."""

import pytest

from evidence.data.rules import Rules
from evidence.release.control.rounding import round_words


@pytest.mark.parametrize(
    ("given", "left"),
    [
        ("265 pupils in 22 schools", "265 pupils in 22 schools"),
        (
            "1,263 treated pupils; 3 pupils moved",
            "1,265 treated pupils; fewer than 10 pupils moved",
        ),
        ("454 of 6,326 pupils have no score", "455 of 6,325 pupils have no score"),
        ("3 of 1,399 rows (0.2%) are left out", "fewer than 10 of 1,400 rows (0%) are left out"),
        ("Year 6 pupils, Key Stage 2 pupils", "Year 6 pupils, Key Stage 2 pupils"),
        ("7 boys and seven girls", "fewer than 10 boys and fewer than 10 girls"),
        (
            "Twelve looked-after children, one pupil",
            "10 looked-after children, fewer than 10 pupils",
        ),
        ("one child in five; one row a pupil", "one child in five; one row a pupil"),
        ("One school of three schools", "One school of three schools"),
        ("2017/18 pupils made 3 months more", "2017/18 pupils made 3 months more"),
        (
            "108 of 212 who answered: 51%; 63% of 334 asked answered; 7 answers",
            "110 of 210 who answered: 51%; 63% of 335 asked answered; fewer than 10 answers",
        ),
        (
            "487 cases were open, 1 case for more than 20 weeks (3,969 cases, 461 cases open)",
            "485 cases were open, fewer than 10 cases for more than 20 weeks (3,970 cases, "
            "460 cases open)",
        ),
        (
            "334 schools asked answered; 12 questions asked",
            "334 schools asked answered; 12 questions asked",
        ),
    ],
)
def test_round_words_rounds_pupils_only(given, left):
    assert round_words(given, Rules()) == left
