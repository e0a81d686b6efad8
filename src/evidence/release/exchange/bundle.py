"""One file that takes a hub's released results to another hub; written and read here.

A bundle is made from the current release alone, so it holds nothing that the site does not show.
It is read as if it had been sent by an enemy: nothing in it is unpacked to a path of its choosing,
run, drawn or shown as HTML; only listed files of listed size and hash are read, into memory.

`FORMAT` is that of `bundle.json`; `SCHEMAS` those of the two contracts in `data.schema`. Raise one
when what it names changes, and keep reading the ones before.
"""

from __future__ import annotations

import hashlib
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
SCHEMAS = {"effects": 1, "indicators": 2}
INDEX = "bundle.json"
LARGEST, MOST = 200_000_000, 20_000  # bytes unpacked, and files
_KEPT, _READ = (".json", ".ipynb"), 40_000_000  # what is read of it, and how many bytes in all
_LONGEST, _VALUES, _NESTED = 20_000_000, 2_000_000, 200_000  # of JSON: bytes, commas, brackets
_NAME = re.compile(r"(?:[A-Za-z0-9][A-Za-z0-9._-]{0,99}/){0,3}[A-Za-z0-9][A-Za-z0-9._-]{0,239}")
_PIECE = 1_000_000
_DAMAGED = (
    zipfile.BadZipFile, zlib.error, struct.error, EOFError, NotImplementedError, OSError,
    OverflowError, RuntimeError, ValueError,
)  # fmt: skip
_SAID = ("number", "date", "time", "reviewer")


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
    record, listed = reader.release(folder), log.listed(folder)
    names = {name: name for name in ("effects.csv", "indicators.csv", "results.xlsx", CRATE)}
    for place in map(reader.place_of, record["runs"].values()):
        own = {f"{place}.ipynb": f"notebooks/{place}.ipynb",
               f"{place}-report.html": f"reports/{place}.html"}  # fmt: skip
        names |= {source: name for source, name in own.items() if source in listed}
    for entry in record["figures"]:
        drawn = [f"{entry['path']}{suffix}" for suffix in (".svg", ".csv", ".json")]
        names |= {source: f"figures/{source}" for source in drawn}
    parts = {name: _checked(folder, source, listed) for source, name in names.items()}
    for kind, table in (("effects", reader.effects), ("indicators", reader.indicators)):
        _checked(folder, f"{kind}.parquet", listed)
        parts[f"{kind}.json"] = _rows(table(folder))
    index = {
        "format": FORMAT,
        "schemas": SCHEMAS,
        "release": {name: record[name] for name in _SAID} | {"content": log.content(folder)},
        **{name: record[name] for name in ("rules", "programmes", "runs", "figures")},
        "files": {name: listing(content) for name, content in sorted(parts.items())},
    }
    parts[INDEX] = json.dumps(index, indent=1, ensure_ascii=False).encode()
    path = Path(out or f"evidence-{record['number']:04d}.zip")
    try:
        path.write_bytes(archive(parts))
    except OSError as error:
        raise EvidenceError(f"{path}: cannot be written ({error.strerror})") from None
    return path


def listing(content: bytes) -> dict[str, Any]:
    """Return what a bundle's list says of a file."""
    return {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}


def _checked(folder: Path, name: str, listed: Mapping[str, str]) -> bytes:
    content = reader.inside(folder, name).read_bytes() if (folder / name).is_file() else b""
    if hashlib.sha256(content).hexdigest() != listed.get(name):
        raise EvidenceError(f"{folder / name}: missing or changed; evidence verify says more")
    return content


def _rows(table: pd.DataFrame) -> bytes:
    """Write a table as JSON: one list a row, missing cells null, infinity as text."""
    cells = table.astype(object).replace({math.inf: "inf", -math.inf: "-inf"})
    rows = cells.where(table.notna(), None).to_numpy().tolist()
    text = json.dumps({"columns": list(table.columns), "rows": rows}, ensure_ascii=False)
    return text.encode()


def read(path: str | Path) -> tuple[dict[str, Any], dict[str, bytes], str]:
    """Read a bundle and check it against its own list; trust nothing in it.

    Returns
    -------
    index : dict
        `bundle.json`; its own values are not checked yet, but for the versions.
    parts : dict
        Name of every listed file to its content where it is JSON, else to nothing: only the hash of
        the others is looked at.
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
        with path.open("rb") as raw:
            sha256 = hashlib.file_digest(raw, "sha256").hexdigest()
    except OSError as error:
        raise EvidenceError(f"{path}: cannot be read ({error.strerror})") from None
    try:
        with zipfile.ZipFile(path) as file:
            parts, listings = _unpack(path, file)
    except EvidenceError:
        raise
    except _DAMAGED:
        raise EvidenceError(f"{path}: not a bundle, or damaged; ask for it again") from None
    index = parsed(parts.pop(INDEX, b""), f"{path}, {INDEX}")
    _versions(path, index)
    files = index.get("files")
    if not isinstance(files, dict) or files.keys() != parts.keys():
        raise EvidenceError(f"{path}: holds other files than it lists; ask for it again")
    for name in parts:
        if files[name] != listings[name]:
            raise EvidenceError(f"{path}, {name}: not what the bundle lists; ask for it again")
    return index, parts, sha256


def _unpack(
    path: Path, file: zipfile.ZipFile
) -> tuple[dict[str, bytes], dict[str, dict[str, Any]]]:
    """Return what is read of a bundle, and of everything in it the hash and the size."""
    entries = file.infolist()
    if len(entries) > MOST:
        raise EvidenceError(f"{path}: holds more than {MOST:,} files; not read")
    parts: dict[str, bytes] = {}
    listings: dict[str, dict[str, Any]] = {}
    seen: set[str] = set()
    left, room = LARGEST, _READ
    for entry in entries:
        name = entry.filename
        kind = stat.S_IFMT(entry.external_attr >> 16)
        odd = entry.flag_bits & 1 or entry.compress_type not in (0, zipfile.ZIP_DEFLATED)
        if not _NAME.fullmatch(name) or kind not in (0, stat.S_IFREG) or odd:
            raise EvidenceError(f"{path}: holds {name[:60]!a}, which no bundle holds; not read")
        if name.casefold() in seen:
            raise EvidenceError(f"{path}: holds {name} twice; not read")
        seen.add(name.casefold())
        digest, size, kept = hashlib.sha256(), 0, []
        with file.open(entry) as part:  # what the entry says of its size is not believed
            while piece := part.read(_PIECE):
                digest.update(piece)
                size += len(piece)
                if name.endswith(_KEPT):
                    kept.append(piece)
                    room -= len(piece)
                if size > left or room < 0:
                    most = LARGEST if size > left else _READ
                    raise EvidenceError(f"{path}: unpacks to over {most // 1_000_000} MB; not read")
        left -= size
        listings[name] = {"sha256": digest.hexdigest(), "bytes": size}
        parts[name] = b"".join(kept)
    return parts, listings


def _versions(path: Path, index: Mapping[str, Any]) -> None:
    schemas = index.get("schemas")
    schemas = schemas if isinstance(schemas, dict) else {}
    for name, version in {"format": FORMAT, **SCHEMAS}.items():
        stated = (index if name == "format" else schemas).get(name)
        if type(stated) is not int or not 0 < stated < 10_000:
            raise EvidenceError(f"{path}: does not say its version of {name}; not a bundle")
        if stated > version:
            raise EvidenceError(
                f"{path}: made by a newer version of evidence ({name} {stated}, this one "
                f"reads up to {version}); update evidence"
            )


def parsed(content: bytes, where: str) -> dict[str, Any]:
    """Return JSON of somebody else's as a dict.

    Raises
    ------
    EvidenceError
        It is not JSON, not an object, or would take much memory to read.
    """
    nested = content.count(b"[") + content.count(b"{")
    if len(content) > _LONGEST or nested > _NESTED or content.count(b",") > _VALUES:
        raise EvidenceError(f"{where}: holds more than any release does; not read")
    try:
        value = json.loads(content.decode("utf-8"), parse_constant=_no_constant)
        if b"\\ud" in content.lower():  # perhaps half a character, which no file can hold
            json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise EvidenceError(f"{where}: not readable; ask for the bundle again")
    return value


def _no_constant(word: str) -> None:
    raise ValueError(word)
