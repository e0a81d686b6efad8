"""Who lets another hub's results in, and bundles that nobody would make."""

import copy
import json
import os
import shutil
import subprocess
import sys
import zipfile
from functools import partial

import pandas as pd
import pytest
from run_folders import BETTER, effect, notebook_cells, watched, write_run

from evidence.errors import EvidenceError
from evidence.release.exchange import adopt, bundle, merge
from evidence.release.store import log, provenance, publish, reader, verify
from evidence.release.store.exports import archive


def released(root, programme, **meta):
    row = effect("lamp", "2018", 1.5, 1.2, 0.08, BETTER, 3, 1263, 20) | {"programme": programme}
    run = write_run(root / f"runs/{programme}/2018/{'ab' * 8}", [row], (), watched(), **meta)
    card = {
        "name": programme, "title": "LAMP", "design": "matched", "simulated": True, "cost": 3,
        "cohorts": [{"name": "2018", "title": "2017/18"}],
        "outcomes": [{"name": row["outcome"], "title": "Maths", "unit": "pp",
                      "smallest_worthwhile": 1.0, "primary": True}],
    }  # fmt: skip
    publish.release([run], [card], root / "published", reviewer="Bea Reviewer")
    return root / "published"


@pytest.fixture(scope="module")
def sent(tmp_path_factory):
    """Return a bundle without its pages, which nothing reads."""
    root = tmp_path_factory.mktemp("sent")
    released(root, "lamp", cells=notebook_cells())
    bundle.make(root / "published", root / "sent.zip")
    with zipfile.ZipFile(root / "sent.zip") as file:
        parts = {name: file.read(name) for name in file.namelist() if name.endswith("json")}
        parts |= {n: file.read(n) for n in file.namelist() if n.endswith("ipynb")}
    return listed(parts, root / "small.zip")


def listed(parts, to):
    """Write a bundle whose list agrees with what it holds."""
    index = json.loads(parts[bundle.INDEX])
    files = {name: content for name, content in parts.items() if name != bundle.INDEX}
    index["files"] = {name: bundle.listing(content) for name, content in files.items()}
    to.write_bytes(archive(files | {bundle.INDEX: json.dumps(index).encode()}))
    return to


@pytest.fixture(scope="module")
def ours(tmp_path_factory):
    return released(tmp_path_factory.mktemp("ours"), "ours")


@pytest.fixture
def own(ours, tmp_path):
    return shutil.copytree(ours, tmp_path / "published", symlinks=True)


@pytest.mark.parametrize(
    ("reviewer", "said"),
    [
        ("", "another hub's results need a reviewer of this one: --reviewer NAME"),
        (" \u200b ", "another hub's results need a reviewer of this one: --reviewer NAME"),
        ("Ann Author", "Ann Author is an author of these results; somebody else checks them"),
        ("A. Аuthоr", "A. Аuthоr is an author of these results; somebody else checks them"),
    ],
)
def test_merge_without_a_reviewer_of_its_own_changes_nothing(sent, own, reviewer, said):
    before = log.head(own)
    with pytest.raises(EvidenceError) as error:
        merge.merge(sent, "Rathfern", own, reviewer=reviewer)
    assert str(error.value) == said
    assert log.head(own) == before


@pytest.mark.slow
def test_bundles_merged_in_any_order_give_the_same_bytes(sent, own, tmp_path):
    """All but the record of when and by which hand, which is that of two acts."""
    shutil.copytree(own, tmp_path / "other", symlinks=True)
    other = released(tmp_path / "third", "leap")
    bundle.make(other, tmp_path / "leap.zip")
    hubs = {"Rathfern": sent, "Ashdown": tmp_path / "leap.zip"}
    for root, names in ((own, hubs), (tmp_path / "other", reversed(hubs))):
        for name in names:
            merge.merge(hubs[name], name, root, reviewer="Cy Checker")
    first, second = (log.manifest(root / "current") for root in (own, tmp_path / "other"))
    timed = {"release.json", provenance.CRATE, log.MANIFEST}
    same = {name for name in first if name not in timed and not name.endswith(".html")}
    assert {"hubs/Ashdown/effects.parquet", "hubs/Rathfern/effects.parquet",
            "effects.parquet", "results.xlsx"} <= same  # fmt: skip
    assert {name: first[name] for name in same} == {name: second.get(name) for name in same}
    tables = [reader.effects(root, hubs=True) for root in (own, tmp_path / "other")]
    pd.testing.assert_frame_equal(*tables)
    assert "upn" not in {column.casefold() for column in tables[0]}
    gathered = [table.to_parquet() for table in tables]
    assert gathered[0] == gathered[1]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda index, effects: index["schemas"].update(effects=99), "made by a newer version of "
         "evidence (effects 99, this one reads up to "),
        (lambda index, effects: effects["columns"].append("months_gained"), "its columns are not "
         "those of the contract"),
        (lambda index, effects: effects["rows"][0].__setitem__(effects["columns"].index("unit"),
         "months"), "effects, row 1, column unit: must be one of sd, pp, points, score"),
    ],
)  # fmt: skip
def test_unknown_schema_of_a_hub_is_one_line(sent, own, tmp_path, change, said):
    with zipfile.ZipFile(sent) as file:
        parts = {name: file.read(name) for name in file.namelist()}
    index, effects = json.loads(parts[bundle.INDEX]), json.loads(parts["effects.json"])
    change(index, effects)
    parts |= {
        bundle.INDEX: json.dumps(index).encode(),
        "effects.json": json.dumps(effects).encode(),
    }
    before = log.head(own)
    with pytest.raises(EvidenceError) as error:
        merge.merge(listed(parts, tmp_path / "odd.zip"), "Rathfern", own, reviewer="Cy Checker")
    assert said in str(error.value)
    assert "\n" not in str(error.value)
    assert log.head(own) == before


@pytest.mark.slow
def test_merge_is_signed_in_record_and_log(sent, own):
    merge.merge(sent, "Rathfern", own, reviewer="Cy Checker")
    assert reader.release(own)["reviewer"] == "Cy Checker"
    (line,) = [entry for entry in log.lines(own) if entry["action"] == "merged"]
    assert line["reviewer"] == "Cy Checker"
    assert verify.verify(own) == []


@pytest.mark.slow
def test_the_same_bundle_under_two_names_is_noticed(sent, own):
    merge.merge(sent, "Rathfern", own, reviewer="Cy Checker")
    before = log.head(own)
    with pytest.raises(EvidenceError, match=r"stands here already, under the name Rathfern; one"):
        merge.merge(sent, "Oakmere", own, reviewer="Cy Checker")
    assert log.head(own) == before
    assert not merge.merge(sent, "Rathfern", own, reviewer="Cy Checker")[1]


ODD = (
    None, True, 0, -1, 5, 1.5, 1e308, 10**400, "", "\ud800", "a\udfffb", "x" * 5000, [], {}, [[]],
    {"a": []}, {"\ud800": "\ud800"}, [None] * 9, "../x", "A123456789012", float("nan"),
    float("inf"), "inf", "5", "\x00", "2026-02-30", "<b>", "\n", {"run_id": [], "cohort": {}},
)  # fmt: skip


def places(value, at=()):
    """Return the way to every value inside a value."""
    inside = value.items() if isinstance(value, dict) else ()
    inside = enumerate(value) if isinstance(value, list) else inside
    return [at, *(place for key, item in inside for place in places(item, (*at, key)))]


def mutated(content, rng):
    """Return JSON with some of its values replaced, left out or put in."""
    whole = [json.loads(content)]
    for _ in range(rng.integers(1, 4)):
        there = places(whole)[1:]
        *way, last = there[rng.integers(len(there))]
        holder = whole
        for key in way:
            holder = holder[key]
        odd = copy.deepcopy(ODD[rng.integers(len(ODD))])  # another change may be made inside it
        how = rng.integers(6)
        if how == 0 and len(way):
            del holder[last]
        elif how == 1 and isinstance(holder, dict):
            holder[str(odd)] = holder.pop(last)
        elif how == 2 and isinstance(holder, list):
            holder.append(odd)
        else:
            holder[last] = odd
        if not whole:
            return b"[]"
    return json.dumps(whole[0]).encode()


def refused(act):
    """Return in which words something is refused; "" where it is done."""
    try:
        act()
    except EvidenceError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("name", [5, True, "x" * 200])
@pytest.mark.parametrize("key", ["run_id", "programme", "cohort"])
def test_bundle_of_a_run_without_a_plain_name_is_refused(sent, tmp_path, key, name):
    with zipfile.ZipFile(sent) as file:
        parts = {each: file.read(each) for each in file.namelist()}
    index = json.loads(parts[bundle.INDEX])
    next(iter(index["runs"].values()))[key] = name
    harm = listed(parts | {bundle.INDEX: json.dumps(index)}, tmp_path / "harm.zip")
    assert refused(partial(merge.checked, harm)).endswith("has no plain name")


@pytest.mark.slow
def test_bundle_of_any_values_is_taken_or_told_in_a_line(sent, own, tmp_path, rng):
    """60 tries here, as many as EVIDENCE_FUZZ says where it does."""
    with zipfile.ZipFile(sent) as file:
        parts = {name: file.read(name) for name in file.namelist()}
    names = [
        bundle.INDEX,
        bundle.INDEX,
        "effects.json",
        "indicators.json",
        "notebooks/lamp/2018.ipynb",
    ]
    taken = 0
    for number in range(int(os.environ.get("EVIDENCE_FUZZ", 60))):
        name = names[number % len(names)]
        content = mutated(parts[name], rng)
        if name == bundle.INDEX and not isinstance(json.loads(content), dict):
            continue
        harm = listed(parts | {name: content}, tmp_path / "harm.zip")
        place = tmp_path / f"new{number}"
        for act in (
            partial(merge.checked, harm),
            partial(adopt.start, harm, "", place / "notebooks", place / "data/x.toml"),
        ):
            said = refused(act)
            assert "\n" not in said
            assert len(said.encode()) < 500
            taken += not said
        if reader.release(own)["number"] < 4 and not refused(partial(merge.checked, harm)):
            merge.merge(harm, "Rathfern", own, reviewer="Cy Checker")
            assert verify.verify(own) == []
    assert taken


COSTLY = """
import re, sys
from pathlib import Path
from evidence.errors import EvidenceError
from evidence.release.exchange import merge
for path in map(Path, sys.argv[1:]):
    try:
        merge.checked(path)
        raise SystemExit(f"{path} was taken")
    except EvidenceError:
        pass
print(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
"""
SHAPES = (b"[],", b'"ab",', b'{"a":0},', '"\N{WAVING HAND SIGN}",'.encode())


@pytest.mark.slow
def test_small_bundle_that_unpacks_to_much_costs_little(sent, tmp_path):
    with zipfile.ZipFile(sent) as file:
        parts = {name: file.read(name) for name in file.namelist()}
    paths = []
    for size in (19_000_000, 150_000_000):
        for shape in SHAPES if size < 100_000_000 else SHAPES[:1]:
            long = b"[" + shape * (size // len(shape)) + b"0]"
            paths.append(tmp_path / f"{len(paths)}.zip")
            listed(parts | {"effects.json": b'{"columns": [], "rows": ' + long + b"}"}, paths[-1])
            index = parts[bundle.INDEX].rstrip(b"}") + b', "more": ' + long + b"}"
            paths.append(tmp_path / f"{len(paths)}.zip")
            paths[-1].write_bytes(archive(parts | {bundle.INDEX: index}))
    assert max(path.stat().st_size for path in paths) < 500_000
    ended = subprocess.run(
        [sys.executable, "-c", COSTLY, *paths], capture_output=True, text=True, timeout=300
    )
    assert ended.stderr == ""
    assert int(ended.stdout) < 500_000  # kB
