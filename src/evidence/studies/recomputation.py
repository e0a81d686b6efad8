"""Double programming: a report's primary estimate computed again, from its table, by linearmodels.

Official statistics have a figure worked out twice, by programs that share nothing. So nothing of
the first analysis is used but its answer: columns are read, coded and left out anew by pandas, and
the regression is linearmodels' own.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from evidence.errors import EvidenceError
from evidence.methods.core import frames
from evidence.methods.core.results import Estimate

if TYPE_CHECKING:
    from evidence.stats.panel_mixed_model import Components

TOLERANCE = 1e-9  # of the estimate, or of its standard error where that is larger
_EXPLAINED = 1e-7  # a column is left out when this share of it, or less, is new
_NUMERIC = ("integer", "floating", "mixed-integer-float", "decimal", "boolean", "empty")
# Standard errors that linearmodels has too, by what the method of an estimate says of them.
_ERRORS = {
    ", classical (": {"cov_type": "unadjusted", "debiased": True},
    ", errors of the model": {"cov_type": "unadjusted", "debiased": True},
    ", CR0 by ": {"cov_type": "clustered", "debiased": False},
}


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Recomputation:
    """An estimate beside what another program makes of the same table.

    Parameters
    ----------
    estimate, other : float
        The two results.
    difference : float
        The largest difference of what was compared, as a share of the estimate, or of its standard
        error where that is larger.
    program : str
        Such as ``linearmodels 7.1 (AbsorbingLS)``.
    what : str
        What was compared: "estimate", or "estimate and standard error"; and given what.
    """

    estimate: float
    other: float
    difference: float
    program: str
    what: str

    def sentence(self) -> str:
        """Say who computed what again, and how nearly the two agree."""
        program = self.program.replace(" (", ", ").rstrip(")")
        return f"Recomputed by another program ({program}): {self.what} equal to 1e−9."


def recompute_trial(
    data: pd.DataFrame, estimate: Estimate, *, outcome: str, treatment: str, **plan: Any
) -> Recomputation:
    """Recompute an estimate of `ev.trials.itt`, `ev.trials.risk_difference` or `ev.trials.cace`.

    Parameters
    ----------
    data : DataFrame
        The table that the estimate was made from.
    estimate : Estimate
        In the outcome's own unit or in percentage points. Standard errors are compared as well
        where linearmodels has the same ones: classical and CR0.
    outcome, treatment, **plan
        As the estimate was made: `baseline`, `covariates`, `cluster`, `strata`, `weights`,
        `reference`, `arm`, and for `cace` `dosage` and `threshold`.

    Raises
    ------
    EvidenceError
        The two programs do not agree, or the unit is another.

    Notes
    -----
    `AbsorbingLS` where there are strata; elsewhere, and with a dosage, `IV2SLS`, which without
    instruments is least squares.
    """
    blocks, numeric = frames.listed(plan.get("strata")), [outcome]
    numeric += [name for name in map(plan.get, ("baseline", "dosage")) if name]
    groups = (*blocks, *frames.listed(plan.get("cluster")))
    keep, (y, *numbers), codes, others, weight = _complete(
        data, numeric, groups, plan.get("covariates"), plan.get("weights")
    )
    arms = _labels(data[treatment])[keep]
    names = sorted(set(_labels(data[treatment])))
    named = pd.Series([plan.get("reference"), plan.get("arm")], dtype=object)
    base, asked = _labels(named)
    base = base or ("0" if "0" in names else next(x for x in names if x.lower() == "control"))
    asked = asked or next(name for name in names if name != base)
    further = [arms == name for name in names if name not in (base, asked)]
    taken = numbers.pop() if plan.get("dosage") else None
    if plan.get("threshold") is not None:
        taken = (taken >= plan["threshold"]).astype(float)
    stratum = np.zeros(len(y), int)  # without strata all are one, whose mean is the intercept
    for code in codes[: len(blocks)]:
        stratum = np.unique(stratum * (code.max() + 1) + code, return_inverse=True)[1]
    columns = np.column_stack([*numbers, others, *further]).astype(float)
    y, offer = y * (100 if estimate.unit == "pp" else 1), (arms == asked).astype(float)
    clusters = codes[-1] if plan.get("cluster") else None
    return _regress(estimate, y, columns, offer, weight, stratum, clusters, taken)


def recompute_panel(
    panel: pd.DataFrame,
    estimate: Estimate,
    *,
    outcome: str,
    treatment: str,
    unit: str,
    time: str,
    components: Components | None = None,
    **plan: Any,
) -> Recomputation:
    """Recompute an estimate of `ev.impact.did` or, with `components`, of `ev.impact.given_past`.

    Parameters
    ----------
    panel : DataFrame
        The table that the estimate was made from.
    estimate : Estimate
        In the outcome's own unit.
    outcome, treatment, unit, time, **plan
        As the estimate was made: `cluster`, `weights`, `covariates`, `overlap`.
    components : Components, optional
        Variance components that the model of `given_past` found: linearmodels has no such model.

    Raises
    ------
    EvidenceError
        The two programs do not agree, or the unit is another.

    Notes
    -----
    `AbsorbingLS` with effects of units and times, which takes a third of the time of `PanelOLS`.
    Given the components, V of each unit is written down as in
    :func:`evidence.stats.panel_mixed_model.fit`, and the rows are multiplied by the inverse of its
    Cholesky root, after which `IV2SLS` without instruments is generalised least squares.
    """
    groups = (unit, plan.get("cluster") or unit)
    covariates = (*frames.listed(plan.get("overlap")), *frames.listed(plan.get("covariates")))
    _, (y, dose, when), (who, clusters), columns, weight = _complete(
        panel, (outcome, treatment, time), groups, covariates, plan.get("weights")
    )
    moments, moment = np.unique(when, return_inverse=True)
    times = (moment[:, None] == np.arange(len(moments))).astype(float)
    if components is None:
        columns = np.column_stack([times[:, 1:], columns])
        return _regress(estimate, y, columns, dose, weight, who, clusters)
    if plan.get("weights"):
        means = np.bincount(who, weight) / np.bincount(who)
        columns = np.column_stack([np.log(means)[who], columns])
    together = np.column_stack([times, columns, dose, y])
    shape = (who.max() + 1, len(moments))
    # A time without a row has variance 1, no covariance and zeros for results: it adds nothing.
    rows, there, chance = np.zeros((*shape, together.shape[1])), np.zeros(shape), np.ones(shape)
    rows[who, moment], there[who, moment] = together, 1.0
    chance[who, moment] = components.chance * weight.mean() / weight
    links = components.fade ** np.abs(moments[:, None] - moments)
    shared = components.lasting + components.passing * links
    variances = shared * there[:, :, None] * there[:, None, :]
    variances += chance[:, :, None] * np.eye(len(moments))
    white = np.linalg.solve(np.linalg.cholesky(variances), rows)[who, moment]
    columns, dose, y = white[:, :-2], white[:, -2], white[:, -1]
    return _regress(estimate, y, columns, dose, np.ones(len(y)), clusters=clusters)


def _regress(
    estimate: Estimate,
    y: np.ndarray,
    columns: np.ndarray,
    interest: np.ndarray,
    weights: np.ndarray,
    groups: np.ndarray | None = None,
    clusters: np.ndarray | None = None,
    taken: np.ndarray | None = None,
) -> Recomputation:
    """Let linearmodels regress `y`, by two stages where `interest` is an instrument of `taken`.

    `groups` have an intercept each; None where rows have been whitened.
    """
    import linearmodels  # slow to import: only where it is asked for

    where = f"outcome {estimate.outcome!r}"
    if estimate.unit in ("sd", "log_odds"):
        raise EvidenceError(f"{where}: recompute the estimate in the outcome's own unit")
    kinds = [kind for said, kind in _ERRORS.items() if said in estimate.method]
    errors = dict(kinds[0]) if kinds else {"cov_type": "unadjusted"}
    if errors["cov_type"] == "clustered":
        errors["clusters"] = clusters
    basis = _basis(columns if groups is None else _within(columns, groups, weights), columns)
    name = "IV2SLS" if taken is not None or groups is None or not groups.any() else "AbsorbingLS"
    program = f"linearmodels {linearmodels.__version__} ({name})"
    if name == "AbsorbingLS":
        absorb = pd.DataFrame({"groups": pd.Categorical(groups)})
        exog = np.column_stack([basis, interest])
        model = linearmodels.AbsorbingLS(y - y.mean(), exog, absorb=absorb, weights=weights)
        exact = {"atol": 0.0, "btol": 0.0}
        errors |= {"method": "lsmr", "absorb_options": exact, "use_cache": False}
    else:  # least squares are two stages in which what is of interest is its own instrument
        pieces = [y, basis, interest if taken is None else taken, interest]
        if groups is not None:
            pieces = [_within(piece, groups, weights) for piece in pieces]
            errors["extra_df"] = int(groups.max()) + 1
        model = linearmodels.IV2SLS(*pieces, weights=weights)
    result = model.fit(**errors)
    pairs = {"estimate": (estimate.estimate, float(result.params.iloc[-1]))}
    if kinds:
        pairs["standard error"] = (estimate.std_error, float(result.std_errors.iloc[-1]))
    apart = {}
    for what, (ours, theirs) in pairs.items():
        apart[what] = abs(ours - theirs) / max(abs(ours), estimate.std_error)
        if not apart[what] <= TOLERANCE:
            raise EvidenceError(
                f"{where}: this library and {program} do not agree on the {what} "
                f"(apart by {apart[what]:.0e} of it); nothing is reported. Either the "
                "estimate was made with other rows or columns than it was recomputed with, or one "
                "of the two is wrong"
            )
    return Recomputation(
        estimate=estimate.estimate,
        other=pairs["estimate"][1],
        difference=max(apart.values()),
        program=program,
        what=" and ".join(pairs) + (", given the variance components," if groups is None else ""),
    )


def _complete(
    data: pd.DataFrame,
    numeric: Sequence[str],
    labelled: Sequence[str],
    covariates: Sequence[str] | None,
    weights: str | None,
) -> tuple[np.ndarray, list[np.ndarray], list[np.ndarray], np.ndarray, np.ndarray]:
    """Return which rows are complete, and their numbers, codes of labels, covariates, weights."""
    numbers, labels = [_numbers(data[x]) for x in numeric], [_labels(data[x]) for x in labelled]
    columns = np.column_stack(
        [np.empty((len(data), 0)), *(_coded(data[x]) for x in frames.listed(covariates))]
    )
    weight = _numbers(data[weights]) if weights else np.ones(len(data))
    keep = (weight > 0) & ~np.isnan(np.column_stack([*numbers, columns])).any(axis=1)
    keep &= np.all([x != "" for x in labels], axis=0)
    return (
        keep,
        [column[keep] for column in numbers],
        [pd.factorize(column[keep])[0] for column in labels],
        columns[keep],
        weight[keep],
    )


def _numbers(column: pd.Series) -> np.ndarray:
    return np.asarray(pd.to_numeric(column.to_numpy(), errors="coerce"), float)


def _labels(column: pd.Series) -> np.ndarray:
    """Return labels spelled one way, whether True, 1, "1.0" or "1 "; "" where there is none."""
    codes, values = pd.factorize(column)
    said = [_spell(value) for value in values]
    return np.array([*said, ""], dtype=object)[codes]


def _spell(value: object) -> str:
    if isinstance(value, str):
        return re.sub(r"^(-?(0|[1-9]\d*))\.0+$", r"\1", value.strip())
    return {"True": "1", "False": "0"}.get(str(value), str(value).removesuffix(".0"))


def _coded(column: pd.Series) -> np.ndarray:
    """Return numbers as they are, labels as a 0/1 column each but the first."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        column = column.astype(column.cat.categories.dtype)
    labels = _labels(column)
    names = sorted({*labels} - {""})
    numeric = pd.api.types.infer_dtype(column, skipna=True) in _NUMERIC
    if numeric or all(re.fullmatch(r"-?(0|[1-9]\d*)(\.\d+)?", name) for name in names):
        return _numbers(column.where(labels != ""))
    return np.where(labels[:, None] == "", np.nan, labels[:, None] == np.array(names[1:], object))


def _within(values: np.ndarray, groups: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Take each group's weighted mean away, twice: the second time what rounding left of it."""
    free = values.reshape(len(groups), -1)
    for _ in range(2):
        sums = np.zeros((groups.max() + 1, free.shape[1]))
        np.add.at(sums, groups, weights[:, None] * free)
        free = free - (sums / np.bincount(groups, weights)[:, None])[groups]
    return free.reshape(values.shape)


def _basis(free: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Return orthonormal columns that span `free`, of which `columns` is all that there was.

    One that earlier ones explain is left out (Gram and Schmidt, in the order given).
    """
    kept = np.empty((len(free), 0))
    spread = np.linalg.norm(columns - columns.mean(axis=0), axis=0)
    least = np.where(spread > 1e-12 * np.linalg.norm(columns, axis=0), _EXPLAINED * spread, np.inf)
    for column, size in zip(free.T, least, strict=True):
        rest = column - kept @ (kept.T @ column)
        rest = rest - kept @ (kept.T @ rest)
        if np.linalg.norm(rest) > size:
            kept = np.column_stack([kept, rest / np.linalg.norm(rest)])
    return kept
