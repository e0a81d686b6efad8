import hashlib
import hmac
import json
from dataclasses import replace

import pandas as pd
import pytest
from data.test_register import GOOD

from evidence.errors import EvidenceError
from evidence.run import plan_jobs
from evidence.run.plan_jobs import Project, check, declared_parameters, plan

PARAMETERS = """\
programme = "x"
cohort = "x"
outcomes = []
ks2 = ["a.csv"]  # required: tables
remark = "sample"  # words to try
start = 2018  # a value to try
share = 0.5  # default: half
data = "."
out = ""
run_id = ""
"""


def notebook(source=PARAMETERS, tags=("parameters",), more=()):
    cells = [("code", source, {"tags": list(tags)}), *((("code", s, {})) for s in more)]
    return {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {"kernelspec": {"name": "python3", "display_name": "", "language": "python"}},
        "cells": [
            {
                "id": f"cell-{i}",
                "cell_type": kind,
                "source": text,
                "metadata": meta,
                "outputs": [],
                "execution_count": None,
            }
            for i, (kind, text, meta) in enumerate(cells)
        ],
    }


@pytest.fixture
def project(tmp_path):
    (tmp_path / "data" / "sample").mkdir(parents=True)
    (tmp_path / "data" / "sample" / "ks2_2018.csv").write_text("x")
    (tmp_path / "data" / "programmes.toml").write_text(GOOD)
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks" / "impact.ipynb").write_text(json.dumps(notebook()))
    return Project(
        register=tmp_path / "data" / "programmes.toml",
        data=tmp_path / "data",
        notebooks=tmp_path / "notebooks",
        runs=tmp_path / "runs",
    )


def set_register(project, old, new):
    project.register.write_text(GOOD.replace(old, new, 1))


def test_plan_gives_the_notebook_what_it_declares_and_no_more(project):
    (job,) = plan(project)
    assert job.label == "lamp/2018"
    assert set(job.parameters) == {"programme", "cohort", "outcomes", "ks2", "remark", "start"}
    assert job.parameters["remark"] == ""  # the notebook's own words are for trying it only
    assert job.parameters["outcomes"][0]["name"] == "PTMAT_EXP"
    assert list(job.inputs) == ["sample/ks2_2018.csv"]


def test_key_changes_with_data_notebook_and_parameters_but_not_otherwise(project):
    (before,) = plan(project)
    assert plan(project)[0].key == before.key
    keys = {before.key}
    (project.data / "sample" / "ks2_2018.csv").write_text("y")
    keys.add(plan(project)[0].key)
    (project.notebooks / "impact.ipynb").write_text(json.dumps(notebook(more=["1 + 1"])))
    keys.add(plan(project)[0].key)
    set_register(project, "start = 2018", "start = 2019")
    keys.add(plan(project)[0].key)
    assert len(keys) == 4


@pytest.mark.parametrize(
    ("old", "new", "line", "reason"),
    [
        ("start =", "strt =", 12, "notebook 'impact' has no parameter 'strt'; did you mean "
         "'start'?"),
        ("start =", "out =", 12, "notebook 'impact' has no parameter 'out'; allowed: ks2, remark, "
         "start, share"),
        ("start = 2018", "remark = 4", 12, "parameter 'remark' must be str (as in 'sample'), not "
         "4"),
        ("start = 2018", 'start = "2018"', 12, "parameter 'start' must be int (as in 2018), not "
         "'2018'"),
        ("start = 2018", "share = true", 12, "parameter 'share' must be float (as in 0.5), not "
         "True"),
        ("start = 2018", "start = 2018-01-01", 12, "parameter 'start': write dates and times as "
         "text, in quotes"),
        ("ks2 =", "kS2 =", 27, "notebook 'impact' has no parameter 'kS2'; did you mean 'ks2'?"),
        ("{ ks2 = [\"sample/ks2_2018.csv\"] }", "{}", 24, "parameter 'ks2' of notebook 'impact' is "
         "required; state it under parameters or files"),
        ("ks2_2018.csv", "ks2_2019.csv", 27, "ks2: no file 'sample/ks2_2019.csv' in {data}; "
         "evidence sample makes it, or did you mean 'sample/ks2_2018.csv'?"),
        ("ks2_2018.csv", "ks2_{2016..2019}.csv", 27, "ks2: no file 'sample/ks2_2016.csv' in "
         "{data}; evidence sample makes it, or did you mean 'sample/ks2_2018.csv'? (and 2 more of "
         "its files)"),
        ("sample/ks2_2018.csv", "own/ks2_*.csv", 27, "ks2: no file 'own/ks2_*.csv' in {data}; a "
         "star is no pattern here: write a range such as {{2015..2019}}"),
        ("sample/ks2_2018.csv", "own.csv", 27, "ks2: no file 'own.csv' in {data}"),
        ("sample/ks2_2018.csv", "", 27, "ks2: is empty; name a file"),
        ("sample/ks2_2018.csv", "../x.csv", 27, "ks2: '../x.csv' lies outside {data}; move it "
         "there"),
        ('notebook = "impact"', 'notebook = "impct"', 8, "no notebook 'impct' in {notebooks}; did "
         "you mean 'impact'?"),
    ],
)  # fmt: skip
def test_plan_fault_is_one_line_before_any_kernel(project, old, new, line, reason):
    set_register(project, old, new)
    reason = reason.format(data=project.data, notebooks=project.notebooks)
    with pytest.raises(EvidenceError) as error:
        plan(project)
    assert str(error.value) == f"{project.register}, line {line}: lamp/2018: {reason}"
    assert check(project) == [str(error.value)]


def test_check_names_every_fault_of_register_parameters_and_files_in_order(project):
    second = GOOD.replace("lamp", "leap").replace('"matched"', '"matchd"')
    first = GOOD.replace("start = 2018", 'start = "x"\nstrt = 1').replace("ks2_2018", "ks2_1")
    project.register.write_text(first + second)
    lines = [f"{project.register}, line {number}: " for number in (12, 13, 28, 35)]
    faults = check(project)
    assert [fault.startswith(line) for fault, line in zip(faults, lines, strict=True)] == [True] * 4
    with pytest.raises(EvidenceError) as error:
        plan(project)
    assert str(error.value) == f"{faults[0]} (and 3 more: evidence check)"


def test_named_sets_and_ranges_make_the_job_that_their_files_make(project):
    (before,) = plan(project)
    set_register(project, '["sample/ks2_2018.csv"]', '"@county"')
    with project.register.open("a") as file:
        file.write('[files]\ncounty = "sample/ks2_{2018..2018}.csv"\n')
    (after,) = plan(project)
    assert after == before


def test_declared_parameters_refuse_anything_but_literals(project):
    path = project.notebooks / "impact.ipynb"
    with pytest.raises(EvidenceError, match=r"parameters cell, line 2: use plain literals only"):
        declared_parameters(notebook("a = 1\nb = a + 1"), path)
    with pytest.raises(EvidenceError, match=r"impact.ipynb: no cell is tagged 'parameters'$"):
        declared_parameters(notebook(tags=()), path)


def test_plan_of_a_broken_notebook_says_so(project):
    (project.notebooks / "impact.ipynb").write_text("{")
    with pytest.raises(EvidenceError, match=r"not a notebook; save it again from JupyterLab$"):
        plan(project)


def test_parameter_by_its_earlier_name_still_reads(project):
    source = notebook(PARAMETERS + 'allocation = ""\n')
    (project.notebooks / "impact.ipynb").write_text(json.dumps(source))
    set_register(project, "start = 2018", 'start = 2018\nlot = "cluster"')
    assert plan(project)[0].parameters["allocation"] == "cluster"


def test_digest_of_a_private_file_needs_the_key_of_the_project(project):
    path = project.data / "sample/ks2_2018.csv"
    plain = hashlib.sha256(path.read_bytes()).hexdigest()
    assert set(plan(project)[0].inputs.values()) == {plain}  # simulated: nothing to give back
    set_register(project, "simulated = true", "simulated = false")
    (job,), (again,) = plan(project), plan(project)
    key = project.runs / ".key"
    assert job == again
    assert plain not in str(job)
    keyed = hmac.new(key.read_bytes(), plain.encode(), "sha256").hexdigest()
    assert set(job.inputs.values()) == {keyed}
    assert key.stat().st_mode & 0o077 == 0
    assert [path.name for path in project.runs.iterdir()] == [".key"]


TOGETHER = """
[programme.together]
title = "Together"
phase = "All"
lead = "nobody"
about = "All released results."
cost = 0
design = "monitoring"
notebook = "together"
[[programme.together.cohorts]]
name = "all"
title = "All"
files = { effects = "released/effects.parquet" }
"""


@pytest.fixture
def together(project, tmp_path):
    """A register with a report that reads what is released; nothing is, yet."""
    project.register.write_text(GOOD + TOGETHER)
    source = 'effects = ""  # required: released\nprogrammes = {}\ndata = ""\nout = ""\nrun_id = ""'
    (project.notebooks / "together.ipynb").write_text(json.dumps(notebook(source)))
    return replace(project, published=tmp_path / "published")


def test_report_on_what_is_released_waits_for_a_release(together):
    plan_jobs.gather(together)
    assert [job.label for job in plan(together)] == ["lamp/2018"]
    assert check(together) == []
    assert plan_jobs.warnings(together)[-1] == (
        "together/all: waits for a release; run again after it"
    )
    assert not (together.data / "released").exists()


def test_report_on_what_is_released_is_run_after_it_with_costs(together):
    place = together.published / "current"
    (place / "hubs/Rathfern").mkdir(parents=True)
    (place / "release.json").write_text(json.dumps({"hubs": {"Rathfern": {}}}))
    for folder in (place, place / "hubs/Rathfern"):
        pd.DataFrame({"programme": ["lamp"]}).to_parquet(folder / "effects.parquet")
    plan_jobs.gather(together)
    gathered = pd.read_parquet(together.data / plan_jobs.RELEASED)
    assert gathered.to_dict("list") == {"programme": ["lamp"] * 2, "hub": ["", "Rathfern"]}
    _, job = plan(together)
    assert job.label == "together/all"
    assert job.parameters["programmes"]["lamp"]["cost"] == 212
    assert "together" not in job.parameters["programmes"]
    plan_jobs.gather(together)
    assert plan(together)[1].key == job.key
    assert plan_jobs.warnings(together) == plan_jobs.warnings(replace(together))
    assert not any("waits" in line for line in plan_jobs.warnings(together))


def test_nothing_is_gathered_where_no_report_asks(project, tmp_path):
    (tmp_path / "published").mkdir()
    plan_jobs.gather(replace(project, published=tmp_path / "published"))
    assert not (project.data / "released").exists()


def test_plan_key_follows_files_that_parameters_and_code_name(project):
    cells = ['bands = open(f"{data}/bands.txt").read()', "words = 'not a file'"]
    text = GOOD.replace("start = 2018", 'start = 2018\nremark = "promise.toml"')
    project.register.write_text(text)
    for name in ("bands.txt", "promise.toml", "other.txt"):
        (project.data / name).write_text("1")
    path = project.notebooks / "impact.ipynb"
    path.write_text(json.dumps(notebook(more=cells)))
    (job,) = plan(project)
    assert [*job.named] == ["bands.txt", "promise.toml"]
    assert [*job.inputs] == ["sample/ks2_2018.csv"]
    keys = {job.key}
    for name in ("bands.txt", "promise.toml"):
        (project.data / name).write_text("2")
        keys.add(plan(project)[0].key)
    assert len(keys) == 3
    (project.data / "other.txt").write_text("2")
    assert plan(project)[0].key in keys
