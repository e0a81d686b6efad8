"""The board's page as one file, opened from a folder in a real browser."""

import pytest

from evidence.release.site import site

from .serving import becomes

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def envelope(published, tmp_path_factory):
    file = tmp_path_factory.mktemp("post") / "board.html"
    file.write_text(site.envelope(published / "current"), encoding="utf-8")
    return file


@pytest.mark.parametrize("width", [1280, 390])
def test_one_file_is_quiet_fits_filters_and_is_accessible(envelope, visit, width):
    seen = visit(width)
    page = seen.page
    page.goto(envelope.as_uri())
    rows = page.locator("tbody.one")
    page.get_by_label("Years with a cohort").select_option("2018/19")
    becomes(page, "document.querySelector('[role=status]').innerText.includes(' of ')")
    assert 0 < page.locator("tbody.one:visible").count() < rows.count()
    page.locator("tbody.one:visible summary").first.click()
    assert page.locator("details[open] .why").is_visible()
    assert seen.overflow() <= 0
    assert seen.violations() == []
    assert seen.faults == []
    assert seen.outside("file://") == []


def test_all_of_it_can_be_read_without_scripts(envelope, visit):
    page = visit(1280, java_script_enabled=False).page
    page.goto(envelope.as_uri())
    assert page.locator("tbody.one:visible").count() == 7
    page.locator("summary").first.click()
    assert page.locator("details[open] .why").is_visible()
    assert page.locator(".filters:visible").count() == 0
