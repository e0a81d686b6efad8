"""What a run says of itself when it ends, by which anything changed since is found.

A result may leave only as the run wrote it, from top to bottom, in a kernel of its own.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from evidence.errors import EvidenceError

RECORD = "run.json"
_AGAIN = "make it again with evidence run --fresh"


def sealed(record: Mapping[str, Any], folder: Path, files: Iterable[Path]) -> str:
    """Return the text of a record with the hash of each file of its run, and its own.

    Parameters
    ----------
    record : mapping
        What the run says of itself.
    folder : Path
        Of the run.
    files : iterable of Path
        What the run wrote there.
    """
    written = {path.relative_to(folder).as_posix(): _sha256(path) for path in sorted(files)}
    whole = json.loads(json.dumps({**record, "written": written}))  # as it will be read again
    return json.dumps(whole | {"record_sha256": _seal(whole)}, indent=1)


def refuse_changed(folder: Path, record: Mapping[str, Any]) -> None:
    """Refuse a run folder that is not what its run wrote when it ended.

    Parameters
    ----------
    folder : Path
        Of the run.
    record : mapping
        Its `run.json`.

    Raises
    ------
    EvidenceError
        The record or a file was changed, added, taken away or brought from another run.
    """
    written = record.get("written")
    if not isinstance(written, Mapping) or record.get("record_sha256") != _seal(record):
        raise EvidenceError(f"{RECORD} is not what the run wrote: it was changed since; {_AGAIN}")
    place = [record.get(name) for name in ("programme", "cohort", "run_id")]
    if place != list(folder.parts[-3:]):
        other = "/".join(map(str, place))
        raise EvidenceError(f"{RECORD} is of {other}: its folder was copied or renamed; {_AGAIN}")
    there = {f"figures/{path.name}" for path in folder.glob("figures/*.json")} | {*written}
    for name in sorted(there):
        path = folder / name
        if not path.is_file() or _sha256(path) != written.get(name):
            raise EvidenceError(
                f"{name} is not what the run wrote: it was changed, added or taken away since; "
                f"{_AGAIN}"
            )


def _seal(record: Mapping[str, Any]) -> str:
    rest = {name: value for name, value in record.items() if name != "record_sha256"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
