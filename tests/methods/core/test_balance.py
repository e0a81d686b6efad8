"""How alike weighted groups are, and the picture of it."""

import numpy as np
import pandas as pd
import pytest

from evidence import matching, trials
from evidence.studies import pictures

from ..refusal import assert_refused


def test_effective_size():
    assert matching.effective_size([1, 1, 0, 2]) == pytest.approx(16 / 6)
    assert matching.effective_size([3, 3, 3]) == pytest.approx(3)
    message = "weights must be finite numbers, none negative and not all 0"
    for wrong in ([1, -1], [0, 0], [1, np.nan]):
        assert_refused(message, matching.effective_size, wrong)


def test_balance_before_is_that_of_trials_and_after_is_zero(schools):
    names = ["before", "rural", "kind"]
    given = {"treatment": "lamp", "covariates": names}
    weight = matching.balance_weights(schools, **given)["weight"]
    found = matching.balance(schools, **given, weights=weight)
    before = trials.balance(schools, **given)
    table = found.to_frame()
    np.testing.assert_allclose(table["before"], before.table["effect_size"])
    np.testing.assert_allclose(table["effect_size"], 0, atol=1e-8)
    assert (table["band"] == "ok").all()
    equal = matching.balance(schools, **given, weights=np.ones(72)).to_frame()
    pd.testing.assert_frame_equal(equal[before.table.columns], before.table)
    worst = before.table["effect_size"].abs().max()
    size = matching.effective_size(weight[schools["lamp"] == 0])
    assert found.sentence().startswith("lamp against no lamp, weighted: the largest difference at ")
    assert found.sentence().endswith(
        f"small enough to leave alone. Before weighting the largest was {worst:.2f} SD. The 60 "
        f"comparison rows count as {size:.1f}."
    )


def test_balance_counts_who_has_no_match_and_who_lies_outside(schools):
    data = schools.assign(fsm=schools["fsm"].where(schools.index != 0, 95.0))
    given = {"treatment": "lamp", "covariates": ["fsm"]}
    weight = matching.nearest(data, caliper=0.5, **given)["weight"]
    found = matching.balance(data.assign(w=weight), **given, weights="w")
    assert found.to_frame()["outside"].tolist() == [1]
    assert found.n_unmatched == 1
    assert found.sentence().endswith(" 1 of 12 treated rows have no match and are left out.")
    kept = data[(data["lamp"] == 1) & (weight > 0)]
    assert found.to_frame()["mean_treated"][0] == pytest.approx(kept["fsm"].mean())
    assert_refused(
        "weights, row 2: missing or negative (72 such rows); a weight is 0 or more",
        matching.balance, data, **given, weights=-weight - 1,
    )  # fmt: skip
    assert_refused(
        "weights: no treated row has a positive one",
        matching.balance, data, **given, weights=1 - data["lamp"],
    )  # fmt: skip


def test_love_plot_shows_before_hollow_and_after_solid(schools):
    given = {"treatment": "lamp", "covariates": ["before", "fsm"]}
    weight = matching.balance_weights(schools, **given)["weight"]
    found = matching.balance(schools, **given, weights=weight)
    picture = pictures.balance(found, {"before": "Maths before"})
    worst = found.table["before"].abs().max()
    assert picture.title == (
        f"Weighted, the groups are alike; unweighted, they differ by up to {worst:.2f} SD"
    )
    assert picture.alt.endswith(f"The largest is 0.00 SD. Before weighting it was {worst:.2f} SD.")
    assert picture.table["covariate"].tolist() == ["Maths before", "fsm"]
    hollow, solid = picture.plot().get_lines()[1:]
    assert (hollow.get_label(), solid.get_label()) == ("as they were", "weighted")
    assert (hollow.get_markerfacecolor(), solid.get_markerfacecolor()) == ("white", "#12436D")
    np.testing.assert_allclose(hollow.get_xdata(), found.table["before"].round(2))


def test_love_plot_of_few_rows_shows_nothing():
    data = pd.DataFrame({"t": [1, 1, 0, 0, 0], "x": [11.0, 12, 0, 1.5, 4]})
    found = matching.balance(data, treatment="t", covariates=["x"], weights=np.ones(5))
    picture = pictures.balance(found)
    assert picture.table.empty
    assert picture.title == "The groups differed before the start"
    assert picture.alt.endswith("No column can be shown. 1 category of few pupils is left out.")


def test_column_that_varies_by_rounding_alone_has_no_difference():
    """The mean of equal numbers is off by a rounding; divided by such a spread it was 2 SD."""
    same = np.log(12.0) + 4e-16 * np.arange(20)
    data = pd.DataFrame({"t": np.repeat([0, 1], 10), "size": same})
    assert trials.balance(data, treatment="t", covariates=["size"]).table["band"].item() == ""
    found = matching.balance(data, treatment="t", covariates=["size"], weights=np.ones(20))
    assert found.worst() == ""
