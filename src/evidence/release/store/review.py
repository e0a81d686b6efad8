"""Reviewer rules for a release, and what its reviewer looks at.

Results of simulated or public data may be marked `automatic` in the register. All others need a
reviewer who is not their author; until then what was released before stays.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from evidence.data.schema import SYMBOLS
from evidence.release.store import log, reader, releases
from evidence.show.words import counted, number

_DISCLOSED_BEFORE = (
    "what was disclosed before is hidden in this release, but no release can unsay an earlier one: "
    "tell the data owner, stop serving that release and ask for copies back (docs/release.md, "
    "Disclosed before)"
)
# Letters of other alphabets (casefolded) that look like Latin ones.
_LOOK_ALIKE = str.maketrans(
    "аеорсухіјѕԁһԛԝвкмнтαοερινκτυχγωɑɡıƖ", "aeopcyxijsdhqwbkmhtaoepivktuxywagil"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseReport:
    """What a release did, or would do.

    Parameters
    ----------
    number : int
        The release that is now current; of one only looked at, the number it would have.
    folder : Path
        Its folder; of one only looked at, that of the preview.
    new : bool
        False where nothing had changed since the last one, or it was only looked at.
    estimates, figures : int
        How many it holds.
    suppressed, refused : tuple of str
        What was hidden, and what was left out altogether, with the reason.
    disclosed_before : tuple of str
        Small counts that earlier releases disclose whatever this one hides.
    changes : tuple of str
        What differs from the release before.
    held : tuple of str
        What waits for a reviewer.
    looked : bool
        Whether it was only looked at.
    """

    number: int
    folder: Path
    new: bool
    estimates: int
    figures: int
    suppressed: tuple[str, ...]
    refused: tuple[str, ...]
    disclosed_before: tuple[str, ...] = ()
    changes: tuple[str, ...] = ()
    held: tuple[str, ...] = ()
    looked: bool = False

    def summary(self) -> str:
        """Return what to print: what was made, what was hidden, refused and held back."""
        state = "would be " if self.looked else "" if self.new else "nothing new: still "
        held = f"{counted(self.estimates, 'estimate')}, {counted(self.figures, 'figure')}"
        lines = [f"{state}release {self.number}: {held}"]
        if self.suppressed:
            lines.append("some counts are hidden; evidence release --look says where and why")
        lines += [f"refused: {reason}" for reason in self.refused]
        lines += [f"disclosed before: {line}" for line in self.disclosed_before]
        lines += [_DISCLOSED_BEFORE] if self.disclosed_before else []
        lines += self.held
        shown = "review.html" if self.looked else "../current/index.html"
        lines.append(f"open {os.path.normpath(self.folder / shown)}")
        return "\n".join(lines)

    def parts(self) -> dict[str, tuple[str, ...]]:
        """Return what a reviewer looks at before signing: heading to lines."""
        return {
            "What differs from the release before": self.changes,
            "What is hidden, and why": self.suppressed,
            "What is refused": self.refused,
            "What was disclosed before": self.disclosed_before,
            "What waits for a reviewer": self.held,
        }

    def review(self) -> str:
        """Return all that a reviewer looks at before signing."""
        lines = []
        for heading, some in [*self.parts().items()][:2]:
            lines += [f"{heading}:", *(f"  {line}" for line in some or ("nothing",))]
        return "\n".join([*lines, self.summary()])


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Which runs may leave, who let them and which are held back.

    Parameters
    ----------
    runs : list of Path
        Run folders that may leave now; an older one in place of one that is held back.
    signed : dict
        Run id to `author`, `reviewer` ("" where automatic) and `released`, the time of release.
    held : list of str
        What is held back, a line each.
    """

    runs: list[Path] = field(default_factory=list)
    signed: dict[str, dict[str, str]] = field(default_factory=dict)
    held: list[str] = field(default_factory=list)


def choose(
    runs: Iterable[Path],
    cards: Iterable[Mapping[str, Any]],
    root: Path,
    reviewer: str,
    history: Mapping[str, Mapping[str, Any]],
    look: bool = False,
) -> Choice:
    """Say which runs may leave.

    Parameters
    ----------
    runs : iterable of Path
        Finished run folders.
    cards : iterable of mapping
        Programmes, with `automatic`, `simulated` and `public`.
    root : Path
        Folder of the releases.
    reviewer : str
        Who checked the results; "" for nobody.
    history : mapping
        Name of each release to what it disclosed.
    look : bool
        Whether to choose what is held back all the same, as if somebody had signed it.
    """
    current = releases.current(root)
    released = current[1]["runs"] if current else {}
    places = {reader.place_of(run): key for key, run in released.items()}
    automatic = {
        card["name"]
        for card in cards
        if card.get("automatic") and (card.get("simulated") or card.get("public"))
    }
    withdrawn = _withdrawn(log.lines(root), history)
    now, choice = log.now(), Choice()
    for folder in runs:
        programme, cohort, key = folder.parts[-3:]
        author = _author(folder)
        signs = reviewer if differ(reviewer, author) else ""
        signed = {"author": author, "reviewer": signs, "released": now}
        held = not signs and (programme not in automatic or key in withdrawn)
        if key in released and key not in withdrawn:
            held, signed = False, _signed(released[key], now)
        if held:
            line = f"{programme}/{cohort}: held back: {_reason(author, reviewer, key in withdrawn)}"
            earlier = places.get(f"{programme}/{cohort}", "")
            stays = earlier in released and folder.with_name(earlier).is_dir()
            choice.held.append(line + ("; the result released before stays" if stays else ""))
            if look:
                signed["reviewer"] = "nobody yet"
            elif stays:
                folder, key = folder.with_name(earlier), earlier
                signed = _signed(released[key])
            else:
                continue
        choice.runs.append(folder)
        choice.signed[key] = signed
    return choice


def _signed(run: Mapping[str, Any], now: str = "") -> dict[str, str]:
    """Return who made and checked a run that was released before, and when it left."""
    return {
        "author": run.get("author", ""),
        "reviewer": run.get("reviewer", ""),
        "released": run.get("released", now),
    }


def _reason(author: str, reviewer: str, withdrawn: bool) -> str:
    if reviewer:
        return f"{author or 'nobody'} is its author; somebody else has to check it"
    if withdrawn:
        return "it was rolled back; release it again with --reviewer NAME"
    return f"needs a reviewer other than its author, {author or 'nobody named'}: --reviewer NAME"


def _author(folder: Path) -> str:
    """Return the author of a run: as it recorded, else whoever is at work now."""
    try:
        return str(reader.parsed(folder / "run.json").get("author") or "") or log.person()
    except (OSError, ValueError, AttributeError):
        return log.person()


def differ(reviewer: str, author: str) -> bool:
    """Return whether two names can only be those of two people.

    One name is another's where each of its parts is a part of the other, or its initial, whatever
    the order, the accents, letters that look alike and characters that nobody sees.
    """
    fewer, more = sorted((_parts(reviewer), _parts(author)), key=len)
    return bool(fewer) and not all(any(_same(part, each) for each in more) for part in fewer)


def _parts(name: str) -> list[str]:
    plain = unicodedata.normalize("NFKD", name).casefold().translate(_LOOK_ALIKE)
    seen = "".join(c for c in plain if unicodedata.category(c)[0] not in "CM" or c.isspace())
    return re.findall(r"[^\W\d_]+", seen)


def _same(one: str, other: str) -> bool:
    return one == other or (min(len(one), len(other)) == 1 and one[0] == other[0])


def _withdrawn(
    entries: Iterable[Mapping[str, Any]], history: Mapping[str, Mapping[str, Any]]
) -> set[str]:
    """Return the runs that a roll back took away and nobody has signed since."""
    gone: set[str] = set()
    before: set[str] = set()
    for entry in entries:
        runs = set(history.get(entry["release"], {}).get("runs", ()))
        gone = gone | (before - runs) if entry["action"] == "rolled back" else gone - runs
        before = runs
    return gone


def differences(
    before: pd.DataFrame | None, after: pd.DataFrame, kind: str = "effects"
) -> list[str]:
    """Say by programme, cohort and outcome, or by indicator, what a release would change.

    Parameters
    ----------
    before, after : DataFrame
        Released `effects`, or `indicators` with the `place` of each, of the last release (nothing
        if there is none) and of the next.
    kind : str
        Which of the two.
    """
    key, place, result = _KINDS[kind]
    old, new = (
        {tuple(row[name] for name in key): row for row in table.to_dict("records")}
        for table in (after.iloc[:0] if before is None else before, after)
    )
    lines = []
    for at, row in new.items():
        if at not in old:
            lines.append(f"new      {place(row)}: {result(row)}")
        elif (was := result(old[at])) != (now := result(row)):
            lines.append(f"changed  {place(row)}: {was} → {now}")
    gone = (row for at, row in old.items() if at not in new)
    return lines + [f"gone     {place(row)}: {result(row)}" for row in gone]


def _place(row: Mapping[str, Any]) -> str:
    group = "" if row["subgroup"] == "all" else f", {row['subgroup']}"
    group += "" if row["estimand"] != "cace" else ", taken up"
    return f"{row['programme']}/{row['cohort']}, {row['outcome']}{group}"


def _result(row: Mapping[str, Any]) -> str:
    if row["estimate"] != row["estimate"]:
        return "hidden"
    size, low, high = (number(row[key], 3) for key in ("estimate", "ci_lower", "ci_upper"))
    return f"{row['verdict']}, {size} {row['unit']} ({low} to {high}), n = {row['n_pupils']:.0f}"


def _figure(row: Mapping[str, Any]) -> str:
    return ", ".join(filter(None, (row[name] for name in _KINDS["indicators"][0])))


def _value(row: Mapping[str, Any]) -> str:
    if row["value"] != row["value"]:
        return SYMBOLS.get(row["symbol"], "hidden")
    size = "" if row["n"] != row["n"] else f", n = {row['n']:.0f}"
    return f"{number(row['value'], 3)} {row['unit']}{size}"


_KINDS = {  # what makes a row, how it is called, what it says
    "effects": (("programme", "cohort", "outcome", "subgroup", "estimand"), _place, _result),
    "indicators": (("place", "indicator", "area", "group", "period"), _figure, _value),
}
