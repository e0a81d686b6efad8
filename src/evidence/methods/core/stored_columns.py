"""One column as codes of its labels, and what kind of values it holds, however it is stored."""

from __future__ import annotations

import numpy as np
import pandas as pd

from evidence.data.labels import is_number, label, place, stored
from evidence.errors import EvidenceError


def plain_numbers(values: pd.Series) -> bool:
    """Say whether a column is stored as numbers (or yes and no) of numpy's own."""
    return isinstance(values.dtype, np.dtype) and values.dtype.kind in "iufb"


def _used(values: pd.Series) -> tuple[np.ndarray, pd.Series]:
    """Return places (−1 is missing) in the categories of a column that occur, and these."""
    codes = values.cat.codes.to_numpy()
    occurs = np.bincount(codes[codes >= 0], minlength=len(values.cat.categories)) > 0
    places = np.append(np.cumsum(occurs) - 1, -1)[codes]
    return places, pd.Series(values.cat.categories[occurs])


def few(values: pd.Series) -> tuple[np.ndarray, list[str]] | None:
    """Return :func:`factor` of whole numbers near to each other, codes of 8 bits; or None."""
    if not (plain_numbers(values) and values.dtype.kind in "iu" and len(values)):
        return None
    plain = values.to_numpy()
    low, high = plain.min(), plain.max()
    if int(high) - int(low) > np.iinfo(np.int8).max:
        return None
    codes = (plain - low).astype(np.int8)
    occurs = np.zeros(int(high) - int(low) + 1, bool)
    occurs[codes] = True
    if not occurs.all():
        codes = (np.cumsum(occurs, dtype=np.int8) - np.int8(1)).take(codes)
    return codes, [*map(str, (np.flatnonzero(occurs) + int(low)).tolist())]


def factor(values: pd.Series, column: str) -> tuple[np.ndarray, list[str]]:
    """Return codes of a column's labels (−1 is missing) and the labels: `frames.factor`."""
    if plain_numbers(values) and values.dtype.kind in "iu" and len(values):
        plain = values.to_numpy()
        low, high = int(plain.min()), int(plain.max())
        if high - low < 8 * len(plain):  # as many as rows: no sorting is needed
            codes = plain.astype(int)
            codes -= low
            occurs = np.zeros(high - low + 1, bool)
            occurs[codes] = True
            if not occurs.all():
                codes = (np.cumsum(occurs) - 1).take(codes)
            return codes, [*map(str, (np.flatnonzero(occurs) + low).tolist())]
    if isinstance(values.dtype, pd.CategoricalDtype):
        places, kinds = _used(values)
        levels, names = factor(kinds, column)
        return np.append(levels, -1)[places], names
    try:
        codes, found = pd.factorize(stored(values))
    except TypeError:
        raise EvidenceError(
            f"column {column!r}: some cells hold lists or the like; one label a row is needed"
        ) from None
    written = [label(value) for value in found]
    names = sorted({name for name in written if name}, key=place)
    code = {name: code for code, name in enumerate(names)} | {"": -1}
    return np.array([*(code[name] for name in written), -1])[codes], names


def kind(values: pd.Series) -> str:
    """Return what a column holds: numbers are numbers, whether objects, text or categories."""
    if plain_numbers(values):
        return "boolean" if values.dtype.kind == "b" else "floating"
    if isinstance(values.dtype, pd.CategoricalDtype):
        values = _used(values)[1]
    plain = stored(values)
    found: str = pd.api.types.infer_dtype(plain, skipna=True)
    if found in ("string", "mixed", "mixed-integer"):  # numbers may be written as text
        written = (str(value).strip() for value in dict.fromkeys(map(str, plain[~pd.isna(plain)])))
        return "floating" if all(not text or is_number(text) for text in written) else "string"
    return found
