"""What columns of a trial's file are called: which role a name gives away."""

from __future__ import annotations

import re
from collections.abc import Iterable

NAMED = {
    "treatment": "arms? groups? treat(ed|ment)? condition alloc(ated|ation)? interv(ention)? "
    "trial·?arm assign(ed|ment)? rand(omi[sz]ed)? offer(ed)?",
    "pupil": "(pupil|student|child|anon|person|participant)(·?(id|no|number|ref|code))? upn id",
    "school": "sch(ool)?s?(·?(id|name|no|number|code|ref|urn))? urn laestab estab(lishment)? "
    "dfe(·?(no|number|code))? site centre center setting academy institution provider",
    "class": "class(·?(id|name|code))? form teacher(·?id)? tutor·?group",
    "strata": "pairs?(·?id)? blocks? stratum strata matched·?pair",
    "baseline": "pre(·?test)? base(line)? before prior t[01] start entry ks1 autumn wave·?1 "
    "time·?1",
    "outcome": "post(·?test)? outcome end(line)? after final follow·?up t[2-9] exit summer "
    "wave·?[2-9] time·?[2-9]",
    "score": "tests? scores? marks? maths? read(ing)? writing english science attain(ment)? result "
    "percent(age)? pct raw standardi[sz]ed age·?score spelling progress",
    "subgroup": "fsm6? ever·?fsm pp pupil·?premium disadv(antaged)? sen send eal sex gender "
    "ethnic(ity)?",
    "dosage": "dos(age|e) sessions? attended attendance hours complied compliance",
}
NAMED = {role: "|".join(said.split()).replace("·", " ") for role, said in NAMED.items()}
CONTROL = re.compile(
    r"(the )?(control|comparison|usual|business as usual|bau|as usual|usual (teaching|practice)"
    r"|wait(ing)?( ?list)?|no|none|0|0\.0|false|c|ctrl|not offered|standard|placebo)( group| arm)?",
    re.I,
)

CALLED = {  # columns of the registers and tables that are published
    "pupils": "pupils on roll",
    "n_pupils": "pupils",
    "pct_fsm": "free school meals (%)",
    "urban_rural": "place",
    "PTFSM6CLA1A": "disadvantaged pupils (%)",
    "PTEALGRP2": "English as an additional language (%)",
    "PTMOBN": "pupils who joined late (%)",
    "PSENELK": "SEN support (%)",
    "PSENELE": "education, health and care plans (%)",
}


def words(name: object) -> list[str]:
    """Return the words of a column's name, in lower case: `preScore` has two."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", str(name).replace("DfE", "dfe"))
    return re.sub(r"[^a-z0-9]+", " ", spaced.lower()).split()


def of_role(role: str, names: Iterable[str]) -> list[str]:
    """Return the columns of that name alone, else those that hold it as words."""
    names = [*names]
    whole = re.compile(f"({NAMED[role]})", re.I)
    alone = [name for name in names if whole.fullmatch(" ".join(words(name)))]
    inside = re.compile(rf"\b({NAMED[role]})\b", re.I)
    held = [name for name in names if inside.search(" ".join(words(name)))]
    return alone if alone and role not in ("subgroup", "score", "baseline", "outcome") else held
