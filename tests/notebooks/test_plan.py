"""The notebook of a plan, executed on a protocol."""

import json

import pytest
from conftest import ROOT
from papermill import execute_notebook

from evidence.studies.planning.proposal import propose

pytestmark = pytest.mark.slow


def test_the_notebook_says_what_the_trial_could_find(tmp_path):
    text, _ = propose("CRA2")
    for key in ("title", "question", "name"):
        text = text.replace(f'\n{key} = ""', f'\n{key} = "post"')
    text = text.replace("# smallest_worthwhile =", "smallest_worthwhile = 0.2 ")
    for key, value in (("n", 25), ("J", 60), ("rho2", 0.1)):
        text = text.replace(f"\n# {key} =\n", f"\n{key} = {value}\n")
    (tmp_path / "protocol.toml").write_text(text, encoding="utf-8")
    made = tmp_path / "made.ipynb"
    execute_notebook(
        str(ROOT / "notebooks/plan.ipynb"),
        str(made),
        {"data": str(tmp_path)},
        cwd=tmp_path,
        progress_bar=False,
    )
    cells = json.loads(made.read_text())["cells"]
    shown = [out["data"] for cell in cells for out in cell.get("outputs", ())]
    said = "With n = 25, J = 60 the smallest effect found with a chance of 80% is 0.27 SD"
    assert said in "".join(shown[0]["text/html"])
    assert "application/vnd.jupyter.widget-view+json" in shown[3]
