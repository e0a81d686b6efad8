"""The house stands: one direction, small files, clean notebooks."""

import json
import re
import subprocess
import sys

import pytest
from conftest import ROOT

NOTEBOOKS = sorted([*ROOT.glob("notebooks/*.ipynb"), *ROOT.glob("dashboards/*.ipynb")])


def test_imports_go_one_way():
    result = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command as c; c()"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stdout


def test_import_evidence_imports_nothing_heavy():
    code = "import evidence, sys; print(*sorted(sys.modules))"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert not {"numpy", "pandas", "matplotlib", "linearmodels", "typer"} & set(loaded)


def test_source_files_stay_small():
    lengths = {p: len(p.read_text().splitlines()) for p in ROOT.glob("src/**/*.py")}
    assert max(lengths.values()) <= 500, max(lengths, key=lengths.get)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.name)
def test_notebook_is_thin_and_without_outputs(path):
    cells = json.loads(path.read_text())["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    if path.parent.name == "notebooks":
        assert "".join(cells[0]["source"]).startswith("# ")
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code)
    source = "\n".join("".join(cell["source"]) for cell in code)
    assert not re.search(r"^\s*(def|class|from \S+ import \*)", source, re.M)


def test_unknown_room_is_an_attribute_error():
    import evidence

    with pytest.raises(AttributeError, match=r"^module 'evidence' has no attribute 'rooms'$"):
        _ = evidence.rooms
