"""Who takes part: reach with its denominator, overlap, who did not join, and who is reached."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from evidence.errors import EvidenceError
from evidence.methods.core import frames
from evidence.methods.core.results import TableResult
from evidence.methods.monitoring import published
from evidence.show import words
from evidence.stats import covariance
from evidence.stats.monitoring import intervals

ANY = "at least one"
NOT_KNOWN = "not known"
QUARTERS = ("lowest quarter", "second quarter", "third quarter", "highest quarter")


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Participation(TableResult):
    """Who took part in what, of all schools that could.

    Parameters
    ----------
    table : DataFrame
        `programme` ("at least one" first), `joined`, `n`, `share`, `ci_lower`, `ci_upper`.
    overlap : DataFrame
        `programmes` (joined by " + ", empty for none), `n_programmes`, `n`: each school is in one
        row.
    groups : DataFrame
        `programme`, `trait`, `group`, `joined`, `n`, `share`, `ci_lower`, `ci_upper`: reach among
        schools of each kind; numbers are cut into quarters.
    over_time : DataFrame
        `programme`, `year`, `taking_part`: schools in it each year; empty without starts.
    members : DataFrame
        A row a school (`school`) with True or False for each programme.
    caveats : tuple of str
    """

    table: pd.DataFrame
    overlap: pd.DataFrame
    groups: pd.DataFrame
    over_time: pd.DataFrame
    members: pd.DataFrame
    caveats: tuple[str, ...] = ()

    def sentence(self) -> str:
        """Say how many schools take part in anything, and in how many things."""
        row = self.table.iloc[0]
        several = int(self.overlap.loc[self.overlap["n_programmes"] > 1, "n"].sum())
        share = words.number(100 * row["share"], 1)
        text = f"{row['joined']:,} of {frames.counted(row['n'], 'school')} ({share}%) took part"
        if (programmes := len(self.table) - 1) == 1:
            return f"{text}, {row['n'] - row['joined']:,} did not."
        return (
            f"{text} in at least one of {programmes:,} programmes; {several:,} in more than one, "
            f"{row['n'] - row['joined']:,} in none."
        )

    def not_joined(self, programme: str = ANY) -> list[str]:
        """Return the schools that did not join a programme, or none at all.

        Raises
        ------
        EvidenceError
            There is no such programme.
        """
        frames.one_of("programme", programme, list(self.table["programme"]))
        mine = self.members.drop(columns="school")
        joined = mine.any(axis=1) if programme == ANY else mine[programme]
        others: list[str] = self.members.loc[~joined, "school"].tolist()
        return others


def participation(
    schools: pd.DataFrame,
    spells: pd.DataFrame,
    *,
    unit: str = "urn",
    programme: str = "programme",
    traits: Sequence[str] | str = (),
    start: str | None = None,
    end: str | None = None,
    level: float = 0.95,
) -> Participation:
    """Say who takes part in which programmes, of all schools that could.

    Parameters
    ----------
    schools : DataFrame
        One row a school that could take part: the denominator.
    spells : DataFrame
        One row a school and programme; a school may stand in several.
    unit, programme : str
        Columns of the school (in both tables) and of the programme.
    traits : str or sequence of str
        Columns of `schools`, such as phase, size and deprivation, by which reach is compared.
    start, end : str, optional
        Columns of `spells`: first and last year; an empty end means still taking part.
    level : float

    Returns
    -------
    Participation

    Raises
    ------
    EvidenceError
        A column is missing, a school stands twice in `schools`, or nobody in it took part.

    Notes
    -----
    Schools that joined chose to, or were chosen: reach says who, not what it did for them.
    """
    covariance.check_level(level)
    traits = frames.listed(traits)
    frames.require(schools, (unit, *traits))
    frames.require(spells, (unit, programme, start, end))
    names = published.unique(schools, unit, "school")
    whose = frames.labels(spells, unit).astype("str")
    what = frames.labels(spells, programme).astype("str")
    joined = pd.DataFrame({"school": whose, "programme": what}).dropna()
    strangers = joined.loc[~joined["school"].isin(names), "school"].nunique()
    joined = joined[joined["school"].isin(names)].drop_duplicates()
    if joined.empty:
        raise EvidenceError(
            f"no school of the participation table is among the {len(names)} schools by column "
            f"{unit!r}; are both written the same way?"
        )
    kinds = sorted(joined["programme"].unique())
    inside = pd.crosstab(joined["school"], joined["programme"]).reindex(names, fill_value=0) > 0
    columns = {ANY: inside.any(axis=1).to_numpy()} | {k: inside[k].to_numpy() for k in kinds}
    everybody = np.ones(len(names), bool)
    reach = [{"programme": k} | _reach(x, everybody, level) for k, x in columns.items()]
    groups = [
        {"programme": k, "trait": trait, "group": group} | _reach(x, here, level)
        for trait in traits
        for group, here in _groups(schools, trait)
        for k, x in columns.items()
    ]
    notes = []
    if strangers:
        verb = frames.counted(strangers, "school that took part is", "schools that took part are")
        notes.append(f"{verb} not among the schools given, and not counted")
    combined = inside.apply(lambda row: " + ".join(row.index[row]), axis=1).value_counts()
    overlap = combined.rename_axis("programmes").reset_index(name="n")
    overlap.insert(
        1, "n_programmes", [len(list(filter(None, x.split(" + ")))) for x in overlap["programmes"]]
    )
    whole = ["programme", "trait", "group", "joined", "n", "share", "ci_lower", "ci_upper"]
    return Participation(
        table=pd.DataFrame(reach),
        overlap=overlap.sort_values(
            ["n", "programmes"], ascending=[False, True], ignore_index=True
        ),
        groups=pd.DataFrame(groups, columns=whole),
        over_time=_over_time(spells, names, whose, what, start, end),
        members=inside.rename_axis("school").rename_axis(columns=None).reset_index(),
        caveats=tuple(notes),
    )


def _reach(joined: np.ndarray, among: np.ndarray, level: float) -> dict[str, float]:
    count, n = int((joined & among).sum()), int(among.sum())
    low, high = intervals.wilson(count, n, level)
    return {
        "joined": count,
        "n": n,
        "share": count / n,
        "ci_lower": float(low),
        "ci_upper": float(high),
    }


def _groups(schools: pd.DataFrame, trait: str) -> list[tuple[str, np.ndarray]]:
    """Return the groups of a trait and who is in them: labels, or quarters of a number."""
    codes, names = frames.factor(schools, trait)
    if published.numeric(schools, trait) and len(names) > len(QUARTERS):
        values, _ = published.numbers(schools, trait)
        cuts = np.nanquantile(values, (0.25, 0.5, 0.75))
        codes = np.where(np.isnan(values), -1, np.searchsorted(cuts, values, side="left"))
        names = list(QUARTERS)
    elif len(names) > frames.MOST_LEVELS:
        raise EvidenceError(
            f"column {trait!r} has {len(names)} different values; reach is compared between at "
            f"most {frames.MOST_LEVELS}"
        )
    groups = [(name, codes == code) for code, name in enumerate(names)]
    groups.append((NOT_KNOWN, codes < 0))
    return [(name, here) for name, here in groups if here.any()]


def _over_time(
    spells: pd.DataFrame,
    names: list[str],
    whose: pd.Series,
    what: pd.Series,
    start: str | None,
    end: str | None,
) -> pd.DataFrame:
    """Return how many schools are in each programme each year."""
    empty = pd.DataFrame({"programme": [], "year": [], "taking_part": []})
    if start is None:
        return empty
    first, last = frames.numbers(spells, start), np.full(len(spells), np.nan)
    if end is not None:
        last = frames.numbers(spells, end)
    wrong = last < first
    if wrong.any():
        raise EvidenceError(
            f"column {end!r}, {frames.row(wrong.argmax())}: an end before its start"
        )
    known = ~np.isnan(first) & whose.isin(names).to_numpy() & what.notna().to_numpy()
    if not known.any():
        return empty
    years = np.arange(first[known].min(), np.nanmax([*first[known], *last[known]]) + 1)
    rows = []
    for kind in sorted(what[known].unique()):
        mine = known & (what == kind).to_numpy()
        for year in years:
            now = mine & (first <= year) & ~(last < year)
            rows.append((kind, int(year), whose[now].nunique()))
    return pd.DataFrame(rows, columns=["programme", "year", "taking_part"])
