"""More than 200 harmful names through everything that a release gives out."""

import csv
import io
import re
import zipfile
from html.parser import HTMLParser

import pandas as pd
import pytest
from openpyxl import load_workbook
from payloads import FORMULAE, PAYLOADS, TEXTS

from evidence.board import board
from evidence.release.site import answers
from evidence.release.store import reader
from evidence.release.store.exports import csv as as_csv
from evidence.release.store.exports import workbook
from evidence.show import tables
from evidence.show.markdown import render
from evidence.show.portfolio import portfolio
from evidence.show.why import band, why

ALLOWED = {
    "html", "head", "meta", "link", "title", "style", "body", "a", "div", "p", "b", "i", "header",
    "nav", "main", "h1", "h2", "h3", "h4", "h5", "h6", "footer", "script", "section", "table",
    "caption", "thead", "tbody", "tr", "th", "td", "small", "span", "svg", "figure", "figcaption",
    "details", "summary", "pre", "code", "dl", "dt", "dd", "ul", "ol", "li", "label", "select",
    "option", "input", "desc", "defs", "g", "path", "rect", "line", "circle", "use", "text",
    "tspan", "clippath", "polygon",
}  # fmt: skip


class Page(HTMLParser):
    """Collects the tags of a page, and attributes that could run something."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.tags, self.runs, self.ways = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.runs += [(tag, name) for name, _ in attrs if name.startswith("on") or name == "style"]
        self.ways += [value for name, value in attrs if name in ("href", "src", "action", "srcdoc")]


def test_payloads_are_more_than_two_hundred_and_differ():
    assert len(set(PAYLOADS)) == len(PAYLOADS) >= 200


@pytest.mark.slow
def test_release_of_harmful_names_holds_them_all(harmed):
    folder, report = harmed
    left_out = {reason.split("/")[0] for reason in report.refused}
    assert report.estimates == 2 * (len(TEXTS) - len(left_out))
    assert len(left_out) < 5, report.refused
    assert len(list(folder.rglob("*-report.html"))) > len(TEXTS) - 5
    assert len(list(folder.glob("indicators/*.html"))) > len(TEXTS) - 5
    texts = "\n".join(reader.effects(folder)["caveats"])
    kept = [harm for harm in PAYLOADS if harm in texts]
    assert len(kept) >= len(PAYLOADS) - 5  # the others with their control characters made plain


@pytest.mark.slow
def test_pages_hold_no_tag_handler_or_address_of_a_payload(harmed):
    folder, _ = harmed
    found = list(folder.rglob("*.html"))
    assert len(found) > 4 * (len(TEXTS) - 5)
    for path in found:
        page = Page(path.read_text(encoding="utf-8"))
        assert set(page.tags) <= ALLOWED, path
        assert page.tags.count("script") == (path == folder / "index.html")
        assert page.runs == [], path
        for way in page.ways:
            assert re.match(r"(?:[\w./#-]+$|data:,$|https://a\.example|#)", way), (path, way)


@pytest.mark.slow
def test_svg_files_hold_no_tag_or_handler_of_a_payload(harmed):
    drawings = list(harmed[0].rglob("*.svg"))
    assert len(drawings) == len(range(0, len(TEXTS), 10))
    for path in drawings:
        page = Page(path.read_text(encoding="utf-8"))
        assert set(page.tags) <= ALLOWED - {"script", "a", "html", "body", "iframe"}, path
        assert {tag for tag, _ in page.runs} <= {"svg", "g", "path", "rect", "text", "use", "defs"}
        assert {name for _, name in page.runs} <= {"style"}


def live(text):
    """Return the cells that a spreadsheet would take for a formula, with any list separator."""
    found = []
    for separator in (",", ";", "\t", "|"):
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator):
            cells = [cell.strip(' \t\r\n\ufeff\u200b\u00a0"') for cell in row]
            found += [c for c in cells if c[:1] in tuple("=+@＝＋－＠") or _minus(c)]
    return found


def _minus(cell):
    return cell.startswith("-") and not re.fullmatch(r"-[\d.]+(?:e-?\d+)?", cell)


@pytest.mark.slow
def test_csv_files_hold_no_live_formula(harmed):
    sheets = list(harmed[0].rglob("*.csv"))
    assert len(sheets) > len(TEXTS) // 10
    for path in sheets:
        assert live(path.read_text(encoding="utf-8")) == [], path


@pytest.mark.slow
def test_xlsx_holds_text_only_where_there_is_text(harmed):
    path = harmed[0] / "results.xlsx"
    with zipfile.ZipFile(path) as file:
        for name in file.namelist():
            assert b"<f>" not in file.read(name), name
            assert b"<f " not in file.read(name), name
            assert "external" not in name.lower()
    for sheet in load_workbook(path):
        for row in sheet.iter_rows():
            for cell in row:
                assert cell.data_type in ("s", "n", "b")
                assert cell.hyperlink is None


@pytest.mark.parametrize("harm", FORMULAE)
def test_csv_of_one_formula_is_inert(harm):
    table = pd.DataFrame({harm: ["x"], "area": [harm], "both": [f"a {harm}"]})
    assert live(as_csv(table)) == []


def test_workbook_same_bytes_every_time_and_text_as_text():
    table = pd.DataFrame(
        {"=1+1": ["=1+1", "a\x07b"], "n": [1.5, float("nan")], "yes": [True, False]}
    )
    made = workbook({"effects": table})
    assert made == workbook({"effects": table})
    sheet = load_workbook(io.BytesIO(made))["effects"]
    assert [[cell.value for cell in row] for row in sheet] == [
        ["=1+1", "n", "yes"], ["=1+1", 1.5, True], ["ab", None, False],
    ]  # fmt: skip
    assert {cell.data_type for cell in sheet["A"]} == {"s"}


def test_markdown_of_a_payload_is_inert():
    for h in PAYLOADS:
        page = Page(render(f"{h}\n\n# {h}\n\n- {h}\n\n**{h}** `{h}` [{h}]({h})"))
        assert set(page.tags) <= ALLOWED - {"script", "style", "link", "meta", "svg", "input"}, h
        assert page.runs == [], h
        assert all(way.startswith("https://a.example") for way in page.ways), h


@pytest.mark.slow
def test_dashboard_parts_hold_no_tag_of_a_payload(harmed):
    record = reader.release(harmed[0])
    rows = tables.summary(reader.effects(harmed[0]), record["programmes"])
    found = answers.of_release(harmed[0])
    texts = [board.results(found, len(found)), band(record["programmes"]), portfolio(found)]
    texts += [why(row) for row in rows.to_dict("records")]
    for place in range(0, len(PAYLOADS), 10):  # names beside points are cut short
        ten = zip(found, PAYLOADS[place : place + 10], strict=False)
        texts.append(portfolio([row | {"title": harm} for row, harm in ten]))
    for text in texts:
        page = Page(text)
        own = {"button"} if text is texts[0] else set()  # to print: one, whatever the names are
        assert set(page.tags) <= (ALLOWED | own) - {"script", "style", "link", "meta"}
        assert page.tags.count("button") == len(own)
        assert page.runs == []
