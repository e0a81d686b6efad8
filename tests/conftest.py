"""Fixtures that every test may ask for."""

import os
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
    """Return a release in which every text is a harmful one, and the report of it."""
    from payloads import PAYLOADS, harmful

    from evidence.release.store import publish

    root = tmp_path_factory.mktemp("harm")
    report = publish.release(*harmful(root), root / "published", reviewer=PAYLOADS[0])
    return root / "published/current", report
