"""From the register to jobs: one a programme and cohort, checked before any kernel starts.

A job's key is a hash of everything that can change its result, so that a run folder named by the
key is proof that this very job was done.
"""

from __future__ import annotations

import ast
import contextlib
import difflib
import hashlib
import hmac
import json
import os
import re
import secrets
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, fields
from datetime import date, time
from functools import cache, partial
from pathlib import Path
from typing import Any

from evidence.data.formats.tables import place
from evidence.data.private import exposed, own
from evidence.data.register import Cohort, Programme, Register, refuse
from evidence.errors import EvidenceError, nearest
from evidence.release.store import reader

# What the runner itself sets; a notebook declares them, the register never does.
RUN_PARAMETERS = ("data", "out", "run_id")
RELEASED = "released/effects.parquet"  # made by `gather`: reports that ask for it wait for it
_RENAMED = {"lot": "allocation"}  # parameters by their earlier names: old registers still read
_LONGEST = 250  # characters of a text that may be a file's name
PACKAGE = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """Where a project's parts lie.

    Parameters
    ----------
    register : Path
        The register of programmes.
    data : Path
        Folder that the register's files are relative to.
    notebooks : Path
        Folder of the parameterised notebooks.
    runs, published : Path
        The private zone of candidate results and the public one of releases.
    """

    register: Path = Path("data/programmes.toml")
    data: Path = Path("data")
    notebooks: Path = Path("notebooks")
    runs: Path = Path("runs")
    published: Path = Path("published")

    def resolved(self) -> Project:
        """Return the same project by absolute paths."""
        return Project(**{spec.name: getattr(self, spec.name).resolve() for spec in fields(self)})

    @property
    def lock(self) -> Path:
        """The lock file beside the notebooks folder."""
        return self.notebooks.resolve().parent / "requirements.lock"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One notebook to run with one set of parameters.

    Parameters
    ----------
    programme, cohort : str
        Names in the register.
    notebook : Path
        The notebook to execute.
    parameters : dict
        Literal values, with input paths relative to the data folder.
    inputs : dict
        Input path (relative to the data folder) to SHA-256 of its content.
    named : dict
        The same of files that are no inputs of the register, and that a parameter or a text in the
        notebook's code names.
    notebook_sha256 : str
        Hash of the notebook's source cells.
    key : str
        Hash of all the above, the package's source and the lock file.
    timeout : float or None
        Seconds that the register gives the report.
    """

    programme: str
    cohort: str
    notebook: Path
    parameters: dict[str, Any]
    inputs: dict[str, str]
    named: dict[str, str]
    notebook_sha256: str
    key: str
    timeout: float | None = None

    @property
    def run_id(self) -> str:
        """Short form of the key, which names the run's folder and its results."""
        return self.key[:16]

    @property
    def label(self) -> str:
        """Programme and cohort, as progress lines and messages call the job."""
        return f"{self.programme}/{self.cohort}"

    def folder(self, runs: Path) -> Path:
        """Return the run folder, which exists when and only when every cell ran."""
        return runs / self.programme / self.cohort / self.run_id


def plan(project: Project) -> list[Job]:
    """Make the jobs of a register.

    Parameters
    ----------
    project : Project
        Where the register, data and notebooks lie.

    Returns
    -------
    list of Job
        One a programme and cohort, in the register's order.

    Raises
    ------
    EvidenceError
        The first of the faults that `check` finds, with how many more there are.
    """
    jobs, faults = _plan(project)
    refuse(faults)
    return jobs


Deeper = Callable[["Job", str], list[tuple[tuple[str, ...], str]]]


def check(project: Project, deeper: Deeper = lambda job, design: []) -> list[str]:
    """Return every fault of the register and its jobs, a line each; empty when all is well.

    Parameters
    ----------
    project : Project
        Where its parts lie.
    deeper : callable
        Gets a job and its programme's design, and gives its further faults: which key, and the
        reason.
    """
    return _plan(project, deeper)[1]


def warnings(project: Project) -> list[str]:
    """Return what hinders no job: a file of pupils that everybody may read, a report that waits."""
    programmes = Register(project.register).programmes
    waiting = [f"{p.name}/{c.name}" for p in programmes for c in p.cohorts
               if _waits(project.data, c)]  # fmt: skip
    files = {
        place(project.data / file)[0]
        for programme in programmes
        if not (programme.simulated or programme.public)
        for cohort in programme.cohorts
        for value in cohort.files.values()
        for file in ([value] if isinstance(value, str) else value)
    }
    return [
        f"{path}: everybody on this machine may read it; chmod -R go= {project.data} mends it"
        for path in exposed(sorted(filter(Path.is_file, files)))
    ] + [f"{label}: waits for a release; run again after it" for label in waiting]


def gather(project: Project) -> None:
    """Put what is released into the data folder, merged hubs too, for reports that ask for it.

    Nothing is written where no report does, or where nothing is released yet.
    """
    programmes = Register(project.register).programmes
    if not any(_waits(project.data, cohort, told=True) for p in programmes for cohort in p.cohorts):
        return
    try:
        effects = reader.effects(project.published, hubs=True)
    except EvidenceError:
        return
    path = project.data / RELEASED
    path.parent.mkdir(mode=0o700, exist_ok=True)
    draft = path.with_name(f".{os.getpid()}")
    effects.to_parquet(draft)
    draft.replace(path)


def _waits(data: Path, cohort: Cohort, *, told: bool = False) -> bool:
    """Say whether a report asks for what is released (`told`), and whether that is not there."""
    asked = RELEASED in leaves(cohort.files)
    return asked and (told or not (data / RELEASED).is_file())


def _plan(project: Project, deeper: Deeper = lambda job, design: []) -> tuple[list[Job], list[str]]:
    register = Register(project.register)
    hashes = cache(sha256)
    surroundings = [_package_sha256(), sha256(project.lock) if project.lock.exists() else ""]
    jobs, faults = [], list(register.faults)
    costed = {each.name: each.costed() for each in register.programmes if each.primary}
    for programme in register.programmes:
        for position, cohort in enumerate(programme.cohorts):
            if _waits(project.data, cohort):
                continue
            found: list[tuple[str | tuple[str, ...], str]] = []  # of which key, and what
            try:
                job = _job(project, programme, cohort, hashes, surroundings, costed, found)
                jobs.append(job)
                found += deeper(job, programme.design) if job else []
            except EvidenceError as fault:
                found.append(("notebook", str(fault)))
            for name, reason in found:
                at = (name,) if isinstance(name, str) else name
                if len(at) == 1:
                    at = _where(programme, cohort, position, *at)
                where = ("programme", programme.name, *at)
                faults.append(register.fault(where, f"{programme.name}/{cohort.name}: {reason}"))
    return list(filter(None, jobs)), [
        message for _, message in sorted(faults, key=lambda fault: fault[0])
    ]


def _where(programme: Programme, cohort: Cohort, position: int, name: str) -> tuple[str, ...]:
    """Return the keys, within its programme's table, that a fault of `name` is mended at."""
    at = ("cohorts", str(position))
    if name in cohort.parameters:
        return (*at, "parameters", name)
    if name in cohort.files:
        return (*at, "files", name)
    if name in programme.parameters:
        return ("parameters", name)
    if name in ("design", "subgroups"):
        return (name,)
    return ("notebook",) if name == "notebook" else at


def _job(
    project: Project,
    programme: Programme,
    cohort: Cohort,
    hashes: Callable[[Path], str],
    surroundings: list[str],
    costed: dict[str, Any],
    found: list[tuple[str, str]],
) -> Job | None:
    """Make a job, or add to `found` why there can be none: which key, and the reason."""
    path = project.notebooks / f"{programme.notebook}.ipynb"
    if not path.is_file():
        there = sorted(p.stem for p in project.notebooks.glob("*.ipynb"))
        raise EvidenceError(
            f"no notebook {programme.notebook!r} in {project.notebooks}; "
            f"{nearest(programme.notebook, there)}"
        )
    notebook = read_notebook(path)
    declared = declared_parameters(notebook, path)
    parameters = _parameters(programme, cohort, declared, found)
    if "programmes" in declared:
        parameters["programmes"] = costed
    inputs: dict[str, str] = {}
    open_data = programme.simulated or programme.public
    digest = hashes if open_data else partial(_keyed, hashes, project.runs / ".key")
    for name, value in cohort.files.items():
        files = [value] if isinstance(value, str) else value
        faults = {file: fault for file in files if (fault := _file_fault(project.data, file))}
        if faults:
            more = f" (and {len(faults) - 1} more of its files)" if len(faults) > 1 else ""
            found.append((name, f"{name}: {next(iter(faults.values()))}{more}"))
        sound = [file for file in files if file not in faults]
        inputs |= {file: digest(place(project.data / file)[0]) for file in sound}
    if found:
        return None
    named = {
        file: digest(project.data / file)
        for file in _named(notebook, parameters, project.data)
        if file not in {place(Path(one))[0].as_posix() for one in inputs}
    }
    notebook_sha256 = _notebook_sha256(notebook)
    name = [programme.name, cohort.name]
    everything = [name, notebook_sha256, parameters, inputs | named, *surroundings]
    return Job(
        programme=programme.name,
        cohort=cohort.name,
        notebook=path,
        parameters=parameters,
        inputs=inputs,
        named=named,
        notebook_sha256=notebook_sha256,
        key=hashlib.sha256(json.dumps(everything, sort_keys=True).encode()).hexdigest(),
        timeout=cohort.timeout or programme.timeout or None,
    )


def _named(notebook: dict[str, Any], parameters: dict[str, Any], data: Path) -> list[str]:
    """Return the files that parameters and texts in a notebook's code name, in order."""
    texts = [leaf for leaf in leaves(parameters) if isinstance(leaf, str)]
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code" and "parameters" not in cell["metadata"].get("tags", ()):
            with contextlib.suppress(SyntaxError):  # which the run itself meets
                tree = ast.parse("".join(cell["source"]))
                texts += [n.value for n in ast.walk(tree)
                          if isinstance(n, ast.Constant) and isinstance(n.value, str)]  # fmt: skip
    short = {text for text in texts if 0 < len(text) < _LONGEST and "\0" not in text}
    files = {text if (data / text).is_file() else text.lstrip("/") for text in short}
    return sorted(file for file in files if file and (data / file).is_file())


def changed(job: Job, project: Project) -> str:
    """Say which file of a job is another than when the job was planned; "" where none is.

    Asked when the report has run: what it read may be neither what was there before nor after.
    """
    key = project.runs / ".key"
    for file, digest in (job.inputs | job.named).items():
        path = place(project.data / file)[0]
        if not path.is_file():
            return f"{file} was taken away while the report ran; put it back and run again"
        if digest not in (sha256(path), _keyed(sha256, key, path)):
            return f"{file} was changed while the report ran; run again"
    if _notebook_sha256(read_notebook(job.notebook)) != job.notebook_sha256:
        return f"{job.notebook.name} was changed while the report ran; save it and run again"
    return ""


def _notebook_sha256(notebook: dict[str, Any]) -> str:
    """Return the hash of what a notebook's cells say, whatever was run of them and shown."""
    sources = [[cell["cell_type"], "".join(cell["source"])] for cell in notebook["cells"]]
    return hashlib.sha256(json.dumps(sources).encode()).hexdigest()


def _file_fault(data: Path, file: str) -> str:
    """Say why a file of the register cannot be an input; "" when it can."""
    if not file.strip():
        return "is empty; name a file"
    if Path(file).is_absolute() or ".." in Path(file).parts:
        return f"{file!r} lies outside {data}; move it there"
    if place(data / file)[0].is_file():
        return ""
    hints = ["evidence sample makes it"] if file.startswith(("sample/", "star/")) else []
    if "*" in file:
        hints.append("a star is no pattern here: write a range such as {2015..2019}")
    folder = (data / file).parent
    beside = sorted(path for path in folder.iterdir() if path.is_file()) if folder.is_dir() else []
    names = [path.relative_to(data).as_posix() for path in beside]
    if close := difflib.get_close_matches(file, names, n=1):
        hints.append(f"did you mean {close[0]!r}?")
    return f"no file {file!r} in {data}{'; ' if hints else ''}{', or '.join(hints)}"


def read_notebook(path: Path) -> dict[str, Any]:
    """Read a notebook file as plain data."""
    try:
        notebook = json.loads(path.read_text(encoding="utf-8"))
        return {"cells": notebook["cells"], "metadata": notebook["metadata"]}
    except (ValueError, KeyError, TypeError):
        raise EvidenceError(f"{path}: not a notebook; save it again from JupyterLab") from None


def declared_parameters(notebook: dict[str, Any], path: Path) -> dict[str, tuple[Any, str]]:
    """Read the literal defaults of the cell tagged `parameters`, with the first word beside each.

    A parameter whose comment begins with "required" has to be given by the register; one whose
    comment begins with "default" keeps its value where the register gives none. All others are
    values to try the notebook with, and are empty in a run unless the register gives them.

    Raises
    ------
    EvidenceError
        There is no such cell, or a default is not a literal.
    """
    cells = [c for c in notebook["cells"] if "parameters" in c.get("metadata", {}).get("tags", [])]
    if not cells:
        raise EvidenceError(f"{path}: no cell is tagged 'parameters'")
    source, place = "".join(cells[0]["source"]), f"{path}, parameters cell, line"
    lines = source.splitlines()
    declared = {}
    try:
        for node in ast.parse(source).body:
            (target,) = [node.target] if isinstance(node, ast.AnnAssign) else node.targets
            comment = re.match(r"\W*(\w*)", lines[node.lineno - 1].partition("#")[2])
            declared[target.id] = ast.literal_eval(node.value), comment[1]
    except SyntaxError as error:
        raise EvidenceError(f"{place} {error.lineno}: not Python; open it in JupyterLab") from None
    except (AttributeError, ValueError):
        hint = "use plain literals only, such as name = 'value'"
        raise EvidenceError(f"{place} {node.lineno}: {hint}") from None
    return declared


def _parameters(
    programme: Programme,
    cohort: Cohort,
    declared: dict[str, tuple[Any, str]],
    found: list[tuple[str, str]],
) -> dict[str, Any]:
    """Give the notebook what it declares; what the register states wrongly is added to `found`."""
    stated = {**programme.parameters, **cohort.files, **cohort.parameters}
    for old, new in _RENAMED.items():
        if old in stated and old not in declared and new in declared:
            stated[new] = stated.pop(old)
    offered = {
        "programme": programme.name,
        "cohort": cohort.name,
        "title": programme.title,
        "cohort_title": cohort.title,
        "reported_claim": programme.claim,
        "design": programme.design,
        "simulated": programme.simulated,
        "published": programme.published,
        "units": programme.units,
        "outcomes": [asdict(outcome) for outcome in programme.outcomes],
        "subgroups": programme.subgroups,
    }
    allowed = [name for name in declared if name not in (*offered, *RUN_PARAMETERS)]
    hints = {name: nearest(name, allowed) for name in stated if name not in allowed}
    for name, hint in hints.items():
        found.append((name, f"notebook {programme.notebook!r} has no parameter {name!r}; {hint}"))
    parameters = {name: value for name, value in offered.items() if name in declared} | stated
    for name, (default, mark) in declared.items():
        if name in RUN_PARAMETERS:
            continue
        if name not in parameters:
            misspelt = nearest(name, [name]) in hints.values()  # and named as that already
            if mark == "required" and not misspelt:
                reason = f"parameter {name!r} of notebook {programme.notebook!r} is required; "
                found.append((name, f"{reason}state it under parameters or files"))
            if mark != "default":
                parameters[name] = type(default)()
        elif any(isinstance(leaf, date | time) for leaf in leaves(parameters[name])):  # of TOML
            found.append((name, f"parameter {name!r}: write dates and times as text, in quotes"))
        elif not _same_type(parameters[name], default):
            reason = f"parameter {name!r} must be {type(default).__name__} "
            found.append((name, f"{reason}(as in {default!r}), not {parameters[name]!r}"))
    return parameters


def _same_type(value: Any, default: Any) -> bool:
    if default is None:
        return True
    if isinstance(default, float):
        return isinstance(value, int | float) and not isinstance(value, bool)
    if isinstance(default, list) and default and isinstance(value, list):
        return all(_same_type(item, default[0]) for item in value)
    return type(value) is type(default)


def leaves(value: Any) -> Iterator[Any]:
    """Give what a value in JSON holds that is neither an object nor a list."""
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from leaves(item)
    else:
        yield value


def sha256(path: Path) -> str:
    """Return the hash of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _keyed(hashes: Callable[[Path], str], key: Path, path: Path) -> str:
    """Return a digest that says which file was used, to those who have the project's key only.

    The plain one of a short private file gives the file back: every likely one can be tried.
    """
    if not key.exists():
        own(key.parent)
        new = key.with_name(f".key-{os.getpid()}")
        new.touch(mode=0o600)
        new.write_text(secrets.token_hex(32), encoding="ascii")
        with contextlib.suppress(FileExistsError):
            os.link(new, key)  # of two at once, one key stays
        new.unlink()
    return hmac.new(key.read_bytes(), hashes(path).encode(), "sha256").hexdigest()


@cache
def _package_sha256() -> str:
    digest = hashlib.sha256()
    for path in sorted(PACKAGE.rglob("*.py")):
        digest.update(path.relative_to(PACKAGE).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()
