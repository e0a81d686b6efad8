"""Arguments of public functions: one of the wrong kind is told in a line, whatever it breaks."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from functools import wraps
from numbers import Integral, Real
from typing import Any

import numpy as np

from evidence.errors import EvidenceError, nearest, shown

_BREAKS = (TypeError, ValueError, AttributeError, LookupError, ArithmeticError)
_HUGE = 1.7e308  # no float is larger
_SAID = {
    "bool": "True or False",
    "int": "a whole number",
    "float": "a number",
    "str": "a word",
    "None": "None",
    "Sequence": "a list",
    "words": "a list of words",
    "Mapping": "a table of names and values (dict)",
    "DataFrame": "a table (DataFrame)",
    "ndarray": "a list of numbers",
    "Callable": "a function",
}


def explained(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a public function whose every failure over an argument is an EvidenceError.

    The function itself checks what it can say better; what it does not foresee (a word for a
    number, a column for an option) is looked up in its annotations once it has failed.
    """

    @wraps(function)
    def call(*args: Any, **given: Any) -> Any:
        try:
            return function(*args, **given)
        except EvidenceError:
            raise
        except _BREAKS:
            if wrong := _wrong(function, args, given):
                raise EvidenceError(*wrong) from None  # its own words may hold a value
            raise

    return call


def _wrong(
    function: Callable[..., Any], args: tuple[object, ...], given: dict[str, Any]
) -> list[str]:
    """Return what is wrong with the arguments, a line each."""
    signature = inspect.signature(function)
    known = signature.parameters
    if not any(each.kind is each.VAR_KEYWORD for each in known.values()):
        unknown = [name for name in given if name not in known]
        if unknown:
            return [f"{function.__name__}: no {n}=; {nearest(n, [*known])}" for n in unknown]
    try:
        bound = signature.bind(*args, **given).arguments
    except TypeError as error:
        said = str(error).replace("keyword-only ", "")  # Python 3.12's word, and 3.13's
        return [f"{function.__name__}: {said}"]
    return [
        f"{name} is {shown(value)}; {_allowed(kinds)} is needed"
        for name, value in bound.items()
        if (kinds := _kinds(known[name])) and not any(_is(kind, value) for kind in kinds)
    ]


def _kinds(parameter: inspect.Parameter) -> list[str]:
    """Return the kinds that an annotation names: write them out, no name for several of them."""
    if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
        return []
    plain = str(parameter.annotation).replace("Sequence[str]", "words")
    plain = re.sub(r"\[[^][]*(\[[^][]*\][^][]*)*\]", "", plain)
    return [kind.strip().rpartition(".")[2] for kind in plain.split("|")]


def _is(kind: str, value: Any) -> bool:
    if kind in ("int", "float"):
        number = isinstance(value, Integral if kind == "int" else Real)
        return number and not isinstance(value, bool) and not _HUGE < abs(value) < np.inf
    if kind in ("Sequence", "words", "ndarray"):
        listed = np.iterable(value) and not isinstance(value, (str, Mapping))
        listed = listed and getattr(value, "ndim", 1) == 1
        return listed and (kind != "words" or all(isinstance(each, str) for each in value))
    wanted: dict[str, type | tuple[type, ...]] = {
        "bool": (bool, np.bool_),
        "str": str,
        "None": type(None),
        "Mapping": Mapping,
    }
    if kind == "Callable":
        return callable(value)
    if kind in wanted:
        return isinstance(value, wanted[kind])
    return kind == "object" or kind in {each.__name__ for each in type(value).__mro__}


def _allowed(kinds: list[str]) -> str:
    said = [_SAID.get(kind, f"a result of the kind {kind}") for kind in kinds]
    return " or ".join(said)
