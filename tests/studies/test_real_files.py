"""Files as people made them, each with its right answer."""

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


def test_long_ids_keep_every_figure(files):
    ids = ev.readers.table(files / "long_ids.csv")["pupil"]
    assert ids.tolist() == [f"1234567890123456{k}" for k in (7, 8, 9)]
