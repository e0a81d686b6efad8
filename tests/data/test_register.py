import pytest
from conftest import ROOT

from evidence.data.register import Register, load
from evidence.errors import EvidenceError

GOOD = """\
[programme.lamp]
title = "LAMP"
phase = "Key Stage 2"
lead = "A county"
about = "Mathematics coaching."
cost = 212
design = "matched"
notebook = "impact"
simulated = true
claim = "closing the gap by 4.2%"
[programme.lamp.parameters]
start = 2018
[[programme.lamp.outcomes]]
name = "PTMAT_EXP"
title = "Maths"
unit = "pp"
smallest_worthwhile = 3.0
primary = true
[[programme.lamp.outcomes]]
name = "PTREAD_EXP"
title = "Reading"
unit = "pp"
smallest_worthwhile = 3.0
[[programme.lamp.cohorts]]
name = "2018"
title = "2017/18"
files = { ks2 = ["sample/ks2_2018.csv"] }
"""


def write(tmp_path, text):
    path = tmp_path / "programmes.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_load_good_register_gives_programmes_in_order(tmp_path):
    (programme,) = load(write(tmp_path, GOOD))
    assert programme.cost == 212
    assert [outcome.primary for outcome in programme.outcomes] == [True, False]
    assert programme.cohorts[0].files == {"ks2": ["sample/ks2_2018.csv"]}


def test_costed_says_what_a_programme_costs_and_what_is_worth_it(tmp_path):
    text = GOOD.replace("cost = 212", "cost = 212\npupils = 100\nset_up = 9000")
    told = load(write(tmp_path, text))[0].costed()
    assert (told["cost"], told["pupils"], told["set_up"]) == (212, 100, 9000)
    assert told["cohorts"] == {"2018": "2017/18"}
    assert told["outcomes"] == {"PTMAT_EXP": "Maths", "PTREAD_EXP": "Reading"}
    assert told["worthwhile"] == 3.0


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("pupils = 105", "pupils is 105; pupils reached a year are needed, to the nearest ten"),
        ("pupils = -10", "pupils is -10; pupils reached a year are needed, to the nearest ten"),
        ("set_up = 1", "set_up is 1; pounds, 0 or more, are needed that are part of cost x pupils "
         "x 3 years, here 0"),
        ("pupils = 10\nset_up = 7000", "set_up is 7000; pounds, 0 or more, are needed that are "
         "part of cost x pupils x 3 years, here 6,360"),
    ],
)  # fmt: skip
def test_costs_that_cannot_be_are_one_line(tmp_path, more, said):
    text = GOOD.replace("cost = 212", f"cost = 212\n{more}")
    with pytest.raises(EvidenceError) as error:
        load(write(tmp_path, text))
    assert str(error.value).endswith(said)


def test_card_shows_neither_files_nor_parameters(tmp_path):
    card = load(write(tmp_path, GOOD))[0].card()
    assert "parameters" not in card
    assert card["cohorts"] == [{"name": "2018", "title": "2017/18"}]
    assert card["claim"] == "closing the gap by 4.2%"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("phase =", "phse =", "line 3: unknown key 'phse'; did you mean 'phase'?"),
        ("cost = 212", 'cost = "212"', "line 6: cost must be a number, not '212'"),
        ("cost = 212", "cost = true", "line 6: cost must be a number, not True"),
        ('"matched"', '"matchd"', "line 7: design is 'matchd'; did you mean 'matched'?"),
        ("primary = true\n", "", "line 13: lamp needs exactly one primary outcome"),
        ('"PTREAD_EXP"', '"PTMAT_EXP"', "line 13: lamp has two outcomes named 'PTMAT_EXP'"),
        ('title = "Reading"\n', "", "line 19: outcome 'PTREAD_EXP' of lamp needs the key "
         "'title'"),
        ("lamp.parameters", "lamp.params", "line 11: unknown key 'params'; did you mean "
         "'parameters'?"),
        ('name = "2018"', 'name = "20 18"', "line 25: name '20 18': use letters, digits and "
         "hyphens, no spaces"),
        ("[programme.lamp]", "[program.lamp]", "line 1: unknown key 'program'; did you mean "
         "'programme'?"),
    ],
)  # fmt: skip
def test_load_fault_names_line_reason_and_nearest(tmp_path, old, new, message):
    path = write(tmp_path, GOOD.replace(old, new, 1))
    with pytest.raises(EvidenceError) as error:
        load(path)
    assert str(error.value) == f"{path}, {message}"


def test_load_second_outcome_unit_names_its_own_line(tmp_path):
    head, tail = GOOD.split('"Reading"')
    path = write(tmp_path, head + '"Reading"' + tail.replace('"pp"', '"ppt"'))
    with pytest.raises(EvidenceError) as error:
        load(path)
    assert str(error.value) == f"{path}, line 22: unit is 'ppt'; allowed: sd, pp, points, score"


def test_load_of_many_faults_counts_them_and_the_register_lists_them_by_line(tmp_path):
    text = GOOD.replace("cost = 212", "cost = -1").replace('name = "2018"', 'name = "20 18"')
    text = text.replace("phase =", "phse =").replace('"pp"', '"months"')
    path = write(tmp_path, text)
    messages = [
        "line 3: unknown key 'phse'; did you mean 'phase'?",
        "line 16: unit is 'months'; allowed: sd, pp, points, score",
        "line 22: unit is 'months'; allowed: sd, pp, points, score",
        "line 25: name '20 18': use letters, digits and hyphens, no spaces",
    ]  # the cost is looked at when the keys are right
    register = Register(path)
    assert [message for _, message in register.faults] == [f"{path}, {m}" for m in messages]
    assert register.programmes == ()
    with pytest.raises(EvidenceError) as error:
        load(path)
    assert str(error.value) == f"{path}, {messages[0]} (and 3 more: evidence check)"


def test_register_keeps_the_sound_programmes_beside_a_faulty_one(tmp_path):
    second = GOOD.replace("lamp", "leap").replace("cost = 212", 'cost = "much"')
    register = Register(write(tmp_path, GOOD + second))
    assert [programme.name for programme in register.programmes] == ["lamp"]
    assert [line for line, _ in register.faults] == [33]


def test_load_finds_lines_in_quoted_dotted_and_inline_tables(tmp_path):
    text = GOOD.replace("[programme.lamp]", "[ programme . 'lamp' ]")
    text = text.replace("[programme.lamp.parameters]\nstart = 2018\n", "parameters.start = 2018\n")
    cohorts = text.index("[[programme.lamp.cohorts]]")
    listed = """cohorts = [
  { name = "2018", title = "2017/18", files = {} },
  { name = "2019", title = "2018/19", files = {}, timeout = -1.0 },
]
"""
    start = text.index("[[programme.lamp.outcomes]]")
    path = write(tmp_path, text[:start] + listed + text[start:cohorts])
    with pytest.raises(EvidenceError) as error:
        load(path)
    assert str(error.value) == (f"{path}, line 12: timeout is -1.0; seconds, 0 or more, are needed")


def test_load_finds_lines_after_lists_of_lists_and_comments(tmp_path):
    nested = 'start = [\n  ["a"]\n]\n'
    text = GOOD.replace("start = 2018\n", nested).replace("outcomes]]", "outcomes]]  # [x]")
    path = write(tmp_path, text.replace('"PTREAD_EXP"', "5"))
    with pytest.raises(EvidenceError) as error:
        load(path)
    assert str(error.value) == f"{path}, line 22: name must be text in quotes, not 5"
    path = write(tmp_path, text.replace("[programme.lamp.parameters]\n" + nested, nested))
    with pytest.raises(EvidenceError) as error:
        load(path)
    assert str(error.value).startswith(f"{path}, line 11: unknown key 'start'; ")


def test_load_missing_file_and_bad_toml_are_one_line(tmp_path):
    with pytest.raises(EvidenceError, match=r"or name a register with --register FILE$"):
        load(tmp_path / "none.toml")
    with pytest.raises(EvidenceError, match=r"not valid TOML: "):
        load(write(tmp_path, "[programme"))
    with pytest.raises(EvidenceError, match=r"no programme; add one as \[programme.NAME\]$"):
        load(write(tmp_path, ""))


def test_star_is_clustered_by_what_was_taught_together():
    """Entry classes of grades 1 to 3 are not the classes taught: decision 5."""
    star = next(p for p in load(ROOT / "data" / "programmes.toml") if p.name == "star")
    found = {c.name: (star.parameters | c.parameters)["cluster"] for c in star.cohorts}
    assert found == {"K": "class", "1": "school", "2": "school", "3": "school"}


def test_load_automatic_is_for_simulated_or_public_data_only(tmp_path):
    line = "simulated = true\n"
    for given in ("simulated = true\nautomatic = true\n", "public = true\nautomatic = true\n"):
        (programme,) = load(write(tmp_path, GOOD.replace(line, given)))
        assert programme.automatic
    with pytest.raises(EvidenceError) as error:
        load(write(tmp_path, GOOD.replace(line, "automatic = true\n")))
    assert str(error.value) == (
        f"{tmp_path / 'programmes.toml'}, line 9: automatic is for data that are simulated or "
        "public; remove it, and release with --reviewer NAME"
    )


@pytest.mark.parametrize("value", ["-1.0", "nan", "inf"])
def test_a_spread_that_is_none_is_refused_with_its_line(tmp_path, value):
    head, tail = GOOD.split('"Reading"')
    path = write(tmp_path, head + f'"Reading"\nsd = {value}' + tail)
    line = 1 + path.read_text().splitlines().index(f"sd = {value}")
    with pytest.raises(EvidenceError) as error:
        load(path)
    assert str(error.value) == (
        f"{path}, line {line}: sd is {float(value)}; a number above 0 is needed, or 0 where it is "
        "not known"
    )
