"""Draw missing values from what is known: chained equations with a random intercept by cluster.

No kept Python library imputes pupils within schools: statsmodels' and scikit-learn's chained
equations treat pupils as independent, or take a dummy a school, which understates or overstates the
spread between schools and cannot impute a school that was lost whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.linalg.lapack import dpstrf
from scipy.spatial import cKDTree

CYCLES = 5  # rounds over the incomplete columns, where there are several
_DONORS = 5
_ROOTS = (np.arange(40) + 0.5) / 40  # ICC = root²: a finer grid near zero
_LARGEST = 0.98
_DEPENDENT = 1e-9  # share of its square that a column must keep beside earlier ones


@dataclass(frozen=True, eq=False)
class Column:
    """One column of a table.

    Parameters
    ----------
    values : ndarray of shape (n, k)
        One column of numbers, or a 0/1 column a level.
    labels : bool
        It holds labels, or no more than two values: gaps are filled from donors.
    missing : ndarray of bool, shape (n,)
    """

    values: np.ndarray
    labels: bool
    missing: np.ndarray


def impute(
    columns: Sequence[Column],
    fixed: np.ndarray,
    cluster: np.ndarray | None,
    imputations: int,
    seed: int,
) -> Iterator[list[np.ndarray]]:
    """Draw what fills the gaps of columns, `imputations` times.

    Parameters
    ----------
    columns : sequence of Column
        They explain, and are explained by, one another; any of them may be complete. Numbers are
        drawn from a normal model; labels are taken from one of the five rows with the nearest
        expectation.
    fixed : ndarray of shape (n, p)
        Complete columns that explain the others: arms and strata.
    cluster : ndarray of int, optional
        Codes from 0; there is a random intercept for each. With ten clusters or more, cluster
        means of the numeric columns explain as well, so that schools may differ from pupils.
    imputations, seed : int

    Yields
    ------
    list of ndarray
        For each column and each of its missing rows the number drawn, or for labels the donor's
        row.

    Notes
    -----
    Each column given the others is a random-intercept regression with flat priors on coefficients
    and log σ², and a uniform one on the ICC; its posterior is drawn from exactly (no chain) on a
    grid of ICCs. With one incomplete column a single round is enough, else `CYCLES` are made.

    References
    ----------
    van Buuren, S. (2018), Flexible Imputation of Missing Data, 2nd ed., sections 3.2, 3.4, 7.3-4.
    Lüdtke, O., Robitzsch, A. and Grund, S. (2017), Psychological Methods 22(1): cluster means.
    """
    rng = np.random.default_rng(seed)
    places = range(len(columns))
    holes = [place for place in places if columns[place].missing.any()]
    holes = sorted(holes, key=lambda place: columns[place].missing.sum())
    context = cluster if cluster is not None and cluster.max() + 1 >= 10 else None
    for _ in range(imputations):
        filled = [_start(column, rng) for column in columns]
        fills = [np.empty(0)] * len(columns)
        for _ in range(1 if len(holes) < 2 else CYCLES):
            for place in holes:
                hole, rest = columns[place], [other for other in places if other != place]
                blocks = [fixed, *(filled[other] for other in rest)]
                if context is not None:
                    numeric = [other for other in rest if not columns[other].labels]
                    blocks += [_means(filled[other], context) for other in numeric]
                explaining, known = np.column_stack(blocks), ~hole.missing
                draws = [draw(x, known, explaining, cluster, rng) for x in hole.values.T]
                centre, drawn, noise = map(np.column_stack, zip(*draws, strict=True))
                if hole.labels:
                    near = _nearest(centre[known], drawn[hole.missing], rng)
                    fills[place] = np.flatnonzero(known)[near]
                    filled[place][hole.missing] = hole.values[fills[place]]
                else:
                    filled[place][hole.missing] = (drawn + noise)[hole.missing]
                    fills[place] = filled[place][hole.missing, 0]
        yield fills


def draw(
    outcome: np.ndarray,
    known: np.ndarray,
    explaining: np.ndarray,
    cluster: np.ndarray | None,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw from the posterior of a random-intercept regression fitted to the known rows.

    Parameters
    ----------
    outcome : ndarray of shape (n,)
    known : ndarray of bool, shape (n,)
    explaining : ndarray of shape (n, p)
        Without an intercept; columns that earlier ones explain are left out.
    cluster : ndarray of int, optional
    rng : Generator

    Returns
    -------
    centre, drawn, noise : ndarray of shape (n,)
        For every row the posterior expectation, one drawn expectation and one drawn error.
    """
    code = np.zeros(len(outcome), int) if cluster is None else cluster
    m = int(code.max()) + 1
    inside = code[known]
    centre = outcome[known].mean()
    y = outcome[known] - centre
    rows = np.flatnonzero(known)
    x = explaining[rows]
    middle = x.mean(axis=0)
    spread = np.sqrt(np.mean((x - middle) ** 2, axis=0))
    others = (explaining - middle) / np.maximum(spread, 1e-300)
    everyone = np.column_stack([np.ones(len(others)), others])
    x = everyone[rows]
    gram = x.T @ x.copy()  # of x itself NumPy takes another routine, which pivots differently
    _, order, rank, _ = dpstrf(gram, tol=_DEPENDENT * len(y))
    kept = order[:rank] - 1
    everyone = everyone[:, kept]
    x = everyone[rows]
    count = np.bincount(inside, minlength=m)
    within = sparse.csr_array((np.ones(len(y)), (inside, np.arange(len(y)))), (m, len(y)))
    sums, rests = within @ x, within @ y
    icc = np.zeros(1) if cluster is None else _LARGEST * _ROOTS**2
    weigh = np.zeros(1) if cluster is None else np.log(_ROOTS)  # d ICC / d root
    theta = icc / (1 - icc)
    shrink = theta[:, None] / (1 + theta[:, None] * count)
    matrix = gram[np.ix_(kept, kept)] - np.stack([(sums * s[:, None]).T @ sums for s in shrink])
    inner = x.T @ y - (shrink * rests) @ sums
    fitted = np.linalg.solve(matrix, inner[..., None])[..., 0]
    square = y @ y - shrink @ rests**2 - (inner * fitted).sum(axis=1)
    square = np.maximum(square, 1e-12 * (y @ y) + 1e-300)
    free = max(len(y) - rank, 1)
    logs = weigh - 0.5 * (
        free * np.log(square)
        + np.log1p(theta[:, None] * count).sum(axis=1)
        + np.linalg.slogdet(matrix)[1]
    )
    chance = np.exp(logs - logs.max())
    g = rng.choice(len(chance), p=chance / chance.sum())
    variance = square[g] / rng.chisquare(free)
    root = np.linalg.cholesky(np.linalg.inv(matrix[g]))
    slopes = fitted[g] + np.sqrt(variance) * root @ rng.standard_normal(rank)
    own = shrink[g] * (rests - sums @ slopes)
    own = own + np.sqrt(variance * theta[g] / (1 + theta[g] * count)) * rng.standard_normal(m)
    expected = shrink[g] * (rests - sums @ fitted[g])
    return (
        centre + everyone @ fitted[g] + expected[code],
        centre + everyone @ slopes + own[code],
        np.sqrt(variance) * rng.standard_normal(len(outcome)),
    )


def _start(column: Column, rng: np.random.Generator) -> np.ndarray:
    """Fill a column with rows drawn from those that are known."""
    values = column.values.copy()
    values[column.missing] = rng.choice(values[~column.missing], column.missing.sum())
    return values


def _means(values: np.ndarray, cluster: np.ndarray) -> np.ndarray:
    means: np.ndarray = np.bincount(cluster, values[:, 0]) / np.bincount(cluster)
    return means.take(cluster)


def _nearest(centre: np.ndarray, drawn: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return for each drawn expectation one of the rows whose expectation is nearest."""
    k = min(_DONORS, len(centre))
    near: np.ndarray = cKDTree(centre).query(drawn, k=k)[1].reshape(len(drawn), k)
    return np.take_along_axis(near, rng.integers(k, size=len(drawn))[:, None], axis=1)[:, 0]
