"""The effect on those who complied with the offer of a trial, by two-stage least squares."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import stdtrit

from evidence.errors import EvidenceError
from evidence.methods.core import frames
from evidence.methods.core.results import Estimate
from evidence.methods.trials.itt import answer
from evidence.methods.trials.trial_data import TrialData, of_trial, read
from evidence.show import words
from evidence.stats import covariance
from evidence.stats.design import Design

_WEAK = 10.0
_ROLES = ("outcome", "treatment", "baseline", "cluster", "weights")


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Cace(Estimate):
    """An effect on compliers, with its first stage.

    Parameters
    ----------
    first_stage : float
        What the offer added to the dosage, in its units (a share for 0/1).
    first_stage_f, first_stage_df : float
        Robust F of the offer on the dosage, with 1 and `first_stage_df` degrees of freedom.
    ar_lower, ar_upper : float
        Anderson–Rubin interval, which holds however weak the offer; infinite where it has no end.
    dosage_treated, dosage_control : float
        Mean dosage in the two arms.
    """

    first_stage: float
    first_stage_f: float
    first_stage_df: float
    ar_lower: float
    ar_upper: float
    dosage_treated: float
    dosage_control: float

    def sentence(self) -> str:
        """Say the effect as :class:`Estimate` does, then what the offer changed and how surely."""
        amounts = (self.dosage_treated, self.dosage_control, self.first_stage)
        treated, control, first = (words.number(x, 2) for x in amounts)
        f = self.first_stage_f
        strength = "without limit" if math.isinf(f) else f"{f:,.0f}" if f >= 10 else f"{f:.1f}"
        lower, upper = _ends(self.ar_lower, self.ar_upper)
        return (
            # Named, as a class with slots has no plain super() inside it.
            f"{Estimate.sentence(self)} Received on average: {treated} where offered, {control} "
            f"elsewhere; the offer added {first} (first-stage F {strength}). Interval that holds "
            f"however weak the offer (Anderson–Rubin): {lower} to {upper}."
        )


@of_trial()
def check_dosage(trial: TrialData, *, dosage: str) -> None:
    """Refuse a dosage that :func:`cace` refuses, without estimating anything."""
    _received(trial, dosage, None)


def _received(
    trial: TrialData, dosage: str, threshold: float | None
) -> tuple[TrialData, np.ndarray]:
    """Return the pupils whose dosage is known, and what each received."""
    data, plan = trial.data, trial.plan
    frames.require(data, (dosage,))
    if dosage in (*(plan[name] for name in _ROLES), *plan["covariates"]):
        raise EvidenceError(f"column {dosage!r} is given as dosage and as something else as well")
    received = frames.measured(data, dosage)
    if threshold is not None:
        frames.number("threshold", threshold)
        received = np.where(np.isnan(received), np.nan, received >= threshold)
    covariates = (*plan["covariates"], dosage)  # so that rows without a dosage are left out
    known = read(frames.changed(data, {dosage: received}), **plan | {"covariates": covariates})
    taken = received[known.rows]
    if np.ptp(taken) == 0:
        least = "" if threshold is None else f" against the threshold {threshold:g}"
        raise EvidenceError(f"column {dosage!r}{least} is the same for all: nobody complied more")
    return _without(known, dosage), taken


@of_trial()
def cace(
    trial: TrialData,
    *,
    dosage: str,
    threshold: float | None = None,
    cov_type: str = "CR2",
    unit: str = "score",
    level: float = 0.95,
) -> Cace:
    """Estimate the effect on those who took the treatment up because it was offered.

    The offer must change the outcome only through the dosage, and put nobody off. Arguments as
    :func:`evidence.methods.trials.itt`, and

    Parameters
    ----------
    dosage : str
        Column of what was received: 0/1, or an amount such as sessions. Fill in zero for
        those who received none; rows without a value are left out.
    threshold : float, optional
        Whoever received at least this much complied; the estimate is then for compliance rather
        than for one unit of dosage, and those below are taken to gain nothing.
    unit : {"score", "sd"}
        In units of the outcome, or J × effect / unconditional total SD.

    Returns
    -------
    Cace
        `estimand` "cace".

    Raises
    ------
    EvidenceError
        As :func:`evidence.methods.trials.itt`; the dosage is no number, is the same for all, is
        the outcome or a covariate as well, or nobody reaches the threshold.

    Notes
    -----
    Point estimate by linearmodels' ``IV2SLS``, strata and covariates partialled out of outcome,
    dosage and offer beforehand, which changes nothing (Frisch, Waugh and Lovell). With one
    instrument the error is that of the reduced form of y − τ̂d over the first stage, so that
    `cov_type` and Satterthwaite's df are those of :func:`evidence.stats.covariance.robust`: the
    reference distribution is t with the degrees of freedom of the comparison of the arms. "CR0"
    and "CR1S" equal linearmodels' clustered covariance without and with ``debiased``.

    The Anderson–Rubin interval holds each τ at which the reduced form of y − τd does not differ
    from zero by the same t test: a quadratic in τ.

    References
    ----------
    Angrist, J. D., Imbens, G. W. and Rubin, D. B. (1996), JASA 91(434).
    Anderson, T. W. and Rubin, H. (1949), Annals of Mathematical Statistics 20(1), section 4.
    Staiger, D. and Stock, J. H. (1997), Econometrica 65(3): F below 10 is weak.
    """
    frames.one_of("unit", unit, ("score", "sd"))
    covariance.check_level(level)
    trial, taken = _received(trial, dosage, threshold)
    cov_type, kind = trial.errors(cov_type)
    forms = _reduced_forms(trial, taken, cov_type)
    value = _two_stages(trial.design, trial.outcome, taken)
    error = math.sqrt(forms.variance(value)) / abs(forms.dosage)
    method = f"2SLS{trial.within}, {kind} (Satterthwaite df)"
    plain = answer(trial, method, (value, error, forms.df), level)
    scale, over = 1.0, ""
    if unit == "sd":
        scale = trial.per_sd
        over = "; over the unconditional total SD"
    lower, upper = (scale * end for end in forms.anderson_rubin(level))
    strength = forms.dosage**2 / forms.var_dosage if forms.var_dosage > 0 else math.inf
    caveats = list(plain.caveats)
    what = f"each unit of {dosage}"
    if threshold is not None:
        what = f"at least {threshold:g} of {dosage}"
        caveats.append(f"those below {threshold:g} of {dosage} are taken to have gained nothing")
    elif np.isin(taken, (0, 1)).all():
        what = dosage
    if forms.dosage < 0:
        caveats.append(
            f"those offered received less of {dosage} than the others, not more: check which arm "
            f"was offered it, and that more of {dosage} is a higher number"
        )
    if strength < _WEAK:
        ends = _ends(lower, upper)
        caveats.append(
            f"the offer changed {dosage} too little to rely on (first-stage F {strength:.1f}, "
            f"below 10): read the Anderson–Rubin interval instead, {' to '.join(ends)}"
        )
    return Cace.of(
        plain.rescaled(scale),
        estimand="cace",
        unit=unit,
        method=plain.method + over,
        treatment=f"{what}, where offered {plain.treatment}",
        caveats=tuple(caveats),
        first_stage=forms.dosage,
        first_stage_f=strength,
        first_stage_df=forms.df,
        ar_lower=lower,
        ar_upper=upper,
        dosage_treated=float(taken[trial.treated].mean()),
        dosage_control=float(taken[trial.control].mean()),
    )


def _ends(lower: float, upper: float) -> list[str]:
    digits = 3 if max(abs(lower), abs(upper)) < 0.1 else 2  # as an estimate's own interval
    return [words.number(end, digits, sign=True).replace("inf", "∞") for end in (lower, upper)]


def _without(trial: TrialData, dosage: str) -> TrialData:
    """Return the trial with the dosage taken from the covariates it was read among."""
    place = trial.names.index(dosage)
    return replace(
        trial,
        others=np.delete(trial.others, place, axis=1),
        names=[name for name in trial.names if name != dosage],
    )


def _two_stages(design: Design, outcome: np.ndarray, taken: np.ndarray) -> float:
    """Return the 2SLS coefficient of the dosage, all else partialled out."""
    from linearmodels.iv import IV2SLS  # two seconds to import: only where it is asked for

    others, offer = design.basis[:, :-1], design.basis[:, -1]

    def partialled(values: np.ndarray) -> np.ndarray:
        means = np.bincount(design.strata, design.weights * values) / design.totals
        free = values - means[design.strata]
        left: np.ndarray = free - others @ (others.T @ (design.weights * free))
        return left

    model = IV2SLS(partialled(outcome), None, partialled(taken), offer, weights=design.weights)
    return float(model.fit(cov_type="unadjusted").params.iloc[0])


@dataclass(frozen=True)
class _Forms:
    """Effects of the offer on outcome and dosage, their covariance, and the df of both."""

    outcome: float
    dosage: float
    var_outcome: float
    var_dosage: float
    covariance: float
    df: float

    def variance(self, effect: float) -> float:
        """Variance of the offer's effect on outcome − effect × dosage."""
        linked = self.var_outcome - 2 * effect * self.covariance
        return max(linked + effect**2 * self.var_dosage, 0.0)

    def anderson_rubin(self, level: float) -> tuple[float, float]:
        """Return the ends of the interval; the whole line where the offer is too weak for any."""
        critical = float(stdtrit(self.df, 0.5 + level / 2)) ** 2
        square = self.dosage**2 - critical * self.var_dosage
        if square <= 0:
            return -math.inf, math.inf
        linear = self.outcome * self.dosage - critical * self.covariance
        root = linear**2 - square * (self.outcome**2 - critical * self.var_outcome)
        half = math.sqrt(max(root, 0.0)) / square
        return linear / square - half, linear / square + half


def _reduced_forms(trial: TrialData, taken: np.ndarray, cov_type: str) -> _Forms:
    """Regress outcome and dosage on the offer; their covariance by polarisation."""
    sandwich = trial.sandwich(cov_type)
    (effect,), left = trial.fitted
    (first,), rest = trial.design.fit(taken)

    def variance(residuals: np.ndarray) -> float:
        return float(sandwich.inference(residuals).covariance[0, 0])

    size, small = (float(np.sqrt(np.mean(x**2))) for x in (left, rest))
    if abs(first) <= 1e-10 * np.ptp(taken):
        raise EvidenceError(
            "dosage does not differ between the arms at all: the offer says nothing of its effect"
        )
    var_outcome, var_dosage, crossed = variance(left), 0.0, 0.0
    if small > 1e-10 * np.ptp(taken):  # else all who were offered it, and only they, complied
        var_dosage = variance(rest)
        apart = variance(left / size - rest / small)
        crossed = size * small / 2 * (var_outcome / size**2 + var_dosage / small**2 - apart)
    return _Forms(
        outcome=float(effect),
        dosage=float(first),
        var_outcome=var_outcome,
        var_dosage=var_dosage,
        covariance=float(crossed),
        df=float(sandwich.df[0]),
    )
