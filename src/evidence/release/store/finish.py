"""What is made of a release's tables, figures and sources: exports, record, pages, provenance.

It is made again by `evidence verify`: a page that says something else was not made by this code.
"""

from __future__ import annotations

import hashlib
import json
import platform
import shutil
import tempfile
import zlib
from collections.abc import Mapping
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import pandas as pd

from evidence.release.site import answers, site
from evidence.release.store import disclosed, figures, log, provenance, reader
from evidence.release.store.exports import csv, workbook
from evidence.show.picture import Picture

_PACKAGE = Path(__file__).resolve().parents[2]
_OURS = ("data", "release", "show")  # rooms whose code decides what a release holds
_OTHERS = ("jinja2", "matplotlib", "mistune", "numpy", "openpyxl", "pandas", "pyarrow", "seaborn")
_MADE = (".csv", ".html", ".svg", ".xlsx")


@cache
def version() -> str:
    """Return a digest of what a release is made with: our code and the libraries it uses."""
    paths = (path for room in _OURS for path in sorted((_PACKAGE / room).rglob("*.*")))
    code = b"".join(path.read_bytes() for path in paths if path.suffix != ".pyc")
    others = [platform.python_version(), zlib.ZLIB_RUNTIME_VERSION, *map(metadata.version, _OTHERS)]
    return hashlib.sha256(code + " ".join(others).encode()).hexdigest()


def write(draft: Path, record: Mapping[str, Any]) -> None:
    """Write into a draft all that is made of its tables, figures and sources, and its record."""
    tables = {kind: pd.read_parquet(draft / f"{kind}.parquet") for kind in reader.KINDS}
    for kind, table in tables.items():
        (draft / f"{kind}.csv").write_text(csv(table), encoding="utf-8", newline="\n")
    (draft / "results.xlsx").write_bytes(workbook(tables))
    _say(draft, record)
    if "since" not in record:  # kept, as the release before may be gone when this one is verified
        record = {**record, "since": answers.since(draft)}
        _say(draft, record)
    disclosed.write(draft)
    site.build(draft)
    (draft / provenance.CRATE).write_text(
        provenance.crate(draft, record), encoding="utf-8", newline="\n"
    )


def _say(draft: Path, record: Mapping[str, Any]) -> None:
    text = json.dumps(record, indent=1, ensure_ascii=False)
    (draft / "release.json").write_text(text, encoding="utf-8", newline="\n")


def differing(folder: Path) -> list[str]:
    """Make all this once more from a release, whose files are those of its manifest.

    Returns the names of the files that are then others.
    """
    record, listed = reader.release(folder), log.listed(folder)
    texts = {
        entry["path"]: (folder / f"{entry['path']}.json").read_text(encoding="utf-8")
        for entry in record["figures"]
    }
    drawings = dict(zip(texts, figures.draw([*texts.values()]), strict=True))
    with tempfile.TemporaryDirectory() as place:
        draft = Path(place) / folder.name
        shutil.copytree(folder, draft, copy_function=shutil.copyfile, ignore=_made)
        for path, text in texts.items():
            (draft / f"{path}.svg").write_text(drawings[path], encoding="utf-8", newline="\n")
            table = csv(Picture.from_json(text).table)
            (draft / f"{path}.csv").write_text(table, encoding="utf-8", newline="\n")
        write(draft, record)
        again = log.manifest(draft)
    names = sorted((again.keys() | listed.keys()) - {"release.json"})
    return [name for name in names if again.get(name) != listed.get(name)]


def _made(_: str, names: list[str]) -> set[str]:
    return {name for name in names if name.endswith(_MADE) or name == log.MANIFEST}
