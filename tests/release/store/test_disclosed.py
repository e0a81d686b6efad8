"""What later releases must know of a release, and what they read of it."""

import json
import shutil
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest
from run_folders import BETTER, effect, pictures, write_run

from evidence.data.rules import Rules
from evidence.release.store import disclosed, log, publish, reader, verify

CARD = {
    "name": "lamp", "title": "LAMP", "design": "matched", "simulated": True, "automatic": True,
    "cohorts": [{"name": "2018", "title": "2017/18"}], "outcomes": [],
}  # fmt: skip


def released(root, key, n_pupils, few=None, rules=None):
    row = effect("lamp", "2018", 1.5, 1.2, 0.08, BETTER, 3, n_pupils, 20)
    more = [row | {"subgroup": "FSM", "primary": False, "n_pupils": few}] if few else []
    run = write_run(root / f"runs/lamp/2018/{key}", [row, *more], pictures(row))
    return publish.release([run], [CARD], root / "published", rules=rules)


def unsealed(root, to):
    """Return a copy of releases that may be written to."""
    shutil.copytree(root, to, symlinks=True)
    for path in to.rglob("*"):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() else 0o644)
    return to


@pytest.fixture(scope="module")
def twice(tmp_path_factory):
    root = tmp_path_factory.mktemp("twice")
    released(root, "a1", 1263, few=7, rules=Rules(threshold=5))
    released(root, "a2", 1403, few=60)
    return root


@pytest.mark.slow
def test_release_reads_one_small_file_of_each_earlier_release(tmp_path, monkeypatch):
    opened: Counter = Counter()
    true = Path.open, pd.read_parquet

    def read(path, mode="r", *rest, **named):
        if "r" in mode:
            opened[path.resolve()] += 1
        return true[0](path, mode, *rest, **named)

    def table(path, **named):
        opened[Path(path).resolve()] += 1
        return true[1](path, **named)

    monkeypatch.setattr(Path, "open", read)
    monkeypatch.setattr(pd, "read_parquet", table)
    files = []
    for number in range(1, 6):
        opened.clear()
        released(tmp_path, f"a{number}", 1263 + 20 * number)
        before = [tmp_path / f"published/{earlier:04d}" for earlier in range(1, number)]
        files.append([
            path.relative_to(folder).as_posix()
            for folder in before for path in opened.elements() if folder in path.parents
        ])  # fmt: skip
    second, fifth = sorted(files[1]), sorted(files[4])
    assert second.count(disclosed.NAME) == 1
    assert fifth == sorted([*second, *[disclosed.NAME] * 3])


def test_disclosed_repeats_counts_but_no_sentence_of_its_own_release_only(twice):
    second = disclosed.read(twice / "published/0002")
    assert second["runs"] == {"a2": "lamp/2018"}
    assert [table["name"] for table in second["tables"]] == [
        "figures/lamp/2018/effect", "effects/lamp/2018",
    ]  # fmt: skip
    text = (twice / "published/0002" / disclosed.NAME).read_text(encoding="utf-8")
    assert "1405" in text
    assert "1265" not in text
    assert "baseline" not in text


def test_verify_finds_a_changed_digest(twice, tmp_path):
    published = unsealed(twice / "published", tmp_path / "published")
    path = published / "0001" / disclosed.NAME
    path.write_text(path.read_text(encoding="utf-8").replace("1265", "1270"), encoding="utf-8")
    assert verify.verify(published) == [f"0001/{disclosed.NAME}: was changed"]
    # as somebody would who knows how manifest and log are made
    (path.parent / log.MANIFEST).write_text(json.dumps(log.manifest(path.parent)))
    (published / log.NAME).unlink()
    for name in ("0001", "0002"):
        facts = {"action": "released", "reviewer": "", "author": ""}
        log.append(published, release=name, content=log.content(published / name), **facts)
    assert verify.verify(published) == [f"0001/{disclosed.NAME}: is not what the release discloses"]


def test_release_without_a_digest_is_read_itself(twice, tmp_path):
    published = unsealed(twice / "published", tmp_path / "published")
    written = disclosed.read(published / "0001")
    (published / "0001" / disclosed.NAME).unlink()
    assert disclosed.read(published / "0001") == written


@pytest.mark.slow
@pytest.mark.parametrize("digest", [True, False])
def test_release_small_count_that_an_earlier_release_told_counts_as_before(twice, tmp_path, digest):
    """Two releases back, with its digest or, as of older versions, without."""
    unsealed(twice, tmp_path / "copy")
    if not digest:
        (tmp_path / "copy/published/0001" / disclosed.NAME).unlink()
    report = released(tmp_path / "copy", "a3", 1263, few=7)
    (told,) = report.disclosed_before
    assert told.endswith("an earlier release discloses it too closely")
    assert reader.effects(report.folder)["n_pupils"].isna().sum() == 1


def test_earlier_gives_each_table_once_as_it_was_published(twice):
    history = [disclosed.read(twice / f"published/{name}") for name in ("0001", "0002", "0002")]
    found = list(disclosed.earlier(history))
    assert [rules.threshold for rules, _ in found] == [5, 10]
    for (_, tables), name in zip(found, ("0001", "0002"), strict=True):
        shown = reader.effects(twice / "published" / name)
        again = tables["effects/lamp/2018"]
        assert list(again.columns) == list(shown.columns)
        counts = ["outcome", "subgroup", "n_pupils", "n_pupils_symbol", "estimate", "level"]
        pd.testing.assert_frame_equal(again[counts], shown[counts])
        assert set(again["sentence"]) == {""}


def test_earlier_gives_a_table_again_under_other_rules(twice):
    """A count shown as 10 is 8 to 12 under threshold 5, and 10 to 12 under threshold 10."""
    one = disclosed.read(twice / "published/0001")
    other = one | {"rules": one["rules"] | {"threshold": 10}}
    found = disclosed.earlier([one, one, other])
    assert [rules.threshold for rules, _ in found] == [5, 10]
