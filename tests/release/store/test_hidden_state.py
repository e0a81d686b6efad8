"""What leaves is what a run wrote from top to bottom, and nothing that was changed since."""

import hashlib
import json
import shutil

import numpy as np
import pytest
from run_folders import make

from evidence.errors import EvidenceError
from evidence.release.store import candidates
from evidence.run import ledger

CHANGED = {
    "is not what the run wrote: it was changed, added or taken away since; make it again with "
    "evidence run --fresh",
    "is not what the run wrote: it was changed since; make it again with evidence run --fresh",
}
GONE = {
    f"{name}.parquet in the run folder: the notebook's last cell must call ev.propose"
    for name in ("effects", "indicators")
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Return a run folder that says, as the runner does, what was written."""
    return make(tmp_path_factory.mktemp("runs"))[0][0]


def change(folder, rng):
    """Change one thing as a person might, or one byte."""
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    notebook = folder / "notebook.ipynb"
    book = json.loads(notebook.read_text())
    way = int(rng.integers(7))
    if way == 0 and len(book["cells"]) > 1:
        book["cells"].append(book["cells"].pop(0))
    elif way == 1:
        book["cells"].pop(int(rng.integers(len(book["cells"]))))
    elif way == 2:
        book["cells"].append({"cell_type": "markdown", "metadata": {}, "source": ["later"]})
    if way < 3:
        notebook.write_text(json.dumps(book))
        return
    path = files[int(rng.integers(len(files)))]
    while path.name == "run.json" and way != 6:
        path = files[int(rng.integers(len(files)))]
    if way == 3:
        path.unlink()
    elif way == 4:
        (folder / "figures").mkdir(exist_ok=True)
        (folder / f"figures/more-{rng.integers(9)}.json").write_text("{}")
    elif way == 5:
        data = bytearray(path.read_bytes() or b"x")
        data[int(rng.integers(len(data)))] ^= 1
        path.write_bytes(bytes(data))
    else:
        record = json.loads((folder / "run.json").read_text())
        name = sorted(record)[int(rng.integers(len(record)))]
        changed = "changed" if name in ("run_id", "programme", "cohort") else {"a": 1}
        if name in ("run_id", "programme", "cohort") or rng.integers(2):
            record[name] = changed
        else:
            del record[name]
        (folder / "run.json").write_text(json.dumps(record))


def test_a_faithful_run_is_read(finished):
    assert len(candidates.read(finished, {}).effects.table)


def test_a_run_that_was_looked_into_is_read(finished, tmp_path):
    folder = shutil.copytree(finished, tmp_path / "/".join(finished.parts[-3:]))
    (folder / ".ipynb_checkpoints").mkdir()
    shutil.copy(folder / "notebook.ipynb", folder / ".ipynb_checkpoints")
    assert len(candidates.read(folder, {}).effects.table)


def test_a_folder_of_another_name_is_refused(finished, tmp_path):
    programme, cohort, key = finished.parts[-3:]
    folder = shutil.copytree(finished, tmp_path / programme / cohort / "newer")
    with pytest.raises(EvidenceError) as error:
        candidates.read(folder, {})
    assert str(error.value) == (
        f"run.json is of {programme}/{cohort}/{key}: its folder was copied or renamed; make it "
        "again with evidence run --fresh"
    )


@pytest.mark.parametrize("name", ["written", "record_sha256"])
def test_a_record_that_does_not_say_what_was_written_is_refused(finished, tmp_path, name):
    folder = shutil.copytree(finished, tmp_path / "/".join(finished.parts[-3:]))
    record = json.loads((folder / "run.json").read_text())
    del record[name]
    (folder / "run.json").write_text(json.dumps(record))
    with pytest.raises(EvidenceError, match=r"^run\.json is not what the run wrote"):
        candidates.read(folder, {})


@pytest.mark.slow
def test_five_hundred_changes_are_all_found_before_anything_is_read(finished, tmp_path):
    rng, said = np.random.default_rng(7), set()
    for _ in range(500):
        folder = shutil.copytree(finished, tmp_path / "/".join(finished.parts[-3:]))
        change(folder, rng)
        with pytest.raises(EvidenceError) as error:
            candidates.read(folder, {})
        said.add(str(error.value).partition(" ")[2])
        shutil.rmtree(folder)
    names = {s for s in said if s.endswith("is missing or is not letters, digits, - and _ only")}
    assert said - names == CHANGED | GONE


def test_a_run_says_what_it_wrote(tmp_path):
    draft = ledger.Draft(tmp_path / "runs/lamp/2018/abc")
    (draft.folder / "figures").mkdir()
    (draft.folder / "figures/a.json").write_text("{}")
    draft.publish({"run_id": "abc"}, replace=False)
    said = json.loads((tmp_path / "runs/lamp/2018/abc/run.json").read_text())
    assert said["written"] == {"figures/a.json": hashlib.sha256(b"{}").hexdigest()}
