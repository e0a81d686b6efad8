"""Programmes that nobody randomised: who took part, what changed, and what else it might be."""

from __future__ import annotations

from evidence.methods.did import did, effect_size, event_study
from evidence.methods.discontinuity import discontinuity
from evidence.methods.overlap import cohort, exposure, gaps, participation, school_means
from evidence.methods.past import given_past, rebound
from evidence.methods.paths import randomisation_test
from evidence.methods.sensitivity import sensitivity
from evidence.methods.staggered import staggered, two_way_bias
from evidence.methods.trends import honest, pre_trend
from evidence.methods.unseen import before_start, e_value, oster
from evidence.methods.wild import wild_bootstrap

__all__ = [
    "before_start",
    "cohort",
    "did",
    "discontinuity",
    "e_value",
    "effect_size",
    "event_study",
    "exposure",
    "gaps",
    "given_past",
    "honest",
    "oster",
    "participation",
    "pre_trend",
    "randomisation_test",
    "rebound",
    "school_means",
    "sensitivity",
    "staggered",
    "two_way_bias",
    "wild_bootstrap",
]
