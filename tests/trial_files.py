"""Fifty trials as other people lay them out, with what each column is: made up, by a seed."""

import numpy as np
import pandas as pd

# arm column, its values (control first), school, pupil, before, after, further columns, design
LAYOUTS = [
    ("arm", ("usual", "new"), "school", "pupil", "pre", "post", ("age",), "multisite"),
    ("Group", ("Control", "Intervention"), "School", "UPN", "Baseline", "Outcome", ("FSM",),
     "cluster"),
    ("treatment", (0, 1), "urn", "id", "pretest", "posttest", ("fsm", "sex"), "cluster"),
    ("Condition", ("Business as usual", "Treatment"), "School ID", "Pupil ID", "Pre-test score",
     "Post-test score", ("Gender", "EAL"), "multisite"),
    ("allocation", ("waitlist", "programme"), "school_name", "pupil_id", "reading_pre",
     "reading_post", (), "cluster"),
    ("Treat", (0, 1), "School", "StudentID", "KS1 score", "Maths score", ("PP",), "multisite"),
    ("trial_arm", ("comparison", "intervention"), "laestab", "upn", "score_t1", "score_t2",
     ("sen",), "cluster"),
    ("intervention", ("no", "yes"), "school", "pupil", "autumn", "summer", ("sex",), "cluster"),
    ("Arm", ("C", "T"), "Site", "Participant", "T0", "T1 outcome", ("class",), "cluster"),
    ("Assigned", ("Control", "Tutoring"), "School", "Child", "before", "after", ("FSM6",),
     "multisite"),
    ("offered", (0, 1), "urn", "pupil_ref", "prior", "result", ("ethnicity",), "multisite"),
    ("group", ("standard", "digital"), "school", "pupil", "base_maths", "end_maths", ("age",),
     "cluster"),
    ("randomised", ("control", "texts"), "school", "anon id", "pre_read", "post_read",
     ("pre_maths", "fsm"), "multisite"),
    ("Interv", ("Usual practice", "Feedback"), "SchoolName", "PupilNo", "entry", "exit", (),
     "cluster"),
    ("arm", ("control", "small"), "school", "pupil", None, "score", ("fsm",), "cluster"),
    ("Group", ("control", "A"), None, "pupil", "pre", "post", ("sex",), "simple"),
    ("treated", (0, 1), None, "id", "baseline", "endline", (), "simple"),
]  # fmt: skip


def make(layout, seed, *, schools=12, each=15):
    """Return a table, and what each of its columns is."""
    arm, values, school, pupil, before, after, further, design = layout
    rng = np.random.default_rng(seed)
    of, n = np.repeat(np.arange(schools), each), schools * each
    side = of % 2 if design == "cluster" else rng.permutation(np.arange(n) % 2)
    pre = rng.normal(100, 15, n).round()
    post = (pre * 0.6 + 40 + 3 * side + rng.normal(0, 10, n)).round()
    columns = {}
    if pupil:
        columns[pupil] = [f"P{i:04d}" for i in rng.permutation(n)]
    if school:
        columns[school] = [f"School {i}" for i in of] if seed % 2 else 900_100 + of
    columns[arm] = [values[s] for s in side]
    if before:
        columns[before] = pre
    for name in further:
        columns[name] = {
            "age": rng.integers(108, 120, n), "class": [f"{s}-{s % 3}" for s in of],
            "pre_maths": rng.normal(100, 15, n).round(),
        }.get(name, rng.choice(["yes", "no"], n))  # fmt: skip
    columns[after] = post
    table = pd.DataFrame(columns)
    truth = {
        "treatment": arm, "control": str(values[0]), "arm": str(values[1]), "school": school or "",
        "baseline": before or "", "outcome": after, "allocation": design,
        "cluster": school if design == "cluster" else "",
    }  # fmt: skip
    order = rng.permutation(len(table.columns)) if seed % 3 == 0 else np.arange(len(table.columns))
    return table.iloc[:, order], truth


FILES = [(layout, seed) for seed in range(3) for layout in LAYOUTS]
