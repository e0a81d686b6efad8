"""Results put together are drawn whole: what has no end is marked, what is hidden is said."""

import itertools

import numpy as np
import pandas as pd
import pytest

from evidence.show.picture import Picture


def forest():
    return pd.DataFrame(
        {
            "label": ["A trial", "With one more", "Mean"],
            "role": ["result", "look", "mean"],
            "estimate": [0.1, 0.2, 0.15],
            "ci_lower": [0.0, 0.1, 0.1],
            "ci_upper": [0.2, 0.3, 0.2],
            "wide_lower": [np.nan, -30.0, -0.1],
            "wide_upper": [np.nan, 30.0, 0.4],
            "weight": [100.0, 100.0, 100.0],
        }
    )


def ranks():
    names = np.repeat(["Quizzes", "Texts"], 2)
    return pd.DataFrame({"label": names, "rank": [1, 2] * 2, "probability": [0.9, 0.1, 0.05, 0.95]})


def plane(worth=1000.0):
    return pd.DataFrame(
        {
            "label": [
                "Texts",
                "Quizzes",
                "A programme with a name that is longer than one line is",
            ],
            "cost": [6.0, 90.0, 91.0],
            "estimate": [0.0, 0.2, 0.2],
            "ci_lower": [-0.1, 0.1, 0.1],
            "ci_upper": [0.1, 0.3, 0.3],
            "worth": worth,
        }
    )


def drawn(kind, table):
    return Picture(name="a", kind=kind, title="A title", alt="In words", table=table)


DRAWINGS = [("forest", forest()), ("ranks", ranks()), ("plane", plane()), ("plane", plane(np.nan))]


@pytest.mark.parametrize(("kind", "table"), DRAWINGS)
def test_every_name_is_in_the_drawing(kind, table):
    svg = drawn(kind, table).svg()
    for name in table["label"]:
        assert name.split()[-1] in svg
    assert ("Dashed" in svg) == (kind == "plane" and table["worth"].notna().all())


def test_forest_marks_what_runs_on_beyond_its_edge():
    ax = drawn("forest", forest()).plot()
    arrows = [line for line in ax.lines if line.get_marker() in ("<", ">")]
    assert len(arrows) == 2
    low, high = ax.get_xlim()
    assert -1 < low < -0.4 < 0.4 < high < 1
    assert "Thin line: the interval that holds" in ax.get_xlabel()


def test_ranks_are_numbered_where_they_are_probable_and_dashed_where_hidden():
    table = ranks()
    table.loc[3, "probability"] = np.nan
    texts = [text.get_text() for text in drawn("ranks", table).plot().texts]
    assert texts[:3] == ["90", "10", "–"]


def test_numbers_of_points_do_not_stand_on_each_other():
    ax = drawn("plane", plane()).plot()
    (panel,) = ax.child_axes
    numbers = {text.get_text(): text for text in panel.texts if text.get_text() in "123"}
    assert set(numbers) == {"1", "2", "3"}
    places = [numbers[n].xyann for n in "23"]  # both points are almost the same
    assert np.hypot(*np.subtract(*places)) > 9


@pytest.mark.parametrize("most", [300, 900, 1000, 4000, 9000])
def test_words_of_bands_do_not_stand_on_each_other(most):
    table = plane().assign(cost=[3.0, 90.0, float(most)])
    ax = drawn("plane", table).plot()
    ax.figure.canvas.draw()
    said = ("very low", "low", "moderate", "high", "very high")
    boxes = [t.get_window_extent() for t in ax.child_axes[0].texts if t.get_text() in said]
    assert len(boxes) >= 3
    assert not any(a.overlaps(b) for a, b in itertools.combinations(boxes, 2))
