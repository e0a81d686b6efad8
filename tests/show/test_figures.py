"""What the eye is told: colours, dashes, bands and marks, read off the drawn artists."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from evidence.methods.trials.robustness import Robustness
from evidence.show import figures
from evidence.studies import pictures


@pytest.fixture
def ax():
    return Figure(figsize=(7, 3)).subplots()


def intervals(**change):
    frame = {
        "label": ["As planned, complete cases (primary)", "Multilevel model", "Bootstrap"],
        "estimate": [0.3, 0.1, -0.3],
        "ci_lower": [0.1, -0.2, -0.5],
        "ci_upper": [0.5, 0.4, -0.1],
        "verdict": ["better than similar", "too little data", "worse than similar"],
        "primary": [True, False, False],
        "worthwhile": [0.1, 0.2, np.nan],
        "unit": "sd",
    }
    return pd.DataFrame(frame | change)


def test_intervals_speak_the_colour_language(ax):
    figures.draw_intervals(intervals(), ax)
    lines = [line for line in ax.lines if len(line.get_xdata()) == 2 and line.get_linewidth() > 2]
    points = [line for line in ax.lines if line.get_marker() in ("o", "s")]
    assert [to_hex(line.get_color()).upper() for line in lines] == [
        "#12436D", "#6B7780", "#801650",
    ]  # fmt: skip
    assert [line.is_dashed() for line in lines] == [False, True, False]
    assert [to_hex(point.get_markerfacecolor()) for point in points][1] == "#ffffff"
    assert [point.get_marker() for point in points] == ["s", "o", "o"]
    bold = [text.get_text() for text in ax.texts if text.get_weight() == "bold"]
    assert bold == ["As planned, complete cases (primary)"]


def test_each_row_has_the_grey_band_of_its_own(ax):
    figures.draw_intervals(intervals(), ax)
    widths = [patch.get_width() for patch in ax.patches]
    np.testing.assert_allclose(widths, [0.2, 0.4, np.nan])
    assert "Grey: no worthwhile difference" in ax.get_xlabel()
    bare = Figure().subplots()
    figures.draw_intervals(intervals().drop(columns="worthwhile"), bare)
    assert not bare.patches
    assert "Grey" not in bare.get_xlabel()


@pytest.mark.parametrize("draw", [figures.draw_intervals, figures.draw_balance])
def test_no_name_of_a_row_lies_over_the_line_at_zero(draw):
    """The line stands in the row, the name above it."""
    ax = Figure(figsize=(figures.WIDTH, figures.pitch("abc") * 3 + 1.6)).subplots()
    frame = intervals() if draw is figures.draw_intervals else pd.DataFrame(
        {"covariate": ["Earlier maths", "Another name", "A third"], "effect_size": [0.1, 0.0, -0.2]}
    )  # fmt: skip
    draw(frame, ax)
    ax.figure.draw_without_rendering()
    (zero,) = (line for line in ax.lines if line.get_marker() == "|")
    assert list(zero.get_xdata()) == [0, 0, 0]
    middles = ax.transData.transform(zero.get_xydata())[:, 1]
    half = zero.get_markersize() / 2 * ax.figure.dpi / 72
    for text in ax.texts:
        box = text.get_window_extent()
        assert all(box.y0 > y + half - 1 or box.y1 < y - half for y in middles)


@pytest.mark.parametrize("reach", [0.01, 0.2, 0.5, 1.0, 1.6])
def test_marks_of_months_stand_apart_and_none_says_one_month(reach):
    ax = Figure(figsize=(7, 3)).subplots()
    figures.draw_intervals(intervals(ci_lower=-reach, ci_upper=reach), ax)
    (top,) = ax.child_axes
    low, high = ax.get_xlim()
    assert low < -0.1 < 0.1 < high  # two months are on the axis
    assert min(b - a for a, b in pairwise(top.get_xticks())) > 0.05 * (high - low)
    said = [label.get_text() for label in top.get_xticklabels()]
    assert "0" in said
    assert not {"+1", "−1"} & set(said)


def test_every_text_of_several_lines_is_drawn_line_by_line():
    """Only a single line keeps its anchor where the reader's font is wider than ours."""
    flow = pd.DataFrame(
        {
            "stage": ["assigned", "assigned", "analysed", "analysed"],
            "arm": ["Catch-up with teaching assistants", "As usual"] * 2,
            "n_pupils": [100.0, 100.0, 88.0, np.nan],
            "n_schools": [5, 5, 5, 4],
            "lost_for": ["", "", "Test before the start or Sex", "Sex"],
        }
    )
    for draw, frame in ((figures.draw_intervals, intervals()), (figures.draw_flow, flow)):
        drawn = draw(frame, Figure().subplots())
        texts = [text.get_text() for text in drawn.texts]
        assert not any("\n" in text for text in texts)
    assert {"12 lost: no record of", "Test before the start", "or Sex"} <= set(texts)
    assert "pupils: hidden" in texts  # few were lost there, and how many is not told
    assert sum("lost" in text for text in texts) == 1


def test_specifications_judge_each_analysis_and_name_those_left_out():
    table = intervals().drop(columns=["verdict", "worthwhile", "unit"])
    table = table.assign(n_pupils=100, holds=False)
    found = Robustness(
        table=table, outcome="Maths", treatment="a against b", skipped=("Bootstrap 2: why",)
    )
    picture = pictures.specifications(found, 0.45)
    assert list(picture.table["verdict"]) == [
        "better than similar", "no worthwhile difference", "worse than similar",
    ]  # fmt: skip
    assert picture.title == "Better than similar pupils in 1 of 3 analyses"
    assert picture.alt.endswith(" Not possible with these data: Bootstrap 2: why.")
    # Without a smallest worthwhile effect nothing can be called too small.
    unknown = pictures.specifications(found).table
    assert unknown["verdict"][1] == "too little data"
    assert unknown["worthwhile"].isna().all()


def test_waiting_is_a_curve_with_its_limit_and_none_where_it_is_hidden(ax):
    frame = pd.DataFrame(
        {"weeks": [0.0, 12, 20, 28], "done": [0, 20, 60, np.nan], "ci_lower": [0, 15, 55, np.nan],
         "ci_upper": [0, 25, 65, np.nan], "n": 100, "limit": 20.0}
    )  # fmt: skip
    figures.draw_waiting(frame, ax)
    curve, limit = ax.lines
    assert curve.get_ydata().tolist() == [0, 20, 60]
    assert curve.get_drawstyle() == "steps-post"
    assert list(limit.get_xdata()) == [20, 20]
    assert ax.get_ylim() == (0, 100)


def test_funnel_marks_the_school_asked_about_and_draws_two_pairs_of_limits(ax):
    frame = pd.DataFrame(
        {"school": list("abcd"), "n": [40, 10, 30, 20], "value": [60.0, 50, np.nan, 70],
         "centre": 60.0, "lower_95": 40.0, "upper_95": 80.0, "lower_99.8": 30.0,
         "upper_99.8": 90.0, "asked": [False, False, False, True]}
    )  # fmt: skip
    figures.draw_funnel(frame, ax)
    marks = [line for line in ax.lines if line.get_marker() == "D"]
    assert [(*line.get_xdata(), *line.get_ydata()) for line in marks] == [(20, 70)]
    dots = next(line for line in ax.lines if line.get_marker() == "o")
    assert dots.get_xdata().tolist() == [10, 20, 40]  # the hidden one is not drawn
    assert {float(line.get_ydata()[0]) for line in ax.lines[:4]} == {30, 40, 80, 90}
    assert [text.get_text() for text in ax.get_legend().texts] == ["this school"]


@pytest.mark.parametrize("time", ["2019 Q4", "2019-12", "2019", "2018/19 autumn"])
def test_times_below_a_control_chart_do_not_run_into_each_other(ax, time):
    frame = pd.DataFrame(
        {"place": range(30), "time": time, "part": 1, "value": 1.0, "centre": 1.0,
         "signal": "common cause"}
    )  # fmt: skip
    figures.draw_control_chart(frame, ax)
    words = [text.get_text() for text in ax.get_xticklabels()]
    assert len(words) > 1
    assert len("  ".join(words)) <= 50
