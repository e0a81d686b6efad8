"""The multilevel model of a trial: a random intercept by cluster, and a random effect by site."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from evidence.errors import EvidenceError
from evidence.methods.core import frames
from evidence.methods.core.reading import kept
from evidence.methods.core.results import Estimate
from evidence.methods.trials.itt import answer
from evidence.methods.trials.trial_data import TrialData, of_trial
from evidence.stats import covariance, mixed_model
from evidence.stats.reml import Sums, add_up

_MOST_STRATA = 200


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Multilevel(Estimate):
    """An effect with the model it comes from.

    Parameters
    ----------
    coefficients : DataFrame
        `term`, `estimate`, `std_error`, `df`, `p_value`, `ci_lower`, `ci_upper`.
    covariance : DataFrame
        Of the random effects, in squared units of the outcome; "intercept" first, then "slope".
    cluster_effects : DataFrame
        `cluster`, `intercept` and, with a random slope, `slope`: how far each cluster is predicted
        to lie from the mean.
    variance_total : float
        Variance of a pupil's score given the fixed effects, averaged over the arms.
    """

    coefficients: pd.DataFrame
    covariance: pd.DataFrame
    cluster_effects: pd.DataFrame
    variance_total: float


@of_trial(needs=("cluster",), without=("weights",))
@kept
def multilevel(
    trial: TrialData,
    *,
    random_slope: bool = False,
    interval: str = "t",
    level: float = 0.95,
) -> Multilevel:
    """Estimate the intention-to-treat effect by a model with a random intercept for each cluster.

    Parameters are those of :func:`evidence.methods.trials.itt`, and

    Parameters
    ----------
    strata : str or sequence of str, optional
        A 0/1 column a stratum, at most 200.
    random_slope : bool
        Let the effect differ between clusters as well, correlated with the intercept: for trials
        that drew pupils or classes within schools (multisite), with the school as `cluster`.
    interval : {"t", "profile"}
        Satterthwaite's t, or the profile likelihood that eefAnalytics reports, too narrow with few
        clusters.

    Returns
    -------
    Multilevel
        With `variance_between`, `variance_within` and `icc` given the fixed effects. With a random
        slope `icc` is, as in eefAnalytics, (σ₀² + 2σ₀₁ + σ₁²) / total.

    Raises
    ------
    EvidenceError
        As :func:`evidence.methods.trials.itt`; every cluster has one row only; a random slope is
        asked for and no cluster has both arms.

    Notes
    -----
    Restricted maximum likelihood: :func:`evidence.stats.mixed_model.fit`. The total variance is
    σ_w² + tr(G Σzz'/n), with z = (1, treated): σ_w² + σ₀² + p(σ₁² + 2σ₀₁), p the share treated.
    """
    frames.one_of("interval", interval, ("t", "profile"))
    frames.yes_or_no(random_slope=random_slope)
    covariance.check_level(level)
    name = trial.column("cluster")
    trial, terms, effects, sums, model = _fitted(trial, random_slope=random_slope)
    codes, labels = frames.factor(trial.data, name)
    clusters = [labels[code] for code in np.unique(codes[trial.rows])]
    table = pd.DataFrame(
        {
            "term": terms,
            "estimate": model.coefficients,
            "std_error": model.std_errors,
            "df": model.df,
        }
    )
    _, table["p_value"], table["ci_lower"], table["ci_upper"] = covariance.t_test(
        model.coefficients, model.std_errors, model.df, level
    )
    ended = "Satterthwaite df"
    if interval == "profile":
        ends = [mixed_model.profile_interval(sums, j, level) for j in range(len(terms))]
        table[["ci_lower", "ci_upper"]] = ends
        ended += ", profile interval"
    what = "intercept and effect" if random_slope else "intercept"
    plain = answer(
        trial,
        f"random {what} by {name}, REML ({ended})",
        tuple(table.loc[1, ["estimate", "std_error", "df"]]),
        level,
    )
    mean_square = np.einsum("g,gab->ab", sums.counts, sums.blocks) / sums.n
    total = model.variance_within + float(np.sum(model.covariance * mean_square))
    spread = np.linalg.eigvalsh(model.covariance)[0] < 1e-8 * total
    singular = (
        "no variance between clusters was found"
        if model.variance_between < 1e-8 * total
        else "the random effects are tied to each other (singular fit): effects by site are not "
        "known apart"
    )
    return Multilevel.of(
        plain,
        caveats=plain.caveats + ((singular,) if spread else ()),
        ci_lower=float(table.loc[1, "ci_lower"]),
        ci_upper=float(table.loc[1, "ci_upper"]),
        variance_between=model.variance_between,
        variance_within=model.variance_within,
        icc=float(model.covariance.sum()) / total,
        coefficients=table,
        covariance=pd.DataFrame(model.covariance, index=effects, columns=effects),
        cluster_effects=pd.DataFrame(
            {"cluster": clusters} | dict(zip(effects, model.effects.T, strict=True))
        ),
        variance_total=total,
    )


@kept
def _fitted(
    trial: TrialData, *, random_slope: bool
) -> tuple[TrialData, list[str], list[str], Sums, mixed_model.Mixed]:
    """Fit the model; kept, since an interval of another level needs no other fit."""
    name = trial.column("cluster")
    if trial.n_clusters == len(trial.outcome):
        raise EvidenceError(
            f"column {name!r}: every cluster has one row, so that clusters cannot be told from "
            "rows; leave out cluster="
        )
    trial = with_dummies(trial)
    there = [j for j in range(trial.others.shape[1]) if j not in trial.design.dropped]
    fixed = np.column_stack([trial.treated, trial.others[:, there]]).astype(float)
    terms = ["intercept", trial.contrast, *(trial.names[j] for j in there)]
    slopes, effects = None, ["intercept"]
    if random_slope:
        _check_sites(trial)
        further = [
            j for j, term in enumerate(terms) if term.startswith(f"{trial.columns['treatment']}: ")
        ]
        slopes = fixed[:, [0, *(j - 1 for j in further)]]
        effects += ["slope", *(f"slope {terms[j]}" for j in further)]
    sums = add_up(trial.outcome, fixed, trial.clusters, slopes)
    if sums.share_within() < 1e-12:
        raise EvidenceError(
            f"column {trial.columns['outcome']!r} does not vary within {name!r} once the fixed "
            "effects are known; analyse one row a cluster, without cluster="
        )
    return trial, terms, effects, sums, mixed_model.fit(sums)


def with_dummies(trial: TrialData) -> TrialData:
    """Return the trial with a 0/1 column a stratum but the first among the others."""
    if trial.strata is None:
        return trial
    count = int(trial.strata.max()) + 1
    name = trial.columns["strata"]
    if count > _MOST_STRATA:
        raise EvidenceError(
            f"column {name!r} has {count} strata; a multilevel model may have {_MOST_STRATA}. Use "
            "them as cluster, or trials.itt, which absorbs them"
        )
    dummies = (trial.strata[:, None] == np.arange(1, count)).astype(float)
    return replace(
        trial,
        others=np.column_stack([trial.others, dummies]),
        names=[*trial.names, *(f"{name} {code}" for code in range(1, count))],
        strata=None,
    )


def _check_sites(trial: TrialData) -> None:
    seen = [np.bincount(trial.clusters, arm) > 0 for arm in (trial.treated, trial.control)]
    if not (seen[0] & seen[1]).any():
        raise EvidenceError(
            f"column {trial.columns['cluster']!r}: no cluster has both arms, so that the effect "
            "cannot differ between clusters; leave out random_slope"
        )
