"""One pupil, planted in the raw file, is looked for in all that leaves a real run."""

import shutil

import pandas as pd
import pytest
from conftest import ROOT
from release.exchange.test_bundle import opened

from evidence.data.register import load
from evidence.release.exchange import bundle
from evidence.release.store import publish, verify
from evidence.run.plan_jobs import Project, plan
from evidence.run.runner import run

from .serving import served

pytestmark = pytest.mark.slow
UPN, NAME, BEFORE, AFTER = "Z987654321098", "Persephone Quillfeather", "93.918264", "97.719325"
CANARIES = (UPN, "Persephone", "Quillfeather", BEFORE, "93.918", AFTER, "97.719")


class Told:
    """Keeps what the runner says of its progress."""

    def __init__(self):
        self.lines = []

    def begin(self, total):
        self.lines.append(f"{total} to do")

    def note(self, line):
        self.lines.append(line)

    def cell(self, job, k, n):
        self.lines.append(f"{job.label} {k} {n}")

    def ended(self, outcome):
        self.lines.append(f"{outcome.job.label} {outcome.state} {outcome.error}")


def holds(content):
    """Return the canaries that some bytes hold."""
    return [c for c in CANARIES if c.encode() in content or c.encode("utf-16-le") in content]


@pytest.fixture(scope="module")
def hub(sampled, tmp_path_factory):
    """Return a hub that ran, released and bundled a trial in which the pupil took part."""
    root = tmp_path_factory.mktemp("hub")
    shutil.copytree(sampled, root / "data")
    path = root / "data/sample/trial_feedback.csv"
    pupils = pd.read_csv(path, dtype=str).assign(name="somebody")
    known = pupils["pre"].notna() & pupils["post"].notna()
    pupils.loc[known.idxmax(), ["upn", "name", "pre", "post"]] = [UPN, NAME, BEFORE, AFTER]
    pupils.to_csv(path, index=False)
    project = Project(
        register=ROOT / "data/programmes.toml", data=root / "data", notebooks=ROOT / "notebooks",
        runs=root / "runs",
    )  # fmt: skip
    jobs = [job for job in plan(project) if job.programme == "mobilise-feedback"]
    told = Told()
    outcomes = run(jobs, project, told, workers=1)
    assert [outcome.error for outcome in outcomes] == [""]
    cards = [one.card() for one in load(project.register)]
    folders = [job.folder(project.runs) for job in jobs]
    report = publish.release(folders, cards, root / "published")
    assert verify.verify(root / "published", root / "runs") == []
    bundle.make(root / "published", root / "sent.zip")
    (root / "told.log").write_text("\n".join([*told.lines, report.summary(), report.review()]))
    return root, project, jobs


def test_planted_pupil_is_in_the_input_and_in_no_byte_that_leaves(hub):
    root, *_ = hub
    assert holds((root / "data/sample/trial_feedback.csv").read_bytes()) == list(CANARIES)
    files = [path for path in (root / "published").rglob("*") if path.is_file()]
    assert len(files) > 20
    for path in [*files, root / "sent.zip", root / "told.log"]:
        inside = pd.read_parquet(path).to_csv() if path.suffix == ".parquet" else ""
        assert holds(opened(path) + inside.encode()) == [], path


def test_planted_pupil_is_not_in_the_dashboard_or_its_log(hub, visit):
    root, *_ = hub
    with (root / "server.log").open("wb") as log, served(root / "published", log=log) as address:
        seen = visit(1280)
        frames = []
        seen.page.on(
            "websocket", lambda s: s.on("framereceived", lambda one: frames.append(str(one)))
        )
        for name in ("board", "programme", "area", "hub"):
            seen.page.goto(address + name)
            seen.page.wait_for_selector("body[data-ready]", timeout=60_000)
            rows = seen.page.locator("tbody tr").count()
            assert rows >= 1 or name in ("area", "hub")  # nothing is watched, no other hub
        content = seen.page.content() + "".join(frames)
    assert "Mobilise trial: feedback in lessons" in content
    assert frames
    assert holds(content.encode()) == []
    assert holds((root / "server.log").read_bytes()) == []


def test_planted_pupil_twice_is_refused_without_being_named(hub):
    root, project, jobs = hub
    path = root / "data/sample/trial_feedback.csv"
    before = path.read_text()
    row = next(line for line in before.splitlines() if UPN in line)
    path.write_text(before + row + "\n")
    try:
        jobs = [job for job in plan(project) if job.programme == "mobilise-feedback"]
        told = Told()
        (outcome,) = run(jobs, project, told, workers=1)
    finally:
        path.write_text(before)
    assert outcome.state == "failed"
    assert holds("\n".join([outcome.error, *told.lines]).encode()) == []
