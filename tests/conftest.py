"""Fixtures that every test may ask for."""

import fcntl
import os
import pickle
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parent.parent


_WHOLE = {"county", "watched_release", "harmed", "released"}  # releases that take seconds to make


def pytest_collection_modifyitems(items):
    """Mark as slow what needs a whole release: `make check` makes none but small ones."""
    for item in items:
        if not _WHOLE.isdisjoint(item.fixturenames):
            item.add_marker(pytest.mark.slow)


@pytest.fixture
def rng() -> np.random.Generator:
    """Return the only source of randomness a test may use."""
    return np.random.default_rng(2026)


@pytest.fixture(autouse=True, scope="session")
def _secret_of_tests(tmp_path_factory):
    """Keep the secret of pupils' ids out of the home folder."""
    os.environ["EVIDENCE_PUPIL_KEY"] = str(tmp_path_factory.mktemp("secret") / "key")


@pytest.fixture(scope="session")
def shared() -> Path:
    """Return the folder of public files and reference numbers beside the project."""
    folder = ROOT.parent / "shared"
    if not (folder / "reference").is_dir():
        pytest.skip("needs ../shared (public files and reference numbers), which is not here")
    return folder


def once(tmp_path_factory, name, make):
    """Return a folder and what `make` gave of it: the first worker of a run that asks makes it."""
    root = tmp_path_factory.getbasetemp()
    root = (root.parent if os.environ.get("PYTEST_XDIST_WORKER") else root) / name
    root.mkdir(exist_ok=True)
    with (root / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (root / "made").exists():
            (root / "made").write_bytes(pickle.dumps(make(root)))
    return root, pickle.loads((root / "made").read_bytes())


@pytest.fixture(scope="session")
def harmed(tmp_path_factory):
    """Return a release in which every text is a harmful one, and the report of it."""
    from payloads import PAYLOADS, harmful

    from evidence.release.store import publish

    def make(root):
        return publish.release(*harmful(root), root / "published", reviewer=PAYLOADS[0])

    root, report = once(tmp_path_factory, "harm", make)
    return root / "published/current", report


@pytest.fixture(scope="session")
def county(tmp_path_factory):
    """Return where the release of all runs of `run_folders` is: to be read, or copied first."""
    from run_folders import make, seal, watched

    from evidence.release.store import publish

    def released(root):
        runs, cards = make(root / "runs")
        watched().to_parquet(runs[0] / "indicators.parquet")
        seal(runs[0])
        publish.release(runs, cards, root / "published", reviewer="Bea Reviewer")

    return once(tmp_path_factory, "county", released)[0] / "published"


@pytest.fixture(scope="session")
def sampled(tmp_path_factory):
    """Return the folder of the sample county and Project STAR: to be read, or copied first."""
    from evidence.data import sample

    made = once(tmp_path_factory, "sampled", lambda root: sample.make(root / "data"))
    return made[0] / "data"


@pytest.fixture(scope="session")
def watched_release(tmp_path_factory):
    """Return where the release of a watched area is: to be read only."""
    import watched_area

    return once(tmp_path_factory, "area", lambda root: watched_area.release(root / "a"))[1]
