"""Start the dashboards' server so that nobody finds its password; run as a module.

What a process is started with stays readable in `/proc`, to its kernels too, whatever it does
with its environment later. So its settings go through a pipe, and it starts with next to none.
"""

from __future__ import annotations

import os
import sys

PASSED_ON = (
    "PATH",
    "LANG",
    "LC_ALL",
    "TZ",
    "EVIDENCE_PORTABLE",
)  # what the server and its kernels know of it


def main() -> None:
    """Become the server."""
    told = "\0".join((os.environ["EVIDENCE_SERVE"], os.environ.get("EVIDENCE_TOKEN", "")))
    known = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    out, into = os.pipe()
    os.write(into, told.encode())  # a pipe holds 64 kB
    os.close(into)
    os.dup2(out, 0)
    os.close(out)
    begin = (
        "import signal; signal.signal(signal.SIGINT, signal.SIG_DFL); "  # stops it while it imports
        "from evidence.board.app import main; main()"
    )
    command = [sys.executable, "-P", "-c", begin]
    os.execve(command[0], command, known | {"PYTHONWARNINGS": "ignore"})


if __name__ == "__main__":
    main()
