"""Pupils' ids become pseudonyms on entry, by a secret kept outside the project; names stay out.

The same id has the same pseudonym in every file of this person's, so that files can be joined.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
from collections.abc import Collection
from pathlib import Path

import pandas as pd

from evidence.data import labels
from evidence.errors import EvidenceError

KEY = "EVIDENCE_PUPIL_KEY"  # environment variable: where the secret is, if not in the home folder
_DONE = re.compile(r"p_[0-9a-f]{20}")
_PLAIN = re.compile(r"[\W_]+")
_IDS = frozenset(
    ("upn", "formerupn", "uln", "uniquepupilnumber", "uniquelearnernumber", "childuniqueid",
     "pupilmatchingrefanonymous", "pupilmatchingrefnonanonymous", "pupilmatchingref", "candidateno",
     "candidatenumber", "persontableid", "nationalinsurancenumber", "nhsnumber")
)  # fmt: skip
_NAMES = re.compile(
    r"(legal|preferred|chosen|former|known|pupil|child|student|learner|candidate|participant|npd)*"
    r"(fore|sur|first|last|middle|given|family|full|birth|preferred|legal|pupil|child|student|"
    r"learner|candidate|participant)names?|knownas|initials"
)


def plain(name: object) -> str:
    """Write the name of a column without spaces, punctuation and capitals."""
    return _PLAIN.sub("", str(name)).casefold()


def is_id(name: object) -> bool:
    """Say whether a column holds pupils' ids, by its name."""
    return plain(name) in _IDS


def without_names(frame: pd.DataFrame, ids: Collection[str] = ()) -> pd.DataFrame:
    """Return a table without its columns of pupils' names: an analysis needs none."""
    return frame.drop(columns=pupils_names(frame, ids))


def pupils_names(frame: pd.DataFrame, ids: Collection[str]) -> list[str]:
    """Return which columns of a table of pupils hold their names."""
    coded = any(is_id(name) or name in ids for name in frame)
    return [n for n in frame if _NAMES.fullmatch(plain(n)) or (coded and plain(n) == "name")]


def protected(
    frame: pd.DataFrame, path: str | Path, *, ids: Collection[str] = (), names: bool = False
) -> pd.DataFrame:
    """Return a table of pupils with pseudonyms in place of ids, and refuse names.

    Parameters
    ----------
    frame : DataFrame
    path : str or Path
        Its file, for messages.
    ids : collection of str
        Columns of ids, beside those known by their names.
    names : bool
        Whether pupils' names are asked for.

    Raises
    ------
    EvidenceError
        A column holds pupils' names, or there is no secret and none can be made.
    """
    coded = [name for name in frame if is_id(name) or name in ids]
    if not names and (found := pupils_names(frame, ids)):
        raise EvidenceError(
            f"{path}: column{'s' if len(found) > 1 else ''} {', '.join(found)} "
            f"hold{'' if len(found) > 1 else 's'} pupils' names, which no analysis needs; "
            "leave them out of the file"
        )
    attrs = frame.attrs
    secret = _secret(_place()) if coded else b""  # read once: a nation has millions of pupils
    for name in coded:
        cells = frame[name].astype("str")
        known = {cell: _pseudonym(cell, secret) for cell in cells.dropna().unique()}
        frame = frame.assign(**{str(name): cells.map(known).astype("str")})
    frame.attrs = attrs
    return frame


def keep(frame: pd.DataFrame, folder: Path, file: Path) -> Path:
    """Write a table to a folder, both for their owner only, and return the file."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    path = folder / f"{file.name.partition('.')[0]}.parquet"
    path.touch(mode=0o600)
    path.chmod(0o600)
    frame.attrs = {name: kept for name, kept in frame.attrs.items() if name == labels.WORDS}
    frame.reset_index(drop=True).to_parquet(path)
    return path


def _pseudonym(cell: str, secret: bytes) -> str:
    """Return what stands for an id: the same for the same id and secret."""
    cell = cell.strip()
    if _DONE.fullmatch(cell):
        return cell
    digest = hashlib.blake2b(cell.upper().encode(), key=secret, digest_size=10)
    return f"p_{digest.hexdigest()}"


def _place() -> Path:
    stated = os.environ.get(KEY)
    base = os.environ.get("XDG_CONFIG_HOME")
    try:
        return Path(stated) if stated else Path(base or Path.home() / ".config") / "evidence/pupils"
    except RuntimeError:  # no home folder
        raise EvidenceError(f"no home folder for the secret of pupils' ids; set {KEY}") from None


_known: dict[Path, bytes] = {}


def _secret(place: Path) -> bytes:
    """Return the secret, made where there is none; of two made at once, one stays."""
    if place in _known:
        return _known[place]
    try:
        if not place.exists():
            place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            new = place.with_name(f".pupils-{os.getpid()}")
            new.touch(mode=0o600)
            new.write_text(secrets.token_hex(32), encoding="ascii")
            with contextlib.suppress(FileExistsError):
                os.link(new, place)
            new.unlink()
        found = place.read_bytes()
    except OSError as error:
        raise EvidenceError(
            f"{place}: the secret of pupils' ids cannot be read or made: {error.strerror}; "
            f"set {KEY} to a file outside the project"
        ) from None
    if len(found) < 32:
        raise EvidenceError(f"{place}: the secret of pupils' ids is too short; remove the file")
    return _known.setdefault(place, found[:64])
