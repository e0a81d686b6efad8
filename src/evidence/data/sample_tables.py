"""The made-up county in the layout of the Department for Education's key stage 2 tables.

With the layout come its quirks: a byte order mark and CRLF, `SUPP` where five pupils or fewer
stand behind a figure, rows that end early, `NEW`, blank cells of several kinds, columns that change
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
            row += [
                str(school.roll),
                str(eligible[i]),
                *(column[i] for column in by_school.values()),
            ]
        elif year == 2015:
            continue  # not yet open
        else:  # open, but nobody is old enough: such rows end early
            row += ["NEW"] if year == 2016 else [str(school.roll), "0"]
        lines.append(row)
    blank = [" "] * len(_ADDRESS)
    la = [*blank]
    la[0], la[2], la[5], la[-2], la[-1] = (
        "3",
        LA,
        COUNTY,
        str(schools["roll"].sum()),
        str(len(here)),
    )
    lines.append(la + [column[0] for column in county.values()])
    for kind, count in (("4", 620_000), ("5", 612_000)):
        cells = dict.fromkeys(county, " ") | {"TELIG": str(count)}
        for name in ("PTRWM_EXP", "PTREAD_EXP", "PTMAT_EXP", "PTWRITTA_EXP"):
            cells[name] = f"{int(county[name][0][:-1]) + (kind == '5')}%"
        lines.append([kind, *blank[1:], *cells.values()])
    return "\ufeff" + "".join(",".join(line) + "\r\n" for line in lines)


def _figures(
    here: pd.DataFrame, total: Callable[[np.ndarray], np.ndarray], sigma: dict[str, float]
) -> dict[str, list[str]]:
    """Return every figure of the table for the groups that `total` adds up, as printed."""
    n = total(np.ones(len(here)))
    groups = {
        "": np.ones(len(here), dtype=bool),
        "_B": here["sex"].to_numpy() == "M",
        "_G": here["sex"].to_numpy() == "F",
        "_FSM6CLA1A": here["fsm"].to_numpy() == 1,
        "_NotFSM6CLA1A": here["fsm"].to_numpy() == 0,
    }

    def share(
        flag: np.ndarray, of: np.ndarray | None = None, hide: np.ndarray | None = None
    ) -> list:
        of = np.ones(len(here), dtype=bool) if of is None else of
        among, having = total(1.0 * of), total(1.0 * (of & (flag == 1)))
        text = [
            f"{int(100 * h / m + 0.5)}%" if m else "" for h, m in zip(having, among, strict=True)
        ]
        return _suppressed(text, among if hide is None else hide)

    def counted(flag: np.ndarray) -> list[str]:
        return _suppressed([str(int(count)) for count in total(1.0 * flag)], n)

    table: dict[str, list[str]] = {"TELIG": [str(int(count)) for count in n]}
    fsm, ks1 = groups["_FSM6CLA1A"], here["ks1"].to_numpy()
    table |= {"BELIG": counted(groups["_B"]), "GELIG": counted(groups["_G"])}
    table["TKS1AVERAGE"] = _mean(ks1, total, 1)
    settled = here["mobile"].to_numpy() == 0
    eal = here["eal"].to_numpy()
    for name, flag in (
        ("FSM6CLA1A", fsm),
        ("NotFSM6CLA1A", ~fsm),
        ("EALGRP2", eal),
        ("MOBN", settled),
    ):
        table |= {f"T{name}": counted(flag), f"PT{name}": share(flag, hide=n)}
    for letter in "EK":
        flag = here["sen"].to_numpy() == letter
        table |= {f"TSENEL{letter}": counted(flag), f"PSENEL{letter}": share(flag, hide=n)}
    for name, column in _FLAGS.items():
        table[f"PT{name}"] = share(here[column].to_numpy())
    for name, column in _TESTED:
        table |= _added(name, _progress(here, column), sigma[column], n, total)
    for name, column in (("READ", "reading"), ("MAT", "maths")):
        table[f"{name}_AVERAGE"] = _mean(here[column].to_numpy(), total, 0)
        table[f"PT{name}_HIGH"] = share(here[column].to_numpy() >= 110)
    for flag in ("RWM_EXP", "READ_EXP", "MAT_EXP"):
        result = here[_FLAGS[flag]].to_numpy()
        for group in ("_B", "_G"):
            table[f"PT{flag}{group}"] = share(result, groups[group])
        # with one of the two suppressed, the school's figure would give it away: both are
        few = [total(1.0 * groups[group]) for group in ("_FSM6CLA1A", "_NotFSM6CLA1A")]
        hide = np.where(np.minimum(*few) > 0, np.minimum(*few), np.maximum(*few))
        for group in ("_FSM6CLA1A", "_NotFSM6CLA1A"):
            table[f"PT{flag}{group}"] = share(result, groups[group], hide)
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
    cover = count / np.where(n, n, np.nan)
    low = np.where(cover < 0.5, np.nan, mean)
    text = {
        f"{name}PROG{end}": _suppressed(
            [_decimal(v, 1) if np.isfinite(v) else "LOWCOV" if m else "" for v, m in
             zip(low + sign * half, n, strict=True)], np.where(cover < 0.5, n, count))
        for end, sign in (("", 0), ("_LOWER", -1), ("_UPPER", 1))
    }  # fmt: skip
    text[f"{name}COV"] = _suppressed(
        [
            f"{int(100 * c + 0.5)}%" if m else ""
            for c, m in zip(np.nan_to_num(cover), n, strict=True)
        ],
        n,
    )
    return text


def _mean(values: np.ndarray, total: Callable, digits: int) -> list[str]:
    known = ~np.isnan(values)
    count, added = total(1.0 * known), total(np.where(known, values, 0.0))
    text = [_decimal(s / c, digits) if c else "" for s, c in zip(added, count, strict=True)]
    return _suppressed(text, count)


def _decimal(value: float, digits: int) -> str:
    """Print as the tables do: no trailing nought, no minus nought."""
    text = f"{value:.{digits}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text


def _suppressed(text: list[str], counts: np.ndarray) -> list[str]:
    return ["SUPP" if 0 < c <= SUPPRESS else t for t, c in zip(text, counts, strict=True)]


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
