"""The wild cluster bootstrap of trials and panels: options, method in words, test and interval."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from evidence.errors import EvidenceError
from evidence.methods.core import frames
from evidence.methods.core.results import Estimate
from evidence.stats import covariance
from evidence.stats.wild_bootstrap import SIGNS, TIE, Wild


def check(signs: str, draws: int, seed: int, level: float) -> None:
    """Refuse unknown signs, too few draws, no seed and a level that is no proportion."""
    frames.one_of("signs", signs, SIGNS)
    covariance.check_level(level)
    frames.whole("draws", draws, 99)
    frames.whole("seed", seed, 0)


def method_of(wild: Wild, cluster: str, signs: str) -> str:
    """Say how the test was made."""
    number = wild.effect.shape[1]
    how = f"all {2 + 2 * number:,} combinations of ±1" if wild.exact else f"{number:,} draws"
    return (
        f"wild cluster bootstrap by {cluster} (WCR11, {signs}, {how}); interval by test inversion"
    )


def std_error(wild: Wild, cluster: np.ndarray) -> float:
    """Return the CR1 standard error."""
    m = int(cluster.max()) + 1
    return wild.error * math.sqrt(m / (m - 1))


def tested(plain: Estimate, wild: Wild, few: int) -> Estimate:
    """Put p-value and interval of the bootstrap into an estimate."""
    if not wild.error > TIE * abs(wild.estimate):
        raise EvidenceError(covariance.EXACT.format(f"column {plain.outcome!r}"))
    lower, upper = wild.interval(plain.level)
    notes = list(plain.caveats)
    if few < 5:
        notes.append(
            f"one side has only {few} clusters: this test then hardly ever finds anything; see the "
            "randomisation test"
        )
    if np.isinf([lower, upper]).any():
        notes.append("too few different draws for an interval of this level to end")
    return replace(
        plain, p_value=wild.p_value(0.0), ci_lower=lower, ci_upper=upper, caveats=tuple(notes)
    )
