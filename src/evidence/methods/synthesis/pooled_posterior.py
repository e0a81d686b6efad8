"""Probability statements about pooled effects: normal–normal model, half-normal prior on τ."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.special import ndtr

from evidence.errors import EvidenceError
from evidence.methods.core.results import TableResult
from evidence.methods.synthesis.inputs import checked
from evidence.show import words
from evidence.stats import covariance

# Of normals: share, mean and variance of each, and the spread of the next trial
Mixture = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]

_NODES, _REACH = 128, 8.0  # of the quadrature over τ, and how many prior scales it goes


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class PooledPosterior(TableResult):
    """What is believed of the mean effect and of the next trial's, given prior and results.

    Parameters
    ----------
    table : DataFrame
        `quantity` ("mean effect", "next trial"), `estimate`, `std_error`, `ci_lower`, `ci_upper`,
        `p_above` (probability that it is above 0).
    estimate, std_error, ci_lower, ci_upper, level : float
        Of the mean effect.
    tau : float
        Posterior mean of τ; with clusters, of the square root of both variances together.
    tau_scale, prior_mean, prior_sd : float
        The priors: τ half-normal, the mean effect normal.
    """

    table: pd.DataFrame
    estimate: float
    std_error: float
    ci_lower: float
    ci_upper: float
    level: float
    tau: float
    tau_scale: float
    prior_mean: float
    prior_sd: float
    _mixture: Mixture = field(repr=False)

    def probability_above(self, threshold: Any, *, of: str = "mean") -> Any:
        """Return the probability that the mean effect, or the next trial's, is above a value.

        Parameters
        ----------
        threshold : float or ndarray
            With several, the probability is an array as well.
        of : {"mean", "next"}
        """
        if of not in ("mean", "next"):
            raise EvidenceError(f"of is {of!r}; allowed are mean, next")
        return _above(self._mixture, threshold, of == "next")

    def sentence(self) -> str:
        """Say how probable a gain is, on average and in the next trial."""
        mean, new = (words.chance(self.probability_above(0.0, of=of)) for of in ("mean", "next"))
        return (
            f"Mean effect {words.number(self.estimate, 2, sign=True)} "
            f"({words.interval(self.ci_lower, self.ci_upper, 2)}): above 0 with a probability of "
            f"{mean}, in the next trial of {new}, given the prior."
        )


def posterior(
    estimates: Sequence[float] | np.ndarray | pd.Series,
    std_errors: Sequence[float] | np.ndarray | pd.Series,
    *,
    tau_scale: float = 0.2,
    prior_mean: float = 0.0,
    prior_sd: float = 1.0,
    cluster: Sequence[object] | np.ndarray | pd.Series | None = None,
    unit: str | Sequence[str] = "",
    level: float = 0.95,
) -> PooledPosterior:
    """Pool effects with priors, by quadrature; no sampler, the same answer every time.

    Parameters
    ----------
    estimates, std_errors : array-like of shape (k,)
        One result is enough: the prior does the rest.
    tau_scale : float
        Scale of the half-normal prior on τ (with clusters, on both τ): true effects of education
        trials differ by about 0.1 to 0.2 SD.
    prior_mean, prior_sd : float
        Of the normal prior on the mean effect.
    cluster : array-like, optional
        What several effects come from; effects then differ between clusters and within.
    unit : str or sequence of str, optional
        As :func:`evidence.methods.synthesis.pooling.pool` checks it.
    level : float

    Raises
    ------
    EvidenceError
        As :func:`evidence.methods.synthesis.pooling.pool`; or a scale that is not above 0.

    Notes
    -----
    Given τ the mean effect is normal; p(τ | y) is its marginal likelihood times the prior, taken
    at Gauss–Legendre nodes (a product of them with clusters). So the posterior is a mixture of
    normals: with variance τ² more for the next trial of a new cluster.

    References
    ----------
    Röver, C. (2020), Bayesian random-effects meta-analysis using the bayesmeta R package, Journal
    of Statistical Software 93(6), sections 2.4 to 2.7.
    """
    covariance.check_level(level)
    for name, value in (("tau_scale", tau_scale), ("prior_sd", prior_sd)):
        if not (0 < value < math.inf):
            raise EvidenceError(f"{name} is {value}; a number above 0 is needed")
    given = checked(estimates, std_errors, cluster, least=1, unit=unit)
    y, v = given.estimates, given.std_errors**2
    nodes, weights = _gauss(_NODES if cluster is None else _NODES // 2)
    tau = (nodes + 1) * _REACH / 2 * tau_scale
    prior = np.log(weights) - 0.5 * (tau / tau_scale) ** 2
    if given.cluster is None:
        between, within = np.zeros(len(tau)), tau**2
        code = np.arange(len(y))  # each a cluster of its own
    else:
        between, within = (part.ravel() for part in np.meshgrid(tau**2, tau**2))
        prior, code = np.add.outer(prior, prior).ravel(), given.cluster
    # sums over clusters of 1'Φ⁻¹1, 1'Φ⁻¹y and y'Φ⁻¹y, one row a node
    w = 1 / (v + within[:, None])
    order = np.argsort(code, kind="stable")
    begins = np.searchsorted(code[order], np.arange(int(code.max()) + 1))
    one, first = (np.add.reduceat(c[:, order], begins, axis=1) for c in (w, w * y))
    shrink = between[:, None] / (1 + between[:, None] * one)
    precision = (one - shrink * one**2).sum(axis=1)
    linear = (first - shrink * one * first).sum(axis=1)
    square = w @ y**2 - (shrink * first**2).sum(axis=1)
    log_det = np.log(v + within[:, None]).sum(axis=1)
    log_det += np.log1p(between[:, None] * one).sum(axis=1)
    total = precision + prior_sd**-2
    mean = (linear + prior_mean / prior_sd**2) / total
    fit = square + (prior_mean / prior_sd) ** 2 - total * mean**2
    log = prior - 0.5 * (log_det + np.log(total) + fit)
    share = np.exp(log - log.max())
    share /= share.sum()
    spread = between + within
    mixture = (share, mean, 1 / total, spread)
    rows = [_row(mixture, new, level) for new in (False, True)]
    table = pd.DataFrame([{"quantity": q} | row for q, row in zip(_SAID, rows, strict=True)])
    shown = {name: rows[0][name] for name in ("estimate", "std_error", "ci_lower", "ci_upper")}
    return PooledPosterior(
        table=table,
        level=level,
        tau=float(share @ np.sqrt(spread)),
        tau_scale=tau_scale,
        prior_mean=prior_mean,
        prior_sd=prior_sd,
        _mixture=mixture,
        **shown,
    )


_SAID = ("mean effect", "next trial")
_gauss = cache(np.polynomial.legendre.leggauss)


def _above(mixture: Mixture, threshold: Any, new: bool) -> Any:
    share, mean, variance, spread = mixture
    over = mean - np.asarray(threshold, dtype=float)[..., None]
    found = ndtr(over / np.sqrt(variance + new * spread)) @ share
    return float(found) if np.ndim(found) == 0 else found


def _row(mixture: Mixture, new: bool, level: float) -> dict[str, float]:
    share, mean, variance, spread = mixture
    whole = variance + new * spread
    middle = float(share @ mean)
    sd = math.sqrt(float(share @ (whole + (mean - middle) ** 2)))
    reach = float((np.abs(mean - middle) + 10 * np.sqrt(whole)).max())

    def quantile(at: float) -> float:
        return float(
            brentq(
                lambda x: _above(mixture, x, new) - (1 - at), middle - reach, middle + reach,
                xtol=1e-12,
            )
        )  # fmt: skip

    return {
        "estimate": middle,
        "std_error": sd,
        "ci_lower": quantile((1 - level) / 2),
        "ci_upper": quantile((1 + level) / 2),
        "p_above": _above(mixture, 0.0, new),
    }
