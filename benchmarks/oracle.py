"""How many cells are hidden on plain hierarchies, beside tau-argus on the same tables.

A county, its federations and their schools stand in one column, by sex or not. No program is told
which school is where but tau-argus, which is; the counts are as good as exact (a mean is beside
each), as it has no rounding. Promises: each cell that tau-argus holds unsafe is hidden; an
attacker finds no range narrower than the threshold; at most 1.3 times as many cells are hidden.
Run: python benchmarks/oracle.py PYTHON [TABLES], PYTHON having `pytauargus` and pandas.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from evidence.data.rules import Rules

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
import attacker

_ORACLE = """
import json, sys, tempfile, pathlib, os
import pandas as pd
from pytauargus import protect
tables = json.load(sys.stdin)
out = os.dup(1); os.dup2(2, 1)
found = []
for federations, counts in tables:
    folder = pathlib.Path(tempfile.mkdtemp(dir=os.getcwd()))
    levels = "".join(f + "\\n" + "".join(f"@{s}\\n" for s in ss) for f, ss in federations.items())
    (folder / "a.hrc").write_text(levels)
    columns = ["area", "sex"] if "|" in next(iter(counts)) else ["area"]
    rows = [key.split("|") for key, n in counts.items() for _ in range(n)]
    micro = pd.DataFrame(rows, columns=columns).assign(one=1.0)
    done = protect(micro, columns, response="one", safety_rules="FREQ(10,100)", suppress="OPT(1)",
                   hrc={"area": str(folder / "a.hrc")}, hierleadstring="@", workdir=str(folder))
    cells = done.tables[0].dataframe()
    hidden = cells[cells["status"].isin(["U", "M"])]
    found.append([[*map(str, row)] for row in hidden[[*columns, "status"]].values])
os.write(out, json.dumps(found).encode())
"""


def plain(rng) -> tuple[dict, dict, attacker.Table]:
    """Draw schools in federations; return who is where, the counts and the table."""
    federations, groups, schools = {}, {}, 0
    for i in range(rng.integers(2, 5)):
        mine = [f"s{schools + j:02}" for j in range(rng.integers(3, 7))]
        federations[f"f{i:02}"], schools = mine, schools + len(mine)
    sexes = rng.integers(1, 3)
    count = 1 + rng.poisson(rng.lognormal(3, 1, (schools, sexes)))
    each = np.arange(schools)
    groups = {f"s{i:02}": each == i for i in each}
    groups |= {f: np.isin(each, [int(s[1:]) for s in mine]) for f, mine in federations.items()}
    groups["Total"] = each >= 0
    both = np.stack([count, np.zeros_like(count)], axis=2)
    name = "s{:02}|x{}" if sexes > 1 else "s{:02}"
    counts = {name.format(*at): int(n) for at, n in np.ndenumerate(count)}
    return federations, counts, attacker.grouped(rng, both, groups, ("mean",), mixed=False)


def main(python: str, tables: int) -> None:
    drawn = [plain(np.random.default_rng(seed)) for seed in range(tables)]
    asked = json.dumps([one[:2] for one in drawn])
    with tempfile.TemporaryDirectory() as place:  # its solver leaves files where it runs
        done = subprocess.run(
            [python, "-c", _ORACLE], input=asked, text=True, capture_output=True, check=True,
            cwd=place,
        )  # fmt: skip
    theirs = json.loads(done.stdout)
    ours = more = looser = narrow = cells = 0
    for (_, _, table), hidden in zip(drawn, theirs, strict=True):
        release = attacker.publish({"t": table}, Rules())
        shown = release.shown["t"]
        gone = shown[shown["n"].isna()]
        ours, more, cells = ours + len(gone), more + len(hidden), cells + len(shown)
        names = {
            (g, s.replace("sex ", "x")) for g, s in zip(gone["group"], gone["sex"], strict=True)
        }
        unsafe = {(area, *(sex or ["all"])) for area, *sex, status in hidden if status == "U"}
        unsafe = {(area, "all" if sex == "Total" else sex) for area, sex in unsafe}
        looser += (
            len(unsafe - names)
            if table.frame["sex"].nunique() > 1
            else len({area for area, _ in unsafe} - {area for area, _ in names})
        )
        narrow += len(attacker.narrow([release]))
    print(
        f"{tables} plain hierarchies, {cells:,} cells: {ours:,} hidden, {more:,} by tau-argus, "
        f"ratio {ours / more:.2f}; unsafe to it and shown: {looser}; worked out: {narrow}"
    )


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 100)
