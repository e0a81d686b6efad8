import json
import stat
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from run_folders import BETTER, effect, make, pictures, seal, write_run

from evidence.data.rules import Rules
from evidence.data.schema import INDICATORS
from evidence.errors import EvidenceError
from evidence.release.control.disclosure import protect
from evidence.release.control.suppression import complete
from evidence.release.exchange import bundle
from evidence.release.site import site
from evidence.release.store import (
    candidates,
    exports,
    log,
    publish,
    reader,
    releases,
    verify,
)
from evidence.release.store.candidates import protect_indicators


@pytest.fixture(scope="module")
def released(tmp_path_factory):
    root = tmp_path_factory.mktemp("county")
    runs, cards = make(root / "runs")
    report = publish.release(runs, cards, root / "published", reviewer="A. Checker")
    return root, runs, cards, report


def test_release_first_is_current_and_complete(released):
    root, _, cards, report = released
    assert (report.number, report.new, report.refused) == (1, True, ())
    assert (root / "published/current").readlink().name == "0001"
    assert reader.release(root / "published")["reviewer"] == "A. Checker"
    assert [card["name"] for card in reader.programmes(root / "published")] == [
        card["name"] for card in cards
    ]
    assert len(reader.effects(root / "published")) == report.estimates == 16
    assert reader.indicators(root / "published").empty
    assert reader.figure("lamp", "2018", "effect", root / "published").startswith("<svg")
    assert report.summary() == (
        "release 1: 16 estimates, 12 figures\n"
        "some counts are hidden; evidence release --look says where and why\n"
        f"open {root / 'published/current/index.html'}"
    )


def test_release_counts_are_rounded_and_small_ones_hidden(released):
    effects = reader.effects(released[0] / "published")
    shown = effects["n_pupils"].dropna()
    assert (shown >= 10).all()
    assert (shown % 5 == 0).all()
    hidden = effects[(effects["programme"] == "lamp") & ~effects["primary"]].iloc[0]
    assert hidden["n_pupils_symbol"] == "c"
    assert hidden[["estimate", "p_value", "months", "strength"]].isna().all()
    assert hidden["verdict"] == "too little data"
    assert hidden["sentence"] == "Reading, second test, FSM: not shown, to protect few pupils."
    assert hidden["caveats"] == (
        "Schools were chosen because results were low; fewer than 10 pupils had no baseline."
    )


def test_release_every_number_names_its_run(released):
    record = reader.release(released[0] / "published")
    for row in reader.effects(released[0] / "published").to_dict("records"):
        run = record["runs"][row["run_id"]]
        assert (run["programme"], run["cohort"]) == (row["programme"], row["cohort"])
        assert run["inputs"] == {"ks2_2018.csv": "ab" * 32, "sample/pupils.csv": "cd" * 32}


def test_release_holds_no_path_host_or_output(released):
    root, *_ = released
    for path in (root / "published/0001").rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert str(root).encode() not in content
            assert b"secret-host" not in content
            assert b"/secret/place" not in content
            assert b"A123456789012" not in content
        if path.suffix == ".ipynb":
            cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
            assert not any(cell.get("outputs") for cell in cells)


def test_release_takes_the_right_to_write_away(released):
    for path in (released[0] / "published/0001", *(released[0] / "published/0001").rglob("*")):
        assert not stat.S_IMODE(path.stat().st_mode) & 0o222


def test_release_nothing_new_makes_none(released):
    root, runs, cards, _ = released
    again = publish.release(runs, cards, root / "published", reviewer="A. Checker")
    assert (again.number, again.new) == (1, False)
    assert again.summary().startswith("nothing new: still release 1: 16 estimates, 12 figures\n")
    assert sorted(p.name for p in (root / "published").iterdir()) == [
        ".lock", "0001", "current", "log.jsonl",
    ]  # fmt: skip


def small(tmp_path, key="a1", **changes):
    row = effect("lamp", "2018", 1.5, 1.2, 0.08, BETTER, 3, 1263, 20) | changes
    card = {
        "name": "lamp", "title": "LAMP", "design": "matched", "simulated": True,
        "automatic": True, "cohorts": [{"name": "2018", "title": "2017/18"}], "outcomes": [],
    }  # fmt: skip
    return write_run(tmp_path / "runs/lamp/2018" / key, [row]), card


@pytest.mark.slow
def test_release_something_new_leaves_the_old_one_alone(tmp_path):
    first, card = small(tmp_path)
    publish.release([first], [card], tmp_path / "published")
    before = candidates_of(tmp_path / "published/0001")
    second, _ = small(tmp_path, "a2", n_pupils=900)
    assert publish.release([second], [card], tmp_path / "published").number == 2
    assert candidates_of(tmp_path / "published/0001") == before
    assert (tmp_path / "published/current").readlink().name == "0002"


@pytest.mark.slow
def test_release_small_count_told_before_is_named_to_the_reviewer_and_in_no_file(tmp_path):
    published = tmp_path / "published"
    row = effect("lamp", "2018", 1.5, 1.2, 0.08, BETTER, 3, 1263, 20)
    rows = [row, row | {"subgroup": "FSM", "primary": False, "n_pupils": 7}]
    _, card = small(tmp_path)
    run = write_run(tmp_path / "runs/lamp/2018/a2", rows)
    first = publish.release([run], [card], published, rules=Rules(threshold=5))
    assert first.disclosed_before == ()
    report = publish.release([run], [card], published, rules=Rules(threshold=10))
    (told,) = report.disclosed_before
    assert told.endswith("an earlier release discloses it too closely")
    assert f"disclosed before: {told}" in report.review()
    assert "docs/release.md" in report.review()
    assert reader.effects(report.folder)["n_pupils"].isna().sum() == 1
    assert "too closely" not in (report.folder / "release.json").read_text(encoding="utf-8")


@pytest.mark.slow
def test_release_is_logged_verified_and_bundled(tmp_path):
    run, card = small(tmp_path)
    published = tmp_path / "published"
    with pytest.raises(EvidenceError, match="needs a reviewer other than its author, Ann Author"):
        publish.release([run], [card | {"automatic": False}], published)
    publish.release([run], [card | {"automatic": False}], published, reviewer="Bea Reviewer")
    assert [entry["reviewer"] for entry in log.lines(published)] == ["Bea Reviewer"]
    assert verify.verify(published, tmp_path / "runs") == []
    index, parts, _ = bundle.read(bundle.make(published, tmp_path / "sent.zip"))
    assert index["release"]["number"] == 1
    assert {"effects.json", "notebooks/lamp/2018.ipynb", "reports/lamp/2018.html"} <= parts.keys()


def candidates_of(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


@pytest.mark.slow
@pytest.mark.parametrize("at", ["build", "place", "seal", "append", "switch"])
def test_release_killed_midway_leaves_the_old_one_current(tmp_path, monkeypatch, at):
    first, card = small(tmp_path)
    publish.release([first], [card], tmp_path / "published")
    second, _ = small(tmp_path, "a2", n_pupils=900)

    def killed(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr({"build": site, "append": log}.get(at, releases), at, killed)
        with pytest.raises(KeyboardInterrupt):
            publish.release([second], [card], tmp_path / "published")
    assert (tmp_path / "published/current").readlink().name == "0001"
    assert publish.release([second], [card], tmp_path / "published").number == 2
    assert sorted(p.name for p in (tmp_path / "published").iterdir()) == [
        ".lock", "0001", "0002", "current", "log.jsonl",
    ]  # fmt: skip


@pytest.mark.slow
def test_release_run_of_another_programme_is_refused_and_the_others_leave(tmp_path):
    good, card = small(tmp_path)
    bad = write_run(
        tmp_path / "runs/lamp/2019/b1", [effect("leap", "2019", 0.1, 0.1, 1.0, BETTER, 3, 99, 9)]
    )
    report = publish.release([bad, good], [card], tmp_path / "published")
    assert report.estimates == 1
    assert report.refused == (
        "lamp/2019: effects, row 1: is of another programme or cohort than its run, lamp/2019",
    )


@pytest.mark.slow
def test_release_all_refused_makes_none(tmp_path):
    run, card = small(tmp_path, n_pupils=6)
    with pytest.raises(EvidenceError) as error:
        publish.release([run], [card], tmp_path / "published")
    assert str(error.value) == (
        "nothing may be released: lamp/2018: every count in n_pupils is below 10: this looks like "
        "one row a pupil; count pupils in groups first"
    )
    assert not (tmp_path / "published").exists()


@pytest.mark.slow
def test_release_unlabelled_picture_stays_behind(tmp_path):
    run, card = small(tmp_path)
    row = effect("lamp", "2018", 1.5, 1.2, 0.08, BETTER, 3, 1263, 20)
    (run / "figures/effect.json").write_text(
        pictures(row)[0].to_json().replace('"axes": [\n  "worthwhile"\n ]', '"axes": []')
    )
    seal(run)
    report = publish.release([run], [card], tmp_path / "published")
    assert report.figures == 0
    assert report.refused == (
        "lamp/2018, picture effect: column 'worthwhile' is numeric and has no role; name it in "
        "counts, percentages, means, totals, statistics, schools or axes",
    )


@pytest.mark.slow
def test_release_two_runs_of_one_cohort_are_refused(tmp_path):
    first, card = small(tmp_path)
    second, _ = small(tmp_path, "a2")
    with pytest.raises(EvidenceError, match=r"^two runs of lamp/2018: release one of them$"):
        publish.release([first, second], [card], tmp_path / "published")


def test_card_rounds_its_pupils_but_not_what_it_quotes():
    card = {"name": "lamp", "cohorts": [], "about": "Of 1,263 pupils 4 pupils left.",
            "claim": "2.1% of 1,263 pupils"}  # fmt: skip
    shown = candidates.card(card)
    assert shown["about"] == "Of 1,265 pupils fewer than 10 pupils left."
    assert shown["claim"] == "2.1% of 1,263 pupils"


@pytest.mark.parametrize("field", ["title", "about", "claim", "lead", "ask_next"])
def test_card_with_a_pupil_number_is_refused_without_it(field):
    with pytest.raises(EvidenceError) as error:
        candidates.card({"name": "lamp", "cohorts": [], field: "see A123456789012"})
    assert str(error.value) == (
        "programme lamp: holds what looks like a pupil number (UPN); remove it"
    )


def test_propose_effect_on_too_few_pupils_for_its_model_shows_no_figure():
    row = effect("lamp", "2018", 1.5, 1.2, 0.08, BETTER, 3, 1263, 20)
    table = candidates.protect_effects(pd.DataFrame([row, row | {"n_pupils": 19}])).table
    assert table["estimate"].isna().tolist() == [False, True]
    assert table["verdict"].tolist() == [BETTER, "too little data"]
    assert table["n_pupils"].tolist() == [1265, 20]


@pytest.mark.parametrize("name", ["../up", "a/b", "", ".hidden"])
def test_release_name_that_is_no_file_name_is_refused(tmp_path, name):
    run, card = small(tmp_path)
    with pytest.raises(EvidenceError) as error:
        publish.release([run], [card | {"name": name}], tmp_path / "published")
    assert str(error.value) == f"programme {name!r}: use letters, digits, - and _ only"


@pytest.mark.slow
def test_release_indicators_hidden_value_keeps_a_symbol(tmp_path):
    rows = [
        {"run_id": "", "indicator": "Absence", "area": "North", "group": "all", "period": "2018",
         "value": 5.1, "ci_lower": 4.0, "ci_upper": 6.2, "unit": "%", "n": count,
         "comparator": "England", "comparator_value": 4.8, "rank": 3.0, "band": "low", "symbol": "",
         "sentence": f"{count} pupils were counted.", "published": ""}
        for count in (263, 4)
    ]  # fmt: skip
    row = effect("lamp", "2018", 1.5, 1.2, 0.08, BETTER, 3, 1263, 20)
    run = write_run(
        tmp_path / "runs/lamp/2018/c1", [row], indicators=pd.DataFrame(rows)[list(INDICATORS)]
    )
    _, card = small(tmp_path)
    publish.release([run], [card], tmp_path / "published")
    found = reader.indicators(tmp_path / "published")
    assert found["n"].iloc[0] == 265
    assert found["symbol"].tolist() == ["", "c"]
    assert found["value"].isna().tolist() == [False, True]
    assert found["band"].tolist() == ["low", ""]
    assert found["sentence"].tolist() == [
        "265 pupils were counted.",
        "Absence, North: hidden to protect pupils.",
    ]


def test_publish_anything_but_safe_is_refused(tmp_path):
    with pytest.raises(EvidenceError) as error:
        publish.publish({"effects/a/b": pd.DataFrame()}, tmp_path / "published", record={})
    assert str(error.value) == (
        "effects/a/b: publish takes what disclosure.protect returns, not DataFrame"
    )
    assert not (tmp_path / "published").exists()


def test_spreadsheet_formula_is_made_inert():
    raw = pd.DataFrame({"area": ["=1+1", "@x", "+4", "plain"], "n": [50, 60, 70, 80]})
    text = exports.csv(protect(raw, counts="n").table)
    assert text == "area,n,n_symbol\n'=1+1,50,\n'@x,60,\n'+4,70,\nplain,80,\n"


@pytest.mark.parametrize(
    ("value", "left"),
    [
        ("/home/someone/ks2.csv", "ks2.csv"),
        ("C:\\people\\ks2.csv", "ks2.csv"),
        ("../../ks2.csv", "ks2.csv"),
        ("~/ks2.csv", "ks2.csv"),
        ("sample/ks2.csv", "sample/ks2.csv"),
        (["/a/b", 3], ["b", 3]),
        ({"/a/b": "c"}, {"b": "c"}),
    ],
)
def test_provenance_paths_of_the_machine_are_shortened(value, left):
    record = {"run_id": "r", "programme": "p", "cohort": "c", "parameters": {"x": value}}
    assert candidates.provenance(record)["parameters"]["x"] == left


@pytest.mark.slow
def test_propose_writes_candidates_and_shows_what_would_leave(tmp_path):
    row = effect("lamp", "2018", 1.5, 1.2, 0.08, BETTER, 3, 1263, 20)
    few = row | {"n_pupils": 7, "subgroup": "FSM"}
    proposal = publish.propose(
        tmp_path / "out", effects=[pd.DataFrame([row]), pd.DataFrame([few])], pictures=pictures(row)
    )
    written = [path.relative_to(tmp_path / "out") for path in (tmp_path / "out").rglob("*.*")]
    assert sorted(path.as_posix() for path in written) == [
        "effects.parquet", "figures/effect.json", "indicators.parquet",
    ]  # fmt: skip
    assert pd.read_parquet(tmp_path / "out/effects.parquet")["n_pupils"].tolist() == [1263, 7]
    shown = proposal._repr_html_()
    assert "1,265" in shown
    assert "1,263" not in shown
    assert ">c</td>" in shown  # where the count is hidden
    named = publish.propose("", effects=pd.DataFrame([row]), titles={row["outcome"]: "Spelling"})
    assert ">Spelling</td>" in named._repr_html_()
    assert "(spelling; " in named._repr_html_()
    assert "Hidden: n_pupils: hidden in 1 of 2 rows" in shown


def test_propose_nowhere_writes_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    publish.propose("", effects=None)
    assert list(tmp_path.iterdir()) == []


def test_propose_a_name_that_no_bundle_holds_is_refused():
    (one, *_) = pictures(effect("lamp", "2018", 1.5, 1.2, 0.08, BETTER, 3, 1263, 20))
    assert publish.propose("", effects=None, pictures=[replace(one, name="a" * 100)])
    with pytest.raises(EvidenceError, match="a name of at most 100 characters"):
        publish.propose("", effects=None, pictures=[replace(one, name="a" * 101)])


def test_propose_two_pictures_of_one_name_are_refused(tmp_path):
    drawn = pictures(effect("lamp", "2018", 1.5, 1.2, 0.08, BETTER, 3, 1263, 20))
    with pytest.raises(EvidenceError, match=r"^two pictures have one name; give each its own$"):
        publish.propose("", pictures=[*drawn, *drawn])


def test_base_without_release_says_how_to_make_one(tmp_path, monkeypatch):
    monkeypatch.setenv("EVIDENCE_PUBLISHED", str(tmp_path))
    with pytest.raises(EvidenceError) as error:
        reader.effects()
    assert str(error.value) == f"no release in {tmp_path}: make one with evidence release"


@pytest.mark.parametrize("name", ["none", "../../../release", "effect.svg"])
def test_base_figure_not_in_the_list_is_refused(released, name):
    with pytest.raises(EvidenceError) as error:
        reader.figure("lamp", "2018", name, released[0] / "published")
    assert str(error.value) == f"no figure {name!r} of lamp/2018 in this release"


def test_release_record_is_plain_json(released):
    text = (released[0] / "published/current/release.json").read_text(encoding="utf-8")
    rules = json.loads(text)["rules"]
    assert (rules["threshold"], rules["base"]) == (10, 5)


def test_words_of_a_hidden_row_tell_no_effect_either():
    notes = (
        "schools were free to join; the answer holds in 9 of 10 analyses, with estimates between "
        "−3.7 and +11.3; marked down two squares: too few schools to detect an effect below 0.22 "
        "SD; fewer than 10 of 1,400 rows have no record of Key Stage 1"
    )
    row = effect("lamp", "2018", 1.5, 1.2, 0.08, "better than similar", 3, 1263, 20, caveats=notes)
    table = candidates.protect_effects(pd.DataFrame([row, row | {"n_pupils": 7}])).table
    assert "+11.3" in table["caveats"].iloc[0]
    assert table["caveats"].iloc[1] == (
        "schools were free to join; fewer than 10 of 1,400 rows have no record of Key Stage 1"
    )


@pytest.mark.parametrize(
    ("estimand", "said"),
    [
        (
            "itt",
            "pupils without a record of Maths are left out; "
            "pupils without a record of Sex are left out; 5 schools have one arm only; "
            "marked down one square: more than 10% of pupils were lost",
        ),
        (
            "att",
            "175 of 2,260 pupils have no record of Maths and are left out; "
            "fewer than 10 of 2,260 pupils have no record of Sex and are left out; "
            "5 schools have one arm only; marked down one square: 13% of pupils were lost",
        ),
    ],
)
def test_words_of_a_trial_leave_it_to_the_flow_how_many_were_lost(estimand, said):
    """Of 2,260 assigned, and those of one arm, whoever reads them works out the other arm's few."""
    notes = (
        "177 of 2,260 pupils have no record of Maths and are left out; "
        "1 of 2,260 pupils has no record of Sex and is left out; 5 schools have one arm only; "
        "marked down one square: 13% of pupils were lost"
    )
    row = effect("lamp", "2018", 1.5, 1.2, 0.08, "better than similar", 3, 1263, 20, caveats=notes)
    table = candidates.protect_effects(pd.DataFrame([row | {"estimand": estimand}])).table
    assert table["caveats"].tolist() == [said]


@pytest.mark.slow
def test_release_says_of_what_was_refused_where_but_not_why(tmp_path):
    row = effect("lamp", "2018", 1.5, 1.2, 0.08, BETTER, 3, 1263, 20)
    harm = pictures(row)[0]
    harm = replace(harm, name="ann-canary", table=harm.table.assign(**{"Ann Canary": 117.25}))
    run = write_run(tmp_path / "runs/lamp/2018/c1", [row], [harm])
    report = publish.release([run], [small(tmp_path)[1]], tmp_path / "published")
    assert "'Ann Canary' is numeric and has no role" in report.refused[0]  # for the reviewer
    record = json.loads((tmp_path / "published/0001/release.json").read_text())
    assert record["refused"] == ["lamp/2018: 1 part of the result"]
    meta = json.loads((tmp_path / "published/0001/lamp/2018.ipynb").read_text())["cells"]
    assert "canary" not in json.dumps([cell["metadata"] for cell in meta]).lower()


@pytest.mark.slow
def test_release_writes_no_attributes_of_a_frame(tmp_path):
    run, card = small(tmp_path)
    effects = pd.read_parquet(run / "effects.parquet")
    effects.attrs = {"pupils": ["Ann Canary"]}
    effects.to_parquet(run / "effects.parquet")
    seal(run)
    publish.release([run], [card], tmp_path / "published")
    publish.propose(tmp_path / "again", effects=effects)
    files = [*(tmp_path / "published").rglob("*"), *(tmp_path / "again").rglob("*")]
    assert not [path for path in files if path.is_file() and b"Canary" in path.read_bytes()]


def indicators(*rows, unit="%", **others):
    blank = {
        "run_id": "r",
        "indicator": "Excluded",
        "group": "all",
        "period": "2019",
        "ci_lower": np.nan,
        "ci_upper": np.nan,
        "unit": unit,
        "comparator": "",
        "comparator_value": np.nan,
        "rank": np.nan,
        "band": "",
        "symbol": "",
        "sentence": "",
        "published": "",
    }
    return pd.DataFrame(
        [blank | {"area": a, "n": float(n), "value": v} | others for a, n, v in rows]
    )[list(INDICATORS)]  # fmt: skip


@pytest.mark.slow
def test_indicator_rate_of_few_pupils_or_all_but_few_is_hidden():
    rows = [("few", 43, 100 / 43), ("none", 52, 0.0), ("all", 38, 100.0),
            ("many", 60, 100 * 23 / 60), ("all but few", 200, 96.5)]  # fmt: skip
    table = protect_indicators(indicators(*rows)).table
    assert table["symbol"].tolist() == ["c", "c", "c", "", "c"]
    assert table["value"].dropna().tolist() == [38.0]
    assert list(table) == [*list(INDICATORS)[:10], "n_symbol", *list(INDICATORS)[10:]]
    units = {"per 1,000 pupils": 1000, "share": 1, "per cent of pupils": 100, "% (FSM)": 100}
    units |= {"Percentage": 100, "pupils, %": 100, "cases per 100": 100}
    for unit, scale in units.items():
        rows = [("few", 900, scale * 9 / 900), ("many", 900, scale * 90 / 900)]
        table = protect_indicators(indicators(*rows, unit=unit)).table
        assert table["value"].isna().tolist() == [True, False], unit
    table = protect_indicators(
        indicators(("few", 900, 7.0), ("many", 900, 93.0), unit="pupils")
    ).table
    assert table["value"].fillna(-1).tolist() == [-1, 95]


def test_indicator_rate_is_as_coarse_as_a_count_is(rng):
    n = rng.integers(21, 300, 300)
    have = rng.integers(10, n - 9)
    rows = [(f"a{i}", *row) for i, row in enumerate(zip(n, 100 * have / n, strict=True))]
    table = protect_indicators(indicators(*rows)).table
    assert table["value"].notna().all()
    assert (table["value"] % 1 == 0).all()
    large = protect_indicators(indicators(("a", 10_000, 12.3456))).table.iloc[0]
    assert large["value"] == 12.3  # a hundredth of a per cent of them is one


def test_indicator_hidden_area_cannot_be_worked_out_from_the_others():
    rows = [("a", 80, 100 * 30 / 80), ("b", 75, 100 * 4 / 75), ("c", 90, 50.0),
            ("all", 245, 100 * 79 / 245)]  # fmt: skip
    safe = protect_indicators(indicators(*rows))
    done, _ = complete({"indicators/p/1": safe})
    assert done["indicators/p/1"].table["value"].isna().sum() >= 2


def test_indicator_hidden_counts_behind_it_are_named_in_words():
    safe = protect_indicators(indicators(("a", 80, 100 * 3 / 80), ("b", 75, 100 * 72 / 75)))
    assert safe.suppressed == (
        "pupils without the outcome: hidden in 1 of 2 rows (fewer than 10 or unknown)",
        "pupils with the outcome: hidden in 1 of 2 rows (fewer than 10 or unknown)",
        "value, ci_lower, ci_upper, comparator_value, rank: hidden in 2 of 2 rows",
    )


def test_indicator_of_an_area_with_its_own_row_is_told_there_only():
    rows = [("a", 80, 37.5), ("England", 5000, 40.0)]
    others = {"comparator": "England", "comparator_value": 40.0}
    table = protect_indicators(indicators(*rows, **others)).table
    assert table["comparator_value"].isna().all()
    table = protect_indicators(indicators(rows[0], **others)).table
    assert table["comparator_value"].tolist() == [40.0]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("n", "have", "stays"),
    [(97, 38, True), (90, 35, False), (96, 36, False), (50, 20, True)],
)
def test_release_indicator_that_few_left_is_not_shown_again(tmp_path, n, have, stays):
    """A federation before and after a school left: the school would be what lies between."""
    _, card = small(tmp_path)
    for key, (pupils, cases) in {"c1": (97, 38), "c2": (n, have)}.items():
        rows = [("North", pupils, 100 * cases / pupils), ("South", 140, 100 * 41 / 140)]
        row = effect("lamp", "2018", 1.5, 1.2, 0.08, BETTER, 3, 1263, 20)
        run = write_run(tmp_path / f"runs/lamp/2018/{key}", [row], indicators=indicators(*rows))
        report = publish.release([run], [card], tmp_path / "published")
    table = reader.indicators(report.folder).set_index("area")["value"]
    assert (table.notna()["North"], table.notna()["South"]) == (stays, True)
    if not stays:
        assert report.changes[0].startswith("changed  lamp/2018, Excluded, North, all, 2019: 39")
        assert report.changes[0].endswith(" → hidden to protect pupils")
