"""What a made-up county watches: areas, inspections, plans with dates, a survey, categories.

Every figure is drawn; the areas, schools and children do not exist.
"""

from __future__ import annotations

import io
import re
import zipfile

import numpy as np
import pandas as pd
from scipy.special import expit

from evidence.data.sample.tables import COUNTY, LA

REGION, COUNTRY = "Eastern Levels", "England"
_AREAS = (
    "Aldermoor Brackwater Cawsley Dunmere Eastrop Farlow Greatwick Hollin Ivelford Kelding Lythe "
    "Marsham Northolme Ouseby Penfold Quarrow Ridgmont Saltby Thornage Ulverby"
)
_GRADES = ("Outstanding", "Good", "Requires improvement", "Inadequate")
_CATEGORIES = ("green", "yellow", "amber", "red")
_ASKED = ("teaching has improved", "pupils work harder", "the programme was worth the time")
_ANSWERS = ("Agree", "Disagree")
_WRITTEN = pd.Timestamp("2019-08-31")  # the day on which the cases were written down
FILES = {
    "areas.csv": "results of areas at Key Stage 2, in the layout of explore education statistics",
    "neighbours.xlsx": "statistical neighbours of each area, in the layout of DfE's list",
    "inspections.csv": "schools inspected in 2017/18 and 2018/19: the judgement before and after",
    "judgements.csv": "schools by judgement at the start and the end of those years",
    "england_judgements.csv": "schools of a made-up country by judgement",
    "ehcp_cases.csv": "requests for education, health and care plans, with dates",
    "survey.xlsx": "a survey of headteachers: everybody asked, blank where nobody answered",
    "categories.csv": "the authority's own category of each school, in two years",
}


def make(
    rng: np.random.Generator, schools: pd.DataFrame, joined: pd.Series
) -> dict[str, str | bytes]:
    """Return the files that are watched, by name.

    Parameters
    ----------
    rng : Generator
        Source of everything random.
    schools : DataFrame
        `urn`, `school`, `phase`, `roll` and `fsm` of every school.
    joined : Series
        URNs of schools in some programme.
    """
    inspected, before, after = _inspections(rng, schools)
    counts = {"judgement": _GRADES, "sep_2017": before, "aug_2019": after}
    england = rng.choice(_GRADES, 2_000, p=(0.19, 0.66, 0.11, 0.04))
    return {
        "areas.csv": _csv(_areas(rng)),
        "neighbours.xlsx": workbook({"LA SN Groups": _neighbours(rng)}, header=False),
        "inspections.csv": _csv(inspected),
        "judgements.csv": _csv(pd.DataFrame(counts)),
        "england_judgements.csv": _csv(
            pd.DataFrame({"urn": range(200_001, 202_001), "judgement": england})
        ),
        "ehcp_cases.csv": _csv(_cases(rng)),
        "survey.xlsx": workbook(_survey(rng, schools, joined)),
        "categories.csv": _csv(_categories(rng, schools)),
    }


def _csv(frame: pd.DataFrame) -> str:
    return frame.to_csv(index=False, lineterminator="\n", float_format="%g")


def _areas(rng: np.random.Generator) -> pd.DataFrame:
    """Return pupils at the expected standard: a row an area and year, region and country too."""
    names = [*_AREAS.split(), COUNTY]
    size = np.append(rng.integers(900, 9_000, len(names) - 1), 8_000)
    level = np.append(rng.normal(0, 0.28, len(names) - 1), -0.18)
    rows = []
    for year in range(2010, 2020):
        level = level + rng.normal(0, 0.05, len(names))
        share = expit(0.25 + 0.045 * (year - 2010) + level)
        pupils = (size * rng.uniform(0.97, 1.03, len(names))).astype(int)
        reached = rng.binomial(pupils, share)
        period = f"{year - 1}{year % 100:02d}"
        for place, name in enumerate(names):
            near = place % 2 == 0
            cells = [pupils[place], reached[place]]
            if (name, year) == ("Cawsley", 2014):
                cells = ["c", "c"]
            rows.append((period, "Local authority", REGION if near else "Western Levels", name,
                         *cells))  # fmt: skip
        half = np.arange(len(names)) % 2 == 0
        rows.append((period, "Regional", REGION, "", pupils[half].sum(), reached[half].sum()))
        rows.append((period, "National", "", "", pupils.sum(), reached.sum()))
    names = ["time_period", "geographic_level", "region_name", "la_name", "pupils", "reached"]
    table = pd.DataFrame(rows, columns=names)
    table.insert(1, "time_identifier", "Academic year")
    table.insert(3, "country_name", COUNTRY)
    return table


def _neighbours(rng: np.random.Generator) -> pd.DataFrame:
    """Return the sheet of neighbours: ten others each, as DfE writes it."""
    names = [*_AREAS.split(), COUNTY]
    codes = [*range(901, 901 + len(names) - 1), int(LA)]
    head = ["LA num", "LA Name"]
    head += [text for place in range(1, 11) for text in (f"SN{place}", f"SN{place} Prox")]
    rows = [["Simulated: these authorities do not exist", *[""] * (len(head) - 1)], head]
    for place, name in enumerate(names):
        others = rng.permutation([code for code in codes if code != codes[place]])[:10]
        pairs = [cell for at, code in enumerate(others) for cell in
                 (int(code), "Very close" if at < 4 else "Close")]  # fmt: skip
        rows.append([codes[place], name, *pairs])
    return pd.DataFrame(rows)


def _inspections(
    rng: np.random.Generator, schools: pd.DataFrame
) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Return inspections of two years, and how many schools had each judgement before and after.

    Weaker schools are inspected sooner. One school became an academy, so its judgement lapsed:
    the inspections explain all of the change but that.
    """
    n = len(schools)
    first = np.clip(np.digitize(rng.normal(0, 1, n) + 0.3 * schools["fsm"].rank(pct=True),
                                (-0.75, 1.3, 2.0)), 0, 3)  # fmt: skip
    chance = np.array((0.08, 0.34, 0.85, 0.95))[first]
    seen = rng.random(n) < chance
    step = rng.choice((-1, 0, 1), n, p=(0.22, 0.64, 0.14))
    second = np.where(seen, np.clip(first + step, 0, 3), first)
    after = np.bincount(second, minlength=4)
    after[1] -= 1  # the academy
    table = pd.DataFrame(
        {
            "urn": schools["urn"].to_numpy(),
            "school": schools["school"].to_numpy(),
            "previous": np.array(_GRADES)[first],
            "latest": np.array(_GRADES)[second],
            "latest_date": [f"{d:%Y-%m-%d}" for d in pd.Timestamp("2017-09-11")
                            + pd.to_timedelta(rng.integers(0, 660, n), unit="D")],
        }
    )  # fmt: skip
    return table[seen], np.bincount(first, minlength=4), after


def _cases(rng: np.random.Generator) -> pd.DataFrame:
    """Return requests for plans over three years, of which some are open and some excepted."""
    days = pd.date_range("2016-09-01", _WRITTEN - pd.Timedelta(days=3))
    number = rng.poisson(3.2 + 0.001 * np.arange(len(days)))
    asked = np.repeat(days, number)
    late = (asked.year * 12 + asked.month >= 2018 * 12 + 3) & (asked < pd.Timestamp("2019-01-01"))
    excepted = rng.random(len(asked)) < 0.08
    middle = np.where(late, 21.5, 17.5) + np.where(excepted, 7, 0)
    weeks = middle * np.exp(rng.normal(0, 0.22, len(asked)))
    done = asked + pd.to_timedelta((7 * weeks).astype(int), unit="D")
    issued = pd.Series(done.strftime("%Y-%m-%d")).where(done <= _WRITTEN, "")
    return pd.DataFrame(
        {
            "case": [f"C{number:05d}" for number in range(1, len(asked) + 1)],
            "requested": asked.strftime("%Y-%m-%d"),
            "issued": issued,
            "excepted": excepted.astype(int),
        }
    )


def _survey(
    rng: np.random.Generator, schools: pd.DataFrame, joined: pd.Series
) -> dict[str, pd.DataFrame]:
    """Return a workbook: schools of programmes answer more often, and say yes more often."""
    inside = schools["urn"].isin(joined).to_numpy()
    size = np.where(schools["roll"] < 150, "small", "larger")
    answered = rng.random(len(schools)) < np.where(inside, 0.66, 0.4)
    sheet = pd.DataFrame({"urn": schools["urn"].to_numpy(), "phase": schools["phase"].to_numpy(),
                          "size": size})  # fmt: skip
    for place, asked in enumerate(_ASKED):
        yes = rng.random(len(schools)) < np.where(inside, 0.82, 0.6) - 0.12 * place
        said = np.where(yes, *_ANSWERS)
        sheet[asked] = np.where(answered & (rng.random(len(schools)) < 0.97), said, "")
    about = ["Simulated: no headteacher answered this.", "One row a school; blank: no answer."]
    note = pd.DataFrame({"About": about})
    return {"Read me": note, "Answers": sheet}


def _categories(rng: np.random.Generator, schools: pd.DataFrame) -> pd.DataFrame:
    need = rng.normal(0, 1, len(schools))
    cuts = (0.1, 0.9, 1.7)
    first = np.digitize(need + rng.normal(0, 0.4, len(schools)), cuts)
    second = np.digitize(need + rng.normal(0, 0.4, len(schools)) - 0.1, cuts)
    names = np.array(_CATEGORIES)
    return pd.DataFrame({"urn": schools["urn"].to_numpy(), "category_2018": names[first],
                         "category_2019": names[second]})  # fmt: skip


def workbook(sheets: dict[str, pd.DataFrame], *, header: bool = True) -> bytes:
    """Return tables as an xlsx file, the same bytes every time: no clock is in it."""
    made, buffer = io.BytesIO(), io.BytesIO()
    with pd.ExcelWriter(made, engine="openpyxl") as writer:
        for title, table in sheets.items():
            table.replace("", None).to_excel(writer, sheet_name=title, index=False, header=header)
    with zipfile.ZipFile(made) as old, zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as new:
        for name in sorted(old.namelist()):
            content = old.read(name)
            if name == "docProps/core.xml":
                content = re.sub(rb"\d{4}-\d\d-\d\dT[\d:]+Z", b"2019-08-31T00:00:00Z", content)
            entry = zipfile.ZipInfo(name)  # of 1980
            entry.compress_type = zipfile.ZIP_DEFLATED
            new.writestr(entry, content)
    return buffer.getvalue()
