"""Set every released answer of the simulated county beside its truth, and beside the usual claim.

    evidence demo county && python benchmarks/were_we_right.py county > docs/were_we_right.md

The truth is in `data/sample/truth.json`, which no analysis reads.
"""

import json
import sys
from pathlib import Path

import pandas as pd
from counties import naive

import evidence as ev

PUPILS = {  # programmes judged by pupil files: the file, and which of its pupils
    "lens": ("pupils.csv", {"sen": "K"}),
    "secondary-challenge": ("ks4_pupils.csv", {}),
}


def usual_claim(sample: Path, programme: str, cohort: str, outcome: str) -> float:
    """Return what a report would quote: the arms' raw difference, or the gain on other schools."""
    if programme.startswith("mobilise-"):
        pupils = pd.read_csv(sample / f"trial_{programme.removeprefix('mobilise-')}.csv")
        arms = pupils.groupby("arm")["post"]
        treated = next(arm for arm in arms.groups if arm not in ("control", "reminder"))
        return (arms.mean()[treated] - arms.mean()["control"]) / arms.std()["control"]
    if programme in PUPILS:
        file, where = PUPILS[programme]
        pupils = ev.readers.select(pd.read_csv(sample / file, dtype={"urn": str}), where)
        panel = ev.impact.school_means(pupils, outcomes=[outcome])
    else:
        files = {year: sample / f"ks2_{year}.csv" for year in range(2015, 2020)}
        panel = ev.readers.ks2_panel(files, [outcome])
    panel = ev.impact.exposure(panel, ev.readers.participation(sample / "participation.csv"))
    return naive(panel, f"{programme} {cohort}", outcome)[0]


def table(county: Path) -> pd.DataFrame:
    """Return a row for each released answer whose truth is known."""
    sample = county / "data" / "sample"
    truth = json.loads((sample / "truth.json").read_text(encoding="utf-8"))["programmes"]
    effects = ev.base.effects(county / "published")
    titles, rows = {}, []
    for card in ev.base.programmes(county / "published"):
        titles |= {(card["name"], one["name"]): one["title"] for one in card["outcomes"]}
        for one in card["cohorts"]:
            titles[card["name"], one["name"]] = f"{card['title']}; {one['title'].lower()}"
    for row in effects[effects["subgroup"] == "all"].itertuples():
        known = truth.get(row.programme, {}).get(row.cohort, {}).get(row.outcome)
        if known:
            rows.append({
                "programme": titles[row.programme, row.cohort],
                "outcome": titles[row.programme, row.outcome],
                "unit": row.unit, "truth": known["estimate"], "estimate": row.estimate,
                "low": row.ci_lower, "high": row.ci_upper, "verdict": row.verdict,
                "claim": usual_claim(sample, row.programme, row.cohort, row.outcome),
            })  # fmt: skip
    found = pd.DataFrame(rows)
    found["held"] = found["truth"].between(found["low"], found["high"])
    return found


def page(found: pd.DataFrame) -> str:
    """Return the page in Markdown."""
    nearer = (found["estimate"] - found["truth"]).abs() < (found["claim"] - found["truth"]).abs()
    said = found["verdict"].isin(["better than similar", "worse than similar"])
    nothing, percent = found["truth"] <= 0, found["unit"] == "pp"
    missed = found.loc[percent, ["estimate", "claim"]].sub(found.loc[percent, "truth"], axis=0)
    ours, usual = missed.abs().mean()
    lines = []
    for row in found.itertuples():
        places = 2 if row.unit == "sd" else 1
        unit = "SD" if row.unit == "sd" else row.unit
        numbers = [
            f"{round(value, places) + 0:+.{places}f}".replace("-", "−")  # no minus zero
            for value in (row.truth, row.estimate, row.low, row.high, row.claim)
        ]
        truth, estimate, low, high, claim = numbers
        lines.append(
            f"| {row.programme} | {row.outcome}, {unit} | {truth} | {estimate} "
            f"| {low} to {high} | {'yes' if row.held else '**no**'} | {row.verdict} | {claim} |"
        )
    return TEXT.format(
        n=len(found),
        held=found["held"].sum(),
        expected=round(0.95 * len(found), 1),
        said=said.sum(),
        wrong=(said & (found["truth"] * found["estimate"] <= 0)).sum() or "none",
        nearer=nearer.sum(),
        nothing=nothing.sum(),
        claimed=(nothing & (found["claim"] > 0)).sum(),
        better=(nothing & (found["verdict"] == "better than similar")).sum() or "none",
        percent=percent.sum(),
        ours=f"{ours:.1f}",
        usual=f"{usual:.1f}",
        rows="\n".join(lines),
    )


TEXT = """# Were we right?

The county is simulated, so every question has a known answer, which no analysis reads. This page
sets each released answer beside its truth. It is written from a release by

```sh
evidence demo county
python benchmarks/were_we_right.py county > docs/were_we_right.md
```

- **How often did the interval hold the truth?** {held} of {n} intervals of 95% do ({expected} would
  be expected).
- **Were the verdicts right?** {said} answers say better or worse than similar; {wrong} of them
  where the truth is nothing, or the other way.
- **What would the usual claim have said?** Of {nothing} answers whose truth is nothing or harm it
  claims a gain in {claimed}; we say "better" in {better}. Over the {percent} answers in percentage
  points (pp) it misses the truth by {usual} on average, our estimate by {ours}. Of all {n} answers
  ours is the nearer in {nearer}.

*Usual claim*: of a trial the raw difference between the arms; of a programme that nobody randomised
the gain since the year before less the gain of all other schools. SD is the standard deviation
of pupils. One county is one draw: [a thousand counties](impact.md) say how often this comes
out so. Answers for groups of pupils are not here, since their truth is not written down, and
Project STAR is not, since it is real. To judge two of them yourself: [judge
before you look](tutorial_judge.md).

| programme | outcome | truth | we said | 95% interval | held | verdict | usual claim |
|---|---|---|---|---|---|---|---|
{rows}
"""


if __name__ == "__main__":
    sys.stdout.write(page(table(Path(sys.argv[1]))))
