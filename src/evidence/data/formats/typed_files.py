"""Files that say of each column what it holds: parquet, SPSS, Stata. Their types are kept."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from evidence.data import labels
from evidence.data.formats import workbooks
from evidence.errors import EvidenceError

SPSS = (b"$FL2", b"$FL3")
_ROWS = 1_000_000  # of a part
_EXACT = 2**53  # from here on a float skips whole numbers


def parquet(path: str | Path, raw: bytes) -> pd.DataFrame:
    """Read a parquet file, gaps as NA.

    Raises
    ------
    EvidenceError
        It cannot be read.
    """
    from pyarrow import ArrowException

    try:
        frame = pd.read_parquet(io.BytesIO(raw), dtype_backend="numpy_nullable")
    except (ArrowException, *workbooks.DAMAGED):
        raise EvidenceError(f"{path}: not a parquet file that can be read") from None
    words = frame.attrs.get(labels.WORDS)
    frame.attrs = {labels.WORDS: words} if isinstance(words, dict) else {}
    return frame if isinstance(frame.index, pd.RangeIndex) else frame.reset_index()


def parquet_parts(path: str | Path, columns: Iterable[str]) -> Iterator[pd.DataFrame]:
    """Give some columns of parquet, a file or a folder of files, a part at a time.

    Raises
    ------
    EvidenceError
        It cannot be read, or lacks a column.
    """
    import pyarrow
    from pyarrow import dataset

    try:
        source = dataset.dataset(path, format="parquet", partitioning="hive")
        if lacking := [name for name in columns if name not in source.schema.names]:
            raise EvidenceError(f"{path} has no column {lacking[0]!r}")
        for part in source.to_batches(
            columns=[*columns], batch_size=_ROWS, batch_readahead=1, fragment_readahead=1
        ):
            if len(part):
                yield part.to_pandas()
    except EvidenceError:
        raise
    except (pyarrow.ArrowException, *workbooks.DAMAGED):
        raise EvidenceError(f"{path}: not parquet that can be read") from None


def statistics_package(path: str | Path, raw: bytes) -> pd.DataFrame:
    """Read an SPSS or Stata file: codes as numbers, values declared missing as gaps.

    Returns
    -------
    DataFrame
        The words of codes are in its attrs: `evidence.data.labels.coded`.

    Raises
    ------
    EvidenceError
        It cannot be read.
    """
    import pyreadstat

    read = pyreadstat.read_sav if raw.startswith(SPSS) else pyreadstat.read_dta
    try:
        frame, about = read(io.BytesIO(raw))
    except Exception:
        raise EvidenceError(f"{path}: not a file of SPSS or Stata that can be read") from None
    frame = frame.convert_dtypes()
    frame.attrs = {
        labels.WORDS: {
            str(name): {labels.label(code): str(words) for code, words in each.items()}
            for name, each in about.variable_value_labels.items()
        }
    }
    return frame


def is_code(name: str) -> bool:
    """Say whether a column holds codes, which are text whatever their figures are."""
    return name.lower().startswith(("urn", "upn"))


def kept(values: pd.Series, name: str, numeric: bool) -> np.ndarray | None:
    """Return a column of numbers, yes and no, or dates as the file has it, and None for others.

    Those are read as text is: words, codes, and numbers that a float does not hold.
    """
    kind = values.dtype
    if pd.api.types.is_datetime64_any_dtype(kind) and not numeric:
        return values.array
    if is_code(name) and not numeric:
        return None
    if not (pd.api.types.is_numeric_dtype(kind) or pd.api.types.is_bool_dtype(kind)):
        return None
    if pd.api.types.is_complex_dtype(kind):
        return None
    whole = not pd.api.types.is_float_dtype(kind)
    if whole and not values.hasnans:
        return None if kind == "UInt64" else values.to_numpy("int64")
    numbers = values.to_numpy("float64", na_value=np.nan)
    return None if np.isinf(numbers).any() or (whole and _long(values)) else numbers


def _long(values: pd.Series) -> bool:
    return bool(((values >= _EXACT) | (values <= -_EXACT)).any())


def text(path: str | Path, values: pd.Series) -> list[str]:
    """Write a column as text, "" where there is nothing; yes is 1 and no is 0.

    Raises
    ------
    EvidenceError
        It says that it is text, and is none.
    """
    from pyarrow import ArrowException

    if pd.api.types.is_bool_dtype(values.dtype):
        values = values.astype("Int8")
    gaps = values.isna().to_numpy()
    if pd.api.types.is_datetime64_any_dtype(values.dtype):
        cells = values.astype("str").str.removesuffix(" 00:00:00")
    else:
        try:
            cells = map(str, values.tolist())
        except ArrowException:
            raise EvidenceError(f"{path}: not a parquet file that can be read") from None
    return ["" if gap else _one(cell) for cell, gap in zip(cells, gaps, strict=True)]


def _one(cell: str) -> str:
    if "\r" in cell:  # line ends of one kind, as in a csv
        cell = cell.replace("\r\n", "\n").replace("\r", "\n")
    return cell.strip()
