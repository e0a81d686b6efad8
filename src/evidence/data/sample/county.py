"""A made-up county: schools, pupils, who took part in what, and what that truly changed.

Each pupil has two results: with every programme and without. Results are latent scores in standard
deviations of the county's pupils, so a programme's effect is stated there and percentages follow.
Schools are chosen for programmes on results of one year, partly chance, so those results rebound.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from scipy.special import expit, ndtri

YEARS = (2015, 2016, 2017, 2018, 2019)
N_PRIMARY, N_SECONDARY, N_JOINED = 280, 54, 250
SUBJECTS = ("reading", "maths", "writing")
SCALE = np.array([7.9, 7.1, 8.0])  # points of the scaled score in a standard deviation
EXPECTED = {  # per cent at the expected standard, year by year, as in England about then
    "reading": (70, 70, 72, 75, 74),
    "maths": (73, 73, 75, 76, 78),
    "writing": (75, 75, 76, 78, 78),
}
COLUMN = {  # column of the performance table: column of the pupil file (per cent, or points)
    "PTRWM_EXP": "rwm_exp",
    "PTREAD_EXP": "reading_exp",
    "PTMAT_EXP": "maths_exp",
    "PTWRITTA_EXP": "writing_exp",
    "READPROG": "reading",
    "MATPROG": "maths",
}

PROGRAMMES = {  # outcomes that the truth is worked out for, and subjects with an effect
    "leap": ("PTREAD_EXP READPROG PTWRITTA_EXP", "reading writing"),
    "lamp": ("PTMAT_EXP MATPROG", "maths"),
    "lens": ("rwm_exp", "reading maths writing"),
    "small-schools-maths-spring": ("PTMAT_EXP PTREAD_EXP", "maths"),
    "targeted-support": ("PTRWM_EXP", "reading maths writing"),
    "small-schools-english-autumn": ("PTREAD_EXP READPROG", "reading"),
    "small-schools-maths-autumn": ("PTMAT_EXP MATPROG", "maths"),
    "year-6-booster": ("PTRWM_EXP", "reading maths writing"),
    "mobilise": ("PTRWM_EXP", "reading"),
}
# programme, first year with an effect, result of the summer before by which schools were chosen,
# how many, how noisily (in standard deviations), among which, effect; lens was open to all
CHOSEN = (
    ("leap", 2018, "reading_exp", 24, 2.5, "any", 0.15),
    ("lamp", 2018, "maths_exp", 20, 3.0, "any", 0.18),
    ("lens", 2018, "", 40, 0.0, "any", 0.12),
    ("small-schools-maths-spring", 2018, "maths_exp", 24, 2.5, "small", 0.1),
    ("targeted-support", 2018, "rwm_exp", 7, 0.0, "larger", 0.1),
    ("leap", 2019, "reading_exp", 17, 2.5, "any", 0.12),
    ("lens", 2019, "", 40, 0.0, "any", 0.12),
    ("small-schools-english-autumn", 2019, "reading_exp", 22, 2.5, "small", 0.0),
    ("small-schools-maths-autumn", 2019, "maths_exp", 26, 2.5, "small", 0.15),
    ("year-6-booster", 2019, "rwm_exp", 42, 0.6, "any", 0.04),
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Spell:
    """Schools that started a programme together, and its true effect.

    Parameters
    ----------
    programme : str
        Id in the register.
    start : int
        First year with an effect.
    schools : ndarray of int
        Positions of the schools.
    effect : mapping of str to float
        Subject to effect, in standard deviations.
    outcomes : tuple of str
        What the truth is worked out for.
    sen : str
        Only pupils with this SEN status gain ("" for all).
    """

    programme: str
    start: int
    schools: np.ndarray
    effect: Mapping[str, float]
    outcomes: tuple[str, ...]
    sen: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Phase:
    """One phase of education: its schools, its pupils, their results with and without programmes.

    Parameters
    ----------
    schools : DataFrame
        A row a school.
    pupils : DataFrame
        A row a pupil; `at` is the position of the school.
    without : dict of str to ndarray
        Results (0/1 or points) of each pupil had there been no programme.
    results : dict of str to ndarray
        Results as they came out.
    spells : list of Spell
        Who took part.
    truth : dict
        Programme to cohort to outcome to the true average effect on those treated.
    """

    schools: pd.DataFrame
    pupils: pd.DataFrame
    without: dict[str, np.ndarray]
    results: dict[str, np.ndarray]
    spells: list[Spell]
    truth: dict = field(default_factory=dict)


def primary(rng: np.random.Generator) -> Phase:
    """Simulate the primary schools and their key stage 2 cohorts."""
    small, two_form = rng.random((2, N_PRIMARY))
    size = np.where(small < 0.33, rng.normal(12, 3.5, N_PRIMARY), rng.normal(28.5, 2.2, N_PRIMARY))
    size = np.where((small >= 0.33) & (two_form < 0.34), rng.normal(52, 9, N_PRIMARY), size)
    size = np.clip(size, 5, 92)
    size *= 8_000 / size.sum()
    poverty = rng.normal(size=N_PRIMARY) - 0.35 * (size < 20)
    schools = _schools(rng, size, poverty)
    cohort = np.round(rng.normal(size[:, None], 0.55 * np.sqrt(size)[:, None], (N_PRIMARY, 5)))
    cohort = np.clip(cohort, 3, None).astype(int)
    cohort[-1, :3] = 0  # a new school: first pupils at the end of key stage 2 in 2018
    pupils = _pupils(rng, schools, cohort)
    n, at, year = len(pupils), pupils["at"].to_numpy(), pupils["year"].to_numpy() - YEARS[0]
    k, e = pupils["sen"].to_numpy() == "K", pupils["sen"].to_numpy() == "E"
    fsm, eal, female = (pupils[c].to_numpy() for c in ("fsm", "eal", "female"))
    age = (pupils["birth_month"].to_numpy() - 9) % 12 / 11  # 0 for September, the oldest
    intake = rng.normal(-0.1 * poverty, 0.17)
    prior = 0.18 - 0.42 * fsm - 0.85 * k - 1.6 * e - 0.2 * eal + 0.1 * female - 0.45 * (age - 0.5)
    prior = prior + intake[at] + rng.normal(0, 0.8, n)
    ks1 = np.clip(np.round(2 * (16.4 + 3.3 * prior)) / 2, 2, 22.5)
    missing = rng.random(n) < np.where(pupils["mobile"] == 1, 0.22, 0.02)
    pupils["ks1"] = np.where(missing, np.nan, ks1)

    context = 0.64 * prior - 0.16 * fsm - 0.25 * k - 0.4 * e + 0.12 * eal
    latent = context[:, None] + np.outer(female - 0.5, (0.08, -0.1, 0.22))
    kept = _two_layers(rng, (N_PRIMARY,), 0.2, 0.13)
    intakes = np.bincount(at, context) / np.bincount(at)
    intakes -= intakes.mean()  # by chance alone they would go together: the spread is a promise
    kept -= kept.mean(0) + np.outer(intakes, intakes @ kept / (intakes @ intakes))
    kept *= 0.235 / kept.std(0)
    shock = _two_layers(rng, (N_PRIMARY, 5), 0.14, 0.13)  # a cohort's or a teacher's good year
    latent = latent + kept[at] + shock[at, year] + _two_layers(rng, (n,), 0.43, 0.43)
    latent = (latent - latent.mean(0)) / latent.std(0)
    level = 99.5 + SCALE * ndtri(np.array([EXPECTED[s] for s in SUBJECTS]).T / 100)
    absent = rng.random(n) < 0.007

    def results(shift: np.ndarray) -> dict[str, np.ndarray]:
        points = level[year] + SCALE * (latent + shift)
        scores = np.clip(np.round(points), 80, 120)
        taken = ~absent[:, None] & (points >= 80)  # below 80 a pupil does not sit the test
        expected = {
            s: (scores[:, i] >= 100) & (taken[:, i] | (s == "writing"))
            for i, s in enumerate(SUBJECTS)
        }
        high = np.all((scores >= (110, 110, 111)) & taken, axis=1)
        return {
            "reading": np.where(taken[:, 0], scores[:, 0], np.nan),
            "maths": np.where(taken[:, 1], scores[:, 1], np.nan),
            **{f"{s}_exp": expected[s].astype(int) for s in SUBJECTS},
            "rwm_exp": np.all([*expected.values()], axis=0).astype(int),
            "rwm_high": high.astype(int),
            "writing_high": (expected["writing"] & (scores[:, 2] >= 111)).astype(int),
        }

    spells: list[Spell] = []
    _join(rng, pupils, cohort, results, spells)
    return _finish(schools, pupils, results, spells, SUBJECTS)


def secondary(rng: np.random.Generator) -> Phase:
    """Simulate the secondary schools and their key stage 4 cohorts."""
    schools = _schools(rng, rng.normal(138, 32, N_SECONDARY).clip(60), rng.normal(size=N_SECONDARY))
    cohort = np.round(rng.normal(schools["size"].to_numpy()[:, None], 6, (N_SECONDARY, 5)))
    pupils = _pupils(rng, schools, cohort.astype(int))
    n, at, year = len(pupils), pupils["at"].to_numpy(), pupils["year"].to_numpy() - YEARS[0]
    sen, fsm = pupils["sen"].to_numpy(), pupils["fsm"].to_numpy()
    intake = rng.normal(-0.15 * schools["poverty"], 0.22)
    prior = (
        intake[at] - 0.35 * fsm - 0.8 * (sen == "K") - 1.5 * (sen == "E") + rng.normal(0, 0.85, n)
    )
    pupils["ks2_prior"] = np.where(
        rng.random(n) < 0.05, np.nan, np.round(np.clip(28.5 + 4 * prior, 12, 39), 1)
    )
    latent = 0.68 * prior[:, None] - 0.2 * fsm[:, None] + np.zeros(2)
    latent = latent + rng.normal(0, 0.19, (N_SECONDARY, 1))[at] + rng.normal(0, 0.55, (n, 2))
    latent = latent + rng.normal(0, 0.1, (N_SECONDARY, 5))[at, year][:, None]
    latent = (latent - latent.mean(0)) / latent.std(0)

    def results(shift: np.ndarray) -> dict[str, np.ndarray]:
        att8 = np.round(np.clip(46.5 + 17 * (latent[:, 0] + shift[:, 0]), 0, 90), 1)
        return {"att8": att8, "maths4": (latent[:, 1] + shift[:, 1] > -0.45).astype(int)}

    low = _rate(results(np.zeros((n, 2)))["maths4"], pupils, 2016, N_SECONDARY)
    chosen = _lowest(rng, low, 14, noise=0.6)
    effect = {"attainment 8": 0.0, "maths": 0.06}
    spells = [Spell(programme="secondary-challenge", start=2017, schools=chosen, effect=effect,
                    outcomes=("maths4", "att8"))]  # fmt: skip
    return _finish(schools, pupils, results, spells, ("attainment 8", "maths"))


def _schools(rng: np.random.Generator, size: np.ndarray, poverty: np.ndarray) -> pd.DataFrame:
    n = len(size)
    return pd.DataFrame(
        {
            "size": size,
            "poverty": poverty,
            "fsm": expit(-1.35 + 0.75 * poverty),
            "eal": expit(-3.3 + rng.normal(0, 1.1, n)),
            "sen": expit(-2.0 + 0.15 * poverty + rng.normal(0, 0.35, n)),
            "mobile": expit(-2.65 + rng.normal(0, 0.4, n)),
        }
    )


def _pupils(rng: np.random.Generator, schools: pd.DataFrame, cohort: np.ndarray) -> pd.DataFrame:
    """Return pupils in order of year and school; `cohort` is schools × years."""
    counts = cohort.T.ravel()
    at = np.repeat(np.tile(np.arange(len(cohort)), len(YEARS)), counts)
    n = len(at)
    support = rng.random(n)
    rate = schools["sen"].to_numpy()[at]
    return pd.DataFrame(
        {
            "at": at,
            "year": np.repeat(np.repeat(YEARS, len(cohort)), counts),
            "number": numbered(counts),
            "female": rng.integers(0, 2, n),
            "birth_month": rng.integers(1, 13, n),
            "fsm": (rng.random(n) < schools["fsm"].to_numpy()[at]).astype(int),
            "sen": np.where(support < 0.03, "E", np.where(support < 0.03 + rate, "K", "N")),
            "eal": (rng.random(n) < schools["eal"].to_numpy()[at]).astype(int),
            "mobile": (rng.random(n) < schools["mobile"].to_numpy()[at]).astype(int),
        }
    )


def numbered(counts: np.ndarray) -> np.ndarray:
    """Return the number of each member of groups of the given sizes, from 0 in each."""
    return np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)


def _two_layers(
    rng: np.random.Generator, shape: tuple[int, ...], common: float, own: float
) -> np.ndarray:
    """Return deviations shared by the subjects plus some of each subject's own."""
    shared = rng.normal(0, common, (*shape, 1))
    return shared + rng.normal(0, own, (*shape, len(SUBJECTS)))


def _join(
    rng: np.random.Generator,
    pupils: pd.DataFrame,
    cohort: np.ndarray,
    results: Callable[[np.ndarray], dict[str, np.ndarray]],
    spells: list[Spell],
) -> None:
    """Choose the schools of each programme from what was known before it started."""
    every = np.arange(N_PRIMARY - 1)  # the new school comes too late for all but the network
    pools = {
        "any": every,
        "small": every[cohort[:-1, :3].mean(1) < 20],
        "larger": every[cohort[:-1, 2] >= 15],
    }

    def rates(column: str, year: int) -> np.ndarray:
        rate = _rate(results(_shift(pupils, spells, SUBJECTS))[column], pupils, year, N_PRIMARY)
        return np.where(cohort[:, year - YEARS[0]] >= 6, rate, np.nan)  # published ones

    def add(programme: str, start: int, schools: np.ndarray, effect: float) -> None:
        outcomes, subjects = PROGRAMMES[programme]
        spells.append(Spell(programme=programme, start=start, schools=np.sort(schools),
                            effect=dict.fromkeys(subjects.split(), effect),
                            outcomes=tuple(outcomes.split()),
                            sen="K" if programme == "lens" else ""))  # fmt: skip

    lens = rng.permutation(every)[:80]
    for programme, start, column, k, noise, pool, effect in CHOSEN:
        joined = [spell.schools for spell in spells if spell.programme == programme]
        among = np.setdiff1d(pools[pool], np.concatenate([[], *joined]))
        if programme == "lens":
            add(programme, start, lens[:k] if start == 2018 else lens[k:], effect)
            continue
        low = rates(column, start - 1)
        if programme == "year-6-booster":  # expected outcomes, from three years
            past = [*(rates(column, year) for year in (2016, 2017)), low]
            low = np.average(past, axis=0, weights=(0.15, 0.25, 0.6))
        add(programme, start, among[_lowest(rng, low[among], k, noise)], effect)
    # The network: open to all, no effect of its own. Who joined first was drawn without a look at
    # what other programmes did later; the last cohort brings those in some programme to 250.
    others = np.unique(np.concatenate([spell.schools for spell in spells]))
    network = rng.permutation(every)[:103]
    outside = np.setdiff1d(np.arange(N_PRIMARY), np.union1d(others, network))
    more = max(0, N_JOINED - (N_PRIMARY - len(outside)))
    late = [rng.permutation(outside)[:more]]
    late.append(rng.permutation(np.setdiff1d(others, network))[: max(0, 51 - more)])
    for start, schools in (
        (2017, network[:52]),
        (2018, network[52:]),
        (2019, np.concatenate(late)),
    ):
        add("mobilise", start, schools, 0.0)


def _finish(
    schools: pd.DataFrame,
    pupils: pd.DataFrame,
    results: Callable[[np.ndarray], dict[str, np.ndarray]],
    spells: list[Spell],
    subjects: tuple[str, ...],
) -> Phase:
    """Work out the results, and what each programme truly changed for those it reached."""
    shift = _shift(pupils, spells, subjects)
    now, truth = results(shift), {}
    for spell in spells:
        own = _shift(pupils, [spell], subjects)
        other, reached = results(shift - own), _reached(pupils, spell)
        for outcome in spell.outcomes:
            column = COLUMN.get(outcome, outcome)
            flag = set(np.unique(now[column])) <= {0, 1}
            change = (now[column] - other[column])[reached] * (100 if flag else 1)
            year = pupils["year"].to_numpy()[reached]
            truth.setdefault(spell.programme, {}).setdefault(str(spell.start), {})[outcome] = {
                "unit": "pp" if flag else "points",
                "estimate": round(float(np.nanmean(change)), 4),
                "by_year": {
                    str(y): round(float(np.nanmean(change[year == y])), 4) for y in np.unique(year)
                },
                "effect_sd": dict(spell.effect),
                "n_schools": len(spell.schools),
                "n_pupils": int(reached.sum()),
            }
    without = results(np.zeros_like(shift))
    return Phase(schools=schools, pupils=pupils, without=without, results=now, spells=spells,
                 truth=truth)  # fmt: skip


def _reached(pupils: pd.DataFrame, spell: Spell) -> np.ndarray:
    reached = pupils["at"].isin(spell.schools) & (pupils["year"] >= spell.start)
    return (reached & (pupils["sen"] == spell.sen) if spell.sen else reached).to_numpy()


def _shift(pupils: pd.DataFrame, spells: list[Spell], subjects: tuple[str, ...]) -> np.ndarray:
    shift = np.zeros((len(pupils), len(subjects)))
    for spell in spells:
        shift[_reached(pupils, spell)] += [spell.effect.get(subject, 0.0) for subject in subjects]
    return shift


def _rate(result: np.ndarray, pupils: pd.DataFrame, year: int, n: int) -> np.ndarray:
    here = (pupils["year"] == year).to_numpy()
    at = pupils["at"].to_numpy()[here]
    count = np.bincount(at, minlength=n)
    return np.bincount(at, result[here], minlength=n) / np.where(count, count, np.nan)


def _lowest(rng: np.random.Generator, rate: np.ndarray, k: int, noise: float) -> np.ndarray:
    """Return positions of the `k` lowest rates, as judged by people (`noise` in their SD)."""
    seen = rate + noise * np.nanstd(rate) * rng.normal(size=len(rate))
    return np.argsort(np.where(np.isnan(seen), np.inf, seen), kind="stable")[:k]
