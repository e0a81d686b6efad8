"""Results expected of pupils given attainment and context, and how far schools are from them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from evidence.errors import EvidenceError
from evidence.methods.core import features, frames
from evidence.methods.core.frames import compact
from evidence.methods.value_added import comparison_rows
from evidence.stats import leave_group_out

# Columns that `deviations` gives a school.
_OWN = {"n_pupils", "actual", "expected", "deviation", "variance", "comparison"}


def expected(
    pupils: pd.DataFrame,
    *,
    outcome: str,
    cluster: str,
    fit_on: str | Sequence[bool],
    baseline: str | Sequence[str] = (),
    context: Sequence[str] = (),
    intake: Sequence[str] = (),
    time: str | None = None,
    method: str = "regression",
    smallest: int = 30,
    bands: int = 20,
    knots: int = 5,
) -> pd.DataFrame:
    """Say what contextually similar pupils of other comparison schools achieve.

    Parameters
    ----------
    pupils : DataFrame
        One row a pupil (and year).
    outcome : str
        Column of results: numbers, or 0/1.
    cluster : str
        Column of school ids. No pupil's expectation uses a result of the pupil's own school.
    fit_on : str or sequence of bool
        Column (or mask, a value a row) that is True for comparison pupils, the only ones whose
        results are used.
    baseline : str or sequence of str
        Columns of prior attainment, numbers.
    context : sequence of str
        Columns of circumstances. Text, yes/no and whole numbers of at most 12 different values
        (such as months of birth) are labels, other numbers are taken as numbers.
    intake : sequence of str
        Columns whose means over each school's pupils of that time enter too (regression only).
    time : str, optional
        Column of years. Each has its own level (regression) or its own cells.
    method : {"regression", "cells"}
        Least squares with natural splines of `baseline`; or means of cells, `baseline` in `bands`
        × `context`, falling back to coarser cells: without the last of `context`, then the one
        before, then with half the bands, and so on.
    smallest : int
        Comparison pupils of other schools that a cell must have.
    bands : int
        Groups of equal size that a baseline is cut into.
    knots : int
        Knots of each spline, at equally spaced quantiles from .05 to .95; with 2 it is a straight
        line.

    Returns
    -------
    DataFrame
        A row a row of `pupils`, with its index: `actual`, `expected`, `deviation` (actual −
        expected, in units of the outcome; missing where the outcome is), `n_similar` (comparison
        pupils of other schools behind it), `basis` (the cell's columns, or "regression" and the
        columns that it had to do without for this pupil) and `comparison` (whether the pupil's
        result was used for others).

    Raises
    ------
    EvidenceError
        A column is missing or of the wrong kind, a row has no school, time or comparison flag,
        fewer than two comparison schools have results, or no cell is large enough.

    Notes
    -----
    A missing baseline or circumstance is a level of its own; nobody is left out. Cells with schools
    left out are the Department for Education's value added with the pupil's own school removed
    (Department for Education 2019, Primary school accountability technical guide).
    """
    baseline, context, intake = (frames.listed(x) for x in (baseline, context, intake))
    frames.one_of("method", method, ("regression", "cells"))
    frames.whole("smallest", smallest, 1)
    frames.whole("bands", bands, 2)
    frames.whole("knots", knots, 2)
    pupils = frames.encoded(pupils)
    frames.require(pupils, (outcome, cluster, time, *baseline, *context, *intake))
    columns = {"outcome": outcome, "cluster": cluster, "time": time}
    frames.distinct([*columns], **columns, baseline=baseline)
    if outcome in (*baseline, *context, *intake):
        raise EvidenceError(f"column {outcome!r} is the outcome: it cannot explain itself")
    score, school, fit = comparison_rows.rows(pupils, outcome, cluster, time, fit_on, "pupils")
    if method == "cells":
        if intake:
            raise EvidenceError("intake= is for method='regression'; cells have context= only")
        levels, names = features.cell_levels(
            pupils, baseline=baseline, context=context, time=time, fit=fit, bands=bands
        )
        expectation = leave_group_out.cells(levels, score, fit, school, smallest)
        none = np.isnan(expectation.expected)
        if none.any():
            raise EvidenceError(
                f"{frames.row(none.argmax())}: fewer than smallest={smallest} comparison pupils of "
                f"other schools at its time ({frames.counted(none.sum(), 'such row')}): lower "
                "smallest, widen "
                "fit_on, or leave that time out"
            )
    else:
        values, labels = features.regressors(
            pupils,
            baseline=baseline,
            context=context,
            intake=intake,
            time=time,
            cluster=cluster,
            fit=fit,
            knots=knots,
        )
        expectation = leave_group_out.regression(values, score, fit, school, np.ones(len(score)))
        names = comparison_rows.without(expectation, labels)
    basis = pd.Categorical.from_codes(expectation.basis, names).remove_unused_categories()
    return comparison_rows.table(pupils, score, fit, expectation.expected, expectation.n, basis)


def deviations(
    pupils: pd.DataFrame, found: pd.DataFrame, *, cluster: str, time: str | None = None
) -> pd.DataFrame:
    """Turn pupils' deviations into those of schools and years, with their sampling variance.

    Parameters
    ----------
    pupils : DataFrame
        As given to :func:`expected`.
    found : DataFrame
        What :func:`expected` returned for them.
    cluster, time : str
        Columns of school ids and of years.

    Returns
    -------
    DataFrame
        A row a school (and time), in their order: `cluster`, `time`, `n_pupils` (with a result),
        `actual`, `expected`, `deviation`, `variance` (of the deviation, in its squared units) and
        `comparison` (its pupils' results were used for others). 0/1 outcomes become percentages, as
        in :func:`evidence.methods.impact.school_means`.

    Raises
    ------
    EvidenceError
        A column is missing, or `found` does not belong to `pupils`.

    Notes
    -----
    The variance is σ²/n, σ² that of pupils' deviations within school and time, pooled over the
    comparison schools: which pupils a school happened to have. It holds neither what differs
    lastingly between schools nor the error of the expectation, common to all.
    """
    frames.require(pupils, (cluster, time))
    _named_apart(cluster, time)
    frames.require(found, ("actual", "expected", "deviation", "comparison"))
    if not pupils.index.equals(found.index):
        raise EvidenceError(
            "found has other rows than pupils: give the table that expected() returned for them"
        )
    parts = [cluster, *frames.listed(time)]
    at = compact([frames.factor(pupils, name)[0] for name in parts])
    deviation = found["deviation"].to_numpy()
    known = ~np.isnan(deviation)
    actual = found["actual"].to_numpy()
    scale = 1.0
    if all(((x == 0) | (x == 1) | np.isnan(x)).all() for x in (actual[:100], actual)):
        scale = 100.0
    used = found["comparison"].to_numpy(bool) & known
    every, mine = (slice(None) if which.all() else which for which in (known, used))
    size = int(at.max()) + 1
    n = np.bincount(at[every], minlength=size)
    with np.errstate(invalid="ignore"):  # a school without any result has no mean
        means = {
            name: scale * np.bincount(at[every], found[name].to_numpy()[every], size) / n
            for name in ("actual", "expected", "deviation")
        }
    compared, rest = np.bincount(at[mine], minlength=size), deviation[mine]
    total = np.bincount(at[mine], rest, size)
    free = int(compared.sum() - np.count_nonzero(compared))
    within = rest @ rest - total @ (total / np.maximum(compared, 1))
    pooled = scale**2 * max(within, 0.0) / free if free else np.nan
    first = np.empty(len(n), int)
    first[at[::-1]] = np.arange(len(at))[::-1]
    table = pd.DataFrame({name: frames.labels(pupils.iloc[first], name) for name in parts})
    with np.errstate(divide="ignore"):
        variance = np.where(n > 0, pooled / n, np.nan)
    return table.assign(
        n_pupils=n.astype(int),
        **means,
        variance=variance,
        comparison=compared > 0,
    )


def _named_apart(*names: str | None) -> None:
    if taken := _OWN & set(names):
        raise EvidenceError(
            f"column {min(taken)!r}: the result has a column of that name; rename it in the pupils"
        )


def school_results(
    pupils: pd.DataFrame,
    *,
    outcomes: Sequence[str],
    cluster: str,
    time: str,
    fit_on: str | Sequence[bool],
    baseline: str | Sequence[str] = (),
    context: Sequence[str] = (),
) -> pd.DataFrame:
    """Turn a pupil file into a panel of schools: results, and those of similar pupils elsewhere.

    Parameters
    ----------
    pupils, cluster, time, fit_on, baseline, context
        As in :func:`expected`; columns of `context` that do not vary are passed over.
    outcomes : sequence of str
        Columns of results; 0/1 columns become percentages.

    Returns
    -------
    DataFrame
        `cluster`, `time`, `n_pupils`, and for each outcome its mean and ``<outcome>, expected``.

    Raises
    ------
    EvidenceError
        As :func:`expected`; or a column is called as one of the result's own.
    """
    context = frames.listed(context)
    frames.require(pupils, (cluster, time, *context))
    _named_apart(cluster, time, *frames.listed(outcomes))
    varied = [name for name in context if len(np.unique(frames.factor(pupils, name)[0])) > 1]
    keys = [cluster, time]
    panel = pd.DataFrame({name: frames.labels(pupils, name) for name in keys})
    panel = panel.groupby(keys, as_index=False).size().rename(columns={"size": "n_pupils"})
    for outcome in frames.listed(outcomes):
        pupil_level = expected(
            pupils,
            outcome=outcome,
            cluster=cluster,
            time=time,
            fit_on=fit_on,
            baseline=baseline,
            context=varied,
        )
        means = deviations(pupils, pupil_level, cluster=cluster, time=time)
        means = means[[*keys, "actual", "expected"]]
        means = means.rename(columns={"actual": outcome, "expected": f"{outcome}, expected"})
        panel = panel.merge(means, on=keys)
    return panel
