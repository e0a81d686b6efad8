"""Clusters by their sums of squares and products: small-sample adjustments without a row.

Where no weights enter, the rows F of a cluster in the orthonormal columns of a regression give
(I − FF')^p F c = F (I − S)^p c with S = F'F. A cluster of any size is a matrix of columns by
columns then, and one of a nation's schools differs so little from zero that a few terms of the
binomial series are exact.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import numpy as np

from evidence.stats.design import Columns, Design, as_columns, compact, parts, sums
from evidence.stats.satterthwaite import pairs

NULL = 1e-10  # eigenvalues of I − H below this are zero: the cluster decides a direction alone
SMALL = 0.05  # a leverage whose series is exact after a dozen terms
_TALL = 8  # rows a cluster to which sums of products cost less than sorting (as measured)
_PART = 8_192  # rows
_SINGLE = 12  # columns of which each pair is summed by itself (as measured)
_FEW = 65_536  # rows
_LEVELS = 4_096  # different rows of coded columns that are counted a cluster
_BLOCK = 16_000_000  # numbers of rows held at once
_HELD = 4_000_000  # numbers of matrices held at once


def adjust(
    design: Design,
    rows: np.ndarray,
    own: np.ndarray,
    dense: np.ndarray,
    power: float,
    rounding: np.ndarray,
    into: tuple[np.ndarray, np.ndarray],
) -> np.ndarray:
    """Adjust the clusters that have more rows than columns; return which these are.

    The column of a stratum that lies within one cluster is orthogonal to all others there, and
    nothing of the coefficients is in it.
    """
    (cluster, stratum), pair = pairs(rows, design.strata)
    crossing = (np.bincount(stratum) > 1)[stratum]
    m, k, q = int(rows.max()) + 1, dense.shape[1], len(design.coefficients)
    width = np.bincount(cluster[crossing], minlength=m)
    tall: np.ndarray = np.bincount(rows) > width + k
    if not tall.any():
        return tall
    here = slice(None) if tall.all() else tall[rows]
    which = compact([rows[here]])
    gram = cross_products(which, dense[here])
    gain, null = np.zeros((2, m, k, q))
    cell_gain, cell_null = np.zeros((2, len(cluster), q))
    squares = np.bincount(pair, own**2)
    across = sums(pair, own[:, None] * dense) if crossing.any() else np.empty((0, k))
    lines = np.flatnonzero(tall)
    # Where a cluster's strata stand among its columns; padded to the next power of two.
    order = np.flatnonzero(crossing & tall[cluster])
    order = order[np.argsort(cluster[order], kind="stable")]
    start = np.cumsum(np.where(tall, width, 0)) - np.where(tall, width, 0)
    padded = np.where(width > 0, 2 ** np.ceil(np.log2(np.maximum(width, 1))).astype(int), 0)
    for length in np.unique(padded[lines]):
        own_lines = np.flatnonzero(padded[lines] == length)
        step = max(1, _HELD // (length + k) ** 2)
        for first in range(0, len(own_lines), step):
            part = own_lines[first : first + step]
            member = lines[part]
            inside = np.arange(length) < width[member][:, None]
            cell = order[(start[member][:, None] + np.arange(length))[inside]]
            block = np.zeros((len(part), length + k, length + k))
            at = np.nonzero(inside)
            block[(*at, at[1])] = squares[cell]
            block[at[0], at[1], length:] = across[cell]
            block[:, length:, :length] = block[:, :length, length:].swapaxes(1, 2)
            block[:, length:, length:] = gram[part]
            right = np.concatenate([np.zeros((length, q)), design.coefficients.T])
            gained, nothing = gains(block, right, power)
            nothing *= np.linalg.norm(nothing, axis=1, keepdims=True) > rounding
            gain[member], null[member] = gained[:, length:], nothing[:, length:]
            cell_gain[cell], cell_null[cell] = gained[:, :length][at], nothing[:, :length][at]
    for target, by_column, by_cell in zip(into, (gain, null), (cell_gain, cell_null), strict=True):
        if not (by_column.any() or by_cell.any()):
            continue
        for j in range(q):
            total = np.zeros(len(rows))
            if by_cell[:, j].any():
                total += own * by_cell[:, j][pair]
            for i, column in enumerate(dense.T):
                total += column * by_column[:, i, j][rows]
            target[:, j] = total
    return tall


def cross_products(
    rows: np.ndarray, columns: np.ndarray | Columns, weights: np.ndarray | None = None
) -> np.ndarray:
    """Return Z'WZ of each cluster, shape (m, k, k).

    Parameters
    ----------
    rows : ndarray of int, shape (n,)
        Codes of the clusters, 0 to m − 1, each of which has a row.
    columns : ndarray or Columns, shape (n, k)
    weights : ndarray of shape (n,), optional
    """
    columns = as_columns(columns)
    (n, k), m = columns.shape, int(rows.max()) + 1
    coded, whole, others, single = columns.split(min(n // (2 * m), _LEVELS))
    v, levels, table = len(single), coded.table.shape[1], coded.table
    if v > _SINGLE and n >= _TALL * m:
        return _by_rows(rows, columns, weights)
    bins, step = m * levels, max(_PART, min(n, m * levels))
    count, sums, products = np.zeros(bins), np.zeros((v, bins)), np.zeros((v, v, m))
    room, few = np.empty((v, step)), max(_FEW, m)
    for first in range(0, n, step):
        some = slice(first, min(first + step, n))
        codes, held = rows[some], room[:, : some.stop - first]
        weight = None if weights is None else weights[some]
        for part in parts(len(codes)):
            here = slice(first + part.start, min(first + part.stop, some.stop))
            others.write(here, held[:, part].T)
        cell = codes * levels + coded.codes[some] if levels > 1 else codes
        count += np.bincount(cell, weight, bins)
        heavy = held if weight is None else held * weight
        for j in range(v):
            sums[j] += np.bincount(cell, heavy[j], bins)
        for begin in range(0, len(codes), few):  # products of two columns stay in the cache
            part = slice(begin, begin + few)
            for i, j in itertools.combinations_with_replacement(range(v), 2):
                products[i, j] += np.bincount(codes[part], heavy[i, part] * held[j, part], m)
    out = np.empty((m, k, k))
    for i, place in enumerate(whole):
        out[:, place, whole] = count.reshape(m, levels) @ (table[i] * table).T
    for i, place in enumerate(single):
        out[:, place, whole] = out[:, whole, place] = sums[i].reshape(m, levels) @ table.T
        for j, other in enumerate(single[i:], i):
            out[:, place, other] = out[:, other, place] = products[i, j]
    return out


def _by_rows(rows: np.ndarray, columns: Columns, weights: np.ndarray | None) -> np.ndarray:
    """Return Z'WZ of clusters of many columns: each cluster's rows gathered."""
    (n, k), m = columns.shape, int(rows.max()) + 1
    out, product, size = np.zeros((m, k, k)), np.empty((k, k)), max(_PART, _BLOCK // k)
    for first in range(0, n, size):  # whole rows lie together: a cluster's are soon gathered
        block = np.empty((min(size, n - first), k))
        for part in parts(len(block)):
            some = slice(first + part.start, first + min(part.stop, len(block)))
            columns.write(some, block[part])
            if weights is not None:
                block[part] *= np.sqrt(weights[some])[:, None]
        codes = rows[first : first + len(block)]
        for places, ends in together(codes):
            held, start = block.take(places, axis=0), ends[0]
            for stop in ends[1:]:
                if stop > start:
                    own = held[start:stop]
                    np.matmul(own.T, own, out=product)
                    out[codes[places[start]]] += product
                start = stop
    return out


def predictions(rows: np.ndarray, columns: Columns, coefficients: np.ndarray) -> np.ndarray:
    """Return each row's columns times the coefficients of its cluster, shape (m, k)."""
    n, m = len(rows), len(coefficients)
    coded, whole, others, single = columns.split(min(n // (2 * m), _LEVELS))
    levels, out = coded.table.shape[1], np.empty(n)
    known = (coefficients[:, whole] @ coded.table).ravel()
    slopes = np.ascontiguousarray(coefficients[:, single].T)
    for part in parts(n):
        own = rows[part]
        out[part] = known.take(own * levels + coded.codes[part])
        place = 0
        for block in others.blocks:
            for column in block(part):
                out[part] += column * slopes[place].take(own)
                place += 1
    return out


def together(rows: np.ndarray) -> Iterator[tuple[np.ndarray, list[int]]]:
    """Give places of rows, whole clusters at a time and few enough for a processor's cache.

    With them where each of the clusters among them, whose codes follow each other, begins, and
    their number at the end.
    """
    size = np.bincount(rows)
    narrow = rows.astype(np.min_scalar_type(len(size)))  # numpy sorts 16 bits by counting
    order = np.argsort(narrow, kind="stable")
    end = np.cumsum(size)
    first = start = 0
    while first < len(end):
        last = max(first + 1, int(np.searchsorted(end, start + _PART, side="right")))
        ends = [start, *end[first:last].tolist()]
        yield order[start : ends[-1]], [place - start for place in ends]
        first, start = last, ends[-1]


def gains(gram: np.ndarray, right: np.ndarray, power: float) -> tuple[np.ndarray, np.ndarray]:
    """Return (I − S)^power c of each cluster and the part of c in the null space of I − S.

    Parameters
    ----------
    gram : ndarray of shape (m, r, r)
        S, with eigenvalues from 0 to 1.
    right : ndarray of shape (r, q) or (m, r, q)
        c.
    power : float
        −1/2 for CR2, −1 for CR3, 0 for the others. A null direction is taken to the power as by
        the Moore–Penrose inverse.
    """
    m, r, _ = gram.shape
    whole = np.broadcast_to(right, (m, r, right.shape[-1])).copy()
    null = np.zeros_like(whole)
    leverage = np.trace(gram, axis1=1, axis2=2)
    small = leverage <= SMALL
    if power and small.any():
        few = gram[small]
        whole[small] = series(lambda term: few @ term, whole[small], power, leverage[small].max())
    if not small.all():
        values, vectors = np.linalg.eigh(np.eye(r) - gram[~small])
        positive = (values > NULL)[..., None]
        along = vectors.swapaxes(-1, -2) @ whole[~small]
        powers = np.where(positive, values[..., None], 1.0) ** power
        null[~small] = vectors @ np.where(positive, 0.0, along)
        if power:
            whole[~small] = vectors @ (powers * np.where(positive, along, 0.0))
    return whole, null


def series(
    times: Callable[[np.ndarray], np.ndarray], right: np.ndarray, power: float, largest: float
) -> np.ndarray:
    """Return (I − S)^power c by the binomial series; `times` multiplies by S, of norm `largest`."""
    term, total, j, bound = right, right, 0, largest
    while bound > np.finfo(float).eps / 8:
        term = times(term) * ((j - power) / (j + 1))
        total, j, bound = total + term, j + 1, bound * largest
    return total
