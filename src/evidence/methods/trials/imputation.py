"""The effect with missing values imputed, and how wrong the imputation may be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.optimize import brentq

from evidence.errors import EvidenceError
from evidence.methods.core import frames
from evidence.methods.core.results import Estimate, axes, page
from evidence.methods.trials import trial_data
from evidence.methods.trials.effect_size import effect_size
from evidence.methods.trials.itt import itt
from evidence.show import words
from evidence.stats import covariance, multilevel_mice

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MOST_STRATA = 200
_GIVEN = ("outcome", "treatment", "baseline", "covariates", "cluster", "strata", "weights")


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Imputed(Estimate):
    """An effect pooled over imputed data sets by Rubin's rules.

    Parameters
    ----------
    missing_information : float
        Fraction of the information on the effect that is missing, 0 to 1.
    imputations : int
    n_imputed : int
        Pupils with at least one value imputed.
    """

    missing_information: float
    imputations: int
    n_imputed: int


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Sensitivity:
    """The effect if the treated who were not measured had done better or worse than imputed.

    Parameters
    ----------
    table : DataFrame
        `delta` (shift of the imputed outcomes of the treated, in SD), `estimate`, `ci_lower`,
        `ci_upper`.
    tipping : float
        The delta nearest to 0 at which the interval begins or ceases to include 0; NaN where none
        within the range does.
    at_zero : Imputed
        The effect with no shift.
    """

    table: pd.DataFrame
    tipping: float
    at_zero: Imputed

    def to_frame(self) -> pd.DataFrame:
        """Return a row a delta."""
        return self.table.copy()

    def sentence(self) -> str:
        """Say how far off the imputation must be before the answer changes."""
        low, high = (words.number(x, 2, sign=True) for x in self.table["delta"].iloc[[0, -1]])
        none = self.at_zero.ci_lower <= 0 <= self.at_zero.ci_upper
        if self.tipping != self.tipping:
            held = "includes" if none else "excludes"
            return (
                f"The interval {held} no effect for every shift from {low} to {high} SD of the "
                "treated who were not measured."
            )
        size = words.number(abs(self.tipping), 2)
        way = "better" if self.tipping > 0 else "worse"
        change = "exclude" if none else "include"
        return (
            f"If the treated who were not measured did {size} SD {way} than expected, or more than "
            f"that, the interval would {change} no effect."
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the curve with its interval."""
        from evidence.show import figures

        return figures.draw_curve(self.table, axes(ax))

    def _repr_html_(self) -> str:
        return page(self.sentence(), self.table, self.at_zero.caveats)


def impute(
    data: pd.DataFrame,
    *,
    outcome: str,
    treatment: str,
    auxiliary: Sequence[str] = (),
    imputations: int = 20,
    seed: int = 0,
    unit: str = "score",
    **trial: object,
) -> Imputed:
    """Estimate the effect with missing values imputed many times over, by Rubin's rules.

    Parameters
    ----------
    data : DataFrame
        One row a pupil who was assigned.
    outcome, treatment : str
        As in :func:`evidence.methods.trials.itt`.
    auxiliary : sequence of str
        Further columns that help to impute but are no part of the analysis.
    imputations : int
        Data sets; at least 2, and as many as there are per cent of pupils with a missing value.
    seed : int
        The same seed gives the same answer.
    unit : {"score", "sd"}
        Analyse by :func:`evidence.methods.trials.itt` or by `effect_size`.
    **trial
        The other arguments of that function: `baseline`, `covariates`, `cluster`, `strata`, ….

    Returns
    -------
    Imputed
        Nobody is left out but those without a cluster, stratum or weight.

    Raises
    ------
    EvidenceError
        As the analysis; a column has no value; there are more than 200 strata.

    Notes
    -----
    Outcome, baseline, covariates and auxiliary columns impute one another, given arm and strata,
    with a random intercept by cluster: :func:`evidence.stats.multilevel_mice.impute`. Pooled with
    T = U + (1 + 1/m)B and the degrees of freedom of Barnard and Rubin, the complete-data ones being
    the mean Satterthwaite df of the analyses. Valid where being missing depends on these columns
    only (missing at random); :func:`delta_sensitivity` asks what if not.

    References
    ----------
    Rubin, D. B. (1987), Multiple Imputation for Nonresponse in Surveys, eq. 3.1.2 to 3.1.10.
    Barnard, J. and Rubin, D. B. (1999), Biometrika 86(4), eq. 3; doi:10.1093/biomet/86.4.948.
    """
    frames.one_of("unit", unit, ("score", "sd"))
    trial |= {"outcome": outcome, "treatment": treatment}
    analyse = _analysis(unit)
    ready, lost, tables = _tables(data, auxiliary, imputations, seed, trial)
    found = [analyse(table, **trial) for table in (tables if lost.any() else [ready])]
    return _pooled(found, int(lost.sum()), len(data) - len(ready))


def delta_sensitivity(
    data: pd.DataFrame,
    *,
    outcome: str,
    treatment: str,
    deltas: Sequence[float] | None = None,
    auxiliary: Sequence[str] = (),
    imputations: int = 20,
    seed: int = 0,
    **trial: object,
) -> Sensitivity:
    """Ask how wrong the imputation must be for the answer to change.

    Parameters
    ----------
    data, outcome, treatment, auxiliary, imputations, seed, **trial
        As in :func:`impute`.
    deltas : sequence of float, optional
        Shifts, in SD, of the imputed outcomes of the treated arm; −1 to 1 by tenths where absent.

    Returns
    -------
    Sensitivity
        In SD; at delta 0 exactly ``impute(…, unit="sd")``.

    Raises
    ------
    EvidenceError
        As :func:`impute`; nobody in the treated arm lacks the outcome.

    Notes
    -----
    A pattern-mixture model: Carpenter and Kenward (2013), Multiple Imputation and its Application,
    chapter 10. The SD of the unshifted outcome divides throughout, so that estimates are linear
    and variances quadratic in delta; three analyses of each imputed table give the curve exactly.
    """
    trial |= {"outcome": outcome, "treatment": treatment}
    ready, lost, tables = _tables(data, auxiliary, imputations, seed, trial)
    arms = frames.arms(ready, treatment, trial.get("reference"), trial.get("arm"))
    shifted = np.isnan(frames.numbers(ready, outcome)) & arms.treated
    if not shifted.any():
        raise EvidenceError(
            f"column {outcome!r}: nobody in the treated arm lacks it, so there is nothing to shift"
        )
    itt, effect_size = _analysis("score"), _analysis("sd")
    sets = []
    for table in tables:
        size, plain = effect_size(table, **trial), itt(table, **trial)
        scale = size.std_error / plain.std_error
        sd = np.sqrt(size.variance_between + size.variance_within)
        moved = [
            itt(table.assign(**{outcome: table[outcome] + way * sd * shifted}), **trial)
            for way in (-1, 1)
        ]
        values = [scale * found.estimate for found in (moved[0], plain, moved[1])]
        squares = [(scale * found.std_error) ** 2 for found in (moved[0], plain, moved[1])]
        sets.append((size, _quadratic(values), _quadratic(squares)))

    def at(delta: float) -> Imputed:
        powers = delta ** np.arange(3)
        return _pooled(
            [
                replace(size, estimate=values @ powers, std_error=np.sqrt(squares @ powers))
                for size, values, squares in sets
            ],
            int(lost.sum()),
            len(data) - len(ready),
        )

    places = np.sort(np.linspace(-1, 1, 21) if deltas is None else np.asarray(deltas, float))
    curve = [at(delta) for delta in places]
    table = pd.DataFrame(
        {
            "delta": places,
            "estimate": [found.estimate for found in curve],
            "ci_lower": [found.ci_lower for found in curve],
            "ci_upper": [found.ci_upper for found in curve],
        }
    )
    tips = [
        brentq(lambda delta, end=end: getattr(at(delta), end), low, high)
        for end in ("ci_lower", "ci_upper")
        for low, high, one, two in zip(
            places[:-1], places[1:], table[end].iloc[:-1], table[end].iloc[1:], strict=True
        )
        if one * two < 0
    ]
    return Sensitivity(
        table=table, tipping=float(min(tips, key=abs, default=np.nan)), at_zero=at(0.0)
    )


def _analysis(unit: str):
    return itt if unit == "score" else effect_size


def _tables(data, auxiliary, imputations, seed, trial):
    """Check the trial; return its rows, which of them lack something, and the imputed tables."""
    if imputations < 2:
        raise EvidenceError(f"imputations is {imputations}; at least 2 are needed")
    given = {name: trial.get(name) for name in _GIVEN}
    strata = frames.listed(given["strata"])
    whole = [name for name in (given["cluster"], *strata, given["weights"]) if name]
    numeric = [name for name in (given["outcome"], given["baseline"]) if name]
    labels = (*frames.listed(given["covariates"]), *frames.listed(auxiliary))
    scores = list(dict.fromkeys([*numeric, *labels]))
    arms_of = {name: trial.get(name) for name in ("reference", "arm")}
    trial_data.read(data, **given, **arms_of)  # says what is wrong before anything is drawn
    frames.require(data, scores)
    names = list(dict.fromkeys([*scores, given["treatment"], *whole]))
    ready = data.dropna(subset=whole)[names].reset_index(drop=True)
    ready = ready.assign(**{name: frames.numbers(ready, name) for name in numeric})
    for name in scores:
        if ready[name].isna().all():
            raise EvidenceError(f"column {name!r} has no value at all, so none can be imputed")
    arms = frames.arms(ready, str(given["treatment"]), **arms_of)
    lost = ready[scores].isna().any(axis=1).to_numpy() & (arms.treated | arms.control)
    blocks = [arms.treated[:, None], arms.others]
    if strata and strata != (given["cluster"],):  # else the random intercept stands for it
        code = ready.groupby(list(strata), sort=True).ngroup().to_numpy()
        if code.max() >= _MOST_STRATA:
            raise EvidenceError(
                f"column {strata[0]!r} makes {code.max() + 1} strata; imputation takes at most "
                f"{_MOST_STRATA}: give broader ones"
            )
        blocks.append(code[:, None] == np.arange(1, code.max() + 1))
    cluster = None if given["cluster"] is None else frames.factor(ready, given["cluster"])[0]
    fixed = np.column_stack(blocks).astype(float)
    return ready, lost, multilevel_mice.impute(ready, scores, fixed, cluster, imputations, seed)


def _quadratic(values: Sequence[float]) -> np.ndarray:
    """Return c with c0 + c1 x + c2 x² through the values at −1, 0, 1."""
    low, middle, high = values
    return np.array([middle, (high - low) / 2, (high + low) / 2 - middle])


def _pooled(found: Sequence[Estimate], n_imputed: int, left_out: int) -> Imputed:
    m, first = len(found), found[0]
    values, errors = (np.array([getattr(f, n) for f in found]) for n in ("estimate", "std_error"))
    within, between = np.mean(errors**2), np.var(values, ddof=1) if m > 1 else 0.0
    total = within + (1 + 1 / m) * between
    share, df = (1 + 1 / m) * between / total, float(np.mean([f.df for f in found]))
    information = 0.0
    if share > 0:
        observed = (df + 1) / (df + 3) * df * (1 - share)
        df = 1 / (share**2 / (m - 1) + 1 / observed)
        ratio = share / (1 - share)
        information = (ratio + 2 / (df + 3)) / (1 + ratio)
    value, error = float(values.mean()), float(np.sqrt(total))
    statistic, p_value, lower, upper = covariance.t_test(value, error, df, first.level)
    parts = {field.name: getattr(first, field.name) for field in fields(Estimate)} | {
        name: float(np.mean([getattr(f, name) for f in found]))
        for name in ("variance_between", "variance_within", "icc")
    }
    notes = [f"{left_out:,} pupils have no cluster, stratum or weight and are left out"]
    notes += [
        f"{n_imputed:,} of {first.n_obs:,} pupils have a value imputed, as if missing at random"
    ]
    how = f"{m} imputations pooled by Rubin's rules" if n_imputed else "nothing to impute"
    return Imputed(
        **parts
        | {
            "method": f"{first.method}; {how}",
            "estimate": value,
            "std_error": error,
            "statistic": float(statistic),
            "df": float(df),
            "p_value": float(p_value),
            "ci_lower": float(lower),
            "ci_upper": float(upper),
            "caveats": (*first.caveats, *np.array(notes)[[left_out > 0, n_imputed > 0]].tolist()),
        },
        missing_information=float(information),
        imputations=m if n_imputed else 0,
        n_imputed=n_imputed,
    )
