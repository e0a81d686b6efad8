"""The one exception that a user can mend, and the hint that helps to mend it."""

import difflib
from collections.abc import Iterable


class EvidenceError(ValueError):
    """Something the user can put right.

    The message is one line: what is wrong, where (file, row, column), what is allowed and how
    to mend it. It never holds a pupil's value, so it may be printed, logged and shared.
    """


def nearest(word: str, allowed: Iterable[str]) -> str:
    """Return a hint that names the allowed word most like `word`, or all of them."""
    allowed = [str(name) for name in allowed]
    close = difflib.get_close_matches(word, allowed, n=1, cutoff=0.5)
    return f"did you mean {close[0]!r}?" if close else f"allowed: {', '.join(allowed) or 'none'}"
