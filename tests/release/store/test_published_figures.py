"""Figures that are published already leave as they are, where the register says so, too."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from run_folders import PROGRAMMES, programmes, seal, watched, write_run

from evidence.errors import EvidenceError
from evidence.release.exchange import bundle, merge
from evidence.release.store import candidates, publish, reader, verify
from evidence.show.picture import Picture

SOURCE = "DfE, SEN2, Open Government Licence v3"


def figures(source=SOURCE):
    """Return four areas, one of nine plans, one without a figure; a source as their report says."""
    return watched().assign(published=source)


def drawn(source=SOURCE):
    table = pd.DataFrame(
        {
            "place": [0, 1],
            "time": ["2023", "2024"],
            "part": [1, 1],
            "value": [3 / 7, 0.5],
            "centre": [0.47, 0.47],
            "n": [7, 8],
            "signal": "common cause",
        }
    )
    return Picture(
        name="over-time", kind="control_chart", title="Plans within 20 weeks", alt="3 of 7 plans.",
        table=table, counts=("n",), statistics=("value", "centre"), axes=("place", "part"),
        published=source,
    )  # fmt: skip


def made(root, register=SOURCE, source=SOURCE, units=(), **more):
    folder = root / "runs/lamp/2018/00000000000000aa"
    run = write_run(folder, [], [drawn(source)], figures(source), **more)
    cohorts = {name: [] for name in PROGRAMMES} | {"lamp": [{"name": "2018", "title": "2018"}]}
    card = programmes(cohorts)[0]
    return run, card | {"published": register, "units": [*units]}


@pytest.mark.slow
def test_published_figures_leave_as_they_are_and_say_where_they_are_from(tmp_path):
    run, card = made(tmp_path)
    report = publish.release([run], [card], tmp_path / "published")
    assert report.refused == ()
    table = reader.indicators(tmp_path / "published")
    assert table["value"].tolist()[:3] == [5.1, 4.2, 6.0]
    assert table["n"].tolist() == [2630, 1980, 9, 400]
    assert set(table["published"]) == {SOURCE}
    (entry,) = reader.release(tmp_path / "published")["figures"]
    assert reader.picture(entry, tmp_path / "published")["table"]["n"].tolist() == [7, 8]
    page = (tmp_path / "published/current/indicators/absence.html").read_text()
    assert f"shown as published: {SOURCE}" in page
    assert verify.verify(tmp_path / "published", tmp_path / "runs") == []
    learnt = json.loads((tmp_path / "published/current/disclosed.json").read_text())
    assert learnt["tables"] == []  # nobody learns anything from them


@pytest.mark.parametrize("register", ["", "another source", None])
def test_published_figures_that_the_register_does_not_know_are_refused(tmp_path, register):
    run, card = made(tmp_path, register=register)
    with pytest.raises(EvidenceError, match="they leave as they are only where the register says"):
        publish.release([run], [card], tmp_path / "published")
    assert not (tmp_path / "published/current").exists()


@pytest.mark.slow
def test_a_picture_that_the_register_does_not_know_is_left_out(tmp_path):
    run, card = made(tmp_path, register="", source="")
    (run / "figures/over-time.json").write_text(drawn().to_json())
    seal(run)
    report = publish.release([run], [card], tmp_path / "published")
    assert len(report.refused) == 1
    assert "picture over-time: says that its figures are published already" in report.refused[0]
    assert reader.indicators(tmp_path / "published")["n"].tolist()[:2] == [2630, 1980]
    assert np.isnan(reader.indicators(tmp_path / "published")["n"].iloc[2])


@pytest.mark.slow
def test_a_register_that_says_published_frees_no_other_figures(tmp_path):
    run, card = made(tmp_path, register=SOURCE, source="")
    publish.release([run], [card], tmp_path / "published")
    assert reader.indicators(tmp_path / "published")["symbol"].tolist() == ["", "", "c", "z"]


@pytest.mark.parametrize(
    "unit",
    [
        "% of schools",
        *(pytest.param(u, marks=pytest.mark.slow) for u in ("schools", "points", "", "widgets")),
    ],
)
def test_a_unit_that_the_register_does_not_name_frees_nothing(unit):
    """Of 43 pupils 1 is 2.3%, of 2,000 20 are 1.0%: no word of a notebook lets the first leave."""
    row = watched().iloc[[0]].drop(columns="published", errors="ignore")
    rows = pd.concat([row.assign(area=a, value=v, n=n, unit=unit) for a, v, n in (
        ("a", 2.3256, 43), ("b", 50.0, 400), ("c", 30.2, 2000))], ignore_index=True)  # fmt: skip
    table = candidates.protect_indicators(rows).table
    assert table["value"].isna().tolist() == [True, False, False]
    assert table["n"].tolist() == [45, 400, 2000]
    shown = candidates.protect_indicators(rows, units=[unit]).table
    exact = unit in ("% of schools", "schools")
    assert shown["n"].tolist() == [43 if exact else 45, 400, 2000]
    assert shown["value"].notna().all()
    other = candidates.protect_indicators(rows.assign(unit=[unit, "%", "%"]), units=[unit]).table
    assert exact <= np.isnan(other["value"][0])  # not one report of schools: all are pupils


@pytest.mark.slow
@pytest.mark.parametrize("said", ["", "schools"])
def test_a_picture_of_schools_counts_pupils_unless_the_register_says_schools(tmp_path, said):
    table = pd.DataFrame({"programmes": ["lamp", "none"], "n_schools": [3, 41]})
    picture = Picture(name="kinds", kind="overlap", title="Kinds", alt="Kinds", table=table,
                      schools=("n_schools",))  # fmt: skip
    run, card = made(tmp_path, register="", source="", units=[said] if said else [])
    (run / "figures/kinds.json").write_text(picture.to_json())
    (run / "figures/over-time.json").unlink()
    seal(run)
    assert not publish.release([run], [card], tmp_path / "published").refused
    (entry,) = reader.release(tmp_path / "published")["figures"]
    shown = reader.picture(entry, tmp_path / "published")["table"]
    assert shown["n_schools"].fillna(-1).tolist() == ([3, 41] if said else [-1, 40])
    assert verify.verify(tmp_path / "published", tmp_path / "runs") == []


@pytest.mark.slow
def test_a_report_that_lies_about_its_unit_is_protected_until_the_register_agrees(tmp_path):
    own, known = made(tmp_path / "own")
    for said in ([], ["% of schools"]):
        publish.release([own], [known], tmp_path / f"ours{len(said)}")
        run, card = made(tmp_path / f"r{len(said)}", register="", source="", units=said)
        rows = pd.read_parquet(run / "indicators.parquet").assign(unit="% of schools")
        rows.to_parquet(run / "indicators.parquet")
        seal(run)
        publish.release([run], [card], tmp_path / f"p{len(said)}")
        n = reader.indicators(tmp_path / f"p{len(said)}")["n"]
        assert (n.iloc[2] == 9) == bool(said)
        path = bundle.make(tmp_path / f"p{len(said)}", tmp_path / f"{len(said)}.zip")
        merge.merge(path, "hub", tmp_path / f"ours{len(said)}", reviewer="Cy")
        if said:  # beside the hub that hides what this one shows it would tell it
            with pytest.raises(EvidenceError, match="tells counts that are hidden"):
                merge.merge(path, "another", tmp_path / "ours0", reviewer="Cy")
    # What a hub hides since takes the place of what it showed.
    assert merge.merge(tmp_path / "0.zip", "hub", tmp_path / "ours1", reviewer="Cy")[1]


def test_figures_of_a_report_have_one_source_or_none():
    mixed = figures().assign(published=[SOURCE, "", SOURCE, SOURCE])
    with pytest.raises(EvidenceError, match="have one source, or none"):
        candidates.protect_indicators(mixed, said=SOURCE)


def test_a_pupil_number_does_not_leave_as_published():
    with pytest.raises(EvidenceError, match="pupil number"):
        candidates.protect_indicators(figures().assign(sentence="of A123456789012"), said=SOURCE)
    with pytest.raises(EvidenceError, match="pupil number"):
        candidates.protect_picture(replace(drawn(), alt="of A123456789012"), said=SOURCE)


@pytest.mark.slow
def test_a_bundle_carries_published_figures_and_their_source(tmp_path):
    run, card = made(tmp_path)
    publish.release([run], [card], tmp_path / "theirs")
    path = bundle.make(tmp_path / "theirs", tmp_path / "theirs.zip")
    own, other = made(tmp_path / "own")
    publish.release([own], [other], tmp_path / "ours")
    merge.merge(path, "county", tmp_path / "ours", reviewer="Cy")
    both = reader.indicators(tmp_path / "ours", hubs=True)
    assert both.loc[both["hub"] == "county", "n"].tolist() == [2630, 1980, 9, 400]


@pytest.mark.slow
def test_a_bundle_of_published_figures_that_its_programme_does_not_know_is_refused(tmp_path):
    run, card = made(tmp_path)
    publish.release([run], [card], tmp_path / "theirs")
    record = tmp_path / "theirs/current/release.json"
    text = record.read_text().replace(f'"published": "{SOURCE}"', '"published": ""')
    parts = {"indicators": reader.indicators(tmp_path / "theirs")}
    meta = merge.checked_index(record, {"release": json.loads(text), **json.loads(text)})
    content = {name: bundle._rows(table) for name, table in parts.items()}
    content["effects"] = bundle._rows(reader.effects(tmp_path / "theirs"))
    with pytest.raises(EvidenceError, match="its programme does not"):
        merge._tables(record, {f"{k}.json": v for k, v in content.items()}, meta)
