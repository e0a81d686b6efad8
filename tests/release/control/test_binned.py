"""Pictures of the data: tables of counts per bin, by arm."""

import numpy as np
import pandas as pd
import pytest

from evidence.data.rules import Rules
from evidence.errors import EvidenceError
from evidence.release.control.disclosure import protect_picture
from evidence.release.control.suppression import complete
from evidence.show.picture import Picture

COUNTS = {"small class": [12, 40, 61, 33, 4], "regular class": [18, 52, 58, 31, 22]}


def binned(counts=COUNTS, totals=False, **changes):
    """Return a picture whose table has a row a bin and arm, with or without a row for the arm."""
    rows = [
        {"arm": arm, "bin": f"{10 * at} to {10 * at + 9}", "bin_lower": 10.0 * at,
         "bin_upper": 10.0 * at + 9, "n_pupils": n}
        for arm, bins in counts.items() for at, n in enumerate(bins)
    ]  # fmt: skip
    if totals:
        rows += [
            {"arm": arm, "bin": "all", "bin_lower": np.nan, "bin_upper": np.nan,
             "n_pupils": sum(bins)}
            for arm, bins in counts.items()
        ]  # fmt: skip
    given = {"name": "distribution", "kind": "curve", "title": "Scores by arm", "alt": "Counts.",
             "table": pd.DataFrame(rows), "counts": ("n_pupils",),
             "axes": ("bin_lower", "bin_upper"), "question": "the data"}  # fmt: skip
    return Picture(**given | changes)


def hidden(safe):
    few = safe.table[safe.table["n_pupils_symbol"] == "c"]
    return set(few["arm"] + ", " + few["bin"])


def test_protect_picture_hides_small_bins_rounds_the_others_and_leaves_the_bins():
    safe = protect_picture(binned())
    assert hidden(safe) == {"small class, 40 to 49"}
    table = safe.table
    assert (table["n_pupils"].dropna() % 5 == 0).all()
    assert (table["n_pupils"].dropna() >= 10).all()
    assert table["bin_lower"].tolist() == [0, 10, 20, 30, 40] * 2
    assert table["bin_upper"].tolist() == [9, 19, 29, 39, 49] * 2
    assert safe.picture.question == "the data"


def test_complete_bin_is_not_worked_out_from_the_total_of_its_arm():
    """Two bins and their total: were one small bin hidden alone, the others would disclose it."""
    few = {"small class": [37, 4], "regular class": [52, 31]}
    safe = protect_picture(binned(few, totals=True))
    assert hidden(safe) == {"small class, 10 to 19"}
    done, notes = complete({"figures/star/K/distribution": safe})
    assert notes == ()
    ours = {cell for cell in hidden(done["figures/star/K/distribution"]) if "small" in cell}
    assert len(ours) == 2


def test_complete_bin_is_not_worked_out_from_the_total_in_another_table():
    few = {"small class": [37, 4], "regular class": [52, 31]}
    flow = pd.DataFrame({"arm": [*few], "n_pupils": [sum(bins) for bins in few.values()]})
    safes = {
        "figures/star/K/distribution": protect_picture(binned(few)),
        "figures/star/K/flow": protect_picture(
            binned(name="flow", table=flow, axes=(), question="who took part")
        ),
    }
    done, notes = complete(safes)
    assert notes == ()
    bins, totals = (done[name].table for name in safes)
    ours = bins[bins["arm"] == "small class"]["n_pupils"].isna().sum()
    assert ours == 2 or totals["n_pupils"].isna().any()


def test_complete_bins_of_panels_with_many_labels_add_up_too():
    """Six labels: outcome, year, arm, and a bin by its name and both ends."""
    few = {"small class": [37, 4], "regular class": [52, 31]}
    panel = binned(few).table.assign(outcome="maths", year=2018.0)
    panel = pd.concat([panel, panel.assign(year=2019.0, n_pupils=60)], ignore_index=True)
    whole = panel.groupby(["outcome", "year", "arm"], as_index=False)["n_pupils"].sum()
    axes = ("bin_lower", "bin_upper", "year")
    safes = {
        "figures/star/K/panels": protect_picture(binned(name="panels", table=panel, axes=axes)),
        "figures/star/K/flow": protect_picture(binned(name="flow", table=whole, axes=("year",))),
    }
    assert hidden(safes["figures/star/K/panels"]) == {"small class, 10 to 19"}
    done, notes = complete(safes)
    assert notes == ()
    assert sum(safe.table["n_pupils"].isna().sum() for safe in done.values()) > 1


@pytest.mark.parametrize("threshold", [5, 7, 10])
def test_complete_range_of_a_hidden_bin_is_at_least_the_threshold(threshold):
    """Whoever knows the arm's total and all other bins, each within its rounding."""
    few = {"small class": [37, 61, threshold - 1], "regular class": [52, 58, 31]}
    rules = Rules(threshold=threshold)
    whole = pd.DataFrame({"arm": [*few], "n_pupils": [sum(bins) for bins in few.values()]})
    safes = {
        "figures/star/K/distribution": protect_picture(binned(few), rules=rules),
        "figures/star/K/flow": protect_picture(binned(name="flow", table=whole, axes=()),
                                               rules=rules),
    }  # fmt: skip
    done, _ = complete(safes)
    bins, totals = (done[name].table.set_index("arm")["n_pupils"] for name in safes)
    shown, total = bins["small class"], totals["small class"]
    known = shown.dropna().to_numpy()
    width = np.inf if total != total else 4 * (1 + len(known))
    assert shown.isna().sum() > 1 or width >= threshold


def test_protect_picture_of_bins_without_a_role_is_refused():
    with pytest.raises(EvidenceError) as error:
        protect_picture(binned(axes=("bin_lower",)))
    assert str(error.value) == (
        "picture distribution: column 'bin_upper' is numeric and has no role; name it in counts, "
        "percentages, means, totals, statistics, schools or axes"
    )
