"""The rules of disclosure control, read from the file that the data owner edits."""

from __future__ import annotations

import math
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

    def places(self, n: float, per: float = 100.0) -> int:
        """Return the decimals of a rate of `n` pupils that leave it as unsure as a rounded count.

        Of few pupils it is whole, whatever the rounding of counts; `per` is 100 for a percentage.
        """
        step = min(self.base / 2 * per / n, per / 100)
        return math.floor(1e-9 - math.log10(step))


_LIMITS = {  # kind, least, most
    "threshold": (int, 5, math.inf), "base": (int, 5, math.inf), "digits": (int, 2, 6),
    "dominance_n": (int, 1, math.inf), "dominance_k": (float, math.ulp(0), 1),
    "dominance_p": (float, math.ulp(0), 1), "residual_df": (int, 1, math.inf),
    "figure_count": (int, 5, math.inf),
}  # fmt: skip


def _fault(key: str, value: Any) -> str:
    """Return what is wrong with the value of a rule; "" where nothing is."""
    kind, least, most = _LIMITS.get(key, (bool, False, True))
    if type(value) is kind and least <= value <= most:
        return ""
    if kind is bool:
        return "true or false is needed"
    if kind is float:
        return "a share above 0, at most 1.0, is needed"
    span = f"from {least} to {most} is needed" if most < math.inf else f"{least} or more, is needed"
    return f"a whole number{' ' if most < math.inf else ', '}{span}"


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
        rules = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise EvidenceError(f"{path}: not readable as TOML: {error}") from None
    allowed = [rule.name for rule in fields(Rules)]
    for key, value in rules.items():
        where = f"{path}, line {_line(text, key)}"
        if key not in allowed:
            raise EvidenceError(f"{where}: unknown rule {key!r}; {nearest(key, allowed)}")
        if reason := _fault(key, value):
            raise EvidenceError(f"{where}: {key} is {value!r}: {reason}")
    return Rules(**rules)


def _line(text: str, key: str) -> int:
    pattern = re.compile(rf"""\s*\[*\s*["']?{re.escape(key)}["']?\s*[\]=.]""")
    lines = enumerate(text.splitlines(), start=1)
    return next((number for number, line in lines if pattern.match(line)), 1)
