"""A Bayesian reading of an estimate, without a sampler."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pandas as pd
from scipy.special import ndtr, ndtri

from evidence.errors import EvidenceError, shown
from evidence.methods.core.results import Estimate, normal_error, page
from evidence.show import words

PRIOR_MEAN, PRIOR_SD = 0.06, 0.15


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Posterior:
    """What to believe of an effect after a study, given what was believed before.

    Parameters
    ----------
    table : DataFrame
        A row a question: `months` ("more than 0", "at least 1", "at least 2"), `effect_size` (what
        must be exceeded), `probability`, and `probability_flat` from this study alone.
    mean, std_dev, ci_lower, ci_upper, level : float
        Of the posterior, in SD; the interval is a credible one.
    prior_mean, prior_sd : float
    outcome, treatment, method : str
    """

    table: pd.DataFrame
    mean: float
    std_dev: float
    ci_lower: float
    ci_upper: float
    level: float
    prior_mean: float
    prior_sd: float
    outcome: str
    treatment: str
    method: str

    def to_frame(self) -> pd.DataFrame:
        """Return a row a question."""
        return self.table.copy()

    def sentence(self) -> str:
        """Say how likely it is that the effect exceeds 0, 1 and 2 months, and the prior."""
        chances = [words.chance(p) for p in self.table["probability"]]
        return (
            f"{self.outcome}, {self.treatment}: the chance of any benefit is {chances[0]}, of 1 "
            f"month or more {chances[1]}, of 2 months or more {chances[2]}, if effects of such "
            f"programmes average {words.number(self.prior_mean, 2, sign=True)} SD and mostly lie "
            f"between {words.number(self.prior_mean - 2 * self.prior_sd, 2, sign=True)} and "
            f"{words.number(self.prior_mean + 2 * self.prior_sd, 2, sign=True)}."
        )

    def _repr_html_(self) -> str:
        return page(self.sentence(), self.table)


def posterior(
    estimate: Estimate,
    *,
    prior_mean: float = PRIOR_MEAN,
    prior_sd: float = PRIOR_SD,
    table: str = "toolkit",
) -> Posterior:
    """Read an effect size in the light of what programmes like it have achieved.

    Parameters
    ----------
    estimate : Estimate
        On attainment, `unit` "sd".
    prior_mean, prior_sd : float
        Normal prior of true effects, in SD. An infinite `prior_sd` is a flat prior.
    table : {"toolkit", "trial"}
        Which table turns SD into months, as in :func:`evidence.studies.verdict.months`.

    Raises
    ------
    EvidenceError
        The estimate is not in SD or its interval has no end, the prior's SD is not above 0, or the
        table is unknown.

    Notes
    -----
    Normal prior, normal likelihood: precision 1/τ² + 1/s², mean weighted by it. s is the
    half-width of the interval over z, so that few degrees of freedom widen it. A month begins half
    a hundredth below its figure in the table, as effect sizes are rounded first.

    The default prior. Mean .06: the average of 141 trials of the Education Endowment Foundation
    and its American counterpart, 1.2 million pupils (Lortie-Forgues and Inglis 2019); well known.
    SD .15: not well known. Effects in 750 randomised trials lie a third below .05 and a third
    above .20 (Kraft 2020), which a normal of SD .17 matches, sampling error included, so that true
    effects vary less; taking off an error of .08 (half of the mean interval of .30, over 1.96)
    leaves .15. State another where it is known; `probability_flat` shows what the prior does.

    References
    ----------
    Lortie-Forgues, H. and Inglis, M. (2019), Educational Researcher 48(3),
    doi:10.3102/0013189X19832850.
    Kraft, M. A. (2020), Educational Researcher 49(4), doi:10.3102/0013189X20912798.
    Spiegelhalter, D. J. et al. (1994), JRSS A 157(3), section 2: the normal approximation.
    """
    if estimate.unit != "sd":
        raise EvidenceError(
            f"posterior: the estimate is in {estimate.unit!r}; give one in 'sd', as "
            "trials.effect_size does"
        )
    if not prior_sd > 0 or not abs(prior_mean) < 1e100 or 1e100 < prior_sd < math.inf:
        raise EvidenceError(
            f"prior_mean is {prior_mean} and prior_sd {prior_sd}; a number, and one above 0, are "
            "needed"
        )
    if table not in words.MONTHS:
        raise EvidenceError(f"table is {shown(table)}; allowed are {', '.join(words.MONTHS)}")
    z = float(ndtri(0.5 + estimate.level / 2))
    error = normal_error(estimate)
    if not 0 < error < math.inf:
        raise EvidenceError("posterior: the estimate has no interval with two ends")
    weight = 1 / error**2 + 1 / prior_sd**2
    mean = (estimate.estimate / error**2 + prior_mean / prior_sd**2) / weight
    spread = 1 / math.sqrt(weight)
    asked = {
        "more than 0": 0.0,
        "at least 1": words.MONTHS[table][0] - 0.005,
        "at least 2": words.MONTHS[table][1] - 0.005,
    }
    questions = pd.DataFrame({"months": asked.keys(), "effect_size": asked.values()})
    least = questions["effect_size"]
    return Posterior(
        table=questions.assign(
            probability=ndtr((mean - least) / spread),
            probability_flat=ndtr((estimate.estimate - least) / error),
        ),
        mean=mean,
        std_dev=spread,
        ci_lower=mean - z * spread,
        ci_upper=mean + z * spread,
        level=estimate.level,
        prior_mean=float(prior_mean),
        prior_sd=float(prior_sd),
        outcome=estimate.outcome,
        treatment=estimate.treatment,
        method=f"normal prior ({prior_mean:g}, {prior_sd:g}); {estimate.method}",
    )
