"""Probabilities of ranks: exact for two, as simulated for four, and never a certainty."""

import math

import numpy as np
import pytest
from scipy.stats import norm

from evidence import synthesis
from evidence.errors import EvidenceError


def shares(found):
    return found.table.pivot_table("probability", "name", "rank")


def test_two_normals_are_ordered_by_their_difference():
    found = shares(synthesis.ranks({"a": (0.2, 0.1), "b": (0.1, 0.3)}))
    above = norm.cdf(0.1 / math.hypot(0.1, 0.3))
    np.testing.assert_allclose(found, [[above, 1 - above], [1 - above, above]], atol=2e-4)


def test_four_as_simulated(rng):
    given = {"a": (0.2, 0.1), "b": (0.1, 0.2), "c": (0.15, 0.02), "d": (-0.3, 0.5)}
    found = shares(synthesis.ranks(given))
    drawn = np.column_stack([rng.normal(mean, sd, 200_000) for mean, sd in given.values()])
    rank = (-drawn).argsort(axis=1).argsort(axis=1)
    expected = [[(rank[:, i] == r).mean() for r in range(4)] for i in range(4)]
    np.testing.assert_allclose(found, expected, atol=0.005)
    np.testing.assert_allclose(found.sum(axis=0), 1, atol=2e-3)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-12)


def test_posteriors_are_ranked_and_the_sentence_is_not_sure():
    beliefs = {
        name: synthesis.posterior([effect], [0.1], prior_sd=0.15)
        for name, effect in (("Quizzes", 0.2), ("Texts", 0.15), ("Clubs", -0.2))
    }
    found = synthesis.ranks(beliefs)
    assert found.best.index[0] == "Quizzes"
    assert found.sentence() == (
        f"Quizzes is the most likely to have the largest effect ({100 * found.best.iloc[0]:.0f}%); "
        f"that is not sure: Texts ({100 * found.best.iloc[1]:.0f}%)."
    )


@pytest.mark.parametrize(
    ("beliefs", "said"),
    [
        ({"a": (0.1, 0.1)}, "beliefs: 1 name; ranks need two"),
        ({"a": (0.1, 0.1), "b": (0.1, 0)}, "beliefs, 'b': a standard deviation above 0 is needed"),
    ],
)
def test_what_cannot_be_ranked_is_one_line(beliefs, said):
    with pytest.raises(EvidenceError) as error:
        synthesis.ranks(beliefs)
    assert str(error.value) == said
