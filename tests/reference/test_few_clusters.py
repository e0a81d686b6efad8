"""Every way of inference on eefAnalytics' `crtData` (22 schools): the same OLS, seven answers."""

import pandas as pd
import pytest
from scipy.stats import norm, t

from evidence import trials

GIVEN = {"outcome": "Posttest", "treatment": "Intervention", "baseline": "Prettest"}


@pytest.fixture(scope="module")
def crt(shared):
    return pd.read_csv(shared / "data/trials/crtData.csv")


def test_inference_on_crtdata_gives_the_published_table(crt):
    def by(kind, **given):
        return trials.itt(crt, cov_type=kind, **GIVEN, **given)

    naive = by("classical")
    assert (round(naive.estimate, 3), round(naive.std_error, 3)) == (3.024, 0.547)
    assert naive.p_value == pytest.approx(8e-8, rel=0.1)
    # CR1S and CR1 differ by (n − 1)/(n − p): statsmodels and pyfixest use the former.
    cr1 = by("CR1S", cluster="School")
    assert round(cr1.std_error, 3) == 1.330
    assert round(2 * norm.sf(abs(cr1.statistic)), 3) == 0.023
    assert round(2 * t.sf(abs(cr1.statistic), 21), 4) == 0.0336
    cr2 = by("CR2", cluster="School")
    assert (round(cr2.std_error, 3), round(cr2.df, 1), round(cr2.p_value, 4)) == (
        1.463,
        11.7,
        0.0615,
    )
    # pyfixest puts the factors of CR1S on its CRV3 as well; clubSandwich puts none on CR3.
    crv3 = by("CR3", cluster="School")
    error = crv3.std_error * (22 / 21 * 264 / 262) ** 0.5
    assert round(error, 3) == 1.704
    assert round(2 * t.sf(crv3.estimate / error, 21), 4) == 0.0904
    wild = trials.wild_bootstrap(crt, cluster="School", draws=9999, **GIVEN)
    # Monte Carlo: 3 standard errors of the difference of two runs of 9,999 draws
    assert wild.p_value == pytest.approx(0.0685, abs=3 * (2 * 0.0685 * 0.9315 / 9999) ** 0.5)
    assert wild.std_error == pytest.approx(by("CR1", cluster="School").std_error)
