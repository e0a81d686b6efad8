"""Numerics take and give arrays: no tables, no columns, nothing from the layers above."""

import ast

import pytest
from conftest import ROOT

FILES = sorted((ROOT / "src/evidence/stats").glob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_stats_imports_neither_pandas_nor_upper_layers(path):
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom):
            names.add(node.module)
    above = ("pandas", "evidence.methods", "evidence.data", "evidence.show", "evidence.studies")
    wrong = {name for name in names if name.startswith(above)}
    assert not wrong
