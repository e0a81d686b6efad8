"""The randomisation test and the bootstrap, against brute force and the peer."""

import itertools
import json
import tracemalloc

import numpy as np
import pandas as pd
import pytest

from evidence import trials
from evidence.errors import EvidenceError
from evidence.methods.trials.bootstrap import sample_of
from evidence.methods.trials.trial_data import read
from evidence.stats.mixed_model import null_model
from evidence.stats.permutation import members
from evidence.stats.resampling import Units, regress, variances

GIVEN = {"outcome": "post", "treatment": "arm", "baseline": "pre", "cluster": "school"}
PEER = {
    "outcome": "Posttest",
    "treatment": "Intervention",
    "baseline": "Prettest",
    "cluster": "School",
}


def simulate(rng, schools=20, effect=3.0, by_pair=False):
    size = rng.integers(8, 25, schools)
    school = np.repeat(np.arange(schools), size)
    arm = school % 2 if by_pair else rng.permutation(np.arange(schools) % 2)[school]
    pre = rng.normal(50, 10, len(school))
    post = 0.7 * pre + effect * arm + rng.normal(0, 3, schools)[school] + rng.normal(0, 8, len(pre))
    return pd.DataFrame(
        {
            "post": post,
            "arm": arm,
            "pre": pre,
            "school": school,
            "pair": school // 2,
            "block": school // 4,
            "weight": rng.uniform(0.5, 2, len(school)),
        }
    )


@pytest.fixture
def trial(rng):
    return simulate(rng)


def ends(found):
    return found.estimate, found.std_error, found.p_value, found.ci_lower, found.ci_upper


def by_force(data, allocations, unit, effect=0.0, columns=("pre",), weights=None):
    """Return the share of allocations (sets of treated units) as extreme as the real one."""
    score = data["post"] - effect * data["arm"]
    root = np.ones(len(data)) if weights is None else np.sqrt(data[weights].to_numpy())
    others = np.column_stack([np.ones(len(data)), *(data[c] for c in columns)])
    real = set(data.loc[data["arm"] == 1, unit])

    def statistic(treated):
        design = np.column_stack([others, data[unit].isin(treated)]).astype(float)
        return abs(np.linalg.lstsq(design * root[:, None], score * root, rcond=None)[0][-1])

    observed = statistic(real)
    return np.mean([statistic(set(chosen)) >= observed * (1 - 1e-9) for chosen in allocations])


@pytest.mark.parametrize("weights", [None, pytest.param("weight", marks=pytest.mark.slow)])
def test_randomisation_of_few_schools_enumerates_exactly(rng, weights):
    data = simulate(rng, schools=8)
    found = trials.randomisation_test(data, weights=weights, **GIVEN)
    everything = list(itertools.combinations(range(8), 4))
    assert found.p_value == by_force(data, everything, "school", weights=weights)
    assert found.estimate == pytest.approx(trials.itt(data, weights=weights, **GIVEN).estimate)
    assert found.method == (
        "randomisation test of the difference, school drawn, all 70 allocations; interval by test "
        "inversion"
    )
    for end, outwards in ((found.ci_lower, -1), (found.ci_upper, 1)):
        shares = [
            by_force(data, everything, "school", end + step * outwards, weights=weights)
            for step in (-1e-6, 1e-6)
        ]
        assert shares[0] > 0.05 >= shares[1]


def test_randomisation_of_pairs_keeps_one_of_each(rng):
    data = simulate(rng, schools=16, by_pair=True)
    found = trials.randomisation_test(data, strata="pair", **GIVEN)
    dummies = data.assign(**{f"p{k}": (data["pair"] == k) * 1.0 for k in range(1, 8)})
    everything = [
        [2 * pair + one for pair, one in enumerate(choice)]
        for choice in itertools.product((0, 1), repeat=8)
    ]
    columns = ["pre", *(f"p{k}" for k in range(1, 8))]
    assert found.p_value == by_force(dummies, everything, "school", columns=columns)
    assert "school drawn within pair, all 256 allocations" in found.method


def test_randomisation_draws_agree_with_enumeration(rng):
    data = simulate(rng, schools=12)
    exact = trials.randomisation_test(data, **GIVEN)  # 924 allocations
    drawn = trials.randomisation_test(data, draws=900, **GIVEN)
    error = np.sqrt(exact.p_value * (1 - exact.p_value) / 900)
    assert abs(drawn.p_value - exact.p_value) < 4 * error + 1 / 901
    assert "all 924 allocations" in exact.method
    assert "900 allocations" in drawn.method


@pytest.mark.parametrize("statistic", ["difference", "t"])
def test_randomisation_interval_and_p_value_agree(rng, statistic):
    for _ in range(20):
        data = simulate(rng, schools=10, effect=rng.normal(0, 4))
        found = trials.randomisation_test(data, statistic=statistic, level=0.9, **GIVEN)
        assert (found.p_value <= 0.1 + 1e-12) == (not found.ci_lower <= 0 <= found.ci_upper)
        assert found.ci_lower < found.estimate < found.ci_upper


@pytest.mark.slow
def test_randomisation_is_valid_under_the_null(rng):
    data = [simulate(rng, schools=10, effect=0.0) for _ in range(200)]
    p = np.array([trials.randomisation_test(d, draws=199, **GIVEN).p_value for d in data])
    # binomial: 200 × .2 = 40, standard deviation 5.7
    assert 22 <= (p <= 0.2).sum() <= 58


def test_randomisation_with_19_draws_cannot_fall_below_one_in_twenty(trial):
    large = trial.assign(post=trial["post"] + 50 * trial["arm"])
    found = trials.randomisation_test(large, draws=19, **GIVEN)
    assert found.p_value == 1 / 20


@pytest.mark.parametrize("given", [{}, {"cluster": None}, {"strata": "block"}])
@pytest.mark.parametrize("method", [trials.randomisation_test, trials.bootstrap])
def test_resampling_in_any_row_order_gives_the_same(rng, method, given):
    data = simulate(rng, by_pair=True)
    first = method(data, draws=199, **(GIVEN | given))
    again = method(data.sample(frac=1, random_state=4), draws=199, **(GIVEN | given))
    np.testing.assert_allclose(ends(again), ends(first), rtol=1e-9)
    other = method(data, draws=199, seed=1, **(GIVEN | given))
    assert other.std_error != first.std_error


def test_randomisation_with_three_arms_leaves_the_third(rng):
    data = simulate(rng, schools=9)
    data["arm"] = data["school"] % 3
    found = trials.randomisation_test(data, arm=1, **GIVEN)
    moved = [s for s in range(9) if s % 3 < 2]
    held = data.assign(third=(data["arm"] == 2) * 1.0, arm=(data["arm"] == 1) * 1)
    everything = itertools.combinations(moved, 3)
    assert found.p_value == by_force(held, everything, "school", columns=["pre", "third"])
    assert "all 20 allocations" in found.method


def test_randomisation_across_sites_draws_pupils_within_them(trial):
    sites = trial.assign(arm=np.arange(len(trial)) % 2)
    found = trials.randomisation_test(sites, draws=199, **GIVEN)
    assert "pupils drawn within school, 199 allocations" in found.method
    assert "pupils drawn within block and school" in (
        trials.randomisation_test(sites, draws=199, strata="block", **GIVEN).method
    )


def test_randomisation_replays_the_rule_given(rng):
    data = simulate(rng, schools=10)
    labels = data.assign(school="S" + data["school"].astype("str"))
    order = sorted(set(labels["school"]))
    every = np.array(
        [np.isin(range(10), chosen) for chosen in itertools.combinations(range(10), 5)]
    ).astype(int)

    def rule(rng, draws):
        return every[rng.integers(0, len(every), draws)]

    def framed(rng, draws):
        return pd.DataFrame(rule(rng, draws), columns=order)[order[::-1]]

    given = trials.randomisation_test(labels, allocation=rule, draws=4999, **GIVEN)
    exact = trials.randomisation_test(labels, **GIVEN)
    assert abs(given.p_value - exact.p_value) < 4 * np.sqrt(0.25 / 5000)
    assert "school drawn by rule, 4,999 allocations" in given.method
    again = trials.randomisation_test(labels, allocation=framed, draws=4999, **GIVEN)
    assert ends(again) == ends(given)


def test_randomisation_with_a_rule_of_pupils_takes_rows(trial):
    holes = trial.assign(post=trial["post"].where(np.arange(len(trial)) != 3))
    pupils = GIVEN | {"cluster": None}
    seen = []

    def rule(rng, draws):
        seen.append(draws)
        return rng.permuted(np.tile(holes["arm"], (draws, 1)), axis=1)

    found = trials.randomisation_test(holes, allocation=rule, draws=999, **pupils)
    usual = trials.randomisation_test(holes, draws=999, **pupils)
    assert sum(seen) == 999
    assert found.std_error == pytest.approx(usual.std_error, rel=0.1)


def test_randomisation_with_few_allocations_says_the_interval_has_no_end(rng):
    data = simulate(rng, schools=4)
    found = trials.randomisation_test(data, **GIVEN)
    assert np.isinf([found.ci_lower, found.ci_upper]).all()
    assert found.caveats[-1] == "too few different allocations for an interval of this level to end"


def test_randomisation_with_arms_decided_by_a_covariate_counts_as_extreme(rng):
    data = simulate(rng, schools=10)
    # a covariate constant by school: one allocation and its mirror image are its own
    data["urban"] = data["school"].isin([0, 1, 2, 3, 4]) * 1.0
    found = trials.randomisation_test(data, covariates=["urban"], **GIVEN)
    assert found.caveats == ("in 2 draws covariates decide the arms; they count as extreme",)


def test_randomisation_with_wrong_input_says_how_to_mend(trial):
    def refused(message, data=trial, method=trials.randomisation_test, **given):
        with pytest.raises(EvidenceError) as error:
            method(data, **(GIVEN | given))
        assert str(error.value) == message

    refused("draws is 0; a whole number from 1 on is needed", draws=0)
    refused("draws is 9.5; a whole number from 1 on is needed", draws=9.5)
    for method in (trials.randomisation_test, trials.bootstrap):
        refused("seed is -1; a whole number from 0 on is needed", method=method, seed=-1)
        refused("seed is 'a'; a whole number from 0 on is needed", method=method, seed="a")
    refused(
        "allocation: for 99 draws the rule failed with ZeroDivisionError; it is called as "
        "allocation(rng, draws)",
        allocation=lambda rng, draws: 1 // 0,
        draws=99,
    )
    refused("statistic is 'z'; allowed are difference, t", statistic="z")
    refused(
        "column 'year' varies within 'school', so that whole clusters cannot be drawn within it; "
        "give it in covariates= instead",
        trial.assign(year=np.arange(len(trial)) % 3),
        strata="year",
    )
    refused(
        "allocation: for 99 draws an array of 99 × 20 with 0 and 1 is needed, a column a cluster "
        "of data",
        allocation=lambda rng, draws: np.full((draws, 20), 2),
        draws=99,
    )
    refused(
        "allocation: for 99 draws an array of 99 × 20 with 0 and 1 is needed, a column a cluster "
        "of data",
        allocation=lambda rng, draws: pd.DataFrame(np.zeros((draws, 20)), columns=range(1, 21)),
        draws=99,
    )
    bootstrap = {"method": trials.bootstrap}
    refused("draws is 38; a whole number from 39 on is needed", draws=38, **bootstrap)
    refused(
        "column 'post' is explained exactly by what is in the model: no error can be estimated",
        trial.assign(post=2 * trial["pre"] + trial["arm"]),
        **bootstrap,
    )
    refused(
        "resample without cluster= is 'cluster'; allowed are pupil",
        cluster=None,
        resample="cluster",
        **bootstrap,
    )
    refused(
        "resample with cluster= is 'pupil'; allowed are cluster, within, both",
        resample="pupil",
        **bootstrap,
    )
    refused(
        "interval is 'bca'; allowed are studentised, percentile, basic", interval="bca", **bootstrap
    )
    refused(
        "model='multilevel' needs cluster= and takes no strata or weights here",
        model="multilevel",
        weights="weight",
        **bootstrap,
    )
    refused(
        "resample='both' needs two clusters an arm in every stratum; use 'cluster', which then "
        "draws whole strata",
        trial.assign(arm=trial["school"] % 2),
        strata="pair",
        resample="both",
        **bootstrap,
    )


@pytest.mark.parametrize("strata", [pytest.param(None, marks=pytest.mark.slow), "block"])
@pytest.mark.parametrize("weights", [pytest.param(None, marks=pytest.mark.slow), "weight"])
def test_regress_equals_least_squares_on_the_rows_drawn(rng, strata, weights):
    data = simulate(rng, by_pair=True)
    given = {k: v for k, v in GIVEN.items() if k != "cluster"}
    trial = read(data, cluster="school", strata=strata, weights=weights, **given)
    sample = sample_of(trial)
    units = Units.of(sample, "school")
    draw = units.draw(rng, 5)
    # every school a cell of its own: scores about zero, which is CR0
    alone = list(np.arange(20)[:, None])
    effects, errors = regress(sample.scale, units.groups, alone, draw)
    for counts, effect, error in zip(draw[0], effects, errors, strict=True):
        copies = [
            data[data["school"] == s].assign(school=f"{s}.{k}")
            for s, count in enumerate(counts.astype(int))
            for k in range(count)
        ]
        drawn = pd.concat(copies)
        found = trials.itt(drawn, cov_type="CR0", strata=strata, weights=weights, **GIVEN)
        np.testing.assert_allclose((effect, error), (found.estimate, found.std_error), rtol=1e-7)


def test_regress_takes_errors_within_the_cells_drawn_from(rng):
    """Without covariates and with schools of one size: √Σ w² s²/m over arms of blocks."""
    block, arm = np.repeat(np.arange(5), 8), np.tile([0, 0, 0, 1, 1, 1, 1, 1], 5)
    means = pd.DataFrame({"y": rng.normal(0, 1, 40), "arm": arm, "school": np.arange(40)})
    data = means.assign(block=block).loc[np.repeat(np.arange(40), 6)]
    given = {"outcome": "y", "treatment": "arm", "cluster": "school", "strata": "block"}
    trial = read(data, **given)
    units = Units.of(sample := sample_of(trial), "school")
    _, error = regress(sample.scale, units.groups, units.cells, units.real())
    spread = means.groupby([block, arm])["y"].agg(lambda y: y.var() / len(y))
    assert error[0] == pytest.approx(np.sqrt(spread.sum()) / 5, rel=1e-9)
    assert units.freedom == 10


@pytest.mark.slow
@pytest.mark.parametrize("cluster", ["class", None])
def test_bootstrap_of_small_cells_is_as_wide_as_the_robust_interval(rng, cluster):
    """Two classes (or pupils) an arm in each of 30 schools: once a quarter narrower than CR2's."""
    classes = np.repeat(np.arange(120), 15 if cluster else 1)
    data = pd.DataFrame({"class": classes, "school": classes // 4, "arm": classes % 2})
    given = {"outcome": "post", "treatment": "arm", "strata": "school", "cluster": cluster}
    ratios = []
    for _ in range(12):
        noise = rng.normal(0, 0.35, 120)[classes] + rng.normal(0, 0.9, len(classes))
        drawn = data.assign(post=rng.normal(0, 0.4, 30)[data["school"]] + noise)
        found = trials.bootstrap(drawn, draws=399, **given)
        size = trials.effect_size(drawn, **given)
        ratios.append((found.ci_upper - found.ci_lower) / (size.ci_upper - size.ci_lower))
    assert 0.95 < np.mean(ratios) < 1.15


@pytest.mark.parametrize("pupils", [False, True])
def test_bootstrap_of_very_few_units_is_refused_or_says_so(rng, pupils):
    data = simulate(rng)
    few = data[(data["arm"] == 0) | data["school"].isin(data.loc[data["arm"] == 1, "school"][:30])]
    what, given = "school", GIVEN
    if pupils:  # with scores such as these an interval of ± 819,195,951 was given
        few = pd.DataFrame({"post": [9.0, 12, 10, 14], "arm": [0, 1, 0, 1]})
        what, given = "pupils", {"outcome": "post", "treatment": "arm"}
    said = f"{what}: too few in an arm to bootstrap, where the interval would be too narrow"
    with pytest.raises(EvidenceError) as error:
        trials.bootstrap(few, draws=99, **given)
    assert str(error.value) == f"{said}. Use trials.effect_size or trials.randomisation_test"
    if not pupils:
        assert trials.bootstrap(few, draws=99, resample="cluster", **given).caveats[-1] == said


def test_one_pupil_in_the_wrong_arm_changes_neither_rule_nor_interval(shared):
    crt = pd.read_csv(shared / "data/trials/crtData.csv")
    wrong = crt.copy()
    wrong.loc[0, "Intervention"] = 1 - wrong.loc[0, "Intervention"]
    said = (
        "1 of 22 clusters of School has pupils of more than one arm: if whole clusters were "
        "allocated at random, give each pupil the arm of the cluster they were in at the time"
    )
    with pytest.raises(EvidenceError) as error:
        trials.randomisation_test(wrong, **PEER)
    assert str(error.value) == f"randomisation_test: {said}; else state the rule by allocation="
    found, sound = (trials.bootstrap(d, draws=1999, **PEER) for d in (wrong, crt))
    assert "studentised bootstrap of School" in found.method
    assert found.caveats == (said,)
    assert found.ci_upper - found.ci_lower > 0.9 * (sound.ci_upper - sound.ci_lower)
    pairs = simulate(np.random.default_rng(5), by_pair=True)
    pairs.loc[0, "arm"] = 1
    assert "of strata," in trials.bootstrap(pairs, draws=99, strata="pair", **GIVEN).method


def test_bootstrap_estimate_is_the_effect_size(trial):
    for given in (
        {},
        {"sd": "within"},
        {"model": "multilevel"},
        {"cluster_correction": True},
        {"small_sample": False},
    ):
        found = trials.bootstrap(trial, draws=99, **given, **GIVEN)
        size = trials.effect_size(trial, **given, **GIVEN)
        assert found.estimate == pytest.approx(size.estimate, rel=1e-9)
        assert found.icc == pytest.approx(size.icc)
    for given in ({"cluster": None}, {"strata": "block"}, {"weights": "weight"}):
        found = trials.bootstrap(trial, draws=99, **(GIVEN | given))
        size = trials.effect_size(trial, **(GIVEN | given))
        assert found.estimate == pytest.approx(size.estimate, rel=1e-9)


@pytest.mark.slow
def test_bootstrap_spread_matches_the_robust_error(rng):
    data = simulate(rng, schools=200)
    size = trials.effect_size(data, **GIVEN)
    for given in ({}, {"resample": "both"}):
        found = trials.bootstrap(data, draws=1999, **given, **GIVEN)
        # the pupils of "both" add their own variance a second time
        assert found.std_error == pytest.approx(size.std_error, rel=0.3 if given else 0.06)
        assert found.ci_upper - found.ci_lower == pytest.approx(
            size.ci_upper - size.ci_lower, rel=0.08
        )
    pupils = GIVEN | {"cluster": None}
    found = trials.bootstrap(data, draws=1999, **pupils)
    assert found.std_error == pytest.approx(trials.effect_size(data, **pupils).std_error, rel=0.06)


def test_bootstrap_draws_what_the_design_asks_for(rng):
    data = simulate(rng, by_pair=True)
    sites = data.assign(arm=np.arange(len(data)) % 2)

    def drawn(data, **given):
        return trials.bootstrap(data, draws=99, **(GIVEN | given)).method.partition(
            "bootstrap of "
        )[2]

    assert drawn(data) == "school, 99 draws"
    assert drawn(data, strata="block") == "school, 99 draws"
    assert drawn(data, strata="pair") == "strata, 99 draws"
    assert drawn(data, cluster=None) == "pupils, 99 draws"
    assert drawn(sites) == "school, 99 draws"
    assert drawn(sites, strata="school") == "strata, 99 draws"
    assert drawn(sites, resample="within") == "pupils within clusters, 99 draws"
    assert drawn(sites, resample="both") == "clusters and pupils within them, 99 draws"


@pytest.mark.slow
@pytest.mark.parametrize("interval", ["studentised", "percentile", "basic"])
def test_bootstrap_interval_and_p_value_agree(rng, interval):
    for _ in range(20):
        data = simulate(rng, schools=10, effect=rng.normal(0, 4))
        found = trials.bootstrap(data, draws=199, interval=interval, level=0.9, **GIVEN)
        assert (found.p_value <= 0.1 + 1e-12) == (not found.ci_lower <= 0 <= found.ci_upper)


@pytest.mark.slow
def test_moment_sd_moves_with_the_reml_one(trial):
    counts = Units.of(sample_of(t := read(trial, **GIVEN)), "school").draw(
        np.random.default_rng(1), 200
    )
    moment = np.sqrt(sum(counts[2]))
    groups = members(t.cluster)
    reml = []
    for draw in counts[0].astype(int):
        picked = np.repeat(np.arange(len(draw)), draw)
        rows = np.concatenate([groups[s] for s in picked])
        code = np.repeat(np.arange(len(picked)), [len(groups[s]) for s in picked])
        reml.append(null_model(t.outcome[rows], code).variance_total ** 0.5)
    assert np.corrcoef(moment, reml)[0, 1] > 0.99
    assert np.std(np.log(moment / reml)) < 0.01


def within_error(found, expected, what):
    """Compare with 1,000 draws of the peer: 4 Monte-Carlo standard errors of the two together.

    Of a mean sd/√n, of a standard deviation sd/√(2n), of a 2.5% point √(.025 × .975/n)/density,
    which for a normal distribution is 2.67 sd/√n; n = 1,000 there, and more here counts as 1,000.
    """
    sd = expected["sd"]
    share = {"mean": 1.0, "sd": 0.5**0.5, "q025": 2.67, "q975": 2.67}[what]
    assert abs(found - expected[what]) < 4 * sd * share * np.sqrt(2 / 1000), what


@pytest.mark.parametrize("sd", ["Within", "Total"])
def test_bootstrap_of_pupils_within_schools_equals_the_peer(shared, sd):
    expected = json.loads((shared / "reference/peer_crt_boot_case1.json").read_text())
    expected = expected["bootstrap"][f"unconditional_Intervention1.{sd}"]
    found = trials.bootstrap(
        pd.read_csv(shared / "data/trials/crtData.csv"),
        **PEER,
        resample="within",
        model="multilevel",
        small_sample=False,
        sd=sd.lower(),
        cluster_correction=sd == "Total",
    )
    within_error(found.std_error, expected, "sd")
    within_error(found.ci_lower, expected, "q025")
    within_error(found.ci_upper, expected, "q975")


@pytest.mark.slow
@pytest.mark.parametrize(("case", "pupils"), [("case2", False), ("case12", True)])
def test_peers_bootstrap_of_schools_merges_those_drawn_twice(shared, rng, case, pupils):
    """Reproduce its scheme: schools drawn whatever their arm, and one id for every copy."""
    expected = json.loads((shared / f"reference/peer_crt_boot_{case}.json").read_text())
    expected = expected["bootstrap"]["unconditional_Intervention1.Within"]
    data = pd.read_csv(shared / "data/trials/crtData.csv")
    trial = read(data, **PEER)
    fit = trials.multilevel(data, **PEER)
    sample = sample_of(trial, fit.variance_between / fit.variance_within)
    groups = members(trial.cluster)
    rows = np.column_stack([sample.crossed, sample.outcome, sample.outcome**2])
    sums, sizes = np.zeros((4000, 22, rows.shape[1])), np.zeros((4000, 22))
    for draw in range(4000):
        for school in rng.integers(0, 22, 22):
            took = rng.choice(groups[school], len(groups[school])) if pupils else groups[school]
            sums[draw, school] += rows[took].sum(axis=0)
            sizes[draw, school] += len(took)
    n = np.maximum(sizes, 1)
    between = (sums[..., -2] ** 2 / n).sum(axis=1)
    parts = variances(
        (sizes > 0).sum(axis=1),
        sizes.sum(axis=1),
        (sizes**2).sum(axis=1),
        sums[..., -2].sum(axis=1),
        between,
        sums[..., -1].sum(axis=1) - between,
    )
    moments = sample.shrunk(sums[..., :-2], sizes)
    schools = [np.arange(22)]
    draws = (np.ones((4000, 22)), moments, parts)
    effects, _ = regress(sample.scale, schools, schools, draws)
    sizes = effects / np.sqrt(parts[1])
    within_error(sizes.mean(), expected, "mean")
    within_error(sizes.std(), expected, "sd")
    within_error(np.quantile(sizes, 0.025), expected, "q025")
    within_error(np.quantile(sizes, 0.975), expected, "q975")


def test_peers_residual_bootstrap_agrees_with_clusters_and_pupils_drawn(shared):
    """No residual scheme here: drawing schools has the same spread, to a tenth (22 schools)."""
    expected = json.loads((shared / "reference/peer_crt_boot_residual.json").read_text())
    expected = expected["bootstrap"]["unconditional_Intervention1.Total"]["sd"]
    data = pd.read_csv(shared / "data/trials/crtData.csv")
    given = {"model": "multilevel", "small_sample": False, "cluster_correction": True}
    assert trials.bootstrap(data, **PEER, **given).std_error == pytest.approx(expected, rel=0.1)


def test_permutation_of_pupils_equals_the_peer(shared):
    expected = json.loads((shared / "reference/peer_srt_perm.json").read_text())["permutation"]
    expected = expected["unconditional_Intervention1"]
    data = pd.read_csv(shared / "data/trials/mstData.csv")
    given = PEER | {"cluster": None}
    found = trials.randomisation_test(data, **given)
    both = np.sqrt(expected["mc_se"] ** 2 + found.p_value * (1 - found.p_value) / 9999)
    assert abs(found.p_value - expected["p_plus1"]) < 4 * both
    # its draws are effect sizes under no effect; our std_error is the same once the effect is gone
    size = trials.effect_size(data, **given).estimate / found.estimate
    assert found.std_error * size == pytest.approx(expected["sd"], rel=4 / np.sqrt(2000))


@pytest.mark.slow
def test_resampling_keeps_memory_bounded(rng):
    data = simulate(rng, schools=400)
    tracemalloc.start()
    trials.randomisation_test(data, **GIVEN)
    trials.bootstrap(data, **GIVEN)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 150e6
