"""Cluster-robust inference for one regression: CR0 to CR3, HC2 and classical, with honest df.

For the regression of :mod:`evidence.stats.design`,

    (I − H)(I − H)' = I − QQ'W − WQQ' + QKQ' = I + R C R',    C = diag(±1),

where R has, for each row, one or two entries for its own stratum and few dense columns. The
adjustment of a cluster and the degrees of freedom both come from R, so that cost grows with rows
and never with their square.
"""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Real
from typing import TypeVar

import numpy as np
from scipy.special import fdtrc, stdtr, stdtrit

from evidence.errors import EvidenceError, shown
from evidence.stats import cluster_sums, satterthwaite
from evidence.stats.design import Design, compact, sums
from evidence.stats.satterthwaite import Links

Number = TypeVar("Number", float, np.ndarray)

COV_TYPES = ("CR0", "CR1", "CR1S", "CR2", "CR3", "HC2", "classical")
ALONE = (
    "one {} alone decides the effect, so that no error can be estimated: more or smaller ones are "
    "needed, or leave out the covariates or strata that single it out"
)
EXACT = "{} is explained exactly by what is in the model: no error can be estimated"
_NULL = cluster_sums.NULL
_ALONE = 1e-12  # share of a coefficient's squared direction; below it is rounding
_ZERO = 1e-10  # scores below this share of what the largest residual would give are rounding
_CHUNK = 4_000_000  # numbers held at once while the clusters are adjusted


@dataclass(frozen=True, eq=False)
class Inference:
    """Standard errors and degrees of freedom of the coefficients of interest.

    Parameters
    ----------
    covariance : ndarray of shape (q, q)
    df : ndarray of shape (q,)
        Satterthwaite degrees of freedom (residual ones for ``classical``).
    n_clusters : int
    joint_df : float
        Degrees of freedom η of the Wishart approximation, for the joint test.
    borrowed : ndarray of bool, shape (q,)
        Coefficients that one cluster decides alone, whose error is that of the other clusters.
    """

    covariance: np.ndarray
    df: np.ndarray
    n_clusters: int
    joint_df: float
    borrowed: np.ndarray

    @property
    def std_error(self) -> np.ndarray:
        """Standard errors, shape (q,)."""
        return np.sqrt(np.diag(self.covariance))


def robust(
    design: Design,
    residuals: np.ndarray,
    cluster: np.ndarray | None = None,
    cov_type: str = "CR2",
    *,
    joint: bool = True,
    alike: Alike | None = None,
    refuse: bool = True,
    label: str = "the outcome",
    tilt: np.ndarray | None = None,
) -> Inference:
    """Return the covariance of the coefficients of interest and its degrees of freedom.

    Parameters
    ----------
    design : Design
        The regression.
    residuals : ndarray of shape (n,)
        Its residuals, unweighted.
    cluster : ndarray of int, optional
        Codes of the clusters; needed by CR0 to CR3. HC2 is CR2 with each row its own cluster.
    cov_type : {"CR0", "CR1", "CR1S", "CR2", "CR3", "HC2", "classical"}
        Names as in clubSandwich.
    joint : bool
        Work out the degrees of freedom of the joint test, whose time grows with the square of the
        coefficients; NaN without.
    alike : Alike, optional
        Lets the error of a coefficient that one cluster decides alone be that of the others.
    refuse : bool
        False to give NaN for a coefficient that has no error, rather than refuse them all.
    label : str
        How messages call the outcome.
    tilt : ndarray of shape (n,), optional
        For a design of rows whitened by a working model, without anything absorbed: the variances
        Φ of that model. CR2's root is then that of the rows as they were, Φ (Φ B Φ)^(−1/2).

    Raises
    ------
    EvidenceError
        One cluster alone decides a coefficient, or there is no error at all.

    Notes
    -----
    V = M Σ X_i'W_i A_i e_i e_i' A_i W_i X_i M, with M = (X'WX)⁻¹. CR0: A = I; CR1: √(m/(m−1));
    CR1S: √(m(n−1)/((m−1)(n−p))); CR2: A = B^(−1/2) with B the cluster's block of
    (I − H)(I − H)', the working model being independence with equal variances; CR3:
    A = (I − H_ii)⁻¹. Roots are Moore–Penrose. Degrees of freedom: with
    p_i = (I − H)_i' A_i W_i X_i M c and P_ij = p_i'p_j, tr(P)²/tr(P²); jointly η of the
    approximate Hotelling test (HTZ).

    Where a block B of (I − H)(I − H)' is null, the cluster's residuals are zero whatever its errors
    are. If that null space, W_i X_i b, holds a b with c'b ≠ 0, the cluster decides part of the
    coefficient alone: N, the part of W_i X_i M c along it. The variance N'Ω_i N is then missing,
    all of it where one school alone is treated. With `alike`, Ω_i is that of the other clusters:
    N'Ω̂N = Σ_j (N'e_j)²/(J − lost) over the J that have a row at all of its places; df are then at
    most J − lost. For one treated unit this is the t test of one against many (Crawford and Howell
    1998, The Clinical Neuropsychologist 12(4), eq. 1), exact for normal errors of equal covariance,
    whatever that is within a unit. Without `alike` there is no error.

    References
    ----------
    Bell, R. M. and McCaffrey, D. F. (2002), Survey Methodology 28(2), eq. 5 and section 4.
    Pustejovsky, J. E. and Tipton, E. (2018), JBES 36(4), eq. 8 to 14 and theorem 1;
    doi:10.1080/07350015.2016.1247004.
    MacKinnon, J. G. and Webb, M. D. (2018), The Econometrics Journal 21(2), section 2.
    """
    sandwich = Sandwich.of(design, cluster, cov_type, joint=joint, tilt=tilt)
    return sandwich.inference(residuals, alike, refuse=refuse, label=label)


@dataclass(frozen=True, eq=False)
class Alike:
    """Says which rows of different clusters may be set beside each other.

    Parameters
    ----------
    places : ndarray of int, shape (n,)
        Codes from 0, such as of times; of use where no cluster has two rows at one place.
    lost : int
        Degrees of freedom that the regression takes at each place.
    """

    places: np.ndarray
    lost: int

    def error(
        self, alone: np.ndarray, rows: np.ndarray, residuals: np.ndarray
    ) -> tuple[np.ndarray, float] | None:
        """Return Σ N'Ω̂N over the clusters that decide alone, and its df; None if it has none."""
        table = np.full((rows.max() + 1, self.places.max() + 1), np.nan)
        table[rows, self.places] = residuals
        if np.isfinite(table).sum() < len(rows):
            return None
        marked = np.unique(rows[alone.any(axis=1)])
        others = np.delete(table, marked, axis=0)
        total, least = np.zeros((alone.shape[1],) * 2), np.inf
        for cluster in marked:
            own = np.flatnonzero(rows == cluster)
            like = others[:, self.places[own]]
            like = like[np.isfinite(like).all(axis=1)]
            free = len(like) - self.lost
            if free < 1:
                return None
            scores = like @ alone[own]
            total += scores.T @ scores / free
            least = min(least, free)
        return total, float(least)


@dataclass(frozen=True, eq=False)
class Sandwich:
    """All of a covariance that does not depend on the outcome; see :func:`robust`.

    Parameters
    ----------
    design : Design
    rows : ndarray of int, shape (n,) or None
        Codes of the clusters; None for ``classical``.
    adjusted : ndarray of shape (n, q)
        A_i W_i X_i M c.
    alone : ndarray of shape (n, q)
        N, the part of each coefficient that a cluster decides alone; 0 elsewhere.
    factor : float
    df : ndarray of shape (q,)
    n_clusters : int
    joint_df : float
    """

    design: Design
    rows: np.ndarray | None
    adjusted: np.ndarray
    alone: np.ndarray
    factor: float
    df: np.ndarray
    n_clusters: int
    joint_df: float

    @classmethod
    def of(
        cls,
        design: Design,
        cluster: np.ndarray | None,
        cov_type: str,
        *,
        joint: bool = True,
        tilt: np.ndarray | None = None,
    ) -> Sandwich:
        """Adjust the clusters of a regression and work out its degrees of freedom."""
        n, directions = design.n_obs, design.directions
        if cov_type == "classical":
            free = n - design.rank
            df = np.full(len(design.coefficients), float(free))
            m = n if cluster is None else int(cluster.max()) + 1
            none = np.zeros_like(directions)
            return cls(design, None, directions, none, 1.0, df, m, float(free))
        if cluster is None and cov_type != "HC2":
            raise EvidenceError(f"{cov_type} needs clusters: give them, or use HC2 or classical")
        rows = np.arange(n) if cluster is None or cov_type == "HC2" else compact([cluster])
        m = int(rows.max()) + 1
        adjusted, alone = _adjust(design, rows, "CR3" if cov_type == "CR3" else "CR2")
        if cov_type not in ("CR2", "HC2", "CR3"):
            adjusted = directions
        elif tilt is not None and cov_type != "CR3":
            adjusted = _tilted(design, rows, tilt)
        factor = {
            "CR1": m / (m - 1),
            "CR1S": m / (m - 1) * (n - 1) / (n - design.rank),
        }.get(cov_type, 1.0)
        df, eta = satterthwaite.freedom(Links.of(design, rows, adjusted), joint)
        return cls(design, rows, adjusted, alone, factor, df, m, eta)

    def inference(
        self,
        residuals: np.ndarray,
        alike: Alike | None = None,
        *,
        refuse: bool = True,
        label: str = "the outcome",
    ) -> Inference:
        """Return the covariance of the coefficients, given the residuals of the regression.

        `alike`, `refuse` and `label` are those of :func:`robust`.
        """
        df, joint_df = self.df, self.joint_df
        borrowed: np.ndarray = np.any(self.alone, axis=0)
        if self.rows is None:
            coefficients = self.design.coefficients
            scale = self.design.weights @ residuals**2 / df[0]
            covariance = scale * coefficients @ coefficients.T
            none = residuals @ residuals == 0
        else:
            scores = sums(self.rows, self.adjusted * residuals[:, None])
            covariance = self.factor * scores.T @ scores
            largest = np.abs(residuals).max() * np.sqrt(
                np.einsum("ij,ij->j", self.adjusted, self.adjusted)
            )
            none = np.abs(scores).max(axis=0) <= _ZERO * largest
        if borrowed.any():
            found = None
            if alike is not None and self.rows is not None:
                found = alike.error(self.alone, self.rows, residuals)
            if found is not None:
                lent, free = found
                pooled = with_lent(np.diag(covariance), df, np.diag(lent), free)[1]
                df = np.where(borrowed, pooled, df)
                joint_df = np.fmin(joint_df, free)
                covariance = covariance + lent
                none = np.where(borrowed, np.diag(lent) == 0, none)
            elif refuse:
                what = "cluster" if self.n_clusters < len(residuals) else "row"
                raise EvidenceError(ALONE.format(what))
            else:
                none = none | borrowed
                borrowed = np.zeros_like(borrowed)
        if np.any(none):
            if refuse:
                raise EvidenceError(EXACT.format(label))
            none = np.broadcast_to(none, df.shape)
            covariance = np.where(none | none[:, None], np.nan, covariance)
            df = np.where(none, np.nan, df)
        return Inference(covariance, df, self.n_clusters, joint_df, borrowed)


def with_lent(
    seen: np.ndarray, df: np.ndarray, lent: np.ndarray, free: float
) -> tuple[np.ndarray, np.ndarray]:
    """Add the variance lent by other clusters to that seen; return the sum and its df.

    Satterthwaite's, but no more than `free`: both parts may rest on the same clusters.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        return seen + lent, np.fmin((seen + lent) ** 2 / (seen**2 / df + lent**2 / free), free)


def decided(design: Design, cluster: np.ndarray) -> np.ndarray:
    """Say for each coefficient whether one cluster alone decides part of it, shape (q,)."""
    alone: np.ndarray = np.any(_adjust(design, compact([cluster]), "CR2")[1], axis=0)
    return alone


def check_type(cov_type: str) -> None:
    """Refuse a type of errors that is not known."""
    if not isinstance(cov_type, str) or cov_type not in COV_TYPES:
        raise EvidenceError(f"cov_type is {shown(cov_type)}; allowed are {', '.join(COV_TYPES)}")


def check_level(level: float) -> None:
    """Refuse a level that is no proportion.

    Raises
    ------
    EvidenceError
        It does not lie between 0 and 1.
    """
    if not isinstance(level, Real) or not 0 < level < 1:
        raise EvidenceError(f"level is {shown(level)}; a proportion between 0 and 1 is needed")


def t_test(
    estimate: Number, std_error: Number, df: Number, level: float
) -> tuple[Number, Number, Number, Number]:
    """Return statistic, two-sided p-value and both ends of the interval of level `level`."""
    statistic = estimate / std_error
    half = stdtrit(df, 0.5 + level / 2) * std_error
    return statistic, 2 * stdtr(df, -np.abs(statistic)), estimate - half, estimate + half


def joint_test(estimate: np.ndarray, inference: Inference) -> tuple[float, float, float, float]:
    """Test that all coefficients are zero: F, its two degrees of freedom and p.

    Notes
    -----
    The approximate Hotelling test of Pustejovsky and Tipton (2018), eq. 17: with the Wald
    statistic Q of q coefficients, (η − q + 1)/(ηq) Q is compared with F(q, η − q + 1). Where
    η < q, or clusters are too few to tell the coefficients apart, no test is possible and p is NaN.
    """
    q, eta = len(estimate), inference.joint_df
    below = eta - q + 1
    scale = inference.std_error[:, None] * inference.std_error
    if not below >= 1 or not np.isfinite(inference.covariance).all():
        return np.nan, float(q), np.nan, np.nan
    if np.linalg.eigvalsh(inference.covariance / scale)[0] < _NULL:
        return np.nan, float(q), np.nan, np.nan
    wald = estimate @ np.linalg.solve(inference.covariance, estimate)
    statistic = below / (eta * q) * wald
    return float(statistic), float(q), float(below), float(fdtrc(q, below, statistic))


def _adjust(design: Design, rows: np.ndarray, cov_type: str) -> tuple[np.ndarray, np.ndarray]:
    """Return A_i W_i X_i M c and what clusters decide alone, (n, q) both.

    Where B_i = I − F F' and W_i X_i M c = F c, clusters with more rows than F has columns are
    adjusted by their sums of products (:mod:`evidence.stats.cluster_sums`), the others by rows.
    """
    own, dense, own_signs, dense_signs = design.residual_maker()
    power, scale, right, weights = -0.5, np.ones(1), design.directions, design.weights
    if cov_type == "CR3":  # (I − WQQ')⁻¹ = W^½ (I − W^½QQ'W^½)⁻¹ W^−½
        power, weights = -1.0, np.ones(design.n_obs)
        if design.weighted:
            scale = np.sqrt(design.weights)
        own = (scale / np.sqrt(design.totals)[design.strata])[:, None]
        dense, right = scale[:, None] * design.basis, right / scale[:, None]
        own_signs, dense_signs = -np.ones(1), -np.ones(design.basis.shape[1])
    columns = (own, dense, own_signs, dense_signs)
    out, alone = np.empty_like(right), np.zeros_like(right)
    rounding = np.sqrt(_ALONE * np.einsum("ij,ij->j", right, right))
    tall = np.zeros(int(rows.max()) + 1, bool)
    if cov_type == "CR3" or not design.weighted:
        tall = cluster_sums.adjust(design, rows, own[:, 0], dense, power, rounding, (out, alone))
    if not tall.all():
        _adjust_by_rows(
            design.strata, rows, columns, right, weights, power, rounding, (out, alone), ~tall
        )
    return (out, alone) if len(scale) == 1 else (out * scale[:, None], alone * scale[:, None])


def _adjust_by_rows(
    strata: np.ndarray,
    rows: np.ndarray,
    columns: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray],
    right: np.ndarray,
    weights: np.ndarray,
    power: float,
    rounding: np.ndarray,
    into: tuple[np.ndarray, np.ndarray],
    chosen: np.ndarray,
) -> None:
    """Adjust the chosen clusters, like sizes at once.

    Clusters are padded with empty rows to the next power of two: an empty row has R = 0, so that
    its block of B is the identity and nothing changes.
    """
    own, dense, own_signs, dense_signs = columns
    out, alone = into
    order = np.lexsort((strata, rows))
    pairs = np.ones(len(order), bool)  # where a new stratum begins within a cluster
    pairs[1:] = np.diff(rows[order]).astype(bool) | np.diff(strata[order]).astype(bool)
    size = np.bincount(rows)
    start = np.cumsum(size) - size
    place = np.cumsum(pairs) - 1
    place -= place[start][rows[order]]  # 0, 1, … : which of its cluster's strata a row is in
    padded = np.where(chosen, 2 ** np.ceil(np.log2(size)).astype(int), 0)
    for length in np.unique(padded[chosen]):
        members = np.flatnonzero(padded == length)
        width = int(place[start[members] + size[members] - 1].max()) + 1
        step = max(1, _CHUNK // (length * (dense.shape[1] + width * own.shape[1])))
        for first in range(0, len(members), step):
            chunk = members[first : first + step]
            inside = np.arange(length) < size[chunk][:, None]
            index = np.where(inside, start[chunk][:, None] + np.arange(length), 0)
            row = order[index]
            local = (place[index][..., None] == np.arange(width)) & inside[..., None]
            blocks = [local * own[row, a, None] for a in range(own.shape[1])]
            padded_columns = np.concatenate([*blocks, dense[row] * inside[..., None]], axis=-1)
            signs = np.concatenate([np.repeat(own_signs, width), dense_signs])
            to_adjust = right[row] * inside[..., None]
            roots, null = _root(padded_columns, signs, to_adjust, power)
            out[row[inside]] = roots[inside]
            root = np.where(inside, np.sqrt(weights[row]), 1.0)[..., None]
            null, to_adjust = null / root, to_adjust / root  # null is W½ times columns of X
            along = np.abs(null.swapaxes(-1, -2) @ to_adjust).max(axis=1) > rounding
            for i in np.flatnonzero(along.any(axis=1)):
                part = root[i] * (null[i] @ np.linalg.pinv(null[i]) @ to_adjust[i]) * along[i]
                alone[row[i][inside[i]]] = part[inside[i]]


def _tilted(design: Design, rows: np.ndarray, tilt: np.ndarray) -> np.ndarray:
    """Return Φ (Φ B Φ)^(−1/2) times the directions of each cluster, shape (n, q)."""
    out = np.empty_like(design.directions)
    order = np.argsort(rows, kind="stable")
    for own in np.split(order, np.cumsum(np.bincount(rows))[:-1]):
        basis, t = design.basis[own], tilt[own, None]
        values, vectors = np.linalg.eigh(t * (np.eye(len(own)) - basis @ basis.T) * t.T)
        positive = values > _NULL * values[-1]
        powers = np.where(positive, np.where(positive, values, 1.0) ** -0.5, 0.0)[:, None]
        out[own] = t * (vectors @ (powers * (vectors.T @ design.directions[own])))
    return out


def _root(
    columns: np.ndarray, signs: np.ndarray, right: np.ndarray, power: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return (I + R C R')^power right, through the smaller dimension, and its null vectors.

    All are stacks, an entry a cluster.
    """
    if columns.shape[-2] > columns.shape[-1]:
        span, columns = np.linalg.qr(columns)
        inner = span.swapaxes(-1, -2) @ right
        root, null = _root(columns, signs, inner, power)
        return right + span @ (root - inner), span @ null
    block = np.eye(columns.shape[-2]) + columns * signs @ columns.swapaxes(-1, -2)
    values, vectors = np.linalg.eigh(block)
    positive = values > _NULL
    powers = np.where(positive, np.where(positive, values, 1.0) ** power, 0.0)
    root = vectors @ (powers[..., None] * (vectors.swapaxes(-1, -2) @ right))
    return root, vectors * ~positive[..., None, :]
