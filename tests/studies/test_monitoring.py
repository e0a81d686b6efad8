"""One indicator of one area, from a made-up file in the layout of published ones."""

import shutil

import numpy as np
import pandas as pd
import pytest

import evidence as ev
from evidence.errors import EvidenceError

PLAN = {
    "indicator": "plans.csv",
    "where": {"breakdown": "All"},
    "name": "Plans within 20 weeks",
    "count": "within",
    "n": "plans",
    "area": ["la_name", "region_name", "country_name"],
    "time": "time_period",
    "place": "Area 3",
    "polarity": "high",
    "target": 80.0,
}


@pytest.fixture
def folder(tmp_path, rng):
    rows = []
    for place in range(12):
        for year in range(2006, 2020):
            n = int(rng.integers(150, 900))
            share = 0.5 + 0.02 * place + (0.25 if place == 3 and year > 2015 else 0)
            within = "c" if (place, year) == (4, 2019) else int(rng.binomial(n, share))
            rows.append((year, "All", "England", "North", f"Area {place}", within, n))
    for year in range(2006, 2020):
        rows.append((year, "All", "England", None, None, 6000, 10_000))
        rows.append((year, "All", "England", "North", None, 3000, 5_000))
        rows.append((year, "Age 10", "England", None, None, 600, 1_000))
    names = [
        "time_period",
        "breakdown",
        "country_name",
        "region_name",
        "la_name",
        "within",
        "plans",
    ]
    pd.DataFrame(rows, columns=names).to_csv(tmp_path / "plans.csv", index=False)
    return tmp_path


@pytest.fixture
def study(folder):
    return ev.Monitoring.read(str(folder), PLAN)


def test_a_study_answers_every_question(study):
    assert study.chart.variation == "improvement"
    assert study.headline.startswith("Plans within 20 weeks, Area 3: ")
    assert "in 2019; it shows a change for the better" in study.headline
    assert study.change.verdict == "rose"
    assert study.ranking.of("Area 3")["n_ranked"] == 11  # one is confidential, others no areas
    assert study.beside["area"].tolist() == ["Area 3", "England"]
    assert study.beside["value"].iloc[1] == 60
    assert study.forecast.table["unit"].tolist() == ["Area 3"]
    assert [*study.questions] == ["the data", "over time", "beside others", "what next", "method"]
    page = study.report()._repr_html_()
    for text in ("Plans within 20 weeks", "Is it doing anything new?", "How does it compare?"):
        assert text in page
    assert study.section("what next").parts[0].startswith("Plans within 20 weeks: ")
    with pytest.raises(EvidenceError, match=r"^section is 'ranks'; "):
        study.section("ranks")


@pytest.mark.slow
def test_findings_keep_the_contract_and_may_be_proposed(study, tmp_path):
    findings = study.findings()
    table = findings["indicators"]
    assert len(table) == 14
    assert table["comparator_value"].eq(60).all()
    assert table["rank"].notna().sum() == 1
    proposal = ev.propose(tmp_path / "run", **findings)
    assert proposal.refused == ()
    assert [safe.picture.name for safe in proposal.pictures] == ["over-time"]


def test_a_suppressed_figure_keeps_its_symbol(study):
    other = study.with_(place="Area 4")
    last = other.indicators.iloc[-1]
    assert (last["period"], last["symbol"]) == ("2019", "c")
    assert np.isnan(last["value"])
    assert "in 2018; " in other.headline
    assert other.ranking.of("Area 4")["n_ranked"] == 12  # of 2018


def test_a_variant_shares_what_was_read(study):
    assert study.with_(polarity="low").chart.variation == "concern"
    assert study.with_(polarity="low").table is study.table
    neutral = study.with_(polarity="neutral")
    assert neutral.chart.variation == "high"
    assert neutral.ranking is None
    assert neutral.indicators["rank"].isna().all()
    assert study.with_(rebase=["2016"]).chart.variation == "common cause"
    with pytest.raises(EvidenceError, match=r"^n says what to read: use Monitoring\.read"):
        study.with_(n="within")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"place": "Aera 3"}, "area 'Aera 3' is not in column 'area'; did you mean 'Area 3'?"),
        ({"value": "within"}, "plan: give value, or count and n: one of the two"),
        ({"n": ""}, "plan: give value, or count and n: one of the two"),
        (
            {"count": "with"},
            "plan: count: the table has no column 'with'; did you mean 'within'?",
        ),
        (
            {"where": {}},
            "plans.csv: England has two rows in 2006; select one figure with where",
        ),
        ({"polarity": "up"}, "plan: polarity is 'up'; allowed are high, low, neutral"),
        ({"colour": "red"}, "plan: colour is no parameter; "),
    ],
)
def test_a_wrong_plan_is_refused_in_one_line(folder, changes, message):
    with pytest.raises(EvidenceError) as error:
        ev.Monitoring.read(str(folder), PLAN | changes)
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)


@pytest.mark.slow
def test_real_figures_are_read_as_they_are(shared, tmp_path):
    """One indicator of the long file: reading all 641,070 rows takes seconds."""
    long = pd.read_parquet(shared / "data/local-authority/bds_long_0.parquet")
    long[long["Short Desc"] == "TotAbs"].to_parquet(tmp_path / "long.parquet")
    shutil.copy(shared / "data/local-authority/sn_may_2025.xlsx", tmp_path)
    plan = PLAN | {
        "indicator": "long.parquet",
        "where": {"Short Desc": "TotAbs"},
        "name": "Absence",
        "value": "Values",
        "count": "",
        "n": "",
        "area": "LA and Regions",
        "local": "Region",
        "time": "Years",
        "place": "Lincolnshire",
        "polarity": "low",
        "target": None,
        "neighbours": "sn_may_2025.xlsx",
        "vintage": "May 2025",
        "claimed": ["Norfolk", "Lancashire", "Cumbria"],
    }
    study = ev.Monitoring.read(str(tmp_path), plan)
    assert study.ranking.of("Lincolnshire")["n_ranked"] > 145
    assert len(study.beside) == 12
    assert study.neighbours.not_among == ("Cumbria",)
    assert study.change is None
    assert "May 2025" in study.report()._repr_html_()


def lait(folder, cells, place="Area 1", **changes):
    """Write a file in the layout of the long file, with the cells of one area's years."""
    rows = [(year, f"Area {n}", "North", 50 + n) for year in ("2017", "2018") for n in range(6)]
    rows = [row for row in rows if row[1] != "Area 1"] + [
        (year, "Area 1 ", "North", cell) for year, cell in cells
    ]
    pd.DataFrame(rows, columns=["Years", "la", "Region", "Values"]).to_csv(
        folder / "long.csv", index=False
    )
    plan = {"indicator": "long.csv", "name": "Absence", "value": "Values", "area": "la",
            "time": "Years", "place": place, "polarity": "low"}  # fmt: skip
    return ev.Monitoring.read(str(folder), plan | changes)


SYMBOLS = {
    "z": "z", "x": "x", "c": "c", "low": "low", "u": "u", "k": "low", ":": "x", "~": "low",
    ".": "x", "": "x", " ": "x", "c ": "c", "C": "c",
}  # fmt: skip


@pytest.mark.parametrize(
    ("symbol", "written"),
    [
        pytest.param(*pair, marks=() if pair[0] in ("~",) else pytest.mark.slow)
        for pair in SYMBOLS.items()
    ],
)
def test_a_symbol_is_never_a_zero(tmp_path, symbol, written):
    study = lait(tmp_path, [("2016", "49"), ("2017", "50"), ("2018", symbol)])
    row = study.indicators.set_index("period").loc["2018"]
    assert np.isnan(row["value"])
    assert row["symbol"] == written
    assert "in 2017; " in study.headline
    unknown = ev.propose("", **study.findings())  # of how many, nobody says: not as one's own
    assert "count pupils in groups first" in unknown.refused[0]
    open_data = ev.propose("", **study.with_(published="DfE, LAIT").findings())
    assert open_data.refused == ()
    assert open_data.indicators.table["symbol"].tolist() == ["", "", written]


@pytest.mark.parametrize("year", ["2025 (prov)", "2024-25 (OT)", "2024/25", "202425", "2025 "])
def test_a_period_as_it_is_published_is_a_time(tmp_path, year):
    study = lait(tmp_path, [("2017", "50 "), ("2018", " 51"), (year, "1,052")], against="Area 2")
    assert study.latest["value"] == 1052
    assert study.own["order"].tolist() == [2017, 2018, 2025]


@pytest.mark.parametrize(
    ("cells", "changes", "message"),
    [
        ([("2018", "fifty")], {}, "column 'Values', row 12: not a number"),
        ([("2018", "Infinity")], {}, "column 'Values', row 12: "),
        ([("spring", "50")], {}, "column 'Years', row 12: not a time"),
        ([("2018 (guess)", "50")], {}, "column 'Years', row 12: not a time"),
        ([("2018", "50"), ("2018", "51")], {}, "long.csv: Area 1 has two rows in 2018; select"),
        ([("2018", "x")], {}, "Absence: Area 1 has no figure at any time"),
        ([("2018", "50")], {"place": "E06000059"}, "area 'E06000059' is not in column 'area'"),
        ([("2018", "50")], {"value": "", "count": "Values", "n": "n"}, "plan: n: the table has no"),
    ],
)
def test_a_file_that_is_wrong_is_refused_in_one_line(tmp_path, cells, changes, message):
    with pytest.raises(EvidenceError) as error:
        lait(tmp_path, cells, **changes).headline  # noqa: B018
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_a_denominator_below_its_numerator_is_refused(folder):
    table = pd.read_csv(folder / "plans.csv", dtype=str)
    table.loc[3, "plans"] = "5"
    table.to_csv(folder / "plans.csv", index=False)
    with pytest.raises(EvidenceError, match=r"^column 'within', row \d+: the count is above its"):
        ev.Monitoring.read(str(folder), PLAN)


def test_six_digit_years_are_written_as_people_do_and_rebased_either_way(folder):
    table = pd.read_csv(folder / "plans.csv")
    year = table["time_period"].astype(int)
    joined = (year - 1).astype(str) + (year % 100).astype(str).str.zfill(2)
    table.assign(time_period=joined).to_csv(folder / "plans.csv", index=False)
    for rebase in ("201516", "2015/16"):
        study = ev.Monitoring.read(str(folder), PLAN | {"rebase": [rebase]})
        assert study.chart.table["time"].tolist()[-2:] == ["2017/18", "2018/19"]
        assert study.chart.table["part"].nunique() == 2
    assert "in 2018/19; it" in study.headline


def test_a_denominator_that_is_hidden_hides_its_figure(folder):
    table = pd.read_csv(folder / "plans.csv", dtype="str")
    last = (table["la_name"] == "Area 3") & (table["time_period"] == "2019")
    table.loc[last, "plans"] = "c"
    table.to_csv(folder / "plans.csv", index=False)
    row = ev.Monitoring.read(str(folder), PLAN).indicators.iloc[-1]
    assert (row["symbol"], np.isnan(row["value"])) == ("c", True)


def test_what_the_plan_names_and_the_file_lacks_is_said(folder):
    study = ev.Monitoring.read(str(folder), PLAN | {"against": "Wales", "region": "Nord"})
    said = [str(part) for part in study.section("beside others").parts]
    assert {"Wales is not in the file.", "Nord is not in the file."} <= set(said)
    assert set(study.indicators["comparator"]) == {""}
    for changes, message in (
        ({"target": 800.0}, "plan: target is 800; a share is from 0 to 100"),
        ({"claimed": ["York"]}, "plan: claimed needs neighbours, the official list to compare w"),
    ):
        with pytest.raises(EvidenceError, match=message):
            _ = ev.Monitoring.read(str(folder), PLAN | changes).chart
