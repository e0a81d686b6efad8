"""A project begun from what comes with the library: the example, or one's own from one file."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import evidence
from evidence.data import pseudonyms
from evidence.errors import EvidenceError

_IGNORED = "data/mine/\nruns/\n.ipynb_checkpoints/\n"
_HIDDEN = shutil.ignore_patterns(".*")
_NOTEBOOK = "trial"


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
    if folder.exists() and any(folder.iterdir()):
        raise EvidenceError(f"{folder}: holds something else already; name a new folder")
    shutil.copytree(template("notebooks"), folder / "notebooks", ignore=_HIDDEN)
    (folder / "data").mkdir()
    shutil.copyfile(template("data/disclosure.toml"), folder / "data/disclosure.toml")
    (folder / ".gitignore").write_text("data/sample/\ndata/star/\n" + _IGNORED, encoding="utf-8")
    there.write_bytes(register)  # the last: with it the folder is whole


def begin(file: Path, folder: Path, table: Any, plan: Mapping[str, Any], title: str) -> list[str]:
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
        The folder holds something, or the table holds pupils' names.
    """
    if folder.exists() and any(folder.iterdir()):
        raise EvidenceError(f"{folder}: holds something already; name another with --folder")
    ids = [plan["pupil"]] if plan["pupil"] else []
    table = pseudonyms.protected(table, file, ids=ids)
    (folder / "data").mkdir(parents=True, exist_ok=True)
    kept = pseudonyms.keep(table, folder / "data/mine", file)
    name = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-") or "trial"
    register = folder / "data/programmes.toml"
    register.write_text(_register(name, title, f"mine/{kept.name}", plan), encoding="utf-8")
    shutil.copyfile(template("data/disclosure.toml"), folder / "data/disclosure.toml")
    notebook = folder / f"notebooks/{_NOTEBOOK}.ipynb"
    notebook.parent.mkdir()
    filled = {
        "programme": name, "cohort": "1", "title": title, "cohort_title": "First cohort",
        "pupils": f"mine/{kept.name}", "where": {}, "labels": {}, "covariates": [], **plan,
    }  # fmt: skip
    notebook.write_text(_filled(template(f"notebooks/{_NOTEBOOK}.ipynb"), filled), encoding="utf-8")
    (folder / ".gitignore").write_text(_IGNORED, encoding="utf-8")
    return [
        f"{kept}: the pupils, readable by you only, never in git",
        f"{register}: what is analysed; costs and words are yours to add",
        f"{notebook}: the analysis, with your settings, to explore in JupyterLab",
    ]


def _register(name: str, title: str, pupils: str, plan: Mapping[str, Any]) -> str:
    kept = {
        key: value for key, value in plan.items() if key not in ("outcomes", "subgroups") and value
    }
    lines = [
        "# What is analysed. A line that begins with # is a note; add phase, lead, about",
        "# and cost (pounds a pupil a year).",
        f"[programme.{name}]",
        f"title = {json.dumps(title)}",
        'phase = ""',
        'lead = ""',
        'about = ""',
        'design = "randomised"',
        f'notebook = "{_NOTEBOOK}"',
        f"subgroups = {json.dumps(plan['subgroups'])}",
        "",
        f"[programme.{name}.parameters]",
        *(f"{key} = {json.dumps(value)}" for key, value in kept.items()),
    ]
    for outcome in plan["outcomes"]:
        lines += ["", f"[[programme.{name}.outcomes]]"]
        lines += [f"{key} = {json.dumps(value)}" for key, value in outcome.items()]
    lines += ["", f"[[programme.{name}.cohorts]]", 'name = "1"', 'title = "First cohort"',
              f"files = {{ pupils = {json.dumps(pupils)} }}", ""]  # fmt: skip
    return "\n".join(lines)


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
