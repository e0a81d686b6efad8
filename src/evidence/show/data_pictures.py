"""Pictures of the data themselves: tidy rows in, a private picture and its releasable form out.

The private form shows each school and fine bins, and names a school that lies far from the others.
The releasable form has counts in coarse bins with open ends, or means over many pupils, and names
no school; disclosure control hides its small counts as in any table.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, NoReturn

import numpy as np
import pandas as pd

from evidence.errors import EvidenceError, nearest
from evidence.show.picture import Picture
from evidence.show.words import capital, file_name, number

__all__ = ["DataPicture", "DataPictures"]

CEILING = 0.15  # share at an end of the scale from which it is called a ceiling or a floor
_SCALE = 10  # fewest different marks of which one may be a ceiling
_APART = 2.0  # quartile ranges of empty space that set values apart from the rest
_OUTLYING = 3.5  # robust standard deviations (Iglewicz and Hoaglin, 1993)
_WEAK, _CLOSE = 0.3, 0.9  # correlations: hardly go together; say nearly the same
_ENOUGH = 12  # fewest schools of which one can lie far from the others
_FEW_SCHOOLS = 20  # fewer in a group make no histogram
_TAIL = 0.05  # share of pupils in each open end of the releasable form, about
_CODES = (-1, -9, -99, -999)
_FRACTIONS = {5: "a fifth", 4: "a quarter", 3: "a third", 2: "half"}
_NO_LIMITS = (-np.inf, np.inf)
_INTERVAL = ("estimate", "ci_lower", "ci_upper")
_ABSENT = {
    "group": "all",
    "school": "",
    "weight": 1.0,
    "panel": "",
    "time": np.nan,
    "start": np.nan,
}
_Words = Callable[[int], tuple[str, str]]  # fewest pupils to say a number of: title, alt
_Form = tuple[str, pd.DataFrame]  # kind and table of a picture


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class DataPicture(Picture):
    """A picture of the rows themselves, for those who may see them.

    Parameters
    ----------
    picture : Picture or None
        The form that may be proposed for release; None where there is none.
    """

    picture: Picture | None

    @classmethod
    def of(cls, shown: Picture, released: Picture | None) -> DataPicture:
        """Return a picture that stays, with the form of it that may be proposed, or none."""
        parts = {part.name: getattr(shown, part.name) for part in fields(Picture)}
        return cls(**parts, picture=released)

    def to_json(self) -> NoReturn:
        """Refuse: the rows stay where they are."""
        raise EvidenceError(f"picture {self.name!r} shows the rows themselves: propose its picture")


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class DataPictures:
    """Pictures of one table; each is None where there is nothing to show.

    Parameters
    ----------
    rows : DataFrame
        One row a pupil, or one a school (and year).
    by : str, optional
        Column of arms or groups; rows without one are left out.
    order : sequence of str
        The groups, first what the others are compared with; the rest follow as sorted.
    school : str, optional
        Column of schools, whose names no releasable form shows.
    n : str, optional
        Column of pupils behind each row; a row is a pupil where not given.
    least : int
        Fewest pupils of which a releasable form shows a mean or says a share: so many that the
        number means something. Disclosure control hides small counts besides.
    """

    rows: pd.DataFrame
    by: str | None = None
    order: Sequence[str] = ()
    school: str | None = None
    n: str | None = None
    least: int = 30

    def scores(self, *values: str) -> DataPicture | None:
        """Picture how scores are distributed in each group; the outcome first, then earlier ones.

        The title names values far outside the rest, else a ceiling or floor, else how far the
        means of the outcome lie apart.
        """
        data = self._take(*values)
        values = tuple(name for name in values if data[name].notna().any())
        if not values:
            return None
        few = int(np.clip(data["group"].value_counts().min() ** 0.5 / 2, 4, 9))

        def words(least: int) -> tuple[str, str]:
            unusual = [_unusual(name, data[name], self._of, least) for name in values]
            means = [_means_said(data, name, least) for name in values]
            alt = f"Histograms for each group, in shares of {self._of}. {'. '.join(means)}."
            return next(filter(None, unusual), f"{means[0]}, before any adjustment"), alt

        forms = [
            ("distribution", pd.concat([_histogram(data, v, self._of, *bins) for v in values]))
            for bins in ((24, 0.0), (few, _TAIL))
        ]
        return self._both("data-scores", words, *forms, **self._counted, axes=("from", "under"))

    def shares(self, *values: str) -> DataPicture | None:
        """Picture the share of pupils in each group who have each outcome of 0 and 1."""
        data = self._take(*values)
        return self._shares("data-shares", "the data", data, {v: data[v].dropna() for v in values})

    def missing(self, *columns: str) -> DataPicture | None:
        """Picture which share of pupils lack a value, in each column that has gaps."""
        data = self._take()
        gaps = self.rows[list(columns)].isna().set_axis(range(len(self.rows))).loc[data.index]
        gaps = {f"{name} missing": gaps[name] for name in columns if gaps[name].any()}
        return self._shares("data-missing", "who took part", data, gaps)

    def received(self, dosage: str) -> DataPicture | None:
        """Picture which share of pupils in each group received any of the programme.

        A group in which few did leaves out of what may be proposed: to hide how few, as much again
        of the participant flow would have to be hidden.
        """
        data = self._take(dosage)
        taken = {"received any of the programme": data[dosage].dropna() > 0}
        shown = self._shares("received", "who took part", data, taken)
        if shown is None or shown.picture is None:
            return shown
        table = shown.table
        many = table["group"][table["n_part"] >= self.least]
        left = data[data["group"].isin(many)]
        left = left.assign(group=left["group"].cat.remove_unused_categories())
        taken = {name: flag.loc[flag.index.isin(left.index)] for name, flag in taken.items()}
        released = self._shares("received", "who took part", left, taken) if len(left) else None
        return replace(shown, picture=released and released.picture)

    def together(self, one: str, other: str) -> DataPicture | None:
        """Picture how many pupils have which two results: the one across, the other up."""
        return self._pair("data-together", one, other, "{0} and {1} go together")

    def before_after(self, before: str, after: str) -> DataPicture | None:
        """Picture results before against after, a dot for the means of each school and group.

        The releasable form shows how many pupils have which two results.
        """
        title = "Those who started higher finished higher"
        return self._pair("data-before-after", before, after, title, dots=True)

    def _pair(
        self, name: str, one: str, other: str, usually: str, dots: bool = False
    ) -> DataPicture | None:
        from scipy.stats import theilslopes

        data = self._take(one, other).dropna(subset=[one, other])
        usual = data.loc[~(_far(data[one]) | _far(data[other])), [one, other]]
        if usual.nunique().min() < 2:
            return None
        r = np.corrcoef(usual[one], usual[other])[0, 1]
        schools, dots = _by_school(data, [one, other]), dots and bool(self.school)
        if len(schools) >= _ENOUGH:
            slope = theilslopes(schools[other], schools[one]).slope  # no outlying school bends it
            off = schools[other] - slope * schools[one]
            schools["far"] = _outlying((off - off.median()) * np.sqrt(schools["n_pupils"]))

        def words(least: int) -> tuple[str, str]:
            pair = f"{capital(one)} and {other}"
            title = usually.format(capital(one), other)
            title = f"{pair} say nearly the same" if r > _CLOSE else title
            title = f"{pair} run against each other: is one reversed?" if r < 0 else title
            title = f"{pair} hardly go together" if abs(r) < _WEAK else title
            title, said = f"{title} (r = {number(r)})", f"r = {number(r)}"
            shown = "a dot for each school and group" if dots and not least else "counts in cells"
            alt = f"{capital(one)} (across) and {other} (up), {shown}; {said}."
            return ("" if least or not dots else _far_said(schools, least)) or title, alt

        fine, coarse = (
            _tally(self._of, **{f"{name} ": _bins(data[name], *bins) for name in (one, other)})
            for bins in ((7, 0.0), (5, _TAIL))
        )
        shown = ("dots", schools) if dots else ("together", fine)
        name = f"{name}-{file_name(f'{one} {other}', 'value')}"
        roles = self._counted | {"axes": tuple(coarse.columns[:4])}
        return self._both(name, words, shown, ("together", coarse), **roles)

    def schools(
        self, value: str, error: str | None = None, limits: tuple[float, float] = _NO_LIMITS
    ) -> DataPicture | None:
        """Picture the schools in the order of their results, each with its 95% interval.

        Parameters
        ----------
        value : str
            Column of results.
        error : str, optional
            Column of a school's standard error; where there is none, rows are pupils, whose
            spread within schools is taken to be the same in all.
        limits : tuple of float, optional
            The ends of the scale, such as 0 and 100, where intervals end too.
        """
        columns = [value, *([error] if error else ())]
        data = self._take(*columns).dropna(subset=columns)
        if data.groupby("school")["group"].nunique().gt(1).any():  # both arms are in a school
            data["group"] = pd.Categorical(["all"] * len(data))
        each = _by_school(data, columns)
        if len(each) < 2:
            return None
        inside = data[value] - data.groupby("school")[value].transform("mean")
        pooled = (inside**2).sum() / max(1, len(data) - len(each))
        half = 1.96 * (each[error] if error else (pooled / each["n_pupils"]) ** 0.5)
        result, off = each[value], each[value] - each[value].mean()
        ends = {
            "ci_lower": (result - half).clip(*limits),
            "ci_upper": (result + half).clip(*limits),
        }
        table = each[["school", "group"]].assign(estimate=result, **ends, far=_outlying(off))
        apart = (off.abs() > half).sum()

        def words(least: int) -> tuple[str, str]:
            title = (
                f"{capital(value)}: {apart} of {len(table)} schools lie clearly above or below the "
                f"mean; chance alone would put about {max(1, round(0.05 * len(table)))} there"
            )
            alt = f"Schools in the order of {value}, each with its 95% interval."
            alt = f"Histograms of schools by {value}." if least else alt
            return _far_said(table, least) or title, alt

        released = None
        if each["group"].value_counts().min() >= _FEW_SCHOOLS:
            released = ("distribution", _histogram(each, value, "schools", 6, _TAIL))
        roles = {"schools": ("n_schools",), "axes": ("from", "under")}
        name = f"data-schools-{file_name(value, 'value')}"
        return self._both(name, words, ("schools", table), released, **roles)

    def over_years(
        self, value: str, time: str, cohort: str | None = None, start: str | None = None
    ) -> DataPicture | None:
        """Picture the mean of each group over the years, a panel for each cohort.

        Parameters
        ----------
        value, time : str
            Columns of the results and of the years in which their school years end.
        cohort : str, optional
            Column of the cohorts' names. Rows without one, as of schools that never took part,
            are drawn in every panel.
        start : str, optional
            Column of the first year with the programme; missing where there is none.
        """
        data = self._take(value, time=time, panel=cohort, start=start).fillna({"panel": ""})
        data = data.dropna(subset=[value, "time"])
        if data.empty:
            return None
        given = {"panel": cohort, "group": True, "time": time, "start": start}
        keys = [name for name in given if given[name]]
        forms = [("lines", _means(data, value, keys, least)) for least in (0, self.least)]
        sums = data.assign(sum=data[value] * data["weight"]).pivot_table(
            ["sum", "weight"], "group", "time", aggfunc="sum", observed=True
        )
        # The title's differences are those of the means that the table shows.
        means = (sums["sum"] / sums["weight"]).iloc[:, [0, -1]].round(1)

        def words(least: int) -> tuple[str, str]:
            title = f"{capital(value)} over the years"
            known = forms[bool(least)][1]["estimate"].notna().all()
            if len(means) == 2 and means.notna().all(axis=None) and known:
                other, one = means.index
                gaps = (means.loc[one] - means.loc[other]).tolist()
                then, now = (f"{number(abs(g))} {'above' if g > 0 else 'below'}" for g in gaps)
                said = f"{one} began {then} {other} and ended {now}, before any adjustment"
                title = f"{capital(value)}: {said}"
            return title, f"Mean {value} by year and group, with 95% intervals between schools."

        roles = {"counts": ("n_pupils",), "statistics": _INTERVAL, "schools": ("n_schools",)}
        roles["axes"] = tuple(name for name in keys if name in ("time", "start"))
        return self._both(f"data-years-{file_name(value, 'value')}", words, *forms, **roles)

    @property
    def _of(self) -> str:
        return "schools" if self.n else "pupils"

    @property
    def _counted(self) -> dict[str, Any]:
        return {"schools" if self.n else "counts": (f"n_{self._of}",)}

    def _take(self, *values: str, **also: str | None) -> pd.DataFrame:
        """Return results by name, the rest under fixed names, of rows that have a group."""
        also |= {"group": self.by, "school": self.school, "weight": self.n}
        for name in filter(None, (*values, *also.values())):
            if name not in self.rows:
                hint = nearest(name, map(str, self.rows.columns))
                raise EvidenceError(f"the data have no column {name!r}; {hint}")
        rows = self.rows.reset_index(drop=True)
        data = pd.DataFrame({name: rows[name].astype(float) for name in values}, rows.index)
        for name, column in also.items():
            data[name] = rows[column] if column else _ABSENT[name]
        text = data["group"].astype("str").where(data["group"].notna())
        there = set(text.dropna())
        groups = [name for name in dict.fromkeys(map(str, self.order)) if name in there]
        data["group"] = pd.Categorical(text, [*groups, *sorted(there - {*groups})])
        return data[text.notna()]

    def _shares(
        self, name: str, question: str, data: pd.DataFrame, there: dict[str, pd.Series]
    ) -> DataPicture | None:
        """Picture which share of each group `there` is true of."""
        if not there:
            return None
        flags = {capital(what): flag.astype(int) for what, flag in there.items()}
        by = {what: flag.groupby(data["group"], observed=False) for what, flag in flags.items()}
        table = pd.concat({what: groups.agg(["sum", "size"]) for what, groups in by.items()})
        table = table.reset_index().set_axis(["outcome", "group", "n_part", "n_pupils"], axis=1)

        def words(least: int) -> tuple[str, str]:
            said: dict[str, list[str]] = {}
            for what, group, part, whole in table.itertuples(index=False):
                said.setdefault(what, []).append(f"{_share(part, whole, least)} in {group}")
            lines = [f"{what}: {', '.join(shares)}" for what, shares in said.items()]
            return lines[0], "; ".join(lines) + "."

        form, counts = ("shares", table), ("n_part", "n_pupils")
        return self._both(name, words, form, form, question=question, counts=counts)

    def _both(
        self, name: str, words: _Words, shown: _Form, released: _Form | None,
        question: str = "the data", **roles: Any,
    ) -> DataPicture:  # fmt: skip
        """Make the private picture, which names no counts, and the one that may be proposed."""

        def parts(kind: str, table: pd.DataFrame, least: int) -> dict[str, Any]:
            texts = table.select_dtypes("category").columns
            table = table.reset_index(drop=True).astype(dict.fromkeys(texts, "str"))
            said = dict(zip(("title", "alt"), words(least), strict=True))
            return said | {"name": name, "kind": kind, "table": table, "question": question}

        picture = Picture(**parts(*released, self.least), **roles) if released else None
        return DataPicture(**parts(*shown, 0), picture=picture)


def _bins(value: pd.Series, most: int, tail: float) -> pd.Series:
    """Put values in bins of a round width, the first and the last one open.

    With a `tail` the open bins begin where that share of the values lies beyond; without one they
    hold the values far outside the rest, if there are any.
    """
    usual = value[~_far(value)].dropna()
    low, high = usual.quantile([tail, 1 - tail])
    whole = bool((usual % 1 == 0).all())
    raw = (high - low) / most or 1.0
    power = 10.0 ** np.floor(np.log10(raw))
    step = next(times * power for times in (1, 2, 5, 10) if times * power >= raw * (1 - 1e-9))
    step = max(step, 1.0) if whole else step
    edges = np.arange(np.floor(low / step), np.floor(high / step) + 2) * step
    edges = np.round(edges[1:-1] if tail and len(edges) > 3 else edges, 10)
    bins = pd.cut(value, [-np.inf, *edges, np.inf], right=False)
    empty = [end for end in bins.cat.categories[[0, -1]] if not (bins == end).any()]
    return bins.cat.remove_categories(empty)


def _tally(of: str, **columns: pd.Series) -> pd.DataFrame:
    """Count the rows for each combination of groups and bins; a bin becomes its two bounds."""
    table = pd.DataFrame(columns).groupby(list(columns), observed=False).size().reset_index()
    made = {}
    for name in columns:
        levels, codes = table[name].cat.categories, table[name].cat.codes
        if isinstance(levels, pd.IntervalIndex):
            for end, bounds in (("from", levels.left), ("under", levels.right)):
                made[name + end] = np.where(np.isinf(bounds), np.nan, bounds)[codes]
        else:
            made[name] = table[name]
    return pd.DataFrame(made | {f"n_{of}": table[0]})


def _histogram(data: pd.DataFrame, name: str, of: str, most: int, tail: float) -> pd.DataFrame:
    table = _tally(of, group=data["group"], **{"": _bins(data[name], most, tail)})
    table.insert(0, "outcome", capital(name))
    return table


def _far(value: pd.Series) -> pd.Series:
    """Return which values lie far outside the rest, or look like a code for missing.

    Far is what lies beyond a gap of more than two quartile ranges, and a −1, −9, −99 or −999 below
    values that are all 0 or more.
    """
    marks = np.unique(value.dropna())
    low, high = value.quantile([0.25, 0.75])
    left, right = marks[:-1], marks[1:]
    gap = right - left > (_APART * (high - low) or np.inf)
    coded = np.isin(left, _CODES) & (right >= 0)
    lowest = left[(right <= low) & (gap | coded)].max(initial=-np.inf)
    return (value <= lowest) | (value >= right[(left >= high) & gap].min(initial=np.inf))


def _by_school(data: pd.DataFrame, values: Sequence[str]) -> pd.DataFrame:
    """Return the mean of each value for each group and school, weighted by pupils."""
    keys = [data["group"], data["school"].astype("str")]
    weights = data["weight"].groupby(keys, observed=True).sum()
    sums = data[list(values)].mul(data["weight"], axis=0).groupby(keys, observed=True).sum()
    table = sums.div(weights, axis=0).assign(n_pupils=weights, far=False).reset_index()
    return table[["school", "group", *values, "n_pupils", "far"]]


def _means(data: pd.DataFrame, value: str, keys: list[str], least: int) -> pd.DataFrame:
    """Return means with 95% intervals from the differences between schools.

    With `least`, no mean of fewer pupils or of one or two schools is given.
    """
    rows = []
    for key, part in data.groupby(keys, dropna=False, observed=True):
        weight, y = part["weight"].to_numpy(float), part[value].to_numpy()
        mean, n = np.average(y, weights=weight), weight.sum()
        codes, schools = pd.factorize(part["school"])
        sums, k = np.bincount(codes, weight * (y - mean)), len(schools)
        half = 1.96 * (k / (k - 1) * (sums**2).sum()) ** 0.5 / n if k > 1 else np.nan
        if least and (n < least or k < 3):
            mean = np.nan
        rows.append([capital(value), *key, mean, mean - half, mean + half, n, k])
    return pd.DataFrame(rows, columns=["outcome", *keys, *_INTERVAL, "n_pupils", "n_schools"])


def _outlying(off: pd.Series) -> pd.Series:
    """Return what lies far from the rest, by the median absolute deviation."""
    off = (off - off.median()).abs()
    return (off > _OUTLYING * 1.4826 * off.median()) & (off.median() > 0) & (len(off) >= _ENOUGH)


def _unusual(name: str, value: pd.Series, of: str, least: int) -> str:
    """Say that values lie far outside, or that there is a ceiling or a floor; "" if neither."""
    far = _far(value)
    usual = value[~far].dropna()
    if far.any():
        sides = {"above": value[far].max() > usual.max(), "below": value[far].min() < usual.min()}
        said = " and ".join(side for side, there in sides.items() if there)
        coded = value[far].nunique() < 3 <= far.sum()
        doubt = "a code for missing" if coded else "are they right"
        return f"{capital(name)}: values far {said} the rest: {doubt}?"
    ends = ("reach the highest mark: a ceiling", "have the lowest mark: a floor")
    for said, end in zip(ends, (usual.max(), usual.min()), strict=True):
        there = (usual == end).sum()
        if there >= CEILING * len(usual) and usual.nunique() >= _SCALE:
            return f"{capital(name)}: {_share(there, len(usual), least)} of {of} {said}"
    return ""


def _means_said(data: pd.DataFrame, name: str, least: int) -> str:
    """Say the mean of each group of at least `least`, without values far outside the rest."""
    usual = data[~_far(data[name])]
    by = usual.groupby("group", observed=True)[name].agg(["mean", "count"])
    said = [f"{_short(mean)} in {group}" for group, mean, n in by.itertuples() if n >= least]
    return f"{capital(name)}: on average {', '.join(said) or 'not shown'}"


def _share(part: float, whole: float, least: int) -> str:
    """Say a share in words; of fewer than `least`, only whether it is few or most."""
    if least and min(part, whole - part) < least:
        return "few" if part < whole / 2 else "most"
    share = part / whole if whole else 0.0
    near = [text for parts, text in _FRACTIONS.items() if abs(share - 1 / parts) < 0.01]
    return near[0] if near else "under 1%" if 0 < share < 0.01 else f"{100 * share:.0f}%"


def _far_said(table: pd.DataFrame, least: int) -> str:
    far = table.loc[table["far"], "school"].unique()
    if len(far) != 1:
        return f"{len(far)} schools lie far from the others" if len(far) else ""
    school = f"School {far[0]}" if far[0].isdigit() else far[0]
    return f"{'One school' if least else school} lies far from the others"


def _short(value: float) -> str:
    return number(value, 1 if abs(value) >= 20 else 2)
