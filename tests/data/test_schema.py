import math

import pandas as pd
import pytest

from evidence.data import schema
from evidence.errors import EvidenceError

EFFECT = {
    name: {"text": "x", "flag": True, "number": 1.0}[kind]
    for name, (kind, _) in schema.EFFECTS.items()
} | {"estimand": "itt", "unit": "sd", "verdict": "too little data"}
INDICATOR = {
    name: {"text": "x", "number": 1.0}[kind] for name, (kind, _) in schema.INDICATORS.items()
} | {"symbol": ""}


def test_validate_effects_puts_columns_in_order_and_types():
    shuffled = pd.DataFrame([EFFECT | {"n_pupils": 100}])[list(reversed(schema.EFFECTS))]
    checked = schema.validate_effects(shuffled)
    assert list(checked) == list(schema.EFFECTS)
    assert checked["n_pupils"].dtype == float
    assert list(schema.empty(schema.EFFECTS)) == list(schema.EFFECTS)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"estimand": "ate"}, "effects, row 1, column estimand: must be one of itt, cace, att"),
        ({"verdict": "good"}, "effects, row 1, column verdict: must be one of better than similar, "
         "worse than similar, no worthwhile difference, too little data"),
        ({"estimate": "a"}, "effects, row 1, column estimate: must be a number"),
        ({"sentence": None}, "effects, row 1, column sentence: must be a text and may not be "
         "missing"),
        ({"estimate": 9.0}, "effects, row 1, column estimate: lies outside ci_lower to ci_upper"),
    ],
)  # fmt: skip
def test_validate_effects_fault_names_row_column_and_what_is_allowed(change, message):
    with pytest.raises(EvidenceError) as error:
        schema.validate_effects(pd.DataFrame([EFFECT | change]))
    assert str(error.value) == message


def test_validate_effects_missing_and_unknown_columns_are_named():
    frame = pd.DataFrame([EFFECT])
    with pytest.raises(EvidenceError, match=r"^effects: no column 'df'; its columns are run_id, "):
        schema.validate_effects(frame.drop(columns="df"))
    with pytest.raises(EvidenceError, match=r"^effects: unknown column 'upn'; its columns are "):
        schema.validate_effects(frame.assign(upn="x"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"symbol": "c"}, "indicators, row 1: give either a value or a symbol, not both"),
        ({"value": math.nan}, "indicators, row 1: give either a value or a symbol, not neither"),
        ({"symbol": ":"}, "indicators, row 1, column symbol: ':' is not one of z, x, c, low, u "
         "(empty where there is a value)"),
    ],
)  # fmt: skip
def test_validate_indicators_keeps_symbols_and_numbers_apart(change, message):
    with pytest.raises(EvidenceError) as error:
        schema.validate_indicators(pd.DataFrame([INDICATOR | change]))
    assert str(error.value) == message


def test_validate_indicators_low_reliability_keeps_its_value():
    checked = schema.validate_indicators(pd.DataFrame([INDICATOR | {"symbol": "u"}]))
    assert checked.loc[0, "value"] == 1.0
