"""Options of the methods: words from a list, yes or no, a whole number, a number in limits."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from numbers import Real
from typing import Any, overload

import numpy as np

from evidence.errors import EvidenceError, shown


def whole(name: str, value: object, least: int) -> None:
    """Refuse a count or seed that is no whole number of at least `least`.

    Raises
    ------
    EvidenceError
        It is not.
    """
    if not isinstance(value, (int, np.integer)) or isinstance(value, bool) or value < least:
        raise EvidenceError(f"{name} is {shown(value)}; a whole number from {least} on is needed")


def one_of(name: str, value: object, allowed: Sequence[str]) -> None:
    """Refuse an option that is not one of those allowed.

    Raises
    ------
    EvidenceError
        It is not.
    """
    if not isinstance(value, str) or value not in allowed:
        raise EvidenceError(f"{name} is {shown(value)}; allowed are {', '.join(allowed)}")


def yes_or_no(**given: object) -> None:
    """Refuse options that are neither True nor False: "no" would be taken for a yes.

    Raises
    ------
    EvidenceError
        One is not.
    """
    for name, value in given.items():
        if not isinstance(value, (bool, np.bool_)):
            raise EvidenceError(f"{name} is {shown(value)}; True or False is needed")


def number(
    name: str, value: Any, least: float = -math.inf, most: float = math.inf, *, ends: bool = True
) -> float:
    """Return an option that is one finite number from `least` to `most`, or between them.

    Raises
    ------
    EvidenceError
        It is not.
    """
    real = isinstance(value, Real) and not isinstance(value, (bool, np.bool_))
    inside = real and (least <= value <= most if ends else least < value < most)
    if inside and math.isfinite(value):
        return float(value)
    allowed = {
        (False, False): "a finite number",
        (True, False): f"a number {f'from {least:,.10g} on' if ends else f'above {least:,.10g}'}"
        if ends or least
        else "a positive number",
        (True, True): f"a number {'from' if ends else 'between'} {least:,.10g} "
        f"{'to' if ends else 'and'} {most:,.10g}",
    }[math.isfinite(least), math.isfinite(most)]
    raise EvidenceError(f"{name} is {shown(value)}; {allowed} is needed")


@overload
def listed(columns: str | Sequence[str] | None) -> tuple[str, ...]: ...
@overload
def listed(columns: Sequence[float]) -> tuple[float, ...]: ...
def listed(columns: Any) -> tuple[Any, ...]:
    """Return column names as a tuple; one may be given alone. A set has no order: it is sorted."""
    if columns is None:
        return ()
    if isinstance(columns, str) or not isinstance(columns, Iterable):
        return (columns,)
    return tuple(sorted(columns, key=str) if isinstance(columns, set | frozenset) else columns)
