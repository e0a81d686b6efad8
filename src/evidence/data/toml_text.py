"""Values and keys as TOML writes them, for registers that a person goes on with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tomlkit


def value(given: Any) -> str:
    """Return a plain value on one line; what is None inside it is left out."""
    if isinstance(given, Mapping):
        table = tomlkit.inline_table()
        table.update(_whole(given))
        return table.as_string()
    return tomlkit.item(_whole(given)).as_string()


def setting(name: str, given: Any, note: str = "") -> str:
    """Return `name = value`, and a note behind it."""
    return f"{key(name)} = {value(given)}" + (f"  # {note}" if note else "")


def key(name: str) -> str:
    """Return a key, in quotation marks where it needs them."""
    return tomlkit.key(name).as_string()


def _whole(given: Any) -> Any:
    if isinstance(given, Mapping):
        return {str(name): _whole(each) for name, each in given.items() if each is not None}
    if isinstance(given, list | tuple):
        return [_whole(each) for each in given if each is not None]
    return given
