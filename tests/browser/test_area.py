"""The dashboard of one area and the site of areas, in a real browser."""

import sys

import pytest
from conftest import ROOT

from .serving import becomes, served

sys.path.insert(0, str(ROOT / "benchmarks"))
import area_site

pytestmark = pytest.mark.slow
READY = "body[data-ready]"
# The smallest letters of drawings and pages, in pixels of the screen.
LETTERS = """() => Math.min(...[...document.querySelectorAll('svg text')].map(one =>
    parseFloat(getComputedStyle(one).fontSize) * Math.hypot(one.getScreenCTM().a,
    one.getScreenCTM().b)))"""


@pytest.fixture(scope="module")
def dashboard(watched_release):
    with served(watched_release) as address:
        yield address


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("areas") / "site"
    area_site.site(12, folder)
    return folder


@pytest.mark.parametrize("width", [1280, 390])
def test_an_area_opens_shows_a_measure_and_is_accessible(dashboard, visit, width):
    seen = visit(width)
    page = seen.page
    page.goto(dashboard + "area")
    page.wait_for_selector(READY, timeout=60_000)
    assert page.locator("h1").inner_text() == (
        "One of three measures needs a decision: Plans within 20 weeks"
    )
    assert page.locator(".measures tbody tr:not(.group)").count() == 3
    page.get_by_label("Measure", exact=True).select_option("Persistent absence")
    page.get_by_role("heading", name="Persistent absence").wait_for()
    for more in page.locator("summary").all():
        more.click()
    assert page.locator("figure img").count() == 1
    assert seen.overflow() <= 0
    assert seen.violations() == []
    assert seen.faults == []
    assert seen.outside(dashboard) == []
    page.get_by_label("Area", exact=True).select_option("Area 07")
    becomes(page, "document.querySelector('.board').innerText.includes('Area 07 · against')")


def test_a_link_carries_the_measure_and_nonsense_is_no_choice(dashboard, visit):
    page = visit(1280).page
    page.goto(dashboard + "area")
    page.wait_for_selector(READY, timeout=60_000)
    page.get_by_role("link", name="Plans within 20 weeks").click()
    page.wait_for_url("**/area?area=Area+03&measure=Plans+within+20+weeks")
    page.get_by_role("heading", name="Plans within 20 weeks", exact=True).wait_for()
    for query in ("area=<script>1</script>", "area=..%2F..&measure=%00%FF", "measure=" + "x" * 900):
        page.goto(f"{dashboard}area?{query}")
        page.wait_for_selector("h1")
        assert page.locator("table.measures").count() == 1


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize(
    "name",
    ["index.html", "areas/authority-0003.html", "areas/authority-0003-detail.html",
     "measures/measure-03.html"],
)  # fmt: skip
def test_pages_of_areas_are_quiet_fit_and_are_accessible(pages, visit, name, width):
    seen = visit(width)
    seen.page.goto((pages / name).as_uri())
    assert seen.page.locator("h1").count() == 1
    assert seen.overflow() <= 0
    assert seen.violations() == []
    assert seen.outside("file://") == []
    assert seen.faults == []
    assert seen.page.evaluate(LETTERS) >= 12
