"""Locks on files that end with whoever holds them, as each system has them."""

from __future__ import annotations

import os
from typing import IO, Any

try:
    import fcntl
except ImportError:  # Windows; a browser has neither, and no second process
    fcntl = None
    try:
        import msvcrt
    except ImportError:
        msvcrt = None

_PLACE = 2**30  # the byte that Windows locks, beyond what anybody reads or writes


def hold(file: IO[Any] | int, *, wait: bool = True) -> None:
    """Lock an open file until it is closed.

    Raises
    ------
    OSError
        Another process holds it, and `wait` is false; or this disk has no locks.
    """
    if fcntl:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    elif msvcrt:
        number = file if isinstance(file, int) else file.fileno()
        before = os.lseek(number, 0, os.SEEK_CUR)
        os.lseek(number, _PLACE, os.SEEK_SET)
        try:
            msvcrt.locking(number, msvcrt.LK_LOCK if wait else msvcrt.LK_NBLCK, 1)
        finally:
            os.lseek(number, before, os.SEEK_SET)
