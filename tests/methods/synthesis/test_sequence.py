"""Looking after each trial: the always-valid interval holds, and closes in on an effect."""

import numpy as np
import pytest

from evidence import synthesis
from evidence.errors import EvidenceError


def looks(y, error):
    table = synthesis.confidence_sequence(y, error).to_frame()
    return [
        ((table[f"{which}_lower"] > 0) | (table[f"{which}_upper"] < 0)).any()
        for which in ("ci", "ordinary")
    ]


@pytest.mark.parametrize(
    ("tau", "programmes"), [(0.2, 30), *(pytest.param(t, 300, marks=pytest.mark.slow)
                                         for t in (0.0, 0.1, 0.4))]
)  # fmt: skip
def test_confidence_sequence_holds_at_all_looks(tau, programmes):
    """Ordinary intervals, looked at 25 times, exclude the truth in a quarter of programmes."""
    ever = np.zeros(2)
    for seed in range(programmes):
        rng = np.random.default_rng([int(10 * tau), seed])
        error = rng.uniform(0.07, 0.2, 25)
        ever += looks(rng.normal(0, np.hypot(error, tau)), error)
    assert ever[0] <= 0.05 * programmes
    assert ever[1] >= 0.12 * programmes


def test_confidence_sequence_closes_in_on_an_effect(rng):
    error = np.full(40, 0.1)
    found = synthesis.confidence_sequence(rng.normal(0.15, 0.1, 40), error)
    last = found.to_frame().iloc[-1]
    assert 0 < last["ci_lower"] < 0.15 < last["ci_upper"] < 0.3
    assert found.sentence().startswith("After 40 trials: +0.1")
    assert found.to_frame()["ci_lower"].is_monotonic_increasing


def test_one_result_by_hand():
    """With τ and the mixture over it negligible: |μ − y| < √(2 (log 20 + log of the Bayes factor)).

    A τ as large as it likes widens that, so the interval is never narrower.
    """
    y, v, expected = 0.3, 0.01, 0.2
    (row,) = synthesis.confidence_sequence([y], [0.1], expected=expected).to_frame().itertuples()
    mixed = -0.5 * (np.log(v + expected**2) + y**2 / (v + expected**2))
    least = np.sqrt(2 * v * (-0.5 * np.log(v) - mixed + np.log(20)))
    assert row.ci_lower < y - least
    assert row.ci_upper > y + least
    # density of the mean farthest away: some τ² puts y one standard deviation from it
    far = row.ci_upper - y
    assert np.exp(-0.5) / far * 20 == pytest.approx(np.exp(mixed), rel=0.2)


def test_order_of_the_last_two_changes_only_what_lies_between(rng):
    y, error = rng.normal(0.1, 0.1, 6), rng.uniform(0.05, 0.2, 6)
    turned = [0, 1, 2, 3, 5, 4]
    first, second = (
        synthesis.confidence_sequence(y[o], error[o]).to_frame().iloc[-1]
        for o in (range(6), turned)
    )
    assert first["estimate"] == pytest.approx(second["estimate"])
    assert first["ordinary_lower"] == pytest.approx(second["ordinary_lower"])


def test_the_last_ordinary_interval_is_that_of_pool(rng):
    y, error = rng.normal(0.1, 0.2, 8), rng.uniform(0.05, 0.2, 8)
    last, pooled = (
        synthesis.confidence_sequence(y, error).to_frame().iloc[-1],
        synthesis.pool(y, error),
    )
    assert last["ordinary_lower"] == pytest.approx(pooled.ci_lower)
    assert last["estimate"] == pytest.approx(pooled.estimate)


def test_expected_is_above_zero():
    with pytest.raises(EvidenceError, match="expected is 0; a number above 0 is needed"):
        synthesis.confidence_sequence([0.1], [0.1], expected=0)
