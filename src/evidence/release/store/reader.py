"""Read the released evidence base: `published/current` and nothing else.

Where `published` is not given it is the folder named by EVIDENCE_PUBLISHED, else ``published``.
It may also be one release's own folder.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from evidence.errors import EvidenceError, nearest

KINDS = ("effects", "indicators")  # the tables of every release


def folder(published: str | Path | None = None) -> Path:
    """Return the folder of the current release.

    Raises
    ------
    EvidenceError
        There is no release.
    """
    root = Path(published or os.environ.get("EVIDENCE_PUBLISHED") or "published")
    for place in (root, root / "current"):
        if (place / "release.json").is_file():
            if place != root and place.resolve().parent != root.resolve():
                raise EvidenceError(f"{place}: leads out of {root}; no release does")
            return place
    raise EvidenceError(f"no release in {root}: make one with evidence release")


def inside(folder: Path, name: str) -> Path:
    """Return the path of a file of a release: never that of something a link leads to.

    Raises
    ------
    EvidenceError
        The file is a link, lies below one, or its name leads out of the release.
    """
    if (folder / name).resolve() != folder.resolve() / name:
        raise EvidenceError(f"{folder.name}/{name}: is a link; no release holds any")
    return folder / name


def parsed(path: Path) -> Any:
    """Return what a JSON file of our own holds."""
    return json.loads(path.read_text(encoding="utf-8"))


def release(published: str | Path | None = None) -> dict[str, Any]:
    """Return what the release says of itself: number, date, rules, programmes, runs, figures."""
    record: dict[str, Any] = parsed(inside(folder(published), "release.json"))
    return record


def programmes(published: str | Path | None = None) -> list[dict[str, Any]]:
    """Return the programmes of the release in the register's order, as plain data."""
    cards: list[dict[str, Any]] = release(published)["programmes"]
    return cards


def place_of(run: Mapping[str, Any]) -> str:
    """Return ``"<programme>/<cohort>"`` of a run or a figure of the record."""
    return f"{run['programme']}/{run['cohort']}"


def effects(published: str | Path | None = None, *, hubs: bool = False) -> pd.DataFrame:
    """Return the released `effects`: one row an estimate, counts rounded.

    With `hubs` the results merged from other hubs too, and a column `hub` ("" for this one's own).
    """
    return _table("effects", published, hubs)


def indicators(published: str | Path | None = None, *, hubs: bool = False) -> pd.DataFrame:
    """Return the released `indicators`: one row a monitored figure, symbols kept.

    With `hubs` those merged from other hubs too, and a column `hub` ("" for this one's own).
    """
    return _table("indicators", published, hubs)


def _table(kind: str, published: str | Path | None, hubs: bool) -> pd.DataFrame:
    place = folder(published)
    own = pd.read_parquet(inside(place, f"{kind}.parquet"))
    if not hubs:
        return own
    others = [
        pd.read_parquet(inside(place, f"hubs/{name}/{kind}.parquet")).assign(hub=name)
        for name in release(place).get("hubs", {})
    ]
    return pd.concat([own.assign(hub=""), *others], ignore_index=True)


def hub_effects(hub: str, published: str | Path | None = None) -> pd.DataFrame:
    """Return the effects that another hub released, as merged.

    Raises
    ------
    EvidenceError
        No such hub was merged.
    """
    known = release(published).get("hubs", {})
    if hub not in known:
        raise EvidenceError(f"no hub {hub!r} in this release; {nearest(hub, known)}")
    return pd.read_parquet(inside(folder(published), f"hubs/{hub}/effects.parquet"))


def figure(programme: str, cohort: str, name: str, published: str | Path | None = None) -> str:
    """Return a released figure as SVG.

    Raises
    ------
    EvidenceError
        The release has no such figure.
    """
    wanted = {"programme": programme, "cohort": cohort, "name": name}
    for entry in release(published)["figures"]:  # the list decides, never a path made of words
        if wanted.items() <= entry.items():
            return inside(folder(published), f"{entry['path']}.svg").read_text(encoding="utf-8")
    raise EvidenceError(f"no figure {name!r} of {programme}/{cohort} in this release")


def picture(entry: Mapping[str, Any], published: str | Path | None = None) -> dict[str, Any]:
    """Return what a released figure holds.

    Parameters
    ----------
    entry : mapping
        One of the `figures` of the release's record.
    published : path, optional
        Where the releases are.

    Returns
    -------
    dict
        `kind`, `title`, `alt`, `axes`, `question` ("" in releases of older versions), `svg` and
        `table`.

    Raises
    ------
    EvidenceError
        The release has no such figure, or its files are gone.
    """
    if entry not in release(published)["figures"]:
        raise EvidenceError("no such figure in this release")
    place = folder(published)
    try:
        content = parsed(inside(place, f"{entry['path']}.json"))
        drawn = inside(place, f"{entry['path']}.svg").read_text(encoding="utf-8")
    except (OSError, ValueError) as fault:
        raise EvidenceError(f"the figure {entry['name']!r} cannot be read") from fault
    kept = {key: content[key] for key in ("kind", "title", "alt", "axes")}
    kept["question"] = content.get("question", "")
    return kept | {"svg": drawn, "table": pd.DataFrame(**content["table"])}


def before(published: str | Path | None = None) -> Path | None:
    """Return the folder of the release before the current one, if it is still there."""
    current = folder(published).resolve()
    number = release(current)["number"]
    there = (path.parent for path in current.parent.glob("*/release.json"))
    earlier = [path for path in there if path.name.isdecimal() and int(path.name) < number]
    return max(earlier, key=lambda path: int(path.name), default=None)
