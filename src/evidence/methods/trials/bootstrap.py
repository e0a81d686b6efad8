"""Bootstrap of effect sizes: schools, pupils or both drawn again, on their sums alone."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from evidence.errors import EvidenceError
from evidence.methods.core import frames
from evidence.methods.core.reading import kept
from evidence.methods.core.results import Estimate
from evidence.methods.trials.allocation_rule import in_order, nested_strata, whole_clusters
from evidence.methods.trials.effect_size import ArmSizes
from evidence.methods.trials.itt import answer
from evidence.methods.trials.trial_data import TrialData, of_trial
from evidence.stats import covariance
from evidence.stats.effect_sizes import small_sample_factor
from evidence.stats.mixed_model import random_intercept
from evidence.stats.permutation import portions
from evidence.stats.resampling import Draw, Nested, Sample, Units, Within, regress

_FREEDOM = 4  # units less cells an arm: 5 clusters of 20 cover 94%, 4 of 20 92%, 2 of 20 84%


@of_trial()
def bootstrap(
    trial: TrialData,
    *,
    draws: int = 9999,
    seed: int = 0,
    resample: str | None = None,
    interval: str | None = None,
    level: float = 0.95,
    model: str = "ols",
    sd: str = "total",
    small_sample: bool = True,
    cluster_correction: bool = False,
) -> Estimate:
    """Bootstrap the effect size: J × adjusted difference / unconditional SD, all drawn anew.

    The arguments of :func:`evidence.methods.trials.itt`, and

    Parameters
    ----------
    draws, seed : int
        Samples drawn and the seed of the draws; the order of the rows does not matter.
    resample : {"cluster", "pupil", "within", "both"}, optional
        What is drawn again. Whole clusters within arms and strata (sites with both arms: within
        strata), a cluster drawn twice being two clusters; pupils within arms and strata; pupils
        within each arm of each cluster, which says nothing about other clusters; or clusters and
        then pupils within them. By default clusters, and pupils where there are none. Where a
        stratum has one unit in an arm (pairs), "cluster" and "pupil" draw whole strata.
    interval : {"studentised", "percentile", "basic"}, optional
        By default studentised and symmetric, the only one of the three that covers what it says
        with 20 clusters (docs/coverage.md); "percentile" for the multilevel model within clusters.
        No draw makes up for an arm of very few clusters (3 of 20: the interval covers 91%): the
        default refuses them, `resample` said in full gives a caveat.
    model, sd, small_sample, cluster_correction
        As in :func:`evidence.methods.trials.effect_size`; `model` "multilevel" weighs clusters by
        the variance components of the sample in every draw, `sd` is "total" or "within".

    Returns
    -------
    Estimate
        `unit` "sd". The estimate is that of :func:`~evidence.methods.trials.effect_size`;
        `std_error` is the standard deviation of the draws, `df` is NaN, and `p_value` is that at
        which the interval would end at zero.

    Raises
    ------
    EvidenceError
        As :func:`~evidence.methods.trials.effect_size`; too few draws for the level; there are no
        clusters to draw, or pupils are asked for where there are; strata vary within clusters;
        an arm has fewer than 4 units more than strata and `resample` is not given.

    Notes
    -----
    A draw is a vector of counts of the units; cross-products of the regression, scores and sums
    of squares of a draw are these counts times those of the units. The SD of a draw is that of the
    analysis of variance (Searle et al. 1992, eq. 3.62), scaled so that the sample has its REML SD.
    Studentised: t* = (g* − g)/s*, where s* is the standard error of the difference by the units
    drawn, over the SD of the draw; the interval is g ± s × the `level` quantile of |t*|. A draw of
    m units from a cell (an arm of a stratum) has (m − 1)/m of their variance, which is why s and
    s* are taken within cells too: :func:`evidence.stats.resampling.regress`.

    References
    ----------
    Hall, P. (1988), Annals of Statistics 16(3), section 2 (symmetric intervals). Cameron, A. C. et
    al. (2008), Review of Economics and Statistics 90(3), section III (pairs cluster bootstrap-t).
    Searle, S. R., Casella, G. and McCulloch, C. E. (1992), Variance Components, section 3.6.
    """
    frames.one_of("model", model, ("ols", "multilevel"))
    frames.one_of("sd", sd, ("total", "within"))
    frames.yes_or_no(small_sample=small_sample, cluster_correction=cluster_correction)
    covariance.check_level(level)
    frames.whole("draws", draws, math.ceil(round(2 / (1 - level), 6)) - 1)
    frames.whole("seed", seed, 0)
    made = _draws(trial, draws=draws, seed=seed, resample=resample, interval=interval, model=model,
                  sd=sd, small_sample=small_sample,
                  cluster_correction=cluster_correction)  # fmt: skip
    p_value, lower, upper = _interval(
        made.interval, made.size, made.error, made.sizes, made.errors, 1 - level
    )
    fitted = "OLS" if model == "ols" else "random intercept"
    method = (
        f"{fitted} over the unconditional {sd} SD; {made.interval} bootstrap of {made.what}, "
        f"{draws:,} draws"
    )
    spread = float(made.sizes.std(ddof=1))
    estimate = answer(made.trial, method, (made.size, spread, math.nan), level)
    null = made.trial.null_model
    return replace(
        estimate,
        unit="sd",
        p_value=p_value,
        ci_lower=lower,
        ci_upper=upper,
        caveats=estimate.caveats + made.caveats,
        variance_between=null.variance_between,
        variance_within=null.variance_within,
        icc=null.icc,
    )


class _Draws(NamedTuple):
    """The sample's effect size and error, those of every draw, and what was drawn."""

    trial: TrialData
    size: float
    error: float
    sizes: np.ndarray
    errors: np.ndarray
    interval: str
    what: str
    caveats: tuple[str, ...]


@kept
def _draws(
    trial: TrialData,
    *,
    draws: int,
    seed: int,
    resample: str | None,
    interval: str | None,
    model: str,
    sd: str,
    small_sample: bool,
    cluster_correction: bool,
) -> _Draws:
    """Draw; kept, since an interval of another level is read off the same draws."""
    outcome, cluster = trial.columns["outcome"], trial.columns["cluster"]
    default = resample is None
    if default:
        resample = "pupil" if cluster is None else "cluster"
    frames.one_of(
        f"resample {'without' if cluster is None else 'with'} cluster=",
        resample,
        ("pupil",) if cluster is None else ("cluster", "within", "both"),
    )
    if model == "multilevel" and (
        trial.cluster is None or trial.strata is not None or trial.weights is not None
    ):
        raise EvidenceError("model='multilevel' needs cluster= and takes no strata or weights here")
    plain = model == "multilevel" and resample == "within"  # has no units to studentise by
    ways = ("percentile", "basic") if plain else ("studentised", "percentile", "basic")
    interval = ways[0] if interval is None else interval
    frames.one_of("interval", interval, ways)
    if resample != "cluster":
        trial = in_order(trial)
    sample = sample_of(trial, _ratio(trial) if model == "multilevel" else 0.0)
    plan: Nested | Within | Units
    if resample == "both" or plain:
        plan = Nested.of(sample, moved=resample == "both")
        if plan.moved and plan.what == "strata":
            raise EvidenceError(
                "resample='both' needs two clusters an arm in every stratum; use 'cluster', which "
                "then draws whole strata"
            )
    elif resample == "within":
        plan = Within.of(sample)
    else:
        if cluster is not None:
            nested_strata(trial)
        plan = Units.of(sample, cluster or "pupils")
    few = f"{plan.what}: too few in an arm to bootstrap, where the interval would be too narrow"
    if default and plan.freedom < _FREEDOM:
        raise EvidenceError(f"{few}. Use trials.effect_size or trials.randomisation_test")
    null = trial.null_model
    if not (null.variance_within if sd == "within" else null.variance_total) > 0:
        raise EvidenceError(f"column {outcome!r} does not vary, so there is no SD to divide by")
    arms = ArmSizes.of(trial)

    def scale(between: ArrayLike, within: ArrayLike) -> np.ndarray:
        between = np.asarray(between)
        variance = np.asarray(within if sd == "within" else between + within)
        variance = np.where(variance > 0, variance, np.inf)  # a draw may have no variation at all
        corrected = cluster_correction and cluster is not None and sd == "total"
        share = between / variance if corrected else 0.0
        return np.sqrt((1 - arms.excess * share / (arms.n - 2)) / variance)

    def sized(draw: Draw) -> tuple[np.ndarray, np.ndarray]:
        effect, error = regress(sample.scale, plan.groups, plan.cells, draw)
        factor = scale(*draw[2])
        return effect * factor, error * factor

    real = plan.real()
    factor = small_sample_factor(arms.n - 2) if small_sample else 1.0
    factor *= float(scale(null.variance_between, null.variance_within) / scale(*real[2])[0])
    size, error = (factor * float(x[0]) for x in sized(real))
    if not error > 1e-10:
        raise EvidenceError(covariance.EXACT.format(f"column {outcome!r}"))
    rng = np.random.default_rng(seed)
    drawn = [sized(plan.draw(rng, number)) for number in portions(draws, plan.cost)]
    sizes, errors = (factor * np.concatenate(parts) for parts in zip(*drawn, strict=True))
    caveats = () if plan.freedom >= _FREEDOM else (few,)
    if still := sum(len(cell) == 1 for cell in plan.cells):
        have = "has" if still == 1 else "have"
        caveats += (f"{still} of {len(plan.cells)} groups to draw from {have} one member",)
    return _Draws(trial, size, error, sizes, errors, interval, plan.what, caveats)


def sample_of(trial: TrialData, ratio: float = 0.0) -> Sample:
    """Return what draws need of a trial; `ratio` of variances between and within clusters."""
    return Sample.of(
        trial.design,
        trial.outcome,
        np.where(trial.treated, 1, np.where(trial.control, 0, 2)),
        trial.cluster,
        ratio=ratio,
        whole=whole_clusters(trial) or bool(trial.crossing),
    )


def _ratio(trial: TrialData) -> float:
    fit = random_intercept(trial.outcome, trial.design.basis, trial.clusters)
    return fit.variance_between / fit.variance_within


def _interval(
    kind: str, size: float, error: float, sizes: np.ndarray, errors: np.ndarray, alpha: float
) -> tuple[float, float, float]:
    """Return p and both ends, by order statistics: p is at most alpha where zero is outside."""
    count = len(sizes)
    if kind == "studentised":
        with np.errstate(divide="ignore", invalid="ignore"):
            t = np.abs((sizes - size) / errors)
        t = np.sort(np.where(np.isnan(t), np.inf, t))  # a draw without error decides nothing
        half = t[min(count, math.ceil((1 - alpha) * (count + 1) - 1e-9)) - 1] * error
        extreme = int((t >= abs(size) / error * (1 - 1e-12)).sum())
        return (1 + extreme) / (1 + count), size - half, size + half
    shown = np.sort(sizes if kind == "percentile" else 2 * size - sizes)
    place = math.floor(alpha / 2 * (count + 1) + 1e-9)
    tail = min(int((shown <= 0).sum()), int((shown >= 0).sum()))
    return min(1.0, 2 * (1 + tail) / (1 + count)), float(shown[place - 1]), float(shown[-place])
