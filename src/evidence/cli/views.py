"""Commands of what people read: papers, pages, dashboards."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from typer import Argument, Option

from evidence.cli.options import (
    PUBLISHED,
    Published,
    app,
)
from evidence.errors import EvidenceError


@app.command()
def paper(
    texts: Annotated[
        Path | None, Argument(help="What the author says, as --blank writes it.")
    ] = None,
    published: Published = PUBLISHED,
    out: Annotated[Path, Option(help="Folder for the PDF and Word files.")] = Path("papers"),
    blank: Annotated[bool, Option("--blank", help="Write a file of texts to fill in.")] = False,
) -> None:
    """Write a board paper of the current release as PDF and Word."""
    from evidence.release.paper import paper as papers
    from evidence.show import document

    if blank:
        place = texts or Path("paper.toml")
        if place.exists():
            raise EvidenceError(f"{place}: is there already; name another file")
        place.write_text(papers.blank(), encoding="utf-8")
        typer.echo(f"wrote {place}: fill it in, then evidence paper {place}")
        return
    made = papers.paper(published, papers.entered(texts))
    out.mkdir(parents=True, exist_ok=True)
    for name, write in (("paper.pdf", document.pdf), ("paper.docx", document.word)):
        (out / name).write_bytes(write(made))
        typer.echo(f"wrote {out / name}")
    typer.echo(f"reading age {document.reading_age(made):.0f}")


@app.command()
def envelope(
    file: Annotated[Path, Argument(help="The page to write, such as board.html.")],
    published: Published = PUBLISHED,
) -> None:
    """Write the board's page as one HTML file: no server, no network, to be e-mailed."""
    from evidence.release.site import site
    from evidence.release.store import reader

    text = site.envelope(reader.folder(published))
    file.write_text(text, encoding="utf-8")
    typer.echo(f"wrote {file}: {len(text.encode()) / 1000:,.0f} kB")


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
    from evidence.show.words import counted

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
    typer.echo(f"{out}: {counted(len(build(tables, out)), 'page')}; open {out / 'index.html'}")
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
    prefix: Annotated[
        str, Option(help="What a proxy puts before every path, such as /services/evidence/.")
    ] = "/",
) -> None:
    """Serve the dashboards of the board, of one programme and of all hubs on this machine."""
    from evidence.board.server import serve
    from evidence.run.own_project import template

    pages = template("dashboards/board.ipynb").parent
    options = {"password_file": password_file, "hosts": host or (), "prefix": prefix}
    serve(published, port, dashboards=pages, **options)


@app.command()
def check_report(
    file: Annotated[Path, Argument(help="A report that somebody wrote: docx, pdf or txt.")],
    csv: Annotated[Path | None, Option(help="Write the list as a table too.")] = None,
) -> None:
    """List the claims of a report and what each lacks, as a checklist for its reviewer."""
    from evidence.data.formats.documents import passages
    from evidence.release.claims.check import check

    found = check(passages(file))
    typer.echo("\n".join(found.lines()))
    if csv:
        found.table.to_csv(csv, index=False, encoding="utf-8-sig")
        typer.echo(f"{csv}: {len(found.table):,} rows")
