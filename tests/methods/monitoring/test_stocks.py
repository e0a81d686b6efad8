"""Judgements at two dates set against the inspections between them."""

import pandas as pd
import pytest

from evidence.errors import EvidenceError
from evidence.methods.monitoring.stocks import stock_and_flow
from evidence.methods.monitoring.transitions import transitions

MOVES = pd.DataFrame({"previous": ["Gd", "Gd", "OS", "RI"], "latest": ["OS", "RI", "Gd", "RI"]})


def stock(**counts):
    rows = [(name.replace("_", " "), *pair) for name, pair in counts.items()]
    return pd.DataFrame(rows, columns=["judgement", "then", "now"])


def against(data):
    flow = transitions(MOVES, before="previous", after="latest")
    return stock_and_flow(data, judgement="judgement", before="then", after="now", flow=flow)


def test_inspections_that_explain_the_change_add_up():
    found = against(stock(outstanding=(5, 5), good=(10, 9), requires_improvement=(3, 4)))
    assert found.sentence() == "The inspections add up to the change between the two dates."
    assert found.table["unexplained"].eq(0).all()
    assert found.caveats == ()


def test_what_does_not_add_up_is_named():
    found = against(stock(OS=(5, 7), Gd=(10, 9), RI=(3, 2)))
    assert found.sentence() == (
        "The inspections do not add up to the change: 2 schools more outstanding than they "
        "explain, 2 schools fewer requires improvement than they explain."
    )
    assert found.table["change"].tolist() == [2, -1, -1, 0]
    assert found.table["by_inspection"].tolist() == [0, -1, 1, 0]


def test_schools_that_opened_are_said():
    found = against(stock(OS=(5, 5), Gd=(10, 10), RI=(3, 4)))
    assert found.caveats == ("1 school more at the second date: opened, closed or not yet judged",)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (stock(OS=(5, -1)), "column 'now', row 2: a number of schools is needed, 0 or more"),
        (stock(OS=(5, "x")), "column 'now', row 2: a number of schools is needed, 0 or more"),
        (stock(OS=(5, 2.5)), "column 'now', row 2: a number of schools is needed, 0 or more"),
        (stock(OS=(5, 5), Outstanding=(1, 1)), "column 'judgement': a judgement stands twice"),
        (stock(expected_standard=(5, 5)), "column 'judgement', row 2: 'expected standard' is no"),
    ],
)
def test_a_stock_that_is_none_is_refused(data, message):
    with pytest.raises(EvidenceError) as error:
        against(data)
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)


def test_lewisham_22_inspections_set_against_its_two_stocks(shared):
    """Of the printed figures one school more is good, one fewer requires improvement."""
    facts = shared / "facts"
    inspections = pd.read_csv(facts / "lewisham-2019-inspections.csv", comment="#")
    printed = pd.read_csv(facts / "lewisham-2019-categories.csv", comment="#")
    flow = transitions(inspections, before="previous", after="latest")
    assert (flow.up, flow.down, flow.same, round(flow.p_value, 3)) == (3, 5, 14, 0.727)
    every = printed[printed["phase"] == "all"]
    named = {"judgement": "judgement", "before": "jan_2018", "after": "jan_2019"}
    found = stock_and_flow(every, flow=flow, **named)
    assert found.table["change"].tolist() == [-2, 1, 2, -1]
    assert found.table["by_inspection"].tolist() == [-2, 0, 3, -1]
    assert found.table["unexplained"].tolist() == [0, 1, -1, 0]
    parts = printed[printed["phase"] != "all"].groupby("judgement")[["jan_2018", "jan_2019"]].sum()
    whole = every.set_index("judgement")[["jan_2018", "jan_2019"]]
    assert (parts.loc[whole.index] == whole).all(axis=None)  # its phases do add up
