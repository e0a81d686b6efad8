"""One table in many disguises: every public function answers the same, or refuses the same.

A public function that takes a table and is not here fails `test_every_public_function_is_tried`.
"""

import functools
import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT

import evidence as ev
from evidence.errors import EvidenceError

TRIAL = {"outcome": "post", "treatment": "arm", "cluster": "school", "baseline": "pre"}
PANEL = {"outcome": "pct", "treatment": "lamp", "unit": "urn", "time": "year"}
FEW = {"draws": 99, "seed": 1}


@functools.cache
def pupils():
    """Return 12 schools of 8 pupils in two years, with gaps; whole numbers, as any cell holds."""
    rng = np.random.default_rng(8)
    school = np.repeat(np.arange(12), 8)
    n = len(school)
    post = rng.integers(20, 80, n) + 5 * (school % 2)
    table = pd.DataFrame(
        {
            "post": np.where(np.arange(n) % 17 == 3, np.nan, post),
            "second": rng.integers(20, 80, n).astype(float),
            "arm": school % 2,
            "pre": rng.integers(20, 80, n).astype(float),
            "sex": pd.array(np.where(np.arange(n) % 19 == 5, None, "f"), dtype="str"),
            "school": 95 + school,  # ids of one figure more sort as numbers, not as text
            "block": 9 + school // 4,
            "year": 2018 + np.arange(n) % 2,
            "passed": (post > 50) * 1.0,
            "took": (school % 2) * rng.integers(0, 2, n),
            "size": rng.integers(1, 5, n).astype(float),
            "pupil": np.arange(n) + 1,
            "fit": (school % 3 > 0) * 1,
        }
    )
    table.loc[rng.random(n) < 0.5, "sex"] = "m"
    return table


@functools.cache
def schools():
    """Return 24 schools over six years, six treated from two starts on."""
    rng = np.random.default_rng(9)
    urn, year = np.repeat(990 + np.arange(24), 6), np.tile(np.arange(2014, 2020), 24)
    start = np.where(urn < 993, 2017, np.where(urn < 996, 2018, 9999))
    table = pd.DataFrame({"urn": urn, "year": year, "lamp": (year >= start) * 1})
    return table.assign(
        pct=rng.integers(30, 70, 24)[urn - 990] + rng.integers(-9, 9, len(urn)) * 1.0,
        n=rng.integers(9, 60, len(urn)),
        n_pupils=rng.integers(9, 60, len(urn)),
        x=rng.integers(0, 40, len(urn)) * 1.0,
        kind=np.where(urn % 2, "academy", "maintained"),
        fed=urn // 2,
        run=(urn - 1_002) * 1.0,
        fit=(urn >= 996) * 1,
        other=((urn % 5 == 0) & (year > 2016)) * 1,
    )


def spells():
    return pd.DataFrame(
        {"urn": 990 + np.arange(6), "programme": "lamp", "start": [2017] * 3 + [2018] * 3}
    ).assign(end=np.nan)


def of_pupils(call, **given):
    return lambda disguise: call(disguise(pupils()), **given)


def of_schools(call, **given):
    return lambda disguise: call(disguise(schools()), **given)


T, INFER, M = ev.trials, ev.impact, ev.matching
PLAIN = {key: TRIAL[key] for key in ("outcome", "treatment", "cluster")}
CONTEXT = {"treatment": "fit", "covariates": ["x", "kind"]}
VALUE = {"outcome": "post", "cluster": "school", "time": "year", "fit_on": "fit"}
CALLS = {
    "trials.itt": of_pupils(T.itt, **TRIAL, covariates=["sex"], strata="block", weights="size"),
    "trials.balance": of_pupils(T.balance, treatment="arm", covariates=["pre", "sex"]),
    "trials.odds_ratio": of_pupils(T.odds_ratio, **TRIAL | {"outcome": "passed"}),
    "trials.risk_difference": of_pupils(T.risk_difference, **TRIAL | {"outcome": "passed"}),
    "trials.bootstrap": of_pupils(T.bootstrap, **TRIAL, **FEW),
    "trials.cace": of_pupils(T.cace, **TRIAL, dosage="took"),
    "trials.effect_size": of_pupils(T.effect_size, **TRIAL, covariates=["sex"]),
    "trials.flow": of_pupils(T.flow, **TRIAL, covariates=["sex"]),
    "trials.impute": of_pupils(T.impute, **TRIAL, covariates=["sex"], imputations=2),
    "trials.delta_sensitivity": of_pupils(
        T.delta_sensitivity, **TRIAL, imputations=2, deltas=[0.5]
    ),
    "trials.missingness": of_pupils(T.missingness, **TRIAL, covariates=["sex"]),
    "trials.multilevel": of_pupils(T.multilevel, **TRIAL, covariates=["sex"]),
    "trials.romano_wolf": of_pupils(
        T.romano_wolf, outcomes=["post", "second"], treatment="arm", **FEW
    ),
    "trials.randomisation_test": of_pupils(T.randomisation_test, **TRIAL, **FEW),
    "trials.robustness": of_pupils(T.robustness, **TRIAL, imputations=2, **FEW),
    "trials.check": of_pupils(T.check, **TRIAL, design="cluster", pupil="pupil"),
    "trials.subgroups": of_pupils(T.subgroups, **TRIAL, subgroup=["sex"]),
    "trials.wild_bootstrap": of_pupils(T.wild_bootstrap, **TRIAL, **FEW),
    "trials.attrition": lambda disguise: T.attrition(
        disguise(pupils()), disguise(pupils().iloc[10:]), treatment="arm"
    ),
    "impact.before_start": of_schools(INFER.before_start, **PANEL, weights="n", covariates=["x"]),
    "impact.did": of_schools(
        INFER.did, **PANEL, weights="n", covariates=["x", "kind"], overlap=["other"], cluster="fed"
    ),
    "impact.discontinuity": of_schools(INFER.discontinuity, outcome="pct", running="run", cutoff=0),
    "impact.event_study": of_schools(INFER.event_study, **PANEL, covariates=["x"]),
    "impact.given_past": of_schools(INFER.given_past, **PANEL, weights="n", covariates=["kind"]),
    "impact.participation": lambda disguise: INFER.participation(disguise(spells())),
    "impact.exposure": lambda disguise: INFER.exposure(disguise(schools()), spells()),
    "impact.cohort": lambda disguise: INFER.cohort(
        disguise(schools().iloc[1:]), spells(), programme="lamp", start=2017
    ),
    "impact.gaps": lambda disguise: INFER.gaps(disguise(schools()), schools(), outcomes=["pct"]),
    "impact.school_means": lambda disguise: INFER.school_means(
        disguise(pupils()), outcomes=["post"], unit="school"
    ),
    "impact.randomisation_test": of_schools(INFER.randomisation_test, **PANEL, **FEW),
    "impact.rebound": of_schools(INFER.rebound, **PANEL),
    "impact.sensitivity": of_schools(
        INFER.sensitivity, **PANEL, overlap=["other"], covariates=["x"], **FEW
    ),
    "impact.staggered": of_schools(INFER.staggered, **PANEL, method="sunab"),
    "impact.two_way_bias": of_schools(INFER.two_way_bias, **PANEL),
    "impact.oster": of_schools(INFER.oster, **PANEL, covariates=["x"]),
    "impact.wild_bootstrap": of_schools(INFER.wild_bootstrap, **PANEL, **FEW),
    "matching.balance": of_schools(M.balance, **CONTEXT, weights="n"),
    "matching.balance_weights": of_schools(M.balance_weights, **CONTEXT),
    "matching.coarsened": of_schools(M.coarsened, **CONTEXT),
    "matching.nearest": of_schools(M.nearest, treatment="lamp", covariates=["x"]),
    "matching.deviations": lambda disguise: M.deviations(
        disguise(pupils()), M.expected(disguise(pupils()), **VALUE, baseline="pre", smallest=1),
        cluster="school", time="year",
    ),
    "matching.expected": of_pupils(
        M.expected, **VALUE, baseline="pre", context=["sex"], smallest=1
    ),
    "matching.school_results": of_pupils(
        M.school_results, **{k: v for k, v in VALUE.items() if k != "outcome"},
        outcomes=["post"], baseline="pre",
    ),
    "matching.expected_schools": of_schools(
        M.expected_schools, outcome="pct", unit="urn", time="year", fit_on="fit", context=["kind"]
    ),
}  # fmt: skip
NO_TABLE = {
    "trials.security": "numbers and words",
    "impact.effect_size": "an estimate",
    "impact.honest": "an event study",
    "impact.pre_trend": "an event study",
    "impact.e_value": "a number",
    "matching.effective_size": "weights",
    **dict.fromkeys(
        ("effects.hedges_g", "effects.pooled_variance"), "two lists of numbers, not a table"
    ),
    **dict.fromkeys(
        (
            "effects.wwc_cluster_correction", "effects.wwc_effect_size", "effects.detectable",
            "effects.small_sample_factor", "effects.adjust", "effects.row", "effects.posterior",
            "effects.strength", "effects.cost_rating", "effects.months", "effects.verdict",
        ),
        "estimates and numbers",
    ),
}  # fmt: skip


def each(change):
    """Make a disguise of a change to every column of a table."""
    return lambda table: table.assign(**{name: change(table[name]) for name in table})


def whole(values):
    return pd.api.types.is_numeric_dtype(values) and (values.dropna() % 1 == 0).all()


def text(values):
    """Return whole numbers as text, gaps as blanks."""
    if not whole(values):
        return values.astype("object").where(values.notna(), " ")
    shown = values.map(lambda v: f"{v:.0f}", na_action="ignore").astype("object")
    return shown.where(values.notna(), "")


def pointed(values):
    """Return whole numbers as text with a decimal, as a column of floats is written."""
    if not whole(values):
        return values
    return values.map(lambda v: f"{v:.1f}", na_action="ignore").astype("object")


def reversed_categories(values):
    made = values.astype("category").cat.as_ordered()
    return made.cat.reorder_categories(made.cat.categories[::-1])


def spaced(values):
    kept = values if not isinstance(values.dtype, pd.StringDtype) else " " + values + " "
    return kept.astype("object").where(kept.notna(), None)


def read_only(table):
    columns = {}
    for name in table:
        columns[name] = table[name].to_numpy(copy=True)
        columns[name].flags.writeable = False
    return pd.DataFrame(columns, copy=False)


def unused(values):
    made = values.astype("category")
    more = "zz" if made.cat.categories.dtype == "str" else -99_999
    return made.cat.add_categories([more])


def indexed(table):
    return table.set_index(next(iter(table)), drop=False)


DISGUISES = {
    "object": lambda table: table.astype("object"),
    "pyarrow": lambda table: table.convert_dtypes(dtype_backend="pyarrow"),
    "nullable": lambda table: table.convert_dtypes(dtype_backend="numpy_nullable"),
    "floats": each(lambda v: v.astype(float) if whole(v) else v),
    "text": each(text),
    "text with a decimal": each(pointed),
    "spaces": each(spaced),
    "categories": each(lambda v: v.astype("category")),
    "ordered categories": each(lambda v: v.astype("category").cat.as_ordered()),
    "categories the other way round": each(reversed_categories),
    "whole categories with gaps": lambda table: each(lambda v: v.astype("category"))(
        table.convert_dtypes(dtype_backend="numpy_nullable")
    ),
    "unused categories": each(unused),
    "index of a column's name": indexed,
    "index of one value": lambda table: table.set_index(pd.Index([7] * len(table))),
    "index of text": lambda table: table.set_index(pd.Index([f"r{i}" for i in range(len(table))])),
    "many-levelled index": lambda table: table.set_index(
        pd.MultiIndex.from_arrays([np.arange(len(table)) % 3, np.arange(len(table)) // 3])
    ),
    "columns in another order": lambda table: table[[*table][::-1]],
    "read only": read_only,
    "fortran": lambda table: pd.DataFrame(
        np.asfortranarray(table.to_numpy(object)), columns=[*table]
    ),
}


def told(found):
    """Return what a result says as columns of floats and text, its index and row order left out."""
    if isinstance(found, EvidenceError):
        return str(found)
    if isinstance(found, (float, int, str)):
        return found
    if isinstance(found, tuple):
        return [told(part) for part in found]
    table = found if isinstance(found, pd.DataFrame) else None
    if table is None:
        table = found.to_frame() if hasattr(found, "to_frame") else pd.DataFrame([vars(found)])
    columns = {}
    for name in sorted(map(str, table)):
        values = table[name].astype("object").tolist()
        columns[name] = [_cell(value) for value in values]
    order = np.lexsort([[str(v) for v in values] for values in columns.values()])
    said = found.sentence() if hasattr(found, "sentence") else ""
    return said, {name: [values[i] for i in order] for name, values in columns.items()}


def _cell(value):
    if value is None or value is pd.NA or (isinstance(value, float) and value != value):
        return None
    if isinstance(value, (bool, int, float, np.number, np.bool_)):
        return float(f"{float(value):.9g}")
    try:
        return float(f"{float(str(value)):.9g}")
    except ValueError:
        return str(value).strip() or None


def asked(call, disguise):
    try:
        return told(call(disguise))
    except EvidenceError as error:
        return str(error)


@functools.cache
def plainly(name):
    return asked(CALLS[name], lambda table: table.copy())


QUICK = ("trials.balance", "trials.flow", "impact.participation", "matching.nearest")


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in CALLS],
)
def test_a_disguise_changes_nothing(name):
    expected = plainly(name)
    wrong = [
        disguise for disguise, change in DISGUISES.items() if asked(CALLS[name], change) != expected
    ]
    assert wrong == []


BY_ROW = ("matching.", "trials.check", "impact.exposure", "impact.cohort")


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=() if name in QUICK else pytest.mark.slow)
        for name in CALLS
        if not name.startswith(BY_ROW)
    ],
)
def test_the_order_of_rows_changes_nothing(name):
    def shuffled(table):
        return table.sample(frac=1, random_state=4)

    assert asked(CALLS[name], shuffled) == plainly(name)


@pytest.mark.slow
def test_the_tables_are_answered():
    refused = [name for name in CALLS if isinstance(plainly(name), str)]
    assert refused == []


def test_every_public_function_is_tried():
    public = {
        f"{room}.{name}" for room in ("trials", "impact", "matching", "effects")
        for name in dir(getattr(ev, room)) if callable(getattr(getattr(ev, room), name))
    }  # fmt: skip
    functions = {name for name in public if not name.split(".")[1].startswith("_")}
    functions = {name for name in functions if not name.split(".")[1][0].isupper()}
    assert functions == {*CALLS, *NO_TABLE}


@pytest.mark.slow
def test_hash_seeds_change_nothing():
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from methods.test_disguises import CALLS, plainly\n"
        "print({name: plainly(name) for name in CALLS if name.startswith('trials')})"
    )
    root = str(ROOT / "tests")
    said = {
        subprocess.run(
            [sys.executable, "-c", code, root],
            env=os.environ | {"PYTHONHASHSEED": seed},
            cwd=root,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(said) == 1


@pytest.mark.parametrize(
    ("call", "given"),
    [
        (T.itt, {**PLAIN, "covariates": ["post"]}),
        (T.balance, {"treatment": "arm", "covariates": ["arm"]}),
        (T.missingness, {**PLAIN, "covariates": ["post"]}),
        (T.flow, {**PLAIN, "covariates": ["arm"]}),
        (T.impute, {**TRIAL, "auxiliary": ["arm"], "imputations": 2}),
        (T.cace, {**TRIAL, "dosage": "arm"}),
        (T.subgroups, {**TRIAL, "subgroup": ["arm"]}),
        (M.expected, {**VALUE, "outcome": "school"}),
        (INFER.school_means, {"outcomes": ["post"], "unit": "year"}),
        (INFER.did, {**PANEL, "covariates": ["pct"]}),
        (INFER.did, {**PANEL, "outcome": "lamp"}),
        (INFER.event_study, {**PANEL, "overlap": ["lamp"]}),
        (INFER.before_start, {**PANEL, "covariates": ["pct"]}),
        (INFER.oster, {**PANEL, "covariates": ["lamp"]}),
        (INFER.discontinuity, {"outcome": "pct", "running": "pct", "cutoff": 50}),
        (INFER.gaps, {"others": schools(), "outcomes": ["urn"]}),
    ],
)
def test_one_column_in_two_roles_is_refused_in_a_line(call, given):
    of_panels = "methods.impact" in call.__module__ and "outcomes" not in given
    table = schools() if of_panels or "others" in given else pupils()
    with pytest.raises(EvidenceError) as error:
        call(table, **given)
    assert "\n" not in str(error.value)
    assert any(name in str(error.value) for name in ("given", "is the", "as well"))
