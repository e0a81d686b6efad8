"""Results are frozen, repeatable and show themselves without a word of markup from the data."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from evidence import impact, trials
from evidence.methods.core import results
from evidence.methods.core.balance import Balance


@pytest.fixture
def trial(rng):
    school = np.repeat(np.arange(12), 15)
    arm = np.where(school % 2, "Read <b>Aloud</b>", "Control")
    post = 50 + 3 * (school % 2) + rng.normal(0, 2, 12)[school] + rng.normal(0, 10, 180)
    return pd.DataFrame({"post": post, "pre": rng.normal(size=180), "arm": arm, "school": school})


@pytest.fixture
def every(trial, rng):
    """Return one result of each class."""
    panel = pd.DataFrame(
        {"urn": np.repeat(np.arange(12), 4), "year": np.tile(np.arange(4), 12)}
    ).assign(lamp=lambda d: ((d["urn"] < 6) & (d["year"] > 1)) * 1, y=rng.normal(size=48))
    arms = {"treatment": "arm"}
    return [
        trials.itt(trial, outcome="post", cluster="school", **arms),
        trials.balance(trial, covariates=["pre"], **arms),
        trials.flow(trial, outcome="post", cluster="school", **arms),
        trials.attrition(trial, trial.iloc[:-9], **arms),
        impact.event_study(panel, outcome="y", treatment="lamp", unit="urn", time="year"),
    ]


def test_results_are_frozen_repeatable_and_escaped(every):
    for result in every:
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(result, dataclasses.fields(result)[0].name, None)
        page = result._repr_html_()
        assert page == result._repr_html_()
        assert "<b>Aloud" not in page
        assert "0x" not in repr(result)
        frame = result.to_frame()
        frame[frame.columns[0]] = None
        assert result.to_frame().iloc[:, 0].notna().all()


def test_results_draw_themselves(every):
    from matplotlib.figure import Figure

    for result in every:
        if hasattr(result, "plot"):
            ax = Figure().subplots()
            assert result.plot(ax) is ax


def estimate(**changes):
    values = {
        "estimand": "itt",
        "outcome": "maths",
        "treatment": "small against regular",
        "method": "OLS, CR2 by school (Satterthwaite df)",
        "unit": "score",
        "estimate": -7.732,
        "std_error": 2.65,
        "statistic": -2.9,
        "df": 69.3,
        "p_value": 0.0048,
        "ci_lower": -13.03,
        "ci_upper": -2.43,
        "level": 0.95,
        "n_obs": 5871,
        "n_clusters": 79,
        "n_treated": 1762,
        "n_control": 2032,
        "caveats": ("one", "two"),
    }
    return results.Estimate(**values | changes)


def test_estimate_sentence_gives_interval_n_and_method():
    assert estimate().sentence() == (
        "maths, small against regular: −7.73 points (95% interval −13.03 to −2.43; p = .005; "
        "5,871 pupils in 79 clusters; OLS, CR2 by school (Satterthwaite df))."
    )


def test_estimate_without_limits_says_so():
    endless = estimate(ci_lower=-np.inf, ci_upper=np.inf, n_clusters=5871)
    assert "−7.73 points (95% interval: no limits can be given; p = .005" in endless.sentence()


def test_estimate_frame_has_one_row_and_a_column_a_field():
    frame = estimate().to_frame()
    assert list(frame.columns) == [field.name for field in dataclasses.fields(results.Estimate)]
    assert frame.loc[0, "caveats"] == "one; two"
    assert len(frame) == 1


def test_balance_sentence_names_the_largest_difference():
    table = pd.DataFrame(
        {"covariate": ["a", "b"], "effect_size": [0.1, -0.3], "band": ["adjust", "fails"]}
    )
    assert Balance(table=table, treatment="x against y").sentence() == (
        "x against y: the largest difference at the start is in b, −0.30 SD, too large for "
        "adjustment to mend."
    )
    none = Balance(table=table.assign(effect_size=np.nan), treatment="x against y")
    assert none.sentence() == "x against y: no covariate can be compared."


def test_flow_sentence_counts_from_assigned_to_analysed(trial):
    holes = trial.assign(post=trial["post"].mask(trial.index < 18))
    flow = trials.flow(holes, treatment="arm", outcome="post")
    assert flow.sentence() == "Of 180 pupils assigned, 162 (90%) are analysed."


def test_attrition_sentence_gives_both_ratings(trial):
    found = trials.attrition(trial, trial.iloc[18:], treatment="arm")
    assert found.sentence() == (
        "10.0% of 180 pupils were lost, 13.3 points apart between the arms: high attrition by "
        "WWC's cautious boundary, high by its optimistic one."
    )
