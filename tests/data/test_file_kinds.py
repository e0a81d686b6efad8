"""Kinds of file: known by their columns, read into one shape, described without a cell."""

from pathlib import Path

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
        (BRISTOL.format("ks2"), "ks2", 115, "telig", {"blank"}),
        pytest.param(BRISTOL.format("ks4"), "ks4", 47, "tpup", {"blank"}, marks=pytest.mark.slow),
        (BRISTOL.format("ks5"), "ks5", 29, "tallppe_aleva", {"SUPP", "NE"}),
        (BRISTOL.format("pupdest"), "destinations", 27, "sfc", {"SUPP"}),
        (BRISTOL.format("spine"), "spine", 165, "iclose", set()),
        pytest.param("performance-tables/england_census_2019.csv", "census", 23_942, "pnumeal",
                     {"NA"}, marks=pytest.mark.slow),
        pytest.param("send/ehcp_2025_timeliness_20_week.csv", "statistics", 12_211,
                     "plans_issued_gt_1_year", {"x"}, marks=pytest.mark.slow),
        ("send/absence_pru.csv", "statistics", 1_373, "sess_auth_ext_holiday", {"z"}),
        pytest.param("local-authority/exclusions_la.csv", "statistics", 7_122, "perm_excl", {"x"},
                     marks=pytest.mark.slow),
        pytest.param("inspections/england_ofsted-schools.xlsx", "inspections", 21_733,
                     "overall effectiveness", set(), marks=pytest.mark.slow),
        pytest.param("establishments/gias_leeds.csv", "establishments", 771, "numberofpupils",
                     set(), marks=pytest.mark.slow),
        pytest.param("local-authority/bds_long_0.parquet", "lait", 641_070, "values", {"-"},
                     marks=pytest.mark.slow),
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


SEN2 = """<?xml version="1.0" encoding="UTF-8"?><Message><Header><Source><LEA>850</LEA></Source>
</Header><SEN2><Persons>{}</Persons></SEN2></Message>"""
PERSON = """<Person><PersonBirthDate>2012-03-04</PersonBirthDate><Sex>F</Sex>
<Ethnicity>WBRI</Ethnicity><UPN>{upn}</UPN><Requests><ReceivedDate>2024-02-01</ReceivedDate>
<RequestOutcome>{outcome}</RequestOutcome></Requests></Person>"""


def test_sen2_return_as_xml_or_as_csv_has_a_row_a_record(tmp_path):
    path = tmp_path / "sen2.xml"
    people = (("A1", "Y"), ("A2", "N"))
    path.write_text(SEN2.format("".join(PERSON.format(upn=u, outcome=o) for u, o in people)))
    assert guessed(path).name == "sen2"
    with pytest.raises(EvidenceError, match="'Person', 'Requests'"):
        official(path)
    requests = official(f"{path}#Requests")
    assert requests["requestoutcome"].tolist() == ["Y", "N"]
    assert requests["receiveddate"].tolist() == ["2024-02-01"] * 2
    people = official(f"{path}#Person")
    assert people["upn"].tolist() == requests["upn"].tolist()
    assert people["upn"].str.fullmatch("p_[0-9a-f]{20}").all()
    module = tmp_path / "person.csv"
    module.write_text("persontableid,NativeId,gendercurrent,upn\n7,1,F,A1\n8,2,M,A3\n")
    assert guessed(module).name == "sen2"
    assert official(module)["upn"].iloc[0] == people["upn"].iloc[0]


@pytest.mark.parametrize(
    ("name", "la", "first"),
    [
        ("sn_may_2025", "301", "308"),
        pytest.param("sn_april_2021", "202", "213", marks=pytest.mark.slow),
    ],
)
def test_neighbours_are_one_row_an_authority_and_rank(shared, name, la, first):
    path = shared / f"data/local-authority/{name}.xlsx"
    assert guessed(path).name == "neighbours"
    frame = official(path)
    own = frame[frame["la"] == la]
    assert own["rank"].tolist() == list(range(1, 11))
    assert own["neighbour"].iloc[0] == first
    assert frame.groupby("la").size().eq(10).all()
    assert frame["la"].nunique() > 150


def test_inspections_without_an_overall_judgement_are_known(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("URN,Quality of education,Behaviour and attitudes\n990001,2,NULL\n")
    assert guessed(path).name == "inspections"
    assert official(path, "inspections")["quality of education"].tolist() == [2]


@pytest.mark.parametrize(
    "ending",
    ["parquet", "sav", "dta", *(pytest.param(e, marks=pytest.mark.slow) for e in ("xlsx", "ods"))],
)
def test_kind_is_the_same_whatever_it_is_stored_as(tmp_path, ending):
    import pyreadstat

    plain = {"urn": ["990001", "990002"], "nor": ["120", "SUPP"], "norg": ["61", "LOWCOV"]}
    frame = pd.DataFrame({**plain, "norb": ["59", "x"], "schname": ["Hill", "Dale"]}, dtype=object)
    frame.to_csv(tmp_path / "t.csv", index=False)
    path = tmp_path / f"t.{ending}"
    write = {
        "xlsx": lambda: frame.to_excel(path, index=False),
        "ods": lambda: frame.to_excel(path, index=False, engine="odf"),
        "parquet": lambda: frame.to_parquet(path),
        "sav": lambda: pyreadstat.write_sav(frame, path),
        "dta": lambda: pyreadstat.write_dta(frame, path),
    }
    write[ending]()
    found = official(path)
    pd.testing.assert_frame_equal(found, official(tmp_path / "t.csv"))
    assert found["nor"].iloc[0] == 120
    assert found["norg_symbol"].tolist() == ["", "LOWCOV"]


def test_contract_refuses_another_shape(tmp_path):
    from pandera.errors import SchemaError

    path = tmp_path / "t.csv"
    path.write_text("URN,NOR,NORG,NORB\n990001,,61,59\nNAT,9,8,1\n")
    frame = official(path)
    assert frame["urn"].tolist() == ["990001", ""]
    assert frame["nor_symbol"].tolist() == ["blank", ""]
    contract = file_kinds.contract("census")
    assert contract.validate(frame) is not None
    for wrong in (
        frame.assign(nor_symbol=""),
        frame.assign(urn=["99001", ""]),
        frame.assign(nor=["a", "b"]),
        frame.drop(columns="norg"),
    ):
        with pytest.raises(SchemaError):
            contract.validate(wrong)
    with pytest.raises(EvidenceError, match="did you mean 'census'"):
        file_kinds.contract("cens")


def test_every_kind_is_documented_with_its_columns():
    page = (Path(__file__).parents[2] / "docs/files.md").read_text().splitlines()
    rows = {tuple(cell.strip(" `") for cell in line.split("|")[1:4]) for line in page}
    for kind in file_kinds.LINES:
        assert (kind.name, ", ".join(kind.texts), ", ".join(kind.figures)) in rows, kind.name


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
