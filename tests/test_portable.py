"""The library does without what only Unix, or only Linux, has."""

import ast
import os
import subprocess
import sys

import pytest
from conftest import ROOT
from trial_files import FILES, make

# A Python in which our modules find none of what Windows' Python lacks; other libraries, which
# know by the system's name what to do without, keep it. Written as `sitecustomize`, so that every
# process a process starts lacks it too.
LACKING = """
import builtins, os, signal
everything = builtins.__import__
def lacking(name, globals=None, *others, **options):
    ours = ((globals or {}).get("__package__") or "").startswith("evidence")
    if ours and name in "fcntl resource pwd grp termios tty pty syslog".split():
        raise ImportError(name)
    return everything(name, globals, *others, **options)
builtins.__import__ = lacking
for name in "fork forkpty setsid killpg pidfd_open O_PATH".split():
    vars(os).pop(name, None)
vars(signal).pop("SIGHUP", None)
"""
LINUX = ["evidence.run.forkserver"]  # what is started there only


@pytest.fixture
def lacking(tmp_path):
    (tmp_path / "sitecustomize.py").write_text(LACKING)
    environment = os.environ | {"PYTHONPATH": str(tmp_path), "USERNAME": "Ada"}

    def run(code, **options):
        command = [sys.executable, "-c", code]
        done = subprocess.run(
            command, capture_output=True, text=True, env=environment, cwd=tmp_path, **options
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.mark.slow
def test_every_module_is_imported_where_unix_is_not(lacking):
    modules = [
        ".".join(path.relative_to(ROOT / "src").with_suffix("").parts).removesuffix(".__init__")
        for path in sorted(ROOT.glob("src/**/*.py"))
        if path.stem != "__main__"
    ]
    wanted = [name for name in modules if name not in LINUX]
    code = f"import importlib\nfor name in {wanted}: importlib.import_module(name)\nprint('all')"
    assert lacking(code) == "all\n"


@pytest.mark.slow
def test_plan_chart_and_seal_are_made_where_unix_is_not(lacking):
    said = lacking("""
import pandas as pd
import evidence as ev
from evidence.data import sealed

plan = ev.planning.mdes(design="CRA2", rho2=0.17, n=15, J=20)
print(f"{plan:.3f}")
watched = pd.DataFrame({"t": range(20), "y": [1, 2] * 10})
print(len(ev.monitoring.control_chart(watched, value="y", time="t").table))
sealed.append("seal.jsonl", {"name": "x", "time": "now"}, "name")
print(len(sealed.read("seal.jsonl")))
""")
    assert said.split() == ["0.629", "20", "1"]  # the first as PowerUp! has it


@pytest.mark.slow
def test_plan_and_chart_need_numpy_scipy_and_pandas_only(lacking):
    """So they can run in a browser, where Pyodide has these three and no process or lock."""
    names = lacking("""
import sys
import pandas as pd
import evidence as ev

ev.planning.mdes(design="CRA2", rho2=0.17, n=15, J=20)
watched = pd.DataFrame({"t": range(20), "y": [1, 2] * 10})
ev.monitoring.control_chart(watched, value="y", time="t").sentence()
print(*{name.partition(".")[0] for name in sys.modules})
""").split()
    others = {"matplotlib", "seaborn", "pydantic", "psutil", "typer", "jinja2", "IPython", "zmq",
              "linearmodels", "statsmodels", "pandera", "jupyter_client", "papermill", "tornado",
              "rustworkx", "multiprocessing", "ctypes.wintypes"}  # fmt: skip
    assert {"numpy", "scipy", "pandas"} <= set(names)
    assert not others & set(names)


@pytest.mark.slow
def test_trial_is_run_and_released_where_unix_is_not(lacking, tmp_path):
    make(FILES[1][0], 1)[0].to_csv(tmp_path / "trial.csv", index=False)

    def evidence(folder, *words):
        return lacking(
            f"import os, sys; sys.argv[1:] = {words}; os.chdir({folder!r})\n"
            "from evidence.cli import main; main()"
        )

    evidence(".", "start", "trial.csv", "--folder", "own")
    assert "1 done" in evidence("own", "run")
    assert "new      trial/1" in evidence("own", "release", "--reviewer", "Bea Reviewer")
    page = (tmp_path / "own/published/current/index.html").read_bytes()
    assert b"Trial" in page
    assert b"\r" not in page


def test_texts_are_written_alike_everywhere():
    """Windows would write another line end, and perhaps another code: sums would differ."""
    for path in ROOT.glob("src/**/*.py"):
        source = path.read_text(encoding="utf-8")
        for node in ast.walk(ast.parse(source)) if "write_text" in source else ():
            if getattr(getattr(node, "func", None), "attr", "") != "write_text":
                continue
            if "/proc/" not in (said := ast.unparse(node)):
                assert "encoding=" in said, said
                assert "release" not in path.parts or "newline='\\n'" in said, said
