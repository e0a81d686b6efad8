"""What a protocol becomes: protocol, statistical analysis plan and report skeleton to print.

The order is that of EEF's templates. What nobody has entered yet is marked, never left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date

from evidence.show.document import (
    Block,
    Document,
    Heading,
    Items,
    Paragraph,
    Strong,
    Sub,
    Table,
)  # fmt: skip
from evidence.show.words import UNITS, day
from evidence.stats.power import DESIGNS, nested
from evidence.studies.limits_and_sources import LIMITS, references
from evidence.studies.planning.protocol import Intervention, Measured, Protocol

OPEN = "To be completed"
_SIMULATED = "Made up to try the machine out: no such trial takes place."
_LATER, _SOON = "After the trial", "Once allocated"


def documents(said: Protocol, sha256: str) -> dict[str, Document]:
    """Return protocol, analysis plan and report skeleton by the name of their file.

    Parameters
    ----------
    said : Protocol
    sha256 : str
        Of its file, "" where it came from none.
    """
    made = {
        "protocol": ("Trial protocol", _protocol(said)),
        "analysis_plan": ("Statistical analysis plan", _analysis(said)),
        "report": ("Evaluation report (skeleton)", _report(said)),
    }
    return {name: _document(said, sha256, *each) for name, each in made.items()}


def _document(said: Protocol, sha256: str, kind: str, blocks: Sequence[Block]) -> Document:
    led = ", ".join(filter(None, (one.name for one in said.people))) or OPEN
    facts = [
        ("Document", f"{kind}, version {said.version}"),
        ("Date", day(said.dated)),
        ("Question", said.question),
        ("Registered as", said.registration or OPEN),
        ("Led by", led),
        ("SHA-256", f"{sha256[:32]} {sha256[32:]}" if sha256 else "not from a file"),
    ]
    band = _SIMULATED if said.simulated else ""
    return Document(title=said.title, author=led, date=said.dated, facts=facts, blocks=blocks,
                    foot=f"{said.title} · {kind.lower()}", band=band)  # fmt: skip


def _part(title: str, *blocks: Block | str) -> list[Block]:
    """Return a part under its heading; text that is empty is marked."""
    made = [_said(each) if isinstance(each, str) else each for each in blocks]
    return [Heading(title), *made]


def _said(text: str, about: str = "") -> Paragraph:
    lead: list[str | Strong] = [Strong(f"{about}: ")] if about else []
    return Paragraph([*lead, text if text.strip() else Strong(OPEN)])


def _items(caption: str, rows: Iterable[tuple[str, object]]) -> Table:
    """Return a table of items and what is said of each; what is empty is marked."""
    told = [[about, _cell(value)] for about, value in rows]
    return Table(caption, ["Item", "As planned"], told, [False, False], [1, 3])


def _cell(value: object) -> str:
    if isinstance(value, (list, tuple, dict)):
        value = ", ".join(map(str, value))
    return OPEN if value in ("", None) else str(value)


def _grid(caption: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Table:
    told = [[_cell(value) for value in row] for row in rows] or [[OPEN] * len(columns)]
    right = [False] + [all(_is_number(row[at]) for row in told) for at in range(1, len(columns))]
    return Table(caption, columns, told, right, [2, *[1] * (len(columns) - 1)])


def _is_number(text: str) -> bool:
    return text.lstrip("−+£").replace(",", "").replace(".", "").isdigit()


def equation(said: Protocol, title: str) -> Paragraph:
    """Return the planned model of an outcome as an equation."""
    one, words, grouped = said.analysis, said.words, bool(said.analysis.cluster)
    place = "ij" if grouped else "i"
    arm = "j" if DESIGNS[said.design.kind][:1] == "C" else place
    before = [*filter(None, [one.baseline]), *one.covariates]
    terms: list[tuple[str, str]] = [("α", words.get(one.strata, one.strata))]
    terms += [(f"τ · {said.arm}", arm)]
    terms += [(f"β{at} · {words.get(name, name)}", place) for at, name in enumerate(before, 1)]
    terms += [("u", "j")] * grouped + [("ε", place)]
    parts: list[str | Strong | Sub] = [Strong(title), Sub(place)]
    for sign, (symbol, below) in zip([" = ", *[" + "] * len(terms)], terms, strict=False):
        parts += [f"{sign}{symbol}", *([Sub(below)] if below else [])]
    return Paragraph(parts)


def _symbols(said: Protocol) -> str:
    """Say what the symbols of the equations are."""
    one = said.analysis
    of, group = ("i of group j", f"; u is what pupils of one {one.cluster} share") if (
        one.cluster) else ("i", "")  # fmt: skip
    strata = f" of each {said.words.get(one.strata, one.strata)}" if one.strata else ""
    return (f"Pupil {of}; α is the level{strata} without the programme; τ is the effect of "
            f"{said.arm}, beside {said.control}{group}; ε is what is left.")  # fmt: skip


def worthwhile(one: Measured) -> str:
    """Return the smallest worthwhile effect of an outcome with its unit."""
    return f"{one.smallest_worthwhile:g} {UNITS[one.unit]}"


def _design_in_words(kind: str) -> str:
    """Return what a design allocates, before the name that formulas have for it."""
    levels = DESIGNS[kind]
    what = "Whole groups" if levels[:1] == "C" else "Pupils"
    within = " within blocks" if levels.strip("C") else ""
    taught = "; only the programme's pupils are taught in groups" if nested(kind) else ""
    return f"{what} are allocated{within}{taught} ({kind})"


def _intervention(said: Protocol) -> Table:
    fields = Intervention.model_fields
    rows = [(n.capitalize(), getattr(said.intervention, n)) for n in fields]
    return _items("The intervention, by the items of TIDieR", rows)


def _design(said: Protocol) -> Table:
    ratio = " : ".join(str(part) for part in said.design.arms.values())
    one = said.primary
    return _items("Trial design", [
        ("Design", _design_in_words(said.design.kind)),
        ("Arms", f"{', '.join(said.design.arms)} ({ratio})"),
        ("Unit allocated", said.allocation.unit),
        ("Allocated within",
         [said.words.get(name, name) for name in said.allocation.strata] or "no strata"),
        ("Primary outcome", f"{one.words} ({one.measure or OPEN})"),
        ("Secondary outcomes", [o.words for o in said.outcomes if not o.primary] or "none"),
        ("Baseline", said.words.get(said.analysis.baseline, said.analysis.baseline) or "none"),
        ("Control receives", said.design.usual),
    ])  # fmt: skip


def _outcomes(said: Protocol) -> Table:
    def scale(low: float | None, high: float | None) -> str:
        return "" if low is None or high is None else f"{low:g} to {high:g}"

    def window(*days: date | None) -> str:
        return " to ".join(day(each) for each in days if each)

    rows = [(f"{o.words}{' (primary)' if o.primary else ''}", o.measure, scale(o.lowest, o.highest),
             window(o.first, o.last), worthwhile(o))
            for o in said.outcomes]  # fmt: skip
    columns = ["Outcome", "Measured by", "Scale", "When", "Smallest worthwhile effect"]
    return _grid("What is measured, when, and what would be worth while", columns, rows)


def _sample(said: Protocol, *later: str) -> Table:
    """Return the table of the sample size, with columns that later stages fill in."""
    least, figures = said.mdes(), said.smallest()
    known = {**least.values} if least else {}
    rows: list[tuple[str, object]] = [(f"Smallest effect found (MDES), {who}", value)
                                      for who, value in figures.items()]  # fmt: skip
    names = {"n": "Pupils in each group", "J": "Groups", "K": "Blocks or schools above",
             "p": "Share offered it", "g": "Covariates at the top level",
             "rel1": "Reliability of the outcome"}  # fmt: skip
    if not DESIGNS[said.design.kind]:
        names["n"] = "Pupils"
    for symbol in known:
        if symbol.startswith("r2"):
            names[symbol] = f"Explained at level {symbol[-1]} (R²: the correlation squared)"
        elif symbol.startswith("rho"):
            names[symbol] = f"Intraclass correlation, level {symbol[3]}"
    rows += [(name, f"{known[symbol]:g}") for symbol, name in names.items() if symbol in known]
    rows += [(f"Symbol {s}", f"{v:g}") for s, v in known.items()
             if s not in names and isinstance(v, (int, float)) and v]  # fmt: skip
    if len(said.design.arms) > 2 and said.units:
        rows.append(("Units allocated, to all arms", f"{said.units:,.0f}"))
    for about, key, default in (("Power", "power", 0.8), ("Alpha, two-sided", "alpha", 0.05)):
        rows.append((about, said.sample.get(key, default)))
    rows.append(("Sources of these figures", said.sample.get("sources", "")))
    stages = {"At randomisation": _SOON, "At analysis": _LATER}
    body = [[about, _cell(value), *("" if "Sources" in about else stages[each] for each in later)]
            for about, value in rows]  # fmt: skip
    columns, widths = ["Item", "At protocol", *later], [3, 2, *[2] * len(later)]
    caption = "What the sample could find, and the figures that this rests on"
    return Table(caption, columns, body, [False] * len(columns), widths)


def _randomisation(said: Protocol) -> list[Block]:
    rule = said.allocation
    text = (
        f"Units ({rule.unit}) are allocated by {rule.method} with evidence allocate. The seed is "
        "the SHA-256 of this protocol's own SHA-256 and of public words that nobody can know when "
        "the protocol is sealed. The record is append-only, and anybody can make the allocation "
        "again with evidence verify."
    )
    return [_said(text), _said(rule.nonce, "Public words"), _said(rule.who, "Who allocates")]


def _costs(said: Protocol) -> list[Block]:
    rows = [(one.what, f"{one.start_up:,.0f}", f"{one.yearly:,.0f}",
             f"{3 * one.yearly + one.start_up:,.0f}") for one in said.costs.items]  # fmt: skip
    columns = ["Item", "Start-up, £", "Each year, £", "Three years, £"]
    table = _grid("Costs: direct and marginal", columns, rows)
    return [
        table,
        _said(said.costs.sentence, "Average"),
        _said(said.costs.staff_time, "Staff time"),
    ]


def _people(said: Protocol) -> Table:
    rows = [(one.name, one.role, one.organisation) for one in said.people]
    return _grid("Who does what", ["Name", "Role", "Organisation"], rows)


def _missing(said: Protocol) -> list[Block]:
    rule = (
        "Missing values are counted by arm. Where more than 5% of outcomes are missing, a model "
        "says who is missing; values are imputed many times under missing at random, and shifted "
        "to see what would change the answer."
    )
    return [_said(rule), _said(said.analysis.missing, "In this trial")]


def _models(said: Protocol, *, primary: bool) -> list[Block]:
    chosen = [one for one in said.outcomes if one.primary is primary]
    if not chosen:
        return [_said("There is none.")]
    shown: list[Block] = [equation(said, one.words) for one in chosen]
    return [*shown, _said(_symbols(said))] if primary else shown


def _errors(said: Protocol) -> str:
    if not said.analysis.cluster:
        return "Least squares; errors are robust to unequal variances."
    return (f"Least squares; errors are by {said.analysis.cluster} (CR2) with Satterthwaite's "
            "degrees of freedom. A multilevel model of the same terms is a check.")  # fmt: skip


def _groups(said: Protocol) -> str:
    named = said.analysis.subgroups
    if not named:
        return "No subgroup is prespecified: every subgroup that is shown is exploratory."
    words = ", ".join(said.words.get(name, name) for name in named)
    return f"Prespecified: {words}. An interaction, and each group alone."


def _effect_size(said: Protocol) -> str:
    worth = f"The smallest effect worth having is {worthwhile(said.primary)}."
    if said.primary.unit == "pp":
        return (
            f"The difference of the arms' shares in percentage points, with a 95% interval. {worth}"
        )
    return (
        "Hedges' g with a 95% interval: the adjusted difference divided by the total standard "
        "deviation of a model without covariates (between and within groups added up), with the "
        f"correction for small samples. {worth}"
    )


def _references(said: Protocol) -> list[Block]:
    """Return the sources of the methods that are planned, under a heading of their own."""
    one, whole = said.analysis, DESIGNS[said.design.kind][:1] == "C"
    _, listed = references(
        guidance=True, consort=True, consort_clusters=whole, tidier=True, power=said.sample,
        clusters=one.cluster, multilevel=one.cluster, effect_size=said.primary.unit != "pp",
        missing=True, compliance=one.compliance or one.dosage, several=len(said.outcomes) > 1,
    )  # fmt: skip
    return [Heading("References"), listed]


def _protocol(said: Protocol) -> list[Block]:
    one = said.analysis
    return [
        *_part("Rationale", said.rationale),
        *_part("Intervention", _intervention(said)),
        *_part("Research question", said.question, _said(one.estimand, "Estimand")),
        *_part("Design", _design(said)),
        *_part("Participants", _said(said.design.participants, "Who may take part"),
               _said(said.design.recruitment, "Recruitment"), _said(one.exclusions, "Exclusions")),
        *_part("Randomisation", *_randomisation(said)),
        *_part("Sample size", _sample(said)),
        *_part("Outcome measures", _outcomes(said)),
        *_part("Compliance", one.compliance),
        *_part("Analysis", _errors(said), *_models(said, primary=True), _groups(said),
               *_missing(said)),
        *_part("Implementation and process evaluation",
               _said(said.implementation.questions, "Questions"),
               _said(said.implementation.methods, "Methods")),
        *_part("Cost evaluation", *_costs(said)),
        *_part("Ethics and registration", _said(said.ethics.approval, "Approval"),
               _said(said.ethics.agreement, "Agreement"), _said(said.registration, "Registration")),
        *_part("Data protection", _said(said.ethics.lawful_basis, "Lawful basis"),
               _said(said.ethics.controller, "Controller"), _said(said.ethics.storage, "Storage")),
        *_part("Personnel", _people(said)),
        *_part("Risks", said.risks),
        *_part("Timeline", _grid("Steps of the trial", ["What", "When"],
                                 [(step.what, day(step.when)) for step in said.timeline])),
        *_references(said),
    ]  # fmt: skip


def _analysis(said: Protocol) -> list[Block]:
    one = said.analysis
    return [
        *_part("Design overview", _design(said), _said(one.estimand, "Estimand")),
        *_part("Sample size", _sample(said, "At randomisation")),
        *_part("Primary analysis", *_models(said, primary=True), _errors(said)),
        *_part("Secondary analyses", *_models(said, primary=False)),
        *_part("Subgroup analyses", _groups(said)),
        *_part("Further analyses", _said(one.robustness, "Robustness"),
               _said("None is planned beyond the outcomes above.", "Longitudinal follow-up")),
        *_part("Imbalance at baseline", "Differences between the arms before the start are "
               "reported as effect sizes, of all who were randomised and of those analysed. No "
               "test is made."),
        *_part("Missing data", *_missing(said)),
        *_part("Compliance", one.compliance, "The effect on those who took part is estimated by "
               "two stages of least squares, with allocation as the instrument; the first F "
               "is reported."),
        *_part("Intraclass correlations", "Those of the outcome and of the baseline are reported "
               "with their variances, from a model without covariates."),
        *_part("Effect size", _effect_size(said)),
        *_part("Changes since the protocol", "Every difference between this plan and what was done "
               "is listed in the report by ev.Trial.read(data, plan, protocol=…); what was not "
               "planned is marked as exploratory."),
        *_references(said),
    ]  # fmt: skip


def _report(said: Protocol) -> list[Block]:
    arms = [said.arm, said.control]
    titles = [f"{o.words}{' (primary)' if o.primary else ''}" for o in said.outcomes]
    by_arm = [f"{arm}: {what}" for arm in arms for what in ("n (missing)", "mean (SD)")]

    def later(caption: str, columns: Sequence[str], names: Sequence[str]) -> Table:
        rows = [[name, *[_LATER] * (len(columns) - 1)] for name in names]
        return _grid(caption, columns, rows)

    before = [*filter(None, [said.analysis.baseline]), *said.analysis.covariates]
    known = [said.words.get(name, name) for name in before]
    stages = ["Assessed for eligibility", "Randomised", "Lost", "Analysed"]
    effects = ["Outcome", "Unadjusted difference", "Adjusted difference", "Variance between",
               "Variance within", "g (95% interval)"]  # fmt: skip
    impact = ["Outcome", "Effect size (95% interval)", "Months", "Strength", "Pupils", "p"]
    return [
        *_part("Executive summary", _said("", "Key conclusions"), _said("", "Security rating"),
               later("Impact", impact, titles)),
        *_part("Introduction", said.rationale, _intervention(said),
               _said(said.question, "Research question")),
        *_part("Methods", _design(said), *_randomisation(said), _outcomes(said),
               *_models(said, primary=True), _errors(said), _effect_size(said)),
        *_part("Sample size", _sample(said, "At randomisation", "At analysis")),
        *_part("Participants", later("Flow", ["Stage", *(f"{a}: {u}" for a in arms for u in
               ("schools", "pupils"))], stages), later("Attrition", ["Pupils", *arms],
               ["Randomised", "Analysed", "Lost, %"]),
               later("Characteristics", ["Characteristic", *by_arm, "Effect size"],
                     known or ["Pupils"])),
        *_part("Outcomes and analysis", later("Raw means", ["Outcome", *by_arm], titles),
               later("Effect sizes", effects, titles), _groups(said)),
        *_part("Implementation and process evaluation",
               _said(said.implementation.found, "Fidelity"),
               _said(said.implementation.questions, "Questions")),
        *_part("Cost", *_costs(said)),
        *_part("Conclusion", "", _said("", "Future work")),
        Heading("Limitations"), Items([[each] for each in LIMITS]),
        _said("", "Of this trial: losses, changes, fidelity"),
        *_references(said),
        *_part("Appendices", _said("", "Security classification"),
               _said("", "Changes since registration"), _said("", "Code")),
    ]  # fmt: skip
