"""Every rule that a roster can break: one message, with column and rule and no pupil's value."""

import numpy as np
import pandas as pd
import pytest

from evidence import trials
from evidence.errors import EvidenceError
from evidence.methods.trials.roster import one_arm_a_group

GIVEN = {"outcome": "post", "treatment": "arm", "baseline": "pre", "cluster": "school"}


@pytest.fixture
def roster(rng):
    """Return 12 schools of 10 pupils, in pairs, half of them treated."""
    school = np.repeat(np.arange(12), 10)
    pre = rng.normal(100, 15, 120)
    return pd.DataFrame(
        {
            "upn": [f"A{i:05d}" for i in range(120)],
            "school": np.char.add("Sch ", school.astype(str)),
            "pair": school // 2,
            "arm": np.where(school % 2, "Read Aloud", "control"),
            "pre": pre,
            "post": pre + rng.normal(0, 10, 120),
            "tested": "2024-09-10",
            "drawn": "20/09/2024",
        }
    )


def refused(message, data, **given):
    with pytest.raises(EvidenceError) as error:
        trials.check(data, **(GIVEN | given))
    assert str(error.value) == message


@pytest.mark.parametrize("design", [None, "cluster", "paired"])
def test_check_of_a_sound_roster_returns_it(roster, design):
    found = trials.check(
        roster,
        design=design,
        strata="pair",
        pupil="upn",
        baseline_date="tested",
        allocation_date="drawn",
        **GIVEN,
    )
    pd.testing.assert_frame_equal(found, roster)
    assert found is not roster


def test_check_of_pupils_drawn_within_sites_returns_it(roster):
    within = roster.assign(arm=["control", "Read Aloud"] * 60)
    given = {"outcome": "post", "treatment": "arm"}
    assert len(trials.check(within, design="multisite", strata="school", **given)) == 120
    assert len(trials.check(within, design="simple", cluster="school", **given)) == 120
    twins = within.assign(twin=np.arange(120) // 2)
    assert len(trials.check(twins, design="paired", strata="twin", **given)) == 120


def test_check_with_one_cluster_in_an_arm_is_refused(roster):
    few = roster[(roster["arm"] == "control") | (roster["school"] == "Sch 1")]
    refused(
        "column 'school': the treated arm has only one cluster; at least two per arm are needed to "
        "tell the treatment from the cluster",
        few,
    )


def test_check_with_constant_scores_is_refused(roster):
    refused("column 'post' is constant: there is nothing to explain", roster.assign(post=7.0))
    said = "column 'pre' is constant: a baseline must differ between pupils"
    refused(said, roster.assign(pre=7.0))


def test_check_with_a_cluster_in_both_arms_of_a_cluster_trial_is_refused(roster):
    mixed = roster.copy()
    mixed.loc[[23, 24, 57], "arm"] = ["Read Aloud", "Read Aloud", "control"]
    message = (
        "column 'school': 2 of 12 clusters have pupils in more than one arm (3 pupils carry "
        "another arm than the first of the cluster, the first in row 25), but whole clusters were "
        "allocated: correct the arms, or set design='multisite'"
    )
    refused(message, mixed, design="cluster")
    refused(message, mixed, design="paired", strata="pair")
    assert len(trials.check(mixed, **GIVEN)) == 120


def test_check_with_whole_clusters_in_a_pupil_trial_is_refused(roster):
    refused(
        "column 'school': every cluster is in one arm, so clusters were allocated and not pupils: "
        "set design='cluster'",
        roster,
        design="simple",
    )
    refused(
        "column 'school': no site has pupils in more than one arm; if whole sites were drawn, name "
        "them as cluster= and set design='cluster'",
        roster,
        design="multisite",
        strata="school",
        cluster=None,
    )


def test_check_with_broken_pairs_is_refused(roster):
    crossed = roster.assign(
        pair=roster["pair"]
        .mask(roster["school"] == "Sch 5", 3)
        .mask(roster["school"] == "Sch 6", 2)
    )
    refused(
        "column 'pair': 2 of 6 pairs are not one cluster in each of two arms (the first in row "
        "42): correct the pairs, or set design='cluster'",
        crossed,
        design="paired",
        strata="pair",
    )


def test_check_with_an_undeclared_part_of_the_design_is_refused(roster):
    refused("design='cluster' needs cluster=", roster, design="cluster", cluster=None)
    refused("design='multisite' needs strata=", roster, design="multisite")
    refused("design='paired' needs strata=", roster, design="paired")
    refused("design is 'crt'; allowed are simple, cluster, multisite, paired", roster, design="crt")


def test_check_with_a_missing_arm_is_refused(roster):
    holes = roster.copy()
    holes.loc[[4, 9], "arm"] = [None, "  "]
    refused(
        "column 'arm': 2 rows have no arm (the first is row 6); everybody who was assigned needs "
        "one: complete them or leave those rows out",
        holes,
    )


def test_check_with_arms_written_two_ways_is_refused(roster):
    twice = roster.copy()
    twice.loc[3, "arm"] = "Control "
    refused(
        "column 'arm' has arms that differ only in capitals or spaces; write each arm one way",
        twice,
    )


def test_check_with_an_ambiguous_reference_is_refused(roster):
    refused(
        "column 'arm' has 2 arms and none is known to be the control: say which with reference=; "
        "there are Read Aloud, Usual",
        roster.replace({"arm": {"control": "Usual"}}),
    )


def test_check_with_a_pupil_twice_is_refused(roster):
    twice = pd.concat([roster, roster.iloc[[6, 8]]], ignore_index=True)
    refused(
        "column 'upn', row 122: the pupil of row 8 again (2 such rows); keep one row a pupil",
        twice,
        pupil="upn",
    )
    refused(
        "column 'upn': 1 row has no pupil (first: row 7)",
        roster.assign(upn=roster["upn"].where(roster.index != 5)),
        pupil="upn",
    )


def test_check_with_a_score_that_is_no_number_is_refused(roster):
    text = roster.assign(post=roster["post"].astype("str"))
    text.loc[[2, 7], "post"] = "absent"
    refused(
        "column 'post', row 4: not a number (2 such rows); only finite numbers and empty cells are "
        "allowed",
        text,
    )


def test_check_with_baseline_after_allocation_is_refused(roster):
    late = roster.copy()
    late.loc[[10, 11, 12], "tested"] = "2024-09-21"
    dates = {"baseline_date": "tested", "allocation_date": "drawn"}
    message = (
        "column 'tested', row 12: the baseline was measured after allocation, column 'drawn' (3 "
        "such rows); leave that baseline out, or correct the dates"
    )
    refused(message, late, **dates)
    refused(message, late.assign(tested=pd.to_datetime(late["tested"])), **dates)
    refused(
        "column 'drawn', row 2: not a date (120 such rows); write 2024-09-30 or 30/09/2024",
        roster.assign(drawn="autumn"),
        **dates,
    )
    refused(
        "give both baseline_date= and allocation_date=, or neither", roster, baseline_date="tested"
    )


def test_itt_with_one_column_in_two_roles_is_refused(roster):
    refused(
        "column 'post' is given both as outcome and as baseline; name another column for one of "
        "them",
        roster,
        baseline="post",
    )
    refused(
        "column 'arm' is given both as treatment and as covariate; name another column for one of "
        "them",
        roster,
        covariates=["arm"],
    )
    refused(
        "columns 'post' and 'pre' hold the same numbers: a baseline is measured before the start, "
        "the outcome after it",
        roster.assign(pre=roster["post"]),
    )


def test_messages_name_no_value_of_a_pupil(roster):
    secret = roster.assign(post=roster["post"].astype("str"))
    secret.loc[5, "post"] = "Jane Doe"
    twice = pd.concat([roster, roster.iloc[[6]]], ignore_index=True)
    for data, given in ((secret, {}), (twice, {"pupil": "upn"})):
        with pytest.raises(EvidenceError) as error:
            trials.check(data, **(GIVEN | given))
        assert not any(word in str(error.value) for word in ("Jane", "A0000"))


def test_groups_of_one_arm_are_told_from_chance(rng):
    school = np.repeat(np.arange(8), 10)
    data = pd.DataFrame({"school": school, "arm": school % 2, "sex": np.arange(80) % 2})
    data = data.assign(dose=data["arm"] * (1 + np.arange(80) % 5), pupil=np.arange(80))
    assert one_arm_a_group(data, "arm", "school")
    for name in ("sex", "pupil", "dose"):  # a dose has many levels, but the control arm one
        assert not one_arm_a_group(data, "arm", name)
    assert not one_arm_a_group(data.assign(arm=rng.permutation(data["arm"])), "arm", "school")
    assert not one_arm_a_group(data.assign(school=[[1]] * 80), "arm", "school")
