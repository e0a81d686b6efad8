"""Data in pictures: what the titles say, what counts are kept, what never leaves."""

import dataclasses
from functools import cache

import numpy as np
import pandas as pd
import pytest

from evidence.errors import EvidenceError
from evidence.release.control.disclosure import protect_picture
from evidence.show.data_pictures import DataPicture, DataPictures
from evidence.show.picture import Picture

SCHOOLS = [f"Hill {place} Primary" for place in range(24)]


def pupils(n=1200, seed=1):
    rng = np.random.default_rng(seed)
    place = np.arange(n) % len(SCHOOLS)
    ability = rng.normal(0, 1, n) + rng.normal(0, 0.3, len(SCHOOLS))[place]
    return pd.DataFrame(
        {
            "upn": [f"A{number:011d}B" for number in range(n)],
            "school": np.array(SCHOOLS)[place],
            "arm": np.where(place % 2, "programme", "as usual"),
            "before": np.round(100 + 10 * (0.8 * ability + 0.6 * rng.normal(0, 1, n))),
            "maths": np.round(100 + 10 * (0.8 * ability + 0.6 * rng.normal(0, 1, n))),
            "passed": (ability > 0).astype(float),
        }
    )


def pictures(rows=None, **change):
    parts = {"rows": pupils() if rows is None else rows, "by": "arm", "school": "school"}
    return DataPictures(**(parts | {"order": ["as usual"]} | change))


@cache
def every():
    rows = pupils()
    rows.loc[::9, "maths"] = np.nan
    data = pictures(rows)
    years = pd.concat([pupils(seed=year).assign(year=year) for year in (2017, 2018, 2019)])
    return {
        "scores": data.scores("maths", "before"),
        "shares": data.shares("passed"),
        "missing": data.missing("maths", "before"),
        "together": data.together("maths", "before"),
        "before_after": data.before_after("before", "maths"),
        "schools": pictures(by=None).schools("maths"),
        "over_years": pictures(years).over_years("maths", "year"),
    }


@pytest.mark.slow
@pytest.mark.parametrize("shown", every().values(), ids=every())
def test_each_picture_has_a_private_and_a_releasable_form(shown):
    assert isinstance(shown, DataPicture)
    drawn = shown.svg()
    assert drawn == shown.svg()
    assert shown.question == ("who took part" if "missing" in shown.name else "the data")
    released = protect_picture(shown.picture).picture
    outside = released.svg()
    assert outside == Picture.from_json(released.to_json()).svg()
    assert "Hill" not in shown.picture.to_json() + outside
    assert "A000000" not in shown.picture.to_json() + outside + drawn


def test_private_form_shows_its_table():
    text = pictures().schools("maths")._repr_html_()
    assert "<details><summary>Table</summary>" in text
    assert ">Hill 3 Primary</td>" in text


@pytest.mark.parametrize("shown", every().values(), ids=every())
def test_private_form_cannot_leave(shown):
    with pytest.raises(EvidenceError, match="shows the rows themselves: propose its picture"):
        shown.to_json()
    with pytest.raises(EvidenceError, match="no counts stand behind it"):
        protect_picture(shown)


def test_bins_hold_every_pupil_who_has_a_result():
    rows = pupils()
    rows.loc[:99, "maths"] = np.nan
    rows.loc[100:102, "maths"] = 999
    shown = pictures(rows).scores("maths", "before")
    for table in (shown.table, shown.picture.table):
        counts = table.groupby(["outcome", "group"])["n_pupils"].sum()
        there = rows[rows["maths"].notna()].groupby("arm").size()
        assert counts["Maths"].to_dict() == there.to_dict()
        assert counts["Before"].to_dict() == rows.groupby("arm").size().to_dict()
    together = pictures(rows).together("maths", "before")
    assert together.table["n_pupils"].sum() == 1100
    assert together.picture.table["n_pupils"].sum() == 1100


def test_bins_are_round_whole_and_alike_for_all_groups():
    table = pictures().scores("maths").table
    edges = sorted({*table["from"].dropna(), *table["under"].dropna()})
    assert all(edge % 1 == 0 for edge in edges)
    assert len(set(np.diff(edges))) == 1
    assert len(edges) <= 26
    assert list(dict.fromkeys(table["group"])) == ["as usual", "programme"]
    bounds = table.set_index("group")[["from", "under"]]
    assert bounds.loc["as usual"].to_numpy().tolist() == bounds.loc["programme"].to_numpy().tolist()


def test_releasable_bins_do_not_tell_the_smallest_and_largest_result():
    rows = pupils()
    table = pictures(rows).scores("maths").picture.table
    assert table["from"].isna().sum() == table["under"].isna().sum() == 2  # one for each arm
    assert rows["maths"].min() < table["from"].min()
    assert rows["maths"].max() >= table["under"].max()


@pytest.mark.parametrize(
    ("change", "title"),
    [
        (lambda maths: maths.clip(upper=108),
         "Maths: {} of pupils reach the highest mark: a ceiling"),
        (lambda maths: maths.clip(lower=92), "Maths: {} of pupils have the lowest mark: a floor"),
        (lambda maths: maths.mask(maths.index < 30, 999),
         "Maths: values far above the rest: a code for missing?"),
        (lambda maths: maths.mask(maths.index < 30, -9),
         "Maths: values far below the rest: a code for missing?"),
        (lambda maths: (maths - 60).clip(lower=0).mask(maths.index < 30, -9),
         "Maths: values far below the rest: a code for missing?"),
        (lambda maths: maths,
         "Maths: on average {} in as usual, {} in programme, before any adjustment"),
    ],
)  # fmt: skip
def test_title_of_scores_says_what_is_unusual(change, title):
    rows = pupils()
    rows["maths"] = change(rows["maths"])
    shown = pictures(rows).scores("maths", "before")
    share = (rows["maths"] == rows["maths"].max()).mean()
    if "floor" in title:
        share = (rows["maths"] == rows["maths"].min()).mean()
    if "average" in title:
        means = rows.groupby("arm")["maths"].mean()
        assert shown.title == title.format(*(f"{mean:.1f}" for mean in means))
    elif "{}" in title:
        spoken = {5: "a fifth", 4: "a quarter"}.get(round(1 / share), "")
        assert shown.title in (title.format(f"{100 * share:.0f}%"), title.format(spoken))
    else:
        assert shown.title == title
    assert shown.picture.title == shown.title


def test_few_marks_are_no_ceiling():
    rows = pupils().assign(level=lambda data: data["maths"].rank(pct=True).mul(3).round())
    assert "ceiling" not in pictures(rows).scores("level").title


def test_skewed_results_hold_no_code():
    rows = pupils().assign(days=lambda data: np.round(np.exp(data["maths"] / 20)))
    assert "code" not in pictures(rows).scores("days").title
    rows.loc[3, "days"] = 9 * rows["days"].max()  # one slip of the pen
    assert pictures(rows).scores("days").title == "Days: values far above the rest: are they right?"


@pytest.mark.parametrize(
    ("other", "title"),
    [
        (lambda rng, maths: maths + rng.normal(0, 8, len(maths)), "Maths and other go together"),
        (lambda rng, maths: rng.permutation(maths), "Maths and other hardly go together"),
        (lambda rng, maths: maths + rng.normal(0, 1, len(maths)),
         "Maths and other say nearly the same"),
        (lambda rng, maths: rng.normal(0, 8, len(maths)) - maths,
         "Maths and other run against each other: is one reversed?"),
    ],
)  # fmt: skip
def test_title_of_two_results_says_how_they_go_together(other, title):
    rows = pupils()
    rows["other"] = other(np.random.default_rng(2), rows["maths"])
    shown = pictures(rows).together("maths", "other")
    r = f"{rows['maths'].corr(rows['other']):.1f}".replace("-", "−")
    assert shown.title == f"{title} (r = {r})"


def test_before_against_after_has_a_dot_a_school_and_names_the_outlying_one_in_private_only():
    rows = pupils()
    r = rows["before"].corr(rows["maths"])
    assert pictures(rows).before_after("before", "maths").title == (
        f"Those who started higher finished higher (r = {r:.1f})"
    )
    rows.loc[rows["school"] == SCHOOLS[3], "maths"] -= 30
    shown = pictures(rows).before_after("before", "maths")
    assert len(shown.table) == len(SCHOOLS)
    assert shown.title == "Hill 3 Primary lies far from the others"
    assert "Hill 3 Primary" in shown.svg()
    assert shown.picture.title.startswith("Those who started higher")
    one = rows[rows["school"] == SCHOOLS[5]]
    drawn = shown.table.set_index("school").loc[SCHOOLS[5]]
    assert drawn["before"] == pytest.approx(one["before"].mean())
    assert drawn["n_pupils"] == len(one)


def test_schools_stand_in_order_with_intervals():
    rows = pupils()
    shown = pictures(rows).schools("maths")
    inside = rows["maths"] - rows.groupby("school")["maths"].transform("mean")
    half = 1.96 * np.sqrt((inside**2).sum() / (len(rows) - len(SCHOOLS)) / 50)
    np.testing.assert_allclose(shown.table["ci_upper"] - shown.table["estimate"], half)
    apart = ((shown.table["estimate"] - shown.table["estimate"].mean()).abs() > half).sum()
    assert shown.title == (
        f"Maths: {apart} of 24 schools lie clearly above or below the mean; chance alone would "
        "put about 1 there"
    )
    assert shown.picture is None  # a histogram of twelve schools an arm says nothing
    rows.loc[rows["school"] == SCHOOLS[3], "maths"] -= 30
    shown = pictures(rows, by=None).schools("maths")
    assert shown.title == "Hill 3 Primary lies far from the others"
    assert shown.picture.title == "One school lies far from the others"
    assert shown.picture.table["n_schools"].sum() == 24


def test_schools_with_both_arms_are_counted_once():
    rows = pupils()
    rows["arm"] = np.where(np.arange(len(rows)) % 48 < 24, "as usual", "programme")
    shown = pictures(rows).schools("maths")
    assert len(shown.table) == 24
    assert set(shown.table["group"]) == {"all"}


def test_schools_with_their_own_errors_end_where_the_scale_ends():
    rows = pd.DataFrame({"school": SCHOOLS, "share": np.linspace(1, 99, 24), "error": 5.0})
    table = DataPictures(rows=rows, school="school").schools("share", "error", (0, 100)).table
    assert table["ci_lower"].min() == 0
    assert table["ci_upper"].max() == 100
    assert table["ci_upper"][10] - table["estimate"][10] == pytest.approx(9.8)


def test_missing_says_for_whom_and_nothing_where_nothing_is():
    rows = pupils()
    assert pictures(rows).missing("maths", "before") is None
    rows.loc[rows["arm"] == "programme", "maths"] = rows["maths"].where(rows.index % 10 > 1)
    rows.loc[:2, "before"] = np.nan
    shown = pictures(rows).missing("before", "maths", "passed")
    table = shown.table.set_index(["outcome", "group"])["n_part"]
    assert table["Maths missing", "as usual"] == 0
    assert table["Maths missing", "programme"] == rows["maths"].isna().sum()
    assert set(shown.table["n_pupils"]) == {600}
    assert shown.alt.endswith("Maths missing: 0% in as usual, a fifth in programme.")
    # What is released says no share of three pupils.
    assert shown.title == "Before missing: under 1% in as usual, under 1% in programme"
    assert shown.picture.title == "Before missing: few in as usual, few in programme"


def test_years_compare_cohorts_with_the_schools_that_never_took_part():
    rows = pd.DataFrame(
        [
            {"school": school, "year": year, "share": 50.0 + place % 5 + 3 * (place < 12), "n": 20,
             "group": "taking part" if place < 12 else "others",
             "cohort": None if place > 11 else "Started 2017/18" if place < 6 else "Started later",
             "start": np.nan if place > 11 else 2018 if place < 6 else 2019}
            for place, school in enumerate(SCHOOLS) for year in (2016, 2017, 2018, 2019)
        ]
    )  # fmt: skip
    data = DataPictures(rows=rows, by="group", order=["others"], school="school", n="n")
    shown = data.over_years("share", "year", "cohort", "start")
    assert set(shown.table["panel"]) == {"", "Started 2017/18", "Started later"}
    first = shown.table.iloc[0]
    assert (first["n_pupils"], first["n_schools"], first["time"]) == (240, 12, 2016)
    part = rows[(rows["group"] == "others") & (rows["year"] == 2016)]["share"]
    half = 1.96 * part.std() / np.sqrt(12)
    assert first["ci_upper"] - first["estimate"] == pytest.approx(half)
    assert shown.title.startswith("Share: taking part began ")
    assert shown.title.endswith(" above, before any adjustment")
    near = rows.assign(share=np.where(rows["group"] == "others", 74.0, 70.345))
    title = dataclasses.replace(data, rows=near).over_years("share", "year").title
    assert "began 3.7 below others and ended 3.7 below" in title  # 74.0 and 70.3 in the table
    # The mean of one or two schools, or of few pupils, is not for release.
    few = DataPictures(rows=rows, by="group", school="school", n="n", least=130)
    released = few.over_years("share", "year", "cohort", "start").picture
    hidden = released.table["estimate"].isna()
    assert hidden.equals(released.table["n_pupils"] < 130)
    assert released.title == "Share over the years"


def test_a_column_that_is_not_there_is_named():
    with pytest.raises(
        EvidenceError, match=r"the data have no column 'math'; did you mean 'maths'"
    ):
        pictures().scores("math")


def test_nothing_to_show_is_no_picture():
    rows = pupils().assign(maths=np.nan)
    data = pictures(rows)
    assert data.scores("maths") is None
    assert data.together("maths", "before") is None
    assert data.schools("maths") is None
    assert pictures(pupils().assign(one=1.0)).before_after("one", "maths") is None


def test_data_are_not_changed_and_any_index_will_do():
    rows = pupils()
    before = rows.copy()
    first = pictures(rows).scores("maths").table
    pd.testing.assert_frame_equal(rows, before)
    again = pictures(rows.set_axis(np.zeros(len(rows), dtype=int))).scores("maths").table
    pd.testing.assert_frame_equal(first, again)
