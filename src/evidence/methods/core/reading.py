"""Lets a method of rows already read also take a table with the names of its columns."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from evidence.errors import EvidenceError

Answer = TypeVar("Answer")


def reads(
    read: Callable[..., Any], kind: type, *, needs: Sequence[str] = (), without: Sequence[str] = ()
) -> Callable[[Callable[..., Answer]], Callable[..., Answer]]:
    """Let a method of rows that `read` returns take a table and its columns as well.

    Parameters
    ----------
    read : callable
        ``read(data, *, outcome, …)``: checks a table's columns and returns its rows as arrays.
    kind : type
        What `read` returns.
    needs : sequence of str
        Arguments of `read` that this method cannot do without.
    without : sequence of str
        Arguments of `read` that this method does not take.

    Returns
    -------
    callable
        A decorator. Of ``method(rows, *, option)`` it makes one that is called as
        ``method(data, outcome=…, …, option=…)``, whose signature says so, or as
        ``method(rows, option=…)`` with what `read` gave.

    Notes
    -----
    One study reads its table once and asks many methods; somebody who asks one method has the
    columns in the same call. Both run the same lines.
    """
    table, *columns = inspect.signature(read).parameters.values()
    columns = [
        column.replace(default=inspect.Parameter.empty) if column.name in needs else column
        for column in columns
        if column.name not in without
    ]
    names = {column.name for column in columns}
    needed = [column.name for column in columns if column.default is column.empty]

    def decorate(method: Callable[..., Answer]) -> Callable[..., Answer]:
        _, *options = inspect.signature(method).parameters.values()
        further = [option.name for option in options if option.kind is option.VAR_KEYWORD]
        signature = inspect.Signature(
            [table, *columns, *options],
            return_annotation=inspect.signature(method).return_annotation,
        )

        @functools.wraps(method)
        def function(*positional: Any, **arguments: Any) -> Answer:
            if positional and isinstance(positional[0], kind):
                _check(positional[0], method.__name__, needs, without)
                return method(*positional, **arguments)
            bound = signature.bind(*positional, **arguments).arguments
            for name in needed:
                if bound[name] is None:
                    raise EvidenceError(f"{name}= is needed: name a column of data")
            plan = {name: bound.pop(name) for name in names & bound.keys()}
            more = bound.pop(further[0], {}) if further else {}
            return method(read(bound.pop(table.name), **plan), **bound, **more)

        function.__signature__ = signature  # type: ignore[attr-defined]
        return function

    return decorate


def _check(rows: object, method: str, needs: Sequence[str], without: Sequence[str]) -> None:
    """Refuse rows that were read without what the method needs, or with what it does not take."""
    for name in needs:
        if getattr(rows, name, "") is None:
            raise EvidenceError(f"{method} needs {name}=")
    for name in without:
        if getattr(rows, name, None) is not None:
            raise EvidenceError(f"{method} takes no {name}=")


def kept(method: Callable[..., Answer]) -> Callable[..., Answer]:
    """Keep what a method answers with the rows that were asked: an encoded table is asked once."""

    @functools.wraps(method)
    def function(rows: Any, **options: object) -> Answer:
        key = f"{method.__module__} {method.__name__} {(method.__kwdefaults__ or {}) | options}"
        if key not in rows.answers:
            rows.answers[key] = method(rows, **options)
        answer: Answer = rows.answers[key]
        return answer

    return function
