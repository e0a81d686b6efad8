"""Markdown as safe HTML: raw HTML is shown as it was typed, a picture by its text alternative.

Links lead to the web, to a mail address or to a place on the page, and nowhere else.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from mistune import BlockState, HTMLRenderer, Markdown, create_markdown
from mistune import escape as escape

from evidence.show.render import render as fill

_ADDRESS = re.compile(
    r"https?://[\w.-]+(?::\d+)?(?:[/?#][^\s\"'<>`]*)?|mailto:[\w.+-]+@[\w.-]+|#[\w-]+"
)


def render(text: str, *, top: int = 2) -> str:
    """Return Markdown as HTML whose highest heading is ``<h{top}>``."""
    return "".join(html for _, _, html in blocks(text, top=top))


def blocks(text: str, *, top: int = 2) -> Iterator[tuple[int, str, str]]:
    """Yield each block of Markdown: level of a heading (else 0), its words, and its HTML."""
    state = BlockState()
    for token in _parser().parse(text)[0]:
        html = _Renderer(top).render_tokens([token], state)
        level = min(token["attrs"]["level"] + top - 1, 6) if token["type"] == "heading" else 0
        words = _text(token) if level else ""
        if html:
            yield level, words, html


@cache
def _parser() -> Markdown:
    return create_markdown(renderer=None, plugins=["table"])


def _text(token: dict[str, Any]) -> str:
    return token.get("raw") or "".join(_text(child) for child in token.get("children", ()))


class _Renderer(HTMLRenderer):
    """HTML without raw HTML, foreign pictures, scripts or styles."""

    def __init__(self, top: int) -> None:
        super().__init__(escape=True)
        self.top = top

    def heading(self, text: str, level: int, **_: Any) -> str:
        level = min(level + self.top - 1, 6)
        return f"<h{level}>{text}</h{level}>"

    def paragraph(self, text: str) -> str:
        return f"<p>{text}</p>"

    def block_html(self, html: str) -> str:
        return self.paragraph(escape(html.strip()))

    def emphasis(self, text: str) -> str:
        return f"<i>{text}</i>"

    def strong(self, text: str) -> str:
        return f"<b>{text}</b>"

    def image(self, text: str, url: str, title: str | None = None) -> str:
        return text

    def link(self, text: str, url: str, title: str | None = None) -> str:
        if not _ADDRESS.fullmatch(url):
            return text
        return f'<a rel="noreferrer" href="{escape(url)}">{text or escape(url)}</a>'

    def block_code(self, code: str, info: str | None = None) -> str:
        return fill("code.html", text=code.rstrip("\n"), label="Example")

    def table(self, text: str) -> str:
        return (
            '<div class="wide" tabindex="0" role="group" aria-label="Table">'
            f'<table class="plain">{text}</table></div>'
        )

    def table_head(self, text: str) -> str:
        return f"<thead><tr>{text}</tr></thead>"

    def table_body(self, text: str) -> str:
        return f"<tbody>{text}</tbody>"

    def table_row(self, text: str) -> str:
        return f"<tr>{text}</tr>"

    def table_cell(self, text: str, align: str | None = None, head: bool = False) -> str:
        if head:
            return f'<th scope="col">{text or "&nbsp;"}</th>'
        return f"<td>{text}</td>"
