"""A trial before it starts, as its protocol says it: `ev.Plan`."""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from evidence.data import collected, readers
from evidence.data import sealed as sealed_records
from evidence.errors import EvidenceError, Faults, nearest
from evidence.methods.planning import allocation
from evidence.methods.planning.power import PowerFigure
from evidence.show.document import Document
from evidence.show.words import counted
from evidence.stats.power import sizes
from evidence.studies.planning import protocol
from evidence.studies.planning.documents import documents, equation, worthwhile
from evidence.studies.planning.explorer import panel
from evidence.studies.planning.protocol import Protocol
from evidence.studies.sections import Section, section
from evidence.studies.study import Questions

if TYPE_CHECKING:
    from ipywidgets import VBox

    from evidence.studies.trial import Trial

_SIZES = {"n": "pupils", "J": "groups", "K": "blocks or schools", "L": "blocks at the top"}
_OPTIONAL = (
    "control", "together", "cluster", "strata", "baseline", "dosage", "title", "tested", "found",
)  # fmt: skip
_WHOLE = ("sample", "columns", "arms", "where")  # tables whose keys are not those of the contract
_LISTED = ("sample", "people", "timeline", "items")


@dataclass(frozen=True, eq=False, kw_only=True)
class Plan(Questions):
    """What a trial promises, what it could find, and what is still open.

    Parameters
    ----------
    protocol : Protocol
    sha256 : str
        Of the protocol's file; "" where it came from none.
    """

    protocol: Protocol
    sha256: str = ""

    @classmethod
    def read(cls, path: str | Path | Mapping[str, Any]) -> Plan:
        """Read ``protocol.toml``, or a mapping with the same keys.

        Raises
        ------
        EvidenceError
            The file cannot be read; every fault of it, a line each.
        """
        said = protocol.read(path)
        return cls(protocol=said, sha256="" if isinstance(path, Mapping) else _sha256(path))

    def with_(self, **changes: Any) -> Plan:
        """Return the plan with keys changed; of a table only what is named, as ``design={…}``.

        Raises
        ------
        EvidenceError
            As :meth:`read`.
        """
        values = self.protocol.model_dump()
        for key, value in changes.items():
            inside = isinstance(value, Mapping) and isinstance(values.get(key), Mapping)
            values[key] = values[key] | dict(value) if inside else value
        return replace(self, protocol=Protocol.parsed(values, "protocol"), sha256="")

    def trial(self, data: str | pd.DataFrame, **changes: Any) -> Trial:
        """Return the trial's study on data, planned as the protocol says, save for `changes`."""
        from evidence.studies.trial import Trial

        return Trial.read(data, self.protocol.trial() | changes, protocol=self.protocol)

    def allocate(self, roster: str | Path, nonce: str, sealed: str | Path) -> allocation.Allocation:
        """Allocate the units of a roster by the protocol's rule, and seal it.

        Parameters
        ----------
        roster : str or Path
            File of one row a unit.
        nonce : str
            The public words that the protocol named beforehand.
        sealed : str or Path
            Append-only file of allocations.

        Raises
        ------
        EvidenceError
            Every fault of roster and rule; the trial has an allocation already.
        """
        if not self.protocol.allocation.nonce:
            raise EvidenceError(
                "protocol: allocation, nonce is ''; say beforehand which public words are taken, "
                "such as the lottery numbers of a day to come"
            )
        rule = self.protocol.rule() | {"protocol": self._from_file(), "nonce": nonce}
        table = readers.table(roster)
        try:
            found = allocation.allocate(table, **rule)
        except EvidenceError as error:
            raise EvidenceError(*self._of_files(error.faults, roster, [*table])) from None
        found.seal(sealed, trial=self.protocol.title, roster_file=_sha256(roster))
        return found

    def _of_files(
        self, faults: Sequence[str], roster: str | Path, columns: Sequence[str]
    ) -> Iterator[str]:
        """Yield faults of the allocation as the reader of protocol and roster knows them."""
        rule = self.protocol.allocation
        for fault in faults:
            if not fault.startswith("data has no column"):
                text = re.sub("^roster(?=[,:])", str(roster), fault)
                yield text.replace("give uneven=True", "say uneven = true in [allocation]")
                continue
            for key in ("unit", "strata", "covariates", "together"):
                value = getattr(rule, key)
                for name in filter(None, [value] if isinstance(value, str) else value):
                    if name not in columns:
                        yield f"{roster}: no column {name!r} ({key}); {nearest(name, columns)}"

    def verify(
        self, roster: str | Path, sealed: str | Path, table: str | Path | None = None
    ) -> allocation.Allocation:
        """Make the sealed allocation again, and compare protocol, roster and allocation with it.

        Parameters
        ----------
        roster, sealed : str or Path
            As :meth:`allocate`.
        table : str or Path, optional
            The allocation as it was written: unit and arm.

        Raises
        ------
        EvidenceError
            Protocol, roster, record or table are not what was sealed, in one byte.
        """
        record = sealed_records.read(sealed)
        own = [each for each in record if each["protocol"] == self._from_file()]
        if not own and any(each.get("trial") == self.protocol.title for each in record):
            raise EvidenceError(f"the protocol was changed after it was sealed in {sealed}")
        if own and own[0].get("roster_file", "") != _sha256(roster):
            raise EvidenceError(f"{roster}: was changed after it was sealed")
        found = allocation.replay(sealed, readers.table(roster), protocol=self.sha256)
        if table and Path(table).read_bytes() != written(found):
            raise EvidenceError(f"{table}: is not the allocation that was sealed")
        return found

    def _from_file(self) -> str:
        if not self.sha256:
            raise EvidenceError("protocol: comes from no file, so that nothing can be sealed")
        return self.sha256

    @functools.cached_property
    def mdes(self) -> PowerFigure | None:
        """The smallest effect that the trial finds; None without assumptions."""
        return self.protocol.mdes()

    @functools.cached_property
    def open(self) -> list[str]:
        """What nobody has entered yet, each by its key."""
        return [*_empty(self.protocol.model_dump(), "")]

    def answer(self) -> Section:
        """Return what is asked and what the trial could find, in sentences."""
        said, primary = self.protocol, self.protocol.primary
        found = [said.question]
        if self.mdes is None:
            found.append("The sample has no assumptions yet: what it could find is not known.")
        else:
            enough = self.mdes <= primary.smallest_worthwhile
            found.append(self.mdes.sentence())
            found.append(
                f"That is {'enough to find' if enough else 'too little to find'} the smallest "
                f"effect worth having, {worthwhile(primary)}."
                if primary.unit == "sd"
                else "The smallest effect worth having is in another unit."
            )
        found.append(f"Still open in the protocol: {counted(len(self.open), 'item')}.")
        return section(said.title, *found)

    @property
    def questions(self) -> dict[str, Callable[[], list[Any]]]:
        """What answers each question, in order."""
        said = self.protocol
        return {
            "what is planned": lambda: [self._outcomes(), equation(said, said.primary.words)],
            "what it could find": lambda: [
                self.mdes.sentence() if self.mdes else "The sample has no assumptions yet.",
                self._sizes(),
            ],
            "what is open": lambda: [
                f"Still to be entered: {', '.join(self.open)}." if self.open else "Nothing is open."
            ],
        }

    def _outcomes(self) -> pd.DataFrame:
        rows = [
            (o.words, "yes" if o.primary else "no", worthwhile(o)) for o in self.protocol.outcomes
        ]
        return pd.DataFrame(rows, columns=["outcome", "primary", "smallest worthwhile effect"])

    def _sizes(self) -> pd.DataFrame | None:
        """Return the smallest effect of smaller and larger trials."""
        if self.mdes is None:
            return None
        top = sizes(self.protocol.design.kind)[-1]
        tried = [max(round(self.mdes.values[top] * by), 4) for by in (0.5, 0.75, 1, 1.5, 2)]
        rows = []
        for size in dict.fromkeys(tried):
            try:
                found = self.protocol.mdes(**{top: size})
                rows.append({_SIZES[top]: f"{size:g}", "smallest effect found": f"{found:.2f} SD"})
            except EvidenceError:
                continue
        return pd.DataFrame(rows)

    def documents(self) -> dict[str, Document]:
        """Return protocol, analysis plan and report skeleton, to be set as PDF or Word."""
        return documents(self.protocol, self.sha256)

    def collect(self, path: str | Path, pupils: int = 200) -> None:
        """Write the workbook that a school fills in, with room for so many pupils.

        Raises
        ------
        EvidenceError
            There is such a file already.
        """
        collected.write(path, self.protocol.collected(), self.protocol.title, pupils)

    def collected(
        self, paths: Sequence[str | Path], arms: pd.DataFrame | None = None
    ) -> pd.DataFrame:
        """Return the pupils of workbooks that came back, with their school's arm.

        Parameters
        ----------
        paths : sequence of str or Path
        arms : DataFrame, optional
            The allocation's `table`, `unit` and `arm`, with what else is known of units, such as
            their stratum.

        Raises
        ------
        EvidenceError
            Every cell that is not allowed; in each file, what was not allocated.
        """
        said, faults, parts = self.protocol, Faults(), []
        unit, arm = said.analysis.cluster or said.analysis.pupil, said.analysis.treatment
        for path in paths:
            with faults.note():
                table = collected.read(path, said.collected())
                if arms is not None:
                    known = arms.rename(columns={"unit": unit, "arm": arm}).astype({unit: "str"})
                    table = table.astype({unit: "str"}).merge(known, on=unit, how="left")
                    if others := table[arm].isna().sum():
                        raise EvidenceError(
                            f"{path}, column {unit!r}: {counted(others, 'pupil')} of what was not "
                            "allocated; write it as the allocation does"
                        )
                parts.append(table)
        faults.settle()
        return pd.concat(parts, ignore_index=True)

    def explore(self) -> VBox:
        """Return controls that change the design, and what it could find at once."""
        said = self.protocol
        least = said.primary.smallest_worthwhile if said.primary.unit == "sd" else 0.0
        return panel(said.design.kind, said.sample, least)


def written(found: allocation.Allocation) -> bytes:
    """Return an allocation as a file of unit and arm."""
    return found.table.to_csv(index=False, lineterminator="\n").encode()


def _sha256(path: str | Path) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def _empty(values: Mapping[str, Any], place: str) -> Iterator[str]:
    """Yield the keys that hold nothing and whose absence says nothing."""
    for key, value in values.items():
        if isinstance(value, Mapping) and value and key not in _WHOLE:
            yield from _empty(value, f"{place}{key}.")
        elif (value == "" and key not in _OPTIONAL) or (key in _LISTED and not value):
            yield f"{place}{key}"
