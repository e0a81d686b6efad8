"""Performance tables of key stage 4, and official statistics in their tidy layout."""

import numpy as np
import pytest

from evidence.data import readers
from evidence.errors import EvidenceError

KS4 = (
    "RECTYPE,LEA,ESTAB,URN,SCHNAME,TOTPUPS,TPUP,ATT8SCR,P8MEA\n"
    "1,999,4001,990101,Upper 1,900,150,46.1,-0.12\n"
    "1,999,4002,990102,Upper 2,800,4,SUPP,SUPP\n"
    "1,999,6001,990103,Indep,300,40,NP,LOWCOV\n"
    "4,999,,,Fenmarch,,194,45,0\n"
)
TIDY = (
    "time_period,time_identifier,geographic_level,new_la_code,la_name,sex,plans,pc\n"
    "202223,Academic year,Local authority,E10000999,Fenmarch,Total,120,12.5\n"
    "202223,Academic year,Local authority,E10000998,Other,Total,c,z\n"
    "202122,Academic year,Local authority,E10000997,Third,Total,x,low\n"
    "202122,Academic year,Local authority,E10000996,Fourth,Total,,k\n"
)


@pytest.fixture
def saved(tmp_path):
    def to(text):
        (tmp_path / "t.csv").write_text(text)
        return tmp_path / "t.csv"

    return to


def test_ks4_has_a_number_beside_its_code(saved):
    frame = readers.ks4(saved(KS4), 2018)
    assert frame["level"].tolist() == ["school", "school", "school", "la"]
    assert frame["n_pupils"].tolist() == [150, 4, 40, 194]
    assert frame["ATT8SCR"].fillna(-1).tolist() == [46.1, -1, -1, 45]
    assert frame["ATT8SCR_symbol"].tolist() == ["", "SUPP", "NP", ""]
    assert frame["P8MEA"].fillna(9).tolist() == [-0.12, 9, 9, 0]
    assert frame["P8MEA_symbol"].tolist() == ["", "SUPP", "LOWCOV", ""]


def test_ks4_record_types_are_its_own(saved):
    with pytest.raises(EvidenceError, match="row 5, column RECTYPE: must be one of 1, 2, 4, 5, 7"):
        readers.ks4(saved(KS4.replace("4,999,,", "3,999,,")), 2018)
    with pytest.raises(EvidenceError, match="no column TELIG"):
        readers.ks2(saved(KS4), 2018)


def test_ks4_panel_stacks_years(saved, tmp_path):
    (tmp_path / "later.csv").write_text(KS4.replace("46.1", "47").replace("990101", "990109"))
    panel = readers.ks4_panel({2018: saved(KS4), 2019: tmp_path / "later.csv"})
    assert panel.groupby("urn").size().to_dict() == {"990102": 2, "990103": 2, "990109": 2}
    assert panel.loc[panel["urn"] == "990109", "ATT8SCR"].tolist() == [46.1, 47.0]


def test_ks4_of_bristol_in_2014_15(shared):
    path = shared / "data/performance-tables/bristol-2014-15/801_ks4.csv"
    frame = readers.ks4(path, 2015, ["PTAC5EM_PTQ_EE", "ATT8SCR"])
    assert frame["level"].value_counts().to_dict() == {
        **{"school": 35, "special": 9},
        **{"la": 1, "national_all": 1, "national_state": 1},
    }
    for name in ("PTAC5EM_PTQ_EE", "ATT8SCR"):
        assert (frame[name].isna() == (frame[f"{name}_symbol"] != "")).all()
    codes = frame["PTAC5EM_PTQ_EE_symbol"].value_counts().to_dict()
    assert codes == {"": 40, "SUPP": 3, "blank": 2, "NEW": 1, "NE": 1}
    with pytest.raises(EvidenceError, match="is the table of 2014/15, not of 2015/16"):
        readers.ks4(path, 2016)


@pytest.mark.parametrize("code", ["0.6", "0.05"])
def test_share_among_percentages_is_refused(saved, code):
    text = KS4.replace("ATT8SCR", "PTL2BASICS").replace("46.1", code)
    with pytest.raises(EvidenceError, match="row 2, column PTL2BASICS: a share among percentages"):
        readers.ks4(saved(text), 2018, ["PTL2BASICS"])


def test_statistics_have_a_number_beside_its_code(saved):
    frame = readers.statistics(saved(TIDY))
    assert frame["year"].tolist() == [2023, 2023, 2022, 2022]
    assert frame["plans"].fillna(-1).tolist() == [120, -1, -1, -1]
    assert frame["plans_symbol"].tolist() == ["", "c", "x", "blank"]
    assert frame["pc_symbol"].tolist() == ["", "z", "low", "k"]
    assert "sex_symbol" not in frame
    assert frame["la_name"].tolist() == ["Fenmarch", "Other", "Third", "Fourth"]
    some = readers.statistics(saved(TIDY), ["PC"])
    assert some["plans"].tolist() == ["120", "c", "x", ""]
    assert np.isnan(some["pc"][1])


@pytest.mark.parametrize(
    ("change", "asked", "message"),
    [
        (("202122,", "soon,"), [], "row 4, column time_period: must be a year such as 202223"),
        (("12.5", "twelve%"), ["pc"], "row 2, column pc: neither a number nor a code such as SUPP"),
        (("plans", "pc"), [], "column pc stands twice; rename one of the two"),
        (("time_period", "when"), [], "no column time_period"),
        (("plans", "plan"), ["plans"], "no column plans; the nearest is plan"),
    ],
)
def test_wrong_statistics_are_refused_in_one_line(saved, change, asked, message):
    with pytest.raises(EvidenceError) as caught:
        readers.statistics(saved(TIDY.replace(*change)), asked)
    assert message in str(caught.value)
    assert "soon" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "rows", "measures", "years"),
    [
        pytest.param(
            "send/ehcp_2025_timeliness_20_week.csv",
            12_211,
            14,
            (2019, 2024),
            marks=pytest.mark.slow,
        ),
        ("send/absence_pru.csv", 1_373, 31, (2014, 2023)),
        ("local-authority/exclusions_la.csv", 7_122, 8, (2007, 2017)),
    ],
)
def test_real_statistics_keep_every_row_and_code(shared, name, rows, measures, years):
    frame = readers.statistics(shared / "data" / name)
    found = [column for column in frame if f"{column}_symbol" in frame]
    assert (len(frame), len(found)) == (rows, measures)
    assert (frame["year"].min(), frame["year"].max()) == years
    for column in found:
        assert (frame[column].isna() == (frame[f"{column}_symbol"] != "")).all()
