"""Pupils' ids: pseudonyms by a secret outside the project, and no names."""

import stat

import pandas as pd
import pytest
from typer.testing import CliRunner

import evidence as ev
from evidence import cli
from evidence.data import pseudonyms, readers
from evidence.errors import EvidenceError

FRAME = pd.DataFrame({"upn": ["A1", "a1 ", "B2", None], "post": [1, 2, 3, 4]})


@pytest.fixture(autouse=True)
def key(tmp_path, monkeypatch):
    monkeypatch.setenv("EVIDENCE_PUPIL_KEY", str(tmp_path / "secret/key"))
    return tmp_path / "secret/key"


def test_same_id_has_one_pseudonym_that_another_secret_changes(key, tmp_path, monkeypatch):
    made = pseudonyms.protected(FRAME, "t.csv")["upn"].tolist()
    assert made[0] == made[1] != made[2]
    assert pd.isna(made[3])
    assert all(name.startswith("p_") and "A1" not in name for name in made[:3])
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert FRAME["upn"][0] == "A1"
    again = pseudonyms.protected(FRAME.assign(upn=made), "t.csv")["upn"].tolist()
    assert again[:3] == made[:3]
    monkeypatch.setenv("EVIDENCE_PUPIL_KEY", str(tmp_path / "other"))
    assert pseudonyms.protected(FRAME, "t.csv")["upn"][0] != made[0]


@pytest.mark.parametrize(
    "name",
    ["Surname", "FORENAME", "pupil name", "NPD_Surname", "Legal Forename", "Name", "known_as"],
)
def test_names_of_pupils_are_refused_unless_asked_for(name):
    frame = FRAME.assign(**{name: "Zzyzx"})
    with pytest.raises(EvidenceError, match=f"^t.csv: column {name} holds pupils' names") as caught:
        pseudonyms.protected(frame, "t.csv")
    assert "Zzyzx" not in str(caught.value)
    assert name in pseudonyms.protected(frame, "t.csv", names=True)


def test_names_do_not_come_into_a_study(tmp_path):
    path = tmp_path / "t.csv"
    rows = (f"A{i},Zzyzx,{'ab'[i % 2]},{i % 3}.5\n" for i in range(12))
    path.write_text("upn,Surname,arm,post\n" + "".join(rows))
    plan = {"pupils": "t.csv", "treatment": "arm", "control": "a", "outcomes": [
        {"name": "post", "smallest_worthwhile": 0.1}]}  # fmt: skip
    data = ev.Trial.read(str(tmp_path), plan).source
    assert "Surname" not in data
    assert "Zzyzx" not in data.to_csv()


@pytest.mark.parametrize("key", ["pupil", "cluster", "strata", "covariates", "subgroups"])
def test_names_of_pupils_are_refused_in_any_part_of_a_plan(tmp_path, key):
    rows = (f"A{i},Zzyzx{i},{'ab'[i % 2]},{i % 3}.5\n" for i in range(12))
    (tmp_path / "t.csv").write_text("upn,Surname,arm,post\n" + "".join(rows))
    named = ["Surname"] if key in ("covariates", "subgroups") else "Surname"
    plan = {"pupils": "t.csv", "treatment": "arm", "control": "a", key: named, "outcomes": [
        {"name": "post", "smallest_worthwhile": 0.1}]}  # fmt: skip
    with pytest.raises(EvidenceError) as caught:
        ev.Trial.read(str(tmp_path), plan)
    assert str(caught.value) == (
        f"plan: {key}: column 'Surname' holds pupils' names, which no analysis needs; name a "
        "column of ids, or leave it out"
    )


@pytest.mark.parametrize("name", ["schname", "school name", "name_of_test", "username", "la_name"])
def test_other_names_stay(name):
    assert name in pseudonyms.protected(FRAME.assign(**{name: "x"}), "t.csv")


def test_secret_that_cannot_be_made_is_said(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("EVIDENCE_PUPIL_KEY", str(tmp_path / "file/key"))
    with pytest.raises(EvidenceError, match="secret of pupils' ids cannot be read or made"):
        pseudonyms.protected(FRAME, "t.csv")
    monkeypatch.setenv("EVIDENCE_PUPIL_KEY", str(tmp_path / "file"))
    with pytest.raises(EvidenceError, match="too short"):
        pseudonyms.protected(FRAME, "t.csv")


def test_pupil_file_has_pseudonyms(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("UPN,URN,year\nA1,990001,2018\nB2,990001,2018\n")
    assert readers.pupils(path)["upn"].str.fullmatch("p_[0-9a-f]{20}").all()


def test_file_that_is_added_is_for_its_owner_only(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("candidate,Surname,post\nA1,Zzyzx,5\nB2,Zzyzx,6\n")
    call = ["add", str(path), "--data", str(tmp_path / "data"), "--pupil", "candidate"]
    refused = CliRunner().invoke(cli.app, call)
    assert isinstance(refused.exception, EvidenceError)
    path.write_text("candidate,post\nA1,5\nB2,6\n")
    done = CliRunner().invoke(cli.app, call)
    assert done.output == f"{tmp_path}/data/mine/t.parquet: 2 rows\n"
    kept = tmp_path / "data/mine/t.parquet"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert stat.S_IMODE(kept.parent.stat().st_mode) == 0o700
    frame = readers.table(kept)
    assert frame["candidate"].str.startswith("p_").all()
    assert frame["post"].tolist() == [5, 6]
