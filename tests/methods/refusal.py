"""What tests of messages share."""

import pytest

from evidence.errors import EvidenceError


def assert_refused(message, call, *tables, **given):
    with pytest.raises(EvidenceError) as error:
        call(*tables, **given)
    assert str(error.value) == message


def refused(call, *positional, **given):
    """Return the line with which a call is refused."""
    with pytest.raises(EvidenceError) as error:
        call(*positional, **given)
    assert "\n" not in str(error.value)
    return str(error.value)
