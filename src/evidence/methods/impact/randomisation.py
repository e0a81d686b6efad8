"""The randomisation test of a panel: permute treatment paths between units."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np

from evidence.errors import EvidenceError
from evidence.methods.core import frames
from evidence.methods.core.allocation_rule import asked
from evidence.methods.core.results import Estimate, words_of
from evidence.methods.impact.panel_data import PanelData, caveats, effect_on_treated, of_panel
from evidence.stats import covariance
from evidence.stats.permutation import every, judged, possible, shuffled, statistics

_PLURAL = ("units lack", "their", "them")


@of_panel()
def randomisation_test(
    panel: PanelData,
    *,
    strata: str | None = None,
    allocation: Callable[[np.random.Generator, int], object] | None = None,
    draws: int = 999,
    seed: int = 0,
    statistic: str = "difference",
    level: float = 0.95,
) -> Estimate:
    """Test the effect of :func:`evidence.methods.impact.did` by permuting treatment paths.

    The arguments of `did`, and

    Parameters
    ----------
    cluster : str, optional
        Column of groups that joined together, such as federations: whole groups are permuted.
    strata : str, optional
        Column, constant within units, inside which treatment paths are permuted: units
        that were as likely to join.
    allocation : callable, optional
        The rule as ``allocation(rng, draws)``, which returns an array (draws × units) of 0 and 1,
        the units sorted by label; as in :func:`evidence.methods.trials.randomisation_test`. It
        needs a programme with one treatment path, such as one start.
    draws, seed : int
        Draws and their seed. Where one treatment path has no more permutations than draws,
        each is taken once.
    statistic : {"difference", "t"}
        The coefficient, or its ratio to its classical standard error.

    Returns
    -------
    Estimate
        That of `did`; `p_value` two-sided; the interval holds the effects, the same for every
        treated row (or in proportion to the dose), that the test does not reject. `std_error` is
        the standard deviation of the statistic under the effect estimated; `df` is NaN.

    Raises
    ------
    EvidenceError
        As `did`; treatment paths differ within a cluster; strata are missing or vary within units;
        a programme that ends or has doses lacks rows; no other assignment is possible.

    Notes
    -----
    p = (1 + #{|T*| ≥ |T|})/(1 + draws). The plain coefficient is the default: under the null that
    nobody's result would have differed the test is exact with it whatever the number of treated
    units, and its interval is that of the coefficient reported. It supposes that units of a stratum
    could as well have had each other's; where they chose, or were chosen for their results, it
    tests that as much as the effect.

    References
    ----------
    MacKinnon, J. G. and Webb, M. D. (2020), Journal of Econometrics 218(2), section 3. Phipson, B.
    and Smyth, G. K. (2010), Statistical Applications in Genetics and Molecular Biology 9(1), eq. 2.
    """
    frames.one_of("statistic", statistic, ("difference", "t"))
    covariance.check_level(level)
    frames.whole("draws", draws, 1)
    frames.whole("seed", seed, 0)
    name = panel.columns["cluster"]
    block = _blocks(panel, strata)
    paths, values = _paths(panel)
    k, rng = len(values), np.random.default_rng(seed)
    exact = False
    if allocation is not None:
        if k > 1:
            raise EvidenceError(
                f"{panel.label} has {k} different treatment paths, such as starts; allocation= "
                "needs one: give strata= instead"
            )
        codes, labels = frames.factor(panel.data, name)
        places = np.unique(codes[panel.rows])
        drawn = asked(allocation, rng, draws, labels, len(labels), places)
    else:
        total = possible(paths, block, draws) if k == 1 else math.inf
        exact = total <= draws
        if not any(np.ptp(paths[block == b]) for b in range(int(block.max()) + 1)):
            raise EvidenceError(
                f"{panel.label}: no two {name} of a stratum have different treatment paths, so "
                "that there is nothing to permute; use broader strata"
            )
        drawn = every(paths, block, int(total)) if exact else shuffled(paths, block, rng, draws)
    columns = (*_columns(panel, values), k * len(paths))
    observed, drew, slopes = statistics(
        panel.design, panel.outcome, columns, _one_hot(drawn, k), statistic
    )
    p_value, (lower, upper), error, notes = judged(observed, drew, slopes, exact, level)
    if error <= 1e-10 * np.std(panel.outcome):
        raise EvidenceError(
            f"column {panel.columns['outcome']!r} is explained exactly by treatment and "
            "covariates: there is no chance to judge by"
        )
    rule = "" if strata is None else f" within {strata}"
    what = f"treatment paths of {name} permuted{rule if allocation is None else ' by rule'}"
    return effect_on_treated(
        panel,
        f"{panel.method}, {words_of(statistic, what, len(drew), exact)}",
        (observed, error, math.inf),
        level,
        (*caveats(panel, panel.design, math.inf), *notes),
        df=math.nan,
        p_value=p_value,
        ci_lower=lower,
        ci_upper=upper,
    )


def _blocks(panel: PanelData, strata: str | None) -> np.ndarray:
    """Return the stratum of each cluster."""
    block = np.zeros(panel.n_clusters, int)
    if strata is None:
        return block
    frames.require(panel.data, (strata,))
    codes = frames.factor(panel.data, strata)[0][panel.rows]
    if (codes < 0).any():
        raise EvidenceError(
            f"column {strata!r}, {frames.row(panel.rows[codes < 0][0])}: no stratum given "
            f"({frames.counted((codes < 0).sum(), 'such row')}); every unit needs one"
        )
    block[panel.cluster] = codes
    if (block[panel.cluster] != codes).any():
        raise EvidenceError(
            f"column {strata!r} varies within {panel.columns['cluster']!r}, so that treatment "
            "paths cannot be permuted within it; give the stratum of the time before the start"
        )
    return np.unique(block, return_inverse=True)[1]


def _paths(panel: PanelData) -> tuple[np.ndarray, list[np.ndarray]]:
    """Return each cluster's treatment path (0 is never treated), and the doses of the others."""
    times, when = np.unique(panel.time, return_inverse=True)
    start = panel.start[panel.unit]
    if (panel.dose == (panel.time >= start)).all():
        # the start says all, even at times for which a unit has no row
        table = (times >= start[:, None]).astype(float)
    else:
        table = np.full((int(panel.unit.max()) + 1, len(times)), np.nan)
        table[panel.unit, when] = panel.dose
        if lost := int(np.isnan(table).any(axis=1).sum()):
            who, its, them = ("unit lacks", "its", "it") if lost == 1 else _PLURAL
            raise EvidenceError(
                f"{panel.label} ends again or is a dose, and {lost} {who} a row at some time, so "
                f"that {its} treatment path is not known; complete {them} or leave {them} out"
            )
        table = table[panel.unit]
    own = np.empty((panel.n_clusters, len(times)))
    own[panel.cluster] = table
    if (own[panel.cluster] != table).any():
        raise EvidenceError(
            f"{panel.label} differs within {panel.columns['cluster']!r}: units of one cluster that "
            "did not join together cannot be permuted as one; leave out cluster="
        )
    never = np.zeros((1, len(times)))
    paths, codes = np.unique(np.vstack([never, own]), axis=0, return_inverse=True)
    codes = codes.ravel()
    order = np.argsort(np.abs(paths).sum(axis=1) > 0, kind="stable")  # never treated comes first
    rank = np.empty(len(order), int)
    rank[order] = np.arange(len(order))
    return rank[codes[1:]].astype(float), list(paths[order][1:])


def _columns(
    panel: PanelData, values: list[np.ndarray]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return rows, columns (path × cluster) and doses of every way a row can be treated."""
    dose = np.array(values)[:, np.unique(panel.time, return_inverse=True)[1]]
    path, rows = np.nonzero(dose)
    return rows, path * panel.n_clusters + panel.cluster[rows], dose[path, rows]


def _one_hot(drawn: Iterator[np.ndarray], k: int) -> Iterator[np.ndarray]:
    """Turn paths 0 … k of each cluster into 0 and 1 by path and cluster."""
    for paths in drawn:
        yield np.concatenate([paths == path for path in range(1, k + 1)], axis=1).astype(float)
