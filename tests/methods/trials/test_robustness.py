"""The panel of analyses: each equals its own function, the primary is marked, the words count."""

import inspect

import numpy as np
import pandas as pd
import pytest

from evidence import trials
from evidence.errors import EvidenceError
from evidence.methods.trials.randomisation import randomisation_test
from evidence.show.picture import Picture
from evidence.studies import pictures

GIVEN = {
    "outcome": "post",
    "treatment": "arm",
    "baseline": "pre",
    "covariates": ["sex"],
    "cluster": "school",
    "strata": "block",
}
FAST = {"draws": 199, "imputations": 3, "seed": 4}


@pytest.fixture
def trial(rng):
    """Return 24 schools in blocks of 6, effect 1 SD, some outcomes missing."""
    school = np.repeat(np.arange(24), 12)
    n = len(school)
    arm = np.where(school % 2, "Read Aloud", "Usual practice")
    pre = rng.normal(0, 1, n)
    post = 0.6 * pre + (school % 2) + rng.normal(0, 0.2, 24)[school] + rng.normal(0, 0.7, n)
    return pd.DataFrame(
        {
            "post": np.where(rng.random(n) < 0.1, np.nan, post),
            "arm": arm,
            "pre": pre,
            "sex": np.where(rng.random(n) < 0.5, "F", "M"),
            "school": np.char.add("s", school.astype(str)),
            "block": school // 6,
        }
    )


@pytest.mark.slow
def test_robustness_gives_every_analysis_the_design_allows(trial):
    given = GIVEN | {"reference": "Usual practice"}
    found = trials.robustness(trial, **given, **FAST)
    table = found.to_frame()
    assert list(table["label"]) == [
        "As planned, complete cases (primary)",
        "Multilevel model",
        "Without covariates",
        "Without covariates and baseline",
        "Without strata",
        "Missing values imputed",
        "Randomisation interval",
        "Bootstrap",
    ]
    assert list(table["primary"]) == [True] + [False] * 7
    assert found.skipped == ()
    table = table.set_index("label")
    expected = {
        "As planned, complete cases (primary)": trials.effect_size(trial, **given),
        "Without strata": trials.effect_size(trial, **(given | {"strata": None})),
        "Missing values imputed": trials.impute(trial, unit="sd", imputations=3, seed=4, **given),
        "Multilevel model": trials.effect_size(trial, model="multilevel", **given),
    }
    for label, estimate in expected.items():
        assert table.loc[label, "estimate"] == pytest.approx(estimate.estimate)
        assert table.loc[label, "ci_lower"] == pytest.approx(estimate.ci_lower)
        assert table.loc[label, "n_pupils"] == estimate.n_obs
    raw = randomisation_test(trial, draws=199, seed=4, **given)
    scale = expected["As planned, complete cases (primary)"].estimate / raw.estimate
    assert table.loc["Randomisation interval", "ci_upper"] == pytest.approx(scale * raw.ci_upper)


@pytest.mark.slow
def test_robustness_counts_where_the_answer_holds(trial):
    given = GIVEN | {"reference": "Usual practice"}
    found = trials.robustness(trial, **given, **FAST)
    assert found.headline() == "The answer holds in 8 of 8 analyses"
    table = found.to_frame()
    low, high = table["estimate"].min(), table["estimate"].max()
    assert found.sentence() == (
        f"The answer holds in 8 of 8 analyses; estimates lie between +{low:.2f} and +{high:.2f} SD."
    )
    flat = trial.assign(post=trial["post"] - 1.0 * (trial["arm"] == "Read Aloud"))
    held = trials.robustness(flat, **given, **FAST)
    sides = (held.table["ci_lower"] > 0) * 1 - (held.table["ci_upper"] < 0)
    assert list(held.table["holds"]) == list(sides == sides.iloc[0])


def test_robustness_without_clusters_or_gaps_is_short(trial):
    plain = trial.dropna().rename(columns={"arm": "group"})
    found = trials.robustness(
        plain, outcome="post", treatment="group", reference="Usual practice", **FAST
    )
    assert list(found.table["label"]) == [
        "As planned (primary)",
        "Randomisation interval",
        "Bootstrap",
    ]


@pytest.mark.slow
def test_robustness_with_a_multilevel_plan_marks_it(trial):
    given = GIVEN | {"reference": "Usual practice", "strata": None}
    found = trials.robustness(trial, model="multilevel", **given, **FAST)
    assert list(found.table["label"])[:2] == [
        "As planned, complete cases (primary)",
        "Least squares",
    ]
    assert found.table["method"].iloc[0].startswith("random intercept by school")


@pytest.mark.slow
def test_robustness_of_sites_says_whom_the_interval_holds_for(rng):
    """Pupils drawn within 12 sites whose effects differ: fixed sites alone would not tell."""
    site = np.repeat(np.arange(12), 40)
    data = pd.DataFrame({"arm": np.tile([0, 1], 240), "site": site})
    data["post"] = rng.normal(0, 1, 480) + data["arm"] * rng.normal(0.3, 0.6, 12)[site]
    given = {"outcome": "post", "treatment": "arm", "strata": "site"}
    found = trials.robustness(data, **given, **FAST)
    assert list(found.table["label"]) == [
        "As planned (primary)",
        "Without strata",
        "Errors by site (CR2)",
        "Effect varies by site",
        "Randomisation interval",
        "Bootstrap",
    ]
    said = (
        "the primary interval holds for these 12 strata (site) only; the analyses with errors by "
        "site, or an effect that varies by site, hold for others like them"
    )
    assert found.caveats == (said,)
    assert f"<li>{said[0].upper()}{said[1:]}.</li>" in found._repr_html_()
    width = found.table.set_index("label").eval("ci_upper - ci_lower")
    clustered = trials.effect_size(data, cluster="site", **given)
    assert width["Errors by site (CR2)"] == clustered.ci_upper - clustered.ci_lower
    slope = {"model": "multilevel", "random_slope": True, "cluster": "site", "strata": None}
    varied = trials.effect_size(data, **(given | slope))
    assert width["Effect varies by site"] == varied.ci_upper - varied.ci_lower
    assert min(width["Errors by site (CR2)"], width["Effect varies by site"]) > 1.3 * width.iloc[0]
    by_site = trials.robustness(data, cluster="site", **given, **FAST)
    assert by_site.caveats == ()
    assert "Effect varies by site" in set(by_site.table["label"])


def test_robustness_draws_enough_for_a_p_value_near_a_twentieth():
    """With 999 draws p lies .014 either way of .05: the seed would decide what holds."""
    assert inspect.signature(trials.robustness).parameters["draws"].default == 9999


def test_robustness_says_what_the_data_do_not_allow(trial):
    """Four schools: six allocations are too few for a 95% interval by randomisation."""
    few = trial[trial["school"].isin(["s0", "s1", "s2", "s3"])]
    found = trials.robustness(
        few, outcome="post", treatment="arm", cluster="school", reference="Usual practice", **FAST
    )
    assert "Randomisation interval: the interval has no end" in found.skipped
    assert (
        "Bootstrap: school: too few in an arm to bootstrap, where the interval would be too "
        "narrow. Use trials.effect_size or trials.randomisation_test"
    ) in found.skipped
    assert np.isfinite(found.table[["ci_lower", "ci_upper"]].to_numpy()).all()


def test_robustness_of_a_wrong_roster_is_refused(trial):
    with pytest.raises(EvidenceError) as error:
        trials.robustness(trial, **GIVEN, **FAST)
    assert str(error.value) == (
        "column 'arm' has 2 arms and none is known to be the control: say which with reference=; "
        "there are Read Aloud, Usual practice"
    )


@pytest.mark.slow
def test_specifications_picture_says_the_finding(trial):
    found = trials.robustness(trial, **GIVEN, reference="Usual practice", **FAST)
    picture = pictures.specifications(found, 0.1)
    assert picture.title == "Better than similar pupils in 8 of 8 analyses"
    assert "(post, Read Aloud against Usual practice)" in picture.alt
    assert list(picture.table["primary"]) == [True] + [False] * 7
    assert (picture.table["worthwhile"] == 0.1).all()
    assert picture.table["label"].iloc[0] == "As planned, complete cases (primary)"
    again = Picture.from_json(picture.to_json())
    pd.testing.assert_frame_equal(again.table, picture.table)
    assert "<title" in picture.svg()
