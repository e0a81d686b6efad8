"""Folders for their owner only, and files that others may read."""

import json
import shutil

import pytest
from run.test_plan_jobs import notebook
from typer.testing import CliRunner

from evidence.cli import app
from evidence.data import private
from evidence.run.plan_jobs import Project, warnings

from .test_register import GOOD


@pytest.fixture
def place(tmp_path):
    """Return a folder that everybody may enter, as a home of umask 022 is."""
    shared = tmp_path / "shared"
    shared.mkdir(mode=0o755)
    above = [folder for folder in shared.parents if "pytest-of-" in str(folder)]
    for folder in above:
        folder.chmod(0o755)
    yield shared
    for folder in above:
        folder.chmod(0o700)


def test_own_takes_others_out_of_a_folder_new_or_old(place):
    for folder in (place / "new/deep", place):
        private.own(folder)
        assert folder.stat().st_mode & 0o777 == 0o700


def test_own_leaves_a_folder_of_many_as_it_is(place):
    place.chmod(0o1777)
    private.own(place)
    assert place.stat().st_mode & 0o7777 == 0o1777


@pytest.mark.parametrize(
    ("of_file", "of_folder", "open_to_all"),
    [(0o644, 0o755, True), (0o644, 0o700, False), (0o600, 0o755, False), (0o640, 0o750, False),
     (0o604, 0o711, True)],
)  # fmt: skip
def test_exposed_needs_a_way_and_a_file_that_can_be_read(place, of_file, of_folder, open_to_all):
    path = place / "pupils.csv"
    path.write_text("x")
    path.chmod(of_file)
    place.chmod(of_folder)
    assert private.exposed([path]) == [path] * open_to_all


@pytest.mark.parametrize("real", [True, False])
def test_check_warns_of_a_file_of_real_pupils_that_everybody_may_read(place, real):

    (place / "data").mkdir()
    (place / "notebooks").mkdir()
    path = place / "data/pupils.csv"
    path.write_text("x")
    source = 'cohort = ""\ndata = ""\nout = ""\nrun_id = ""\nks2 = ""  # required: file\n'
    (place / "notebooks/impact.ipynb").write_text(json.dumps(notebook(source)))
    head = GOOD.split("[[programme.lamp.cohorts]]")[0].replace("start = 2018", "")
    head = head.replace("simulated = true", f"simulated = {str(not real).lower()}")
    cohort = "[[programme.lamp.cohorts]]\nname = '2018'\ntitle = 'x'\n"
    cohort += "files = { ks2 = 'pupils.csv' }\n"
    (place / "data/programmes.toml").write_text(head + cohort)
    project = Project(
        register=place / "data/programmes.toml",
        data=place / "data",
        notebooks=place / "notebooks",
        runs=place / "runs",
    )
    line = f"{path}: everybody on this machine may read it; chmod -R go= {place / 'data'} mends it"
    assert warnings(project) == [line] * real
    path.chmod(0o600)
    assert warnings(project) == []


@pytest.mark.slow
def test_sample_and_runs_shut_their_folders(place):
    shutil.rmtree(place)
    place.mkdir(mode=0o755)
    assert CliRunner().invoke(app, ["sample", f"--data={place}"]).exit_code == 0
    assert place.stat().st_mode & 0o777 == 0o700
