import re

import pytest

pytestmark = pytest.mark.slow
# Height of letters as displayed, of those that are.
LETTERS = """all => all
    .filter(one => one.getBoundingClientRect().width > 3 && one.textContent.trim())
    .map(one => parseFloat(getComputedStyle(one).fontSize)
        * Math.hypot(one.getScreenCTM().a, one.getScreenCTM().b))"""
PAGES = (
    "index.html", "lamp/2018.html", "star/K.html", "lamp/index.html", "star/index.html",
    "lamp/2018-report.html", "feedback/2019-report.html", "indicators/absence.html", "hubs.html",
    "sure.html", "glossary.html",
)  # fmt: skip


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("name", PAGES)
def test_page_from_a_folder_is_quiet_fits_and_is_accessible(published, visit, name, width):
    seen = visit(width)
    seen.page.goto((published / "current" / name).resolve().as_uri())
    for summary in seen.page.locator("summary").all():
        summary.click()
    assert seen.page.locator("h1").count() == 1
    assert seen.overflow() <= 0
    assert seen.violations() == []
    assert seen.outside("file://") == []
    assert seen.faults == []


@pytest.mark.parametrize(
    ("name", "most"), [("index.html", 1), ("lamp/2018.html", 2), ("star/K.html", 2)]
)
def test_page_prints_upright_on_few_sheets(published, visit, name, most):
    seen = visit(1280)
    seen.page.goto((published / "current" / name).resolve().as_uri())
    sheets = seen.page.pdf(prefer_css_page_size=True)
    sizes = re.findall(rb"/MediaBox ?\[0 0 ([\d.]+) ([\d.]+)\]", sheets)
    assert 1 <= len(sizes) <= most
    assert {(round(float(wide)), round(float(high))) for wide, high in sizes} == {(595, 842)}
    seen.page.emulate_media(media="print")
    assert seen.page.locator("nav:visible, summary:visible, select:visible").count() == 0


def test_ten_programmes_print_on_one_sheet(published, visit):
    page = visit(1280).page
    page.goto((published / "current/index.html").resolve().as_uri())
    page.evaluate("""() => {
        const rows = [...document.querySelectorAll("tbody.one")], height = x => x.offsetHeight
        const tallest = rows.reduce((a, b) => height(a) < height(b) ? b : a)
        for (let more = rows.length; more < 10; more++) tallest.after(tallest.cloneNode(true))
    }""")
    assert page.locator(SHOWN).count() == 10
    sheets = page.pdf(prefer_css_page_size=True)
    assert len(re.findall(rb"/MediaBox", sheets)) == 1


SHOWN = "tbody.one:visible"


def test_index_filters_leave_the_rows_that_agree_and_the_title_counts_them(published, visit):
    seen = visit(1280)
    page = seen.page
    page.goto((published / "current/index.html").resolve().as_uri())
    shown, title = page.locator(SHOWN), page.locator("h1")
    before, lead = title.inner_text(), page.locator("#decided").inner_text()
    assert shown.count() == 7
    page.get_by_label("Years with a cohort").select_option("1986/87")
    assert shown.count() == 1
    assert "Project STAR" in shown.first.inner_text()
    assert title.inner_text() == "The results of the programme are not put together yet"
    page.get_by_label("Years with a cohort").select_option("2018/19")
    assert title.inner_text() == (
        "Of 3 programmes: 1 better than similar pupils, 1 worse, 1 no worthwhile difference"
    )
    assert page.get_by_role("status").inner_text() == "3 of 7 programmes shown"
    page.get_by_label("Phase").select_option("Infants")
    assert shown.count() == 0
    assert page.get_by_role("status").inner_text() == "No programme matches these choices."
    assert seen.violations() == []
    for name in ("Phase", "Years with a cohort"):
        page.get_by_label(name).select_option("")
    assert (title.inner_text(), page.locator("#decided").inner_text()) == (before, lead)


def test_index_sorts_its_rows(published, visit):
    page = visit(1280).page
    page.goto((published / "current/index.html").resolve().as_uri())
    page.get_by_label("Sort by").select_option("months")
    first, *_, last = page.locator(SHOWN).all_inner_texts()
    assert "Mobilise: feedback trial" in first
    assert "Project STAR" in last or "Year 6 Booster" in last  # without an answer in months
    assert page.locator("tbody.group:visible").count() == 0
    page.get_by_label("Sort by").select_option("place")
    assert "LAMP" in page.locator(SHOWN).first.inner_text()


def test_index_without_script_shows_every_row_opens_it_and_has_no_dead_control(published, visit):
    seen = visit(1280, java_script_enabled=False)
    seen.page.goto((published / "current/index.html").resolve().as_uri())
    assert seen.page.locator(SHOWN).count() == 7
    assert seen.page.locator("select:visible, input:visible").count() == 0
    seen.page.locator("summary").first.click()
    assert seen.page.locator("details[open] table").is_visible()


def test_index_search_leaves_the_rows_with_every_word(published, visit):
    seen = visit(390)
    page = seen.page
    page.goto((published / "current/index.html").resolve().as_uri())
    shown = page.locator(SHOWN)
    page.get_by_label("Search").fill("mobilise: ta TRAIN")
    assert shown.count() == 1
    assert "Mobilise: TA training" in shown.first.inner_text()
    page.get_by_label("Search").fill("no such thing")
    assert page.get_by_role("status").inner_text() == "No programme matches these choices."
    assert seen.violations() == []
    page.get_by_label("Search").fill("")
    assert shown.count() == 7


def test_cohort_page_leads_to_its_report_and_sources(published, visit):
    seen = visit(1280)
    page = seen.page
    page.goto((published / "current/lamp/2018.html").resolve().as_uri())
    page.get_by_role("link", name="The report: text, code and results").click()
    page.wait_for_url("**/lamp/2018-report.html")
    assert page.get_by_text("import evidence as ev").is_hidden()
    page.get_by_text("Appendix: the code").click()
    assert page.get_by_text("Code of cell 3").is_visible()
    assert page.get_by_text("import evidence as ev").is_visible()
    page.get_by_role("link", name="LAMP", exact=True).click()
    page.wait_for_url("**/lamp/index.html")
    assert seen.faults == []


def test_index_by_keyboard_reaches_and_opens_a_programme(published, visit):
    page = visit(1280).page
    page.goto((published / "current/index.html").resolve().as_uri())
    page.get_by_label("Sort by").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.locator("details[open]").count() == 1
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    page.wait_for_url("**/lamp/index.html")
    assert page.locator("h1").inner_text() == "LAMP: better than similar pupils"


def test_rows_are_compact_at_1280_and_their_charts_legible(published, visit):
    page = visit(1280).page
    page.goto((published / "current/index.html").resolve().as_uri())
    heights = page.locator("tbody.one > tr:first-child").evaluate_all(
        "all => all.map(row => row.getBoundingClientRect().height)"
    )
    assert len(heights) == 7
    assert max(heights) <= 60
    for width in (1280, 1180, 1100, 1000, 901, 900, 801):
        page.set_viewport_size({"width": width, "height": 900})
        drawn = "main svg text" if width > 900 else ".portfolio text"  # else rows are cards
        sizes = page.locator(drawn).evaluate_all(LETTERS)
        assert sizes
        assert min(sizes) >= 12, width
    page.set_viewport_size({"width": 390, "height": 900})
    assert page.locator(".portfolio:visible").count() == 0
    assert page.locator("tbody.one svg:visible").count() >= 7


@pytest.mark.parametrize("width", [1280, 390])
def test_charts_are_whole_and_their_letters_legible(published, visit, width):
    page = visit(width).page
    for name in (
        "lamp/2018.html",
        "star/K.html",
        "feedback/2019.html",
        "feedback/2019-report.html",
    ):
        page.goto((published / "current" / name).resolve().as_uri())
        assert min(page.locator("figure svg text").evaluate_all(LETTERS)) >= 12, name
        cut = "all => all.filter(one => one.scrollWidth > one.clientWidth + 1).length"
        assert page.locator("figure > .wide").evaluate_all(cut) == 0, name


def test_print_ends_in_no_json(published, visit):
    page = visit(1280).page
    page.goto((published / "current/lamp/2018.html").resolve().as_uri())
    assert page.locator("dt", has_text="Parameters").is_visible()
    page.emulate_media(media="print")
    assert page.locator("dt", has_text="Parameters").is_hidden()
    assert '{"' not in page.locator("body").inner_text()
