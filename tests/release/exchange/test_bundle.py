"""Bundles: what goes to other hubs, and what comes from them."""

import hashlib
import io
import json
import re
import shutil
import zipfile

import pandas as pd
import pytest
from run_folders import BETTER, effect, make, notebook_cells, pictures, seal, watched, write_run
from typer.testing import CliRunner

from evidence.cli import app
from evidence.data.register import load
from evidence.errors import EvidenceError
from evidence.release.exchange import adopt, bundle, merge
from evidence.release.store import log, publish, reader, verify
from evidence.release.store.exports import archive
from evidence.run import plan_jobs as jobs
from evidence.show.tables import summary


@pytest.fixture(scope="module")
def sender(tmp_path_factory):
    root = tmp_path_factory.mktemp("bundle")
    runs, cards = make(root / "runs")
    runs, cards = [*runs[:2], runs[6]], [*cards[:2], cards[-1]]
    watched().to_parquet(runs[0] / "indicators.parquet")
    seal(runs[0])
    publish.release(runs, cards, root / "published", reviewer="Bea Reviewer")
    bundle.make(root / "published", root / "sent.zip")
    return root


@pytest.fixture
def own(tmp_path):
    """Return the releases of another hub, which takes the bundle in."""
    row = effect("lamp", "2018", 0.9, 1.2, 0.08, "too little data", 3, 640, 12)
    run = write_run(tmp_path / "runs/lamp/2018/a1", [row])
    card = {
        "name": "lamp", "title": "Our LAMP", "design": "matched", "simulated": True,
        "automatic": True, "cohorts": [{"name": "2018", "title": "2017/18"}],
    }  # fmt: skip
    publish.release([run], [card], tmp_path / "published")
    return tmp_path / "published"


@pytest.mark.slow
def test_make_same_release_same_bytes(sender, tmp_path):
    again = bundle.make(sender / "published", tmp_path / "again.zip")
    assert again.read_bytes() == (sender / "sent.zip").read_bytes()


def test_make_holds_results_figures_reports_sources_and_provenance_only(sender):
    with zipfile.ZipFile(sender / "sent.zip") as file:
        names = file.namelist()
        assert {entry.date_time for entry in file.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    assert names == sorted(names)
    assert names == [
        "bundle.json", "effects.csv", "effects.json",
        *(f"figures/lamp/2018/effect.{end}" for end in ("csv", "json", "svg")),
        *(f"figures/leap/2018/effect.{end}" for end in ("csv", "json", "svg")),
        *(f"figures/star/K/effect.{end}" for end in ("csv", "json", "svg")),
        *(f"figures/star/K/flow.{end}" for end in ("csv", "json", "svg")),
        "indicators.csv", "indicators.json",
        *(f"notebooks/{place}.ipynb" for place in ("lamp/2018", "leap/2018", "star/K")),
        *(f"reports/{place}.html" for place in ("lamp/2018", "leap/2018", "star/K")),
        "results.xlsx", "ro-crate-metadata.json",
    ]  # fmt: skip


def test_make_notebook_has_no_output_and_no_value_of_the_hub(sender):
    _, parts, _ = bundle.read(sender / "sent.zip")
    cells = json.loads(parts["notebooks/lamp/2018.ipynb"])["cells"]
    assert cells[1]["source"] == "start = 2017  # default: first year\nks2 = ''  # required: file"
    assert not any(cell.get("outputs") for cell in cells)
    assert not any("secret" in cell["source"] for cell in cells)


def test_read_gives_rows_back_exactly(sender):
    _, parts, _ = bundle.read(sender / "sent.zip")
    found = json.loads(parts["effects.json"])
    true = reader.effects(sender / "published")
    again = pd.DataFrame(found["rows"], columns=found["columns"]).astype(true.dtypes.to_dict())
    pd.testing.assert_frame_equal(again, true)


def test_make_changed_release_is_refused(sender, tmp_path):
    shutil.copytree(sender / "published", tmp_path / "published", symlinks=True)
    page = tmp_path / "published/0001/effects.csv"
    page.chmod(0o644)
    page.write_text("x")
    with pytest.raises(EvidenceError, match="missing or changed; evidence verify says more"):
        bundle.make(tmp_path / "published", tmp_path / "x.zip")


@pytest.mark.slow
def test_merge_adds_a_hub_beside_ones_own(sender, own):
    number, new, sha256 = merge.merge(sender / "sent.zip", "Rathfern", own, reviewer="Cy Checker")
    assert (number, new) == (2, True)
    every = reader.effects(own, hubs=True)
    assert every["hub"].tolist() == ["", *["Rathfern"] * 6]
    assert reader.effects(own)["programme"].tolist() == ["lamp"]
    assert "hub" not in reader.effects(own)
    theirs = reader.effects(sender / "published")
    pd.testing.assert_frame_equal(reader.hub_effects("Rathfern", own), theirs, check_like=True)
    assert reader.indicators(own, hubs=True)["hub"].tolist() == ["Rathfern"] * 4
    meta = reader.release(own)["hubs"]["Rathfern"]
    assert (meta["bundle"], meta["reviewer"], meta["number"]) == (sha256, "Bea Reviewer", 1)
    page = (own / "current/hubs.html").read_text(encoding="utf-8")
    assert "<h3>Rathfern: " in page
    assert "Release 1 of" in page
    assert "checked by Bea Reviewer" in page
    assert len(summary(reader.hub_effects("Rathfern", own), meta["programmes"])) == 3
    assert 'href="hubs.html"' in (own / "current/index.html").read_text(encoding="utf-8")
    assert verify.verify(own) == []
    assert log.lines(own)[-1]["action"] == "merged"


@pytest.mark.slow
def test_merge_twice_makes_no_second_release_and_a_release_keeps_the_hub(sender, own):
    merge.merge(sender / "sent.zip", "Rathfern", own, reviewer="Cy Checker")
    assert merge.merge(sender / "sent.zip", "Rathfern", own, reviewer="Cy Checker")[:2] == (
        2,
        False,
    )
    row = effect("lamp", "2018", 0.8, 1.2, 0.08, "too little data", 3, 700, 12)
    run = write_run(own.parent / "runs/lamp/2018/a2", [row])
    card = reader.programmes(own)[0]
    assert publish.release([run], [card], own).number == 3
    assert set(reader.effects(own, hubs=True)["hub"]) == {"", "Rathfern"}
    assert verify.verify(own) == []


@pytest.mark.slow
def test_merge_that_tells_what_is_hidden_is_refused(tmp_path):
    """Ours hides the 7 of one group; theirs, of the same pupils, shows all but them."""
    sent = {}
    for hub, groups in (("ours", {"FSM": 7}), ("theirs", {"other": 633})):
        groups = {"all": 640, "girls": 310, "boys": 330} | groups
        row = effect("lamp", "2018", 0.9, 1.2, 0.08, "too little data", 3, 640, 12)
        rows = [
            row | {"subgroup": group, "n_pupils": n, "primary": group == "all"}
            for group, n in groups.items()
        ]
        run = write_run(tmp_path / f"{hub}/runs/lamp/2018/a1", rows)
        card = {
            "name": "lamp", "title": "LAMP", "design": "matched", "simulated": True,
            "automatic": True, "cohorts": [{"name": "2018", "title": "2017/18"}], "outcomes": [],
        }  # fmt: skip
        publish.release([run], [card], tmp_path / hub)
        sent[hub] = bundle.make(tmp_path / hub, tmp_path / f"{hub}.zip")
    with pytest.raises(EvidenceError) as error:
        merge.merge(sent["theirs"], "Rathfern", tmp_path / "ours", reviewer="Cy")
    assert "together with our releases it tells" in str(error.value)
    assert reader.release(tmp_path / "ours")["hubs"] == {}


@pytest.mark.slow
@pytest.mark.parametrize("day", ["2026-11-09", "2026-11-30", "2026-12-31"])
def test_merge_bundle_of_any_day_of_a_month_is_taken(sender, own, tmp_path, day):
    sent = changed(sender / "sent.zip", tmp_path / "s.zip", _index("release", "date", value=day))
    assert merge.merge(sent, "Rathfern", own, reviewer="Cy Checker")[1]
    assert reader.release(own)["hubs"]["Rathfern"]["date"] == day


@pytest.mark.slow
@pytest.mark.parametrize("name", ["../up", "a/b", "", "a b", "<b>"])
def test_merge_hub_without_a_plain_name_is_refused(sender, own, name):
    with pytest.raises(EvidenceError, match="use letters, digits, - and _ only"):
        merge.merge(sender / "sent.zip", name, own, reviewer="Cy Checker")


def test_merge_before_a_release_of_ones_own_is_one_line(sender, tmp_path):
    with pytest.raises(EvidenceError, match=r"no release in .* to merge into"):
        merge.merge(sender / "sent.zip", "Rathfern", tmp_path / "none", reviewer="Cy Checker")


def changed(path, to, change):
    """Write a bundle whose parts `change` has altered, with its list made to agree."""
    with zipfile.ZipFile(path) as file:
        parts = {name: file.read(name) for name in file.namelist()}
    index = json.loads(parts.pop(bundle.INDEX))
    change(index, parts)
    index["files"] = {
        name: {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
        for name, content in parts.items()
    }
    parts[bundle.INDEX] = json.dumps(index).encode()
    to.write_bytes(archive(parts))
    return to


def _cell(kind, column, value, row=0):
    def change(_, parts):
        found = json.loads(parts[f"{kind}.json"])
        found["rows"][row][found["columns"].index(column)] = value
        parts[f"{kind}.json"] = json.dumps(found).encode()

    return change


def _index(*path, value):
    def change(index, _):
        for key in path[:-1]:
            index = index[key]
        index[path[-1]] = value

    return change


def _part(name, content):
    return lambda _, parts: parts.__setitem__(name, content)


HOSTILE = {
    "newer format": (_index("format", value=2), "made by a newer version of evidence (format 2"),
    "newer schema": (_index("schemas", "effects", value=3), "newer version of evidence (effects 3"),
    "older than any": (_index("format", value=0), "does not say its version of format"),
    "version as text": (_index("format", value="1"), "does not say its version of format"),
    "no such number": (_index("format", value=10**300), "does not say its version of format"),
    "version true": (_index("format", value=True), "does not say its version of format"),
    "no schemas": (_index("schemas", value=None), "does not say its version of effects"),
    "no release": (_index("release", value=[]), "does not say which release it is of"),
    "a day that is none": (
        _index("release", "date", value="2026-02-30"),
        "does not say which release",
    ),
    "a date that is none": (_index("release", "date", value="<b>"), "does not say which release"),
    "weak rules": (_index("rules", "threshold", value=1), "are not protected as here"),
    "rules as text": (_index("rules", "base", value="5"), "are not protected as here"),
    "programmes as text": (_index("programmes", value="x"), "a list in it is missing"),
    "a programme as a way out": (
        _index("programmes", 0, "name", value="../../x"),
        "a programme has no plain name",
    ),
    "a title as a list": (_index("programmes", 0, "title", value=[1]), "title: not a text"),
    "a title without end": (_index("programmes", 0, "title", value="x" * 5000), "over 4,000"),
    "a cost as text": (_index("programmes", 0, "cost", value="1"), "cost is not a number"),
    "an unknown design": (_index("programmes", 0, "design", value="x"), "design is not one of"),
    "a run of no name": (_index("runs", value={"x": {}}), "run_id is missing"),
    "runs as a list": (_index("runs", value=[]), "runs are not listed"),
    "rows as text": (_part("effects.json", b'{"columns": [], "rows": "x"}'), "no rows"),
    "no columns": (_part("effects.json", b'{"columns": [], "rows": []}'), "columns are not those"),
    "not json": (_part("effects.json", b"\xff{"), "not readable"),
    "deep json": (_part("effects.json", b"[" * 200_000), "not readable"),
    "a number without end": (
        _part("effects.json", b'{"rows": 1' + b"0" * 5000 + b"}"),
        "not readable",
    ),
    "not a number": (_part("effects.json", b'{"rows": NaN}'), "not readable"),
    "text for a number": (
        _cell("effects", "estimate", "1.5"),
        "row 1, column estimate: not a number",
    ),
    "true for a number": (
        _cell("effects", "estimate", True),
        "row 1, column estimate: not a number",
    ),
    "a number for text": (_cell("effects", "outcome", 5), "row 1, column outcome: not a text"),
    "text for a flag": (_cell("effects", "primary", "yes"), "row 1, column primary: not a flag"),
    "a huge number": (_cell("effects", "estimate", 1e300), "column estimate: not a number"),
    "an unknown verdict": (_cell("effects", "verdict", "great"), "must be one of better than"),
    "a verdict that lies": (
        _cell("effects", "verdict", "worse than similar"),
        "its verdict contradicts its interval",
    ),
    "a small count": (_cell("effects", "n_pupils", 4), "row 1: a count is not protected"),
    "an exact count": (_cell("effects", "n_pupils", 1263), "row 1: a count is not protected"),
    "a small n": (_cell("indicators", "n", 3), "row 1: a count is not protected"),
    "an unknown symbol": (_cell("effects", "n_pupils_symbol", "<b>"), "a symbol is not one of"),
    "a pupil number": (
        _cell("effects", "caveats", "see A123456789012"),
        "looks like a pupil number",
    ),
    "a pupil number in a title": (
        _index("programmes", 0, "title", value="A123456789012"),
        "looks like a pupil number",
    ),
    "a row of another run": (
        _cell("effects", "run_id", "none"),
        "a row's run is not in the bundle",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", HOSTILE)
def test_merge_hostile_bundle_is_one_line_and_changes_nothing(sender, own, tmp_path, name):
    change, said = HOSTILE[name]
    harm = changed(sender / "sent.zip", tmp_path / "harm.zip", change)
    with pytest.raises(EvidenceError) as error:
        merge.merge(harm, "Rathfern", own, reviewer="Cy Checker")
    assert said in str(error.value)
    assert "\n" not in str(error.value)
    assert "A123456789012" not in str(error.value)
    assert sorted(path.name for path in own.glob("0*")) == ["0001"]
    assert verify.verify(own) == []


def zipped(to, entries, base_of=None):
    """Write a zip file entry by entry, as no decent program would."""
    with zipfile.ZipFile(to, "w", zipfile.ZIP_DEFLATED) as file:
        if base_of:
            with zipfile.ZipFile(base_of) as good:
                for entry in good.infolist():
                    file.writestr(entry, good.read(entry))
        for name, content, mode in entries:
            entry = zipfile.ZipInfo(name)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = mode << 16
            file.writestr(entry, content)
    return to


WAYS_OUT = (
    "../up.txt", "/etc/cron.d/x", "a/../../x", "..\\up.txt", "C:/x", "a//b", "./x", "a/./b",
    "con\x01", ".hidden", "a/.hidden", "x" * 300, "a/b/c/d/e", "é", "a b", "dir/",
)  # fmt: skip


@pytest.mark.parametrize("name", WAYS_OUT)
def test_read_way_out_of_the_folder_is_refused(sender, tmp_path, name):
    harm = zipped(tmp_path / "harm.zip", [(name, b"x", 0o100644)], sender / "sent.zip")
    with pytest.raises(EvidenceError, match="which no bundle holds; not read"):
        bundle.read(harm)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["harm.zip"]


def test_read_long_name_of_a_figure_is_no_way_out(sender, tmp_path):
    """A figure is called after what it shows; the county's longest has 167 letters."""
    name = f"figures/lens/2018/{'before-and-after-' * 10}.csv"
    more = zipped(tmp_path / "more.zip", [(name, b"x", 0o100644)], sender / "sent.zip")
    with pytest.raises(EvidenceError) as error:
        bundle.read(more)
    assert "which no bundle holds" not in str(error.value)


def test_read_link_is_refused(sender, tmp_path):
    harm = zipped(
        tmp_path / "harm.zip", [("link", b"/etc/hostname", 0o120777)], sender / "sent.zip"
    )
    with pytest.raises(EvidenceError, match="which no bundle holds; not read"):
        bundle.read(harm)


def test_read_two_files_of_one_name_are_refused(sender, tmp_path):
    harm = zipped(tmp_path / "harm.zip", [("EFFECTS.json", b"x", 0o100644)], sender / "sent.zip")
    with pytest.raises(EvidenceError, match=r"holds EFFECTS\.json twice; not read"):
        bundle.read(harm)


def test_read_file_that_is_not_listed_is_refused(sender, tmp_path):
    harm = zipped(tmp_path / "harm.zip", [("more.txt", b"x", 0o100644)], sender / "sent.zip")
    with pytest.raises(EvidenceError, match="holds other files than it lists"):
        bundle.read(harm)


def test_read_changed_file_is_refused(sender, tmp_path):
    with zipfile.ZipFile(sender / "sent.zip") as file:
        parts = {name: file.read(name) for name in file.namelist()}
    parts["effects.json"] = parts["effects.json"].replace(b"1.5", b"2.5")
    (tmp_path / "harm.zip").write_bytes(archive(parts))
    with pytest.raises(EvidenceError, match=r"effects\.json: not what the bundle lists"):
        bundle.read(tmp_path / "harm.zip")


def test_read_bomb_is_stopped(sender, tmp_path, monkeypatch):
    monkeypatch.setattr(bundle, "LARGEST", 3_000_000)
    harm = zipped(
        tmp_path / "harm.zip", [("bomb", b"\0" * 20_000_000, 0o100644)], sender / "sent.zip"
    )
    assert harm.stat().st_size < 1_000_000
    with pytest.raises(EvidenceError, match="unpacks to over 3 MB; not read"):
        bundle.read(harm)


@pytest.mark.parametrize("content", [b"", b"PK", b"not a zip", b"PK\x03\x04" + b"\0" * 60])
def test_read_what_is_no_bundle_is_one_line(tmp_path, content):
    (tmp_path / "x.zip").write_bytes(content)
    with pytest.raises(EvidenceError) as error:
        bundle.read(tmp_path / "x.zip")
    assert str(error.value) == f"{tmp_path / 'x.zip'}: not a bundle, or damaged; ask for it again"


@pytest.mark.slow
def test_read_damaged_anywhere_is_one_line(sender, tmp_path, rng):
    """With one bit changed: refused, or it lies where nothing is read and changes nothing."""
    path = tmp_path / "sent.zip"
    whole = (sender / "sent.zip").read_bytes()
    path.write_bytes(whole)
    sound, messages = bundle.read(path)[:2], []
    for place in rng.integers(0, len(whole), 150):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << int(rng.integers(8))
        path.write_bytes(bytes(damaged))
        try:
            same = bundle.read(path)[:2] == sound
        except EvidenceError as error:
            messages.append(str(error))
        else:
            assert same
    assert len(messages) > 100
    for message in messages:
        assert message.startswith(str(path))
        assert len(message.splitlines()) == 1
        assert len(message) < 400


def test_read_nothing_there_is_one_line(tmp_path):
    with pytest.raises(EvidenceError, match=r"cannot be read \(No such file or directory\)"):
        bundle.read(tmp_path / "none.zip")


@pytest.mark.slow
def test_merge_html_in_names_is_shown_as_text(sender, own, tmp_path):
    harm = "<img src=x onerror=alert(1)>"

    def change(index, parts):
        for key in ("title", "phase", "lead", "ask_next"):
            index["programmes"][0][key] = harm
        index["release"]["reviewer"] = harm
        index["programmes"][0]["cohorts"][0]["title"] = harm
        _cell("effects", "caveats", harm)(index, parts)

    sent = changed(sender / "sent.zip", tmp_path / "harm.zip", change)
    merge.merge(sent, "Rathfern", own, reviewer="Cy Checker")
    page = (own / "current/hubs.html").read_text(encoding="utf-8")
    assert harm not in page
    assert "&lt;img src=x onerror=alert(1)&gt;" in page


def test_start_gives_a_notebook_and_a_register_to_fill_in(sender, tmp_path):
    made, stub = adopt.start(
        sender / "sent.zip", "lamp", tmp_path / "notebooks", tmp_path / "data/programmes.toml"
    )
    cells = json.loads(made.read_text(encoding="utf-8"))["cells"]
    assert all(cell["outputs"] == [] for cell in cells if cell["cell_type"] == "code")
    (programme,) = load(stub)
    assert (programme.name, programme.notebook) == ("lamp", "lamp-from-bundle")
    assert programme.outcomes[0].name == "PTMAT_EXP"
    assert programme.outcomes[0].primary
    assert programme.parameters == {"start": 2018}
    assert programme.cohorts[0].files == {"ks2": ""}
    assert not programme.automatic
    project = jobs.Project(register=stub, data=tmp_path / "data", notebooks=tmp_path / "notebooks")
    assert jobs.check(project) == [f"{stub}, line 33: lamp/first: ks2: is empty; name a file"]
    (tmp_path / "data/own.csv").write_text("x\n")
    filled = stub.read_text(encoding="utf-8").replace('ks2 = ""', 'ks2 = "own.csv"')
    stub.write_text(filled, encoding="utf-8")
    assert jobs.check(project) == []
    with pytest.raises(EvidenceError, match="is there already; move it away first"):
        adopt.start(sender / "sent.zip", "lamp", tmp_path / "notebooks", tmp_path / "data/p.toml")


def test_start_without_a_name_lists_what_there_is(sender, tmp_path):
    with pytest.raises(EvidenceError) as error:
        adopt.start(sender / "sent.zip", "", tmp_path, tmp_path / "p.toml")
    assert str(error.value) == (
        f"{sender / 'sent.zip'}: name a programme that has a notebook, --programme NAME; "
        "allowed: lamp, leap, star"
    )


UPN, NAME, SCORE = "Z987654321098", "Persephone Quillfeather", "73.918264"


@pytest.fixture
def planted(tmp_path):
    """Return a hub whose inputs and notebook outputs are full of one pupil."""
    raw = pd.DataFrame({"upn": [UPN], "name": [NAME], "score": [float(SCORE)]})
    (tmp_path / "data").mkdir()
    raw.to_csv(tmp_path / "data/pupils.csv", index=False)
    row = effect("lamp", "2018", 1.5, 1.2, 0.08, BETTER, 3, 1263, 20)
    drawn = pictures(row)
    cells = notebook_cells(drawn)
    head = f"<table><tr><td>{UPN}</td><td>{NAME}</td><td>{SCORE}</td></tr></table>"
    for cell in cells[1:]:
        cell.setdefault("outputs", []).append(
            {"output_type": "display_data", "data": {"text/html": head, "text/plain": head}}
        )
    cells[1]["source"] = f'name = "{NAME}"  # a pupil\nscore = {SCORE}\nks2 = ""  # required: file'
    run = write_run(tmp_path / "runs/lamp/2018/a1", [row], drawn, cells=cells)
    (run / "pupils.parquet").write_bytes(f"{UPN} {NAME} {SCORE}".encode())
    (run / "stderr.log").write_text(f"{UPN} {NAME} {SCORE}")
    card = {
        "name": "lamp", "title": "LAMP", "design": "matched", "simulated": True,
        "automatic": True, "cohorts": [{"name": "2018", "title": "2017/18"}], "outcomes": [],
    }  # fmt: skip
    publish.release([run], [card], tmp_path / "published")
    bundle.make(tmp_path / "published", tmp_path / "sent.zip")
    return tmp_path


def opened(path):
    """Return every byte of a file, those in zip files unpacked."""
    content = path.read_bytes()
    if not zipfile.is_zipfile(path):
        return content
    inner = []
    with zipfile.ZipFile(path) as file:
        for name in file.namelist():
            part = file.read(name)
            inner.append(part)
            if zipfile.is_zipfile(io.BytesIO(part)):
                with zipfile.ZipFile(io.BytesIO(part)) as deeper:
                    inner += [deeper.read(deep) for deep in deeper.namelist()]
    return content + b"".join(inner)


@pytest.mark.slow
def test_planted_pupil_is_in_no_byte_that_leaves(planted):
    files = [*(planted / "published").rglob("*"), planted / "sent.zip"]
    files = [path for path in files if path.is_file()]
    assert len(files) > 20
    for path in files:
        content = opened(path)
        for canary in (UPN, NAME, "Persephone", "Quillfeather", SCORE, "73.91"):
            assert canary.encode() not in content, (path, canary)
            assert canary.encode("utf-16-le") not in content, (path, canary)


@pytest.mark.slow
@pytest.mark.parametrize("place", ["source", "markdown", "parameters"])
def test_pupil_number_typed_into_a_notebook_or_parameter_does_not_leave(tmp_path, place):
    row = effect("lamp", "2018", 1.5, 1.2, 0.08, BETTER, 3, 1263, 20)
    cells = notebook_cells()
    meta = {}
    if place == "source":
        cells[3]["source"] = f'pupils[pupils["upn"] == "{UPN}"]'
    elif place == "markdown":
        cells[0]["source"] = f"# Pupil {UPN}"
    else:
        meta = {"parameters": {"leave_out": [UPN]}}
    run = write_run(tmp_path / "runs/lamp/2018/a1", [row], cells=cells, **meta)
    free = write_run(
        tmp_path / "runs/leap/2018/b1",
        [effect("leap", "2018", 0.1, 0.2, 1.0, "too little data", 2, 500, 9)],
    )
    cards = [
        {"name": name, "title": name, "design": "matched", "simulated": True, "automatic": True,
         "cohorts": [{"name": "2018", "title": "2017/18"}], "outcomes": []}
        for name in ("lamp", "leap")
    ]  # fmt: skip
    report = publish.release([run, free], cards, tmp_path / "published")
    assert len(report.refused) == 1
    assert re.search(r"looks like a pupil number \(UPN\)", report.refused[0])
    for path in (tmp_path / "published").rglob("*"):
        assert not path.is_file() or UPN.encode() not in opened(path)


@pytest.mark.slow
def test_commands_from_bundle_to_merge(sender, own, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = CliRunner()
    place = ["--published", str(sender / "published")]
    made = run.invoke(app, ["bundle", "--out", "b.zip", *place])
    assert re.fullmatch(r"b\.zip: [\d.]+ MB, SHA-256 [0-9a-f]{64}\n", made.output)
    merged = run.invoke(app, ["merge", "b.zip", "--as", "Rathfern", "--published", str(own),
                              "--reviewer", "Cy Checker"])  # fmt: skip
    assert merged.output.startswith("release 2, with Rathfern\nSHA-256 ")
    good = run.invoke(app, ["verify", "--published", str(own), "--runs", "none"])
    assert (good.exit_code, good.output.splitlines()[0]) == (
        0, f"{own}: 2 lines in the log, all as they should be",
    )  # fmt: skip
    back = run.invoke(app, ["rollback", "--published", str(own)])
    assert back.output.startswith("release 1 is current;")
    told = run.invoke(app, ["where", "lamp", "--published", str(own)])
    assert told.output.startswith("lamp/2018\n  Run: a1\n")
    begun = run.invoke(
        app, ["new", "--from", "b.zip", "--programme", "star", "--notebooks", "nb",
              "--register", "data/programmes.toml"],
    )  # fmt: skip
    assert begun.output == (
        "nb/star-from-bundle.ipynb: somebody else's code; read it before you run it\n"
        "data/star.toml: fill it in, then evidence check --register data/star.toml\n"
    )
    (own / "0001/sure.html").chmod(0o644)
    (own / "0001/sure.html").write_text("x")
    bad = run.invoke(app, ["verify", "--published", str(own), "--runs", "none"])
    assert (bad.exit_code, bad.output) == (1, "0001/sure.html: was changed\n")
