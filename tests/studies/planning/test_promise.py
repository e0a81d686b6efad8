"""What was done against what was promised, over generated protocols and data."""

import copy
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

import evidence as ev
from evidence.data.rules import Rules
from evidence.release.control.rounding import round_words
from evidence.release.store.candidates import protect_effects
from evidence.studies.planning.promise import Promise

from .protocols import write


def generated(seed):
    """Return a protocol, the plan that keeps it, and data as it planned them."""
    rng = np.random.default_rng(seed)
    units, each = 2 * int(rng.integers(6, 12)), int(rng.integers(4, 8))
    whole = bool(rng.integers(2))
    covariates = [*rng.permutation(["age", "sex"])[: rng.integers(0, 3)]]
    groups = [*rng.permutation(["fsm", "sen"])[: rng.integers(0, 3)]]
    start = date(2027, 6, 1) + timedelta(int(rng.integers(0, 30)))
    names = ["post", "second", "third"][: rng.integers(1, 4)]
    outcomes = [
        {"name": name, "smallest_worthwhile": float(rng.choice([0.1, 0.2])), "primary": not at,
         "tested": f"{name}_day", "first": start, "last": start + timedelta(10)}
        for at, name in enumerate(names)
    ]  # fmt: skip
    said = {
        "title": f"Trial {seed}",
        "question": "Does it work?",
        "dated": date(2026, 9, 1),
        "design": {
            "kind": "CRA2" if whole else "BIRA2_constant",
            "arms": dict.fromkeys(["new", "usual", "other"][: rng.integers(2, 4)], 1),
            "control": "usual",
        },
        "outcomes": outcomes,
        "analysis": {
            "cluster": "school" if whole else "",
            "strata": "" if whole else "school",
            "baseline": str(rng.choice(["pre", ""])),
            "dosage": str(rng.choice(["hours", ""])),
            "covariates": [str(c) for c in covariates],
            "subgroups": [str(c) for c in groups],
            "where": {"year": "4"} if rng.integers(2) else {},
        },
        "sample": {"n": each, "J": units} | ({"rho2": 0.1} if whole else {}),
    }
    n = units * each
    school = np.repeat(np.arange(units), each)
    arms = [*said["design"]["arms"]]
    of = rng.permutation(np.arange(units) % len(arms))[school]
    if not whole:
        of = np.concatenate([rng.permutation(np.arange(each) % len(arms)) for _ in range(units)])
    data = pd.DataFrame(
        {"pupil": np.arange(n), "school": school, "arm": np.array(arms)[of]}
        | {name: rng.normal(size=n) for name in (*names, "pre", "age", "hours", "spare")}
        | {name: rng.choice(["a", "b"], n) for name in ("sex", "fsm", "sen")}
    )
    for o in outcomes:
        days = rng.integers(0, 11, n)
        data[o["tested"]] = [(start + timedelta(int(day))).isoformat() for day in days]
    if said["analysis"]["where"]:  # another year lies in the same file
        more = data.head(each).assign(pupil=np.arange(n, n + each), year="5", school=units)
        data = pd.concat([data.assign(year="4"), more], ignore_index=True)
    return said, ev.Plan.read(said).protocol.trial(), data


def _outcome_dropped(rng, plan, data, said):
    if len(plan["outcomes"]) < 2:
        return None
    plan["outcomes"].pop()
    return "outcome"


def _outcome_added(rng, plan, data, said):
    plan["outcomes"].append({"name": "spare", "smallest_worthwhile": 0.1})
    return "outcome"


def _outcome_easier(rng, plan, data, said):
    one = plan["outcomes"][rng.integers(len(plan["outcomes"]))]
    one["smallest_worthwhile"] /= 2
    return "outcome"


def _primary_swapped(rng, plan, data, said):
    if len(plan["outcomes"]) < 2:
        return None
    plan["outcomes"][0]["primary"], plan["outcomes"][-1]["primary"] = False, True
    return "outcome"


def _covariate(rng, plan, data, said):
    if plan["covariates"] and rng.integers(2):
        plan["covariates"] = plan["covariates"][1:]
    else:
        plan["covariates"] = [*plan["covariates"], "spare"]
    return "covariate"


def _baseline(rng, plan, data, said):
    plan["baseline"] = "" if plan["baseline"] else "spare"
    return "covariate"


def _model(rng, plan, data, said):
    plan["strata"] = "sex" if "sex" not in plan["covariates"] else "fsm"
    return "model"


def _dosage(rng, plan, data, said):
    plan["dosage"] = "" if plan["dosage"] else "hours"
    return "model"


def _control(rng, plan, data, said):
    if "other" not in said["design"]["arms"]:
        return None
    plan[str(rng.choice(["control", "arm"]))] = "other"
    return "arms"


def _exclusion(rng, plan, data, said):
    plan["where"] = plan["where"] | {"sex": "a"}
    return "exclusion"


def _subgroup_added(rng, plan, data, said):
    data["eal"] = rng.choice(["a", "b"], len(data))
    plan["subgroups"] = [*plan["subgroups"], "eal"]
    plan["prespecified"] = plan["subgroups"] if rng.integers(2) else plan["prespecified"]
    return "subgroup"


def _subgroup_dropped(rng, plan, data, said):
    if not plan["subgroups"]:
        return None
    plan["subgroups"] = plan["subgroups"][1:]
    return "subgroup"


def _school_lost(rng, plan, data, said):
    lost = data.index[data["school"] == rng.integers(3)]
    return "sample", data.drop(lost)


def _tested_late(rng, plan, data, said):
    one = said["outcomes"][rng.integers(len(said["outcomes"]))]
    day = one["last"] + timedelta(1) if rng.integers(2) else one["first"] - timedelta(1)
    data.loc[data.index[rng.integers(len(data))], one["tested"]] = day.isoformat()
    return "date"


DEVIATIONS = [thing for name, thing in list(globals().items()) if name.startswith("_") and
              getattr(thing, "__code__", None) and thing.__code__.co_argcount == 4]  # fmt: skip


def found(said, plan, data):
    """Return what a study lists."""
    return ev.Trial.read(data, plan, protocol=said).promise


@pytest.mark.parametrize("many", [12, pytest.param(100, marks=pytest.mark.slow)])
def test_faithful_runs_have_no_deviation(many):
    listed = {seed: found(*generated(seed)) for seed in range(many)}
    assert {
        seed: [*each.table["deviation"]] for seed, each in listed.items() if len(each.table)
    } == {}
    assert {word for each in listed.values() for word in each.status.values()} == {"as planned"}


@pytest.mark.parametrize("many", [16, pytest.param(100, marks=pytest.mark.slow)])
def test_every_deviation_is_listed_once(many, rng):
    assert len(DEVIATIONS) == 14
    seeded = listed = 0
    for seed in range(10 * many):
        said, plan, data = generated(seed)
        plan, data = copy.deepcopy(plan), data.copy()
        about = DEVIATIONS[seed % len(DEVIATIONS)](rng, plan, data, said)
        if about is None:
            continue
        about, data = about if isinstance(about, tuple) else (about, data)
        table = found(said, plan, data).table
        assert table["about"].tolist() == [about], (seed, table.to_dict("records"))
        seeded, listed = seeded + 1, listed + len(table)
        if seeded == many:
            break
    assert seeded == listed == many


def _study(**changes):
    said, plan, data = generated(3)
    return ev.Trial.read(data, plan | changes | {"draws": 99, "imputations": 2}, protocol=said)


def test_a_new_outcome_alone_is_exploratory_and_the_report_says_so():
    said, plan, data = generated(3)
    plan["outcomes"] = [*plan["outcomes"], {"name": "spare", "smallest_worthwhile": 0.1}]
    study = ev.Trial.read(data, plan, protocol=said)
    words = dict(zip(study.effects["outcome"], study.effects["caveats"], strict=True))
    assert "exploratory: not what the protocol planned" in words["spare"]
    assert "exploratory" not in words["post"]
    assert "1 deviation from the protocol" in words["post"]
    table = study.answer().table.set_index("outcome")["protocol"]
    assert table["spare"] == "exploratory"
    assert table["post (primary)"] == "as planned"
    assert "was not planned" in study.section("method")._repr_html_()


@pytest.mark.parametrize("cell", ["12/06/2027", "12 June 2027", "46546", "2027", "2027-02-30", "?"])
@pytest.mark.parametrize("several", [1, 3])
def test_a_day_that_cannot_be_read_is_a_deviation(cell, several):
    said, plan, data = generated(3)
    data.loc[data.index[:several], "post_day"] = cell
    (row,) = found(said, plan, data).table.to_numpy().tolist()
    rows = "1 row" if several == 1 else "3 rows"
    assert row == ["date", f"column 'post_day' of 'post' holds no day that can be read in {rows}; "
                   "days are written as 2027-06-14"]  # fmt: skip


@pytest.mark.parametrize("kind", ["text", "times", "zones", "datetime64[ns]", "dates"])
def test_days_of_every_kind_are_held_against_the_window(kind):
    said, plan, data = generated(3)
    outcome = said["outcomes"][0]
    late = outcome["last"] + timedelta(1)
    for day, listed in ((outcome["last"], []), (late, ["date"])):
        days = pd.Series([outcome["first"], day, None] * len(data)).head(len(data))
        days = {
            "text": days.astype("string"), "times": days.astype("string") + " 09:30",
            "zones": days.astype("string") + "T09:30:00Z", "dates": days,
        }.get(kind, days.astype("datetime64[ns]"))  # fmt: skip
        table = found(said, plan, data.assign(post_day=days.to_numpy())).table
        assert table["about"].tolist() == listed, kind


def test_a_release_lists_the_deviations_in_rounded_words():
    many = map(generated, range(99))
    said, plan, data = next(each for each in many if not (each[1]["cluster"] or each[1]["where"]))
    data = pd.concat([data, data.assign(pupil=data["pupil"] + len(data))], ignore_index=True)
    plan["outcomes"] = [*plan["outcomes"], {"name": "spare", "smallest_worthwhile": 0.1}]
    study = ev.Trial.read(data, plan, protocol=said)
    rows = protect_effects(study.effects).table
    notes = rows["caveats"].iloc[0].split("; ")
    listed = [n.split(": ", 1)[1] for n in notes if n.startswith("deviation from the protocol: ")]
    rounded = f"the data have {10 * round(len(data) / 10):,} pupils, the protocol planned"
    assert listed[0] == "outcome 'spare' was not planned"
    assert listed[1].startswith(rounded)
    assert len(listed) == len(study.promise.table) == 2
    assert "2 deviations from the protocol" in notes
    others = rows["caveats"].iloc[1:]
    assert not others.str.contains("deviation from the protocol: ").any()


def test_a_release_never_tells_by_which_value_rows_were_left_out():
    table = pd.DataFrame({"about": ["exclusion"], "deviation": ["rows analysed is 'upn = P7'; …"]})
    caveats = Promise(table=table, status={"post": "as planned"}).caveats_of("post")
    assert caveats == [
        "1 deviation from the protocol",
        "deviation from the protocol: other rows were analysed than the protocol planned",
    ]


def test_a_release_never_tells_how_few_pupils_changed_arms():
    caveats = Promise(
        table=pd.DataFrame({"about": ["sample"], "deviation": ["3 pupils: never allocated"]}),
        status={"post": "as planned"},
    ).caveats_of("post")
    assert round_words(caveats[-1], Rules()) == (
        "deviation from the protocol: fewer than 10 pupils: never allocated"
    )


def test_another_model_makes_every_result_exploratory():
    study = _study(covariates=["spare"])
    assert {*study.status.values()} == {"exploratory"}
    assert study.promise.sentence().startswith("1 deviation from the protocol. Exploratory: post")
    assert {*study.with_(covariates=generated(3)[1]["covariates"]).status.values()} == {
        "as planned"
    }


def test_a_look_at_some_pupils_is_no_planned_result():
    study = _study()
    assert {*study.status.values()} == {"as planned"}
    assert {*study.among("sex", "a").status.values()} == {"exploratory"}


def test_without_a_protocol_nothing_is_said():
    _, plan, data = generated(3)
    study = ev.Trial.read(data, plan)
    assert study.promise is None
    assert "protocol" not in study.answer().table


def test_the_protocol_may_be_named_by_the_plan(tmp_path):
    from evidence.studies.planning.protocol import blank

    said, plan, data = generated(3)
    (tmp_path / "protocol.toml").write_text(blank(said))
    data.to_csv(tmp_path / "pupils.csv", index=False)
    plan |= {"pupils": "pupils.csv", "protocol": "protocol.toml"}
    assert ev.Trial.read(str(tmp_path), plan).promise.table.empty
    with pytest.raises(ev.EvidenceError, match=r"no such file; evidence plan .* --new writes one"):
        ev.Trial.read(str(tmp_path), plan | {"protocol": "protocl.toml"})


def test_the_plan_s_own_trial_keeps_the_protocol():
    said, _, data = generated(4)
    assert ev.Plan.read(said).trial(data).promise.table.empty


@pytest.fixture
def allocated(tmp_path):
    """Return the plan and the pupils of a trial whose schools were allocated and sealed."""
    place, roster = write(tmp_path)
    plan = ev.Plan.read(place)
    table = plan.allocate(roster, "3 14 15", tmp_path / "sealed.jsonl").table
    rng = np.random.default_rng(1)
    data = table.loc[table.index.repeat(12)].rename(columns={"unit": "school"})
    data = data.reset_index(drop=True).assign(
        pupil=range(288),
        area=lambda d: ["north", "south"] * 144,
        sex=rng.choice(["F", "M"], 288),
        fsm=rng.choice(["0", "1"], 288),
        tested="2027-06-08",
    )
    for name in ("read_pre", "read_post", "maths_post"):
        data[name] = rng.normal(30, 5, 288).round()
    given = plan.protocol.trial() | {"pupils": "pupils.csv", "protocol": place.name}
    return given | {"sealed": "sealed.jsonl"}, data, tmp_path


def against_sealed(plan, data, folder):
    """Return the deviations of pupils in a file."""
    data.to_csv(folder / "pupils.csv", index=False)
    return ev.Trial.read(str(folder), plan).promise.table.to_numpy().tolist()


def test_a_school_in_another_arm_than_was_sealed_is_listed(allocated):
    plan, data, folder = allocated
    assert against_sealed(plan, data, folder) == []
    other = {"together": "usual", "usual": "together"}
    moved = data.assign(arm=data["arm"].mask(data["school"] == "S07", data["arm"].map(other)))
    assert against_sealed(plan, moved, folder) == [
        ["sample", "1 of school: in another arm than was sealed"]
    ]
    named = data.assign(school=data["school"].replace("S07", "S99"))
    assert against_sealed(plan, named, folder) == [["sample", "1 of school: never allocated"]]
    record = folder / "sealed.jsonl"
    record.write_text(record.read_text().replace("S07", "S08"))
    with pytest.raises(ev.EvidenceError, match="was changed after it was sealed"):
        against_sealed(plan, data, folder)


def test_the_sealed_allocation_must_be_of_this_trial(allocated):
    plan, data, folder = allocated
    protocol = folder / "protocol.toml"
    protocol.write_text(protocol.read_text().replace('title = "Reading Together"', 'title = "B"'))
    with pytest.raises(ev.EvidenceError, match="has no allocation of 'B'"):
        against_sealed(plan, data, folder)
