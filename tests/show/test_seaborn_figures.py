"""What is not shown is drawn as hidden, never as zero; each group keeps its colour."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from evidence.show import seaborn_figures


@pytest.fixture
def ax():
    return Figure(figsize=(7, 3)).subplots()


def distribution(counts):
    return pd.DataFrame(
        {
            "outcome": "Maths",
            "group": np.repeat(["control", "small"], 3),
            "from": [np.nan, 90, 100] * 2,
            "under": [90, 100, np.nan] * 2,
            "n_pupils": counts,
        }
    )


def hatched(ax):
    return [patch for patch in ax.patches if patch.get_hatch()]


def test_histogram_shows_shares_of_each_group(ax):
    seaborn_figures.draw_distribution(distribution([10, 30, 10, 40, 40, 20]), ax)
    tops = [max(area.get_paths()[0].vertices[:, 1]) for area in ax.collections[:2]]
    assert sorted(tops) == [0.4, 0.6]
    assert not hatched(ax)
    assert ax.get_xlabel() == "Maths (open ends)"
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["control", "small"]


def test_hidden_bin_is_hatched_in_the_place_of_its_group(ax):
    seaborn_figures.draw_distribution(distribution([np.nan, 30, 10, 40, 40, np.nan]), ax)
    low, high = sorted(hatched(ax), key=lambda patch: patch.get_x())
    assert 80 < low.get_x() < low.get_x() + low.get_width() < 86  # left of its bin: the first group
    assert 104 < high.get_x() < high.get_x() + high.get_width() < 110  # right: the second
    assert to_hex(low.get_edgecolor()).upper() == "#6B7780"
    assert to_hex(high.get_edgecolor()).upper() == "#12436D"
    drawn = [bar for bar in ax.patches if not bar.get_hatch() and bar.get_height() > 0]
    assert len(drawn) == 4
    assert "too few to show" in [text.get_text() for text in ax.get_legend().get_texts()]


def test_histogram_of_hidden_counts_only_is_all_hatched(ax):
    seaborn_figures.draw_distribution(distribution([np.nan] * 6), ax)
    assert len(hatched(ax)) == 6


def test_hidden_share_is_hatched_and_said_to_be_hidden(ax):
    table = pd.DataFrame(
        {
            "outcome": np.repeat(["Maths missing", "Reading missing"], 2),
            "group": ["control", "small"] * 2,
            "n_part": [20, np.nan, 1, 0],
            "n_pupils": [200, 200, 200, 200],
        }
    )
    seaborn_figures.draw_shares(table, ax)
    assert [text.get_text() for text in ax.texts] == ["10%", "under 1%", "hidden", "0%"]
    assert len(hatched(ax)) == 1
    assert hatched(ax)[0].get_width() > 0


@pytest.mark.parametrize(
    ("whole", "protected", "said"),
    [
        ("n_answers", False, "Share of answers (%)"),
        ("n_answers", True, "Share of answers (%)\nfrom rounded numbers"),
        ("n_pupils", True, "Share of pupils (%)\nfrom rounded numbers"),
        ("n_schools", True, "Share of schools (%)"),
    ],
)
def test_shares_of_rounded_numbers_say_so(ax, whole, protected, said):
    table = pd.DataFrame({"outcome": ["Helped"], "group": ["all"], "n_part": [175], whole: [210]})
    if protected:
        table[f"{whole}_symbol"] = ""
    seaborn_figures.draw_shares(table, ax)
    assert ax.get_xlabel() == said


def test_hidden_cells_lie_open_on_a_hatched_ground(ax):
    table = pd.DataFrame(
        {
            "Maths from": [np.nan, np.nan, 90, 90],
            "Maths under": [90, 90, np.nan, np.nan],
            "Reading from": [np.nan, 80, np.nan, 80],
            "Reading under": [80, np.nan, 80, np.nan],
            "n_pupils": [40, np.nan, np.nan, np.nan],
        }
    )
    seaborn_figures.draw_together(table, ax)
    assert ax.patch.get_hatch()
    assert [text.get_text() for text in ax.texts] == ["40"]
    assert ax.get_title(loc="left") == "Number of pupils\nHatched: too few to show"
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("Maths", "Reading")
    assert to_hex(ax.texts[0].get_color()).upper() == "#0B0C0C"  # on every blue there is
    values = ax.collections[0].get_array()
    assert values.shape == (2, 2)
    assert np.ma.count_masked(values) == 3


def lines(estimates):
    return pd.DataFrame(
        {
            "outcome": "Maths",
            "group": np.repeat(["others", "taking part"], 3),
            "time": [2017, 2018, 2019] * 2,
            "estimate": estimates,
            "ci_lower": np.array(estimates) - 1,
            "ci_upper": np.array(estimates) + 1,
        }
    )


def test_line_breaks_where_a_mean_is_hidden(ax):
    seaborn_figures.draw_lines(lines([50, np.nan, 52, 51, 52, 53]), ax)
    drawn = [line for line in ax.lines if len(line.get_xdata())]
    assert sorted(len(line.get_xdata()) for line in drawn) == [1, 1, 3]
    (block,) = hatched(ax)
    assert block.get_x() == pytest.approx(2018, abs=0.1)
    labels = [label.get_text() for label in ax.get_xticklabels()]
    assert labels == ["2016/17", "2017/18", "2018/19"]
    assert ax.get_ylabel() == "Maths"


def test_each_cohort_has_a_panel_with_those_that_never_took_part(ax):
    others = lines([50, 51, 52, 51, 52, 53]).assign(panel=["", "", "", "Early", "Early", "Early"])
    late = others[3:].assign(panel="Late")
    table = pd.concat([others, late], ignore_index=True)
    table["start"] = table["panel"].map({"Early": 2018, "Late": 2019})
    seaborn_figures.draw_lines(table, ax)
    assert [panel.get_title(loc="left") for panel in ax.child_axes] == ["Early", "Late"]
    assert all(len(panel.collections) == 1 for panel in ax.child_axes)
    first, second = (panel.get_ylim() for panel in ax.child_axes)
    assert first == second
    starts = [panel.lines[0].get_xdata()[0] for panel in ax.child_axes]
    assert starts == [2017.5, 2018.5]


def test_groups_keep_their_colour_whatever_the_order_of_schools(ax):
    table = pd.DataFrame(
        {
            "school": ["a", "b", "c"],
            "group": ["control", "small", "small"],
            "estimate": [3.0, 1.0, 2.0],
            "ci_lower": 0.0,
            "ci_upper": 4.0,
            "far": [False, True, False],
        }
    )
    seaborn_figures.draw_schools(table, ax)
    dots = ax.collections[1]
    colours = [to_hex(colour).upper() for colour in dots.get_facecolors()]
    assert colours == ["#12436D", "#12436D", "#6B7780"]
    assert [text.get_text() for text in ax.texts] == ["b"]


def test_a_long_name_leaves_a_bar_its_room():
    name = "Report that the partnership brought them a financial benefit"
    table = pd.DataFrame({"outcome": [name, "Yes"], "group": "all", "n_part": 5, "n_answers": 9})
    ax = Figure(figsize=(7, 3)).subplots()
    seaborn_figures.draw_shares(table, ax)
    names = [label.get_text() for label in ax.get_yticklabels()]
    assert [len(text.splitlines()) for text in names] == [2, 1]
    assert " ".join(names[0].split()) == name
    short = table.assign(outcome=["No", "Yes"])
    assert seaborn_figures.height("shares", table) > seaborn_figures.height("shares", short)
