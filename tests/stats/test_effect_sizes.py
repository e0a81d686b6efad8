"""WWC's correction for clusters; Hedges' g itself is in tests/reference."""

import numpy as np
import pytest

from evidence import effects
from evidence.errors import EvidenceError


def test_cluster_correction_of_the_worked_case():
    h, gamma = effects.wwc_cluster_correction(100, 5, 0.1)
    assert (round(h, 2), round(gamma, 5)) == (94.40, 0.99184)


def test_cluster_correction_of_single_pupils_is_none():
    assert effects.wwc_cluster_correction(100, 1, 0.0) == pytest.approx((98, 1))


def test_wwc_effect_size_shrinks_and_widens():
    sizes = {"n_treated": 50, "n_control": 50, "cluster_size": 5, "icc": 0.1}
    found = effects.wwc_effect_size(0.3, **sizes)
    h, gamma = effects.wwc_cluster_correction(100, 5, 0.1)
    omega = 1 - 3 / (4 * h - 1)
    assert found.estimate == pytest.approx(omega * 0.3 * np.sqrt(gamma))
    error = omega * np.sqrt(0.04 * 1.4 + 0.09 * gamma / (2 * h))
    assert (found.std_error, found.df) == pytest.approx((error, h))
    adjusted = effects.wwc_effect_size(0.3, adjusted=True, **sizes)
    assert adjusted.estimate == found.estimate
    assert adjusted.std_error < found.std_error


def test_cluster_correction_of_impossible_sizes_is_refused():
    with pytest.raises(EvidenceError) as error:
        effects.wwc_cluster_correction(100, 60, 0.1)
    assert str(error.value) == (
        "wwc_cluster_correction: n_pupils=100, cluster_size=60, icc=0.1; 3 pupils or more, two "
        "clusters or more and an icc from 0 to 1 are needed"
    )
