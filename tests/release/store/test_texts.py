"""What a reviewer reads before signing: every text of the finished draft, and a preview of it."""

import re

import pytest
from run_folders import BETTER, effect, notebook_cells, pictures, watched, write_run

from evidence.errors import EvidenceError
from evidence.release.store import log, publish, reader, texts, verify
from evidence.show.picture import Picture

CANARY = re.compile(r"canary[a-z]+")


class Canaries:
    """Gives each text a word of its own."""

    def __init__(self):
        self.sent = set()

    def __call__(self, words="{}"):
        word = "canary" + "".join(chr(97 + part) for part in divmod(len(self.sent), 26))
        self.sent.add(word)
        return words.format(word)


def planted(root):
    """Return a run and a card that hold a word of its own wherever a text may be."""
    say = Canaries()
    row = effect("lamp", "2018", 1.5, 1.2, 0.08, BETTER, 3, 1263, 20)
    row |= {key: say() for key in ("outcome", "subgroup", "method", "caveats")}
    (drawn,) = pictures(row | {"outcome": "PTMAT_EXP"})
    table = drawn.table.assign(label=say(), note=say()).rename(columns={"note": say()})
    kept = {key: getattr(drawn, key) for key in ("name", "kind", "counts", "statistics", "axes")}
    drawn = Picture(**kept, title=say(), alt=say(), table=table, question="what changed")
    indicators = watched()[:2].copy()
    for column in (
        "indicator",
        "area",
        "group",
        "period",
        "unit",
        "comparator",
        "band",
        "sentence",
    ):
        indicators[column] = [say(), say()]
    cells = notebook_cells([drawn])
    cells[0]["source"] += f"\n\n{say()}\n\n## {say()}"
    cells[3]["source"] = f"{say()} = 1  # {say()}"
    run = write_run(
        root / "runs/lamp/2018/a1", [row], [drawn], indicators, cells=cells, notebook=say(),
        author=say(), commit=say(), lock_sha256=say(), inputs={say("{}.csv"): "ab" * 32},
        parameters={say(): say(), "deep": {say(): [say(), {"x": say()}]}},
        versions={"python": say()},
    )  # fmt: skip
    card = {key: say() for key in ("title", "phase", "lead", "about", "ask_next", "claim")} | {
        "name": "lamp", "design": "matched", "simulated": False, "cost": 3,
        "cohorts": [{"name": "2018", "title": say()}],
        "outcomes": [{"name": row["outcome"], "title": say(), "unit": "pp",
                      "smallest_worthwhile": 1.0, "primary": True}],
    }  # fmt: skip
    return run, card, say.sent


@pytest.mark.slow
def test_look_without_a_signature_lists_every_text_that_leaves(tmp_path):
    run, card, sent = planted(tmp_path)
    published = tmp_path / "published"
    seen = publish.release([run], [card], published, look=True)
    assert not list(published.glob("*"))
    assert seen.held  # it still waits for somebody
    listed = set(CANARY.findall(seen.review()))
    publish.release([run], [card], published, reviewer="Bea Reviewer")
    left = set()
    for path in (published / "0001").rglob("*"):
        if path.is_file():
            left |= set(CANARY.findall(path.read_bytes().decode("utf-8", "replace")))
    assert len(left) > 30
    assert left - listed == set()
    assert left <= sent


@pytest.mark.slow
def test_look_lists_parameters_that_are_numbers(tmp_path):
    row = effect("lamp", "2018", 1.5, 1.2, 0.08, BETTER, 3, 1263, 20)
    run = write_run(tmp_path / "runs/lamp/2018/a1", [row], parameters={"leave_out": [41, 977]})
    _, card, _ = planted(tmp_path / "other")
    seen = publish.release([run], [card], tmp_path / "published", look=True)
    assert "text     lamp/2018, parameter: leave_out = [41, 977]" in seen.changes


@pytest.mark.slow
def test_look_lists_only_what_changed_inside_a_parameter(tmp_path):
    row = effect("lamp", "2018", 1.5, 1.2, 0.08, BETTER, 3, 1263, 20)
    _, card, _ = planted(tmp_path / "other")

    def run(name, cost):
        costs = {"lamp": {"cost": cost, "title": "LAMP"}, "leap": {"cost": 7, "none": {}}}
        given = {"parameters": {"programmes": costs}}
        return write_run(tmp_path / f"runs/lamp/2018/{name}", [row], **given)

    publish.release([run("a1", 5)], [card], tmp_path / "published", reviewer="Bea Reviewer")
    seen = publish.release([run("a2", 6)], [card], tmp_path / "published", look=True)
    told = [line for line in seen.changes if ", parameter: " in line]
    assert told == ["text     lamp/2018, parameter: programmes.lamp.cost = 6"]


@pytest.mark.slow
def test_look_lists_what_the_release_before_does_not_have(tmp_path):
    run, card, _ = planted(tmp_path)
    published = tmp_path / "published"
    publish.release([run], [card], published, reviewer="Bea Reviewer")
    head = log.head(published)
    card = card | {"about": "Another word of it."}
    seen = publish.release([run], [card], published, look=True)
    new = [line for line in seen.changes if line.startswith("text")]
    assert new == ["text     lamp, about: Another word of it."]
    assert len(texts.of(seen.folder)) > 40
    assert log.head(published) == head
    assert verify.verify(published, tmp_path / "runs") == []


@pytest.mark.slow
def test_look_at_what_cannot_leave_at_all_says_why(tmp_path):
    run, card, _ = planted(tmp_path)
    (run / "effects.parquet").unlink()
    with pytest.raises(EvidenceError, match=r"no effects\.parquet in the run folder"):
        publish.release([run], [card], tmp_path / "published", look=True)


@pytest.mark.slow
def test_preview_is_for_its_owner_and_made_anew_each_time(tmp_path):
    run, card, _ = planted(tmp_path)
    published = tmp_path / "published"
    seen = publish.release([run], [card], published, look=True)
    assert seen.folder == tmp_path / "runs/release.preview"
    assert seen.folder.stat().st_mode & 0o777 == 0o700
    (seen.folder / "old.html").write_text("x")
    again = publish.release([run], [card], published, look=True)
    assert not (again.folder / "old.html").exists()
    assert reader.release(again.folder)["number"] == 1


@pytest.mark.slow
def test_text_that_many_programmes_share_is_listed_once(tmp_path):
    runs = []
    for name in ("lamp", "leap"):
        row = effect("lamp", "2018", 1.5, 1.2, 0.08, BETTER, 3, 1263, 20) | {"programme": name}
        runs.append(write_run(tmp_path / f"runs/{name}/2018/{name}1", [row]))
    _, card, _ = planted(tmp_path / "other")
    cards = [card | {"name": name, "outcomes": []} for name in ("lamp", "leap")]
    seen = publish.release(runs, cards, tmp_path / "published", look=True)
    listed = [line.partition(": ")[2] for line in seen.changes if line.startswith("text")]
    assert len(listed) == len(set(listed)) > 10
