"""Secrets: named in the register, kept in the environment, written nowhere."""

from __future__ import annotations

import base64
import html
import json
import os
import re
from urllib.parse import quote, quote_plus

from evidence.errors import EvidenceError

REFERENCE = re.compile(r"env:[A-Za-z_][A-Za-z0-9_]*")
IN_TEXT = re.compile(r"\benv:([A-Za-z_][A-Za-z0-9_]*)")
SHORTEST = 8  # characters; anything shorter is found in ordinary text by chance


def secret(reference: str) -> str:
    """Return the secret that a parameter refers to.

    Parameters
    ----------
    reference : str
        Such as ``env:API_KEY``, the value of the environment variable API_KEY.

    Raises
    ------
    EvidenceError
        It is no such reference, or the variable is not set.
    """
    if not REFERENCE.fullmatch(reference):
        raise EvidenceError("a secret is given as env:NAME, never as it is")
    name = reference.removeprefix("env:")
    if name not in os.environ:
        raise EvidenceError(f"environment variable {name} is not set; set it and run again")
    return os.environ[name]


def spellings(value: str) -> list[str]:
    """Return how a secret may be written in a file, the longest first; its lines one by one too."""
    found = set()
    for part in (value, *value.splitlines()):
        if len(part) < SHORTEST:
            continue
        escaped = html.escape(part)
        found |= {part, repr(part)[1:-1], escaped, escaped.replace("&#x27;", "&#39;")}
        found |= {json.dumps(part)[1:-1], json.dumps(part, ensure_ascii=False)[1:-1]}
        found |= {quote(part), quote(part, safe=""), quote_plus(part)}
        found |= {base64.b64encode(part.encode()).decode(), *_within_base64(part.encode())}
    return sorted(found, key=len, reverse=True)


def _within_base64(part: bytes) -> set[str]:
    """Return what stands for some bytes in the base64 of more, wherever they begin in it."""
    found = set()
    for ahead in range(3):
        text = base64.b64encode(bytes(ahead) + part).decode()
        whole = text[-(-8 * ahead // 6) : 8 * (ahead + len(part)) // 6]
        found |= {whole, whole.translate(str.maketrans("+/", "-_"))}
    return found
