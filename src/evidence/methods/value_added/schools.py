"""Results expected of schools given earlier results and context, where no pupils are known."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from evidence.errors import EvidenceError
from evidence.methods.core import features, frames
from evidence.methods.value_added import comparison_rows
from evidence.stats import leave_group_out


def expected_schools(
    panel: pd.DataFrame,
    *,
    outcome: str,
    unit: str,
    time: str,
    fit_on: str | Sequence[bool],
    lags: int = 2,
    start: str | None = None,
    context: Sequence[str] = (),
    weights: str | None = None,
) -> pd.DataFrame:
    """Say what similar schools achieve, judged by earlier results and context.

    Parameters
    ----------
    panel : DataFrame
        One row a school and time; times are whole steps such as years.
    outcome : str
        Column of results.
    unit, time : str
        Columns of school ids and of times.
    fit_on : str or sequence of bool
        Column or mask, True for rows of comparison schools, the only ones whose results are used.
    lags : int
        How many earlier results enter.
    start : str, optional
        Column of the first time at which a school was treated, empty where never. From then on the
        last results before the start are used, so that no effect enters what is expected; the model
        for them looks back as far among the comparison schools.
    context : sequence of str
        As in :func:`expected`.
    weights : str, optional
        Column of weights, such as pupils tested; a row without one is not fitted to.

    Returns
    -------
    DataFrame
        A row a row of `panel`, with its index: the columns of :func:`expected`, `basis` naming the
        earlier results that were there (each combination has a model of its own, whose comparison
        rows have at least these), and `variance`, of the deviation, in its squared units.

    Raises
    ------
    EvidenceError
        As :func:`expected`; also where a unit has two rows for a time, times are not whole steps
        apart, or a weight is negative.

    Notes
    -----
    The variance is σ²/w, σ² the mean of w × deviation² of the comparison rows of the same model:
    which pupils a school had and what its year brought, together. A school's own earlier results
    are what its expectation rests on; its later ones never enter.
    """
    listed = frames.listed(context)
    frames.require(panel, (outcome, unit, time, start, weights, *listed))
    if outcome in listed:
        raise EvidenceError(f"column {outcome!r} is the outcome: it cannot explain itself")
    frames.whole("lags", lags, 1)
    score, school, fit = comparison_rows.rows(panel, outcome, unit, time, fit_on, "rows")
    when = frames.numbers(panel, time)
    if pd.DataFrame({"unit": school, "time": when}).duplicated().any():
        raise EvidenceError(f"columns {unit!r} and {time!r}: there must be one row a unit and time")
    if (np.abs(when - np.round(when)) > 1e-6).any():
        raise EvidenceError(f"column {time!r}: times must be whole steps apart, such as years")
    weight = np.ones(len(panel)) if weights is None else frames.weights(panel, weights)
    fit &= weight > 0  # false for a missing weight as well: the model is not fitted to such rows
    weight = np.where(weight > 0, weight, np.nan)
    begin = np.full(len(panel), np.nan) if start is None else frames.numbers(panel, start)
    horizon = np.where(when >= begin, when - begin, 0.0)
    columns, labels = features.regressors(
        panel, baseline=(), context=listed, intake=(), time=time, cluster=unit, fit=fit, knots=0
    )
    own = columns[:]
    results = pd.Series(score, pd.MultiIndex.from_arrays([school, when]))
    expected_, square = np.empty(len(panel)), np.empty(len(panel))
    count, basis = np.zeros(len(panel), int), np.empty(len(panel), object)
    for back in np.unique(horizon):
        steps = back + np.arange(1, lags + 1)
        past = np.column_stack(
            [results.reindex(pd.MultiIndex.from_arrays([school, when - step])) for step in steps]
        )
        known = ~np.isnan(past)
        for pattern in np.unique(known[horizon == back], axis=0):
            rows = (horizon == back) & (known == pattern).all(axis=1)
            fitted = fit & known[:, pattern].all(axis=1)
            lags_known = ", ".join(f"{step:g}" for step in steps[pattern])
            name = f"results {lags_known} before" if lags_known else "no earlier result"
            comparison_rows.two_schools(fitted, school, f"with {name}")
            values = np.column_stack([own, np.where(fitted | rows, past.T, 0.0).T[:, pattern]])
            model = leave_group_out.regression(
                values, score, fitted, school, np.nan_to_num(weight, nan=1)
            )
            lagged = [f"result {step:g} before" for step in steps[pattern]]
            names = comparison_rows.without(model, [*labels, *lagged], name)
            expected_[rows], count[rows] = model.expected[rows], model.n[rows]
            basis[rows] = np.array(names, object)[model.basis[rows]]
            square[rows] = np.mean((score - model.expected)[fitted] ** 2 * weight[fitted])
    return comparison_rows.table(panel, score, fit, expected_, count, pd.Categorical(basis)).assign(
        variance=square / weight
    )
