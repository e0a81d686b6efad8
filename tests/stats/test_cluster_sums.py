"""Sums by cluster, however the columns are stored, against the plain formula."""

import numpy as np
import pytest

from evidence.stats.cluster_sums import cross_products, predictions
from evidence.stats.design import Coded, Columns, block

CLUSTERS = 7


def table(rng, n, *, singles=2, missing=False):
    """Return columns as blocks, and written out."""
    flag, year = rng.random(n) < 0.3, rng.integers(2010, 2016, n).astype(np.int16)
    level = rng.integers(-1 if missing else 0, 3, n).astype(np.int8)
    levels = np.column_stack([np.eye(3), np.full(3, 9.0 if missing else np.nan)])
    numbers = rng.normal(size=(n, singles))
    blocks = [lambda rows: numbers[rows].T, block(flag), block(year), Coded(level, levels[1:])]
    plain = np.column_stack([numbers, flag, year, levels[1:].T[level]])
    return Columns(blocks, plain.shape), plain


@pytest.mark.parametrize("n", [20, 3_000])
@pytest.mark.parametrize("singles", [0, 2, 14])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("missing", [False, True])
def test_sums_are_those_of_the_columns_written_out(rng, n, singles, weighted, missing):
    columns, plain = table(rng, n, singles=singles, missing=missing)
    rows = rng.permutation(np.arange(n) % CLUSTERS)
    weights = rng.integers(0, 4, n).astype(float) if weighted else None
    w = np.ones(n) if weights is None else weights
    expected = [
        (plain[rows == own] * w[rows == own, None]).T @ plain[rows == own]
        for own in range(CLUSTERS)
    ]
    np.testing.assert_allclose(columns[:], plain)
    np.testing.assert_allclose(cross_products(rows, columns, weights), expected, atol=1e-8)
    np.testing.assert_allclose(cross_products(rows, plain, weights), expected, atol=1e-8)
    coefficients = rng.normal(size=(CLUSTERS, plain.shape[1]))
    by_hand = (plain * coefficients[rows]).sum(axis=1)
    np.testing.assert_allclose(predictions(rows, columns, coefficients), by_hand, atol=1e-9)


@pytest.mark.parametrize("kind", ["bool", "int8", "uint8", "int64", "float64"])
def test_a_column_is_the_same_however_it_is_stored(rng, kind):
    values = rng.integers(0, 2, 50).astype(kind)
    columns = Columns([block(values)], (50, 1))
    np.testing.assert_array_equal(columns[:][:, 0], values.astype(float))
    assert isinstance(columns.blocks[0], Coded) == (kind != "float64")


def test_numbers_far_apart_are_no_codes():
    assert not isinstance(block(np.array([0, 1_000])), Coded)
    ends = np.array([-128, -127], np.int8)
    assert block(ends)(slice(None)).tolist() == [[-128, -127]]
