"""Change one raw cell: which released numbers change, in site, paper and spreadsheets.

``python benchmarks/one_cell.py [CELLS]`` takes the trials of the sample county, changes a random
cell of one of their files (200 times), makes that trial's report and all that is released again,
and compares it with what was released before: whatever is of another programme is the same to the
byte, and whatever is of this one says what its released table says.
"""

from __future__ import annotations

import argparse
import io
import re
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from openpyxl import load_workbook

import evidence as ev
from evidence.data.sample import make
from evidence.release.paper import paper
from evidence.release.site import site
from evidence.release.site.answers import of_release
from evidence.release.store import publish, reader
from evidence.run.plan_jobs import Project, plan
from evidence.show import document, tables

ROOT = Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT / "tests"))
_PROGRAMME = re.compile(r"(?=<tbody)")
_WHOLE = ("index.html", "release.json", "review.html", "manifest.json", "ro-crate-metadata.json")


class County:
    """Some trials of the sample county, released; a cell can be changed and all be made again."""

    def __init__(self, place: Path, names: list[str]) -> None:
        from evidence.data import register

        self.place, self.data = place, place / "data"
        make(self.data)
        (place / "notebooks").symlink_to(ROOT / "notebooks")
        text = (ROOT / "data/programmes.toml").read_text(encoding="utf-8")
        parts = re.split(r"(?m)^(?=\[programme\.[\w-]+\]$)", text)
        kept = [part for part in parts if part.startswith(tuple(f"[programme.{n}]" for n in names))]
        (place / "register.toml").write_text("".join(kept), encoding="utf-8")
        project = Project(
            register=place / "register.toml", data=self.data, notebooks=ROOT / "notebooks",
            runs=place / "runs", published=place / "published",
        )  # fmt: skip
        self.jobs = {job.programme: job for job in plan(project)}
        self.cards = [each.card() for each in register.load(place / "register.toml")]
        self.effects = {name: self.report(name) for name in self.jobs}
        self.before = self.released("before", self.effects)

    def file(self, name: str) -> Path:
        """Return the file of pupils that a trial reads."""
        return self.data / self.jobs[name].parameters["pupils"]

    def report(self, name: str) -> pd.DataFrame:
        """Return what a trial's report proposes."""
        return ev.Trial.read(str(self.data), self.jobs[name].parameters).effects

    def released(self, to: str, effects: dict[str, pd.DataFrame]) -> Path:
        """Release results of every trial as the first release of a new place."""
        from run_folders import write_run

        runs = []
        for number, (name, rows) in enumerate(effects.items()):
            job = self.jobs[name]
            folder = self.place / to / "runs" / name / job.cohort / f"{number:016x}"
            runs.append(write_run(folder, rows.to_dict("records")))
        return publish.release(runs, self.cards, self.place / to / "published").folder

    def change(self, name: str, row: int, column: str, value: str) -> list[str]:
        """Change a cell, make all again and return what is wrong with what changed."""
        file = self.file(name)
        text = file.read_text(encoding="utf-8")
        table = pd.read_csv(file, dtype=str, keep_default_na=False)
        table.loc[row, column] = value
        table.to_csv(file, index=False)
        place = tempfile.mkdtemp(dir=self.place)  # the same cell may be drawn again
        try:
            after = self.released(place, self.effects | {name: self.report(name)})
        finally:
            file.write_text(text, encoding="utf-8")
        return wrong(self.before, after, name)


def wrong(before: Path, after: Path, name: str) -> list[str]:
    """Return what differs between two releases and is not of a programme, or is of it and stale."""
    faults = []
    for path in sorted(before.rglob("*.html")):
        place = path.relative_to(before).as_posix()
        own = place in _WHOLE or place.startswith(f"{name}/")
        if not own and path.read_bytes() != (after / place).read_bytes():
            faults.append(f"{place} changed")
    faults += _other_rows(*(folder / "index.html" for folder in (before, after)), name)
    effects = {folder: reader.effects(folder) for folder in (before, after)}
    for column in ("programme", "cohort"):
        if list(effects[before][column]) != list(effects[after][column]):
            return [*faults, "other rows"]
    others = [table[table["programme"] != name].reset_index(drop=True)
              for table in effects.values()]  # fmt: skip
    if not others[0].equals(others[1]):
        faults.append("released effects of another programme changed")
    return faults + _stale(after, name, effects[after])


def _other_rows(old: Path, new: Path, name: str) -> list[str]:
    """Return rows of the board's page that are of other programmes and changed.

    The drawings of all rows share a scale, and so do not count.
    """
    rows = []
    for path in (old, new):
        text = re.sub(r"<svg.*?</svg>", "", path.read_text(encoding="utf-8"), flags=re.S)
        parts = [part for part in _PROGRAMME.split(text) if part.startswith('<tbody class="one"')]
        own = f'href="{name}/index.html"'
        rows.append([re.sub(r' data-place="\d+"', "", part.partition("</tbody>")[0])
                     for part in parts if own not in part])  # fmt: skip
    changed = sorted(set(rows[0]) ^ set(rows[1]))
    return [f"{len(changed)} rows of other programmes changed on the board's page"] * bool(changed)


def _stale(after: Path, name: str, effects: pd.DataFrame) -> list[str]:
    """Return where a programme's released numbers are not those that are shown."""
    record = reader.release(after)
    rows = tables.summary(effects, record["programmes"], primary=False)
    rows = rows[rows["programme"] == name]
    made = paper.paper(after)
    places: dict[str, Callable[[], str]] = {
        "programme page": lambda: (after / name / "index.html").read_text(encoding="utf-8"),
        "board's page": lambda: (after / "index.html").read_text(encoding="utf-8"),
        "envelope": lambda: site.envelope(after),
        "PDF": lambda: _pdf(made),
        "Word": lambda: _word(made),
    }
    (answer,) = (row for row in of_release(after) if row["programme"] == name)
    primary = rows[rows["primary"] & (rows["subgroup"] == "all")].iloc[0].to_dict()
    size, span = tables.result(primary)
    faults = []
    for where, read in places.items():
        text = " ".join(read().split())
        for said in (size, span, answer["span"]):
            if said not in text:
                faults.append(f"{where}: no {said!r}")
    for where, table in (("results.xlsx", _sheet(after)), ("effects.csv", _csv(after))):
        shown = table[table["programme"] == name]["estimate"].astype("float64").to_numpy()
        if not np.allclose(shown, rows["estimate"].to_numpy(), equal_nan=True):
            faults.append(f"{where}: other estimates")
    return faults


def _pdf(made: document.Document) -> str:
    import pypdf

    pages = pypdf.PdfReader(io.BytesIO(document.pdf(made))).pages
    return " ".join(page.extract_text() for page in pages)


def _word(made: document.Document) -> str:
    import docx

    office = docx.Document(io.BytesIO(document.word(made)))
    cells = [cell.text for table in office.tables for row in table.rows for cell in row.cells]
    return " ".join([*(paragraph.text for paragraph in office.paragraphs), *cells])


def _sheet(folder: Path) -> pd.DataFrame:
    file = io.BytesIO((folder / "results.xlsx").read_bytes())  # what is read lazily stays open
    first, *rest = load_workbook(file, read_only=True)["effects"].iter_rows(values_only=True)
    return pd.DataFrame(rest, columns=first)


def _csv(folder: Path) -> pd.DataFrame:
    return pd.read_csv(folder / "effects.csv", encoding="utf-8-sig")


def cell(county: County, rng: np.random.Generator) -> tuple[str, int, str, str]:
    """Draw a trial, a row and a column of scores, and a score that others have."""
    name = str(rng.choice([*county.jobs]))
    table = pd.read_csv(county.file(name), dtype=str, keep_default_na=False)
    column = str(rng.choice(["pre", "post"]))
    row, value = rng.integers(len(table)), rng.choice(table.loc[table[column] != "", column])
    return name, int(row), column, str(value)


def main(arguments: Any = None) -> None:
    """Change cells one after another and say how many left something wrong."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("cells", nargs="?", type=int, default=200)
    cells = parser.parse_args(arguments).cells
    rng, start, bad = np.random.default_rng(2026), time.monotonic(), 0
    with tempfile.TemporaryDirectory() as place:
        names = ["mobilise-feedback", "mobilise-language", "mobilise-metacognition"]
        county = County(Path(place), names)
        for _ in range(cells):
            drawn = cell(county, rng)
            faults = county.change(*drawn)
            bad += bool(faults)
            if faults:
                print(*drawn, *faults, sep="\n  ")
    spent = time.monotonic() - start
    print(f"{cells} cells, {bad} with something wrong, {spent / cells:.1f} s a cell")


if __name__ == "__main__":
    main()
