"""What an installation lacks: each fault of it in a line, with what mends it.

Each thing is tried as it will be used: a kernel is started, folders are written to. What needs
other packages is imported only once these are known to be there.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from importlib import metadata, util
from pathlib import Path
from typing import TYPE_CHECKING

from evidence.errors import EvidenceError

if TYPE_CHECKING:
    from evidence.run.plan_jobs import Project

_ROOM = 2_000_000_000  # bytes that a county's reports and releases may take
_PROBE = b"x" * 100_000
_SHOWN = 3  # of many alike that are named
_LOCKED = re.compile(r"([A-Za-z0-9][\w.-]*)==([^\s;\\]+)\s*(?:;\s*([^\\]+?))?\s*\\?$")
_START = 60  # seconds that a kernel may take to start


def examine(
    *, register: Path, data: Path, notebooks: Path, runs: Path, published: Path
) -> Iterator[tuple[str, str]]:
    """Yield what was looked at and what is wrong with it, "" where nothing is.

    Parameters
    ----------
    register, data, notebooks, runs, published : Path
        Where the project's parts lie.
    """
    yield (
        f"Python {sys.version.split()[0]}",
        ("" if sys.version_info >= (3, 11) else "3.11 or later is needed: install a newer python3"),
    )
    fault, missing = _packages()
    yield "packages", fault
    if missing:
        yield "all else", "cannot be looked at until the packages are there"
        return
    from evidence.run.plan_jobs import Project

    project = Project(
        register=register, data=data, notebooks=notebooks, runs=runs, published=published
    )
    if project.lock.is_file():
        yield "lock file", _lock(project.lock)
    yield "kernel", _kernel()
    yield "register", _register(project)
    yield (
        "notebooks",
        ""
        if any(notebooks.glob("*.ipynb"))
        else (f"no notebook in {notebooks}: go to the project's folder"),
    )
    yield "data", _readable(data) or _folder(data)
    yield "private data", _private(project)
    yield "runs", _folder(runs) or _closed(runs, inside=False) or _locked(runs)
    yield "releases", _folder(published)
    yield "temporary files", _temporary()
    yield "secret of pupils' ids", _secret()
    yield "disk", _room([Path.cwd(), data, runs, published])
    if util.find_spec("playwright"):  # who tests the pages
        yield "Chromium", _chromium()


def _mend() -> str:
    """Return the command that installs everything again, here."""
    checkout = Path(__file__).resolve().parents[3]
    if (checkout / "Makefile").is_file():
        return f"make -B -C {checkout} setup"
    return f"{sys.executable} -m pip install --force-reinstall evidence"


def _listed(faults: list[str]) -> str:
    more = f" and {len(faults) - _SHOWN} more" if len(faults) > _SHOWN else ""
    return ", ".join(faults[:_SHOWN]) + more


def _packages() -> tuple[str, bool]:
    """Return what is wrong with the packages, and whether any is missing."""
    try:
        from packaging.requirements import Requirement
    except ModuleNotFoundError:
        return f"packaging is missing: {_mend()}", True
    wrong, missing = [], False
    for line in metadata.requires("evidence") or ():
        need = Requirement(line)
        if need.marker and not need.marker.evaluate({"extra": ""}):
            continue
        try:
            there = metadata.version(need.name)
        except metadata.PackageNotFoundError:
            missing = True
            wrong.append(f"{need.name} is missing")
        else:
            if not need.specifier.contains(there, prereleases=True):
                wrong.append(f"{need.name} is {there}, {need.specifier} is needed")
    return (f"{', '.join(wrong)}: {_mend()}" if wrong else ""), missing


def _lock(lock: Path) -> str:
    """Say where the lock file and what is installed differ, or what of it cannot be read."""
    from packaging.markers import InvalidMarker, Marker

    wrong, names = [], 0
    for number, line in enumerate(lock.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip() or line[0] in " \t#":
            continue
        try:
            name, version, marker = _LOCKED.match(line).groups()
            if marker and not Marker(marker).evaluate({"extra": ""}):
                continue
        except (AttributeError, InvalidMarker):
            return f"{lock}, line {number}: is not NAME==VERSION: git checkout {lock.name}"
        names += 1
        try:
            there = metadata.version(name)
        except metadata.PackageNotFoundError:  # of an extra that nobody asked for
            continue
        if there != version:
            wrong.append(f"{name} is {there}, the lock says {version}")
    if not names:
        return f"{lock}: names no package: git checkout {lock.name}"
    return f"{_listed(wrong)}: {_mend()}" if wrong else ""


def _kernel() -> str:
    """Start a kernel as reports and JupyterLab do; say why it cannot be."""
    from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel
    from jupyter_client.manager import start_new_kernel

    try:
        spec = KernelSpecManager().get_kernel_spec("evidence")
    except (NoSuchKernel, OSError, ValueError):
        return f"Jupyter does not know the kernel `evidence`: {_mend()}"
    python = shutil.which(spec.argv[0]) if spec.argv else None
    own = spec.argv and re.fullmatch(r"python(3(\.\d+)?)?", spec.argv[0])
    if not own and (not python or not Path(python).samefile(sys.executable)):
        return (
            f"{spec.resource_dir} starts another Python, {spec.argv[:1]}: remove that folder, "
            f"then {_mend()}"
        )
    try:
        manager, client = start_new_kernel(_START, kernel_name="evidence")
    except Exception as error:  # whatever keeps it from starting
        return f"the kernel `evidence` does not start ({type(error).__name__}): {_mend()}"
    client.stop_channels()
    manager.shutdown_kernel(now=True)
    return ""


def _register(project: Project) -> str:
    from evidence.data.register import Register

    if not project.register.is_file():
        return f"no {project.register}: go to the project's folder, or begin with evidence start"
    try:
        faults = Register(project.register).faults
    except EvidenceError as error:
        return f"{error}"
    more = f" ({len(faults)} faults: evidence check names all)" if len(faults) > 1 else ""
    return f"{faults[0][1]}{more}" if faults else ""


def _folder(place: Path) -> str:
    """Write to a folder, or to that in which it will be made, and say why it cannot be done."""
    there = next(each for each in (place, *place.resolve().parents) if each.exists())
    if not there.is_dir():
        return f"{there} is a file: move it away"
    try:
        with tempfile.TemporaryFile(dir=there) as file:
            file.write(_PROBE)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return f"{there} is full, or your share of it: make room there"
        if error.errno == errno.EROFS:
            return f"{there} is on a disk that can only be read: name a folder elsewhere"
        return f"{there} cannot be written to: chmod u+rwx {there}, or ask who owns it"
    return ""


def _readable(data: Path) -> str:
    """Say which folder or file of the data cannot be read."""
    shut: list[Path] = []

    def closed(error: OSError) -> None:
        shut.append(Path(error.filename))

    for folder, _, files in os.walk(data, onerror=closed):
        shut += [path for name in files if not os.access(path := Path(folder, name), os.R_OK)]
    if not shut:
        return ""
    more = f" and {len(shut) - 1} more" if len(shut) > 1 else ""
    return f"{shut[0]}{more} cannot be read: chmod -R u+rX {data}, or ask who owns it"


def _locked(runs: Path) -> str:
    from evidence.run import ledger

    if not runs.is_dir():
        return ""
    try:
        with ledger.open_ledger(runs) as shared:
            return "another evidence run is at work in it: wait for it, or end it" if shared else ""
    except EvidenceError as error:
        return str(error)


def _closed(place: Path, inside: bool) -> str:
    """Say whether others than its owner may read a folder or, where asked, what is in it."""
    if os.name != "posix" or not place.is_dir():
        return ""
    for path in (place, *(sorted(place.rglob("*")) if inside else ())):
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            return f"{path} can be read by others: chmod -R go= {place}"
    return ""


def _private(project: Project) -> str:
    """Say what of pupils others may read: own files, and those of the register."""
    from evidence.run import plan_jobs

    if fault := _closed(project.data / "mine", inside=True):
        return fault
    if not project.register.is_file():
        return ""
    try:
        said = [line for line in plan_jobs.warnings(project) if "may read it" in line]
    except EvidenceError:  # the register says so itself
        return ""
    return said[0] if said else ""


def _temporary() -> str:
    """Say why no temporary file can be made, which every kernel needs."""
    try:
        return _folder(Path(tempfile.gettempdir()))
    except FileNotFoundError:
        return "no folder for temporary files can be written to: set TMPDIR to one that can"


def _secret() -> str:
    import pandas as pd

    from evidence.data import pseudonyms

    try:
        pseudonyms.protected(pd.DataFrame({"upn": ["a"]}), "")
    except (EvidenceError, OSError) as error:
        return re.sub(r"\s+", " ", str(error))
    return ""


def _room(places: Iterable[Path]) -> str:
    """Say which disk of these folders has too little room."""
    for place in places:
        there = next(each for each in (place, *place.resolve().parents) if each.exists())
        free = shutil.disk_usage(there).free
        if free < _ROOM:
            return f"{free / 1e9:.1f} GB are free at {there}: make room for {_ROOM / 1e9:.0f} GB"
    return ""


def _chromium() -> str:
    """Say why no Chromium can be used, in which the tests look at the pages."""
    mend = "make browser, or set EVIDENCE_CHROMIUM to one that is there"
    stated = os.environ.get("EVIDENCE_CHROMIUM")
    path = stated or shutil.which("chromium")
    if not path:
        from playwright.sync_api import sync_playwright

        with sync_playwright() as playwright:
            path = playwright.chromium.executable_path
    if not shutil.which(path):
        what = f"{path} is not there" if stated else "no Chromium is there"
        return f"{what}, in which the tests look at the pages: {mend}"
    try:
        subprocess.run([path, "--version"], check=True, capture_output=True, timeout=_START)
    except (OSError, subprocess.SubprocessError):
        return f"{path} does not start: {mend}"
    return ""
