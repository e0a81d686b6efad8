import pytest

from data.test_register import GOOD, write
from evidence.data.file_sets import braces
from evidence.data.register import Register

SETS = """
[files]
county = "sample/ks2_{2015..2017}.csv"
more = ["@county", "own.csv"]
"""


def cohort_files(tmp_path, value, sets=SETS):
    old = '["sample/ks2_2018.csv"]'
    return Register(write(tmp_path, GOOD.replace(old, value) + sets))


@pytest.mark.parametrize(
    ("value", "files"),
    [
        ('"own.csv"', "own.csv"),
        ('["own.csv", "own.csv"]', ["own.csv", "own.csv"]),
        ('"@county"', ["sample/ks2_2015.csv", "sample/ks2_2016.csv", "sample/ks2_2017.csv"]),
        ('["@more", "a_{08..10}.csv"]', ["sample/ks2_2015.csv", "sample/ks2_2016.csv",
         "sample/ks2_2017.csv", "own.csv", "a_08.csv", "a_09.csv", "a_10.csv"]),
        ('"{2019,2022..2023}/ks2.csv"', ["2019/ks2.csv", "2022/ks2.csv", "2023/ks2.csv"]),
        ('"{feedback, texts}.csv"', ["feedback.csv", "texts.csv"]),
        ('["a_{1..1}.csv"]', ["a_1.csv"]),
        ('"draft {2}.csv"', "draft {2}.csv"),
        ("[]", []),
    ],
)  # fmt: skip
def test_files_are_written_out_in_order(tmp_path, value, files):
    (programme,) = cohort_files(tmp_path, value).programmes
    assert programme.cohorts[0].files == {"ks2": files}


@pytest.mark.parametrize(
    ("value", "sets", "messages"),
    [
        ('"@conty"', SETS, ["line 27: ks2: no set of files '@conty'; did you mean '@county'?"]),
        ('"@county"', "", ["line 27: ks2: no set of files '@county'; name it under [files]"]),
        ('["@a", "@b"]', SETS, ["line 27: ks2: no set of files '@a'; allowed: @county, @more",
         "line 27: ks2: no set of files '@b'; allowed: @county, @more"]),
        ("5", "", ["line 27: ks2 must be a file in quotes or a list of them, not 5"]),
        ('["a.csv", 5]', "", ["line 27: ks2 must be a file in quotes or a list of them, not 5"]),
        ('"@a"', '[files]\na = "@b"\nb = ["x.csv", "@a"]\n',
         ["line 30: b: the sets go in a circle: @a, @b, @a"]),
        ('"x.csv"', '[files]\na = "@a"\n', ["line 29: a: the sets go in a circle: @a, @a"]),
        ('"x.csv"', '[files]\nunused = "k_{2019..2015}.csv"\nodd = 3\n',
         ["line 29: unused: the range 2019..2015 counts down; write 2015..2019",
          "line 30: odd must be a file in quotes or a list of them, not 3"]),
        ('"@county"', "[[files]]\n", ["line 27: ks2: no set of files '@county'; name it under "
         "[files]", "line 28: files must be a table of named sets"]),
        ('["a_{1..3}", "a_{2..4}"]', "", ["line 27: ks2: 'a_2' comes in twice", "line 27: ks2: "
         "'a_3' comes in twice"]),
        ('"a_{1..x}"', "", ["line 27: ks2: '1..x' is not a range of whole numbers such as "
         "2015..2019"]),
        ('"a_{1,}"', "", ["line 27: ks2: an empty part in braces; take the extra comma out"]),
        ('"{1..2}_{2..3}"', "", ["line 27: ks2: '{1..2}_{2..3}' has more than one pair of braces; "
         "list what it stands for"]),
        ('"{1..1001}"', "", ["line 27: ks2: the range 1..1001 has more than 1,000 numbers"]),
    ],
)  # fmt: skip
def test_files_that_cannot_be_written_out_are_named_with_their_line(
    tmp_path, value, sets, messages
):
    register = cohort_files(tmp_path, value, sets)
    assert [message for _, message in register.faults] == [
        f"{register.path}, {message}" for message in messages
    ]


def test_braces_leave_an_ordinary_path_as_it_is():
    for path in ("a.csv", "{a}.csv", "a{.csv", "", "2015..2019.csv"):
        assert braces(path) == path
    assert braces("y{8..11}.csv") == ["y8.csv", "y9.csv", "y10.csv", "y11.csv"]
