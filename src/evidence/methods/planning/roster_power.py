"""Power of a trial of the very schools that will take part, by simulation."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.special import stdtr

from evidence.errors import EvidenceError, Faults
from evidence.methods.core import frames, options
from evidence.methods.planning.power import PowerFigure
from evidence.stats import allocation, power

_CHUNK = 1000  # trials at once: what fits into a processor's cache


def roster_power(
    roster: pd.DataFrame,
    *,
    pupils: str,
    rho2: float,
    es: float = 0.25,
    r2_1: float = 0.0,
    r2_2: float = 0.0,
    treated: int = 1,
    control: int = 1,
    strata: str | None = None,
    covariates: str | tuple[str, ...] = (),
    alpha: float = 0.05,
    draws: int = 10_000,
    seed: int = 0,
) -> PowerFigure:
    """Return the chance that a trial of these schools, as unequal as they are, finds an effect.

    Parameters
    ----------
    roster : DataFrame
        One row a school.
    pupils : str
        Column: how many pupils of the school are analysed.
    rho2, r2_1, r2_2, es, alpha
        As in :func:`evidence.planning.mdes`, with two tails.
    treated, control : int
        The ratio in which schools are allocated, within strata; a remainder goes at random.
    strata : str, optional
        Column, held fixed in the analysis as well.
    covariates : str or sequence of str
        Columns of the schools that the analysis holds fixed; what they explain is `r2_2`.
    draws, seed : int
        Trials simulated.

    Returns
    -------
    PowerFigure
        The share of trials that find the effect; ``std_error`` is the effects' standard deviation
        over trials and ``df`` the mean.

    Raises
    ------
    EvidenceError
        With every fault of the arguments; too few schools for the columns held fixed.

    Notes
    -----
    Each trial is allocated anew and analysed by least squares of pupils, with CR2 errors by school
    and Satterthwaite's df. That needs no more than the schools' means, which are drawn from their
    exact distribution: variance ρ(1 − R²₂) + (1 − ρ)(1 − R²₁)/n.
    """
    faults, columns = Faults(), frames.listed(covariates)
    with faults.note():
        frames.require(roster, (pupils, strata, *columns))
        size = frames.measured(roster, pupils)
        if len(few := np.flatnonzero(~(size >= 1))):
            where = f"column {pupils!r}, {frames.row(few[0], roster)}"
            raise EvidenceError(f"{where}: each school needs one pupil at least")
    limits = {"rho2": (rho2, 0, 1), "r2_1": (r2_1, 0, 1), "r2_2": (r2_2, 0, 1), "es": (es, 0, 9)}
    for name, (value, least, most) in limits.items():
        with faults.note():
            options.number(name, value, least, most)
    with faults.note():
        options.number("alpha", alpha, 0, 1, ends=False)
    for name, value in {"treated": treated, "control": control, "draws": draws}.items():
        with faults.note():
            options.whole(name, value, 1)
    with faults.note():
        options.whole("seed", seed, 0)
    faults.settle()
    stratum = frames.factor(roster, strata)[0] if strata else np.zeros(len(size), int)
    values, _, known = frames.covariates(roster, columns)
    if (stratum < 0).any() or not known.all():
        raise EvidenceError("roster: a school has no stratum, or no covariate; complete it")
    fixed = np.column_stack([stratum[:, None] == np.arange(stratum.max() + 1), values]).astype(
        float
    )
    rank = np.linalg.matrix_rank(fixed / np.maximum(np.abs(fixed).max(axis=0), 1e-12))
    if rank < fixed.shape[1] or len(size) < rank + 3:
        raise EvidenceError(
            f"roster: {len(size)} schools are too few for {fixed.shape[1]} columns held fixed, or "
            "one of these is decided by the others"
        )
    rng = np.random.default_rng(seed)
    base = np.repeat([0, 1], [control, treated])
    spread = np.sqrt(rho2 * (1 - r2_2) + (1 - rho2) * (1 - r2_1) / size)
    parts = []
    for done in range(0, draws, _CHUNK):
        number = min(_CHUNK, draws - done)
        arm = allocation.stratified(allocation.words(rng.bit_generator), number, stratum, base)
        means = es * arm + spread * rng.standard_normal(arm.shape)
        parts.append(power.simulated(arm.astype(float), means, size, fixed))
    effect, error, df = map(np.concatenate, zip(*parts, strict=True))
    found = 2 * stdtr(df, -np.abs(effect / error)) < alpha
    said = f"In {found.mean():.0%} of {draws:,} simulated trials of these {len(size)} schools an"
    return PowerFigure.of(
        float(found.mean()),
        f"{said} effect of {es:g} is found",
        design="this roster",
        std_error=float(np.nanstd(effect)),
        df=float(np.nanmean(df)),
        values={"rho2": rho2, "r2_1": r2_1, "r2_2": r2_2, "J": len(size), "n": float(size.mean())},
    )
