"""How far the answer of a programme that nobody randomised hangs on how it was worked out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from evidence.errors import EvidenceError
from evidence.methods.core import frames
from evidence.methods.core.results import Estimate, page
from evidence.methods.impact import lagged_outcome, unmeasured_confounding
from evidence.methods.impact.did import did as two_way_did
from evidence.methods.impact.event_study import event_study
from evidence.methods.impact.parallel_trends import honest, pre_trend
from evidence.methods.impact.wild_bootstrap import wild_bootstrap
from evidence.methods.matching.balance_weights import balance_weights
from evidence.methods.matching.cem import coarsened
from evidence.methods.matching.nearest import nearest
from evidence.show import words

_UNITS = {"pp": "percentage points", "sd": "SD"}


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Checks:
    """The primary effect by other analyses, and where no effect can be.

    Parameters
    ----------
    table : DataFrame
        `label`, `kind` ("answer" or "placebo"), `estimate`, `ci_lower`, `ci_upper`, `p_value`,
        `primary`, `holds`, `n_clusters`. An answer holds where its interval lies on the same side
        of 0, or takes it in, as the primary one does; a placebo where its interval takes in 0.
    outcome, treatment : str
    unit : str
        Unit of the estimates, as in `Estimate`.
    leave_out_low, leave_out_high : float
        Least and greatest estimate when one treated unit is left out.
    oster : float
        How many times as strongly as all that is held fixed something unseen must go with being
        chosen, for the effect to be nought (δ); NaN where what is held fixed does not matter.
    notes : tuple of str
        What else is to be said: drifts that the test of earlier trends would miss, how far trends
        may part before the answer goes, and how strong something unseen would have to be.
    skipped : tuple of str
        Analyses that the data do not allow, and why.
    """

    table: pd.DataFrame
    outcome: str
    treatment: str
    unit: str
    leave_out_low: float
    leave_out_high: float
    oster: float
    notes: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()

    def to_frame(self) -> pd.DataFrame:
        """Return a row an analysis."""
        return self.table.copy()

    def headline(self) -> str:
        """Say in how many analyses the answer holds."""
        answers = self.table[self.table["kind"] == "answer"]
        return f"The answer holds in {int(answers['holds'].sum())} of {len(answers)} analyses"

    def sentence(self) -> str:
        """Say where the answer holds, between what it lies, and whether placebos are clean."""

        def signed(*values: float) -> str:
            return " and ".join(words.number(x, 1, sign=True) for x in values)

        answers, placebos = (self.table[self.table["kind"] == k] for k in ("answer", "placebo"))
        other = answers.loc[~answers["holds"], "label"]
        parts = [
            f"{self.headline()}; estimates lie between "
            f"{signed(answers['estimate'].min(), answers['estimate'].max())} "
            f"{_UNITS.get(self.unit, 'points')}.",
            f"Not so: {'; '.join(other)}." if len(other) else "",
            f"Leaving out one school at a time, it lies between "
            f"{signed(self.leave_out_low, self.leave_out_high)}.",
        ]
        if len(placebos):
            found = placebos.loc[~placebos["holds"], "label"]
            parts.append(
                f"Where there can be no effect, one is found: {'; '.join(found)}."
                if len(found)
                else "Where there can be no effect, none is found."
            )
        return " ".join(part for part in parts if part)

    def caveats(self) -> tuple[str, ...]:
        """Return what must stand beside the answer wherever it goes."""
        found = self.table.loc[(self.table["kind"] == "placebo") & ~self.table["holds"], "label"]
        headline = self.headline()
        return (
            f"{headline[:1].lower()}{headline[1:]}",
            *(f"where there can be no effect one is found: {label.lower()}" for label in found),
        )

    def _repr_html_(self) -> str:
        notes = (note.removesuffix(".") for note in (*self.notes, *self.skipped))
        return page(self.sentence(), self.table, tuple(notes))


def sensitivity(
    panel: pd.DataFrame,
    *,
    outcome: str,
    treatment: str,
    unit: str,
    time: str,
    cluster: str | None = None,
    weights: str | None = None,
    covariates: Sequence[str] = (),
    overlap: Sequence[str] = (),
    placebo: str | None = None,
    unit_words: str = "points",
    draws: int = 999,
    seed: int = 0,
    level: float = 0.95,
) -> Checks:
    """Estimate the effect in other sensible ways, and where none can be.

    Parameters
    ----------
    panel, outcome, treatment, unit, time, cluster, weights, covariates, overlap, level
        The primary analysis: the arguments of :func:`evidence.methods.impact.given_past`.
    placebo : str, optional
        Column of an outcome that the programme cannot change, such as writing for mathematics.
    unit_words : str
        Unit of the outcome, as in `Estimate`.
    draws, seed : int
        Of the wild cluster bootstrap.

    Returns
    -------
    Checks
        Besides the primary one: without context; other programmes not held fixed; only units in no
        other programme; two-way fixed effects (difference in differences), also without the time
        before the start, with comparison units balanced on results and context before the start
        (entropy), matched (nearest neighbours, coarsened cells), and with the interval of the wild
        cluster bootstrap. Placebos: two times before the start taken for the start (of difference
        in differences: given earlier results, units chosen later for low ones fall behind by the
        choice alone), and the placebo outcome.

    Raises
    ------
    EvidenceError
        As the primary analysis.
    """
    full = {
        "outcome": outcome,
        "treatment": treatment,
        "unit": unit,
        "time": time,
        "cluster": cluster,
        "weights": weights,
        "covariates": frames.listed(covariates),
        "overlap": frames.listed(overlap),
    }
    primary = lagged_outcome.given_past(panel, level=level, **full)
    dose = pd.Series(frames.numbers(panel, treatment) != 0, panel.index)
    first = panel.loc[dose, time].min()
    years = np.sort(panel[time].unique())
    before = years[years < first]

    def given(data: pd.DataFrame = panel, **change: object) -> Callable[[], Estimate]:
        return lambda: lagged_outcome.given_past(data, level=level, **(full | change))

    def did(data: pd.DataFrame = panel, **change: object) -> Callable[[], Estimate]:
        return lambda: two_way_did(data, level=level, **(full | change))

    asks: dict[str, Callable[[], Estimate]] = {
        "Given earlier results (primary)": lambda: primary,
        "Difference in differences": did(),
    }
    if full["covariates"]:
        asks["Given earlier results, without context"] = given(covariates=())
    if full["overlap"]:
        busy = panel[list(full["overlap"])].ne(0).any(axis=1)
        alone = panel[~panel[unit].isin(panel.loc[busy, unit])]
        asks["Other programmes not held fixed"] = given(overlap=())
        asks["Schools in no other programme"] = given(alone, overlap=())
    if len(before) > 1:
        asks["Difference in differences without the last year before"] = did(
            panel[panel[time] != before[-1]]
        )
    names = ("outcome", "treatment", "unit", "time", "weights", "covariates")
    known = {name: full[name] for name in names}
    earlier = unmeasured_confounding.before_start(panel, **known)
    for label, match in (
        ("balanced", balance_weights),
        ("nearest neighbours", nearest),
        ("same cells of results", coarsened),
    ):
        asks[f"Difference in differences, {label}"] = lambda match=match: _matched(
            panel, match, earlier, full, level
        )
    asks["Difference in differences, wild bootstrap"] = lambda: wild_bootstrap(
        panel, level=level, draws=draws, seed=seed, **full
    )
    fakes: dict[str, Callable[[], Estimate]] = {}
    if len(before) > 2:
        early = panel[panel[time].isin(before[:-1])]
        ever = early[unit].isin(panel.loc[dose, unit])
        fake = early.assign(**{treatment: (ever & (early[time] == before[-2])).astype(int)})
        fakes["Before there was a programme"] = did(fake)
    if placebo is not None:
        fakes["An outcome it cannot change"] = given(outcome=placebo)
    skipped: list[str] = []

    def tried(label: str, ask: Callable[[], object]) -> object | None:
        try:
            return ask()
        except EvidenceError as error:
            skipped.append(f"{label}: {error}")
            return None

    rows = [
        {"label": label, "kind": kind}
        | {name: getattr(found, name) for name in (*_INTERVAL, "p_value", "n_clusters")}
        for kind, asked in (("answer", asks), ("placebo", fakes))
        for label, ask in asked.items()
        if (found := tried(label, ask)) is not None
    ]
    table = pd.DataFrame(rows)
    side = (table["ci_lower"] > 0) * 1 - (table["ci_upper"] < 0)
    expected = np.where(table["kind"] == "answer", side.iloc[0], 0)
    table = table.assign(primary=table.index == 0, holds=side == expected)
    low, high = lagged_outcome.leave_one_out(panel, **full)
    study = event_study(panel, level=level, **full)
    delta = unmeasured_confounding.oster(panel, **known)
    notes = {
        "Drifts before the start": lambda: pre_trend(study),
        "Trends that are not parallel": lambda: honest(study),
    }
    said = [found.sentence() for label, ask in notes.items() if (found := tried(label, ask))]
    if np.isfinite(delta):
        said.append(unmeasured_confounding.in_words(delta))
    return Checks(
        table=table,
        outcome=outcome,
        treatment=primary.treatment,
        unit=unit_words,
        leave_out_low=low,
        leave_out_high=high,
        oster=delta,
        notes=tuple(said),
        skipped=tuple(skipped),
    )


_INTERVAL = ("estimate", "ci_lower", "ci_upper")


def _matched(
    panel: pd.DataFrame, match: Callable, table: pd.DataFrame, full: dict, level: float
) -> Estimate:
    """Return the difference in differences with comparison units weighted by `match`."""
    if table["treated"].nunique() < 2:
        raise EvidenceError("no treated unit has results in every year before the start")
    names = [*table.columns[1:]]
    if match is coarsened:  # cells of everything would be empty
        names = [name for name in names if name.startswith(f"{full['outcome']}, ")]
    found = match(table, treatment="treated", covariates=names)
    weight = panel[full["unit"]].map(pd.Series(found["weight"].to_numpy(), table.index)).fillna(0)
    pupils = 1.0 if full["weights"] is None else panel[full["weights"]]
    name = "weight by similarity"
    data = panel.assign(**{name: weight.astype(float) * pupils})
    return two_way_did(data[data[name] > 0], level=level, **(full | {"weights": name}))
