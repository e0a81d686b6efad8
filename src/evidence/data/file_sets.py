"""Named sets of files, and ranges such as `ks2_{2015..2019}.csv`, written out as file names.

A star is no pattern here: it would take whatever lies in the folder, so that a missing table or a
forgotten copy would change a result without a word. A range says which files there must be.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from evidence.errors import EvidenceError, nearest

MOST = 1_000  # files of one range


class FileSets:
    """The sets under `[files]` of a register: name to a file, a range, another set, or a list.

    Parameters
    ----------
    sets : dict
        As the register states them.
    note : callable
        Takes the path of a key and a reason; called for every fault.
    """

    def __init__(self, sets: Any, note: Callable[[Sequence[str], str], None]) -> None:
        self._note = note
        self._stated = sets if isinstance(sets, dict) else {}
        self._done: dict[str, str | list[str]] = {}
        if self._stated is not sets:
            note(("files",), "files must be a table of named sets")
        for name in self._stated:
            self._set(name, ("files", name), ())

    def write_out(
        self, value: Any, where: Sequence[str], inside: tuple[str, ...] = ()
    ) -> str | list[str]:
        """Return the file or the files, in order, that `value` of the key `where` means.

        One plain path stays a text, and everything else becomes a list. What is written out plainly
        is returned as it is.
        """
        files = self._files(value, where, inside)
        if isinstance(files, list) and files != value:
            once = list(dict.fromkeys(files))
            for file in once if len(once) < len(files) else ():
                if files.count(file) > 1:
                    self._note(where, f"{where[-1]}: {file!r} comes in twice")
            return once
        return files

    def _files(self, value: Any, where: Sequence[str], inside: tuple[str, ...]) -> str | list[str]:
        if isinstance(value, list):
            parts = [self._files(item, where, inside) for item in value]
            return [f for part in parts for f in ([part] if isinstance(part, str) else part)]
        if not isinstance(value, str):
            reason = f"{where[-1]} must be a file in quotes or a list of them, not {value!r}"
            self._note(where, reason)
            return []
        if value.startswith("@"):
            return self._set(value[1:], where, inside)
        try:
            return braces(value)
        except EvidenceError as reason:
            self._note(where, f"{where[-1]}: {reason}")
            return []

    def _set(self, name: str, where: Sequence[str], inside: tuple[str, ...]) -> str | list[str]:
        if name not in self._stated:
            known = [f"@{other}" for other in self._stated]
            hint = nearest(f"@{name}", known) if known else "name it under [files]"
            self._note(where, f"{where[-1]}: no set of files '@{name}'; {hint}")
            return []
        if name in inside:
            circle = ", ".join(f"@{other}" for other in (*inside[inside.index(name) :], name))
            self._note(where, f"{where[-1]}: the sets go in a circle: {circle}")
            return []
        if name not in self._done:
            self._done[name] = self.write_out(self._stated[name], ("files", name), (*inside, name))
        return self._done[name]


def braces(path: str) -> str | list[str]:
    """Write out the braces of a path: whole numbers from .. to, words with commas between them.

    Parameters
    ----------
    path : str
        Such as ``"ks2_{2015..2019,2022}.csv"``; ``{01..12}`` keeps its zeros. Without braces that
        hold two dots or a comma it is an ordinary path.

    Returns
    -------
    str or list of str
        The path itself, or the paths in the order of the braces.

    Raises
    ------
    EvidenceError
        There are several braces, an empty part, or a range that does not count up.
    """
    found = [
        brace for brace in re.finditer(r"\{([^{}]*)\}", path) if re.search(r"\.\.|,", brace[1])
    ]
    if not found:
        return path
    if len(found) > 1:
        raise EvidenceError(f"{path!r} has more than one pair of braces; list what it stands for")
    (brace,) = found
    parts = [part for item in brace[1].split(",") for part in _parts(item.strip())]
    return [path[: brace.start()] + part + path[brace.end() :] for part in parts]


def _parts(item: str) -> list[str]:
    if ".." not in item:
        if not item:
            raise EvidenceError("an empty part in braces; take the extra comma out")
        return [item]
    match = re.fullmatch(r"(\d{1,9})\.\.(\d{1,9})", item, re.ASCII)
    if not match:
        raise EvidenceError(f"{item!r} is not a range of whole numbers such as 2015..2019")
    first, last = map(int, match.groups())
    if first > last:
        raise EvidenceError(f"the range {item} counts down; write {match[2]}..{match[1]}")
    if last - first >= MOST:
        raise EvidenceError(f"the range {item} has more than {MOST:,} numbers")
    return [f"{number:0{len(match[1])}d}" for number in range(first, last + 1)]
