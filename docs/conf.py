"""Sphinx: the pages of this folder, and a reference made from the docstrings of public names."""

import inspect
import re
from pathlib import Path

import evidence

project = "evidence"
author = "The evidence authors"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]
myst_enable_extensions = ["deflist"]  # the glossary
myst_heading_anchors = 3
html_theme = "pydata_sphinx_theme"
html_static_path, html_css_files = ["_static"], ["evidence.css"]
html_title = "evidence"
html_theme_options = {"show_prev_next": False, "navigation_with_keys": False, "navbar_center": []}
html_sidebars = {"**": ["globaltoc.html"]}
html_show_sourcelink = html_copy_source = False
autodoc_typehints = "none"
napoleon_use_rtype = False
napoleon_preprocess_types = False

REFERENCE = Path(__file__).parent / "reference"


def write_reference(app) -> None:
    """Write one page for each room of `evidence`, and one for what stands beside the rooms."""
    REFERENCE.mkdir(exist_ok=True)
    pages = {room: getattr(evidence, room) for room in evidence._ROOMS}
    for page, place in {"ev": evidence, **pages}.items():
        called = page if page == "ev" else f"ev.{page}"
        names = evidence._NAMES if page == "ev" else place.__all__
        lines = [f"# `{called}`", "", inspect.getdoc(place) or "", ""]
        for name in sorted(names):
            shown = getattr(place, name)
            if inspect.ismodule(shown):
                directive = [f".. automodule:: {shown.__name__}", "   :members:"]
            elif inspect.isclass(shown):
                directive = [f".. autoclass:: {_place(shown)}", "   :members:"]
            else:
                directive = [f".. autofunction:: {_place(shown)}"]
            lines += [f"## `{called}.{name}`", "", "```{eval-rst}", *directive]
            lines += ["   :no-index:", "```", ""]
        file, text = REFERENCE / f"{page}.md", "\n".join(lines)
        if not file.is_file() or file.read_text(encoding="utf-8") != text:
            file.write_text(text, encoding="utf-8")
    for old in REFERENCE.glob("*.md"):
        if old.stem not in {"ev", *pages}:
            old.unlink()


def _place(thing: object) -> str:
    return f"{thing.__module__}.{thing.__qualname__}"


def bars_are_bars(app, what, name, thing, options, lines: list[str]) -> None:
    """Have |x| read as a size, not as reStructuredText's substitution."""
    for number, line in enumerate(lines):
        lines[number] = re.sub(r"(`+[^`]*`+)|\|", lambda found: found[1] or r"\|", line)


def no_type(app, what, name, thing, options, lines: list[str]) -> None:
    """Have a property's "A row a school: results" read as words: napoleon takes it for a type."""
    if what in ("property", "attribute") and lines:
        lines[0] = re.sub(r": ", " – ", lines[0], count=1)


def setup(app) -> None:
    """Have the reference written before the pages are read."""
    app.connect("autodoc-process-docstring", no_type, priority=400)  # before napoleon
    app.connect("autodoc-process-docstring", bars_are_bars)
    app.connect("builder-inited", write_reference)
