"""Who is missing from a trial, and whether that goes with what is known of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from evidence.errors import EvidenceError
from evidence.methods.core import frames
from evidence.methods.core.results import page
from evidence.methods.trials.trial_data import read
from evidence.show import words
from evidence.stats import covariance
from evidence.stats.design import design

_MODEL = ["covariate", "estimate", "std_error", "df", "p_value", "ci_lower", "ci_upper"]
_TEST = ("statistic", "df_num", "df_denom", "p_value")


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Missingness:
    """Who has no outcome, and how that goes with what is known of them.

    Parameters
    ----------
    arms : DataFrame
        `arm`, `n_pupils`, `n_missing`, `share` (0 to 1).
    model : DataFrame
        `covariate`, `estimate` (percentage points more missing for the arm, for a level, or for
        one SD more), `std_error`, `df`, `p_value`, `ci_lower`, `ci_upper`; no row where nobody or
        everybody is missing, no error where one school or pupil alone decides.
    statistic, df_num, df_denom, p_value : float
        F test that nothing in the model goes with being missing; NaN where it cannot be made.
    outcome : str
    caveats : tuple of str
    """

    arms: pd.DataFrame
    model: pd.DataFrame
    statistic: float
    df_num: float
    df_denom: float
    p_value: float
    outcome: str
    caveats: tuple[str, ...] = ()

    def to_frame(self) -> pd.DataFrame:
        """Return the model, a row a covariate."""
        return self.model.copy()

    def sentence(self) -> str:
        """Say how many are missing, where, and whether it goes with what is known."""
        n, lost = (int(self.arms[name].sum()) for name in ("n_pupils", "n_missing"))
        if not lost:
            return f"All {n:,} pupils have a record of {self.outcome}."
        shares = ", ".join(f"{100 * row.share:.1f}% in {row.arm}" for row in self.arms.itertuples())
        have = "has" if lost == 1 else "have"
        start = (
            f"{lost:,} of {n:,} pupils ({100 * lost / n:.1f}%) {have} no record of {self.outcome}: "
            f"{shares}."
        )
        if self.p_value != self.p_value:
            return f"{start} Too few pupils or schools to test what goes with being missing."
        test = (
            f"F({self.df_num:.0f}, {self.df_denom:.1f}) = {self.statistic:.2f}, "
            f"{words.p_value(self.p_value)}"
        )
        most = self.model.loc[(self.model["estimate"] / self.model["std_error"]).abs().idxmax()]
        if self.p_value >= 0.05:
            return f"{start} Nothing known of them clearly goes with it ({test})."
        return (
            f"{start} It goes with what is known of them ({test}), most with {most['covariate']}: "
            f"{words.number(most['estimate'], 1, sign=True)} percentage points."
        )

    def _repr_html_(self) -> str:
        more = {"estimate": "percentage points more missing"}
        return page(self.sentence(), self.model.rename(columns=more), self.caveats)


def missingness(
    data: pd.DataFrame,
    *,
    outcome: str,
    treatment: str,
    baseline: str | None = None,
    covariates: Sequence[str] = (),
    cluster: str | None = None,
    strata: str | Sequence[str] | None = None,
    level: float = 0.95,
    reference: object = None,
    arm: object = None,
) -> Missingness:
    """Describe who has no outcome, and test whether arm, baseline or covariates go with it.

    Parameters are those of :func:`evidence.methods.trials.itt`; rows without an outcome stay in.

    Raises
    ------
    EvidenceError
        A column is missing or of the wrong kind, an arm is missing or ambiguous, or nobody has an
        outcome, a baseline or a covariate.

    Notes
    -----
    A linear model of being missing (0/1), CR2 by cluster (HC2 without), joint test HTZ: unlike a
    logistic model it has small-sample inference for clusters and works where whole schools are
    missing. Pupils without a covariate keep their place with its mean.
    """
    covariance.check_level(level)
    known = (*frames.listed(baseline), *frames.listed(covariates))
    frames.require(data, (outcome, treatment, *known, cluster, *frames.listed(strata)))
    columns = {"outcome": outcome, "treatment": treatment}
    frames.distinct([*columns], **columns, covariates=known, cluster=cluster, strata=strata)
    lost = np.isnan(frames.numbers(data, outcome))
    if lost.all():
        raise EvidenceError(f"column {outcome!r} has no value at all")
    arms = frames.arms(data, treatment, reference, arm)
    codes, labels = frames.factor(data, treatment)
    shares = pd.DataFrame(
        {
            "arm": labels,
            "n_pupils": np.bincount(codes),
            "n_missing": np.bincount(codes, lost).astype(int),
        }
    ).assign(share=lambda table: table["n_missing"] / table["n_pupils"])
    if not lost.any():
        nothing: dict[str, Any] = dict.fromkeys(_TEST, np.nan)
        return Missingness(
            arms=shares, model=pd.DataFrame(columns=_MODEL), outcome=outcome, **nothing
        )
    values, names, _ = frames.covariates(data, known)
    gaps = np.isnan(values)
    for name, gap in zip(names, gaps.T, strict=True):
        if gap.all():
            raise EvidenceError(f"column {name!r} has no value at all; leave it out")
    values = np.where(gaps, np.nanmean(values, axis=0), values)
    numeric = [len(np.unique(x[~gap])) > 2 for x, gap in zip(values.T, gaps.T, strict=True)]
    values = values / np.where(numeric, values.std(axis=0), 1.0)
    absent = f"no {outcome}"
    while absent in data.columns:
        absent = f"no {absent}"
    trial = read(
        frames.changed(data, {absent: lost.astype(float)}),
        outcome=absent,
        treatment=treatment,
        cluster=cluster,
        strata=strata,
        reference=reference,
        arm=arm,
    )
    others = np.column_stack([values[trial.rows], trial.others])
    name = f"column {treatment!r}"
    gone = design(trial.treated[:, None], others, trial.strata, name=name).dropped
    explaining = np.column_stack([trial.treated, np.delete(others, gone, axis=1)])
    none = np.empty((len(others), 0))
    regression = design(explaining, none, trial.strata, name="a covariate")
    estimate, residuals = regression.fit(100 * trial.outcome)
    cov_type = trial.errors("CR2")[0]
    inference = covariance.robust(regression, residuals, trial.cluster, cov_type, refuse=False)
    _, *tested = covariance.t_test(estimate, inference.std_error, inference.df, level)
    terms = [arms.contrast, *np.delete(np.array([*names, *trial.names], dtype=object), gone)]
    parts = (terms, estimate, inference.std_error, inference.df, *tested)
    unknown = {  # a column that became several is named once
        name.partition(": ")[0]: n for name, n in zip(names, gaps.sum(axis=0), strict=True) if n
    }
    notes = [
        f"{n:,} of {len(data):,} pupils {'has' if n == 1 else 'have'} no record of {name}; its "
        "mean is used"
        for name, n in unknown.items()
    ]
    return Missingness(
        arms=shares,
        model=pd.DataFrame(dict(zip(_MODEL, parts, strict=True))),
        outcome=outcome,
        caveats=(*notes, *trial.caveats),
        **dict(zip(_TEST, covariance.joint_test(estimate, inference), strict=True)),
    )
