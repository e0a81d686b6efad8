"""What eefAnalytics 1.1.5 gets wrong (measured on crtData and mstData) is right here.

Each test is a failure met with the R package: text ids, arm names, sign, missing outcomes, three
arms, one treated school, and what it does not report at all.
"""

import numpy as np
import pandas as pd
import pytest

from evidence import trials
from evidence.errors import EvidenceError
from evidence.methods.trials.randomisation import randomisation_test

GIVEN = {
    "outcome": "Posttest",
    "treatment": "Intervention",
    "baseline": "Prettest",
    "cluster": "School",
}


@pytest.fixture
def crt(shared):
    return pd.read_csv(shared / "data/trials/crtData.csv")


def numbers(found):
    return [getattr(found, name) for name in ("estimate", "std_error", "df", "p_value", "icc")]


@pytest.mark.parametrize("model", ["ols", "multilevel"])
def test_text_school_ids_give_the_same_as_numbers(crt, model):
    """The peer: non-numeric-alike variable(s) in data frame: School."""
    named = crt.assign(School="St. " + crt["School"].astype("str") + "'s")
    np.testing.assert_allclose(
        numbers(trials.effect_size(named, model=model, **GIVEN)),
        numbers(trials.effect_size(crt, model=model, **GIVEN)),
        rtol=1e-7,
    )


def test_an_arm_name_with_a_space_is_an_arm_name(crt):
    """The peer: invalid 'row.names' length."""
    named = crt.assign(Intervention=crt["Intervention"].map({0: "Usual practice", 1: "Read Aloud"}))
    found = trials.effect_size(named, reference="Usual practice", **GIVEN)
    np.testing.assert_allclose(numbers(found), numbers(trials.effect_size(crt, **GIVEN)))
    assert found.treatment == "Read Aloud against Usual practice"


def test_the_table_may_be_of_any_kind_and_index(shared):
    """The peer: a tibble "is not a MST design"."""
    mst = pd.read_csv(shared / "data/trials/mstData.csv")
    given = GIVEN | {"model": "multilevel"}
    plain = trials.effect_size(mst, **given)
    for same in (
        mst.convert_dtypes(),
        mst.set_index("School", drop=False).rename_axis(None),
        mst.astype({"School": "category", "Intervention": "boolean"}),
    ):
        np.testing.assert_allclose(
            numbers(trials.effect_size(same, **given)), numbers(plain), rtol=1e-7
        )


def test_the_reference_arm_is_stated_and_never_guessed_by_alphabet(crt):
    """The peer flips the sign of Mobilise against Usual where baseln is not given."""
    named = crt.assign(Intervention=crt["Intervention"].map({0: "Usual", 1: "Mobilise"}))
    with pytest.raises(EvidenceError) as error:
        trials.itt(named, **GIVEN)
    assert str(error.value) == (
        "column 'Intervention' has 2 arms and none is known to be the control: say which with "
        "reference=; there are Mobilise, Usual"
    )
    found = trials.itt(named, reference="Usual", **GIVEN)
    assert found.estimate == pytest.approx(trials.itt(crt, **GIVEN).estimate)
    assert "Mobilise against Usual" in found.sentence()


def test_missing_outcomes_are_counted_and_said(crt):
    """The peer drops 60 of 265 without a word."""
    holes = crt.copy()
    holes.loc[:59, "Posttest"] = np.nan
    found = trials.itt(holes, **GIVEN)
    assert found.caveats == ("60 of 265 pupils have no record of Posttest and are left out",)
    assert found.n_obs == 205
    assert trials.missingness(holes, **GIVEN).sentence().startswith("60 of 265 pupils (22.6%)")
    assert trials.impute(holes, imputations=2, **GIVEN).n_obs == 265


def test_every_estimate_tells_n_icc_error_p_and_df(crt):
    """The peer prints none of them."""
    found = trials.effect_size(crt, model="multilevel", **GIVEN)
    row = found.to_frame().iloc[0]
    for name in ("std_error", "p_value", "df", "icc", "n_obs", "n_clusters", "n_treated"):
        assert np.isfinite(row[name]), name
    assert "265 pupils in 22 clusters" in found.sentence()


def test_a_randomisation_p_is_never_zero_and_no_draw_is_lost(crt):
    """The peer: 19 permutations gave "=0"; one of 1,000 lost silently."""
    huge = crt.assign(Posttest=crt["Posttest"] + 1000 * crt["Intervention"])
    found = randomisation_test(huge, draws=19, **GIVEN)
    assert found.p_value == pytest.approx(1 / 20)
    assert "19 allocations" in found.method


def test_the_same_call_gives_the_same_answer(crt):
    """The peer promises a default seed and has none."""
    first, second = (randomisation_test(crt, draws=99, **GIVEN) for _ in range(2))
    assert numbers(first)[:2] == numbers(second)[:2]
    assert (first.ci_lower, first.ci_upper) == (second.ci_lower, second.ci_upper)
    holes = crt.assign(Posttest=crt["Posttest"].where(crt.index % 7 > 0))
    first, second = (trials.impute(holes, imputations=2, **GIVEN) for _ in range(2))
    assert numbers(first)[:4] == numbers(second)[:4]


def test_three_arms_never_merge(crt):
    """The peer counts the other arm as control in the interval, and its bootstrap errors."""
    third = crt["School"].isin(crt["School"].unique()[::3])
    three = crt.assign(
        Intervention=crt["Intervention"].map({0: "usual", 1: "talk"}).mask(third, "read")
    )
    given = GIVEN | {"baseline": None, "reference": "usual", "arm": "talk"}
    found = trials.itt(three, **given)
    pair = three[three["Intervention"] != "read"]
    assert found.estimate == pytest.approx(trials.itt(pair, **given).estimate)
    assert found.n_control == (three["Intervention"] == "usual").sum()
    assert found.n_treated == (three["Intervention"] == "talk").sum()
    test = randomisation_test(three, draws=99, **given)
    assert test.ci_lower < found.estimate < test.ci_upper


def test_one_treated_school_is_refused_with_the_reason(crt):
    """The peer gives NaN."""
    first = crt.loc[crt["Intervention"] == 1, "School"].iloc[0]
    one = crt[(crt["Intervention"] == 0) | (crt["School"] == first)]
    message = (
        "column 'School': the treated arm has only one cluster; at least two per arm are needed to "
        "tell the treatment from the cluster"
    )
    for function in (trials.itt, trials.effect_size, trials.multilevel, trials.check):
        with pytest.raises(EvidenceError) as error:
            function(one, **GIVEN)
        assert str(error.value) == message


def test_hedges_g_of_a_cluster_trial_has_its_small_sample_factor(crt):
    """The peer calls it Hedges' g and leaves J out; it can be switched off to compare."""
    found = trials.effect_size(crt, **GIVEN)
    plain = trials.effect_size(crt, small_sample=False, **GIVEN)
    assert found.estimate / plain.estimate == pytest.approx(1 - 3 / (4 * 263 - 1))


def test_what_the_peer_lacks_is_here(crt):
    """Weights, imputation, several outcomes, robust errors, balance and a sentence."""
    weighted = trials.itt(crt.assign(w=1 + crt["Prettest"]), weights="w", **GIVEN)
    assert weighted.estimate != trials.itt(crt, **GIVEN).estimate
    several = trials.romano_wolf(
        crt.assign(Attendance=crt["Percentage_Attendance"]),
        outcomes=["Posttest", "Attendance"],
        treatment="Intervention",
        cluster="School",
        draws=99,
    )
    assert (several["p_romano_wolf"] >= several["p_value"] - 0.1).all()
    assert len(trials.balance(crt, treatment="Intervention", covariates=["Prettest"]).table) == 1
