"""What the commands share: the app, the options that recur, refusals and the plan of a project."""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer import Option

from evidence.errors import EvidenceError, nearest

if TYPE_CHECKING:
    from evidence.run.plan_jobs import Job, Project

app = typer.Typer(
    help="What works in our schools, for whom, at what cost, and how sure are we?",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Register = Annotated[Path, Option(help="The register of programmes.")]
Data = Annotated[Path, Option(help="Folder that the register's files are relative to.")]
Notebooks = Annotated[Path, Option(help="Folder of the parameterised notebooks.")]
Runs = Annotated[Path, Option(help="Private folder of candidate results.")]
Published = Annotated[Path, Option(help="Folder of releases, which everybody may read.")]
REGISTER, DATA, NOTEBOOKS = Path("data/programmes.toml"), Path("data"), Path("notebooks")
RUNS, PUBLISHED = Path("runs"), Path("published")
SEALED = Path("allocations.jsonl")


def called() -> str:
    """Return what to type for this command: its name, or its place where no path leads to it."""
    here = Path(sys.executable).with_name("evidence")
    known = shutil.which("evidence") == str(here) or not here.is_file()
    return "evidence" if known else shlex.quote(str(here))


def refuse(faults: list[str]) -> None:
    """Say what is wrong, a line each, and end with status 1; go on where nothing is."""
    if faults:
        typer.echo("\n".join(faults), err=True)
        raise typer.Exit(1)


@contextmanager
def a_line_each() -> Iterator[None]:
    """Say every fault on a line of its own."""
    try:
        yield
    except EvidenceError as error:
        refuse([*error.faults])


def planned(only: Sequence[str] = (), key: str = "", **parts: Path) -> tuple[Project, list[Job]]:
    """Return the project of these parts and those of its jobs that are asked for."""
    from evidence.run.plan_jobs import Project, plan, warnings

    project = Project(**parts)
    jobs = plan(project)
    for line in warnings(project):
        typer.echo(line, err=True)
    names = {job.label for job in jobs} | {job.programme for job in jobs}
    for name in only:
        if name not in names:
            where = f"in {project.register}; {nearest(name, names)}"
            raise EvidenceError(f"no programme or cohort {name!r} {where}")
    if only:
        jobs = [job for job in jobs if {job.label, job.programme} & set(only)]
    of_key = [job for job in jobs if job.key.startswith(key)]
    if key and not of_key:
        raise EvidenceError(f"no job has the key {key!r}; evidence status lists them")
    return project, of_key
