import json
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest

from evidence.board import server

pytestmark = pytest.mark.slow
DASHBOARDS = Path(__file__).parents[2] / "dashboards"
ROWS = ".board table.rows tbody tr"
HEAVY = ("linearmodels", "statsmodels", "matplotlib", "seaborn", "scipy", "pandera", "papermill")


def free_port():
    """Return a port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def served(published, token=""):
    """Serve the board on a free port and end the server, whatever happens."""
    port = free_port()
    process = subprocess.Popen(
        server.command(port, token, DASHBOARDS),
        env=server.environment(published, DASHBOARDS),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(process, port)
        yield f"http://127.0.0.1:{port}/"
    finally:
        process.terminate()
        process.wait(20)


def wait_for(process, port):
    """Wait until a server answers."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", port), 0.2).close()
            return
        except OSError:
            assert process.poll() is None, "Voila stopped while starting"
            time.sleep(0.1)
    raise AssertionError("Voila did not answer within a minute")


@pytest.fixture(scope="module")
def board(published):
    with served(published) as address:
        yield address


@pytest.mark.parametrize("width", [1280, 390])
def test_board_opens_filters_and_explains(board, visit, width):
    seen = visit(width)
    page = seen.page
    page.goto(board)
    page.wait_for_selector(ROWS)
    assert page.locator("h1").inner_text() == "Three of seven programmes helped and one did harm"
    assert page.locator(ROWS).count() == 8
    assert page.get_by_label("Why should I believe this?").input_value() != ""
    page.get_by_label("Verdict").select_option("worse than similar")
    page.wait_for_function(f"document.querySelectorAll('{ROWS}').length === 1")
    assert "Mobilise: TA training" in page.locator(ROWS).inner_text()
    heading = page.get_by_role("heading", name="Mobilise: TA training: why should I believe this?")
    heading.wait_for()
    assert seen.overflow() <= 0
    assert seen.violations() == []
    assert seen.faults == []
    assert seen.outside(board) == []


def test_board_empty_choice_is_a_plain_sentence(board, visit):
    page = visit(1280).page
    page.goto(board)
    page.wait_for_selector(ROWS)
    page.get_by_label("Verdict").select_option("worse than similar")
    page.get_by_label("Year").select_option("2017/18")
    page.get_by_text("No result matches these choices.").wait_for()
    assert page.locator(ROWS).count() == 0
    assert page.get_by_label("Why should I believe this?").is_hidden()


def test_board_without_release_is_a_plain_sentence(tmp_path, visit):
    with served(tmp_path) as address:
        page = visit(1280).page
        page.goto(address)
        page.get_by_role("heading", name="There is no release to show yet").wait_for()


def answered(request):
    """Return the status of an answer; 302 where it led to the login page."""
    try:
        with urllib.request.urlopen(request) as page:
            return 302 if "/login" in page.url else page.status
    except urllib.error.HTTPError as refused:
        refused.close()
        return refused.code


def test_board_without_token_refuses_page_file_and_socket(published):
    socket_asked = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    }
    with served(published, "a-long-token") as address:
        assert answered(f"{address}?token=a-long-token") == 200
        assert answered(address) == 302
        for path in ("voila/files/board.ipynb", "voila/files/x.svg", "api/contents"):
            assert answered(address + path) in (302, 403, 404)
        channels = f"{address}api/kernels/00000000-0000-0000-0000-000000000000/channels"
        assert answered(urllib.request.Request(channels, headers=socket_asked)) == 403


def test_board_imports_no_modelling_library(published):
    notebook = json.loads((DASHBOARDS / "board.ipynb").read_text(encoding="utf-8"))
    cells = ["".join(c["source"]) for c in notebook["cells"] if c["cell_type"] == "code"]
    assert all(not cell["outputs"] for cell in notebook["cells"] if cell["cell_type"] == "code")
    assert not any("def " in cell for cell in cells)
    asked = f"import sys; print(*sys.modules.keys() & set({HEAVY}))"
    found = subprocess.run(
        [sys.executable, "-c", "\n".join([*cells, asked])],
        env=server.environment(published, DASHBOARDS),
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.strip() == ""
