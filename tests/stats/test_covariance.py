"""The absorbed, low-rank route against the formulas written out with n × n matrices."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evidence.errors import EvidenceError
from evidence.stats import covariance, design, satterthwaite


def written_out(x, y, cluster, weights, kind, places):
    """Return estimates, standard errors, df and joint η by clubSandwich's definitions."""
    n, k = x.shape
    bread = np.linalg.inv(x.T @ (weights[:, None] * x))
    maker = np.eye(n) - x @ bread @ x.T * weights
    residuals = maker @ y
    members = [np.flatnonzero(cluster == g) for g in np.unique(cluster)]
    rows = []
    for i in members:
        adjust = np.eye(len(i))
        if kind == "CR2":
            values, vectors = np.linalg.eigh(maker[i] @ maker[i].T)
            positive = values > 1e-10
            powers = np.where(positive, np.where(positive, values, 1) ** -0.5, 0)
            adjust = vectors * powers @ vectors.T
        elif kind == "CR3":
            adjust = np.linalg.inv(maker[np.ix_(i, i)])
        rows.append((bread @ (x[i] * weights[i, None]).T)[places] @ adjust)
    m = len(members)
    scale = {"CR1": m / (m - 1), "CR1S": m / (m - 1) * (n - 1) / (n - k)}.get(kind, 1)
    scores = np.array([row @ residuals[i] for row, i in zip(rows, members, strict=True)])
    covariance = scale * scores.T @ scores
    linear = np.array([row @ maker[i] for row, i in zip(rows, members, strict=True)])
    p = np.einsum("isn,jtn->stij", linear, linear)
    q = len(places)
    df = [np.trace(p[s, s]) ** 2 / np.sum(p[s, s] ** 2) for s in range(q)]
    values, vectors = np.linalg.eigh(np.einsum("isn,itn->st", linear, linear))
    linear = np.einsum("st,itn->isn", vectors / np.sqrt(values) @ vectors.T, linear)
    p = np.einsum("isn,jtn->stij", linear, linear)
    total = sum(
        np.sum(p[s, s] * p[t, t]) + np.sum(p[s, t] * p[s, t].T) for s in range(q) for t in range(q)
    )
    estimates = (bread @ x.T @ (weights * y))[places]
    return estimates, np.sqrt(np.diag(covariance)), np.array(df), q * (q + 1) / total


STRATA = {
    "none": lambda cluster, rng: None,
    "clusters within strata": lambda cluster, rng: cluster % 4,
    "crossed": lambda cluster, rng: rng.integers(0, 6, len(cluster)),
    "strata within clusters": lambda cluster, rng: cluster * 2 + rng.integers(0, 2, len(cluster)),
}


def sample(rng, nesting, weighted, n=120, m=15):
    cluster = np.unique(rng.integers(0, m, n), return_inverse=True)[1]
    strata = STRATA[nesting](cluster, rng)
    weights = rng.uniform(0.5, 3, n) if weighted else None
    others, interest = rng.normal(size=(n, 2)), rng.normal(size=(n, 2))
    y = rng.normal(size=n) + rng.normal(size=m)[cluster] + interest[:, 0]
    return y, interest, others, strata, weights, cluster


def dummies(strata, n):
    return np.ones((n, 1)) if strata is None else (strata[:, None] == np.unique(strata)) * 1.0


# CR3 does not exist written out where strata lie within clusters: I − H_ii is singular there.
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    ("kind", "nesting"),
    [
        (kind, nesting)
        for kind in ("CR0", "CR1", "CR1S", "CR2", "CR3")
        for nesting in STRATA
        if (kind, nesting) != ("CR3", "strata within clusters")
    ],
)
def test_robust_with_absorbed_strata_equals_full_dummies(rng, kind, nesting, weighted):
    y, interest, others, strata, weights, cluster = sample(rng, nesting, weighted)
    full = np.column_stack([dummies(strata, len(y)), others, interest])
    w = np.ones(len(y)) if weights is None else weights
    expected = written_out(full, y, cluster, w, kind, [-2, -1])
    made = design.design(interest, others, strata, weights)
    estimate, residuals = made.fit(y)
    found = covariance.robust(made, residuals, cluster, kind)
    for ours, theirs in zip(
        (estimate, found.std_error, found.df, found.joint_df), expected, strict=True
    ):
        np.testing.assert_allclose(ours, theirs, rtol=1e-10)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("nesting", STRATA)
def test_robust_with_many_clusters_gives_the_df_of_few(rng, monkeypatch, nesting, weighted):
    y, interest, others, strata, weights, cluster = sample(rng, nesting, weighted)
    made = design.design(interest, others, strata, weights)
    residuals = made.fit(y)[1]
    few = covariance.robust(made, residuals, cluster)
    monkeypatch.setattr(satterthwaite, "HELD", 0)
    many = covariance.robust(made, residuals, cluster)
    np.testing.assert_allclose(many.df, few.df, rtol=1e-11)
    np.testing.assert_allclose(many.joint_df, few.joint_df, rtol=1e-11)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("clusters", "interest", "others", "slower"),
    [
        (170, 1, 10, "traces_by_sums"),
        (20, 250, 0, "traces_by_sums"),
        (800, 1, 150, "traces_by_sums"),
        (500, 8, 0, "traces_by_pairs"),
    ],
)
def test_robust_takes_the_faster_way_to_its_df(
    rng, monkeypatch, clusters, interest, others, slower
):
    cluster = np.arange(20 * clusters) // 20
    x = rng.normal(size=(len(cluster), interest + others))
    made = design.design(x[:, :interest], x[:, interest:])
    monkeypatch.setattr(satterthwaite, slower, None)
    found = covariance.robust(made, rng.normal(size=len(x)), cluster, "CR0", joint=False)
    assert np.isfinite(found.df).all()


@pytest.mark.parametrize("weighted", [False, True])
def test_robust_with_hc2_equals_cr2_of_single_rows(rng, weighted):
    y, interest, others, strata, weights, _ = sample(rng, "crossed", weighted)
    full = np.column_stack([dummies(strata, len(y)), others, interest])
    w = np.ones(len(y)) if weights is None else weights
    _, std_error, df, _ = written_out(full, y, np.arange(len(y)), w, "CR2", [-2, -1])
    made = design.design(interest, others, strata, weights)
    found = covariance.robust(made, made.fit(y)[1], None, "HC2")
    np.testing.assert_allclose(found.std_error, std_error, rtol=1e-10)
    np.testing.assert_allclose(found.df, df, rtol=1e-10)


def test_robust_in_small_chunks_gives_the_same(rng, monkeypatch):
    y, interest, others, strata, weights, cluster = sample(rng, "crossed", True)
    made = design.design(interest, others, strata, weights)
    residuals = made.fit(y)[1]
    whole = covariance.robust(made, residuals, cluster)
    monkeypatch.setattr(covariance, "_CHUNK", 1)
    np.testing.assert_allclose(
        covariance.robust(made, residuals, cluster).covariance, whole.covariance, rtol=1e-12
    )


def test_joint_test_of_one_coefficient_is_the_t_test(rng):
    y, interest, others, strata, weights, cluster = sample(rng, "none", False)
    made = design.design(interest[:, :1], others, strata, weights)
    estimate, residuals = made.fit(y)
    found = covariance.robust(made, residuals, cluster)
    statistic, p_value, _, _ = covariance.t_test(estimate, found.std_error, found.df, 0.95)
    joint = covariance.joint_test(estimate, found)
    np.testing.assert_allclose(joint, (statistic[0] ** 2, 1, found.df[0], p_value[0]), rtol=1e-12)


def test_joint_test_of_more_coefficients_than_clusters_allow_gives_no_p(rng):
    found = covariance.Inference(np.eye(3), np.ones(3), 4, 1.5, np.zeros(3, bool))
    statistic, _, _, p_value = covariance.joint_test(np.ones(3), found)
    assert np.isnan(statistic)
    assert np.isnan(p_value)


def test_design_drops_redundant_columns_as_lm_does(rng):
    y, interest, others, *_ = sample(rng, "none", False)
    more = np.column_stack([others[:, 0], np.full(len(y), 7.0), others, others.sum(axis=1)])
    made = design.design(interest, more)
    plain = design.design(interest, others)
    assert made.dropped == (1, 2, 4)
    assert made.rank == plain.rank
    np.testing.assert_allclose(made.fit(y)[0], plain.fit(y)[0], rtol=1e-12)


def test_design_with_treatment_decided_by_strata_says_so(rng):
    strata = np.repeat([0, 1], 10)
    with pytest.raises(EvidenceError) as error:
        design.design(strata[:, None], np.empty((20, 0)), strata, name="column 'arm'")
    assert str(error.value) == (
        "column 'arm': does not vary once all else in the model is held fixed, so it has no "
        "effect to estimate; leave out the covariates, strata or programmes that decide it, or "
        "add rows to compare with"
    )


def test_design_with_too_few_rows_says_so(rng):
    with pytest.raises(EvidenceError) as error:
        design.design(rng.normal(size=(4, 1)), rng.normal(size=(4, 2)))
    assert str(error.value) == (
        "4 rows are too few for a regression of 4 columns: give more rows or fewer covariates and "
        "strata"
    )


@pytest.mark.slow
@settings(derandomize=True, max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    nesting=st.sampled_from(sorted(STRATA)),
    weighted=st.booleans(),
    kind=st.sampled_from(["CR0", "CR1", "CR1S", "CR2", "CR3", "HC2", "classical"]),
    scale=st.floats(1e-3, 1e3),
    shift=st.floats(-1e5, 1e5),
)
def test_robust_is_invariant(seed, nesting, weighted, kind, scale, shift):
    """Row order, cluster labels, scale of outcome and weights, a constant added: all harmless."""
    rng = np.random.default_rng(seed)
    y, interest, others, strata, weights, cluster = sample(rng, nesting, weighted)
    order = rng.permutation(len(y))
    relabel = rng.permutation(cluster.max() + 1)

    def run(y, interest, others, strata, weights, cluster):
        made = design.design(interest, others, strata, weights)
        estimate, residuals = made.fit(y)
        found = covariance.robust(made, residuals, cluster, kind)
        return estimate, found.std_error, found.df

    plain = run(y, interest, others, strata, weights, cluster)
    moved = run(
        scale * y[order] + shift,
        interest[order],
        others[order] + shift,
        None if strata is None else 99 - strata[order],
        None if weights is None else scale * weights[order],
        relabel[cluster[order]],
    )
    np.testing.assert_allclose(moved[0], scale * plain[0], rtol=1e-6, atol=1e-9 * scale)
    np.testing.assert_allclose(moved[1], scale * plain[1], rtol=1e-6)
    np.testing.assert_allclose(moved[2], plain[2], rtol=1e-6)


ALONE = (
    "one {} alone decides the effect, so that no error can be estimated: more or smaller ones are "
    "needed, or leave out the covariates or strata that single it out"
)


def refusal(call, *args, **given):
    with pytest.raises(EvidenceError) as error:
        call(*args, **given)
    return str(error.value)


@pytest.mark.parametrize("kind", ["CR0", "CR1", "CR1S", "CR2", "CR3"])
def test_errors_by_cluster_without_clusters_are_refused(rng, kind):
    y, interest, others, *_ = sample(rng, "none", weighted=False)
    made = design.design(interest, others)
    message = refusal(covariance.robust, made, made.fit(y)[1], None, kind)
    assert message == f"{kind} needs clusters: give them, or use HC2 or classical"


def one_treated(rng, units=20, times=6, weighted=False):
    """Return a panel in which unit 0 alone is treated, in its last two times."""
    unit, time = np.repeat(np.arange(units), times), np.tile(np.arange(times), units)
    dose = ((unit == 0) & (time >= times - 2)).astype(float)
    weights = rng.uniform(0.5, 3, units)[unit] if weighted else None
    made = design.two_way(dose[:, None], np.empty((len(unit), 0)), unit, time, weights, "dose")
    y = rng.normal(size=units)[unit] + rng.normal(size=len(unit))
    return made, y, unit, time


@pytest.mark.parametrize("kind", ["CR0", "CR1", "CR1S", "CR2", "CR3"])
@pytest.mark.parametrize("weighted", [False, True])
def test_one_treated_unit_is_refused_or_judged_by_the_others(rng, kind, weighted):
    made, y, unit, time = one_treated(rng, weighted=weighted)
    estimate, residuals = made.fit(y)
    message = refusal(covariance.robust, made, residuals, unit, kind)
    assert message == ALONE.format("cluster")
    blank = covariance.robust(made, residuals, unit, kind, refuse=False)
    assert np.isnan([blank.std_error[0], blank.df[0]]).all()
    assert not blank.borrowed.any()
    found = covariance.robust(made, residuals, unit, kind, alike=covariance.Alike(time, 1))
    assert found.borrowed.all()
    assert found.df[0] <= 18
    if not weighted and kind in ("CR2", "CR1"):  # Crawford and Howell (1998), eq. 1
        change = y.reshape(20, 6)[:, 4:].mean(1) - y.reshape(20, 6)[:, :4].mean(1)
        spread = np.std(change[1:], ddof=1) * np.sqrt(1 + 1 / 19)
        assert estimate[0] == pytest.approx(change[0] - change[1:].mean(), rel=1e-12)
        assert found.std_error[0] == pytest.approx(spread, rel=0.002 if kind == "CR1" else 1e-10)
        assert found.df[0] == pytest.approx(18, rel=1e-10)


def test_one_treated_unit_without_others_like_it_has_no_error(rng):
    made, y, unit, time = one_treated(rng)
    residuals = made.fit(y)[1]
    twice = covariance.Alike(time // 2, 1)  # two rows of a unit at one place
    assert refusal(covariance.robust, made, residuals, unit, alike=twice) == ALONE.format("cluster")
    taken = covariance.Alike(time, 19)  # no degree of freedom is left
    assert refusal(covariance.robust, made, residuals, unit, alike=taken) == ALONE.format("cluster")


def test_effects_that_single_units_decide_are_tested_jointly_as_hotelling_does(rng):
    _, y, unit, time = one_treated(rng)
    leads = ((unit == 0)[:, None] & (time[:, None] == [0, 1, 2])).astype(float)
    lags = ((unit == 0)[:, None] & (time[:, None] == [4, 5])).astype(float)
    made = design.two_way(leads, lags, unit, time, None, "dose")
    estimate, residuals = made.fit(y)
    found = covariance.robust(made, residuals, unit, alike=covariance.Alike(time, 1))
    statistic, first, second, _ = covariance.joint_test(estimate, found)
    change = y.reshape(20, 6)[:, :3] - y.reshape(20, 6)[:, [3]]  # of each lead from the reference
    apart = change[0] - change[1:].mean(axis=0)
    pooled = np.cov(change[1:].T) * (1 + 1 / 19)
    hotelling = apart @ np.linalg.solve(pooled, apart)
    assert (first, second) == (3, pytest.approx(16))
    assert statistic == pytest.approx(16 / (3 * 18) * hotelling, rel=1e-9)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("marked", ["stratum", "covariate", "row"])
def test_whatever_singles_out_a_cluster_is_seen(rng, weighted, marked):
    school = np.repeat(np.arange(12), 5)
    arm = (school < 6).astype(float)
    others, strata, cluster, what = np.empty((60, 0)), None, school, "cluster"
    if marked == "stratum":  # only the first stratum has both arms, one school of them treated
        strata = np.where(school < 5, 1, np.where(school < 10, 0, 2))
        arm = np.isin(school, [0, 1, 2, 3, 4, 5]).astype(float)
    elif marked == "covariate":  # two treated schools, one of them marked
        arm = (school < 2).astype(float)
        others = (school == 0).astype(float)[:, None]
    else:
        arm, cluster, what = (np.arange(60) == 7).astype(float), None, "row"
    weights = rng.uniform(0.5, 3, 60) if weighted else None
    made = design.design(arm[:, None], others, strata, weights)
    residuals = made.fit(rng.normal(size=60))[1]
    kind = "HC2" if cluster is None else "CR2"
    assert refusal(covariance.robust, made, residuals, cluster, kind) == ALONE.format(what)


def test_one_cluster_of_several_is_not_taken_for_alone(rng):
    school = np.repeat(np.arange(6), 5)
    made = design.design((school < 2)[:, None] * 1.0, rng.normal(size=(30, 1)))
    found = covariance.robust(made, made.fit(rng.normal(size=30))[1], school)
    assert np.isfinite(found.std_error).all()
    assert not found.borrowed.any()


def test_an_exact_fit_where_it_counts_has_no_error(rng):
    arm = np.repeat(np.eye(3)[:, 1:], 8, axis=0)  # noise in the third arm only
    y = np.repeat([0.0, 1.0, 0.0], 8) + np.r_[np.zeros(16), rng.normal(size=8)]
    made = design.design(arm[:, :1], arm[:, 1:])
    residuals = made.fit(y)[1]
    message = "it is explained exactly by what is in the model: no error can be estimated"
    for kind, cluster in (("HC2", None), ("CR2", np.arange(24) // 2)):
        assert refusal(covariance.robust, made, residuals, cluster, kind, label="it") == message
        blank = covariance.robust(made, residuals, cluster, kind, refuse=False)
        assert np.isnan(blank.std_error).all()
