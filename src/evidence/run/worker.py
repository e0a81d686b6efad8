"""A process for jobs: executes notebooks with papermill and says truly how each of them ended."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import queue
import re
import shutil
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import nbformat
from jupyter_client.manager import AsyncKernelManager
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbclient.util import run_sync
from papermill import execute_notebook
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import NBClientEngine, papermill_engines
from papermill.exceptions import PapermillExecutionError

from evidence.data.secrets import spellings
from evidence.run.fork_client import PLACE, to_line
from evidence.run.kernels import NO_HISTORY
from evidence.run.ledger import fault_of
from evidence.run.plan_jobs import leaves
from evidence.run.private_report import write_page
from evidence.run.processes import KILLED, TOO_LONG

OUTPUT_LIMIT = 32_000_000  # bytes: more than any report can want, less than a machine has
_ENDED = "ended itself (sys.exit); a report runs to its last cell"
_NO_TIME = 0.001  # seconds, as nbclient takes none for no limit
_MARK = "papermill-error-cell-tag"  # on the words that papermill puts above a cell that failed
Say = Callable[[dict[str, Any]], None]


def become(asker: socket.socket, request: dict[str, Any]) -> None:
    """Execute a job, and what is asked for next, in a process just forked."""
    with asker.makefile("rb") as lines:
        requests = itertools.chain([request], map(json.loads, lines))
        _execute_all(requests, lambda message: asker.sendall(to_line(message)))


def main() -> None:
    """Execute the jobs that are asked for on standard input, where nothing can be forked."""
    out, requests = os.dup(1), queue.SimpleQueue()
    os.dup2(2, 1)  # what libraries print is not part of the conversation

    def listen() -> None:
        for line in sys.stdin:
            requests.put(json.loads(line))
        os._exit(1)  # the runner is gone; the kernel watches this process and ends too

    threading.Thread(target=listen, daemon=True).start()
    _execute_all(iter(requests.get, None), lambda message: os.write(out, to_line(message)))


def _execute_all(requests: Iterable[dict[str, Any]], say: Say) -> None:
    """Execute job after job; say how each goes, and of all but the first that it was taken."""
    for number, request in enumerate(requests):
        if number:
            say({"taken": True})
        execute(request, say)


def execute(request: dict[str, Any], say: Say) -> None:
    """Execute a notebook with papermill.

    Parameters
    ----------
    request : dict
        `notebook`, `folder` (where `notebook.ipynb` and `report.html` are written and the kernel
        works), `title`, `parameters`, `secrets` (names in the environment) and `timeout` in seconds
        or None.
    say : callable
        Gets ``{"cell": k, "of": n}`` as cells start and, last, ``{"error": …, "cell": …,
        "peak_mb": …}``, the error empty when every cell ran.
    """
    folder = Path(request["folder"])
    output = folder / "notebook.ipynb"
    above = Path(os.environ[PLACE]).parent if PLACE in os.environ else None
    sockets = tempfile.mkdtemp(prefix="evidence-", dir=above)  # goes with the server at the latest
    kernel = AsyncKernelManager(
        kernel_name="evidence",
        client_class="evidence.run.kernels.Client",
        connection_file=f"{sockets}/kernel.json",
    )
    if sys.platform != "win32":  # no TCP port: none to race for, none to listen on
        kernel.transport, kernel.ip = "ipc", f"{sockets}/kernel"
    run = _Run(say, str(output), request["timeout"], request["secrets"])
    papermill_engines.register("evidence", _Engine)
    result: dict[str, Any] = {"error": "", "peak_mb": None}
    try:
        notebook = execute_notebook(
            request["notebook"],
            str(output),
            parameters=request["parameters"],
            engine_name="evidence",
            kernel_name="evidence",
            language="python",
            cwd=str(folder),
            progress_bar=False,
            request_save_on_cell_execute=False,  # once, at the end, is enough
            autosave_cell_every=0,
            km=kernel,
            env=_environment(f"{sockets}/ipython"),
            run=run,
        )
        result["peak_mb"] = _peak_mb(kernel)
        if any(cell.metadata["papermill"]["exception"] for cell in notebook.cells):
            result["error"] = _ENDED  # with status 0, which papermill takes for success
    except PapermillExecutionError as error:
        result["error"] = _cell_fault(error)
    except DeadKernelError:
        result["error"] = run.stopped or f"the kernel {KILLED}"
    except CellTimeoutError as error:  # of the report, or of output that never came
        result["error"] = TOO_LONG if run.left() == _NO_TIME else fault_of(error, folder)
    except Exception as error:  # whatever it was, it is this job's failure and not the runner's
        result["error"] = fault_of(error, folder)
    finally:
        if kernel.has_kernel:
            run_sync(kernel.shutdown_kernel)(now=True)
        shutil.rmtree(sockets, ignore_errors=True)
    try:
        if not result["error"]:
            write_page(output, request["title"])
        elif output.exists() and run.cell:
            _mend_statuses(output, run.cell)
    except (OSError, ValueError) as error:  # ValueError: papermill could save a part only
        output.unlink(missing_ok=True)
        result["error"] = result["error"] or fault_of(error, folder)
    say({**result, "cell": run.cell})


def _environment(settings: str) -> dict[str, str]:
    """Return the environment of a report's kernel: a person's own start-up files have no say."""
    env = {name: value for name, value in os.environ.items() if name != "PYTHONSTARTUP"}
    return env | {"IPYTHONDIR": settings}


class _Run:
    """How far a notebook has come, and how far it may go."""

    def __init__(self, say: Say, output: str, timeout: float | None, secrets: list[str]) -> None:
        self.say, self.output, self.secrets = say, output, secrets
        self.cell, self.written, self.stopped = 0, 0, ""
        self.until = time.monotonic() + timeout if timeout else None

    def left(self, _cell: object = None) -> float | None:
        return None if self.until is None else max(self.until - time.monotonic(), _NO_TIME)


class _Client(PapermillNotebookClient):
    """Papermill's client, which counts what a notebook writes and stops it at the limit."""

    run: _Run

    def process_message(self, msg: dict[str, Any], *place: Any) -> Any:
        self.run.written += sum(map(len, msg.get("buffers", ())))
        for part in leaves(msg["content"]):
            self.run.written += len(part) if isinstance(part, str) else 8
        if self.run.written > OUTPUT_LIMIT:
            self.run.stopped = f"wrote more than {OUTPUT_LIMIT / 1e6:.0f} MB of output"
            self.km.provisioner.process.kill()
            return None
        return super().process_message(msg, *place)


class _Engine(NBClientEngine):
    """Papermill's engine with that client, which also says when a cell starts."""

    @classmethod
    def execute_managed_notebook(cls, nb_man: Any, kernel_name: str, *, run: _Run, **options: Any):
        def cell_starts(cell: Any, cell_index: int) -> None:
            run.cell = cell_index + 1
            run.say({"cell": run.cell, "of": len(nb_man.nb.cells)})

        client = _Client(
            nb_man,
            km=options["km"],
            kernel_name=kernel_name,
            timeout_func=run.left,
            on_cell_start=cell_starts,
            extra_arguments=[NO_HISTORY],
            startup_timeout=60,
            iopub_timeout=10,  # for output after the cell's end, of which there may be much
            shutdown_kernel="immediate",
        )
        client.run = run
        try:
            client.execute(env=options["env"])
        except Exception:
            nb_man.output_path = run.output  # else only a cell's own fault leaves a notebook
            raise
        finally:
            _redact(nb_man.nb, run.secrets)


def _cell_fault(error: PapermillExecutionError) -> str:
    """Say what a cell raised, without what may hold a pupil's value."""
    name, text = error.ename, str(error.evalue).strip()
    if name == "EvidenceError" and text:
        return text.splitlines()[0]
    if name == "OSError" and "[Errno 28]" in text:
        return "no space left on the disk"
    known = {"MemoryError": "ran out of memory", "SystemExit": _ENDED}
    return known.get(name, f"{name}, shown in the notebook")


def _redact(notebook: Any, secrets: list[str]) -> None:
    """Take secrets out of what a notebook shows, before any of it is written.

    Only the words of outputs change, never what makes the file a notebook.
    """
    written = {form: name for name in secrets for form in spellings(os.environ.get(name, ""))}
    longest_first = sorted(written, key=len, reverse=True)
    pattern = re.compile("|".join(map(re.escape, longest_first)))

    def clean(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: clean(item) for key, item in value.items()}
        if isinstance(value, list):
            return [clean(item) for item in value]
        if isinstance(value, str):
            return pattern.sub(lambda found: f"[{written[found[0]]}]", value)
        return value

    for cell in [cell for cell in notebook.cells if "outputs" in cell] if written else ():
        whole: list[Any] = []  # one output a stream: a secret may come in two parts
        for output in cell["outputs"]:
            if whole and output.get("name") and whole[-1].get("name") == output["name"]:
                whole[-1]["text"] += output["text"]
            else:
                whole.append(output)
        cell["outputs"] = whole
        for output in whole:
            for key in output.keys() & {"text", "data", "ename", "evalue", "traceback"}:
                output[key] = clean(output[key])


def _mend_statuses(output: Path, failed: int) -> None:
    """Mend what a saved notebook says of cells that never ran; papermill says that all did."""
    notebook = nbformat.reads(output.read_text(encoding="utf-8"), as_version=nbformat.NO_CONVERT)
    cells = [cell for cell in notebook.cells if _MARK not in cell.metadata.get("tags", ())]
    for place, cell in enumerate(cells[failed - 1 :]):
        status = {"status": "pending" if place else "failed", "exception": not place}
        cell.metadata["papermill"] = cell.metadata.get("papermill", {}) | status
    notebook.metadata.get("papermill", {})["exception"] = True
    output.write_text(nbformat.writes(notebook), encoding="utf-8")


def _peak_mb(kernel: Any) -> float | None:
    """Read the kernel's peak resident memory where the system keeps it (Linux)."""
    with contextlib.suppress(OSError):
        status = Path(f"/proc/{kernel.provisioner.pid}/status").read_text()
        if peak := re.search(r"VmHWM:\s+(\d+)", status):  # a process that has just ended has none
            return round(int(peak[1]) / 1024, 1)
    return None


if __name__ == "__main__":
    main()
