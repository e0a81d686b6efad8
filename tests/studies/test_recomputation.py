"""Every primary estimate is worked out again by linearmodels, from the table alone."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import evidence as ev
from evidence.methods.core import frames
from evidence.stats import panel_mixed_model
from evidence.studies.recomputation import TOLERANCE, recompute_panel, recompute_trial

CONTEXT = ["TKS1AVERAGE", "PTFSM6CLA1A", "PSENELK", "PSENELE", "PTEALGRP2"]


@pytest.fixture(scope="module")
def star(sampled):
    """Return the records of Project STAR."""
    return ev.readers.table(sampled / "star/star.csv")


@pytest.fixture(scope="module")
def panels(sampled):
    """Return the results and spells of the sample county."""
    years = [*range(2015, 2020)]
    files = [sampled / f"sample/ks2_{year}.csv" for year in years]
    results = ev.readers.ks2_panel(files, ["PTMAT_EXP", "PTRWM_EXP", *CONTEXT], years=years)
    return results, ev.readers.participation(sampled / "sample/participation.csv")


@pytest.fixture
def components(monkeypatch):
    """Return a list to whose end each fitted panel model adds its variance components."""
    seen, fit = [], panel_mixed_model.fit
    monkeypatch.setattr(panel_mixed_model, "fit", lambda *args: seen.append(fit(*args)) or seen[-1])
    return seen


@pytest.mark.slow
@pytest.mark.parametrize("cov_type", ["CR2", "CR0", "classical"])
@pytest.mark.parametrize(("grade", "cluster"), [("K", "class"), ("3", "school")])
def test_star_is_confirmed(star, grade, cluster, cov_type):
    data = ev.readers.select(star, {"gr": grade})
    plan = {
        "outcome": "math",
        "treatment": "arm",
        "reference": "reg",
        "arm": "small",
        "covariates": ["ses", "sx"],
        "cluster": cluster,
        "strata": "school",
    }
    estimate = ev.trials.itt(data, **plan, cov_type=cov_type)
    result = recompute_trial(data, estimate, **plan)
    assert result.difference < 1e-12
    assert result.program.startswith("linearmodels ")
    assert result.program.endswith(" (AbsorbingLS)")
    both = "" if cov_type == "CR2" else " and standard error"
    assert result.what == f"estimate{both}"
    version = result.program.split()[1]
    assert result.sentence() == (
        f"Recomputed by another program (linearmodels {version}, AbsorbingLS): estimate{both} "
        "equal to 1e−9."
    )


@pytest.mark.parametrize(
    "cov_type",
    ["CR2", *(pytest.param(kind, marks=pytest.mark.slow) for kind in ("CR0", "classical"))],
)
@pytest.mark.parametrize(("name", "strata"), [("crtData", None), ("mstData", "School")])
def test_public_trials_are_confirmed_with_their_compliers(shared, name, strata, cov_type):
    data = pd.read_csv(shared / f"data/trials/{name}.csv")
    data["dose"] = np.where(data["Intervention"] == 1, data["Percentage_Attendance"], 0)
    plan = {
        "outcome": "Posttest",
        "treatment": "Intervention",
        "baseline": "Prettest",
        "cluster": "School",
        "strata": strata,
    }
    estimate = ev.trials.itt(data, **plan, cov_type=cov_type)
    assert recompute_trial(data, estimate, **plan).difference < 1e-12
    for threshold in (None, 50):
        received = {"dosage": "dose", "threshold": threshold}
        estimate = ev.trials.cace(data, **plan, **received, cov_type=cov_type)
        result = recompute_trial(data, estimate, **plan, **received)
        assert result.difference < 1e-12
        assert result.program.endswith(" (IV2SLS)")
        assert ("standard error" in result.what) == (cov_type != "CR2")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("programme", "start", "outcome"),
    [("lamp", 2018, "PTMAT_EXP"), ("mobilise", 2017, "PTRWM_EXP"), ("lens", 2018, "PTMAT_EXP")],
)
def test_programmes_of_the_sample_county_are_confirmed(
    panels, components, programme, start, outcome
):
    results, spells = panels
    panel = ev.impact.cohort(results, spells, programme=programme, start=start)
    panel, treatment = ev.impact.exposure(panel, spells), f"{programme} {start}"
    others = (spells["programme"] + " " + spells["start"].astype(str)).unique()
    model = {
        "outcome": outcome,
        "treatment": treatment,
        "unit": "urn",
        "time": "year",
        "weights": "n_pupils",
        "covariates": CONTEXT,
        "overlap": [name for name in others if name != treatment and panel[name].any()],
    }
    estimate = ev.impact.given_past(panel, **model)
    result = recompute_panel(panel, estimate, **model, components=components[-1])
    assert result.difference < 1e-10
    assert "given the variance components" in result.sentence()
    assert ("standard error" in result.what) == ("errors of the model" in estimate.method)
    assert recompute_panel(panel, ev.impact.did(panel, **model), **model).difference < 1e-10


def _trial(rng):
    """Return a trial with everything that a table may hold, and how it was drawn."""
    n = int(rng.integers(120, 400))
    sites, arms = rng.integers(0, 8, n), int(rng.integers(2, 4))
    data = pd.DataFrame(
        {
            "arm": np.array(["no", "some", "more"])[rng.integers(0, arms, n)],
            "site": sites + (0.0 if rng.random() < 0.5 else 1e6),
            "year": rng.choice(["3 ", "3.0", "4"], n),
            "school": pd.Categorical([f"s{x}" for x in sites * 4 + rng.integers(0, 4, n)]),
            "before": 1000 + rng.normal(0, 5, n).round(2),
            "kind": rng.choice(
                ["a", "b", " b", "c", "", None], n, p=[0.3, 0.3, 0.1, 0.2, 0.05, 0.05]
            ),
            "meals": pd.array(rng.random(n) < 0.3, dtype="boolean"),
            "size": pd.array((5 * sites).astype(object), dtype="object"),
            "weight": rng.integers(0, 5, n).astype(float) + 0.5 * (rng.random(n) < 0.9),
        },
        index=rng.permutation(n),
    )
    data["same"] = 3 - 2 * data["before"]
    data["nearly"] = data["before"].astype("float32")
    data["score"] = 50 + data["before"] / 10 + 2 * (data["arm"] == "more") + rng.normal(0, 3, n)
    for name in ("score", "before", "school", "meals", "weight"):
        data.loc[rng.random(n) < 0.03, name] = None
    plan = {"outcome": "score", "treatment": "arm", "reference": "no", "arm": "some"}
    extra = {
        "baseline": "before",
        "covariates": [
            *rng.permutation(["kind", "meals", "same", "size", "nearly"])[: rng.integers(0, 6)]
        ],
        "cluster": "school",
        "strata": ["site", ["site", "year"]][rng.integers(2)],
        "weights": "weight",
    }
    return data, plan | {name: x for name, x in extra.items() if rng.random() < 0.7}


@pytest.mark.parametrize(
    "seed", [*range(4), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(4, 15))]
)
def test_any_trial_is_confirmed_and_any_slip_is_seen(seed):
    rng = np.random.default_rng(seed)
    data, plan = _trial(rng)
    kinds = ["CR2", "CR0", "classical"] if "cluster" in plan else ["HC2", "classical"]
    estimate = ev.trials.itt(data, **plan, cov_type=kinds[rng.integers(len(kinds))])
    assert recompute_trial(data, estimate, **plan).difference < TOLERANCE
    step = 1e-8 * max(abs(estimate.estimate), estimate.std_error)
    with pytest.raises(ev.EvidenceError, match="do not agree on the estimate"):
        recompute_trial(data, replace(estimate, estimate=estimate.estimate + step), **plan)
    fewer = data.iloc[30:]
    with pytest.raises(ev.EvidenceError, match="do not agree"):
        recompute_trial(fewer, estimate, **plan)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(8))
def test_any_panel_is_confirmed_and_any_slip_is_seen(seed, components):
    rng = np.random.default_rng(seed)
    units, times = int(rng.integers(20, 60)), np.cumsum(rng.integers(1, 3, rng.integers(3, 7)))
    grid = pd.MultiIndex.from_product([range(units), times], names=["urn", "year"])
    panel = grid.to_frame(index=False)
    start = np.where(np.arange(units) < 8, times[rng.integers(1, len(times), units)], 99)
    unit, n = panel["urn"].to_numpy(), len(panel)
    panel["dose"] = (panel["year"] >= start[unit]) * 1
    panel["other"] = (rng.random(units) < 0.3)[unit] * (panel["year"] >= times[1]) * 1
    panel["n"] = rng.integers(5, 60, n)
    panel["share"], panel["region"] = rng.random(n), np.array(["x", "y", None])[unit % 3]
    panel["half"] = panel["share"] / 2
    panel["score"] = rng.normal(60, 8, units)[unit] + panel["dose"] + rng.normal(0, 4, n)
    panel.loc[rng.random(n) < 0.05, "score"] = np.nan
    panel["urn"] = [f" {x}" if rng.random() < 0.1 else f"{x}" for x in panel["urn"]]
    plan = {"outcome": "score", "treatment": "dose", "unit": "urn", "time": "year"}
    extra = {
        "weights": "n",
        "covariates": [["share"], ["share", "half"], ["region"]][rng.integers(3)],
        "overlap": ["other"],
    }
    plan |= {name: x for name, x in extra.items() if rng.random() < 0.6}
    panel = panel.sample(frac=1, random_state=seed)
    by_cov = ["larger", "classical", "CR0", "CR2"][rng.integers(4)]
    estimate = ev.impact.given_past(panel, **plan, cov_type=by_cov)
    parts = components[-1]
    assert recompute_panel(panel, estimate, **plan, components=parts).difference < TOLERANCE
    fixed = ev.impact.did(panel, **plan)
    assert recompute_panel(panel, fixed, **plan).difference < TOLERANCE
    step = 1e-8 * max(abs(fixed.estimate), fixed.std_error)
    wrong = replace(parts, lasting=1.01 * parts.lasting + 1.0)
    with pytest.raises(ev.EvidenceError, match="do not agree on the estimate"):
        recompute_panel(panel, estimate, **plan, components=wrong)
    with pytest.raises(ev.EvidenceError, match="do not agree on the estimate"):
        recompute_panel(panel, replace(fixed, estimate=fixed.estimate + step), **plan)


def test_a_difference_stops_in_words_and_shows_neither_figure(rng):
    data = pd.DataFrame({"t": np.arange(60) % 2, "y": rng.normal(size=60)})
    plan = {"outcome": "y", "treatment": "t"}
    estimate = replace(ev.trials.itt(data, **plan, cov_type="classical"), estimate=0.5)
    other = data.groupby("t")["y"].mean().diff()[1]
    with pytest.raises(ev.EvidenceError) as caught:
        recompute_trial(data, estimate, **plan)
    said = str(caught.value)
    assert said.startswith("outcome 'y': this library and linearmodels ")
    apart = f"{abs(0.5 - other) / max(0.5, estimate.std_error):.0e}"
    assert f" (IV2SLS) do not agree on the estimate (apart by {apart} of it); nothing is" in said
    assert f"{other:.4g}" not in said
    plain = ev.trials.itt(data, **plan, cov_type="classical")
    with pytest.raises(ev.EvidenceError, match="do not agree on the standard error"):
        recompute_trial(data, replace(plain, std_error=plain.std_error * 1.001), **plan)
    with pytest.raises(ev.EvidenceError, match="do not agree on the estimate"):
        recompute_trial(data, replace(plain, estimate=float("nan")), **plan)


def test_percentage_points_are_recomputed_and_other_units_are_refused(rng):
    data = pd.DataFrame({"t": np.arange(90) % 2, "y": rng.random(90) < 0.4})
    plan = {"outcome": "y", "treatment": "t"}
    points = ev.trials.risk_difference(data, **plan)
    assert recompute_trial(data, points, **plan).difference < TOLERANCE
    for other in (ev.trials.odds_ratio(data, **plan), ev.trials.effect_size(data, **plan)):
        with pytest.raises(ev.EvidenceError, match="in the outcome's own unit"):
            recompute_trial(data, other, **plan)


@pytest.mark.parametrize("fault", ["numbers", "measured", "factor", "as_stored"])
def test_a_fault_in_the_first_reading_of_columns_is_seen(rng, monkeypatch, fault):
    n = 200
    data = pd.DataFrame(
        {
            "t": np.arange(n) % 2,
            "before": rng.normal(size=n),
            "kind": rng.choice(["a", "b", "c"], n),
            "site": rng.choice(["p", "q"], n),
        }
    )
    data["y"] = data["before"] + (data["kind"] == "b") + (data["site"] == "q") + rng.normal(size=n)
    plan = {"outcome": "y", "treatment": "t", "covariates": ["before", "kind"], "strata": "site"}
    assert recompute_trial(data, ev.trials.itt(data, **plan), **plan).difference < TOLERANCE
    right = getattr(frames, fault)

    def wrong(table, *columns, **options):
        found = right(table, *columns, **options)
        if isinstance(found, tuple):
            return np.roll(found[0], 1, axis=0), *found[1:]
        return np.roll(found, 1) if columns == ("before",) else found

    monkeypatch.setattr(frames, fault, wrong)
    estimate = ev.trials.itt(data, **plan)
    with pytest.raises(ev.EvidenceError, match="do not agree on the estimate"):
        recompute_trial(data, estimate, **plan)
