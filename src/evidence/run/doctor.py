"""What an installation lacks: each fault of it in a line, with what mends it."""

from __future__ import annotations

import os
import re
import shutil
import stat
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pandas as pd
from packaging.requirements import Requirement

from evidence.data import pseudonyms
from evidence.errors import EvidenceError
from evidence.run import ledger
from evidence.run.plan_jobs import Project

_ROOM = 2_000_000_000  # bytes that a county's reports and releases may take


def examine(project: Project, published: Path) -> Iterator[tuple[str, str]]:
    """Yield what was looked at and what is wrong with it, "" where nothing is.

    Parameters
    ----------
    project : Project
        Where its parts lie.
    published : Path
        Folder of the releases.
    """
    yield (
        f"Python {sys.version.split()[0]}",
        ("" if sys.version_info >= (3, 11) else "3.11 or later is needed: install a newer python3"),
    )
    yield "packages", _packages()
    yield "kernel", _kernel()
    yield (
        "register",
        ""
        if project.register.is_file()
        else (f"no {project.register}: go to the project's folder, or begin with evidence start"),
    )
    yield (
        "notebooks",
        ""
        if any(project.notebooks.glob("*.ipynb"))
        else (f"no notebook in {project.notebooks}: go to the project's folder"),
    )
    yield "runs", _folder(project.runs) or _locked(project.runs)
    yield "releases", _folder(published)
    yield "private data", _private(project.data)
    yield "secret of pupils' ids", _secret()
    free = shutil.disk_usage(Path.cwd()).free
    yield (
        "disk",
        ""
        if free > _ROOM
        else (f"{free / 1e9:.1f} GB are free; make room for {_ROOM / 1e9:.0f} GB"),
    )


def _packages() -> str:
    wrong = []
    for line in metadata.requires("evidence") or ():
        need = Requirement(line)
        if need.marker and not need.marker.evaluate({"extra": ""}):
            continue
        try:
            there = metadata.version(need.name)
        except metadata.PackageNotFoundError:
            wrong.append(f"{need.name} is missing")
        else:
            if not need.specifier.contains(there, prereleases=True):
                wrong.append(f"{need.name} is {there}, {need.specifier} is needed")
    return f"{', '.join(wrong)}: make setup, or python -m pip install evidence" if wrong else ""


def _kernel() -> str:
    from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

    try:
        KernelSpecManager().get_kernel_spec("evidence")
    except NoSuchKernel:
        return "JupyterLab does not know the kernel `evidence`: install the package again"
    return ""


def _folder(place: Path) -> str:
    there = next(each for each in (place, *place.resolve().parents) if each.exists())
    writable = os.access(there, os.W_OK | os.X_OK)
    return "" if writable else f"{there} cannot be written to: change its permissions (chmod u+w)"


def _locked(runs: Path) -> str:
    if not runs.is_dir():
        return ""
    try:
        with ledger.open_ledger(runs) as shared:
            return "another evidence run is at work in it: wait for it, or end it" if shared else ""
    except EvidenceError as error:
        return str(error)


def _private(data: Path) -> str:
    mine = data / "mine"
    if os.name != "posix" or not mine.is_dir():
        return ""
    open_to = [path for path in (mine, *mine.rglob("*"))
               if stat.S_IMODE(path.stat().st_mode) & 0o077]  # fmt: skip
    return f"{open_to[0]} can be read by others: chmod -R go= {mine}" if open_to else ""


def _secret() -> str:
    try:
        pseudonyms.protected(pd.DataFrame({"upn": ["a"]}), "")
    except (EvidenceError, OSError) as error:
        return re.sub(r"\s+", " ", str(error))
    return ""
