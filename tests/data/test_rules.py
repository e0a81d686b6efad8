"""The data owner's rules, read from their file."""

from pathlib import Path

import pandas as pd
import pytest
from run_folders import BETTER, effect

from evidence.data.rules import Rules, load
from evidence.errors import EvidenceError
from evidence.release.store import publish

ROOT = Path(__file__).resolve().parents[3]


def test_load_the_rules_in_the_repository_are_the_defaults():
    assert load(ROOT / "data" / "disclosure.toml") == Rules()


def test_load_no_file_gives_the_defaults(tmp_path):
    assert load(tmp_path / "disclosure.toml") == Rules()


def test_load_reads_what_the_owner_wrote(tmp_path):
    path = tmp_path / "disclosure.toml"
    path.write_text("threshold = 7\nzeros_disclosive = false\n")
    assert load(path) == Rules(threshold=7, zeros_disclosive=False)
    assert load(path).least == 10


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("base = 5\ntreshold = 7", "line 2: unknown rule 'treshold'; did you mean 'threshold'?"),
        ("[counts]\nbase = 5", "line 1: unknown rule 'counts'; did you mean 'figure_count'?"),
        ("\nthreshold = 4", "line 2: threshold is 4: a whole number, 5 or more, is needed"),
        ("threshold = true", "line 1: threshold is True: a whole number, 5 or more, is needed"),
        ("base = '5'", "line 1: base is '5': a whole number, 5 or more, is needed"),
        ("digits = 9", "line 1: digits is 9: a whole number from 2 to 6 is needed"),
        ("dominance_k = 90", "line 1: dominance_k is 90: a share above 0, at most 1.0, is needed"),
        ("extremes = 'no'", "line 1: extremes is 'no': true or false is needed"),
    ],
)
def test_load_rule_that_is_not_one_is_refused_with_its_line(tmp_path, text, fault):
    path = tmp_path / "disclosure.toml"
    path.write_text(text)
    with pytest.raises(EvidenceError) as error:
        load(path)
    assert str(error.value) == f"{path}, {fault}"


def test_load_file_that_is_not_toml_is_refused(tmp_path):
    path = tmp_path / "disclosure.toml"
    path.write_text("threshold = ")
    with pytest.raises(EvidenceError) as error:
        load(path)
    assert str(error.value) == (f"{path}: not readable as TOML: Invalid value (at end of document)")


def test_propose_previews_by_the_owner_s_rules(tmp_path):
    """A count of 47 leaves under the default of 10, and not under a threshold of 50."""
    rows = pd.DataFrame(
        [effect("lamp", "2018", 1.5, 1.2, 0.08, BETTER, 3, n, 20) for n in (90, 47)]
    )
    rows["subgroup"] = ["all", "FSM"]
    path = tmp_path / "disclosure.toml"
    assert "hidden in" not in publish.propose("", effects=rows, rules=path)._repr_html_()
    path.write_text("threshold = 50\n")
    assert (
        "hidden in 1 of 2 rows (fewer than 50 or unknown)"
        in publish.propose("", effects=rows, rules=path)._repr_html_()
    )


@pytest.mark.parametrize(
    ("n", "per", "places"),
    [(40, 100, 0), (250, 100, 0), (2_499, 100, 0), (2_500, 100, 1), (25_000, 100, 2), (40, 1, 2)],
)
def test_a_rate_is_told_no_closer_than_a_rounded_count(n, per, places):
    assert Rules().places(n, per) == places
    step = min(2.5 * per / n, per / 100)  # half of the multiple that counts are rounded to
    assert 10.0**-places >= step > 10.0 ** -(places + 1) * (1 - 1e-9)
