"""Trials with a yes/no outcome: odds ratio, Cox index, risk difference."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import expit

from evidence.errors import EvidenceError
from evidence.methods.core.results import Estimate
from evidence.methods.trials.itt import answer, itt
from evidence.methods.trials.multilevel import with_dummies
from evidence.methods.trials.trial_data import TrialData, of_trial
from evidence.show import words
from evidence.stats import covariance
from evidence.stats.design import design
from evidence.stats.effect_sizes import COX, small_sample_factor

_LARGEST = 30.0  # log odds beyond this are separation


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class OddsRatio(Estimate):
    """An effect on a yes/no outcome; `estimate` and its interval are log odds ratios.

    Parameters
    ----------
    odds_ratio, or_lower, or_upper : float
        Exponentials of the estimate and its interval.
    share_treated, share_control : float
        Proportions with the outcome, 0 to 1, as observed.
    """

    odds_ratio: float
    or_lower: float
    or_upper: float
    share_treated: float
    share_control: float

    def sentence(self) -> str:
        """Say odds ratio, interval, shares, n and method."""
        middle, low, high = (
            words.number(x, 2) for x in (self.odds_ratio, self.or_lower, self.or_upper)
        )
        return (
            f"{self.outcome}, {self.treatment}: odds ratio {middle} ({100 * self.level:g}% "
            f"interval {low} to {high}; {words.p_value(self.p_value)}; "
            f"{100 * self.share_treated:.0f}% against {100 * self.share_control:.0f}%; "
            f"{self.n_obs:,} pupils; {self.method})."
        )

    def cox_index(self) -> Estimate:
        """Return the effect in standard deviations by the Cox index: ω × log odds ratio / 1.65.

        Notes
        -----
        ω = 1 − 3/(4N − 9). What Works Clearinghouse (2022), Handbook 5.0, appendix E.
        """
        scale = small_sample_factor(self.n_treated + self.n_control - 2) / COX
        method = f"Cox index of {self.method}"
        return Estimate.of(self).rescaled(scale, unit="sd", method=method)


@of_trial(without=("weights",))
def odds_ratio(trial: TrialData, *, cov_type: str = "CR2", level: float = 0.95) -> OddsRatio:
    """Estimate the intention-to-treat effect on a yes/no outcome as an odds ratio.

    Arguments as :func:`evidence.methods.trials.itt`; the outcome is 0/1 or True/False, and strata
    enter as a 0/1 column each, at most 200.

    Returns
    -------
    OddsRatio
        `unit` "log_odds": estimate, error and interval are of the log odds ratio. Its
        ``cox_index()`` is in standard deviations; for percentage points see
        :func:`risk_difference`.

    Raises
    ------
    EvidenceError
        As :func:`evidence.methods.trials.itt`; the outcome is not 0/1, or an arm or a combination
        of covariates has it always or never.

    Notes
    -----
    Logit by iteratively reweighted least squares; covariance and Satterthwaite df are those of the
    last weighted regression (:func:`evidence.stats.covariance.robust`), with the binomial as
    working model, "CR0" being the usual sandwich. McCullagh and Nelder (1989), section 2.5;
    Pustejovsky and Tipton (2018), section 2.
    """
    _check_binary(trial)
    inside = " with strata" if trial.strata is not None else ""
    trial = with_dummies(trial)
    outcome = trial.columns["outcome"]
    name = f"column {trial.columns['treatment']!r}"
    covariance.check_level(level)
    cov_type, kind = trial.errors(cov_type)
    shares = [trial.outcome[rows].mean() for rows in (trial.treated, trial.control)]
    for share, which in zip(shares, ("treated", "reference"), strict=True):
        if share in (0, 1):
            word = "everybody" if share else "nobody"
            raise EvidenceError(
                f"column {outcome!r}: {word} in the {which} arm has it, so that there is no odds "
                "ratio; use trials.risk_difference"
            )
    with_ones = np.column_stack([np.ones(len(trial.outcome)), trial.others])
    eta = np.full(len(trial.outcome), np.log(trial.outcome.mean() / (1 - trial.outcome.mean())))
    for _ in range(50):
        chance = expit(eta)
        working = chance * (1 - chance)
        fitted = design(trial.treated[:, None], trial.others, None, working, name)
        target = eta + (trial.outcome - chance) / working
        estimate, residuals = fitted.fit(target)
        before, eta = eta, target - residuals
        if np.abs(eta).max() > _LARGEST:
            raise EvidenceError(
                f"column {outcome!r}: covariates or strata decide it for some pupils, so that "
                "there is no odds ratio; leave some out, or use trials.risk_difference"
            )
        if np.abs(eta - before).max() < 1e-10:
            break
    # The binomial is the working model: rows times the root of their weight vary alike under it.
    root = np.sqrt(working)[:, None]
    whitened = design(root * trial.treated[:, None], root * with_ones, name=name, absorb=False)
    inference = covariance.robust(
        whitened,
        root[:, 0] * residuals,
        trial.cluster,
        cov_type,
        label=f"column {outcome!r}",
        tilt=working,
    )
    plain = answer(
        trial,
        f"logit{inside}, {kind} (Satterthwaite df)",
        (estimate[0], inference.std_error[0], inference.df[0]),
        level,
    )
    return OddsRatio.of(
        plain,
        unit="log_odds",
        odds_ratio=math.exp(plain.estimate),
        or_lower=math.exp(plain.ci_lower),
        or_upper=math.exp(plain.ci_upper),
        share_treated=float(shares[0]),
        share_control=float(shares[1]),
    )


@of_trial()
def risk_difference(trial: TrialData, *, cov_type: str = "CR2", level: float = 0.95) -> Estimate:
    """Estimate the intention-to-treat effect on a yes/no outcome in percentage points.

    Arguments as :func:`evidence.methods.trials.itt`; the outcome is 0/1 or True/False.

    Returns
    -------
    Estimate
        `unit` "pp".

    Raises
    ------
    EvidenceError
        As :func:`evidence.methods.trials.itt`; the outcome is not 0/1.

    Notes
    -----
    The linear probability model: least squares, its robust errors allow for unequal variances.
    """
    _check_binary(trial)
    per_cent = trial.with_outcome(100 * trial.outcome)
    return replace(itt(per_cent, cov_type=cov_type, level=level), unit="pp")


def _check_binary(trial: TrialData) -> None:
    if not np.isin(trial.outcome, (0, 1)).all():
        raise EvidenceError(
            f"column {trial.columns['outcome']!r}: a yes/no outcome may hold only 0 and 1 (or True "
            "and False)"
        )
