"""Random intercepts and slopes: against the whole likelihood, properties, edges."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evidence import trials
from evidence.errors import EvidenceError
from evidence.stats import mixed_model, reml


@pytest.fixture
def sites(rng):
    school = np.repeat(np.arange(24), rng.integers(6, 16, 24))
    n = len(school)
    arm = rng.permutation(np.arange(n) % 2)
    effects = rng.multivariate_normal([0, 0], [[0.5, 0.1], [0.1, 0.3]], 24)[school]
    pre = rng.normal(size=n)
    post = 10 + 0.4 * arm + 0.6 * pre + effects[:, 0] + effects[:, 1] * arm + rng.normal(size=n)
    return pd.DataFrame({"post": post, "pre": pre, "arm": arm, "school": school})


def whole_deviance(data, root, *, reml, held=None):
    """Return the profiled criterion with every V written out."""
    y = data["post"].to_numpy()
    x = np.column_stack([np.ones(len(data)), data["arm"], data["pre"]])
    z = x[:, : len(root)]
    if held is not None:
        y, x = y - held * x[:, 1], np.delete(x, 1, axis=1)
    inner, right, square, terms = 0, 0, 0, 0
    for code in data["school"].unique():
        i = (data["school"] == code).to_numpy()
        v = np.eye(i.sum()) + z[i] @ root @ root.T @ z[i].T
        inverse = np.linalg.inv(v)
        inner = inner + x[i].T @ inverse @ x[i]
        right = right + x[i].T @ inverse @ y[i]
        square += y[i] @ inverse @ y[i]
        terms += np.linalg.slogdet(v)[1]
    square -= right @ np.linalg.solve(inner, right)
    k = x.shape[1]
    free = len(y) - k * reml
    return free * np.log(square) + terms + reml * np.linalg.slogdet(inner)[1]


def add_up(data, slope=True):
    columns = data[["arm", "pre"]].to_numpy(float)
    slopes = columns[:, :1] if slope else None
    return reml.add_up(data["post"].to_numpy(), columns, data["school"].to_numpy(), slopes)


@pytest.mark.parametrize("slope", [False, True])
def test_fit_is_the_minimum_of_the_whole_likelihood(sites, rng, slope):
    found = mixed_model.fit(add_up(sites, slope))
    root = np.linalg.cholesky(found.covariance / found.variance_within)
    best = whole_deviance(sites, root, reml=True)
    for _ in range(20):
        near = root + np.tril(rng.normal(0, 0.02, root.shape))
        assert whole_deviance(sites, near, reml=True) > best
    step = 1e-4 * np.tril(np.ones(root.shape))
    up, down = (whole_deviance(sites, root + s * step, reml=True) for s in (1, -1))
    assert abs(up - down) / 2e-4 < 1e-4


def test_fit_of_a_slope_finds_what_it_was_made_with(rng):
    school = np.repeat(np.arange(600), 30)
    arm = (rng.random(len(school)) < 0.5).astype(float)
    truth = np.array([[0.5, 0.1], [0.1, 0.3]])
    effects = rng.multivariate_normal([0, 0], truth, 600)[school]
    post = 0.3 * arm + effects[:, 0] + effects[:, 1] * arm + rng.normal(size=len(school))
    found = mixed_model.fit(reml.add_up(post, arm[:, None], school, arm[:, None]))
    np.testing.assert_allclose(found.covariance, truth, atol=0.06)
    assert found.coefficients[1] == pytest.approx(0.3, abs=4 * found.std_errors[1])
    assert found.df[1] == pytest.approx(599, rel=0.1)


@pytest.mark.slow
@pytest.mark.parametrize("slope", [False, True])
def test_profile_interval_solves_its_equation(sites, slope):
    sums = add_up(sites, slope)
    least = whole_deviance(sites, _root(sums), reml=False)
    for end in mixed_model.profile_interval(sums, 1, 0.95):
        held = whole_deviance(sites, _root(sums.holding(1, end)), reml=False, held=end)
        assert held - least == pytest.approx(1.959963985**2, abs=1e-5)


def _root(sums):
    place = reml.minimum(sums, reml=False)
    q = sums.blocks.shape[-1]
    root = np.zeros((q, q))
    root[np.tril_indices(q)] = place
    return root


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    scale=st.sampled_from([1e-6, 1.0, 1e6]),
    shift=st.sampled_from([0.0, -1e6, 1e6]),
)
def test_fit_follows_units_and_order(seed, scale, shift):
    rng = np.random.default_rng(seed)
    school = rng.integers(0, 12, 150)
    arm = rng.integers(0, 2, 150).astype(float)[:, None]
    post = 0.3 * arm[:, 0] + rng.normal(0, 0.6, 12)[school] + rng.normal(size=150)
    first = mixed_model.fit(reml.add_up(post, arm, school, arm))
    order = rng.permutation(150)
    other = mixed_model.fit(
        reml.add_up(scale * post[order] + shift * scale, arm[order], school[order], arm[order])
    )
    np.testing.assert_allclose(other.coefficients[1], scale * first.coefficients[1], rtol=1e-5)
    np.testing.assert_allclose(other.std_errors[1], scale * first.std_errors[1], rtol=1e-4)


def test_equal_arms_in_equal_clusters_give_the_plain_difference(rng):
    school = np.repeat(np.arange(10), 8)
    arm = np.tile([0.0, 1.0], 40)
    post = rng.normal(0, 1, 10)[school] + arm + rng.normal(size=80)
    found = mixed_model.random_intercept(post, arm[:, None], school)
    assert found.coefficients[1] == pytest.approx(post[arm == 1].mean() - post[arm == 0].mean())


def test_no_variance_between_clusters_is_said_and_df_are_few(rng):
    school = np.repeat(np.arange(12), 10)
    data = pd.DataFrame({"school": school, "arm": school % 2, "post": rng.normal(size=120)})
    data["post"] -= data.groupby("school")["post"].transform("mean")
    found = trials.multilevel(data, outcome="post", treatment="arm", cluster="school")
    assert (found.variance_between, found.df) == (0.0, 10.0)
    assert found.caveats == ("no variance between clusters was found",)


def test_columns_all_but_collinear_are_fitted_as_by_qr(rng):
    school = np.repeat(np.arange(20), 15)
    arm = (school % 2).astype(float)
    x = rng.normal(size=300)
    nearly = x + 1e-5 * rng.normal(size=300)
    post = arm + x + rng.normal(size=300)
    found = mixed_model.random_intercept(post, np.column_stack([arm, x, nearly]), school)
    other = mixed_model.random_intercept(
        post, np.column_stack([arm, x, 1e5 * (nearly - x)]), school
    )
    np.testing.assert_allclose(found.coefficients[1], other.coefficients[1], rtol=1e-8)
    np.testing.assert_allclose(found.coefficients[3], 1e5 * other.coefficients[3], rtol=1e-6)


def refused(data, **named):
    with pytest.raises(EvidenceError) as error:
        trials.multilevel(data, outcome="post", treatment="arm", cluster="school", **named)
    return str(error.value)


def test_multilevel_that_cannot_be_fitted_says_why(sites):
    assert refused(sites.assign(school=range(len(sites)))) == (
        "column 'school': every cluster has one row, so that clusters cannot be told from rows; "
        "leave out cluster="
    )
    whole = sites.assign(arm=sites["school"] % 2)
    assert refused(whole, random_slope=True) == (
        "column 'school': no cluster has both arms, so that the effect cannot differ between "
        "clusters; leave out random_slope"
    )
    flat = whole.assign(post=whole.groupby("school")["post"].transform("mean"))
    assert refused(flat) == (
        "column 'post' does not vary within 'school' once the fixed effects are known; analyse one "
        "row a cluster, without cluster="
    )
    assert refused(sites, interval="wald") == "interval is 'wald'; allowed are t, profile"
    assert refused(sites.assign(block=range(len(sites))), strata="block").startswith(
        f"column 'block' has {len(sites)} strata; a multilevel model may have 200."
    )


def test_multilevel_with_strata_equals_the_model_with_their_columns(sites):
    data = sites.assign(block=sites["school"] // 8)
    found = trials.multilevel(
        data, outcome="post", treatment="arm", cluster="school", strata="block"
    )
    dummies = data.assign(one=data["block"].eq(1) * 1, two=data["block"].eq(2) * 1)
    other = trials.multilevel(
        dummies, outcome="post", treatment="arm", cluster="school", covariates=["one", "two"]
    )
    assert (found.estimate, found.std_error) == pytest.approx((other.estimate, other.std_error))


def test_multilevel_of_three_arms_names_both_slopes(sites, rng):
    data = sites.assign(arm=rng.choice(["usual", "new way", "third"], len(sites)))
    found = trials.multilevel(
        data,
        outcome="post",
        treatment="arm",
        cluster="school",
        reference="usual",
        arm="new way",
        random_slope=True,
    )
    assert list(found.covariance) == ["intercept", "slope", "slope arm: third"]
    assert np.linalg.eigvalsh(found.covariance)[0] > -1e-9
    assert list(found.to_frame()) == list(
        trials.multilevel(
            data,
            outcome="post",
            treatment="arm",
            cluster="school",
            reference="usual",
            arm="new way",
        ).to_frame()
    )


def test_effect_size_of_impossible_kinds_is_refused(sites):
    base = {"outcome": "post", "treatment": "arm", "cluster": "school"}
    for named, message in (
        ({"random_slope": True}, "random_slope needs model='multilevel'"),
        (
            {"conditional": True, "sd": "pooled"},
            "sd='pooled' is never conditional; ask for 'total' or 'within'",
        ),
        (
            {
                "conditional": True,
                "model": "multilevel",
                "random_slope": True,
                "cluster_correction": True,
            },
            "cluster_correction is not known for conditional sizes across sites",
        ),
        ({"interval": "z"}, "interval is 'z'; allowed are difference, hedges"),
    ):
        with pytest.raises(EvidenceError) as error:
            trials.effect_size(sites, **base, **named)
        assert str(error.value) == message


def test_conditional_effect_size_is_larger_where_covariates_explain_and_says_so(sites):
    base = {"outcome": "post", "treatment": "arm", "cluster": "school", "baseline": "pre"}
    whole = trials.effect_size(sites, **base)
    found = trials.effect_size(sites, conditional=True, **base)
    assert found.estimate / whole.estimate > 1
    assert found.method.endswith("over the conditional total SD")
