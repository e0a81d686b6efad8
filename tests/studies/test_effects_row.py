"""Months, cost, verdict, padlocks and the row that may be released."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from evidence import effects, trials
from evidence.data.schema import EFFECTS, FEW, VERDICTS
from evidence.errors import EvidenceError
from evidence.release.store.candidates import protect_effects

# Toolkit table: months and the effect sizes they span (EEF, "Attainment" page).
SPANS = [
    (0, 0.00, 0.01), (1, 0.02, 0.09), (2, 0.10, 0.18), (3, 0.19, 0.26), (4, 0.27, 0.35),
    (5, 0.36, 0.44), (6, 0.45, 0.52), (7, 0.53, 0.61), (8, 0.62, 0.69), (9, 0.70, 0.78),
    (10, 0.79, 0.87), (11, 0.88, 0.95), (12, 0.96, 1.00),
]  # fmt: skip


@pytest.fixture
def trial(rng):
    school = np.repeat(np.arange(30), 20)
    arm = school % 2
    post = 50 + 6 * arm + rng.normal(0, 2, 30)[school] + rng.normal(0, 10, 600)
    return pd.DataFrame({"post": post, "arm": arm, "school": school})


def refused(call, *given, **named):
    with pytest.raises(EvidenceError) as error:
        call(*given, **named)
    return str(error.value)


@pytest.mark.parametrize(("count", "low", "high"), SPANS)
def test_months_at_both_ends_of_each_span_follow_the_toolkit(count, low, high):
    for size in (low, high):
        assert effects.months(size) == count
        assert effects.months(-size) == -count


def test_months_of_trial_reports_differ_below_a_twentieth():
    assert [effects.months(size, "trial") for size in (0.04, -0.04, 0.05, 0.09, 0.10)] == [
        0, 0, 1, 1, 2,
    ]  # fmt: skip


def test_months_round_to_two_decimals_first_and_pass_nan():
    assert (effects.months(0.0149), effects.months(0.0951), effects.months(3.0)) == (
        0,
        2,
        12,
    )
    assert math.isnan(effects.months(math.nan))
    assert refused(effects.months, 0.2, "old") == "table is 'old'; allowed are toolkit, trial"


def test_cost_rating_follows_the_bands():
    pounds = (0, 79.99, 80, 200, 200.01, 720, 1200, 1200.01)
    assert [effects.cost_rating(x) for x in pounds] == [
        "very low", "very low", "low", "low", "moderate", "moderate", "high", "very high",
    ]  # fmt: skip
    assert [effects.cost_rating(x, "earlier") for x in (170, 170.01, 700.01)] == [
        "low", "moderate", "high",
    ]  # fmt: skip
    assert refused(effects.cost_rating, 1, "2019") == "bands is '2019'; allowed are 2026, earlier"
    assert refused(effects.cost_rating, -1) == (
        "cost is -1; pounds a pupil a year, zero or more, are needed"
    )


def test_verdict_follows_the_interval():
    better, worse, none, unsure = VERDICTS
    assert effects.verdict(0.01, 0.5, 0.1) == better
    assert effects.verdict(-0.5, -0.01, 0.1) == worse
    assert effects.verdict(-0.1, 0.1, 0.1) == none
    assert effects.verdict(-0.11, 0.1, 0.1) == unsure
    assert effects.verdict(0.0, 0.5, 0.1) == unsure
    assert effects.verdict(math.nan, math.nan, 0.1) == unsure
    assert refused(effects.verdict, 0, 1, 0) == "smallest_worthwhile is 0; it must be above 0"
    assert refused(effects.verdict, 1, 0, 1) == (
        "the interval's lower end lies above its upper end"
    )


def test_hedges_g_with_nothing_to_divide_by_is_refused():
    message = "hedges_g: two scores or more a group, and some variation, are needed"
    assert refused(effects.hedges_g, [1.0], [1.0, 2.0]) == message
    assert refused(effects.hedges_g, [1.0, 1.0], [1.0, 1.0]) == message


def test_hedges_g_leaves_out_missing_scores_and_says_so():
    found = effects.hedges_g([1.0, 2.0, 3.0, math.nan], [0.0, 1.0, 2.0])
    assert found.estimate == effects.hedges_g([1.0, 2.0, 3.0], [0.0, 1.0, 2.0]).estimate
    assert found.caveats == ("1 missing score is left out",)


def test_row_holds_the_contract_and_judges_in_the_registered_unit(trial):
    given = {"outcome": "post", "treatment": "arm", "cluster": "school"}
    raw, size = trials.itt(trial, **given), trials.effect_size(trial, **given)
    entry = {"name": "post", "title": "Maths", "unit": "sd", "smallest_worthwhile": 0.1}
    row = effects.row(
        raw,
        size,
        programme="lamp",
        cohort="2018",
        outcome=entry,
        strength=effects.strength("randomised", mdes=effects.detectable(size), attrition=0.0),
    )
    assert list(row.columns) == list(EFFECTS)
    first = row.iloc[0]
    assert (first["unit"], first["estimate"]) == ("sd", size.estimate)
    assert first["months"] == effects.months(size.estimate)
    assert first["verdict"] == effects.verdict(size.ci_lower, size.ci_upper, 0.1)
    assert (first["n_pupils"], first["n_schools"]) == (600, 30)
    assert "the study was small: the true effect is probably smaller" in first["caveats"]
    in_points = effects.row(
        raw, size, programme="lamp", cohort="2018", smallest_worthwhile=2.0, attainment=False
    ).iloc[0]
    assert (in_points["unit"], in_points["estimate"]) == ("score", raw.estimate)
    assert in_points["effect_size"] == size.estimate
    assert math.isnan(in_points["months"])


def test_row_without_what_it_needs_is_refused(trial):
    raw = trials.itt(trial, outcome="post", treatment="arm", cluster="school")
    key = {"programme": "lamp", "cohort": "2018"}
    assert refused(effects.row, raw, **key) == (
        "smallest_worthwhile is needed: the verdict is decided by it"
    )
    assert refused(
        effects.row, raw, outcome={"name": "post", "unit": "sd"}, smallest_worthwhile=0.1, **key
    ) == ("outcome 'post' is told in SD: give effect_size as well")


def test_row_of_an_arm_with_fewer_than_ten_pupils_shows_no_figure(rng):
    trial = pd.DataFrame({"arm": [1] * 9 + [0] * 200, "post": rng.normal(size=209)})
    given = {"outcome": "post", "treatment": "arm"}
    found, size = trials.itt(trial, **given), trials.effect_size(trial, **given)
    made = effects.row(
        found, size, programme="p", cohort="c", outcome="post", smallest_worthwhile=0.1
    ).iloc[0]
    assert (
        made[
            [
                "estimate",
                "std_error",
                "df",
                "ci_lower",
                "ci_upper",
                "p_value",
                "effect_size",
                "es_lower",
                "es_upper",
                "months",
            ]
        ]
        .isna()
        .all()
    )
    assert made["verdict"] == "too little data"
    assert made["caveats"] == "a group has fewer than 10 pupils, so no figure is shown"
    assert made["sentence"] == "post: not shown, to protect few pupils."


def test_row_of_a_trial_is_told_by_the_months_of_trial_reports(rng):
    """+.03 SD is nought months in a trial report, one month in the Toolkit (METHODS 1)."""
    pupils = pd.DataFrame({"arm": np.arange(4000) % 2, "post": rng.normal(0, 1, 4000)})
    post = pupils["post"] - pupils.groupby("arm")["post"].transform("mean") + 0.03 * pupils["arm"]
    pupils = pupils.assign(post=post)
    given = {"outcome": "post", "treatment": "arm"}
    raw, size = trials.itt(pupils, **given), trials.effect_size(pupils, **given)
    key = {"programme": "p", "cohort": "c", "outcome": "post", "smallest_worthwhile": 0.1}
    made = effects.row(raw, size, **key).iloc[0]
    assert round(made["effect_size"], 2) == 0.03
    assert made["months"] == 0
    assert "about the same progress" in made["sentence"]
    other = effects.row(replace(raw, estimand="att"), size, n_pupils=4000, **key).iloc[0]
    assert other["months"] == 1


@pytest.mark.parametrize(
    ("cases", "hidden"),
    [
        ((3, 8), True),
        *(
            pytest.param(*case, marks=pytest.mark.slow)
            for case in (((30, 52), True), ((20, 30), False))
        ),
    ],
)
def test_yes_no_effect_of_few_pupils_leaves_no_number_that_gives_them_back(cases, hidden):
    sizes = (61, 58)
    data = pd.DataFrame({
        "arm": np.repeat(["t", "c"], sizes),
        "y": np.concatenate([np.arange(n) < k for n, k in zip(sizes, cases, strict=True)]) * 1.0,
    })  # fmt: skip
    plan = {"outcome": "y", "treatment": "arm", "reference": "c"}
    entry = {"name": "y", "title": "Excluded", "unit": "pp", "smallest_worthwhile": 1.0}
    keys = {"programme": "p", "cohort": "1", "outcome": entry, "attainment": False}
    for estimate in (trials.risk_difference(data, **plan), trials.itt(data, **plan)):
        size = trials.odds_ratio(data, **plan).cox_index()
        labels = {"arm": "Class type", "pupils": "Children", "y": "Excluded"}
        row = effects.row(estimate, size, n_schools=12, labels=labels, **keys)
        assert row["estimate"].notna().all()  # private: whoever has the data may see it
        table = protect_effects(row).table
        numbers = table[["estimate", "std_error", "df", "ci_lower", "p_value", "effect_size"]]
        assert numbers.isna().all(axis=None) == hidden
        assert (FEW in table["caveats"].iloc[0]) == hidden
