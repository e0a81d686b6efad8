"""The same pupils under other names: programmes, cohorts, hubs and releases."""

from itertools import product

import numpy as np
import pandas as pd
import pytest
from attacker import staged

from evidence.data.rules import Rules
from evidence.release.control.disclosure import protect
from evidence.release.control.suppression import complete


def arms(few, control, name="control"):
    """Return pupils of two arms and of both, with a mean beside each."""
    rows = [("programme", few), (name, control), ("all", few + control)]
    frame = pd.DataFrame(rows, columns=["arm", "n"]).assign(mean=7.3)
    return protect(frame, counts="n", statistics="mean")


def shown(safe, column="arm"):
    table = safe.table.set_index(column)["n"]
    return set(table.index[table.notna()])


@pytest.mark.parametrize("name", ["control", "as usual"])
def test_complete_control_group_of_two_programmes_is_one_group(name):
    """Hidden in one beside an arm of 4, it must not be shown in the other."""
    safes = {"f/lamp/2018/flow": arms(4, 41), "f/kite/2018/flow": arms(52, 41, name)}
    done, _ = complete(safes)
    lamp, kite = (shown(safe) for safe in done.values())
    assert "programme" not in lamp
    assert len(lamp) < 2
    assert {"control", "all"} & lamp == set() or name not in kite or "all" not in lamp


def test_complete_other_groups_with_one_count_in_common_stay():
    safes = {"f/lamp/2018/flow": arms(60, 41), "f/kite/2018/flow": arms(52, 41)}
    done, _ = complete(safes)
    assert all(len(shown(safe)) == 3 for safe in done.values())


@pytest.mark.parametrize("cohort", ["2018", "autumn"])
def test_complete_renamed_cohort_is_the_same_cohort(cohort):
    """All were 40, which the release before shows; 37 boys now would tell of three girls."""
    whole = protect(pd.DataFrame({"sex": ["all"], "n": [40]}), counts="n")
    sexes = protect(pd.DataFrame({"sex": ["girls", "boys"], "n": [3, 37]}), counts="n")
    name = f"f/lamp/{cohort}/u"
    assert shown(complete({name: sexes})[0][name], "sex") == {"boys"}
    done, notes = complete({name: sexes}, earlier=[(Rules(), {"f/lamp/2018/t": whole.table})])
    assert (shown(done[name], "sex"), notes) == (set(), ())


@pytest.mark.parametrize(("now", "stays"), [(97, True), (90, False), (104, False), (60, True)])
def test_complete_count_that_few_left_or_joined_is_not_shown_again(now, stays):
    safe = {n: protect(pd.DataFrame({"area": ["North", "South"], "n": [n, 140]}), counts="n")
            for n in (97, now)}  # fmt: skip
    done, notes = complete({"t": safe[now]}, earlier=[(Rules(), {"t": safe[97].table})])
    assert ("North" in shown(done["t"], "area"), notes) == (stays, ())
    assert "South" in shown(done["t"], "area")


def test_complete_what_was_hidden_beside_a_group_that_is_gone_stays_hidden():
    """Mill was hidden, and Lake for its sake: with North as before, Lake would tell of Mill."""
    raw = pd.DataFrame({"area": ["Hill", "Lake", "Mill", "North"], "n": [40, 50, 7, 97]})
    raw["mean"] = 7.3
    first, _ = complete({"t": protect(raw, counts="n", statistics="mean")})
    gone = set(raw["area"]) - shown(first["t"], "area") - {"Mill"}
    later = protect(raw[raw["area"] != "Mill"], counts="n", statistics="mean")
    done, _ = complete({"t": later}, earlier=[(Rules(), {"t": first["t"].table})])
    assert not gone & shown(done["t"], "area")


@pytest.mark.parametrize(("all_of_other", "told"), [(34, True), (61, False)])
def test_hubs_whose_totals_alone_agree_are_of_the_same_pupils(all_of_other, told):
    """One shows girls of each area, the other all pupils of each: 10 less 10 leaves 0 to 5 boys."""
    areas = {"a": 6, "b": 12, "c": all_of_other - 18, "all": all_of_other}
    other = protect(
        pd.DataFrame({"area": [*areas], "n": [*areas.values()]}), counts="n", threshold=7
    )
    both = pd.DataFrame(
        {"area": [*"aabbcc"], "sex": ["girls", "boys"] * 3, "n": [5, 1, 11, 1, 3, 13]}
    )
    whole = protect(pd.DataFrame({"sex": ["girls", "all"], "n": [19, 34]}), counts="n", threshold=7)
    mine, _ = complete(
        {"figures/p/2018/t": protect(both, counts="n", threshold=7), "figures/p/2018/u": whole}
    )
    ours, theirs = (
        (Rules(threshold=7), {name: safe.table for name, safe in safes.items()})
        for safes in (mine, complete({"figures/other:p/2018/t": other})[0])
    )
    assert ours[1]["figures/p/2018/t"]["n"].notna()[2]
    assert bool(complete({}, earlier=[ours, theirs])[1]) == told


def merged(ours, theirs, threshold):
    """Return what two hubs' tables tell together, if they are of the same pupils."""
    rules = Rules(threshold=threshold)
    notes = complete({}, earlier=[(rules, ours), (rules, theirs)])[1]
    return [note for note in notes if "may be" not in note]


@pytest.mark.parametrize(
    ("name", "theirs", "refused"),
    [
        ("p/2018", {"year": ["Y1"], "n": [40.0]}, True),  # nothing in common
        ("p/2018", {"sex": ["girls", "all"], "n": [20.0, 60]}, True),
        ("p/2018", {"sex": ["girls", "all"], "n": [20.0, 90]}, False),  # other pupils
        ("p/2018", {"sex": ["girls", "boys", "all"], "n": [np.nan, np.nan, 60]}, False),  # the same
        ("q/2018", {"year": ["Y1"], "n": [40.0]}, False),
        ("q/2018", {"sex": ["girls", "all"], "n": [20.0, 60]}, False),  # one count by chance
        ("p/2019", {"sex": ["boys", "all"], "year": ["all", "all"], "n": [20.0, 60]}, False),
    ],
)
def test_hubs_that_may_have_the_same_pupils_are_not_put_together_where_one_hides(
    name, theirs, refused
):
    ours = counted({"sex": ["girls", "boys", "all"]}, {"n": np.array([np.nan, np.nan, 60])})
    labels = {c: theirs[c] for c in theirs if c != "n"}
    other = {f"figures/other:{name}/t": counted(labels, {"n": np.array(theirs["n"])})}
    rules = Rules()
    notes = complete({}, earlier=[(rules, {"figures/p/2018/t": ours}), (rules, other)])[1]
    assert bool(notes) == refused
    shown = counted({"sex": ["girls", "boys", "all"]}, {"n": np.array([20.0, 40, 60])})
    both = [(rules, {"figures/p/2018/t": shown}), (rules, other)]
    assert bool(complete({}, earlier=both)[1]) == bool(np.isnan(theirs["n"]).any())


def counted(labels, counts):
    """Return a table as published; a count that is missing is hidden."""
    symbols = {f"{name}_symbol": np.where(np.isnan(n), "c", "") for name, n in counts.items()}
    return pd.DataFrame(labels | counts | symbols)


@pytest.mark.parametrize(("boys", "told"), [(90.0, True), (60.0, False)])
def test_hub_counts_who_lacks_what_another_shows_a_percentage_of(boys, told):
    """Of 160 pupils 70 have it: 90 boys who lack it leave six girls at most."""
    area = pd.DataFrame({"area": ["a", "b"], "n": [158, 100], "met": [69, 40], "pct": 0.0})
    share = {"pct": ("met", "n")}
    mine = protect(area, counts=("n", "met"), percentages=share, threshold=10)
    hidden = [np.nan, np.nan]
    labels = {"area": ["a", "a"], "sex": ["girls", "boys"]}
    other = counted(labels, {"n": hidden, "met": hidden, "not": [np.nan, boys]})
    notes = merged({"figures/p/2018/t": mine.table}, {"figures/other:p/2018/t": other}, 10)
    assert bool(notes) == told


@pytest.mark.parametrize(("first", "told"), [(100.0, True), (110.0, False)])
def test_hub_shows_n_in_columns_of_another_name(first, told):
    """Four groups are 343 pupils at most, which is n: no more than 30 have it, 12 of them in Y1."""
    groups = {"g1": [first, 50], "g2": [90.0, 60], "g3": [80.0, 40], "g4": [65.0, 50]}
    groups["total"] = [345.0, 200]
    mine = {
        "figures/p/2018/t": counted({"area": ["a", "b"]}, {"n": [345.0, 200]}),
        "figures/p/2018/u": counted({"area": ["a", "b"]}, groups),
    }
    met = {"n": [345.0, 145, 200], "met": [30.0, np.nan, 20], "not": [315.0, 135, 180]}
    other = counted({"area": ["a"] * 3, "year": ["all", "Y1", "Y2"]}, met)
    assert bool(merged(mine, {"figures/other:p/2018/t": other}, 7)) == told


@pytest.mark.parametrize(("n", "told"), [(25.0, True), (np.nan, False)])
def test_hub_shows_what_columns_add_up_to_that_are_no_names_of_counts(n, told):
    """Of 27 at most 18 are in the third column: 9 in the others. No column is n, nor all three."""
    hidden = [np.nan, np.nan]
    columns = {"girls": hidden, "boys": [np.nan, 20.0], "unknown": [20.0, np.nan]}
    mine = counted({"area": ["a", "b"]}, columns)
    counts = {"n": [n, 30.0, n + 30], "met": [n - 15, 15.0, n], "not": [15.0, 15.0, 30.0]}
    other = counted({"area": ["a", "b", "all"]}, counts)
    assert bool(merged({"figures/p/2018/t": mine}, {"figures/other:p/2018/t": other}, 10)) == told


@pytest.mark.parametrize(("second", "stays"), [(75, False), (60, True)])
def test_complete_control_group_may_be_part_of_a_programme_that_never_names_it(second, stays):
    """75 of year 2 in the other programme: 12 of year 1 at least, of 15 with the few treated."""
    rows = [("programme", 3, 40), ("control", 12, 75), ("all", 15, 115)]
    lamp = pd.DataFrame(rows, columns=["arm", "Y1", "Y2"]).melt("arm", var_name="year")
    both = lamp.groupby("arm", as_index=False)["value"].sum().assign(year="all")
    lamp = pd.concat([lamp, both]).rename(columns={"value": "n"}).assign(mean=7.3)
    kite = pd.DataFrame({"year": ["Y1", "Y2"], "n": [16, second]}).assign(mean=7.3)
    safes = {
        name: protect(frame, counts="n", statistics="mean")
        for name, frame in {"f/lamp/2018/t": lamp, "f/kite/2018/t": kite}.items()
    }
    done, _ = complete(safes)
    alone, _ = complete({"f/lamp/2018/t": safes["f/lamp/2018/t"]})
    kept = {name: safe.table["n"].notna().sum() for name, safe in done.items()}
    assert alone["f/lamp/2018/t"].table["n"].notna().sum() == 5
    assert (sum(kept.values()) == 7) == stays


@pytest.mark.parametrize(("control", "stays"), [(50, False), (57, True)])
@pytest.mark.parametrize("named", ["nowhere", "elsewhere", "total"])
def test_complete_control_group_shown_in_columns_that_add_up_to_n(control, stays, named):
    """14 and 36 as usual in one programme are the hidden 50 of the other one's control group."""
    lamp = pd.DataFrame({"arm": ["programme", "as usual"], "Y1": [20, 14], "Y2": [30, 36]})
    lamp = lamp.assign(total=50) if named == "total" else lamp
    safes = {
        "f/lamp/2018/t": protect(lamp, counts=[*lamp][1:]),
        "f/kite/2018/t": arms(4, control),
    }
    if named == "elsewhere":
        safes["f/lamp/2018/whole"] = protect(pd.DataFrame({"n": [100]}), counts="n")
    done, _ = complete(safes)
    kept = done["f/lamp/2018/t"].table[[*lamp][1:]].notna().all(axis=None)
    assert (kept and shown(done["f/kite/2018/t"]) == {"all"}) == stays


@pytest.mark.parametrize(("usual", "stays"), [(41, False), (57, True)])
def test_complete_columns_of_one_table_do_not_name_what_those_of_another_count(usual, stays):
    """Year groups, which label no row, are not what the girls and boys of each arm count."""
    rows = [("programme", "girls", 4), ("programme", "boys", 40), ("control", "girls", 41),
            ("control", "boys", 37), ("all", "girls", 45), ("all", "boys", 77)]  # fmt: skip
    kite = pd.DataFrame(rows, columns=["arm", "sex", "n"]).assign(mean=7.3)
    kite["met"] = 20 + kite.index
    lamp = {
        "t": pd.DataFrame({"arm": ["programme", "as usual"], "girls": [60, usual], "boys": 37}),
        "u": pd.DataFrame({"sex": ["girls", "boys"], "Y1": [51, 24], "Y2": [usual + 9, 50]}),
    }
    safes = {f"f/lamp/2018/{at}": protect(one, counts=[*one][1:]) for at, one in lamp.items()}
    safes["f/kite/2018/t"] = protect(kite, counts=("n", "met"), statistics="mean")
    done, _ = complete(safes)
    girls = done["f/lamp/2018/t"].table["girls"].notna()[1]
    every = done["f/kite/2018/t"].table["n"].notna()[4]
    assert (girls and every) == stays


@pytest.mark.parametrize("some", [False, True])
@pytest.mark.parametrize(("control", "stays"), [(71, False), (90, True)])
def test_complete_control_group_shown_by_two_labels_and_no_total(control, stays, some):
    """71 as usual in another programme, less 41, 11 and 10, are nine; 30 with meals are not all."""
    rows = [("as usual", 41, 9, 11, 10), ("programme", 33, 12, 9, 9)]
    kite = pd.DataFrame(
        [(arm, sex, year, n) for arm, *all_n in rows
         for (sex, year), n in zip(product(("girls", "boys"), ("Y1", "Y2")), all_n, strict=True)],
        columns=["arm", "sex", "year", "n"],
    ).assign(mean=7.3)  # fmt: skip
    meals = pd.DataFrame({"arm": ["programme", "as usual"], "meals": "yes", "n": [31, 30]})
    safes = {"f/kite/2018/s": protect(meals, counts="n")} if some else {}
    safes |= {
        "f/lamp/2018/t": arms(60, control),
        "f/kite/2018/t": protect(kite, counts="n", statistics="mean", threshold=10),
    }
    done, _ = complete(safes)
    alone, _ = complete({"f/kite/2018/t": safes["f/kite/2018/t"]})
    kept = [one["f/kite/2018/t"].table["n"].notna().sum() for one in (done, alone)]
    assert ((kept[0] == kept[1]) and "control" in shown(done["f/lamp/2018/t"])) == stays


@pytest.mark.slow
@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize(("without", "stays"), [(10, False), (30, True)])
def test_complete_what_a_percentage_leaves_is_known_where_another_programme_counts_it(
    without, stays, own
):
    """9 boys of the control group have it not; of all 10 boys who have it not, they are a part."""
    rows = [("control", 16, 3, 28, 19), ("programme", 72, 10, 14, 3), ("all", 88, 13, 42, 22)]
    lamp = pd.DataFrame(
        [
            row
            for arm, *(girls, met, boys, also) in rows
            for row in [(arm, "girls", girls, met), (arm, "boys", boys, also),
                        (arm, "all", girls + boys, met + also)]
        ],
        columns=["arm", "sex", "n", "met"],
    ).assign(pct=0.0)  # fmt: skip
    kite = pd.DataFrame(
        {"sex": ["girls", "boys"], "n": [31, 33 + without], "met": [6, 33], "not": [25, without]}
    ).assign(mean=7.3)
    few = {"threshold": 5}
    share = {"percentages": {"pct": ("met", "n")}}
    safes = {
        "f/lamp/2018/t": protect(lamp, counts=("n", "met"), **share, **few),
        "f/kite/2018/t": protect(kite, counts=("n", "met", "not"), statistics="mean", **few),
        "f/kite/2018/u": arms(30, 44),
    }
    if own:
        half = pd.DataFrame({"meals": ["yes"], "n": [40], "met": [20], "pct": [50.0]})
        safes["f/kite/2018/v"] = protect(half, counts=("n", "met"), **share, **few)
    done, _ = complete(safes)
    alone = [complete({name: safe})[0][name] for name, safe in safes.items()]
    kept, before = (
        [int(one.table.filter(regex="^(n|met|not)$").notna().sum().sum()) for one in those]
        for those in (done.values(), alone)
    )
    assert (kept == before) == stays


@pytest.mark.slow
def test_what_equal_counts_tell_beside_an_earlier_release_is_named_to_the_reviewer():
    said = []

    def noted(safes, **options):
        done, notes = complete(safes, **options)
        said.append(notes)
        return done, notes

    staged(73, noted, kinds=("renamed",))
    staged(0, noted, kinds=("levels",))
    (alone, beside, level) = said
    assert alone == level == ()
    assert beside[-1].startswith("p/autumn/met/area 0/sex 0 and ")
    assert " more: whoever takes equal counts for the same pupils works it out;" in beside[-1]


def test_what_columns_add_up_to_the_whole_of_a_percentage_tell_is_no_chance():
    """How many met and did not add up to n in one row, of which another table shows a share."""
    (_, autumn) = staged(90_001_099, kinds=("renamed",))[3]
    title = "p/autumn/met/area 0/sex 0"
    assert autumn.notes == (f"{title}: an earlier release discloses it too closely",)
