"""A panel is read once, whoever asks: rows, table and encoded table give the same."""

import numpy as np
import pandas as pd
import pytest

from evidence import impact
from evidence.errors import EvidenceError
from evidence.methods.core.frames import Encoded
from evidence.methods.impact import panel_data
from evidence.stats import panel_mixed_model

COLUMNS = {
    "outcome": "pct",
    "treatment": "lamp",
    "unit": "urn",
    "time": "year",
    "weights": "n",
    "covariates": ["fsm"],
}
OPTIONS = {
    "did": {},
    "event_study": {},
    "given_past": {},
    "rebound": {},
    "staggered": {"method": "sunab"},
    "two_way_bias": {},
    "randomisation_test": {"draws": 49},
    "wild_bootstrap": {"draws": 99},
    "sensitivity": {"draws": 99},
}


@pytest.fixture
def panel(rng):
    """Return 40 schools in 2015 to 2019, of which 12 start in 2018."""
    school = np.repeat(np.arange(40), 5)
    frame = pd.DataFrame({"urn": school, "year": np.tile(np.arange(2015, 2020), 40)})
    frame["lamp"] = ((school < 12) & (frame["year"] >= 2018)).astype(int)
    frame["n"] = rng.integers(10, 60, 200)
    frame["fsm"] = rng.uniform(0, 0.5, 200)
    frame["pct"] = 60 + rng.normal(0, 8, 40)[school] + rng.normal(0, 4, 200)
    return frame


@pytest.mark.slow
@pytest.mark.parametrize("method", OPTIONS)
def test_rows_table_and_encoded_table_give_the_same(panel, method):
    function, options = getattr(impact, method), OPTIONS[method]
    plain = function(panel, **COLUMNS, **options)
    encoded = function(Encoded(panel), **COLUMNS, **options)
    rows = function(panel_data.read(panel, **COLUMNS), **options)
    for other in (encoded, rows):
        pd.testing.assert_frame_equal(plain.to_frame(), other.to_frame())


@pytest.mark.slow
def test_models_of_an_encoded_panel_are_fitted_once(panel, monkeypatch):
    fitted, regression = [], panel_mixed_model.regression
    monkeypatch.setattr(
        panel_mixed_model,
        "regression",
        lambda *columns: fitted.append(columns) or regression(*columns),
    )
    data = Encoded(panel)
    primary = impact.given_past(data, **COLUMNS)
    assert impact.given_past(data, **COLUMNS) is primary
    impact.given_past(data, cov_type="CR1", **COLUMNS)
    impact.rebound(data, **COLUMNS)
    assert len(fitted) == 1
    impact.sensitivity(data, draws=99, **COLUMNS)
    assert len(fitted) == 2  # once more without context
    impact.given_past(data, **COLUMNS | {"weights": None})
    assert len(fitted) == 3


def test_an_unknown_unit_of_the_outcome_is_refused(panel):
    with pytest.raises(EvidenceError) as error:
        impact.sensitivity(panel, unit_words="months", **COLUMNS)
    assert str(error.value) == (
        "unit_words is 'months'; allowed are pp, points, score, sd, log_odds"
    )
