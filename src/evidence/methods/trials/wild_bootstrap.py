"""The wild cluster bootstrap of a trial."""

from __future__ import annotations

import math

import numpy as np

from evidence.methods.core.reading import kept
from evidence.methods.core.results import Estimate
from evidence.methods.core.wild_bootstrap import check, method_of, std_error, tested
from evidence.methods.trials.itt import answer
from evidence.methods.trials.trial_data import TrialData, of_trial
from evidence.stats.wild_bootstrap import Wild


@of_trial(needs=("cluster",))
def wild_bootstrap(
    trial: TrialData,
    *,
    signs: str = "rademacher",
    draws: int = 9999,
    seed: int = 0,
    level: float = 0.95,
) -> Estimate:
    """Test the difference between the arms by the wild cluster bootstrap (WCR11).

    The arguments of :func:`evidence.methods.trials.itt`, of which `cluster` is needed, and

    Parameters
    ----------
    signs : {"rademacher", "webb"}
        ±1, or six values (Webb 2023), better with fewer than about 10 clusters.
    draws, seed : int
        Of the draws. Where ±1 allow no more than 2 × `draws` combinations, all are taken once.

    Returns
    -------
    Estimate
        That of `itt`, in units of the outcome, with CR1 `std_error`; `p_value` and the interval,
        by test inversion, are the bootstrap's; `df` is NaN.

    Raises
    ------
    EvidenceError
        As `itt`; `signs` is unknown; `draws` is below 99.

    Notes
    -----
    Residuals of the model with the effect fixed at τ change sign by whole clusters, the model is
    fitted again and t is taken with CR1 errors: p(τ) = (1 + #{|t*| ≥ |t|})/(1 + draws), or the
    share among all combinations. The interval is {τ : p(τ) > 1 − level}. With fewer than about 5
    treated clusters it hardly ever rejects: use the randomisation test there.

    References
    ----------
    Cameron, A. C., Gelbach, J. B. and Miller, D. L. (2008), Review of Economics and Statistics
    90(3), appendix B. MacKinnon, J. G., Nielsen, M. Ø. and Webb, M. D. (2023), Journal of
    Econometrics 232(2), section 5 (WCR11). Webb, M. D. (2023), Canadian J. of Economics 56(3).
    """
    check(signs, draws, seed, level)
    cluster = trial.clusters
    wild = _draws(trial, signs=signs, draws=draws, seed=seed)
    few = min(len(np.unique(cluster[side])) for side in (trial.treated, trial.control))
    method = f"OLS{trial.within}, {method_of(wild, trial.column('cluster'), signs)}"
    plain = answer(trial, method, (wild.estimate, std_error(wild, cluster), math.nan), level)
    return tested(plain, wild, few)


@kept
def _draws(trial: TrialData, *, signs: str, draws: int, seed: int) -> Wild:
    """Draw; kept, since an interval of another level is read off the same draws."""
    return Wild.of(trial.design, trial.outcome, trial.clusters, signs, draws, seed)
