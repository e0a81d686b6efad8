"""The protocol of a trial, `protocol.toml`: its contract, its blank form, what follows from it."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, get_args, get_origin

from pydantic import Field

from evidence.data import collected
from evidence.data.toml_text import setting
from evidence.errors import EvidenceError, Faults, nearest
from evidence.methods.core import options
from evidence.methods.planning import power
from evidence.methods.planning.allocation import METHODS
from evidence.stats import power as formulas
from evidence.stats.power import DESIGNS
from evidence.studies.plan import Checked, Outcome
from evidence.studies.verdict import cost_rating

_ROLES = ("treatment", "pupil", "school", "cluster", "strata", "baseline", "dosage")

_SHARED = ({"cluster", "school"}, {"strata", "school"})  # roles that one column may have both


def _text(about: str, least: int = 0) -> Any:
    """Return a field that holds text; `about` stands beside it in a blank protocol."""
    return Field(min_length=1, description=about) if least else Field("", description=about)


def _names(about: str) -> Any:
    return Field(default_factory=list, description=about)


class Intervention(Checked):
    """What is tried: the items of TIDieR (Hoffmann et al. 2014, BMJ 348:g1687)."""

    name: str = _text("its name")
    why: str = _text("how it is thought to work")
    materials: str = _text("what is used, and where it can be had")
    procedures: str = _text("what is done")
    provider: str = _text("who provides it, and how they are trained")
    how: str = _text("face to face or at a distance; alone or in groups")
    where: str = _text("where it is provided")
    when: str = _text("how often, how long, over how many weeks")
    tailoring: str = _text("what may be adapted, and how")
    fidelity: str = _text("how it is made sure, and measured, that it is provided as planned")


class Design(Checked):
    """Who is compared with whom."""

    kind: Literal[(*DESIGNS,)] = Field(  # type: ignore[valid-type]
        description="IRA pupils; BIRA2_… pupils within schools; CRA2 whole schools; BCRA3_… whole "
        "schools within blocks; …_pn only the treated are taught in groups"
    )
    arms: dict[str, Annotated[int, Field(ge=1)]] = Field(
        default_factory=lambda: {"programme": 1, "usual": 1},
        description="arms and their parts of the ratio; the first is asked about",
    )
    control: str = _text("the arm compared against; the last where empty")
    usual: str = _text("what that arm receives")
    participants: str = _text("which schools and pupils may take part")
    recruitment: str = _text("how they are found")


class Rule(Checked):
    """How schools (or pupils) are allocated to arms, as ev.planning.allocate takes it."""

    unit: str = Field("school", min_length=1, description="column of the roster: one row each")
    method: Literal[(*METHODS,)] = Field("blocks", description=", ".join(METHODS))  # type: ignore[valid-type]
    strata: list[str] = _names("columns within which the ratio is kept")
    covariates: list[str] = _names("columns that are balanced by pairs and rerandomisation")
    together: str = _text("column of units that share an arm")
    sizes: dict[str, int] = Field(default_factory=dict, description="units of each arm")
    block: int | None = Field(None, ge=1, description="units that are shared out by themselves")
    uneven: bool = Field(False, description="let chance decide where a remainder goes")
    probability: float = Field(0.8, ge=0.5, le=1, description="of the arm wanted (minimisation)")
    accept: float = Field(0.01, gt=0, lt=1, description="share accepted (rerandomisation)")
    nonce: str = _text("public words to come that seed the draw, such as a lottery's next numbers")
    who: str = _text("who allocates, and who does not know the arms")


class Measured(Outcome):
    """An outcome; exactly one is primary."""

    measure: str = _text("the test or register that it comes from")
    lowest: float | None = Field(None, description="lowest possible value")
    highest: float | None = Field(None, description="highest possible value")
    tested: str = _text("column of the day on which it was measured")
    first: date | None = Field(None, description="first day on which it is measured")
    last: date | None = Field(None, description="last day on which it is measured")


class Column(Checked):
    """What a column of the pupils' file holds, for the workbook that schools fill in."""

    title: str = _text("what people call it")
    codes: dict[str, str] = Field(default_factory=dict, description="code and its meaning")
    number: bool = Field(False, description="whether it holds numbers")
    lowest: float | None = Field(None, description="lowest possible value")
    highest: float | None = Field(None, description="highest possible value")
    needed: bool = Field(False, description="whether it may not be empty")


class Analysis(Checked):
    """What is estimated, from which columns of the pupils' file."""

    estimand: str = _text("whose effect of what is estimated, by intention to treat or otherwise")
    treatment: str = Field("arm", min_length=1, description="column of the arm")
    pupil: str = Field("pupil", description="column of the pupil's id")
    school: str = Field("school", description="column of the school")
    cluster: str = _text("column of what is allocated as one; empty where pupils are")
    strata: str = _text("column of blocks")
    baseline: str = _text("column of a score from before the start")
    covariates: list[str] = _names("columns known before the start")
    subgroups: list[str] = _names("columns of prespecified subgroups, such as fsm")
    dosage: str = _text("column of how much a pupil received")
    where: dict[str, Any] = Field(default_factory=dict, description="rows that are analysed")
    exclusions: str = _text("who is left out, and why")
    missing: str = _text("what is done where values are missing")
    compliance: str = _text("what counts as having taken part")
    robustness: str = _text("which further analyses show whether the answer holds")


class Implementation(Checked):
    """The implementation and process evaluation."""

    questions: str = _text("what is asked of how it was done")
    methods: str = _text("interviews, observations, logs")
    found: str = _text("after the trial: how it was done, with what fidelity")


class Cost(Checked):
    """A cost in pounds."""

    what: str = _text("what is paid for", 1)
    start_up: float = Field(0.0, ge=0, description="once")
    yearly: float = Field(0.0, ge=0, description="each year")


class Costs(Checked):
    """What it costs: direct, marginal, over three years."""

    pupils: int = Field(0, ge=0, description="pupils reached a year")
    staff_time: str = _text("hours of staff, for what")
    items: list[Cost] = _names("see [[costs.items]]")

    @property
    def each(self) -> float | None:
        """Pounds a pupil a year, over three years; None where not known."""
        if not (self.pupils and self.items):
            return None
        return sum(one.start_up / 3 + one.yearly for one in self.items) / self.pupils

    @property
    def sentence(self) -> str:
        """The average and EEF's rating of it, as entered; "" where not known."""
        each = self.each
        return "" if each is None else (
            f"£{each:,.2f} a pupil a year on average over three years, for {self.pupils:,} pupils "
            f"a year: {cost_rating(each)} cost by EEF's rating."
        )  # fmt: skip


class Ethics(Checked):
    """Ethics and data protection."""

    approval: str = _text("who approved it, and when")
    agreement: str = _text("how schools, parents and pupils agree, and withdraw")
    lawful_basis: str = _text("lawful basis of processing (UK GDPR articles 6 and 9)")
    controller: str = _text("who controls and who processes the data")
    storage: str = _text("where data are kept, who sees them, when they are destroyed")


class Person(Checked):
    """Somebody who answers for a part."""

    name: str = _text("name", 1)
    organisation: str = _text("organisation")
    role: str = _text("role")


class Step(Checked):
    """A step of the timeline."""

    when: date = Field(description="day")
    what: str = _text("what is done", 1)


class Protocol(Checked):
    """What a trial promises before it starts."""

    stand_ins: ClassVar[Mapping[str, Any]] = {
        "title": "?", "question": "?", "dated": date.min, "name": "?", "smallest_worthwhile": 1.0,
        "what": "?", "when": date.min, "first": None, "last": None, "lowest": None, "highest": None,
        "start_up": 0.0, "yearly": 0.0,
    }  # fmt: skip
    title: str = _text("what people call the trial", 1)
    question: str = _text("what is asked: who, what, compared with what, on which outcome", 1)
    dated: date = Field(description="day of this version, as 2026-09-01")
    version: str = Field("1.0", description="of this document")
    registration: str = _text("register and number, such as ISRCTN")
    simulated: bool = Field(False, description="whether it is made up, to try things out")
    rationale: str = _text("what is known, and why it is tried")
    risks: str = _text("what may go wrong, and what is done about it")
    intervention: Intervention = Field(default_factory=Intervention)
    design: Design
    allocation: Rule = Field(default_factory=Rule)
    outcomes: list[Measured] = Field(min_length=1)
    analysis: Analysis = Field(default_factory=Analysis)
    sample: dict[str, float | str | bool] = Field(default_factory=dict)
    implementation: Implementation = Field(default_factory=Implementation)
    costs: Costs = Field(default_factory=Costs)
    ethics: Ethics = Field(default_factory=Ethics)
    people: list[Person] = Field(default_factory=list)
    timeline: list[Step] = Field(default_factory=list)
    columns: dict[str, Column] = Field(default_factory=dict)

    def contradictions(self) -> list[str]:
        """Return what cannot be meant, a sentence each."""
        return [*dict.fromkeys(self._contradictions())]

    def _contradictions(self) -> Iterator[str]:
        arms, control, rule = self.design.arms, self.design.control, self.allocation
        roles = self.roles
        if len(arms) < 2:
            yield "design, arms: at least two are needed"
        if control and control not in arms:
            yield f"design, control: is {control!r}; {nearest(control, arms)}"
        elif control == self.arm != "":
            yield f"design, control: {control!r} is the first arm, which is asked about"
        if (primary := sum(one.primary for one in self.outcomes)) != 1:
            yield f"outcomes: {primary} are primary; exactly one is needed"
        names = [one.name for one in self.outcomes]
        for name in dict.fromkeys(names):
            if names.count(name) > 1:
                yield f"outcomes: {name!r} is there twice"
        held: dict[str, str] = {}
        for role, column in roles:
            before = held.setdefault(column, role)
            if before != role and {before, role} not in _SHARED:
                yield f"{role}: column {column!r} is {before} as well; name another"
        for number, one in enumerate(self.outcomes, 1):
            if None not in (one.lowest, one.highest) and one.lowest > one.highest:
                yield f"outcomes, entry {number}: highest is below lowest"
            if one.first and one.last and one.first > one.last:
                yield f"outcomes, entry {number}: last is before first"
            if (one.first or one.last) and not one.tested:
                yield f"outcomes, entry {number}, tested: is needed beside first and last"
        whole, nested = DESIGNS[self.design.kind][:1] == "C", formulas.nested(self.design.kind)
        if whole and not self.analysis.cluster:
            yield f"analysis, cluster: is needed, as {self.design.kind} allocates whole groups"
        if not whole and not nested and self.analysis.cluster:
            yield f"analysis, cluster: {self.design.kind} allocates pupils; leave it empty"
        need = METHODS[rule.method]
        if need and not getattr(rule, need):
            yield f"allocation, {need}: is needed for {rule.method}"
        for name in rule.sizes:
            if name not in arms:
                yield f"allocation, sizes: {name!r} is no arm; {nearest(name, arms)}"
        asked = {column for _, column in roles} | {o.tested for o in self.outcomes}
        for name in self.columns:
            if name not in asked:
                yield f"columns, {name}: no analysis uses it; {nearest(name, filter(None, asked))}"
        try:
            self.smallest()
        except EvidenceError as error:
            yield from (f"sample: {fault}" for fault in error.faults)

    @property
    def roles(self) -> list[tuple[str, str]]:
        """Each role in the analysis with the column that has it."""
        one, many = self.analysis, ("covariates", "subgroups")
        found = [(role, getattr(one, role)) for role in _ROLES if getattr(one, role)]
        found += [("before or group", name) for role in many for name in getattr(one, role)]
        return found + [("outcome", each.name) for each in self.outcomes]

    @property
    def primary(self) -> Measured:
        """The outcome that decides."""
        return next(one for one in self.outcomes if one.primary)

    @property
    def arm(self) -> str:
        """The arm asked about."""
        return next(iter(self.design.arms), "")

    @property
    def control(self) -> str:
        """The arm compared against."""
        return self.design.control or next(reversed(self.design.arms), "")

    def mdes(self, **changes: Any) -> power.PowerFigure | None:
        """Return the smallest effect that the planned trial finds; None without assumptions.

        The sample is of all arms; the effect is between the two that are compared.

        Raises
        ------
        EvidenceError
            The assumptions do not fit the design: every fault.
        """
        given = {k: v for k, v in self.sample.items() if k not in ("sources", "disadvantaged")}
        if "design" in given:
            raise EvidenceError("design is no assumption; say it as kind in [design]")
        if not given:
            return None
        whole = {k: int(v) for k, v in given.items() if isinstance(v, float) and v.is_integer()}
        parts = self.allocation.sizes or self.design.arms
        two = parts.get(self.arm, 1), parts.get(self.control, 1)
        share = two[0] / sum(two) if min(two) > 0 else 0.5
        shared, several = self._allocated[0], sum(parts.values())
        if several > sum(two) and isinstance(given.get(shared), int | float):
            whole[shared] = given[shared] * sum(two) / several
        return power.mdes(design=self.design.kind, **{"p": share} | given | whole | changes)

    def smallest(self) -> dict[str, str]:
        """Return the same in words, of all pupils and of those who are disadvantaged."""
        share, faults, least, few = self.sample.get("disadvantaged"), Faults(), None, None
        with faults.note():
            least = self.mdes()
        with faults.note():
            if share is not None:
                options.number("disadvantaged", share, 0, 1, ends=False)
        faults.settle()
        if share is not None and least is not None:
            few = self.mdes(subgroup=share)
        said = {"all pupils": least, "disadvantaged pupils": few}
        return {who: "" if value is None else f"{value:.2f}" for who, value in said.items()}

    @property
    def units(self) -> float | None:
        """How many units are to be allocated, by the assumptions of the sample size."""
        known = [float(self.sample[s]) for s in self._allocated if s in self.sample]
        return math.prod(known) if len(known) == len(self._allocated) else None

    @property
    def _allocated(self) -> str:
        """Symbols of the sizes of what is allocated and of what lies above it."""
        kind = DESIGNS[self.design.kind]
        return formulas.sizes(self.design.kind)[len(kind) - len(kind.lstrip("C")) :]

    @property
    def words(self) -> dict[str, str]:
        """What people call columns and their codes."""
        said = {name: each.title for name, each in self.columns.items() if each.title}
        for name, each in self.columns.items():
            said |= {f"{name}: {code}": word for code, word in each.codes.items()}
        return said

    def rule(self) -> dict[str, Any]:
        """Return the arguments of :func:`evidence.planning.allocate`."""
        given = self.allocation.model_dump(exclude={"nonce", "who"})
        kept = {key: value for key, value in given.items() if value not in ("", {}, None)}
        return kept | {"arms": self.design.arms}

    def collected(self) -> list[collected.Column]:
        """Return the columns that schools fill in: all of the analysis but the arm."""
        one, said = self.analysis, self.columns
        ids = dict.fromkeys([one.pupil, one.school, one.cluster])
        numbers = {one.baseline, one.dosage} | {name for name, each in said.items() if each.number}
        of_schools = {one.treatment, *self.allocation.strata, *ids}
        further = [one.strata, one.baseline, *one.covariates, *one.subgroups, one.dosage]
        found = [collected.Column(name=name, title=said[name].title if name in said else "",
                                  needed=True, unique=name == one.pupil)
                 for name in ids if name]  # fmt: skip
        for name in dict.fromkeys(each for each in further if each and each not in of_schools):
            each = said.get(name) or Column()
            kind = "code" if each.codes else "number" if name in numbers else "text"
            found.append(
                collected.Column(name=name, title=each.title, kind=kind, codes=each.codes,
                                 least=each.lowest, most=each.highest, needed=each.needed)
            )  # fmt: skip
        for o in self.outcomes:
            kind = "code" if o.unit == "pp" else "number"
            codes = {"0": "no", "1": "yes"} if o.unit == "pp" else {}
            found.append(collected.Column(name=o.name, title=o.words, kind=kind, codes=codes,
                                          least=o.lowest, most=o.highest))  # fmt: skip
        days = {o.tested: (o.first, o.last) for o in self.outcomes if o.tested}
        for name, (first, last) in days.items():
            found.append(collected.Column(name=name, kind="day", least=first, most=last))
        return found

    def trial(self) -> dict[str, Any]:
        """Return the plan of the trial's analysis, as :meth:`evidence.Trial.read` takes it."""
        one, kind = self.analysis, DESIGNS[self.design.kind]
        how = "cluster" if kind[:1] == "C" else "multisite" if kind else "simple"
        if self.allocation.method == "pairs":
            how = "paired"
        kept = ("treatment", "pupil", "school", "cluster", "strata", "baseline", "covariates",
                "subgroups", "dosage", "where")  # fmt: skip
        return {
            "title": self.title,
            "labels": self.words,
            "simulated": self.simulated,
            "arm": self.arm,
            "control": self.control,
            "allocation": how,
            "prespecified": one.subgroups,
            **{name: getattr(one, name) for name in kept},
            "outcomes": [o.model_dump(include={*Outcome.model_fields}) for o in self.outcomes],
        }


def read(path: str | Path | Mapping[str, Any]) -> Protocol:
    """Return the protocol that a file holds.

    Raises
    ------
    EvidenceError
        The file cannot be read; every fault of what it says.
    """
    if isinstance(path, Mapping):
        return Protocol.parsed(path, "protocol")
    try:
        return Protocol.parsed(tomllib.loads(Path(path).read_text(encoding="utf-8")), str(path))
    except FileNotFoundError:
        raise EvidenceError(
            f"{path}: no such file; evidence plan {path} --new writes one"
        ) from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise EvidenceError(f"{path}: cannot be read: {error}") from None


def blank(values: Mapping[str, Any] | None = None) -> str:
    """Return a protocol to fill in, each key with what it is; `values` are filled in."""
    values = {"design": {"kind": "CRA2"}, "outcomes": [{"primary": True}]} | dict(values or {})
    head = "# The protocol of a trial. Texts may stay empty: documents mark what is missing.\n"
    kind, given = values["design"]["kind"], values.get("sample", {})
    needed, others = formulas.symbols(kind)
    known = dict.fromkeys([*needed, *others, "power", "alpha", "disadvantaged", "sources"]) | given
    lines = [*_blank(Protocol, values, ""), "", f"# Assumptions of the sample size, for {kind}; "
             "ev.planning.mdes says what they are.", "[sample]"]  # fmt: skip
    lines += [f"# {k} =" if v is None else setting(k, v) for k, v in known.items()]
    return head + "\n".join(lines) + "\n"


def _blank(kind: type[Checked], values: Mapping[str, Any], place: str) -> Iterator[str]:
    """Yield the lines of a table: keys first, then the tables inside it."""
    inside = []
    for key, field in kind.model_fields.items():
        if key == "sample":
            continue  # its keys depend on the design
        kinds = [k for k in (field.annotation, *get_args(field.annotation)) if _table(k)]
        if kinds:
            inside.append((key, field.annotation, kinds[-1]))
            continue
        default = None if field.is_required() else field.get_default(call_default_factory=True)
        value = values.get(key, default)
        note = f"  # {field.description}" if field.description else ""
        if value is None and field.is_required() and field.annotation is str:
            value = ""
        if value is None:
            yield f"# {key} ={note}"
        else:
            yield setting(key, value, field.description or "")
    for key, annotation, table in inside:
        several, named = (get_origin(annotation) is kind for kind in (list, dict))
        given = values.get(key) or ([] if several else {})
        rows = [*given.items()] if named else [("", g) for g in (given if several else [given])]
        about = (table.__doc__ or "").splitlines()[0]
        if not rows:  # an example that stays a comment
            path = f"{place}{key}.NAME" if named else f"{place}{key}"
            heading = f"[[{path}]]" if several else f"[{path}]"
            lines = [heading, *_blank(table, {}, f"{place}{key}.")]
            yield from ("", f"# {about}", *(f"# {line.removeprefix('# ')}" for line in lines))
        for name, row in rows:
            path = f"{place}{key}.{name}" if name else f"{place}{key}"
            yield from ("", f"# {about}", f"[[{path}]]" if several else f"[{path}]")
            yield from _blank(table, row, f"{path}.")


def _table(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, Checked)
