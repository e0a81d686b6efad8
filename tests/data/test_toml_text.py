"""What is written as TOML is read back as it was, whatever people type."""

import math
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evidence.data import toml_text

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
PLAIN = TEXT | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False)


@given(TEXT, PLAIN | st.lists(PLAIN, max_size=3) | st.dictionaries(TEXT, PLAIN, max_size=3))
def test_any_key_and_value_is_read_back(name, value):
    line = toml_text.setting(name, value)
    assert "\n" not in line
    assert tomllib.loads(line) == {name: value}


@pytest.mark.parametrize(
    ("value", "kept"), [([1, None], [1]), ({"a": None, "b": {"c": (None,)}}, {"b": {"c": []}})]
)
def test_what_is_missing_is_left_out(value, kept):
    assert tomllib.loads(f"x = {toml_text.value(value)}")["x"] == kept


def test_no_number_is_nan():
    assert math.isnan(tomllib.loads(f"x = {toml_text.value(math.nan)}")["x"])
