"""The effect with missing values imputed, and how wrong the imputation may be."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy.optimize import brentq

from evidence.errors import EvidenceError
from evidence.methods.core import frames
from evidence.methods.core.results import Estimate, TableResult, axes
from evidence.methods.trials.effect_size import effect_size
from evidence.methods.trials.itt import itt
from evidence.methods.trials.trial_data import TrialData, of_trial, read
from evidence.show import words
from evidence.stats import covariance, multilevel_mice
from evidence.stats.effect_sizes import small_sample_factor

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MOST_STRATA = 200
_DEFAULTS = (("cov_type", "CR2"), ("level", 0.95), ("model", "ols"))  # of the analyses
_COMPONENTS = ("variance_between", "variance_within", "icc")


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
class Sensitivity(TableResult):
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

    def _page_notes(self) -> tuple[str, ...]:
        return self.at_zero.caveats


@of_trial()
def impute(
    trial: TrialData,
    *,
    auxiliary: Sequence[str] = (),
    imputations: int = 20,
    seed: int = 0,
    unit: str = "score",
    **options: object,
) -> Imputed:
    """Estimate the effect with missing values imputed many times over, by Rubin's rules.

    Parameters
    ----------
    data, …
        One row a pupil who was assigned, and columns as in :func:`evidence.methods.trials.itt`.
    auxiliary : sequence of str
        Further columns that help to impute but are no part of the analysis.
    imputations : int
        Data sets; at least 2, and as many as there are per cent of pupils with a missing value.
    seed : int
        The same seed gives the same answer.
    unit : {"score", "sd"}
        Analyse by :func:`evidence.methods.trials.itt` or by `effect_size`.
    **options
        The options of that function: `cov_type`, `level`, ….

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
    level = options.pop("level", 0.95)  # which the analyses of the tables have no part in
    covariance.check_level(level)
    gaps = gaps_of(trial, auxiliary, imputations, seed)
    analysed = [replace(each, level=level) for each in gaps.analysed(unit, options)]
    return pooled(analysed, gaps.n_imputed, gaps.left_out)


@of_trial()
def delta_sensitivity(
    trial: TrialData,
    *,
    deltas: Sequence[float] | None = None,
    auxiliary: Sequence[str] = (),
    imputations: int = 20,
    seed: int = 0,
    cov_type: str = "CR2",
    level: float = 0.95,
) -> Sensitivity:
    """Ask how wrong the imputation must be for the answer to change.

    Parameters
    ----------
    data, …, auxiliary, imputations, seed, cov_type, level
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
    gaps = gaps_of(trial, auxiliary, imputations, seed)
    outcome, table = trial.column("outcome"), gaps.table
    arms = frames.arms(table, *(trial.plan[name] for name in ("treatment", "reference", "arm")))
    unmeasured = np.isnan(frames.numbers(table, outcome)) & arms.treated
    if not unmeasured.any():
        raise EvidenceError(
            f"column {outcome!r}: nobody in the treated arm lacks it, so there is nothing to shift"
        )
    how = {"cov_type": cov_type, "level": level}
    sets = []
    for imputed, size in zip(gaps.trials(), gaps.analysed("sd", how), strict=True):
        sd = math.sqrt(size.variance_between + size.variance_within)
        shift = sd * unmeasured[imputed.rows]
        moved = [
            itt(imputed.with_outcome(imputed.outcome + way * shift), **how) for way in (-1, 0, 1)
        ]
        scale = small_sample_factor(size.n_treated + size.n_control - 2) / sd
        values = [scale * estimate.estimate for estimate in moved]
        squares = [(scale * estimate.std_error) ** 2 for estimate in moved]
        sets.append((size, _quadratic(values), _quadratic(squares)))

    def at(delta: float) -> Imputed:
        powers = delta ** np.arange(3)
        shifted = [
            replace(size, estimate=values @ powers, std_error=np.sqrt(squares @ powers))
            for size, values, squares in sets
        ]
        return pooled(shifted, gaps.n_imputed, gaps.left_out)

    places = np.sort(np.linspace(-1, 1, 21) if deltas is None else np.asarray(deltas, float))
    curve = [at(delta) for delta in places]
    names = ("estimate", "ci_lower", "ci_upper")
    shown = {name: [getattr(point, name) for point in curve] for name in names}
    tips = [
        brentq(lambda delta, end=end: getattr(at(delta), end), *between)
        for end in ("ci_lower", "ci_upper")
        for between, ends in zip(pairwise(places), pairwise(shown[end]), strict=True)
        if ends[0] * ends[1] < 0
    ]
    return Sensitivity(
        table=pd.DataFrame({"delta": places, **shown}),
        tipping=float(min(tips, key=abs, default=np.nan)),
        at_zero=at(0.0),
    )


@dataclass(frozen=True, eq=False)
class Gaps:
    """The rows of a trial that can be completed, and what was drawn for their gaps.

    Parameters
    ----------
    table : DataFrame
        Rows with a cluster, stratum and weight, encoded once.
    columns : dict
        The columns that impute one another.
    draws : list of list of ndarray
        What fills each of them, an entry an imputation; none where nothing of the arms compared is
        missing.
    plan : dict
        The columns of the analysis.
    n_imputed, left_out : int
        Pupils of the arms compared with a gap; rows of the trial that are not in `table`.
    """

    table: pd.DataFrame
    columns: dict[str, multilevel_mice.Column]
    draws: list[list[np.ndarray]]
    plan: dict[str, Any]
    n_imputed: int
    left_out: int

    def tables(self) -> Iterator[pd.DataFrame]:
        """Yield the table with its gaps filled, an imputation at a time."""
        for fills in self.draws:
            full = {}
            for (name, column), fill in zip(self.columns.items(), fills, strict=True):
                if not column.missing.any():
                    continue
                if column.labels:
                    whose = np.arange(len(self.table))
                    whose[column.missing] = fill
                    full[name] = self.table[name].array[whose]
                else:
                    full[name] = column.values[:, 0].copy()
                    full[name][column.missing] = fill
            yield frames.changed(self.table, full)

    def trials(self) -> Iterator[TrialData]:
        """Yield the rows of each completed table; those of the table as it is without gaps."""
        for table in self.tables() if self.draws else [self.table]:
            yield read(table, **self.plan)

    def analysed(self, unit: str, options: Mapping[str, object]) -> list[Estimate]:
        """Return the estimate of each completed table."""
        analysis = itt if unit == "score" else effect_size
        asked = sorted(option for option in options.items() if option not in _DEFAULTS)
        return frames.once(
            self.table,
            ("analysed", unit, *asked),
            lambda: [analysis(trial, **options) for trial in self.trials()],
        )


def gaps_of(trial: TrialData, auxiliary: Sequence[str], imputations: int, seed: int) -> Gaps:
    """Find the gaps of a trial, and draw what fills them; once for each table and set of columns.

    Raises
    ------
    EvidenceError
        As :func:`impute`.
    """
    frames.whole("imputations", imputations, 2)
    frames.whole("seed", seed, 0)
    auxiliary = frames.listed(auxiliary)
    frames.distinct(("treatment",), treatment=trial.plan["treatment"], auxiliary=auxiliary)
    key = ("gaps", *trial.plan.values(), auxiliary, imputations, seed)
    return frames.once(trial.data, key, lambda: _gaps(trial, auxiliary, imputations, seed))


def _gaps(trial: TrialData, auxiliary: tuple[str, ...], imputations: int, seed: int) -> Gaps:
    data, plan = trial.data, trial.plan
    cluster, strata = plan["cluster"], plan["strata"]
    whole = [name for name in (cluster, *strata, plan["weights"]) if name]
    numeric = [name for name in (plan["outcome"], plan["baseline"]) if name]
    scores = list(dict.fromkeys([*numeric, *plan["covariates"], *auxiliary]))
    frames.require(data, scores)
    names = list(dict.fromkeys([*scores, plan["treatment"], *whole]))
    read_as = {
        name: frames.numbers(data, name)
        if name in numeric or (name in scores and not frames.is_text(data[name]))
        else frames.labels(data, name)
        for name in names
    }
    ready = pd.DataFrame(read_as).dropna(subset=whole)
    # The same rows in any order draw the same: sorted by what they hold.
    ready = frames.Encoded(ready.sort_values(names, ignore_index=True))
    for name in scores:
        if ready[name].isna().all():
            raise EvidenceError(f"column {name!r} has no value at all, so none can be imputed")
    arms = frames.arms(ready, plan["treatment"], plan["reference"], plan["arm"])
    lost = ready[scores].isna().any(axis=1).to_numpy() & (arms.treated | arms.control)
    blocks = [arms.treated[:, None], arms.others]
    if strata and strata != (cluster,):  # else the random intercept takes its place
        code = ready.groupby(list(strata), sort=True).ngroup().to_numpy()
        if code.max() >= _MOST_STRATA:
            raise EvidenceError(
                f"column {strata[0]!r} makes {code.max() + 1} strata; imputation takes at most "
                f"{_MOST_STRATA}: give broader ones"
            )
        blocks.append(code[:, None] == np.arange(1, code.max() + 1))
    columns = {name: _column(ready, name) for name in scores}
    fixed = np.column_stack(blocks).astype(float)
    codes = None if cluster is None else frames.factor(ready, cluster)[0]
    drawn = multilevel_mice.impute([*columns.values()], fixed, codes, imputations, seed)
    return Gaps(
        table=ready,
        columns=columns,
        draws=list(drawn) if lost.any() else [],
        plan=plan,
        n_imputed=int(lost.sum()),
        left_out=len(data) - len(ready),
    )


def _column(data: pd.DataFrame, name: str) -> multilevel_mice.Column:
    if frames.is_text(data[name]):
        values, _, present = frames.covariates(data, (name,), every=True)
        return multilevel_mice.Column(values[:, values.shape[1] > 1 :], True, ~present)
    values = frames.numbers(data, name)
    missing = np.isnan(values)
    few = len(np.unique(values[~missing])) <= 2
    return multilevel_mice.Column(values[:, None], few, missing)


def _quadratic(values: Sequence[float]) -> np.ndarray:
    """Return c with c0 + c1 x + c2 x² through the values at −1, 0, 1."""
    low, middle, high = values
    return np.array([middle, (high - low) / 2, (high + low) / 2 - middle])


def pooled(estimates: Sequence[Estimate], n_imputed: int, left_out: int) -> Imputed:
    """Pool the estimates of completed tables by Rubin's rules; see :func:`impute`."""
    m, first = len(estimates), estimates[0]

    def each(name: str) -> np.ndarray:
        return np.array([getattr(estimate, name) for estimate in estimates])

    values, df = each("estimate"), float(np.mean(each("df")))
    within = np.mean(each("std_error") ** 2)
    between = np.var(values, ddof=1) if m > 1 else 0.0
    total = within + (1 + 1 / m) * between
    share, information = (1 + 1 / m) * between / total, 0.0
    if share > 0:
        observed = (df + 1) / (df + 3) * df * (1 - share) if math.isfinite(df) else math.inf
        df = 1 / (share**2 / (m - 1) + 1 / observed)
        ratio = share / (1 - share)
        information = (ratio + 2 / (df + 3)) / (1 + ratio)
    value, error = float(values.mean()), float(np.sqrt(total))
    tested = map(float, covariance.t_test(value, error, df, first.level))
    caveats = list(first.caveats)
    if left_out:
        pupils = "pupil has", "pupils have"
        verb = "is" if left_out == 1 else "are"
        caveats.append(
            f"{frames.counted(left_out, *pupils)} no cluster, stratum or weight and {verb} left out"
        )
    if n_imputed:
        have = "has" if n_imputed == 1 else "have"
        caveats.append(
            f"{n_imputed:,} of {first.n_obs:,} pupils {have} a value imputed, as if missing at "
            "random"
        )
    how = f"{m} imputations pooled by Rubin's rules" if n_imputed else "nothing to impute"
    return Imputed.of(
        first,
        method=f"{first.method}; {how}",
        estimate=value,
        std_error=error,
        df=float(df),
        **dict(zip(("statistic", "p_value", "ci_lower", "ci_upper"), tested, strict=True)),
        **{name: float(np.mean(each(name))) for name in _COMPONENTS},
        caveats=tuple(caveats),
        missing_information=float(information),
        imputations=m if n_imputed else 0,
        n_imputed=n_imputed,
    )
