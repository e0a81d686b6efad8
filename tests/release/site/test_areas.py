"""The site of areas: every page, every link, every drawing in words."""

import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT

from evidence.data import area_files
from evidence.errors import EvidenceError

sys.path.insert(0, str(ROOT / "benchmarks"))
import area_site

AREAS = 12


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("areas") / "site"
    area_site.site(AREAS, folder)
    return folder


def test_there_is_a_page_for_each_area_and_measure_and_every_link_leads_somewhere(site):
    pages = sorted(site.rglob("*.html"))
    assert len(pages) == 1 + 2 * AREAS + area_site.INDICATORS
    for page in pages:
        text = page.read_text(encoding="utf-8")
        for link in re.findall(r'(?:href|src)="([^"]+)"', text):
            name, _, part = link.partition("#")
            there = (page.parent / name).resolve()
            assert there.exists(), (page, link)
            if part:
                assert f'id="{part}"' in there.read_text(encoding="utf-8"), (page, link)


def test_pages_have_icons_funnels_rank_ranges_neighbours_and_words_for_drawings(site):
    one = (site / "areas/authority-0003.html").read_text(encoding="utf-8")
    assert one.count('class="icon') == 2 * area_site.INDICATORS
    assert one.count('<svg class="spark" role="img" aria-label="') == area_site.INDICATORS
    assert len(re.findall(r"\d+ \(\d+–\d+\)", one)) == area_site.INDICATORS
    assert "against England and 10 official neighbours" in one
    more = (site / "areas/authority-0003-detail.html").read_text(encoding="utf-8")
    for section in more.split("<section")[1:]:
        assert re.search(r'aria-label="Authority 0003 is [\w ]+ for an area of its size"', section)
        assert section.count("<tr") == 1 + 12  # the header, itself, England, ten neighbours
    for drawing in re.findall(r"<svg[^>]*>", one + more):
        assert "aria-label=" in drawing or 'aria-hidden="true"' in drawing


@pytest.mark.slow
def test_names_are_escaped_and_two_alike_have_pages_of_their_own(tmp_path):
    data = area_site.made_up(4)
    data = data[data["indicator"] == "Measure 01"]
    names = {"Authority 0001": "<script>alert(1)</script>", "Authority 0002": "a/../b",
             "Authority 0003": "A b"}  # fmt: skip
    data["area"] = data["area"].replace(names)
    found = area_site.areas(data, n="n", unit="unit")
    tables = area_site.Tables(
        table=found.table, series=found.series, titles={"Measure 01": "<img src=x>"}
    )
    area_site.build(tables, tmp_path / "site")
    for page in (tmp_path / "site").rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        assert "<script" not in text
        assert "<img src=x" not in text
    assert sorted(path.name for path in (tmp_path / "site/areas").glob("a-b*")) == [
        "a-b-2-detail.html", "a-b-2.html", "a-b-detail.html", "a-b.html",
    ]  # fmt: skip


def test_a_folder_that_holds_something_is_refused(site):
    empty = pd.DataFrame()
    with pytest.raises(EvidenceError, match="holds something; give a folder that is empty"):
        area_site.build(area_site.Tables(table=empty, series=empty), site)


@pytest.mark.slow
def test_the_command_makes_the_site_of_a_file(tmp_path):
    data = area_site.made_up(5).drop(columns="polarity")
    data = data[data["indicator"].isin(["Measure 01", "Measure 02"])]
    data["area"] = data["area"].replace("Authority 0005", "South East")
    data.assign(value=np.round(data["value"], 1)).to_csv(tmp_path / "a.csv", index=False)
    about = "indicator,title,polarity\nMeasure 01,Phonics,High\nMeasure 02,Absence,low\n"
    (tmp_path / "m.csv").write_text(about)
    command = [sys.executable, "-m", "evidence.cli", "areas", f"{tmp_path}/a.csv", "--out",
               f"{tmp_path}/site"]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr == (
        f"evidence: {tmp_path}/a.csv: no indicator says which way is better: give a column "
        "polarity (high, low), or with measures a file that has one\n"
    )
    command += ["--measures", f"{tmp_path}/m.csv", "--only", "Phonics"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{tmp_path}/site: 10 pages; open {tmp_path}/site/index.html\n")
    assert sorted(path.name for path in (tmp_path / "site/measures").iterdir()) == [
        "phonics.html", "phonics.svg",
    ]  # fmt: skip


def test_denominators_of_another_indicator_make_a_funnel_and_their_lack_is_said(tmp_path):
    data = area_site.made_up(6)
    data = data[data["indicator"].isin(["Measure 01", "Measure 02"])]
    sizes = data[data["indicator"] == "Measure 01"].assign(
        indicator="Pupils", value=lambda rows: rows["n"], polarity="", unit=""
    )
    whole = pd.concat([data, sizes]).drop(columns="n")
    whole.to_csv(tmp_path / "a.csv", index=False)
    about = "indicator,denominator\nMeasure 01,{}\nMeasure 02,\n"
    (tmp_path / "m.csv").write_text(about.format("Pupil"))
    with pytest.raises(EvidenceError, match="has no indicator 'Pupil', a denominator; give anoth"):
        area_files.read(tmp_path / "a.csv", tmp_path / "m.csv")
    (tmp_path / "m.csv").write_text(about.format("Pupils"))
    rows = area_files.read(tmp_path / "a.csv", tmp_path / "m.csv")
    found = area_site.areas(rows, n="n", unit="unit", target="target", local="local")
    funnels = {name: one.table for name, one in found.funnels.items()}
    assert list(funnels) == ["Measure 01"]
    shown = area_site.Tables(table=found.table, series=found.series, funnels=funnels)
    area_site.build(shown, tmp_path / "site")
    pages = {path.stem: path.read_text(encoding="utf-8") for path in tmp_path.rglob("*.html")}
    assert "No funnel" not in pages["measure-01"]
    assert "No funnel: how many each share is of is not in the file." in pages["measure-02"]
    assert "No funnel: it is of shares, and this measure is none." in pages["pupils"]
    assert pages["authority-0001-detail"].count("No funnel") == 2
