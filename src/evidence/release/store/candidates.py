"""The results in a run folder: read, checked against the contracts and protected."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import pandas as pd

from evidence.data.rules import Rules
from evidence.data.schema import (
    FEW,
    INDICATORS,
    SYMBOLS,
    empty,
    validate_effects,
    validate_indicators,
)
from evidence.errors import EvidenceError
from evidence.release.control.column_roles import refuse_upn
from evidence.release.control.disclosure import Safe, protect, protect_picture, published
from evidence.release.control.rounding import half_up, round_words
from evidence.release.store import reader
from evidence.release.store.exports import plain, plain_table
from evidence.release.store.notebook_source import clean
from evidence.release.store.run_record import refuse_changed
from evidence.show.picture import Picture
from evidence.show.words import effect_sentence

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
# How many a trial lost: the flow says it, or does not.
_SHARE_LOST = re.compile(r"(\d+)% of pupils were lost")
_LOST = re.compile(
    r"[^;]*\d of [\d,]+ pupils (?:has|have) no record of (.*?) and (?:is|are) left out"
)
_EFFECT = re.compile(r"[+−-]\d|\.\d")  # a sign or decimals, which no count has
_KEPT = (
    "run_id", "key", "programme", "cohort", "notebook", "parameters", "inputs", "versions",
    "commit", "lock_sha256", "notebook_sha256", "started", "finished", "seconds", "peak_mb",
)  # fmt: skip
_SHOWN = (
    "name", "title", "phase", "lead", "about", "cost", "design", "simulated", "public",
    "automatic", "ask_next", "claim", "published", "units", "pupils",
)  # fmt: skip
OUTCOME = ("name", "title", "unit", "smallest_worthwhile", "primary")
# What the register or the runner hands to a notebook by itself.
GIVEN = {
    "programme", "cohort", "title", "cohort_title", "design", "simulated", "outcomes",
    "subgroups", "data", "out", "run_id", "published", "programmes", "units",
}  # fmt: skip
_RESERVED = ("indicators", "hubs")  # folders of the site
_ESTIMATES = (
    "estimate", "std_error", "df", "ci_lower", "ci_upper", "p_value", "effect_size", "es_lower",
    "es_upper", "months", "strength",
)  # fmt: skip
# Counts behind an indicator, which do not leave; a reviewer reads where they are hidden.
_CASES = ("pupils with the outcome", "pupils without the outcome")
_COUNTED = ("pupils", "children", "cases", "plans", "count", "number")  # units that are counts
_SCHOOLS = ("% of schools", "schools")
_RATE = re.compile(r"\bper (\d[\d,]*)|%|\bpct\b|\bper ?cent(?:age)?(?! ?-?points?)\b")
_MODEL_TERMS = 10  # parameters reckoned for a model whose row does not say how many it has


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
    source : dict or None
        The notebook without outputs (see `notebook_source.clean`).
    refused : tuple of str
        Pictures and notebooks that may not leave, with the reason.
    """

    record: dict[str, Any]
    effects: Safe
    indicators: Safe
    pictures: dict[str, Safe] = field(default_factory=dict)
    source: dict[str, Any] | None = None
    refused: tuple[str, ...] = ()


def read(
    folder: Path,
    titles: Mapping[str, str],
    rules: Rules | None = None,
    *,
    said: str = "",
    units: Sequence[str] = (),
) -> Candidate:
    """Read and protect what a run folder holds.

    Parameters
    ----------
    folder : Path
        A finished run: `run.json`, `effects.parquet`, `indicators.parquet`, `figures/*.json` and
        `notebook.ipynb`.
    titles : mapping
        Outcome to what people call it, for the sentences.
    rules : Rules, optional
        What may leave.
    said : str
        Where the register says that the programme's figures are published already; "" for nowhere.
    units : sequence of str
        Units that the register says give back no number of pupils.

    Raises
    ------
    EvidenceError
        A file is missing, breaks its contract, is about another programme or may not leave.
    """
    rules = rules or Rules()
    for name in ("run.json", "effects.parquet", "indicators.parquet"):
        if not (folder / name).is_file():
            raise EvidenceError(
                f"no {name} in the run folder: the notebook's last cell must call ev.propose"
            )
    said_by_run = reader.parsed(folder / "run.json")
    record = provenance(said_by_run)
    refuse_changed(folder, said_by_run)
    effects = plain_table(validate_effects(pd.read_parquet(folder / "effects.parquet")))
    own = (effects["programme"] == record["programme"]) & (effects["cohort"] == record["cohort"])
    if not own.all():
        raise EvidenceError(
            f"effects, row {(~own).idxmax() + 1}: is of another programme or cohort than its "
            f"run, {reader.place_of(record)}"
        )
    effects["run_id"] = record["run_id"]
    indicators, safe = pd.read_parquet(folder / "indicators.parquet"), no_indicators(rules)
    if len(indicators):
        indicators = plain_table(validate_indicators(indicators)).assign(run_id=record["run_id"])
        safe = protect_indicators(indicators, rules, said=said, units=units)
    pictures, titled, refused, source = {}, {}, [], None
    for path in sorted(folder.glob("figures/*.json")):
        try:
            content = reader.parsed(path)
            picture = Picture.from_json(json.dumps(plain(content)))
            titled[picture.name] = content["title"]
            pictures[picture.name] = protect_picture(
                picture, rules=rules, said=said, schools="schools" in units
            )
        except EvidenceError as error:
            refused.append(str(error))
    pictures = dict(sorted(pictures.items(), key=lambda item: item[1].drawn.place))
    shown = {name: titled[name] for name in pictures}
    others = (title for name, title in titled.items() if name not in pictures)
    shown |= {f"left-out-{number}": title for number, title in enumerate(others, 1)}
    try:
        sha256 = record.get("notebook_sha256", "")
        source = clean(folder / "notebook.ipynb", sha256, shown, rules)
    except EvidenceError as error:
        refused.append(f"the report: {error}")
    return Candidate(
        record=record,
        effects=protect_effects(effects, titles, rules),
        indicators=safe,
        pictures=pictures,
        source=source,
        refused=tuple(refused),
    )


def protect_effects(
    effects: pd.DataFrame, titles: Mapping[str, str] | None = None, rules: Rules | None = None
) -> Safe:
    """Protect a table of effects; verdict and sentence are made again from the protected row.

    A row does not say how many parameters its model has: ten are reckoned, which leaves the rest of
    its pupils as residual degrees of freedom. Of a yes/no outcome that few pupils have or lack, any
    statistic gives back how many: its row has none.
    """
    titles, rules = titles or {}, rules or Rules()

    def reworded(table: pd.DataFrame) -> pd.DataFrame:
        caveats = table["caveats"].map(partial(round_words, rules=rules))
        trials = table["estimand"].isin(["itt", "cace"])
        table = table.assign(
            verdict=table["verdict"].replace("", "too little data"),
            caveats=caveats.mask(trials, caveats.map(_without_losses)),
        )
        hidden = table["estimate"].isna()
        table["caveats"] = table["caveats"].mask(hidden, table["caveats"].map(_without_effects))
        sentences = [
            effect_sentence(row, outcome=titles.get(row["outcome"], ""))
            for row in table.to_dict("records")
        ]
        return table.assign(sentence=pd.Series(sentences, index=table.index, dtype="str"))

    return protect(
        effects.assign(free=(effects["n_pupils"] - _MODEL_TERMS).mask(_few(effects), -1)),
        rules=rules,
        words=reworded,
        residual_df="free",
        counts=("n_pupils",),
        schools=("n_schools",),
        statistics=_ESTIMATES,
        axes=("level",),
    )


def _few(effects: pd.DataFrame) -> pd.Series:
    return effects["caveats"].str.contains(FEW, regex=False)


def _without_losses(caveats: str) -> str:
    """Leave out how many have no record, and say of the share that was lost its band only.

    With the counts that are shown either would tell how many they are, however few.
    """
    known = _LOST.sub(r" pupils without a record of \1 are left out", caveats).strip()
    return _SHARE_LOST.sub(
        lambda share: f"more than {(int(share[1]) - 1) // 10 * 10}% of pupils were lost", known
    )


def _without_effects(caveats: str) -> str:
    """Leave out the caveats that tell an effect or an error: what a row hides, its words do too."""
    return "; ".join(note for note in caveats.split("; ") if not _EFFECT.search(note))


def protect_indicators(
    indicators: pd.DataFrame,
    rules: Rules | None = None,
    *,
    said: str = "",
    units: Sequence[str] = (),
) -> Safe:
    """Protect a table of indicators; what is hidden says so in its symbol and its sentence.

    A percentage, or a rate per 1,000, is its numerator in disguise: the pupils who have it and
    those who do not are counts as any other, and what is shown is as unsure as a rounded count, or
    whole per cents of few pupils. A value that is itself a count of pupils is one. An area that a
    row is compared with is told by its own row where it has one. Figures that are published already
    leave as they are where the register has `said` so; one report's are all published, or none. So
    do shares of schools, which are public, where a report has no others and the register names
    their unit among `units`. Without its word a notebook's unit frees nothing: a value in a unit
    that is neither a rate, nor a number of pupils, nor named is taken for a percentage.
    """
    rules = rules or Rules()
    if sources := set(indicators["published"]) - {""} if "published" in indicators else set():
        if len(sources) > 1 or (indicators["published"] == "").any():
            raise EvidenceError(
                "indicators, column published: figures of one report have one source, or none; "
                "make a report of each"
            )
        symbol = indicators["n"].isna().map({True: "x", False: ""}).astype("str")
        table = indicators.copy()
        table.insert(table.columns.get_loc("n") + 1, "n_symbol", symbol)
        try:
            return published(table, sources.pop(), said=said)
        except EvidenceError as error:
            raise EvidenceError(f"indicators: {error}") from None
    figures = ("value", "ci_lower", "ci_upper", "comparator_value", "rank")
    if len(indicators) and of_schools(indicators, units).all():
        return protect(indicators, rules=rules, counts=(), schools=("n",), axes=figures)
    indicators = _with_cases(indicators, rules, units)

    def reworded(table: pd.DataFrame) -> pd.DataFrame:
        hidden = table["value"].isna() & (table["symbol"] == "")
        unknown = hidden & (table["n_symbol"] == "x")
        symbol = table["symbol"].mask(hidden, "c").mask(unknown, "x")
        words = table["indicator"] + ", " + table["area"] + ": " + symbol.map(SYMBOLS).fillna("")
        sentence = (
            table["sentence"].map(partial(round_words, rules=rules)).mask(hidden, words + ".")
        )
        return table.assign(symbol=symbol, sentence=sentence)

    return protect(
        indicators,
        rules=rules,
        words=reworded,
        counts=("n", *_CASES),
        behind=_CASES,
        statistics=figures,
    )


def of_schools(indicators: pd.DataFrame, units: Sequence[str]) -> pd.Series:
    """Return which rows count schools by their own unit and by the register's word, `units`."""
    return _unit(indicators).isin(_SCHOOLS) & indicators["unit"].isin(units)


def _unit(indicators: pd.DataFrame) -> pd.Series:
    return indicators["unit"].str.strip().str.casefold()


def _with_cases(indicators: pd.DataFrame, rules: Rules, units: Sequence[str]) -> pd.DataFrame:
    """Add the pupils who have what an indicator says, and those who do not; round the rates."""
    unit, n = _unit(indicators), indicators["n"]
    named = indicators["unit"].isin(units) & ~unit.isin(_SCHOOLS)
    counted, per = unit.isin(_COUNTED), unit.map(_per).astype("float64")
    per = per.fillna(100.0).mask(named & per.isna())
    share = (indicators["value"] / per).where(lambda share: share.between(0, 1))
    have = (share * n).round().mask(counted, indicators["value"].round())
    cases = have.fillna(n), (n - have).mask(counted).fillna(n)
    out = indicators.assign(**dict(zip(_CASES, cases, strict=True)))
    places = [
        rules.places(many, scale) if many > 0 and scale > 0 else math.nan
        for many, scale in zip(n, per, strict=True)
    ]
    for name in ("value", "ci_lower", "ci_upper", "comparator_value"):
        pairs = zip(out[name], places, strict=True)
        rounded = [x if d != d else round(x, int(d)) for x, d in pairs]
        out[name] = pd.Series(rounded, index=out.index, dtype="float64").mask(
            counted, half_up(out[name], rules.base)
        )
    own, theirs = (
        pd.MultiIndex.from_frame(out[["indicator", area, "group", "period"]])
        for area in ("area", "comparator")
    )
    out["comparator_value"] = out["comparator_value"].mask(theirs.isin(own))
    return out


def _per(unit: str) -> float:
    """Return of how many pupils a rate is told: 100 for a percentage; NaN for other units."""
    if found := _RATE.search(unit):
        return float((found[1] or "100").replace(",", ""))
    return 1.0 if unit in ("share", "proportion", "fraction") else float("nan")


@cache
def no_indicators(rules: Rules) -> Safe:
    """Return the protected table of no indicators; most runs have none."""
    return protect_indicators(empty(INDICATORS), rules)


def provenance(record: Mapping[str, Any]) -> dict[str, Any]:
    """Keep what may be known of a run: named fields only, and no path of this machine.

    Raises
    ------
    EvidenceError
        A field needed to place the run is missing or is not a plain name.
    """
    kept = {key: _placeless(plain(record[key])) for key in _KEPT if key in record}
    for key in ("run_id", "programme", "cohort"):
        if not NAME.fullmatch(str(kept.get(key, ""))):
            raise EvidenceError(
                f"run.json: {key} is missing or is not letters, digits, - and _ only"
            )
    refuse_upn([json.dumps(kept, ensure_ascii=False)], "run.json")
    return kept


def _placeless(value: Any) -> Any:
    """Shorten absolute paths to their file's name, wherever they are."""
    if isinstance(value, Mapping):
        return {_placeless(key): _placeless(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_placeless(item) for item in value]
    for kind in (PurePosixPath, PureWindowsPath) if isinstance(value, str) else ():
        path = kind(value)
        if path.is_absolute() or ".." in path.parts or value.startswith("~"):
            return path.name
    return value


def card(programme: Mapping[str, Any], rules: Rules | None = None) -> dict[str, Any]:
    """Return what may be shown of a programme, with names that are safe as file names.

    Counts of pupils in what it says of itself are rounded; `claim` is quoted from a public report.

    Raises
    ------
    EvidenceError
        A name is not plain, or the site uses it itself; a text holds a pupil number.
    """
    rules = rules or Rules()
    shown = {key: plain(programme.get(key)) for key in _SHOWN}
    shown |= {key: round_words(shown[key] or "", rules) for key in ("about", "ask_next")}
    shown["cohorts"] = [
        {"name": c["name"], "title": plain(c.get("title") or c["name"])}
        for c in programme["cohorts"]
    ]
    shown["outcomes"] = [
        {key: plain(outcome.get(key)) for key in OUTCOME}
        for outcome in programme.get("outcomes", ())
    ]
    for name in (programme["name"], *(c["name"] for c in shown["cohorts"])):
        if not NAME.fullmatch(name):
            raise EvidenceError(f"programme {name!r}: use letters, digits, - and _ only")
    refuse_upn([json.dumps(shown, ensure_ascii=False)], f"programme {shown['name']}")
    if shown["name"].lower() in _RESERVED:
        raise EvidenceError(f"programme {shown['name']!r}: the site uses that name; take another")
    return shown
