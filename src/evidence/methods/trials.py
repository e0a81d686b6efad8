"""Randomised trials: intention to treat here, all else from the modules it is imported from."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from evidence.methods.binary import odds_ratio, risk_difference
from evidence.methods.bootstrap import bootstrap
from evidence.methods.checks import check
from evidence.methods.conduct import attrition, balance, flow
from evidence.methods.fitting import least_squares
from evidence.methods.imputation import delta_sensitivity, impute
from evidence.methods.iv import cace
from evidence.methods.missing import missingness
from evidence.methods.multilevel import multilevel
from evidence.methods.multiple import romano_wolf
from evidence.methods.participants import read
from evidence.methods.randomisation import randomisation_test
from evidence.methods.results import Estimate
from evidence.methods.robustness import robustness
from evidence.methods.security import strength as security
from evidence.methods.sizes import effect_size
from evidence.methods.subgroups import subgroups
from evidence.methods.wild import wild_trial as wild_bootstrap

__all__ = [
    "attrition",
    "balance",
    "bootstrap",
    "cace",
    "check",
    "delta_sensitivity",
    "effect_size",
    "flow",
    "impute",
    "itt",
    "missingness",
    "multilevel",
    "odds_ratio",
    "randomisation_test",
    "risk_difference",
    "robustness",
    "romano_wolf",
    "security",
    "subgroups",
    "wild_bootstrap",
]


def itt(
    data: pd.DataFrame,
    *,
    outcome: str,
    treatment: str,
    baseline: str | None = None,
    covariates: Sequence[str] = (),
    cluster: str | None = None,
    strata: str | Sequence[str] | None = None,
    weights: str | None = None,
    cov_type: str = "CR2",
    level: float = 0.95,
    reference: object = None,
    arm: object = None,
) -> Estimate:
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
        Column of blocks, sites or pairs within which arms were drawn; absorbed exactly. Several
        columns mean each combination of their values.
    weights : str, optional
        Column of positive weights; only their ratios matter.
    cov_type : {"CR2", "CR0", "CR1", "CR1S", "CR3", "HC2", "classical"}
        Names as in clubSandwich; "CR2" without a cluster is "HC2".
    level : float
        Of the interval.
    reference, arm : optional
        The control arm, and the arm compared with it where there are more than two; the further
        arms are held apart by columns of their own.

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
    Least squares with the small-sample inference of :func:`evidence.methods.inference.robust`.
    """
    trial = read(
        data,
        outcome=outcome,
        treatment=treatment,
        baseline=baseline,
        covariates=covariates,
        cluster=cluster,
        strata=strata,
        weights=weights,
        reference=reference,
        arm=arm,
    )
    return least_squares(trial, cov_type, level)
