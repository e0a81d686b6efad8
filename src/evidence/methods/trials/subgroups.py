"""Whether a programme works for some pupils more than for others."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from evidence.errors import EvidenceError
from evidence.methods.core import frames
from evidence.methods.core.results import Estimate, TableResult
from evidence.methods.core.specifications import attempt
from evidence.methods.trials.effect_size import effect_size
from evidence.methods.trials.trial_data import TrialData, of_trial, read
from evidence.show import words
from evidence.stats import covariance
from evidence.stats.design import design
from evidence.stats.multiplicity import adjust

T = TypeVar("T")

FEWEST = 10  # pupils an arm that a subgroup needs
_LEVELS = 10  # a numeric column with more values than this is cut into thirds
_THIRDS = ("lowest third", "middle third", "highest third")
_NUMBERS = ("estimate", "std_error", "df", "p_value", "ci_lower", "ci_upper")


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Subgroups(TableResult):
    """Effects by subgroup, and whether they differ.

    Parameters
    ----------
    table : DataFrame
        `subgroup`, `group`, `kind` ("separate model", "difference" or "trend"), `status`
        ("pre-specified" or "exploratory"), `estimate`, `std_error`, `df`, `p_value`, `ci_lower`,
        `ci_upper` in SD, `n_treated`, `n_control`, `n_pupils`, `n_clusters`, `note`. A trend is the
        change of the effect for one SD more of the subgroup's column.
    tests : DataFrame
        `subgroup`, `kind`, `status`, `statistic`, `df_num`, `df_denom`, `p_value` of no difference,
        and `p_adjusted` for all of them.
    estimates : dict
        The separate models, by (subgroup, group).
    outcome, treatment, method : str
    """

    table: pd.DataFrame
    tests: pd.DataFrame
    estimates: dict[tuple[str, str], Estimate]
    outcome: str
    treatment: str
    method: str

    def sentence(self) -> str:
        """Say for each subgroup whether the effect differs, and whether that was foreseen."""
        said = []
        for test in self.tests.to_dict("records"):
            if test["p_value"] != test["p_value"]:
                said.append(f"{test['subgroup']}: too little data to compare ({test['status']}).")
                continue
            differs = "differs" if test["p_adjusted"] < 0.05 else "does not clearly differ"
            by = "with" if test["kind"] == "trend" else "by"
            said.append(
                f"The effect {differs} {by} {test['subgroup']} ({words.p_value(test['p_value'])}, "
                f"adjusted {words.p_value(test['p_adjusted'])}; {test['status']})."
            )
        return " ".join(said)

    def disadvantaged(self, threshold: int) -> dict[str, Estimate]:
        """Return the effect on disadvantaged pupils by the words of the group.

        A column is left out where a part of its pupils has fewer than `threshold` in an arm: that
        part's numbers would follow from those of all and of the others.
        """
        parts = self.table[self.table["kind"] == "separate model"]
        few = parts[["n_treated", "n_control"]].min(axis=1) < threshold
        asked = {key: f"{key[0]}: {key[1]}" for key in self.estimates}
        return {
            said: self.estimates[key]
            for key, said in asked.items()
            if words.disadvantaged(said) and key[0] not in set(parts.loc[few, "subgroup"])
        }

    def _page_table(self) -> pd.DataFrame:
        hidden = ["std_error", "df", "n_pupils", "n_clusters"]
        return self.table.drop(columns=hidden).rename(columns={"estimate": "effect_size"})

    def _page_notes(self) -> tuple[str, ...]:
        return (self.method,)


@of_trial()
def subgroups(
    trial: TrialData,
    *,
    subgroup: str | Sequence[str],
    prespecified: str | Sequence[str] = (),
    cov_type: str = "CR2",
    level: float = 0.95,
    method: str = "bh",
) -> Subgroups:
    """Estimate the effect in each subgroup, and how far the effects differ.

    Parameters
    ----------
    data, …, cov_type, level
        The arguments of :func:`evidence.methods.trials.itt`.
    subgroup : str or sequence of str
        Columns known before allocation. Text, and numbers of at most ten values, are taken as they
        are; other numbers and the baseline are cut into thirds, and their trend is tested too.
    prespecified : str or sequence of str
        Those named in the protocol; all others are called exploratory.
    method : {"bh", "holm"}
        How the tests are adjusted for their number.

    Returns
    -------
    Subgroups
        In SD of all pupils for differences and trends, of the subgroup for separate models. A group
        with fewer than ten pupils in an arm has no estimate: too little data.

    Raises
    ------
    EvidenceError
        As `itt`; a name in `prespecified` is not in `subgroup`; a subgroup has no values, or is
        the outcome or the treatment.

    Notes
    -----
    Differences come from one model in which arm × group (arm × column for a trend) joins arm, group
    and covariates, each group against the first; tests are HTZ
    (:func:`evidence.stats.covariance.joint_test`). Education Endowment Foundation (2022),
    Statistical analysis guidance, section on subgroup analyses.
    """
    groups, foreseen = _groups_of(trial, subgroup, prespecified), frames.listed(prespecified)
    data, plan = trial.data, trial.plan
    how = {"cov_type": cov_type, "level": level}
    whole = effect_size(trial, **how)
    rows, tests, estimates = [], [], {}
    for column, (group, labels, values) in groups.items():
        status = "pre-specified" if column in foreseen else "exploratory"
        head = {"subgroup": column, "status": status}
        within = plan | {"covariates": [name for name in plan["covariates"] if name != column]}
        compared, enough = read(data, **within), []
        for place, label in enumerate(labels):
            found, row = None, _counts(compared, group[compared.rows] == place)
            if min(row["n_treated"], row["n_control"]) < FEWEST:
                row["note"] = f"too little data: fewer than {FEWEST} pupils in an arm"
            else:
                here = functools.partial(effect_size, data[group == place], **within, **how)
                found, row["note"] = _tried(here)
            if found is not None:
                estimates[column, label] = found
                row |= {name: getattr(found, name) for name in _NUMBERS}
                enough.append(place)
            rows.append(head | {"group": label, "kind": "separate model"} | row)
        first = [labels[place] for place in enough[:1]]
        against = [f"{labels[place]} against {first[0]}" for place in enough[1:]]
        among = np.isin(group, enough) if against else group >= 0
        asks = [("difference", among, group[:, None] == enough[1:], against)]
        if values is not None:
            spread = (values - np.nanmean(values)) / np.nanstd(values)
            asks.append(("trend", group >= 0, spread[:, None], [f"one SD more of {column}"]))
        for kind, among, terms, names in asks:
            those = compared if among.all() else read(data[among], **within)
            answered, test = _interaction(those, terms[among], names, how, trial.per_sd)
            rows += [head | {"kind": kind} | row for row in answered]
            tests.append(head | {"kind": kind} | test)
    shape = ["subgroup", "group", "kind", "status", *_NUMBERS]
    shape += ["n_treated", "n_control", "n_pupils", "n_clusters", "note"]
    table = pd.DataFrame(rows).reindex(columns=shape)
    tests = pd.DataFrame(tests)
    return Subgroups(
        table=table.assign(note=table["note"].fillna("")),
        tests=tests.assign(p_adjusted=adjust(tests["p_value"], method)),
        estimates=estimates,
        outcome=whole.outcome,
        treatment=whole.treatment,
        method=whole.method,
    )


@of_trial()
def check_subgroups(
    trial: TrialData, *, subgroup: str | Sequence[str], prespecified: str | Sequence[str] = ()
) -> None:
    """Refuse what :func:`subgroups` refuses, without estimating anything."""
    _groups_of(trial, subgroup, prespecified)


def _groups_of(
    trial: TrialData, subgroup: str | Sequence[str], prespecified: str | Sequence[str]
) -> dict[str, tuple[np.ndarray, list[str], np.ndarray | None]]:
    asked, data, plan = frames.listed(subgroup), trial.data, trial.plan
    frames.require(data, asked)
    for name in asked:
        if role := next((role for role in ("outcome", "treatment") if plan[role] == name), ""):
            raise EvidenceError(
                f"subgroup={name!r} is the {role}; name columns known before allocation"
            )
        if frames.missing(data, name).all():
            raise EvidenceError(f"column {name!r} has no value at all; leave it out of subgroup=")
    for name in frames.listed(prespecified):
        if name not in asked:
            raise EvidenceError(f"prespecified={name!r} is not among subgroup={', '.join(asked)}")
    return {name: _groups(data, name, name == plan["baseline"]) for name in asked}


def _groups(
    data: pd.DataFrame, column: str, score: bool
) -> tuple[np.ndarray, list[str], np.ndarray | None]:
    """Return codes (−1 is unknown), labels in words and, where numbers were cut, the numbers."""
    codes, labels = frames.factor(data, column)
    if frames.is_text(data[column]) or len(labels) <= (len(_THIRDS) if score else _LEVELS):
        if len(labels) > _LEVELS:
            raise EvidenceError(
                f"column {column!r} has {len(labels)} different values; a text subgroup may have "
                f"{_LEVELS}: give broader groups"
            )
        return codes, labels, None
    values = frames.numbers(data, column)
    cuts = np.nanquantile(values, [1 / 3, 2 / 3])
    thirds = np.searchsorted(cuts, values, side="left")
    return np.where(np.isnan(values), -1, thirds), list(_THIRDS), values


def _counts(trial: TrialData, which: np.ndarray) -> dict[str, Any]:
    rows = np.flatnonzero(which)
    return {
        "n_treated": int(trial.treated[rows].sum()),
        "n_control": int(trial.control[rows].sum()),
        "n_pupils": len(rows),
        "n_clusters": len(rows if trial.cluster is None else np.unique(trial.cluster[rows])),
    }


def _tried(analysis: Callable[[], T]) -> tuple[T | None, str]:
    """Return what the analysis gives, or why the data do not allow it."""
    found, reason = attempt(analysis)
    return found, f"too little data: {reason}" if reason else ""


def _interaction(
    trial: TrialData, terms: np.ndarray, names: list[str], how: dict[str, Any], scale: float
) -> tuple[list[dict[str, Any]], dict[str, float]]:
    """Return a row for each column of `terms` times the treatment, and the joint test."""
    none = dict.fromkeys(("statistic", "df_num", "df_denom", "p_value"), np.nan)
    if not names:
        return [], none
    terms = terms[trial.rows].astype(float)
    treated = trial.treated[:, None]
    arms = [name.startswith(f"{trial.columns['treatment']}: ") for name in trial.names]
    further = trial.others[:, arms]
    others = [treated, trial.others, terms, *(further * term[:, None] for term in terms.T)]
    columns = (treated * terms, np.column_stack(others), trial.strata, trial.weights)
    regression, note = _tried(functools.partial(design, *columns))
    if regression is None:
        return [{"group": name, "note": note} for name in names], none
    estimate, residuals = regression.fit(trial.outcome)
    cov_type = trial.errors(how["cov_type"])[0]
    result = covariance.robust(regression, residuals, trial.cluster, cov_type, refuse=False)
    _, p_value, lower, upper = covariance.t_test(
        estimate, result.std_error, result.df, how["level"]
    )
    scaled = (scale * estimate, scale * result.std_error)
    parts = (*scaled, result.df, p_value, scale * lower, scale * upper)
    counts = _counts(trial, np.ones(len(trial.outcome), bool))
    alone = "too little data: one school or pupil alone decides it"
    rows = [
        {"group": name, **dict(zip(_NUMBERS, values, strict=True)), **counts}
        if np.isfinite(values[1])
        else {"group": name, "note": alone}
        for name, *values in zip(names, *parts, strict=True)
    ]
    return rows, dict(zip(none, covariance.joint_test(estimate, result), strict=True))
