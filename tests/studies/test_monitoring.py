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
