"""One question answered in every sensible way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import pandas as pd

from evidence.methods.core import frames
from evidence.methods.core.results import Estimate
from evidence.methods.core.specifications import Specifications
from evidence.methods.trials.bootstrap import bootstrap
from evidence.methods.trials.effect_size import effect_size
from evidence.methods.trials.imputation import impute
from evidence.methods.trials.randomisation import randomisation_test
from evidence.methods.trials.trial_data import read

_DROPPED = ("baseline", "covariates", "strata", "weights")
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


def robustness(
    data: pd.DataFrame,
    *,
    outcome: str,
    treatment: str,
    draws: int = 9999,
    imputations: int = 20,
    seed: int = 0,
    level: float = 0.95,
    **trial: object,
) -> Robustness:
    """Estimate the primary effect in every sensible way.

    Parameters
    ----------
    data, outcome, treatment, level, **trial
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
    model = str(trial.pop("model", "ols"))
    full = {"outcome": outcome, "treatment": treatment, "level": level, **trial}
    given = {name: frames.listed(full.get(name)) for name in (*_DROPPED, "cluster")}
    data = frames.encoded(data)
    primary = effect_size(data, model=model, **full)
    gaps = data[[outcome, *given["baseline"], *given["covariates"]]].isna().any(axis=None)
    planned = "As planned, complete cases" if gaps else "As planned"

    def sized(**change: object) -> Callable[[], Estimate]:
        return lambda: effect_size(data, **{"model": model, **full, **change})

    analyses: dict[str, Callable[[], Estimate]] = {f"{planned} (primary)": lambda: primary}
    if model == "multilevel":
        analyses["Least squares"] = sized(model="ols")
    elif given["cluster"]:
        sites = {"strata": None} if given["strata"] == given["cluster"] else {}
        analyses["Multilevel model"] = sized(model="multilevel", **sites)
    if given["covariates"]:
        analyses["Without covariates"] = sized(covariates=())
    if given["baseline"]:
        what = "Without covariates and baseline" if given["covariates"] else "Without baseline"
        analyses[what] = sized(covariates=(), baseline=None)
    for name in ("strata", "weights"):
        if given[name]:
            analyses[f"Without {name}"] = sized(**{name: None})
    if given["cluster"] and not given["strata"]:  # CR3 doubles the error of two-cluster strata
        analyses["Jackknife errors (CR3)"] = sized(model="ols", cov_type="CR3")
    caveats = ()
    site = given["strata"][0] if len(given["strata"]) == 1 else None
    if site and data[site].nunique() >= _SITES:
        by_site = {"cluster": site, "model": "ols", "cov_type": "CR2"}
        if given["cluster"] != (site,):
            analyses[f"Errors by {site} (CR2)"] = sized(**by_site)
            caveats = (
                f"the primary interval speaks for these {data[site].nunique()} strata ({site}) "
                f"only; the analyses with errors by {site}, or an effect that varies by {site}, "
                "speak for others like them",
            )
        varied = {"cluster": site, "strata": None, "model": "multilevel", "random_slope": True}
        analyses[f"Effect varies by {site}"] = sized(**varied)
    if gaps:
        analyses["Missing values imputed"] = lambda: impute(
            data, unit="sd", model=model, imputations=imputations, seed=seed, **full
        )
    columns = {name: value for name, value in full.items() if name not in ("cov_type", "level")}
    again = columns | {"level": level, "draws": draws, "seed": seed}
    analyses["Randomisation interval"] = lambda: randomisation_test(data, **again).rescaled(
        read(data, **columns).per_sd, unit="sd"
    )
    analyses["Bootstrap"] = lambda: bootstrap(data, **again)
    answers = {label: ("answer", analysis) for label, analysis in analyses.items()}
    return Robustness.run(answers, caveats=caveats)
