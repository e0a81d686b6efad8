"""A roster and past data in many disguises: every answer of planning stays the same."""

import numpy as np
import pytest

import evidence as ev

from ..test_disguises import DISGUISES
from .test_allocation import CASES, allocate, schools
from .test_variance_components import schools as pupils

CALLS = {name: lambda table, given=given: allocate(table, **given) for name, given in CASES.items()}
CALLS |= {
    "roster_power": lambda table: ev.planning.roster_power(
        table.iloc[table["school"].astype(str).argsort()],
        pupils="score",
        rho2=0.2,
        strata="region",
        covariates="need",
        draws=200,
    ),
    "variance_components": lambda table: ev.planning.variance_components(
        table, outcome="score", cluster="school"
    ),
}


def told(found):
    return found.table.to_numpy().tolist() if hasattr(found, "table") else float(found)


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=() if n == "strata" else pytest.mark.slow) for n in CALLS],
)
def test_a_disguise_changes_nothing(name):
    table = schools()
    table["score"] = np.round(table["score"]) + 1
    if name == "variance_components":
        table = pupils(np.random.default_rng(2), m=4, n=5).round()
    expected = told(CALLS[name](table))
    wrong = [
        kind for kind, change in DISGUISES.items() if told(CALLS[name](change(table))) != expected
    ]
    assert wrong == []
