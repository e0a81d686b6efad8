"""Allocation: exact, uniform over what is admissible, and the same wherever it is made again."""

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import evidence as ev
from evidence.stats import allocation as draws_of

GOLDEN = json.loads((Path(__file__).parent / "golden_allocations.json").read_text())
KEYS = {"unit": "school", "protocol": "0f" * 32, "nonce": "lottery of 1 May 2026: 3 14 15 92"}


def schools(n=24):
    """Return a roster that no random numbers made."""
    place = np.arange(n)
    return pd.DataFrame(
        {
            "school": [f"S{7 * i % 101:03}" for i in place],
            "region": np.array(["north", "south", "west"])[place % 3],
            "size": place % 4,
            "score": place * 37 % 23 + place / 8,
            "need": place * 11 % 17,
            "trust": place // 6,
        }
    )


def allocate(roster=None, **given):
    return ev.planning.allocate(schools() if roster is None else roster, **KEYS | given)


CASES = {
    "one stratum": {},
    "strata": {"strata": "region"},
    "three arms": {"strata": "region", "arms": {"a": 1, "b": 2, "c": 1}},
    "sizes": {"sizes": {"treatment": 7, "control": 17}},
    "uneven": {"strata": "size", "arms": {"treatment": 3, "control": 1}, "uneven": True},
    "block": {"strata": "region", "block": 4},
    "together": {"together": "trust"},
    "pairs": {"method": "pairs", "strata": "region", "covariates": ["score", "need"]},
    "minimisation": {"method": "minimisation", "strata": ["region", "size"]},
    "rerandomisation": {"method": "rerandomisation", "covariates": ["score", "need"]},
}


@pytest.mark.parametrize("name", CASES)
def test_allocation_is_the_one_kept_whatever_the_order_of_the_roster(name):
    found = allocate(**CASES[name])
    assert found.table["arm"].tolist() == GOLDEN[name]
    if name != "block":
        again = allocate(schools().iloc[::-1], **CASES[name])
        assert again.table.equals(found.table)
    assert allocate(nonce="another", **CASES[name]).table["arm"].tolist() != GOLDEN[name]


def test_a_roster_read_from_another_kind_of_file_is_the_same_roster():
    given = CASES["rerandomisation"] | {"strata": "size", "uneven": True}
    found = allocate(**given, arms={"treatment": np.int64(1), "control": 1})
    text = schools().astype({"size": str, "need": float, "score": float})
    again = allocate(text, **given)
    assert again.record["roster"] == found.record["roster"]
    assert again.table.equals(found.table)


def counts(found, by):
    return pd.crosstab(schools().set_index("school")[by], found.table.set_index("unit")["arm"])


def test_sizes_are_exact_within_strata_and_blocks():
    assert (counts(allocate(**CASES["strata"]), "region") == 4).all(axis=None)
    assert (counts(allocate(**CASES["three arms"]), "region") == [2, 4, 2]).all(axis=None)
    assert allocate(**CASES["sizes"]).table["arm"].value_counts()["treatment"] == 7
    uneven = counts(allocate(**CASES["uneven"]), "size")
    assert uneven["treatment"].between(4, 5).all()
    table = allocate(**CASES["block"]).table.set_index("unit")["arm"]
    for region in ("north", "south", "west"):
        arms = table[schools().loc[schools()["region"] == region, "school"]]
        assert [Counter(arms[i : i + 4])["control"] for i in (0, 4)] == [2, 2]


def test_units_that_stay_together_share_an_arm():
    found = counts(allocate(**CASES["together"]), "trust")
    assert (found.min(axis=1) == 0).all()
    assert (found.sum() == 12).all()


@pytest.mark.parametrize(
    ("given", "admissible"),
    [
        ({"sizes": {"treatment": 3, "control": 3}}, 20),
        ({"strata": "pair"}, 8),
        ({"strata": "half", "arms": ["a", "b", "c"]}, 36),
        ({"method": "rerandomisation", "covariates": "x", "accept": 0.35}, 8),
    ],
)
def test_allocations_are_uniform_over_all_that_are_admissible(given, admissible):
    roster = pd.DataFrame(
        {
            "school": [*"abcdef"],
            "pair": [1, 1, 2, 2, 3, 3],
            "half": [1, 1, 1, 2, 2, 2],
            "x": [1.0, 2, 4, 8, 16, 32],
        }
    )
    found = allocate(roster, **given)
    rng = np.random.default_rng(1)
    arms = found._draw(draws_of.words(rng.bit_generator), 20_000)
    seen = Counter(map(bytes, arms.astype(np.uint8)))
    assert len(seen) == admissible
    assert stats.chisquare([*seen.values()]).pvalue > 1e-3


def test_what_the_ratio_does_not_divide_goes_anywhere_alike():
    roster = pd.DataFrame({"school": [*"abcd"]})
    found = allocate(roster, arms={"treatment": 2, "control": 1}, uneven=True)
    rng = np.random.default_rng(1)
    arms = found._draw(draws_of.words(rng.bit_generator), 20_000)
    seen = Counter(map(bytes, arms.astype(np.uint8)))
    # one of the deck 0, 0, 1 is added: 3 controls never, 1 control with the chance 2/3
    expected = {key: 20_000 * (1 / 6 if sum(key) == 1 else 1 / 18) for key in seen}
    assert len(seen) == 10
    assert stats.chisquare([*seen.values()], [*expected.values()]).pvalue > 1e-3


def test_pairs_are_the_nearest_in_all():
    roster = schools(8)
    pair = allocate(roster, method="pairs", covariates=["score", "need"]).table
    x = roster.set_index("school").loc[pair["unit"], ["score", "need"]].to_numpy()
    inverse = np.linalg.inv(np.cov(x.T))

    def apart(i, j):
        return np.sqrt((x[i] - x[j]) @ inverse @ (x[i] - x[j]))

    def least(left):
        if not left:
            return 0.0
        first, *others = left
        return min(apart(first, j) + least([k for k in others if k != j]) for j in others)

    found = sum(apart(*group.index) for _, group in pair.groupby("pair"))
    assert found == pytest.approx(least([*range(8)]), abs=1e-5)
    assert (pair.groupby("pair")["arm"].nunique() == 2).all()


def test_rerandomised_allocations_are_the_best_balanced_ones(rng):
    roster = schools()
    found = allocate(roster, method="rerandomisation", covariates=["score", "need"])
    x = draws_of.standardised(roster.sort_values("school")[["score", "need"]].to_numpy(float))
    arms = found._draw(draws_of.words(rng.bit_generator), 200)
    every = np.array([rng.permuted(np.repeat([0, 1], 12)) for _ in range(5000)])
    limit = np.quantile(draws_of.imbalance(every, x), [0.007, 0.014])
    assert limit[0] < draws_of.imbalance(arms, x).max() <= limit[1] * 1.0001
    by_hand = x[every[0] == 0].mean(axis=0) - x[every[0] == 1].mean(axis=0)
    assert draws_of.imbalance(every[:1], x)[0] == pytest.approx(6 * by_hand @ by_hand)


def test_minimisation_balances_its_factors_and_keeps_the_ratio(rng):
    roster = schools()
    given = {"method": "minimisation", "strata": ["region", "size"]}
    found = allocate(roster, arms={"a": 2, "b": 1}, **given)
    arms = found._draw(draws_of.words(rng.bit_generator), 3000)
    assert (arms == 1).mean() == pytest.approx(1 / 3, abs=0.01)  # of few units nearly
    north = (roster.sort_values("school")["region"] == "north").to_numpy()
    spread = np.sum(arms[:, north] == 1, axis=1).std()
    by_chance = np.array([rng.permuted(np.repeat([0, 0, 1], 8))[north].sum() for _ in range(3000)])
    assert spread < 0.75 * by_chance.std()


def test_randomisation_test_replays_the_rule(rng):
    roster = schools()
    found = allocate(roster, method="rerandomisation", covariates=["score", "need"], accept=0.1)
    pupils = roster.loc[roster.index.repeat(5)].merge(
        found.table, left_on="school", right_on="unit"
    )
    pupils["result"] = pupils["score"] + rng.normal(size=len(pupils))
    given = {"outcome": "result", "treatment": "arm", "cluster": "school", "reference": "control"}
    test = ev.trials.randomisation_test(pupils, allocation=found.rule(), draws=199, **given)
    free = ev.trials.randomisation_test(pupils, draws=199, **given)
    assert test.std_error < 0.8 * free.std_error  # balanced on what decides the result
    fewer = pupils[pupils["school"] != "S000"]
    among = fewer["school"].unique()
    again = ev.trials.randomisation_test(
        fewer, allocation=found.rule("treatment", among), draws=49, **given
    )
    assert 0 < again.p_value <= 1


def test_sealed_allocation_is_made_again_and_no_second_one_is_sealed(tmp_path):
    path, protocol = tmp_path / "allocations.jsonl", KEYS["protocol"]
    found = allocate(**CASES["pairs"])
    found.seal(path)
    again = ev.planning.replay(path, schools(), protocol=protocol)
    assert again.table.equals(found.table)
    assert again.record["time"] == found.record["time"]
    with pytest.raises(ev.EvidenceError, match=r"line 1: sealed already for this protocol on "):
        allocate(nonce="a better draw").seal(path)
    allocate(protocol="1e" * 32).seal(path)
    changed = schools()
    changed.loc[3, "score"] += 0.5
    with pytest.raises(ev.EvidenceError, match=r": the roster is not the one that was allocated$"):
        ev.planning.replay(path, changed, protocol=protocol)
    with pytest.raises(ev.EvidenceError, match=r": has no allocation of this protocol$"):
        ev.planning.replay(path, schools(), protocol="22" * 32)


def test_every_changed_byte_of_a_sealed_file_is_found(tmp_path):
    path = tmp_path / "allocations.jsonl"
    allocate(**CASES["one stratum"]).seal(path)
    allocate(protocol="1e" * 32).seal(path)
    whole = path.read_bytes()
    for place in range(0, len(whole), 29):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(
            ev.EvidenceError, match=r"line \d: was (changed after it was sealed|cut)"
        ):
            ev.planning.replay(path, schools(), protocol=KEYS["protocol"])
    path.write_bytes(whole[whole.index(b"\n") + 1 :])  # the first record taken out
    with pytest.raises(ev.EvidenceError, match="line 1: was changed after it was sealed"):
        ev.planning.replay(path, schools(), protocol="1e" * 32)


def test_unknown_arguments_and_a_single_arm_are_told_at_once():
    with pytest.raises(ev.EvidenceError) as caught:
        allocate(stratum="regions", arms=["a"])
    assert [*caught.value.faults] == [
        "allocate: no stratum=; did you mean 'strata'?",
        "arms: at least two are needed, each of another name",
    ]


def faults(roster, **given):
    with pytest.raises(ev.EvidenceError) as caught:
        allocate(roster, **given)
    return list(caught.value.faults)


def test_allocate_tells_all_faults_at_once():
    roster = schools(9)
    roster["region"] = [*"NNNSSSSWN"]
    roster.loc[3, "school"] = roster.loc[1, "school"]
    roster.loc[4, "score"] = None
    told = faults(
        roster,
        method="rerandomisation",
        strata="region",
        covariates=["score", "need"],
        arms={"a": 2, "b": 1},
        protocol="x",
        nonce=" ",
        accept=2,
        stratum=1,
    )
    mend = "change the strata or the ratio, or give uneven=True"
    assert told == [
        "allocate: no stratum=; did you mean 'strata'?",
        "protocol: its SHA-256 is needed, 64 characters from 0-9 and a-f",
        "nonce: public words are needed that nobody could know beforehand",
        "accept is 2; a number between 0 and 1 is needed",
        "roster, column 'score', row 6: nothing is given",
        "roster, column 'school', row 5: is there already; one row a unit is needed",
        f"roster, stratum of row 2: 2 : 1 does not divide 4 units; {mend}",
        f"roster, stratum of row 5: 2 : 1 does not divide 4 units; {mend}",
        "roster, stratum of row 9: one unit cannot be shared out; join it to another",
    ]


def test_a_school_written_twice_is_one_school_in_the_count_of_its_stratum():
    roster = schools(10)
    roster["region"] = [*"NNNNSSSSWW"]
    roster = pd.concat([roster, roster[:1], roster[8:9]], ignore_index=True)
    roster.loc[9, "region"] = None
    assert faults(roster, strata="region", arms=["a", "b"]) == [
        "roster, column 'region', row 11: nothing is given",
        "roster, column 'school', row 12 (also row 13): is there already; one row a unit is needed",
        "roster, stratum of row 10: one unit cannot be shared out; join it to another",
    ]
    roster = pd.concat([schools(24), schools(24)[:1]], ignore_index=True)
    assert faults(roster, sizes={"a": 12, "b": 12}) == [
        "roster, column 'school', row 26: is there already; one row a unit is needed"
    ]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"covariates": "scores"}, "data has no column 'scores'; did you mean 'score'?"),
        ({"method": "pairs"}, "pairs: covariates= is needed"),
        ({"method": "minimisation"}, "minimisation: strata= is needed"),
        (
            {"method": "minimisation", "strata": "region", "sizes": {"a": 12, "b": 12}},
            "minimisation: keeps a ratio on average; leave out sizes=",
        ),
        ({"arms": {"a": 0, "b": 1}}, "arm 'a' is 0; a whole number from 1 on is needed"),
        ({"arms": ["a", "a"]}, "arms: at least two are needed, each of another name"),
        ({"sizes": {"a": 9, "b": 3}}, "sizes add up to 12; the roster has 24"),
        ({"together": "trust", "strata": "region"}, "column 'trust': units that stay together lie"),
        (
            {"method": "pairs", "covariates": "score", "arms": ["a", "b", "c"]},
            "pairs: two arms are needed, 1 : 1",
        ),
        ({"block": 0}, "block is 0; a whole number from 1 on is needed"),
        ({"method": "coin"}, "method is 'coin'; allowed are blocks, pairs, minimisation, "),
    ],
)
def test_allocate_refuses(given, expected):
    assert any(told.startswith(expected) for told in faults(schools(), **given))
