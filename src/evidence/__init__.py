"""The analysis bench of a school-improvement partnership: its public names, all of them here.

``import evidence as ev`` is cheap: a name is imported when it is first used.
"""

from importlib import import_module
from types import ModuleType
from typing import Any

from evidence.errors import EvidenceError

# Name in ``ev`` to the module, or the module and the name in it, that it stands for.
_NAMES = {
    "file_kinds": "data.file_kinds",
    "readers": "data.readers",
    "register": "data.register",
    "disclosure": "release.control.disclosure",
    "base": "release.store.reader",
    "compare": "studies.explorer:compare",
    "compress": "methods.core.compressed:compress",
    "estimate": "studies.fitted_model:estimate",
    "Picture": "show.picture:Picture",
    "secret": "data.secrets:secret",
    "words": "show.words",
    "propose": "release.store.publish:propose",
    "publish": "release.store.publish:publish",
    "Gap": "studies.monitoring.gap:Gap",
    "Impact": "studies.impact:Impact",
    "Inspections": "studies.monitoring.inspections:Inspections",
    "Monitoring": "studies.monitoring.indicator:Monitoring",
    "Participation": "studies.monitoring.participation:Participation",
    "Plan": "studies.planning.planned:Plan",
    "School": "studies.monitoring.school:School",
    "Survey": "studies.monitoring.survey:Survey",
    "Synthesis": "studies.synthesis:Synthesis",
    "Timeliness": "studies.monitoring.timeliness:Timeliness",
    "Trial": "studies.trial:Trial",
    "pictures": "studies.pictures",
    "report": "studies.sections",
}
# Rooms of functions: what it is, and from which modules its names come (`shown=own` renames).
_ROOMS = {
    "trials": (
        "Randomised trials.",
        {
            "methods.trials.attrition": "attrition",
            "methods.core.balance": "balance",
            "methods.trials.binary": "odds_ratio risk_difference",
            "methods.trials.bootstrap": "bootstrap",
            "methods.trials.cace": "cace",
            "methods.trials.effect_size": "effect_size",
            "methods.trials.flow": "flow",
            "methods.trials.imputation": "delta_sensitivity impute",
            "methods.trials.itt": "itt",
            "methods.trials.missingness": "missingness",
            "methods.trials.multilevel": "multilevel",
            "methods.trials.outcomes": "romano_wolf",
            "methods.trials.randomisation": "randomisation_test",
            "methods.trials.robustness": "robustness",
            "methods.trials.roster": "check",
            "methods.trials.subgroups": "subgroups",
            "methods.trials.wild_bootstrap": "wild_bootstrap",
            "studies.strength": "security=strength",
        },
    ),
    "impact": (
        "Programmes that nobody randomised.",
        {
            "methods.impact.baseline": "before_start",
            "methods.impact.did": "did effect_size",
            "methods.impact.discontinuity": "discontinuity",
            "methods.impact.event_study": "event_study",
            "methods.impact.lagged_outcome": "given_past",
            "methods.impact.parallel_trends": "honest pre_trend",
            "methods.impact.participation": "cohort exposure gaps participation school_means",
            "methods.impact.randomisation": "randomisation_test",
            "methods.impact.regression_to_mean": "rebound",
            "methods.impact.robustness": "sensitivity",
            "methods.impact.staggered": "staggered two_way_bias",
            "methods.impact.unmeasured_confounding": "e_value oster",
            "methods.impact.wild_bootstrap": "wild_bootstrap",
        },
    ),
    "planning": (
        "A trial before it starts: what it could find, and who is allocated to which arm.",
        {
            "methods.planning.allocation": "allocate replay",
            "methods.planning.power": "cheapest mdes power sample_size",
            "methods.planning.roster_power": "roster_power",
            "methods.planning.variance_components": "variance_components",
        },
    ),
    "monitoring": (
        "Figures watched over time and beside others: what differs, and what is noise.",
        {
            "methods.monitoring.areas": "areas",
            "methods.monitoring.control_chart": "control_chart",
            "methods.monitoring.ees": "from_ees to_ees",
            "methods.monitoring.forecast": "backtest forecast",
            "methods.monitoring.funnel": "funnel",
            "methods.monitoring.gaps": "gap_index share_gap slope_index",
            "methods.monitoring.neighbours": "neighbours",
            "methods.monitoring.participation": "participation",
            "methods.monitoring.printed": "printed_bands",
            "methods.monitoring.proportions": "change proportion rate",
            "methods.monitoring.ranks": "rank_and_band rank_interval",
            "methods.monitoring.similar_schools": "similar_schools",
            "methods.monitoring.stocks": "stock_and_flow",
            "methods.monitoring.story": "story",
            "methods.monitoring.survey": "grim survey weighted_share",
            "methods.monitoring.threshold": "threshold",
            "methods.monitoring.timeliness": "timeliness",
            "methods.monitoring.transitions": "agreement transitions",
            "release.store.council_workbooks": "from_workbook to_workbook",
        },
    ),
    "synthesis": (
        "Several results together: what they say in common, and how sure that is.",
        {
            "methods.synthesis.decision": "decide trial_error",
            "methods.synthesis.pooled_posterior": "posterior",
            "methods.synthesis.pooling": "pool",
            "methods.synthesis.ranking": "ranks",
            "methods.synthesis.sequence": "confidence_sequence",
            "methods.synthesis.strategies": "strategies",
            "methods.synthesis.value_for_money": "value_for_money",
        },
    ),
    "matching": (
        "Similar pupils and schools: what they achieve, and who may stand in for those treated.",
        {
            "methods.core.balance": "balance=weighted_balance effective_size",
            "methods.matching.balance_weights": "balance_weights",
            "methods.matching.cem": "coarsened",
            "methods.matching.nearest": "nearest",
            "methods.value_added.pupils": "deviations expected school_results",
            "methods.value_added.schools": "expected_schools",
        },
    ),
    "effects": (
        "Effect sizes, and what to make of them.",
        {
            "methods.core.hedges": "hedges_g wwc_cluster_correction wwc_effect_size",
            "stats.effect_sizes": "pooled_variance small_sample_factor",
            "stats.multiplicity": "adjust",
            "studies.effects_row": "row",
            "studies.posterior": "posterior",
            "studies.strength": "strength",
            "studies.verdict": "cost_rating detectable months verdict",
        },
    ),
}
__all__ = ["EvidenceError", *_NAMES, *_ROOMS]


class _Room(ModuleType):
    """Functions of one kind, each imported when it is first used."""

    def __init__(self, name: str, about: str, sources: dict[str, str]) -> None:
        super().__init__(f"evidence.{name}", about)
        self._sources = {
            shown: (place, own or shown)
            for place, names in sources.items()
            for shown, _, own in (name.partition("=") for name in names.split())
        }
        self.__all__ = sorted(self._sources)

    def __getattr__(self, name: str) -> Any:
        if name not in self.__dict__.get("_sources", {}):
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        place, own = self._sources[name]
        found = getattr(import_module(f"evidence.{place}"), own)
        if not isinstance(found, type):
            found = import_module("evidence.methods.core.arguments").explained(found)
        setattr(self, name, found)
        return found

    def __dir__(self) -> list[str]:
        return self.__all__


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        found: Any = _Room(name, *_ROOMS[name])
    elif name in _NAMES:
        module, _, attribute = _NAMES[name].partition(":")
        found = import_module(f"evidence.{module}")
        found = getattr(found, attribute) if attribute else found
    else:
        raise AttributeError(f"module 'evidence' has no attribute {name!r}")
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted(__all__)
