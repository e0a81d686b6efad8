"""The primary effect of a trial by every sensible analysis."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from evidence.methods.core import frames
from evidence.methods.core.results import Estimate
from evidence.methods.core.specifications import Specifications
from evidence.methods.trials.bootstrap import bootstrap
from evidence.methods.trials.effect_size import effect_size
from evidence.methods.trials.imputation import impute
from evidence.methods.trials.randomisation import randomisation_test
from evidence.methods.trials.trial_data import TrialData, of_trial, read

_SITES = 5  # strata that an interval for others like them needs


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Robustness(Specifications):
    """The primary effect by every sensible analysis, in SD; all are answers, none a placebo.

    The fields of :class:`~evidence.methods.core.specifications.Specifications`, and

    Parameters
    ----------
    caveats : tuple of str
        Which sites the primary interval is for, where it is not for others like them.
    """

    COLUMNS: ClassVar[tuple[str, ...]] = (
        "label", "estimate", "ci_lower", "ci_upper", "p_value", "primary", "n_pupils",
        "n_clusters", "method", "holds",
    )  # fmt: skip

    caveats: tuple[str, ...] = ()

    def _page_notes(self) -> tuple[str, ...]:
        return (*self.caveats, *self.skipped)


@of_trial()
def robustness(
    trial: TrialData,
    *,
    draws: int = 9999,
    imputations: int = 20,
    seed: int = 0,
    model: str = "ols",
    cov_type: str = "CR2",
    level: float = 0.95,
) -> Robustness:
    """Estimate the primary effect in every sensible way.

    Parameters
    ----------
    data, …, model, cov_type, level
        The primary analysis: the arguments of :func:`evidence.methods.trials.itt`, and `model` as
        in :func:`evidence.methods.trials.effect_size.effect_size`.
    draws : int
        Of the randomisation test and the bootstrap.
    imputations, seed : int
        As in :func:`evidence.methods.trials.imputation.impute`.

    Returns
    -------
    Robustness
        Besides the primary one, those that the design allows: the multilevel model (or least
        squares), without covariates, without covariates and baseline, without strata, without
        weights, jackknife errors (CR3, where there are no strata), with five strata or more errors
        by stratum (CR2) and an effect that varies between strata (a random slope), missing values
        imputed, the randomisation interval and the bootstrap. All but the imputed one leave out
        pupils with a missing value.

    Raises
    ------
    EvidenceError
        As the primary analysis.

    References
    ----------
    Simonsohn, U., Simmons, J. P. and Nelson, L. D. (2020), Nature Human Behaviour 4: the
    specification curve.
    """
    data, plan = frames.encoded(trial.data), trial.plan
    trial = read(data, **plan)
    cluster, strata = plan["cluster"], plan["strata"]
    how = {"model": model, "cov_type": cov_type, "level": level}
    primary = effect_size(trial, **how)
    known = [name for name in (plan["baseline"], *plan["covariates"]) if name]
    gaps = any(frames.missing(data, name).any() for name in (plan["outcome"], *known))
    planned = "As planned, complete cases" if gaps else "As planned"

    def sized(model: str = model, cov_type: str = cov_type, **options: Any) -> Estimate:
        changes = {name: options.pop(name) for name in plan.keys() & options.keys()}
        how = {"model": model, "cov_type": cov_type, "level": level}
        return effect_size(trial.again(**changes), **how, **options)

    again: dict[str, dict[str, Any]] = {}
    if model == "multilevel":
        again["Least squares"] = {"model": "ols"}
    elif cluster:
        within = {"strata": None} if strata == (cluster,) else {}
        again["Multilevel model"] = {"model": "multilevel", **within}
    if plan["covariates"]:
        again["Without covariates"] = {"covariates": ()}
    if plan["baseline"]:
        what = "Without covariates and baseline" if plan["covariates"] else "Without baseline"
        again[what] = {"covariates": (), "baseline": None}
    for name in ("strata", "weights"):
        if plan[name]:
            again[f"Without {name}"] = {name: None}
    if cluster and not strata:  # CR3 doubles the error of two-cluster strata
        again["Jackknife errors (CR3)"] = {"model": "ols", "cov_type": "CR3"}
    caveats: tuple[str, ...] = ()
    site = strata[0] if len(strata) == 1 else None
    sites = len(frames.factor(data, site)[1]) if site else 0
    if sites >= _SITES:
        if cluster != site:
            by_site = {"cluster": site, "model": "ols", "cov_type": "CR2"}
            again[f"Errors by {site} (CR2)"] = by_site
            caveats = (
                f"the primary interval holds for these {sites} strata ({site}) "
                f"only; the analyses with errors by {site}, or an effect that varies by {site}, "
                "hold for others like them",
            )
        varied = {"cluster": site, "strata": None, "model": "multilevel", "random_slope": True}
        again[f"Effect varies by {site}"] = varied
    analyses: dict[str, Callable[[], Estimate]] = {f"{planned} (primary)": lambda: primary}
    for label, changes in again.items():
        analyses[label] = functools.partial(sized, **changes)
    if gaps:
        analyses["Missing values imputed"] = lambda: impute(
            trial, unit="sd", imputations=imputations, seed=seed, **how
        )
    drawn = {"level": level, "draws": draws, "seed": seed}
    analyses["Randomisation interval"] = lambda: randomisation_test(trial, **drawn).rescaled(
        trial.per_sd, unit="sd"
    )
    analyses["Bootstrap"] = lambda: bootstrap(trial, **drawn)
    answers = {label: ("answer", analysis) for label, analysis in analyses.items()}
    return Robustness.run(answers, caveats=caveats)
