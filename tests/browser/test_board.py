"""Board members' journeys, by mouse and by keyboard, on a desk and on a telephone."""

import base64
import csv
import io
import json
import subprocess
import sys

import pytest
from pypdf import PdfReader

from evidence.board import server
from evidence.errors import EvidenceError
from evidence.release.site import answers
from evidence.release.store import reader
from evidence.show.questions import grouped

from .serving import DASHBOARDS, ask, becomes, served

pytestmark = pytest.mark.slow
ROWS = ".board tbody.one"
READY = "body[data-ready]"
PAGES = ("board", "programme", "hub")
HEAVY = ("linearmodels", "statsmodels", "matplotlib", "seaborn", "scipy", "pandera", "papermill")


@pytest.fixture(scope="module")
def site(published):
    with served(published) as address:
        yield address


def opened(seen, address):
    """Open a page and wait until its controls work."""
    seen.page.goto(address)
    seen.page.wait_for_selector(READY, timeout=60_000)
    return seen.page


def harmless(seen, address):
    """Check that a page asked nobody else, had no fault, fits and is accessible."""
    assert seen.overflow() <= 0
    assert seen.violations() == []
    assert seen.faults == []
    assert seen.outside(address) == []


@pytest.mark.parametrize("width", [1280, 390])
def test_board_opens_filters_and_explains(site, visit, width):
    seen = visit(width)
    page = opened(seen, site)
    assert page.locator("h1").inner_text() == (
        "Of 7 programmes: 2 better than similar pupils, 1 worse, 1 no worthwhile difference, "
        "2 not yet known, 1 not put together"
    )
    assert page.locator(ROWS).count() == 7
    harmless(seen, site)
    page.get_by_label("Years with a cohort").select_option("1986/87")
    becomes(page, f"document.querySelectorAll('{ROWS}').length === 1")
    assert "Project STAR" in page.locator(ROWS).inner_text()
    assert page.locator("h1").inner_text() == (
        "The results of the programme are not put together yet"
    )
    for more in page.locator("summary").all():
        more.click()
    harmless(seen, site)


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("name", ["programme", "hub"])
def test_other_pages_open_and_are_accessible(site, visit, width, name):
    seen = visit(width)
    page = opened(seen, site + name)
    harmless(seen, site)
    for more in page.locator("summary").all():
        more.click()
    harmless(seen, site)
    page.set_viewport_size({"width": 320, "height": 700})
    assert seen.overflow() <= 0


@pytest.mark.parametrize("name", PAGES)
def test_every_control_changes_the_page_by_keyboard_alone(site, visit, name):
    page = opened(visit(1280), site + name)
    page.keyboard.press("Tab")
    becomes(page, "!!document.activeElement.closest('nav')")
    done = []
    for _ in range(60):
        label = page.evaluate(
            "document.activeElement.tagName === 'SELECT'"
            " && document.activeElement.closest('.widget-dropdown').innerText.split('\\n')[0]"
        )
        if label:
            assert page.evaluate(
                "getComputedStyle(document.activeElement).outlineStyle"
            ) == "solid", label  # fmt: skip
            before = page.locator(".board").inner_text()
            had = page.evaluate("document.activeElement.options.length")
            page.keyboard.press("ArrowDown")
            if had > 1:
                becomes(
                    page, "before => document.querySelector('.board').innerText !== before", before
                )
            assert page.evaluate("document.activeElement.tagName") == "SELECT"
            page.keyboard.press("ArrowUp")  # back, so that choices together leave some rows
            page.wait_for_timeout(1500)
            done.append(label)
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement === document.body"):
            break
    assert len(done) == {"board": 3, "programme": 3, "hub": 3}[name], done


def test_numbers_on_screen_are_those_of_the_release(site, visit, published):
    rows = answers.of_release(published / "current")
    page = opened(visit(1280), site)
    shown = page.locator(ROWS).all_inner_texts()
    assert len(shown) == len(rows)
    for row in rows:
        (text,) = [t for t in shown if t.lstrip().startswith(row["short"])]
        assert row["span"] in text
        assert row["size"] in text
        assert row["strength"] in text
    source = page.get_by_role("link", name="Save the table").get_attribute("href")
    text = base64.b64decode(source.partition("base64,")[2]).decode("utf-8-sig")
    kept = [*csv.DictReader(io.StringIO(text))]
    assert [line["Programme"] for line in kept] == [row["title"] for row in rows]
    assert [float(line["Pupils"]) for line in kept] == [row["pupils"] for row in rows]


def test_every_chart_has_words_and_a_table(site, visit, published):
    page = opened(visit(1280), f"{site}programme?programme=feedback")
    figures = reader.release(published)["figures"]
    groups = grouped(figure for figure in figures if figure["programme"] == "feedback")
    drawn = [figure for group in groups.values() for figure in group]
    images = page.locator("figure img").all()
    assert len(images) == len(drawn) == 2
    for image, entry in zip(images, drawn, strict=True):
        assert image.get_attribute("alt") == reader.picture(entry, published)["alt"]
        assert image.evaluate("one => one.complete && one.naturalWidth > 100")
    assert page.get_by_text("The numbers in this chart").count() == 2
    assert page.locator(".board svg[role=img]:not([aria-label])").count() == 0


def test_link_carries_the_choice_and_says_so(site, visit):
    page = opened(visit(1280), f"{site}?year=1986/87&phase=nonsense")
    assert page.locator(ROWS).count() == 1
    chosen = page.locator("select").evaluate_all("all => all.map(s => s.selectedOptions[0].text)")
    words = [" ".join(text.split()) for text in chosen]
    assert words == ["All phases", "1986/87", "Everything"]
    page.locator(ROWS).get_by_role("link", name="Project STAR").click()
    page.wait_for_selector(READY, timeout=60_000)
    assert page.locator("h1").inner_text().startswith("Project STAR: small classes")
    page.get_by_role("heading", name="Every year").wait_for()
    page.get_by_label("Year", exact=True).select_option("Grade 1, 1986/87")
    page.get_by_label("Show").select_option("What changed?")
    becomes(page, "document.querySelectorAll('figure').length === 1")
    link = page.get_by_role("link", name="Link to this view")
    link.click()
    page.wait_for_url("**/programme?programme=star&cohort=1&chart=What+changed%3F")
    page.wait_for_selector(READY, timeout=60_000)
    assert page.locator("figure").count() == 1


@pytest.mark.parametrize(
    "query",
    ["programme=<script>1</script>", "programme=..%2F..%2Fdata&cohort=2018", "year=%00%FF",
     "&".join(f"a{i}=1" for i in range(400)), "programme=" + "x" * 5000, "cohort=']);1/0#"],
)  # fmt: skip
@pytest.mark.parametrize("name", PAGES)
def test_nonsense_in_a_link_is_no_choice(site, visit, name, query):
    seen = visit(1280)
    seen.page.goto(f"{site}{name}?{query}")
    seen.page.wait_for_selector("h1")
    assert seen.page.locator(".board table").count() >= 1
    assert "<script>1" not in seen.page.content()


def test_board_empty_choice_is_a_plain_sentence(site, visit):
    page = opened(visit(1280), site)
    page.get_by_label("Phase").select_option("Infants")
    page.get_by_label("Years with a cohort").select_option("2017/18")
    page.get_by_text("No result matches these choices.").wait_for()
    assert page.locator(ROWS).count() == 0


def test_page_is_read_before_scripts_and_without_them(site, visit):
    seen = visit(390, java_script_enabled=False)
    seen.page.goto(site)
    assert seen.page.locator(ROWS).count() == 7
    assert seen.page.locator("h1").is_visible()
    assert seen.overflow() <= 0


def test_hub_shows_every_hub_and_where_numbers_come_from(site, visit, tmp_path):
    page = opened(visit(1280), f"{site}hub")
    assert page.locator("h1").inner_text() == (
        "7 programmes tried in 2 hubs: 7 with the very same figures"
    )
    page.get_by_label("Where do these numbers come from?").select_option("Rathfern")
    page.get_by_text("Bundle, SHA-256").wait_for()
    assert page.get_by_role("heading", name="What is new since the last release").is_visible()
    with page.expect_download() as taken:
        page.get_by_role("link", name="to merge at another hub").click()
    taken.value.save_as(tmp_path / "b.zip")
    from evidence.release.exchange import bundle

    assert bundle.read(tmp_path / "b.zip")[0]["release"]["number"] == 2


def test_printed_page_is_whole_and_has_no_controls(site, visit, published):
    page = opened(visit(1280), site)
    page.emulate_media(media="print")
    assert page.get_by_role("button", name="Print or save as PDF").is_hidden()
    assert page.locator("nav").is_hidden()
    assert page.locator(ROWS).last.is_visible()
    sheets = PdfReader(io.BytesIO(page.pdf(format="A4", landscape=True))).pages
    text = "".join("".join(sheet.extract_text() for sheet in sheets).split())
    rows = answers.of_release(published / "current")
    assert [row["short"] for row in rows if "".join(row["short"].split()) not in text] == []


def test_dashboards_import_no_modelling_library(published):
    for name in PAGES:
        notebook = json.loads((DASHBOARDS / f"{name}.ipynb").read_text(encoding="utf-8"))
        cells = ["".join(c["source"]) for c in notebook["cells"]]
        asked = f"import sys; print(*sys.modules.keys() & set({HEAVY}))"
        found = subprocess.run(
            [sys.executable, "-c", "\n".join([*cells, asked])],
            env={"EVIDENCE_PUBLISHED": str(published)}, capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert found.stdout.strip() == ""


def test_dashboards_stand_below_a_prefix_as_a_hub_serves_them(published, visit):
    prefix = "services/evidence/"
    with served(published, token="correct horse battery", prefix=f"/{prefix}") as site:
        assert ask(site)[0] == 404  # nothing but what is below the prefix
        assert ask(site, prefix)[1]["Location"].startswith(f"/{prefix}login?")
        seen = visit(1280)
        seen.page.goto(f"{site}{prefix}")
        seen.page.get_by_label("Password").fill("correct horse battery")
        seen.page.get_by_role("button").first.click()
        seen.page.wait_for_selector(READY, timeout=60_000)
        seen.page.get_by_label("Years with a cohort").select_option("1986/87")
        becomes(seen.page, f"document.querySelectorAll('{ROWS}').length === 1")
        assert seen.outside(site) == []
        assert seen.faults == []
        seen.page.get_by_role("link", name="Project STAR").first.click()
        seen.page.wait_for_url(f"**/{prefix}programme*")
        seen.page.wait_for_selector(READY, timeout=60_000)


@pytest.mark.parametrize("prefix", ["", "evidence", "/evidence", "/a b/", "/../", "//"])
def test_a_prefix_that_is_none_is_refused_in_one_line(published, prefix):
    with pytest.raises(EvidenceError) as error:
        server.environment(published, 8866, "", prefix=prefix)
    assert str(error.value) == (
        f"--prefix {prefix}: begin and end it with a slash, with letters, digits, - _ ~ between, "
        "such as /services/evidence/"
    )
