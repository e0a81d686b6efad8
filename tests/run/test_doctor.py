"""Each fault is made, as it comes about, and `evidence doctor` has to name it and its mend."""

import json
import os
import shutil
import site
import stat
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

import pytest
from data.test_register import GOOD

from evidence.run import doctor, ledger

pytestmark = pytest.mark.slow  # each builds a project, some an environment
NO_PRIVILEGE = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]  # of root


@pytest.fixture
def project(tmp_path):
    (tmp_path / "data/mine").mkdir(parents=True)
    (tmp_path / "data/mine").chmod(0o700)
    (tmp_path / "data/programmes.toml").write_text(GOOD)
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks/trial.ipynb").write_text("{}")
    return tmp_path


def parts(root):
    return {
        "register": root / "data/programmes.toml", "data": root / "data", "runs": root / "runs",
        "notebooks": root / "notebooks", "published": root / "published",
    }  # fmt: skip


def found(root):
    return {about: fault for about, fault in doctor.examine(**parts(root)) if fault}


def asked(python, root, before=(), **more):
    """Return the faults that `evidence doctor` prints, and nothing else, as a person runs it."""
    command = [*before, str(python), "-m", "evidence.cli", "doctor"]
    for name, path in parts(root).items():
        command += [f"--{name}", str(path)]
    env = {**os.environ, **more.pop("env", {})}
    ended = subprocess.run(command, capture_output=True, text=True, env=env, cwd=root, **more)
    assert ended.stderr == ""
    lines = [line.split(maxsplit=1) for line in ended.stdout.splitlines()]
    assert {word for word, _ in lines} <= {"well", "FAULT"}
    faults = [text for word, text in lines if word == "FAULT"]
    assert ended.returncode == bool(faults)
    return dict(text.split(": ", 1) for text in faults)


def installed(place, without=(), kernel=True):
    """Return a Python of its own that has all packages of this one but some."""
    venv.create(place, symlinks=True)
    folder = next(place.glob("lib/python*/site-packages"))
    for path in Path(site.getsitepackages()[0]).iterdir():
        if not path.name.lower().replace("-", "_").startswith(tuple(without)):
            (folder / path.name).symlink_to(path)
    if kernel:
        spec = Path(sys.prefix, "share/jupyter/kernels/evidence")
        (place / "share/jupyter/kernels").mkdir(parents=True)
        shutil.copytree(spec, place / "share/jupyter/kernels/evidence")
    return place / "bin/python", folder


@pytest.mark.slow
def test_what_is_well_is_looked_at_and_left_alone(project):
    assert found(project) == {}
    assert not (project / "runs").exists()
    assert not [p for p in project.rglob("*") if p.name not in
                ("data", "mine", "programmes.toml", "notebooks", "trial.ipynb")]  # fmt: skip


def test_faults_of_a_project_are_named_with_their_mends(project):
    (project / "data/mine/a.csv").write_text("x")
    (project / "data/mine/a.csv").chmod(0o644)
    (project / "data/programmes.toml").unlink()
    (project / "notebooks/trial.ipynb").unlink()
    (project / "runs").mkdir(mode=0o755)
    (project / "published").write_text("a file")
    mine, runs = project / "data/mine", project / "runs"
    assert found(project) == {
        "private data": f"{mine}/a.csv can be read by others: chmod -R go= {mine}",
        "register": f"no {project}/data/programmes.toml: go to the project's folder, or begin with "
        "evidence start",
        "notebooks": f"no notebook in {project}/notebooks: go to the project's folder",
        "releases": f"{project}/published is a file: move it away",
        "runs": f"{runs} can be read by others: chmod -R go= {runs}",
    }


def test_a_register_that_cannot_be_used_is_named(project):
    register = project / "data/programmes.toml"
    register.write_text(GOOD.replace("title", "titel", 1).replace("phase", "fase", 1))
    fault = found(project)["register"]
    assert fault.startswith(f"{register}, line ")
    assert fault.endswith(" (2 faults: evidence check names all)")
    register.write_text("[programme.a\n")
    assert found(project)["register"].startswith(f"{register}")


@pytest.mark.slow
def test_a_runner_at_work_is_told(project):
    (project / "runs").mkdir(mode=0o700)
    with ledger.open_ledger(project / "runs"):
        assert found(project)["runs"].startswith("another evidence run is at work")
    assert found(project) == {}


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("numpy==9.9.9 \\", ", the lock says 9.9.9: "),
        ("<<<<<<< HEAD", ", line 3: is not NAME==VERSION: git checkout requirements.lock"),
        ("numpy==1 ; python_version < ", ", line 3: is not NAME==VERSION: git checkout"),
        ("numpy==9.9.9 ; python_full_version < '3'", ""),
        ("no-such-package==1", ""),
    ],
)
def test_a_lock_file_that_is_not_what_is_installed_is_named(project, line, fault):
    pandas = doctor.metadata.version("pandas")
    text = f"# made by uv\npandas=={pandas} \\\n{line}\n    --hash=sha256:00\n"
    (project / "requirements.lock").write_text(text)
    said = found(project).get("lock file", "")
    assert fault in said
    assert bool(said) == bool(fault)


def test_a_lock_file_of_nothing_is_named(project):
    (project / "requirements.lock").write_text("# nothing\n")
    assert "names no package: git checkout requirements.lock" in found(project)["lock file"]


@pytest.mark.slow
def test_a_package_that_is_missing_is_named_by_a_command_that_still_runs(project, tmp_path):
    python, _ = installed(tmp_path / "py", without=("pandas", "psutil"))
    faults = asked(python, project)
    assert faults.keys() == {"packages", "all else"}
    assert faults["packages"].startswith("pandas is missing, psutil is missing: make -B -C ")
    assert faults["packages"].endswith(" setup")


@pytest.mark.slow
def test_a_package_of_another_version_is_named(project, tmp_path):
    python, folder = installed(tmp_path / "py", without=("seaborn_", "seaborn.dist"))
    (folder / "seaborn-0.11.0.dist-info").mkdir()
    (folder / "seaborn-0.11.0.dist-info/METADATA").write_text(
        "Metadata-Version: 2.1\nName: seaborn\nVersion: 0.11.0\n"
    )
    for old in folder.glob("seaborn-0.1[2-9]*.dist-info"):
        old.unlink()
    faults = asked(python, project)
    assert faults.keys() == {"packages"}
    assert faults["packages"].startswith("seaborn is 0.11.0, >=0.13.2 is needed: make -B -C ")


@pytest.mark.slow
def test_a_kernel_that_is_not_known_or_does_not_start_is_named(project, tmp_path):
    python, _ = installed(tmp_path / "py", kernel=False)
    unknown = asked(python, project, env={"HOME": str(tmp_path)})
    assert unknown["kernel"].startswith("Jupyter does not know the kernel `evidence`: make -B -C ")
    mine = tmp_path / "jupyter/kernels/evidence"
    mine.mkdir(parents=True)
    for argv, fault in (
        (["/usr/bin/env", "x"], f"{mine} starts another Python, ['/usr/bin/env']: remove that "),
        (["python", "-c", "raise SystemExit(3)"], "the kernel `evidence` does not start ("),
    ):
        spec = {"argv": argv, "display_name": "evidence", "language": "python"}
        (mine / "kernel.json").write_text(json.dumps(spec))
        said = asked(python, project, env={"JUPYTER_PATH": str(tmp_path / "jupyter")})
        assert said["kernel"].startswith(fault)
    (mine / "kernel.json").write_text("{")
    said = asked(python, project, env={"JUPYTER_PATH": str(tmp_path / "jupyter")})
    assert said["kernel"].startswith("Jupyter does not know the kernel `evidence`")


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="permissions of a Unix system")
def test_folders_that_cannot_be_written_to_or_read_are_named():
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        for folder in ("data/mine", "notebooks", "runs", "published", "home"):
            (root / folder).mkdir(parents=True)
        (root / "data/programmes.toml").write_text(GOOD)
        (root / "data/a.csv").write_text("x")
        (root / "notebooks/trial.ipynb").write_text("{}")
        (root / "data/mine").chmod(0o700)
        (root / "runs").chmod(0o700)
        before = [] if os.geteuid() else NO_PRIVILEGE
        if before and not shutil.which(before[0]):
            pytest.skip("permissions do not hinder root, who cannot do without the privilege here")
        env = {"EVIDENCE_PUPIL_KEY": str(root / "home/key")}
        assert asked(sys.executable, root, before, env=env) == {}
        (root / "data/a.csv").chmod(0)
        for folder in ("runs", "published", "home"):
            (root / folder).chmod(0o500)
        env = {"EVIDENCE_PUPIL_KEY": str(root / "home/other")}
        faults = asked(sys.executable, root, before, env=env)
        (root / "data/a.csv").chmod(0o600)
        (root / "data").chmod(0o500)
        later = asked(sys.executable, root, before, env=env)
        for path in root.rglob("*"):
            path.chmod(0o700 if path.is_dir() else 0o600)
    assert faults["data"] == (
        f"{root}/data/a.csv cannot be read: chmod -R u+rX {root}/data, or ask who owns it"
    )
    for about, folder in (("runs", "runs"), ("releases", "published")):
        assert faults[about] == (
            f"{root / folder} cannot be written to: chmod u+rwx {root / folder}, or ask who owns it"
        )
    assert faults["secret of pupils' ids"].endswith(
        "Permission denied; set EVIDENCE_PUPIL_KEY to a file outside the project"
    )
    assert later["data"].startswith(f"{root}/data cannot be written to: chmod u+rwx ")


@pytest.fixture
def small_disk(tmp_path):
    """Return a disk of a megabyte, where this system lets one be made."""
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m,mode=700", "tmpfs", str(place)]
    if not shutil.which("mount") or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("needs leave to mount a small disk")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_full_disk_is_named(project, small_disk):
    (project / "published").symlink_to(small_disk)
    assert found(project)["disk"] == (f"0.0 GB are free at {project}/published: make room for 2 GB")
    (small_disk / "full").write_bytes(b"x" * 2**20)
    assert found(project)["releases"] == (
        f"{project}/published is full, or your share of it: make room there"
    )


@pytest.mark.slow
def test_no_room_for_temporary_files_is_named(project, tmp_path, small_disk):
    (small_disk / "full").write_bytes(b"x" * (2**20 - 4096))
    faults = asked(sys.executable, project, env={"TMPDIR": str(small_disk)})
    assert faults["temporary files"] == (
        f"{small_disk} is full, or your share of it: make room there"
    )


@pytest.mark.slow
def test_a_chromium_that_is_not_there_or_does_not_start_is_named(project, tmp_path, monkeypatch):
    monkeypatch.setenv("EVIDENCE_CHROMIUM", str(tmp_path / "none"))
    mend = "make browser, or set EVIDENCE_CHROMIUM to one that is there"
    assert found(project)["Chromium"] == (
        f"{tmp_path}/none is not there, in which the tests look at the pages: {mend}"
    )
    broken = tmp_path / "broken"
    broken.write_text("#!/bin/sh\nexit 3\n")
    broken.chmod(broken.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("EVIDENCE_CHROMIUM", str(broken))
    assert found(project)["Chromium"] == f"{broken} does not start: {mend}"
    monkeypatch.delenv("EVIDENCE_CHROMIUM")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", str(tmp_path))
    assert found(project)["Chromium"].startswith("no Chromium is there, in which the tests look")
