"""Strategies as moderators over schools, and what board members believed."""

import numpy as np
import pytest

from evidence import synthesis
from evidence.errors import EvidenceError


@pytest.fixture
def schools(rng):
    used = {name: rng.integers(0, 2, 80) for name in ("Feedback", "Setting", "Tutoring")}
    error = rng.uniform(0.08, 0.15, 80)
    return 0.05 + 0.2 * used["Feedback"] + rng.normal(0, error), error, used


def test_what_worked_is_found_and_set_beside_beliefs(schools):
    believed = {"Feedback": 0.1, "Setting": 0.6, "Tutoring": 0.3}
    found = synthesis.strategies(*schools, believed=believed)
    table = found.to_frame().set_index("strategy")
    assert table["p_best"].idxmax() == "Feedback"
    assert table["p_best"].sum() == pytest.approx(1, abs=2e-3)
    pooled = synthesis.pool(*schools[:2], moderators=schools[2]).coefficients.iloc[1:]
    np.testing.assert_allclose(table["estimate"], pooled["estimate"])
    assert table.loc["Feedback", "n_schools"] == schools[2]["Feedback"].sum()
    # two of three pairs are surely not as believed, the third is open
    assert found.agreement < 0.35
    assert found.sentence().startswith("Feedback most likely did most (+0.")
    assert "Setting was believed to" in found.sentence()


def test_beliefs_that_are_right_agree(schools):
    right = synthesis.strategies(*schools, believed={"Feedback": 2, "Setting": 1, "Tutoring": 1})
    assert right.agreement > 0.99
    alike = synthesis.strategies(*schools, believed=dict.fromkeys(schools[2], 1))
    assert np.isnan(alike.agreement)


def test_one_strategy_alone_is_compared_with_none(schools):
    found = synthesis.strategies(*schools[:2], {"Feedback": schools[2]["Feedback"]})
    assert found.to_frame()["p_best"].tolist() == [1.0]
    assert found.sentence().endswith("among schools that chose for themselves.")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"used": {"Feedback": [1] * 80}}, "used, 'Feedback': 1 and 0 (or shares) are needed, and "
         "schools that differ in it"),
        ({"used": {"Feedback": [2, 0] * 40}}, "used, 'Feedback': 1 and 0 (or shares) are needed, "
         "and schools that differ in it"),
        ({"believed": {"Feedbak": 1}}, "believed: no 'Feedback'; did you mean 'Feedbak'?"),
    ],
)  # fmt: skip
def test_strategies_that_cannot_be_compared_are_one_line(schools, change, said):
    y, error, used = schools
    given = {"used": {"Feedback": used["Feedback"]}} | change
    with pytest.raises(EvidenceError) as fault:
        synthesis.strategies(y, error, given.pop("used"), **given)
    assert str(fault.value) == said
