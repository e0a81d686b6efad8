"""Plans of the notebooks on the sample county, as the notebooks themselves have them."""

import ast
import json

from conftest import ROOT


def of(notebook, **changes):
    """Return the parameters cell of a notebook as a plan; `changes` go over it."""
    cells = json.loads((ROOT / f"notebooks/{notebook}.ipynb").read_text())["cells"]
    (cell,) = (cell for cell in cells if "parameters" in cell["metadata"].get("tags", ()))
    body = ast.parse("".join(cell["source"])).body
    plan = {node.targets[0].id: ast.literal_eval(node.value) for node in body}
    return plan | {"data": ""} | changes
