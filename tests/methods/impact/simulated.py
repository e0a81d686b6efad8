"""Panels of schools whose lowest start a programme, and the model of their results written out."""

import numpy as np
import pandas as pd

from evidence.stats import panel_mixed_model

GIVEN = {"outcome": "pct", "treatment": "lamp", "unit": "urn", "time": "year"}


MODEL = {**GIVEN, "weights": "n", "covariates": ["fsm"], "overlap": ["leap"]}


def simulate(rng, schools=60, years=5, effect=0.0, chosen=0, noise=0.0):
    """Return schools × years of results in per cent; the `chosen` lowest of last year begin.

    `noise`: standard deviation, in per cent, of how people see those results.
    """
    size = rng.integers(8, 60, schools)
    pupils = np.maximum(4, size[:, None] + rng.integers(-3, 4, (schools, years)))
    true = 65 + rng.normal(0, 8, schools)[:, None]
    true = true + rng.normal(0, 4, (schools, years)) + np.arange(years)
    result = true + rng.normal(0, 45 / np.sqrt(pupils))
    seen = result[:, -2] + noise * rng.normal(size=schools)
    low = np.argsort(seen)[:chosen] if chosen else np.arange(schools // 4)
    begun = np.zeros((schools, years), int)
    begun[low, -1] = 1
    return pd.DataFrame(
        {
            "urn": np.repeat([f"s{i:03d}" for i in range(schools)], years),
            "year": np.tile(np.arange(2020 - years, 2020), schools),
            "lamp": begun.ravel(),
            "n": pupils.ravel(),
            "fsm": rng.uniform(0, 0.5, schools * years),
            "pct": (result + effect * begun).ravel(),
        }
    )


def dense(panel, parts, weights=True):
    """Return V, X (interest last) and y of the whole panel, written out."""
    year, n = panel["year"].to_numpy(), panel["n"].to_numpy(float)
    apart = np.abs(year[:, None] - year)
    same = panel["urn"].to_numpy()[:, None] == panel["urn"].to_numpy()
    v = same * (parts.lasting + parts.passing * float(parts.fade) ** apart)
    v += np.diag(parts.chance * (n.mean() / n if weights else np.ones(len(n))))
    years = (year[:, None] == np.unique(year)).astype(float)
    size = np.log(panel.groupby("urn")["n"].transform("mean"))
    x = np.column_stack([years, *([size] if weights else []), panel["fsm"], panel["lamp"]])
    return v, x, panel["pct"].to_numpy()


def parts_of(panel, weights=True):
    year, n = panel["year"].to_numpy(float), panel["n"].to_numpy(float)
    _, x, y = dense(panel, panel_mixed_model.Components(1, 1, 1, 0, None, None), weights)
    return panel_mixed_model.fit(y, x, pd.factorize(panel["urn"])[0], year, n if weights else None)


def criterion(panel, **parts):
    v, x, y = dense(panel, panel_mixed_model.Components(**parts, roots=None, places=None))
    inverse = np.linalg.inv(v)
    inner = x.T @ inverse @ x
    off = y - x @ np.linalg.solve(inner, x.T @ inverse @ y)
    logs = np.linalg.slogdet(v)[1] + np.linalg.slogdet(inner)[1]
    return logs + off @ inverse @ off
