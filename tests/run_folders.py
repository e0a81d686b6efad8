"""Run folders as the runner leaves them: one invented county and one real trial, seven programmes.

The figures are made up by hand; nothing is estimated.
"""

import hashlib
import html
import json
from pathlib import Path

import pandas as pd

from evidence.data.schema import EFFECTS, INDICATORS, empty
from evidence.release.store import run_record
from evidence.show.picture import Picture
from evidence.show.words import (
    DECISION,
    DISADVANTAGED,
    PRICE,
    TOGETHER,
    effect_sentence,
    headline,
    months,
)

BETTER, WORSE = "better than similar", "worse than similar"
NONE, UNSURE = "no worthwhile difference", "too little data"

# programme: title, phase, design, cost, what to ask next, outcome, its title, unit, worthwhile
PROGRAMMES = {
    "lamp": ("LAMP", "Key Stage 2", "matched", 212, "Carry on; test properly in 40 schools",
             "PTMAT_EXP", "Maths, expected standard", "pp", 1.0),
    "leap": ("LEAP", "Early years to Key Stage 2", "staggered", 168, "Follow a second cohort",
             "READ", "Reading score", "sd", 0.09),
    "booster": ("Year 6 Booster", "Key Stage 2", "matched", 95,
                "Stop, or change who is chosen",
                "PTRWM_EXP", "Reading, writing and maths", "pp", 3.0),
    "small-schools": ("Small Schools maths", "Key Stage 2", "matched", 140,
                      "Pool with the autumn cohort", "MAT", "Maths score", "sd", 0.09),
    "feedback": ("Mobilise: feedback trial", "Key Stage 2", "randomised", 31,
                 "Offer to all schools", "WRIT", "Writing score", "sd", 0.09),
    "ta-training": ("Mobilise: TA training", "Key Stage 2", "randomised", 64, "Stop",
                    "MAT", "Maths score", "sd", 0.09),
    "star": ("Project STAR: small classes", "Infants", "randomised", None,
             "Ask whether the gain lasts", "math", "Maths score", "sd", 0.09),
}  # fmt: skip
# programme, cohort, its title, estimate, half-width, effect size per unit, verdict, strength, n, k
RUNS = (
    ("lamp", "2018", "2017/18", 1.5, 1.2, 0.08, BETTER, 3, 1263, 20),
    ("leap", "2018", "2017/18", 0.06, 0.13, 1.0, UNSURE, 2, 2412, 41),
    ("booster", "2019", "2018/19", 0.4, 2.1, None, NONE, 2, 1874, 42),
    ("small-schools", "2018", "2017/18", 0.11, 0.23, 1.0, UNSURE, 1, 311, 15),
    ("feedback", "2019", "2018/19", 0.21, 0.13, 1.0, BETTER, 4, 1377, 24),
    ("ta-training", "2019", "2018/19", -0.15, 0.12, 1.0, WORSE, 3, 988, 18),
    ("star", "K", "Kindergarten, 1985/86", 0.17, 0.08, 1.0, BETTER, 5, 3738, 79),
    ("star", "1", "Grade 1, 1986/87", 0.24, 0.09, 1.0, BETTER, 4, 4122, 76),
)


def effect(programme, cohort, estimate, half, size, verdict, strength, n, k, **other):
    """Return one row in the `effects` contract."""
    row = {
        "run_id": "interactive", "programme": programme, "cohort": cohort,
        "outcome": PROGRAMMES[programme][5], "subgroup": "all",
        "estimand": "itt" if PROGRAMMES[programme][2] == "randomised" else "att",
        "method": "OLS, CR2 by school (Satterthwaite)", "primary": True,
        "unit": PROGRAMMES[programme][7], "estimate": estimate, "std_error": half / 2.1,
        "df": 18.4, "ci_lower": estimate - half, "ci_upper": estimate + half, "level": 0.95,
        "p_value": 0.031, "effect_size": float("nan"), "es_lower": float("nan"),
        "es_upper": float("nan"), "months": float("nan"), "n_pupils": n, "n_schools": k,
        "verdict": verdict, "strength": strength,
        "caveats": "Schools were chosen because results were low; 3 pupils had no baseline.",
        "sentence": "",
    }  # fmt: skip
    if size is not None:
        sizes = {"effect_size": estimate, "es_lower": estimate - half, "es_upper": estimate + half}
        row |= {key: value * size for key, value in sizes.items()}
        row["months"] = months(row["effect_size"])
    row |= other
    row["sentence"] = effect_sentence(row)
    return row


def pictures(row):
    """Return the figures of one run: its interval and, where there is one, its flow."""
    drawn = pd.DataFrame(
        {
            "label": [PROGRAMMES[row["programme"]][6]],
            "estimate": row["estimate"], "ci_lower": row["ci_lower"],
            "ci_upper": row["ci_upper"], "worthwhile": PROGRAMMES[row["programme"]][8],
            "verdict": row["verdict"], "unit": row["unit"], "n_pupils": row["n_pupils"],
        }
    )  # fmt: skip
    title = headline(row, outcome=PROGRAMMES[row["programme"]][6])
    made = [
        Picture(
            name="effect", kind="intervals", title=title, alt=row["sentence"], table=drawn,
            counts=("n_pupils",), axes=("worthwhile",),
            statistics=("estimate", "ci_lower", "ci_upper"), question="what changed",
        )
    ]  # fmt: skip
    if row["estimand"] == "itt":
        half = row["n_pupils"] // 2
        flow = pd.DataFrame(
            {
                "stage": ["assigned"] * 2 + ["analysed"] * 2,
                "arm": ["programme", "as usual"] * 2,
                "n_pupils": [half + 31, half + 28, half, half],
                "n_schools": row["n_schools"] // 2,
            }
        )
        made.append(
            Picture(
                name="flow", kind="flow", title="Few pupils were lost on the way",
                alt=f"Of {2 * half + 59} pupils assigned, {2 * half} pupils were analysed.",
                table=flow, counts=("n_pupils",), schools=("n_schools",),
                question="who took part",
            )
        )  # fmt: skip
    return made


def write_run(folder: Path, rows, drawn=(), indicators=None, **meta) -> Path:
    """Write one run folder and return it."""
    (folder / "figures").mkdir(parents=True)
    effects = pd.DataFrame(rows, columns=list(EFFECTS)) if rows else empty(EFFECTS)
    effects.to_parquet(folder / "effects.parquet")
    (empty(INDICATORS) if indicators is None else indicators).to_parquet(
        folder / "indicators.parquet"
    )
    for picture in drawn:
        (folder / f"figures/{picture.name}.json").write_text(picture.to_json(), encoding="utf-8")
    cells = meta.pop("cells", None) or notebook_cells(drawn)
    (folder / "notebook.ipynb").write_text(json.dumps({"cells": cells}), encoding="utf-8")
    programme, cohort, key = folder.parts[-3:]
    record = {
        "run_id": key, "programme": programme, "cohort": cohort,
        "notebook": "notebooks/impact.ipynb",
        "parameters": {
            "start": 2018, "claim": "", "ks2": str(folder.parent / "ks2_2018.csv"),
        },
        "inputs": {str(folder.parent / "ks2_2018.csv"): "ab" * 32, "sample/pupils.csv": "cd" * 32},
        "versions": {"python": "3.11.9", "evidence": "0.1.0", "pandas": "3.1.1"},
        "commit": "0123456789abcdef0123456789abcdef01234567", "lock_sha256": "ef" * 32,
        "notebook_sha256": source_hash(cells), "author": "Ann Author",
        "started": "2026-11-22T06:00:00+00:00", "finished": "2026-11-22T06:00:09+00:00",
        "seconds": 9.1, "peak_mb": 311.0,
        "host": "secret-host",
    } | meta  # fmt: skip
    seal(folder, record)
    return folder


def seal(folder: Path, record=None):
    """Write a run's record over what is in its folder, as the runner does when all cells ran."""
    record = record or json.loads((folder / "run.json").read_text(encoding="utf-8"))
    files = [path for path in folder.rglob("*") if path.is_file() and path.name != "run.json"]
    record = {key: value for key, value in record.items() if key != "record_sha256"}
    text = run_record.sealed(record, folder, files)
    (folder / "run.json").write_text(text, encoding="utf-8")


def watched():
    """Return an indicator of four areas: two shown, one too small, one not applicable."""
    nan = float("nan")
    rows = [
        ("North", 5.1, 2630, 3, "middle", "", "Absence in North was 5%, of 2,630 pupils."),
        ("South", 4.2, 1980, 1, "best", "", "Absence in South was 4%, of 1,980 pupils."),
        ("East", 6.0, 9, 2, "worst", "", "Absence in East was 6%, of 9 pupils."),
        ("West", nan, 400, nan, "", "z", "Absence in West does not apply."),
    ]
    found = [
        {
            "run_id": "interactive", "indicator": "Absence", "area": area, "group": "all",
            "period": "2018/19", "value": value, "ci_lower": value - 0.5, "ci_upper": value + 0.5,
            "unit": "%", "n": float(n), "comparator": "England", "comparator_value": 4.7,
            "rank": float(rank), "band": band, "symbol": symbol, "sentence": sentence,
            "published": "",
        }
        for area, value, n, rank, band, symbol, sentence in rows
    ]  # fmt: skip
    return pd.DataFrame(found)[list(INDICATORS)]


def notebook_cells(drawn=()):
    """Return the cells of an executed notebook, as papermill leaves them."""

    def code(source, tags=(), shown=""):
        outputs = [{"output_type": "execute_result", "data": {"text/html": shown}}] if shown else []
        return {
            "cell_type": "code", "metadata": {"tags": list(tags)}, "source": source,
            "outputs": outputs, "execution_count": 1,
        }  # fmt: skip

    cells = [
        {"cell_type": "markdown", "metadata": {}, "source": "# What changed?\n\nAs *planned*."},
        code('start = 2017  # default: first year\nks2 = "mine.csv"  # required: file',
             ["parameters"]),
        code('start = 2018\ndata = "/secret/place"', ["injected-parameters"]),
        code("import evidence as ev"),
        code("pupils.head()", shown="<table><tr><td>A123456789012</td></tr></table>"),
    ]  # fmt: skip
    for picture in drawn:
        title = f"<figure><figcaption><strong>{html.escape(picture.title)}</strong></figcaption>"
        cells.append(code(f"{picture.name.replace('-', '_')}_picture", shown=title))
    return [
        *cells,
        code("ev.propose(out)", shown='<p class="proposal">Protected:</p><p>12 pupils</p>'),
    ]


def source_hash(cells):
    """Return the hash of a notebook's source, as `run.jobs` makes it."""
    sources = [
        [cell["cell_type"], cell["source"]]
        for cell in cells
        if "injected-parameters" not in cell["metadata"].get("tags", [])
    ]
    return hashlib.sha256(json.dumps(sources).encode()).hexdigest()


def make(runs: Path):
    """Write every run below `runs`; return the run folders and the programmes as plain data."""
    folders = []
    cohorts: dict[str, list] = {}
    for number, (name, cohort, title, *figures) in enumerate(RUNS):
        cohorts.setdefault(name, []).append({"name": cohort, "title": title})
        row = effect(name, cohort, *figures)
        other = effect(
            name, cohort, *figures[:3], UNSURE, *figures[4:], primary=False, outcome="READ2",
            subgroup="FSM", n_pupils=7 if name == "lamp" else figures[-2] // 4,
        )  # fmt: skip
        folders.append(
            write_run(runs / name / cohort / f"{number:016x}", [row, other], pictures(row))
        )
    return folders, programmes(cohorts)


def programmes(cohorts):
    """Return what the register says, as plain data."""
    found = []
    for name, values in PROGRAMMES.items():
        title, phase, design, cost, ask, outcome, words, unit, worthwhile = values
        found.append(
            {
                "name": name, "title": title, "phase": phase,
                "lead": "Tennessee" if name == "star" else "Lincolnshire",
                "about": f"{title} in one plain sentence.", "cost": cost, "design": design,
                "simulated": name != "star", "public": name == "star", "automatic": True,
                "ask_next": ask,
                "claim": "closing the relative gap by 4.2%" if name == "lamp" else "",
                "cohorts": cohorts[name],
                "outcomes": [
                    {"name": outcome, "title": words, "unit": unit,
                     "smallest_worthwhile": worthwhile, "primary": True},
                    {"name": "READ2", "title": "Reading, second test", "unit": unit,
                     "smallest_worthwhile": worthwhile, "primary": False},
                ],
            }
        )  # fmt: skip
    return found


def together(runs: Path, answers):
    """Write the run that puts results together; return its folder and what the register says.

    `answers` is programme to (what to do, verdict, effect, half-width, price).
    """
    nan = float("nan")
    rows = []
    for name, (word, verdict, size, half, price) in answers.items():
        ends = {"value": size, "ci_lower": size - half, "ci_upper": size + half}
        theirs = {key: value - 0.05 for key, value in ends.items()}
        chance = {
            "value": 0.5,
            "unit": "probability",
            "band": word,
            "sentence": f"{word.capitalize()}: the chance that it is worth its cost is 50%.",
        }
        found = {
            "unit": "SD",
            "band": verdict,
            "comparator": "Smallest worthwhile effect",
            "comparator_value": 0.09,
        }
        parts = {DECISION: chance, TOGETHER: found | ends, DISADVANTAGED: found | theirs}
        if price:
            ends = {"value": price, "ci_lower": price / 2, "ci_upper": price * 2}
            parts[PRICE] = {"unit": "pounds", "band": "low"} | ends
        base = {
            "run_id": "interactive",
            "area": "All results",
            "group": PROGRAMMES[name][0],
            "period": "all",
            "ci_lower": nan,
            "ci_upper": nan,
            "n": 900.0,
            "comparator": "",
            "comparator_value": nan,
            "rank": nan,
            "symbol": "",
            "sentence": "",
        }
        rows += [base | {"indicator": what} | part for what, part in parts.items()]
    table = pd.DataFrame(rows)[list(INDICATORS)]
    card = {
        "name": "what-works", "title": "What works", "design": "monitoring", "simulated": True,
        "automatic": True, "units": ["probability", "SD", "pounds"],
        "cohorts": [{"name": "all", "title": "All programmes"}],
    }  # fmt: skip
    return write_run(runs / "what-works/all" / ("f" * 16), [], indicators=table), card
