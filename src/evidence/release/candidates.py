"""What waits in a run folder: read, checked against the contracts and protected."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import numpy as np
import pandas as pd

from evidence.data.schema import SYMBOLS, validate_effects, validate_indicators
from evidence.errors import EvidenceError
from evidence.release.disclosure import Safe, protect, protect_picture, round_words
from evidence.show.picture import Picture
from evidence.show.words import effect_sentence

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_KEPT = (
    "run_id", "programme", "cohort", "notebook", "parameters", "inputs", "versions", "commit",
    "lock_sha256", "notebook_sha256", "started", "finished", "seconds", "peak_mb",
)  # fmt: skip
_ESTIMATES = (
    "estimate", "std_error", "df", "ci_lower", "ci_upper", "p_value", "effect_size", "es_lower",
    "es_upper", "months", "strength",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One run's results, protected, with its provenance.

    Parameters
    ----------
    record : dict
        Provenance of the run, without any path of this machine.
    effects, indicators : Safe
        The protected tables.
    pictures : dict
        Name to protected picture.
    refused : tuple of str
        Pictures that may not leave, with the reason.
    """

    record: dict[str, Any]
    effects: Safe
    indicators: Safe
    pictures: dict[str, Safe] = field(default_factory=dict)
    refused: tuple[str, ...] = ()


def read(folder: Path, titles: Mapping[str, str]) -> Candidate:
    """Read and protect what a run folder holds.

    Parameters
    ----------
    folder : Path
        A finished run: `run.json`, `effects.parquet`, `indicators.parquet`, `figures/*.json`.
    titles : mapping
        Outcome to what people call it, for the sentences.

    Raises
    ------
    EvidenceError
        A file is missing, breaks its contract, speaks for another programme or may not leave.
    """
    for name in ("run.json", "effects.parquet", "indicators.parquet"):
        if not (folder / name).is_file():
            raise EvidenceError(
                f"no {name} in the run folder: the notebook's last cell must call ev.propose"
            )
    record = provenance(json.loads((folder / "run.json").read_text(encoding="utf-8")))
    effects = validate_effects(pd.read_parquet(folder / "effects.parquet"))
    own = (effects["programme"] == record["programme"]) & (effects["cohort"] == record["cohort"])
    if not own.all():
        raise EvidenceError(
            f"effects, row {(~own).idxmax() + 1}: speaks for another programme or cohort than its "
            f"run, {record['programme']}/{record['cohort']}"
        )
    effects["run_id"] = record["run_id"]
    indicators = validate_indicators(pd.read_parquet(folder / "indicators.parquet"))
    indicators["run_id"] = record["run_id"]
    pictures, refused = {}, []
    for path in sorted(folder.glob("figures/*.json")):
        try:
            picture = Picture.from_json(path.read_text(encoding="utf-8"))
            pictures[picture.name] = protect_picture(picture)
        except EvidenceError as error:
            refused.append(str(error))
    return Candidate(
        record=record,
        effects=protect_effects(effects, titles),
        indicators=protect_indicators(indicators),
        pictures=dict(sorted(pictures.items(), key=lambda item: item[1].picture.place)),
        refused=tuple(refused),
    )


def protect_effects(effects: pd.DataFrame, titles: Mapping[str, str] | None = None) -> Safe:
    """Protect a table of effects; verdict and sentence are made again from the protected row."""
    titles = titles or {}

    def reworded(table: pd.DataFrame) -> pd.DataFrame:
        hidden = table["estimate"].isna() & effects["estimate"].notna().to_numpy()
        verdict = table["verdict"].mask(hidden, "too little data")
        sentences = [
            effect_sentence(row, outcome=titles.get(row["outcome"], ""))
            for row in table.assign(verdict=verdict).to_dict("records")
        ]
        return table.assign(
            verdict=verdict,
            caveats=table["caveats"].map(round_words),
            sentence=pd.Series(sentences, index=table.index, dtype="str"),
        )

    return _twice(
        effects,
        reworded,
        counts=("n_pupils",),
        schools=("n_schools",),
        statistics=_ESTIMATES,
        axes=("level",),
    )


def protect_indicators(indicators: pd.DataFrame) -> Safe:
    """Protect a table of indicators; what is hidden says so in its symbol and its sentence."""

    def reworded(table: pd.DataFrame) -> pd.DataFrame:
        hidden = table["value"].isna() & (table["symbol"] == "")
        symbol = table["symbol"].mask(hidden, table["n_symbol"])
        words = symbol.map(SYMBOLS).fillna("")
        return table.assign(
            symbol=symbol,
            sentence=table["sentence"]
            .map(round_words)
            .mask(hidden, table["indicator"] + ", " + table["area"] + ": " + words + "."),
        )

    return _twice(
        indicators,
        reworded,
        counts=("n",),
        statistics=("value", "ci_lower", "ci_upper", "comparator_value", "rank"),
    )


def _twice(
    table: pd.DataFrame, reworded: Callable[[pd.DataFrame], pd.DataFrame], **roles: Any
) -> Safe:
    """Protect, make the words again from what is left, and protect those too."""
    return protect(reworded(protect(table, **roles).table), **roles)


def provenance(record: Mapping[str, Any]) -> dict[str, Any]:
    """Keep what may be known of a run: named fields only, and no path of this machine.

    Raises
    ------
    EvidenceError
        A field needed to place the run is missing or is not a plain name.
    """
    kept = {key: _placeless(record[key]) for key in _KEPT if key in record}
    for key in ("run_id", "programme", "cohort"):
        if not NAME.fullmatch(str(kept.get(key, ""))):
            raise EvidenceError(
                f"run.json: {key} is missing or is not letters, digits, - and _ only"
            )
    return kept


def _placeless(value: Any) -> Any:
    """Shorten absolute paths to their file's name, wherever they stand."""
    if isinstance(value, Mapping):
        return {_placeless(key): _placeless(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_placeless(item) for item in value]
    if not isinstance(value, str):
        return value
    for kind in (PurePosixPath, PureWindowsPath):
        path = kind(value)
        if path.is_absolute() or ".." in path.parts or value.startswith("~"):
            return path.name
    return value


def spreadsheet(table: pd.DataFrame) -> str:
    """Return a protected table as CSV whose text cells no spreadsheet takes for a formula."""
    text = table.select_dtypes(include=["str", "object"]).columns
    safe = table.assign(
        **{name: table[name].map(_inert, na_action="ignore").astype("str") for name in text}
    )
    numbers = safe.select_dtypes(include="number").columns
    safe[numbers] = safe[numbers].mask(np.isinf(safe[numbers]))
    return safe.to_csv(index=False, float_format="%.10g", lineterminator="\n")


def _inert(cell: str) -> str:
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell
