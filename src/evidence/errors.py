"""The one exception that a user can mend, and the hint that helps to mend it."""

import difflib
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from numbers import Number

_ABOUT = re.compile(r".*?(?=, row |: |$)", re.DOTALL)
_SHOWN = 20  # faults in one message, and rows in one fault


class EvidenceError(ValueError):
    """Something the user can put right.

    The message is one line: what is wrong, where (file, row, column), what is allowed and how
    to mend it. It never holds a pupil's value, so it may be printed, logged and shared.

    Parameters
    ----------
    *faults : str
        A message each; mostly there is one.
    """

    @property
    def faults(self) -> tuple[str, ...]:
        """What is wrong, a message each."""
        return self.args

    def _render_traceback_(self) -> list[str]:
        """Return what a notebook shows: a fault a line, and no lines of the library's code."""
        return ["What can be put right:", *map(str, self.faults)]

    def __str__(self) -> str:
        if len(self.args) < 2:
            return super().__str__()
        about = _ABOUT.match(self.args[0])[0]  # the file, or the plan
        if not all(fault.startswith((f"{about}, ", f"{about}: ")) for fault in self.args):
            about = ""
        first = len(about) + 2 if about else 0
        shown = "; ".join(f"({i}) {fault[first:]}" for i, fault in enumerate(self.args[:_SHOWN], 1))
        more = f"; and {len(self.args) - _SHOWN} more" if len(self.args) > _SHOWN else ""
        return f"{about}{': ' if about else ''}{len(self.args)} faults: {shown}{more}"


def shown(value: object) -> str:
    """Return an argument as a message may repeat it: a short word or number, else its kind.

    A whole column given by mistake would put pupils' values into the message.
    """
    short = value is None or isinstance(value, (bool, Number, str))
    text = repr(value) if short else ""
    kind = type(value).__name__
    return text if 0 < len(text) <= 80 else f"{'an' if kind[0] in 'AEIOaeio' else 'a'} {kind}"


class Faults:
    """Collects the faults of steps that do not need each other, to raise all of them as one."""

    def __init__(self) -> None:
        self.noted: dict[str, None] = {}

    @contextmanager
    def note(self) -> Iterator[None]:
        """Go on after a fault."""
        try:
            yield
        except EvidenceError as error:
            self.noted.update(dict.fromkeys(error.faults))

    def settle(self) -> None:
        """Raise what was noted; do nothing without any."""
        if self.noted:
            raise EvidenceError(*self.noted)


def also(rows: Iterable[int]) -> str:
    """Name further rows with the same fault, the first twenty, and count the rest."""
    rows = [*rows]
    if not rows:
        return ""
    named = ", ".join(map(str, rows[:_SHOWN]))
    more = f" and {len(rows) - _SHOWN:,} more" if len(rows) > _SHOWN else ""
    return f" (also row{'s' if len(rows) > 1 else ''} {named}{more})"


def nearest(word: str, allowed: Iterable[str]) -> str:
    """Return a hint that names the allowed word most like `word`, or all of them."""
    allowed = [str(name) for name in allowed]
    close = difflib.get_close_matches(word, allowed, n=1, cutoff=0.5)
    return f"did you mean {close[0]!r}?" if close else f"allowed: {', '.join(allowed) or 'none'}"
