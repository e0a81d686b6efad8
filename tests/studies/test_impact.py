"""An impact study's rules: when matched, what where no weights exist, the gap's row."""

import numpy as np
import pandas as pd
import pytest

import evidence as ev
from evidence.errors import EvidenceError

OUTCOME = {
    "name": "maths",
    "title": "Maths",
    "unit": "points",
    "smallest_worthwhile": 1.0,
    "sd": 10.0,
}
PLAN = {
    "programme": "lamp",
    "start": 2018,
    "pupils": "pupils.csv",
    "context": ["fsm"],
    "participation": "participation.csv",
    "outcomes": [OUTCOME],
}


def county(folder, rng, *, schools=80, low=0.0):
    """Write a pupil file of five years and who took part from 2018: those who stood `low`."""
    urn = np.arange(100000, 100000 + schools)
    part = np.arange(schools) < schools // 4
    level, poor = rng.normal(0, 2, schools) - low * part, rng.uniform(0.1, 0.6, schools)
    rows = [
        pd.DataFrame(
            {
                "upn": [f"P{school}{year}{k}" for k in range(per_year)],
                "urn": school,
                "year": year,
                "fsm": (fsm := (rng.random(per_year) < poor[i]).astype(int)),
                "sen": rng.choice(["N", "K"], per_year, p=[0.6, 0.4]),
                "maths": 100 + level[i] - 5 * fsm + rng.normal(0, 8, per_year),
            }
        )
        for i, (school, per_year) in enumerate(zip(urn, rng.integers(8, 20, schools), strict=True))
        for year in range(2015, 2020)
    ]
    pd.concat(rows).to_csv(folder / "pupils.csv", index=False)
    pd.DataFrame({"urn": urn[part], "programme": "lamp", "start": 2018, "end": ""}).to_csv(
        folder / "participation.csv", index=False
    )
    return str(folder)


@pytest.mark.slow
def test_numbers_are_those_of_the_functions_and_the_model_is_fitted_once(tmp_path, rng):
    study = ev.Impact.read(county(tmp_path, rng), PLAN)
    plain = ev.impact.given_past(pd.DataFrame(study.table), **study.primary)
    assert study.estimate().estimate == plain.estimate
    assert study.effects["estimate"].item() == plain.estimate
    did = ev.impact.did(pd.DataFrame(study.table), **study.primary)
    assert study.estimate("did").std_error == did.std_error
    assert study.effects is study.effects


@pytest.mark.slow
def test_schools_of_another_cohort_are_neither_drawn_nor_balanced_as_others(tmp_path, rng):
    data = county(tmp_path, rng)
    spells = pd.read_csv(tmp_path / "participation.csv")
    early = spells["urn"].tail(4).tolist()
    spells["start"] = np.where(spells["urn"].isin(early), 2016, 2018)
    spells.to_csv(tmp_path / "participation.csv", index=False)
    study = ev.Impact.read(data, PLAN)
    for drawn in study.drawn:
        sides = drawn.rows.drop_duplicates("School").groupby("Schools")["School"].nunique()
        assert sides.to_dict() == {"Others": 60, "Taking part": 16}
        assert not drawn.rows["School"].astype("int").isin(early).any()
    assert (study.balance.n_treated, study.balance.n_control) == (16, 60)
    assert not study.before.index.astype("int").isin(early).any()
    assert study.estimates[study.main.name].n_clusters == 80  # which keeps them


@pytest.mark.slow
def test_schools_that_can_be_balanced_are_matched(tmp_path, rng):
    study = ev.Impact.read(county(tmp_path, rng), PLAN)
    assert study.design == "matched"
    assert study.balance.worst() == "ok"
    assert study.strengths["maths"].padlocks <= 3


@pytest.mark.slow
def test_schools_that_no_weights_can_balance_are_weakly_matched_and_the_reader_is_told_why(
    tmp_path, rng
):
    study = ev.Impact.read(county(tmp_path, rng, low=40.0), PLAN)
    assert study.design == "weakly_matched"
    assert (study.balance.to_frame()["effect_size"] == study.balance.to_frame()["before"]).all()
    shown = study.section("who took part")._repr_html_()
    assert "no weighting of the 60 comparison rows has the means of the treated" in shown


@pytest.mark.slow
def test_gap_is_a_row_of_its_own_that_is_not_primary(tmp_path, rng):
    plan = PLAN | {"group": {"sen": "K"}, "gap": True}
    effects = ev.Impact.read(county(tmp_path, rng), plan).effects
    assert list(effects["subgroup"]) == ["all", "gap to other pupils"]
    assert list(effects["primary"]) == [True, False]
    assert "a rise means that the gap closes" in effects["caveats"].iloc[1]
    assert effects["n_pupils"].iloc[0] == effects["n_pupils"].iloc[1]
    without = ev.Impact.read(county(tmp_path, rng), PLAN | {"group": {"sen": "K"}}).effects
    assert list(without["subgroup"]) == ["all"]


@pytest.mark.slow
def test_how_schools_were_chosen_is_said_either_way(tmp_path, rng):
    data = county(tmp_path, rng)
    unknown = ev.Impact.read(data, PLAN).effects["caveats"].item()
    assert "how schools were chosen is not known" in unknown
    chosen = ev.Impact.read(data, PLAN | {"chosen": "chosen by a panel"}).effects
    assert "schools were chosen by a panel" in chosen["caveats"].item()


@pytest.mark.slow
def test_with_shares_the_panel_and_refuses_what_says_what_to_read(tmp_path, rng):
    study = ev.Impact.read(county(tmp_path, rng), PLAN)
    strict = study.with_(threats={"confounding": "high"})
    assert strict.table is study.table
    assert strict.strengths["maths"].padlocks < study.strengths["maths"].padlocks
    with pytest.raises(EvidenceError, match=r"^start says what to read: use Impact.read"):
        study.with_(start=2019)


def test_faults_of_the_plan_are_said_at_once():
    with pytest.raises(EvidenceError) as error:
        ev.Impact.read("", {"outcomes": [OUTCOME], "start": "2018", "group": {"a": 1, "b": 2}})
    message = str(error.value)
    assert message.startswith("plan: 3 faults: ")
    assert "start is '2018'; a whole number is needed" in message
    assert "participation is missing; it is needed" in message
    assert "group is {'a': 1, 'b': 2}; at most one is allowed" in message


def tables(folder, rng, *, years=(2018, 2019, 2022), schools=40):
    """Write key stage 2 tables, and who took part from 2022: the first twelve schools.

    The first became an academy after 2019, and the second of those named is in no table.
    """
    level = rng.normal(65, 8, schools)
    for year in years:
        rows = ["RECTYPE,LEA,ESTAB,URN,SCHNAME,TOTPUPS,TELIG,PTMAT_EXP,PTFSM,PTRWM_EXP_"
                f"{(2019 if year == 2022 else year - 1) % 100:02d}"]  # fmt: skip
        for i in range(schools):
            urn = 200_000 if year == 2022 and not i else 100_000 + i
            score, poor = level[i] + rng.normal(0, 5), rng.uniform(10, 40)
            rows.append(f"1,850,{2000 + i},{urn},S,200,30,{score:.0f}%,{poor:.0f}%,60%")
        (folder / f"ks2_{year}.csv").write_text("\n".join(rows))
    named = [100_000, 999_999, *range(100_002, 100_012)]
    (folder / "who.csv").write_text("URN\n" + "\n".join(map(str, named)))
    return {
        "programme": "boost",
        "start": 2022,
        "ks2": [f"ks2_{year}.csv" for year in years],
        "years": list(years),
        "context": ["PTFSM"],
        "participation": "who.csv",
        "outcomes": [OUTCOME | {"name": "PTMAT_EXP", "unit": "pp"}],
    }


@pytest.mark.slow
def test_cohort_after_years_without_tables_has_a_report(tmp_path, rng):
    study = ev.Impact.read(str(tmp_path), tables(tmp_path, rng))
    assert study.by_year["PTMAT_EXP"].reference == -3
    assert list(study.by_year["PTMAT_EXP"].table["time"]) == [-4, -3, 0]
    assert study.named == [
        "11 of 12 named schools are in the tables; not there: 999999.",
        "Schools with a new URN and the same LA and ESTAB, as an academy has, count as the same "
        "school: 100000 is now 200000.",
    ]
    assert "11 of 12 named schools are in the tables" in study.effects.loc[0, "caveats"]
    assert study.counts("PTMAT_EXP")["n_schools"] == 11
    assert study.named[0] in study.section("who took part").parts
    for question in study.questions:
        study.section(question)
    _, schools = study.drawn
    assert schools.rows["Maths, before"].notna().all()


def test_how_many_named_schools_are_in_the_tables_is_released(tmp_path, rng):
    plan = tables(tmp_path, rng)
    (tmp_path / "who.csv").write_text("LA,ESTAB\n" + "".join(f"850,{2000 + i}\n" for i in range(9)))
    study = ev.Impact.read(str(tmp_path), plan)
    assert study.named[0] == "9 of 9 named schools are in the tables."
    assert "9 of 9 named schools are in the tables;" in study.effects.loc[0, "caveats"]


def test_tables_of_key_stage_4_are_read_in_their_place(tmp_path, rng):
    plan = tables(tmp_path, rng)
    for name in plan["ks2"]:
        text = (tmp_path / name).read_text()
        (tmp_path / name).write_text(text.replace("TELIG", "TPUP").replace("PTMAT_EXP", "ATT8SCR"))
    plan |= {"ks2": [], "ks4": plan["ks2"]}
    plan |= {"outcomes": [OUTCOME | {"name": "ATT8SCR", "unit": "points"}]}
    study = ev.Impact.read(str(tmp_path), plan)
    assert study.counts("ATT8SCR") == {"n_pupils": 330, "n_schools": 11}
    assert study.model(study.main)["covariates"] == ["PTFSM"]
    with pytest.raises(EvidenceError, match="no column TELIG"):
        ev.Impact.read(str(tmp_path), plan | {"ks2": plan["ks4"], "ks4": []})
