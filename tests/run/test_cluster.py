"""Jobs on a dask cluster: done at least once, published once, whatever is killed."""

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from importlib.util import find_spec
from pathlib import Path

import pytest

from evidence.errors import EvidenceError
from evidence.run import cluster
from evidence.run.runner import run

from .test_runner import Silent, alive, children_of, jobs_of, nothing_half_written, server_of
from .test_runner import project as project  # the fixture

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning"),
    pytest.mark.skipif(find_spec("distributed") is None, reason="needs dask.distributed"),
]
DASK = [sys.executable, "-m", "dask"]
SCHEDULER = ["scheduler", "--no-dashboard", "--no-show"]
WORKER = ["--no-dashboard", "--nthreads=1", "--death-timeout=20"]


@contextlib.contextmanager
def started(*command):
    """Start a process in a group of its own; end the whole group after."""
    process = subprocess.Popen(
        command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
        start_new_session=True, cwd="/",
    )  # fmt: skip
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        try:
            process.communicate(timeout=10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()


def address(scheduler):
    for line in scheduler.stderr:
        if found := re.search(r"Scheduler at:\s+(tcp://\S+)", line):
            threading.Thread(target=scheduler.stderr.read, daemon=True).start()
            return found[1]
    raise AssertionError("the scheduler did not start")


@pytest.fixture
def dask(tmp_path):
    """A scheduler and two workers on loopback; gives its address and the workers."""
    with contextlib.ExitStack() as stack:
        scheduler = stack.enter_context(started(*DASK, *SCHEDULER, "--host=127.0.0.1", "--port=0"))
        where = address(scheduler)
        place = f"--local-directory={tmp_path}"
        workers = [
            stack.enter_context(started(*DASK, "worker", where, *WORKER, "--no-nanny", place))
            for _ in "ab"
        ]
        for worker in workers:
            threading.Thread(target=worker.stderr.read, daemon=True).start()
        yield where, workers


def test_cluster_runs_each_job_once_and_tells_each_fault(project, dask):
    where, _ = dask
    jobs = jobs_of(project, "one", "fails", "dies", "two")
    with cluster.connect(where) as executor:
        ends = run(jobs, project, Silent(), executor=executor)
        again = run(jobs[:1], project, Silent(), executor=executor)
    assert [o.state for o in ends] == ["done", "failed", "failed", "done"]
    assert ends[1].error == "RuntimeError, shown in the notebook"
    assert ends[2].error == "the kernel ran out of memory or was killed"
    assert [o.state for o in again] == ["kept"]
    nothing_half_written(project.runs)


def test_cluster_worker_killed_in_a_job_costs_nothing(project, dask):
    where, workers = dask
    source = project.notebooks / "impact.ipynb"
    source.write_text(source.read_text().replace("time.sleep(60)", "time.sleep(4)"))
    jobs = jobs_of(project, "one", "sleeps", "two")
    command = evidence_run(project, where)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as batch:
        victim, until = None, time.monotonic() + 60
        while victim is None and time.monotonic() < until:
            for worker in workers:
                with contextlib.suppress(StopIteration, OSError):
                    forked = children_of(server_of(worker.pid))
                    if any(sleeping(pid) for pid in forked):
                        victim = worker
                        break
            time.sleep(0.1)
        victim.kill()
        victim.wait()  # else it is there still, as a zombie
        out = batch.communicate(timeout=120)[0]
    assert "3 done, 0 unchanged, 0 failed" in out
    assert not alive(forked)
    assert all(job.folder(project.runs).exists() for job in jobs)
    nothing_half_written(project.runs)


def evidence_run(project, where):
    places = [f"--{k}={getattr(project, k)}" for k in ("register", "data", "notebooks", "runs")]
    return [sys.executable, "-m", "evidence.cli", "run", "--cluster", where, *places]


def sleeping(pid):
    return Path(os.readlink(f"/proc/{pid}/cwd")).parent.name == "sleeps"  # noqa: PTH115


def test_cluster_that_is_not_there_is_one_line(monkeypatch):
    monkeypatch.setattr(cluster, "_WAIT", 1)
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # and does not listen
        where = f"tcp://127.0.0.1:{nobody.getsockname()[1]}"
        with (
            pytest.raises(EvidenceError, match=rf"^no dask scheduler answers at {where} \("),
            cluster.connect(where),
        ):
            pass


@pytest.fixture
def hosts():
    """Two hosts joined by a cable, made of network namespaces; gives a command prefix for each."""
    if shutil.which("ip") is None:
        pytest.skip("needs iproute2")
    names = [f"evidence-{os.getpid()}-{end}" for end in "ab"]
    ends = [f"ev{os.getpid() % 100000}{end}" for end in "ab"]

    def ip(*words):
        return subprocess.run(["ip", *words], capture_output=True).returncode == 0

    made = [ip("netns", "add", name) for name in names]
    try:
        if not all(made) or not ip("link", "add", ends[0], "type", "veth", "peer", ends[1]):
            pytest.skip("may not make network namespaces")
        for place, (name, end) in enumerate(zip(names, ends, strict=True), start=1):
            assert ip("link", "set", end, "netns", name)
            inside = ("netns", "exec", name, "ip")
            assert ip(*inside, "addr", "add", f"10.99.0.{place}/24", "dev", end)
            assert ip(*inside, "link", "set", end, "up")
            assert ip(*inside, "link", "set", "lo", "up")
        yield [["ip", "netns", "exec", name] for name in names]
    finally:
        for name in names:
            ip("netns", "delete", name)


def test_cluster_over_a_network(project, hosts, tmp_path):
    """The scheduler on one host, the worker on another, the runs folder shared."""
    near, far = hosts
    jobs = jobs_of(project, "one", "two")
    with (
        started(*near, *DASK, *SCHEDULER, "--host=10.99.0.1", "--port=0") as scheduler,
        started(*far, *DASK, "worker", where := address(scheduler), *WORKER,
                f"--local-directory={tmp_path}") as worker,
    ):  # fmt: skip
        threading.Thread(target=worker.stderr.read, daemon=True).start()
        command = [*near, *evidence_run(project, where)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "2 done, 0 unchanged, 0 failed" in done.stdout
    assert all(job.folder(project.runs).exists() for job in jobs)
