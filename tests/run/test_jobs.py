import json

import pytest
from data.test_register import GOOD

from evidence.errors import EvidenceError
from evidence.run.jobs import Project, check, declared_parameters, plan

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
    ("old", "new", "reason"),
    [
        ("start =", "strt =", "notebook 'impact' has no parameter 'strt'; did you mean 'start'?"),
        ("start =", "out =", "notebook 'impact' has no parameter 'out'; allowed: ks2, remark, "
         "start, share"),
        ("start = 2018", "remark = 4", "parameter 'remark' must be str (as in 'sample'), not 4"),
        ("start = 2018", 'start = "2018"', "parameter 'start' must be int (as in 2018), not "
         "'2018'"),
        ("start = 2018", "share = true", "parameter 'share' must be float (as in 0.5), not True"),
        ("ks2 =", "kS2 =", "notebook 'impact' has no parameter 'kS2'; did you mean 'ks2'?"),
        ("{ ks2 = [\"sample/ks2_2018.csv\"] }", "{}", "parameter 'ks2' of notebook 'impact' is "
         "required; state it under parameters or files"),
        ("ks2_2018.csv", "ks2_2019.csv", "ks2: no file 'sample/ks2_2019.csv' in {data}; evidence "
         "sample makes it"),
        ('notebook = "impact"', 'notebook = "impct"', "no notebook 'impct' in {notebooks}; did "
         "you mean 'impact'?"),
    ],
)  # fmt: skip
def test_plan_fault_is_one_line_before_any_kernel(project, old, new, reason):
    set_register(project, old, new)
    reason = reason.format(data=project.data, notebooks=project.notebooks)
    with pytest.raises(EvidenceError) as error:
        plan(project)
    assert str(error.value) == f"{project.register}: lamp/2018: {reason}"
    assert check(project) == [str(error.value)]


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
