"""Choices made before the widgets of a dashboard are there, or where they cannot be."""

import pytest

from .serving import becomes, kernels_of, served, until

pytestmark = pytest.mark.slow
ROWS = ".board tbody.one"
READY = "body[data-ready]"
YEARS = "Years with a cohort"
CHOSEN = "document.activeElement.selectedOptions[0].textContent"


@pytest.fixture(scope="module")
def site(published):
    with served(published) as address:
        yield address


@pytest.fixture
def late(visit):
    """Return a visit whose widgets come when `let` is called, and not before."""

    def start():
        seen = visit(1280)
        waiting = []
        seen.page.route("**/voila.js", lambda route: waiting.append(route))
        seen.let = lambda: [route.continue_() for route in waiting[-1:]]
        return seen

    return start


def test_a_choice_before_the_widgets_shows_the_page_that_has_it(site, late):
    seen = late()
    page = seen.page
    page.goto(site)
    before = set(kernels_of(site.pid))
    page.locator("select[name=year]").focus()
    page.get_by_label(YEARS).select_option("1986/87")
    page.wait_for_url("**year=1986*")
    assert page.locator(ROWS).count() == 1
    assert page.evaluate("document.activeElement.name") == "year"  # a keyboard goes on from there
    assert page.evaluate(CHOSEN) == "1986/87"
    assert seen.violations() == []
    assert seen.faults == []
    until(lambda: before - set(kernels_of(site.pid)))  # that of the page that was left has ended
    seen.let()
    page.wait_for_selector(READY, timeout=60_000)
    assert page.evaluate(CHOSEN) == "1986/87"  # of the widgets now
    assert page.locator("[data-first]").count() == 0
    page.get_by_label(YEARS).select_option("All years")
    becomes(page, f"document.querySelectorAll('{ROWS}').length > 1")


def test_a_list_that_is_open_stays_until_something_was_chosen(site, late):
    seen = late()
    page = seen.page
    page.goto(site)
    first = page.locator("[data-first] select[name=year]")
    first.focus()
    page.keyboard.press("Shift")
    seen.let()
    page.wait_for_selector("[data-live] select option", state="attached", timeout=60_000)
    page.wait_for_timeout(300)
    assert first.is_visible()
    first.select_option("1986/87")
    becomes(page, f"document.querySelectorAll('{ROWS}').length === 1")
    assert page.url == site  # the widgets showed it, no page was loaded
    assert page.locator("[data-first]").count() == 0
    assert page.evaluate(CHOSEN) == "1986/87"
    assert seen.faults == []


def test_a_list_that_is_left_makes_room_for_the_widgets(site, late):
    seen = late()
    page = seen.page
    page.goto(site)
    page.locator("[data-first] select[name=year]").focus()
    page.keyboard.press("Shift")
    seen.let()
    page.wait_for_selector("[data-live] select option", state="attached", timeout=60_000)
    page.keyboard.press("Tab")
    page.wait_for_selector(READY)
    assert page.evaluate("document.activeElement.tagName") == "SELECT"
    assert page.evaluate("!!document.activeElement.closest('[data-live]')")


def test_filters_work_without_any_script(site, visit):
    seen = visit(390, java_script_enabled=False)
    page = seen.page
    page.goto(site)
    page.get_by_label(YEARS).select_option("1986/87")
    page.get_by_role("button", name="Show").click()
    page.wait_for_url("**year=1986*")
    assert page.locator(ROWS).count() == 1
    assert page.get_by_label(YEARS).input_value() == "1986/87"
    page.goto(site + "programme")
    page.get_by_label("Programme", exact=True).select_option("LAMP")
    page.get_by_role("button", name="Show").click()
    page.wait_for_url("**programme=lamp*")
    assert "LAMP" in page.locator("h1").inner_text()
