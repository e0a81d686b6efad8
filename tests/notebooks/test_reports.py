"""Whole reports on real and simulated input: register in, effects out, as `evidence run` does."""

import html
import json
import re
import shutil

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT
from papermill import execute_notebook

import evidence as ev
from evidence.run.plan_jobs import Project, plan
from evidence.run.runner import run

from .registers import BARE, CRT, MST, THREE

pytestmark = pytest.mark.slow

CONTEXT = ["TKS1AVERAGE", "PTFSM6CLA1A", "PSENELK", "PSENELE", "PTEALGRP2"]
HAMPSHIRE = """\
[programme.made-up]
title = "A made-up programme for tests"
phase = "Key Stage 2"
lead = "nobody: the schools were drawn by a computer"
about = "This programme never existed: its schools were drawn from the tables to try the analysis."
cost = 0
design = "matched"
notebook = "impact"
[programme.made-up.parameters]
years = [2017, 2018, 2019]
[[programme.made-up.outcomes]]
name = "PTMAT_EXP"
title = "Maths, expected standard"
unit = "pp"
smallest_worthwhile = 3.0
primary = true
[[programme.made-up.outcomes]]
name = "MATPROG"
title = "Progress in maths"
unit = "points"
smallest_worthwhile = 0.6
sd = 7.1
[[programme.made-up.cohorts]]
name = "2019"
title = "Made up for 2018/19"
files = { ks2 = ["2016.csv", "2017.csv", "2018.csv"], participation = "made_up.csv" }
parameters = { start = 2019 }
"""


class Quiet:
    def begin(self, total):
        pass

    def cell(self, job, k, n):
        pass

    def ended(self, outcome):
        pass

    def note(self, line):
        raise AssertionError(line)


def effects_of(jobs, project):
    outcomes = run(jobs, project, Quiet(), workers=2)
    assert [outcome.error for outcome in outcomes] == [""] * len(jobs)
    frames = [pd.read_parquet(job.folder(project.runs) / "effects.parquet") for job in jobs]
    return pd.concat(frames, ignore_index=True)


def pages_of(job, project):
    """Return what each cell of the executed notebook shows, as HTML, in order."""
    notebook = json.loads((job.folder(project.runs) / "notebook.ipynb").read_text())
    outputs = [out for cell in notebook["cells"] for out in cell.get("outputs", [])]
    assert all(out["output_type"] != "stream" for out in outputs)
    return [html.unescape("".join(out["data"]["text/html"])) for out in outputs]


def test_report_begins_with_the_answer_and_shows_nothing_that_is_empty(tmp_path, rng):
    n = 900
    arm = rng.permutation(np.repeat(["ctl", "new", "oth"], n // 3))
    pre = rng.normal(0, 1, n)
    pre -= pd.Series(pre).groupby(arm).transform("mean")  # as alike as can be when drawn
    post = 0.7 * pre + rng.normal(0, 0.7, n)
    gone = (arm == "new") & (pre < 0) & (rng.random(n) < 0.85)
    pupils = pd.DataFrame(
        {
            "arm": arm,
            "pre": pre,
            "post": np.where(gone, np.nan, post),
            "enj": (rng.random(n) < 0.5) * 1,
        }
    )
    pupils.to_csv(tmp_path / "three.csv", index=False)
    (tmp_path / "register.toml").write_text(THREE)
    project = Project(
        register=tmp_path / "register.toml",
        data=tmp_path,
        notebooks=ROOT / "notebooks",
        runs=tmp_path / "runs",
    )
    (job,) = plan(project)
    effects_of([job], project)
    pages = pages_of(job, project)
    first, everything = pages[0], "\n".join(pages)
    assert first.index("Simulated data.") < first.index("A trial of three arms · 2018/19")
    assert first.index("2018/19") < first.index("Reading test: ") < first.index("of 5, ")
    # Alike as drawn, but far apart once the weak are gone: what is analysed counts.
    assert "does not meet (high attrition" in first
    assert "SD apart in Test before at the start)" in first
    assert "have no record of Reading test" in first
    assert f"of {np.isin(arm, ['ctl', 'new']).sum()} pupils" in first
    for text in (
        "Reading alone (not compared)",
        "p, Romano–Wolf",
        "What if those not measured differ",
        "Reading test, Reading aloud against As usual: ",
    ):
        assert text in everything
    for heading in ("For whom?", "What if it was received", "Analyses left out"):
        assert heading not in everything
    shown = re.sub(r"<[^>]*>", " ", everything)
    assert not re.search(r"\b(post|enj|pre|ctl|new|oth|nan)\b|\de[-+]\d", shown)
    assert not re.search(r"(?<![\w–])-\d", shown)  # a minus sign is a minus sign


@pytest.fixture(scope="module")
def sample(sampled, tmp_path_factory):
    folder = tmp_path_factory.mktemp("project")
    shutil.copytree(sampled, folder / "data")
    return Project(
        register=ROOT / "data" / "programmes.toml",
        data=folder / "data",
        notebooks=ROOT / "notebooks",
        runs=folder / "runs",
    )


def test_trial_on_star_gives_what_the_library_gives(sample):
    jobs = [job for job in plan(sample) if job.label == "star/K"]
    effects = effects_of(jobs, sample)
    star = ev.readers.select(ev.readers.table(sample.data / "star" / "star.csv"), {"gr": "K"})
    expected = ev.trials.effect_size(
        star, outcome="math", treatment="arm", reference="reg", arm="small",
        covariates=["ses", "sx"], cluster="class", strata="school",
    )  # fmt: skip
    row = effects.iloc[0]
    assert row["primary"]
    assert row["estimate"] == pytest.approx(expected.estimate, rel=1e-12)
    assert row["std_error"] == pytest.approx(expected.std_error, rel=1e-12)
    # Krueger (1999), Quarterly Journal of Economics 114(2): about .2 SD for small classes.
    assert 0.15 < row["effect_size"] < 0.25
    assert row["verdict"] == "better than similar"
    assert effects["outcome"].tolist() == ["math", "read", "math"]
    assert effects["subgroup"].tolist() == ["all", "all", "Free school meals: yes"]
    assert effects["primary"].tolist() == [True, False, False]


def test_trials_of_the_sample_county_hold_the_truth_as_often_as_they_say(sample):
    truth = json.loads((sample.data / "sample" / "truth.json").read_text())["programmes"]
    jobs = [job for job in plan(sample) if job.programme.startswith("mobilise-")]
    effects = effects_of(jobs, sample)
    held = [
        row.es_lower <= truth[row.programme][row.cohort][row.outcome]["estimate"] <= row.es_upper
        for row in effects[effects["primary"]].itertuples()
    ]
    # Six intervals of 95%: five or six hold the truth with probability .967.
    assert len(held) == 6
    assert sum(held) >= 5
    harmful = effects[effects["primary"]].set_index("programme").loc["mobilise-assistants"]
    assert harmful["verdict"] == "worse than similar"


def test_impacts_of_the_sample_county_say_what_rebound_is(sample):
    truth = json.loads((sample.data / "sample" / "truth.json").read_text())["programmes"]
    asked = ("lamp/2018", "year-6-booster/2019", "lens/2018")
    effects = effects_of([job for job in plan(sample) if job.label in asked], sample)
    primary = effects[effects["primary"]].set_index("programme")
    held = [
        row.ci_lower <= truth[name][row.cohort][row.outcome]["estimate"] <= row.ci_upper
        for name, row in primary.iterrows()
    ]
    assert sum(held) == 3  # with probability .86 whatever the seed; the counties' benchmark counts
    assert "would have changed by" in primary.loc["year-6-booster", "caveats"]
    # a pupil file and a group: the gap to all other pupils stands beside the group's own result
    gap = effects[effects["subgroup"] == "gap to other pupils"].iloc[0]
    assert (gap["programme"], gap["unit"], bool(gap["primary"])) == ("lens", "pp", False)


def test_impact_on_real_hampshire_tables_of_a_made_up_group(shared, tmp_path, rng):
    tables = shared / "data" / "performance-tables"
    data = tmp_path / "data"
    data.mkdir()
    for year in (2016, 2017, 2018):
        (data / f"{year}.csv").symlink_to(tables / f"{year}_hampshire850-ks2.csv")
    files = {year + 1: data / f"{year}.csv" for year in (2016, 2017, 2018)}
    panel = ev.readers.ks2_panel(files, ["PTMAT_EXP", *CONTEXT])
    everywhere = panel.groupby("urn")["year"].nunique() == 3
    schools = rng.choice(sorted(everywhere[everywhere].index), 30, replace=False)
    spells = pd.DataFrame({"urn": schools, "programme": "made-up", "start": 2019, "end": 2019})
    spells.to_csv(data / "made_up.csv", index=False)
    (data / "register.toml").write_text(HAMPSHIRE)
    project = Project(
        register=data / "register.toml",
        data=data,
        notebooks=ROOT / "notebooks",
        runs=tmp_path / "runs",
    )
    effects = effects_of(plan(project), project)
    expected = ev.impact.given_past(
        ev.impact.exposure(panel, spells), outcome="PTMAT_EXP", treatment="made-up 2019",
        unit="urn", time="year", weights="n_pupils", covariates=CONTEXT,
    )  # fmt: skip
    row = effects.iloc[0]
    assert row["estimate"] == pytest.approx(expected.estimate, rel=1e-10)
    assert row["std_error"] == pytest.approx(expected.std_error, rel=1e-10)
    assert row["n_schools"] == 30
    # nothing is there to be found; 1 in 20 intervals leaves nought out, so no single one may decide
    assert abs(row["estimate"]) < 4 * row["std_error"]


def test_trial_on_the_public_examples_gives_the_peers_numbers(shared, tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    for name in ("crtData.csv", "mstData.csv"):
        (data / name).symlink_to(shared / "data" / "trials" / name)
    (data / "register.toml").write_text(CRT + MST + BARE)
    project = Project(
        register=data / "register.toml",
        data=data,
        notebooks=ROOT / "notebooks",
        runs=tmp_path / "runs",
    )
    effects = effects_of(plan(project), project).set_index("programme")
    crt = ev.trials.effect_size(
        ev.readers.table(data / "crtData.csv"), outcome="Posttest", treatment="Intervention",
        baseline="Prettest", cluster="School",
    )  # fmt: skip
    assert effects.loc["crt", "effect_size"] == pytest.approx(crt.estimate, rel=1e-12)
    # METHODS 1, from clubSandwich: p = .0615 for the difference, which J and the SD leave alone.
    assert effects.loc["crt", "p_value"] == pytest.approx(0.0615, abs=5e-5)
    assert effects.loc["crt", "verdict"] == "too little data"
    # METHODS 1, from eefAnalytics: mstData as a simple trial, .27 with interval 0 to .54.
    assert effects.loc["mst", "n_pupils"] == 210
    assert effects.loc["bare", "n_pupils"] == 210


def test_report_is_the_same_from_a_forked_and_from_an_ordinary_kernel(
    sample, tmp_path, monkeypatch
):
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")  # as the fork server: sums round alike
    job = next(job for job in plan(sample) if job.label == "lamp/2018")
    places = {"data": str(sample.data.resolve()), "out": "", "run_id": job.run_id}
    shown = {}
    for kernel in ("python3", "evidence"):
        made = execute_notebook(
            str(job.notebook),
            str(tmp_path / f"{kernel}.ipynb"),
            parameters=job.parameters | places,
            kernel_name=kernel,
            progress_bar=False,
        )
        outputs = [cell.get("outputs", []) for cell in made.cells]
        shown[kernel] = [
            [(out["output_type"], out["data"]) for out in each] for each in outputs if each
        ]
    assert len(shown["evidence"]) > 5
    assert shown["evidence"] == shown["python3"]
