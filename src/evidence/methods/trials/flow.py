"""Who was lost on the way from assignment to analysis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from evidence.errors import EvidenceError
from evidence.methods.core import frames
from evidence.methods.core.results import TableResult, axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Flow(TableResult):
    """How many pupils and schools of each arm reached each stage.

    Parameters
    ----------
    table : DataFrame
        `stage`, `arm`, `n_pupils`, with clusters `n_schools`, and `lost_for`: what those lack who
        did not reach this stage.
    further : tuple of str
        Arms that are not compared.
    """

    table: pd.DataFrame
    further: tuple[str, ...] = ()

    def sentence(self) -> str:
        """Say how many began and how many are analysed."""
        totals = self.totals()
        return (
            f"Of {totals.iloc[0]:,} pupils assigned, {totals.iloc[-1]:,} "
            f"({100 * totals.iloc[-1] / totals.iloc[0]:.0f}%) are analysed."
        )

    def totals(self) -> pd.Series:
        """Return the pupils of the arms compared at each stage."""
        compared = self.table[~self.table["arm"].isin(self.further)]
        return compared.groupby("stage", sort=False)["n_pupils"].sum()

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the participant flow (CONSORT)."""
        from evidence.show import figures

        return figures.draw_flow(self.table, axes(ax))


def flow(
    assigned: pd.DataFrame,
    *,
    treatment: str,
    outcome: str,
    baseline: str | None = None,
    covariates: Sequence[str] = (),
    cluster: str | None = None,
    reference: object = None,
    arm: object = None,
) -> Flow:
    """Count pupils and schools from assignment to analysis.

    Parameters
    ----------
    assigned : DataFrame
        One row a pupil assigned, whether or not measured.
    treatment, outcome, baseline, covariates, cluster, reference, arm
        As in :func:`evidence.methods.trials.itt`.

    Returns
    -------
    Flow
        Stages "assigned", "outcome known" and, with a baseline or covariates, "analysed". Where
        the reference or the arm is named those two come first, the reference before the arm.

    Raises
    ------
    EvidenceError
        A column is missing, a row has no arm, or a name given is not an arm.
    """
    covariates = (*frames.listed(baseline), *frames.listed(covariates))
    frames.require(assigned, (treatment, outcome, *covariates, cluster))
    columns = {"treatment": treatment, "outcome": outcome, "cluster": cluster}
    frames.distinct([*columns], **columns, covariates=covariates)
    if missing := int(frames.missing(assigned, treatment).sum()):
        which = frames.counted(missing, "row has", "rows have")
        raise EvidenceError(f"column {treatment!r}: {which} no arm")
    codes, labels = frames.factor(assigned, treatment)
    order = list(range(len(labels)))
    further: tuple[str, ...] = ()
    if reference is not None or arm is not None:
        arms = frames.arms(assigned, treatment, reference, arm)
        further = arms.further
        order = [labels.index(name) for name in (arms.reference, arms.arm, *further)]
    known = ~np.isnan(frames.numbers(assigned, outcome))
    stages = {"assigned": ("", np.ones(len(assigned), bool)), "outcome known": (outcome, known)}
    if covariates:
        complete = known & frames.covariates(assigned, covariates)[2]
        stages["analysed"] = (" or ".join(covariates), complete)
    schools = None if cluster is None else frames.factor(assigned, cluster)[0]
    rows = []
    for stage, (lacking, reached) in stages.items():
        for code in order:
            here = reached & (codes == code)
            row = {"stage": stage, "arm": labels[code], "n_pupils": int(here.sum())}
            if schools is not None:
                row["n_schools"] = len(np.setdiff1d(schools[here], [-1]))
            rows.append(row | {"lost_for": lacking})
    return Flow(table=pd.DataFrame(rows), further=further)
