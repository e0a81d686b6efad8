import pytest

from evidence.run import doctor, ledger
from evidence.run.plan_jobs import Project


@pytest.fixture
def project(tmp_path):
    (tmp_path / "data/mine").mkdir(parents=True)
    (tmp_path / "data/mine").chmod(0o700)
    (tmp_path / "data/programmes.toml").write_text("")
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks/trial.ipynb").write_text("{}")
    return Project(
        register=tmp_path / "data/programmes.toml",
        data=tmp_path / "data",
        notebooks=tmp_path / "notebooks",
        runs=tmp_path / "runs",
    )


def found(project):
    said = doctor.examine(project, project.runs.parent / "published")
    return {about: fault for about, fault in said if fault}


def test_what_is_well_is_looked_at_and_left_alone(project):
    assert found(project) == {}
    assert not project.runs.exists()


def test_each_fault_is_named_with_its_mend(project, monkeypatch, tmp_path):
    (project.data / "mine/a.csv").write_text("x")
    (project.data / "mine/a.csv").chmod(0o644)
    project.register.unlink()
    (project.notebooks / "trial.ipynb").unlink()
    monkeypatch.setattr(doctor, "_ROOM", 10**18)
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    faults = found(project)
    assert faults["private data"].endswith(
        f"can be read by others: chmod -R go= {project.data}/mine"
    )
    assert "begin with evidence start" in faults["register"]
    assert "go to the project's folder" in faults["notebooks"]
    assert "make room for" in faults["disk"]


def test_a_runner_at_work_is_told(project):
    project.runs.mkdir()
    with ledger.open_ledger(project.runs):
        assert found(project)["runs"].startswith("another evidence run is at work")
    assert found(project) == {}


def test_packages_that_are_missing_or_too_old_are_named(project, monkeypatch):
    asked = ["pandas>=99", "no-such-package>=1", "numpy>=1", 'pytz>=99; extra == "x"']
    monkeypatch.setattr(doctor.metadata, "requires", lambda name: asked)
    fault = found(project)["packages"]
    assert "no-such-package is missing" in fault
    assert "pandas is " in fault
    assert ">=99 is needed" in fault
    assert "numpy" not in fault
    assert "pytz" not in fault
