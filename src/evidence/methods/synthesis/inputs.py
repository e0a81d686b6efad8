"""Effects that come in: checked once, for everything that pools them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Sized
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import pandas as pd

from evidence.data.schema import EFFECT_UNITS
from evidence.errors import EvidenceError
from evidence.show import words

Column: TypeAlias = Sequence[float] | np.ndarray | pd.Series
_MOST = 3  # standard deviations: no programme changes more


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Effects:
    """Effects that were checked, ready to be pooled.

    Parameters
    ----------
    estimates, std_errors : ndarray of shape (k,)
    labels : tuple of str
    model : ndarray of shape (k, p)
        The model matrix, ones first.
    terms : tuple of str
        Names of its columns.
    cluster : ndarray of int or None
    """

    estimates: np.ndarray
    std_errors: np.ndarray
    labels: tuple[str, ...]
    model: np.ndarray
    terms: tuple[str, ...]
    cluster: np.ndarray | None

    def subset(self, kept: np.ndarray) -> Effects:
        """Return some of the effects, clusters counted from 0 again."""
        cluster = self.cluster
        if cluster is not None:
            cluster = np.unique(cluster[kept], return_inverse=True)[1]
        return Effects(
            estimates=self.estimates[kept],
            std_errors=self.std_errors[kept],
            labels=tuple(np.array(self.labels)[kept]),
            model=self.model[kept],
            terms=self.terms,
            cluster=cluster,
        )


def checked(
    estimates: Column,
    std_errors: Column,
    cluster: Sequence[object] | np.ndarray | pd.Series | None = None,
    moderators: Mapping[str, Sequence[object]] | pd.DataFrame | None = None,
    labels: Sequence[str] | None = None,
    least: int = 2,
    unit: str | Sequence[str] = "",
) -> Effects:
    """Return effects that can be pooled.

    The parameters and errors of :func:`evidence.methods.synthesis.pooling.pool`.
    """
    y, error = numbers("estimates", estimates), numbers("std_errors", std_errors)
    k = len(y)
    if k < least:
        raise EvidenceError(f"estimates: {words.counted(k, 'result')}; {least} or more are needed")
    columns: dict[str, Sized] = {"std_errors": error}
    table = pd.DataFrame() if moderators is None else pd.DataFrame(dict(moderators))
    columns |= {f"moderators, {name!r}": table[name] for name in table}
    columns |= {} if cluster is None else {"cluster": cluster}
    columns |= {} if labels is None else {"labels": labels}
    for name, column in columns.items():
        if len(column) != k:
            raise EvidenceError(f"{name}: {len(column)} values for {k} estimates")
    if not (error > 0).all():
        raise EvidenceError(
            f"std_errors, entry {int(np.argmin(error > 0)) + 1}: above 0 is needed; without an "
            "error a result cannot be pooled"
        )
    _one_unit(unit, y)
    codes = None
    if cluster is not None:
        codes, known = pd.factorize(pd.Series(list(cluster)))
        if (codes < 0).any():
            raise EvidenceError(f"cluster, entry {int(np.argmin(codes)) + 1}: is missing")
        if len(known) < 2:
            raise EvidenceError("cluster: one only; two or more are needed, or leave it out")
    model, terms = [np.ones(k)], ["mean effect"]
    for name in table:
        for term, values in _dummies(str(name), table[name]):
            model.append(values)
            terms.append(term)
    matrix = np.column_stack(model)
    if (len(terms) > 1 and matrix.shape[1] >= k) or np.linalg.matrix_rank(matrix) < matrix.shape[1]:
        raise EvidenceError(
            f"moderators: {matrix.shape[1] - 1} columns cannot be told apart with {k} results; "
            "leave some out"
        )
    known = [f"result {i}" for i in range(1, k + 1)] if labels is None else map(str, labels)
    return Effects(
        estimates=y, std_errors=error, labels=tuple(known), model=matrix, terms=tuple(terms),
        cluster=codes,
    )  # fmt: skip


def numbers(name: str, column: Column) -> np.ndarray:
    """Return one finite number an entry.

    Raises
    ------
    EvidenceError
        An entry is none.
    """
    try:
        values = np.atleast_1d(np.asarray(column, dtype=float))
    except (TypeError, ValueError):
        values = pd.to_numeric(pd.Series(list(column)), errors="coerce").to_numpy(float)
    if not np.isfinite(values).all():
        raise EvidenceError(
            f"{name}, entry {int(np.argmin(np.isfinite(values))) + 1}: a finite number is needed"
        )
    return values


def _dummies(name: str, column: pd.Series) -> list[tuple[str, np.ndarray]]:
    if column.isna().any():
        row = int(column.isna().to_numpy().argmax()) + 1
        raise EvidenceError(f"moderators, {name!r}, entry {row}: is missing")
    if pd.api.types.is_numeric_dtype(column):
        return [(name, numbers(name, column))]
    others = sorted(column.astype(str).unique())[1:]
    return [(f"{name}: {other}", (column == other).to_numpy(float)) for other in others]


def _one_unit(unit: str | Sequence[str], estimates: np.ndarray) -> None:
    """Refuse several units, and months that are called standard deviations."""
    known = list(dict.fromkeys([unit] if isinstance(unit, str) else unit))
    for one in filter(None, known):
        if one not in EFFECT_UNITS:
            hint = ": months are steps of unequal size" * (one == "months")
            raise EvidenceError(f"unit is {one!r}; allowed are {', '.join(EFFECT_UNITS)}{hint}")
    if len(known) > 1:
        raise EvidenceError(
            f"unit: {', '.join(known)}; effects of one unit can be pooled: give all in standard "
            "deviations, or pool each unit by itself"
        )
    if known == ["sd"] and estimates.any():
        large = abs(estimates) > _MOST
        if large.any() or (estimates == np.round(estimates)).all():
            raise EvidenceError(
                f"estimates, entry {int(np.argmax(abs(estimates))) + 1}: no effect in standard "
                "deviations; months or points cannot stand for them"
            )
