"""Sixty trials as other people's files have them, with what each column is: made up, by a seed.

Beside `trial_files`, which varies names: here the files themselves differ in format, codes, levels
and in columns that look like what they are not.
"""

import numpy as np
import pandas as pd


def trial(seed, *, level="pupil", schools=12, each=16, arms=2, blocks=0):
    """Return the parts of a trial: everything but how people write it down."""
    rng = np.random.default_rng(seed)
    of, n = np.repeat(np.arange(schools), each), schools * each
    if level == "school":
        order = rng.permutation(schools)
        side = (order % arms)[of]
        if blocks:  # one school of each pair an arm
            side = ((np.arange(schools) + rng.integers(0, 2, schools // 2).repeat(2)) % 2)[of]
    elif level == "class":
        side = (2 * of + (np.arange(n) % each) // (each // 2)) % arms
    else:
        side = np.concatenate([rng.permutation(np.arange(each) % arms) for _ in range(schools)])
    pre = rng.normal(100, 15, n).round()
    post = (pre * 0.6 + 40 + 3 * (side > 0) + rng.normal(0, 10, n)).round()
    return {
        "rng": rng, "n": n, "school": of, "side": side, "pre": pre, "post": post,
        "class": [f"{s}{'AB'[k % each // (each // 2)]}" for k, s in enumerate(of)],
        "id": rng.permutation(np.arange(1000, 1000 + n)), "block": of // 2,
        "sex": rng.choice(["F", "M"], n), "fsm": rng.choice([0, 1], n),
    }  # fmt: skip


def said(arm, control, asked, school, before, after, design, cluster="", strata=""):
    """Return what a file's columns are."""
    return {
        "treatment": arm, "control": control, "arm": asked, "school": school, "baseline": before,
        "outcome": after, "allocation": design, "cluster": cluster, "strata": strata,
    }  # fmt: skip


def _named(parts, values):
    return [values[s] for s in parts["side"]]


# Name: arm column, its values, school, pupil, before, after, level
NAMES = {
    "letters": ("Gp", ("A", "B"), "Sch", "Ref", "Test1", "Test2", "pupil"),
    "words_with_blanks": ("Group ", ("control", "Intervention "), "School name ", "Pupil No.",
                          "Pre score", "Post score", "school"),
    "numbers_1_2": ("Arm", (1, 2), "School", "Pupil", "Pre", "Post", "school"),
    "yes_no": ("Received tutoring", ("N", "Y"), "School", "Pupil ID", "KS1", "KS2", "pupil"),
    "true_false": ("in_programme", (False, True), "urn", "upn", "y5_score", "y6_score", "school"),
    "capitals": ("RANDOMISED", ("CONTROL", "TREATMENT"), "SCHOOL", "ID", "PRETEST", "POSTTEST",
                 "pupil"),
    "camel": ("trialArm", ("usualPractice", "newProgramme"), "schoolId", "pupilId", "preScore",
              "postScore", "school"),
    "waitlist": ("Wave of delivery", ("Waiting list", "Immediate"), "Setting", "Child", "Baseline",
                 "Endline", "school"),
    "codes": ("allocation_code", ("C01", "T01"), "site_no", "participant_no", "score_0", "score_1",
              "school"),
    "dashes": ("control-or-treatment", ("control", "treatment"), "school-urn", "pupil-number",
               "maths-before", "maths-after", "pupil"),
    "long_headings": ("Which group was this pupil randomly assigned to?",
                      ("Business as usual", "Catch Up"), "Name of the school", "Pupil reference",
                      "Reading score, autumn 2023", "Reading score, summer 2024", "pupil"),
    "percent_words": ("Condition", ("BAU", "Tutor"), "DfE number", "UPN", "Autumn %", "Summer %",
                      "pupil"),
}  # fmt: skip


def plain(name):
    """Return a file whose names and values differ."""
    arm, values, school, pupil, before, after, level = NAMES[name]
    parts = trial(sum(map(ord, name)), level=level)
    table = pd.DataFrame(
        {pupil: parts["id"], school: 900_100 + parts["school"], arm: _named(parts, values),
         before: parts["pre"], after: parts["post"]}
    )  # fmt: skip
    design = "cluster" if level == "school" else "multisite"
    cut = [str(v).strip() for v in (arm, *values, school, before, after)]
    cluster, strata = (cut[3], "") if level == "school" else ("", cut[3])
    return table, said(*cut[:4], *cut[4:], design, cluster, strata), {}


def base(seed, level="pupil", **more):
    """Return a plainly named file, which a variant then changes."""
    parts = trial(seed, level=level, **more)
    table = pd.DataFrame(
        {"pupil": parts["id"], "school": [f"School {s}" for s in parts["school"]],
         "arm": _named(parts, ("control", "new", "other")), "pre": parts["pre"],
         "post": parts["post"]}
    )  # fmt: skip
    design = {"school": "cluster"}.get(level, "multisite")
    cluster = "school" if level == "school" else ""
    strata = "" if cluster else "school"
    truth = said("arm", "control", "new", "school", "pre", "post", design, cluster, strata)
    return parts, table, truth


def variants():
    """Give every file: its name, table, truth and how it is written."""
    for name in NAMES:
        yield name, *plain(name)

    def one(name, seed, change=None, level="pupil", how=None, more=None, **truths):
        parts, table, truth = base(seed, level, **(more or {}))
        table = change(table, parts) if change else table
        return name, table, truth | truths, how or {}

    # -- formats
    def accents(table, parts):
        return table.assign(school=[f"École {s}" for s in parts["school"]])

    def halves(table, parts):
        return table.assign(pre=table["pre"] + 0.5, post=table["post"] + 0.25)

    changes = {"cp1252": accents, "utf16": accents, "decimal_commas": halves}
    for number, (name, how) in enumerate(
        {
            "semicolons": {"sep": ";"}, "tabs": {"sep": "\t"}, "bars": {"sep": "|"},
            "decimal_commas": {"sep": ";", "decimal": ","},
            "cp1252": {"encoding": "cp1252"}, "utf16": {"encoding": "utf-16", "sep": "\t"},
            "byte_order_mark": {"encoding": "utf-8-sig"}, "quoted": {"quoting": 1},
            "title_above": {"above": ["Our trial, final version", ""]},
            "notes_below": {"below": ["", "Source: our own tests"]},
            "sep_line": {"above": ["sep=;"], "sep": ";"},
            "workbook": {"kind": "xlsx"}, "second_sheet": {"kind": "xlsx", "before": True},
            "no_header": {"header": False}, "spss": {"kind": "sav"}, "stata": {"kind": "dta"},
            "open_document": {"kind": "ods"}, "windows_lines": {"lineterminator": "\r\n"},
        }.items()
    ):  # fmt: skip
        yield one(name, 100 + number, changes.get(name), ("pupil", "school")[number % 2], how)

    # -- codes for what is missing
    for number, code in enumerate((-99, 999, "absent", "n/a", ".", "X", "-", "#N/A")):

        def gaps(table, parts, code=code):
            score = table["post"].astype(object)
            score[parts["rng"].choice(parts["n"], 12, replace=False)] = code
            return table.assign(post=score)

        yield one(f"missing_{number}", 200 + number, gaps, "school")

    # -- levels and layouts
    yield one("pairs", 301, lambda t, p: t.assign(pair=p["block"]), "school", more={"blocks": 1},
              allocation="paired", strata="pair")  # fmt: skip
    yield one("classes", 302, lambda t, p: t.assign(**{"class": p["class"]}), "class",
              cluster="class")  # fmt: skip
    yield one("class_of_two_parts", 303, lambda t, p: t.assign(form=p["class"]), "class",
              cluster="form")  # fmt: skip
    yield one("three_arms", 304, None, "school", more={"arms": 3})
    yield one("three_arms_pupils", 305, None, more={"arms": 3})
    yield one("no_school", 306, lambda t, p: t.drop(columns="school"), school="",
              allocation="simple", strata="")  # fmt: skip
    yield one("no_baseline", 307, lambda t, p: t.drop(columns="pre"), "school", baseline="")
    yield one("no_pupil", 308, lambda t, p: t.drop(columns="pupil"), "school")
    yield one(
        "few_schools_of_two_arms",
        309,
        lambda t, p: t.assign(
            arm=t["arm"].where(~((p["school"] == 3) & (np.arange(p["n"]) % 16 < 3)), "new")
        ),
        "school",
    )

    # -- columns that look like something else
    yield one("two_subjects", 401, lambda t, p: t.rename(
        columns={"pre": "pre_maths", "post": "post_maths"}).assign(
        pre_reading=t["pre"] + 3, post_reading=p["rng"].permutation(t["post"])), "school",
        baseline="pre_maths", outcome="post_maths")  # fmt: skip
    yield one("raw_and_standardised", 402, lambda t, p: t.assign(
        post_standardised=(t["post"] - 100) / 15), outcome="post")  # fmt: skip
    yield one("gain_beside", 403, lambda t, p: t.assign(gain=t["post"] - t["pre"]), "school")
    yield one("delayed_post", 404, lambda t, p: t.assign(delayed_post=t["post"] - 2))
    yield one(
        "arm_as_given_and_received",
        405,
        lambda t, p: t.rename(columns={"arm": "assigned_arm"}).assign(
            received_arm=np.where(np.arange(p["n"]) % 9 == 0, "control", t["arm"])
        ),
        treatment="assigned_arm",
    )
    yield one("dummy_and_words", 406, lambda t, p: t.assign(treat=p["side"]), "school")
    yield one(
        "planned_and_new_school",
        407,
        lambda t, p: t.assign(school_at_test=t["school"].sample(frac=1, random_state=1).to_numpy()),
        "school",
    )
    yield one("urn_and_name", 408, lambda t, p: t.assign(urn=900_100 + p["school"]), "school")
    yield one("ids_everywhere", 409, lambda t, p: t.assign(
        candidate_number=p["id"] + 5000, record=np.arange(p["n"])), "school")  # fmt: skip
    yield one(
        "year_group",
        410,
        lambda t, p: t.assign(
            year_group=p["rng"].choice([5, 6], p["n"]), age=p["rng"].integers(110, 130, p["n"])
        ),
    )
    yield one("test_dates", 411, lambda t, p: t.assign(
        pre_date="2023-09-12", post_date="2024-06-20"), "school")  # fmt: skip
    yield one("attended", 412, lambda t, p: t.assign(
        sessions_attended=np.where(p["side"], p["rng"].integers(0, 12, p["n"]), 0)))  # fmt: skip
    yield one("total_below", 413, lambda t, p: pd.concat([t, pd.DataFrame(
        [{"pupil": "Total", "post": t["post"].sum()}])]), "school")  # fmt: skip
    yield one("arm_spelled_two_ways", 414, lambda t, p: t.assign(arm=np.where(
        np.arange(p["n"]) % 7 == 0, t["arm"].str.capitalize(), t["arm"])), "school")  # fmt: skip
    yield one("arm_on_first_rows_only", 415, lambda t, p: t.assign(
        arm=t["arm"].where(np.arange(p["n"]) % 16 == 0)), "school")  # fmt: skip
    yield one("percent_strings", 416, lambda t, p: t.assign(
        pre=t["pre"].map("{:.0f}%".format), post=t["post"].map("{:.0f}%".format)))  # fmt: skip
    yield one("outcome_in_bands", 417, lambda t, p: t.assign(
        post=np.where(t["post"] > 100, "pass", "fail")))  # fmt: skip
    yield one("long", 418, lambda t, p: t.rename(columns={"pre": "score"}).drop(
        columns="post").assign(wave="pre").pipe(lambda a: pd.concat(
            [a, a.assign(score=t["post"], wave="post")])), "school")  # fmt: skip
    yield one(
        "scores_of_items",
        419,
        lambda t, p: t.assign(**{f"item{k}": p["rng"].integers(0, 2, p["n"]) for k in range(1, 9)}),
        "school",
    )

    # -- names that say nothing, or the opposite
    yield one("schools_by_another_word", 501, lambda t, p: t.rename(columns={"school": "Where"}),
              school="Where", strata="Where")  # fmt: skip
    yield one("schools_by_number", 502, lambda t, p: t.rename(columns={"school": "Unit"}).assign(
        Unit=p["school"] + 1), "school", school="Unit", cluster="Unit")  # fmt: skip
    yield one("schools_by_code", 503, lambda t, p: t.rename(columns={"school": "GIAS"}).assign(
        GIAS=900_100 + p["school"]), school="GIAS", strata="GIAS")  # fmt: skip
    yield one("column_of_controls", 504, lambda t, p: t.assign(
        arm=1 - p["side"]).rename(columns={"arm": "control_group"}), "school",
        treatment="control_group", control="1", arm="0")  # fmt: skip
    yield one("column_of_controls_in_words", 505, lambda t, p: t.assign(
        arm=_named(p, ("yes", "no"))).rename(columns={"arm": "is control"}),
        treatment="is control", control="yes", arm="no")  # fmt: skip
    yield one(
        "two_dummies",
        506,
        lambda t, p: t.drop(columns="arm").assign(treat=p["side"], usual=1 - p["side"]),
        treatment="treat",
        control="0",
        arm="1",
    )
    yield one("months", 507, lambda t, p: t.rename(columns={"pre": "Sept", "post": "July"}),
              baseline="Sept", outcome="July")  # fmt: skip
    yield one("tests_by_year", 508, lambda t, p: t.rename(
        columns={"pre": "PTM_Y5", "post": "PTM_Y6"}), "school", baseline="PTM_Y5",
        outcome="PTM_Y6")  # fmt: skip
    yield one("numbers_within_schools", 509, lambda t, p: t.assign(
        pupil=np.arange(p["n"]) % 16 + 1), "school")  # fmt: skip
    yield one("lost_pupils", 510, lambda t, p: t.assign(
        withdrawn=np.where(np.arange(p["n"]) % 11 == 0, "yes", "no"),
        post=t["post"].where(np.arange(p["n"]) % 11 > 0)), "school")  # fmt: skip
    yield one("weights", 511, lambda t, p: t.assign(weight=p["rng"].uniform(1, 2, p["n"]).round(2)))
    yield one("numbered_words", 512, lambda t, p: t.assign(
        arm=_named(p, ("2 - Control", "1 - Programme"))), "school", control="2 - Control",
        arm="1 - Programme")  # fmt: skip
    yield one("score_before_the_arm", 513, lambda t, p: t[["post", "pre", "arm", "school"]])
    yield one("blocks_of_pupils", 514, lambda t, p: t.assign(block=p["block"]))
    yield one("schools_without_a_name", 515, lambda t, p: t.assign(
        school=t["school"].where(p["school"] != 4)))  # fmt: skip
    yield one("half_days", 516, lambda t, p: t.assign(sessions=p["rng"].integers(0, 9, p["n"]) / 2))
    yield one("improvement_only", 517, lambda t, p: t.drop(columns=["pre", "post"]).assign(
        improvement=t["post"] - t["pre"]), baseline="", outcome="improvement")  # fmt: skip
    yield one("yes_no_outcome", 518, lambda t, p: t.assign(post=(t["post"] > 101) * 1), "school")


def write(folder, name, table, how):
    """Write a file as its maker would; return it."""
    how = dict(how)
    kind = how.pop("kind", "csv")
    path = folder / f"{name}.{kind}"
    if kind == "sav":
        import pyreadstat

        pyreadstat.write_sav(table, str(path))
    elif kind == "dta":
        table.to_stata(path, write_index=False)
    elif kind in ("xlsx", "ods"):
        with pd.ExcelWriter(path, engine="odf" if kind == "ods" else "openpyxl") as book:
            if how.get("before"):
                pd.DataFrame().to_excel(book, sheet_name="About this file", index=False)
            table.to_excel(book, sheet_name="Data", index=False)
    else:
        above, below = how.pop("above", []), how.pop("below", [])
        code = how.pop("encoding", "utf-8")
        text = table.to_csv(index=False, **{"lineterminator": "\n"} | how)
        text = "".join(f"{line}\n" for line in above) + text + "".join(f"{x}\n" for x in below)
        path.write_bytes(text.encode(code))
    return path
