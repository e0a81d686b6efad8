"""Where the header is, what is a number, and that no cell is in a message."""

import pytest

from evidence.data import readers
from evidence.errors import EvidenceError


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
