"""Intention to treat: the arms of a trial compared by least squares."""

from __future__ import annotations

import numpy as np

from evidence.errors import EvidenceError
from evidence.methods.core.results import Estimate
from evidence.methods.trials.trial_data import TrialData, of_trial
from evidence.stats import covariance
from evidence.stats.design import chosen

_SOME = 1_000  # pupils among whom a score mostly has more than two values


@of_trial()
def itt(trial: TrialData, *, cov_type: str = "CR2", level: float = 0.95) -> Estimate:
    """Estimate what being offered the treatment changed, whoever took it up.

    Parameters
    ----------
    data : DataFrame
        One row a pupil (or whatever was measured).
    outcome : str
        Column of scores.
    treatment : str
        Column of arms: 0/1, or names with `reference` saying which is the control.
    baseline : str, optional
        Column of scores before the start.
    covariates : sequence of str
        Further columns held fixed; text becomes a 0/1 column a level but the first.
    cluster : str, optional
        Column of school ids: errors of one school go together. At least two per arm.
    strata : str or sequence of str, optional
        Column of blocks, sites or pairs within which arms were allocated; absorbed exactly. Several
        columns mean each combination of their values.
    weights : str, optional
        Column of positive weights; only their ratios matter.
    cov_type : {"CR2", "CR0", "CR1", "CR1S", "CR3", "HC2", "classical"}
        Names as in clubSandwich; "CR2" without a cluster is "HC2".
    level : float
        Of the interval.
    reference, arm : optional
        The control arm, and the arm compared with it where there are more than two; each further
        arm has a 0/1 column of its own.

    Returns
    -------
    Estimate
        `estimand` "itt", in units of the outcome. Rows with a missing outcome, covariate or
        cluster are left out and counted in `caveats`.

    Raises
    ------
    EvidenceError
        A column is missing or of the wrong kind, an arm is missing or ambiguous, an arm has only
        one cluster, the outcome is constant, or the effect is not identified.

    Notes
    -----
    Least squares with the small-sample inference of :func:`evidence.stats.covariance.robust`.
    """
    names = trial.columns
    covariance.check_level(level)
    used, kind = trial.errors(cov_type)
    if used != cov_type != "CR2":
        raise EvidenceError(f"cov_type {cov_type!r} needs cluster=; without it use 'HC2'")
    if used == "CR2" and trial.by_sums is not None:
        estimate, inference = trial.by_sums
    else:
        estimate, inference = trial.fitted[0], trial.inference(used)
    freedom = "residual df" if cov_type == "classical" else "Satterthwaite df"
    weighted = f" weighted by {names['weights']}" if names["weights"] else ""
    method = f"OLS{trial.within}{weighted}, {kind} ({freedom})"
    return answer(trial, method, (estimate[0], inference.std_error[0], inference.df[0]), level)


def answer(
    trial: TrialData, method: str, estimate: tuple[float, float, float], level: float
) -> Estimate:
    """Return an estimate from (value, standard error, df) in the outcome's units."""
    caveats = [
        *trial.caveats,
        *(f"{trial.names[j]} is explained by the others and left out" for j in trial.dropped),
    ]
    if trial.strata is not None:
        seen = [np.bincount(trial.strata, arm) > 0 for arm in (trial.treated, trial.control)]
        if alone := int((~(seen[0] & seen[1])).sum()):
            verb = "adds" if alone == 1 else "add"
            caveats.append(
                f"{alone} of {len(seen[0])} groups by {trial.columns['strata']} had only one of "
                f"the two arms, and {verb} nothing to the comparison"
            )
    compared = trial.treated | trial.control
    fewest = _fewest(chosen(trial.outcome, compared), chosen(trial.treated, compared))
    n_obs = int(compared.sum())
    if estimate[2] < 4:
        caveats.append("fewer than 4 degrees of freedom: read the interval with great caution")
    return Estimate.tested(
        *estimate,
        level,
        estimand="itt",
        outcome=trial.columns["outcome"],
        treatment=trial.contrast,
        method=method,
        unit="score",
        n_obs=n_obs,
        n_clusters=n_obs if trial.cluster is None else int(trial.arm_sizes.any(axis=0).sum()),
        n_treated=int(trial.treated.sum()),
        n_control=int(trial.control.sum()),
        caveats=tuple(caveats),
        fewest=fewest,
    )


def _fewest(outcome: np.ndarray, treated: np.ndarray) -> float:
    """Return the fewest pupils of an arm with one of two results; NaN where there are more."""
    if len(np.unique(outcome[:_SOME])) > 2:
        return float("nan")
    values = np.array([outcome.min(), outcome.max()])
    cells = [(outcome[arm] == value).sum() for value in values for arm in (treated, ~treated)]
    return float(min(cells)) if sum(cells) == len(outcome) else float("nan")
