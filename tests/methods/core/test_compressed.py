"""A table compressed once, whole or by parts, against the regression of its rows."""

import numpy as np
import pandas as pd
import pytest

import evidence as ev

HELD = ["prior", "fsm", "sen"]


@pytest.fixture
def pupils(rng):
    school = rng.integers(0, 40, 3000)
    frame = pd.DataFrame({"urn": 100_000 + school, "offered": school % 2})
    frame = frame.assign(prior=rng.normal(50, 9, 3000), fsm=rng.random(3000) < 0.3)
    frame = frame.assign(sen=(rng.random(3000) < 0.1) * 1, year=2018 + (np.arange(3000) > 1700))
    score = 0.6 * frame["prior"] + frame["offered"] + rng.normal(0, 3, 40)[school]
    frame["score"] = score + rng.normal(0, 6, 3000)
    return frame.mask((rng.random(frame.shape) < 0.01) & (frame.columns == "prior"))


def ask(table, covariates):
    return {"outcome": "score", "treatment": "offered", "covariates": covariates}


@pytest.mark.parametrize("way", ["frame", "parts", "file", "folder"])
def test_compress_equals_itt_however_the_table_lies(pupils, way, tmp_path):
    given = pupils
    if way == "parts":  # whose means are far apart
        pupils = pupils.sort_values("prior")
        given = [pupils.iloc[:1000], pupils.iloc[1000:1010], pupils.iloc[1010:]]
    elif way == "file":
        given = tmp_path / "pupils.parquet"
        pupils.to_parquet(given, row_group_size=500)
    elif way == "folder":
        given = tmp_path / "by year"
        pupils.to_parquet(given, partition_cols=["year"])
    table = ev.compress(given, ["score", "offered", *HELD], cluster="urn")
    subsets = [HELD[:n] for n in range(4)]
    found = table.regressions([ask(table, some) for some in subsets])
    complete = pupils.dropna()
    for row, some in zip(found.itertuples(), subsets, strict=True):
        told = ev.trials.itt(
            complete, outcome="score", treatment="offered", covariates=some, cluster="urn"
        )
        for name in ("estimate", "std_error", "df", "p_value", "ci_lower", "n_obs", "n_clusters"):
            assert getattr(row, name) == pytest.approx(getattr(told, name), rel=1e-8), name
    assert table.left_out == len(pupils) - len(complete) > 0


def test_compress_says_what_is_wrong(pupils, tmp_path):
    table = ev.compress(pupils, ["score", "offered", "prior"], cluster="urn")
    with pytest.raises(ev.EvidenceError, match="did you mean 'prior'"):
        table.regressions([ask(table, ["priors"])])
    with pytest.raises(ev.EvidenceError, match="outcome and as"):
        table.regressions([ask(table, ["score"])])
    with pytest.raises(ev.EvidenceError, match="a specification names"):
        table.regressions([{"outcome": "score", "arm": "offered"}])
    with pytest.raises(ev.EvidenceError, match="compress the same columns"):
        table + ev.compress(pupils, ["score", "offered"], cluster="urn")
    with pytest.raises(ev.EvidenceError, match="two clusters"):
        ev.compress(pupils[pupils["urn"] == 100_001], ["score", "prior"], cluster="urn")
    (tmp_path / "x.parquet").write_text("no parquet")
    with pytest.raises(ev.EvidenceError, match="not parquet"):
        ev.compress(tmp_path / "x.parquet", ["score"], cluster="urn")
    pupils.to_parquet(tmp_path / "y.parquet")
    with pytest.raises(ev.EvidenceError, match="no column 'scores'"):
        ev.compress(tmp_path / "y.parquet", ["scores"], cluster="urn")
    with pytest.raises(ev.EvidenceError, match="not a number"):
        ev.compress(pupils.assign(prior="a"), ["score", "prior"], cluster="urn")


@pytest.mark.parametrize("strata", [None, "urn", "class", "year"])
def test_itt_of_many_rows_by_sums_equals_that_of_the_rows(rng, strata, monkeypatch):
    from evidence.methods.trials import trial_data

    school = rng.integers(0, 60, 4000)
    data = pd.DataFrame({"urn": school, "year": rng.integers(0, 3, 4000)})
    data = data.assign(given=rng.random(4000) < 0.4, prior=rng.normal(100, 15, 4000))
    data["class"] = data["urn"] * 4 + rng.integers(0, 4, 4000)
    data["sort"] = rng.choice(list("abc"), 4000)
    noise = rng.normal(0, 5, 60)[school] + rng.normal(0, 10, 4000)
    data["score"] = 0.5 * data["prior"] + 2 * data["given"] + noise
    plan = {"outcome": "score", "treatment": "given", "baseline": "prior", "cluster": "urn"}
    plan |= {"covariates": ["sort"], "strata": strata}
    rows = ev.trials.itt(data, **plan)
    monkeypatch.setattr(trial_data, "_BY_SUMS", 1000)
    assert (trial_data.read(data, **plan).by_sums is None) == (strata == "year")
    sums = ev.trials.itt(data, **plan)
    assert sums.caveats == rows.caveats
    for name in ("estimate", "std_error", "df", "n_obs"):
        assert getattr(sums, name) == pytest.approx(getattr(rows, name), rel=1e-9), name
