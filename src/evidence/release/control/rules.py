"""The rules of disclosure control, read from the file that the data owner edits."""

from __future__ import annotations

import re
import tomllib
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from evidence.errors import EvidenceError, nearest


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What may leave; ``data/disclosure.toml`` explains each rule.

    Parameters
    ----------
    threshold : int
        Smallest count of pupils shown; at least 5.
    base : int
        Multiple to which counts are rounded; at least 5.
    zeros_disclosive : bool
        Whether a count of 0 is hidden as a small count is.
    full_disclosive : bool
        Whether a part is hidden where it is the whole (100%).
    dominance_n, dominance_k : int, float
        A total is hidden where its n largest contributions exceed the share k of it.
    dominance_p : float
        A total is hidden where all but its two largest contributions are less than the share p of
        the largest.
    digits : int
        Significant digits of the statistics that are shown; 2 to 6.
    residual_df : int
        Fewest residual degrees of freedom of a model whose output is shown.
    figure_count : int
        Fewest pupils behind a point of a figure.
    extremes : bool
        Whether minima, maxima and residuals may leave.

    Raises
    ------
    EvidenceError
        A value is of the wrong kind or weaker than allowed.
    """

    threshold: int = 10
    base: int = 5
    zeros_disclosive: bool = True
    full_disclosive: bool = True
    dominance_n: int = 2
    dominance_k: float = 0.9
    dominance_p: float = 0.1
    digits: int = 4
    residual_df: int = 10
    figure_count: int = 10
    extremes: bool = False

    def __post_init__(self) -> None:
        for key, value in asdict(self).items():
            if reason := _fault(key, value):
                raise EvidenceError(f"{key} is {value!r}: {reason}")

    @property
    def least(self) -> int:
        """The smallest rounded count: a count of 7 under threshold 7 must not be shown as 5."""
        return -(-self.threshold // self.base) * self.base


_LOWEST = {"threshold": 5, "base": 5, "dominance_n": 1, "residual_df": 1, "figure_count": 5}


def _fault(key: str, value: Any) -> str:
    """Return what is wrong with the value of a rule; "" where nothing is."""
    if key in _LOWEST:
        good = isinstance(value, int) and not isinstance(value, bool) and value >= _LOWEST[key]
        return "" if good else f"a whole number, {_LOWEST[key]} or more, is needed"
    if key == "digits":
        good = isinstance(value, int) and not isinstance(value, bool) and 2 <= value <= 6
        return "" if good else "a whole number from 2 to 6 is needed"
    if key in ("dominance_k", "dominance_p"):
        good = isinstance(value, float) and 0 < value <= 1
        return "" if good else "a share above 0, at most 1.0, is needed"
    return "" if isinstance(value, bool) else "true or false is needed"


def load(path: str | Path) -> Rules:
    """Read the rules; the defaults where there is no such file.

    Raises
    ------
    EvidenceError
        The file is not TOML, or a rule is unknown, mistyped or weaker than allowed; the message
        has the line.
    """
    path = Path(path)
    if not path.is_file():
        return Rules()
    try:
        text = path.read_text(encoding="utf-8")
        found = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise EvidenceError(f"{path}: not readable as TOML: {error}") from None
    allowed = [rule.name for rule in fields(Rules)]
    for key, value in found.items():
        where = f"{path}, line {_line(text, key)}"
        if key not in allowed:
            raise EvidenceError(f"{where}: unknown rule {key!r}; {nearest(key, allowed)}")
        if reason := _fault(key, value):
            raise EvidenceError(f"{where}: {key} is {value!r}: {reason}")
    return Rules(**found)


def _line(text: str, key: str) -> int:
    pattern = re.compile(rf"""\s*\[*\s*["']?{re.escape(key)}["']?\s*[\]=.]""")
    lines = enumerate(text.splitlines(), start=1)
    return next((number for number, line in lines if pattern.match(line)), 1)
