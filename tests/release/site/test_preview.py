"""Differences of a preview against the current release, marked on its pages."""

import re
import time

import numpy as np
import pytest
from run_folders import BETTER, effect, pictures, write_run

from evidence.release.site import preview
from evidence.release.store import publish
from release.store.test_log import card_of, run_of


def test_marked_shows_what_is_new_and_what_goes():
    old = "<h1>LAMP</h1><p>Of 120 pupils &amp; 4 schools</p><p>gone</p><ul><li>same</li></ul>"
    new = "<h1>LAMP</h1><p>Of 125 pupils &amp; 4 schools</p><ul><li>same</li><li>x</li></ul>"
    assert preview.marked(new, old) == (
        "<h1>LAMP</h1><p><del>Of 120 pupils &amp; 4 schools</del> "
        "<ins>Of 125 pupils &amp; 4 schools</ins></p>"
        "<p><del>gone</del></p><ul><li>same</li><li><ins>x</ins></li></ul>"
    )


def test_each_changed_block_stands_beside_its_own():
    old = "<h1>Text messages to parents: no effect</h1><p>Parents get weekly texts.</p>"
    new = "<h1>Texts to parents: no effect</h1><p>Parents get two texts.</p><p>New and other.</p>"
    assert preview.marked(new, old) == (
        "<h1><del>Text messages to parents: no effect</del> "
        "<ins>Texts to parents: no effect</ins></h1>"
        "<p><del>Parents get weekly texts.</del> <ins>Parents get two texts.</ins></p>"
        "<p><ins>New and other.</ins></p>"
    )


def test_row_with_another_name_is_marked_in_its_place_and_another_row_is_not_it():
    row = "<tr><th>{}</th><td>no difference</td><td>{}</td></tr>"
    table = f"<table><tbody>{row}</tbody></table>"
    assert preview.marked(table.format("Texts", 5), table.format("Text messages", 5)) == (
        table.format("<del>Text messages</del> <ins>Texts</ins>", 5)
    )
    new = "<table><tbody><tr><th>Lamps</th><td>better</td><td>4</td></tr></tbody></table>"
    told = "<del>Texts</del> <del>no difference</del> <del>5</del>"
    assert preview.marked(new, table.format("Texts", 5)) == (
        f'<table><tbody><tr class="gone"><td colspan="99">{told}</td></tr></tbody><tbody>'
        "<tr><th><ins>Lamps</ins></th><td><ins>better</ins></td><td><ins>4</ins></td></tr>"
        "</tbody></table>"
    )


def test_what_goes_is_not_part_of_what_follows():
    new = "<dl><dt>Was it delivered?</dt><dd>Yes</dd></dl>"
    old = new.replace("<dl>", "<dl><dt>How £ is worked out</dt><dd>£6</dd>")
    assert preview.marked(new, old) == new.replace(
        "<dl>", "<dl><dd><del>How £ is worked out</del></dd><dd><del>£6</del></dd>"
    )
    for new in ("<h2>Cohorts</h2><p>One</p>", "<div><label>Search <input></label></div>"):
        assert preview.marked(new, f"<p>Stop</p>{new}") == f"<p><del>Stop</del></p>{new}"


GONE = '<tr class="gone"><td colspan="99"><del>{}</del></td></tr>'


@pytest.mark.parametrize(
    ("old", "new", "shown"),
    [
        ("<p>a</p>", "<p></p>", "<p></p><p><del>a</del></p>"),
        (  # what goes before a block that changed too
            "<div>g one</div><div>a b c d</div><p>z</p>",
            "<div>a b c e</div><p>z</p>",
            "<p><del>g one</del></p><div><del>a b c d</del> <ins>a b c e</ins></div><p>z</p>",
        ),
        (
            "<h3>A</h3><p>cut</p><figure><div><svg>1</svg></div></figure><p>z</p>",
            "<h3>A</h3><figure><div><svg>2</svg></div></figure><p>z</p>",
            "<h3>A</h3><p><del>cut</del></p><figure><div><p><ins>This picture is new or drawn "
            "anew.</ins></p><svg>2</svg></div></figure><p>z</p>",
        ),
        (  # in the cell where it was
            "<tr><th>A</th><td>4</td><td>5</td></tr>",
            "<tr><th>A</th><td>4</td><td></td></tr>",
            "<tr><th>A</th><td>4</td><td><del>5</del> </td></tr>",
        ),
        (
            "<tr><th>A</th><td>4</td><td></td></tr>",
            "<tr><th>A</th><td></td><td>4</td></tr>",
            "<tr><th>A</th><td><del>4</del> </td><td><ins>4</ins></td></tr>",
        ),
        (
            "<li><a>Absence</a>: fell.</li>",
            "<li><a>Absence</a></li>",
            "<li><a>Absence</a><del>: fell.</del> </li>",
        ),
        (
            "<p><b>a</b> g1 <b>L</b> g2</p>",
            "<p><b>a</b><i>L</i></p>",
            "<p><b>a</b><i><del>g1</del> L</i><del>g2</del> </p>",
        ),
        ("<p>a</p><p>b</p>", "<p>a</p>", "<p>a</p><p><del>b</del></p>"),
        (  # at the end of its table, not in the next one
            "<table><tr><td>a</td></tr><tr><td>b</td></tr></table><table><tr><th>H</th></tr></table>",
            "<table><tr><td>a</td></tr></table><table><tr><th>H</th></tr></table>",
            f"<table><tr><td>a</td></tr>{GONE.format('b')}</table>"
            "<table><tr><th>H</th></tr></table>",
        ),
        (
            "<p>a</p><table><thead><tr><th>H</th></tr></thead></table>",
            "<table><thead><tr><th>H</th></tr></thead></table>",
            "<p><del>a</del></p><table><thead><tr><th>H</th></tr></thead></table>",
        ),
        (
            "<table><tr><td>a</td></tr><tr><td><p>b</p></td></tr></table>",
            "<table><tr><td><p>b</p></td></tr></table>",
            f"<table>{GONE.format('a')}<tr><td><p>b</p></td></tr></table>",
        ),
        (  # a row above one that opens
            "<tr><td>a</td></tr><tr><td><details><summary>b</summary></details></td></tr>",
            "<tr><td><details><summary>b</summary></details></td></tr>",
            f"{GONE.format('a')}<tr><td><details><summary>b</summary></details></td></tr>",
        ),
        (
            "<p>x</p><details><summary><h2>S</h2></summary></details>",
            "<details><summary><h2>S</h2></summary></details>",
            "<p><del>x</del></p><details><summary><h2>S</h2></summary></details>",
        ),
        (
            "<p>x one</p><p>y two</p><h2>Z</h2>",
            "<p>q</p><h2>Z</h2>",
            "<p><del>x one</del></p><p><del>y two</del></p><p><ins>q</ins></p><h2>Z</h2>",
        ),
        (
            "<figure><svg>1</svg></figure><p>z</p>",
            "<p>z</p>",
            "<p><del>A picture was here.</del></p><p>z</p>",
        ),
    ],
)
def test_what_goes_stands_where_it_was(old, new, shown):
    assert preview.marked(new, old) == shown


def test_marked_touches_neither_head_nor_choices_nor_drawings():
    page = (
        "<title>{0}</title><style>{0}</style><select><option>{0}</option></select>"
        "<script>{0}</script>"
    )
    assert preview.marked(page.format("new"), page.format("old")) == page.format("new")
    figure = "<figure><svg><text>{0}</text></svg></figure><td><svg>{0}</svg></td>"
    drawn = preview.marked(figure.format(5), figure.format(4))
    assert drawn == (
        "<figure><p><ins>This picture is new or drawn anew.</ins></p><svg><text>5</text></svg>"
        "</figure><td><svg>5</svg></td>"
    )


def test_marked_same_page_is_the_same():
    page = "<p>a &lt; b</p><svg><text>4</text></svg> c"
    assert preview.marked(page, page) == page


def test_marked_row_that_goes_is_a_row_of_its_own():
    row = "<tr><td><a href='x'>{0}</a></td><td>{1}</td></tr>"
    old = f"<table>{row.format('a', 1)}{row.format('b', 2)}{row.format('c', 3)}</table>"
    new = f"<table>{row.format('a', 1)}{row.format('c', 4)}</table>"
    assert preview.marked(new, old) == (
        f"<table>{row.format('a', 1)}"
        '<tr class="gone"><td colspan="99"><del>b</del> <del>2</del></td></tr>'
        f"{row.format('c', '<del>3</del> <ins>4</ins>')}</table>"
    )


def _texts(page):
    return [text.strip() for text in re.split(r"<[^<>]*>", page) if text.strip()]


@pytest.mark.parametrize("seed", range(20))
def test_without_its_marks_a_page_is_the_new_one_and_without_new_words_the_old_one(seed):
    rng = np.random.default_rng(seed)

    def words():
        return " ".join(f"w{n}" for n in rng.integers(0, 30, rng.integers(1, 5)))

    def block():
        rows = "".join(
            f"<tr><th>{words()}</th><td>{words() * rng.integers(0, 2)}</td></tr>" for _ in range(3)
        )
        return [
            f"<p>{words()} <b>{words()}</b> {words()}</p>",
            f"<ul><li>{words()}</li><li><a>{words()}</a>: {words()}</li></ul>",
            f"<table><thead><tr><th>{words()}</th></tr></thead><tbody>{rows}</tbody></table>",
            f"<details><summary>{words()}</summary><p>{words()}</p></details>",
            f"<dl><dt>{words()}</dt><dd>{words()}</dd></dl>",
        ][rng.integers(5)]

    def changed(blocks):
        for one in blocks:
            if rng.random() < 0.9:
                yield re.sub(r"w\d+", lambda m: words() if rng.random() < 0.1 else m[0], one)
            if rng.random() < 0.1:
                yield block()

    for _ in range(20):
        blocks = [block() for _ in range(rng.integers(1, 8))]
        old, new = "".join(blocks), "".join(changed(blocks))
        text = preview.marked(new, old)
        bare = re.sub(r"<del>.*?</del>", "", text)
        bare = re.sub(r'<tr class="gone"><td colspan="99"> *</td></tr>', "", bare)
        bare = re.sub(r"<(p|li|dd|tbody)> *</\1>|</?ins>", "", bare)
        assert "".join(bare.split()) == "".join(new.split())
        assert _texts(re.sub(r"<ins>.*?</ins>", "", text)) == _texts(old)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("row", "changed"),
    [
        ("<tr><td>area {i}</td><td>{r}</td><td>{n}</td></tr>", 3999),
        ("<tr><td>South</td><td>c</td><td>{n}</td></tr>", 3999),
        ("<tr><td>South</td><td>c</td><td>{s}</td></tr>", 1333),  # two of three rows are alike
    ],
)
def test_marked_large_table_is_quick(row, changed):
    def page(step):
        rows = (
            row.format(i=i, r=i % 7, n=i * step, s=(i % 3 and 5) or i * step) for i in range(4000)
        )
        return f"<table>{''.join(rows)}</table>"

    began = time.process_time()
    text = preview.marked(page(3), page(2))
    assert time.process_time() - began < 10
    assert text.count("<ins>") >= changed


def test_several_changed_cells_of_a_row_are_marked_each_in_its_place():
    row = "<table><tr><th>South</th><td>{}</td><td>{}</td><td>9</td></tr></table>"
    text = preview.marked(row.format("4", "4 to 5"), row.format("4.0", "4.0 to 5.0"))
    assert "<td><del>4.0</del> <ins>4</ins></td><td><del>4.0 to 5.0</del> <ins>4 to 5</ins>" in text


def test_words_after_a_link_stay_apart_from_it():
    item = '<ul><li><a href="a.html">Absence</a> in {}.</li></ul>'
    text = preview.marked(item.format("South"), item.format("North"))
    assert "Absence</a> <del>in North.</del> <ins> in South.</ins>" in text


@pytest.fixture
def looked(tmp_path):
    published = tmp_path / "published"
    row = effect("lamp", "2018", 1.5, 1.2, 0.08, BETTER, 3, 1263, 20)
    first = write_run(tmp_path / "runs/lamp/2018/a1", [row], pictures(row))
    other = run_of(tmp_path, "c1", "small")
    cards = [card_of(outcomes=[]), card_of("small")]
    publish.release([first, other], cards, published, reviewer="Bea Reviewer")
    row = row | {"estimate": 1.25, "n_pupils": 900}
    second = write_run(tmp_path / "runs/lamp/2018/a2", [row], pictures(row))
    third = run_of(tmp_path, "b1", "leap")
    cards = [card_of(about="<b>Why</b>"), card_of("leap")]
    return publish.release([second, third], cards, published, look=True)


@pytest.mark.slow
def test_preview_marks_every_page_and_lists_them(looked):
    folder = looked.folder
    listed = (folder / "review.html").read_text(encoding="utf-8")
    page = (folder / "lamp/2018.html").read_text(encoding="utf-8")
    assert re.search(r"<del>[^<]*1,?265[^<]*</del>", page)
    assert re.search(r"<ins>[^<]*900[^<]*</ins>", page)
    assert "This picture is new or drawn anew." in page
    for path in folder.rglob("*.html"):
        text = path.read_text(encoding="utf-8")
        assert 'class="preview"' in text, path
        assert path.name == "review.html" or "review.html" in text, path
    assert 'href="lamp/2018.html"' in listed
    assert 'href="leap/2018.html"' in listed
    assert "small/2018.html" in listed  # gone, so no link leads there
    assert 'href="small/2018.html"' not in listed
    assert "&lt;b&gt;Why&lt;/b&gt;" in listed
    assert "<b>Why" not in listed
    assert "held back" in listed


@pytest.mark.slow
def test_preview_leads_nowhere_that_is_not_there(looked):
    for path in looked.folder.rglob("*.html"):
        for to in re.findall(r'href="([^"#:]+)["#]', path.read_text(encoding="utf-8")):
            assert (path.parent / to).is_file(), (path, to)


@pytest.mark.slow
def test_page_that_differs_only_in_where_its_numbers_come_from_is_listed_by_itself(tmp_path):
    published, cards = tmp_path / "published", [card_of(outcomes=[])]
    row = effect("lamp", "2018", 1.5, 1.2, 0.08, BETTER, 3, 1263, 20)
    runs = [
        write_run(tmp_path / f"runs/lamp/2018/{commit}", [row], pictures(row), commit=commit * 20)
        for commit in ("a1", "b2")
    ]
    publish.release(runs[:1], cards, published, reviewer="Bea Reviewer")
    draft = publish.release(runs[1:], cards, published, look=True).folder
    listed = (draft / "review.html").read_text(encoding="utf-8")
    parts = dict(re.findall(r"<details[^>]*><summary>(.*?): \d+</summary>(.*?)</details>", listed))
    assert "lamp/2018.html" in parts["Only in where the numbers come from"]
    assert "lamp/2018.html" not in parts.get("Changed", "")
    page = (draft / "lamp/2018.html").read_text(encoding="utf-8")
    assert re.search(r"<ins>[^<]*b2b2b2[^<]*</ins>", page)
    assert "differs only in where its numbers come from" in page
