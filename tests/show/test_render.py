"""Templates: everything is escaped, nothing is guessed, every template compiles."""

import pytest
from jinja2 import UndefinedError

from evidence.show.markdown import render as markdown
from evidence.show.render import compile_all, render, safe


def test_every_template_compiles():
    compile_all()


def test_values_are_escaped_unless_they_are_safe_already():
    text = render("result.html", sentence="a < b", table=safe("<table></table>"), notes=["<i>"])
    assert text == "<p>a &lt; b</p><table></table><ul><li>&lt;i&gt;.</li></ul>"
    assert "&lt;table&gt;" in render("result.html", sentence="", table="<table>", notes=[])


def test_a_name_that_was_not_given_is_an_error():
    with pytest.raises(UndefinedError):
        render("result.html", sentence="a", notes=[])


def test_markdown_has_what_reports_use():
    assert markdown("# A *b*\n\n**c** `d<`\n\n1. e\n\n| f |\n|---|\n| g |") == (
        "<h2>A <i>b</i></h2><p><b>c</b> <code>d&lt;</code></p><ol>\n<li>e</li>\n</ol>\n"
        '<div class="wide" tabindex="0" role="group" aria-label="Table"><table class="plain">'
        '<thead><tr><th scope="col">f</th></tr></thead><tbody><tr><td>g</td></tr></tbody>'
        "</table></div>"
    )


@pytest.mark.parametrize(
    ("source", "html"),
    [
        ("[a](https://b.example/?c=1&d=2)",
         '<a rel="noreferrer" href="https://b.example/?c=1&amp;d=2">a</a>'),
        ("[a](mailto:b@c.example)", '<a rel="noreferrer" href="mailto:b@c.example">a</a>'),
        ("[a](#b)", '<a rel="noreferrer" href="#b">a</a>'),
        ("[a](javascript:alert(1))", "a"), ("[a](data:text/html,b)", "a"), ("[a](../b)", "a"),
        ("[a](//b.example)", "a"), ("<javascript:alert(1)>", "javascript:alert(1)"),
        ("![a](https://b.example/c.png)", "a"), ("<b>a</b>", "&lt;b&gt;a&lt;/b&gt;"),
    ],
)  # fmt: skip
def test_markdown_links_lead_to_the_web_and_raw_html_is_text(source, html):
    assert markdown(source) == f"<p>{html}</p>"


def test_section_takes_html_and_sentences():
    parts = [safe("<table></table>"), "a < b"]
    assert render("study/section.html", title="T", about="", parts=parts) == (
        "<h2>T</h2><table></table><p>a &lt; b</p>"
    )
