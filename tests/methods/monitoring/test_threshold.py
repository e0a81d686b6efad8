"""Dated rules, each with its own lines."""

import pandas as pd
import pytest

import evidence as ev

from ..refusal import assert_refused

M = ev.monitoring
SPREAD = {"reading": 6.0, "maths": 6.0, "writing": 6.0}


def ks2(expected, reading, maths, writing, n=30, year=2017):
    row = {"urn": 1, "year": year, "n": n, "expected": expected}
    return pd.DataFrame([row | {"reading": reading, "maths": maths, "writing": writing}])


def says(rule, data, **options):
    options = {"unit": "urn", "time": "year", "n": "n", "std_dev": SPREAD} | options
    return M.threshold(data, rule=rule, **options).table["result"].tolist()


@pytest.mark.parametrize(
    ("score", "n", "band"),
    [
        (0.45, 24, "average"),
        (0.45, 45, "above average"),
        (0.6, 150, "well above average"),
        (0.6, 10, "average"),
        (-0.3, 150, "below average"),
        (-0.5, 150, "below average"),
        (-0.51, 150, "well below average"),
    ],
)
def test_progress_8_bands(score, n, band):
    data = pd.DataFrame({"urn": [1], "year": [2018], "n": [n], "progress8": [score]})
    assert says("progress8_bands", data, std_dev=1.41628) == [band]


def test_progress_8_floor_needs_an_interval_below_zero():
    data = pd.DataFrame({"urn": [1, 2], "year": 2017, "n": [20, 60], "progress8": -0.55})
    assert says("progress8_floor", data, std_dev=1.41628) == ["not below", "below"]


@pytest.mark.parametrize(
    ("data", "result"),
    [
        (ks2(64, -5.1, -5.1, 0), "below"),
        (ks2(65, -9, -9, -9), "not below"),
        (ks2(64, -5, -5, -7), "not below"),
        (ks2(50, -5.1, 0, 0), "below"),  # −5.1 + 2.15 < 0
        (ks2(50, -5.1, 0, 0, n=4), "not below"),  # one subject, and not significantly low
        (ks2(50, 0, 0, -7.1), "below"),
    ],
)
def test_ks2_floor_of_2016_to_2018(data, result):
    assert says("ks2_floor", data) == [result]


def test_coasting_means_three_years_running():
    years = pd.concat([ks2(84, -2.6, 0, 0, year=year) for year in (2016, 2017, 2018)])
    assert says("ks2_coasting", years) == ["coasting"]
    better = years.assign(expected=[84, 85, 84])
    assert says("ks2_coasting", better) == ["not coasting"]
    assert_refused(
        "KS2 coasting needs 3 years running of each school; none has them",
        M.threshold,
        years[years["year"] != 2017],
        rule="ks2_coasting",
        unit="urn",
        time="year",
        n="n",
        std_dev=SPREAD,
    )


def test_a_rule_is_not_applied_to_other_years():
    for year, text in ((2019, "2019"), ("201819", "201819"), ("2019 (prov)", "2019 (prov)")):
        assert_refused(
            "column 'year', row 2: ks2_floor applied to results of 2016 to 2018 only, not to "
            + text,
            M.threshold,
            ks2(50, -9, -9, -9, year=year),
            rule="ks2_floor",
            unit="urn",
            time="year",
            n="n",
            std_dev=SPREAD,
        )


def test_a_suppressed_number_gives_no_result():
    found = M.threshold(
        ks2("SUPP", -9, -9, -9), rule="ks2_floor", unit="urn", time="year", n="n", std_dev=SPREAD
    )
    assert found.table["result"].tolist() == [""]
    assert found.table["same"].isna().all()
    assert found.caveats[-1] == "1 row lacks a number that the rule needs"


def test_small_schools_cross_the_line_by_noise():
    data = pd.concat([ks2(63, -5.5, -5.5, -7.5, n=8), ks2(63, -5.5, -5.5, -7.5, n=4000)])
    table = M.threshold(
        data, rule="ks2_floor", unit="urn", time="year", n="n", std_dev=SPREAD
    ).table
    assert table["result"].tolist() == ["below", "below"]
    assert table["same"].iloc[0] < 0.7 < 0.95 < table["same"].iloc[1]


def test_a_percentage_above_a_hundred_and_an_unknown_rule_are_refused():
    call = {"unit": "urn", "time": "year", "n": "n", "std_dev": SPREAD}
    assert_refused(
        "column 'expected', row 2: a percentage is from 0 to 100",
        M.threshold,
        ks2(640, 0, 0, 0),
        rule="ks2_floor",
        **call,
    )
    assert_refused(
        "rule is 'floor'; allowed are ks2_floor, ks2_coasting, progress8_bands, progress8_floor",
        M.threshold,
        ks2(64, 0, 0, 0),
        rule="floor",
        **call,
    )
