"""JupyterLab as `evidence lab` opens it: the launcher begins every kind of work."""

import json
import shutil
import subprocess
import sys

import pytest
from conftest import ROOT

pytestmark = pytest.mark.slow


@pytest.fixture
def lab(tmp_path):
    """Return the address of a Lab that is rooted at a project of two notebooks."""
    (tmp_path / "notebooks").mkdir()
    for name in ("trial", "impact"):
        shutil.copy(ROOT / f"notebooks/{name}.ipynb", tmp_path / "notebooks")
    options = ["--port=0", "--no-browser", "--allow-root", "--IdentityProvider.token="]
    with subprocess.Popen(
        [sys.executable, "-m", "evidence.cli", "lab", "--folder", str(tmp_path), *options],
        stderr=subprocess.PIPE, text=True, cwd=tmp_path,
    ) as server:  # fmt: skip
        try:
            said = iter(server.stderr.readline, "")
            line = next(line for line in said if "http://" in line)
            yield line.split()[-1].split("/lab")[0], tmp_path
        finally:
            server.terminate()


def test_launcher_begins_a_trial_a_programme_and_a_blank_analysis(lab, chromium):
    address, folder = lab
    page = chromium.new_page(viewport={"width": 1280, "height": 900})
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{address}/lab?reset", timeout=120_000)
    card = page.locator(".jp-LauncherCard", has_text="New trial")
    card.wait_for(timeout=120_000)
    cards = page.locator(".jp-LauncherCard-label").all_inner_texts()
    assert cards[:3] == ["New trial", "New programme", "Blank analysis"]
    assert page.get_by_text("Jupyter news").count() == 0
    card.click()
    page.locator(".jp-Notebook").first.wait_for(timeout=120_000)
    made = json.loads((folder / "notebooks/trial-Copy1.ipynb").read_text(encoding="utf-8"))
    assert made["cells"] == json.loads((folder / "notebooks/trial.ipynb").read_text())["cells"]
    assert [url for url in asked if not url.startswith((address, "data:", "blob:"))] == []
    page.close()
