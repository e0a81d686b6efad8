"""Many regressions of one table, from sums of squares and products by cluster, taken once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from evidence.errors import EvidenceError
from evidence.stats import cluster_sums, satterthwaite
from evidence.stats.covariance import ALONE, EXACT, Inference
from evidence.stats.design import compact
from evidence.stats.satterthwaite import Links

_APART = 1e-10  # least eigenvalue of a correlation matrix whose columns can be told apart
_EXACT = 1e-12  # share of the outcome's sum of squares
_NOWHERE = np.empty(0, int)


@dataclass(frozen=True, eq=False)
class Compressed:
    """A table's columns as sums of products by cluster.

    Parameters
    ----------
    moments : ndarray of shape (m, p + 1, p + 1)
        Z'Z of each cluster, Z being 1 and the columns with mean 0 and variance 1.
    scale : ndarray of shape (p,)
        Standard deviations of the columns.
    n_obs : int
    """

    moments: np.ndarray
    scale: np.ndarray
    n_obs: int

    @classmethod
    def of(cls, columns: np.ndarray, cluster: np.ndarray) -> Compressed:
        """Take the sums of columns, shape (n, p), by cluster, codes of shape (n,)."""
        n, p = columns.shape
        z = np.ones((n, p + 1))
        z[:, 1:] = columns
        z[:, 1:] -= columns.mean(axis=0)
        scale = np.sqrt(np.einsum("ij,ij->j", z, z)[1:] / n)
        scale[scale == 0] = 1.0
        z[:, 1:] /= scale
        return cls(cluster_sums.cross_products(compact([cluster]), z), scale, n)

    @cached_property
    def total(self) -> np.ndarray:
        """Z'Z of all rows."""
        return self.moments.sum(axis=0)

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
        places = np.array([0, *(1 + np.array([*others, *interest], int))])
        whole, y = self.total[np.ix_(places, places)], self.total[places, outcome + 1]
        if np.linalg.eigvalsh(whole / self.n_obs)[0] < _APART:
            raise EvidenceError("a column is explained by the others: leave one of them out")
        turn = np.linalg.inv(np.linalg.cholesky(whole)).T
        slope = turn @ (turn.T @ y)
        left = self.total[outcome + 1, outcome + 1] - slope @ y
        if left <= _EXACT * self.n_obs:
            raise EvidenceError(EXACT.format(label or "the outcome"))
        m, size, q = len(self.moments), len(self.total), len(interest)
        lifted, own = np.zeros((size, len(places))), np.zeros(size)
        lifted[places], own[places], own[outcome + 1] = turn, -slope, 1.0
        # The series runs in the columns as they are: v = T (I − S)^−½ c, with TT'Z'Z for S.
        inverse, first = lifted @ lifted.T, lifted @ turn[-q:].T
        leverage = self.moments.reshape(m, -1) @ inverse.ravel()
        large, gained = leverage > cluster_sums.SMALL, np.broadcast_to(first, (m, size, q)).copy()
        gained = cluster_sums.series(
            lambda term: np.tensordot(self.moments @ term, inverse, (1, 0)).swapaxes(1, 2),
            gained,
            -0.5,
            leverage[~large].max(initial=0.0),
        )
        if large.any():
            gram = lifted.T @ self.moments[large] @ lifted
            gain, null = cluster_sums.gains(gram, turn[-q:].T, -0.5)
            if (np.linalg.norm(null, axis=1) > 1e-6 * np.linalg.norm(turn[-q:], axis=1)).any():
                raise EvidenceError(ALONE.format("cluster"))
            gained[large] = lifted @ gain
        summed = np.einsum("mpq,mp->mq", gained, self.moments @ own)
        products = self.moments @ gained
        linked, products = lifted.T @ products, gained.swapaxes(1, 2) @ products
        r = len(places)
        none = np.empty((0, 0, q))
        ties = Links(products, linked, -np.ones(r), none, (_NOWHERE, _NOWHERE), np.empty(0))
        df, joint_df = satterthwaite.freedom(ties, joint=q > 1)
        ratio = self.scale[outcome] / self.scale[list(interest)]
        covariance = summed.T @ summed * ratio[:, None] * ratio
        borrowed = np.zeros(q, bool)
        return slope[-q:] * ratio, Inference(covariance, df, m, joint_df, borrowed)
