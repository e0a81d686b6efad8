"""Symbols, periods and areas as published tables write them."""

import datetime

import numpy as np
import pandas as pd
import pytest

import evidence as ev
from evidence.errors import EvidenceError
from evidence.methods.monitoring import published

SYMBOLS = ["z", "x", "c", "low", "k", "u", ":", "~", ".", "-", "*", "SUPP", "NE", " c ", "LOW"]


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_a_symbol_is_no_number_and_never_zero(symbol):
    values, notes = published.numbers(pd.DataFrame({"rate": ["12.5", symbol, "7 "]}), "rate")
    np.testing.assert_array_equal(values, [12.5, np.nan, 7])
    assert notes == (
        f"rate: no number in 1 row: 1 {published.SYMBOLS[symbol.strip().lower()]} "
        f"({symbol.strip()})",
    )


def test_numbers_are_read_as_people_mean_them():
    cells = ["1,234", " 65% ", "7.0", None, "", "−3"]
    values, notes = published.numbers(pd.DataFrame({"x": cells}), "x")
    np.testing.assert_array_equal(values, [1234, 65, 7, np.nan, np.nan, -3])
    assert notes == ()


@pytest.mark.parametrize("text", ["about 60", "o", "60-65", "1.2.3", "c7"])
def test_other_text_is_refused_with_its_row(text):
    message = r"^column 'x', row 3: not a number \(1 such row\)"
    with pytest.raises(EvidenceError, match=message):
        published.numbers(pd.DataFrame({"x": ["1", text, "c"]}), "x")


@pytest.mark.parametrize(
    ("text", "year", "status"),
    [
        ("2018", 2018, ""),
        ("201718", 2018, ""),
        ("2017/18", 2018, ""),
        ("2017-18", 2018, ""),
        ("2017/2018", 2018, ""),
        ("1999-00", 2000, ""),
        ("2014-16", 2016, ""),
        ("2015/16-17/18", 2018, ""),
        ("2016-17 (OT)", 2017, "outturn"),
        ("2025 (prov)", 2025, "provisional"),
        ("2024 (Rev)", 2024, "revised"),
        ("2021 (Final)", 2021, "final"),
        ("2025 (prov) ", 2025, "provisional"),
    ],
)
def test_periods_end_in_a_year(text, year, status):
    assert published.period(text) == (year, status)


@pytest.mark.parametrize(
    "text", ["0", "18", "201799", "2017-16", "2017/17", "2018 (guess)", "2018 -", "20171", "201820"]
)
def test_what_is_no_period(text):
    assert published.period(text) is None


def test_every_year_of_the_long_file_is_read_but_the_one_that_is_none(shared):
    years = pd.read_parquet(shared / "data/local-authority/bds_long_0.parquet", columns=["Years"])[
        "Years"
    ].unique()
    assert len(years) > 50
    assert [text for text in years if published.period(text) is None] == ["0"]


def test_times_may_be_dates_numbers_and_periods():
    for column in (
        ["2018-10-31", "2018-09-30"],
        ["2018-10", "2018-09"],
        ["31/10/2018", "30/09/2018"],
        ["Oct 2018", "Sep 2018"],
        [2, 1],
        ["2018/19", "2017/18"],
        pd.to_datetime(["2018-10-31", "2018-09-30"]),
        pd.to_datetime(["2018-10-31", "2018-09-30"]).tz_localize("Europe/London"),
        [datetime.date(2018, 10, 31), datetime.date(2018, 9, 30)],
        pd.PeriodIndex(["2018-10", "2018-09"], freq="M"),
    ):
        order, written, _ = published.times(pd.DataFrame({"t": column}), "t")
        assert order[0] > order[1]
        assert len(written) == 2
    assert published.times(pd.DataFrame({"t": ["2024", "2025 (prov)"]}), "t")[2] == (
        "provisional figures: 2025 (prov)",
    )


@pytest.mark.parametrize("text", ["0", "last year", "2018 (guess)"])
def test_a_time_that_is_none_is_refused_with_its_row(text):
    with pytest.raises(EvidenceError, match=r"^column 't', row 3: not a time"):
        published.times(pd.DataFrame({"t": ["2018", text]}), "t")


@pytest.mark.parametrize("text", ["today", "now", "TODAY"])
def test_a_word_is_no_date_among_dates(text):
    with pytest.raises(EvidenceError, match=r"^column 't', row 3: not a time"):
        published.times(pd.DataFrame({"t": ["2018-09-30", text]}), "t")


def test_an_unknown_area_is_told_the_nearest():
    data = pd.DataFrame({"la": ["Leeds", "Lincolnshire", "Lewisham", "Dorset"], "v": [1, 2, 3, 4]})
    ranking = ev.monitoring.rank_and_band(data, area="la", value="v", polarity="high")
    message = r"^area 'Lincolnshir' is not in column 'area'; did you mean 'Lincolnshire'\?$"
    with pytest.raises(EvidenceError, match=message):
        ranking.of("Lincolnshir")
    assert ranking.of("leeds")["rank"] == 4


def test_counts_above_their_denominator_are_refused():
    data = pd.DataFrame({"yes": [3, 62], "n": [5, 30], "t": [1, 2]})
    for call in (
        lambda: ev.monitoring.control_chart(data, value="yes", n="n", time="t"),
        lambda: ev.monitoring.funnel(data, unit="t", count="yes", n="n"),
    ):
        with pytest.raises(
            EvidenceError,
            match=r"^column 'yes', row 3: the count is above its denominator \(column 'n'\)",
        ):
            call()


def test_shares_in_place_of_counts_are_refused():
    data = pd.DataFrame({"yes": [0.62, 0.69, 1.0], "n": [30, 30, 30], "t": [1, 2, 3]})
    message = (
        "column 'yes' holds shares from 0 to 1; counts are needed: multiply by the denominator and "
        "round"
    )
    with pytest.raises(EvidenceError) as error:
        ev.monitoring.control_chart(data, value="yes", n="n", time="t")
    assert str(error.value) == message
    percentages = data.assign(yes=[12.5, 20.5, 30], n=400)
    notes = ev.monitoring.control_chart(percentages, value="yes", n="n", time="t").caveats
    assert notes[0] == "yes: 2 values not a whole number; counts?"


@pytest.mark.parametrize("kind", ["category", "string", "object", "string[pyarrow]"])
def test_symbols_are_read_however_the_column_is_stored(kind):
    column = pd.Series(["12", "c", "7.5", None]).astype(kind)
    values, notes = published.numbers(pd.DataFrame({"x": column}), "x")
    np.testing.assert_array_equal(values, [12, np.nan, 7.5, np.nan])
    assert len(notes) == 1


def test_terms_and_quarters_are_times():
    terms = ["Autumn 2018", "spring term 2019", "Summer 2019", "Autumn  2019"]
    of_years = ["2018/19 Autumn", "2018/19 Spring term", "2018/19 Summer", "2019/20 Autumn"]
    quarters = ["2018 Q1", "2018 Q2", "Q3 2018", "2018 q4"]
    financial = ["2018-19 Q1", "2018-19 Q4", "2019-20 Q1", "2019-20 Q2"]
    for column in (terms, of_years, quarters, financial):
        order, written, _ = published.times(pd.DataFrame({"t": column}), "t")
        assert (np.diff(order) > 0).all()
        assert written == column
    orders = [published.times(pd.DataFrame({"t": t}), "t")[0] for t in (terms, of_years)]
    np.testing.assert_allclose(*orders)
    for text in ("2018 Q5", "Winter 2018", "Autumn", "Autumn 18", "2018/17 Autumn"):
        with pytest.raises(EvidenceError, match="row 3: not a time"):
            published.times(pd.DataFrame({"t": ["2018", text]}), "t")


@pytest.mark.parametrize("column", ["count", "n"])
def test_a_percentage_is_no_count(column):
    data = pd.DataFrame({"count": ["3", "4"], "n": ["10", "20"]})
    data.loc[1, column] = "12% "
    with pytest.raises(EvidenceError, match=f"column '{column}', row 3: a percentage; counts are"):
        published.counts(data, "count", "n")


@pytest.mark.parametrize("odd", [0.55, "0.55", " .55 "])
def test_a_share_among_percentages_is_said_and_no_percentage(odd):
    data = pd.DataFrame({"x": [50, odd, 60, 62]})
    _, notes = published.numbers(data, "x")
    assert notes == ("x: 1 value from 0 to 1 beside percentages: shares not yet times 100?",)
    with pytest.raises(EvidenceError, match=r"^column 'x', row 3: a share from 0 to 1 \(1 such"):
        published.percentages(data, "x")


@pytest.mark.parametrize(
    "values",
    [
        [0.4, 3, 12, 40],  # percentages that begin near zero
        [0.5, 0.6, 300, 400],  # a ratio, and numbers that are no percentages
        [0.02, 0.04, 60, 70],  # rare, but not those shares
        [-3.1, 0.5, 40, 60],
        [0, 0, 60],
        [1, 60, 70],
        [0.4, 0.5],
    ],
)
def test_numbers_of_one_scale_are_let_be(values):
    assert published.numbers(pd.DataFrame({"x": values}), "x")[1] == ()


def test_percentages_that_are_all_shares_are_refused():
    with pytest.raises(EvidenceError, match="row 2: a share from 0 to 1"):
        published.percentages(pd.DataFrame({"x": [0.5, 0.6, 1.0]}), "x")
    with pytest.raises(EvidenceError, match="row 3: a percentage, 0 to 100, is needed"):
        published.percentages(pd.DataFrame({"x": [50, 101]}), "x")


@pytest.mark.parametrize(
    ("last", "years", "then"),
    [
        ("2018", 1, "2019"),
        ("2018/19", 1, "2019/20"),
        ("201819", 2, "2020/21"),
        ("2018-19", 1, "2019-20"),
        ("1998/99", 1, "1999/00"),
        ("201819 (prov)", 1, ""),
        ("2019 Q3", 1, ""),
        ("2018 (prov)", 1, ""),
        ("2019-06", 1, ""),
        ("31", 1, ""),
    ],
)
def test_the_year_that_follows(last, years, then):
    assert published.following(last, years) == then


def test_an_area_that_is_not_given_is_no_name():
    data = pd.DataFrame({"la": ["Wigan", "Bury"]})
    for wanted in (None, np.nan, "", " ", pd.NA):
        with pytest.raises(EvidenceError, match=r"^no area is asked for; column 'la' has their"):
            published.area(data, "la", wanted)


def test_a_provisional_period_is_spelt_as_people_write_it():
    assert published.spelt("201819 (prov)") == "2018/19 (prov)"
    assert published.spelt("201820 (prov)") == "201820 (prov)"
