import functools
import re
import xml.etree.ElementTree as ET

import pandas as pd
import pytest

from evidence.errors import EvidenceError
from evidence.show.picture import _DRAW, Picture

ARMS = {"arm": ["small", "reg"] * 2, "stage": ["assigned"] * 2 + ["analysed"] * 2}
TABLES = {
    "intervals": pd.DataFrame(
        {
            "label": ["Maths", "Reading"],
            "estimate": [0.1, float("nan")],
            "ci_lower": [-0.1, float("nan")],
            "ci_upper": [0.3, float("nan")],
            "verdict": "too little data",
            "worthwhile": 0.05,
            "unit": "sd",
            "n_pupils": [200, 8],
        }
    ),
    "event_study": pd.DataFrame(
        {
            "time": [-2, -1, 0],
            "estimate": [0.3, 0, 2],
            "ci_lower": [-1.0, 0, 1],
            "ci_upper": [1.5, 0, 3],
            "period": ["2015/16", "2016/17", "2017/18"],
            "unit": "pp",
        }
    ),
    "balance": pd.DataFrame({"covariate": ["Girls"], "effect_size": [-0.12]}),
    "flow": pd.DataFrame(ARMS | {"n_pupils": [90, 80, 70, 60], "n_schools": [9, 8, 9, 8]}),
    "overlap": pd.DataFrame({"programmes": ["a", "a + b", "b"], "n_schools": [9, 3, 8]}),
    "control_chart": pd.DataFrame(
        {
            "place": range(4),
            "time": ["2016", "2017", "2018", "2019"],
            "part": [1, 1, 2, 2],
            "value": [60.0, 61, 70, 90],
            "centre": [60.5, 60.5, 70, 70],
            "lower": [50.0, 50, 60, 60],
            "upper": [71.0, 71, 80, 80],
            "target": 65.0,
            "signal": ["common cause", "common cause", "common cause", "improvement"],
        }
    ),
    "curve": pd.DataFrame(
        {"delta": [-1, 1], "estimate": [0.1, 0.3], "ci_lower": [-0.1, 0.1], "ci_upper": [0.3, 0.5]}
    ),
}


def picture(shape, **change):
    parts = {"name": "one", "kind": shape, "title": "A <finding>", "alt": 'Words & "more"'}
    return Picture(**(parts | {"table": TABLES[shape]} | change))


KINDS = [
    pytest.param(
        kind, marks=() if kind in ("intervals", "balance", "control_chart") else pytest.mark.slow
    )
    for kind in TABLES
]


@functools.cache
def drawn(kind):
    return picture(kind).svg()


@pytest.mark.parametrize("kind", KINDS)
def test_svg_is_accessible_repeatable_and_self_contained(kind):
    text = drawn(kind)
    assert text == picture(kind).svg()
    root = ET.fromstring(text)
    names = {"{http://www.w3.org/2000/svg}" + tag: tag for tag in ("title", "desc")}
    heads = {names[e.tag]: e.text for e in root if e.tag in names}
    assert heads == {"title": "A <finding>", "desc": 'Words & "more"'}
    assert root.get("role") == "img"
    assert "<script" not in text
    addresses = set(re.findall(r'"(https?://[^"]+)"', text))
    assert addresses == {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}


def test_balance_of_long_names_leaves_room_for_the_drawing():
    name = "Reading, writing and maths, expected standard, pupils on SEN Support, expected"
    table = pd.DataFrame({"covariate": [name, "Girls"], "effect_size": [0.1, -0.1]})
    text = picture("balance", table=table).svg()  # a warning is an error
    assert name not in text  # it stands in lines
    assert ">pupils on SEN Support, expected<" in text


@pytest.mark.parametrize("kind", KINDS)
def test_letters_are_twelve_pixels_where_a_telephone_is_390_wide(kind):
    text = drawn(kind)
    width = float(ET.fromstring(text).get("viewBox").split()[2])
    sizes = [float(s) for s in re.findall(r"font-size: ([\d.]+)px", text)]
    assert sizes
    assert min(sizes) * (390 - 2 * 16) / width >= 12


def test_svg_ids_of_two_pictures_differ_and_references_resolve():
    one, two = (picture("event_study", name=n).svg() for n in ("one", "two"))
    ids = [set(re.findall(r'\bid="([^"]+)"', text)) for text in (one, two)]
    assert not ids[0] & ids[1]
    used = set(re.findall(r'(?:href="|url\()#([^")]+)', one))
    assert used
    assert used <= ids[0]


@pytest.mark.parametrize("kind", KINDS)
def test_json_round_trip_draws_the_same(kind):
    first = picture(kind)
    again = Picture.from_json(first.to_json())
    pd.testing.assert_frame_equal(again.table, first.table)
    assert again.svg() == drawn(kind)


def test_repr_html_escapes_words_and_shows_the_table():
    text = picture("balance")._repr_html_()
    assert "A &lt;finding&gt;" in text
    assert 'alt="Words &amp; &quot;more&quot;"' in text
    assert ">Girls</td>" in text


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "pie"}, "picture 'one': kind is 'pie'; allowed are intervals, event_study, "
         "balance, flow, curve, control_chart, waiting, funnel, overlap, distribution, shares, "
         "together, dots, schools, lines, forest, ranks, plane"),
        ({"name": "../x"}, "picture '../x': a name has lower-case letters, digits and hyphens "
         "only"),
        ({"alt": " "}, "picture 'one': give it a title and a text alternative"),
        ({"counts": ("n",)}, "picture 'one': no column 'n' in its table; there are covariate, "
         "effect_size"),
    ],
)  # fmt: skip
def test_picture_fault_says_what_is_allowed(change, message):
    with pytest.raises(EvidenceError) as error:
        picture("balance", **change)
    assert str(error.value) == message


@pytest.mark.parametrize("kind", sorted(_DRAW))
@pytest.mark.parametrize(
    ("table", "what"),
    [
        (
            pd.DataFrame({"pupil name": ["Ann"], "n": [12]}),
            "there is no column '|columns or cells are",
        ),
        (pd.DataFrame(), "there is no column '|columns or cells are"),
    ],
)
def test_table_that_does_not_fit_its_kind_is_a_line(kind, table, what):
    with pytest.raises(EvidenceError) as error:
        Picture(name="one", kind=kind, title="A", alt="B", table=table).svg()
    said = str(error.value)
    assert said.startswith(f"picture 'one': kind '{kind}' does not fit its table: ")
    assert re.search(what, said)
    assert said.count("\n") == 0
    assert "Ann" not in said


def test_missing_column_is_named_and_no_cell():
    said = {}
    for kind, change in (
        ("intervals", lambda table: table.drop(columns="ci_upper")),
        ("flow", lambda table: table.assign(n_pupils="Ann")),
    ):
        with pytest.raises(EvidenceError) as error:
            Picture(name="one", kind=kind, title="A", alt="B", table=change(TABLES[kind])).svg()
        said[kind] = str(error.value)
    assert "there is no column 'ci_upper'; there are label, estimate, " in said["intervals"]
    assert "columns or cells are of another kind; there are arm, stage, " in said["flow"]
    assert "Ann" not in said["flow"]
