"""What works, put together: waits for a release, is run after it and released like all others."""

import json
from dataclasses import replace

import pandas as pd
import pytest
from conftest import ROOT
from studies.test_synthesis import ROWS, row

from evidence.data import register
from evidence.release.store import publish, reader
from evidence.run.plan_jobs import Project, gather, plan
from evidence.run.runner import run
from evidence.show.words import DECISION

from .test_reports import Quiet, pages_of

pytestmark = pytest.mark.slow
PROGRAMME = """
[programme.{name}]
title = "{title}"
phase = "Year 4"
lead = "nobody: a test"
about = "Made up."
cost = 20
pupils = 500
design = "randomised"
notebook = "synthesis"
simulated = true
automatic = true
[[programme.{name}.outcomes]]
name = "maths"
title = "Maths"
unit = "pp"
smallest_worthwhile = 1.0
primary = true
[[programme.{name}.cohorts]]
name = "2018"
title = "2017/18"
files = {{ effects = "released/effects.parquet" }}
"""


def test_released_results_are_put_together_and_released(tmp_path):
    text = (ROOT / "data/programmes.toml").read_text()
    known = "".join(PROGRAMME.format(name=n, title=n.capitalize()) for n in ("quizzes", "texts"))
    what = text[text.index("[programme.what-works]") :]
    (tmp_path / "register.toml").write_text(what + known)
    (tmp_path / "data").mkdir()
    project = Project(
        register=tmp_path / "register.toml",
        data=tmp_path / "data",
        notebooks=ROOT / "notebooks",
        runs=tmp_path / "runs",
        published=tmp_path / "before",
    )
    gather(project)
    assert plan(project) == []
    place = tmp_path / "before/current"
    place.mkdir(parents=True)
    (place / "release.json").write_text(json.dumps({"hubs": {}}))
    rows = [one | {"run_id": "a"} for one in [*ROWS[:-1], row("choirs", "2018", 0.1, 0.1)]]
    pd.DataFrame(rows).drop(columns="hub").to_parquet(place / "effects.parquet")
    gather(project)
    (job,) = (job for job in plan(project) if job.programme == "what-works")
    (outcome,) = run([job], project, Quiet(), workers=1)
    assert outcome.error == ""
    page = " ".join(pages_of(job, project))
    for said in ("Continue: Quizzes.", "Stop: Texts.", "most likely to have the largest effect",
                 "A month of progress is cheapest", "no row of a pupil is read"):  # fmt: skip
        assert said in page
    cards = [programme.card() for programme in register.load(project.register)]
    report = publish.release([job.folder(project.runs)], cards, tmp_path / "published")
    assert report.refused == ()
    assert report.figures == 4
    table = reader.indicators(tmp_path / "published")
    assert table.set_index(["indicator", "group"]).loc[(DECISION, "Quizzes"), "band"] == "continue"
    assert "fewer than" not in " ".join(table["sentence"])
    gather(replace(project, published=tmp_path / "published"))
    assert json.loads((job.folder(project.runs) / "run.json").read_text())["inputs"] == job.inputs
