"""Merge another hub's released results: check them and show them beside one's own."""

from __future__ import annotations

import math
import re
import shutil
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd

from evidence.data.register import DESIGNS
from evidence.data.schema import (
    EFFECT_UNITS,
    EFFECTS,
    INDICATORS,
    SYMBOLS,
    WATCHED,
    validate_effects,
    validate_indicators,
)
from evidence.errors import EvidenceError
from evidence.release.control.column_roles import refuse_upn
from evidence.release.control.suppression import complete
from evidence.release.exchange import bundle
from evidence.release.store import disclosed, log, publish, releases
from evidence.release.store.candidates import NAME, of_schools, provenance
from evidence.release.store.exports import plain, plain_table
from evidence.release.store.review import differ
from evidence.show.words import effect_sentence

_LONGEST, _MOST = 4_000, 50_000  # characters of a text, rows of a table
_DTYPES = {"text": "str", "number": "float64", "flag": "bool"}


def merge(
    path: str | Path, hub: str, published: str | Path, *, reviewer: str = ""
) -> tuple[int, bool, str]:
    """Add another hub's released results under its name, as a new release.

    Its effects and indicators are taken in, checked against the contracts and its own rules;
    figures and reports stay in the bundle. An earlier merge of the same hub is replaced.

    Parameters
    ----------
    path : path
        The bundle.
    hub : str
        What to call the other hub: letters, digits, - and _.
    published : path
        Folder of one's own releases.
    reviewer : str
        Who here checked that the other hub's results may stand beside one's own; none of their
        authors.

    Returns
    -------
    number : int
        The release that is current now.
    new : bool
        False where the bundle had been merged already.
    sha256 : str
        Hash of the bundle, for the two hubs to compare.

    Raises
    ------
    EvidenceError
        There is no release of one's own yet, nobody to vouch for the merge, the bundle stands there
        under another name, something in it is not as it has to be, or together with one's own
        releases it discloses what either hides.
    """
    if not NAME.fullmatch(hub):
        raise EvidenceError(f"hub {hub!r}: use letters, digits, - and _ only")
    root, path = Path(published), Path(path)
    meta, effects, indicators, authors = checked(path)
    reviewer, sha256 = plain(reviewer), meta["bundle"]
    if not re.search(r"\w", reviewer):
        raise EvidenceError("another hub's results need a reviewer of this one: --reviewer NAME")
    if not all(differ(reviewer, author) for author in authors):
        raise EvidenceError(f"{reviewer} is an author of these results; somebody else checks them")
    _current(root)
    with releases.alone(root):
        folder, before = _current(root)
        for other, held in before.get("hubs", {}).items():
            if other != hub and held["bundle"] == sha256:
                raise EvidenceError(
                    f"{path}: this bundle stands here already, under the name {other}; one hub has "
                    "one name, or its results would seem to come from two"
                )
        earlier = [*disclosed.earlier(map(disclosed.read, releases.numbered(root)))]
        earlier += disclosed.of_hubs(folder)
        _, known = complete({}, earlier=earlier)
        theirs = disclosed.of_hub(hub, meta, effects, indicators)
        _, told = complete({}, earlier=[*earlier, theirs])
        if new := [line for line in told if line not in known]:
            raise EvidenceError(
                f"{path}: together with our releases it tells counts that are hidden, or may "
                f"({new[0]}; {len(new)} in all); nothing is merged: tell the other hub"
            )
        draft = root / ".new-release"
        shutil.copytree(folder, draft)
        for copied in draft.rglob("*"):
            copied.chmod(0o755 if copied.is_dir() else 0o644)
        for stale in (*draft.rglob("*.html"), draft / log.MANIFEST):
            stale.unlink()
        own = draft / "hubs" / hub
        own.mkdir(parents=True, exist_ok=True)
        effects.to_parquet(own / "effects.parquet")
        indicators.to_parquet(own / "indicators.parquet")
        record = {k: v for k, v in before.items() if k not in publish.STAMP}
        record["hubs"] = dict(sorted({**before.get("hubs", {}), hub: meta}.items()))
        if record["hubs"] == before.get("hubs"):
            releases.remove(draft)
            return before["number"], False, sha256
        for name in ("release.json", "effects.csv", "indicators.csv", "results.xlsx"):
            (draft / name).unlink()
        facts = {"reviewer": reviewer, "author": f"{hub}, bundle {sha256[:16]}"}
        made, merged = publish.keep(root, draft, record, action="merged", **facts)
    return int(made.name), merged, sha256


def _current(root: Path) -> tuple[Path, dict[str, Any]]:
    """Return the release to merge into, or refuse where there is none."""
    current = releases.current(root)
    if current is None:
        raise EvidenceError(f"no release in {root} to merge into: make one with evidence release")
    return current


def checked(path: Path) -> tuple[dict[str, Any], pd.DataFrame, pd.DataFrame, list[str]]:
    """Return what a bundle says of its release, its effects and indicators, and their authors.

    Raises
    ------
    EvidenceError
        Something in the bundle is not as it has to be.
    """
    index, parts, sha256 = bundle.read(path)
    meta = {"bundle": sha256, **checked_index(path, index)}
    effects, indicators = _tables(path, parts, meta)
    authors = [
        run["author"] for run in index["runs"].values() if isinstance(run.get("author"), str)
    ]
    return meta, effects, indicators, [author for author in authors if author.strip()]


def checked_index(path: Path, index: Mapping[str, Any]) -> dict[str, Any]:
    """Check what a bundle says of its release; return only what is known and of the right kind.

    Raises
    ------
    EvidenceError
        Something is missing, of the wrong kind, or protected less than is allowed here.
    """
    said, rules, runs = (index.get(name) for name in ("release", "rules", "runs"))
    if not (
        isinstance(said, dict)
        and isinstance(rules, dict)
        and type(said.get("number")) is int
        and _is_number(said["number"], 0, 1e9)
        and _is_date(said.get("date"))
    ):
        raise EvidenceError(f"{path}: does not say which release it is of; ask for it again")
    limits = {name: rules.get(name) for name in ("threshold", "base")}
    if any(type(limit) is not int or not 5 <= limit < 1e6 for limit in limits.values()):
        raise EvidenceError(
            f"{path}: its counts are not protected as here (threshold or base below 5)"
        )
    if not isinstance(runs, dict) or not all(isinstance(run, dict) for run in runs.values()):
        raise EvidenceError(f"{path}: its runs are not listed; ask for it again")
    kept = [provenance(run) for run in runs.values()]
    names = [run[key] for run in kept for key in ("run_id", "programme", "cohort")]
    if not all(isinstance(name, str) and len(name) < 200 for name in names):
        raise EvidenceError(f"{path}: a run, its programme or its cohort has no plain name")
    return {
        "number": said["number"],
        "date": said["date"],
        "reviewer": _text(said.get("reviewer"), path, "reviewer", 200),
        "rules": limits,
        "programmes": [_card(path, card) for card in listed(index.get("programmes"), path)],
        "runs": {
            run["run_id"]: {
                key: run[key]
                for key in ("run_id", "programme", "cohort", "notebook_sha256", "commit")
                if isinstance(run.get(key), str) and len(run[key]) < 200
            }
            for run in kept
        },
    }


def _is_date(value: Any) -> bool:
    try:
        return bool(date.fromisoformat(value).isoformat() == value)
    except (TypeError, ValueError):
        return False


def _is_number(value: Any, least: float, most: float) -> bool:
    return type(value) in (int, float) and least <= value < most


def _has_name(value: Any) -> bool:
    return isinstance(value, dict) and bool(NAME.fullmatch(str(value.get("name", ""))))


def _card(path: Path, card: Any) -> dict[str, Any]:
    """Return what a stranger's bundle says of a programme, each value checked."""
    if not _has_name(card):
        raise EvidenceError(f"{path}: a programme has no plain name")
    where = f"programme {card['name']}"
    texts = ("title", "phase", "lead", "about", "ask_next", "claim", "published")
    kept: dict[str, Any] = {
        key: _text(card.get(key) or "", path, f"{where}, {key}") for key in texts
    }
    if card.get("design") not in DESIGNS:
        raise EvidenceError(f"{path}: {where}: its design is not one of {', '.join(DESIGNS)}")
    cost = card.get("cost")
    if cost is not None and not _is_number(cost, 0, 1e7):
        raise EvidenceError(f"{path}: {where}: its cost is not a number of pounds")
    kept |= {"name": card["name"], "design": card["design"], "cost": cost}
    units = listed(card.get("units") or [], path)
    kept["units"] = [_text(unit, path, f"{where}, units") for unit in units]
    kept["simulated"] = card.get("simulated") is not False  # real only where that is said
    kept["cohorts"], kept["outcomes"] = [], []
    for cohort in listed(card.get("cohorts"), path):
        if not _has_name(cohort):
            raise EvidenceError(f"{path}: {where}: a cohort has no plain name")
        title = _text(cohort.get("title") or cohort["name"], path, f"{where}, cohort title")
        kept["cohorts"].append({"name": cohort["name"], "title": title})
    for place, outcome in enumerate(listed(card.get("outcomes"), path)):
        outcome = outcome if isinstance(outcome, dict) else {}
        unit, least = outcome.get("unit"), outcome.get("smallest_worthwhile")
        if unit not in EFFECT_UNITS or not _is_number(least, 0, 1e6):
            raise EvidenceError(f"{path}: {where}: an outcome has no unit or worthwhile effect")
        words = {
            k: _text(outcome.get(k) or "", path, f"{where}, outcome") for k in ("name", "title")
        }
        known = {"unit": unit, "smallest_worthwhile": least, "primary": place == 0}
        kept["outcomes"].append(words | known)
    return kept


def _text(value: Any, path: Path, where: str, longest: int = _LONGEST) -> str:
    if not isinstance(value, str) or len(value) > longest:
        raise EvidenceError(f"{path}: {where}: not a text, or over {longest:,} characters")
    refuse_upn([value], f"{path}: {where}")
    return plain(value)


def listed(value: Any, path: Path) -> list[Any]:
    """Return a list of somebody else's, or refuse what is none."""
    if not isinstance(value, list) or len(value) > 5_000:
        raise EvidenceError(f"{path}: a list in it is missing or too long; ask for it again")
    return value


def _tables(
    path: Path, parts: Mapping[str, bytes], meta: Mapping[str, Any]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the effects and indicators of a bundle, checked against contracts and rules."""
    effects = _frame(path, "effects", parts, EFFECTS, ("n_pupils", "n_schools"))
    indicators = _frame(path, "indicators", parts, INDICATORS, ("n",))
    rules, runs = meta["rules"], meta["runs"]
    for name, frame, count in (("effects", effects, "n_pupils"), ("indicators", indicators, "n")):
        shown = frame[count]
        if name == "indicators":
            known, schools = _public(frame, meta)
            if "published" in frame and (odd := (frame["published"] != "") & ~known).any():
                raise EvidenceError(
                    f"{path}: {name}, row {odd.idxmax() + 1}: says that it is published already, "
                    "and its programme does not; do not use it, and tell the sender"
                )
            shown = shown.mask(known | schools)
        bad = (shown < rules["threshold"]) & (shown != 0) | (shown % rules["base"] != 0)
        if (bad & shown.notna()).any():
            raise EvidenceError(
                f"{path}: {name}, row {bad.idxmax() + 1}: a count is not protected as the bundle "
                "says; do not use it, and tell the sender"
            )
        if not set(frame["run_id"]) <= runs.keys():
            raise EvidenceError(f"{path}: {name}: a row's run is not in the bundle")
    if effects[["estimate", "ci_lower", "ci_upper"]].isin([math.inf, -math.inf]).any(axis=None):
        raise EvidenceError(f"{path}: effects: an estimate is not a number")
    wrong = (effects["verdict"] == "better than similar") & ~(effects["ci_lower"] > 0)
    wrong |= (effects["verdict"] == "worse than similar") & ~(effects["ci_upper"] < 0)
    if wrong.any():
        raise EvidenceError(
            f"{path}: effects, row {wrong.idxmax() + 1}: its verdict contradicts its interval"
        )
    titles = {
        (card["name"], outcome["name"]): outcome["title"]
        for card in meta["programmes"]
        for outcome in card["outcomes"]
    }
    effects["sentence"] = [  # made again: the sender's need not fit the numbers
        effect_sentence(row, outcome=titles.get((row["programme"], row["outcome"]), ""))
        for row in effects.to_dict("records")
    ]
    return effects.astype({"sentence": "str"}), indicators


def _public(indicators: pd.DataFrame, meta: Mapping[str, Any]) -> tuple[pd.Series, pd.Series]:
    """Return which rows their programme says are published, and which count schools."""
    cards = {card["name"]: card for card in meta["programmes"]}
    cards = {key: cards.get(run["programme"], {}) for key, run in meta["runs"].items()}
    sources = {key: card.get("published", "") for key, card in cards.items()}
    source = indicators["run_id"].map(sources).fillna("")
    schools = pd.Series(False, index=indicators.index)
    for key, rows in indicators.groupby("run_id"):
        schools[rows.index] = of_schools(rows, cards.get(key, {}).get("units", ()))
    return (source != "") & (indicators.get("published", "") == source), schools


def _frame(
    path: Path,
    kind: str,
    parts: Mapping[str, bytes],
    contract: Mapping[str, Any],
    counts: tuple[str, ...],
) -> pd.DataFrame:
    """Return a table of a bundle, every cell of the kind that the contract says."""
    where = f"{path}, {kind}.json"
    content = bundle.parsed(parts.get(f"{kind}.json", b""), where)
    columns, rows = content.get("columns"), content.get("rows")
    extra = [f"{name}_symbol" for name in counts]
    if isinstance(columns, list) and kind == "indicators" and "published" in columns:
        contract = WATCHED
    if not isinstance(rows, list) or len(rows) > _MOST:
        raise EvidenceError(f"{where}: no rows, or more than {_MOST:,}")
    if not isinstance(columns, list) or sorted(map(str, columns)) != sorted([*contract, *extra]):
        raise EvidenceError(f"{where}: its columns are not those of the contract")
    if not all(isinstance(row, list) and len(row) == len(columns) for row in rows):
        raise EvidenceError(f"{where}: a row is not a list, too short or too long")
    kinds = {name: spec[0] for name, spec in contract.items()} | dict.fromkeys(extra, "text")
    frame = pd.DataFrame(index=range(len(rows)))
    for place, name in enumerate(columns):
        values = [row[place] for row in rows]
        for number, value in enumerate(values, start=1):
            if not _fits(value, kinds[name]):
                raise EvidenceError(f"{where}, row {number}, column {name}: not a {kinds[name]}")
            refuse_upn([value], f"{where}, row {number}, column {name}")
        frame[name] = pd.Series(values, dtype=_DTYPES[kinds[name]])
    frame = plain_table(frame)
    if not frame[extra].fillna("").isin(["", "k", *SYMBOLS]).all(axis=None):
        raise EvidenceError(f"{where}: a symbol is not one of {', '.join(SYMBOLS)}")
    check = validate_effects if kind == "effects" else validate_indicators
    return check(frame[list(contract)]).join(frame[extra])  # without "published" none is


def _fits(value: Any, kind: str) -> bool:
    if value is None:
        return kind != "flag"
    if kind == "number":
        return _is_number(value, -1e15, 1e15) or value in ("inf", "-inf")
    if kind == "text":
        return isinstance(value, str) and len(value) <= _LONGEST
    return isinstance(value, bool)
