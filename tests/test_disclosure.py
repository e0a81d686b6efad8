import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evidence.errors import EvidenceError
from evidence.release.disclosure import Safe, protect, protect_picture, round_words
from evidence.show.picture import Picture

rows = st.lists(st.tuples(st.integers(0, 400), st.integers(0, 400)), min_size=1, max_size=12)


@settings(derandomize=True, max_examples=300, deadline=None)
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
        "column 'score' is numeric and has no role; name it in counts, percentages, statistics, "
        "schools or axes"
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
            "column 'who': a cell looks like a pupil number (UPN); remove it",
        ),
        (
            {"score": ["101.5"], "n": [50]},
            {},
            "column 'score' holds numbers written as text; make it numeric and name it in counts, "
            "percentages, statistics, schools or axes",
        ),
        (
            {"n": [50.5]},
            {},
            "row 1, column 'n': a count is a whole number, 0 or more",
        ),
        (
            {"n": [50]},
            {"threshold": 3},
            "threshold is 3 and base 5: neither may be below 5; the usual rule is threshold 10, "
            "base 5",
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
            "column 'n' has two roles; give it one of counts, percentages, statistics, schools or "
            "axes",
        ),
        (
            {"n": [50], "free": ["words"]},
            {"labels": ()},
            "column 'free' is not among labels ()",
        ),
        (
            {"n": [50], "when": pd.to_datetime(["2018-01-01"])},
            {},
            "column 'when' is numeric and has no role; name it in counts, percentages, "
            "statistics, schools or axes",
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
        protect(pd.DataFrame(raw), counts="n", **arguments)
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


def test_protect_schools_are_rounded_and_few_are_low():
    raw = pd.DataFrame({"n": [50, 60], "k": [42, 2]})
    table = protect(raw, counts="n", schools=("k",)).table
    assert table["k"].iloc[0] == 40
    assert table["k_symbol"].tolist() == ["", "low"]


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
        "n: hidden in 2 of 3 rows",
        "mean: hidden in the same 2 rows",
    )


def test_safe_made_by_hand_is_refused():
    with pytest.raises(TypeError, match=r"^a Safe is made by disclosure\.protect only$"):
        Safe(object(), pd.DataFrame(), ())


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


def test_protect_picture_refused_names_the_picture():
    picture = Picture(
        name="dots", kind="balance", title="t", alt="a",
        table=pd.DataFrame({"covariate": ["x"], "effect_size": [0.123]}),
    )  # fmt: skip
    with pytest.raises(EvidenceError) as error:
        protect_picture(picture)
    assert str(error.value) == (
        "picture dots: column 'effect_size' is numeric and has no role; name it in counts, "
        "percentages, statistics, schools or axes"
    )


@pytest.mark.parametrize(
    ("given", "left"),
    [
        ("265 pupils in 22 schools", "265 pupils in 22 schools"),
        (
            "1,263 treated pupils; 3 pupils moved",
            "1,265 treated pupils; fewer than 10 pupils moved",
        ),
        ("454 of 6,326 pupils have no score", "455 of 6,325 pupils have no score"),
        ("3 of 1,399 rows (0.2%) are left out", "fewer than 10 of 1,400 rows (0%) are left out"),
        ("Year 6 pupils, Key Stage 2 pupils", "Year 6 pupils, Key Stage 2 pupils"),
        ("2017/18 pupils made 3 months more", "2017/18 pupils made 3 months more"),
    ],
)
def test_round_words_rounds_pupils_only(given, left):
    assert round_words(given) == left
