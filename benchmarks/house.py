"""Processor seconds of a report's cells, here and in another worktree, by turns.

    python benchmarks/house.py --against ../other --data data

Each arm runs in a fresh process that has loaded everything before the clock starts, as a forked
kernel has; outputs are rendered as the notebook would. Medians of five interleaved rounds, as
ratios. The other worktree needs a virtual environment of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REPORTS = {"trial": ("star/K", "mobilise-texts/2019"), "impact": ("lamp/2018", "lens/2018")}
CELLS = """
import json, sys, time
from pathlib import Path
import evidence.run.preload
try:
    from evidence.run.plan_jobs import Project, plan
except ImportError:  # as it was called before
    from evidence.run.jobs import Project, plan
data, kind, which = sys.argv[1:]
root = Path.cwd()
project = Project(register=root / "data/programmes.toml", data=Path(data),
                  notebooks=root / "notebooks", runs=Path("/nowhere"))
job = next(j for j in plan(project) if f"{j.programme}/{j.cohort}" == which)
cells = [c for c in json.loads(job.notebook.read_text())["cells"] if c["cell_type"] == "code"]
names = {"__name__": "__main__"}
exec("".join(cells[0]["source"]), names)
names |= job.parameters | {"data": data, "out": ""}
began = time.process_time()
for cell in cells[1:]:
    body = "".join(cell["source"])
    import ast
    tree = ast.parse(body)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "cell", "exec"), names)
    if last is not None:
        shown = eval(compile(ast.Expression(last.value), "cell", "eval"), names)
        if hasattr(shown, "_repr_html_"):
            shown._repr_html_()
print(time.process_time() - began)
"""


def seconds(place: Path, data: Path, kind: str, which: str) -> float:
    """Return the processor seconds of one report's cells in one worktree."""
    python = place / ".venv/bin/python"
    environment = os.environ | {"PYTHONPATH": str(place / "src"), "OPENBLAS_NUM_THREADS": "1"}
    command = [python if python.exists() else sys.executable, "-c", CELLS, data, kind, which]
    done = subprocess.run(
        list(map(str, command)), cwd=place, env=environment, capture_output=True, text=True
    )
    if done.returncode:
        raise SystemExit(done.stderr.strip().splitlines()[-1])
    return float(done.stdout.split()[-1])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--against", type=Path, required=True)
    parser.add_argument("--data", type=Path, default=ROOT / "data")
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    places = {"here": ROOT, "there": asked.against.resolve()}
    results: dict[str, dict[str, list[float]]] = {}
    for _ in range(asked.rounds):
        for kind, reports in REPORTS.items():
            for which in reports:
                found = results.setdefault(f"{kind} {which}", {name: [] for name in places})
                for name, place in places.items():
                    found[name].append(seconds(place, asked.data.resolve(), kind, which))
    print(
        json.dumps(
            {
                report: {
                    **{name: round(statistics.median(took), 2) for name, took in found.items()},
                    "ratio": round(
                        statistics.median(
                            a / b for a, b in zip(found["here"], found["there"], strict=True)
                        ),
                        3,
                    ),
                }
                for report, found in results.items()
            },
            indent=1,
        )
    )


if __name__ == "__main__":
    main()
