"""The register of programmes: what is analysed, for which cohorts, from which files.

`programmes.toml` is read once and checked whole before anything runs. Each fault is one line with
the file, the line in it, the reason and the nearest allowed name.
"""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from evidence.data.schema import EFFECT_UNITS
from evidence.errors import EvidenceError, nearest

DESIGNS = ("randomised", "matched", "staggered", "survey", "monitoring")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A measured outcome of a programme.

    Parameters
    ----------
    name : str
        Column in the data.
    title : str
        What people call it.
    unit : {"sd", "pp", "points", "score"}
        Unit in which the estimate is reported.
    smallest_worthwhile : float
        Smallest effect, in `unit`, that would make the programme worth carrying on.
    primary : bool
        Whether it decides the verdict; one outcome of each programme does.
    attainment : bool
        Whether it may be translated into months of progress.
    sd : float
        Standard deviation of the outcome among pupils, to give an effect size where schools'
        means are analysed; 0 where not known.
    """

    name: str
    title: str
    unit: str
    smallest_worthwhile: float
    primary: bool = False
    attainment: bool = True
    sd: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Cohort:
    """A group of schools or pupils who took part at one time, with its own files.

    Parameters
    ----------
    name : str
        Short id: letters, digits and hyphens.
    title : str
        What people call it.
    files : dict
        Notebook parameter to path, or list of paths, relative to the data folder.
    parameters : dict
        Notebook parameters of this cohort alone.
    timeout : float
        Seconds after which its report is given up; 0: the programme's.
    """

    name: str
    title: str
    files: dict[str, Any]
    parameters: dict[str, Any] = field(default_factory=dict)
    timeout: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Programme:
    """A programme: who ran it, what it costs, how it is analysed, with which cohorts.

    Parameters
    ----------
    name : str
        Short id: letters, digits and hyphens; also its id in participation files.
    title, phase, lead, about, ask_next : str
        What people read.
    claim : str
        What a report has said of it: examined, not repeated.
    cost : float
        Pounds a pupil a year.
    design : {"randomised", "matched", "staggered", "survey", "monitoring"}
        How pupils or schools came to take part.
    notebook : str
        The notebook in `notebooks/` that answers its question.
    simulated : bool
        Whether the data are simulated; shown wherever the results are.
    public : bool
        Whether the pupils' data themselves are published for everybody, as Project STAR's are.
    automatic : bool
        Whether results may be released without a reviewer: simulated or public data only.
    subgroups : list of str
        Columns that split the pupils.
    parameters : dict
        Notebook parameters of every cohort.
    timeout : float
        Seconds after which a report is given up; 0: what `evidence run --timeout` says.
    outcomes : tuple of Outcome
        One of them primary.
    cohorts : tuple of Cohort
        At least one.
    """

    name: str
    title: str
    phase: str
    lead: str
    about: str
    cost: float
    design: str
    notebook: str
    outcomes: tuple[Outcome, ...]
    cohorts: tuple[Cohort, ...]
    simulated: bool = False
    public: bool = False
    automatic: bool = False
    ask_next: str = ""
    claim: str = ""
    subgroups: list[str] = field(default_factory=list)
    parameters: dict[str, Any] = field(default_factory=dict)
    timeout: float = 0.0

    def card(self) -> dict[str, Any]:
        """Return what may be shown of the programme: nothing of how its reports are run."""
        hidden = ("parameters", "timeout")
        card = {key: value for key, value in asdict(self).items() if key not in hidden}
        card["cohorts"] = [{"name": c.name, "title": c.title} for c in self.cohorts]
        card["outcomes"] = [asdict(outcome) for outcome in self.outcomes]
        return card


def load(path: str | Path) -> tuple[Programme, ...]:
    """Read and check the register.

    Parameters
    ----------
    path : str or Path
        The TOML file.

    Returns
    -------
    tuple of Programme
        In the order of the file.

    Raises
    ------
    EvidenceError
        The file is missing or is not TOML, a key is unknown, missing or of the wrong type, a word
        is not one of those allowed, names repeat, or not exactly one outcome is primary.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
        tree = tomllib.loads(text)
    except FileNotFoundError:
        raise EvidenceError(f"{path}: no such register; name one with --register FILE") from None
    except UnicodeDecodeError:
        raise EvidenceError(f"{path}: not UTF-8 text; save it as UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise EvidenceError(f"{path}: not valid TOML: {error}") from None
    reader = _Reader(path, text.splitlines())
    reader.known(tree, ["programme"], ())
    programmes = tree.get("programme", {})
    if not isinstance(programmes, dict) or not programmes:
        raise EvidenceError(f"{path}: no programme; add one as [programme.NAME]")
    return tuple(reader.programme(name, body) for name, body in programmes.items())


class _Reader:
    """Turns TOML tables into the classes above, and says where a fault stands."""

    def __init__(self, path: Path, lines: list[str]) -> None:
        self.path, self.lines = path, lines

    def fault(self, where: tuple[str, ...], key: str, reason: str) -> EvidenceError:
        return EvidenceError(f"{self.path}, line {self.line(where, key)}: {reason}")

    def line(self, where: tuple[str, ...], key: str) -> int:
        """Find the line of `key` in the table `where`, for a person to go to.

        `where` is the header's dotted path; its last part may be a position in a list of tables.
        """
        *path, last = where or ("",)
        position = int(last) if last.isdigit() else 0
        header = ".".join(path if last.isdigit() else where)
        here, seen, found = not where, -1, 1
        for number, line in enumerate(self.lines, start=1):
            if match := re.match(r"\s*\[\[?\s*([^\]]+?)\s*\]", line):
                name = match[1].replace('"', "").replace(" ", "")
                seen += name == header
                here = name == header and seen == position
                if here or (name == f"{header}.{key}" and seen == position):
                    found = number
                if where and key and name == ".".join((header, key)):
                    return number
            elif here and re.match(rf'\s*"?{re.escape(key)}"?\s*[=.]', line):
                return number
        return found

    def known(self, table: Mapping, allowed: Iterable[str], where: tuple[str, ...]) -> None:
        allowed = list(allowed)
        for key in table:
            if key not in allowed:
                raise self.fault(where, key, f"unknown key {key!r}; {nearest(key, allowed)}")

    def build(self, cls: type, table: Any, where: tuple[str, ...], **extra: Any) -> Any:
        """Make one of the classes above from a table, checking every key and type."""
        if not isinstance(table, dict):
            raise self.fault(where, "", "must be a table of keys and values")
        specs = {f.name: f for f in fields(cls) if f.name not in extra}
        self.known(table, specs, where)
        for key, spec in specs.items():
            if key not in table:
                if spec.default is MISSING and spec.default_factory is MISSING:
                    raise self.fault(where, "", f"{'.'.join(where)} needs the key {key!r}")
            elif not _fits(table[key], str(spec.type)):
                raise self.fault(
                    where, key, f"{key} must be {_WORDS[_kind(spec.type)]}, not {table[key]!r}"
                )
        return cls(**table, **extra)

    def programme(self, name: str, body: dict) -> Programme:
        where = ("programme", name)
        self.check_name(name, where, "")
        if not isinstance(body, dict):
            raise self.fault(where, "", "must be a table of keys and values")
        body = dict(body)
        outcomes = self.rows(Outcome, body.pop("outcomes", []), (*where, "outcomes"))
        cohorts = self.rows(Cohort, body.pop("cohorts", []), (*where, "cohorts"))
        made = self.build(Programme, body, where, name=name, outcomes=outcomes, cohorts=cohorts)
        if made.design not in DESIGNS:
            raise self.fault(
                where, "design", f"design is {made.design!r}; {nearest(made.design, DESIGNS)}"
            )
        if made.automatic and not (made.simulated or made.public):
            raise self.fault(
                where,
                "automatic",
                "automatic is for data that are simulated or public; remove it, and release with "
                "--reviewer NAME",
            )
        if not 0 <= made.cost < math.inf:
            raise self.fault(where, "cost", f"cost is {made.cost}; pounds, 0 or more, are needed")
        for place, timed in ((where, made), *(
            ((*where, "cohorts", str(i)), cohort) for i, cohort in enumerate(cohorts)
        )):  # fmt: skip
            if not 0 <= timed.timeout < math.inf:
                raise self.fault(
                    place, "timeout", f"timeout is {timed.timeout}; seconds, 0 or more, are needed"
                )
        if not made.title.strip():
            raise self.fault(where, "title", "title is empty; people read it")
        for place, outcome in enumerate(outcomes):
            if not 0 < outcome.smallest_worthwhile < math.inf:
                raise self.fault(
                    (*where, "outcomes", str(place)),
                    "smallest_worthwhile",
                    f"smallest_worthwhile is {outcome.smallest_worthwhile}; it must be above 0",
                )
            if outcome.unit not in EFFECT_UNITS:
                raise self.fault(
                    (*where, "outcomes", str(place)),
                    "unit",
                    f"unit is {outcome.unit!r}; {nearest(outcome.unit, EFFECT_UNITS)}",
                )
        for place, cohort in enumerate(cohorts):
            self.check_name(cohort.name, (*where, "cohorts", str(place)), "name")
        for kind, rows in (("outcomes", outcomes), ("cohorts", cohorts)):
            names = [row.name for row in rows]
            if again := next((n for n in names if names.count(n) > 1), None):
                raise self.fault(where, kind, f"{name} has two {kind} named {again!r}")
        if made.design != "monitoring" and sum(outcome.primary for outcome in outcomes) != 1:
            raise self.fault(where, "outcomes", f"{name} needs exactly one primary outcome")
        return made

    def rows(self, cls: type, tables: Any, where: tuple[str, ...]) -> tuple:
        if not isinstance(tables, list) or (not tables and cls is Cohort):
            raise self.fault(where[:-1], where[-1], f"needs at least one [[{'.'.join(where)}]]")
        return tuple(self.build(cls, t, (*where, str(i))) for i, t in enumerate(tables))

    def check_name(self, name: str, where: tuple[str, ...], key: str) -> None:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9-]*", name):
            raise self.fault(
                where, key, f"name {name!r}: use letters, digits and hyphens, no spaces"
            )


_WORDS = {
    "str": "text in quotes",
    "float": "a number",
    "bool": "true or false",
    "list": "a list of texts",
    "dict": "a table",
}


def _kind(annotation: Any) -> str:
    return str(annotation).split("[", 1)[0]


def _fits(value: Any, annotation: str) -> bool:
    kind = _kind(annotation)
    if kind == "float":
        return isinstance(value, int | float) and not isinstance(value, bool)
    if kind == "list":
        return isinstance(value, list) and all(isinstance(item, str) for item in value)
    return isinstance(value, {"str": str, "bool": bool, "dict": dict}[kind])
