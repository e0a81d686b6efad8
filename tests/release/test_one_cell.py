"""A raw cell changes: exactly what depends on it changes, wherever it is shown."""

import sys

import pytest
from conftest import ROOT

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def county(tmp_path_factory):
    sys.path.append(str(ROOT / "benchmarks"))
    from one_cell import County

    names = ["mobilise-feedback", "mobilise-language"]
    return County(tmp_path_factory.mktemp("cell"), names)


@pytest.mark.parametrize(
    ("name", "column", "value"),
    [("mobilise-feedback", "post", "180"), ("mobilise-language", "pre", "60"),
     ("mobilise-language", "post", "20")],
)  # fmt: skip
def test_exactly_what_depends_on_a_cell_changes(county, name, column, value):
    assert county.change(name, 3, column, value) == []


def test_a_number_that_stayed_behind_or_strayed_is_found(county):
    from one_cell import wrong

    effects = county.effects
    other = effects["mobilise-language"].copy()
    other[["estimate", "effect_size", "ci_lower", "ci_upper", "es_lower", "es_upper"]] += 0.3
    after = county.released("strayed", effects | {"mobilise-language": other})
    faults = wrong(county.before, after, "mobilise-feedback")
    assert "released effects of another programme changed" in faults
    assert "mobilise-language/index.html changed" in faults
    page = after / "mobilise-language/index.html"
    page.write_bytes((county.before / "mobilise-language/index.html").read_bytes())
    assert wrong(county.before, after, "mobilise-language") != []
