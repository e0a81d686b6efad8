"""Regression discontinuity: a programme given by a rule to those on one side of a cut-off."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from evidence.errors import EvidenceError
from evidence.methods.core import frames
from evidence.methods.core.results import Estimate
from evidence.stats import covariance
from evidence.stats.design import design
from evidence.stats.mccrary import jump

_SIDES = ("below", "above")
_FEWEST = 10  # rows (clusters) on either side within the bandwidth
_VALUES = 5  # different values of the running column there: a line with curvature needs some


def discontinuity(
    data: pd.DataFrame,
    *,
    outcome: str,
    running: str,
    cutoff: float,
    treated: str = "below",
    treatment: str | None = None,
    cluster: str | None = None,
    weights: str | None = None,
    covariates: Sequence[str] = (),
    bandwidth: float | None = None,
    bias_corrected: bool = True,
    level: float = 0.95,
) -> Estimate:
    """Estimate the effect at the cut-off of a rule that decided who was offered a programme.

    Parameters
    ----------
    data : DataFrame
        One row a pupil or school.
    outcome, running : str
        Columns of results and of what the rule looked at, numbers.
    cutoff : float
        In units of `running`.
    treated : {"below", "above"}
        Who was offered it: those below the cut-off, or those at it and above.
    treatment : str, optional
        0/1 column of who took part; rows that did not follow the rule are counted in the caveats.
    cluster : str, optional
        Column of groups whose errors go together, such as schools of pupils.
    weights : str, optional
        Column of positive weights.
    covariates : sequence of str
        Further columns held fixed, from before the start.
    bandwidth : float, optional
        Rows this near to the cut-off count; by default the one that is best in mean squared error,
        × n^(−1/20) where bias is corrected.
    bias_corrected : bool
        Correct estimate and interval for the curvature on either side. Without it intervals at the
        default bandwidth are too short.
    level : float

    Returns
    -------
    Estimate
        `estimand` "itt": of being on the side that was offered it, for those at the cut-off; in
        units of the outcome. CR2 by cluster, else HC2, with Satterthwaite df. `n_treated` and
        `n_control` count rows within the bandwidth.

    Raises
    ------
    EvidenceError
        A column is missing or of the wrong kind; the bandwidth is not positive; on either side
        there are fewer than 10 rows (or clusters) or 5 different values of `running` within it.

    Notes
    -----
    Local linear regression on either side with weights max(0, 1 − |x − c|/h). The bias-corrected
    estimate with pilot bandwidth h is the local quadratic one at h, and its errors are that fit's
    (Calonico et al. 2014, remark 7). Bandwidth: Imbens and Kalyanaraman (2012), on standardised
    columns and with all rows in the cubic fit; narrowed, for intervals that cover what they say, by
    the rule of thumb of Calonico et al. (2020), section 4. A jump in the number of units at the
    cut-off (McCrary 2008) is a caveat: somebody may have chosen a side.

    References
    ----------
    Imbens, G. and Kalyanaraman, K. (2012), Review of Economic Studies 79(3), eq. 16 and 17 and
    section 4.2; doi:10.1093/restud/rdr043. Calonico, S., Cattaneo, M. D. and Titiunik, R. (2014),
    Econometrica 82(6); doi:10.3982/ECTA11757. Calonico, S., Cattaneo, M. D. and Farrell, M. H.
    (2020), Econometrics Journal 23(2); doi:10.1093/ectj/utz022. McCrary, J. (2008), Journal
    of Econometrics 142(2).
    """
    frames.one_of("treated", treated, _SIDES)
    frames.yes_or_no(bias_corrected=bias_corrected)
    covariance.check_level(level)
    frames.number("cutoff", cutoff)
    stated = bandwidth is not None
    if stated:
        frames.number("bandwidth", bandwidth, 0, ends=False)
    named = frames.listed(covariates)
    frames.require(data, (outcome, running, treatment, cluster, weights, *named))
    columns = {"outcome": outcome, "running": running, "treatment": treatment, "cluster": cluster}
    frames.distinct([*columns], **columns, weights=weights, covariates=named)
    others, _, complete = frames.covariates(data, named)
    y, x = (frames.measured(data, name) for name in (outcome, running))
    group = None
    have = {outcome: ~np.isnan(y), running: ~np.isnan(x), ", ".join(named): complete}
    if cluster is not None:
        group = frames.factor(data, cluster)[0]
        have[cluster] = group >= 0
    weight = np.ones(len(data)) if weights is None else frames.weights(data, weights)
    if weights is not None:
        have[weights] = weight > 0
    keep, notes = frames.complete(have, np.ones(len(data), bool), "rows")
    y, x, weight, others = y[keep], x[keep] - cutoff, weight[keep], others[keep]
    group = None if group is None else group[keep]
    offered = x < 0 if treated == "below" else x >= 0
    if not len(y) or np.ptp(y) == 0:
        raise EvidenceError(f"column {outcome!r} is constant: there is nothing to explain")
    _check(x, offered, group, math.inf, running, cluster)
    # What is best for the estimate is too wide for the corrected interval: Calonico et al. 2020.
    narrowed = len(x) ** -0.05 if bias_corrected else 1.0
    width = narrowed * best_bandwidth(y, x) if bandwidth is None else float(bandwidth)
    _check(x, offered, group, width, running, cluster)
    near = np.abs(x) < width
    side, line = offered[near].astype(float), x[near]
    powers = [line, line**2] if bias_corrected else [line]
    shapes = np.column_stack([*(p for p in powers), *(side * p for p in powers), others[near]])
    kernel = weight[near] * (1 - np.abs(line) / width)
    regression = design(side[:, None], shapes, None, kernel, f"column {running!r}")
    estimate, residuals = regression.fit(y[near])
    codes = None if group is None else np.unique(group[near], return_inverse=True)[1]
    errors = "HC2" if group is None else "CR2"
    inference = covariance.robust(regression, residuals, codes, errors, label=f"column {outcome!r}")
    caveats = [*notes, *_bunching(x, group), *_ignored(data, keep, treatment, offered, near)]
    if inference.df[0] < 4:
        caveats.append("fewer than 4 degrees of freedom: read the interval with great caution")
    sides = ["below", "at or above"]
    mine, other = sides if treated == "below" else sides[::-1]
    errors = f"CR2 by {cluster}" if cluster else errors
    shape = "local linear, bias-corrected" if bias_corrected else "local linear"
    how = "stated" if stated else "coverage-optimal" if bias_corrected else "MSE-optimal"
    return Estimate.tested(
        estimate[0],
        inference.std_error[0],
        inference.df[0],
        level,
        estimand="itt",
        outcome=outcome,
        treatment=f"{running} {mine} {cutoff:g} against {other} it",
        method=f"{shape}, triangular kernel, {how} bandwidth {width:.3g}, {errors} "
        "(Satterthwaite df)",
        unit="score",
        n_obs=regression.n_obs,
        n_clusters=inference.n_clusters,
        n_treated=int(side.sum()),
        n_control=int((side == 0).sum()),
        caveats=tuple(caveats),
    )


def best_bandwidth(y: np.ndarray, x: np.ndarray) -> float:
    """Return the bandwidth that is best in mean squared error for a local linear jump at 0.

    Parameters
    ----------
    y, x : ndarray of shape (n,)
        Outcome, and distance from the cut-off.

    Notes
    -----
    Imbens and Kalyanaraman (2012), section 4.2: density and variances within 1.84 S n^(−1/5);
    third derivative of a cubic with a jump; second derivatives of quadratics on either side within
    h₂ = 3.56 (σ²/(f m₃²))^(1/7) n^(−1/7); then eq. 17, with the regularisation 2160 σ²/(n₂ h₂⁴).
    """
    scale = float(np.std(x, ddof=1))
    x, y, n = x / scale, y / np.std(y, ddof=1), len(x)
    pilot = 1.84 * n**-0.2
    sides = (x < 0, x >= 0)
    near = [s & (np.abs(x) <= pilot) for s in sides]
    density = max(sum(s.sum() for s in near), 2) / (2 * n * pilot)
    # Of a side with few rows that near, its nearest ten.
    near = [m if m.sum() >= 10 else _nearest(x, s, 10) for m, s in zip(near, sides, strict=True)]
    variance = [max(float(np.var(y[m], ddof=1)), 1e-12) for m in near]
    cubic = np.column_stack([np.ones(n), x >= 0, x, x**2, x**3])
    third = 6 * np.linalg.lstsq(cubic, y, rcond=None)[0][-1]
    curve, regular = [], 0.0
    for s, v in zip(sides, variance, strict=True):
        h = 3.56 * (v / (density * max(third**2, 0.01))) ** (1 / 7) * s.sum() ** (-1 / 7)
        m = s & (np.abs(x) <= h)
        m = m if len(np.unique(x[m])) > 3 else _nearest(x, s, 10)
        fit = np.linalg.lstsq(np.vander(x[m], 3), y[m], rcond=None)[0]
        curve.append(2 * fit[0])
        regular += 2160 * v / (m.sum() * h**4)
    bias = (curve[1] - curve[0]) ** 2 + regular
    return float(scale * 3.4375 * (sum(variance) / (density * bias)) ** 0.2 * n**-0.2)


def _nearest(x: np.ndarray, side: np.ndarray, number: int) -> np.ndarray:
    furthest = np.sort(np.abs(x[side]))[min(number, int(side.sum())) - 1]
    near: np.ndarray = side & (np.abs(x) <= furthest)
    return near


def _check(
    x: np.ndarray,
    offered: np.ndarray,
    group: np.ndarray | None,
    width: float,
    running: str,
    cluster: str | None,
) -> None:
    """Refuse a side with too few units or values."""
    where = "in all" if math.isinf(width) else f"within {width:.3g} of it"
    for mask, side in ((offered, "offered"), (~offered, "other")):
        near = mask & (np.abs(x) < width)
        units = int(near.sum()) if group is None else len(np.unique(group[near]))
        values = len(np.unique(x[near]))
        if units < _FEWEST or values < _VALUES:
            raise EvidenceError(
                f"column {running!r}: the {side} side of the cut-off has "
                f"{frames.counted(units, f'{cluster} cluster' if cluster else 'row')} with "
                f"{frames.counted(values, 'different value')} {where}; at least {_FEWEST} "
                f"and {_VALUES} are needed: give a wider bandwidth or more data"
            )


def _bunching(x: np.ndarray, group: np.ndarray | None) -> list[str]:
    """Say whether units crowd on one side of the cut-off."""
    if group is not None:  # a school counts once where all its rows have one value
        whole = pd.DataFrame({"group": group, "x": x}).groupby("group")["x"].agg(["min", "max"])
        if (whole["min"] == whole["max"]).all():
            x = whole["min"].to_numpy()
    ratio_and_p = jump(x)
    if ratio_and_p is None:
        return ["too few units near the cut-off to see whether they crowd on one side of it"]
    ratio, p_value = ratio_and_p
    if p_value >= 0.05:
        return []
    more, less = ("above", "below") if ratio > 0 else ("below", "above")
    many = "many" if math.isinf(ratio) else f"{math.exp(abs(ratio)):.1f} times as many"
    than = f", none just {less}" if math.isinf(ratio) else f" as just {less}"
    return [
        f"units crowd on one side of the cut-off ({many} just {more}{than}): somebody may have "
        "chosen a side, which undoes the design"
    ]


def _ignored(
    data: pd.DataFrame,
    keep: np.ndarray,
    treatment: str | None,
    offered: np.ndarray,
    near: np.ndarray,
) -> list[str]:
    """Count the rows within the bandwidth that did not follow the rule."""
    if treatment is None:
        return []
    took = frames.numbers(data, treatment)[keep]
    if not np.isin(took, (0, 1)).all():
        raise EvidenceError(f"column {treatment!r}: 0 or 1 is needed in every row")
    against = int(((took == 1) != offered)[near].sum())
    if not against:
        return []
    return [
        f"{against:,} of {int(near.sum()):,} rows did not follow the rule: this is the effect of "
        "being offered the programme, smaller than that of taking part"
    ]
