"""What a trial could find: smallest effect, power and sample size by formula, for 18 designs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from evidence.errors import EvidenceError, Faults, nearest
from evidence.methods.core import options
from evidence.stats import power as formulas

_MOST = 2**24  # units of a level that are looked at
_PUPILS = 1000  # a school, where the cheapest number is looked for
_TEST = {"alpha": 0.05, "two_tailed": True, "control_rate": None, "subgroup": 1.0, "attrition": 0.0}


class PowerFigure(float):
    """A smallest effect or a power: a number that knows what it comes from.

    It has the ``design``, the effect's ``std_error`` in standard deviations of the outcome, the
    ``df`` of its t test and the ``values`` of every symbol, as given or by default.
    """

    design: str
    std_error: float
    df: float
    values: dict[str, Any]
    _said: str

    @classmethod
    def of(cls, value: float, said: str, **known: Any) -> PowerFigure:
        """Return a number with its sentence, design, std_error, df and values."""
        figure = cls(value)
        vars(figure).update(known)
        figure._said = f"{said} ({figure.design}, {figure.df:.4g} degrees of freedom)."
        return figure

    def sentence(self) -> str:
        """Say the figure in a sentence."""
        return self._said


def mdes(*, design: str, power: float = 0.8, **given: Any) -> PowerFigure:
    """Return the smallest effect that a trial finds with the given power.

    Parameters
    ----------
    design : str
        IRA (pupils), BIRA2 … BIRA4 (pupils within blocks), CRA2 … CRA4 (whole groups), BCRA3,
        BCRA4 (whole groups within blocks), with _constant, _fixed or _random effects of blocks;
        IRA_pn, BIRA2_pn, CRA2_pn, BCRA3_pn where only the treated are taught in groups.
    power : float
        Chance of finding it.
    alpha : float
        Chance of finding something where there is nothing, 0.05.
    two_tailed : bool
        Look for harm as well, as it should be.
    control_rate : float, optional
        The outcome is yes or no, and this the share of yes without the programme; effects are
        then differences of shares.
    subgroup : float
        Share of pupils in the subgroup analysed, such as those eligible for free meals.
    attrition : float or mapping
        Share of pupils lost before they are measured; or by size, as ``{"n": 0.1, "J": 0.05}``.
        Of schools, and of what lies above, whole ones are counted.
    **given
        As in PowerUp!: ``n J K L``, the sizes (pupils a group, groups a block, …; all pupils in
        IRA); ``rho2 rho3 rho4``, share of variance between units of a level; ``omega2 omega3
        omega4``, the effect's variance between blocks over that of outcomes (or ``esv2 esv3 esv4``,
        the effect's variance itself); ``r2_1 … r2_4`` and ``r2t2 r2t3 r2t4``, what covariates
        explain of outcomes and of effects; ``g``, covariates at the top level; ``p``, share
        treated; ``rel1``, reliability of the outcome. Partially nested: ``ic_size``, pupils a
        group; ``rho_ic``, share of variance between groups (0 where a group is one pupil, save
        in IRA_pn); ``rho2_trt rho3_trt``; ``ratio_tc_var`` (IRA_pn); ``df``, else Satterthwaite's.

    Returns
    -------
    PowerFigure
        A float, in standard deviations (a difference of shares with `control_rate`), with ``df``,
        ``std_error`` and ``sentence()``.

    Raises
    ------
    EvidenceError
        Symbols that the design does not know, that are missing or out of their limits: all at
        once. No degrees of freedom are left.

    References
    ----------
    Dong, N. and Maynard, R. (2013), Journal of Research on Educational Effectiveness 6(1). Lohr,
    S., Schochet, P. and Sanders, E. (2014), NCER 2014-2000. Defaults as in PowerUpR 1.1.0.
    """
    trial = _read(design, given, power=power)
    error, df = trial.checked()
    least = float(trial.smallest())
    if math.isinf(least):
        raise EvidenceError(
            f"mdes: the share {trial.rate:g} cannot rise far enough to be found; enlarge the trial"
        )
    unit = "SD" if trial.rate is None else "(a difference of shares)"
    return trial.figure(
        least, error, df, f"the smallest effect found with a chance of {power:.0%} is {{}} {unit}"
    )


def mdes_by(
    size: str, numbers: np.ndarray, *, design: str, power: float = 0.8, **given: Any
) -> np.ndarray:
    """Return :func:`mdes` for many numbers of one size at once, infinite where there is none.

    Parameters
    ----------
    size : str
        The size that varies: one of ``n J K L``.
    numbers : ndarray
        Its values.
    design, power, **given
        As in :func:`mdes`.

    Raises
    ------
    EvidenceError
        As :func:`mdes`.
    """
    given[size] = int(np.max(numbers))
    trial = _read(design, given, power=power)
    found: np.ndarray = trial.smallest(**{size: np.asarray(numbers, float)})
    return found


def power(*, design: str, es: float = 0.25, **given: Any) -> PowerFigure:
    """Return the chance that a trial finds an effect of a given size.

    Parameters
    ----------
    es : float
        The effect, in standard deviations; a difference of shares with `control_rate`.
    design, **given
        As in :func:`mdes`.

    Returns
    -------
    PowerFigure
        A float, by the noncentral t distribution.

    Raises
    ------
    EvidenceError
        As :func:`mdes`; `es` is no number from 0 on.
    """
    trial = _read(design, given, es=es)
    error, df = trial.checked()
    chance = formulas.power(es / trial.spread(es), error, df, trial.alpha, trial.two_tailed)
    return trial.figure(chance, error, df, f"the chance of finding an effect of {es:g} is {{}}")


def sample_size(*, design: str, es: float = 0.25, power: float = 0.8, **given: Any) -> int:
    """Return the least size, the one of ``n J K L`` left out, with which an effect is found.

    Parameters
    ----------
    design, es, power, **given
        As in :func:`mdes` and :func:`power`; sizes are of all pupils, before attrition.

    Returns
    -------
    int
        The least with which :func:`mdes` is at most `es`.

    Raises
    ------
    EvidenceError
        As :func:`mdes`; not one size is left out; no size is enough.
    """
    trial = _read(design, given, power=power, es=es, left=1)
    least = float(trial.least(trial.left[0], es))
    if math.isinf(least):
        raise EvidenceError(
            f"sample_size: however large {trial.left[0]} is, an effect of {es:g} is not found with "
            f"a chance of {power:g}; enlarge the other sizes, or look for a larger effect"
        )
    return int(least)


def cheapest(
    *,
    design: str,
    cost: Mapping[str, float],
    budget: float | None = None,
    es: float | None = None,
    power: float = 0.8,
    **given: Any,
) -> dict[str, float]:
    """Return the number of schools, and of pupils a school, that money buys best.

    Parameters
    ----------
    cost : mapping
        What one unit costs, as ``{"J": 500, "n": 12}``: of the two sizes left out.
    budget : float, optional
        Find the smallest effect that this much money can find; or give `es`.
    es : float, optional
        Find the least money with which this effect can be found.
    design, power, **given
        As in :func:`mdes`, the two sizes left out (others are fixed).

    Returns
    -------
    dict
        The two sizes, ``cost`` and ``mdes``.

    Raises
    ------
    EvidenceError
        As :func:`mdes`; neither or both of budget and es are given; nothing is enough.
    """
    if (budget is None) == (es is None):
        raise EvidenceError("cheapest: give budget= (for the smallest effect) or es=, not both")
    trial = _read(design, given, power=power, es=es, left=2)
    small, large = trial.left
    if not isinstance(cost, Mapping) or set(cost) != {small, large}:
        raise EvidenceError(f"cost: what one {small} and one {large} cost is needed, nothing else")
    each = {name: options.number(f"cost of one {name}", cost[name], 0, ends=False) for name in cost}
    units = math.prod(trial.values[s] for s in formulas.sizes(design) if s not in trial.left)
    number = np.arange(1, _PUPILS + 1)
    price = units * (each[large] + each[small] * number)
    if es is not None:
        count = trial.least(large, es, **{small: number})
    else:
        count = np.floor(options.number("budget", budget, 0, ends=False) / price + 1e-9)
    found = trial.smallest(**{small: number, large: np.where(np.isfinite(count), count, 1)})
    best = np.argmin(np.where(count >= 1, found if es is None else count * price, np.inf))
    if not (1 <= count[best] < math.inf and math.isfinite(found[best])):
        raise EvidenceError("cheapest: no sizes are enough; raise the budget, or the effect sought")
    sizes = {small: int(number[best]), large: int(count[best])}
    return sizes | {"cost": float(count[best] * price[best]), "mdes": float(found[best])}


@dataclass(frozen=True)
class _Planned:
    """A design with its symbols and its test, checked."""

    design: str
    values: dict[str, Any]
    left: list[str]
    kept: dict[str, float]
    alpha: float
    two_tailed: bool
    power: float  # NaN where it is asked for
    rate: float | None

    def fit(self, **sizes: Any) -> tuple[Any, Any]:
        """Return standard error and df of those analysed, whatever they are."""
        now = self.values | sizes
        for name, share in self.kept.items():
            if share != 1:
                after = now[name] * share
                now[name] = after if name == "n" else np.floor(after + 1e-9)
        with np.errstate(divide="ignore", invalid="ignore"):
            return formulas.precision(self.design, now)

    def checked(self) -> tuple[float, float]:
        """Return standard error and df; refuse a trial without df, or without variance."""
        error, df = self.fit()
        if not df > 0:
            raise EvidenceError(
                f"{self.design}: {self.sizes()} leave {df:.4g} degrees of freedom; more units at "
                "the top level, or fewer covariates g, are needed"
            )
        if not error > 0:
            raise EvidenceError(f"{self.design}: no variance is left; an R² below 1 is needed")
        return float(error), float(df)

    def smallest(self, **sizes: Any) -> Any:
        """Return the smallest effect found, infinite where none is.

        Of a yes or no the arms' variances follow from the shares c and c + δ: δ² =
        k²((1 − p)(c + δ)(1 − c − δ) + pc(1 − c)), k the effect in standard deviations.
        """
        error, df = self.fit(**sizes)
        least = formulas.multiplier(df, self.power, self.alpha, self.two_tailed) * error
        possible = np.isfinite(least)
        if (c := self.rate) is not None:
            square, q = np.where(possible, least, 0.0) ** 2, 1 - self.values["p"]
            half, first = square * q * (1 - 2 * c) / 2, 1 + square * q
            least = (half + np.sqrt(half**2 + first * square * c * (1 - c))) / first
            possible = possible & (least < 1 - c)
        return np.where(possible, least, np.inf)

    def spread(self, es: float) -> float:
        """Return the standard deviation in which an effect is measured: 1, or that of a yes."""
        if self.rate is None:
            return 1.0
        p, c, t = self.values["p"], self.rate, self.rate + es
        return math.sqrt((1 - p) * t * (1 - t) + p * c * (1 - c))

    def least(self, size: str, es: float, **sizes: Any) -> Any:
        """Return the least number of one size with which `es` is found, or infinity."""
        shape = np.broadcast_shapes(*(np.shape(value) for value in sizes.values()))
        low, high = np.zeros(shape), np.full(shape, float(_MOST))
        never = self.smallest(**sizes | {size: high}) > es
        for _ in range(_MOST.bit_length() - 1):
            middle = np.floor((low + high) / 2)
            enough = self.smallest(**sizes | {size: np.maximum(middle, 1)}) <= es
            low, high = np.where(enough, low, middle), np.where(enough, middle, high)
        return np.where(never, np.inf, np.maximum(high, 1))

    def sizes(self) -> str:
        return ", ".join(f"{s} = {self.values[s]:g}" for s in formulas.sizes(self.design))

    def figure(self, value: float, error: float, df: float, said: str) -> PowerFigure:
        words = f"With {self.sizes()} {said.format(f'{value:.2f}')}"
        known = {"design": self.design, "std_error": error, "df": df, "values": {**self.values}}
        return PowerFigure.of(value, words, **known)


def _read(
    design: str,
    given: dict[str, Any],
    *,
    power: float | None = None,
    es: float | None = None,
    left: int = 0,
) -> _Planned:
    """Check all arguments, `left` of the sizes being left out.

    Raises
    ------
    EvidenceError
        With every fault found.
    """
    faults = Faults()
    options.one_of("design", design, [*formulas.DESIGNS])
    test = _TEST | {name: given[name] for name in given if name in _TEST}
    given = {k: v for k, v in given.items() if k not in _TEST and v is not None}
    for name, value in {"power": power, **test}.items():
        with faults.note():
            if name == "two_tailed":
                options.yes_or_no(two_tailed=value)
            elif name != "attrition" and _other(value, _TEST.get(name)):
                options.number(name, value, 0, 1, ends=False)
    with faults.note():
        if es is not None:
            options.number("es", es, 0, 5, ends=power is None)
    sizes = formulas.sizes(design)
    lost = test["attrition"]
    lost = dict(lost) if isinstance(lost, Mapping) else {"n": lost}
    for name, share in lost.items():
        with faults.note():
            if name not in sizes:
                raise EvidenceError(f"attrition: there is no {name!r}; {nearest(name, sizes)}")
            if _other(share, 0):
                options.number(f"attrition of {name}", share, 0, 1, ends=False)
    needed, with_default = formulas.symbols(design)
    known = [*needed, *with_default, *(f"esv{n[5:]}" for n in needed if n.startswith("omega"))]
    for name in given:
        with faults.note():
            if name not in known:
                raise EvidenceError(f"{design}: there is no {name}=; {nearest(name, known)}")
            _limit(name, given[name])
    for name in [name for name in known if name.startswith("esv") and name in given]:
        omega, rho = f"omega{name[3:]}", given.get(f"rho{name[3:]}")
        with faults.note():
            if omega in given or rho == 0:
                raise EvidenceError(
                    f"{design}: give {name} (with rho above 0) or {omega}, not both"
                )
            variance = given.pop(name)
            given[omega] = variance if rho is None or faults.noted else variance / rho
    out = [size for size in sizes if size not in given] if left else []
    if left and len(out) != left:
        word = "one of the sizes" if left == 1 else "two of the sizes"
        faults.noted[f"{design}: leave out {word} {', '.join(sizes)}, and no more"] = None
    else:
        missing = [name for name in needed if name not in given and name not in out]
        faults.noted |= dict.fromkeys(f"{design}: {name}= is needed" for name in missing)
    faults.settle()
    values = with_default | given
    total = sum(value for name, value in values.items() if name.startswith("rho"))
    if total > 1 or values.get("rho_ic") == 1:
        raise EvidenceError(f"{design}: shares of variance add up to {total:g}; 1 is all there is")
    if power is not None and power <= test["alpha"]:
        raise EvidenceError(f"power is {power:g}; more than alpha, {test['alpha']:g}, is needed")
    rate = test["control_rate"]
    if rate is not None and es is not None and es >= 1 - rate:
        raise EvidenceError(f"es is {es:g}; less than {1 - rate:g} is needed, to add up to a share")
    kept = {name: 1 - lost.get(name, 0) for name in sizes}
    kept["n"] *= test["subgroup"]
    given_power = math.nan if power is None else power
    return _Planned(design, values, out, kept, test["alpha"], test["two_tailed"], given_power, rate)


def _other(value: object, default: object) -> bool:
    """Say whether an option is not what needs no check; a column is no option."""
    return not (value is None or np.isscalar(value)) or value != default


def _limit(name: str, value: object) -> None:
    """Refuse a symbol's value out of its limits."""
    if name == "g":
        options.whole(name, value, 0)
    elif name in (*formulas.SIZES, "ic_size"):
        options.number(name, value, 1, 1e9)
    elif name.startswith(("omega", "esv")):
        options.number(name, value, 0)
    elif name in ("df", "ratio_tc_var"):
        if name != "df" or _other(value, math.inf):
            options.number(name, value, 0, ends=False)
    elif name in ("p", "rel1"):
        if name == "p" or _other(value, 1):
            options.number(name, value, 0, 1, ends=False)
    else:
        options.number(name, value, 0, 1)
