"""The one exception that a user can mend."""


class EvidenceError(ValueError):
    """Something the user can put right.

    The message is one line: what is wrong, where (file, row, column), what is allowed and how
    to mend it. It never holds a pupil's value, so it may be printed, logged and shared.
    """
