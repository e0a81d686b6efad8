"""Where the header is, what is a number, and that no cell is in a message."""

import pandas as pd
import pytest

from evidence.data import readers
from evidence.errors import EvidenceError
from evidence.methods.core import frames


@pytest.fixture
def read(tmp_path):
    def of(text, **asked):
        path = tmp_path / "t.csv"
        path.write_text(text, encoding="utf-8")
        return readers.table(path, **asked)

    return of


@pytest.mark.parametrize(
    "title",
    [
        '"Our trial, 2"\n\n',
        '"Our trial, 2",,\n,,\n',
        "Our trial\nSource: us\n",
        "Title\n\nNote one\nNote two\n\n",
    ],
)
def test_titles_above_the_header_are_passed_over(read, title):
    text = f"{title}pupil,arm,post\nA,x,1\nB,y,2\n"
    for asked in ({}, {"known": ["arm"]}, {"required": ["post"]}):
        frame = read(text, **asked)
        assert frame.to_dict("list") == {"pupil": ["A", "B"], "arm": ["x", "y"], "post": [1, 2]}
    last = text.count("\n")
    with pytest.raises(EvidenceError, match=f"row {last}, column arm: not a number"):
        read(text.replace("A,x", "A,1"), numeric=["arm"])


def test_title_above_two_columns_is_one_where_a_blank_row_follows(read):
    assert read("A list\n\npupil,post\nA,1\n")["post"].tolist() == [1]
    with pytest.raises(EvidenceError, match="column 2 has no name; the first row must name"):
        read("Abbreviations,\nAC,Academy\n")


def test_index_column_without_a_name_is_passed_over(read):
    assert read(",post\n0,5\n1,6\n").to_dict("list") == {"post": [5, 6]}


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        (["1E1", "10"], "str"),
        (["12E5", "3"], "str"),
        (["12345678901234567", "12345678901234568"], "str"),
        (["1234567890123456.0", "1"], "str"),
        (["007", "7"], "str"),
        (["5.", "6"], "str"),
        (["+2", "2"], "str"),
        (["+2", "-3"], "float64"),
        (["−3", "-3", "1,234", "1234"], "float64"),
        (["1", "1.0", "-0", "0"], "float64"),
        (["60%", "0.6"], "str"),
        (["0,123", "5"], "str"),
        (["1e-05", "0.5"], "float64"),
        (["0.12345678901234567", "1"], "float64"),
        (["1,234", "5"], "float64"),
        (["−3", "n/a", "-", "2"], "float64"),
        (["n/a", "yes"], "str"),
    ],
)
def test_column_is_numbers_only_where_they_are_written_so(read, cells, kind):
    frame = read("id,x\n" + "".join(f'a,"{cell}"\n' for cell in cells))
    assert frame["x"].dtype == kind
    if kind == "str":
        assert frame["x"].tolist() == cells


@pytest.mark.parametrize("mark", [";", "\t"])
@pytest.mark.parametrize(
    ("cells", "numbers"),
    [
        (["1,5", "2"], [1.5, 2.0]),
        (["1.234,5", "0,25"], [1234.5, 0.25]),
        (["1,234.5", "2,250.0"], [1234.5, 2250.0]),
        (["1.5", "2.25"], [1.5, 2.25]),
        (["1,5", "n/a"], [1.5, None]),
        (["1,50", "1,5"], [1.5, 1.5]),
        (["1,2345678901234567", "-0,5"], [1.2345678901234567, -0.5]),
    ],
)
def test_comma_is_decimal_where_it_does_not_separate_cells(read, mark, cells, numbers):
    frame = read(f"id{mark}x\n" + "".join(f"a{mark}{cell}\n" for cell in cells))
    assert frame["x"].astype(object).where(frame["x"].notna(), None).tolist() == numbers


def test_comma_and_point_both_decimal_is_no_number(read):
    assert read("id;x\na;2,5\nb;0.5\n")["x"].tolist() == ["2,5", "0.5"]
    with pytest.raises(EvidenceError, match="row 2, column x: not a number"):
        read("id;x\na;2,5\nb;0.5\n", numeric=["x"])


@pytest.mark.parametrize("space", [" ", "\u00a0", "\u202f"])
def test_percent_sign_may_stand_apart(read, space):
    table = read(f"a,b\n65{space}%,1\n7.5{space}%,2\n", numeric=["a"])
    assert table["a"].tolist() == [65.0, 7.5]


def test_column_in_other_capitals_is_named_where_the_header_is_known(read):
    with pytest.raises(EvidenceError, match="no column upn; the nearest is UPN"):
        read("UPN,score\nA1,12\nA2,13\n", required=["upn"], numeric=["score"])
    with pytest.raises(EvidenceError, match="no column upn; the first row must name"):
        read("A1,12\nA2,13\n", required=["upn"], numeric=["score"])


def test_percentages_and_shares_in_one_column_are_refused(read):
    for asked in ({"numeric": ["x"]}, {"measured": ["x"]}):
        with pytest.raises(EvidenceError, match="row 3, column x: no percent sign, which other"):
            read("id,x\na,60%\nb,0.6\n", **asked)
    assert read("id,x\na,60%\nb,0\n", numeric=["x"])["x"].tolist() == [60.0, 0.0]


def test_urn_is_mended_where_it_is_one(read):
    frame = read('urn,x\n990001.0,1\n"116,018",2\nHill,3\n')
    assert frame["urn"].tolist() == ["990001", "116018", "Hill"]


@pytest.mark.parametrize("first", ["P01,S1,new,80", "Ann,S1,new,eighty", "P01,pre,new,x"])
def test_first_row_of_values_is_in_no_message(read, tmp_path, first):
    rows = [first.replace("P01", f"P0{i}").replace("Ann", f"Ann {i}") for i in range(1, 9)]
    text = "\n".join(rows)
    for asked in ({"required": ["pupil"]}, {"required": ["pupil", "pre"]}, {"required": ["S2"]}):
        with pytest.raises(EvidenceError) as caught:
            read(text, **asked)
        said = str(caught.value).removeprefix(str(tmp_path))
        assert said.endswith("the first row must name the columns")
        assert not {"P01", "S1", "new", "80", "Ann", "eighty"} & set(said.replace(";", "").split())
    frame = read(text)
    with pytest.raises(EvidenceError, match=r"^where: no column 'nwe'; the first row must name"):
        readers.select(frame, {"nwe": 1})


@pytest.mark.parametrize(
    "note",
    [
        "Source: our own records\n",
        "\nTaken from the portal\n",
        "Note\n(1) Provisional\n* of all pupils\n",
        "Downloaded on 3 May\n",
        "\nEnd of file,,\n",
    ],
)
def test_notes_under_a_table_are_no_rows_of_it(read, note):
    frame = read("pupil,arm,post\n1,x,1\n2,y,2\n" + note)
    assert frame.to_dict("list") == {"pupil": [1, 2], "arm": ["x", "y"], "post": [1, 2]}
    assert frame["pupil"].dtype == "int64"


def test_last_rows_with_a_first_cell_only_are_kept_where_they_may_be_rows(read):
    assert len(read("pupil,post\nA,1\nB,\nC,\n")) == 3
    assert len(read("school,post\nHill,1\nSun Hill Junior School,\n")) == 2
    assert len(read("school\nHill\n\nSun Hill\n")) == 2


def test_all_faults_of_a_file_are_one_line(read, tmp_path):
    text = "pupil,post,pre\n" + "A,1,1\n" + "B,x,1\n" * 25 + "C,1,y\n"
    with pytest.raises(EvidenceError) as caught:
        read(text, numeric=["post", "pre"], unique=["pupil"])
    rows = ", ".join(map(str, range(5, 25)))
    assert str(caught.value) == (
        f"{tmp_path / 't.csv'}: 3 faults: (1) row 4, column pupil: as in row 3; each may stand "
        f"once (also rows {rows} and 3 more); (2) row 3, column post: not a number; give a number "
        f"or leave it blank (also rows {', '.join(map(str, range(4, 24)))} and 4 more); (3) row "
        "28, column pre: not a number; give a number or leave it blank"
    )
    assert [fault.count(str(tmp_path)) for fault in caught.value.faults] == [1, 1, 1]


def test_rows_are_those_of_the_file_after_blank_ones_and_those_left_out(read):
    frame = read("Title\n\npupil,arm\nA,x\n\nB,y\nC,x\n")
    assert frame.index.tolist() == [2, 4, 5]
    assert frames.row(1, readers.select(frame, {"arm": "x"})) == "row 7"
    assert frames.row(1, frame.reset_index(drop=True).set_axis([7, 8, 9]).copy()) == "row 10"
    assert frames.row(1, pd.DataFrame({"x": [1, 2]}, index=[990001, 990002])) == "row 3"


@pytest.mark.parametrize("words", [("Yes", "No"), ("Y", "N"), ("TRUE", "FALSE"), ("yes", "")])
def test_yes_and_no_where_numbers_are_needed_are_refused_by_name(read, words):
    text = "id,x\n" + "".join(f"a,{word}\n" for word in words)
    with pytest.raises(EvidenceError, match=r"row 2, column x: holds yes and no; use 1 and 0"):
        read(text, numeric=["x"])
    assert read(text)["x"].dtype == "str"
