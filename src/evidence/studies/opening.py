"""The files that a plan names, opened and read: all their faults at once."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from evidence.data import file_kinds, plausible, pseudonyms, readers, schools
from evidence.errors import EvidenceError, Faults
from evidence.methods.core import frames
from evidence.methods.trials.roster import one_arm_a_group
from evidence.methods.value_added.pupils import school_results
from evidence.studies.plan import ImpactPlan, TrialPlan


def roster(data: str | pd.DataFrame, plan: TrialPlan) -> pd.DataFrame:
    """Read the pupils' table of a trial.

    Raises
    ------
    EvidenceError
        It cannot be read, holds what cannot be right, or lacks columns.
    """
    if not isinstance(data, pd.DataFrame):
        if not plan.pupils and Path(data).is_dir():
            raise EvidenceError("plan: pupils is empty; name the file of a row a pupil")
        place = f"{data}/{plan.pupils}" if plan.pupils else data
        asked = [name for some in plan.columns.values() for name in frames.listed(some)]
        data = readers.table(
            place,
            numeric=[*(outcome.name for outcome in plan.outcomes), plan.baseline],
            measured=[*plan.covariates, plan.dosage],
            known=[*filter(None, asked)],
        )
        ids = [*filter(None, [plan.pupil])]
        found = pseudonyms.pupils_names(data, ids)
        for parameter, named in plan.columns.items():
            if wanted := [name for name in frames.listed(named) if name in found]:
                raise EvidenceError(
                    f"plan: {parameter}: column {wanted[0]!r} holds pupils' names, which no "
                    "analysis needs; name a column of ids, or leave it out"
                )
        data = pseudonyms.protected(data.drop(columns=found), place, ids=ids)
    plan.require(plan.columns, data)
    faults = Faults()
    for outcome in plan.outcomes:
        values = data[outcome.name]
        with faults.note():
            if (
                outcome.unit == "sd"
                and values.isin((0, 1)).any()
                and values.dropna().isin((0, 1)).all()
            ):
                raise EvidenceError(
                    f"plan: outcomes: column {outcome.name!r} holds 0 and 1 alone, yes and no; its "
                    "unit is 'pp'"
                )
    faults.settle()
    return data


def school_years(
    data: str, plan: ImpactPlan
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame | None]:
    """Read who took part, schools' results by year, and those of other pupils where asked for.

    Raises
    ------
    EvidenceError
        A file cannot be read, holds what cannot be right, or lacks columns.
    """
    faults, links = Faults(), {}
    with faults.note():
        links = file_kinds.school_links(f"{data}/{plan.links}") if plan.links else {}
    with faults.note():
        began = {"programme": plan.programme, "start": plan.start}
        spells = readers.participation(f"{data}/{plan.participation}", **began)
    with faults.note():
        if plan.tables:
            asked, files = [*plan.wanted, *plan.context], plan.tables
            stack = readers.ks4_panel if plan.ks4 else readers.ks2_panel
            paths = [f"{data}/{file}" for file in files]
            panel = stack(paths, asked, years=plan.years, links=links)
        else:
            panel = readers.pupils(f"{data}/{plan.pupils}", names=True)
            panel = pseudonyms.without_names(panel)
    faults.settle()
    spells = schools.same_schools(spells, panel, links)
    if plan.tables:
        return spells, panel, None
    results, others = _results(plan, spells, readers.select(panel, plan.group)), None
    if plan.gap:
        ((column, value),) = plan.group.items()
        others = _results(plan, spells, panel[panel[column] != value])
    return spells, results, others


def _results(plan: ImpactPlan, spells: pd.DataFrame, pupils: pd.DataFrame) -> pd.DataFrame:
    """Return schools' results and what similar pupils elsewhere achieve, from a pupil file."""
    mine = spells.query("programme == @plan.programme")["urn"]
    return school_results(
        pupils,
        fit_on=~pupils["urn"].isin(mine),
        outcomes=plan.wanted,
        cluster="urn",
        time="year",
        context=plan.context,
        baseline=[plan.baseline] if plan.baseline else [],
    )


def check_groups(plan: TrialPlan, table: pd.DataFrame) -> None:
    """Refuse a plan that takes pupils for allocated one by one where whole groups have one arm.

    Asked of the column of schools and, where nothing says how pupils were allocated, of every one.
    """
    measured = {plan.treatment, plan.pupil, plan.baseline, plan.dosage}
    measured |= {name for name in plan.covariates if not frames.is_text(table[name])}
    measured |= {name for name in map(str, table) if plausible.is_age(name)}
    measured |= {outcome.name for outcome in plan.outcomes}
    asked = [plan.school] if plan.school else [] if plan.allocation else [*map(str, table)]
    said = "is empty"
    if plan.cluster:
        said = f"is {plan.cluster!r}"
        finer = table.groupby(plan.cluster, observed=True)
        within = [n for n in asked if n != plan.cluster and finer[n].nunique().max() == 1]
        asked = [n for n in within if table[n].nunique() < finer.ngroups]
    for name in asked:
        if name not in measured and one_arm_a_group(table, plan.treatment, name):
            raise EvidenceError(
                f"plan: cluster {said}, but every group of pupils in column {name!r} has one "
                f"arm, so that whole groups were allocated: set cluster to {name!r}"
            )
