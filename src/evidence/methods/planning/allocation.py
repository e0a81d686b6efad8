"""Random allocation of schools to arms, which anybody can make again from the sealed record."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from evidence.data import sealed
from evidence.errors import EvidenceError, Faults, also, nearest
from evidence.methods.core import frames, options
from evidence.methods.core.results import TableResult
from evidence.stats import allocation as draws_of
from evidence.stats.permutation import first_rows

METHODS = {
    "blocks": None,
    "pairs": "covariates",
    "minimisation": "strata",
    "rerandomisation": "covariates",
}  # and what each needs
_OTHER = ("roster", "protocol", "nonce", "unknown")  # no arguments of the rule
_TRIED = 5_000  # allocations of which the best balanced are taken


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Allocation(TableResult):
    """Which school is in which arm, and how that came about.

    Parameters
    ----------
    table : DataFrame
        ``unit`` and ``arm``, sorted by unit; with pairs ``pair`` as well.
    record : dict
        Protocol, nonce, seed, hash of the roster, the arguments, version of the code, time, arms.
    """

    table: pd.DataFrame
    record: dict[str, Any]
    _draw: Callable[..., np.ndarray] = field(repr=False)
    _group: np.ndarray = field(repr=False)  # of each unit: those that stay together

    def sentence(self) -> str:
        """Say how many units are in each arm."""
        sizes = self.table["arm"].value_counts()
        counts = ", ".join(f"{sizes.get(arm, 0)} {arm}" for arm in self.record["arms"])
        method = self.record["arguments"]["method"]
        return f"{len(self.table)} units were allocated by {method}: {counts}."

    def rule(
        self, arm: str | None = None, among: Sequence[object] | None = None
    ) -> Callable[[np.random.Generator, int], pd.DataFrame]:
        """Return the rule as :func:`evidence.trials.randomisation_test` takes it (allocation=).

        Parameters
        ----------
        arm : str, optional
            The arm asked about; else the first.
        among : sequence, optional
            The units that are analysed; else all.
        """
        arms = self.record["arms"]
        asked = arms[0] if arm is None else arm
        options.one_of("arm", asked, arms)
        units = frames.factor(self.table, "unit")[1]
        kept = units if among is None else frames.factor(pd.DataFrame({"u": [*among]}), "u")[1]
        if unknown := [name for name in kept if name not in units]:
            raise EvidenceError(f"among: {len(unknown)} of its units were not allocated")

        def drawn(rng: np.random.Generator, draws: int) -> pd.DataFrame:
            codes = self._draw(draws_of.words(rng.bit_generator), draws)[:, self._group]
            return pd.DataFrame((codes == arms.index(asked)) * 1, columns=units)[kept]

        return drawn

    def seal(self, path: str | Path, **further: str) -> None:
        """Add the record to an append-only file; a second one for a protocol is refused.

        Parameters
        ----------
        path : str or Path
        **further
            What else the record holds, such as the name of the `trial`, which has one allocation
            however often its protocol is edited.

        Raises
        ------
        EvidenceError
            The file was changed, or the protocol, or the trial, has an allocation.
        """
        sealed.append(path, self.record | further, "protocol", "trial")


def allocate(
    roster: pd.DataFrame,
    *,
    unit: str,
    protocol: str,
    nonce: str,
    arms: Mapping[str, int] | Sequence[str] = ("treatment", "control"),
    method: str = "blocks",
    strata: str | Sequence[str] = (),
    covariates: str | Sequence[str] = (),
    together: str | None = None,
    sizes: Mapping[str, int] | None = None,
    block: int | None = None,
    uneven: bool = False,
    probability: float = 0.8,
    accept: float = 0.01,
    **unknown: object,
) -> Allocation:
    """Allocate the units of a roster to arms at random.

    Parameters
    ----------
    roster : DataFrame
        One row a unit.
    unit : str
        Column of their ids; none occurs twice.
    protocol : str
        SHA-256 of the protocol, in hexadecimal.
    nonce : str
        Public words that nobody could know when the protocol was sealed, such as the numbers of a
        lottery named in it.
    arms : mapping or sequence of str
        Names of the arms, with their parts of the ratio: ``{"treatment": 2, "control": 1}``.
    method : {"blocks", "pairs", "minimisation", "rerandomisation"}
        Shared out by the ratio within strata; one of each pair of the units most alike in the
        covariates, within strata; minimised over the columns of `strata`; or drawn within strata
        among the `accept` allocations with the best balance of the covariates.
    strata, covariates : str or sequence of str
        Columns.
    together : str, optional
        Column of groups whose units share an arm; units are then counted in groups.
    sizes : mapping, optional
        Number of units of each arm, instead of a ratio.
    block : int, optional
        Units of a stratum, in the order of the roster, that are shared out by themselves.
    uneven : bool
        Let chance decide where a stratum's remainder goes; else a remainder is refused.
    probability : float
        Of the arm wanted, with minimisation.
    accept : float
        Share of allocations that are balanced enough, with rerandomisation.

    Returns
    -------
    Allocation

    Raises
    ------
    EvidenceError
        With every fault of the roster and the arguments.

    Notes
    -----
    The seed is the SHA-256 of protocol and nonce, of PCG64's raw words. Units are sorted by id, so
    that the order of the roster does not matter, save for `block`. The limit of rerandomisation is
    a quantile over 5,000 allocations, seeded by the roster: it is part of the rule, not of the
    draw.
    """
    given = locals()
    arguments = {name: _plain(given[name]) for name in given if name not in _OTHER}
    faults = Faults()
    for name in unknown:
        hint = nearest(name, ["protocol", "nonce", *arguments])
        faults.noted[f"allocate: no {name}=; {hint}"] = None
    if not isinstance(protocol, str) or not re.fullmatch(r"[0-9a-f]{64}", protocol):
        faults.noted["protocol: its SHA-256 is needed, 64 characters from 0-9 and a-f"] = None
    if not isinstance(nonce, str) or not nonce.strip():
        faults.noted["nonce: public words are needed that nobody could know beforehand"] = None
    ratio = _ratio(faults, arguments)
    units, group, draw, roster_hash = _rule(faults, roster, arguments, ratio)
    seed = hashlib.sha256(f"{protocol}{nonce}".encode()).hexdigest()
    codes = draw(_words(seed), 1)[0][group]
    table = pd.DataFrame({"unit": units, "arm": np.array([*ratio])[codes]})
    record = {
        "protocol": protocol,
        "nonce": nonce,
        "seed": seed,
        "roster": roster_hash,
        "arguments": arguments,
        "arms": [*ratio],
        "code": f"evidence {version('evidence')}, allocator "
        + hashlib.sha256(Path(draws_of.__file__).read_bytes()).hexdigest(),
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "allocation": table.to_numpy().tolist(),
    }
    if method == "pairs":
        table["pair"] = draw.keywords["stratum"][group] + 1
    return Allocation(table=table, record=record, _draw=draw, _group=group)


def replay(path: str | Path, roster: pd.DataFrame, *, protocol: str) -> Allocation:
    """Make the sealed allocation of a protocol again from its roster, and compare.

    Raises
    ------
    EvidenceError
        The file was changed, has no allocation of this protocol, or the roster, or what comes out,
        is not what was sealed.
    """
    record = next((each for each in sealed.read(path) if each["protocol"] == protocol), None)
    if record is None:
        raise EvidenceError(f"{path}: has no allocation of this protocol")
    again = allocate(roster, protocol=protocol, nonce=record["nonce"], **record["arguments"])
    if again.record["roster"] != record["roster"]:
        raise EvidenceError(f"{path}: the roster is not the one that was allocated")
    if again.record["allocation"] != record["allocation"]:
        code = "the same code" if again.record["code"] == record["code"] else again.record["code"]
        raise EvidenceError(f"{path}: {code} makes another allocation than {record['code']}")
    return replace(again, record=record)


def _plain(value: Any) -> Any:
    """Return an argument as JSON holds it."""
    if isinstance(value, Mapping):
        return {str(name): _plain(part) for name, part in value.items()}
    if value is None or np.isscalar(value):
        return value.item() if isinstance(value, np.generic) else value
    return [*map(_plain, frames.listed(value))]


def _words(seed: str) -> draws_of.Raw:
    return draws_of.words(np.random.PCG64(int(seed, 16)))


def _ratio(faults: Faults, arguments: Mapping[str, Any]) -> dict[str, int]:
    """Return the ratio of the arms, and note what is wrong with the arguments themselves."""
    checks: list[Callable[[], object]] = [
        lambda: options.one_of("method", arguments["method"], [*METHODS]),
        lambda: options.yes_or_no(uneven=arguments["uneven"]),
        lambda: options.number("probability", arguments["probability"], 0.5, 1),
        lambda: options.number("accept", arguments["accept"], 0, 1, ends=False),
    ]
    if arguments["block"] is not None:
        checks.append(partial(options.whole, "block", arguments["block"], 1))
    method, arms = arguments["method"], arguments["sizes"] or arguments["arms"]
    needs = METHODS.get(method) if isinstance(method, str) else None
    if needs and not arguments[needs]:
        faults.noted[f"{method}: {needs}= is needed"] = None
    names = [str(name) for name in frames.listed(arms)]
    ratio = dict(
        zip(names, arms.values() if isinstance(arms, dict) else [1] * len(names), strict=True)
    )
    if not len(names) == len(ratio) >= 2:
        faults.noted["arms: at least two are needed, each of another name"] = None
    checks += [partial(options.whole, f"arm {n!r}", ratio[n], 1) for n in ratio]
    for check in checks:
        with faults.note():
            check()
    if method == "minimisation" and arguments["sizes"]:
        faults.noted["minimisation: keeps a ratio on average; leave out sizes="] = None
    if method == "pairs" and [*ratio.values()] != [1, 1]:
        faults.noted["pairs: two arms are needed, 1 : 1"] = None
    return ratio


def _rule(
    faults: Faults, roster: pd.DataFrame, arguments: Mapping[str, Any], ratio: dict[str, int]
) -> tuple[list[str], np.ndarray, partial[np.ndarray], str]:
    """Return units, the group of each, the rule that allocates groups, and the roster's hash.

    Raises
    ------
    EvidenceError
        With every fault noted before and found here.
    """
    unit, together, method = (arguments[name] for name in ("unit", "together", "method"))
    strata, covariates = frames.listed(arguments["strata"]), frames.listed(arguments["covariates"])
    cells = [unit, *strata, *frames.listed(together)]
    columns = [*dict.fromkeys([*cells, *covariates])]
    with faults.note():
        frames.require(roster, columns)
    if not isinstance(roster, pd.DataFrame) or not {*cells} <= {*roster.columns} or roster.empty:
        faults.settle()
    counted = ~roster.duplicated([*dict.fromkeys(cells)]).to_numpy()  # a row twice is one unit
    for name in columns if {*columns} <= {*roster.columns} else cells:
        empty = frames.missing(roster, name)
        if empty.any():
            _note_rows(faults, roster, name, np.flatnonzero(empty), "nothing is given")
        if name in cells:  # a unit without a name or a stratum is in none
            counted &= ~empty
    codes, units = frames.factor(roster, unit)
    if len(twice := np.flatnonzero(pd.Series(codes).duplicated() & (codes >= 0))):
        _note_rows(faults, roster, unit, twice, "is there already; one row a unit is needed")
    rows = np.argsort(codes, kind="stable")  # by id: the roster's order does not matter
    group = frames.factor(roster, together)[0][rows] if together else np.arange(len(rows))
    group = frames.compact([group + 1])
    first = first_rows(group)
    named = [frames.factor(roster, name)[0][rows] + 1 for name in strata]
    factors = np.column_stack([*named, 0 * group])
    if (factors != factors[first][group]).any():
        faults.noted[f"column {together!r}: units that stay together lie in several strata"] = None
    factors, there = factors[first], np.bincount(group, counted[rows]) > 0
    stratum = frames.compact([*factors.T])
    if isinstance(block := arguments["block"], int) and block > 0:
        turn = np.argsort(rows[first])  # a block is of units that follow each other in the roster
        place = pd.Series(stratum[turn]).groupby(stratum[turn]).cumcount()
        stratum = frames.compact([stratum, (place.to_numpy() // block)[np.argsort(turn)]])
    if arguments["sizes"] and sum(ratio.values()) != there.sum():
        faults.noted[f"sizes add up to {sum(ratio.values())}; the roster has {there.sum()}"] = None
    base = np.empty(0, int)
    if ratio and all(isinstance(part, int) and part > 0 for part in ratio.values()):
        parts = np.array([*ratio.values()]) // math.gcd(*ratio.values())
        base = np.repeat(np.arange(len(ratio)), parts)
    numbers = np.bincount(stratum, there).astype(int)
    for code, number in enumerate(numbers if method != "minimisation" else ()):
        of = f"stratum of {frames.row(rows[first[stratum == code]].min(), roster)}"
        of = f"roster, {of}" if stratum.any() else "roster"
        if number == 1:
            faults.noted[f"{of}: one unit cannot be shared out; join it to another"] = None
        elif len(base) and number % len(base) and (method == "pairs" or not arguments["uneven"]):
            mend = "" if method == "pairs" else ", or give uneven=True"
            said = f"{' : '.join(map(str, parts))} does not divide {number} units"
            faults.noted[f"{of}: {said}; change the strata or the ratio{mend}"] = None
    values = np.ones((len(rows), 1))
    with faults.note():
        if covariates and {*covariates} <= {*roster.columns}:
            values = frames.covariates(roster, covariates)[0][rows]
    faults.settle()
    values = np.column_stack([np.bincount(group, v) for v in values.T])
    values = values / np.bincount(group)[:, None]
    read = [frames.factor(roster, name) for name in columns]  # alike from every kind of file
    told = sealed.digest([[columns[i], [n[c] for c in k[rows]]] for i, (k, n) in enumerate(read)])
    draw = partial(draws_of.stratified, stratum=stratum, base=base)
    if method == "minimisation":
        chance = arguments["probability"]
        draw = partial(draws_of.minimised, factors=factors, base=base, probability=chance)
    elif method != "blocks":
        alike = draws_of.standardised(values)
        if not alike.size:
            raise EvidenceError("covariates: none of them differs between the units")
        if method == "pairs":
            draw = partial(draw, stratum=draws_of.pairs(alike, stratum))
        else:
            tried = draws_of.imbalance(draw(_words(told), _TRIED), alike)
            most = np.quantile(tried, arguments["accept"]) * (1 + 1e-9)
            draw = partial(draws_of.balanced, draw=draw, columns=alike, most=float(most))
    return units, group, draw, told


def _note_rows(
    faults: Faults, roster: pd.DataFrame, name: str, rows: np.ndarray, said: str
) -> None:
    numbers = [int(frames.row(place, roster).split()[1]) for place in rows]
    faults.noted[f"roster, column {name!r}, row {numbers[0]}{also(numbers[1:])}: {said}"] = None
