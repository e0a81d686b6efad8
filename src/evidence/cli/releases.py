"""Commands of releases: make, verify, take back, share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from typer import Argument, Option

from evidence.cli.options import (
    DATA,
    NOTEBOOKS,
    PUBLISHED,
    REGISTER,
    RUNS,
    SEALED,
    Data,
    Notebooks,
    Published,
    Register,
    Runs,
    a_line_each,
    app,
    planned,
    refuse,
)
from evidence.errors import EvidenceError


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

    _, jobs = planned(register=register, data=data, notebooks=notebooks, runs=runs)
    done = [job.folder(runs) for job in jobs if job.folder(runs).exists()]
    if not done:
        stale = any(job.folder(runs).parent.is_dir() for job in jobs)
        since = " of what is there now: something was changed since" if stale else ""
        raise EvidenceError(f"no finished run in {runs}{since}; evidence run makes them")
    stay = released(published)
    for job in jobs:
        if job.folder(runs) in done:
            continue
        earlier = job.folder(runs).with_name(stay.get(job.label, "none"))
        done += [earlier] if earlier.is_dir() else []
        which = "the result released before stays" if earlier.is_dir() else "left out"
        typer.echo(f"{which}, not run yet, failed or changed since: {job.label}", err=True)
    cards = [programme.card() for programme in load(register)]
    allowed = rules.load(data / "disclosure.toml")
    late = [job.label for job in jobs if job.folder(runs) not in done]
    options = {"reviewer": reviewer, "rules": allowed, "look": look, "late": late}
    typer.echo("working out what may leave, which takes longer the more there is ...", err=True)
    report = make_release(done, cards, published, **options)
    typer.echo(report.review() if look or reviewer else report.summary())


@app.command()
def verify(
    protocol: Annotated[
        Path | None, Argument(help="A trial's protocol: its allocation is checked instead.")
    ] = None,
    published: Published = PUBLISHED,
    runs: Runs = RUNS,
    head: Annotated[str, Option(help="Last line's hash, as noted elsewhere.")] = "",
    roster: Annotated[Path | None, Option(help="With a protocol: one row a school.")] = None,
    sealed: Annotated[Path, Option(help="With a protocol.")] = SEALED,
    allocation: Annotated[
        Path | None, Option(help="With a protocol: unit and arm; else printed.")
    ] = None,
) -> None:
    """Find tampering, missing files, and numbers that do not come from their run."""
    if protocol:
        from evidence.studies.planning.planned import Plan, written

        if not roster:
            raise EvidenceError("--roster: the file that was allocated is needed")
        with a_line_each():
            found = Plan.read(protocol).verify(roster, sealed, allocation)
        typer.echo(f"{found.sentence()} All is as it was sealed on {found.record['time']}.")
        typer.echo(f"head {found.record['hash']}")
        if not allocation:  # who lost it has it again
            typer.echo(written(found).decode(), nl=False)
        return
    if roster or allocation:
        raise EvidenceError("--roster, --allocation: name the protocol first, then its files")
    from evidence.release.store import log
    from evidence.release.store.verify import examine
    from evidence.show.words import counted

    faults, doubts = examine(published, runs if runs.is_dir() else None, head)
    for line in doubts:
        typer.echo(line, err=True)
    refuse(faults)
    lines = counted(len(log.lines(published)), "line")
    state = f"{len(doubts)} could not be judged" if doubts else "all as they should be"
    typer.echo(f"{published}: {lines} in the log, {state}")
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
