"""Values that are alike, one in the place of the other: the capture tells each from each."""

from __future__ import annotations

import enum
from array import array
from collections import Counter, OrderedDict, deque
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from examples import Point
from stratvars.capture import Capture
from stratvars.codec import encode
from stratvars.errors import UnsavableError
from stratvars.vars import Vars


class Level(enum.IntEnum):
    LOW = 1


class Word(enum.StrEnum):
    A = "a"


class Text(str):
    __slots__ = ()


class Price(float):
    __slots__ = ()


class Items(list[Any]):
    pass


ALIKE: list[list[Any]] = [
    [1, True, 1.0, Decimal(1), Decimal("1.0"), np.int64(1), np.float64(1), np.True_, Level.LOW, Price(1), 1 + 0j],
    [0, False, 0.0, -0.0, 0j, complex(0, -0.0), complex(-0.0, 0), Decimal("-0")],
    [float("nan"), None, "nan", float("inf"), -float("inf"), "NaN"],
    [
        *(b"\0" * 8, bytearray(8), memoryview(b"\0" * 8), array("d", [0.0]), array("q", [0])),
        *(np.float64(0), np.int64(0), np.zeros(1), np.zeros(8, "u1"), np.zeros((2, 4), "u1"), np.zeros((4, 2), "u1")),
    ],
    [[], (), {}, set(), frozenset(), "", b"", deque(), Counter(), OrderedDict(), None, Items()],
    [[1, 2], (1, 2), [2, 1], [1, 2.0], [True, 2], {1, 2}, frozenset({1, 2}), {1: 2}, Point(1, 2), Items([1, 2])],
    [{"a": 1, "b": 2}, {"b": 2, "a": 1}, OrderedDict(a=1, b=2), Counter(a=1, b=2), [["a", 1], ["b", 2]]],
    [{1: "x"}, {True: "x"}, {1.0: "x"}, {"1": "x"}, {(1,): "x"}, {Level.LOW: "x"}],
    [{"$tuple": [1]}, (1,), '{"$tuple":[1]}', {"$bytes": "AA=="}, b"\0", {"$set": []}, set()],
    ["a", Word.A, Text("a"), b"a", ["a"]],
    ["\ud83d\ude00", "😀", "\\ud83d", "\ud83d"],
    [10**30, float(10**30), str(10**30), -(10**30), 2**2048, float(2**100), 2**100],
]
"""Values that are equal to each other, or that are the same bytes to somebody."""

AROUND: list[Callable[[Any], Any]] = [
    lambda value: [value],
    lambda value: {"k": value},
    lambda value: [1.5, ({"deep": [value]},)],
]


def text_of(value: object) -> str | None:
    try:
        return encode(value, "v")
    except UnsavableError:
        return None


def put(around: Any, value: Any) -> None:
    """Replace the innermost value in place."""
    inner = around[1][0]["deep"] if len(around) > 1 else around
    inner["k" if isinstance(inner, dict) else 0] = value


def check_replacing(around: Any, values: list[Any]) -> None:
    """Put one value after the other into the same object, so that each is met by the short way."""
    capture = Capture(Vars({"v": around}), {})
    for value in values:
        put(around, value)
        expected = text_of(around)
        for _ in range(4):
            state = capture.take()
            assert (expected is None) == ("v" in state.held_back)
            assert expected is None or state.texts["v"] == expected


@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize("alike", ALIKE)
def test_values_that_are_alike_are_told_apart_in_place(around: Callable[[Any], Any], alike: list[Any]) -> None:
    for first in alike:
        for second in alike:
            check_replacing(around(0), [first, second, first])


@pytest.mark.parametrize("alike", ALIKE)
def test_values_that_are_alike_are_told_apart_when_they_are_assigned(alike: list[Any]) -> None:
    storable = [value for value in alike if text_of(value) is not None]
    assert len(storable) > 1
    for first in storable:
        for second in storable:
            variables = Vars()
            capture = Capture(variables, {})
            for value in (first, second, first):
                variables.v = value
                assert [capture.take().texts for _ in range(3)] == [{"v": encode(value)}] * 3
