"""No hidden state: what a run did not write, from top to bottom, is refused before release.

Promises: of 500 changes to a finished trial (cells out of order, a deleted cell, a stale or edited
output, data, settings or source changed after the run, or while it ran, results or the record of a
run changed, a folder of another run, results proposed from a live session) every one is refused by
``evidence release``; of 100 faithful runs, all handled as people handle files, none is; and the
check takes less than a second beyond the run.
Run: python benchmarks/hidden_state.py [CHANGES] [FAITHFUL]
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import typer

import evidence as ev
from evidence.cli.projects import start
from evidence.cli.releases import release
from evidence.errors import EvidenceError
from evidence.release.store import run_record
from evidence.run import runner
from evidence.run.plan_jobs import Project, changed, plan

ROOT = Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT / "tests"))

COHORT = (
    '\n[[programme.trial.cohorts]]\nname = "{0}"\ntitle = "{0}"\nfiles = {{pupils = "{0}.csv"}}'
)
SHORT = ["import evidence as ev\n\nstudy = ev.Trial.read(data, globals())\nstudy.answer()",
         "bands = open(f'{data}/bands.txt').read()", "study.section('who took part')",
         "ev.propose(out, **study.findings())"]  # fmt: skip
NOTEBOOK, DATA, BANDS = "notebooks/trial.ipynb", "data/1.csv", "data/bands.txt"


class Silent:
    """Says nothing of how reports go."""

    def _nothing(self, *_: object) -> None: ...

    begin = cell = ended = note = _nothing


def parts(place: Path) -> Project:
    """Return the project in a folder."""
    return Project(
        register=place / "data/programmes.toml", data=place / "data", runs=place / "runs",
        notebooks=place / "notebooks", published=place / "published",
    )  # fmt: skip


def begun(place: Path, cohorts: int, short: bool = True) -> Path:
    """Begin a trial as ``evidence start`` does, with more cohorts and, mostly, a short notebook."""
    from trial_files import LAYOUTS, make

    place.mkdir(parents=True)
    for seed in range(1, cohorts + 1):
        make(LAYOUTS[1], seed)[0].to_csv(place / f"{seed}.csv", index=False)
    project = place / "project"
    with contextlib.redirect_stdout(io.StringIO()):
        start(place / "1.csv", folder=project, title="Trial")
    for seed in range(1, cohorts + 1):
        (place / f"{seed}.csv").rename(project / f"data/{seed}.csv")
    register = project / "data/programmes.toml"
    text = register.read_text().partition("\n[[programme.trial.cohorts]]")[0]
    register.write_text(text + "".join(COHORT.format(k) for k in range(1, cohorts + 1)))
    (project / BANDS).write_text("low 0 to 99\nhigh 100 to 200\n")
    (project / "requirements.lock").write_text("pandas==3.1.1\n")
    if short:
        book = json.loads((project / NOTEBOOK).read_text())
        code = next(cell for cell in book["cells"] if cell["metadata"].get("tags"))
        book["cells"] = [book["cells"][0], code]
        for number, source in enumerate(SHORT):
            book["cells"].append(
                {"cell_type": "code", "metadata": {}, "source": source, "id": f"c{number}",
                 "outputs": [], "execution_count": None}
            )  # fmt: skip
        (project / NOTEBOOK).write_text(json.dumps(book))
    return project


def run(place: Path) -> list[str]:
    """Run what is not done yet; return how each ended."""
    outcomes = runner.run(plan(parts(place)), parts(place), Silent())
    return [outcome.error or outcome.state for outcome in outcomes]


def released(place: Path) -> str:
    """Ask for a release as the command does; return why nothing left, "" where all did."""
    said = io.StringIO()
    project = parts(place)
    options = {name: getattr(project, name) for name in Project.__dataclass_fields__}
    try:
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
            release(**options, reviewer="Bea Reviewer", look=False)
    except (EvidenceError, typer.Exit) as error:
        return str(error)
    count = len(pd.read_parquet(place / "published/current/effects.parquet")["cohort"].unique())
    return "" if count == len(plan(project)) else said.getvalue()


# -- changes ------------------------------------------------------------------------------------

Change = Callable[[Path, np.random.Generator], None]


def folder_of(place: Path) -> Path:
    """Return the folder of the only run."""
    return next(path for path in place.glob("runs/trial/1/*") if path.name[0] != ".")


def in_book(which: str, change: Callable[[list, np.random.Generator], None]) -> Change:
    """Return a change of the cells of a notebook: the project's, or the one that was executed."""

    def apply(place: Path, rng: np.random.Generator) -> None:
        executed = folder_of(place) / "notebook.ipynb"
        path = executed if which == "executed" else place / NOTEBOOK
        book = json.loads(path.read_text())
        change(book["cells"], rng)
        path.write_text(json.dumps(book))

    return apply


def swapped(cells: list, rng: np.random.Generator) -> None:
    first, second = sorted(rng.choice(len(cells), 2, replace=False))
    cells[first], cells[second] = cells[second], cells[first]


def deleted(cells: list, rng: np.random.Generator) -> None:
    cells.pop(int(rng.integers(len(cells))))


def repeated(cells: list, rng: np.random.Generator) -> None:
    cells.append(json.loads(json.dumps(cells[int(rng.integers(len(cells)))])))


def reworded(cells: list, rng: np.random.Generator) -> None:
    cell = cells[int(rng.integers(len(cells)))]
    cell["source"] = "".join(cell["source"]) + " "


def renumbered(cells: list, rng: np.random.Generator) -> None:
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    code[int(rng.integers(len(code)))]["execution_count"] = int(rng.integers(50, 90))


def output_edited(cells: list, rng: np.random.Generator) -> None:
    shown = [o for cell in cells for o in cell.get("outputs", ()) if "text/html" in o["data"]]
    one = shown[int(rng.integers(len(shown)))]["data"]
    one["text/html"] = "".join(one["text/html"]).replace("0.", "1.", 1) + "<p>Edited</p>"


def output_stale(cells: list, rng: np.random.Generator) -> None:
    shown = [cell for cell in cells if cell.get("outputs")]
    first, second = rng.choice(len(shown), 2, replace=False)
    shown[first]["outputs"] = shown[second]["outputs"]


def in_data(change: Callable[[pd.DataFrame, np.random.Generator], pd.DataFrame]) -> Change:
    """Return a change of the pupils' file, which keeps its time."""

    def apply(place: Path, rng: np.random.Generator) -> None:
        path = place / DATA
        before = path.stat()
        change(pd.read_csv(path), rng).to_csv(path, index=False)
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))

    return apply


def value_changed(table: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    table.loc[int(rng.integers(len(table))), "Outcome"] += 1
    return table


def row_dropped(table: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    return table.drop(index=int(rng.integers(len(table))))


def arms_swapped(table: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    table["Group"] = table["Group"].map({"Control": "Intervention", "Intervention": "Control"})
    return table.sample(frac=1, random_state=int(rng.integers(1000)))


def file_gone(place: Path, rng: np.random.Generator) -> None:
    (place / DATA).unlink()


def lookup_changed(place: Path, rng: np.random.Generator) -> None:
    text = (place / BANDS).read_text()
    (place / BANDS).write_text(text.replace("100", str(rng.integers(101, 180))))


def lock_changed(place: Path, rng: np.random.Generator) -> None:
    (place / "requirements.lock").write_text(f"pandas==3.1.{rng.integers(2, 99)}\n")


def setting_changed(place: Path, rng: np.random.Generator) -> None:
    path = place / "data/programmes.toml"
    ways = [('baseline = "Baseline"\n', ""), ('unit = "sd"', 'unit = "points"'),
            ('treatment = "Group"', 'treatment = "FSM"\nsubgroups = []'),
            ("smallest_worthwhile = 0.1", "smallest_worthwhile = 0.2"),
            ('subgroups = ["FSM"]', "subgroups = []")]  # fmt: skip
    old, new = ways[int(rng.integers(len(ways)))]
    path.write_text(path.read_text().replace(old, new))


def estimate_edited(place: Path, rng: np.random.Generator) -> None:
    path = folder_of(place) / "effects.parquet"
    table = pd.read_parquet(path)
    for name in ("estimate", "ci_lower", "ci_upper"):
        table[name] += 0.1
    table.to_parquet(path)


def results_of_another(place: Path, rng: np.random.Generator) -> None:
    for name in ("effects.parquet", "figures"):
        there, mine = place / "another" / name, folder_of(place) / name
        if there.is_dir():
            shutil.copytree(there, mine, dirs_exist_ok=True)
        else:
            shutil.copyfile(there, mine)


def figure_changed(place: Path, rng: np.random.Generator) -> None:
    paths = sorted((folder_of(place) / "figures").glob("*.json"))
    path = paths[int(rng.integers(len(paths)))]
    match int(rng.integers(3)):
        case 0:
            path.write_text(path.read_text().replace("0", "1", 1))
        case 1:
            path.unlink()
        case _:
            shutil.copyfile(path, path.with_name("one-more.json"))


def byte_changed(place: Path, rng: np.random.Generator) -> None:
    paths = sorted(p for p in folder_of(place).rglob("*") if p.is_file())
    path = paths[int(rng.integers(len(paths)))]
    data = bytearray(path.read_bytes())
    data[int(rng.integers(len(data)))] ^= 1
    path.write_bytes(bytes(data))


def record_edited(place: Path, rng: np.random.Generator) -> None:
    path = folder_of(place) / "run.json"
    record = json.loads(path.read_text())
    names = sorted(record.keys() - {"run_id"})
    name = names[int(rng.integers(len(names)))]
    if rng.integers(2):
        del record[name]
    else:
        record[name] = "changed"
    path.write_text(json.dumps(record, indent=1))


def folder_renamed(place: Path, rng: np.random.Generator) -> None:
    """Change the data, then call the old run's folder what the new one's would be called."""
    old = folder_of(place)
    in_data(value_changed)(place, rng)
    old.rename(plan(parts(place))[0].folder(place / "runs"))


def record_renamed(place: Path, rng: np.random.Generator) -> None:
    """Do so, and call the run in its record what its folder is called."""
    folder_renamed(place, rng)
    path = folder_of(place) / "run.json"
    record = json.loads(path.read_text()) | {"run_id": folder_of(place).name}
    path.write_text(json.dumps(record))


def session_proposes(place: Path, rng: np.random.Generator) -> None:
    """Propose from a live session, in which one step was left out, into the run's folder."""
    job = plan(parts(place))[0]
    left_out = {"baseline": ""} if rng.integers(2) else {"subgroups": []}
    study = ev.Trial.read(str(place / "data"), job.parameters | left_out | {"draws": 99})
    ev.propose(str(job.folder(place / "runs")), **study.findings())


CHANGES: dict[str, Change] = {
    "source: cells swapped": in_book("source", swapped),
    "source: cell deleted": in_book("source", deleted),
    "source: cell repeated": in_book("source", repeated),
    "source: cell edited": in_book("source", reworded),
    "executed: cells swapped": in_book("executed", swapped),
    "executed: cell deleted": in_book("executed", deleted),
    "executed: cell edited": in_book("executed", reworded),
    "executed: cells renumbered": in_book("executed", renumbered),
    "executed: output edited": in_book("executed", output_edited),
    "executed: stale output": in_book("executed", output_stale),
    "data: one value": in_data(value_changed),
    "data: one row": in_data(row_dropped),
    "data: arms swapped": in_data(arms_swapped),
    "data: file gone": file_gone,
    "data: file that code names": lookup_changed,
    "settings": setting_changed,
    "lock file": lock_changed,
    "results: estimate edited": estimate_edited,
    "results: of another run": results_of_another,
    "results: figures": figure_changed,
    "run folder: one byte": byte_changed,
    "run folder: record edited": record_edited,
    "run folder: renamed": folder_renamed,
    "run folder: renamed, record too": record_renamed,
    "live session proposes": session_proposes,
}
DURING: dict[str, Change] = {
    "while it runs: data": in_data(value_changed),
    "while it runs: source": in_book("source", reworded),
    "while it runs: file that code names": lookup_changed,
}


def changes(root: Path, count: int, seed: int = 2026) -> pd.DataFrame:
    """Return for each kind of change how many were made, how many left, and the slowest refusal."""
    rng, rows = np.random.default_rng(seed), []
    whole, another = begun(root / "one", 1), begun(root / "two", 2)
    assert run(whole) == ["done"]
    assert run(another) == ["done"] * 2
    shutil.copytree(next(another.glob("runs/trial/2/[0-9a-f]*")), whole / "another")
    kinds = [*CHANGES, *DURING]
    for number in range(count):
        name = kinds[number % len(kinds)]
        place = root / "changed"
        shutil.copytree(whole, place)
        ended = ["done"]
        if name in CHANGES:
            CHANGES[name](place, rng)
        else:
            ended = changed_meanwhile(place, DURING[name], rng)
        began = time.perf_counter()
        reason = released(place) if ended == ["done"] else ended[0]
        seconds = time.perf_counter() - began
        rows.append((name, bool(reason), seconds))
        shutil.rmtree(place)
    table = pd.DataFrame(rows, columns=["change", "refused", "seconds"])
    return table.groupby("change", sort=False).agg(
        made=("refused", "size"), refused=("refused", "sum"), slowest=("seconds", "max")
    )


def changed_meanwhile(place: Path, change: Change, rng: np.random.Generator) -> list[str]:
    """Run again; change something when the data have been read, and put it back afterwards."""
    kept = {name: (place / name).read_bytes() for name in (DATA, NOTEBOOK, BANDS)}
    (place / "requirements.lock").write_text("pandas==3.1.0\n")

    class Meanwhile(Silent):
        reached = threading.Event()

        def cell(self, job: object, cell: int, of: int) -> None:
            if cell == 5 and not self.reached.is_set():
                self.reached.set()
                change(place, rng)

    project = parts(place)
    outcomes = runner.run(plan(project), project, Meanwhile())
    for name, content in kept.items():
        (place / name).write_bytes(content)
    return [outcome.error or outcome.state for outcome in outcomes]


# -- what is faithful ---------------------------------------------------------------------------


def handled(place: Path, rng: np.random.Generator) -> Path:
    """Do what people do to a project without changing it; return where it is now."""
    book = json.loads((place / NOTEBOOK).read_text())
    code = [cell for cell in book["cells"] if cell["cell_type"] == "code"]
    for number in rng.permutation(len(code)):  # run out of order in JupyterLab, and saved
        code[number]["execution_count"] = int(number) + 40
        code[number]["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "tried"}]
    book["metadata"]["widgets"] = {}
    (place / NOTEBOOK).write_text(json.dumps(book, indent=2))
    for path in place.glob("data/*.csv"):  # copied, so newer
        os.utime(path)
    for folder in place.glob("runs/trial/*/[0-9a-f]*"):  # looked into
        (folder / ".ipynb_checkpoints").mkdir()
        shutil.copyfile(folder / "notebook.ipynb", folder / ".ipynb_checkpoints/notebook.ipynb")
    register = place / "data/programmes.toml"
    register.write_text("# Our trial\n" + register.read_text().replace('lead = ""', 'lead = "Us"'))
    (place / "data/notes.txt").write_text("not used")
    moved = place.with_name("moved")
    place.rename(moved)
    return moved


def faithful(root: Path, count: int, each: int = 2) -> tuple[int, list[str], float]:
    """Return how many runs were made, why any was refused, and seconds of the checks of one."""
    rng, reasons, seconds = np.random.default_rng(1), [], []
    for number in range(0, count, each):
        cohorts = min(each, count - number)
        place = begun(root / f"faithful-{number}", cohorts)
        ended = run(place)
        assert ended == ["done"] * cohorts, [line for line in ended if line != "done"][:3]
        place = handled(place, rng)
        for job in plan(parts(place)):
            folder = job.folder(place / "runs")
            began = time.perf_counter()
            assert not changed(job, parts(place).resolved())
            record = json.loads((folder / "run.json").read_text())
            run_record.sealed(record, folder, [p for p in folder.rglob("*") if p.is_file()])
            run_record.refuse_changed(folder, record)
            seconds.append(time.perf_counter() - began)
        reasons.append(released(place))
        shutil.rmtree(place)
    return count, [*filter(None, reasons)], max(seconds)


def main(count: int = 500, honest: int = 100) -> None:
    with tempfile.TemporaryDirectory() as root:
        os.environ["EVIDENCE_PUPIL_KEY"] = f"{root}/key"
        table = changes(Path(root), count)
        print(table.to_string(float_format="{:.2f}".format) if count else "")
        print(f"{table['refused'].sum()} of {table['made'].sum()} changes refused")
        made, reasons, seconds = faithful(Path(root), honest)
        print(f"{made} faithful runs: {reasons or 'none refused'}; at most {seconds:.3f} s a check")
        whole = begun(Path(root) / "whole", 1, short=False)
        assert run(whole) == ["done"]
        assert not released(whole)
        print("the whole trial report: none refused")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
