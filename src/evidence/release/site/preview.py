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
_NEAR = 20  # blocks among which the one is sought that was changed
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
    """Return a page with what is new in ``<ins>`` and, before it, what is gone in ``<del>``.

    A row that goes is a row of its own; so is a paragraph or the like for which none comes.
    """
    pieces = _PIECES.split(new)
    before: dict[int, str] = {}
    for gone, place, added, whole in _differing(_blocks(_PIECES.split(old)), _blocks(pieces)):
        space = " " * pieces[place][:1].isspace()  # before words of a sentence
        for number in added:
            drawn = pieces[number].startswith("<svg")
            pieces[number] = _DRAWN + pieces[number] if drawn else f"<ins>{pieces[number]}</ins>"
        words = " ".join(f"<del>{text}</del>" for text in gone if not text.startswith("<svg"))
        at, own = _own(pieces, place, words) if whole else (0, "")
        if words and own and (not added or own.startswith("<t")):
            before[at] = before.get(at, "") + own
        elif words:
            pieces[place] = f"{space}{words} {pieces[place]}"
    return "".join(before.get(number, "") + piece for number, piece in enumerate(pieces))


def _own(pieces: Sequence[str], place: int, words: str) -> tuple[int, str]:
    """Return the tag before which a block of the words belongs, and that block.

    It is of the kind of the one whose first text is at `place`; "" where it would be out of place.
    """
    at = place - 1
    while at > 0 and not pieces[at - 1].strip() and not _BLOCK.match(pieces[at]):
        at -= 2
    kind = re.match(r"<(tr|p|li|h[1-6]|dt|dd|div|section|figure)\b", pieces[at])
    if not kind:
        return 0, ""
    if kind[1] == "tr":
        row = f'<tr class="gone"><td colspan="99">{words}</td></tr>'
        body = at > 1 and not pieces[at - 1].strip() and pieces[at - 2].startswith("<tbody")
        return (at - 2, f"<tbody>{row}</tbody>") if body else (at, row)
    tag = {"li": "li", "dt": "dd", "dd": "dd"}.get(kind[1], "p")
    return at, f"<{tag}>{words}</{tag}>"


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


def _differing(
    old: list[_Block], new: list[_Block]
) -> Iterator[tuple[list[str], int, list[int], bool]]:
    """Give the texts that are gone, the place before which they were, and the places of new ones.

    And whether they are whole blocks. Rows, paragraphs and the like are compared whole, then by
    their first text, then by how many words they share, and those that are alike text by text.
    """
    for i, j, k, m in _unlike(map(_texts, old), map(_texts, new)):
        some, others = old[i:j], new[k:m]
        last = (0, 0)
        for one, other in [*_pairs(some, others), (len(some), len(others))]:
            gone = [text for block in some[last[0] : one] for text in _texts(block)]
            added = [at for block in others[last[1] : other] for _, at in block]
            if gone or added:
                yield gone, new[min(k + last[1], len(new) - 1)][0][1], added, True
            if one < len(some):
                yield from _in_block(some[one], others[other])
            last = one + 1, other + 1


def _in_block(old: _Block, new: _Block) -> Iterator[tuple[list[str], int, list[int], bool]]:
    for e, f, g, h in _unlike(_texts(old), _texts(new)):
        texts, added = _texts(old)[e:f], [at for _, at in new[g:h]]
        if len(texts) == len(added):  # each beside its own
            yield from (([text], at, [at], False) for text, at in zip(texts, added, strict=True))
        else:
            yield [*texts], new[min(g, len(new) - 1)][1], added, False


def _pairs(old: list[_Block], new: list[_Block]) -> Iterator[tuple[int, int]]:
    """Give the blocks that are alike, in their order: by their first text, else by their words."""
    firsts = SequenceMatcher(None, [b[0][0] for b in old], [b[0][0] for b in new], False)
    for kind, a, b, c, d in firsts.get_opcodes():
        if kind == "equal":
            yield from zip(range(a, b), range(c, d), strict=True)
            continue
        for one in range(a, b):
            near = range(c, min(c + _NEAR, d))
            if (other := next((at for at in near if _alike(old[one], new[at])), None)) is not None:
                yield one, other
                c = other + 1


def _alike(old: _Block, new: _Block) -> bool:
    some, others = ({*" ".join(_texts(block)).split()} for block in (old, new))
    return 2 * len(some & others) >= len(some | others)


def _texts(block: _Block) -> tuple[str, ...]:
    return tuple(text for text, _ in block)


def _unlike(old: Iterable[Any], new: Iterable[Any]) -> Iterator[tuple[int, int, int, int]]:
    opcodes = SequenceMatcher(None, [*old], [*new], autojunk=False).get_opcodes()
    return ((a, b, c, d) for kind, a, b, c, d in opcodes if kind != "equal")
