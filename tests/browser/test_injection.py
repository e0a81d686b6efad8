"""The harmful names of `payloads` in a real browser, with every policy switched off."""

import pytest
from payloads import TEXTS

from evidence.board.board import board
from evidence.board.hub import hub
from evidence.board.programme import programme

from .serving import becomes, served
from .test_board import ROWS

pytestmark = pytest.mark.slow
PROVOKE = """() => {
  for (const one of document.querySelectorAll("details")) one.open = true;
  for (const one of document.querySelectorAll("a,[tabindex],input,select,summary,text,g"))
    for (const kind of ["focus", "mouseover", "click", "toggle", "error", "load"])
      if (kind !== "click" || !one.closest("a")) one.dispatchEvent(new Event(kind));
  return window.harmed === undefined;
}"""


def watched(chromium):
    """Return a page without a policy, and the list of what it asked for or popped up."""
    context = chromium.new_context(bypass_csp=True)
    page, seen = context.new_page(), []
    page.on("dialog", lambda dialog: (seen.append(dialog.message), dialog.dismiss()))
    page.on("request", lambda request: seen.append(request.url))
    return context, page, seen


def test_pages_and_figures_run_nothing_without_a_policy(harmed, chromium):
    folder, _ = harmed
    files = [*folder.rglob("*.html"), *folder.rglob("*.svg")]
    assert len(files) > 4 * (len(TEXTS) - 5)
    context, page, seen = watched(chromium)
    for path in files:
        page.goto(path.as_uri())
        assert page.evaluate(PROVOKE), path
        page_itself = path.resolve().as_uri()
        left = [url for url in seen if not url.startswith((path.as_uri(), page_itself, "data:,"))]
        assert left == [], path
        seen.clear()
    context.close()


def test_search_and_filters_run_nothing(harmed, chromium):
    context, page, seen = watched(chromium)
    page.goto((harmed[0] / "index.html").as_uri())
    for number in range(1, 30):
        page.get_by_label("Phase").select_option(index=number)
        words = page.get_by_label("Phase").input_value()
        page.get_by_label("Search").fill(words)
    assert page.evaluate(PROVOKE)
    assert [url for url in seen if not url.startswith("file:")] == []
    context.close()


def test_dashboards_run_nothing(harmed, visit):
    with served(harmed[0].parent) as address:
        seen = visit(1280)
        for name in ("board", "programme", "area", "hub"):
            seen.page.goto(address + name)
            seen.page.wait_for_selector("body[data-ready]", timeout=90_000)
            assert seen.page.evaluate(PROVOKE), name
        seen.page.goto(address)
        seen.page.wait_for_selector("body[data-ready]", timeout=90_000)
        assert seen.page.locator(ROWS).count() > len(TEXTS) - 5
        for number in range(1, 12):
            seen.page.get_by_label("Phase").select_option(index=number)
            becomes(seen.page, f"document.querySelectorAll('{ROWS}').length < 10")
        assert seen.page.evaluate(PROVOKE)
        assert seen.outside(address) == []


def test_dashboard_parts_run_nothing_without_a_policy(harmed, chromium):
    context, page, seen = watched(chromium)
    for build in (board, programme, hub):
        page.set_content(build(harmed[0])._repr_mimebundle_()["text/html"])
        assert page.evaluate(PROVOKE), build
    assert [url for url in seen if not url.startswith(("data:", "about:"))] == []
    context.close()
