"""Serve the board dashboard with Voila: standalone, on this machine, behind a random token."""

from __future__ import annotations

import os
import secrets
import sys
from pathlib import Path

from evidence.errors import EvidenceError
from evidence.release import base


def command(port: int, token: str, dashboards: str | Path = "dashboards") -> list[str]:
    """Return the command that serves `board.ipynb` on 127.0.0.1 with every safe setting.

    Parameters
    ----------
    port : int
        Port on this machine.
    token : str
        What a visitor must bring; "" asks for nothing (tests only).
    dashboards : path
        Folder of `board.ipynb` and of `template`.
    """
    policy = (
        "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; "
        "style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; "
        f"connect-src 'self' ws://127.0.0.1:{port} ws://localhost:{port}; "
        "frame-ancestors 'none'; form-action 'self'; base-uri 'self'"
    )
    return [
        sys.executable, "-m", "voila", str(Path(dashboards) / "board.ipynb"),
        "--no-browser", "--Voila.log_level=ERROR", "--Voila.ip=127.0.0.1",
        f"--port={port}", f"--token={token}",
        "--template=evidence", "--show_tracebacks=False",
        "--VoilaConfiguration.allow_template_override=NO",
        "--VoilaConfiguration.allow_theme_override=NO",
        "--VoilaConfiguration.file_allowlist=[]",
        "--MappingKernelManager.cull_interval=60",
        "--MappingKernelManager.cull_idle_timeout=900",
        f"--Voila.tornado_settings={ {'headers': {'Content-Security-Policy': policy}} }",
    ]  # fmt: skip


def environment(published: str | Path, dashboards: str | Path = "dashboards") -> dict[str, str]:
    """Return the environment of the server: where the release and the template are."""
    paths = [str(Path(dashboards, "template").resolve()), os.environ.get("JUPYTER_PATH", "")]
    return {
        **os.environ,
        "PYTHONWARNINGS": "ignore",  # Voila's own, about its command line; nothing to be done
        "JUPYTER_PATH": os.pathsep.join(filter(None, paths)),
        "EVIDENCE_PUBLISHED": str(Path(published).resolve()),
    }


def serve(published: str | Path, port: int, *, dashboards: str | Path = "dashboards") -> None:
    """Serve until interrupted; print the address, with its token, once.

    Raises
    ------
    EvidenceError
        There is no release or no dashboard to serve.
    """
    base.folder(published)
    if not (Path(dashboards) / "board.ipynb").is_file():
        raise EvidenceError(f"no board.ipynb in {dashboards}: start from the project's folder")
    token = secrets.token_urlsafe(16)
    print(f"Open http://127.0.0.1:{port}/?token={token}  (Ctrl+C stops it)", flush=True)
    arguments = command(port, token, dashboards)
    os.execve(arguments[0], arguments, environment(published, dashboards))
