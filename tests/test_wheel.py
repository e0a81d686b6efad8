"""An installed wheel does without a checkout what the checkout does."""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import urllib.request
import venv
from pathlib import Path

import pytest
from conftest import ROOT
from trial_files import FILES, make

pytestmark = pytest.mark.slow
SHARED = Path(sys.prefix, "share")


def linked(old, new):
    try:
        os.link(old, new)
    except OSError:  # on another disk
        shutil.copy2(old, new)


@pytest.fixture(scope="module")
def bare(tmp_path_factory):
    """Return a command runner of a new environment: the wheel, and what it depends on.

    The dependencies are this environment's, linked file by file: nothing is downloaded.
    """
    root = tmp_path_factory.mktemp("bare")
    quiet = {"check": True, "capture_output": True, "text": True}
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(root)]
    subprocess.run(build, cwd=ROOT, **quiet)
    (wheel,) = root.glob("*.whl")
    venv.create(root / "env", with_pip=False)
    place = {"base": str(root / "env"), "platbase": str(root / "env")}
    scripts, library, data = (
        Path(sysconfig.get_path(name, "venv", place)) for name in ("scripts", "purelib", "data")
    )
    ours = shutil.ignore_patterns("evidence*", "_evidence*", "_editable*", "*.pth")
    for new, old in ((library, sysconfig.get_path("purelib")), (data / "share", SHARED)):
        shutil.copytree(old, new, ignore=ours, copy_function=linked, dirs_exist_ok=True)
    python = scripts / Path(sys.executable).name
    install = [sys.executable, "-m", "uv", "pip", "install", "--offline", "--no-deps", "--quiet"]
    subprocess.run([*install, "--python", str(python), str(wheel)], **quiet)
    kept = {name: os.environ[name] for name in ("PATH", "EVIDENCE_PUPIL_KEY", "HOME")}
    kept |= {"OPENBLAS_NUM_THREADS": "1"}

    def run(*command, cwd, **options):
        return subprocess.Popen(
            [scripts / "evidence", *command], cwd=cwd, env=kept, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options,
        )  # fmt: skip

    run.python = python
    return run


def ended(process):
    out, error = process.communicate(timeout=400)
    assert process.returncode == 0, out + error
    return out


def test_demo_makes_reports_a_release_and_its_site_that_dashboards_serve(bare, tmp_path):
    whose = "import evidence; print(evidence.__file__)"
    found = subprocess.run([bare.python, "-P", "-c", whose], capture_output=True, text=True)
    assert not Path(found.stdout).is_relative_to(ROOT)  # it is the wheel that runs
    out = ended(bare("demo", "mine", "--only", "star/K", cwd=tmp_path))
    assert (
        f"cd mine && {Path(bare.python).with_name('evidence')} dashboard" in out
    )  # as not on PATH
    current = tmp_path / "mine/published/current"
    assert "Small classes" in (current / "index.html").read_text(encoding="utf-8")
    again = ended(bare("demo", "mine", "--only", "star/K", cwd=tmp_path))
    assert "0 done" in again  # run again, it does only what has changed
    served = bare("dashboard", "--port", "18866", cwd=tmp_path / "mine")
    try:
        address = re.search(r"http\S+", served.stdout.readline())[0]
        with urllib.request.urlopen(address, timeout=60) as answer:  # said once it is answered
            assert b"evidence" in answer.read()
    finally:
        served.terminate()
        served.communicate()


def test_start_begins_a_project_whose_trial_runs(bare, tmp_path):
    make(FILES[1][0], 1)[0].to_csv(tmp_path / "trial.csv", index=False)
    ended(bare("start", "trial.csv", "--folder", "own", cwd=tmp_path))
    assert "1 done" in ended(bare("run", cwd=tmp_path / "own"))


def test_demo_refuses_a_folder_that_holds_something_else(bare, tmp_path):
    (tmp_path / "letter.txt").write_text("Dear board")
    refused = bare("demo", ".", cwd=tmp_path)
    assert refused.communicate()[1] == ("evidence: .: holds something already; name a new folder\n")
