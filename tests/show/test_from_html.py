"""What results show in a notebook, as blocks to print."""

from evidence.show.document import Heading, Items, Paragraph, Strong, Table
from evidence.show.from_html import blocks

PAGE = """<style>p{}</style><h2>What <b>changed</b>?</h2><p>By a &lt; b, <b>5 of 5</b>.</p>
<ul><li>one</li><li>two</li></ul>
<table><caption>Means</caption><thead><tr><th>Arm</th><th>Mean</th></tr></thead>
<tbody><tr><th scope="row">new</th><td>−1.5</td></tr><tr><th>usual</th><td></td></tr></tbody>
</table>
<figure><figcaption>Picture</figcaption><details>
<table><tr><td>1</td></tr><tr><td>2</td></tr></table>
</details></figure>loose"""


def test_headings_text_lists_and_tables_come_in_order_and_pictures_are_left_out():
    title, text, items, table, loose = blocks(PAGE)
    assert title == Heading("What changed?", 2)
    assert text == Paragraph(["By a < b, ", Strong("5 of 5"), "."])
    assert items == Items([["one"], ["two"]])
    assert isinstance(table, Table)
    assert (table.caption, table.columns) == ("Means", ["Arm", "Mean"])
    assert table.rows == [["new", "−1.5"], ["usual", ""]]
    assert table.right == [False, True]
    assert loose == Paragraph(["loose"])


def test_nothing_is_nothing():
    assert blocks("") == blocks("<p> </p><table><tr><th>a</th></tr></table>") == []
