"""One file that takes a hub's released results to another hub; written and read here.

A bundle is made from the current release alone, so it holds nothing that the site does not show.
It is read as if it had been sent by an enemy: nothing in it is unpacked to a path of its choosing,
run, drawn or shown as HTML; only listed files of listed size and hash are read, into memory.

`FORMAT` is that of `bundle.json`; `SCHEMAS` those of the two contracts in `data.schema`. Raise one
when what it names changes, and keep reading the ones before.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from evidence.errors import EvidenceError
from evidence.release.store import log, reader
from evidence.release.store.exports import archive
from evidence.release.store.provenance import CRATE

FORMAT = 1
SCHEMAS = {"effects": 1, "indicators": 1}
INDEX = "bundle.json"
LARGEST, MOST = 200_000_000, 20_000  # bytes unpacked, and files
_NAME = re.compile(r"(?:[A-Za-z0-9][A-Za-z0-9._-]{0,99}/){0,3}[A-Za-z0-9][A-Za-z0-9._-]{0,119}")
_DAMAGED = (
    zipfile.BadZipFile, zlib.error, struct.error, EOFError, NotImplementedError, OSError,
    OverflowError, RuntimeError, ValueError,
)  # fmt: skip
_TELLS = ("number", "date", "time", "reviewer")


def make(published: str | Path, out: str | Path | None = None) -> Path:
    """Write the current release as one bundle; the same release gives the same bytes.

    Parameters
    ----------
    published : path
        Folder of the releases.
    out : path, optional
        The file to write; ``evidence-<number>.zip`` in the working folder where not given.

    Raises
    ------
    EvidenceError
        There is no release, its files are not those of its manifest, or `out` cannot be written.
    """
    folder = reader.folder(published)
    record = reader.release(published)
    listed = json.loads((folder / log.MANIFEST).read_text(encoding="utf-8"))
    parts = {}
    for run in record["runs"].values():
        place = f"{run['programme']}/{run['cohort']}"
        for source, name in (
            (f"{place}.ipynb", f"notebooks/{place}.ipynb"),
            (f"{place}-report.html", f"reports/{place}.html"),
        ):
            if source in listed:
                parts[name] = _checked(folder, source, listed)
    for entry in record["figures"]:
        for suffix in (".svg", ".csv", ".json"):
            source = f"{entry['path']}{suffix}"
            parts[f"figures/{source}"] = _checked(folder, source, listed)
    for source in ("effects.csv", "indicators.csv", "results.xlsx", CRATE):
        parts[source] = _checked(folder, source, listed)
    for kind, table in (("effects", reader.effects), ("indicators", reader.indicators)):
        _checked(folder, f"{kind}.parquet", listed)
        parts[f"{kind}.json"] = _rows(table(published))
    index = {
        "format": FORMAT,
        "schemas": SCHEMAS,
        "release": {name: record[name] for name in _TELLS} | {"content": log.content(folder)},
        **{name: record[name] for name in ("rules", "programmes", "runs", "figures")},
        "files": {
            name: {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
            for name, content in sorted(parts.items())
        },
    }
    parts[INDEX] = json.dumps(index, indent=1, ensure_ascii=False).encode()
    path = Path(out or f"evidence-{record['number']:04d}.zip")
    try:
        path.write_bytes(archive(parts))
    except OSError as error:
        raise EvidenceError(f"{path}: cannot be written ({error.strerror})") from None
    return path


def _checked(folder: Path, name: str, listed: Mapping[str, str]) -> bytes:
    content = (folder / name).read_bytes() if (folder / name).is_file() else b""
    if hashlib.sha256(content).hexdigest() != listed.get(name):
        raise EvidenceError(f"{folder / name}: missing or changed; evidence verify says more")
    return content


def _rows(table: pd.DataFrame) -> bytes:
    """Write a table as JSON: one list a row, missing cells null, infinity as text."""

    def cell(value: Any) -> Any:
        if value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value)):
            return None
        if isinstance(value, float) and math.isinf(value):
            return "inf" if value > 0 else "-inf"
        return value

    rows = [[cell(value) for value in row] for row in table.astype(object).to_numpy().tolist()]
    text = json.dumps({"columns": list(table.columns), "rows": rows}, ensure_ascii=False)
    return text.encode()


def read(path: str | Path) -> tuple[dict[str, Any], dict[str, bytes], str]:
    """Read a bundle and check it against its own list; trust nothing in it.

    Returns
    -------
    index : dict
        `bundle.json`; its own values are not checked yet, but for the versions.
    parts : dict
        Name to content of every listed file.
    sha256 : str
        Hash of the bundle, for the two hubs to compare.

    Raises
    ------
    EvidenceError
        It is not a bundle, is too large, was made by a newer version, or a file in it is not
        listed, not the one listed, or named like a way out of its folder.
    """
    path = Path(path)
    try:
        if path.stat().st_size > LARGEST:
            raise EvidenceError(f"{path}: larger than {LARGEST // 1_000_000} MB; not read")
        raw = path.read_bytes()
    except OSError as error:
        raise EvidenceError(f"{path}: cannot be read ({error.strerror})") from None
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as file:
            parts = _unpack(path, file)
    except EvidenceError:
        raise
    except _DAMAGED:
        raise EvidenceError(f"{path}: not a bundle, or damaged; ask for it again") from None
    index = parsed(parts.pop(INDEX, b""), f"{path}, {INDEX}")
    _versions(path, index)
    files = index.get("files")
    if not isinstance(files, dict) or files.keys() != parts.keys():
        raise EvidenceError(f"{path}: holds other files than it lists; ask for it again")
    for name, content in parts.items():
        if files[name] != {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}:
            raise EvidenceError(f"{path}, {name}: not what the bundle lists; ask for it again")
    return index, parts, hashlib.sha256(raw).hexdigest()


def _unpack(path: Path, file: zipfile.ZipFile) -> dict[str, bytes]:
    entries = file.infolist()
    if len(entries) > MOST:
        raise EvidenceError(f"{path}: holds more than {MOST:,} files; not read")
    parts: dict[str, bytes] = {}
    seen: set[str] = set()
    left = LARGEST
    for entry in entries:
        name = entry.filename
        kind = stat.S_IFMT(entry.external_attr >> 16)
        odd = entry.flag_bits & 1 or entry.compress_type not in (0, zipfile.ZIP_DEFLATED)
        if not _NAME.fullmatch(name) or kind not in (0, stat.S_IFREG) or odd:
            raise EvidenceError(f"{path}: holds {name[:60]!a}, which no bundle holds; not read")
        if name.casefold() in seen:
            raise EvidenceError(f"{path}: holds {name} twice; not read")
        seen.add(name.casefold())
        with file.open(entry) as part:
            content = part.read(left + 1)  # what the entry says of its size is not believed
        left -= len(content)
        if left < 0:
            raise EvidenceError(f"{path}: unpacks to over {LARGEST // 1_000_000} MB; not read")
        parts[name] = content
    return parts


def _versions(path: Path, index: Mapping[str, Any]) -> None:
    schemas = index.get("schemas")
    given = {"format": index.get("format"), **(schemas if isinstance(schemas, dict) else {})}
    known = {"format": FORMAT, **SCHEMAS}
    for name, version in known.items():
        if type(given.get(name)) is not int or given[name] < 1:
            raise EvidenceError(f"{path}: does not say its version of {name}; not a bundle")
        if given[name] > version:
            raise EvidenceError(
                f"{path}: made by a newer version of evidence ({name} {given[name]}, this one "
                f"reads up to {version}); update evidence"
            )


def parsed(content: bytes, where: str) -> dict[str, Any]:
    """Return JSON of somebody else's as a dict.

    Raises
    ------
    EvidenceError
        It is not JSON, or not an object.
    """
    try:
        found = json.loads(content.decode("utf-8"), parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise EvidenceError(f"{where}: not readable; ask for the bundle again") from None
    if not isinstance(found, dict):
        raise EvidenceError(f"{where}: not readable; ask for the bundle again")
    return found


def _no_constant(word: str) -> None:
    raise ValueError(word)
