"""Malformed files of every kind: the right result or one line, soon, and no traceback.

`make fuzz` tries 5,000 of them; a short run is part of the suite.
"""

import os
import resource
import time

import pytest

from data import malformed
from evidence.data import file_kinds, readers
from evidence.errors import EvidenceError

COUNT = int(os.environ.get("EVIDENCE_FUZZ") or 120)
SECONDS, BYTES = 5, 1_000_000_000


def _read(reader, path):
    if reader == "ks2":
        return readers.ks2(path, 2018, ["PTRWM_EXP"])
    if reader == "official":
        return file_kinds.official(path)
    if reader == "table":
        return readers.table(path, numeric=["post", "pre"], unique=["pupil"])
    return getattr(readers, reader)(path)


@pytest.mark.parametrize(
    "seeds",
    [
        pytest.param(range(12), id="few"),
        pytest.param(range(12, COUNT), id="all", marks=pytest.mark.slow),
    ],
)
def test_malformed_file_gives_a_result_or_one_line_soon(tmp_path, seeds):
    wrong, slowest, results = [], 0.0, 0
    start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    for seed in seeds:
        reader, raw, suffix = malformed.spoiled(seed)
        path = tmp_path / f"file{suffix}"
        path.write_bytes(raw)
        began = time.process_time()
        try:
            frame = _read(reader, path)
        except EvidenceError as error:
            for fault in error.faults:
                if (
                    not fault.startswith(str(path))
                    or len(fault.splitlines()) != 1
                    or len(fault) > 500
                    or malformed.CANARY in fault
                ):
                    wrong.append(f"{seed} {reader}: {fault[:300]!r}")
        except Exception as error:
            wrong.append(f"{seed} {reader}: {type(error).__name__}: {str(error)[:200]}")
        else:
            results += 1
            if not len(frame):
                wrong.append(f"{seed} {reader}: no rows")
            if reader == "ks2" and not _number_or_code(frame):
                wrong.append(f"{seed}: a number and a code")
        slowest = max(slowest, time.process_time() - began)
        path.unlink()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    assert wrong == []
    assert 0 < results < len(seeds)
    assert slowest < SECONDS
    assert peak - start < BYTES
    print(
        f"{len(seeds)} files, {results} results, slowest {slowest:.2f} s, peak {peak / 1e6:.0f} MB"
    )


def _number_or_code(frame):
    return (frame["PTRWM_EXP"].isna() == (frame["PTRWM_EXP_symbol"] != "")).all()


@pytest.mark.slow
def test_bombs_are_refused_before_they_go_off(tmp_path):
    for name, said in (
        ("zip bomb", "unpacks to more than"),
        ("gzip bomb", "unpacks to more than"),
        ("xml bomb", "declares what no return declares"),
    ):
        path = tmp_path / "bomb"
        path.write_bytes(malformed.PACKED[name]([], ""))
        with pytest.raises(EvidenceError, match=said):
            readers.table(path)
