"""The question that a picture answers, from the notebook to another hub."""

import json

import pandas as pd
import pytest
from run_folders import BETTER, effect, pictures, seal, write_run

from evidence.release.exchange import bundle, merge
from evidence.release.store import publish, reader
from evidence.show.picture import Picture

CARD = {
    "name": "lamp", "title": "LAMP", "design": "matched", "simulated": True, "automatic": True,
    "cohorts": [{"name": "2018", "title": "2017/18"}], "outcomes": [],
}  # fmt: skip
QUESTIONS = {"effect": "what changed", "flow": "who took part"}


def run_of(root, key):
    row = effect("lamp", "2018", 1.5, 1.2, 0.08, BETTER, 3, 1263, 20, estimand="itt")
    run = write_run(root / f"runs/lamp/2018/{key}", [row])
    publish.propose(
        run, effects=[pd.DataFrame([row])], pictures=pictures(row)
    )  # as a notebook's last cell does
    seal(run)
    return run


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    root = tmp_path_factory.mktemp("question")
    run = run_of(root, "a1")
    publish.release([run], [CARD], root / "published")
    return root / "published"


def test_question_is_in_the_record_the_file_and_what_the_reader_gives(published):
    figures = reader.release(published)["figures"]
    assert {entry["name"]: entry["question"] for entry in figures} == QUESTIONS
    for entry in figures:
        text = (published / f"current/{entry['path']}.json").read_text(encoding="utf-8")
        assert Picture.from_json(text).question == QUESTIONS[entry["name"]]
        assert reader.picture(entry, published)["question"] == QUESTIONS[entry["name"]]


@pytest.mark.slow
def test_question_is_in_a_bundle_and_stays_through_a_merge(published, tmp_path):
    sent = bundle.make(published, tmp_path / "sent.zip")
    index, parts, _ = bundle.read(sent)
    assert {entry["name"]: entry["question"] for entry in index["figures"]} == QUESTIONS
    assert json.loads(parts["figures/lamp/2018/flow.json"])["question"] == "who took part"
    publish.release([run_of(tmp_path, "b1")], [CARD], tmp_path / "own")
    assert merge.merge(sent, "Rathfern", tmp_path / "own", reviewer="Cy")[1]
    figures = reader.release(tmp_path / "own")["figures"]
    assert {entry["name"]: entry["question"] for entry in figures} == QUESTIONS


def test_question_of_an_older_release_is_empty(published, tmp_path):
    """As versions wrote it that knew no questions: neither record nor file has one."""
    record = reader.release(published)
    older = tmp_path / "published/0001"
    for entry in record["figures"]:
        del entry["question"]
        path = older / entry["path"]
        path.parent.mkdir(parents=True, exist_ok=True)
        content = reader.parsed(published / f"current/{entry['path']}.json")
        del content["question"]
        path.with_suffix(".json").write_text(json.dumps(content), encoding="utf-8")
        path.with_suffix(".svg").write_text("<svg></svg>", encoding="utf-8")
    (older / "release.json").write_text(json.dumps(record), encoding="utf-8")
    for entry in record["figures"]:
        assert reader.picture(entry, older)["question"] == ""
        text = (older / f"{entry['path']}.json").read_text(encoding="utf-8")
        assert Picture.from_json(text).question == ""
