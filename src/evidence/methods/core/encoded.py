"""Tables whose columns are read and encoded once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import numpy as np
import pandas as pd

T = TypeVar("T")


class Encoded(pd.DataFrame):  # type: ignore[misc]  # pandas has no types
    """A table whose columns are read and encoded once, however many methods ask for them.

    It is an ordinary DataFrame otherwise, and what is selected or copied from it is a plain one.
    Do not change its values: what was read stays as it was.
    """

    _internal_names = (*pd.DataFrame._internal_names, "_kept")
    _internal_names_set = frozenset(_internal_names)

    def __init__(self, data: pd.DataFrame) -> None:
        super().__init__(data)
        self.attrs = data.attrs if isinstance(data, pd.DataFrame) else {}
        self._kept: dict[tuple[object, ...], Any] = {}

    @property
    def _constructor(self) -> type[pd.DataFrame]:
        plain: type[pd.DataFrame] = pd.DataFrame
        return plain


def encoded(data: pd.DataFrame) -> pd.DataFrame:
    """Return a table as one that is encoded once; anything else is returned for `require`."""
    plain = isinstance(data, pd.DataFrame) and not isinstance(data, Encoded)
    return Encoded(data) if plain else data


def changed(data: pd.DataFrame, columns: Mapping[str, Any]) -> pd.DataFrame:
    """Return a table with some columns changed; what was encoded of the others is shared."""
    other = data.assign(**columns)
    if isinstance(data, Encoded):
        other = Encoded(other)
        kinds = ("numbers", "measured", "factor", "arms")
        other._kept = {
            key: kept
            for key, kept in data._kept.items()
            if key[0] in kinds and key[1] not in columns
        }
    return other


def once(data: pd.DataFrame, key: tuple[object, ...], make: Callable[[], T]) -> T:
    """Return what `make` makes, which an encoded table keeps under `key`."""
    if not isinstance(data, Encoded):
        return make()
    if key not in data._kept:
        kept = data._kept[key] = make()
        for part in kept if isinstance(kept, tuple) else (kept,):
            if isinstance(part, np.ndarray):
                part.setflags(write=False)
    before: T = data._kept[key]
    return before
