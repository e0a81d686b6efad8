"""A small safe subset of Markdown: everything is escaped first, nothing is passed through.

Headings, paragraphs, lists, tables, fenced code; bold, italics, code, links to web and mail
addresses. Raw HTML is shown as it was typed, a picture by its text alternative.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

_INLINE = re.compile(
    r"`(?P<code>[^`\n]+)`"
    r"|(?P<image>!?)\[(?P<words>[^\[\]\n]{0,500})\]\((?P<to>[^()\s]{1,500})\)"
    r"|\*\*(?P<bold>[^*\n]+)\*\*"
    r"|(?<![\w*])[*_](?P<slant>[^*_\n]+)[*_](?![\w*])"
)
_ADDRESS = re.compile(
    r"(?:https?://[\w.-]+(?::\d+)?(?:[/?#][^\s\"'<>`]*)?|mailto:[\w.+-]+@[\w.-]+)"
)
_HEADING = re.compile(r"(#{1,6})\s+(.*?)\s*#*$")
_ITEM = re.compile(r"\s{0,3}(?:[-*+]|(\d{1,3})[.)])\s+(.*)$")
_FENCE = re.compile(r"\s{0,3}(```|~~~)")
_RULER = re.compile(r"\s*\|?\s*:?-+:?\s*(?:\|\s*:?-+:?\s*)*\|?\s*$")


def render(text: str, *, top: int = 2) -> str:
    """Return Markdown as HTML whose highest heading is ``<h{top}>``."""
    lines = text.replace("\r\n", "\n").split("\n")
    return "".join(_blocks(lines, top))


def _blocks(lines: list[str], top: int) -> Iterator[str]:
    place = 0
    while place < len(lines):
        line = lines[place]
        if not line.strip():
            place += 1
        elif fence := _FENCE.match(line):
            end = place + 1
            while end < len(lines) and not lines[end].strip().startswith(fence[1]):
                end += 1
            yield code("\n".join(lines[place + 1 : end]), "Example")
            place = end + 1
        elif heading := _HEADING.match(line):
            level = min(len(heading[1]) + top - 1, 6)
            yield f"<h{level}>{inline(heading[2])}</h{level}>"
            place += 1
        elif _ITEM.match(line):
            end, items, ordered = place, [], _ITEM.match(line)[1]
            while end < len(lines) and lines[end].strip():
                item = _ITEM.match(lines[end])
                if item:
                    items.append(item[2])
                else:
                    items[-1] += " " + lines[end].strip()
                end += 1
            kind = "ol" if ordered else "ul"
            yield f"<{kind}>{''.join(f'<li>{inline(item)}</li>' for item in items)}</{kind}>"
            place = end
        elif "|" in line and place + 1 < len(lines) and _RULER.fullmatch(lines[place + 1]):
            end = place + 2
            while end < len(lines) and "|" in lines[end]:
                end += 1
            yield _table([line, *lines[place + 2 : end]])
            place = end
        else:
            end = place + 1
            while end < len(lines) and lines[end].strip() and not _begins(lines[end]):
                end += 1
            yield f"<p>{inline(' '.join(part.strip() for part in lines[place:end]))}</p>"
            place = end


def _begins(line: str) -> bool:
    return any(pattern.match(line) for pattern in (_FENCE, _HEADING, _ITEM))


def _table(lines: list[str]) -> str:
    rows = [[inline(cell.strip()) for cell in line.strip().strip("|").split("|")] for line in lines]
    head = "".join(f'<th scope="col">{cell or "&nbsp;"}</th>' for cell in rows[0])
    body = "".join(
        "<tr>" + "".join(f"<td>{cell}</td>" for cell in row[: len(rows[0])]) + "</tr>"
        for row in rows[1:]
    )
    return (
        '<div class="wide" tabindex="0" role="group" aria-label="Table"><table class="plain">'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def code(text: str, label: str) -> str:
    """Return a block of code that scrolls by itself, under a name for those who hear it."""
    return (
        f'<pre class="wide" tabindex="0" role="group" aria-label="{html.escape(label)}">'
        f"<code>{html.escape(text)}</code></pre>"
    )


def inline(text: str) -> str:
    """Return one line of Markdown as HTML."""
    parts, end = [], 0
    for match in _INLINE.finditer(text):
        parts.append(html.escape(text[end : match.start()]))
        end = match.end()
        if match["code"]:
            parts.append(f"<code>{html.escape(match['code'])}</code>")
        elif match["bold"]:
            parts.append(f"<b>{inline(match['bold'])}</b>")
        elif match["slant"]:
            parts.append(f"<i>{inline(match['slant'])}</i>")
        elif not match["image"] and _ADDRESS.fullmatch(match["to"]):
            words = html.escape(match["words"] or match["to"])
            parts.append(f'<a rel="noreferrer" href="{html.escape(match["to"])}">{words}</a>')
        else:
            parts.append(html.escape(match["words"]))
    return "".join(parts) + html.escape(text[end:])
