"""Shut a process in: from then on neither it nor its children open a file outside a short list.

Landlock, which any process may ask of a Linux kernel of 2021 or later: no privilege is needed, and
there is no way back.

References
----------
The Linux kernel, userspace-api/landlock.rst: access rights, ABI versions, path-beneath rules.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterable
from pathlib import Path

_CREATE, _ADD, _RESTRICT = 444, 445, 446  # system calls, the same on every architecture
_PR_SET_NO_NEW_PRIVS = 38
_EXECUTE, _WRITE, _READ, _LIST = 1, 2, 4, 8
_ON_FILES = _EXECUTE | _WRITE | _READ | 1 << 14 | 1 << 15  # and truncate, ioctl
_KNOWN = {1: 13, 2: 14, 3: 15, 4: 15}  # rights by version of the interface; 16 from the fifth
_SYSTEM = ("/usr", "/lib", "/lib64", "/bin", "/etc", "/proc", "/dev", "/sys/devices/system/cpu")


class _Ruleset(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("ports", ctypes.c_uint64))


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32))


def version() -> int:
    """Return the version of the kernel's interface; zero where there is none."""
    if sys.platform != "linux" or os.environ.get("EVIDENCE_PORTABLE"):
        return 0
    return max(0, ctypes.CDLL(None).syscall(_CREATE, None, ctypes.c_size_t(0), 1))


def shut_in(
    read: Iterable[str | Path], write: Iterable[str | Path], look: Iterable[str | Path] = ()
) -> bool:
    """Allow this process to read below `read`, to write below `write` and nothing else.

    The system's own libraries may be read, and no connection to another machine be made.

    Parameters
    ----------
    read, write, look : iterable of path
        Files and folders; those that are not there are passed over. Below `look` names may be
        listed, but nothing be read.

    Returns
    -------
    bool
        False where this system cannot do it: then nothing has changed.
    """
    known = version()
    if not known:
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    every = (1 << _KNOWN.get(known, 16)) - 1
    connect = 2 if known >= 4 else 0
    attributes = _Ruleset(every, connect)
    size = ctypes.sizeof(attributes) if connect else 8
    rules = libc.syscall(_CREATE, ctypes.byref(attributes), ctypes.c_size_t(size), 0)
    if rules < 0:
        return False
    for paths, rights in (
        ((*_SYSTEM, sys.prefix, sys.base_prefix, *read), _EXECUTE | _READ | _LIST),
        (("/dev/null", "/dev/shm", *write), every & ~_EXECUTE),
        (look, _LIST),
    ):
        for path in paths:
            _allow(libc, rules, path, rights & every)
    done = (
        libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 and libc.syscall(_RESTRICT, rules, 0) == 0
    )
    os.close(rules)
    return done


def _allow(libc: ctypes.CDLL, rules: int, path: str | Path, rights: int) -> None:
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    if not Path(path).is_dir():
        rights &= _ON_FILES
    rule = _Beneath(rights, place)
    libc.syscall(_ADD, rules, 1, ctypes.byref(rule), 0)
    os.close(place)
