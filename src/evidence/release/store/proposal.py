"""A notebook's last cell: hand results over as candidates and see what would leave."""

from __future__ import annotations

import html
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from evidence.data.rules import Rules, load
from evidence.data.schema import (
    EFFECTS,
    INDICATORS,
    empty,
    validate_effects,
    validate_indicators,
)
from evidence.errors import EvidenceError
from evidence.release.control.disclosure import Safe, protect_picture
from evidence.release.store import candidates
from evidence.release.store.notebook_source import PROPOSAL
from evidence.show import html_table
from evidence.show.picture import Picture


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Proposal:
    """What a notebook proposes for release; shows what would leave and what would not.

    Parameters
    ----------
    effects, indicators : Safe or None
        The protected tables; nothing where there are none or they were refused.
    pictures : tuple of Safe
        The protected pictures.
    refused : tuple of str
        What may not leave, and why.
    titles : mapping
        Outcome to what people call it.
    """

    effects: Safe | None
    indicators: Safe | None
    pictures: tuple[Safe, ...]
    refused: tuple[str, ...]
    titles: Mapping[str, str]

    def _repr_html_(self) -> str:
        parts, notes = [f"{PROPOSAL}Protected as in a release:</p>"], []
        if self.effects:
            table = self.effects.table
            hidden = table["n_pupils_symbol"]
            table["n_pupils"] = table["n_pupils"].map("{:,.0f}".format).mask(hidden != "", hidden)
            table["outcome"] = table["outcome"].replace(dict(self.titles))
            shown = ["outcome", "subgroup", "verdict", "n_pupils", "n_schools", "sentence"]
            parts.append(html_table.table(table[shown]))
            notes += [f"Hidden: {line}" for line in self.effects.suppressed]
        if self.indicators and len(self.indicators.table):
            table = self.indicators.table
            shown = ["indicator", "area", "group", "period", "value", "n", "symbol", "published"]
            parts.append(html_table.table(table[[name for name in shown if name in table]]))
            notes += [f"Hidden: {line}" for line in self.indicators.suppressed]
        for safe in self.pictures:
            parts.append(f"<p>Picture {safe.drawn.name}: {html.escape(safe.drawn.title)}</p>")
            notes += [f"Hidden in picture {safe.drawn.name}: {line}" for line in safe.suppressed]
        notes += [f"Refused: {reason}" for reason in self.refused]
        notes = notes or ["Nothing was hidden or refused."]
        return "".join([*parts, *(f"<p>{html.escape(note)}</p>" for note in notes)])


def propose(
    out: str | Path,
    *,
    effects: pd.DataFrame | Sequence[pd.DataFrame] | None = None,
    indicators: pd.DataFrame | None = None,
    pictures: Iterable[Picture] = (),
    titles: Mapping[str, str] | None = None,
    rules: Rules | str | Path | None = None,
    checks: Sequence[str] = (),
    published: str = "",
    units: Sequence[str] = (),
) -> Proposal:
    """Hand a notebook's results over as candidates; called in its last cell.

    Parameters
    ----------
    out : str or Path
        The run's folder, in the private zone; "" only shows what would leave.
    effects : DataFrame or sequence of DataFrame, optional
        Rows in the `effects` contract.
    indicators : DataFrame, optional
        Rows in the `indicators` contract.
    pictures : iterable of Picture
        Figures, each with the table it is drawn from.
    titles : mapping, optional
        Outcome to what people call it, for the preview; the release takes the register's.
    rules : Rules or path, optional
        The data owner's rules or their file, such as ``data/disclosure.toml``, for the preview;
        the defaults where there is no such file. The release reads them itself.
    checks : sequence of str
        What was checked and how it came out, for the record of the run (`run.json`).
    published : str
        Where the figures are published already, for the preview; the release asks the register.
    units : sequence of str
        Units that give back no number of pupils, for the preview; the release asks the register.

    Returns
    -------
    Proposal
        Its HTML shows the protected preview.

    Raises
    ------
    EvidenceError
        A table breaks its contract, two pictures have one name or the rules cannot be read.
    """
    rules = load(rules) if isinstance(rules, str | Path) else rules
    if effects is not None and not isinstance(effects, pd.DataFrame):
        effects = pd.concat(list(effects), ignore_index=True) if len(effects) else None
    rows = empty(EFFECTS) if effects is None else validate_effects(effects)
    indicators = empty(INDICATORS) if indicators is None else validate_indicators(indicators)
    placed = [replace(picture, place=place) for place, picture in enumerate(pictures)]
    if len({picture.name for picture in placed}) < len(placed):
        raise EvidenceError("two pictures have one name; give each its own")
    if long := [picture.name for picture in placed if len(picture.name) > 100]:
        raise EvidenceError(f"picture {long[0]!r}: give it a name of at most 100 characters")
    if out:
        folder = Path(out)
        (folder / "figures").mkdir(parents=True, exist_ok=True)
        rows.to_parquet(folder / "effects.parquet")
        indicators.to_parquet(folder / "indicators.parquet")
        if checks:
            (folder / "checks.json").write_text(
                json.dumps(list(checks)), encoding="utf-8", newline="\n"
            )
        for picture in placed:
            path = folder / f"figures/{picture.name}.json"
            path.write_text(picture.to_json(), encoding="utf-8", newline="\n")
    refused, safe_effects, safe_indicators, safe_pictures = [], None, None, []
    try:
        if len(rows):
            safe_effects = candidates.protect_effects(rows, titles, rules)
        safe_indicators = candidates.protect_indicators(
            indicators, rules, said=published, units=units
        )
    except EvidenceError as error:
        refused.append(str(error))
    for picture in placed:
        try:
            safe_pictures.append(
                protect_picture(picture, rules=rules, said=published, schools="schools" in units)
            )
        except EvidenceError as error:
            refused.append(str(error))
    return Proposal(
        effects=safe_effects,
        indicators=safe_indicators,
        pictures=tuple(safe_pictures),
        refused=tuple(refused),
        titles=titles or {},
    )
