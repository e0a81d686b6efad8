"""What regression to the mean alone would give."""

import numpy as np
import pandas as pd
import pytest

import evidence as ev
from evidence.errors import EvidenceError

from .simulated import GIVEN, simulate


def test_rebound_after_one_year_is_the_share_that_does_not_last(rng):
    panel = simulate(rng, years=2, chosen=12)
    found = ev.impact.rebound(panel, **GIVEN)
    first = panel[panel["year"] == 2018]
    never = ~first["urn"].isin(panel.loc[panel["lamp"] == 1, "urn"])
    low = first.loc[~never, "pct"].mean()
    assert found.before == pytest.approx(low - first.loc[never, "pct"].mean())
    # (1 - r)(mu - x): METHODS 0a, mu being the mean of all schools, which no group effect splits
    share = 1 - found.reliability
    assert found.expected == pytest.approx(share * (first["pct"].mean() - low), rel=1e-6)
    assert found.n_treated == 12
    wide = panel.pivot_table(index="urn", columns="year", values="pct")
    change = wide[2019] - wide[2018]
    mine = panel.loc[panel["lamp"] == 1, "urn"].unique()
    assert found.gain == pytest.approx(change[mine].mean() - change.drop(mine).mean())
    assert found.sentence("pp") == (
        f"In the last year before the start these schools stood {-found.before:.1f} percentage "
        f"points below the others. Since then the difference has changed by +{found.gain:.1f}. "
        f"Among schools with such results and no programme it would have changed by "
        f"+{found.expected:.1f}."
    )


def test_rebound_without_a_year_before_is_refused(rng):
    panel = simulate(rng, years=3)
    mine = panel["urn"].isin(panel.loc[panel["lamp"] == 1, "urn"])
    late = panel[~mine | (panel["year"] == 2019)]
    other = panel.assign(lamp=0).query("urn == 's050' and year >= 2018").assign(lamp=[0.0, 1.0])
    late = pd.concat([late[late["urn"] != "s050"], other.assign(year=[2018, 2019], lamp=[1, 0])])
    with pytest.raises(EvidenceError) as error:
        ev.impact.rebound(late, **GIVEN)
    assert str(error.value) == (
        "column 'lamp': no treated unit has results both before and after its start, at times "
        "with results of others"
    )


def test_rebound_leaves_out_times_without_anybody_to_compare_with(rng):
    panel = simulate(rng, schools=24, years=5)
    begun = panel.groupby("urn")["lamp"].transform("max") > 0
    last = panel["year"] == panel["year"].max()
    panel.loc[begun & (panel["year"] == panel["year"].max() - 1), "lamp"] = 1
    found = ev.impact.rebound(panel[begun | ~last], **GIVEN)
    assert np.isfinite([found.before, found.gain, found.expected]).all()
