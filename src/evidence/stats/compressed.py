"""Many regressions of one table, from sums of squares and products by cluster, taken once."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from evidence.errors import EvidenceError
from evidence.stats import cluster_sums, satterthwaite
from evidence.stats.covariance import ALONE, EXACT, Inference
from evidence.stats.design import Block, Coded, Columns, as_columns, compact, parts, sums
from evidence.stats.satterthwaite import Links

_APART = 1e-10  # least eigenvalue of a correlation matrix whose columns can be told apart
_EXACT = 1e-12  # share of the outcome's sum of squares
_NOWHERE = np.empty(0, int)
_SAMPLE = 200_000  # rows in which the columns' level is looked up
_AT_ONCE, _CLUSTERS = 50, 256  # regressions and clusters that fit a processor's cache
_ALONE = 1e-6  # share of a coefficient's direction; below it is rounding


# Which columns a regression has, by place: outcome, others besides an intercept, those asked about
Specification = tuple[int, Sequence[int], Sequence[int]]


@dataclass(frozen=True, eq=False)
class Compressed:
    """A table's columns as sums of products by cluster; those of two tables may be added.

    Parameters
    ----------
    moments : ndarray of shape (m, p + 1, p + 1)
        Z'Z of each cluster, Z being 1 and the columns less their `centre`, over their `scale`.
    centre, scale : ndarray of shape (p,)
        Near to the columns' means and standard deviations.
    clusters : ndarray of shape (m,)
        What the clusters are called, sorted.
    n_obs : int
    """

    moments: np.ndarray
    centre: np.ndarray
    scale: np.ndarray
    clusters: np.ndarray
    n_obs: int

    @classmethod
    def of(
        cls,
        columns: np.ndarray | Columns,
        cluster: np.ndarray,
        strata: np.ndarray | None = None,
    ) -> Compressed:
        """Take the sums of columns, shape (n, p), by cluster, whole numbers of shape (n,).

        About the means of strata, codes from 0 each within one cluster, where they are given.
        """
        n, p = columns.shape
        some = parts(n)[:: max(1, n // _SAMPLE)]
        centre = np.mean([columns[part].mean(axis=0) for part in some], axis=0)
        about = _about(columns, centre)
        codes = compact([cluster])
        clusters = np.empty(int(codes.max()) + 1, cluster.dtype)
        clusters[codes] = cluster
        if strata is None:
            moments = cluster_sums.cross_products(codes, about)
        else:
            moments = cluster_sums.cross_products(strata, about)
            moments[:, 1:, 1:] -= moments[:, 1:, :1] * moments[:, :1, 1:] / moments[:, :1, :1]
            moments[:, 1:, 0] = moments[:, 0, 1:] = 0.0
            within = np.empty(len(moments), int)
            within[strata] = codes
            moments = sums(within, moments.reshape(len(moments), -1)).reshape(-1, p + 1, p + 1)
        scale = np.sqrt(np.diag(moments.sum(axis=0))[1:] / n)
        scale[scale == 0] = 1.0
        size = np.append(1.0, scale)
        return cls(moments / (size[:, None] * size), centre, scale, clusters, n)

    def __add__(self, other: Compressed) -> Compressed:
        """Return the sums of the rows of both, which need not have clusters in common."""
        ratio = other.scale / self.scale
        turn = np.diag(np.append(1.0, ratio))
        turn[0, 1:] = (other.centre - self.centre) / self.scale
        clusters, place = np.unique([*self.clusters, *other.clusters], return_inverse=True)
        moments = np.zeros((len(clusters), *self.moments.shape[1:]))
        moments[place[: len(self.clusters)]] = self.moments
        moments[place[len(self.clusters) :]] += turn.T @ other.moments @ turn
        n = self.n_obs + other.n_obs
        return Compressed(moments, self.centre, self.scale, clusters, n)

    @cached_property
    def total(self) -> np.ndarray:
        """Z'Z of all rows."""
        total: np.ndarray = self.moments.sum(axis=0)
        return total

    def regress(
        self, outcome: int, others: Sequence[int], interest: Sequence[int], *, label: str = ""
    ) -> tuple[np.ndarray, Inference]:
        """Return coefficients of the columns of interest, with CR2 and Satterthwaite's df.

        Parameters
        ----------
        outcome : int
            Place of its column.
        others, interest : sequence of int
            Places of the columns held fixed, besides an intercept, and of those asked about.
        label : str
            How messages call the outcome.

        Raises
        ------
        EvidenceError
            A column is explained by the others, one cluster alone decides a coefficient, or nothing
            is left to judge the error by.

        Notes
        -----
        As :func:`evidence.stats.covariance.robust`: a cluster's rows enter CR2 by X'X and X'e only.
        """
        return self.regressions([(outcome, others, interest)], label=label)[0]

    def regressions(
        self, specifications: Sequence[Specification], *, label: str = ""
    ) -> list[tuple[np.ndarray, Inference]]:
        """Return many regressions, each as :meth:`regress`, some of them at a time."""
        found = []
        for first in range(0, len(specifications), _AT_ONCE):
            fitted = [self._fit(*s, label) for s in specifications[first : first + _AT_ONCE]]
            found += self._judged(fitted)
        return found

    def _fit(
        self, outcome: int, others: Sequence[int], interest: Sequence[int], label: str
    ) -> _Fitted:
        places = np.array([0, *(1 + np.array([*others, *interest], int))])
        whole, y = self.total[np.ix_(places, places)], self.total[places, outcome + 1]
        size = np.sqrt(np.diag(whole))
        if not size.all() or np.linalg.eigvalsh(whole / size[:, None] / size)[0] < _APART:
            raise EvidenceError("a column is explained by the others: leave one of them out")
        turn = np.linalg.inv(np.linalg.cholesky(whole)).T
        slope = turn @ (turn.T @ y)
        left = self.total[outcome + 1, outcome + 1] - slope @ y
        if left <= _EXACT * self.total[outcome + 1, outcome + 1]:
            raise EvidenceError(EXACT.format(label or "the outcome"))
        lifted, own = np.zeros((len(self.total), len(places))), np.zeros(len(self.total))
        lifted[places], own[places], own[outcome + 1] = turn, -slope, 1.0
        q = len(interest)
        ratio = self.scale[outcome] / self.scale[list(interest)]
        return _Fitted(slope[-q:] * ratio, ratio, turn[-q:], lifted, own)

    def _judged(self, fitted: list[_Fitted]) -> list[tuple[np.ndarray, Inference]]:
        """Give errors to regressions, the sums of each cluster gone through once for all of them.

        The series runs in the columns as they are: v = T (I − S)^−½ c, with TT'Z'Z for S.
        """
        m = len(self.moments)
        sums = [
            [np.empty((m, *shape)) for shape in ((q,), (q, q), (q, r))]
            for q, r in (each.focus.shape for each in fitted)
        ]
        for first in range(0, m, _CLUSTERS):
            some = slice(first, first + _CLUSTERS)
            for into, found in zip(sums, self._adjusted(fitted, self.moments[some]), strict=True):
                for whole, part in zip(into, found, strict=True):
                    whole[some] = part
        out = []
        for each, (summed, squares, linked) in zip(fitted, sums, strict=True):
            q, r = each.focus.shape
            nothing, dense = np.empty((0, 0, q)), linked.swapaxes(1, 2)
            ties = Links(squares, dense, -np.ones(r), nothing, (_NOWHERE,) * 2, np.empty(0))
            df, joint_df = satterthwaite.freedom(ties, joint=q > 1)
            covariance = summed.T @ summed * each.ratio[:, None] * each.ratio
            inference = Inference(covariance, df, m, joint_df, np.zeros(q, bool))
            out.append((each.estimate, inference))
        return out

    def _adjusted(
        self, fitted: list[_Fitted], moments: np.ndarray
    ) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Give for each regression v'Z'e, v'Z'Zv and v'Z'ZT of some clusters."""
        m = len(moments)
        inverses = [each.lifted @ each.lifted.T for each in fitted]
        leverage = moments.reshape(m, -1) @ np.stack(inverses, -1).reshape(-1, len(fitted))
        ends = np.cumsum([0, *(len(each.focus) for each in fitted)])
        own = [slice(*pair) for pair in itertools.pairwise(ends)]
        first = np.concatenate([each.focus @ each.lifted.T for each in fitted])

        def times(term: np.ndarray) -> np.ndarray:
            products, out = term @ moments, np.empty_like(term)
            for part, inverse in zip(own, inverses, strict=True):
                for j in range(part.start, part.stop):  # a view of it that BLAS takes as it is
                    np.matmul(products[:, j], inverse, out=out[:, j])
            return out

        gained = cluster_sums.series(
            times,
            np.broadcast_to(first, (m, *first.shape)).copy(),
            -0.5,
            leverage[leverage <= cluster_sums.SMALL].max(initial=0.0),
        )
        for part, each, whole in zip(own, fitted, leverage.T, strict=True):
            large = whole > cluster_sums.SMALL
            if not large.any():
                continue
            gram = each.lifted.T @ moments[large] @ each.lifted
            gain, null = cluster_sums.gains(gram, each.focus.T, -0.5)
            if (np.linalg.norm(null, axis=1) > _ALONE * np.linalg.norm(each.focus, axis=1)).any():
                raise EvidenceError(ALONE.format("cluster"))
            gained[large, part] = (each.lifted @ gain).swapaxes(1, 2)
        products = gained @ moments
        for part, each in zip(own, fitted, strict=True):
            here = products[:, part]
            yield here @ each.own, here @ gained[:, part].swapaxes(1, 2), here @ each.lifted


def _about(columns: np.ndarray | Columns, centre: np.ndarray) -> Columns:
    """Return 1 and the columns less a number each."""
    n, p = columns.shape
    held: list[Block] = [Coded(np.broadcast_to(np.uint8(0), n), np.ones((1, 1)))]
    place = 0
    for each in as_columns(columns).blocks:
        level = centre[place : place + len(each(slice(0, 1)))]
        held.append(each.less(level) if isinstance(each, Coded) else _less(each, level))
        place += len(level)
    return Columns(held, (n, p + 1))


def _less(block: Block, level: np.ndarray) -> Block:
    return lambda rows: [column - own for column, own in zip(block(rows), level, strict=True)]


@dataclass(frozen=True, eq=False)
class _Fitted:
    """A regression's coefficients of interest, in units of the columns and, `focus`, rotated.

    With T (`lifted`) in the columns of all, and what residuals are made of (`own`).
    """

    estimate: np.ndarray
    ratio: np.ndarray
    focus: np.ndarray
    lifted: np.ndarray
    own: np.ndarray
