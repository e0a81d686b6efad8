"""Results and context before the start."""

import numpy as np

import evidence as ev

from .simulated import MODEL


def test_before_start_takes_the_weights_as_context_too(low_panel):
    names = {k: v for k, v in MODEL.items() if k != "overlap"} | {"covariates": ["fsm", "n"]}
    before = ev.impact.before_start(low_panel, **names)
    np.testing.assert_allclose(np.log(before["n"]), before["log n"])
