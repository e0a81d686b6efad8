"""Review, log, verification and roll back of releases."""

import json
import os
import shutil

import pytest
from run_folders import BETTER, effect, make, write_run

from evidence.errors import EvidenceError
from evidence.release.store import (
    finish,
    log,
    provenance,
    publish,
    reader,
    review,
    verify,
)
from evidence.run import runner


def run_of(root, key, programme="lamp", author="Ann Author", **changes):
    row = effect("lamp", "2018", 1.5, 1.2, 0.08, BETTER, 3, 1263, 20) | {"programme": programme}
    folder = root / f"runs/{programme}/2018/{key}"
    return write_run(folder, [row | changes], author=author)


def card_of(programme="lamp", **changes):
    return {
        "name": programme, "title": programme.upper(), "design": "matched", "simulated": False,
        "cohorts": [{"name": "2018", "title": "2017/18"}], "outcomes": [],
    } | changes  # fmt: skip


FREE = {"simulated": True, "automatic": True}


@pytest.mark.parametrize(
    "reviewer",
    ["", "Ann Author", "  ann   AUTHOR ", "A. Author", "Author, Ann", "Ann Аuthоr",
     "Ann A\u200buthor", "Änn Author", "Ann B. Author", "ＡＮＮ Author", "Ann", "Ann Author2",
     "\u2066Ann Author\u2069", "Αnn Author"],
)  # fmt: skip
def test_release_real_pupils_without_another_reviewer_are_held_back(tmp_path, reviewer):
    with pytest.raises(EvidenceError) as error:
        publish.release(
            [run_of(tmp_path, "a1")], [card_of()], tmp_path / "published", reviewer=reviewer
        )
    why = {
        "": "needs a reviewer other than its author, Ann Author: --reviewer NAME",
    }.get(reviewer, "Ann Author is its author; somebody else has to check it")
    assert str(error.value) == f"nothing may be released: lamp/2018: held back: {why}"
    assert not (tmp_path / "published").exists()


@pytest.mark.parametrize("card", [{"automatic": True}, {"simulated": True}])
def test_release_automatic_alone_or_simulated_alone_is_not_enough(tmp_path, card):
    with pytest.raises(EvidenceError, match="held back"):
        publish.release([run_of(tmp_path, "a1")], [card_of(**card)], tmp_path / "published")


@pytest.mark.slow
def test_release_held_back_leaves_what_was_released_before(tmp_path):
    first, published = run_of(tmp_path, "a1"), tmp_path / "published"
    publish.release([first], [card_of()], published, reviewer="Bea Reviewer")
    free = run_of(tmp_path, "b1", "leap")
    cards = [card_of(), card_of("leap", **FREE)]
    report = publish.release([run_of(tmp_path, "a2", n_pupils=900), free], cards, published)
    assert report.held == (
        "lamp/2018: held back: needs a reviewer other than its author, Ann Author: --reviewer "
        "NAME; the result released before stays",
    )
    record = reader.release(published)
    assert set(record["runs"]) == {"a1", "b1"}
    assert record["runs"]["a1"]["reviewer"] == "Bea Reviewer"
    assert record["runs"]["b1"]["reviewer"] == ""
    assert [run["author"] for run in record["runs"].values()] == ["Ann Author"] * 2


@pytest.mark.slow
def test_release_reviewed_once_needs_no_second_look(tmp_path):
    first, published = run_of(tmp_path, "a1"), tmp_path / "published"
    publish.release([first], [card_of()], published, reviewer="Bea Reviewer")
    again = publish.release([first], [card_of()], published)
    assert (again.number, again.new, again.held) == (1, False, ())


@pytest.mark.slow
def test_release_look_writes_nothing_and_says_all(tmp_path):
    published = tmp_path / "published"
    publish.release([run_of(tmp_path, "a1")], [card_of(**FREE)], published)
    before = log.head(published)
    seen = publish.release(
        [run_of(tmp_path, "a2", estimate=1.2, n_pupils=900)],
        [card_of(**FREE)],
        published,
        look=True,
    )
    assert seen.review() == (
        "What differs from the release before:\n"
        "  changed  lamp/2018, PTMAT_EXP: better than similar, 1.500 pp (0.300 to 2.700), n = 1265 "
        "→ better than similar, 1.200 pp (0.300 to 2.700), n = 900\n"
        "  text     lamp/2018, run_id: a2\n"
        "What is hidden, and why:\n"
        "  nothing\n"
        "would be release 2: 1 estimate, 0 figures\n"
        f"open {tmp_path / 'runs/release.preview/review.html'}"
    )
    assert log.head(published) == before
    assert sorted(path.name for path in published.glob("0*")) == ["0001"]


@pytest.mark.slow
def test_differences_new_and_gone_are_told(tmp_path):
    published = tmp_path / "published"
    publish.release([run_of(tmp_path, "a1")], [card_of(**FREE)], published)
    one = reader.effects(published)
    other = one.assign(cohort="2019")
    assert review.differences(one, other) == [
        "new      lamp/2019, PTMAT_EXP: better than similar, 1.500 pp (0.300 to 2.700), n = 1265",
        "gone     lamp/2018, PTMAT_EXP: better than similar, 1.500 pp (0.300 to 2.700), n = 1265",
    ]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    root = tmp_path_factory.mktemp("whole")
    runs, cards = make(root / "runs")
    publish.release(runs[:3], cards[:3], root / "published", reviewer="Bea Reviewer")
    publish.release(runs, cards, root / "published", reviewer="Bea Reviewer")
    return root


@pytest.fixture
def copy(whole, tmp_path):
    shutil.copytree(whole, tmp_path / "county", symlinks=True)
    for path in (tmp_path / "county").rglob("*"):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() else 0o644)
    return tmp_path / "county"


@pytest.mark.slow
def test_log_lines_are_chained_and_complete(whole):
    first, second = log.lines(whole / "published")
    assert first["previous"] == log.START
    assert second["previous"] == first["hash"]
    assert (second["number"], second["action"], second["release"]) == (2, "released", "0002")
    assert (second["reviewer"], second["author"]) == ("Bea Reviewer", "Ann Author")
    assert second["content"] == log.content(whole / "published/0002")


@pytest.mark.slow
def test_verify_untouched_finds_nothing(whole):
    assert verify.verify(whole / "published", whole / "runs") == []
    head = log.head(whole / "published")
    assert verify.verify(whole / "published", head=head) == []


@pytest.mark.slow
def test_verify_log_cut_off_is_found_by_its_head(copy):
    published = copy / "published"
    head = log.head(published)
    first, _ = (published / log.NAME).read_text(encoding="utf-8").splitlines()
    (published / log.NAME).write_text(first + "\n", encoding="utf-8")
    shutil.rmtree(published / "0002")
    (published / "current").unlink()
    (published / "current").symlink_to("0001")
    assert verify.verify(published) == []
    assert verify.verify(published, head=head) == [
        f"{published / log.NAME}: does not hold the line {head}: lines were cut off"
    ]


def _edit(path, old, new):
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def _declare(published, name, action="released"):
    facts = {"reviewer": "Bea Reviewer", "author": "", "content": log.content(published / name)}
    log.append(published, action=action, release=name, **facts)


def _anew(published, name, action):
    """Change a release and say in the log, whose chain stays whole, that it is so."""
    folder = published / name
    _edit(folder / "effects.csv", "1.5", "2.5")
    (folder / log.MANIFEST).write_text(json.dumps(log.manifest(folder)), encoding="utf-8")
    _declare(published, name, action)


TAMPERING = {
    "a number": lambda p: _edit(p / "0001/effects.csv", "1.5", "2.5"),
    "a page": lambda p: _edit(p / "0002/lamp/2018.html", "LAMP", "LEMP"),
    "a figure": lambda p: _edit(p / "0002/lamp/2018/effect.svg", "</svg>", " </svg>"),
    "a parquet": lambda p: (p / "0001/effects.parquet").write_bytes(b"PAR1"),
    "a missing file": lambda p: (p / "0002/sure.html").unlink(),
    "an added file": lambda p: (p / "0001/extra.html").write_text("x"),
    "a missing record": lambda p: (p / "0002/release.json").unlink(),
    "a missing manifest": lambda p: (p / "0002/manifest.json").unlink(),
    "a changed manifest": lambda p: _edit(p / "0001/manifest.json", '"effects.csv"', '"e.csv"'),
    "a file that leads elsewhere": lambda p: (p / "0001/x.csv").symlink_to("/etc/hostname"),
    "a folder that leads elsewhere": lambda p: (p / "0001/x").symlink_to("/etc"),
    "a missing release": lambda p: shutil.rmtree(p / "0001"),
    "a release not in the log": lambda p: shutil.copytree(p / "0001", p / "0003"),
    "a reviewer in the log": lambda p: _edit(p / log.NAME, "Bea", "Eve"),
    "a time in the log": lambda p: _edit(p / log.NAME, '"time": "2', '"time": "3'),
    "a line taken out": lambda p: (p / log.NAME).write_text(
        (p / log.NAME).read_text(encoding="utf-8").splitlines()[1] + "\n"
    ),
    "lines swapped": lambda p: (p / log.NAME).write_text(
        "\n".join(reversed((p / log.NAME).read_text(encoding="utf-8").splitlines())) + "\n"
    ),
    "a line cut off": lambda p: (p / log.NAME).write_bytes((p / log.NAME).read_bytes()[:-9]),
    "no log": lambda p: (p / log.NAME).unlink(),
    "a release declared anew": lambda p: _anew(p, "0001", "released"),
    "a roll back to another": lambda p: _anew(p, "0001", "rolled back"),
    "a number that does not rise": lambda p: _declare(p, "0000"),
    "a release that is no number": lambda p: _declare(p, "2e3"),
    "a file beside the releases": lambda p: (p / "extra.html").write_text("x"),
    "a link beside the releases": lambda p: (p / "extra").symlink_to("/etc"),
    "a pipe in a release": lambda p: os.mkfifo(p / "0002/pipe"),
    "an empty folder in a release": lambda p: (p / "0002/empty").mkdir(),
    "an empty folder beside them": lambda p: (p / "empty").mkdir(),
    "current": lambda p: ((p / "current").unlink(), (p / "current").symlink_to("0001")),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", TAMPERING)
def test_verify_finds_tampering(copy, name):
    TAMPERING[name](copy / "published")
    assert verify.verify(copy / "published", copy / "runs") != []


@pytest.mark.slow
def test_verify_every_single_file_changed_is_found(copy):
    folder = copy / "published/0002"
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        content = path.read_bytes()
        path.write_bytes(content + b" ")
        assert verify.verify(copy / "published") != [], path
        path.write_bytes(content)
    assert verify.verify(copy / "published") == []


def _again(folder, root, rebuilt=True, **changes):
    """Write all that is made of the tables, manifest and log anew, as somebody would who can."""
    record = json.loads((folder / "release.json").read_text(encoding="utf-8")) | changes
    if rebuilt:
        finish.write(folder, record)
    (folder / log.MANIFEST).write_text(json.dumps(log.manifest(folder)), encoding="utf-8")
    (root / log.NAME).unlink()
    for name in ("0001", "0002"):
        facts = {"action": "released", "reviewer": "Bea Reviewer", "author": ""}
        log.append(root, release=name, content=log.content(root / name), **facts)


@pytest.mark.slow
def test_verify_number_that_is_not_in_its_run_is_found(copy):
    published = copy / "published"
    effects = reader.effects(published)
    effects.loc[0, "estimate"] += 1
    effects.to_parquet(published / "0002/effects.parquet")
    _again(published / "0002", published)
    assert verify.verify(published) == []
    assert verify.verify(published, copy / "runs") == [
        "0002: lamp/2018, effects, row 1, column estimate: is not what its run gives"
    ]


@pytest.mark.slow
def test_verify_number_whose_run_is_not_recorded_is_found(copy):
    published = copy / "published"
    runs = reader.release(published)["runs"]
    runs = {key: run for key, run in runs.items() if run["programme"] != "lamp"}
    _again(published / "0002", published, runs=runs)
    assert verify.verify(published) == [
        "0002: effects, row 1: its run is not recorded",
        "0002: effects, row 2: its run is not recorded",
        "0002: figure lamp/2018/effect: has no run",
    ]


@pytest.mark.slow
def test_release_after_tampering_with_the_log_is_refused(copy):
    published = copy / "published"
    _edit(published / log.NAME, "Bea", "Eve")
    with pytest.raises(EvidenceError) as error:
        publish.release([run_of(copy, "z1", "zeta")], [card_of("zeta", **FREE)], published)
    assert str(error.value) == (
        f"{published / log.NAME}, line 1: was changed after it was written; "
        "evidence verify says more"
    )


@pytest.mark.slow
def test_release_without_its_log_is_refused(copy):
    published = copy / "published"
    (published / log.NAME).unlink()
    with pytest.raises(EvidenceError) as error:
        publish.release([run_of(copy, "z1", "zeta")], [card_of("zeta", **FREE)], published)
    assert str(error.value) == (
        f"{published / '0001'}: not in log.jsonl; put the log back, or move {published} away and "
        "release again"
    )


@pytest.mark.slow
def test_rollback_is_logged_and_needs_a_reviewer_to_undo(tmp_path):
    published = tmp_path / "published"
    first, second = run_of(tmp_path, "a1"), run_of(tmp_path, "a2", n_pupils=900)
    publish.release([first], [card_of(**FREE)], published)
    publish.release([second], [card_of(**FREE)], published)
    assert publish.rollback(published, reviewer="Bea Reviewer") == 1
    assert (published / "current").readlink().name == "0001"
    assert [entry["action"] for entry in log.lines(published)] == [
        "released", "released", "rolled back",
    ]  # fmt: skip
    assert verify.verify(published) == []
    held = publish.release([second], [card_of(**FREE)], published)
    assert (held.number, held.new) == (1, False)
    assert held.held == (
        "lamp/2018: held back: it was rolled back; release it again with --reviewer NAME; the "
        "result released before stays",
    )
    back = publish.release([second], [card_of(**FREE)], published, reviewer="Bea Reviewer")
    assert (back.number, back.new) == (3, True)
    assert publish.release([second], [card_of(**FREE)], published).held == ()


@pytest.mark.slow
def test_rollback_where_there_is_none_is_one_line(tmp_path):
    published = tmp_path / "published"
    with pytest.raises(EvidenceError, match="no release in"):
        publish.rollback(published)
    publish.release([run_of(tmp_path, "a1")], [card_of(**FREE)], published)
    with pytest.raises(EvidenceError) as error:
        publish.rollback(published, 7)
    assert str(error.value) == "no release 7 to go to; there are: none"


@pytest.mark.slow
def test_rollback_to_a_changed_release_is_refused(copy):
    (copy / "published/0001/manifest.json").write_text("{}")
    with pytest.raises(EvidenceError) as error:
        publish.rollback(copy / "published", 1)
    assert str(error.value) == (
        f"{copy / 'published/0001'}: is not what the log says; evidence verify says more"
    )


@pytest.mark.slow
def test_figures_are_drawn_once(tmp_path, monkeypatch):
    runs, cards = make(tmp_path / "runs")
    publish.release(runs[:1], cards[:1], tmp_path / "published")
    drawn = []
    true = publish.figures.draw
    monkeypatch.setattr(
        publish.figures, "draw", lambda texts: drawn.append(len(texts)) or true(texts)
    )
    publish.release(runs[:2], cards[:2], tmp_path / "published")
    assert drawn == [1]
    (old, new) = (tmp_path / f"published/000{n}/lamp/2018/effect.svg" for n in (1, 2))
    assert old.read_bytes() == new.read_bytes()


@pytest.mark.parametrize("many", [1, pytest.param(60, marks=pytest.mark.slow)])  # 60: shared out
def test_figure_that_does_not_fit_its_kind_is_a_line(many):
    text = json.dumps(
        {"name": "a", "kind": "flow", "title": "t", "alt": "t", "types": {"n": "int64"},
         "table": {"columns": ["n"], "data": [[12]]}}
    )  # fmt: skip
    with pytest.raises(
        EvidenceError, match=r"^picture 'a': kind 'flow' does not fit .*there are n"
    ):
        publish.figures.draw([text] * many)


@pytest.mark.slow
def test_crate_names_runs_inputs_people_and_files(whole):
    folder = whole / "published/0002"
    crate = json.loads((folder / provenance.CRATE).read_text(encoding="utf-8"))
    assert crate["@context"] == "https://w3id.org/ro/crate/1.1/context"
    found = {entity["@id"]: entity for entity in crate["@graph"]}
    assert len(found) == len(crate["@graph"])
    assert found[provenance.CRATE]["about"] == {"@id": "./"}
    root = found["./"]
    assert {"name", "description", "datePublished", "license"} <= root.keys()
    for part in root["hasPart"]:
        assert (folder / part["@id"]).is_file()
        assert found[part["@id"]]["@type"] == "File"
    run = found["#run-0000000000000000"]
    assert run["@type"] == "CreateAction"
    for link in (run["instrument"], run["agent"], *run["object"], *run["result"]):
        assert link["@id"] in found
    assert found[run["agent"]["@id"]]["name"] == "Ann Author"
    check = found["#review-0000000000000000"]
    assert found[check["agent"]["@id"]]["name"] == "Bea Reviewer"
    assert found[f"#input-{'ab' * 32}"]["name"] == "ks2_2018.csv"


@pytest.mark.slow
def test_where_answers_and_names_what_there_is(whole):
    told = provenance.where("lamp/2018", whole / "published")
    assert told.startswith("lamp/2018\n  Run: 0000000000000000\n")
    assert "\n    ks2_2018.csv: abab" in told
    assert "\n  Author: Ann Author\n" in told
    assert "\n  Checked by: Bea Reviewer\n" in told
    with pytest.raises(EvidenceError) as error:
        provenance.where("lamb", whole / "published")
    assert str(error.value) == "no 'lamb' in release 2; did you mean 'lamp'?"


def test_person_is_gits_user(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "user.name")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "Cy Coder")
    assert log.person(tmp_path) == "Cy Coder"
    assert runner.person is log.person


@pytest.mark.parametrize(
    "reviewer",
    [
        "Ann Other",
        *(
            pytest.param(name, marks=pytest.mark.slow)
            for name in ("Bea Reviewer", "B. Author", "Åse Dahl", "Анна")
        ),
    ],
)
def test_reviewer_who_can_only_be_another_signs(tmp_path, reviewer):
    published = tmp_path / "published"
    publish.release([run_of(tmp_path, "a1")], [card_of()], published, reviewer=reviewer)
    assert log.lines(published)[0]["reviewer"] == reviewer


def test_log_line_that_is_cut_short_is_taken_back(tmp_path, monkeypatch):
    facts = {"action": "released", "reviewer": "Bea", "author": "", "content": ""}
    log.append(tmp_path, release="0001", **facts)
    before = (tmp_path / log.NAME).read_bytes()

    def full(file):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space left"):
            log.append(tmp_path, release="0002", **facts)
    assert (tmp_path / log.NAME).read_bytes() == before
    log.append(tmp_path, release="0002", **facts)
    assert log.faults(tmp_path) == []


@pytest.mark.slow
def test_log_of_any_bytes_is_told_in_lines(tmp_path, rng):
    facts = {"action": "released", "reviewer": "Bea", "author": "", "content": ""}
    for number in range(1, 4):
        log.append(tmp_path, release=f"{number:04d}", **facts)
    path = tmp_path / log.NAME
    whole = path.read_bytes()
    odd = [b"null", b"[]", b"0", b'"x"', b"1e999", b"{}", b"\xff", b"[" * 100_000, b"\n"]
    for byte in range(0, len(whole), 1 if "EVIDENCE_FUZZ" in os.environ else 7):
        path.write_bytes(whole[:byte] + bytes([whole[byte] ^ 1 + byte % 255]) + whole[byte + 1 :])
        assert log.faults(tmp_path) != []
    for space in (b"\t", b"\r", b"  ", b"\x0b", b"\xe2\x80\xa8", b""):
        for old in (b" ", b"\n"):
            path.write_bytes(whole.replace(old, space, 1))
            assert log.faults(tmp_path) != []
    path.write_bytes(whole[:-1])
    assert log.faults(tmp_path) != []
    for _ in range(int(os.environ.get("EVIDENCE_FUZZ", 300))):
        start, end = sorted(rng.integers(0, len(whole), 2))
        end = min(end, start + int(rng.integers(1, 40)))
        path.write_bytes(whole[:start] + odd[rng.integers(len(odd))] + whole[end:])
        assert log.faults(tmp_path) != [] or path.read_bytes() == whole


@pytest.mark.slow
def test_result_whose_new_run_failed_stays_and_says_so(tmp_path):
    published, cards = tmp_path / "published", [card_of(**FREE), card_of("leap", **FREE)]
    runs = [run_of(tmp_path, "a1"), run_of(tmp_path, "b1", "leap")]
    publish.release(runs, cards, published)
    assert publish.released(published) == {"lamp/2018": "a1", "leap/2018": "b1"}
    report = publish.release(runs, cards, published, late=["lamp/2018"])
    assert report.new
    page = (published / "current/lamp/2018.html").read_text(encoding="utf-8")
    assert "<strong>Update failed.</strong>" in page
    assert "Update failed" not in (published / "current/leap/2018.html").read_text(encoding="utf-8")
    assert not publish.release(runs, cards, published, late=["lamp/2018"]).new
    assert verify.verify(published) == []


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("release", 2), ("release", None), ("release", ["0001"]), ("release", "../0001"),
        ("release", ""), ("number", "1"), ("number", True), ("number", 1.0), ("action", {}),
        ("content", 7), ("time", None), ("reviewer", {}), ("author", "\ud800"),
    ],
)  # fmt: skip
def test_faults_value_of_another_kind_is_one_line(tmp_path, key, value):
    facts = {"action": "released", "release": "0001", "reviewer": "", "author": "", "content": ""}
    log.append(tmp_path, **facts)
    (entry,) = log.lines(tmp_path)
    (tmp_path / log.NAME).write_text(json.dumps(entry | {key: value}) + "\n", encoding="utf-8")
    line = f"{tmp_path / log.NAME}, line 1: cut off or not a line of the log"
    assert log.faults(tmp_path) == [line]
    assert verify.verify(tmp_path) == [line]
