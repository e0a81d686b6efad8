import json
import stat
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from trial_files import FILES, make
from typer.testing import CliRunner

from evidence.cli import app
from evidence.cli.options import called
from evidence.data import sample
from evidence.data.register import load


@pytest.fixture
def trial(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make(FILES[1][0], 1)[0].to_csv("reading_trial.csv", index=False)
    return tmp_path


def start(*given):
    return CliRunner().invoke(app, ["start", "reading_trial.csv", *given])


@pytest.mark.parametrize("known", [True, False])
def test_what_to_type_next_can_be_typed(trial, monkeypatch, known):
    place = Path(sys.executable).parent
    monkeypatch.setenv("PATH", str(place) if known else str(trial))
    assert called() == ("evidence" if known else str(place / "evidence"))


@pytest.mark.slow
def test_a_project_is_written_checked_and_private(trial, monkeypatch):
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=":")
    done = start()
    assert done.exit_code == 0, done.output
    assert done.output.endswith("Next: cd reading_trial && evidence run, which says where its "
                                "report is\n")  # fmt: skip
    assert "Every school ('School') has one arm: schools were allocated" in done.output
    place = trial / "reading_trial"
    (programme,) = load(place / "data/programmes.toml")
    assert (programme.title, programme.cost, programme.subgroups) == (
        "Reading trial",
        None,
        ["FSM"],
    )
    assert programme.parameters["cluster"] == "School"
    kept = place / "data/mine/reading_trial.parquet"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert b"P0001" not in kept.read_bytes()  # ids are pseudonyms
    assert "data/mine/" in (place / ".gitignore").read_text()


@pytest.mark.slow
def test_the_notebook_holds_the_settings_and_keeps_its_notes(trial):
    start()
    book = json.loads((trial / "reading_trial/notebooks/trial.ipynb").read_text())
    cell = "".join(
        next(c for c in book["cells"] if "parameters" in c["metadata"].get("tags", ()))["source"]
    )
    assert "cluster = 'School'  # column of what was allocated as one" in cell
    values = {}
    exec(cell, values)
    assert values["outcomes"][0]["name"] == "Outcome"
    assert (values["labels"], values["where"], values["draws"]) == ({}, {}, 9999)


@pytest.mark.slow
def test_what_the_file_does_not_say_is_asked_with_the_flag_that_answers(trial):
    table = make(FILES[1][0], 1)[0].assign(outcome_b=1.5)
    table.loc[::3, "outcome_b"] = 2.5
    table["Group"] = table["Group"].replace({"Control": "red", "Intervention": "blue"})
    table.to_csv("reading_trial.csv", index=False)
    asked = start()
    assert asked.exit_code == 1
    assert (
        "Which arm is compared against (usual practice)? Say --control with one of: blue, red"
        in (str(asked.exception))
    )
    assert "--outcome with one of: Outcome, outcome_b" in str(asked.exception)
    assert not (trial / "reading_trial").exists()
    assert start("--control", "red", "--outcome", "Outcome").exit_code == 0


@pytest.mark.slow
def test_a_file_that_cannot_be_run_is_named_by_its_row_and_nothing_is_left(trial):
    table = make(FILES[1][0], 1)[0]
    table.loc[[4, 7], "Outcome"] = -99
    table.to_csv("reading_trial.csv", index=False)
    found = start()
    assert found.exit_code == 1
    assert found.stderr == (
        "reading_trial.csv, row 6, column Outcome: -99 in 2 rows lies far from all other values, "
        "as codes for missing ones do; leave these cells blank (also row 9)\n"
        "nothing was begun: mend reading_trial.csv and start again\n"
    )
    assert "data/mine" not in found.output
    assert not (trial / "reading_trial").exists()


@pytest.mark.slow
def test_numbers_within_schools_are_left_out_and_the_project_runs(trial):
    table = make(FILES[1][0], 1)[0]
    table["UPN"] = table.groupby("School").cumcount() + 1
    table.rename(columns={"UPN": "Pupil"}).to_csv("reading_trial.csv", index=False)
    done = start()
    assert done.exit_code == 0, done.output
    assert "Column 'Pupil' numbers each school's pupils anew: left out" in done.output


@pytest.mark.slow
def test_a_folder_that_holds_something_is_left_alone(trial):
    assert start().exit_code == 0
    again = start()
    assert again.exit_code == 1
    assert "holds something already; name a new folder" in str(again.exception)
    assert start("--folder", "second").exit_code == 0


def test_names_of_pupils_are_refused(trial):
    table = make(FILES[1][0], 1)[0]
    table.assign(Surname=[f"Name{i}" for i in range(len(table))]).to_csv(
        "reading_trial.csv", index=False
    )
    found = start()
    assert found.exit_code == 1
    assert "Surname" in str(found.exception)
    assert "Name1" not in str(found.exception)
    assert not (trial / "reading_trial").exists()


def test_a_list_of_schools_without_results_is_met_with_what_to_say(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "schools.csv").write_text("urn,programme,start,end\n990009,lamp,2018,2019\n")
    done = CliRunner().invoke(app, ["start", "schools.csv"])
    assert "is a list of schools that took part; say --tables" in str(done.exception)
    assert not (tmp_path / "schools").exists()


@pytest.mark.slow
def test_a_programme_is_begun_from_a_list_of_schools_and_their_tables(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    sample.make("county")
    who = "county/sample/participation.csv"
    given = ["start", who, "--tables", "county/sample", "--programme", "lamp", "--folder", "own"]
    done = CliRunner().invoke(app, [*given, "--outcome", "PTMAT_EXP", "--title", "LAMP"])
    assert done.exit_code == 0, done.output
    assert "20 of 20 named schools are in the tables" in done.output
    (programme,) = load(tmp_path / "own/data/programmes.toml")
    assert [cohort.name for cohort in programme.cohorts] == ["2018"]
    book = json.loads((tmp_path / "own/notebooks/impact.ipynb").read_text())
    values = {}
    exec("".join(book["cells"][1]["source"]), values)
    assert (values["start"], values["years"], values["placebo"]) == (2018, [*range(2015, 2020)], "")
    assert stat.S_IMODE((tmp_path / "own/data/mine").stat().st_mode) == 0o700
    register = (tmp_path / "own/data/programmes.toml").read_text()
    for empty in ("phase", "lead", "about", "claim", "ask_next", "chosen"):
        assert f'\n{empty} = ""  # ' in register


@pytest.mark.slow
@pytest.mark.parametrize("typed", ["free to join", ""])
def test_at_a_terminal_it_is_asked_how_schools_were_chosen(tmp_path, monkeypatch, typed):
    pexpect = pytest.importorskip("pexpect", reason="needs a terminal, which Windows has not")
    monkeypatch.chdir(tmp_path)
    sample.make("county")
    given = ["-m", "evidence.cli", "start", "county/sample/participation.csv", "--tables",
             "county/sample", "--folder", "own"]  # fmt: skip
    person = pexpect.spawn(sys.executable, given, timeout=120, encoding="utf-8")
    person.expect_exact("PTMAT_EXP (Maths, expected standard)")
    person.expect_exact("outcome: ")
    person.sendline("PTMAT_EXP")
    person.expect_exact("programme: ")
    person.sendline("lamp")
    person.expect_exact("How did schools come to take part?")
    person.expect_exact("Schools were: ")
    person.sendline(typed)
    person.expect_exact("Next: cd own")
    person.close()
    (programme,) = load(tmp_path / "own/data/programmes.toml")
    assert (programme.title, programme.parameters["chosen"]) == ("Lamp", typed)


ROWS = 12  # pupils of each of ten schools


def plain():
    """Return a trial of ten schools, five an arm."""
    at = np.arange(10 * ROWS)
    return pd.DataFrame(
        {"school": [f"S{i // ROWS}" for i in at], "pupil": [f"P{i}" for i in at],
         "arm": np.where(at // ROWS % 2, "new", "usual"), "pre": at % 37, "post": at * 7 % 41}
    )  # fmt: skip


def half_percent(table):
    table["post"] = table["post"].map("{}%".format)
    return table.assign(post=table["post"].where(table.index != 5, "about 60%"))


MISTAKES = {
    "pupils twice": (
        lambda t: pd.concat([t, t.iloc[[3]]]),
        "column 'pupil': 2 rows are of a pupil that has several (first row 5 and row 122); keep "
        "one row a pupil, with each measurement in a column of its own",
    ),
    "a school in both arms": (
        lambda t: t.assign(arm=t["arm"].where(t.index != 3, "new")),
        "1 of 10 schools has pupils of several arms (the first is that of row 2), the others of "
        "one: were schools or pupils allocated? Where this is a slip, mend the file instead. Say "
        "--allocated with one of: schools, pupils",
    ),
    "one school an arm": (
        lambda t: t[t.index < 2 * ROWS],
        "column 'school': an arm has one school alone, so that nothing can tell the programme from "
        "that school; a trial of schools needs two an arm, better many",
    ),
    "percent strings": (
        half_percent,
        "column 'post': 1 cell of 120 holds no number (row 7); write a number, or leave a cell "
        "blank where there is none",
    ),
    "dates": (
        lambda t: t.assign(pre=t["pre"].astype("str").where(t.index % 9 > 0, "3-Jun")),
        "column 'pre': 14 cells of 120 hold a date, which a spreadsheet may have made of a score "
        "(the first is row 2); write a number, or leave a cell blank where there is none",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_plausible_mistake_is_met_with_what_to_do(tmp_path, monkeypatch, mistake):
    monkeypatch.chdir(tmp_path)
    change, said = MISTAKES[mistake]
    change(plain()).to_csv("t.csv", index=False)
    found = CliRunner().invoke(app, ["start", "t.csv"])
    assert found.exit_code == 1
    assert str(found.exception) == f"t.csv: {said}"
    assert [path.name for path in tmp_path.iterdir()] == ["t.csv"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["t.cvs"], "t.cvs: no such file; did you mean t.csv?"),
        (["else.parquet"], "else.parquet: no such file"),
        (["."], ".: is a folder; name the file with the pupils, or the schools"),
        (["t.csv", "--outcome", "pots"], "--outcome: the file has no column 'pots'; did you mean "
         "'post'?"),
        (["t.csv", "--control", "usul"], "--control: 'usul' is no arm; did you mean 'usual'?"),
    ],
)  # fmt: skip
def test_a_slip_of_the_command_is_met_with_what_was_meant(tmp_path, monkeypatch, given, said):
    monkeypatch.chdir(tmp_path)
    plain().to_csv("t.csv", index=False)
    assert str(CliRunner().invoke(app, ["start", *given]).exception) == said
