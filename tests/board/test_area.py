"""The dashboard of one area, from what a release holds."""

import re
import shutil

import pandas as pd
import pytest
import watched_area

from evidence.board import area, board, programme, widgets
from evidence.release.site import indicators as site_of_indicators
from evidence.release.site import measures
from evidence.release.store import reader
from evidence.show import area_rows


@pytest.fixture(scope="module")
def published(watched_release):
    return watched_release


@pytest.fixture(scope="module")
def rows(published):
    folder = reader.folder(published)
    indicators = reader.indicators(folder)
    drawn = area.charts(reader.release(folder), folder, indicators)
    return area.measures(indicators, drawn, watched_area.PLACE, str)


@pytest.mark.slow
def test_measures_say_what_their_released_charts_and_sentences_say(rows):
    assert [row["title"] for row in rows] == [title for _, title, *_ in watched_area.WATCHED]
    assert [row["variation"] for row in rows] == ["concern", "common cause", "improvement"]
    assert [row["assurance"] for row in rows] == ["fails", "", "hit and miss"]
    assert [row["target"] for row in rows][::2] == [80.0, 60.0]
    assert [area_rows.group(row) for row in rows] == ["Needs a decision", "On course", "Watch"]
    for row in rows:
        assert len(row["series"]) == 14
        assert all(one["lower"] < one["centre"] < one["upper"] for one in row["series"])
        assert row["series"][-1]["value"] == row["value"]
        assert (row["national"], row["beside"]) == (64.0, "England")
        assert row["n_ranked"] == 12
        assert 1 <= row["rank_lower"] <= row["rank"] <= row["rank_upper"] <= 12
    assert [row["polarity"] for row in rows] == ["high", "high", "low"]
    assert rows[0]["rank"] == 12.0  # high is better, and it fell
    assert rows[2]["rank"] == 1.0  # low is better


def test_ranks_go_as_far_as_ranges_allow():
    last = {"indicator": "a", "period": "1", "rank": 2.0, "ci_lower": 4.0, "ci_upper": 6.0}
    others = pd.DataFrame(
        {"indicator": "a", "period": "1", "area": list("pqrs"), "rank": [1.0, 2.0, 3.0, 4.0],
         "value": [9.0, 5.0, 4.5, 1.0], "ci_lower": [8.0, 4.0, 4.0, 0.0],
         "ci_upper": [10.0, 6.0, 6.0, 2.0]}
    )  # fmt: skip
    found = measures._rank(last, others)
    assert found == {
        "rank": 2.0, "rank_lower": 2.0, "rank_upper": 3.0, "n_ranked": 4.0, "polarity": "high",
    }  # fmt: skip
    assert measures._rank(last, others[:3])["n_ranked"] != 4.0


@pytest.mark.slow
def test_the_page_names_the_finding_and_shows_one_measure_when_it_is_asked_for(
    published, monkeypatch
):
    monkeypatch.delenv("QUERY_STRING", raising=False)
    text = area.area(published)._repr_mimebundle_()["text/html"]
    assert "<h1>One of three measures needs a decision: Plans within 20 weeks</h1>" in text
    assert "Area 03 · against England" in text
    assert "<h2 id=" not in text
    assert text.count('class="icon') == 6
    monkeypatch.setenv("QUERY_STRING", "area=Area+03&measure=Persistent+absence")
    text = area.area(published)._repr_mimebundle_()["text/html"]
    assert '<h2 id="measure">Persistent absence</h2>' in text
    assert "Where these numbers come from" in text
    assert "data:image/svg+xml;base64," in text
    assert text.count("Area 11") >= 1


@pytest.mark.slow
def test_official_neighbours_that_a_report_names_are_set_beside(published, rows):
    indicators = reader.indicators(published)
    own = (indicators["area"] == watched_area.PLACE) & (indicators["period"] == "2019")
    near = indicators[own].assign(comparator="Sheffield", comparator_value=70.0)
    found = area._beside(pd.concat([indicators, near]), rows[0])
    assert found["Area"].tolist()[:3] == [watched_area.PLACE, "England", "Sheffield"]
    assert found["Latest"].tolist()[1:3] == ["64.0%", "70.0%"]
    assert len(found) == 14


@pytest.mark.slow
def test_another_area_has_what_is_released_of_it(published, monkeypatch):
    monkeypatch.setenv("QUERY_STRING", "area=Area+07")
    page = area.area(published)
    text = page._repr_mimebundle_()["text/html"]
    assert "Area 07 · against England" in text
    box = page.children[3].children[0]
    box.set_state({"index": list(box.options).index((watched_area.PLACE, watched_area.PLACE))})
    assert "One of three measures needs a decision" in page.children[2].value


@pytest.mark.slow
def test_a_programme_that_only_watches_shows_what_it_watches(published, monkeypatch):
    monkeypatch.setenv("QUERY_STRING", "programme=plans&cohort=2019")
    text = programme.programme(published)._repr_mimebundle_()["text/html"]
    assert (
        "<h1>Plans within 20 weeks – one measure needs a decision: Plans within 20 weeks</h1>"
        in text
    )
    assert "Misses it every time" in text
    assert "area?area=Area+03" in text
    assert "Every outcome and group" not in text
    assert "Is it doing anything new?" in text
    text = board.board(published)._repr_mimebundle_()["text/html"]
    assert "What is watched over time is under One area." in text


@pytest.mark.slow
def test_the_site_has_one_page_of_all_that_is_watched_where_no_effect_is(published):
    text = (reader.folder(published) / "index.html").read_text(encoding="utf-8")
    assert "<h1>One of three measures needs a decision: Plans within 20 weeks</h1>" in text
    assert '<a href="indicators/plans-within-20-weeks.html">Plans within 20 weeks</a>' in text
    assert "11 more areas have figures of these measures" in text
    assert "Run the notebooks" not in text


@pytest.mark.slow
def test_figures_that_are_whole_have_no_decimals_on_a_measures_page(published):
    indicators = reader.indicators(published)
    ends = {name: indicators[name].round() for name in ("value", "ci_lower", "ci_upper")}
    whole = indicators.assign(**ends, period=indicators["period"] + " Q4")
    for some, decimals in ((whole, False), (indicators, True)):
        (_, page), *_ = site_of_indicators.pages(reader.release(published), some)
        figures = re.findall(r'<td class="n">([\d.]+)</td>', page)
        assert figures
        assert any("." in figure for figure in figures) is decimals
    assert "2019 Q4" in site_of_indicators.pages(reader.release(published), whole)[0][1].replace(
        "\u00a0", " "
    )


@pytest.mark.slow
def test_measures_read_once_or_without_comparator_say_no_more_than_they_know(published):
    indicators = reader.indicators(published)
    own = indicators[indicators["area"] == watched_area.PLACE].drop_duplicates("indicator")
    own = own.assign(comparator="", comparator_value=float("nan"), sentence="", unit="% of plans")
    for row in measures.measures(own, {}, watched_area.PLACE, str):
        assert (row["variation"], row["beside"], row["unit"]) == ("too few", "", "%")
        assert area_rows.group(row) == "Too little to judge"


@pytest.mark.slow
def test_a_release_that_watches_nothing_says_so(published, tmp_path):
    folder = shutil.copytree(reader.folder(published).resolve(), tmp_path / "published/current")
    reader.indicators(folder).iloc[:0].to_parquet(folder / "indicators.parquet")
    text = area.area(tmp_path / "published")._repr_mimebundle_()["text/html"]
    assert "<h1>Nothing is watched in this release</h1>" in text
    assert widgets.PAGES["area"] == "One area"
