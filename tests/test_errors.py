import pytest
from IPython.core.interactiveshell import InteractiveShell

from evidence.errors import EvidenceError, shown


def test_a_notebook_shows_the_faults_alone(capsys):
    code = "from evidence.errors import EvidenceError\nraise EvidenceError('a: one', 'a: two')"
    InteractiveShell().run_cell(code)
    said = capsys.readouterr().out
    assert [line for line in said.splitlines() if line.strip()] == [
        "What can be put right:", "a: one", "a: two",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("value", "text"),
    [("a", "'a'"), (None, "None"), (1.5, "1.5"), (True, "True"), ("x" * 99, "a str"),
     ([123456789], "a list"), (EvidenceError("a"), "an EvidenceError")],
)  # fmt: skip
def test_a_message_repeats_short_words_and_numbers_only(value, text):
    assert shown(value) == text
