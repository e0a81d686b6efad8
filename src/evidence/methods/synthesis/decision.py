"""Continue, change, stop or test properly: fixed words by fixed rules, and a trial's worth."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pandas as pd
from scipy.special import ndtr

from evidence.errors import EvidenceError
from evidence.methods.core.results import page
from evidence.methods.synthesis.pooled_posterior import PooledPosterior
from evidence.show import words

WORDS = ("continue", "change", "stop", "test properly")
LIKELY = 0.8


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Decision:
    """What the results so far recommend.

    Parameters
    ----------
    word : {"continue", "change", "stop", "test properly"}
    reason : str
        One sentence.
    worthwhile : float
        Smallest effect that is worth what it costs, in the unit of the effects.
    p_worthwhile, p_positive : float
        Probabilities that the mean effect is above `worthwhile`, and above 0.
    loss_continue, loss_stop : float
        What is expected to be lost by continuing where it is not worth it, and by stopping where
        it is; in the unit of the effects, a pupil.
    value_of_trial : float
        How much of that a further trial with `trial_error` would be expected to save.
    """

    word: str
    reason: str
    worthwhile: float
    p_worthwhile: float
    p_positive: float
    loss_continue: float
    loss_stop: float
    value_of_trial: float

    def to_frame(self) -> pd.DataFrame:
        """Return one row with all fields."""
        return pd.DataFrame([{name: getattr(self, name) for name in self.__slots__}])

    def sentence(self) -> str:
        """Say the word and why."""
        return f"{words.capital(self.word)}: {self.reason}."

    def _repr_html_(self) -> str:
        return page(self.sentence(), self.to_frame())


def decide(belief: PooledPosterior, *, worthwhile: float, trial_error: float = 0.1) -> Decision:
    """Recommend what to do with a programme.

    Parameters
    ----------
    belief : PooledPosterior
        Of its results, from :func:`evidence.methods.synthesis.pooled_posterior.posterior`.
    worthwhile : float
        Smallest effect worth its cost; above 0.
    trial_error : float
        Standard error that a further trial would have: see :func:`trial_error`.

    Raises
    ------
    EvidenceError
        `worthwhile` or `trial_error` is not above 0.

    Notes
    -----
    With P(μ > δ) of the mean effect μ and the worthwhile δ: at least 0.8, *continue*; at most 0.2,
    *change* where P(μ > 0) is at least 0.8 (it helps, but not enough for what it costs), else
    *stop*; between, *test properly*. The value of a trial is that of sample information for a
    normal belief with the posterior's mean and variance: with s₁² = s⁴/(s² + e²) it is
    s₁φ(z) + (m − δ)Φ(z) − max(0, m − δ), z = (m − δ)/s₁.

    References
    ----------
    Raiffa, H. and Schlaifer, R. (1961), Applied Statistical Decision Theory, section 5.3.
    """
    for name, value in (("worthwhile", worthwhile), ("trial_error", trial_error)):
        if not (0 < value < math.inf):
            raise EvidenceError(f"{name} is {value}; a number above 0 is needed")
    above, positive = belief.probability_above(worthwhile), belief.probability_above(0.0)
    mean, variance = belief.estimate, belief.std_error**2
    gain = _expected_excess(mean - worthwhile, math.sqrt(variance))
    learnt = variance / math.sqrt(variance + trial_error**2)
    trial = _expected_excess(mean - worthwhile, learnt) - max(0.0, mean - worthwhile)
    chance = f"the chance that the effect is worth its cost is {words.chance(above)}"
    if above >= LIKELY:
        word, reason = "continue", chance
    elif above > 1 - LIKELY:
        word, reason = "test properly", f"{chance}, too unsure to continue or to stop"
    elif positive >= LIKELY:
        word, reason = "change", f"it probably helps ({words.chance(positive)}), but {chance}"
    else:
        word, reason = "stop", chance
    return Decision(
        word=word,
        reason=reason,
        worthwhile=worthwhile,
        p_worthwhile=above,
        p_positive=positive,
        loss_continue=gain - (mean - worthwhile),
        loss_stop=gain,
        value_of_trial=trial,
    )


def trial_error(
    n_schools: float,
    *,
    pupils_per_school: float = 30.0,
    icc: float = 0.15,
    explained: float = 0.5,
) -> float:
    """Return the standard error (SD) of a trial with half of n schools treated.

    Parameters
    ----------
    n_schools : float
        2 or more.
    pupils_per_school : float
        1 or more.
    icc : float
        Share of the variance that lies between schools, from 0 to 1.
    explained : float
        Share of it, and of that within schools, that the baseline explains; below 1.

    Raises
    ------
    EvidenceError
        A number is out of range.

    References
    ----------
    Bloom, H., Richburg-Hayes, L. and Black, A. (2007), Educational Evaluation and Policy Analysis
    29(1), eq. 3.
    """
    ranges = {
        "n_schools": (n_schools, 2, math.inf),
        "pupils_per_school": (pupils_per_school, 1, math.inf),
        "icc": (icc, 0, 1),
        "explained": (explained, 0, 0.999),
    }
    for name, (value, least, most) in ranges.items():
        if not (least <= value <= most) or math.isinf(value):
            raise EvidenceError(f"{name} is {value}; a number from {least} to {most:g} is needed")
    of_school = (1 - explained) * (icc + (1 - icc) / pupils_per_school)
    return 2 * math.sqrt(of_school / n_schools)


def _expected_excess(mean: float, sd: float) -> float:
    """Return E[max(0, x)] of a normal x."""
    z = mean / sd
    return sd * math.exp(-(z**2) / 2) / math.sqrt(2 * math.pi) + mean * float(ndtr(z))
