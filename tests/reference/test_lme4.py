"""R's lme4 1.1-31 and lmerTest 3.1-3, and eefAnalytics 1.1.5 (../shared/reference)."""

import json

import numpy as np
import pandas as pd
import pytest

from evidence import trials
from evidence.stats.mixed_model import random_intercept

CASES = {
    "lme4_crtData_null": ("crtData.csv", "Posttest", "School", {}),
    "lme4_crtData_ri": (
        "crtData.csv",
        "Posttest",
        "School",
        {"Intervention": "Intervention", "Prettest": "Prettest"},
    ),
    "lme4_exam_null": ("Exam.csv.gz", "normexam", "school", {}),
    "lme4_exam_ri": (
        "Exam.csv.gz",
        "normexam",
        "school",
        {
            "standLRT": "standLRT",
            "sexM": "sex == 'M'",
            "schgendboys": "schgend == 'boys'",
            "schgendgirls": "schgend == 'girls'",
        },
    ),
    "lme4_star_k_math": (
        "star.csv.gz",
        "math",
        "sch",
        {"cltypesmall": "cltype == 'small'", "cltypereg+A": "cltype == 'reg+A'"},
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_random_intercept_equals_lme4(shared, name):
    file, outcome, cluster, terms = CASES[name]
    expected = json.loads((shared / "reference" / f"{name}.json").read_text())
    data = pd.read_csv(shared / "data/trials" / file, low_memory=False)
    if "star" in file:
        data = data[(data["gr"] == "K") & data["math"].notna()]
    columns = [data.eval(term).to_numpy(float) for term in terms.values()]
    fit = random_intercept(
        data[outcome].to_numpy(float),
        np.array(columns).reshape(len(columns), len(data)).T,
        pd.factorize(data[cluster])[0],
    )
    fixed = [expected["fixed"][term] for term in ("(Intercept)", *terms)]
    # lme4 stops a little short of the optimum: 1e-5 is the promise, about 1e-7 is reached.
    np.testing.assert_allclose(fit.coefficients, [f["estimate"] for f in fixed], rtol=1e-5)
    np.testing.assert_allclose(fit.std_errors, [f["se"] for f in fixed], rtol=1e-5)
    np.testing.assert_allclose(fit.df, [f["df_satterthwaite"] for f in fixed], rtol=1e-5)
    np.testing.assert_allclose(
        (fit.variance_between, fit.variance_within),
        [part["vcov"] for part in expected["variance_components"]],
        rtol=1e-5,
    )
    np.testing.assert_allclose(fit.icc, expected["ICC"], rtol=1e-5)


GIVEN = {
    "outcome": "Posttest",
    "treatment": "Intervention",
    "cluster": "School",
    "model": "multilevel",
    "small_sample": False,  # eefAnalytics has no J for clusters
}


@pytest.mark.parametrize(("case", "baseline"), [("2arm", "Prettest"), ("nocov", None)])
def test_effect_size_of_clusters_equals_eefanalytics(shared, case, baseline):
    expected = json.loads((shared / "reference" / f"peer_crt_{case}.json").read_text())
    sizes = expected["full_precision"]["Unconditional"]["ES"]["Intervention1"]
    data = pd.read_csv(shared / "data/trials/crtData.csv")
    total = trials.effect_size(data, baseline=baseline, cluster_correction=True, **GIVEN)
    within = trials.effect_size(data, baseline=baseline, sd="within", **GIVEN)
    np.testing.assert_allclose(total.estimate, sizes["Total"]["Estimate"], rtol=1e-6)
    np.testing.assert_allclose(within.estimate, sizes["Within"]["Estimate"], rtol=1e-6)
    np.testing.assert_allclose(total.icc, 0.25105857564792, rtol=1e-6)


def test_effect_size_of_pupils_equals_eefanalytics(shared):
    expected = json.loads((shared / "reference" / "peer_srt_2arm.json").read_text())
    data = pd.read_csv(shared / "data/trials/mstData.csv")
    found = trials.effect_size(
        data, outcome="Posttest", treatment="Intervention", baseline="Prettest"
    )
    size = expected["full_precision"]["Unconditional"]["ES"]["Intervention1"]["Estimate"]
    np.testing.assert_allclose(found.estimate, size, rtol=1e-9)
