"""HTML from the templates beside this file: whatever a template is given is escaped.

A name that a template was not given is an error. In a template a line break between two tags, or
between a tag and ``{{`` or ``{%``, is layout and does not reach the page.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any

from evidence.show.words import results_in, verdict

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup


def render(template: str, /, **values: Any) -> Markup:
    """Return a template of `evidence/show/templates` filled with `values`, as safe HTML."""
    from markupsafe import Markup

    return Markup(_environment().get_template(template).render(values))


def safe(html: str) -> Markup:
    """Mark HTML that is escaped already, or our own, so that templates leave it as it is."""
    from markupsafe import Markup

    return Markup(html)


def compile_all() -> None:
    """Compile every template now, so that processes forked later need not."""
    for name in _environment().list_templates():
        _environment().get_template(name)


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from jinja2.ext import Extension

    class OneLine(Extension):
        """Takes the line breaks between tags out of a template when it is compiled."""

        def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:
            return re.sub(r"(?<=[>}])\n\s*(?=[<{])", "", source.strip())

    environment = Environment(
        loader=PackageLoader("evidence.show"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        extensions=[OneLine],
    )
    environment.filters |= {"verdict": verdict, "results_in": results_in}
    return environment
