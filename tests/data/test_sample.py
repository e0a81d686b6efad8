"""The made-up county: the same bytes each time, as real as real files, and true to its truth."""

import hashlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from evidence.data import readers, register, sample
from evidence.data.sample import trials
from evidence.data.sample.county import primary
from evidence.run.plan_jobs import RELEASED

REGISTER = Path(__file__).resolve().parents[2] / "data" / "programmes.toml"
YEARS = (2015, 2016, 2017, 2018, 2019)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    start = time.process_time()
    files = sample.make(folder)
    assert time.process_time() - start < 20
    return folder, files


@pytest.fixture(scope="module")
def folder(made):
    return made[0] / "sample"


@pytest.fixture(scope="module")
def truth(folder):
    return json.loads((folder / "truth.json").read_text())["programmes"]


@pytest.fixture(scope="module")
def pupils(folder):
    return readers.pupils(folder / "pupils.csv")


@pytest.fixture(scope="module")
def joined(folder):
    return readers.participation(folder / "participation.csv")


@pytest.fixture(scope="module")
def phase():
    return primary(np.random.default_rng(2026))


def digest(paths):
    return hashlib.sha256(b"".join(path.read_bytes() for path in paths)).hexdigest()


def icc(values, groups):
    """Intraclass correlation by one-way analysis of variance (Donner 1986, eq. 2)."""
    frame = pd.DataFrame({"x": values, "g": groups}).dropna()
    n, size = len(frame), frame.groupby("g")["x"].size()
    mean = frame.groupby("g")["x"].transform("mean")
    within = ((frame["x"] - mean) ** 2).sum() / (n - len(size))
    between = ((mean - frame["x"].mean()) ** 2).sum() / (len(size) - 1)
    n0 = (n - (size**2).sum() / n) / (len(size) - 1)
    return (between - within) / (between + (n0 - 1) * within)


# the files ------------------------------------------------------------------------------------


@pytest.mark.slow
def test_make_same_seed_in_another_process_gives_the_same_bytes(made, tmp_path):
    code = "import sys; from evidence.data import sample; sample.make(sys.argv[1])"
    environment = {**os.environ, "PYTHONHASHSEED": "7"}
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, env=environment)
    folder, files = made
    again = [tmp_path / path.relative_to(folder) for path in files]
    assert digest(again) == digest(files)


@pytest.mark.slow
def test_make_another_seed_gives_other_bytes(made, tmp_path):
    _, files = made
    assert digest(sample.make(tmp_path, seed=1)) != digest(files)


def test_make_lists_the_files_it_wrote(made):
    folder, files = made
    found = {path for path in folder.rglob("*") if path.is_file()}
    assert set(files) == found


def test_make_every_file_of_the_register_is_there(made):
    folder, _ = made
    for programme in register.load(REGISTER):
        for cohort in programme.cohorts:
            for paths in cohort.files.values():
                for path in [paths] if isinstance(paths, str) else paths:
                    if path == RELEASED:  # is there once something is released
                        continue
                    assert (folder / path.partition("#")[0]).is_file()


def test_make_is_labelled_as_simulated(folder):
    assert (folder / "README.txt").read_text().startswith("SIMULATED DATA.")
    schools = readers.establishments(folder / "establishments.csv")
    assert schools["school"].str.endswith("(simulated)").all()
    assert (schools["la"] == "999").all()
    assert schools["school"].is_unique
    assert schools["phase"].value_counts().to_dict() == {"Primary": 280, "Secondary": 54}


@pytest.mark.slow
def test_make_upns_have_the_right_check_letter(folder):
    upns = readers.table(folder / "pupils.csv", ["upn"])["upn"]  # as written: no pseudonyms
    digits = np.array([list(upn[1:]) for upn in upns]).astype(int)
    letters = np.array(list("ABCDEFGHJKLMNPQRTUVWXYZ"))[digits @ np.arange(2, 14) % 23]
    assert (upns.str[0] == letters).all()
    assert upns.is_unique


@pytest.mark.slow
def test_make_no_pupil_is_in_two_files(folder):
    names = ["pupils.csv", "ks4_pupils.csv"]
    files = [*sorted(folder.glob("trial_*.csv")), *(folder / name for name in names)]
    upns = [readers.table(path, ["upn"])["upn"] for path in files]
    assert pd.concat(upns).is_unique


# as real as real files ------------------------------------------------------------------------


@pytest.mark.slow
def test_make_cohorts_have_about_8000_pupils_in_schools_of_usual_size(pupils):
    assert pupils.groupby("year").size().between(7_700, 8_300).all()
    size = pupils.groupby(["year", "urn"]).size()
    assert 26 <= size.median() <= 29
    assert (size.between(4, 10).groupby("year").sum() >= 15).all()
    assert size.max() < 95


@pytest.mark.slow
def test_make_icc_of_a_years_scores_is_near_13(pupils):
    found = [
        icc(here[subject], here["urn"])
        for _, here in pupils[pupils["year"] < 2018].groupby("year")
        for subject in ("reading", "maths")
    ]
    assert np.mean(found) == pytest.approx(0.13, abs=0.015)


def test_make_baselines_are_missing_more_often_for_pupils_who_moved(pupils):
    missing = pupils["ks1"].isna().groupby(pupils["mobile"]).mean()
    assert missing[0] == pytest.approx(0.02, abs=0.005)
    assert missing[1] > 0.15


def test_make_table_rows_are_those_of_the_pupils(folder, pupils):
    for year in YEARS:
        measures = ("PTRWM_EXP", "PTMAT_EXP", "MAT_AVERAGE", "TKS1AVERAGE", "PTFSM6CLA1A")
        frame = readers.ks2(folder / f"ks2_{year}.csv", year, measures)
        assert {
            "school": frame["level"].eq("school").sum(),
            "la": frame["level"].eq("la").sum(),
        } == {
            "school": 279 if year == 2015 else 280,
            "la": 1,
        }
        here = pupils[pupils["year"] == year]
        schools = frame[frame["urn"] != ""].set_index("urn")
        size = here.groupby("urn").size()
        assert (schools["n_pupils"].reindex(size.index) == size).all()
        shown = size.index[size > 5]
        rate = 100 * here.groupby("urn")["maths_exp"].mean()
        assert (schools["PTMAT_EXP"] - rate)[shown].abs().max() <= 0.5 + 1e-9
        county = frame[frame["level"] == "la"].iloc[0]
        assert county["PTRWM_EXP"] == pytest.approx(100 * here["rwm_exp"].mean(), abs=0.5)
        assert county["n_pupils"] == len(here)


def test_make_small_groups_are_suppressed(folder, pupils):
    hidden = 0
    for year in YEARS:
        both = ("PTRWM_EXP_FSM6CLA1A", "PTRWM_EXP_NOTFSM6CLA1A")
        frame = readers.ks2(folder / f"ks2_{year}.csv", year, ("PTRWM_EXP", "READPROG", *both))
        schools = frame[(frame["level"] == "school") & (frame["n_pupils"] > 0)].set_index("urn")
        few = schools["n_pupils"] <= 5
        hidden += few.sum()
        assert (schools.loc[few, ["PTRWM_EXP_symbol", "READPROG_symbol"]] == "SUPP").all(axis=None)
        assert schools.loc[~few, "PTRWM_EXP"].notna().all()
        fsm = pupils[pupils["year"] == year].groupby("urn")["fsm"].sum()
        secret = fsm.index[fsm.between(1, 5)]
        assert (schools.loc[secret, [f"{name}_symbol" for name in both]] == "SUPP").all(axis=None)
    assert hidden >= 3


def test_make_new_school_has_no_row_then_new_then_no_pupils_then_results(folder):
    panel = readers.ks2_panel({year: folder / f"ks2_{year}.csv" for year in YEARS})
    new = panel[panel["urn"] == "990280"]
    assert new["year"].tolist() == [2016, 2017, 2018, 2019]
    assert new["new"].tolist() == [True, False, False, False]
    assert new["PTRWM_EXP_symbol"].tolist() == ["NEW", "blank", "", ""]


def test_make_progress_of_the_county_is_near_zero(folder):
    for year in YEARS:
        frame = readers.ks2(folder / f"ks2_{year}.csv", year, ("READPROG", "MATPROG", "WRITPROG"))
        county = frame[frame["level"] == "la"].iloc[0]
        assert (county[["READPROG", "MATPROG", "WRITPROG"]].abs() <= 0.5).all()
        schools = frame[(frame["level"] == "school") & (frame["n_pupils"] > 15)]
        assert 1.3 < schools["MATPROG"].std() < 2.7


@pytest.mark.slow
def test_make_schools_vary_as_those_of_hampshire(folder, shared):
    """Spread between schools of 20 to 35 pupils, and how alike two years are, against real ones."""
    measures = ("PTMAT_EXP", "PTREAD_EXP", "MAT_AVERAGE")
    tables = shared / "data/performance-tables"
    files = {
        "real": {year: tables / f"{year - 1}_hampshire850-ks2.csv" for year in YEARS[2:]},
        "made": {year: folder / f"ks2_{year}.csv" for year in YEARS[:3]},  # before programmes
    }
    spread, alike = {}, {}
    for name, years in files.items():
        panel = readers.ks2_panel(years, measures)
        panel = panel[panel["n_pupils"].between(20, 35)]
        spread[name] = panel.groupby("year")[list(measures)].std().mean()
        wide = panel.pivot_table(index="urn", columns="year", values=list(measures))
        first, second, third = sorted(years)
        alike[name] = pd.Series(
            {m: (wide[m][first].corr(wide[m][second]) + wide[m][second].corr(wide[m][third])) / 2
             for m in measures}
        )  # fmt: skip
    assert (spread["made"] / spread["real"]).between(0.8, 1.25).all()
    assert (alike["made"] - alike["real"]).abs().max() < 0.2


# programmes ------------------------------------------------------------------------------------


def test_make_nine_in_ten_primary_schools_are_in_some_programme(joined):
    primary = joined[joined["urn"].str.startswith("9900") | joined["urn"].str.startswith("9901")
                     | joined["urn"].str.startswith("9902")]  # fmt: skip
    assert primary["urn"].nunique() == 250
    assert primary.groupby("urn")["programme"].nunique().max() >= 4
    counts = joined.groupby("programme")["urn"].nunique()
    reported = {"mobilise": 172, "leap": 41, "lamp": 20, "year-6-booster": 42}
    reported |= {"secondary-challenge": 14, "targeted-support": 7}
    assert counts[list(reported)].to_dict() == reported


def test_make_chosen_schools_had_low_results_which_rebound(pupils, joined):
    for name, before in (("year-6-booster", 2018), ("targeted-support", 2017)):
        chosen = pupils["urn"].isin(joined.loc[joined["programme"] == name, "urn"])
        rate = 100 * pupils.groupby([chosen, "year"])["rwm_exp"].mean()
        assert rate[True, before] < rate[False, before] - 10
        gain = rate[True, before + 1] - rate[True, before]
        assert gain > rate[False, before + 1] - rate[False, before] + 5


def test_make_booster_naive_gain_is_three_times_the_truth(pupils, joined, truth):
    chosen = pupils["urn"].isin(joined.loc[joined["programme"] == "year-6-booster", "urn"])
    rate = 100 * pupils[chosen].groupby("year")["rwm_exp"].mean()
    assert rate[2019] - rate[2018] > 3 * truth["year-6-booster"]["2019"]["PTRWM_EXP"]["estimate"]


@pytest.mark.slow
def test_primary_no_effect_before_a_programme_starts(phase):
    reached = np.zeros(len(phase.pupils), dtype=bool)
    for spell in phase.spells:
        here = phase.pupils["at"].isin(spell.schools) & (phase.pupils["year"] >= spell.start)
        reached |= here.to_numpy()
    changed = np.zeros(len(phase.pupils), dtype=bool)
    for name, result in phase.results.items():
        changed |= ~np.isclose(result, phase.without[name], equal_nan=True)
    assert changed[reached].mean() > 0.3
    assert not changed[~reached].any()


@pytest.mark.slow
def test_primary_truth_is_the_difference_between_the_two_worlds(phase):
    """Without overlap (the whole of what changed), the truths add up."""
    lamp = next(spell for spell in phase.spells if spell.programme == "lamp")
    alone = np.setdiff1d(
        lamp.schools,
        np.concatenate(
            [s.schools for s in phase.spells if s.programme not in ("lamp", "mobilise")]
        ),
    )
    assert len(alone) >= 2
    here = phase.pupils["at"].isin(alone) & (phase.pupils["year"] >= 2018)
    change = phase.results["maths_exp"][here] - phase.without["maths_exp"][here]
    told = phase.truth["lamp"]["2018"]["PTMAT_EXP"]
    error = 100 * change.std() / np.sqrt(here.sum())
    assert 100 * change.mean() == pytest.approx(told["estimate"], abs=3 * error)
    assert (change >= 0).all()


def test_truth_zero_where_nothing_works_and_modest_elsewhere(truth):
    zero = [
        ("mobilise", "2018", "PTRWM_EXP"),
        ("small-schools-english-autumn", "2019", "PTREAD_EXP"),
        ("secondary-challenge", "2017", "att8"),
    ]
    for programme, cohort, outcome in zero:
        assert truth[programme][cohort][outcome]["estimate"] == 0
    sizes = [
        abs(size)
        for cohorts in truth.values()
        for outcomes in cohorts.values()
        for told in outcomes.values()
        for size in told.get("effect_sd", {}).values()
    ]
    assert max(sizes) <= 0.25
    assert truth["mobilise-assistants"]["2019"]["post"]["estimate"] < 0


def test_truth_covers_every_simulated_outcome_of_the_register(truth):
    for programme in register.load(REGISTER):
        for cohort in programme.cohorts if programme.simulated else ():
            for outcome in programme.outcomes:
                told = truth[programme.name][cohort.name][outcome.name]
                assert told["unit"] == outcome.unit


@pytest.mark.parametrize(
    ("programme", "column", "cohort", "outcome"),
    [
        ("lamp", "maths", "2018", "MATPROG"),
        ("leap", "reading", "2018", "READPROG"),
    ],
)
def test_truth_is_found_by_a_crude_estimate(
    pupils, joined, truth, programme, column, cohort, outcome
):
    """Change of value added against schools outside the programme, without the year of choosing."""
    spells = joined[joined["programme"] == programme]
    start = int(cohort)
    mine = spells.loc[spells["start"] == start, "urn"]
    frame = pupils[pupils["ks1"].notna() & ~pupils["urn"].isin(set(spells["urn"]) - set(mine))]
    gain = frame[column] - frame.groupby(["year", frame["ks1"].round()])[column].transform("mean")
    after = frame["year"] >= start
    change = gain[after].groupby(frame["urn"]).mean() - gain[~after].groupby(frame["urn"]).mean()
    change = change.dropna()
    treated = change.index.isin(mine)
    found = change[treated].mean() - change[~treated].mean()
    error = np.sqrt(
        change[treated].var() / treated.sum() + change[~treated].var() / (~treated).sum()
    )
    assert found == pytest.approx(truth[programme][cohort][outcome]["estimate"], abs=3 * error)


# trials ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("trial", trials.TRIALS, ids=lambda trial: trial.programme)
def test_make_trial_has_its_design_and_its_mishaps(folder, trial):
    name = trial.programme.removeprefix("mobilise-")
    frame = readers.table(folder / f"trial_{name}.csv", ["upn", "arm"], ["pre", "post"], ["upn"])
    assert set(frame["arm"]) == {"control", *trial.effects}
    assert frame["urn"].nunique() == trial.n_schools
    arms = frame.groupby("urn")["arm"].nunique()
    if trial.design == "multisite":
        assert (arms == 1 + len(trial.effects)).all()
        sizes = frame.groupby(["urn", "arm"]).size().groupby("urn")
        assert (sizes.max() - sizes.min()).max() <= 1
    else:
        assert (arms == 1).all()
        assert len(set(frame.groupby("arm")["urn"].nunique())) == 1
    if trial.design == "paired":
        assert (frame.groupby("pair")["arm"].nunique() == 2).all()
    assert 0.005 < (frame["urn"] != frame["urn_at_test"]).mean() < 0.05
    assert 0.01 < frame["pre"].isna().mean() < 0.08
    assert 0.02 < frame["post"].isna().mean() < 0.2
    assert (frame.loc[frame["arm"] == "control", "attended"] == 0).all()


def test_make_one_trial_loses_a_school(folder):
    frame = readers.table(folder / "trial_feedback.csv")
    lost = frame["post"].isna().groupby(frame["urn"]).mean()
    assert (lost == 1).sum() == 1


@pytest.mark.slow
def test_simulate_many_trials_give_back_the_true_effect_and_the_icc(rng):
    """Over 40 draws of a design, the mean difference is the truth and the ICC is .13."""
    schools = pd.DataFrame({"urn": np.arange(60).astype(str), "fsm": 0.2, "eal": 0.06})
    for trial in (trials.TRIALS[2], trials.TRIALS[3]):
        found, alike, spread = [], [], []
        for _ in range(40):
            frame, truth = trials.simulate(rng, trial, schools)
            arm = next(iter(trial.effects))
            control = frame["arm"] == "control"
            change = frame["post"] - 0.7 * frame["pre"]
            found.append(change[~control].mean() - change[control].mean())
            alike.append(icc(frame["pre"], frame["urn"]))
            spread.append(frame["pre"].std())
        error = np.std(found) / np.sqrt(40)
        # lost pupils are the weaker ones in both arms, so what is left is nearly unbiased
        assert np.mean(found) == pytest.approx(truth[arm]["score"], abs=3 * error + 0.2)
        assert np.mean(alike) == pytest.approx(0.13, abs=0.02)
        assert np.mean(spread) == pytest.approx(15, abs=0.3)
