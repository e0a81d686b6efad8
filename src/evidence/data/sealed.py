"""An append-only file of records, each bound to the one before it by a hash."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from evidence.data import locks
from evidence.errors import EvidenceError

START = "0" * 64  # what the first record has before it


def digest(thing: Any) -> str:
    """Return the SHA-256 of something as JSON writes it, keys in order."""
    return hashlib.sha256(_written(thing)).hexdigest()


def append(path: str | Path, record: dict[str, Any], *keys: str) -> None:
    """Write one more record; what was written before stays as it is.

    Raises
    ------
    EvidenceError
        The file was changed, or has a record with the same value of one of `keys` already.
    """
    with Path(path).open("ab+") as file:
        locks.hold(file)
        before = read(path)
        for number, other in enumerate(before, start=1):
            same = [key for key in keys if key in record and other.get(key) == record[key]]
            if same:
                raise EvidenceError(
                    f"{path}, line {number}: sealed already for this {same[0]} on "
                    f"{other['time']}; what was sealed is not made anew"
                )
        record = record | {"previous": before[-1]["hash"] if before else START}
        file.write(_written(record | {"hash": digest(record)}) + b"\n")
        file.flush()
        os.fsync(file.fileno())


def read(path: str | Path) -> list[dict[str, Any]]:
    """Return the records, oldest first.

    Raises
    ------
    EvidenceError
        The file cannot be read, or not a record is as it was written.
    """
    try:
        lines = Path(path).read_bytes().split(b"\n")
    except OSError as error:
        raise EvidenceError(f"{path}: cannot be read ({error.strerror})") from error
    records, previous = [], START
    for number, line in enumerate(lines[:-1], start=1):
        try:
            record = json.loads(line)
            found = record.pop("hash")
            whole = record["previous"] == previous and digest(record) == found
            whole = whole and _written(record | {"hash": found}) == line
        except (ValueError, KeyError, TypeError, AttributeError):
            whole = False
        if not whole:
            raise EvidenceError(f"{path}, line {number}: was changed after it was sealed")
        previous = found
        records.append(record | {"hash": found})
    if lines[-1]:
        raise EvidenceError(f"{path}, line {len(lines)}: was cut off")
    return records


def _written(thing: Any) -> bytes:
    return json.dumps(thing, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()
