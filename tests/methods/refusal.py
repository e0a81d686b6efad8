"""What tests of messages share."""

import pytest

from evidence.errors import EvidenceError


def assert_refused(message, call, *tables, **given):
    with pytest.raises(EvidenceError) as error:
        call(*tables, **given)
    assert str(error.value) == message
