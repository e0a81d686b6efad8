"""Pairs of files for explore education statistics: `NAME.csv` with `NAME.meta.csv`, their words."""

from __future__ import annotations

import calendar
import csv
import itertools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from evidence.errors import EvidenceError

META = (
    "col_name",
    "col_type",
    "label",
    "indicator_grouping",
    "indicator_unit",
    "indicator_dp",
    "filter_hint",
    "filter_grouping_column",
)
REQUIRED = ("time_period", "time_identifier", "geographic_level", "country_code", "country_name")
UNITS = ("", "%", "£", "£m", "pp", "string", "numberstring")
SYMBOLS = ("z", "x", "c", "low", "k", "u")
LA = ("new_la_code", "old_la_code", "la_name")
# Each level's columns: code, name, second code.
PLACES = {
    "National": ("country_code", "country_name"),
    "Regional": ("region_code", "region_name"),
    "Local authority": ("new_la_code", "la_name", "old_la_code"),
    "Local authority district": ("lad_code", "lad_name"),
    "RSC region": ("", "rsc_region_lead_name"),
    "Parliamentary constituency": ("pcon_code", "pcon_name"),
    "Local skills improvement plan area": ("lsip_code", "lsip_name"),
    "Local enterprise partnership": (
        "local_enterprise_partnership_code",
        "local_enterprise_partnership_name",
    ),
    "English devolved area": ("english_devolved_area_code", "english_devolved_area_name"),
    "Opportunity area": ("opportunity_area_code", "opportunity_area_name"),
    "Ward": ("ward_code", "ward_name"),
    "MAT": ("trust_id", "trust_name"),
    "Sponsor": ("sponsor_id", "sponsor_name"),
    "School": ("school_urn", "school_name", "school_laestab"),
    "Provider": ("provider_ukprn", "provider_name"),
    "Institution": ("institution_id", "institution_name"),
    "Planning area": ("planning_area_code", "planning_area_name"),
    "Police force area": ("pfa_code", "pfa_name"),
}
SMALL = ("School", "Provider", "Institution")
NOT_SHOWN = (*SMALL, "Planning area")  # by the table tool
# Which other levels may fill a level's columns, beside schools, providers and institutions.
WITHIN = {
    "Regional": (
        "Local authority", "Local authority district", "Parliamentary constituency",
        "Local skills improvement plan area", "Local enterprise partnership",
        "English devolved area", "Opportunity area", "Ward", "Planning area", "Police force area",
    ),
    "Local authority": (
        "Parliamentary constituency", "Local authority district", "Ward", "Planning area",
        "Police force area",
    ),
    "Local authority district": ("Ward", "Police force area"),
    "Local skills improvement plan area": ("Local authority district", "Planning area"),
}  # fmt: skip
_PLACE_COLUMNS = tuple(dict.fromkeys(itertools.chain(*PLACES.values())))
UNITS_OF_OBSERVATION = frozenset({*REQUIRED, *filter(None, _PLACE_COLUMNS)})
LIKE_A_PLACE = re.compile(
    r"(sch|prov|inst|estab|reg|la|local|rsc|pfa|pcon|lep|mca|oa|ward|mat)"
    r".*(name|code|urn|ukprn|number|upin|id)"
    r"|(la)?estab|sch(ools?)?|prov|providers?|inst|institutions?|name|code|urn|ukprn|number|upin|id"
    r"|region|lad?|rsc|pcon|lep|mca|oa|ward|mat",
    re.IGNORECASE,
)
NAMES_OF_SCHOOLS = {"school_name", "provider_name"}
# Words of sex and ethnic group: they belong into a filter, not into the name of an indicator.
GROUPS = re.compile(
    "male|asian|chinese|indian|pakistani|bangladeshi|black|african|caribbean|white|roma|irish"
    "|english|british|scottish|welsh|arab",
    re.IGNORECASE,
)
NULLS = {"NULL", "Null", "null", "NA", "na"}
_TERMS = ("Autumn term", "Spring term", "Summer term")
_MONTHS = tuple(calendar.month_name[1:])
_WEEKS = tuple(f"Week {number}" for number in range(1, 53))
_QUARTERS = tuple(f"Financial year Q{number}" for number in range(1, 5))
_HALVES = ("Part 1 (April to September)", "Part 2 (October to March)")
# Those of one line may stand in one file; how many digits their periods have.
TIMES = {
    ("Calendar year",): 4,
    ("Reporting year",): 4,
    _MONTHS: 4,
    _WEEKS: 4,
    ("Autumn and spring term",): 6,
    ("Financial year",): 6,
    ("Academic year",): 6,
    ("Tax year",): 6,
    _TERMS: 6,
    _QUARTERS: 6,
    _HALVES: 6,
}


@dataclass(frozen=True, slots=True)
class Breach:
    """One rule that a pair does not keep: where, and what is allowed; `fatal` as the screener."""

    text: str
    fatal: bool = True


@dataclass(frozen=True)
class Pair:
    """The two files as text."""

    path: Path
    data: pd.DataFrame
    meta: pd.DataFrame

    @property
    def meta_path(self) -> Path:
        """Where the metadata stand."""
        return meta_path(self.path)

    def of(self, kind: str) -> list[str]:
        """Return the columns of the data that the metadata call "Filter" or "Indicator"."""
        return self.meta.loc[self.meta["col_type"] == kind, "col_name"].tolist()

    @property
    def groups(self) -> list[str]:
        """The columns that group filters."""
        return [name for name in dict.fromkeys(self.meta["filter_grouping_column"]) if name]

    @property
    def only_school_names(self) -> bool:
        """Whether the one filter is the name of a school or provider, which is allowed."""
        filters = self.of("Filter")
        return len(filters) == 1 and bool({*filters, *self.groups} & NAMES_OF_SCHOOLS)

    def at(self, column: str, wrong: pd.Series, why: str, fatal: bool = True) -> Iterator[Breach]:
        """Give a breach for the first row of the data that is wrong, and how many there are."""
        yield from _at(self.path, self.data, column, wrong, why, fatal)

    def in_meta(
        self, column: str, wrong: pd.Series, why: str, fatal: bool = True
    ) -> Iterator[Breach]:
        """Give a breach for the first row of the metadata that is wrong."""
        yield from _at(self.meta_path, self.meta, column, wrong, why, fatal)


def meta_path(path: Path) -> Path:
    """Return where the metadata of a data file stand."""
    return path.with_name(f"{path.stem}.meta.csv")


def read(path: Path) -> pd.DataFrame:
    """Return a file of a pair as text, as it is."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.reader(file, strict=True))
    except FileNotFoundError:
        raise EvidenceError(f"{path}: no such file; a pair is NAME.csv and NAME.meta.csv") from None
    except (UnicodeDecodeError, csv.Error):
        raise EvidenceError(f"{path}: is no comma-separated text in UTF-8") from None
    rows = [row for row in rows if row]
    if not rows or len(rows[0]) < 2:
        raise EvidenceError(f"{path}: has fewer than two columns; commas must separate the cells")
    wrong = next((n for n, row in enumerate(rows, 1) if len(row) != len(rows[0])), 0)
    if wrong:
        raise EvidenceError(f"{path}, row {wrong}: has another number of cells than the header")
    return pd.DataFrame(rows[1:], columns=rows[0], dtype="str")


def _at(
    path: Path, table: pd.DataFrame, column: str, wrong: pd.Series, why: str, fatal: bool
) -> Iterator[Breach]:
    wrong = np.asarray(wrong, bool)
    if wrong.any():
        count = int(wrong.sum())
        more = f" ({count:,} such rows)" if count > 1 else ""
        yield Breach(f"{path}, row {wrong.argmax() + 2}, column {column}: {why}{more}", fatal)


def listed(names: Iterable[object]) -> str:
    """Name each thing once."""
    return ", ".join(dict.fromkeys(str(name) or "(no name)" for name in names))
