from __future__ import annotations

import enum
import re
import socket
import sqlite3
import threading
import time as time_module
from array import array
from collections import ChainMap, Counter, namedtuple
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import PurePosixPath
from random import Random
from types import SimpleNamespace
from uuid import UUID

import numpy as np
import polars as pl
import pytest
from refusing import refusal_of

from examples import Leg, Point, Side, Slotted
from stratvars import Vars
from stratvars.capture import Capture
from stratvars.codec import check, encode, jsontext, register
from stratvars.codec.registry import ENCODERS


class Plain:
    pass


class MyStr(str):
    __slots__ = ()


class MyInt(int):
    pass


class MyFloat(float):
    pass


class MyDict(dict[str, int]):
    pass


class MyList(list[int]):
    pass


class MyCounter(Counter[str]):
    pass


class MyBytes(bytes):
    pass


class MyPath(PurePosixPath):
    pass


class MyUUID(UUID):
    pass


class MyDatetime(datetime):
    pass


class MyDecimal(Decimal):
    pass


class MyNumpyFloat(np.float64):
    pass


class Color(enum.Enum):
    RED = 1


class Number(enum.IntEnum):
    ONE = 1


@dataclass
class Unregistered:
    x: int


Pair = namedtuple("Pair", "a b")  # noqa: PYI024 - the untyped kind is refused too
BAD = object()


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (
            Unregistered(1),
            "an Unregistered cannot be stored yet; add `stratvars.register(Unregistered)` after the class",
        ),
        (Color.RED, "a Color cannot be stored yet; add `stratvars.register(Color)` after the class"),
        (Pair(1, 2), "a Pair cannot be stored yet; add `stratvars.register(Pair)` after the class"),
        (Number.ONE, "a Number cannot be stored yet; add `stratvars.register(Number)` after the class"),
        (memoryview(b"x"), "a memoryview cannot be stored; store `bytes(value)` instead"),
        (
            MyDict(),
            (
                "a test_codec_refusals.MyDict cannot be stored; store `dict(value)` instead, or add"
                " `stratvars.register(MyDict, to_state=dict, from_state=MyDict)` after the class"
            ),
        ),
        (
            Plain(),
            (
                "a test_codec_refusals.Plain cannot be stored; store what it holds as numbers, text, lists and dicts,"
                " or add `stratvars.register(Plain, to_state=..., from_state=...)` after the class; or keep it as an"
                " attribute of the strategy, not in its variables"
            ),
        ),
    ],
)
def test_the_problem_names_the_type_and_the_remedy(value: object, problem: str) -> None:
    assert refusal_of(value).problem == problem


@pytest.mark.parametrize(
    ("value", "remedy"),
    [
        (memoryview(b"x"), "`bytes(value)`"),
        (array("d", [1.0]), "`value.tolist()`"),
        (MyDict(), "`stratvars.register(MyDict, to_state=dict, from_state=MyDict)`"),
        (MyCounter(), "`stratvars.register(MyCounter, to_state=Counter, from_state=MyCounter)`"),
        (MyBytes(), "`stratvars.register(MyBytes, to_state=bytes, from_state=MyBytes)`"),
        (MyPath("x"), "`str(value)`"),
        (time_module.gmtime(0), "`tuple(value)`"),
        (ChainMap(), "`dict(value)`"),
        ({}.keys(), "`set(value)`"),
        (MyStr("x"), "`str(value)`"),
        (MyInt(1), "`int(value)`"),
        (MyFloat(1), "`float(value)`"),
        (MyList(), "`list(value)`"),
        (MyDecimal(1), "`Decimal(value)`"),
        (MyNumpyFloat(1), "`float(value)`"),
        (MyDatetime(2024, 1, 1, tzinfo=UTC), "plain `datetime`"),
        (MyUUID(int=1), "`str(value)`"),
        (Leg, "an object of it, or its name"),
        (re.compile("x"), "`value.pattern`"),
        (Random(1), "`value.getstate()`"),
        (SimpleNamespace(a=1), "`vars(value)`"),
        (Ellipsis, "as numbers, text, lists and dicts, or keep it"),
        (ValueError("x"), "`str(error)`"),
        (len, "its name"),
        (lambda: 1, "its name"),
        ([].append, "its name"),
        (enum, "its name"),
        ((x for x in [1]), "`list(value)`"),
        (iter([]), "`list(value)`"),
        (Plain(), "an attribute of the strategy"),
        (threading.Lock(), "an attribute of the strategy"),
        (object(), "an attribute of the strategy"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_cannot_come_back_exactly_is_refused_with_a_remedy(value: object, remedy: str) -> None:
    problem = refusal_of(value).problem
    assert "cannot be stored; store" in problem or "cannot be stored; call" in problem
    assert remedy in problem


@pytest.mark.parametrize(
    ("value", "path"),
    [
        (BAD, "positions"),
        ({"SPY": [0, 1, Leg(1.0, tags=[BAD])]}, "positions['SPY'][2].tags[0]"),
        ([(1, {2: BAD})], "positions[0][1][2]"),
        ({("SPY", 450.0): BAD}, "positions[('SPY', 450.0)]"),
        ({Side.BUY: BAD}, "positions[Side.BUY]"),
        ({"it's": BAD}, 'positions["it\'s"]'),
        ({None: [BAD]}, "positions[None][0]"),
        (Slotted(1, Point(BAD)), "positions.note.x"),
        ({"a": {1, (2, BAD)}}, "positions['a']"),
        ({"a": {BAD: 1}}, "positions['a']"),
        ({"a": {(1, (BAD,)): 1}}, "positions['a']"),
        ([1.0, 2.0, BAD], "positions[2]"),
        (["a", BAD], "positions[1]"),
    ],
)
def test_the_path_reads_as_python(value: object, path: str) -> None:
    error = refusal_of(value, "positions")
    assert error.path == path
    assert str(error) == f"{path}: {error.problem}"


def test_a_path_without_a_name_begins_with_its_first_step() -> None:
    assert refusal_of([BAD], "").path == "[0]"
    assert str(refusal_of(BAD, "")).startswith("an object")


def test_a_refused_key_and_a_refused_element_are_told_from_the_value() -> None:
    assert refusal_of({BAD: 1}).problem.startswith("in a key, an object cannot")
    assert refusal_of({BAD}).problem.startswith("in this set, an object cannot")


def test_the_path_of_a_very_long_or_unprintable_key_is_short() -> None:
    assert len(refusal_of({"k" * 10_000: BAD}).path) < 100
    assert refusal_of({10**5000: BAD}).path == "v[<int>]"
    assert refusal_of({"\x1b[2J\x00": BAD}).path == "v['\\x1b[2J\\x00']"


def test_a_key_whose_repr_fails_is_named_by_its_type() -> None:
    assert refusal_of({Point(_Rude()): 1}).path == "v"
    assert refusal_of({(RudeSide.A,): BAD}).path == "v[<tuple>]"


class _Rude:
    def __repr__(self) -> str:
        raise RuntimeError


@register
class RudeSide(enum.Enum):
    A = 1

    def __repr__(self) -> str:
        raise RuntimeError


def test_a_refusal_does_not_quote_the_value() -> None:
    for value in (memoryview(b"secret"), [MyStr("secret")], {"k": SimpleNamespace(x="secret")}, {MyPath("secret")}):
        assert "secret" not in str(refusal_of(value))


def test_an_attribute_beyond_the_fields_is_refused_because_it_would_be_lost() -> None:
    leg = Leg(1.0)
    leg.note = "x"  # type: ignore[attr-defined]
    error = refusal_of([leg])
    assert error.path == "v[0]"
    assert "an attribute 'note' that is not a field" in error.problem


def test_a_field_without_a_value_is_refused() -> None:
    slotted = Slotted.__new__(Slotted)
    slotted.note = 1
    error = refusal_of([slotted])
    assert error.path == "v[0]"
    assert "the field price of this Slotted has no value" in error.problem


def test_a_field_deleted_from_an_object_has_the_default_of_its_class() -> None:
    leg = Leg(1.0, "put")
    del leg.right
    assert encode(leg) == '{"$dataclass":["Leg",{"strike":1.0,"right":"call","tags":[]}]}'


def test_a_key_that_is_a_subclass_of_str_is_refused() -> None:
    assert "`str(value)`" in refusal_of({MyStr("a"): 1}).problem
    assert "`str(value)`" in refusal_of([MyStr("a")]).problem


def test_what_no_state_could_bring_back_is_not_told_to_be_registered() -> None:
    with closing(sqlite3.connect(":memory:")) as database:
        for value in (threading.Lock(), threading.Thread(), object(), socket.SocketType, database):
            problem = refusal_of(value).problem
            assert "register" not in problem
    assert "keep it as an attribute of the strategy" in refusal_of(threading.Lock()).problem


def test_a_value_whose_own_code_raises_is_held_back_alone() -> None:
    broken = UUID(int=1)
    object.__setattr__(broken, "int", "sk-canary")  # as a library could that knows better
    problem = refusal_of([broken]).problem
    assert re.fullmatch(r"it cannot be stored: its own code raised \w+Error; store what it holds instead", problem)
    variables = Vars({"price": 1, "ids": []})
    variables.ids.append(broken)
    state = Capture(variables, {}).take()
    assert state.texts == {"price": "1"}
    assert list(state.held_back) == ["ids"]
    assert "sk-canary" not in str(state.held_back)


class TooLateError(Exception):
    """What a signal handler of a program raises when an iteration takes too long."""


@pytest.mark.parametrize("look", [encode, check])
def test_what_a_signal_handler_raises_is_not_taken_for_a_fault_of_the_value(
    look: Callable[[object, str], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[object] = []

    def interrupted(value: object, _: int) -> int:
        tries.append(value)
        if len(tries) == 1:
            raise TooLateError
        return 1

    monkeypatch.setitem(ENCODERS, Plain, interrupted)
    with pytest.raises(TooLateError):
        look(Plain(), "v")


def test_memory_that_is_short_is_no_fault_of_a_value(monkeypatch: pytest.MonkeyPatch) -> None:
    def short(*_: object) -> bytes:
        raise MemoryError

    monkeypatch.setattr(jsontext, "write", short)
    with pytest.raises(MemoryError):
        encode([1])


def test_a_class_of_the_script_is_named_as_it_stands_there() -> None:
    plain = type("Position", (), {"__module__": "__main__"})
    assert refusal_of(plain()).problem.startswith("a Position cannot be stored; store what it holds")


def test_a_class_of_a_package_is_registered_after_its_import() -> None:
    assert refusal_of(pl.DataFrame()).problem.startswith("a polars.DataFrame cannot be stored yet; add `stratvars")
    assert refusal_of(pl.DataFrame()).problem.endswith("after the import")


def test_a_class_that_lies_about_its_module_is_refused_like_any_other() -> None:
    assert "a 5.Odd cannot be stored" in refusal_of(type("Odd", (), {"__module__": 5})()).problem
