"""pyproject.toml is the only hand-written list; the others must agree with it."""

import re
import tomllib

import yaml
from conftest import ROOT
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
ASKED_FOR = (
    "jupyterlab ipywidgets voila pandas seaborn linearmodels papermill pytest".split()  # noqa: SIM905
)


def _locked() -> dict[str, set[str]]:
    locked: dict[str, set[str]] = {}
    for line in (ROOT / "requirements.lock").read_text().splitlines():
        if match := re.match(r"([A-Za-z0-9_.-]+)==(\S+)", line):
            locked.setdefault(canonicalize_name(match[1]), set()).add(match[2])
    return locked


def _requirements() -> list[Requirement]:
    extras = PROJECT["optional-dependencies"].values()
    return [Requirement(r) for part in (PROJECT["dependencies"], *extras) for r in part]


def test_environment_yml_has_the_bounds_of_pyproject():
    listed = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    ours = {r.name: r.specifier for r in map(Requirement, PROJECT["dependencies"])}
    theirs = {}
    for entry in listed:
        if isinstance(entry, str) and entry != "pip":
            requirement = Requirement(entry)
            theirs[requirement.name] = requirement.specifier
    assert theirs.pop("python") == PROJECT["requires-python"]
    assert theirs == {name: ours[name] for name in ASKED_FOR}
    assert {"pip": ["-e .[dev]"]} in listed


def test_lock_satisfies_every_bound_of_pyproject():
    locked = _locked()
    for requirement in _requirements():
        versions = locked[canonicalize_name(requirement.name)]
        assert all(requirement.specifier.contains(v) for v in versions), requirement


def test_lock_has_hashes_for_every_package_and_no_address():
    text = (ROOT / "requirements.lock").read_text()
    assert "://" not in text
    assert not re.search(r"(^|\s)-(-extra)?-index.url", text)
    blocks = re.split(r"\n(?=[A-Za-z0-9])", text)
    assert all("--hash=sha256:" in block for block in blocks if "==" in block.split("\n")[0])
