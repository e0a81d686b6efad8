"""Columns of a caller's table as arrays, checked once for every method.

The table is never changed, its index and the order of its rows never matter, and what a column
holds counts, not how it is stored: as text, objects, categories, nullable, pyarrow or plain
numbers. Nothing and blank text are missing.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from evidence.data import plausible
from evidence.data.labels import ROWS, UNNAMED, YES_NO, headed, is_number, label, stored
from evidence.errors import EvidenceError
from evidence.methods.core import stored_columns
from evidence.methods.core.encoded import Encoded as Encoded
from evidence.methods.core.encoded import changed as changed
from evidence.methods.core.encoded import encoded as encoded
from evidence.methods.core.encoded import once as once
from evidence.methods.core.options import listed as listed
from evidence.methods.core.options import number as number
from evidence.methods.core.options import one_of as one_of
from evidence.methods.core.options import whole as whole
from evidence.methods.core.options import yes_or_no as yes_or_no
from evidence.show.words import counted as counted
from evidence.stats.design import Coded, Columns, block
from evidence.stats.design import compact as compact

SHARED = 10  # rows that have a label before a message may show it
_MEASURED = 8  # different numbers of which a column of measurements has more than one of groups
MOST_LEVELS = 50  # a text covariate with more values than this is a name or an id

# As pandas' infer_dtype calls what a column holds; "empty" is one with nothing but gaps.
_NUMERIC = ("integer", "floating", "mixed-integer-float", "decimal", "boolean", "complex", "empty")
_DATES = dict.fromkeys(("datetime64", "datetime", "date", "time", "period"), "dates")
_SAID = YES_NO | {""}
_WHOLE = re.compile(r"0|-?[1-9]\d{0,17}")  # fits 64 bits; a longer one is an id, and text
_ODD = _DATES | {"timedelta64": "durations", "timedelta": "durations", "complex": "complex numbers"}


def require(data: pd.DataFrame, columns: Iterable[str | None]) -> None:
    """Check that `data` is a table with rows and has each of `columns` once.

    Raises
    ------
    EvidenceError
        It is no table, is empty, or lacks a column; the nearest name is given. Names are text.
    """
    if not isinstance(data, pd.DataFrame):
        raise EvidenceError(f"data: a DataFrame is needed, not {type(data).__name__}")
    names = [str(name) for name in data.columns]
    wanted = tuple(column for column in columns if column is not None)
    for column in wanted:
        if not isinstance(column, str):
            raise EvidenceError(
                f"column {column!r}: names of columns are text here; make them so with "
                "data.rename(columns=str)"
            )
        if names.count(column) > 1:
            raise EvidenceError(f"column {column!r} occurs {names.count(column)} times in data")
    lacking = [name for name in wanted if name not in data.columns or data.columns.nlevels > 1]
    if lacking := list(dict.fromkeys(lacking)):
        close = [difflib.get_close_matches(name, names, n=1, cutoff=0.5) for name in lacking]
        near = " and ".join(dict.fromkeys(repr(each[0]) for each in close if each))
        hint = f"did you mean {near}?" if near else f"there are {', '.join(names)}"
        if not named(data, (name for name in wanted if name not in lacking)):
            hint = UNNAMED
        which = f"column{'s' if len(lacking) > 1 else ''} {' and '.join(map(repr, lacking))}"
        raise EvidenceError(f"data has no {which}; {hint}")
    if data.empty:
        raise EvidenceError("data has no rows")


def named(data: pd.DataFrame, asked: Iterable[str | None]) -> bool:
    """Say whether the names of a table's columns are names, and no values of a first row."""
    columns = {str(name): data.iloc[:, place] for place, name in enumerate(data.columns)}
    return headed(columns, [name for name in asked if isinstance(name, str)])


def distinct(alone: Sequence[str], **roles: str | Sequence[str] | None) -> None:
    """Refuse a column that has one of the roles `alone` and any other.

    Raises
    ------
    EvidenceError
        One has; both arguments are named.
    """
    for role in alone:
        for other, columns in roles.items():
            for name in listed(columns) if other != role else ():
                if name in listed(roles[role]):
                    one = {"covariates": "covariate", "outcomes": "outcome"}.get(other, other)
                    raise EvidenceError(
                        f"column {name!r} is given both as {role} and as {one}; name another "
                        "column for one of them"
                    )


def numbers(data: pd.DataFrame, column: str) -> np.ndarray:
    """Return a numeric column as floats, NaN where a value is missing.

    Raises
    ------
    EvidenceError
        A value is text that is no number, or infinite; the row is named, the value is not. The
        column holds dates, durations or complex numbers.
    """
    needed(column)
    return once(data, ("numbers", column), lambda: _numbers(data[column], column))


def measured(data: pd.DataFrame, column: str) -> np.ndarray:
    """Return a column of measurements as :func:`numbers`, none of which stands for a missing one.

    Raises
    ------
    EvidenceError
        As :func:`numbers`; a value far from all others is a known code (−99), or an age is none.
    """

    def checked() -> np.ndarray:
        values = numbers(data, column)
        if fault := plausible.fault(column, values):
            which, reason = fault
            raise EvidenceError(f"column {column!r}, {row(which.argmax(), data)}: {reason}")
        return values

    return once(data, ("measured", column), checked)


def needed(column: object) -> None:
    """Refuse None where a column, or a value a row, is needed."""
    if column is None:
        raise EvidenceError(
            "None is given for a column that is needed: name a column of data for each argument "
            "without a default"
        )


def _numbers(values: pd.Series, column: str) -> np.ndarray:
    if stored_columns.plain_numbers(values):  # most are, and what follows takes far longer
        # The table's own numbers where it has such: only read.
        numeric: np.ndarray = values.to_numpy(float)
        if not np.isinf(numeric).any():
            return numeric
    if what := _ODD.get(stored_columns.kind(values)):
        raise EvidenceError(f"column {column!r} holds {what}; numbers are needed")
    plain = stored(values)
    try:
        numeric = np.asarray(pd.to_numeric(plain, errors="coerce"), dtype=float)
    except TypeError:  # lists and the like
        numeric = np.full(len(plain), np.nan)
    strange = np.isnan(numeric) & ~pd.isna(plain)
    if strange.any():  # a blank is an empty cell
        strange[strange] = [str(value).strip() != "" for value in plain[strange]]
    wrong = np.flatnonzero(strange | np.isinf(numeric))
    if len(wrong) and {str(v).strip().casefold() for v in values.dropna()} <= _SAID:
        raise EvidenceError(f"column {column!r} holds yes and no; use 1 and 0")
    if len(wrong):
        raise EvidenceError(
            f"column {column!r}, {row(wrong[0], values)}: not a number "
            f"({counted(len(wrong), 'such row')}); only finite numbers and empty cells are allowed"
        )
    return numeric


def weights(data: pd.DataFrame, column: str) -> np.ndarray:
    """Return a column of weights, NaN where one is missing.

    Raises
    ------
    EvidenceError
        One is negative, or no number.
    """
    values = numbers(data, column)
    if (values < 0).any():
        raise EvidenceError(f"column {column!r}: weights must not be negative")
    return values


def factor(data: pd.DataFrame, column: str) -> tuple[np.ndarray, list[str]]:
    """Return a column of labels as codes 0, 1, … (−1 is missing) and the labels, sorted.

    1, 1.0, "1", "1.0" and " 1" are one label; blank text is missing. Numbers are sorted by size and
    stand before text, so that the order is the same however the column is stored.

    Raises
    ------
    EvidenceError
        A cell holds a list or the like.
    """
    needed(column)
    return once(data, ("factor", column), lambda: stored_columns.factor(data[column], column))


def labelled(data: pd.DataFrame, column: str) -> tuple[np.ndarray, list[str]]:
    """Return what :func:`factor` does, few labels as codes of 8 bits: not for sums of codes."""
    needed(column)
    few = once(data, ("labelled", column), lambda: stored_columns.few(data[column]))
    return factor(data, column) if few is None else few


def ordered(data: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """Return a table's rows in the order of what they hold, so that draws fall on the same ones."""
    require(data, columns)
    return data.iloc[np.lexsort([factor(data, name)[0] for name in columns])]


def labels(data: pd.DataFrame, column: str) -> pd.Series:
    """Return a column of labels as :func:`factor` reads them, NaN where one is missing.

    Whole numbers are whole numbers, whatever they were stored as, with every figure; all else is
    text. The index is 0, 1, …, so that labels of two tables may be set beside each other.
    """
    codes, names = factor(data, column)
    whole = all(_WHOLE.fullmatch(name) for name in names)
    known = pd.array([*map(int, names)], dtype="Int64") if whole else pd.array(names, dtype="str")
    found = pd.Series(known).reindex(np.where(codes < 0, len(names), codes)).reset_index(drop=True)
    return found.astype("int64") if whole and (codes >= 0).all() else found


def missing(data: pd.DataFrame, column: str) -> np.ndarray:
    """Return which rows have no value: an empty cell, or blank text."""
    return factor(data, column)[0] < 0


def is_text(values: pd.Series) -> bool:
    """Say whether a column holds labels rather than numbers, whatever it is stored as."""
    return stored_columns.kind(values) not in _NUMERIC


def covariates(
    data: pd.DataFrame, columns: Sequence[str], *, every: bool = False
) -> tuple[np.ndarray, list[str], np.ndarray]:
    """Return covariates as numbers: text becomes a 0/1 column a level but the first (or `every`).

    Returns
    -------
    values : ndarray of shape (n, k)
    names : list of str
        One a column: the column's name, with its level for text.
    present : ndarray of bool, shape (n,)
        True where no covariate is missing.

    Raises
    ------
    EvidenceError
        A text column has more than 50 values: it is a name or an id. A column holds dates,
        durations or complex numbers.
    """
    found, names, present = written(data, columns, every=every)
    return found[:], names, present


def written(
    data: pd.DataFrame, columns: Sequence[str], *, every: bool = False
) -> tuple[Columns, list[str], np.ndarray]:
    """Return what :func:`covariates` does, written out for the rows that are asked for."""
    blocks, names, present = [], [], np.ones(len(data), bool)
    for column in columns:
        if not is_text(data[column]) or stored_columns.kind(data[column]) in _ODD:
            values = as_stored(data, column)
            blocks.append(block(values))
            names.append(column)
            present &= values.dtype.kind != "f" or ~np.isnan(values)
            continue
        codes, levels = factor(data, column)
        _refuse_few_words(data, column, codes, levels)
        if len(levels) > MOST_LEVELS:
            raise EvidenceError(
                f"column {column!r} has {len(levels)} different values; a text covariate may have "
                f"{MOST_LEVELS}. Give numbers, broader groups, or name it as cluster or strata"
            )
        first = 0 if every else 1
        every_level = np.column_stack([np.eye(len(levels)), np.full(len(levels), np.nan)])
        blocks.append(Coded(codes.astype(np.int8), every_level[first:]))
        names.extend(f"{column}: {level}" for level in levels[first:])
        if len(levels) > first:
            present &= codes >= 0
    return Columns(blocks, (len(data), len(names))), names, present


def as_stored(data: pd.DataFrame, column: str) -> np.ndarray:
    """Return a column of measurements as :func:`measured`, whole numbers in a table's own type.

    A nation's take a quarter of the memory so.
    """
    if stored_columns.plain_numbers(data[column]):
        plain: np.ndarray = data[column].to_numpy()
        if plain.dtype.kind != "f" and not plausible.fault(column, plain):
            return plain
    return measured(data, column)


def _refuse_few_words(
    data: pd.DataFrame, column: str, codes: np.ndarray, levels: Sequence[str]
) -> None:
    """Refuse numbers with a word or two among them, which would make a label of each number."""
    word = np.array([not is_number(level) for level in levels] + [False])[codes]
    n_words, n_numbers = int(word.sum()), int((codes >= 0).sum() - word.sum())
    different = len(levels) - sum(not is_number(level) for level in levels)
    if n_words and different >= _MEASURED and n_words * 10 <= n_numbers:
        raise EvidenceError(
            f"column {column!r}, {row(word.argmax(), data)}: a word among numbers "
            f"({counted(n_words, 'such row')}); leave it blank, or write words in every row"
        )


@dataclass(frozen=True, eq=False)
class Arms:
    """The treatment column: who is in the arm asked about, who in the reference.

    Parameters
    ----------
    treated, control : ndarray of bool, shape (n,)
    others : ndarray of shape (n, k)
        A 0/1 column for each of the `further` arms.
    contrast : str
        The comparison in words, such as ``small against regular``.
    arm, reference : str
    further : tuple of str
    """

    treated: np.ndarray
    control: np.ndarray
    others: np.ndarray
    contrast: str
    arm: str
    reference: str
    further: tuple[str, ...]

    def __post_init__(self) -> None:
        for mask in (self.treated, self.control, self.others):
            mask.setflags(write=False)


def arms(data: pd.DataFrame, column: str, reference: object = None, arm: object = None) -> Arms:
    """Read the treatment column.

    Numbers 0 and 1 (or True and False) say who was treated. With other arms the reference must be
    named, unless one is 0 or is called "control"; with more than two, `arm` says which of them is
    compared with it, and each further one has a column of its own.

    Raises
    ------
    EvidenceError
        An arm is missing in a row, there are fewer than 2 or more than 10 arms, the reference is
        ambiguous, or a name given is not an arm.
    """
    return once(data, ("arms", column, reference, arm), lambda: _arms(data, column, reference, arm))


def _arms(data: pd.DataFrame, column: str, reference: object, arm: object) -> Arms:
    if (none := missing(data, column)).any():
        raise EvidenceError(
            f"column {column!r}: {counted(none.sum(), 'row has', 'rows have')} no arm (the first "
            f"is {row(none.argmax(), data)}); everybody who was assigned needs one: complete them "
            "or leave those rows out"
        )
    codes, names = factor(data, column)
    levels = names
    if not 2 <= len(levels) <= 10:
        raise EvidenceError(
            f"column {column!r} has {counted(len(levels), 'value', 'different values')}; "
            "a treatment has 2 to 10 arms"
        )
    if len({name.strip().casefold() for name in levels}) < len(levels):
        raise EvidenceError(
            f"column {column!r} has arms that differ only in capitals or spaces; write each arm "
            "one way"
        )
    plain = "0" in levels
    # Of a wrong column the values may be pupils' own: only what many share is told.
    known = levels if np.bincount(codes).min() >= SHARED else ()
    base = _named(levels, reference, column, "reference", known) or (
        "0" if plain else _only([name for name in levels if name.lower() == "control"])
    )
    if base is None and {name.casefold() for name in levels} <= YES_NO:
        raise EvidenceError(
            f"column {column!r} holds yes and no; use 1 and 0, or say with reference= which is no"
        )
    if base is None:
        raise EvidenceError(
            f"column {column!r} has {len(levels)} arms and none is known to be the control: say "
            f"which with reference={_among(known)}"
        )
    against = [name for name in levels if name != base]
    chosen = _named(against, arm, column, "arm", known and against) or _only(against)
    if chosen is None:
        raise EvidenceError(
            f"column {column!r} has {len(levels)} arms: say with arm= which one is compared with "
            f"the reference{_among(known and against)}"
        )
    further = [name for name in against if name != chosen]
    yes_no = plain and set(levels) == {"0", "1"} and base == "0"
    contrast = f"{column} against no {column}" if yes_no else f"{chosen} against {base}"
    return Arms(
        treated=codes == names.index(chosen),
        control=codes == names.index(base),
        others=(codes[:, None] == [names.index(name) for name in further]).astype(float),
        contrast=contrast,
        arm=chosen,
        reference=base,
        further=tuple(further),
    )


def _named(
    levels: list[str], name: object, column: str, argument: str, known: Sequence[str]
) -> str | None:
    if name is None:
        return None
    if label(name) not in levels:
        close = difflib.get_close_matches(label(name), known, n=1, cutoff=0.5)
        there = f"{_among(known)}{f'; did you mean {close[0]!r}?' if close else ''}"
        raise EvidenceError(
            f"{argument}={name!r} is not an arm of column {column!r}"
            f"{there if known else f', which has {len(levels)} to choose from'}"
        )
    return label(name)


def _among(known: Sequence[str]) -> str:
    verb = "is" if len(known) == 1 else "are"
    return f"; there {verb} {', '.join(known)}" if known else ""


def _only(levels: list[str]) -> str | None:
    return levels[0] if len(levels) == 1 else None


def complete(
    have: dict[str, np.ndarray], counted: np.ndarray, what: str
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return which rows have everything, and a sentence for each column that lacks something.

    Parameters
    ----------
    have : dict
        For each column a mask of the rows that have a value, in the order to count them.
    counted : ndarray of bool, shape (n,)
        The rows that the sentences count.
    what : str
        What a row is, in the plural.
    """
    keep, n, notes = np.ones(len(counted), bool), counted.sum(), []
    for name, present in have.items():
        if lost := int((keep & ~present & counted).sum()):
            verbs = ("has", "is") if lost == 1 else ("have", "are")
            notes.append(
                f"{lost:,} of {n:,} {what} {verbs[0]} no record of {name} and {verbs[1]} left out"
            )
        keep &= present
    return keep, tuple(notes)


def row(place: int | np.integer[Any], data: pd.DataFrame | pd.Series | None = None) -> str:
    """Name a row as a spreadsheet does, in which the header is row 1 and `place` 0 is row 2.

    The rows of a table that a reader made are those of its file, though some were left out.
    """
    if data is not None and data.attrs.get(ROWS):
        place = data.index[place]
    return f"row {place + 2}"


def given(
    data: pd.DataFrame, values: str | Sequence[float], argument: str
) -> tuple[np.ndarray, str]:
    """Return numbers that are given as a column or a value a row, and what to call them.

    Raises
    ------
    EvidenceError
        There is no such column, or the values belong to another table.
    """
    needed(values)
    if isinstance(values, np.ndarray) and values.dtype == bool and values.shape == (len(data),):
        return values, argument
    if isinstance(values, str):
        require(data, (values,))
        return numbers(data, values), f"column {values!r}"
    if isinstance(values, pd.Series) and not values.index.equals(data.index):
        raise EvidenceError(f"{argument} has another index than data: make it from this table")
    if len(values) != len(data):
        raise EvidenceError(
            f"{argument} has {len(values)} values for {len(data)} rows: give one a row"
        )
    column = values if isinstance(values, np.ndarray) else pd.array(values)
    return numbers(pd.DataFrame({argument: column}), argument), argument
