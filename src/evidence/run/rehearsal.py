"""A report before it is run: its data are opened, and what it cannot do without is computed.

What can be rehearsed can be run: `evidence check` finds what a run would stumble over, and more,
since it goes on after a fault.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pandas as pd

import evidence
from evidence.data import file_kinds
from evidence.data.reading_once import reading_once
from evidence.errors import EvidenceError, Faults
from evidence.run import ledger
from evidence.run.plan_jobs import Job, Project, leaves
from evidence.run.plan_jobs import check as check_register
from evidence.studies.watching import Watching

_STUDY = re.compile(r"\bev\.([A-Z][a-z]+)\.read\(\s*data\s*,\s*globals\(\)\s*\)")
_DESIGNS = {
    "Trial": ("randomised",),
    "Impact": ("matched", "staggered"),
    "Monitoring": ("monitoring", "survey"),
}  # of the register, that a study can answer for
_SAID = ("outcomes", "labels", "programme", "cohort", "title", "cohort_title", "reported_claim")
_YEAR = re.compile(r"\b\d{4}\b")
_WORD = re.compile(r"'([^']+)'")


def check(project: Project, say: Callable[[str], None] = lambda line: None) -> list[str]:
    """Return every fault of a register, its files and its reports, a line each.

    Parameters
    ----------
    project : Project
        Where its parts lie.
    say : callable
        Gets a line for each report that can run: what its data are.
    """

    def deeper(job: Job, design: str) -> list[tuple[tuple[str, ...], str]]:
        allowed = _DESIGNS.get(_study(job), (design,))
        if design not in allowed:
            reason = f"design is {design!r}, but notebook {job.notebook.stem!r} is for "
            return [(("design",), f"{reason}{' or '.join(allowed)} programmes")]
        try:
            done = ledger.done(job.folder(project.runs))
        except EvidenceError:
            done = False
        try:
            say(f"{job.label}: {' '.join(rehearse(job, project, whole=not done))}")
        except EvidenceError as error:
            return [_placed(fault, job, project) for fault in error.faults]
        return []

    with reading_once():
        return check_register(project, deeper)


def rehearse(job: Job, project: Project, *, whole: bool = True) -> list[str]:
    """Open the data of a report and go through it as its notebook does.

    Parameters
    ----------
    job : Job
        The report.
    project : Project
        Where its data lie.
    whole : bool
        Whether to answer its questions too, and not only to read.

    Returns
    -------
    list of str
        What was found, a sentence each.

    Raises
    ------
    EvidenceError
        All that is wrong.
    """
    faults = Faults()
    kind = _study(job)
    if not kind:  # a notebook of another make: its files can be opened at least
        for file in job.inputs:
            with faults.note():
                file_kinds.described(project.data / file)
        faults.settle()
        return []
    plan = job.parameters | {"data": str(project.data), "run_id": job.run_id}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with _in_one_line():
            study = getattr(evidence, kind).read(str(project.data), plan)
        for name in study.essentials if whole else ():
            with faults.note(), _in_one_line():
                getattr(study, name)
        for question in study.questions if whole and not study.essentials else ():
            with faults.note(), _in_one_line():
                study.parts(question)
    faults.settle()
    return _read(study)


def _read(study: evidence.Trial | evidence.Impact | Watching) -> list[str]:
    """Say what the data of a study are."""
    if isinstance(study, Watching) and not isinstance(study, evidence.Monitoring):
        return [
            f"{len(one):,} rows of {name}."
            for name, one in study.tables.items()
            if isinstance(one, pd.DataFrame)
        ]
    table = study.table
    if isinstance(study, evidence.Impact):
        years = ", ".join(map(str, sorted(table["year"].unique())))
        return [f"{table['urn'].nunique():,} schools in {years}.", *study.named]
    if isinstance(study, evidence.Monitoring):
        return [f"{table['area'].nunique():,} areas at {table['order'].nunique():,} times."]
    arms = table[study.arms["treatment"]].value_counts().sort_index()
    said = ", ".join(f"{arm} {n:,}" for arm, n in arms.items())
    column = study.primary["cluster"]
    groups = f" in {table[column].nunique():,} clusters of {column}" if column else ""
    return [f"{len(table):,} pupils{groups}: {said}."]


@contextmanager
def _in_one_line() -> Iterator[None]:
    try:
        yield
    except EvidenceError:
        raise
    except Exception as error:
        raise EvidenceError(f"the report fails ({type(error).__name__})") from None


def _study(job: Job) -> str:
    """Return the study that a notebook reads its data with, "" where it is of another make."""
    found = _STUDY.search(job.notebook.read_text(encoding="utf-8"))
    return found[1] if found else ""


def _placed(fault: str, job: Job, project: Project) -> tuple[tuple[str, ...], str]:
    """Return the key that a fault is mended at, and the fault, which names it."""
    keys = _place(fault, job, project)
    named = re.search(rf"\b{keys[0]}\b(?!\.)", fault)  # and not as part of a file's name
    return keys, fault if named else f"{keys[0]}: {fault}"


def _place(fault: str, job: Job, project: Project) -> tuple[str, ...]:
    for name, value in job.parameters.items():
        for file in leaves(value):
            if file in job.inputs and str(project.data / file) in fault:
                return (name,)
    word = fault.removeprefix("plan: ").replace("=", " ").replace(":", " ").split()[0]
    quoted = _WORD.findall(fault)
    for position, outcome in enumerate(job.parameters.get("outcomes", ())):
        if word in ("outcomes", "column", "columns", "data") and outcome["name"] in quoted:
            return ("outcomes", str(position), "name")
    if word in job.parameters:
        return (word,)
    others = {n: v for n, v in job.parameters.items() if n not in _SAID}
    for name, value in sorted(others.items(), key=lambda other: isinstance(other[1], list | dict)):
        if {*quoted, *_YEAR.findall(fault)} & {*map(str, leaves(value))}:
            return (name,)
    return ("notebook",)
