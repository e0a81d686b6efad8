"""A preview of a release for its reviewer: its own site, marked where the current one differs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

from evidence.release.site.page import HOME, page
from evidence.show.render import render

# Pieces of a page: tags, and what a mark must not go into. What is between them is text.
_PIECES = re.compile(
    r"(<svg\b.*?</svg>|<script\b.*?</script>|<style\b.*?</style>|<title\b.*?</title>|"
    r"<select\b.*?</select>|<[^<>]*>)",
    re.S,
)
_BLOCK = re.compile(r"</?(?:tr|p|li|h[1-6]|dt|dd|figure|section|caption|summary|div)\b")
_NUMBERED = re.compile(r"(.*?(?:Evidence base · release|; shown in release)) \d+.*", re.S)
_SOURCE = re.compile(r'<section class="source">.*?</section>', re.S)
_DRAWN = "<p><ins>This picture is new or drawn anew.</ins></p>"
_Block = list[tuple[str, int]]  # texts that stand together, each with its place among the pieces


def mark(
    draft: Path, current: Path | None, record: Mapping[str, Any], lines: Mapping[str, Iterable[str]]
) -> None:
    """Mark the pages of a draft, and add `review.html`: pages that differ and what is to be read.

    Parameters
    ----------
    draft : Path
        A release that has no place yet, its site built.
    current : Path, optional
        The folder of the current release.
    record : mapping
        The draft's `release.json`.
    lines : mapping
        Headings of `review.html` to their lines.
    """
    before = _pages(current) if current else {}
    states = dict.fromkeys(sorted(before), "gone")
    for name, text in sorted(_pages(draft).items()):
        body = marked(text, before[name]) if name in before else text
        states[name] = _state(text, body) if name in before else "new"
        _write(draft / name, body, record, states[name])
    title = f"What release {record['number']} would change"
    text = page("review", record, title, trail=HOME, states=states, lines=lines)
    _write(draft / "review.html", str(text), record, "")


def _pages(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8")
        for path in folder.rglob("*.html")
    }


def _state(text: str, body: str) -> str:
    """Say how a page differs that was there before, given how it was marked."""
    if body == text:
        return "as before"
    elsewhere = _SOURCE.sub("", body) != _SOURCE.sub("", text)
    return "changed" if elsewhere else "only in where the numbers come from"


def _write(path: Path, text: str, record: Mapping[str, Any], state: str) -> None:
    up = "" if (path.parent / "release.json").is_file() else "../"
    band = render("site/preview.html", number=record["number"], state=state, up=up)
    path.write_text(text.replace("<body>", f"<body>{band}", 1), encoding="utf-8", newline="\n")


def marked(new: str, old: str) -> str:
    """Return a page with what is new in ``<ins>`` and, before it, what is gone in ``<del>``."""
    pieces = _PIECES.split(new)
    for gone, place, added in _differing(_blocks(_PIECES.split(old)), _blocks(pieces)):
        space = " " * pieces[place][:1].isspace()  # before words of a sentence
        for number in added:
            drawn = pieces[number].startswith("<svg")
            pieces[number] = _DRAWN + pieces[number] if drawn else f"<ins>{pieces[number]}</ins>"
        words = "".join(f"<del>{text}</del> " for text in gone if not text.startswith("<svg"))
        row = _row_of(pieces, place)
        if words and row and not added:  # whole rows: one of its own, not in another's first cell
            words, place = f'<tr><td colspan="99">{words}</td></tr>', row
        pieces[place] = space * bool(words) + words + pieces[place]
    return "".join(pieces)


def _row_of(pieces: Sequence[str], place: int) -> int:
    """Return the place of the tag that begins the row of a table whose first text is at `place`."""
    for number in range(place - 1, 0, -1):
        if pieces[number].startswith("<tr"):
            return number
        if pieces[number].strip() and not pieces[number].startswith(("<t", "<a", "<s", "<b")):
            break
    return 0


def _blocks(pieces: Sequence[str]) -> list[_Block]:
    blocks: list[_Block] = [[]]
    drawing = False
    for number, piece in enumerate(pieces):
        if _BLOCK.match(piece):
            blocks.append([])
            drawing = piece.startswith("<figure") or (drawing and piece != "</figure>")
        if (piece.strip() and not number % 2) or (drawing and piece.startswith("<svg")):
            text = piece.strip()
            numbered = _NUMBERED.match(text)
            blocks[-1].append((numbered[1] if numbered else text, number))
    return [block for block in blocks if block]


def _differing(old: list[_Block], new: list[_Block]) -> Iterator[tuple[list[str], int, list[int]]]:
    """Give the texts that are gone, the place before which they were, and the places of new ones.

    Rows, paragraphs and the like are compared whole, then by their first text, then text by text.
    """
    for i, j, k, m in _unlike(map(_texts, old), map(_texts, new)):
        some, others = old[i:j], new[k:m]
        firsts = SequenceMatcher(None, [b[0][0] for b in some], [b[0][0] for b in others], False)
        for kind, a, b, c, d in firsts.get_opcodes():
            if kind == "equal":
                for one, other in zip(some[a:b], others[c:d], strict=True):
                    for e, f, g, h in _unlike(_texts(one), _texts(other)):
                        texts, added = _texts(one)[e:f], [at for _, at in other[g:h]]
                        if len(texts) == len(added):  # each beside its own
                            for text, at in zip(texts, added, strict=True):
                                yield [text], at, [at]
                            continue
                        yield [*texts], other[min(g, len(other) - 1)][1], added
            else:
                gone = [text for block in some[a:b] for text in _texts(block)]
                place = new[min(k + c, len(new) - 1)][0][1]
                yield gone, place, [at for block in others[c:d] for _, at in block]


def _texts(block: _Block) -> tuple[str, ...]:
    return tuple(text for text, _ in block)


def _unlike(old: Iterable[Any], new: Iterable[Any]) -> Iterator[tuple[int, int, int, int]]:
    opcodes = SequenceMatcher(None, [*old], [*new], autojunk=False).get_opcodes()
    return ((a, b, c, d) for kind, a, b, c, d in opcodes if kind != "equal")
