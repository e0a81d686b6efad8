"""The explorer of a design: every design at once, its code, its speed."""

import re
import time

import pytest

import evidence as ev
from evidence.stats.power import DESIGNS

from .protocols import protocol


@pytest.fixture
def panel():
    """Return the controls of the protocol's explorer, by what they say."""
    box = ev.Plan.read(protocol()).explore()
    return box.children


def test_every_design_shows_what_it_finds(panel):
    chosen, fields, shown, code = panel
    for kind in DESIGNS:
        chosen.value = kind
        found = eval(code.value, {"ev": ev})  # the code that can be copied makes it again
        assert f"{found:.2f} SD</b>" in shown.value
        assert found.sentence() in shown.value.replace("&#39;", "'")
        assert fields.children


def test_it_begins_with_the_protocol_and_follows_every_change(panel):
    _, fields, shown, code = panel
    least = ev.Plan.read(protocol()).mdes
    assert f"{least:.2f} SD</b>" in shown.value
    assert "Too little</b> to find" in shown.value
    (groups,) = (box for box in fields.children if box.tooltip == "J")
    groups.value = 400
    assert "Enough</b> to find" in shown.value
    assert "J=400" in code.value


def test_every_control_says_what_it_is_in_words(panel):
    chosen, fields, _, _ = panel
    for kind in DESIGNS:
        chosen.value = kind
        said = [box.description for box in fields.children]
        assert not [words for words in said if words in {box.tooltip for box in fields.children}]
        assert len({*said}) == len(said)
        assert max(map(len, said)) <= 24  # so many letters are seen beside a field


def test_the_smallest_worthwhile_effect_is_named_off_the_curve(panel):
    def heights():
        (line, words) = re.search(r'y1="([\d.]+)" y2="\1" stroke="#801650".*?<text x="\d+" '
                                  r'y="([\d.]+)"', shown.value).groups()  # fmt: skip
        return float(words) - float(line)

    _, fields, shown, _ = panel
    (groups,) = (box for box in fields.children if box.tooltip == "J")
    assert heights() == 14  # twice as many schools do not reach it: below the line
    groups.value = 400
    assert heights() == -5


def test_a_page_without_a_kernel_shows_where_the_controls_were():
    box = ev.Plan.read(protocol()).explore()
    chosen, _, shown, _ = box.children
    chosen.value = "CRA3"
    told = box._repr_mimebundle_()
    assert told["text/html"] == shown.value
    assert "CRA3" in told["text/html"]
    assert told["application/vnd.jupyter.widget-view+json"]["model_id"] == box.model_id


def test_what_cannot_be_is_said_where_the_picture_was(panel):
    _, fields, shown, _ = panel
    (groups,) = (box for box in fields.children if box.tooltip == "J")
    groups.value = 1
    assert "degrees of freedom" in shown.value


def test_a_change_takes_under_50_ms(panel):
    chosen, fields, _, _ = panel
    chosen.value = "BCRA3_random"
    (groups,) = (box for box in fields.children if box.tooltip == "K")
    seconds = []
    for size in range(20, 40):
        start = time.process_time()
        groups.value = size
        seconds.append(time.process_time() - start)
    assert sorted(seconds)[10] < 0.05


def test_a_design_that_finds_next_to_nothing_is_drawn_too(panel):
    chosen, fields, shown, _ = panel
    chosen.value = "CRA2"
    sizes = {box.tooltip: box for box in fields.children}
    for name, value in (("r2_1", 0.0), ("n", 1), ("J", 5), ("p", 0.01), ("power", 0.99)):
        sizes[name].value = value
    assert float(shown.value.partition(" SD</b>")[0].rpartition(">")[2]) > 3
    assert shown.value.count('text-anchor="end"') < 12  # marks of the scale
