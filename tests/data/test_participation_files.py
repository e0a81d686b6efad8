"""Participation in the shapes that people keep it in."""

import openpyxl
import pandas as pd
import pytest

from evidence.data import readers
from evidence.errors import EvidenceError

BOOST = {"programme": "boost", "start": 2019}


@pytest.fixture
def read(tmp_path):
    def of(text, **asked):
        path = tmp_path / "p.csv"
        path.write_text(text, encoding="utf-8")
        frame = readers.participation(path, **asked)
        assert list(frame) == ["urn", "programme", "start", "end"]
        assert frame["start"].dtype == "int64"
        assert frame["end"].dtype == "Int64"
        return frame.astype(object).where(frame.notna(), None).to_numpy().tolist()

    return of


@pytest.mark.parametrize(
    "cell",
    [
        "2019",
        "2018/19",
        "2018-19",
        "01/09/2018",
        "2018-09-01",
        "Sep 2018",
        "18/19",
        "Autumn 2018",
        "autumn term 2018",
        "Spring 2019",
    ],
)
def test_start_may_be_a_school_year_or_a_date(read, cell):
    assert read(f"urn,programme,start,end\n990001,boost,{cell},\n") == [
        ["990001", "boost", 2019, None]
    ]
    assert read(f"urn,programme,start,end\n990001,boost,2016,{cell}\n")[0][3] == 2019


def test_summer_ends_a_year_and_august_begins_the_next(read):
    text = "urn,programme,start,end\n990001,boost,20/08/2018,31/08/2020\n"
    assert read(text) == [["990001", "boost", 2019, 2020]]


@pytest.mark.parametrize("cell", ["", "n/a", "-", "ongoing", "Present"])
def test_end_may_be_open(read, cell):
    text = f"urn,programme,start,end\n990001,boost,2019,{cell}\n"
    assert read(text) == [["990001", "boost", 2019, None]]
    with pytest.raises(EvidenceError, match=r"row 2, column start: (is blank; )?must be a sc"):
        read(text.replace("2019", cell).replace(f",{cell}\n", ",\n"))


def test_dates_of_a_workbook_are_read(tmp_path):
    made = openpyxl.Workbook()
    made.active.append(["Our schools"])
    made.active.append([])
    made.active.append(["URN", "Programme", "Start date"])
    made.active.append([990001, "boost", pd.Timestamp(2018, 9, 1).to_pydatetime()])
    made.save(tmp_path / "p.xlsx")
    assert readers.participation(tmp_path / "p.xlsx")["start"].tolist() == [2019]


@pytest.mark.parametrize("urn", ["990001.0", '"990,001"', " 990001 "])
def test_urn_is_mended(read, urn):
    assert read(f"urn,programme,start\n{urn},boost,2019\n") == [["990001", "boost", 2019, None]]


def test_list_of_schools_is_of_the_programme_asked_about(read):
    text = "URN,School name\n990001,A\n990002,B\n"
    assert read(text, **BOOST) == [[u, "boost", 2019, None] for u in ("990001", "990002")]
    with pytest.raises(EvidenceError, match="no column programme"):
        read(text)
    with pytest.raises(EvidenceError, match="no column start"):
        read(text, programme="boost")


def test_grid_of_yes_and_no_has_a_programme_a_column(read):
    text = "URN,School,Boost,Leap,Pupils\n990001,A,yes,no,200\n990002,B,,Y,150\n990003,C,No,n,90\n"
    assert read(text, **BOOST) == [
        ["990001", "boost", 2019, None],
        ["990002", "leap", 2019, None],
    ]
    years = text.replace("yes", "2017/18").replace("Y,", "01/09/2016,")
    assert read(years, programme="boost") == [
        ["990001", "boost", 2018, None],
        ["990002", "leap", 2017, None],
    ]
    with pytest.raises(EvidenceError, match="row 2, column boost: says yes, not since when"):
        read(text, programme="boost")
    with pytest.raises(EvidenceError, match="row 2, column boost: says neither yes nor no"):
        read(text.replace("yes", "perhaps"), **BOOST)


@pytest.mark.parametrize(
    ("head", "cells"),
    [
        ("LA,Estab", "850,2031"),
        ("LEA,ESTAB", "850.0,2031"),
        ("LAESTAB", "8502031"),
        ("DfE number", "850/2031"),
        ("LA (code),EstablishmentNumber", "850,2031"),
    ],
)
def test_schools_may_be_named_by_la_and_estab(read, head, cells):
    assert read(f"{head},programme,start\n{cells},boost,2019\n") == [
        ["850/2031", "boost", 2019, None]
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("la,estab\n850,Hill\n", "row 2, column estab: LA and ESTAB are three and four digits"),
        ("school\nHill\n", "no column urn; the first row must name the columns"),
        ("990001\n990002\n", "no column urn; the first row must name the columns"),
        ("urn\n990001\n990001\n", "row 3, column urn and programme and start: as in row 2"),
        ("urn,programme\n990001,\n", "row 2, column programme: is blank; every row needs one"),
    ],
)
def test_wrong_file_is_refused_in_one_line(read, text, message):
    with pytest.raises(EvidenceError) as caught:
        read(text, **BOOST)
    assert message in str(caught.value)
    assert "Hill" not in str(caught.value)


def test_grid_may_have_years_for_all_its_programmes_and_what_it_says_of_schools(read):
    text = "urn,boost,start,end,opened\n990001,yes,2018/19,2021,1998\n990002,no,,,2001\n"
    assert read(text, programme="boost") == [["990001", "boost", 2019, 2021]]


def test_grid_without_a_column_of_the_programme_is_not_taken_for_a_list(read):
    text = "urn,Boost maths\n990001,yes\n990002,no\n"
    with pytest.raises(EvidenceError) as caught:
        read(text, **BOOST)
    assert str(caught.value).endswith(
        "column boostmaths says yes and no, and none is called boost; call it so, or leave the "
        "column out"
    )
    assert len(read(text.replace("no", "yes"), **BOOST)) == 2
