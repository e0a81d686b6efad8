"""What the columns of a trial's file probably are: a plan proposed, and questions where in doubt.

Nothing is guessed in silence: a role is proposed where exactly one column can have it, by its name
and by what it holds; else it is asked for, with the candidates.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from evidence.data import labels
from evidence.errors import EvidenceError, nearest
from evidence.methods.core import frames
from evidence.show.words import counted
from evidence.studies.column_names import CONTROL, NAMED, of_role, words
from evidence.studies.unfit_trials import DAY, refuse_unfit

_PLAIN = {"0", "1", "yes", "no", "y", "n", "true", "false"}  # what any label may hold
_OF_CONTROLS = {"control", "controls", "comparison", "usual", "bau", "waitlist", "waiting",
                "placebo", "ctrl"}  # fmt: skip
_QUESTIONS = {
    "treatment": "Which column says the arm that each pupil was given?",
    "control": "Which arm is compared against (usual practice)?",
    "arm": "Which arm is asked about?",
    "outcome": "Which column is the result after the programme?",
    "baseline": "Which column is a score from before it (\"none\" if there is none)?",
    "school": "Which column is the school (\"none\" if there is none)?",
    "allocated": "{0} of {1} schools {2} pupils of several arms (the first is that of {3}), the "
    "others of one: were schools or pupils allocated? Where this is a slip, mend the file instead.",
    "apart": "Nobody with the same value here is in two arms, so that what differs between the "
    "arms may be this column and not the programme: name it to go on all the same?",
}  # fmt: skip
_FEW_MIXED = 0.4  # share of schools with several arms below which one may be a slip
_ROWS_A_PUPIL = 6  # of files with a row a measurement; more is no column of pupils
_KINDS = {"year", "cohort", "grade", "age", "region", "area", "sex", "gender", "class", "set"}
_FEWEST, _LONG = 5, 10_000  # groups, and pupils in each; codes such as URNs
_FEW_VALUES = 12  # of a column that can be a year group, a region, a sex
_SMALLEST = {"sd": 0.1, "pp": 3.0}


@dataclass(frozen=True, slots=True)
class Question:
    """Something the file does not say.

    Parameters
    ----------
    about : str
        The answer's name, as the command's flag has it.
    text : str
    candidates : tuple of str
        What may be answered; empty where there are too many to list.
    called : mapping of str to str
        What people call those candidates that are codes.
    """

    about: str
    text: str
    candidates: tuple[str, ...]
    called: Mapping[str, str] = field(default_factory=dict)

    def listed(self) -> str:
        """Return the candidates in a line, codes with what people call them."""
        names = self.called
        return ", ".join(f"{x} ({names[x]})" if x in names else x for x in self.candidates)


@dataclass(slots=True)
class Proposal:
    """A trial's plan as far as the file and the answers tell it, and what is still to be asked.

    Parameters
    ----------
    plan : dict
        Parameters of ``notebooks/trial.ipynb``.
    said : list of str
        What was taken for what, and why, a sentence each.
    questions : list of Question
        Empty where the plan is whole.
    left_out : list of str
        Columns that the trial is better without.
    """

    plan: dict[str, Any] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)
    questions: list[Question] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)


def propose(frame: pd.DataFrame, answers: Mapping[str, str] | None = None) -> Proposal:
    """Propose the plan of a trial from a file with one row a pupil.

    Parameters
    ----------
    frame : DataFrame
    answers : mapping, optional
        `treatment`, `control`, `arm`, `outcome`, `baseline`, `school` where they are known; "none"
        says that there is no such column. `allocated` is "schools" or "pupils", `apart` a column
        whose values are each in one arm, to go on all the same.

    Raises
    ------
    EvidenceError
        An answer is no column, or no arm: every fault.
    """
    given = {key: value for key, value in (answers or {}).items() if value}
    names = [str(name) for name in frame]
    faults = [
        f"--{key}: the file has no column {value!r}; {nearest(value, names)}"
        for key, value in given.items()
        if key not in ("control", "arm", "allocated") and value != "none" and value not in names
    ]
    if faults:
        raise EvidenceError(*faults)
    roles, out = _Roles(frame, given), Proposal()
    treatment = roles.choose("treatment", roles.arms(), out)
    refuse_unfit(frame, treatment)
    named, whole = roles.named("school", roles.groups(treatment)), roles.whole(treatment)
    perhaps = whole or roles.like_schools(treatment)
    school = roles.choose("school", named, out, others=perhaps, needed=bool(perhaps))
    classes = roles.named("class", roles.groups(treatment), leave=(school,))
    classes = classes or [name for name in whole if school and name != school]
    strata = roles.named("strata", roles.groups(treatment), leave=(school, *classes))
    pupil = next(iter(roles.named("pupil", roles.ids())), "")
    if school or "school" not in {asked.about for asked in out.questions}:
        roles.refuse_twice(school, out)
    taken = {treatment, school, pupil, *classes, *strata}
    subgroups = roles.named("subgroup", roles.labels(), leave=taken)
    dosage = roles.named("dosage", roles.numbers(), leave=taken)
    scores = [name for name in roles.numbers() if name not in {*taken, *subgroups, *dosage}]
    outcome = roles.choose("outcome", roles.after(scores), out, others=scores)
    before = roles.before([name for name in scores if name != outcome], outcome)
    others = [name for name in scores if name != outcome]
    baseline = roles.choose("baseline", before, out, others=others, needed=bool(others))
    if treatment:
        _arms(frame, treatment, given, out)
    out.plan |= {
        "treatment": treatment, "pupil": pupil, "school": school, "baseline": baseline,
        "subgroups": subgroups, "dosage": next(iter(dosage), ""),
    }  # fmt: skip
    if outcome:
        yes_no = frame[outcome].dropna().isin((0, 1)).all()
        unit = "pp" if yes_no else "sd"
        out.plan["outcomes"] = [{
            "name": outcome, "title": _title(outcome), "unit": unit,
            "smallest_worthwhile": _SMALLEST[unit], "primary": True,
        }]  # fmt: skip
        size = "3 percentage points" if yes_no else "0.1 standard deviations (about two months)"
        out.said.append(f"{size} is taken as the smallest effect worth having; change it if not")
    open_questions = {asked.about for asked in out.questions}
    if treatment:
        known = frame[frame[treatment].notna()]
        groups = (school, next(iter(classes), ""), next(iter(strata), ""))
        _allocation(known, out, *groups, given.get("allocated", ""))
        rest = known.drop(columns=[n for n in (*taken, outcome, baseline, *dosage) if n in known])
        if "school" not in open_questions:  # a column that says it otherwise may be in one arm
            _apart(known, rest, out, given.get("apart", ""))
    return out


@dataclass(slots=True)
class _Roles:
    """Which columns can have which role."""

    frame: pd.DataFrame
    given: Mapping[str, str]

    def choose(
        self, role: str, found: list[str], out: Proposal, *, others: list[str] | None = None,
        needed: bool = True,
    ) -> str:  # fmt: skip
        """Return the answer, or the only candidate; else ask."""
        if role in self.given:
            return "" if self.given[role] == "none" else self.given[role]
        if len(found) == 1:
            out.said.append(f"{role}: column {found[0]!r}")
            return found[0]
        if found or needed:
            listed = tuple(found or others or map(str, self.frame))
            out.questions.append(Question(role, _QUESTIONS[role], listed))
        return ""

    def named(self, role: str, among: list[str], leave: Any = ()) -> list[str]:
        """Return the columns of a role's name: those of that name alone, else with it in them."""
        return of_role(role, [name for name in among if name not in leave])

    def arms(self) -> list[str]:
        """Return columns of two to six values that are called, or hold what is called, an arm."""
        few = [name for name in self._few(2, 6) if not of_role("subgroup", [name])]
        by_value = [
            name
            for name in few
            if any(CONTROL.fullmatch(value.strip()) for value in self._values(name))
            and not {value.lower() for value in self._values(name)} <= _PLAIN - {"true", "false"}
        ]
        by_name = of_role("treatment", few)
        both = [name for name in by_name if name in by_value]
        return both or by_name or by_value

    def groups(self, treatment: str) -> list[str]:
        """Return columns that hold groups: two and more, of two rows and more on average."""
        rows = len(self.frame)
        return [name for name in map(str, self.frame)
                if name != treatment and 2 <= self.frame[name].nunique() <= rows / 2]  # fmt: skip

    def like_schools(self, treatment: str) -> list[str]:
        """Return columns that nothing else is known of and that may say a pupil's school.

        Texts, or numbers such as codes have them (1 to how many there are, or long ones), of five
        and more groups with several pupils each.
        """
        found = []
        for name in self.groups(treatment):
            values = self.frame[name].dropna()
            sizes = values.value_counts()
            known = any(of_role(role, [name]) for role in NAMED) or name in self.given.values()
            if known or len(sizes) < _FEWEST or sizes.median() < _FEWEST:
                continue
            numeric = pd.api.types.is_numeric_dtype(values)
            whole = numeric and values.mod(1).eq(0).all()
            codes = whole and (values.min() >= _LONG or {*values} == {*range(1, len(sizes) + 1)})
            if codes or not (numeric or values.astype("str").str.fullmatch(DAY).all()):
                found.append(name)
        return found

    def whole(self, treatment: str) -> list[str]:
        """Return columns of texts whose groups, three and more an arm, have one arm each."""
        if not treatment:
            return []
        arms, found = self.frame[self.frame[treatment].notna()], []
        for name in self.groups(treatment):
            pairs = arms[[name, treatment]].drop_duplicates()
            texts = not pd.api.types.is_numeric_dtype(arms[name]) and pairs[name].notna().all()
            if texts and pairs[name].is_unique and pairs[treatment].value_counts().min() > 2:
                found.append(name)
        return found

    def refuse_twice(self, school: str, out: Proposal) -> None:
        """Refuse a file in which a pupil has several rows; leave out numbers within schools."""
        whole = re.compile(NAMED["pupil"])
        for name in map(str, self.frame):
            keys = [*filter(None, (school, name))]
            known = self.frame.dropna(subset=keys)
            again = int(known.duplicated(keys, keep=False).sum())
            several = len(known) <= _ROWS_A_PUPIL * len(known.drop_duplicates(keys))
            if name == school or not whole.fullmatch(" ".join(words(name))) or not several:
                continue
            if school and not again and known[name].duplicated().any():
                out.left_out.append(name)
                out.said.append(f"column {name!r} numbers each school's pupils anew: left out")
            if again:
                twice = known.duplicated(keys, keep=False).to_numpy()
                one = int(twice.argmax())
                same = (known[keys] == known[keys].iloc[one]).all(axis=1).to_numpy()
                other = int(np.flatnonzero(same)[1])
                first, second = (frames.row(place, known) for place in (one, other))
                raise EvidenceError(
                    f"column {name!r}: {counted(again, 'row')} are of a pupil that has several "
                    f"(first {first} and {second}); keep one row a pupil, with each measurement "
                    "in a column of its own"
                )

    def ids(self) -> list[str]:
        """Return columns of which no value comes twice."""
        return [name for name in map(str, self.frame)
                if self.frame[name].notna().all() and self.frame[name].is_unique]  # fmt: skip

    def labels(self) -> list[str]:
        """Return columns of two to twelve values."""
        return self._few(2, 12)

    def numbers(self) -> list[str]:
        """Return columns of numbers that vary and are no ids."""
        ids = of_role("pupil", self.ids())
        return [
            str(name)
            for name, values in self.frame.items()
            if pd.api.types.is_numeric_dtype(values) and len(values.dropna().unique()) > 1
            and name not in ids
        ]  # fmt: skip

    def after(self, scores: list[str]) -> list[str]:
        """Return the scores that can be the outcome: named so, or the only one not from before."""
        named = [s for s in of_role("outcome", scores) if s not in of_role("baseline", [s])]
        first = [s for s in scores if s in of_role("score", scores)]
        rest = [s for s in scores if s not in of_role("baseline", scores)]
        return named or (rest if len(rest) == 1 else [s for s in rest if s in first] or rest)

    def before(self, scores: list[str], outcome: str) -> list[str]:
        """Return the scores from before the start; that of the outcome's subject where several."""
        named = [s for s in of_role("baseline", scores) if s not in of_role("outcome", [s])]
        subject = set(words(outcome)) - {"post", "test", "score", "after", "end", "outcome", "t2"}
        same = [s for s in named if subject & set(words(s))]
        return same if len(same) == 1 else named

    def _few(self, least: int, most: int) -> list[str]:
        return [str(n) for n in self.frame if least <= self.frame[n].nunique() <= most]

    def _values(self, name: str) -> list[str]:
        return [labels.label(value) for value in self.frame[name].dropna().unique()]


def _arms(frame: pd.DataFrame, treatment: str, given: Mapping[str, str], out: Proposal) -> None:
    """Say which arm is compared against and which is asked about, or ask."""
    counts = frame[treatment].value_counts()
    if not 2 <= len(counts) <= 10 or counts.min() < frames.SHARED:  # its values may be pupils' own
        raise EvidenceError(
            f"--treatment: column {treatment!r} has {counted(len(counts), 'different value')}, the "
            f"rarest of {counted(counts.min() if len(counts) else 0, 'pupil')}; a treatment has 2 "
            f"to 10 arms of {frames.SHARED} pupils or more"
        )
    arms = [labels.label(v) for v in sorted(counts.index, key=str)]
    for side in ("control", "arm"):
        if side in given and given[side] not in arms:
            raise EvidenceError(
                f"--{side}: {given[side]!r} is no arm; {nearest(given[side], arms)}"
            )
    usual = [arm for arm in arms if CONTROL.fullmatch(arm.strip())]
    if _OF_CONTROLS & {*words(treatment)} and {arm.lower() for arm in arms} <= _PLAIN:
        usual = []  # 1 or yes is the control here, perhaps
    control = given.get("control") or (usual[0] if len(usual) == 1 else "")
    if not control:
        left = tuple(arm for arm in arms if arm != given.get("arm"))
        out.questions.append(Question("control", _QUESTIONS["control"], left))
    rest = [arm for arm in arms if arm != control]
    arm = given.get("arm") or (rest[0] if len(rest) == 1 else "")
    if control and not arm:
        out.questions.append(Question("arm", _QUESTIONS["arm"], tuple(rest)))
    if control and arm == control:
        raise EvidenceError(f"--control and --arm are both {arm!r}; name two arms")
    if control and "control" not in given:
        out.said.append(
            f"{control!r} is compared against, {arm or 'the arm to be named'!r} asked about"
        )
    out.plan |= {"control": control, "arm": arm}


def _allocation(
    frame: pd.DataFrame, out: Proposal, school: str, classes: str, strata: str, allocated: str
) -> None:
    """Say who was allocated: by which groups have pupils in one arm only, or ask."""
    arm = out.plan["treatment"]
    plan = out.plan | {"cluster": "", "strata": "", "allocation": "simple"}

    def most_arms(group: str) -> pd.Series:
        return frame.drop_duplicates([group, arm])[group].value_counts()

    def whole(group: str) -> bool:
        return bool(group) and most_arms(group).max() == 1

    mixed = (most_arms(school) > 1).mean() if school and not whole(classes) else 0
    if 0 < mixed < _FEW_MIXED and allocated not in ("schools", "pupils"):
        arms = most_arms(school)
        several = frame[school].isin(arms.index[arms > 1])
        first = frames.row(int(several.to_numpy().argmax()), frame)
        number = int((arms > 1).sum())
        have = "has" if number == 1 else "have"
        text = _QUESTIONS["allocated"].format(number, len(arms), have, first)
        out.questions.append(Question("allocated", text, ("schools", "pupils")))
    if whole(school) or (school and allocated == "schools"):
        plan |= {"cluster": school, "allocation": "cluster"}
        sides = frame.drop_duplicates([school, arm])[arm].value_counts()
        if sides.min() < 2:
            raise EvidenceError(
                f"column {school!r}: an arm has one school alone, so that nothing can tell the "
                "programme from that school; a trial of schools needs two an arm, better many"
            )
        why = f"every school ({school!r}) has one arm: " if whole(school) else ""
        out.said.append(f"{why}schools were allocated")
        if strata and most_arms(strata).min() > 1:
            schools = frame.drop_duplicates([strata, school])[strata].value_counts()
            plan |= {
                "strata": strata,
                "allocation": "paired" if (schools == 2).all() else "cluster",
            }
            out.said.append(f"within blocks ({strata!r})")
    elif whole(classes):
        plan |= {"cluster": classes, "allocation": "cluster"}
        out.said.append(f"every class ({classes!r}) has one arm: classes were allocated")
        if school:
            plan |= {"strata": school, "allocation": "multisite"}
    elif school:
        plan |= {"strata": school, "allocation": "multisite"}
        out.said.append(f"schools ({school!r}) have pupils in several arms: pupils were allocated")
    else:
        out.said.append("pupils were allocated")
    out.plan = plan


def _apart(frame: pd.DataFrame, rest: pd.DataFrame, out: Proposal, accepted: str) -> None:
    """Ask about columns, such as a year group, whose every value is in one arm alone.

    One that says the arm in other words, or of which school or class a pupil is, is none.
    """
    arm, cluster = out.plan["treatment"], out.plan["cluster"]
    arms = {value.lower() for value in frame[arm].map(labels.label)}
    found = []
    for name in map(str, rest):
        pairs = frame[[name, arm]].dropna().drop_duplicates()
        values = {value.lower() for value in map(labels.label, pairs[name].unique())}
        again = values <= _PLAIN or any(
            value in arms or CONTROL.fullmatch(value.strip()) for value in values
        )
        same = cluster and frame[[name, cluster]].drop_duplicates()[name].is_unique
        few = 2 <= len(values) <= _FEW_VALUES and pairs[name].is_unique
        said = of_role("treatment", [name]) and not _KINDS.intersection(words(name))
        if few and not (again or same or said):
            found.append(name)
    if accepted in found:
        out.said.append(f"beware: each {accepted!r} is in one arm alone, and may be what differs")
    elif found:
        out.questions.append(Question("apart", _QUESTIONS["apart"], tuple(found)))


def _title(name: str) -> str:
    text = " ".join(words(name))
    return text[:1].upper() + text[1:]
