"""Regressions from sums by cluster against those from rows, and clubSandwich's numbers."""

import json

import numpy as np
import pandas as pd
import pytest

from evidence.errors import EvidenceError
from evidence.stats import cluster_sums, covariance, design
from evidence.stats.compressed import Compressed


@pytest.mark.parametrize("clusters", [8, 400])
@pytest.mark.parametrize("size", [1, 3, 40])
def test_regress_equals_the_regression_of_the_rows(rng, clusters, size):
    cluster = rng.permutation(np.repeat(np.arange(clusters), size))
    n = len(cluster)
    columns = rng.normal(size=(n, 5)) + 3 * rng.normal(size=(clusters, 5))[cluster] + 1000
    if n <= 10:
        columns = columns[:, :4]
    others = list(range(1, columns.shape[1] - 2))
    interest = [columns.shape[1] - 2, columns.shape[1] - 1]
    estimate, found = Compressed.of(columns, cluster).regress(0, others, interest)
    made = design.design(columns[:, interest], columns[:, others])
    expected, residuals = made.fit(columns[:, 0])
    rows = covariance.robust(made, residuals, cluster)
    np.testing.assert_allclose(estimate, expected, rtol=1e-9)
    np.testing.assert_allclose(found.covariance, rows.covariance, rtol=1e-8)
    np.testing.assert_allclose(found.df, rows.df, rtol=1e-8)
    np.testing.assert_allclose(found.joint_df, rows.joint_df, rtol=1e-8)


def test_regress_on_crtdata_equals_clubsandwich(shared):
    expected = json.loads((shared / "reference/crve_crtData.json").read_text())
    data = pd.read_csv(shared / "data/trials/crtData.csv")
    columns = data[["Posttest", "Prettest", "Intervention"]].to_numpy(float)
    estimate, found = Compressed.of(columns, data["School"].to_numpy()).regress(0, [1], [2])
    known = expected["CR2"]["Intervention"]
    np.testing.assert_allclose(
        (estimate[0], found.std_error[0], found.df[0]),
        (expected["ols"]["Intervention"]["estimate"], known["se"], known["df_satterthwaite"]),
        rtol=1e-9,
    )


@pytest.mark.parametrize("power", [-0.5, -1.0])
def test_gains_by_series_equal_those_by_eigenvalues(rng, power):
    rows = rng.normal(size=(30, 4, 3)) * np.sqrt(rng.uniform(1e-6, 0.004, 30))[:, None, None]
    gram = rows.swapaxes(1, 2) @ rows
    right = rng.normal(size=(3, 2))
    assert (np.trace(gram, axis1=1, axis2=2) < 0.05).sum() > 5
    values, vectors = np.linalg.eigh(np.eye(3) - gram)
    expected = (vectors * values[:, None, :] ** power) @ vectors.swapaxes(1, 2) @ right
    np.testing.assert_allclose(cluster_sums.gains(gram, right, power)[0], expected, rtol=1e-13)


def test_regress_with_a_column_twice_or_a_cluster_alone_is_refused(rng):
    cluster = np.arange(60) // 6
    x = rng.normal(size=60)
    only = np.where(cluster == 0, rng.normal(size=60), 0.0)
    made = Compressed.of(np.column_stack([rng.normal(size=60), x, 2 * x, only]), cluster)
    with pytest.raises(EvidenceError, match="explained by the others"):
        made.regress(0, [1], [2])
    with pytest.raises(EvidenceError, match="alone decides"):
        made.regress(0, [1], [3])
    with pytest.raises(EvidenceError, match="explained exactly"):
        made.regress(1, [], [2])
