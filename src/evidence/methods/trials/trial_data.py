"""The rows of a trial that can be analysed, as arrays, with what was left out and why."""

from __future__ import annotations

import functools
import hashlib
import math
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from evidence.data.labels import stored
from evidence.errors import EvidenceError
from evidence.methods.core import frames
from evidence.methods.core.frames import compact
from evidence.methods.core.reading import reads
from evidence.stats import covariance, mixed_model
from evidence.stats.compressed import Compressed
from evidence.stats.design import Block, Coded, Columns, Design, Rows, as_columns, block, design
from evidence.stats.effect_sizes import small_sample_factor

_PLAIN = re.compile(r"[\W_]+")
_PUPIL = frozenset(
    f"{who}{what}"
    for who in ("pupil", "student", "child", "participant", "learner", "candidate", "anon")
    for what in ("", "id", "no", "number", "ref", "reference", "code", "upn", "uid", "name")
) | {"id", "upn", "uid", "uniquepupilnumber", "pupilmatchingrefanonymous", "pupilmatchingref"}
_BY_SUMS = 100_000  # rows that cost less as sums
_FEW, _MANY = 20, 100_000  # rows of a table in which everybody is looked for twice
_BEFORE = frozenset(("pre", "pretest", "before", "baseline"))
_AFTER = frozenset(("post", "posttest", "after", "endline", "followup", "outcome", "midline"))


@dataclass(frozen=True, eq=False)
class TrialData:
    """The complete rows of a trial.

    Parameters
    ----------
    outcome : ndarray of shape (n,)
    treated, control : ndarray of bool, shape (n,)
        Who is in the arm asked about and in the reference; neither, in a further arm.
    others : ndarray or Columns, shape (n, k)
        Baseline, covariates and a 0/1 column a further arm; `names` says which is which.
    cluster, strata : ndarray of int or None
    weights : ndarray or None
    contrast : str
    caveats : tuple of str
        Rows left out.
    columns : dict
        The caller's names of outcome, treatment, cluster, strata and weights.
    plan : dict
        The arguments with which :func:`read` was called.
    rows : ndarray of int, shape (n,)
        Places of these rows in the caller's table.
    data : DataFrame
        That table.
    """

    outcome: np.ndarray
    treated: np.ndarray
    control: np.ndarray
    others: np.ndarray | Columns
    names: list[str]
    cluster: np.ndarray | None
    strata: np.ndarray | None
    weights: np.ndarray | None
    contrast: str
    caveats: tuple[str, ...]
    columns: dict[str, str | None]
    plan: dict[str, Any]
    rows: np.ndarray
    data: pd.DataFrame

    @functools.cached_property
    def design(self) -> Design:
        """The regression on the treatment, everything else held fixed."""
        return design(
            self.treated[:, None],
            self.others,
            self.strata,
            self.weights,
            name=f"column {self.columns['treatment']!r}",
        )

    @functools.cached_property
    def fitted(self) -> tuple[np.ndarray, np.ndarray]:
        """Coefficient of the treatment, shape (1,), and residuals of the regression."""
        return self.design.fit(self.outcome)

    @functools.cached_property
    def by_sums(self) -> tuple[np.ndarray, covariance.Inference] | None:
        """The treatment's coefficient and CR2 of many rows, from sums of products by cluster.

        None where the rows themselves are needed: few rows or weights, strata that clusters share,
        a column that others explain.
        """
        if len(self.outcome) < _BY_SUMS or self.cluster is None or self.weights is not None:
            return None
        if self.strata is not None:
            owner = np.empty(int(self.strata.max()) + 1, int)
            owner[self.strata] = self.cluster
            if (owner[self.strata] != self.cluster).any():
                return None
        k = self.others.shape[1]
        columns = Columns(
            [
                lambda rows: [self.outcome[rows]],
                block(self.treated),
                *as_columns(self.others).blocks,
            ],
            (len(self.outcome), k + 2),
        )
        try:
            sums = Compressed.of(columns, self.cluster, self.strata)
            return sums.regress(0, range(2, k + 2), [1])
        except EvidenceError:
            return None

    @property
    def dropped(self) -> tuple[int, ...]:
        """Places of the other columns that earlier ones explain."""
        return self.design.dropped if self.by_sums is None else ()

    @functools.cached_property
    def answers(self) -> dict[str, Any]:
        """What methods have answered of these rows: `evidence.methods.core.reading.kept`."""
        return {}

    @functools.cached_property
    def _sandwiches(self) -> dict[str, covariance.Sandwich]:
        return {}

    def sandwich(self, cov_type: str) -> covariance.Sandwich:
        """Return the part of the covariance that does not depend on the outcome."""
        kept = self._sandwiches
        if cov_type not in kept:
            kept[cov_type] = covariance.Sandwich.of(self.design, self.cluster, cov_type)
        return kept[cov_type]

    def inference(self, cov_type: str) -> covariance.Inference:
        """Return the standard error of the treatment's coefficient and its degrees of freedom."""
        label = f"column {self.columns['outcome']!r}"
        return self.sandwich(cov_type).inference(self.fitted[1], label=label)

    @functools.cached_property
    def null_model(self) -> mixed_model.Mixed:
        """The model without covariates or arms, whose variances an effect size is divided by."""
        parts = [self.outcome] if self.cluster is None else [self.outcome, self.cluster]
        key = ("null model", *(hashlib.sha256(part.tobytes()).digest() for part in parts))
        return frames.once(
            self.data, key, lambda: mixed_model.null_model(self.outcome, self.cluster)
        )

    def errors(self, cov_type: str) -> tuple[str, str]:
        """Return the type of errors, HC2 for CR… without clusters, and its name in words."""
        covariance.check_type(cov_type)
        if not cov_type.startswith("CR"):
            return cov_type, cov_type
        if self.cluster is None:
            return "HC2", "HC2"
        return cov_type, f"{cov_type} by {self.columns['cluster']}"

    @property
    def within(self) -> str:
        """The strata in words, for the name of a method; "" without."""
        return f" within {self.columns['strata']}" if self.columns["strata"] else ""

    def again(self, **changes: object) -> TrialData:
        """Return the rows of the same table read with some arguments of :func:`read` changed."""
        return read(self.data, **self.plan | changes)

    def with_outcome(self, outcome: np.ndarray) -> TrialData:
        """Return the same rows with another outcome; the regression's columns are shared."""
        other = replace(self, outcome=outcome)
        vars(other).update(design=self.design, _sandwiches=self._sandwiches)
        return other

    @functools.cached_property
    def per_sd(self) -> float:
        """What turns the outcome's units into the effect size: J over the unconditional SD."""
        total = self.null_model.variance_total
        if not total > 0:
            name = self.columns["outcome"]
            raise EvidenceError(f"column {name!r} does not vary, so there is no SD to divide by")
        return small_sample_factor(int((self.treated | self.control).sum()) - 2) / math.sqrt(total)

    def column(self, role: str) -> str:
        """Return the caller's name of a column that the analysis cannot do without."""
        name = self.columns[role]
        if name is None:
            raise EvidenceError(f"{role}= is needed: name a column of data")
        return name

    @property
    def clusters(self) -> np.ndarray:
        """Codes of the clusters, of an analysis that cannot do without them."""
        if self.cluster is None:
            raise EvidenceError("cluster= is needed: name a column of data")
        return self.cluster

    @property
    def n_clusters(self) -> int:
        """Clusters; without any, every row is one."""
        return len(self.outcome) if self.cluster is None else int(self.cluster.max()) + 1

    @functools.cached_property
    def n_mixed(self) -> int:
        """Clusters in which more than one arm occurs."""
        further = np.bincount(self.clusters) - self.arm_sizes.sum(axis=0)
        return int(((self.arm_sizes > 0).sum(axis=0) + (further > 0) > 1).sum())

    @functools.cached_property
    def arm_sizes(self) -> np.ndarray:
        """Pupils of the arm asked about and of the reference in each cluster, shape (2, m)."""
        m = self.n_clusters
        arms = (self.treated, self.control)
        return np.array([np.bincount(self.clusters[arm], minlength=m) for arm in arms])

    @property
    def crossing(self) -> str:
        """What to say where most clusters have one arm but some have more; "" elsewhere."""
        if self.cluster is None or not 0 < 2 * self.n_mixed < self.n_clusters:
            return ""
        verb = "has" if self.n_mixed == 1 else "have"
        return (
            f"{self.n_mixed} of {self.n_clusters} clusters of {self.columns['cluster']} {verb} "
            "pupils of more than one arm: if whole clusters were allocated at random, give each "
            "pupil the arm of the cluster they were in at the time"
        )


def read(
    data: pd.DataFrame,
    *,
    outcome: str,
    treatment: str,
    baseline: str | None = None,
    covariates: Sequence[str] = (),
    cluster: str | None = None,
    strata: str | Sequence[str] | None = None,
    weights: str | None = None,
    reference: object = None,
    arm: object = None,
) -> TrialData:
    """Check the columns of a trial and keep the rows that are complete.

    Raises
    ------
    EvidenceError
        As :func:`evidence.methods.trials.itt.itt`.
    """
    plan = {
        "outcome": outcome,
        "treatment": treatment,
        "baseline": baseline,
        "covariates": frames.listed(covariates),
        "cluster": cluster,
        "strata": frames.listed(strata),
        "weights": weights,
        "reference": reference,
        "arm": arm,
    }
    return frames.once(data, ("trial", *plan.values()), lambda: _read(data, plan))


of_trial = functools.partial(reads, read, TrialData)


def one_row_a_pupil(data: pd.DataFrame, treatment: str, used: Collection[str | None] = ()) -> None:
    """Refuse a table that has several rows a pupil.

    It is known by a column of ids, by its name, or by one that says before and after; or by
    two columns that hold everybody twice, once in each half of the table.

    Parameters
    ----------
    data : DataFrame
    treatment : str
        Column of the arm.
    used : collection of str
        Columns that have another part: as a cluster, pupils may have several rows.

    Raises
    ------
    EvidenceError
        An id stands twice, or rows are of before and after.
    """
    once = data.columns.drop_duplicates(keep=False)
    others = [name for name in once if name not in {treatment, *used}]
    for name in others:
        if _plain(name) in _PUPIL:
            repeated(data, name)
        few = data[name].iloc[[*range(50), *range(-50, 0)] if len(data) > 100 else slice(None)]
        said = set(map(_plain, set(few.dropna().astype("str"))))  # enough to know the kind
        if said & _BEFORE and said & _AFTER and said <= _BEFORE | _AFTER:
            raise EvidenceError(
                f"column {name!r} says before and after, so that pupils have two rows; keep one "
                "row a pupil, with what was before and after in columns of their own"
            )
    if twice := _everybody_twice(data, treatment, others):
        raise EvidenceError(
            f"columns {twice[0]!r} and {twice[1]!r} hold everybody twice, with one arm; keep one "
            "row a pupil, with what was measured at each time in columns of their own"
        )


def _everybody_twice(
    data: pd.DataFrame, treatment: str, others: Sequence[str]
) -> tuple[str, str] | None:
    """Return the column that has each value twice, and the one that has each of two once in it."""
    n = len(data)
    if n % 2 or not _FEW <= n <= _MANY:
        return None
    ids: dict[str, np.ndarray] = {}
    halves: dict[str, np.ndarray] = {}
    for name in others:
        try:
            codes = pd.factorize(stored(data[name]))[0]
        except TypeError:  # cells hold lists or the like
            continue
        counts = np.bincount(codes[codes >= 0], minlength=1)
        if counts.sum() == n and (counts == counts[0]).all():
            ids |= {name: codes} if counts[0] == 2 else {}
            halves |= {name: codes} if len(counts) == 2 else {}
    arm = frames.factor(data, treatment)[0]
    for name, whose in ids.items():
        same_arm = len(np.unique(np.column_stack([whose, arm]), axis=0)) == n // 2
        for half, when in halves.items():
            if same_arm and len(np.unique(2 * whose + when)) == n:
                return name, half
    return None


def _plain(name: object) -> str:
    return _PLAIN.sub("", str(name)).casefold()


def repeated(data: pd.DataFrame, pupil: str) -> None:
    """Refuse a column of pupils in which one stands twice.

    Raises
    ------
    EvidenceError
        One does; the rows are named.
    """
    codes = frames.factor(data, pupil)[0]
    again = pd.Series(codes).duplicated().to_numpy() & (codes >= 0)
    if again.any():
        row = int(again.argmax())
        before = int(np.flatnonzero(codes == codes[row])[0])
        earlier = frames.row(before, data)
        raise EvidenceError(
            f"column {pupil!r}, {frames.row(row, data)}: the pupil of {earlier} again "
            f"({frames.counted(again.sum(), 'such row')}); keep one row a pupil"
        )


def _read(data: pd.DataFrame, plan: dict[str, Any]) -> TrialData:
    outcome, treatment, baseline, covariates, cluster, strata, weights, *named = plan.values()
    frames.require(data, (outcome, treatment, baseline, *covariates, cluster, *strata, weights))
    for role in ("outcome", "treatment"):
        if plan[role] is None:
            raise EvidenceError(f"{role}= is needed: name a column of data")
    columns = ("outcome", "treatment", "baseline", "covariates", "strata", "cluster", "weights")
    frames.distinct(columns[:2], **{name: plan[name] for name in columns})
    one_row_a_pupil(data, treatment, {outcome, baseline, cluster, *covariates, *strata})
    arms = frames.arms(data, treatment, *named)
    score = frames.measured(data, outcome)
    have, names = {outcome: ~np.isnan(score)}, []
    held: list[Block] = []
    if baseline is not None:
        before = frames.measured(data, baseline)
        held.append(lambda rows: [before[rows]])
        names.append(baseline)
        have[baseline] = ~np.isnan(before)
        if all(np.array_equal(score[:n], before[:n], equal_nan=True) for n in (100, None)):
            raise EvidenceError(
                f"columns {outcome!r} and {baseline!r} hold the same numbers: a baseline is "
                "measured before the start, the outcome after it"
            )
    for column in covariates:
        block, labels, have[column] = frames.written(data, (column,))
        held += block.blocks
        names.extend(labels)
    codes = {name: frames.factor(data, name)[0] for name in (*frames.listed(cluster), *strata)}
    have |= {name: code >= 0 for name, code in codes.items()}
    weight = None
    if weights is not None:
        weight = frames.numbers(data, weights)
        if (weight < 0).any():
            raise EvidenceError(f"column {weights!r}: weights must not be negative")
        have[weights] = weight > 0
    keep, caveats = frames.complete(have, arms.treated | arms.control, "pupils")
    rows = np.flatnonzero(keep)
    for mask, which in ((arms.treated, "treated arm"), (arms.control, "reference arm")):
        if (mask & keep).sum() < 2:
            raise EvidenceError(
                f"column {treatment!r}: the {which} has {(mask & keep).sum()} pupils with all of "
                f"{', '.join(have)}; at least 2 are needed"
            )
    if np.ptp(score[keep]) == 0:
        raise EvidenceError(f"column {outcome!r} is constant: there is nothing to explain")
    some: Rows = slice(None) if len(rows) == len(data) else keep
    held.append(lambda rows: arms.others[rows].T)
    names += [f"{treatment}: {name}" for name in arms.further]
    if not isinstance(some, slice):
        held = [_selected(one, rows) for one in held]
    others = Columns(held, (len(rows), len(names)))
    trial = TrialData(
        outcome=score[some],
        treated=arms.treated[some],
        control=arms.control[some],
        others=others if len(rows) >= _BY_SUMS else others[:],
        names=names,
        cluster=None if cluster is None else compact([codes[cluster][some]]),
        strata=compact([codes[name][some] for name in strata]) if strata else None,
        weights=None if weight is None else weight[some],
        contrast=arms.contrast,
        caveats=caveats,
        columns={
            "outcome": outcome,
            "treatment": treatment,
            "cluster": cluster,
            "strata": " × ".join(strata) or None,
            "weights": weights,
        },
        plan=plan,
        rows=rows,
        data=data,
    )
    _check_clusters(trial)
    return replace(trial, caveats=(*caveats, trial.crossing)) if trial.crossing else trial


def _selected(one: Block, rows: np.ndarray) -> Block:
    """Return some rows of a block."""
    if isinstance(one, Coded):
        return replace(one, codes=one.codes[rows])
    return lambda part: one(rows[part])


def _check_clusters(trial: TrialData) -> None:
    if trial.cluster is None:
        return
    name = trial.columns["cluster"]
    if trial.n_clusters < 2:
        raise EvidenceError(f"column {name!r} has one cluster; at least two per arm are needed")
    counts = trial.arm_sizes
    if 2 * trial.n_mixed < trial.n_clusters:  # a cluster has the arm of most
        for mainly, which in zip(counts > counts[::-1], ("treated", "reference"), strict=True):
            if mainly.sum() < 2:
                raise EvidenceError(
                    f"column {name!r}: the {which} arm has only one cluster; at least two per arm "
                    "are needed to tell the treatment from the cluster"
                )
