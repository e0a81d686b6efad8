"""Commands of a trial before it starts: plan, allocate, collect."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from typer import Argument, Option

from evidence.cli.options import REGISTER, SEALED, Register, a_line_each, app
from evidence.errors import EvidenceError

Protocol = Annotated[Path, Argument(help="The trial's protocol.")]


@app.command()
def plan(
    protocol: Protocol = Path("protocol.toml"),
    out: Annotated[Path, Option(help="Folder for the documents.")] = Path("plans"),
    new: Annotated[bool, Option("--new", help="Write a protocol to fill in.")] = False,
    kind: Annotated[
        str, Option("--design", help="With --new: IRA, BIRA2_random, CRA2, …")
    ] = "CRA2",
    like: Annotated[
        str, Option(help="With --new: a programme of the register, or a file of past pupils.")
    ] = "",
    register: Register = REGISTER,
) -> None:
    """Write protocol, analysis plan and report skeleton of a trial as HTML, PDF and Word."""
    from evidence.show import document
    from evidence.studies.planning import proposal as protocol_proposal
    from evidence.studies.planning.planned import Plan

    if new:
        if protocol.exists():
            raise EvidenceError(f"{protocol}: is there already; name another file")
        text, said = protocol_proposal.propose(kind, like, register)
        protocol.write_text(text, encoding="utf-8")
        typer.echo("\n".join([*said, f"{protocol}: fill it in, then evidence plan {protocol}"]))
        return
    with a_line_each():
        made = Plan.read(protocol)
    out.mkdir(parents=True, exist_ok=True)
    for name, one in made.documents().items():
        writers = {"html": document.html, "pdf": document.pdf, "docx": document.word}
        for ending, write in writers.items():
            (out / f"{name}.{ending}").write_bytes(write(one))
            typer.echo(f"wrote {out / name}.{ending}")
    typer.echo("\n".join(made.answer().parts))


@app.command()
def allocate(
    protocol: Protocol,
    roster: Annotated[Path, Option(help="One row a school.")],
    nonce: Annotated[
        str, Option(help="The public words that the protocol names, which nobody knew before.")
    ],
    sealed: Annotated[Path, Option(help="Append-only file.")] = SEALED,
    out: Annotated[Path, Option(help="File of unit and arm.")] = Path("allocation.csv"),
) -> None:
    """Allocate schools at random by the protocol's rule, and seal it: once."""
    from evidence.studies.planning.planned import Plan, written

    if out.exists():
        raise EvidenceError(f"{out}: is there already; name another with --out")
    with a_line_each():
        found = Plan.read(protocol).allocate(roster, nonce, sealed)
    out.write_bytes(written(found))
    typer.echo(f"{found.sentence()}\n{out}: who is in which arm\n{sealed}: the sealed record")


@app.command()
def collect(
    protocol: Protocol,
    out: Annotated[Path, Option(help="The blank workbook.")] = Path("pupils.xlsx"),
    pupils: Annotated[int, Option(min=1, max=20_000, help="Rows to fill in.")] = 200,
) -> None:
    """Write the workbook that schools fill in; evidence check --protocol takes it back."""
    from evidence.studies.planning.planned import Plan

    with a_line_each():
        Plan.read(protocol).collect(out, pupils)
    typer.echo(f"{out}: give it to schools; then evidence check {out} --protocol {protocol}")
