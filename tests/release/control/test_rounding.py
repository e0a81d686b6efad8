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
        ("In Year 6, 4 pupils left.", "In Year 6, fewer than 10 pupils left."),
        ("In Year 6, seven pupils have an EHCP.", "In Year 6, fewer than 10 pupils have an EHCP."),
        (
            "At Key Stage 4, 6 pupils took no GCSEs.",
            "At Key Stage 4, fewer than 10 pupils took no GCSEs.",
        ),
        ("In the last 3 years 9 pupils left", "In the last 3 years fewer than 10 pupils left"),
        ("**4** pupils were excluded.", "**fewer than 10** pupils were excluded."),
        ("*Four* pupils", "*Fewer than 10* pupils"),
        ("`4` pupils", "`fewer than 10` pupils"),
        ("<b>4</b> pupils", "<b>fewer than 10</b> pupils"),
        ("4&nbsp;pupils", "fewer than 10&nbsp;pupils"),
        ("6 (10%) pupils withdrew.", "fewer than 10 (10%) pupils withdrew."),
        ("Of the 60 pupils, 6 withdrew", "Of the 60 pupils, fewer than 10 withdrew"),
        ("Of the 60 pupils, 6 also had", "Of the 60 pupils, fewer than 10 also had"),
        (
            "12 pupils were approached; 4 refused and 8 agreed.",
            "10 pupils were approached; fewer than 10 refused and fewer than 10 agreed.",
        ),
        ("Number of pupils was 8.", "Number of pupils was fewer than 10."),
        (
            "The number of pupils with an EHCP fell from 9 to 6.",
            "The number of pupils with an EHCP fell from fewer than 10 to fewer than 10.",
        ),
        ("Pupils with SEND: 4", "Pupils with SEND: fewer than 10"),
        ("pupils in care (4)", "pupils in care (fewer than 10)"),
        ("15 males and 9 females", "15 males and fewer than 10 females"),
        ("3 LAC in Year 4", "fewer than 10 LAC in Year 4"),
        ("Five candidates", "Fewer than 10 candidates"),
        ("n1 = 8 and n2 = 9", "n1 = fewer than 10 and n2 = fewer than 10"),
        ("sample size = 8", "sample size = fewer than 10"),
        ("3 in 20 pupils, not 7 pupils", "fewer than 10 in 20 pupils, not fewer than 10 pupils"),
        ("Headcount: 7", "Headcount: fewer than 10"),
        ("number on roll: 7", "number on roll: fewer than 10"),
        ("fewer than 5 pupils", "fewer than 10 pupils"),
        ("less than five pupils", "fewer than 10 pupils"),
        ("at least 6 pupils", "some pupils"),
        ("At least 16 pupils", "At least 15 pupils"),
        ("up to 8 pupils", "fewer than 10 pupils"),
        (
            "24 pupils: 15 in treatment, 9 in control",
            "25 pupils: 15 in treatment, fewer than 10 in control",
        ),
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
        "In June 2023 pupils sat",
        "Pupils (2023)",
        "2024 leavers",
        "2022/2023 pupils",
        "On 5 May 2024 pupils sat the tests.",
        "from 1 September, pupils",
        "Y5 and 6 pupils",
        "Yr 5 pupils",
        "Year 5/6 pupils",
        "Year 5 & 6 pupils",
        "Years three and four pupils",
        "Key Stages 1 and 2 pupils",
        "KS3/4 pupils",
        "Levels 2 and 3 learners",
        "Cohort 2 students started",
        "Ever 6 FSM pupils",
        "COVID-19 pupils",
        "level-1 pupils",
        "3 and 4 year old children",
        "Two pupil surveys were run.",
        "Three parent governors",
        "2 pupil referral units",
        "2 teachers taught the pupils",
        "12 teachers, 4 TAs and 240 pupils",
        "12 columns, 240 pupils",
        "5 trusts and their pupils",
        "Five imputations of pupils' scores",
        "999 permutations of pupils",
        "URN 100234, pupils",
        "https://x.org/7/pupils",
        "two fifths of pupils",
        "3 percent of pupils",
        "No one pupil",
        "One caveat, pupils self-select.",
        "If one compares pupils",
        "7 schools with 240 pupils; 2 files",
        "one hundred pupils",
        "a hundred and four pupils",
    ],
)
def test_what_counts_no_pupils_stays(text):
    assert round_words(text, Rules()) == text


def test_rounded_words_are_rounded_already():
    for text in ("7 of the 43 pupils; n = 7", "Seven boys. 3 of them had plans", "31 SEN girls"):
        once = round_words(text, Rules())
        assert round_words(once, Rules()) == once
