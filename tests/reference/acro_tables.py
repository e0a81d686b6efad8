"""Make `acro.json`: which cells of 200 frequency tables acro suppresses, with its defaults.

acro wants pandas below 3 and may not be installed beside this package. Run it in an environment
of its own, far from this one:

    python -m venv ../acro && ../acro/bin/pip install acro==1.0.2
    ../acro/bin/python tests/reference/acro_tables.py
"""

import json
import logging
import warnings
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
from acro import ACRO

warnings.filterwarnings("ignore")
logging.disable(logging.CRITICAL)
rng = np.random.default_rng(2026)
session, tables = ACRO(suppress=True), []
for _ in range(200):
    shape = rng.integers(2, 6, size=2)
    counts = rng.poisson(rng.lognormal(rng.uniform(1.5, 4), 1, shape))
    counts[rng.random(shape) < 0.05] = 0
    cells = [(i, j) for (i, j), n in np.ndenumerate(counts) for _ in range(n)]
    pupils = pd.DataFrame(cells, columns=["row", "column"])
    kept = pupils.groupby(["row", "column"]).size().unstack(fill_value=0)  # noqa: PD010
    shown = session.crosstab(pupils["row"], pupils["column"])
    if shown.empty:  # acro garbles a table in which nothing is left
        shown = kept.where(kept < 0)
    shown = shown.reindex(index=kept.index, columns=kept.columns)  # it drops what it empties
    tables.append({"counts": kept.to_numpy().tolist(), "hidden": shown.isna().to_numpy().tolist()})
names = {"acro": version("acro"), "pandas": pd.__version__, "numpy": np.__version__}
text = json.dumps({"versions": names, "tables": tables}, separators=(",", ":"))
Path(__file__).with_name("acro.json").write_text(text + "\n", encoding="utf-8")
