"""The role of each column of a table (count, mean, label ...); one without a role is refused."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from itertools import chain
from typing import Any

import pandas as pd

from evidence.data.rules import Rules
from evidence.data.schema import SYMBOLS
from evidence.errors import EvidenceError, nearest

ROLES = "counts, percentages, means, totals, statistics, schools or axes"
TOTALS = frozenset({"all", "all pupils", "total", "overall", "both"})  # labels of a margin's sum
# Text that describes a row without saying which group it is.
WORDS = frozenset(
    {
        "run_id", "sentence", "caveats", "verdict", "method", "band", "unit", "comparator",
        "symbol", "estimand", "level", "worthwhile", "title", "published", "lost_for",
    }
)  # fmt: skip
_LAST = ("verdict", "run_id", "caveats", "sentence")
SAID = frozenset({"verdict", "band"})  # words that say a statistic: hidden with it
_UPN = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]\d{11}[0-9A-Za-z](?![A-Za-z0-9])")
# A decimal or a percentage kept as text would pass as a label.
_HIDDEN_NUMBER = re.compile(r"\s*[-+−]?(\d[\d,]*\.\d+\s*%?|\d[\d,]*\s*%)\s*")
_EXTREMES = {"min", "max", "minimum", "maximum", "smallest", "largest", "lowest", "highest",
             "residual", "residuals", "resid"}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Roles:
    """Columns by what they are; `disclosure.protect` explains each."""

    counts: tuple[str, ...] = ()
    percentages: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    means: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    totals: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    statistics: tuple[str, ...] = ()
    schools: tuple[str, ...] = ()
    axes: tuple[str, ...] = ()
    labels: tuple[str, ...] | None = None
    keys: tuple[str, ...] | None = None
    margins: Mapping[str, Any] = field(default_factory=dict)
    residual_df: str | None = None
    behind: tuple[str, ...] = ()

    @classmethod
    def of(cls, named: Mapping[str, Any]) -> Roles:
        """Make roles of what a caller named.

        Raises
        ------
        EvidenceError
            A role is unknown.
        """
        allowed = {role.name: role.type for role in fields(cls)}
        roles = {}
        for role, value in named.items():
            if role not in allowed:
                raise EvidenceError(f"unknown column role {role!r}; {nearest(role, allowed)}")
            if value is None:
                continue
            if "Mapping" in allowed[role]:
                value = {k: v if isinstance(v, str) else tuple(v) for k, v in value.items()}
            elif "tuple" in allowed[role]:
                value = (value,) if isinstance(value, str) else tuple(value)
            roles[role] = value
        return cls(**roles)

    @property
    def contributions(self) -> tuple[str, ...]:
        """Columns of single contributions to totals: looked at, never shown."""
        return tuple(dict.fromkeys(name for names in self.totals.values() for name in names))

    @property
    def figures(self) -> tuple[str, ...]:
        """Every numeric column that may be shown, in no order."""
        rest = (*self.percentages, *self.means, *self.totals)
        return (*self.counts, *rest, *self.statistics, *self.schools, *self.axes)

    def dimensions(self, table: pd.DataFrame) -> tuple[str, ...]:
        """Return the columns that say which group a row is."""
        return distinguishing(table, self.axes) if self.keys is None else self.keys

    def check(self, table: pd.DataFrame, rules: Rules) -> None:
        """Refuse a table with a column that is not what it is said to be.

        Raises
        ------
        EvidenceError
            A column has no role, two, or the wrong kind of cells; what it rests on is not named;
            its name says that it holds extremes; a cell looks like a pupil number.
        """
        if table.columns.nlevels > 1 or not table.columns.is_unique:
            raise EvidenceError("a table to protect needs one row of column names, each used once")
        if not isinstance(table.index, pd.RangeIndex) and table.index.name is not None:
            raise EvidenceError(
                f"the index {table.index.name!r} would be lost: call reset_index() to make it a "
                "column"
            )
        parts = (part for part in self.margins.values() if not isinstance(part, str))
        named = [*self.figures, *self.contributions, *(self.labels or ())]
        other = [*(self.keys or ()), *self.margins, *filter(None, [self.residual_df])]
        for name in [*named, *other, *chain(*parts)]:
            if name not in table.columns:
                raise EvidenceError(
                    f"no column {name!r}; there are {', '.join(map(str, table.columns))}"
                )
            if named.count(name) > 1:
                raise EvidenceError(f"column {name!r} has two roles; give it one of {ROLES}")
        self._check_sources(rules)
        for name in table.columns:
            self._check_column(table[name], str(name), rules)

    def _check_sources(self, rules: Rules) -> None:
        for name, pair in self.percentages.items():
            if not set(pair) <= set(self.counts):
                raise EvidenceError(
                    f"percentage {name!r} rests on {' and '.join(pair)}: name both among counts"
                )
        for name, (upper, lower) in self.means.items():
            if lower not in self.counts or upper not in {*self.counts, *self.totals}:
                raise EvidenceError(
                    f"mean {name!r} rests on {upper} and {lower}: name the first among counts or "
                    "totals, the second among counts"
                )
        for name, largest in self.totals.items():
            if len(largest) < (needed := max(2, rules.dominance_n)):
                raise EvidenceError(
                    f"total {name!r} needs the columns of its {needed} largest contributions, "
                    "largest first"
                )
        resting = (*self.statistics, *self.percentages, *self.totals)
        if resting and not self.counts:
            raise EvidenceError(
                f"statistics {', '.join(resting)} have no counts of pupils behind them; name those "
                "columns in counts"
            )

    def _check_column(self, column: pd.Series, name: str, rules: Rules) -> None:
        refuse_upn([name], "column names")
        inside = name in self.contributions or name == self.residual_df
        if name in self.figures or inside:
            if not pd.api.types.is_numeric_dtype(column) or column.dtype == bool:
                raise EvidenceError(f"column {name!r} is not numeric but was named as a number")
            extreme = _EXTREMES & set(re.split(r"[^a-z]+", name.lower()))
            if extreme and not inside and not rules.extremes:
                raise EvidenceError(
                    f"column {name!r}: smallest and largest values and residuals are single "
                    "pupils'; leave it out or show a quantile over enough pupils"
                )
        elif pd.api.types.is_bool_dtype(column):
            return
        elif not is_text(column):
            raise EvidenceError(f"column {name!r} is numeric and has no role; name it in {ROLES}")
        elif name.endswith("_symbol"):
            cells = set(column.dropna().astype("str")) - {"", "k", *SYMBOLS}
            if cells and name.removesuffix("_symbol") in self.figures:
                raise EvidenceError(
                    f"column {name!r} holds a symbol that is not one of {', '.join(SYMBOLS)}, k"
                )
            refuse_upn(column, f"column {name!r}")
        elif self.labels is not None and name not in self.labels:
            raise EvidenceError(f"column {name!r} is not among labels ({', '.join(self.labels)})")
        else:
            refuse_upn(column, f"column {name!r}")
            if any(isinstance(cell, str) and _HIDDEN_NUMBER.fullmatch(cell) for cell in column):
                raise EvidenceError(
                    f"column {name!r} holds numbers written as text; make it numeric and name it "
                    f"in {ROLES}"
                )


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """What the search for complementary cells must know of a table; never leaves the process.

    Parameters
    ----------
    exact : DataFrame
        True counts and totals, a row for each row of the table.
    hidden : DataFrame
        Where they are hidden; the same shape.
    labels : DataFrame
        The columns that say which group a row is, as text.
    roles : Roles
        The columns' roles.
    rules : Rules
        The rules applied.
    """

    exact: pd.DataFrame
    hidden: pd.DataFrame
    labels: pd.DataFrame
    roles: Roles
    rules: Rules


def is_text(column: pd.Series) -> bool:
    """Return whether every cell is text or missing."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        column = column.cat.categories.to_series()
    if column.dtype == object:
        return bool(column.dropna().map(lambda cell: isinstance(cell, str)).all())
    return isinstance(column.dtype, pd.StringDtype)


def distinguishing(table: pd.DataFrame, axes: Iterable[str] = ()) -> tuple[str, ...]:
    """Return the columns that say which group a row is.

    What only describes it, by its name or as yes and no (whether an outcome is the primary one), is
    one of them where rows are else the same: a name is the notebook's word. What may be another in
    the next release comes last.
    """
    texts = [
        name for name in map(str, table.columns)
        if (name in axes or is_text(table[name]) or pd.api.types.is_bool_dtype(table[name]))
        and not (name.endswith("_symbol") and name.removesuffix("_symbol") in table)
    ]  # fmt: skip
    said = {name for name in texts if name in WORDS or pd.api.types.is_bool_dtype(table[name])}
    found = [name for name in texts if name not in said]
    codes = {name: pd.factorize(table[name])[0] for name in texts}
    many = len(set(zip(*(codes[name] for name in found), strict=True))) or min(1, len(table))
    for name in sorted(said, key=lambda n: (n in _LAST, texts.index(n))):
        if many == len(table):
            break
        if many < (more := len(set(zip(*(codes[n] for n in [*found, name]), strict=True)))):
            found, many = [*found, name], more
    return tuple(found)


def label_texts(table: pd.DataFrame, columns: Iterable[str]) -> pd.DataFrame:
    """Return labels as text; a missing year or bin means all of them, a missing text is a label."""
    return pd.DataFrame(
        {
            name: table[name].astype("str").fillna("" if is_text(table[name]) else "all")
            for name in columns
        },
        index=table.index,
    )


def refuse_upn(cells: Iterable[object], where: str) -> None:
    """Refuse texts that hold what looks like a pupil number.

    Raises
    ------
    EvidenceError
        One does; the message does not repeat it.
    """
    if any(isinstance(cell, str) and _UPN.search(cell) for cell in cells):
        raise EvidenceError(f"{where}: holds what looks like a pupil number (UPN); remove it")
