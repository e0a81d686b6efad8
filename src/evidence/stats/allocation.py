"""Random allocation: within strata, minimised, of the best balance; and pairs that are alike.

Arms are codes 0, 1, …; ``base`` holds each as often as its part of the ratio. Draws come from the
raw words of a bit generator, so that no change of NumPy's distributions changes an allocation.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import rustworkx

from evidence.stats.permutation import members

Raw = Callable[[tuple[int, ...]], np.ndarray]
_GRAIN = 1e7  # distances are whole numbers up to this


def words(bits: np.random.BitGenerator) -> Raw:
    """Return a source of random 64-bit words in the shape asked for."""
    return lambda shape: bits.random_raw(int(np.prod(shape))).reshape(shape)


def stratified(raw: Raw, draws: int, stratum: np.ndarray, base: np.ndarray) -> np.ndarray:
    """Return allocations (draws × units) that share out each stratum exactly as `base`.

    What is left of a stratum that `base` does not divide goes to arms drawn from one more `base`.
    """
    arm = np.empty((draws, len(stratum)), int)
    for units in members(stratum):
        whole, rest = divmod(len(units), len(base))
        deck = np.tile(np.tile(base, whole), (draws, 1))
        if rest:
            last = base[np.argsort(raw((draws, len(base))), axis=1)]
            deck = np.hstack([deck, last[:, :rest]])
        order = np.argsort(raw((draws, len(units))), axis=1)
        arm[:, units] = np.take_along_axis(deck, order, axis=1)
    return arm


def minimised(
    raw: Raw, draws: int, factors: np.ndarray, base: np.ndarray, probability: float
) -> np.ndarray:
    """Return allocations (draws × units) minimised over the levels of several factors.

    Units come in random order. The arm wanted is that with which the variance over arms of count
    over ratio, added over the unit's levels, is least. It is taken with the probability w, and
    an arm by the ratio otherwise: w is such that the smallest arm, where wanted, is taken with
    `probability`.

    References
    ----------
    Pocock, S. J. and Simon, R. (1975), Biometrics 31(1). Unequal ratios: Han, B., Enas, N. H. and
    McEntegart, D. (2009), Statistics in Medicine 28(27), whose biased coin is this one.
    """
    ratio = np.bincount(base).astype(float)
    weight = 1 - (1 - probability) * ratio.sum() / (ratio.sum() - ratio.min())
    start = np.concatenate([[0], np.cumsum(factors.max(axis=0) + 1)])
    cells, n = factors + start[:-1], len(factors)
    count = np.zeros((draws, int(start[-1]), len(ratio)))
    order = np.argsort(raw((draws, n)), axis=1)
    arm, draw = np.empty((draws, n), int), np.arange(draws)
    for unit in order.T:
        coin, any_arm, *ties = (raw((2 + len(ratio), draws)) >> np.uint64(11)) * 2.0**-53
        here = cells[unit]
        after = (count[draw[:, None], here][:, :, None] + np.eye(len(ratio))) / ratio
        imbalance = after.var(axis=-1).sum(axis=1)
        least = imbalance <= imbalance.min(axis=1, keepdims=True) + 1e-9
        race = -np.log1p(-np.array(ties).T) / ratio  # the first of exponential times
        wanted = np.where(least, race, np.inf).argmin(axis=1)
        taken = np.where(coin < weight, wanted, base[(any_arm * len(base)).astype(int)])
        arm[draw, unit] = taken
        count[draw[:, None], here, taken[:, None]] += 1
    return arm


def standardised(covariates: np.ndarray) -> np.ndarray:
    """Return covariates as uncorrelated columns of variance 1: distances become Mahalanobis's."""
    centred = covariates - covariates.mean(axis=0)
    left, size, _ = np.linalg.svd(centred / np.maximum(centred.std(axis=0), 1e-12), False)
    columns: np.ndarray = left[:, size > 1e-8 * size.max()] * np.sqrt(len(covariates) - 1)
    return columns


def imbalance(arm: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Return Σ n |mean|² over the arms of each allocation: of two, Mahalanobis's distance.

    Parameters
    ----------
    columns : ndarray
        Of :func:`standardised`. Morgan, K. L. and Rubin, D. B. (2012), Annals of Statistics 40(2).
    """
    total = np.zeros(len(arm))
    for code in range(int(arm.max()) + 1):
        inside = (arm == code).astype(float)
        total += ((inside @ columns) ** 2).sum(axis=1) / np.maximum(inside.sum(axis=1), 1)
    return total


def balanced(
    raw: Raw,
    draws: int,
    draw: Callable[[Raw, int], np.ndarray],
    columns: np.ndarray,
    most: float,
) -> np.ndarray:
    """Return allocations whose imbalance is at most `most`: by rejection, so all alike likely."""
    found: list[np.ndarray] = []
    while sum(map(len, found)) < draws:
        arm = draw(raw, min(2000, 1 + 2_000_000 // len(columns)))
        found.append(arm[imbalance(arm, columns) <= most])
    return np.concatenate(found)[:draws]


def pairs(columns: np.ndarray, stratum: np.ndarray) -> np.ndarray:
    """Return the code of each unit's pair: within strata the distances add up to the least.

    Notes
    -----
    A matching of all units of the greatest weight (Edmonds' blossoms), distances being rounded to
    whole numbers. Greevy, R. et al. (2004), Biostatistics 5(2).
    """
    pair, done = np.empty(len(stratum), int), 0
    for units in members(stratum):
        part = columns[units]
        square = ((part[:, None] - part[None]) ** 2).sum(axis=-1)
        far = np.rint(np.sqrt(square / max(square.max(), 1e-12)) * _GRAIN).astype(int)
        one, other = np.triu_indices(len(units), 1)
        graph = rustworkx.PyGraph(multigraph=False)
        graph.add_nodes_from(range(len(units)))
        near = int(_GRAIN) + 1 - far[one, other]
        graph.add_edges_from([*zip(one.tolist(), other.tolist(), near.tolist(), strict=True)])
        matched = rustworkx.max_weight_matching(graph, max_cardinality=True, weight_fn=int)
        for place, both in enumerate(sorted(sorted(two) for two in matched), done):
            pair[units[both]] = place
        done += len(units) // 2
    return pair
