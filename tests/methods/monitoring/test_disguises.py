"""Every public function of monitoring: one answer in every disguise, or a line of refusal."""

import functools
import os
import warnings

import numpy as np
import pandas as pd
import pytest

import evidence as ev
from evidence.errors import EvidenceError

from ..test_degenerate import degenerate, half_told
from ..test_disguises import DISGUISES, asked

M = ev.monitoring
CASES = int(os.environ.get("EVIDENCE_FUZZ", "250"))


@functools.cache
def schools():
    """Return 24 schools in one year; names as in the other fuzzes."""
    rng = np.random.default_rng(3)
    n = rng.integers(9, 60, 24)
    return pd.DataFrame(
        {
            "urn": 990 + np.arange(24),
            "year": 2018,
            "lamp": np.arange(24) % 2,
            "pct": rng.integers(30, 70, 24) * 1.0,
            "n": n,
            "x": rng.binomial(n, 0.6),
            "se": rng.integers(2, 6, 24) * 1.0,
            "kind": np.where(np.arange(24) % 3, "academy", "maintained"),
            "first": rng.integers(1, 5, 24),
            "second": rng.integers(1, 5, 24),
            "weeks": rng.integers(5, 60, 24) * 1.0,
            "p8": rng.integers(-4, 5, 24) / 4,
            "east": rng.integers(0, 90_000, 24),
            "north": rng.integers(0, 90_000, 24),
            "grade": [*"ABCD"] * 6,
            "way": np.where(np.arange(24) % 3, "high", "low"),
        }
    )


@functools.cache
def series():
    """Return the same columns for one school in 24 years."""
    return schools().assign(urn=990, year=1996 + np.arange(24))


@functools.cache
def panel():
    """Return four schools in six years."""
    return schools().assign(
        urn=990 + np.arange(24) // 6, year=2014 + np.arange(24) % 6, lamp=np.arange(24) // 6 % 2
    )


def sheet():
    rows = []
    for code in range(201, 213):
        cells = {"LA num": code, "LA Name": f"Borough {code}"}
        for place in range(1, 11):
            other = 201 + (code + place) % 12
            cells |= {f"SN{place}": other, f"SNP{place}": "Close"}
        rows.append(cells)
    return pd.DataFrame(rows)


def of(table, call, **given):
    return lambda disguise: call(disguise(table()), **given)


def stock():
    names = ("outstanding", "good", "requires improvement", "inadequate")
    return pd.DataFrame({"kind": names, "x": [4, 9, 3, 1], "n": [5, 8, 3, 1], "lamp": [0, 1, 0, 1]})


FLOW = M.transitions(
    pd.DataFrame({"then": ["good", "good", "ri"], "now": ["outstanding", "good", "good"]}),
    before="then",
    after="now",
)
SPELLS = pd.DataFrame({"urn": [990, 991, 991, 995], "programme": ["a", "a", "b", "b"]})
CALLS = {
    "control_chart": of(series, M.control_chart, value="x", n="n", time="year", target=0.5),
    "forecast": of(panel, M.forecast, value="pct", time="year", unit="urn"),
    "funnel": of(schools, M.funnel, unit="urn", count="x", n="n"),
    "gap_index": of(schools, M.gap_index, score="pct", disadvantaged="lamp"),
    "slope_index": of(
        schools, M.slope_index, value="pct", population="n", group="urn", std_error="se"
    ),
    "rank_and_band": of(schools, M.rank_and_band, area="urn", value="pct", polarity="high"),
    "rank_interval": of(
        schools, M.rank_interval, area="urn", value="pct", n="n", polarity="low", draws=200
    ),
    "similar_schools": of(
        schools, M.similar_schools, school=995, unit="urn", traits=["n", "pct"], same="kind",
        easting="east", northing="north", max_km=90, max_difference=2.0,
    ),
    "threshold": of(
        schools, M.threshold, rule="progress8_bands", unit="urn", time="year", n="n",
        std_dev=1.4, columns={"progress8": "p8"}, draws=100,
    ),
    "timeliness": of(schools, M.timeliness, duration="weeks", event="lamp", by="kind"),
    "transitions": of(schools, M.transitions, before="first", after="second"),
    "agreement": of(schools, M.agreement, first="first", second="second"),
    "weighted_share": of(schools, M.weighted_share, answer="lamp", traits="kind"),
    "participation": lambda disguise: M.participation(
        disguise(schools()), SPELLS, traits=["kind", "pct"]
    ),
    "share_gap": of(
        series, M.share_gap, disadvantaged="se", n_disadvantaged="n", others="pct", n_others="x",
        time="year",
    ),
    "printed_bands": of(
        schools, M.printed_bands, indicator="kind", area="urn", value="pct", rank="first",
        band="grade", polarity="way",
    ),
    "stock_and_flow": of(
        stock, M.stock_and_flow, judgement="kind", before="x", after="n", flow=FLOW
    ),
    "story": of(
        series, M.story, time="year", value="pct", n="n", national="se", start=2010,
        predicted={"2012": 50},
    ),
    "backtest": of(panel, M.backtest, value="pct", time="year", unit="urn", held_back=2),
    "neighbours": of(sheet, M.neighbours, area=205),
}  # fmt: skip
NUMBERS_ONLY = {"change", "proportion", "rate", "survey", "grim"}
FILES = {"areas", "from_ees", "to_ees", "from_workbook", "to_workbook"}  # test_areas, test_ees …
MORE = {  # other ways through the same functions
    "xmr": of(series, M.control_chart, value="pct", time="year", improvement="increase"),
    "run": of(series, M.control_chart, value="pct", time="year", chart="run"),
    "u": of(series, M.control_chart, value="x", n="n", time="year", chart="u"),
    "funnel of means": of(
        schools, M.funnel, unit="urn", value="p8", n="n", std_dev=1.4, kind="mean"
    ),
    "funnel of rates": of(
        schools, M.funnel, unit="urn", count="x", n="n", kind="rate", overdispersion="additive"
    ),
    "rank interval by error": of(
        schools, M.rank_interval, area="urn", value="pct", std_error="se", polarity="low", draws=200
    ),
    "one series": of(series, M.forecast, value="pct", time="year"),
    "gap by year": of(panel, M.gap_index, score="pct", disadvantaged="lamp", time="year"),
}
ORDERED = ("slope_index",)  # nothing in the order of rows
QUICK = ("control_chart", "transitions", "agreement")  # a kind each
NAMES = [
    pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in CALLS | MORE
]


@functools.cache
def plainly(name):
    return asked((CALLS | MORE)[name], lambda table: table.copy())


def test_every_public_function_is_tried():
    assert {*CALLS} | NUMBERS_ONLY | FILES == set(dir(M))


@pytest.mark.parametrize("name", NAMES)
def test_a_disguise_changes_nothing(name):
    expected, call = plainly(name), (CALLS | MORE)[name]
    assert not isinstance(expected, str)
    disguises = DISGUISES
    if name == "neighbours":  # the place of a column is what it means
        disguises = {k: v for k, v in disguises.items() if k != "columns in another order"}
    wrong = [disguise for disguise, change in disguises.items() if asked(call, change) != expected]
    assert wrong == []


@pytest.mark.parametrize("name", NAMES)
def test_the_order_of_rows_changes_nothing(name):
    def shuffled(table):
        return table.sample(frac=1, random_state=4)

    assert asked((CALLS | MORE)[name], shuffled) == plainly(name)


@pytest.mark.parametrize("cases", [10, pytest.param(CASES, marks=pytest.mark.slow)])
def test_degenerate_tables_are_answered_whole_or_refused_in_a_line(cases):
    found, calls = [], CALLS | MORE
    for case in range(cases):
        rng = np.random.default_rng([2027, case])
        name = [*calls][case % len(calls)]
        how, change = degenerate(rng)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            try:
                wrong = half_told(calls[name](change))
                wrong = [] if name == "timeliness" and wrong == ["inf"] else wrong  # a group's name
            except EvidenceError as error:
                wrong = ["more than a line"] if "\n" in str(error) else []
            except Exception as error:
                wrong = [f"{type(error).__name__}: {str(error)[:80]}"]
        if wrong:
            found.append(f"{case} {name}, {how}: {'; '.join(wrong)}")
    assert found == [], "\n".join(found)
