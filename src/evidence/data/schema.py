"""Contracts of the tables that notebooks propose and releases hold: columns, kinds, allowed words.

`EFFECTS` has one row an estimate, `INDICATORS` one row a monitored figure. Both are checked when a
notebook proposes its results and again when a release is made.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from evidence.errors import EvidenceError

if TYPE_CHECKING:
    import pandas as pd
    import pandera.pandas as pa

VERDICTS = ("better than similar", "worse than similar", "no worthwhile difference",
            "too little data")  # fmt: skip
ESTIMANDS = ("itt", "cace", "att")
EFFECT_UNITS = ("sd", "pp", "points", "score")
SYMBOLS = {
    "z": "not applicable",
    "x": "not available",
    "c": "hidden to protect pupils",
    "low": "rounds to zero",
    "u": "of low reliability",
}

# The caveat of an effect whose numbers give back how few pupils of an arm said yes, or no.
FEW = "few pupils of an arm have this outcome, or few lack it"

_ALLOWED = {"estimand": ESTIMANDS, "unit": EFFECT_UNITS, "verdict": VERDICTS}
_DTYPES = {"text": "str", "number": "float64", "flag": "bool"}


def _contract(text: str) -> dict[str, tuple[str, bool]]:
    """Return column to kind and whether it may be missing; a line is a kind and its columns."""
    lines = [line.split() for line in text.strip().splitlines()]
    return {
        name: (kind.removesuffix("?"), kind.endswith("?"))
        for kind, *names in lines
        for name in names
    }


# in order; with "?" a column may be missing in a row
EFFECTS = _contract("""
    text     run_id programme cohort outcome subgroup estimand method
    flag     primary
    text     unit
    number?  estimate std_error df ci_lower ci_upper
    number   level
    number?  p_value effect_size es_lower es_upper months n_pupils n_schools
    text     verdict
    number?  strength
    text     caveats sentence
""")
INDICATORS = _contract("""
    text     run_id indicator area group period
    number?  value ci_lower ci_upper
    text     unit
    number?  n
    text?    comparator
    number?  comparator_value rank
    text?    band
    text     symbol sentence
""")
WATCHED = INDICATORS | {"published": ("text", False)}  # where figures are published already


def empty(contract: dict[str, tuple[str, bool]]) -> pd.DataFrame:
    """Return a table of `contract` with no rows and the right column types."""
    import pandas as pd

    return pd.DataFrame(
        {name: pd.Series(dtype=_DTYPES[kind]) for name, (kind, _) in contract.items()}
    )


def effects_row(fields: dict[str, Any]) -> pd.DataFrame:
    """Return one row in the order and types of the `effects` contract; `propose` validates it."""
    import pandas as pd

    return pd.DataFrame(
        {
            name: pd.Series([fields[name]], dtype=_DTYPES[kind])
            for name, (kind, _) in EFFECTS.items()
        }
    )


def validate_effects(frame: pd.DataFrame) -> pd.DataFrame:
    """Return `frame` in the order and types of the `effects` contract.

    Raises
    ------
    EvidenceError
        A column is missing, unknown or of the wrong kind, a word is not one of those allowed,
        or an interval does not hold its estimate.
    """
    checked = _validate(frame, EFFECTS, "effects")
    outside = checked.index[
        (checked["ci_lower"] > checked["estimate"]) | (checked["estimate"] > checked["ci_upper"])
    ]
    if len(outside):
        raise EvidenceError(
            f"effects, row {outside[0] + 1}, column estimate: lies outside ci_lower to ci_upper"
        )
    return checked


def validate_indicators(frame: pd.DataFrame) -> pd.DataFrame:
    """Return `frame` in the order and types of the `indicators` contract.

    A row holds either a value or a symbol, never both: a suppressed figure is never a number.
    A further column `published`, the source of a figure that is published already, stays where it
    says so of any.

    Raises
    ------
    EvidenceError
        A column is missing, unknown or of the wrong kind, a symbol is not one of `SYMBOLS`, or a
        row has both a value and a symbol.
    """
    if "published" in frame and frame["published"].eq("").all():
        frame = frame.drop(columns="published")
    contract = WATCHED if "published" in frame else INDICATORS
    checked = _validate(frame, contract, "indicators")
    for row, (symbol, value) in enumerate(zip(checked["symbol"], checked["value"], strict=True)):
        if symbol and symbol not in SYMBOLS:
            raise EvidenceError(
                f"indicators, row {row + 1}, column symbol: {symbol!r} is not one of "
                f"{', '.join(SYMBOLS)} (empty where there is a value)"
            )
        if bool(symbol) == (value == value) and symbol != "u":
            raise EvidenceError(
                f"indicators, row {row + 1}: give either a value or a symbol, not "
                f"{'both' if symbol else 'neither'}"
            )
    return checked


@cache
def _schema(name: str, keys: tuple[str, ...]) -> pa.DataFrameSchema:
    """Return pandera's schema of a contract; building one takes as long as using it."""
    import pandera.pandas as pa

    def column(key: str, kind: str, nullable: bool) -> pa.Column:
        checks = [pa.Check.isin(_ALLOWED[key])] if name == "effects" and key in _ALLOWED else []
        return pa.Column(_DTYPES[kind], checks, nullable=nullable, coerce=True)

    contract = EFFECTS if name == "effects" else WATCHED
    return pa.DataFrameSchema(
        {key: column(key, *contract[key]) for key in keys}, strict=True, name=name
    )


def _validate(frame: pd.DataFrame, contract: dict, name: str) -> pd.DataFrame:
    from pandera.errors import SchemaErrors

    schema = _schema(name, tuple(contract))
    try:
        checked = schema.validate(frame.reset_index(drop=True), lazy=True)[list(contract)]
        checked.attrs = {}  # pandas would write them into the file, whatever they hold
        return checked
    except SchemaErrors as error:
        first = error.failure_cases.iloc[0]
    raise EvidenceError(_fault(name, first, contract))


def _fault(name: str, case: pd.Series, contract: dict) -> str:
    """Turn pandera's first failure case into a line; the failing value itself is not shown."""
    check, column = str(case["check"]), case["column"]
    if check in ("column_in_dataframe", "column_in_schema"):
        kind = "no column" if check == "column_in_dataframe" else "unknown column"
        return f"{name}: {kind} {case['failure_case']!r}; its columns are {', '.join(contract)}"
    row = "" if case["index"] != case["index"] else f", row {int(case['index']) + 1}"
    if check.startswith("isin"):
        reason = f"must be one of {', '.join(_ALLOWED[column])}"
    else:
        kind, nullable = contract[column]
        reason = f"must be a {kind}" + ("" if nullable else " and may not be missing")
    return f"{name}{row}, column {column}: {reason}"
