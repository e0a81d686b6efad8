"""Arguments of public functions: what an annotation names, a message can say."""

from __future__ import annotations

import builtins
import inspect
from collections.abc import Callable

import pandas as pd
import pytest

import evidence as ev
from evidence import synthesis
from evidence.errors import EvidenceError
from evidence.methods.core import arguments

ROOMS = ("trials", "effects", "planning", "matching", "impact", "monitoring", "synthesis")


def functions():
    """Return the public functions of every room, by name."""
    rooms = {room: getattr(ev, room) for room in ROOMS}
    found = {
        f"{room}.{name}": getattr(rooms[room], name) for room in rooms for name in dir(rooms[room])
    }
    return {name: one for name, one in found.items() if inspect.isroutine(one)}


def test_every_kind_that_an_annotation_names_is_one_that_a_value_can_be():
    unknown = set()
    for name, function in functions().items():
        there = vars(builtins) | vars(pd) | inspect.unwrap(function).__globals__
        for parameter in inspect.signature(function).parameters.values():
            for kind in arguments._kinds(parameter):
                if kind not in arguments._SAID and not isinstance(there.get(kind), type):
                    unknown.add(f"{name}, {parameter.name}: {kind}")
    assert unknown == set()
    assert len(functions()) > 60


@pytest.mark.parametrize("function", [synthesis.pool, synthesis.posterior])
def test_only_the_argument_that_is_wrong_is_named(function):
    with pytest.raises(EvidenceError) as error:
        function([0.1, 0.2, 0.3], [0.1, 0.1, 0.2], cluster=5)
    assert str(error.value).startswith("cluster is 5; a list")


def test_a_function_is_an_argument_like_any_other():
    @arguments.explained
    def drawn(rule: Callable[[object], int], number: int) -> int:
        return rule(number) + number

    for given, message in (
        ((len, "a"), "number is 'a'; a whole number is needed"),
        ((5, 2), "rule is 5; a function is needed"),
    ):
        with pytest.raises(EvidenceError) as error:
            drawn(*given)
        assert str(error.value) == message
