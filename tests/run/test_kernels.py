"""A forked kernel gives what an ordinary one gives, and has none of forking's faults."""

import asyncio
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from jupyter_client.manager import AsyncKernelManager
from jupyter_client.provisioning import LocalProvisioner

from evidence.errors import EvidenceError
from evidence.run import fork_client

from .test_runner import alive, children_of, server_of

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not fork_client.available(), reason="kernels are forked on Linux only"),
]
PROBES = [
    "import sys, os, pandas as pd, numpy as np, matplotlib, matplotlib.pyplot as plt",
    "sys.argv[0].rpartition('/')[2], os.path.basename(os.getcwd()), __name__",
    "matplotlib.get_backend(), os.environ['MPLBACKEND'], os.environ.get('EVIDENCE_PROBE')",
    "pd.DataFrame(np.arange(2000).reshape(20, 100))",
    "pd.get_option('display.max_columns'), pd.get_option('display.max_rows')",
    "plt.plot([1, 2, 3]); plt.title('A figure')",
    "fig, ax = plt.subplots(); ax.bar(['a', 'b'], [1, 2]); fig",
    "np.random.seed(3); np.random.default_rng(4).normal(size=3), np.random.rand(2)",
    "print('to standard output'); print('to standard error', file=sys.stderr)",
    "os.system('echo from a shell');",
    "!echo from a magic",
    "%who_ls",
    "import ipywidgets; slider = ipywidgets.IntSlider(3); slider",
    "from IPython.display import HTML, display; display(HTML('<b>x</b>')); 1",
    "import warnings; warnings.warn('mind this')",
    "input('asked')",
    "1 / 0",
    "import evidence as ev; ev.impact.__name__, sorted(k for k in globals() if k[0] != '_')[:3]",
    "import threading; threading.current_thread() is threading.main_thread()",
    "import signal; signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGCHLD)",
    "import multiprocessing; multiprocessing.get_start_method(), multiprocessing.current_process()",
    "import subprocess; subprocess.run(['true']).returncode",
    "sum(np.ones((300, 300)) @ np.ones((300, 300)))[0]",
    "import ipykernel; ipykernel.__file__ in get_ipython().kernel.debugger.kernel_modules",
    "import faulthandler, gc; gc.isenabled(), gc.collect() >= 0",
]


def manager(name, tmp_path):
    made = AsyncKernelManager(kernel_name=name)
    made.transport, made.ip = "ipc", str(tmp_path / "k")
    return made


async def answers(name, tmp_path, probes, env=None):
    """Return what a kernel says to each probe, without what differs from run to run."""
    kernel = manager(name, tmp_path)
    tmp_path.mkdir(exist_ok=True)
    env = {k: v for k, v in {**os.environ, **(env or {})}.items() if k != "MPLBACKEND"}
    await kernel.start_kernel(cwd=str(tmp_path), env=env)
    client = kernel.client()
    client.start_channels()
    await client.wait_for_ready(timeout=60)
    found = []
    try:
        for probe in probes:
            said = []

            def hear(message, said=said):
                if message["msg_type"] in ("stream", "display_data", "execute_result", "error"):
                    said.append([message["msg_type"], message["content"]])

            reply = await client.execute_interactive(
                probe, output_hook=hear, allow_stdin=False, timeout=60
            )
            found.append([reply["content"]["status"], joined(said)])
    finally:
        client.stop_channels()
        await kernel.shutdown_kernel(now=True)
    return found


def joined(said):
    """Return messages as text: streams joined, ids of widgets and paths left out."""
    parts = []
    for kind, content in said:
        if kind == "stream" and parts and parts[-1][:2] == [kind, content["name"]]:
            parts[-1][2] += content["text"]
        elif kind == "stream":
            parts.append([kind, content["name"], content["text"]])
        else:
            content.pop("execution_count", None)
            content.get("data", {}).pop("application/vnd.jupyter.widget-view+json", None)
            parts.append([kind, content])
    return json.dumps(sorted(parts, key=str)).replace("ipykernel_launcher.py", "ipykernel_launcher")


def test_forked_kernel_says_what_an_ordinary_one_says(tmp_path):
    env = {"EVIDENCE_PROBE": "given at the start"}
    ordinary = asyncio.run(answers("python3", tmp_path / "a", PROBES, env))
    forked = asyncio.run(answers("evidence", tmp_path / "a", PROBES, env))
    for probe, one, other in zip(PROBES, ordinary, forked, strict=True):
        if "warn" in probe or "1 / 0" in probe or "input" in probe:  # these tell a process id
            assert one[0] == other[0], probe
            assert len(one[1]) == pytest.approx(len(other[1]), abs=40), probe
        elif "argv" in probe:
            assert other[1].count("ipykernel_launcher") == one[1].count("ipykernel_launcher")
        else:
            assert one == other, probe


def test_forked_kernels_draw_different_random_numbers(tmp_path):
    probe = ["import random, numpy as np; random.random(), np.random.rand(), np.random.randn()"]
    both = [asyncio.run(answers("evidence", tmp_path / "k", probe)) for _ in "ab"]
    numbers = [eval(json.loads(b[0][1])[0][1]["data"]["text/plain"]) for b in both]
    assert all(one != other for one, other in zip(*numbers, strict=True))


def test_forked_kernel_opens_no_port_for_its_channels(tmp_path):
    async def sockets():
        kernel = manager("evidence", tmp_path)
        await kernel.start_kernel()
        pid = kernel.provisioner.pid
        assert isinstance(kernel.provisioner.process, fork_client.Child)
        inodes = {
            line.split()[9]
            for name in ("tcp", "tcp6", "udp", "udp6")
            for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]
        }
        links = [str(p.readlink()) for p in Path(f"/proc/{pid}/fd").iterdir()]
        await kernel.shutdown_kernel(now=True)
        return [link for link in links if link.strip("socket:[]") in inodes]

    # ipykernel's own pipe for what subprocesses print: a random port, which takes only messages
    # that begin with a secret. Nobody has to be told of it, so nobody races for it.
    assert len(asyncio.run(sockets())) == 1


def test_forked_kernel_shares_no_descriptor_with_the_server(tmp_path):
    async def open_in_both():
        kernel = manager("evidence", tmp_path)
        await kernel.start_kernel()
        pid = kernel.provisioner.pid
        server = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        links = [
            {str(p.readlink()) for p in Path(f"/proc/{each}/fd").iterdir() if int(p.name) > 2}
            for each in (pid, server)
        ]
        await kernel.shutdown_kernel(now=True)
        return links

    forked, server = asyncio.run(open_in_both())
    shared = {link for link in forked & server if link.startswith(("socket:", "pipe:"))}
    assert len(shared) == 1  # the line to whoever asked: the server says the end on it


def test_forked_kernel_computes_in_one_thread(tmp_path):
    probe = [
        "import os, numpy as np\nbefore = len(os.listdir('/proc/self/task'))\n"
        "x = np.ones((1500, 1500)) @ np.ones((1500, 1500))\n"
        "len(os.listdir('/proc/self/task')) - before"
    ]
    ((_, said),) = asyncio.run(answers("evidence", tmp_path / "k", probe))
    assert json.loads(said)[0][1]["data"]["text/plain"] == "0"


@pytest.mark.parametrize("ours", ["run, papermill", "board, voila"])
def test_importing_what_reads_notebooks_compiles_no_grammar(ours):
    code = (
        f"import sys, evidence.{ours}; assert sys.modules['rfc3987_syntax'] is None; "
        "assert 'lark' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_kernel_interrupts_restarts_and_ends_at_once(tmp_path):
    async def journey():
        kernel = manager("evidence", tmp_path)
        kernel.client_class = "evidence.run.kernels.Client"
        await kernel.start_kernel()
        client = kernel.client()
        client.start_channels()
        await client.wait_for_ready(timeout=60)
        client.execute("import time; time.sleep(60)")
        await asyncio.sleep(0.5)
        await kernel.interrupt_kernel()
        reply = (await client.get_shell_msg(timeout=10))["content"]
        assert reply["ename"] == "KeyboardInterrupt"
        first = kernel.provisioner.pid
        await kernel.restart_kernel(now=True)
        await client.wait_for_ready(timeout=60)
        second = kernel.provisioner.pid
        assert first != second
        began = time.monotonic()
        client.stop_channels()
        await kernel.shutdown_kernel(now=True)
        assert time.monotonic() - began < 1
        assert not await kernel.is_alive()
        return first, second

    assert not alive(asyncio.run(journey()))


def test_killed_kernel_is_known_to_be_dead(tmp_path):
    async def journey():
        kernel = manager("evidence", tmp_path)
        await kernel.start_kernel()
        os.kill(kernel.provisioner.pid, signal.SIGKILL)
        await asyncio.sleep(0.3)
        assert not await kernel.is_alive()
        await kernel.shutdown_kernel(now=True)

    asyncio.run(journey())


STARTER = """
import asyncio, os, sys, tempfile, time
from jupyter_client.manager import AsyncKernelManager
async def start():
    kernel = AsyncKernelManager(kernel_name="evidence")
    kernel.transport, kernel.ip = "ipc", tempfile.mkdtemp() + "/k"
    await kernel.start_kernel()
    print(kernel.provisioner.pid, flush=True)
    time.sleep(60)
asyncio.run(start())
"""


@pytest.mark.parametrize("victim", ["starter", "server"])
def test_kernel_dies_with_whoever_it_hangs_on(victim):
    starter = subprocess.Popen([sys.executable, "-c", STARTER], stdout=subprocess.PIPE, text=True)
    kernel = int(starter.stdout.readline())
    server = server_of(starter.pid)
    assert kernel in children_of(server)
    os.kill(starter.pid if victim == "starter" else server, signal.SIGKILL)
    until = time.monotonic() + 10
    while alive([kernel, server]) and time.monotonic() < until:
        time.sleep(0.05)
    assert not alive([kernel, server])
    starter.kill()
    starter.communicate()


def test_server_that_runs_a_thread_refuses_to_fork(tmp_path):
    (tmp_path / "threaded.py").write_text(
        "import threading, time\nthreading.Thread(target=time.sleep, args=(60,)).start()\n"
    )
    path = os.environ.get("PYTHONPATH", "")
    os.environ["PYTHONPATH"] = f"{tmp_path}{os.pathsep}{path}"
    try:
        server = fork_client.Server("threaded")
    finally:
        os.environ["PYTHONPATH"] = path
    with pytest.raises(EvidenceError, match="cannot fork: it runs 2 threads and must not fork"):
        fork_client.Child(server.place, "job", {})
    server.process.kill()
    server.close()


def test_kernel_is_ordinary_where_it_cannot_be_forked_and_says_so_once(
    tmp_path, monkeypatch, caplog
):
    async def started():
        kernel = manager("evidence", tmp_path)
        await kernel.start_kernel()
        ordinary = not isinstance(kernel.provisioner.process, fork_client.Child)
        assert isinstance(kernel.provisioner, LocalProvisioner)
        await kernel.shutdown_kernel(now=True)
        return ordinary

    monkeypatch.setattr(fork_client, "available", lambda: False)
    fork_client.say_once.cache_clear()
    assert asyncio.run(started())
    assert asyncio.run(started())
    assert [record.message[:22] for record in caplog.records] == ["kernels are not forked"]


def test_only_its_owner_can_ask_a_server():
    server = fork_client.Server("evidence.errors")
    assert Path(server.place).parent.stat().st_mode & 0o077 == 0
    with socket.socket(socket.AF_UNIX) as line:  # nonsense neither hurts it nor stops it
        line.connect(server.place)
        line.sendall(b"not json\n")
        assert b"cannot fork" in line.recv(1000)
    assert fork_client.Child(server.place, "nothing", {}).wait() == 1
    server.close()
    assert not Path(server.place).parent.exists()


def test_asking_and_hanging_up_leaves_no_traceback(capfd):
    server = fork_client.Server("evidence.errors")
    for _ in range(20):  # as when the runner is killed while it waits
        with socket.socket(socket.AF_UNIX) as line:
            line.connect(server.place)
            line.sendall(b'{"target": "job"}\n')
    assert fork_client.Child(server.place, "nothing", {}).wait() == 1
    server.close()
    assert "Broken pipe" not in capfd.readouterr().err


def kernel_of(server):
    argv = ["python", "-m", "ipykernel_launcher", "--IPKernelApp.transport=ipc"]
    argv.append(f"--IPKernelApp.ip={Path(server.place).parent}/{time.monotonic()}")
    child = fork_client.Child(server.place, "kernel", {"argv": argv, "env": dict(os.environ)})
    next(child.messages())
    return child


def test_server_outlives_an_end_and_a_hang_up_at_one_moment():
    server = fork_client.Server()
    other, ended = kernel_of(server), kernel_of(server)
    os.kill(server.process.pid, signal.SIGSTOP)
    os.kill(ended.pid, signal.SIGKILL)
    time.sleep(0.2)
    ended.close()
    os.kill(server.process.pid, signal.SIGCONT)
    time.sleep(0.5)
    assert server.process.poll() is None
    assert other.poll() is None
    other.close()
    server.close()


def test_server_outlives_having_no_descriptor_left():
    server = fork_client.Server("evidence.errors")
    with socket.socket(socket.AF_UNIX) as line:
        line.connect(server.place)
        line.sendall(b"{}\n")
        line.recv(1000)  # it is ready
    used = len([*Path(f"/proc/{server.process.pid}/fd").iterdir()])
    resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (used, 4096))
    with socket.socket(socket.AF_UNIX) as line:
        line.connect(server.place)
        time.sleep(0.3)
        assert server.process.poll() is None
        resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (4096, 4096))
        line.sendall(b"not json\n")
        assert b"cannot fork" in line.recv(1000)
    server.close()


START_TWO = (
    "import subprocess; "
    "[open(f'{name}', 'w').write(str(subprocess.Popen(['sleep', '60'], start_new_session=new).pid))"
    " for name, new in (('one', False), ('two', True))]"
)


def test_what_a_kernel_started_goes_with_it(tmp_path):
    server = fork_client.Server()
    argv = ["python", "-m", "ipykernel_launcher", "--IPKernelApp.transport=ipc"]
    argv += [f"--IPKernelApp.ip={tmp_path}/k", f"--IPKernelApp.exec_lines={START_TWO}"]
    child = fork_client.Child(server.place, "kernel", {"argv": argv, "env": dict(os.environ),
                         "cwd": str(tmp_path)})  # fmt: skip
    next(child.messages())
    started = [int(p.read_text()) for p in (tmp_path / "one", tmp_path / "two")]
    assert alive(started) == started
    child.close()
    until = time.monotonic() + 5
    while alive(started) and time.monotonic() < until:
        time.sleep(0.05)
    assert not alive(started)
    server.close()
