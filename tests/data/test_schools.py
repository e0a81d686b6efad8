"""Which school is which."""

import pandas as pd
import pytest

from evidence.data import file_kinds, labels, readers, schools
from evidence.errors import EvidenceError


def panel(*rows):
    return pd.DataFrame(rows, columns=["urn", "la", "estab", "year"])


@pytest.mark.parametrize(
    ("cell", "urn"),
    [
        *((cell, "116018") for cell in ("116018", "116018.0", "116,018", " 116018 ", "'116018")),
        *((cell, None) for cell in ("", "11601", "1160180", "850/2031", "8502031", "016018")),
        *((cell, None) for cell in ("Hill School", "116018.5", "1,16018", "116018%")),
    ],
)
def test_urn_is_mended_or_none(cell, urn):
    assert labels.urn(cell) == urn


@pytest.mark.parametrize(
    ("la", "estab", "key"),
    [
        *(("850", "2031", "850/2031"), ("850.0", "2031.0", "850/2031")),
        *(("850/2031", "", "850/2031"), ("8502031", "", "850/2031"), ("850 2031", "", "850/2031")),
        *(("85", "2031", None), ("850", "", None), ("", "2031", None), ("850", "203", None)),
    ],
)
def test_la_and_estab_are_one_key(la, estab, key):
    assert schools.laestab(la, estab) == key


def test_academy_with_the_la_and_estab_of_a_school_is_that_school():
    rows = panel(
        ("100001", "999", "2001", 2018),
        ("100002", "999", "2002", 2018),
        ("100009", "999", "2001", 2019),
        ("100002", "999", "2002", 2019),
        ("100010", "999", "2001", 2022),
    )
    assert schools.successors(rows) == {"100001": "100010", "100009": "100010"}


def test_two_schools_in_one_year_or_in_turns_are_two_schools():
    together = panel(("100001", "999", "2001", 2018), ("100009", "999", "2001", 2018))
    assert schools.successors(together) == {}
    turns = panel(
        ("100001", "999", "2001", 2017),
        ("100009", "999", "2001", 2018),
        ("100001", "999", "2001", 2019),
    )
    assert schools.successors(turns) == {}
    assert schools.successors(panel(("100001", "", "", 2017), ("100009", "", "", 2018))) == {}


def test_school_of_a_reorganised_authority_is_the_same_school():
    """Dorset was 835 until 2019 and is 838; Poole and Bournemouth (836, 837) became 839."""
    rows = panel(
        ("100001", "835", "2001", 2018),
        ("100011", "838", "2001", 2022),
        ("100002", "836", "2002", 2018),
        ("100003", "837", "2002", 2018),
        ("100012", "839", "2002", 2022),
        ("100004", "837", "2004", 2018),
        ("100014", "839", "2004", 2022),
    )
    assert schools.successors(rows) == {"100001": "100011", "100004": "100014"}


def test_spells_find_the_school_by_an_earlier_urn_and_by_la_and_estab():
    rows = panel(("100009", "838", "2001", 2018), ("100009", "838", "2001", 2019)).assign(
        urn_then=["100001", "100009"]
    )
    named = ["100001", "100009", "838/2001", "835/2001", "838/2002", "100005"]
    found = schools.same_schools(pd.DataFrame({"urn": named}), rows)
    assert found["urn"].tolist() == [*["100009"] * 4, "838/2002", "100005"]


def test_schools_that_are_in_no_table_are_named():
    rows = pd.DataFrame({"urn": ["100001", "100002"], "urn_then": ["100000", None]})
    assert schools.found(pd.Series(["100001", "100003", "100001"]), rows) == [
        "1 of 2 named schools are in the tables; not there: 100003.",
        "Schools with a new URN and the same LA and ESTAB, as an academy has, count as the same "
        "school: 100000 is now 100001.",
    ]
    assert schools.found(pd.Series(["100001"]), rows[["urn"]]) == [
        "1 of 1 named schools are in the tables."
    ]


@pytest.mark.parametrize("urn", ["Hill School", "850/2031", "13954"])
def test_every_reader_refuses_what_is_no_urn(tmp_path, urn):
    path = tmp_path / "t.csv"
    path.write_text(f"upn,urn,year,EstablishmentName,programme,start\na,{urn},2018,b,c,2018\n")
    for read in (readers.pupils, readers.establishments, readers.participation):
        with pytest.raises(EvidenceError, match=r"row 2, column urn: a school's URN has six dig"):
            read(path)


def test_schools_are_found_whatever_their_urns_are_stored_as():
    named = pd.Series(["990001", "990002"])
    for urns in (["990001", "990009"], [990001, 990009], [990001.0, 990009.0]):
        assert schools.found(named, pd.DataFrame({"urn": urns})) == [
            "1 of 2 named schools are in the tables; not there: 990002."
        ]


def test_link_joins_a_new_urn_where_la_and_estab_changed(tmp_path):
    path = tmp_path / "links.csv"
    path.write_text(
        "URN,LinkURN,LinkName,LinkType,LinkEstablishedDate\n"
        "100001,100009,Hill Academy,Successor,01-09-2018\n"
        "100009,100001,Hill,Predecessor,01-09-2018\n"
        "100002,100010,Sun,Successor - merged,01-09-2018\n"
        "100003,100010,Far,Successor - merged,01-09-2018\n"
        "100004,100011,Split,Successor,\n100004,100012,Split,Successor,\n"
        "100000,100001,Older,Successor,\n"
    )
    links = file_kinds.school_links(path)
    assert links == {"100001": "100009", "100000": "100001"}
    rows = panel(("100001", "999", "2001", 2018), ("100009", "998", "4000", 2019))
    assert schools.successors(rows) == {}
    assert schools.successors(rows, links) == {"100001": "100009"}
    both = panel(("100001", "999", "2001", 2018), ("100009", "998", "4000", 2018))
    assert schools.successors(both, links) == {}
    spells = pd.DataFrame({"urn": ["100000", "100002"]})
    now = rows.assign(urn_then=rows["urn"], urn="100009")
    assert schools.same_schools(spells, now, links)["urn"].tolist() == ["100009", "100002"]
    said = schools.found(pd.Series(["100009"]), now, linked=True)
    assert said[1].endswith("or linked to their earlier URN, count as the same school: 100001 is "
                            "now 100009.")  # fmt: skip


def test_closed_schools_are_left_out_and_lead_to_the_one_in_their_place():
    rows = [
        ("100001", "850", "2001", "Open"),
        ("100002", "850", "2002", "Closed"),
        ("100003", "850", "2003", "Open, but proposed to close"),
        ("100004", "850", "2004", "Proposed to open"),
        ("100005", "850", "2005", "Closed"),  # which became an academy
        ("100006", "850", "2005", " open "),
        ("100007", "", "", ""),  # an extract may lack all three
        ("100008", "", "", "Closed"),
        ("100009", "850", "2009", "Closed"),
        ("100010", "850", "2009", "Open"),
        ("100011", "850", "2009", "Open"),
    ]
    table = pd.DataFrame(rows, columns=["urn", "la", "estab", "status"])
    there, links = schools.still_open(table)
    assert there["urn"].str[-2:].tolist() == ["01", "03", "06", "07", "10", "11"]
    assert links == {"100005": "100006"}


def test_without_a_status_every_school_is_there():
    table = pd.DataFrame({"urn": ["100001", "100002"], "la": "", "estab": "", "status": ""})
    there, links = schools.still_open(table)
    assert (len(there), links) == (2, {})
