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


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Return a run folder that says, as the runner does, what was written."""
    folder = make(tmp_path_factory.mktemp("runs"))[0][0]
    said = json.loads((folder / "run.json").read_text())
    said["written"] = {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and path.name != "run.json"
    }
    (folder / "run.json").write_text(json.dumps(said))
    return folder


def change(folder, rng):
    """Change one thing as a person might, or one byte; return what."""
    files = sorted(p for p in folder.rglob("*") if p.is_file() and p.name != "run.json")
    notebook = folder / "notebook.ipynb"
    book = json.loads(notebook.read_text())
    way = int(rng.integers(6))
    if way == 0 and len(book["cells"]) > 1:
        book["cells"].append(book["cells"].pop(0))
    elif way == 1:
        book["cells"].pop(int(rng.integers(len(book["cells"]))))
    elif way == 2:
        book["cells"].append({"cell_type": "markdown", "metadata": {}, "source": ["later"]})
    if way < 3:
        notebook.write_text(json.dumps(book))
        return way
    path = files[int(rng.integers(len(files)))]
    if way == 3:
        path.unlink()
    elif way == 4:
        (folder / "figures").mkdir(exist_ok=True)
        (folder / f"figures/more-{rng.integers(9)}.json").write_text("{}")
    else:
        data = bytearray(path.read_bytes() or b"x")
        data[int(rng.integers(len(data)))] ^= 1
        path.write_bytes(bytes(data))
    return way


def test_a_faithful_run_is_read(finished):
    assert len(candidates.read(finished, {}).effects.table)


@pytest.mark.slow
def test_five_hundred_changes_are_all_found_before_anything_is_read(finished, tmp_path):
    rng, said = np.random.default_rng(7), set()
    for _ in range(500):
        folder = shutil.copytree(finished, tmp_path / "r")
        change(folder, rng)
        with pytest.raises(EvidenceError) as error:
            candidates.read(folder, {})
        said.add(str(error.value).partition(" ")[2])
        shutil.rmtree(folder)
    assert said == {
        "is not what the run wrote: it was changed, added or taken away since; make it again with "
        "evidence run --fresh",
        "effects.parquet in the run folder: the notebook's last cell must call ev.propose",
        "indicators.parquet in the run folder: the notebook's last cell must call ev.propose",
    }


def test_a_run_says_what_it_wrote(tmp_path):
    draft = ledger.Draft(tmp_path / "runs/lamp/2018/abc")
    (draft.folder / "figures").mkdir()
    (draft.folder / "figures/a.json").write_text("{}")
    draft.publish({"run_id": "abc"}, replace=False)
    said = json.loads((tmp_path / "runs/lamp/2018/abc/run.json").read_text())
    assert said["written"] == {"figures/a.json": hashlib.sha256(b"{}").hexdigest()}
