"""Files as people made them, each with its right answer."""

from pathlib import Path

import pandas as pd
import pytest

import evidence as ev
from evidence.errors import EvidenceError

OUTCOME = {"name": "post", "smallest_worthwhile": 0.1}
PLAN = {
    "treatment": "arm",
    "control": "usual",
    "arm": "new",
    "baseline": "pre",
    "outcomes": [OUTCOME],
}


@pytest.fixture
def files(shared):
    if not (shared / "tries/files").is_dir():
        pytest.skip("needs ../shared/tries/files, which is not here")
    return shared / "tries/files"


@pytest.mark.parametrize(
    ("name", "estimate", "pupils"),
    [
        ("trial_good.csv", 1.7317, 40),
        ("trial_title_row.csv", 1.7317, 40),
        ("trial_title_row_unpadded.csv", 1.7317, 40),
        ("trial_sep_line.csv", 1.7317, 40),
        ("trial_second_sheet.xlsx", 1.7317, 40),
        ("trial_second_sheet.xlsx#Data", 1.7317, 40),
        ("trial_stray_last_row.xlsx", 1.7317, 40),
        ("trial_missing_blank.csv", 0.9524, 35),
    ],
)
def test_trial_is_read_whatever_is_around_it(files, name, estimate, pupils):
    found = ev.Trial.read(str(files), PLAN | {"pupils": name}).estimate()
    assert found.estimate == pytest.approx(estimate, abs=5e-5)
    assert found.n_obs == pupils


def test_covariate_with_one_gap_stays_a_number(files):
    plan = PLAN | {"covariates": ["age"], "pupils": "trial_covariate_na.csv"}
    found = ev.Trial.read(str(files), plan).estimate()
    assert found.n_obs == 39
    assert found.caveats == ("1 of 40 pupils has no record of age and is left out",)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("trial_no_header.csv", "the table has none of the columns 'arm', 'pre', 'post'; the first "
         "row must name the columns"),
        ("trial_missing_minus99.csv", "row 4, column post: -99 in 5 rows lies far from all other"),
        ("trial_long.csv", "column 'pupil', row 3: the pupil of row 2 again (40 such rows)"),
    ],
)  # fmt: skip
def test_trial_that_cannot_be_right_is_refused_without_a_value(files, name, message):
    plan = PLAN | {"pupils": name}
    if "long" in name:
        plan |= {"baseline": "", "outcomes": [OUTCOME | {"name": "score"}]}
    with pytest.raises(EvidenceError) as caught:
        ev.Trial.read(str(files), plan)
    assert message in str(caught.value)
    assert not {"P01", "S1", "usual", "610"} & set(str(caught.value).replace(",", "").split())


def test_tables_are_of_the_year_that_they_say(files):
    for year in (2018, 2020, 2022, 2025):
        with pytest.raises(EvidenceError, match="say that it is the table of 2018/19"):
            ev.readers.ks2(files / "ks2_2019.csv", year, ["PTMAT_EXP"])
    table = ev.readers.ks2(files / "ks2_2019.csv", 2019, ["PTMAT_EXP"])
    assert len(table) == 20
    with pytest.raises(EvidenceError, match="row 2, column PTMAT_EXP: every percentage is 1 or le"):
        ev.readers.ks2(files / "ks2_2019_fractions.csv", 2019, ["PTMAT_EXP"])


def test_school_that_became_an_academy_is_one_school(files):
    tables = {year: files / f"ks2_urn_{year}.csv" for year in (2018, 2019)}
    panel = ev.readers.ks2_panel(tables, ["PTMAT_EXP"])
    assert sorted(panel["urn"].unique()) == ["990002", "995001"]
    assert panel.groupby("urn").size().tolist() == [2, 2]


@pytest.mark.parametrize(
    ("name", "starts"),
    [("float_urn", 6), ("school_year", 1), ("date", 1), ("good", 6), ("list_of_urns", 2)],
)
def test_participation_is_read_in_every_shape(files, name, starts):
    path = files / f"participation_{name}.csv"
    spells = ev.readers.participation(path, programme="boost", start=2019)
    assert spells["start"].tolist() == [2019] * starts
    assert spells["urn"].str.fullmatch("99000[1-6]").all()


def test_cohort_after_the_gap_has_a_report(files):
    plan = {
        "programme": "boost",
        "start": 2022,
        "ks2": [f"ks2_{year}.csv" for year in (2018, 2019, 2022)],
        "years": [2018, 2019, 2022],
        "context": ["PTFSM6CLA1A"],
        "participation": "participation.csv",
        "outcomes": [{"name": "PTMAT_EXP", "unit": "pp", "smallest_worthwhile": 3.0}],
    }
    study = ev.Impact.read(str(files / "gap"), plan)
    assert study.by_year["PTMAT_EXP"].reference == -3
    assert study.named == ["13 of 13 named schools are in the tables."]


def test_register_of_schools_whose_last_column_spills(files):
    frame = ev.readers.establishments(files / "gias_links_overflow.csv")
    assert (len(frame), frame["pupils"].sum()) == (3, 300)


def test_school_that_is_in_no_table_is_counted(files):
    plan = {
        "programme": "boost",
        "start": 2022,
        "ks2": [f"gap/ks2_{year}.csv" for year in (2018, 2019, 2022)],
        "years": [2018, 2019, 2022],
        "participation": "participation_unknown_urn.csv",
        "outcomes": [{"name": "PTMAT_EXP", "unit": "pp", "smallest_worthwhile": 3.0}],
    }
    spells = ev.readers.participation(files / "participation_unknown_urn.csv")
    assert len(spells) == 6
    (line,) = ev.Impact.read(str(files), plan | {"start": 2019}).named
    assert line.startswith("4 of 6 named schools are in the tables")
    assert "880005, 880006" in line


def test_codes_of_published_figures_stand_beside_them(files):
    frame = ev.file_kinds.official(files / "ees_tidy_codes.csv")
    assert frame["ehc_plans"].tolist()[0] == 120
    assert frame["ehc_plans_symbol"].tolist() == ["", "c", "x"]
    assert frame["refused_pc_symbol"].tolist() == ["", "z", "low"]
    table = ev.readers.ks4(files / "ks4_2018.csv", 2018)
    assert table["ATT8SCR"].tolist()[0] == 46.1
    assert table["ATT8SCR_symbol"].tolist() == ["", "SUPP", "NP"]
    assert table["P8MEA_symbol"].tolist() == ["", "SUPP", "NE"]


def test_tables_that_lack_something_say_what(files):
    with pytest.raises(EvidenceError, match=r"no column LEA.*no column ESTAB"):
        ev.readers.ks2(files / "ks2_no_lea.csv", 2019, ["PTMAT_EXP"])
    with pytest.raises(EvidenceError, match="column 2 has no name"):
        ev.readers.table(files / "table_title_xlsx_style.csv")


def test_every_file_tried_has_a_test(files):
    """By its name, or by what a parameter calls it."""
    text = Path(__file__).read_text()
    stems = {path.stem for path in files.iterdir()} - {"RIGHT"}
    shorter = {
        stem: stem.removeprefix("participation_").replace("_2018", "_{year}") for stem in stems
    }
    shorter |= {"ks2_urn_2019": "ks2_urn_{year}"}
    assert not [stem for stem in stems if stem not in text and shorter[stem] not in text]


# As people made them, of the same kinds; each is right as it is read, or refused naming the row.
@pytest.fixture
def good(files):
    return pd.read_csv(files / "trial_good.csv", dtype="str")


def _csv(**how):
    return lambda frame: frame.to_csv(index=False, **how)


@pytest.mark.parametrize(
    "write",
    [
        pytest.param(_csv(sep="|"), id="bars"),
        pytest.param(_csv(sep=";", decimal=","), id="semicolons"),
        pytest.param(lambda f: "sep=\t\n" + f.to_csv(index=False, sep="\t"), id="sep line, tabs"),
        pytest.param(lambda f: "Our trial\nmade 2019\n\n" + f.to_csv(index=False), id="titles"),
        pytest.param(lambda f: "Our trial,,,,,\n,,,,,\n" + f.to_csv(index=False), id="padded"),
        pytest.param(lambda f: f.to_csv(index=False) + "\nSource: us\n", id="source below"),
        pytest.param(lambda f: "\ufeff" + f.to_csv(index=False), id="byte order mark"),
        pytest.param(lambda f: f.to_csv(index=True), id="numbered rows"),
        pytest.param(lambda f: f.rename(columns=" {} ".format).to_csv(index=False), id="spaces"),
        pytest.param(lambda f: f.to_csv(index=False, lineterminator="\r"), id="old line ends"),
        pytest.param(lambda f: f.to_csv(index=False, quoting=1), id="all quoted"),
    ],
)
def test_trial_is_read_in_other_layouts(good, tmp_path, write):
    (tmp_path / "t.csv").write_text(write(good), newline="")
    found = ev.Trial.read(str(tmp_path), PLAN | {"pupils": "t.csv"}).estimate()
    assert found.estimate == pytest.approx(1.7317, abs=5e-5)
    assert found.n_obs == 40


@pytest.mark.parametrize("code", ["-1", "-5", "-88", "-99.0", "777", "997", "9999"])
def test_repeated_far_code_is_refused_whatever_it_is(good, tmp_path, code):
    good.loc[[2, 7, 9], "post"] = code
    good.to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(EvidenceError, match=r"row 4, column post: .* in 3 rows lies far from"):
        ev.Trial.read(str(tmp_path), PLAN | {"pupils": "t.csv"})


@pytest.mark.parametrize("word", ["N/A", "#N/A", "-", ".", "null", "missing", "n.a.", "?", "NaN"])
def test_word_for_nothing_is_a_gap(good, tmp_path, word):
    good.loc[4, "post"] = word
    good.to_csv(tmp_path / "t.csv", index=False)
    assert ev.Trial.read(str(tmp_path), PLAN | {"pupils": "t.csv"}).estimate().n_obs == 39


@pytest.mark.parametrize("word", ["unknown", "Absent", "X", "#NULL!"])
def test_other_word_among_numbers_is_refused_with_its_row(good, tmp_path, word):
    good.loc[4, "post"] = word
    good.to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(EvidenceError, match="row 6, column post: not a number"):
        ev.Trial.read(str(tmp_path), PLAN | {"pupils": "t.csv"})


@pytest.mark.parametrize(
    ("code", "symbol"),
    [("[k]", "[k]"), ("supp", "supp"), ("NULL", "NULL"), ("~", "~"), ("LOWCOV", "LOWCOV")],
)
def test_codes_of_other_publishers_stand_beside_the_number(tmp_path, code, symbol):
    (tmp_path / "t.csv").write_text(
        f"time_period,geographic_level,n\n202223,LA,{code}\n202223,LA,5\n"
    )
    frame = ev.file_kinds.official(tmp_path / "t.csv")
    assert frame["n_symbol"].tolist() == [symbol, ""]
    assert frame["n"].tolist()[1] == 5


@pytest.mark.parametrize(
    ("text", "urns"),
    [
        ('urn,programme,start\n"990,001",boost,2018/19\n', ["990001"]),
        ("URN,School,boost,other\n990001,Hill,x,\n990002,Dale,,x\n", ["990001", "990002"]),
        ("URN|programme|start\n990001|boost|01/09/2018\n", ["990001"]),
        ("Schools that take part\nURN\n990001.0\n'990002\n", ["990001", "990002"]),
        ("School,LA,ESTAB\nHill,999,2001\n", ["999/2001"]),
    ],
)
def test_participation_is_read_in_other_layouts(tmp_path, text, urns):
    (tmp_path / "p.csv").write_text(text)
    spells = ev.readers.participation(tmp_path / "p.csv", programme="boost", start=2019)
    assert spells["urn"].tolist() == urns
    assert spells["start"].eq(2019).all()


def test_long_ids_keep_every_figure(files):
    ids = ev.readers.table(files / "long_ids.csv")["pupil"]
    assert ids.tolist() == [f"1234567890123456{k}" for k in (7, 8, 9)]
