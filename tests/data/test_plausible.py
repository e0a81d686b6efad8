"""Numbers that are no measurements."""

import numpy as np
import pandas as pd
import pytest

from evidence import trials
from evidence.data import plausible, readers
from evidence.errors import EvidenceError

SCORES = [80.0, 85, 90, 92, 95, 99, 101, 104, 110, 118]
SHARES = [0.0, 1, 1, 0, 1, 0, 1, 1, 0, 1]


@pytest.mark.parametrize(
    ("values", "codes"),
    [
        ([*SCORES, -99, -99], [-99]),
        ([*SCORES, -99], [-99]),
        ([*SCORES, -9, -9, -8, -8], [-9, -8]),
        ([*SCORES, 999, np.nan], [999]),
        ([*SCORES, 9999, -99], [-99, 9999]),
        ([*range(40), 99, 99], [99]),
        ([*np.linspace(0, 100, 30), -99, -99], [-99]),
        ([*np.linspace(-2, 2, 30), -9, -9], [-9]),
        ([*SHARES, 9, 9, 8, 8], [8, 9]),
        ([*SCORES], []),
        ([*range(101)], []),
        ([*range(40), 99], []),
        ([*range(10)], []),
        ([*range(1, 6), *range(1, 6), 9, 9], []),
        ([*np.linspace(-30, 30, 30), -9, -9], []),
        ([*np.linspace(600, 1400, 30), 999, 999], []),
        ([*SHARES, 9], []),
        ([8.0, 8, 9, 9, 9], []),
        ([np.nan, np.nan], []),
    ],
)
def test_codes_for_missing_values_are_those_far_from_all_others(values, codes):
    assert plausible.missing_codes(np.array(values, float)) == codes


@pytest.mark.parametrize("name", ["age", "Age", "age_months", "AgeInMonths", "age at start"])
def test_impossible_age_is_found(name):
    which, reason = plausible.fault(name, np.array([110.0, 111, 115, 7, 120, 1110]))
    assert which.tolist() == [False, False, False, True, False, True]
    assert reason.startswith("no possible age of a pupil in months (18 to 300)")
    which, reason = plausible.fault(name, np.array([7.0, 8, 9, -3, 0, 98.5]))
    assert which.tolist() == [False, False, False, True, True, True]
    assert "in years (2 to 25)" in reason


@pytest.mark.parametrize(
    "name", ["stage", "average", "language", "teacher_age", "age_band", "wage"]
)
def test_other_columns_are_no_ages(name):
    assert plausible.fault(name, np.array([110.0, 111, 7, 5000])) is None


def test_standardised_ages_and_gaps_are_allowed():
    assert plausible.fault("age", np.array([-1.2, 0.3, 1.4, np.nan])) is None
    assert plausible.fault("age", np.full(3, np.nan)) is None


def trial(**columns):
    rng = np.random.default_rng(5)
    table = {
        "arm": np.arange(40) % 2,
        "pre": rng.normal(100, 10, 40).round(),
        "post": rng.normal(100, 10, 40).round(),
        "age": rng.integers(110, 123, 40).astype(float),
    }
    return pd.DataFrame(table).assign(**columns)


@pytest.mark.parametrize("column", ["post", "pre", "age"])
def test_code_among_scores_is_refused_whatever_the_column_is_for(tmp_path, column):
    table = trial()
    table.loc[[3, 7], column] = -99
    model = {"outcome": "post", "treatment": "arm", "baseline": "pre", "covariates": ["age"]}
    said = f"column {column!r}, row 5: -99 in 2 rows lies far from all other values, as codes for"
    for method in (trials.itt, trials.check, trials.effect_size):
        with pytest.raises(EvidenceError, match=said):
            method(table, **model)
    table.to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(EvidenceError, match=f"t.csv, row 5, column {column}: -99 in 2 rows lies"):
        readers.table(tmp_path / "t.csv", numeric=["post"], measured=["pre", "age"])


def test_word_among_numbers_is_a_gap_or_refused_and_never_makes_labels(tmp_path):
    model = {"outcome": "post", "treatment": "arm", "covariates": ["age"]}
    blank = trials.itt(trial(age=lambda t: t["age"].mask(t.index == 4)), **model)
    for word, said in (("n/a", ""), ("unknown", "column 'age', row 6: a word among numbers")):
        table = trial()
        table["age"] = table["age"].astype(int).astype(str).mask(table.index == 4, word)
        table.to_csv(tmp_path / "t.csv", index=False)
        read = readers.table(tmp_path / "t.csv")
        if said:
            with pytest.raises(EvidenceError, match=said):
                trials.itt(read, **model)
        else:
            assert trials.itt(read, **model).estimate == pytest.approx(blank.estimate)


def test_year_groups_with_reception_are_labels():
    table = trial(age=0, group=["R", *map(str, range(1, 7))] * 5 + ["R", "1", "2", "3", "4"])
    found = trials.itt(table, outcome="post", treatment="arm", covariates=["group"])
    assert found.n_obs == 40


def test_two_rows_a_pupil_are_noticed_by_the_name_of_the_column():
    table = trial(pupil=np.arange(40) // 2)
    model = {"outcome": "post", "treatment": "arm"}
    with pytest.raises(EvidenceError, match="column 'pupil', row 3: the pupil of row 2 again"):
        trials.itt(table, **model)
    assert trials.itt(table, **model, cluster="pupil").n_obs == 40
    assert trials.itt(table.rename(columns={"pupil": "pupil group"}), **model).n_obs == 40


@pytest.mark.parametrize("words", [("pre", "post"), ("Baseline", "Follow-up"), ("before", "after")])
def test_two_rows_a_pupil_are_noticed_by_what_rows_are_of(words):
    model = {"outcome": "post", "treatment": "arm"}
    for when in (np.tile(words, 20), np.repeat(words, 20)):
        table = trial(key=np.arange(40) // 2, wave=when)
        with pytest.raises(EvidenceError, match="column 'wave' says before and after"):
            trials.itt(table, **model)
    assert trials.itt(trial(wave=np.tile(("pre", "other"), 20)), **model).n_obs == 40


def test_two_rows_a_pupil_are_noticed_whatever_the_columns_are_called():
    whose = np.arange(40) // 2
    table = trial(arm=whose % 2, key=whose, point=np.tile([1, 2], 20))
    model = {"outcome": "post", "treatment": "arm"}
    with pytest.raises(EvidenceError, match="columns 'key' and 'point' hold everybody twice"):
        trials.itt(table, **model)
    paired = trial(key=whose, point=np.tile([1, 2], 20))  # one pupil of each pair in each arm
    assert trials.itt(paired, **model).n_obs == 40
    odd = pd.concat([paired.assign(lists=[[1]] * 40), paired[["key"]]], axis=1)
    assert trials.itt(odd, **model).n_obs == 40
    alone = table.assign(point=np.repeat([1, 2], 20))  # some have both rows of one kind
    assert trials.itt(alone, **model).n_obs == 40
