"""The house stands: one direction, small files, clean notebooks."""

import ast
import graphlib
import json
import re
import subprocess
import sys
import tomllib

import pytest
from conftest import ROOT

NOTEBOOKS = sorted([*ROOT.glob("notebooks/*.ipynb"), *ROOT.glob("dashboards/*.ipynb")])
MODULES = {
    ".".join(path.relative_to(ROOT / "src").with_suffix("").parts).removesuffix(".__init__"): path
    for path in ROOT.glob("src/**/*.py")
}
LAYERS = ["data", "show", "stats", "methods", "studies", "release", "run", "board"]
COMMANDS = {"jupyterlab": "$(BIN)/jupyter lab", "pytest": "$(BIN)/pytest"}  # of the Makefile


def statements(node):
    """Return every statement inside another, at any depth: imports are in no expression."""
    for part in ("body", "orelse", "handlers", "finalbody", "cases"):
        for inside in getattr(node, part, ()):
            yield inside
            yield from statements(inside)


def imports(source):
    """Return what a source imports anywhere in it: modules of ours, and others by their package."""
    names = set()
    for node in statements(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "write whose module it is"
            inside = {f"{node.module}.{alias.name}" for alias in node.names}
            names |= (inside & MODULES.keys()) or {node.module}
    return {name if name in MODULES else name.partition(".")[0] for name in names}


@pytest.fixture(scope="module")
def graph():
    """Return each module's imports."""
    return {
        name: imports(path.read_text(encoding="utf-8")) - {name} for name, path in MODULES.items()
    }


def test_imports_go_one_way():
    result = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command as c; c()"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stdout


def test_no_imports_go_in_a_circle_lazy_ones_counted(graph):
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        pytest.fail(" < ".join(error.args[1]))


def test_stats_are_numbers_only(graph):
    """No column names, no pictures: neither here nor in what is imported from here."""
    there, wave = set(), {name for name in MODULES if name.startswith("evidence.stats")}
    while wave:
        there |= wave
        wave = {name for found in wave for name in graph.get(found, ())} - there
    ours = {name.split(".")[1] for name in there if name.startswith("evidence.")}
    assert ours <= {"stats", "errors"}
    assert not {"pandas", "matplotlib", "seaborn", "linearmodels", "evidence"} & there


def test_every_package_asked_for_does_work(graph):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = [re.match(r"[\w-]+", line)[0] for line in project["dependencies"][:8]]
    used = set().union(*graph.values())
    for path in NOTEBOOKS:
        cells = json.loads(path.read_text())["cells"]
        code = ("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
        used |= imports("\n".join(code))
    makefile = (ROOT / "Makefile").read_text()
    used |= {name for name, command in COMMANDS.items() if command in makefile}
    assert set(asked) - used == set()
    assert {"jupyterlab", "pytest", "seaborn", "voila"} <= set(asked)


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


def test_the_table_of_capabilities_names_every_file_once():
    package = ROOT / "src" / "evidence"
    table = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8").split("\n| all |")[0]
    named = []
    for place in re.findall(r"`([\w/.]+)`", table.split("|---|---|---|")[1]):
        path = package / place
        named += path.rglob("*.py") if path.is_dir() else [path]
    doors = {path for path in package.rglob("__init__.py") if path.parent.name in LAYERS}
    assert sorted(set(named)) == sorted(named), "a file is in two rows"
    assert set(package.rglob("*.py")) - doors == set(named) - doors


def test_no_room_is_crowded():
    folders = {path.parent for path in MODULES.values()}
    assert {f.name: n for f in folders if (n := len(list(f.glob("*.py")))) > 26} == {}
