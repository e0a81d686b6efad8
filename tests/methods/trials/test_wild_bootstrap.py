"""The wild cluster bootstrap against refitting, its interval, and what it refuses."""

import itertools

import numpy as np
import pandas as pd
import pytest

from evidence import impact, trials
from evidence.errors import EvidenceError

TRIAL = {"outcome": "post", "treatment": "arm", "baseline": "pre", "cluster": "school"}
PANEL = {"outcome": "pct", "treatment": "lamp", "unit": "urn", "time": "year"}


@pytest.fixture
def trial(rng):
    """Return 8 schools of unlike size, 4 of them treated."""
    school = np.repeat(np.arange(8), rng.integers(5, 30, 8))
    pre = rng.normal(size=len(school))
    frame = pd.DataFrame({"school": school, "arm": school % 2, "pre": pre})
    frame["post"] = pre + rng.normal(0, 1, 8)[school] + rng.normal(size=len(school)) + frame["arm"]
    return frame


@pytest.fixture
def panel(rng):
    """Return 24 schools in five years, 10 treated from 2018 on, a row missing."""
    urn, year = np.repeat(np.arange(24), 5), np.tile(np.arange(2015, 2020), 24)
    frame = pd.DataFrame({"urn": urn, "year": year, "lamp": ((urn < 10) & (year > 2017)) * 1})
    frame["n"], frame["federation"] = rng.integers(10, 60, 120), urn // 3
    frame["pct"] = rng.normal(60, 8, 24)[urn] + rng.normal(0, 4, 120) + 3 * frame["lamp"]
    return frame.drop(index=7).reset_index(drop=True)


def t_by_hand(columns, weights, y, cluster):
    """Return the CR0 t of the last column."""
    inverse = np.linalg.pinv(columns.T @ (weights[:, None] * columns))
    beta = inverse @ columns.T @ (weights * y)
    scores = np.bincount(cluster, (columns @ inverse[-1]) * weights * (y - columns @ beta))
    return beta[-1] / np.sqrt((scores**2).sum())


def p_by_hand(columns, weights, y, cluster, effect):
    """Return the exact p-value against an effect: every combination of signs, one fit each."""
    y = y - effect * columns[:, -1]
    root = np.sqrt(weights)
    null = columns[:, :-1]
    fitted = null @ np.linalg.lstsq(root[:, None] * null, root * y, rcond=None)[0]
    observed = abs(t_by_hand(columns, weights, y, cluster))
    signs = np.array(list(itertools.product([1, -1], repeat=cluster.max() + 1)))
    drawn = [
        t_by_hand(columns, weights, fitted + s[cluster] * (y - fitted), cluster) for s in signs
    ]
    return np.mean(np.abs(drawn) >= observed * (1 - 1e-9))


def test_wild_bootstrap_of_few_clusters_is_every_combination_of_signs(trial):
    found = trials.wild_bootstrap(trial, **TRIAL)
    columns = np.column_stack([np.ones(len(trial)), trial["pre"], trial["arm"]])
    given = (columns, np.ones(len(trial)), trial["post"].to_numpy(), trial["school"].to_numpy())
    assert found.p_value == pytest.approx(p_by_hand(*given, 0.0))
    width = found.ci_upper - found.ci_lower
    for end, out in ((found.ci_lower, -1), (found.ci_upper, 1)):
        assert p_by_hand(*given, end - out * 1e-6 * width) > 0.05
        assert p_by_hand(*given, end + out * 1e-6 * width) <= 0.05
    assert found.method == (
        "OLS, wild cluster bootstrap by school (WCR11, rademacher, all 256 combinations of ±1); "
        "interval by test inversion"
    )
    assert found.caveats == (
        "one side has only 4 clusters: this test then hardly ever finds anything; see the "
        "randomisation test",
    )
    plain = trials.itt(trial, cov_type="CR1", **TRIAL)
    assert found.std_error == pytest.approx(plain.std_error)


@pytest.mark.parametrize("cluster", [None, "federation"])
def test_wild_bootstrap_of_did_equals_refitting_with_all_dummies(panel, cluster):
    """Federations are 8, so that all 256 combinations are taken; 24 schools are drawn."""
    found = impact.wild_bootstrap(panel, weights="n", cluster=cluster, draws=2999, **PANEL)
    plain = impact.did(panel, weights="n", cluster=cluster, cov_type="CR1", **PANEL)
    assert found.estimate == pytest.approx(plain.estimate, rel=1e-9)
    assert found.std_error == pytest.approx(plain.std_error, rel=1e-9)
    assert (found.n_treated, found.n_control) == (plain.n_treated, plain.n_control)
    if cluster is None:
        assert "2,999 draws" in found.method
        return
    dummies = pd.get_dummies(panel[["urn", "year"]].astype("str")).to_numpy(float)
    columns = np.column_stack([dummies, panel["lamp"]])
    given = (columns, panel["n"].to_numpy(float), panel["pct"].to_numpy())
    assert found.p_value == pytest.approx(
        p_by_hand(*given, panel["federation"].to_numpy(), 0.0), abs=1e-12
    )


def test_wild_bootstrap_with_webb_signs_draws_from_six_values(panel):
    webb = impact.wild_bootstrap(panel, signs="webb", draws=19_999, **PANEL)
    plain = impact.wild_bootstrap(panel, draws=19_999, **PANEL)
    assert webb.p_value == pytest.approx(plain.p_value, abs=0.01)
    assert webb.p_value != plain.p_value
    again = impact.wild_bootstrap(panel.sample(frac=1, random_state=3), draws=19_999, **PANEL)
    assert again.p_value == plain.p_value
    assert (again.ci_lower, again.ci_upper) == pytest.approx((plain.ci_lower, plain.ci_upper))


def test_wild_bootstrap_with_wrong_input_is_refused(trial, panel):
    def refused(message, call, data, **given):
        with pytest.raises(EvidenceError) as error:
            call(data, **given)
        assert str(error.value) == message

    refused(
        "signs is 'mammen'; allowed are rademacher, webb",
        trials.wild_bootstrap,
        trial,
        signs="mammen",
        **TRIAL,
    )
    refused(
        "draws is 50; a whole number from 99 on is needed",
        impact.wild_bootstrap,
        panel,
        draws=50,
        **PANEL,
    )
    refused(
        "column 'pct' is explained exactly by what is in the model: no error can be estimated",
        impact.wild_bootstrap,
        panel.assign(pct=panel["urn"] + panel["year"] + 4.0 * panel["lamp"]),
        **PANEL,
    )


def test_wild_bootstrap_of_very_few_clusters_has_no_end(trial):
    found = trials.wild_bootstrap(trial[trial["school"] < 4], **TRIAL)
    assert (found.ci_lower, found.ci_upper) == (-np.inf, np.inf)
    assert found.p_value >= 2 / 16
    assert found.caveats[-1] == "too few different draws for an interval of this level to end"
