"""Expectations of schools by earlier results, against plain least squares."""

import numpy as np
import pandas as pd
import pytest

from evidence import matching

from ..refusal import assert_refused


@pytest.fixture
def panel(rng):
    """Return 30 schools in 2015 to 2019; the first 6 start in 2018; one result is missing."""
    school = np.repeat(np.arange(30), 5)
    frame = pd.DataFrame({"urn": school, "year": np.tile(np.arange(2015, 2020), 30)})
    frame["pct"] = 60 + rng.normal(0, 8, 30)[school] + rng.normal(0, 5, 150)
    frame["fsm"] = rng.normal(20, 6, 150)
    frame["n"] = rng.integers(10, 60, 150)
    frame["start"] = np.where(school < 6, 2018, np.nan)
    frame["similar"] = school >= 6
    frame.loc[77, "pct"] = np.nan
    return frame


LAGGED = {
    "outcome": "pct",
    "unit": "urn",
    "time": "year",
    "fit_on": "similar",
    "start": "start",
    "context": ["fsm"],
}


@pytest.mark.slow
def test_expected_schools_is_least_squares_on_results_before_the_start(panel):
    found = matching.expected_schools(panel, **LAGGED, weights="n")
    wide = panel.pivot_table(index="urn", columns="year", values="pct")

    def by_hand(urn, year, lags):
        table = panel.assign(
            **{f"lag{k}": [wide.loc[u].get(y - k, np.nan)
                           for u, y in zip(panel["urn"], panel["year"], strict=True)]
               for k in lags}
        )  # fmt: skip
        names = [f"lag{k}" for k in lags]
        learn = table[table["similar"] & table["pct"].notna()].dropna(subset=names)
        own = table[(table["urn"] == urn) & (table["year"] == year)]
        learn = learn[learn["urn"] != urn]
        years = [(t["year"].to_numpy()[:, None] == np.arange(2015, 2020)) for t in (learn, own)]
        x, at = (
            np.column_stack([y, t[["fsm", *names]]])
            for y, t in zip(years, (learn, own), strict=True)
        )
        root = np.sqrt(learn["n"].to_numpy())
        beta = np.linalg.lstsq(root[:, None] * x, root * learn["pct"], rcond=None)[0]
        return float((at @ beta)[0])

    for urn, year, lags, basis in (
        (3, 2017, (1, 2), "results 1, 2 before"),
        (3, 2018, (1, 2), "results 1, 2 before"),
        (3, 2019, (2, 3), "results 2, 3 before"),
        (9, 2019, (1, 2), "results 1, 2 before"),
        (9, 2016, (1,), "results 1 before"),
        (9, 2015, (), "no earlier result"),
        (15, 2018, (2,), "results 2 before"),
    ):
        row = found[(panel["urn"] == urn) & (panel["year"] == year)].iloc[0]
        assert row["basis"] == basis
        assert row["expected"] == pytest.approx(by_hand(urn, year, lags), rel=1e-9)


def test_expected_schools_never_uses_results_since_the_start(panel):
    treated = (panel["urn"] < 6) & (panel["year"] >= 2018)
    first = matching.expected_schools(panel, **LAGGED)
    second = matching.expected_schools(panel.assign(pct=panel["pct"] + 40 * treated), **LAGGED)
    np.testing.assert_allclose(first["expected"], second["expected"], rtol=1e-12)
    earlier = (panel["urn"] == 2) & (panel["year"] == 2017)
    third = matching.expected_schools(panel.assign(pct=panel["pct"] + 40 * earlier), **LAGGED)
    moved = ~np.isclose(third["expected"], first["expected"])
    assert panel.loc[moved, ["urn", "year"]].values.tolist() == [[2, 2018], [2, 2019]]


def test_expected_schools_variance_falls_with_pupils(panel):
    found = matching.expected_schools(panel, **LAGGED, weights="n")
    product = (found["variance"] * panel["n"]).groupby(found["basis"], observed=True)
    assert (product.std().dropna() < 1e-9).all()
    holes = panel.assign(n=panel["n"].mask(panel.index == 60))
    without = matching.expected_schools(holes, **LAGGED, weights="n")
    assert not without["comparison"][60]
    assert np.isnan(without["variance"][60])


def test_expected_schools_with_wrong_input_says_how_to_mend(panel):
    assert_refused(
        "columns 'urn' and 'year': there must be one row a unit and time",
        matching.expected_schools, pd.concat([panel, panel.iloc[:1]]), **LAGGED,
    )  # fmt: skip
    assert_refused(
        "column 'year': times must be whole steps apart, such as years",
        matching.expected_schools, panel.assign(year=panel["year"] + 0.5), **LAGGED,
    )  # fmt: skip
    assert_refused(
        "column 'n': weights must not be negative",
        matching.expected_schools, panel.assign(n=-1), **LAGGED, weights="n",
    )  # fmt: skip
    assert_refused(
        "lags is 0; a whole number from 1 on is needed",
        matching.expected_schools, panel, **LAGGED, lags=0,
    )  # fmt: skip
