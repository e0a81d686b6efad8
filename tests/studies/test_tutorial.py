"""The first tutorial, done as it says: its commands run, its figures are what comes out."""

import re
import shlex

import pytest
from conftest import ROOT
from typer.testing import CliRunner

from evidence import cli

TEXT = (ROOT / "docs/tutorial_plan_a_trial.md").read_text(encoding="utf-8")


def blocks(kind):
    """Return the blocks of a kind in the tutorial."""
    return re.findall(rf"^```{kind}\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE)


def filled(blank, lines):
    """Return a blank protocol with lines filled in, each in its table."""
    place, parts = "", re.split(r"^(?=\[)", blank, flags=re.MULTILINE)
    for line in lines.splitlines():
        if line.startswith("["):
            place = line
            continue
        key = line.partition(" = ")[0]
        at = next(n for n, part in enumerate(parts) if part.startswith(f"{place}\n") or not place)
        parts[at], times = re.subn(rf"^(# )?{key} =.*$", line, parts[at], count=1, flags=re.M)
        assert times == 1, line
    return "".join(parts)


def refused(command, message):
    """Check that a command is refused, and why."""
    done = CliRunner().invoke(cli.app, shlex.split(command)[1:])
    assert done.exit_code == 1
    assert message in (done.output.strip() or str(done.exception))


@pytest.mark.slow
def test_from_nothing_to_a_sealed_allocation(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    said, (*commands, again) = [], blocks("sh")
    for command in commands:
        (words,) = command.strip().splitlines()
        done = CliRunner().invoke(cli.app, shlex.split(words)[1:])
        assert done.exit_code == 0, done.output
        said += done.stdout.splitlines()
        if words.endswith("--new"):
            blank = (tmp_path / "protocol.toml").read_text()
            (tmp_path / "protocol.toml").write_text(filled(blank, blocks("toml")[0]))
            (tmp_path / "schools.csv").write_text(blocks("text")[0])
    shown = [line.strip() for line in TEXT.splitlines() if line.startswith("    ")]
    assert len(shown) == 3
    assert [line for line in shown if line not in said] == []
    assert len((tmp_path / "allocation.csv").read_text().splitlines()) == 17
    told = {
        "protocol.toml": "the protocol was changed after it was sealed in allocations.jsonl",
        "schools.csv": "schools.csv: was changed after it was sealed",
        "allocation.csv": "allocation.csv: is not the allocation that was sealed",
    }
    for name, message in told.items():
        whole = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(whole.replace(b"o", b"u", 1))
        done = CliRunner().invoke(cli.app, shlex.split(commands[-1])[1:])
        assert (done.exit_code, done.output.strip() or str(done.exception)) == (1, message)
        if name == "protocol.toml":
            refused(again, "line 1: sealed already for this trial on ")
        (tmp_path / name).write_bytes(whole)
    refused(again, "line 1: sealed already for this protocol on ")
    assert not (tmp_path / "second.csv").exists()
