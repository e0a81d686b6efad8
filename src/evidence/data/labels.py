"""One vocabulary of labels: how a value of a column is written, whatever it is stored as."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?")  # 007 is a label
_WHOLE = re.compile(r"(-?(?:0|[1-9]\d*))\.0+")
_URN = re.compile(r"'?([1-9]\d{2}),?(\d{3})(?:\.0*)?", re.ASCII)
ROWS = "rows of the file"  # in attrs of a table whose index is two less than they are
WORDS = "words of codes"  # in attrs of such a table: column to code to word
YES_NO = frozenset({"yes", "no", "y", "n", "true", "false"})
UNNAMED = "the first row must name the columns"


def label(value: object) -> str:
    """Write a label the same way whatever its type: True, 1, 1.0, "1.0" and "1 " are one."""
    if isinstance(value, (bool, np.bool_)):
        return str(int(value))
    if isinstance(value, (float, np.floating)) and float(value).is_integer():
        return str(int(value))
    text = str(value).strip()
    whole = _WHOLE.fullmatch(text)
    return whole[1] if whole else text


def urn(cell: str) -> str | None:
    """Return the URN that a cell means (116018, 116018.0 or 116,018), None where it is none."""
    found = _URN.fullmatch(cell.strip())
    return found[1] + found[2] if found else None


def is_number(text: str) -> bool:
    """Say whether a label is a number."""
    return bool(_NUMBER.fullmatch(text))


def place(text: str) -> tuple[bool, float, str]:
    """Return what labels are sorted by: numbers by size, then text."""
    return (False, float(text), text) if is_number(text) else (True, 0.0, text)


def stored(values: pd.Series) -> np.ndarray:
    """Return a column as a plain array: categories, nullable and pyarrow columns as objects."""
    if isinstance(values.dtype, np.dtype):
        return values.to_numpy()
    return np.asarray(values, dtype=object)


def coded(frame: pd.DataFrame, column: str, wanted: object) -> object:
    """Return the code of a word, where the file says which code of a column it is of."""
    words = frame.attrs.get(WORDS, {}).get(column, {})
    return next((code for code, word in words.items() if word == str(wanted)), wanted)


def equal(values: pd.Series, wanted: object) -> np.ndarray:
    """Return which rows of a column have the label `wanted`."""
    codes, found = pd.factorize(stored(values))
    same = [label(value) == label(wanted) for value in found]
    return np.array([*same, False], dtype=bool)[codes]


def headed(columns: Mapping[str, Iterable[object]], asked: Iterable[str]) -> bool:
    """Say whether names of columns are known to be names, so that a message may show them.

    A file without a header has a pupil's values in their place: numbers, or words that stand in
    the rows below as well.

    Parameters
    ----------
    columns : mapping of str to values
        Name to what the column holds.
    asked : iterable of str
        Other columns that are asked for: unless there are none, one must be there.
    """
    asked = [name for name in asked if name]
    if asked and not any(name in columns for name in asked):
        return False
    return not any(
        is_number(name.strip()) or name in {str(value).strip() for value in values}
        for name, values in columns.items()
    )
