"""What an indicator's rows say on the pages: each sentence with whose it is, and not too many."""

import pandas as pd
import pytest

from evidence.release.site import indicators


def rows(n, sentence="It costs £{}."):
    return pd.DataFrame(
        {"run_id": "r", "indicator": "Price", "group": [f"Programme {i}" for i in range(n)],
         "symbol": "", "sentence": [sentence.format(i) for i in range(n)]}
    )  # fmt: skip


def test_few_sentences_say_whose_they_are():
    ((name, to, said),) = indicators.said(rows(2), "r")
    assert (name, to) == ("Price", "../indicators/price.html")
    assert said == ["Programme 0: It costs £0.", "Programme 1: It costs £1."]


def test_an_indicator_without_a_sentence_is_said_by_its_last_figure():
    table = rows(1, "").assign(value=85.6, ci_lower=81.4, ci_upper=89.0, unit="% of schools")
    table = table.assign(area="County", period="Aug 2019")
    assert indicators.said(table, "r")[0][2] == [
        "County: 85.6% of schools (95% interval 81.4 to 89.0) in Aug 2019."
    ]
    near = table.assign(value=-1.6, ci_lower=-3.6, ci_upper=0.3, unit="points")
    assert indicators.said(near, "r")[0][2] == [
        "County: −1.6 points (95% interval −3.6 to 0.3) in Aug 2019."
    ]
    hidden = table.assign(value=float("nan"), ci_lower=float("nan"), symbol="c")
    assert indicators.said(hidden, "r")[0][2] == ["County: c in Aug 2019."]


def test_a_sentence_that_names_its_group_is_left_as_it_is():
    said = indicators.said(rows(2, "Programme {} is dear."), "r")[0][2]
    assert said == ["Programme 0 is dear.", "Programme 1 is dear."]


@pytest.mark.parametrize("hidden", [0, 2])
def test_many_sentences_stand_on_the_page_of_the_indicator(hidden):
    table = rows(17)
    table.loc[: hidden - 1, "symbol"] = "c"
    assert indicators.said(table, "r")[0][2] == ["17 figures."]


def test_what_is_hidden_is_not_said():
    table = rows(2)
    table.loc[0, "symbol"] = "c"
    assert indicators.said(table, "r")[0][2] == ["Programme 1: It costs £1."]
