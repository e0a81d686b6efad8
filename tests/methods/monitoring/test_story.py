"""One school's story: beside England, chosen as a success, predictions scored."""

import numpy as np
import pandas as pd
import pytest

from evidence.errors import EvidenceError
from evidence.methods.monitoring.story import CHOSEN, story

from ..refusal import refused

NAMES = {"time": "year", "value": "share", "n": "pupils", "national": "england"}


def school(shares, england, n=30, first=2014):
    years = range(first, first + len(shares))
    return pd.DataFrame({"year": years, "share": shares, "pupils": n, "england": england})


def test_a_rise_that_england_had_too_is_none():
    found = story(school([50, 50, 50, 60, 60], [60, 60, 60, 70, 70]), start=2017, **NAMES)
    assert found.estimate == pytest.approx(0)
    assert found.naive == 10
    assert "chance alone may explain it" in found.sentence()
    assert found.caveats[0] == CHOSEN


def test_the_change_is_that_of_the_weighted_gap_with_its_binomial_error():
    data = school([40, 60, 50, 80], [50, 50, 50, 50], n=[10, 1_000, 1_000, 1_000])
    found = story(data, start=2017, **NAMES, chosen=False)
    share = (np.array([4, 600, 500, 800]) + 1) / (np.array([10, 1_000, 1_000, 1_000]) + 2)
    variance = 1e4 * share * (1 - share) / data["pupils"].to_numpy()
    weight = 1 / variance
    before = np.average([-10, 10, 0], weights=weight[:3])
    assert found.estimate == pytest.approx(30 - before)
    phi = (weight[:3] * (np.array([-10, 10, 0]) - before) ** 2).sum() / 2
    assert found.phi == pytest.approx(phi)
    assert phi > 1  # more than chance: Student's t with two degrees of freedom
    error = np.sqrt(phi * (1 / weight[:3].sum() + 1 / weight[3]))
    assert found.ci_upper - found.estimate == pytest.approx(4.302653 * error, rel=1e-6)
    assert found.caveats == ()


@pytest.mark.slow
def test_schools_shown_at_random_have_their_interval_hold_nothing_about_95_in_100_times(rng):
    held = 0
    for _ in range(400):
        shares = 100 * rng.binomial(60, 0.6, 6) / 60
        found = story(school(shares, [60] * 6, n=60), start=2018, **NAMES)
        held += found.ci_lower <= 0 <= found.ci_upper
    assert 0.93 <= held / 400 <= 0.99  # t is on the safe side


def test_a_real_rise_is_found():
    found = story(school([50, 51, 49, 75, 76], [60] * 5, n=200), start=2017, **NAMES)
    assert found.ci_lower > 0
    assert "a rise that chance does not explain" in found.sentence()


def test_predictions_are_scored():
    """24% → 36% predicted, and 56% came: it did not hold, whichever side it missed on."""
    data = school([24, 24, 24, 56], [50] * 4, n=100)
    found = story(data, start=2017, predicted={"2017": 36}, **NAMES)
    assert found.table["held"].tolist()[-1] is False
    assert found.sentence().endswith("of 1 prediction, 0 held.")
    near = story(data, start=2017, predicted={"2017": 50}, **NAMES)
    assert near.sentence().endswith("of 1 prediction, 1 held.")


def test_few_years_before_are_said():
    found = story(school([40, 60], [50, 50]), start=2015, **NAMES)
    assert found.phi == 1
    assert "1 year before the start" in found.caveats[-1]


@pytest.mark.parametrize(
    ("data", "options", "message"),
    [
        (school([40, 160], [50, 50]), {}, "column 'share', row 3: a percentage, 0 to 100, is"),
        (school([40, 60], [50, 50], n=[-1, 9]), {}, "column 'pupils', row 2: a number of pupils"),
        (school([40, 60], [50, 50]), {"start": 2013}, "'2013' is not in column 'year'; times are"),
        (school([40, 60], [50, 50]), {"start": 2014}, "start is '2014'; a value before it and one"),
        (school([40, "SUPP"], [50, 50]), {}, "start is '2015'; a value before it and one from it"),
        (school([40, "?"], [50, 50]), {}, "column 'share', row 3: not a number"),
        (school([40, 60], [50, 50]), {"predicted": {"2019": 1}}, "'2019' is not in column 'year'"),
    ],
)
def test_what_is_no_series_is_refused(data, options, message):
    with pytest.raises(EvidenceError) as error:
        story(data, **NAMES | {"start": 2015} | options)
    assert str(error.value).startswith(message)


def test_a_share_among_percentages_is_no_rise():
    data = pd.DataFrame({"t": [2018, 2019, 2020], "v": [0.5, 60, 61], "n": 30, "e": 60})
    said = refused(story, data, time="t", value="v", n="n", national="e", start=2019)
    assert said.startswith("column 'v', row 2: a share from 0 to 1 (1 such row)")
