"""What a release shows against what it is made of: its own tables and its runs."""

import json
import os
import shutil

import pytest
from run_folders import make
from typer.testing import CliRunner

from evidence.cli import app
from evidence.release.store import finish, log, provenance, publish, reader, verify


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    root = tmp_path_factory.mktemp("small")
    runs, cards = make(root / "runs")
    publish.release(runs[:1], cards[:1], root / "published", reviewer="Bea Reviewer")
    return root


@pytest.fixture
def published(whole, tmp_path):
    shutil.copytree(whole / "published", tmp_path / "published", symlinks=True)
    for path in (tmp_path / "published").rglob("*"):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() else 0o644)
    return tmp_path / "published"


def edit(path, old, new):
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def declare(published, *, rebuilt, **changes):
    """Write all that is made of the tables, manifest and log anew, as somebody would who can."""
    folder = published / "0001"
    record = reader.release(folder) | changes
    if rebuilt:
        finish.write(folder, record)
        for entry in record["figures"]:
            text = (folder / f"{entry['path']}.json").read_text(encoding="utf-8")
            drawn = publish.figures.draw([text])[0]
            (folder / f"{entry['path']}.svg").write_text(drawn, encoding="utf-8")
        finish.write(folder, record)
    (folder / "release.json").write_text(json.dumps(record), encoding="utf-8")
    (folder / log.MANIFEST).write_text(json.dumps(log.manifest(folder)), encoding="utf-8")
    (published / log.NAME).unlink()
    facts = {"action": "released", "reviewer": "Bea Reviewer", "author": ""}
    log.append(published, release="0001", content=log.content(folder), **facts)


FORGED = {
    "effects.csv": ("1.5", "2.5"),
    "lamp/2018.html": ("better than", "worse than"),
    "lamp/2018-report.html": ("better than", "worse than"),
    "index.html": ("LAMP", "LEMP"),
    "sure.html": ("five", "six"),
    "lamp/2018/effect.svg": ("</svg>", " </svg>"),
    "lamp/2018/effect.csv": ("1.5", "2.5"),
    provenance.CRATE: ("Ann Author", "Eve Author"),
}
QUICK = ("lamp/2018.html", "lamp/2018/effect.svg")  # a kind each


def test_verify_untouched_has_neither_faults_nor_doubts(whole):
    assert verify.examine(whole / "published", whole / "runs") == ([], [])


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in FORGED],
)
def test_verify_page_drawing_or_export_that_is_not_made_of_its_tables_is_found(published, name):
    edit(published / "0001" / name, *FORGED[name])
    declare(published, rebuilt=False)
    assert verify.verify(published) == [f"0001/{name}: is not what its own tables give"]


def text(published, kind, column):
    table = reader.effects(published) if kind == "effects" else reader.indicators(published)
    table.loc[0, column] = "Somebody's words."
    table.to_parquet(published / f"0001/{kind}.parquet")


def figure(published, key):
    path = published / "0001/lamp/2018/effect.json"
    path.write_text(json.dumps(reader.parsed(path) | {key: "Somebody's words."}), encoding="utf-8")


FORGED_TEXTS = {
    "effects, row 1, column caveats": lambda p: text(p, "effects", "caveats"),
    "effects, row 1, column sentence": lambda p: text(p, "effects", "sentence"),
    "effects, row 1, column method": lambda p: text(p, "effects", "method"),
    "figure effect, title": lambda p: figure(p, "title"),
    "figure effect, alt": lambda p: figure(p, "alt"),
    "notebook": lambda p: edit(p / "0001/lamp/2018.ipynb", "# What", "# How"),
}


@pytest.mark.slow
@pytest.mark.parametrize("what", FORGED_TEXTS)
def test_verify_text_that_its_run_does_not_give_is_found(whole, published, what):
    FORGED_TEXTS[what](published)
    declare(published, rebuilt=True)
    assert verify.verify(published) == []
    assert verify.verify(published, whole / "runs") == [
        f"0001: lamp/2018, {what}: is not what its run gives"
    ]


@pytest.mark.slow
def test_verify_setting_of_a_run_that_it_did_not_record_is_found(whole, published):
    runs = reader.release(published)["runs"]
    next(iter(runs.values()))["parameters"]["start"] = 2017
    declare(published, rebuilt=True, runs=runs)
    (fault,) = verify.verify(published, whole / "runs")
    assert fault.endswith("parameters is not what the run recorded")


@pytest.mark.slow
def test_verify_release_of_another_version_is_doubted_and_not_called_false(whole, published):
    text(published, "effects", "caveats")
    declare(published, rebuilt=True, made_with="of an older version")
    edit(published / "0001/sure.html", "five", "six")
    declare(published, rebuilt=False)
    faults, doubts = verify.examine(published, whole / "runs")
    assert faults == []
    why = "; made with another version of evidence, so this is no proof"
    page = f"0001/sure.html: is not what its own tables give{why}"
    caveats = f"0001: lamp/2018, effects, row 1, column caveats: is not what its run gives{why}"
    assert doubts == [page, caveats]
    ended = CliRunner().invoke(app, ["verify", "--published", str(published), "--runs", "none"])
    assert ended.exit_code == 0
    assert page in ended.output
    assert "1 line in the log, 1 could not be judged" in ended.output


@pytest.mark.slow
def test_verify_one_byte_changed_in_any_file_is_found(published, rng):
    """60 tries here, as many as EVIDENCE_FUZZ says where it does."""
    files = [path for path in sorted((published / "0001").rglob("*")) if path.is_file()]
    for number in range(int(os.environ.get("EVIDENCE_FUZZ", 60))):
        path = files[number % len(files)]
        before = path.read_bytes()
        content = bytearray(before)
        content[rng.integers(len(content))] ^= int(rng.integers(1, 256))
        path.write_bytes(content)
        assert verify.verify(published) != [], path
        path.write_bytes(before)
    assert verify.verify(published) == []
