"""Coarsened exact matching."""

import numpy as np
import pandas as pd

from evidence import matching

from ..refusal import assert_refused


def test_coarsened_weights_cells_as_the_treated():
    data = pd.DataFrame(
        {"t": [1, 1, 1, 0, 0, 0, 0], "kind": list("aabaaac"), "x": [1, 1, 1, 1, 1, 1, 1]}
    )
    found = matching.coarsened(data, treatment="t", covariates=["kind", "x"])
    np.testing.assert_allclose(found["weight"], [1, 1, 0, 2 / 3, 2 / 3, 2 / 3, 0])
    assert_refused(
        "no cell of kind: b, kind: c holds treated and comparison rows: take fewer bands or "
        "covariates",
        matching.coarsened, data.assign(kind=list("aaabbcc")), treatment="t", covariates=["kind"],
    )  # fmt: skip
