"""Secrets: named in the register, kept in the environment, written nowhere."""

from __future__ import annotations

import os

from evidence.errors import EvidenceError


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
    kind, _, name = reference.partition(":")
    if kind != "env" or not name:
        raise EvidenceError("a secret is given as env:NAME, never as it is")
    if name not in os.environ:
        raise EvidenceError(f"environment variable {name} is not set; set it and run again")
    return os.environ[name]
