"""What a notebook shows, as the blocks of a document to print: one source for both."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from evidence.show.document import Block, Heading, Items, Paragraph, Parts, Strong, Table

_LEFT_OUT = ("svg", "figure", "style", "script", "details")  # pictures come as pictures
_ENDS = ("p", "h1", "h2", "h3", "h4", "li", "td", "th", "caption")


def blocks(html: str) -> list[Block]:
    """Return headings, paragraphs, lists and tables of our own HTML, in order."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    reader.ended("p")
    return reader.found


class _Reader(HTMLParser):
    """Reads the HTML that results show themselves with."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[Block] = []
        self.parts: list[str | Strong] = []
        self.items: list[Parts] = []
        self.rows: list[list[str]] = []
        self.caption, self.bold, self.without = "", 0, 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _LEFT_OUT or self.without:
            self.without += tag in _LEFT_OUT
        elif tag in ("b", "strong"):
            self.bold += 1
        elif tag == "table":
            self.ended("p")
            self.rows, self.caption = [], ""
        elif tag == "tr":
            self.rows.append([])
        elif tag in ("p", "ul", "ol", "h1", "h2", "h3", "h4"):
            self.ended("p")

    def handle_endtag(self, tag: str) -> None:
        if tag in _LEFT_OUT or self.without:
            self.without -= tag in _LEFT_OUT
        elif tag in ("b", "strong"):
            self.bold -= 1
        elif tag in _ENDS:
            self.ended(tag)
        elif tag in ("ul", "ol") and self.items:
            self.found.append(Items(self.items, "bullets" if tag == "ul" else "numbers"))
            self.items = []
        elif tag == "table" and len(self.rows) > 1:
            self.found.append(_table(self.caption, self.rows))

    def handle_data(self, data: str) -> None:
        text = re.sub(r"\s+", " ", data)
        if not self.without and (text.strip() or self.parts):
            self.parts.append(Strong(text) if self.bold else text)

    def ended(self, tag: str) -> None:
        """Take what was read since the last end as what `tag` holds."""
        parts, self.parts = self.parts, []
        text = "".join(p.strong if isinstance(p, Strong) else p for p in parts).strip()
        if tag in ("td", "th"):
            self.rows[-1].append(text)
        elif not text:
            return
        elif tag == "li":
            self.items.append(parts)
        elif tag == "caption":
            self.caption = text
        elif tag[0] == "h":
            self.found.append(Heading(text, 2))
        else:
            self.found.append(Paragraph(parts))


def _table(caption: str, rows: list[list[str]]) -> Table:
    head, *body = rows
    right = [all(re.fullmatch(r"[\d.,%−+∞ ]*", row[at]) for row in body) for at in range(len(head))]
    longest = [max(len(row[at]) for row in rows) for at in range(len(head))]
    widths = [min(max(each, 12), 40) for each in longest]
    return Table(caption, head, body, right, widths)
