"""What studies of monitored figures have in common: rows for `indicators`, pictures, findings."""

from __future__ import annotations

import math
import re
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeVar

import numpy as np
import pandas as pd

from evidence.data.rules import Rules, load
from evidence.data.schema import WATCHED
from evidence.methods.monitoring.control_chart import ControlChart
from evidence.show import words
from evidence.show.picture import Picture
from evidence.studies.plan import CommonPlan
from evidence.studies.sections import Section
from evidence.studies.study import Questions, answered

W = TypeVar("W", bound="Watching")
LEVEL = 0.95
_ROW = {
    "group": "all",
    "ci_lower": np.nan,
    "ci_upper": np.nan,
    "unit": "%",
    "n": np.nan,
    "comparator": "",
    "comparator_value": np.nan,
    "rank": np.nan,
    "band": "",
    "symbol": "",
    "sentence": "",
}


@dataclass(frozen=True, eq=False, kw_only=True)
class Watching(Questions):
    """A plan, what it reads, and the answers to a report on figures that are watched.

    Parameters
    ----------
    plan : CommonPlan
        The parameters of the notebook.
    tables : mapping of str to DataFrame
        What was read, each under the parameter that names it.
    rules : Rules
        What the data owner lets leave.
    """

    plan: Any
    tables: Mapping[str, Any] = field(default_factory=dict)
    rules: Rules = field(default_factory=Rules)
    kind: ClassVar[type[CommonPlan]] = CommonPlan

    @classmethod
    def read(cls: type[W], data: str, plan: Mapping[str, Any]) -> W:
        """Check a plan and read the files that it names.

        Parameters
        ----------
        data : str
            The folder of the files.
        plan : mapping
            The parameters; in a notebook ``globals()``.

        Raises
        ------
        EvidenceError
            Faults of the plan, all at once; a file that cannot be read or lacks columns.
        """
        checked = cls.kind.checked(plan)
        rules = load(f"{checked.data}/disclosure.toml")
        return cls(plan=checked, tables=cls.files(data, checked), rules=rules)

    @classmethod
    def files(cls, data: str, plan: Any) -> dict[str, Any]:
        """Read the files of a plan."""
        return {}

    @property
    @abstractmethod
    def headlines(self) -> list[str]:
        """What was found, one sentence each, the finding first."""

    @property
    @abstractmethod
    def indicators(self) -> pd.DataFrame:
        """Rows of the `indicators` contract."""

    @answered
    def name(self) -> str:
        """What the report is about, at its head."""
        return self.plan.title or type(self).__name__

    def answer(self) -> Section:
        """Return what was found, the finding first."""
        about = " · ".join(filter(None, (self.plan.title, self.plan.cohort_title)))
        parts: list[Any] = ["The data are simulated."] if self.plan.simulated else []
        return Section(title=self.name, about=about, parts=(*parts, *self.headlines))

    def findings(self) -> dict[str, Any]:
        """Return what may be proposed for release: the arguments of `ev.propose`."""
        return {
            "indicators": self.indicators,
            "pictures": self.counted_pictures,
            "rules": self.rules,
            "published": self.plan.published,
            "units": self.plan.units,
        }

    def contract(self, rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
        """Return rows of the `indicators` contract; what a row does not say is filled in."""
        always = {"run_id": self.plan.run_id, "published": self.plan.published}
        table = pd.DataFrame([_ROW | row | always for row in rows], columns=list(WATCHED))
        missing = table["value"].isna() & (table["symbol"] == "")
        return table.assign(symbol=table["symbol"].mask(missing, "x"))

    def coarse(self, table: pd.DataFrame, columns: Sequence[str], n: str = "n") -> pd.DataFrame:
        """Return percentages rounded so far that they tell no more than a rounded count does."""
        if self.plan.published:
            return table
        table = table.copy()
        places = [self.rules.places(many) if many > 0 else 0 for many in table[n]]
        for name in columns:
            pairs = zip(table[name], places, strict=True)
            table[name] = [x if x != x else round(x, d) for x, d in pairs]
        return table

    def told(self, text: str, places: int) -> str:
        """Return a sentence with at most so many decimals: no more than its row's figures have."""
        if self.plan.published:
            return text

        def shorter(found: re.Match[str]) -> str:
            size = words.number(float(found[2]), min(places, len(found[2].partition(".")[2])))
            return size if not float(size) else f"{found[1]}{size}"  # zero has no sign

        return re.sub(r"([+−]?)(?<![.\d])(\d+\.\d+)", shorter, text)

    def charted(
        self, chart: ControlChart, title: str, alt: str, *, counted: bool = False, **more: Any
    ) -> Picture:
        """Return a control chart as a picture; of shares with the counts that they come from.

        The values of one that is `counted` are themselves counts of pupils.
        """
        table, share = chart.to_frame().dropna(axis=1, how="all"), chart.chart[0] == "p"
        if share and (many := table["n"].iloc[-1]) > 0:
            alt = self.told(alt, self.rules.places(many))
        drawn = [x for x in ("value", "centre", "lower", "upper", "target") if x in table]
        counts = ("value",) if counted else ("n",) if "n" in table else ()
        if share:
            have = (table["value"] * table["n"]).round()
            table[drawn] *= 100
            table = self.coarse(table.assign(count=have, others=table["n"] - have), drawn)
            counts = ("n", "count", "others")
        statistics = [name for name in drawn if name not in counts]
        if counts and not self.plan.published:  # points of few are not drawn
            few = (table[[*counts]] < self.rules.figure_count).any(axis=1)
            table[statistics] = table[statistics].mask(few)
            table["signal"] = table["signal"].mask(few, "common cause")
            table["rule"] = table["rule"].mask(few, "")
        table.insert(0, "place", range(len(table)))
        return Picture(
            **{"name": "over-time", "question": "over time"} | more,
            kind="control_chart",
            title=title,
            alt=alt,
            table=table,
            counts=counts,
            statistics=tuple(statistics),
            axes=("place", "part"),
            published=self.plan.published,
        )

    def shares(self, table: pd.DataFrame, **more: Any) -> Picture | None:
        """Return shares of groups as bars: `outcome`, `group`, `n_part` and what it is out of."""
        if table.empty:
            return None
        whole = str(table.columns[3])
        roles = ("n_part", whole)
        public = whole == "n_schools"
        return Picture(
            kind="shares",
            table=table,
            counts=() if public else roles,
            schools=roles if public else (),
            published=self.plan.published,
            **more,
        )


def percent(value: float, low: float = math.nan, high: float = math.nan) -> dict[str, float]:
    """Return a share from 0 to 1 and its interval as a row's value, in per cent."""
    return {"value": 100 * value, "ci_lower": 100 * low, "ci_upper": 100 * high}
