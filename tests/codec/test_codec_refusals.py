from __future__ import annotations

import enum
import threading
from collections import Counter, OrderedDict, defaultdict, deque, namedtuple
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from fractions import Fraction
from importlib.resources import files
from pathlib import Path
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from examples import BERLIN, Leg, Point, Side, Slotted

from stratvars.codec import check, encode, register
from stratvars.errors import UnsavableError


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


class Foreign(tzinfo):
    def utcoffset(self, dt: datetime | None) -> timedelta:
        return timedelta(hours=1)

    def dst(self, dt: datetime | None) -> timedelta:
        return timedelta(0)

    def tzname(self, dt: datetime | None) -> str:
        return "foreign"


Pair = namedtuple("Pair", "a b")  # noqa: PYI024 - the untyped kind is refused too


def refusal_of(value: object, name: str = "v") -> UnsavableError:
    with pytest.raises(UnsavableError) as caught:
        encode(value, name)
    with pytest.raises(UnsavableError) as checked:
        check(value, name)
    assert (checked.value.path, checked.value.problem) == (caught.value.path, caught.value.problem)
    return caught.value


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (
            Unregistered(1),
            "an Unregistered cannot be stored yet; add `stratvars.register(Unregistered)` after the class",
        ),
        (Color.RED, "a Color cannot be stored yet; add `stratvars.register(Color)` after the class"),
        (Number.ONE, "a Number cannot be stored yet; add `stratvars.register(Number)` after the class"),
        (np.zeros(2), "a numpy.ndarray cannot be stored; store `value.tolist()` instead"),
        (pd.Timestamp(0), "a pandas.Timestamp cannot be stored; store `value.to_pydatetime()` instead"),
        (frozenset({1}), "a frozenset cannot be stored; store a set, or as a key a sorted tuple, instead"),
        (b"x", "a bytes cannot be stored; store `value.hex()` instead"),
        (OrderedDict(), "a collections.OrderedDict cannot be stored; store `dict(value)` instead"),
    ],
)
def test_the_problem_names_the_type_and_the_remedy(value: object, problem: str) -> None:
    assert refusal_of(value).problem == problem


@pytest.mark.parametrize(
    ("value", "remedy"),
    [
        (bytearray(b"x"), "`value.hex()`"),
        (1j, "`(value.real, value.imag)`"),
        (range(3), "`list(value)`"),
        (deque([1]), "`list(value)`"),
        (defaultdict(int), "`dict(value)`"),
        (Counter("a"), "`dict(value)`"),
        (MyDict(), "`dict(value)`"),
        ({}.keys(), "`set(value)`"),
        (Pair(1, 2), "`tuple(value)`"),
        (MyStr("x"), "`str(value)`"),
        (MyInt(1), "`int(value)`"),
        (MyFloat(1), "`float(value)`"),
        (MyList(), "`list(value)`"),
        (MyDecimal(1), "`Decimal(value)`"),
        (MyNumpyFloat(1), "`float(value)`"),
        (MyDatetime(2024, 1, 1, tzinfo=UTC), "plain `datetime`"),
        (Fraction(1, 2), "`(value.numerator, value.denominator)`"),
        (UUID(int=1), "`str(value)`"),
        (Path("x"), "`str(value)`"),
        (BERLIN, "its name"),
        (UTC, "its name"),
        (Leg, "its name"),
        (ValueError("x"), "`str(error)`"),
        (len, "its name"),
        (lambda: 1, "its name"),
        ([].append, "its name"),
        (enum, "its name"),
        ((x for x in [1]), "`list(value)`"),
        (iter([]), "`list(value)`"),
        (np.void(b"x"), "`value.item()`"),
        (pd.NaT, "None"),
        (pd.NA, "None"),
        (pd.Timedelta(1), "`value.to_pytimedelta()`"),
        (pd.Series([1]), "`value.to_dict()`"),
        (pd.DataFrame({"a": [1]}), '`value.to_dict("records")`'),
        (pd.RangeIndex(2), "`value.tolist()`"),
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
        (b"", "positions"),
        ({"SPY": [0, 1, Leg(1.0, tags=[b""])]}, "positions['SPY'][2].tags[0]"),
        ([(1, {2: b""})], "positions[0][1][2]"),
        ({("SPY", 450.0): b""}, "positions[('SPY', 450.0)]"),
        ({Side.BUY: b""}, "positions[Side.BUY]"),
        ({"it's": b""}, 'positions["it\'s"]'),
        ({None: [b""]}, "positions[None][0]"),
        (Slotted(1, Point(b"")), "positions.note.x"),
        ({"a": {1, (2, b"")}}, "positions['a']"),
        ({"a": {b"": 1}}, "positions['a']"),
        ({"a": {(1, (b"",)): 1}}, "positions['a']"),
        ([1.0, 2.0, b""], "positions[2]"),
        (["a", b""], "positions[1]"),
    ],
)
def test_the_path_reads_as_python(value: object, path: str) -> None:
    error = refusal_of(value, "positions")
    assert error.path == path
    assert str(error) == f"{path}: {error.problem}"


def test_a_path_without_a_name_begins_with_its_first_step() -> None:
    assert refusal_of([b""], "").path == "[0]"
    assert str(refusal_of(b"", "")).startswith("a bytes")


def test_a_refused_key_and_a_refused_element_are_told_from_the_value() -> None:
    assert refusal_of({b"": 1}).problem.startswith("in a key, a bytes cannot")
    assert refusal_of({b""}).problem.startswith("in this set, a bytes cannot")


def test_the_path_of_a_very_long_or_unprintable_key_is_short() -> None:
    assert len(refusal_of({"k" * 10_000: b""}).path) < 100
    assert refusal_of({10**5000: b""}).path == "v[<int>]"
    assert refusal_of({"\x1b[2J\x00": b""}).path == "v['\\x1b[2J\\x00']"


def test_a_key_whose_repr_fails_is_named_by_its_type() -> None:
    assert refusal_of({Point(_Rude()): 1}).path == "v"
    assert refusal_of({(RudeSide.A,): b""}).path == "v[<tuple>]"


class _Rude:
    def __repr__(self) -> str:
        raise RuntimeError


@register
class RudeSide(enum.Enum):
    A = 1

    def __repr__(self) -> str:
        raise RuntimeError


def _no_cache() -> datetime:
    return datetime(2024, 1, 1, tzinfo=ZoneInfo.no_cache("Europe/Berlin"))


def _from_file() -> datetime:
    with files("tzdata").joinpath("zoneinfo", "Europe", "Berlin").open("rb") as file:
        return datetime(2024, 1, 1, tzinfo=ZoneInfo.from_file(file, key="Europe/Berlin"))


class _MyZone(ZoneInfo):
    pass


@pytest.mark.parametrize(
    "moment",
    [
        lambda: datetime(2024, 1, 1, tzinfo=Foreign()),
        lambda: time(9, 30, tzinfo=Foreign()),
        lambda: datetime(2024, 1, 1, tzinfo=_MyZone("Europe/Berlin")),
        _no_cache,
        _from_file,
    ],
)
def test_a_zone_that_would_not_come_back_the_same_is_refused(moment: Callable[[], Any]) -> None:
    error = refusal_of([moment()])
    assert error.path == "v[0]"
    assert "use `zoneinfo.ZoneInfo" in error.problem


def test_a_foreign_zone_is_named() -> None:
    problem = refusal_of(datetime(2024, 1, 1, tzinfo=Foreign())).problem
    assert "a datetime whose tzinfo is a test_codec_refusals.Foreign cannot be stored" in problem


def test_a_refusal_does_not_quote_the_value() -> None:
    for value in (b"secret", [MyStr("secret")], {"k": deque(["secret"])}, {Path("secret")}):
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


def test_a_fixed_offset_is_not_refused_as_foreign() -> None:
    check([datetime(2024, 1, 1, tzinfo=timezone(timedelta(hours=1), "x"))], "v")
