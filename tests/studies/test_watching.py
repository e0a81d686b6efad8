"""Studies of what is watched: small files with known answers, and files that are wrong."""

import re

import numpy as np
import pandas as pd
import pytest

import evidence as ev
from evidence.errors import EvidenceError

from .watched_plans import of

SOURCE = "DfE, published tables"


def write(folder, name, rows, columns):
    pd.DataFrame(rows, columns=columns.split()).to_csv(folder / name, index=False)
    return name


def shown(study):
    """Return what a reader sees of a whole report, and check that it may be proposed."""
    proposal = ev.propose("", **study.findings())
    assert proposal.refused == ()
    return study.report()._repr_html_()


# timeliness -----------------------------------------------------------------------------------

CASES = [  # requested, issued, excepted: 10, 30 and 20 weeks; 40 weeks and open; open since March
    ("2018-01-01", "2018-03-12", 0),
    ("2018-01-01", "2018-07-30", 1),
    ("2018-01-01", "2018-05-21", 0),
    ("2018-01-01", "", 0),
    ("2018-08-01", " ", 0),
]


@pytest.fixture
def cases(tmp_path):
    write(tmp_path, "cases.csv", CASES, "requested issued excepted")
    return tmp_path


def timeliness(folder, **changes):
    plan = of("timeliness", cases="cases.csv", as_of="2018-10-08", held_back=1, target=None,
              every="month")  # fmt: skip
    return ev.Timeliness.read(str(folder), plan | changes)


def test_cases_are_counted_by_the_month_in_which_they_end_and_open_ones_wait(cases):
    study = timeliness(cases)
    assert study.own[["time", "count", "n"]].to_numpy().tolist() == [
        ["2018-03", 1, 1],
        ["2018-05", 1, 1],
        ["2018-07", 0, 1],
    ]
    assert study.without.own["time"].tolist() == ["2018-03", "2018-05"]
    row = study.waiting.summary.iloc[0]
    # the curve is level at a half from 20 to 30 weeks; R: quantile(survfit(...), .5) is 25
    assert (row["n"], row["open"], row["median"]) == (5, 2, 25)
    within = study.waiting.within.iloc[0]
    assert within["waiting"] == 1  # the one open for 40 weeks
    backlog = study.backlog.set_index("time")
    assert backlog.loc["2018-01"].tolist() == [4, 0]
    assert backlog.loc["2018-06"].tolist() == [2, 2]
    assert backlog.loc["2018-09"].tolist() == [2, 1]
    quarters = timeliness(cases, every="quarter")
    assert quarters.own[["time", "n"]].to_numpy().tolist() == [
        ["2018 Q1", 1],
        ["2018 Q2", 1],
        ["2018 Q3", 1],
    ]
    assert quarters.backlog["time"].tolist() == ["2018 Q1", "2018 Q2", "2018 Q3"]
    assert quarters.indicators["group"].unique().tolist() == ["all"]  # who is excepted is few


def test_the_mean_of_a_backlog_does_not_give_back_a_quarter_of_few(cases):
    # 6 overdue at the end of June, 30 in September and 25 in December
    overdue = [("2018-01-01", "", 0)] * 6 + [("2018-04-02", "2018-11-01", 0)] * 24
    later = [("2018-07-02", "", 0)] * 19
    write(cases, "slow.csv", overdue + later, "requested issued excepted")
    study = timeliness(cases, cases="slow.csv", every="quarter", as_of="2019-01-07")
    assert study.backlog["overdue"].tolist() == [0, 6, 30, 25]
    drawn = study._backlog_picture.table
    assert drawn["value"].tolist() == [30, 25]
    assert set(drawn["centre"]) == {27.5}  # of all four 15.25, of which 6 is the rest
    few = timeliness(cases)
    assert few._backlog_picture is None
    assert few._backlog_said in few.report()._repr_html_()


def test_a_date_as_people_write_it_is_read_and_a_mixture_refused(cases):
    rows = [("31/12/2017", "12/03/2018", 0), ("01/01/2018", "21/05/2018", 0)]
    write(cases, "british.csv", rows, "requested issued excepted")
    study = timeliness(cases, cases="british.csv")
    assert study.own["time"].tolist() == ["2018-03", "2018-05"]
    write(
        cases, "mixed.csv", [rows[0], ("2018-01-01", "", 0), rows[1]], "requested issued excepted"
    )
    with pytest.raises(EvidenceError, match="column 'requested', row 3: is no date; write all"):
        timeliness(cases, cases="mixed.csv")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (("", "2018-02-01", 0), "row 7: every case has a date on which it was asked for"),
        (("2018-01-01", "soon", 0), "column 'issued', row 7: is no date"),
        (
            ("2018-02-01", "2018-01-01", 0),
            "column 'issued', row 7: is before column 'requested'; mend one of the two",
        ),
        (("1899-02-01", "2018-01-01", 0), "column 'requested', row 7: is before 1990; mend the"),
        (("2018-11-01", "", 0), "is after the day on which the file was written (2018-10-08)"),
        (("2018-01-01", "2018-02-01", 2), "column 'excepted', row 7: 1 and 0 are needed"),
    ],
)
def test_a_case_that_cannot_be_is_refused_in_one_line(cases, row, message):
    write(cases, "wrong.csv", [*CASES, row], "requested issued excepted")
    with pytest.raises(EvidenceError) as error:
        timeliness(cases, cases="wrong.csv").headlines  # noqa: B018
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_as_of_is_a_date(cases):
    with pytest.raises(EvidenceError, match="as_of is 'today'; a date such as"):
        timeliness(cases, as_of="today")


@pytest.mark.slow
def test_a_file_of_counts_with_and_without_exceptions(tmp_path, rng):
    rows = []
    for year in range(2012, 2020):
        for area in range(8):
            n = int(rng.integers(200, 400))
            late = 10 * (area == 0 and year == 2019)
            rows.append((year, f"Area {area}", int(0.6 * n), n, int(0.6 * n) - late, n - 20))
    write(tmp_path, "plans.csv", rows, "year la within plans within_ex plans_ex")
    plan = of("timeliness", cases="", excepted="", as_of="", indicator="plans.csv", count="within",
              n="plans", count_without="within_ex", n_without="plans_ex", area=["la"], time="year",
              place="Area 0", published=SOURCE)  # fmt: skip
    study = ev.Timeliness.read(str(tmp_path), plan)
    assert study.waiting is None
    table = study.indicators
    assert table["group"].value_counts().to_dict() == {"all": 8, "without exceptions": 8}
    assert set(table["published"]) == {SOURCE}
    assert "forecasts held (80 of 100 should)" in shown(study)
    assert study.without.latest["count"] == study.latest["count"] - 10


# the gap --------------------------------------------------------------------------------------


def pupils(folder):
    """Write DfE's own example (METHODS 4) for 2018, and everybody five points higher in 2019."""
    scores = (98, 101, 104, 96, 110, 107, 101, 99, 112, 105)
    poor = (1, 1, 0, 1, 0, 0, 0, 1, 0, 0)
    rows = [
        (f"{year}{place}", 100_001, year, flag, score + year - 2018, int(score > 100))
        for year in (2018, 2019)
        for place, (score, flag) in enumerate(zip(scores, poor, strict=True))
    ]
    return write(folder, "pupils.csv", rows, "upn urn year fsm maths passed")


def test_gap_index_and_the_gap_in_points_of_a_known_example(tmp_path):
    plan = of("gap", pupils=pupils(tmp_path), ks2=[], years=[], scores=["maths"], reached="passed",
              establishments="")  # fmt: skip
    study = ev.Gap.read(str(tmp_path), plan)
    assert study.index.table["estimate"].tolist() == pytest.approx([9.583333, 9.583333])
    assert study.share.table["estimate"].tolist() == pytest.approx([75, 75])  # 6 of 6, 1 of 4
    assert study.national is None
    assert "How the gap moved nationally is not in these files." in study.report()._repr_html_()


def ks2(folder, year, england):
    """Write a Key Stage 2 table of forty schools, an authority's and the country's rows."""
    rng = np.random.default_rng(year)
    rows = []
    for place in range(40):
        n = int(rng.integers(12, 60))
        share = 58 if (place, year) == (3, 2019) else int(rng.integers(45, 85))
        progress = [f"{x:.1f}" for x in rng.normal(0, 2, 3)]
        half = 1.96 * 6 / np.sqrt(n)
        limits = [f"{float(x) + way * half:.2f}" for x in progress for way in (-1, 1)]
        rows.append((1, 850, 2000 + place, 100_000 + place, f"School {place}", n, f"{share}%",
                     *progress, *limits, place % 7, "50%", n // 3, "70%", n - n // 3))  # fmt: skip
    blank = [""] * 10
    rows.append((3, 850, "", "", "County", 1500, "65%", *blank, "50%", 500, "72%", 1000))
    rows.append((5, "", "", "", "", 600_000, f"{england}%", *blank, "51%", 2e5, "71%", 4e5))
    names = "RECTYPE LEA ESTAB URN SCHNAME TELIG PTRWM_EXP READPROG MATPROG WRITPROG "
    names += "READPROG_LOWER READPROG_UPPER MATPROG_LOWER MATPROG_UPPER WRITPROG_LOWER "
    names += "WRITPROG_UPPER PTFSM PTRWM_EXP_FSM6CLA1A TFSM6CLA1A PTRWM_EXP_NOTFSM6CLA1A "
    return write(folder, f"{year}.csv", rows, names + "TNOTFSM6CLA1A")


@pytest.fixture
def tables(tmp_path):
    for year, england in ((2017, 61), (2018, 64), (2019, 65)):
        ks2(tmp_path, year, england)
    return tmp_path


@pytest.mark.slow
def test_the_gap_of_published_tables_here_and_nationally(tables):
    years = [2017, 2018, 2019]
    plan = of("gap", pupils="", ks2=[f"{year}.csv" for year in years], years=years, scores=[],
              reached="", establishments="", area="County", published=SOURCE)  # fmt: skip
    study = ev.Gap.read(str(tables), plan)
    assert study.share.table["estimate"].tolist() == [22, 22, 22]
    assert study.national.table["estimate"].tolist() == [20, 20, 20]
    assert study.indicators["comparator_value"].tolist() == [20, 20, 20]
    assert "percentages are printed whole: each gap may be out by one point" in study.share.caveats
    assert "0.0 beyond the country" in shown(study)


# one school -----------------------------------------------------------------------------------


def school(folder, **changes):
    plan = of("schools", school="100003", ks2=["2017.csv", "2018.csv", "2019.csv"],
              years=[2017, 2018, 2019], establishments="", traits=["n_pupils", "PTFSM"],
              same=["level"], max_km=0.0, max_difference=2.0, judgements="", categories="",
              first="", second="", order=[], start="2019", predicted={"2019": 60.0},
              published=SOURCE, labels={"n_pupils": "pupils"})  # fmt: skip
    return ev.School.read(str(folder), plan | changes)


@pytest.mark.slow
def test_a_school_beside_all_others_with_the_reasons_of_those_alike(tables):
    study = school(tables)
    assert study.called == "School 3"
    assert study.known["england"].tolist() == [61, 64, 65]
    assert len(study.everybody) == 40
    shrunken = study.ranking.of("100003")["shrunken"]
    middle = study.everybody["count"].sum() / study.everybody["n_pupils"].sum() * 100
    assert min(58, middle) < shrunken < max(58, middle)  # drawn in towards all
    page = shown(study)
    assert "same level" in page
    assert "say why: change the traits" in page  # a note how to object
    assert "chosen as a success" in page
    assert study._spread("READPROG") == pytest.approx(6, abs=0.1)
    assert "KS2 floor standard (2016 to 2018)" in page
    assert "KS2 coasting: not decided: KS2 coasting needs 3 years running" in page


def test_similar_schools_keep_to_the_limits_that_the_user_sets(tables):
    near = school(tables, max_difference=0.3)
    allowed = near.alike.table
    spread = near.everybody[["n_pupils", "PTFSM"]].std(ddof=0)
    own = near.everybody.set_index("urn").loc["100003"]
    for trait, called in (("n_pupils", "pupils"), ("PTFSM", "PTFSM")):
        assert ((allowed[called] - own[trait]).abs() <= 0.3 * spread[trait] + 1e-9).all()
    with pytest.raises(EvidenceError, match="no school is like"):
        school(tables, max_difference=0.001).alike  # noqa: B018


@pytest.mark.slow
def test_figures_of_a_school_that_are_not_published_are_protected(tables):
    findings = school(tables, published="").findings()
    assert set(findings["indicators"]["published"]) == {""}
    table = ev.propose("", **findings).indicators.table
    shares = table[table["indicator"].str.startswith("Reading, writing")]
    assert (shares["n"] % 5 == 0).all()


@pytest.mark.parametrize("urn", ["100040", "10000A", ""])
def test_a_school_that_is_not_in_the_tables_is_refused(tables, urn):
    with pytest.raises(EvidenceError, match=rf"^school is '{urn}'; it is not in the tables; "):
        school(tables, school=urn)


# inspections ----------------------------------------------------------------------------------


def inspections(folder, rows, **changes):
    write(folder, "inspected.csv", rows, "urn before after")
    plan = of("inspections", inspected="inspected.csv", previous="before", latest="after", stock="",
              before="", after="", national="", national_judgement="", establishments="",
              traits=[])  # fmt: skip
    return ev.Inspections.read(str(folder), plan | changes)


def test_a_claim_is_put_to_the_test(tmp_path):
    rows = [(n, "Gd", "OS" if n < 3 else "RI" if n < 8 else "Gd") for n in range(22)]
    study = inspections(tmp_path, rows)
    assert study.headlines[0].endswith("(sign test, p = .727).")
    assert study.headlines[1] == "“an upward trajectory” is not supported by these inspections."
    rising = inspections(tmp_path, [(n, "RI", "Gd") for n in range(12)])
    assert rising.headlines[1] == "“an upward trajectory” is borne out by these inspections."
    assert shown(rising)


def test_a_claim_of_a_rise_is_not_borne_out_by_a_fall(tmp_path):
    falling = inspections(tmp_path, [(n, "Gd", "RI") for n in range(12)])
    assert falling.headlines[1] == "“an upward trajectory” is not supported by these inspections."


def test_a_move_across_the_change_of_scales_is_refused_in_words(tmp_path):
    rows = [(1, "Good", "Strong standard"), (2, "Good", "Expected standard")]
    with pytest.raises(EvidenceError, match="cannot be said to have moved up or down between them"):
        inspections(tmp_path, rows).headlines  # noqa: B018


def test_the_country_is_counted_from_its_schools_and_shares_of_schools_are_public(tmp_path):
    write(tmp_path, "england.csv", [(n, 1 + n % 4) for n in range(200)], "URN grade")
    study = inspections(tmp_path, [(1, "OS", "Gd"), (2, "Gd", "Gd")], national="england.csv",
                        national_judgement="grade")  # fmt: skip
    assert study.national.tolist() == [50, 50, 50, 50]
    assert ev.propose("", **study.findings()).indicators is None  # no plan says that they are
    table = ev.propose("", **study.findings() | {"units": ["% of schools"]}).indicators.table
    assert table["n"].tolist() == [2, 2, 2, 2]  # schools, not pupils
    assert table["comparator_value"].tolist()[0] == 50


# surveys --------------------------------------------------------------------------------------


def survey(folder, answers, **changes):
    rows = [(place, phase, said) for place, (phase, said) in enumerate(answers)]
    write(folder, "answers.csv", rows, "urn phase better")
    plan = of("survey", answers="answers.csv", asks={"better": "It is better"}, traits=["phase"])
    return ev.Survey.read(str(folder), plan | changes)


def test_blanks_are_no_answers_and_weights_bring_back_who_was_asked(tmp_path):
    answers = [("primary", "Agree")] * 30 + [("primary", "")] * 30
    answers += [("secondary", "disagree ")] * 20
    study = survey(tmp_path, answers)
    one = study.results["It is better"]
    assert (one.yes, one.answered, one.asked) == (30, 50, 80)
    assert study.weighted["It is better"].estimate == pytest.approx(60 / 80)
    assert "50 of 80 schools asked answered" in shown(study)


def test_a_sentence_tells_no_more_than_the_rounded_figures_of_its_row(tmp_path, cases):
    study = survey(tmp_path, [("a", x) for x in ["Agree"] * 61 + ["Disagree"] * 46 + [""] * 20])
    (said,) = study.indicators["sentence"]
    assert said == (
        "Of those who answered 57% (95% interval 48 to 66%); 84% of 127 asked answered, so of all "
        "asked it is between 48% and 64%."
    )
    said = timeliness(cases).indicators["sentence"].iloc[-1]
    assert re.search(r"\d\.\d", said) is None
    assert study.told("+0.04 a year (−0.04 to +1.16), p = .049", 1) == (
        "0.0 a year (0.0 to +1.2), p = .049"
    )


def test_words_of_a_picture_that_leaves_tell_no_exact_count_and_no_hidden_share(tmp_path, rng):
    def left(study):
        proposal = ev.propose("", **study.findings())
        assert proposal.refused == ()
        said = [one.picture.title + one.picture.alt for one in proposal.pictures]
        exact = {int(n) for one in study.counted_pictures for name in one.counts
                 for n in one.table[name].dropna() if n % 5}  # fmt: skip
        return " ".join(said), exact

    answers = [("a", x) for x in ["Agree"] * 3 + ["Disagree"] * 104 + [""] * 20]
    said, exact = left(survey(tmp_path, answers))
    assert exact == {3, 107}
    assert re.findall(r"\d+", said) == []
    days = pd.date_range("2017-01-02", periods=366)
    asked = days[rng.integers(366, size=437)]
    done = asked + pd.to_timedelta(rng.integers(30, 300, size=437), unit="D")
    rows = [(str(one.date()), str(end.date()) if end.year < 2018 else "", 0)
            for one, end in zip(asked, done, strict=True)]  # fmt: skip
    write(tmp_path, "cases.csv", rows, "requested issued excepted")
    said, exact = left(timeliness(tmp_path, as_of="2018-01-01"))
    said = re.sub(r"week \d+|\d+ points|2017-12", "", said)
    told = {int(n.replace(",", "")) for n in re.findall(r"(?<![\d.])\d[\d,]*(?![\d.]*%)", said)}
    assert re.search(r"\d\.\d", said) is None  # of so few pupils a decimal tells the count
    assert 437 in exact
    assert exact & told == set()
    write(tmp_path, "cases.csv", CASES, "requested issued excepted")
    few = timeliness(tmp_path)  # five cases, of which half are done in 20 weeks
    assert "50% are" in few.waiting.sentence()
    assert not {"waiting", "backlog"} & {one.name for one in few.counted_pictures}


def test_an_answer_that_is_neither_is_refused(tmp_path):
    with pytest.raises(EvidenceError, match=r"column 'better', row 3: is none of the answers"):
        survey(tmp_path, [("primary", "Agree"), ("primary", "Perhaps")])


def test_an_answer_is_yes_or_no_not_both(tmp_path):
    with pytest.raises(EvidenceError, match="plan: 'agree' is in yes and in no; an answer is one"):
        survey(tmp_path, [("a", "Agree")], no=["AGREE"])


def test_printed_figures_are_checked_and_the_impossible_one_says_so():
    plan = of("survey", answers="", asks={}, yes=[], no=[], traits=[], published="2014 report",
              printed=[{"says": "improvement", "percent": 96.0, "n": 25, "asked": 40},
                       {"says": "benefit", "percent": 90.0, "n": 25, "asked": 40}])  # fmt: skip
    study = ev.Survey.read("", plan)
    one = study.results["improvement"]
    assert (round(one.ci_lower, 2), round(one.ci_upper, 2)) == (0.8, 0.99)
    assert (one.worst, one.best) == (0.6, 0.975)
    assert study.headlines[0] == (
        "“benefit”: 90% of 25 is impossible: the nearest are 88% and 92%."
    )
    table = study.indicators.set_index("indicator")
    assert table.loc["benefit", ["value", "symbol"]].tolist() == [90, "u"]
    assert table.loc["improvement", ["value", "symbol"]].tolist() == [96, ""]
    assert shown(study)


@pytest.mark.parametrize(
    ("printed", "message"),
    [
        ({"says": "x", "percent": 96.0, "n": 25, "askd": 40}, "askd is no parameter; did you mean"),
        ({"says": "x", "percent": 196.0, "n": 25}, "percent is 196"),
        ({"says": "x", "percent": 96.0, "n": 25, "asked": 20}, "each is a part of the next"),
    ],
)
def test_a_printed_figure_that_cannot_be_is_refused(printed, message):
    plan = of("survey", answers="", asks={}, yes=[], no=[], traits=[], printed=[printed])
    with pytest.raises(EvidenceError) as error:
        ev.Survey.read("", plan).headlines  # noqa: B018
    assert message in str(error.value)
    assert "\n" not in str(error.value)


# participation --------------------------------------------------------------------------------


@pytest.mark.slow
def test_reach_has_its_denominator_and_names_who_did_not_join(tmp_path):
    rows = [(100_000 + n, f"School {n}", "Primary" if n < 60 else "Secondary", 50 + n, 10.0)
            for n in range(80)]  # fmt: skip
    table = pd.DataFrame(rows, columns=["URN", "EstablishmentName", "PhaseOfEducation (name)",
                                        "NumberOfPupils", "PercentageFSM"])  # fmt: skip
    table.to_csv(tmp_path / "schools.csv", index=False)
    joined = [(100_000 + n, "lamp", 2018, 2019) for n in range(40)]
    joined += [(100_000 + n, "leap", 2019, "") for n in range(20, 45)]
    write(tmp_path, "joined.csv", joined, "urn programme start end")
    plan = of("participation", establishments="schools.csv", participation="joined.csv",
              traits=["pupils"])  # fmt: skip
    study = ev.Participation.read(str(tmp_path), plan)
    assert study.headlines[0] == (
        "45 of 60 schools (75.0%) took part in at least one of 2 programmes; 20 in more than one, "
        "15 in none."
    )
    assert "Pupils on roll: least reached, highest quarter (0% of 15)" in study.headlines[1]
    assert study.reach.over_time["taking_part"].tolist() == [40, 40, 0, 25]
    assert "School 59" in shown(study)
    table = study.indicators.set_index(["indicator", "group"])
    assert table.loc[("Takes part in at least one programme", "all"), "value"] == 75
    with pytest.raises(EvidenceError, match="no row has phase = 'Nursery'"):
        ev.Participation.read(str(tmp_path), plan | {"phase": ["Nursery"]})


def register(folder):
    """Write a register of 100 open schools and 30 closed, the first now the first academy."""
    rows = [(100_000 + n, f"School {n}", "Primary", 850, 2000 + n, "Open") for n in range(100)]
    rows += [(200_000 + n, f"Old school {n}", "Primary", 850, 2000 + n * 100, "Closed")
             for n in range(30)]  # fmt: skip
    columns = ["URN", "EstablishmentName", "PhaseOfEducation (name)", "LA (code)",
               "EstablishmentNumber", "EstablishmentStatus (name)"]  # fmt: skip
    pd.DataFrame(rows, columns=columns).to_csv(folder / "schools.csv", index=False)


def test_closed_schools_could_not_take_part_and_an_academy_is_the_school_it_was(tmp_path):
    register(tmp_path)
    joined = [(200_000 + n, "lamp_2", 2018, "") for n in range(2)]
    joined += [(100_050 + n, "lamp_2", 2018, "") for n in range(19)]
    write(tmp_path, "joined.csv", joined, "urn programme start end")
    plan = of("participation", establishments="schools.csv", participation="joined.csv", traits=[])
    study = ev.Participation.read(str(tmp_path), plan)
    assert study.headlines == ["20 of 100 schools (20.0%) took part, 80 did not."]
    page = shown(study)
    assert "30 closed schools of the list left out." in page
    assert "1 school that took part is not among the schools given" in page
    assert "<summary>80 rows</summary>" in page
    assert "13 to 29%" in page
    assert "lamp 2" in page
    assert "lamp_2" not in page


def test_a_list_of_schools_that_are_all_closed_is_refused(tmp_path):
    register(tmp_path)
    table = pd.read_csv(tmp_path / "schools.csv")
    table[table["URN"] >= 200_000].to_csv(tmp_path / "schools.csv", index=False)
    write(tmp_path, "joined.csv", [(200_000, "lamp", 2018, "")], "urn programme start end")
    plan = of("participation", establishments="schools.csv", participation="joined.csv", traits=[])
    with pytest.raises(EvidenceError, match=r"schools.csv: no such school is open"):
        ev.Participation.read(str(tmp_path), plan)


def test_closed_schools_are_not_those_that_were_not_inspected(tmp_path):
    register(tmp_path)
    rows = [(200_000, "OS", "Gd"), *((100_050 + n, "Gd", "Gd") for n in range(19)),
            (None, "Gd", "Gd")]  # fmt: skip
    study = inspections(tmp_path, rows, establishments="schools.csv", traits=["phase"])
    assert "20 of 100 schools (20%) were inspected again." in str(study.section("who took part"))
