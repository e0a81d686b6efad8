"""The register of programmes: what is analysed, for which cohorts, from which files.

`programmes.toml` is read once and checked whole before anything runs. Each fault is one line with
the file, the line in it, the reason and the nearest allowed name.
"""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import MISSING, asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from evidence.data.file_sets import FileSets
from evidence.data.schema import EFFECT_UNITS
from evidence.errors import EvidenceError, nearest

_MOST = {"sd": 3, "pp": 100}  # no programme changes more
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

    def own_faults(self) -> Iterator[tuple[str, str]]:
        """Give the key and the reason of each value that is not allowed."""
        if not 0 < self.smallest_worthwhile < math.inf:
            reason = f"smallest_worthwhile is {self.smallest_worthwhile}; it must be above 0"
            yield "smallest_worthwhile", reason
        most = _MOST.get(self.unit, math.inf)
        if most < self.smallest_worthwhile < math.inf:
            reason = f"smallest_worthwhile is {self.smallest_worthwhile}; {self.unit} go to {most}"
            yield "smallest_worthwhile", f"{reason}: is it in another unit?"
        if not 0 <= self.sd < math.inf:
            yield "sd", f"sd is {self.sd}; a number above 0 is needed, or 0 where it is not known"
        if self.unit not in EFFECT_UNITS:
            yield "unit", f"unit is {self.unit!r}; allowed: {', '.join(EFFECT_UNITS)}"


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
        Notebook parameter to path, or list of paths, relative to the data folder. In the file a
        path may be a range, ``"ks2_{2015..2019}.csv"``, or ``"@name"`` for a set under ``[files]``.
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

    def own_faults(self) -> Iterator[tuple[str, str]]:
        """Give the key and the reason of each value that is not allowed."""
        yield from _common_faults(self)


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
    cost : float, optional
        Pounds a pupil a year, all in, over three years; absent where nobody has worked it out.
    set_up : float
        Pounds of it that are spent once.
    pupils : float
        Pupils reached each year, to the nearest ten, since it is shown; 0 where not known.
    design : {"randomised", "matched", "staggered", "survey", "monitoring"}
        How pupils or schools came to take part.
    notebook : str
        The notebook in `notebooks/` that answers its question.
    simulated : bool
        Whether the data are simulated; shown wherever the results are.
    public : bool
        Whether the pupils' data themselves are published for everybody, as Project STAR's are.
    published : str
        Where its figures are published already, such as "DfE, SEN2, Open Government Licence": they
        leave as they are. "" for figures of one's own, which disclosure control protects.
    units : list of str
        Units of its figures that give back no number of pupils, such as "points", or "% of schools"
        and "schools", which are public. A value in any other unit is protected as a rate of pupils.
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
    design: str
    notebook: str
    outcomes: tuple[Outcome, ...]
    cohorts: tuple[Cohort, ...]
    cost: float | None = None
    simulated: bool = False
    public: bool = False
    published: str = ""
    units: list[str] = field(default_factory=list)
    automatic: bool = False
    ask_next: str = ""
    claim: str = ""
    set_up: float = 0.0
    pupils: float = 0.0
    subgroups: list[str] = field(default_factory=list)
    parameters: dict[str, Any] = field(default_factory=dict)
    timeout: float = 0.0

    @property
    def primary(self) -> Outcome | None:
        """The outcome that decides; None where nothing is decided."""
        return next((outcome for outcome in self.outcomes if outcome.primary), None)

    def costed(self) -> dict[str, Any]:
        """Return what a report that puts results together is told of the programme."""
        names = ("title", "cost", "set_up", "pupils", "simulated")
        told = {name: getattr(self, name) for name in names}
        told["cohorts"] = {cohort.name: cohort.title for cohort in self.cohorts}
        told["outcomes"] = {outcome.name: outcome.title for outcome in self.outcomes}
        return told | {"worthwhile": self.primary.smallest_worthwhile}

    def card(self) -> dict[str, Any]:
        """Return what may be shown of the programme: nothing of how its reports are run."""
        hidden = ("parameters", "timeout")
        card = {key: value for key, value in asdict(self).items() if key not in hidden}
        card["cohorts"] = [{"name": c.name, "title": c.title} for c in self.cohorts]
        card["outcomes"] = [asdict(outcome) for outcome in self.outcomes]
        return card

    def own_faults(self) -> Iterator[tuple[str, str]]:
        """Give the key and the reason of each value that is not allowed, its rows apart."""
        yield from _common_faults(self)
        if self.design not in DESIGNS:
            yield "design", f"design is {self.design!r}; {nearest(self.design, DESIGNS)}"
        if self.automatic and not (self.simulated or self.public):
            yield (
                "automatic",
                "automatic is for data that are simulated or public; remove it, and release with "
                "--reviewer NAME",
            )
        if self.cost is not None and not 0 <= self.cost < math.inf:
            yield "cost", f"cost is {self.cost}; pounds, 0 or more, are needed"
        if not 0 <= self.pupils < math.inf or self.pupils % 10:
            reason = "pupils reached a year are needed, to the nearest ten"
            yield "pupils", f"pupils is {self.pupils}; {reason}"
        elif not 0 <= self.set_up <= 3 * (self.cost or 0) * self.pupils * (1 + 1e-9):
            yield (
                "set_up",
                f"set_up is {self.set_up}; pounds, 0 or more, are needed that are part of cost x "
                f"pupils x 3 years, here {3 * (self.cost or 0) * self.pupils:,.0f}",
            )
        if self.published and len(self.published.strip()) < 3:
            reason = "names where the figures are published, such as 'DfE, SEN2'"
            yield "published", f"published is {self.published!r}; it {reason}"
        if not self.title.strip():
            yield "title", "title is empty; people read it"

    def row_faults(self) -> Iterator[tuple[str, str]]:
        """Give the key and the reason of what is wrong with its outcomes or cohorts together."""
        for kind, rows in (("outcomes", self.outcomes), ("cohorts", self.cohorts)):
            names = [row.name for row in rows]
            if again := next((n for n in names if names.count(n) > 1), None):
                yield kind, f"{self.name} has two {kind} named {again!r}"
        if self.design != "monitoring" and sum(o.primary for o in self.outcomes) != 1:
            yield "outcomes", f"{self.name} needs exactly one primary outcome"


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
        is not one of those allowed, names repeat, not exactly one outcome is primary, or a set of
        files is unknown or a range no range: the first fault, with how many more there are.
    """
    register = Register(path)
    refuse([message for _, message in register.faults])
    return register.programmes


def refuse(faults: Sequence[str]) -> None:
    """Raise the first of `faults`, with how many more there are; do nothing without any."""
    if faults:
        more = f" (and {len(faults) - 1} more: evidence check)" if len(faults) > 1 else ""
        raise EvidenceError(faults[0] + more)


class Register:
    """A register as read: its programmes, and every fault with its line.

    Parameters
    ----------
    path : str or Path
        The TOML file.

    Attributes
    ----------
    programmes : tuple of Programme
        Those without a fault, their files written out.
    faults : list of tuple of int and str
        Line and whole message, in order of the lines.

    Raises
    ------
    EvidenceError
        The file is missing, is not TOML, or names no programme.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        try:
            text = self.path.read_text(encoding="utf-8")
            tree = tomllib.loads(text)
        except FileNotFoundError:
            raise EvidenceError(
                f"{path}: no such register; go to the project's folder, begin a project with "
                "evidence start FILE, or name a register with --register FILE"
            ) from None
        except UnicodeDecodeError:
            raise EvidenceError(f"{path}: not UTF-8 text; save it as UTF-8") from None
        except tomllib.TOMLDecodeError as error:
            raise EvidenceError(f"{path}: not valid TOML: {error}") from None
        self._lines = _lines(text)
        self.faults: list[tuple[int, str]] = []
        self.programmes: tuple[Programme, ...] = ()
        if not self._unknown(tree, ("files", "programme"), ()):
            programmes = tree.get("programme", {})
            if not isinstance(programmes, dict) or not programmes:
                raise EvidenceError(f"{path}: no programme; add one as [programme.NAME]")
            self._sets = FileSets(tree.get("files", {}), self.note)
            read = [self._programme(name, body) for name, body in programmes.items()]
            self.programmes = tuple(programme for programme in read if programme)
        self.faults.sort(key=lambda fault: fault[0])

    def fault(self, where: Sequence[str], reason: str) -> tuple[int, str]:
        """Return the line of the key `where` (or of the table that holds it), and the message."""
        line = next(
            (self._lines[place] for end in range(len(where), 0, -1)
             if (place := tuple(where[:end])) in self._lines), 1)  # fmt: skip
        return line, f"{self.path}, line {line}: {reason}"

    def note(self, where: Sequence[str], reason: str) -> None:
        """Add a fault of the key `where`."""
        self.faults.append(self.fault(where, reason))

    def _programme(self, name: str, body: Any) -> Programme | None:
        """Check one programme whole; None when anything in it is at fault."""
        where, before = ("programme", name), len(self.faults)
        if not isinstance(body, dict):
            return self.note(where, "must be a table of keys and values")
        body = dict(body)
        outcomes = self._rows(Outcome, body.pop("outcomes", []), (*where, "outcomes"))
        cohorts = self._rows(Cohort, body.pop("cohorts", []), (*where, "cohorts"))
        rows = {"outcomes": outcomes or (), "cohorts": cohorts or ()}
        programme = self._build(Programme, body, where, name=name, **rows)
        if programme and None not in (outcomes, cohorts):
            for key, reason in programme.row_faults():
                self.note((*where, key), reason)
        return programme if len(self.faults) == before else None

    def _rows(self, cls: type, tables: Any, where: tuple[str, ...]) -> tuple | None:
        """Build a row a table; None when one of them is at fault."""
        if not isinstance(tables, list) or (not tables and cls is Cohort):
            return self.note(where, f"needs at least one [[{'.'.join(where)}]]")
        rows = tuple(self._build(cls, t, (*where, str(i))) for i, t in enumerate(tables))
        return None if None in rows else rows

    def _build(self, cls: type, table: Any, where: tuple[str, ...], **extra: Any) -> Any:
        """Make one of the classes above from a table; None when a key of it is at fault."""
        if not isinstance(table, dict):
            return self.note(where, "must be a table of keys and values")
        before = len(self.faults)
        specs = {f.name: f for f in fields(cls) if f.name not in extra}
        hints = self._unknown(table, specs, where)
        for key, spec in specs.items():
            words, fits = _KINDS[str(spec.type).partition("[")[0].partition(" | ")[0]]
            if key not in table:
                needed = spec.default is MISSING and spec.default_factory is MISSING
                if needed and nearest(key, [key]) not in hints:  # not misspelt: left out
                    self.note(where, f"{_label(where, table)} needs the key {key!r}")
            elif not fits(table[key]):
                self.note((*where, key), f"{key} must be {words}, not {table[key]!r}")
        if len(self.faults) > before:
            return None
        row = cls(**table, **extra)
        if cls is Cohort:
            files = {
                key: self._sets.write_out(value, (*where, "files", key))
                for key, value in row.files.items()
            }
            row = replace(row, files=files)
        for key, reason in row.own_faults():
            self.note((*where, key), reason)
        return row if len(self.faults) == before else None

    def _unknown(self, table: Mapping, allowed: Iterable[str], where: tuple[str, ...]) -> list[str]:
        """Note the keys of `table` that are not allowed, and return the hint of each."""
        hints = {key: nearest(key, allowed) for key in table if key not in allowed}
        for key, hint in hints.items():
            self.note((*where, key), f"unknown key {key!r}; {hint}")
        return list(hints.values())


def _lines(text: str) -> dict[tuple[str, ...], int]:
    """Find the line of each table and key of a TOML text, for a person to go to.

    A place is the path of its keys; the name of a list of tables is followed by the position in it.
    """
    lines: dict[tuple[str, ...], int] = {}
    latest: dict[tuple[str, ...], int] = {}  # of each list of tables, the last position so far
    table: tuple[str, ...] = ()
    for number, line in enumerate(text.splitlines(), start=1):
        header, keys = _HEADER.match(line), _KEYS.match(line)
        path = table if keys and not header else ()
        names = [name.strip("\"'") for name in _NAME.findall((header or keys or [""])[0])]
        for place, name in enumerate(names, start=1):
            path = (*path, name)
            lines.setdefault(path, number)
            if header and line.lstrip().startswith("[[") and place == len(names):
                latest[path] = latest.get(path, -1) + 1
            if path in latest:
                path = (*path, str(latest[path]))
                lines.setdefault(path, number)
        table = path if header else table
    return lines


def _common_faults(row: Cohort | Programme) -> Iterator[tuple[str, str]]:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9-]*", row.name):
        yield "name", f"name {row.name!r}: use letters, digits and hyphens, no spaces"
    if not 0 <= row.timeout < math.inf:
        yield "timeout", f"timeout is {row.timeout}; seconds, 0 or more, are needed"


def _label(where: tuple[str, ...], table: Mapping) -> str:
    """Say which table of the register `where` is."""
    _, programme, *row = where
    if not row:
        return programme
    name = repr(table["name"]) if "name" in table else int(row[1]) + 1
    return f"{row[0].removesuffix('s')} {name} of {programme}"


_NAME = re.compile(r"""[A-Za-z0-9_-]+|"[^"]*"|'[^']*'""")
_DOTTED = rf"(?:{_NAME.pattern})(?:\s*\.\s*(?:{_NAME.pattern}))*"
_HEADER = re.compile(rf"\s*\[\[?\s*{_DOTTED}(?=\s*\]\]?\s*(?:#.*)?$)")
_KEYS = re.compile(rf"\s*{_DOTTED}(?=\s*=)")
_KINDS: dict[str, tuple[str, Callable[[Any], bool]]] = {  # of a key: words, and whether it is one
    "str": ("text in quotes", lambda value: isinstance(value, str)),
    "float": (
        "a number",
        lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    ),
    "bool": ("true or false", lambda value: isinstance(value, bool)),
    "list": (
        "a list of texts",
        lambda value: isinstance(value, list) and all(isinstance(item, str) for item in value),
    ),
    "dict": ("a table", lambda value: isinstance(value, dict)),
}
