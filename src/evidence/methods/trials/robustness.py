"""One question answered in every sensible way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from evidence.errors import EvidenceError
from evidence.methods.core import frames
from evidence.methods.core.results import Estimate, page
from evidence.methods.trials.bootstrap import bootstrap
from evidence.methods.trials.effect_size import effect_size
from evidence.methods.trials.imputation import impute
from evidence.methods.trials.itt import itt
from evidence.methods.trials.randomisation import randomisation_test
from evidence.show import words

_DROPPED = ("baseline", "covariates", "strata", "weights")
_SHOWN = ("estimate", "ci_lower", "ci_upper", "p_value", "n_obs", "n_clusters", "method")
_SITES = 5  # strata that an interval for others like them needs


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Robustness:
    """The primary effect by every sensible analysis, on one scale.

    Parameters
    ----------
    table : DataFrame
        `label`, `estimate`, `ci_lower`, `ci_upper` (SD), `p_value`, `primary`, `n_pupils`,
        `n_clusters`, `holds` (the interval lies on the same side of 0, or takes it in, as the
        primary one does), `method`; the primary analysis first.
    outcome, treatment : str
    skipped : tuple of str
        Analyses that the data do not allow, and why.
    caveats : tuple of str
        Which sites the primary interval speaks for, where it is not for others like them.
    """

    table: pd.DataFrame
    outcome: str
    treatment: str
    skipped: tuple[str, ...] = ()
    caveats: tuple[str, ...] = ()

    def to_frame(self) -> pd.DataFrame:
        """Return a row an analysis."""
        return self.table.copy()

    def headline(self) -> str:
        """Say in how many analyses the answer holds."""
        return f"The answer holds in {int(self.table['holds'].sum())} of {len(self.table)} analyses"

    def sentence(self) -> str:
        """Say in how many analyses the answer holds, and between what the estimates lie."""
        low, high = (
            words.number(end, 2, sign=True)
            for end in (self.table["estimate"].min(), self.table["estimate"].max())
        )
        other = self.table.loc[~self.table["holds"], "label"]
        but = f" Not so: {'; '.join(other)}." if len(other) else ""
        return f"{self.headline()}; estimates lie between {low} and {high} SD.{but}"

    def _repr_html_(self) -> str:
        return page(self.sentence(), self.table, (*self.caveats, *self.skipped))


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
    primary = effect_size(data, model=model, **full)
    gaps = data[[outcome, *given["baseline"], *given["covariates"]]].isna().any(axis=None)
    planned = "As planned, complete cases" if gaps else "As planned"

    def sized(**change: object) -> Callable[[], Estimate]:
        return lambda: effect_size(data, **{"model": model, **full, **change})

    asks: dict[str, Callable[[], Estimate]] = {f"{planned} (primary)": lambda: primary}
    if model == "multilevel":
        asks["Least squares"] = sized(model="ols")
    elif given["cluster"]:
        sites = {"strata": None} if given["strata"] == given["cluster"] else {}
        asks["Multilevel model"] = sized(model="multilevel", **sites)
    if given["covariates"]:
        asks["Without covariates"] = sized(covariates=())
    if given["baseline"]:
        what = "Without covariates and baseline" if given["covariates"] else "Without baseline"
        asks[what] = sized(covariates=(), baseline=None)
    for name in ("strata", "weights"):
        if given[name]:
            asks[f"Without {name}"] = sized(**{name: None})
    if given["cluster"] and not given["strata"]:  # CR3 doubles the error of two-cluster strata
        asks["Jackknife errors (CR3)"] = sized(model="ols", cov_type="CR3")
    caveats = ()
    site = given["strata"][0] if len(given["strata"]) == 1 else None
    if site and data[site].nunique() >= _SITES:
        by_site = {"cluster": site, "model": "ols", "cov_type": "CR2"}
        if given["cluster"] != (site,):
            asks[f"Errors by {site} (CR2)"] = sized(**by_site)
            caveats = (
                f"the primary interval speaks for these {data[site].nunique()} strata ({site}) "
                f"only; the analyses with errors by {site}, or an effect that varies by {site}, "
                "speak for others like them",
            )
        varied = {"cluster": site, "strata": None, "model": "multilevel", "random_slope": True}
        asks[f"Effect varies by {site}"] = sized(**varied)
    if gaps:
        asks["Missing values imputed"] = lambda: impute(
            data, unit="sd", model=model, imputations=imputations, seed=seed, **full
        )
    plain = {name: value for name, value in full.items() if name != "cov_type"}
    again = plain | {"draws": draws, "seed": seed}
    asks["Randomisation interval"] = lambda: _scaled(
        randomisation_test(data, **again), itt(data, **full), sized(model="ols")()
    )
    asks["Bootstrap"] = lambda: bootstrap(data, **again)
    rows, skipped = [], []
    for label, ask in asks.items():
        try:
            found = ask()
        except EvidenceError as error:
            skipped.append(f"{label}: {error}")
            continue
        if not np.isfinite([found.ci_lower, found.ci_upper]).all():
            skipped.append(f"{label}: the interval has no end")
            continue
        rows.append({"label": label} | {name: getattr(found, name) for name in _SHOWN})
    table = pd.DataFrame(rows).rename(columns={"n_obs": "n_pupils"})
    side = (table["ci_lower"] > 0) * 1 - (table["ci_upper"] < 0)
    table.insert(5, "primary", table.index == 0)
    return Robustness(
        table=table.assign(holds=side == side.iloc[0]),
        outcome=outcome,
        treatment=primary.treatment,
        skipped=tuple(skipped),
        caveats=caveats,
    )


def _scaled(found: Estimate, raw: Estimate, size: Estimate) -> Estimate:
    """Put an estimate in units of the outcome on the scale of `size`."""
    scale = size.std_error / raw.std_error
    names = ("estimate", "std_error", "ci_lower", "ci_upper")
    return replace(found, unit="sd", **{name: scale * getattr(found, name) for name in names})
