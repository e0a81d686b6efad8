"""Commands of a project: its sample, its beginning, checks and runs."""

from __future__ import annotations

import difflib
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from typer import Argument, Option

from evidence.cli.options import (
    DATA,
    NOTEBOOKS,
    PUBLISHED,
    REGISTER,
    RUNS,
    Data,
    Notebooks,
    Published,
    Register,
    Runs,
    a_line_each,
    app,
    called,
    planned,
    refuse,
)
from evidence.errors import EvidenceError

_CHOSEN = (
    "How did schools come to take part? Such as: chosen on low results in maths in 2016/17; or: "
    "free to join. Enter alone leaves it for later."
)


@app.command()
def sample(
    seed: Annotated[int, Option(help="Same seed, same county.")] = 2026,
    data: Data = DATA,
) -> None:
    """Make the simulated sample county, and the real trial Project STAR."""
    from evidence.data.sample import make

    files = make(data, seed)
    typer.echo(f"{len(files)} files under {data}: a simulated county, seed {seed}")


@app.command()
def demo(
    folder: Annotated[Path, Argument(help="A new folder, or one that demo has made before.")] = (
        Path("evidence-demo")
    ),
    only: Annotated[
        list[str] | None, Option(help="PROGRAMME or PROGRAMME/COHORT; all by default.")
    ] = None,
) -> None:
    """Make the whole example: county and real trial, every report, the release and its site."""
    from evidence.cli.releases import release
    from evidence.run import own_project

    own_project.example(folder)
    os.chdir(folder)
    sample()
    for _ in range(2):  # what works, put together, reads what the first has released
        run(only)
        release()
    there = "" if folder == Path() else f"cd {folder} && "
    typer.echo(f"""
Open  {folder / PUBLISHED / "current" / "index.html"}   the evidence base, in any browser
Type  {there}{called()} dashboard   the board's dashboard""")


@app.command()
def start(
    file: Annotated[
        Path, Argument(help="A trial, one row a pupil; or who took part, with --tables.")
    ],
    tables: Annotated[
        list[str] | None,
        Option(help="Performance tables, one a year, or a folder of them: a programme's results."),
    ] = None,
    folder: Annotated[
        Path | None, Option(help="The new project; default: the file's name.")
    ] = None,
    title: Annotated[str, Option(help="What people call the trial or programme.")] = "",
    treatment: Annotated[str, Option(help="Column of the arm each pupil was given.")] = "",
    control: Annotated[str, Option(help="The arm compared against.")] = "",
    arm: Annotated[str, Option(help="The arm asked about.")] = "",
    outcome: Annotated[str, Option(help="Column of the result.")] = "",
    baseline: Annotated[str, Option(help='Column of a score from before, or "none".')] = "",
    school: Annotated[str, Option(help='Column of the school, or "none".')] = "",
    allocated: Annotated[
        str, Option(help='What was allocated, "schools" or "pupils", where the file leaves doubt.')
    ] = "",
    apart: Annotated[
        str, Option(help="Column whose every value is in one arm alone: to go on all the same.")
    ] = "",
    programme: Annotated[str, Option(help="Which programme of a list of several.")] = "",
    began: Annotated[
        str, Option("--start", help="First school year, where the list has none.")
    ] = "",
    chosen: Annotated[
        str, Option(help='What schools were, such as "free to join" or "chosen on low results".')
    ] = "",
) -> None:
    """Begin a project of one's own: a trial's file, or a list of schools and their results."""
    from evidence.data import file_kinds, readers
    from evidence.run import own_project, rehearsal
    from evidence.run.plan_jobs import Project
    from evidence.studies import programme_proposal, trial_proposal

    if file.is_dir():
        raise EvidenceError(f"{file}: is a folder; name the file with the pupils, or the schools")
    if "#" not in file.name and not file.exists() and file.parent.is_dir():
        beside = difflib.get_close_matches(file.name, [each.name for each in file.parent.iterdir()])
        hint = f"; did you mean {file.with_name(beside[0])}?" if beside else ""
        raise EvidenceError(f"{file}: no such file{hint}")
    place = folder or Path(file.name.partition(".")[0])
    own_project.refuse_full(place)
    if tables:
        answers = {"outcome": outcome, "programme": programme, "start": began, "chosen": chosen}
        found, spells, years = _asked(
            file, answers, lambda: programme_proposal.propose(file, tables, answers)
        )
        if not chosen and sys.stdin.isatty():
            typer.echo(_CHOSEN)
            found.plan["chosen"] = typer.prompt("Schools were", default="", show_default=False)
        words = title or _words(found.plan["programme"])
        written = own_project.begin_programme(place, spells, years, found.plan, words)
    else:
        kind = file_kinds.guessed(file)
        if kind and kind.name == "participation" and not treatment:
            raise EvidenceError(
                f"{file}: is a list of schools that took part; say --tables with the performance "
                "tables of the years before and since, or with a folder of them"
            )
        answers = {"treatment": treatment, "control": control, "arm": arm, "outcome": outcome,
                   "baseline": baseline, "school": school, "allocated": allocated,
                   "apart": apart}  # fmt: skip
        table = readers.table(file)
        found, *_ = _asked(file, answers, lambda: (trial_proposal.propose(table, answers),))
        table = table.drop(columns=found.left_out)
        words = title or _words(file.name.partition(".")[0])
        written = own_project.begin_trial(file, place, table, found.plan, words)
    typer.echo("\n".join(f"{line[:1].upper()}{line[1:]}" for line in found.said))
    parts = {"register": place / REGISTER, "data": place / DATA, "notebooks": place / NOTEBOOKS}
    if faults := rehearsal.check(Project(**parts, runs=place / RUNS), typer.echo):
        own_project.undo(place)
        refuse([*(own_project.of_file(fault, place, file) for fault in faults),
                f"nothing was begun: mend {file} and start again"])  # fmt: skip
    typer.echo("\n".join(written))
    typer.echo(f"\nNext: cd {place} && {called()} run, which says where its report is")


def _words(name: str) -> str:
    """Return the name of a file or programme as people write it."""
    return name.replace("_", " ").replace("-", " ").capitalize()


def _asked(file: Path, answers: dict[str, str], propose: Callable[[], Any]) -> Any:
    """Propose until nothing is left to ask; without somebody at a terminal, say what is."""

    def proposed() -> Any:
        try:
            return propose()
        except EvidenceError as error:
            own = ("--", str(file))  # a fault of an answer, or one that names its file
            raise EvidenceError(
                *(one if one.startswith(own) else f"{file}: {one}" for one in error.faults)
            ) from None

    while (found := proposed())[0].questions:
        questions = found[0].questions
        if not sys.stdin.isatty():
            raise EvidenceError(*(
                f"{file}: {asked.text} Say --{asked.about}"
                + f" with one of: {asked.listed()}" * bool(asked.candidates)
                for asked in questions
            ))  # fmt: skip
        listed = questions[0].listed()
        typer.echo(questions[0].text + f" One of: {listed}" * bool(listed))
        answers[questions[0].about] = typer.prompt(questions[0].about)
    return found


@app.command()
def check(
    file: Annotated[Path | None, Argument(help="One file of any kind; default: all.")] = None,
    protocol: Annotated[
        Path | None, Option(help="The trial whose workbook the file is: evidence collect.")
    ] = None,
    register: Register = REGISTER,
    data: Data = DATA,
    notebooks: Notebooks = NOTEBOOKS,
    runs: Runs = RUNS,
) -> None:
    """Check the register, its parameters and its data, as far as every report; write nothing."""
    from evidence.data import file_kinds
    from evidence.run import rehearsal
    from evidence.run.plan_jobs import Project
    from evidence.show.words import counted

    if protocol:
        if not file:
            raise EvidenceError("--protocol: name the workbook that came back before it")
        from evidence.studies.planning.planned import Plan

        with a_line_each():
            table = Plan.read(protocol).collected([file])
        typer.echo(f"{file}: {counted(len(table), 'pupil')}, all as the protocol asks")
        return
    if file:
        pair = file.name.endswith(".meta.csv") or file.with_suffix(".meta.csv").is_file()
        try:
            _check_pair(file) if pair else typer.echo("\n".join(file_kinds.described(file)))
        except EvidenceError as error:
            refuse([*error.faults])
        return
    parts = {"register": register, "data": data, "notebooks": notebooks, "runs": runs}
    refuse(rehearsal.check(Project(**parts), typer.echo))
    _, jobs = planned(**parts)
    typer.echo(f"{register}: {counted(len(jobs), 'report')}, all can run")


def _check_pair(path: Path) -> None:
    """Name what a pair for explore education statistics does not keep."""
    from evidence.data.ees.rules import check
    from evidence.show.words import counted

    faults, warnings = check(path)
    typer.echo("\n".join(f"warning: {text}" for text in warnings), err=True, nl=bool(warnings))
    refuse(faults)
    typer.echo(
        f"{path}: keeps every rule" + f", {counted(len(warnings), 'warning')}" * bool(warnings)
    )


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
    published: Published = PUBLISHED,
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
    from evidence.run.plan_jobs import Project, gather
    from evidence.run.progress import Live, summary
    from evidence.run.runner import run as run_jobs

    os.umask(0o077)  # whatever a run writes is for its owner only
    parts = {"register": register, "data": data, "notebooks": notebooks, "runs": runs}
    gather(Project(**parts, published=published))
    project, jobs = planned(only or (), key, **parts)
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
    made = [outcome.job.folder(runs) for outcome in outcomes if outcome.state != "failed"]
    for folder in made if len(made) <= 3 else []:
        console.print(f"report: {folder / 'report.html'}")
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

    _, jobs = planned(register=register, data=data, notebooks=notebooks, runs=runs)
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


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def lab(
    context: typer.Context,
    folder: Annotated[Path, Option(help="The project, all of which is to be seen.")] = Path(),
) -> None:
    """Open the project in JupyterLab; other options are JupyterLab's own, such as --port=9000.

    The launcher begins a trial, a programme, a plan or a blank analysis. Nothing is asked of the
    network.
    """
    from jupyterlab.labapp import LabApp

    from evidence.run.lab import options

    LabApp.launch_instance(argv=[*options(folder), *context.args])


@app.command()
def doctor(
    register: Register = REGISTER,
    data: Data = DATA,
    notebooks: Notebooks = NOTEBOOKS,
    runs: Runs = RUNS,
    published: Published = PUBLISHED,
) -> None:
    """Name what an installation or a project lacks, and what mends it."""
    from evidence.run.doctor import examine

    faults = 0
    parts = {"register": register, "data": data, "notebooks": notebooks, "runs": runs}
    for about, fault in examine(**parts, published=published):
        faults += bool(fault)
        typer.echo(f"{'FAULT' if fault else 'well '}  {about}{': ' if fault else ''}{fault}")
    if faults:
        raise typer.Exit(1)
