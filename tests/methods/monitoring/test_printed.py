"""Printed ranks and bands against DfE's rule, without the values of all areas."""

import numpy as np
import pandas as pd
import pytest

from evidence.errors import EvidenceError
from evidence.methods.monitoring.printed import printed_bands
from evidence.stats.monitoring import ranks

NAMES = {name: name for name in ("indicator", "area", "value", "rank", "band", "polarity")}


def table(*rows, polarity="high", indicator="Reading"):
    data = pd.DataFrame(rows, columns=["area", "value", "rank", "band"])
    return data.assign(indicator=indicator, polarity=polarity)


SLOW = pytest.mark.slow


def findings(data, **options):
    return printed_bands(data, **NAMES, **options).table


@pytest.mark.parametrize("high", [True, False])
@pytest.mark.parametrize("n", [21, *(pytest.param(n, marks=SLOW) for n in (150, 151, 152))])
def test_every_band_that_the_rule_gives_is_found_right(rng, n, high):
    """Values with many ties, ranked and banded by the rule itself."""
    values = np.round(rng.normal(60, 4, n))
    place, band = ranks.rank(values, high), ranks.band(values, high)
    rows = zip([f"a{i}" for i in range(n)], values, place, band, strict=True)
    found = findings(table(*rows, polarity="high" if high else "low"), n_areas=(n,))
    assert not (found["finding"] == "against the rule").any()
    assert (found["order"] == "").all()
    shared_by = pd.Series(values).map(pd.Series(values).value_counts())
    assert (found["ties"] <= shared_by).all()


def test_a_rank_alone_has_one_band_but_equal_values_fall_to_the_lower_value_side():
    data = table(("one", 7.0, 26, "B"), ("other", 4.0, 93, "D"), ("third", 5.0, 93, "C"))
    found = findings(data.assign(indicator=["a", "b", "c"]))
    assert found["by_rank"].tolist() == ["A", "C", "C"]
    assert found["finding"].tolist() == [
        "as the rule if 14 areas share the value",
        "as the rule if 21 areas share the value",
        "as the rule",
    ]


def test_a_better_band_than_the_rank_has_is_against_the_rule():
    assert findings(table(("one", 7.0, 60, "A")))["finding"].tolist() == ["against the rule"]
    low = table(("one", 7.0, 26, "B"), polarity="low")
    assert findings(low)["finding"].tolist() == ["against the rule"]  # no tie helps there


def test_ranks_that_contradict_the_values_are_named():
    data = table(("one", 31.6, 113, "D"), ("other", 31.2, 112, "D"))
    result = printed_bands(data, **NAMES)
    assert "Reading: one 31.6 rank 113, other 31.2 rank 112" in result.sentence()
    fine = table(("one", 31.6, 112, "D"), ("other", 31.6, 113, "D"))  # rounded to the same
    assert (findings(fine)["order"] == "").all()


def test_rows_without_rank_or_band_have_no_finding():
    data = table(("one", 7.0, np.nan, "B"), ("other", 4.0, 93, None))
    assert findings(data)["finding"].tolist() == ["", ""]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (("one", 7.0, 0, "B"), "column 'rank', row 2: a rank from 1 to 152 is needed"),
        (("one", 7.0, 153, "B"), "column 'rank', row 2: a rank from 1 to 152 is needed"),
        (("one", 7.0, 2, "E"), "column 'band', row 2: 'E' is none of A, B, C, D"),
    ],
)
def test_what_is_no_rank_or_band_is_refused(row, message):
    with pytest.raises(EvidenceError) as error:
        findings(table(row))
    assert str(error.value) == message


def test_leeds_2017_every_printed_band_compared_with_the_rule(shared):
    """75 bands: 67 as the rule, 8 where values are shared, none against; two orders contradict."""
    printed = pd.read_csv(shared / "facts/leeds-2017-comparator-cities.csv", comment="#")
    cities = ("leeds", "newcastle", "bristol", "liverpool", "sheffield")
    long = pd.concat(
        printed[["indicator", "polarity", city, f"{city}_rank", f"{city}_band"]]
        .set_axis(["indicator", "polarity", "value", "rank", "band"], axis=1)
        .assign(area=city.capitalize())
        for city in cities
    )
    result = printed_bands(long.reset_index(drop=True), **NAMES)
    found = result.table["finding"].replace(r" if \d+ areas.*", " if shared", regex=True)
    assert found[found != ""].value_counts().tolist() == [67, 8]
    assert not (found == "against the rule").any()
    row = result.table.set_index(["indicator", "area"]).loc
    assert row["KS2 reading writing maths higher", "Bristol"]["ties"] == 14  # rank 26, band B
    assert row["KS1 maths expected", "Sheffield"]["ties"] == 21  # rank 93, band D
    assert row["KS1 reading expected", "Newcastle"]["finding"] == "as the rule"
    assert result.sentence().endswith(
        "ranks that contradict the values: A level average points best three: Leeds 31.6 rank 113, "
        "Newcastle 31.2 rank 112; GCSE average attainment: Newcastle 48.6 rank 111, Leeds 48.4 "
        "rank 111."
    )
