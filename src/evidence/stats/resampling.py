"""Bootstrap samples as counts of units: their regression and variances from sums alone."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from evidence.stats.design import Design, sums
from evidence.stats.permutation import first_rows, members

_RIDGE = 1e-10  # of columns of length 1: a covariate that a draw leaves without variation counts 0

Variances = tuple[np.ndarray, np.ndarray]
Draw = tuple[np.ndarray, np.ndarray, Variances]


@dataclass(frozen=True, eq=False)
class Sample:
    """A trial as what a draw of any kind needs of its rows.

    Parameters
    ----------
    rows : ndarray of shape (n, q)
        1, columns of the regression (the arm the last), outcome less its mean.
    weights : ndarray of shape (n,)
    arm, strata, cluster : ndarray of int, shape (n,)
        0 reference, 1 arm asked about, 2 further; 0 without strata; a code a row without clusters.
    scale : float
        The effect is this times the last coefficient.
    ratio : float
        Variance between over within clusters that weighs them; 0 for least squares.
    clustered, whole : bool
        There are clusters; each, or most, has one arm.
    """

    rows: np.ndarray
    weights: np.ndarray
    arm: np.ndarray
    strata: np.ndarray
    cluster: np.ndarray
    scale: float
    ratio: float
    clustered: bool
    whole: bool

    @classmethod
    def of(
        cls,
        design: Design,
        outcome: np.ndarray,
        arm: np.ndarray,
        cluster: np.ndarray | None,
        *,
        ratio: float,
        whole: bool,
    ) -> Sample:
        """Take a regression, its outcome, arms, clusters and a ratio of variances."""
        n = len(outcome)
        return cls(
            rows=np.column_stack([np.ones(n), design.basis, outcome - outcome.mean()]),
            weights=design.weights,
            arm=arm,
            strata=design.strata,
            cluster=np.arange(n) if cluster is None else cluster,
            scale=float(design.coefficients[0, -1]),
            ratio=ratio,
            clustered=cluster is not None,
            whole=whole,
        )

    @property
    def outcome(self) -> np.ndarray:
        """The outcome less its mean, shape (n,)."""
        return self.rows[:, -1]

    @property
    def crossed(self) -> np.ndarray:
        """Cross-products w aa' of each row, shape (n, q²)."""
        weighted = self.weights[:, None] * self.rows
        crossed: np.ndarray = weighted[:, :, None] * self.rows[:, None, :]
        return crossed.reshape(len(weighted), -1)

    def summed(self) -> np.ndarray:
        """Cross-products of each cluster, shape (m, q²), a column at a time to save memory."""
        weighted = self.weights[:, None] * self.rows
        parts = [sums(self.cluster, column[:, None] * self.rows) for column in weighted.T]
        return np.concatenate(parts, axis=1)

    def shrunk(self, crossed: np.ndarray, size: np.ndarray) -> np.ndarray:
        """Take λ ss' from the cross-products of clusters, s their sums, λ = θ/(1 + nθ)."""
        if not self.ratio:
            return crossed
        lead = crossed[..., : round(crossed.shape[-1] ** 0.5)]
        lam = self.ratio / (1 + size * self.ratio)
        product = lead[..., :, None] * lead[..., None, :]
        left: np.ndarray = crossed - lam[..., None] * product.reshape(crossed.shape)
        return left


class _Counted(ABC):
    """Units that a draw counts: those of `Units` and `Within`."""

    moments: np.ndarray
    cells: list[np.ndarray]

    @abstractmethod
    def _variances(self, counts: np.ndarray) -> Variances: ...

    @property
    def _number(self) -> int:
        return len(self.moments)

    @property
    def cost(self) -> int:
        """Numbers a draw needs at once."""
        return 8 * self._number

    def real(self) -> Draw:
        """Return the sample itself as a draw."""
        return self._with(np.ones((1, self._number)))

    def draw(self, rng: np.random.Generator, number: int) -> Draw:
        """Return counts of the units, their moments and the variances between and within."""
        return self._with(_drawn(rng, number, self.cells, self._number))

    def _with(self, counts: np.ndarray) -> Draw:
        return counts, self.moments, self._variances(counts)


@dataclass(frozen=True, eq=False)
class Units(_Counted):
    """Whole units are drawn: clusters, sites, strata or, without clusters, pupils.

    Parameters
    ----------
    moments : ndarray of shape (u, q²)
    groups : list of ndarray of int
        The units of each absorbed stratum.
    cells : list of ndarray of int
        Units that are drawn in place of one another.
    squares : ndarray of shape (u, 6)
        For the analysis of variance: clusters, rows, Σn², Σy, Σ(Σy)²/n, squares within.
    what : str
    freedom : int
        Units less cells, in the arm that has fewest.
    """

    moments: np.ndarray
    groups: list[np.ndarray]
    cells: list[np.ndarray]
    squares: np.ndarray
    what: str
    freedom: int

    @classmethod
    def of(cls, sample: Sample, what: str) -> Units:
        """Make clusters (or pupils) the units, or strata where one has a single unit in an arm."""
        first = first_rows(sample.cluster)
        size = np.bincount(sample.cluster)
        moments = sample.shrunk(sample.summed(), size)
        total = np.bincount(sample.cluster, sample.outcome)
        between = total**2 / size
        within = np.bincount(sample.cluster, sample.outcome**2) - between
        squares = np.column_stack([np.ones(len(size)), size, size**2, total, between, within])
        stratum = sample.strata[first]
        arm = sample.arm[first]
        if sample.clustered:  # a cluster has the arm of most of its pupils
            seen = [np.bincount(sample.cluster, sample.arm == code) for code in (0, 1, 2)]
            arm = np.argmax(seen, axis=0) if sample.whole else np.zeros(len(first))
        cells = members(arm, stratum)
        if stratum.any() and any(len(cell) == 1 and arm[cell[0]] < 2 for cell in cells):
            moments, squares = sums(stratum, moments), sums(stratum, squares)
            stratum = np.arange(len(moments))
            cells, what, arm = [stratum], "strata", np.zeros(len(stratum))
        return cls(moments, members(stratum), cells, squares, what, _freedom(cells, arm))

    def _variances(self, counts: np.ndarray) -> Variances:
        return variances(*(counts @ self.squares).T)


@dataclass(frozen=True, eq=False)
class Within(_Counted):
    """Pupils are drawn within each arm of each cluster, the clusters staying as they are."""

    sample: Sample
    moments: np.ndarray
    groups: list[np.ndarray]
    cells: list[np.ndarray]
    freedom: int
    what: str = "pupils within clusters"

    @classmethod
    def of(cls, sample: Sample) -> Within:
        """Make the cells within which pupils are drawn."""
        cells = members(sample.arm, sample.strata, sample.cluster)
        freedom = _freedom(cells, sample.arm)
        return cls(sample, sample.crossed, members(sample.strata), cells, freedom)

    def _variances(self, counts: np.ndarray) -> Variances:
        part, y = self.sample, self.sample.outcome
        total = sums(part.cluster, (counts * y).T).T
        return _variances(np.bincount(part.cluster), total, counts @ y**2)


@dataclass(frozen=True, eq=False)
class Nested:
    """Clusters may be drawn, and pupils are drawn anew within each cluster drawn.

    Parameters
    ----------
    rows : ndarray of shape (n, q² + 2)
        Cross-products, outcome and its square.
    groups, cells : list of ndarray of int
        As in `Units`; a draw has as many clusters as the sample, in the same strata.
    pupils : list of list of ndarray of int
        For each cluster the rows of each arm.
    moved : bool
        Clusters are drawn as well.
    """

    sample: Sample
    rows: np.ndarray
    groups: list[np.ndarray]
    cells: list[np.ndarray]
    pupils: list[list[np.ndarray]]
    moved: bool
    what: str
    freedom: int

    @classmethod
    def of(cls, sample: Sample, moved: bool) -> Nested:
        """Make the cells of clusters and of pupils within them.

        `what` is "strata" where one of them has a single cluster in an arm: do not move those.
        """
        units = Units.of(sample, "clusters and pupils within them")
        cells = members(sample.arm, sample.strata, sample.cluster)
        pupils: list[list[np.ndarray]] = [[] for _ in range(int(sample.cluster.max()) + 1)]
        for cell in cells:
            pupils[sample.cluster[cell[0]]].append(cell)
        what = units.what if moved else "pupils within clusters"
        rows = np.column_stack([sample.crossed, sample.outcome, sample.outcome**2])
        return cls(sample, rows, units.groups, units.cells, pupils, moved, what, units.freedom)

    @property
    def cost(self) -> int:
        """Numbers a draw needs at once."""
        return 8 * len(self.pupils) * int(self.rows.shape[1]) + 2 * len(self.rows)

    def real(self) -> Draw:
        """Return the sample itself as a draw."""
        chosen = np.arange(len(self.pupils))[None]
        return self._with(chosen, sums(self.sample.cluster, self.rows)[None])

    def draw(self, rng: np.random.Generator, number: int) -> Draw:
        """Return a count of 1 a cluster, their moments and the variances between and within."""
        chosen = np.tile(np.arange(len(self.pupils)), (number, 1))
        if self.moved:
            for cell in self.cells:
                chosen[:, cell] = cell[rng.integers(0, len(cell), (number, len(cell)))]
        total = np.empty((*chosen.shape, self.rows.shape[1]))
        for cluster, cells in enumerate(self.pupils):
            where = np.nonzero(chosen == cluster)
            total[where] = sum(_counts(rng, len(where[0]), len(c)) @ self.rows[c] for c in cells)
        return self._with(chosen, total)

    def _with(self, chosen: np.ndarray, total: np.ndarray) -> Draw:
        size = np.bincount(self.sample.cluster)[chosen]
        parts = _variances(size, total[..., -2], total[..., -1].sum(axis=1))
        moments = self.sample.shrunk(total[..., :-2], size)
        return np.ones(chosen.shape), moments, parts


def _variances(size: np.ndarray, total: np.ndarray, square: np.ndarray) -> Variances:
    """Return `variances` from the sizes and sums of clusters, shape (b, m), and Σy², shape (b,)."""
    size = np.broadcast_to(size, total.shape)
    between = (total**2 / size).sum(axis=1)
    count = np.full(len(total), float(total.shape[1]))
    rows = size.sum(axis=1).astype(float)
    return variances(
        count, rows, (size**2).sum(axis=1), total.sum(axis=1), between, square - between
    )


def _freedom(cells: list[np.ndarray], arm: np.ndarray) -> int:
    """Return units less cells in the arm, of the two compared, that has fewest."""
    free = [sum(len(c) - 1 for c in cells if arm[c[0]] == code) for code in (0, 1)]
    return min(free[code] for code in (0, 1) if (arm == code).any())


def _drawn(
    rng: np.random.Generator, number: int, cells: list[np.ndarray], units: int
) -> np.ndarray:
    counts = np.empty((number, units))
    for cell in cells:
        counts[:, cell] = _counts(rng, number, len(cell))
    return counts


def _counts(rng: np.random.Generator, number: int, units: int) -> np.ndarray:
    """Return how often each of `units` comes up in as many draws with replacement, float."""
    picks = rng.integers(0, units, (number, units)) + units * np.arange(number)[:, None]
    return np.bincount(picks.ravel(), minlength=number * units).reshape(number, units).astype(float)


def regress(
    scale: float, groups: list[np.ndarray], cells: list[np.ndarray], draw: Draw
) -> tuple[np.ndarray, np.ndarray]:
    """Return the effect in each draw and its standard error by the units drawn, within their cells.

    Parameters
    ----------
    scale : float
        The effect is this times the last coefficient.
    groups : list of ndarray of int
        The units of each absorbed stratum.
    cells : list of ndarray of int
        Units that are drawn in place of one another.
    draw : tuple
        Counts of the units (b, u), their cross-products (u, q²) or (b, u, q²), and variances.

    Notes
    -----
    Strata are absorbed: with x̄, ȳ the means of a stratum in the draw, b the coefficients and m the
    last column of (X'X)⁻¹, the score of a unit is (−m'x̄, m, 0) A (−(ȳ − x̄'b), −b, 1)', A its
    cross-products. The error is √Σ m/(m − 1) Σ(s − s̄)² over cells of m units: what a draw moves,
    no more. Scores about zero would also count how the effect differs between strata, which no
    draw within them moves: with two units a cell intervals would then be a quarter too narrow.
    """
    counts, moments, _ = draw
    q = round(moments.shape[-1] ** 0.5)
    p, b = q - 2, len(counts)
    gram, means = np.zeros((b, q - 1, q - 1)), []
    for group in groups:
        part = moments[..., group, :]
        total = counts[:, group] @ part if part.ndim == 2 else part.sum(axis=1)
        total = total.reshape(b, q, q)
        size = np.maximum(total[:, :1, 0], np.finfo(float).tiny)  # a stratum not drawn has nothing
        mean = total[:, 0, 1:] / size
        gram += total[:, 1:, 1:] - size[..., None] * mean[:, :, None] * mean[:, None, :]
        means.append(mean)
    right = np.concatenate([gram[:, :p, p:], np.zeros((b, p, 1))], axis=2)
    right[:, -1, 1] = 1.0
    solved = np.linalg.solve(gram[:, :p, :p] + _RIDGE * np.eye(p), right)
    coefficients, direction = solved[:, :, 0], solved[:, :, 1]
    scores = np.empty(counts.shape)
    for group, mean in zip(groups, means, strict=True):
        inside = mean[:, :p]
        level = mean[:, p] - (inside * coefficients).sum(axis=1)
        left = np.column_stack([-(inside * direction).sum(axis=1), direction, np.zeros(b)])
        rest = np.column_stack([-level, -coefficients, np.ones(b)])
        both = (left[:, :, None] * rest[:, None, :]).reshape(b, -1)
        part = moments[..., group, :]
        product = both @ part.T if part.ndim == 2 else np.einsum("bf,buf->bu", both, part)
        scores[:, group] = product
    variance = _within(counts, scores, cells)
    return scale * coefficients[:, -1], abs(scale) * np.sqrt(variance)


def variances(
    clusters: np.ndarray,
    rows: np.ndarray,
    squared: np.ndarray,
    total: np.ndarray,
    between: np.ndarray,
    within: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the variances between and within clusters by the analysis of variance.

    Notes
    -----
    Searle, Casella and McCulloch (1992), Variance Components, eq. 3.62; a negative variance is 0.
    Where every row is its own cluster all variance lies within.
    """
    between = between - total**2 / rows
    alone = clusters >= rows
    inner = np.where(alone, between + within, within) / np.where(alone, rows - 1, rows - clusters)
    width = (rows - squared / rows) / (clusters - 1)
    outer = np.where(alone, 0.0, (between / (clusters - 1) - inner) / width)
    return np.maximum(outer, 0.0), inner


def _within(counts: np.ndarray, scores: np.ndarray, cells: list[np.ndarray]) -> np.ndarray:
    """Return Σ m/(m − 1) Σ(s − s̄)² over cells; a unit alone in its cell counts s²."""
    size = np.array([len(cell) for cell in cells])
    place = np.empty(counts.shape[1], int)
    place[np.concatenate(cells)] = np.repeat(np.arange(len(cells)), size)
    several = size > 1
    factor = np.where(several, size / np.maximum(size - 1, 1), 1.0)
    taken = counts * scores
    member = sparse.csr_array((np.ones(len(place)), (np.arange(len(place)), place)))
    square = (taken * scores) @ factor[place]
    variance = square - (taken @ member) ** 2 @ np.where(several, factor / size, 0.0)
    return np.where(variance > _RIDGE * square, variance, 0.0)  # rounding is all that is left
