"""How well hidden counts are hidden, and how long hiding them takes.

Promises: in more than 10,000 generated tables, most with margins, half of them in pairs of
releases, the attacker of `tests/attacker.py` works nothing out, nor where no search is made for
the fewest cells to hide, and catches builds that were weakened on purpose; nor does it of 20,000
releases with several levels in one column, shared control groups, renamed cohorts, groups that some
have left, rates and merged hubs (`--staged`, resumed by `--first`, ended after `--minutes`); a
table of 200 x 50 with margins is protected in under 5 seconds, and what the runs in `runs/` propose
in under 20, beside the releases in `published/` in 20 more.
Run: python benchmarks/disclosure.py [TABLES], or --staged [RELEASES] [--first SEED] [--minutes M]
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from evidence.data import rules
from evidence.data.register import load
from evidence.release.control.disclosure import protect
from evidence.release.control.suppression import complete
from evidence.release.store import candidates, disclosed, releases

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))
import attacker  # noqa: E402
from release.control.test_suppression import alone, forgetful  # noqa: E402


def attacked(tables: int, finish=complete, first: int = 10_000) -> Counter:
    """Make releases until there are so many tables; count what there was and what was found."""
    seen: Counter = Counter()
    while seen["tables"] < tables:
        seed = first + seen["trials"]
        found, cells, hidden, releases = attacker.trial(seed, finish)
        names = [one for release in releases for one in release.tables.values()]
        seen.update(
            trials=1, pairs=len(releases) == 2, tables=len(names), cells=cells, hidden=hidden,
            margins=sum(one.margins for one in names), recovered=len(found),
            caught=int(bool(found)), named=sum(bool(release.notes) for release in releases),
        )  # fmt: skip
        if found and finish not in (alone, forgetful):
            print(f"worked out with seed {seed}: {found}", flush=True)
    return seen


def staged(releases: int, first: int, minutes: float, finish=None) -> None:
    """Make releases, every kind in turn, until there are enough or time is up; print each kind."""
    seen = {kind: Counter() for kind in attacker.KINDS}
    until, seed = time.monotonic() + 60 * minutes, first
    while sum(one["releases"] for one in seen.values()) < releases and time.monotonic() < until:
        for kind, one in seen.items():
            start = time.process_time()
            how = finish or complete
            found, cells, hidden, made = attacker.staged(seed, how, (kind,))
            one.update(
                releases=len(made), cells=cells, hidden=hidden, recovered=len(found),
                caught=bool(found), named=any(release.notes for release in made), tried=1,
                seconds=time.process_time() - start,
                small=sum(exact < threshold for *_, threshold, exact, _, _ in found),
            )  # fmt: skip
            if found and not finish:
                print(f"worked out of {kind} with seed {seed}: {found}", flush=True)
        seed += 1
    for kind, one in seen.items():
        print(
            f"{kind}: {one['releases']:,} releases of {one['tried']:,} tries, {one['cells']:,} "
            f"cells, {one['hidden']:,} hidden; worked out: {one['recovered']} cells of "
            f"{one['caught']}, named to the reviewer: {one['named']} "
            f"({one['seconds']:.0f} s of processor time)",
            flush=True,
        )


def large(rows: int = 200, columns: int = 50) -> tuple[float, int, int]:
    """Protect a table of counts with both margins; return seconds, cells and those hidden."""
    counts = np.random.default_rng(0).poisson(
        np.random.default_rng(1).lognormal(3.5, 1, (rows, columns))
    )
    areas, groups = [f"area {i}" for i in range(rows)], [f"group {i}" for i in range(columns)]
    wide = pd.DataFrame(counts, index=areas, columns=groups)
    wide["all"] = wide.sum(axis=1)
    wide.loc["all"] = wide.sum()
    frame = wide.rename_axis("area").reset_index().melt("area", var_name="group", value_name="n")
    start = time.perf_counter()
    done, _ = complete({"table": protect(frame, counts="n")})
    return time.perf_counter() - start, len(frame), int(done["table"].table["n"].isna().sum())


def county() -> tuple[float, float, int, int]:
    """Protect everything that the finished runs propose, by itself and beside what is published.

    Returns seconds of both, tables and releases.
    """
    cards = {programme.name: programme.card() for programme in load(ROOT / "data/programmes.toml")}
    allowed = rules.load(ROOT / "data/disclosure.toml")
    folders = sorted(path.parent for path in ROOT.glob("runs/*/*/*/run.json"))
    start = time.perf_counter()
    safes = {}
    for folder in folders:
        card = cards[folder.parts[-3]]
        titles = {one["name"]: one["title"] for one in card["outcomes"]}
        how = {"said": card["published"] or "", "units": card["units"] or ()}
        one = candidates.read(folder, titles, allowed, **how)
        place = "/".join(folder.parts[-3:-1])
        safes[f"effects/{place}"], safes[f"indicators/{place}"] = one.effects, one.indicators
        safes |= {f"figures/{place}/{name}": safe for name, safe in one.pictures.items()}
    complete(safes)
    alone = time.perf_counter() - start
    before = [disclosed.read(folder) for folder in releases.numbered(ROOT / "published")]
    start = time.perf_counter()
    complete(safes, earlier=disclosed.earlier(before))
    return alone, time.perf_counter() - start, len(safes), len(before)


def main(tables: int) -> None:
    for name, finish, many in (
        ("without a search", partial(complete, effort=0), tables // 5),
        ("as it is", complete, tables),
        ("weakened: each table by itself", alone, max(800, tables // 20)),
        ("weakened: earlier releases forgotten", forgetful, max(800, tables // 20)),
    ):
        start = time.perf_counter()
        seen = attacked(many, finish)
        print(
            f"{name}: {seen['tables']:,} tables ({seen['margins']:,} with margins) in "
            f"{seen['trials']:,} releases or pairs ({seen['pairs']:,} pairs), {seen['cells']:,} "
            f"cells, {seen['hidden']:,} hidden; worked out: {seen['recovered']} in "
            f"{seen['caught']} releases, named to "
            f"the reviewer as told before: {seen['named']} ({time.perf_counter() - start:.0f} s)",
            flush=True,
        )
    print("200 x 50 with margins: {:.1f} s, {:,} cells, {:,} hidden".format(*large()))
    if any(ROOT.glob("runs/*/*/*/run.json")):
        one = "all that the runs propose: {:.1f} s, and {:.1f} s more beside what was released"
        print((one + " ({} tables, {} releases)").format(*county()))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("tables", nargs="?", type=int, default=10_000)
    parser.add_argument("--staged", nargs="?", type=int, const=20_000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=1e6)
    given = parser.parse_args()
    if given.staged:
        staged(given.staged, given.first, given.minutes)
        print("weakened: each table by itself, earlier releases forgotten")
        staged(min(given.staged, 120), given.first, given.minutes, alone)
    else:
        main(given.tables)
