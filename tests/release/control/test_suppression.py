"""What all tables of a release, and of those before it, tell together."""

import ctypes
import os
import threading
import time
from functools import cache, partial
from itertools import count, islice

import numpy as np
import pandas as pd
import pytest
from attacker import Release, Table, narrow, trial
from scipy import sparse
from scipy.optimize import milp

from evidence.data.rules import Rules
from evidence.release.control import bounds, cell_selection, levels
from evidence.release.control.bounds import System
from evidence.release.control.cell_selection import close
from evidence.release.control.disclosure import protect
from evidence.release.control.published_tables import described
from evidence.release.control.suppression import complete


def long(name, groups, *, total=True, what="n"):
    """Return a table that counts pupils by one label, with or without their sum."""
    rows = [*groups.items(), *([("all", sum(groups.values()))] if total else [])]
    return pd.DataFrame(rows, columns=[name, what])


def symbols(safe, column="n"):
    return safe.table[f"{column}_symbol"].tolist()


def test_complete_release_that_counts_nobody_leaves_as_it_is():
    schools = pd.DataFrame({"area": ["North", "South"], "n_schools": [10, 20]})
    safes = {"t": protect(schools, counts=(), schools="n_schools")}
    assert complete(safes) == (safes, ())


def test_schools_of_an_earlier_release_are_no_count_unless_it_hid_some():
    frame = long("sex", {"girls": 37, "boys": 40}).assign(n_schools=[3, 4, 5])
    now = protect(frame, counts="n", schools="n_schools")
    before = now.table
    assert [*described(before, now)[1]] == ["n"]
    assert [*described(before.assign(n_schools_symbol=["c", "", ""]), now)[1]] == ["n", "n_schools"]
    assert [*described(before, None)[1]] == ["n", "n_schools"]


def test_complete_hidden_count_beside_its_total_takes_another_along():
    safe = protect(long("sex", {"girls": 37, "boys": 3}), counts="n")
    assert symbols(safe) == ["", "c", ""]  # 40 and 35 leave 1 to 9
    done, notes = complete({"t": safe})
    assert (symbols(done["t"]), notes) == (["c", "c", ""], ())


def test_complete_three_roundings_leave_room_enough():
    safe = protect(long("sex", {"girls": 37, "boys": 3, "other": 60}), counts="n")
    done, _ = complete({"t": safe})
    assert done["t"] is safe  # 100, 35 and 60 leave 0 to 11


def test_complete_nothing_hidden_leaves_every_table_as_it_was():
    safe = protect(long("sex", {"girls": 37, "boys": 30}), counts="n")
    done, _ = complete({"t": safe})
    assert done["t"] is safe


def test_complete_total_in_another_table_counts_too():
    parts = protect(long("sex", {"girls": 37, "boys": 3}, total=False), counts="n")
    alone, _ = complete({"parts": parts})
    assert symbols(alone["parts"]) == ["", "c"]
    whole = protect(pd.DataFrame({"n": [40]}), counts="n")
    done, _ = complete({"parts": parts, "whole": whole})
    assert (symbols(done["parts"]), symbols(done["whole"])) in (
        (["c", "c"], [""]), (["", "c"], ["c"]),
    )  # fmt: skip


def test_complete_same_count_is_hidden_in_every_table_that_has_it():
    safes = {
        "figures/lamp/2018/a": protect(long("sex", {"girls": 37, "boys": 3}), counts="n"),
        "figures/lamp/2018/b": protect(long("sex", {"girls": 37, "boys": 3}, total=False),
                                       counts="n"),
    }  # fmt: skip
    done, _ = complete(safes)
    here = [dict(zip(s.table["sex"], symbols(s), strict=True))["girls"] for s in done.values()]
    assert here[0] == here[1]


def test_complete_share_of_a_shown_whole_hides_what_is_left():
    raw = pd.DataFrame({"area": ["a", "b", "all"], "n": [50, 60, 110], "met": [20, 55, 75]})
    safe = protect(raw.assign(pct=0.0), counts=("n", "met"), percentages={"pct": ("met", "n")})
    assert symbols(safe, "met") == ["", "c", ""]  # five did not
    done, _ = complete({"t": safe})
    assert symbols(done["t"], "met").count("c") >= 2


def test_complete_count_beside_a_statistic_is_as_good_as_exact():
    groups = {f"g{i}": 40 + i for i in range(6)} | {"few": 4}
    raw = long("group", groups).assign(mean=7.3)
    plain = protect(raw[["group", "n"]], counts="n")
    telling = protect(raw, counts="n", statistics="mean")
    for safe, more in ((plain, 0), (telling, 1)):  # seven roundings leave room enough by themselves
        done, _ = complete({"t": safe})
        assert symbols(done["t"]).count("c") == 1 + more


def test_complete_what_an_earlier_release_hid_stays_hidden():
    first = protect(long("sex", {"girls": 37, "boys": 3}), counts="n")
    before, _ = complete({"t": first})
    later = {"t": protect(long("sex", {"girls": 37}, total=False), counts="n")}
    assert symbols(complete(later)[0]["t"]) == [""]
    done, notes = complete(later, earlier=[(Rules(), {"t": before["t"].table})])
    assert (symbols(done["t"]), notes) == (["c"], ())  # with the 40 of before it would tell 3


def test_complete_small_count_that_an_earlier_release_told_is_named_without_its_number():
    table = protect(long("sex", {"girls": 37, "boys": 3}), counts="n")
    told = table.table  # released without `complete`
    done, notes = complete({"t": table}, earlier=[(Rules(), {"t": told})])
    assert notes == ("n/boys: an earlier release discloses it too closely",)
    assert symbols(done["t"])[1] == "c"


def test_complete_total_that_an_earlier_release_called_otherwise_is_remembered():
    wide = pd.DataFrame(
        {"area": ["a", "b", "all"], "girls": [73, 26, 99], "boys": [5, 12, 17],
         "total": [78, 38, 116]}
    )  # fmt: skip
    roles = {"counts": ("girls", "boys", "total"), "margins": {"total": ("girls", "boys")}}
    earlier = [(Rules(), {"whole": protect(pd.DataFrame({"n": [116]}), counts="n").table})]
    done, notes = complete({"t": protect(wide, **roles)}, earlier=earlier)
    table = done["t"].table
    assert notes == ()
    # 115 was shown before: were all girls shown too, they would tell the boys, and so the five
    assert table["girls"].isna().any() or table["boys"].isna().sum() == 3


@pytest.mark.parametrize("what", ["total", "n"])
def test_complete_columns_of_an_earlier_table_add_up_without_being_told(what):
    """Nowhere else is "old" a label: only its columns say that old and new are all."""
    told = {"area": ["a", "b", "all"], "old": [None, 40, None], "new": [30, 10, 40]}
    told[what] = [None, 50, None]
    frame = pd.DataFrame(told)
    for column in ("old", "new", what):
        frame[f"{column}_symbol"] = frame[column].isna().map({True: "c", False: ""})
    safe = protect(long("area", {"a": 33, "b": 52}, what=what), counts=what)
    done, notes = complete({"t": safe}, earlier=[(Rules(), {"wide": frame})])
    # 35 in a, less 30 new: 1 to 9 old, which was hidden; 85 in all, less 40 new: 41 to 49
    assert (symbols(done["t"], what), notes) == (["c", "", "c"], ())


AREAS = {"area": ["x", "y"]}
ONE = {"girls": [3, 30], "boys": [33, 40], "total": [36, 70]}


@pytest.mark.parametrize(
    "wide",
    [
        # were boys the total as well, no girl would be told
        AREAS | {"girls": [0, 0], "boys": [29, 43], "total": [29, 43]},
        {"girls": [0], "boys": [29], "total": [29]},
        {"met": [29], "n": [29], "not": [0]},
        # a total of which some row does not tell the parts, or of which somebody is left
        {"area": ["x", "y", "z"]} | {c: [*n, np.nan] for c, n in ONE.items()},
        {"area": ["x", "y", "z"], "girls": [3, 30, 20], "boys": [33, 40, 30],
         "total": [36, 70, 51]},
        AREAS | ONE | {"meals": [14, 20]},  # and a column that is no part
    ],
)  # fmt: skip
def test_complete_finds_the_columns_that_add_up(wide):
    frame = pd.DataFrame(wide)
    counts = [c for c in frame if c != "area"]
    done, notes = complete({"t": protect(frame, counts=counts)})
    assert notes == ()
    assert done["t"].table.loc[0, counts].isna().sum() >= 2


@pytest.mark.parametrize(
    ("parts", "whole"),
    [
        ({"girls": [3], "boys": [33]}, {"n": [36]}),
        (AREAS | {"girls": [3, 30], "boys": [33, 40]}, {"area": ["x", "z"], "n": [36, 70]}),
    ],
)
def test_complete_one_row_of_another_table_is_enough_to_add_up(parts, whole):
    safes = {
        "parts": protect(pd.DataFrame(parts), counts=("girls", "boys")),
        "whole": protect(pd.DataFrame(whole), counts="n"),
    }
    done, _ = complete(safes)
    tables = done["parts"].table, done["whole"].table
    assert np.isnan([tables[0].loc[0, "boys"], tables[1].loc[0, "n"]]).any()


def test_complete_wide_tables_headed_by_labels_of_wide_tables():
    """Columns of years by sex, and of sexes by area: that both count pupils, a third one says."""
    areas = protect(
        pd.DataFrame({"area": ["a", "b"], "girls": [70, 53], "boys": [61, 54]}),
        counts=("girls", "boys"),
    )
    years = protect(
        pd.DataFrame({"area": ["a", "a", "b", "b"], "sex": ["girls", "boys"] * 2,
                      "Y7": [3, 30, 23, 24], "Y8": [67, 31, 30, 30]}),
        counts=("Y7", "Y8"),
    )  # fmt: skip
    year = protect(long("year", {"Y7": 80, "Y8": 158}), counts="n")
    done, _ = complete({"areas": areas, "years": years, "year": year})
    # 70 girls in a, less 65 in Y8: 1 to 9
    assert np.isnan([done["areas"].table.loc[0, "girls"], done["years"].table.loc[0, "Y8"]]).any()


@pytest.mark.parametrize(
    ("label", "groups"),
    [
        ("parent", {"one": 33, "both": 40, "neither": 3, "all": 76}),
        ("sex", {"girls": 3, "boys": 37, "all": 40, "Total": 40}),
    ],
)
def test_complete_two_words_for_everybody_in_one_column(label, groups):
    done, notes = complete({"t": protect(long(label, groups, total=False), counts="n")})
    assert (symbols(done["t"]).count("c"), notes) == (2, ())


def test_complete_missing_label_is_a_label():
    safe = protect(pd.DataFrame({"sex": ["girls", None, "all"], "n": [37, 3, 40]}), counts="n")
    assert symbols(complete({"t": safe})[0]["t"]) == ["c", "c", ""]


@pytest.mark.parametrize("zeros", [True, False])
def test_complete_new_table_of_some_groups_is_no_sum(zeros):
    """That only y is shown does not make y everybody, which would tell that x is zero."""
    rules = Rules(zeros_disclosive=zeros)
    before, _ = complete({"t": protect(long("area", {"x": 3, "y": 34}), counts="n", rules=rules)})
    safe = protect(pd.DataFrame({"area": ["y"], "n": [34]}), counts="n", rules=rules)
    done, notes = complete({"u": safe}, earlier=[(rules, {"t": before["t"].table})])
    assert (symbols(done["u"]), notes) == (["c"], ())


@pytest.mark.parametrize("wide", [False, True])
def test_complete_nobody_left_of_one_total_is_a_group_where_another_leaves_some(wide):
    of = {("North", "girls"): 48, ("North", "boys"): 47, ("all", "girls"): 48, ("all", "boys"): 77}
    frame = pd.DataFrame([(*group, n) for group, n in of.items()], columns=["area", "sex", "n"])
    if wide:
        frame = frame.pivot_table(index="area", columns="sex", values="n").reset_index()
    others = {"areas": protect(long("area", {"North": 95, "South": 30}), counts="n")}
    others["sexes"] = protect(long("sex", {"girls": 48, "boys": 77}), counts="n")
    safe = protect(frame, counts=("girls", "boys") if wide else "n")
    table = complete(others | {"both": safe})[0]["both"].table
    hidden = {(area, sex): table.loc[table["area"] == area] for area, sex in of}
    if wide:
        hidden = {at: row[f"{at[1]}_symbol"].item() for at, row in hidden.items()}
    else:
        hidden = {at: row.set_index("sex")["n_symbol"][at[1]] for at, row in hidden.items()}
    assert "c" in (hidden["North", "girls"], hidden["all", "girls"])  # no girl of South


def test_complete_nobody_left_of_any_total_is_no_group():
    frame = pd.DataFrame({"area": ["North", "all"], "girls": [48, 48], "boys": [47, 47]})
    safes = {"both": protect(frame, counts=("girls", "boys"))}
    assert complete(safes) == (safes, ())


def test_complete_nobody_less_than_a_named_total_is_a_group_where_another_row_leaves_some():
    frame = pd.DataFrame(
        {"area": ["North", "South"], "met": [40, 20], "not": [20, 40], "total": [60, 80]}
    )
    done, _ = complete({"t": protect(frame, counts=("met", "not", "total"))})
    assert "c" in {done["t"].table[f"{c}_symbol"][0] for c in ("met", "not", "total")}


def test_complete_nobody_outside_one_of_groups_that_overlap_is_a_group():
    frame = pd.DataFrame(
        [(s, g, n) for s, row in {"North": (60, 30, 60), "South": (40, 30, 60)}.items()
         for g, n in zip(("boys", "free meals", "all"), row, strict=True)],
        columns=["school", "subgroup", "n"],
    )  # fmt: skip
    done, _ = complete({"t": protect(frame, counts="n")})
    assert "c" in {*done["t"].table["n_symbol"][[0, 2]]}  # no girl in North


@pytest.mark.slow
def test_complete_part_that_was_zero_takes_no_other_programme_s_protection():
    """Where zeros are shown a hidden part may be one; the sums would fit no numbers."""
    rules = Rules(zeros_disclosive=False)
    met = pd.DataFrame({"sex": ["girls", "boys", "all"], "n": [5, 60, 65], "met": 0, "pct": 0.0})
    share = {"counts": ("n", "met"), "percentages": {"pct": ("met", "n")}}
    told, _ = complete({
        "i/kite/2018": protect(met, **share, rules=rules),
        "i/lamp/2018": protect(long("area", {"x": 3, "y": 34}), counts="n", rules=rules),
    })  # fmt: skip
    safe = protect(pd.DataFrame({"area": ["y", "z"], "n": [34, 40]}), counts="n", rules=rules)
    earlier = [(rules, {name: one.table for name, one in told.items()})]
    done, notes = complete({"f/lamp/2018/f": safe}, earlier=earlier)
    assert (symbols(done["f/lamp/2018/f"]), notes) == (["c", ""], ())


def test_complete_zero_that_the_rules_show_is_not_told_by_earlier_releases():
    raw = pd.DataFrame({"n": [40], "met": [40], "not": [0], "pct": [0.0]})
    safe = protect(
        raw, counts=("n", "met", "not"), percentages={"pct": ("met", "n")},
        rules=Rules(zeros_disclosive=False),
    )  # fmt: skip
    assert complete({"t": safe})[1] == ()


@pytest.mark.slow
def test_complete_total_of_many_groups_that_nobody_shows_may_be_large():
    """It is many times as large as any number shown; with less, no numbers fitted."""
    sexes = pd.DataFrame(
        [(f"a{a}", sex, n) for a in range(40) for sex, n in (("girls", 9), ("boys", 30))],
        columns=["area", "sex", "n"],
    )
    areas = sexes.groupby("area", as_index=False)["n"].sum()
    done, notes = complete({"s": protect(sexes, counts="n"), "a": protect(areas, counts="n")})
    assert notes == ()
    assert symbols(done["s"]).count("c") + symbols(done["a"]).count("c") > 40


def test_complete_two_tables_without_totals_share_the_ones_nobody_shows():
    def two(name, counts):
        rows = [(sex, label, n) for sex, row in counts.items() for label, n in row.items()]
        return protect(pd.DataFrame(rows, columns=["sex", name, "n"]), counts="n")

    safes = {
        "areas": two("area", {"girls": {"a": 36, "b": 47}, "boys": {"a": 79, "b": 53}}),
        "years": two("year", {"girls": {"y": 3, "z": 80}, "boys": {"y": 67, "z": 65}}),
    }
    done, _ = complete(safes)  # 35 and 45 girls in two areas, less 80: 0 to 6 in year y
    assert sum(symbols(safe).count("c") for safe in done.values()) > 1


def test_complete_two_years_of_one_table_are_two_numbers():
    years = [
        long("sex", {"girls": girls, "boys": 30}).assign(year=year)
        for year, girls in ((2017, 3), (2018, 50))
    ]
    safe = protect(pd.concat(years, ignore_index=True), counts="n", axes="year")
    done, _ = complete({"t": safe})
    assert symbols(done["t"])[3:] == ["", "", ""]
    assert symbols(done["t"])[:3].count("c") == 2


def test_complete_hidden_count_is_known_not_to_be_zero_where_zeros_are_shown():
    rules = Rules(threshold=7, zeros_disclosive=False)
    raw = long("school", {"a": 7, "b": 1, "c": 17}).assign(mean=7.3)  # so that counts are known
    safe = protect(raw, counts="n", statistics="mean", rules=rules)
    done, _ = complete({"t": safe})
    # were only a and b hidden, neither being zero, each would be 1 to 7: less than 7 wide
    assert symbols(done["t"])[1:3] == ["c", "c"]


def test_complete_hidden_count_leaves_the_words_too():
    raw = long("sex", {"girls": 37, "boys": 3}).assign(note="")
    safe = protect(raw, counts="n", words=lambda table: table.assign(note="35 pupils are girls"))
    done, _ = complete({"t": safe})
    assert set(done["t"].table["note"]) == {"some pupils are girls"}


def test_close_small_system_agrees_with_trying_every_number(rng):
    """The ranges of three hidden numbers in a row with a known sum, against enumeration."""
    for _ in range(20):
        total = int(rng.integers(12, 40))
        system = System(
            sparse.csr_array(np.array([[-1.0, 1, 1, 1]])),
            np.array([total, 0.0, 0, 0]), np.array([total, np.inf, np.inf, 7]), np.zeros(4),
            np.array([0, 5.0, 5, 5]), np.full(4, np.inf), np.full(4, 5.0),
        )  # fmt: skip
        assert not len(system.too_narrow())
        fits = [
            (a, b, total - a - b)
            for a in range(total + 1) for b in range(total + 1 - a) if total - a - b <= 7
        ]  # fmt: skip
        least, most = np.min(fits, axis=0), np.max(fits, axis=0)
        assert (system.low[1:] >= least - 1e-6).all()
        assert (system.high[1:] <= most + 1e-6).all()
        assert (system.high - system.low)[1:].min() >= 5 - 1e-3


def test_conflicting_sums_that_are_sure_give_way_last():
    """However little they are wrong by, and however many others are; else nothing would fit."""
    known = np.array([0.0, 11, 20, 20, 20])
    sums = np.array([[-1.0, 1, 0, 0, 0], [-1, 0, 1, 0, 0], [-1, 0, 0, 1, 0], [-1, 0, 0, 0, 1]])
    upper, none = np.r_[np.inf, known[1:]], np.zeros(5)
    system = System(sparse.csr_array(sums), known, upper, none, none, np.full(5, np.inf), none)
    weight, sure = np.array([1000.0, 100, 100, 100]), np.array([True, False, False, False])
    assert system.conflicting_sums(weight, sure).tolist() == [1, 2, 3]


def test_totals_of_totals_that_nobody_shows_may_be_as_much_as_all_their_parts():
    shown, some = 36, 12  # three of 900 to each total, and the sum of those totals
    rows = np.zeros((some + 1, shown + some + 1))
    for at in range(some):
        rows[at, shown + at], rows[at, 3 * at : 3 * at + 3] = 1, -1
    rows[-1, -1], rows[-1, shown:-1] = 1, -1
    n = rows.shape[1]
    known, need = np.arange(n) < shown, np.where(np.arange(n) == n - 1, 5.0, 0.0)
    system = System(
        sparse.csr_array(rows), np.where(known, 900.0, 0), np.where(known, 900.0, np.inf),
        np.zeros(n), need, np.full(n, np.inf), np.full(n, 5.0),
    )  # fmt: skip
    system.exact_ranges(np.array([n - 1]))
    assert (system.low[-1], system.high[-1]) == (32_400, 32_400)


def test_close_numbers_that_fit_no_sum_are_told():
    system = System(
        sparse.csr_array(np.array([[-1.0, 1, 1]])), np.array([10.0, 50, 0]),
        np.array([10.0, 50, np.inf]), np.zeros(3), np.array([0.0, 0, 5]), np.full(3, np.inf),
        np.full(3, 5.0),
    )  # fmt: skip
    with pytest.raises(ArithmeticError, match=r"^no numbers fit the sums$"):
        close(system, iter(()))


def test_complete_same_release_on_a_slow_machine_and_by_a_clock_that_jumps(monkeypatch):
    """A solver that is too slow for any limit of time gives what a fast one does."""
    draw = np.random.default_rng(6)
    counts = pd.DataFrame(draw.poisson(draw.lognormal(3, 1, (4, 4))) + 1).add_prefix("g")
    counts["all"] = counts.sum(axis=1)
    counts.loc["all"] = counts.sum()
    frame = counts.rename_axis("area").reset_index().melt("area", var_name="group", value_name="n")
    frame["area"] = frame["area"].astype("str")
    safe = protect(frame.assign(mean=7.3), counts="n", statistics="mean")
    fast, few = (symbols(complete({"t": safe}, effort=effort)[0]["t"]) for effort in (500, 0))
    assert fast.count("c") < few.count("c")  # searching helps
    moments = count(step=3600)
    for clock in ("time", "monotonic", "perf_counter", "process_time", "thread_time"):
        monkeypatch.setattr(time, clock, lambda: float(next(moments)))
    for module in (bounds, cell_selection, levels):
        monkeypatch.setattr(module, "milp", slowly)
    assert symbols(complete({"t": safe})[0]["t"]) == fast


def slowly(*args, options=None, **rest):
    """Solve on a machine on which any time allowed is over at once."""
    slow = {name: 0.0 if "time" in name else value for name, value in (options or {}).items()}
    return milp(*args, options=slow, **rest)


def alone(safes, earlier=()):
    """Weakened on purpose: every table protected by itself, no search for what adds up."""
    return dict(safes), ()


def forgetful(safes, earlier=()):
    """Weakened on purpose: earlier releases are forgotten."""
    return complete(safes)


tried = cache(trial)  # some tests look at the same releases


@pytest.mark.slow
def test_attacker_works_nothing_out_where_a_weakened_build_tells():
    """Shortest form of `benchmarks/disclosure.py`, which makes more than 10,000 tables."""
    assert [bool(tried(seed, complete)[0]) for seed in range(6)] == [False] * 6
    assert any(tried(seed, alone)[0] for seed in range(6))


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1142, 1626, 3018, 10_330, 23_417])
def test_attacker_works_nothing_out_of_groups_left_out(seed):
    """A table that lists one group and a total once made that group everybody."""
    assert trial(seed)[0] == []


@pytest.mark.slow
@pytest.mark.parametrize("finish", [complete, partial(complete, effort=0)])
def test_attacker_works_nothing_out(finish):
    found = [tried(seed, finish) for seed in range(80)]
    assert [narrower for narrower, *_ in found if narrower] == []
    assert sum(hidden for _, _, hidden, _ in found) > 200  # there was something to work out


@pytest.mark.slow
@pytest.mark.parametrize(
    ("weakened", "seeds"), [(alone, range(40)), (forgetful, range(169, 99, -1))]
)
def test_attacker_catches_a_weakened_build(weakened, seeds):
    caught = (seed for seed in seeds if tried(seed, weakened)[0])
    assert len([*islice(caught, 3)]) == 3  # three are enough


@pytest.mark.slow
def test_closing_prints_nothing_and_leaves_standard_output_to_other_threads(capfd):
    written, over = [], threading.Event()

    def write():
        while not over.wait(0.001):
            os.write(1, line := f"{len(written)}\n".encode())
            written.append(line)

    thread = threading.Thread(target=write)
    thread.start()
    trial(8)  # HiGHS 1.12 prints a line here, whatever its options are
    over.set()
    thread.join()
    ctypes.CDLL(None).fflush(None)
    assert len(written) > 50
    assert capfd.readouterr().out == b"".join(written).decode()


def test_attacker_knows_how_to_subtract():
    """The attacker itself: 40 less 35 leaves 1 to 9, with both roundings."""
    lines = [np.array([1.0, 0]), np.array([0, 1.0]), np.ones(2)]
    frame = long("sex", {"girls": 37, "boys": 3})
    safe = protect(frame, counts="n")
    table = Table(frame, {"counts": "n"}, {"n": lines})
    ((*_, low, high),) = narrow([Release(Rules(), {"t": safe.table}, {"t": table})])
    assert (round(low), round(high)) == (1, 9)


@pytest.mark.parametrize("name", ["area", "level", "method", "title", "verdict", "area_symbol"])
@pytest.mark.parametrize("whole", ["all", "County"])
def test_complete_knows_groups_whatever_their_column_is_called(name, whole):
    frame = pd.DataFrame({name: ["Hill", "Lake", "Mill", whole], "n": [40, 50, 7, 97]})
    done, _ = complete({"t": protect(frame.assign(mean=7.3), counts="n", statistics="mean")})
    assert done["t"].table["n"].isna().sum() == 2


def test_complete_knows_groups_of_yes_and_no():
    """Hidden, 7 would be all less those who are not."""
    yes = pd.DataFrame({"meals": [True, False], "n": [7, 90]}).assign(mean=7.3)
    whole = pd.DataFrame({"n": [97]}).assign(mean=7.3)
    safes = {n: protect(f, counts="n", statistics="mean") for n, f in (("t", yes), ("u", whole))}
    done, _ = complete(safes)
    assert done["t"].table["n"].isna().all() or done["u"].table["n"].isna().all()


def test_complete_hides_a_count_before_a_result():
    """Three of South are told by all less North; what stands beside a result is worth two."""
    rows = [("North", 60), ("South", 3), ("East", 50), ("all", 113)]
    areas = pd.DataFrame(rows, columns=["area", "n"])
    effects = pd.DataFrame({"area": ["East"], "n": [50], "estimate": [0.1]})
    safes = {
        "figures/p/2018/areas": protect(areas, counts="n"),
        "effects/p/2018": protect(effects, counts="n", statistics="estimate"),
    }
    done, _ = complete(safes)
    assert done["effects/p/2018"].hidden == {}
    assert done["figures/p/2018/areas"].table["n"].isna().tolist() == [True, True, False, False]
