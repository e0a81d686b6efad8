"""What a tagged PDF says of itself: its headings, paragraphs, items and rows of tables."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Words = list[tuple[int, str]]  # each with its page
_INLINE = {"Span", "Strong", "Em", "Link", "Quote", "Code", "Reference", "Sub"}
_HEADINGS = {"Title", "H", "H1", "H2", "H3", "H4", "H5", "H6"}
_NOTES = {"Note", "FENote"}
_MOST = 100  # elements inside each other
_ENOUGH = 0.9  # of the letters of a document are tagged; else its tags cannot be relied on


def parts(reader: Any) -> list[tuple[str, list[Words]]] | None:
    """Return the parts of a document in their order, or nothing where it has no usable tags.

    Parameters
    ----------
    reader : pypdf.PdfReader

    Returns
    -------
    list of tuple
        The kind ("heading", "text", "item", "row" or "table", which begins one) and its cells,
        each a list of page and words; one cell but for a row.
    """
    root = _object(reader.trailer["/Root"].get("/StructTreeRoot"))
    if not root:
        return None
    words, loose = {}, 0
    for number, page in enumerate(reader.pages, 1):
        marked, other = _marked(page)
        loose += other
        own = page.indirect_reference.idnum
        words |= {(own, mark): (number, text) for mark, text in marked.items()}
    total = sum(_letters(text) for _, text in words.values())
    found = list(_Tree(root, words).walk(root, None))
    seen = sum(_letters(text) for _, cells in found for cell in cells for _, text in cell)
    return found if seen and seen >= _ENOUGH * (total + loose) else None


def _letters(text: str) -> int:
    return sum(not letter.isspace() for letter in text)


def _object(value: Any) -> Any:
    return value.get_object() if hasattr(value, "get_object") else value


def _marked(page: Any) -> tuple[dict[int, str], int]:
    """Return the words of each mark of a page, and how many letters are outside of all marks."""
    marks: list[tuple[str, int | None]] = []
    words: dict[int, str] = {}
    loose = 0
    known = _object(_object(page.get("/Resources", {})).get("/Properties", {}))

    def operator(name: bytes, operands: Any, *_: Any) -> None:
        if name in (b"BDC", b"BMC"):
            told = operands[1] if len(operands) > 1 else {}
            told = _object(told if hasattr(told, "get") else known.get(told, {}))
            marks.append((operands[0], told.get("/MCID")))
        elif name == b"EMC" and marks:
            marks.pop()

    def text(said: str, *_: Any) -> None:
        nonlocal loose
        mark = next((mark for _, mark in reversed(marks) if mark is not None), None)
        if mark is not None:
            words[mark] = words.get(mark, "") + said
        elif not any(tag == "/Artifact" for tag, _ in marks):
            loose += _letters(said)

    page.extract_text(visitor_operand_before=operator, visitor_text=text)
    return words, loose


class _Tree:
    def __init__(self, root: Any, words: dict[tuple[int, int], tuple[int, str]]) -> None:
        self.words, self.roles = words, _object(root.get("/RoleMap", {}))

    def role(self, element: Any) -> str:
        name = element.get("/S", "") if hasattr(element, "get") else ""
        return str(self.roles.get(name, name)).lstrip("/")

    def children(self, element: Any) -> list[Any]:
        found = _object(element.get("/K", []))
        return [_object(one) for one in (found if isinstance(found, list) else [found])]

    def walk(self, element: Any, page: Any, depth: int = 0) -> Iterator[Any]:
        """Yield the parts below an element that groups others."""
        page = _object(element.raw_get("/Pg")) if "/Pg" in element else page
        for one in self.children(element) if depth < _MOST else []:
            role = self.role(one)
            if role == "Table":
                yield "table", []
            if role == "TR":
                yield "row", [list(self.said(cell, page)) for cell in self.children(one)]
            elif role in _HEADINGS:
                yield "heading", [list(self.said(one, page))]
            elif role == "LI":
                yield "item", [list(self.said(one, page))]
            elif role in {"P", "Caption", "BlockQuote", ""} | _NOTES | _INLINE:
                yield "text", [list(self.said(one, page))]
            elif role != "Figure":
                yield from self.walk(one, page, depth + 1)

    def said(self, one: Any, page: Any, depth: int = 0) -> Iterator[tuple[int, str]]:
        """Yield the words of an element and all below it but bullets and numbers of notes."""
        if isinstance(one, int):
            where = page.indirect_reference.idnum if page is not None else None
            if (where, one) in self.words:
                yield self.words[where, one]
        elif hasattr(one, "get") and depth < _MOST:
            page = _object(one.raw_get("/Pg")) if "/Pg" in one else page
            if "/MCID" in one:
                yield from self.said(int(one["/MCID"]), page, depth + 1)
            elif self.role(one) != "Lbl":
                found: Words = []
                for child in self.children(one):
                    more = list(self.said(child, page, depth + 1))
                    if found and more and self.role(child) in _NOTES:
                        where, text = found[-1]
                        end = text.rstrip()[-1:] if text.rstrip().endswith((".", "!", "?")) else ""
                        found[-1] = where, text.rstrip().removesuffix(end)
                        more = [(where, " ("), *more, (more[-1][0], ")" + end)]
                    found += more
                yield from found
