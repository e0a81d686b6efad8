"""A programme's plan proposed from a list of its schools and results tables of several years."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from evidence.data import file_kinds, official_tables, participation_files, school_years
from evidence.errors import EvidenceError, Faults, nearest
from evidence.show.words import counted, slug
from evidence.studies.column_names import CONTROL
from evidence.studies.trial_proposal import Proposal, Question

_NOT_IN = re.compile(
    r"withdr\w*|dropped( out)?|left|declined|inactive|not (started|participating|taking part)"
    r"|refused|closed|excluded|ineligible|reserve|pending|planned",
    re.I,
)
_OUTCOMES = {  # headline measures: title, unit, smallest effect worth having
    "PTRWM_EXP": ("Reading, writing and maths, expected standard", "pp", 3.0),
    "PTREAD_EXP": ("Reading, expected standard", "pp", 3.0),
    "PTMAT_EXP": ("Maths, expected standard", "pp", 3.0),
    "PTWRITTA_EXP": ("Writing, expected standard", "pp", 3.0),
    "READPROG": ("Progress in reading", "points", 0.6),
    "MATPROG": ("Progress in maths", "points", 0.6),
    "ATT8SCR": ("Attainment 8", "points", 1.0),
    "P8MEA": ("Progress 8", "points", 0.1),
}
_CONTEXT = {
    "TKS1AVERAGE": "Key Stage 1 average",
    "PTFSM6CLA1A": "Disadvantaged pupils",
    "PSENELK": "SEN Support",
    "PSENELE": "Education, health and care plans",
    "PTEALGRP2": "English as an additional language",
}
_QUESTIONS = {
    "outcome": "Which column is the result that the programme was to change?",
    "programme": "Which programme is asked about?",
    "grid": "Which column says yes of the schools that took part in it?",
    "start": "When did it start: which is the first school year in which it ran?",
}


def propose(
    file: Path, tables: Sequence[str], answers: Mapping[str, str]
) -> tuple[Proposal, pd.DataFrame, dict[int, Path]]:
    """Propose the plan of a programme, a cohort a year in which schools started.

    Parameters
    ----------
    file : Path
        Who took part, as :func:`evidence.data.participation_files.participation` reads it.
    tables : sequence of str
        Performance tables, or folders of them; ``2017=FILE`` where a file does not say its year.
    answers : mapping
        `outcome`, `programme`, `start` and `chosen` where they are known.

    Returns
    -------
    proposal : Proposal
        Its plan has `cohorts`, the years in which schools started.
    spells : DataFrame
        Columns `urn`, `programme` (as the register names them), `start` and `end`.
    tables : dict
        Year in which the school year ends, to its table.

    Raises
    ------
    EvidenceError
        A file cannot be read, a table is of no known kind or year, or an answer fits nothing: every
        fault.
    """
    faults, out, years = Faults(), Proposal(), {}
    with faults.note():
        kind, years, columns = _tables(tables, out)
    with faults.note():
        spells = _spells(file, answers, years, out)
    faults.settle()
    out.said.append(f"tables of {', '.join(map(str, years))} (years in which school years end)")
    outcome = answers.get("outcome", "").upper()
    if outcome and outcome not in columns:
        raise EvidenceError(
            f"--outcome: not all tables have a column {outcome!r}; {nearest(outcome, columns)}"
        )
    headline = [name for name in _OUTCOMES if name in columns]
    if not outcome and len(headline) == 1:
        outcome = headline[0]
    if not outcome:
        called = {name: _OUTCOMES[name][0] for name in headline}
        out.questions.append(Question("outcome", _QUESTIONS["outcome"], tuple(headline), called))
    programme = _programme(spells, answers, out)
    own = spells[spells["programme"] == programme]
    cohorts = _cohorts(own, years, out) if programme and not own.empty else []
    percent = outcome.startswith("PT")
    title, unit, size = _OUTCOMES.get(
        outcome, (outcome, "pp" if percent else "points", 3.0 if percent else 0.6)
    )
    out.said.append(
        f"{size:g} {'percentage points' if unit == 'pp' else unit} is taken as the smallest effect "
        "worth having; change it if not"
    )
    context = [name for name in _CONTEXT if name in columns]
    out.plan = {
        "programme": programme, "kind": kind, "years": list(years), "context": context,
        "labels": {name: _CONTEXT[name] for name in context}, "cohorts": cohorts,
        "chosen": answers.get("chosen", ""), "outcomes": [{
            "name": outcome, "title": title, "unit": unit, "smallest_worthwhile": size,
            "primary": True,
        }],
    }  # fmt: skip
    return out, spells, years


def _tables(given: Sequence[str], out: Proposal) -> tuple[str, dict[int, Path], list[str]]:
    """Return the kind of the tables, each by its year, and the columns that all of them have."""
    faults, found, kinds, shared, others = Faults(), {}, set(), None, 0
    for said, path, inside in _files(given):
        with faults.note():
            kind = file_kinds.guessed(path)
            if kind is None or kind.name not in ("ks2", "ks4"):
                if inside:
                    others += 1
                    continue
                raise EvidenceError(f"{path}: is no performance table of key stage 2 or 4")
            names = official_tables.columns(path)
            year = said or school_years.of_table(names) or _of_name(path)
            if year is None:
                raise EvidenceError(
                    f"{path}: does not say of which year it is; say --tables 2017={path.name} "
                    "(2017 for 2016/17)"
                )
            if year in found:
                raise EvidenceError(f"{path}: is of {year}, as is {found[year]}; give one a year")
            found[year] = path
            kinds.add(kind.name)
            shared = names if shared is None else [name for name in shared if name in names]
    faults.settle()
    if others:
        out.said.append(f"{counted(others, 'other file')} in the folder left alone")
    if not kinds:
        raise EvidenceError("--tables: none is a performance table of key stage 2 or 4")
    if len(kinds) != 1:
        raise EvidenceError("--tables: give tables of key stage 2 or of key stage 4, not both")
    return kinds.pop(), dict(sorted(found.items())), shared or []


def _files(given: Sequence[str]) -> list[tuple[int | None, Path, bool]]:
    """Return the year where it was said, the file, and whether it is one of a folder's."""
    found: list[tuple[int | None, Path, bool]] = []
    for each in given:
        year, sign, name = each.partition("=")
        said = int(year) if sign and year.isdecimal() else None
        path = Path(name if said else each)
        if path.is_dir():
            found += [(None, file, True) for file in sorted(path.iterdir()) if file.is_file()]
        else:
            found.append((said, path, False))
    if not found:
        raise EvidenceError("--tables: name performance tables, one a year, or a folder of them")
    return found


def _of_name(path: Path) -> int | None:
    """Return the year that the name of a file says, None where it says none or several."""
    spans = re.findall(r"(?<!\d)(20\d\d[-_]20\d\d|20\d\d[-_]\d\d|20\d\d)(?!\d)", path.stem)
    ends = {school_years.ends(span.replace("_", "-")) for span in spans}
    return ends.pop() if len(ends) == 1 else None


def _spells(
    file: Path, answers: Mapping[str, str], years: Mapping[int, Path], out: Proposal
) -> pd.DataFrame:
    """Read who took part; ask for a start since the first table where the file says none."""
    name = answers.get("programme", "") or file.name.partition(".")[0]
    nobody = pd.DataFrame({"urn": [], "programme": [], "start": [], "end": []})
    start = school_years.ends(answers.get("start", ""))
    if answers.get("start") and start is None:
        raise EvidenceError(f"--start: {participation_files.YEAR}")
    others, grid = participation_files.others(file), participation_files.programmes(file)
    if len(grid) and not answers.get("programme"):
        out.questions.append(Question("programme", _QUESTIONS["grid"], tuple(grid)))
        return nobody
    unread = {name: labels for name, labels in others.items() if name not in grid}
    _all_took_part(file, unread)
    if unread:
        out.said.append(f"columns of the list that are not read: {', '.join(unread)}")
    try:
        spells = participation_files.participation(file, programme=name, start=start)
    except EvidenceError:
        if start is not None:
            raise
        try:  # is it only the start that is missing?
            participation_files.participation(file, programme=name, start=2000)
        except EvidenceError:
            pass
        else:
            for column, cells in unread.items():
                if all(school_years.ends(cell, 8) for cell in cells):
                    raise EvidenceError(
                        f"{file}: column {column} holds school years; call it start if schools "
                        "began then, or say --start"
                    )
            after = tuple(f"{year - 1}/{year % 100:02d}" for year in [*years][1:])
            out.questions.append(Question("start", _QUESTIONS["start"], after))
            return nobody
        raise
    _one_cell_one_programme(file, spells)
    return spells.assign(programme=[slug(each, "programme") for each in spells["programme"]])


def _all_took_part(file: Path, columns: Mapping[str, list[str]]) -> None:
    """Refuse a list that says of some schools that they did not take part."""
    for column, cells in columns.items():
        labels = {*cells}
        for label in sorted(labels) if len(labels) < min(8, len(cells)) else ():
            if CONTROL.fullmatch(label) or _NOT_IN.fullmatch(label):
                raise EvidenceError(
                    f"{file}: column {column} says {label!r} of some schools; leave out the rows "
                    "of schools that did not take part, or the column if all did"
                )


def _one_cell_one_programme(file: Path, spells: pd.DataFrame) -> None:
    names = {slug(each, "programme"): each for each in spells["programme"].unique()}
    for each in names.values():
        parts = {slug(part, "programme") for part in re.split(r"[;,/&+|]| and ", each)}
        if len(parts) > 1 and parts & names.keys():
            raise EvidenceError(
                f"{file}: column programme says {each!r} of a school; give each programme a row"
            )
    own = spells.sort_values("start")
    later = own.duplicated(["urn", "programme"])
    open_ended = own.groupby(["urn", "programme"])["end"].shift().isna()
    if (again := later & open_ended).any():
        urn = own.loc[again, "urn"].iloc[0]
        raise EvidenceError(
            f"{file}: school {urn} starts again before it ended; keep the row of its first year, "
            "or say when it ended"
        )


def _programme(spells: pd.DataFrame, answers: Mapping[str, str], out: Proposal) -> str:
    names = sorted(spells["programme"].unique())
    asked = slug(answers["programme"], "programme") if answers.get("programme") else ""
    if asked and names and asked not in names:
        raise EvidenceError(f"--programme: the list has none of that name; {nearest(asked, names)}")
    if len(names) > 1 and not asked:
        out.questions.append(Question("programme", _QUESTIONS["programme"], tuple(names)))
    return asked or (names[0] if len(names) == 1 else "")


def _cohorts(own: pd.DataFrame, years: Mapping[int, Path], out: Proposal) -> list[int]:
    """Return the starts with a table before and one since; say which are left out."""
    counts = own.groupby("start")["urn"].nunique()
    first, last = min(years), max(years)
    kept = [int(start) for start in counts.index if first < start <= last]
    for start, schools in counts.items():
        said = f"{counted(schools, 'school')} that began in {start - 1}/{start % 100:02d}"
        why = "" if start in kept else ": left out, as tables before or since are missing"
        out.said.append(f"{said}{why}")
    if not kept:
        raise EvidenceError(
            f"--tables: they are of {first} to {last}, and schools began in "
            f"{', '.join(map(str, counts.index))}; give tables before and since"
        )
    return kept
