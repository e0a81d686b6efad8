"""Similar pupils and similar schools: what they achieve, and who may stand in for those treated."""

from __future__ import annotations

from evidence.methods.expectation import deviations, expected, school_results
from evidence.methods.lagged import expected_schools
from evidence.methods.matched import balance
from evidence.methods.neighbours import nearest
from evidence.methods.weighting import balance_weights, coarsened, effective_size

__all__ = [
    "balance",
    "balance_weights",
    "coarsened",
    "deviations",
    "effective_size",
    "expected",
    "expected_schools",
    "nearest",
    "school_results",
]
