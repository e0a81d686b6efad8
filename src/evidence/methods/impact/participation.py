"""Which units took part in which programmes, and when: panels of schools and years."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from evidence.errors import EvidenceError
from evidence.methods.core import frames


def participation(
    spells: pd.DataFrame,
    *,
    among: str | None = None,
    unit: str = "urn",
    programme: str = "programme",
) -> pd.DataFrame:
    """Count the schools in each combination of programmes.

    Parameters
    ----------
    spells : DataFrame
        One row a school and programme (a school may have several spells).
    among : str, optional
        Only schools of this programme; it comes first in each combination.
    unit, programme : str
        Their columns.

    Returns
    -------
    DataFrame
        `programmes` (names joined by " + "), `n_programmes`, `n_schools`: each school counts in
        one row; the commonest combination first.

    Raises
    ------
    EvidenceError
        A column is missing, or `among` has no school.
    """
    frames.require(spells, (unit, programme))
    known = spells[[unit, programme]].dropna().drop_duplicates()
    if among is not None:
        mine = known.loc[known[programme] == among, unit]
        if mine.empty:
            raise EvidenceError(f"no school takes part in {among!r}")
        known = known[known[unit].isin(mine)]
    known = known.assign(other=known[programme] != among, name=known[programme].astype(str))
    known = known.sort_values(["other", "name"], kind="stable").groupby(unit, observed=True)["name"]
    counts = known.agg(" + ".join).value_counts()
    table = counts.rename_axis("programmes").reset_index(name="n_schools")
    table.insert(1, "n_programmes", table["programmes"].str.count(r" \+ ") + 1)
    return table.sort_values(
        ["n_schools", "n_programmes", "programmes"],
        ascending=[False, True, True],
        ignore_index=True,
    )


def exposure(
    panel: pd.DataFrame,
    spells: pd.DataFrame,
    *,
    unit: str = "urn",
    time: str = "year",
    programme: str = "programme",
) -> pd.DataFrame:
    """Return the panel with a 0/1 column a programme and start: 1 while the unit takes part.

    Parameters
    ----------
    panel : DataFrame
        One row a unit and time.
    spells : DataFrame
        One row a spell: `unit`, `programme`, `start` and `end` (both times included; an empty
        end means still taking part).
    unit, time, programme : str
        Columns.

    Returns
    -------
    DataFrame
        New columns are called like ``lamp 2018``: those who began together have one effect.

    Raises
    ------
    EvidenceError
        A column is missing, a spell has no start, or a new column has the name of an old one.
    """
    frames.require(panel, (unit, time))
    frames.require(spells, (unit, programme, "start", "end"))
    start, end = frames.numbers(spells, "start"), frames.numbers(spells, "end")
    if np.isnan(start).any():
        raise EvidenceError(
            f"column 'start', row {np.isnan(start).argmax() + 1}: a spell has no start"
        )
    known = spells[programme].notna().to_numpy()
    called = pd.Series(
        [f"{name} {first:g}" for name, first in zip(spells[programme], start, strict=True)]
    ).where(known)
    codes, names = frames.factor(called.to_frame("programme"), "programme")
    if taken := [name for name in names if name in panel.columns]:
        raise EvidenceError(f"programme {taken[0]!r} is also the name of a column of the panel")
    rows = pd.DataFrame({unit: panel[unit], "_row": np.arange(len(panel))})
    spell = pd.DataFrame({unit: spells[unit], "_spell": np.arange(len(spells))})
    met = rows.merge(spell, on=unit)
    when = frames.numbers(panel, time)[met["_row"]]
    which = met["_spell"].to_numpy()
    ends = np.where(np.isnan(end), np.inf, end)
    active = (when >= start[which]) & (when <= ends[which]) & (codes[which] >= 0)
    taking = np.zeros((len(panel), len(names)), int)
    taking[met["_row"].to_numpy()[active], codes[which[active]]] = 1
    return panel.assign(**{name: taking[:, j] for j, name in enumerate(names)})


def cohort(
    panel: pd.DataFrame,
    spells: pd.DataFrame,
    *,
    programme: str,
    start: int,
    unit: str = "urn",
    time: str = "year",
) -> pd.DataFrame:
    """Return the panel with `taking_part`: whether the unit began the programme at `start`.

    Parameters
    ----------
    panel, spells, unit, time
        As in :func:`exposure`; `end` is not needed.
    programme : str
        The programme asked about.
    start : int
        The time at which this cohort began.

    Returns
    -------
    DataFrame
        A unit of this cohort without a result at some time has an empty row there, so that it still
        says when it began. Units of the programme's other cohorts stay, and are held fixed by their
        own column of :func:`exposure`: to leave them out for what was decided later would take the
        unlucky, or the lucky, out of the comparison.

    Raises
    ------
    EvidenceError
        A column is missing, or no unit of the panel began the programme at `start`.
    """
    frames.require(panel, (unit, time))
    frames.require(spells, (unit, "programme", "start"))
    mine = spells[spells["programme"] == programme]
    began = set(mine.loc[mine["start"] == start, unit])
    taking_part = panel[unit].isin(began)
    if not taking_part.any():
        raise EvidenceError(
            f"no unit of the panel began {programme!r} in {start}; starts in the participation "
            f"file: {', '.join(map(str, sorted(mine['start'].unique()))) or 'none'}"
        )
    whole = panel.assign(taking_part=taking_part).reset_index(drop=True)
    grid = pd.MultiIndex.from_product(
        [panel.loc[taking_part, unit].unique(), panel[time].unique()], names=[unit, time]
    )
    empty = grid[~grid.isin(pd.MultiIndex.from_frame(panel[[unit, time]]))].to_frame(index=False)
    if empty.empty:
        return whole
    return pd.concat([whole, empty.assign(taking_part=True)], ignore_index=True)


def school_means(
    pupils: pd.DataFrame, *, outcomes: Sequence[str], unit: str = "urn", time: str = "year"
) -> pd.DataFrame:
    """Turn a pupil file into a panel of schools and years.

    Parameters
    ----------
    pupils : DataFrame
        One row a pupil and year.
    outcomes : sequence of str
        Columns of results; 0/1 columns become percentages.
    unit, time : str
        Columns of school and year.

    Returns
    -------
    DataFrame
        `unit`, `time`, `n_pupils` and the mean of each outcome over the pupils who have it.

    Raises
    ------
    EvidenceError
        A column is missing or holds no numbers.
    """
    frames.require(pupils, (unit, time, *outcomes))
    values = {name: frames.numbers(pupils, name) for name in outcomes}
    scale = {
        name: 100 if np.isin(x[~np.isnan(x)], (0, 1)).all() else 1 for name, x in values.items()
    }
    frame = pupils[[unit, time]].assign(n_pupils=1, **{n: scale[n] * x for n, x in values.items()})
    rules = {"n_pupils": "sum"} | dict.fromkeys(outcomes, "mean")
    return frame.groupby([unit, time], as_index=False).agg(rules)


def gaps(
    group: pd.DataFrame,
    others: pd.DataFrame,
    *,
    outcomes: Sequence[str],
    unit: str = "urn",
    time: str = "year",
) -> pd.DataFrame:
    """Turn the panels of a group of pupils and of all others into one of the gap between them.

    Parameters
    ----------
    group, others : DataFrame
        Panels of the same schools and years with `n_pupils` and the outcomes, such as those of
        pupils on SEN Support and of all others.
    outcomes : sequence of str
        Columns of which to take the difference, expectations included.
    unit, time : str

    Returns
    -------
    DataFrame
        `unit`, `time`, `n_pupils` (of the group), `precision` (n₁n₂/(n₁ + n₂): the chance error of
        a difference has variance inverse to it), and for each outcome group less others: it rises
        as the gap closes. Schools and years that lack either are left out.

    Raises
    ------
    EvidenceError
        A column is missing.
    """
    keys = [unit, time]
    for panel in (group, others):
        frames.require(panel, (*keys, "n_pupils", *outcomes))
    both = group.merge(others, on=keys, suffixes=("", " of others"))
    own, rest = both["n_pupils"], both["n_pupils of others"]
    return both[[*keys, "n_pupils"]].assign(
        precision=own * rest / (own + rest),
        **{name: both[name] - both[f"{name} of others"] for name in outcomes},
    )
