"""A worker process: executes one notebook after another and says truly how each ended."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

# Importing papermill compiles IRI grammars through jsonschema (0.8 s); nbformat needs none of them.
sys.modules.setdefault("rfc3987_syntax", None)


def serve(connection: Connection) -> None:
    """Execute the notebooks that arrive on `connection` until it closes.

    Each request is a dict of `notebook`, `output`, `parameters`, `folder` and `timeout` (seconds or
    None). Answers are ``("cell", k, n)`` as cells start and ``("end", result)``, where `result` has
    `error` (empty when every cell ran), `cell` and `peak_mb`.
    """
    os.environ.update(OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1", MPLBACKEND="agg")
    try:
        while True:
            connection.send(("end", _execute(connection, **connection.recv())))
    except (EOFError, BrokenPipeError, KeyboardInterrupt):
        return


def _execute(
    connection: Connection,
    notebook: str,
    output: str,
    parameters: dict[str, Any],
    folder: str,
    timeout: float | None,
) -> dict[str, Any]:
    from jupyter_client.manager import AsyncKernelManager
    from nbclient.exceptions import CellTimeoutError, DeadKernelError
    from nbclient.util import run_sync
    from papermill import execute_notebook
    from papermill.engines import papermill_engines
    from papermill.exceptions import PapermillExecutionError

    papermill_engines.register("evidence", _engine())
    sockets = Path(tempfile.mkdtemp(prefix="evidence-"))
    kernel = AsyncKernelManager(kernel_name="python3")
    if sys.platform != "win32":  # no TCP port: none to race for, none to listen on
        kernel.transport, kernel.ip = "ipc", str(sockets / "kernel")
    reached = {"cell": 0}

    def on_cell(k: int, n: int) -> None:
        reached["cell"] = k
        connection.send(("cell", k, n))

    result = {"error": "", "cell": 0, "peak_mb": None}
    try:
        execute_notebook(
            notebook,
            output,
            parameters=parameters,
            engine_name="evidence",
            cwd=folder,
            progress_bar=False,
            autosave_cell_every=0,
            execution_timeout=timeout,
            km=kernel,
            on_cell=on_cell,
        )
        result["peak_mb"] = _peak_mb(kernel)
    except PapermillExecutionError as error:
        text = str(error.evalue).strip().splitlines()
        # Other errors may hold a pupil's value, which stays in the notebook.
        ours = error.ename == "EvidenceError" and text
        result["error"] = text[0] if ours else f"{error.ename}, told in the notebook"
    except DeadKernelError:
        result["error"] = "the kernel ran out of memory or was killed"
    except CellTimeoutError:
        result["error"] = f"took longer than {timeout:g} s"
    except Exception as error:  # whatever it was, it is this job's failure and not the runner's
        result["error"] = f"{type(error).__name__}: {str(error).strip().splitlines()[0]}"
    finally:
        if kernel.has_kernel:
            run_sync(kernel.shutdown_kernel)(now=True)
        shutil.rmtree(sockets, ignore_errors=True)
    result["cell"] = reached["cell"]
    return result


def _engine() -> type:
    from papermill.engines import NBClientEngine

    class Engine(NBClientEngine):
        """Papermill's own engine, which also says when a cell starts."""

        @classmethod
        def execute_managed_notebook(cls, nb_man, kernel_name, *, on_cell, **options):
            start, total = nb_man.cell_start, len(nb_man.nb.cells)

            def cell_start(cell, cell_index=None, **kwargs):
                on_cell(cell_index + 1, total)
                start(cell, cell_index, **kwargs)

            nb_man.cell_start = cell_start
            super().execute_managed_notebook(nb_man, kernel_name, **options)

    return Engine


def _peak_mb(kernel: Any) -> float | None:
    """Read the kernel's peak resident memory where the system keeps it (Linux)."""
    status = Path(f"/proc/{kernel.provisioner.pid}/status")
    if not status.exists():
        return None
    lines = dict(line.split(":", 1) for line in status.read_text().splitlines() if ":" in line)
    return round(int(lines["VmHWM"].split()[0]) / 1024, 1)
