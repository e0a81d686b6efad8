"""Kinds of file: known by their columns, read into one shape, described without a cell."""

import openpyxl
import pandas as pd
import pytest
from typer.testing import CliRunner

from evidence import cli
from evidence.data import file_kinds, readers
from evidence.data.file_kinds import KINDS, described, guessed, official
from evidence.errors import EvidenceError

BRISTOL = "performance-tables/bristol-2014-15/801_{}.csv"
CTF = """<?xml version="1.0" encoding="UTF-8"?>
<CTfile><Header><DocumentName>Common Transfer File</DocumentName></Header><CTFpupilData>{}
</CTFpupilData></CTfile>"""
PUPIL = """<Pupil><UPN>{upn}</UPN><Surname>Zzyzx</Surname><Forename>Ann</Forename>
<StageAssessments><KeyStage><Stage>KS2</Stage>
<StageAssessment><Year>2024</Year><Subject>MAT</Subject><Method>TS</Method><Result>105</Result>
</StageAssessment><StageAssessment><Year>2024</Year><Subject>REA</Subject><Method>TS</Method>
<Result>x</Result></StageAssessment></KeyStage></StageAssessments></Pupil>"""


@pytest.fixture(autouse=True)
def key(tmp_path, monkeypatch):
    monkeypatch.setenv("EVIDENCE_PUPIL_KEY", str(tmp_path / "secret/key"))


@pytest.mark.parametrize(
    ("path", "kind", "rows", "column", "codes"),
    [
        (BRISTOL.format("census"), "census", 174, "nor", set()),
        (BRISTOL.format("swf"), "workforce", 155, "ntea", set()),
        (BRISTOL.format("ks5"), "ks5", 29, "tallppe_aleva", {"SUPP", "NE"}),
        (BRISTOL.format("pupdest"), "destinations", 27, "sfc", {"SUPP"}),
        (BRISTOL.format("spine"), "spine", 165, "iclose", set()),
        ("performance-tables/england_census_2019.csv", "census", 23_942, "pnumeal", {"NA"}),
        ("send/ehcp_2025_timeliness_20_week.csv", "statistics", 12_211,
         "plans_issued_gt_1_year", {"x"}),
        ("send/absence_pru.csv", "statistics", 1_373, "sess_auth_ext_holiday", {"z"}),
        ("local-authority/exclusions_la.csv", "statistics", 7_122, "perm_excl", {"x"}),
        ("inspections/england_ofsted-schools.xlsx", "inspections", 21_733,
         "overall effectiveness", set()),
        ("establishments/gias_leeds.csv", "establishments", 771, "numberofpupils", set()),
        ("local-authority/bds_long_0.parquet", "lait", 641_070, "values", {"-"}),
    ],
)  # fmt: skip
def test_real_file_is_known_and_keeps_every_row_and_code(shared, path, kind, rows, column, codes):
    path = shared / "data" / path
    assert guessed(path).name == kind
    frame = official(path)
    assert len(frame) == rows
    assert frame[column].dtype == "float64"
    symbols = set(frame[f"{column}_symbol"])
    assert codes <= symbols
    assert (frame[column].isna() == (frame[f"{column}_symbol"] != "")).all()
    if path.suffix == ".csv":
        plain = pd.read_csv(path, dtype=str, encoding="cp1252").rename(columns=str.lower)
        known = pd.to_numeric(plain[column].str.rstrip("%"), errors="coerce").sum()
        assert frame[column].sum() == pytest.approx(known)
    if "urn" in frame:
        assert frame["urn"].str.fullmatch(r"\d{6}|").all()


def test_report_cards_links_groups_and_absence_are_known(tmp_path):
    for name, text in {
        "report cards": "URN,Inclusion,Achievement,Leadership and governance\n"
        "990001,Strong standard,Expected standard,Needs attention\n",
        "links": "URN,LinkURN,LinkName,LinkType\n990001,990002,Hill, The Hill,Successor\n",
        "groups": "Group UID,Group ID,Group Name,Group Type\n1,TR1,A Trust,Multi-academy trust\n",
        "absence": "LA,ESTAB,URN,PERCTOT,PPERSABS10\n850,2031,990001,4.1,SUPP\n",
    }.items():
        path = tmp_path / "t.csv"
        path.write_text(text)
        assert guessed(path).name == name
        assert len(official(path)) == 1
    assert official(path)[["perctot", "ppersabs10_symbol"]].iloc[0].tolist() == [4.1, "SUPP"]


def test_transfer_file_has_a_row_a_result_pseudonyms_and_no_names(tmp_path):
    path = tmp_path / "t.xml"
    path.write_text(CTF.format(PUPIL.format(upn="A1") + PUPIL.format(upn="A2")))
    assert guessed(path).name == "ctf"
    with pytest.raises(EvidenceError, match="columns surname, forename hold pupils' names"):
        official(path)
    frame = official(path, names=True)
    assert len(frame) == 4
    assert frame["subject"].tolist() == ["MAT", "REA"] * 2
    assert frame["result"].tolist()[0] == 105
    assert frame["result_symbol"].tolist() == ["", "x"] * 2
    assert frame["upn"].str.fullmatch("p_[0-9a-f]{20}").all()
    assert frame["upn"].nunique() == 2
    assert len(readers.table(f"{path}#Pupil")) == 2


def test_annex_a_list_is_found_below_its_title(tmp_path):
    book = openpyxl.Workbook()
    book.active.title = "List 1"
    for row in (["List 1: contacts"], [], ["Child Unique ID", "Age of Child (Years)"], ["C1", 7]):
        book.active.append(row)
    book.save(tmp_path / "a.xlsx")
    assert guessed(tmp_path / "a.xlsx").name == "annex a"
    frame = official(tmp_path / "a.xlsx")
    assert frame["age of child (years)"].tolist() == [7]
    assert frame["child unique id"].str.startswith("p_").all()


def test_description_says_what_a_person_needs_and_no_cell(tmp_path, shared):
    lines = described(shared / "data/performance-tables/2018_hampshire850-ks2.csv")
    assert lines[0].endswith("key stage 2 performance table of 2018/19, 334 rows")
    assert lines[-1] == "  in the register: files = { ks2 = … }"
    path = tmp_path / "t.csv"
    path.write_text(
        "pupil,arm,post\n" + "".join(f"Zzyzx{i},new,{i}\n" for i in range(9)) + "Z,,-99\n"
    )
    assert described(path) == [
        f"{path}: a table of no known kind, as a trial's is, 10 rows, 3 columns",
        "  pupil: words, 10 different",
        "  arm: words, 1 different, 1 gaps",
        "  post: numbers, 10 different; LOOK: 1 cannot be right",
    ]


def test_unknown_kind_is_refused(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(EvidenceError, match="of no known kind"):
        official(path)
    with pytest.raises(EvidenceError, match="kind is 'cens'; did you mean 'census'"):
        official(path, "cens")
    assert set(KINDS) == {kind.name for kind in file_kinds.LINES}


def test_check_of_one_file_describes_it_or_names_every_fault(tmp_path):
    path = tmp_path / "p.csv"
    path.write_text("urn,programme,start\n990001,lamp,2018\n990002,lamp,2018\n")
    done = CliRunner().invoke(cli.app, ["check", str(path)])
    assert (done.exit_code, done.output.splitlines()) == (
        0,
        [
            f"{path}: who took part, 2 spells",
            "  2 schools in lamp; starts: 2018",
            "  in the register: files = { participation = … }",
        ],
    )
    path.write_text("urn,programme,start\nHill,lamp,18\n990002,lamp,2018\n")
    failed = CliRunner().invoke(cli.app, ["check", str(path)])
    assert failed.exit_code == 1
    assert [line.partition(": ")[0] for line in failed.stderr.splitlines()] == [
        f"{path}, row 2, column urn",
        f"{path}, row 2, column start",
    ]
