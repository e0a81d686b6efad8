"""From candidates to an immutable release: the only room that writes to `published/`."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from evidence.errors import EvidenceError
from evidence.release import candidates, site
from evidence.release.disclosure import BASE, THRESHOLD, Safe
from evidence.release.proposal import propose

__all__ = ["ReleaseReport", "propose", "publish", "release"]

_SHOWN = (
    "name", "title", "phase", "lead", "about", "cost", "design", "simulated", "ask_next", "claim",
)  # fmt: skip
_OUTCOME = ("name", "title", "unit", "smallest_worthwhile", "primary")


RULES = {"threshold": THRESHOLD, "base": BASE}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseReport:
    """What a release did.

    Parameters
    ----------
    number : int
        The release that is now current.
    folder : Path
        Its folder.
    new : bool
        False where nothing had changed since the last one.
    estimates, figures : int
        How many it holds.
    suppressed, refused : tuple of str
        What was hidden, and what was left out altogether, with the reason.
    """

    number: int
    folder: Path
    new: bool
    estimates: int
    figures: int
    suppressed: tuple[str, ...]
    refused: tuple[str, ...]

    def summary(self) -> str:
        """Return what to print: what was made, what was hidden, what was refused."""
        state = "" if self.new else "nothing new: still "
        lines = [
            f"{state}release {self.number}: {self.estimates} estimates, {self.figures} figures"
        ]
        if self.suppressed:
            lines.append(f"hidden in {len(self.suppressed)} places; release.json says where")
        lines += [f"refused: {reason}" for reason in self.refused]
        return "\n".join([*lines, f"open {self.folder.parent / 'current' / 'index.html'}"])


def release(
    runs: Iterable[str | Path],
    programmes: Iterable[Mapping[str, Any]],
    published: str | Path,
    *,
    reviewer: str = "",
) -> ReleaseReport:
    """Protect what the runs propose, publish it and switch `current` to it.

    Parameters
    ----------
    runs : iterable of path
        Finished run folders, one for each programme and cohort.
    programmes : iterable of mapping
        What may be shown of each programme, as plain data (see `tables.summary`).
    published : path
        Folder of the releases.
    reviewer : str
        Who checked the results.

    Raises
    ------
    EvidenceError
        No run may leave, or two runs speak for one programme and cohort.
    """
    cards = [_card(programme) for programme in programmes]
    runs = [Path(folder) for folder in runs]
    if unchanged := _unchanged(runs, cards, reviewer, Path(published)):
        return unchanged
    titles = {c["name"]: {o["name"]: o["title"] for o in c["outcomes"]} for c in cards}
    found: dict[str, candidates.Candidate] = {}
    refused: list[str] = []
    for folder in runs:
        label = "/".join(folder.parts[-3:-1])
        try:
            one = candidates.read(folder, titles.get(folder.parts[-3], {}))
        except EvidenceError as error:
            refused.append(f"{label}: {error}")
            continue
        place = f"{one.record['programme']}/{one.record['cohort']}"
        if place in found:
            raise EvidenceError(f"two runs of {place}: release one of them")
        found[place] = one
        refused += [f"{place}, {reason}" for reason in one.refused]
    if not found:
        raise EvidenceError(f"nothing may be released: {refused[0] if refused else 'no runs'}")
    results, suppressed = _gather(found)
    record = {
        "schema": 1,
        "reviewer": reviewer,
        "rules": RULES,
        "programmes": cards,
        "runs": {one.record["run_id"]: one.record for one in found.values()},
        "suppressed": suppressed,
        "refused": refused,
    }
    folder, new = publish(results, published, record=record)
    return ReleaseReport(
        number=int(folder.name),
        folder=folder,
        new=new,
        estimates=sum(len(one.effects.table) for one in found.values()),
        figures=sum(len(one.pictures) for one in found.values()),
        suppressed=_lines(suppressed),
        refused=tuple(refused),
    )


def publish(
    results: Mapping[str, Safe], to: str | Path, *, record: Mapping[str, Any]
) -> tuple[Path, bool]:
    """Write an immutable release and switch `current` to it by one atomic rename.

    Nothing is left half done: the release is built under another name, and a release that would
    equal the last one is not made.

    Parameters
    ----------
    results : mapping
        ``"<kind>/<programme>/<cohort>[/<name>]"`` to Safe, where kind is effects, indicators or
        figures. The tables of one kind are stacked.
    to : path
        Folder of the releases.
    record : mapping
        What `release.json` says besides number, date and figures.

    Returns
    -------
    folder : Path
        The current release.
    new : bool
        Whether it was made now.

    Raises
    ------
    EvidenceError
        Something was not made by `disclosure.protect`.
    """
    for name, safe in results.items():
        if not isinstance(safe, Safe):
            raise EvidenceError(
                f"{name}: publish takes what disclosure.protect returns, not {type(safe).__name__}"
            )
    root = Path(to)
    root.mkdir(parents=True, exist_ok=True)
    with _alone(root):
        for left in root.glob(".new-*"):  # what a killed release left behind
            _remove(left)
        done = sorted(p for p in root.iterdir() if p.name.isdigit())
        last = done[-1] if done else None
        draft = root / ".new-release"
        draft.mkdir()
        figures = _write(results, draft)
        whole = {**record, "figures": figures}
        if last:
            before = json.loads((last / "release.json").read_text(encoding="utf-8"))
            _finish(draft, whole, before["number"], before["date"])
            if _content(draft) == _content(last):
                _remove(draft)
                _switch(root, last.name)
                return last, False
        number = int(last.name) + 1 if last else 1
        _finish(draft, whole, number, datetime.now(UTC).date().isoformat())
        folder = root / f"{number:04d}"
        _seal(draft)
        draft.rename(folder)
        folder.chmod(0o555)
        _switch(root, folder.name)
        return folder, True


def _unchanged(
    runs: list[Path], cards: list[dict[str, Any]], reviewer: str, published: Path
) -> ReleaseReport | None:
    """Return the current release where it was made of these very runs.

    A run's id stands for its notebook, data and code, so that nothing needs to be drawn again.
    """
    current = published / "current"
    if not (current / "release.json").is_file():
        return None
    record = json.loads((current / "release.json").read_text(encoding="utf-8"))
    same = (
        set(record["runs"]) == {folder.name for folder in runs}
        and record["programmes"] == json.loads(json.dumps(cards))
        and (record["reviewer"], record["rules"]) == (reviewer, RULES)
    )
    if not same:
        return None
    return ReleaseReport(
        number=record["number"],
        folder=current.resolve(),
        new=False,
        estimates=len(pd.read_parquet(current / "effects.parquet", columns=["run_id"])),
        figures=len(record["figures"]),
        suppressed=_lines(record["suppressed"]),
        refused=tuple(record["refused"]),
    )


def _lines(suppressed: Mapping[str, list[str]]) -> tuple[str, ...]:
    return tuple(f"{key}: {line}" for key, lines in suppressed.items() for line in lines)


def _card(programme: Mapping[str, Any]) -> dict[str, Any]:
    """Keep what may be shown of a programme, with names that are safe as file names."""
    card = {key: programme.get(key) for key in _SHOWN}
    card["cohorts"] = [
        {"name": c["name"], "title": c.get("title") or c["name"]} for c in programme["cohorts"]
    ]
    card["outcomes"] = [
        {key: outcome.get(key) for key in _OUTCOME} for outcome in programme.get("outcomes", ())
    ]
    for name in (card["name"], *(c["name"] for c in card["cohorts"])):
        if not candidates.NAME.fullmatch(name):
            raise EvidenceError(f"programme {name!r}: use letters, digits, - and _ only")
    return card


def _gather(found: Mapping[str, candidates.Candidate]) -> tuple[dict[str, Safe], dict[str, list]]:
    results: dict[str, Safe] = {}
    for place, one in found.items():
        results[f"effects/{place}"] = one.effects
        results[f"indicators/{place}"] = one.indicators
        for name, safe in one.pictures.items():
            results[f"figures/{place}/{name}"] = safe
    return results, {key: list(s.suppressed) for key, s in results.items() if s.suppressed}


def _write(results: Mapping[str, Safe], draft: Path) -> list[dict[str, Any]]:
    """Write tables and figures; return the list of figures."""
    for kind in ("effects", "indicators"):
        parts = [safe.table for name, safe in results.items() if name.startswith(f"{kind}/")]
        whole = pd.concat([p for p in parts if len(p)] or parts[:1], ignore_index=True)
        whole.to_parquet(draft / f"{kind}.parquet")
        (draft / f"{kind}.csv").write_text(candidates.spreadsheet(whole), encoding="utf-8")
    figures = []
    for name, safe in results.items():
        if safe.picture is None:
            continue
        _, programme, cohort, stem = name.split("/")
        path = draft / programme / cohort / stem
        path.parent.mkdir(parents=True, exist_ok=True)
        path.with_suffix(".svg").write_text(safe.picture.svg(), encoding="utf-8")
        path.with_suffix(".json").write_text(safe.picture.to_json(), encoding="utf-8")
        path.with_suffix(".csv").write_text(candidates.spreadsheet(safe.table), encoding="utf-8")
        figures.append(
            {
                "programme": programme, "cohort": cohort, "name": stem,
                "title": safe.picture.title, "path": path.relative_to(draft).as_posix(),
            }
        )  # fmt: skip
    return figures


def _finish(draft: Path, record: Mapping[str, Any], number: int, date: str) -> None:
    text = json.dumps({"number": number, "date": date, **record}, indent=1, ensure_ascii=False)
    (draft / "release.json").write_text(text, encoding="utf-8")
    site.build(draft)


def _content(folder: Path) -> dict[str, bytes]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def _seal(folder: Path) -> None:
    """Push everything to the disk and take the right to write away, below `folder`."""
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())
        path.chmod(0o555 if path.is_dir() else 0o444)


def _switch(root: Path, name: str) -> None:
    link = root / ".new-current"
    link.unlink(missing_ok=True)
    link.symlink_to(name)
    link.replace(root / "current")


def _remove(path: Path) -> None:
    if path.is_symlink() or not path.is_dir():
        path.unlink()
        return
    for folder in (path, *(p for p in path.rglob("*") if p.is_dir())):
        folder.chmod(0o755)
    shutil.rmtree(path)


@contextmanager
def _alone(root: Path) -> Iterator[None]:
    """Let one release be made at a time; a second one waits."""
    with (root / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
