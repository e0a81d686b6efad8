"""The order in which a report is read, whatever the order and the headings of its notebook."""

from evidence.release.site.reports import ANSWER, METHOD, arrange, public


def text(source):
    return {"cell_type": "markdown", "source": source, "metadata": {}}


def code(source, shown=""):
    return {"cell_type": "code", "source": source, "metadata": {}, "shown": shown}


def shows(cell):
    return [cell["shown"]] if cell["shown"] else []


THIN = [
    text("# Did it work?\n\nPupils were assigned at random."),
    code("study = read()"),
    code("study.answer()", "<p>Yes</p>"),
    text("## Does the answer hold?\n\nNine analyses."),
    code('study.section("does it hold")', '<div class="out"><h2>Does it hold</h2>8 of 9</div>'),
    text("## What was planned\n\nAs registered."),
    code('study.section("who took part")', "<h2>Who took part</h2><p>Flow</p>"),
    text("## For whom"),
]  # fmt: skip


def test_arrange_thin_notebook_in_the_order_of_a_report():
    parts = arrange(THIN, shows, top=1)
    assert {key: "".join(html for _, html in blocks) for key, blocks in parts.items()} == {
        ANSWER: "<h1>Did it work?</h1><p>Pupils were assigned at random.</p><p>Yes</p>",
        "who took part": "<h2>What was planned</h2><p>As registered.</p><p>Flow</p>",
        "does it hold": "<h2>Does the answer hold?</h2><p>Nine analyses.</p>"
        '<div class="out">8 of 9</div>',
    }  # fmt: skip
    assert [*parts] == [ANSWER, "who took part", "does it hold"]


def test_arrange_leaves_out_headings_with_nothing_below_them():
    cells = [
        text("# Title"), text("## For whom?\n\n### Girls\n\n### Boys\n\nBoth."),
        text("## The data\n\n### Empty"), text("## Notes\n\nSaid."), text("## Method"),
    ]  # fmt: skip
    found = arrange(cells, top=1)
    assert {question: [html for _, html in blocks] for question, blocks in found.items()} == {
        ANSWER: ["<h1>Title</h1>"],
        "for whom": ["<h2>For whom?</h2>", "<h3>Boys</h3>", "<p>Both.</p>"],
        METHOD: ["<h2>Notes</h2>", "<p>Said.</p>"],
    }


def test_public_places_pictures_by_their_question_and_shows_no_output():
    cells = [cell | {"outputs": [{"data": {"text/html": "SECRET"}}]} for cell in THIN]
    cells[2] = cells[2] | {"metadata": {"evidence": {"left_out": True}}}
    drawn = {"Who took part?": ["flow"], "For whom?": ["groups"], "More": ["other"]}
    report = public({"cells": cells}, drawn, {"arm": "a<b"}, True)
    assert [(part["heading"], part["figures"]) for part in report["parts"]] == [
        ("<h2>Did it work?</h2>", []),
        ("<h2>What was planned</h2>", ["flow"]),
        ("<h2>For whom?</h2>", ["groups"]),
        ("<h2>More</h2>", ["other"]),
    ]
    assert report["parts"][0]["answers"]
    assert report["silent"] == ["Does the answer hold?"]  # no part is empty, none goes unsaid
    assert "SECRET" not in str(report)
    assert report["parameters"] == {"arm": '"a<b"'}
    assert report["left_out"] == 1
    assert [number for number, _ in report["sources"]] == [2, 3, 5, 7]


def test_public_says_nothing_of_the_cell_that_proposes():
    cells = [*THIN, text("## Results proposed for publication\n\nThey wait."), code("ev.propose()")]
    report = public({"cells": cells}, {}, {}, True)
    assert "wait" not in str(report["parts"])
    assert [number for number, _ in report["sources"]] == [2, 3, 5, 7, 10]
