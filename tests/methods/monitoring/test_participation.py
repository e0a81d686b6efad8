"""Who takes part."""

import numpy as np
import pandas as pd
import pytest

import evidence as ev

from ..refusal import assert_refused

M = ev.monitoring
SCHOOLS = pd.DataFrame(
    {
        "urn": range(1, 11),
        "phase": ["primary"] * 6 + ["secondary"] * 4,
        "fsm": [5.0, 8, 12, 15, 20, 22, 30, 31, 40, np.nan],
    }
)
SPELLS = pd.DataFrame(
    {
        "urn": ["1", "1", "2", "3", "3", "7", "99"],
        "programme": ["LAMP", "LENS", "LAMP", "LAMP", "LAMP", "LENS", "LENS"],
        "start": [2017, 2018, 2017, 2017, 2019, 2018, 2018],
        "end": [2018, None, None, 2017, None, 2018, None],
    }
)


def ask(schools=SCHOOLS, spells=SPELLS, **options):
    return M.participation(schools, spells, **options)


def test_each_school_counts_once_among_all():
    found = ask()
    table = found.table.set_index("programme")
    assert table["joined"].to_dict() == {"at least one": 4, "LAMP": 3, "LENS": 2}
    assert set(table["n"]) == {10}
    assert table.loc["at least one", "share"] == 0.4
    assert found.overlap[["programmes", "n"]].to_numpy().tolist() == [
        ["", 6],
        ["LAMP", 2],
        ["LAMP + LENS", 1],
        ["LENS", 1],
    ]
    assert found.overlap["n"].sum() == 10
    assert found.caveats == (
        "1 school that took part is not among the schools given, and not counted",
    )
    assert found.sentence() == (
        "4 of 10 schools (40.0%) took part in at least one of 2 programmes; 1 in more than one, 6 "
        "in none."
    )


def test_who_did_not_join_and_who_is_reached():
    found = ask(traits=["phase", "fsm"])
    assert found.not_joined() == ["4", "5", "6", "8", "9", "10"]
    assert found.not_joined("LENS") == ["2", "3", "4", "5", "6", "8", "9", "10"]
    reach = found.groups[found.groups["programme"] == "at least one"].set_index("group")
    assert reach.loc["primary", ["joined", "n"]].tolist() == [3, 6]
    assert reach.loc["lowest quarter", ["joined", "n"]].tolist() == [3, 3]
    assert reach.loc["not known", ["joined", "n"]].tolist() == [0, 1]
    assert reach.loc[reach["trait"] == "fsm", "n"].sum() == 10


def test_schools_in_it_each_year():
    table = ask(start="start", end="end").over_time
    lamp = table[table["programme"] == "LAMP"].set_index("year")["taking_part"]
    assert lamp.to_dict() == {2017: 3, 2018: 2, 2019: 2}
    lens = table[table["programme"] == "LENS"].set_index("year")["taking_part"]
    assert lens.to_dict() == {2017: 0, 2018: 2, 2019: 1}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"spells": SPELLS.assign(urn="u1")},
            "no school of the participation table is among the 10 schools by column 'urn'; are "
            "both written the same way?",
        ),
        (
            {"schools": SCHOOLS.assign(urn=[1] * 10)},
            "column 'urn', row 3: this school stands in an earlier row too; one row each is "
            "needed: select one indicator, period and group",
        ),
        (
            {"spells": SPELLS.assign(end=2010), "start": "start", "end": "end"},
            "column 'end', row 2: an end before its start",
        ),
    ],
)
def test_what_does_not_fit_is_refused(changes, message):
    assert_refused(message, ask, **changes)


def test_a_symbol_among_numbers_of_a_trait_is_not_known_and_no_group():
    schools = pd.DataFrame({"urn": range(60), "fsm": [*map(str, range(59)), "c"]})
    found = ask(schools, pd.DataFrame({"urn": [1, 2], "programme": "LAMP"}), traits="fsm")
    groups = found.groups[found.groups["programme"] == "LAMP"].set_index("group")["n"]
    assert groups.to_dict() == {
        "lowest quarter": 15,
        "second quarter": 15,
        "third quarter": 14,
        "highest quarter": 15,
        "not known": 1,
    }
    assert found.sentence() == "2 of 60 schools (3.3%) took part, 58 did not."
