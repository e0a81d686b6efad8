"""The log of the dashboards' server."""

import logging

import pytest

WORD = "pass word&1234"


@pytest.mark.slow  # Voila takes seconds to import
@pytest.mark.parametrize("way", ["message", "parts", "traceback"])
def test_log_holds_neither_the_password_nor_a_guess_of_it(way):
    from evidence.board.app import Line

    said = f"GET /?token=near-miss and {WORD}, /?x&token=pass%20word%261234&y=100%"
    made = ("x", logging.ERROR, "here", 1)
    try:
        raise ValueError(said)
    except ValueError as fault:
        trace = (ValueError, fault, fault.__traceback__)
    record = {
        "message": Line(WORD, *made, said, (), None),
        "parts": Line(WORD, *made, "%s", (said,), None),
        "traceback": Line(WORD, *made, "at it", (), trace),
    }[way]
    text = logging.Formatter().format(record)
    assert "100%" in text
    for word in (WORD, "near-miss", "pass%20word"):
        assert word not in text
