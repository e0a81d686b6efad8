"""A project begun from what comes with the library: the example, or one's own files."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import evidence
from evidence.data import pseudonyms
from evidence.data.private import own
from evidence.data.toml_text import setting
from evidence.errors import EvidenceError
from evidence.show.words import counted, slug

if TYPE_CHECKING:
    import pandas as pd

_IGNORED = "data/mine/\nruns/\n.ipynb_checkpoints/\n"
_WORDS = {  # that a person adds to a register, and what each is
    "phase": "such as Key Stage 2",
    "lead": "who answers for it",
    "about": "what it is, in a sentence or two: the board reads it",
    "claim": "what a report has said of it, to be examined",
    "ask_next": "the next question for the board",
}
_NOTES = {"chosen": "schools were ...: such as chosen on low results, or free to join"}
_HIDDEN = shutil.ignore_patterns(".*")


def template(name: str) -> Path:
    """Return a file or folder of the library: in its wheel, or in the checkout it runs from.

    Raises
    ------
    EvidenceError
        It is in neither.
    """
    inside = Path(evidence.__file__).parent
    for root in (inside / "project", inside.parents[1]):
        if (root / name).exists():
            return root / name
    raise EvidenceError(f"{name} did not come with the library; install it again")


def example(folder: Path) -> None:
    """Write the register, the data owner's rules and the notebooks of the example project.

    Parameters
    ----------
    folder : Path
        Not there yet, empty, or one with the register of the example: then it stays as it is.

    Raises
    ------
    EvidenceError
        The folder holds something else.
    """
    register = template("data/programmes.toml").read_bytes()
    there = folder / "data/programmes.toml"
    if there.is_file() and there.read_bytes() == register:
        return
    refuse_full(folder)
    shutil.copytree(template("notebooks"), folder / "notebooks", ignore=_HIDDEN)
    (folder / "data").mkdir()
    shutil.copyfile(template("data/disclosure.toml"), folder / "data/disclosure.toml")
    (folder / ".gitignore").write_text("data/sample/\ndata/star/\n" + _IGNORED, encoding="utf-8")
    there.write_bytes(register)  # the last: with it the folder is whole


def begin_trial(
    file: Path, folder: Path, table: Any, plan: Mapping[str, Any], title: str
) -> list[str]:
    """Write a project for one trial and return what was written, a line each.

    Parameters
    ----------
    file : Path
        Where the pupils came from.
    folder : Path
        Not there yet, or empty.
    table : DataFrame
        The pupils; ids become pseudonyms, and names are refused.
    plan : mapping
        Parameters of the trial's notebook.
    title : str
        What people call the trial.

    Raises
    ------
    EvidenceError
        The table holds pupils' names.
    """
    ids = [plan["pupil"]] if plan["pupil"] else []
    table = pseudonyms.protected(table, file, ids=ids)
    (folder / "data").mkdir(parents=True, exist_ok=True)
    kept = pseudonyms.keep(table, folder / "data/mine", file)
    cohorts = [{"name": "1", "title": "First cohort", "files": {"pupils": f"mine/{kept.name}"}}]
    given = {k: v for k, v in plan.items() if k not in ("outcomes", "subgroups") and v}
    filled = {"pupils": f"mine/{kept.name}", "where": {}, "labels": {}, "covariates": [], **plan}
    card = {"title": title, "design": "randomised", "subgroups": plan["subgroups"]}
    project = _Own(slug(title, "trial"), "trial", card, given, plan["outcomes"], cohorts)
    return [
        f"{kept}: the pupils, readable by you only, never in git",
        *project.write(folder, filled),
    ]


def begin_programme(
    folder: Path, spells: pd.DataFrame, tables: Mapping[int, Path], plan: Mapping[str, Any],
    title: str,
) -> list[str]:  # fmt: skip
    """Write a project for a programme of schools and return what was written, a line each.

    Parameters
    ----------
    folder : Path
        Not there yet, or empty.
    spells : DataFrame
        Who took part: `urn`, `programme`, `start`, `end`.
    tables : mapping
        Year in which a school year ends, to its performance table; each is copied.
    plan : mapping
        As :func:`evidence.studies.programme_proposal.propose` returns it.
    title : str
        What people call the programme.
    """
    mine = folder / "data/mine"
    own(mine)
    kept = {year: f"mine/{plan['kind']}_{year}{path.suffix}" for year, path in tables.items()}
    for year, path in tables.items():
        shutil.copyfile(path, folder / "data" / kept[year])
    spells.to_csv(mine / "participation.csv", index=False)
    given = {key: plan[key] for key in ("years", "context", "labels") if plan[key]}
    given["chosen"] = plan["chosen"]
    files = {plan["kind"]: [*kept.values()], "participation": "mine/participation.csv"}
    cohorts = [{"name": str(start), "title": f"Started {start - 1}/{start % 100:02d}",
                "parameters": {"start": start}, "files": files}
               for start in plan["cohorts"]]  # fmt: skip
    filled = {"ks2": [], "ks4": [], "placebo": "", "reported_claim": "", "simulated": False,
              "context": [], "chosen": "", "start": plan["cohorts"][0], **given, **files,
              "outcomes": plan["outcomes"]}  # fmt: skip
    card = {"title": title, "design": "matched", "units": ["schools"]}
    project = _Own(plan["programme"], "impact", card, given, plan["outcomes"], cohorts)
    return [
        f"{mine}: who took part, and {counted(len(kept), 'table')}",
        *project.write(folder, filled),
    ]


def undo(folder: Path) -> None:
    """Take away a project that was just begun and cannot be run: it holds pupils."""
    for path in sorted(folder.iterdir()):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    folder.rmdir()


def of_file(fault: str, folder: Path, file: Path) -> str:
    """Return a fault of a project just begun as one of the file that it was begun from.

    The line of the register, which is gone, is left out, and the copy is called by its file.
    """
    said = re.sub(r"^\S*programmes\.toml, line \d+: [\w-]+/\S+: (pupils: )?", "", fault)
    return re.sub(rf"{re.escape(str(folder))}/data/mine/\S+?(?=[,:] |$)", str(file), said)


def refuse_full(folder: Path) -> None:
    """Refuse a folder that holds something."""
    if folder.exists() and any(folder.iterdir()):
        raise EvidenceError(f"{folder}: holds something already; name a new folder")


@dataclass(frozen=True, slots=True)
class _Own:
    """What a register says of one programme."""

    name: str
    notebook: str
    card: Mapping[str, Any]
    parameters: Mapping[str, Any]
    outcomes: Sequence[Mapping[str, Any]]
    cohorts: Sequence[Mapping[str, Any]]

    def write(self, folder: Path, filled: Mapping[str, Any]) -> list[str]:
        """Write register, rules, notebook and what git leaves alone."""
        register = folder / "data/programmes.toml"
        register.write_text(self.register(), encoding="utf-8")
        shutil.copyfile(template("data/disclosure.toml"), folder / "data/disclosure.toml")
        notebook = folder / f"notebooks/{self.notebook}.ipynb"
        notebook.parent.mkdir()
        known = {"programme": self.name, "cohort": self.cohorts[0]["name"],
                 "title": self.card["title"], "cohort_title": self.cohorts[0]["title"]}  # fmt: skip
        text = _filled(template(f"notebooks/{notebook.name}"), known | dict(filled))
        notebook.write_text(text, encoding="utf-8")
        (folder / ".gitignore").write_text(_IGNORED, encoding="utf-8")
        return [
            f"{register}: what is analysed; fill in what is empty, and the cost",
            f"{notebook}: the analysis, with your settings, to explore in JupyterLab",
        ]

    def register(self) -> str:
        """Return the register's text."""
        at = f"programme.{self.name}"
        lines = [
            "# What is analysed. What follows a # is a note. Fill in the words that are empty.",
            f"[{at}]",
            *(setting(key, value) for key, value in self.card.items()),
            *(setting(key, "", note) for key, note in _WORDS.items()),
            "# cost = 30  # pounds a pupil a year: your own figure, without the first #",
            setting("notebook", self.notebook),
            "",
            f"[{at}.parameters]",
            *(setting(key, value, _NOTES.get(key, "")) for key, value in self.parameters.items()),
        ]
        for part, entries in (("outcomes", self.outcomes), ("cohorts", self.cohorts)):
            for entry in entries:
                lines += ["", f"[[{at}.{part}]]", *(setting(k, v) for k, v in entry.items())]
        return "\n".join([*lines, ""])


def _filled(notebook: Path, values: Mapping[str, Any]) -> str:
    """Return a notebook with values in its parameters cell; comments stay."""
    book = json.loads(notebook.read_text(encoding="utf-8"))
    cell = next(c for c in book["cells"] if "parameters" in c["metadata"].get("tags", ()))
    source, lines, inside = "".join(cell["source"]).splitlines(), [], False
    for line in source:
        if inside:
            inside = not re.match(r"[\]})]", line)
            continue
        key, found, rest = line.partition(" = ")
        if found and key in values:
            note = re.search(r"  # .*$", rest)
            inside = bool(re.match(r"[\[{(]\s*(#.*)?$", rest.strip()))
            lines.append(f"{key} = {values[key]!r}{note[0] if note else ''}")
        else:
            lines.append(line)
    cell["source"] = [f"{line}\n" for line in lines[:-1]] + lines[-1:]
    return json.dumps(book, indent=1, ensure_ascii=False) + "\n"
