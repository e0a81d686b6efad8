"""A protocol to fill in, begun from what is there: a register's programme, or past pupils."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

from evidence.data import readers
from evidence.data.register import load
from evidence.errors import EvidenceError, nearest
from evidence.methods.core import options
from evidence.methods.planning.variance_components import variance_components
from evidence.stats.power import DESIGNS, nested
from evidence.studies import trial_proposal
from evidence.studies.planning.protocol import Analysis, blank


def propose(kind: str = "CRA2", like: str = "", register: Path = Path()) -> tuple[str, list[str]]:
    """Return the text of a protocol to fill in, and what was taken from where.

    Parameters
    ----------
    kind : str
        Design, as `evidence.planning.mdes` knows it.
    like : str
        A programme of the register, or a file with one row a pupil; "" for neither.
    register : Path

    Raises
    ------
    EvidenceError
        The design, the programme or the file is not known.
    """
    options.one_of("--design", kind, [*DESIGNS])
    values: dict[str, Any] = {"dated": date.today(), "design": {"kind": kind}}
    said: list[str] = []
    if Path(like).is_file():
        found, said = _past(Path(like), kind)
        values |= found
    elif like:
        values |= _programme(like, register)
    if len(arms := values.pop("arms", [])) == 2:
        values["design"]["arms"] = dict.fromkeys(arms, 1)
    analysis = values.setdefault("analysis", {})
    if DESIGNS[kind][:1] == "C" and not analysis.get("cluster"):
        analysis["cluster"] = analysis.get("school") or "school"
    if DESIGNS[kind][:1] != "C" and not nested(kind):
        analysis["cluster"] = ""
    return blank(values), said


def _programme(name: str, register: Path) -> dict[str, Any]:
    """Return what the register says of a programme."""
    known = {programme.name: programme for programme in load(register)}
    if name not in known:
        raise EvidenceError(f"--like: no file and no programme {name!r}; {nearest(name, known)}")
    one = known[name]
    outcomes = [{k: getattr(o, k) for k in ("name", "title", "unit", "smallest_worthwhile",
                 "primary", "attainment", "sd")} for o in one.outcomes]  # fmt: skip
    told = {**one.parameters, "subgroups": one.subgroups}
    kept = {key: told[key] for key in Analysis.model_fields if key in told}
    arms = [told[side] for side in ("arm", "control") if told.get(side)]
    known = {"title": one.title, "outcomes": outcomes, "analysis": kept, "arms": arms}
    return known | {"simulated": one.simulated}


def _past(file: Path, kind: str) -> tuple[dict[str, Any], list[str]]:
    """Return roles of a file's columns, and what past pupils say of the sample size."""
    table = readers.table(file)
    plan = trial_proposal.propose(table).plan
    kept = {k: plan[k] for k in Analysis.model_fields if plan.get(k)}
    values: dict[str, Any] = {"analysis": kept}
    if not plan.get("outcomes"):
        return values, [f"{file}: which column is the outcome is not clear; enter it"]
    (outcome,) = plan["outcomes"]
    values["outcomes"] = [outcome]
    said = [f"{file}: {outcome['name']} is taken for the outcome"]
    if DESIGNS[kind] != "C" or not plan["school"]:
        return values, said
    given = {"covariates": [plan["baseline"]]} if plan["baseline"] else {}
    found = variance_components(table, outcome=outcome["name"], cluster=plan["school"], **given)
    shares = zip(found.table["symbol"], found.table["estimate"], strict=True)
    values["sample"] = {symbol: round(max(float(share), 0.0), 3) for symbol, share in shares}
    values["sample"]["sources"] = f"past pupils: {found.n_obs:,} in {found.n_clusters:,} schools"
    return values, [*said, found.sentence()]
