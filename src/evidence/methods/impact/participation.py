"""Which units took part in which programmes, and when: panels of schools and years."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from evidence.data import labels
from evidence.errors import EvidenceError
from evidence.methods.core import frames
from evidence.stats.design import chosen, compact


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
    known = pd.DataFrame({name: frames.labels(spells, name) for name in (unit, programme)})
    known = known.dropna().drop_duplicates()
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
            f"column 'start', {frames.row(np.isnan(start).argmax())}: a spell has no start"
        )
    programmes = frames.labels(spells, programme)
    called = pd.Series(
        [f"{name} {first:.15g}" for name, first in zip(programmes, start, strict=True)]
    ).where(programmes.notna())
    codes, names = frames.factor(called.to_frame("programme"), "programme")
    if taken := [name for name in names if name in panel.columns]:
        raise EvidenceError(f"programme {taken[0]!r} is also the name of a column of the panel")
    whose, theirs = (frames.labels(table, unit).astype("str") for table in (panel, spells))
    rows = pd.DataFrame({"unit": whose, "row": np.arange(len(panel))})
    spell = pd.DataFrame({"unit": theirs, "spell": np.arange(len(spells))})
    met = rows.dropna().merge(spell.dropna(), on="unit")
    when = frames.numbers(panel, time)[met["row"]]
    which = met["spell"].to_numpy()
    ends = np.where(np.isnan(end), np.inf, end)
    active = (when >= start[which]) & (when <= ends[which]) & (codes[which] >= 0)
    taking = np.zeros((len(panel), len(names)), int)
    taking[met["row"].to_numpy()[active], codes[which[active]]] = 1
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
    whose, theirs = (frames.labels(table, unit).astype("str") for table in (panel, spells))
    mine = labels.equal(spells["programme"], programme)
    starts = frames.numbers(spells, "start")
    named = theirs[mine & (starts == float(start))].dropna()
    taking_part = whose.isin(named).to_numpy()
    if not taking_part.any() and len(named):
        raise EvidenceError(
            f"no row of the panel is of the {frames.counted(named.nunique(), 'unit')} that began "
            f"{programme!r} in {start}: column {unit!r} of both must name them alike"
        )
    if not taking_part.any():
        known = np.unique(starts[mine & ~np.isnan(starts)])
        raise EvidenceError(
            f"no unit of the panel began {programme!r} in {start}; starts in the participation "
            f"file: {', '.join(f'{at:.15g}' for at in known) or 'none'}"
        )
    whole = panel.assign(taking_part=taking_part).reset_index(drop=True)
    units, times = frames.factor(panel, unit)[0], frames.factor(panel, time)[0]
    there = np.zeros((units.max() + 1, times.max() + 1), bool)
    there[units, times] = True  # −1, a missing label, is last and is not asked for
    first = {
        name: pd.Series(range(len(codes))).groupby(codes).first()
        for name, codes in ((unit, units), (time, times))
    }
    empty = [
        (a, b)
        for a in np.unique(units[taking_part])
        for b in range(there.shape[1])
        if not there[a, b]
    ]
    if not empty:
        return whole
    at = {unit: [first[unit][a] for a, _ in empty], time: [first[time][b] for _, b in empty]}
    rows = {name: whole[name].iloc[places].array for name, places in at.items()}
    return pd.concat([whole, pd.DataFrame(rows).assign(taking_part=True)], ignore_index=True)


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
    outcomes = frames.listed(outcomes)
    frames.require(pupils, (unit, time, *outcomes))
    frames.distinct(("unit", "time"), unit=unit, time=time, outcomes=outcomes)
    values = {name: frames.measured(pupils, name) for name in outcomes}
    scale = {
        name: 100 if all((np.isnan(y) | (y == 0) | (y == 1)).all() for y in (x[:100], x)) else 1
        for name, x in values.items()
    }
    keys = [frames.factor(pupils, name)[0] for name in (unit, time)]
    known = (keys[0] >= 0) & (keys[1] >= 0)
    if not known.any():
        raise EvidenceError(f"columns {unit!r} and {time!r}: no row has both")
    school = compact([chosen(codes, known) for codes in keys])
    n = np.bincount(school)
    first = np.empty(len(n), int)
    first[school[::-1]] = np.flatnonzero(known)[::-1]
    means = {name: frames.labels(pupils[[name]].iloc[first], name) for name in (unit, time)}
    means["n_pupils"] = n
    for name, x in values.items():
        x = chosen(x, known)
        have = ~np.isnan(x)
        own = chosen(school, have)
        with np.errstate(invalid="ignore"):  # a school without any result has no mean
            total = scale[name] * np.bincount(own, chosen(x, have), len(n))
            means[name] = total / np.bincount(own, minlength=len(n))
    return pd.DataFrame(means).sort_values([unit, time], ignore_index=True)


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
    keys, outcomes = [unit, time], frames.listed(outcomes)
    frames.distinct(("unit", "time"), unit=unit, time=time, outcomes=outcomes)
    sides = []
    for panel in (group, others):
        frames.require(panel, (*keys, "n_pupils", *outcomes))
        side = {name: frames.labels(panel, name) for name in keys}
        side |= {name: frames.numbers(panel, name) for name in ("n_pupils", *outcomes)}
        sides.append(pd.DataFrame(side).dropna(subset=keys))
    for name in keys:  # text beside numbers is compared as text
        if "str" in [side[name].dtype for side in sides]:
            sides = [side.astype({name: "str"}) for side in sides]
    both = sides[0].merge(sides[1], on=keys, suffixes=("", " of others"))
    own, rest = both["n_pupils"], both["n_pupils of others"]
    return both[[*keys, "n_pupils"]].assign(
        precision=own * rest / (own + rest),
        **{name: both[name] - both[f"{name} of others"] for name in outcomes},
    )
