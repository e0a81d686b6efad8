"""Missing data: who is missing, what imputation gives, when the answer would change."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from evidence import trials
from evidence.errors import EvidenceError
from evidence.methods.trials import imputation
from evidence.methods.trials.effect_size import effect_size
from evidence.methods.trials.trial_data import read
from evidence.release.control.disclosure import protect_picture
from evidence.stats import mixed_model, multilevel_mice
from evidence.studies import pictures

GIVEN = {"outcome": "post", "treatment": "arm", "baseline": "pre", "cluster": "school"}


def simulate(rng, schools=20, effect=0.3):
    """Return a cluster trial in which weak treated and strong control pupils are lost."""
    school = np.repeat(np.arange(schools), rng.integers(8, 30, schools))
    n = len(school)
    arm = rng.permutation(np.arange(schools) % 2)[school]
    pre = rng.normal(0, 0.4, schools)[school] + rng.normal(0, 0.9, n)
    post = effect * arm + 0.7 * pre + rng.normal(0, 0.3, schools)[school] + rng.normal(0, 0.7, n)
    lost = rng.random(n) < 1 / (1 + np.exp(1.2 - np.where(arm == 1, -1.2, 1.2) * pre))
    full = pd.DataFrame({"post": post, "arm": arm, "pre": pre, "school": school})
    return full, full.assign(post=np.where(lost, np.nan, post))


@pytest.fixture
def holes(rng):
    """Return a trial with gaps in outcome, baseline and a text covariate."""
    data = simulate(rng)[1]
    data["sex"] = np.where(rng.random(len(data)) < 0.5, "F", "M")
    data.loc[rng.random(len(data)) < 0.1, "pre"] = np.nan
    data["sex"] = data["sex"].where(rng.random(len(data)) > 0.1)
    return data


def test_missingness_counts_by_arm_and_finds_what_goes_with_it(rng):
    _, data = simulate(rng, schools=40)
    treated_only = data[data["arm"] == 1].assign(arm=lambda d: d["school"] % 4 // 2)
    found = trials.missingness(treated_only, **GIVEN)
    lost = treated_only["post"].isna()
    assert list(found.arms["n_missing"]) == [
        (lost & (treated_only["arm"] == arm)).sum() for arm in (0, 1)
    ]
    table = found.to_frame().set_index("covariate")
    assert table.loc["pre", "estimate"] < -10
    assert found.p_value < 0.001
    assert found.sentence().startswith(
        f"{lost.sum()} of {len(lost)} pupils ({100 * lost.mean():.1f}%) have no record of post: "
    )
    assert "most with pre" in found.sentence()


def test_missingness_model_is_least_squares_of_being_missing(holes):
    found = trials.missingness(holes, **GIVEN)
    filled = holes["pre"].fillna(holes["pre"].mean())
    by_hand = trials.itt(
        holes.assign(pre=filled / filled.std(ddof=0), lost=holes["post"].isna() * 100.0),
        **(GIVEN | {"outcome": "lost"}),
    )
    first = found.to_frame().iloc[0]
    np.testing.assert_allclose(
        first[["estimate", "std_error", "df"]].to_numpy(float),
        [by_hand.estimate, by_hand.std_error, by_hand.df],
        rtol=1e-8,
    )
    gaps = holes["pre"].isna().sum()
    assert found.caveats == (
        f"{gaps} of {len(holes)} pupils have no record of pre; its mean is used",
    )


def test_missingness_of_nobody_and_of_everybody(rng):
    full, _ = simulate(rng)
    assert trials.missingness(full, **GIVEN).sentence() == (
        f"All {len(full)} pupils have a record of post."
    )
    with pytest.raises(EvidenceError) as error:
        trials.missingness(full.assign(post=np.nan), **GIVEN)
    assert str(error.value) == "column 'post' has no value at all"


def test_impute_without_gaps_is_the_plain_analysis(rng):
    full, _ = simulate(rng)
    found, plain = trials.impute(full, **GIVEN), trials.itt(full, **GIVEN)
    for name in ("estimate", "std_error", "df", "p_value", "ci_lower", "ci_upper", "caveats"):
        assert getattr(found, name) == pytest.approx(getattr(plain, name))
    assert (found.missing_information, found.imputations, found.n_imputed) == (0.0, 0, 0)


@pytest.mark.slow
def test_impute_keeps_every_pupil_and_says_so(holes):
    given = GIVEN | {"covariates": ["sex"]}
    found = trials.impute(holes, imputations=5, unit="sd", **given)
    gaps = int(holes[["post", "pre", "sex"]].isna().any(axis=1).sum())
    assert (found.n_obs, found.n_imputed, found.unit) == (len(holes), gaps, "sd")
    assert found.caveats == (
        f"{gaps} of {len(holes)} pupils have a value imputed, as if missing at random",
    )
    assert found.method.endswith("; 5 imputations pooled by Rubin's rules")
    assert 0 < found.missing_information < 1
    again = trials.impute(holes.sample(frac=1, random_state=1).sort_index(), imputations=5,
                          unit="sd", **given)  # fmt: skip
    assert again.estimate == found.estimate
    other = trials.impute(holes, imputations=5, unit="sd", seed=1, **given)
    assert other.estimate != found.estimate


def test_impute_counts_one_pupil_in_the_singular(rng):
    data, _ = simulate(rng)
    data = data.assign(school=data["school"].astype(object))
    data.loc[3, "school"], data.loc[5, "pre"] = None, np.nan
    assert trials.impute(data, imputations=2, **GIVEN).caveats == (
        "1 pupil has no cluster, stratum or weight and is left out",
        f"1 of {len(data) - 1} pupils has a value imputed, as if missing at random",
    )


def test_impute_takes_a_school_lost_whole_strata_and_text_scores(holes):
    holes.loc[holes["school"].isin([0, 1]), "post"] = np.nan
    text = holes.assign(post=holes["post"].map(lambda x: repr(x) if x == x else None))
    found = trials.impute(text, imputations=5, **GIVEN)
    assert found.n_clusters == 20
    blocked = holes.assign(block=holes["school"] // 5)
    assert trials.impute(blocked, imputations=3, strata="block", **GIVEN).n_obs == len(holes)


def test_impute_with_wrong_input_is_refused(holes):
    for message, given in (
        ("imputations is 1; a whole number from 2 on is needed", {"imputations": 1}),
        ("imputations is 2.5; a whole number from 2 on is needed", {"imputations": 2.5}),
        ("unit is 'months'; allowed are score, sd", {"unit": "months"}),
        (
            "column 'none' has no value at all, so none can be imputed",
            {"auxiliary": ["none"]},
        ),
        (
            "column 'each' makes 201 strata; imputation takes at most 200: give broader ones",
            {"strata": "each", "cluster": None},
        ),
    ):
        wide = holes.assign(none=np.nan, each=np.arange(len(holes)) % 201)
        with pytest.raises(EvidenceError) as error:
            trials.impute(wide, **(GIVEN | given))
        assert str(error.value) == message


def test_pooled_by_hand():
    """Estimates 1, 2, 3 of variance 1 and 10 df: Rubin (1987) and Barnard and Rubin (1999)."""
    plain = trials.itt(pd.DataFrame({"y": [1.0, 2, 4, 3], "t": [0, 0, 1, 1]}),
                       outcome="y", treatment="t")  # fmt: skip
    made = [replace(plain, estimate=x, std_error=1.0, df=10.0) for x in (1.0, 2.0, 3.0)]
    found = imputation.pooled(made, 1, 0)
    df = 1 / ((4 / 7) ** 2 / 2 + 1 / (11 / 13 * 10 * 3 / 7))
    assert found.estimate == pytest.approx(2)
    assert found.std_error == pytest.approx(np.sqrt(7 / 3))
    assert found.df == pytest.approx(df)
    ratio = 4 / 3
    assert found.missing_information == pytest.approx((ratio + 2 / (df + 3)) / (1 + ratio))


@pytest.mark.slow
def test_draw_has_the_posterior_of_a_random_intercept_model(rng):
    """Slopes and errors of 400 draws centre on the REML fit, with its standard error as spread."""
    school = np.repeat(np.arange(60), 12)
    x = rng.normal(size=len(school))
    y = 2 + 0.5 * x + rng.normal(0, 0.5, 60)[school] + rng.normal(0, 1, len(school))
    lost = rng.random(len(y)) < 0.3
    fit = mixed_model.random_intercept(y[~lost], x[~lost, None], school[~lost])
    slopes, noises, spreads = [], [], []
    inside = x - (np.bincount(school, x) / 12)[school]
    for _ in range(400):
        _, drawn, noise = multilevel_mice.draw(
            np.where(lost, 99, y), ~lost, x[:, None], school, rng
        )
        slopes.append(inside @ drawn / (inside @ inside))
        noises.append(noise.var())
        spreads.append((drawn - slopes[-1] * x)[::12].var())
    error = fit.std_errors[1]
    assert np.mean(slopes) == pytest.approx(fit.coefficients[1], abs=4 * error / np.sqrt(400))
    assert np.std(slopes) == pytest.approx(error, rel=0.15)
    assert np.mean(noises) == pytest.approx(fit.variance_within, rel=0.05)
    assert np.mean(spreads) == pytest.approx(fit.variance_between, rel=0.25)


@pytest.mark.slow
def test_delta_sensitivity_at_zero_is_the_imputed_effect(holes):
    found = trials.delta_sensitivity(holes, imputations=4, **GIVEN)
    plain = trials.impute(holes, imputations=4, unit="sd", **GIVEN)
    at_zero = found.to_frame().query("abs(delta) < 1e-9").iloc[0]
    np.testing.assert_allclose(
        at_zero[["estimate", "ci_lower", "ci_upper"]].to_numpy(float),
        [plain.estimate, plain.ci_lower, plain.ci_upper],
        rtol=1e-10,
    )


@pytest.mark.slow
def test_delta_sensitivity_curve_equals_shifting_by_hand(holes):
    """At any delta: shift the imputed outcomes of the treated, analyse, pool."""
    delta, given = 0.7, {key: GIVEN[key] for key in GIVEN}
    found = trials.delta_sensitivity(holes, imputations=3, deltas=[delta], **given)
    gaps = imputation.gaps_of(read(holes, **given), (), 3, 0)
    by_hand = []
    for table in gaps.tables():
        size, plain = trials.effect_size(table, **given), trials.itt(table, **given)
        sd = np.sqrt(size.variance_between + size.variance_within)
        lost = gaps.table["post"].isna() & (gaps.table["arm"] == 1)
        moved = lost.to_numpy() * delta * sd
        shifted = trials.itt(table.assign(post=table["post"] + moved), **given)
        scale = size.std_error / plain.std_error
        by_hand.append(
            replace(size, estimate=scale * shifted.estimate, std_error=scale * shifted.std_error)
        )
    pooled = imputation.pooled(by_hand, gaps.n_imputed, 0)
    np.testing.assert_allclose(
        found.to_frame().iloc[0].to_numpy(float),
        [delta, pooled.estimate, pooled.ci_lower, pooled.ci_upper],
        rtol=1e-8,
    )


@pytest.mark.slow
def test_delta_sensitivity_finds_the_tipping_point(rng):
    _, data = simulate(rng, schools=30, effect=0.6)
    found = trials.delta_sensitivity(data, imputations=5, deltas=np.linspace(-4, 4, 17), **GIVEN)
    assert found.at_zero.ci_lower > 0
    assert found.tipping < 0
    there = trials.delta_sensitivity(data, imputations=5, deltas=[found.tipping], **GIVEN)
    assert there.to_frame()["ci_lower"].iloc[0] == pytest.approx(0, abs=1e-9)
    assert found.sentence() == (
        f"If the treated who were not measured did {abs(found.tipping):.2f} SD worse than "
        "expected, or more than that, the interval would include no effect."
    )
    picture = pictures.sensitivity(found)
    assert picture.title == (
        f"The answer changes if missing treated pupils did {abs(found.tipping):.2f} SD worse "
        "than expected"
    )
    pd.testing.assert_frame_equal(picture.table, found.table)
    with pytest.raises(EvidenceError, match=r"picture not-measured: no counts stand behind it"):
        protect_picture(picture)
    np.testing.assert_allclose(found.plot().lines[-1].get_ydata(), found.table["estimate"])
    near = trials.delta_sensitivity(data, imputations=5, deltas=[-0.1, 0.1], **GIVEN)
    assert near.sentence() == (
        "The interval excludes no effect for every shift from −0.10 to +0.10 SD of the treated who "
        "were not measured."
    )
    assert pictures.sensitivity(near).title == ("The answer does not depend on the missing pupils")


@pytest.mark.slow
def test_delta_sensitivity_with_nobody_to_shift_is_refused(holes):
    with pytest.raises(EvidenceError) as error:
        trials.delta_sensitivity(holes[(holes["arm"] == 0) | holes["post"].notna()], **GIVEN)
    assert str(error.value) == (
        "column 'post': nobody in the treated arm lacks it, so there is nothing to shift"
    )


@pytest.mark.slow
def test_impute_mends_the_bias_of_complete_cases_and_covers(rng):
    """200 trials, a third of outcomes missing at random given the baseline, effect 0.3.

    Complete cases without the baseline are out by 0.37; imputed with it as auxiliary they are not.
    """
    rows = []
    given = {"outcome": "post", "treatment": "arm", "cluster": "school"}
    for seed in range(200):
        _, data = simulate(rng)
        plain = trials.itt(data, **given)
        found = trials.impute(data, auxiliary=["pre"], imputations=10, seed=seed, **given)
        rows.append((plain.estimate, found.estimate, found.ci_lower <= 0.3 <= found.ci_upper))
    plain, mended, covered = np.mean(rows, axis=0)
    assert plain - 0.3 > 0.25
    assert abs(mended - 0.3) < 0.045  # three Monte-Carlo errors
    assert 0.92 <= covered <= 0.99


@pytest.mark.slow
def test_impute_of_a_large_sample_interval_has_rubins_first_df(holes):
    given = GIVEN | {"imputations": 5}
    found = trials.impute(holes, **given, unit="sd", interval="hedges")
    # Barnard and Rubin (1999), eq. 3, with infinite complete-data df: (m − 1)/λ²
    gaps = imputation.gaps_of(read(holes, **GIVEN), (), 5, 0)
    each = [effect_size(trial, interval="hedges") for trial in gaps.trials()]
    within = np.mean([e.std_error**2 for e in each])
    extra = 1.2 * np.var([e.estimate for e in each], ddof=1)
    assert found.df == pytest.approx(4 / (extra / (within + extra)) ** 2, rel=1e-10)
    assert found.std_error == pytest.approx(np.sqrt(within + extra), rel=1e-10)
    assert found.ci_lower < found.estimate < found.ci_upper
    assert 0 < found.p_value < 1


def test_missingness_of_a_column_whose_absence_is_a_column_too(rng):
    data = pd.DataFrame({
        "arm": np.arange(80) % 2, "score": np.where(rng.random(80) < 0.2, np.nan, 1.0),
    })  # fmt: skip
    data.loc[::7, "score"] = 3.0
    plain = trials.missingness(data, outcome="score", treatment="arm")
    other = trials.missingness(
        data.assign(**{"no score": rng.normal(0, 1, 80)}), outcome="score", treatment="arm"
    )
    pd.testing.assert_frame_equal(plain.model, other.model)
