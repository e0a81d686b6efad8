"""What a reader of releases does not follow."""

import json
import shutil

import pytest
from run_folders import make, seal, watched

from evidence.board.board import board
from evidence.board.programme import programme
from evidence.errors import EvidenceError
from evidence.release.exchange import bundle
from evidence.release.store import publish, reader

SECRET = "93.918264"


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    root = tmp_path_factory.mktemp("links")
    runs, cards = make(root / "runs")
    watched().to_parquet(runs[0] / "indicators.parquet")
    seal(runs[0])
    publish.release(runs[:1], cards[:1], root / "published", reviewer="Bea Reviewer")
    return root / "published"


@pytest.fixture
def published(whole, tmp_path):
    shutil.copytree(whole, tmp_path / "published", symlinks=True)
    for path in [tmp_path / "published/0001", *(tmp_path / "published/0001").rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)
    return tmp_path / "published"


def read_all(published):
    """Read whatever can be read of a release."""
    record = reader.release(published)
    for entry in record["figures"]:
        reader.picture(entry, published)
        reader.figure(entry["programme"], entry["cohort"], entry["name"], published)
    reader.effects(published, hubs=True)
    reader.indicators(published, hubs=True)
    bundle.make(published, published.parent / "sent.zip")


@pytest.mark.parametrize(
    "name",
    ["release.json", "lamp/2018", *(pytest.param(name, marks=pytest.mark.slow) for name in (
        "effects.parquet", "indicators.parquet", "lamp/2018/effect.svg", "lamp/2018/effect.json",
        "effects.csv", "lamp/2018.ipynb", "lamp"))],
)  # fmt: skip
def test_link_in_a_release_is_not_followed(published, tmp_path, name):
    read_all(published)
    path = published / "0001" / name
    path.rename(tmp_path / "elsewhere")  # what it leads to could be read, and is right
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(EvidenceError, match=r"is a link; no release holds any|cannot be read"):
        read_all(published)
    for build in (board, programme):
        text = build(published)._repr_mimebundle_()["text/html"]
        if name == "release.json":
            assert "There is no release to show yet" in text


def test_current_that_leads_elsewhere_is_not_followed(published, tmp_path):
    (published / "0001").rename(tmp_path / "0001")
    (published / "current").unlink()
    (published / "current").symlink_to(tmp_path / "0001")
    with pytest.raises(EvidenceError, match=r"current: leads out of .*; no release does"):
        reader.release(published)


def test_figure_whose_path_leads_out_is_not_read(published, tmp_path):
    (tmp_path / "secret.svg").write_text(SECRET)
    record = reader.release(published)
    record["figures"][0]["path"] = "../../secret"
    (published / "0001/release.json").write_text(json.dumps(record))
    entry = record["figures"][0]
    with pytest.raises(EvidenceError, match="is a link; no release holds any"):
        reader.figure(entry["programme"], entry["cohort"], entry["name"], published)
