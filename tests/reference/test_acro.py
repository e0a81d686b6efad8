"""acro 1.0.2 on frequency tables, in an environment of its own (`acro_tables.py` made the file)."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from evidence.errors import EvidenceError
from evidence.release.control.disclosure import protect
from evidence.release.control.suppression import complete

TABLES = json.loads(Path(__file__).with_name("acro.json").read_text(encoding="utf-8"))["tables"]


def hidden(counts):
    """Return which cells of a table we hide, after all; None where it may not leave at all."""
    frame = pd.DataFrame(
        [(f"row {i}", f"column {j}", n) for (i, j), n in np.ndenumerate(counts)],
        columns=["row", "column", "n"],
    )
    try:
        done, _ = complete({"table": protect(frame, counts="n")})
    except EvidenceError:
        return None
    return done["table"].table["n"].isna().to_numpy().reshape(counts.shape)


@pytest.mark.slow
def test_protect_is_never_looser_than_acro():
    hid, left, refused = 0, 0, 0
    for table in TABLES:
        counts, theirs = np.array(table["counts"]), np.array(table["hidden"])
        ours = hidden(counts)
        if ours is None:
            refused += 1
            continue
        assert not (theirs & ~ours).any(), table
        hid, left = hid + theirs.sum(), left + (~theirs).sum()
    assert (len(TABLES), hid > 500, left > 500, refused < 20) == (200, True, True, True)
