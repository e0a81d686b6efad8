"""Power by formula: one engine for eighteen designs, each written as what its levels do.

Sizes, rates and variances may be arrays that broadcast.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy import special, stats

SIZES = "nJKL"
# What happens at each level above the pupils', from the second up. C: whole units of this level
# share an arm. B: units are blocks between which the effect varies. F: blocks of an effect each.
# E: blocks that share one effect.
DESIGNS = {
    "IRA": "",
    "BIRA2_constant": "E",
    "BIRA2_fixed": "F",
    "BIRA2_random": "B",
    "BIRA3_random": "BB",
    "BIRA4_random": "BBB",
    "CRA2": "C",
    "BCRA3_fixed": "CF",
    "BCRA3_random": "CB",
    "BCRA4_random_2": "CBB",
    "CRA3": "CC",
    "BCRA4_fixed": "CCF",
    "BCRA4_random": "CCB",
    "CRA4": "CCC",
    "IRA_pn": "",
    "BIRA2_pn": "B",
    "CRA2_pn": "C",
    "BCRA3_pn": "CB",
}


def nested(design: str) -> bool:
    """Say whether only the treated are taught in groups."""
    return design.endswith("_pn")


def levels(design: str) -> list[tuple[int, str]]:
    """Return the number and the kind of each level that has a variance, from the second up."""
    return [(at, kind) for at, kind in enumerate(DESIGNS[design], 2) if kind in "BC"]


def sizes(design: str) -> str:
    """Return the symbols of a design's sample sizes, pupils first."""
    return SIZES[: len(DESIGNS[design]) + 1]


def symbols(design: str) -> tuple[list[str], dict[str, float | None]]:
    """Return the symbols that a design needs, and those with a default (``df``: None)."""
    needed = [*sizes(design)]
    with_default: dict[str, float | None] = {"p": 0.5, "r2_1": 0.0}
    if not nested(design) or "B" in DESIGNS[design]:
        with_default["g"] = 0
    if nested(design):
        with_default |= {"rho_ic": 0.0 if levels(design) else 0.2, "ic_size": 1, "df": None}
        with_default |= {f"rho{at}_trt": 0.2 if at == 2 else 0.1 for at, _ in levels(design)}
        with_default |= {f"omega{at}": 0.5 for at, kind in levels(design) if kind == "B"}
        return needed, with_default | ({} if levels(design) else {"ratio_tc_var": 1.0})
    for at, kind in levels(design):
        needed += [f"rho{at}"] + [f"omega{at}"] * (kind == "B")
        with_default[f"r2_{at}" if kind == "C" else f"r2t{at}"] = 0.0
    return needed, with_default | {"rel1": 1.0}


def precision(design: str, value: Mapping[str, Any]) -> tuple[Any, Any]:
    """Return the standard error of the effect in standard deviations, and its df.

    Parameters
    ----------
    value : mapping
        Every symbol of :func:`symbols`.

    Notes
    -----
    Of N pupils a share p is treated, q = 1 − p. A level's variance ρ(1 − R²) is divided by pq times
    its number of units where whole units share an arm, and ρω(1 − R²) by that number where the
    effect varies between blocks; the pupils' (1 − Σρ)(1 − R²) is divided by pqN. The df are the
    units at the top less 1 (blocks) or 2 (arms), and less g. Of partially nested designs, where the
    treated are taught in groups of m, SE² = (1 − R²)(1 − pρ + Σ + ρq(m − 1))/(Npq(1 − ρ)), ρ the
    groups' correlation and Σ what the levels above add; as in PowerUpR, BIRA2_pn takes g but its df
    do not use it.

    References
    ----------
    Dong, N. and Maynard, R. (2013), Journal of Research on Educational Effectiveness 6(1).
    Lohr, S., Schochet, P. and Sanders, E. (2014), Partially nested randomized controlled trials in
    education research, NCER 2014-2000, chapters 3 and 4.
    """
    kinds, p, q = DESIGNS[design], value["p"], 1 - value["p"]
    size = [value[symbol] for symbol in sizes(design)]
    pupils = np.prod(np.broadcast_arrays(*size), axis=0, dtype=float)
    above = {1: pupils}  # units of each level, all together
    for at in range(2, len(size) + 1):
        above[at] = above[at - 1] / size[at - 2]
    if nested(design):
        return _nested(design, value, above), _nested_df(design, value)
    share, variance = 1.0, 0.0
    for at, kind in levels(design):
        rho = value[f"rho{at}"]
        share = share - rho
        if kind == "C":
            variance = variance + rho * (1 - value[f"r2_{at}"]) / (p * q * above[at])
        else:
            between = rho * value[f"omega{at}"]
            variance = variance + between * (1 - value[f"r2t{at}"]) / above[at]
    variance = variance + share * (1 - value["r2_1"]) / (p * q * pupils * value["rel1"])
    top, below = size[-1], size[-2] if len(size) > 1 else 1
    free = {"E": top * (below - 1) - 1, "F": top * (below - 2), "B": top - 1}
    return np.sqrt(variance), free.get(kinds[-1:], top - 2) - value["g"]


def _nested(design: str, value: Mapping[str, Any], above: Mapping[int, Any]) -> Any:
    p, q, rho, group = value["p"], 1 - value["p"], _of_groups(design, value), value["ic_size"]
    added = rho * q * (group - 1)
    for at, kind in levels(design):
        each = above[1] / above[at]  # pupils in a unit of this level
        times = each - 1 if kind == "C" else value[f"omega{at}"] * each * p * q - 1
        added = added + value[f"rho{at}_trt"] * times
    return np.sqrt((1 - value["r2_1"]) * (1 - p * rho + added) / (above[1] * p * q * (1 - rho)))


def _nested_df(design: str, value: Mapping[str, Any]) -> Any:
    """Return Satterthwaite's df for arms of unequal variance, or those of the blocks."""
    if value["df"] is not None:
        return value["df"]
    p, q, rho, group = value["p"], 1 - value["p"], _of_groups(design, value), value["ic_size"]
    if design == "BCRA3_pn":
        return value["K"] - value["g"] - 1
    if design == "IRA_pn":
        units = value["n"] * p / group, value["n"] * q
        ratio = value["ratio_tc_var"] * (1 / group + rho / (1 - rho))
        each = ratio / units[0], 1 / units[1]  # variances of the arms' means
    else:
        units, trt = (value["J"] * p, value["J"] * q), value["rho2_trt"]
        alone = (1 - trt - rho) / value["n"]
        each = (trt + rho * group / value["n"] + alone) / p, (trt + alone) / q
    # an arm of one unit or fewer has no variance to learn
    few = (units[0] <= 1) | (units[1] <= 1)
    parts = [e**2 / np.where(few, 1, u - 1) for e, u in zip(each, units, strict=True)]
    return np.where(few, 0.0, (each[0] + each[1]) ** 2 / (parts[0] + parts[1]))[()]


def _of_groups(design: str, value: Mapping[str, Any]) -> Any:
    """Return the groups' correlation, zero where a group is one pupil, save in IRA_pn."""
    return value["rho_ic"] * ((value["ic_size"] > 1) | (design == "IRA_pn"))


def multiplier(df: Any, power: float, alpha: float, two_tailed: bool) -> Any:
    """Return how many standard errors an effect must have; infinity without df.

    Bloom, H. S. (1995), Evaluation Review 19(5): t(1 − α/2) + t(power).
    """
    df = np.asarray(df, float)
    known = np.where(df > 0, df, 1.0)
    tail = alpha / 2 if two_tailed else alpha
    return np.where(df > 0, stats.t.ppf(power, known) - stats.t.ppf(tail, known), np.inf)[()]


def power(effect: float, std_error: float, df: float, alpha: float, two_tailed: bool) -> float:
    """Return the chance that a t test finds an effect, in the noncentral t distribution."""
    tail = alpha / 2 if two_tailed else alpha
    critical, shift = -stats.t.ppf(tail, df), effect / std_error
    if np.isinf(df):
        return float(special.ndtr(shift - critical) + two_tailed * special.ndtr(-critical - shift))
    other = stats.nct.sf(critical, df, -shift) if two_tailed else 0.0  # the tail on the other side
    return float(stats.nct.sf(critical, df, shift) + other)


def simulated(
    treated: np.ndarray,
    means: np.ndarray,
    pupils: np.ndarray,
    fixed: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return effect, CR2 error and Satterthwaite's df of each of many trials of whole schools.

    Parameters
    ----------
    treated, means : ndarray of shape (draws, schools)
        0 and 1, and the schools' mean outcomes.
    pupils : ndarray of shape (schools,)
    fixed : ndarray of shape (schools, k)
        Intercept, strata and whatever else of the schools is held fixed, of full rank.

    Notes
    -----
    Least squares of pupils. As no column varies within a school, each of its matrices has one
    dimension, that of √n: with U orthonormal columns and leverage h = |U_j|², CR2 divides the
    school's residual by √(1 − h). With a its weight in the error, G = a a'∘(I − UU') and df =
    (tr G)²/ΣG², ΣG² = Σa⁴(1 − 2h) + |U'diag(a²)U|² (Pustejovsky and Tipton 2018, Journal of
    Business and Economic Statistics 36(4), eq. 11). NaN where what is held
    fixed decides the arms.
    """
    root = np.sqrt(pupils)
    basis = np.linalg.qr(fixed * root[:, None])[0]
    own, left = (x * root - ((x * root) @ basis) @ basis.T for x in (treated, means))
    square = (own**2).sum(axis=1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        square = np.where(square > 1e-9 * pupils.sum(), square, np.nan)
        effect = (own * left).sum(axis=1, keepdims=True) / square
        leverage = (basis**2).sum(axis=1) + own**2 / square
        weight = np.where(leverage < 1 - 1e-9, own**2 / (1 - leverage), 0.0) / square**2  # a²
        variance = (weight * (left - effect * own) ** 2).sum(axis=1)
        trace = (weight * (1 - leverage)).sum(axis=1)
        pairs = (basis[:, :, None] * basis[:, None]).reshape(len(basis), -1)
        inside = ((weight @ pairs) ** 2).sum(axis=1)
        crossed = (((weight * own) @ basis) ** 2).sum(axis=1) / square[:, 0]
        single = (weight * own**2).sum(axis=1) / square[:, 0]
        total = (weight**2 * (1 - 2 * leverage)).sum(axis=1) + inside + 2 * crossed + single**2
        return effect[:, 0], np.sqrt(variance), trace**2 / total
