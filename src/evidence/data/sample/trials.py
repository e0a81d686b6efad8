"""Made-up trials of the research-school network: five designs, with what goes wrong in schools.

Scores are standardised (mean 100, standard deviation 15, school ICC .13). Pupils are missing at the
start or the end, some move school, a whole school may leave, and not everyone attends: the effect
of a session is the same for all, so the effect of being *assigned* is the average stated as true.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from evidence.data.sample.county import numbered

ICC = 0.13
R_SCHOOL, R_PUPIL = 0.8, 0.72  # correlation of the two tests between schools, and within


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A trial to simulate.

    Parameters
    ----------
    programme : str
        Id in the register.
    design : {"cluster", "paired", "multisite"}
        Schools allocated at random, schools within pairs, or pupils within schools.
    secondary : bool
        Whether in secondary schools.
    n_schools, n_pupils : int
        Schools, and pupils a school on average.
    effects : dict of str to float
        Arm to true effect of being assigned to it, in standard deviations, besides "control".
    lost : dict of str to float
        Arm to share of pupils without a final test.
    school_leaves : bool
        Whether a treated school stops taking part.
    year : int
        Year in which its school year ends.
    """

    programme: str
    design: str
    n_schools: int
    n_pupils: int
    effects: dict[str, float]
    lost: dict[str, float]
    secondary: bool = False
    school_leaves: bool = False
    year: int = 2019


TRIALS = (
    Trial(programme="mobilise-feedback", design="cluster", n_schools=24, n_pupils=29,
          effects={"feedback": 0.25}, lost={"control": 0.06, "feedback": 0.09}, school_leaves=True),
    Trial(programme="mobilise-language", design="cluster", n_schools=10, n_pupils=27,
          effects={"language": 0.0}, lost={"control": 0.05, "language": 0.06}, year=2018),
    Trial(programme="mobilise-assistants", design="multisite", n_schools=20, n_pupils=30,
          effects={"assistant": -0.2}, lost={"control": 0.04, "assistant": 0.11}),
    Trial(programme="mobilise-metacognition", design="paired", n_schools=32, n_pupils=28,
          effects={"metacognition": 0.2}, lost={"control": 0.07, "metacognition": 0.06}),
    Trial(programme="mobilise-retrieval", design="multisite", n_schools=14, n_pupils=140,
          effects={"quiz": 0.15, "reminder": 0.0}, secondary=True, year=2018,
          lost={"control": 0.08, "quiz": 0.08, "reminder": 0.09}),
    Trial(programme="mobilise-texts", design="multisite", n_schools=16, n_pupils=150,
          effects={"texts": 0.02}, lost={"control": 0.07, "texts": 0.07}, secondary=True),
)  # fmt: skip


def simulate(
    rng: np.random.Generator, trial: Trial, schools: pd.DataFrame
) -> tuple[pd.DataFrame, dict]:
    """Simulate one trial.

    Parameters
    ----------
    rng : Generator
        Source of randomness.
    trial : Trial
        What to simulate.
    schools : DataFrame
        Schools that could take part: `urn`, `fsm` and `eal` (shares).

    Returns
    -------
    DataFrame
        A row a pupil assigned: `number` in the school, `urn`, `urn_at_test`, `sex`, `fsm`, `eal`,
        `pair` (paired design), `pre` and `post` (missing where not tested), `arm`, `attended`
        (share of sessions).
    dict
        Arm to the true effect of being assigned to it, in points and in standard deviations.
    """
    chosen = schools.iloc[np.sort(rng.permutation(len(schools))[: trial.n_schools])]
    n_each = np.round(rng.normal(trial.n_pupils, 0.12 * trial.n_pupils, len(chosen))).astype(int)
    at = np.repeat(np.arange(len(chosen)), n_each)
    n, arms = len(at), ["control", *trial.effects]
    fsm, eal = (rng.random(n) < chosen[name].to_numpy()[at] for name in ("fsm", "eal"))
    before, after = _correlated(rng, len(chosen), R_SCHOOL, ICC)
    pupil_before, pupil_after = _correlated(rng, n, R_PUPIL, 1 - ICC - 0.02)
    context = -0.36 * (fsm - fsm.mean())  # about .02 of the variance
    pre = np.round(100 + 15 * (before[at] + pupil_before + context))
    arm, pair = _assign(rng, trial, at, pre)
    attended = np.where(rng.random(n) < 0.07, 0.0, np.round(rng.beta(7, 2, n), 2))
    effect = np.zeros(n)
    for place, size in enumerate(trial.effects.values(), start=1):
        mine = arm == place
        effect[mine] = size * attended[mine] / attended[mine].mean()
    post = np.round(100 + 15 * (after[at] + pupil_after + context + effect))
    frame = pd.DataFrame(
        {
            "number": numbered(n_each),
            "urn": chosen["urn"].to_numpy()[at],
            "urn_at_test": chosen["urn"].to_numpy()[_moved(rng, at, len(chosen))],
            "sex": np.where(rng.random(n) < 0.5, "F", "M"),
            "fsm": fsm.astype(int),
            "eal": eal.astype(int),
            "pair": pair[at],
            "pre": np.where(rng.random(n) < 0.04, np.nan, pre),
            "arm": np.array(arms)[arm],
            "attended": np.where(arm > 0, attended, 0.0),
        }
    )
    # the weaker a pupil was, the likelier to be away on the day
    lost = np.array([trial.lost[name] for name in arms])[arm] * np.exp(-0.3 * (pre - 100) / 15)
    gone = rng.random(n) < lost
    if trial.school_leaves:
        gone |= at == at[np.flatnonzero(arm > 0)[0]]
    frame["post"] = np.where(gone, np.nan, post)
    if trial.design != "paired":
        frame = frame.drop(columns="pair")
    truth = {
        name: {"score": round(15.0 * size, 4), "sd": size} for name, size in trial.effects.items()
    }
    return frame, truth


def _correlated(
    rng: np.random.Generator, n: int, r: float, variance: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return `n` draws of two normal variables with the same variance and correlation `r`."""
    first, second = np.sqrt(variance) * rng.normal(size=(2, n))
    return first, r * first + np.sqrt(1 - r**2) * second


def _assign(
    rng: np.random.Generator, trial: Trial, at: np.ndarray, pre: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the arm of each pupil (0 is control) and the pair of each school."""
    k, n_arms = int(at.max()) + 1, 1 + len(trial.effects)
    pair = np.zeros(k, dtype=int)
    if trial.design == "cluster":
        return rng.permutation(np.arange(k) % n_arms)[at], pair
    if trial.design == "paired":  # neighbours in the baseline mean, one of the two at random
        order = np.argsort(np.bincount(at, pre) / np.bincount(at), kind="stable")
        pair[order] = np.arange(k) // 2 + 1
        arm = np.empty(k, dtype=int)
        arm[order] = np.column_stack([flip := rng.integers(0, 2, k // 2), 1 - flip]).ravel()
        return arm[at], pair
    order = np.lexsort((rng.random(len(at)), at))  # a random order within each school
    arm = np.empty(len(at), dtype=int)
    offset = rng.integers(0, n_arms, k)  # who gets the odd pupil
    arm[order] = (numbered(np.bincount(at)) + offset[at]) % n_arms
    return arm, pair


def _moved(rng: np.random.Generator, at: np.ndarray, k: int) -> np.ndarray:
    """Return the school at the test: one pupil in fifty has moved to another of the trial's."""
    moved = rng.random(len(at)) < 0.02
    return np.where(moved, (at + rng.integers(1, k, len(at))) % k, at)
