"""What may go wrong with a report, and that it is told, and that nothing else suffers."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import nbformat
import pytest
from data.test_register import GOOD

from evidence.errors import EvidenceError
from evidence.run import fork_client, job, ledger, processes
from evidence.run.plan_jobs import Project, plan
from evidence.run.runner import run

from .test_plan_jobs import notebook

PROPOSE = "open('effects.parquet', 'w').close()"
COHORT = '[[programme.lamp.cohorts]]\nname = "{0}"\ntitle = "{0}"\nfiles = {{}}\n'
FAULTS = {
    "one": "",
    "two": "",
    "fails": "raise RuntimeError('the second cell\\nwent wrong')",
    "dies": "os.kill(os.getpid(), signal.SIGKILL)",
    "sleeps": "time.sleep(60)",
    "ends": "sys.exit(0)",
    "leaves": "sys.exit('gone')",
    "quits": "os._exit(0)",
    "floods": "while True: print('x' * 1000)",
    "shouts": "print('x' * 200_000_000)",
    "eats": "raise MemoryError",
    "removes": "import shutil; shutil.rmtree(os.getcwd())",
    "fills": "raise OSError(28, 'No space left on device')",
    "raises": "raise ValueError('x' * 40_000_000)",
    "displays": "from IPython.display import display\n"
    "    [display({'application/json': {'a': 'x' * 2_000_000}}, raw=True) for _ in range(20)]",
    "links": "os.symlink('/etc/hostname', 'hostname')",
    "moves": "here, there = os.getcwd(), data + '/moved'\n"
    "    os.rename(here, there); os.symlink(there, here)",
    "silent": "",
}


class Silent:
    def __init__(self):
        self.cells, self.ends, self.notes = [], [], []

    def begin(self, total):
        self.total = total

    def cell(self, job, k, n):
        self.cells.append((job.label, k, n))

    def ended(self, outcome):
        self.ends.append(outcome.job.label)

    def note(self, line):
        self.notes.append(line)

    def reached(self, label, k, of=5):
        until = time.monotonic() + 60
        while (label, k, of) not in self.cells:
            assert time.monotonic() < until
            time.sleep(0.02)


@pytest.fixture
def project(tmp_path):
    """Cohorts of one notebook whose second cell does what its cohort is called."""
    faults = "".join(f"if cohort == '{k}':\n    {v or 'pass'}\n" for k, v in FAULTS.items())
    cells = [
        "import os, signal, sys, time\nassert run_id and data",
        faults,
        f"if cohort != 'silent':\n    {PROPOSE}",
    ]
    source = 'cohort = ""\ndata = ""\nout = ""\nrun_id = ""\nkey = ""\n'
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks" / "impact.ipynb").write_text(json.dumps(notebook(source, more=cells)))
    return Project(
        register=tmp_path / "programmes.toml",
        data=tmp_path,
        notebooks=tmp_path / "notebooks",
        runs=tmp_path / "runs",
    )


def jobs_of(project, *cohorts, more=""):
    head = GOOD.split("[[programme.lamp.cohorts]]")[0].replace("start = 2018", "")
    project.register.write_text(head + "".join(COHORT.format(c) + more for c in cohorts))
    return plan(project)


def commands(*words):
    """Return the processes whose command has all these words."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = path.read_bytes()
        except OSError:
            continue
        if all(word.encode() in command for word in words):
            found.append(int(path.parent.name))
    return found


def nothing_half_written(runs):
    assert not [p for p in runs.glob("*/*/.*") if p.is_dir()]
    for path in runs.glob("[!.]*/*/*"):
        assert json.loads((path / "run.json").read_text())["run_id"] == path.name


@pytest.mark.slow
def test_run_failures_are_named_and_do_not_stop_the_others(project):
    jobs = jobs_of(project, "one", *(c for c in FAULTS if c not in ("one", "two")), "two")
    jobs = [replace(job, timeout=3.0) if job.cohort == "sleeps" else job for job in jobs]
    report = Silent()
    ends = {o.job.cohort: o for o in run(jobs, project, report, workers=2, timeout=60)}
    assert {c for c, o in ends.items() if o.state == "done"} == {"one", "two"}
    assert {c: o.error for c, o in ends.items() if o.error} == {
        "fails": "RuntimeError, shown in the notebook",
        "dies": "the kernel ran out of memory or was killed",
        "quits": "the kernel ran out of memory or was killed",
        "sleeps": "took longer than 3 s",
        "ends": "ended itself (sys.exit); a report runs to its last cell",
        "leaves": "ended itself (sys.exit); a report runs to its last cell",
        "floods": "wrote more than 32 MB of output",
        "shouts": "wrote more than 32 MB of output",
        "raises": "wrote more than 32 MB of output",
        "displays": "wrote more than 32 MB of output",
        "links": "its file hostname is a link; write the file itself",
        "moves": "its run folder was replaced while it ran",
        "eats": "ran out of memory",
        "removes": "its run folder was deleted while it ran",
        "fills": "no space left on the disk",
        "silent": "every cell ran but nothing was proposed: end with ev.propose(out, …)",
    }
    assert ends["fails"].cell == ends["dies"].cell == 4
    nothing_half_written(project.runs)
    folders = {p.parent.name for p in project.runs.glob("lamp/*/*/run.json")}
    assert folders == {j.run_id for j in jobs if j.cohort in ("one", "two")}
    record = json.loads((jobs[0].folder(project.runs) / "run.json").read_text())
    assert record["key"] == jobs[0].key
    assert record["peak_mb"] > 10
    assert str(project.data) not in json.dumps(record)
    assert report.cells[0][2] == 5
    for cohort in ("fails", "dies", "sleeps", "floods"):  # papermill says all were completed
        told = json.loads(ends[cohort].notebook.read_text())
        told["cells"] = [cell for cell in told["cells"] if cell["cell_type"] == "code"]
        states = [cell["metadata"]["papermill"]["status"] for cell in told["cells"]]
        assert states == ["completed"] * 3 + ["failed", "pending"]
        assert told["metadata"]["papermill"]["exception"]


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["dies", "quits", "floods", "removes", "ends"])
def test_run_tells_a_fault_within_five_seconds(project, fault):
    jobs = jobs_of(project, fault)
    run(jobs_of(project, "one"), project, Silent())  # the fork server is there
    jobs = jobs_of(project, fault)
    report = Silent()
    done = []
    thread = threading.Thread(target=lambda: done.extend(run(jobs, project, report)))
    thread.start()
    report.reached(f"lamp/{fault}", 4)
    began = time.monotonic()
    thread.join()
    assert done[0].state == "failed"
    assert time.monotonic() - began < 5


@pytest.mark.slow
def test_run_notes_the_commit_of_the_code_and_whether_files_have_changed_since(project):
    def git(*words):
        who = ["-c", "user.name=A", "-c", "user.email=a@b"]
        command = ["git", "-C", str(project.notebooks), *who, *words]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    def noted():
        (outcome,) = run(jobs_of(project, "one"), project, Silent(), fresh=True)
        return json.loads((outcome.job.folder(project.runs) / "run.json").read_text())["commit"]

    git("init", "-q")
    git("add", ".")
    git("commit", "-qm", "first")
    first = git("rev-parse", "HEAD")[:12]
    assert noted() == first
    book = project.notebooks / "impact.ipynb"
    book.write_text(book.read_text() + "\n")
    assert noted() == f"{first}+"


@pytest.mark.slow
def test_run_again_executes_nothing_and_fresh_executes_all(project):
    jobs = jobs_of(project, "one")
    assert [o.state for o in run(jobs, project, Silent())] == ["done"]
    report = Silent()
    assert [o.state for o in run(jobs, project, report)] == ["kept"]
    assert report.cells == []
    assert [o.state for o in run(jobs, project, Silent(), fresh=True)] == ["done"]
    nothing_half_written(project.runs)


@pytest.mark.slow
def test_run_again_after_a_change_executes_its_dependants_only(project):
    for name in ("a", "b"):
        (project.data / f"{name}.csv").write_text("1")
    source = 'cohort = ""\ndata = ""\nout = ""\nrun_id = ""\nks2 = "x"  # required\n'
    path = project.notebooks / "impact.ipynb"
    path.write_text(json.dumps(notebook(source, more=[PROPOSE])))

    def jobs():
        plain = GOOD.split("[[programme.lamp.cohorts]]")[0].replace("start = 2018", "")
        files = (COHORT.replace("{{}}", f'{{{{ ks2 = "{name}.csv" }}}}') for name in ("a", "b"))
        rows = "".join(f.format(n) for f, n in zip(files, ("a", "b"), strict=True))
        project.register.write_text(plain + rows)
        return plan(project)

    assert [o.state for o in run(jobs(), project, Silent())] == ["done", "done"]
    (project.data / "a.csv").write_text("2")
    assert [o.state for o in run(jobs(), project, Silent())] == ["done", "kept"]


@pytest.mark.slow
def test_run_timeout_of_the_register_goes_before_that_of_the_command(project):
    jobs = jobs_of(project, "sleeps", more="timeout = 1.5\n")
    (outcome,) = run(jobs, project, Silent(), timeout=100)
    assert (outcome.state, outcome.error) == ("failed", "took longer than 1.5 s")


@pytest.mark.slow
def test_run_whose_output_does_not_end_is_not_said_to_take_too_long(project):
    path = project.notebooks / "impact.ipynb"
    cell = "get_ipython().kernel._publish_status = lambda *args, **kwargs: None"
    source = 'cohort = ""\ndata = ""\nout = ""\nrun_id = ""\n'
    path.write_text(json.dumps(notebook(source, more=[cell, PROPOSE])))
    (outcome,) = run(jobs_of(project, "one"), project, Silent())
    assert outcome.error.startswith("CellTimeoutError: ")


@pytest.mark.slow
def test_run_killed_process_fails_its_job_only(project):
    jobs = jobs_of(project, "sleeps", "one")
    report, ends = Silent(), []
    thread = threading.Thread(target=lambda: ends.extend(run(jobs, project, report, workers=1)))
    thread.start()
    report.reached("lamp/sleeps", 4)
    os.kill(min(children_of(server_of(os.getpid()))), signal.SIGKILL)  # the first fork: the job
    thread.join()
    assert [o.state for o in ends] == ["failed", "done"]
    assert ends[0].error == "its process ran out of memory or was killed"


@pytest.mark.slow
def test_run_has_job_after_job_done_by_a_process_until_one_fails(project):
    jobs = jobs_of(project, "one", "two", "fails", "silent", "last")
    report, seen = Silent(), {}

    def look(job, k, n):
        if k == 4:
            process = min(children_of(server_of(os.getpid())))  # the first fork: the job's
            places = Path(f"/proc/{process}/fd"), Path(f"/proc/{process}/task")
            looks = []
            for _ in range(20):  # a thread may just be about to end
                looks.append([len([*place.iterdir()]) for place in places])
                time.sleep(0.01)
            seen[job.cohort] = process, *map(min, zip(*looks, strict=True))

    report.cell = look
    fork_client.close()
    run(jobs, project, report, workers=1)
    assert seen["one"] == seen["two"]  # and nothing stays open
    assert seen["two"][0] == seen["fails"][0] != seen["silent"][0] == seen["last"][0]
    until = time.monotonic() + 5
    while left := children_of(server_of(os.getpid())):
        assert time.monotonic() < until, left
        time.sleep(0.05)


@pytest.mark.slow
@pytest.mark.parametrize("forking", [True, False])
def test_idle_process_that_was_killed_is_replaced(project, monkeypatch, forking):
    (job,) = jobs_of(project, "one")
    monkeypatch.setattr(fork_client, "available", lambda: forking)
    (project.data / "out").mkdir()
    request = {"notebook": str(job.notebook), "folder": str(project.data / "out"), "title": ""}
    request |= {"secrets": [], "timeout": None}
    request["parameters"] = job.parameters | {"run_id": "r", "data": "d", "out": "."}

    def done():
        with processes.start(request) as process:
            last = next(said for said in process.messages() if "error" in said)
            process.idle = True
        assert not last["error"]
        return process

    try:
        first = done()
        assert done() is first
        first.kill()  # and asks it at once, before anybody can know
        assert done() is not first
    finally:
        processes.dismiss()


@pytest.mark.slow
def test_run_leaves_the_history_of_a_person_alone(project, tmp_path, monkeypatch):
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    fork_client.close()
    (outcome,) = run(jobs_of(project, "one"), project, Silent())
    assert outcome.state == "done"
    assert [*(tmp_path / "ipython").rglob("*")] == []
    fork_client.close()


def server_of(pid):
    return next(p for p in children_of(pid) if p in commands("evidence.run.forkserver"))


def children_of(pid):
    path = Path(f"/proc/{pid}/task")
    return [int(c) for task in path.iterdir() for c in (task / "children").read_text().split()]


def alive(pids):
    found = []
    for pid in pids:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        found += [pid] if state != "Z" else []
    return found


@pytest.mark.slow
def test_run_killed_fork_server_costs_no_job(project):
    jobs = jobs_of(project, "sleeps", "one", more="timeout = 8\n")
    report, ends = Silent(), []
    thread = threading.Thread(target=lambda: ends.extend(run(jobs, project, report, workers=1)))
    thread.start()
    report.reached("lamp/sleeps", 4)
    server = server_of(os.getpid())
    forked = children_of(server)
    assert len(forked) == 2  # the job and its kernel
    os.kill(server, signal.SIGKILL)
    thread.join()
    assert [o.error for o in ends] == ["took longer than 8 s", ""]  # tried again, in a new server
    assert report.cells.count(("lamp/sleeps", 1, 5)) == 2  # the fourth again takes a quiet machine
    assert not alive(forked)


@pytest.mark.slow
def test_run_tries_again_in_a_clean_folder(project):
    path = project.notebooks / "impact.ipynb"
    cells = ["import os, time", "os.mkdir('figures')", "time.sleep(2)", PROPOSE]
    source = 'cohort = ""\ndata = ""\nout = ""\nrun_id = ""\n'
    path.write_text(json.dumps(notebook(source, more=cells)))
    jobs = jobs_of(project, "one")
    report, ends = Silent(), []
    thread = threading.Thread(target=lambda: ends.extend(run(jobs, project, report)))
    thread.start()
    report.reached("lamp/one", 5, of=6)
    os.kill(server_of(os.getpid()), signal.SIGKILL)
    thread.join()
    assert [o.error for o in ends] == [""]


@pytest.mark.slow
def test_run_one_that_kills_its_server_fails_no_other(project):
    path = project.notebooks / "impact.ipynb"
    cells = [
        "import os, time, signal",
        "time.sleep(1)\nif cohort == 'evil': os.kill(os.getppid(), signal.SIGKILL)",
        f"time.sleep(1)\n{PROPOSE}",
    ]
    source = 'cohort = ""\ndata = ""\nout = ""\nrun_id = ""\n'
    path.write_text(json.dumps(notebook(source, more=cells)))
    ends = run(jobs_of(project, "evil", "good"), project, Silent(), workers=2)
    assert [o.error for o in ends] == ["its process ran out of memory or was killed", ""]


@pytest.mark.slow
def test_run_that_cannot_fork_stops_what_it_runs(project, monkeypatch):
    monkeypatch.setattr(fork_client, "available", lambda: False)
    jobs = jobs_of(project, "sleeps", "two")
    report = Silent()

    def interrupt(job, k, n):
        if k == 4:
            os.kill(os.getpid(), signal.SIGINT)

    report.cell = interrupt
    began = time.monotonic()
    # A shell that starts the tests in the background has them ignore it.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        ends = run(jobs, project, report, workers=1)
    finally:
        signal.signal(signal.SIGINT, before)
    assert [o.state for o in ends] == ["stopped", "stopped"]
    assert time.monotonic() - began < 40
    assert report.notes == [
        "each report takes seconds longer to start here: only Linux can fork them"
    ]
    nothing_half_written(project.runs)


@pytest.mark.slow
def test_interrupt_while_progress_is_shown_stops_the_rest(project):
    report = Silent()

    def ended(outcome):
        raise KeyboardInterrupt

    report.ended = ended
    ends = run(jobs_of(project, "one", "two", "sleeps"), project, report, workers=1)
    assert ends[0].state == "done"
    assert ends[1].state in ("kept", "stopped")  # it may have ended before the interrupt came
    assert ends[2].state == "stopped"


@pytest.mark.slow
def test_interrupt_leaves_no_idle_process(project, monkeypatch):
    watch = job._watch

    @contextlib.contextmanager
    def slow(*given):
        with watch(*given) as late:
            yield late
        time.sleep(1)  # the result is known, and the process not idle yet

    def ended(outcome):
        time.sleep(0.5)  # until the second job is there
        raise KeyboardInterrupt

    monkeypatch.setattr(job, "_watch", slow)
    report = Silent()
    report.ended = ended
    ends = run(jobs_of(project, "one", "two", "sleeps"), project, report, workers=1)
    assert ends[0].state == "done"
    assert processes._idle == []


@pytest.mark.slow
@pytest.mark.parametrize("forking", [True, False])
def test_stopped_run_kills_a_job_that_it_had_just_begun(project, monkeypatch, forking):
    monkeypatch.setattr(fork_client, "available", lambda: forking)
    (sleeps,) = jobs_of(project, "sleeps")
    stop = threading.Event()
    stop.set()
    outcome = job.perform(sleeps, project.resolved(), stop=stop)
    assert outcome.state == "stopped"
    assert outcome.seconds < 10
    nothing_half_written(project.runs)


@pytest.mark.slow
def test_run_leaves_nothing_in_the_folder_for_temporary_files(project, tmp_path, monkeypatch):
    deep = tmp_path / ("a" * 60) / ("b" * 60)  # longer than the name of a socket may be
    deep.mkdir(parents=True)
    monkeypatch.setenv("TMPDIR", str(deep))
    monkeypatch.setattr(tempfile, "tempdir", None)
    fork_client.close()
    before = {*Path("/tmp").glob("evidence-*")}
    ends = run(jobs_of(project, "one", "dies"), project, Silent())
    assert [o.state for o in ends] == ["done", "failed"]
    fork_client.close()
    assert not [*deep.iterdir()]
    after = {p for p in Path("/tmp").glob("evidence-*") if not alive(owners(p))}
    assert after <= before


def owners(folder):
    return commands("evidence.run.forkserver") if folder.exists() else []


def test_run_unwritable_folder_is_one_line(project, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    there = Project(
        register=project.register, data=tmp_path, notebooks=project.notebooks, runs=blocked / "runs"
    )
    with pytest.raises(EvidenceError, match=r"runs: cannot write there \(.*\); free it or name"):
        run(jobs_of(project, "one"), there, Silent())


@pytest.fixture
def small_disk(tmp_path):
    place = tmp_path / "small"
    place.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=600k", "none", place], capture_output=True
    )
    if made.returncode:
        pytest.skip("needs the right to mount a small disk")
    yield place
    subprocess.run(["umount", place], check=True)


@pytest.mark.slow
def test_run_on_a_full_disk_is_one_line_and_keeps_earlier_results(project, small_disk):
    there = Project(
        register=project.register, data=project.data, notebooks=project.notebooks, runs=small_disk
    )
    assert [o.state for o in run(jobs_of(project, "one"), there, Silent())] == ["done"]
    rest = os.statvfs(small_disk)
    (small_disk / "fill").write_bytes(bytes(rest.f_bavail * rest.f_frsize - 4096))
    two = jobs_of(project, "one", "two")
    ends = run(two, there, Silent())
    assert [o.state for o in ends] == ["kept", "failed"]
    assert ends[1].error == "its run folder could not be written (No space left on device)"
    nothing_half_written(small_disk)
    (small_disk / "fill").unlink()
    assert [o.state for o in run(two, there, Silent())] == ["kept", "done"]


@pytest.mark.slow
def test_run_damaged_record_is_one_line_and_fresh_mends_it(project):
    jobs = jobs_of(project, "one", "two")
    run(jobs, project, Silent())
    record = jobs[0].folder(project.runs) / "run.json"
    record.write_text(record.read_text()[:40])
    ends = run(jobs, project, Silent())
    assert [o.state for o in ends] == ["failed", "kept"]
    assert ends[0].error == f"{record} is damaged; evidence run --fresh makes it again"
    record.write_text('{"run_id": null}')
    assert run(jobs, project, Silent())[0].state == "failed"
    record.unlink()
    assert run(jobs, project, Silent())[0].state == "failed"  # something else stands there
    run(jobs[:1], project, Silent(), fresh=True)
    assert [o.state for o in run(jobs, project, Silent())] == ["kept", "kept"]


@pytest.mark.slow
def test_run_takes_an_empty_folder_for_nothing(project):
    (job,) = jobs_of(project, "one")
    job.folder(project.runs).mkdir(parents=True)  # as workflow engines make it before the job
    assert [o.state for o in run([job], project, Silent())] == ["done"]
    assert ledger.done(job.folder(project.runs))


@pytest.mark.slow
def test_two_runners_publish_one_result_and_say_so(project):
    jobs = jobs_of(project, "one")
    ends, notes = [], Silent()
    with ledger.open_ledger(project.runs):
        ends += run(jobs, project, notes)
    assert notes.notes == [
        f"another runner is at work in {project.runs}; what it finishes first is kept"
    ]
    assert [o.state for o in ends] == ["done"]
    jobs = jobs_of(project, "two")
    threads = [
        threading.Thread(target=lambda: ends.extend(run(jobs, project, Silent()))) for _ in "ab"
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(o.state for o in ends) == ["done", "done", "kept"]
    nothing_half_written(project.runs)


def test_publish_second_finisher_is_discarded(tmp_path):
    final = tmp_path / "lamp/2018/0123456789abcdef"
    first, second = ledger.Draft(final), ledger.Draft(final)
    (first.folder / "who").write_text("first")
    (second.folder / "who").write_text("second")
    assert first.publish({"run_id": final.name}, replace=False)
    assert not second.publish({"run_id": final.name}, replace=False)
    assert (final / "who").read_text() == "first"
    third = ledger.Draft(final)
    (third.folder / "who").write_text("third")
    assert third.publish({"run_id": final.name}, replace=True)
    assert (final / "who").read_text() == "third"
    assert [p.name for p in final.parent.iterdir()] == [final.name]


def test_ledger_gives_back_what_a_killed_runner_was_replacing(tmp_path):
    final = tmp_path / "lamp/2018/0123456789abcdef"
    ledger.Draft(final).publish({"run_id": final.name}, replace=False)
    dead = subprocess.Popen(["true"])
    dead.wait()
    host = os.uname().nodename
    final.rename(final.with_name(f".{final.name}-{dead.pid}-{host}-abc.old"))
    (final.parent / f".{final.name}-{dead.pid}-{host}-abc").mkdir()
    with ledger.open_ledger(tmp_path):
        assert ledger.done(final)
        assert [p.name for p in final.parent.iterdir()] == [final.name]


SECRETS = {
    "plain": "s3cret-c@n\u00e1ry",
    "lines": "-----BEGIN KEY-----\nabcdefgh/ijklmnop\nqrstuvwx+yzABCDE\n-----END KEY-----",
    "quotes": "a'b\"c&d<e>f\\g h",
    "a word of the format": "stream_outputs_text",
}


@pytest.mark.slow
@pytest.mark.parametrize("name", SECRETS)
def test_secret_reaches_the_kernel_and_no_file(project, monkeypatch, name):
    canary = SECRETS[name]
    path = project.notebooks / "impact.ipynb"
    source = 'cohort = ""\ndata = ""\nout = ""\nrun_id = ""\nkey = ""\n'
    cells = [
        "import evidence as ev, html, urllib.parse, base64, json\nvalue = ev.secret(key)\n"
        "other = ev.secret('env:EVIDENCE_OTHER')",
        "print(len(value), value, other)\nprint(repr(value), html.escape(value))\n"
        "print(json.dumps(value))",
        "print(urllib.parse.quote(value), base64.b64encode(value.encode()))\nvalue",
        "if cohort == 'fails': raise RuntimeError(value)\n"
        "if cohort == 'writes': open('log.txt', 'w').write(value)",
        PROPOSE,
    ]
    path.write_text(json.dumps(notebook(source, more=cells)))
    more = 'parameters = { key = "env:EVIDENCE_CANARY" }\n'
    jobs = jobs_of(project, "one", "fails", "writes", more=more)
    (first, *_) = run(jobs, project, Silent())
    assert first.error == "environment variable EVIDENCE_CANARY is not set; set it and run"
    monkeypatch.setenv("EVIDENCE_CANARY", "short")
    (first, *_) = run(jobs, project, Silent())
    assert "EVIDENCE_CANARY is too short to be kept secret; 8 characters" in first.error
    monkeypatch.setenv("EVIDENCE_CANARY", canary)
    monkeypatch.setenv("EVIDENCE_OTHER", "another secret")
    fork_client.close()  # as a new process would: the server has the environment of its start
    ends = run(jobs, project, Silent())
    assert [o.error for o in ends] == [
        "",
        "RuntimeError, shown in the notebook",
        "its file log.txt holds the secret EVIDENCE_CANARY; write results only",
    ]
    (project.runs / ".failed/lamp/writes/log.txt").unlink()  # the notebook's own doing
    saved = (jobs[0].folder(project.runs) / "notebook.ipynb").read_text()
    assert f"{len(canary)} [EVIDENCE_CANARY]" in saved
    nbformat.validate(nbformat.reads(saved, as_version=4))
    for file in project.data.rglob("*"):
        if file.is_file():
            content = file.read_text()
            for part in (*canary.splitlines(), "another secret"):
                for written in (part, repr(part)[1:-1], json.dumps(part)[1:-1], quote(part)):
                    assert written not in content, (file, written)


@pytest.mark.slow
@pytest.mark.parametrize("watched", [True, False])
def test_secret_written_past_python_is_masked_too(project, monkeypatch, capfd, watched):
    """To descriptors, by other programs, in two halves, and when the kernel ends."""
    path = project.notebooks / "impact.ipynb"
    source = 'cohort = ""\ndata = ""\nout = ""\nrun_id = ""\nkey = ""\n'
    cells = [
        "import atexit, os, sys, time, evidence as ev\nvalue = ev.secret(key)",
        "os.write(2, value.encode())\nos.write(1, value.encode())\ntime.sleep(0.3)",
        "os.system('echo $EVIDENCE_CANARY >&2; echo $EVIDENCE_CANARY')\ntime.sleep(0.3)",
        "print(value[:6], end='', flush=True)\ntime.sleep(0.3)\nprint(value[6:])",
        "sys.__stderr__.write(value + '\\n')\nsys.__stderr__.flush()\ntime.sleep(0.3)",
        "import faulthandler; copy = getattr(sys.stderr, '_original_stdstream_copy', 2)\n"
        "os.write(copy, value.encode())\natexit.register(os.write, copy, value.encode())",
        PROPOSE,
    ]
    path.write_text(json.dumps(notebook(source, more=cells)))
    monkeypatch.setenv("EVIDENCE_CANARY", "s3cret-c@nary")
    if watched:  # as it is outside of tests: what goes to a descriptor comes into the notebook
        monkeypatch.delenv("PYTEST_CURRENT_TEST")
    fork_client.close()
    jobs = jobs_of(project, "one", more='parameters = { key = "env:EVIDENCE_CANARY" }\n')
    (end,) = run(jobs, project, Silent())
    fork_client.close()
    assert end.error == ""
    assert "s3cret-c@nary" not in "".join(capfd.readouterr())
    saved = jobs[0].folder(project.runs) / "notebook.ipynb"
    shown = nbformat.read(saved, as_version=4)
    text = "".join(o.get("text", "") for cell in shown.cells for o in cell.get("outputs", ()))
    assert "s3cret-c@nary" not in text
    assert text.count("[EVIDENCE_CANARY]") == (6 if watched else 1)


@pytest.mark.slow
def test_interrupt_finishes_tidily(project, tmp_path):
    jobs_of(project, "one", "sleeps", "two")
    places = [f"--{k}={getattr(project, k)}" for k in ("register", "data", "notebooks", "runs")]
    process = subprocess.Popen(
        [sys.executable, "-m", "evidence.cli", "run", "--workers=1", *places],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    until = time.monotonic() + 60
    state = []
    while [row["state"] for row in state] != ["done", "running", "to do"]:
        assert time.monotonic() < until
        state = json.loads(
            subprocess.run(
                [sys.executable, "-m", "evidence.cli", "status", "--json", *places],
                capture_output=True,
                check=True,
            ).stdout
        )
    forked = children_of(server_of(process.pid))
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "1 done, 0 unchanged, 0 failed" in out
    assert err.strip() == "stopped: 2 not run; evidence run goes on from here"
    assert not alive(forked)
    nothing_half_written(project.runs)


@pytest.mark.slow
def test_failed_notebook_is_in_sight_until_its_job_is_done(project):
    (job,) = jobs_of(project, "fails")
    shown = project.runs / f"failed-{job.label.replace('/', '-')}.ipynb"
    (end,) = run([job], project, Silent())
    assert end.state == "failed"
    assert shown.resolve() == end.notebook
    nothing_half_written(project.runs)
    assert project.runs.stat().st_mode & 0o077 == 0
