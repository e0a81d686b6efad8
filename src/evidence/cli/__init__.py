"""The command line: a thin wrapper that turns faults into one line and an exit status.

Exit status 0: well. 1: something the user can mend, said in one line. 2: wrong usage.
"""

from __future__ import annotations

import sys

import typer

from evidence.cli import planning, projects, releases, views  # noqa: F401  (in the order of the help)
from evidence.cli.options import app
from evidence.errors import EvidenceError


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
