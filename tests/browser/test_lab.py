"""JupyterLab as `evidence lab` opens it: cards begin every kind of work, menus take keys."""

import contextlib
import json
import re
import shutil
import subprocess
import sys
import time

import pytest
from conftest import ROOT
from nbformat import write
from nbformat.v4 import new_code_cell, new_notebook
from playwright.sync_api import TimeoutError

pytestmark = pytest.mark.slow


@pytest.fixture
def lab(tmp_path):
    """Return the address of a Lab that is rooted at a project of two notebooks."""
    (tmp_path / "notebooks").mkdir()
    for name in ("trial", "impact"):
        shutil.copy(ROOT / f"notebooks/{name}.ipynb", tmp_path / "notebooks")
    menu = new_code_cell("import ipywidgets\nipywidgets.Dropdown(options=['one', 'two'])")
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    notebook = new_notebook(cells=[menu, new_code_cell("1")], metadata=kernel)
    write(notebook, tmp_path / "menu.ipynb")
    options = ["--port=0", "--no-browser", "--allow-root", "--IdentityProvider.token="]
    command = [sys.executable, "-m", "evidence.cli", "lab", "--folder", str(tmp_path), *options]
    with (tmp_path / "log").open("w") as log:  # a pipe that nobody empties would stop it
        server = subprocess.Popen(command, stdout=log, stderr=log, cwd=tmp_path)
    try:
        for _ in range(600):
            said = re.search(r"(http://[^\s]+)/lab", (tmp_path / "log").read_text())
            if said or server.poll() is not None:
                break
            time.sleep(0.2)
        yield said[1], tmp_path
    finally:
        server.terminate()
        try:
            server.wait(5)  # with a page just closed it may take as long as it likes
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


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
    # a server that is ended while a kernel starts waits for it
    page.locator(".jp-Notebook-ExecutionIndicator[data-status=idle]").wait_for(timeout=120_000)
    page.close()


def test_keys_in_a_menu_choose_and_leave_the_notebook_alone(lab, chromium):
    address, _ = lab
    page = chromium.new_page(viewport={"width": 1280, "height": 900})
    page.goto(f"{address}/lab/tree/menu.ipynb", timeout=120_000)
    # a cell that is run before the notebook has its kernel makes Lab ask which it should be
    page.locator(".jp-KernelName", has_text="Python 3").wait_for(timeout=120_000)
    page.locator(".jp-Notebook-ExecutionIndicator[data-status=idle]").wait_for(timeout=120_000)
    page.add_locator_handler(
        page.locator(".jp-Dialog"), lambda one: one.locator(".jp-mod-accept").click()
    )
    menu = page.locator(".widget-dropdown select")
    for _ in range(20):  # keys are lost until the notebook listens
        page.locator(".jp-Notebook .jp-Cell .jp-InputPrompt").first.click()
        page.keyboard.press("Control+Enter")
        with contextlib.suppress(TimeoutError):
            menu.wait_for(timeout=6_000)
            break
    menu.focus()
    page.keyboard.press("ArrowDown")
    assert menu.evaluate("one => one.selectedIndex") == 1
    page.keyboard.press("b")  # a shortcut that adds a cell
    assert page.locator(".jp-Notebook .jp-Cell").count() == 2
    assert menu.evaluate("one => one === document.activeElement")
    page.close()
