"""The short version of benchmarks/kill.py."""

import subprocess
import sys
from pathlib import Path

import pytest

from evidence.run import fork_client

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "kill.py"


@pytest.mark.slow
@pytest.mark.skipif(not fork_client.available(), reason="finds its victims in /proc")
def test_nothing_is_lost_doubled_or_half_written_whatever_is_killed():
    done = subprocess.run(
        [sys.executable, SCRIPT, "--jobs=12", "--kills=8"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "results: 12\nlost: 0\n" in done.stdout
