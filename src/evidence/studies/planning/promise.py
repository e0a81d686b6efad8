"""What a trial promised against what was done: each deviation, and which results were planned."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from evidence.data import readers, sealed
from evidence.data.labels import label
from evidence.errors import EvidenceError
from evidence.methods.core import frames
from evidence.methods.core.results import TableResult
from evidence.show.words import counted
from evidence.studies.plan import Outcome, TrialPlan
from evidence.studies.planning.protocol import Protocol, read

PLANNED, EXPLORATORY = "as planned", "exploratory"
_OTHER_ROWS = "other rows were analysed than the protocol planned"
_OF_MODEL = ("arms", "model", "covariate", "exclusion")  # they change every result
_KINDS = {  # parameters of a plan that hold one column each
    "treatment": "model",
    "cluster": "model",
    "strata": "model",
    "baseline": "covariate",
    "dosage": "model",
}
_PROMISED = ("unit", "smallest_worthwhile", "attainment")  # of an outcome


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Promise(TableResult):
    """What was done otherwise than the protocol said.

    Parameters
    ----------
    table : DataFrame
        A row a deviation: `about` (outcome, model, covariate, exclusion, subgroup, arms, sample or
        date) and `deviation`, a sentence.
    status : dict
        Name of each outcome to "as planned" or "exploratory".
    """

    table: pd.DataFrame
    status: dict[str, str]

    def sentence(self) -> str:
        """Say how many deviations there are, and what is exploratory."""
        if self.table.empty:
            return "Everything was done as the protocol planned."
        new = [name for name, word in self.status.items() if word == EXPLORATORY]
        said = f"{counted(len(self.table), 'deviation')} from the protocol."
        return f"{said} Exploratory: {', '.join(new)}." if new else said

    def caveats_of(self, outcome: str, *, foreseen: bool | None = None) -> list[str]:
        """Return what a reader of a result must know; of a subgroup, whether it was `foreseen`.

        Those of the first outcome list every deviation, so that a release has the list.
        """
        found = ["exploratory: not what the protocol planned"]
        found *= self.status[outcome] == EXPLORATORY or foreseen is False
        if len(self.table):
            number = counted(len(self.table), "deviation")
            found.append(f"{number} from the protocol, listed in the report")
            if foreseen is None and outcome == next(iter(self.status)):
                texts = self.table["deviation"].str.replace(";", ",", regex=False)
                # Which rows may be told by a pupil's id: the report says it.
                texts = texts.where(self.table["about"] != "exclusion", _OTHER_ROWS)
                found[-1] = f"{number} from the protocol"
                found += [f"deviation from the protocol: {text}" for text in texts]
        return found

    def _repr_html_(self) -> str:
        return self.sentence() if self.table.empty else TableResult._repr_html_(self)


@dataclass(frozen=True, slots=True, eq=False)
class Promised:
    """A protocol, and how the data that came differ from those it planned.

    Parameters
    ----------
    protocol : Protocol
    found : tuple of (str, str)
        Deviations of sample and dates.
    """

    protocol: Protocol
    found: tuple[tuple[str, str], ...]

    @classmethod
    def read(
        cls,
        protocol: str | Path | Mapping[str, Any] | Protocol | None,
        plan: TrialPlan,
        data: str | pd.DataFrame,
        table: pd.DataFrame,
    ) -> Promised | None:
        """Compare a table with the protocol that is given or that the plan names, if any.

        Parameters
        ----------
        protocol : path, mapping or Protocol, optional
        plan : TrialPlan
            Its `protocol` and `sealed` are relative to the data folder.
        data : str or DataFrame
            What :meth:`evidence.Trial.read` was given.
        table : DataFrame
            All rows of the pupils' file.

        Raises
        ------
        EvidenceError
            The protocol or the sealed allocation cannot be read, or are not of each other.
        """
        place = Path(data) if isinstance(data, str) else Path()
        folder = place.parent if place.is_file() else place
        if protocol is None and plan.protocol:
            protocol = folder / plan.protocol
        if protocol is None:
            return None
        said = protocol if isinstance(protocol, Protocol) else read(protocol)
        found = [*_sample(said, table), *_dates(said, table)]
        if plan.sealed:
            found += _allocated(said, table, folder / plan.sealed)
        return cls(said, tuple(found))

    def planned(self, plan: TrialPlan) -> TrialPlan:
        """Return the plan whose prespecified subgroups are those of the protocol."""
        named = self.protocol.analysis.subgroups
        return plan.changed(prespecified=[name for name in plan.subgroups if name in named])

    def against(self, plan: TrialPlan, arms: Mapping[str, Any]) -> Promise:
        """Compare a plan, whose treatment and arms are `arms`, with the protocol."""
        said = TrialPlan.checked(self.protocol.trial())
        found = [*_plan(said, plan, arms), *self.found]
        changed = any(about in _OF_MODEL for about, _ in found)
        known = {one.name: one for one in said.outcomes}
        status = {
            one.name: PLANNED
            if not changed and one.name in known and not _differs(known[one.name], one)
            else EXPLORATORY
            for one in plan.outcomes
        }
        return Promise(table=pd.DataFrame(found, columns=["about", "deviation"]), status=status)


def _plan(said: TrialPlan, plan: TrialPlan, arms: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield where a plan differs from the protocol's."""
    known, done = ({one.name: one for one in each.outcomes} for each in (said, plan))
    primary, promised = plan.outcomes[0].name, said.outcomes[0].name
    if primary != promised:
        yield "outcome", _instead("the primary outcome", primary, promised)
    for name in [*known, *(name for name in done if name not in known)]:
        if name not in done:
            yield "outcome", f"outcome {name!r} was planned and is not analysed"
        elif name not in known:
            yield "outcome", f"outcome {name!r} was not planned"
        elif changed := _changes(known[name], done[name]):
            yield "outcome", f"outcome {name!r}: {changed}"
    for side, planned in (("arm", said.arm), ("control", said.control)):
        if planned not in arms[side]:
            yield "arms", _instead(side, arms[side][0], planned)
    for key, about in _KINDS.items():
        if getattr(plan, key) != getattr(said, key):
            yield about, _instead(key, getattr(plan, key), getattr(said, key))
    if plan.allocation and plan.allocation != said.allocation:
        yield "model", _instead("allocation", plan.allocation, said.allocation)
    if changed := _sets("adjusts for", plan.covariates, said.covariates):
        yield "covariate", changed
    if _texts(plan.where) != _texts(said.where):
        done_rows, planned_rows = (", ".join(f"{k} = {v}" for k, v in sorted(_texts(w).items()))
                                   for w in (plan.where, said.where))  # fmt: skip
        yield "exclusion", _instead("rows analysed", done_rows, planned_rows)
    for name in plan.subgroups:
        if name not in said.subgroups:
            yield "subgroup", f"subgroup {name!r} was not planned"
    for name in said.subgroups:
        if name not in plan.subgroups:
            yield "subgroup", f"subgroup {name!r} was planned and is not analysed"


def _instead(what: str, done: str, planned: str) -> str:
    was, should = (repr(each) if each else "not given" for each in (done, planned))
    return f"{what} is {was}; the protocol planned {should.replace('not given', 'none')}"


def _sets(what: str, done: list[str], planned: list[str]) -> str:
    more = [name for name in done if name not in planned]
    less = [name for name in planned if name not in done]
    parts = [f"{what} {', '.join(more)}, not planned"] * bool(more)
    parts += [f"does not use {', '.join(less)}, planned"] * bool(less)
    return "; ".join(parts)


def _texts(where: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in where.items()}


def _changes(planned: Outcome, done: Outcome) -> str:
    pairs = ((key, getattr(done, key), getattr(planned, key)) for key in _PROMISED)
    return "; ".join(_instead(key, str(a), str(b)) for key, a, b in pairs if a != b)


def _differs(planned: Outcome, done: Outcome) -> bool:
    return bool(_changes(planned, done)) or planned.primary != done.primary


def _sample(said: Protocol, data: pd.DataFrame) -> Iterator[tuple[str, str]]:
    """Yield where the number of units is not the one planned."""
    try:
        rows = readers.select(data, said.analysis.where)
    except EvidenceError:
        return  # the plan's own fault, or an exclusion
    column, planned = said.analysis.cluster, said.units
    if planned is None or (column and column not in rows):
        return
    number, what = (rows[column].nunique(), f"of {column}") if column else (len(rows), "pupils")
    if number != planned:
        yield "sample", f"the data have {number:,} {what}; the protocol planned {planned:,.0f}"


def _allocated(said: Protocol, data: pd.DataFrame, path: Path) -> Iterator[tuple[str, str]]:
    """Yield where units are not in the arm that was sealed."""
    record = next((one for one in sealed.read(path) if one.get("trial") == said.title), None)
    if record is None:
        raise EvidenceError(f"{path}: has no allocation of {said.title!r}")
    column, arm = said.analysis.cluster or said.analysis.pupil, said.analysis.treatment
    known = dict(record["allocation"])
    pairs = readers.select(data, said.analysis.where)[[column, arm]].drop_duplicates()
    units, arms = (pairs[name].map(label) for name in (column, arm))
    new = {unit for unit in units if unit not in known}
    moved = {u for u, a in zip(units, arms, strict=True) if u in known and known[u] != a}
    for some, what in ((moved, "in another arm than was sealed"), (new, "never allocated")):
        if some and said.analysis.cluster:
            yield "sample", f"{len(some):,} of {column}: {what}"
        elif some:  # in words that a release rounds
            yield "sample", f"{counted(len(some), 'pupil')}: {what}"


def _dates(said: Protocol, data: pd.DataFrame) -> Iterator[tuple[str, str]]:
    """Yield which outcomes were not measured when they should have been."""
    for one in said.outcomes:
        if not (one.tested and (one.first or one.last)):
            continue
        window = f"{one.first or 'any day'} to {one.last or 'any day'}"
        if one.tested not in data:
            yield "date", f"the day of {one.name!r} is not in the data; it was to be {window}"
            continue
        written = data[one.tested].astype("string").where(~frames.missing(data, one.tested))
        plain = written.str.extract(r"^\s*(\d{4}-\d\d-\d\d)(?:[T ].*)?$")[0]  # a time is left out
        days = pd.to_datetime(plain, errors="coerce", format="%Y-%m-%d")
        if unread := int((written.notna() & days.isna()).sum()):
            yield (
                "date",
                (
                    f"column {one.tested!r} of {one.name!r} holds no day that can be read in "
                    f"{counted(unread, 'row')}; days are written as 2027-06-14"
                ),
            )
        first, last = pd.Timestamp(one.first or days.min()), pd.Timestamp(one.last or days.max())
        if ((days < first) | (days > last)).any():
            yield "date", f"{one.name!r} was not measured on all days within {window}"
