"""From candidates to an immutable release: the only room that writes to `published/`."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from evidence.data.rules import Rules
from evidence.errors import EvidenceError
from evidence.release.control.disclosure import Safe
from evidence.release.control.suppression import complete
from evidence.release.site import preview
from evidence.release.store import (
    candidates,
    disclosed,
    figures,
    finish,
    log,
    reader,
    releases,
    review,
    texts,
)
from evidence.release.store.exports import plain
from evidence.release.store.proposal import propose
from evidence.release.store.review import ReleaseReport

__all__ = ["ReleaseReport", "keep", "propose", "publish", "release", "released", "rollback"]

# What sets two equal releases apart; "since" is added when a release is written.
STAMP = ("number", "date", "time", "reviewer", "made_with", "since")
PREVIEW = "release.preview"  # among the runs, where no programme can have that name


def release(
    runs: Iterable[str | Path],
    programmes: Iterable[Mapping[str, Any]],
    published: str | Path,
    *,
    reviewer: str = "",
    rules: Rules | None = None,
    look: bool = False,
    late: Iterable[str] = (),
) -> ReleaseReport:
    """Protect what the runs propose, publish it and switch `current` to it.

    Parameters
    ----------
    runs : iterable of path
        Finished run folders, one for each programme and cohort.
    programmes : iterable of mapping
        What may be shown of each programme, as plain data (see `tables.summary`). Those that are
        not `automatic` need a reviewer who is not the author of their runs.
    published : path
        Folder of the releases.
    reviewer : str
        Who checked the results.
    rules : Rules, optional
        What may leave; the defaults where not given.
    look : bool
        Release nothing: build the release in the private zone, beside the runs, as it would be once
        somebody has signed it, with what differs from the current one marked.
    late : iterable of str
        ``"programme/cohort"`` of runs that are not the newest asked for, which failed or was not
        run: their pages say so.

    Raises
    ------
    EvidenceError
        No run may leave, two runs speak for one programme and cohort, or the log is broken.
    """
    rules, root = rules or Rules(), Path(published)
    cards = [candidates.card(programme, rules) for programme in programmes]
    history = {folder.name: disclosed.read(folder) for folder in releases.numbered(root)}
    choice = review.choose([*map(Path, runs)], cards, root, plain(reviewer), history, look)
    before = releases.current(root)
    late = sorted(set(late))
    same = _unchanged(choice, cards, rules, before, late)
    if same and not look:
        return same
    read, refused, left_out = _read(choice, cards, rules)
    if not read:
        reason = [*refused, *choice.held, "no runs"][0]
        raise EvidenceError(f"nothing may be released: {reason}")
    results: dict[str, Safe] = {}
    for place, one in read.items():
        results |= {f"effects/{place}": one.effects, f"indicators/{place}": one.indicators}
        results |= {f"figures/{place}/{name}": safe for name, safe in one.pictures.items()}
    earlier = [
        *disclosed.earlier(history.values()),
        *(disclosed.of_hubs(before[0]) if before else ()),
    ]
    results, disclosed_before = complete(results, earlier=earlier)
    records = {one.record["run_id"]: one.record for one in read.values()}
    record = {
        "schema": 1,
        "rules": asdict(rules),
        "programmes": cards,
        "runs": {key: run | choice.signed[key] for key, run in records.items()},
        "late": [place for place in late if place in read],
        "hidden": {key: safe.hidden for key, safe in results.items() if safe.hidden},
        "refused": left_out,  # the reasons quote columns and names that nobody has reviewed
        "hubs": before[1].get("hubs", {}) if before else {},
    }
    effects = pd.concat([results[f"effects/{place}"].table for place in read])
    figures_of = {place: results[f"indicators/{place}"].table.assign(place=place) for place in read}
    indicators, last = pd.concat(figures_of.values()), (None, None)
    if before:
        places = {key: reader.place_of(run) for key, run in before[1]["runs"].items()}
        told = reader.indicators(before[0])
        last = reader.effects(before[0]), told.assign(place=told["run_id"].map(places))
    sources = {place: one.source for place, one in read.items() if one.source}
    if look:
        folder, new = choice.runs[0].parents[2] / PREVIEW, False
        number = same.number if same else releases.next_number(root)
        record = _preview(folder, number, before, results, record, sources)
    else:
        signed = choice.signed.keys() - (before[1]["runs"].keys() if before else set())
        folder, new = publish(
            results,
            root,
            record=record,
            sources=sources,
            reviewer=plain(reviewer),
            author=", ".join(sorted({choice.signed[key]["author"] for key in signed} - {""})),
        )
        number = int(folder.name)
    report = ReleaseReport(
        number=number,
        folder=folder,
        new=new,
        estimates=len(effects),
        figures=sum(safe.picture is not None for safe in results.values()),
        suppressed=tuple(f"{k}: {line}" for k, s in results.items() for line in s.suppressed),
        refused=tuple(refused),
        disclosed_before=disclosed_before,  # for the reviewer only: it leads to the number
        changes=(
            *review.differences(last[0], effects),
            *review.differences(last[1], indicators, "indicators"),
            *(texts.new(folder, before and before[0]) if look else ()),
        ),
        held=tuple(choice.held),
        looked=look,
    )
    if look:
        preview.mark(folder, before and before[0], record, report.parts())
    return report


def publish(
    results: Mapping[str, Safe],
    to: str | Path,
    *,
    record: Mapping[str, Any],
    sources: Mapping[str, Mapping[str, Any]] | None = None,
    reviewer: str = "",
    author: str = "",
) -> tuple[Path, bool]:
    """Write an immutable release and switch `current` to it by one atomic rename.

    Nothing is left half done: the release is built under another name, and a release that would
    equal the current one is not made.

    Parameters
    ----------
    results : mapping
        ``"<kind>/<programme>/<cohort>[/<name>]"`` to Safe, where kind is effects, indicators or
        figures. The tables of one kind are stacked.
    to : path
        Folder of the releases.
    record : mapping
        What `release.json` says besides number, date, time, reviewer and figures.
    sources : mapping, optional
        ``"<programme>/<cohort>"`` to the notebook's source (see `source.clean`).
    reviewer, author : str
        Who checked the results and who made them, for the log.

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
    with releases.alone(root):
        before = releases.current(root)
        draft = root / ".new-release"
        whole = _fill(draft, before, results, record, sources or {})
        return keep(root, draft, whole, action="released", reviewer=reviewer, author=author)


def _fill(
    draft: Path,
    before: tuple[Path, dict[str, Any]] | None,
    results: Mapping[str, Safe],
    record: Mapping[str, Any],
    sources: Mapping[str, Mapping[str, Any]],
) -> dict[str, Any]:
    """Make a draft with tables, figures and sources; return its record, the figures listed."""
    draft.mkdir(mode=0o700)
    drawn = figures.write(results, draft, before)
    for place, source in sources.items():
        path = draft / f"{place}.ipynb"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(source, indent=1) + "\n", encoding="utf-8", newline="\n")
    for kind in reader.KINDS:
        parts = [safe.table for name, safe in results.items() if name.startswith(f"{kind}/")]
        stacked = pd.concat([p for p in parts if len(p)] or parts[:1], ignore_index=True)
        if "published" in stacked:
            stacked["published"] = stacked["published"].fillna("").astype("str")
        stacked.to_parquet(draft / f"{kind}.parquet")
    if before and (before[0] / "hubs").is_dir():
        shutil.copytree(before[0] / "hubs", draft / "hubs")
    return {**record, "figures": drawn, "drawing": figures.version()}


def _preview(
    folder: Path,
    number: int,
    before: tuple[Path, dict[str, Any]] | None,
    results: Mapping[str, Safe],
    record: Mapping[str, Any],
    sources: Mapping[str, Mapping[str, Any]],
) -> dict[str, Any]:
    """Build what would be released in a folder of its own; return its record."""
    if folder.exists():
        releases.remove(folder)
    whole = _stamp(number, "") | _fill(folder, before, results, record, sources)
    finish.write(folder, whole)
    return whole


def _stamp(number: int, reviewer: str) -> dict[str, Any]:
    now = log.now()
    return dict(zip(STAMP[:-1], (number, now[:10], now, reviewer, finish.version()), strict=True))


def keep(
    root: Path, draft: Path, record: Mapping[str, Any], *, action: str, reviewer: str, author: str
) -> tuple[Path, bool]:
    """Turn a draft that holds tables, figures and sources into the next release.

    Used by `publish` and by `merge.merge`, inside `releases.alone`.
    """
    before = releases.current(root)
    if before:
        own = {key: value for key, value in before[1].items() if key not in STAMP}
        same = own == json.loads(json.dumps(record))
        if same and log.manifest(draft).items() <= log.listed(before[0]).items():
            releases.remove(draft)
            return before[0], False
    finish.write(draft, _stamp(releases.next_number(root), reviewer) | dict(record))
    text = json.dumps(log.manifest(draft), indent=0)
    (draft / log.MANIFEST).write_text(text, encoding="utf-8", newline="\n")
    return releases.place(root, draft, action=action, reviewer=reviewer, author=author), True


def released(published: str | Path) -> dict[str, str]:
    """Return ``"programme/cohort"`` to the id of the run that the current release has of it."""
    current = releases.current(Path(published))
    runs = current[1]["runs"] if current else {}
    return {reader.place_of(run): key for key, run in runs.items()}


def rollback(published: str | Path, to: int | None = None, *, reviewer: str = "") -> int:
    """Make an earlier release current again, and say so in the log.

    Parameters
    ----------
    published : path
        Folder of the releases.
    to : int, optional
        Its number; the one before the current one where not given.
    reviewer : str
        Who decided it; whoever is at work where not given.

    Returns
    -------
    int
        The release that is current now. What it takes away is released again only with a reviewer.

    Raises
    ------
    EvidenceError
        There is no such release, or it is not whole.
    """
    root = Path(published)
    before = releases.current(root)
    if before is None:
        raise EvidenceError(f"no release in {root}: make one with evidence release")
    with releases.alone(root):
        there = [int(path.name) for path in releases.numbered(root)]
        now = before[1]["number"]
        wanted = max((n for n in there if n < now), default=0) if to is None else to
        if wanted not in there or wanted == now:
            others = ", ".join(str(n) for n in there if n != now) or "none"
            raise EvidenceError(
                f"no release {wanted or 'before this'} to go to; there are: {others}"
            )
        folder = root / f"{wanted:04d}"
        logged = [e["content"] for e in log.lines(root) if e["release"] == folder.name]
        if log.content(folder) not in logged:
            raise EvidenceError(f"{folder}: is not what the log says; evidence verify says more")
        facts = {"reviewer": plain(reviewer) or log.person(), "author": ""}
        log.append(root, action="rolled back", release=folder.name, content=logged[0], **facts)
        releases.switch(root, folder.name)
    return wanted


def _unchanged(
    choice: review.Choice,
    cards: list[dict[str, Any]],
    rules: Rules,
    before: tuple[Path, dict[str, Any]] | None,
    late: list[str],
) -> ReleaseReport | None:
    """Return the current release where it was made of these very runs.

    A run's id vouches for its notebook, data and code, so that nothing needs to be drawn again.
    """
    folder, record = before or (Path(), {"runs": {}})
    if record["runs"].keys() != choice.signed.keys() or not before:
        return None
    places = {reader.place_of(run) for run in record["runs"].values()}
    if record.get("late", []) != [place for place in late if place in places]:
        return None
    if record["programmes"] != json.loads(json.dumps(cards)) or record["rules"] != asdict(rules):
        return None
    return ReleaseReport(
        number=record["number"],
        folder=folder,
        new=False,
        estimates=len(reader.effects(folder)),
        figures=len(record["figures"]),
        suppressed=tuple(
            f"{key}: {name}: hidden in {count} rows"
            for key, counts in record["hidden"].items()
            for name, count in counts.items()
        ),
        refused=tuple(record["refused"]),
        held=tuple(choice.held),
    )


def _read(
    choice: review.Choice, cards: list[dict[str, Any]], rules: Rules
) -> tuple[dict[str, candidates.Candidate], list[str], list[str]]:
    """Read and protect the chosen runs; return them by place, what was refused and where."""
    titles = {c["name"]: {o["name"]: o["title"] for o in c["outcomes"]} for c in cards}
    card = {c["name"]: c for c in cards}
    read: dict[str, candidates.Candidate] = {}
    refused: list[str] = []
    left_out: list[str] = []
    for folder in choice.runs:
        try:
            name = folder.parts[-3]
            own = card.get(name, {})
            said, units = own.get("published") or "", own.get("units") or ()
            one = candidates.read(folder, titles.get(name, {}), rules, said=said, units=units)
        except EvidenceError as error:
            where = "/".join(folder.parts[-3:-1])
            refused.append(f"{where}: {error}")
            left_out.append(f"{where}: the whole result")
            continue
        place = reader.place_of(one.record)
        if place in read:
            raise EvidenceError(f"two runs of {place}: release one of them")
        read[place] = one
        refused += [f"{place}, {reason}" for reason in one.refused]
        if number := len(one.refused):
            left_out.append(f"{place}: {number} {'parts' if number > 1 else 'part'} of the result")
    return read, refused, left_out
