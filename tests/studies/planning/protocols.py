"""A protocol, and the data of the trial that it plans, made up by a seed."""

import copy
from datetime import date

import pandas as pd

from evidence.studies.planning.protocol import blank

PROTOCOL = {
    "title": "Reading Together",
    "dated": date(2026, 9, 1),
    "question": "Does Reading Together improve reading in Year 4, compared with usual teaching?",
    "simulated": True,
    "intervention": {"name": "Reading Together", "when": "Twenty weeks from January."},
    "design": {"kind": "CRA2", "arms": {"together": 1, "usual": 1}, "usual": "Lessons as before."},
    "allocation": {"unit": "school", "strata": ["area"], "nonce": "Lottery of 7 October 2026"},
    "outcomes": [
        {"name": "read_post", "title": "Reading", "smallest_worthwhile": 0.2, "primary": True,
         "measure": "Group reading test", "lowest": 0, "highest": 60, "tested": "tested",
         "first": date(2027, 6, 7), "last": date(2027, 6, 18)},
        {"name": "maths_post", "title": "Maths", "smallest_worthwhile": 0.2},
    ],
    "analysis": {"cluster": "school", "strata": "area", "baseline": "read_pre",
                 "covariates": ["sex"], "subgroups": ["fsm"]},
    "sample": {"n": 12, "J": 24, "rho2": 0.12, "r2_1": 0.5, "r2_2": 0.5, "disadvantaged": 0.25},
    "costs": {"pupils": 500, "items": [{"what": "Training", "start_up": 6000, "yearly": 2000}]},
    "columns": {"fsm": {"title": "Free meals", "codes": {"0": "no", "1": "yes"}, "needed": True},
                "sex": {"codes": {"F": "girl", "M": "boy"}}},
}  # fmt: skip


def protocol(**changes):
    """Return the protocol as a mapping, with `changes` merged into its tables."""
    values = copy.deepcopy(PROTOCOL)
    for key, value in changes.items():
        inside = isinstance(value, dict) and isinstance(values.get(key), dict)
        values[key] = values[key] | value if inside else value
    return values


def write(folder, **changes):
    """Write the protocol and a roster of its 24 schools, and return both files."""
    place, roster = folder / "protocol.toml", folder / "roster.csv"
    place.write_text(blank(protocol(**changes)), encoding="utf-8")
    schools = [f"S{number:02d}" for number in range(24)]
    table = pd.DataFrame({"school": schools, "area": ["north", "south"] * 12, "head": "A. Person"})
    table.to_csv(roster, index=False)
    return place, roster
