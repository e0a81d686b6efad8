import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from run_folders import BETTER, effect, pictures, write_run

from evidence.errors import EvidenceError
from evidence.release.site import site as build
from evidence.release.store import publish

HARM = '"><img src=x onerror=alert(1)><script>alert(2)</script>'


@pytest.fixture(scope="module")
def site(county):
    return county / "current"


class Page(HTMLParser):
    """Collects what a page may run, load or link to."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.links, self.handlers = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        for name, value in attrs:
            if name in ("src", "href", "xlink:href", "action"):
                self.links.append(value)
            if name.startswith("on") or name == "style":
                self.handlers.append((tag, name))


def pages(site):
    return {
        path.relative_to(site).as_posix(): path.read_text("utf-8") for path in site.rglob("*.html")
    }


def test_build_has_a_page_a_programme_and_two_a_cohort(site):
    programmes = {
        "booster": ["2019"], "feedback": ["2019"], "lamp": ["2018"], "leap": ["2018"],
        "small-schools": ["2018"], "star": ["1", "K"], "ta-training": ["2019"],
    }  # fmt: skip
    expected = {"index.html", "sure.html", "glossary.html", "indicators/absence.html"}
    for name, cohorts in programmes.items():
        expected |= {f"{name}/index.html"}
        expected |= {f"{name}/{c}{end}.html" for c in cohorts for end in ("", "-report")}
    assert set(pages(site)) == expected


def test_build_every_link_leads_to_a_file_of_the_release(site):
    for name, text in pages(site).items():
        ids = set(re.findall(r'\bid="([^"]+)"', text))
        for link in Page(text).links:
            address, _, anchor = link.partition("#")
            if link.startswith("data:,"):
                continue
            assert ":" not in link
            if address:
                assert (site / name).parent.joinpath(address).is_file(), link
            else:
                assert anchor in ids, link


def test_build_policy_allows_nothing_but_its_own_style_and_script(site):
    for name, text in pages(site).items():
        policy = re.search(r'Content-Security-Policy" content="([^"]+)"', text)[1]
        assert policy.startswith("default-src 'none'; style-src 'sha256-")
        assert "unsafe" not in policy
        assert ("script-src" in policy) == (name == "index.html")
        assert Page(text).handlers == []
        assert Page(text).tags.count("script") == (name == "index.html")


def test_build_ids_are_used_once_a_page(site):
    for text in pages(site).values():
        ids = re.findall(r'\bid="([^"]+)"', text)
        assert len(ids) == len(set(ids))


def test_build_index_title_says_the_finding(site):
    index = pages(site)["index.html"]
    assert (
        "<h1>Of 7 programmes: 2 better than similar pupils, 1 worse, 1 no worthwhile difference, "
        "2 not yet known, 1 not put together</h1>" in index
    )
    assert (
        "<title>Of 7 programmes: 2 better than similar pupils, 1 worse, 1 no worthwhile "
        "difference, 2 not yet known, 1 not put together</title>" in index
    )


def test_build_band_says_simulated_or_real(site):
    found = pages(site)
    assert "Simulated data." in found["index.html"]
    assert "<b>Real data:</b> Project STAR: small classes." in found["index.html"]
    assert "Simulated data." in found["lamp/2018.html"]
    assert "Simulated data." not in found["star/K.html"]
    assert "<b>Real data:</b> Project STAR: small classes." in found["star/K.html"]


def test_build_page_has_claim_caveat_figure_and_source(site):
    page = pages(site)["lamp/2018.html"]
    assert "is named after: “closing the relative gap by 4.2%”" in page
    assert "<b>+2 months</b> (95% interval +1 to +3 months)" in page
    assert "Fewer than 10 pupils had no baseline" in page
    assert '<svg role="img" aria-labelledby="effect-t effect-d"' in page
    assert "The numbers behind the figure" in page
    assert "ab" * 32 in page
    assert "Reading, second test" in page


@pytest.mark.slow
def test_build_text_of_every_origin_is_escaped(tmp_path):
    row = effect("lamp", "2018", 1.5, 1.2, 0.08, BETTER, 3, 1263, 20, caveats=HARM, method=HARM,
                 outcome=HARM, subgroup="all")  # fmt: skip
    (drawn,) = pictures(effect("lamp", "2018", 1.5, 1.2, 0.08, BETTER, 3, 1263, 20))
    harmful = type(drawn)(
        **{name: getattr(drawn, name) for name in ("name", "kind", "counts", "statistics", "axes")},
        title=HARM, alt=HARM, table=drawn.table.assign(label=HARM),
    )  # fmt: skip
    run = write_run(
        tmp_path / "runs/lamp/2018/a1", [row], [harmful],
        notebook=HARM, commit=HARM, parameters={HARM: HARM}, inputs={HARM: HARM},
        versions={HARM: HARM}, finished=HARM, lock_sha256=HARM,
    )  # fmt: skip
    card = dict.fromkeys(("title", "phase", "lead", "about", "ask_next", "claim"), HARM) | {
        "name": "lamp", "design": "matched", "simulated": True, "automatic": True, "cost": 3,
        "cohorts": [{"name": "2018", "title": HARM}],
        "outcomes": [{"name": HARM, "title": HARM, "unit": "pp", "smallest_worthwhile": 1.0}],
    }  # fmt: skip
    publish.release([run], [card], tmp_path / "published", reviewer=HARM)
    for name, text in pages(tmp_path / "published/current").items():
        page = Page(text)
        assert "img" not in page.tags
        assert page.tags.count("script") == (name == "index.html")
        assert page.handlers == []
    svg = Path(tmp_path / "published/current/lamp/2018/effect.svg").read_text(encoding="utf-8")
    assert not {"img", "script"} & set(Page(svg).tags)


def test_report_keeps_text_code_and_released_results_only(site):
    report = pages(site)["feedback/2019-report.html"]
    assert "<h2>What changed?</h2><p>As <i>planned</i>.</p>" in report
    assert "<code>import evidence as ev</code>" in report
    assert report.count("An output stays with the hub: it was not proposed for release.") == 1
    assert report.count('<svg role="img" aria-labelledby="') == 2
    assert report.count('<section class="results">') == 1
    order = (
        '<section class="results">', "<h2>Who took part?</h2>", 'id="flow-t"',
        "<h2>What changed?</h2>", 'id="effect-t"', "An output stays with the hub",
        'id="source"', "<details class=\"report\"><summary>Appendix", "import evidence as ev",
        "effect_picture", "flow_picture", "ev.propose(out)",
    )  # fmt: skip
    places = [report.index(one) for one in order]
    assert places == sorted(places)
    assert "<tr><td>start</td><td><code>2018</code></td></tr>" in report
    assert "mine.csv" not in report
    assert "12 pupils" not in report


def test_cohort_page_groups_its_figures_by_question_and_shows_nothing_empty(site):
    page = pages(site)["feedback/2019.html"]
    order = [page.index(one) for one in (">Who took part?</h2>", 'id="flow-t"',
                                         ">What changed?</h2>", 'id="effect-t"')]  # fmt: skip
    assert order == sorted(order)
    assert page.count(">What changed?</h2>") == 1
    for words in ("For whom?", "Does the answer hold?", "More", "Figures"):
        assert f">{words}</h2>" not in page
    assert ">Who took part?</h2>" not in pages(site)["lamp/2018.html"]


def test_programme_page_lists_its_cohorts(site):
    page = pages(site)["star/index.html"]
    assert '<a href="K.html">Kindergarten, 1985/86</a>' in page
    assert '<a href="1.html">Grade 1, 1986/87</a>' in page
    assert "<dt>Who ran it</dt><dd>Tennessee</dd>" in page


def test_indicator_page_shows_symbols_never_as_numbers(site):
    page = pages(site)["indicators/absence.html"]
    assert "<h1>Absence</h1>" in page
    assert '<th scope="row">North</th><td>2018/19</td><td class="n">5.1</td>' in page
    assert '<th scope="row">East</th><td>2018/19</td><td class="n">c</td>' in page
    assert '<th scope="row">West</th><td>2018/19</td><td class="n">z</td>' in page
    assert "<b>z</b> not applicable; <b>c</b> hidden to protect pupils." in page
    assert "Simulated data." in page
    assert '<a href="../lamp/2018.html#source">LAMP, 2018</a>' in page


def test_source_says_author_reviewer_and_leads_to_the_crate(site):
    page = pages(site)["lamp/2018.html"]
    assert "<dt>Author</dt><dd>Ann Author</dd>" in page
    assert "<dt>Checked by</dt><dd>Bea Reviewer</dd>" in page
    assert 'href="../ro-crate-metadata.json"' in page
    assert 'href="2018-report.html"' in page


@pytest.mark.slow
def test_build_two_pages_of_one_name_are_refused(tmp_path):
    rows = [effect("lamp", c, 1.5, 1.2, 0.08, BETTER, 3, 1263, 20) for c in ("a", "a-report")]
    runs = [
        write_run(tmp_path / f"runs/lamp/{row['cohort']}/{n:016x}", [row])
        for n, row in enumerate(rows)
    ]
    card = {
        "name": "lamp", "title": "LAMP", "design": "matched", "simulated": True, "automatic": True,
        "cohorts": [{"name": "a", "title": "a"}, {"name": "a-report", "title": "b"}],
    }  # fmt: skip
    with pytest.raises(EvidenceError) as error:
        publish.release(runs, [card], tmp_path / "published")
    assert str(error.value) == (
        "two pages would be lamp/a-report.html: rename a programme, cohort or indicator"
    )


def test_envelope_leads_nowhere_outside_itself_and_is_small(site):
    text = build.envelope(site)
    page = Page(text)
    ids = set(re.findall(r'\bid="([^"]+)"', text))
    inside = [link for link in page.links if link != "data:,"]
    assert all(link[0] == "#" and link[1:] in ids for link in inside)
    rows = text.count('<tbody class="one"')
    assert rows == text.count("<details><summary>Cohorts, reasons and sources") == 7
    assert "default-src 'none'" in text
