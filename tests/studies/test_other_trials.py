"""Files of other people's trials: the proposal is right or something is asked or refused."""

import contextlib

import pytest
from other_trials import variants, write

from evidence.data import readers
from evidence.errors import EvidenceError
from evidence.studies.trial import Trial
from evidence.studies.trial_proposal import propose

FILES = {name: rest for name, *rest in variants()}
REFUSED = {
    "second_sheet": "sheet 'About this file' is empty; the data may be on 'Data': name one as ",
    "no_header": "the first row looks like data: the first row must name the columns",
    "missing_2": "column 'post': 12 cells of 192 hold no number (the first is row 6); write a",
    "missing_5": "column 'post': 12 cells of 192 hold no number (the first is row 31); write a",
    "arm_spelled_two_ways": "column 'arm' has arms that differ only in capitals; write each arm",
    "arm_on_first_rows_only": "column 'arm' is blank in 180 rows of 192: write the arm in every",
    "outcome_in_bands": "column 'post' holds two different words; write 1 for the one that is",
    "long": "column 'pupil': 384 rows are of a pupil that has several (first row 2 and row 194)",
}
ASKED = {
    "letters": {"treatment", "outcome", "baseline", "control"},
    "numbers_1_2": {"control"},
    "yes_no": {"treatment", "control"},
    "true_false": {"outcome", "baseline"},
    "camel": {"control"},
    "codes": {"outcome", "baseline", "control"},
    "three_arms": {"arm"},
    "three_arms_pupils": {"arm"},
    "two_subjects": {"outcome", "baseline"},
    "raw_and_standardised": {"outcome"},
    "delayed_post": {"outcome"},
    "arm_as_given_and_received": {"treatment"},
    "urn_and_name": {"school"},
    "schools_by_another_word": {"school"},
    "schools_by_number": {"school"},
    "schools_by_code": {"school"},
    "column_of_controls": {"control"},
    "column_of_controls_in_words": {"treatment", "control"},
    "months": {"outcome", "baseline"},
    "tests_by_year": {"outcome", "baseline"},
    "numbered_words": {"control"},
}


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
def test_a_file_is_proposed_rightly_or_asked_about_or_refused(name, tmp_path):
    table, truth, how = FILES[name]
    path, answers, found = write(tmp_path, name, table, how), {}, None
    refused = pytest.raises(EvidenceError) if name in REFUSED else contextlib.nullcontext()
    with refused as error:
        read = readers.table(path)
        while found is None or found.questions:
            found = propose(read, answers)
            new = {asked.about for asked in found.questions} - answers.keys()
            assert len(new) == len(found.questions) <= 5
            for asked in found.questions:
                assert truth[asked.about] in ("", *asked.candidates)
            answers |= {about: truth[about] or "none" for about in new}
    if name in REFUSED:
        assert REFUSED[name] in str(error.value)
        return
    assert answers.keys() == ASKED.get(name, set())
    got = found.plan | {"outcome": found.plan["outcomes"][0]["name"]}
    assert {key: got[key] for key in truth} == truth


def test_there_are_enough_files_of_all_kinds():
    assert len(FILES) >= 60
    assert {*REFUSED, *ASKED} <= FILES.keys()


def test_arms_called_1_and_2_keep_their_names(tmp_path):
    table, truth, how = FILES["numbers_1_2"]
    answers = {"control": "1"}
    read = readers.table(write(tmp_path, "a", table, how))
    study = Trial.read(read, propose(read, answers).plan)
    assert {study.arms["reference"], study.arms["arm"]} == {"1", "2"}
    assert truth["control"] == "1"
