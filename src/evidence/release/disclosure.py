"""What may leave: small counts hidden, the others rounded, everything unlabelled refused.

`protect` is the only maker of `Safe`, and `Safe` is the only type that a release accepts. Each
table is protected on its own; the sums that several tables share are not yet checked against one
another, so two tables that differ by one pupil rely on rounding alone.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from evidence.errors import EvidenceError
from evidence.show.picture import Picture

THRESHOLD, BASE = 10, 5  # pupils; the defaults of OpenSAFELY-like services and of acro
ROLES = "counts, percentages, statistics, schools or axes"
_MAKER = object()
_UPN = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]\d{11}[0-9A-Za-z](?![A-Za-z0-9])")
# A decimal or a percentage kept as text would pass as a label.
_HIDDEN_NUMBER = re.compile(r"\s*[-+−]?(\d[\d,]*\.\d+\s*%?|\d[\d,]*\s*%)\s*")
_PUPILS = re.compile(
    r"(?<![\d.,/])(?<!Year )(?<!year )(?<!Stage )(?<!stage )(?<!KS)(?<!Grade )(?<!aged )"
    r"(\d{1,3}(?:,\d{3})+|\d+)"
    r"(?=(?:\s+of\s+[\d,]+)?\s+(?:(?!schools?\b|months?\b|points?\b|years?\b|classes\b)[A-Za-z-]+\s+)?"
    r"(?:pupils?|children|child|rows?)\b)"
)
_DECIMAL_SHARE = re.compile(r"\d+\.\d+(?=%)")


class Safe:
    """A protected table, and the picture drawn from it if it has one.

    Only `protect` and `protect_picture` make one.

    Attributes
    ----------
    table : DataFrame
        A copy of the protected table.
    picture : Picture or None
        The picture, holding the protected table.
    suppressed : tuple of str
        What was hidden and why, one line a column; never a value.
    """

    __slots__ = ("_table", "picture", "suppressed")

    def __init__(
        self,
        maker: object,
        table: pd.DataFrame,
        suppressed: tuple[str, ...],
        picture: Picture | None = None,
    ) -> None:
        if maker is not _MAKER:
            raise TypeError("a Safe is made by disclosure.protect only")
        self._table, self.suppressed, self.picture = table, suppressed, picture

    @property
    def table(self) -> pd.DataFrame:
        """A copy of the protected table."""
        return self._table.copy()


def protect(
    table: pd.DataFrame,
    *,
    counts: str | Iterable[str],
    percentages: Mapping[str, tuple[str, str]] | None = None,
    statistics: Iterable[str] = (),
    schools: Iterable[str] = (),
    axes: Iterable[str] = (),
    labels: Iterable[str] | None = None,
    threshold: int = THRESHOLD,
    base: int = BASE,
) -> Safe:
    """Hide small counts, round the others and recompute what rests on them.

    Parameters
    ----------
    table : DataFrame
        One row a group, never one row a pupil. It is not changed.
    counts : str or iterable of str
        Columns that count pupils. Below `threshold` (nought included) a count becomes missing
        and its companion column ``<count>_symbol`` says "c"; the others are rounded to `base`.
    percentages : mapping, optional
        ``{"pct": ("part", "whole")}``: recomputed as 100 × part / whole from the rounded counts.
        A part that leaves fewer than `threshold` pupils over is hidden too.
    statistics : iterable of str
        Estimates and means: made missing in rows where any count is below `threshold` or missing.
    schools : iterable of str
        Columns that count schools, which are public: rounded to `base`, "low" where that is 0.
    axes : iterable of str
        Ordinal columns that describe the row (a year, a rank, a level), not people.
    labels : iterable of str, optional
        The text columns allowed; all where not given.
    threshold : int
        Smallest count shown; at least 5.
    base : int
        Multiple to which counts are rounded; at least 5.

    Raises
    ------
    EvidenceError
        A column has no role or the wrong kind, every count is below the threshold (as in
        row-level data), a cell looks like a pupil number, or a rule is weaker than allowed.
    """
    counts = (counts,) if isinstance(counts, str) else tuple(counts)
    percentages = dict(percentages or {})
    statistics, schools, axes = tuple(statistics), tuple(schools), tuple(axes)
    if threshold < 5 or base < 5:
        raise EvidenceError(
            f"threshold is {threshold} and base {base}: neither may be below 5; "
            "the usual rule is threshold 10, base 5"
        )
    _check_roles(table, counts, percentages, statistics, schools, axes, labels)
    out = table.reset_index(drop=True).copy()
    known = {name: _whole(out[name], name) for name in (*counts, *schools)}
    hidden = {name: known[name].isna() | (known[name] < threshold) for name in counts}
    for part, whole in percentages.values():
        hidden[part] = hidden[part] | (known[whole] - known[part] < threshold)
    small = pd.DataFrame(hidden, index=out.index).any(axis=1)
    if counts and len(out) and all(flags.all() for flags in hidden.values()):
        raise EvidenceError(
            f"every count in {', '.join(counts)} is below {threshold}: this looks like one row a "
            "pupil; count pupils in groups first"
        )

    report = []
    least = math.ceil(threshold / base) * base  # 7 of threshold 7 must not round down to 5
    for name in counts:
        rounded = _round(known[name], base).clip(lower=least)
        _put(out, name, rounded.mask(hidden[name]), known[name], hidden[name], "c")
        if hidden[name].any():
            report.append(f"{name}: hidden in {hidden[name].sum()} of {len(out)} rows")
    for name in schools:
        rounded = _round(known[name], base)
        nought = rounded == 0
        _put(out, name, rounded.mask(nought), known[name], nought, "low")
    for name, (part, whole) in percentages.items():
        out[name] = 100 * out[part] / out[whole]
    if small.any() and statistics:
        out[list(statistics)] = out[list(statistics)].astype("float64").mask(small)
        report.append(f"{', '.join(statistics)}: hidden in the same {small.sum()} rows")
    for name in out.columns:
        if _is_text(out[name]):
            out[name] = out[name].astype("str")  # drops the unused levels of a categorical
    return Safe(_MAKER, out, tuple(report))


def protect_picture(picture: Picture, *, threshold: int = THRESHOLD, base: int = BASE) -> Safe:
    """Protect the table behind a picture and the numbers in its words.

    The picture that leaves is drawn again from the protected table.

    Raises
    ------
    EvidenceError
        As `protect`, with the picture's name in front.
    """
    try:
        safe = protect(
            picture.table,
            counts=picture.counts,
            statistics=picture.statistics,
            schools=picture.schools,
            axes=picture.axes,
            threshold=threshold,
            base=base,
        )
        words = {
            name: round_words(getattr(picture, name), threshold, base) for name in ("title", "alt")
        }
        _refuse_upn(pd.Series(list(words.values())), "title or alt")
    except EvidenceError as error:
        raise EvidenceError(f"picture {picture.name}: {error}") from None
    return Safe(_MAKER, safe.table, safe.suppressed, replace(picture, table=safe.table, **words))


def round_words(text: str, threshold: int = THRESHOLD, base: int = BASE) -> str:
    """Round every "N pupils" in a text as `protect` would; small ones become "fewer than …".

    So are both numbers of "N of M pupils", and rows, which are pupils in a trial. Percentages are
    told without decimals, from which exact counts could be worked out.
    """

    def rounded(match: re.Match[str]) -> str:
        count = int(match[1].replace(",", ""))
        if count < threshold:
            return f"fewer than {threshold}"
        nearest = max(math.floor(count / base + 0.5), math.ceil(threshold / base)) * base
        return f"{nearest:,}"

    whole = _DECIMAL_SHARE.sub(lambda share: f"{float(share[0]):.0f}", text)
    return _PUPILS.sub(rounded, whole)


def _check_roles(table, counts, percentages, statistics, schools, axes, labels) -> None:
    if table.columns.nlevels > 1 or not table.columns.is_unique:
        raise EvidenceError("a table to protect needs one row of column names, each used once")
    if not isinstance(table.index, pd.RangeIndex) and table.index.name is not None:
        raise EvidenceError(
            f"the index {table.index.name!r} would be lost: call reset_index() to make it a column"
        )
    named = [*counts, *percentages, *statistics, *schools, *axes, *(labels or ())]
    for name in named:
        if name not in table.columns:
            raise EvidenceError(
                f"no column {name!r}; there are {', '.join(map(str, table.columns))}"
            )
        if named.count(name) > 1:
            raise EvidenceError(f"column {name!r} has two roles; give it one of {ROLES}")
    for name, pair in percentages.items():
        if not set(pair) <= set(counts):
            raise EvidenceError(
                f"percentage {name!r} rests on {' and '.join(pair)}: name both among counts"
            )
    if (statistics or percentages) and not counts:
        raise EvidenceError(
            f"statistics {', '.join((*statistics, *percentages))} have no counts of pupils behind "
            "them; name those columns in counts"
        )
    numeric = {*counts, *percentages, *statistics, *schools, *axes}
    for name in table.columns:
        column = table[name]
        _refuse_upn(pd.Series([str(name)]), "column names")
        if name in numeric:
            if not pd.api.types.is_numeric_dtype(column) or column.dtype == bool:
                raise EvidenceError(f"column {name!r} is not numeric but was named as a number")
        elif pd.api.types.is_bool_dtype(column):
            continue
        elif not _is_text(column):
            raise EvidenceError(f"column {name!r} is numeric and has no role; name it in {ROLES}")
        elif labels is not None and name not in labels and not str(name).endswith("_symbol"):
            raise EvidenceError(f"column {name!r} is not among labels ({', '.join(labels)})")
        else:
            _refuse_upn(column, f"column {name!r}")
            if column.dropna().astype("str").map(_HIDDEN_NUMBER.fullmatch).notna().any():
                raise EvidenceError(
                    f"column {name!r} holds numbers written as text; make it numeric and name it "
                    f"in {ROLES}"
                )


def _is_text(column: pd.Series) -> bool:
    if isinstance(column.dtype, pd.CategoricalDtype):
        column = column.cat.categories.to_series()
    if column.dtype == object:
        return bool(column.dropna().map(lambda cell: isinstance(cell, str)).all())
    return isinstance(column.dtype, pd.StringDtype)


def _refuse_upn(column: pd.Series, where: str) -> None:
    if column.dropna().astype("str").map(_UPN.search).notna().any():
        raise EvidenceError(f"{where}: a cell looks like a pupil number (UPN); remove it")


def _whole(column: pd.Series, name: str) -> pd.Series:
    values = column.astype("float64")
    bad = values.notna() & ~(np.isfinite(values) & (values >= 0) & (values % 1 == 0))
    if bad.any():
        raise EvidenceError(
            f"row {bad.idxmax() + 1}, column {name!r}: a count is a whole number, 0 or more"
        )
    return values


def _round(values: pd.Series, base: int) -> pd.Series:
    return np.floor(values / base + 0.5) * base  # half up: numpy's own rounding is half to even


def _put(out, name, rounded, exact, hidden, code) -> None:
    """Write the rounded count and, beside it, the symbol of what is not shown."""
    symbol = pd.Series(np.where(exact.isna(), "x", np.where(hidden, code, "")), dtype="str")
    companion = f"{name}_symbol"
    if companion in out:  # protecting twice keeps what the first time said
        earlier = out[companion].astype("str").fillna("")
        symbol = symbol.where(~(exact.isna() & (earlier != "")), earlier)
    out[name] = rounded
    if companion in out:
        out[companion] = symbol
    else:
        out.insert(out.columns.get_loc(name) + 1, companion, symbol)
