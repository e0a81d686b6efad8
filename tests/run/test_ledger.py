"""What a run folder in the making may not hold."""

import base64
import gzip
import io
import os
import socket
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from evidence.run.ledger import Draft, at_work, open_ledger

SECRET = "correct horse/battery+staple"


def picture(zipped):
    """Return a PNG that says a secret in its text."""
    info, out = PngInfo(), io.BytesIO()
    info.add_text("Comment", f"made with {SECRET}", zip=zipped)
    Image.new("L", (4, 4)).save(out, "png", pnginfo=info)
    return out.getvalue()


def packed(content):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("a.txt", "nothing")
        file.writestr("b.txt", content)
    return out.getvalue()


WRITTEN = {
    "plain": SECRET.encode(),
    "utf-16": f"x{SECRET}".encode("utf-16"),
    "utf-16, the other way": SECRET.encode("utf-16-be"),
    "gzip": gzip.compress(SECRET.encode()),
    "zip": packed(SECRET),
    "base64": base64.b64encode(SECRET.encode()),
    "base64 of more, one on": base64.b64encode(f"a{SECRET}b".encode()),
    "base64 of more, two on": base64.b64encode(f"ab{SECRET}b".encode()),
    "base64 for addresses": base64.urlsafe_b64encode(f"abc{SECRET}".encode()),
    "text of a picture": picture(zipped=False),
    "packed text of a picture": picture(zipped=True),
    "base64 of a picture's text": base64.b64encode(picture(zipped=False)),
}


@pytest.mark.parametrize("how", WRITTEN)
def test_secret_is_found_however_it_is_written(tmp_path, how):
    draft = Draft(tmp_path / "lamp/2018/abc")
    (draft.folder / "effects.parquet").write_bytes(b"")
    (draft.folder / "harmless").write_bytes(gzip.compress(b"nothing")[:-4] + b"PK")
    assert draft.fault({"KEY": SECRET}) == ""
    (draft.folder / "other").write_bytes(WRITTEN[how])
    assert draft.fault({"KEY": SECRET}) == "its file other holds the secret KEY; write results only"


def test_draft_is_for_its_owner(tmp_path):
    draft = Draft(tmp_path / "lamp/2018/abc")
    assert draft.folder.stat().st_mode & 0o777 == 0o700


HOLD = """
import sys, time
from pathlib import Path
from evidence.run.ledger import Draft
draft = Draft(Path(sys.argv[1]))
draft.reach(1, 5)
print(draft.folder, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def other(tmp_path):
    """Return a process that makes a draft, and the draft's folder."""
    final = tmp_path / "lamp/2018/abc"
    command = [sys.executable, "-c", HOLD, str(final)]
    with subprocess.Popen(command, stdin=-1, stdout=-1, text=True) as process:
        yield process, Path(process.stdout.readline().strip())
        process.kill()


@pytest.mark.parametrize("made", [-9 * 86_400, -3600, 9 * 86_400])
@pytest.mark.parametrize("host", ["this", "another"])
def test_clock_that_jumps_takes_no_draft_from_a_live_process(tmp_path, other, made, host):
    process, folder = other
    if host == "another":  # as in a container of another name that shares the disk
        folder = folder.rename(folder.with_name(folder.name.replace(socket.gethostname(), "far")))
    os.utime(folder, (time.time() + made,) * 2)
    with open_ledger(tmp_path):
        assert folder.is_dir()
    if host == "this":
        assert at_work(tmp_path)["abc"]["cell"] == 1
    process.kill()
    process.wait()
    if host == "this":
        assert at_work(tmp_path) == {}
    with open_ledger(tmp_path):
        assert folder.is_dir() == (host == "another" and made > -86_400)


def test_draft_that_is_done_with_holds_no_file_open(tmp_path):
    def opened():
        return len([*Path("/proc/self/fd").iterdir()])

    before = opened()
    for number in range(3):
        Draft(tmp_path / f"lamp/2018/{number}").publish({}, replace=False)
        Draft(tmp_path / f"lamp/2018/{number}").discard()
        Draft(tmp_path / f"lamp/2018/{number}").set_aside(tmp_path / "failed")
    assert opened() == before


@pytest.fixture
def usual_umask():
    before = os.umask(0o022)  # as on most machines; the command itself sets a stricter one
    yield
    os.umask(before)


def test_what_a_run_wrote_is_for_its_owner_only(tmp_path, usual_umask):
    for number, end in enumerate(("publish", "set aside")):
        draft = Draft(tmp_path / f"lamp/2018/{number}")
        (draft.folder / "notebook.ipynb").write_text("{}")
        final = draft.final
        if end == "publish":
            draft.publish({"run_id": "0"}, replace=False)
        else:
            final = tmp_path / "failed"
            draft.set_aside(final)
        assert final.stat().st_mode & 0o777 == 0o700
        assert {path.stat().st_mode & 0o777 for path in final.iterdir()} == {0o600}
