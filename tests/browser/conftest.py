"""A Chromium that asks nobody anything, and pages that are watched while they load."""

import os
import shutil

import pytest
from axe_playwright_python.sync_playwright import Axe
from conftest import once
from playwright.sync_api import sync_playwright

from evidence.release.exchange import bundle, merge

FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
WCAG = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}


@pytest.fixture(scope="package")  # its event loop ends with the last browser test
def chromium():
    path = os.environ.get("EVIDENCE_CHROMIUM") or shutil.which("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def published(county, tmp_path_factory):
    """Return where the release of the county and another hub is: to be read, or copied first."""

    def make(root):
        shutil.copytree(county, root / "published", symlinks=True)
        sent = bundle.make(root / "published", root / "b.zip")
        merge.merge(sent, "Rathfern", root / "published", reviewer="Cy")

    return once(tmp_path_factory, "hub", make)[0] / "published"


class Visit:
    """A page at one width, with every request it made and every fault it had."""

    def __init__(self, browser, width, **context):
        self.context = browser.new_context(viewport={"width": width, "height": 900}, **context)
        self.page = self.context.new_page()
        self.requests, self.faults = [], []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on(
            "console",
            lambda message: self.faults.append(message.text) if message.type == "error" else None,
        )

    def outside(self, own):
        """Return the requests that left `own`."""
        return [url for url in self.requests if not url.startswith((own, "data:"))]

    def overflow(self):
        """Return by how many pixels the page is wider than the window."""
        return self.page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )

    def violations(self):
        """Return what axe finds against WCAG 2.2 A and AA."""
        found = Axe().run(self.page, options=WCAG).response["violations"]
        return [(fault["id"], node["html"][:120]) for fault in found for node in fault["nodes"]]


@pytest.fixture
def visit(chromium):
    made = []

    def start(width, **context):
        made.append(Visit(chromium, width, **context))
        return made[-1]

    yield start
    for one in made:
        one.context.close()
