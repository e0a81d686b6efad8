"""Serve the dashboards: by themselves, on this machine, behind a password."""

from __future__ import annotations

import json
import os
import re
import secrets
import socket
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from evidence.errors import EvidenceError
from evidence.release.store import reader

PLACES = 50
READY = {"board.ipynb": 2, "programme.ipynb": 1, "area.ipynb": 1, "hub.ipynb": 1}


def command() -> list[str]:
    """Return the command that serves the dashboards; `environment` says which and where."""
    return [sys.executable, "-P", "-m", "evidence.board.start"]


def environment(
    published: str | Path,
    port: int,
    token: str,
    dashboards: str | Path = "dashboards",
    *,
    places: int = PLACES,
    ready: Mapping[str, int] = READY,
    hosts: Sequence[str] = (),
    prefix: str = "/",
    shown: str = "",
) -> dict[str, str]:
    """Return the environment of the server. A list of processes shows commands, never this.

    Parameters
    ----------
    published : path
        Folder of the releases.
    port : int
        Port on this machine.
    token : str
        What a visitor must bring; "" asks for nothing (tests only).
    dashboards : path
        Folder of the notebooks and of `template`.
    places : int
        How many visitors at once; the next one is asked to wait.
    ready : mapping of str to int
        How many pages of each notebook to keep ready.
    hosts : sequence of str
        Names by which a proxy lets visitors ask for this server, besides those of this machine.
    prefix : str
        What stands before every path, where a proxy serves more than this under one name.
    shown : str
        Address to print once it is answered there; "" prints none.

    Raises
    ------
    EvidenceError
        The prefix does not begin and end with a slash, or is not of letters and digits.
    """
    if not re.fullmatch(r"/([A-Za-z0-9_~-]+/)*", prefix):
        raise EvidenceError(
            f"--prefix {prefix}: begin and end it with a slash, with letters, digits, - _ ~ "
            "between, such as /services/evidence/"
        )
    said = {
        "dashboards": str(Path(dashboards).resolve()),
        "published": str(Path(published).resolve()),
        "port": port,
        "places": places,
        "hosts": [*hosts],
        "prefix": prefix,
        "shown": shown,
        "ready": {n: count for n, count in ready.items() if Path(dashboards, n).is_file()},
    }
    return {
        **os.environ,
        "EVIDENCE_SERVE": json.dumps(said),
        "EVIDENCE_TOKEN": token,
    }


def serve(
    published: str | Path,
    port: int,
    *,
    dashboards: str | Path,
    password_file: str | Path | None = None,
    hosts: Sequence[str] = (),
    prefix: str = "/",
) -> None:
    """Serve until interrupted; print the address, with its token, once it is answered there.

    Parameters
    ----------
    published : path
        Folder of the releases.
    port : int
        Port on this machine.
    dashboards : path
        Folder of the notebooks.
    password_file : path, optional
        File whose first line opens the dashboards, in place of a random token.
    hosts : sequence of str
        Names by which a proxy lets visitors ask for this server.
    prefix : str
        What stands before every path, such as ``/services/evidence/`` behind JupyterHub.

    Raises
    ------
    EvidenceError
        There is no release or no password to serve with, or the prefix is none.
    """
    reader.folder(published)
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as fault:
            raise EvidenceError(f"port {port} cannot be used: try --port {port + 1}") from fault
    address = f"http://127.0.0.1:{port}{prefix}"
    if password_file:
        token = (Path(password_file).read_text(encoding="utf-8").splitlines() or [""])[0].strip()
        if len(token) < 12:
            raise EvidenceError(f"{password_file}: its first line needs at least 12 characters")
    else:
        token = secrets.token_urlsafe(16)
        address += f"?token={token}"
    said = environment(
        published, port, token, dashboards, hosts=hosts, prefix=prefix, shown=address
    )
    print("Starting, which takes a few seconds ...", file=sys.stderr, flush=True)
    arguments = command()
    os.execve(arguments[0], arguments, said)
