"""Past one machine: jobs on the workers of a dask scheduler, which share the runs folder.

Dask does a task at least once: a worker that dies after its last cell has its task done again
elsewhere. The ledger makes it published once.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from concurrent.futures import Executor

from evidence.errors import EvidenceError

_WAIT = 15  # seconds for the scheduler to answer


@contextlib.contextmanager
def connect(address: str) -> Iterator[Executor]:
    """Give an executor of the scheduler at `address`.

    Raises
    ------
    EvidenceError
        dask.distributed is not installed, or nobody answers there.
    """
    try:
        from distributed import Client
    except ImportError:
        raise EvidenceError(
            "--cluster needs dask.distributed; pip install 'evidence[cluster]'"
        ) from None
    try:
        client = Client(address, timeout=_WAIT)
    except (OSError, ValueError) as error:
        line = str(error).strip().splitlines()[:1]
        raise EvidenceError(
            f"no dask scheduler answers at {address} ({''.join(line)}); start one with "
            "dask scheduler"
        ) from None
    with client:
        yield client.get_executor(pure=False, retries=2)
