"""Protect a table: small counts hidden, others rounded, columns without a role refused.

`protect` is the only maker of `Safe`, and `Safe` is the only type that a release accepts. Each
table is protected on its own here; `suppression.complete` then hides what is needed so that no
hidden count can be worked out from all tables of a release and of those before it together.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, NoReturn

import numpy as np
import pandas as pd

from evidence.data.rules import Rules
from evidence.errors import EvidenceError
from evidence.release.control.column_roles import (
    SAID,
    Cells,
    Roles,
    is_text,
    label_texts,
    refuse_upn,
)
from evidence.release.control.rounding import (
    half_up,
    round_words,
    significant,
    without_numbers,
)
from evidence.show.picture import Picture

__all__ = ["Safe", "protect", "protect_picture", "published"]

_MAKER = object()


class Safe:
    """A protected table, and the picture drawn from it if it has one.

    Only `protect`, `protect_picture` and `published` make one. It cannot be pickled or copied: it
    knows the true counts, which `suppression.complete` needs.

    Attributes
    ----------
    table : DataFrame
        A copy of the protected table.
    picture : Picture or None
        The picture, holding the protected table.
    suppressed : tuple of str
        What was hidden and why, one line a column; never a value. For whoever reviews: it says
        which counts are small and which are hidden for their sake.
    """

    __slots__ = ("_again", "_cells", "_table", "picture", "suppressed")

    def __init__(
        self,
        maker: object,
        table: pd.DataFrame,
        suppressed: tuple[str, ...],
        picture: Picture | None,
        cells: Cells,
        again: Callable[..., Safe] | None = None,
    ) -> None:
        if maker is not _MAKER:
            raise TypeError("a Safe is made by disclosure.protect only")
        self._table, self.suppressed, self.picture = table, suppressed, picture
        self._cells, self._again = cells, again

    def __repr__(self) -> str:
        return f"Safe({self.picture.name if self.picture else f'{len(self._table)} rows'})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Safe knows true counts and is not written down: write its table")

    @property
    def table(self) -> pd.DataFrame:
        """A copy of the protected table."""
        return self._table.copy()

    @property
    def drawn(self) -> Picture:
        """The picture of what `protect_picture` made; a table by itself has none."""
        if self.picture is None:
            raise TypeError("nothing is drawn from this table")
        return self.picture

    @property
    def hidden(self) -> dict[str, int]:
        """How many cells of each count are hidden, for whatever reason; it may be published."""
        shown = [name for name in self._cells.exact if name in self._table]
        counts = {name: self._table[f"{name}_symbol"] == "c" for name in shown}
        return {name: int(flags.sum()) for name, flags in counts.items() if flags.any()}

    def hiding(self, also: Mapping[str, np.ndarray], gone: frozenset[float] = frozenset()) -> Safe:
        """Return the same table with more cells hidden.

        Parameters
        ----------
        also : mapping
            Column of counts or totals to a flag a row. Statistics beside a hidden count go too.
        gone : frozenset of float
            Rounded counts that must not be in any text either.
        """
        return self._again(also=also, gone=gone) if self._again else self


def protect(
    table: pd.DataFrame,
    *,
    counts: str | Iterable[str],
    rules: Rules | None = None,
    threshold: int | None = None,
    base: int | None = None,
    words: Callable[[pd.DataFrame], pd.DataFrame] | None = None,
    **roles: Any,
) -> Safe:
    """Hide small counts, round the others and recompute what rests on them.

    Parameters
    ----------
    table : DataFrame
        One row a group, never one row a pupil. It is not changed.
    counts : str or iterable of str
        Columns that count pupils. Below the threshold (zero included) a count becomes missing
        and its companion column ``<count>_symbol`` says "c"; the others are rounded. A symbol that
        is already there (z, x, c, low, k, u) is kept.
    rules : Rules, optional
        What may leave (`rules.load`); the defaults where not given.
    threshold, base : int, optional
        In place of those of `rules`.
    words : callable, optional
        Makes the texts again from the protected table: takes it, returns it with other texts.
    percentages : mapping, optional
        ``{"pct": ("part", "whole")}``: recomputed as 100 × part / whole from the rounded counts.
        A part that leaves fewer than the threshold over is hidden too.
    means : mapping, optional
        ``{"rate": ("events", "n")}``: recomputed as a ratio of the rounded columns. A mean that
        rests on no count or total, such as a mean score, belongs to `statistics`.
    totals : mapping, optional
        ``{"hours": ("largest", "second")}``: amounts, with the columns of their largest
        contributions, which do not leave. Hidden where a few contributors dominate; else rounded.
    statistics : iterable of str, optional
        Estimates and means: shown with as many significant digits as the rules allow, and made
        missing in rows where any count is hidden or missing.
    schools : iterable of str, optional
        Columns that count schools, which are public: as they are.
    axes : iterable of str, optional
        Ordinal columns that describe the row (a year, a rank, a level), not people.
    labels : iterable of str, optional
        The text columns allowed; all where not given.
    keys : iterable of str, optional
        The columns that say which group a row is; all texts but known words where not given.
    margins : mapping, optional
        ``{"sex": "all"}``: the label whose row is the sum of the others ("all", "total",
        "overall" and "both" are known); ``{"n": ("boys", "girls")}``: the column that is the sum
        of others.
    behind : iterable of str, optional
        Counts that do not leave: the statistics beside them give them back, so where one is hidden
        these are.
    residual_df : str, optional
        Column of the residual degrees of freedom of the statistics in its row: too few hide them.
        It does not leave unless it has another role too.

    Raises
    ------
    EvidenceError
        A role is unknown, a column has no role or the wrong kind, every count is below the
        threshold (as in row-level data), a cell looks like a pupil number, or a rule is weaker
        than allowed.
    """
    rules = rules or Rules()
    if threshold is not None:
        rules = replace(rules, threshold=threshold)
    if base is not None:
        rules = replace(rules, base=base)
    return _protect(table, Roles.of({"counts": counts, **roles}), rules, words)


def published(
    table: pd.DataFrame, source: str, *, said: str, picture: Picture | None = None
) -> Safe:
    """Let figures through as they are, that are published already.

    Parameters
    ----------
    table : DataFrame
        The figures; no row is one pupil's.
    source : str
        Where they are published, as the table or picture says.
    said : str
        Where they are published, as the register says: a person's word, not a notebook's.
    picture : Picture, optional
        The picture that is drawn from the table.

    Raises
    ------
    EvidenceError
        The register does not say that they are published, or names another source; or a cell looks
        like a pupil number.
    """
    if not source.strip() or source != said:
        raise EvidenceError(
            f"says that its figures are published already ({source or 'nowhere'}); they leave as "
            f"they are only where the register says published = {source or 'the source'!r} too"
        )
    table = table.reset_index(drop=True).copy()
    table.attrs = {}
    for name in filter(lambda name: is_text(table[name]), table.columns):
        refuse_upn(table[name].astype("str"), f"column {name!r}")
    nothing = pd.DataFrame(index=table.index)
    cells = Cells(nothing, nothing, nothing, Roles(), Rules())
    return Safe(_MAKER, table, (), picture, cells)  # there is nothing to hide


def protect_picture(
    picture: Picture,
    *,
    rules: Rules | None = None,
    said: str = "",
    schools: bool = False,
    also: Mapping[str, np.ndarray] | None = None,
    gone: frozenset[float] = frozenset(),
) -> Safe:
    """Protect the table behind a picture and the numbers in its words.

    The picture that leaves is drawn again from the protected table; one of published figures as it
    is, where the register has `said` so, and one that counts only `schools` where the register says
    so too: else what it counts is taken for pupils. `also` and `gone` are those of `Safe.hiding`.

    Raises
    ------
    EvidenceError
        As `protect`, with the picture's name in front; or an estimate or mean in it rests on
        fewer pupils than a figure's points need.
    """
    rules = rules or Rules()
    named = ("counts", "statistics", "schools", "axes")
    roles = Roles.of({name: getattr(picture, name) for name in named})
    try:
        if picture.published:
            refuse_upn((picture.title, picture.alt), "title or alt")
            return published(picture.table, picture.published, said=said, picture=picture)
        if not (roles.counts or roles.schools):
            raise EvidenceError("no counts stand behind it; name the columns of pupils or schools")
        if not (roles.counts or schools):
            roles = replace(roles, counts=roles.schools, schools=())
        safe = _protect(picture.table, roles, rules, None, also, gone)
        if roles.statistics:
            few = (safe._cells.exact < rules.figure_count).any(axis=1)
            shown = picture.table[list(roles.statistics)].notna().any(axis=1).to_numpy()
            if (few & shown).any():
                raise EvidenceError(
                    f"row {(few & shown).idxmax() + 1}: the point rests on fewer than "
                    f"{rules.figure_count} pupils; leave it out or join it to another"
                )
        texts = (round_words(text, rules, gone) for text in (picture.title, picture.alt))
        title, alt = _unsaid(picture, safe, *texts)
        refuse_upn((title, alt), "title or alt")
    except EvidenceError as error:
        raise EvidenceError(f"picture {picture.name}: {error}") from None
    drawn = replace(picture, table=safe.table, title=title, alt=alt)
    again = partial(protect_picture, picture, rules=rules, schools=schools)
    return Safe(_MAKER, safe.table, safe.suppressed, drawn, safe._cells, again)


def _unsaid(picture: Picture, safe: Safe, title: str, alt: str) -> tuple[str, str]:
    """Return title and text alternative of a picture without what its protected table hides.

    A title of results speaks of the first, or of how many say the same: it goes with any of these.
    """
    statistics, counts = list(picture.statistics), safe._cells.exact
    before, now = picture.table[statistics].reset_index(drop=True), safe.table[statistics]
    told = (before.notna() & now.isna()).to_numpy(bool)
    gone = safe.table[[f"{name}_symbol" for name in counts]].eq("c").any(axis=1).to_numpy()
    exact = counts.to_numpy(float)[gone]
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = 100 * exact[:, :, None] / exact[:, None, :]
    shares = shares[:, ~np.eye(len(counts.columns), dtype=bool)]
    title, alt = (
        without_numbers(text, before.to_numpy(float)[told], shares[np.isfinite(shares)])
        for text in (title, alt)
    )
    some = told.any(axis=1)
    if picture.kind == "intervals" and some.any() and (some[0] or re.search(r"\d", title)):
        title = ""
    hidden = "Some results are hidden to protect few pupils"
    return title or hidden, alt or f"{hidden}."


def _protect(
    table: pd.DataFrame,
    roles: Roles,
    rules: Rules,
    words: Callable[[pd.DataFrame], pd.DataFrame] | None = None,
    also: Mapping[str, np.ndarray] | None = None,
    gone: frozenset[float] = frozenset(),
) -> Safe:
    roles.check(table, rules)
    table = table.reset_index(drop=True)
    inside = {*roles.contributions, *filter(None, [roles.residual_df])} - {*roles.figures}
    out = table.drop(columns=sorted(inside)).copy()
    out.attrs = {}  # pandas would write them into the file, whatever they hold
    exact, hidden = _primary(table, roles, rules)
    counts = list(roles.counts)
    if counts and len(out) and not (exact[counts] >= rules.threshold).any(axis=None):
        raise EvidenceError(
            f"every count in {', '.join(counts)} is below {rules.threshold}: this looks like one "
            "row a pupil; count pupils in groups first"
        )
    labels = label_texts(table, roles.dimensions(table))
    cells = Cells(exact, hidden.copy(), labels, roles, rules)
    report: list[str] = []
    for name in (*counts, *roles.totals):
        if few := cells.hidden[name].sum():
            why = "one contributor could be known" if name in roles.totals else (
                f"fewer than {rules.threshold} or unknown"
            )  # fmt: skip
            report.insert(0, f"{name}: hidden in {few} of {len(out)} rows ({why})")
    for name, flags in (also or {}).items():
        more = (flags & ~hidden[name].to_numpy()).sum()
        hidden[name] |= flags
        if more:
            report.append(
                f"{name}: hidden in {more} more of {len(out)} rows, or a hidden count could "
                "be worked out"
            )
    unsure = hidden[counts].any(axis=1)
    for name in (*counts, *roles.totals):
        rounded = half_up(exact[name], rules.base)
        if name in roles.totals:
            hidden[name] |= unsure
        else:  # 7 of threshold 7 must not become 5; a true 0 stays 0
            rounded = rounded.clip(lower=rules.least).where(exact[name] != 0, 0)
        _put(out, name, rounded.mask(hidden[name]), exact[name], hidden[name], "c")
    for name in roles.schools:
        values = _whole(out[name], name)
        _put(out, name, values, values, values.isna(), "x")
    shares = {name: (100, *pair) for name, pair in roles.percentages.items()}
    shares |= {name: (1, *pair) for name, pair in roles.means.items()}
    for name, (scale, part, whole) in shares.items():
        out[name] = scale * out[part] / out[whole].where(out[whole] != 0)
    if roles.residual_df:
        free = table[roles.residual_df].astype("float64")
        unsure |= free < rules.residual_df
    for name in roles.statistics:
        out[name] = significant(out[name].astype("float64"), rules.digits).mask(unsure)
    if unsure.any() and roles.statistics:
        names = ", ".join(roles.statistics)
        report.append(f"{names}: hidden in {unsure.sum()} of {len(out)} rows")
    for name in SAID & set(out.columns) if roles.statistics else ():
        out[name] = out[name].astype("str").mask(unsure, "")
    out = out.drop(columns=[part for name in roles.behind for part in (name, f"{name}_symbol")])
    texts = words(out.copy()) if words else out
    for name in filter(lambda name: is_text(out[name]), out.columns):
        source = out if name.endswith("_symbol") else texts
        out[name] = source[name].astype("str")  # drops the unused levels of a categorical
        refuse_upn(out[name], f"column {name!r}")
        if gone:
            rounded = partial(round_words, rules=rules, gone=gone)
            out[name] = out[name].map(rounded, na_action="ignore").astype("str")
    again = partial(_protect, table, roles, rules, words)
    return Safe(_MAKER, out, tuple(report), None, cells, again)


def _primary(table: pd.DataFrame, roles: Roles, rules: Rules) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return true counts and totals, and where each is hidden for its own sake."""
    exact = pd.DataFrame({name: _whole(table[name], name) for name in roles.counts})
    exact = exact.reindex(table.index)
    hidden = exact.isna() | (exact < rules.threshold)
    if not rules.zeros_disclosive:
        hidden &= exact != 0
    for part, whole in roles.percentages.values():
        over = exact[whole] - exact[part]
        if (over < 0).any():
            raise EvidenceError(
                f"row {(over < 0).idxmax() + 1}, column {part!r}: the part is larger than {whole!r}"
            )
        all_have_it = (over == 0) & (exact[whole] > 0) & rules.full_disclosive
        hidden[part] |= all_have_it | ((over > 0) & (over < rules.threshold))
    for name, contributors in roles.totals.items():
        amount = table[name].astype("float64")
        largest = table[list(contributors)].astype("float64").fillna(0)
        if (amount < 0).any() or (largest < 0).any(axis=None):
            raise EvidenceError(f"total {name!r}: dominance needs amounts of 0 or more")
        first, second = largest.iloc[:, 0], largest.iloc[:, 1]
        few = largest.iloc[:, : rules.dominance_n].sum(axis=1) > rules.dominance_k * amount
        near = amount - first - second < rules.dominance_p * first
        exact[name], hidden[name] = amount, ~(amount > 0) | few | near
    return exact, hidden


def _whole(column: pd.Series, name: str) -> pd.Series:
    values = column.astype("float64")
    bad = values.notna() & ~(np.isfinite(values) & (values >= 0) & (values % 1 == 0))
    if bad.any():
        raise EvidenceError(
            f"row {bad.idxmax() + 1}, column {name!r}: a count is a whole number, 0 or more"
        )
    return values


def _put(
    out: pd.DataFrame,
    name: str,
    rounded: pd.Series,
    exact: pd.Series,
    hidden: pd.Series,
    code: str,
) -> None:
    """Write the rounded count and, beside it, the symbol of what is not shown."""
    symbol = pd.Series(np.where(exact.isna(), "x", np.where(hidden, code, "")), dtype="str")
    companion = f"{name}_symbol"
    if companion in out:  # a symbol that the source gave, or an earlier protection, stays
        earlier = out[companion].astype("str").fillna("")
        both = exact.notna() & ~earlier.isin(["", "u"])
        if both.any():
            raise EvidenceError(
                f"row {both.idxmax() + 1}, column {name!r}: has both a number and the symbol "
                f"{earlier[both.idxmax()]!r}; a symbol stands in place of a number"
            )
        symbol = symbol.where(hidden & exact.notna() | (earlier == ""), earlier)
    out[name] = rounded
    if companion in out:
        out[companion] = symbol
    else:
        out.insert(out.columns.get_loc(name) + 1, companion, symbol)
