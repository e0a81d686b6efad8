import pickle
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evidence.data.rules import Rules
from evidence.errors import EvidenceError
from evidence.release.control.disclosure import Safe, protect, protect_picture
from evidence.show.picture import Picture

rows = st.lists(st.tuples(st.integers(0, 400), st.integers(0, 400)), min_size=1, max_size=12)


@pytest.mark.slow
@settings(derandomize=True, max_examples=100, deadline=None)
@given(rows=rows, threshold=st.sampled_from([5, 7, 10]))
def test_protect_any_table_hides_rounds_and_recomputes(rows, threshold):
    raw = pd.DataFrame(
        {"area": [f"area {i}" for i in range(len(rows))]}
        | {"n": [a + b for a, b in rows], "met": [a for a, _ in rows], "pct": 0.5, "mean": 3.25}
    )
    before = raw.copy(deep=True)
    try:
        safe = protect(
            raw,
            counts=("n", "met"),
            percentages={"pct": ("met", "n")},
            statistics=("mean",),
            threshold=threshold,
        )
    except EvidenceError:
        assert (raw["n"] < threshold).all() or _all_hidden(raw, threshold)
        return
    table = safe.table
    pd.testing.assert_frame_equal(raw, before)
    for name in ("n", "met"):
        shown = table[name].dropna()
        assert (shown >= threshold).all()
        assert (shown % 5 == 0).all()
        assert (table[name].isna() == (table[f"{name}_symbol"] == "c")).all()
        assert ((shown - raw.loc[shown.index, name]).abs() <= 5).all()
    pd.testing.assert_series_equal(table["pct"], 100 * table["met"] / table["n"], check_names=False)
    small = (raw[["n", "met"]] < threshold).any(axis=1)
    assert table.loc[small, "mean"].isna().all()


def _all_hidden(raw, threshold):
    met = (raw["met"] < threshold) | (raw["n"] - raw["met"] < threshold)
    return (met & (raw["n"] < threshold)).all()


def test_protect_numeric_column_without_role_is_refused():
    raw = pd.DataFrame({"area": ["a"], "n": [50], "score": [101.2]})
    message = (
        "column 'score' is numeric and has no role; name it in counts, percentages, means, totals, "
        "statistics, schools or axes"
    )
    with pytest.raises(EvidenceError) as error:
        protect(raw, counts="n")
    assert str(error.value) == message


def test_protect_row_level_data_is_refused():
    raw = pd.DataFrame({"pupil": ["p", "q"], "n": [1, 1]})
    with pytest.raises(EvidenceError) as error:
        protect(raw, counts="n")
    assert str(error.value) == (
        "every count in n is below 10: this looks like one row a pupil; count pupils in groups "
        "first"
    )


@pytest.mark.parametrize(
    ("raw", "arguments", "message"),
    [
        (
            {"who": ["A123456789012"], "n": [50]},
            {},
            "column 'who': holds what looks like a pupil number (UPN); remove it",
        ),
        (
            {"score": ["101.5"], "n": [50]},
            {},
            "column 'score' holds numbers written as text; make it numeric and name it in counts, "
            "percentages, means, totals, statistics, schools or axes",
        ),
        (
            {"n": [50.5]},
            {},
            "row 1, column 'n': a count is a whole number, 0 or more",
        ),
        (
            {"n": [50]},
            {"threshold": 3},
            "threshold is 3: a whole number, 5 or more, is needed",
        ),
        (
            {"n": [50], "pct": [3.0]},
            {"percentages": {"pct": ("met", "n")}},
            "percentage 'pct' rests on met and n: name both among counts",
        ),
        ({"n": [50]}, {"statistics": ("mean",)}, "no column 'mean'; there are n"),
        (
            {"n": [50]},
            {"statistics": ("n",)},
            "column 'n' has two roles; give it one of counts, percentages, means, totals, "
            "statistics, schools or axes",
        ),
        (
            {"n": [50], "free": ["words"]},
            {"labels": ()},
            "column 'free' is not among labels ()",
        ),
        (
            {"n": [50], "when": pd.to_datetime(["2018-01-01"])},
            {},
            "column 'when' is numeric and has no role; name it in counts, percentages, means, "
            "totals, statistics, schools or axes",
        ),
        (
            {"n": [50], "max_score": [118.0]},
            {"statistics": "max_score"},
            "column 'max_score': smallest and largest values and residuals are single pupils'; "
            "leave it out or show a quantile over enough pupils",
        ),
        (
            {"n": [50], "m": [3.0]},
            {"statistic": "m"},
            "unknown column role 'statistic'; did you mean 'statistics'?",
        ),
        (
            {"n": [50], "n_symbol": ["c"]},
            {},
            "row 1, column 'n': has both a number and the symbol 'c'; a symbol stands in place of "
            "a number",
        ),
        (
            {"n": [float("nan")], "n_symbol": ["SUPP"]},
            {},
            "column 'n_symbol' holds a symbol that is not one of z, x, c, low, u, k",
        ),
        (
            {"n": [50], "met": [51], "pct": [102.0]},
            {"counts": ("n", "met"), "percentages": {"pct": ("met", "n")}},
            "row 1, column 'met': the part is larger than 'n'",
        ),
        (
            {"n": [50], "hours": [900.0]},
            {"totals": {"hours": ()}},
            "total 'hours' needs the columns of its 2 largest contributions, largest first",
        ),
        (
            {"n": [50], "rate": [9.0]},
            {"means": {"rate": ("days", "n")}},
            "mean 'rate' rests on days and n: name the first among counts or totals, the second "
            "among counts",
        ),
        (
            {"n": ["many"]},
            {},
            "column 'n' is not numeric but was named as a number",
        ),
    ],
)
def test_protect_what_breaks_a_rule_is_refused_without_its_value(raw, arguments, message):
    with pytest.raises(EvidenceError) as error:
        protect(pd.DataFrame(raw), **({"counts": "n"} | arguments))
    assert str(error.value) == message


def test_protect_statistics_without_counts_are_refused():
    with pytest.raises(EvidenceError) as error:
        protect(pd.DataFrame({"mean": [1.0]}), counts=(), statistics=("mean",))
    assert str(error.value) == (
        "statistics mean have no counts of pupils behind them; name those columns in counts"
    )


def test_protect_named_index_is_refused():
    raw = pd.DataFrame({"n": [50]}, index=pd.Index(["x"], name="school"))
    with pytest.raises(EvidenceError) as error:
        protect(raw, counts="n")
    assert str(error.value) == (
        "the index 'school' would be lost: call reset_index() to make it a column"
    )


def test_protect_missing_count_hides_statistics_and_says_x():
    raw = pd.DataFrame({"n": [50, None], "mean": [1.0, 2.0]})
    table = protect(raw, counts="n", statistics=("mean",)).table
    assert table["n_symbol"].tolist() == ["", "x"]
    assert table["mean"].isna().tolist() == [False, True]


def test_protect_schools_are_public_and_exact():
    raw = pd.DataFrame({"n": [50, 60, 70], "k": [42, 2, None]})
    table = protect(raw, counts="n", schools=("k",)).table
    assert table["k"].tolist()[:2] == [42, 2]
    assert table["k_symbol"].tolist() == ["", "", "x"]


def test_protect_categorical_label_loses_unused_levels():
    raw = pd.DataFrame({"who": pd.Categorical(["a"], ["a", "hidden name"]), "n": [50]})
    assert isinstance(protect(raw, counts="n").table["who"].dtype, pd.StringDtype)


def test_protect_twice_gives_the_same_table():
    raw = pd.DataFrame({"n": [52, 3, None], "mean": [1.0, 2.0, 3.0]})
    once = protect(raw, counts="n", statistics=("mean",))
    pd.testing.assert_frame_equal(
        protect(once.table, counts="n", statistics=("mean",)).table, once.table
    )
    assert once.suppressed == (
        "n: hidden in 2 of 3 rows (fewer than 10 or unknown)",
        "mean: hidden in 2 of 3 rows",
    )


@pytest.mark.parametrize("symbol", ["z", "x", "c", "low", "k"])
def test_protect_symbol_of_the_source_is_kept(symbol):
    raw = pd.DataFrame({"n": [50, None], "n_symbol": ["", symbol]})
    table = protect(raw, counts="n").table
    assert table["n_symbol"].tolist() == ["", symbol]
    assert table["n"].isna().tolist() == [False, True]


def test_protect_low_reliability_keeps_its_number():
    raw = pd.DataFrame({"n": [52, 3], "n_symbol": ["u", "u"]})
    table = protect(raw, counts="n").table
    assert table["n"].tolist()[0] == 50
    assert table["n_symbol"].tolist() == ["u", "c"]


def test_protect_zeros_that_are_not_disclosive_are_shown():
    raw = pd.DataFrame({"n": [0, 3, 40]})
    assert protect(raw, counts="n").table["n_symbol"].tolist() == ["c", "c", ""]
    shown = protect(raw, counts="n", rules=Rules(zeros_disclosive=False)).table
    assert shown["n"].tolist()[0] == 0
    assert shown["n_symbol"].tolist() == ["", "c", ""]


def test_protect_hundred_per_cent_is_hidden_unless_the_rules_allow_it():
    raw = pd.DataFrame({"n": [40, 60], "met": [40, 31], "pct": [100.0, 51.7]})
    roles = {"counts": ("n", "met"), "percentages": {"pct": ("met", "n")}}
    assert protect(raw, **roles).table["pct"].isna().tolist() == [True, False]
    rules = Rules(full_disclosive=False)
    assert protect(raw, **roles, rules=rules).table["pct"].tolist()[0] == 100


def test_protect_means_rest_on_rounded_counts():
    raw = pd.DataFrame({"n": [52, 61], "absences": [208, 5], "rate": [4.0, 0.08]})
    table = protect(raw, counts=("n", "absences"), means={"rate": ("absences", "n")}).table
    assert table["rate"].tolist()[0] == 210 / 50
    assert table["rate"].isna().tolist() == [False, True]


@pytest.mark.parametrize(
    ("largest", "second", "shown"),
    [
        (100.0, 90.0, True),
        (850.0, 60.0, False),  # two make up more than nine tenths
        (500.0, 455.0, False),  # what is left, 45, is less than a tenth of the largest
    ],
)
def test_protect_total_that_few_dominate_is_hidden(largest, second, shown):
    raw = pd.DataFrame(
        {"n": [50, 50], "hours": [1000.0, 803.0], "most": [largest, 9.0], "next": [second, 9.0]}
    )
    safe = protect(raw, counts="n", totals={"hours": ("most", "next")})
    assert list(safe.table) == ["n", "n_symbol", "hours", "hours_symbol"]
    assert safe.table["hours"].tolist()[1] == 805
    assert safe.table["hours"].notna().tolist()[0] == shown
    if not shown:
        assert safe.suppressed == ("hours: hidden in 1 of 2 rows (one contributor could be known)",)


def test_protect_model_with_too_few_degrees_of_freedom_is_hidden():
    raw = pd.DataFrame({"n": [50, 50], "estimate": [1.0, 2.0], "free": [9, 10]})
    table = protect(raw, counts="n", statistics="estimate", residual_df="free").table
    assert list(table) == ["n", "n_symbol", "estimate"]
    assert table["estimate"].isna().tolist() == [True, False]


def test_protect_words_are_made_from_the_protected_table():
    raw = pd.DataFrame({"n": [52, 3], "sentence": ["52 pupils", "3 pupils"]})
    told = protect(
        raw, counts="n", words=lambda table: table.assign(sentence=table["n"].map(str))
    ).table
    assert told["sentence"].tolist() == ["50.0", "nan"]
    assert told["n"].tolist()[0] == 50


def test_safe_cannot_be_written_down():
    safe = protect(pd.DataFrame({"n": [52]}), counts="n")
    with pytest.raises(
        TypeError, match=r"^a Safe knows true counts and is not written down: write its table$"
    ):
        pickle.dumps(safe)


def test_safe_hiding_drops_the_count_its_statistics_and_its_words():
    raw = pd.DataFrame(
        {"n": [52, 60], "mean": [1.0, 2.0], "note": ["52 pupils", "60 pupils of two schools"]}
    )
    safe = protect(raw, counts="n", statistics="mean")
    hidden = safe.hiding({"n": np.array([True, False])}, frozenset({50.0}))
    assert hidden.table["n_symbol"].tolist() == ["c", ""]
    assert hidden.table["mean"].isna().tolist() == [True, False]
    assert hidden.table["note"].tolist() == ["some pupils", "60 pupils of two schools"]
    assert hidden.suppressed == (
        "n: hidden in 1 more of 2 rows, or a hidden count could be worked out",
        "mean: hidden in 1 of 2 rows",
    )


def test_protect_picture_point_on_few_pupils_is_refused():
    picture = Picture(
        name="dots", kind="balance", title="t", alt="a",
        table=pd.DataFrame({"covariate": ["x", "y"], "effect_size": [0.1, 0.2], "n": [50, 8]}),
        counts=("n",), statistics=("effect_size",),
    )  # fmt: skip
    with pytest.raises(EvidenceError) as error:
        protect_picture(picture)
    assert str(error.value) == (
        "picture dots: row 2: the point rests on fewer than 10 pupils; leave it out or join it to "
        "another"
    )


def test_safe_made_by_hand_is_refused():
    with pytest.raises(TypeError, match=r"^a Safe is made by disclosure\.protect only$"):
        Safe(object(), pd.DataFrame(), (), None, None)


def test_table_by_itself_has_no_picture_to_draw():
    with pytest.raises(TypeError, match=r"^nothing is drawn from this table$"):
        _ = protect(pd.DataFrame({"n": [52]}), counts="n").drawn


def test_safe_table_is_a_copy():
    safe = protect(pd.DataFrame({"n": [52]}), counts="n")
    table = safe.table
    table.loc[0, "n"] = 1
    assert safe.table["n"].tolist() == [50]


def test_protect_picture_redraws_from_the_protected_table():
    picture = Picture(
        name="flow",
        kind="flow",
        title="Of 263 pupils 4 pupils left",
        alt="263 pupils began and 4 pupils left.",
        table=pd.DataFrame({"stage": ["left", "stayed"], "arm": "all", "n_pupils": [4, 259]}),
        counts=("n_pupils",),
    )
    drawn = protect_picture(picture).picture.svg()
    assert "263 pupils" not in drawn
    assert "259 pupils" not in drawn
    assert "265 pupils began and fewer than 10 pupils left." in drawn
    assert "260 pupils" in drawn
    assert "fewer than 10 pupils" in drawn


@pytest.mark.parametrize(
    ("counts", "fault"),
    [
        ((), "no counts stand behind it; name the columns of pupils or schools"),
        (("n",), "column 'effect_size' is numeric and has no role; name it in counts, percentages, "
                 "means, totals, statistics, schools or axes"),
    ],
)  # fmt: skip
def test_protect_picture_refused_names_the_picture(counts, fault):
    picture = Picture(
        name="dots", kind="balance", title="t", alt="a", counts=counts,
        table=pd.DataFrame({"covariate": ["x"], "effect_size": [0.123], "n": [50]}),
    )  # fmt: skip
    with pytest.raises(EvidenceError) as error:
        protect_picture(picture)
    assert str(error.value) == f"picture dots: {fault}"


def test_protect_picture_hidden_estimate_takes_its_verdict_along():
    picture = Picture(
        name="groups", kind="intervals", title="t", alt="a", counts=("n",),
        statistics=("estimate", "ci_lower", "ci_upper"),
        table=pd.DataFrame(
            {"label": ["all", "few"], "estimate": [0.5, 0.9], "ci_lower": [0.4, 0.8],
             "ci_upper": [0.6, 1.0], "verdict": "better than similar", "n": [500, None]}
        ),
    )  # fmt: skip
    table = protect_picture(picture).table
    assert table["verdict"].tolist() == ["better than similar", ""]


@pytest.mark.parametrize(("few", "title"), [("first", False), ("second", True), ("", True)])
def test_protect_picture_words_do_not_tell_a_result_that_its_table_hides(few, title):
    results = pd.DataFrame(
        {"label": ["first", "second"], "estimate": [0.3977, -0.4638], "ci_lower": [0.17, -0.82],
         "ci_upper": [0.625, -0.11], "n": [535, 120]}
    )  # fmt: skip
    says = "Reading: better than similar pupils"
    alt = (
        "Two effects. First: +0.40, interval +0.17 to +0.63; second: −0.46, interval −0.8 to −0.1."
    )
    picture = Picture(
        name="effect", kind="intervals", title=says, alt=alt, counts=("n",),
        statistics=("estimate", "ci_lower", "ci_upper"), table=results,
    )  # fmt: skip
    drawn = protect_picture(picture).hiding({"n": (results["label"] == few).to_numpy()}).drawn
    assert ("+0.40" in drawn.alt, "−0.46" in drawn.alt) == (few != "first", few != "second")
    assert "Two effects." in drawn.alt
    assert (drawn.title == says) == title
    many = replace(picture, title="Better in 1 of 2 analyses")
    drawn = protect_picture(many).hiding({"n": (results["label"] == few).to_numpy()}).drawn
    assert (drawn.title == many.title) == (not few)


@pytest.mark.parametrize(("part", "told"), [(4, False), (40, True)])
def test_protect_picture_words_do_not_tell_a_share_of_which_the_part_is_hidden(part, told):
    said = f"Received any: {100 * part / 52:.0f}% in Programme"
    picture = Picture(
        name="received", kind="shares", title=said, alt=f"A bar. {said}.",
        counts=("n_part", "n_pupils"),
        table=pd.DataFrame({"group": ["Programme"], "n_part": [part], "n_pupils": [52]}),
    )  # fmt: skip
    drawn = protect_picture(picture).drawn
    assert (drawn.title == said, "%" in drawn.alt) == (told, told)
    assert drawn.alt.startswith("A bar.")


def test_protect_statistics_leave_with_few_digits_and_never_as_zero():
    raw = pd.DataFrame({"n": [50] * 4, "mean": [104.28571, -0.000123456, 0.0, 98765.4]})
    table = protect(raw, counts="n", statistics="mean").table
    assert table["mean"].tolist() == [104.3, -0.0001235, 0.0, 98770.0]
    two = protect(raw, counts="n", statistics="mean", rules=Rules(digits=2)).table
    assert two["mean"].tolist() == [100.0, -0.00012, 0.0, 99000.0]
