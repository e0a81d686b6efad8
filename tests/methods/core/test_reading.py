"""A table is read once; rows that were read serve every method; variants share what they can."""

import inspect

import numpy as np
import pandas as pd
import pytest

from evidence import trials
from evidence.errors import EvidenceError
from evidence.methods.core import frames
from evidence.methods.trials.trial_data import TrialData, read

PLAN = {"outcome": "post", "treatment": "arm", "cluster": "school"}


@pytest.fixture
def table(rng):
    school = np.repeat(np.arange(12), 10)
    return pd.DataFrame(
        {
            "post": rng.normal(0, 1, 120),
            "arm": school % 2,
            "pre": rng.normal(0, 1, 120),
            "school": school,
            "block": school // 4,
            "weight": 1.0 + school % 3,
            "hours": 3.0 * (school % 2),
        }
    )


@pytest.mark.parametrize(
    ("method", "options"),
    [
        (trials.itt, {}),
        (trials.effect_size, {}),
        (trials.multilevel, {}),
        (trials.cace, {"dosage": "hours"}),
        (trials.bootstrap, {"draws": 99}),
        (trials.randomisation_test, {"draws": 99}),
        (trials.wild_bootstrap, {"draws": 99}),
        (trials.subgroups, {"subgroup": "block"}),
        (trials.impute, {}),
        (trials.robustness, {"draws": 99, "imputations": 2}),
    ],
)
def test_rows_that_were_read_give_what_the_table_gives(table, method, options):
    by_table = method(table, **PLAN, **options)
    by_rows = method(read(frames.encoded(table), **PLAN), **options)
    pd.testing.assert_frame_equal(by_table.to_frame(), by_rows.to_frame(), rtol=1e-12)
    parameters = inspect.signature(method).parameters
    assert next(iter(parameters)) == "data"
    assert {"outcome", "treatment", "reference", "arm", *options} <= set(parameters)


def test_rows_read_for_another_purpose_are_refused(table):
    plain = {name: PLAN[name] for name in ("outcome", "treatment")}
    for method, plan, message in (
        (trials.multilevel, plain, "multilevel needs cluster="),
        (trials.wild_bootstrap, plain, "wild_bootstrap needs cluster="),
        (trials.multilevel, PLAN | {"weights": "weight"}, "multilevel takes no weights="),
        (trials.odds_ratio, PLAN | {"weights": "weight"}, "odds_ratio takes no weights="),
    ):
        with pytest.raises(EvidenceError) as error:
            method(read(table, **plan))
        assert str(error.value) == message


def test_an_encoded_table_is_read_once_and_a_variant_once_more(table):
    encoded = frames.encoded(table)
    assert frames.encoded(encoded) is encoded
    trial = read(encoded, **PLAN)
    assert read(encoded, **PLAN) is trial
    assert trial.again() is trial
    without = trial.again(cluster=None)
    assert isinstance(without, TrialData)
    assert without.cluster is None
    assert trial.again(cluster=None) is without


def test_another_outcome_shares_the_regression(table):
    trial = read(table, **PLAN, baseline="pre")
    trial.inference("CR2")
    double = trial.with_outcome(2 * trial.outcome)
    assert double.design is trial.design
    assert double.sandwich("CR2") is trial.sandwich("CR2")
    by_hand = trials.itt(table.assign(post=2 * table["post"]), **PLAN, baseline="pre")
    found = trials.itt(double)
    assert (found.estimate, found.std_error, found.df) == pytest.approx(
        (by_hand.estimate, by_hand.std_error, by_hand.df), rel=1e-12
    )
    assert double.per_sd == pytest.approx(trial.per_sd / 2)


def test_a_changed_table_shares_what_did_not_change(table):
    encoded = frames.encoded(table)
    before = {name: frames.numbers(encoded, name) for name in ("post", "pre")}
    other = frames.changed(encoded, {"post": table["post"] + 1})
    assert frames.numbers(other, "pre") is before["pre"]
    np.testing.assert_allclose(frames.numbers(other, "post"), before["post"] + 1)
    assert frames.numbers(encoded, "post") is before["post"]
    plain = frames.changed(table, {"post": 0.0})
    assert type(plain) is pd.DataFrame


def test_compact_codes_are_those_of_sorted_combinations():
    first, second = np.array([2, 0, 2, 0, -1]), np.array([1, 3, 0, 3, 3])
    assert frames.compact([first, second]).tolist() == [3, 1, 2, 1, 0]
    wide = np.array([10**9, 5, 10**9, 7])
    assert frames.compact([wide, np.array([0, 0, 1, 0])]).tolist() == [2, 0, 3, 1]


def test_rescaled_changes_the_scale_and_nothing_else(table):
    plain = trials.itt(table, **PLAN)
    half = plain.rescaled(0.5, unit="sd")
    assert (half.estimate, half.std_error) == (plain.estimate / 2, plain.std_error / 2)
    assert (half.ci_lower, half.ci_upper) == (plain.ci_lower / 2, plain.ci_upper / 2)
    assert (half.unit, half.p_value, half.method) == ("sd", plain.p_value, plain.method)


def test_counts_agree_with_their_noun():
    assert frames.counted(1, "such row") == "1 such row"
    assert frames.counted(1200, "such row") == "1,200 such rows"
    assert frames.counted(2, "row has", "rows have") == "2 rows have"
    with pytest.raises(EvidenceError, match=r"not a number \(1 such row\); only finite"):
        frames.numbers(pd.DataFrame({"age": ["1", "ten"]}), "age")
    with pytest.raises(EvidenceError, match=r"'arm': 1 row has no arm \(the first is row 3\)"):
        frames.arms(pd.DataFrame({"arm": [0.0, None, 1.0]}), "arm")
