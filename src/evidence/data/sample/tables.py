"""The made-up county in the layout of the Department for Education's key stage 2 tables.

With the layout come its quirks: a byte order mark and CRLF, `SUPP` where a figure is of five pupils
or fewer, rows that end early, `NEW`, blank cells of several kinds, columns that change
their case, authority and national rows.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

LA, COUNTY = "999", "Fenmarch"
SUPPRESS = 5  # pupils; DfE: no figure for a group of this size or smaller
# fmt: off
_ADDRESS = [
    "RECTYPE", "ALPHAIND", "LEA", "ESTAB", "URN", "SCHNAME", "ADDRESS1", "ADDRESS2", "ADDRESS3",
    "TOWN", "PCODE", "TELNUM", "URN_AC", "SCHNAME_AC", "OPEN_AC", "NFTYPE", "ICLOSE", "RELDENOM",
    "AGERANGE", "CONFEXAM", "TAB15", "TAB1618", "TOTPUPS", "TPUPYEAR",
]
# fmt: on
_WRITING = (91, 103, 113)  # points for working towards, at, and in greater depth than expected
_TESTED = (("READ", "reading"), ("WRIT", "writing"), ("MAT", "maths"))
_FLAGS = {
    "RWM_EXP": "rwm_exp",
    "RWM_HIGH": "rwm_high",
    "READ_EXP": "reading_exp",
    "MAT_EXP": "maths_exp",
    "WRITTA_EXP": "writing_exp",
}


def ks2(schools: pd.DataFrame, pupils: pd.DataFrame, year: int) -> str:
    """Return the performance table of one year as text.

    Parameters
    ----------
    schools : DataFrame
        A row a primary school: `urn`, `estab`, `school`, `type` (NFTYPE), `faith`, `roll`.
    pupils : DataFrame
        Pupils of all years with their results and national expectation: `at` (position of the
        school), `year`, `reading_expected`, `maths_expected`, `writing_expected`, and the columns
        of the pupil file.
    year : int
        Year in which the school year ends.

    Returns
    -------
    str
        Lines that end in CRLF, after a byte order mark.
    """
    here = pupils[pupils["year"] == year]
    sigma = {name: float(np.nanstd(_progress(here, name))) for _, name in _TESTED}
    n = len(schools)
    at = here["at"].to_numpy()
    by_school = _figures(here, lambda v: np.bincount(at, v, minlength=n), sigma)
    county = _figures(here, lambda v: np.array([v.sum()]), sigma)
    names = [*_ADDRESS, *by_school]
    if year >= 2019:  # the real tables changed the case of these in later years
        names = [name.replace("TNotFSM", "TNOTFSM") for name in names]
    lines = [names]
    eligible = np.bincount(at, minlength=n)
    for i, school in enumerate(schools.itertuples()):
        row = ["1", str(100 + 37 * i), LA, school.estab, school.urn, school.school,
               "Simulated school", "", "", COUNTY, "ZZ99 9ZZ", "", "0", "", "", school.type, "0",
               school.faith, "4-11", "R" if i % 3 == 0 else "", "0", "0"]  # fmt: skip
        if eligible[i]:
            figures = [column[i] for column in by_school.values()]
            row += [str(school.roll), str(eligible[i]), *figures]
        elif year == 2015:
            continue  # not yet open
        else:  # open, but nobody is old enough: such rows end early
            row += ["NEW"] if year == 2016 else [str(school.roll), "0"]
        lines.append(row)
    blank = dict.fromkeys([*_ADDRESS, *county], " ")
    la = {"RECTYPE": "3", "LEA": LA, "SCHNAME": COUNTY, "TOTPUPS": str(schools["roll"].sum()),
          "TPUPYEAR": str(len(here))}  # fmt: skip
    figures = {name: column[0] for name, column in county.items()}
    lines.append([*(blank | la | figures).values()])
    for kind, count, more in (("4", 620_000, 0), ("5", 612_000, 1)):
        nation = {"RECTYPE": kind, "TELIG": str(count)}
        for name in ("PTRWM_EXP", "PTREAD_EXP", "PTMAT_EXP", "PTWRITTA_EXP"):
            nation[name] = f"{int(figures[name][:-1]) + more}%"
        for end, ahead, pupils in (("FSM6CLA1A", 2, 0.3), ("NotFSM6CLA1A", 1, 0.7)):
            own = figures[f"PTRWM_EXP_{end}"]
            nation[f"PTRWM_EXP_{end}"] = f"{int(own[:-1]) + more + ahead}%"
            nation[f"T{end}"] = f"{count * pupils:.0f}"
        lines.append([*(blank | nation).values()])
    return "\ufeff" + "".join(",".join(line) + "\r\n" for line in lines)


def _figures(
    here: pd.DataFrame, total: Callable[[np.ndarray], np.ndarray], sigma: dict[str, float]
) -> dict[str, list[str]]:
    """Return every figure of the table for the groups that `total` adds up, as printed."""
    column = {name: here[name].to_numpy() for name in here.columns}
    everybody = np.ones(len(here), dtype=bool)
    boys, fsm = column["sex"] == "M", column["fsm"] == 1
    n = total(1.0 * everybody)

    def counted(flag: np.ndarray) -> list[str]:
        return _printed("{:.0f}".format, n, total(1.0 * flag))

    def share(
        flag: np.ndarray, of: np.ndarray = everybody, hide: np.ndarray | None = None
    ) -> list[str]:
        among, having = total(1.0 * of), total(1.0 * (of & (flag == 1)))
        return _printed(_percent, among if hide is None else hide, having, among)

    table = {
        "TELIG": [f"{count:.0f}" for count in n],
        "BELIG": counted(boys),
        "GELIG": counted(~boys),
        "TKS1AVERAGE": _mean(column["ks1"], total, 1),
    }
    for counts, shares, flag in (
        ("TFSM6CLA1A", "PTFSM6CLA1A", fsm),
        ("TNotFSM6CLA1A", "PTNotFSM6CLA1A", ~fsm),
        ("TEALGRP2", "PTEALGRP2", column["eal"]),
        ("TMOBN", "PTMOBN", column["mobile"] == 0),
        ("TSENELE", "PSENELE", column["sen"] == "E"),
        ("TSENELK", "PSENELK", column["sen"] == "K"),
    ):
        table |= {counts: counted(flag), shares: share(flag, hide=n)}
    table |= {f"PT{name}": share(column[flag]) for name, flag in _FLAGS.items()}
    for name, subject in _TESTED:
        table |= _added(f"{name}PROG", _progress(here, subject), sigma[subject], n, total)
    for name, subject in (("READ", "reading"), ("MAT", "maths")):
        table[f"{name}_AVERAGE"] = _mean(column[subject], total, 0)
        table[f"PT{name}_HIGH"] = share(column[subject] >= 110)
    poverty = {"_FSM6CLA1A": fsm, "_NotFSM6CLA1A": ~fsm}
    # with one of the two suppressed, the school's figure would give it away: both are
    few = [total(1.0 * group) for group in poverty.values()]
    hide = np.where(np.minimum(*few) > 0, np.minimum(*few), np.maximum(*few))
    for name in ("RWM_EXP", "READ_EXP", "MAT_EXP"):
        result = column[_FLAGS[name]]
        table |= {f"PT{name}_B": share(result, boys), f"PT{name}_G": share(result, ~boys)}
        table |= {f"PT{name}{end}": share(result, of, hide) for end, of in poverty.items()}
    return table


def _progress(here: pd.DataFrame, column: str) -> np.ndarray:
    """Return points above those of pupils of the nation with the same start."""
    return here[f"{column}_points"].to_numpy() - here[f"{column}_expected"].to_numpy()


def _added(
    name: str, gain: np.ndarray, sigma: float, n: np.ndarray, total: Callable
) -> dict[str, list[str]]:
    """Return a progress measure, its 95% interval (sigma of all pupils) and its coverage."""
    known = ~np.isnan(gain)
    count = total(1.0 * known)
    some = np.where(count, count, np.nan)
    mean, half = total(np.where(known, gain, 0.0)) / some, 1.96 * sigma / np.sqrt(some)
    cover = np.nan_to_num(count / np.where(n, n, np.nan))
    low = cover < 0.5

    def points(value: float, low: bool, pupils: float) -> str:
        return _decimal(value, 1) if not low else "LOWCOV" if pupils else ""

    table = {
        f"{name}{end}": _printed(points, np.where(low, n, count), mean + sign * half, low, n)
        for end, sign in (("", 0), ("_LOWER", -1), ("_UPPER", 1))
    }
    covered = _printed(lambda c, pupils: _percent(c, 1.0) if pupils else "", n, cover, n)
    return table | {f"{name.removesuffix('PROG')}COV": covered}


def _mean(values: np.ndarray, total: Callable, digits: int) -> list[str]:
    known = ~np.isnan(values)
    count, added = total(1.0 * known), total(np.where(known, values, 0.0))
    return _printed(lambda s, c: _decimal(s / c, digits) if c else "", count, added, count)


def _percent(part: float, whole: float) -> str:
    return f"{int(100 * part / whole + 0.5)}%" if whole else ""


def _decimal(value: float, digits: int) -> str:
    """Print as the tables do: no trailing zero, no minus zero."""
    text = f"{value:.{digits}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text


def _printed(form: Callable[..., str], counts: np.ndarray, *columns: np.ndarray) -> list[str]:
    """Print a cell a group, in the given form; `counts` says of how many pupils it is."""
    return [
        "SUPP" if 0 < count <= SUPPRESS else form(*cell)
        for count, *cell in zip(counts, *columns, strict=True)
    ]


def expectations(pupils: pd.DataFrame, without: dict[str, np.ndarray]) -> pd.DataFrame:
    """Return pupils with their points and what the nation's similar pupils reach.

    Parameters
    ----------
    pupils : DataFrame
        Pupils of all years with their results.
    without : dict of str to ndarray
        Results had there been no programme: the made-up nation is this county without them, but
        three tenths of a point better.

    Returns
    -------
    DataFrame
        With the columns `reading_points`, `reading_expected` and so on; missing where the pupil
        has no starting point or no result.
    """

    def points(results: dict[str, np.ndarray] | pd.DataFrame, subject: str) -> np.ndarray:
        if subject != "writing":
            return np.asarray(results[subject], dtype=float)
        depth = np.asarray(results["writing_exp"]) + np.asarray(results["writing_high"])
        return np.array(_WRITING, dtype=float)[depth]

    group = np.clip(np.round(pupils["ks1"]), 6, 21)
    new = {}
    for subject in ("reading", "maths", "writing"):
        base = pd.Series(points(without, subject), index=pupils.index)
        expected = base.groupby([pupils["year"], group]).transform("mean") + 0.3
        new[f"{subject}_points"] = points(pupils, subject)
        new[f"{subject}_expected"] = expected
    return pupils.assign(**new)
