"""Fixtures that every test may ask for."""

import fcntl
import os
import pickle
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parent.parent


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


@pytest.fixture(scope="session")
def harmed(tmp_path_factory):
    """Return a release in which every text is a harmful one, and the report of it.

    It takes two minutes: the workers of one run make it once, the first that asks.
    """
    from payloads import PAYLOADS, harmful

    from evidence.release.store import publish

    root = tmp_path_factory.getbasetemp()
    root = (root.parent if os.environ.get("PYTEST_XDIST_WORKER") else root) / "harm"
    root.mkdir(exist_ok=True)
    with (root / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (root / "report").exists():
            report = publish.release(*harmful(root), root / "published", reviewer=PAYLOADS[0])
            (root / "report").write_bytes(pickle.dumps(report))
    return root / "published/current", pickle.loads((root / "report").read_bytes())
