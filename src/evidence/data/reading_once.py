"""Files that many reports name are read once, while they are checked together."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import ParamSpec

import pandas as pd

P = ParamSpec("P")
_kept: ContextVar[dict[str, pd.DataFrame] | None] = ContextVar("kept", default=None)


@contextmanager
def reading_once() -> Iterator[None]:
    """Keep what readers give until the end of the block; files must not change meanwhile."""
    token = _kept.set({})
    try:
        yield
    finally:
        _kept.reset(token)


def kept(read: Callable[P, pd.DataFrame]) -> Callable[P, pd.DataFrame]:
    """Let a reader, whose arguments are paths, names and numbers, read a file once in a block."""

    @functools.wraps(read)
    def function(*args: P.args, **options: P.kwargs) -> pd.DataFrame:
        tables = _kept.get()
        if tables is None:
            return read(*args, **options)
        key = f"{read.__qualname__} {args} {sorted(options.items())}"
        if key not in tables:
            tables[key] = read(*args, **options)
        return tables[key].copy(deep=False)

    return function
