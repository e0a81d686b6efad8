"""Controls of a notebook, one below the other, that a page without a kernel shows as they were."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ipywidgets import HTML, VBox, Widget


def column(children: Sequence[Widget], shown: HTML) -> VBox:
    """Return controls in a column; where they cannot run, what is `shown` stands for them.

    Parameters
    ----------
    children : sequence of Widget
    shown : HTML
        That of them which shows what was chosen.
    """
    import ipywidgets as widgets

    class Column(widgets.VBox):
        def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
            return super()._repr_mimebundle_(**kwargs) | {"text/html": shown.value}

    return Column(children)
