"""Many regressions of a table that is gone through once, however large."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from evidence.data.formats import typed_files
from evidence.errors import EvidenceError
from evidence.methods.core import frames
from evidence.stats import compressed, covariance
from evidence.stats.design import Columns, block

_KEYS = ("outcome", "treatment", "covariates")


@dataclass(frozen=True, eq=False)
class CompressedTable:
    """What regressions with cluster-robust errors need of a table: no row of anybody's data.

    Those of two parts of a table may be added.

    Parameters
    ----------
    sums : Compressed
        Sums of squares and products by cluster.
    columns : tuple of str
    cluster : str
    left_out : int
        Rows that lacked a value.
    """

    sums: compressed.Compressed
    columns: tuple[str, ...]
    cluster: str
    left_out: int

    def __add__(self, other: CompressedTable) -> CompressedTable:
        """Return the sums of both parts, which may have clusters in common."""
        if (self.columns, self.cluster) != (other.columns, other.cluster):
            raise EvidenceError("parts of one table are needed: compress the same columns of both")
        left_out = self.left_out + other.left_out
        return replace(self, sums=self.sums + other.sums, left_out=left_out)

    def regressions(
        self, specifications: Sequence[Mapping[str, Any]], *, level: float = 0.95
    ) -> pd.DataFrame:
        """Return a row a regression, with CR2 errors and Satterthwaite's degrees of freedom.

        Parameters
        ----------
        specifications : sequence of mapping
            `outcome`, `treatment` and, as a list, `covariates`: names of columns.
        level : float
            Of the intervals.

        Returns
        -------
        DataFrame
            What was asked, `estimate`, `std_error`, `df`, `p_value`, `ci_lower`, `ci_upper`,
            `n_obs` and `n_clusters`.

        Raises
        ------
        EvidenceError
            A column was not compressed, is explained by the others, or has two parts.
        """
        covariance.check_level(level)
        asked = [self._places(one) for one in specifications]
        rows = []
        found = self.sums.regressions([(y, others, [x]) for y, x, others in asked])
        for (y, x, others), (estimate, inference) in zip(asked, found, strict=True):
            error, df = inference.std_error, inference.df
            _, p, low, high = covariance.t_test(estimate, error, df, level)
            values = (estimate[0], error[0], df[0], p[0], low[0], high[0])
            held = tuple(self.columns[j] for j in others)
            names = (self.columns[y], self.columns[x], held)
            rows.append((*names, *values, self.sums.n_obs, inference.n_clusters))
        results = ("estimate", "std_error", "df", "p_value", "ci_lower", "ci_upper")
        return pd.DataFrame(rows, columns=[*_KEYS, *results, "n_obs", "n_clusters"])

    def _places(self, asked: Mapping[str, Any]) -> tuple[int, int, list[int]]:
        if set(asked) - {*_KEYS} or {"outcome", "treatment"} - set(asked):
            raise EvidenceError(
                "a specification names its outcome, its treatment and perhaps its covariates, "
                "such as {'outcome': 'score', 'treatment': 'offered', 'covariates': ['prior']}"
            )
        held = frames.listed(asked.get("covariates"))
        frames.distinct(("outcome", "treatment"), **dict(asked, covariates=held))
        names = (asked["outcome"], asked["treatment"], *held)
        frames.require(pd.DataFrame([[0] * len(self.columns)], columns=[*self.columns]), names)
        y, x, *others = map(self.columns.index, names)
        return y, x, others


def compress(
    data: pd.DataFrame | str | Path | Iterable[pd.DataFrame],
    columns: Sequence[str],
    *,
    cluster: str,
) -> CompressedTable:
    """Take once what any regression of some columns with errors by cluster needs.

    Parameters
    ----------
    data : DataFrame, path, or iterable of DataFrame
        A table; parquet, a file or a folder of files, which is read a part at a time and never
        held; or parts.
    columns : sequence of str
        Numbers: results, treatments and covariates. Rows that lack one of them are left out.
    cluster : str
        Column of school ids.

    Returns
    -------
    CompressedTable

    Raises
    ------
    EvidenceError
        A column is missing or holds no numbers, fewer than two clusters are left, or the path is
        no parquet.

    Notes
    -----
    :mod:`evidence.stats.compressed`. Where a table lies in parts on several machines, each part is
    compressed there, and the parts are added.
    """
    columns = frames.listed(columns)
    if isinstance(data, str | Path):
        data = typed_files.parquet_parts(data, dict.fromkeys((*columns, cluster)))
    parts = [data] if isinstance(data, pd.DataFrame) else data
    whole = None
    for part in parts:
        own = _compressed(part, columns, cluster)
        whole = own if whole is None else whole + own
    if whole is None or len(whole.sums.clusters) < 2:
        raise EvidenceError(
            f"column {cluster!r}: at least two clusters with all columns are needed"
        )
    return whole


def _compressed(data: pd.DataFrame, columns: tuple[str, ...], cluster: str) -> CompressedTable:
    frames.require(data, (*columns, cluster))
    values = [frames.as_stored(data, name) for name in columns]
    codes, names = frames.factor(data, cluster)
    keep = codes >= 0
    for each in values:
        keep &= each.dtype.kind != "f" or ~np.isnan(each)
    left_out = len(data) - int(keep.sum())
    if left_out:
        values, codes = [each[keep] for each in values], codes[keep]
    shape = (len(codes), len(columns))
    if not len(codes):
        raise EvidenceError(f"no row has all of {', '.join((*columns, cluster))}")
    table = Columns([block(each) for each in values], shape)
    sums = compressed.Compressed.of(table, codes)
    sums = replace(sums, clusters=np.array(names, object)[sums.clusters])
    return CompressedTable(sums, columns, cluster, left_out)
