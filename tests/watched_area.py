"""A release in which one area is watched: three indicators, their charts, eleven other areas."""

import numpy as np
import pandas as pd
from run_folders import programmes, write_run

import evidence as ev
from evidence.release.store import publish

# name of the run, the indicator, how its share moves, whether high is better, its target
WATCHED = (
    ("plans", "Plans within 20 weeks", -0.22, "high", 80.0),
    ("inspections", "Schools good or outstanding", 0.0, "high", None),
    ("absence", "Persistent absence", -0.12, "low", 60.0),
)
PLACE = "Area 03"


def study(folder, name, move, polarity, target, title):
    """Return a study of a made-up indicator of twelve areas and England."""
    rng = np.random.default_rng(2026)
    rows = []
    for place in range(12):
        for year in range(2006, 2020):
            n = int(rng.integers(1_000, 4_000))
            share = 0.6 + 0.01 * place + (move if place == 3 and year > 2016 else 0)
            rows.append((year, f"Area {place:02d}", f"Area {place:02d}", rng.binomial(n, share), n))
    rows += [(year, "England", None, 12_800, 20_000) for year in range(2006, 2020)]
    table = pd.DataFrame(rows, columns=["year", "area", "local", "count", "n"])
    table.to_csv(folder / f"{name}.csv", index=False)
    plan = {
        "indicator": f"{name}.csv", "name": title, "count": "count", "n": "n", "area": "area",
        "local": "local", "time": "year", "place": PLACE, "polarity": polarity, "target": target,
    }  # fmt: skip
    return ev.Monitoring.read(str(folder), plan)


def release(root):
    """Make the release below `root` and return where releases are."""
    runs = []
    root.mkdir(exist_ok=True)
    for number, (name, title, move, polarity, target) in enumerate(WATCHED):
        one = study(root, name, move, polarity, target, title)
        indicators = pd.concat([one.indicators, _others(one)], ignore_index=True)
        folder = root / "runs" / name / "2019" / f"{number:016x}"
        runs.append(write_run(folder, [], [one.picture], indicators))
    card = programmes({key: [] for key in _names()})[0]
    cards = [
        card | {"name": name, "title": title, "design": "monitoring", "claim": "",
                "cohorts": [{"name": "2019", "title": "2019"}]}
        for name, title, *_ in WATCHED
    ]  # fmt: skip
    publish.release(runs, cards, root / "published", reviewer="Bea Reviewer")
    return root / "published"


def _others(one):
    """Return the latest figures of the other areas, with their ranks."""
    now = one.others.merge(one.ranking.table[["area", "rank", "band"]], on="area")
    now = now[now["area"] != PLACE].rename(columns={"time": "period"}).reset_index(drop=True)
    last = one.indicators.iloc[-1]
    same = ("run_id", "indicator", "group", "unit", "comparator", "comparator_value")
    told = {name: last[name] for name in same} | {"sentence": "", "symbol": ""}
    return now.assign(**told)[list(one.indicators)]


def _names():
    from run_folders import PROGRAMMES

    return PROGRAMMES
