"""What a nation costs: pupils of 20,000 schools and ten cohorts, made up; csv, value added, CR2.

``python benchmarks/national.py`` makes 6,000,000 pupils (``--pupils`` for fewer), turns csv into
parquet part by part, and runs each part in a process of its own, ours and the plain way by turns
(``--rounds``): processor seconds, seconds and peak memory. Same answers are asserted. With
``--country out_of_core dask`` also ten times as many rows, in a folder of parquet.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

for library in ("OPENBLAS", "OMP", "MKL"):  # before numpy: one thread
    os.environ.setdefault(f"{library}_NUM_THREADS", "1")

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
import pyarrow as pa  # noqa: E402
import pyarrow.csv  # noqa: E402
import pyarrow.parquet as pq  # noqa: E402

SCHOOLS, YEARS, CONTEXT = 20_000, range(2010, 2020), ["fsm", "eal", "sen"]
HELD = ["prior", *CONTEXT]
SMALL = ("year", "offered", "taking_part", *CONTEXT)
PAIRS = [("itt", "statsmodels"), ("school_and_year", "absorbing"), ("did", "panel_ols")]
ALONE = ["convert", "cells", "regression", "specifications"]


def cohort(year: int, pupils: int, part: int = 0) -> pd.DataFrame:
    """Return (a part of) the pupils of a year; a school is the same in all of them."""
    fixed, rng = np.random.default_rng(1), np.random.default_rng([year, part])
    offered = fixed.permutation(SCHOOLS) % 2
    start = np.where(offered, fixed.integers(2015, 2018, SCHOOLS), 9999)
    effect, school = fixed.normal(0, 0.3, SCHOOLS), rng.integers(0, SCHOOLS, pupils)
    prior = rng.normal(0, 1, pupils).round(2)
    marks = {n: rng.random(pupils) < p for n, p in zip(CONTEXT, (0.25, 0.2, 0.15), strict=True)}
    part = year >= start[school]
    score = 0.7 * prior - 0.3 * marks["fsm"] + 0.1 * marks["eal"] - 0.4 * marks["sen"]
    score += effect[school] + 0.02 * (year - 2010) + 0.05 * part + rng.normal(0, 0.7, pupils)
    columns = {"urn": school + 100_000, "year": year, "offered": offered[school]}
    columns |= {"taking_part": part.astype(int), "prior": prior}
    columns |= {name: mark.astype(int) for name, mark in marks.items()}
    return pd.DataFrame(columns | {"score": score.round(2)})


def make(file: Path, pupils: int) -> None:
    for year in YEARS:
        table = cohort(year, pupils // len(YEARS))
        table.to_csv(file, mode="a", header=year == YEARS[0], index=False)


def convert(file: Path) -> dict:
    """Turn csv into parquet, a part at a time, with small types."""
    types = {name: pa.int16() for name in SMALL} | {"urn": pa.int32()}
    options = pyarrow.csv.ConvertOptions(column_types=types)
    rows = 0
    source = pyarrow.csv.open_csv(file.with_suffix(".csv"), convert_options=options)
    with source, pq.ParquetWriter(file, source.schema) as target:
        for part in source:
            target.write_batch(part)
            rows += len(part)
    return {"rows": rows}


def read(file: Path) -> pd.DataFrame:
    return pd.read_parquet(file)


def itt(data: pd.DataFrame) -> dict:
    found = ev.trials.itt(
        data, outcome="score", treatment="offered", baseline="prior", covariates=CONTEXT,
        cluster="urn",
    )  # fmt: skip
    return {"estimate": found.estimate, "std_error": found.std_error, "df": found.df}


def statsmodels(data: pd.DataFrame) -> dict:
    import statsmodels.api as sm

    x = sm.add_constant(data[["offered", *HELD]].astype(float))
    kinds = {"cov_type": "cluster", "cov_kwds": {"groups": data["urn"]}}
    return {"estimate": sm.OLS(data["score"].astype(float), x).fit(**kinds).params["offered"]}


def school_and_year(data: pd.DataFrame) -> dict:
    codes = (data["year"] - YEARS[0]).to_numpy(np.int8)
    names = [f"y{year}" for year in YEARS]
    data = data.assign(year=pd.Categorical.from_codes(codes, names))
    found = ev.trials.itt(
        data, outcome="score", treatment="taking_part", baseline="prior",
        covariates=[*CONTEXT, "year"], cluster="urn", strata="urn",
    )  # fmt: skip
    return {"estimate": found.estimate, "std_error": found.std_error, "df": found.df}


def absorbing(data: pd.DataFrame) -> dict:
    from linearmodels.iv.absorbing import AbsorbingLS

    x = data[["taking_part", *HELD]].astype(float)
    effects = data[["urn", "year"]].astype("category")
    model = AbsorbingLS(data["score"], x, absorb=effects)
    found = model.fit(cov_type="clustered", clusters=data["urn"])
    return {"estimate": found.params["taking_part"]}


def schools(data: pd.DataFrame) -> pd.DataFrame:
    keys = data.groupby(["urn", "year"], as_index=False)
    return keys.agg(score=("score", "mean"), taking_part=("taking_part", "max"))


def did(data: pd.DataFrame) -> dict:
    panel = {"outcome": "score", "treatment": "taking_part", "unit": "urn", "time": "year"}
    means = ev.impact.school_means(data, outcomes=["score", "taking_part"])
    means["taking_part"] /= 100  # a percentage of the school's pupils, all or none
    found = ev.impact.did(means, **panel)
    return {"estimate": found.estimate, "std_error": found.std_error, "df": found.df}


def panel_ols(data: pd.DataFrame) -> dict:
    from linearmodels.panel import PanelOLS

    panel = schools(data).set_index(["urn", "year"])
    model = PanelOLS(panel["score"], panel[["taking_part"]], entity_effects=True, time_effects=True)
    return {"estimate": model.fit(cov_type="clustered", cluster_entity=True).params["taking_part"]}


def value_added(data: pd.DataFrame, method: str) -> dict:
    """Expect each pupil's result without the pupil's school, and a school's interval."""
    found = ev.matching.expected(
        data, outcome="score", cluster="urn", fit_on=np.ones(len(data), bool), baseline="prior",
        context=CONTEXT, time="year", method=method,
    )  # fmt: skip
    schools = ev.matching.deviations(data, found, cluster="urn", time="year")
    half = 1.96 * np.sqrt(schools["variance"])
    sure = (schools["deviation"].abs() > half).mean()
    return {"spread": schools["deviation"].std(), "sure": sure}


def cells(data: pd.DataFrame) -> dict:
    return value_added(data, "cells")


def regression(data: pd.DataFrame) -> dict:
    return value_added(data, "regression")


def with_extra(data: pd.DataFrame) -> pd.DataFrame:
    """Return the eleven columns of the specifications, and the school."""
    p, s = data["prior"], data["sen"]
    extra = {"squared": p**2, "cubed": p**3, "p_sen": p * s, "p_fsm": p * data["fsm"]}
    extra |= {"late": (data["year"] >= 2015).astype(int)}
    return data[["urn", "score", *HELD, "year", "offered"]].assign(**extra)


COLUMNS = ["score", "offered", *HELD, "year", "squared", "cubed", "p_sen", "p_fsm", "late"]


def regressions(table) -> dict:
    """Return what a hundred regressions of five to ten columns cost, and that of `itt`."""
    begun = time.process_time()
    rng = np.random.default_rng(0)
    sizes = rng.integers(4, 10, 100)
    held = [[*rng.permutation(COLUMNS[2:])[:size]] for size in sizes]
    asked = [{"outcome": "score", "treatment": "offered", "covariates": some} for some in held]
    table.regressions(asked)
    ended = time.process_time()
    (one,) = table.regressions([asked[0] | {"covariates": HELD}]).itertuples()
    found = {"hundred": ended - begun, "estimate": one.estimate, "std_error": one.std_error}
    return found | {"df": one.df, "rows": one.n_obs}


def specifications(data: pd.DataFrame) -> dict:
    """Compress once, then the regressions."""
    data = with_extra(data)
    begun = time.process_time()
    table = ev.compress(data, COLUMNS, cluster="urn")
    return {"compress": time.process_time() - begun, **regressions(table)}


def folder_of(file: Path) -> Path:
    """Return a folder of parquet beside a file, a part a year, the file's rows ten times."""
    folder = file.with_suffix("")
    if not folder.exists():
        folder.mkdir()
        for year in YEARS:
            for tenth in range(10):
                table = with_extra(cohort(year, pq.read_metadata(file).num_rows // 10, tenth))
                table.to_parquet(folder / f"{year}-{tenth}.parquet")
    return folder


def out_of_core(file: Path) -> dict:
    """Compress ten times as many rows, read from a folder a part at a time."""
    return regressions(ev.compress(folder_of(file), COLUMNS, cluster="urn"))


def dask(file: Path) -> dict:
    """Compress the same folder on two local workers of dask, each part where it lies."""
    from dask import dataframe, delayed
    from dask.distributed import Client, as_completed

    parts = dataframe.read_parquet(folder_of(file)).to_delayed()
    with Client(n_workers=2, threads_per_worker=1) as client:
        tasks = client.compute(
            [delayed(ev.compress)(part, COLUMNS, cluster="urn") for part in parts]
        )
        whole = None
        for done in as_completed(tasks):
            whole = done.result() if whole is None else whole + done.result()
            done.release()
    return regressions(whole)


def alone(part: str, file: Path) -> None:
    """Run a part in this process and print what it cost; loading is not counted."""
    given = file if part in ("convert", "out_of_core", "dask") else read(file)
    if given is file and part != "convert":
        folder_of(file)
    before = time.process_time(), time.perf_counter()
    result = globals()[part](given)
    cost = {"cpu": time.process_time() - before[0], "wall": time.perf_counter() - before[1]}
    whose = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    peak = max(resource.getrusage(who).ru_maxrss for who in whose) / 1e6
    print(json.dumps({**cost, "gb": peak, **{k: float(v) for k, v in result.items()}}))


def run(part: str, file: Path) -> dict:
    command = [sys.executable, __file__, "--part", part, "--file", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def report(part: str, runs: list[dict]) -> dict:
    middle = {key: statistics.median(each[key] for each in runs) for key in runs[0]}
    print(
        f"{part:16}", "  ".join(f"{key} {value:.6g}" for key, value in middle.items()), flush=True
    )
    return middle


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--pupils", type=int, default=6_000_000)
    asked.add_argument("--rounds", type=int, default=5)
    asked.add_argument("--country", nargs="*", choices=["out_of_core", "dask"], default=[])
    asked.add_argument("--part")
    asked.add_argument("--file", type=Path)
    args = asked.parse_args()
    if args.part:
        alone(args.part, args.file)
        return
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "pupils.parquet"
        make(file.with_suffix(".csv"), args.pupils)
        found = {part: report(part, [run(part, file)]) for part in ALONE}
        found |= {part: report(part, [run(part, file)]) for part in args.country}
        for ours, plain in PAIRS:
            turns = [(run(ours, file), run(plain, file)) for _ in range(args.rounds)]
            ways = zip((ours, plain), zip(*turns, strict=True), strict=True)
            found |= {part: report(part, list(runs)) for part, runs in ways}
            ratio = found[ours]["cpu"] / found[plain]["cpu"]
            apart = abs(found[ours]["estimate"] / found[plain]["estimate"] - 1)
            print(f"{ours} to {plain}: {ratio:.2f} of its processor seconds; apart {apart:.1e}")
            assert apart < 1e-8
        for name in ("estimate", "std_error", "df"):
            assert abs(found["specifications"][name] / found["itt"][name] - 1) < 1e-8, name


if __name__ == "__main__":
    import evidence as ev

    if "--part" in sys.argv:
        for room in (ev.trials.itt, ev.impact.did, ev.matching.expected, ev.compress):
            assert callable(room)  # loaded before the clock starts
    main()
