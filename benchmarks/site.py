"""500 reports: how long the site of a release takes, and how long its drawings take.

Promise: 500 reports (with their result pages, programme pages and index) in under 20 seconds, once
the figures are drawn; a figure is drawn once and taken over by later releases.
Run: python benchmarks/site.py [REPORTS]
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd

from evidence.release.site import site
from evidence.release.store import figures, publish

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
from run_folders import make


def county(root: Path, reports: int) -> Path:
    """Return a release of `reports` cohorts, four a programme, copied from a small one."""
    publish.release(*make(root / "runs"), root / "small")
    small, folder = root / "small/current", root / "large"
    record = json.loads((small / "release.json").read_text(encoding="utf-8"))
    effects = pd.read_parquet(small / "effects.parquet")
    cards, runs, figures, rows = {}, {}, [], []
    sources = [run for run in record["runs"].values() if run["programme"] != "star"]
    known = {card["name"]: card for card in record["programmes"]}
    for place in range(reports):
        run = sources[place % len(sources)]
        name, cohort, key = f"p{place // 4}", f"c{place % 4}", f"{place:016x}"
        card = cards.setdefault(name, {**known[run["programme"]], "name": name, "cohorts": []})
        card["cohorts"].append({"name": cohort, "title": f"20{place % 4 + 10}"})
        runs[key] = {**run, "programme": name, "cohort": cohort, "run_id": key}
        own = effects[effects["run_id"] == run["run_id"]]
        rows.append(own.assign(programme=name, cohort=cohort, run_id=key))
        here = folder / name / cohort
        shutil.copytree((small / run["programme"] / run["cohort"]).resolve(), here)
        source = (small / run["programme"] / f"{run['cohort']}.ipynb").read_text(encoding="utf-8")
        here.with_suffix(".ipynb").write_text(source, encoding="utf-8")
        figures += [
            entry
            | {"programme": name, "cohort": cohort, "path": f"{name}/{cohort}/{entry['name']}"}
            for entry in record["figures"]
            if (entry["programme"], entry["cohort"]) == (run["programme"], run["cohort"])
        ]
    pd.concat(rows, ignore_index=True).to_parquet(folder / "effects.parquet")
    shutil.copy(small / "indicators.parquet", folder)
    whole = record | {"programmes": list(cards.values()), "runs": runs, "figures": figures}
    (folder / "release.json").write_text(json.dumps(whole), encoding="utf-8")
    return folder


def main(reports: int) -> None:
    with tempfile.TemporaryDirectory() as place:
        folder = county(Path(place), reports)
        texts = [path.read_text(encoding="utf-8") for path in sorted(folder.rglob("*.json"))]
        texts = [text for text in texts if text.startswith('{\n "name"')]
        started, used = time.perf_counter(), time.process_time()
        pages = site.build(folder)
        wall, cpu = time.perf_counter() - started, time.process_time() - used
        print(f"{reports} reports, {len(pages)} pages: {wall:.1f} s (processor {cpu:.1f} s)")
        some = [text.replace("Better", f"Better {i}") for i, text in enumerate(texts[:120])]
        started = time.perf_counter()
        figures.draw(some)
        each = 1000 * (time.perf_counter() - started) / len(some)
        print(f"drawing: {each:.0f} ms a figure on all cores, once; {len(texts)} figures here")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 500)
