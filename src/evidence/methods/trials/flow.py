"""Who was lost on the way from assignment to analysis."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import pandas as pd

from evidence.methods.core.results import axes, page
from evidence.show import words

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Flow:
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

    def to_frame(self) -> pd.DataFrame:
        """Return a row a stage and arm."""
        return self.table.copy()

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

    def _repr_html_(self) -> str:
        return page(self.sentence(), self.table)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Attrition:
    """How many were lost, and whether the arms lost alike.

    Parameters
    ----------
    overall, treated, control, differential : float
        Proportions lost; `differential` is the absolute difference between the arms.
    boundary_cautious, boundary_optimistic : float
        Largest differential at this overall loss that WWC calls low; NaN where none is.
    cautious, optimistic : {"low", "high"}
        The rating by each boundary.
    treatment : str
        The contrast.
    n_assigned, n_analysed : int
    """

    overall: float
    treated: float
    control: float
    differential: float
    boundary_cautious: float
    boundary_optimistic: float
    cautious: str
    optimistic: str
    treatment: str
    n_assigned: int
    n_analysed: int

    def to_frame(self) -> pd.DataFrame:
        """Return one row, a column a field."""
        return pd.DataFrame([{field.name: getattr(self, field.name) for field in fields(self)}])

    def sentence(self) -> str:
        """Say the loss and its rating."""
        if self.overall == 0:
            return f"None of {self.n_assigned:,} pupils was lost."
        return (
            f"{100 * self.overall:.1f}% of {self.n_assigned:,} pupils were lost, "
            f"{100 * self.differential:.1f} points apart between the arms: {self.cautious} "
            f"attrition by WWC's cautious boundary, {self.optimistic} by its optimistic one."
        )

    def _repr_html_(self) -> str:
        lost = (self.overall, self.treated, self.control, self.differential)
        limits = (self.boundary_cautious, self.boundary_optimistic)
        table = pd.DataFrame(
            [
                [words.number(100 * share, 1) + "%" for share in lost]
                + ["none" if x != x else words.number(100 * x, 1) + " points" for x in limits]
            ],
            columns=[
                "Lost",
                "In the programme",
                "Compared with",
                "Apart",
                "Limit, cautious",
                "Limit, optimistic",
            ],
        )
        return page(self.sentence(), table if self.overall else table[:0])
