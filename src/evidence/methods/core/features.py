"""Prior attainment and context of pupils or schools, as columns of a regression or as labels.

A missing value is never filled in silently: it is a level, a band or a column of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pandas as pd

from evidence.errors import EvidenceError
from evidence.methods.core import frames
from evidence.methods.core.frames import compact
from evidence.stats import design
from evidence.stats.design import Coded, Columns, Rows, chosen, sums

FEW = 12  # whole numbers with no more values than this, such as months of birth, are labels
_BANDS = 5  # of a number in the context of a cell
_SOME = 10_000  # rows that mostly have as many different values as there are bands

# Some rows of columns, shape (k, r) or a list of k, and the columns' names
Block = tuple[design.Block, list[str]]


def regressors(
    data: pd.DataFrame,
    *,
    baseline: Sequence[str],
    context: Sequence[str],
    intake: Sequence[str],
    time: str | None,
    cluster: str,
    fit: np.ndarray,
    knots: int,
) -> tuple[Columns, list[str]]:
    """Return the columns of the regression model, shape (n, k), and their names.

    Baselines are natural cubic splines with knots at quantiles of the rows in `fit`
    (Harrell 2015, Regression Modeling Strategies, eq. 2.25). A column of numbers with gaps is at
    its mean there and has a 0/1 column that marks them. `intake` are means of either over each
    school (and time).
    """
    one = Coded(np.broadcast_to(np.uint8(0), len(data)), np.ones((1, 1)))
    blocks: list[Block] = [(one, ["intercept"])]
    if time is not None:
        blocks.append(_dummies(data, time, fit))
    blocks += [_spline(data, name, fit, knots) for name in baseline]
    for name in context:
        blocks.append((_dummies if _are_labels(data, name) else _number)(data, name, fit))
    if intake:
        keys = (cluster, *frames.listed(time))
        school = compact([frames.factor(data, name)[0] for name in keys])
    for name in intake:
        whole = name in baseline or not _are_labels(data, name)
        values, names = (_number if whole else _dummies)(data, name, fit)
        means = sums(school, np.column_stack([*values(slice(None))]).astype(float))
        means /= np.bincount(school)[:, None]
        blocks.append((_means(means, school), [f"mean of {label}" for label in names]))
    labels = [name for _, names in blocks for name in names]
    return Columns([block for block, _ in blocks], (len(data), len(labels))), labels


def _means(means: np.ndarray, school: np.ndarray) -> Callable[[Rows], np.ndarray]:
    return lambda rows: means[school[rows]].T


def cell_levels(
    data: pd.DataFrame,
    *,
    baseline: Sequence[str],
    context: Sequence[str],
    time: str | None,
    fit: np.ndarray,
    bands: int,
) -> tuple[Iterator[np.ndarray], list[str]]:
    """Return codes of the cells, finest level first, computed when asked for, and their columns.

    Each coarser level drops the last column of `context`; then bands are halved until only the time
    is left, which is never dropped.
    """
    always = [] if time is None else [frames.factor(data, time)[0]]
    prior = [frames.measured(data, name) for name in baseline]
    further = [_cell_labels(data, name, fit) for name in context]
    halved = [bands >> times for times in range(bands.bit_length() - 1)] if prior else []
    plan = [(bands, length) for length in range(len(context), 0, -1)]
    plan += [*((many, 0) for many in halved), (0, 0)]
    cut = {0: [], bands: [banded(values, fit, bands) for values in prior]}

    def level(many: int, length: int) -> np.ndarray:
        if many not in cut:
            cut[many] = [banded(values, fit, many) for values in prior]
        codes = [*always, *cut[many], *further[:length]]
        return compact(codes) if codes else np.zeros(len(data), int)

    names = []
    for many, length in plan:
        parts = [name if many == bands else f"{name} in {many} bands" for name in baseline if many]
        names.append(" × ".join([*parts, *context[:length]]) or "all")
    return (level(*step) for step in plan), names


def banded(values: np.ndarray, fit: np.ndarray, bands: int) -> np.ndarray:
    """Return codes of `bands` groups, equally large among the rows in `fit`; missing is 0."""
    missing = np.isnan(values)
    known = chosen(values, fit & ~missing)
    edges = np.unique(known[:_SOME])[1:]
    if len(edges) < bands and len(known) > _SOME:
        edges = np.unique(known)[1:]
    if len(edges) >= bands:
        edges = np.unique(np.quantile(known, np.arange(1, bands) / bands))
    codes = np.searchsorted(edges, values, side="right").astype(np.min_scalar_type(len(edges) + 1))
    codes += 1
    codes[missing] = 0
    return codes


def _number(data: pd.DataFrame, name: str, fit: np.ndarray) -> Block:
    """Return numbers about their mean among the rows in `fit`; a gap is 0 and marked."""
    values = frames.measured(data, name)
    missing = np.isnan(values)
    known = chosen(values, fit & ~missing)
    middle = known.mean() if len(known) else 0.0
    if not missing.any():
        return lambda rows: [values[rows] - middle], [name]
    block = np.where(missing, 0.0, values - middle)
    return lambda rows: [block[rows], missing[rows]], [name, f"{name}: missing"]


def _spline(data: pd.DataFrame, name: str, fit: np.ndarray, knots: int) -> Block:
    """Return numbers as in :func:`_number` and their bends at the knots."""
    values = frames.measured(data, name)
    missing = np.isnan(values)
    known = chosen(values, fit & ~missing)
    if not len(known):
        raise EvidenceError(f"column {name!r}: no comparison row has a value")
    at = np.unique(np.quantile(known, np.linspace(0.05, 0.95, knots)))
    end = at[-1]
    line, (_, *gaps) = _number(data, name, fit)

    def block(rows: Rows) -> list[np.ndarray]:
        least = values[rows]
        if gaps:
            least = np.where(missing[rows], -np.inf, least)
        bends = [
            _cubed(least - at[j])
            - _cubed(least - at[-2]) * ((end - at[j]) / (end - at[-2]))
            + _cubed(least - end) * ((at[-2] - at[j]) / (end - at[-2]))
            for j in range(len(at) - 2)
        ]
        straight, *gap = line(rows)
        return [straight, *(bend / (end - at[0]) ** 2 for bend in bends), *gap]

    return block, [name, *(f"{name} (spline {j + 2})" for j in range(len(at) - 2)), *gaps]


def _cubed(above: np.ndarray) -> np.ndarray:
    positive = np.maximum(above, 0)
    cubed: np.ndarray = positive * positive * positive
    return cubed


def _dummies(data: pd.DataFrame, name: str, fit: np.ndarray) -> Block:
    """Return a 0/1 column a level but the one that most rows in `fit` have."""
    codes, names = _labels(data, name)
    count = np.bincount(codes)
    seen = np.flatnonzero(count)
    most = (count if fit.all() else np.bincount(codes[fit])).argmax()
    codes, others = codes.astype(np.min_scalar_type(len(names))), seen[seen != most]
    levels = np.eye(len(names))[others]
    return Coded(codes, levels), [f"{name}: {names[code]}" for code in others]


def _cell_labels(data: pd.DataFrame, name: str, fit: np.ndarray) -> np.ndarray:
    if _are_labels(data, name):
        return _labels(data, name)[0]
    return banded(frames.numbers(data, name), fit, _BANDS)


def _are_labels(data: pd.DataFrame, name: str) -> bool:
    if frames.is_text(data[name]):
        return True
    if data[name].dtype.kind in "iu":  # their labels are needed anyway
        return len(frames.labelled(data, name)[1]) <= FEW
    known = pd.unique(frames.numbers(data, name))
    known = known[~np.isnan(known)]
    return len(known) <= FEW and bool((known % 1 == 0).all())


def _labels(data: pd.DataFrame, name: str) -> tuple[np.ndarray, list[str]]:
    codes, names = frames.labelled(data, name)
    if len(names) > frames.MOST_LEVELS:
        raise EvidenceError(
            f"column {name!r} has {len(names)} different labels; a context may have "
            f"{frames.MOST_LEVELS}. Give numbers or broader groups"
        )
    if codes.min() < 0:
        codes = np.where(codes < 0, len(names), codes)
    return codes, [*names, "missing"]
