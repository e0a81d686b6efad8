"""A preview of a release for its reviewer: its own site, marked where the current one differs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
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
# What stands together, and what a paragraph that goes can be shown as a part of.
_CONTAINER = re.compile(r"</?(?:table|thead|ul|ol|dl|details|figure|section|div)\b")
_NAMED = re.compile(r"</?(tr|p|li|h[1-6]|dt|dd)\b")
_KINDS = {"tr": "tr", "li": "li", "dt": "dd", "dd": "dd"}  # all others are paragraphs
_OWN = {
    "tr": '<tr class="gone"><td colspan="99">{}</td></tr>',
    "li": "<li>{}</li>",
    "dd": "<dd>{}</dd>",
    "p": "<p>{}</p>",
    "": "{} ",
}
_EMPTY = re.compile(r"<t[dh][^<>]*></t[dh]>")
_INLINE_END = re.compile(r"</(?!t[dhr]\b)")
_LAST = re.compile(r"</(?:main|footer|body|html)\b")
_MANY = 250_000  # pairs of blocks up to which all are compared
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
    """Return a page with what is new in ``<ins>`` and what is gone in ``<del>``, where it was.

    A row that goes is a row of its own; so is a paragraph or the like for which none comes.
    """
    page, past = _Page.of(new), _Page.of(old)
    marks: dict[int, list[str]] = {}  # before which piece
    added: set[int] = set()
    for change in _differing(past, page):
        drawn = any(page.pieces[number].startswith("<svg") for number in change.added)
        words = [" ".join(_gone(block, drawn)) for block in change.gone]
        whole = bool(words) and change.place is None
        kind = past.kind(change.gone[0][0][1]) if whole else ""
        if whole and not (change.added and len(words) == 1 and kind != "tr"):
            at, kind = page.place_of(change, past, kind)
            own = "".join(_OWN[kind].format(some) for some in words if some)
            if kind == "tr" and page.pieces[max(at - 2, 0)].startswith("<tbody"):
                at, own = at - 2, f"<tbody>{own}</tbody>" if own else ""
            marks.setdefault(at, []).append(own)
        elif said := " ".join(filter(None, words)):
            at = change.place if change.place is not None else change.added[0]
            space = " " * page.pieces[at][:1].isspace()  # before words of a sentence
            marks.setdefault(at, []).append(f"{space}{said} ")
        added.update(change.added)
    return "".join(
        "".join(marks.get(number, ())) + (_signed(piece) if number in added else piece)
        for number, piece in enumerate(page.pieces)
    )


def _gone(block: _Block, drawn: bool) -> Iterator[str]:
    for text, _ in block:
        if text and not (drawn and text.startswith("<svg")):
            yield f"<del>{'A picture was here.' if text.startswith('<svg') else text}</del>"


def _signed(piece: str) -> str:
    if piece.startswith("<svg"):
        return _DRAWN + piece
    return f"<ins>{piece}</ins>" if piece.strip() else piece


@dataclass
class _Change:
    """Texts that are gone, by block, and the places of new ones; where, if inside a block.

    Of whole blocks: the blocks before and after them, in the old page and in the new one.
    """

    gone: list[_Block]
    added: list[int]
    place: int | None = None
    around: tuple[_Block | None, ...] = (None, None)
    among: tuple[_Block | None, ...] = (None, None)


@dataclass
class _Page:
    """The pieces of a page, tags at odd places, and its blocks of texts."""

    pieces: list[str]
    blocks: list[_Block]

    @classmethod
    def of(cls, page: str) -> _Page:
        """Read a page."""
        pieces = _PIECES.split(page)
        return cls(pieces, _blocks(pieces))

    def openers(self, place: int) -> Iterator[int]:
        """Give the tags that open right before a text or drawing, nearest first."""
        at = place - 1 if not place % 2 else place - 2
        blank = not place % 2 or not self.pieces[place - 1].strip()
        while at > 0 and blank and not self.pieces[at].startswith(("</", "<svg", "<select")):
            yield at
            blank, at = not self.pieces[at - 1].strip(), at - 2

    def kind(self, place: int) -> str:
        """Return what a block is, given its first text: row, item, term or paragraph."""
        for at in self.openers(place):
            if _CONTAINER.match(self.pieces[at]):
                break
            if (name := self.named(at)) in _KINDS:
                return _KINDS[name]
        return "p"

    def named(self, at: int) -> str:
        """Return which block a tag begins or ends; "" for any other."""
        found = _NAMED.match(self.pieces[at])
        return found[1] if found else ""

    def around(self, before: int, after: int) -> tuple[_Block | None, _Block | None]:
        """Return the blocks of two numbers; none where the page has none."""
        first = self.blocks[before] if before >= 0 else None
        return first, self.blocks[after] if after < len(self.blocks) else None

    def after(self, block: _Block) -> int:
        """Return the place after the last text of a block, links and the like closed."""
        at = block[-1][1] + 2 - (block[-1][1] + 1) % 2
        while (
            at < len(self.pieces) - 2
            and _INLINE_END.match(self.pieces[at])
            and not _BLOCK.match(self.pieces[at])
            and not self.pieces[at + 1].strip()
        ):
            at += 2
        return at

    def apart(self, one: _Block | None, other: _Block | None) -> bool:
        """Return whether two blocks are not of one table, list or box."""
        if not one or not other:
            return True
        return any(map(_CONTAINER.match, self.pieces[one[-1][1] + 1 : other[0][1]]))

    def place_of(self, change: _Change, past: _Page, kind: str) -> tuple[int, str]:
        """Return before which piece whole blocks that are gone belong, and as what."""
        before, after = change.among
        if after and not (change.added or past.apart(change.gone[-1], change.around[1])):
            return self._before(after, kind)
        if before and not past.apart(change.around[0], change.gone[0]):
            for at in range(before[-1][1] + 1, len(self.pieces) - 1):
                tag = self.pieces[at]
                if _CONTAINER.match(tag) or (not at % 2 and tag.strip()):
                    break
                if tag.startswith("</") and self._is(at, kind):
                    return at + 1, kind
        return self._before(after, kind, apart=not change.added) if after else self._end(before)

    def _before(self, block: _Block, kind: str, *, apart: bool = False) -> tuple[int, str]:
        """Return the place before a block, or before the table, list or box that begins with it."""
        openers = [*self.openers(block[0][1])]
        boxes = [at for at in openers if _CONTAINER.match(self.pieces[at])]
        if apart and boxes:
            rows = [at for at in openers if at < boxes[0] and self._is(at, kind)]
            return (rows[0], kind) if rows and kind != "p" else (boxes[-1], "p")
        inside = [at for at in openers if not boxes or at > boxes[0]]
        for named in (lambda at: self._is(at, kind), self.named):
            for at in filter(named, inside):
                return at, _KINDS.get(self.named(at), "p")
        return (boxes[-1], "p") if boxes else (block[0][1], "")

    def _is(self, at: int, kind: str) -> bool:
        name = self.named(at)
        return bool(name) and _KINDS.get(name, "p") == kind

    def _end(self, last: _Block | None) -> tuple[int, str]:
        """Return the place after the last block of a page, or the end of a page without any."""
        at = last[-1][1] + 1 if last else len(self.pieces) - 1
        while at < len(self.pieces) - 1 and not _LAST.match(self.pieces[at]):
            at += 1
        return at, "p"


def _blocks(pieces: Sequence[str]) -> list[_Block]:
    """Return the texts that stand together: of a paragraph, of a row with its empty cells."""
    blocks: list[_Block] = [[]]
    drawing = False
    for number, piece in enumerate(pieces):
        if _BLOCK.match(piece):
            blocks.append([])
            drawing = piece.startswith("<figure") or (drawing and piece != "</figure>")
        cell = "".join(pieces[number - 1 : number + 2 : 2]) if number and not number % 2 else ""
        if (piece.strip() and not number % 2) or (drawing and piece.startswith("<svg")):
            text = piece.strip()
            numbered = None if piece.startswith("<svg") else _NUMBERED.match(text)
            blocks[-1].append((numbered[1] if numbered else text, number))
        elif _EMPTY.fullmatch(cell):
            blocks[-1].append(("", number))
    return [block for block in blocks if any(text for text, _ in block)]


def _differing(old: _Page, new: _Page) -> Iterator[_Change]:
    """Give what differs, in the order of the pages.

    Rows, paragraphs and the like are compared whole, then by their first text, then by how many
    words they share, and those that are alike text by text.
    """
    for i, j, k, m in _unlike(map(_texts, old.blocks), map(_texts, new.blocks)):
        some, others = old.blocks[i:j], new.blocks[k:m]
        last = (0, 0)
        for one, other in [*_pairs(some, others), (len(some), len(others))]:
            gone = some[last[0] : one]
            added = [at for block in others[last[1] : other] for _, at in block]
            if gone or added:
                around = old.around(i + last[0] - 1, i + one)
                among = new.around(k + last[1] - 1, k + last[1])
                yield _Change(gone, added, None, around, among)
            if one < len(some):
                yield from _in_block(some[one], others[other], new)
            last = one + 1, other + 1


def _in_block(old: _Block, new: _Block, page: _Page) -> Iterator[_Change]:
    row = len(old) == len(new) and page.kind(new[0][1]) == "tr"  # cell by cell
    cells = ((at, at + 1) * 2 for at in range(len(new)) if old[at][0] != new[at][0])
    for e, f, g, h in cells if row else _unlike(_texts(old), _texts(new)):
        gone, added = old[e:f], [at for _, at in new[g:h]]
        if len(gone) == len(added):  # each beside its own
            for one, at in zip(gone, added, strict=True):
                yield _Change([[one]], [at], at)
        else:
            place = new[g][1] if g < len(new) else page.after(new)
            yield _Change([gone] if gone else [], added, place)


def _pairs(old: list[_Block], new: list[_Block]) -> Iterator[tuple[int, int]]:
    """Give the blocks that are alike, in their order: by their first text, else by their words."""
    for kind, a, b, c, d in _opcodes([b[0][0] for b in old], [b[0][0] for b in new]):
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
    return ((a, b, c, d) for kind, a, b, c, d in _opcodes([*old], [*new]) if kind != "equal")


def _opcodes(old: list[Any], new: list[Any]) -> Sequence[tuple[str, int, int, int, int]]:
    """Compare; in long lists what is often there is no landmark, or it would take minutes."""
    return SequenceMatcher(None, old, new, len(old) * len(new) > _MANY).get_opcodes()
