"""School years, in cells and in the columns of tables."""

import csv

import pytest

from evidence.data import school_years


@pytest.mark.parametrize(
    ("cell", "year"),
    [
        *((cell, 2019) for cell in ("2019", "2019.0", "2018/19", "2018-19", "2018/2019", "201819")),
        *((cell, 2019) for cell in ("2018–19", "2018 to 2019", "AY 2018/19", "01/09/2018")),
        *((cell, 2019) for cell in ("2018-09-01", "2018-09-01 00:00:00", "31/08/2019", "1/4/2019")),
        *((cell, 2019) for cell in ("1 September 2018", "Sep 2018", "01.10.2018", "05-Jan-19")),
        ("1999/2000", 2000),
        *((cell, None) for cell in ("", "18", "2018/20", "2018/18", "1850", "9999", "soon")),
        *((cell, None) for cell in ("09/13/2018", "31/02/2018", "2018.5", "43344")),
    ],
)
def test_cell_is_the_year_in_which_a_school_year_ends(cell, year):
    assert school_years.ends(cell) == year


def test_dates_in_august_are_of_the_next_year_where_so_asked():
    assert [school_years.ends("20/08/2018", turn) for turn in (8, 9)] == [2019, 2018]


@pytest.mark.parametrize(
    ("names", "year"),
    [
        (["PTMAT_EXP", "PTMAT_EXP_18", "PTMAT_EXP_17"], 2019),
        (["PTMAT_EXP", "PTMAT_EXP18"], 2019),
        (["PTRWM_EXP_17", "PTMAT_EXP18"], 2019),
        (["PTMAT_EXP_19"], 2022),
        (["PTMAT_EXP_22", "PTMAT_EXP_19"], 2023),
        (["PTMAT_EXP", "TAB15", "TAB1618", "ADDRESS3", "TEALGRP2", "PTL2BASICS_94"], None),
        (["X", "X12", "X13", "X14", "X15", "T_14"], 2015),
        (["T_12", "T_13", "T_14"], 2015),
    ],
)
def test_table_is_of_the_year_after_the_newest_that_its_columns_repeat(names, year):
    assert school_years.of_table(names) == year


@pytest.mark.parametrize(
    ("name", "year"),
    [
        ("2016_hampshire850-ks2.csv", 2017),
        ("2017_hampshire850-ks2.csv", 2018),
        ("2018_hampshire850-ks2.csv", 2019),
        ("2023-24_ks2_header_sample.csv", 2024),
        ("bristol-2014-15/801_ks2.csv", 2015),
        ("bristol-2014-15/801_ks4.csv", 2015),
    ],
)
def test_real_tables_say_their_year(shared, name, year):
    with (shared / "data/performance-tables" / name).open(encoding="utf-8-sig") as file:
        assert school_years.of_table([each.upper() for each in next(csv.reader(file))]) == year
