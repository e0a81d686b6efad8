"""What boards ask every term: seven notebooks on the sample county, and on the real files."""

import json
import shutil

import pandas as pd
import pytest
from conftest import ROOT

from evidence.data import register
from evidence.release.store import publish, reader, verify
from evidence.run.plan_jobs import Project, plan
from evidence.run.runner import run

from .test_reports import Quiet, pages_of

pytestmark = pytest.mark.slow
WATCHED = ("benchmark", "gap", "inspections", "plans", "survey", "reach", "school-pack")
HEAD = """\
[programme.{name}]
title = "{name}"
phase = "All"
lead = "nobody: a test"
about = "Real figures, as they are published."
cost = 0
design = "monitoring"
notebook = "{notebook}"
published = "{source}"
{parameters}
[[programme.{name}.cohorts]]
name = "all"
title = "All"
{files}
"""
LAIT = """
[programme.benchmark.parameters]
name = "Expected standard"
where = { "Short Desc" = "KS2RWM_Expected_STD" }
value = "Values"
area = ["LA and Regions"]
local = "Region"
time = "Years"
place = "Lincolnshire"
region = "East Midlands"
vintage = "May 2025"
claimed = ["Norfolk", "Cumbria"]
polarity = "high"
"""
SEN2 = """
[programme.plans.parameters]
where = { breakdown = "All EHC plans issued" }
name = "Plans issued within 20 weeks"
count = "plans_issued_within_20_weeks"
n = "plans_issued_den"
count_without = "plans_issued_20_weeks_ex"
n_without = "plans_issued_den_ex"
area = ["la_name", "region_name", "country_name"]
time = "time_period"
place = "Dorset"
"""
LEWISHAM = """
[programme.inspections.parameters]
area = "Lewisham"
claim = "an upward trajectory"
stock_where = { phase = "all" }
before = "jan_2018"
after = "jan_2019"
national_judgement = "Overall effectiveness"
"""
HAMPSHIRE = """
[programme.school.parameters]
school = "115852"
years = [2017, 2018, 2019]
traits = ["n_pupils", "PTFSM6CLA1A", "PSENELK"]
same = ["level"]
judgement = "Overall effectiveness"
start = "2019"
predicted = { "2019" = 60.0 }
[programme.school.parameters.progress]
reading = "READPROG"
maths = "MATPROG"
writing = "WRITPROG"
"""
FILES = {
    "benchmark": {
        "indicator": "data/local-authority/bds_long_0.parquet",
        "neighbours": "data/local-authority/sn_may_2025.xlsx",
    },
    "plans": {"indicator": "data/send/ehcp_2025_timeliness_20_week.csv"},
    "inspections": {
        "inspected": "facts/lewisham-2019-inspections.csv",
        "stock": "facts/lewisham-2019-categories.csv",
        "national": "data/inspections/england_ofsted-schools.xlsx",
    },
    "school": {
        "ks2": [f"data/performance-tables/{y}_hampshire850-ks2.csv" for y in (2016, 2017, 2018)],
        "judgements": "data/inspections/england_ofsted-schools.xlsx",
    },
}
REAL = (
    ("benchmark", "benchmark", "DfE, Local Authority Interactive Tool", LAIT),
    ("plans", "timeliness", "DfE, SEN2", SEN2),
    ("inspections", "inspections", "Lewisham, 24 January 2019; Ofsted", LEWISHAM),
    ("school", "schools", "DfE, School performance tables", HAMPSHIRE),
)
SAID = {  # of each report on a real file, what it has to say
    "benchmark": ("band D", "May 2025 list", "not among them: Cumbria", "forecasts held"),
    "plans": ("Without exceptions, Dorset", "of 153, band", "forecasts held (80 of 100 should)"),
    "inspections": (
        "3 went up, 5 down and 14 stayed",
        "p = .727",
        "is not supported by these inspections",
        "1 school more good than they explain, 1 school fewer requires improvement",
        "18,533 of 21,733 good or better",
    ),
    "school": (
        "Balksbury Junior School",
        "same level",
        "chosen as a success",
        "of 1 prediction, 1",
    ),
}


def done(project):
    jobs = plan(project)
    outcomes = run(jobs, project, Quiet(), workers=2)
    assert [outcome.error for outcome in outcomes] == [""] * len(jobs)
    return {job.programme: job for job in jobs}


def test_the_sample_county_is_watched_and_released(sampled, tmp_path):
    shutil.copytree(sampled, tmp_path / "data")
    text = (ROOT / "data/programmes.toml").read_text()
    head, watched = text[: text.index("[programme.star]")], text.index("[programme.benchmark]")
    watched = text[watched : text.index("[programme.what-works]")]  # which reads a release
    (tmp_path / "register.toml").write_text(head + watched)
    project = Project(
        register=tmp_path / "register.toml",
        data=tmp_path / "data",
        notebooks=ROOT / "notebooks",
        runs=tmp_path / "runs",
    )
    jobs = done(project)
    assert tuple(jobs) == WATCHED
    folders = [job.folder(project.runs) for job in jobs.values()]
    cards = [programme.card() for programme in register.load(project.register)]
    report = publish.release(folders, cards, tmp_path / "published")
    assert report.refused == ()
    assert report.figures >= 12
    table = reader.indicators(tmp_path / "published")
    whose = {job.run_id: name for name, job in jobs.items()}
    assert set(table["run_id"].map(whose)) == set(WATCHED)
    published = table.groupby(table["run_id"].map(whose))["published"].agg(
        lambda x: x.iloc[0] != ""
    )
    assert published[published].index.tolist() == ["benchmark", "school-pack"]
    kept = table[table["published"].eq("") & ~table["unit"].str.contains("schools")]
    assert (kept["n"].dropna() % 5 == 0).all()
    assert table.loc[table["symbol"] == "c", "value"].isna().all()
    index = (tmp_path / "published/current/index.html").read_text()
    assert "No result yet" not in index
    for name in WATCHED:
        page = (tmp_path / f"published/current/{name}/index.html").read_text()
        assert "There is no estimate" not in page
        assert "../indicators/" in page
    assert verify.verify(tmp_path / "published", project.runs) == []


@pytest.mark.parametrize(("name", "notebook", "source", "parameters"), REAL)
def test_a_real_file_is_watched_and_leaves_as_published(
    shared, tmp_path, name, notebook, source, parameters
):
    files = FILES[name]
    for path in pd.Series([*files.values()]).explode():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(shared / path, tmp_path / path)
    listed = "files = { " + ", ".join(f"{k} = {json.dumps(v)}" for k, v in files.items()) + " }"
    text = HEAD.format(
        name=name, notebook=notebook, source=source, parameters=parameters, files=listed
    )
    (tmp_path / "register.toml").write_text(text)
    project = Project(
        register=tmp_path / "register.toml",
        data=tmp_path,
        notebooks=ROOT / "notebooks",
        runs=tmp_path / "runs",
    )
    job = done(project)[name]
    page = "\n".join(pages_of(job, project))
    for said in SAID[name]:
        assert said in page, said
    cards = [programme.card() for programme in register.load(project.register)]
    folder = job.folder(project.runs)
    report = publish.release([folder], cards, tmp_path / "published", reviewer="Rita Reviewer")
    assert report.refused == ()
    table = reader.indicators(tmp_path / "published")
    assert set(table["published"]) == {source}
    assert table["value"].notna().any()
