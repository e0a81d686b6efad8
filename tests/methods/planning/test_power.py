"""Power by formula against PowerUpR, the formulas written out one by one, and simulated trials."""

import json
import math
import re

import numpy as np
import pytest
from scipy import stats

import evidence as ev
from evidence.methods.planning.power import mdes, mdes_by
from evidence.stats import power as formulas

planning = ev.planning
# design: standard error² and df, as printed in Dong and Maynard (2013, Table 1 and appendix)
PRINTED = {
    "IRA": ("(1-R1)/(p*(1-p)*n)", "n-g-2"),
    "BIRA2_constant": ("(1-R1)/(p*(1-p)*J*n)", "J*(n-1)-g-1"),
    "BIRA2_fixed": ("(1-R1)/(p*(1-p)*J*n)", "J*(n-2)-g"),
    "BIRA2_random": ("r2*w2*(1-T2)/J+(1-r2)*(1-R1)/(p*(1-p)*J*n)", "J-g-1"),
    "BIRA3_random": (
        "r3*w3*(1-T3)/K+r2*w2*(1-T2)/(J*K)+(1-r3-r2)*(1-R1)/(p*(1-p)*J*K*n)",
        "K-g-1",
    ),
    "BIRA4_random": (
        "r4*w4*(1-T4)/L+r3*w3*(1-T3)/(K*L)+r2*w2*(1-T2)/(J*K*L)"
        "+(1-r4-r3-r2)*(1-R1)/(p*(1-p)*J*K*L*n)",
        "L-g-1",
    ),
    "CRA2": ("r2*(1-R2)/(p*(1-p)*J)+(1-r2)*(1-R1)/(p*(1-p)*J*n)", "J-g-2"),
    "BCRA3_fixed": ("r2*(1-R2)/(p*(1-p)*J*K)+(1-r2)*(1-R1)/(p*(1-p)*J*K*n)", "K*(J-2)-g"),
    "BCRA3_random": (
        "r3*w3*(1-T3)/K+r2*(1-R2)/(p*(1-p)*J*K)+(1-r3-r2)*(1-R1)/(p*(1-p)*J*K*n)",
        "K-g-1",
    ),
    "BCRA4_random_2": (
        "r4*w4*(1-T4)/L+r3*w3*(1-T3)/(K*L)+r2*(1-R2)/(p*(1-p)*J*K*L)"
        "+(1-r4-r3-r2)*(1-R1)/(p*(1-p)*J*K*L*n)",
        "L-g-1",
    ),
    "CRA3": (
        "r3*(1-R3)/(p*(1-p)*K)+r2*(1-R2)/(p*(1-p)*J*K)+(1-r3-r2)*(1-R1)/(p*(1-p)*J*K*n)",
        "K-g-2",
    ),
    "BCRA4_fixed": (
        "r3*(1-R3)/(p*(1-p)*K*L)+r2*(1-R2)/(p*(1-p)*J*K*L)+(1-r3-r2)*(1-R1)/(p*(1-p)*J*K*L*n)",
        "L*(K-2)-g",
    ),
    "BCRA4_random": (
        "r4*w4*(1-T4)/L+r3*(1-R3)/(p*(1-p)*K*L)+r2*(1-R2)/(p*(1-p)*J*K*L)"
        "+(1-r4-r3-r2)*(1-R1)/(p*(1-p)*J*K*L*n)",
        "L-g-1",
    ),
    "CRA4": (
        "r4*(1-R4)/(p*(1-p)*L)+r3*(1-R3)/(p*(1-p)*K*L)+r2*(1-R2)/(p*(1-p)*J*K*L)"
        "+(1-r4-r3-r2)*(1-R1)/(p*(1-p)*J*K*L*n)",
        "L-g-2",
    ),
}
SHORT = {f"rho{i}": f"r{i}" for i in "234"} | {f"omega{i}": f"w{i}" for i in "234"}
SHORT |= {f"r2_{i}": f"R{i}" for i in "1234"} | {f"r2t{i}": f"T{i}" for i in "234"}


def ours(arguments):
    """Return the symbols of PowerUpR as ours."""
    named = {re.sub(r"^r2([1-4])$", r"r2_\1", key): value for key, value in arguments.items()}
    return {re.sub(r"^g[1-4]$", "g", key): value for key, value in named.items()}


def test_mdes_of_the_72_cases_of_powerupr(shared):
    cases = json.loads((shared / "reference/power_cases.json").read_text())
    assert len({case["design"] for case in cases}) == 18
    for case in cases:
        found = planning.mdes(design=case["design"], **ours(case["arguments"]))
        assert found == pytest.approx(case["mdes"], abs=1e-9)
        assert found.std_error == pytest.approx(case["standard_error"], abs=1e-9)
        if case["df"]:  # PowerUpR's CRA4 does not give it
            assert found.df == pytest.approx(case["df"], abs=1e-9)


@pytest.mark.parametrize(
    ("design", "given", "expected"),
    [
        ("IRA", {"n": 250}, 0.356),
        ("BIRA2_constant", {"n": 15, "J": 20}, 0.325),
        ("BIRA2_fixed", {"n": 15, "J": 20}, 0.325),
        ("BIRA2_random", {"rho2": 0.17, "omega2": 0.5, "n": 15, "J": 20}, 0.366),
        ("CRA2", {"rho2": 0.17, "n": 15, "J": 20}, 0.629),
        ("CRA3", {"rho3": 0.06, "rho2": 0.17, "n": 15, "J": 3, "K": 60}, 0.269),
        (
            "CRA3",
            {
                "rho2": 0.06,
                "rho3": 0.18,
                "g": 1,
                "r2_1": 0.55,
                "r2_2": 0.5,
                "r2_3": 0.45,
                "p": 0.4,
                "n": 10,
                "J": 2,
                "K": 83,
            },
            0.230,
        ),
        ("BCRA3_fixed", {"rho2": 0.1, "n": 20, "J": 44, "K": 5}, 0.145),
        (
            "BCRA3_random",
            {"rho3": 0.13, "rho2": 0.1, "omega3": 0.4, "n": 10, "J": 6, "K": 24},
            0.246,
        ),
    ],
)
def test_mdes_of_published_examples(design, given, expected):
    assert round(planning.mdes(design=design, **given), 3) == expected


@pytest.mark.parametrize(
    ("schools", "expected"),
    [(10, 0.581), (20, 0.375), (41, 0.253), (60, 0.208), (100, 0.160), (172, 0.121)],
)
def test_mdes_of_local_authorities(schools, expected):
    found = planning.mdes(design="CRA2", n=30, J=schools, rho2=0.13, r2_1=0.5, r2_2=0.5, g=1)
    assert round(found, 3) == expected


def drawn(design, rng):
    """Return a random value of every symbol of a main-effect design."""
    needed, with_default = formulas.symbols(design)
    values = {name: int(rng.integers(4, 40)) for name in formulas.sizes(design)}
    values |= {name: rng.uniform(0.01, 0.3) for name in needed if name.startswith("rho")}
    values |= {name: rng.uniform(0.05, 0.9) for name in needed if name.startswith("omega")}
    values |= {name: rng.uniform(0, 0.8) for name in with_default if name.startswith("r2")}
    return values | {"p": rng.uniform(0.2, 0.8), "g": int(rng.integers(0, 2))}


@pytest.mark.parametrize("design", PRINTED)
def test_precision_is_that_of_the_printed_formula(design, rng):
    for _ in range(30):
        values = drawn(design, rng)
        known = {SHORT.get(name, name): value for name, value in values.items()}
        square, df = (eval(text, {}, known) for text in PRINTED[design])
        tails = int(rng.integers(1, 3))
        found = planning.mdes(design=design, two_tailed=tails == 2, alpha=0.02, **values)
        multiple = stats.t.ppf(1 - 0.02 / tails, df) + stats.t.ppf(0.8, df)
        assert (found.df, found.std_error) == pytest.approx((df, math.sqrt(square)), rel=1e-12)
        assert found == pytest.approx(multiple * math.sqrt(square), rel=1e-12)


def test_esv_is_the_effects_variance_itself():
    given = {"design": "BIRA2_random", "rho2": 0.2, "n": 20, "J": 30}
    assert planning.mdes(**given, esv2=0.05) == planning.mdes(**given, omega2=0.25)


def test_rel1_counts_pupils_less():
    given = {"design": "CRA2", "rho2": 0.2, "J": 30}
    found = planning.mdes(**given, n=20, rel1=0.5)
    assert found == pytest.approx(planning.mdes(**given, n=10))


def test_partially_nested_groups_of_one_have_no_groups_effect():
    given = {"design": "CRA2_pn", "n": 20, "J": 30, "ic_size": 1}
    assert planning.mdes(**given, rho_ic=0.3) == planning.mdes(**given)


def test_df_of_partially_nested_designs_can_be_given():
    found = planning.mdes(design="IRA_pn", n=250, rho_ic=0.1, ic_size=5, df=math.inf)
    # Lohr, Schochet and Sanders (2014), example 3.3: a normal test; SE² by hand
    square = (1 - 0.05 + 0.1 * 0.5 * 4) / (250 * 0.25 * 0.9)
    assert found == pytest.approx((1.959964 + 0.841621) * math.sqrt(square), abs=1e-6)


def test_power_is_the_noncentral_t_with_both_tails():
    found = planning.power(design="IRA", n=20, es=0.1)
    # R: pt(qt(.975, 18), 18, .1 / sqrt(.2), lower = FALSE) + pt(-qt(.975, 18), 18, .1 / sqrt(.2))
    assert found == pytest.approx(0.055161292112, abs=1e-9)
    assert planning.power(design="IRA", n=20, es=0) == pytest.approx(0.05)


@pytest.mark.parametrize("design", formulas.DESIGNS)
def test_sample_size_is_the_least_with_which_the_effect_is_found(design, rng):
    needed, _ = formulas.symbols(design)
    sizes = formulas.sizes(design)
    given = {name: 9 if name in sizes else 0.1 for name in needed if name != sizes[-1]}
    found = planning.sample_size(design=design, es=0.3, p=0.4, **given)
    assert isinstance(found, int)
    assert planning.mdes(design=design, p=0.4, **given | {sizes[-1]: found}) <= 0.3
    try:
        fewer = planning.mdes(design=design, p=0.4, **given | {sizes[-1]: found - 1})
    except ev.EvidenceError:  # without df
        fewer = math.inf
    assert fewer > 0.3


def test_sample_size_that_other_sizes_do_not_let_be_reached():
    with pytest.raises(
        ev.EvidenceError, match=r"^sample_size: however large n is, an effect of 0\.1 "
    ):
        planning.sample_size(design="CRA2", es=0.1, rho2=0.2, J=10)


def test_attrition_and_subgroup_take_pupils_and_whole_schools_off():
    found = planning.mdes(
        design="CRA2", n=30, J=41, rho2=0.1, attrition={"n": 0.2, "J": 0.1}, subgroup=0.25
    )
    assert found == planning.mdes(design="CRA2", n=30 * 0.8 * 0.25, J=36, rho2=0.1)
    assert found.values["J"] == 41


def test_binary_outcome_has_the_power_of_simulated_trials(rng):
    chance = planning.power(design="IRA", n=400, p=0.3, es=0.12, control_rate=0.35)
    treated = rng.binomial(120, 0.47, 40_000) / 120
    control = rng.binomial(280, 0.35, 40_000) / 280
    error = np.sqrt(treated * (1 - treated) / 119 + control * (1 - control) / 279)
    simulated = np.mean(np.abs(treated - control) / error > stats.t.ppf(0.975, 398))
    assert chance == pytest.approx(simulated, abs=0.01)
    least = planning.mdes(design="IRA", n=400, p=0.3, control_rate=0.35)
    again = planning.power(design="IRA", n=400, p=0.3, es=float(least), control_rate=0.35)
    assert again == pytest.approx(0.8, abs=0.001)


def test_cheapest_is_the_best_of_all_pairs():
    given = {"design": "CRA2", "rho2": 0.13, "r2_1": 0.5, "r2_2": 0.5}
    pairs = [(n, J) for n in range(1, 41) for J in range(5, 19) if J * (500 + 12 * n) <= 9_000]
    every = {pair: planning.mdes(n=pair[0], J=pair[1], **given) for pair in pairs}
    found = planning.cheapest(cost={"J": 500, "n": 12}, budget=9_000, **given)
    assert found["mdes"] == pytest.approx(min(every.values()))
    assert found["cost"] <= 9_000
    found = planning.cheapest(cost={"J": 500, "n": 12}, es=0.6, **given)
    costs = [J * (500 + 12 * n) for (n, J), least in every.items() if least <= 0.6]
    assert found["cost"] == min(costs)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (
            {"rho": 0.2, "n": 0, "p": 1, "alpha": "x", "attrition": {"q": 0.1}, "two_tailed": 1},
            [
                "alpha is 'x'; a number between 0 and 1 is needed",
                "two_tailed is 1; True or False is needed",
                "attrition: there is no 'q'; allowed: n, J",
                "CRA2: there is no rho=; did you mean 'rho2'?",
                "n is 0; a number from 1 to 1,000,000,000 is needed",
                "p is 1; a number between 0 and 1 is needed",
                "CRA2: J= is needed",
                "CRA2: rho2= is needed",
            ],
        ),
        (
            {"rho2": 0.2, "n": 3, "J": 3, "g": 2},
            [
                "CRA2: n = 3, J = 3 leave -1 degrees of freedom; more units at the top level, or "
                "fewer covariates g, are needed"
            ],
        ),
        (
            {"rho2": 1, "r2_2": 1, "n": 3, "J": 30},
            ["CRA2: no variance is left; an R² below 1 is needed"],
        ),
        (
            {"rho2": 0.1, "n": 3, "J": 30, "power": 0.05},
            ["power is 0.05; more than alpha, 0.05, is needed"],
        ),
    ],
)
def test_mdes_tells_all_faults_at_once(given, expected):
    with pytest.raises(ev.EvidenceError) as caught:
        planning.mdes(design="CRA2", **given)
    assert list(caught.value.faults) == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"esv2": 0.1}, ["BIRA2_random: rho2= is needed"]),
        (
            {"rho2": 0.2, "esv2": 0.1, "omega2": 0.1},
            ["BIRA2_random: give esv2 (with rho above 0) or omega2, not both"],
        ),
        ({"rho2": 0.2}, ["BIRA2_random: omega2= is needed"]),
        (
            {"rho2": 2, "esv2": -1},
            [
                "rho2 is 2; a number from 0 to 1 is needed",
                "esv2 is -1; a number from 0 on is needed",
            ],
        ),
    ],
)
def test_esv_is_given_with_rho_and_instead_of_omega(given, expected):
    with pytest.raises(ev.EvidenceError) as caught:
        planning.mdes(design="BIRA2_random", n=20, J=30, **given)
    assert list(caught.value.faults) == expected


def test_covariates_that_a_partially_nested_design_cannot_count_are_refused():
    with pytest.raises(ev.EvidenceError, match=r"^CRA2_pn: there is no g=; "):
        planning.mdes(design="CRA2_pn", n=20, J=30, g=1)


def test_shares_of_variance_above_one_are_refused():
    with pytest.raises(
        ev.EvidenceError, match=r"^CRA3: shares of variance add up to 1\.2; 1 is all"
    ):
        planning.mdes(design="CRA3", rho2=0.7, rho3=0.5, n=10, J=5, K=20)


NAMES = ("n", "rho2", "alpha", "power", "p", "rel1", "subgroup", "attrition")
ODD = (math.nan, -1, "a", 1e308, True, [1], np.array([1, 2]))
ALL = ("rel1", "subgroup")  # where True is 1, and 1 is all


@pytest.mark.parametrize(
    ("name", "odd"), [(n, odd) for n in NAMES for odd in ODD if not (odd is True and n in ALL)]
)
def test_an_odd_value_is_refused_in_a_line(name, odd):
    given = {"design": "CRA2", "n": 20, "J": 30, "rho2": 0.1} | {name: odd}
    with pytest.raises(ev.EvidenceError, match=rf"^(attrition of )?{name}|^attrition of n"):
        planning.mdes(**given)


def test_an_effect_far_beyond_doubt_is_found():
    assert planning.power(design="IRA", n=10**9, es=5) == 1


@pytest.mark.parametrize("design", formulas.DESIGNS)
def test_many_sizes_at_once_are_each_as_alone(design):
    needed, _ = formulas.symbols(design)
    values = {name: 0.1 if name[:3] == "rho" else 0.5 for name in needed if name not in "nJKL"}
    values |= dict.fromkeys(formulas.sizes(design), 20)
    top = formulas.sizes(design)[-1]
    sizes = np.array([8, 20, 31])
    found = mdes_by(top, sizes, design=design, attrition=0.1, **values)
    alone = [mdes(design=design, attrition=0.1, **values | {top: int(size)}) for size in sizes]
    np.testing.assert_allclose(found, np.array(alone, float), rtol=1e-12)
