"""The readers: every quirk of the real files, and every kind of wrong file."""

import csv
import gzip
import io

import numpy as np
import openpyxl
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evidence.data import readers
from evidence.errors import EvidenceError

HEADER = "RECTYPE,LEA,ESTAB,URN,SCHNAME,TOTPUPS,TELIG,PTRWM_EXP,READPROG"
SCHOOL = "1,850,2031,139548,Cornerstone School,128,24,65%,-0.2"
NUMBER = "not a number; give a number or leave it blank"
ONCE = "as in row 2; each may stand once"
BLANK = "is blank; every row needs one"
NAMES = "the first row must name the columns"
SCHOOL_YEAR = "must be a school year: 2019 for 2018/19, 2018/19 or a date such as 01/09/2018"
NOT_A_URN = "a school's URN has six digits; a name, or LA and ESTAB, stand in columns of their own"
CANARY = "Zzyzx"  # stands for a pupil's value: no message may hold it

TWICE = (
    "have the same name: the first row looks like data; it must name the columns, each by a name "
    "of its own"
)


@pytest.fixture
def write(tmp_path):
    def to(text, name="table.csv", encoding="utf-8"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode(encoding))
        return path

    return to


def ks2(write, *lines, measures=("PTRWM_EXP", "READPROG"), header=HEADER, year=2018):
    return readers.ks2(write("\n".join([header, *lines]) + "\n"), year, measures)


def fails(call, message):
    with pytest.raises(EvidenceError) as caught:
        call()
    assert str(caught.value) == message


# the quirks -----------------------------------------------------------------------------------


def test_ks2_percent_sign_and_number_give_numbers_with_empty_symbols(write):
    row = ks2(write, SCHOOL).iloc[0]
    assert row["PTRWM_EXP"] == 65.0
    assert row["READPROG"] == -0.2
    assert row["n_pupils"] == 24
    assert (row["PTRWM_EXP_symbol"], row["READPROG_symbol"], row["n_pupils_symbol"]) == ("", "", "")
    assert (row["level"], row["urn"], row["la"], row["estab"], row["year"]) == (
        *("school", "139548", "850", "2031"),
        2018,
    )


def test_ks2_byte_order_mark_and_crlf_are_not_part_of_a_name(write):
    path = write("\ufeff" + HEADER + "\r\n" + SCHOOL + "\r\n")
    assert list(readers.ks2(path, 2018, ["READPROG"])["READPROG"]) == [-0.2]


@pytest.mark.parametrize("code", ["SUPP", "NA", "LOWCOV", "NEW", "NE", "NP", "c", "z", ":", "x"])
def test_ks2_code_stays_beside_a_missing_number_as_printed(write, code):
    row = ks2(write, f"1,850,2031,139548,A school,128,4,{code},{code}").iloc[0]
    assert np.isnan(row["PTRWM_EXP"])
    assert np.isnan(row["READPROG"])
    assert row["PTRWM_EXP_symbol"] == row["READPROG_symbol"] == code


def test_ks2_suppressed_is_never_zero(write):
    frame = ks2(
        write, SCHOOL.replace("65%", "SUPP"), SCHOOL.replace("65%", "0%").replace("8,C", "9,C")
    )
    assert frame["PTRWM_EXP"].tolist()[1] == 0.0
    assert frame["PTRWM_EXP"].isna().tolist() == [True, False]
    assert frame["PTRWM_EXP_symbol"].tolist() == ["SUPP", ""]


def test_ks2_row_that_ends_early_with_new_is_a_new_school(write):
    frame = ks2(write, "1,850,2045,144882,Sun Hill,NEW", SCHOOL)
    assert frame["new"].tolist() == [True, False]
    assert frame["PTRWM_EXP_symbol"].tolist() == ["NEW", ""]
    assert frame["n_pupils_symbol"].tolist() == ["NEW", ""]
    assert np.isnan(frame["PTRWM_EXP"][0])


def test_ks2_row_that_ends_early_without_new_has_blanks(write):
    row = ks2(write, "1,850,4012,116407,The Westgate,1370").iloc[0]
    assert not row["new"]
    assert row["PTRWM_EXP_symbol"] == "blank"


@pytest.mark.parametrize("blank", ["", " ", "\u00a0", '""'])
def test_ks2_every_kind_of_blank_is_blank(write, blank):
    row = ks2(write, f"1,850,2031,139548,A school,128,24,{blank},1.5").iloc[0]
    assert row["PTRWM_EXP_symbol"] == "blank"
    assert row["READPROG"] == 1.5


def test_ks2_record_types_become_levels_and_only_schools_have_a_urn(write):
    frame = ks2(
        write,
        SCHOOL,
        "2,850,7067,116635,Special,50,16,0%,-10.0",
        "3,850, , ,Hampshire,81204,14040,66%,-0.2",
        "5, , , , ,4490550,599728,61%, ",
        "4,,,NAT,,4553706,604552,61%,",
    )
    assert frame["level"].tolist() == [
        *("school", "special", "la", "national_state", "national_all")
    ]
    assert frame["urn"].tolist() == ["139548", "116635", "", "", ""]


def test_ks2_measure_is_found_whatever_the_case_and_never_with_a_suffix(write):
    header = HEADER.replace("PTRWM_EXP", "PTRWM_EXP_17,pTNotFSM6CLA1A,PTRWM_EXP")
    frame = ks2(
        write,
        SCHOOL.replace("65%", "10%,76%,65%"),
        header=header,
        measures=["PTNOTFSM6CLA1A", "ptrwm_exp"],
    )
    assert frame["PTNOTFSM6CLA1A"].tolist() == [76.0]
    assert frame["PTRWM_EXP"].tolist() == [65.0]


def test_ks2_difference_from_national_others_is_not_a_gap_within_the_school(write):
    header = HEADER.replace("READPROG", "PTRWM_EXP_NotFSM6CLA1A,PTRWM_EXP_FSM6CLA1A,DIFFN_RWM_EXP")
    frame = ks2(
        write,
        SCHOOL.replace("-0.2", "69%,36%,-31"),
        header=header,
        measures=["DIFFN_RWM_EXP", "PTRWM_EXP_NotFSM6CLA1A", "PTRWM_EXP_FSM6CLA1A"],
    )
    within = frame["PTRWM_EXP_FSM6CLA1A"] - frame["PTRWM_EXP_NOTFSM6CLA1A"]
    assert frame["DIFFN_RWM_EXP"].tolist() == [-31.0]
    assert within.tolist() == [-33.0]


@pytest.mark.parametrize(
    ("cell", "number"),
    [("1,234", 1234.0), ("−3.1", -3.1), ("+2", 2.0), (".5", 0.5), ("1E+02", 100.0)],
)
def test_ks2_number_however_it_is_written_is_a_number(write, cell, number):
    line = f'1,850,2031,139548,A school,128,24,65%,"{cell}"'
    assert ks2(write, line)["READPROG"].tolist() == [number]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "cp1252", "utf-16"])
def test_ks2_any_usual_encoding_is_read(write, encoding):
    text = "\n".join([HEADER, SCHOOL.replace("Cornerstone", "Zoë’s"), ""])
    frame = readers.ks2(write(text, encoding=encoding), 2018, ["READPROG"])
    assert frame["school"].tolist() == ["Zoë’s School"]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_ks2_any_line_end_title_and_semicolons_are_read(write, end):
    text = end.join(["Key stage 2, 2017/18", "", HEADER, SCHOOL, "", SCHOOL.replace("139", "140")])
    assert len(readers.ks2(write(text), 2018, ["READPROG"])) == 2
    assert len(readers.ks2(write(text.replace(",", ";")), 2018, ["READPROG"])) == 2


def test_ks2_workbook_with_percent_cells_is_read_as_percent(tmp_path):
    book = openpyxl.Workbook()
    book.active.append(HEADER.split(","))
    book.active.append([1, 850, 2031, 139548, "A school", 128, 24, 0.65, -0.2])
    book.active["H2"].number_format = "0%"
    book.save(tmp_path / "ks2.xlsx")
    row = readers.ks2(tmp_path / "ks2.xlsx", 2018, ["PTRWM_EXP", "READPROG"]).iloc[0]
    assert (row["PTRWM_EXP"], row["READPROG"], row["urn"]) == (65.0, -0.2, "139548")


# wrong tables: one line each -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([SCHOOL, SCHOOL], ", row 3, column URN: as in row 2; each may stand once"),
        ([SCHOOL.replace("139548", "13954")], ", row 2, column URN: a school's URN has six digits"),
        (
            [SCHOOL.replace("1,850", "9,850")],
            ", row 2, column RECTYPE: must be one of 1, 2, 3, 4, 5",
        ),
        (
            ["", SCHOOL.replace("65%", "6S%")],
            ", row 3, column PTRWM_EXP: neither a number nor a code such as SUPP",
        ),
        (
            [SCHOOL.replace("65%", "650%")],
            ", row 2, column PTRWM_EXP: a percentage lies between 0 and 100; look for a shifted "
            "row",
        ),
        (
            [SCHOOL.replace("Cornerstone", "Corner, stone")],
            ", row 2: more cells than the header has columns (9); put a text that holds a comma in "
            "quotation marks",
        ),
        (
            [SCHOOL.replace("Cornerstone", '"Corner')],
            ", row 2: a quotation mark is not closed or stands inside a text; double it or take it "
            "out",
        ),
        ([], ": no rows below the header"),
    ],
)
def test_ks2_wrong_row_is_named_in_one_line(write, tmp_path, lines, message):
    fails(lambda: ks2(write, *lines), f"{tmp_path / 'table.csv'}{message}")


def test_ks2_unknown_measure_names_the_nearest_and_the_file(write, tmp_path):
    fails(
        lambda: ks2(write, SCHOOL, measures=["PTRWM_EXPECTED"]),
        f"{tmp_path / 'table.csv'}: no column PTRWM_EXPECTED; the nearest is PTRWM_EXP",
    )


def test_ks2_measure_that_stands_twice_is_refused(write, tmp_path):
    header = HEADER.replace("TOTPUPS", "readprog")
    fails(
        lambda: ks2(write, SCHOOL, header=header),
        f"{tmp_path / 'table.csv'}: column READPROG stands twice; rename one of the two",
    )


def test_ks2_table_of_a_later_year_is_refused(write, tmp_path):
    header = HEADER.replace("TOTPUPS", "PTRWM_EXP_18")
    assert len(ks2(write, SCHOOL, header=header, year=2019)) == 1
    for year, said in ((2018, "2017/18"), (2020, "2019/20")):
        fails(
            lambda year=year: ks2(write, SCHOOL, header=header, year=year),
            f"{tmp_path / 'table.csv'}: its columns say that it is the table of 2018/19, not of "
            f"{said}; give the right year",
        )


@pytest.mark.parametrize("year", ["2018", 18, True, 2018.0])
def test_ks2_year_that_is_none_is_refused(write, year):
    fails(
        lambda: ks2(write, SCHOOL, year=year),
        f"year: {year!r} is not the year in which a school year ends (2017)",
    )


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty; the first row must name the columns"),
        (b" \r\n\r\n", "is empty; the first row must name the columns"),
        (b"a,b\n1,2\n", "no column RECTYPE; the first row must name the columns"),
        (SCHOOL.encode(), "no column RECTYPE; the first row must name the columns"),
        (b"PK\x03\x04rest", "not a workbook that can be read; save it as CSV"),
        (b"PAR1rest", "not a parquet file that can be read"),
        (b"%PDF-1.7 rest", "not a text file; save it as CSV (UTF-8)"),
        (b"\xd0\xcf\x11\xe0rest", "not a workbook that can be read; save it as CSV"),
        (b"a,b\n1,\x00\n", "not a text file; save it as CSV (UTF-8)"),
        (b"\x1f\x8brest", "a broken gzip file; pack it again"),
    ],
)
def test_ks2_wrong_file_is_refused_in_one_line(write, content, reason):
    path = write(content)
    fails(lambda: readers.ks2(path, 2018), f"{path}: {reason}")


def test_ks2_missing_file_and_folder_are_refused(tmp_path):
    fails(lambda: readers.ks2(tmp_path / "no.csv", 2018), f"{tmp_path / 'no.csv'}: no such file")
    fails(lambda: readers.ks2(tmp_path, 2018), f"{tmp_path}: cannot be read: Is a directory")


# the panel ------------------------------------------------------------------------------------


def test_ks2_panel_stacks_years_in_order_of_school_and_year(write):
    second = SCHOOL.replace("139548", "100001")
    one, two = write(f"{HEADER}\n{SCHOOL}\n{second}\n"), write(f"{HEADER}\n{SCHOOL}\n", "2.csv")
    panel = readers.ks2_panel({2018: two, 2017: one}, ["READPROG"])
    assert panel[["urn", "year"]].to_numpy().tolist() == [
        ["100001", 2017],
        ["139548", 2017],
        ["139548", 2018],
    ]
    again = readers.ks2_panel([one, two], ["READPROG"], years=[2017, 2018])
    pd.testing.assert_frame_equal(panel, again)


def test_ks2_panel_wrong_years_levels_and_files_are_refused(write):
    path = write(f"{HEADER}\n{SCHOOL}\n")
    measures = ["READPROG"]
    fails(
        lambda: readers.ks2_panel([path, path], measures, years=[2017, 2017]),
        "years: 2 files need as many different years, not 2017, 2017",
    )
    fails(
        lambda: readers.ks2_panel({2017: path, 2018: path}, measures),
        f"files: 2017 and 2018 have the same table, {path} and {path}; give each year its own",
    )
    fails(
        lambda: readers.ks2_panel({2017: path}, measures, levels=["schools"]),
        "levels: 'schools' is not known; did you mean 'school'?",
    )
    fails(
        lambda: readers.ks2_panel({2017: path}, measures, levels=["special", "la"]),
        "files: no table has a row of level special or la",
    )
    fails(
        lambda: readers.ks2_panel({}, measures),
        "files: no performance table; give at least one year and its file",
    )


# other tables ----------------------------------------------------------------------------------

PUPILS = "UPN,URN,Year,sen,maths\nA999200108001,990001,2018,K,101\nB999200108002,990001,2018,N,\n"


def test_pupils_reads_names_in_any_case_and_keeps_ids_as_text(write):
    frame = readers.pupils(write(PUPILS))
    assert list(frame) == ["upn", "urn", "year", "sen", "maths"]
    assert frame["urn"].tolist() == ["990001", "990001"]
    assert frame["maths"].tolist()[0] == 101.0
    assert frame["maths"].isna().tolist() == [False, True]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (("8,N,", f"8,N,{CANARY}"), f", row 3, column maths: {NUMBER}"),
        (("B999200108002", "A999200108001"), f", row 3, column upn and year: {ONCE}"),
        (("B999200108002", " "), f", row 3, column upn: {BLANK}"),
        (("URN", "URM"), ": no column urn; the nearest is urm"),
        (("sen", "maths"), f": columns 4 and 5 {TWICE}"),
        ((PUPILS.partition("\n")[0] + "\n", ""), f": no column upn; {NAMES}"),
    ],
)
def test_pupils_wrong_file_is_named_without_a_value(write, change, reason):
    path = write(PUPILS.replace(*change))
    fails(lambda: readers.pupils(path), f"{path}{reason}")


def test_pupils_same_pupil_in_two_years_is_allowed(write):
    twice = PUPILS + "A999200108001,990001,2019,K,99\n"
    assert len(readers.pupils(write(twice))) == 3


def test_select_keeps_rows_by_values_compared_as_text(write):
    frame = readers.table(write("id,gr,score\n1,K,5\n2,K,6\n1,1,7\n"))
    assert readers.select(frame, {"gr": 1, "id": "1"}).to_numpy().tolist() == [[1, "1", 7]]
    assert readers.select(frame, {}).equals(frame)
    fails(lambda: readers.select(frame, {"gr": "2"}), "where: no row has gr = '2'")
    fails(lambda: readers.select(frame, {"grs": 1}), "where: no column 'grs'; did you mean 'gr'?")


def test_select_finds_whole_numbers_in_a_column_with_blanks(write):
    frame = readers.table(write("id,fsm\n1,1\n2,\n3,0\n4,0.5\n"))
    assert readers.select(frame, {"fsm": 1})["id"].tolist() == [1]
    assert readers.select(frame, {"fsm": "0"})["id"].tolist() == [3]
    assert readers.select(frame, {"fsm": "1.0"})["id"].tolist() == [1]
    assert readers.select(frame, {"fsm": "0.5"})["id"].tolist() == [4]
    fails(lambda: readers.select(frame, {"fsm": 2}), "where: no row has fsm = 2")


def test_table_without_header_names_columns_by_number(write):
    path = write(f"{CANARY},1,{CANARY}\n{CANARY},2,b\n")
    fails(lambda: readers.table(path), f"{path}: columns 1 and 3 {TWICE}")


def test_table_makes_numbers_where_all_are_and_keeps_codes(write):
    frame = readers.table(write("class,code,score,share\n1,007,5,65%\n2,012,NA,70%\n3A,1,.5,\n"))
    assert frame["class"].tolist() == ["1", "2", "3A"]
    assert frame["code"].tolist() == ["007", "012", "1"]
    assert frame["share"].tolist()[:2] == [65.0, 70.0]
    assert frame["score"].isna().tolist() == [False, True, False]


@pytest.mark.parametrize("kind", ["csv", "csv.gz", "xlsx", "parquet"])
def test_table_is_the_same_from_every_format(tmp_path, kind):
    frame = pd.DataFrame({"arm": ["a", "b"], "n": [1, 2], "score": [0.25, np.nan]})
    path = tmp_path / f"t.{kind}"
    if kind == "xlsx":
        frame.to_excel(path, index=False)
    elif kind == "parquet":
        frame.to_parquet(path)
    else:
        text = frame.to_csv(index=False).encode()
        path.write_bytes(gzip.compress(text) if kind == "csv.gz" else text)
    pd.testing.assert_frame_equal(readers.table(path, ["arm"], ["score"], ["n"]), frame)


def test_table_from_parquet_reads_flags_blanks_and_commas_as_a_csv_would(tmp_path):
    """Line ends within a cell become one kind, as in a csv."""
    frame = pd.DataFrame(
        {"note": ['a "b", c', "x\r\ny", None], "fsm": [True, None, False], "n": [1, None, 3],
         "ok": [True, False, True]}
    )  # fmt: skip
    frame.to_parquet(tmp_path / "t.parquet")
    read = readers.table(tmp_path / "t.parquet")
    assert read["note"].fillna("").tolist() == ['a "b", c', "x\ny", ""]
    assert read["fsm"].fillna(-1).tolist() == [1, -1, 0]
    assert read["n"].fillna(-1).tolist() == [1, -1, 3]
    assert read["ok"].tolist() == [1, 0, 1]
    assert read["ok"].dtype == "int64"
    pd.DataFrame([[1, 2]], columns=[2018, 2019]).to_parquet(tmp_path / "years.parquet")
    assert list(readers.table(tmp_path / "years.parquet")) == ["2018", "2019"]


def test_participation_reads_spells_with_open_ends(write):
    path = write("urn,programme,start,end\n990001,lamp,2018,2019\n990001,leap,2018,\n")
    frame = readers.participation(path)
    assert frame["end"].tolist() == [2019, pd.NA]
    assert frame["start"].dtype == "int64"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("990001,lamp,18,", f"row 3, column start: {SCHOOL_YEAR}"),
        ("990001,lamp,2019,2018", "row 3, column end: lies before start"),
        ("990001,lamp,,2018", f"row 3, column start: is blank; {SCHOOL_YEAR}"),
        ("990001,lamp,soon,", f"row 3, column start: {SCHOOL_YEAR}"),
        ("990001,lamp,09/13/2018,", f"row 3, column start: {SCHOOL_YEAR}"),
        ("990001,lamp,2018/20,", f"row 3, column start: {SCHOOL_YEAR}"),
        ("Hill School,lamp,2018,", f"row 3, column urn: {NOT_A_URN}"),
        ("850/2031,lamp,2018,", f"row 3, column urn: {NOT_A_URN}"),
        (",lamp,2018,", f"row 3, column urn: {BLANK}"),
        ("990000,leap,2018,", f"row 3, column urn and programme and start: {ONCE}"),
    ],
)
def test_participation_wrong_spell_is_named(write, line, reason):
    path = write(f"urn,programme,start,end\n990000,leap,2018,\n{line}\n")
    fails(lambda: readers.participation(path), f"{path}, {reason}")


def test_establishments_without_optional_columns_are_empty(write):
    frame = readers.establishments(write("URN,EstablishmentName\n107806,Hunslet\n"))
    assert frame.loc[0, ["urn", "school", "phase"]].tolist() == ["107806", "Hunslet", ""]
    assert np.isnan(frame.loc[0, "pupils"])


# properties -------------------------------------------------------------------------------------

CELLS = st.one_of(
    st.sampled_from(
        ["", " ", "SUPP", "NEW", "65%", "NaN", "inf", "1e999", '"', "'", ",", "\n", "\r", "\t", ";"]
    ),
    st.sampled_from(["\x00", "\ufeff", "−1", "١٢", "²", "12.03.2018", "=1+1", "A" * 200_000]),
    st.text(max_size=6),
    st.integers(-(10**20), 10**20).map(str),
)


def malformed(text):
    """Spoil a good file: cells replaced, rows cut, doubled or shifted, bytes changed."""
    rows = [line.split(",") for line in text.strip().split("\n")]

    @st.composite
    def spoil(draw):
        table = [list(row) for row in rows]
        for _ in range(draw(st.integers(1, 4))):
            row = table[draw(st.integers(0, len(table) - 1))]
            what = draw(st.sampled_from(["cell", "cut", "more", "double", "drop"]))
            if what == "cell" and row:
                row[draw(st.integers(0, len(row) - 1))] = draw(CELLS)
            elif what == "cut":
                del row[draw(st.integers(0, len(row))) :]
            elif what == "more":
                row.append(draw(CELLS))
            elif what == "double":
                table.append(list(row))
            elif len(table) > 1:
                table.remove(row)
        end = draw(st.sampled_from(["\n", "\r\n", "\r"]))
        lines = [",".join(row) for row in table]
        if draw(st.booleans()):
            out = io.StringIO()
            csv.writer(out).writerows(table)
            lines = out.getvalue().split("\r\n")
        raw = end.join(lines).encode(
            draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "cp1252", "utf-16-le"])),
            "replace",
        )
        place = draw(st.integers(0, len(raw)))
        return raw[:place] + draw(st.sampled_from([b"", b"", b"\xff", b'"', b"\x1a"])) + raw[place:]

    return st.one_of(spoil(), st.binary(max_size=60))


GOOD = {
    "ks2": "\n".join([HEADER, SCHOOL, "1,850,2045,144882,Sun Hill,NEW", "3,850, , ,H,9,9,66%,1"]),
    "pupils": f"upn,urn,year,{CANARY},maths\n" + f"{CANARY},990001,2018,{CANARY},101\n" * 1,
    "participation": f"urn,programme,start,end\n990001,{CANARY},2018,\n990002,lamp,2018,2019\n",
    "table": f"{CANARY},share,score\n{CANARY},65%,1\n{CANARY},0.6,-99\n",
    "statistics": f"time_period,geographic_level,n\n202223,{CANARY},5\n201819,{CANARY},c\n",
    "establishments": f"URN,EstablishmentName,NumberOfPupils\n990001,{CANARY},9\n",
}


@pytest.mark.slow
@pytest.mark.parametrize("reader", list(GOOD))
def test_reader_of_a_malformed_file_gives_a_result_or_one_line(tmp_path_factory, reader):
    folder = tmp_path_factory.mktemp("malformed")

    @settings(
        max_examples=150,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(raw=malformed(GOOD[reader]), suffix=st.sampled_from([".csv", ".xlsx", ".parquet", ""]))
    def check(raw, suffix):
        path = folder / f"file{suffix}"
        path.write_bytes(raw)
        read = getattr(readers, reader)
        try:
            frame = read(path, 2018, ["PTRWM_EXP"]) if reader == "ks2" else read(path)
        except EvidenceError as error:
            text = str(error)
            assert text.startswith(str(path))
            assert len(text.splitlines()) == 1
            assert max(map(len, error.faults)) < 400  # noqa: PT017
            assert CANARY not in text
        else:
            assert len(frame)
            if reader == "ks2":  # a number or a code, never both, never neither
                told = frame["PTRWM_EXP_symbol"] != ""
                assert (frame["PTRWM_EXP"].isna() == told).all()

    check()


# real files ---------------------------------------------------------------------------------------

HAMPSHIRE = {year: f"{year - 1}_hampshire850-ks2.csv" for year in (2017, 2018, 2019)}
FLAGS = (
    *("PTRWM_EXP", "PTREAD_EXP", "PTMAT_EXP", "PTWRITTA_EXP", "PTGPS_EXP", "PTSCITA_EXP"),
    *("PTRWM_HIGH", "PTREAD_HIGH", "PTMAT_HIGH", "PTWRITTA_HIGH"),
)


@pytest.fixture
def hampshire(shared):
    return {year: shared / "data/performance-tables" / name for year, name in HAMPSHIRE.items()}


def test_ks2_panel_hampshire_has_326_schools_in_all_three_years_three_of_them_academies(hampshire):
    panel = readers.ks2_panel(hampshire, levels=("school", "special"))
    assert (panel.groupby("urn_then")["year"].nunique() == 3).sum() == 323
    assert (panel.groupby("urn")["year"].nunique() == 3).sum() == 326
    renamed = panel.loc[panel["urn"] != panel["urn_then"], ["urn_then", "urn"]].drop_duplicates()
    assert sorted(renamed["urn"]) == ["144093", "146002", "146244"]  # Gomer, Bordon, Rowner
    assert panel.groupby("year").size().tolist() == [328, 328, 331]
    assert panel.groupby("year")["new"].sum().tolist() == [1, 1, 3]


def test_ks2_hampshire_schools_add_up_to_the_authority(hampshire):
    for year, path in hampshire.items():
        frame = readers.ks2(path, year, FLAGS)
        schools = frame[frame["level"].isin(["school", "special"])]
        county = frame[frame["level"] == "la"].iloc[0]
        for measure in FLAGS:
            known = schools[schools[measure].notna()]
            # printed percentages are rounded: whole pupils stand behind them
            reached = (known[measure] * known["n_pupils"] / 100).round().sum()
            assert 100 * reached / known["n_pupils"].sum() == pytest.approx(
                county[measure], abs=0.5
            )


@pytest.mark.slow
def test_ks2_hampshire_codes_are_all_kept(hampshire):
    for year, path in hampshire.items():
        with path.open(encoding="utf-8-sig", newline="") as file:
            header, *rows = csv.reader(file)
        measures = header[header.index("TELIG") :]
        frame = readers.ks2(path, year, measures)
        at = {name: header.index(name) for name in measures}
        for name in measures:
            printed = [row[at[name]].strip() if len(row) > at[name] else "" for row in rows]
            number, code = frame[name.upper()], frame[f"{name.upper()}_symbol"]
            for cell, value, symbol in zip(printed, number, code, strict=True):
                if symbol == "":
                    assert float(cell.rstrip("%")) == value
                else:
                    assert np.isnan(value)
                    assert symbol == cell or (cell == "" and symbol in ("blank", "NEW"))


def test_ks2_layout_of_2024_is_read(shared):
    path = shared / "data/performance-tables/2023-24_ks2_header_sample.csv"
    frame = readers.ks2(path, 2024, ["PTNOTFSM6CLA1A", "PTRWM_EXP"])
    assert frame["level"].tolist() == [*["school"] * 4, "la", "national_all", "national_state"]
    assert frame["new"].sum() == 2


def test_establishments_leeds_register_is_read(shared):
    frame = readers.establishments(shared / "data/establishments/gias_leeds.csv")
    assert len(frame) == 771
    assert (frame["la"] == "383").all()
    assert "Primary" in set(frame["phase"])


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("england_census_2019", marks=pytest.mark.slow),
        "2018-2019_ks2_meta",
        "2018-2019_la_and_region_codes_meta",
    ],
)
def test_ks2_another_official_table_is_refused_in_one_line(shared, name):
    with pytest.raises(EvidenceError, match=r"^[^\n]*: .*no column [A-Z]+; [^\n]*$"):
        readers.ks2(shared / f"data/performance-tables/{name}.csv", 2019)
