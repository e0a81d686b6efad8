"""Registers that are wrong, made from right ones: each change alone makes a report impossible."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

ABSENT = ("nope", "Post", " ", "post ")
TRIAL = {
    "title": "A trial",
    "phase": "Primary",
    "lead": "Us",
    "about": "Nothing.",
    "cost": 1,
    "design": "randomised",
    "notebook": "trial",
    "subgroups": ["sex"],
    "parameters": {
        "allocation": "cluster",
        "pupil": "upn",
        "treatment": "arm",
        "control": "usual",
        "arm": "new",
        "baseline": "pre",
        "covariates": ["fsm"],
        "cluster": "school",
        "school": "school",
        "strata": "",
        "where": {"year": 1},
    },
    "outcomes": [
        {"name": "post", "title": "Maths", "unit": "sd", "smallest_worthwhile": 0.1,
         "primary": True},
        {"name": "passed", "title": "Passed", "unit": "pp", "smallest_worthwhile": 3.0},
    ],
    "cohorts": [{"name": "one", "title": "One", "files": {"pupils": "pupils.csv"}}],
}  # fmt: skip
IMPACT = TRIAL | {
    "title": "A network",
    "design": "matched",
    "notebook": "impact",
    "subgroups": [],
    "parameters": {"years": [2016, 2017, 2018, 2019], "context": ["PTFSM6CLA1A"], "start": 2018},
    "outcomes": [
        {"name": "PTMAT_EXP", "title": "Maths", "unit": "pp", "smallest_worthwhile": 3.0,
         "primary": True}
    ],
    "cohorts": [
        {
            "name": "one",
            "title": "One",
            "files": {
                "ks2": [f"ks2_{year}.csv" for year in (2016, 2017, 2018, 2019)],
                "participation": "participation.csv",
            },
        }
    ],
}  # fmt: skip
GOOD = {"feedback": TRIAL, "network": IMPACT}


@dataclass(frozen=True)
class Wrong:
    """A change of one programme's part of the register, or of a file of its own."""

    who: str
    label: str
    change: Callable[[dict, object], None]


def data(folder):
    """Write the files of the right register."""
    rng = np.random.default_rng(5)
    n = 480
    pupils = pd.DataFrame({"upn": [f"A{i:011d}" for i in range(n)], "school": np.arange(n) % 24})
    pupils["arm"] = np.where(pupils["school"] % 2, "new", "usual")
    pupils["year"] = np.where(np.arange(n) < 400, 1, 2)
    pupils["pre"] = rng.normal(100, 15, n).round()
    pupils["post"] = (pupils["pre"] * 0.7 + rng.normal(32, 9, n)).round()
    pupils["passed"] = (pupils["post"] > 100).astype(int)
    pupils["sex"] = rng.choice(["F", "M"], n)
    pupils["fsm"] = rng.integers(0, 2, n)
    pupils["constant"] = 1
    pupils["coded"] = np.where(np.arange(n) % 9, pupils["pre"], -99)
    pupils["age"] = np.where(np.arange(n) % 9, 10, 310)
    pupils["word"] = [f"w{i}" for i in range(n)]
    pupils.to_csv(folder / "pupils.csv", index=False)
    schools = np.arange(60)
    level = rng.normal(60, 8, 60)
    for year in (2016, 2017, 2018, 2019):
        table = pd.DataFrame({"RECTYPE": 1, "LEA": 850, "ESTAB": 2000 + schools})
        table["URN"] = 110001 + schools
        table["SCHNAME"] = [f"School {i}" for i in schools]
        table["TELIG"] = rng.integers(20, 60, 60)
        for name in ("PTMAT_EXP", "PTREAD_EXP", "PTFSM6CLA1A"):
            table[name] = [f"{v:.0f}%" for v in np.clip(level + rng.normal(0, 6, 60), 1, 99)]
        table[f"PTMAT_EXP_{year - 2001}"] = table["PTMAT_EXP"]
        table.to_csv(folder / f"ks2_{year}.csv", index=False)
    taken = pd.DataFrame({"urn": 110001 + schools[:15], "programme": "network", "start": 2018})
    taken.to_csv(folder / "participation.csv", index=False)


def toml(register):
    """Write a register of tables, lists, texts, numbers and flags."""

    def value(item):
        if isinstance(item, dict):
            return "{" + ", ".join(f"{json.dumps(k)} = {value(v)}" for k, v in item.items()) + "}"
        if isinstance(item, list):
            return f"[{', '.join(map(value, item))}]"
        return json.dumps(item).replace("NaN", "nan").replace("Infinity", "inf")

    lines = []
    for name, programme in register.items():
        lines.append(f"[programme.{name}]")
        tables = {k: v for k, v in programme.items() if k in ("parameters", "outcomes", "cohorts")}
        lines += [f"{k} = {value(v)}" for k, v in programme.items() if k not in tables]
        for key, rows in tables.items():
            for row in [rows] if isinstance(rows, dict) else rows:
                lines.append(
                    f"[programme.{name}.{key}]" if row is rows else f"[[programme.{name}.{key}]]"
                )
                lines += [f"{k} = {value(v)}" for k, v in row.items()]
    return "\n".join(lines) + "\n"


def _set(programme, *path):
    """Return a change that sets what is at a path; REMOVE takes it out."""
    *path, to = path

    def change(register, folder):
        table = register[programme]
        for step in path[:-1]:
            table = table[step]
        if to is REMOVE:
            del table[path[-1]]
        else:
            table[path[-1]] = to

    return Wrong(
        programme,
        f"{programme} {' '.join(map(str, path))} = {'nothing' if to is REMOVE else repr(to)}"[:90],
        change,
    )


REMOVE = object()


def _file(name, label, spoil):
    def change(register, folder):
        path = folder / name
        path.write_bytes(spoil(path.read_bytes()))

    who = "feedback" if name == "pupils.csv" else "network"
    return Wrong(who, f"{name}: {label}", change)


def _named(key, to):
    """Return a change that asks for pupils' names, which stand in place of another column."""
    column = to if isinstance(to, str) else to[0]

    def change(register, folder):
        path = folder / "pupils.csv"
        path.write_bytes(path.read_bytes().replace(b"word", column.encode(), 1))
        register["feedback"]["parameters"][key] = to

    return Wrong("feedback", f"feedback {key} is {column}: names of pupils", change)


def _swap(old, new, count=1):
    return lambda raw: raw.replace(old.encode(), new.encode(), count)


def _lines(keep):
    return lambda raw: b"\n".join(keep(raw.split(b"\n")))


def wrong() -> Iterator[Wrong]:
    """Give every wrong register."""
    for who in GOOD:
        for key in ("title", "phase", "lead", "about", "cost", "design", "notebook"):
            if key != "cost":  # a programme need not say what it costs
                yield _set(who, key, REMOVE)
            yield _set(who, key, [])
            yield _set(who, f"{key}s", "x")
        yield _set(who, "title", " ")
        for cost in (-1, float("nan"), float("inf"), "free"):
            yield _set(who, "cost", cost)
        for design in ("randomized", "survey", "monitoring", "matchd", "", 3):
            yield _set(who, "design", design)
        yield _set(who, "design", "matched" if who == "feedback" else "randomised")
        yield _set(who, "notebook", "impact" if who == "feedback" else "trial")
        yield _set(who, "notebook", "trail")
        yield _set(who, "automatic", True)
        yield _set(who, "timeout", -1)
        yield _set(who, "subgroups", "sex")
        yield _set(who, "cohorts", [])
        yield _set(who, "outcomes", [])
        yield _set(who, "cohorts", [GOOD[who]["cohorts"][0]] * 2)
        yield _set(who, "outcomes", [GOOD[who]["outcomes"][0]] * 2)
        yield _set(who, "outcomes", 0, "primary", False)
        for name in (*ABSENT, "", 4, "sex" if who == "feedback" else "SCHNAME"):
            yield _set(who, "outcomes", 0, "name", name)
        for least in (0, -0.1, "x", float("nan"), float("inf"), 400.0):
            yield _set(who, "outcomes", 0, "smallest_worthwhile", least)
        for unit in ("SD", "percent", "", 1, "pp" if who == "feedback" else "sd"):
            yield _set(who, "outcomes", 0, "unit", unit)
        yield _set(who, "outcomes", 0, "sd", -1.0)
        yield _set(who, "outcomes", 0, "sx", 1.0)
        yield _set(who, "cohorts", 0, "name", "a b")
        yield _set(who, "cohorts", 0, "files", {})
        yield _set(who, "cohorts", 0, "parameters", {"strt": 1})
        for name in ("labels", "threats"):
            for to in ("x", 3, ["x"], {"x": 3}):
                yield _set(who, "parameters", name, to)
        yield _set(who, "parameters", "threats", {"fidelity": "huge"})
        for file in ("nope.csv", "", "../pupils.csv", "/pupils.csv", "*.csv", 3):
            for name in GOOD[who]["cohorts"][0]["files"]:
                yield _set(who, "cohorts", 0, "files", name, file)
    trial = ("feedback", "parameters")
    for name in ("treatment", "control", "arm", "pupil", "baseline", "cluster", "strata", "school"):
        for to in (*ABSENT, 3, ["x"], True):
            yield _set(*trial, name, to)
    for name in ("treatment", "control", "arm"):
        yield _set(*trial, name, REMOVE)
    for name in ("treatment", "control"):
        yield _set(*trial, name, "")
    for to in ("post", "pre", "upn", "constant", "word", "passed", "school"):
        yield _set(*trial, "treatment", to)
    yield _set(*trial, "control", "new")
    yield _set(*trial, "arm", "usual")
    for to in ("simple", "multisite", "paired", "clster", 3):
        yield _set(*trial, "allocation", to)
    for to in ("school", "arm", "sex"):
        yield _set(*trial, "pupil", to)
    for to in ("post", "sex", "word", "constant", "coded", "arm"):
        yield _set(*trial, "baseline", to)
    for to in (["nope"], ["upn"], ["word"], ["post"], ["arm"], "fsm", ["coded"], ["age"], [3]):
        yield _set(*trial, "covariates", to)
    for to in ("", "upn", "arm", "constant", "word"):
        yield _set(*trial, "cluster", to)
    for to in ("school", "arm", "upn"):
        yield _set(*trial, "strata", to)
    for to in ({"nope": 1}, {"year": 9}, {"year": "one"}, "year", ["year"]):
        yield _set(*trial, "where", to)
    for to in ("sex", "word", "nope", 3):
        yield _set(*trial, "dosage", to)
    for name in ("draws", "imputations", "seed"):
        for to in (-1, "x", 1.5, [1]):
            yield _set(*trial, name, to)
    yield _set(*trial, "draws", 0)
    yield _set(*trial, "prespecified", ["nope"])
    for to in (["nope"], ["upn"], ["word"], ["arm"], ["post"]):
        yield _set("feedback", "subgroups", to)
    yield _set(*trial, "labels", {"new": "Usual", "usual": "Usual"})
    yield _set(*trial, "labels", {"pre": "Maths"})
    for name in ("passed", "constant", "coded", "age", "word", "upn", "school", "arm", "pre"):
        yield _set("feedback", "outcomes", 0, "name", name)
    yield _set("feedback", "outcomes", 1, "title", "Maths")
    yield _set("feedback", "outcomes", 1, "unit", "sd")
    for file in ("participation.csv", "ks2_2016.csv"):
        yield _set("feedback", "cohorts", 0, "files", "pupils", file)
    impact = ("network", "parameters")
    for to in (2010, 2015, 2016, 2017, 2019, 2020, 2030, "2018", 18, 0, -1, 2018.5, REMOVE):
        yield _set(*impact, "start", to)
    years = [2016, 2017, 2018, 2019]
    for to in (years[::-1], years[:3], [*years, 2020], [2016, 2016, 2018, 2019], [], "2016",
               [y - 1 for y in years], [y + 1 for y in years], [2016.5, *years[1:]],
               [16, 17, 18, 19]):  # fmt: skip
        yield _set(*impact, "years", to)
    for to in (["nope"], ["SCHNAME"], ["PTMAT_EXP"], "PTFSM6CLA1A", [3], ["URN"]):
        yield _set(*impact, "context", to)
    for to in ("nope", "PTMAT_EXP", "SCHNAME", 3):
        yield _set(*impact, "placebo", to)
    for name, to in (("group", {"sen": "K"}), ("baseline", "ks1"), ("gap", True), ("chosen", 3)):
        yield _set(*impact, name, to)
    for name in ("URN", "TELIG", "RECTYPE", "PTFSM6CLA1A"):
        yield _set("network", "outcomes", 0, "name", name)
    tables = IMPACT["cohorts"][0]["files"]["ks2"]
    for to in (tables[::-1], tables[:3], [tables[0]] * 4, [*tables[:3], "participation.csv"],
               [*tables[:3], "pupils.csv"], [*tables, "ks2_2019.csv"], []):  # fmt: skip
        yield _set("network", "cohorts", 0, "files", "ks2", to)
    for to in ("ks2_2016.csv", "pupils.csv"):
        yield _set("network", "cohorts", 0, "files", "participation", to)
    yield _set("network", "cohorts", 0, "files", "pupils", "pupils.csv")
    yield _set("network", "cohorts", 0, "files", "ks4", tables)
    yield Wrong("network", "network renamed", lambda r, folder: r.update(netwrk=r.pop("network")))
    header = _lines(lambda lines: lines[1:])
    for name in ("pupils.csv", "participation.csv", "ks2_2017.csv"):
        yield _file(name, "no header", header)
        yield _file(name, "empty", lambda raw: b"")
        yield _file(name, "header only", _lines(lambda lines: lines[:1]))
        yield _file(name, "NUL", lambda raw: raw[:90] + b"\0" + raw[90:])
        yield _file(
            name, "a longer row", _lines(lambda lines: [*lines[:3], lines[3] + b",7,8", *lines[4:]])
        )
        yield _file(
            name,
            "a quotation mark",
            _lines(lambda lines: [*lines[:3], b'"' + lines[3], *lines[4:]]),
        )
        yield _file(name, "a row twice", _lines(lambda lines: [*lines[:3], lines[2], *lines[3:]]))
        yield _file(name, "half a parquet", lambda raw: b"PAR1" + raw)
        yield _file(name, "half a zip", lambda raw: b"PK\x03\x04" + raw)
    for old, new in (
        ("post", "pst"),
        (",usual,", ",Usual,"),
        (",new,", ",,"),
        ("A00000000005,", ","),
    ):
        yield _file("pupils.csv", f"{old} is {new}", _swap(old, new))
    yield _file("pupils.csv", "a word in pre", lambda raw: _cell(raw, "pre", "absent?"))
    yield _file("pupils.csv", "a word in post", lambda raw: _cell(raw, "post", "x"))
    yield _file("pupils.csv", "no finite number", lambda raw: _cell(raw, "post", "1e999"))
    yield _file("pupils.csv", "999", lambda raw: _cell(raw, "post", "999"))
    yield _file("pupils.csv", "an arm of its own", lambda raw: _cell(raw, "arm", "nwe"))
    for key, to in (("pupil", "Surname"), ("cluster", "Pupil name"), ("covariates", ["FORENAME"]),
                    ("strata", "Name"), ("baseline", "known_as")):  # fmt: skip
        yield _named(key, to)
    for cell in ("Hill School", "11000", "850/2031", "", "1100011"):
        yield _file(
            "participation.csv", f"urn {cell}", lambda raw, cell=cell: _cell(raw, "urn", cell)
        )
    for cell in ("18", "soon", "", "2018/20"):
        yield _file(
            "participation.csv", f"start {cell}", lambda raw, cell=cell: _cell(raw, "start", cell)
        )
    yield _file("participation.csv", "no school of ours", _swap("1100", "1200", -1))
    yield _file("ks2_2017.csv", "table of 2018", lambda raw: raw.replace(b"_EXP_16", b"_EXP_17"))
    for column, cell in (("PTMAT_EXP", "0.6"), ("PTMAT_EXP", "160%"), ("PTMAT_EXP", "sixty-one"),
                         ("URN", "Hill"), ("URN", "110003"), ("RECTYPE", "9"),
                         ("TELIG", "3 4")):  # fmt: skip
        yield _file(
            "ks2_2017.csv", f"{column} {cell}", lambda raw, at=column, to=cell: _cell(raw, at, to)
        )
    for column in ("PTMAT_EXP,", "URN", "TELIG", "RECTYPE", "PTFSM6CLA1A"):
        yield _file("ks2_2017.csv", f"no {column}", _swap(column, f"X{column}"))


def _cell(raw, column, to):
    """Return the file with another content in the second row of a column."""
    lines = raw.decode().split("\n")
    cells = lines[2].split(",")
    cells[lines[0].split(",").index(column)] = to
    return "\n".join([*lines[:2], ",".join(cells), *lines[3:]]).encode()
