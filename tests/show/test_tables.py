import math
from itertools import pairwise

import pandas as pd
import pytest
from markupsafe import escape
from run_folders import BETTER, NONE, PROGRAMMES, UNSURE, WORSE, effect, programmes

from evidence.show import tables
from evidence.show.interval_svg import Interval, Scale

HARM = '<img src=x onerror="alert(1)">'


def one(verdict, programme="leap", cohort="2018", points=3, **other):
    return effect(programme, cohort, 0.1, 0.2, 1.0, verdict, points, 1200, 40, **other)


def summarised(rows, **changes):
    cohorts = {name: [{"name": c, "title": c} for c in ("2018", "2019")] for name in PROGRAMMES}
    cards = [card | changes for card in programmes(cohorts)]
    return tables.summary(pd.DataFrame(rows), cards)


def test_summary_primary_keeps_one_row_a_programme_and_cohort():
    rows = [
        one(BETTER, primary=False, outcome="READ2"),
        one(BETTER, estimand="cace"),
        one(UNSURE),
        one(WORSE, subgroup="FSM"),
    ]
    summary = summarised(rows)
    assert summary["verdict"].tolist() == [UNSURE]
    assert summary["outcome_title"].tolist() == ["Reading score"]
    assert summary["worthwhile"].tolist() == [0.09]


def test_outcomes_every_text_is_escaped():
    rows = summarised([one(BETTER)], title=HARM, phase=HARM, ask_next=HARM)
    html = tables.outcomes(rows.assign(outcome_title=HARM, cohort_title=HARM))
    assert "<img" not in html
    assert escape(HARM) in html


def test_outcomes_unsure_is_hollow_and_dashed_and_sure_is_not():
    unsure, sure = (tables.outcomes(summarised([one(verdict)])) for verdict in (UNSURE, BETTER))
    assert 'stroke-dasharray="5 3.5"' in unsure
    assert 'fill="#FFFFFF"' in unsure
    assert "stroke-dasharray" not in sure
    assert 'fill="#FFFFFF"' not in sure


def test_outcomes_months_are_whole_with_range_and_true_minus():
    html = tables.outcomes(summarised([one(UNSURE)]))
    assert '<b class="big">+2</b><small>−2 to +4</small>' in html
    assert 'aria-label="+2 months, −2 to +4 months"' in html


def test_outcomes_without_effect_size_are_drawn_on_their_own_scale():
    rows = summarised([one(UNSURE), effect("booster", "2019", 0.4, 2.1, None, NONE, 2, 1874, 42)])
    html = tables.outcomes(rows)
    assert html.index("Measured in months of progress") < html.index(
        "Measured in percentage points"
    )
    assert '<b class="big">+0.4 pp</b><small>−1.7 to +2.5</small>' in html


def test_outcomes_hidden_result_says_so():
    nothing = dict.fromkeys(("estimate", "ci_lower", "ci_upper", "months", "strength"), math.nan)
    assert "hidden to protect few pupils" in tables.outcomes(summarised([one(UNSURE) | nothing]))


def test_interval_worthwhile_is_carried_over_to_effect_size():
    row = summarised([effect("lamp", "2018", 1.5, 1.2, 0.08, BETTER, 3, 1263, 20)]).iloc[0]
    assert Interval.of(row, "months").worthwhile == pytest.approx(0.08)
    assert Interval.of(row, "pp").worthwhile == pytest.approx(1.0)


@pytest.mark.parametrize("kind", ["months", "pp"])
def test_scale_marks_never_touch_and_hold_nought(kind):
    for reach in (0.05, 0.3, 0.9, 4.0, 37.0):
        interval = Interval(estimate=0.0, lower=-reach / 3, upper=reach, worthwhile=math.nan)
        scale = Scale([interval], kind)
        places = [scale.at(place) for place, _ in scale.marks]
        assert "0" in [word.replace(".0", "") for _, word in scale.marks]
        assert all(b - a >= 30 for a, b in pairwise(places))


def test_scale_beyond_its_end_draws_an_arrow():
    huge = Interval(estimate=0.5, lower=-0.2, upper=9.0, worthwhile=0.1)
    assert "l7 6l-7 6z" in Scale([huge], "months").draw(huge, UNSURE, "wide")


def test_frame_symbols_stand_in_their_cells_and_numbers_are_right():
    table = pd.DataFrame(
        {
            "area": ["<b>", "two"],
            "year": [2018, 2019],
            "n_pupils": [1265.0, math.nan],
            "n_pupils_symbol": ["", "c"],
            "mean": [-0.25, math.nan],
        }
    )
    assert tables.frame(table, axes=("year",)) == (
        '<table class="plain"><thead><tr><th scope="col">Area</th><th scope="col" class="n">Year'
        '</th><th scope="col" class="n">Pupils</th><th scope="col" class="n">Mean</th></tr></thead>'
        '<tbody><tr><td>&lt;b&gt;</td><td class="n">2018</td><td class="n">1,265</td>'
        '<td class="n">−0.250</td></tr><tr><td>two</td><td class="n">2019</td><td class="n">c</td>'
        '<td class="n"></td></tr></tbody></table>'
    )


@pytest.mark.parametrize(
    ("title", "year"),
    [
        ("Started 2018/19", "2018/19"),
        ("Kindergarten, 1985/86", "1985/86"),
        ("2018–19", "2018/19"),
        ("2018-19 to 2020-21", "2018/19"),
        ("Autumn 2019", "2019"),
        ("Second wave of 12018", "Second wave of 12018"),
        ("", "K"),
    ],
)
def test_summary_year_is_that_of_the_title(title, year):
    card = {"name": "star", "simulated": False, "cohorts": [{"name": "K", "title": title}]}
    rows = tables.summary(pd.DataFrame([one(BETTER, "star", "K")]), [card])
    assert rows["year"].tolist() == [year]
