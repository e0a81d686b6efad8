"""The page that needs nothing else gives the library's numbers and words."""

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT

import evidence as ev
from evidence.show.words import months

pytestmark = pytest.mark.slow
PAGE = ROOT / "docs/offline/plan_and_watch.html"


@pytest.fixture(scope="module")
def page(chromium):
    opened = chromium.new_page(viewport={"width": 1280, "height": 900})
    opened.goto(PAGE.as_uri())
    yield opened
    opened.close()


def drawn(rng):
    """Return a design with sizes that a person might type."""
    design = rng.choice(["IRA", "BIRA2_constant", "CRA2"])
    given = {"design": str(design), "n": int(rng.integers(4, 300)), "power": rng.choice([0.8, 0.9])}
    given |= {"p": rng.uniform(0.05, 0.95), "r2_1": rng.uniform(0, 0.9)}
    if design != "IRA":
        given["J"] = int(rng.integers(3, 400))
    if design == "CRA2":
        given |= {"rho2": rng.uniform(0, 0.6), "r2_2": rng.uniform(0, 0.9)}
    return {name: x.item() if hasattr(x, "item") else x for name, x in given.items()}


def test_smallest_effects_are_the_librarys(page):
    rng = np.random.default_rng(20)
    designs = [drawn(rng) for _ in range(300)]
    there = page.evaluate("designs => designs.map(bench.mdes)", designs)
    here = [float(ev.planning.mdes(**one)) for one in designs]
    np.testing.assert_allclose(there, here, rtol=1e-9)


def test_months_are_the_librarys(page):
    sizes = [round(x, 3) for x in np.arange(0, 1.2, 0.005)]
    assert page.evaluate("x => x.map(bench.months)", sizes) == [months(x, "trial") for x in sizes]


@pytest.mark.parametrize("counted", [False, True])
def test_limits_and_signals_are_the_librarys(page, counted):
    rng, signals = np.random.default_rng(21), 0
    for _ in range(150):
        length = int(rng.integers(2, 40))
        sizes = rng.integers(5, 400, length)
        level = np.where(np.arange(length) < length / 2, 0.3, rng.choice([0.3, 0.6]))
        values = rng.binomial(sizes, level) if counted else rng.normal(level, 0.1).round(3)
        data = pd.DataFrame({"t": range(length), "x": values, "n": sizes})
        if counted and not 0 < values.sum() < sizes.sum():
            continue
        more = {"n": "n"} if counted else {}
        here = ev.monitoring.control_chart(data, value="x", time="t", **more).table
        there = page.evaluate(
            "([x, n]) => bench.chart(x, n)",
            [values.tolist(), sizes.tolist() if counted else None],
        )
        np.testing.assert_allclose(
            there["limits"], here[["lower", "centre", "upper"]], rtol=1e-9, atol=1e-12
        )
        rules = page.evaluate("s => s.map(one => bench.RULES[one[0]])", there["signals"])
        assert rules == here["rule"].tolist()
        signals += (here["rule"] != "").sum()
    assert signals > 100


def test_series_is_read_and_said_as_the_library_says_it(page):
    written = "2015\t12\t40\n2016\t15\t41\n2017\tz\t40\n2018\t30\t40\n"
    page.get_by_label("A line for each time").fill(written)
    page.get_by_label("Target, if any").fill("60%")
    rows = [line.split("\t") for line in written.split("\n")[:-1]]
    data = pd.DataFrame(rows, columns=["time", "figure", "n"])
    here = ev.monitoring.control_chart(
        data, value="figure", time="time", n="n", improvement="increase", target=0.6
    ).sentence()
    assert page.locator("#watch-answer").inner_text() == here.removeprefix("figure: ")
    assert "1 line without a number is left out" in page.locator("#watch-notes").inner_text()


def test_every_fault_is_said_at_once(page):
    lines = "2015, 12, 40\n2016, 50, 40\n2015, 3, 40\n2017, a, 4"
    page.get_by_label("A line for each time").fill(lines)
    said = page.locator("#watch-faults").inner_text()
    assert [said.count(f"Line {line}:") for line in (1, 2, 3, 4)] == [0, 1, 1, 1]
    assert page.locator("#watch-answer").inner_text() == ""
    page.get_by_label("Pupils tested in each school").fill("many")
    page.get_by_label("Share offered").fill("50")
    said = page.locator("#plan-faults").inner_text()
    assert "Pupils: many is given" in said
    assert "Share offered the programme: 50 is given" in said


@pytest.mark.parametrize("width", [1280, 390])
def test_page_is_quiet_fits_and_is_accessible(visit, width):
    seen = visit(width)
    seen.page.goto(PAGE.as_uri())
    seen.page.get_by_label("Who is allocated at random").select_option("CRA2")
    for table in seen.page.locator("summary").all():
        table.click()
    assert seen.overflow() <= 0
    assert seen.violations() == []
    assert seen.faults == []
    assert seen.outside("file://") == []
