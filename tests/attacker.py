"""Releases of made-up pupils, and somebody who tries to work out what they hide.

The attacker starts from the pupils: one unknown number for each combination of all labels. Every
cell of a table is a sum of such numbers, known to within its rounding where it is shown, and
exactly where a mean stands beside it. A linear programme for each hidden cell finds the least and
the most that it can be. Of the code that is tested only what protects and completes is used.
"""

from dataclasses import dataclass
from itertools import combinations, product

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.optimize import Bounds, LinearConstraint, milp

from evidence.data.rules import Rules
from evidence.errors import EvidenceError
from evidence.release.control.disclosure import protect
from evidence.release.control.suppression import complete
from evidence.release.store.candidates import protect_indicators

DIMS = ("area", "sex", "year_group")
BASE = 5


@dataclass
class Table:
    """A table to publish: its columns' roles, which pupils each cell counts, has it sums?"""

    frame: pd.DataFrame
    roles: dict
    counted: dict[str, list[np.ndarray]]
    margins: bool = False


@dataclass
class Release:
    """A release as published: name to frame; and the tables it was made from."""

    rules: Rules
    shown: dict[str, pd.DataFrame]
    tables: dict[str, Table]
    notes: tuple[str, ...] = ()  # what it says that earlier releases told


def pupils(rng) -> np.ndarray:
    """Draw how many pupils there are of each area, sex and year group met a standard or did not."""
    shape = (*rng.integers(2, 5, size=rng.integers(1, 4)), 2)
    size = np.exp(rng.normal(rng.uniform(1, 4), rng.uniform(0.3, 1.5), shape))
    return rng.poisson(size * (rng.random(shape) > 0.1))


def table(rng, count: np.ndarray, dims: tuple[int, ...], means: bool) -> Table:
    """Count by some labels: sums, shares, means, parts or one label across the columns, or none.

    Some groups may be left out.
    """
    unit = np.arange(count.size).reshape(count.shape)

    def of(at: dict, met=slice(None)) -> np.ndarray:
        index = [slice(None) if at.get(d) is None else at[d] for d in range(count.ndim - 1)]
        line = np.zeros(count.size)
        line[np.ravel(unit[(*index, met)])] = 1
        return line

    margins, kind = (
        rng.random() < 0.75,
        rng.choice(["long", "means" if means else "long", "percentages", "parts", "wide", "wide"]),
    )
    total = rng.choice(["total", "n"]) if rng.random() < 0.6 else None
    wide = dims[-1] if kind == "wide" and len(dims) > 1 else None
    labels = [[*range(count.shape[d]), *([None] if margins else [])] for d in dims if d != wide]
    rows, counted = [], {}
    for cell in product(*labels):
        at = dict(zip([d for d in dims if d != wide], cell, strict=True))
        row = {DIMS[d]: "all" if v is None else f"{DIMS[d]} {v}" for d, v in at.items()}
        if wide is not None:
            lines = {f"{DIMS[wide]} {v}": of(at | {wide: v}) for v in range(count.shape[wide])}
            lines |= {str(total): of(at)} if total else {}
        else:
            lines = {"n": of(at)} | ({"met": of(at, 0)} if kind in ("percentages", "parts") else {})
            lines |= {"not": of(at, 1)} if kind == "parts" else {}
        rows.append(row | {name: int(line @ count.ravel()) for name, line in lines.items()})
        for name, line in lines.items():
            counted.setdefault(name, []).append(line)
    roles = {"counts": tuple(counted)}
    frame = pd.DataFrame(rows)
    if rng.random() < 0.1 and (left := [d for d in dims if d != wide]):
        label = DIMS[rng.choice(left)]
        frame = frame[frame[label].isin([f"{label} 0", "all"])]
        counted = {name: [lines[i] for i in frame.index] for name, lines in counted.items()}
        frame = frame.reset_index(drop=True)
    if kind == "percentages":
        frame["pct"], roles["percentages"] = 0.0, {"pct": ("met", "n")}
    if kind == "means":
        frame["mean"], roles["statistics"] = 7.3, "mean"
    return Table(frame, roles, counted, margins)


def draw(rng, count: np.ndarray, means: bool) -> dict[str, Table]:
    """Choose the tables of a release."""
    axes = range(count.ndim - 1)
    every = [d for k in range(1, count.ndim) for d in combinations(axes, k)]
    chosen = rng.choice(len(every), size=min(len(every), rng.integers(1, 4)), replace=False)
    found = {f"table {i}": table(rng, count, every[i], means) for i in sorted(chosen)}
    if rng.random() < 0.5:
        whole = pd.DataFrame({"n": [int(count.sum())]})
        found["whole"] = Table(whole, {"counts": "n"}, {"n": [np.ones(count.size)]})
    return found


def hierarchy(rng, kinds=("n", "mean", "share")) -> tuple[np.ndarray, Table]:
    """Draw pupils of schools in federations of a county, and count all three as areas.

    Or of several groupings, all of them subgroups. Rows may stand in any order.
    """
    many = rng.integers(2, 4) if rng.random() < 0.5 else 0  # groupings; none: levels
    shape = tuple(rng.integers(2, 4, many)) if many else (rng.integers(4, 9),)
    unit = np.arange(np.prod(shape)).reshape(shape)
    groups = {
        f"group {axis} {value}": np.isin(unit, unit.take(value, axis)).ravel()
        for axis in range(unit.ndim)
        for value in range(shape[axis])
    }
    federation = rng.permutation(unit.size) % rng.integers(2, 4)
    if not many:
        groups |= {f"federation {i}": federation == i for i in range(federation.max() + 1)}
    if rng.random() < 0.7:
        groups["all" if many else "county"] = np.ones(unit.size, bool)
    size = np.exp(rng.normal(rng.uniform(2, 4), rng.uniform(0.5, 1.2), unit.size))
    count = rng.poisson(np.multiply.outer(size, np.full((rng.integers(1, 3), 2), 0.3)))
    return count, grouped(rng, count, groups, kinds)


def grouped(rng, count, groups: dict, kinds=("n", "mean", "share"), mixed=True) -> Table:
    """Count groups of units, one under the other: pupils, with a mean or with a share."""
    kind, sexes = rng.choice(kinds), range(count.shape[1])
    rows, counted = [], {}
    for name, sex in product(
        rng.permutation([*groups]) if mixed else groups, [*sexes, None][: len(sexes) * 2 - 1]
    ):
        met = np.zeros(count.shape)
        met[groups[name], slice(None) if sex is None else sex, 0] = 1
        lines = {"n": met + met[..., ::-1]} | ({"met": met} if kind == "share" else {})
        row = {"group": str(name), "sex": "all" if sex is None else f"sex {sex}"}
        rows.append(row | {c: int((line * count).sum()) for c, line in lines.items()})
        for c, line in lines.items():
            counted.setdefault(c, []).append(line.ravel())
    frame, roles = pd.DataFrame(rows), {"counts": tuple(counted)}
    if kind == "mean":
        frame["mean"], roles["statistics"] = 7.3, "mean"
    if kind == "share":
        frame["pct"], roles["percentages"] = 0.0, {"pct": ("met", "n")}
    return Table(frame, roles, counted, True)


def shared_arm(rng) -> tuple[np.ndarray, dict[str, Table]]:
    """Draw several programmes with one control group, and the tables of each.

    The control group may have another name in each.
    """
    programmes = rng.integers(2, 4)
    size = np.exp(rng.normal(rng.uniform(1.5, 3.5), rng.uniform(0.3, 1), (programmes + 1, 2, 2, 2)))
    count = rng.poisson(size)
    unit, tables = np.arange(count.size).reshape(count.shape), {}
    for programme in range(programmes):
        arms = [0, programme + 1]
        other = rng.random() < 0.3
        for name, one in draw(rng, count[arms], True).items():
            if other:
                one.frame = one.frame.rename(columns={"area 0": "as usual"})
                one.frame = one.frame.replace({"area 0": "as usual"})
                one.roles["counts"] = [c.replace("area 0", "as usual") for c in one.counted]
                one.counted = dict(zip(one.roles["counts"], one.counted.values(), strict=True))
            tables[f"figures/p{programme}/2018/{name}"] = _among(one, unit[arms], count.size)
    return count, tables


def _among(table: Table, units: np.ndarray, size: int) -> Table:
    """Return a table of some units as one of all."""
    wide = {}
    for name, lines in table.counted.items():
        wide[name] = [np.zeros(size) for _ in lines]
        for line, old in zip(wide[name], lines, strict=True):
            line[units.ravel()] = old
    return Table(table.frame, table.roles, wide, table.margins)


def publish(tables, rules, earlier=(), finish=complete) -> Release:
    """Protect and complete the tables; those that `protect` refuses stay behind."""
    safes = {}
    for name, one in tables.items():
        try:
            if "value" in one.frame:
                safes[name] = protect_indicators(one.frame.drop(columns="met"), rules)
            else:
                safes[name] = protect(one.frame, **one.roles, rules=rules)
        except EvidenceError:  # every count is small
            continue
    done, notes = finish(safes, earlier=[(e.rules, e.shown) for e in earlier])
    assert earlier or not notes, notes
    notes = tuple(note for note in notes if "an earlier release discloses" in note)
    shown = {name: safe.table for name, safe in done.items()}
    for name in [name for name in shown if "value" in shown[name]]:
        met = tables[name].frame["met"].where(shown[name]["value"].notna())
        shown[name] = shown[name].assign(met=met)  # as good as shown: see `told_by_rates`
    return Release(rules, shown, tables, notes)


def narrow(releases, few=()) -> list[tuple]:
    """Find the range of every hidden number; return those narrower than the threshold.

    What was hidden for another's sake is no secret as long as it is known not to be small, nor is
    what an earlier release told by itself.
    `few` are pupils who left: what they are, the line, the true count. That nobody may have left
    tells nothing of those whom no table has by themselves.
    """
    known, hidden = facts(releases)
    nowhere = {tuple(line) for _, line, _ in few} - hidden.keys()
    for name, line, exact in few:
        hidden[tuple(line)] = (len(releases) - 1, name, 0, "", releases[-1].rules.threshold, exact)
    # What another release shows is no secret: it is not below the threshold.
    shown = {line for line, (_, high) in known.items() if np.isfinite(high)}
    hidden = {line: place for line, place in hidden.items() if line not in shown}
    if not hidden:
        return []
    low, high = ends([*hidden], known)
    threshold, exact = np.array([(place[-2], place[-1]) for place in hidden.values()]).T
    told = high - low < threshold - 1e-3
    if len(releases) > 1:
        least, most = ends([*hidden], facts(releases[:-1])[0])
        told &= (low < threshold) & ((exact < threshold) | (most - least >= threshold - 1e-3))
    told &= (low > 1e-3) | ~np.array([line in nowhere for line in hidden])
    places = zip(hidden.values(), low, high, told, strict=True)
    return [(*place, *ends) for place, *ends, is_told in places if is_told]


def facts(releases) -> tuple[dict[tuple, list[float]], dict[tuple, tuple]]:
    """Return what is known of sums of pupils, and which of them are hidden, where.

    Those who did not meet a standard, which no column shows, are hidden only where they are few.
    """
    known: dict[tuple, list[float]] = {}
    hidden: dict[tuple, tuple] = {}
    zero: set[tuple] = set()  # hidden, but not zero, which would be shown
    for number, release in enumerate(releases):
        threshold = release.rules.threshold
        least = BASE * -(-threshold // BASE)  # what the smallest counts are shown as
        for name, frame in release.shown.items():
            counted, true = release.tables[name].counted, release.tables[name].frame
            if "value" in frame:
                for row, low, high in told_by_rates(frame, true, release.rules):
                    before = known.get(tuple(counted["met"][row]), [0, np.inf])
                    known[tuple(counted["met"][row])] = [max(low, before[0]), min(high, before[1])]
                    exact = true["n"][row]
                    known[tuple(counted["n"][row])] = [exact, exact]
            for column, lines in counted.items():
                for row, (value, line) in enumerate(zip(frame[column], lines, strict=True)):
                    exact = true[column][row]
                    if tuple(line) in known and "value" in frame and value == value:
                        continue
                    if value == value:
                        low, high = threshold if value == least else value - 2, value + 2
                        if value == 0 or ("mean" in frame and frame["mean"][row] > 0):
                            low = high = exact
                        before = known.get(tuple(line), [0, np.inf])
                        known[tuple(line)] = [max(low, before[0]), min(high, before[1])]
                        continue
                    if not release.rules.zeros_disclosive:
                        if exact == 0:
                            continue  # hidden for another's sake: a zero is no secret here
                        if column != "met":
                            zero.add(tuple(line))
                    place = (number, name, row, column, threshold)
                    hidden[tuple(line)] = *place, exact
                    rest = true["n"][row] - exact if column == "met" else threshold
                    if rest < threshold and frame["n"][row] == frame["n"][row]:  # who did not
                        hidden[tuple(counted["n"][row] - line)] = *place, rest
    return known | {line: [1, np.inf] for line in zero - known.keys()}, hidden


def told_by_rates(frame, true, rules):
    """Give the least and the most that the counts behind rates can be, and their rows.

    A rate beside a count of pupils is one more statistic: the count is taken as known exactly.
    """
    for row in np.flatnonzero(frame["value"].notna()):
        n, value = true["n"][row], frame["value"][row]
        half = 10.0 ** -rules.places(n) / 2
        low, high = (value - half) * n / 100, (value + half) * n / 100
        yield row, np.ceil(low - 1e-6), np.floor(high + 1e-6)


def ends(lines: list[tuple], known: dict[tuple, list[float]]) -> tuple[np.ndarray, np.ndarray]:
    """Return the least and the most that sums of pupils can be."""
    rules, copies = [], 2 * len(lines)
    if known:
        low, high = np.array(list(known.values())).T
        sums = sparse.csr_array(np.array(list(known)))
        rules = LinearConstraint(
            sparse.kron(sparse.eye_array(copies), sums), np.tile(low, copies), np.tile(high, copies)
        )
    twice = np.repeat(np.array(lines), 2, axis=0)
    aim = twice * np.tile([[1.0], [-1.0]], (len(lines), 1))
    found = milp(aim.ravel(), constraints=rules, bounds=Bounds(0, 1e4)).x.reshape(aim.shape)
    sums = (found * twice).sum(axis=1)
    return sums[::2], sums[1::2]


def trial(seed: int, finish=complete) -> tuple[list[tuple], int, int, list[Release]]:
    """Make a release, or two of the same pupils; return what can be worked out of them.

    Then the number of cells, of hidden ones, and the releases. What a release itself names as told
    by an earlier one, for a reviewer to decide, is not counted as worked out.
    """
    rng = np.random.default_rng(seed)
    pair = rng.random() < 0.5
    zeros = bool(seed % 3 if pair else rng.random() < 0.7)
    rules = Rules(threshold=int(rng.choice([5, 7, 10])), zeros_disclosive=zeros)
    count = pupils(rng)
    releases: list[Release] = []
    for _ in range(1 + pair):
        releases.append(publish(draw(rng, count, not pair), rules, releases, finish))
    cells = [
        frame[column]
        for release in releases
        for name, frame in release.shown.items()
        for column in release.tables[name].counted
    ]
    found = [] if any(release.notes for release in releases) else narrow(releases)
    return found, sum(map(len, cells)), int(sum(c.isna().sum() for c in cells)), releases


KINDS = ("levels", "arms", "renamed", "left", "rates", "hubs")


def staged(seed: int, finish=complete, kinds=KINDS) -> tuple[list[tuple], int, int, list[Release]]:
    """Make a release of mixed levels, of rates or of programmes with one control group; or two.

    The second is of the same cohort under another name, of a group that some have left, or another
    hub's that has the same pupils, which is not merged where it tells what either hides.
    What is returned is what `trial` returns, whatever a release names as told before.
    """
    rng = np.random.default_rng(seed)
    kind = rng.choice(kinds)
    rules = Rules(threshold=int(rng.choice([5, 7, 10])))
    few, releases = [], []
    if kind == "levels":
        steps = [{"figures/p/2018/t": hierarchy(rng)[1]}]
    elif kind == "arms":
        steps = [shared_arm(rng)[1]]
    elif kind == "renamed":
        count = pupils(rng)
        steps = [
            {f"figures/p/{cohort}/{name}": one for name, one in draw(rng, count, False).items()}
            for cohort in ("2018", "autumn")
        ]
    elif kind == "rates":
        steps = [{"indicators/p/2018/t": rates(rng)}]
    elif kind == "hubs":
        count = pupils(rng)
        steps = [
            {f"figures/{hub}p/2018/{name}": one for name, one in draw(rng, count, False).items()}
            for hub in ("", "other:")
        ]
    else:
        steps, few = left(rng, rules)
    for tables in steps:
        before = [] if kind == "hubs" else releases
        releases.append(publish(tables, rules, before, finish))
    both = [(each.rules, each.shown) for each in releases]
    if kind == "hubs" and finish({}, earlier=both)[1]:
        releases.pop()
    frames = [
        release.shown[name][c]
        for release in releases
        for name in release.shown
        for c in release.tables[name].counted
    ]
    found = narrow(releases, few)
    return found, sum(map(len, frames)), int(sum(c.isna().sum() for c in frames)), releases


def rates(rng) -> Table:
    """Draw pupils of schools in federations of a county: how many, what share met a standard."""
    _, table = hierarchy(rng, ("share",))
    found = table.frame.rename(columns={"group": "area", "sex": "group"}).drop(columns="pct")
    nothing = dict.fromkeys(("ci_lower", "ci_upper", "comparator_value", "rank"), np.nan)
    words = dict.fromkeys(("comparator", "band", "symbol", "sentence"), "")
    found = found.assign(
        run_id="r", indicator="met", period="2018", unit="%", value=100 * found["met"] / found["n"],
        **nothing, **words,
    )  # fmt: skip
    return Table(found, {}, table.counted, True)


def left(rng, rules: Rules) -> tuple[list[dict[str, Table]], list[tuple]]:
    """Count federations and, or not, their schools before and after one small school left."""
    count = rng.poisson(np.exp(rng.normal(3, 0.5, (6, 1, 2))))
    count[0] = rng.multinomial(rng.integers(1, rules.threshold), [0.5, 0.5])
    groups = {f"federation {i}": np.arange(6) % 2 == i for i in range(2)}
    if rng.random() < 0.5:
        groups["county"] = np.ones(6, bool)
    if rng.random() < 0.5:
        groups |= {f"school {i}": np.arange(6) == i for i in range(6)}
    later = {name: here & (np.arange(6) > 0) for name, here in groups.items() if name != "school 0"}
    tables = [grouped(rng, count, each, ("n", "share")) for each in (groups, later)]
    line, met = np.zeros(count.shape), np.zeros(count.shape)
    line[0], met[0, 0, 0] = 1, 1
    few = [("who left", line.ravel(), count[0].sum()), ("met", met.ravel(), count[0, 0, 0])]
    return [{"figures/p/2018/t": one} for one in tables], few
