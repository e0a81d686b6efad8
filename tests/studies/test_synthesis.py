"""What released results say together: one answer a programme, ranks, prices and decisions."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy.stats import t

import evidence as ev
from evidence.data.schema import EFFECTS
from evidence.errors import EvidenceError
from evidence.show.picture import Picture

HUB = "Rathfern"


def row(programme, cohort, effect, error, *, df=50.0, hub="", **changes):
    """Return a released result in percentage points, ten of which are one standard deviation."""
    half = t.ppf(0.975, df) * error
    words = dict.fromkeys((name for name, (kind, _) in EFFECTS.items() if kind == "text"), "")
    numbers = dict.fromkeys((name for name, (kind, _) in EFFECTS.items() if kind == "number"), 1.0)
    return words | numbers | {
        "programme": programme, "cohort": cohort, "outcome": "maths", "subgroup": "all",
        "estimand": "itt", "primary": True, "unit": "pp", "estimate": 10 * effect,
        "std_error": 10 * error, "df": df, "ci_lower": 10 * (effect - half),
        "ci_upper": 10 * (effect + half), "level": 0.95, "effect_size": effect,
        "es_lower": effect - half, "es_upper": effect + half, "months": 1.0, "n_pupils": 400.0,
        "n_schools": 20.0, "n_pupils_symbol": "", "verdict": "too little data", "hub": hub,
    } | changes  # fmt: skip


def costed(title, cost=0.0, **changes):
    known = {"title": title, "cost": cost, "set_up": 0.0, "pupils": 0.0, "simulated": True,
             "cohorts": {"2018": "2017/18", "2019": "2018/19"}, "outcomes": {"maths": "Maths"},
             "worthwhile": 1.0}  # fmt: skip
    return known | changes


ROWS = [
    row("quizzes", "2019", 0.20, 0.04),
    row("quizzes", "2018", 0.16, 0.04),
    row("quizzes", "2018", 0.18, 0.05, hub=HUB),
    row("texts", "2018", 0.01, 0.02),
    row("texts", "2018", 0.05, 0.06, outcome="reading", primary=False),
    row("texts", "2018", -0.05, 0.08, subgroup="free school meals: yes"),
    row("clubs", "2018", -0.20, 0.05),
    row("tutors", "2018", 0.30, 0.30),
    row("hidden", "2018", math.nan, math.nan),
]
PROGRAMMES = {
    "texts": costed("Texts", 6.0),
    "quizzes": costed("Quizzes", 20.0, pupils=500.0, set_up=9000.0),
    "clubs": costed("Clubs", 100.0),
    "tutors": costed("Tutors", 300.0),
}


def study(folder, rows=ROWS, programmes=PROGRAMMES, **changes):
    pd.DataFrame(rows).to_parquet(folder / "effects.parquet")
    plan = {"effects": "effects.parquet", "programmes": programmes, "title": "What works"}
    return ev.Synthesis.read(str(folder), plan | changes)


def test_results_are_put_together_in_the_order_of_cohorts_and_hubs(tmp_path):
    found = study(tmp_path)
    assert found.primary["label"].tolist() == [
        "Texts, 2017/18", "Quizzes, 2017/18", f"Quizzes, 2017/18 ({HUB})", "Quizzes, 2018/19",
        "Clubs, 2017/18", "Tutors, 2017/18",
    ]  # fmt: skip
    np.testing.assert_allclose(found.primary["error"][:2], [0.02, 0.04])
    quizzes = found.programmes["quizzes"]
    assert quizzes.pooled.n_studies == 3
    assert quizzes.sentence().startswith(
        f"Quizzes: 2017/18 +0.16; 2017/18 ({HUB}) +0.18; 2018/19 +0.20. They differ by no more "
        "than chance does; from one to the next +0.02 ("
    )
    beliefs = ev.synthesis.posterior(
        [0.16, 0.18, 0.20], [0.04, 0.05, 0.04], prior_mean=0.06, prior_sd=0.15, tau_scale=0.1
    )
    assert quizzes.belief.estimate == pytest.approx(beliefs.estimate)


def test_order_of_the_rows_changes_nothing(tmp_path):
    one, other = study(tmp_path), study(tmp_path, rows=ROWS[::-1])
    pd.testing.assert_frame_equal(one.primary, other.primary)
    pd.testing.assert_frame_equal(one.indicators, other.indicators)


def test_decisions_prices_and_ranks(tmp_path):
    found = study(tmp_path, worth=100.0)
    words = {name: one.decision.word for name, one in found.programmes.items()}
    assert words == {"texts": "stop", "quizzes": "continue", "clubs": "stop", "tutors": "stop"}
    # tutors: 0.06 + 0.24 × 0.0225 / (0.0225 + 0.09 + about 0.01), of which 77% lies above zero
    assert found.programmes["tutors"].decision.p_positive == pytest.approx(0.77, abs=0.02)
    # the smallest worthwhile effect is a point, 0.1 SD; of tutors £300 at £100 a month is more
    month = 0.94 / 11
    worth = {name: one.decision.worthwhile for name, one in found.programmes.items()}
    assert worth == pytest.approx({"texts": 0.1, "quizzes": 0.1, "clubs": 0.1, "tutors": 3 * month})
    value = found.programmes["quizzes"].value
    assert (value.cost, value.total, value.pupils) == pytest.approx((20, 30_000, 500))
    assert value.per_month == pytest.approx(
        20 * month / found.programmes["quizzes"].belief.estimate
    )
    assert found.ranking.best.index[0] == "Quizzes"
    assert "that is not sure: Tutors" in found.ranking.sentence()
    assert any(line == "Stop: Texts; Clubs; Tutors." for line in found.headlines)


def test_disadvantaged_pupils_come_first_and_few_results_have_no_mean(tmp_path):
    found = study(tmp_path)
    assert found.others["pupils"].tolist() == ["free school meals: yes", "all"]
    assert found.headlines[0] == (
        "Results of 4 programmes: too few for a common answer; look at each."
    )
    assert "mean" not in set(found.parts("what changed")[0].table["role"])


def test_disadvantaged_pupils_of_all_programmes_are_put_together(tmp_path):
    fsm = "free school meals: yes"
    more = [row(name, "2018", 0.1 * i, 0.1, subgroup=fsm, primary=False)
            for i, name in enumerate(("quizzes", "clubs", "tutors", "choirs"))]  # fmt: skip
    gap = row("quizzes", "2019", 3.0, 0.1, subgroup="gap to other pupils", primary=False)
    found = study(tmp_path, [*ROWS, *more, gap])
    assert found.disadvantaged.n_studies == 5
    effects = ev.synthesis.pool([-0.05, 0.0, 0.1, 0.2, 0.3], [0.08, 0.1, 0.1, 0.1, 0.1])
    assert found.disadvantaged.estimate == pytest.approx(effects.estimate)
    said = found.parts("for whom")[0]
    assert said.startswith("Disadvantaged pupils, all programmes: 5 results together: +0.1")
    assert study(tmp_path).disadvantaged is None


@pytest.mark.parametrize(
    "others", ["free school meals: no", "not disadvantaged", "pupil premium: never", "boys"]
)
def test_other_pupils_are_not_put_together_with_the_disadvantaged(tmp_path, others):
    theirs = [row(name, "2018", 0.1, 0.1, subgroup="free school meals: yes", primary=False)
              for name in ("quizzes", "clubs")]  # fmt: skip
    rest = [row(name, cohort, 3.0, 0.1, subgroup=others, primary=False)
            for name in ("quizzes", "clubs") for cohort in ("2018", "2019")]  # fmt: skip
    found = study(tmp_path, [*rest, *ROWS, *theirs]).disadvantaged
    assert found.n_studies == 3
    assert found.estimate == pytest.approx(study(tmp_path, [*ROWS, *theirs]).disadvantaged.estimate)
    assert found.estimate < 0.2


def test_cohorts_that_differ_are_told_apart(tmp_path):
    rows = [row("quizzes", "2018", 0.4, 0.04), row("quizzes", "2019", -0.2, 0.04)]
    found = study(tmp_path, rows)
    assert found.programmes["quizzes"].sentence() == (
        "Quizzes: 2017/18 +0.40; 2018/19 −0.20. They differ by more than chance (p < .001): look "
        "at each by itself."
    )


def test_five_programmes_have_a_mean_and_where_a_further_one_would_lie(tmp_path):
    rows = [*ROWS, row("choirs", "2018", 0.1, 0.1)]
    found = study(tmp_path, rows)
    mean = found.parts("what changed")[0].table.iloc[-1]
    assert mean["role"] == "mean"
    assert mean["wide_lower"] < mean["ci_lower"] < mean["estimate"]
    assert found.headlines[0].startswith("7 results together: ")
    assert "choirs" not in found.decided  # a hub's own programme: nobody here has priced it


def test_one_result_alone_is_said_to_be_one(tmp_path):
    found = study(tmp_path, [row("quizzes", "2018", 0.2, 0.05)])
    assert found.headlines[0] == "One result only: there is nothing to put together yet."
    assert found.programmes["quizzes"].sentence() == (
        "Quizzes: one result, 2017/18 +0.20 (+0.10 to +0.30)."
    )
    assert found.parts("beside others") == []


@pytest.mark.slow
def test_the_whole_report_can_be_shown_and_proposed(tmp_path):
    found = study(tmp_path, worth=100.0, simulated=True)
    page = found.report()._repr_html_()
    assert "a further trial of 40 schools" in page.casefold()
    proposal = ev.propose("", **found.findings())
    assert proposal.refused == ()
    names = [safe.picture.name for safe in proposal.pictures]
    assert sorted(names) == ["cost-and-effect", "cumulative", "forest", "ranks"]
    for question in found.questions:
        for part in found.parts(question):
            if isinstance(part, Picture):
                assert part.question == question
    one = study(tmp_path, [row("quizzes", "2018", 0.2, 0.05)])
    assert one.report()._repr_html_()
    assert ev.propose("", **one.findings()).refused == ()


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([row("texts", "2018", math.nan, math.nan)], "effects.parquet: no result in standard "
         "deviations to put together"),
        ([row("texts", "2018", 0.1, 0.0)], "effects.parquet: texts/2018, maths: an effect without "
         "a standard error above 0 cannot be pooled"),
        ([row("texts", "2018", 0.1, -0.1)], "effects.parquet: texts/2018, maths: an effect without "
         "a standard error above 0 cannot be pooled"),
        ([{"programme": "texts"}], "effects.parquet: no column 'run_id': no table of released "
         "effects"),
    ],
)  # fmt: skip
def test_effects_that_cannot_be_put_together_are_one_line(tmp_path, rows, said):
    with pytest.raises(EvidenceError) as error:
        study(tmp_path, rows).primary  # noqa: B018
    assert str(error.value).removeprefix(f"{tmp_path}/") == said


def test_a_file_that_is_no_table_is_one_line(tmp_path):
    (tmp_path / "effects.parquet").write_text("month,effect\n1,2\n")
    with pytest.raises(EvidenceError) as error:
        ev.Synthesis.read(str(tmp_path), {"effects": "effects.parquet", "programmes": {}})
    assert str(error.value) == (
        f"{tmp_path}/effects.parquet: no table of released effects; evidence run makes it after a "
        "release"
    )
