"""The plan of a study: its notebook's parameters, checked by name and type, all faults at once."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, ClassVar, Literal, TypeVar, get_args

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from evidence.data import labels
from evidence.data.labels import UNNAMED
from evidence.data.schema import EFFECT_UNITS
from evidence.errors import EvidenceError, nearest, shown
from evidence.methods.core import frames
from evidence.methods.trials.roster import DESIGNS
from evidence.studies.column_names import CALLED
from evidence.studies.strength import LEVELS, THREATS

C = TypeVar("C", bound="Checked")
P = TypeVar("P", bound="CommonPlan")
_NO_RESULTS = ("RECTYPE", "LEA", "ESTAB", "LAESTAB", "URN", "UKPRN", "TELIG", "TPUP", "SCHNAME")
_CLOSE = 0.8  # a variable of a notebook as like a parameter as this is taken for a slip
_KINDS = {
    "string_type": "a text is needed, such as 'maths'",
    "list_type": "a list is needed, such as ['maths', 'reading']",
    "dict_type": "a mapping is needed, such as {'grade': 'K'}",
    "bool_type": "True or False is needed",
    "int_type": "a whole number is needed",
    "float_type": "a number is needed",
    "greater_than": "a number above {gt} is needed",
    "greater_than_equal": "{ge} or more is needed",
    "date_type": "a day is needed, such as 2026-09-01",
    "finite_number": "a finite number is needed",
    "missing": "is missing; it is needed",
    "model_type": "a mapping is needed, such as {'name': 'maths'}",
    "too_short": "at least one is needed",
    "string_too_short": "it is needed",
    "too_long": "at most one is allowed",
}


class Checked(BaseModel):
    """Parameters that are checked by name and type."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
    # Keys on whose value no contradiction rests, and a value that is allowed (None: leave it out).
    stand_ins: ClassVar[Mapping[str, Any]] = {}

    @classmethod
    def parsed(
        cls: type[C], values: Mapping[str, Any], about: str, faults: Sequence[str] = ()
    ) -> C:
        """Return what a mapping holds; `about` says where a fault is, `faults` are known before.

        Raises
        ------
        EvidenceError
            Every fault.
        """
        found = [*faults]
        try:
            made = cls.model_validate(values)
        except ValidationError as error:
            wrong = {fault["loc"]: fault["type"] == "extra_forbidden" for fault in error.errors()}
            found += [_in_words(fault, cls) for fault in error.errors()]
            if all(extra or place[-1] in cls.stand_ins for place, extra in wrong.items()):
                with suppress(ValidationError):  # the rest is judged as well
                    sound = _mended(values, wrong, cls.stand_ins)
                    found += cls.model_validate(sound).contradictions()
        else:
            found += made.contradictions()
        if found:
            raise EvidenceError(*(f"{about}: {fault}" for fault in found))
        return made

    def contradictions(self) -> list[str]:
        """Return what cannot be meant, a sentence each."""
        return []


class Outcome(Checked):
    """An outcome as the register has it: column, words, unit and smallest worthwhile effect."""

    name: str = Field(min_length=1, description="column of the pupils' file")
    title: str = Field("", description="what people call it")
    unit: Literal[EFFECT_UNITS] = Field("sd", description="sd; pp for yes and no")  # type: ignore[valid-type]
    smallest_worthwhile: float = Field(
        gt=0, allow_inf_nan=False, description="smallest effect worth having, in that unit"
    )
    primary: bool = Field(False, description="whether it decides")
    attainment: bool = Field(True, description="whether it may be told in months of progress")
    sd: float = Field(
        default=0.0, ge=0, allow_inf_nan=False, description="among pupils, where known"
    )

    @property
    def words(self) -> str:
        """What people call it."""
        return self.title or self.name

    @property
    def entry(self) -> dict[str, Any]:
        """The register's entry of it, as `ev.effects.row` takes it."""
        return self.model_dump() | {"title": self.words}


class CommonPlan(Checked):
    """What every study is told: which programme, where to write."""

    programme: str = "exploring"
    cohort: str = "all"
    title: str = ""
    cohort_title: str = ""
    simulated: bool = False
    published: str = ""
    units: list[str] = Field(default_factory=list)
    labels: dict[str, str] = Field(default_factory=dict)
    data: str = ""
    out: str = ""
    run_id: str = "interactive"

    def called(self, name: str) -> str:
        """Return what people call a column or programme: as `labels` has it, else in words."""
        return self.labels.get(name) or CALLED.get(name) or name.replace("_", " ")

    @classmethod
    def checked(cls: type[P], given: Mapping[str, Any]) -> P:
        """Return the plan that a mapping holds.

        Parameters
        ----------
        given : mapping
            Parameter to value; None stands for the default. Or a notebook's ``globals()``, of
            which everything that is no parameter is passed over, unless it is a slip for one.

        Raises
        ------
        EvidenceError
            Parameters are missing, unknown or of the wrong kind: every fault.
        """
        names = list(cls.model_fields)
        faults = []
        if "__name__" in given:
            values = {name: given[name] for name in names if name in given}
            absent = [name for name in names if name not in given]
            for name in given:
                close = difflib.get_close_matches(name, absent, n=1, cutoff=_CLOSE)
                if close and not name.startswith("_"):
                    faults.append(f"{name} is no parameter; did you mean {close[0]!r}?")
        else:
            values = dict(given)
        return cls.parsed({k: v for k, v in values.items() if v is not None}, "plan", faults)

    def changed(self: P, **changes: Any) -> P:
        """Return the plan with some parameters changed, checked again; None is the default."""
        values = self.model_dump() | changes
        return type(self).checked(values)

    def require(
        self,
        columns: Mapping[str, str | list[str]],
        data: pd.DataFrame,
        *,
        known: bool = False,
    ) -> None:
        """Refuse a table that lacks columns, naming the parameter that asks for each.

        The names of a table that is always read with the same ones are `known`, and all told.

        Raises
        ------
        EvidenceError
            Every column that is not there.
        """
        there = [str(name) for name in data.columns]
        asked = [
            (parameter, name)
            for parameter, names in columns.items()
            for name in frames.listed(names)
            if name
        ]
        absent = [(parameter, name) for parameter, name in asked if name not in there]
        if not absent:
            return
        if known:
            allowed = ", ".join(there)
            raise EvidenceError(
                *(f"plan: {parameter}: no column {name!r} is read; allowed are {allowed}"
                  for parameter, name in absent)
            )  # fmt: skip
        named = frames.named(data, [name for _, name in asked])
        if not named and len(absent) == len(asked):
            wanted = ", ".join(dict.fromkeys(repr(name) for _, name in asked))
            raise EvidenceError(f"plan: the table has none of the columns {wanted}; {UNNAMED}")
        faults = [
            f"{parameter}: the table has no column {name!r}; "
            f"{nearest(name, there) if named else UNNAMED}"
            for parameter, name in absent
        ]
        raise EvidenceError(*(f"plan: {fault}" for fault in faults))


class Plan(CommonPlan):
    """What a study of effects is told: which outcomes, too."""

    outcomes: list[Outcome] = Field(min_length=1)
    threats: dict[Literal[THREATS], Literal[LEVELS]] = Field(default_factory=dict)  # type: ignore[valid-type]

    @classmethod
    def checked(cls: type[P], given: Mapping[str, Any]) -> P:
        """Return the plan that a mapping holds, its primary outcome first."""
        plan = super().checked(given)
        outcomes = sorted(plan.outcomes, key=lambda outcome: not outcome.primary)
        outcomes[0] = outcomes[0].model_copy(update={"primary": True})
        return plan.model_copy(update={"outcomes": outcomes})


class TrialPlan(Plan):
    """The parameters of ``notebooks/trial.ipynb``, which says what each of them is."""

    design: str = "randomised"
    pupils: str = ""
    protocol: str = ""
    sealed: str = ""
    where: dict[str, Any] = Field(default_factory=dict)
    treatment: str = Field(min_length=1)
    control: str = ""
    arm: str = ""
    allocation: Literal[("", *DESIGNS)] = ""  # type: ignore[valid-type]
    pupil: str = ""
    baseline: str = ""
    covariates: list[str] = Field(default_factory=list)
    cluster: str = ""
    strata: str = ""
    school: str = ""
    subgroups: list[str] = Field(default_factory=list)
    prespecified: list[str] = Field(default_factory=list)
    dosage: str = ""
    draws: int = Field(default=9999, ge=1)
    imputations: int = Field(default=10, ge=2)
    seed: int = Field(default=2026, ge=0)

    def contradictions(self) -> list[str]:
        """Return what cannot be meant, a sentence each."""
        same = self.arm and self.arm == self.control
        return [f"control and arm are both {self.arm!r}; name two arms"] if same else []

    @property
    def columns(self) -> dict[str, str | list[str]]:
        """Which columns each parameter names."""
        names = ("treatment", "pupil", "baseline", "covariates", "cluster", "strata", "school")
        asked = {name: getattr(self, name) for name in (*names, "subgroups", "dosage")}
        return asked | {"where": list(self.where), "outcomes": [o.name for o in self.outcomes]}

    def in_codes(self, data: pd.DataFrame) -> TrialPlan:
        """Return the plan with arms as codes and the words of codes, where the file has both."""
        words = data.attrs.get(labels.WORDS, {})
        said = dict(words.get(self.treatment, {}))
        for name, each in words.items():
            said |= {f"{name}: {code}": word for code, word in each.items()}
        arms = {
            side: labels.label(labels.coded(data, self.treatment, name))
            for side in ("control", "arm")
            if (name := getattr(self, side))
        }
        return self.changed(labels=said | self.labels, **arms) if words else self


class ImpactPlan(Plan):
    """The parameters of ``notebooks/impact.ipynb``, which says what each of them is."""

    reported_claim: str = ""
    ks2: list[str] = Field(default_factory=list)
    ks4: list[str] = Field(default_factory=list)
    years: list[int] = Field(default_factory=list)
    context: list[str] = Field(default_factory=list)
    pupils: str = ""
    baseline: str = ""
    group: dict[str, Any] = Field(default_factory=dict, max_length=1)
    gap: bool = False
    participation: str = Field(min_length=1)
    links: str = ""
    start: int
    chosen: str = ""
    placebo: str = ""

    def contradictions(self) -> list[str]:
        """Return what cannot be meant: two sources of results, or a group of pupils of none."""
        given = [name for name in ("ks2", "ks4", "pupils") if getattr(self, name)]
        if len(given) != 1:
            said = f"{' and '.join(given)} are both given" if given else "none is given"
            return [f"{given[-1] if given else 'ks2'}: {said}; results come from one of ks2, ks4 "
                    "and pupils"]  # fmt: skip
        faults = []
        for name in ("baseline", "group", "gap") if self.tables else ():
            if getattr(self, name):
                faults.append(f"{name} is of pupils, and tables are given; leave it out")
        if self.gap and not self.group:
            faults.append("gap is between a group and all others; give group")
        for parameter, names in (("outcomes", self.wanted), ("context", self.context)):
            for name in names if self.tables else ():
                if name.upper() in _NO_RESULTS:
                    faults.append(f"{parameter}: {name!r} says which school it is, or its size")
        held = [*self.context, *filter(None, [self.placebo])]
        for outcome in self.outcomes:
            if outcome.name in held:
                which = "context" if outcome.name in self.context else "placebo"
                faults.append(f"{which}: {outcome.name!r} is an outcome; name another column")
            percent = outcome.name.upper().startswith("PT")
            if self.tables and percent and outcome.unit != "pp":
                faults.append(f"outcomes: {outcome.name!r} is a percentage; its unit is 'pp'")
            if self.tables and not percent and outcome.unit == "pp":
                faults.append(f"outcomes: {outcome.name!r} is no percentage; its unit is not 'pp'")
        return faults

    @property
    def tables(self) -> list[str]:
        """Performance tables, one a year: of key stage 2 or of key stage 4."""
        return [*self.ks2, *self.ks4]

    @property
    def wanted(self) -> list[str]:
        """Columns of results that are analysed: outcomes, and the placebo where there is one."""
        return [*(outcome.name for outcome in self.outcomes), *filter(None, [self.placebo])]


class MonitoringPlan(CommonPlan):
    """The parameters of a report on one indicator of one area.

    `indicator` is a file of a row an area and time, `where` selects its rows; the figure is
    `value`, or `count` of `n`. `area` is the column of names, or several of which the first that is
    filled counts (la_name, region_name, country_name); areas are ranked that fill `local`, by
    default the first of these. `place` is the area asked about, `against` the row that it is set
    beside, such as England, `region` another; `neighbours` is DfE's workbook, `vintage` when that
    list was made; `held_back` says how many of the last times are forecast to score forecasts.
    """

    indicator: str
    where: dict[str, Any] = Field(default_factory=dict)
    name: str
    unit: str = "%"
    value: str = ""
    count: str = ""
    n: str = ""
    area: str | list[str]
    local: str = ""
    time: str
    place: str
    against: str = "England"
    region: str = ""
    neighbours: str = ""
    vintage: str = ""
    claimed: list[str] = Field(default_factory=list)
    polarity: Literal["high", "low", "neutral"] = "neutral"
    target: float | None = None
    rebase: list[str] = Field(default_factory=list)
    fix_after: int = Field(default=0, ge=0)
    held_back: int = Field(default=1, ge=1)


def _inside(kind: type[Checked], parts: Sequence[str]) -> type[Checked]:
    """Return the kind of what lies at a place."""
    for part in parts:
        said = kind.model_fields[part].annotation if part in kind.model_fields else None
        kinds = (k for k in (said, *get_args(said)) if isinstance(k, type))
        found = [k for k in kinds if issubclass(k, Checked)]
        if found:
            kind = found[-1]
    return kind


def _in_words(fault: Any, plan: type[Checked]) -> str:
    """Say one of pydantic's faults as the reader of a notebook or register knows it."""
    parts = [f"entry {part + 1}" if isinstance(part, int) else str(part) for part in fault["loc"]]
    where, kind = ", ".join(part for part in parts if part != "[key]"), fault["type"]
    if kind == "extra_forbidden":
        allowed = list(_inside(plan, parts[:-1]).model_fields)
        return f"{where} is no parameter; {nearest(parts[-1], allowed)}"
    if kind == "missing":
        return f"{where} is missing; it is needed"
    if kind == "literal_error":
        allowed = fault["ctx"]["expected"].replace(" or ", ", ").replace("'", "").lstrip(", ")
        hint = nearest(str(fault["input"]), allowed.split(", "))
        return f"{where} is {shown(fault['input'])}; allowed are {allowed}" + (
            f"; {hint}" if "mean" in hint else ""
        )
    rule = _KINDS.get(kind, fault["msg"])
    for name, value in fault.get("ctx", {}).items():
        rule = rule.replace(f"{{{name}}}", f"{value:g}" if isinstance(value, float) else str(value))
    return f"{where} is {_short(fault['input'])}; {rule}"


def _mended(
    value: Any, wrong: Mapping[tuple[Any, ...], bool], stand_ins: Mapping[str, Any], at: Any = ()
) -> Any:
    """Return nested values without what is at a `wrong` place; keys that are known have others."""
    if isinstance(value, list):
        return [_mended(each, wrong, stand_ins, (*at, n)) for n, each in enumerate(value)]
    if not isinstance(value, Mapping):
        return value
    kept = {key: _mended(each, wrong, stand_ins, (*at, key))
            for key, each in value.items() if (*at, key) not in wrong}  # fmt: skip
    others = {place[-1] for place, extra in wrong.items() if place[:-1] == at and not extra}
    named = {k: f"{v}{at}" if isinstance(v, str) else v for k, v in stand_ins.items()}
    return kept | {k: v for k, v in named.items() if k in others and v is not None}


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}…"
