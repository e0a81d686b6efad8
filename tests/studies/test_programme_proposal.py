"""A programme from a list of schools: proposed where only one thing can be meant, else asked."""

import pandas as pd
import pytest

from evidence.errors import EvidenceError
from evidence.studies.programme_proposal import propose

YEARS = (2015, 2016, 2017, 2018, 2019)


@pytest.fixture
def place(tmp_path):
    """Return a folder with who took part and five small tables that do not say their year."""
    for year in YEARS:
        rows = [(1, 999, 2000 + n, 990000 + n, f"School {n}", 30, 50 + n) for n in range(5)]
        names = ["RECTYPE", "LEA", "ESTAB", "URN", "SCHNAME", "TELIG", "PTMAT_EXP"]
        pd.DataFrame(rows, columns=names).to_csv(tmp_path / f"ks2_{year}.csv", index=False)
    (tmp_path / "notes.txt").write_text("nothing")
    lines = (
        "urn,programme,start,end\n990001,Lamp 2,2018,\n990002,Lamp 2,2017/18,\n990003,Lamp 2,2019,"
    )
    (tmp_path / "who.csv").write_text(lines)
    return tmp_path


def asked(place, given=(), who="who.csv", **answers):
    return propose(place / who, [str(each) for each in given or [place]], answers)


def test_one_programme_one_measure_and_a_cohort_a_start_are_proposed(place):
    found, spells, tables = asked(place)
    assert found.questions == []
    assert [*tables] == [*YEARS]
    assert found.plan["programme"] == "lamp-2"
    assert set(spells["programme"]) == {"lamp-2"}
    assert found.plan["cohorts"] == [2018, 2019]
    assert found.plan["outcomes"][0] == {
        "name": "PTMAT_EXP", "title": "Maths, expected standard", "unit": "pp",
        "smallest_worthwhile": 3.0, "primary": True,
    }  # fmt: skip
    assert "2 other files in the folder left alone" in found.said
    assert "2 schools that began in 2017/18" in found.said


def test_a_start_without_tables_before_it_is_left_out_and_said(place):
    (place / "ks2_2015.csv").unlink()
    (place / "ks2_2016.csv").unlink()
    (place / "ks2_2017.csv").unlink()
    found, *_ = asked(place)
    assert found.plan["cohorts"] == [2019]
    left = "2 schools that began in 2017/18: left out, as tables before or since are missing"
    assert left in found.said
    (place / "ks2_2018.csv").unlink()
    with pytest.raises(EvidenceError, match="give tables before and since"):
        asked(place)


@pytest.mark.parametrize("text", ["URN\n990001\n990002", "School URN,Name\n990001,A\n990002,B"])
def test_a_list_without_starts_is_asked_for_one(place, text):
    (place / "list.csv").write_text(text)
    found, *_ = asked(place, who="list.csv")
    (question,) = found.questions
    assert question.about == "start"
    assert question.candidates == ("2015/16", "2016/17", "2017/18", "2018/19")  # each once
    found, spells, _ = asked(place, who="list.csv", start="2017/18")
    assert (found.questions, found.plan["cohorts"], len(spells)) == ([], [2018], 2)
    assert found.plan["programme"] == "list"


def test_what_can_be_meant_in_several_ways_is_asked(place):
    for path in place.glob("ks2_*.csv"):
        table = pd.read_csv(path)
        table.assign(PTREAD_EXP=60).to_csv(path, index=False)
    with (place / "who.csv").open("a") as file:
        file.write("\n990004,Other,2018,")
    found, *_ = asked(place)
    assert {each.about: each.candidates for each in found.questions} == {
        "outcome": ("PTREAD_EXP", "PTMAT_EXP"), "programme": ("lamp-2", "other"),
    }  # fmt: skip
    assert [each.listed() for each in found.questions] == [
        "PTREAD_EXP (Reading, expected standard), PTMAT_EXP (Maths, expected standard)",
        "lamp-2, other",
    ]
    found, *_ = asked(place, outcome="ptread_exp", programme="Lamp 2")
    assert (found.questions, found.plan["outcomes"][0]["name"]) == ([], "PTREAD_EXP")


@pytest.mark.parametrize(
    ("given", "answers", "said"),
    [
        (["who.csv"], {}, "who.csv: is no performance table of key stage 2 or 4"),
        (["nothing"], {}, "nothing"),
        (["ks2_2015.csv", "2015=ks2_2016.csv"], {}, "is of 2015, as is"),
        (["unnamed.csv"], {}, "does not say of which year it is; say --tables 2017=unnamed.csv"),
        ([], {"outcome": "PTMATH"}, "not all tables have a column 'PTMATH'"),
        ([], {"programme": "Lump"}, "--programme: the list has none of that name"),
        ([], {"start": "soon"}, "--start: must be a school year"),
    ],
)
def test_what_cannot_be_meant_is_one_line(place, given, answers, said, monkeypatch):
    monkeypatch.chdir(place)
    (place / "unnamed.csv").write_bytes((place / "ks2_2015.csv").read_bytes())
    with pytest.raises(EvidenceError) as error:
        asked(place, given or [f"ks2_{year}.csv" for year in YEARS], **answers)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def listed(place, text, **answers):
    (place / "list.csv").write_text(text)
    return asked(place, who="list.csv", **answers)


@pytest.mark.parametrize("name", ["Programme name", "Project", "Scheme", "intervention_name"])
def test_a_column_of_programmes_is_known_by_many_names(place, name):
    found, *_ = listed(place, f"URN,{name},Year joined\n990001,a,2018\n990002,b,2018\n")
    assert {q.about: q.candidates for q in found.questions} == {"programme": ("a", "b")}


@pytest.mark.parametrize("no", ["No", "", "-"])
def test_of_a_grid_the_programme_is_asked_for(place, no):
    text = f"URN,Boost,Lamp\n990001,Yes,{no}\n990002,{no},Yes\n990003,Yes,Yes\n"
    found, *_ = listed(place, text, start="2018")
    assert {q.about: q.candidates for q in found.questions} == {"programme": ("boost", "lamp")}
    _, spells, _ = listed(place, text, start="2018", programme="Boost")
    assert sorted(spells.loc[spells["programme"] == "boost", "urn"]) == ["990001", "990003"]
    found, *_ = listed(place, text.replace("Yes", "2017/18"))
    assert [q.about for q in found.questions] == ["programme"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("URN,Start,Status\n990001,2018,Active\n990002,2018,Withdrawn\n990003,2018,Active\n",
         "column status says 'Withdrawn' of some schools; leave out the rows"),
        ("URN,Start,Arm\n990001,2018,new\n990002,2018,comparison\n990003,2018,new\n",
         "column arm says 'comparison' of some schools; leave out the rows"),
        ("URN,Start,Withdrawn\n990001,2018,Yes\n990002,2018,No\n",
         "column withdrawn: must be a school year"),
        ("URN,Cohort\n990001,2017/18\n990002,2016/17\n",
         "column cohort holds school years; call it start if schools began then"),
        ("URN,Programme,Start\n990001,a; b,2018\n990002,a,2018\n",
         "column programme says 'a; b' of a school; give each programme a row"),
        ("URN,Programme,Start\n990001,a,2017\n990001,a,2018\n",
         "school 990001 starts again before it ended; keep the row of its first year"),
        ("School,Start\nSchool 1,2018\n", "schools are found by their URN, or LA and ESTAB"),
    ],
)  # fmt: skip
def test_a_list_that_could_be_misread_is_refused(place, text, said):
    with pytest.raises(EvidenceError) as error:
        listed(place, text)
    assert said in str(error.value)


def test_columns_that_are_not_read_are_said(place):
    found, *_ = listed(place, "URN,Head,Region,Start\n990001,A,N,2018\n990002,C,N,2018\n")
    assert "columns of the list that are not read: head, region" in found.said
