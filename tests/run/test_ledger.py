"""What a run folder in the making may not hold."""

import base64
import gzip
import io
import zipfile

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from evidence.run.ledger import Draft

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
