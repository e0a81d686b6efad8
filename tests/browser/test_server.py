"""What the dashboards' server refuses, survives and says in plain words."""

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from evidence.board import sandbox
from evidence.release.store import reader

from .serving import (
    DASHBOARDS,
    ask,
    becomes,
    free_port,
    kernel_of,
    kernels_of,
    memory,
    refused,
    served,
    talk,
    throw,
    until,
)

pytestmark = pytest.mark.slow
TOKEN = "a-long-token-of-this-test"
READY = "body[data-ready]"
NOBODY = "00000000-0000-0000-0000-000000000000"
SECRET = "pupil 93.918264 of Quillfeather"


@pytest.fixture(scope="module")
def place(published, tmp_path_factory):
    """Return a project's folder: a release, and beside it data and runs that nobody may read."""
    root = tmp_path_factory.mktemp("project")
    shutil.copytree(published, root / "published", symlinks=True)
    for name in ("data", "runs"):
        (root / name).mkdir()
        (root / name / "pupils.csv").write_text(SECRET)
    return root


@pytest.fixture(scope="module", autouse=True)
def deserted(place, chromium):
    """Return whether kernels end: of four tabs two are closed, and two go without a beacon."""
    with served(place / "published") as address:
        pool = until(lambda: len(kernels_of(address.pid)) == 1 and kernels_of(address.pid))
        context = chromium.new_context()
        tabs = [context.new_page() for _ in range(4)]
        for tab in tabs:
            tab.goto(address)
            tab.wait_for_selector(READY, timeout=60_000)
        until(lambda: len(kernels_of(address.pid)) == 5)
        assert not set(pool) - set(kernels_of(address.pid))  # the first was ready beforehand
        for tab in tabs[:2]:
            tab.close(run_before_unload=True)
        until(lambda: len(kernels_of(address.pid)) == 3, 20)
        context.close()  # as when a telephone loses its battery
        with ThreadPoolExecutor(1) as watch:
            yield watch.submit(until, lambda: len(kernels_of(address.pid)) == 1, 60)


@pytest.fixture(scope="module")
def open_site(place):
    with served(place / "published") as address:
        yield address


@pytest.fixture(scope="module")
def closed_site(place):
    with served(place / "published", TOKEN) as address:
        yield address


@pytest.fixture(scope="module")
def member(closed_site):
    """Return the cookie of somebody who had the link."""
    status, headers, _ = ask(closed_site, f"?token={TOKEN}")
    assert status == 302
    assert "token" not in headers["Location"]
    cookie = headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    return cookie.partition(";")[0]


def test_cookie_given_behind_https_travels_over_nothing_else(closed_site):
    forwarded = {"X-Forwarded-Proto": "https"}
    assert "Secure" in ask(closed_site, f"?token={TOKEN}", **forwarded)[1]["Set-Cookie"]
    assert "Secure" not in ask(closed_site, f"?token={TOKEN}")[1]["Set-Cookie"]


def assets(page):
    """Return the addresses of the scripts and styles of a page."""
    return re.findall(r'(?:src|href|data-then)="/(assets/[^"]+)"', page)


def test_without_the_token_every_page_file_and_socket_refuses(closed_site, member):
    status, _, page = ask(closed_site, Cookie=member)
    assert status == 200
    kernel = kernel_of(page)
    files = assets(page)
    assert len(files) >= 3
    for path in ("", "board", "programme", "area", "hub", *files, "download/effects.csv",
                 "download/bundle.zip", f"alive/{kernel}", f"api/kernels/{kernel}"):  # fmt: skip
        for bad in ({}, {"Cookie": member[:-4] + "AAAA"}, {"Authorization": "token wrong"}):
            status, _, text = ask(closed_site, path, **bad)
            assert status in (302, 403), (path, bad)
            assert "better than similar" not in text
        if "bundle" not in path:
            assert ask(closed_site, path, Cookie=member)[0] in (200, 204), path
    assert refused(closed_site, kernel) == 403
    assert refused(closed_site, kernel, "a=b") == 403
    assert refused(closed_site, kernel, member) == 101
    assert ask(closed_site, f"voila/api/shutdown/{kernel}", "POST", b"")[0] in (302, 403)
    assert ask(closed_site, "?token=wrong")[0] == 302
    status, _, text = ask(closed_site, f"alive/{kernel}", Cookie=member)
    assert status == 204


def test_word_typed_opens_and_a_wrong_one_does_not(closed_site, visit):
    page = visit(390).page
    page.goto(closed_site + "hub")
    page.get_by_label("Password").fill("wrong")
    page.keyboard.press("Enter")
    page.get_by_role("alert").wait_for()
    page.get_by_label("Password").fill(TOKEN)
    page.keyboard.press("Enter")
    page.wait_for_selector(READY, timeout=60_000)
    assert page.url == closed_site + "hub"


def test_login_page_is_accessible_and_leads_nowhere_else(closed_site, visit):
    seen = visit(390)
    seen.page.goto(closed_site)
    assert seen.violations() == []
    assert seen.overflow() <= 0
    seen.page.goto(f"{closed_site}login?next=https://a.example/")
    seen.page.get_by_label("Password").fill(TOKEN)
    seen.page.keyboard.press("Enter")
    seen.page.wait_for_selector(READY, timeout=60_000)
    assert seen.outside(closed_site) == []


def test_every_answer_carries_a_strict_policy(open_site):
    for path in ("", "login", "nothing", f"alive/{NOBODY}"):
        _, headers, _ = ask(open_site, path)
        policy = headers["Content-Security-Policy"]
        assert "script-src 'self';" in policy
        assert "default-src 'none'" in policy
        assert headers["X-Content-Type-Options"] == "nosniff"


def test_only_listed_addresses_answer(open_site):
    for path in ("api/contents", "api/kernels", "api/sessions", "api/terminals", "api/kernelspecs",
                 "voila/files/board.ipynb", "voila/files/x.svg", "voila/api/contents", "voila/tree",
                 "voila/render/board.ipynb", "board.ipynb", "static/etc/passwd", "voila/static/",
                 "voila/templates/evidence/static/page.js", "voila/api/themes/x", "metrics",
                 "logout", "download/release.json", "download/", "voila/query/x"):  # fmt: skip
        status, _, text = ask(open_site, path)
        assert status == 404, path
        assert "There is nothing at this address" in text
    for method in ("DELETE", "PUT", "PATCH", "POST"):
        assert ask(open_site, f"api/kernels/{NOBODY}", method, b"{}")[0] in (403, 404, 405)
        assert ask(open_site, f"api/kernels/{NOBODY}/restart", method, b"{}")[0] in (403, 404, 405)


def traversals():
    """Return many ways to ask for a file outside."""
    ups = ("../", "..%2f", "%2e%2e/", "%2e%2e%2f", "..%5c", "..\\", "....//", "%252e%252e%252f",
           "..%c0%af", "..;/", ".%2e/", "%00../")  # fmt: skip
    ends = ("etc/passwd", "data/pupils.csv", "runs/pupils.csv", "published/current/release.json")
    roots = ("", "assets/{d}/page/", "assets/{d}/voila/", "download/", "alive/")
    for root in roots:
        for up in ups:
            for end in ends:
                yield root + up * 6 + end
        for end in ends:
            yield f"{root}//{end}"
            yield f"{root}{'/'.join(['..'] * 12)}/{end}"


def raw(address, path):
    """Ask for a path exactly as it is written, which libraries would tidy."""
    import socket

    host, _, port = address[7:].strip("/").partition(":")
    with socket.create_connection((host, int(port)), 10) as line:
        line.sendall(f"GET /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        parts = []
        while part := line.recv(65536):
            parts.append(part)
    return b"".join(parts).decode("utf-8", "replace")


def test_no_path_leads_outside(open_site, place):
    digest = assets(ask(open_site)[2])[0].split("/")[1]
    absolute = [
        f"assets/{digest}/page/{place}/data/pupils.csv",
        f"assets/{digest}/page//etc/passwd",
    ]
    tried = [path.replace("{d}", digest) for path in traversals()] + absolute
    assert len(tried) > 250
    assert raw(open_site, f"assets/{digest}/page/page.js").startswith("HTTP/1.1 200")
    for path in tried:
        text = raw(open_site, path)
        assert text[9:12] in ("400", "403", "404"), path
        assert SECRET not in text
        assert "root:" not in text
        assert '"programmes"' not in text


def test_messages_that_run_code_are_ignored(open_site, tmp_path):
    kernel = kernel_of(ask(open_site)[2])
    mark = tmp_path / "was-here"
    code = f"open({str(mark)!r}, 'w').write('1'); print('canary' + 'canary')"
    heard = talk(
        open_site, kernel,
        [("execute_request", {"code": code, "silent": False, "store_history": True,
                              "user_expressions": {"x": "1"}, "allow_stdin": False}),
         ("inspect_request", {"code": "print", "cursor_pos": 3, "detail_level": 1}),
         ("complete_request", {"code": "pri", "cursor_pos": 3}),
         ("history_request", {"hist_access_type": "tail", "n": 9, "output": True, "raw": True}),
         ("debug_request", {"type": "request", "command": "debugInfo", "seq": 1}),
         ("is_complete_request", {"code": "1"}),
         ("shutdown_request", {"restart": False}),
         ("kernel_info_request", {})],
    )  # fmt: skip
    told = "".join(heard)
    assert "kernel_info_reply" in told
    for kind in ("execute", "inspect", "complete", "history", "debug", "shutdown"):
        assert f"{kind}_reply" not in told
    assert "canarycanary" not in told
    assert not mark.exists()
    assert ask(open_site, f"alive/{kernel}")[0] == 204


def test_forged_choices_change_nothing_and_show_no_traceback(open_site, visit):
    seen = visit(1280)
    frames = []
    seen.page.on("websocket", lambda s: s.on("framereceived", lambda one: frames.append(str(one))))
    seen.page.goto(open_site)
    seen.page.wait_for_selector(READY, timeout=60_000)
    kernel = seen.page.evaluate("document.body.dataset.kernel")
    models = [select.get_attribute("id") for select in seen.page.locator("select").all()]
    assert len(models) == 3
    heard = talk(open_site, kernel, [("comm_info_request", {"target_name": "jupyter.widget"})])
    comms = next(json.loads(one) for one in heard if "comm_info_reply" in one)["content"]["comms"]
    before = seen.page.locator(".board").inner_text()
    forged = [
        {"index": 999}, {"index": -5}, {"index": "x"}, {"index": {"a": 1}}, {"index": 1e300},
        {"value": "<img src=x onerror=1>"}, {"_options_labels": ["<script>1</script>"] * 9},
        {"label": "../../../data/pupils.csv"}, {"options": ["x"]}, {"__class__": "x"},
    ]  # fmt: skip
    messages = [
        ("comm_msg", {"comm_id": comm, "data": {"method": "update", "state": state}})
        for comm in comms
        for state in forged
    ]
    messages += [("comm_msg", {"comm_id": comm, "data": bad}) for comm in comms
                 for bad in ({}, {"method": "custom"}, {"method": "x"}, [])]  # fmt: skip
    messages += [("comm_open", {"comm_id": "z", "target_name": "jupyter.widget", "data": {}})]
    told = "".join(talk(open_site, kernel, messages, 6))
    seen.page.wait_for_timeout(1000)
    for text in (told, "".join(frames), seen.page.locator(".board").inner_text()):
        assert "Traceback" not in text
        assert "/evidence/" not in text
        assert SECRET not in text
    assert seen.page.locator(".board").inner_text() == before
    assert ask(open_site, f"alive/{kernel}")[0] == 204


def test_page_shows_no_source_and_no_path(open_site):
    for name in ("board", "programme", "area", "hub"):
        text = ask(open_site, name)[2]
        assert "import" not in text.replace("important", "")
        assert str(Path(sys.prefix)) not in text
        assert "/tmp/" not in text


@pytest.mark.skipif(not sandbox.version(), reason="this kernel has no Landlock")
def test_dashboard_processes_cannot_open_data_or_runs(place, tmp_path, monkeypatch):
    """A notebook that tries is the dashboard: whatever a dashboard could be made to do."""
    monkeypatch.setenv("PLANTED", "1")
    trial = tmp_path / "dashboards"
    shutil.copytree(DASHBOARDS, trial)
    code = f"""
import os, socket, subprocess, json
from pathlib import Path
root = Path({str(place)!r})
found = {{}}
def attempt(name, act):
    try:
        found[name] = repr(act())[:40]
    except Exception as error:
        found[name] = type(error).__name__
attempt("data", (root / "data/pupils.csv").read_text)
attempt("runs", (root / "runs/pupils.csv").read_text)
attempt("list", lambda: os.listdir(root))
attempt("project", lambda: open({str(Path(__file__).parents[2] / "pyproject.toml")!r}).read())
attempt("home", lambda: os.listdir("/root"))
attempt("shell", lambda: subprocess.run(
    ["cat", str(root / "data/pupils.csv")], capture_output=True, text=True, check=True).stdout)
attempt("link", lambda: (os.symlink(root / "data", "link"), open("link/pupils.csv").read()))
attempt("write", lambda: (root / "published/x").write_text("x"))
attempt("connect", lambda: socket.create_connection(("127.0.0.1", 9), 1))
attempt("release", lambda: (root / "published/current/release.json").read_text()[:1])
found["cwd"] = os.listdir(".")
def started_with():
    text = b""
    for number in filter(str.isdecimal, os.listdir("/proc")):
        try:
            text += open(f"/proc/{{number}}/environ", "rb").read()
        except OSError:
            pass
    words = (b"PLANTED", b"EVIDENCE_TOKEN", b"EVIDENCE_SERVE", {TOKEN.encode()!r})
    return [word for word in words if word in text]
attempt("started with", started_with)
found["env"] = sorted(k for k in os.environ if "TOKEN" in k or "SERVE" in k)
import ipywidgets
ipywidgets.HTML("<h1>" + json.dumps(found).replace('"', "'") + "</h1>")
"""
    notebook = json.loads((trial / "board.ipynb").read_text())
    notebook["cells"][0]["source"] = code
    (trial / "board.ipynb").write_text(json.dumps(notebook))
    with served(place / "published", TOKEN, trial, ready={}) as address:
        cookie = ask(address, f"?token={TOKEN}")[1]["Set-Cookie"].partition(";")[0]
        kernel = kernel_of(ask(address, Cookie=cookie)[2])
        heard = talk(
            address, kernel, [("comm_info_request", {"target_name": "jupyter.widget"})], 1, cookie
        )
        told = next(json.loads(one) for one in heard if "comm_info_reply" in one)
        comm = told["content"]["comms"]
        state = "".join(
            talk(address, kernel, [("comm_msg", {"comm_id": c, "data": {"method": "request_state"}})
                                   for c in comm], 2, cookie)
        )  # fmt: skip
    for name in ("data", "runs", "list", "project", "home", "link", "write", "connect"):
        assert f"'{name}': 'PermissionError'" in state, name
    assert "'shell': 'CalledProcessError'" in state
    assert "'cwd': []" in state or "'cwd': ['link']" in state
    assert "'env': []" in state
    assert "'started with': '[]'" in state
    assert "'release': \"'{'\"" in state or "'release': '" in state
    assert SECRET not in state


def test_one_more_than_there_is_room_for_waits_politely(place, visit):
    with served(place / "published", places=2) as address:
        pages = [ask(address) for _ in range(2)]
        assert [status for status, *_ in pages] == [200, 200]
        status, headers, text = ask(address)
        assert status == 503
        assert headers["Retry-After"] == "30"
        assert "Please wait a moment" in text
        seen = visit(390)
        seen.page.goto(address)
        assert seen.violations() == []
        beacon = f"voila/api/shutdown/{kernel_of(pages[0][2])}"
        assert ask(address, beacon, "POST", b"", **{"Sec-Fetch-Site": "cross-site"})[0] == 403
        assert ask(address, beacon, "POST", b"")[0] == 204
        assert ask(address)[0] == 200


def test_dead_kernel_is_told_and_reloading_mends_it(place, visit):
    with served(place / "published", ready={}) as address:
        seen = visit(1280)
        page = seen.page
        page.goto(address)
        page.wait_for_selector(READY, timeout=60_000)
        assert page.locator("#lost").is_hidden()
        for one in kernels_of(address.pid):
            os.kill(one, 9)
        page.get_by_text("This page has lost its connection").wait_for(timeout=10_000)
        assert page.locator("select").first.is_disabled()
        assert seen.violations() == []
        page.get_by_role("button", name="Load it again").click()
        page.wait_for_selector(READY, timeout=60_000)
        page.get_by_label("Years with a cohort").select_option("1986/87")
        becomes(page, "document.querySelectorAll('.board tbody.one').length === 1")
        assert "Traceback" not in page.content()


def test_new_release_is_what_the_next_visitor_sees(published, tmp_path):
    place = tmp_path / "published"
    shutil.copytree(published, place, symlinks=True)
    with served(place) as address:
        until(lambda: len(kernels_of(address.pid)) == 1)
        number = reader.release(place)["number"]
        assert f"release {number} ·" in ask(address)[2]
        until(lambda: len(kernels_of(address.pid)) == 2)  # one looks at it, one is ready
        other = place / f"{number - 1:04d}"
        (place / ".next").symlink_to(other.name)
        (place / ".next").replace(place / "current")
        assert f"release {number - 1} ·" in ask(address)[2]


def broken(place, how):
    """Break the current release of a copy."""
    folder = (place / "current").resolve()
    for one in [folder, *folder.rglob("*")]:
        one.chmod(0o755 if one.is_dir() else 0o644)
    record = json.loads((folder / "release.json").read_text())
    if how == "no release":
        shutil.rmtree(place)
    elif how == "record is not JSON":
        (folder / "release.json").write_text("{")
    elif how == "record without programmes":
        (folder / "release.json").write_text(json.dumps({"number": 1, "date": "2026-01-01"}))
    elif how == "no effects":
        (folder / "effects.parquet").unlink()
    elif how == "effects are not parquet":
        (folder / "effects.parquet").write_bytes(b"PAR1 and nothing else")
    elif how == "effects without a column":
        reader.effects(place).drop(columns=["verdict"]).to_parquet(folder / "effects.parquet")
    elif how == "nothing released":
        reader.effects(place)[:0].to_parquet(folder / "effects.parquet")
    elif how == "figures are gone":
        for entry in record["figures"]:
            (folder / f"{entry['path']}.svg").unlink()
    return how


FAULTS = ("no release", "record is not JSON", "record without programmes", "no effects",
          "effects are not parquet", "effects without a column", "nothing released",
          "figures are gone")  # fmt: skip


@pytest.mark.parametrize("how", FAULTS)
def test_broken_release_is_a_plain_sentence(published, tmp_path, how, monkeypatch):
    from evidence.board.board import board
    from evidence.board.hub import hub
    from evidence.board.programme import programme

    place = tmp_path / "published"
    shutil.copytree(published, place, symlinks=True)
    broken(place, how)
    for build in (board, programme, hub):
        text = build(place)._repr_mimebundle_()["text/html"]
        assert "<h1>" in text
        assert "Traceback" not in text
        assert str(tmp_path) not in text
        if how == "figures are gone" and build is programme:
            assert "This figure is missing from the release." in text
        elif how == "nothing released":
            watched = build is programme and "Too little to judge" in text
            assert build is hub or watched or "has a result to show yet" in text
        elif how != "figures are gone":
            assert "There is no release to show yet" in text


def test_release_that_breaks_while_it_is_served_is_a_plain_sentence(published, tmp_path, visit):
    place = tmp_path / "published"
    shutil.copytree(published, place, symlinks=True)
    with served(place) as address:
        seen = visit(1280)
        seen.page.goto(f"{address}programme?programme=feedback")
        seen.page.wait_for_selector(READY, timeout=60_000)
        broken(place, "figures are gone")
        seen.page.get_by_label("Show").select_option("What changed?")
        seen.page.get_by_text("This figure is missing from the release.").wait_for()
        broken(place, "record is not JSON")
        seen.page.get_by_label("Programme").select_option("LAMP")
        seen.page.get_by_role("heading", name="LAMP – maths").wait_for()
        status, _, text = ask(address)
        assert status == 200
        assert "There is no release to show yet" in text
        assert seen.faults == []


def test_notebook_that_fails_is_a_plain_page(place, tmp_path):
    trial = tmp_path / "dashboards"
    shutil.copytree(DASHBOARDS, trial)
    notebook = json.loads((trial / "board.ipynb").read_text())
    notebook["cells"][0]["source"] = f"raise ValueError({SECRET!r})"
    (trial / "board.ipynb").write_text(json.dumps(notebook))
    with served(place / "published", dashboards=trial) as address:
        status, _, text = ask(address)
        assert status == 500
        assert "This page could not be shown" in text
        assert SECRET not in text
        assert ask(address, "hub")[0] == 200
        until(lambda: len(kernels_of(address.pid)) <= 1)


def test_command_line_names_what_is_wrong_and_hides_the_token(place, tmp_path):
    def run(*arguments):
        return subprocess.run(
            [sys.executable, "-m", "evidence.cli", "dashboard", *arguments],
            capture_output=True, text=True, cwd=DASHBOARDS.parent, timeout=60,
        )  # fmt: skip

    short = tmp_path / "password"
    short.write_text("short\n")
    free = ("--port", str(free_port()))  # that of a dashboard left running may be taken
    ended = run("--published", str(place / "published"), "--password-file", str(short), *free)
    assert ended.returncode == 1
    assert ended.stderr.strip().endswith("its first line needs at least 12 characters")
    assert run("--published", str(tmp_path)).stderr.startswith("evidence: no release in")
    with served(place / "published", TOKEN) as address:
        port = address.rpartition(":")[2].strip("/")
        taken = run("--published", str(place / "published"), "--port", port)
        assert taken.stderr.strip() == (
            f"evidence: port {port} cannot be used: try --port {int(port) + 1}"
        )
        line = Path(f"/proc/{address.pid}/cmdline").read_bytes()
        assert TOKEN.encode() not in line


def test_twenty_visitors_at_once_are_all_served(place):
    with served(place / "published") as address, ThreadPoolExecutor(20) as crowd:
        began = time.monotonic()
        answers = list(crowd.map(lambda _: ask(address)[0], range(20)))
        assert answers == [200] * 20
        assert time.monotonic() - began < 60  # 5 s on a quiet machine: benchmarks/dashboards.py


def test_only_names_of_this_machine_and_of_the_proxy_are_answered(place, open_site):
    assert ask(open_site, Host="evil.example")[0] == 403
    assert ask(open_site, Host="localhost:1234")[0] == 200
    hosts = ["evidence.example"]
    with served(place / "published", TOKEN, ready={}, hosts=hosts) as address:
        assert ask(address, "login", Host="evidence.example")[0] == 200
        assert ask(address, "login", Host="evil.example")[0] == 403


def test_every_cookie_stays_on_its_own_site(closed_site):
    given = [
        *ask(closed_site, f"?token={TOKEN}")[1].get_all("Set-Cookie"),
        *ask(closed_site, "login")[1].get_all("Set-Cookie"),
    ]
    assert len(given) > 1
    assert [cookie for cookie in given if "SameSite=Lax" not in cookie] == []


def test_many_wrong_words_shut_the_door_for_a_while_but_not_for_those_inside(place):
    with served(place / "published", TOKEN, ready={}) as address:
        cookie = ask(address, f"?token={TOKEN}")[1]["Set-Cookie"].partition(";")[0]
        said = [ask(address, f"?token=guess-{i}")[0] for i in range(130)]
        assert said[:100] == [302] * 100  # to the page that asks for the word
        assert said[100:] == [429] * 30
        assert ask(address, f"?token={TOKEN}")[0] == 429  # a right one is not told either
        assert ask(address, "login", Cookie=cookie)[0] in (200, 302)
        assert "Please wait a minute" in ask(address, "?token=another-guess")[2]
        assert ask(address, "download/effects.csv", Cookie=cookie)[0] == 200


def test_messages_that_lie_about_their_lengths_cost_nothing(place):
    with served(place / "published") as address:
        kernel = kernel_of(ask(address)[2])
        before = memory(address.pid)
        end = time.monotonic() + 10
        for frame in (
            (2**25).to_bytes(8, "little"),
            (2**62).to_bytes(8, "little") + bytes(800),
            b"",
            b"abc",
            (3).to_bytes(8, "little") + b"".join(i.to_bytes(8, "little") for i in (9**9, 1, 2)),
            bytes(8 * 64),
        ):
            assert throw(address, kernel, [frame]) == 1003
        assert time.monotonic() < end
        assert memory(address.pid) - before < 50
        assert ask(address)[0] == 200


def test_requests_too_large_are_refused(open_site):
    before = memory(open_site.pid)
    with contextlib.suppress(OSError):
        assert ask(open_site, "login", "POST", bytes(20_000_000))[0] in (400, 403, 413)
    assert memory(open_site.pid) - before < 30
    assert ask(open_site)[0] == 200


def test_link_in_the_releases_is_not_served(published, tmp_path):
    place = tmp_path / "published"
    shutil.copytree(published, place, symlinks=True)
    (place / "secret").write_text(SECRET)
    folder = (place / "current").resolve()
    folder.chmod(0o755)
    for name in ("effects.csv", "results.xlsx"):
        (folder / name).unlink()
        (folder / name).symlink_to("/etc/passwd" if name == "effects.csv" else place / "secret")
    with served(place, ready={}) as address:
        for name in ("effects.csv", "results.xlsx", "bundle.zip"):
            status, _, text = ask(address, f"download/{name}")
            assert status == 500
            assert "This page could not be shown" in text
            assert "root:" not in text
            assert SECRET not in text


def test_fault_leaves_neither_password_nor_traceback_in_the_log(published, tmp_path):
    place, log = tmp_path / "published", tmp_path / "log"
    shutil.copytree(published, place, symlinks=True)
    with log.open("w") as file, served(place, TOKEN, log=file, ready={}) as address:
        broken(place, "record is not JSON")
        for path in (
            "download/bundle.zip",
            "alive/x",
            "login",
            "",
            "%ff",
            "api/kernels/x/channels",
        ):
            for word in (TOKEN, "near-miss-of-a-password"):
                ask(address, f"{path}?token={word}")
                ask(address, path, Authorization=f"token {word}")
    said = log.read_text()
    assert "/download/bundle.zip" in said  # whoever runs the server learns where it was
    for word in (TOKEN, "near-miss", "Traceback"):
        assert word not in said


@pytest.mark.parametrize("seconds", [0.1, 0.6, 1.5])
def test_server_stopped_while_it_starts_kernels_says_nothing_and_leaves_none(
    published, tmp_path, seconds
):
    with (tmp_path / "log").open("w") as log:
        with served(published, log=log, ready={"board.ipynb": 3, "programme.ipynb": 2}) as address:
            until(lambda: kernels_of(address.pid))
            time.sleep(seconds)
            started = kernels_of(address.pid)
        until(lambda: not any(Path(f"/proc/{one}").exists() for one in started), 10)
    assert (tmp_path / "log").read_text() == ""


def test_kernels_end_when_tabs_close(deserted):
    """Last, so that the other tests run while those of the lost tabs are waited for."""
    assert deserted.result()
